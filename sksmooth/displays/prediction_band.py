"""Bounds on predictions, row by row, beside the true values."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, column_or_1d

from ..certificate import PredictionBounds
from ..estimators.unwrap import ask_inside
from .axes import name_of, new_axes

__all__ = ["PredictionBandDisplay"]


class PredictionBandDisplay:
    """Rows in the order of their predictions, with the band of each, and the true values.

    Use `from_estimator` or `from_predictions` to make one.

    Parameters
    ----------
    y_true : ndarray of shape (n_samples,)
        True values, in the order of the predictions.
    prediction : ndarray of shape (n_samples,)
        Predictions, ascending.
    lower, upper : ndarray of shape (n_samples,)
        Bounds on the predictions within the radius.
    name : str, default=None
        Name of the band in the legend.

    Attributes
    ----------
    band_ : matplotlib Artist
        The band.
    line_ : matplotlib Artist
        The predictions.
    points_ : matplotlib Artist
        The true values.
    ax_ : matplotlib Axes
        Axes with all of these.
    figure_ : matplotlib Figure
        Figure that holds them.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sksmooth import PredictionBandDisplay, SmoothedRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = SmoothedRegressor(Ridge(0.1), sigma=0.02, random_state=0).fit(X, y)
    >>> PredictionBandDisplay.from_estimator(reg, X[:50], y[:50], radius=0.01)
    <...>
    >>> plt.show()
    """

    def __init__(
        self,
        *,
        y_true: NDArray[Any],
        prediction: NDArray[np.float64],
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
        name: str | None = None,
    ) -> None:
        self.y_true, self.prediction = y_true, prediction
        self.lower, self.upper = lower, upper
        self.name = name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        radius: float,
        n: int | None = None,
        name: str | None = None,
        ax: Any = None,
    ) -> "PredictionBandDisplay":
        """Bound predictions within a radius, and plot them.

        Parameters
        ----------
        estimator : SmoothedRegressor, or Pipeline or search around one
            Fitted.
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows.
        y : array-like of shape (n_samples,)
            True values.
        radius : float
            Distance, in the norm of the noise.
        n : int, default=None
            Draws per row; None for the estimator's own.
        name : str, default=None
            Name of the band; None for its radius and sigma.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        display : PredictionBandDisplay
            With everything drawn.
        """
        bounds = ask_inside(estimator, "certify_interval", X, radius, n=n)
        return cls.from_predictions(y, bounds, name=name, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        bounds: PredictionBounds,
        *,
        name: str | None = None,
        ax: Any = None,
    ) -> "PredictionBandDisplay":
        """Plot given bounds.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            True values.
        bounds : PredictionBounds
            Of the same rows, at one radius.
        name : str, default=None
            Name of the band; None for its radius and sigma.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        display : PredictionBandDisplay
            With everything drawn.
        """
        if bounds.lower.ndim != 1:
            raise ValueError(f"bounds have {bounds.lower.shape[1]} radii; expected one.")
        y = column_or_1d(y_true)
        check_consistent_length(y, bounds.lower)
        order = np.argsort(bounds.prediction, kind="stable")
        display = cls(
            y_true=y[order],
            prediction=bounds.prediction[order],
            lower=bounds.lower[order],
            upper=bounds.upper[order],
            name=f"radius {bounds.radius:g}, {name_of(bounds)}" if name is None else name,
        )
        return display.plot(ax)

    def plot(self, ax: Any = None, *, name: str | None = None) -> "PredictionBandDisplay":
        """Draw the band, the predictions and the true values.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.
        name : str, default=None
            Name of the band; None for the one that it has.

        Returns
        -------
        display : PredictionBandDisplay
            The same object, with `band_`, `line_`, `points_`, `ax_` and `figure_`.
        """
        ax = new_axes(ax)
        place = np.arange(len(self.prediction))
        label = self.name if name is None else name
        # an infinite bound is drawn as far as the finite ones and the true values go
        shown = np.concatenate([self.lower, self.upper, self.y_true])
        shown = shown[np.isfinite(shown)]
        lower, upper = (
            np.clip(ends, shown.min(), shown.max()) for ends in (self.lower, self.upper)
        )
        band = ax.fill_between(place, lower, upper, step="mid", alpha=0.3, label=label)
        self.band_: Any = band
        (self.line_,) = ax.plot(place, self.prediction, drawstyle="steps-mid", label="prediction")
        self.points_: Any = ax.scatter(place, self.y_true, s=8, color="black", label="true value")
        ax.set(xlabel="Rows, by prediction", ylabel="Value")
        ax.legend()
        self.ax_: Any = ax
        self.figure_: Any = ax.figure
        return self
