r"""Gaussian noise in units that the user has given: radii are comparable whatever sigma is.

With a unit :math:`u_i` for each feature the noise on it has the deviation :math:`\sigma u_i`. That
is noise with a deviation for each feature, drawn as such; a radius R in deviations is
:math:`\sigma R` in units, since :math:`\delta_i / u_i = \sigma \cdot \delta_i / (\sigma u_i)`.
"""

import dataclasses
import functools
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .base import Draws, Perturb
from .floating import GaussianNoise
from .norms import L2
from .per_feature import FloatPerFeature, IntegerPerFeature
from .sigma import SIGMAS

__all__ = ["FloatInUnits", "IntegerInUnits"]

_MARGIN = 1 - 2.0**-50  # for three roundings: of a deviation, and of two products


@dataclasses.dataclass(frozen=True)
class FloatInUnits(GaussianNoise):
    r"""Gaussian noise in units of each feature, in floating point.

    **Unsound in floating point**, as `FloatGaussian` is; certify with `IntegerInUnits`.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise, in units.
    units : sequence of float
        The unit of each feature, in the order of a flattened row; 0 for features without noise,
        which nobody can change. At least one is positive.

    Examples
    --------
    >>> from sksmooth.noise import FloatInUnits
    >>> noise = FloatInUnits(0.5, [2.0, 0.0, 20.0])
    >>> noise.deviations((3,)), noise.radius([0.9]).round(4), str(noise.norm)
    (array([ 1.,  0., 10.]), array([0.6408]), 'l2 of delta / units')
    """

    sigma: float
    units: tuple[float, ...]
    kind = "float in units"
    sound = False
    _family: ClassVar[type[FloatPerFeature]] = FloatPerFeature

    def __post_init__(self) -> None:
        given: Iterable[float] = self.units
        object.__setattr__(self, "units", tuple(float(value) + 0.0 for value in given))
        low, high = SIGMAS
        products = [self.sigma * unit for unit in self.units if unit != 0]
        if not (products and all(low <= value <= high for value in products)):
            raise ValueError(
                f"sigma times each unit must be a number from {low:g} to {high:g}, or 0 for a "
                f"feature that nobody can change, and not all may be 0; got sigma={self.sigma!r} "
                f"and units={self.units!r}."
            )

    @functools.cached_property
    def _drawn(self) -> FloatPerFeature:
        """The noise as it is drawn, with radii in deviations."""
        return self._family(tuple(self.sigma * unit for unit in self.units))

    @property
    def name(self) -> str:
        """Parameters of what is drawn: other units with the same deviations are the same noise."""
        return self._drawn.name

    @property
    def label(self) -> str:
        """`sigma` in few words, for legends and messages."""
        return f"sigma={self.sigma:g} units"

    @functools.cached_property
    def norm(self) -> L2:  # type: ignore[override]
        """The L2 norm of ``delta / units``, in which a feature without noise cannot change."""
        return L2(self.units, "units")

    @property
    def unit(self) -> float:  # type: ignore[override]
        """Length of a standard deviation in units, rounded down."""
        return self.sigma * _MARGIN

    @property
    def tv_error(self) -> float:  # type: ignore[override]
        """Total variation distance of a noisy row from the ideal one, at most."""
        return self._drawn.tv_error

    @property
    def rounding(self) -> float:  # type: ignore[override]
        """Units that radii lose because rows are rounded."""
        return self._drawn.rounding * self.sigma

    @property
    def n_values(self) -> int:  # type: ignore[override]
        """Number of values of a row."""
        return len(self.units)

    def around(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to noise the features that have a unit and a value; others are handed on."""
        return self._drawn.around(row)

    def draw(self, rng: Draws, shape: tuple[int, ...]) -> Any:
        """Return noise of the given shape for training."""
        return self._drawn.draw(rng, shape)

    def deviations(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return sigma times units, value by value."""
        return self._drawn.deviations(shape)

    def radius(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
        """Radius of Theorem 1 in Cohen et al. (2019), in units."""
        return self._drawn.radius(p_lower, p_upper) * self.unit

    def radius_of_tails(
        self, miss: NDArray[np.float64], rival: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Radius of Theorem 1 in Cohen et al. (2019), of ideal noise, in units."""
        return self._drawn.radius_of_tails(miss, rival) * self.unit


@dataclasses.dataclass(frozen=True)
class IntegerInUnits(FloatInUnits):
    """Gaussian noise in units of each feature, drawn as `IntegerPerFeature` draws it.

    Parameters
    ----------
    sigma : float
        Standard deviation of the noise, in units.
    units : sequence of float
        The unit of each feature, in the order of a flattened row; 0 for features without noise,
        which nobody can change. At least one is positive.

    Examples
    --------
    >>> from sksmooth.noise import IntegerInUnits, IntegerPerFeature
    >>> noise = IntegerInUnits(0.5, [2.0, 0.0, 20.0])
    >>> noise.name == IntegerPerFeature([1.0, 0.0, 10.0]).name
    True
    >>> noise.radius([0.9]).round(4), noise.l2_radius([1.0]).round(4)
    (array([0.6408]), array([2.]))
    """

    kind = "integer in units"
    sound = True
    _family = IntegerPerFeature
