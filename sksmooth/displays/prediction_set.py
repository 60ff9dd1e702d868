"""How large prediction sets or intervals are, and what they cover, against the radius."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checks import check_radii
from ..estimators.conformal_run import curves_of
from ..metrics.conformal import (
    interval_coverage_score,
    mean_interval_width_score,
    mean_set_size_score,
    set_coverage_score,
)
from .axes import new_axes

__all__ = ["PredictionSetDisplay"]


class PredictionSetDisplay:
    """Mean size of prediction sets, or width of intervals, and coverage, against the radius.

    Use `from_estimator` to make one.

    Parameters
    ----------
    radii : ndarray of shape (n_radii,)
        Radii that the sets allow an attack, ascending.
    size : ndarray of shape (n_radii, n_levels)
        Mean sizes.
    coverage : ndarray of shape (n_radii, n_levels)
        Shares of the rows, as they are, whose set has the true answer.
    levels : sequence of float
        Confidence levels.
    quantity : str
        What the size is, for its axis.

    Attributes
    ----------
    size_lines_, coverage_lines_ : list of matplotlib Artist
        A line for each confidence level.
    axes_ : ndarray of two matplotlib Axes
        For sizes, and for coverage.
    figure_ : matplotlib Figure
        Figure that holds them.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sksmooth import PredictionSetDisplay, RobustConformalClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = RobustConformalClassifier(GaussianNB(), radius=0.1, random_state=0).fit(X, y)
    >>> PredictionSetDisplay.from_estimator(clf, X, y, radii=[0.0, 0.1, 0.2])
    <...>
    >>> plt.show()
    """

    def __init__(
        self,
        *,
        radii: NDArray[np.float64],
        size: NDArray[np.float64],
        coverage: NDArray[np.float64],
        levels: Sequence[float],
        quantity: str,
    ) -> None:
        self.radii, self.size, self.coverage = radii, size, coverage
        self.levels, self.quantity = levels, quantity

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        radii: Sequence[float],
        axes: Any = None,
    ) -> "PredictionSetDisplay":
        """Predict sets or intervals for several radii, all from the same draws, and plot them.

        Parameters
        ----------
        estimator : RobustConformalClassifier or RobustConformalRegressor
            Calibrated.
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows that it was neither fitted nor calibrated on.
        y : array-like of shape (n_samples,)
            True labels or values.
        radii : sequence of float
            Radii, in place of the estimator's own.
        axes : sequence of two matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        display : PredictionSetDisplay
            With everything drawn.
        """
        sorted_radii = sorted(check_radii(radii))
        found = curves_of(estimator, X, sorted_radii)
        if hasattr(estimator, "predict_set"):
            size = [mean_set_size_score(sets) for sets in found]
            classes = estimator.classes_
            coverage = [set_coverage_score(y, sets, classes=classes) for sets in found]
            quantity = "Labels in a set, mean"
        else:
            size = [mean_interval_width_score(intervals) for intervals in found]
            coverage = [interval_coverage_score(y, intervals) for intervals in found]
            quantity = "Width of an interval, mean"
        display = cls(
            radii=np.array(sorted_radii),
            size=np.array(size),
            coverage=np.array(coverage),
            levels=np.atleast_1d(estimator.confidence_level).tolist(),
            quantity=quantity,
        )
        return display.plot(axes)

    def plot(self, axes: Any = None) -> "PredictionSetDisplay":
        """Draw sizes and coverage.

        Parameters
        ----------
        axes : sequence of two matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        display : PredictionSetDisplay
            The same object, with `size_lines_`, `coverage_lines_`, `axes_` and `figure_`.
        """
        if axes is None:
            figure = new_axes(None).figure
            figure.clear()
            figure.set_size_inches(9, 4)
            axes = figure.subplots(1, 2)
        left, right = axes
        self.size_lines_: list[Any] = []
        self.coverage_lines_: list[Any] = []
        for level, size, coverage in zip(self.levels, self.size.T, self.coverage.T, strict=True):
            self.size_lines_ += left.plot(self.radii, size, marker="o", label=f"{level:g}")
            self.coverage_lines_ += right.plot(self.radii, coverage, marker="o", label=f"{level:g}")
            color = self.coverage_lines_[-1].get_color()
            right.axhline(level, color=color, linestyle=":", linewidth=1)
        left.set(xlabel="Radius that is allowed for", ylabel=self.quantity)
        right.set(xlabel="Radius that is allowed for", ylabel="Coverage of these rows")
        left.legend(title="Confidence level")
        self.axes_: Any = np.array([left, right])
        self.figure_: Any = left.figure
        return self
