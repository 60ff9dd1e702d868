r"""Quadratic functions of normals, their moment generating functions and Chernoff bounds.

For independent standard normals y, :math:`D = c + \sum_i (\lambda_i y_i^2 + b_i y_i)` has the
moment generating function :math:`M(s) = E e^{-sD} = e^{K(s)}`, with
:math:`w_i = 1 + 2 s \lambda_i`,

.. math:: K(s) = -sc + \sum_i \Bigl(\frac{s^2 b_i^2}{2 w_i} - \frac12 \log w_i\Bigr).

K is convex where all w are positive, and :math:`P(D \le 0) \le M(s)` for every such s > 0. At the
saddle, the minimum of K, that is not far from the truth. Errors of D of the size
:math:`e + m |y|^2` make it another quadratic function: nothing else is done about them here.

References
----------
.. [1] B. Laurent and P. Massart, "Adaptive estimation of a quadratic functional by model
   selection", Ann. Statist. 28 (2000), Lemma 1.
"""

import dataclasses
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ...bounds.rounding import UNIT
from .normal import FLOOR

__all__ = ["FAR", "Lines", "Quadratics", "Tilted"]

# chance that |y|**2 exceeds k + 2 sqrt(37 k) + 74, of k dimensions [1]
FAR = 1e-16

_NEAREST, _FARTHEST = 1.5, 1e5  # of the line from 0, in 1 / standard deviation of D
_HALVINGS = 12
_DETOUR = 2.0  # logarithm of what M may be above its minimum
_NOTHING = 1e-200  # as good as no noise at all


class Lines:
    """Base of dataclasses of arrays: an index takes the same lines of each array."""

    def __getitem__(self, lines: Any) -> Self:
        fields: Any = dataclasses.fields(self)  # type: ignore[arg-type]  # of the subclass
        return type(self)(*(getattr(self, field.name)[lines] for field in fields))


@dataclasses.dataclass(frozen=True)
class Quadratics(Lines):
    """Quadratic functions of standard normals, D = offset + sum (curvature y**2 + slope y) + error.

    Attributes
    ----------
    curvature, slope : ndarray of shape (n, n_dims)
        One function a line.
    offset : ndarray of shape (n,)
        Its value at 0.
    still, moving : ndarray of shape (n,)
        The error is not above ``still + moving |y|**2`` in absolute value.
    """

    curvature: NDArray[np.float64]
    slope: NDArray[np.float64]
    offset: NDArray[np.float64]
    still: NDArray[np.float64]
    moving: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.offset)

    def turned(self, sign: NDArray[np.float64]) -> "Quadratics":
        """Return the functions times plus or minus one."""
        column = sign[:, None]
        return Quadratics(
            self.curvature * column,
            self.slope * column,
            self.offset * sign,
            self.still,
            self.moving,
        )

    @property
    def expected(self) -> NDArray[np.float64]:
        """Expectations, without the error."""
        return self.offset + self.curvature.sum(axis=1)

    def tilted(self) -> "Tilted":
        """Return what bounds the functions from below, and lines to integrate along."""
        with np.errstate(all="ignore"):  # what is not finite claims nothing
            return Tilted.of(self)


