r"""How steep the class probabilities of trees are: upper bounds on the norms of their gradients.

With the noise as unit, :math:`t_j = x_j / \sigma_j`, the probability of a box is a product of
masses :math:`m_j = \Phi(\beta_j - t_j) - \Phi(\alpha_j - t_j)`, and its derivative is

.. math:: \frac{\partial}{\partial t_j} \prod_k m_k
   = [\varphi(\alpha_j - t_j) - \varphi(\beta_j - t_j)] \prod_{k \ne j} m_k .

What is bounded is the gradient for the model as it is evaluated: its answers differ from those of
the boxes where rounding moves an input across a side. That set, D, has a small probability
:math:`\delta`, and as a gradient along a unit vector v is the mean of answers times :math:`v^T z`,
it changes by at most

.. math:: E[1_D |v^T z|] \le 2 \varphi(\Phi^{-1}(\delta / 2)) .

The same term makes up for inputs whose noise is not quite independent.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import ndtri

from ...bounds.second_order import radius_second_order
from ..inputs import Inputs
from ..law import Law
from ..numerics.normal import FLOOR
from .intervals import Intervals

__all__ = ["Slopes", "with_slopes"]

_UNIT = 2.0**-53
_VALUES = 2**20  # of an array, at most: 8 MB
# Below this a box's probability is not followed any more: its derivative, the mean of its
# indicator times a normal variable, is at most 40 times as large, within noise's reach.
_LOST = 1e-290

Array = NDArray[np.float64]


class Slopes:
    """Bounds on the slopes of class probabilities that are sums over boxes.

    Parameters
    ----------
    sides : list of ndarray of int
        Numbers of the intervals that are the first sides of the boxes, the second ones, and so on.
        Boxes with many sides come first, so that those with a k-th side are the first ones.
    intervals : Intervals
        The intervals.
    values : ndarray of shape (n_classes, n_leaves)
        What each leaf adds to the probability of each class, times the leaf's own; not negative.
        At every input, they sum to 1 over classes.
    """

    def __init__(self, sides: list[NDArray[np.intp]], intervals: Intervals, values: Array) -> None:
        self.sides, self.intervals, self.values = sides, intervals, values
        points = intervals.columns
        ends = np.where(np.isinf(intervals.points[intervals.last]), intervals.first, intervals.last)
        used, axes = np.unique(points[ends], return_inverse=True)
        self._n_axes = len(used)
        # one line of the derivatives below for each side of each leaf
        leaf = np.concatenate([np.arange(len(side)) for side in sides])
        axis = axes[np.concatenate(sides)]
        classes, lines = np.nonzero(values[:, leaf])
        self._sums = csr_array(
            (values[classes, leaf[lines]], (classes * self._n_axes + axis[lines], lines)),
            shape=(len(values) * self._n_axes, len(leaf)),
        )
        terms = int(np.diff(self._sums.indptr).max(initial=0))
        # relative: of the product of a derivative's masses, and of sums
        self._rounding = 2 * _UNIT * (len(sides) + terms + values.shape[1] + 16)

    def __call__(self, inputs: Inputs) -> Array:
        """Return upper bounds on the norms of the gradients with respect to ``x / sigma``.

        Features without noise are left out.

        Parameters
        ----------
        inputs : Inputs
            Rows, with independent noise on the model's inputs.

        Returns
        -------
        slopes : ndarray of shape (n_rows, n_classes)
            Bounds, the same for a class and for all others together.
        """
        size = int(np.clip(_VALUES // max(self._sums.shape), 8, 1024))
        starts = range(0, max(len(inputs), 1), size)
        return np.concatenate([self._of(inputs[i : i + size]) for i in starts])

    def _of(self, inputs: Inputs) -> Array:
        sides, excess = self.sides, inputs.spread.excess
        low, high = self.intervals.both(inputs)
        steps, step_errors = self._steps(inputs)
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(high > 0, (high - low) / high, 0.0) + 4 * _UNIT
            inverse = np.where(high > 0, 1.0 / high, 0.0)
        whole, unsure = high[sides[0]], relative[sides[0]]
        for side in sides[1:]:
            whole[: len(side)] *= high[side]
            unsure[: len(side)] += relative[side]
        # a leaf's probability, and its derivatives, are certain but for this share
        unsure = np.minimum(unsure, 1.0) + self._rounding
        derivatives = np.empty((self._sums.shape[1], len(inputs)))
        errors, done = np.zeros_like(whole), 0
        for side in sides:
            others = whole[: len(side)] * inverse[side]  # all but one of the masses
            step = steps[side]
            np.multiply(others, step, out=derivatives[done : done + len(side)])
            done += len(side)
            errors[: len(side)] += others * (np.abs(step) * unsure[: len(side)] + step_errors[side])
        n_classes, n_rows = len(self.values), len(inputs)
        gradients = self._sums @ derivatives
        gradients = gradients.reshape(n_classes, self._n_axes, n_rows)
        errors = self.values @ errors
        moved = self.values @ (whole * (unsure + 4 * excess) + FLOOR)
        rest = 1.0 - np.eye(n_classes)
        others = np.tensordot(rest, gradients, axes=1)
        bound = np.minimum(
            self._bound(gradients, errors, moved), self._bound(others, rest @ errors, rest @ moved)
        )
        lost = 50 * _LOST * self.values.sum()
        # the inverse correlation matrix stretches a gradient by less than the excess
        return (bound * (1 + self._rounding) * (1 + 4 * excess) + lost).T

    def _bound(self, gradients: Array, errors: Array, moved: Array) -> Array:
        """Bound norms: of what is summed, its errors, and what rounding of inputs adds."""
        # squares of tiny numbers would underflow
        size = np.maximum(np.abs(gradients).max(axis=1), FLOOR)
        length = size * np.sqrt(((gradients / size[:, None]) ** 2).sum(axis=1))
        length *= 1 + _UNIT * (gradients.shape[1] + 8)
        half = np.minimum(0.5 * moved * (1 + self._rounding), 0.5)
        z = ndtri(half) * (1 - 2.0**-48)
        return length + errors + 2 * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi) * (1 + 1e-12)

    def _steps(self, inputs: Inputs) -> tuple[Array, Array]:
        """Return by how much the density falls along each interval, and the error of that."""
        intervals = self.intervals
        z, slack = inputs.standardised(intervals.columns, intervals.points)
        z, slack = np.ascontiguousarray(z.T), np.ascontiguousarray(slack.T)
        density = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)
        with np.errstate(over="ignore", invalid="ignore"):
            relative = np.expm1(slack * (np.abs(z) + slack)) + _UNIT * (12 + 3 * z * z)
            error = np.where(np.isinf(z), 0.0, np.where(slack <= 0.5, density * relative, 0.4))
        first, last = intervals.first, intervals.last
        return density[first] - density[last], error[first] + error[last]


def with_slopes(law: Law, slopes: Array) -> Law:
    """Return a law with the radius that slopes prove, where it is larger.

    Parameters
    ----------
    law : Law
        Bounds on the class probabilities of each row.
    slopes : ndarray of shape (n_rows, n_classes)
        Upper bounds on the norms of their gradients with respect to ``x / sigma``.

    Returns
    -------
    law : Law
        With a `radius`: within it no class beats the top one (arXiv:2010.10549).
    """
    if law.upper.shape[1] == 1:  # no class can beat it
        return law
    lines = np.arange(len(law.upper))[:, None]
    top = law.top[:, None]
    rivals = np.argsort(np.arange(law.upper.shape[1]) == top, axis=1, kind="stable")[:, :-1]
    miss = law.top_miss[:, None]
    radius = radius_second_order(
        miss,
        slopes[lines, top],
        np.minimum(law.upper[lines, rivals], miss),
        slopes[lines, rivals],
    ).min(axis=1)
    if law.radius is not None:
        radius = np.maximum(radius, law.radius)
    return dataclasses.replace(law, radius=radius)
