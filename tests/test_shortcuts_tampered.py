"""Models that are not as fit leaves them, rows out of the ordinary: predict has the last word."""

import copy
import warnings

import numpy as np
import pytest
import sklearn
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler, StandardScaler
from sklearn.svm import LinearSVC

from sksmooth import SmoothedClassifier
from sksmooth.backends import get_backend
from sksmooth.noise import ExactGaussian
from sksmooth.shortcuts import Problem, simplify

SIGMA = 0.5
X = np.random.default_rng(0).normal(size=(120, 3))
y = np.digitize(X[:, 0] + X[:, 1], [-0.7, 0.7])
BINARY = LogisticRegression().fit(X, y > 0)
TERNARY = LogisticRegression().fit(X, y)


def smoothed(model, shortcuts="auto", sigma=SIGMA, train=X):
    base = FrozenEstimator(copy.deepcopy(model))
    clf = SmoothedClassifier(base, sigma, shortcuts=shortcuts, method="montecarlo", random_state=0)
    return clf.fit(train, model.predict(train))


def both(model, rows=X[:3], n=20_000, **options):
    """Certificates with shortcuts and without."""
    return [smoothed(model, s, **options).certify(rows, n=n) for s in ("auto", None)]


def in_score_space(model, rows, names=("linear",)):
    noise = ExactGaussian(SIGMA, rows.shape[1])
    backend = get_backend(model, model.classes_)
    start = Problem(model, model.classes_, None, backend, rows, noise, np.zeros(len(rows)))
    return simplify(start, names)


def assert_votes_of_predict(model, n=200_000):
    """On so many rows that differences show which a sample of 200 lets pass."""
    rng = np.random.default_rng(1)
    rows = X[rng.integers(len(X), size=n)] + rng.normal(size=(n, 3)) * SIGMA
    found = in_score_space(model, rows)
    if found.taken:
        assert np.array_equal(model.classes_[found.backend.classify(found.X)], model.predict(rows))


def assert_same_distribution(found, plain):
    assert np.array_equal(found.classes, plain.classes)
    for tables in zip(found.counts, plain.counts, strict=True):
        seen = np.array(tables)[:, np.sum(tables, axis=0) > 10]
        assert seen.shape[1] == 1 or stats.chi2_contingency(seen).pvalue > 1e-3


def changed(model, **attributes):
    model = copy.deepcopy(model)
    for name, value in attributes.items():
        setattr(model, name, value)
    return model


# --- models


@pytest.mark.parametrize("model", [BINARY, TERNARY], ids=["2", "3"])
def test_weights_changed_after_fit_are_those_that_count(model):
    other = changed(model, coef_=model.coef_[:, ::-1] * 2, intercept_=model.intercept_ + 0.3)
    found, plain = both(other)
    assert found.shortcut == "linear"
    assert_same_distribution(found, plain)
    clf = smoothed(model)
    before = clf.certify(X[:3], n=20_000)
    clf.estimator_.estimator.coef_ = other.coef_
    clf.estimator_.estimator.intercept_ = other.intercept_
    after = clf.certify(X[:3], n=20_000)
    assert_same_distribution(after, plain)
    assert np.any(np.abs(after.counts - before.counts) > 1000)


@pytest.mark.parametrize("dtype", [np.float32, np.longdouble, object])
def test_weights_of_other_types(dtype):
    found, plain = both(changed(TERNARY, coef_=TERNARY.coef_.astype(dtype)))
    assert_same_distribution(found, plain)


def test_weights_with_one_axis():
    """scikit-learn reads them as those of two classes."""
    found, plain = both(changed(BINARY, coef_=BINARY.coef_[0]))
    assert_same_distribution(found, plain)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e200, 1e308, 1e-200, 5e-324])
@pytest.mark.parametrize("part", ["coef_", "intercept_"])
def test_extreme_weights(part, value):
    array = getattr(BINARY, part).copy()
    array.flat[0] = value
    with np.errstate(all="ignore"):
        found, plain = both(changed(BINARY, **{part: array}), n=5000)
    assert_same_distribution(found, plain)


@pytest.mark.parametrize("factor", [1e-300, 1e-200, 1e-100, 1e100, 1e200, 1e300])
def test_all_weights_of_extreme_size(factor):
    """What scales all scores changes no vote."""
    scaled = changed(TERNARY, coef_=TERNARY.coef_ * factor, intercept_=TERNARY.intercept_ * factor)
    with np.errstate(all="ignore"):
        found, plain = both(scaled, n=5000)
    assert_same_distribution(found, plain)


