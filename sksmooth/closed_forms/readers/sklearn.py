"""scikit-learn's trees and their ensembles.

Its trees compare ``float32(x) <= threshold``, those of histogram-based boosting in float64.
"""

import contextlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.multiclass import OneVsRestClassifier
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from ...introspection import decided_inside
from ..decisions import decision_of
from ..form import NotClosedError
from .ensemble import Parts, Rule, Tree
from .registry import parts_of, refuse_other_methods
from .sets import Question, whole_numbers, with_questions
from .thresholds import last_at_most

__all__ = [
    "ada_boost",
    "bagging",
    "deciding",
    "forest",
    "gradient_boosting",
    "hist_gradient_boosting",
    "tree",
    "voting",
]

_TREES = (DecisionTreeClassifier, ExtraTreeClassifier)
_CONSTANT = ("prior", "most_frequent", "constant", "uniform")


def tree(model: Any) -> Parts:
    """Read a single tree: the class with the largest share in the leaf, or the number there."""
    values = _leaf_values(model)
    rule: Rule = "mean" if hasattr(model, "classes_") else "sum"
    return Parts([_tree(model, values)], rule, np.zeros(values.shape[1]))


def forest(model: Any) -> Parts:
    """Read a forest: its trees' mean shares are the largest where their sums are."""
    # threads add to the same sums
    any_order = model.n_jobs not in (None, 1)
    if hasattr(model, "classes_"):
        trees = (_tree(member, _leaf_values(member)) for member in model.estimators_)
        return Parts(trees, "mean", np.zeros(len(model.classes_)), any_order=any_order)
    n = len(model.estimators_)  # whose mean is the answer
    trees = (_tree(member, _leaf_values(member) / n) for member in model.estimators_)
    return Parts(trees, "sum", np.zeros(1), any_order=any_order)


def bagging(model: Any) -> Parts:
    """Read bagged trees, each of which may see a part of the inputs and of the classes."""
    columns_of_each = [np.asarray(columns) for columns in model.estimators_features_]
    members = list(zip(model.estimators_, columns_of_each, strict=True))
    n_classes = len(model.classes_)

    def trees() -> Iterator[Tree]:
        for member, columns in members:
            shares = _leaf_values(member)
            values = np.zeros((len(shares), n_classes))
            values[:, member.classes_.astype(np.intp)] = shares  # their numbers
            found = _tree(member, values)
            yield found._replace(feature=columns[found.feature])

    if all(type(member) in _TREES for member, _ in members):
        return Parts(trees(), "mean", np.zeros(n_classes))
    return Parts(_nested(model.estimators_, columns_of_each), "predict")


def voting(model: Any) -> Parts:
    """Read ensembles that vote."""
    return Parts(_nested(model.estimators_), "predict")


def deciding(model: Any) -> Parts:
    """Read what decides in its own way from the scores of trees: with another threshold, say."""
    if type(model) is CalibratedClassifierCV:
        members = [part.estimator for part in model.calibrated_classifiers_]
    elif type(model) is OneVsRestClassifier:
        members = model.estimators_
    else:
        members = [decided_inside(model)]
    with contextlib.suppress(NotClosedError):  # several of them, or of more than two classes
        inner, threshold, blur = decision_of(model)
        parts = parts_of(inner)
        if parts.rule != "predict" and not parts.any_order:
            return parts._replace(low=threshold - blur, high=threshold + blur)
    return Parts(_nested(members), "predict")


def dummy(model: Any) -> Parts:
    """Read a model that gives the same answer everywhere."""
    if model.strategy not in ("prior", "most_frequent", "constant"):
        raise NotClosedError(f"DummyClassifier answers by chance: {model.strategy}")
    return Parts([], "predict")


def ada_boost(model: Any) -> Parts:
    """Read the weighted votes of trees; of other ensembles, only their splits."""
    n_classes = len(model.classes_)
    weights = model.estimator_weights_[: len(model.estimators_)]
    trees = all(type(member) in _TREES for member in model.estimators_)
    if not (trees and np.all(weights >= 0) and model.estimator_weights_.sum() > 0):
        return Parts(_nested(model.estimators_), "predict")

    def votes() -> Iterator[Tree]:
        for member, weight in zip(model.estimators_, weights, strict=True):
            labels = member.classes_[_leaf_values(member).argmax(axis=1)]
            won = labels[:, None] == model.classes_
            if n_classes == 2:
                yield _tree(member, np.where(won[:, [1]], weight, -weight))
            else:
                yield _tree(member, np.where(won, weight, -weight / max(1, n_classes - 1)))

    return Parts(votes(), "sum", np.zeros(1 if n_classes == 2 else n_classes))


