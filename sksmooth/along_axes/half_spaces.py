"""Linear models of several classes: long steps, from bounds that hold between two points.

Along an axis, the lead of a class over each other one is linear, so that the probability that the
other beats it under noise is monotone: between two points it is at most the larger of the two.
"""

import numpy as np
from numpy.typing import NDArray

from ..bounds.rounding import UNIT
from ..closed_forms import Linear, Part

__all__ = ["by_half_spaces"]

_MOST_STEPS = 60
_TOL = 1e-4  # deviations, below which no step is tried
_FARTHEST = 200.0
_SAFE = 1 - 1e-9


def by_half_spaces(
    part: Part,
    X: NDArray[np.float64],
    of: NDArray[np.intp],
    columns: NDArray[np.intp],
    up: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return how far lines can be followed on which a class has the largest probability.

    Parameters
    ----------
    part : Part
        The base; other than linear ones are not followed at all.
    X : ndarray of shape (n_lines, n_features)
        The row of each line, as the part takes it.
    of, columns : ndarray of shape (n_lines,), int
        The model's class that is the answer, and the feature that moves.
    up : ndarray of shape (n_lines,), bool
        Whether it moves up.

    Returns
    -------
    end : ndarray of shape (n_lines,)
        In the units of the feature. Not the whole way: probabilities of the other classes are added
        up, which counts twice where two of them beat this one.
    """
    form, end = part.form, np.zeros(len(X))
    if not isinstance(form, Linear):
        return end
    sigma = part.spread.sigma[columns]
    sign = np.where(up, 1.0, -1.0)

    def beaten(t: NDArray[np.float64], lines: NDArray[np.intp]) -> NDArray[np.float64]:
        rows = X[lines]
        rows[np.arange(len(rows)), columns[lines]] += sign[lines] * t
        return form.beaten(part.spread.around(rows), of[lines])

    lines = np.arange(len(X))
    step, before = sigma.copy(), beaten(end, lines)
    for _ in range(_MOST_STEPS):
        if not len(lines):
            break
        after = beaten(end[lines] + step[lines], lines)
        worst = np.maximum(before[lines], after)
        proved = 1.0 - worst.sum(axis=1) * (1 + 1e-12) > worst.max(axis=1)
        moved = lines[proved]
        end[moved] += step[moved]
        before[moved] = after[proved]
        step[lines] *= np.where(proved, 2.0, 0.5)
        lines = lines[(step[lines] > _TOL * sigma[lines]) & (end[lines] < _FARTHEST * sigma[lines])]
    start = np.abs(X[np.arange(len(X)), columns])  # beside which places were rounded
    return np.maximum(end * _SAFE - 4 * UNIT * (start + end), 0.0)
