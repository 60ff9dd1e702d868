"""What follows from certificates: true robust accuracy, other settings, the base's certainty."""

import numbers
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

from ..bounds import BOUNDS, clopper_pearson, widened
from ..certificate import Certificate
from ..certificate.certificate import codes_of
from ..certificate.votes import top_two
from ..checks import check_alpha, check_changes, check_draws
from .scores import (
    certified_accuracy_score,
    check_score_radii,
    right_rows,
    share_at_or_above,
    warn_if_decided,
)

__all__ = [
    "certified_accuracy_lower_bound",
    "projected_certified_accuracy",
    "top_probability_curve",
]

# more than a quotient and a product round off; less than a vote for any number of draws to 1e14
_ROOM = 2.0**-50


def certified_accuracy_lower_bound(
    y_true: ArrayLike,
    certificate: Certificate,
    *,
    radius: ArrayLike = 0.0,
    changes: int = 0,
    rho: float = 0.001,
    method: str = "exact",
) -> Any:
    r"""Lower bound on the true robust accuracy on these rows, all their certificates together.

    `certified_accuracy_score` counts certificates, of which a share alpha may be false. The true
    share of these rows on which the smoothed classifier is right within `radius` is at least this
    bound, with probability at least ``1 - rho`` over the noise (Appendix D of arXiv:1902.02918).

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    certificate : Certificate
        Certificates of the same rows. **They must be independent of each other**, as those of
        `SmoothedClassifier.certify` are for rows that differ; equal rows share their noise, so
        leave duplicates out.
    radius : float or array-like of float, default=0.0
        In the units of the certificate. An array gives an array of bounds, each of which holds
        with probability ``1 - rho``.
    changes : int, default=0
        How many columns may change beside, for mixed noise, as of `certified_accuracy_score`.
    rho : float in (0, 1), default=0.001
        Probability with which the bound may fail.
    method : {"exact", "bernstein"}, default="exact"
        "exact" inverts the binomial distribution of the number of false certificates; "bernstein"
        is the closed form of Theorem 6, which is lower.

    Returns
    -------
    bound : float or ndarray of the shape of `radius`
        In [0, 1].

    Notes
    -----
    Let G of the m rows be truly robust. At most G certificates are true, and each of the other
    m - G rows is certified with probability at most alpha. The exact bound is g / m for the
    smallest g with :math:`P(g + B(m - g, \alpha) \ge Y) > \rho`, where Y is the number of right
    certificates. Theorem 6 reads

    .. math:: \frac{1}{1 - \alpha} \left(\frac{Y}{m} - \alpha
        - \sqrt{\frac{2 \alpha (1 - \alpha) \log (1 / \rho)}{m}}
        - \frac{\log (1 / \rho)}{3 m}\right);

    the authors' code lacks the 2 under the root.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sksmooth import SmoothedClassifier, certified_accuracy_lower_bound
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.5, random_state=0).fit(X, y)
    >>> certified_accuracy_lower_bound(y[:50], clf.certify(X[:50], n=1000), radius=0.5)
    0.98
    """
    if method not in ("exact", "bernstein"):
        raise ValueError(f"method must be 'exact' or 'bernstein'; got {method!r}.")
    if not (isinstance(rho, numbers.Real) and 0 < rho < 1):
        raise ValueError(f"rho must lie strictly between 0 and 1; got {rho!r}.")
    radius = check_score_radii(radius)
    score = np.asarray(
        certified_accuracy_score(y_true, certificate, radius=radius, changes=changes)
    )
    m, alpha = len(certificate), certificate.alpha
    if alpha == 0:  # computed: all certificates hold
        bound = score
    elif method == "bernstein":
        slack = np.sqrt(2 * alpha * (1 - alpha) * np.log(1 / rho) / m) + np.log(1 / rho) / (3 * m)
        bound = np.maximum(0.0, (score - alpha - slack) / (1 - alpha))
    else:
        right = np.rint(score * m).astype(np.int64)
        bound = np.array([_fewest_robust(int(y), m, alpha, rho) / m for y in right.ravel()])
    return float(bound.item()) if radius.ndim == 0 else bound.reshape(radius.shape)


def _fewest_robust(right: int, m: int, alpha: float, rho: float) -> int:
    """Smallest g with ``P(g + Bin(m - g, alpha) >= right) > rho``."""
    g = np.arange(right)
    # P(Bin(m - g, alpha) >= right - g); a number of robust rows is ruled out with room for rounding
    likely = betainc(right - g, m - right + 1.0, alpha) > rho * (1 - 1e-9)
    return int(np.argmax(likely)) if likely.any() else right


