"""What is certified of a smoothed regressor: bounds at a radius, and radii for an interval."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .concat import join_parts
from .result import Result

__all__ = ["PredictionBounds", "RegressionCertificate"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class _OfNumbers(Result):
    """Arrays about predictions that are numbers."""

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """Put the results of consecutive rows together.

        Parameters
        ----------
        parts : sequence
            Of one regressor, asked for the same.

        Returns
        -------
        joined
            Of all rows.
        """
        return join_parts(parts)

    def _how(self) -> str:
        drawn = "exact" if self.method == "exact" else f"n={self.n}, alpha={self.alpha:g}"
        return f"{drawn}, {self.noise.label}, norm={self.norm!r}"


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class PredictionBounds(_OfNumbers):
    """Bounds on predictions within a radius, one per row; unpacks as ``lower, upper = bounds``.

    Row by row, and radius by radius, with probability at least ``1 - alpha`` over the noise: the
    smoothed regressor predicts no less than `lower` and no more than `upper` at every point whose
    distance from the row, in the norm `norm`, is below `radius` (or equal to it, where the norm
    counts columns).

    Attributes
    ----------
    lower, upper : ndarray of shape (n_samples,) or (n_samples, n_radii), float64
        The bounds, rounded outward; infinite where the draws are too few to give one.
    prediction : ndarray of shape (n_samples,), float64
        Median at the row itself: computed, or of the `n0` draws, an estimate.
    radius : float or tuple of float
        Radius, or radii, that were asked for.
    ranks : tuple of (int, int), or None
        For each radius, which of the `n` sorted draws would be the lower and the upper bound if
        all draws were kept: 0 and ``n + 1`` stand for the infinities. None if nothing was drawn.
    n_draws : ndarray of shape (n_samples,), int64
        Draws made for the bounds.
    run : Run
        How the bounds were found; `noise`, `norm`, `method` and `alpha` are attributes of the
        bounds, too.
    index : pandas.Index of length n_samples or None
        Index of the data frame that was asked about, if it was one of pandas.
    feature_names : tuple of str or None
        Names of its columns, if it had any.

    See Also
    --------
    SmoothedRegressor.certify_interval : Makes them.
    RegressionCertificate : The other way round: radii for an interval.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sksmooth import SmoothedRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = SmoothedRegressor(Ridge(), sigma=0.02, random_state=0).fit(X, y)
    >>> bounds = reg.certify_interval(X[:2], radius=0.01)
    >>> lower, upper = bounds
    >>> bool((lower < bounds.prediction).all()), bool((bounds.prediction < upper).all())
    (True, True)
    >>> bounds.method, bounds.alpha
    ('exact', 0.0)
    """

    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    prediction: NDArray[np.float64]
    radius: float | tuple[float, ...]
    ranks: tuple[tuple[int, int], ...] | None
    n_draws: NDArray[np.int64]

    _PER_ROW = ("lower", "upper", "prediction", "n_draws")
    _SHARED = ("radius", "ranks")

    def __repr__(self) -> str:
        return f"<PredictionBounds of {len(self)} rows: radius={self.radius}; {self._how()}>"

    def _columns(self) -> dict[str, Any]:
        columns = {"prediction": self.prediction}
        if isinstance(self.radius, tuple):
            for j, radius in enumerate(self.radius):
                columns |= {
                    f"lower@{radius:.15g}": self.lower[:, j],
                    f"upper@{radius:.15g}": self.upper[:, j],
                }
        else:
            columns |= {"lower": self.lower, "upper": self.upper}
        return columns | {"n_draws": self.n_draws}


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class RegressionCertificate(_OfNumbers):
    """Radii within which predictions stay in an interval; unpacks as ``predictions, radii``.

    Row by row, with probability at least ``1 - alpha`` over the noise: the smoothed regressor
    predicts a number from `lower` to `upper` at every point whose distance from the row, in the
    norm `norm`, is below ``radii[i]`` (or equal to it, where the norm counts columns and it is not
    0).

    Attributes
    ----------
    predictions : ndarray of shape (n_samples,), float64
        Median at the row itself: computed, or of the `n0` draws, an estimate.
    radii : ndarray of shape (n_samples,), float64
        Certified radius, rounded down; 0 where nothing is certified, infinite where the base
        cannot leave the interval by changes of features with noise.
    lower, upper : ndarray of shape (n_samples,), float64
        The interval.
    p_lower : ndarray of shape (n_samples,), float64
        Lower bound on the probability, under noise, that the likelier miss does not happen: that
        the base's output is at least `lower`, or at most `upper`. NaN if nothing was drawn.
    counts : ndarray of shape (n_samples, 3), int64
        Draws below, in, and above the interval; all 0 if nothing was drawn.
    n_draws : ndarray of shape (n_samples,), int64
        Draws made for the radius.
    run : Run
        How the radii were found; `noise`, `norm`, `method` and `alpha` are attributes of the
        certificate, too.
    index : pandas.Index of length n_samples or None
        Index of the data frame that was certified, if it was one of pandas.
    feature_names : tuple of str or None
        Names of its columns, if it had any.

    See Also
    --------
    SmoothedRegressor.certify : Makes certificates.
    PredictionBounds : The other way round: an interval for a radius.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sksmooth import SmoothedRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = SmoothedRegressor(Ridge(), sigma=0.02, random_state=0).fit(X, y)
    >>> predictions, radii = reg.certify(X[:2], within=5.0)
    >>> bool((radii > 0.01).all())
    True
    """

    predictions: NDArray[np.float64]
    radii: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    p_lower: NDArray[np.float64]
    counts: NDArray[np.int64]

    _PER_ROW = ("predictions", "radii", "lower", "upper", "p_lower", "counts")

    def __repr__(self) -> str:
        certified = int((self.radii > 0).sum())
        return f"<RegressionCertificate of {len(self)} rows: {certified} certified; {self._how()}>"

    def _columns(self) -> dict[str, Any]:
        names = ("lower", "upper", "p_lower", "n_draws")
        columns = {name: getattr(self, name) for name in names}
        return {"prediction": self.predictions, "radius": self.radii} | columns

    @property
    def n_draws(self) -> NDArray[np.int64]:
        """Draws made for the radius, row by row."""
        return self.counts.sum(axis=1)
