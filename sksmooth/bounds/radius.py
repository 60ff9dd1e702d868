"""Radii that bounds on the class probabilities prove: the tight one, and two of prior work."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from .binomial import complement

__all__ = ["radius_cohen", "radius_lecuyer", "radius_li", "radius_of_tails", "tails_of"]

# ndtri and two multiplications together err by less than 2**-50 relative; 2**-48 is outward.
_RADIUS_MARGIN = 1 - 2.0**-48

# orders of Renyi divergence to search; the formula has a removable singularity at 1
_ORDERS = ((1e-3, 1 - 1e-4), (1 + 1e-4, 4.0))

Probabilities = NDArray[np.float64]


def radius_cohen(
    p_lower: ArrayLike, p_upper: ArrayLike | None = None, sigma: float = 1.0
) -> NDArray[np.float64]:
    r"""L2 radius proved by Gaussian smoothing, Theorem 1 of Cohen et al.

    .. math:: R = \frac{\sigma}{2} \left(\Phi^{-1}(p_A) - \Phi^{-1}(p_B)\right)

    Parameters
    ----------
    p_lower : array-like of float in [0, 1]
        Lower bound on the probability of the top class under noise.
    p_upper : array-like of float in [0, 1], default=None
        Upper bound on the probability of every other class. None means ``1 - p_lower``, for which
        the radius is :math:`\sigma \Phi^{-1}(p_A)`.
    sigma : float, default=1.0
        Standard deviation of the noise, in the units of the inputs.

    Returns
    -------
    radius : ndarray of float64
        In the units of `sigma`, rounded down; 0 where the bounds prove nothing.

    Notes
    -----
    Within this distance in the L2 norm the smoothed classifier gives the same answer, and no larger
    radius holds for every base classifier with these probabilities (Theorem 2) [1]_.

    References
    ----------
    .. [1] J. Cohen, E. Rosenfeld and J. Z. Kolter (2019). "Certified Adversarial Robustness via
       Randomized Smoothing". ICML. arXiv:1902.02918.

    Examples
    --------
    >>> from sksmooth.bounds import radius_cohen
    >>> radius_cohen([0.4, 0.5, 0.8, 0.99]).round(4)
    array([0.    , 0.    , 0.8416, 2.3263])
    >>> radius_cohen([0.6], p_upper=[0.05]).round(4)
    array([0.9491])
    """
    _check_sigma(sigma)
    p_a = _probabilities("p_lower", p_lower)
    if p_upper is None:
        quantile = ndtri(p_a)
    else:
        p_b = _probabilities("p_upper", p_upper)
        # each quantile is moved outward first: their difference may cancel
        upper, lower = ndtri(p_a), ndtri(p_b)
        upper, lower = (
            z * (1 - s * np.copysign(2.0**-50, z)) for z, s in ((upper, 1), (lower, -1))
        )
        with np.errstate(invalid="ignore"):  # infinite quantiles of equal bounds
            quantile = np.where(p_a > p_b, 0.5 * (upper - lower), 0.0)
    return np.maximum(0.0, sigma * quantile * _RADIUS_MARGIN)


def radius_of_tails(
    miss: ArrayLike, p_upper: ArrayLike | None = None, sigma: float = 1.0
) -> NDArray[np.float64]:
    r"""Radius of Theorem 1 of Cohen et al. from how rarely the top class is *not* answered.

    `radius_cohen` of ``p_lower = 1 - miss``, without the digits that are lost in taking from 1: a
    probability of 1e-30 is proved 11.5 standard deviations away, where ``1 - 1e-30`` is 1.

    .. math:: R = \frac{\sigma}{2} \left(-\Phi^{-1}(u) - \Phi^{-1}(p_B)\right)

    Parameters
    ----------
    miss : array-like of float in [0, 1]
        Upper bound u on the probability of all classes but the top one.
    p_upper : array-like of float in [0, 1], default=None
        Upper bound on the probability of every other class; None means `miss`.
    sigma : float, default=1.0
        Standard deviation of the noise, in the units of the inputs.

    Returns
    -------
    radius : ndarray of float64
        In the units of `sigma`, rounded down; 0 where the bounds prove nothing, infinite where both
        are 0.

    See Also
    --------
    radius_cohen : The same from a lower bound on the probability of the top class.

    Examples
    --------
    >>> from sksmooth.bounds import radius_of_tails
    >>> radius_of_tails([0.6, 0.2, 1e-30]).round(4)
    array([ 0.    ,  0.8416, 11.464 ])
    """
    _check_sigma(sigma)
    u = _probabilities("miss", miss)
    p_b = u if p_upper is None else np.minimum(_probabilities("p_upper", p_upper), u)
    # each quantile is moved outward first: their sum may cancel
    first, second = (
        -z * (1 - np.copysign(2.0**-50, -z)) for z in (ndtri(np.asarray(v)) for v in (u, p_b))
    )
    with np.errstate(invalid="ignore"):  # infinite quantiles of opposite signs
        quantile = np.where(p_b < 1 - u, 0.5 * (first + second), 0.0)
    return np.maximum(0.0, sigma * quantile * _RADIUS_MARGIN)


def radius_lecuyer(
    p_lower: ArrayLike, p_upper: ArrayLike | None = None, sigma: float = 1.0
) -> NDArray[np.float64]:
    r"""L2 radius of Lecuyer et al. (2019), through differential privacy; for comparison.

    .. math:: R = \sup_{0 < \beta \le \min(1, \frac12 \log (p_A / p_B))}
        \frac{\sigma \beta}
        {\sqrt{2 \log \left(1.25 (1 + e^\beta) / (p_A - e^{2 \beta} p_B)\right)}}

    Parameters
    ----------
    p_lower : array-like of float in [0, 1]
        Lower bound on the probability of the top class under noise.
    p_upper : array-like of float in [0, 1], default=None
        Upper bound on the probability of every other class; None means ``1 - p_lower``.
    sigma : float, default=1.0
        Standard deviation of the noise, in the units of the inputs.

    Returns
    -------
    radius : ndarray of float64
        In the units of `sigma`, rounded down; 0 where the bounds prove nothing.

    See Also
    --------
    radius_cohen : The tight radius, larger at every pair of probabilities.

    Notes
    -----
    In the form of Appendix I of arXiv:1902.02918. The supremum is approached from below, and every
    admissible :math:`\beta` proves a radius, so the returned one holds.

    Examples
    --------
    >>> from sksmooth.bounds import radius_lecuyer
    >>> radius_lecuyer([0.4, 0.8, 0.99]).round(4)
    array([0.    , 0.2352, 0.5549])
    """
    p_a, p_b = _pair(p_lower, p_upper, sigma)
    with np.errstate(divide="ignore", invalid="ignore"):
        limit = np.minimum(1.0, 0.5 * (np.log(p_a) - np.log(p_b)))
    limit = np.where(p_a > p_b, limit, 0.0)

    def radius(beta: NDArray[np.float64]) -> NDArray[np.float64]:
        # the difference may cancel: it is lowered by more than its rounding error
        margin = p_a - np.exp(2 * beta) * p_b - 2e-15 * p_a
        with np.errstate(divide="ignore", invalid="ignore"):
            # at beta <= 1 the quotient is at least 2.5, so its logarithm is positive
            proved = beta / np.sqrt(2 * np.log(1.25 * (1 + np.exp(beta)) / margin))
        return np.where(margin > 0, proved, 0.0)

    return sigma * _supremum(radius, np.zeros_like(limit), limit) * (1 - 1e-14)


def radius_li(
    p_lower: ArrayLike, p_upper: ArrayLike | None = None, sigma: float = 1.0
) -> NDArray[np.float64]:
    r"""L2 radius of Li et al. (2018), through Renyi divergence; for comparison.

    .. math:: R = \sup_{\alpha > 0} \sqrt{-\frac{2 \sigma^2}{\alpha}
        \log \left(1 - p_A - p_B
        + 2 \left(\tfrac12 (p_A^{1 - \alpha} + p_B^{1 - \alpha})\right)^{1 / (1 - \alpha)}\right)}

    Parameters
    ----------
    p_lower : array-like of float in [0, 1]
        Lower bound on the probability of the top class under noise.
    p_upper : array-like of float in [0, 1], default=None
        Upper bound on the probability of every other class; None means ``1 - p_lower``.
    sigma : float, default=1.0
        Standard deviation of the noise, in the units of the inputs.

    Returns
    -------
    radius : ndarray of float64
        In the units of `sigma`, rounded down; 0 where the bounds prove nothing.

    See Also
    --------
    radius_cohen : The tight radius, larger at every pair of probabilities.

    Notes
    -----
    In the form of Appendix I of arXiv:1902.02918. The supremum is approached from below, and every
    :math:`\alpha` proves a radius, so the returned one holds.

    Examples
    --------
    >>> from sksmooth.bounds import radius_li
    >>> radius_li([0.4, 0.8, 0.99]).round(4)
    array([0.    , 0.6742, 1.908 ])
    """
    p_a, p_b = _pair(p_lower, p_upper, sigma)
    with np.errstate(divide="ignore"):
        log_a, log_b = np.log(p_a), np.log(p_b)

    def radius(order: NDArray[np.float64]) -> NDArray[np.float64]:
        t = 1 - order
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.exp((np.logaddexp(t * log_a, t * log_b) - np.log(2)) / t)
            # rounding is magnified as the order nears 1; more than that is added
            inside = 1 - p_a - p_b + 2 * mean + 1e-14 * (1 + 1 / np.abs(t))
            proved = np.sqrt(-2 / order * np.log(inside))
        return np.where((p_a > p_b) & (inside < 1), proved, 0.0)

    # the best order is between 1 and 1.5 if the bounds sum to 1; below 1 if they leave much open
    intervals = [(np.full(p_a.shape, a), np.full(p_a.shape, b)) for a, b in _ORDERS]
    best = np.maximum(*(_supremum(radius, low, high) for low, high in intervals))
    return sigma * best * (1 - 1e-14)


def _supremum(
    f: Callable[[Probabilities], Probabilities], low: Probabilities, high: Probabilities
) -> Probabilities:
    """Return the largest value seen of f between low and high, entry by entry, zooming in."""
    best = np.zeros(low.shape)
    for _ in range(8):
        points = np.linspace(low, high, 33)
        values = np.stack([f(x) for x in points])
        top = np.nanargmax(np.where(np.isnan(values), -1.0, values), axis=0)
        best = np.fmax(best, np.take_along_axis(values, top[None], axis=0)[0])
        step = (high - low) / 32
        middle = low + top * step
        low, high = np.maximum(low, middle - step), np.minimum(high, middle + step)
    return best


def _pair(
    p_lower: ArrayLike, p_upper: ArrayLike | None, sigma: float
) -> tuple[Probabilities, Probabilities]:
    _check_sigma(sigma)
    p_a = _probabilities("p_lower", p_lower)
    p_b = 1 - p_a if p_upper is None else _probabilities("p_upper", p_upper)
    p_a, p_b = np.broadcast_arrays(p_a, p_b)
    return p_a, p_b


def tails_of(
    p_lower: ArrayLike, p_upper: ArrayLike | None, miss: ArrayLike | None = None
) -> tuple[Probabilities, Probabilities]:
    """Return upper bounds on the probabilities of all classes but the top one, and of each.

    Parameters
    ----------
    p_lower, p_upper : array-like of float in [0, 1]
        As of `radius_cohen`.
    miss : array-like of float in [0, 1], default=None
        The first bound, in place of `p_lower`, which is then ignored.

    Returns
    -------
    miss, rival : ndarray of float64
        Of one shape; the second is not above the first.
    """
    if miss is None:
        miss = complement(_probabilities("p_lower", p_lower))
    miss = _probabilities("miss", miss)
    rival = miss if p_upper is None else np.minimum(miss, _probabilities("p_upper", p_upper))
    miss, rival = np.broadcast_arrays(miss, rival)
    return miss, rival


def _check_sigma(sigma: float) -> None:
    if not 0 < sigma < np.inf:
        raise ValueError(f"sigma must be a positive, finite number; got {sigma!r}.")


def _probabilities(name: str, value: ArrayLike) -> Probabilities:
    p = np.asarray(value, dtype=np.float64)
    if np.any(~((p >= 0) & (p <= 1))):
        raise ValueError(f"{name} must lie between 0 and 1 in every entry.")
    return p
