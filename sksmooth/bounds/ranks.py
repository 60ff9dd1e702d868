"""Ranks of order statistics that bound quantiles: exact sums, no interpolation."""

from scipy.special import betainc

from .binomial import betainc_error, check_level

__all__ = ["upper_rank"]


def upper_rank(n: int, p: float, alpha: float) -> int:
    r"""Return which of n sorted draws is an upper confidence bound on the p-quantile.

    Parameters
    ----------
    n : int
        Number of draws.
    p : float in [0, 1]
        Level of the quantile.
    alpha : float in [1e-210, 1)
        Probability with which the draw of that rank may be too low.

    Returns
    -------
    rank : int
        From 1, the smallest draw, to n. With a probability of at least ``1 - alpha`` the draw y of
        this rank has :math:`P(Y \le y) \ge p`. ``n + 1`` says that no draw will do. By symmetry
        the draw of rank ``n + 1 - rank`` is a lower bound on the quantile of level ``1 - p``; rank
        0 says that there is none.

    See Also
    --------
    clopper_pearson : The same rank certifies: it is the least k with
        ``clopper_pearson(k, n, alpha) >= p``.

    Notes
    -----
    The draw of rank k is too low only if k or more draws lie where :math:`P(Y \le y) < p`, a
    half-line of probability at most p. That has the probability :math:`P(B(n, p) \ge k)` or less,
    and the rank is the least k for which this is at most alpha. Ties do not matter.

    Examples
    --------
    >>> from sksmooth.bounds import upper_rank
    >>> upper_rank(1000, 0.5, alpha=0.0005), upper_rank(1000, 0.99, alpha=0.0005)
    (553, 999)
    >>> upper_rank(100, 0.99, alpha=0.0005)  # no draw of 100 is so high for sure
    101
    """
    check_level(alpha)
    if not (n >= 1 and 0 <= p <= 1):
        raise ValueError(f"n must be 1 or more, and p in [0, 1]; got {n} and {p!r}.")
    level = alpha * (1 - float(betainc_error(n)))
    low, high = 0, n + 1  # the rank is above low, and at most high
    while high - low > 1:
        middle = (low + high) // 2
        fails = betainc(middle, n - middle + 1, p) <= level  # P(B(n, p) >= middle)
        low, high = (low, middle) if fails else (middle, high)
    return high