def gradient_boosting(model: Any) -> Parts:
    """Read sums of trees; if they do not start from constants, only their splits."""
    start = model.init_
    constant = type(start) is DummyClassifier and start.strategy in _CONSTANT
    constant |= type(start) is DummyRegressor
    if not (constant or (isinstance(start, str) and start == "zero")):
        # its first model gets rows that are rounded to float32
        first = (t._replace(point=last_at_most(t.point)) for t in _nested([start]))
        rest = (_tree(member, _leaf_values(member)[:, :0]) for member in model.estimators_.flat)
        return Parts(itertools.chain(first, rest), "predict")
    offsets = model._raw_predict_init(np.zeros((1, model.n_features_in_)))[0]

    def trees() -> Iterator[Tree]:
        for stage in model.estimators_:
            for k, member in enumerate(stage):
                values = np.zeros((member.tree_.node_count, len(offsets)))
                values[:, k] = model.learning_rate * _leaf_values(member)[:, 0]
                yield _tree(member, values)

    return Parts(trees(), "sum", offsets)


def hist_gradient_boosting(model: Any) -> Parts:
    """Read sums of trees that compare in float64."""
    if model._preprocessor is not None:  # see `sksmooth.introspection.split`
        raise NotClosedError("it has categorical inputs that are not understood")
    known = model._bin_mapper.make_known_categories_bitsets()
    offsets = np.asarray(model._baseline_prediction, dtype=np.float64).ravel()

    def trees() -> Iterator[Tree]:
        for stage in model._predictors:
            for k, predictor in enumerate(stage):
                nodes = predictor.nodes
                leaf = nodes["is_leaf"].astype(bool)
                itself = np.arange(len(nodes))
                left, right = (np.where(leaf, itself, nodes[side]) for side in ("left", "right"))
                values = np.zeros((len(nodes), len(offsets)))
                values[:, k] = nodes["value"]
                found = Tree(
                    np.where(leaf, 0, nodes["feature_idx"]),
                    nodes["num_threshold"],
                    left,
                    right,
                    nodes["missing_go_to_left"].astype(bool),
                    values,
                )
                yield _with_sets(found, predictor, *known)

    return Parts(trees(), "sum", offsets)


def _with_sets(
    tree: Tree, predictor: Any, known: NDArray[np.uint32], number: NDArray[np.uint32]
) -> Tree:
    """Return a tree of histogram-based boosting with comparisons for its questions about sets.

    Categories are whole numbers from 0, others are rounded down. Those that the trees have not seen
    in training are missing.
    """
    nodes = predictor.nodes
    asked = nodes["is_categorical"].astype(bool) & ~nodes["is_leaf"].astype(bool)

    def questions() -> Iterator[Question]:
        for node in np.flatnonzero(asked).tolist():
            left, right = int(tree.left[node]), int(tree.right[node])
            other = left if tree.missing_left[node] else right
            in_left, seen = (
                np.unpackbits(np.ascontiguousarray(bits).view(np.uint8), bitorder="little") > 0
                for bits in (
                    predictor.raw_left_cat_bitsets[nodes["bitset_idx"][node]],
                    known[number[tree.feature[node]]],
                )
            )
            goals = np.where(in_left, left, np.where(seen, right, other))
            # numbers below 0 are no categories
            yield Question(node, whole_numbers(len(goals)), np.append(other, goals), other)

    return with_questions(tree, questions()) if asked.any() else tree


def _nested(
    members: Iterable[Any], columns: Iterable[NDArray[np.intp] | None] = ()
) -> Iterator[Tree]:
    """Yield the trees of models that a model asks; it hands all of its inputs, or some, to each."""
    for member, own in itertools.zip_longest(members, columns):
        parts = parts_of(member)
        if parts.any_order and len(member.classes_) > 1:
            raise NotClosedError("sums of forests in it come in any order: set their n_jobs to 1")
        for found in parts.trees:
            feature = found.feature if own is None else own[found.feature]
            yield found._replace(feature=feature, values=np.zeros((len(feature), 0)))


def _leaf_values(member: Any) -> NDArray[np.float64]:
    """Return what a tree has in its nodes, (n_nodes, n_values)."""
    if type(member) not in (*_TREES, DecisionTreeRegressor, ExtraTreeRegressor):
        raise NotClosedError(f"{type(member).__name__} is no tree that is known")
    if member.n_outputs_ != 1:
        raise NotClosedError("a tree is of another shape: it has several outputs")
    refuse_other_methods(member)
    values: NDArray[np.float64] = member.tree_.value[:, 0, :]
    return values


def _tree(member: Any, values: NDArray[np.float64]) -> Tree:
    """Return a tree, with values of our own at its nodes."""
    found = member.tree_
    leaf, nodes = found.children_left < 0, np.arange(found.node_count)
    children = found.children_left, found.children_right
    left, right = (np.where(leaf, nodes, child) for child in children)
    return Tree(
        np.where(leaf, 0, found.feature),
        last_at_most(found.threshold),
        left,
        right,
        found.missing_go_to_left.astype(bool),
        values,
    )
