"""SmoothedRegressor from fit to certificate: truths that are known, and what changes nothing."""

import pickle

import joblib
import numpy as np
import pytest
from mpmath import mp, mpf
from scipy.stats import norm
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.datasets import load_diabetes
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    HuberRegressor,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVR
from sklearn.tree import DecisionTreeRegressor

from sksmooth import SmoothedRegressor
from sksmooth.closed_forms.outputs import safe_tail

X, y = load_diabetes(return_X_y=True, scaled=False)
X = X / X.std(axis=0)
ROWS = X[::40]


class Function(RegressorMixin, BaseEstimator):
    """Answers a function of the rows, whatever it is fitted on."""

    def __init__(self, f):
        self.f = f

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return self.f(np.asarray(X))


def smoothed(base, sigma=0.5, **options):
    return SmoothedRegressor(base, sigma, **{"random_state": 0, "n": 1000} | options).fit(X, y)


def log(scale=1.0):
    """Return a regressor of the logarithm of the target."""
    transformer = FunctionTransformer(np.log1p, np.expm1, check_inverse=False)
    return TransformedTargetRegressor(Ridge(scale), transformer=transformer)


LINEAR = [
    LinearRegression(),
    HuberRegressor(max_iter=1000),
    SGDRegressor(eta0=1e-3),
    LinearSVR(max_iter=10_000),
    PoissonRegressor(),
    TweedieRegressor(power=0),
    TweedieRegressor(power=1.5),
    make_pipeline(StandardScaler(), Ridge()),
    make_pipeline(MinMaxScaler(), PCA(4, whiten=True), Ridge()),
    make_pipeline(StandardScaler(), log()),
    TransformedTargetRegressor(make_pipeline(PCA(3), Ridge()), transformer=StandardScaler()),
]
SIGMAS = {"one": 0.5, "per feature": [0.5, 0.0, 0.2, 1.0, 3.0, 0.5, 0.5, 0.1, 0.5, 0.5]}


def steepest(base, row, sigma):
    """Return the direction, of length 1 in ``delta / sigma``, in which a monotone function rises.

    By differences of the base's own answers: nothing is read off the model.
    """
    step = 1e-4
    up = row + step * np.diag(sigma)
    down = row - step * np.diag(sigma)
    slope = base.predict(up) - base.predict(down)
    return sigma * slope / np.linalg.norm(slope)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("sigma", SIGMAS)
@pytest.mark.parametrize("base", LINEAR, ids=lambda base: str(base)[:50].replace("\n", ""))
def test_of_a_linear_regressor_bounds_are_its_range(base, sigma):
    """Theory says with equality: the extremes within the ball are attained in one direction."""
    reg = smoothed(base, SIGMAS[sigma], method="exact")
    f = reg.estimator_
    assert np.allclose(reg.predict(ROWS), f.predict(ROWS), rtol=1e-12)
    deviations = np.broadcast_to(SIGMAS[sigma], X.shape[1])
    unit = 0.5 if sigma == "one" else 1.0  # what radii are lengths in
    bounds = reg.certify_interval(ROWS, radius=[0.0, 0.1, 2.0])
    assert (bounds.method, bounds.alpha, bounds.ranks) == ("exact", 0.0, None)
    ends = np.array([steepest(f, row, deviations) for row in ROWS])
    for j, radius in enumerate(bounds.radius):
        low, high = (f.predict(ROWS + sign * radius / unit * ends) for sign in (-1, 1))
        assert np.all(bounds.lower[:, j] <= low + 1e-6 * np.abs(low))
        assert np.all(bounds.upper[:, j] >= high - 1e-6 * np.abs(high))
        assert np.allclose(bounds.lower[:, j], low, rtol=1e-5)
        assert np.allclose(bounds.upper[:, j], high, rtol=1e-5)
    # and the radius at which an end of the band is reached is the band's
    low, high = bounds.lower[:, 2], bounds.upper[:, 2]
    for interval in ((low, high), (low, np.inf), (-np.inf, high)):
        radii = reg.certify(ROWS, interval=interval).radii
        assert np.all(radii <= 2.0 * (1 + 1e-9))
        assert np.allclose(radii, 2.0, rtol=1e-6)
    assert np.all(reg.certify(ROWS, interval=(low, low)).radii == 0)
    assert np.all(np.isposinf(reg.certify(ROWS, interval=(-np.inf, np.inf)).radii))


