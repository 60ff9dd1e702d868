r"""Where a step function under Gaussian noise stays positive, from a point outward, certified.

A line holds the values :math:`d_0, \ldots, d_m` of a step function, and its steps
:math:`z_1 < \ldots < z_m` in standard deviations from the point. Moved by t and smoothed it is

.. math:: D(t) = \sum_i d_i \, [\Phi(z_{i+1} - t) - \Phi(z_i - t)],

with a step at infinity on both sides. The Gaussian kernel is strictly totally positive, so D has at
most as many zeros as the d have changes of sign (variation diminishing; S. Karlin, "Total
Positivity", 1968). Where that does not settle it, steps are taken that are proved from D and its
slope: a smoothed function with values in [lo, hi] has :math:`D'' \ge -2 \varphi(1) (hi - lo)`, and
:math:`\Phi^{-1}((D - lo) / (hi - lo))` has a slope of at most 1.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ..bounds.rounding import UNIT
from ..closed_forms.numerics.normal import Tails

__all__ = ["reach"]

_BEND = 0.4839414491  # 2 phi(1), rounded up
_TOL = 1e-7  # deviations, to which an end is found
_MOST_STEPS = 500
_SAFE = 1 - 1e-9
_CLEAR = 9.0  # deviations, beyond which there is less than 1e-15 of the mass on both sides
_PHI0 = 0.3989422804014327


def reach(
    d: NDArray[np.float64], z: NDArray[np.float64], slack: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how far the smoothed step function of each line is known to stay positive.

    Parameters
    ----------
    d : ndarray of shape (n_lines, n_steps + 1)
        Values, in [-1, 1].
    z : ndarray of shape (n_lines, n_steps)
        Steps, ascending, finite.
    slack : ndarray of shape (n_lines, n_steps)
        What the steps may be off by.

    Returns
    -------
    end : ndarray of shape (n_lines,)
        In deviations: D is positive on [0, end); infinite if it is everywhere to the right, 0 if it
        may not be at 0.
    """
    end = np.zeros(len(d))
    lines = _Lines(d, z, slack)
    starts = lines.value(np.zeros(len(d))) > 0
    last, changes = _signs(d)
    free = starts & ((d > 0).all(axis=1) | (last > 0) & (changes <= 1))
    end[free] = np.inf
    # one zero to the right, and no more: of two, the other one is to the left
    once = starts & (last < 0) & (changes <= 2)
    end[once] = lines[once].bisect()
    rest = starts & ~free & ~once
    end[rest] = lines[rest].march()
    return end


