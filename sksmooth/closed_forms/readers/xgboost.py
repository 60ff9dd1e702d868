"""XGBoost: sums in float32 of trees that compare ``float32(x) < threshold``.

Read from ``Booster.save_raw("json")``, whose numbers are those of the model to the last bit.
"""

import json
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..form import NotClosedError
from .ensemble import Parts, Tree
from .sets import Question, with_questions
from .thresholds import last_at_most

__all__ = ["booster"]

_UNIT32 = 2.0**-24

# Where the model's float32 arithmetic has decided: the second class wins for certain above the
# second number, the first one below the first. Sigmoids and softmaxes of scores that are nearly
# the same come out the same, and the first class wins.
_DECIDES = {
    "binary:hinge": (0.0, 0.0),
    "binary:logistic": (-(2.0**-22), 2.0**-22),
    "binary:logitraw": (0.5, 0.5),  # the probability is compared with 0.5, whatever it is
    "multi:softmax": (0.0, 0.0),
    "multi:softprob": (0.0, 2.0**-21),
}


# Regressors answer their scores, where these have no link.
_ANSWERS = {
    f"reg:{loss}": (0.0, 0.0)
    for loss in (
        *("squarederror", "squaredlogerror", "absoluteerror", "pseudohubererror", "quantileerror"),
    )
}


def booster(model: Any) -> Parts:
    """Read the trees that ``predict`` uses; their sums, if these are known to make its answers."""
    n_classes = len(getattr(model, "classes_", ()))
    if not (isinstance(model.missing, float) and math.isnan(model.missing)):
        raise NotClosedError(f"missing={model.missing}: such inputs are not compared")
    learner = json.loads(bytes(model.get_booster().save_raw("json")))["learner"]
    gradient, params = learner["gradient_booster"], learner["learner_model_param"]
    if gradient["name"] != "gbtree" or model.booster == "gblinear":
        raise NotClosedError(f"booster {gradient['name']!r}; what is read is 'gbtree'")
    n_scores = max(int(params["num_class"]), 1)
    expected = 1 if n_classes in (0, 2) else n_classes
    if int(params.get("num_target", 1)) != 1 or n_scores != expected:
        raise NotClosedError("its scores are not one a class" if n_classes else "several outputs")
    found, groups = _trees_in_use(gradient["model"], learner["attributes"], n_scores)
    trees = [_tree(tree, group, n_scores) for tree, group in zip(found, groups, strict=True)]
    objective = learner["objective"]["name"]
    offsets, errors = _offsets(params["base_score"], objective, n_scores)
    sizes, counts = np.abs(offsets), np.zeros(n_scores)
    for tree, group in zip(trees, groups, strict=True):
        sizes[group] += np.abs(tree.values[:, group]).max()
        counts[group] += 1
    # of sums in any order
    relative = (counts + 8) * _UNIT32
    errors += 1.001 * relative / (1 - relative) * sizes
    known = _DECIDES if n_classes else _ANSWERS
    if objective not in known:
        return Parts(trees, "predict", offsets, errors)
    return Parts(trees, "sum", offsets, errors, *known[objective])


def _trees_in_use(
    found: dict[str, Any], attributes: dict[str, str], n_scores: int
) -> tuple[list[Any], list[int]]:
    """Return the trees up to the best iteration, if there is one, and the scores they add to."""
    n = len(found["trees"])
    if "best_iteration" in attributes:
        iterations = int(attributes["best_iteration"]) + 1
        if "iteration_indptr" in found:
            n = int(found["iteration_indptr"][iterations])
        else:  # of versions before 2.0
            n = iterations * n_scores * int(found["gbtree_model_param"]["num_parallel_tree"])
    return found["trees"][:n], found["tree_info"][:n]


def _tree(found: dict[str, Any], group: int, n_scores: int) -> Tree:
    if int(found["tree_param"]["size_leaf_vector"]) > 1:
        raise NotClosedError("its leaves are vectors (multi_strategy='multi_output_tree')")
    sides = ("left_children", "right_children")
    left, right = (np.array(found[side], dtype=np.intp) for side in sides)
    leaf, nodes = left < 0, np.arange(len(left))
    # a threshold, or the value of a leaf
    number = np.array(found["split_conditions"], dtype=np.float32)
    values = np.zeros((len(nodes), n_scores))
    values[leaf, group] = number[leaf]
    tree = Tree(
        np.where(leaf, 0, np.array(found["split_indices"], dtype=np.intp)),
        last_at_most(np.nextafter(number, np.float32(-np.inf))),
        np.where(leaf, nodes, left),
        np.where(leaf, nodes, right),
        np.array(found["default_left"], dtype=bool),
        values,
    )
    return with_questions(tree, _questions(found, tree))


def _questions(found: dict[str, Any], tree: Tree) -> Iterator[Question]:
    """Yield the questions about sets: their categories go right, and no other numbers.

    A category is a float32 without its fraction, from 0 on.
    """
    parts = (found.get(f"categories_{name}", []) for name in ("nodes", "segments", "sizes"))
    for node, start, size in zip(*parts, strict=True):
        chosen = np.array(found["categories"][start : start + size], dtype=np.float32)
        left, right = int(tree.left[node]), int(tree.right[node])
        ends = np.unique([chosen, chosen + 1])
        goals = np.append(left, np.where(np.isin(ends, chosen), right, left))
        points = last_at_most(np.nextafter(ends, np.float32(-np.inf)))
        yield Question(node, points, goals, left if tree.missing_left[node] else right)


def _offsets(
    written: str, objective: str, n_scores: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what the scores start from, and by how much the model's own may differ from that."""
    base = np.array(written.strip("[]").split(","), dtype=np.float32).astype(np.float64)
    base = np.broadcast_to(base, n_scores).copy()
    if objective != "binary:logistic":
        return base, np.zeros(n_scores)
    offsets = np.log(base) - np.log1p(-base)  # it is a probability
    # 1 / b - 1 and its logarithm, in float32
    errors = _UNIT32 * (1 / (1 - base) + 1 + 4 * np.abs(offsets))
    return offsets, errors
