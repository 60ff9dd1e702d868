"""Ensembles of trees that ask for one input each, as sums of step functions of single inputs."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from .form import NotClosedError
from .thresholds import past_float32

__all__ = ["READERS", "StepFunctions", "step_functions"]

_UNIT = 2.0**-53
_TREES = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor)
_CONSTANT = ("prior", "most_frequent", "constant", "uniform")


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
        first = self.first_cell
        jumps = np.diff(self.values, axis=1)
        within = np.ones(jumps.shape[1], dtype=bool)
        within[first[1:] - 1] = False
        return above @ jumps[:, within].T + (self.offsets + self.values[:, first].sum(axis=1))

    def cells(self, Z: NDArray[np.float64]) -> NDArray[np.intp]:
        """Return the cells that inputs are in, of shape (n, n_used)."""
        cells = np.empty((len(Z), len(self.columns)), dtype=np.intp)
        parts = np.split(self.points, np.cumsum(self.counts)[:-1]) if len(self.columns) else []
        for i, (column, points) in enumerate(zip(self.columns, parts, strict=True)):
            cells[:, i] = np.searchsorted(points, Z[:, column], side="left")
        return cells + self.first_cell

    def scores(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the scores of some inputs, of shape (n, n_scores)."""
        cells = self.cells(Z)
        return np.stack([v[cells].sum(axis=1) for v in self.values], axis=1) + self.offsets


@dataclasses.dataclass(frozen=True)
class _Tree:
    """Nodes of a tree; the first one is the root. Leaves are their own children."""

    feature: NDArray[np.intp]
    point: NDArray[np.float64]
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    values: NDArray[np.float64]  # (n_nodes, n_scores)

    @property
    def leaf(self) -> NDArray[np.bool_]:
        return self.left == np.arange(len(self.left))

    @property
    def column(self) -> int | None:
        """The only input that the tree depends on; None if there is none."""
        used = np.unique(self.feature[~self.leaf])
        if len(used) > 1:
            raise NotClosedError("one of its trees uses more than one input")
        return int(used[0]) if len(used) else None

    def add_to(self, cells: NDArray[np.float64], points: NDArray[np.float64]) -> None:
        """Add the tree's values to those of the cells, of shape (n_cells, n_scores)."""
        ends = np.searchsorted(points, self.point) + 1  # after the last cell that goes left
        leaf = self.leaf
        todo = [(0, 0, len(cells))]
        while todo:
            node, start, end = todo.pop()
            if start >= end:
                continue
            if leaf[node]:
                cells[start:end] += self.values[node]
            else:
                todo.append((int(self.left[node]), start, min(end, int(ends[node]))))
                todo.append((int(self.right[node]), max(start, int(ends[node])), end))


_Parts = tuple[list[_Tree], NDArray[np.float64]]


def step_functions(model: Any) -> StepFunctions:
    """Read the step functions of a fitted ensemble.

    Two classes have one score, of which large values speak for the second; more have one each.

    Parameters
    ----------
    model : fitted classifier
        Gradient boosting of both kinds, AdaBoost or a forest.

    Raises
    ------
    NotClosedError
        If it is not the sum of step functions of single inputs.
    """
    read = READERS.get(type(model))
    if read is None:
        raise NotClosedError("it is not an ensemble of trees")
    trees, offsets = read(model)
    values = [tree.values[tree.leaf] for tree in trees]
    if not all(np.all(np.isfinite(v)) for v in (offsets, *values)):
        raise NotClosedError("its values are not finite")
    # The model adds numbers of up to these sizes, and so do we, each from rounded products.
    sizes = np.abs(offsets) + sum(np.abs(v).max(axis=0) for v in values)
    errors = 4 * (len(trees) + 16) * _UNIT * sizes
    if len(model.classes_) == 2 and len(offsets) == 2:
        trees = [dataclasses.replace(t, values=t.values[:, [1]] - t.values[:, [0]]) for t in trees]
        offsets, errors = offsets[[1]] - offsets[[0]], errors.sum(keepdims=True)
    if len(offsets) != (1 if len(model.classes_) == 2 else len(model.classes_)):
        raise NotClosedError("its scores are not one a class")
    return _merged(trees, offsets, errors)


