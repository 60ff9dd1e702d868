"""Gaussian noise in integers on a fixed grid: what a certificate may rest on."""

import dataclasses
import functools
from fractions import Fraction

from .floating import FloatGaussian
from .grid import GridNoise
from .samplers import FineNormal, RoundedNormal

__all__ = ["BITS", "IntegerGaussian"]

BITS = 22  # a step of the grid is sigma over two to the power of this


@dataclasses.dataclass(frozen=True)
class IntegerGaussian(GridNoise, FloatGaussian):  # type: ignore[override]
    r"""Isotropic Gaussian noise in integers on a grid: sound on a computer.

    Rows are rounded to a grid that is fixed beforehand, noise is drawn as integer multiples of the
    grid's step with the probabilities of a rounded normal, and the two are summed as integers. The
    base classifier so sees :math:`Q(x + \varepsilon)`, with Q the rounding to the grid and
    :math:`\varepsilon` an ideal normal: its composition with Q is what is smoothed, and Theorem 1
    holds for that without any assumption on floating point.

    Parameters
    ----------
    sigma : float
        Standard deviation of each coordinate, in the units of the inputs.
    n_values : int
        Number of coordinates of a row.
    levels : int, default=None
        The grid is that of the multiples of ``1 / levels``, as 255 for images; `sigma` must be 8 to
        512 of its steps. None takes a step of ``sigma / 2**22``.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.noise import IntegerGaussian
    >>> from sksmooth.noise.streams import Philox, Purpose
    >>> noise = IntegerGaussian(sigma=0.25, n_values=3, levels=255)
    >>> out = np.empty((2, 3))
    >>> stream = Philox().at(np.array([1, 2], dtype=np.uint64), 0, Purpose.PREDICT)
    >>> noise.around(np.array([0.0, 1.0, 100 / 255]))(stream, out)
    >>> np.array_equal(out * 255, np.rint(out * 255))
    True
    >>> noise.tv_error < 1e-15
    True
    """

    n_values: int
    levels: int | None = None
    kind = "integer"

    def __post_init__(self) -> None:
        if self.n_values < 1 or (self.levels is not None and self.levels < 1):
            raise ValueError(
                f"n_values and levels must be 1 or more; got {self.n_values} and {self.levels}."
            )
        if self.levels is not None and not self.fits(self.sigma, self.levels):
            raise ValueError(
                f"sigma must be 8 to 512 steps of the grid, {8 / self.levels:g} to "
                f"{512 / self.levels:g} for levels={self.levels}; got {self.sigma}."
            )

    @staticmethod
    def fits(sigma: float, levels: int) -> bool:
        """Whether noise is neither too narrow nor too wide for a grid.

        Parameters
        ----------
        sigma : float
            Standard deviation.
        levels : int
            As of the class.

        Returns
        -------
        fits : bool
            True if `sigma` is 8 to 512 of the grid's steps.
        """
        return 8 <= sigma * levels <= 512

    @property
    def name(self) -> str:
        """All parameters in words. It keys the streams: another text would give other draws."""
        return f"exact normal, sigma {self.sigma!r}, levels {self.levels}, bits {BITS}"

    @property
    def step(self) -> Fraction:
        """Step of the grid."""
        if self.levels is not None:
            return Fraction(1, self.levels)
        return Fraction(self.sigma) / 2**BITS

    @property
    def _odd(self) -> int:
        assert self.levels is not None
        return 2 * int(2**21 / (self.levels * self.sigma)) + 1

    @property
    def _fine(self) -> FineNormal:
        return _fine_normal(Fraction(self.sigma) / self._fine_step)

    @property
    def _sampler(self) -> RoundedNormal | FineNormal:
        if self.levels is None:
            return self._fine
        return _rounded_normal(Fraction(self.sigma) / self.step)


@functools.lru_cache(maxsize=32)
def _fine_normal(scale: Fraction) -> FineNormal:
    return FineNormal(scale)


@functools.lru_cache(maxsize=32)
def _rounded_normal(scale: Fraction) -> RoundedNormal:
    return RoundedNormal(scale)
