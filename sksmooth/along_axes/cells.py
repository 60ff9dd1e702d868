r"""Models that depend on a feature through cells alone: exact ends, by conditioning on the cell.

Let :math:`q_{c,i} = P(f = c \mid x_j \text{ in cell } i)`, the other features being noisy. It does
not depend on where x_j is, so that along the axis

.. math:: p_A(t) - p_c(t) = \sum_i (q_{A,i} - q_{c,i}) \,
    P(x_j + t + \sigma_j Z \text{ in cell } i)

is a smoothed step function. The q come from the closed form itself, read with a sigma of 0 for the
feature, at the row with a value inside the cell.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ..bounds.rounding import UNIT
from ..closed_forms import Part
from ..closed_forms.inputs import Spread
from ..closed_forms.numerics.normal import REACH
from .step_sums import reach

__all__ = ["by_cells"]

_FARTHEST = 1e300  # points beyond are no points: no input is there
_VALUES = 2**21  # of arrays, at once
_PHI0 = 0.3989422804014327


def by_cells(
    part: Part, X: NDArray[np.float64], of: NDArray[np.intp], column: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return how far a feature may go down and up while a class stays the answer.

    Parameters
    ----------
    part : Part
        The base.
    X : ndarray of shape (n_samples, n_features)
        Rows, as the part takes them.
    of : ndarray of shape (n_samples,), int
        The model's class that is the answer at each row.
    column : int
        The feature; it has noise.

    Returns
    -------
    down, up : ndarray of shape (n_samples,)
        In the units of the feature, 0 or more. None if the form is no function of cells here.
    """
    cuts, spread = part.form.cuts(), part.spread
    matrix = spread.affine.matrix
    if cuts is None or spread.excess > 0:
        return None
    fed = np.array([column]) if matrix.ndim == 1 else np.flatnonzero(matrix[:, column])
    rate = matrix[column] if matrix.ndim == 1 else matrix[fed, column]
    if len(fed) > 1:
        return None
    points = [np.unique(cuts[1][(cuts[0] == k) & (np.abs(cuts[1]) < _FARTHEST)]) for k in fed]
    if not len(fed) or not len(points[0]) or not np.any(rate):  # the model never sees it
        return np.full(len(X), np.inf), np.full(len(X), np.inf)
    line = _Line(part, column, int(fed[0]), float(np.ravel(rate)[0]), points[0])
    size = max(1, _VALUES // ((len(points[0]) + 1) * max(X.shape[1], 8)))
    parts = [line.ends(X[i : i + size], of[i : i + size]) for i in range(0, len(X), size)]
    down, up = zip(*parts, strict=True)
    return np.concatenate(down), np.concatenate(up)


@dataclasses.dataclass(frozen=True)
class _Line:
    """The axis of a feature.

    Parameters
    ----------
    part : Part
        The base.
    column : int
        The feature.
    fed : int
        The model's input that depends on it.
    rate : float
        How fast that grows with the feature.
    points : ndarray of shape (n_points,)
        Upper ends of cells of the input.
    """

    part: Part
    column: int
    fed: int
    rate: float
    points: NDArray[np.float64]

    def ends(
        self, X: NDArray[np.float64], of: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the ends of some rows, downward and upward."""
        sigma = float(self.part.spread.sigma[self.column])
        points, slack = self._points(X)
        d = self._values(X, of, points, sigma)  # (n, n_rivals, n_cells)
        # noise that lands within rounding of a point may be in the other cell
        misplaced = (2 * _PHI0 / sigma) * slack.sum(axis=1) * 1.01
        d -= 2 * misplaced[:, None, None]
        n, k, m = d.shape
        z = (points - X[:, [self.column]]) / sigma
        z_slack = slack / sigma + 4 * UNIT * (np.abs(z) + np.abs(points) / sigma)
        z, z_slack = (np.repeat(part, k, axis=0) for part in (z, z_slack))
        d = np.clip(d.reshape(n * k, m), -1.0, 1.0)
        found = reach(
            np.concatenate([d[:, ::-1], d]),
            np.concatenate([-z[:, ::-1], z]),
            np.concatenate([z_slack[:, ::-1], z_slack]),
        )
        down, up = found.reshape(2, n, k).min(axis=2) * sigma
        return down, up

    def _points(self, X: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the points in the units of the feature, and what the model may round them by."""
        spread, far = self.part.spread, np.abs(X) + REACH * self.part.spread.sigma
        affine = spread.affine
        value = X[:, self.column]
        rest = affine.unclipped(X)[:, self.fed] - self.rate * value
        points = (self.points - rest[:, None]) / self.rate
        far[:, self.column] = np.abs(points).max(axis=1)
        sizes = affine.reach(far)[:, [self.fed]] + np.abs(self.rate * value)[:, None]
        slack = 4 * (affine.roundings + 8) * spread.unit * (sizes + np.abs(self.points))
        slack = slack / np.abs(self.rate)
        if self.rate < 0:
            points, slack = points[:, ::-1], slack[:, ::-1]
        return points, slack

    def _values(
        self,
        X: NDArray[np.float64],
        of: NDArray[np.intp],
        points: NDArray[np.float64],
        sigma: float,
    ) -> NDArray[np.float64]:
        """Return lower bounds on how much more often the class wins than each rival, by cell."""
        inside = np.empty((len(X), points.shape[1] + 1))
        inside[:, 1:-1] = 0.5 * (points[:, 1:] + points[:, :-1])
        beyond = sigma + 1e-6 * np.abs(points[:, [0, -1]])
        inside[:, [0, -1]] = points[:, [0, -1]] + beyond * [-1.0, 1.0]
        m = inside.shape[1]
        still = self.part.spread.sigma.copy()
        still[self.column] = 0.0
        own = self.part.spread
        spread = Spread.of(own.affine, still, own.unit, own.law, own.replaced)
        rows = np.repeat(X, m, axis=0)
        rows[:, self.column] = inside.ravel()
        classes = np.repeat(of, m)
        law = Part(self.part.form, spread).law_of(rows, classes)
        miss = np.take_along_axis(law.miss, classes[:, None], axis=1)
        k = law.upper.shape[1]
        others = np.arange(k - 1) + (np.arange(k - 1) >= classes[:, None])
        rival = np.minimum(np.take_along_axis(law.upper, others, axis=1), miss)
        return ((1.0 - miss) - rival).reshape(len(X), m, k - 1).transpose(0, 2, 1).copy()
