"""Bounds on the top class and on all others from one row's votes.

Each function has the signature ``f(top, other, n, alpha) -> (p_lower, p_upper)``: from the votes of
the top class and the most votes of any other class to a lower bound on the probability of the top
class and an upper bound on the probability of every other class. Both hold together with
probability at least ``1 - alpha``.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .binomial import (
    check_level,
    clopper_pearson,
    clopper_pearson_simultaneous,
    clopper_pearson_upper,
    complement,
)

__all__ = [
    "BOUNDS",
    "FREE_BOUNDS",
    "TopClassBound",
    "one_sided",
    "one_sided_free",
    "two_sided",
    "widened",
]

Bounds = tuple[NDArray[np.float64], NDArray[np.float64]]
TopClassBound = Callable[[ArrayLike, ArrayLike, ArrayLike, float], Bounds]


def one_sided(top: ArrayLike, other: ArrayLike, n: ArrayLike, alpha: float) -> Bounds:
    """Bound the top class by Clopper-Pearson, and the others by what is left, as CERTIFY does.

    Parameters
    ----------
    top : array-like of int
        Votes of the top class, which must have been chosen without looking at these votes.
    other : array-like of int
        The most votes of any other class; not looked at.
    n : array-like of int
        Draws.
    alpha : float in (0, 1)
        Probability with which a bound may fail.

    Returns
    -------
    p_lower, p_upper : ndarray of float64
        Bounds on the top class and on every other class; they sum to 1.

    Examples
    --------
    >>> from sksmooth.bounds import one_sided
    >>> p_lower, p_upper = one_sided([80], [15], 100, alpha=0.001)
    >>> p_lower.round(4), p_upper.round(4)
    (array([0.6536]), array([0.3464]))
    """
    p_lower = clopper_pearson(top, n, alpha)
    return p_lower, complement(p_lower)


def one_sided_free(top: ArrayLike, other: ArrayLike, n: ArrayLike, alpha: float) -> Bounds:
    """Bound the top class where these very votes have chosen it: no selection draws are needed.

    Parameters
    ----------
    top : array-like of int
        Votes of the top class, chosen in any way.
    other : array-like of int
        The most votes of any other class; not looked at.
    n : array-like of int
        Draws.
    alpha : float in (0, 1)
        Probability with which a bound may fail.

    Returns
    -------
    p_lower, p_upper : ndarray of float64
        Bounds on the top class and on every other class; they sum to 1.

    See Also
    --------
    clopper_pearson_simultaneous : The bound, and why it holds for all classes at once.

    Examples
    --------
    >>> from sksmooth.bounds import one_sided_free
    >>> p_lower, p_upper = one_sided_free([80], [15], 100, alpha=0.001)
    >>> p_lower.round(4), p_upper.round(4)
    (array([0.6473]), array([0.3527]))
    """
    p_lower = clopper_pearson_simultaneous(top, n, alpha)
    return p_lower, complement(p_lower)


def two_sided(top: ArrayLike, other: ArrayLike, n: ArrayLike, alpha: float) -> Bounds:
    r"""Bound the top class and the runner-up apart, each at alpha / 2.

    Where the votes that the top class does not get are spread over several classes, this proves a
    much larger radius than `one_sided`; never one below `one_sided` at alpha / 2.

    Parameters
    ----------
    top : array-like of int
        Votes of the top class, which must have been chosen without looking at these votes.
    other : array-like of int
        The most votes of any other class.
    n : array-like of int
        Draws.
    alpha : float in (0, 1)
        Probability with which a bound may fail.

    Returns
    -------
    p_lower, p_upper : ndarray of float64
        Bounds on the top class and on every other class.

    Notes
    -----
    No factor for the number of classes is needed. Let c be the most probable of the other classes,
    a fixed if unknown one. The upper bound rises with the count, so the bound from the largest of
    the other counts is at least the bound from the count of c, and that one fails with probability
    at most alpha / 2. (The idea of intersection-union tests: R. L. Berger (1982), Technometrics
    24(4), 295-300.)

    Examples
    --------
    >>> from sksmooth.bounds import two_sided
    >>> p_lower, p_upper = two_sided([80], [10], 100, alpha=0.001)
    >>> p_lower.round(4), p_upper.round(4)
    (array([0.6436]), array([0.2338]))
    """
    check_level(alpha)
    p_lower = clopper_pearson(top, n, alpha / 2)
    p_upper = np.minimum(clopper_pearson_upper(other, n, alpha / 2), complement(p_lower))
    return p_lower, p_upper


def widened(p_lower: ArrayLike, p_upper: ArrayLike, by: ArrayLike) -> Bounds:
    """Return bounds on probabilities that may differ from the bounded ones by `by`.

    Parameters
    ----------
    p_lower, p_upper : array-like of float in [0, 1]
        Bounds on probabilities under one distribution.
    by : array-like of float in [0, 1]
        Total variation distance, at most, between that distribution and another.

    Returns
    -------
    p_lower, p_upper : ndarray of float64
        Bounds under the other distribution, rounded outwards.

    Examples
    --------
    >>> from sksmooth.bounds import widened
    >>> widened([0.75], [0.25], 0.125)
    (array([0.625]), array([0.375]))
    """
    by = np.asarray(by, dtype=np.float64)
    lower, upper = np.asarray(p_lower) - by, np.asarray(p_upper) + by
    # rounded to nearest: one step outwards, but where nothing was taken off
    lower = np.where(by > 0, np.nextafter(lower, -np.inf), lower)
    upper = np.where(by > 0, np.nextafter(upper, np.inf), upper)
    return np.clip(lower, 0.0, 1.0), np.clip(upper, 0.0, 1.0)


# what `SmoothedClassifier.certify` takes as `bound`
BOUNDS: dict[str, TopClassBound] = {"one-sided": one_sided, "two-sided": two_sided}
# those of them that have a form for a class chosen by the same votes
FREE_BOUNDS: dict[str, TopClassBound] = {"one-sided": one_sided_free}
