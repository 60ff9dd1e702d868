"""The tails of the normal distribution, rounded outward."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from .rounding import UNIT

__all__ = ["FLOOR", "tail_bounds"]

# Added to every upper bound: more than what ndtr loses below -37.5, and, for each coordinate, than
# the chance that its noise exceeds 40 standard deviations, which is below 1e-349.
FLOOR = 1e-299


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
    relative *= 3 * UNIT
    relative += 16 * UNIT  # 8 of them, and the operations below
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
    slack = slack * (1 + 4 * UNIT) + 4 * UNIT * size
    with np.errstate(invalid="ignore"):
        nearest, farthest = size - slack, size + slack
    nearest = np.where(unknown, -np.inf, nearest)
    farthest = np.where(unknown, 40.0, np.minimum(farthest, 40.0))
    low = ndtr(-farthest) * (1 - UNIT * (16 + 3 * farthest * farthest))
    beyond = np.minimum(nearest, 40.0)
    high = ndtr(-beyond) * (1 + UNIT * (16 + 3 * np.maximum(beyond, 0.0) ** 2)) + FLOOR
    return np.where(farthest < 37.0, low, 0.0), np.minimum(high, 1.0)
