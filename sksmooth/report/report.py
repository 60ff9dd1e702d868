"""CertificationReport: what can be handed to somebody who asks how robust a classifier is."""

import importlib.util
import json
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import _safe_indexing, check_consistent_length, column_or_1d

from ..backends import unwrap
from ..certificate import Certificate
from ..checks import check_radii, is_real
from ..estimators import SmoothedClassifier, certify, smoother_of
from ..introspection.fingerprint import fingerprint
from ..labels import check_label_kind
from ..metrics.scores import check_certificate
from .content import content_of
from .page import page

__all__ = ["SCHEMA", "CertificationReport"]

SCHEMA: dict[str, Any] = json.loads(
    pathlib.Path(__file__).with_name("schema.json").read_text(encoding="utf-8")
)
_MOST_FEATURES = 200  # of rows whose features are looked at one by one
_TITLE = "Certification report"


class CertificationReport:
    """Certificates of a test set as a report: one HTML page, or JSON.

    The page holds the curve of certified accuracy with a confidence band, certified accuracy by
    class, quantiles of the class probabilities under noise and of the radii, how far single
    features may change, the least robust rows, the guarantee in words, and all settings with the
    model's fingerprint and the versions. It loads nothing: no script, font or picture from
    elsewhere. The seed of the noise is not in it, only its SHA-256.

    Use `from_estimator` or `from_predictions` to make one.

    Parameters
    ----------
    content : dict
        As `sksmooth.report.SCHEMA` describes it; what `to_json` writes.

    See Also
    --------
    Certificate.summary : A few lines of text.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sksmooth import CertificationReport, SmoothedClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(LogisticRegression(), sigma=0.5, random_state=0).fit(X, y)
    >>> report = CertificationReport.from_estimator(clf, X, y)
    >>> report.content["results"]["certified"]
    1.0
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = report.to_html(pathlib.Path(folder) / "iris.html")
    >>> page.startswith("<!DOCTYPE html>")
    True
    """

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        n: int | None = None,
        title: str = _TITLE,
        radii: Sequence[float] | None = None,
        confidence: float = 0.95,
        rows: int = 10,
        **options: Any,
    ) -> "CertificationReport":
        """Certify rows and report on them.

        Parameters
        ----------
        estimator : SmoothedClassifier, or Pipeline or search around one
            Fitted.
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows. With pandas installed, and at most 200 features of a smoother that is in no
            Pipeline or search, the report says how far each feature may change, over 100 rows.
        y : array-like of shape (n_samples,)
            True labels.
        n : int, default=None
            Draws per row; None for the estimator's own.
        title : str, default="Certification report"
            Title of the page.
        radii : sequence of float, default=None
            Radii of the tables; None for about five round ones.
        confidence : float in (0, 1), default=0.95
            Confidence of the band around the curve, at each radius apart.
        rows : int, default=10
            How many of the least robust rows are listed, with values of their features; 0 keeps
            single rows out of the report.
        **options : dict
            Further arguments of `SmoothedClassifier.certify`.

        Returns
        -------
        report : CertificationReport
            With the model's fingerprint.
        """
        certificate = certify(estimator, X, n=n, **options)
        smoother = _smoother_inside(estimator)
        intervals: Any = None
        few = np.prod(smoother._row_shape) <= _MOST_FEATURES
        lengths = certificate.noise.norm.kind != "l0" and not certificate.noise.proviso
        if smoother is estimator and few and lengths and importlib.util.find_spec("pandas"):

            def intervals(places: NDArray[np.intp]) -> Any:
                return smoother.per_feature(
                    _safe_indexing(X, places), certificate=certificate[places]
                )

        return cls._of(
            y,
            certificate,
            intervals=intervals,
            model=_model(smoother),
            title=title,
            radii=radii,
            confidence=confidence,
            rows=rows,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        certificate: Certificate,
        *,
        intervals: Any = None,
        model: dict[str, Any] | None = None,
        title: str = _TITLE,
        radii: Sequence[float] | None = None,
        confidence: float = 0.95,
        rows: int = 10,
    ) -> "CertificationReport":
        """Report on given certificates.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True labels.
        certificate : Certificate
            Certificates of the same rows, at least one.
        intervals : pandas.DataFrame, default=None
            How far single features of the same rows may change, from
            `SmoothedClassifier.per_feature` or `Certificate.per_feature`.
        model : dict, default=None
            ``{"type": ..., "fingerprint": ...}``: what the model is called, and a hash of it.
        title : str, default="Certification report"
            Title of the page.
        radii : sequence of float, default=None
            Radii of the tables; None for about five round ones. Certificates that were made to
            decide radii are reported at those.
        confidence : float in (0, 1), default=0.95
            Confidence of the band around the curve, at each radius apart.
        rows : int, default=10
            How many of the least robust rows are listed; 0 keeps single rows out of the report.

        Returns
        -------
        report : CertificationReport
            Without a model, its section says nothing of one.
        """
        some: Any = None
        if intervals is not None:
            n = len(intervals) // max(len(certificate), 1)
            if n * len(certificate) != len(intervals):
                raise ValueError("intervals and certificate are of different rows.")

            def some(places: NDArray[np.intp]) -> Any:
                return intervals.iloc[(places[:, None] * n + np.arange(n)).ravel()]

        return cls._of(
            y_true,
            certificate,
            intervals=some,
            model=model,
            title=title,
            radii=radii,
            confidence=confidence,
            rows=rows,
        )

    @classmethod
    def _of(
        cls,
        y_true: ArrayLike,
        certificate: Certificate,
        *,
        title: str,
        radii: Sequence[float] | None,
        confidence: float,
        rows: int,
        model: dict[str, Any] | None,
        intervals: Any,
    ) -> "CertificationReport":
        check_certificate(certificate)
        labels = np.asarray(column_or_1d(y_true))
        check_consistent_length(labels, certificate.labels)
        check_label_kind(labels, certificate.classes)
        if not len(certificate):
            raise ValueError("There are no rows to report on.")
        if not (is_real(confidence) and 0 < confidence < 1):
            raise ValueError(f"confidence must lie strictly between 0 and 1; got {confidence!r}.")
        return cls(
            content_of(
                labels,
                certificate,
                title=title,
                radii=None if radii is None else check_radii(list(radii)),
                confidence=float(confidence),
                n_rows=int(rows),
                model=model,
                intervals=intervals,
            )
        )

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the report as an HTML page, and write it to a file.

        Parameters
        ----------
        path : str or path-like, default=None
            File to be written; None for none.

        Returns
        -------
        text : str
            The page: HTML 5 in UTF-8, that reads well on a phone, on paper and in dark mode.
        """
        return _written(page(self.content), path)

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Return the report as JSON, and write it to a file.

        Parameters
        ----------
        path : str or path-like, default=None
            File to be written; None for none.

        Returns
        -------
        text : str
            An object that `sksmooth.report.SCHEMA`, a JSON Schema, describes. ``null`` stands for a
            number that is infinite, or of a class without rows.
        """
        return _written(json.dumps(self.content, indent=1, allow_nan=False) + "\n", path)

    def __repr__(self) -> str:
        data = self.content["data"]
        return f"<CertificationReport of {data['n_rows']} rows: to_html(path), to_json(path)>"


def _written(text: str, path: str | os.PathLike[str] | None) -> str:
    if path is not None:
        pathlib.Path(path).write_text(text, encoding="utf-8")
    return text


def _smoother_inside(estimator: Any) -> Any:
    """Return the smoother in a Pipeline or search."""
    while not isinstance(estimator, SmoothedClassifier):
        inner = getattr(estimator, "best_estimator_", None)
        estimator = estimator.steps[-1][1] if inner is None else inner
    return estimator


def _model(clf: SmoothedClassifier) -> dict[str, Any]:
    """Return names of classes alone: parameters might tell the seed."""
    base = smoother_of(clf).base
    steps, model = unwrap(base.estimator)
    names = [type(part).__name__ for part in (*steps, model)]
    try:
        digest: str | None = fingerprint(base.estimator, base.answers, base.frame)
    except ValueError:  # something inside cannot be taken apart
        digest = None
    return {"type": f"{type(clf).__name__} around {', '.join(names)}", "fingerprint": digest}
