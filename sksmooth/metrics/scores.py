"""Scores of certificates against true labels.

They look at a certificate's `abstained`, never at the abstain label.
"""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_consistent_length

from ..certificate import Certificate
from ..checks import beside_changes, check_changes, user_level
from ..exceptions import UnitsWarning
from ..labels import check_label_kind

__all__ = [
    "abstention_rate",
    "average_certified_radius_score",
    "certified_accuracy_score",
    "check_certificate",
    "check_classwise",
    "check_score_radii",
    "labels_of",
    "prediction_outcomes",
    "radii_of",
    "right_rows",
    "share_at_or_above",
    "warn_if_decided",
]


def certified_accuracy_score(
    y_true: ArrayLike,
    certificate: Certificate,
    *,
    radius: ArrayLike = 0.0,
    changes: int = 0,
    classwise: bool | str = False,
    sample_weight: ArrayLike | None = None,
) -> Any:
    """Share of rows that are certified to be right within a radius, of all or by class.

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
    changes : int, default=0
        How many columns may change beside, for mixed noise: radii are `Certificate.radii_with`.
    classwise : bool or "balanced", default=False
        True gives the score of the rows of each true class apart; "balanced" the mean of these over
        the classes, in which rare classes weigh as much as frequent ones.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    score : float or ndarray of the shape of `radius`; or dict of such, by class
        In [0, 1]. On rows drawn like the test rows, this estimates a lower bound of the accuracy
        under any attack of that size; each row's certificate may be false with probability alpha.
        Classes are those of the certificate, and labels of `y_true` that are none of them; the
        score of a class without rows is NaN, and not part of the mean.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sksmooth import SmoothedClassifier, certified_accuracy_score
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.5, random_state=0).fit(X, y)
    >>> certified_accuracy_score(y[:50], clf.certify(X[:50], n=1000), radius=0.5)
    1.0
    >>> scores = certified_accuracy_score(y, clf.certify(X, n=1000), radius=0.5, classwise=True)
    >>> {label: round(score, 1) for label, score in scores.items()}
    {0: 1.0, 1: 0.5, 2: 0.6}
    """
    right, weight = right_rows(y_true, certificate, sample_weight)
    radius = check_score_radii(radius)
    check_classwise(classwise)
    warn_if_decided(certificate, radius, changes)
    reached = np.where(right, radii_of(certificate, changes), -1.0)

    def share(rows: NDArray[np.bool_] | slice) -> Any:
        if not weight[rows].sum() > 0:
            return np.full(radius.shape, np.nan) if radius.ndim else float("nan")
        score = share_at_or_above(reached[rows], weight[rows], radius)
        return float(score) if radius.ndim == 0 else score

    if classwise is False:
        return share(slice(None))
    labels = np.asarray(column_or_1d(y_true))
    by_class = {label: share(labels == label) for label in labels_of(labels, certificate)}
    if classwise is True:
        return by_class
    score = np.nanmean(np.stack(list(by_class.values())), axis=0)
    return float(score) if radius.ndim == 0 else score


def check_classwise(classwise: Any) -> None:
    """Refuse what says neither how to divide rows by class nor not to."""
    if not (isinstance(classwise, bool) or classwise == "balanced"):
        raise ValueError(f"classwise must be True, False or 'balanced'; got {classwise!r}.")


def labels_of(y_true: NDArray[Any], certificate: Certificate) -> list[Any]:
    """Return the classes of a certificate, and the labels of `y_true` that are none of them."""
    classes = certificate.classes.tolist()
    return [*classes, *(label for label in np.unique(y_true).tolist() if label not in classes)]


def average_certified_radius_score(
    y_true: ArrayLike,
    certificate: Certificate,
    *,
    changes: int = 0,
    sample_weight: ArrayLike | None = None,
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
    changes : int, default=0
        How many columns may change beside, for mixed noise: radii are `Certificate.radii_with`, and
        rows that are not certified beside so many changes count as 0.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    score : float
        In the units of the certificate; a mean number of changed columns if radii are such numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sksmooth import SmoothedClassifier, average_certified_radius_score
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.5, random_state=0).fit(X, y)
    >>> score = average_certified_radius_score(y[:50], clf.certify(X[:50], n=1000))
    >>> 0.5 < score < 1.3
    True
    """
    right, weight = right_rows(y_true, certificate, sample_weight)
    warn_if_decided(certificate, None, changes)
    reached = np.maximum(np.where(right, radii_of(certificate, changes), 0.0), 0.0)
    return float(np.average(reached, weights=weight))


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
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sksmooth import SmoothedClassifier, abstention_rate
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.5, random_state=0).fit(X, y)
    >>> abstention_rate(clf.certify(X[:50], n=1000))
    0.0
    """
    check_certificate(certificate)
    warn_if_decided(certificate, np.zeros(1))
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


def check_certificate(certificate: Any) -> None:
    """Refuse what is not a Certificate, such as the labels of `predict`."""
    if not isinstance(certificate, Certificate):
        raise TypeError(
            f"certificate must be a Certificate, as clf.certify(X) returns; got "
            f"{type(certificate).__name__}."
        )


def check_score_radii(radius: ArrayLike) -> NDArray[np.float64]:
    """Return radii as an array, of any shape."""
    radius = np.asarray(radius, dtype=np.float64)
    if np.any(~(radius >= 0)):
        raise ValueError(f"radius must be 0 or more; got {radius.min()}.")
    return radius


def share_at_or_above(
    values: NDArray[np.float64], weight: NDArray[np.float64], thresholds: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the share of weight whose value is at or above each threshold."""
    order = np.argsort(values)  # once; then every threshold is looked up
    beyond = np.append(np.cumsum(weight[order][::-1])[::-1], 0.0)
    share = beyond[np.searchsorted(values[order], thresholds, side="left")] / weight.sum()
    return np.minimum(share, 1.0)  # a sum of weights, and a rounded one


def radii_of(certificate: Certificate, changes: int) -> NDArray[np.float64]:
    """Return the radii beside a number of changed columns; -1 where they are not certified."""
    if not check_changes(changes):
        return certificate.radii
    return np.nan_to_num(certificate.radii_with(changes=changes), nan=-1.0, posinf=np.inf)


def warn_if_decided(
    certificate: Certificate, radius: NDArray[np.float64] | None = None, changes: int | None = 0
) -> None:
    """Warn where draws stopped before the radii that a score looks at were known.

    Parameters
    ----------
    certificate : Certificate
        Certificates.
    radius : ndarray, default=None
        Radii that are looked at; None for all.
    changes : int or None, default=0
        Beside how many changed columns; None for any number.
    """
    asked, beside = certificate.asked_radii, certificate.run.asked_changes
    if asked is not None and (
        radius is None or changes != beside or not np.isin(radius, asked).all()
    ):
        warnings.warn(
            f"This certificate was made to decide the radii {asked}"
            f"{beside_changes(beside)}, and draws stopped there: what it proves at other radii is "
            "true, but far less than could be proved. Call certify without radius, or with all the "
            "radii that are to be scored.",
            UnitsWarning,
            stacklevel=user_level(),
        )


def right_rows(
    y_true: ArrayLike, certificate: Certificate, sample_weight: ArrayLike | None
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return which rows are certified with the true label, and the weights of all."""
    check_certificate(certificate)
    y_true = np.asarray(column_or_1d(y_true))
    check_consistent_length(y_true, certificate.labels)
    check_label_kind(y_true, certificate.classes)
    weight = _check_sample_weight(sample_weight, y_true, dtype=np.float64)
    return (certificate.labels == y_true) & ~certificate.abstained, weight
