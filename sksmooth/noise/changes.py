"""What noise has in common whose radius is a number of changed features."""

import abc
import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bounds import Pair, changes_proved
from .base import Noise

__all__ = ["ChangeNoise", "on_grid"]

_COPIES = 64  # noisy rows, at least, that probes lie around
_MOST = 64  # changes that are looked at: beyond, next to nothing can be proved


class ChangeNoise(Noise):
    """Noise that replaces values, each with some probability: radii are numbers of changes.

    Unlike lengths, these are closed: a radius of k says that k changes or fewer leave the label as
    it is. So a radius of 0 is a statement, about the row itself, and `proves` tells it from none.
    """

    sound = True
    rounding = 0.0
    additive = False

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
    @abc.abstractmethod
    def kinds(self) -> tuple[tuple[Pair, int], ...]:
        """What a change of one feature does, and how many features there are of this kind."""

    @property
    @abc.abstractmethod
    def _n_noisy(self) -> int:
        """Number of features with noise."""

    def radius(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the number of features that may change; 0 also where nothing is proved."""
        return np.maximum(self.reached(p_lower, p_upper), 0.0)

    def reached(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the number of features that may change; -1 where nothing is proved."""
        return changes_proved(self._worst(), p_lower, p_upper).astype(np.float64)

    def radius_of_tails(
        self, miss: NDArray[np.float64], rival: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return what is `reached`: numbers of changes do not need the last digit of a tail."""
        return self.reached(np.maximum(np.nextafter(1.0 - miss, 0.0), 0.0), rival)

    def max_changes(
        self, p_lower: ArrayLike, p_upper: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Return the number of features that may change; -1 where nothing is proved."""
        return self.reached(p_lower, p_upper)

    def proves(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Return where the top class is on top at the row itself."""
        return changes_proved((), p_lower, p_upper) >= 0

    def target(self, radii: ArrayLike) -> NDArray[np.float64]:
        """Return the radii: 0 asks for the row itself, which `reached` tells from nothing."""
        return np.asarray(radii, dtype=np.float64)

    def deviations(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return zeros: values between categories, or beside a missing one, are no rows."""
        return np.zeros(shape)

    def counts_missing(self) -> NDArray[np.bool_]:
        """Return for which features a missing value in their place is a change like any other."""
        return np.zeros(self.n_values or 0, dtype=bool)

    def with_known(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return rows with some known value for each that noise does not know.

        Parameters
        ----------
        X : ndarray of shape (n_samples, *shape)
            Rows.
        """
        return X

    def unknown(self, X: NDArray[np.floating]) -> list[int]:
        """Return the columns, of flattened rows, with values that noise does not know."""
        differs = (self.with_known(X) != X) & ~np.isnan(X)
        return np.flatnonzero(differs.reshape(len(X), -1).any(axis=0)).tolist()

    def probed(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return rows of known values, and noisy copies of them."""
        X = self.with_known(X)
        copies = X[np.arange(max(len(X), _COPIES)) % len(X)]
        noisy = self.corrupt(np.random.default_rng(0), copies)
        return np.concatenate([X, noisy.astype(X.dtype)])

    def _flat(self, row: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the values of a row, in which a zero has no sign: equal rows must look equal."""
        flat = row.reshape(-1) + row.dtype.type(0.0)
        if len(flat) != self.n_values:
            raise ValueError(f"Rows have {len(flat)} values; the noise is for {self.n_values}.")
        return flat

    def _worst(self) -> Iterator[Iterable[Pair]]:
        return (self.pairs(k) for k in range(1, min(self._n_noisy, _MOST) + 1))


def on_grid(probability: Any, divisors: Iterable[int] = ()) -> int:
    """Return the multiple of 2**-64 that is nearest to a probability, times 2**64.

    Parameters
    ----------
    probability : float or Fraction
        From 0 to 1.
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
