r"""Gaussian noise with a standard deviation of its own for each feature.

Let S be the features with a positive sigma, and :math:`u = (x_i / \sigma_i)_{i \in S}`. Independent
noise :math:`\varepsilon_i \sim N(0, \sigma_i^2)` on x is :math:`N(0, I)` on u. So the base on noisy
rows is a function of u under isotropic noise, in which the features outside S are constants, and
Theorem 1 of Cohen et al. (2019) gives a ball of radius R around u: the set of all
:math:`x + \delta` with

.. math:: \sqrt{\sum_{i \in S} (\delta_i / \sigma_i)^2} < R, \quad
    \delta_i = 0 \text{ outside } S.
"""

import dataclasses
import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import Draws, Perturb
from .floating import GaussianNoise
from .integer import BITS, IntegerGaussian
from .norm import of_features
from .norms import L2
from .parts import around_part

__all__ = ["FloatPerFeature", "IntegerPerFeature"]

_LARGEST = 2.0**29  # standard deviations; as far as quotients in floats are good for the grid


@dataclasses.dataclass(frozen=True)
class FloatPerFeature(GaussianNoise):
    r"""Gaussian noise with a sigma for each feature, in floating point.

    **Unsound in floating point**, as `FloatGaussian` is; certify with `IntegerPerFeature`.

    Parameters
    ----------
    sigma : sequence of float
        Standard deviation of each feature, in its own units and in the order of a flattened row.
        A feature with 0 gets no noise, and the certificate speaks of rows that have the same value
        there. At least one is positive.

    Examples
    --------
    >>> from sksmooth.noise import FloatPerFeature
    >>> noise = FloatPerFeature([0.5, 0.0, 20.0])
    >>> radius = noise.radius([0.9])
    >>> str(noise.norm), radius.round(4), noise.norm.l2(radius, (3,)).round(4)
    ('l2 of delta / sigma', array([1.2816]), array([0.6408]))
    """

    sigma: tuple[float, ...]
    kind = "float per feature"
    sound = False
    tv_error = 0.0
    rounding = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", of_features("sigma", self.sigma))

    @functools.cached_property
    def name(self) -> str:
        """All parameters in words."""
        return f"float normal, sigma per feature {self.sigma!r}"

    @property
    def label(self) -> str:
        """`sigma` in few words, for legends and messages."""
        return "sigma per feature"

    @functools.cached_property
    def norm(self) -> L2:  # type: ignore[override]
        """The L2 norm of ``delta / sigma``, in which a feature without noise cannot change."""
        return L2(self.sigma)

    def deviations(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return `sigma` value by value."""
        return self._scale.reshape(shape)

    @functools.cached_property
    def _scale(self) -> NDArray[np.float64]:
        return np.array(self.sigma)

    def around(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to noise the features that have a sigma and a value; others are handed on."""
        scale = self._scale.reshape(row.shape)
        noisy = (scale > 0) & ~np.isnan(row)
        if noisy.all():
            return self._sum(row, scale)
        perturb = self._sum(row[noisy], scale[noisy]) if noisy.any() else None
        return around_part(row, noisy, perturb)

    def _sum(self, values: NDArray[np.floating], scale: NDArray[np.float64]) -> Perturb:
        """Prepare to sum values and noise with positive deviations, in the values' precision."""
        rounded = scale.astype(values.dtype)
        # more noise than claimed is safe, less is not
        rounded = np.where(
            rounded < scale, np.nextafter(rounded, np.inf, dtype=values.dtype), rounded
        )

        def perturb(stream: Any, out: NDArray[np.floating]) -> None:
            stream.standard_normal(out)
            out *= rounded
            out += values

        return perturb

    def draw(self, rng: Draws, shape: tuple[int, ...]) -> Any:
        """Return noise of the given shape for training."""
        return rng.normal(0.0, self._scale.reshape(shape[1:]), shape)


@dataclasses.dataclass(frozen=True)
class IntegerPerFeature(FloatPerFeature):
    r"""Gaussian noise with a sigma for each feature, exact on a grid.

    A row is divided by sigma, rounded to multiples of :math:`2^{-22}`, and noise with a standard
    deviation of 1 is added as `IntegerGaussian` does it: in integers. Only the sums are turned back
    into the units of the row, by a product that knows the sum alone. So the base sees
    :math:`M(Q(u + \varepsilon))`, with :math:`\varepsilon \sim N(0, I)`, Q the rounding to the grid
    and M that product, for u within `rounding` / 2 of the row over sigma. Whatever rounding there
    is in M belongs to the classifier that is smoothed, as if it were a first step of the base. That
    of the division belongs to the row: it is what `rounding` is taken off for.

    Features with sigma 0 are handed on as they are (but for a negative zero, which becomes a zero).

    Parameters
    ----------
    sigma : sequence of float
        Standard deviation of each feature, in its own units and in the order of a flattened row.
        A feature with 0 gets no noise, and the certificate speaks of rows that have the same value
        there. At least one is positive.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.noise import IntegerPerFeature
    >>> from sksmooth.noise.streams import Philox, Purpose
    >>> noise = IntegerPerFeature([0.5, 0.0, 20.0])
    >>> out = np.empty((1000, 3))
    >>> stream = Philox().at(np.array([1, 2], dtype=np.uint64), 0, Purpose.PREDICT)
    >>> noise.around(np.array([1.0, 1.0, 300.0]))(stream, out)
    >>> out.std(axis=0).round(1)
    array([ 0.5,  0. , 19.3])
    >>> noise.tv_error < 1e-15
    True
    """

    kind = "integer per feature"
    sound = True

    @functools.cached_property
    def name(self) -> str:
        """All parameters in words. It keys the streams: another text would give other draws."""
        return f"exact normal, sigma per feature {self.sigma!r}, bits {BITS}"

    @functools.cached_property
    def _unit(self) -> IntegerGaussian:
        """The noise on rows over sigma, without the features that have none."""
        return IntegerGaussian(1.0, sum(value > 0 for value in self.sigma))

    @functools.cached_property
    def tv_error(self) -> float:  # type: ignore[override]
        """Total variation distance of a noisy row from the ideal one, at most."""
        return self._unit.tv_error

    @functools.cached_property
    def rounding(self) -> float:  # type: ignore[override]
        """Standard deviations that radii lose because rows are rounded.

        A float quotient of less than 2**29 is off by at most a quarter of the grid's step, so that
        the account is that of `IntegerGaussian`.
        """
        return self._unit.rounding

    def _sum(self, values: NDArray[np.floating], scale: NDArray[np.float64]) -> Perturb:
        """Prepare to sum integers."""
        with np.errstate(over="ignore"):
            quotient = values.astype(np.float64) / scale
        far = ~(np.abs(quotient) < _LARGEST)
        if far.any():
            raise ValueError(
                f"A row has a value of {values[far][0]:.3g} in a feature with sigma="
                f"{scale[far][0]:g}, which is too large: the noise would be lost in its rounding. "
                "Take a larger sigma for that feature, or subtract an offset."
            )
        return self._unit.around(quotient, scale)
