"""Inputs of a model whose values noise replaces by others: the masses of intervals.

What noise puts in place of a category makes certain inputs of the model certain numbers. All of
them are one input here, whose number is the place of the category among all of its column. A value
that goes missing is a number below all others: see `MISSING`.

All terms are positive, so small masses keep their relative accuracy.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ...bounds.rounding import UNIT
from ...noise import Replaced

__all__ = ["EDGE", "MISSING", "Replacing"]

EDGE = -3e38  # a number that libraries with float32 take, too
MISSING = -1e300  # stands for a missing value, as does all up to EDGE

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class Replacing:
    """What may take the place of the values of an input.

    Attributes
    ----------
    law : Replaced
        The law of the values of the column that the input comes from.
    column : int
        That column of the rows.
    features : ndarray of int
        What depends on it: the column itself, and outputs of encoders.
    inputs : ndarray of int
        The model's inputs that do. The first one stands for all of them.
    images : ndarray of shape (n_values, n_inputs)
        What the model gets for each value of the law.
    errors : ndarray of shape (n_values, n_inputs)
        How far off that may be, by rounding.
    """

    law: Replaced
    column: int
    features: NDArray[np.intp]
    inputs: NDArray[np.intp]
    images: Floats
    errors: Floats

    @property
    def goes(self) -> bool:
        """Whether values go missing, in place of being replaced by others."""
        return self.law.goes

    @property
    def points(self) -> Floats:
        """What the input is here for each value of the law."""
        return np.array([MISSING]) if self.goes else np.arange(float(len(self.images)))

    @property
    def cuts(self) -> Floats:
        """Points between neighbouring categories, or between missing values and numbers."""
        return np.array([EDGE]) if self.goes else self.points[:-1] + 0.5

    def masses(
        self, values: Floats, points: Floats, slack: Floats, low: Floats, high: Floats
    ) -> tuple[Floats, Floats]:
        """Return bounds on the masses of intervals, which hold their upper ends.

        Parameters
        ----------
        values : ndarray of shape (n_rows,)
            The column's values in the rows.
        points, slack : ndarray of shape (n_rows,)
            What the input is for them, and how far the model's may be from that.
        low, high : ndarray of shape (n_intervals,)
            Ends of the intervals.

        Returns
        -------
        lower, upper : ndarray of shape (n_rows, n_intervals)
            In [0, 1].
        """
        number, m, exactly = self.law.places(values), len(self.images), np.zeros(len(self.images))
        # for each value, and for those that are none of them
        leaves = [*self.law.leaves, self.law.unknown or 0]
        others = [max(m - 1, 1)] * m + [m]
        shares = np.array([float(p / n) for p, n in zip(leaves, others, strict=True)])
        stays = np.array([float(1 - p) for p in leaves])
        if self.goes:  # numbers down there would be taken for missing ones
            slack = np.where(points < -1e38, np.inf, slack)
        bounds = []
        inside = _holds(low, high, self.points, exactly)
        for sign, room in ((-1, 1 - 8 * UNIT), (1, 1 + 8 * UNIT)):
            own = np.concatenate([inside, np.zeros_like(inside[:1])])
            mass = (shares[:, None] * (inside.sum(axis=0) - own))[number]
            mass += np.where(_holds(low, high, points, sign * slack), stays[number, None], 0.0)
            bounds.append(np.minimum(mass * room, 1.0))
        return bounds[0], bounds[1]


def _holds(low: Floats, high: Floats, points: Floats, room: Floats) -> NDArray[np.bool_]:
    """Return which points are in intervals that are made larger: shape (n_points, n_intervals)."""
    points, room = points[:, None], room[:, None]
    return (points + room > low) & (points - room <= high)
