r"""Outputs that are few numbers: what trees of a regressor have in common.

With the values sorted, sums of their probabilities from either end bound the probability of an
output above or below any number. Bounds on medians are values, without rounding.
"""

import abc
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...bounds import radius_of_tails
from ..inputs import Inputs
from ..numerics.normal import FLOOR
from ..outputs import OutputForm, safe_tail
from .intervals import widening
from .trees import OfTrees

__all__ = ["Values"]

Floats = NDArray[np.float64]


class Values(OfTrees, OutputForm):
    """Outputs of which all values are known.

    Parameters
    ----------
    values : ndarray of shape (n_values,)
        Values, one for each part of the space of inputs; equal ones may be among them.
    error : float
        How far the model's own outputs may be from these, by rounding.
    """

    def __init__(self, values: Floats, error: float = 0.0) -> None:
        self.order = np.argsort(values, kind="stable")
        self.by_part, self.values, self.error = values, values[self.order], error

    @abc.abstractmethod
    def _masses(self, inputs: Inputs) -> tuple[Floats, int]:
        """Return upper bounds on the probabilities of the values, but for some roundings.

        Returns
        -------
        masses : ndarray of shape (n_rows, n_values)
            In the order of `by_part`.
        roundings : int
            Of each mass.
        """

    def _sums(self, inputs: Inputs) -> tuple[Floats, Floats]:
        """Return bounds on the probabilities of outputs below the i-th value, and above it.

        Returns
        -------
        below, above : ndarray of shape (n_rows, n_leaves + 1)
            Of the i-th value and beyond, in both; exactly 0 where there is none.
        """
        masses, roundings = self._masses(inputs)
        wider = widening(roundings + len(self.values), inputs.spread)
        masses = masses[:, self.order]
        masses = np.where(np.isnan(masses), 1.0, masses) * wider + FLOOR
        nothing = np.zeros((len(masses), 1))
        below = np.concatenate([nothing, masses.cumsum(axis=1)], axis=1)
        above = np.concatenate([nothing, masses[:, ::-1].cumsum(axis=1)], axis=1)[:, ::-1]
        return below, above  # [:, i]: of the first i values, and of all from the i-th on

    def quantile(self, inputs: Inputs, q: float) -> Floats:
        """Return the least value with a share of q at or below it."""
        return self._quantile(self._sums(inputs)[0], q)

    def _quantile(self, below: Floats, q: float) -> Floats:
        reached = below[:, 1:] >= q * below[:, -1:] * (1 - 1e-14)
        return self.values[reached.argmax(axis=1)]

    def bands(self, inputs: Inputs, distances: Sequence[float]) -> tuple[Floats, Floats, Floats]:
        """Return medians, and the outermost values that a median can be."""
        below, above = self._sums(inputs)
        lower, upper = np.empty((2, len(below), len(distances)))
        for k, tail in enumerate(map(safe_tail, distances)):
            high = (above[:, 1:] > tail).sum(axis=1)  # above the i-th value, for i from 0 on
            low = (below[:, :-1] <= tail).sum(axis=1) - 1
            lower[:, k] = self.values[low] - self.error
            upper[:, k] = self.values[high] + self.error
        return self._quantile(below, 0.5), lower, upper

    def reach(self, inputs: Inputs, lower: Floats, upper: Floats) -> Floats:
        """Return the distance that the likelier of both misses proves."""
        below, above = self._sums(inputs)
        lines = np.arange(len(below))
        first = np.searchsorted(self.values, lower + self.error, side="left")
        last = np.searchsorted(self.values, upper - self.error, side="right")
        miss = np.maximum(below[lines, first], above[lines, last])
        return radius_of_tails(np.minimum(miss, 1.0))
