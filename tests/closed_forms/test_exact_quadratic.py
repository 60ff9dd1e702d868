"""Probabilities of quadratic discriminants are bounded from both sides, far into the tails.

Oracles: laws of quadratic functions that are known in closed form, with 60 digits; sampling.
"""

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksmooth.closed_forms import closed_form
from sksmooth.closed_forms.form import NotClosedError
from sksmooth.closed_forms.forms.quadratic import Quadratic
from sksmooth.closed_forms.inputs import Spread
from sksmooth.closed_forms.numerics.gil_pelaez import invert
from sksmooth.closed_forms.numerics.tilting import Quadratics
from sksmooth.introspection import AffineMap, Columns

DIGITS = 60
# bounds are not claimed below this: what is added to all of them
LEAST = 1e-290


def close_to(given, truth, relative):
    """Whether upper bounds hold, and are not more than this above what they bound."""
    given = [mpf(float(g)) for g in given]
    above = all(g >= t for g, t in zip(given, truth, strict=True))
    return above and all(g <= t * (1 + relative) + LEAST for g, t in zip(given, truth, strict=True))


def exact_functions(curvature, slope, offset, still=0.0, moving=0.0):
    n = len(offset)
    return Quadratics(curvature, slope, offset, np.full(n, still), np.full(n, moving))


def normal_below(x):
    return mp.erfc(-x / mp.sqrt(2)) / 2


def one_dimension(curvature, slope, offset):
    """P(offset + slope y + curvature y**2 <= 0), from the roots."""
    with mp.workdps(DIGITS):
        a, b, c = (mpf(float(v)) for v in (curvature, slope, offset))
        if a == 0:
            return normal_below(-c / abs(b))
        inside = b * b - 4 * a * c
        if inside <= 0:
            return mpf(0) if a > 0 else mpf(1)
        root = mp.sqrt(inside)
        low, high = sorted([(-b - root) / (2 * a), (-b + root) / (2 * a)])
        if a < 0:
            return normal_below(low) + normal_below(-high)
        # the interval, on the side on which its ends are small tails
        if low > 0:
            return normal_below(-low) - normal_below(-high)
        return normal_below(high) - normal_below(low)


def exponentials(means, x):
    """P(sum of independent exponentials, with means of any sign, <= x), by partial fractions."""
    with mp.workdps(DIGITS):
        means = [mpf(float(m)) for m in means]
        x = mpf(float(x))
        weights = [
            mp.fprod(m / (m - other) for j, other in enumerate(means) if j != i)
            for i, m in enumerate(means)
        ]
        side = [(w, m) for w, m in zip(weights, means, strict=True) if (m > 0) == (x > 0)]
        tail = mp.fsum(w * mp.exp(-x / m) for w, m in side)
        return 1 - tail if x > 0 else tail


