"""interpret's explainable boosting machines: sums in float64 of tables of one input or more."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..form import NotClosedError
from .ensemble import Parts, Tree

__all__ = ["ebm"]

_MOST_EXACT = 2**24  # whole numbers below are written alike in float32 and float64


def ebm(model: Any) -> Parts:
    """Read the terms, each as a tree; of terms of several inputs, only where they are cut.

    So of regressors with a link that is not the identity.
    """
    offsets = np.atleast_1d(np.asarray(model.intercept_, dtype=np.float64))
    used = sorted({column for term in model.term_features_ for column in term})
    kinds = {model.feature_types_in_[column] for column in used}
    if not kinds <= {"continuous", "nominal"}:
        raise NotClosedError("it has ordinal inputs")
    trees, sums = [], hasattr(model, "classes_") or model.link_ == "identity"
    for term, scores in zip(model.term_features_, model.term_scores_, strict=True):
        for column in term:
            # terms of several inputs may have coarser cells
            levels = model.bins_[column]
            points, lines = _cells(levels[min(len(levels), len(term)) - 1])
            if len(term) == 1:
                table = np.asarray(scores, dtype=np.float64)
                table = table.reshape(len(table), -1)
            else:
                sums, table = False, np.zeros((max(lines) + 2, 0))
            trees.append(_steps(column, points, table[[0, *lines]]))
    if sums:
        return Parts(trees, "sum", offsets)
    return Parts([tree._replace(values=tree.values[:, :0]) for tree in trees], "predict")


def _cells(bins: Any) -> tuple[NDArray[np.float64], list[int]]:
    """Return the points that cut an input's axis, and the line of the tables for each cell.

    The first line of a table is that of missing inputs, the last one of those that are not known.
    A nominal input is looked up by how it is written. A whole number is one float64; between two of
    them nothing is known.
    """
    if not isinstance(bins, dict):  # x < cut
        points = np.nextafter(np.asarray(bins, dtype=np.float64), -math.inf)
        return points, [*range(1, len(points) + 2)]
    try:
        numbers = sorted((int(name), line) for name, line in bins.items())
    except ValueError:
        numbers = []
    whole = {str(x) for x, _ in numbers if abs(x) < _MOST_EXACT}
    if whole != set(bins):
        raise NotClosedError("it has nominal inputs that are not whole numbers")
    values = np.array([x for x, _ in numbers], dtype=np.float64)
    points = np.stack([np.nextafter(values, -math.inf), values], axis=1).ravel()
    return points, [*(line for _, known in numbers for line in (-1, known)), -1]


def _steps(column: int, points: NDArray[np.float64], table: NDArray[np.float64]) -> Tree:
    """Return a step function as a tree: one cell after the other, from the lowest up.

    The table's first line is that of missing inputs.
    """
    n = len(points) + 1  # questions: the first one is for missing inputs
    itself = np.arange(2 * n + 1)
    left, right = itself.copy(), itself.copy()
    left[:n], right[:n] = n + np.arange(n), 1 + np.arange(n)
    right[n - 1] = 2 * n
    ends = np.zeros(2 * n + 1)
    ends[:n] = np.append(-math.inf, points)
    missing_left = itself == 0
    values = np.concatenate([np.zeros((n, table.shape[1])), table])
    return Tree(np.full(2 * n + 1, column), ends, left, right, missing_left, values)
