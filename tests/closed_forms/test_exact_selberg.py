"""Tails of sums of discrete variables are bracketed: compared with rational arithmetic."""

import itertools
from fractions import Fraction
from math import comb

import numpy as np
import pytest

from sksmooth.closed_forms.numerics import discrete_sum as selberg
from sksmooth.closed_forms.numerics.discrete_sum import Arc, DiscreteSum


def polynomials(arc, d):
    k = np.arange(arc.cosine.shape[1])
    cos, sin = (f(2 * np.pi * np.outer(d, k)) for f in (np.cos, np.sin))
    middle = cos @ arc.cosine.T + sin @ arc.sine.T
    kernel = cos @ arc.kernel.T
    return middle + kernel, middle - kernel


@pytest.mark.parametrize("degree", [2, 4, 10, 64])
def test_polynomials_are_above_and_below_the_exponential(degree):
    rates = np.array([1e-9, 1e-3, 0.3, 1.0, 5.0, 40.0, 300.0, 150.0 * degree])
    d = np.concatenate([np.linspace(0, 1, 5001)[:-1], np.arange(degree) / degree])
    above, below = polynomials(Arc.of(rates, degree), d)
    closed = np.where((d <= 0.5)[:, None], np.exp(-np.outer(d, rates)), 0.0)
    inside = np.where(((d > 0) & (d < 0.5))[:, None], np.exp(-np.outer(d, rates)), 0.0)
    assert np.all(above - closed > -1e-12)
    assert np.all(inside - below > -1e-12)


