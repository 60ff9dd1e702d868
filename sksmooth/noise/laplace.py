"""Laplace noise, for L1 balls."""

import dataclasses
import math
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
from .sigma import scale_of
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
        """Return the `LaplaceNoise`: on the grid of bytes only if the scale fits it.

        Parameters
        ----------
        rows : Rows
            Their shape, grid and sigma.

        Returns
        -------
        noise : LaplaceNoise
            In integers.
        """
        scale = scale_of(self.scale, rows, "Laplace", lambda sigma: sigma / math.sqrt(2))
        return LaplaceNoise.bound(scale, rows)


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
    fitting = "scale", 1, 370
    _fine_law, _rounded_law = FineLaplace, RoundedLaplace

    @property
    def _bits(self) -> int:  # type: ignore[override]
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
