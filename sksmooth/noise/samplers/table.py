"""Integers of any law in a table of thresholds: one look into a table a value."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ColumnTables", "TableSampler", "replacement", "uniform"]

INDEX_BITS = 16
AMBIGUOUS = np.int16(-(2**15))


class TableSampler:
    """Integers whose distribution function has multiples of 2**-64 as values.

    A value is where 64 random bits fall among the thresholds. Its first 16 bits decide nearly
    always, and are looked up. Where they do not, 48 more come from the stream's second half, so
    that it can be told beforehand where each value finds its first bits.

    Parameters
    ----------
    thresholds : ndarray of shape (n_values - 1,), uint64
        The j-th is the probability of the first j + 1 values, times 2**64.
    lowest : int
        The first value; all of them fit into 16 bits.
    tv_error : float
        Total variation distance from the ideal law, at most.

    Attributes
    ----------
    table : ndarray of shape (65536,), int16
        The value for each 16 first bits, or -32768 where they do not decide.
    """

    dtype = np.int16

    def __init__(self, thresholds: NDArray[np.uint64], lowest: int, tv_error: float) -> None:
        if not -(2**15) < lowest <= lowest + len(thresholds) < 2**15:
            raise ValueError(
                f"Values must lie between -32767 and 32767; got {lowest} to "
                f"{lowest + len(thresholds)}."
            )
        self.thresholds, self.lowest, self.tv_error = thresholds, lowest, tv_error
        starts = np.arange(2**INDEX_BITS, dtype=np.uint64) << np.uint64(64 - INDEX_BITS)
        ends = starts + np.uint64(2 ** (64 - INDEX_BITS) - 1)
        at_start, at_end = self._look_up(starts), self._look_up(ends)
        self.table = np.where(at_start == at_end, at_start, AMBIGUOUS).astype(np.int16)
        self._start = at_start - self.lowest
        self._next = np.append(self.thresholds, np.uint64(2**64 - 1))  # above the last: none

    def draw(self, stream: Any, out: NDArray[np.int16]) -> None:
        """Fill a flat array, from a quarter of a word a value and what more it takes."""
        index = first_bits(stream, len(out))
        self.table.take(index, out=out, mode="clip")  # clip: faster, and nothing is clipped
        unsure = (out == AMBIGUOUS).nonzero()[0]
        if len(unsure):
            out[unsure] = self.decide(index[unsure], stream.more(len(unsure)))

    def decide(self, first: NDArray[np.uint16], more: NDArray[np.uint64]) -> NDArray[np.intp]:
        """Return the values for 16 first bits and words with 48 others."""
        bits = more >> np.uint64(INDEX_BITS)
        bits |= first.astype(np.uint64) << np.uint64(64 - INDEX_BITS)
        # mostly one threshold lies among the numbers with these first bits: a step is enough
        place = self._start[first]
        place += bits >= self._next[place]
        far = (bits >= self._next[place]).nonzero()[0]
        place[far] = np.searchsorted(self.thresholds, bits[far], side="right")
        return place + self.lowest

    def _look_up(self, bits: NDArray[np.uint64]) -> NDArray[np.intp]:
        return np.searchsorted(self.thresholds, bits, side="right") + self.lowest


class ColumnTables:
    """Rows of integers, each column with a law of its own.

    Parameters
    ----------
    samplers : sequence of TableSampler
        The laws.

    Attributes
    ----------
    samplers : tuple of TableSampler
        As given.
    """

    dtype = np.int16

    def __init__(self, samplers: Sequence[TableSampler]) -> None:
        self.samplers = tuple(samplers)
        self._tables = np.concatenate([sampler.table for sampler in samplers])

    def draw(self, stream: Any, out: NDArray[np.int16], kinds: NDArray[np.intp]) -> None:
        """Fill a flat array of whole rows, from a quarter of a word a value and what more it takes.

        Parameters
        ----------
        stream : Streams
            At the start of a block.
        out : ndarray of int16
            Whole rows, one after the other.
        kinds : ndarray of shape (n_columns,), int
            The number of each column's law.
        """
        if len(self.samplers) == 1:
            return self.samplers[0].draw(stream, out)
        index = first_bits(stream, len(out))
        places = index.reshape(-1, len(kinds)) + (kinds << INDEX_BITS)
        self._tables.take(places.reshape(-1), out=out, mode="clip")
        unsure = (out == AMBIGUOUS).nonzero()[0]
        if len(unsure):
            first, more = index[unsure], stream.more(len(unsure))
            kind = kinds[unsure % len(kinds)]
            for which, sampler in enumerate(self.samplers):
                of_kind = np.flatnonzero(kind == which)
                out[unsure[of_kind]] = sampler.decide(first[of_kind], more[of_kind])
        return None


def first_bits(stream: Any, n: int) -> NDArray[np.uint16]:
    """Return 16 bits for each of n values, from the stream's first half."""
    words = stream.words(-(-n // 4)).astype("<u8", copy=False)
    return words.view("<u2")[:n]


def uniform(n_values: int) -> TableSampler:
    """Integers around 0, all with the same probability.

    Parameters
    ----------
    n_values : int
        Number of values: odd, as many lie on both sides of 0.
    """
    if n_values < 3 or n_values % 2 == 0:
        raise ValueError(f"n_values must be odd, and 3 or more; got {n_values}.")
    thresholds = [(j << 64) // n_values for j in range(1, n_values)]
    # each probability is off by less than 2**-64
    error = n_values * 2.0**-64
    return TableSampler(np.array(thresholds, dtype=np.uint64), -(n_values // 2), error)


def replacement(keep: Fraction, n_others: int) -> TableSampler:
    """Integers 0, ..., `n_others`: 0 with a given probability, and all others alike.

    Parameters
    ----------
    keep : Fraction
        Probability of 0, a multiple of 2**-64; more than 0, up to 1.
    n_others : int
        Number of other values.
    """
    kept = keep * 2**64
    if kept.denominator != 1 or not 0 < keep <= 1 or n_others < 1:
        raise ValueError(
            "keep must be a multiple of 2**-64, above 0 and up to 1, and n_others 1 or more; "
            f"got {keep} and {n_others}."
        )
    first, rest = int(kept), 2**64 - int(kept)
    thresholds = [first + j * rest // n_others for j in range(n_others)] if rest else []
    error = 0.0 if rest % n_others == 0 else n_others * 2.0**-64
    return TableSampler(np.array(thresholds, dtype=np.uint64), 0, error)
