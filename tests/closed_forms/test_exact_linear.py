"""Linear closed forms against oracles: 60 digits, integrals by mpmath, and votes."""

from fractions import Fraction

import numpy as np
import pytest
from mpmath import mp, mpf
from scipy import stats
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LogisticRegression,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.svm import LinearSVC

from sksmooth.backends import get_backend
from sksmooth.closed_forms import FORMS, DisagreementError, NotClosedError, closed_form
from sksmooth.closed_forms.forms.linear import both_exceed

CANCER = load_breast_cancer(return_X_y=True)
IRIS = load_iris(return_X_y=True)
SCALED = StandardScaler().fit_transform(CANCER[0])


def closed(model, X, sigma):
    backend = get_backend(model, model.classes_)
    sigma = np.broadcast_to(np.asarray(sigma, dtype=float), X.shape[1:])
    return closed_form(FORMS, model, model.classes_, X, sigma, backend.classify)


def law_of(model, X, sigma):
    return closed(model, X, sigma).law(X)


def linear_model(weights, offsets):
    weights = np.atleast_2d(weights).astype(float)
    model = LogisticRegression()
    model.coef_, model.intercept_ = weights, np.atleast_1d(offsets).astype(float)
    model.classes_ = np.arange(max(2, len(weights)))
    model.n_features_in_ = weights.shape[1]
    return model


def upper_tail(z):
    """P(Z > z), to the precision of mpmath."""
    return mp.erfc(z / mp.sqrt(2)) / 2


class TestTwoClasses:
    @pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
    def test_bounds_hold_and_are_tight(self, scale):
        rng = np.random.default_rng(int(10 * scale))
        X = scale * rng.normal(size=(300, 5))
        w, b, sigma = rng.normal(size=5), rng.normal(), 0.7
        law = law_of(linear_model(w, b), X, sigma)
        with mp.workdps(60):
            deviation = mpf(sigma) * mp.sqrt(mp.fdot(list(map(mpf, w)), list(map(mpf, w))))
            for i, x in enumerate(X):
                margin = mp.fdot(list(map(mpf, w)), list(map(mpf, x))) + mpf(b)
                true = [upper_tail(margin / deviation), upper_tail(-margin / deviation)]
                for c in (0, 1):
                    assert true[c] <= law.upper[i, c]
                    assert true[1 - c] <= law.miss[i, c]
                    # relative accuracy in the tails, until they are too small for doubles
                    assert law.upper[i, c] <= true[c] * (1 + mpf(10) ** -9) + mpf(10) ** -290
        assert law.width.max() < 1e-12

    def test_the_radius_is_the_distance_rounded_down(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(500, 4)) * np.geomspace(1e-3, 1e6, 500)[:, None]
        w, b, sigma = rng.normal(size=4), 0.3, 0.25
        law = law_of(linear_model(w, b), X, sigma)
        square = sum(Fraction(v) ** 2 for v in w)
        for x, radius in zip(X, law.radius, strict=True):
            margin = sum(Fraction(a) * Fraction(v) for a, v in zip(w, x, strict=True)) + Fraction(b)
            below = Fraction(radius) ** 2 * Fraction(sigma) ** 2 * square
            assert below <= margin**2
            assert float(below) >= float(margin**2) * (1 - 1e-8)
        np.testing.assert_allclose(law.distance, law.radius * sigma, rtol=1e-9)

    def test_just_outside_the_radius_the_answer_is_another_one(self):
        X, y = CANCER
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(X, y)
        form = closed(model, X, 1.0)
        law = form.law(X)
        scaler, linear = model
        normal = (linear.coef_ / scaler.scale_)[0]
        normal /= np.linalg.norm(normal)
        sign = np.where(law.top == 1, -1.0, 1.0)
        step = (sign * law.radius)[:, None] * normal
        assert np.array_equal(form.law(X + (1 - 1e-6) * step).top, law.top)
        assert np.array_equal(form.law(X + (1 + 1e-6) * step).top, 1 - law.top)

    def test_a_sigma_for_each_feature(self):
        w, b, sigma = np.array([1.0, -2.0, 5.0]), 0.5, np.array([0.5, 2.0, 0.0])
        X = np.array([[1.0, 0.5, 0.3], [-3.0, 1.0, 0.0]])
        law = law_of(linear_model(w, b), X, sigma)
        margin = np.abs(X @ w + b)
        np.testing.assert_allclose(law.radius, margin / np.hypot(0.5, 4.0), rtol=1e-10)
        # the third feature stays what it is
        np.testing.assert_allclose(law.distance, margin / np.hypot(1.0, 2.0), rtol=1e-10)
        np.testing.assert_allclose(law.top_miss, stats.norm.sf(law.radius), rtol=1e-8)

    def test_no_noise_on_what_the_model_looks_at(self):
        with pytest.raises(NotClosedError, match="same weights"):
            closed(linear_model([1.0, 0.0], 0.0), np.ones((3, 2)), [0.0, 1.0])


