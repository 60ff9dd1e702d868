"""Uniform noise, for L1 balls."""

import dataclasses
import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bounds import radius_uniform
from .base import Draws, Noise
from .grid import GridNoise, made
from .marginals import Marginals
from .norms import L1
from .samplers import FineUniform, WideUniform, uniform
from .sigma import scale_of
from .specification import Rows, Specification

__all__ = ["Uniform", "UniformNoise"]


@dataclasses.dataclass(frozen=True)
class Uniform(Specification):
    r"""Uniform noise, whose certificates are radii in the L1 norm.

    Radii are below `scale`, whatever the votes. ``noise="uniform"`` is ``Uniform()``.

    Parameters
    ----------
    scale : float, default=None
        Half the width of the noise, :math:`\lambda`, in the units of the inputs. None takes the
        smoother's `sigma` as standard deviation, which is :math:`\lambda / \sqrt 3`; otherwise
        `sigma` is not used. On the grid of images, the nearest odd number of levels is taken.

    See Also
    --------
    UniformNoise : The noise that is drawn.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.noise import Uniform
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(NearestCentroid(), noise=Uniform(scale=1.0), random_state=0)
    >>> certificate = clf.fit(X, y).certify(X[25::50], n=1000)
    >>> certificate.norm, certificate.radii.round(1)
    ('l1', array([1. , 0.3, 1. ]))
    """

    scale: float | None = None

    def bind(self, rows: Rows) -> Noise:
        """Return the `UniformNoise`: on the grid of bytes only if the scale fits it.

        Parameters
        ----------
        rows : Rows
            Their shape, grid and sigma.

        Returns
        -------
        noise : UniformNoise
            In integers.
        """
        width = scale_of(self.scale, rows, "Uniform", lambda sigma: sigma * math.sqrt(3))
        return UniformNoise.bound(width, rows)


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
    >>> from sksmooth.noise import UniformNoise
    >>> noise = UniformNoise(0.866, n_values=3, levels=255)
    >>> round(2 * noise.scale * 255)
    441
    >>> noise.radius([0.5, 0.9, 0.99]).round(4)
    array([0.    , 0.6918, 0.8474])
    """

    width: float
    n_values: int
    levels: int | None = None
    kind = "integer uniform"
    norm = L1()
    fitting = "width", 8, 8192
    _bits = 31

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
    def _odd(self) -> int:
        return 2 * ((2**32 // self._n_steps - 1) // 2) + 1

    @property
    def _sampler(self) -> Any:
        return _FINE if self.levels is None else made(uniform, self._n_steps)

    @property
    def _fine(self) -> Any:
        return _FINE if self.levels is None else WideUniform(self._n_steps * self._odd)

    def draw(self, rng: Draws, shape: tuple[int, ...]) -> Any:
        """Return noise of the given shape for training."""
        return self.scale * (2 * rng.random(shape) - 1)

    def radius(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
        """L1 radius; see `sksmooth.bounds.radius_uniform`."""
        return np.maximum(radius_uniform(p_lower, p_upper, self.scale) - self.rounding, 0.0)

    def radius_in(
        self, kind: str, p_lower: NDArray[np.float64], p_upper: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        """Return the half width of the largest cube of centres whose cubes overlap by enough.

        An even change leaves the least overlap of all of its L2 length, too.
        """
        if kind == "l1":
            return None
        lead = np.maximum(p_lower - p_upper - 2.0**-52, 0.0) / 2
        even = -np.expm1(np.log1p(-lead) / self.n_values) * (2 * self.scale * (1 - 2.0**-46))
        even = np.maximum(even - self.rounding / self.n_values, 0.0)
        return even if kind == "linf" else even * (math.sqrt(self.n_values) * (1 - 2.0**-50))

    def overlaps(
        self, delta: NDArray[np.float64], p_lower: NDArray[np.float64], p_upper: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Return whether the noise's cubes overlap by enough, as exactly as there are digits."""
        apart = np.abs(delta) + self.rounding / self.n_values
        share = np.maximum(1 - apart / (2 * self.scale), 0.0).prod(axis=1)
        lost = 1 - share * (1 - (delta.shape[1] + 4) * 2.0**-51)
        return np.asarray(lost < (p_lower - p_upper) / 2 - 2.0**-50)

    def radius_of_tails(
        self, miss: NDArray[np.float64], rival: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """L1 radius of ideal noise; see `sksmooth.bounds.radius_uniform`."""
        return radius_uniform(1.0 - miss, rival, self.scale, miss=miss)

    def marginals(self, shape: tuple[int, ...]) -> Marginals:
        """Return independent laws, as wide as `scale`."""
        return Marginals("uniform", np.full(shape, self.scale))


_FINE = FineUniform()
