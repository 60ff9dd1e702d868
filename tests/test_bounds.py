import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from sksmooth import bounds
from sksmooth.bounds import clopper_pearson, radius_cohen, smallest_certifying_n

mp = pytest.importorskip("mpmath")

# Every one-sided bound of the library; a new one is added here and must pass all that follows.
BOUNDS = [clopper_pearson]


def binomial_tail(n, k, p):
    """P(Binomial(n, p) >= k) for k > n p, term by term in 50 digits."""
    with mp.workdps(50):
        p, n, k = mp.mpf(float(p)), int(n), int(k)
        log_term = mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1)
        term = mp.exp(log_term + k * mp.log(p) + (n - k) * mp.log1p(-p))
        total, odds = mp.mpf(0), p / (1 - p)
        for j in range(k, n + 1):
            total += term
            if term < total * mp.mpf(10) ** -25:
                break
            term *= odds * (n - j) / (j + 1)
        return total


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("alpha", [0.05, 1e-3, 1e-9])
@pytest.mark.parametrize("n", [1, 7, 100, 1000])
def test_coverage_is_exact(bound, n, alpha):
    """P(bound > p) summed over the binomial pmf is at most alpha, for every p: no Monte Carlo."""
    count = np.arange(n + 1)
    p_lower = bound(count, n, alpha)
    # the supremum over p is reached just below a value of the bound
    for p in np.concatenate([np.nextafter(p_lower[1:], 0), np.linspace(0.01, 0.99, 49)]):
        failure = stats.binom.pmf(count[p_lower > p], n, p).sum()
        assert failure <= alpha * (1 + 1e-9)


@pytest.mark.parametrize("bound", BOUNDS)
def test_bound_rises_with_the_count_and_falls_with_alpha(bound):
    p_lower = bound(np.arange(501), 500, 1e-3)
    assert p_lower[0] == 0
    assert np.all(np.diff(p_lower) > 0)
    assert p_lower[-1] < 1
    assert np.all(p_lower[1:] > bound(np.arange(501), 500, 1e-6)[1:])


@pytest.mark.parametrize("bound", BOUNDS)
def test_vectorised_as_scalar(bound):
    count, n = np.array([[3, 90], [0, 100]]), np.array([10, 100])
    together = bound(count, n, 0.01)
    assert together.shape == (2, 2)
    for i, j in np.ndindex(2, 2):
        assert together[i, j] == bound(count[i, j], n[j], 0.01)


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.uint8, np.float32])
def test_the_dtype_of_counts_does_not_matter(dtype):
    assert clopper_pearson(np.array([90], dtype), np.array([100], dtype), 0.001) == (
        clopper_pearson(90, 100, 0.001)
    )


HARD = [
    (n, n - failures, alpha)
    for n in (10**5, 10**6, 10**7, 10**8, 10**9)
    for failures in (1, 2, 500, 998, 999, 1000)
    for alpha in (1e-3, 1e-6, 1e-12)
] + [(10**5, 50_500, 1e-3), (10**5, 84_000, 0.05), (10**7, 9 * 10**6, 1e-3), (10**4, 1, 1e-3)]


@pytest.mark.parametrize(("n", "k", "alpha"), HARD)
def test_never_above_the_exact_value(n, k, alpha):
    """999 failures are where scipy 1.17's inverse overstates the level by up to 7e8."""
    p_lower = float(clopper_pearson(k, n, alpha))
    level = binomial_tail(n, k, p_lower) / alpha
    assert level <= 1
    assert level >= 1 - 1e-4  # and not loose either


def test_never_above_the_exact_value_at_random():
    rng = np.random.default_rng(0)
    n = np.exp(rng.uniform(np.log(2), np.log(1e6), 400)).astype(int)
    k = (n * rng.uniform(0.3, 1, 400) ** 0.1).astype(int).clip(1)
    alpha = 10 ** rng.uniform(-9, -1, 400)
    for case in zip(n, k, alpha, strict=True):
        p_lower = clopper_pearson(case[1], case[0], case[2])
        level = binomial_tail(*case[:2], p_lower) / case[2]
        assert 1 - 1e-4 <= level <= 1, case


@pytest.mark.parametrize("n", [1, 10, 1000, 10**5, 10**9])
def test_unanimous_votes_have_a_closed_form(n):
    with mp.workdps(40):
        exact = mp.mpf("0.001") ** (mp.mpf(1) / n)
        gap = exact - mp.mpf(float(clopper_pearson(n, n, 0.001)))
        assert 0 <= gap < 2e-15


def test_agrees_with_statsmodels():
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    k = np.array([1, 40, 50_123, 99_000, 99_999])
    lower, _ = proportion.proportion_confint(k, 100_000, alpha=2 * 0.001, method="beta")
    assert_allclose(clopper_pearson(k, 100_000, 0.001), lower, rtol=1e-8)


