"""Uniform noise, for L1 balls."""

import dataclasses
import functools
import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bounds import radius_uniform
from .grid import GridNoise
from .norms import L1
from .samplers import FineUniform, WideUniform, uniform

__all__ = ["UniformNoise"]


@dataclasses.dataclass(frozen=True)
class UniformNoise(GridNoise):
    r"""Independent uniform noise on :math:`[-\lambda, \lambda]`, exact on a grid.

    Parameters
    ----------
    width : float
        Half the width, :math:`\lambda`, that is asked for, in the units of the inputs.
    n_values : int
        Number of values of a row.
    levels : int, default=None
        The grid is that of the multiples of ``1 / levels``, as 255 for images. The noise then is
        uniform on the odd number of levels that is nearest to its width, and `scale` is the half
        width that this stands for, which radii are made from. None takes a step of
        ``width / 2**31``.

    Attributes
    ----------
    scale : float
        Half the width of the noise that is drawn.

    Examples
    --------
    >>> from sksmooth.noise.uniform import UniformNoise
    >>> noise = UniformNoise(0.866, n_values=3, levels=255)
    >>> round(2 * noise.scale * 255)
    441
    >>> noise.radius([0.5, 0.9, 0.99]).round(4)
    array([0.    , 0.6918, 0.8474])
    """

    width: float
    n_values: int
    levels: int | None = None
    kind = "exact uniform"
    norm = L1()

    def __post_init__(self) -> None:
        if not 0 < self.width < math.inf or self.n_values < 1:
            raise ValueError(
                f"width must be positive and finite, and n_values 1 or more; got {self.width} and "
                f"{self.n_values}."
            )
        if self.levels is not None and not 3 <= 2 * self.width * self.levels <= 2**14:
            raise ValueError(
                f"width must be 1.5 to 8192 steps of the grid; got {self.width * self.levels:g} "
                f"for levels={self.levels}."
            )

    @property
    def _n_steps(self) -> int:
        """Number of levels that noise takes: odd, so that rounding makes them equally likely."""
        assert self.levels is not None
        return 2 * int(self.width * self.levels) + 1

    @property
    def scale(self) -> float:
        """Half the width of the noise that is drawn, rounded down."""
        if self.levels is None:
            return self.width
        nearest = self._n_steps / (2 * self.levels)
        exact = Fraction(self._n_steps, 2 * self.levels)
        return nearest if nearest <= exact else math.nextafter(nearest, 0.0)

    @property
    def sigma(self) -> float:
        """Standard deviation of a value."""
        return self.scale / math.sqrt(3)

    @property
    def name(self) -> str:
        """All parameters in words."""
        return f"exact uniform, half width {self.scale!r}, levels {self.levels}"

    @property
    def label(self) -> str:
        """The width in few words, for legends and messages."""
        return f"uniform half width={self.scale:g}"

    @property
    def step(self) -> Fraction:
        """Step of the grid."""
        if self.levels is not None:
            return Fraction(1, self.levels)
        return Fraction(self.width) / 2**31

    @property
    def _odd(self) -> int:
        return 2 * ((2**32 // self._n_steps - 1) // 2) + 1

    @property
    def _sampler(self) -> Any:
        return _FINE if self.levels is None else _steps(self._n_steps)

    @property
    def _fine(self) -> Any:
        return _FINE if self.levels is None else WideUniform(self._n_steps * self._odd)

    def draw(self, rng: Any, shape: tuple[int, ...]) -> Any:
        """Return noise of the given shape for training."""
        return self.scale * (2 * rng.random(shape) - 1)

    def radius(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
        """L1 radius; see `sksmooth.bounds.radius_uniform`."""
        return np.maximum(radius_uniform(p_lower, p_upper, self.scale) - self.rounding, 0.0)

    def deviations(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return `sigma` for each value."""
        return np.broadcast_to(np.float64(self.sigma), shape)


_FINE = FineUniform()


@functools.lru_cache(maxsize=32)
def _steps(number: int) -> Any:
    return uniform(number)
