"""How far single features may change: of one row, and over rows."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..certificate import Certificate
from ..certificate.per_feature import position_of, sentence
from ..metrics.scores import check_certificate
from .axes import new_axes

__all__ = ["PerFeatureDisplay"]

_SHARES = (0.95, 0.75, 0.5)  # of rows that allow at least so much
_HEIGHT = 0.7


class PerFeatureDisplay:
    """By how much each feature alone may change without changing the answer.

    Of one row, a bar for each feature, around its value. Of several, bars of the change that 95, 75
    and 50 % of the certified rows allow at least. All bars are in deviations of the features' noise
    (or in units), so that features can be compared; infinite bars end in an arrow.

    Use `from_estimator` to make one.

    Parameters
    ----------
    intervals : pandas.DataFrame
        As of `SmoothedClassifier.per_feature` or `Certificate.per_feature`.
    certificate : Certificate
        Of the same rows.

    Attributes
    ----------
    bars_ : list of matplotlib BarContainer
        The bars.
    ax_ : matplotlib Axes
        Axes with the bars.
    figure_ : matplotlib Figure
        Figure that holds them.

    See Also
    --------
    SmoothedClassifier.per_feature : The numbers.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sksmooth import PerFeatureDisplay, SmoothedClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> tree = DecisionTreeClassifier(max_depth=2, random_state=0)
    >>> clf = SmoothedClassifier(tree, sigma=0.3, n_augment=8, random_state=0).fit(X, y)
    >>> display = PerFeatureDisplay.from_estimator(clf, X[:60], row=55)
    >>> plt.show()
    >>> print(display.sentence(55).partition(" (")[0])
    row 55: 1 as long as petal length
    """

    def __init__(self, *, intervals: Any, certificate: Certificate) -> None:
        check_certificate(certificate)
        if len(certificate) == 0 or len(intervals) % len(certificate):
            raise ValueError(
                f"intervals has {len(intervals)} lines, but the certificate {len(certificate)} "
                "rows, and each must have as many features. Pass both of the same rows."
            )
        self.intervals = intervals
        self.certificate = certificate

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        row: Any = None,
        n: int | None = None,
        limit: float | None = None,
        ax: Any = None,
    ) -> "PerFeatureDisplay":
        """Certify rows and draw how far their features may change.

        Parameters
        ----------
        estimator : SmoothedClassifier
            Fitted.
        X : array-like of shape (n_samples, n_features)
            Rows.
        row : object, default=None
            Name of the row to draw: its entry in the index of the frame, or its position. None
            draws the distribution over all certified rows.
        n : int, default=None
            Draws per row; None for the estimator's own.
        limit : float, default=None
            Where the axis ends, in deviations; None for the largest end that is finite.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        display : PerFeatureDisplay
            With the bars drawn.
        """
        certificate = estimator.certify(X, n=n)
        intervals = estimator.per_feature(X, certificate=certificate)
        display = cls(intervals=intervals, certificate=certificate)
        return display.plot(row=row, limit=limit, ax=ax)

    def plot(
        self, *, row: Any = None, limit: float | None = None, ax: Any = None
    ) -> "PerFeatureDisplay":
        """Draw the bars.

        Parameters
        ----------
        row : object, default=None
            Name of the row to draw; None draws the distribution over all certified rows.
        limit : float, default=None
            Where the axis ends, in deviations; None for the largest end that is finite.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        display : PerFeatureDisplay
            The same object, with `bars_`, `ax_` and `figure_`.
        """
        down, up, names, values = self._table()
        if row is None:
            kept = ~self.certificate.abstained
            if not kept.any():
                raise ValueError("No row is certified: there is nothing to draw.")
            quantiles = [1 - share for share in _SHARES]
            spans = [
                tuple(np.quantile(ends[kept], q, axis=0, method="lower") for ends in (down, up))
                for q in quantiles
            ]
            labels = names
            legend = [f"{share:.0%} of rows, at least" for share in _SHARES]
        else:
            place = position_of(self.certificate, row)
            spans, legend = [(down[place], up[place])], []
            labels = [
                name if np.isnan(value) else f"{name} = {value:.4g}"
                for name, value in zip(names, values[place], strict=True)
            ]
        ax = new_axes(ax)
        finite = np.concatenate([ends[np.isfinite(ends)] for span in spans for ends in span])
        limit = float(1.15 * finite.max(initial=0.0)) or 1.0 if limit is None else float(limit)
        lines = np.arange(len(labels))
        self.bars_ = []
        for i, (low, high) in enumerate(spans):
            left, right = (np.minimum(ends, limit) for ends in (low, high))
            options = {"height": _HEIGHT, "color": "C0", "alpha": 1 if not i else 0.45}
            if legend:
                options |= {"label": legend[i], "alpha": 0.9 - 0.3 * i, "zorder": 3 - i}
            self.bars_.append(ax.barh(lines, left + right, left=-left, **options))
        for low, high in spans[:1]:
            for ends, side in ((low, -1), (high, 1)):
                for line in np.flatnonzero(~(ends <= limit)):
                    marker = "<" if side < 0 else ">"
                    ax.plot(side * limit, line, marker, color="C0", clip_on=False)
        ax.axvline(0.0, color="0.3", linewidth=1)
        unit = "units" if self.certificate.noise.norm.unit == "units" else "deviations of the noise"
        scaled = self.certificate.noise.norm.scale is not None
        ax.set(
            yticks=lines,
            yticklabels=labels,
            xlim=(-limit, limit),
            xlabel=f"Change of this feature alone, in {unit if scaled else 'its units'}",
        )
        ax.invert_yaxis()
        if legend:
            ax.legend(ncols=len(legend), loc="lower center", bbox_to_anchor=(0.5, 1.0))
        self.ax_: Any = ax
        self.figure_: Any = ax.figure
        return self

    def sentence(self, row: Any) -> str:
        """Return in words how far the features of a row may change.

        Parameters
        ----------
        row : object
            Name of the row: its entry in the index of the frame, or its position.

        Returns
        -------
        text : str
            Names the three features with the least room, in their own units; ends are rounded
            inward.
        """
        return sentence(self.intervals, self.certificate, position_of(self.certificate, row))

    def _table(
        self,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], list[str], NDArray[np.float64]]:
        """Return ends in the norm's units, names, and values: a line for each row."""
        n_rows = len(self.certificate)
        n = len(self.intervals) // n_rows
        down, up, values = (
            self.intervals[name].to_numpy(dtype=float).reshape(n_rows, n)
            for name in ("down", "up", "value")
        )
        names = [str(name) for name in self.intervals.index.get_level_values(-1)[:n]]
        norm = self.certificate.noise.norm
        unit = norm.along_axes([1.0], n)[0]
        unit = unit[unit > 0]
        return (
            np.nan_to_num(-down, nan=0.0, posinf=np.inf) / unit,
            (np.nan_to_num(up, nan=0.0, posinf=np.inf) / unit),
            names,
            values,
        )
