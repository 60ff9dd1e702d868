"""Mixed noise: its radii against the whole space, all neighbours, and the worst base."""

import itertools
import json
import math
from fractions import Fraction

import numpy as np
import pytest
from other_noises import CASES, SEVERAL
from scipy.optimize import brentq
from scipy.special import ndtr

from sksmooth.bounds import mixed_radius, worst_pairs
from sksmooth.noise import (
    Drop,
    DropNoise,
    Flip,
    FlipNoise,
    Gaussian,
    IntegerInUnits,
    IntegerPerFeature,
    Laplace,
    MixedNoise,
    Rows,
    SeveralChangesNoise,
    bind_mixed,
)
from sksmooth.noise.streams import GENERATORS, Purpose
from sksmooth.records.head import noise_from_head, noise_of_head

F = Fraction
NAN = math.nan


def mixed(numbers, changes, categories):
    """Numbers by their deviations, then columns of other noise."""
    n = len(numbers) + len(changes)
    rows = Rows(
        (*numbers, *[0.0] * len(changes)), (n,), categories=((),) * len(numbers) + categories
    )
    return bind_mixed(Gaussian(), rows, dict(enumerate(changes, start=len(numbers))))


COLOURS = (0.0, 1.0, 2.0)
FLIP_AND_DROP = mixed((2.0,), (Flip(keep=0.8), Drop(drop=0.8)), (COLOURS, (0.0, 1.0)))
TWO_KEEPS = mixed((1.0,), (Flip(keep=0.9), Flip(keep=0.7)), ((0.0, 1.0), (*COLOURS, 3.0, 4.0)))


def laws_of(noise):
    """For each column its law at a value and at another one, outcome by outcome; in floats."""
    for part in noise.changes.parts:
        if isinstance(part, DropNoise):
            for kept in part.kept:
                k = kept / 2**64
                yield [k, 0.0, 1 - k], [0.0, k, 1 - k]
        else:
            keep = float(part.keep)
            for values in part.values:
                other = (1 - keep) / (len(values) - 1)
                rest = [other] * (len(values) - 2)
                yield [keep, other, *rest], [other, keep, *rest]


def radius_by_brute_force(noise, k, p, q):
    """Where the leads cross, over cells of the line times all outcomes of all columns."""
    edges = np.concatenate([[-np.inf], np.linspace(-9, 15, 8000), [np.inf]])
    laws, best = list(laws_of(noise)), np.inf

    def lead(r, changed):
        masses = []
        for move, which in ((0.0, [0] * len(laws)), (r, changed)):
            chosen = [law[c] for law, c in zip(laws, which, strict=True)]
            others = [math.prod(m) for m in itertools.product(*chosen)]
            masses.append(np.outer(others, np.diff(ndtr(edges - move))).ravel())
        at_x, at_other = masses
        with np.errstate(invalid="ignore", divide="ignore"):
            order = np.argsort(np.nan_to_num(at_other / at_x, nan=0.0, posinf=1e300))
        sums = np.cumsum(at_x[order]), np.cumsum(at_other[order])
        low = np.interp(p, *sums)
        high = sums[1][-1] - np.interp(1 - q, *sums) + (1 - sums[1][-1])
        return low - high

    for chosen in itertools.combinations(range(len(laws)), k):
        changed = [int(i in chosen) for i in range(len(laws))]
        if lead(1e-9, changed) <= 0:
            return NAN
        best = min(best, brentq(lead, 1e-9, 8, args=(changed,), xtol=1e-9))
    return best


