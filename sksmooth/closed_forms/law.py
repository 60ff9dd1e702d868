"""What a closed form says of rows: bounds on the probability of each class, that always hold."""

import dataclasses
import functools
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Law"]


@dataclasses.dataclass(frozen=True)
class Law:
    """Bounds on the class probabilities of rows under noise; not confidence bounds: they hold.

    Attributes
    ----------
    upper : ndarray of shape (n_rows, n_classes), float64
        The probability of each class is not above this.
    miss : ndarray of shape (n_rows, n_classes), float64
        The probability of all other classes together is not above this. 1 says nothing.
    radius : ndarray of shape (n_rows,), float64, default=None
        A radius of the class with the least `miss`, in standard deviations of the noise, that is
        proved in another way than through these probabilities; 0 says nothing.
    distance : ndarray of shape (n_rows,), float64, default=None
        Such a radius in the L2 norm and the units of X, over the features that have noise.
    """

    upper: NDArray[np.float64]
    miss: NDArray[np.float64]
    radius: NDArray[np.float64] | None = None
    distance: NDArray[np.float64] | None = None

    @classmethod
    def of_uppers(cls, upper: NDArray[np.float64]) -> "Law":
        """Return the law in which nothing but upper bounds on all classes is known."""
        upper = np.minimum(upper, 1.0)
        n_classes = upper.shape[1]
        others = ~np.eye(n_classes, dtype=bool)
        miss = np.stack([upper[:, mask].sum(axis=1) for mask in others], axis=1)
        return cls(upper, np.minimum(miss * (1 + n_classes * 2.0**-52), 1.0))

    @classmethod
    def joined(cls, parts: Iterable["Law"]) -> "Law":
        """Return the laws of consecutive rows as one; what came out as no number says nothing."""
        laws = list(parts)

        def join(name: str, nothing: float) -> Any:
            arrays = [getattr(law, name) for law in laws]
            if any(values is None for values in arrays):
                return None
            joined = np.concatenate(arrays)
            return np.where(np.isnan(joined), nothing, joined)

        return cls(
            join("upper", 1.0), join("miss", 1.0), join("radius", 0.0), join("distance", 0.0)
        )

    def in_order(self, order: NDArray[np.intp]) -> "Law":
        """Return the law with its classes in another order: column i becomes column order[i]."""
        upper, miss = np.empty_like(self.upper), np.empty_like(self.miss)
        upper[:, order], miss[:, order] = self.upper, self.miss
        return dataclasses.replace(self, upper=upper, miss=miss)

    def at(self, rows: NDArray[np.intp]) -> "Law":
        """Return the law of some of the rows, in this order."""
        radius, distance = (
            None if values is None else values[rows] for values in (self.radius, self.distance)
        )
        return Law(self.upper[rows], self.miss[rows], radius, distance)

    @functools.cached_property
    def top(self) -> NDArray[np.intp]:
        """The class of which most is known: the one with the least `miss`."""
        return self.miss.argmin(axis=1)

    @functools.cached_property
    def top_miss(self) -> NDArray[np.float64]:
        """Bound on the probability of all classes but the top one."""
        return self._of(self.miss, self.top)

    @functools.cached_property
    def rival(self) -> NDArray[np.float64]:
        """Bound on the largest probability of a class other than the top one."""
        if self.upper.shape[1] == 2:
            return np.minimum(self._of(self.upper, 1 - self.top), self.top_miss)
        others = self.upper.copy()
        others[np.arange(len(others)), self.top] = 0.0
        return np.minimum(others.max(axis=1), self.top_miss)

    @property
    def width(self) -> NDArray[np.float64]:
        """Length of the interval in which the top class's probability is proved to lie."""
        return np.maximum(self._of(self.upper, self.top) - (1.0 - self.top_miss), 0.0)

    @staticmethod
    def _of(values: NDArray[np.float64], classes: NDArray[np.intp]) -> NDArray[np.float64]:
        return np.take_along_axis(values, classes[:, None], axis=1)[:, 0]
