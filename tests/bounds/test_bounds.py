from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from sksmooth import bounds
from sksmooth.bounds import (
    clopper_pearson,
    clopper_pearson_simultaneous,
    clopper_pearson_upper,
    one_sided,
    one_sided_free,
    radius_cohen,
    radius_lecuyer,
    radius_li,
    smallest_certifying_n,
    two_sided,
)
from sksmooth.bounds.binomial import complement
from sksmooth.noise import FloatGaussian

mp = pytest.importorskip("mpmath")

# Every one-sided bound of the library; a new one is added here and must pass all that follows.
BOUNDS = [clopper_pearson, clopper_pearson_simultaneous]
# Every bound on the top class and the others, likewise.
TOP_CLASS_BOUNDS = [one_sided, one_sided_free, two_sided]


def binomial_tail(n, k, p):
    """P(Binomial(n, p) >= k) for k > n p, term by term in 50 digits."""
    with mp.workdps(50):
        p, n, k = p if isinstance(p, mp.mpf) else mp.mpf(float(p)), int(n), int(k)
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
    assert np.all(p_lower[2:] > 0)  # one vote proves nothing of a class that it may have chosen
    assert np.all(np.diff(p_lower)[1:] > 0)
    assert p_lower[-1] < 1
    assert np.all(p_lower[2:] > bound(np.arange(501), 500, 1e-6)[2:])


@pytest.mark.parametrize("bound", BOUNDS)
def test_vectorised_as_scalar(bound):
    count, n = np.array([[3, 90], [0, 100]]), np.array([10, 100])
    together = bound(count, n, 0.01)
    assert together.shape == (2, 2)
    for i, j in np.ndindex(2, 2):
        assert together[i, j] == bound(count[i, j], n[j], 0.01)


@pytest.mark.parametrize("bound", BOUNDS)
@pytest.mark.parametrize("n", [64, 1000, 100_000])
def test_the_bound_of_a_count_does_not_depend_on_its_company(bound, n):
    """Bit by bit: a row's certificate must not depend on the other rows."""
    k = np.unique(np.linspace(0, n, 40).astype(int))
    together = bound(k, n, 1e-3)
    assert together.tolist() == [float(bound(alone, n, 1e-3)) for alone in k]


def test_nor_where_the_inverse_is_mended():
    """Rows whose proposals are wrong are bisected together; each must end where it would alone."""
    n = np.array([302_436_259, 954_179_869, 10**9, 10**8, 20])
    k = np.array([58_896_951, 185_066_104, 10**9 - 999, 10**8 - 999, 18])
    together = clopper_pearson(k, n, 1e-3)
    alone = [float(clopper_pearson(*case, 1e-3)) for case in zip(k, n, strict=True)]
    assert together.tolist() == alone


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


def compositions(n, k):
    """All ways to share n votes among k classes, one a line."""
    if k == 2:
        return np.stack([np.arange(n + 1), n - np.arange(n + 1)], axis=1)
    first, second = np.divmod(np.arange((n + 1) ** 2), n + 1)
    every = np.stack([first, second, n - first - second], axis=1)
    return every[every[:, 2] >= 0]


def class_vectors(k, critical):
    """Class probabilities: ties, near ties, near 0 and 1, and just below values of a bound.

    The chance of a false claim is largest just below a value that the bound can take.
    """
    firsts = np.concatenate([critical, 1 - critical, [0.5, 1e-6, 1 - 1e-6, 0.01, 0.99]])
    firsts = np.unique(np.concatenate([firsts, np.linspace(0, 1, 21)]).clip(0, 1))
    if k == 2:
        return [np.array([p, 1 - p]) for p in firsts]
    vectors = [(p, (1 - p) * s, (1 - p) * (1 - s)) for p in firsts for s in (0.5, 0.6, 0.99, 1)]
    return [np.array(p) for p in vectors] + [np.full(3, 1 / 3)]


def pmf(counts, p):
    return stats.multinomial.pmf(counts, counts[0].sum(), p / p.sum())


