"""Ranks of order statistics: exact failure probabilities, by sums that we did not write."""

import numpy as np
import pytest
from scipy.stats import binom, norm

from sksmooth.bounds import clopper_pearson, upper_rank

SETTINGS = [
    (n, distance, level)
    for n in (1, 2, 10, 100, 999, 10_000)
    for distance in (0.0, 0.5, 1.44, 3.0)
    for level in (0.05, 5e-4, 1e-5)
]


@pytest.mark.parametrize(("n", "distance", "level"), SETTINGS)
def test_the_rank_is_the_least_that_holds(n, distance, level):
    p = norm.cdf(distance)
    rank = upper_rank(n, p, level)
    assert 1 <= rank <= n + 1
    # the draw of this rank is below the quantile if so many draws are; a continuous law attains it
    if rank <= n:
        assert binom.sf(rank - 1, n, p) <= level
    assert binom.sf(rank - 2, n, p) > level * (1 - 1e-8)


def test_the_rank_is_the_one_that_certifies():
    for n, p in ((50, 0.7), (1000, 0.9), (20_000, 0.84)):
        certifies = clopper_pearson(np.arange(n + 1), n, 1e-3) >= p
        assert upper_rank(n, p, 1e-3) == certifies.argmax()


def test_known_ranks():
    """Of alpha = 0.001, half on each side, at distances of 0 to 3 standard deviations."""
    table = {
        100: [67, 85, 96, 101, 101],
        1000: [553, 740, 879, 992, 1001],
        10_000: [5166, 7067, 8534, 9821, 9998],
        100_000: [50_521, 69_627, 84_515, 97_880, 99_903],
    }
    for n, ranks in table.items():
        assert [upper_rank(n, norm.cdf(rho), 5e-4) for rho in (0, 0.5, 1, 2, 3)] == ranks


def published_lower_rank(n, distance, level):
    """Return the position, from 0, that the published code reads of the sorted draws.

    The code of Chiang et al. (2020) finds the largest rank, from 1, whose order statistic would be
    a lower bound, and uses it as a position from 0: one too high.
    """
    p = norm.cdf(-distance)
    ranks = np.arange(n + 1)
    valid = binom.cdf(ranks - 1, n, p) <= level  # fewer draws below the quantile than the rank
    return int(ranks[valid].max(initial=0))


@pytest.mark.parametrize(
    ("n", "level", "times"),
    [(2000, 1e-5, 1.13), (500, 1e-5, 1.54), (200, 1e-5, 2.5), (100, 1e-3, 3.8)],
)
def test_the_published_lower_bound_fails_more_often_than_it_says(n, level, times):
    distance = 1.44
    p = norm.cdf(-distance)
    position = published_lower_rank(n, distance, level)
    ours = n + 1 - upper_rank(n, norm.cdf(distance), level)  # from 1
    # the draw at `position` is above the quantile if at most that many draws are below
    theirs = binom.cdf(position, n, p)
    assert theirs == pytest.approx(times * level, rel=0.02)
    assert ours == 0 or binom.cdf(ours - 1, n, p) <= level


def test_where_no_draw_will_do_there_is_no_bound():
    """The published code takes the smallest draw there, and fails far more often than it says."""
    n, distance, level = 2000, 3.0, 1e-5
    assert upper_rank(n, norm.cdf(distance), level) == n + 1
    assert published_lower_rank(n, distance, level) == 0
    smallest_is_too_high = binom.cdf(0, n, norm.cdf(-distance))
    assert smallest_is_too_high > 6000 * level


@pytest.mark.parametrize(("n", "p", "alpha"), [(0, 0.5, 0.1), (10, 1.5, 0.1), (10, 0.5, 0.0)])
def test_nonsense_is_refused(n, p, alpha):
    with pytest.raises(ValueError, match="must"):
        upper_rank(n, p, alpha)
