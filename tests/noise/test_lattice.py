"""The integers that noise is drawn with, against mpmath: which distribution do they really give?"""

import bisect
import collections
import hashlib
from fractions import Fraction

import numpy as np
import pytest
from scipy import special, stats

from sksmooth.noise import IntegerGaussian
from sksmooth.noise.samplers import (
    ColumnTables,
    FineLaplace,
    FineNormal,
    FineUniform,
    RoundedLaplace,
    RoundedNormal,
    TableSampler,
    WideUniform,
    replacement,
    uniform,
)
from sksmooth.noise.samplers import cells as fine
from sksmooth.noise.samplers.fixed_point import (
    BITS,
    density,
    fixed,
    rounded_laplace,
    rounded_normal,
)
from sksmooth.noise.streams import Philox, Purpose

mpmath = pytest.importorskip("mpmath")
mp = mpmath.mp.clone()
mp.dps = 80

SIGMAS = (0.12, 0.25, 0.5, 1.0)
KEY = np.array([1, 2], dtype=np.uint64)


def stream(block=0):
    return Philox().at(KEY, block, Purpose.ESTIMATE)


class Script:
    """A stream whose words are given; notes how many are taken."""

    def __init__(self, first, second=()):
        self.halves = [np.array(words, dtype=np.uint64) for words in (first, second)]
        self.taken = [0, 0]

    def next(self, half, n):
        words = self.halves[half][self.taken[half] : self.taken[half] + n]
        assert len(words) == n
        self.taken[half] += n
        return words

    def words(self, n):
        return self.next(0, n)

    def more(self, n):
        return self.next(1, n)


def exactly(value):
    """A Fraction for mpmath."""
    return mp.mpf(value.numerator) / value.denominator


def below(x):
    """The normal distribution function, accurate in its lower tail."""
    return mp.erfc(-x / mp.sqrt(2)) / 2


def between(low, high):
    """P(low < Z < high), without cancellation in the upper tail."""
    return below(high) - below(low) if low < 0 else below(-low) - below(-high)


def laplace_below(x):
    """The Laplace distribution function."""
    return mp.exp(x) / 2 if x < 0 else 1 - mp.exp(-x) / 2


def laplace_between(low, high):
    if low < 0:
        return laplace_below(high) - laplace_below(low)
    return laplace_below(-low) - laplace_below(-high)


class TestFixedPoint:
    def test_fractions_are_rounded_down(self):
        assert fixed(Fraction(1, 3)) == 2**256 // 3
        assert fixed(Fraction(-1, 3)) == -(2**256) // 3
        assert fixed(Fraction(5)) == 5 << BITS

    @pytest.mark.parametrize(
        "square",
        ["0", "1e-30", "1/3", "1", "2", "9", "81", "100", "143.5", "0.000244140625"],
    )
    def test_density(self, square):
        square = Fraction(square)
        error = mp.mpf(density(square)) / 2**BITS - mp.exp(-exactly(square) / 2)
        assert abs(error) < mp.mpf(2) ** -236  # 2**16 squared errors of 2**-256, and some

    @pytest.mark.parametrize(
        "scale", ["1", "8", "30.6", "63.75", "127.5", "255", "512", "1024", "1000/7"]
    )
    def test_rounded_normal(self, scale):
        scale = Fraction(scale)
        weights = rounded_normal(scale)
        assert abs(2 * sum(weights) - weights[0] - 2**BITS) < 2 * len(weights)
        s = exactly(scale)
        assert len(weights) > 12 * s
        some = np.unique(np.linspace(0, len(weights) - 1, 45).astype(int)).tolist()
        for k in {*range(5), *some}:
            expected = between((k - mp.mpf("0.5")) / s, (k + mp.mpf("0.5")) / s)
            # nothing but what lies beyond 12 standard deviations is missing
            assert abs(mp.mpf(weights[k]) / 2**BITS - expected) < expected * mp.mpf("4e-33")

    @pytest.mark.parametrize("scale", ["1", "8", "21.6", "180", "700", "1000/7"])
    def test_rounded_laplace(self, scale):
        scale = Fraction(scale)
        weights = rounded_laplace(scale)
        s = exactly(scale)
        assert len(weights) > 80 * s
        assert abs(2 * sum(weights) - weights[0] - 2**BITS) < 2**BITS * mp.mpf("4e-35")
        some = np.unique(np.linspace(0, len(weights) - 1, 45).astype(int)).tolist()
        for k in {*range(5), *some}:
            expected = laplace_between((k - mp.mpf("0.5")) / s, (k + mp.mpf("0.5")) / s)
            assert abs(mp.mpf(weights[k]) / 2**BITS - expected) < expected * mp.mpf("1e-30")

    def test_reach(self):
        assert 2 * below(mp.mpf(-12)) < mp.mpf("4e-33")

    def test_the_constant(self):
        with mp.workdps(100):
            assert abs(exactly(fine._PEAK) * mp.sqrt(2 * mp.pi) - 1) < mp.mpf("1e-78")


