"""Linear models in the space of their scores: noise on fewer values, and the same votes."""

import warnings

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    PassiveAggressiveClassifier,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.svm import SVC, LinearSVC

from sksmooth import SmoothedClassifier
from sksmooth.backends import get_backend
from sksmooth.bounds import clopper_pearson
from sksmooth.models.linear import LINEAR_MODELS
from sksmooth.noise import ExactGaussian, Gaussian
from sksmooth.shortcuts import Problem, simplify

SIGMA = 0.5


def data(k, d, offset=0.0):
    """Overlapping classes, with features of different scale."""
    rng = np.random.default_rng(0)
    y = np.arange(240) % k
    X = rng.normal(size=(k, d))[y] * 1.5 + rng.normal(size=(240, d))
    X -= X.mean(axis=0)
    return X * np.linspace(0.3, 4, d) + offset * np.linspace(4, -1, d), y


def fitted(model, X, y):
    seeds = [name for name in model.get_params() if name.endswith("random_state")]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # convergence; deprecations that are scikit-learn's own
        model = clone(model).set_params(**dict.fromkeys(seeds, 0))
        return model.fit(X, y)


def noisy(X, n=4000):
    rng = np.random.default_rng(1)
    return X[rng.integers(len(X), size=n)] + rng.normal(size=(n, X.shape[1])) * SIGMA


def in_score_space(model, rows, noise=None, answers=None):
    answers = model.classes_ if answers is None else answers
    noise = ExactGaussian(SIGMA, rows.shape[1]) if noise is None else noise
    backend = get_backend(model, answers)
    start = Problem(model, answers, None, backend, rows, noise, np.zeros(len(rows)))
    return simplify(start, ["linear"])


def assert_votes_of_predict(model, rows):
    found = in_score_space(model, rows)
    assert found.taken == ("linear",)
    votes = model.classes_[found.backend.classify(found.X)]
    assert np.array_equal(votes, model.predict(rows))
    assert len(np.unique(votes)) > 1 or rows.shape[1] < 3  # a line may miss all rows of a plane
    return found


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    MODELS = [
        LinearDiscriminantAnalysis(),
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
        LinearSVC(),
        LinearSVC(multi_class="crammer_singer", fit_intercept=False),
        LogisticRegression(),
        LogisticRegression(fit_intercept=False, solver="newton-cg"),
        LogisticRegression(solver="saga", l1_ratio=1.0, penalty="elasticnet"),
        LogisticRegressionCV(Cs=2, cv=2),
        PassiveAggressiveClassifier(),
        Perceptron(),
        Perceptron(fit_intercept=False, penalty="l1"),
        RidgeClassifier(),
        RidgeClassifier(fit_intercept=False, class_weight="balanced"),
        RidgeClassifierCV(),
        SGDClassifier(average=True),
        SGDClassifier(loss="modified_huber", fit_intercept=False),
    ]


def test_all_models_are_looked_at():
    assert {type(model) for model in MODELS} == set(LINEAR_MODELS)


@pytest.mark.parametrize(("k", "d"), [(2, 1), (2, 7), (3, 2), (4, 9), (7, 3)])
@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_models(model, k, d):
    X, y = data(k, d)
    model = fitted(model, X, np.array(list("zyxwvutsr"))[y])
    found = assert_votes_of_predict(model, noisy(X))
    assert found.X.shape[1] <= min(k - 1, d)
    assert found.noise.n_values == found.X.shape[1]


CHAINS = {
    "standard": [StandardScaler()],
    "standard, not centred": [StandardScaler(with_mean=False)],
    "standard, not scaled": [StandardScaler(with_std=False)],
    "min max": [MinMaxScaler((-1, 3))],
    "max abs": [MaxAbsScaler()],
    "robust": [RobustScaler()],
    "robust, not centred": [RobustScaler(with_centering=False)],
    "robust, not scaled": [RobustScaler(with_scaling=False)],
    "nothing": ["passthrough", None],
    "PCA": [PCA(3)],
    "whitening": [PCA(whiten=True)],
    "few components": [PCA(2, whiten=True)],
    "scaled PCA": [StandardScaler(), PCA(3)],
    "PCA, scaled": [PCA(3), MinMaxScaler()],
    "in between": [RobustScaler(), PCA(4), "passthrough", StandardScaler()],
    "twice": [PCA(4, whiten=True), MinMaxScaler((2, 3)), PCA(3), MaxAbsScaler()],
    "scalers": [MaxAbsScaler(), MinMaxScaler(), StandardScaler(), RobustScaler()],
    "frozen": [FrozenEstimator(StandardScaler().fit(data(3, 5, offset=5.0)[0])), PCA(3)],
}


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("name", CHAINS)
def test_steps(name, k):
    X, y = data(k, 5, offset=5.0)
    steps = [(f"{i}", step) for i, step in enumerate(CHAINS[name])]
    model = fitted(Pipeline([*steps, ("model", LogisticRegression())]), X, y)
    assert_votes_of_predict(model, noisy(X))
    inner = Pipeline([*model.steps[1:-1], ("model", FrozenEstimator(model[-1]))])
    nested = FrozenEstimator(FrozenEstimator(Pipeline([model.steps[0], ("rest", inner)])))
    assert_votes_of_predict(nested, noisy(X))