def test_polynomials_are_tight_on_the_lattice_and_differ_by_one_step_at_each_end():
    degree, rates = 16, np.array([0.5, 3.0])
    arc = Arc.of(rates, degree)
    lattice = np.arange(1, degree // 2) / degree
    above, below = polynomials(arc, lattice)
    expected = np.exp(-np.outer(lattice, rates))
    np.testing.assert_allclose(above, expected, atol=1e-14)
    np.testing.assert_allclose(below, expected, atol=1e-14)
    np.testing.assert_allclose(2 * arc.kernel[:, 0], (1 + np.exp(-rates / 2)) / degree, rtol=1e-14)


def test_polynomials_for_vanishing_decay_are_those_of_vaaler():
    degree = 32
    arc = Arc.of(np.array([1e-12]), degree)
    k = np.arange(1, degree)
    t = k / degree
    phi = np.pi * t * (1 - t) / np.tan(np.pi * t) + t
    # of the sawtooth 1/2 - {d}, whose sine series has the coefficients 1 / (pi k)
    saw = phi / (np.pi * k)
    np.testing.assert_allclose(arc.sine[0, 1:], saw * (1 - (-1.0) ** k), atol=1e-12)
    np.testing.assert_allclose(arc.cosine[0], np.where(np.arange(degree) == 0, 0.5, 0), atol=1e-11)


def exact_tails(values, masses, offset, band, sign):
    """Masses of sums up to the band, and of those below it on the other side, exactly."""
    values = [[Fraction(float(v)) for v in part] for part in values]
    masses = [[Fraction(float(p)) for p in part] for part in masses]
    offset, band = Fraction(offset), Fraction(band)
    may, certain = Fraction(0), Fraction(0)
    for cells in itertools.product(*(range(len(v)) for v in values)):
        total = sign * (offset + sum(v[i] for v, i in zip(values, cells, strict=True)))
        if total <= band:
            mass = Fraction(1)
            for p, i in zip(masses, cells, strict=True):
                mass *= p[i]
            may += mass
            certain += mass if total < -band else 0
    return may, certain


def discrete_sum(values, offset, band=0.0, **params):
    first = np.cumsum([0, *(len(v) for v in values[:-1])])
    return DiscreteSum(np.concatenate(values), first, offset, band, **params)


@pytest.mark.parametrize("most_sums", [0, 10**4])
@pytest.mark.parametrize("kind", ["plain", "lattice", "rare", "narrow", "excess"])
@pytest.mark.parametrize("seed", range(20))
def test_no_tail_is_outside_its_bracket(monkeypatch, seed, kind, most_sums):
    monkeypatch.setattr(selberg, "MOST_SUMS", most_sums)
    rng = np.random.default_rng([seed, len(kind)])
    counts = rng.integers(2, 6, size=rng.integers(1, 5))
    values = [rng.normal(size=m) * 10 ** rng.uniform(-2, 2) for m in counts]
    if kind == "lattice":  # many sums are just 0
        values = [rng.integers(-2, 3, size=m) / 2.0 for m in counts]
    masses = []
    for m in counts:
        p = rng.dirichlet(np.ones(m))
        if kind == "rare":
            p = 10.0 ** -rng.uniform(0, 90, size=m)
            p[rng.integers(m)] = 1.0
        if kind == "narrow":  # nearly all mass in one place
            p = np.where(np.arange(m) == rng.integers(m), 1.0, 1e-12)
        if kind == "excess":
            p = np.where(rng.uniform(size=m) < 0.3, 0.0, 1.5 * p) + 0.2
        masses.append(p)
    offset = -sum(float(np.quantile(v, rng.uniform())) for v in values)
    offset = 0.5 if kind == "lattice" and seed % 2 else float(np.float32(offset))
    band = 0.0 if seed % 3 else 0.01
    if kind == "lattice" and seed % 2 == 0:
        offset = 0.0
    for sign in (1.0, -1.0):
        total = discrete_sum(values, offset, band, degree=256 if seed % 2 else 2048)
        upper, lower = total.tails(np.concatenate(masses)[None], np.array([sign]))
        may, certain = exact_tails(values, masses, offset, band, int(sign))
        assert np.isinf(upper[0]) or Fraction(float(upper[0])) >= may
        assert Fraction(float(lower[0])) <= certain
        if most_sums:
            assert Fraction(float(upper[0])) <= may * Fraction(1 + 10**-9) + Fraction(1e-298)


@pytest.mark.parametrize("hits", [3, 20, 60, 110])
def test_small_tails_of_a_binomial_keep_their_relative_accuracy(hits):
    n, p = 150, 2.0**-8
    values = [np.array([0.0, 1.0])] * n
    masses = np.tile([1 - p, p], n)[None]
    q = Fraction(1, 256)
    tail = sum(comb(n, i) * q**i * (1 - q) ** (n - i) for i in range(hits, n + 1))
    upper, lower = discrete_sum(values, 0.5 - hits).tails(masses, np.array([-1.0]))
    gap = Fraction(1 + hits, 500)
    assert tail <= Fraction(float(upper[0])) <= tail * (1 + gap)
    assert Fraction(float(lower[0])) <= tail
    assert Fraction(float(lower[0])) >= tail * (1 - gap) or hits > 60


def test_a_tail_of_1e_minus_298():
    n, p = 33, 2.0**-30  # 2**-990 is 1e-298
    masses = np.tile([1 - p, p], n)[None]
    upper, _ = discrete_sum([np.array([0.0, 1.0])] * n, -32.5).tails(masses, np.array([-1.0]))
    assert Fraction(1, 2**990) <= Fraction(float(upper[0])) <= Fraction(5, 2**990)


def test_a_sum_that_is_always_on_one_side():
    values = [np.array([1.0, 2.0]), np.array([0.0, 3.0])]
    masses = np.array([[0.5, 0.5, 0.5, 0.5]])
    assert discrete_sum(values, 0.0).tails(masses, np.array([1.0])) == (1e-299, 0.0)
    upper, lower = discrete_sum(values, 0.0).tails(masses, np.array([-1.0]))
    assert upper[0] >= 1
    assert lower[0] <= 1


def test_many_inputs_with_brackets_as_narrow_as_the_degree_says():
    rng = np.random.default_rng(0)
    values = [rng.integers(-8, 9, size=17) / 16 for _ in range(20)]
    masses = np.array([rng.dirichlet(np.ones(17)) for _ in range(20)])
    # convolution of positive numbers: relative errors below 1e-13
    law = np.ones(1)
    for v, p in zip(values, masses, strict=True):
        law = np.convolve(law, np.bincount((16 * v).astype(int) + 8, weights=p, minlength=17))
    sums = (np.arange(len(law)) - 20 * 8) / 16
    for offset in np.arange(-3, 3, 0.25) + 1 / 32:
        for sign in (1.0, -1.0):
            upper, lower = discrete_sum(values, offset).tails(
                masses.reshape(1, -1), np.array([sign])
            )
            tail = law[sign * (sums + offset) < 0].sum()
            assert lower[0] * (1 - 1e-12) <= tail <= upper[0] * (1 + 1e-12)
            assert upper[0] - lower[0] < 0.01 * min(tail, 1 - tail) + 1e-6


@pytest.mark.parametrize("band", [1e-9, 1e-4, 0.01, 0.03, 0.2, 1.3, 6.0])
def test_a_band_moves_the_sum(band):
    """Bounds hold, and are those of sums that are moved by it."""
    rng = np.random.default_rng(1)
    values = [rng.integers(-8, 9, size=17) / 16 for _ in range(20)]
    # some laws are so narrow that the circle is shortened
    masses = np.array([rng.dirichlet(np.full(17, c)) for c in np.geomspace(0.01, 1, 20)])
    law = np.ones(1)
    for v, p in zip(values, masses, strict=True):
        law = np.convolve(law, np.bincount((16 * v).astype(int) + 8, weights=p, minlength=17))
    sums = (np.arange(len(law)) - 20 * 8) / 16
    mean = float(law @ sums)
    for offset in np.rint(16 * (np.linspace(-3, 3, 13) - mean)) / 16 + 1 / 32:
        for sign in (1.0, -1.0):
            masses_of_row, signs = masses.reshape(1, -1), np.array([sign])
            upper, lower = discrete_sum(values, offset, band).tails(masses_of_row, signs)
            may = law[sign * (sums + offset) <= band].sum()
            certain = law[sign * (sums + offset) < -band].sum()
            assert upper[0] * (1 + 1e-12) >= may
            assert lower[0] * (1 - 1e-12) <= certain
            moved = [
                discrete_sum(values, offset + move, 0.0) for move in (-sign * band, sign * band)
            ]
            into, out = (total.tails(masses_of_row, signs) for total in moved)
            assert moved[0].sums is None
            assert min(upper[0], 1) < min(into[0][0], 1) + 0.02
            assert lower[0] > out[1][0] - 0.02
