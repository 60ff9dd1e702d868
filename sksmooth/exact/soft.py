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

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from .boxes import Box, Intervals, LeafBoxes, leaves_of, widening
from .form import Form, NotClosedError
from .inputs import Inputs, Spread
from .law import Law
from .normal import FLOOR
from .slopes import Slopes

__all__ = ["ForestBoxes", "SoftTrees"]

_TREES = (DecisionTreeClassifier, ExtraTreeClassifier)
_FORESTS = (RandomForestClassifier, ExtraTreesClassifier)
_VALUES = 2**19  # of an array, at most: 4 MB
_EVERYWHERE = {0: (-np.inf, np.inf)}

Columns = NDArray[np.intp]


class ForestBoxes(LeafBoxes):
    """The leaves of several trees as boxes.

    Parameters
    ----------
    trees : list of sklearn.tree._tree.Tree
        The trees.
    columns : list of ndarray of shape (n_features_of_tree,), int
        Which of the model's inputs each tree sees.

    Attributes
    ----------
    nodes : ndarray of shape (n_leaves,), int
        Numbers of the leaves in their trees.
    owners : ndarray of shape (n_leaves,), int
        The trees that they are in.
    """

    def __init__(self, trees: list[Any], columns: list[Columns]) -> None:
        leaves = [
            (t, node, box)
            for t, (tree, names) in enumerate(zip(trees, columns, strict=True))
            for node, found in leaves_of(tree)
            if (box := _renamed(found, names)) is not None
        ]
        leaves.sort(key=lambda leaf: -len(leaf[2]))
        self.owners = np.array([t for t, _, _ in leaves], dtype=np.intp)
        self.nodes = np.array([node for _, node, _ in leaves], dtype=np.intp)
        self.boxes = [box for _, _, box in leaves]
        number: dict[tuple[int, float, float], int] = {}
        sides: list[list[int]] = [[] for _ in self.boxes[0]]
        for box in self.boxes:
            for side, (column, (low, high)) in zip(sides, box.items(), strict=False):
                side.append(number.setdefault((column, low, high), len(number)))
        self.sides = [np.array(side, dtype=np.intp) for side in sides]
        self.intervals = Intervals(list(number))
        self.roundings = 2 * len(self.sides)


class SoftTrees(Form):
    """Trees, forests and bagged trees by their mean probabilities.

    These are read with the sum over classes that each leaf's shares have by construction, 1:
    ``predict_proba`` rounds them.

    Parameters
    ----------
    boxes : ForestBoxes
        The leaves of all trees.
    values : ndarray of shape (n_classes, n_leaves)
        Their shares of each class, divided by the number of trees.
    """

    name = "soft"
    models = (*_TREES, *_FORESTS, BaggingClassifier)

    def __init__(self, boxes: ForestBoxes, values: NDArray[np.float64]) -> None:
        self.boxes, self.values = boxes, values
        self._slopes: Slopes | None = None
        # sums of shares, their quotients, and sums over leaves, all of positive numbers
        self._roundings = boxes.roundings + len(boxes) + len(values) + 4

    @classmethod
    def of(cls, model: Any, spread: Spread) -> "SoftTrees":
        """Read the boxes of all trees, and their shares."""
        if not spread.independent:
            raise NotClosedError("the noise on the trees' inputs is correlated")
        if "predict_proba" in vars(model):
            raise NotClosedError("its predict_proba is not that of its class")
        members, columns = _members(model, len(spread.scale))
        n_classes = len(model.classes_)
        for tree, names in zip(members, columns, strict=True):
            if type(tree) not in _TREES:
                raise NotClosedError("not all of its members are trees")
            if tree.n_outputs_ != 1 or tree.tree_.n_features != len(names):
                raise NotClosedError("a tree is of another shape")
        boxes = ForestBoxes([tree.tree_ for tree in members], columns)
        values = np.zeros((n_classes, len(boxes)))
        for t, tree in enumerate(members):
            own = np.flatnonzero(boxes.owners == t)
            shares = tree.tree_.value[boxes.nodes[own], 0, : len(tree.classes_)]
            # bagged trees and those of forests know classes by their numbers, or a part of them
            known = np.arange(n_classes) if tree is model else tree.classes_.astype(np.intp)
            values[known[:, None], own] = (shares / shares.sum(axis=1, keepdims=True)).T
        if not np.all(values >= 0):
            raise NotClosedError("shares in its leaves are not all positive")
        return cls(boxes, values / len(members))

    def law(self, inputs: Inputs) -> Law:
        """Return the law: bounds on the mean probabilities."""
        upper = (self.values @ self.boxes.most(inputs)).T
        return Law.of_uppers(upper * widening(self._roundings, inputs.spread) + FLOOR)

    def slopes(self, inputs: Inputs) -> NDArray[np.float64]:
        """Return bounds on the slopes of the mean probabilities."""
        if self._slopes is None:
            self._slopes = Slopes(self.boxes, self.values)
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


def _members(model: Any, n_inputs: int) -> tuple[list[Any], list[Columns]]:
    """Return the trees of a model, and which of its inputs each of them sees."""
    everything = np.arange(n_inputs)
    if type(model) in _TREES:
        return [model], [everything]
    if type(model) in _FORESTS:
        return list(model.estimators_), [everything] * len(model.estimators_)
    if type(model) is BaggingClassifier:
        return list(model.estimators_), [np.asarray(f) for f in model.estimators_features_]
    raise NotClosedError("it is not a tree, nor an ensemble of trees with a mean of probabilities")


def _renamed(box: Box, names: Columns) -> Box | None:
    """Return a box on a model's inputs; None if nothing can be in it.

    A tree may see an input twice.
    """
    out: Box = {}
    for column, (low, high) in box.items():
        name = int(names[column])
        other_low, other_high = out.get(name, (-np.inf, np.inf))
        out[name] = (max(low, other_low), min(high, other_high))
    if any(low >= high for low, high in out.values()):
        return None
    return out or dict(_EVERYWHERE)
