"""What noise of other kinds than the Gaussian promises: a norm, and no claim by default."""

import abc
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bounds.radius import tails_of
from .base import Noise
from .norms import Norm

__all__ = ["Family"]

_TINY = np.finfo(np.float64).tiny


class Family(Noise):
    """Noise that owns its norm, and the statements that are made in it.

    Attributes
    ----------
    norm : Norm
        What `radius` is measured in.
    shape : tuple of int
        Shape of a row.
    """

    norm: Norm  # type: ignore[assignment]
    sound = True
    rounding = 0.0

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of a row."""

    @abc.abstractmethod
    def radius_of_tails(
        self, miss: ArrayLike, p_upper: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Return the radius, from how rarely the top class is *not* answered.

        Parameters
        ----------
        miss : array-like of float in [0, 1]
            Upper bound on the probability of all classes but the top one.
        p_upper : array-like of float in [0, 1], default=None
            Upper bound on the probability of every other class; None means `miss`.

        Returns
        -------
        radius : ndarray of float64
            In the norm `norm`, rounded down; 0 where nothing is proved.
        """

    def radius(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the radius within which the top class stays on top."""
        return self.radius_of_tails(*tails_of(p_lower, p_upper))

    def proves(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Whether the bounds prove anything: of a radius in whole changes, 0 is something."""
        return self.radius(p_lower, p_upper) > 0

    def target(self, radius: ArrayLike) -> NDArray[np.float64]:
        """Return what `radius` has to reach for a radius to be decided: more than 0."""
        return np.maximum(np.asarray(radius, dtype=np.float64), _TINY)

    def marginals(self) -> Any | None:
        """Return the laws of single values, for closed forms; None if there are none."""
        return None

    def corrupt(self, rng: Any, rows: Any) -> Any:
        """Return noisy copies of rows, for training.

        Parameters
        ----------
        rng : object
            Has ``random(shape)`` of a numpy Generator, but may give arrays of another framework.
        rows : array of shape (n_samples, *shape of a row)
            Of the framework of `rng`.

        Returns
        -------
        noisy : array of the same shape
        """
        return rows + self.draw(rng, rows.shape)

    def l2_radius(self, radius: ArrayLike) -> NDArray[np.float64]:
        """Return the L2 radius that a radius implies; 0 where there is none."""
        return self.norm.l2(radius, self.shape)


class Replacing(Family):
    """Noise that is not a sum: a row's values are replaced."""

    def draw(self, rng: Any, shape: tuple[int, ...]) -> Any:
        """Refuse: there is nothing to be added; `corrupt` makes noisy rows."""
        raise TypeError(
            f"{type(self).__name__} does not add noise to rows; use corrupt(rng, rows)."
        )
