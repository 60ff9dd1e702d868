"""Noise families. The class is the formula: how to draw the noise, and what radius it proves.

A new family is a class with a norm, ``perturb`` and ``radius``; nothing else in the library needs
to know it. This module knows nothing of models, labels or counts.
"""

import abc
import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .bounds import radius_cohen

__all__ = ["Gaussian", "Noise"]


class Noise(abc.ABC):
    """What smoothing needs of a noise distribution.

    Attributes
    ----------
    sigma : float
        Standard deviation of each coordinate, in the units of the inputs.
    norm : str
        The norm in which `radius` is measured.
    """

    sigma: float
    norm: str

    @abc.abstractmethod
    def perturb(
        self, row: NDArray[np.floating], rng: np.random.Generator, out: NDArray[np.floating]
    ) -> None:
        """Fill an array with noisy copies of a row.

        Row and noise are summed here, not by the caller, so that a family may sum them exactly.

        Parameters
        ----------
        row : ndarray of any shape, float32 or float64
            The row.
        rng : numpy.random.Generator
            Draws come from it one after another, so that fewer draws are a prefix of more.
        out : ndarray of shape (n_draws, *shape), of the row's dtype
            Is filled.
        """

    @abc.abstractmethod
    def draw(self, rng: Any, shape: tuple[int, ...]) -> Any:
        """Return noise for training.

        Parameters
        ----------
        rng : object
            Has the draws of a numpy Generator under their names, ``standard_normal(shape)`` among
            them, but may give arrays of another framework.
        shape : tuple of int
            Shape of the noise.

        Returns
        -------
        noise : array of the given shape
            Of the kind that `rng` gives.
        """

    @abc.abstractmethod
    def radius(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the radius within which the top class stays on top.

        Parameters
        ----------
        p_lower : array-like of float in [0, 1]
            Lower bound on the probability of the top class under noise.
        p_upper : array-like of float in [0, 1], default=None
            Upper bound on the probability of every other class; None means ``1 - p_lower``.

        Returns
        -------
        radius : ndarray of float64
            In the units of the inputs and the norm `norm`, rounded down; 0 where nothing is proved.
        """


@dataclasses.dataclass(frozen=True)
class Gaussian(Noise):
    r"""Isotropic Gaussian noise :math:`N(0, \sigma^2 I)`, which certifies L2 balls.

    Parameters
    ----------
    sigma : float
        Standard deviation of each coordinate, in the units of the inputs.

    Examples
    --------
    >>> from sksmooth.noise import Gaussian
    >>> Gaussian(sigma=0.5).radius([0.9]).round(4)
    array([0.6408])
    """

    sigma: float
    norm = "l2"

    def perturb(
        self, row: NDArray[np.floating], rng: np.random.Generator, out: NDArray[np.floating]
    ) -> None:
        """Fill `out`, of shape (n_draws, *row.shape), with `row` plus fresh noise."""
        scale = out.dtype.type(self.sigma)
        if float(scale) < self.sigma:  # more noise than claimed is safe, less is not
            scale = np.nextafter(scale, out.dtype.type(np.inf))
        rng.standard_normal(out=out, dtype=out.dtype.type)
        out *= scale
        out += row

    def draw(self, rng: Any, shape: tuple[int, ...]) -> Any:
        """Return noise of the given shape for training."""
        return self.sigma * rng.standard_normal(shape)

    def radius(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
        """L2 radius of Theorem 1 in Cohen et al. (2019); see `sksmooth.bounds.radius_cohen`."""
        radius = radius_cohen(p_lower, sigma=self.sigma)
        if p_upper is None:
            return radius
        # no other class has more than 1 - p_lower, whatever p_upper says
        return np.maximum(radius, radius_cohen(p_lower, p_upper, sigma=self.sigma))
