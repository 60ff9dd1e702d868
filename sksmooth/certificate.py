"""Counts in, statements out: PREDICT and CERTIFY of Cohen et al. (2019), Section 3.2.

This module knows nothing of models or of where the counts came from, which is why it can be
tested exactly, and why another alpha or bound needs no new sampling.
"""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

from .bounds import one_sided, widened
from .bounds.top_class import TopClassBound
from .labels import decode
from .noise import Noise

__all__ = ["Certificate", "certify_counts", "predict_counts"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Certificate:
    """Certified labels and radii, one per row, with everything that they were computed from.

    Unpacks as ``labels, radii = certificate``, so that iterating gives these two arrays and not the
    rows; everything else is an attribute. Indexing selects rows.

    Row by row, with probability at least ``1 - alpha`` over the noise: either `abstained` is True,
    or the smoothed classifier answers ``labels[i]`` at every point whose distance from the row, in
    the norm `norm` and the units of X, is below ``radii[i]``.

    Attributes
    ----------
    labels : ndarray of shape (n_samples,)
        Certified label; the abstain label where `abstained` (the top class if there is none).
    radii : ndarray of shape (n_samples,), float64
        Certified radius in the units of X, rounded down; 0.0 where `abstained`.
    abstained : ndarray of shape (n_samples,), bool
        True where nothing is certified. Test this, not ``radii == 0``.
    p_lower, p_upper : ndarray of shape (n_samples,), float64
        Confidence bounds under noise: lower on the probability of the selected class, upper on
        that of every other class. Both hold together, under the noise that the proof speaks of;
        `tv_error` has been taken off and added.
    tv_error : ndarray of shape (n_samples,), float64
        Probability, at most, with which a vote is not what it would have been under that noise: the
        total variation distance between the two, and the mass of noise so near to a boundary that
        rounding may have decided.
    selected : ndarray of shape (n_samples,)
        The class that the bounds speak of, certified or not.
    counts : ndarray of shape (n_samples, n_classes), int64
        Votes of the estimation draws; the columns follow `classes`.
    n_draws : ndarray of shape (n_samples,), int64
        Estimation draws made, the sums of the rows of `counts`; selection draws not included.
    stop_reason : ndarray of shape (n_samples,), str
        Why no more were made: "n" (all n were), "hopeless" (no votes could have certified the row),
        "decided" (so is every one of `asked_radii`), "tol" (as many as planned).
    classes : ndarray of shape (n_classes,)
        Class labels, in the order of the columns of `counts`.
    n, n0 : int
        Most draws for estimation, and draws for selection, per row.
    asked_radii : tuple of float or None
        The radii that were to be decided. Then `radii` hold too, but are hardly larger than these,
        since draws stop there. None where the radius was asked for.
    max_radius : float
        The radius of unanimous votes: none can be larger with this n, alpha and sigma, nor, if
        `asked_radii` are to be decided, with the looks at these.
    bound : str
        How `p_upper` was found: "one-sided" (as ``1 - p_lower``) or "two-sided".
    seed : str or None
        The seed of the noise, in hexadecimal. Whoever knows it can choose inputs for which this
        noise misleads; keep it to yourself as long as the classifier certifies for others.
    alpha : float
        Probability, per row, with which the statement may be false.
    noise : Noise
        The noise. Where it is not `sound`, as with ``noise="float"``, the radii are those of the
        formula, which floating-point noise does not bear out for every classifier.
    stream : str
        Generator of the random bits.
    shortcut : str or None
        How votes were found faster than by asking the base about each noisy row, if they were.
    sigma : float
        Standard deviation of the noise, in the units of X.
    norm : str
        Norm of the radii.

    See Also
    --------
    SmoothedClassifier.certify : Makes certificates.
    sksmooth.metrics.certified_accuracy_score : Scores them against true labels.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sksmooth import SmoothedClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(GaussianNB(), sigma=0.5, random_state=0).fit(X, y)
    >>> certificate = clf.certify(X[::50], n=1000)
    >>> labels, radii = certificate
    >>> labels
    array([0, 1, 2])
    >>> len(certificate[radii > 0.5]) <= len(certificate)
    True
    """

    labels: NDArray[Any]
    radii: NDArray[np.float64]
    abstained: NDArray[np.bool_]
    p_lower: NDArray[np.float64]
    p_upper: NDArray[np.float64]
    tv_error: NDArray[np.float64]
    selected: NDArray[Any]
    counts: NDArray[np.int64]
    n_draws: NDArray[np.int64]
    stop_reason: NDArray[np.str_]
    classes: NDArray[Any]
    n: int
    n0: int
    alpha: float
    noise: Noise
    max_radius: float
    bound: str = "one-sided"
    asked_radii: tuple[float, ...] | None = None
    seed: str | None = None
    stream: str = "philox"
    shortcut: str | None = None

    _PER_ROW = (
        "labels",
        "radii",
        "abstained",
        "p_lower",
        "p_upper",
        "tv_error",
        "selected",
        "counts",
        "n_draws",
        "stop_reason",
    )

    def __post_init__(self) -> None:
        for name in (*self._PER_ROW, "classes"):
            view = getattr(self, name).view()
            view.setflags(write=False)  # the view only: the caller's array is left alone
            object.__setattr__(self, name, view)

    @property
    def sigma(self) -> float:
        """Standard deviation of the noise, in the units of X."""
        return self.noise.sigma

    @property
    def norm(self) -> str:
        """Norm of the radii."""
        return self.noise.norm

    def __iter__(self) -> Iterator[NDArray[Any]]:
        yield self.labels
        yield self.radii

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Any) -> "Certificate":
        """Select rows: by position, slice, mask or list of positions."""
        if isinstance(rows, int | np.integer):
            rows = [rows]
        return dataclasses.replace(self, **{k: getattr(self, k)[rows] for k in self._PER_ROW})

    def __repr__(self) -> str:
        certified = int((~self.abstained).sum())
        median = (
            f", median radius {np.median(self.radii[~self.abstained]):.3g}" if certified else ""
        )
        asked = "" if self.asked_radii is None else f"asked_radii={self.asked_radii}, "
        return (
            f"<Certificate of {len(self)} rows: {certified} certified{median}; {asked}n={self.n}, "
            f"n0={self.n0}, alpha={self.alpha:g}, sigma={self.sigma:g}, norm={self.norm!r}, "
            f"bound={self.bound!r}, noise={self.noise.kind!r}"
            f"{'' if self.noise.sound else ' (unsound in floating point)'}>"
        )

    def to_frame(self, index: Any = None) -> Any:
        """Return a pandas DataFrame with one line per row.

        Parameters
        ----------
        index : array-like of shape (n_samples,), default=None
            Index of the frame, such as ``X.index``.

        Returns
        -------
        frame : pandas.DataFrame
            Labels, radii, bounds, selected classes and draws, in columns of their names.
        """
        import pandas as pd  # optional: only this method needs it

        columns = {
            "label": self.labels,
            "radius": self.radii,
            "abstained": self.abstained,
            "p_lower": self.p_lower,
            "p_upper": self.p_upper,
            "selected": self.selected,
            "n_draws": self.n_draws,
            "stop_reason": self.stop_reason,
        }
        return pd.DataFrame(columns, index=index)


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
    >>> from sksmooth.noise import Gaussian
    >>> certify_counts(
    ...     np.array([[90, 10], [55, 45]]), np.array([[990, 10], [520, 480]]),
    ...     noise=Gaussian(0.5), classes=np.array(["cat", "dog"]), abstain_label="abstain",
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
    return certify_bounds(
        c_a,
        p_lower,
        p_upper,
        counts,
        noise=noise,
        tv_error=np.full(len(counts), noise.tv_error),
        classes=classes,
        abstain_label=abstain_label,
        n=n,
        n0=n0,
        alpha=alpha,
        bound=getattr(bound, "__name__", "custom").replace("_", "-"),
        max_radius=float(noise.radius(*widened(*bound([n], [0], n, alpha), noise.tv_error))[0]),
    )


def certify_bounds(
    codes: NDArray[np.intp],
    p_lower: NDArray[np.float64],
    p_upper: NDArray[np.float64],
    counts: NDArray[np.int64],
    *,
    noise: Noise,
    tv_error: NDArray[np.float64],
    classes: NDArray[Any],
    abstain_label: Any,
    stop_reason: Any = "n",
    **settings: Any,
) -> Certificate:
    """Turn bounds on the votes' probabilities into a Certificate; `settings` are other fields."""
    p_lower, p_upper = widened(p_lower, p_upper, tv_error)
    radii = np.where(p_lower > p_upper, noise.radius(p_lower, p_upper), 0.0)
    abstained = ~(radii > 0)  # also where the rounding of rows takes up all of the radius
    return Certificate(
        labels=decode(codes, abstained, classes, abstain_label),
        radii=radii,
        abstained=abstained,
        p_lower=p_lower,
        p_upper=p_upper,
        tv_error=tv_error,
        selected=classes[codes],
        counts=counts,
        n_draws=counts.sum(axis=1),
        stop_reason=np.broadcast_to(np.asarray(stop_reason), abstained.shape),
        classes=classes,
        noise=noise,
        **settings,
    )


def codes_of(certificate: Certificate) -> NDArray[np.intp]:
    """Return the columns of `counts` that belong to the selected classes."""
    order = np.argsort(certificate.classes)
    found = np.searchsorted(certificate.classes, certificate.selected, sorter=order)
    return order[found]


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
    p_value = np.where(n_a > n_b, 2 * tail * (1 + 1e-9), 1.0)
    return codes, ~(p_value + np.asarray(chance, dtype=np.float64) <= alpha)


def _draws(counts: NDArray[np.int64]) -> int:
    draws = np.unique(counts.sum(axis=1))
    if len(draws) != 1:
        raise ValueError(
            f"All rows of counts must have the same number of draws; got {draws[:5].tolist()}."
        )
    return int(draws[0])