@pytest.mark.parametrize("alpha", [0.5, 0.05, 1e-3])
@pytest.mark.parametrize(("k", "n"), [(2, 2), (2, 3), (2, 11), (2, 60), (3, 2), (3, 9), (3, 25)])
def test_simultaneous_coverage_is_exact(k, n, alpha):
    """P(any class's bound is above its probability), over all outcomes, is at most alpha."""
    counts = compositions(n, k)
    every = clopper_pearson_simultaneous(np.arange(n + 1), n, alpha)
    p_lower = every[counts]
    for p in class_vectors(k, np.nextafter(every[2 :: 1 if k == 2 else 4], 0)):
        false = np.any(p_lower > p, axis=1)
        assert pmf(counts, p)[false].sum() <= alpha * (1 + 1e-9)


def test_without_the_factor_for_the_choice_the_simultaneous_claim_fails():
    """Clopper-Pearson of the winner is false with nearly 2 alpha where two classes are level."""
    n, alpha = 60, 0.05
    counts, p = compositions(n, 2), np.array([0.5, 0.5])
    false = [np.any(bound(counts, n, alpha) > p, axis=1) for bound in BOUNDS]
    rates = [pmf(counts, p)[event].sum() for event in false]
    assert rates[0] > 1.3 * alpha
    assert 0.5 * alpha < rates[1] <= alpha  # and the other is not bought with a loose bound


@pytest.mark.parametrize(("n", "k", "alpha"), [case for case in HARD if case[1] > 1])
def test_simultaneous_solves_its_equation(n, k, alpha):
    """P(Binomial(n, q) >= k) = alpha q at the bound q: never above, and no more than 2e-6 below."""
    q = float(clopper_pearson_simultaneous(k, n, alpha))
    level = binomial_tail(n, k, q) / (mp.mpf(alpha) * mp.mpf(q))
    assert 1 - 2e-6 <= level <= 1


def test_simultaneous_solves_its_equation_at_random():
    rng = np.random.default_rng(2)
    n = np.exp(rng.uniform(np.log(3), np.log(1e7), 200)).astype(int)
    k = (n * rng.uniform(0, 1, 200) ** rng.choice([0.01, 0.1, 1], 200)).astype(int)
    alpha = 10 ** rng.uniform(-9, np.log10(0.5), 200)
    k = np.clip(k, 2, n - 1)
    for case in zip(n, k, alpha, strict=True):
        q = float(clopper_pearson_simultaneous(case[1], case[0], case[2]))
        level = binomial_tail(*case[:2], q) / (mp.mpf(case[2]) * mp.mpf(q))
        assert 1 - 1e-6 <= level <= 1, case


@pytest.mark.parametrize("alpha", [1e-12, 1e-60, 1e-100, 1e-120, 1e-160, 1e-200, 1e-210])
def test_simultaneous_is_sound_for_few_votes_at_a_tiny_alpha(alpha):
    """alpha times the bound may be too small for a float: then the bound must still not be high."""
    for k, n in [(2, 3), (2, 11), (3, 11), (10, 11), (2, 100), (3, 10**5), (2, 10**9), (10, 10**9)]:
        q = float(clopper_pearson_simultaneous(k, n, alpha))
        assert q > 0 or alpha < 1e-100
        if q > 0:
            assert binomial_tail(n, k, q) <= mp.mpf(alpha) * mp.mpf(q)


@pytest.mark.parametrize("n", [1, 2, 3, 10, 1000, 10**5, 10**9])
@pytest.mark.parametrize("alpha", [0.05, 1e-3])
def test_simultaneous_closed_forms(n, alpha):
    """At most one vote proves nothing; all votes prove alpha ** (1 / (n - 1))."""
    assert clopper_pearson_simultaneous([0, 1], n, alpha).tolist() == [0, 0]
    if n > 1:
        with mp.workdps(40):
            exact = mp.mpf(alpha) ** (mp.mpf(1) / (n - 1))
            gap = exact - mp.mpf(float(clopper_pearson_simultaneous(n, n, alpha)))
            assert 0 <= gap < 2e-15


