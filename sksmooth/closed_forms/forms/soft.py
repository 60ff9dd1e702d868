r"""The soft vote of trees: their mean probabilities under noise, and the class where it is largest.

With :math:`v_{lc}` the share of class c in leaf l, over the leaves of all T trees,

.. math:: h_c(x) = E \left[ \frac{1}{T} \sum_t v_{t(x + \varepsilon), c} \right]
   = \frac{1}{T} \sum_l v_{lc} \, P(x + \varepsilon \in l) .

The class with the largest :math:`h_c` is **another classifier** than the class that the trees
answer most often. It is computed for forests of any size, and its radii are smaller: the trees'
doubts count where the forest has none.

:math:`\Phi^{-1}(h_c)` changes by at most 1 per standard deviation of the noise (Lemma 2 of
arXiv:1906.04584), so the radius is that of a vote with these probabilities.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..form import NotClosedError
from ..inputs import Inputs, Spread
from ..law import Law
from ..numerics.normal import FLOOR
from ..readers import TreeEnsemble
from .intervals import LeafBoxes, widening
from .slopes import Slopes
from .trees import TreeForm

__all__ = ["SoftTrees"]

_VALUES = 2**19  # of an array, at most: 4 MB


class SoftTrees(TreeForm):
    """Trees, forests and bagged trees by their mean probabilities.

    These are read with the sum over classes that each leaf's shares have by construction, 1:
    ``predict_proba`` rounds them.

    Parameters
    ----------
    boxes : LeafBoxes
        The leaves of all trees.
    values : ndarray of shape (n_classes, n_leaves)
        Their shares of each class, divided by the number of trees.
    """

    name = "soft"

    def __init__(self, boxes: LeafBoxes, values: NDArray[np.float64]) -> None:
        self.boxes, self.values = boxes, values
        self._slopes: Slopes | None = None
        # sums of shares, their quotients, and sums over leaves, all of positive numbers
        self._roundings = boxes.roundings + len(boxes) + len(values) + 4

    @classmethod
    def _fits(cls, ensemble: TreeEnsemble) -> bool:
        return ensemble.rule == "mean"

    @classmethod
    def of_trees(cls, ensemble: TreeEnsemble, model: Any, spread: Spread) -> Self:
        """Read the boxes of all trees, and their shares."""
        if ensemble.rule != "mean":
            raise NotClosedError("its probabilities are not the mean of its trees'")
        boxes = LeafBoxes(ensemble)
        shares = ensemble.values[boxes.nodes]
        shares = (shares / shares.sum(axis=1, keepdims=True)).T.copy()
        if not np.all(shares >= 0):
            raise NotClosedError("shares in its leaves are not all positive")
        return cls(boxes, shares / len(ensemble.roots))

    def law(self, inputs: Inputs) -> Law:
        """Return the law: bounds on the mean probabilities."""
        upper = (self.values @ self.boxes.most(inputs)).T
        return Law.of_uppers(upper * widening(self._roundings, inputs.spread) + FLOOR)

    def slopes(self, inputs: Inputs) -> NDArray[np.float64]:
        """Return bounds on the slopes of the mean probabilities."""
        if self._slopes is None:
            self._slopes = Slopes(self.boxes.sides, self.boxes.intervals, self.values)
        return self._slopes(inputs)

    def decide(self, Z: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return the classes with the largest mean probabilities."""
        size = self.rows_at_once()
        parts = [Z[i : i + size] for i in range(0, max(len(Z), 1), size)]
        scores = np.concatenate([self.values @ self.boxes.holds(part) for part in parts], axis=1)
        if len(scores) == 1:
            return np.zeros(len(Z), dtype=np.intp), np.ones(len(Z), dtype=bool)
        second, first = np.sort(scores, axis=0)[-2:]
        return scores.argmax(axis=0), first - second > 1e-9

    def probes(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return inputs on the sides of boxes: at thresholds and next to them."""
        most = max(100, 2**25 // len(self.boxes))  # each of them is compared with all leaves
        return np.concatenate([Z, self.boxes.borders(Z)[:most]])

    def rows_at_once(self) -> int:
        """Return for how many rows an array over all leaves stays small."""
        return int(np.clip(_VALUES // max(len(self.boxes), len(self.boxes.intervals)), 32, 1024))