class TestKnownLaws:
    """Of quadratic functions of normals."""

    def test_gaussian(self):
        rng = np.random.default_rng(0)
        slope = rng.standard_normal((400, 5)) * 10.0 ** rng.integers(-9, 9, size=(400, 1))
        z = rng.uniform(0, 36, size=400)
        offset = z * np.linalg.norm(slope, axis=1)
        low, high = invert(exact_functions(0 * slope, slope, offset).tilted())
        with mp.workdps(DIGITS):
            truth = [
                normal_below(-mpf(float(c)) / mp.sqrt(mp.fsum(mpf(float(v)) ** 2 for v in b)))
                for c, b in zip(offset, slope, strict=True)
            ]
        assert close_to(high, truth, 1e-10)
        assert all(mpf(float(v)) <= t for v, t in zip(low, truth, strict=True))
        assert np.all(high - low < 1e-12)

    @pytest.mark.parametrize("sign", [-1.0, 1.0])
    def test_one_dimension(self, sign):
        """The sum over the line converges more slowly than with any other number."""
        rng = np.random.default_rng(1)
        n = 300
        curvature = sign * 10.0 ** rng.uniform(-6, 2, size=n)
        slope, z = rng.standard_normal(n), rng.uniform(0, 12, size=n)
        offset = z * np.sqrt(2 * curvature**2 + slope**2) - curvature
        low, high = invert(exact_functions(curvature[:, None], slope[:, None], offset).tilted())
        truth = [one_dimension(*v) for v in zip(curvature, slope, offset, strict=True)]
        assert all(mpf(float(v)) >= t for v, t in zip(high, truth, strict=True))
        assert all(mpf(float(v)) <= t for v, t in zip(low, truth, strict=True))
        close = [h <= t * (1 + 1e-3) + 1e-9 for h, t in zip(high, truth, strict=True)]
        assert all(close)

    def test_chi_square(self):
        rng = np.random.default_rng(2)
        for k in (4, 9, 30):
            size = 10.0 ** rng.uniform(-5, 5, size=60)
            x = k + np.sqrt(2 * k) * rng.uniform(0, 60, size=60)
            curvature = np.tile(-size[:, None], k)
            offset = size * x
            low, high = invert(exact_functions(curvature, 0 * curvature, offset).tilted())
            with mp.workdps(DIGITS):
                truth = [
                    mpmath.gammainc(mpf(k) / 2, mpf(float(c)) / mpf(float(v)) / 2, regularized=True)
                    for c, v in zip(offset, size, strict=True)
                ]
            assert close_to(high, truth, 1e-8)
            assert all(mpf(float(v)) <= t for v, t in zip(low, truth, strict=True))

    def test_sums_of_exponentials(self):
        """Pairs of equal curvatures, of both signs."""
        rng = np.random.default_rng(3)
        for pairs in (2, 3, 6, 12):
            n = 250
            means = rng.standard_normal((n, pairs)) * 10.0 ** rng.uniform(-3, 3, size=(n, 1))
            means[:, 0], means[:, 1] = np.abs(means[:, 0]), -np.abs(means[:, 1])
            deviation = np.sqrt((means**2).sum(axis=1))
            offset = deviation * rng.uniform(0, 60, size=n) - means.sum(axis=1)
            curvature = np.repeat(means / 2, 2, axis=1)
            low, high = invert(exact_functions(curvature, 0 * curvature, offset).tilted())
            truth = [exponentials(m, -c) for m, c in zip(means, offset, strict=True)]
            assert all(mpf(float(v)) >= t for v, t in zip(high, truth, strict=True))
            assert all(mpf(float(v)) <= t for v, t in zip(low, truth, strict=True))
            excess = np.array(
                [h / float(t) - 1 for h, t in zip(high, truth, strict=True) if t > LEAST]
            )
            assert np.median(excess) < 1e-6
            assert excess.max() < 0.01

    def test_noncentral(self):
        """A noncentral chi-square is a Poisson mixture of central ones."""
        rng = np.random.default_rng(4)
        for k in (3, 12):
            shift = rng.uniform(0.1, 1.0, size=(6, k))
            x = np.array([k * c for c in (0.5, 0.1, 2.0, 5.0, 10.0, 20.0)])
            sign = np.where(np.arange(6) < 2, 1.0, -1.0)
            curvature = np.tile(sign[:, None], k)
            offset = sign * ((shift**2).sum(axis=1) - x)
            given = exact_functions(curvature, 2 * sign[:, None] * shift, offset)
            low, high = invert(given.tilted())
            for i in range(6):
                with mp.workdps(DIGITS):
                    # of the offset as it was rounded
                    centre = mp.fsum(mpf(float(v)) ** 2 for v in shift[i])
                    point = centre - mpf(float(sign[i] * offset[i]))
                    truth = mpf(0)
                    for j in range(120):
                        weight = mp.exp(-centre / 2) * (centre / 2) ** j / mp.factorial(j)
                        ends = (0, point / 2) if sign[i] > 0 else (point / 2, mp.inf)
                        truth += weight * mpmath.gammainc(mpf(k) / 2 + j, *ends, regularized=True)
                assert low[i] <= truth <= high[i]
                assert high[i] <= truth * (1 + 1e-6)

    def test_a_curved_and_a_straight_direction(self):
        """The straight one is integrated out by hand, the other one numerically."""
        rng = np.random.default_rng(6)
        curvature, slope = rng.standard_normal((2, 4)), rng.uniform(0.3, 1.0, size=(2, 4))
        curvature[1] = 0.0
        offset = 1.5 * np.arange(4.0) - curvature[0] + 0.5
        given = exact_functions(curvature.T, slope.T, offset)
        sign = np.sign(given.expected)
        low, high = invert(given.turned(sign).tilted())
        for i in range(4):
            with mp.workdps(25):
                c, a, b, straight = (
                    mpf(float(v)) for v in (offset[i], curvature[0, i], *slope[:, i])
                )

                def part(y, c=c, a=a, b=b, straight=straight, sign=int(sign[i])):
                    return mp.npdf(y) * normal_below(-sign * (c + b * y + a * y * y) / straight)

                truth = mp.quad(part, range(-15, 16, 2))
            assert low[i] <= truth <= high[i]
            assert high[i] <= truth * (1 + 1e-7)

    def test_all_that_the_error_allows(self):
        """Whatever the error is, within what was said of it."""
        rng = np.random.default_rng(5)
        n = 100
        curvature, slope = rng.standard_normal((2, n))
        offset = rng.uniform(0, 5, size=n) * np.sqrt(2 * curvature**2 + slope**2) - curvature
        for still, moving in ((1e-3, 0.0), (0.0, 1e-3), (1e-8, 1e-8), (0.1, 0.1)):
            given = exact_functions(curvature[:, None], slope[:, None], offset, still, moving)
            low, high = invert(given.tilted())
            for side in (-1.0, 1.0):
                there = (curvature + side * moving, slope, offset + side * still)
                truth = [one_dimension(*v) for v in zip(*there, strict=True)]
                assert all(v >= t for v, t in zip(high, truth, strict=True))
                assert all(v <= t for v, t in zip(low, truth, strict=True))

    def test_no_noise(self):
        zeros = np.zeros((3, 2))
        given = exact_functions(zeros, zeros, np.array([1.0, -1.0, 1e-9]))
        _, high = invert(given.tilted())
        assert np.all(high <= [LEAST, 1.0, LEAST])
        assert high[1] == 1.0

    def test_numbers_out_of_range_claim_nothing(self):
        curvature = np.array([[np.nan, 1.0], [np.inf, 1.0], [1.0, 1.0]])
        offset = np.array([1.0, 1.0, np.nan])
        low, high = invert(exact_functions(curvature, np.ones((3, 2)), offset).tilted())
        assert np.all(low == 0)
        assert np.all(high == 1)


