r"""The trade-off of a pair of laws: what a probability at a row implies at a changed row.

Noise has one law at the row x and another one at a changed row x'. An event has probability p at x.
How small can its probability at x' be? The lemma of Neyman and Pearson names the worst event: sort
the outcomes by their likelihood at x' relative to x, and take the lowest ones until their mass at x
is p. Its probability at x' is ``lower(p)``; ``upper(q) = 1 - lower(1 - q)`` is the largest of an
event that has probability q at x. Every base classifier keeps its answer at x' if
``lower(p_lower) > upper(p_upper)``.

Coordinates that do not change cancel, and independent coordinates are products of pairs, so that a
certificate depends on the changed coordinates alone.
"""

import dataclasses
import functools
import math
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .binomial import complement
from .radius import tails_of
from .rational import round_down, round_up

__all__ = ["Pair", "changes_proved"]

Array = NDArray[np.float64]

_EIGHT_UNITS = 8 * 2.0**-53  # a line's ratio, its value and the three operations err by less
_TINY = 1e-300  # more than what underflow loses
_STEEPEST = 1e200  # lines beyond are left out: each line alone proves something


class _Line(NamedTuple):
    """One piece of a trade-off: slope `ratio` through (`at_x`, `at_other`)."""

    at_x: Fraction
    at_other: Fraction
    ratio: Fraction


