"""Scores of certificates against true labels, and scorers for scikit-learn's model search.

The scores look at a certificate's `abstained`, never at the abstain label.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.metadata_routing import MetadataRequest
from sklearn.utils.validation import _check_sample_weight, check_consistent_length

from .certificate import Certificate
from .labels import check_label_kind
from .nested import certify
from .validation import check_draws

__all__ = [
    "abstention_rate",
    "average_certified_radius_score",
    "average_certified_radius_scorer",
    "certified_accuracy_score",
    "certified_accuracy_scorer",
    "prediction_outcomes",
]


def certified_accuracy_score(
    y_true: ArrayLike,
    certificate: Certificate,
    *,
    radius: ArrayLike = 0.0,
    sample_weight: ArrayLike | None = None,
) -> Any:
    """Share of rows that are certified to be right within a radius.

    A row counts if it is not abstained on, its label is right, and its certified radius is at
    least `radius` (Section 4 of arXiv:1902.02918).

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels.
    certificate : Certificate
        Certificates of the same rows.
    radius : float or array-like of float, default=0.0
        In the units of the certificate. An array gives an array of scores.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    score : float or ndarray of the shape of `radius`
        In [0, 1]. On rows drawn like the test rows, this estimates a lower bound of the accuracy
        under any attack of that size; each row's certificate may be false with probability alpha.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sksmooth import SmoothedClassifier, certified_accuracy_score
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(GaussianNB(), sigma=0.5, random_state=0).fit(X, y)
    >>> certified_accuracy_score(y[:50], clf.certify(X[:50], n=1000), radius=0.5)
    1.0
    """
    right, weight = _right_rows(y_true, certificate, sample_weight)
    radius = np.asarray(radius, dtype=np.float64)
    if np.any(~(radius >= 0)):
        raise ValueError(f"radius must be 0 or more; got {radius.min()}.")
    # shares of weight with R >= r: sort once, then look every radius up
    order = np.argsort(certificate.radii[right])
    radii, mass = certificate.radii[right][order], weight[right][order]
    beyond = np.append(np.cumsum(mass[::-1])[::-1], 0.0)
    score = beyond[np.searchsorted(radii, radius, side="left")] / weight.sum()
    score = np.minimum(score, 1.0)  # a sum of weights, and a rounded one
    return float(score) if radius.ndim == 0 else score


def average_certified_radius_score(
    y_true: ArrayLike, certificate: Certificate, *, sample_weight: ArrayLike | None = None
) -> float:
    """Average certified radius (ACR), wrong and abstained rows counting as 0.

    It is the area under the curve of certified accuracy by radius. Easy rows weigh heavily in it,
    so look at that curve as well (arXiv:2410.06895).

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
    score : float
        In the units of the certificate.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sksmooth import SmoothedClassifier, average_certified_radius_score
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(GaussianNB(), sigma=0.5, random_state=0).fit(X, y)
    >>> score = average_certified_radius_score(y[:50], clf.certify(X[:50], n=1000))
    >>> 0.5 < score < 1.3
    True
    """
    right, weight = _right_rows(y_true, certificate, sample_weight)
    return float(np.average(np.where(right, certificate.radii, 0.0), weights=weight))


def abstention_rate(certificate: Certificate, *, sample_weight: ArrayLike | None = None) -> float:
    """Share of rows on which nothing is certified.

    Parameters
    ----------
    certificate : Certificate
        Certificates.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    rate : float
        In [0, 1].

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sksmooth import SmoothedClassifier, abstention_rate
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(GaussianNB(), sigma=0.5, random_state=0).fit(X, y)
    >>> abstention_rate(clf.certify(X[:50], n=1000))
    0.0
    """
    check_certificate(certificate)
    weight = _check_sample_weight(sample_weight, certificate.labels, dtype=np.float64)
    return float(np.average(certificate.abstained, weights=weight))


def prediction_outcomes(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    y_reference: ArrayLike,
    *,
    abstain_label: Any,
    sample_weight: ArrayLike | None = None,
) -> dict[str, float]:
    """Shares of the five outcomes of PREDICT, the columns of Table 4 of arXiv:1902.02918.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels; a prediction is *correct* if it equals them.
    y_pred : array-like of shape (n_samples,)
        Predictions that may abstain.
    y_reference : array-like of shape (n_samples,)
        The smoothed classifier's labels as well as they are known, such as predictions with many
        more draws and ``abstain_label=None``; a prediction is *accurate* if it equals them.
    abstain_label : object
        The label that stands for an abstention in `y_pred`.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    outcomes : dict
        Shares that sum to 1, under the keys "correct, accurate", "correct, inaccurate",
        "incorrect, accurate", "incorrect, inaccurate" and "abstain".

    Examples
    --------
    >>> from sksmooth import prediction_outcomes
    >>> outcomes = prediction_outcomes([0, 0, 1, 1], [0, 1, 1, -1], [0, 0, 1, 1], abstain_label=-1)
    >>> outcomes["correct, accurate"], outcomes["incorrect, inaccurate"], outcomes["abstain"]
    (0.5, 0.25, 0.25)
    """
    y_true, y_pred, y_reference = map(column_or_1d, (y_true, y_pred, y_reference))
    check_consistent_length(y_true, y_pred, y_reference)
    weight = _check_sample_weight(sample_weight, y_true, dtype=np.float64)
    correct, accurate = y_pred == y_true, y_pred == y_reference
    abstained = y_pred == abstain_label
    cells = {
        "correct, accurate": correct & accurate,
        "correct, inaccurate": correct & ~accurate,
        "incorrect, accurate": ~correct & accurate,
        "incorrect, inaccurate": ~correct & ~accurate,
    }
    outcomes = {k: float(np.average(v & ~abstained, weights=weight)) for k, v in cells.items()}
    return outcomes | {"abstain": float(np.average(abstained, weights=weight))}


def certified_accuracy_scorer(
    radius: float | Sequence[float] = 0.0, *, n: int | None = None
) -> "CertificateScorer":
    """Make a scorer of certified accuracy, for GridSearchCV, cross_validate and the like.

    Parameters
    ----------
    radius : float or sequence of float, default=0.0
        One radius gives one score. Several give a dict of scores from one certification, named
        "certified_accuracy@0.5" and so on, for ``refit="certified_accuracy@0.5"``.
    n : int, default=None
        Draws per row; None for the estimator's own.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, sample_weight=None)``. The estimator may be a SmoothedClassifier,
        or a Pipeline or search around one. With metadata routing enabled, weights are requested by
        ``scorer.set_score_request(sample_weight=True)``.

    See Also
    --------
    average_certified_radius_scorer : The same for the average certified radius.

    Notes
    -----
    A radius above the `max_radius` of the certificates scores 0 for every row: a small sigma cannot
    prove it, and neither can a large one with few draws.

    scikit-learn turns an error in a scorer into a nan with a warning; pass ``error_score="raise"``
    to the search to see it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_validate
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sksmooth import SmoothedClassifier, certified_accuracy_scorer
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(GaussianNB(), sigma=0.3, random_state=0)
    >>> scores = cross_validate(clf, X, y, scoring=certified_accuracy_scorer([0.1, 0.3], n=500))
    >>> sorted(name for name in scores if name.startswith("test"))
    ['test_certified_accuracy@0.1', 'test_certified_accuracy@0.3']
    """
    radii = np.atleast_1d(np.asarray(radius, dtype=np.float64))
    if radii.ndim > 1 or not len(radii) or not np.all(radii >= 0):
        raise ValueError(
            f"radius must be a number, or a non-empty sequence of numbers, of 0 or more; got "
            f"{radius!r}."
        )
    several = np.ndim(radius) > 0
    return CertificateScorer(radii=tuple(radii.tolist()), several=several, n=n)


def average_certified_radius_scorer(*, n: int | None = None) -> "CertificateScorer":
    """Make a scorer of the average certified radius.

    Parameters
    ----------
    n : int, default=None
        Draws per row; None for the estimator's own.

    Returns
    -------
    scorer : callable
        As of `certified_accuracy_scorer`.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sksmooth import SmoothedClassifier, average_certified_radius_scorer
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(GaussianNB(), sigma=0.3, random_state=0).fit(X, y)
    >>> 0.2 < average_certified_radius_scorer(n=500)(clf, X, y) < 0.8
    True
    """
    return CertificateScorer(radii=(), several=False, n=n)


class CertificateScorer:
    """Certifies once, then scores; what `certified_accuracy_scorer` returns.

    A module-level class, so that it can be sent to other processes.

    Parameters
    ----------
    radii : tuple of float
        Radii of certified accuracy; empty for the average certified radius.
    several : bool
        Whether to return a dict.
    n : int or None
        Draws per row.
    """

    def __init__(self, radii: tuple[float, ...], several: bool, n: int | None) -> None:
        self.radii = radii
        self.several = several
        self.n = None if n is None else check_draws("n", n)
        self._request = MetadataRequest(owner=self)
        self._request.score.add_request(param="sample_weight", alias=None)

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> Any:
        certificate = certify(estimator, X, n=self.n)
        if not self.radii:
            return average_certified_radius_score(y, certificate, sample_weight=sample_weight)
        scores = certified_accuracy_score(
            y, certificate, radius=self.radii, sample_weight=sample_weight
        )
        if not self.several:
            return float(scores[0])
        names = (f"certified_accuracy@{r:.15g}" for r in self.radii)
        return dict(zip(names, map(float, scores), strict=True))

    def set_score_request(self, *, sample_weight: bool | str | None) -> "CertificateScorer":
        """Ask for metadata in ``score``; needs metadata routing to be enabled.

        Parameters
        ----------
        sample_weight : bool, str or None
            Whether weights are requested, or under which name.

        Returns
        -------
        scorer : CertificateScorer
            The same object.
        """
        self._request.score.add_request(param="sample_weight", alias=sample_weight)
        return self

    def get_metadata_routing(self) -> MetadataRequest:
        """Return what this scorer asks for."""
        return self._request

    def __repr__(self) -> str:
        if not self.radii:
            return f"average_certified_radius_scorer(n={self.n})"
        radius = list(self.radii) if self.several else self.radii[0]
        return f"certified_accuracy_scorer(radius={radius}, n={self.n})"


def check_certificate(certificate: Any) -> None:
    """Refuse what is not a Certificate, such as the labels of `predict`."""
    if not isinstance(certificate, Certificate):
        raise TypeError(
            f"certificate must be a Certificate, as clf.certify(X) returns; got "
            f"{type(certificate).__name__}."
        )


def _right_rows(
    y_true: ArrayLike, certificate: Certificate, sample_weight: ArrayLike | None
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return which rows are certified with the true label, and the weights of all."""
    check_certificate(certificate)
    y_true = np.asarray(column_or_1d(y_true))
    check_consistent_length(y_true, certificate.labels)
    check_label_kind(y_true, certificate.classes)
    weight = _check_sample_weight(sample_weight, y_true, dtype=np.float64)
    return (certificate.labels == y_true) & ~certificate.abstained, weight
