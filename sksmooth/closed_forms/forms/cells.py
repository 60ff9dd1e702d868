"""Regressors of few thresholds: the cells between all of them, each with its value.

As the grid of classes, see `grid`: whatever an ensemble of trees makes of its comparisons, forests
and deep boosting too, its answer is constant on each cell, and is asked from its own ``predict``.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ...bounds.rounding import UNIT
from ..form import NotClosedError
from ..inputs import Inputs
from ..links import IDENTITY, link_of
from ..outputs import answers
from ..readers import TreeEnsemble
from .asked import Asked
from .grid import Axis, OnGrid, answers_in_cells, merged
from .intervals import Intervals
from .values import Values

__all__ = ["Cells"]

_VALUES = 2**22  # of an array, at most: 32 MB

Floats = NDArray[np.float64]


class Cells(OnGrid, Values):
    """Any ensemble of trees whose thresholds make few cells.

    Parameters
    ----------
    axes : list of Axis
        Inputs that are compared with thresholds.
    values : ndarray of shape (n_pieces of each axis)
        The model's answer in each cell.
    error : float
        How far it may be from that elsewhere in the cell, by rounding.
    """

    name = "grid"
    before_link = False
    most_cells = 100_000  # a row takes a millisecond

    def __init__(self, axes: list[Axis], values: Floats, error: float) -> None:
        self._all_axes = axes
        self.axes, values = merged(axes, values)
        super().__init__(values.ravel(), error)
        self.intervals = Intervals([piece for axis in self.axes for piece in axis.pieces])

    @classmethod
    def of_trees(cls, ensemble: TreeEnsemble, asked: Asked) -> Self:
        """Ask the model about all cells."""
        axes = cls._axes_of(ensemble)
        values = answers_in_cells(
            axes, ensemble.n_inputs, lambda rows: answers(asked.model, asked.inputs(rows))
        )
        if not np.all(np.isfinite(values)):
            raise NotClosedError("not all of its answers are finite")
        return cls(axes, values, _error(ensemble, asked.model, float(np.abs(values).max())))

    def answers(self, inputs: Inputs) -> tuple[Floats, Floats]:
        """Return the values of cells; near a threshold, the model may be on its other side."""
        affine = inputs.spread.affine
        Z, near = np.clip(inputs.mean, affine.low, affine.high), inputs.slack
        places = self._places(Z)
        same = (self._places(Z - near) == places) & (self._places(Z + near) == places)
        return self.by_part[places], np.where(same, self.error, np.inf)

    def _places(self, Z: Floats) -> NDArray[np.intp]:
        """Return the numbers of the cells that inputs lie in."""
        places = np.zeros(len(Z), dtype=np.intp)
        for axis in self.axes:
            pieces = np.searchsorted(axis.points, Z[:, axis.column], side="left")
            places = places * len(axis) + pieces
        return places

    def _masses(self, inputs: Inputs) -> tuple[Floats, int]:
        masses = np.ones((len(inputs), 1))
        pieces = np.split(self.intervals.most(inputs).T, np.cumsum([*map(len, self.axes)]), axis=1)
        for mass in pieces[: len(self.axes)]:
            masses = (masses[:, :, None] * mass[:, None, :]).reshape(len(inputs), -1)
        return masses, 2 * len(self.axes)

    def rows_at_once(self) -> int:
        """Return for how many rows the masses of all cells do not take much memory."""
        return int(np.clip(_VALUES // len(self.values), 1, 1024))


def _error(ensemble: TreeEnsemble, model: Any, largest: float) -> float:
    """Return how far answers in one cell may differ: numbers may be added in another order."""
    single = ensemble.rule == "predict" or bool(ensemble.errors.any())
    relative = 4 * (len(ensemble.roots) + 16) * (2.0**-24 if single else UNIT)
    if ensemble.rule == "predict":
        return relative * largest
    leaves = np.abs(np.where(ensemble.leaf, ensemble.values[:, 0], 0.0))
    size = float(np.maximum.reduceat(leaves, ensemble.roots).sum() + np.abs(ensemble.offsets[0]))
    return relative * (size if link_of(model) is IDENTITY else (1 + size) * largest)