def normal_steps(scale):
    """A sampler for images, and its distribution function halfway between two steps."""
    return RoundedNormal(scale), lambda k: below((k + mp.mpf("0.5")) / exactly(scale))


def laplace_steps(scale):
    return RoundedLaplace(scale), lambda k: laplace_below((k + mp.mpf("0.5")) / exactly(scale))


def uniform_steps(number):
    def distribution(k):
        return mp.mpf(min(max(k + (number + 1) // 2, 0), number)) / number

    return uniform(number), distribution


def replaced(keep, n_others):
    """As of a categorical column: 0 is the row's own value."""

    def distribution(k):
        if k < 0:
            return mp.mpf(0)
        return exactly(keep + (1 - keep) * Fraction(min(k, n_others), n_others))

    return replacement(keep, n_others), distribution


COARSE = {
    **{f"normal, {s}": lambda s=s: normal_steps(Fraction(s) * 255) for s in SIGMAS},
    **{f"normal, {s} steps": lambda s=s: normal_steps(Fraction(s)) for s in (7, 8, 512)},
    **{f"laplace, {s} steps": lambda s=s: laplace_steps(Fraction(s)) for s in ("1", "85/4", "370")},
    **{f"uniform, {n} steps": lambda n=n: uniform_steps(n) for n in (3, 441, 1767)},
    "binary": lambda: replaced(Fraction(11, 16), 1),
    "binary, finely": lambda: replaced(Fraction(2**63 + 12345, 2**64), 1),
    "categorical": lambda: replaced(Fraction(2**64 // 5 * 3, 2**64), 6),
    "256 values": lambda: replaced(Fraction(1, 5) // Fraction(1, 2**64) * Fraction(1, 2**64), 255),
}


@pytest.fixture(scope="module", params=COARSE)
def coarse(request):
    """A sampler with a table, and the distribution function that it should have."""
    return COARSE[request.param]()


class TestTables:
    def test_thresholds_are_the_distribution_function_rounded_down(self, coarse):
        sampler, distribution = coarse
        for j, threshold in enumerate(sampler.thresholds.tolist()):
            expected = distribution(sampler.lowest + j)
            assert threshold == min(int(mp.floor(expected * 2**64)), 2**64 - 1)
        # nothing is left out but what no 64 bits give
        assert distribution(sampler.lowest - 1) < mp.mpf(2) ** -64
        assert 1 - distribution(sampler.lowest + len(sampler.thresholds)) < mp.mpf(2) ** -63
        assert sampler.thresholds[0] > 0

    def test_total_variation_distance(self, coarse):
        """Exactly, from the integers: half the sum of all differences of probabilities."""
        sampler, distribution = coarse
        edges = [0, *sampler.thresholds.tolist(), 2**64]
        cdf = [distribution(sampler.lowest + j) for j in range(-1, len(edges) - 1)]
        distance = cdf[0] + 1 - cdf[-1]  # values that are never drawn
        for j in range(len(edges) - 1):
            drawn = mp.mpf(edges[j + 1] - edges[j]) / 2**64
            distance += abs(drawn - (cdf[j + 1] - cdf[j]))
        distance /= 2
        if sampler.tv_error == 0:
            assert distance == 0
        else:
            assert sampler.tv_error / 100 < distance < sampler.tv_error < 2e-15

    def test_all_entries_of_the_table(self, coarse):
        """The value for 16 bits is that of all 64 bits which begin with these, or is left open."""
        sampler, _ = coarse
        thresholds, lowest = sampler.thresholds.tolist(), sampler.lowest
        assert sampler.table.shape == (65536,)
        for index, value in enumerate(sampler.table.tolist()):
            first = bisect.bisect_right(thresholds, index << 48) + lowest
            last = bisect.bisect_right(thresholds, (index << 48) + 2**48 - 1) + lowest
            assert value == (first if first == last else -32768)
        assert -32768 < lowest < lowest + len(thresholds) < 32767

    def test_every_way_through_draw(self, coarse):
        """Each threshold met from below, hit and passed; against bisection of all 64 bits."""
        sampler, _ = coarse
        thresholds = sampler.thresholds.tolist()
        bits = {
            0,
            2**64 - 1,
            *np.random.default_rng(0).integers(2**64, size=999, dtype="u8").tolist(),
        }
        for threshold in thresholds:
            bits |= {threshold - 1, threshold, min(threshold + 1, 2**64 - 1)}
        bits = sorted(bits)
        np.random.default_rng(0).shuffle(bits)
        expected = [bisect.bisect_right(thresholds, b) + sampler.lowest for b in bits]
        index = [b >> 48 for b in bits]
        words = [
            sum(part << 16 * place for place, part in enumerate(index[i : i + 4]))
            for i in range(0, len(index), 4)
        ]
        unsure = [b for b in bits if sampler.table[b >> 48] == -32768]
        # other bits of the second half's words than the first 48 do not matter
        script = Script(words, [(b << 16) % 2**64 | 0xABCD for b in unsure])
        out = np.empty(len(bits), dtype=np.int16)
        sampler.draw(script, out)
        assert out.tolist() == expected
        assert script.taken == [len(words), len(unsure)]

    def test_fewer_are_a_prefix(self, coarse):
        sampler, _ = coarse
        long = np.empty(100_001, dtype=np.int16)
        sampler.draw(stream(), long)
        for n in (1, 2, 3, 4, 5, 1000, 9999):
            short = np.empty(n, dtype=np.int16)
            sampler.draw(stream(), short)
            assert np.array_equal(short, long[:n])

    @pytest.mark.parametrize("scale", [Fraction(99, 100), Fraction(1025), Fraction(0)])
    def test_scales_that_are_refused(self, scale):
        with pytest.raises(ValueError, match="between 1 and 1024"):
            RoundedNormal(scale)
        with pytest.raises(ValueError, match="between 1 and 700"):
            RoundedLaplace(scale)

    def test_what_is_refused(self):
        for number in (-1, 1, 2, 440):
            with pytest.raises(ValueError, match="n_values must be odd, and 3 or more"):
                uniform(number)
        for keep in (Fraction(0), Fraction(2), Fraction(1, 3), Fraction(1, 2**65)):
            with pytest.raises(ValueError, match="keep must be a multiple of 2"):
                replacement(keep, 2)
        with pytest.raises(ValueError, match="n_others 1 or more; got 1/2 and 0"):
            replacement(Fraction(1, 2), 0)
        thresholds = np.arange(1, 49_153, dtype=np.uint64)
        TableSampler(thresholds[1:], -16_384, 0.0)
        with pytest.raises(ValueError, match="between -32767 and 32767; got -16384 to 32768"):
            TableSampler(thresholds, -16_384, 0.0)

    def test_what_is_always_kept(self):
        out = np.ones(1000, dtype=np.int16)
        replacement(Fraction(1), 4).draw(stream(), out)
        assert not out.any()

    def test_the_reach_of_a_wide_laplace(self):
        sampler = RoundedLaplace(Fraction(700))
        assert -32_768 < sampler.lowest < -30_000


class TestColumns:
    """Columns with tables of their own: each value is what its column's sampler would draw."""

    def test_values(self):
        tables = [replacement(Fraction(3, 4), 1), uniform(441), replacement(Fraction(3, 4), 6)]
        kinds = np.array([0, 1, 0, 2, 2, 1, 0])
        columns = [tables[i] for i in kinds]
        rows = ColumnTables(tables)
        out = np.empty((9000, 7), dtype=np.int16)
        rows.draw(stream(), out.reshape(-1), kinds)
        first = stream().words(-(-out.size // 4)).astype("<u8").view("<u2")[: out.size]
        first = first.reshape(out.shape)
        more = iter(stream().more(out.size).tolist())
        slow = 0
        for row, bits in zip(out.tolist(), first.tolist(), strict=True):
            for value, b, sampler in zip(row, bits, columns, strict=True):
                expected = int(sampler.table[b])
                if expected == -32768:
                    slow += 1
                    place = (b << 48) | (next(more) >> 16)
                    expected = bisect.bisect_right(sampler.thresholds.tolist(), place)
                    expected += sampler.lowest
                assert value == expected
        assert slow > 50

    def test_fewer_are_a_prefix(self):
        rows = ColumnTables([uniform(441), uniform(1767)])
        long, short = np.empty(40_000, dtype=np.int16), np.empty(3000, dtype=np.int16)
        rows.draw(stream(), long, np.array([0, 1]))
        rows.draw(stream(), short, np.array([0, 1]))
        assert np.array_equal(short, long[:3000])

    def test_columns_that_are_alike(self):
        one = uniform(441)
        alone, rows = np.empty(3000, dtype=np.int16), np.empty(3000, dtype=np.int16)
        one.draw(stream(), alone)
        ColumnTables([one]).draw(stream(), rows, np.zeros(5, dtype=int))
        assert np.array_equal(alone, rows)


def odd_scale(sigma):
    """The scale for rows that lie between the levels of images."""
    noise = IntegerGaussian(sigma, 1, levels=255)
    step = Fraction(1, 255)
    odd = round(step / noise._fine_step)
    assert odd % 2 == 1
    assert noise._fine_step * odd == step
    return Fraction(sigma) / noise._fine_step


class NormalLaw:
    """A normal that is rounded to integers, and the discrete one that stands for it."""

    sampler = FineNormal
    reach = 9, mp.mpf("2.3e-19")
    slow = 0.005, 0.02
    alike = mp.mpf("1e-22")  # relative difference of the two
    tv_error = 2.0**-52

    def __init__(self, scale):
        self.scale = scale
        self.variance = scale**2 + mp.mpf(1) / 12
        self.peak = 1 / mp.sqrt(2 * mp.pi * self.variance)

    def between(self, low, high):
        return between(low / self.scale, high / self.scale)

    def density(self, k):
        """That of the discrete normal, but for a factor."""
        return mp.exp(-(mp.mpf(k) ** 2) / (2 * self.variance))


class LaplaceLaw:
    sampler = FineLaplace
    reach = 44, mp.mpf("7.9e-20")
    slow = 0.012, 0.025
    alike = mp.mpf("1e-22")
    # at 0 alone the two differ, by this probability; times b squared
    at_zero = mp.mpf(1) / 8

    def __init__(self, scale):
        self.scale = scale
        self.peak = mp.sinh(1 / (2 * scale))
        self.tv_error = 2.0**-52 + float(self.at_zero / scale**2)

    def between(self, low, high):
        return laplace_between(low / self.scale, high / self.scale)

    def density(self, k):
        return mp.exp(-abs(mp.mpf(k)) / self.scale)


FINE = {
    "22 bits": (NormalLaw, Fraction(2**22), 16),
    "32 bits": (NormalLaw, Fraction(2**32), 26),
    "images, .12": (NormalLaw, odd_scale(0.12), 16),
    "images, 1": (NormalLaw, odd_scale(1.0), 16),
    "bytes": (NormalLaw, odd_scale(8 / 255), 16),
    "laplace": (LaplaceLaw, Fraction(2**22), 16),
    "laplace, 32 bits": (LaplaceLaw, Fraction(2**32), 26),
    "laplace, wide": (LaplaceLaw, Fraction(2**22) * Fraction(13, 10), 16),
}


class Implied:
    r"""The distribution that the integers of a `CellSampler` give, beside the one they should.

    With w points in a cell, t of its tickets, a share s of the alias table, n slow tickets, and A
    the chance of a candidate at k to be accepted,

    .. math:: P(k) = \frac{1}{w} \left(\frac{t}{65536}
        + \frac{n}{65536} \cdot \frac{s A(k)}{\sum_{\text{cells}} s \bar{A}} \right).

    In real arithmetic :math:`A(k) = (r + D(k) - 1) / r` with r the cell's `room` and D the density
    relative to the cell's near end; `error` bounds what floats add to that.
    """

    def __init__(self, law, scale, bits):
        self.sampler = sampler = law.sampler(scale, bits)
        self.scale, self.width = exactly(scale), 2**bits
        self.law = law(self.scale)
        # by how much the probability of 0 may differ; the rest of the values share in it
        self.at_zero = getattr(law, "at_zero", 0) / self.scale**2
        self.starts = sampler._starts.tolist()
        self.near = sampler._near.tolist()
        self.room = [mp.mpf(room) for room in sampler._room.tolist()]
        tickets = collections.Counter(sampler.cells[: 65536 - sampler.n_slow].tolist())
        assert set(tickets) <= set(self.starts)
        self.tickets = [tickets[start] for start in self.starts]
        self.slow = mp.mpf(sampler.n_slow) / 65536
        weights, columns = collections.Counter(), len(sampler._threshold)
        for column, (own, alias) in enumerate(
            zip(sampler._threshold.tolist(), sampler._alias.tolist(), strict=True)
        ):
            weights[column] += own
            weights[alias] += 2**64 // columns - own
        self.share = [mp.mpf(weights[c]) / 2**64 for c in range(len(self.starts))]
        assert sum(weights[c] for c in range(len(self.starts))) == 2**64
        # all points of a cell: P(edge < Z < edge)
        half = mp.mpf("0.5")
        self.mass = [
            self.law.between(start - half, start + self.width - half) for start in self.starts
        ]
        self.peak = self.law.peak
        self.accepted = [
            share * self.accept(c, self.mass[c] / (self.width * self.peak * self.density(near)))
            for c, (share, near) in enumerate(zip(self.share, self.near, strict=True))
        ]
        self.total = sum(self.accepted)

    def density(self, k):
        return self.law.density(k)

    def accept(self, cell, relative):
        return (self.room[cell] + relative - 1) / self.room[cell]

    def at(self, cell, accept):
        """P(k) for a k in the cell that is accepted with this chance."""
        fast = mp.mpf(self.tickets[cell]) / 65536
        return (fast + self.slow * self.share[cell] * accept / self.total) / self.width

    def true(self, k):
        half = mp.mpf("0.5")
        return self.law.between(k - half, k + half)

    def ends(self, cell):
        return self.starts[cell], self.starts[cell] + self.width - 1

    def error(self, cell):
        """Bound on a chance's error; u = 2**-53 is the relative error of an operation.

        The exponent y has 3 errors (factor and two products; its integers are exact). Horner's
        scheme adds at most 2 for the outermost term and less than 1 for all the others, as |y| is
        below 0.15. Its first missing term is y**8 / 8!, and the signs alternate. Then `room + loss`
        and `chance * room` have one each, and chances are multiples of u.
        """
        u = mp.mpf(2) ** -53
        low, high = sorted(abs(k) for k in self.ends(cell))
        y = mp.log(self.density(low) / self.density(high))
        assert y < 0.15
        return (y**8 / 40320 + 6 * u * y) / self.room[cell] + 3 * u


@pytest.fixture(scope="module", params=FINE)
def implied(request):
    return Implied(*FINE[request.param])


def chances(sampler, cells, positions):
    """The share of chances with which `_candidates` accepts: exactly, by bisection of all 2**53.

    No two candidates may be the same point, since it is by the points that they are told apart.
    """
    points = sampler._starts[cells] + positions
    assert len(np.unique(points)) == len(points)
    words = np.empty((len(cells), 3), dtype=np.uint64)
    words[:, 0] = cells  # columns, and below their thresholds
    assert np.all(sampler._threshold[cells] > 0)
    words[:, 1] = positions.astype(np.uint64) << np.uint64(64 - sampler.bits)
    low, high = np.zeros(len(cells), dtype=np.int64), np.full(len(cells), 2**53)
    while np.any(low < high):  # the first chance that is not accepted
        middle = (low + high) // 2
        words[:, 2] = middle.astype(np.uint64) << np.uint64(11)
        accepted = np.isin(points, sampler._candidates(words)) & (middle < 2**53)
        low, high = np.where(accepted, middle + 1, low), np.where(accepted, high, middle)
    return low.tolist()


class TestCells:
    def test_cells(self, implied):
        """They tile the line as far as almost all values lie; none has 0 inside."""
        starts, width = implied.starts, implied.width
        assert np.all(np.diff(starts) == width)
        assert 0 in starts
        assert starts[0] == -starts[-1] - width
        assert 0.7 / 64 < width / implied.scale < 1.4 / 64
        reach, beyond = implied.law.reach
        assert -starts[0] >= reach * implied.scale
        assert 2 * implied.law.between(-starts[0], 400 * implied.scale) < beyond
        for cell in range(len(starts)):
            assert implied.near[cell] == min(abs(k) for k in implied.ends(cell))

    def test_tickets_are_below_the_density(self, implied):
        """And not by more than one: a gap is for the slow way, which takes 1.1 % or less."""
        for cell, tickets in enumerate(implied.tickets):
            least = implied.peak * implied.width * min(map(implied.density, implied.ends(cell)))
            assert tickets == int(least * 65536)
        least, most = implied.law.slow
        assert least < implied.slow < most
        assert implied.sampler.n_slow == 65536 - sum(implied.tickets)
        assert len(implied.sampler.cells) == 65536

    def test_a_discrete_law_is_a_rounded_one(self, implied):
        """In the middle, at cells' edges and in the tails.

        A normal with the variance of a uniform added; a Laplace but for 0.
        """
        rng = np.random.default_rng(0)
        points = {
            0,
            1,
            -1,
            *(k for cell in range(0, len(implied.starts), 25) for k in implied.ends(cell)),
        }
        points |= set(rng.integers(implied.starts[0], -implied.starts[0], size=50).tolist())
        if implied.at_zero:
            points.remove(0)
            less = implied.peak - implied.true(0)
            assert abs(less / implied.at_zero - 1) < 2.0**-40
        for k in points:
            relative = implied.true(k) / (implied.peak * implied.density(k)) - 1
            assert abs(relative) < implied.law.alike

    def test_chances_of_candidates(self, implied):
        """Bisection of the code's comparison, at edges and inside of cells, middle and tails."""
        sampler, width = implied.sampler, implied.width
        rng = np.random.default_rng(0)
        reached = np.flatnonzero(np.array(implied.share) > 0)
        reached = reached[sampler._threshold[reached] > 0]
        middle = int(np.searchsorted(implied.starts, 0))
        some = {middle - 2, middle - 1, middle, middle + 1, reached[0], reached[-1]}
        some = np.array(sorted({*map(int, some), *rng.choice(reached, 60).tolist()}))
        places = [0, 1, width // 2, width - 2, width - 1, *rng.integers(2, width - 2, 8).tolist()]
        places = np.array(sorted(set(places)))
        cells, positions = np.repeat(some, len(places)), np.tile(places, len(some))
        found = chances(sampler, cells, positions)
        worst = 0
        for cell, position, count in zip(cells.tolist(), positions.tolist(), found, strict=True):
            k = implied.starts[cell] + position
            chance = implied.accept(cell, implied.density(k) / implied.density(implied.near[cell]))
            off = abs(mp.mpf(count) / 2**53 - chance)
            assert off <= implied.error(cell)
            worst = max(worst, off / implied.error(cell))
            # so the probability of this very point is what it should be
            drawn, true = implied.at(cell, mp.mpf(count) / 2**53), implied.true(k)
            most = 1e-15 * true + mp.mpf(2) ** -60 / width + implied.at_zero * (k == 0)
            assert abs(drawn - true) < most + implied.at_zero * true
        assert worst > 0.05  # the bound is not a careless one

    def test_total_variation_distance(self, implied):
        """Below what is claimed. This is a proof, for the tables at hand.

        Inside a cell, drawn minus true probability is a linear function of the density (up to what
        the tests above bound: 1e-22 of each probability, and the floats' errors), and the density
        is monotone there; so the difference is largest at an end of the cell. The floats' errors
        change the distribution of slow values, by no more than twice their mean, relative to the
        mean chance to be accepted.
        """
        distance, floats = 1 - sum(implied.mass), mp.mpf(0)
        for cell, mass in enumerate(implied.mass):
            near = implied.density(implied.near[cell])
            ends = [
                abs(implied.at(cell, implied.accept(cell, d / near)) - implied.peak * d)
                for d in map(implied.density, implied.ends(cell))
            ]
            distance += implied.width * max(ends) + 1e-22 * mass
            floats += implied.share[cell] * implied.error(cell)
        distance += implied.slow * 2 * floats / implied.total
        distance += implied.at_zero
        distance /= 2
        assert distance < implied.sampler.tv_error
        assert implied.sampler.tv_error == pytest.approx(implied.law.tv_error, rel=1e-12)
        assert distance > implied.sampler.tv_error / 1000

    def test_cells_have_their_mass(self, implied):
        for cell, mass in enumerate(implied.mass):
            drawn = mp.mpf(implied.tickets[cell]) / 65536
            drawn += implied.slow * implied.accepted[cell] / implied.total
            most = 1e-15 * mass + mp.mpf(2) ** -62
            most += implied.at_zero * (mass if implied.starts[cell] else 1)
            assert abs(drawn - mass) < most

    def test_where_values_find_their_bits(self, implied):
        """Of 32 bits the lower half is the place, the upper the ticket.

        Of 64, the upper 16 are the ticket, and the place is in the lower 32, but for their last.
        """
        sampler, rng = implied.sampler, np.random.default_rng(0)
        tickets = rng.integers(65536 - sampler.n_slow, size=30_001).tolist()
        places = rng.integers(implied.width, size=30_001).tolist()
        if sampler.bits == 16:
            halves = [t << 16 | p for t, p in zip(tickets, places, strict=True)] + [0]
            words = [halves[i] | halves[i + 1] << 32 for i in range(0, 30_001, 2)]
        else:
            last = 32 - sampler.bits
            lower = [p << last | i % 2**last for i, p in enumerate(places)]
            words = [t << 48 | 0xABCD << 32 | p for t, p in zip(tickets, lower, strict=True)]
        script = Script(words)
        out = np.empty(30_001, dtype=sampler.dtype)
        sampler.draw(script, out)
        starts = np.repeat(implied.starts, implied.tickets)
        assert out.tolist() == (starts[tickets] + places).tolist()
        assert script.taken == [len(words), 0]

    def test_slow_values_take_accepted_candidates_in_their_order(self, implied):
        sampler = implied.sampler
        drawn = np.empty(60_000, dtype=sampler.dtype)
        sampler.draw(stream(), drawn)
        narrow = sampler.bits == 16
        words = stream().words(30_000 if narrow else 60_000).astype("<u8")
        tickets = words.view("<u2")[1::2] if narrow else words.view("<u2")[3::4]
        slow = drawn[tickets >= 65536 - sampler.n_slow]
        assert 300 < len(slow) < 1500
        # one by one; the second half's words, three for a candidate
        source, accepted = stream(), []
        while len(accepted) < len(slow):
            accepted += sampler._candidates(source.more(3).reshape(1, 3)).tolist()
        assert slow.tolist() == accepted

    def test_fewer_are_a_prefix(self, implied):
        long = np.empty(50_001, dtype=implied.sampler.dtype)
        implied.sampler.draw(stream(), long)
        for n in (1, 2, 3, 500, 501, 11_999, 12_000, 12_001, 24_001):
            short = np.empty(n, dtype=long.dtype)
            implied.sampler.draw(stream(), short)
            assert np.array_equal(short, long[:n])

    @pytest.mark.parametrize("portion", [2, 10, 1000, 10**6])
    def test_portions_do_not_matter(self, implied, portion, monkeypatch):
        expected, other = (np.empty(30_001, dtype=implied.sampler.dtype) for _ in range(2))
        implied.sampler.draw(stream(), expected)
        monkeypatch.setattr(fine, "_PORTION", portion)
        implied.sampler.draw(stream(), other)
        assert np.array_equal(other, expected)

    @pytest.mark.parametrize(
        ("scale", "bits"), [(2**22, 26), (2**32, 16), (2**22 * 1.5, 16), (2**22 * 0.6, 16)]
    )
    def test_scales_that_are_refused(self, scale, bits):
        for sampler in (FineNormal, FineLaplace):
            with pytest.raises(ValueError, match="scale must be near"):
                sampler(Fraction(scale), bits)


class TestWideUniform:
    @pytest.mark.parametrize("number", [1, 3, 441, 441 * 9_739_091, 2**32 - 1])
    def test_words_times_the_number(self, number):
        rng = np.random.default_rng(0)
        words = [0, 2**64 - 1, *rng.integers(2**64, size=500, dtype="u8").tolist()]
        out = np.empty(len(words), dtype=np.int64)
        WideUniform(number).draw(Script(words), out)
        assert out.tolist() == [(word * number >> 64) - number // 2 for word in words]
        # each value's share of all words is off by less than one
        assert WideUniform(number).tv_error == number / 2**64

    def test_what_is_refused(self):
        for number in (0, 2, 2**32, 2**32 + 1):
            with pytest.raises(ValueError, match="n_values must be odd, and below"):
                WideUniform(number)


class TestFineUniform:
    def test_half_a_word_a_value(self):
        halves = [0, 1, 2**31 - 1, 2**31, 2**32 - 1]
        words = [halves[0] | halves[1] << 32, halves[2] | halves[3] << 32, halves[4]]
        script, out = Script(words), np.empty(5, dtype=np.int64)
        FineUniform().draw(script, out)
        assert out.tolist() == [0, 1, 2**31 - 1, -(2**31), -1]
        assert script.taken == [3, 0]

    def test_fewer_are_a_prefix(self):
        long = np.empty(50_001, dtype=np.int64)
        FineUniform().draw(stream(), long)
        for n in (1, 2, 3, 11_999, 12_000, 12_001):
            short = np.empty(n, dtype=np.int64)
            FineUniform().draw(stream(), short)
            assert np.array_equal(short, long[:n])


@pytest.mark.parametrize("columns", [2048, 8192])
@pytest.mark.parametrize("seed", range(5))
def test_alias_tables(seed, columns):
    """Each weight's share, to one part in 2**64; the largest takes what is left."""
    rng, full = np.random.default_rng(seed), 2**64 // columns
    weights = [int(w * 2**200) for w in rng.pareto(0.5, size=(columns, 1500, 1, 2, 37)[seed])]
    weights[0] = 0 if len(weights) > 1 else 1
    threshold, alias = fine._alias_table(weights, columns)
    assert threshold.dtype == np.uint64
    got = collections.Counter()
    for column, own in enumerate(threshold.tolist()):
        assert 0 <= own <= full
        got[column] += own
        got[int(alias[column])] += full - own
    assert sum(got.values()) == 2**64
    largest = weights.index(max(weights))
    for j, weight in enumerate(weights):
        exact = Fraction(weight, sum(weights)) * 2**64
        assert 0 <= exact - got[j] < 1 or (j == largest and 0 <= got[j] - exact < columns)


def chi_square(counts, probability):
    """p-value; cells that expect fewer than 10 are put together, as is what lies beyond."""
    n = counts.sum()
    enough = probability * n >= 10
    observed = np.append(counts[enough], n - counts[enough].sum())
    expected = np.append(probability[enough], 1 - probability[enough].sum()) * n
    if expected[-1] < 10:
        observed[-2:-1] += observed[-1:]
        expected[-2:-1] += expected[-1:]
        observed, expected = observed[:-1], expected[:-1]
    assert len(observed) > 20
    return stats.chi2.sf(np.sum((observed - expected) ** 2 / expected), len(observed) - 1)


def probabilities(first, number, width, scale):
    """P of `number` intervals of `width` integers, the first beginning at `first`."""
    edges = (first - 0.5 + width * np.arange(number + 1.0)) / scale
    lower, upper = special.ndtr(edges), special.ndtr(-edges)
    return np.where(edges[:-1] < 0, np.diff(lower), -np.diff(upper))


@pytest.mark.slow
@pytest.mark.parametrize("sigma", SIGMAS)
def test_rounded_normals_by_the_million(sigma):
    """Chi-square of 10 million draws, on all values that come up ten times or more."""
    scale = Fraction(sigma) * 255
    sampler = RoundedNormal(scale)
    reach = int(8 * scale)
    out, counts = np.empty(10**6, dtype=np.int16), np.zeros(2 * reach + 1, dtype=np.int64)
    for block in range(10):
        sampler.draw(stream(block), out)
        counts += np.bincount(out.astype(int) + reach, minlength=2 * reach + 1)
    assert chi_square(counts, probabilities(-reach, 2 * reach + 1, 1, float(scale))) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [*SIGMAS, None])
def test_fine_normals_by_the_million(sigma):
    """Likewise, on intervals narrower and wider than the cells, and by the last 8 bits."""
    bits = 26 if sigma is None else 16
    scale = Fraction(2**32) if sigma is None else odd_scale(sigma)
    sampler = FineNormal(scale, bits)
    shifts = (bits - 2, bits - 1, bits, bits + 3)
    reach = [int(7 * scale) >> shift for shift in shifts]
    counts = [np.zeros(2 * r + 2, dtype=np.int64) for r in reach]
    last = np.zeros(256, dtype=np.int64)
    out = np.empty(10**6, dtype=sampler.dtype)
    for block in range(10):
        sampler.draw(stream(block), out)
        for r, shift, count in zip(reach, shifts, counts, strict=True):
            count += np.bincount(np.clip((out >> shift) + r + 1, 0, 2 * r + 1), minlength=2 * r + 2)
        last += np.bincount(out & 255, minlength=256)
    for r, shift, count in zip(reach, shifts, counts, strict=True):
        p = probabilities((-r - 1) << shift, 2 * r + 2, 2**shift, float(scale))
        assert chi_square(count, p) > 1e-3
    assert chi_square(last, np.full(256, 1 / 256)) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("bits", [16, 26])
def test_fine_laplaces_by_the_million(bits):
    """On intervals narrower and wider than the cells, and by the last 8 bits."""
    scale = 2.0 ** (bits + 6)
    sampler = FineLaplace(Fraction(scale), bits)
    last, out = np.zeros(256, dtype=np.int64), np.empty(10**6, dtype=sampler.dtype)
    shifts = (bits - 2, bits, bits + 3)
    reach = [int(30 * scale) >> shift for shift in shifts]
    counts = [np.zeros(2 * r + 2, dtype=np.int64) for r in reach]
    for block in range(5):
        sampler.draw(stream(block), out)
        for r, shift, count in zip(reach, shifts, counts, strict=True):
            count += np.bincount(np.clip((out >> shift) + r + 1, 0, 2 * r + 1), minlength=2 * r + 2)
        last += np.bincount(out & 255, minlength=256)
    for r, shift, count in zip(reach, shifts, counts, strict=True):
        edges = ((np.arange(-r - 1, r + 2) * 2.0**shift) - 0.5) / scale
        left = np.exp(-np.abs(edges)) / 2
        p = np.where(edges[:-1] < 0, np.diff(left), -np.diff(left))
        middle = (edges[:-1] < 0) & (edges[1:] > 0)
        p[middle] = 1 - left[1:][middle] - left[:-1][middle]
        assert chi_square(count, p) > 1e-3
    assert chi_square(last, np.full(256, 1 / 256)) > 1e-3


@pytest.mark.slow
def test_rounded_laplaces_by_their_binary_digits():
    """Their sizes are geometric, so that the binary digits are independent: another way to count.

    Given k > 0, k - 1 has digit i set with probability t / (1 + t), where t = exp(-2**i / b).
    """
    scale = Fraction(85, 4)
    sampler, out = RoundedLaplace(scale), np.empty(4 * 10**6, dtype=np.int16)
    sampler.draw(stream(), out)
    size = np.abs(out[out != 0]).astype(int) - 1
    assert stats.binomtest(int((out > 0).sum()), len(size)).pvalue > 1e-3
    zero = 1 - np.exp(-1 / (2 * float(scale)))
    assert stats.binomtest(int((out == 0).sum()), len(out), zero).pvalue > 1e-3
    digits = (size[:, None] >> np.arange(7)) & 1
    for i in range(7):
        t = np.exp(-(2.0**i) / float(scale))
        assert stats.binomtest(int(digits[:, i].sum()), len(size), t / (1 + t)).pvalue > 1e-3
    assert np.abs(np.corrcoef(digits.T) - np.eye(7)).max() < 4 / np.sqrt(len(size))


# digests of 100,000 values from key (1, 2), block 0: the same on every platform, and for ever
KNOWN = {
    "laplace, 85/4 steps": (lambda: RoundedLaplace(Fraction(85, 4)), "3b5f855768645452"),
    "laplace, 370 steps": (lambda: RoundedLaplace(Fraction(370)), "3970e8ca4fadeab3"),
    "laplace": (lambda: FineLaplace(Fraction(2**22)), "1c6a40bd973220ee"),
    "laplace, 32 bits": (lambda: FineLaplace(Fraction(2**32), 26), "967f454a7ab2bc71"),
    "uniform, 441 steps": (lambda: uniform(441), "0f55a9302884cf4c"),
    "uniform": (FineUniform, "ca4bb488442f8344"),
    "uniform, wide": (lambda: WideUniform(2**32 - 1), "1135f87c79bc80f6"),
    "binary": (lambda: replacement(Fraction(2**63 + 12345, 2**64), 1), "2087178fc61579f1"),
    "256 values": (lambda: replacement(Fraction(2**60 * 3 + 1, 2**64), 255), "7166dc553e923bae"),
}


def test_known_columns():
    tables = ColumnTables([replacement(Fraction(3, 4), k) for k in (1, 5, 2, 40)])
    out = np.empty(100_000, dtype=np.int16)
    tables.draw(stream(), out, np.arange(4))
    found = hashlib.blake2b(out.astype("<i8").tobytes(), digest_size=8).hexdigest()
    assert found == "352633ebaac60ac4"


@pytest.mark.parametrize("name", KNOWN)
def test_known_values(name):
    make, digest = KNOWN[name]
    sampler = make()
    out = np.empty(100_000, dtype=sampler.dtype)
    sampler.draw(stream(), out)
    found = hashlib.blake2b(out.astype("<i8").tobytes(), digest_size=8).hexdigest()
    assert found == digest
