"""Any closed form: from the row outward in steps. A certificate proves each step."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..bounds.rounding import UNIT

__all__ = ["Proves", "march"]

_MOST_STEPS = 100
_TOL = 1e-3  # deviations, below which a step is the last
_FARTHEST = 200.0  # deviations, where the march is ended
_SAFE = 1 - 1e-9

# from rows, their classes and columns to changes of the column that leave the class the answer
Proves = Callable[[NDArray[np.float64], NDArray[np.intp], NDArray[np.intp]], NDArray[np.float64]]


def march(
    prove: Proves,
    X: NDArray[np.float64],
    of: NDArray[np.intp],
    columns: NDArray[np.intp],
    up: NDArray[np.bool_],
    sigma: NDArray[np.float64],
    proved: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return how far lines can be followed on which the answer stays.

    A step is proved around the point where it begins, and begins within what has been proved: the
    union of all steps is. Near an edge they become short.

    Parameters
    ----------
    prove : callable
        ``prove(X, of, columns)``: how far the column of each row may change, on both sides.
    X : ndarray of shape (n_lines, n_features)
        The row of each line.
    of, columns : ndarray of shape (n_lines,), int
        The model's class that is the answer, and the feature that moves.
    up : ndarray of shape (n_lines,), bool
        Whether it moves up.
    sigma : ndarray of shape (n_lines,)
        Its deviation.
    proved : ndarray of shape (n_lines,)
        How far each line is known already: where the march begins.

    Returns
    -------
    end : ndarray of shape (n_lines,)
        In the units of the feature; about 200 deviations stand for that or more.
    """
    lines = np.arange(len(X))
    start, sign = X[lines, columns], np.where(up, 1.0, -1.0)
    end = proved.copy()
    for _ in range(_MOST_STEPS):
        if not len(lines):
            break
        rows, moved = X[lines], columns[lines]
        place = start[lines] + sign[lines] * end[lines]
        rows[np.arange(len(lines)), moved] = place
        step = prove(rows, of[lines], moved) * _SAFE
        # from where the rounded place is
        reached = sign[lines] * (place - start[lines]) + step
        reached = np.maximum(reached - 4 * UNIT * (np.abs(place) + np.abs(start[lines])), 0.0)
        longer = reached > end[lines]
        end[lines] = np.maximum(end[lines], reached)
        going = longer & (step >= _TOL * sigma[lines]) & (end[lines] < _FARTHEST * sigma[lines])
        lines = lines[going]
    return end * _SAFE