@pytest.mark.parametrize("n", [2, 3, 10, 101, 5000])
@pytest.mark.parametrize("alpha", [0.5, 0.05, 1e-3, 1e-9])
def test_simultaneous_lies_between_two_levels_of_clopper_pearson(n, alpha):
    """Below level alpha; and, as alpha q >= alpha / 2, a majority is proved as at alpha / 2."""
    k = np.arange(n + 1)
    q = clopper_pearson_simultaneous(k, n, alpha)
    assert np.all(q[1:] < clopper_pearson(k, n, alpha)[1:])
    half = clopper_pearson(k, n, alpha / 2)
    assert np.array_equal(q > 0.5, half > 0.5)
    assert np.all(q[q > 0.5] >= half[q > 0.5])


@pytest.mark.parametrize("alpha", [0.05, 1e-3, 1e-9])
@pytest.mark.parametrize("n", [1, 7, 100, 1000])
def test_coverage_of_the_upper_bound_is_exact(n, alpha):
    count = np.arange(n + 1)
    p_upper = clopper_pearson_upper(count, n, alpha)
    # the supremum over p is reached just above a value of the bound
    for p in np.concatenate([np.nextafter(p_upper[:-1], 1), np.linspace(0.01, 0.99, 49)]):
        failure = stats.binom.pmf(count[p_upper < p], n, p).sum()
        assert failure <= alpha * (1 + 1e-9)


@pytest.mark.parametrize(("n", "failures", "alpha"), [(n, n - k, alpha) for n, k, alpha in HARD])
def test_upper_bound_is_never_below_the_exact_value(n, failures, alpha):
    """999 successes are as hard for it as 999 failures for the lower bound."""
    p_upper = float(clopper_pearson_upper(failures, n, alpha))
    with mp.workdps(50):
        level = binomial_tail(n, n - failures, 1 - mp.mpf(p_upper)) / alpha
    assert 1 - 1e-4 <= level <= 1


def test_upper_bound_is_the_mirror_image():
    k = np.arange(1001)
    p_upper = clopper_pearson_upper(k, 1000, 1e-3)
    mirror = clopper_pearson(1000 - k, 1000, 1e-3)
    assert_allclose(p_upper, 1 - mirror, rtol=1e-14)
    for upper, lower in zip(p_upper, mirror, strict=True):
        assert Fraction(upper) >= 1 - Fraction(lower)
    assert p_upper[-1] == 1
    assert np.all(np.diff(p_upper) > 0)


def test_upper_bound_agrees_with_statsmodels():
    proportion = pytest.importorskip("statsmodels.stats.proportion")
    for n, k in [(50, np.arange(50)), (100_000, np.array([0, 1, 40, 998, 50_123, 99_999]))]:
        _, upper = proportion.proportion_confint(k, n, alpha=2 * 0.001, method="beta")
        assert_allclose(clopper_pearson_upper(k, n, 0.001), upper, rtol=1e-6)


def test_complement_is_rounded_up():
    rng = np.random.default_rng(0)
    p = np.concatenate([rng.uniform(0, 1, 500), 10.0 ** -rng.uniform(1, 300, 200), [0, 0.5, 1]])
    for value, rest in zip(p, complement(p), strict=True):
        assert 0 <= Fraction(rest) - (1 - Fraction(value)) < Fraction(1, 2**52)
        assert rest <= 1


