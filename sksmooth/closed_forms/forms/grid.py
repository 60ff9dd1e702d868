"""Ensembles of trees on few inputs: the cells between all thresholds, each labelled once.

An ensemble of trees, however it sums them, is constant on each cell of the grid that the thresholds
of all its trees make. Its labels are asked from its own ``predict``; the probability of a label is
that of its cells, products of the masses between neighbouring thresholds.

The labels along the last axis are lines, of which many are the same; the lines of lines along the
last two axes, named by their numbers, are again; and so on to the first axis. So sums are made from
the last axis to the first, once for each distinct line.
"""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..form import NotClosedError, answers_of
from ..inputs import Inputs
from ..law import Law
from ..numerics.normal import FLOOR
from ..readers import TreeEnsemble
from .asked import Asked
from .intervals import Intervals, widening
from .trees import OfTrees, TreeForm, codes

__all__ = [
    "Axis",
    "Grid",
    "OnGrid",
    "SmallGrid",
    "answers_in_cells",
    "merged",
]

_PROBES = 4000
_VALUES = 2**22  # of an array, at most: 32 MB
_ASKED = 2**19  # values handed to predict at once
# The sums of a forest's threads come in any order, so they tell scores apart by more than this.
_TIE = 1e-9


@dataclasses.dataclass(frozen=True)
class Axis:
    """An input that thresholds cut into pieces.

    Attributes
    ----------
    column : int
        The input.
    points : ndarray of shape (n_pieces - 1,)
        Upper ends of all pieces but the last one, ascending; they are in the piece.
    """

    column: int
    points: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.points) + 1

    @property
    def inside(self) -> NDArray[np.float64]:
        """A value in each piece."""
        return np.append(self.points, np.nextafter(self.points[-1], np.inf))

    @property
    def pieces(self) -> list[tuple[int, float, float]]:
        """The pieces, for `Intervals`."""
        ends = [-np.inf, *self.points.tolist(), np.inf]
        return [(self.column, low, high) for low, high in itertools.pairwise(ends)]