@pytest.mark.parametrize("base", [LinearRegression(), make_pipeline(StandardScaler(), Ridge())])
def test_rounding_is_outward(base):
    """In 60 digits, around rows far from 0, where floats lose much."""
    far = X + 1e7 * np.arange(10)
    reg = SmoothedRegressor(base, 0.5, random_state=0).fit(far, y)
    *_, model = getattr(reg.estimator_, "steps", [(None, reg.estimator_)])
    scaler = reg.estimator_[0] if len(getattr(reg.estimator_, "steps", ())) else None
    weights = model[1].coef_.tolist()
    bounds = reg.certify_interval(far[:20], 0.3)
    with mp.workdps(60):
        scale = [mpf(v) for v in (np.ones(10) if scaler is None else scaler.scale_)]
        mean = [mpf(v) for v in (np.zeros(10) if scaler is None else scaler.mean_)]
        slope = mp.sqrt(sum((mpf(w) / s) ** 2 for w, s in zip(weights, scale, strict=True)))
        for row, lower, upper in zip(far[:20], *bounds, strict=True):
            parts = zip(weights, row.tolist(), mean, scale, strict=True)
            value = mpf(float(model[1].intercept_)) + sum(
                w * (mpf(x) - m) / s for w, x, m, s in parts
            )
            assert mpf(float(lower)) <= value - mpf(0.3) * slope
            assert mpf(float(upper)) >= value + mpf(0.3) * slope
    answers = reg.estimator_.predict(far[:20])
    assert np.all(bounds.lower <= answers)
    assert np.all(answers <= bounds.upper)


def leaf_masses(tree, rows, sigma):
    """Return the probability of each leaf by integrals over boxes, and the leaves' values."""
    boxes = [(0, np.full(2, -np.inf), np.full(2, np.inf))]
    masses, values = [], []
    while boxes:
        node, low, high = boxes.pop()
        if tree.children_left[node] < 0:
            cdf = norm.cdf((high - rows) / sigma) - norm.cdf((low - rows) / sigma)
            masses.append(cdf.prod(axis=1))
            values.append(tree.value[node, 0, 0])
            continue
        j, at = tree.feature[node], tree.threshold[node]
        less, more = high.copy(), low.copy()
        less[j], more[j] = min(high[j], at), max(low[j], at)
        boxes += [(tree.children_left[node], low, less), (tree.children_right[node], more, high)]
    order = np.argsort(values)
    return np.stack(masses, axis=1)[:, order], np.array(values)[order]


def test_tails_at_distances_are_rounded_down():
    for distance in np.concatenate([np.linspace(0, 36.9, 300), 10.0 ** np.linspace(-9, 0, 50)]):
        with mp.workdps(40):
            tail, exact = mpf(safe_tail(float(distance))), mp.ncdf(-mpf(float(distance)))
            assert exact * (1 - mpf(10) ** -11) < tail < exact
    assert safe_tail(40.0) == 0