class TestRadii:
    @pytest.mark.parametrize("noise", [FLIP_AND_DROP, TWO_KEEPS], ids=["flip and drop", "keeps"])
    @pytest.mark.parametrize(
        ("p", "q"), [(0.9, 0.1), (0.985, 0.015), (0.97, 0.002), (0.9999, 1e-4)]
    )
    def test_whole_space(self, noise, p, q):
        """The cells of the line know less than the line, so that their radius is the larger."""
        for k in range(3):
            found = float(noise.radius_with(k, p, q))
            expected = radius_by_brute_force(noise, k, p, q)
            assert np.isnan(found) == np.isnan(expected)
            assert np.isnan(found) or -2e-5 < expected - (found + noise.rounding) < 2e-4

    # of the code of arXiv:2605.12876, as reference/norms.md has them
    PUBLISHED = [
        (0.8, 3, 1, 0.99, 1.34494368554863264),
        (0.8, 3, 1, 0.999, 2.42741343009999877),
        (0.8, 3, 2, 0.999, 1.45814393228964741),
        (0.6, 4, 3, 0.999, 2.02020324326799997),
    ]

    @pytest.mark.parametrize(("keep", "others", "k", "p", "radius"), PUBLISHED)
    def test_published(self, keep, others, k, p, radius):
        values = tuple(map(float, range(others + 1)))
        noise = mixed((0.5,), (Flip(keep=keep),) * 4, (values,) * 4)
        found = float(noise.radius_with(k, p))
        assert 0 <= radius - (found + noise.rounding) < 5e-12
        assert found < radius

    def test_dropped_columns(self):
        noise = mixed((0.5,), (Drop(drop=0.9),) * 5, ((),) * 5)
        assert float(noise.radius_with(3, 0.999) + noise.rounding) == pytest.approx(
            2.51092683796081838, abs=5e-12
        )
        assert np.isnan(noise.radius_with(3, 0.75))

    def test_fewer_changes_and_surer_rows_have_more(self):
        p = np.concatenate([np.linspace(0.5, 0.99, 60), 1 - np.logspace(-2, -9, 20)])
        p.sort()
        for noise in (FLIP_AND_DROP, TWO_KEEPS, CASES["mixed"][0]):
            radii = [np.nan_to_num(noise.radius_with(k, p), nan=-1.0) for k in range(5)]
            assert np.all(np.diff(radii, axis=0) <= 1e-11)
            assert np.all(np.diff(radii, axis=1) >= -1e-11)
            assert np.array_equal(radii[0][p > 0.51], noise.radius(p)[p > 0.51])
            most = noise.max_changes(p)
            assert np.array_equal(
                most, np.sum(np.array(radii[: len(noise.norm.changing) + 1]) >= 0, axis=0) - 1
            )

    def test_more_changes_than_columns(self):
        p = np.array([0.9, 0.99, 0.9999])
        assert np.array_equal(
            FLIP_AND_DROP.radius_with(7, p), FLIP_AND_DROP.radius_with(2, p), equal_nan=True
        )

    def test_in_units(self):
        """A radius in units is sigma times that in deviations."""
        changes = FLIP_AND_DROP.changes
        per = MixedNoise(IntegerPerFeature([1.5, 0, 0]), changes)
        units = MixedNoise(IntegerInUnits(0.5, [3.0, 0, 0]), changes)
        p = np.array([0.8, 0.99, 0.99999])
        for k in range(3):
            one, other = per.radius_with(k, p), units.radius_with(k, p)
            assert np.allclose(one * 0.5, other, rtol=1e-12, equal_nan=True)
            assert np.all((other <= one * 0.5) | np.isnan(one))
        assert units.name.replace("in units", "") == per.name
        assert str(units.norm) == "l2 of delta / units, and changes"
        assert units.norm != per.norm


class TestDeciding:
    @pytest.mark.parametrize("noise", [FLIP_AND_DROP, TWO_KEEPS], ids=["flip and drop", "keeps"])
    def test_it_decides_what_the_radius_says(self, noise):
        rng = np.random.default_rng(0)
        p = 1 - 10.0 ** rng.uniform(-6, -0.35, 300)
        q = (1 - p) * rng.choice([1.0, 0.3], 300)
        asked = (0.0, 0.2, 1.0)
        for k in (0, 1, 2):
            reached, targets = noise.deciding(asked, k)
            radii = np.nan_to_num(noise.radius_with(k, p, q), nan=-1.0)
            for radius, target in zip(asked, targets, strict=True):
                clear = np.abs(radii - radius) > 1e-9
                decided = reached(p, q) >= target
                assert np.array_equal(decided[clear], (radii >= radius)[clear])

    @pytest.mark.parametrize("k", [0, 1])
    def test_what_rounding_takes_off_radii_is_asked_for(self, k):
        radius = float(FLIP_AND_DROP.radius_with(k, 0.99))
        for share, proved in ((-0.1, True), (0.5, False)):
            asked = radius + share * FLIP_AND_DROP.rounding
            assert 0 < abs(asked - radius) < 1e-6
            reached, (target,) = FLIP_AND_DROP.deciding((asked,), k)
            assert (reached([0.99])[0] >= target) == proved

    def test_others_refuse_changes(self):
        for noise, what in (
            (
                IntegerPerFeature([1.0]),
                "none are replaced: columns of one value in fit get no noise",
            ),
            (DropNoise.dropping([0.5]), "numbers of changes"),
        ):
            with pytest.raises(ValueError, match=f"changes=1 is for noise that is added.*{what}"):
                noise.deciding((0.0,), 1)
            reached, targets = noise.deciding((0.0,))
            assert reached([0.9]) >= targets


