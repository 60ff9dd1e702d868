"""A normal rounded to a grid that is not much finer than itself: one look into a table a value."""

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .fixed_point import BITS, rounded_normal

__all__ = ["RoundedNormal"]

_INDEX_BITS = 16
_AMBIGUOUS = np.int16(-(2**15))


class RoundedNormal:
    r"""Integers k with the probabilities of a rounded normal, :math:`P(k - 1/2 < Z < k + 1/2)`.

    A value is where 64 random bits fall among thresholds at the multiples of 2**-64 below the
    distribution function. Its first 16 bits decide nearly always, and are looked up. Where they do
    not, 48 more come from the stream's second half, so that it can be told beforehand where each
    value finds its first bits.

    Parameters
    ----------
    scale : Fraction
        Standard deviation, in units of the grid; from 1 to 1024, so that values fit into 16 bits.

    Attributes
    ----------
    thresholds : ndarray of shape (n_cells - 1,), uint64
        The j-th is the probability of the first j + 1 values, times 2**64, rounded down.
    lowest : int
        The first value.
    table : ndarray of shape (65536,), int16
        The value for each 16 first bits, or -32768 where they do not decide.
    tv_error : float
        Total variation distance from the rounded normal, at most.
    """

    dtype = np.int16

    def __init__(self, scale: Fraction) -> None:
        if not 1 <= scale <= 1024:
            raise ValueError(f"scale must lie between 1 and 1024; got {float(scale)}.")
        half = rounded_normal(scale)
        total, thresholds = 0, []
        for weight in [*half[:0:-1], *half[:-1]]:
            total += weight
            thresholds.append(min(total >> (BITS - 64), 2**64 - 1))
        exact = np.array(thresholds, dtype=np.uint64)
        # values that no 64 bits give are left out
        first, last = np.searchsorted(exact, np.array([0, 2**64 - 2], np.uint64), side="right")
        self.thresholds = exact[first : last + 1]
        self.lowest = int(first) - len(half) + 1
        starts = np.arange(2**_INDEX_BITS, dtype=np.uint64) << np.uint64(64 - _INDEX_BITS)
        ends = starts + np.uint64(2 ** (64 - _INDEX_BITS) - 1)
        at_start, at_end = self._look_up(starts), self._look_up(ends)
        self.table = np.where(at_start == at_end, at_start, _AMBIGUOUS).astype(np.int16)
        self._start = at_start - self.lowest
        self._next = np.append(self.thresholds, np.uint64(2**64 - 1))  # above the last: none
        # each value's two thresholds are off by less than 2**-64; what lies beyond them is less
        self.tv_error = (len(self.thresholds) + 2) * 2.0**-64

    def draw(self, stream: Any, out: NDArray[np.int16]) -> None:
        """Fill a flat array, from a quarter of a word a value and what more it takes."""
        words = stream.words(-(-len(out) // 4)).astype("<u8", copy=False)
        index = words.view("<u2")[: len(out)]
        self.table.take(index, out=out, mode="clip")  # clip: faster, and nothing is clipped
        unsure = (out == _AMBIGUOUS).nonzero()[0]
        if len(unsure):
            first = index[unsure]
            bits = stream.more(len(unsure)) >> np.uint64(_INDEX_BITS)
            bits |= first.astype(np.uint64) << np.uint64(64 - _INDEX_BITS)
            # mostly one threshold lies among the numbers with these first bits: a step is enough
            place = self._start[first]
            place += bits >= self.thresholds[place]
            far = (bits >= self._next[place]).nonzero()[0]
            place[far] = np.searchsorted(self.thresholds, bits[far], side="right")
            out[unsure] = place + self.lowest

    def _look_up(self, bits: NDArray[np.uint64]) -> NDArray[np.intp]:
        return np.searchsorted(self.thresholds, bits, side="right") + self.lowest
