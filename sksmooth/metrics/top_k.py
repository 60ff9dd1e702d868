"""Certified top-k accuracy: a function of the votes that certificates hold."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import _check_sample_weight

from ..bounds import clopper_pearson, clopper_pearson_upper, widened
from ..bounds.binomial import complement
from ..certificate import Certificate
from ..checks import check_changes, check_draws
from ..labels import check_label_kind
from .scores import check_certificate, check_score_radii, share_at_or_above

__all__ = ["certified_top_k_accuracy_score", "top_k_radii"]

Floats = NDArray[np.float64]


def certified_top_k_accuracy_score(
    y_true: ArrayLike,
    certificate: Certificate,
    *,
    k: int,
    radius: ArrayLike = 0.0,
    changes: int = 0,
    sample_weight: ArrayLike | None = None,
) -> Floats | float:
    """Share of rows whose true label is certified to stay among the k most probable.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    certificate : Certificate
        As of `top_k_radii`.
    k : int
        From 1 to the number of classes.
    radius : float or array-like of float, default=0.0
        In the units of the certificate. An array gives an array of scores.
    changes : int, default=0
        How many columns may change beside, for mixed noise, as of `certified_accuracy_score`.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    score : float or ndarray of the shape of `radius`
        In [0, 1].

    See Also
    --------
    certified_accuracy_score : The same for k = 1; it needs no bound on rivals.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sksmooth import SmoothedClassifier, certified_top_k_accuracy_score
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = SmoothedClassifier(KNeighborsClassifier(), sigma=8.0, random_state=0).fit(X, y)
    >>> certificate = clf.certify(X[:20], n=500)
    >>> scores = [
    ...     certified_top_k_accuracy_score(y[:20], certificate, k=k, radius=4.0) for k in (1, 2, 3)
    ... ]
    >>> scores[0] < scores[1] <= scores[2]
    True
    """
    proved, radii = _top_k(certificate, k, y_true, check_changes(changes))
    asked = check_score_radii(radius)
    weight = _check_sample_weight(sample_weight, radii, dtype=np.float64)
    score = share_at_or_above(np.where(proved, radii, -1.0), weight, asked)
    return float(score) if asked.ndim == 0 else score


def top_k_radii(
    certificate: Certificate, k: int, y: ArrayLike | None = None, *, changes: int = 0
) -> Floats:
    r"""Return the radii within which a label stays among the k most probable labels.

    Parameters
    ----------
    certificate : Certificate
        Sampled, by ``certify`` without `radius` and `tol`: it has votes for all classes.
    k : int
        From 1 to the number of classes.
    y : array-like of shape (n_samples,), default=None
        Labels that were chosen without these votes, such as the true labels. None takes the
        certificate's `selected`.
    changes : int, default=0
        How many columns may change beside, for mixed noise.

    Returns
    -------
    radii : ndarray of shape (n_samples,)
        In the norm of the certificate, rounded down. Each holds with probability ``1 - alpha``, for
        one k (several k do not hold together). 0 where nothing is proved, or the label is not among
        the classes; beside changed columns NaN, as of `Certificate.radii_with`. Infinite if k is
        the number of classes.

    Notes
    -----
    Let p be the probability of the label, and :math:`q_t` the sum of the t smallest among the k
    largest other probabilities. If k other classes are at least as probable as the label after a
    move by r, then the t of them that were least probable before have together at least t times its
    probability. With Gaussian noise this is impossible if, for some t from 1 to k [1]_,

    .. math:: \Phi\left(\Phi^{-1}(p) - \frac{r}{\sigma}\right)
        > \frac{1}{t} \Phi\left(\Phi^{-1}(q_t) + \frac{r}{\sigma}\right) .

    The larger radius of t = 1 and t = k is returned; with other noises that of t = 1.

    The bound on p uses one half of alpha. The sum of the k largest other counts is at least the
    count of the k most probable other classes. These are fixed, though unknown, so a bound from the
    sum needs no factor for the number of classes; it uses a quarter of alpha. The k-th largest
    count is at least the smallest count of these k; its bound uses alpha / (4 k). Draws that were
    not made, because the row could not be certified for its selected label, count against the
    label.

    References
    ----------
    .. [1] J. Jia, X. Cao, B. Wang and N. Z. Gong (2020). "Certified Robustness for Top-k
       Predictions against Adversarial Perturbations via Randomized Smoothing". ICLR.
       arXiv:1912.09899.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sksmooth import SmoothedClassifier, top_k_radii
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(KNeighborsClassifier(), sigma=0.5, random_state=0).fit(X, y)
    >>> certificate = clf.certify(X[::40], n=1000)
    >>> bool((top_k_radii(certificate, 2) >= top_k_radii(certificate, 1)).all())
    True
    """
    number = check_changes(changes)
    proved, radii = _top_k(certificate, k, y, number)
    return np.where(proved, radii, np.nan if number else 0.0)


def _top_k(
    certificate: Certificate, k: int, y: ArrayLike | None, changes: int
) -> tuple[NDArray[np.bool_], Floats]:
    """Return where anything is proved, and radii."""
    check_certificate(certificate)
    run, counts = certificate.run, certificate.counts
    if not counts.shape[1]:
        why = (
            "was computed, and has no votes. Use method='montecarlo' for top-k."
            if certificate.method == "exact"
            else "has no votes, as it comes from a log that does not hold them."
        )
        raise ValueError(f"The certificate {why}")
    if run.asked_radii is not None or run.tol is not None:
        raise ValueError(
            "The certificate was made with radius= or tol=, and has too few draws. Call "
            "certify(X) without them."
        )
    n_classes = counts.shape[1]
    if check_draws("k", k, "a number of classes") > n_classes:
        raise ValueError(f"k must be from 1 to the number of classes, {n_classes}; got {k}.")
    labels = certificate.selected if y is None else column_or_1d(y)
    check_consistent_length(labels, counts)
    check_label_kind(labels, certificate.classes)
    is_label = labels[:, None] == certificate.classes
    known = is_label.any(axis=1)
    if changes:
        certificate.radii_with(changes=changes)  # which refuses other noise than mixed
    if k == n_classes:
        return known, np.full(len(known), np.inf)
    n, alpha = run.n, run.alpha
    missing = n - certificate.n_draws
    own = (counts * is_label).sum(axis=1)
    others = np.sort(np.where(is_label, 0, counts), axis=1)[:, -k:]
    share = alpha / 2 if k == 1 else alpha / 4
    p = clopper_pearson(own, n, alpha / 2)
    least = clopper_pearson_upper(np.minimum(others[:, 0] + missing, n), n, share / k)
    total = clopper_pearson_upper(np.minimum(others.sum(axis=1) + missing, n), n, share)
    total = np.minimum(total, complement(p))
    p_least, least = widened(p, np.minimum(least, complement(p)), certificate.tv_error)
    p_total, total = widened(p, total, certificate.tv_error)
    noise = certificate.noise
    leads = known & (p_least > least)
    if changes:
        radii = noise.radius_with(changes, p_least, least)
        return leads & ~np.isnan(radii), radii
    proved = leads & noise.proves(p_least, least)
    radii = np.where(proved, noise.radius(p_least, least), 0.0)
    marginals = noise.marginals((noise.n_values or 1,))
    gaussian = marginals is not None and marginals.law == "normal" and not marginals.replaced
    if k > 1 and gaussian:
        together = _reach(p_total, total, k) * noise.unit - noise.rounding
        radii = np.where(known, np.maximum(radii, np.nextafter(together, 0.0)), 0.0)
        proved |= radii > 0
    return proved, radii


def _reach(p: Floats, q: Floats, k: int) -> Floats:
    """Return up to which distance the label has more than the k-th part of a sum, at least."""
    z, w = ndtri(p), ndtri(q)
    low, high = np.zeros(p.shape), np.full(p.shape, 80.0)

    def holds(r: Floats) -> NDArray[np.bool_]:
        return ndtr(z - r) * (1 - 2.0**-40) > ndtr(w + r) / k

    holds_at_all = holds(low)
    for _ in range(60):
        middle = (low + high) / 2
        fine = holds(middle)
        low, high = np.where(fine, middle, low), np.where(fine, high, middle)
    return np.where(holds_at_all, low, 0.0)