class Exactly:
    """Random bases over cells of a number, three colours, and values that may be missing."""

    keep, drop, sigma = 0.85, 0.9, 2.0

    def __init__(self, rng):
        colours = (0.0, 1.0, 2.0)
        self.noise = mixed(
            (self.sigma,), (Flip(keep=self.keep), Drop(drop=self.drop)), (colours, ())
        )
        self.cuts = np.sort(rng.normal(size=3)) * 3
        # of the cells, colours, and the values 0, 1 and none
        self.answers = rng.random((4, 3, 3)) < rng.uniform(0.0, 0.12)
        self.flip = np.full((3, 3), (1 - self.keep) / 2)
        np.fill_diagonal(self.flip, self.keep)
        k = 1 - self.drop
        self.gone = np.array([[k, 0, 1 - k], [0, k, 1 - k]])

    def share(self, numbers, colour, value):
        """The probability of class 1 around rows with any numbers."""
        edges = np.concatenate([[-np.inf], self.cuts, [np.inf]])
        cells = np.diff(ndtr((edges - np.asarray(numbers)[:, None]) / self.sigma), axis=1)
        return np.einsum("ni,j,k,ijk->n", cells, self.flip[colour], self.gone[value], self.answers)


def test_every_neighbour():
    """All rows of a domain, and all moves of a fine grid within each radius: none is answered."""
    rng = np.random.default_rng(3)
    cases, misses = [], []
    for _ in range(250):
        base = Exactly(rng)
        x, u, v = rng.normal() * 3, *rng.integers(3, size=1), *rng.integers(2, size=1)
        miss = base.share([x], u, v)[0]
        if miss > 0.5:
            miss, base.answers = 1 - miss, ~base.answers
        cases.append((base, x, u, v))
        misses.append(miss * (1 + 1e-12))  # of its own sums
    radii = [base.noise.radius_with(k, 1 - np.array(misses)) for k in range(3)]
    asked = at_k = 0
    for (base, x, u, v), *own in zip(cases, *radii, strict=True):
        for colour, value in itertools.product(range(3), range(2)):
            k = int(colour != u) + int(value != v)
            if np.isnan(own[k]):
                continue
            moves = base.sigma * min(own[k], 9.0) * np.linspace(-1, 1, 121) * (1 - 1e-9)
            asked += len(moves)
            at_k += k > 0
            assert np.all(base.share(x + moves, colour, value) < 0.5)
    assert asked > 100_000
    assert at_k > 400


@pytest.mark.parametrize("changed", [(1, 0), (0, 1), (1, 1)])
def test_the_worst_base(changed):
    """It answers by likelihood ratio: it holds just within the radius, and loses just beyond."""
    noise, p = FLIP_AND_DROP, 0.99
    laws = list(laws_of(noise))
    here = np.array([math.prod(m) for m in itertools.product(*(law[0] for law in laws))])
    moved = [law[c] for law, c in zip(laws, changed, strict=True)]
    there = np.array([math.prod(m) for m in itertools.product(*moved)])
    kinds = noise.changes.kinds
    pairs = [pair for (pair, _), c in zip(kinds, changed, strict=True) if c]
    (pair,) = worst_pairs(tuple((each, 1) for each in pairs), len(pairs))
    r = float(mixed_radius(pair, p))

    def mass(shift, law, c):
        """Of {ratio < c} at a row that is moved by `shift` deviations."""
        both = np.where((here > 0) & (there > 0), there, 1.0)
        t = (c - np.log(both / np.where(both == 1.0, 1.0, here))) / r + r / 2
        t = np.where(here == 0, -np.inf, np.where(there == 0, np.inf, t))
        return float(np.sum(law * ndtr(t - shift)))

    c = brentq(lambda c: mass(0.0, here, c) - p, -60, 60, xtol=1e-13)
    assert mass(0.0, here, c) == pytest.approx(p, abs=1e-12)
    assert mass(r, there, c) == pytest.approx(0.5, abs=1e-8)
    assert mass(0.999 * r, there, c) > 0.5
    assert mass(1.001 * r, there, c) < 0.5
    assert noise.radius_with(sum(changed), p) <= r


