"""Laws rounded to a very fine grid: a cell from a table, and uniform bits inside the cell.

The distribution is cut into cells of 2**bits grid points, about 1/64 of its scale wide. Below the
density lies a staircase, constant over each cell, whose steps are multiples of 2**-16: 65,536
equally likely tickets, each for a cell, and all points of the cell alike. That is 98.6 % of a
normal, and 98.4 % of a Laplace. The other tickets stand for what lies between staircase and
density; it is drawn by rejection: a cell in proportion to the largest gap over it, a point of the
cell, and then a fair comparison of the gap there with the largest.
"""

from collections.abc import Callable
from fractions import Fraction
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fixed_point import BITS, density, fixed, laplace_peak

__all__ = [
    "CellSampler",
    "FineLaplace",
    "FineNormal",
    "FineUniform",
    "WideUniform",
    "below",
    "repeated",
]

_TICKETS = 2**16
_CELLS_PER_SCALE = 64
_REACH = 9  # standard deviations of a normal; 2.3e-19 lies beyond
_LAPLACE_REACH = 44  # scales of a Laplace; 7.8e-20 lies beyond
_COLUMNS = 2048  # of the alias table; more than there are cells of a normal
_LAPLACE_COLUMNS = 8192
# 1 / sqrt(2 pi), to 80 digits; the only constant that is not a ratio of integers
_PEAK = Fraction(
    "0.39894228040143267793994605993438186847585863116493465766592582967065792589930184"
)
_TERMS = 7  # of the series of expm1; the next one is below 2e-17 where it is likely to matter
_PORTION = 12_000  # values at a time; even, as a word serves two
_COMPILED_PORTION = 2**16  # each has calls to pay for