class TestMoreClasses:
    @pytest.mark.parametrize("h", [-2.0, 0.0, 0.7, 5.0])
    @pytest.mark.parametrize("k", [-1.0, 0.0, 0.7, 9.0])
    @pytest.mark.parametrize("rho", [-0.99, -0.3, 0.0, 0.5, 0.999999])
    def test_pairs(self, h, k, rho):
        def density(x):
            return mp.npdf(x) * upper_tail((k - rho * x) / mp.sqrt(1 - mpf(rho) ** 2))

        with mp.workdps(30):
            # where the integrand bends, for correlations near 1
            bends = [k + t for t in (-0.1, -0.01, -0.001, 0, 0.001, 0.01, 0.1)]
            nodes = [*range(int(h) + 1, 12), *bends, 40]
            true = mp.quad(density, [h, *sorted(t for t in nodes if t > h)])
        found = both_exceed(np.array([h]), np.array([k]), rho)[0]
        assert abs(found - float(true)) < 2e-14

    @pytest.mark.parametrize("sigma", [0.1, 0.5, 1.0])
    def test_three_classes_are_exact(self, sigma):
        X, y = IRIS
        model = LogisticRegression(max_iter=1000).fit(X, y)
        law = law_of(model, X[::10], sigma)
        W, b = model.coef_, model.intercept_
        for x, upper, miss in zip(X[::10], law.upper, law.miss, strict=True):
            for a in range(3):
                others = np.delete(np.arange(3), a)
                D = W[a] - W[others]
                sd = sigma * np.linalg.norm(D, axis=1)
                h, k = (D @ x + b[a] - b[others]) / sd
                rho = float(D[0] @ D[1] * sigma**2 / sd[0] / sd[1])

                def density(t, k=k, rho=rho):
                    return mp.npdf(t) * upper_tail((rho * t - k) / mp.sqrt(1 - mpf(rho) ** 2))

                # both differences stay below their margins
                with mp.workdps(25):
                    wins = float(mp.quad(density, [-30, -5, min(0, h), h]))
                assert 1 - miss[a] - 1e-11 <= wins <= upper[a] + 1e-11
                assert upper[a] - (1 - miss[a]) < 1e-11

    @pytest.mark.parametrize("sigma", [0.25, 0.5, 1.0])
    def test_ten_classes_are_bracketed(self, sigma):
        X, y = load_digits(return_X_y=True)
        model = LinearSVC(random_state=0, max_iter=5000).fit(X / 16, y)
        X = X[::90] / 16
        law = law_of(model, X, sigma)
        rng, n = np.random.default_rng(0), 20_000
        bonferroni_level = 1e-6 / X.size
        for i, x in enumerate(X):
            noisy = x + sigma * rng.standard_normal((n, len(x)))
            votes = np.bincount(model.predict(noisy), minlength=10)
            low = stats.beta.ppf(bonferroni_level, votes, n - votes + 1)
            high = stats.beta.isf(bonferroni_level, votes + 1, np.maximum(n - votes, 1e-9))
            assert np.all(np.nan_to_num(low) <= law.upper[i])
            assert 1 - law.top_miss[i] <= high[law.top[i]]
        # it says something: for small noise nearly all, for large noise less
        assert np.mean(law.top_miss < 0.5) > {0.25: 0.9, 0.5: 0.5, 1.0: -1}[sigma]

    def test_the_tree_takes_more_off_than_nothing(self):
        X, y = load_digits(return_X_y=True)
        model = LogisticRegression(max_iter=1000).fit(X / 16, y)
        form = closed(model, X[:50] / 16, 0.5)
        law = form.law(X[:50] / 16)
        lines = np.arange(50)
        rivals = law.upper.copy()
        rivals[lines, law.top] = 0
        assert np.all(law.top_miss <= rivals.sum(axis=1) * (1 + 1e-9))
        assert np.mean(law.top_miss < 0.99 * rivals.sum(axis=1)) > 0.5


STEPS = {
    "standard": lambda: [StandardScaler()],
    "min-max": lambda: [MinMaxScaler()],
    "max-abs": lambda: [MaxAbsScaler()],
    "robust": lambda: [RobustScaler()],
    "pca": lambda: [PCA(5)],
    "whitened": lambda: [StandardScaler(), PCA(5, whiten=True)],
    "selected": lambda: [SelectKBest(k=7), StandardScaler()],
    "nested": lambda: [make_pipeline(VarianceThreshold(), MinMaxScaler()), PCA(4)],
    "columns": lambda: [
        ColumnTransformer(
            [
                ("a", StandardScaler(), [3, 1, 4]),
                ("b", make_pipeline(MinMaxScaler(), PCA(2)), slice(5, 9)),
                ("c", "drop", [0]),
                ("d", "passthrough", np.arange(30) == 12),
            ],
            remainder=RobustScaler(),
        )
    ],
    "dropped": lambda: [ColumnTransformer([("a", StandardScaler(), [2, 20])])],
}