class OnGrid(OfTrees):
    """Any ensemble of trees whose thresholds make few cells: what it answers in each is asked."""

    most_cells: int
    _all_axes: list[Axis]

    @classmethod
    def _fits(cls, ensemble: TreeEnsemble) -> bool:
        # each axis has at least two pieces
        return len(np.unique(ensemble.splits[0])) <= np.log2(cls.most_cells)

    @classmethod
    def _axes_of(cls, ensemble: TreeEnsemble) -> list[Axis]:
        """Return the inputs that thresholds cut, if these do not make too many cells."""
        axes = axes_of(ensemble)
        if (cells := n_cells(axes)) > cls.most_cells:
            raise NotClosedError(f"its thresholds make {cells:.1e} cells, over {cls.most_cells:g}")
        return axes

    def probes(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return inputs at some corners of cells: at thresholds and next to them."""
        rng = np.random.default_rng(0)
        out = Z[np.arange(_PROBES) % len(Z)]
        for axis in self._all_axes:
            ends = np.concatenate([axis.points, np.nextafter(axis.points, np.inf)])
            out[:, axis.column] = rng.choice(ends, size=_PROBES)
        return np.concatenate([Z, out])


class Grid(OnGrid, TreeForm):
    """A class for each cell.

    Parameters
    ----------
    axes : list of Axis
        Inputs that are compared with thresholds.
    labels : ndarray of shape (n_pieces of each axis), int
        Position in the model's ``classes_`` of the answer in each cell; `n_classes` where it may be
        any class.
    n_classes : int
        Number of classes.
    """

    name = "grid"
    most_cells = 2_000_000  # asking about these takes seconds

    def __init__(self, axes: list[Axis], labels: NDArray[np.integer], n_classes: int) -> None:
        self.n_classes = n_classes
        self._all_axes = axes
        axes, labels = merged(axes, labels)
        # the longest axis is the one that is summed by a product of matrices
        order = sorted(range(len(axes)), key=lambda j: len(axes[j]))
        self.axes = [axes[j] for j in order]
        self.intervals = Intervals([piece for axis in self.axes for piece in axis.pieces])
        # lines of labels along the last axis, lines of these along the one before, and so on
        self.lines = []
        rest: NDArray[Any] = labels.transpose(order)
        for axis in self.axes[::-1]:
            unique, numbers = _distinct(rest.reshape(-1, len(axis)))
            self.lines.append(unique)
            rest = numbers.reshape(rest.shape[:-1])
        self.whole = int(rest.ravel()[0])  # the number of the one line that is left
        # each mass, product and term of a sum is rounded once
        self._roundings = sum(len(axis) + 3 for axis in self.axes)
        self._largest = max([len(lines) for lines in self.lines], default=1) * n_classes

    @classmethod
    def _works(cls, ensemble: TreeEnsemble) -> bool:
        return n_cells(axes_of(ensemble)) <= cls.most_cells

    @classmethod
    def of_trees(cls, ensemble: TreeEnsemble, asked: Asked) -> Self:
        """Ask the model for the labels of all cells."""
        axes = cls._axes_of(ensemble)
        return cls(axes, _labels(ensemble, axes, asked), ensemble.n_classes)

    def law(self, inputs: Inputs, of: NDArray[np.intp] | None = None) -> Law:
        """Return the law: sums over the cells of each class."""
        masses = self.intervals.most(inputs)
        of_axis = np.split(masses, np.cumsum([len(axis) for axis in self.axes])[:-1])
        n, k = len(inputs), self.n_classes
        # probabilities of the classes on each line: first of single labels, the last one of any
        sums = np.concatenate([np.eye(k), np.ones((1, k))])[:, :, None]
        for level, (lines, mass) in enumerate(zip(self.lines, reversed(of_axis), strict=False)):
            if level == 0:
                sums = np.stack([(sums[:, c, 0][lines] @ mass) for c in range(k)], axis=1)
                continue
            below, sums = sums, np.zeros((len(lines), k, n))
            for i, numbers in enumerate(lines.T):
                sums += below[numbers] * mass[i]
        upper = np.broadcast_to(sums[self.whole], (k, n)).T
        return Law.of_uppers(upper * widening(self._roundings, inputs.spread) + FLOOR)

    def decide(self, Z: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return the labels of the cells that inputs lie in."""
        found = np.full(len(Z), self.whole, dtype=np.intp)
        for axis, lines in zip(self.axes, reversed(self.lines), strict=True):
            pieces = np.searchsorted(axis.points, Z[:, axis.column], side="left")
            found = lines[found, pieces].astype(np.intp)
        sure = found < self.n_classes
        return np.where(sure, found, 0), sure

    def cuts(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return the points on all axes, but for those on which no answer depends."""
        columns = np.repeat(
            np.array([axis.column for axis in self.axes], dtype=np.intp),
            [len(axis.points) for axis in self.axes],
        )
        return columns, np.concatenate([np.empty(0), *(axis.points for axis in self.axes)])

    def rows_at_once(self) -> int:
        """Return for how many rows the sums over lines do not take much memory."""
        return int(np.clip(_VALUES // max(self._largest, len(self.intervals)), 1, 1024))


class SmallGrid(Grid):
    """A grid that is made at once, for models that have another form if it is larger."""

    most_cells = 50_000
    prunes = True


def axes_of(ensemble: TreeEnsemble) -> list[Axis]:
    """Return the inputs that trees compare, with all thresholds of each."""
    columns, points = ensemble.splits
    finite = np.isfinite(points)  # others only tell missing values apart
    columns, points = columns[finite], points[finite]
    return [Axis(j, np.unique(points[columns == j])) for j in np.unique(columns).tolist()]


def n_cells(axes: list[Axis]) -> float:
    """Return how many cells axes make."""
    return float(np.prod([float(len(axis)) for axis in axes]))


def _labels(ensemble: TreeEnsemble, axes: list[Axis], asked: Asked) -> NDArray[Any]:
    """Return the model's answer in each cell, as a position in its classes."""
    k = ensemble.n_classes
    ask = _codes_with_ties if ensemble.any_order and k > 1 else codes

    def answers(rows: NDArray[np.float64]) -> NDArray[Any]:
        return ask(asked.model, asked.inputs(rows)).astype(np.int8 if k < 127 else np.int32)

    return answers_in_cells(axes, ensemble.n_inputs, answers, width=k)


def answers_in_cells(
    axes: list[Axis],
    n_inputs: int,
    ask: Callable[[NDArray[np.float64]], NDArray[Any]],
    width: int = 1,
) -> NDArray[Any]:
    """Return what a model answers in each cell.

    Parameters
    ----------
    axes : list of Axis
        They make the cells. All other inputs are 0.
    n_inputs : int
        Number of the model's inputs.
    ask : callable
        Its answers to some rows.
    width : int, default=1
        Numbers that it makes of each row, for the sake of the memory.

    Returns
    -------
    answers : ndarray of shape (n_pieces of each axis)
    """
    shape = tuple(len(axis) for axis in axes)
    n = int(np.prod(shape))
    size = max(1, _ASKED // max(n_inputs, width))
    parts = []
    for start in range(0, n, size):
        cells = np.arange(start, min(start + size, n))
        rows = np.zeros((len(cells), n_inputs))
        if axes:
            for axis, pieces in zip(axes, np.unravel_index(cells, shape), strict=True):
                rows[:, axis.column] = axis.inside[pieces]
        parts.append(ask(rows))
    return np.concatenate(parts).reshape(shape)


def _codes_with_ties(model: Any, rows: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return answers, and the number of classes where the sums of threads may give another one."""
    scores = answers_of(model.predict_proba, rows)
    second, first = np.sort(scores, axis=1)[:, -2:].T
    return np.where(first - second > _TIE, scores.argmax(axis=1), scores.shape[1])


def merged(axes: list[Axis], labels: NDArray[Any]) -> tuple[list[Axis], NDArray[Any]]:
    """Leave out points on whose two sides all cells are labelled the same."""
    kept = []
    for j, axis in enumerate(axes):
        slices = np.moveaxis(labels, j, 0)
        differs = [bool(np.any(a != b)) for a, b in itertools.pairwise(slices)]
        points = axis.points[differs]
        labels = labels.take(np.flatnonzero([*differs, True]), axis=j)
        if len(points):
            kept.append(Axis(axis.column, points))
    return kept, labels.reshape([len(axis) for axis in kept])


def _distinct(lines: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the distinct lines of a matrix of integers, and the number of each line among them."""
    lines = np.ascontiguousarray(lines)
    keys = lines.view(np.dtype((np.void, lines.dtype.itemsize * lines.shape[1]))).ravel()
    _, index, numbers = np.unique(keys, return_index=True, return_inverse=True)
    return lines[index], numbers.reshape(-1)
