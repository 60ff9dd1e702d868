"""The share of rows whose error is certified to stay small, by radius."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import _check_sample_weight

from ..certificate import RegressionCertificate
from ..certificate.concat import refuse_other_norms
from ..checks import is_real
from ..estimators.unwrap import ask_inside
from ..noise import Norm
from .axes import draw_steps, label_of, name_of, new_axes, of_one_norm

__all__ = ["CertifiedErrorDisplay"]


class CertifiedErrorDisplay:
    """Share of rows whose error is certified to stay small, as a function of the radius.

    A line for each error that counts as small: the regression twin of `CertifiedAccuracyDisplay`.
    Use `from_estimator` or `from_predictions` to make one.

    Parameters
    ----------
    radius : list of ndarray of shape (n_points,)
        For each line, radii, ascending from 0.
    share : list of ndarray of shape (n_points,)
        Share of rows certified at each radius, constant from just above one to the next.
    name : list of str
        Name of each line in the legend.
    norm : str, default="l2"
        Norm of the radii, for the label of their axis.

    Attributes
    ----------
    line_ : list of matplotlib Artist
        The lines.
    ax_ : matplotlib Axes
        Axes with the lines.
    figure_ : matplotlib Figure
        Figure that holds them.

    See Also
    --------
    sksmooth.certified_error_scorer : The share at one radius, for model search.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sksmooth import CertifiedErrorDisplay, SmoothedRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = SmoothedRegressor(Ridge(0.1), sigma=0.02, random_state=0).fit(X, y)
    >>> CertifiedErrorDisplay.from_estimator(reg, X, y, within=[40, 60, 80])
    <...>
    >>> plt.show()
    """

    def __init__(
        self,
        *,
        radius: list[NDArray[np.float64]],
        share: list[NDArray[np.float64]],
        name: Sequence[str],
        norm: str = "l2",
    ) -> None:
        self.radius, self.share = radius, share
        self.name, self.norm = name, norm
        self._norm: Norm | None = None  # with its units

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: ArrayLike,
        *,
        within: float | Sequence[float],
        n: int | None = None,
        sample_weight: ArrayLike | None = None,
        name: str | None = None,
        ax: Any = None,
    ) -> "CertifiedErrorDisplay":
        """Certify that errors stay small, and plot the shares.

        Parameters
        ----------
        estimator : SmoothedRegressor, or Pipeline or search around one
            Fitted.
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows.
        y : array-like of shape (n_samples,)
            True values.
        within : float or sequence of float
            Largest absolute errors that are still small, in the units of y. Rows are certified once
            for each, by ``certify(X, interval=(y - within, y + within))``.
        n : int, default=None
            Draws per row; None for the estimator's own.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        name : str, default=None
            Put before the names of the lines; None for the sigma.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        display : CertifiedErrorDisplay
            With the lines drawn.
        """
        errors: list[Any] = np.atleast_1d(np.asarray(within)).tolist()
        for error in errors:
            if not (is_real(error) and error >= 0):
                raise ValueError(f"within must be numbers of 0 or more; got {error!r}.")
        truth = column_or_1d(y).astype(np.float64)
        certificates = [
            ask_inside(estimator, "certify", X, n, interval=(truth - error, truth + error))
            for error in errors
        ]
        return cls.from_predictions(
            certificates,
            name=[f"error within {error:g}" for error in errors],
            sample_weight=sample_weight,
            title=name,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        certificates: Sequence[RegressionCertificate],
        *,
        name: Sequence[str],
        sample_weight: ArrayLike | None = None,
        title: str | None = None,
        ax: Any = None,
    ) -> "CertifiedErrorDisplay":
        """Plot shares of rows by given certificates.

        Parameters
        ----------
        certificates : sequence of RegressionCertificate
            One for each line, of intervals around the true values.
        name : sequence of str
            Name of each line.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.
        title : str, default=None
            Put before the names; None for the sigma.
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        display : CertifiedErrorDisplay
            With the lines drawn.
        """
        for certificate in certificates:
            if not isinstance(certificate, RegressionCertificate):
                raise TypeError(
                    "certificates must be RegressionCertificates, as reg.certify(X, interval=...) "
                    f"returns; got {type(certificate).__name__}."
                )
        check_consistent_length(certificates, name)
        norms = [certificate.noise.norm for certificate in certificates]
        refuse_other_norms(norms, "drawn on one axis")
        curves = [_curve(certificate.radii, sample_weight) for certificate in certificates]
        radius, share = (list(part) for part in zip(*curves, strict=True))
        front = name_of(certificates[0]) if title is None else title
        names = [f"{front}, {one}" for one in name]
        display = cls(radius=radius, share=share, name=names, norm=str(norms[0]))
        display._norm = norms[0]
        return display.plot(ax)

    def plot(self, ax: Any = None) -> "CertifiedErrorDisplay":
        """Draw the lines.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw; None for a new figure.

        Returns
        -------
        display : CertifiedErrorDisplay
            The same object, with `line_`, `ax_` and `figure_`.
        """
        ax = new_axes(ax)
        of_one_norm(ax, self._norm)
        self.line_: list[Any] = draw_steps(ax, self.radius, self.share, self.name, None)
        for line in self.line_:
            line.sticky_edges.x[:] = [0]  # no margin left of 0, and later lines still fit in
        ax.set(xlabel=label_of(self.norm), ylabel="Share of rows", ylim=(-0.02, 1.02))
        self.ax_: Any = ax
        self.figure_: Any = ax.figure
        return self


def _curve(
    radii: NDArray[np.float64], sample_weight: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the corners of a line; drawn with steps that hold the value to the left."""
    weights = _check_sample_weight(sample_weight, radii, ensure_non_negative=True)
    finite = radii[np.isfinite(radii)]
    corners = np.unique(np.append(0.0, finite))
    corners = np.append(corners, np.nextafter(corners[-1], np.inf))  # where it falls
    order = np.argsort(radii)
    below = np.append(0.0, weights[order].cumsum())
    places = np.searchsorted(radii[order], np.maximum(corners, np.finfo(np.float64).tiny))
    return corners, 1 - below[places] / below[-1]
