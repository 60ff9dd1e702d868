"""The worst changes of some columns, where columns have noises of several kinds.

A pair of laws *dominates* another if its trade-off is nowhere above: the two rows are easier to
tell apart. Products keep this order. A choice of k columns can be ignored if a column outside it
dominates a column inside it: exchanging the two makes the choice worse, never better.
"""

import functools
import itertools
import math
import operator
from collections.abc import Iterator
from fractions import Fraction

from .pairs import Pair

__all__ = ["dominates", "joined", "worst_pairs"]

_MOST_ATOMS = 256  # of one pair: each costs time at every step of every search
_MOST_PAIRS = 32  # of as many changes

Kinds = tuple[tuple[Pair, int], ...]


@functools.lru_cache(maxsize=1024)
def worst_pairs(kinds: Kinds, n_changed: int) -> tuple[Pair, ...]:
    """Return the worst pairs of laws of rows that differ in some columns.

    Parameters
    ----------
    kinds : tuple of (Pair, int)
        What a change of one column does, and how many columns there are of this kind.
    n_changed : int
        How many columns differ; 1 or more.

    Returns
    -------
    pairs : tuple of Pair
        The pair of any choice of so many columns is dominated by one of these. So a change is
        certified if all of these prove it. Empty if there are fewer columns. If there were very
        many pairs, or pairs of very many atoms, some are replaced by a pair that dominates them.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from sksmooth.bounds import Pair, worst_pairs
    >>> flipped = Pair.categorical(Fraction(6, 10), n_others=4)
    >>> dropped = Pair.within(Fraction(2, 10))
    >>> [float(pair.needed) for pair in worst_pairs(((flipped, 3), (dropped, 2)), 1)]
    [0.9166666666666666, 0.7]
    """
    ordered = _in_order(kinds)
    while True:
        choices = list(itertools.islice(_choices(ordered, n_changed), _MOST_PAIRS + 1))
        if len(choices) <= _MOST_PAIRS:
            return tuple(dict.fromkeys(map(_product, choices)))
        ordered = _in_order(_with_fewer(ordered))


def dominates(pair: Pair, other: Pair) -> bool:
    """Return whether a pair is as easy to tell apart as another, or easier: exactly.

    Parameters
    ----------
    pair, other : Pair
        The pairs.

    Returns
    -------
    dominates : bool
        True if ``pair.exact_lower(p) <= other.exact_lower(p)`` for all p.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from sksmooth.bounds import Pair
    >>> from sksmooth.bounds.worst import dominates
    >>> one = Pair.categorical(Fraction(8, 10), n_others=3)
    >>> dominates(one * one, one), dominates(one, one * one)
    (True, False)
    """
    # between the corners of the other trade-off, which is a line there, this one is convex
    return all(pair.exact_lower(p) <= value for p, value in _corners(other))


def joined(pair: Pair, other: Pair) -> Pair:
    """Return the least pair that dominates two: its trade-off is the lower convex hull of both.

    Parameters
    ----------
    pair, other : Pair
        The pairs.

    Returns
    -------
    joined : Pair
        Dominated by every other pair that dominates both.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from sksmooth.bounds import Pair
    >>> from sksmooth.bounds.worst import joined
    >>> pair = joined(Pair.categorical(Fraction(6, 10), 4), Pair.within(Fraction(2, 10)))
    >>> float(pair.exact_lower(Fraction(1, 4))), float(pair.exact_lower(Fraction(9, 10)))
    (0.0125, 0.4)
    """
    hull: list[tuple[Fraction, Fraction]] = []
    for corner in sorted({*_corners(pair), *_corners(other)}):
        while hull and not _turns_up(hull, corner):
            hull.pop()
        hull.append(corner)
    steps = [(x - x0, y - y0) for (x0, y0), (x, y) in itertools.pairwise(hull)]
    return Pair((*steps, (Fraction(0), 1 - hull[-1][1])))


def _turns_up(hull: list[tuple[Fraction, Fraction]], corner: tuple[Fraction, Fraction]) -> bool:
    """Return whether the last corner of a hull stays one, with another behind it."""
    (x, y), (x1, y1) = hull[-1], corner
    if len(hull) == 1:
        return x1 > x
    x0, y0 = hull[-2]
    return (y - y0) * (x1 - x) < (y1 - y) * (x - x0)


def _corners(pair: Pair) -> list[tuple[Fraction, Fraction]]:
    """Return where the trade-off of a pair bends, and its ends."""
    corners = [(Fraction(0), Fraction(0))]
    for a, b in pair.atoms:
        if a:
            x, y = corners[-1]
            corners.append((x + a, y + b))
    return corners


def _in_order(kinds: Kinds) -> Kinds:
    """Return kinds with those first that dominate others; the same ones are put together."""
    numbers: dict[Pair, int] = {}
    for pair, number in kinds:
        numbers[pair] = numbers.get(pair, 0) + number
    # what dominates has the larger distance, and is the harder to prove
    return tuple(
        sorted(numbers.items(), key=lambda kind: (kind[0].needed, _distance(kind[0])), reverse=True)
    )


def _distance(pair: Pair) -> Fraction:
    """Return the total variation distance of a pair."""
    return sum((max(a - b, Fraction(0)) for a, b in pair.atoms), Fraction(0))


def _choices(kinds: Kinds, n_changed: int) -> Iterator[Kinds]:
    """Yield numbers of columns by kind, none of them while one that dominates is left out."""
    above = [
        [h for h in range(g) if dominates(kinds[h][0], pair)] for g, (pair, _) in enumerate(kinds)
    ]

    def choose(taken: tuple[int, ...], left: int) -> Iterator[Kinds]:
        g = len(taken)
        if not left:
            yield tuple((kinds[h][0], n) for h, n in enumerate(taken) if n)
        elif g < len(kinds):
            is_open = all(taken[h] == kinds[h][1] for h in above[g])
            for n in range(min(kinds[g][1], left) if is_open else 0, -1, -1):
                yield from choose((*taken, n), left - n)

    return choose((), n_changed)


def _product(chosen: Kinds) -> Pair:
    """Return the pair of all chosen changes together."""
    powers = [_power(*kind) for kind in chosen]
    if len(chosen) > 1 and math.prod(len(pair.atoms) for pair in powers) > _MOST_ATOMS:
        return _product(_with_fewer(chosen))
    return functools.reduce(operator.mul, powers)


def _with_fewer(kinds: Kinds) -> Kinds:
    """Return kinds of which two have become one: the last that is dominated, or the last two."""
    for g in range(len(kinds) - 1, 0, -1):
        for h in range(g - 1, -1, -1):
            if dominates(kinds[h][0], kinds[g][0]):
                return (
                    *kinds[:h],
                    (kinds[h][0], kinds[h][1] + kinds[g][1]),
                    *kinds[h + 1 : g],
                    *kinds[g + 1 :],
                )
    (one, n), (other, m) = kinds[-2:]
    return (*kinds[:-2], (joined(one, other), n + m))


@functools.lru_cache(maxsize=1024)
def _power(pair: Pair, n: int) -> Pair:
    return pair if n == 1 else _power(pair, n - 1) * pair
