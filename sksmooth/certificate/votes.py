"""Votes in, statements out: PREDICT and CERTIFY of Cohen et al. (2019), Section 3.2.

This module knows nothing of models or of where the counts came from, which is why it can be
tested exactly, and why another alpha or bound needs no new sampling.
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

from ..bounds import BOUNDS, TopClassBound, one_sided, widened
from ..bounds.binomial import betainc_error
from ..checks import check_alpha
from ..labels import decode
from ..noise import Noise
from .certificate import Certificate, codes_of
from .plan import Run

__all__ = ["certify_bounds", "certify_counts", "predict_counts", "spend_counts", "top_two"]


def certify_counts(
    counts0: NDArray[np.int64],
    counts: NDArray[np.int64],
    *,
    noise: Noise,
    classes: NDArray[Any],
    alpha: float = 0.001,
    abstain_label: Any = None,
    bound: TopClassBound = one_sided,
) -> Certificate:
    """CERTIFY: turn votes into certificates.

    Parameters
    ----------
    counts0 : ndarray of shape (n_samples, n_classes), int64
        Votes of the n0 draws that select a class; rows sum to n0.
    counts : ndarray of shape (n_samples, n_classes), int64
        Votes of draws that are independent of the first. Rows sum to n, the most; with `one_sided`
        also to less, as those of a certificate do whose hopeless rows were left early.
    noise : Noise
        The noise of the draws; gives the radius.
    classes : ndarray of shape (n_classes,)
        Labels of the columns.
    alpha : float in (0, 1), default=0.001
        Probability, per row, with which the certificate may be false.
    abstain_label : object, default=None
        Label of rows with nothing to certify; None keeps the selected class.
    bound : callable, default=one_sided
        ``bound(top, other, n, alpha) -> (p_lower, p_upper)``: `sksmooth.bounds.one_sided` or
        `sksmooth.bounds.two_sided`.

    Returns
    -------
    certificate : Certificate
        Valid with probability at least ``1 - alpha`` for each row (Proposition 2 of
        arXiv:1902.02918).

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.certificate import certify_counts
    >>> from sksmooth.noise import FloatGaussian
    >>> certify_counts(
    ...     np.array([[90, 10], [55, 45]]), np.array([[990, 10], [520, 480]]),
    ...     noise=FloatGaussian(0.5), classes=np.array(["cat", "dog"]), abstain_label="abstain",
    ... ).labels
    array(['cat', 'abstain'], dtype='<U7')
    """
    if not counts0.shape == counts.shape == (len(counts), len(classes)):
        raise ValueError(
            f"counts0 of shape {counts0.shape} and counts of shape {counts.shape} must both have a "
            f"line per row and a column for each of {len(classes)} classes."
        )
    n0, n_draws = _draws(counts0), counts.sum(axis=1)
    n = int(n_draws.max()) if bound is one_sided and len(counts) else _draws(counts)
    # the steps and names of CERTIFY in the paper
    c_a = counts0.argmax(axis=1)
    n_a, n_b = top_two(counts, c_a)
    p_lower, p_upper = bound(n_a, n_b, n_draws, alpha)
    run = Run(
        noise=noise,
        rule="Curtailed" if bound is one_sided else "FixedSampleSize",
        abstain_label=abstain_label,
        n=n,
        n0=n0,
        alpha=alpha,
        bound=getattr(bound, "__name__", "custom").replace("_", "-"),
        max_radius=_largest_radius(noise, bound, n, alpha),
    )
    return certify_bounds(c_a, p_lower, p_upper, counts, run=run, classes=classes)


def certify_bounds(
    codes: NDArray[np.intp],
    p_lower: NDArray[np.float64],
    p_upper: NDArray[np.float64],
    counts: NDArray[np.int64],
    *,
    run: Run,
    classes: NDArray[Any],
    stop_reason: Any = "n",
) -> Certificate:
    """Turn bounds on the votes' probabilities into a Certificate."""
    noise = run.noise
    p_lower, p_upper = widened(p_lower, p_upper, noise.tv_error)
    leads = p_lower > p_upper
    radii = np.where(leads, noise.radius(p_lower, p_upper), 0.0)
    # abstained on also where the rounding of rows takes up all of the radius
    abstained = ~(leads & noise.proves(p_lower, p_upper))
    return Certificate(
        labels=decode(codes, abstained, classes, run.abstain_label),
        radii=radii,
        abstained=abstained,
        p_lower=p_lower,
        p_upper=p_upper,
        tv_error=np.full(len(counts), noise.tv_error),
        selected=classes[codes],
        counts=counts,
        n_draws=counts.sum(axis=1),
        stop_reason=np.broadcast_to(np.asarray(stop_reason), abstained.shape),
        classes=classes,
        run=run,
    )