@pytest.mark.parametrize("bound", TOP_CLASS_BOUNDS)
class TestTopClassBounds:
    def test_probabilities(self, bound):
        """No other class has more than what the top class leaves, up to one rounding."""
        counts = compositions(40, 3)
        p_lower, p_upper = bound(counts[:, 0], counts[:, 1:].max(axis=1), 40, 1e-3)
        assert p_lower.shape == p_upper.shape == (len(counts),)
        assert np.all((p_lower >= 0) & (p_lower < 1) & (p_upper > 0) & (p_upper <= 1))
        for lower, upper in zip(p_lower, p_upper, strict=True):
            assert Fraction(lower) + Fraction(upper) < 1 + Fraction(1, 2**52)
            if bound is not two_sided:  # then the upper bound is all that is left
                assert Fraction(lower) + Fraction(upper) >= 1

    def test_direction(self, bound):
        """More votes for the top class, or fewer for the other, never prove less."""
        top, other = np.arange(51)[:, None], np.arange(51)
        p_lower, p_upper = bound(top, np.minimum(other, 100 - top), 100, 1e-3)
        assert np.all(np.diff(p_lower, axis=0) >= 0)
        assert np.all(np.diff(p_upper, axis=0) <= 0)
        assert np.all(np.diff(p_lower, axis=1) == 0)
        assert np.all(np.diff(p_upper, axis=1) >= 0)

    def test_alpha(self, bound):
        cautious, bold = (bound([80, 70], [10, 30], 100, alpha) for alpha in (1e-6, 1e-3))
        assert np.all(cautious[0] < bold[0])
        assert np.all(cautious[1] > bold[1])

    def test_draws_of_each_row(self, bound):
        top, other, n = np.array([60, 80, 999]), np.array([3, 20, 0]), np.array([64, 100, 999])
        together = np.stack(bound(top, other, n, 1e-3))
        alone = [np.stack(bound(*row, 1e-3)) for row in zip(top, other, n, strict=True)]
        assert np.array_equal(together, np.stack(alone, axis=1))

    @pytest.mark.parametrize("alpha", [0, 1, np.nan])
    def test_bad_alpha(self, bound, alpha):
        with pytest.raises(ValueError, match="alpha must lie strictly between 0 and 1"):
            bound([8], [1], 10, alpha)

    @pytest.mark.parametrize("alpha", [0.5, 0.05, 1e-3])
    @pytest.mark.parametrize(("k", "n"), [(2, 40), (3, 6), (3, 25)])
    def test_joint_coverage_is_exact(self, bound, k, n, alpha):
        """P(either bound is false), over all outcomes, is at most alpha, with ties of the others.

        The top class is the first one, fixed; where the bound allows it, the one with most votes.
        """
        counts = compositions(n, k)
        top = counts.argmax(axis=1) if bound is one_sided_free else np.zeros(len(counts), int)
        lines = np.arange(len(counts))
        others = counts.copy()
        others[lines, top] = 0
        p_lower, p_upper = bound(counts[lines, top], others.max(axis=1), n, alpha)
        critical = np.concatenate([np.nextafter(p_lower, 0), np.nextafter(p_upper, 1)])
        critical = np.unique(critical)[:: 1 if k == 2 else 12]
        worst = 0.0
        for p in class_vectors(k, critical):
            rest = np.where(np.arange(k) == top[:, None], 0, p).max(axis=1)
            false = (p_lower > p[top]) | (p_upper < rest)
            worst = max(worst, pmf(counts, p)[false].sum())
        assert worst <= alpha * (1 + 1e-9)
        assert worst >= 0.3 * alpha or n < 10  # else the bound would waste most of alpha


ROWS_OF_CLASSES = {
    "two classes": [0.6, 0.4],
    "one tie": [0.4, 0.3, 0.3],
    "near tie": [0.4, 0.31, 0.29],
    "ten classes, all others level": [0.28] + [0.08] * 9,
    "ten classes, one runner-up": [0.3, 0.22] + [0.06] * 8,
    "a hundred classes, all level": [0.01] * 100,
    "a hundred classes, two ahead": [0.3, 0.21] + [0.005] * 98,
}


@pytest.mark.parametrize("p", ROWS_OF_CLASSES.values(), ids=ROWS_OF_CLASSES.keys())
def test_two_sided_needs_no_factor_for_the_number_of_classes(p):
    n, alpha, total = 100, 0.05, 20_000
    counts = np.random.default_rng(0).multinomial(n, np.array(p) / np.sum(p), size=total)
    p_lower, p_upper = two_sided(counts[:, 0], counts[:, 1:].max(axis=1), n, alpha)
    false = int(((p_lower > p[0]) | (p_upper < max(p[1:]))).sum())
    assert stats.binomtest(false, total, alpha, alternative="greater").pvalue > 1e-6
    if len(p) == 2:  # the test can fail: at a tenth of alpha, this would be too many
        assert stats.binomtest(false, total, alpha / 10, alternative="greater").pvalue < 1e-6


