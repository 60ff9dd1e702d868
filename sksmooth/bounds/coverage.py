"""Levels and ranks with which prediction sets keep their coverage under attack."""

import dataclasses
import functools
import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc, ndtr, ndtri

from .binomial import betainc_error

__all__ = ["CoveragePlan", "coverage_level", "plan_coverage"]

_KEPT = 0.95  # share of alpha that may be left to calibrate with
_OUTWARD = 1 + 2.0**-45  # ndtri and ndtr together err by less, relative
_FARTHEST = 38.0  # beyond, normal tails are 0
_TOLERANCE = 1e-5  # of alpha

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class _Curve:
    """Both misses of a row, as functions of how rarely a draw of it passes.

    Places v stand for the probability u = Phi(v) that a draw does not pass at the clean row.
    """

    n: int
    rank: int
    passes: int
    distance: float
    tv_error: float

    def clean(self, v: Floats) -> Floats:
        """Return E: the probability that fewer than `rank` of n draws pass, rounded down."""
        p = betainc(self.n - self.rank + 1, self.rank, ndtr(v) / _OUTWARD)
        return p * (1 - betainc_error(self.n))

    def attacked(self, v: Floats) -> Floats:
        """Return D: the largest probability that fewer than `passes` pass at a row so far away."""
        u = np.minimum(ndtr(v) * _OUTWARD + self.tv_error, 1.0)
        u = np.minimum(ndtr(ndtri(u) + self.distance) * _OUTWARD + self.tv_error, 1.0)
        p = betainc(self.n - self.passes + 1, self.passes, u)
        return np.minimum(p * (1 + betainc_error(self.n)), 1.0)

    def places(self) -> Floats:
        """Return places from the first to the last, more where the curve bends."""
        centers = [ndtri(np.clip(1 - self.rank / self.n, 1e-9, 1 - 1e-9))]
        centers += [ndtri(np.clip(1 - self.passes / self.n, 1e-9, 1 - 1e-9)) - self.distance]
        steps = np.linspace(-1, 1, 601) ** 3 * (12 / math.sqrt(self.n) + 1)
        parts = [np.linspace(-_FARTHEST, _FARTHEST, 801), *(c + steps for c in centers)]
        found = np.unique(np.concatenate(parts))
        return np.concatenate([[-np.inf], found, [np.inf]])

    def slope(self, alpha: float) -> tuple[float, float]:
        """Return the slope of the line that leaves most, and what it leaves, but for rounding."""
        v = self.places()
        clean, attacked = self.clean(v), self.attacked(v)
        slopes = np.geomspace(1e-3, 1e6, 271)
        for _ in range(3):
            excess = (attacked - slopes[:, None] * clean).max(axis=1)
            levels = (alpha - np.maximum(excess, 0.0)) / slopes
            best = int(levels.argmax())
            ends = slopes[max(best - 1, 0)], slopes[min(best + 1, len(slopes) - 1)]
            found, slopes = (float(slopes[best]), float(levels[best])), np.geomspace(*ends, 41)
        return found

    def excess(self, slope: float, tolerance: float) -> float:
        """Return an upper bound on the largest D - slope * E, by cutting intervals of places."""
        v = self.places()
        low, high = v[:-1], v[1:]
        best = bound = 0.0  # at the first place nothing is missed
        for _ in range(60):
            clean, attacked = self.clean(low), self.attacked(high)
            best = max(best, float((self.attacked(low) - slope * clean).max(initial=0.0)))
            most = attacked - slope * clean  # both increase with the place
            bound = max(bound, float(most[most <= best + tolerance].max(initial=0.0)))
            is_open = most > best + tolerance
            if not is_open.any():
                break
            low, high = low[is_open], high[is_open]
            cuts = np.linspace(np.maximum(low, -_FARTHEST), np.minimum(high, _FARTHEST), 5)
            cuts[0], cuts[-1] = low, high
            low, high = cuts[:-1].ravel(), cuts[1:].ravel()
        else:
            bound = max(bound, float(most.max()))
        return max(best, bound)


