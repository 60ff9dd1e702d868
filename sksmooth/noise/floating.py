"""Gaussian noise in floating point: the formula, and what others do."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bounds import radius_cohen
from ..bounds import radius_of_tails as standard_radius_of_tails
from .base import Draws, Noise, Perturb
from .marginals import Marginals
from .norms import L2
from .parts import around_present

__all__ = ["FloatGaussian", "GaussianNoise"]


class GaussianNoise(Noise):
    """What all Gaussian noise proves: radii in the `unit` that a standard deviation has."""

    def radius(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
        """L2 radius of Theorem 1 in Cohen et al. (2019); see `sksmooth.bounds.radius_cohen`."""
        radius = radius_cohen(p_lower, sigma=self.unit)
        if p_upper is not None:  # no other class has more than 1 - p_lower, whatever p_upper says
            radius = np.maximum(radius, radius_cohen(p_lower, p_upper, sigma=self.unit))
        return np.maximum(radius - self.rounding, 0.0)

    def radius_of_tails(
        self, miss: NDArray[np.float64], rival: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """L2 radius of Theorem 1 in Cohen et al. (2019), of ideal noise."""
        radii = standard_radius_of_tails(miss, rival)
        return np.where(radii > 0, np.nextafter(radii * self.unit, 0.0), 0.0)

    def marginals(self, shape: tuple[int, ...]) -> Marginals:
        """Return independent normals."""
        return Marginals("normal", self.deviations(shape))


@dataclasses.dataclass(frozen=True)
class FloatGaussian(GaussianNoise):
    r"""Isotropic Gaussian noise :math:`N(0, \sigma^2 I)` in floating point, for L2 balls.

    **Unsound in floating point** as soon as rows are drawn around: which floats a sum of row and
    noise can be depends on the row, and a base classifier that looks at their last bits can be
    certified at false radii. It is here to compare with published numbers, and to turn votes from
    elsewhere into radii. `IntegerGaussian` is what to certify with.

    Parameters
    ----------
    sigma : float
        Standard deviation of each coordinate, in the units of the inputs.

    Examples
    --------
    >>> from sksmooth.noise import FloatGaussian
    >>> FloatGaussian(sigma=0.5).radius([0.9]).round(4)
    array([0.6408])
    """

    sigma: float
    kind = "float"
    norm = L2()
    sound = False
    tv_error = 0.0
    rounding = 0.0

    @property
    def name(self) -> str:
        """All parameters in words."""
        return f"float normal, sigma {self.sigma!r}"

    def around(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to sum floats, in the precision of the row."""
        with_gaps = around_present(row, self.around)
        if with_gaps is not None:
            return with_gaps
        scale = row.dtype.type(self.sigma)
        if float(scale) < self.sigma:  # more noise than claimed is safe, less is not
            scale = np.nextafter(scale, row.dtype.type(np.inf))

        def perturb(stream: Any, out: NDArray[np.floating]) -> None:
            stream.standard_normal(out)
            out *= scale
            out += row

        return perturb

    def draw(self, rng: Draws, shape: tuple[int, ...]) -> Any:
        """Return noise of the given shape for training."""
        return self.sigma * rng.standard_normal(shape)

    @property
    def unit(self) -> float:  # type: ignore[override]
        """L2 length of a standard deviation."""
        return self.sigma

    def deviations(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return `sigma` for each value."""
        return np.broadcast_to(np.float64(self.sigma), shape)

    @property
    def label(self) -> str:
        """`sigma` in few words, for legends and messages."""
        return f"sigma={self.sigma:g}"
