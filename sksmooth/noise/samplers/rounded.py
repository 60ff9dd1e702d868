"""A normal or Laplace rounded to a grid that is not much finer than itself."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from .fixed_point import BITS, rounded_laplace, rounded_normal
from .table import AMBIGUOUS, TableSampler

__all__ = ["RoundedLaplace", "RoundedNormal"]

_AMBIGUOUS = AMBIGUOUS


class RoundedNormal(TableSampler):
    r"""Integers k with the probabilities of a rounded normal, :math:`P(k - 1/2 < Z < k + 1/2)`.

    Parameters
    ----------
    scale : Fraction
        Standard deviation, in units of the grid; from 1 to 1024, so that values fit into 16 bits.

    Attributes
    ----------
    thresholds : ndarray of shape (n_cells - 1,), uint64
        The j-th is the probability of the first j + 1 values, times 2**64, rounded down.
    tv_error : float
        Total variation distance from the rounded normal, at most.
    """

    def __init__(self, scale: Fraction) -> None:
        if not 1 <= scale <= 1024:
            raise ValueError(f"scale must lie between 1 and 1024; got {float(scale)}.")
        super().__init__(*_thresholds(rounded_normal(scale)))


class RoundedLaplace(TableSampler):
    r"""Integers k with the probabilities of a rounded Laplace, :math:`P(k - 1/2 < Z < k + 1/2)`.

    Parameters
    ----------
    scale : Fraction
        The mean size b of the Laplace, in units of the grid; from 1 to 700, so that values fit into
        16 bits. Its standard deviation is the root of 2 times that.

    Attributes
    ----------
    tv_error : float
        Total variation distance from the rounded Laplace, at most.
    """

    def __init__(self, scale: Fraction) -> None:
        if not 1 <= scale <= 700:
            raise ValueError(f"scale must lie between 1 and 700; got {float(scale)}.")
        super().__init__(*_thresholds(rounded_laplace(scale)))


def _thresholds(half: list[int]) -> tuple[NDArray[np.uint64], int, float]:
    """Return thresholds, first value and error, from the probabilities of 0, 1, 2, ...

    The probabilities are in fixed point, and those of -1, -2, ... the same.
    """
    total, thresholds = 0, []
    for weight in [*half[:0:-1], *half[:-1]]:
        total += weight
        thresholds.append(min(total >> (BITS - 64), 2**64 - 1))
    exact = np.array(thresholds, dtype=np.uint64)
    # values that no 64 bits give are left out
    first, last = np.searchsorted(exact, np.array([0, 2**64 - 2], np.uint64), side="right")
    kept = exact[first : last + 1]
    # each value's two thresholds are off by less than 2**-64; what lies beyond them is less
    return kept, int(first) - len(half) + 1, (len(kept) + 2) * 2.0**-64
