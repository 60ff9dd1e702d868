"""LightGBM: sums in float64 of trees that compare ``x <= threshold``, where |x| <= 1e-35 is 0.

Read from ``Booster.model_to_string()``, whose numbers are those of the model to the last bit.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..form import NotClosedError
from .ensemble import Parts, Tree
from .sets import Question, whole_numbers, with_questions

__all__ = ["booster", "refuse_keywords"]

_ZERO = float(np.float32(1e-35))  # inputs up to this size are 0
_BELOW_ZERO = float(np.nextafter(-_ZERO, -np.inf))  # the last one that is not
# objectives of regressors that answer their scores
_IDENTITY = ("regression", "regression_l1", "huber", "fair", "quantile", "mape")


def booster(model: Any) -> Parts:
    """Read the trees that ``predict`` uses, those up to the best iteration."""
    refuse_keywords(model)
    head, *blocks = model.booster_.model_to_string().split("\nTree=")
    fields = _fields(head)
    n_scores = int(fields["num_tree_per_iteration"])
    n_iterations = len(blocks) // n_scores if "average_output" in head.splitlines() else 1
    trees = (_tree(_fields(b), i % n_scores, n_scores) for i, b in enumerate(blocks))
    if n_iterations > 1:
        trees = (tree._replace(values=tree.values / n_iterations) for tree in trees)
    name, *settings = fields.get("objective", "none").split(" ")
    offsets = np.zeros(n_scores)
    if name in ("binary", "cross_entropy") and n_scores == 1 and "sqrt" not in settings:
        # a sigmoid of nearly 0 is 0.5, and then the first class wins
        slope = dict(part.split(":") for part in settings if ":" in part).get("sigmoid", "1")
        band = 2.0**-50 / float(slope)
        return Parts(trees, "sum", offsets, low=-band, high=band)
    if name == "multiclass":
        return Parts(trees, "sum", offsets, high=2.0**-50)
    if name in _IDENTITY and n_scores == 1 and "sqrt" not in settings:
        return Parts(trees, "sum", offsets)
    # sigmoids of single classes may all be 1
    return Parts(trees, "predict", offsets)


def refuse_keywords(model: Any) -> None:
    """Raise if one of the constructor's further keywords reaches predict: pred_early_stop does."""
    for name in model.get_params():
        if "pred" in name or name in ("raw_score", "leaf_index", "contrib", "config"):
            raise NotClosedError(f"its parameter {name} changes what predict does")


def _fields(block: str) -> dict[str, str]:
    """Return the lines of a part of the text that have the form ``key=value``."""
    lines = block.split("\nend of trees")[0].splitlines()
    return {key: value for key, found, value in (line.partition("=") for line in lines) if found}


def _tree(fields: dict[str, str], group: int, n_scores: int) -> Tree:
    if int(fields["is_linear"]) != 0:
        raise NotClosedError("its leaves are linear")
    leaves = np.array(fields["leaf_value"].split(), dtype=np.float64)
    inner = len(leaves) - 1
    values = np.zeros((inner + len(leaves), n_scores))
    values[inner:, group] = leaves
    itself = np.arange(len(values))
    feature, left, right = np.zeros(len(values), dtype=np.intp), itself.copy(), itself.copy()
    point, missing_left = np.zeros(len(values)), np.zeros(len(values), dtype=bool)
    if inner == 0:
        return Tree(feature, point, left, right, missing_left, values)
    threshold = np.array(fields["threshold"].split(), dtype=np.float64)
    feature[:inner] = np.array(fields["split_feature"].split(), dtype=np.intp)
    for children, name in ((left, "left_child"), (right, "right_child")):
        child = np.array(fields[name].split(), dtype=np.intp)
        children[:inner] = np.where(child >= 0, child, inner + ~child)
    point[:inner] = _points(threshold)
    kinds = np.array(fields["decision_type"].split(), dtype=np.intp)
    default_left, missing = (kinds & 2) > 0, (kinds >> 2) & 3
    # a missing input is 0 for nodes that know none
    missing_left[:inner] = np.where(missing == 0, threshold >= 0, default_left)
    tree = Tree(feature, point, left, right, missing_left, values)
    sets = (kinds & 1) > 0
    zeros = np.flatnonzero((missing == 1) & ~sets)
    asked = _questions(fields, tree, np.flatnonzero(sets), threshold)
    return with_questions(tree, [*asked, *_of_zeros(tree, zeros, default_left[zeros])])


def _questions(
    fields: dict[str, str], tree: Tree, nodes: NDArray[np.intp], numbers: NDArray[np.float64]
) -> Iterator[Question]:
    """Yield the questions about sets: their categories go left, all else goes right.

    A category is a number without its fraction, so that 0 has those above -1. Sets are bits, of
    which a node's number says where they begin.
    """
    if len(nodes) == 0:
        return
    starts = np.array(fields["cat_boundaries"].split(), dtype=np.intp)
    words = np.array(fields["cat_threshold"].split(), dtype=np.uint32)
    for node, number in zip(nodes.tolist(), numbers[nodes].astype(np.intp).tolist(), strict=True):
        bits = words[starts[number] : starts[number + 1]].astype("<u4").view(np.uint8)
        left, right = int(tree.left[node]), int(tree.right[node])
        goals = np.where(np.unpackbits(bits, bitorder="little") > 0, left, right)
        points = whole_numbers(len(goals) + 1)
        points[0] = -1.0
        yield Question(node, points, np.concatenate([[right], goals, [right]]), right)


def _of_zeros(
    tree: Tree, nodes: NDArray[np.intp], default_left: NDArray[np.bool_]
) -> Iterator[Question]:
    """Yield the comparisons of nodes that send zeros, as missing inputs, to a child by default."""
    for node, to_left in zip(nodes.tolist(), default_left.tolist(), strict=True):
        left, right, point = int(tree.left[node]), int(tree.right[node]), tree.point[node]
        default = left if to_left else right
        points = np.unique([_BELOW_ZERO, _ZERO, point])
        goals = np.where(np.append(points, np.inf) <= point, left, right)
        goals[:-1][points == _ZERO] = default
        yield Question(node, points, goals, default)


def _points(threshold: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the largest inputs that do not exceed thresholds, where tiny ones are 0."""
    tiny = np.where(threshold >= 0, _ZERO, _BELOW_ZERO)
    return np.where(np.abs(threshold) <= _ZERO, tiny, threshold)
