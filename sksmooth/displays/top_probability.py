"""Class probabilities under noise, over the rows."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..certificate import Certificate
from ..estimators.unwrap import certify
from ..metrics import top_probability_curve
from ..records.named import named_records, refuse_other_rows
from .axes import draw_steps, name_of, new_axes

__all__ = ["TopProbabilityDisplay"]


class TopProbabilityDisplay:
    """Share of rows on which the right class has at least a given probability under noise.

    Beside the average certified radius, this shows which rows it is made of (arXiv:2410.06895).
    Use `from_estimator`, `from_predictions` or `from_records` to make one.

    Parameters
    ----------
    probability : ndarray of shape (n_points,), or list of such
        Lower bounds on the probability, ascending from 0; a list for several curves.
    share : ndarray of shape (n_points,), or list of such
        Share of rows at or above each.
    name : str or list of str, default=None
        Name of each curve in the legend.

    Attributes
    ----------
    line_ : matplotlib Artist or list of Artist
        The curves.
    ax_ : matplotlib Axes
        Axes with the curves.
    figure_ : matplotlib Figure
        Figure that holds it.

    See Also
    --------
    sksmooth.metrics.top_probability_curve : The numbers.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sksmooth import SmoothedClassifier, TopProbabilityDisplay
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.3, random_state=0).fit(X, y)
    >>> TopProbabilityDisplay.from_estimator(clf, X, y, n=500)
    <...>
    >>> plt.show()
    """

    def __init__(
        self,
        *,
        probability: NDArray[np.float64] | list[NDArray[np.float64]],
        share: NDArray[np.float64] | list[NDArray[np.float64]],
        name: str | Sequence[str] | None = None,
    ) -> None:
        self.probability = probability
        self.share = share
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: ArrayLike, *, n: int | None = None, **options: Any
    ) -> "TopProbabilityDisplay":
        """Certify rows and plot the bounds on their class probabilities.

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
        **options : dict
            As of `from_predictions`: sample_weight, name, ax, curve_kwargs.

        Returns
        -------
        display : TopProbabilityDisplay
            With the curve drawn.
        """
        return cls.from_predictions(y, certify(estimator, X, n=n), **options)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        certificate: Certificate,
        *,
        sample_weight: ArrayLike | None = None,
        name: str | None = None,
        ax: Any = None,
        curve_kwargs: dict[str, Any] | None = None,
    ) -> "TopProbabilityDisplay":
        """Plot the bounds on class probabilities of given certificates.

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
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        curve_kwargs : dict, default=None
            Passed to ``ax.plot``.

        Returns
        -------
        display : TopProbabilityDisplay
            With the curve drawn.
        """
        probability, share = top_probability_curve(y_true, certificate, sample_weight=sample_weight)
        name = name_of(certificate) if name is None else name
        display = cls(probability=probability, share=share, name=name)
        return display.plot(ax, curve_kwargs=curve_kwargs)

    @classmethod
    def from_records(
        cls,
        records: Mapping[str, Any] | Sequence[Any],
        *,
        ax: Any = None,
        curve_kwargs: dict[str, Any] | list[dict[str, Any]] | None = None,
    ) -> "TopProbabilityDisplay":
        """Plot one curve per model, on the same rows.

        Parameters
        ----------
        records : mapping of str to log, Record or tuple, or sequence of such
            A path of a log, a record, or a pair ``(y_true, certificate)`` for each model, with true
            labels; a sequence is named by sigma.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        curve_kwargs : dict or list of dict, default=None
            Passed to ``ax.plot``, for all curves or for each.

        Returns
        -------
        display : TopProbabilityDisplay
            With the curves drawn.
        """
        found = named_records(records)
        refuse_other_rows(found, "drawn on one axis")
        pairs: list[Any] = [(record.y_true, record.certificate) for record in found.values()]
        curves = [top_probability_curve(y_true, certificate) for y_true, certificate in pairs]
        probability, share = (list(part) for part in zip(*curves, strict=True))
        display = cls(probability=probability, share=share, name=list(found))
        return display.plot(ax, curve_kwargs=curve_kwargs)

    def plot(
        self,
        ax: Any = None,
        *,
        curve_kwargs: dict[str, Any] | list[dict[str, Any]] | None = None,
    ) -> "TopProbabilityDisplay":
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        curve_kwargs : dict or list of dict, default=None
            Passed to ``ax.plot``, for all curves or for each.

        Returns
        -------
        display : TopProbabilityDisplay
            The same object, with `line_`, `ax_` and `figure_`.
        """
        ax = new_axes(ax)
        p: Any = self.probability
        share: Any = self.share
        if isinstance(p, list):
            p, share = zip(*map(_to_zero, p, share), strict=True)
            p, share = list(p), list(share)
        else:
            p, share = _to_zero(p, share)
        self.line_: Any = draw_steps(ax, p, share, self.name, curve_kwargs)
        ax.set(
            xlabel=r"$p_A$, lower bound", ylabel="Share of rows", xlim=(0, 1), ylim=(-0.02, 1.02)
        )
        self.ax_: Any = ax
        self.figure_: Any = ax.figure
        return self


def _to_zero(
    probability: NDArray[np.float64], share: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return a curve with the point where it falls to 0."""
    return np.append(probability, np.nextafter(probability[-1], 2)), np.append(share, 0.0)
