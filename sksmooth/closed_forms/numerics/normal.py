r"""Masses of the normal distribution, rounded outward: what every closed form is made of.

Everything small is kept small: a probability near 1 is handled through its complement, so that
tails keep their relative accuracy down to 1e-300.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ...bounds.normal import FLOOR, tail_bounds
from ...bounds.rounding import UNIT

__all__ = ["FLOOR", "REACH", "Tails", "tail_bounds"]

REACH = 40.0  # standard deviations; P(|Z| > 40) is below 1e-349


Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]  # lower and upper ones


@dataclasses.dataclass(frozen=True)
class Tails:
    """Bounds on the normal tails beyond points, and from them on the masses between points.

    Attributes
    ----------
    low, high : ndarray of shape (..., n_points)
        Bounds on the smaller tail: the one below a point on the left of the mean, above others.
    left : ndarray of shape (..., n_points), bool
        Which points are on the left.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    left: NDArray[np.bool_]

    @classmethod
    def at(cls, z: NDArray[np.float64], slack: NDArray[np.float64] | float = 0.0) -> "Tails":
        """Return the tails beyond the points `z`, known up to `slack`."""
        return cls(*tail_bounds(z, slack), z <= 0)

    def below(self) -> Bounds:
        """Return bounds on the mass below each point."""
        return self.sides()[0]

    def above(self) -> Bounds:
        """Return bounds on the mass above each point."""
        return self.sides()[1]

    def sides(self) -> tuple[Bounds, Bounds]:
        """Return bounds on the mass below each point, and on that above."""
        # of the larger tail
        low, high = 1.0 - self.high, 1.0 - self.low
        low *= 1 - UNIT
        high *= 1 + 2 * UNIT
        np.minimum(high, 1.0, out=high)
        left = self.left
        below = np.where(left, self.low, low), np.where(left, self.high, high)
        return below, (np.where(left, low, self.low), np.where(left, high, self.high))

    def between(
        self, first: NDArray[np.intp], last: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return bounds on the masses of the intervals from one point to another.

        Parameters
        ----------
        first, last : ndarray of shape (n_intervals,), int
            Numbers of the points; the first one is not above the last.

        Returns
        -------
        low, high : ndarray of shape (..., n_intervals)
            In [0, 1].
        """
        a_low, a_high = self.low[..., first], self.high[..., first]
        b_low, b_high = self.low[..., last], self.high[..., last]
        a_left, b_left = self.left[..., first], self.left[..., last]
        # both left: below b less below a; both right: above a less above b; else 1 less both
        both_left, both_right = a_left & b_left, ~a_left & ~b_left
        high = np.where(both_left, b_high - a_low, np.where(both_right, a_high - b_low, 0.0))
        low = np.where(both_left, b_low - a_high, np.where(both_right, a_low - b_high, 0.0))
        middle = ~(both_left | both_right)
        high = np.where(middle, 1.0 - a_low - b_low, high)
        low = np.where(middle, 1.0 - a_high - b_high, low)
        # a difference of doubles of one sign errs by at most half a unit of its larger term
        error = 2 * UNIT * np.where(both_left, b_high, np.where(both_right, a_high, 1.0))
        return np.clip(low - error, 0.0, 1.0), np.clip(high + error, 0.0, 1.0)
