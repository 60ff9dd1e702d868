"""Gaussian times discrete noise: against 30 digits, fine grids, and bases that are the worst."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy.special import ndtr, ndtri

from sksmooth.bounds import (
    Pair,
    mixed_lower,
    mixed_needed,
    mixed_radius,
    mixed_upper,
    radius_of_tails,
)

mpmath = pytest.importorskip("mpmath")
mp = mpmath.mp.clone()
mp.dps = 40

SAME = Pair(((Fraction(1), Fraction(1)),))


def categorical(keep, others, changed):
    return Pair.categorical(Fraction(keep), others, changed)


def dropped(rate, changed):
    return Pair.within(1 - Fraction(rate) ** changed)


def cdf(z):
    return mp.erfc(-z / mp.sqrt(2)) / 2


def exactly(value):
    return mp.mpf(value.numerator) / value.denominator


class Curve:
    """Masses of the event at a place s, at both rows, in 40 digits."""

    def __init__(self, pair, r):
        self.r = mp.mpf(r)
        self.atoms = [(exactly(a), exactly(b)) for a, b in pair.atoms]

    def masses(self, s):
        at_x = at_other = mp.mpf(0)
        for a, b in self.atoms:
            if b == 0:
                at_x += a
            elif a > 0:
                t = s + self.r / 2 - mp.log(b / a) / self.r
                at_x, at_other = at_x + a * cdf(t), at_other + b * cdf(t - self.r)
        return at_x, at_other

    def place(self, wanted, which):
        """The place where a mass is as wanted, by bisection."""
        low, high = mp.mpf(-3000), mp.mpf(3000)
        for _ in range(110):
            middle = (low + high) / 2
            low, high = (middle, high) if self.masses(middle)[which] < wanted else (low, middle)
        return low

    def lower(self, p):
        return self.masses(self.place(p, 0))[1]


# thirty digits, computed elsewhere
LOWER = [
    (categorical("0.8", 3, 1), 0.3, "0.99", "0.81541320361502599911011526097"),
    (categorical("0.8", 3, 2), 1.0, "0.9999", "0.899169287343818934175197209355"),
    (categorical("0.6", 1, 2), 1.0, "0.9", "0.551041226790530520322272291929"),
]
NEEDED = [
    (categorical("0.8", 3, 1), 0.3, "0.966170960012708338930303459789"),
    (categorical("0.8", 3, 2), 1.0, "0.998194469311734375610342147219"),
    (categorical("0.6", 1, 2), 1.0, "0.875711910539922440622220772038"),
]
RADII = [
    (categorical("0.8", 3, 1), 0.99, "1.34494368554863264367444132174"),
    (categorical("0.8", 3, 1), 0.999, "2.427413430099998779143379398609990807896"),
    (categorical("0.8", 3, 2), 0.999, "1.45814393228964741302762740607"),
    (categorical("0.6", 4, 3), 0.999, "2.02020324326799997580169610947"),
    (dropped("0.8", 1), 0.99, "1.92276336364057021206343107724"),
    (dropped("0.9", 3), 0.999, "2.51092683796081838454840331137"),
]


class TestReferenceValues:
    @pytest.mark.parametrize(("pair", "r", "p", "expected"), LOWER)
    def test_lower_and_upper(self, pair, r, p, expected):
        below = mp.mpf(expected) - mp.mpf(float(mixed_lower(pair, r, float(p))))
        assert 0 <= below < 2e-12
        # by symmetry of these pairs; in floats 1 - p is not the complement, so a little more
        above = mp.mpf(float(mixed_upper(pair, r, 1 - float(p)))) - (1 - mp.mpf(expected))
        assert abs(above) < 2e-12

    @pytest.mark.parametrize(("pair", "r", "expected"), NEEDED)
    def test_needed(self, pair, r, expected):
        assert 0 <= mp.mpf(float(mixed_needed(pair, r))) - mp.mpf(expected) < 2e-12

    @pytest.mark.parametrize(("pair", "p", "expected"), RADII)
    def test_radius(self, pair, p, expected):
        assert -1e-15 <= mp.mpf(expected) - mp.mpf(float(mixed_radius(pair, p))) < 5e-12

    def test_none(self):
        assert mixed_radius(categorical("0.8", 3, 1), 0.9) == 0
        assert mixed_radius(categorical("0.8", 3, 2), 0.99) == 0

    @pytest.mark.parametrize(("p", "rate", "changed"), [(0.99, "0.8", 1), (0.97, "0.9", 3)])
    def test_closed_form_of_dropped_columns(self, p, rate, changed):
        gone = 1 - Fraction(rate) ** changed
        expected = ndtri((p - float(gone)) / float(1 - gone)) - ndtri(float(1 / (2 * (1 - gone))))
        assert mixed_radius(Pair.within(gone), p) == pytest.approx(expected, abs=1e-11)


PAIRS = {
    "none": SAME,
    "categorical": categorical("0.8", 3, 2),
    "256 levels": categorical("0.4", 255, 2),
    "binary": Pair.binary(2, 1, Fraction("0.01"), Fraction("0.6")),
    "one way": Pair.binary(2, 1, Fraction(0), Fraction("0.95")),
    "dropped": dropped("0.9", 2),
    "both": categorical("0.9", 4, 1) * dropped("0.95", 1),
}


@pytest.fixture(params=PAIRS)
def pair(request):
    return PAIRS[request.param]


class TestOutward:
    def test_probabilities(self, pair):
        """Never on the wrong side of 40 digits, and near: for moves short and long, p all over."""
        rng = np.random.default_rng(0)
        r = 10.0 ** rng.uniform(-2, 0.9, 8)
        p = np.concatenate([1 - 10.0 ** rng.uniform(-12, -0.3, 5), rng.uniform(0.01, 0.99, 3)])
        low, high = mixed_lower(pair, r, p), mixed_upper(pair, r, 1 - p)
        needed = mixed_needed(pair, r)
        only_other = sum(b for a, b in pair.atoms if not a)
        for i in range(8):
            curve = Curve(pair, r[i])
            exact = curve.lower(mp.mpf(p[i]))
            assert -1e-30 <= exact - mp.mpf(low[i]) < 2e-12
            exact_high = 1 - curve.lower(1 - mp.mpf(1 - p[i]))
            assert -1e-30 <= mp.mpf(high[i]) - exact_high < 2e-12
            if only_other < Fraction(1, 2):
                exact_needed = curve.masses(curve.place(mp.mpf("0.5"), 1))[0]
                assert -1e-30 <= mp.mpf(needed[i]) - exact_needed < 2e-12

    def test_where_the_likelihood_ratios_are_far_apart(self):
        """Short moves: masses are flat between the atoms, and p may lie on such a level."""
        pair = categorical("0.8", 3, 1)
        p = np.array([1 / 15, 0.2, 0.2 + 1e-13, 0.2 - 1e-13, 0.9])
        for r in (1e-3, 1e-2, 0.1, 0.25):
            low = mixed_lower(pair, r, p)
            for value, bound in zip(p, low, strict=True):
                exact = Curve(pair, r).lower(mp.mpf(value))
                assert 0 <= exact - mp.mpf(bound) < 1e-11

    def test_without_a_move(self, pair):
        p = np.linspace(0, 1, 21)
        assert np.array_equal(mixed_lower(pair, 0.0, p), pair.lower(p))
        assert np.array_equal(mixed_upper(pair, 0.0, p), pair.upper(p))

    def test_certain_events(self, pair):
        at_least = float(sum(b for a, b in pair.atoms if a))
        assert mixed_lower(pair, 2.0, 1.0) == pytest.approx(at_least, abs=1e-12)
        assert mixed_lower(pair, 2.0, 1.0) <= at_least
        assert mixed_upper(pair, 2.0, 0.0) == pytest.approx(1 - at_least, abs=1e-12)
        assert mixed_lower(pair, 2.0, 0.0) == 0
        assert mixed_upper(pair, 2.0, 1.0) == 1

    def test_shapes(self, pair):
        assert mixed_lower(pair, 1.0, 0.9).shape == ()
        assert mixed_lower(pair, [[1.0], [2.0]], [0.9, 0.8, 0.7]).shape == (2, 3)
        assert mixed_radius(pair, np.full((2, 3), 0.9999)).shape == (2, 3)
        assert mixed_radius(pair, []).shape == (0,)
        assert mixed_needed(pair, [[1.0, 2.0]]).shape == (1, 2)

    def test_lengths_that_are_refused(self, pair):
        for length in (-1.0, np.nan, np.inf):
            with pytest.raises(ValueError, match="distance must be finite numbers of 0 or more"):
                mixed_lower(pair, length, 0.5)


class TestRadius:
    def test_without_a_discrete_change(self):
        miss = np.concatenate([10.0 ** -np.arange(1.0, 300, 7), [0.3, 0.49, 0.5, 0.7]])
        radius, known = mixed_radius(SAME, 0.0, miss=miss), radius_of_tails(miss)
        assert np.all(np.abs(radius - known) < 5e-12)
        rival = np.minimum(miss, 1e-3) / 2
        radius = mixed_radius(SAME, 0.0, rival, miss=miss)
        assert np.all(np.abs(radius - radius_of_tails(miss, rival)) < 5e-12)

    def test_proved_and_hardly_smaller_than_possible(self, pair):
        """One-sided and two-sided, against 40 digits: proved at R, false a little beyond."""
        rng = np.random.default_rng(1)
        p = 1 - 10.0 ** rng.uniform(-14, -1, 6)
        q = (1 - p) * rng.choice([1.0, 0.5, 1e-3], 6)
        radius, seen = mixed_radius(pair, p, q), 0
        for top, rival, r in zip(p, q, radius, strict=True):
            if r == 0:
                assert not pair.proves(top, rival)
                continue
            seen += 1
            for scale, proved in ((1, True), (1 + 4e-12, False)):
                curve = Curve(pair, r * scale)
                lead = curve.lower(mp.mpf(top)) - (1 - curve.lower(1 - mp.mpf(rival)))
                assert (lead > 0) == proved
        assert seen > 2

    def test_more_changes_leave_less(self):
        p = np.array([0.9, 0.99, 0.9999, 1 - 1e-9])
        for make in (lambda k: categorical("0.7", 4, k), lambda k: dropped("0.9", k)):
            radii = np.array(
                [mixed_radius(make(k), p) if k else mixed_radius(SAME, p) for k in range(5)]
            )
            assert np.all(np.diff(radii, axis=0) <= 0)
            assert radii[-1, -1] < radii[0, -1]

    def test_rising_in_the_top_and_falling_in_the_others(self, pair):
        p = 1 - np.logspace(-1, -8, 30)
        assert np.all(np.diff(mixed_radius(pair, p)) >= 0)
        q = np.logspace(-4, -9, 20)
        assert np.all(np.diff(mixed_radius(pair, 1 - 1e-4, q)) >= -1e-11)
        assert np.all(mixed_radius(pair, p, (1 - p) / 2) >= mixed_radius(pair, p))

    def test_what_is_never_missed(self, pair):
        infinite = pair.proves(1.0)
        assert mixed_radius(pair, 1.0) == (np.inf if infinite else 0)
        assert mixed_radius(pair, 0.0, 0.0, miss=1e-3) == mixed_radius(pair, 1.0)


class TestBruteForce:
    """Cells of the line times all discrete outcomes, sorted by likelihood ratio."""

    @pytest.mark.parametrize("r", [0.3, 1.0, 2.5])
    @pytest.mark.parametrize(("keep", "others"), [("0.8", 3), ("0.6", 1), ("0.7", 2)])
    def test_whole_space(self, keep, others, r):
        keep = float(Fraction(keep))
        edges = np.concatenate([[-np.inf], np.linspace(-9, 9 + r, 6000), [np.inf]])
        # two changed columns, and one that stays
        law = [
            [keep if value == v else (1 - keep) / others for value in range(others + 1)]
            for v in (0, 1)
        ]
        here = [np.prod(m) for m in itertools.product(law[0], law[0], law[0])]
        there = [np.prod(m) for m in itertools.product(law[1], law[1], law[0])]
        at_x = np.outer(here, np.diff(ndtr(edges))).ravel()
        at_other = np.outer(there, np.diff(ndtr(edges - r))).ravel()
        with np.errstate(invalid="ignore", divide="ignore"):
            order = np.argsort(np.nan_to_num(at_other / at_x, nan=0.0, posinf=1e300))
        sums = np.cumsum(at_x[order]), np.cumsum(at_other[order])
        pair = categorical(Fraction(keep), others, 2)
        p = np.array([0.3, 0.7, 0.9, 0.99, 0.999])
        found = np.interp(p, *sums)
        assert np.abs(mixed_lower(pair, r, p) - found).max() < 2e-6

    def test_random_bases(self):
        """A number and two columns with three values; every neighbour within R_k is asked."""
        rng = np.random.default_rng(2)
        keep, others, asked = 0.85, 2, 0
        pairs = [SAME] + [categorical(Fraction(keep), others, k) for k in (1, 2)]
        law = np.full((3, 3), (1 - keep) / others)
        np.fill_diagonal(law, keep)
        for _ in range(60):
            cuts = np.sort(rng.normal(size=3)) * 2
            answers = rng.random((4, 3, 3)) < rng.uniform(0.0, 0.2)  # is it class 1?
            x, u, v = rng.normal(), *rng.integers(3, size=2)

            def share(number, first, second, cuts=cuts, answers=answers):
                cells = np.diff(ndtr(np.concatenate([[-np.inf], cuts, [np.inf]]) - number))
                return np.einsum("i,j,k,ijk->", cells, law[first], law[second], answers)

            miss = share(x, u, v)
            if miss > 0.5:
                miss, answers = 1 - miss, ~answers
            radii = [float(mixed_radius(pair, 1 - miss)) for pair in pairs]
            for a, b in itertools.product(range(3), repeat=2):
                r = radii[int(a != u) + int(b != v)]
                for move in np.linspace(-min(r, 9), min(r, 9), 15) * (1 - 1e-9):
                    if r:
                        asked += 1
                        assert share(x + move, a, b, cuts, answers) < 0.5
        assert asked > 1000
