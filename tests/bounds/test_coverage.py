"""Levels of robust conformal prediction, against exact sums and formulas of others."""

from fractions import Fraction

import numpy as np
import pytest
from scipy.stats import binom, norm

from sksmooth.bounds import coverage_level
from sksmooth.bounds.coverage import plan_coverage

CASES = [(1, 1, 1, 0.5), (10, 8, 7, 0.25), (10, 5, 4, 0.25), (100, 80, 43, 1.0), (100, 50, 15, 1.0)]


def misses(n, rank, passes, rho, tv=0.0):
    """Both misses by exact sums, on a grid of the probability to pass."""
    p = np.concatenate([[0.0], norm.cdf(np.linspace(-9, 9, 40_001)), [1.0]])
    moved = np.clip(norm.cdf(norm.ppf(np.clip(p - tv, 0, 1)) - rho) - tv, 0, 1)
    return binom.cdf(rank - 1, n, p), binom.cdf(passes - 1, n, moved)


def best_level(clean, attacked, alpha):
    """The largest mean of E for which no mixture of rows has a mean of D above alpha."""
    order = np.argsort(clean, kind="stable")
    hull = []  # upper concave hull of the curve, by Andrew's chain
    for x, y in zip(clean[order], attacked[order], strict=True):
        while len(hull) > 1:
            (x1, y1), (x2, y2) = hull[-2:]
            if (x2 - x1) * (y - y1) < (y2 - y1) * (x - x1):
                break
            hull.pop()
        hull.append((x, y))
    xs, ys = np.array(hull).T
    ys = np.maximum.accumulate(ys)
    i = int(np.searchsorted(ys, alpha))
    if i == 0:
        return 0.0
    return xs[i - 1] + (alpha - ys[i - 1]) * (xs[i] - xs[i - 1]) / (ys[i] - ys[i - 1])


@pytest.mark.parametrize(("n", "rank", "passes", "rho"), CASES)
@pytest.mark.parametrize("alpha", [0.2, 0.1, 0.01])
def test_level_is_the_largest_that_no_mixture_breaks(n, rank, passes, rho, alpha):
    exact = best_level(*misses(n, rank, passes, rho), alpha)
    level = coverage_level(n, rank, passes, rho, alpha)
    assert exact * (1 - 1e-3) <= level <= exact * (1 + 1e-6)


@pytest.mark.parametrize(("n", "rank", "passes", "rho"), CASES)
def test_no_mixture_of_rows_misses_more(n, rank, passes, rho):
    """All pairs of rows that calibration misses as often as the level: exact, no simulation."""
    alpha = 0.1
    level = coverage_level(n, rank, passes, rho, alpha)
    clean, attacked = (miss[::20] for miss in misses(n, rank, passes, rho))
    low, high = clean[:, None], clean[None, :]
    with np.errstate(all="ignore"):
        weight = (level - low) / (high - low)  # of the row that is missed more
        mean = weight * attacked[None, :] + (1 - weight) * attacked[:, None]
    mean = mean[np.broadcast_to((low <= level) & (high > level), mean.shape)]
    assert mean.max() <= alpha
    assert mean.max() > 0.995 * alpha  # and it is attained


@pytest.mark.parametrize("rho", [0.1, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("alpha", [0.1, 0.01])
def test_one_draw_is_rcp1(rho, alpha):
    published = norm.sf(norm.ppf(1 - alpha) + rho)
    assert coverage_level(1, 1, 1, rho, alpha) == pytest.approx(published, rel=1e-3)
    assert coverage_level(1, 1, 1, rho, alpha) <= published


def test_noise_that_differs_costs_what_the_proof_says():
    exact = best_level(*misses(10, 8, 6, 0.5, tv=1e-3), 0.1)
    level = coverage_level(10, 8, 6, 0.5, 0.1, tv_error=1e-3)
    assert exact * (1 - 1e-3) <= level <= exact * (1 + 1e-6)
    assert level < coverage_level(10, 8, 6, 0.5, 0.1)


@pytest.mark.parametrize(
    ("n", "rank", "rho", "passes"),  # computed before, by another program
    [(10, 8, 0.25, 7), (10, 8, 2, 1), (100, 80, 0.25, 72), (100, 80, 1, 43), (200, 160, 2, 24)],
)
def test_most_passes_with_nearly_all_of_alpha(n, rank, rho, passes):
    plan = plan_coverage(n, rank, rho, Fraction(1, 10), 10**6)
    assert plan.passes == passes
    assert 0.095 <= plan.level <= 0.1
    assert coverage_level(n, rank, passes + 1, rho, 0.1) < 0.095


def test_passes_that_the_same_calibration_score_allows():
    plan = plan_coverage(100, 80, 1.0, Fraction(1, 10), 100)
    assert (plan.passes, plan.order) == (44, 9)
    needed = 9 / 101
    assert coverage_level(100, 80, 44, 1.0, 0.1) >= needed > coverage_level(100, 80, 45, 1.0, 0.1)


def test_more_passes_than_the_rank_cost_something_without_radius_too():
    exact = best_level(*misses(10, 5, 6, 0.0), 0.1)
    assert coverage_level(10, 5, 6, 0.0, 0.1) <= exact * (1 + 1e-6) < 0.099
    assert coverage_level(10, 5, 5, 0.0, 0.1) == 0.1


@pytest.mark.parametrize("m", [9, 19, 99, 999])
def test_without_radius_it_is_split_conformal(m):
    plan = plan_coverage(100, 80, 0.0, 1 - Fraction("0.9"), m)
    assert (plan.passes, plan.order, plan.level) == (80, (m + 1) // 10, 0.1)


def test_thresholds_are_order_statistics_and_never_interpolated():
    """The published code of RSCP takes mquantiles, which is too low at 156 of these 391 sizes."""
    too_low = 0
    for m in range(9, 400):
        order = plan_coverage(10, 8, 0.0, Fraction(1, 10), m).order
        assert order / (m + 1) <= 0.1 < (order + 1) / (m + 1)
        place = 0.4 + 0.2 * (1 - 0.1) * (1 + 1 / m) + m * (1 - 0.1) * (1 + 1 / m)
        too_low += place < m + 1 - order - 1e-9  # among scores of which smaller ones conform
    assert too_low == 156
    assert plan_coverage(10, 8, 0.0, Fraction(1, 10), 5).order == 0  # it returned the maximum


def test_where_nothing_will_do():
    assert coverage_level(10, 5, 1, 6.0, 0.1) == 0.0
    plan = plan_coverage(10, 5, 6.0, Fraction(1, 10), 1000)
    assert (plan.passes, plan.order) == (1, 0)


def test_bad_arguments():
    with pytest.raises(ValueError, match="from 1 to n=10; got 11 and 1"):
        coverage_level(10, 11, 1, 0.5, 0.1)
    with pytest.raises(ValueError, match="alpha must be in"):
        coverage_level(10, 8, 1, 0.5, 1.0)
