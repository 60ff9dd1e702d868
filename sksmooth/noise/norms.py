"""The norms: L2, L1, L-infinity, and the number of features that change."""

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .norm import Norm, namespace, over_row_max, row_max, shortened, top

__all__ = ["L0", "L1", "L2", "L2AndChanges", "Linf", "Norm"]

# The roots and sums below err by less than 2**-50 relative; 2**-48 is outward.
_MARGIN = 1 - 2.0**-48


@dataclasses.dataclass(frozen=True)
class L2(Norm):
    """The Euclidean norm: the root of the sum of squares.

    Parameters
    ----------
    scale : sequence of float, default=None
        Unit of length of each feature; 0 where it cannot change. None is 1 for all of them.
    unit : str, default="sigma"
        What the scale is, in the word for logs.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.noise.norms import L2
    >>> L2().length(np.array([[3.0, 4.0]]))
    array([5.])
    >>> norm = L2([0.5, 2.0])
    >>> str(norm), norm.length(np.array([[3.0, 16.0]])), norm.l2(1.0, (2,)).round(4)
    ('l2 of delta / sigma', array([10.]), np.float64(0.5))
    >>> L2().project(np.array([[3.0, 4.0]]), 1.0)
    array([[0.6, 0.8]])
    """

    kind = "l2"

    def _length(self, xp: Any, size: Any) -> Any:
        largest, ratio = over_row_max(xp, size)
        return xp.sqrt((ratio * ratio).sum(-1)) * largest[:, 0]

    def _project(self, xp: Any, flat: Any, radius: Any) -> Any:
        return shortened(xp, flat, self._length(xp, abs(flat)), radius)

    def _steepest(self, xp: Any, rise: Any, size: Any) -> Any:
        ratio = over_row_max(xp, rise)[1]  # squares of small numbers would vanish
        length = xp.sqrt((ratio * ratio).sum(-1))[:, None]
        return ratio * (size / xp.where(length > 0, length, 1.0))

    def _random(self, rng: np.random.Generator, radius: float, n: int) -> NDArray[np.float64]:
        direction = rng.standard_normal(n)
        return direction * (radius * rng.random() ** (1 / n) / np.linalg.norm(direction))


@dataclasses.dataclass(frozen=True)
class L2AndChanges(L2):
    """The Euclidean norm of some features, where others may change to any other value.

    Lengths and balls are of changes that leave the latter as they are.

    Parameters
    ----------
    scale : sequence of float
        Unit of length of each feature; 0 for those that may change, and for those that cannot.
    unit : str, default="sigma"
        What the scale is, in the word for logs.
    changing : sequence of int
        Places of the features that may change.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.noise.norms import L2AndChanges
    >>> norm = L2AndChanges([0.5, 0.0, 0.0], changing=[2])
    >>> norm.length(np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 3.0], [1.0, 3.0, 3.0]]))
    array([ 2., inf, inf])
    >>> norm.changes(np.array([[1.0, 0.0, 0.0], [1.0, 0.0, 3.0], [1.0, 3.0, 3.0]]))
    array([ 0.,  1., inf])
    """

    changing: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "changing", tuple(int(place) for place in self.changing))

    def __str__(self) -> str:
        return f"{super().__str__()}, and changes"

    def changes(self, delta: Any) -> Any:
        """Return how many of the features change that may.

        Parameters
        ----------
        delta : array of shape (n_samples, *shape)
            Changes of rows.

        Returns
        -------
        number : array of shape (n_samples,)
            Infinite where a feature has moved that cannot.
        """
        xp = namespace(delta)
        moved = delta.reshape(len(delta), -1) != 0
        may = list(self.changing)
        still = [j for j, scale in enumerate(self.scale or ()) if not scale and j not in may]
        stray = moved[:, still].any(-1) if still else xp.zeros_like(moved[:, 0])
        return xp.where(stray, math.inf, moved[:, may].sum(-1) * 1.0)


