"""Gaussian noise in integers on a fixed grid: what a certificate may rest on."""

import dataclasses
import functools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import Perturb
from .floating import FloatGaussian
from .samplers import FineNormal, RoundedNormal

__all__ = ["BITS", "IntegerGaussian"]

BITS = 22  # a step of the grid is sigma over two to the power of this


@dataclasses.dataclass(frozen=True)
class IntegerGaussian(FloatGaussian):
    r"""Isotropic Gaussian noise in integers on a grid: what a certificate may rest on.

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
    kind = "exact"
    sound = True

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

    @functools.cached_property
    def tv_error(self) -> float:  # type: ignore[override]
        """Total variation distance of a noisy row from the ideal one, at most."""
        return self.n_values * max(self._sampler.tv_error, self._fine.tv_error)

    @functools.cached_property
    def rounding(self) -> float:  # type: ignore[override]
        """Length that radii lose because rows, this one and its neighbours, are rounded.

        A coordinate moves by at most 3/4 of a step: by half a step, and by the error of a float
        quotient of up to 2**51. To a grid of levels it moves only if it is nearer than `tolerance`,
        up to the rounding of that comparison.
        """
        far = max(self.tolerance, float(self._fine_step))
        return 2.0 * far * float(np.sqrt(self.n_values)) * 1.001

    @property
    def tolerance(self) -> float:
        """Distance within which a coordinate counts as one of the levels; 0 without levels."""
        return 0.0 if self.levels is None else 2.0**-16 / self.levels

    @property
    def _odd(self) -> int:
        """Steps of the fine grid in one of the levels' grid: odd, so that cells are made of cells.

        Then rounding to the one and then to the other is rounding to the other.
        """
        assert self.levels is not None
        return 2 * int(2**21 / (self.levels * self.sigma)) + 1

    @property
    def _fine_step(self) -> Fraction:
        """Step of the grid to which rows are rounded that are on none of the levels."""
        return self.step if self.levels is None else self.step / self._odd

    @property
    def _fine(self) -> FineNormal:
        return _fine_normal(Fraction(self.sigma) / self._fine_step)

    @property
    def _sampler(self) -> RoundedNormal | FineNormal:
        if self.levels is None:
            return self._fine
        return _rounded_normal(Fraction(self.sigma) / self.step)

    @np.errstate(over="ignore", invalid="ignore")  # what is infinite is refused
    def around(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to sum integers."""
        values = row.astype(np.float64)
        if self.levels is not None:
            nearest = np.rint(values * self.levels)
            off = np.abs(values - nearest / self.levels)
            if np.all(off <= self.tolerance) and np.all(np.abs(nearest) < 2.0**24):
                return _Sum(self._sampler, nearest, lambda k, out: _divide(k, self.levels, out))
        quotient = self._quotient(values)
        if not np.all(np.abs(quotient) < 2.0**51):
            raise ValueError(
                f"A row has a value of {np.abs(values).max():.3g}, which is too large for noise of "
                f"sigma={self.sigma:g}: the noise would be lost in its rounding. Scale the "
                "features to like units, or subtract an offset."
            )
        return _Sum(self._fine, np.rint(quotient), self._to_float)

    def _quotient(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.levels is None:
            return values / float(self.step)  # a power of two times sigma, exactly
        return values * (self.levels * self._odd)

    def _to_float(self, k: NDArray[Any], out: NDArray[np.floating]) -> None:
        if self.levels is None:
            np.multiply(k, float(self.step), out=out, casting="unsafe")
        else:
            _divide((k.astype(np.int64) + self._odd // 2) // self._odd, self.levels, out)


class _Sum:
    """A row and its noise, summed as integers; a class rather than a closure for its buffer."""

    def __init__(
        self,
        sampler: RoundedNormal | FineNormal,
        row: NDArray[np.float64],
        to_float: Callable[[NDArray[Any], NDArray[np.floating]], None],
    ) -> None:
        self.sampler, self.to_float = sampler, to_float
        room = np.iinfo(sampler.dtype).max // 2  # noise takes up less than half of the range
        fits = np.all(np.abs(row) <= room)
        self.row = row.astype(sampler.dtype if fits else np.int64)
        self._noise = np.empty(0, dtype=sampler.dtype)

    def __call__(self, stream: Any, out: NDArray[np.floating]) -> None:
        if len(self._noise) < out.size:
            self._noise = np.empty(out.size, dtype=self.sampler.dtype)
        k: NDArray[Any] = self._noise[: out.size]
        self.sampler.draw(stream, k)
        k = k.reshape(out.shape)
        if self.row.dtype == k.dtype:
            k += self.row
        else:
            k = k + self.row
        self.to_float(k, out)


def _divide(k: NDArray[Any], levels: int | None, out: NDArray[np.floating]) -> None:
    np.true_divide(k, out.dtype.type(levels), out=out, dtype=out.dtype, casting="unsafe")


@functools.lru_cache(maxsize=32)
def _fine_normal(scale: Fraction) -> FineNormal:
    return FineNormal(scale)


@functools.lru_cache(maxsize=32)
def _rounded_normal(scale: Fraction) -> RoundedNormal:
    return RoundedNormal(scale)
