"""Inputs of a model whose values noise replaces by others: the masses of intervals.

A missing value is a number below all others here, see `MISSING`. All terms are positive, so small
masses keep their relative accuracy.
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
    points : ndarray of shape (n_values,)
        What the input is for each value of the law; `MISSING` if it is missing.
    slack : ndarray of shape (n_values,)
        How far the model's input may be from these, by rounding.
    """

    law: Replaced
    column: int
    points: Floats
    slack: Floats

    @property
    def may_be_missing(self) -> bool:
        """Whether the model may get a missing value."""
        return bool(np.any(self.points <= EDGE))

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
        known = values[:, None] == np.array(self.law.values)
        number = np.where(known.any(axis=1), known.argmax(axis=1), known.shape[1])
        if self.law.unknown is None and np.any(number == known.shape[1]):
            strange = values[number == known.shape[1]][0]
            raise ValueError(
                f"Column {self.column} has the value {strange}; its noise is for the values "
                f"{list(self.law.values)}."
            )
        leaves = [*self.law.leaves, self.law.unknown or 0]
        m = len(self.points)
        # for each value, and for those that are none of them
        numbers = [max(m - 1, 1)] * m + [m]
        shares = np.array([float(p / n) for p, n in zip(leaves, numbers, strict=True)])
        stays = np.array([float(1 - p) for p in leaves])
        if self.may_be_missing:  # other numbers down there would be taken for missing ones
            slack = np.where(points < -1e38, np.inf, slack)
        bounds = []
        for sign, room in ((-1, 1 - 8 * UNIT), (1, 1 + 8 * UNIT)):
            inside = _holds(low, high, self.points, sign * self.slack)
            own = np.concatenate([inside, np.zeros_like(inside[:1])])
            others = inside.sum(axis=0) - own  # without the row's own
            mass = (shares[:, None] * others)[number]
            mass += np.where(_holds(low, high, points, sign * slack), stays[number, None], 0.0)
            bounds.append(np.minimum(mass * room, 1.0))
        return bounds[0], bounds[1]


def _holds(low: Floats, high: Floats, points: Floats, room: Floats) -> NDArray[np.bool_]:
    """Return which points are in intervals that are made larger: shape (n_points, n_intervals)."""
    points, room = points[:, None], room[:, None]
    return (points + room > low) & (points - room <= high)
