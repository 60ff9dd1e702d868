"""The worst changes of columns of several kinds: against all choices, and the whole space."""

import itertools
from fractions import Fraction

import numpy as np
import pytest

from sksmooth.bounds import Pair, mixed_radius, worst_pairs
from sksmooth.bounds.worst import dominates, joined

F = Fraction
FLIPS = {n: Pair.categorical(F(6, 10), n) for n in (1, 2, 4, 9)}
DROPS = {rate: Pair.within(1 - F(rate)) for rate in ("0.8", "0.5", "0.9")}
ADDED, REMOVED = (Pair.binary(*each, F(1, 100), F(6, 10)) for each in ((1, 0), (0, 1)))
KINDS = {
    "one keep": tuple((pair, 1) for pair in FLIPS.values()),
    "flip and drop": ((FLIPS[4], 2), (DROPS["0.8"], 2), (DROPS["0.5"], 1)),
    "keeps that cross": (
        (Pair.categorical(F(3, 10), 9), 2),
        (Pair.categorical(F(6, 10), 1), 2),
        (DROPS["0.8"], 1),
    ),
    "one way": ((ADDED, 2), (REMOVED, 2), (FLIPS[2], 1)),
    "alike": ((FLIPS[4], 1), (FLIPS[4], 2)),
}
PLACES = [F(i, 40) for i in range(41)] + [F(999, 1000), 1 - F(1, 10**6)]


def product(pairs):
    whole = Pair(((F(1), F(1)),))
    for pair in pairs:
        whole = whole * pair
    return whole


def neyman_pearson(here, there, p):
    """The least mass at the other row of an event of mass p, over all outcomes: in fractions."""
    order = sorted(
        range(len(here)), key=lambda i: (here[i] == 0, F(there[i]) / here[i] if here[i] else 0)
    )
    taken = value = F(0)
    for i in order:
        part = min(here[i], p - taken)
        if part <= 0 or not here[i]:
            continue
        taken, value = taken + part, value + there[i] * part / here[i]
    return value