class _Lines:
    """Some lines; all methods speak of each of them."""

    def __init__(
        self, d: NDArray[np.float64], z: NDArray[np.float64], slack: NDArray[np.float64]
    ) -> None:
        self.d, self.z, self.slack = d, z, slack
        self.jumps = np.diff(d, axis=1)
        self.low, self.high = d.min(axis=1), d.max(axis=1)

    def __getitem__(self, lines: NDArray[Any]) -> "_Lines":
        return _Lines(self.d[lines], self.z[lines], self.slack[lines])

    def masses(self, t: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return bounds on the masses of all cells, for points moved to t."""
        n, m = self.z.shape
        z = np.full((n, m + 2), np.inf)
        z[:, 0] = -np.inf
        z[:, 1:-1] = self.z - t[:, None]
        slack = np.zeros_like(z)
        slack[:, 1:-1] = self.slack + 2 * UNIT * (np.abs(self.z) + t[:, None])
        cells = np.arange(m + 1)
        return Tails.at(z, slack).between(cells, cells + 1)

    def value(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return a lower bound on D."""
        return self._value(*self.masses(t))

    def _value(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
        terms = np.where(self.d > 0, self.d * low, self.d * high)
        return terms.sum(axis=1) - 1e-15 * self.d.shape[1]

    def step(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far D is proved to stay positive from t on."""
        low, high = self.masses(t)
        value = self._value(low, high)
        span = self.high - self.low
        density = _PHI0 * np.exp(-0.5 * (self.z - t[:, None]) ** 2)
        error = np.abs(self.jumps) * (1e-14 + self.slack)
        slope = (self.jumps * density).sum(axis=1) - error.sum(axis=1) - 1e-15 * self.z.shape[1]
        bend = _BEND * span
        root = np.sqrt(slope * slope + 2 * bend * np.maximum(value, 0.0))
        with np.errstate(divide="ignore", invalid="ignore"):
            curved = np.where(slope > 0, (slope + root) / bend, 2 * value / (root - slope))
            # 1 - p from its terms, all positive: near 1, p has lost what would tell it from 1
            short = ((self.high[:, None] - self.d) * high).sum(axis=1)
            short = short * (1 + 1e-14 * self.d.shape[1]) / span + 1e-299
            lipschitz = -ndtri(np.minimum(short, 1.0)) - ndtri(-self.low / span)
        best = np.fmax(np.fmax(curved, lipschitz), self.clear(t))
        return np.where((value > 0) & np.isfinite(best), np.maximum(best, 0.0) * _SAFE, 0.0)

    def clear(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how far it is to the end of a long run of positive values that t is in.

        With dp the least of these, and lo the least of all, ``D >= lo + (dp - lo) P(in the run)``,
        which along the run is least at one of its ends.
        """
        n, m = self.z.shape
        number = np.arange(m + 1)
        here = (self.z < t[:, None]).sum(axis=1)[:, None]
        stop = self.d <= 0
        first = np.where(stop & (number <= here), number, -1).max(axis=1)
        last = np.where(stop & (number >= here), number, m + 1).min(axis=1)
        lines = np.arange(n)
        begin = np.where(first >= 0, self.z[lines, np.minimum(first, m - 1)], -np.inf)
        end = np.where(last <= m, self.z[lines, np.clip(last - 1, 0, m - 1)], np.inf)
        inside = (number > first[:, None]) & (number < last[:, None])
        least = np.where(inside, self.d, np.inf).min(axis=1)
        long = (t - begin > _CLEAR) & (end - t > 2 * _CLEAR) & np.isfinite(end)
        # all but 1e-15 of the mass is in the run, from here to there
        long &= self.low + (least - self.low) * (1 - 1e-14) > 1e-13
        return np.where(long, end - t - _CLEAR, 0.0)

    def bisect(self) -> NDArray[np.float64]:
        """Return the last point found with D > 0, if D has a single zero to the right."""
        low = np.zeros(len(self.d))
        if not len(low):
            return low
        high = np.maximum(self.z[:, -1], 0.0) + 12.0
        for _ in range(int(np.ceil(np.log2(high.max() / _TOL)))):
            middle = 0.5 * (low + high)
            positive = self.value(middle) > 0
            low, high = np.where(positive, middle, low), np.where(positive, high, middle)
        return low * _SAFE

    def march(self) -> NDArray[np.float64]:
        """Return the sum of proved steps; infinity where the rest of the way is known."""
        t, settled = np.zeros(len(self.d)), self.settled()
        going = np.arange(len(t))
        for _ in range(_MOST_STEPS):
            if not len(going):
                break
            step = self[going].step(t[going])
            t[going] += step
            done = t[going] >= settled[going]
            t[going[done]] = np.inf
            going = going[~done & (step >= _TOL)]
        return t * _SAFE

    def settled(self) -> NDArray[np.float64]:
        """Return from where on D is positive for ever; infinity where it is not.

        Beyond the last value that is not positive, all are at least some dp. With lo the least of
        all, ``D >= lo + (dp - lo) P(beyond)``.
        """
        _n, m = self.z.shape
        number = np.arange(m + 1)
        last = np.where(self.d <= 0, number, -1).max(axis=1)
        ends = (last >= 0) & (last < m)
        beyond = np.where(number > last[:, None], self.d, np.inf).min(axis=1)
        place = np.clip(last, 0, m - 1)
        z = np.take_along_axis(self.z, place[:, None], axis=1)[:, 0]
        slack = np.take_along_axis(self.slack, place[:, None], axis=1)[:, 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            quantile = ndtri(beyond / (beyond - self.low))
            found = z + slack - quantile
            found = found + 1e-9 * (1 + np.abs(z) + np.abs(quantile))
        return np.where(ends, found, np.where(last < 0, -np.inf, np.inf))


def _signs(d: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Return the last sign of each line, and how often it changes; zeros are left out."""
    signs = np.sign(d)
    for i in range(1, d.shape[1]):  # a zero is what came before
        signs[:, i] = np.where(signs[:, i] == 0, signs[:, i - 1], signs[:, i])
    return signs[:, -1], (signs[:, 1:] * signs[:, :-1] < 0).sum(axis=1)
