"""Certified accuracy by radius."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import _safe_indexing

from ..certificate import Certificate
from ..certificate.concat import refuse_other_norms
from ..checks import check_changes_of_each
from ..estimators.unwrap import certify
from ..metrics.scores import certified_accuracy_score, check_certificate, radii_of
from ..noise import L2AndChanges, Norm
from ..records.named import named_records, refuse_other_rows
from .axes import draw_steps, label_of, name_of, new_axes, of_one_norm

__all__ = ["CertifiedAccuracyDisplay"]


class CertifiedAccuracyDisplay:
    """Certified accuracy as a function of the radius.

    Use `from_estimator`, `from_predictions`, `from_records` or `from_cv_results` to make one.

    Parameters
    ----------
    radius : ndarray of shape (n_points,), or list of such
        Radii, ascending from 0; a list for several curves.
    certified_accuracy : ndarray of shape (n_points,), or list of such
        Certified accuracy at each radius, constant from just above one radius to the next.
    name : str or list of str, default=None
        Name of each curve in the legend.
    norm : str, default="l2"
        Norm of the radii, for the label of their axis.

    Attributes
    ----------
    line_ : matplotlib Artist or list of Artist
        The curves.
    ax_ : matplotlib Axes
        Axes with the curves.
    figure_ : matplotlib Figure
        Figure that holds them.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sksmooth import CertifiedAccuracyDisplay, SmoothedClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.3, random_state=0).fit(X, y)
    >>> CertifiedAccuracyDisplay.from_estimator(clf, X, y, n=500)
    <...>
    >>> plt.show()
    """

    def __init__(
        self,
        *,
        radius: NDArray[np.float64] | list[NDArray[np.float64]],
        certified_accuracy: NDArray[np.float64] | list[NDArray[np.float64]],
        name: str | Sequence[str] | None = None,
        norm: str = "l2",
    ) -> None:
        self.radius = radius
        self.certified_accuracy = certified_accuracy
        self.name = name
        self.norm = norm
        self._norm: Norm | None = None  # with its units

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        n: int | None = None,
        sample_weight: ArrayLike | None = None,
        name: str | None = None,
        changes: int | Sequence[int] | None = None,
        ax: Any = None,
        curve_kwargs: dict[str, Any] | None = None,
    ) -> "CertifiedAccuracyDisplay":
        """Certify rows and plot their certified accuracy.

        Parameters
        ----------
        estimator : SmoothedClassifier, or Pipeline or search around one
            Fitted.
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows.
        y : array-like of shape (n_samples,)
            True labels.
        n : int, default=None
            Draws per row; None for the estimator's own.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        name : str, default=None
            Name of the curve; None for its sigma.
        changes : int or sequence of int, default=None
            For mixed noise, numbers of changed columns: each has a curve, over the radii beside
            them. None for all beside which some row is certified.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        curve_kwargs : dict, default=None
            Passed to ``ax.plot``.

        Returns
        -------
        display : CertifiedAccuracyDisplay
            With the curve drawn; mixed noise has several.
        """
        certificate = certify(estimator, X, n=n)
        options: Any = {"name": name, "changes": changes, "ax": ax, "curve_kwargs": curve_kwargs}
        return cls.from_predictions(y, certificate, sample_weight=sample_weight, **options)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        certificate: Certificate,
        *,
        sample_weight: ArrayLike | None = None,
        name: str | None = None,
        changes: int | Sequence[int] | None = None,
        ax: Any = None,
        curve_kwargs: dict[str, Any] | None = None,
    ) -> "CertifiedAccuracyDisplay":
        """Plot the certified accuracy of given certificates.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True labels.
        certificate : Certificate
            Certificates of the same rows.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        name : str, default=None
            Name of the curve; None for its sigma.
        changes : int or sequence of int, default=None
            For mixed noise, numbers of changed columns: each has a curve, over the radii beside
            them. None for all beside which some row is certified.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        curve_kwargs : dict, default=None
            Passed to ``ax.plot``.

        Returns
        -------
        display : CertifiedAccuracyDisplay
            With the curve drawn; mixed noise has several.
        """
        check_certificate(certificate)
        name = name_of(certificate) if name is None else name
        display = cls._of_curves([(y_true, certificate)], [name], changes, sample_weight)
        if not isinstance(certificate.noise.norm, L2AndChanges):  # one curve
            display.radius, display.certified_accuracy = (
                display.radius[0],
                display.certified_accuracy[0],
            )
            display.name = name
        return display.plot(ax, curve_kwargs=curve_kwargs)

    @classmethod
    def from_records(
        cls,
        records: Mapping[str, Any] | Sequence[Any],
        *,
        changes: int | Sequence[int] | None = None,
        ax: Any = None,
        curve_kwargs: dict[str, Any] | list[dict[str, Any]] | None = None,
    ) -> "CertifiedAccuracyDisplay":
        """Plot one curve per model, on the same rows.

        Parameters
        ----------
        records : mapping of str to log, Record or tuple, or sequence of such
            A path of a log, a record, or a pair ``(y_true, certificate)`` for each model, with true
            labels; a sequence is named by sigma.
        changes : int or sequence of int, default=None
            As of `from_predictions`: each model has a curve for each.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        curve_kwargs : dict or list of dict, default=None
            Passed to ``ax.plot``, for all curves or for each.

        Returns
        -------
        display : CertifiedAccuracyDisplay
            With the curves drawn.
        """
        found = named_records(records)
        refuse_other_rows(found, "drawn on one axis")
        pairs = [(record.y_true, record.certificate) for record in found.values()]
        return cls._of_curves(pairs, list(found), changes).plot(ax, curve_kwargs=curve_kwargs)

    @classmethod
    def from_cv_results(
        cls,
        cv_results: dict[str, Any],
        X: Any,
        y: ArrayLike,
        *,
        n: int | None = None,
        name: Sequence[str] | None = None,
        changes: int | Sequence[int] | None = None,
        ax: Any = None,
        curve_kwargs: dict[str, Any] | list[dict[str, Any]] | None = None,
    ) -> "CertifiedAccuracyDisplay":
        """Plot one curve per fold of a cross-validation, on its test rows.

        Parameters
        ----------
        cv_results : dict
            From ``cross_validate(..., return_estimator=True, return_indices=True)``.
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            The rows that were cross-validated on.
        y : array-like of shape (n_samples,)
            Their true labels.
        n : int, default=None
            Draws per row; None for the estimators' own.
        name : sequence of str, default=None
            Names of the folds; None for their numbers.
        changes : int or sequence of int, default=None
            As of `from_predictions`: each fold has a curve for each.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        curve_kwargs : dict or list of dict, default=None
            Passed to ``ax.plot``, for all curves or for each.

        Returns
        -------
        display : CertifiedAccuracyDisplay
            With the curves drawn.
        """
        missing = {"estimator", "indices"} - cv_results.keys()
        if missing:
            raise ValueError(
                f"cv_results lacks {sorted(missing)}; call cross_validate with "
                "return_estimator=True and return_indices=True."
            )
        pairs = [
            (_safe_indexing(y, rows), certify(estimator, _safe_indexing(X, rows), n=n))
            for estimator, rows in zip(
                cv_results["estimator"], cv_results["indices"]["test"], strict=True
            )
        ]
        names = [f"fold {i}" for i in range(len(pairs))] if name is None else list(name)
        return cls._of_curves(pairs, names, changes).plot(ax, curve_kwargs=curve_kwargs)

    @classmethod
    def _of_curves(
        cls,
        pairs: list[tuple[Any, Any]],
        names: list[str],
        changes: int | Sequence[int] | None,
        sample_weight: ArrayLike | None = None,
    ) -> "CertifiedAccuracyDisplay":
        norms = [certificate.noise.norm for _, certificate in pairs]
        refuse_other_norms(norms, "drawn on one axis")
        curves, called = [], []
        for (y_true, certificate), name in zip(pairs, names, strict=True):
            mixed = isinstance(certificate.noise.norm, L2AndChanges)
            most = max(int(certificate.max_changes.max(initial=0)), 0) if mixed else 0
            numbers = range(most + 1) if changes is None else check_changes_of_each(changes)
            curves += [_curve(y_true, certificate, sample_weight, k) for k in numbers]
            called += [f"{name}, {_changed(k)}" if mixed else name for k in numbers]
        radius, accuracy = (list(part) for part in zip(*curves, strict=True))
        display = cls(radius=radius, certified_accuracy=accuracy, name=called, norm=str(norms[0]))
        display._norm = norms[0]
        return display

    def plot(
        self,
        ax: Any = None,
        *,
        name: str | Sequence[str] | None = None,
        curve_kwargs: dict[str, Any] | list[dict[str, Any]] | None = None,
    ) -> "CertifiedAccuracyDisplay":
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        name : str or sequence of str, default=None
            Name of each curve; None for the names given before.
        curve_kwargs : dict or list of dict, default=None
            Passed to ``ax.plot``, for all curves or for each.

        Returns
        -------
        display : CertifiedAccuracyDisplay
            The same object, with `line_`, `ax_` and `figure_`.
        """
        ax = new_axes(ax)
        of_one_norm(ax, self._norm)
        names = self.name if name is None else name
        self.line_: Any = draw_steps(ax, self.radius, self.certified_accuracy, names, curve_kwargs)
        for line in self.line_ if isinstance(self.line_, list) else [self.line_]:
            line.sticky_edges.x[:] = [0]  # no margin left of 0, and later curves still fit in
        ax.set(xlabel=label_of(self.norm), ylabel="Certified accuracy", ylim=(-0.02, 1.02))
        self.ax_: Any = ax
        self.figure_: Any = ax.figure
        return self


def _changed(number: int) -> str:
    return f"{number or 'no'} column{'' if number == 1 else 's'} changed"


def _curve(
    y_true: ArrayLike,
    certificate: Certificate,
    sample_weight: ArrayLike | None,
    changes: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the corners of the curve; drawn with steps that hold the value to the left."""
    check_certificate(certificate)
    radius = np.unique(np.append(0.0, np.maximum(radii_of(certificate, changes), 0.0)))
    radius = np.append(radius, np.nextafter(radius[-1], np.inf))  # where it falls to 0
    accuracy = certified_accuracy_score(
        y_true, certificate, radius=radius, changes=changes, sample_weight=sample_weight
    )
    return radius, accuracy
