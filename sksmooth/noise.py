"""Noise families. The class is the formula: how to draw the noise, and what radius it proves.

A new family is a class with a norm, ``around``, ``draw`` and ``radius``; nothing else in the
library needs to know it. This module knows nothing of models, labels or counts.
"""

import abc
import dataclasses
import functools
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .bounds import radius_cohen
from .lattice import FineNormal, RoundedNormal

__all__ = ["ExactGaussian", "Gaussian", "Noise"]

Perturb = Callable[[Any, NDArray[np.floating]], None]


class Noise(abc.ABC):
    """What smoothing needs of a noise distribution.

    Attributes
    ----------
    kind : str
        The family's name in `KINDS`.
    sigma : float
        Standard deviation of each coordinate, in the units of the inputs.
    norm : str
        The norm in which `radius` is measured.
    sound : bool
        Whether what `around` draws is, up to `tv_error`, what `radius` assumes.
    tv_error : float
        Total variation distance, at most, between the noisy rows that `around` gives and those that
        the proof speaks of. It is taken off the probability of the top class.
    rounding : float
        Length that `radius` has taken off for the rounding of inputs.
    """

    kind: str
    sigma: float
    norm: str
    sound: bool
    tv_error: float
    rounding: float

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """All parameters in words; part of the names of the random streams."""

    @abc.abstractmethod
    def around(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to make noisy copies of a row.

        Row and noise are summed here, not by the caller, so that a family may sum them exactly.

        Parameters
        ----------
        row : ndarray of any shape, float32 or float64
            The row.

        Returns
        -------
        perturb : callable
            ``perturb(stream, out)`` fills `out`, of shape (n_draws, *shape) and the row's dtype,
            with noisy copies; `stream` is one of `sksmooth.streams`, at the start of a block. Fewer
            draws are a prefix of more.
        """

    @abc.abstractmethod
    def draw(self, rng: Any, shape: tuple[int, ...]) -> Any:
        """Return noise for training.

        Parameters
        ----------
        rng : object
            Has the draws of a numpy Generator under their names, ``standard_normal(shape)`` among
            them, but may give arrays of another framework.
        shape : tuple of int
            Shape of the noise.

        Returns
        -------
        noise : array of the given shape
            Of the kind that `rng` gives.
        """

    @abc.abstractmethod
    def radius(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the radius within which the top class stays on top.

        Parameters
        ----------
        p_lower : array-like of float in [0, 1]
            Lower bound on the probability of the top class under noise.
        p_upper : array-like of float in [0, 1], default=None
            Upper bound on the probability of every other class; None means ``1 - p_lower``.

        Returns
        -------
        radius : ndarray of float64
            In the units of the inputs and the norm `norm`, rounded down; 0 where nothing is proved.
        """


@dataclasses.dataclass(frozen=True)
class Gaussian(Noise):
    r"""Isotropic Gaussian noise :math:`N(0, \sigma^2 I)` in floating point, for L2 balls.

    **Unsound in floating point** as soon as rows are drawn around: which floats a sum of row and
    noise can be depends on the row, and a base classifier that looks at their last bits can be
    certified at false radii. It is here to compare with published numbers, and to turn votes from
    elsewhere into radii. `ExactGaussian` is what to certify with.

    Parameters
    ----------
    sigma : float
        Standard deviation of each coordinate, in the units of the inputs.

    Examples
    --------
    >>> from sksmooth.noise import Gaussian
    >>> Gaussian(sigma=0.5).radius([0.9]).round(4)
    array([0.6408])
    """

    sigma: float
    kind = "float"
    norm = "l2"
    sound = False
    tv_error = 0.0
    rounding = 0.0

    @property
    def name(self) -> str:
        """All parameters in words."""
        return f"float normal, sigma {self.sigma!r}"

    def around(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to sum floats, in the precision of the row."""
        scale = row.dtype.type(self.sigma)
        if float(scale) < self.sigma:  # more noise than claimed is safe, less is not
            scale = np.nextafter(scale, row.dtype.type(np.inf))

        def perturb(stream: Any, out: NDArray[np.floating]) -> None:
            stream.standard_normal(out)
            out *= scale
            out += row

        return perturb

    def draw(self, rng: Any, shape: tuple[int, ...]) -> Any:
        """Return noise of the given shape for training."""
        return self.sigma * rng.standard_normal(shape)

    def radius(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
        """L2 radius of Theorem 1 in Cohen et al. (2019); see `sksmooth.bounds.radius_cohen`."""
        radius = radius_cohen(p_lower, sigma=self.sigma)
        if p_upper is not None:  # no other class has more than 1 - p_lower, whatever p_upper says
            radius = np.maximum(radius, radius_cohen(p_lower, p_upper, sigma=self.sigma))
        return np.maximum(radius - self.rounding, 0.0)


@dataclasses.dataclass(frozen=True)
class ExactGaussian(Gaussian):
    r"""Isotropic Gaussian noise that is exact on a grid: what a certificate may rest on.

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
        512 of its steps. None takes a step of ``sigma / 2**bits``.
    bits : {22, 32}, default=22
        How fine the grid is without `levels`.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.noise import ExactGaussian
    >>> from sksmooth.streams import Philox, Purpose
    >>> noise = ExactGaussian(sigma=0.25, n_values=3, levels=255)
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
    bits: int = 22
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
        if self.bits not in (22, 32) or (self.levels is not None and self.bits != 22):
            raise ValueError(f"bits must be 22 or 32, and 22 with levels; got {self.bits}.")

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
        """All parameters in words."""
        return f"exact normal, sigma {self.sigma!r}, levels {self.levels}, bits {self.bits}"

    @property
    def step(self) -> Fraction:
        """Step of the grid."""
        if self.levels is not None:
            return Fraction(1, self.levels)
        return Fraction(self.sigma) / 2**self.bits

    @functools.cached_property
    def tv_error(self) -> float:  # type: ignore[override]
        """Total variation distance of a noisy row from the ideal one, at most."""
        return self.n_values * max(self._sampler.tv_error, self._fine.tv_error)

    @functools.cached_property
    def rounding(self) -> float:  # type: ignore[override]
        """Length that radii lose because rows, this one and its neighbours, are rounded.

        A coordinate moves by at most 3/4 of a step: by half a step, and by the error of a float
        quotient of up to 2**51. To a grid of levels it moves only if it is nearer than `tolerance`,
        up to the rounding of that comparison. (With 32 bits, quotients may be up to 2**61: whoever
        uses that grid has to account for theirs.)
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
        return _fine_normal(Fraction(self.sigma) / self._fine_step, self.bits - 6)

    @property
    def _sampler(self) -> RoundedNormal | FineNormal:
        if self.levels is None:
            return self._fine
        return _rounded_normal(Fraction(self.sigma) / self.step)

    def around(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to sum integers."""
        values = row.astype(np.float64)
        if self.levels is not None:
            nearest = np.rint(values * self.levels)
            off = np.abs(values - nearest / self.levels)
            if np.all(off <= self.tolerance) and np.all(np.abs(nearest) < 2.0**24):
                return _Sum(self._sampler, nearest, lambda k, out: _divide(k, self.levels, out))
        quotient = self._quotient(values)
        if not np.all(np.abs(quotient) < (2.0**51 if self.bits == 22 else 2.0**61)):
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


KINDS: dict[str, type[Gaussian]] = {"exact": ExactGaussian, "float": Gaussian}


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
def _fine_normal(scale: Fraction, bits: int) -> FineNormal:
    return FineNormal(scale, bits)


@functools.lru_cache(maxsize=32)
def _rounded_normal(scale: Fraction) -> RoundedNormal:
    return RoundedNormal(scale)
