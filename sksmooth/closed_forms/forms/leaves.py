r"""Regression trees: the output under noise is one of the leaves' values.

Each leaf has the probability of its box; see `boxes`. With the values sorted, sums of these from
either end bound the probability of an output above or below any number. Bounds on medians are
values of leaves, without rounding.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeRegressor, ExtraTreeRegressor

from ...bounds import radius_of_tails
from ..form import NotClosedError
from ..inputs import Inputs, Spread
from ..numerics.normal import FLOOR
from ..outputs import OutputForm, safe_tail
from ..readers import TreeEnsemble
from ..readers.sklearn import regression_tree
from .intervals import LeafBoxes, widening

__all__ = ["Leaves"]

Floats = NDArray[np.float64]


class Leaves(OutputForm):
    """A tree whose leaves hold numbers.

    Parameters
    ----------
    boxes : LeafBoxes
        The leaves.
    values : ndarray of shape (n_leaves,)
        What the model answers in each.
    """

    name = "boxes"
    models = (DecisionTreeRegressor, ExtraTreeRegressor)

    def __init__(self, boxes: LeafBoxes, values: Floats) -> None:
        self.boxes, self.order = boxes, np.argsort(values, kind="stable")
        self.by_leaf, self.values = values, values[self.order]

    @classmethod
    def of(cls, model: Any, spread: Spread) -> "Leaves":
        """Ask a tree for its answer in each leaf's box."""
        ensemble = TreeEnsemble.of(regression_tree(model), int(model.n_features_in_), 1)
        if ensemble.n_inputs != len(spread.scale):
            raise NotClosedError("the model is of another shape")
        if not spread.independent:
            raise NotClosedError("the noise on its inputs is correlated, not independent")
        boxes = LeafBoxes(ensemble)
        values = ensemble.values[boxes.nodes, 0]
        if not np.all(np.isfinite(values)):
            raise NotClosedError("not all of its leaves hold numbers")
        return cls(boxes, values)

    def answers(self, inputs: Inputs) -> tuple[Floats, Floats]:
        """Return the values of the leaves that inputs lie in; the model has the same."""
        affine, size = inputs.spread.affine, self.rows_at_once()
        Z = np.clip(inputs.mean, affine.low, affine.high)
        parts = [Z[i : i + size] for i in range(0, max(len(Z), 1), size)]
        leaves = np.concatenate([self.boxes.holds(part).argmax(axis=0) for part in parts])
        return self.by_leaf[leaves], np.zeros(len(leaves))

    def _sums(self, inputs: Inputs) -> tuple[Floats, Floats]:
        """Return bounds on the probabilities of outputs below the i-th value, and above it.

        Returns
        -------
        below, above : ndarray of shape (n_rows, n_leaves + 1)
            Of the i-th value and beyond, in both; exactly 0 where there is none.
        """
        wider = widening(self.boxes.roundings + len(self.values), inputs.spread)
        masses = self.boxes.most(inputs).T[:, self.order]
        masses = np.where(np.isnan(masses), 1.0, masses) * wider + FLOOR
        nothing = np.zeros((len(masses), 1))
        below = np.concatenate([nothing, masses.cumsum(axis=1)], axis=1)
        above = np.concatenate([nothing, masses[:, ::-1].cumsum(axis=1)], axis=1)[:, ::-1]
        return below, above  # [:, i]: of the first i values, and of all from the i-th on

    def quantile(self, inputs: Inputs, q: float) -> Floats:
        """Return the least value with a share of q at or below it."""
        return self._quantile(self._sums(inputs)[0], q)

    def _quantile(self, below: Floats, q: float) -> Floats:
        reached = below[:, 1:] >= q * below[:, -1:] * (1 - 1e-14)
        return self.values[reached.argmax(axis=1)]

    def bands(self, inputs: Inputs, distances: Sequence[float]) -> tuple[Floats, Floats, Floats]:
        """Return medians, and the outermost values that a median can be."""
        below, above = self._sums(inputs)
        lower, upper = np.empty((2, len(below), len(distances)))
        for k, tail in enumerate(map(safe_tail, distances)):
            high = (above[:, 1:] > tail).sum(axis=1)  # above the i-th value, for i from 0 on
            low = (below[:, :-1] <= tail).sum(axis=1) - 1
            lower[:, k], upper[:, k] = self.values[low], self.values[high]
        return self._quantile(below, 0.5), lower, upper

    def reach(self, inputs: Inputs, lower: Floats, upper: Floats) -> Floats:
        """Return the distance that the likelier of both misses proves."""
        below, above = self._sums(inputs)
        lines = np.arange(len(below))
        first = np.searchsorted(self.values, lower, side="left")
        last = np.searchsorted(self.values, upper, side="right")
        miss = np.maximum(below[lines, first], above[lines, last])
        return radius_of_tails(np.minimum(miss, 1.0))

    def probes(self, Z: Floats) -> Floats:
        """Return inputs on the sides of boxes: at thresholds and next to them."""
        return np.concatenate([Z, self.boxes.borders(Z)])

    def rows_at_once(self) -> int:
        """Return for how many rows arrays of some hundred kilobytes suffice: a cache's size."""
        return int(np.clip(2**16 // (len(self.boxes.intervals) + len(self.values)), 16, 1024))