@pytest.mark.parametrize("steps", STEPS)
def test_behind_steps_the_probability_is_that_of_the_whole(steps):
    X, y = CANCER
    model = make_pipeline(*STEPS[steps](), LinearSVC(random_state=0)).fit(X, y)
    sigma = 0.5 * X.std(axis=0)
    law = law_of(model, X[:20], sigma)
    rng, n = np.random.default_rng(0), 4000
    for x, upper, miss in zip(X[:20], law.upper, law.miss, strict=True):
        votes = model.predict(x + sigma * rng.standard_normal((n, 30))).sum()
        assert stats.binomtest(int(votes), n, min(upper[1], 1.0)).pvalue > 1e-6
        assert upper[1] - (1 - miss[1]) < 1e-9


def test_the_probability_behind_steps_to_many_digits():
    X, y = CANCER
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)).fit(X, y)
    law = law_of(model, X, 3.0)
    scaler, linear = model
    with mp.workdps(50):
        scale = [mpf(float(s)) for s in scaler.scale_]
        w = [mpf(float(v)) / s for v, s in zip(linear.coef_[0], scale, strict=True)]
        deviation = 3 * mp.sqrt(mp.fdot(w, w))
        for x, upper in zip(X, law.upper, strict=True):
            centred = [mpf(float(a)) - mpf(float(m)) for a, m in zip(x, scaler.mean_, strict=True)]
            margin = mp.fdot(w, centred) + mpf(float(linear.intercept_[0]))
            for c, sign in ((0, 1), (1, -1)):
                true = upper_tail(sign * margin / deviation)
                assert true <= upper[c] <= true * (1 + mpf(10) ** -8) + mpf(10) ** -290


@pytest.mark.parametrize(
    "model",
    [
        LinearDiscriminantAnalysis(),
        LinearSVC(random_state=0),
        LogisticRegression(),
        Perceptron(random_state=0),
        RidgeClassifier(),
        SGDClassifier(random_state=0),
        CalibratedClassifierCV(LinearSVC(random_state=0), ensemble=False),
        CalibratedClassifierCV(LinearSVC(random_state=0), ensemble=False, method="isotonic"),
        FrozenEstimator(LogisticRegression().fit(SCALED, CANCER[1])),
    ],
    ids=lambda m: type(m).__name__,
)
def test_every_linear_model(model):
    X, y = CANCER
    X = StandardScaler().fit_transform(X)
    model = model.fit(X, y)
    form = closed(model, X, 0.5)
    assert form.name == "linear"
    # without noise to speak of, the answer is the model's
    assert np.array_equal(model.classes_[closed(model, X, 1e-6).law(X).top], model.predict(X))


def test_calibration_moves_the_threshold():
    X, y = CANCER
    X, y = StandardScaler().fit_transform(X)[:, :2], (np.arange(len(y)) % 7 == 0).astype(int) | y
    model = CalibratedClassifierCV(LinearSVC(random_state=0), ensemble=False).fit(X, y)
    inner = model.calibrated_classifiers_[0].estimator
    assert np.any(model.predict(X) != inner.predict(X))
    law = law_of(model, X, 0.1)
    rng = np.random.default_rng(0)
    for i in range(10):
        votes = model.predict(X[i] + 0.1 * rng.standard_normal((4000, 2))).sum()
        assert stats.binomtest(int(votes), 4000, law.upper[i, 1]).pvalue > 1e-6


class TestRefused:
    def test_a_model_that_answers_otherwise(self):
        X, y = CANCER
        model = LogisticRegression(max_iter=5000).fit(X, y)
        other = LogisticRegression(max_iter=5000).fit(X, 1 - y)
        backend = get_backend(other, other.classes_)
        with pytest.raises(DisagreementError, match="otherwise"):
            closed_form(FORMS, model, model.classes_, X, np.ones(30), backend.classify)

    def test_a_subclass(self):
        class Upside(LogisticRegression):
            def predict(self, X):
                return 1 - super().predict(X)

        with pytest.raises(NotClosedError):
            closed(Upside(max_iter=5000).fit(*CANCER), CANCER[0], 1.0)

    def test_a_predict_of_its_own(self):
        model = LogisticRegression(max_iter=5000).fit(*CANCER)
        model.predict = lambda X: np.zeros(len(X), dtype=int)
        with pytest.raises(NotClosedError, match="predict"):
            closed(model, CANCER[0], 1.0)

    def test_an_unknown_step(self):
        from sklearn.preprocessing import QuantileTransformer

        model = make_pipeline(QuantileTransformer(n_quantiles=50), LogisticRegression())
        with pytest.raises(NotClosedError, match="affine"):
            closed(model.fit(*CANCER), CANCER[0], 1.0)

    def test_steps_in_single_precision(self):
        X = CANCER[0].astype(np.float32)
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, CANCER[1])
        with pytest.raises(NotClosedError, match="float64"):
            closed(model, X, 1.0)


def test_single_precision_rows_without_steps():
    X = StandardScaler().fit_transform(CANCER[0]).astype(np.float32)
    model = LogisticRegression().fit(X.astype(float), CANCER[1])
    single, double = (law_of(model, rows, 0.5) for rows in (X, X.astype(float)))
    np.testing.assert_allclose(single.top_miss, double.top_miss, rtol=0.2)
    assert np.all(single.top_miss >= double.top_miss)
    assert np.all(single.radius <= double.radius)
