"""Confidence bounds on a probability, and the radii they prove.

Every one-sided bound of this module has the signature ``f(count, n, alpha) -> p_lower`` and the
guarantee ``P(p_lower <= p) >= 1 - alpha`` for ``count ~ Binomial(n, p)`` and every ``p``. A new
bound is a new function of this shape. This module knows nothing of models, noise or labels.

Everything here rounds towards the smaller claim: a bound is never above the exact value of its
formula, a radius never above the real number that it approximates.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincinv, ndtri

__all__ = ["clopper_pearson", "radius_cohen", "smallest_certifying_n"]

# scipy's betainc is accurate to a relative 4.4e-11 for n up to 1e9 (tests/test_bounds.py compares
# it with mpmath). A bound that passes at a level smaller by this factor passes at alpha itself.
_LEVEL_MARGIN = 1 - 1e-9
SMALLEST_ALPHA = 1e-200  # below, betainc comes near underflow and loses that accuracy

# ndtri and two multiplications together err by less than 2**-50 relative; 2**-48 is outward.
_RADIUS_MARGIN = 1 - 2.0**-48


def clopper_pearson(count: ArrayLike, n: ArrayLike, alpha: float) -> NDArray[np.float64]:
    r"""Lower confidence bound of Clopper and Pearson on a binomial probability.

    The bound is the :math:`p` at which seeing ``count`` or more successes in ``n`` draws has
    probability ``alpha``: the ``alpha`` quantile of the Beta(count, n - count + 1) distribution.

    Parameters
    ----------
    count : array-like of int
        Successes, ``0 <= count <= n``.
    n : array-like of int
        Draws, broadcast against `count`.
    alpha : float in [1e-200, 1)
        Probability with which the bound may fail.

    Returns
    -------
    p_lower : ndarray of float64
        Of the broadcast shape, in ``[0, 1)``.

    Raises
    ------
    ValueError
        If a count lies outside ``[0, n]`` or is not a whole number, or alpha outside ``(0, 1)``.

    Notes
    -----
    For every p, ``P(p_lower <= p) >= 1 - alpha`` [1]_. The returned number is never above the exact
    bound: inverse beta functions can err upwards (scipy 1.17 by a factor of up to 7e8 in the level
    at 999 failures), so theirs is only a proposal, which is checked by the forward function
    :math:`I_p(k, n - k + 1) \le \alpha` and replaced by bisection where it fails.

    References
    ----------
    .. [1] C. J. Clopper and E. S. Pearson (1934). "The use of confidence or fiducial limits
       illustrated in the case of the binomial". Biometrika 26(4), 404-413.

    Examples
    --------
    >>> from sksmooth.bounds import clopper_pearson
    >>> clopper_pearson([0, 60, 99, 100], 100, alpha=0.001).round(4)
    array([0.    , 0.441 , 0.9114, 0.9333])
    """
    if not SMALLEST_ALPHA <= alpha < 1:
        raise ValueError(
            f"alpha must lie strictly between 0 and 1, and not below {SMALLEST_ALPHA}; got "
            f"{alpha!r}."
        )
    k, m = np.broadcast_arrays(_whole("count", count), _whole("n", n))
    if np.any((k < 0) | (k > m)):
        raise ValueError("count must lie between 0 and n in every entry.")
    k, m = k.astype(np.float64), m.astype(np.float64)
    p_lower = np.zeros(k.shape)
    every = (k == m) & (k > 0)
    # alpha ** (1 / n), through its complement so that nothing is lost near 1
    p_lower[every] = 1 + np.expm1(np.log(alpha) / m[every]) * (1 + 1e-15)
    p_lower[every] = np.nextafter(np.maximum(p_lower[every], 0), 0)
    some = (k > 0) & (k < m)
    p_lower[some] = _beta_quantile_below(k[some], m[some] - k[some] + 1, alpha * _LEVEL_MARGIN)
    return p_lower


def _beta_quantile_below(
    a: NDArray[np.float64], b: NDArray[np.float64], level: float
) -> NDArray[np.float64]:
    """Return x with ``betainc(a, b, x) <= level``, as large as the forward function can tell."""
    x = np.nextafter(betaincinv(a, b, level), 0)
    wrong = ~(betainc(a, b, x) <= level)  # so written, a nan is wrong too
    low, high = np.zeros(wrong.sum()), np.where(np.isfinite(x[wrong]), x[wrong], 1.0)
    a, b = a[wrong], b[wrong]
    # low always passes the check, so it may be returned wherever the loop ends
    while np.any(high - low > 1e-15 * high):
        middle = 0.5 * (low + high)
        passes = betainc(a, b, middle) <= level
        low, high = np.where(passes, middle, low), np.where(passes, high, middle)
    x[wrong] = low
    return x


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
    if not 0 < sigma < np.inf:
        raise ValueError(f"sigma must be a positive, finite number; got {sigma!r}.")
    p_a = np.asarray(p_lower, dtype=np.float64)
    if np.any(~((p_a >= 0) & (p_a <= 1))):
        raise ValueError("p_lower must lie between 0 and 1 in every entry.")
    if p_upper is None:
        quantile = ndtri(p_a)
    else:
        p_b = np.asarray(p_upper, dtype=np.float64)
        if np.any(~((p_b >= 0) & (p_b <= 1))):
            raise ValueError("p_upper must lie between 0 and 1 in every entry.")
        # each quantile is moved outward first: their difference may cancel
        upper, lower = ndtri(p_a), ndtri(p_b)
        upper, lower = (
            z * (1 - s * np.copysign(2.0**-50, z)) for z, s in ((upper, 1), (lower, -1))
        )
        with np.errstate(invalid="ignore"):  # infinite quantiles of equal bounds
            quantile = np.where(p_a > p_b, 0.5 * (upper - lower), 0.0)
    return np.maximum(0.0, sigma * quantile * _RADIUS_MARGIN)


def smallest_certifying_n(alpha: float) -> int:
    """Smallest number of draws with which a unanimous vote can certify anything.

    Parameters
    ----------
    alpha : float in (0, 1)
        Failure probability of the certificate.

    Returns
    -------
    n : int
        The smallest n with ``alpha ** (1 / n) > 1 / 2``.

    Examples
    --------
    >>> from sksmooth.bounds import smallest_certifying_n
    >>> smallest_certifying_n(0.001)
    10
    """
    return int(np.floor(-np.log2(alpha))) + 1


def _whole(name: str, value: ArrayLike) -> NDArray[np.generic]:
    array = np.asarray(value)
    if array.dtype.kind not in "iu" and not np.all(np.isfinite(array) & (array == np.floor(array))):
        raise ValueError(f"{name} must hold whole numbers; got dtype {array.dtype}.")
    return array