@pytest.mark.parametrize("factor", [1e160, 1e300])
def test_extreme_weights_warn_no_more_than_in_predict(factor):
    scaled = changed(BINARY, coef_=BINARY.coef_ * factor, intercept_=BINARY.intercept_ * factor)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, plain = both(scaled, n=5000)
    assert_same_distribution(found, plain)


@pytest.mark.parametrize(
    "model", [LogisticRegression(), RandomForestClassifier(3, random_state=0)], ids=repr
)
def test_a_predict_that_is_rarely_another(model):
    """One row in ten thousand gets the other class, by a method of the object's own."""
    model = sklearn.base.clone(model).fit(X, y > 0)
    kind = type(model)
    model.predict = lambda rows: (np.abs(rows[:, 2] - 1) < 2e-4) ^ kind.predict(model, rows)
    rows = X[np.random.default_rng(1).integers(len(X), size=100_000)]
    rows = rows + np.random.default_rng(2).normal(size=rows.shape) * SIGMA
    for shortcut in ("linear", "trees"):
        found = in_score_space(model, rows, [shortcut])
        votes = found.backend.classify(found.X.copy())
        assert np.array_equal(votes, model.predict(rows))


@pytest.mark.parametrize("model", [LogisticRegression(), SGDClassifier(), LinearSVC()], ids=repr)
def test_sparse_weights(model):
    """The documented use of sparsify, after which predict works as before."""
    model.fit(X, y > 0).sparsify()
    found, plain = both(model)
    assert_same_distribution(found, plain)


def test_classes_that_changed_places():
    """Most rows are of the first class, so that a sample of them would not tell."""
    model = changed(TERNARY, intercept_=np.array([4.0, 0.0, 0.0]))
    rows = np.vstack([[[4.0, 4.0, 0.0]], np.full((400, 3), [-9.0, 0.0, 0.0])])
    certificates = []
    for shortcuts in ("auto", None):
        clf = smoothed(model, shortcuts)
        clf.estimator_.estimator.classes_ = model.classes_[[0, 2, 1]]
        certificates.append(clf.certify(rows, n=1000)[0])
    assert_same_distribution(*certificates)


@pytest.mark.parametrize(
    ("scaler", "off"),
    [(StandardScaler(), {"with_std": False}), (RobustScaler(), {"with_scaling": False})],
    ids=repr,
)
def test_scaling_switched_off_after_fit(scaler, off):
    model = make_pipeline(scaler, LogisticRegression()).fit(X, y > 0)
    model[0].scale_ = np.array([1.001, 0.999, 1.0])
    model[0].set_params(**off)
    assert_votes_of_predict(model)


def test_clipped_variances():
    """Below the rounding of 1, scikit-learn takes that for a component's standard deviation."""
    model = make_pipeline(PCA(whiten=True), LogisticRegression()).fit(X, y > 0)
    model[0].explained_variance_ = np.array([1.0, 1.0, 1e-36])
    model[1].coef_ = np.array([[1.0, 0.5, 2e-21]])
    assert_votes_of_predict(model)


def test_components_without_variance():
    """What PCA finds where features depend on each other."""
    rows = X @ np.array([[1.0, 0, 1], [0, 1, 1], [0, 0, 0]])
    model = make_pipeline(PCA(whiten=True), LogisticRegression()).fit(rows, y > 0)
    model[0].explained_variance_[2] = 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, plain = both(model)
    assert_same_distribution(found, plain)


@pytest.mark.parametrize(
    "config", [{"assume_finite": True}, {"enable_cython_pairwise_dist": False}]
)
@pytest.mark.parametrize(
    "model",
    [LogisticRegression(), make_pipeline(StandardScaler(), RandomForestClassifier(5))],
    ids=repr,
)
def test_configurations_of_scikit_learn(model, config):
    model = sklearn.base.clone(model).fit(X, y)
    expected = smoothed(model).certify(X[:3], n=1000)
    with sklearn.config_context(**config):
        found = smoothed(model).certify(X[:3], n=1000)
    assert found.shortcut == expected.shortcut is not None


