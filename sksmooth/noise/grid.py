"""Additive noise in integers: rows are rounded to a grid, and noise is drawn on it.

What `ExactGaussian` does for the normal, for laws of which a sampler is given.
"""

import abc
import functools
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import Perturb
from .exact import _divide, _Sum
from .family import Family

__all__ = ["GridNoise"]

_FARTHEST = 2.0**51  # steps; up to there float quotients are off by a quarter of a step


class GridNoise(Family):
    """Noise whose sum with a row is taken in integers.

    The base sees Q(x + noise), with ideal noise and Q the rounding to the grid: it is the
    composition of the base with Q that is smoothed.

    Attributes
    ----------
    n_values : int
        Number of values of a row.
    levels : int or None
        The grid is that of the multiples of ``1 / levels``. None takes a much finer one.
    """

    n_values: int
    levels: int | None

    @property
    @abc.abstractmethod
    def step(self) -> Fraction:
        """Step of the grid."""

    @property
    @abc.abstractmethod
    def _odd(self) -> int:
        """Steps of a finer grid in one of the levels' grid, for rows that are on none of these.

        Odd, so that rounding to the one and then to the other is rounding to the other.
        """

    @property
    @abc.abstractmethod
    def _sampler(self) -> Any:
        """What draws integers on the grid."""

    @property
    @abc.abstractmethod
    def _fine(self) -> Any:
        """What draws integers on the finer grid; the same without levels."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of a row, flattened."""
        return (self.n_values,)

    @property
    def _fine_step(self) -> Fraction:
        return self.step if self.levels is None else self.step / self._odd

    @property
    def tolerance(self) -> float:
        """Distance within which a value counts as one of the levels; 0 without levels."""
        return 0.0 if self.levels is None else 2.0**-16 / self.levels

    @functools.cached_property
    def tv_error(self) -> float:  # type: ignore[override]
        """Total variation distance of a noisy row from the ideal one, at most."""
        return self.n_values * max(self._sampler.tv_error, self._fine.tv_error)

    @functools.cached_property
    def rounding(self) -> float:  # type: ignore[override]
        """L1 length that radii lose because rows, this one and its neighbours, are rounded.

        Each value moves by at most 3/4 of a step: by half a step, and by the error of a float
        quotient. To a grid of levels it moves only if it is nearer than `tolerance`.
        """
        far = max(self.tolerance, float(self._fine_step))
        return 2.0 * far * self.n_values * 1.001

    @np.errstate(over="ignore", invalid="ignore")  # what is infinite is refused
    def around(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to sum integers."""
        values = row.astype(np.float64)
        if self.levels is not None:
            nearest = np.rint(values * self.levels)
            off = np.abs(values - nearest / self.levels)
            if np.all(off <= self.tolerance) and np.all(np.abs(nearest) < 2.0**24):
                return _Sum(self._sampler, nearest, lambda k, out: _divide(k, self.levels, out))
        quotient = self._quotient(values)
        if not np.all(np.abs(quotient) < _FARTHEST):
            raise ValueError(
                f"A row has a value of {np.abs(values).max():.3g}, which is too large for noise "
                f"of this size, {self.label}: it would be lost in the rounding. Scale the features "
                "to like units, or subtract an offset."
            )
        return _Sum(self._fine, np.rint(quotient), self._to_float)

    def _quotient(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.levels is None:
            return values / float(self.step)  # the scale times a power of two, exactly
        return values * (self.levels * self._odd)

    def _to_float(self, k: NDArray[Any], out: NDArray[np.floating]) -> None:
        if self.levels is None:
            np.multiply(k, float(self.step), out=out, casting="unsafe")
        else:
            _divide((k.astype(np.int64) + self._odd // 2) // self._odd, self.levels, out)
