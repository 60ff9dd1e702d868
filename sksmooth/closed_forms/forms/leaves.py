"""Regression trees: the output under noise is one of the leaves' values.

Each leaf has the probability of its box; see `boxes`.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..inputs import Inputs
from ..readers import TreeEnsemble
from .asked import Asked
from .intervals import LeafBoxes
from .step_functions import scores_of_nodes
from .values import Values

__all__ = ["Leaves"]

Floats = NDArray[np.float64]


class Leaves(Values):
    """A tree whose leaves hold numbers.

    Parameters
    ----------
    boxes : LeafBoxes
        The leaves.
    values : ndarray of shape (n_leaves,)
        What the model answers in each.
    error : float
        How far it may be from that.
    """

    name = "boxes"

    def __init__(self, boxes: LeafBoxes, values: Floats, error: float) -> None:
        super().__init__(values, error)
        self.boxes = boxes

    @classmethod
    def _fits(cls, ensemble: TreeEnsemble) -> bool:
        return ensemble.rule == "sum" and len(ensemble.roots) == 1

    @classmethod
    def of_trees(cls, ensemble: TreeEnsemble, asked: Asked) -> Self:
        """Take the numbers in the leaves."""
        nodes, offsets, errors = scores_of_nodes(ensemble)
        boxes = LeafBoxes(ensemble)
        values = nodes[boxes.nodes, 0]
        if offsets[0] == 0 and ensemble.errors[0] == 0:  # the model's answers themselves
            return cls(boxes, values, 0.0)
        return cls(boxes, values + offsets[0], float(errors[0]))

    def answers(self, inputs: Inputs) -> tuple[Floats, Floats]:
        """Return the values of the leaves that inputs lie in."""
        affine = inputs.spread.affine
        leaves = self.boxes.leaf_of(np.clip(inputs.mean, affine.low, affine.high))
        return self.by_part[leaves], np.full(len(leaves), self.error)

    def _masses(self, inputs: Inputs) -> tuple[Floats, int]:
        return self.boxes.most(inputs).T, self.boxes.roundings

    def probes(self, Z: Floats) -> Floats:
        """Return inputs on the sides of boxes: at thresholds and next to them."""
        return np.concatenate([Z, self.boxes.borders(Z)])

    def rows_at_once(self) -> int:
        """Return for how many rows arrays of some hundred kilobytes suffice: a cache's size."""
        return self.boxes.rows_at_once