def test_largest_radius_by_n():
    """Largest radius / sigma by n at alpha = 0.001, from the closed form Phi^-1(alpha^(1/n))."""
    n = 10 ** np.arange(2, 8)
    radii = radius_cohen(clopper_pearson(n, n, 0.001))
    assert_allclose(radii, [1.5005, 2.4633, 3.1986, 3.8115, 4.3468, 4.8276], atol=6e-5)
    # Section 3.2.2: radius 4 sigma needs about 1e5 draws; exactly 218,105
    assert radius_cohen(clopper_pearson(218_105, 218_105, 0.001)) >= 4
    assert radius_cohen(clopper_pearson(218_104, 218_104, 0.001)) < 4


@pytest.mark.parametrize(
    "bad", [(5, 4, 0.1), (-1, 4, 0.1), (1.5, 4, 0.1), (np.nan, 4, 0.1), (1, np.inf, 0.1)]
)
def test_bad_counts_are_refused(bad):
    with pytest.raises(ValueError, match=r"(count|n) must"):
        clopper_pearson(*bad)


@pytest.mark.parametrize("alpha", [0, 1, -0.1, np.nan, 1e-211])
def test_bad_alpha_is_refused(alpha):
    with pytest.raises(ValueError, match="alpha must lie strictly between 0 and 1"):
        clopper_pearson(1, 2, alpha)


@pytest.mark.parametrize("sigma", [0.25, 1.0, 7.3])
def test_radius_is_rounded_down(sigma):
    p = np.concatenate(
        [
            0.5 + np.logspace(-15, -1, 30),
            1 - np.logspace(-15, -1, 30),
            np.random.default_rng(0).uniform(0.5, 1, 200),
        ]
    )
    with mp.workdps(40):
        for value, radius in zip(p, radius_cohen(p, sigma=sigma), strict=True):
            exact = sigma * mp.sqrt(2) * mp.erfinv(2 * mp.mpf(float(value)) - 1)
            assert 0 <= exact - mp.mpf(float(radius)) <= 1e-13 * exact


def test_radius_with_two_bounds_is_rounded_down():
    rng = np.random.default_rng(1)
    p_a = rng.uniform(0.01, 1, 200)
    p_b = np.minimum(p_a * rng.uniform(0.0, 1, 200), 1 - p_a)
    with mp.workdps(40):

        def quantile(p):
            return mp.sqrt(2) * mp.erfinv(2 * mp.mpf(float(p)) - 1)

        for a, b, radius in zip(p_a, p_b, radius_cohen(p_a, p_b), strict=True):
            assert mp.mpf(float(radius)) <= (quantile(a) - quantile(b)) / 2


def test_radius_with_two_bounds():
    """Values from the formula of the paper, as its authors' released code computes them."""
    assert_allclose(
        radius_cohen([0.8, 0.99, 0.999, 0.6], [0.2, 0.01, 0.0001, 0.05]),
        [0.8416, 2.3263, 3.4046, 0.9491],
        atol=6e-5,
    )


def test_radius_with_certain_bounds():
    assert radius_cohen(1.0) == radius_cohen(1.0, 0.0) == radius_cohen(0.9, 0.0) == np.inf
    assert radius_cohen([0.0, 1.0], [0.0, 1.0]).tolist() == [0, 0]


@pytest.mark.parametrize("sigma", [0.0, -1.0, np.nan, np.inf])
def test_bad_sigma_is_refused(sigma):
    with pytest.raises(ValueError, match="sigma must be a positive, finite number"):
        radius_cohen(0.9, sigma=sigma)


@pytest.mark.parametrize("k", [9_970, 9_000, 5_100])
def test_tiny_alpha(k):
    p_lower = clopper_pearson(k, 10_000, 1e-200)
    assert 0 < binomial_tail(10_000, k, p_lower) <= mp.mpf("1e-200")


def test_nothing_is_proved_at_one_half_or_below():
    assert np.all(radius_cohen([0.0, 0.3, 0.5]) == 0)
    assert np.all(radius_cohen([0.3, 0.4], [0.3, 0.5]) == 0)


@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan])
def test_bad_probabilities_are_refused(p):
    with pytest.raises(ValueError, match="p_lower must lie"):
        radius_cohen(p)
    with pytest.raises(ValueError, match="p_upper must lie"):
        radius_cohen(0.9, p)


@pytest.mark.parametrize("alpha", [0.5, 0.25, 0.05, 0.001, 1e-9])
def test_smallest_certifying_n(alpha):
    n = smallest_certifying_n(alpha)
    assert clopper_pearson(n, n, alpha) > 0.5
    if n > 1:
        assert clopper_pearson(n - 1, n - 1, alpha) <= 0.5


def test_a_wrong_proposal_is_mended(monkeypatch):
    """Whatever the inverse function returns, the bound holds."""
    expected = clopper_pearson([10, 60, 99], 100, 0.001)
    for wrong in (0.0, 0.999, np.nan):
        monkeypatch.setattr(
            bounds.binomial, "betaincinv", lambda a, b, y, w=wrong: np.full(a.shape, w)
        )
        got = clopper_pearson([10, 60, 99], 100, 0.001)
        assert np.all(got <= expected * (1 + 1e-9))
        if wrong != 0.0:
            assert_allclose(got, expected, rtol=1e-8)
