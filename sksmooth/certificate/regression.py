"""What is certified of a smoothed regressor: bounds at a radius, and radii for an interval."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ..noise import Noise
from .concat import common_run
from .plan import Run

__all__ = ["PredictionBounds", "RegressionCertificate"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class _OfRows:
    """Arrays with a line per row, and the run that they came from."""

    run: Run
    index: Any = dataclasses.field(default=None, kw_only=True)

    _PER_ROW: ClassVar[tuple[str, ...]]

    def __post_init__(self) -> None:
        for name in self._PER_ROW:
            view = getattr(self, name).view()
            view.setflags(write=False)
            object.__setattr__(self, name, view)

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
        arrays: dict[str, Any] = {
            name: np.concatenate([getattr(part, name) for part in parts]) for name in cls._PER_ROW
        }
        run = common_run([part.run for part in parts])
        return dataclasses.replace(parts[0], run=run, index=None, **arrays)

    @property
    def noise(self) -> Noise:
        """The noise."""
        return self.run.noise

    @property
    def norm(self) -> str:
        """Norm of the radii."""
        return str(self.run.noise.norm)

    @property
    def method(self) -> str:
        """How the statements were found: "montecarlo" or "exact"."""
        return self.run.method

    @property
    def n(self) -> int:
        """Most draws per row; 0 if computed."""
        return self.run.n

    @property
    def alpha(self) -> float:
        """Probability, row by row, with which a statement may be false; 0 if computed."""
        return self.run.alpha


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class PredictionBounds(_OfRows):
    """Bounds on predictions within a radius, one per row; unpacks as ``lower, upper = bounds``.

    Row by row, and radius by radius, with probability at least ``1 - alpha`` over the noise: the
    smoothed regressor predicts no less than `lower` and no more than `upper` at every point whose
    distance from the row, in the norm `norm`, is below `radius`.

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

    def __iter__(self) -> Iterator[NDArray[np.float64]]:
        yield self.lower
        yield self.upper

    def __len__(self) -> int:
        return len(self.prediction)

    def __repr__(self) -> str:
        return (
            f"PredictionBounds({len(self)} rows, radius={self.radius}, {self.method}, "
            f"alpha={self.alpha:g}, {self.noise.label})"
        )


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class RegressionCertificate(_OfRows):
    """Radii within which predictions stay in an interval; unpacks as ``predictions, radii``.

    Row by row, with probability at least ``1 - alpha`` over the noise: the smoothed regressor
    predicts a number from `lower` to `upper` at every point whose distance from the row, in the
    norm `norm`, is below ``radii[i]``.

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

    def __iter__(self) -> Iterator[NDArray[np.float64]]:
        yield self.predictions
        yield self.radii

    def __len__(self) -> int:
        return len(self.radii)

    def __repr__(self) -> str:
        return (
            f"RegressionCertificate({len(self)} rows, {self.method}, alpha={self.alpha:g}, "
            f"{self.noise.label})"
        )

    @property
    def n_draws(self) -> NDArray[np.int64]:
        """Draws made for the radius, row by row."""
        return self.counts.sum(axis=1)
