"""Radii from probabilities and their slopes: what the gradient proves beyond the value."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from .radius import radius_of_tails

__all__ = ["radius_second_order"]

_UNIT = 2.0**-53
_FARTHEST = 40.0  # standard deviations; Phi(-40) is below 1e-349
_LEAST = 1e-299  # more than ndtr loses where it underflows, below -37.5
_BISECTIONS = 55

Array = NDArray[np.float64]


def radius_second_order(
    miss: ArrayLike,
    slope_top: ArrayLike,
    p_upper: ArrayLike | None = None,
    slope_upper: ArrayLike | None = None,
    sigma: float = 1.0,
) -> Array:
    r"""L2 radius from bounds on two classes' probabilities and on the gradients of these.

    Parameters
    ----------
    miss : array-like of float in [0, 1]
        Upper bound u on the probability of all classes but the top one.
    slope_top : array-like of float
        Upper bound on :math:`\sigma \|\nabla p_A\|_2`, the slope of the top class's probability.
        Infinity says nothing.
    p_upper : array-like of float in [0, 1], default=None
        Upper bound on the probability of another class; None means `miss`.
    slope_upper : array-like of float, default=None
        Upper bound on the slope of this class's probability; None means `slope_top` where
        `p_upper` is None too, and says nothing otherwise.
    sigma : float, default=1.0
        Standard deviation of the noise, in the units of the inputs.

    Returns
    -------
    radius : ndarray of float64
        In the units of `sigma`, rounded down. Within it the top class beats **this** other class:
        of several, each with its own bounds, the least radius is the one to take. Never below that
        of `radius_of_tails`.

    See Also
    --------
    radius_of_tails : The radius that the probabilities alone prove.

    Notes
    -----
    After [1]_. Take sigma 1 and an event with probability at most u around x, the gradient of which
    has a norm of at most s. At distance R from x its probability is at most

    .. math:: \ell(R) = \Phi(b - R) + \Phi(R - a)

    for any :math:`b < a` with :math:`\Phi(b) + \Phi(-a) \ge u` and
    :math:`\varphi(a) - \varphi(b) \ge s`: the worst event is the outside of a slab across the
    direction of the move.

    *Proof.* Let F, with values in [0, 1], be the event's complement, and z the noise along the
    move; then E F >= 1 - u and E[F z] >= -s, the latter since it is a derivative of F's mean. The
    second condition makes :math:`|a| \le |b|` and b negative. The mean of F after the move is
    E[F w], with the convex :math:`w(z) = \exp(R z - R^2 / 2)`. The line :math:`\lambda + \mu z`
    that meets w in b and a is above w in the slab I between them, and nowhere else; so
    :math:`(F - I)(w - \lambda - \mu z) \ge 0` everywhere, and

    .. math:: E[F w] - E[I w] \ge \lambda (E F - E I) + \mu (E[F z] - E[I z]) \ge 0

    because E I is at most 1 - u, :math:`E[I z] = \varphi(b) - \varphi(a) \le -s`, :math:`\mu > 0`
    as w rises, and :math:`\lambda > 0`: at 0, the line is above w if 0 is in the slab, and if not,
    the slab is on the left of it and the line has risen from :math:`w(a) > 0`. The bound rises with
    R: its derivative is :math:`\varphi(R - a) - \varphi(R - b)`, and :math:`|R - a| \le R - b`.

    Both conditions may be met with room to spare, so errors of the search for a and b cost a little
    radius but not the proof, and upper bounds on u and s are all that is needed. Where s says
    nothing, b is minus infinity and the radius that of Theorem 1 of Cohen et al. The classes may
    move along different directions: each bound holds for every direction.

    References
    ----------
    .. [1] A. Levine, A. Kumar, T. Goldstein and S. Feizi (2020). "Tight Second-Order Certificates
       for Randomized Smoothing". arXiv:2010.10549.

    Examples
    --------
    >>> from sksmooth.bounds import radius_second_order
    >>> radius_second_order([0.2, 0.2], [0.28, 0.0]).round(4)  # of a half-space, of a centred slab
    array([0.8416, 1.268 ])
    """
    u = np.asarray(miss, dtype=np.float64)
    s = _slopes("slope_top", slope_top)
    proved = radius_of_tails(u, p_upper, sigma)  # checks them
    first = radius_of_tails(u, p_upper)
    a, b = _slab(*np.broadcast_arrays(u, s))
    if p_upper is None:
        a_other, b_other = a, b
    else:
        p_b = np.asarray(p_upper, dtype=np.float64)
        s_b = _slopes("slope_upper", np.inf if slope_upper is None else slope_upper)
        a_other, b_other = _slab(*np.broadcast_arrays(p_b, s_b))
    first, a, b, a_other, b_other = np.broadcast_arrays(first, a, b, a_other, b_other)
    radius = _farthest(first, (a, b), (a_other, b_other))
    return np.maximum(proved, np.where(radius > first, sigma * radius * (1 - 4 * _UNIT), 0.0))


def _slopes(name: str, value: ArrayLike) -> Array:
    slope = np.asarray(value, dtype=np.float64)
    if not np.all(slope >= 0):
        raise ValueError(f"{name} must not be negative in any entry.")
    return slope


def _slab(u: Array, slope: Array) -> tuple[Array, Array]:
    """Return a and b as in the notes above, b as large as can be found."""
    with np.errstate(divide="ignore", invalid="ignore"):
        a = -ndtri(u)
        a = np.asarray(a - np.abs(a) * 2.0**-50)
    b = np.full(u.shape, -np.inf)
    # room for the errors of all functions below: they are relative to the size of the tails
    wide = u * (1 + 1e-13 * (1 + np.where(u < 0.5, a * a, 0.0)))
    # beyond the steepest event of this probability a slope says nothing
    use = (u > 1e-290) & (wide < 1 - 1e-9) & (slope < _density(a) * (1 - 1e-12))
    if not use.any():
        return a, b
    u, wide, slope = u[use], wide[use], slope[use]
    low, high = np.full(u.shape, -_FARTHEST), ndtri(0.5 * u)
    for _ in range(_BISECTIONS):
        middle = 0.5 * (low + high)
        steep = _steepness(-ndtri(wide - ndtr(middle)), middle) >= slope
        low, high = np.where(steep, middle, low), np.where(steep, high, middle)
    first = -ndtri(wide - ndtr(low))
    outside = _below(low) + _below(-first)
    proved = (outside * (1 - _UNIT) >= u) & (_steepness(first, low) >= slope) & (low > -_FARTHEST)
    a[use] = np.where(proved, first, a[use])
    b[use] = np.where(proved, low, -np.inf)
    return a, b


def _farthest(first: Array, top: tuple[Array, Array], other: tuple[Array, Array]) -> Array:
    """Return the largest proved radius that is found, not below the `first` one."""
    high = np.maximum(top[0], 0.5 * (top[0] + other[0]))
    slopes = np.isfinite(top[1]) | np.isfinite(other[1])
    use = slopes & np.isfinite(high) & (high > first)
    out = first.copy()
    low, high = first[use], high[use]
    slabs = [(a[use], b[use]) for a, b in (top, other)]
    for _ in range(_BISECTIONS if len(low) else 0):
        middle = 0.5 * (low + high)
        mine, its = (_above(b - middle) + _above(middle - a) for a, b in slabs)
        # the other class has at most what it may win, and at most all that the top one may lose
        proved = (mine + np.minimum(mine, its)) * (1 + 4 * _UNIT) < 1
        low, high = np.where(proved, middle, low), np.where(proved, high, middle)
    out[use] = low
    return out


def _density(z: Array) -> Array:
    return np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)


def _steepness(a: Array, b: Array) -> Array:
    """Return a lower bound on the slope of what is outside of a slab."""
    mine, its = _density(a), _density(b)
    error = _UNIT * ((8 + 2 * a * a) * mine + (8 + 2 * b * b) * its)
    return mine - its - 2 * error


def _above(z: Array) -> Array:
    """Return an upper bound on Phi(z): ndtr errs by (8 + 3 z**2) * 2**-53 for negative z."""
    negative = np.maximum(np.minimum(z, 0.0), -_FARTHEST)
    return ndtr(z) * (1 + _UNIT * (10 + 3 * negative**2)) + _LEAST


def _below(z: Array) -> Array:
    """Return a lower bound on Phi(z)."""
    negative = np.maximum(np.minimum(z, 0.0), -_FARTHEST)
    return np.maximum(ndtr(z) * (1 - _UNIT * (10 + 3 * negative**2)) - _LEAST, 0.0)