@pytest.mark.parametrize("seed", range(4))
def test_of_a_tree_the_law_is_that_of_its_leaves(seed):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(80, 2))
    target = Z[:, 0] + np.sin(3 * Z[:, 1])
    sigma = 0.4
    reg = SmoothedRegressor(DecisionTreeRegressor(max_leaf_nodes=12), sigma, random_state=seed)
    reg.fit(Z, target)
    rows = rng.normal(size=(30, 2))
    masses, values = leaf_masses(reg.estimator_.tree_, rows, sigma)
    at_most = masses.cumsum(axis=1)
    assert np.array_equal(reg.predict(rows), values[(at_most >= 0.5).argmax(axis=1)])
    quantiles = reg.output_quantiles(rows, [0.2, 0.9])
    assert np.array_equal(quantiles[:, 0], values[(at_most >= 0.2).argmax(axis=1)])
    assert np.array_equal(quantiles[:, 1], values[(at_most >= 0.9).argmax(axis=1)])
    for radius in (0.1, 0.5):
        lower, upper = reg.certify_interval(rows, radius)
        p = norm.cdf(radius / sigma)
        assert np.array_equal(upper, values[(at_most >= p).argmax(axis=1)])
        assert np.array_equal(lower, values[(at_most > 1 - p).argmax(axis=1)])
    low, high = values[2], values[8]
    miss = np.maximum(masses[:, :2].sum(axis=1), masses[:, 9:].sum(axis=1))
    radii = reg.certify(rows, interval=(low, high)).radii
    assert np.allclose(radii, np.maximum(sigma * norm.isf(miss), 0.0), atol=1e-9)
    # the tree cannot leave the range of its leaves
    assert np.all(np.isposinf(reg.certify(rows, interval=(values[0], values[-1])).radii))


@pytest.mark.parametrize("base", [Ridge(), DecisionTreeRegressor(max_depth=4)])
def test_draws_agree_with_what_is_computed(base):
    exact = smoothed(base)
    drawn = clone(exact).set_params(method="montecarlo", n=20_000, n_predict=4001).fit(X, y)
    radii = [0.1, 0.5]
    computed, sampled = (reg.certify_interval(ROWS, radii) for reg in (exact, drawn))
    assert (computed.method, sampled.method) == ("exact", "montecarlo")
    assert np.all(sampled.lower <= computed.lower)
    assert np.all(sampled.upper >= computed.upper)
    wider = (sampled.upper - sampled.lower).sum(axis=0)
    assert np.all(wider < 1.35 * (computed.upper - computed.lower).sum(axis=0) + 5)
    intervals = (y[::40] - 60, y[::40] + 60)
    bound = exact.certify(ROWS, interval=intervals).radii
    for options in ({}, {"radius": [0.1, 0.4]}):
        found = drawn.certify(ROWS, interval=intervals, **options)
        assert np.all(found.radii <= bound)
    assert np.corrcoef(drawn.certify(ROWS, interval=intervals).radii, bound)[0, 1] > 0.95
    spread = np.abs(drawn.predict(ROWS) - exact.predict(ROWS))
    assert np.median(spread) < 2.0


def test_a_rising_function_of_the_target_changes_nothing_but_the_numbers():
    rows = ROWS[:4]
    plain = smoothed(Function(lambda X: X[:, 0] - np.abs(X[:, 1])))
    risen = smoothed(Function(lambda X: np.arctan(X[:, 0] - np.abs(X[:, 1]))))
    assert np.array_equal(np.arctan(plain.predict(rows)), risen.predict(rows))
    a, b = (
        reg.certify(rows, interval=ends)
        for reg, ends in (
            (plain, (-1.0, 1.0)),
            (risen, (np.arctan(-1.0), np.arctan(1.0))),
        )
    )
    assert np.array_equal(a.counts, b.counts)
    assert np.array_equal(a.radii, b.radii)


@pytest.mark.parametrize("noise", ["gaussian", "laplace", "uniform"])
def test_no_attack_leaves_the_bounds(noise):
    """The base is a step, the worst there is; its smoothed value is known at every point."""
    base = Function(lambda X: (X[:, 0] > 0).astype(float))
    reg = smoothed(base, 1.0, noise=noise, n=4000)
    row = np.zeros((1, X.shape[1]))
    row[0, 0] = 0.5  # more than half of the outputs are 1, up to a shift of 0.5
    _, radii = reg.certify(row, interval=(1.0, 1.0))
    assert 0.35 < radii[0] < 0.5
    near, far = reg.certify_interval(row, [0.3, 0.6]).lower[0]
    assert (near, far) == (1.0, 0.0)


@pytest.fixture(scope="module")
def forest():
    base = HistGradientBoostingRegressor(max_iter=10)
    return smoothed(base, n=2000, n0=200, n_predict=301, n_augment=2)


