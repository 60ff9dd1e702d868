"""interpret's explainable boosting machines: sums in float64 of tables of one input or more."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..form import NotClosedError
from .ensemble import Parts, Tree

__all__ = ["ebm", "regressor"]


def ebm(model: Any) -> Parts:
    """Read the terms, each as a tree; of terms of several inputs, only where they are cut."""
    offsets = np.atleast_1d(np.asarray(model.intercept_, dtype=np.float64))
    used = sorted({column for term in model.term_features_ for column in term})
    kinds = {model.feature_types_in_[column] for column in used}
    if not kinds <= {"continuous"}:
        raise NotClosedError("it has inputs that are not continuous")
    trees, single = [], True
    for term, scores in zip(model.term_features_, model.term_scores_, strict=True):
        for column in term:
            # terms of several inputs may have coarser cells
            levels = model.bins_[column]
            cuts = np.asarray(levels[min(len(levels), len(term)) - 1], dtype=np.float64)
            if len(term) == 1:
                table = np.asarray(scores, dtype=np.float64).reshape(len(cuts) + 3, -1)
                trees.append(_steps(column, cuts, table))
            else:
                single = False
                trees.append(_steps(column, cuts, np.zeros((len(cuts) + 3, 0))))
    if single:
        return Parts(trees, "sum", offsets)
    return Parts([tree._replace(values=tree.values[:, :0]) for tree in trees], "predict")


def regressor(model: Any) -> Parts:
    """Read the same of a regressor; with a link that is not the identity, only the cuts."""
    parts = ebm(model)
    return parts if model.link_ == "identity" else parts._replace(rule="predict")


def _steps(column: int, cuts: NDArray[np.float64], table: NDArray[np.float64]) -> Tree:
    """Return a step function as a tree: one cut after the other, from the lowest up.

    The table's first line is that of missing inputs, its last one of inputs of an unknown kind.
    """
    n = len(cuts) + 1  # questions: the first one is for missing inputs
    itself = np.arange(2 * n + 1)
    left, right = itself.copy(), itself.copy()
    left[:n], right[:n] = n + np.arange(n), 1 + np.arange(n)
    right[n - 1] = 2 * n
    point = np.zeros(2 * n + 1)
    point[:n] = np.nextafter(np.append(-math.inf, cuts), -math.inf)  # x < cut
    missing_left = itself == 0
    values = np.concatenate([np.zeros((n, table.shape[1])), table[:-1]])
    return Tree(np.full(2 * n + 1, column), point, left, right, missing_left, values)