def law_of(model, X, sigma, affine=None):
    sigma = np.broadcast_to(np.asarray(sigma, dtype=float), X.shape[1])
    spread = Spread.of(affine or AffineMap.of([], Columns.plain(X.shape[1])), sigma)
    form = Quadratic.of(model, spread)
    return form, form.law(spread.around(X))


def closed(estimator, X, sigma):
    def classify(Z):
        return np.searchsorted(estimator.classes_, estimator.predict(Z))

    sigma = np.broadcast_to(np.asarray(sigma, dtype=float), X.shape[1])
    return closed_form((Quadratic,), estimator, estimator.classes_, X, sigma, classify)


def assert_bounds_draws(estimator, law, X, sigma, n_draws=4000):
    """No count of votes is so far above the bounds that it had a chance of 1e-9."""
    rng = np.random.default_rng(0)
    for i, row in enumerate(X):
        noise = sigma * rng.standard_normal((n_draws, len(row)))
        votes = estimator.predict(row + noise)
        counts = np.array([(votes == label).sum() for label in estimator.classes_])
        for bound, count in ((law.upper[i], counts), (law.miss[i], n_draws - counts)):
            assert np.all(stats.binom.sf(count - 1, n_draws, np.minimum(bound, 1.0)) > 1e-9)
        if law.upper.shape[1] == 2:
            assert np.all(stats.binom.cdf(counts, n_draws, law.upper[i]) > 1e-9)


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True)
    return StandardScaler().fit_transform(X), y


