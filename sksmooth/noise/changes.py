"""What noise has in common whose radius is a number of changed features."""

import abc
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bounds import Pair, changes_proved
from ..bounds.radius import tails_of
from .family import Replacing

__all__ = ["ChangeNoise", "on_grid"]

_MOST = 64  # changes that are looked at: beyond, next to nothing can be proved


class ChangeNoise(Replacing):
    """Noise that replaces values, each with some probability: radii are numbers of changes.

    Unlike lengths, these are closed: a radius of k says that k changes or fewer leave the label as
    it is. So a radius of 0 is a statement, about the row itself, and `proves` tells it from none.
    """

    @abc.abstractmethod
    def pairs(self, k: int) -> Iterable[Pair]:
        """Return the worst pairs of laws of rows that differ in k features; none if none do.

        Parameters
        ----------
        k : int
            1 or more.

        Returns
        -------
        pairs : iterable of Pair
        """

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a row, flattened."""
        return (self._n_features,)

    @property
    @abc.abstractmethod
    def _n_features(self) -> int:
        """Number of features, those without noise included."""

    @property
    @abc.abstractmethod
    def _n_noisy(self) -> int:
        """Number of features with noise."""

    def radius_of_tails(
        self, miss: ArrayLike, p_upper: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Return the number of features that may change; 0 also where nothing is proved."""
        changes = changes_proved(self._worst(), 0.0, p_upper, miss=miss)
        return np.maximum(changes, 0).astype(np.float64)

    def proves(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Whether the top class is on top at the row itself."""
        miss, rival = tails_of(p_lower, p_upper)
        return changes_proved((), 0.0, rival, miss=miss) >= 0

    def target(self, radius: ArrayLike) -> NDArray[np.float64]:
        """Return what `radius` has to reach: the next whole number of changes."""
        return np.ceil(np.asarray(radius, dtype=np.float64))

    def _worst(self) -> Iterator[Iterable[Pair]]:
        return (self.pairs(k) for k in range(1, min(self._n_noisy, _MOST) + 1))


def on_grid(probability: Any, divisors: Iterable[int] = ()) -> int:
    """Return the multiple of 2**-64 that is nearest to a probability, times 2**64.

    Parameters
    ----------
    probability : float or Fraction
        Strictly between 0 and 1.
    divisors : iterable of int, default=()
        What is left of 1 is made a multiple of all of these, so that it can be dealt out exactly,
        unless that would take it away by more than 2**-32.

    Returns
    -------
    numerator : int
    """
    step = math.lcm(*divisors)
    if step > 2**32:
        step = 1
    rest = round((1 - Fraction(probability)) * 2**64 / step) * step
    return min(max(2**64 - rest, 1), 2**64)