@dataclasses.dataclass(frozen=True)
class Tilted(Lines):
    """Lower bounds of functions, each with a line that is near its saddle.

    Attributes
    ----------
    curvature, slope : ndarray of shape (n, n_dims)
        Of the lower bound; no curvature is so small that its square vanishes.
    offset : ndarray of shape (n,)
        Of the lower bound.
    gap : ndarray of shape (n,)
        The function is not more than this above the bound, but for a probability of `FAR`.
    deviation : ndarray of shape (n,)
        Standard deviation of the bound.
    last : ndarray of shape (n,)
        M is finite for real s below this, infinite ones among them.
    t : ndarray of shape (n,)
        Names points of the domain; see `at`.
    s : ndarray of shape (n,)
        The line.
    log : ndarray of shape (n,)
        Bound on the logarithm of P(D <= 0): Chernoff's. NaN where numbers are not finite.
    """

    curvature: NDArray[np.float64]
    slope: NDArray[np.float64]
    offset: NDArray[np.float64]
    gap: NDArray[np.float64]
    deviation: NDArray[np.float64]
    last: NDArray[np.float64]
    t: NDArray[np.float64]
    s: NDArray[np.float64]
    log: NDArray[np.float64]

    @classmethod
    def of(cls, given: Quadratics) -> "Tilted":
        """Bound functions from below, and find a point near each one's saddle by bisection."""
        n, k = given.curvature.shape
        curvature = given.curvature - given.moving[:, None]
        spread = np.sqrt((2 * curvature**2 + given.slope**2).sum(axis=1))
        least = 1e-17 * spread + _NOTHING
        curvature = np.where(np.abs(curvature) < least[:, None], -least[:, None], curvature)
        offset = given.offset - given.still
        gap = 2 * given.still + (2 * given.moving + 2 * least) * (k + 2 * np.sqrt(37 * k) + 74)
        gap = gap * (1 + 1e-9) + 8 * UNIT * np.abs(given.offset)
        last = -0.5 / np.minimum(curvature.min(axis=1, initial=0.0), -_NOTHING) * (1 - 1e-12)
        last = np.where(curvature.min(axis=1, initial=0.0) < 0, last, np.inf)
        deviation = spread + _NOTHING
        self = cls(curvature, given.slope, offset, gap, deviation, last, *np.empty((3, n)))
        low, high = np.full(n, np.log(_NEAREST)), np.full(n, np.log(_FARTHEST))
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            before = self._derivative(self.at(np.exp(middle))) < 0
            low, high = np.where(before, middle, low), np.where(before, high, middle)
        t = np.exp(low)
        s = self.at(t)
        value, error = self.cumulant(s)
        log, most = value + error, value + _DETOUR
        # next to the end of the domain steps would be small; farther off M is not much larger
        for _ in range(4):
            other = self.at(0.5 * t)
            worth = (other > 0.7 * last) & (self.cumulant(other)[0] < most)
            t, s = np.where(worth, 0.5 * t, t), np.where(worth, other, s)
        return dataclasses.replace(self, t=t, s=s, log=log)

    def at(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the real s of the domain that positive numbers t name, in order."""
        return 1 / (1 / self.last + self.deviation / t)

    def _derivative(self, s: NDArray[np.float64]) -> NDArray[np.float64]:
        s = s[:, None]
        w = 1 + 2 * s * self.curvature
        terms = self.slope**2 * (s * (1 + s * self.curvature)) / w**2 - self.curvature / w
        return terms.sum(axis=1) - self.offset

    def cumulant(self, s: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return K at real s, and a bound on the rounding error of that."""
        k = self.curvature.shape[1]
        w = 1 + 2 * s[:, None] * self.curvature
        squares = ((s[:, None] * self.slope) ** 2 / (2 * w)).sum(axis=1)
        logs = 0.5 * np.log(w)
        value = squares - logs.sum(axis=1) - s * self.offset
        loss = 1 + 1 / w.min(axis=1, initial=1.0)  # of digits, where w is a small difference
        sizes = squares + np.abs(logs).sum(axis=1) + s * np.abs(self.offset)
        error = UNIT * ((k + 10) * sizes + 8 * loss * squares + 3 * loss * k + 4)
        value = np.where(w.min(axis=1, initial=1.0) > 0, value, np.nan)
        return value, 2 * error

    def chernoff(self) -> NDArray[np.float64]:
        """Return bounds on P(D <= 0) without an integral."""
        high = np.exp(np.minimum(self.log, 0.0)) * (1 + 1e-12)
        return np.where(np.isnan(high), 1.0, np.minimum(high + FLOOR, 1.0))