def test_what_a_row_gets_depends_on_nothing_but_the_row(forest):
    rows = ROWS[:6]
    whole = forest.certify_interval(rows, 0.3)
    certificate = forest.certify(rows, within=20.0)
    order = [4, 1, 5]
    predictions = forest.predict(rows)
    for options in ({"batch_size": 77}, {"n_jobs": 2}, {}):
        other = pickle.loads(pickle.dumps(forest)).set_params(**options)
        with joblib.parallel_config(backend="threading"):
            part = other.certify_interval(rows[order], 0.3)
            again = other.certify(rows[order], within=20.0)
            assert np.array_equal(other.predict(rows[order]), predictions[order])
        assert np.array_equal(part.lower, whole.lower[order])
        assert np.array_equal(part.upper, whole.upper[order])
        assert np.array_equal(part.prediction, whole.prediction[order])
        assert np.array_equal(again.counts, certificate.counts[order])


def test_groups_of_rows_change_nothing(forest, monkeypatch):
    whole = forest.certify_interval(ROWS[:5], 0.3)
    monkeypatch.setattr("sksmooth.estimators.jobs._GROUP_DRAWS", 4400)
    parts = forest.certify_interval(ROWS[:5], 0.3)
    assert np.array_equal(parts.lower, whole.lower)
    assert np.array_equal(parts.upper, whole.upper)


def test_a_decision_takes_few_draws(forest):
    intervals = (y[::40] - 100, y[::40] + 100)
    measured = forest.certify(ROWS, interval=intervals)
    decided = forest.certify(ROWS, interval=intervals, radius=0.2)
    assert decided.n_draws.mean() < 0.5 * measured.n_draws.mean()
    sure = np.abs(measured.radii - 0.2) > 0.15
    assert np.array_equal((decided.radii >= 0.2)[sure], (measured.radii >= 0.2)[sure])


def test_ends_of_intervals_belong_to_them():
    """Four answers, as likely as each other: just below, at both ends, and just above."""
    answers = np.array([np.nextafter(0.0, -1.0), 0.0, 1.0, np.nextafter(1.0, 2.0)])

    def quarters(rows):
        return answers[np.searchsorted(0.5 * norm.ppf([0.25, 0.5, 0.75]), rows[:, 0])]

    reg = smoothed(Function(quarters), n=4000)
    counts = reg.certify(np.zeros((1, X.shape[1])), interval=(0.0, 1.0)).counts
    assert counts[0] / 4000 == pytest.approx([0.25, 0.5, 0.25], abs=0.04)  # 5 standard errors


def test_results_are_frozen_and_say_what_they_are(forest):
    bounds = forest.certify_interval(ROWS[:3], 0.25)
    lower, upper = bounds
    assert bounds.radius == 0.25
    assert lower.shape == upper.shape == bounds.prediction.shape == (3,)
    assert np.all(bounds.n_draws == 2000)
    assert (
        repr(bounds)
        == "<PredictionBounds of 3 rows: radius=0.25; n=2000, alpha=0.001, sigma=0.5, norm='l2'>"
    )
    certificate = forest.certify(ROWS[:3], within=10.0)
    predictions, radii = certificate
    assert np.allclose(certificate.upper - certificate.lower, 20.0)
    assert np.array_equal(certificate.counts.sum(axis=1), certificate.n_draws)
    assert "seed" not in repr(certificate)
    assert certificate.norm == "l2"
    for array in (lower, upper, predictions, radii):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0


def test_frames_keep_their_index_and_their_names():
    pd = pytest.importorskip("pandas")
    frame = load_diabetes(as_frame=True, scaled=False).data
    frame = frame / frame.std()
    for base in (Ridge(), KNeighborsRegressor()):
        reg = SmoothedRegressor(base, 0.3, n=200, n0=50, random_state=0).fit(frame, y)
        bounds = reg.certify_interval(frame[5:8], 0.1)
        assert isinstance(bounds.index, pd.RangeIndex)
        assert list(bounds.index) == [5, 6, 7]
        assert list(reg.feature_names_in_) == list(frame.columns)
        plain = SmoothedRegressor(base, 0.3, n=200, n0=50, random_state=0).fit(frame.to_numpy(), y)
        assert np.array_equal(
            plain.certify_interval(frame[5:8].to_numpy(), 0.1).lower, bounds.lower
        )
    named = SmoothedRegressor(Ridge(), {"bmi": 0.5, "*": 0.0})
    assert named.fit(frame, y).certify(frame[:2], within=10.0).norm == "l2 of delta / sigma"