class CellSampler:
    """Integers with a symmetric law that is nearly constant over cells of 2**bits of them.

    Parameters
    ----------
    bits : int
        Grid points in a cell, as a power of two: 16 or less for integers of 32 bits.
    count : int
        Number of cells on each side of 0.
    weigh : callable
        ``weigh(k)`` is the probability of an integer k >= 0, times the number of points in a cell,
        in fixed point; falling.
    columns : int
        A power of two, as large as the number of cells or larger.

    Attributes
    ----------
    cells : ndarray of shape (65536,)
        The lowest point of the cell for each ticket; the last `n_slow` tickets are for the rest.
    tv_error : float
        Total variation distance from the ideal law, at most.
    """

    tv_error: float
    _factor: float  # the logarithm of the density at k is -factor * |k|, or -factor * k**2
    _squares: bool

    def __init__(
        self, bits: int, count: int, weigh: Callable[[int], int], columns: int = _COLUMNS
    ) -> None:
        width = 1 << bits
        self.bits, self._columns = bits, columns
        self._shift = np.uint64(columns.bit_length() - 1)
        self._parts = 2 if bits == 16 else 4  # of 16 random bits, that a value takes
        self._low = np.uint32(32 - bits)
        self.dtype = np.int32 if bits <= 16 else np.int64
        near, tickets, gaps, rooms = [], [], [], []
        for cell in range(-count, count):
            ends = sorted((abs(cell * width), abs((cell + 1) * width - 1)))
            high, low = map(weigh, ends)
            ticket = low * _TICKETS >> BITS
            gap = high - (ticket << BITS) // _TICKETS
            near.append(ends[0])
            tickets.append(ticket)
            gaps.append(gap)
            rooms.append(gap / high)  # of integers, correctly rounded
        starts = np.arange(-count, count, dtype=np.int64) * width
        self.n_slow = _TICKETS - sum(tickets)
        cells = np.repeat(starts, tickets)
        self.cells = np.concatenate([cells, np.zeros(self.n_slow, int)]).astype(self.dtype)
        self._first_slow = np.uint16(_TICKETS - self.n_slow)
        self._near, self._room = np.array(near), np.array(rooms)
        self._starts = starts
        self._threshold, self._alias = _alias_table(gaps, columns)

    def draw(self, stream: Any, out: NDArray[Any]) -> None:
        """Fill a flat array of this `dtype`: from a word a value, or half a word, and what more.

        The words come in portions that fit into the nearer caches, and that the allocator does not
        hand back to the system each time.
        """
        slow = []
        for start in range(0, len(out), _PORTION):
            part = out[start : start + _PORTION]
            bits = self._bits(stream, len(part))
            ticket, inside = bits[self._parts - 1 :: self._parts], bits[:: self._parts]
            self.cells.take(ticket, out=part, mode="clip")  # clip: faster; nothing is clipped
            part += inside if self._parts == 2 else bits.view("<u4")[::2] >> self._low
            slow.append(np.flatnonzero(ticket >= self._first_slow) + start)
        places = np.concatenate(slow)
        if len(places):
            out[places] = self._draw_slowly(stream, len(places))

    def draw_sum(
        self,
        stream: Any,
        row: NDArray[Any],
        step: float,
        scale: NDArray[np.float64] | None,
        out: NDArray[np.floating],
    ) -> None:
        """Fill an array with noise plus a row, times a step and a scale, in one pass.

        Parameters
        ----------
        stream : Streams
            At the start of a block; it has compiled loops.
        row : ndarray of int
            The row's values on the grid, `repeated`.
        step : float
            Of the grid.
        scale : ndarray of float64 or None
            Factors of the values, `repeated`.
        out : ndarray of shape (n, *shape)
            To fill.
        """
        flat, size = out.reshape(-1), out[0].size
        slow, room = [], np.empty(min(len(flat), _COMPILED_PORTION), np.int64)
        for start in range(0, len(flat), _COMPILED_PORTION):
            part, shift = flat[start : start + _COMPILED_PORTION], start % size
            bits = self._bits(stream, len(part)), self._parts == 4, self._low
            law = self.cells, self._first_slow
            factors = None if scale is None else scale[shift:]
            found = stream.loops.sum_cells(*bits, *law, row[shift:], step, factors, part, room)
            slow.append(room[:found] + start)
        places = np.concatenate(slow)
        if len(places):
            column = places % size
            sums = (self._draw_slowly(stream, len(places)) + row[column]) * step
            flat[places] = sums if scale is None else sums * scale[column]

    def _bits(self, stream: Any, n: int) -> NDArray[np.uint16]:
        """Return random bits for n values, in parts of 16."""
        words = stream.words(-(-n * self._parts // 4))
        return words.astype("<u8", copy=False).view("<u2")[: n * self._parts]

    def _draw_slowly(self, stream: Any, n: int) -> NDArray[np.int64]:
        """Return the next n accepted candidates; each is three words of the stream's second half.

        The j-th slow value takes the j-th accepted candidate, however many are looked at together.
        """
        accepted: list[NDArray[np.int64]] = []
        missing = n
        while missing > 0:
            words = stream.more(3 * (missing * 7 // 4 + 32)).reshape(-1, 3)
            found = self._accepted(words, stream.loops)[:missing]
            accepted.append(found)
            missing -= len(found)
        return np.concatenate(accepted)

    def _accepted(self, words: NDArray[np.uint64], loops: Any) -> NDArray[np.int64]:
        if loops is None:
            return self._candidates(words)
        out = np.empty(len(words), np.int64)
        tables = self._threshold, self._alias, self._starts, self._near, self._room
        law = self._factor, self._squares
        found = loops.accepted(words, self._shift, np.uint64(self.bits), *tables, *law, out)
        return out[:found]

    def _candidates(self, words: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the candidates that are accepted, each made of three words."""
        column = (words[:, 0] % np.uint64(self._columns)).astype(np.intp)
        in_own = words[:, 0] >> self._shift < self._threshold[column]
        cell = np.where(in_own, column, self._alias[column])
        k = self._starts[cell] + (words[:, 1] >> np.uint64(64 - self.bits)).astype(np.int64)
        near, room = self._near[cell], self._room[cell]
        # what the density loses from the near end of the cell to k, by its series: only products
        # and sums of floats, which round alike everywhere
        y = (np.abs(k) - near).astype(np.float64)
        if self._squares:
            y *= np.abs(k) + near
        y *= -self._factor
        loss = np.ones(len(y))
        for term in range(_TERMS, 1, -1):
            loss *= y / term
            loss += 1.0
        loss *= y
        chance = (words[:, 2] >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return k[chance * room < room + loss]


class FineNormal(CellSampler):
    r"""Integers k with the probabilities of a rounded normal, :math:`P(k - 1/2 < Z < k + 1/2)`.

    They are those of the discrete normal :math:`\propto \exp(-k^2 / 2V)` with
    :math:`V = \mathrm{scale}^2 + 1/12`, up to a relative error far below that of a float, since
    rounding adds the variance of a uniform.

    Parameters
    ----------
    scale : Fraction
        Standard deviation, in units of the grid.
    bits : int
        Grid points in a cell, as a power of two: 16 if the scale is near 2**22, 26 if near 2**32.

    Attributes
    ----------
    cells : ndarray of shape (65536,)
        The lowest point of the cell for each ticket; the last `n_slow` tickets are for the rest.
    tv_error : float
        Total variation distance from the rounded normal, at most.
    """

    # gaps are 3 % of the whole; each comparison is off by less than 2**-48
    tv_error = 2.0**-52
    _squares = True

    def __init__(self, scale: Fraction, bits: int = 16) -> None:
        width = _width(scale, bits)
        variance = scale**2 + Fraction(1, 12)
        root = isqrt(fixed(variance) << BITS)
        peak = (fixed(_PEAK * width) << BITS) // root
        self._factor = float(1 / (2 * variance))
        super().__init__(
            bits,
            int(_REACH * scale / width) + 1,
            lambda k: peak * density(k**2 / variance) >> BITS,
        )


class FineLaplace(CellSampler):
    r"""Integers k with the probabilities of a rounded Laplace, :math:`P(k - 1/2 < Z < k + 1/2)`.

    For :math:`k \ne 0` that is :math:`\sinh(1 / 2b) e^{-|k| / b}`, with b the scale, and for k = 0
    it is less, by :math:`1 / 8 b^2` at most: which `tv_error` is charged with.

    Parameters
    ----------
    scale : Fraction
        Mean size of the Laplace, in units of the grid.
    bits : int
        Grid points in a cell, as a power of two: 16 if the scale is near 2**22, 26 if near 2**32.

    Attributes
    ----------
    cells : ndarray of shape (65536,)
        The lowest point of the cell for each ticket; the last `n_slow` tickets are for the rest.
    tv_error : float
        Total variation distance from the rounded Laplace, at most.
    """

    _squares = False

    def __init__(self, scale: Fraction, bits: int = 16) -> None:
        width = _width(scale, bits)
        peak = laplace_peak(scale) * width
        self._factor = float(1 / scale)
        # gaps are 2 % of the whole; each comparison is off by less than 2**-48
        self.tv_error = 2.0**-52 + float(1 / (8 * scale**2)) * (1 + 2.0**-40)
        super().__init__(
            bits,
            int(_LAPLACE_REACH * scale / width) + 1,
            lambda k: peak * density(2 * k / scale) >> BITS,
            _LAPLACE_COLUMNS,
        )


class FineUniform:
    """Integers from -2**31 to 2**31 - 1, all with the same probability: half a word a value.

    Attributes
    ----------
    tv_error : float
        0: this is no approximation of a uniform that is rounded down to the grid.
    """

    # the sum of a row and of such noise needs more room than the noise
    dtype = np.int64
    tv_error = 0.0

    def draw(self, stream: Any, out: NDArray[np.int64]) -> None:
        """Fill a flat array, in portions that fit into the nearer caches."""
        for start in range(0, len(out), _PORTION):
            part = out[start : start + _PORTION]
            words = stream.words(-(-len(part) // 2)).astype("<u8", copy=False)
            part[:] = words.view("<i4")[: len(part)]


class WideUniform:
    """An odd number of integers around 0, up to 2**32, all alike: a word a value.

    Parameters
    ----------
    n_values : int
        Number of values.

    Attributes
    ----------
    tv_error : float
        Total variation distance from the uniform law, at most.
    """

    dtype = np.int64

    def __init__(self, n_values: int) -> None:
        if not 1 <= n_values <= 2**32 or n_values % 2 == 0:
            raise ValueError(f"n_values must be odd, and below 2**32; got {n_values}.")
        self.n_values = n_values
        self.tv_error = n_values * 2.0**-64  # each probability is off by less than 2**-64

    def draw(self, stream: Any, out: NDArray[np.int64]) -> None:
        """Fill a flat array: with the words times the number of values, without their last bits."""
        for start in range(0, len(out), _PORTION):
            part = out[start : start + _PORTION]
            part[:] = below(self.n_values, stream.words(len(part)))
            part -= self.n_values // 2


def below(number: int, words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return whole numbers from 0, below one of up to 2**32: words times that, over 2**64."""
    factor, half = np.uint64(number), np.uint64(32)
    carried = ((words & np.uint64(2**32 - 1)) * factor) >> half
    found: NDArray[np.uint64] = ((words >> half) * factor + carried) >> half
    return found


def repeated(values: NDArray[Any], n: int) -> NDArray[Any]:
    """Return the values of a row, over and over, for `CellSampler.draw_sum` of n values."""
    return np.resize(values, values.size + min(n, _COMPILED_PORTION))


def _width(scale: Fraction, bits: int) -> int:
    """Return the number of points in a cell, after checking that it is of a fitting width."""
    width = 1 << bits
    if not 0.7 < scale / (_CELLS_PER_SCALE * width) < 1.4:
        raise ValueError(f"scale must be near {_CELLS_PER_SCALE * width}; got {float(scale)}.")
    return width


def _alias_table(
    weights: list[int], columns: int = _COLUMNS
) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    """Return thresholds and aliases: Walker's method, in integers.

    Column j stands for j below its threshold, of 2**64 / `columns`, and for its alias above.
    """
    total, full = sum(weights), 2**64 // columns
    shares = [weight * columns * full // total for weight in weights]
    shares[shares.index(max(shares))] += columns * full - sum(shares)
    shares += [0] * (columns - len(shares))
    threshold, alias = [full] * columns, list(range(columns))
    small = [j for j, share in enumerate(shares) if share < full]
    large = [j for j, share in enumerate(shares) if share >= full]
    while small and large:
        poor, rich = small.pop(), large[-1]
        threshold[poor], alias[poor] = shares[poor], rich
        shares[rich] -= full - shares[poor]
        if shares[rich] < full:
            small.append(large.pop())
    return np.array(threshold, dtype=np.uint64), np.array(alias, dtype=np.intp)