def projected_certified_accuracy(
    y_true: ArrayLike,
    certificate: Certificate,
    *,
    radius: ArrayLike = 0.0,
    changes: int = 0,
    n: int | None = None,
    alpha: float | None = None,
    sample_weight: ArrayLike | None = None,
) -> Any:
    """Estimate what the certified accuracy would have been with another n or alpha.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    certificate : Certificate
        Certificates of the same rows, not made to decide given radii.
    radius : float or array-like of float, default=0.0
        In the units of the certificate. An array gives an array of scores.
    changes : int, default=0
        How many columns may change beside, for mixed noise, as of `certified_accuracy_score`.
    n : int, default=None
        Draws per row; None for those that were made.
    alpha : float, default=None
        Failure probability per row; None for that of the certificate.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    score : float or ndarray of the shape of `radius`
        In [0, 1]. Without `n`, what the draws that were made prove at `alpha`. With `n`, **an
        estimate and not a certificate**: the shares of the votes are taken to stay as they are
        (Figure 8 of arXiv:1902.02918).

    Notes
    -----
    Where counts were not recorded, as in the logs of the paper's authors, the votes are recovered
    from `p_lower`; rows that were abstained on stay so. Radii that were printed with three digits
    may be a little smaller than printed, and then miss a round `radius`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sksmooth import SmoothedClassifier, projected_certified_accuracy
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.5, random_state=0).fit(X, y)
    >>> certificate = clf.certify(X[:50], n=1000)
    >>> projected_certified_accuracy(y[:50], certificate, radius=1.5)
    0.0
    >>> projected_certified_accuracy(y[:50], certificate, radius=1.5, n=100_000) > 0
    True
    """
    _, weight = right_rows(y_true, certificate, sample_weight)
    if certificate.method == "exact":
        raise ValueError(
            "These certificates were computed, not sampled: no n would have given others. Score "
            "them by certified_accuracy_score, or certify with method='montecarlo' to project."
        )
    if certificate.asked_radii is not None:
        raise ValueError(
            "Draws stopped where the radii asked for were decided, so the counts say too little. "
            "Certify without radius to project."
        )
    draws = certificate.n_draws if n is None else np.full(len(weight), check_draws("n", n))
    alpha = certificate.alpha if alpha is None else check_alpha(alpha)
    if certificate.bound not in BOUNDS:
        raise ValueError(f"The bound {certificate.bound!r} is none of {list(BOUNDS)}.")
    top, other = _shares(certificate)
    # rounded down and up; with the room, n times a share of n is the votes that it came from
    votes = np.floor(top * draws * (1 + _ROOM)).astype(np.int64)
    others = np.minimum(np.ceil(other * draws * (1 - _ROOM)).astype(np.int64), draws - votes)
    bounds = BOUNDS[certificate.bound](votes, others, draws, alpha)
    p_lower, p_upper = widened(*bounds, certificate.tv_error)
    noise, changes = certificate.noise, check_changes(changes)
    radii = (
        noise.radius_with(changes, p_lower, p_upper) if changes else noise.radius(p_lower, p_upper)
    )
    right = (certificate.selected == np.asarray(y_true)) & (p_lower > p_upper)
    radius = check_score_radii(radius)
    reached = right & (radii >= radius[..., None])
    score = np.average(reached, axis=-1, weights=weight)
    return float(score) if radius.ndim == 0 else score


def _shares(certificate: Certificate) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares of the votes that the selected class, and the most popular other one, have got."""
    if certificate.counts.shape[1]:
        top, other = top_two(certificate.counts, codes_of(certificate))
        return top / certificate.n_draws, other / certificate.n_draws
    # the votes whose bound comes nearest to p_lower
    n, alpha = certificate.n, certificate.alpha
    p_lower = certificate.p_lower + certificate.tv_error * (1 + 1e-9)  # as before it was taken off
    low = np.zeros(len(certificate), dtype=np.int64)
    high = np.full_like(low, n)
    while np.any(high - low > 1):
        middle = (low + high) // 2
        under = clopper_pearson(middle, n, alpha) <= p_lower
        low, high = np.where(under, middle, low), np.where(under, high, middle)
    gaps = [np.abs(clopper_pearson(k, n, alpha) - certificate.p_lower) for k in (low, high)]
    votes = np.where(gaps[0] <= gaps[1], low, high)
    share = np.where(certificate.abstained, 0, votes) / n
    return share, 1 - share


def top_probability_curve(
    y_true: ArrayLike, certificate: Certificate, *, sample_weight: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of rows on which the right class has at least a given probability under noise.

    The distribution of :math:`p_A`. It says more than the average certified radius, which is ruled
    by the rows with :math:`p_A` near 1. There the radius depends on n more than on the model, and a
    useless classifier can have any average (arXiv:2410.06895).

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    certificate : Certificate
        Certificates of the same rows.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    probability : ndarray of shape (n_points,)
        Values of `p_lower`, ascending, from 0.
    share : ndarray of shape (n_points,)
        Share of rows whose selected class is the true one, with a `p_lower` of at least that. One
        minus this is the empirical distribution function, wrong rows counting as 0.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sksmooth import SmoothedClassifier, top_probability_curve
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.5, random_state=0).fit(X, y)
    >>> probability, share = top_probability_curve(y, clf.certify(X, n=1000))
    >>> bool(share[probability > 0.9].max() > 0.5)
    True
    """
    _, weight = right_rows(y_true, certificate, sample_weight)
    warn_if_decided(certificate)
    reached = np.where(certificate.selected == np.asarray(y_true), certificate.p_lower, -1.0)
    probability = np.unique(np.append(0.0, reached[reached >= 0]))
    return probability, share_at_or_above(reached, weight, probability)
