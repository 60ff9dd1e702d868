"""Laws of the noise on single inputs, and the masses below and above points, rounded outward."""

import abc
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...bounds.rounding import UNIT
from ...noise import Marginals
from .normal import FLOOR, REACH, Tails

if TYPE_CHECKING:
    from ..inputs import Inputs

__all__ = ["NORMAL", "Law1D", "law_of"]

Floats = NDArray[np.float64]


class Law1D(abc.ABC):
    """The law of what noise adds to one value: a symmetric density, in multiples of a width.

    Attributes
    ----------
    name : str
        As in `Marginals`.
    reach : float
        Noise is farther than so many widths with a probability below what `FLOOR` makes up for.
    """

    name: str
    reach: float = REACH

    def tails(self, inputs: "Inputs", columns: NDArray[np.intp], points: Floats) -> Tails:
        """Return the masses beyond points on the inputs' axes, of shape (n_rows, n_points).

        Parameters
        ----------
        inputs : Inputs
            What the model gets around some rows.
        columns : ndarray of shape (n_points,), int
            The input that each point belongs to.
        points : ndarray of shape (n_points,)
            Points; the mass below one is that of all that does not exceed it.
        """
        z, slack = inputs.standardised(columns, points)
        return Tails(*self._beyond(z, slack), z <= 0)

    @abc.abstractmethod
    def _beyond(self, z: Floats, slack: Floats) -> tuple[Floats, Floats]:
        """Return bounds on the tail beyond points known up to `slack`, on the side of each."""


class _Normal(Law1D):
    name = "normal"

    def _beyond(self, z: Floats, slack: Floats) -> tuple[Floats, Floats]:
        tails = Tails.at(z, slack)
        return tails.low, tails.high


class _Uniform(Law1D):
    """Uniform on [-1, 1]."""

    name = "uniform"

    def _beyond(self, z: Floats, slack: Floats) -> tuple[Floats, Floats]:
        slack = np.where(np.isnan(slack), np.inf, slack)
        with np.errstate(invalid="ignore"):  # infinite points, of which nothing is known
            middle = 0.5 * (1.0 - np.abs(z))
            low, high = middle - 0.5 * slack - 4 * UNIT, middle + 0.5 * slack + 4 * UNIT
        low, high = np.clip(np.nan_to_num(low), 0.0, 1.0), np.where(np.isnan(high), 1.0, high)
        return low, np.where(high > 0, np.minimum(high, 1.0), 0.0)


class _Laplace(Law1D):
    """Laplace of mean size 1."""

    name = "laplace"
    reach = 700.0  # e**-700 is below 1e-304

    def _beyond(self, z: Floats, slack: Floats) -> tuple[Floats, Floats]:
        # beyond the mean, on the other side of the true point, the mass is below exp(distance) / 2
        size, slack = np.abs(z), np.where(np.isnan(slack), np.inf, slack)
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            # exp and the products err by less than 8 units, and the exponent by its own rounding
            off = 16 * UNIT + 4 * UNIT * (np.minimum(size, 800.0) + np.minimum(slack, 800.0))
            low = 0.5 * np.exp(-(size + slack)) * (1 - off)
            high = 0.5 * np.exp(slack - size) * (1 + off) + FLOOR
        low = np.where(np.isnan(low) | (low < 1e-300), 0.0, low)
        high = np.where(np.isnan(high), 1.0, np.minimum(high, 1.0))
        return low, np.where(np.isinf(size) & np.isfinite(slack), 0.0, high)


NORMAL = _Normal()
_LAWS: dict[str, Law1D] = {law.name: law for law in (NORMAL, _Uniform(), _Laplace())}


def law_of(marginals: Marginals) -> Law1D | None:
    """Return the law of what a noise adds to values; None if it is not known here."""
    return _LAWS.get(marginals.law)
