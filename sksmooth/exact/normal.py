r"""The normal distribution function, rounded outward: what every closed form is made of.

Everything small is kept small: a probability near 1 is handled through its complement, so that
tails keep their relative accuracy down to 1e-300.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

__all__ = ["FLOOR", "REACH", "Tails", "tail_bounds"]

# Added to every upper bound: more than what ndtr loses below -37.5, and, for each coordinate, than
# the chance that its noise exceeds REACH.
FLOOR = 1e-299
REACH = 40.0  # standard deviations; P(|Z| > 40) is below 1e-349

_UNIT = 2.0**-53

Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]  # lower and upper ones


def tail_bounds(
    z: NDArray[np.float64], slack: NDArray[np.float64] | float = 0.0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Lower and upper bounds on :math:`\Phi(-|z|)`, for z known up to `slack`.

    Parameters
    ----------
    z : ndarray of float64
        Standardised points, infinite ones among them: nothing lies beyond these. The tail is the
        one beyond the true point, on the side on which `z` lies.
    slack : ndarray of float64 or float, default=0.0
        The true points are not farther from `z` than this; infinite where nothing is known.

    Returns
    -------
    low, high : ndarray of float64
        In [0, 1].

    Notes
    -----
    scipy's ``ndtr`` errs by at most ``(8 + 3 z**2) * 2**-53`` relative for negative z above -37.5
    (measured against 50 digits; the factor leaves room). As :math:`\log \Phi` is concave with a
    slope below :math:`|z| + 1` for z < 0, moving z by s changes :math:`\Phi(z)` by a factor of at
    most :math:`\exp(\pm s (|z| + s + 1))`.
    """
    size = np.abs(z)
    slack = np.asarray(slack, dtype=np.float64)
    tail = ndtr(-size)
    bounded = np.minimum(size, 40.0)  # farther out FLOOR is all there is
    relative = bounded * bounded
    relative *= 3 * _UNIT
    relative += 16 * _UNIT  # 8 of them, and the operations below
    most = slack.max(initial=0.0)
    if np.isnan(most):  # numbers that overflowed: of these points nothing is known
        slack, most = np.where(np.isnan(slack), np.inf, slack), np.inf
    if most > 0:
        bend = np.minimum(slack, 1.0)
        relative += bend * (bounded + (1.0 + bend)) * (1 + 1e-9)
    # 1 - r < exp(-r), and exp(r) < 1 + r + r^2 up to r = 1.7; larger ones are seen to below
    low = np.maximum(tail * (1.0 - relative), 0.0)
    low[tail < 1e-300] = 0.0
    high = np.minimum(tail * (1.0 + relative * (1.0 + relative)) + FLOOR, 1.0)
    high[np.isinf(size)] = 0.0
    if most * 41.0 > 1e-2:
        far = np.broadcast_to(~(slack * (bounded + 1.0) <= 1e-2), size.shape)
        if far.any():
            low[far], high[far] = _within(size[far], np.broadcast_to(slack, size.shape)[far])
    return low, high


def _within(
    size: NDArray[np.float64], slack: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return bounds on the tail beyond points that are known but roughly: at both of the ends."""
    unknown = np.isinf(slack) | np.isnan(size)
    slack = slack * (1 + 4 * _UNIT) + 4 * _UNIT * size
    with np.errstate(invalid="ignore"):
        nearest, farthest = size - slack, size + slack
    nearest = np.where(unknown, -np.inf, nearest)
    farthest = np.where(unknown, 40.0, np.minimum(farthest, 40.0))
    low = ndtr(-farthest) * (1 - _UNIT * (16 + 3 * farthest * farthest))
    beyond = np.minimum(nearest, 40.0)
    high = ndtr(-beyond) * (1 + _UNIT * (16 + 3 * np.maximum(beyond, 0.0) ** 2)) + FLOOR
    return np.where(farthest < 37.0, low, 0.0), np.minimum(high, 1.0)


@dataclasses.dataclass(frozen=True)
class Tails:
    """Bounds on the normal tails beyond points, and from them on the masses between points.

    Attributes
    ----------
    low, high : ndarray of shape (..., n_points)
        Bounds on the smaller tail: the one below a point on the left of the mean, above others.
    left : ndarray of shape (..., n_points), bool
        Which points are on the left.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    left: NDArray[np.bool_]

    @classmethod
    def at(cls, z: NDArray[np.float64], slack: NDArray[np.float64] | float = 0.0) -> "Tails":
        """Return the tails beyond the points `z`, known up to `slack`."""
        return cls(*tail_bounds(z, slack), z <= 0)

    def below(self) -> Bounds:
        """Return bounds on the mass below each point."""
        return self.sides()[0]

    def above(self) -> Bounds:
        """Return bounds on the mass above each point."""
        return self.sides()[1]

    def sides(self) -> tuple[Bounds, Bounds]:
        """Return bounds on the mass below each point, and on that above."""
        # of the larger tail
        low, high = 1.0 - self.high, 1.0 - self.low
        low *= 1 - _UNIT
        high *= 1 + 2 * _UNIT
        np.minimum(high, 1.0, out=high)
        left = self.left
        below = np.where(left, self.low, low), np.where(left, self.high, high)
        return below, (np.where(left, low, self.low), np.where(left, high, self.high))

    def between(
        self, first: NDArray[np.intp], last: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return bounds on the masses of the intervals from one point to another.

        Parameters
        ----------
        first, last : ndarray of shape (n_intervals,), int
            Numbers of the points; the first one is not above the last.

        Returns
        -------
        low, high : ndarray of shape (..., n_intervals)
            In [0, 1].
        """
        a_low, a_high = self.low[..., first], self.high[..., first]
        b_low, b_high = self.low[..., last], self.high[..., last]
        a_left, b_left = self.left[..., first], self.left[..., last]
        # both left: below b less below a; both right: above a less above b; else 1 less both
        both_left, both_right = a_left & b_left, ~a_left & ~b_left
        high = np.where(both_left, b_high - a_low, np.where(both_right, a_high - b_low, 0.0))
        low = np.where(both_left, b_low - a_high, np.where(both_right, a_low - b_high, 0.0))
        middle = ~(both_left | both_right)
        high = np.where(middle, 1.0 - a_low - b_low, high)
        low = np.where(middle, 1.0 - a_high - b_high, low)
        # a difference of doubles of one sign errs by at most half a unit of its larger term
        error = 2 * _UNIT * np.where(both_left, b_high, np.where(both_right, a_high, 1.0))
        return np.clip(low - error, 0.0, 1.0), np.clip(high + error, 0.0, 1.0)