class TestSeveral:
    def test_parts_are_drawn_as_alone(self):
        """Each from its own part of the stream, whatever the others take, and independent."""
        row = np.array(CASES["several"][1], dtype=np.float64)
        key = np.array([1, 2], dtype=np.uint64)
        for name, streams in GENERATORS.items():
            out = np.empty((20_000, 6))
            CASES["mixed"][0].around(row)(streams().at(key, 3, Purpose.ESTIMATE), out)
            for number, (own, part) in enumerate(
                zip(SEVERAL.columns, SEVERAL.parts, strict=True), start=1
            ):
                alone = np.empty((20_000, len(own)))
                stream = streams().at(key, 3, Purpose.ESTIMATE | number << 8)
                part.around(row[list(own)])(stream, alone)
                assert np.array_equal(out[:, list(own)], alone, equal_nan=True), name
            seen = np.column_stack([np.nan_to_num(out[:, j], nan=9.0) for j in range(6)])
            seen = (seen - seen.mean(axis=0)) / seen.std(axis=0)
            correlation = seen.T @ seen / len(seen) - np.eye(6)
            assert np.abs(correlation).max() < 5 / math.sqrt(len(seen))

    def test_names_and_errors_are_of_all_parts(self):
        """A row's draws are keyed by the name, and radii are charged for the error."""
        primes = [p for p in range(3, 60) if all(p % q for q in range(2, p))]
        values, n = [tuple(range(p + 1)) for p in primes], len(primes)
        one, other = (FlipNoise.keeping(keep, values) for keep in (0.7, 0.71))
        assert one.tv_error > 0
        twice = SeveralChangesNoise(2 * n, [range(n), range(n, 2 * n)], [one, one])
        assert twice.tv_error == 2 * one.tv_error
        numbers = IntegerPerFeature([1.0] + [0.0] * n)
        first, second = (
            MixedNoise(numbers, SeveralChangesNoise(n + 1, [range(1, n + 1)], [part]))
            for part in (one, other)
        )
        assert first.tv_error >= numbers.tv_error + one.tv_error > numbers.tv_error
        assert first.name != second.name

    def test_outcomes(self):
        """All of them, with the products of their parts' chances."""
        row = np.array(CASES["several"][1], dtype=np.float64)
        outcomes = SEVERAL.outcomes(row)
        rows = np.empty((outcomes.n, 6))
        outcomes.fill(0, rows)
        assert outcomes.n == SEVERAL.n_outcomes == 2 * 3 * 2 * 2
        shown = np.nan_to_num(rows, nan=99.0)
        assert len(np.unique(shown, axis=0)) == outcomes.n
        weight = np.array(outcomes.weights, dtype=object)[outcomes.kinds]
        chance = np.array([F(int(w), outcomes.total) for w in weight])
        assert chance.sum() == 1
        flip, drop, binary = SEVERAL.parts
        kept = {
            1: {1.0: flip.keep},
            4: {5.0: flip.keep},
            3: {-2.0: F(drop.kept[0], 2**64)},
            5: {0.0: 1 - F(binary.added, 2**64)},
        }
        number = {1: 1, 4: 2, 3: 1, 5: 1}
        for line, found in zip(shown, chance, strict=True):
            expected = F(1)
            for j, own in kept.items():
                ((value, keep),) = own.items()
                expected *= keep if line[j] == value else (1 - keep) / number[j]
            assert found == expected
        part = np.empty((5, 6))
        outcomes.fill(7, part)
        assert np.array_equal(part, rows[7:12], equal_nan=True)
        assert outcomes.key == SEVERAL.outcomes(np.where(row == 1, 0, row)).key
        assert outcomes.key != SEVERAL.outcomes(row + np.eye(6)[0]).key

    def test_values_that_are_not_known(self):
        row = np.array(CASES["several"][1], dtype=np.float64)
        row[4] = 3.0
        assert SEVERAL.unknown(row[None]) == [4]
        known = SEVERAL.with_known(row[None])[0]
        assert np.array_equal(np.flatnonzero(known != row)[[-1]], [4])
        assert SEVERAL.unknown(known[None]) == []
        row[5] = 3.0
        with pytest.raises(
            ValueError, match=r"columns \[5\] of a row: Rows must have 1 values, zeros and ones"
        ):
            SEVERAL.around(row)

    @pytest.mark.parametrize("columns", [[(0, 1)], [(0, 0)], [(0, 6)], []])
    def test_columns_that_do_not_fit(self, columns):
        parts = [DropNoise.dropping([0.5, 0.5])] * len(columns)
        if columns == [(0, 1)]:
            parts = [DropNoise.dropping([0.5])]
        with pytest.raises(ValueError, match="Each part must be of as many columns"):
            SeveralChangesNoise(6, columns, parts)

    def test_both_noises_of_one_column(self):
        with pytest.raises(ValueError, match="none may have both"):
            MixedNoise(
                IntegerPerFeature([1.0, 1.0]),
                SeveralChangesNoise(2, [(1,)], [FlipNoise.keeping(0.9, [(0, 1)])]),
            )