@dataclasses.dataclass(frozen=True)
class Pair:
    r"""The laws of discrete noise at a row and at a changed row, and their trade-off.

    Parameters
    ----------
    atoms : iterable of (Fraction, Fraction)
        For each group of outcomes the probability at the row and at the changed row. Each column
        sums to 1. Outcomes with the same ratio are merged.

    Attributes
    ----------
    atoms : tuple of (Fraction, Fraction)
        In the order of their likelihood ratio, one for each ratio.

    Notes
    -----
    With atoms :math:`(a_j, b_j)` in ascending order of :math:`\rho_j = b_j / a_j`, and
    :math:`A_j, B_j` the masses of the atoms before the j-th,

    .. math:: \mathrm{lower}(p) = \max(0, \max_j B_j + \rho_j (p - A_j)),

    since the trade-off is convex and piecewise linear. Each line alone is a lower bound, so that
    `lower` and `upper` round each line outward. `exact_lower` and `needed` are exact.

    Examples
    --------
    Noise keeps a category with probability 0.8, and else draws one of the three others:

    >>> from fractions import Fraction
    >>> from sksmooth.bounds import Pair
    >>> pair = Pair.categorical(Fraction(8, 10), n_others=3)
    >>> pair.needed
    Fraction(23, 24)
    >>> pair.lower([0.9, 0.98]).round(4)
    array([0.1667, 0.76  ])
    >>> pair.proves([0.95, 0.96])
    array([False,  True])
    >>> (pair * pair).needed  # two columns have changed
    Fraction(287, 288)
    """

    atoms: tuple[tuple[Fraction, Fraction], ...]

    def __post_init__(self) -> None:
        given: Iterable[tuple[Fraction, Fraction]] = self.atoms
        # by ratio; None stands for infinity: outcomes that only the changed row has
        merged: dict[Fraction | None, tuple[Fraction, Fraction]] = {}
        for a, b in given:
            a, b = Fraction(a), Fraction(b)
            if min(a, b) < 0:
                raise ValueError(f"Probabilities must not be negative; got the atom ({a}, {b}).")
            if a or b:
                ratio = b / a if a else None
                before = merged.get(ratio, (Fraction(0), Fraction(0)))
                merged[ratio] = before[0] + a, before[1] + b
        totals = [sum(atom[i] for atom in merged.values()) for i in (0, 1)]
        if totals != [1, 1]:
            raise ValueError(
                "The atoms' probabilities must sum to 1 at the row and at the changed row; got "
                f"{float(totals[0])} and {float(totals[1])}."
            )
        only_other = merged.pop(None, None)
        atoms = [merged[ratio] for ratio in sorted(r for r in merged if r is not None)]
        object.__setattr__(self, "atoms", (*atoms, *([only_other] if only_other else [])))

    @classmethod
    def categorical(cls, keep: Fraction, n_others: int, n_changed: int = 1) -> "Pair":
        """Columns in which noise keeps the value, or else draws any other with equal chances.

        Parameters
        ----------
        keep : Fraction
            Probability of the row's own value. More than that of each other value.
        n_others : int
            Number of other values of a column, 1 or more.
        n_changed : int, default=1
            Number of such columns in which the two rows differ.

        Returns
        -------
        pair : Pair
        """
        keep = Fraction(keep)
        if n_others < 1 or n_changed < 0 or not Fraction(1, n_others + 1) < keep <= 1:
            raise ValueError(
                "keep must be more than the probability of each other value, up to 1; got keep="
                f"{float(keep):g} with n_others={n_others}, where it must exceed "
                f"{1 / (max(n_others, 0) + 1):g}, and n_changed={n_changed}."
            )
        other = (1 - keep) / n_others
        unit = other.denominator  # a multiple of that of `keep`
        one = [int(p * unit) for p in (other, 1 - keep - other, keep)]
        # by how many more columns show the row's value than the changed row's
        weights = functools.reduce(_convolve, [one] * n_changed, [1])
        masses = [Fraction(weight, unit**n_changed) for weight in weights]
        return cls(tuple(zip(masses, reversed(masses), strict=True)))

    @classmethod
    def binary(cls, n_added: int, n_removed: int, add: Fraction, remove: Fraction) -> "Pair":
        """Columns of zeros and ones in which noise turns zeros and ones at different rates.

        Parameters
        ----------
        n_added, n_removed : int
            Number of columns in which the row has 0 and the changed row 1, and the other way round.
        add, remove : Fraction
            Probability that noise turns a 0 into a 1, and a 1 into a 0.

        Returns
        -------
        pair : Pair
        """
        add, remove = Fraction(add), Fraction(remove)
        if not (0 <= add <= 1 and 0 <= remove <= 1):
            raise ValueError(
                f"add and remove must be probabilities; got {float(add):g} and {float(remove):g}."
            )
        unit = math.lcm(add.denominator, remove.denominator)
        a, r = int(add * unit), int(remove * unit)
        # by the number of changed columns in which noise shows another value than the row's
        at_x = _convolve(_binomial(n_added, a, unit), _binomial(n_removed, r, unit))
        at_other = _convolve(
            _binomial(n_added, unit - r, unit), _binomial(n_removed, unit - a, unit)
        )
        whole = unit ** (n_added + n_removed)
        masses = ([Fraction(weight, whole) for weight in weights] for weights in (at_x, at_other))
        return cls(tuple(zip(*masses, strict=True)))

    @classmethod
    def within(cls, distance: Fraction) -> "Pair":
        """Return the worst pair of laws that have a given total variation distance.

        Parameters
        ----------
        distance : Fraction in [0, 1]
            Total variation distance, at most. That of dropped features is the probability that at
            least one changed feature is kept.

        Returns
        -------
        pair : Pair
            ``lower(p)`` is ``p - distance``.
        """
        distance = Fraction(distance)
        if not 0 <= distance <= 1:
            raise ValueError(f"distance must lie between 0 and 1; got {float(distance):g}.")
        zero = Fraction(0)
        return cls(((distance, zero), (1 - distance, 1 - distance), (zero, distance)))

    def __mul__(self, other: "Pair") -> "Pair":
        """Return the pair of both changes together, under independent noise."""
        return Pair(tuple((a * c, b * d) for a, b in self.atoms for c, d in other.atoms))

    def exact_lower(self, p: Fraction) -> Fraction:
        """Return the least probability at the changed row, exactly.

        Parameters
        ----------
        p : Fraction or float in [0, 1]
            Probability of an event at the row.

        Returns
        -------
        probability : Fraction
            The least over all events of that probability at the row.
        """
        p = Fraction(p)
        lines = (line.at_other + line.ratio * (p - line.at_x) for line in self._lines)
        return max(Fraction(0), *lines)

    @functools.cached_property
    def needed(self) -> Fraction:
        """What a probability has to exceed in order to stay above 1/2; 1 if none does, exactly."""
        half = Fraction(1, 2)
        crossings = [
            line.at_x + (half - line.at_other) / line.ratio for line in self._lines if line.ratio
        ]
        return min([*crossings, Fraction(1)])

    def lower(self, p: ArrayLike) -> Array:
        """Return the least probabilities at the changed row, rounded down.

        Parameters
        ----------
        p : array-like of float in [0, 1]
            Lower bounds on the probability of an event at the row.

        Returns
        -------
        probability : ndarray of float64
            Of the shape of `p`, never above the exact value.
        """
        return self._lower(complement(p))

    def upper(self, q: ArrayLike) -> Array:
        """Return the largest probabilities at the changed row, rounded up.

        Parameters
        ----------
        q : array-like of float in [0, 1]
            Upper bounds on the probability of an event at the row.

        Returns
        -------
        probability : ndarray of float64
            Of the shape of `q`, never below the exact value.
        """
        q = np.asarray(q, dtype=np.float64)
        lines = self._outward
        off = q[..., None] - lines.rest_at_x
        slope = lines.ratio * off
        bound = lines.rest_at_other + slope
        bound += _EIGHT_UNITS * (lines.rest_at_other + np.abs(slope)) + _TINY
        return np.minimum(bound.min(axis=-1, initial=1.0), 1.0)

    def proves(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Return whether the top class stays on top.

        Parameters
        ----------
        p_lower : array-like of float in [0, 1]
            Lower bound on the probability of the top class at the row.
        p_upper : array-like of float in [0, 1], default=None
            Upper bound on the probability of every other class; None means ``1 - p_lower``.

        Returns
        -------
        proved : ndarray of bool
            True where the bounds prove it.
        """
        return self.proves_from_tails(*tails_of(p_lower, p_upper))

    def proves_from_tails(
        self, miss: ArrayLike, p_upper: ArrayLike | None = None
    ) -> NDArray[np.bool_]:
        """Return whether the top class stays on top, from how rarely it is *not* answered.

        Parameters
        ----------
        miss : array-like of float in [0, 1]
            Upper bound on the probability, at the row, of all classes but the top one.
        p_upper : array-like of float in [0, 1], default=None
            Upper bound on the probability of every other class; None means `miss`.

        Returns
        -------
        proved : ndarray of bool
            True where the bounds prove it.
        """
        miss, rival = tails_of(0.0, p_upper, miss)
        # a float is below a rational number just if it is below the next float above that
        alone = miss < round_up(1 - self.needed)
        return alone | (self._lower(miss) > self.upper(rival))

    def _lower(self, miss: Array) -> Array:
        lines = self._outward
        # from the other end: masses of what has not been collected, so that tails keep their digits
        off = lines.rest_at_x - np.asarray(miss)[..., None]
        slope = lines.ratio * off
        bound = lines.at_other + slope
        bound -= _EIGHT_UNITS * (lines.at_other + np.abs(slope)) + _TINY
        return np.maximum(bound.max(axis=-1, initial=0.0), 0.0)

    @functools.cached_property
    def _lines(self) -> list[_Line]:
        lines, at_x, at_other = [], Fraction(0), Fraction(0)
        for a, b in self.atoms:
            if a:  # with a = 0 the worst base answers another class there
                lines.append(_Line(at_x, at_other, b / a))
            at_x, at_other = at_x + a, at_other + b
        return lines

    @functools.cached_property
    def _outward(self) -> "_Outward":
        lines = [line for line in self._lines if line.ratio < _STEEPEST]
        return _Outward(
            rest_at_x=np.array([round_down(1 - line.at_x) for line in lines]),
            at_other=np.array([float(line.at_other) for line in lines]),
            rest_at_other=np.array([float(1 - line.at_other) for line in lines]),
            ratio=np.array([float(line.ratio) for line in lines]),
        )


class _Outward(NamedTuple):
    """The lines of a trade-off in floats.

    The masses of what comes before a line, and of the rest: the latter are good to many digits
    where they are small. Only `rest_at_x` is rounded outward, down: a steep line magnifies its
    error, whereas those of the others are relative.
    """

    rest_at_x: Array
    at_other: Array
    rest_at_other: Array
    ratio: Array


def changes_proved(
    pairs: Iterable[Pair | Iterable[Pair]],
    p_lower: ArrayLike,
    p_upper: ArrayLike | None = None,
    *,
    miss: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Return how many changes leave the top class on top.

    Parameters
    ----------
    pairs : iterable of Pair, or of iterables of Pair
        The worst pair of laws for 1, 2, ... changes; several, where none is worse than all others.
        Only as many are taken from the iterable as are needed.
    p_lower : array-like of float in [0, 1]
        Lower bound on the probability of the top class at the row.
    p_upper : array-like of float in [0, 1], default=None
        Upper bound on the probability of every other class; None means ``1 - p_lower``.
    miss : array-like of float in [0, 1], default=None
        Upper bound on the probability of all classes but the top one, in place of `p_lower`, which
        is then ignored: it keeps the digits of very small probabilities.

    Returns
    -------
    changes : ndarray of int64
        The largest k such that the k-th and all before it are proved; 0 if the first one is not,
        -1 if not even the row itself has the top class on top.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from sksmooth.bounds import Pair, changes_proved
    >>> pairs = [Pair.categorical(Fraction(8, 10), 3, k) for k in (1, 2, 3)]
    >>> changes_proved(pairs, [0.4, 0.9, 0.98, 0.999])
    array([-1,  0,  1,  2])
    """
    miss, rival = tails_of(p_lower, p_upper, miss)
    standing = Pair(((Fraction(1), Fraction(1)),)).proves_from_tails(miss, rival)
    changes = np.where(standing, 0, -1)
    for k, at_k in enumerate(pairs, start=1):
        for pair in (at_k,) if isinstance(at_k, Pair) else at_k:
            standing = standing & pair.proves_from_tails(miss, rival)
        if not np.any(standing):
            break
        changes = np.where(standing, k, changes)
    return changes.astype(np.int64)


def _convolve(first: list[int], second: list[int]) -> list[int]:
    """Return the sums of products, in Python's integers."""
    return np.convolve(np.array(first, dtype=object), np.array(second, dtype=object)).tolist()


def _binomial(n: int, p: int, unit: int) -> list[int]:
    """Return the weights of n trials with probability p / unit, out of unit**n."""
    if n < 0:
        raise ValueError(f"The number of changed columns must not be negative; got {n}.")
    return [math.comb(n, k) * p**k * (unit - p) ** (n - k) for k in range(n + 1)]
