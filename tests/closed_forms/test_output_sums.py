"""Additive regressors under noise: against all sums listed, and against draws."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.datasets import load_diabetes
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from sksmooth import SmoothedRegressor
from sksmooth.closed_forms.forms.sums import blur, convolved

X, y = load_diabetes(return_X_y=True, scaled=False)
X = (X - X.mean(axis=0)) / X.std(axis=0)
SIGMA = 0.4


def listed(model, row, sigma):
    """Return all outputs with their probabilities, by the answers in each cell of the inputs."""
    thresholds = [set() for _ in row]
    for tree in (stage[0].tree_ for stage in model.estimators_):
        for node in np.flatnonzero(tree.children_left >= 0):
            thresholds[tree.feature[node]].add(float(tree.threshold[node]))
    points, masses = [], []
    for centre, cuts in zip(row, map(sorted, thresholds), strict=True):
        ends = np.array([-np.inf, *cuts, np.inf])
        inner = np.clip(ends, min(cuts, default=0) - 1, max(cuts, default=0) + 1)
        points.append(0.5 * (inner[1:] + inner[:-1]))
        masses.append(np.diff(norm.cdf(ends, centre, sigma)))
    outputs = model.predict(np.array(list(itertools.product(*points))))
    weights = np.array([np.prod(m) for m in itertools.product(*masses)])
    order = np.argsort(outputs)
    return outputs[order], weights[order]


@pytest.mark.parametrize("seed", range(3))
def test_bounds_are_those_of_all_sums(seed):
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(100, 3))
    target = 50 * np.sign(Z[:, 0]) + 20 * Z[:, 1] + 5 * rng.normal(size=100)
    base = GradientBoostingRegressor(max_depth=1, n_estimators=15, random_state=seed)
    reg = SmoothedRegressor(base, SIGMA, method="exact", random_state=seed).fit(Z, target)
    rows = rng.normal(size=(5, 3))
    radii = (0.0, 0.2, 0.5, 4.0)
    bounds = reg.certify_interval(rows, radii)
    assert bounds.run.form == "additive"
    a_step = 1e-3 * np.ptp(target)  # more than the grid may cost
    ends = float(np.min(target)), float(np.max(target))
    certificate = reg.certify(rows, interval=(-40.0, 55.0))
    for i, row in enumerate(rows):
        outputs, weights = listed(reg.estimator_, row, SIGMA)
        at_most = weights.cumsum()
        at_least = weights[::-1].cumsum()[::-1]
        for j, radius in enumerate(radii):
            tail = norm.sf(radius / SIGMA)
            # the outermost outputs that are no such bounds, in either direction
            high = outputs[(1 - at_most > tail + 1e-9).sum()] if radius < 4 else outputs[-1]
            low = outputs[-1 - (1 - at_least > tail + 1e-9).sum()] if radius < 4 else outputs[0]
            assert high - 1e-6 <= bounds.upper[i, j] <= high + a_step or at_tie(at_most, tail)
            assert low - a_step <= bounds.lower[i, j] <= low + 1e-6 or at_tie(at_least, tail)
        assert bounds.lower[i, 0] <= bounds.prediction[i] <= bounds.upper[i, 0]
        # radii: a little less than those of the probabilities of missing the interval
        miss = max(weights[outputs < -40.0].sum(), weights[outputs > 55.0].sum())
        wide = max(weights[outputs < -40 + a_step].sum(), weights[outputs > 55 - a_step].sum())
        assert certificate.radii[i] <= max(SIGMA * norm.isf(miss), 0.0) + 1e-9
        # tails are known but for the error of the transforms
        assert certificate.radii[i] >= max(SIGMA * norm.isf(wide + 1e-10), 0.0) - 1e-6
    assert ends[0] < ends[1]
    whole = reg.certify(rows, interval=(-1e4, 1e4))
    assert np.all(np.isposinf(whole.radii))  # it cannot leave the range of its sums


def at_tie(sums, tail):
    """Whether a sum is so near to a tail that the last digits decide."""
    return bool(np.min(np.abs(1 - sums - tail)) < 1e-8)


@pytest.mark.parametrize(
    "base",
    [
        HistGradientBoostingRegressor(max_iter=40, interaction_cst="no_interactions"),
        HistGradientBoostingRegressor(
            max_iter=40, interaction_cst="no_interactions", loss="poisson"
        ),
        make_pipeline(StandardScaler(), GradientBoostingRegressor(max_depth=1, n_estimators=40)),
        make_pipeline(
            MinMaxScaler(clip=True), GradientBoostingRegressor(max_depth=1, n_estimators=40)
        ),
    ],
    ids=["squares", "poisson", "scaled", "clipped"],
)
def test_bounds_lie_outside_of_quantiles_of_draws(base):
    reg = SmoothedRegressor(base, SIGMA, method="exact", random_state=0).fit(X, y)
    rows = X[::150]
    bounds = reg.certify_interval(rows, [0.1, 0.4])
    n = 60_000
    rng = np.random.default_rng(0)
    width = norm.isf(1e-6) * np.sqrt(0.25 / n)  # of the error of a share, at six standard errors
    for i, row in enumerate(rows):
        outputs = np.sort(reg.estimator_.predict(row + SIGMA * rng.normal(size=(n, 10))))
        for j, radius in enumerate(bounds.radius):
            tail = norm.sf(radius / SIGMA)
            for share, bound, side in (
                (1 - tail, bounds.upper[i, j], 1),
                (tail, bounds.lower[i, j], -1),
            ):
                below, above = (
                    outputs[int(np.clip((share + sign * width) * n, 0, n - 1))] for sign in (-1, 1)
                )
                assert below - 1e-3 * np.ptp(y) * (side < 0) <= bound
                assert bound <= above + 1e-3 * np.ptp(y) * (side > 0)
        middle = outputs[int((0.5 - width) * n)], outputs[int((0.5 + width) * n)]
        assert middle[0] - 0.5 <= bounds.prediction[i] <= middle[1] + 0.5


def test_other_boosting_has_no_closed_form():
    for base in (
        HistGradientBoostingRegressor(max_iter=20),
        GradientBoostingRegressor(max_depth=2, n_estimators=30),
        GradientBoostingRegressor(max_depth=1, n_estimators=5, init=LinearRegression()),
    ):
        reg = SmoothedRegressor(base, SIGMA, method="exact").fit(X, y)
        with pytest.raises(ValueError, match="has no closed form here"):
            reg.predict(X[:2])


def test_a_model_that_never_splits():
    flat = HistGradientBoostingRegressor(max_iter=2, interaction_cst="no_interactions")
    reg = SmoothedRegressor(flat, SIGMA, method="exact").fit(X, np.full(len(X), 3.0))
    bounds = reg.certify_interval(X[:2], 10.0)
    assert np.allclose([bounds.lower, bounds.upper], 3.0)
    assert np.all(np.isposinf(reg.certify(X[:2], within=1e-6).radii))


def whole(law, length, bits):
    """Return integers with one in each of `length` places of so many bits."""
    digits = bytearray(bits // 8 * length)
    for at, mass in law:
        digits[at * bits // 8 : (at + 1) * bits // 8] = int(mass).to_bytes(bits // 8, "little")
    return int.from_bytes(digits, "little")


@pytest.mark.parametrize(("k", "shape"), [(2, 1.0), (4, 0.02), (6, 0.3)])
def test_the_error_of_the_transform_is_below_its_bound(k, shape):
    """Against products of large integers, which convolve laws of dyadic masses exactly."""
    length, rng = 2**12, np.random.default_rng(k)
    laws, product = [], 1
    bits = 8 * ((50 * k + 64) // 8 + 1)
    for _ in range(k):
        at = np.sort(rng.choice(length // k - 1, 30, replace=False))
        masses = np.floor(rng.dirichlet(np.full(30, shape)) * 2**50).astype(np.int64)
        masses[masses.argmax()] += 2**50 - masses.sum()
        laws.append((at, (masses / 2**50)[None]))
        product *= whole(zip(at, masses, strict=True), length, bits)
    digits = product.to_bytes(bits // 8 * length, "little")
    exact = [
        int.from_bytes(digits[i * bits // 8 : (i + 1) * bits // 8], "little") for i in range(length)
    ]
    assert sum(exact) == 2 ** (50 * k)
    found = convolved(laws, length)[0]
    errors = [
        Fraction(e, 2 ** (50 * k)) - Fraction(float(f)) for e, f in zip(exact, found, strict=True)
    ]
    # the worst sum of some of the masses, in either direction
    worst = max(sum(e for e in errors if e > 0), -sum(e for e in errors if e < 0))
    assert 0 < worst < blur(k, length) < 1e-10


def test_laws_that_sum_to_more_than_one_blur_more():
    """Masses are rounded up, and by much where a row is so large that nothing is known of it."""
    base = GradientBoostingRegressor(max_depth=1, n_estimators=30, random_state=0)
    reg = SmoothedRegressor(base, SIGMA, method="exact", random_state=0).fit(X, y)
    far = X[:2].copy()
    far[1] *= 1e17  # noise is less than the rounding of these numbers
    bounds = reg.certify_interval(far, 0.1)
    answers = reg.estimator_.predict(far)
    assert np.all(bounds.lower[1] <= answers[1])
    assert np.all(bounds.upper[1] >= answers[1])
