"""Normal tails and masses are bounded from both sides; the oracle has 60 digits."""

import numpy as np
import pytest
from mpmath import mp, mpf
from scipy import stats

from sksmooth.closed_forms.numerics.normal import FLOOR, REACH, Tails, tail_bounds

DIGITS = 60


def ncdf(z):
    with mp.workdps(DIGITS):
        return mp.ncdf(mpf(float(z)))


def mass(a, b):
    """P(a < Z < b), from the side on which nothing cancels."""
    with mp.workdps(DIGITS):
        if a > 0:
            a, b = -b, -a
        if b <= 0:
            return ncdf(b) - ncdf(a)
        return 1 - ncdf(a) - ncdf(-b)


def points(n, seed):
    rng = np.random.default_rng(seed)
    special = [0.0, -0.0, 5e-324, 1e-300, 1e-17, 1e-8, 0.5, 1.0, 8.3, 37.4, 37.5, 37.6, 38.5, 39.9]
    parts = [
        np.array(special),
        rng.normal(size=n) * 3,
        rng.uniform(0, 40, size=n),
        10.0 ** rng.uniform(-20, 1.6, size=n),
    ]
    z = np.concatenate(parts)
    return np.concatenate([z, -z])


def test_tails_lie_between_their_bounds():
    z = points(700, 0)
    low, high = tail_bounds(z)
    exact = [ncdf(-abs(x)) for x in z]
    outside = [i for i, p in enumerate(exact) if not mpf(low[i]) <= p <= mpf(high[i])]
    assert outside == []
    # and close to them: relative to the tail, wherever FLOOR is far below that
    seen = np.abs(z) < 35
    relative = np.array(
        [float((mpf(h) - mpf(a)) / p) for a, h, p in zip(low, high, exact, strict=True)]
    )
    assert np.all(relative[seen] <= 2.0**-52 * (24 + 6 * z[seen] ** 2))


def test_points_that_are_known_roughly():
    rng = np.random.default_rng(1)
    z = points(300, 1)
    slack = np.minimum(10.0 ** rng.uniform(-18, -0.3, size=len(z)), 0.5)
    low, high = tail_bounds(z, slack)
    outside = 0
    with mp.workdps(DIGITS):
        for x, s, a, b in zip(z, slack, low, high, strict=True):
            for part in (-1.0, rng.uniform(-1, 1), 1.0):
                # the tail on the side of z, beyond a point that may lie across the mean
                p = mp.ncdf(-abs(mpf(x)) + mpf(part) * mpf(s))
                outside += not mpf(a) <= p <= mpf(b)
    assert outside == 0


def test_nothing_is_known_of_points_that_are_not_known():
    low, high = tail_bounds(
        np.array([-30.0, 0.0, 1e300, np.inf]), np.array([1e3, 1e9, np.inf, np.inf])
    )
    assert np.all(low == 0)
    assert np.all(high == 1)


def test_points_that_are_no_numbers_do_not_spoil_others():
    z, slack = np.array([np.nan, -2.0, 3.0]), np.array([np.nan, 0.5, 1e-3])
    low, high = tail_bounds(z, slack)
    assert (low[0], high[0]) == (0.0, 1.0)
    alone = tail_bounds(z[1:], slack[1:])
    assert np.array_equal(low[1:], alone[0])
    assert np.array_equal(high[1:], alone[1])
    assert low[1] < stats.norm.cdf(-2.4) < stats.norm.cdf(-1.6) < high[1]


@pytest.mark.parametrize("width", [1e-3, 0.02, 0.6, 5.0, 100.0, 1e6])
def test_points_that_are_roughly_known(width):
    rng = np.random.default_rng(0)
    z = np.concatenate([rng.normal(size=200) * 10, rng.normal(size=50) * 1e6, [-1e5, 38.0, 0.0]])
    slack = width * rng.random(len(z))
    low, high = tail_bounds(z, slack)
    for end in (-1.0, 0.3, 1.0):
        for point, where, a, b in zip(z, z + end * 0.999 * slack, low, high, strict=True):
            with mp.workdps(40):
                beyond = mp.ncdf(mpf(where)) if point <= 0 else mp.ncdf(-mpf(where))
                assert a <= beyond <= b
    # far away from where the point may be the mean, little is left
    sure = np.abs(z) > slack + 40
    assert np.all(high[sure] < 1e-290)


