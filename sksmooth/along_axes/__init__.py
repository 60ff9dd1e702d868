"""How far a single feature may change, all others fixed: along the axis, where the law is known.

A radius bounds changes of all features together. Along one axis, closed forms say more: often that
the answer never changes. Each form has its own way, from exact to stepping.
"""

import numpy as np
from numpy.typing import NDArray

from ..closed_forms import FLOOR, ClosedForm, Linear, Part
from ..closed_forms.forms.pruned import Pruned
from ..noise import Noise
from .cells import by_cells
from .half_spaces import by_half_spaces
from .marching import march
from .parabolas import by_parabola

__all__ = ["ends_along_axes"]


def ends_along_axes(
    closed: ClosedForm, noise: Noise, X: NDArray[np.floating], of: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return how far each feature alone may go down and up while the answer stays.

    Parameters
    ----------
    closed : ClosedForm
        The base.
    noise : Noise
        The noise; it turns tails into radii.
    X : ndarray of shape (n_samples, n_features)
        Rows.
    of : ndarray of shape (n_samples,), int
        Class code of the answer at each row: certified there.

    Returns
    -------
    down, up : ndarray of shape (n_samples, n_features)
        In the units of the features, 0 or more, infinite where no change of the feature changes the
        answer. All points strictly between are proved; 0 for features without noise, and for values
        that are missing.
    """
    ends = np.zeros((2, *X.shape))
    classes = np.argsort(closed.codes)[of]
    for rows, extended, _, part in closed.groups(X):
        if part is not None and len(rows):
            found = _ends_of_part(part, noise, extended, classes[rows], X.shape[1])
            ends[:, rows] = found[:, :, : X.shape[1]]
    return ends[0], ends[1]


def _ends_of_part(
    part: Part, noise: Noise, X: NDArray[np.float64], of: NDArray[np.intp], n_columns: int
) -> NDArray[np.float64]:
    """Return ends of rows with the same gaps, extended by what encoders make of them."""
    n, sigma = len(X), part.spread.sigma

    def prove(
        Z: NDArray[np.float64], classes: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        law, at = part.law_of(Z, classes), np.arange(len(Z))
        miss, upper = law.miss[at, classes], law.upper.copy()
        upper[at, classes] = 0.0
        rival = np.minimum(upper.max(axis=1), miss)
        radii = noise.radius_of_tails(np.maximum(miss, FLOOR), np.maximum(rival, FLOOR))
        assert radii is not None  # closed forms are taken for such noise alone
        return noise.norm.along_axes(radii, n_columns)[at, columns]

    ends = np.zeros((2, *X.shape))
    if isinstance(
        part.form, Pruned
    ):  # no noise, and no step along an axis, leaves a row's own form
        for rows, form in part.form.groups(part.spread.around(X).mean):
            own = Part(form, part.spread)
            ends[:, rows] = _ends_of_part(own, noise, X[rows], of[rows], n_columns)
        ends[:, part.law_of(X, of).miss[np.arange(n), of] >= 0.5] = 0.0
        return ends
    added = sigma > 0
    for to in part.spread.replaced.values():
        added[to.features] = False
    noisy = np.flatnonzero(added).tolist()
    if not noisy:
        return ends
    all_known = False
    if isinstance(part.form, Linear):
        ends[:] = part.form.reaches(part.spread.around(X), of)
        ends[:, part.law_of(X, of).miss[np.arange(n), of] >= 0.5] = 0.0
        all_known = part.form.n_classes == 2
    for column in [] if all_known else noisy:
        found = by_cells(part, X, of, column) or by_parabola(part, prove, X, of, column)
        if found is not None:
            ends[:, :, column] = found
            continue
        side, row = np.nonzero(~np.isinf(ends[:, :, column]))
        line = X[row], of[row], np.full(len(row), column), side == 1
        known, deviation = by_half_spaces(part, *line), np.full(len(row), sigma[column])
        ends[side, row, column] = march(prove, *line, deviation, known)
    nothing = prove(X, of, np.full(n, noisy[0])) == 0
    ends[:, nothing] = 0.0
    ends[:, :, ~added] = 0.0
    return ends
