"""Bounds on the probability of one class from a count of its votes."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincinv

__all__ = [
    "check_level",
    "clopper_pearson",
    "clopper_pearson_simultaneous",
    "clopper_pearson_upper",
    "complement",
    "smallest_certifying_n",
]

Floats = NDArray[np.float64]
_SMALLEST_LEVEL = 1e-210  # betainc keeps that accuracy to 1e-250 or so
_UNDERFLOW = 1e-240  # where the level itself may be too small, there is no bound but 0


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
    alpha : float in [1e-210, 1)
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
    k, m = _checked(count, n, alpha)
    p_lower = np.zeros(k.shape)
    every = (k == m) & (k > 0)
    p_lower[every] = _power_below(alpha, m[every])
    some = (k > 0) & (k < m)
    a, b = k[some], m[some] - k[some] + 1
    p_lower[some] = _beta_quantile_below(a, b, lambda p: np.full(p.shape, alpha))
    return p_lower


def clopper_pearson_upper(count: ArrayLike, n: ArrayLike, alpha: float) -> NDArray[np.float64]:
    """Upper confidence bound of Clopper and Pearson on a binomial probability.

    Parameters
    ----------
    count : array-like of int
        Successes, ``0 <= count <= n``.
    n : array-like of int
        Draws, broadcast against `count`.
    alpha : float in [1e-210, 1)
        Probability with which the bound may fail.

    Returns
    -------
    p_upper : ndarray of float64
        Of the broadcast shape, in ``(0, 1]``; never below the exact bound.

    See Also
    --------
    clopper_pearson : The lower bound, of which this is the mirror image.

    Examples
    --------
    >>> from sksmooth.bounds import clopper_pearson_upper
    >>> clopper_pearson_upper([0, 1, 40, 100], 100, alpha=0.001).round(4)
    array([0.0667, 0.0886, 0.559 , 1.    ])
    """
    k, m = _checked(count, n, alpha)
    return complement(clopper_pearson(m - k, m, alpha))


def clopper_pearson_simultaneous(
    count: ArrayLike, n: ArrayLike, alpha: float
) -> NDArray[np.float64]:
    r"""Lower bounds on the probabilities of all classes at once, with no factor for their number.

    The bound is the :math:`p` at which seeing ``count`` or more votes in ``n`` draws has
    probability :math:`\alpha p`; Clopper-Pearson has :math:`\alpha` there. So the class may be
    chosen by the very votes that bound its probability.

    Parameters
    ----------
    count : array-like of int
        Votes of a class, ``0 <= count <= n``.
    n : array-like of int
        Draws, broadcast against `count`.
    alpha : float in [1e-210, 1)
        Probability with which any class of a row may have a bound above its probability.

    Returns
    -------
    p_lower : ndarray of float64
        Of the broadcast shape, in ``[0, 1)``.

    See Also
    --------
    clopper_pearson : For a class that was chosen without looking at these votes.

    Notes
    -----
    Let the classes have probabilities :math:`p_c`, and :math:`g_k(p) = P(B(n, p) \ge k) / p`. With
    k = 0 or 1 this is 1 or more, and the bound is 0. For larger k: where
    :math:`g_k(p) < 1`, it increases with p: the numerator is convex up to (k - 1) / (n - 1), hence
    the ratio increases there; beyond, the ratio can only rise and then fall to :math:`g_k(1) = 1`.
    So the bound exceeds :math:`p_c` only if :math:`g_k(p_c) \le \alpha`, an event of probability
    at most :math:`\alpha p_c`. The sum over the classes is :math:`\alpha`.

    Examples
    --------
    >>> from sksmooth.bounds import clopper_pearson_simultaneous
    >>> clopper_pearson_simultaneous([0, 60, 99, 100], 100, alpha=0.001).round(4)
    array([0.    , 0.429 , 0.9104, 0.9326])
    """
    k, m = _checked(count, n, alpha)
    p_lower = np.zeros(k.shape)
    every = (k == m) & (k > 1)
    p_lower[every] = _power_below(alpha, m[every] - 1)  # p**n = alpha * p
    some = (k > 1) & (k < m)
    a, b = k[some], m[some] - k[some] + 1
    p_lower[some] = _beta_quantile_below(a, b, lambda p: alpha * p)
    return p_lower


def betainc_error(n: ArrayLike) -> Floats:
    """Return a relative error of scipy's betainc, at most, for a beta distribution of n draws.

    In scipy 1.17 it is 4.4e-11 or less up to a billion draws (the tests compare it with mpmath);
    before, it grows with n: 5e-8 for a billion, 2e-5 for 10**12.
    """
    return np.clip(np.asarray(n) * 2.0**-50, 1e-9, 1.0)


def complement(p: ArrayLike) -> NDArray[np.float64]:
    """Return ``1 - p``, rounded up: from a lower bound on p an upper bound on what is left.

    Parameters
    ----------
    p : array-like of float in [0, 1]
        Probabilities.

    Returns
    -------
    rest : ndarray of float64
        In [0, 1]; exact where p is 1/2 or more.
    """
    p = np.asarray(p, dtype=np.float64)
    return np.where((p >= 0.5) | (p == 0), 1 - p, np.minimum(np.nextafter(1 - p, 2), 1.0))


def check_level(alpha: float) -> None:
    """Refuse what is not a failure probability, or too small for the bounds to be accurate."""
    if not _SMALLEST_LEVEL <= alpha < 1:
        raise ValueError(
            f"alpha must lie strictly between 0 and 1, and not below {_SMALLEST_LEVEL}; got "
            f"{alpha!r}."
        )


def _checked(count: ArrayLike, n: ArrayLike, alpha: float) -> tuple[Floats, Floats]:
    check_level(alpha)
    k, m = np.broadcast_arrays(_whole("count", count), _whole("n", n))
    if np.any((k < 0) | (k > m)):
        raise ValueError("count must lie between 0 and n in every entry.")
    return k.astype(np.float64), m.astype(np.float64)


def _whole(name: str, value: ArrayLike) -> NDArray[np.generic]:
    array = np.asarray(value)
    if array.dtype.kind not in "iu" and not np.all(np.isfinite(array) & (array == np.floor(array))):
        raise ValueError(f"{name} must hold whole numbers; got dtype {array.dtype}.")
    return array


def _power_below(alpha: float, m: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``alpha ** (1 / m)`` or less, through its complement: nothing is lost near 1."""
    power = 1 + np.expm1(np.log(alpha) / m) * (1 + 1e-15)
    return np.nextafter(np.maximum(power, 0), 0)


