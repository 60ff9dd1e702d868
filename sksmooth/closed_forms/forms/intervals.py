"""Probabilities of boxes under independent noise: products of the masses of intervals.

All terms are positive, so small probabilities keep their relative accuracy.
"""

import functools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...bounds.rounding import UNIT
from ..inputs import Inputs, Spread
from ..numerics.normal import FLOOR, Tails
from ..readers import Box, TreeEnsemble
from ..readers.ensemble import Ends

__all__ = ["Intervals", "LeafBoxes", "widening"]

_PROBES = 4000  # at most

Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]


class Intervals:
    """Intervals on the axes of a model's inputs, and the probabilities that noise falls into them.

    Parameters
    ----------
    ends : list of (int, float, float)
        Input, lower end, upper end of each interval; the ends may be infinite. The upper end is
        in it, the lower one is not.

    Attributes
    ----------
    columns : ndarray of shape (n_points,), int
        Input of each distinct end.
    points : ndarray of shape (n_points,)
        The distinct ends.
    first, last : ndarray of shape (n_intervals,), int
        Numbers of the points at which intervals begin and end.
    """

    def __init__(self, ends: list[tuple[int, float, float]]) -> None:
        # the infinite points are the same ones for all inputs
        number = {(0, -np.inf): 0, (0, np.inf): 1}
        pairs = []
        for column, low, high in ends:
            keys = [(0 if np.isinf(end) else column, end) for end in (low, high)]
            pairs.append([number.setdefault(key, len(number)) for key in keys])
        self.columns = np.array([column for column, _ in number], dtype=np.intp)
        self.points = np.array([point for _, point in number])
        self.first, self.last = np.array(pairs, dtype=np.intp).reshape(-1, 2).T
        self._column_of_each = np.array([column for column, _, _ in ends], dtype=np.intp)

    def __len__(self) -> int:
        return len(self.first)

    @functools.cached_property
    def _of_column(self) -> dict[int, NDArray[np.intp]]:
        """Numbers of the intervals on each axis."""
        columns = self._column_of_each
        return {k: np.flatnonzero(columns == k) for k in np.unique(columns).tolist()}

    def _sides(self, inputs: Inputs) -> tuple[Bounds, Bounds]:
        """Return bounds on the masses below and above each point, of shape (n_points, n_rows)."""
        tails = inputs.tails(self.columns, self.points)
        # with the rows last, whatever is picked is picked in long pieces
        low, high = np.ascontiguousarray(tails.low.T), np.ascontiguousarray(tails.high.T)
        return Tails(low, high, np.ascontiguousarray(tails.left.T)).sides()

    def most(self, inputs: Inputs) -> NDArray[np.float64]:
        """Return upper bounds on the probabilities, but for one rounding.

        Both ends' masses below bound an interval's mass, and so do the masses above. The better
        bound is that of the side on which the masses are small.

        Returns
        -------
        high : ndarray of shape (n_intervals, n_rows)
            At least the probability times ``1 - 2**-53``.
        """
        (below_low, below_high), (above_low, above_high) = self._sides(inputs)
        high = self._most(below_low, below_high, above_low, above_high)
        for at, (_, upper) in self._replaced(inputs):
            high[at] = upper.T
        return high

    def _replaced(self, inputs: Inputs) -> Iterator[tuple[NDArray[np.intp], Bounds]]:
        """Yield intervals on the axes of replaced inputs: numbers, and bounds on their masses."""
        if not inputs.spread.replaced:
            return
        for column in inputs.spread.replaced.keys() & self._of_column.keys():
            at = self._of_column[column]
            ends = self.points[self.first[at]], self.points[self.last[at]]
            yield at, inputs.replaced(column, *ends)

    def _most(
        self,
        below_low: NDArray[np.float64],
        below_high: NDArray[np.float64],
        above_low: NDArray[np.float64],
        above_high: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        first, last = self.first, self.last
        high = below_high[last] - below_low[first]
        return np.minimum(high, above_high[first] - above_low[last], out=high)

    def both(self, inputs: Inputs) -> Bounds:
        """Return lower and upper bounds on the probabilities, but for one rounding each."""
        (below_low, below_high), (above_low, above_high) = self._sides(inputs)
        high = self._most(below_low, below_high, above_low, above_high)
        low = below_low[self.last] - below_high[self.first]
        np.maximum(low, above_low[self.first] - above_high[self.last], out=low)
        for at, (lower, upper) in self._replaced(inputs):
            low[at], high[at] = lower.T, upper.T
        return np.maximum(low, 0.0, out=low), high

    def holds(self, Z: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which intervals inputs without noise lie in: shape (n_intervals, n)."""
        below = Z.T[self.columns] <= self.points[:, None]
        return below[self.last] & ~below[self.first]


class LeafBoxes:
    """The leaves of trees as boxes.

    Parameters
    ----------
    ensemble : TreeEnsemble
        The trees; at least one.

    Attributes
    ----------
    nodes : ndarray of shape (n_leaves,), int
        Numbers of the leaves in the ensemble, those whose boxes have the most sides first. Leaves
        that no input can reach are left out.
    """

    def __init__(self, ensemble: TreeEnsemble) -> None:
        leaves = sorted(ensemble.leaves(), key=lambda leaf: -len(leaf[1]))
        self.nodes = np.array([node for node, _ in leaves], dtype=np.intp)
        self.boxes = [box for _, box in leaves]
        number: dict[tuple[int, Ends], int] = {}
        # the k-th side of all leaves that have as many: the first ones
        sides: list[list[int]] = [[] for _ in self.boxes[0]]
        for box in self.boxes:
            for side, part in zip(sides, box.items(), strict=False):
                side.append(number.setdefault(part, len(number)))
        self.sides = [np.array(side, dtype=np.intp) for side in sides]
        self.intervals = Intervals([(j, *ends) for j, intervals in number for ends in intervals])
        counts = np.array([len(intervals) for _, intervals in number])
        self._first = np.cumsum(counts) - counts  # interval of each side
        # what a product of masses is rounded: in each sum of masses, and in each multiplication
        self.roundings = (int(counts.max()) + 1) * len(self.sides)

    def __len__(self) -> int:
        return len(self.nodes)

    def _products(self, masses: NDArray[Any]) -> NDArray[Any]:
        """Return the product over each leaf's sides: shape (n_leaves, n_rows)."""
        if len(masses) > len(self._first):  # some have several intervals, which are disjoint
            masses = np.add.reduceat(masses, self._first, axis=0, dtype=masses.dtype)
        out = masses[self.sides[0]]
        for side in self.sides[1:]:
            out[: len(side)] *= masses[side]
        return out

    def most(self, inputs: Inputs) -> NDArray[np.float64]:
        """Return upper bounds on the leaves' probabilities, but for `roundings` and excess.

        Returns
        -------
        high : ndarray of shape (n_leaves, n_rows)
            To be widened, as the sums over it are: see `widening`.
        """
        return self._products(self.intervals.most(inputs))

    def mass_bounds(self, inputs: Inputs) -> Bounds:
        """Return bounds on the probability of each leaf.

        Parameters
        ----------
        inputs : Inputs
            Rows, with independent noise on the model's inputs.

        Returns
        -------
        low, high : ndarray of shape (n_rows, n_leaves)
            In [0, 1]; leaves are counted as in `nodes`.
        """
        low, high = (self._products(masses) for masses in self.intervals.both(inputs))
        wider = widening(self.roundings, inputs.spread)
        # correlations make nothing less probable by more than they can make it more probable
        low = np.maximum(low * (2.0 - wider) - FLOOR, 0.0)
        return low.T, np.minimum(high * wider + FLOOR, 1.0).T

    def holds(self, Z: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which leaf inputs without noise lie in: shape (n_leaves, n)."""
        return self._products(self.intervals.holds(Z))

    def leaf_of(self, Z: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the number, in `nodes`, of the leaf that each input without noise lies in."""
        size = self.rows_at_once
        parts = [Z[i : i + size] for i in range(0, max(len(Z), 1), size)]
        return np.concatenate([self.holds(part).argmax(axis=0) for part in parts])

    @property
    def rows_at_once(self) -> int:
        """For how many rows arrays of some hundred kilobytes suffice: a cache's size."""
        return int(np.clip(2**16 // len(self.intervals), 16, 1024))

    def inside(self, n_inputs: int) -> NDArray[np.float64]:
        """Return an input in each leaf's box, of shape (n_leaves, n_inputs)."""
        rows = np.zeros((len(self), n_inputs))
        for row, box in zip(rows, self.boxes, strict=True):
            _move_into(row, box)
        return rows

    def borders(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return inputs just inside of the leaves' sides, up to some thousand.

        Each is a row of Z, moved into a leaf's box and there to the end of one of its sides.
        """
        ends = [
            (box, column, math.nextafter(low, math.inf) if lower else high)
            for box in self.boxes
            for column, intervals in box.items()
            for low, high in intervals
            for lower in (True, False)
            if np.isfinite(low if lower else high)
        ]
        chosen = np.random.default_rng(0).permutation(len(ends))[:_PROBES]
        out = Z[np.arange(len(chosen)) % len(Z)]
        for row, number in zip(out, chosen, strict=True):
            box, moved, end = ends[number]
            _move_into(row, box)
            row[moved] = end
        return out


def _move_into(row: NDArray[np.float64], box: Box) -> None:
    for column, intervals in box.items():
        low, high = next((i for i in intervals if i[0] < row[column] <= i[1]), intervals[0])
        row[column] = min(max(row[column], math.nextafter(low, math.inf)), high)


def widening(roundings: NDArray[np.intp] | int, spread: Spread) -> Any:
    """Return the factor that makes up for roundings, and for noise that is nearly independent.

    Sums and products of positive numbers err by at most 2**-53, relative, in each operation.
    """
    # 1% of room for the higher order, and for the rounding of what is done with the factor
    return 1.0 + (1.01 * UNIT) * (np.asarray(roundings) + 8) + 1.01 * spread.excess
