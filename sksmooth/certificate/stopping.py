"""Stopping rules: they decide, after predetermined numbers of draws, which rows need more.

A rule sees counts alone, so that it can be tested exactly, or simulated, without any model. Each
rests on its own argument for a bound that holds at level alpha although draws stop: the size is
fixed beforehand (`FixedSampleSize`), or by other draws (`InputSpecificSampleSize`); an order of the
outcomes (`Curtailed`); levels that sum to alpha over all interim analyses (`GroupSequential`). To
add a rule, state its argument, and write a class with

- ``of(plan, n_rows, noise, pilot)``: a class method; the rule for a plan, or None if it is for
  other plans. `pilot` holds the votes of the draws that select a class, or is None;
- ``sizes``: numbers of draws, rising, after which it looks;
- ``undecided(look, rows, counts)``: which of the rows at these positions need more draws; called
  once per look, in their order, so that it may remember what it saw;
- ``bounds(counts)``: codes of the classes, and their `p_lower` and `p_upper`, in the end;
- ``ceiling()``: `p_lower` and `p_upper` for unanimous votes;
- ``reason``: why rows with fewer than all draws have stopped, in one word;
- ``single_level``: whether the bounds are those of the plan's bound at the whole alpha, from the
  final counts of the selected classes. Logs then check them; False where alpha is shared out;

and name it in `RULES`.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bounds import (
    BOUNDS,
    FREE_BOUNDS,
    TopClassBound,
    clopper_pearson,
    clopper_pearson_upper,
    one_sided,
    widened,
)
from ..bounds.top_class import Bounds
from ..noise import Noise
from .plan import Plan
from .votes import top_two

__all__ = [
    "RULES",
    "Curtailed",
    "FixedSampleSize",
    "GroupSequential",
    "InputSpecificSampleSize",
    "Rule",
    "geometric_looks",
    "is_single_level",
    "rule_of",
    "stop_reasons",
]

FIRST_LOOK = 64
# draws between looks of `Curtailed`: calls of the base for fewer cost more than they save
CURTAIL_STEP = 16_384
FUTILITY = 0.05  # chance, for a row on the edge, to be given up although all draws would do

Counts = NDArray[np.int64]
Rows = NDArray[np.intp]
Verdict = tuple[Rows, NDArray[np.float64], NDArray[np.float64]]
Radius = Callable[[ArrayLike, ArrayLike], NDArray[np.float64]]


class Rule(Protocol):
    """What sampling needs of a rule; see the top of this file."""

    sizes: list[int]
    reason: str
    single_level: bool

    @classmethod
    def of(cls, plan: Plan, n_rows: int, noise: Noise, pilot: Counts | None) -> "Rule | None":
        """Return the rule for a plan, or None if it is for other plans."""

    def undecided(self, look: int, rows: Rows, counts: Counts) -> NDArray[np.bool_]:
        """Return which of the rows need more draws than ``sizes[look]``."""

    def bounds(self, counts: Counts) -> Verdict:
        """Return codes, p_lower and p_upper."""

    def ceiling(self) -> Bounds:
        """Return p_lower and p_upper for unanimous votes, as arrays of one entry."""


def geometric_looks(n: int, alpha: float) -> tuple[list[int], list[float]]:
    """Return sizes that double from 64 up to n, and levels that sum to alpha, half for the last.

    Looks a factor of 2 apart are nearly independent, so a union bound over them wastes little; the
    last look gets half of alpha, since rows that reach it have the closest calls.
    """
    sizes: list[int] = []
    while (size := FIRST_LOOK << len(sizes)) <= 0.8 * n:
        sizes.append(size)
    if not sizes:
        return [n], [alpha]
    return [*sizes, n], [alpha / (2 * len(sizes))] * len(sizes) + [alpha / 2]


class FixedSampleSize:
    """Draw n times, then bound once: CERTIFY as in the paper.

    Parameters
    ----------
    n : int
        Draws per row.
    alpha : float
        Level of the certificate.
    bound : callable
        ``bound(top, other, n, alpha) -> (p_lower, p_upper)``.
    selected : ndarray of shape (n_samples,)
        Classes chosen by other draws.
    """

    reason = "n"
    single_level = True

    @classmethod
    def of(cls, plan: Plan, n_rows: int, noise: Noise, pilot: Counts | None) -> Rule | None:
        """Return the rule where nothing but the radius is asked for."""
        if pilot is None:
            return None
        return cls(plan.n, plan.alpha, BOUNDS[plan.bound], pilot.argmax(axis=1))

    def __init__(self, n: int, alpha: float, bound: TopClassBound, selected: Rows) -> None:
        self.sizes = [n]
        self.n, self.alpha, self.bound, self.selected = n, alpha, bound, selected

    def undecided(self, look: int, rows: Rows, counts: Counts) -> NDArray[np.bool_]:
        """Say that none needs more."""
        return np.zeros(len(rows), dtype=bool)

    def bounds(self, counts: Counts) -> Verdict:
        """Bound the selected classes from the draws made."""
        votes = top_two(counts, self.selected)
        return self.selected, *self.bound(*votes, counts.sum(axis=1), self.alpha)

    def ceiling(self) -> Bounds:
        """Bound a class with all the votes."""
        return self.bound([self.n], [0], self.n, self.alpha)


class Curtailed(FixedSampleSize):
    """Draw n times, except for rows that cannot be certified any more, however they go on.

    Whether a row is certified, and with what radius, is as without this rule. The one-sided bound
    at the draws made holds at level alpha without a correction. Let rows stop at a look with at
    least m failures, the same m at all looks, and order outcomes by look and then by successes. If
    a row stops after t draws with k successes, then a later stop means fewer than m failures, hence
    more than t - m >= k successes, at t. So every outcome of this rank or above has k or more
    successes in t draws, and the Clopper-Pearson bound from (k, t) is at most the exact bound of
    the curtailed design.

    Parameters
    ----------
    n, alpha, selected
        As of `FixedSampleSize`.
    step : int, default=None
        Looks are at multiples of this; None for `CURTAIL_STEP`.
    """

    reason = "hopeless"

    @classmethod
    def of(cls, plan: Plan, n_rows: int, noise: Noise, pilot: Counts | None) -> Rule | None:
        """Return the rule for the one-sided bound."""
        if pilot is None or BOUNDS[plan.bound] is not one_sided:
            return None
        return cls(plan.n, plan.alpha, pilot.argmax(axis=1))

    def __init__(self, n: int, alpha: float, selected: Rows, step: int | None = None) -> None:
        super().__init__(n, alpha, one_sided, selected)
        step = CURTAIL_STEP if step is None else step
        # no row can be lost before half of the draws; 8 looks get most of what there is
        looks = {-(-n * part // (16 * step)) * step for part in range(8, 16)}
        self.sizes = [*sorted(size for size in looks if size < n - step // 2), n]
        low, high = 0, n + 1  # bisect for the fewest votes that certify, unless there is one look
        while high - low > 1 and len(self.sizes) > 1:
            middle = (low + high) // 2
            certifies = clopper_pearson(middle, n, alpha) > 0.5
            low, high = (low, middle) if certifies else (middle, high)
        self.votes_needed = high

    def undecided(self, look: int, rows: Rows, counts: Counts) -> NDArray[np.bool_]:
        """Return which rows can still reach the votes they need."""
        votes, _ = top_two(counts, self.selected[rows])
        return votes + self.n - self.sizes[look] >= self.votes_needed


class InputSpecificSampleSize(FixedSampleSize):
    """Draw as often as a pilot predicts that it takes to lose little of the radius of n draws.

    The radius is predicted at the class probabilities that the pilot estimates, and again at ones
    as favourable as is plausible. The prediction may be wrong; the certificate is not, as long as
    its draws are not those of the pilot (the idea of R. Chen et al. (2022), "Input-specific
    robustness certification for randomized smoothing", AAAI).

    Parameters
    ----------
    n, alpha, bound
        As of `FixedSampleSize`; n is the most draws.
    pilot : ndarray of shape (n_samples, n_classes)
        Votes of other draws, which also select the classes.
    tol : float
        Loss of radius that is allowed.
    radius : callable
        ``radius(p_lower, p_upper)``: `reached` of a `Noise`.
    """

    reason = "tol"

    @classmethod
    def of(cls, plan: Plan, n_rows: int, noise: Noise, pilot: Counts | None) -> Rule | None:
        """Return the rule for plans that allow a loss of radius."""
        if pilot is None or plan.tol is None:
            return None
        return cls(plan.n, plan.alpha, BOUNDS[plan.bound], pilot, plan.tol, noise.reached)

    def __init__(
        self, n: int, alpha: float, bound: TopClassBound, pilot: Counts, tol: float, radius: Radius
    ) -> None:
        super().__init__(n, alpha, bound, pilot.argmax(axis=1))
        # rows with the same votes have the same plan
        votes = np.stack(top_two(pilot, self.selected), axis=1)
        cases, case_of = np.unique(votes, axis=0, return_inverse=True)
        self.draws = self._plan(cases, int(pilot[0].sum()), tol, radius)[case_of.ravel()]
        self.sizes = np.unique(np.append(self.draws, n)).tolist()

    def undecided(self, look: int, rows: Rows, counts: Counts) -> NDArray[np.bool_]:
        """Return which rows are planned to get more."""
        return self.draws[rows] > self.sizes[look]

    def _plan(self, cases: Counts, n0: int, tol: float, radius: Radius) -> Counts:
        votes, others = cases.T
        high, low = clopper_pearson_upper(votes, n0, 0.1), clopper_pearson(others, n0, 0.1)
        guesses = [(votes / n0, others / n0), (high, np.minimum(low, 1 - high))]

        def predicted(size: int) -> NDArray[np.float64]:
            counts = [(np.floor(size * p), np.floor(size * q)) for p, q in guesses]
            return np.stack([radius(*self.bound(*c, size, self.alpha)) for c in counts])

        most = predicted(self.n)
        draws = np.full(len(cases), self.n, dtype=np.int64)
        for size in np.geomspace(min(FIRST_LOOK, self.n), self.n, 40).astype(np.int64)[-2::-1]:
            draws[np.all(most - predicted(int(size)) <= tol, axis=0)] = size
        return draws


class GroupSequential:
    """Draw until it is decided, for each of some radii, whether it is certified.

    At each look the bounds at the look's own level give a radius; the best of all looks holds,
    since the levels sum to alpha. Looks that are too early for the smallest of the radii, even if
    all votes agree, leave their level to the last one. A radius is declined when even all n draws
    would hardly certify it. That costs no alpha: it never certifies anything, so it need not be
    right.

    Parameters
    ----------
    radii : sequence of float
        Radii to decide on; 0 asks for any certificate at all.
    n_rows : int
        Number of rows.
    n : int
        Most draws per row.
    alpha : float
        Level of the certificate.
    bound : callable
        ``bound(top, other, n, alpha) -> (p_lower, p_upper)``.
    radius : callable
        ``radius(p_lower, p_upper)``: `reached` of a `Noise`.
    selected : ndarray of shape (n_samples,), default=None
        Classes chosen by other draws. None takes the class with the best bound of these draws:
        `bound` must hold for all classes at once, as `one_sided_free` does.
    tv_error : float, default=0.0
        How far the votes' probabilities may be from those that radii rest on.
    target : callable, default=None
        ``target(radii)``, as of a `Noise`: what `radius` has to be for each of `radii`. None
        takes any positive radius for 0.
    """

    reason = "decided"
    single_level = False

    @classmethod
    def of(cls, plan: Plan, n_rows: int, noise: Noise, pilot: Counts | None) -> Rule | None:
        """Return the rule for plans with radii; without a pilot, the same draws select."""
        if plan.radii is None:
            return None
        bound = FREE_BOUNDS[plan.bound] if pilot is None else BOUNDS[plan.bound]
        reached, targets = noise.deciding(plan.radii, plan.changes)
        return cls(
            plan.radii,
            n_rows,
            plan.n,
            plan.alpha,
            bound,
            reached,
            None if pilot is None else pilot.argmax(axis=1),
            noise.tv_error,
            lambda _: targets,
        )

    def __init__(
        self,
        radii: ArrayLike,
        n_rows: int,
        n: int,
        alpha: float,
        bound: TopClassBound,
        radius: Radius,
        selected: Rows | None = None,
        tv_error: float = 0.0,
        target: Callable[[ArrayLike], NDArray[np.float64]] | None = None,
    ) -> None:
        self.sizes, self.levels = geometric_looks(n, alpha)
        tiny = np.finfo(np.float64).tiny  # a subnormal radius may be flushed to 0
        wanted = np.asarray(radii, dtype=np.float64)
        self.radii = np.maximum(wanted, tiny) if target is None else target(wanted)
        self.bound, self.radius, self.selected = bound, radius, selected
        early, none = self.sizes[:-1], [0] * (len(self.sizes) - 1)
        if early:
            reach = radius(*bound(early, none, early, self.levels[0]))
            self.levels[:-1] = np.where(reach < self.radii.min(), 0.0, self.levels[:-1]).tolist()
            self.levels[-1] = alpha - sum(self.levels[:-1])
        self.tv_error = tv_error
        self.p_lower, self.p_upper = np.zeros(n_rows), np.ones(n_rows)
        self.top = np.zeros(n_rows, dtype=np.intp) if selected is None else selected

    def undecided(self, look: int, rows: Rows, counts: Counts) -> NDArray[np.bool_]:
        """Take the bounds of a look, and return which rows have a radius that is still open."""
        top = counts.argmax(axis=1) if self.selected is None else self.selected[rows]
        votes, others = top_two(counts, top)
        if self.levels[look]:
            lower, upper = self.bound(votes, others, self.sizes[look], self.levels[look])
            top = np.where(lower >= self.p_lower[rows], top, self.top[rows])
            self.p_lower[rows] = np.maximum(lower, self.p_lower[rows])
            self.p_upper[rows] = np.minimum(upper, self.p_upper[rows])
        if self.selected is None:  # looks without a level come first: nothing proved is forgotten
            self.top[rows] = top
        proved = self.radius(*widened(self.p_lower[rows], self.p_upper[rows], self.tv_error))
        hoped = self.radius(*widened(*self._hoped(look, votes, others), self.tv_error))
        between = (proved[:, None] < self.radii) & (self.radii <= hoped[:, None])
        return np.any(between, axis=1)

    def bounds(self, counts: Counts) -> Verdict:
        """Return the best bounds of all looks."""
        return self.top, self.p_lower, self.p_upper

    def ceiling(self) -> Bounds:
        """Bound a class with all the votes, at the last look."""
        n = self.sizes[-1]
        return self.bound([n], [0], n, self.levels[-1])

    def _hoped(self, look: int, votes: Counts, others: Counts) -> Bounds:
        """Return the bounds of the last look if the votes were to come as well as is plausible."""
        size, n = self.sizes[look], self.sizes[-1]
        level = FUTILITY / max(1, len(self.sizes) - 1)
        best = np.ceil(n * clopper_pearson_upper(votes, size, level)).astype(np.int64)
        least = np.floor(n * clopper_pearson(others, size, level)).astype(np.int64)
        best = np.minimum(best, votes + n - size)
        least = np.clip(least, others, n - best)
        return self.bound(best, least, n, self.levels[-1])


# in the order in which they are asked
RULES: list[type[Rule]] = [GroupSequential, InputSpecificSampleSize, Curtailed, FixedSampleSize]


def rule_of(plan: Plan, n_rows: int, noise: Noise, pilot: Counts | None) -> Rule:
    """Return the first of `RULES` that is for a plan."""
    for kind in RULES:
        rule = kind.of(plan, n_rows, noise, pilot)
        if rule is not None:
            return rule
    raise ValueError(f"No stopping rule is for {plan!r}.")


def stop_reasons() -> list[str]:
    """Return the words that a certificate may have for why a row got no more draws."""
    return list(dict.fromkeys(["n", "exact", *(rule.reason for rule in RULES)]))


def is_single_level(name: str | None) -> bool:
    """Whether the bounds of a rule, by its name in a `Run`, follow from the final counts alone."""
    known = {rule.__name__: rule.single_level for rule in RULES}
    return known.get(name or "", False)
