"""L1 radii of Laplace and uniform noise: 30 digits, and the lemma of Neyman and Pearson."""

import numpy as np
import pytest

from sksmooth.bounds import radius_laplace, radius_uniform

mpmath = pytest.importorskip("mpmath")
mp = mpmath.mp.clone()
mp.dps = 40

RADII = [radius_laplace, radius_uniform]


@pytest.mark.parametrize(
    ("p", "q", "expected"),
    [
        (0.8, None, "0.916290731874155065183527211768"),
        (0.99, None, "3.91202300542814605861875078791"),
        (0.8, 0.05, "1.60943791243410037460075933323"),
        (0.4, 0.1, "0.693147180559945309417232121458"),
        (0.99, 0.001, "5.06331555192516890062774651525"),
        (0.5, 0.25, "0.346573590279972654708616060729"),
    ],
)
def test_laplace_reference_values(p, q, expected):
    # decimals and floats differ by a rounding, which is what the tolerance is for
    assert float(radius_laplace(p, q)) == pytest.approx(float(mp.mpf(expected)), rel=1e-13)
    assert float(radius_laplace(p, q, 0.25)) == pytest.approx(
        float(mp.mpf(expected)) / 4, rel=1e-13
    )


def test_deep_tails():
    expected = mp.mpf("79.8973310742316536312124687925")
    found = mp.mpf(float(radius_laplace(0.0, 1e-40, miss=1e-30)))
    assert 0 < expected - found < expected * 1e-14
    assert radius_laplace(1.0) == np.inf
    assert 1 - 1e-14 < radius_uniform(1.0) < 1
    assert radius_uniform(0.0, 1e-40, miss=1e-30) <= 1.0


def exact_laplace(p, q):
    def quantile(t):
        return mp.log(2 * t) if t <= 0.5 else -mp.log(2 * (1 - t))

    return (quantile(p) - quantile(q)) / 2 if p > q else mp.mpf(0)


def test_rounded_down():
    """Never above 40 digits of the formula, and hardly below."""
    rng = np.random.default_rng(0)
    p = np.concatenate([rng.random(200), 1 - 10.0 ** rng.uniform(-16, -0.3, 200)])
    p = np.append(p, [0.5, np.nextafter(0.5, 1), np.nextafter(0.5, 0), 0.0, np.nextafter(1, 0)])
    q = np.minimum(rng.random(len(p)), 1 - p) * 10.0 ** rng.uniform(-8, 0, len(p))
    for rival in (None, q):
        laplace, uniform = radius_laplace(p, rival), radius_uniform(p, rival)
        for i in range(len(p)):
            top = mp.mpf(p[i])
            other = 1 - top if rival is None else min(mp.mpf(q[i]), 1 - top)
            exact = max(exact_laplace(top, other), 0)
            assert exact * (1 - mp.mpf(2) ** -44) - 1e-15 <= laplace[i] <= exact
            exact = max(top - other, 0)
            assert exact - 1e-14 <= uniform[i] <= exact


def test_bounds_that_are_nearly_equal():
    """Their difference cancels; what is left must not be more than it is."""
    rng = np.random.default_rng(3)
    miss = rng.uniform(0.5, 1, 3000)
    q = (1 - miss) * (1 - rng.integers(1, 60, 3000) * 2.0**-53)
    for radius, exact in ((radius_uniform, lambda a, b: a - b), (radius_laplace, exact_laplace)):
        for u, b, r in zip(miss, q, radius(0.0, q, miss=miss), strict=True):
            assert r <= exact(1 - mp.mpf(u), mp.mpf(b))


def least_after_a_move(density_ratio, p):
    """Least mass at the moved law of an event with mass p, on cells of equal mass at the row."""
    ratio = np.sort(density_ratio)
    n = len(ratio)
    whole = int(p * n)
    return (ratio[:whole].sum() + (p * n - whole) * ratio[min(whole, n - 1)]) / n


@pytest.mark.parametrize(
    ("p", "q"), [(0.6, 0.4), (0.8, 0.2), (0.9, 0.02), (0.99, 0.01), (0.4, 0.2)]
)
def test_laplace_by_brute_force(p, q):
    """One column, 400,000 cells: proved at R up to the cells' width, and false beyond."""
    n = 400_000
    t = (np.arange(n) + 0.5) / n
    z = np.where(t < 0.5, np.log(2 * t), -np.log(2 * (1 - t)))
    radius = float(radius_laplace(p, q))
    for scale, proved in ((0.999, True), (1.001, False)):
        ratio = np.exp(np.abs(z) - np.abs(z - scale * radius))
        low, high = least_after_a_move(ratio, p), 1 - least_after_a_move(ratio, 1 - q)
        assert (low > high) == proved


@pytest.mark.parametrize(("p", "q"), [(0.9, 0.1), (0.8, 0.05), (0.4, 0.2)])
def test_laplace_in_two_columns(p, q):
    """Moves of the same L1 length that are spread over columns leave room."""
    n = 800
    t = (np.arange(n) + 0.5) / n
    z = np.where(t < 0.5, np.log(2 * t), -np.log(2 * (1 - t)))
    radius = float(radius_laplace(p, q))
    for share in (0.0, 0.2, 0.5):
        move = radius * 0.99 * np.array([1 - share, share])
        log_ratio = [np.abs(z) - np.abs(z - m) for m in move]
        ratio = np.exp(np.add.outer(*log_ratio)).ravel()
        assert least_after_a_move(ratio, p) > 1 - least_after_a_move(ratio, 1 - q) - 1e-5


@pytest.mark.parametrize("n_columns", [1, 2, 5])
def test_uniform_by_the_overlap_of_cubes(n_columns):
    """The distance of two cubes in total variation is all that matters; worst along an axis."""
    rng = np.random.default_rng(1)
    scale = 0.7
    for p, q in ((0.9, 0.1), (0.8, 0.05), (0.4, 0.2)):
        radius = float(radius_uniform(p, q, scale))
        for _ in range(300):
            direction = rng.dirichlet(np.full(n_columns, 0.5))
            apart = 1 - np.prod(np.maximum(0, 1 - radius * direction / (2 * scale)))
            assert p - apart >= q + apart - 1e-12
        along = 1 - (1 - radius * (1 + 1e-9) / (2 * scale))
        assert p - along < q + along


@pytest.mark.parametrize("radius", RADII)
class TestAll:
    def test_monotone(self, radius):
        p = np.linspace(0, 1, 1001)
        assert np.all(np.diff(radius(p)) >= 0)
        assert np.all(radius(p[p <= 0.5]) == 0)
        assert np.all(np.diff(radius(np.full(1001, 0.7), p)) <= 0)
        assert np.all(radius(p, np.minimum(0.1, 1 - p)) >= radius(p))

    def test_an_upper_bound_that_says_nothing(self, radius):
        p = np.linspace(0, 1, 101)
        assert np.array_equal(radius(p, np.ones(101)), radius(p))

    def test_refused(self, radius):
        for scale in (0.0, -1.0, np.inf, np.nan):
            with pytest.raises(ValueError, match="scale must be a positive, finite number"):
                radius(0.9, scale=scale)
        with pytest.raises(ValueError, match="p_lower must lie between 0 and 1"):
            radius([1.1])
