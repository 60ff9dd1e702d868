r"""Additive noise in integers: rows are rounded to a grid, and noise is drawn on it.

The base sees :math:`Q(x + \varepsilon)`, with ideal noise :math:`\varepsilon` and Q the rounding to
the grid: it is the composition of the base with Q that is smoothed.
"""

import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .base import Noise, Perturb
from .parts import Buffer, around_present
from .samplers.cells import CellSampler, repeated
from .specification import Rows

__all__ = ["GridNoise", "made"]

_FARTHEST = 2.0**51  # steps; up to there float quotients are off by a quarter of a step


class GridNoise(Noise):
    """Noise whose sum with a row is taken in integers.

    Attributes
    ----------
    n_values : int
        Number of values of a row.
    levels : int or None
        The grid is that of the multiples of ``1 / levels``. None takes a much finer one.
    fitting : (str, int, int)
        Name of the parameter that says how wide noise is, and how many steps of the levels' grid
        that may be, at least and at most.
    """

    n_values: int
    levels: int | None
    fitting: ClassVar[tuple[str, int, int]]
    sound = True
    # two to the power of this are the steps of the much finer grid in the width of noise
    _bits: int
    _fine_law: ClassVar[Any]
    _rounded_law: ClassVar[Any]

    def __post_init__(self) -> None:
        (name, low, high), width, levels = self.fitting, self._width, self.levels
        if not 0 < width < math.inf or self.n_values < 1 or (levels is not None and levels < 1):
            raise ValueError(
                f"{name} must be positive and finite, and n_values and levels 1 or more; got "
                f"{width}, {self.n_values} and {levels}."
            )
        if levels is not None and not self.fits(width, levels):
            raise ValueError(
                f"{name} must be {low} to {high} steps of the grid, {low / levels:g} to "
                f"{high / levels:g} for levels={levels}; got {width}."
            )

    @classmethod
    def fits(cls, width: float, levels: int) -> bool:
        """Whether noise is neither too narrow nor too wide for a grid of levels: see `fitting`."""
        return cls.fitting[1] <= width * levels <= cls.fitting[2]

    @classmethod
    def bound(cls, width: float, rows: Rows) -> Self:
        """Return the noise for rows of this kind: on the grid of bytes only if the width fits it.

        Parameters
        ----------
        width : float
            How wide noise is.
        rows : Rows
            Their shape and grid.
        """
        fits = rows.levels is not None and cls.fits(width, rows.levels)
        family: Any = cls
        noise: Self = family(width, math.prod(rows.shape), rows.levels if fits else None)
        return noise

    @property
    def _width(self) -> float:
        return float(getattr(self, self.fitting[0]))

    @property
    def step(self) -> Fraction:
        """Step of the grid."""
        if self.levels is not None:
            return Fraction(1, self.levels)
        return Fraction(self._width) / 2**self._bits

    @property
    def _odd(self) -> int:
        """Steps of the fine grid in one of the levels' grid: odd, so that cells are made of cells.

        Then rounding to the one and then to the other is rounding to the other.
        """
        assert self.levels is not None
        return 2 * int(2**21 / (self.levels * self._width)) + 1

    @property
    def _sampler(self) -> Any:
        """What draws integers on the grid."""
        if self.levels is None:
            return self._fine
        return made(self._rounded_law, Fraction(self._width) / self.step)

    @property
    def _fine(self) -> Any:
        """What draws integers on the fine grid; the same without levels."""
        return made(self._fine_law, Fraction(self._width) / self._fine_step, self._bits - 6)

    @property
    def _fine_step(self) -> Fraction:
        """Step of the grid to which rows are rounded that are on none of the levels."""
        return self.step if self.levels is None else self.step / self._odd

    @property
    def tolerance(self) -> float:
        """Distance within which a value counts as one of the levels; 0 without levels."""
        return 0.0 if self.levels is None else 2.0**-16 / self.levels

    @functools.cached_property
    def tv_error(self) -> float:  # type: ignore[override]
        """Total variation distance of a noisy row from the ideal one, at most."""
        return self.n_values * max(self._sampler.tv_error, self._fine.tv_error)

    @functools.cached_property
    def rounding(self) -> float:  # type: ignore[override]
        """Length that radii lose because rows, this one and its neighbours, are rounded.

        Each value moves by at most 3/4 of a step: by half a step, and by the error of a float
        quotient of up to 2**51. To a grid of levels it moves only if it is nearer than `tolerance`,
        up to the rounding of that comparison.
        """
        far = max(self.tolerance, float(self._fine_step))
        # a log may say any number of values: no array of so many
        length_of_ones = {"l1": float(self.n_values), "l2": math.sqrt(self.n_values)}
        return 2.0 * far * length_of_ones[self.norm.kind] * 1.001

    def deviations(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return `sigma` for each value."""
        return np.broadcast_to(np.float64(self.sigma), shape)  # type: ignore[attr-defined]  # a field or a property

    @np.errstate(over="ignore", invalid="ignore")  # what is infinite is refused
    def around(
        self, row: NDArray[np.floating], scale: NDArray[np.float64] | None = None
    ) -> Perturb:
        """Prepare to sum integers; off a grid of levels, sums may be multiplied by a `scale`."""
        with_gaps = around_present(row, self.around)
        if with_gaps is not None:
            return with_gaps
        values = row.astype(np.float64)
        if self.levels is not None:
            nearest = np.rint(values * self.levels)
            off = np.abs(values - nearest / self.levels)
            if np.all(off <= self.tolerance) and np.all(np.abs(nearest) < 2.0**24):
                return _Sum(self._sampler, nearest, lambda k, out: _divide(k, self.levels, out))
        quotient = self._quotient(values)
        if not np.all(np.abs(quotient) < _FARTHEST):
            raise ValueError(
                f"A row has a value of {np.abs(values).max():.3g}, which is too large for noise of "
                f"{self.label}: the noise would be lost in its rounding. Scale the features to "
                "like units, or subtract an offset."
            )
        if self.levels is not None:
            return _Sum(self._fine, np.rint(quotient), self._to_levels)
        return _Product(self._fine, np.rint(quotient), float(self.step), scale)

    def _quotient(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.levels is None:
            return values / float(self.step)  # a power of two times sigma or scale, exactly
        return values * (self.levels * self._odd)

    def _to_levels(self, k: NDArray[Any], out: NDArray[np.floating]) -> None:
        _divide((k.astype(np.int64) + self._odd // 2) // self._odd, self.levels, out)


class _Sum:
    """A row and its noise, summed as integers; a class rather than a closure for its buffer."""

    def __init__(
        self,
        sampler: Any,
        row: NDArray[np.float64],
        to_float: Callable[[NDArray[Any], NDArray[np.floating]], None],
    ) -> None:
        self.sampler, self.to_float = sampler, to_float
        room = np.iinfo(sampler.dtype).max // 2  # noise takes up less than half of the range
        fits = np.all(np.abs(row) <= room)
        self.row = row.astype(sampler.dtype if fits else np.int64)
        self._noise = Buffer(sampler.dtype)

    def __call__(self, stream: Any, out: NDArray[np.floating]) -> None:
        k = self._noise.of(out.shape)
        self.sampler.draw(stream, k.reshape(-1))
        if self.row.dtype == k.dtype:
            k += self.row
        else:
            k = k + self.row
        self.to_float(k, out)


class _Product(_Sum):
    """The same, times the step and maybe a factor: in one pass where loops are compiled."""

    def __init__(
        self,
        sampler: Any,
        row: NDArray[np.float64],
        step: float,
        scale: NDArray[np.float64] | None,
    ) -> None:
        super().__init__(sampler, row, self._multiply)
        self.step, self.scale = step, scale
        self._repeated: tuple[Any, Any] = None, None
        self._room = 0

    def __call__(self, stream: Any, out: NDArray[np.floating]) -> None:
        if stream.loops is None or not isinstance(self.sampler, CellSampler):
            super().__call__(stream, out)
            return
        if self._room < out.size:
            scale = None if self.scale is None else repeated(self.scale, out.size)
            self._repeated, self._room = (repeated(self.row, out.size), scale), out.size
        row, scale = self._repeated
        self.sampler.draw_sum(stream, row, self.step, scale, out)

    def _multiply(self, k: NDArray[Any], out: NDArray[np.floating]) -> None:
        if self.scale is None:
            np.multiply(k, self.step, out=out, casting="unsafe")
        else:
            np.multiply(k * self.step, self.scale, out=out, casting="unsafe")


@functools.lru_cache(maxsize=64)
def made(sampler: Any, *parameters: Any) -> Any:
    """Return a sampler, which is made once: tables take a while."""
    return sampler(*parameters)


def _divide(k: NDArray[Any], levels: int | None, out: NDArray[np.floating]) -> None:
    np.true_divide(k, out.dtype.type(levels), out=out, dtype=out.dtype, casting="unsafe")
