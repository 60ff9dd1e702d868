"""What every noise family promises. Knows nothing of models, labels or counts."""

import abc
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Noise", "Perturb"]

Perturb = Callable[[Any, NDArray[np.floating]], None]


class Noise(abc.ABC):
    """What smoothing needs of a noise distribution.

    Attributes
    ----------
    kind : str
        The family's name in `KINDS`.
    sigma : float or tuple of float
        Standard deviation of each coordinate, in the units of the inputs; a tuple, in the order of
        a flattened row, where coordinates differ.
    norm : str
        The norm in which `radius` is measured.
    sound : bool
        Whether what `around` draws is, up to `tv_error`, what `radius` assumes.
    tv_error : float
        Total variation distance, at most, between the noisy rows that `around` gives and those that
        the proof speaks of. It is taken off the probability of the top class.
    rounding : float
        Length, in the norm `norm`, that `radius` has taken off for the rounding of inputs.
    """

    kind: str
    sigma: float | tuple[float, ...]
    norm: str
    sound: bool
    tv_error: float
    rounding: float

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """All parameters in words; part of the names of the random streams."""

    @abc.abstractmethod
    def around(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to make noisy copies of a row.

        Row and noise are summed here, not by the caller, so that a family may sum them exactly.

        Parameters
        ----------
        row : ndarray of any shape, float32 or float64
            The row.

        Returns
        -------
        perturb : callable
            ``perturb(stream, out)`` fills `out`, of shape (n_draws, *shape) and the row's dtype,
            with noisy copies; `stream` is one of `sksmooth.noise.streams`, at the start of a
            block. Fewer draws are a prefix of more.
        """

    @abc.abstractmethod
    def draw(self, rng: Any, shape: tuple[int, ...]) -> Any:
        """Return noise for training.

        Parameters
        ----------
        rng : object
            Has the draws of a numpy Generator under their names, ``standard_normal(shape)`` and
            ``normal(loc, scale, shape)`` among them, but may give arrays of another framework.
        shape : tuple of int
            Shape of the noise, (n_draws, *shape of a row).

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
            In the norm `norm`, rounded down; 0 where nothing is proved. In the units of the inputs
            if that norm is a length.
        """

    def deviations(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return `sigma` value by value.

        Parameters
        ----------
        shape : tuple of int
            Shape of a row.

        Returns
        -------
        sigma : ndarray of that shape, float64
            Read-only if all are alike.
        """
        sigma = np.asarray(self.sigma, dtype=np.float64)
        return np.broadcast_to(sigma, shape) if sigma.ndim == 0 else sigma.reshape(shape)

    def l2_radius(self, radius: ArrayLike) -> NDArray[np.float64]:
        """Return the L2 radius that a radius in the norm `norm` implies.

        Parameters
        ----------
        radius : array-like of float
            Radii as of `radius`.

        Returns
        -------
        radius : ndarray of float64
            In the units of the inputs, rounded down; the same where `norm` is that norm.
        """
        return np.asarray(radius, dtype=np.float64)

    @property
    def label(self) -> str:
        """`sigma` in few words, for legends and messages."""
        return f"sigma={self.sigma:g}"