def with_weights(weights, offsets):
    """A classifier with these scores; one weight vector makes two classes."""
    model = LogisticRegression()
    model.coef_, model.intercept_ = np.atleast_2d(weights), np.atleast_1d(offsets)
    model.classes_ = np.arange(max(2, len(model.coef_)))
    model.n_features_in_ = model.coef_.shape[1]
    return model


def random_weights(k, d, seed=0):
    return np.random.default_rng(seed).normal(size=(k, d))


SPECIAL = {
    "one feature": (np.eye(1, 6, 2), [0.1], 1),
    "sparse": (random_weights(5, 6) * (random_weights(5, 6, seed=1) > 0.5), np.zeros(5), 4),
    "one class at zero": (random_weights(4, 6) * [[0], [1], [1], [1]], np.ones(4), 3),
    "parallel": (np.outer([-3, -1, 0.5, 2], random_weights(1, 6)[0]), [-3, 1, 0.5, -1], 1),
    "in a plane": (random_weights(6, 2) @ random_weights(2, 6), np.zeros(6), 2),
    "simplex": (np.eye(6), np.zeros(6), 5),
    "shifted simplex": (np.eye(6) + 10, np.zeros(6), 5),
    "tiny": (random_weights(3, 6) * 1e-150, np.zeros(3), 2),
    "huge": (random_weights(3, 6) * 1e150, np.zeros(3), 2),
    "of two sizes": (random_weights(3, 6) * [[1], [1], [1e-3]], np.zeros(3), 2),
    "single precision": (random_weights(3, 6).astype(np.float32), np.zeros(3, np.float32), 2),
    "whole numbers": (np.array([[1, 0, -2, 0, 0, 3]]), np.array([-1]), 1),
    "objects": (random_weights(1, 6).astype(object), np.zeros(1), 1),
    "100 classes": (random_weights(100, 4, seed=2), np.zeros(100), 4),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_special_weights(name):
    weights, offsets, rank = SPECIAL[name]
    model = with_weights(weights, offsets)
    rows = np.random.default_rng(1).normal(size=(4000, weights.shape[1])) * 3
    found = assert_votes_of_predict(model, rows)
    assert found.X.shape == (4000, rank)


def test_exact_ties_are_for_the_first_class():
    """As in predict; offsets alone decide at the origin, without rounding."""
    origin = np.zeros((1, 4))
    for offsets, first in (([0, 0, 0], 0), ([-1, 2, 2], 1), ([2, 3, 3], 1), ([1, 0, 1], 0)):
        model = with_weights(random_weights(3, 4), np.array(offsets, float))
        found = in_score_space(model, origin)
        assert found.backend.classify(found.X).tolist() == [first] == model.predict(origin).tolist()
    model = with_weights(random_weights(1, 4), [0.0])
    found = in_score_space(model, origin)
    assert found.backend.classify(found.X).tolist() == [0] == model.predict(origin).tolist()


@pytest.mark.parametrize("name", SPECIAL)
def test_scores_have_the_covariance_of_projected_noise(name):
    r"""With weights W' in the basis, W' W'^T = W W^T, up to what all classes have in common."""
    weights, offsets, _ = SPECIAL[name]
    rows = np.random.default_rng(1).normal(size=(300, weights.shape[1]))
    found = in_score_space(with_weights(weights, offsets), rows)
    inner = found.backend.weights.astype(np.longdouble)
    weights = np.asarray(weights, dtype=np.longdouble)
    weights = np.vstack([0 * weights, weights]) if len(weights) == 1 else weights
    between = weights - weights[0]
    expected, got = between @ between.T, (inner - inner[0]) @ (inner - inner[0]).T
    assert np.allclose(got, expected, rtol=0, atol=1e-13 * np.abs(weights).max() ** 2 * len(rows.T))
    # and rows have the scores that they had
    scores = found.X.astype(np.longdouble) @ (inner - inner[0]).T
    assert np.allclose(scores, rows @ between.T, rtol=0, atol=1e-12 * np.abs(weights).max())


@pytest.mark.parametrize(
    ("weights", "offsets"),
    [
        (np.zeros((1, 4)), np.ones(1)),
        (np.ones((3, 4)), np.arange(3.0)),
        ([[1, 0, 0, 1], [0, 1, 0, 0], [1, 0, 0, 1]], np.zeros(3)),
        (random_weights(101, 4), np.zeros(101)),
        (random_weights(1, 4) * np.nan, np.zeros(1)),
        (random_weights(1, 4), [np.nan]),
        (random_weights(1, 4), [np.inf]),
        (random_weights(1, 4) * 1e-200, np.zeros(1)),
    ],
    ids=["zero", "all alike", "two alike", "many", "nan", "nan offset", "inf offset", "tiniest"],
)
def test_weights_that_are_left_to_predict(weights, offsets):
    model = with_weights(np.asarray(weights, float), offsets)
    assert in_score_space(model, np.ones((5, 4))).taken == ()


@pytest.mark.parametrize(
    "model",
    [
        OneVsRestClassifier(LogisticRegression()),
        SVC(kernel="linear"),
        type("Child", (LogisticRegression,), {})(),
        make_pipeline(TruncatedSVD(2), LogisticRegression()),
        make_pipeline(MinMaxScaler(clip=True), LogisticRegression()),
        make_pipeline(StandardScaler(), SVC()),
        make_pipeline(type("Child", (PCA,), {})(2), LogisticRegression()),
        make_pipeline(make_pipeline(TruncatedSVD(2)), LogisticRegression()),
    ],
    ids=repr,
)
def test_other_models_are_left_to_predict(model):
    X, y = data(3, 4)
    assert in_score_space(fitted(model, X, y), X).taken == ()


def test_other_rows_and_noise_are_left_to_predict():
    X, y = data(3, 4)
    model = fitted(LogisticRegression(), X, y)
    assert in_score_space(model, X).taken == ("linear",)
    assert in_score_space(model, X.astype(np.float32)).taken == ()
    other = type("Laplace", (), {"sigma": SIGMA, "sound": True})()
    assert in_score_space(model, X, noise=other).taken == ()
    floating = in_score_space(model, X, noise=Gaussian(SIGMA))
    assert floating.taken == ("linear",)
    assert type(floating.noise) is Gaussian


def test_answers_in_another_order_are_left_to_predict():
    """Equal scores are for the first of the model's classes."""
    X, y = data(3, 4)
    model = fitted(LogisticRegression(), X, y)
    for order in ([2, 1, 0], [1, 2, 0], [0, 2, 1]):
        assert in_score_space(model, X, answers=np.array(order)).taken == ()
    assert in_score_space(model, X, answers=np.arange(4)).taken == ()


def test_a_replaced_predict_is_asked():
    X, y = data(2, 4)
    model = fitted(LogisticRegression(), X, y)
    model.predict = lambda X: 1 - LogisticRegression.predict(model, X)
    assert in_score_space(model, X).taken == ()


def smoothed(model, X, y, shortcuts="auto", **options):
    clf = SmoothedClassifier(model, SIGMA, shortcuts=shortcuts, method="montecarlo", random_state=0)
    return clf.set_params(**options).fit(X, y)


def test_classes_that_the_rows_lack():
    X, y = data(4, 5)
    model = FrozenEstimator(fitted(LogisticRegression(), X, np.array(["a", "b", "c", "d"])[y]))
    some = X[y % 2 == 1][:20]
    labels = np.array(["b", "d"])[np.arange(20) % 2]
    fast, plain = (smoothed(model, some, labels, s).certify(X[:20], n=2000) for s in ("auto", None))
    assert (fast.shortcut, plain.shortcut) == ("linear", None)
    assert fast.classes.tolist() == plain.classes.tolist() == list("abcd")
    assert np.abs(fast.counts - plain.counts).max() < 5 * np.sqrt(2 * 2000 / 4)
    assert np.mean(fast.labels == plain.labels) > 0.7


def test_frames():
    pd = pytest.importorskip("pandas")
    X, y = data(3, 4)
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = make_pipeline(StandardScaler(), PCA(3), LogisticRegression())
    for base in (model, model.set_output(transform="pandas")):
        found = smoothed(clone(base), frame, y).certify(frame[:10], n=1000)
        assert found.shortcut == "linear"
        with_arrays = smoothed(clone(base), X, y).certify(X[:10], n=1000)
        assert np.array_equal(found.counts, with_arrays.counts)


# --- distribution


@pytest.mark.parametrize(
    ("noise", "stream"), [("exact", "philox"), ("exact", "shake128"), ("float", "philox")]
)
def test_two_classes_have_the_exact_probability(noise, stream):
    X, y = data(2, 6)
    model = fitted(make_pipeline(StandardScaler(), PCA(4), RidgeClassifier()), X, y)
    score = model.decision_function
    slope = score(np.eye(6)) - score(np.zeros((1, 6)))
    rows = X[np.argsort(np.abs(score(X)))[[0, 40, 90, 150]]]
    p = stats.norm.cdf(score(rows) / (SIGMA * np.linalg.norm(slope)))
    assert p.min() < 0.3
    assert p.max() > 0.7
    n = 1_000_000
    clf = smoothed(FrozenEstimator(model), X, y, noise=noise, stream=stream)
    certificate = clf.certify(rows, n=n)
    assert certificate.shortcut == "linear"
    for votes, chance in zip(certificate.counts[:, 1], p, strict=True):
        assert stats.binomtest(int(votes), n, chance).pvalue > 1e-3


@pytest.mark.parametrize(("k", "d"), [(3, 2), (3, 8), (4, 5)])
def test_several_classes_have_the_exact_probability(k, d):
    """The chance of a class is that of a multivariate normal's margins to be all positive."""
    X, y = data(k, d)
    model = fitted(make_pipeline(MinMaxScaler(), LinearDiscriminantAnalysis()), X, y)
    score = model.decision_function
    slopes = (score(np.eye(d)) - score(np.zeros((1, d)))).T
    best, second = np.sort(score(X), axis=1)[:, :-3:-1].T
    rows, n = X[np.argsort(best - second)[:60:20]], 200_000
    certificate = smoothed(FrozenEstimator(model), X, y).certify(rows, n=n)
    assert certificate.shortcut == "linear"
    for scores, votes in zip(score(rows), certificate.counts, strict=True):
        for i in range(k):
            others = np.arange(k) != i
            between = SIGMA * (slopes[i] - slopes[others])
            margins = stats.multivariate_normal(cov=between @ between.T, seed=0)
            chance = margins.cdf(scores[i] - scores[others])
            assert chance < 0.99
            assert stats.binomtest(int(votes[i]), n, chance).pvalue > 1e-3


@pytest.mark.parametrize("model", [MODELS[0], MODELS[2], MODELS[9], MODELS[14]], ids=repr)
def test_votes_are_distributed_as_through_predict(model):
    X, y = data(4, 6)
    model = FrozenEstimator(fitted(make_pipeline(StandardScaler(), model), X, y))
    fast, plain = (
        smoothed(model, X, y, shortcuts).certify(X[:8], n=20_000) for shortcuts in ("auto", None)
    )
    assert (fast.shortcut, plain.shortcut) == ("linear", None)
    for tables in zip(fast.counts, plain.counts, strict=True):
        seen = np.array(tables)[:, np.sum(tables, axis=0) > 10]
        assert seen.shape[1] == 1 or stats.chi2_contingency(seen).pvalue > 1e-3


def test_near_ties_are_taken_off_the_probability():
    X, y = data(3, 6)
    certificate = smoothed(LogisticRegression(), X, y).certify(X[:20], n=1000)
    assert certificate.shortcut == "linear"
    assert np.all((certificate.tv_error > 1e-12) & (certificate.tv_error < 1e-8))
    codes = np.searchsorted(certificate.classes, certificate.selected)
    bound = clopper_pearson(certificate.counts[np.arange(20), codes], 1000, 0.001)
    taken_off = bound - certificate.p_lower
    assert np.allclose(taken_off, certificate.tv_error, rtol=1e-3, atol=1e-15)