def table():
    """Return a frame with text and gaps beside numbers."""
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X[:, :3], columns=["age", "sex", "bmi"])
    frame["ward"] = np.where(X[:, 3] > np.median(X[:, 3]), "north", "south")
    return frame


def test_columns_without_numbers_reach_the_base():
    frame = table()
    encode = make_column_transformer((OneHotEncoder(sparse_output=False), ["ward"]))
    encode.set_params(remainder="passthrough")
    sigma = {"*": 0.5, "ward": 0.0}
    exact, drawn = (
        SmoothedRegressor(make_pipeline(encode, model), sigma, random_state=0, n=1000).fit(frame, y)
        for model in (LinearRegression(), KNeighborsRegressor())
    )
    bounds = exact.certify_interval(frame[:5], 0.5)
    assert bounds.method == "exact"
    base = exact.estimator_
    weights = np.array(
        [
            base.predict(frame[:1].assign(**{name: frame[name][0] + 1.0}))[0]
            for name in ("age", "sex", "bmi")
        ]
    ) - base.predict(frame[:1])
    half = 0.5 * 0.5 * np.linalg.norm(weights)  # radii are in deviations, of 0.5 each
    assert np.allclose(bounds.upper - bounds.prediction, half, rtol=1e-6)
    assert drawn.certify_interval(frame[:2], 0.5).method == "montecarlo"


def test_truth_values_reach_a_tree_that_compares_them_itself():
    frame = table().drop(columns="ward").assign(old=X[:, 0] > np.median(X[:, 0]))
    sigma = {"*": 0.5, "old": 0.0}
    exact = SmoothedRegressor(DecisionTreeRegressor(max_depth=3), sigma, random_state=0)
    drawn = clone(exact).set_params(method="montecarlo", n=4000)
    computed, sampled = (
        reg.fit(frame, y).certify_interval(frame[:9], 0.1) for reg in (exact, drawn)
    )
    assert computed.method == "exact"
    assert np.all(sampled.lower <= computed.lower)
    assert np.all(sampled.upper >= computed.upper)


def test_gaps_are_sampled_or_refused():
    gappy = X.copy()
    gappy[::7, 2] = np.nan
    reg = SmoothedRegressor(
        HistGradientBoostingRegressor(max_iter=5), 0.3, n=200, n0=50, random_state=0
    )
    lower, upper = reg.fit(gappy, y).certify_interval(gappy[:3], 0.1)
    assert np.all(lower <= upper)
    assert np.all(np.isfinite(upper))
    tree = SmoothedRegressor(DecisionTreeRegressor(max_depth=3), 0.3, n=200, n0=50, random_state=0)
    assert tree.fit(gappy, y).certify_interval(gappy[:3], 0.1).method == "montecarlo"
    with pytest.raises(ValueError, match="in fit no value was missing"):
        tree.fit(X, y).certify_interval(gappy[:3], 0.1)


def test_units_are_what_radii_are_lengths_in():
    raw = np.delete(load_diabetes(scaled=False).data, 1, axis=1)  # it has two values only
    reg = SmoothedRegressor(LinearRegression(), 0.5, units="std", random_state=0).fit(raw, y)
    lower, upper = reg.certify_interval(raw[::40], 0.25)
    half = 0.25 * np.linalg.norm(reg.estimator_.coef_ * raw.std(axis=0))
    assert np.allclose(upper - lower, 2 * half, rtol=1e-6)
    _, radii = reg.certify(raw[::40], within=half)
    assert np.allclose(radii, 0.25, rtol=1e-6)


