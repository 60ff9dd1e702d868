"""What a log holds."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..certificate import Certificate, PredictionBounds, RegressionCertificate
from ..labels import check_label_kind

__all__ = ["Record", "whole_numbers"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Record:
    """Contents of a log: certificates or predictions, beside the true labels.

    Attributes
    ----------
    y_true : ndarray of shape (n_rows,) or None
        True labels, if they were recorded.
    y_pred : ndarray of shape (n_rows,)
        Certified or predicted labels, abstentions included; of a regressor, predictions.
    certificate : Certificate, PredictionBounds, RegressionCertificate or None
        Of a classifier, or of a regressor. None for a log of predictions. From a log of the paper's
        authors it has no counts, and radii of three digits, rounded to nearest: a row may count at
        a radius that it just misses.
    index : ndarray of shape (n_rows,), int64
        Numbers of the rows in the data set that they come from.
    seconds : ndarray of shape (n_rows,) or None
        Time that each row took, if it was recorded.
    settings : dict
        What else the log says of its making, such as the versions of the libraries.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.records import Record
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.5, random_state=0).fit(X, y)
    >>> record = Record.of(clf.certify(X[:3], n=500), y_true=y[:3])
    >>> record.y_pred, record.index
    (array([0, 0, 0]), array([0, 1, 2]))
    """

    y_true: NDArray[Any] | None
    y_pred: NDArray[Any]
    certificate: Any
    index: NDArray[np.int64]
    seconds: NDArray[np.float64] | None = None
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(
        cls,
        certificate: Certificate | PredictionBounds | RegressionCertificate,
        *,
        y_true: ArrayLike | None = None,
        index: Any = None,
    ) -> "Record":
        """Return the record of a certificate that was just made.

        Parameters
        ----------
        certificate : Certificate, PredictionBounds or RegressionCertificate
            Of some rows.
        y_true : array-like of shape (n_rows,), default=None
            True labels.
        index : array-like of int of shape (n_rows,), default=None
            Numbers of the rows; None for those of the certificate's index, if it holds whole
            numbers, each of them once, and otherwise for 0, 1, 2, ...

        Returns
        -------
        record : Record
            With the certificate's labels, or predictions, as `y_pred`.
        """
        if isinstance(certificate, Certificate):
            answers = certificate.labels
        elif isinstance(certificate, PredictionBounds):
            answers = certificate.prediction
        elif isinstance(certificate, RegressionCertificate):
            answers = certificate.predictions
        else:
            raise TypeError(
                f"certificate must be a Certificate, as clf.certify(X) returns, or what a "
                f"SmoothedRegressor certifies; got {type(certificate).__name__}."
            )
        if index is None:
            index = whole_numbers(certificate.index)
        index = np.arange(len(certificate)) if index is None else np.asarray(index)
        labels = None if y_true is None else np.asarray(y_true)
        for name, values in (("index", index), ("y_true", labels)):
            if values is not None and values.shape != (len(certificate),):
                raise ValueError(
                    f"{name} has shape {values.shape}, but there are {len(certificate)} rows."
                )
        fits = index.dtype.kind in "iu" and np.array_equal(index, index.astype(np.int64))
        if not fits or len(np.unique(index)) < len(index):
            raise ValueError("index must hold whole numbers of 64 bits, each of them once.")
        if labels is not None:
            known = certificate.classes if isinstance(certificate, Certificate) else answers
            check_label_kind(labels, known)
        return cls(labels, answers, certificate, index.astype(np.int64))

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: Any) -> "Record":
        """Select rows: by position, slice, mask or list of positions."""
        if isinstance(rows, int | np.integer):
            rows = [rows]
        names = ("y_true", "y_pred", "certificate", "index", "seconds")
        parts = {name: getattr(self, name) for name in names}
        chosen: dict[str, Any] = {k: v if v is None else v[rows] for k, v in parts.items()}
        return dataclasses.replace(self, **chosen)

    def __repr__(self) -> str:
        labels = "without" if self.y_true is None else "with"
        what = "predictions" if self.certificate is None else self.certificate
        return f"<Record of {len(self)} rows {labels} true labels: {what}>"


def whole_numbers(index: Any) -> NDArray[np.int64] | None:
    """Return an index of rows as numbers of 64 bits; None if it does not have such, each once.

    Parameters
    ----------
    index : array-like or None
        Of a data frame, or numbers of rows in a data set.
    """
    found = np.asarray(index)
    if found.dtype.kind not in "iu" or found.ndim != 1 or len(np.unique(found)) < len(found):
        return None
    numbers = found.astype(np.int64)
    return numbers if np.array_equal(numbers, found) else None  # not so for hashes of 64 bits
