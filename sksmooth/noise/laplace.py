"""Laplace noise, for L1 balls."""

import dataclasses
import functools
import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bounds import radius_laplace
from .base import Draws, Noise
from .grid import GridNoise
from .marginals import Marginals
from .norm import namespace
from .norms import L1
from .samplers import FineLaplace, RoundedLaplace
from .sigma import check_scale, one_sigma
from .specification import Rows, Specification

__all__ = ["Laplace", "LaplaceNoise"]

_FEW = 2**12  # values of a row, up to which rounding to the coarser grid costs next to nothing


@dataclasses.dataclass(frozen=True)
class Laplace(Specification):
    r"""Laplace noise, whose certificates are radii in the L1 norm.

    The radius is not limited, as that of `Uniform` is, but smaller at the same sigma where votes
    are not nearly unanimous. ``noise="laplace"`` is ``Laplace()``.

    Parameters
    ----------
    scale : float, default=None
        Mean size b of the noise, in the units of the inputs. None takes the smoother's `sigma` as
        standard deviation, which is :math:`\sqrt 2` times that; otherwise `sigma` is not used.

    See Also
    --------
    LaplaceNoise : The noise that is drawn.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.noise import Laplace
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(NearestCentroid(), noise=Laplace(scale=0.5), random_state=0)
    >>> certificate = clf.fit(X, y).certify(X[25::50], n=1000)
    >>> certificate.norm, certificate.radii.round(1)
    ('l1', array([1.2, 0.2, 1. ]))
    """

    scale: float | None = None

    def bind(self, rows: Rows) -> Noise:
        """Return the noise for rows of this kind: on the grid of bytes only if the scale fits it.

        Parameters
        ----------
        rows : Rows
            Their shape, grid and sigma.

        Returns
        -------
        noise : LaplaceNoise
            In integers.
        """
        rows.refuse_float("Laplace")
        if self.scale is None:
            scale = one_sigma(rows.sigma, "Laplace") / math.sqrt(2)
        else:
            scale = check_scale("scale", self.scale)
        fits = rows.levels is not None and LaplaceNoise.fits(scale, rows.levels)
        return LaplaceNoise(scale, math.prod(rows.shape), rows.levels if fits else None)


@dataclasses.dataclass(frozen=True)
class LaplaceNoise(GridNoise):
    r"""Independent Laplace noise with density :math:`e^{-|z| / b} / 2b`, exact on a grid.

    Parameters
    ----------
    scale : float
        Mean size b of the noise, in the units of the inputs; `sigma` is :math:`\sqrt 2` times that.
    n_values : int
        Number of values of a row.
    levels : int, default=None
        The grid is that of the multiples of ``1 / levels``, as 255 for images; `scale` must be 1 to
        370 of its steps. None takes a step of ``scale / 2**22``, or, for more than 4096 values,
        of ``scale / 2**32``: radii lose `rounding`, which is 0.0004 b for 784 values.

    Examples
    --------
    >>> from sksmooth.noise import LaplaceNoise
    >>> noise = LaplaceNoise(scale=0.5, n_values=3)
    >>> radius = noise.radius([0.5, 0.9, 0.99])
    >>> radius.round(4), noise.l2_radius(radius).round(4)
    (array([0.    , 0.8047, 1.956 ]), array([0.    , 0.4646, 1.1293]))
    """

    scale: float
    n_values: int
    levels: int | None = None
    kind = "integer laplace"
    norm = L1()

    def __post_init__(self) -> None:
        if not 0 < self.scale < math.inf or self.n_values < 1:
            raise ValueError(
                f"scale must be positive and finite, and n_values 1 or more; got {self.scale} and "
                f"{self.n_values}."
            )
        if self.levels is not None and not self.fits(self.scale, self.levels):
            raise ValueError(
                f"scale must be 1 to 370 steps of the grid; got {self.scale * self.levels:g} for "
                f"levels={self.levels}."
            )

    @staticmethod
    def fits(scale: float, levels: int) -> bool:
        """Whether noise is neither too narrow nor too wide for a grid.

        Parameters
        ----------
        scale : float
            Mean size.
        levels : int
            As of the class.

        Returns
        -------
        fits : bool
            True if `scale` is 1 to 370 of the grid's steps.
        """
        return 1 <= scale * levels <= 370

    @property
    def _bits(self) -> int:
        return 22 if self.levels is not None or self.n_values <= _FEW else 32

    @property
    def sigma(self) -> float:
        """Standard deviation of a value."""
        return math.sqrt(2) * self.scale

    @property
    def name(self) -> str:
        """All parameters in words."""
        return f"exact laplace, scale {self.scale!r}, levels {self.levels}, bits {self._bits}"

    @property
    def label(self) -> str:
        """`scale` in few words, for legends and messages."""
        return f"laplace scale={self.scale:g}"

    @property
    def step(self) -> Fraction:
        """Step of the grid."""
        if self.levels is not None:
            return Fraction(1, self.levels)
        return Fraction(self.scale) / 2**self._bits

    @property
    def _odd(self) -> int:
        assert self.levels is not None
        return 2 * int(2**21 / (self.levels * self.scale)) + 1

    @property
    def _sampler(self) -> Any:
        return self._fine if self.levels is None else _rounded(Fraction(self.scale) / self.step)

    @property
    def _fine(self) -> Any:
        return _cells(Fraction(self.scale) / self._fine_step, self._bits - 6)

    def draw(self, rng: Draws, shape: tuple[int, ...]) -> Any:
        """Return noise of the given shape for training."""
        u = rng.random(shape) - 0.5
        xp = namespace(u)
        # not quite up to 1: infinite noise trains nothing
        return -self.scale * xp.sign(u) * xp.log1p(-(2 - 2.0**-20) * abs(u))

    def radius(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
        """L1 radius; see `sksmooth.bounds.radius_laplace`."""
        return np.maximum(radius_laplace(p_lower, p_upper, self.scale) - self.rounding, 0.0)

    def radius_of_tails(
        self, miss: NDArray[np.float64], rival: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """L1 radius of ideal noise; see `sksmooth.bounds.radius_laplace`."""
        return radius_laplace(1.0 - miss, rival, self.scale, miss=miss)

    def marginals(self, shape: tuple[int, ...]) -> Marginals:
        """Return independent laws, as wide as `scale`."""
        return Marginals("laplace", np.full(shape, self.scale))


@functools.lru_cache(maxsize=32)
def _cells(scale: Fraction, bits: int) -> FineLaplace:
    return FineLaplace(scale, bits)


@functools.lru_cache(maxsize=32)
def _rounded(scale: Fraction) -> RoundedLaplace:
    return RoundedLaplace(scale)
