"""A normal rounded to a very fine grid: a cell from a table, and uniform bits inside the cell.

The distribution is cut into cells of 2**16 grid points, 1/64 of a standard deviation wide. Below
the density lies a staircase, constant over each cell, whose steps are multiples of 2**-16: 65,536
equally likely tickets, each for a cell, and all points of the cell alike. That is 98.6 % of the
distribution. The other tickets stand for what lies between staircase and density; it is drawn by
rejection: a cell in proportion to the largest gap over it, a point of the cell, and then a fair
comparison of the gap there with the largest.
"""

from fractions import Fraction
from math import isqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fixed_point import BITS, density, fixed

__all__ = ["FineNormal"]

_TICKETS = 2**16
_BITS = 16  # grid points in a cell, as a power of two
_CELLS_PER_SIGMA = 64
_REACH = 9  # standard deviations; 2.3e-19 lies beyond
_COLUMNS = 2048  # of the alias table; more than there are cells
# 1 / sqrt(2 pi), to 80 digits; the only constant that is not a ratio of integers
_PEAK = Fraction(
    "0.39894228040143267793994605993438186847585863116493465766592582967065792589930184"
)
_TERMS = 7  # of the series of expm1; the next one is below 2e-17 where it is likely to matter
_PORTION = 12_000  # values at a time; even, as a word serves two


class FineNormal:
    r"""Integers k with the probabilities of a rounded normal, :math:`P(k - 1/2 < Z < k + 1/2)`.

    They are those of the discrete normal :math:`\propto \exp(-k^2 / 2V)` with
    :math:`V = \mathrm{scale}^2 + 1/12`, up to a relative error far below that of a float, since
    rounding adds the variance of a uniform.

    Parameters
    ----------
    scale : Fraction
        Standard deviation, in units of the grid; near 2**22.

    Attributes
    ----------
    cells : ndarray of shape (65536,)
        The lowest point of the cell for each ticket; the last `n_slow` tickets are for the rest.
    tv_error : float
        Total variation distance from the rounded normal, at most.
    """

    dtype = np.int32

    def __init__(self, scale: Fraction) -> None:
        width = 1 << _BITS
        if not 0.7 < scale / (_CELLS_PER_SIGMA * width) < 1.4:
            raise ValueError(f"scale must be near {_CELLS_PER_SIGMA * width}; got {float(scale)}.")
        variance = scale**2 + Fraction(1, 12)
        count = int(_REACH * scale / width) + 1
        # a probability times the number of grid points in a cell, at the ends of cells 0, 1, ...
        root = isqrt(fixed(variance) << BITS)
        peak = (fixed(_PEAK * width) << BITS) // root
        near, tickets, gaps, rooms = [], [], [], []
        for cell in range(-count, count):
            ends = sorted((abs(cell * width), abs((cell + 1) * width - 1)))
            high, low = (peak * density(end**2 / variance) >> BITS for end in ends)
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
        self._near, self._room = np.array(near), np.array(rooms)
        self._starts = starts
        self._threshold, self._alias = _alias_table(gaps)
        self._factor = float(1 / (2 * variance))
        # gaps are 3 % of the whole; each comparison is off by less than 2**-48
        self.tv_error = 2.0**-52

    def draw(self, stream: Any, out: NDArray[np.int32]) -> None:
        """Fill a flat array, from half a word a value and what more it takes.

        The words come in portions that fit into the nearer caches, and that the allocator does not
        hand back to the system each time.
        """
        slow = []
        for start in range(0, len(out), _PORTION):
            part = out[start : start + _PORTION]
            n = len(part)
            halves = stream.words(-(-n // 2)).astype("<u8", copy=False).view("<u2")
            inside, ticket = halves[0 : 2 * n : 2], halves[1 : 2 * n : 2]
            self.cells.take(ticket, out=part, mode="clip")  # clip: faster; nothing is clipped
            part += inside
            slow.append(np.flatnonzero(ticket >= _TICKETS - self.n_slow) + start)
        places = np.concatenate(slow)
        if len(places):
            out[places] = self._draw_slowly(stream, len(places))

    def _draw_slowly(self, stream: Any, n: int) -> NDArray[np.int64]:
        """Return the next n accepted candidates; each is three words of the stream's second half.

        The j-th slow value takes the j-th accepted candidate, however many are looked at together.
        """
        accepted: list[NDArray[np.int64]] = []
        missing = n
        while missing > 0:
            words = stream.more(3 * (missing * 9 // 4 + 16)).reshape(-1, 3)
            found = self._candidates(words)[:missing]
            accepted.append(found)
            missing -= len(found)
        return np.concatenate(accepted)

    def _candidates(self, words: NDArray[np.uint64]) -> NDArray[np.int64]:
        column = (words[:, 0] % np.uint64(_COLUMNS)).astype(np.intp)
        in_own = words[:, 0] >> np.uint64(11) < self._threshold[column]
        cell = np.where(in_own, column, self._alias[column])
        k = self._starts[cell] + (words[:, 1] >> np.uint64(64 - _BITS)).astype(np.int64)
        near, room = self._near[cell], self._room[cell]
        # what the density loses from the near end of the cell to k, by its series: only products
        # and sums of floats, which round alike everywhere
        y = (np.abs(k) - near).astype(np.float64) * (np.abs(k) + near) * -self._factor
        loss = np.ones(len(y))
        for term in range(_TERMS, 1, -1):
            loss *= y / term
            loss += 1.0
        loss *= y
        chance = (words[:, 2] >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return k[chance * room < room + loss]


def _alias_table(weights: list[int]) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    """Return thresholds of 53 bits and aliases: Walker's method, in integers.

    Column j stands for j below its threshold, and for its alias above.
    """
    total, full = sum(weights), 1 << 53
    shares = [weight * _COLUMNS * full // total for weight in weights]
    shares[shares.index(max(shares))] += _COLUMNS * full - sum(shares)
    shares += [0] * (_COLUMNS - len(shares))
    threshold, alias = [full] * _COLUMNS, list(range(_COLUMNS))
    small = [j for j, share in enumerate(shares) if share < full]
    large = [j for j, share in enumerate(shares) if share >= full]
    while small and large:
        poor, rich = small.pop(), large[-1]
        threshold[poor], alias[poor] = shares[poor], rich
        shares[rich] -= full - shares[poor]
        if shares[rich] < full:
            small.append(large.pop())
    return np.array(threshold, dtype=np.uint64), np.array(alias, dtype=np.intp)
