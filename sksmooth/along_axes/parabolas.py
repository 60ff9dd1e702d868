r"""Gaussian naive Bayes of two classes: along an axis, the difference of scores is a parabola.

Given the other features, the class with the larger score at x_j wins where a parabola is above a
level. Each level is crossed at most twice, at places that lie symmetrically about the vertex; so by
variation diminishing the smoothed answer changes at most twice along the axis, symmetrically as
well: from the vertex on, it is monotone on both sides.
"""

import numpy as np
from numpy.typing import NDArray

from ..bounds.rounding import UNIT
from ..closed_forms import Part
from ..closed_forms.forms.quadratic import Quadratic
from .marching import Proves

__all__ = ["by_parabola"]

_FLAT = 1e-6  # curvature, relative, from which on it is one
_DOUBLINGS, _HALVINGS = 60, 14
_SAFE = 1 - 1e-9


def by_parabola(
    part: Part,
    prove: Proves,
    X: NDArray[np.float64],
    of: NDArray[np.intp],
    column: int,
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return how far a feature may go down and up while a class stays the answer.

    Parameters
    ----------
    part : Part
        The base.
    prove : callable
        As of `march`.
    X : ndarray of shape (n_samples, n_features)
        Rows, as the part takes them.
    of : ndarray of shape (n_samples,), int
        The model's class that is the answer at each row.
    column : int
        The feature; it has noise.

    Returns
    -------
    down, up : ndarray of shape (n_samples,)
        In the units of the feature, 0 or more. None if the difference is no such parabola.
    """
    form, spread = part.form, part.spread
    matrix = spread.affine.matrix
    if not (isinstance(form, Quadratic) and form.n_classes == 2 and spread.excess == 0):
        return None
    fed = np.array([column]) if matrix.ndim == 1 else np.flatnonzero(matrix[:, column])
    if len(fed) != 1 or any(density.root.ndim != 1 for density in form.densities):
        return None
    k = int(fed[0])
    rate = float(matrix[k] if matrix.ndim == 1 else matrix[k, column])
    second, first = (form.densities[i].root[k] ** 2 for i in (1, 0))  # one over the variances
    if rate == 0 or abs(first - second) < _FLAT * max(first, second):
        return None
    centres = [float(form.densities[i].centre[k]) for i in (0, 1)]
    vertex = (first * centres[0] - second * centres[1]) / (first - second)
    # the score of class 0 less that of class 1 opens downward where the variance of 0 is smaller
    opens_up = np.where(of == 0, first < second, second < first)
    value, sigma = X[:, column], float(spread.sigma[column])
    place = (
        vertex - (spread.affine.unclipped(X)[:, k] - rate * value)
    ) / rate  # of the vertex, by row

    def room(at: NDArray[np.float64], lines: NDArray[np.intp]) -> NDArray[np.float64]:
        rows = X[lines]
        rows[:, column] = at
        return prove(rows, of[lines], np.full(len(rows), column))

    # where the answer stays at the vertex of a parabola that opens up, it stays everywhere; the
    # vertex itself is within rounding of there
    known = room(place, np.arange(len(X))) > 1e-9 * (np.abs(place) + np.abs(value)) + 1e-6 * sigma
    ends = np.full((2, len(X)), np.inf)
    for side, sign in enumerate((-1.0, 1.0)):
        inside = opens_up & ~known & (sign * (place - value) > 0)  # between row and vertex
        lines = np.flatnonzero(inside | ~opens_up)
        most = np.where(inside, np.abs(place - value), np.inf)[lines]
        start, low, high = value[lines], np.zeros(len(lines)), np.minimum(sigma, most)
        for _ in range(_DOUBLINGS):
            on = (high < most) & (room(start + sign * high, lines) > 0)
            if not on.any():
                break
            low, high = np.where(on, high, low), np.where(on, np.minimum(2 * high, most), high)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            on = room(start + sign * middle, lines) > 0
            low, high = np.where(on, middle, low), np.where(on, high, middle)
        # places were rounded beside where the row is
        ends[side, lines] = np.maximum(low * _SAFE - 4 * UNIT * (np.abs(start) + low), 0.0)
    return ends[0], ends[1]