def _beta_quantile_below(a: Floats, b: Floats, level: Callable[[Floats], Floats]) -> Floats:
    """Return x with ``betainc(a, b, x) <= level(x)``, as large as the forward function can tell.

    The x that pass must form an interval from 0. A level that rises with x is reached by iteration
    from above: each step shrinks the distance by the quotient of the slopes of level and betainc.
    An entry ends where it would alone, since a row's bound must not depend on other rows.
    """
    # what passes at a level smaller by this factor passes at the level itself
    safe = 1 - betainc_error(a + b)
    x = np.ones(a.shape)
    going = np.arange(a.size)
    for _ in range(8):
        wanted = level(x[going]) * safe[going] * (1 - 1e-9)
        x[going] = np.nextafter(betaincinv(a[going], b[going], wanted), 0)
        going = going[~(wanted <= level(x[going]) * safe[going])]
    # Inverse beta functions can err upwards: what they give is only a proposal. A nan is wrong too.
    wrong = np.flatnonzero(~(betainc(a, b, x) <= level(x) * safe))
    high = np.where(np.isfinite(x), x, 1.0)
    x[wrong] = 0.0
    while wrong.size:
        middle = 0.5 * (x[wrong] + high[wrong])
        passes = betainc(a[wrong], b[wrong], middle) <= level(middle) * safe[wrong]
        # x always passes, so it may be returned wherever the loop ends
        x[wrong[passes]], high[wrong[~passes]] = middle[passes], middle[~passes]
        wrong = wrong[high[wrong] - x[wrong] > 1e-15 * high[wrong]]
    x[level(x) < _UNDERFLOW] = 0.0
    return x


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