class TestBinding:
    def test_columns_are_bound_by_specification(self):
        noise = mixed(
            (1.0, 0.0),
            (Flip(keep=0.6), Drop(drop=0.8), Flip(keep=0.6), Flip(keep=0.7), Flip(keep=0.6)),
            (COLOURS, (), (0.0, 1.0), COLOURS, (4.0,)),
        )
        assert noise.changes.columns == ((2, 4), (3,), (5,))
        # a single value is not replaced, and cannot be changed; neither can a column with 0
        assert noise.norm.changing == (2, 3, 4, 5)
        delta = np.eye(7)
        assert noise.norm.changes(delta).tolist() == [0, np.inf, 1, 1, 1, 1, np.inf]
        assert noise.norm.length(delta).tolist() == [1.0, *[np.inf] * 6]

    def test_without_numbers_changes_are_counted(self):
        noise = mixed((0.0,), (Flip(keep=0.6), Drop(drop=0.8)), (COLOURS, ()))
        assert isinstance(noise, SeveralChangesNoise)
        assert str(noise.norm) == "l0"
        assert noise.radius([0.95]) == 2

    def test_without_anything_to_replace(self):
        noise = mixed((1.0,), (Flip(keep=0.6),), ((3.0,),))
        assert noise == IntegerPerFeature([1.0, 0.0])

    @pytest.mark.parametrize(
        ("gaussian", "change", "options", "match"),
        [
            (Laplace(), Drop(drop=0.5), {}, "goes with noise='gaussian' on others"),
            (Gaussian(), Laplace(), {}, "single columns may have a number, Flip or Drop"),
            (
                Gaussian(),
                Flip(keep=0.6),
                {"categories": ((), ())},
                "No values of column 1 were noted",
            ),
            (Gaussian(), Drop(drop=0.5), {"arithmetic": "float"}, "integer' only"),
            (Gaussian(), Drop(drop=(0.5, 0.5)), {}, "drop has 2 numbers, but rows have 1"),
        ],
    )
    def test_what_is_refused(self, gaussian, change, options, match):
        with pytest.raises(ValueError, match=match):
            bind_mixed(gaussian, Rows((1.0, 0.0), (2,), **options), {1: change})

    def test_heads(self):
        for noise in (CASES["mixed"][0], SEVERAL, FLIP_AND_DROP, TWO_KEEPS):
            again = noise_from_head(json.loads(json.dumps(noise_of_head(noise))))
            assert again == noise
            assert again.name == noise.name
            assert hash(again) == hash(noise)