@pytest.mark.parametrize("sign", [-1, 1])
def test_nothing_lies_beyond_infinite_points(sign):
    tails = Tails.at(np.array([sign * np.inf]))
    none, everything = tails.below() if sign < 0 else tails.above(), tails.above()
    assert none[0] == none[1] == 0
    everything = tails.above() if sign < 0 else tails.below()
    assert 1 - 1e-15 < everything[0] <= everything[1] == 1


def test_floor_covers_what_is_out_of_reach():
    with mp.workdps(DIGITS):
        assert mp.ncdf(-mpf(REACH)) * 10**40 < mpf(FLOOR)
        for z in np.linspace(37.5, REACH, 50):
            assert mp.ncdf(-mpf(z)) < mpf(tail_bounds(np.array([z]))[1][0])


def test_both_sides_of_points():
    z = points(300, 2)
    tails = Tails.at(z)
    for (low, high), sign in ((tails.below(), 1), (tails.above(), -1)):
        exact = [ncdf(sign * x) for x in z]
        assert all(mpf(a) <= p <= mpf(b) for a, p, b in zip(low, exact, high, strict=True))
        assert np.max(high - low) < 1e-14


def intervals(seed):
    """Ends of wide and narrow intervals, anywhere."""
    rng = np.random.default_rng(seed)
    a = np.concatenate([points(150, seed), rng.normal(size=500)])
    width = 10.0 ** rng.uniform(-16, 1.5, size=len(a))
    b = np.maximum(a + width, np.nextafter(a, np.inf))
    return a, b


@pytest.mark.parametrize("rough", [False, True])
def test_masses_between_points(rough):
    a, b = intervals(3)
    rng = np.random.default_rng(4)
    n = len(a)
    slack = 10.0 ** rng.uniform(-17, -4, size=2 * n) * rough
    tails = Tails.at(np.concatenate([a, b]), slack)
    low, high = tails.between(np.arange(n), n + np.arange(n))
    assert np.all((low >= 0) & (high <= 1))
    outside = 0
    with mp.workdps(DIGITS):
        for i in range(n):
            true_a = mpf(a[i]) + mpf(slack[i]) * mpf(rng.uniform(-1, 1))
            true_b = mpf(b[i]) + mpf(slack[n + i]) * mpf(rng.uniform(-1, 1))
            if true_a <= true_b:
                p = mass(a[i], b[i]) if not rough else _mass(true_a, true_b)
                outside += not mpf(low[i]) <= p <= mpf(high[i])
    assert outside == 0


def _mass(a, b):
    if a > 0:
        a, b = -b, -a
    return mp.ncdf(b) - mp.ncdf(a) if b <= 0 else 1 - mp.ncdf(a) - mp.ncdf(-b)


def test_masses_far_out_keep_their_digits():
    a = -np.array([5.0, 10, 20, 30, 36])
    tails = Tails.at(np.concatenate([a, a + 0.5, -a, -a - 0.5]))
    numbers = np.arange(5)
    for first, last in ((numbers, 5 + numbers), (15 + numbers, 10 + numbers)):
        low, high = tails.between(first, last)
        assert np.all(high - low <= 2e-12 * high)
        exact = np.array([float(mass(x, x + 0.5)) for x in a])
        assert np.all((low <= exact * (1 + 1e-15)) & (exact <= high * (1 + 1e-15)))


def test_everything_and_all_of_two_sides():
    tails = Tails.at(np.array([-np.inf, -1.3, 0.0, 2.1, np.inf]))
    low, high = tails.between(np.array([0, 0, 0, 1, 3]), np.array([4, 1, 3, 3, 4]))
    expected = [1, stats.norm.cdf(-1.3), stats.norm.cdf(2.1), np.nan, stats.norm.sf(2.1)]
    expected[3] = stats.norm.cdf(2.1) - stats.norm.cdf(-1.3)
    assert np.allclose(low, expected, rtol=1e-14)
    assert np.allclose(high, expected, rtol=1e-14)
    assert high[0] == 1