@pytest.mark.parametrize("alpha", [0.05, 1e-3])
def test_two_sided_is_never_worse_than_one_sided_at_half_alpha(alpha):
    counts = compositions(100, 3)
    votes = counts[:, 0], counts[:, 1:].max(axis=1), 100
    noise = FloatGaussian(0.7)
    radius = noise.radius(*two_sided(*votes, alpha))
    assert np.all(radius >= noise.radius(*one_sided(*votes, alpha / 2)))
    spread = (abs(votes[0] - 72) < 10) & (abs(counts[:, 1] - counts[:, 2]) < 5)
    assert np.all(radius[spread] > noise.radius(*one_sided(*votes, alpha))[spread])


PRIOR_WORK = [radius_lecuyer, radius_li]


def test_radii_of_prior_work():
    """Values from their formulas in Appendix I of the paper, in 50 digits."""
    p_a, p_b = [0.8, 0.99, 0.999, 0.6], [0.2, 0.01, 0.0001, 0.05]
    assert_allclose(radius_li(p_a, p_b), [0.6742, 1.9080, 3.0416, 0.8522], atol=6e-5)
    assert_allclose(radius_lecuyer(p_a, p_b), [0.2352, 0.5549, 0.5701, 0.4080], atol=6e-5)


def lecuyer_at(beta, p_a, p_b):
    margin = p_a - mp.exp(2 * beta) * p_b
    if margin <= 0:
        return mp.mpf(0)
    return beta / mp.sqrt(2 * mp.log(mp.mpf("1.25") * (1 + mp.exp(beta)) / margin))


def li_at(order, p_a, p_b):
    t = 1 - order
    mean = ((p_a**t + p_b**t) / 2) ** (1 / t)
    inside = 1 - p_a - p_b + 2 * mean
    return mp.sqrt(-2 / order * mp.log(inside)) if inside < 1 else mp.mpf(0)


def supremum(f, low, high):
    """The largest f between two numbers, in 50 digits: a fine grid, and finer around its best."""
    points = [mp.mpf(x) for x in np.geomspace(low, high, 120)]
    best = mp.mpf(0)
    for _ in range(10):
        values = [f(x) for x in points]
        top = max(range(len(values)), key=values.__getitem__)
        best = max(best, values[top])
        low, high = points[max(top - 1, 0)], points[min(top + 1, len(points) - 1)]
        points = [low + (high - low) * i / 16 for i in range(17)]
    return best


PAIRS = [(p, 1 - p) for p in (0.5001, 0.51, 0.6, 0.8, 0.9, 0.99, 0.999, 1 - 1e-6)]
PAIRS += [
    (0.5, 0.4999),
    (0.5, 0.2),
    (0.3, 0.2),
    (0.6, 0.05),
    (0.9, 0.05),
    (0.999, 0.0001),
    (0.7, 0.29),
]
FEW_VOTES = [(0.3, 0.01), (0.1, 0.05), (0.01, 0.001), (0.9, 1e-12), (0.3, 1e-6)]


@pytest.mark.parametrize(("p_a", "p_b"), PAIRS + FEW_VOTES)
def test_radius_lecuyer_is_the_supremum_rounded_down(p_a, p_b):
    with mp.workdps(50):
        a, b = mp.mpf(p_a), mp.mpf(p_b)
        limit = float(min(mp.mpf(1), mp.log(a / b) / 2))
        exact = supremum(lambda beta: lecuyer_at(beta, a, b), limit * 1e-6, limit)
        assert 0 <= exact - mp.mpf(float(radius_lecuyer(p_a, p_b))) <= 1e-6 * exact


