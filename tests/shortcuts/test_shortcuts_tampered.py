"""Models that are not as fit leaves them, rows out of the ordinary: predict has the last word."""

import copy

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
from sksmooth.noise import IntegerGaussian
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


def simplified(model, rows, names=("steps", "trees")):
    noise = IntegerGaussian(SIGMA, rows.shape[1])
    backend = get_backend(model, model.classes_)
    return simplify(Problem(model, model.classes_, None, backend, rows, noise), names)


def assert_votes_of_predict(model, n=200_000):
    """On so many rows that differences show which a sample of 200 lets pass."""
    rng = np.random.default_rng(1)
    rows = X[rng.integers(len(X), size=n)] + rng.normal(size=(n, 3)) * SIGMA
    found = simplified(model, rows)
    assert found.taken
    votes = found.backend.classify(rows.copy())
    assert np.array_equal(model.classes_[votes], model.predict(rows))


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
    votes = simplified(model, rows).backend.classify(rows.copy())
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


@pytest.mark.parametrize(
    "config", [{"assume_finite": True}, {"enable_cython_pairwise_dist": False}]
)
@pytest.mark.parametrize(
    "model",
    [RandomForestClassifier(5), make_pipeline(StandardScaler(), RandomForestClassifier(5))],
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


@pytest.mark.parametrize("sigma", [1e-100, 1e-30, 1e30])
def test_any_unit(sigma):
    model = make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0))
    model.fit(X * sigma, y)
    found, plain = both(model, X[:3] * sigma, n=2000, sigma=sigma, train=X * sigma)
    assert np.array_equal(found.counts, plain.counts)