class TestWorstPairs:
    @pytest.mark.parametrize("name", KINDS)
    def test_all_choices_are_dominated_and_each_is_one(self, name):
        """What all of the pairs prove is what all choices of columns prove: no more, no less."""
        columns = [pair for pair, number in KINDS[name] for _ in range(number)]
        for k in range(1, len(columns) + 1):
            choices = [product(chosen) for chosen in itertools.combinations(columns, k)]
            worst = worst_pairs(KINDS[name], k)
            assert set(worst) <= set(choices)
            for p in PLACES:
                least = min(pair.exact_lower(p) for pair in choices)
                assert min(pair.exact_lower(p) for pair in worst) == least
        assert worst_pairs(KINDS[name], len(columns) + 1) == ()

    def test_no_more_than_it_takes(self):
        assert len(worst_pairs(KINDS["one keep"], 2)) == 1
        assert len(worst_pairs(KINDS["alike"], 3)) == 1
        assert len(worst_pairs(((FLIPS[4], 2), (DROPS["0.8"], 2)), 1)) == 2
        # dropped by halves, a column is as far away as a flipped one, and with a larger ratio
        assert worst_pairs(KINDS["flip and drop"], 1) == (DROPS["0.5"],)

    def test_where_there_would_be_very_many(self):
        """Twenty kinds, of which none dominates another: what is proved may only be less."""
        rng = np.random.default_rng(0)
        kinds = []
        for i in range(20):
            low = F(int(rng.integers(40, 50) + 2 * i), 100)
            kinds.append((Pair.binary(1, 0, F(20 - i, 50), 1 - low), 1))
        for k in (2, 4):
            worst = worst_pairs(tuple(kinds), k)
            assert 1 <= len(worst) <= 32
            assert all(len(pair.atoms) <= 256 for pair in worst)
            for _ in range(40):
                chosen = rng.choice(20, k, replace=False)
                pair = product(kinds[i][0] for i in chosen)
                for p in PLACES[::5]:
                    assert min(each.exact_lower(p) for each in worst) <= pair.exact_lower(p)

    def test_many_different_columns_of_one_noise(self):
        flips = tuple((Pair.categorical(F(1, 2), n), 1) for n in range(2, 14))
        for k in (5, 7):
            (worst,) = worst_pairs(flips, k)
            assert len(worst.atoms) <= 256
            exact = product(pair for pair, _ in flips[-k:])
            assert worst.needed >= exact.needed

    def test_the_whole_space(self):
        """Three flipped columns and two dropped ones, all outcomes listed, some changed."""
        keep, sizes, drop = F(6, 10), (2, 3, 4), F(8, 10)
        kinds = tuple((Pair.categorical(keep, n - 1), 1) for n in sizes)
        kinds = (*kinds, (Pair.within(1 - drop), 2))
        columns = []
        for n in sizes:
            other = (1 - keep) / (n - 1)
            columns.append(([keep, *[other] * (n - 1)], [other, keep, *[other] * (n - 2)]))
        columns += [([1 - drop, F(0), drop], [F(0), 1 - drop, drop])] * 2
        asked = 0
        for changed in itertools.product((0, 1), repeat=5):
            k = sum(changed)
            if not k:
                continue
            laws = [column[0] for column in columns]
            moved = [column[c] for column, c in zip(columns, changed, strict=True)]
            here, there = ([np.prod(m) for m in itertools.product(*law)] for law in (laws, moved))
            worst = worst_pairs(kinds, k)
            for p in PLACES[::4]:
                exact = neyman_pearson(here, there, p)
                asked += 1
                assert min(pair.exact_lower(p) for pair in worst) <= exact
                chosen = [kinds[min(i, 3)][0] for i, c in enumerate(changed) if c]
                assert product(chosen).exact_lower(p) == exact
        assert asked > 300


class TestOrder:
    def test_dominates_is_what_the_curves_say(self):
        pairs = [*FLIPS.values(), *DROPS.values(), ADDED, REMOVED, FLIPS[4] * DROPS["0.8"]]
        places = [F(i, 997) for i in range(998)]
        for one, other in itertools.permutations(pairs, 2):
            below = all(one.exact_lower(p) <= other.exact_lower(p) for p in places[::13])
            assert dominates(one, other) <= below
            if below and not dominates(one, other):  # it crosses between the places
                assert any(one.exact_lower(p) > other.exact_lower(p) for p in places)

    def test_order_of_flips_by_ratio_and_distance(self):
        assert dominates(FLIPS[9], FLIPS[4])
        assert not dominates(FLIPS[4], FLIPS[9])
        # dropped columns with a small distance have the larger ratio: neither is the worse one
        assert not dominates(FLIPS[4], DROPS["0.8"])
        assert not dominates(DROPS["0.8"], FLIPS[4])
        assert dominates(DROPS["0.5"], FLIPS[1])

    def test_joined(self):
        pairs = [*FLIPS.values(), *DROPS.values(), ADDED, REMOVED]
        for one, other in itertools.combinations(pairs, 2):
            both = joined(one, other)
            assert dominates(both, one)
            assert dominates(both, other)
            assert joined(other, one) == both
            # no larger one is: it is the hull, so that it touches one of them at each corner
            corner = F(0)
            for a, _ in both.atoms:
                corner += a
                least = min(one.exact_lower(corner), other.exact_lower(corner))
                assert both.exact_lower(corner) == least
            if dominates(one, other):
                assert both == one

    def test_a_worse_pair_has_a_smaller_radius(self):
        both = joined(FLIPS[4], DROPS["0.8"])
        p = np.array([0.95, 0.99, 0.9999])
        for pair in (FLIPS[4], DROPS["0.8"]):
            assert np.all(mixed_radius(both, p) <= mixed_radius(pair, p) + 1e-11)