def spend_counts(certificate: Certificate, alpha: Any, bound: Any) -> Certificate:
    """Return what a certificate's counts certify at another level; see `Certificate.at`."""
    run = certificate.run
    if run.method == "exact":
        raise ValueError(
            "This certificate was computed: it holds for certain, and there are no counts to spend."
        )
    if run.asked_radii is not None or run.tol is not None or not certificate.counts.shape[1]:
        raise ValueError(
            "at() needs the counts of a plain certification; those of certify(radius=...) and "
            "certify(tol=...) hold at their own level alone. Certify with neither, and the counts "
            "serve any alpha and bound that were fixed beforehand."
        )
    alpha = check_alpha(run.alpha if alpha is None else alpha)
    name = run.bound if bound is None else bound
    if not isinstance(name, str) or name not in BOUNDS:
        raise ValueError(f"bound must be one of {list(BOUNDS)}; got {bound!r}.")
    codes = codes_of(certificate)
    f = BOUNDS[name]
    p_lower, p_upper = f(*top_two(certificate.counts, codes), certificate.n_draws, alpha)
    # rows that were left early were left because of their votes
    whole = certificate.n_draws == run.n
    p_lower, p_upper = np.where(whole, p_lower, 0.0), np.where(whole, p_upper, 1.0)
    return certify_bounds(
        codes,
        p_lower,
        p_upper,
        certificate.counts,
        run=dataclasses.replace(
            run, alpha=alpha, bound=name, max_radius=_largest_radius(run.noise, f, run.n, alpha)
        ),
        classes=certificate.classes,
        stop_reason=certificate.stop_reason,
    )


def _largest_radius(noise: Noise, bound: TopClassBound, n: int, alpha: float) -> float:
    return float(noise.radius(*widened(*bound([n], [0], n, alpha), noise.tv_error))[0])


def top_two(
    counts: NDArray[np.int64], top: NDArray[np.intp]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the votes of the classes `top`, and the most votes of any other class."""
    lines = np.arange(len(counts))
    is_other = np.ones(counts.shape, dtype=bool)
    is_other[lines, top] = False
    return counts[lines, top], counts.max(axis=1, where=is_other, initial=0)


def predict_counts(
    counts: NDArray[np.int64], alpha: float, spoilt: ArrayLike = 0, chance: ArrayLike = 0.0
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """PREDICT: the top class of each row, and whether the votes leave it undecided.

    Parameters
    ----------
    counts : ndarray of shape (n_samples, n_classes), int64
        Votes.
    alpha : float in (0, 1)
        Probability, per row, with which a row that is not undecided may get another class than the
        smoothed classifier's.
    spoilt : array-like of int of shape (n_samples,), default=0
        Votes that may be for another class than they should be.
    chance : array-like of float of shape (n_samples,), default=0.0
        Probability that they are more.

    Returns
    -------
    codes : ndarray of shape (n_samples,), int
        Column with the most votes, the first of them where several have as many.
    undecided : ndarray of shape (n_samples,), bool
        True where the two-sided binomial test between the two top counts does not reject
        equality at level alpha.

    Notes
    -----
    Comparing only the two largest counts is valid at level alpha without a correction for the
    number of classes [1]_; see Proposition 1 of arXiv:1902.02918.

    References
    ----------
    .. [1] K. Hung and W. Fithian (2019). "Rank verification for exponential families". Annals of
       Statistics 47(2), 758-782.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.certificate import predict_counts
    >>> codes, undecided = predict_counts(np.array([[60, 40], [90, 10]]), alpha=0.001)
    >>> codes, undecided
    (array([0, 0]), array([ True, False]))
    """
    codes = counts.argmax(axis=1)
    if counts.shape[1] == 1:
        return codes, np.zeros(len(counts), dtype=bool)
    n_b, n_a = np.sort(counts, axis=1)[:, -2:].T.astype(np.float64)
    n_b, n_a = n_b + spoilt, n_a - spoilt
    # P(Bin(n_a + n_b, 1/2) >= n_a), doubled by symmetry; an incomplete beta function
    tail = np.where(n_a > 0, betainc(np.maximum(n_a, 1), n_b + 1, 0.5), 1.0)
    p_value = np.where(n_a > n_b, 2 * tail * (1 + betainc_error(n_a + n_b)), 1.0)
    return codes, ~(p_value + np.asarray(chance, dtype=np.float64) <= alpha)


def _draws(counts: NDArray[np.int64]) -> int:
    draws = np.unique(counts.sum(axis=1))
    if len(draws) != 1:
        raise ValueError(
            f"All rows of counts must have the same number of draws; got {draws[:5].tolist()}."
        )
    return int(draws[0])