def test_noise_that_is_clipped_is_not_taken_for_normal():
    """A tree knows where clipped inputs are; a linear function of them has no closed form."""
    clip = MinMaxScaler(clip=True)
    assert smoothed(make_pipeline(clip, Ridge()), n=200).certify(ROWS, within=9.0).method == (
        "montecarlo"
    )
    exact = smoothed(make_pipeline(clip, DecisionTreeRegressor(max_depth=4)))
    drawn = clone(exact).set_params(method="montecarlo", n=20_000).fit(X, y)
    computed, sampled = (reg.certify_interval(ROWS, 0.25) for reg in (exact, drawn))
    assert computed.method == "exact"
    assert np.all(sampled.lower <= computed.lower)
    assert np.all(sampled.upper >= computed.upper)


def test_a_search_over_sigma_and_the_base():
    reg = SmoothedRegressor(Ridge(), random_state=0)
    search = GridSearchCV(reg, {"sigma": [0.1, 1.0], "estimator__alpha": [1.0, 100.0]}, cv=2)
    search.fit(X, y)
    assert 0.3 < search.best_score_ < 0.6
    assert search.best_estimator_.certify(ROWS, within=10.0).method == "exact"


def test_noisy_copies_make_a_base_flatter():
    """Least squares on noisy copies shrinks, towards ridge with a penalty of the noise."""
    once, often = (smoothed(LinearRegression(), 1.0, n_augment=k).estimator_ for k in (1, 50))
    centred = X - X.mean(axis=0)
    ridge = np.linalg.solve(centred.T @ centred + len(X) * np.eye(10), centred.T @ (y - y.mean()))
    assert np.linalg.norm(often.coef_ - ridge) < 0.25 * np.linalg.norm(ridge)
    assert np.linalg.norm(once.coef_ - ridge) > np.linalg.norm(often.coef_ - ridge)


def test_a_frozen_base_stays_as_it_is():
    model = Ridge().fit(X, y)
    reg = SmoothedRegressor(FrozenEstimator(model), 0.3, n_augment=3).fit(X[:20], np.zeros(20))
    assert np.array_equal(reg.predict(ROWS), model.predict(ROWS))


def test_weights_reach_the_base():
    weights = np.where(np.arange(len(y)) < 200, 1.0, 1e-9)
    reg = SmoothedRegressor(Ridge(), 1e-6, n_augment=2).fit(X, y, sample_weight=weights)
    few = Ridge().fit(X[:200], y[:200])
    assert np.allclose(reg.predict(ROWS), few.predict(ROWS), rtol=2e-2)


class ReadsItsBatch(Function):
    def predict(self, X):
        return (X[:, 0] - X[:, 0].mean()) / X[:, 0].std()


class OtherRidge(Ridge):
    def predict(self, X):
        return super().predict(X) + 1000 * (np.asarray(X)[:, 0] > 0)


def test_what_a_model_does_not_answer_is_not_read_off_it():
    for base in (OtherRidge(), make_pipeline(StandardScaler(), OtherRidge())):
        assert smoothed(base, n=200).certify(ROWS[:2], within=9.0).method == "montecarlo"
    reg = smoothed(Ridge(), n=200)
    assert reg.certify(ROWS[:2], within=9.0).method == "exact"
    reg.estimator_.predict = lambda X: np.zeros(len(X))
    assert reg.certify(ROWS[:2], within=9.0).method == "montecarlo"
    assert np.all(reg.predict(ROWS) == 0)


BAD = [
    (LogisticRegression(), "estimator must be a regressor; got LogisticRegression"),
    (Function(lambda X: np.full(len(X), np.nan)), "returned NaN for"),
    (Function(lambda X: np.zeros((len(X), 2))), r"expected one real number per row"),
    (Function(lambda X: np.array(["a"] * len(X))), r"expected one real number per row"),
    (ReadsItsBatch(None), "reads its batch"),
]


