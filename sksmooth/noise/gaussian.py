"""Gaussian noise, as users write it."""

import dataclasses

from .base import Noise
from .floating import FloatGaussian
from .in_units import FloatInUnits, IntegerInUnits
from .integer import IntegerGaussian
from .per_feature import FloatPerFeature, IntegerPerFeature
from .sigma import one_sigma
from .specification import Rows, Specification

__all__ = ["Gaussian"]


@dataclasses.dataclass(frozen=True)
class Gaussian(Specification):
    """Gaussian noise with the smoother's sigma: one for all values of a row, or one for each.

    It is the family that knows the smoother's `units`.

    Examples
    --------
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.noise import Gaussian
    >>> SmoothedClassifier(NearestCentroid(), noise=Gaussian()).noise
    Gaussian()
    """

    takes_units = True

    def bind(self, rows: Rows) -> Noise:
        """Return the noise: in integers, and on the grid of bytes only if sigma fits it.

        Parameters
        ----------
        rows : Rows
            Their shape, grid and sigma.

        Returns
        -------
        noise : Noise
            In integers, unless floating-point arithmetic is asked for.
        """
        sigma = rows.sigma
        if rows.units is not None:
            in_units = FloatInUnits if rows.arithmetic == "float" else IntegerInUnits
            return in_units(one_sigma(sigma, "With units, Gaussian"), rows.units)
        if rows.arithmetic == "float":
            return FloatGaussian(sigma) if isinstance(sigma, float) else FloatPerFeature(sigma)
        if not isinstance(sigma, float):  # steps of the levels are no steps of a row over sigma
            return IntegerPerFeature(sigma)
        return IntegerGaussian.bound(sigma, rows)
