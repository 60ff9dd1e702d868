r"""Gaussian naive Bayes of two classes: along an axis, the difference of scores is a parabola.

Given the other features, the class with the larger score at x_j wins where a parabola is above a
level. Each level is crossed at most twice, at places that lie symmetrically about the vertex; so by
variation diminishing the smoothed answer changes at most twice along the axis, symmetrically as
well: from the vertex on, it is monotone on both sides.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ..bounds.rounding import UNIT
from ..closed_forms import Part
from ..closed_forms.forms.quadratic import Quadratic
from ..closed_forms.numerics.normal import REACH
from .marching import Proves

__all__ = ["by_parabola"]

_FLAT = 1e-6  # curvature, relative, from which on it is one
_DOUBLINGS, _STEPS = 60, 40
_TOL = 1e-4  # deviations
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

    def rows_at(at: NDArray[np.float64], lines: NDArray[np.intp]) -> NDArray[np.float64]:
        rows = X[lines]
        rows[:, column] = at
        return rows

    def lead(at: NDArray[np.float64], lines: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return a number that is positive where the answer stays: a normal quantile of it."""
        law = part.law_of(rows_at(at, lines), of[lines])
        miss = law.miss[np.arange(len(lines)), of[lines]]
        return np.clip(-ndtri(miss), -REACH, REACH)

    # where the answer stays at the vertex of a parabola that opens up, it stays everywhere; the
    # vertex itself is within rounding of there
    every = np.arange(len(X))
    room = prove(rows_at(place, every), of, np.full(len(X), column))
    known = room > 1e-9 * (np.abs(place) + np.abs(value)) + 1e-6 * sigma
    ends = np.full((2, len(X)), np.inf)
    for side, sign in enumerate((-1.0, 1.0)):
        inside = opens_up & ~known & (sign * (place - value) > 0)  # between row and vertex
        lines = np.flatnonzero(inside | ~opens_up)
        most = np.where(inside, np.abs(place - value), np.inf)[lines]
        start, low, high = value[lines], np.zeros(len(lines)), np.minimum(sigma, most)
        gain, loss = lead(start, lines), lead(start + sign * high, lines)  # at both
        for _ in range(_DOUBLINGS):
            on = (high < most) & (loss > 0)
            if not on.any():
                break
            falls = np.maximum(gain - loss, 1e-9)
            beyond = np.clip(1.1 * (low + (high - low) * gain / falls), 2 * high, 16 * high)
            low, high = np.where(on, high, low), np.where(on, np.minimum(beyond, most), high)
            gain[on] = loss[on]
            loss[on] = lead((start + sign * high)[on], lines[on])
        low = _last_positive(
            lambda at, some: lead((start + sign * at)[some], lines[some]),  # noqa: B023
            (low, high),
            (gain, loss),
            _TOL * sigma,
        )
        # places were rounded beside where the row is
        ends[side, lines] = np.maximum(low * _SAFE - 4 * UNIT * (np.abs(start) + low), 0.0)
    return ends[0], ends[1]


def _last_positive(
    function: Callable[[NDArray[np.float64], NDArray[np.intp]], NDArray[np.float64]],
    ends: tuple[NDArray[np.float64], NDArray[np.float64]],
    values: tuple[NDArray[np.float64], NDArray[np.float64]],
    tol: float,
) -> NDArray[np.float64]:
    """Return points where functions of one change of sign are positive, `tol` from that at most.

    The Illinois rule: secants, with the value of an end halved that stays twice.

    Parameters
    ----------
    function : callable
        ``function(at, some)``: values of some of the functions, by number.
    ends, values : tuple of two ndarray of shape (n_functions,)
        Between which points to look, and the values there. What is positive at the second point is
        not looked at, nor what is not positive at the first.
    tol : float
        How near.
    """
    (low, high), (gain, loss) = (tuple(np.array(part) for part in pair) for pair in (ends, values))
    last = np.zeros(len(low))
    for _ in range(_STEPS):
        some = np.flatnonzero((gain > 0) & (loss <= 0) & (high - low > tol))
        if not len(some):
            break
        share = gain[some] / (gain[some] - loss[some])
        at = low.copy()
        at[some] += (high - low)[some] * share
        at[some] = np.clip(at, low + 0.5 * tol, high - 0.5 * tol)[some]  # both ends come near
        found = function(at, some)
        on = found > 0
        up, down = some[on], some[~on]
        low[up], gain[up], high[down], loss[down] = at[up], found[on], at[down], found[~on]
        loss[up[last[up] > 0]] *= 0.5
        gain[down[last[down] < 0]] *= 0.5
        last[up], last[down] = 1, -1
    return low