class TestModels:
    """As scikit-learn fits them."""

    @pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
    @pytest.mark.parametrize("kind", ["naive", "qda"])
    def test_one_feature(self, kind, scale):
        """Two densities in one dimension, from the roots of their quotient's logarithm."""
        rng = np.random.default_rng(0)
        y = np.arange(200) % 2
        X = scale * (np.where(y, 3.0, 1.5) * rng.standard_normal(200) + 4 * y)[:, None]
        model = (GaussianNB() if kind == "naive" else QuadraticDiscriminantAnalysis(tol=0)).fit(
            X, y
        )
        rows = scale * np.linspace(-25, 25, 40)[:, None]
        sigma = 0.7 * scale
        _, law = law_of(model, rows, sigma)
        if kind == "naive":
            means, variances, priors = model.theta_[:, 0], model.var_[:, 0], model.class_prior_
        else:
            means, priors = model.means_[:, 0], model.priors_
            variances = [s[0] for s in model.scalings_]
        with mp.workdps(DIGITS):
            m, v, p = ([mpf(float(a)) for a in values] for values in (means, variances, priors))
            for i, x in enumerate(rows[:, 0]):
                gap, s = [mpf(float(x)) - a for a in m], mpf(float(sigma))
                # log density of class 0 less that of class 1 at x + s y
                curvature = s**2 * (1 / v[1] - 1 / v[0]) / 2
                slope = s * (gap[1] / v[1] - gap[0] / v[0])
                offset = gap[1] ** 2 / v[1] / 2 - gap[0] ** 2 / v[0] / 2
                offset += mp.log(p[0] / p[1]) - mp.log(v[0] / v[1]) / 2
                loses = self.below_zero(curvature, slope, offset)
                wins = self.below_zero(-curvature, -slope, -offset)
                assert loses <= law.upper[i, 1] <= loses * 1.001 + 1e-9
                assert wins <= law.upper[i, 0] <= wins * 1.001 + 1e-9
                assert min(law.upper[i]) <= float(min(wins, loses)) * 1.05 + LEAST
                assert law.miss[i, 0] == law.upper[i, 1]
                assert law.miss[i, 1] == law.upper[i, 0]

    @staticmethod
    def below_zero(a, b, c):
        root = mp.sqrt(b * b - 4 * a * c) if b * b > 4 * a * c else None
        if root is None:
            return mpf(0) if a > 0 else mpf(1)
        low, high = sorted([(-b - root) / (2 * a), (-b + root) / (2 * a)])
        if a < 0:
            return normal_below(low) + normal_below(-high)
        return (
            normal_below(-low) - normal_below(-high)
            if low > 0
            else (normal_below(high) - normal_below(low))
        )

    @pytest.mark.parametrize("model", [GaussianNB(), QuadraticDiscriminantAnalysis(reg_param=0.1)])
    def test_two_classes(self, cancer, model):
        X, y = cancer
        model.fit(X[::2], y[::2])
        rows, sigma = X[1:60:4], 0.5
        form, law = law_of(model, rows, sigma)
        assert form.complete
        assert_bounds_draws(model, law, rows, sigma)
        assert np.median(law.width) < 1e-9
        assert law.width.max() < 1e-5

    @pytest.mark.parametrize("model", [GaussianNB(), QuadraticDiscriminantAnalysis()])
    def test_three_classes(self, model):
        X, y = load_iris(return_X_y=True)
        model.fit(X, np.array(["a", "b", "c"])[y])
        rows, sigma = X[::9], np.array([0.4, 0.1, 0.6, 0.0])
        form, law = law_of(model, rows, sigma)
        assert not form.complete
        assert_bounds_draws(model, law, rows, sigma)
        # classes that overlap in pairs only: the bounds are nearly all there is
        assert np.median(law.width) < 1e-3

    def test_ten_classes(self):
        X, y = load_digits(return_X_y=True)
        X = X / 16
        base = make_pipeline(PCA(15), QuadraticDiscriminantAnalysis(reg_param=0.05))
        base.fit(X, y)
        rows, sigma = X[:200:20], np.linspace(0.1, 0.4, 64)
        law = closed(base, rows, sigma).law(rows)
        assert_bounds_draws(base, law, rows, sigma, 2000)
        assert np.mean(law.miss.min(axis=1) < 0.5) > 0.5

    def test_steps_are_the_same_as_a_model_that_contains_them(self):
        """Correlated inputs: the scores of the rotated model are those of another one."""
        rng = np.random.default_rng(0)
        y = np.arange(300) % 2
        X = (
            rng.standard_normal((300, 6)) @ rng.standard_normal((6, 6)) * (1 + y[:, None])
            + y[:, None]
        )
        base = make_pipeline(PCA(4), QuadraticDiscriminantAnalysis(reg_param=0.01)).fit(X, y)
        pca, inner = base
        outer = QuadraticDiscriminantAnalysis().fit(X, y)
        outer.means_ = inner.means_ @ pca.components_ + pca.mean_
        outer.rotations_ = [pca.components_.T @ rotation for rotation in inner.rotations_]
        outer.scalings_, outer.priors_ = inner.scalings_, inner.priors_
        np.testing.assert_array_equal(outer.predict(X), base.predict(X))
        sigma = rng.uniform(0.1, 1.0, size=6)
        law = closed(base, X, sigma).law(X)
        other = closed(outer, X, sigma).law(X)
        np.testing.assert_allclose(law.upper, other.upper, rtol=1e-3, atol=1e-10)
        assert_bounds_draws(base, law, X[:8], sigma)

    def test_units_of_the_features(self, cancer):
        X, y = cancer
        X = X[:, :8]
        laws = []
        for scale in (1.0, 1e-60, 1e60, 10.0 ** np.arange(-4, 4)):
            model = GaussianNB(var_smoothing=0).fit(X * scale, y)
            laws.append(law_of(model, X[:40] * scale, 0.3 * scale)[1].upper)
        for other in laws[1:]:
            np.testing.assert_allclose(laws[0], other, rtol=1e-3, atol=1e-11)

    def test_features_without_noise(self, cancer):
        """What has no noise is a part of the prior."""
        X, y = cancer
        model = GaussianNB().fit(X[:, :3], y)
        sigma = np.array([0.5, 0.0, 0.0])
        _, law = law_of(model, X[:20, :3], sigma)
        assert_bounds_draws(model, law, X[:20, :3], sigma)
        _, law = law_of(model, X[:20, :3], 0.0)
        np.testing.assert_array_equal(law.top, model.predict(X[:20, :3]))
        assert np.all(law.miss.min(axis=1) < LEAST)

    def test_constant_features(self):
        """Their variances are next to nothing: rounding is amplified, and the bounds know it."""
        X, y = load_digits(return_X_y=True)
        X, y = X[y < 2] / 16, y[y < 2]
        assert np.any(np.ptp(X, axis=0) == 0)
        model = GaussianNB(var_smoothing=1e-6).fit(X, y)
        _, law = law_of(model, X[:8], 0.05)
        assert_bounds_draws(model, law, X[:8], 0.05)
        assert np.median(law.width) < 1e-3

    def test_classes_that_are_the_same(self):
        X = np.concatenate([np.arange(20.0)] * 2)[:, None]
        model = GaussianNB().fit(X, np.repeat([0, 1], 20))
        _, law = law_of(model, X[:3], 0.5)
        np.testing.assert_array_equal(law.upper, 1.0)
        model.class_prior_ = np.array([0.25, 0.75])
        _, law = law_of(model, X[:3], 0.5)
        assert np.all(law.miss[:, 1] < LEAST)

    def test_the_class_that_noise_favours(self):
        """A narrow class in the middle of a broad one wins without noise only."""
        rng = np.random.default_rng(0)
        narrow, broad = 0.1 * rng.standard_normal((99, 4)), 3 * rng.standard_normal((99, 4))
        X = np.concatenate([narrow, broad, broad + 50])
        model = GaussianNB().fit(X, np.repeat([0, 1, 2], 99))
        rows = np.zeros((1, 4))
        assert model.predict(rows) == 0
        _, law = law_of(model, rows, 1.0)
        assert law.top == 1
        assert law.top_miss < 0.01
        assert_bounds_draws(model, law, rows, 1.0)

    def test_float32(self, cancer):
        X, y = cancer
        X = X.astype(np.float32)
        model = GaussianNB().fit(X, y)
        law = closed(model, X[:20], 0.5).law(X[:20])
        exact = law_of(model, X[:20].astype(float), 0.5)[1]
        assert np.all(law.upper >= exact.upper * (1 - 1e-12))
        np.testing.assert_allclose(law.upper, exact.upper, rtol=0.1, atol=1e-2)