@pytest.mark.parametrize(("base", "message"), BAD)
def test_bases_that_are_no_regressors_are_refused(base, message):
    with pytest.raises(ValueError, match=message):
        smoothed(base, n=100, n0=50).certify_interval(ROWS[:2], 0.1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "certify needs within="),
        ({"within": 1.0, "interval": (0, 1)}, "and not both"),
        ({"within": -1.0}, "within must be a finite number"),
        ({"within": np.nan}, "within must be a finite number"),
        ({"within": True}, "within must be a finite number"),
        ({"interval": (1, 0)}, "lower <= upper"),
        ({"interval": (np.nan, 0)}, "lower <= upper"),
        ({"interval": 3}, "interval must be a pair"),
        ({"interval": (np.zeros(3), 1)}, "one lower and one upper end for each row"),
        ({"interval": (np.zeros(99), 1)}, "one lower and one upper end for each row"),
        ({"within": 1.0, "radius": -1}, "radius must be 0 or more"),
        ({"within": 1.0, "n": 0}, "n must be at least 1"),
        ({"within": 1.0, "alpha": 2}, "alpha, the probability"),
    ],
)
@pytest.mark.parametrize("method", ["exact", "montecarlo"])
def test_bad_arguments_say_what_to_do(arguments, message, method):
    with pytest.raises(ValueError, match=message):
        smoothed(Ridge(), method=method, n=50, n0=20).certify(ROWS, **arguments)


def test_more_refusals():
    reg = smoothed(Ridge())
    with pytest.raises(ValueError, match="q must be a number between 0 and 1"):
        reg.output_quantiles(ROWS, 1.0)
    with pytest.raises(ValueError, match="y must be numbers for a regressor"):
        SmoothedRegressor(Ridge()).fit(X, np.where(y > 100, "high", "low"))
    with pytest.raises(ValueError, match="linear regressors"):
        smoothed(KNeighborsRegressor(), method="exact").predict(ROWS)


def test_bounds_that_no_draws_give_are_warned_of():
    reg = smoothed(KNeighborsRegressor(), n=100, n0=50)
    with pytest.warns(UserWarning, match="All bounds at radius=2 are infinite.*0.7"):
        lower, _ = reg.certify_interval(ROWS[:2], 2.0)
    assert np.all(np.isneginf(lower))
    with pytest.warns(UserWarning, match="No row can be certified at 2"):
        radii = reg.certify(ROWS[:2], within=500.0, radius=2.0).radii
    assert np.all(radii < 2.0)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost"])
def test_regressors_of_other_libraries(library):
    module = pytest.importorskip(library)
    base = {
        "xgboost": lambda: module.XGBRegressor(n_estimators=10),
        "lightgbm": lambda: module.LGBMRegressor(n_estimators=10, verbose=-1, n_jobs=1),
        "catboost": lambda: module.CatBoostRegressor(
            iterations=10, verbose=0, allow_writing_files=False
        ),
    }[library]()
    reg = smoothed(base, n=300, n0=50, n_predict=51, n_augment=2)
    lower, upper = reg.certify_interval(ROWS[:3], 0.2)
    assert np.all(lower < upper)
    assert reg.score(X, y) > 0.2


def test_a_net():
    torch = pytest.importorskip("torch")
    skorch = pytest.importorskip("skorch")
    net = skorch.NeuralNetRegressor(
        torch.nn.Linear, module__in_features=10, module__out_features=1, lr=0.05, max_epochs=10
    )
    net.set_params(verbose=0, train_split=None, batch_size=1000)
    target = ((y - y.mean()) / y.std()).astype(np.float32)
    for rows in (X.astype(np.float32), X):  # the net's own precision is float32
        reg = SmoothedRegressor(net, 0.5, n=1000, n0=100, n_predict=31, random_state=0)
        reg.fit(rows - rows.mean(axis=0), target)
        bounds = reg.certify_interval(rows[:3] - rows.mean(axis=0), 0.25)
        weights = reg.estimator_.module_.weight.detach().numpy()[0]
        half = 0.25 * np.linalg.norm(weights)  # of a linear function, exactly
        middle = np.ravel(reg.estimator_.predict((rows[:3] - rows.mean(axis=0)).astype("float32")))
        assert np.all(bounds.lower <= middle - half)
        assert np.all(bounds.upper >= middle + half)
        assert np.all(bounds.upper - bounds.lower < 3 * half + 0.1)
        assert reg.score(rows[:60] - rows.mean(axis=0), target[:60]) > 0.2
