"""Smoothed step functions: ends that are known, theorems, and a scan of D itself."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import ndtr

from sksmooth.along_axes.step_sums import reach


def both_sides(d, points, x=0.0, s=1.0):
    """Ends to the left and to the right, in the units of the points."""
    d, z = np.array([d], dtype=float), (np.array([points], dtype=float) - x) / s
    left = reach(d[:, ::-1], -z[:, ::-1], np.zeros_like(z))
    return -float(left[0]) * s, float(reach(d, z, np.zeros_like(z))[0]) * s


def smoothed(d, z, t):
    """D by its definition, of shape (n_lines, n_t)."""
    below = ndtr(z[:, :, None] - t)
    ones = np.ones_like(below[:, :1])
    return (d[:, :, None] * np.diff(np.concatenate([0 * ones, below, ones], axis=1), axis=1)).sum(1)


@pytest.mark.parametrize(
    ("what", "d", "points", "x", "s", "left", "right"),
    [
        ("stump", [1, -1], [1], 0, 1, -np.inf, 1.0),
        ("band", [-1, 1, -1], [-1, 1], 0, 1, -0.9332705996, 0.9332705996),
        ("band, less noise", [-1, 1, -1], [-1, 1], 0, 0.5, -0.9999602927, 0.9999602927),
        ("gap ahead", [1, -1, 1], [-3, 3], -5, 1, -np.inf, 2.0000000025),
        ("gap ahead, s = 4", [1, -1, 1], [-3, 3], -5, 4, -np.inf, 3.1401063976),
        ("gap that noise closes", [1, -1, 1], [-3, 3], -5, 5, -np.inf, np.inf),
        ("four changes", [0.2, -1, 1, -1, 0.2], [-2, -1, 1, 2], 0, 0.5, -1.0186502, 1.0186502),
        ("wider", [0.2, -1, 1, -1, 0.2], [-2, -1, 1, 2], 0, 1, -1.4077810, 1.4077810),
        ("widest", [0.2, -1, 1, -1, 0.2], [-2, -1, 1, 2], 0, 2, -np.inf, np.inf),
    ],
)
def test_known_ends(what, d, points, x, s, left, right):
    """Values from integrals that were solved apart; ends are never beyond them."""
    found = both_sides(d, points, x, s)
    assert found == pytest.approx((left, right), rel=1e-6)
    assert found[1] <= right + 5e-8
    assert found[0] >= left - 5e-8


def test_a_zero_at_the_start_proves_nothing():
    assert both_sides([1, -1], [0]) == (0, 0)
    assert both_sides([-1, 1], [1]) == (0, 0)
    assert both_sides([0, 0], [1]) == (0, 0)


def test_values_that_are_zero_change_no_sign():
    assert both_sides([0, 1, 0], [-1, 1]) == (-np.inf, np.inf)
    assert both_sides([1, 0, -1], [-1, 1], x=-2) == pytest.approx((-np.inf, 2), abs=1e-6)


def test_far_inside_a_cell_the_end_is_not_lost():
    """D rounds to 1 there: ends must come from what is missing to 1."""
    for far in (10, 30, 38, 60, 1e3, 1e6):
        left, right = both_sides([1, -1, 1, -0.5, 1], [far, far + 1, far + 2, far + 40], s=1)
        assert left == -np.inf
        # the narrow gaps weigh less than their surroundings, the wide one does not
        end = brentq(
            lambda t, far=far: smoothed(
                np.array([[1, -1, 1, -0.5, 1]]),
                np.array([[far, far + 1, far + 2, far + 40]], dtype=float),
                np.array([t]),
            )[0, 0],
            far - 5,
            far + 20,
        )
        assert right <= end * (1 + 1e-12)
        assert right == pytest.approx(end, rel=1e-6)


def lines(rng, n, m):
    scale = np.exp(rng.uniform(np.log(0.1), np.log(10), (n, 1)))
    return rng.uniform(-1, 1, (n, m + 1)), np.sort(rng.normal(0, 5, (n, m)), axis=1) / scale


@pytest.mark.parametrize("m", [1, 2, 3, 5, 8])
def test_random_lines_against_a_scan(m):
    """No end past a zero; a zero not far past each end; no infinite end where there is a zero."""
    d, z = lines(np.random.default_rng(m), 300, m)
    end = reach(d, z, np.zeros_like(z))
    t = np.linspace(0, 60, 3001)
    found = smoothed(d, z, t) <= 0
    zero = np.where(found.any(axis=1), t[found.argmax(axis=1)], np.inf)
    assert np.all(end <= zero + 1e-9)
    seen = np.isfinite(zero)
    assert seen.sum() > 50
    assert np.all(zero[seen] - end[seen] <= 0.02 + 1e-6)
    assert np.mean(end[~seen] > 60) > 0.98  # the others come near to zero


def test_mirrored_lines_have_mirrored_ends():
    d, z = lines(np.random.default_rng(0), 100, 4)
    zeros = np.zeros_like(z)
    for i in range(100):
        one = both_sides(d[i], z[i])
        other = both_sides(d[i, ::-1], -z[i, ::-1])
        assert other == (-one[1], -one[0])
    assert np.any(reach(d, z, zeros) > 0)


def test_slack_only_shortens():
    d, z = lines(np.random.default_rng(1), 200, 4)
    exact = reach(d, z, np.zeros_like(z))
    rough = reach(d, z, np.full_like(z, 1e-3))
    assert np.all(rough <= exact)
    both = np.isfinite(exact) & (exact > 0.1) & np.isfinite(rough)
    assert np.mean(exact[both] - rough[both]) < 0.05
    # wherever the points really are within the slack
    moved = z + 1e-3 * np.random.default_rng(2).uniform(-1, 1, z.shape)
    assert np.all(rough <= reach(d, np.sort(moved, axis=1), np.zeros_like(z)) + 1e-6)
