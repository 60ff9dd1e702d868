"""Ensembles of trees that ask for one input each, as sums of step functions of single inputs."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ...bounds.rounding import UNIT
from ..form import NotClosedError
from ..readers import TreeEnsemble

__all__ = ["StepFunctions", "scores_of_nodes", "step_functions"]

_FAR = 1e300  # no input is beyond this
_MANY = 2000  # cells, from which on those with nearly the same values are put together
_NEARLY = 2.0**-14  # by how much scores may change then, in parts of their range


@dataclasses.dataclass(frozen=True)
class StepFunctions:
    """Scores, each of them an offset and a step function of each input, added.

    An input's points cut its axis into cells, one more than there are points, each with its upper
    end. Points and cells of all inputs follow each other in one array each.

    Attributes
    ----------
    columns : ndarray of shape (n_used,), int
        The inputs that scores depend on.
    counts : ndarray of shape (n_used,), int
        How many points each of them has; at least one.
    points : ndarray of shape (n_points,)
        Where steps are, ascending for each input.
    values : ndarray of shape (n_scores, n_points + n_used)
        Value in each cell.
    offsets, errors : ndarray of shape (n_scores,)
        What is added, and a bound on how far apart the model's rounded sums and ours may be.
    """

    columns: NDArray[np.intp]
    counts: NDArray[np.intp]
    points: NDArray[np.float64]
    values: NDArray[np.float64]
    offsets: NDArray[np.float64]
    errors: NDArray[np.float64]

    @property
    def axes(self) -> list[tuple[int, NDArray[np.float64]]]:
        """The inputs that scores depend on, with their points."""
        ends = np.cumsum(self.counts)[:-1]
        return list(zip(self.columns.tolist(), np.split(self.points, ends), strict=False))

    @property
    def column_of_point(self) -> NDArray[np.intp]:
        """The input that each point belongs to."""
        return np.repeat(self.columns, self.counts)

    @property
    def first_cell(self) -> NDArray[np.intp]:
        """The first cell of each input that is used."""
        return np.cumsum(self.counts + 1) - (self.counts + 1)

    def means(self, above: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return about what the mean scores are, from the masses above all points.

        Parameters
        ----------
        above : ndarray of shape (n, n_points)

        Returns
        -------
        scores : ndarray of shape (n, n_scores)
        """
        start = self.offsets + self.values[:, self.first_cell].sum(axis=1)
        return above @ self.jumps(self.values).T + start

    def jumps(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return by how much values of the cells, along the last axis, change at each point."""
        jumps = np.diff(values)
        within = np.ones(jumps.shape[-1], dtype=bool)
        within[self.first_cell[1:] - 1] = False
        return jumps[..., within]

    def cells(self, Z: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the cells that inputs are in, of shape (n, n_used)."""
        cells = np.empty((len(Z), len(self.columns)), dtype=np.intp)
        for i, (column, points) in enumerate(self.axes):
            cells[:, i] = np.searchsorted(points, Z[:, column], side="left")
        return cells + self.first_cell

    def scores(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores of some inputs, of shape (n, n_scores)."""
        cells = self.cells(Z)
        return np.stack([v[cells].sum(axis=1) for v in self.values], axis=1) + self.offsets


def step_functions(ensemble: TreeEnsemble) -> StepFunctions:
    """Return the step functions of an ensemble.

    Two classes have one score, of which large values speak for the second; more have one each. A
    regressor's one score is its answer.

    Raises
    ------
    NotClosedError
        If it is not the sum of step functions of single inputs.
    """
    values, offsets, errors = scores_of_nodes(ensemble)
    used = _cells_of_inputs(ensemble, values)
    if sum(len(cells) for _, _, cells in used) > _MANY:
        ranges = sum(np.ptp(cells, axis=0) for _, _, cells in used)
        share = _NEARLY * ranges / len(used)
        used = [(j, *_with_fewer_cells(points, cells, share)) for j, points, cells in used]
        errors = errors + 1.01 * _NEARLY * ranges
    for _, points, cells in used:
        if len(points) == 0:
            offsets = offsets + cells[0]
    used = [part for part in used if len(part[1])]
    return StepFunctions(
        np.array([column for column, _, _ in used], dtype=np.intp),
        np.array([len(points) for _, points, _ in used], dtype=np.intp),
        np.concatenate([np.empty(0), *(points for _, points, _ in used)]),
        np.concatenate([values[:0], *(cells for _, _, cells in used)]).T.copy(),
        offsets,
        errors,
    )


def scores_of_nodes(
    ensemble: TreeEnsemble,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return values of all nodes, offsets, and bounds on errors: one of each for two classes."""
    if ensemble.rule == "predict":
        raise NotClosedError("it does not answer by sums of its trees' values")
    values, offsets = ensemble.values, ensemble.offsets
    leaves = np.where(ensemble.leaf[:, None], np.abs(values), 0.0)
    if not np.all(np.isfinite(leaves)) or not np.all(np.isfinite(offsets)):
        raise NotClosedError("its values are not finite")
    # The model adds numbers of up to these sizes, and so do we, each from rounded products.
    sizes = np.abs(offsets) + sum(np.maximum.reduceat(leaves, ensemble.roots))
    errors = 4 * (len(ensemble.roots) + 16) * UNIT * sizes + ensemble.errors
    two = ensemble.n_classes == 2
    if two and len(offsets) == 2:
        values, offsets = values[:, [1]] - values[:, [0]], offsets[[1]] - offsets[[0]]
        errors = errors.sum(keepdims=True)
    if len(offsets) != (1 if two else ensemble.n_classes or 1):
        raise NotClosedError("its scores are not one a class")
    low, high = ensemble.low, ensemble.high
    if two:
        return values, offsets - (low + high) / 2, errors + (high - low) / 2
    return values, offsets, errors + high / 4  # a pair of classes gets twice the sum of its errors


def _cells_of_inputs(
    ensemble: TreeEnsemble, values: NDArray[np.float64]
) -> list[tuple[int, NDArray[np.float64], NDArray[np.float64]]]:
    """Return the inputs that trees use, with points and values of cells: sums over the trees.

    Trees of a single leaf have no points.
    """
    trees_of: dict[int, list[int]] = {}
    for root, used in zip(ensemble.roots.tolist(), ensemble.inputs, strict=True):
        if len(used) > 1:
            raise NotClosedError("one of its trees uses more than one input")
        trees_of.setdefault(int(used[0]) if len(used) else -1, []).append(root)
    found = []
    inner, place = ~ensemble.leaf, np.where(ensemble.point >= _FAR, np.inf, ensemble.point)
    for column in sorted(trees_of):
        points = np.unique(place[inner & (ensemble.feature == column)])
        points = points[points > -np.inf]  # no input is below it
        cells = np.zeros((len(points) + 1, values.shape[1]))
        ends = np.searchsorted(points, place, side="right")  # after the last cell that goes left
        for root in trees_of[column]:
            _add(ensemble, root, values, ends, cells)
        found.append((column, points, cells))
    return found


def _add(
    ensemble: TreeEnsemble,
    root: int,
    values: NDArray[np.float64],
    ends: NDArray[np.intp],
    cells: NDArray[np.float64],
) -> None:
    """Add a tree's values to those of the cells, of shape (n_cells, n_scores)."""
    todo = [(root, 0, len(cells))]
    while todo:
        node, start, end = todo.pop()
        left, right, cut = int(ensemble.left[node]), int(ensemble.right[node]), int(ends[node])
        if start >= end:
            continue
        if left == node:
            cells[start:end] += values[node]
        else:
            todo.append((left, start, min(end, cut)))
            todo.append((right, max(start, cut), end))


def _with_fewer_cells(
    points: NDArray[np.float64], cells: NDArray[np.float64], tolerance: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Put neighbouring cells together, of which no value changes by more than the tolerance."""
    lines = cells.tolist()
    room = (2 * tolerance).tolist()
    low = high = lines[0]
    kept, merged = [], []
    for i, line in enumerate(lines[1:]):
        lower, higher = list(map(min, low, line)), list(map(max, high, line))
        if any(top - end > most for end, top, most in zip(lower, higher, room, strict=True)):
            kept.append(i)
            merged.append((low, high))
            low = high = line
        else:
            low, high = lower, higher
    merged.append((low, high))
    return points[kept], np.mean(merged, axis=1)