def _merged(
    trees: list[_Tree], offsets: NDArray[np.float64], errors: NDArray[np.float64]
) -> StepFunctions:
    """Add up the trees of each input."""
    offsets = offsets.copy()
    trees_of: dict[int, list[_Tree]] = {}
    for tree in trees:
        column = tree.column
        if column is None:
            offsets += tree.values[0]
        else:
            trees_of.setdefault(column, []).append(tree)
    columns = sorted(trees_of)
    points, values = [], []
    for column in columns:
        used = np.unique(np.concatenate([t.point[~t.leaf] for t in trees_of[column]]))
        cells = np.zeros((len(used) + 1, len(offsets)))
        for tree in trees_of[column]:
            tree.add_to(cells, used)
        points.append(used)
        values.append(cells)
    return StepFunctions(
        np.array(columns, dtype=np.intp),
        np.array([len(p) for p in points], dtype=np.intp),
        np.concatenate([np.empty(0), *points]),
        np.concatenate([np.empty((0, len(offsets))), *values]).T.copy(),
        offsets,
        errors,
    )


def _tree(estimator: Any, values: NDArray[np.float64]) -> _Tree:
    """Return a tree of scikit-learn's, with values of our own at its nodes."""
    tree, nodes = estimator.tree_, np.arange(estimator.tree_.node_count)
    leaf = tree.children_left < 0
    left, right = (np.where(leaf, nodes, c) for c in (tree.children_left, tree.children_right))
    return _Tree(tree.feature.astype(np.intp), past_float32(tree.threshold), left, right, values)


def _leaf_values(estimator: Any) -> NDArray[np.float64]:
    """Return what a tree of scikit-learn's has in its nodes, (n_nodes, n_values)."""
    if type(estimator) not in _TREES:
        raise NotClosedError("its estimators are not trees")
    if estimator.n_outputs_ != 1:
        raise NotClosedError("it has several outputs")
    return estimator.tree_.value[:, 0, :]


def _gradient_boosting(model: Any) -> _Parts:
    start = model.init_
    constant = type(start) is DummyClassifier and start.strategy in _CONSTANT
    if not (constant or (isinstance(start, str) and start == "zero")):
        raise NotClosedError("it starts from scores that are not constant")
    offsets = model._raw_predict_init(np.zeros((1, model.n_features_in_)))[0]
    trees = []
    for stage in model.estimators_:
        for k, estimator in enumerate(stage):
            values = np.zeros((estimator.tree_.node_count, len(offsets)))
            values[:, k] = model.learning_rate * _leaf_values(estimator)[:, 0]
            trees.append(_tree(estimator, values))
    return trees, offsets


def _hist_gradient_boosting(model: Any) -> _Parts:
    if model._preprocessor is not None:
        raise NotClosedError("it has categorical inputs")
    offsets = np.asarray(model._baseline_prediction, dtype=np.float64).ravel()
    trees = []
    for stage in model._predictors:
        for k, predictor in enumerate(stage):
            nodes = predictor.nodes
            leaf = nodes["is_leaf"].astype(bool)
            if np.any(nodes["is_categorical"][~leaf]):
                raise NotClosedError("it has categorical inputs")
            itself = np.arange(len(nodes))
            left, right = (np.where(leaf, itself, nodes[side]) for side in ("left", "right"))
            values = np.zeros((len(nodes), len(offsets)))
            values[:, k] = nodes["value"]
            feature = nodes["feature_idx"].astype(np.intp)
            point = nodes["num_threshold"]
            point = np.where(point >= 1e300, np.inf, point)  # as good as no split
            trees.append(_Tree(feature, point, left, right, values))
    return trees, offsets


def _ada_boost(model: Any) -> _Parts:
    n_classes = len(model.classes_)
    weights = model.estimator_weights_[: len(model.estimators_)]
    if not (np.all(weights >= 0) and model.estimator_weights_.sum() > 0):
        raise NotClosedError("its weights are not positive")
    trees = []
    for estimator, weight in zip(model.estimators_, weights, strict=True):
        votes = estimator.classes_[_leaf_values(estimator).argmax(axis=1)]
        won = votes[:, None] == model.classes_
        if n_classes == 2:
            values = np.where(won[:, [1]], weight, -weight)
        else:
            values = np.where(won, weight, -weight / (n_classes - 1))
        trees.append(_tree(estimator, values))
    return trees, np.zeros(1 if n_classes == 2 else n_classes)


def _forest(model: Any) -> _Parts:
    # the mean probability is the largest where the sum is
    trees = [_tree(estimator, _leaf_values(estimator)) for estimator in model.estimators_]
    return trees, np.zeros(len(model.classes_))


READERS: dict[type, Callable[[Any], _Parts]] = {
    AdaBoostClassifier: _ada_boost,
    ExtraTreesClassifier: _forest,
    GradientBoostingClassifier: _gradient_boosting,
    HistGradientBoostingClassifier: _hist_gradient_boosting,
    RandomForestClassifier: _forest,
}