@dataclasses.dataclass(frozen=True)
class L1(Norm):
    """The sum of absolute values.

    Parameters
    ----------
    scale : sequence of float, default=None
        Unit of length of each feature; 0 where it cannot change. None is 1 for all of them.
    unit : str, default="sigma"
        What the scale is, in the word for logs.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.noise.norms import L1
    >>> norm = L1()
    >>> norm.length(np.array([[3.0, -4.0]])), norm.l2(1.0, (4,)).round(4)
    (array([7.]), np.float64(0.5))
    >>> norm.project(np.array([[3.0, -4.0]]), 5.0)
    array([[ 2., -3.]])
    >>> norm.steepest(np.array([[3.0, -4.0]]), 1.0)
    array([[ 0., -1.]])
    """

    kind = "l1"

    def _length(self, xp: Any, size: Any) -> Any:
        return size.sum(-1)

    def _project(self, xp: Any, flat: Any, radius: Any) -> Any:
        # soft thresholds: as much off each value as leaves the radius
        size = abs(flat)
        falling = -xp.sort(-size, -1) if xp is np else -xp.sort(-size, -1).values
        number = xp.cumsum(xp.ones_like(size), -1)
        over = (xp.cumsum(falling, -1) - radius) / number
        threshold = row_max(xp, over)
        kept = size - xp.where(threshold > 0, threshold, 0.0)
        kept = xp.where(kept > 0, kept, 0.0)
        # differences cancel where changes are long
        return xp.sign(flat) * shortened(xp, kept, kept.sum(-1), radius)

    def _steepest(self, xp: Any, rise: Any, size: Any) -> Any:
        return xp.where(top(xp, abs(rise), 1), xp.sign(rise) * size, 0.0)

    def _random(self, rng: np.random.Generator, radius: float, n: int) -> NDArray[np.float64]:
        parts = rng.standard_exponential(n + 1)  # uniform on a simplex; the last one is left over
        return rng.choice([-1.0, 1.0], n) * parts[:n] * (radius / parts.sum())

    def _l2(self, radius: NDArray[np.float64], n: int) -> NDArray[np.float64]:
        return radius / self._root(n) * _MARGIN


@dataclasses.dataclass(frozen=True)
class Linf(Norm):
    """The largest absolute value.

    Parameters
    ----------
    scale : sequence of float, default=None
        Unit of length of each feature; 0 where it cannot change. None is 1 for all of them.
    unit : str, default="sigma"
        What the scale is, in the word for logs.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.noise.norms import Linf
    >>> norm = Linf()
    >>> norm.length(np.array([[3.0, -4.0]])), norm.l2(1.0, (4,))
    (array([4.]), array(1.))
    >>> norm.project(np.array([[3.0, -4.0]]), 3.5)
    array([[ 3. , -3.5]])
    """

    kind = "linf"

    @property
    def label(self) -> str:
        """The norm's radius in few words, for the axes of plots."""
        return super().label.replace("Linf", "L-infinity")

    def _length(self, xp: Any, size: Any) -> Any:
        return row_max(xp, size)[:, 0]

    def _project(self, xp: Any, flat: Any, radius: Any) -> Any:
        return xp.clip(flat, -radius, radius)

    def _steepest(self, xp: Any, rise: Any, size: Any) -> Any:
        return xp.sign(rise) * size

    def _random(self, rng: np.random.Generator, radius: float, n: int) -> NDArray[np.float64]:
        return rng.uniform(-radius, radius, n)


@dataclasses.dataclass(frozen=True)
class L0(Norm):
    """The number of features that change, by however much.

    Parameters
    ----------
    scale : sequence of float, default=None
        Only whether it is 0 matters to lengths: such a feature cannot change. Elsewhere it is the
        size of the steps of `steepest` and `random`. None is 1 for all features.
    unit : str, default="sigma"
        Not used.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.noise.norms import L0
    >>> norm = L0()
    >>> norm.length(np.array([[3.0, 0.0, -4.0]])), norm.l2(2.0, (3,))
    (array([2.]), array(0.))
    >>> norm.project(np.array([[3.0, 0.0, -4.0]]), 1)
    array([[ 0.,  0., -4.]])
    """

    kind = "l0"

    def __str__(self) -> str:
        return self.kind

    @property
    def label(self) -> str:
        """The norm's radius in few words, for the axes of plots."""
        return "Changed features"

    def _along_axes(self, radius: NDArray[np.float64], n: int) -> NDArray[np.float64]:
        moves = np.ones(n) if self.scale is None else self._array
        return np.where((radius >= 1) & (moves > 0), np.inf, 0.0)

    def _length(self, xp: Any, size: Any) -> Any:
        return xp.where(size > 0, xp.ones_like(size), 0.0).sum(-1)

    def _project(self, xp: Any, flat: Any, radius: Any) -> Any:
        return xp.where(top(xp, abs(flat), radius), flat, 0.0)

    def _steepest(self, xp: Any, rise: Any, size: Any) -> Any:
        return xp.where(top(xp, abs(rise), size), xp.sign(rise), 0.0)

    def _random(self, rng: np.random.Generator, radius: float, n: int) -> NDArray[np.float64]:
        delta = np.zeros(n)
        changed = rng.choice(n, size=min(int(radius), n), replace=False)
        delta[changed] = rng.uniform(-1.0, 1.0, len(changed))
        return delta

    def _l2(self, radius: NDArray[np.float64], n: int) -> NDArray[np.float64]:
        return np.zeros(radius.shape)  # every such ball changes all features
