"""What every norm promises: how far a change goes, how to keep it within a radius, and where to go.

A norm is what a radius is measured in. Certificates print it, attacks step and project in it, and
it says which L2 ball lies in a ball of its own.
"""

import abc
import dataclasses
import functools
import math
import sys
from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Norm"]


@dataclasses.dataclass(frozen=True)
class Norm(abc.ABC):
    """A norm of ``delta / scale``, for a change delta of a row.

    Changes come as an array of shape (n_samples, *shape of a row), of numpy or torch, and what is
    returned is of the same kind. Norms compare equal if they measure alike; ``str(norm)`` is the
    word that logs hold.

    Parameters
    ----------
    scale : sequence of float, default=None
        Unit of length of each feature, in the order of a flattened row. A feature with 0 cannot
        change: the length of a change there is infinite. None is 1 for all of them.
    unit : str, default="sigma"
        What the scale is, in the word for logs.
    """

    scale: tuple[float, ...] | None = None
    unit: str = "sigma"

    kind: ClassVar[str]

    def __post_init__(self) -> None:
        if self.scale is None:
            return
        object.__setattr__(self, "scale", of_features("scale", self.scale))

    def __str__(self) -> str:
        return self.kind if self.scale is None else f"{self.kind} of delta / {self.unit}"

    @property
    def label(self) -> str:
        """The norm's radius in few words, for the axes of plots."""
        radius = f"{self.kind.capitalize()} radius"
        return radius if self.scale is None else f"{radius} of delta / {self.unit}"

    def length(self, delta: Any) -> Any:
        """Return the lengths of changes.

        Parameters
        ----------
        delta : array of shape (n_samples, *shape)
            Changes of rows.

        Returns
        -------
        length : array of shape (n_samples,)
            Infinite where a feature has moved that cannot.
        """
        xp, delta = namespace(delta), _floats(delta)
        length = self._length(xp, abs(self._standardised(xp, delta)))
        if self.scale is None:
            return length
        size = abs(delta.reshape(len(delta), -1))
        stray = (xp.where(self._scale(size) > 0, 0.0, size) > 0).any(-1)
        return xp.where(stray, math.inf, length)

    def project(self, delta: Any, radius: Any) -> Any:
        """Return changes brought back to a length of at most `radius`, up to rounding.

        Parameters
        ----------
        delta : array of shape (n_samples, *shape)
            Changes of rows.
        radius : float or array of shape (n_samples,)
            The largest length.

        Returns
        -------
        delta : array of shape (n_samples, *shape)
            The same where they are short enough. The nearest change within the radius, in the
            Euclidean distance of ``delta / scale``.
        """
        xp, delta = namespace(delta), _floats(delta)
        flat = self._standardised(xp, delta)
        limit = column(flat, radius)
        projected = self._back(self._project(xp, flat, limit), flat)
        short = self.length(delta)[:, None] <= limit  # not even rounded
        return xp.where(short, delta.reshape(flat.shape), projected).reshape(delta.shape)

    def steepest(self, gradient: Any, size: Any) -> Any:
        """Return the changes of a given length along which a linear function rises most.

        Parameters
        ----------
        gradient : array of shape (n_samples, *shape)
            Gradients with respect to the rows.
        size : float or array of shape (n_samples,)
            Lengths.

        Returns
        -------
        delta : array of shape (n_samples, *shape)
            Zero where the gradient is.
        """
        rise = _floats(gradient).reshape(len(gradient), -1)
        rise = rise if self.scale is None else rise * self._scale(rise)
        xp = namespace(gradient)
        return self._back(self._steepest(xp, rise, column(rise, size)), gradient)

    def random(
        self, rng: np.random.Generator, radius: float, shape: tuple[int, ...]
    ) -> NDArray[np.float64]:
        """Return a random change of a row, from all over the ball.

        Parameters
        ----------
        rng : numpy.random.Generator
            Where the randomness comes from.
        radius : float
            The largest length.
        shape : tuple of int
            Shape of the row.

        Returns
        -------
        delta : ndarray of that shape
            Uniform in the ball, up to rounding.
        """
        moves = np.ones(shape, dtype=bool)
        unit = np.ones(shape)
        if self.scale is not None:
            unit = np.reshape(self.scale, shape)
            moves = unit > 0
        delta = np.zeros(shape)
        delta[moves] = self._random(rng, radius, int(moves.sum())) * unit[moves]
        return delta

    def l2(self, radius: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return the radii of the largest L2 balls within balls of this norm.

        Parameters
        ----------
        radius : array-like of float
            Radii in this norm.
        shape : tuple of int
            Shape of a row.

        Returns
        -------
        radius : ndarray of float64
            In the units of the features, rounded down; 0 where no such ball has one. Features that
            cannot change are left out of the ball.
        """
        radius = np.asarray(radius, dtype=np.float64)
        if self.scale is not None and len(self.scale) != math.prod(shape):
            raise ValueError(
                f"The norm has a scale for {len(self.scale)} features; rows have shape {shape}."
            )
        return self._l2(radius, math.prod(shape))

    def ball(self, kind: str, radius: ArrayLike, n_features: int) -> NDArray[np.float64]:
        """Return the radii of the largest balls of another norm within balls of this one.

        Parameters
        ----------
        kind : {"l1", "l2", "linf"}
            The other norm, in the units of the features that can change.
        radius : array-like of float
            Radii in this norm.
        n_features : int
            Number of features of a flattened row.

        Returns
        -------
        radius : ndarray of float64
            Rounded down; 0 where no such ball has one.
        """
        radius = np.asarray(radius, dtype=np.float64)
        power = _POWERS.get((self.kind, kind))
        if self.kind == "l0":
            return np.zeros(radius.shape)
        if power is None:
            return np.where(np.isfinite(radius), radius * self._least * _DOWN, radius)
        units = self._array[self._array > 0] if self.scale is not None else np.ones(n_features)
        longest = math.fsum((1 / units) ** power) ** (1 / power)
        return np.where(np.isfinite(radius), radius / longest * _DOWN, radius)

    def depends_on_dimension(self, kind: str) -> bool:
        """Return whether `ball` needs to know how many features there are.

        Parameters
        ----------
        kind : str
            The other norm, "l1", "l2" or "linf".

        Returns
        -------
        depends : bool
            False if the answer is the same for all numbers of features.
        """
        return self.scale is None and (self.kind, kind) in _POWERS

    def along_axes(self, radius: ArrayLike, n_features: int) -> NDArray[np.float64]:
        """Return how far each feature alone may change within balls of this norm.

        Parameters
        ----------
        radius : array-like of float of shape (n_samples,)
            Radii in this norm.
        n_features : int
            Number of features of a flattened row.

        Returns
        -------
        change : ndarray of shape (n_samples, n_features), float64
            In the units of the features, rounded down; 0 where a feature cannot change.
        """
        return self._along_axes(np.asarray(radius, dtype=np.float64)[:, None], n_features)

    def _along_axes(self, radius: NDArray[np.float64], n: int) -> NDArray[np.float64]:
        """Return how far each of n features may change; radii come as a column."""
        if self.scale is None:
            return np.repeat(radius, n, axis=1)
        change = np.where(self._array > 0, radius * np.maximum(self._array, 5e-324), 0.0)
        return np.where(np.isfinite(change), np.nextafter(change, 0.0), change)

    @abc.abstractmethod
    def _length(self, xp: Any, size: Any) -> Any:
        """Return lengths of flat absolute changes in units of the scale."""

    @abc.abstractmethod
    def _project(self, xp: Any, flat: Any, radius: Any) -> Any:
        """Project flat changes in units of the scale."""

    @abc.abstractmethod
    def _steepest(self, xp: Any, rise: Any, size: Any) -> Any:
        """Return the steepest changes in units of the scale."""

    @abc.abstractmethod
    def _random(self, rng: np.random.Generator, radius: float, n: int) -> NDArray[np.float64]:
        """Return a random change of n features, in units of the scale."""

    def _l2(self, radius: NDArray[np.float64], n: int) -> NDArray[np.float64]:
        """Return L2 radii, for rows of n features: of norms that are not above the L2 norm."""
        # a correctly rounded product is above the true one by less than a unit in the last place
        if self.scale is None:
            return radius
        return np.where(np.isfinite(radius), np.nextafter(radius * self._least, 0.0), radius)

    @functools.cached_property
    def _array(self) -> NDArray[np.float64]:
        return np.array(self.scale)

    @property
    def _least(self) -> float:
        """The smallest unit of a feature that moves."""
        return 1.0 if self.scale is None else min(value for value in self.scale if value > 0)

    def _root(self, n: int) -> float:
        """Length of the vector of ``1 / scale``."""
        if self.scale is None:
            return math.sqrt(n)
        return math.sqrt(math.fsum(1 / value**2 for value in self.scale if value > 0))

    def _scale(self, like: Any) -> Any:
        if namespace(like) is np:
            return self._array.astype(like.dtype, copy=False)
        return like.new_tensor(self._array)

    def _standardised(self, xp: Any, delta: Any) -> Any:
        flat = delta.reshape(len(delta), -1)
        if self.scale is None:
            return flat
        scale = self._scale(flat)
        return xp.where(scale > 0, flat / xp.where(scale > 0, scale, 1.0), 0.0)

    def _back(self, flat: Any, like: Any) -> Any:
        return (flat if self.scale is None else flat * self._scale(flat)).reshape(like.shape)


# the norm of the vector of inverse units by which a ball of the second norm is smaller; else it is
# the largest inverse unit
_POWERS = {("l2", "linf"): 2, ("l1", "l2"): 2, ("l1", "linf"): 1}
_DOWN = 1 - 2.0**-48  # sums, roots and quotients above err by less


def of_features(name: str, given: Iterable[float]) -> tuple[float, ...]:
    """Return a number for each feature, without negative zeros; refuse what no scale can be."""
    scale = tuple(float(value) + 0.0 for value in given)
    if not all(0 <= value < math.inf for value in scale) or not any(scale):
        raise ValueError(
            f"{name} must be one number for each feature, 0 or more, finite, and not all of them "
            f"0; got {given!r}."
        )
    return scale


def namespace(array: Any) -> Any:
    """Return the functions that go with an array: those of torch, if it is a tensor, or numpy's."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and isinstance(array, torch.Tensor) else np


def _floats(array: Any) -> Any:
    """Return an array of floats: halves of a radius have no place in integers."""
    if namespace(array) is np:
        return array if array.dtype.kind == "f" else array.astype(np.float64)
    return array if array.is_floating_point() else array.float()


def column(like: Any, value: Any) -> Any:
    """Return a number for each row as a column of the kind of `like`."""
    xp = namespace(like)
    if xp is np:
        values = np.asarray(value, dtype=like.dtype)
    else:
        values = xp.as_tensor(value, dtype=like.dtype, device=like.device)
    return xp.broadcast_to(values, (len(like),))[:, None]


def row_max(xp: Any, flat: Any) -> Any:
    return xp.amax(flat, -1)[:, None]


def over_row_max(xp: Any, flat: Any) -> Any:
    """Return the largest size of each row, as a column, and the row over it."""
    largest = row_max(xp, abs(flat))
    return largest, flat / xp.where(largest > 0, largest, 1.0)


def shortened(xp: Any, flat: Any, length: Any, radius: Any) -> Any:
    """Return rows of given lengths, brought back to a radius along a line."""
    length = length[:, None]
    return flat * xp.where(length > radius, radius / xp.where(length > 0, length, 1.0), 1.0)


def top(xp: Any, size: Any, number: Any) -> Any:
    """Return which are the largest of each row; of equals the first in no given order."""
    rank = xp.argsort(xp.argsort(-size, -1), -1)
    return rank < xp.floor(column(size, 1.0) * number)
