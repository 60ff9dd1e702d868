r"""Gaussian noise on some columns times discrete noise on others: one trade-off for both.

Columns with Gaussian noise move by :math:`\delta`, of length :math:`r = \|\delta / \sigma\|_2`;
columns with discrete noise change by a `Pair` with atoms :math:`(a_j, b_j)`. Only the projection on
:math:`\delta` matters: a coordinate with law N(0, 1) at the row and N(r, 1) at the changed one. The
likelihood ratio is :math:`(b_j / a_j) \exp(r z - r^2 / 2)`, so that the worst event of some mass is
:math:`\{z \le t_j\}` given the j-th atom, with

.. math:: t_j = s + \frac{r}{2} - \frac{1}{r} \log \frac{b_j}{a_j}.

Any s is the worst event of *its* mass, and the mass at the changed row grows with that at the row.
So s is solved for carelessly, and the masses of its event are then rounded outward.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from .binomial import complement
from .normal import FLOOR, tail_bounds
from .pairs import Pair
from .radius import tails_of
from .rational import log_of, round_down, round_up
from .rounding import UNIT

__all__ = ["mixed_lower", "mixed_needed", "mixed_radius", "mixed_upper"]

Array = NDArray[np.float64]

_NARROWEST = 1e-6  # of the radius without a discrete change; smaller ones are not claimed
# by how much a radius is lowered until its proof goes through: nearly always the first will do
_STEPS = (2.0**-44, 2.0**-40, 2.0**-36, 2.0**-30, 2.0**-20, 2.0**-10)


def mixed_lower(pair: Pair, distance: ArrayLike, p: ArrayLike) -> Array:
    """Return the least probabilities after a move and a discrete change, rounded down.

    Parameters
    ----------
    pair : Pair
        The discrete change.
    distance : array-like of float
        Length of the move, in standard deviations; 0 or more.
    p : array-like of float in [0, 1]
        Lower bounds on the probability of an event at the row; of a shape that broadcasts with
        that of `distance`.

    Returns
    -------
    probability : ndarray of float64
        Never above the exact value.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from sksmooth.bounds import Pair, mixed_lower
    >>> pair = Pair.categorical(Fraction(8, 10), n_others=3)
    >>> mixed_lower(pair, [0.0, 0.3, 1.0], 0.99).round(4)
    array([0.88  , 0.8154, 0.6114])
    """
    distance, miss = np.broadcast_arrays(_lengths(distance), complement(p))
    moved = distance > 0
    bound = np.array(np.broadcast_to(pair.lower(p), distance.shape))
    bound[moved] = _Event.beyond(pair, distance[moved], miss[moved]).least()
    return bound


def mixed_upper(pair: Pair, distance: ArrayLike, q: ArrayLike) -> Array:
    """Return the largest probabilities after a move and a discrete change, rounded up.

    Parameters
    ----------
    pair : Pair
        The discrete change.
    distance : array-like of float
        Length of the move, in standard deviations; 0 or more.
    q : array-like of float in [0, 1]
        Upper bounds on the probability of an event at the row; of a shape that broadcasts with
        that of `distance`.

    Returns
    -------
    probability : ndarray of float64
        Never below the exact value.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from sksmooth.bounds import Pair, mixed_upper
    >>> pair = Pair.categorical(Fraction(8, 10), n_others=3)
    >>> mixed_upper(pair, [0.0, 0.3, 1.0], 0.01).round(4)
    array([0.12  , 0.1846, 0.3886])
    """
    distance, rest = np.broadcast_arrays(_lengths(distance), np.asarray(q, dtype=np.float64))
    moved = distance > 0
    bound = np.array(np.broadcast_to(pair.upper(q), distance.shape))
    bound[moved] = _Event.beyond(pair, distance[moved], rest[moved]).most()
    return bound


def mixed_needed(pair: Pair, distance: ArrayLike) -> Array:
    """Return the least probability that stays above 1/2 after move and change, rounded up.

    Parameters
    ----------
    pair : Pair
        The discrete change.
    distance : array-like of float
        Length of the move, in standard deviations; more than 0.

    Returns
    -------
    probability : ndarray of float64
        1 where no smaller one is known to be enough.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from sksmooth.bounds import Pair, mixed_needed
    >>> pair = Pair.categorical(Fraction(8, 10), n_others=3)
    >>> mixed_needed(pair, [0.3, 1.0]).round(4)
    array([0.9662, 0.9835])
    """
    lengths = _lengths(distance)
    r, atoms = lengths.reshape(-1), _Atoms.of(pair)
    total = atoms.b_down.sum()
    needed = np.ones(r.shape)
    rest = np.flatnonzero((r > 0) & (total > 0.5))
    for step in (2.0**-50, 2.0**-46, 2.0**-40, 2.0**-30, 2.0**-20):
        half = 0.5 + step
        if not len(rest) or half >= total:
            break
        place = _place(atoms, atoms.b_down, r[rest], np.full(len(rest), total - half), -r[rest])
        event = _Event(atoms, r[rest], place)
        enough = event.least() > 0.5
        needed[rest] = np.where(enough, np.nextafter(1.0 - event.rest(), 2.0), 1.0)
        rest = rest[~enough]
    return np.minimum(needed, 1.0).reshape(lengths.shape)


def mixed_radius(
    pair: Pair,
    p_lower: ArrayLike,
    p_upper: ArrayLike | None = None,
    *,
    miss: ArrayLike | None = None,
) -> Array:
    r"""Length of the moves that are certified together with a discrete change.

    .. math:: R = \sup \{ r : \mathrm{lower}_r(p_A) > \mathrm{upper}_r(p_B) \}

    Parameters
    ----------
    pair : Pair
        The discrete change, for example the worst one of k columns.
    p_lower : array-like of float in [0, 1]
        Lower bound on the probability of the top class at the row.
    p_upper : array-like of float in [0, 1], default=None
        Upper bound on the probability of every other class; None means ``1 - p_lower``.
    miss : array-like of float in [0, 1], default=None
        Upper bound on the probability of all classes but the top one, in place of `p_lower`, which
        is then ignored.

    Returns
    -------
    radius : ndarray of float64
        In standard deviations, rounded down; 0 where the discrete change alone is too much.

    Notes
    -----
    The radii of ``R_0 >= R_1 >= ...`` changed columns follow from one bound on the probability at
    the row. So they hold together, at the level of that one bound. They were first given in [1]_.

    References
    ----------
    .. [1] B. Delattre, H. Wu, P. Caillon, W. Lim and Y. Cao (2026). "Certified robustness under
       heterogeneous perturbations via hybrid randomized smoothing". ICML. arXiv:2605.12876.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from sksmooth.bounds import Pair, mixed_radius
    >>> one = Pair.categorical(Fraction(8, 10), n_others=3)
    >>> mixed_radius(one, [0.9, 0.99, 0.999]).round(4)
    array([0.    , 1.3449, 2.4274])
    >>> mixed_radius(one * one, [0.999]).round(4)
    array([1.4581])
    """
    miss, rival = tails_of(p_lower, p_upper, miss)
    # votes repeat: each pair of bounds is looked at once
    bounds, places = np.unique(np.stack([miss, rival]).reshape(2, -1), axis=1, return_inverse=True)
    radius = np.zeros(bounds.shape[1])
    proved = pair.proves_from_tails(*bounds)
    radius[proved & (bounds[1] == 0)] = np.inf  # no other class is ever answered
    open_ = proved & (bounds[1] > 0)
    radius[open_] = _radius(pair, *bounds[:, open_])
    return radius[places.reshape(-1)].reshape(miss.shape)


def _radius(pair: Pair, miss: Array, rival: Array) -> Array:
    """Solve for the radius, and prove a slightly smaller one."""
    atoms = _Atoms.of(pair)

    def lead(r: Array) -> Array:
        top, other = (_place(atoms, atoms.a_down, r, u) for u in (miss, rival))
        low, high = atoms.points(top, r)[0] - r[:, None], atoms.points(other, r)[0] - r[:, None]
        at_least = (atoms.b_down * ndtr(low)).sum(axis=1)
        at_most = atoms.only_other + (atoms.b_up * ndtr(-high)).sum(axis=1)
        return ndtri(np.minimum(at_most, 1.0)) - ndtri(at_least)

    largest = -0.5 * (ndtri(miss) + ndtri(rival))  # without a discrete change
    found = _root(lead, _NARROWEST * largest, largest)
    radius = np.zeros(len(found))
    for step in _STEPS:
        rest = np.flatnonzero(radius == 0)
        if not len(rest):
            break
        r = found[rest] * (1 - step)
        top, other = (_Event.beyond(pair, r, u[rest]) for u in (miss, rival))
        radius[rest] = np.where(top.least() > other.most(), r, 0.0)
    return radius


class _Atoms(NamedTuple):
    """The atoms of a pair in floats, but for those that only one of the two rows has.

    What only the row has is part of every event; what only the changed row has, `only_other`, of
    none.
    """

    a_down: Array
    b_down: Array
    b_up: Array
    log_ratio: Array
    only_other: float

    @classmethod
    def of(cls, pair: Pair) -> "_Atoms":
        both = [(a, b) for a, b in pair.atoms if a and b]
        return cls(
            a_down=np.array([round_down(a) for a, _ in both]),
            b_down=np.array([round_down(b) for _, b in both]),
            b_up=np.array([round_up(b) for _, b in both]),
            log_ratio=np.array([log_of(b / a) for a, b in both]),
            only_other=round_up(sum((b for a, b in pair.atoms if not a), Fraction(0))),
        )

    def points(self, place: Array, r: Array) -> tuple[Array, Array]:
        """Return the points t_j, and how far they may be off: eight rounding errors of each term.

        Three of them are those of `log_ratio`, and there are five operations.
        """
        place, r = place[:, None], r[:, None]
        spread = self.log_ratio / r
        slack = 8 * UNIT * (np.abs(spread) + 1 / r + r + np.abs(place))
        return place + (0.5 * r - spread), slack


class _Event(NamedTuple):
    """For each row the worst event at a `place` s, with its masses at both rows."""

    atoms: _Atoms
    r: Array
    place: Array

    @classmethod
    def beyond(cls, pair: Pair, r: Array, miss: Array) -> "_Event":
        """Return events whose rest has at least mass `miss` at the row, but hardly more."""
        atoms = _Atoms.of(pair)
        target = miss
        for _ in range(4):
            event = cls(atoms, r, _place(atoms, atoms.a_down, r, target))
            rest = event.rest()
            short = rest < miss
            if not short.any():
                return event
            with np.errstate(divide="ignore", invalid="ignore"):
                target = np.where(short, target * (1 + 2 * (miss / rest - 1) + 4 * UNIT), target)
        # where it cannot be had, the event without anything
        return cls(atoms, r, np.where(short, -np.inf, event.place))

    def rest(self) -> Array:
        """Mass, at the row, of what the event leaves out; rounded down."""
        return self._sum(self.atoms.a_down, above=True, moved=False)[0]

    def least(self) -> Array:
        """Mass of the event at the changed row, rounded down."""
        return self._sum(self.atoms.b_down, above=False, moved=True)[0]

    def most(self) -> Array:
        """Mass of what the event leaves out at the changed row, rounded up."""
        rest = self._sum(self.atoms.b_up, above=True, moved=True)[1] + self.atoms.only_other
        return np.minimum(rest * (1 + 2 * UNIT), 1.0)

    def _sum(self, weights: Array, *, above: bool, moved: bool) -> tuple[Array, Array]:
        """Return bounds on a weighted sum of normal masses below the points, or above."""
        whole = np.isinf(self.place)  # an event with everything, or with nothing
        points, slack = self.atoms.points(np.where(whole, 0.0, self.place), self.r)
        if moved:
            points = points - self.r[:, None]
        points = np.where(whole[:, None], self.place[:, None], points)
        low, high = tail_bounds(points, slack)
        far = points < 0 if above else points > 0  # the larger side: what the tail leaves
        low, high = (
            np.where(far, (1.0 - high) * (1 - UNIT), low),
            np.where(far, np.minimum((1.0 - low) * (1 + 2 * UNIT), 1.0), high),
        )
        error = 2 * (len(weights) + 2) * UNIT
        return (
            (weights * low).sum(axis=1) * (1 - error),
            (weights * high).sum(axis=1) * (1 + error) + FLOOR,
        )


def _place(
    atoms: _Atoms, weights: Array, r: Array, rest: Array, shift: Array | float = 0.0
) -> Array:
    """Solve for the place of the event that leaves out a mass `rest`, carelessly."""
    offset = 0.5 * r[:, None] - atoms.log_ratio / r[:, None] + np.reshape(shift, (-1, 1))
    total = weights.sum()
    with np.errstate(invalid="ignore", divide="ignore"):
        z, wanted = -ndtri(np.minimum(rest / total, 1.0)), ndtri(np.minimum(rest, 1.0))
    low, high = z - offset.max(axis=1), z - offset.min(axis=1)

    def missing(place: Array) -> Array:
        left = (weights * ndtr(-(place[:, None] + offset))).sum(axis=1)
        return wanted - ndtri(np.minimum(left, 1.0))

    return _root(missing, low, high)


def _root(f: Callable[[Array], Array], low: Array, high: Array) -> Array:
    """Return where increasing functions, one for each entry, are about 0: regula falsi, guarded.

    The Illinois variant: where an end stays for a second time, its value is halved. Every third
    step halves the interval instead.
    """
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        f_low, f_high = f(low), f(high)
        before = np.zeros(low.shape)  # which end moved last
        for step in range(150):
            x = low - f_low * ((high - low) / (f_high - f_low))
            inside = (x > low) & (x < high) & (step % 3 < 2)
            x = np.where(inside, x, low + (high - low) / 2)
            y = f(x)
            side = np.where(y <= 0, -1, 1)
            stays = inside & (side == before)
            f_low, f_high = (
                np.where(side < 0, y, np.where(stays, f_low / 2, f_low)),
                np.where(side < 0, np.where(stays, f_high / 2, f_high), y),
            )
            low, high = np.where(y <= 0, x, low), np.where(y >= 0, x, high)
            before = side
            wide = high - low > 4 * UNIT * np.maximum(np.abs(low), np.abs(high))
            if not wide.any():  # of entries without a number neither
                break
    return low


def _lengths(distance: ArrayLike) -> Array:
    values = np.asarray(distance, dtype=np.float64)
    if not np.all((values >= 0) & (values < np.inf)):
        raise ValueError(f"distance must be finite numbers of 0 or more; got {distance!r}.")
    return values
