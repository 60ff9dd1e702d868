r"""Decision trees: the probability that independent noise carries a row into each leaf, a box.

.. math:: P(f(x + \varepsilon) = c) = \sum_{l: c_l = c} \prod_j
   \left[\Phi\left(\frac{b_{lj} - x_j}{\sigma_j}\right)
   - \Phi\left(\frac{a_{lj} - x_j}{\sigma_j}\right)\right]

where leaf l answers :math:`c_l` and holds the x with :math:`a_{lj} < x_j \le b_{lj}` for all j. All
terms are positive, so small probabilities keep their relative accuracy.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..form import NotClosedError
from ..inputs import Inputs
from ..law import Law
from ..numerics.normal import FLOOR
from ..readers import TreeEnsemble
from .asked import Asked
from .intervals import LeafBoxes, widening
from .trees import TreeForm, codes

__all__ = ["Boxes"]


class Boxes(TreeForm):
    """A decision tree, or any model of a single one: the answer in the leaf that an input is in.

    Parameters
    ----------
    boxes : LeafBoxes
        The leaves.
    labels : ndarray of shape (n_leaves,), int
        Position of each leaf's answer in the model's ``classes_``.
    n_classes : int
        Number of classes.
    """

    name = "boxes"

    def __init__(self, boxes: LeafBoxes, labels: NDArray[np.intp], n_classes: int) -> None:
        self.boxes, self.labels = boxes, labels
        answers = labels == np.arange(n_classes)[:, None]
        self._answers = answers.astype(np.float64)
        # sums over the leaves of a class are rounded once a leaf
        self._roundings = boxes.roundings + answers.sum(axis=1)

    @classmethod
    def _fits(cls, ensemble: TreeEnsemble) -> bool:
        return len(ensemble.roots) == 1

    @classmethod
    def of_trees(cls, ensemble: TreeEnsemble, asked: Asked) -> Self:
        """Ask a model of a single tree for its answer in each leaf's box."""
        if len(ensemble.roots) != 1:
            raise NotClosedError("it is not a single tree")
        boxes = LeafBoxes(ensemble)
        rows = asked.inputs(boxes.inside(ensemble.n_inputs))
        return cls(boxes, codes(asked.model, rows), ensemble.n_classes)

    def law(self, inputs: Inputs, of: NDArray[np.intp] | None = None) -> Law:
        """Return the law: sums over the leaves of each class."""
        upper = (self._answers @ self.boxes.most(inputs)).T
        return Law.of_uppers(upper * widening(self._roundings, inputs.spread) + FLOOR)

    def decide(self, Z: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return the classes of the boxes that inputs lie in."""
        return self.labels[self.boxes.leaf_of(Z)], np.ones(len(Z), dtype=bool)

    def cuts(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return the sides of all boxes."""
        return self.boxes.intervals.columns, self.boxes.intervals.points

    def probes(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return inputs on the sides of boxes: at thresholds and next to them."""
        return np.concatenate([Z, self.boxes.borders(Z)])

    def rows_at_once(self) -> int:
        """Return for how many rows arrays of some hundred kilobytes suffice: a cache's size."""
        return self.boxes.rows_at_once