@pytest.mark.parametrize(("p_a", "p_b"), PAIRS)
def test_radius_li_is_the_supremum_rounded_down(p_a, p_b):
    """At these pairs the best order is above 1."""
    with mp.workdps(50):
        a, b = mp.mpf(p_a), mp.mpf(p_b)
        exact = supremum(lambda order: li_at(order, a, b), 1.00001, 100)
        exact = max(exact, supremum(lambda order: li_at(order, a, b), 0.001, 0.99999))
        assert 0 <= exact - mp.mpf(float(radius_li(p_a, p_b))) <= 1e-6


@pytest.mark.parametrize(("p_a", "p_b"), FEW_VOTES)
def test_radius_li_with_orders_below_1(p_a, p_b):
    """Where the two bounds leave much to other classes, the best order lies below 1."""
    with mp.workdps(50):
        a, b = mp.mpf(p_a), mp.mpf(p_b)
        exact = supremum(lambda order: li_at(order, a, b), 0.001, 0.99999)
        assert exact > 1.000001 * supremum(lambda order: li_at(order, a, b), 1.00001, 100)
        assert 0 <= exact - mp.mpf(float(radius_li(p_a, p_b))) <= 1e-6


@pytest.mark.parametrize("radius", PRIOR_WORK)
class TestPriorWork:
    def test_never_above_the_tight_radius(self, radius):
        p_a, p_b = np.meshgrid(np.linspace(0.01, 0.9999, 60), np.linspace(1e-9, 0.99, 60))
        p_b = np.minimum(p_b, 1 - p_a)
        values, tight = radius(p_a, p_b), radius_cohen(p_a, p_b)
        assert np.all(values <= tight)
        assert np.mean(values[tight > 0] > 0) > 0.99
        p = np.concatenate([0.5 + np.logspace(-12, -1, 50), 1 - np.logspace(-15, -1, 50)])
        assert np.all(radius(p) <= radius_cohen(p))

    def test_nothing_is_proved_without_a_lead(self, radius):
        assert np.all(radius([0.0, 0.3, 0.5, 0.4, 0.5, 1.0], [0.0, 0.3, 0.5, 0.6, 0.6, 1.0]) == 0)
        assert np.all(radius([0.0, 0.3, 0.5]) == 0)

    def test_certain_bounds(self, radius):
        values = radius([1.0, 1.0, 0.9, 0.3, 1.0], [0.0, 0.1, 0.0, 0.0, 1e-300])
        assert np.all((values > 0) & ~np.isnan(values))
        assert radius(1.0) == radius(1.0, 0.0)

    def test_default_is_what_is_left(self, radius):
        p = np.linspace(0.5, 0.999, 20)
        assert_allclose(radius(p), radius(p, 1 - p), rtol=1e-12)

    def test_shapes(self, radius):
        assert np.shape(radius(0.8)) == ()
        assert np.shape(radius([])) == (0,)
        grid = radius(np.array([[0.6], [0.8], [0.9]]), [0.05, 0.1])
        assert grid.shape == (3, 2)
        assert grid[1, 0] == radius(0.8, 0.05)

    def test_rises_with_the_lead(self, radius):
        p = np.linspace(0.5, 0.9999, 200)
        assert np.all(np.diff(radius(p)) > 0)
        assert np.all(np.diff(radius(0.6, np.linspace(0.4, 0.001, 100))) > 0)

    def test_scales_with_sigma(self, radius):
        p = np.linspace(0.51, 0.999, 20)
        for sigma in (0.25, 7.3):
            assert_allclose(radius(p, sigma=sigma), sigma * radius(p), rtol=1e-14)

    @pytest.mark.parametrize("sigma", [0.0, -1.0, np.nan, np.inf])
    def test_bad_sigma(self, radius, sigma):
        with pytest.raises(ValueError, match="sigma must be a positive, finite number"):
            radius(0.9, sigma=sigma)

    @pytest.mark.parametrize("p", [-0.1, 1.1, np.nan])
    def test_bad_probabilities(self, radius, p):
        with pytest.raises(ValueError, match="p_lower must lie"):
            radius(p)
        with pytest.raises(ValueError, match="p_upper must lie"):
            radius(0.9, p)