@pytest.mark.parametrize(
    "model", [LogisticRegression(), make_pipeline(PCA(1), LogisticRegression())], ids=repr
)
@pytest.mark.parametrize("d", [2, 4])
def test_models_of_other_rows(model, d):
    """scikit-learn says best what is wrong."""
    model = sklearn.base.clone(model).fit(X, y)
    rows = np.random.default_rng(0).normal(size=(9, d))
    with pytest.raises(ValueError, match=f"X has {d} features"):
        SmoothedClassifier(FrozenEstimator(model), SIGMA).fit(rows, y[:9]).certify(rows, n=100)


# --- rows and noise


@pytest.mark.parametrize("base", ["plain", "scaled"])
def test_images_have_noise_that_is_not_rounded(base):
    """On a grid of 1/255, a threshold between two levels could be anywhere between them.

    With noise of eight levels that is half of a level, 2.4 % of the votes. In score space there is
    no grid: the votes are those of the model on ideal noise.
    """
    images = np.random.default_rng(0).integers(0, 256, size=(120, 3)) / 255
    images[0] = 100 / 255
    model = changed(BINARY, coef_=np.array([[1.0, 0, 0]]), intercept_=np.array([-100.01 / 255]))
    if base == "scaled":
        scaler = StandardScaler().fit(images)
        model.intercept_ = -scaler.transform(np.full((1, 3), 100.01 / 255))[0, :1]
        model = make_pipeline(scaler, model)
    found, plain = both(model, images[:1], sigma=8 / 255, train=images)
    assert plain.noise.levels == 255
    ideal, rounded = stats.norm.cdf(-0.01 / 8), stats.norm.cdf(-0.5 / 8)
    for certificate, p in ((found, ideal), (plain, rounded)):
        n, k = certificate.n_draws[0], certificate.counts[0, 1]
        assert stats.binomtest(int(k), int(n), p).pvalue > 1e-4
    assert stats.binomtest(int(found.counts[0, 1]), int(found.n_draws[0]), rounded).pvalue < 1e-6


@pytest.mark.parametrize("distance", [1e8, 4e8])
def test_rows_far_away(distance):
    """Nearer than where noise would be lost in rounding; predict can be asked about them."""
    rows = np.array([[distance, 0.0, 0.0], X[0]])
    found, plain = both(BINARY, rows, sigma=1.0)
    assert plain.counts[0].min() == 0
    assert_same_distribution(found, plain)
    nearer = smoothed(BINARY, sigma=1.0).certify(rows[1:], n=20_000)
    assert np.array_equal(nearer.counts, found.counts[1:])


def test_rows_too_far_away_are_refused():
    for shortcuts in ("auto", None):
        with pytest.raises(ValueError, match="too large for noise"):
            smoothed(BINARY, shortcuts).certify(np.array([[1e9, 0.0, 0.0]]), n=100)


def test_memory_order_is_no_matter():
    """pandas hands out columns one after another; a single row lies both ways."""
    rows = np.random.default_rng(0).normal(size=(50, 300))
    model = LogisticRegression().fit(rows, rows[:, 0] > 0)

    def projected(rows):
        found = in_score_space(model, rows)
        return np.column_stack([found.X, found.tv_error])

    expected = projected(rows)
    assert np.array_equal(projected(rows[7:8]), expected[7:8])
    assert np.array_equal(projected(rows[::-1])[::-1], expected)
    assert np.array_equal(projected(np.asfortranarray(rows)), expected)


@pytest.mark.parametrize("sigma", [1e-100, 1e-30, 1e30, 1e100])
@pytest.mark.parametrize("kind", ["linear", "steps+trees"])
def test_any_unit(kind, sigma):
    """Votes are those in any other unit, up to the noise."""
    if kind == "linear":
        model = changed(TERNARY, coef_=TERNARY.coef_ / sigma)
        expected = smoothed(TERNARY, sigma=1.0).certify(X[:3], n=20_000)
        found = smoothed(model, sigma=sigma, train=X * sigma).certify(X[:3] * sigma, n=20_000)
        assert found.shortcut == expected.shortcut == "linear"
        assert_same_distribution(found, expected)
        return
    if sigma > 1e30:
        return  # trees read single precision
    model = make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0))
    model.fit(X * sigma, y)
    found, plain = both(model, X[:3] * sigma, n=2000, sigma=sigma, train=X * sigma)
    assert np.array_equal(found.counts, plain.counts)