class TestDecide:
    """Answers without noise."""

    @pytest.mark.parametrize("kind", ["naive", "qda", "steps"])
    def test_as_predict(self, kind):
        X, y = load_iris(return_X_y=True)
        model = {
            "naive": GaussianNB(),
            "qda": QuadraticDiscriminantAnalysis(),
            "steps": QuadraticDiscriminantAnalysis(reg_param=0.3, priors=[0.9, 0.05, 0.05]),
        }[kind].fit(X, y)
        Z = np.random.default_rng(0).uniform(-3, 12, size=(5000, 4))
        form, _ = law_of(model, X[:1], 0.5)
        found, sure = form.decide(Z)
        assert np.all((found == model.predict(Z)) | ~sure)
        assert sure.mean() > 0.999

    def test_ties_are_not_sure(self):
        X = np.array([[-1.0], [-3.0], [1.0], [3.0]])
        model = GaussianNB().fit(X, [0, 0, 1, 1])
        form, _ = law_of(model, X, 0.5)
        _, sure = form.decide(np.array([[0.0], [1e-17], [1.0]]))
        np.testing.assert_array_equal(sure, [False, False, True])


class TestReasons:
    """Why a model is not read."""

    def test_other_models(self):
        X, y = load_iris(return_X_y=True)

        class Mine(GaussianNB):
            pass

        for model in (LogisticRegression(max_iter=5000), Mine()):
            with pytest.raises(NotClosedError, match="neither"):
                law_of(model.fit(X, y), X, 0.5)

    def test_not_finite(self):
        X, y = load_iris(return_X_y=True)
        model = GaussianNB().fit(X, y)
        model.var_[0, 0] = 0.0
        with np.errstate(divide="ignore"), pytest.raises(NotClosedError, match="finite"):
            law_of(model, X, 0.5)
        model = GaussianNB(priors=[1.0, 0.0, 0.0]).fit(X, y)
        with np.errstate(divide="ignore"), pytest.raises(NotClosedError, match="finite"):
            law_of(model, X, 0.5)

    def test_too_narrow(self):
        X, y = load_iris(return_X_y=True)
        model = GaussianNB().fit(X, y)
        model.var_[0, 0] = 1e-308
        with pytest.raises(NotClosedError, match="narrow"):
            law_of(model, X, 1e10)

    def test_other_numbers_of_inputs(self):
        X, y = load_iris(return_X_y=True)
        with pytest.raises(NotClosedError, match="inputs"):
            law_of(GaussianNB().fit(X, y), X[:, :3], 0.5)