def coverage_level(
    n: int, rank: int, passes: int, distance: float, alpha: float, *, tv_error: float = 0.0
) -> float:
    r"""Return the level at which to calibrate prediction sets for rows that an attack may move.

    Each calibration row has a score: the `rank`-th largest of `n` draws under Gaussian noise. The
    threshold is the quantile of this level of these scores. A label belongs to the set of a row if
    at least `passes` of `n` fresh draws reach the threshold. Then the set contains the true label
    with probability at least ``1 - alpha``, even if an attack has moved the row by `distance`.

    Parameters
    ----------
    n : int
        Draws of each row.
    rank : int
        From 1, the largest draw, to n.
    passes : int
        From 1 to n.
    distance : float
        Largest length of a perturbation, in standard deviations of the noise.
    alpha : float
        Largest probability that the set misses the true label, in (0, 1).
    tv_error : float, default=0.0
        Total variation distance, at most, between a noisy row and one with ideal noise.

    Returns
    -------
    level : float
        In [0, alpha], rounded down; 0 if no positive level suffices.

    Notes
    -----
    Let p be the probability that a draw of the clean row passes, :math:`E(p) = P(B(n, p) <
    \text{rank})` and :math:`D(p) = P(B(n, c(p)) < \text{passes})` with :math:`c(p) =
    \Phi(\Phi^{-1}(p) - \text{distance})`. For all :math:`a_0, b \ge 0` with :math:`D \le a_0 + b E`
    everywhere, the level :math:`(\alpha - a_0) / b` suffices. The best one found is returned; the
    page on theory of the documentation has the proof.

    Examples
    --------
    >>> from sksmooth.bounds import coverage_level
    >>> round(coverage_level(100, 80, 43, 1.0, alpha=0.1), 4)
    0.0987
    >>> round(coverage_level(1, 1, 1, 0.25, alpha=0.1), 4)  # one draw: RCP1
    0.0628
    """
    if not (1 <= rank <= n and 1 <= passes <= n):
        raise ValueError(f"rank and passes must be from 1 to n={n}; got {rank} and {passes}.")
    if not (0 < alpha < 1 and 0 <= distance < np.inf):
        raise ValueError(
            f"alpha must be in (0, 1), and distance finite, of 0 or more; got {alpha!r} and "
            f"{distance!r}."
        )
    if distance == 0 and passes <= rank:
        return float(alpha)  # the row's own draws: it is missed no more often than in calibration
    curve = _Curve(n, rank, passes, float(distance), tv_error)
    slope, _ = curve.slope(alpha)
    left = alpha - curve.excess(slope, _TOLERANCE * alpha)
    return max(0.0, left / slope * (1 - 2.0**-50))


@dataclasses.dataclass(frozen=True)
class CoveragePlan:
    """How prediction sets are made, fixed before any score is seen.

    Attributes
    ----------
    rank : int
        A calibration row's score is the rank-th largest of its draws.
    passes : int
        Draws that must reach the threshold for a label to belong to a set.
    level : float
        Level at which the threshold is taken.
    order : int
        The threshold is the order-th smallest of the calibration scores; 0 stands for minus
        infinity: all labels belong to all sets.
    """

    rank: int
    passes: int
    level: float
    order: int


@functools.lru_cache(maxsize=256)
def plan_coverage(
    n: int,
    rank: int,
    distance: float,
    alpha: Fraction,
    n_calibration: int,
    *,
    tv_error: float = 0.0,
) -> CoveragePlan:
    """Return how many passes to ask for, and which calibration score to compare draws with.

    Parameters
    ----------
    n, rank, distance, tv_error
        As of `coverage_level`.
    alpha : Fraction
        Exact, since ``alpha * (n_calibration + 1)`` is often a whole number.
    n_calibration : int
        Calibration rows.

    Returns
    -------
    plan : CoveragePlan
        With the largest number of passes whose level is at least 0.95 alpha, or more passes if they
        leave the same calibration score as threshold. If no number has such a level: 1 pass.
    """
    most = float(alpha)

    def order_of(level: float) -> int:
        return math.floor(min(Fraction(level), alpha) * (n_calibration + 1))

    if distance == 0:
        return CoveragePlan(rank, rank, most, math.floor(alpha * (n_calibration + 1)))

    @functools.cache
    def rough(passes: int) -> float:
        return _Curve(n, rank, passes, distance, tv_error).slope(most)[1]

    def exact(passes: int) -> float:
        return coverage_level(n, rank, passes, distance, most, tv_error=tv_error)

    passes = _largest(lambda t: rough(t) >= _KEPT * most, n)
    level = exact(passes)
    order = order_of(level)
    if order:
        more = _largest(lambda t: order_of(rough(t)) >= order, n)
        while more > passes:
            found = exact(more)
            if order_of(found) >= order:
                passes, level = more, found
            more -= 1
    return CoveragePlan(rank, passes, level, order)


def _largest(holds: Callable[[int], bool], n: int) -> int:
    """Return the largest number from 1 to n that has a property which all smaller ones have."""
    low, high = 1, n + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low
