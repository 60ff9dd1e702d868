"""Noise of other kinds than the Gaussian: what is drawn, and what is proved, by brute force."""

import hashlib
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from other_noises import CASES
from scipy import stats

from sksmooth.bounds import Pair, radius_uniform
from sksmooth.noise import (
    BinaryFlipNoise,
    DropNoise,
    FlipNoise,
    LaplaceNoise,
    MixedNoise,
    UniformNoise,
)
from sksmooth.noise.norms import L0, L1
from sksmooth.noise.streams import GENERATORS, Philox, Purpose, row_key

KEY = np.array([1, 2], dtype=np.uint64)
NAN = math.nan
WIDTHS = {"normal": 1.0, "uniform": 3**-0.5, "laplace": 2**0.5}  # deviations


# noise and a row of its own
@pytest.fixture(params=CASES)
def case(request):
    noise, row = CASES[request.param]
    return noise, np.array(row, dtype=np.float64)


def drawn(noise, row, n=1000, generator="philox", block=0):
    out = np.empty((n, *row.shape), dtype=row.dtype)
    noise.around(row)(GENERATORS[generator]().at(KEY, block, Purpose.ESTIMATE), out)
    return out


class TestEveryFamily:
    def test_fewer_draws_are_a_prefix(self, case):
        noise, row = case
        long = drawn(noise, row, 3000)
        for n in (1, 2, 7, 1000):
            assert np.array_equal(drawn(noise, row, n), long[:n], equal_nan=True)

    def test_shapes_and_precisions(self, case):
        noise, row = case
        flat = drawn(noise, row)
        square = drawn(noise, row.reshape(1, -1))
        assert np.array_equal(square.reshape(flat.shape), flat, equal_nan=True)
        single = drawn(noise, row.astype(np.float32))
        assert single.dtype == np.float32
        added = isinstance(noise, LaplaceNoise | UniformNoise | MixedNoise)
        if "between" not in noise.name and not added:
            assert np.array_equal(single, flat.astype(np.float32), equal_nan=True)

    def test_other_blocks_and_generators(self, case):
        noise, row = case
        first = drawn(noise, row)
        assert not np.array_equal(first, drawn(noise, row, block=1), equal_nan=True)
        assert not np.array_equal(first, drawn(noise, row, generator="shake128"), equal_nan=True)

    def test_rows_that_compare_equal(self, case):
        noise, row = case
        zero = np.where(row == 0, -0.0, row)
        first, second = drawn(noise, row), drawn(noise, zero)
        assert np.array_equal(np.signbit(first), np.signbit(second))
        assert np.array_equal(first, second, equal_nan=True)

    def test_the_row_is_left_alone(self, case):
        noise, row = case
        before = row.copy()
        drawn(noise, row)
        assert np.array_equal(row, before, equal_nan=True)

    def test_statements(self, case):
        noise, row = case
        assert noise.sound
        assert 0 <= noise.tv_error < 2e-9
        p = np.linspace(0, 1, 201)
        radius = noise.radius(p)
        assert np.all(np.diff(radius) >= 0)
        assert np.all(radius[p <= 0.5] == 0)
        assert radius[-1] > 0
        assert np.all(np.diff(noise.radius(np.full(201, 0.7), p)) <= 0)
        assert np.all(noise.radius(p, np.minimum(0.1, 1 - p)) >= radius)
        proved = noise.proves(p)
        assert np.all(proved[radius > 0])
        assert not proved[p <= 0.5].any()
        # what a radius has to reach is reached just if the radius is
        for asked in (0.0, 0.3, 1.0, 2.0):
            reached = noise.reached(p) >= noise.target(asked)
            wanted = noise.proves(p) & (radius >= asked)
            assert np.array_equal(reached, wanted)
        assert np.all(noise.l2_radius(radius) <= radius)
        laws = {"l1": ("laplace", "uniform"), "l0": ("normal",), "l2": ("normal",)}
        marginals = noise.marginals(row.shape)
        assert marginals is None or marginals.law in laws[noise.norm.kind]

    def test_single_values_have_the_laws_that_closed_forms_are_told(self, case):
        noise, row = case
        marginals, n = noise.marginals(row.shape), 4000
        if marginals is None:
            pytest.skip("claims none")
        for j, column in enumerate(drawn(noise, row, n).T):
            law, value = marginals.replaced.get(j), float(row[j])
            if law is None or math.isnan(value):  # what is missing stays so
                width = WIDTHS[marginals.law] * marginals.deviations[j]
                assert np.array_equal(column, np.full(n, value), equal_nan=True) == (width == 0)
                assert width == 0 or column.std() == pytest.approx(width, rel=0.08)
                continue
            leaves = dict(zip(law.values, law.leaves, strict=True)).get(value, law.unknown)
            others = [other for other in law.values if other != value]
            expected = [float(1 - leaves), *[float(leaves / len(others))] * len(others)]
            found = [
                np.mean((column == v) | (np.isnan(column) & (v != v))) for v in (value, *others)
            ]
            assert sum(found) == pytest.approx(1.0)
            assert found == pytest.approx(expected, abs=2.5 / math.sqrt(n))

    def test_names_hold_all_parameters(self):
        other = [
            LaplaceNoise(0.8, 3),
            LaplaceNoise(0.25, 3, levels=15),
            UniformNoise(0.8, 3),
            UniformNoise(0.9, 4, levels=255),
            FlipNoise.keeping(0.71, CASES["flip"][0].values),
            FlipNoise.keeping(0.7, [(0, 1), (1, 2, 6), (), (0, 1, 2, 3)]),
            BinaryFlipNoise.turning(0.11, 0.6, 4),
            BinaryFlipNoise.turning(0.1, 0.61, 4),
            BinaryFlipNoise.turning(0.1, 0.6, 5),
            DropNoise.dropping([0.7, 0.0, 0.81]),
            DropNoise.dropping([0.7, 0.7]),
        ]
        # on the levels and between them is one noise
        given = [noise for name, (noise, _) in CASES.items() if "between" not in name]
        assert len({noise.name for noise in (*given, *other)}) == len(given) + len(other)

    def test_copies_for_training(self, case):
        noise, row = case
        rows = np.tile(row, (4000, 1))
        noisy = noise.corrupt(np.random.default_rng(0), rows)
        assert noisy.shape == rows.shape
        exact = drawn(noise, row, 4000)
        for j in range(len(row)):
            mixed = isinstance(noise, MixedNoise) and noise.deviations(row.shape)[j]
            if mixed or isinstance(noise, LaplaceNoise | UniformNoise):
                assert stats.ks_2samp(noisy[:, j], exact[:, j]).pvalue > 1e-4
                continue
            values = {*np.nan_to_num(noisy[:, j], nan=99.0), *np.nan_to_num(exact[:, j], nan=99.0)}
            counts = [
                [int(np.sum(np.nan_to_num(part[:, j], nan=99.0) == v)) for v in values]
                for part in (noisy, exact)
            ]
            if len(values) > 1:
                assert stats.chi2_contingency(counts).pvalue > 1e-4

    def test_copies_of_tensors(self, case):
        torch = pytest.importorskip("torch")

        class Draws:
            rng = np.random.default_rng(0)

            def random(self, shape):
                return torch.from_numpy(self.rng.random(tuple(shape)))

            def integers(self, low, high, shape):
                return torch.from_numpy(self.rng.integers(low, high, shape))

            def normal(self, loc, scale, shape):
                return torch.from_numpy(self.rng.normal(loc, scale, tuple(shape)))

        noise, row = case
        rows = np.tile(row, (50, 1))
        expected = noise.corrupt(np.random.default_rng(0), rows)
        found = noise.corrupt(Draws(), torch.from_numpy(rows))
        assert isinstance(found, torch.Tensor)
        assert np.allclose(found.numpy(), expected, rtol=1e-12, equal_nan=True)


KNOWN = {
    "laplace": "9cca22de414bde9a",
    "laplace, levels": "15f2900b54765bff",
    "laplace, between levels": "d2891d7becf9c63f",
    "uniform": "5e7fb32ad27ceaa7",
    "uniform, levels": "b80df2693acbb95e",
    "uniform, between levels": "330f30f008fa031d",
    "flip": "dbba6caeb99461e1",
    "flip, missing": "3f3c1ace66b66869",
    "flip, alike": "4ad59f97ec9bfce9",
    "binary": "e445d4edc0a26999",
    "drop": "12887f736a09def7",
    "several": "453520c0e3c9c18e",
    "mixed": "dccc3d682ab6ab48",
    "split": "7134fa31b4555bd2",
    "split, counts": "3cc20a0c32c8db9a",
}


@pytest.mark.parametrize("name", CASES)
def test_known_noise(name):
    """A digest of 2,000 draws, to the last bit: keys, words, tables and sums together."""
    noise, row = CASES[name]
    row = np.array(row, dtype=np.float64)
    stream = Philox().at(row_key(bytes(16), row, noise.name), 0, Purpose.PREDICT)
    out = np.empty((2000, len(row)))
    noise.around(row)(stream, out)
    out = np.where(np.isnan(out), 12345.0, out)
    assert hashlib.blake2b(out.astype("<f8").tobytes(), digest_size=8).hexdigest() == KNOWN[name]


class TestAdditive:
    @pytest.mark.parametrize("name", [n for n in CASES if n.startswith(("laplace", "uniform"))])
    def test_distribution(self, name):
        noise, row = CASES[name]
        row = np.array(row, dtype=np.float64)
        errors = drawn(noise, row, 40_000) - row
        law = stats.laplace if isinstance(noise, LaplaceNoise) else stats.uniform(-1, 2)
        for j in range(len(row)):
            # smoothed by the grid's step, which is what the levels take away
            shift = (
                0.0 if noise.levels is None else np.random.default_rng(j).uniform(-0.5, 0.5, 40_000)
            )
            values = errors[:, j] + (0.0 if noise.levels is None else shift / noise.levels)
            if (
                "between" in name
            ):  # rounded to the levels as a sum, so that errors depend on the row
                assert values.mean() == pytest.approx(0, abs=5 * noise.sigma / 200)
                assert values.std() == pytest.approx(noise.sigma, rel=0.02)
                continue
            assert stats.kstest(values / noise.scale, law.cdf).pvalue > 1e-4

    def test_deviation(self):
        for noise in (LaplaceNoise(0.5, 2), UniformNoise(0.5, 2)):
            errors = drawn(noise, np.zeros(2), 40_000)
            assert errors.std() == pytest.approx(noise.sigma, rel=0.02)
            assert noise.deviations((2,)).tolist() == [noise.sigma] * 2

    @pytest.mark.parametrize("wanted", [0.4, 0.8647, 0.866, 0.8659, 3.0])
    def test_the_width_of_the_noise_is_that_of_the_radius(self, wanted):
        """All levels of the noise are drawn, alike; the half width is theirs."""
        noise = UniformNoise(wanted, 1, levels=255)
        errors = np.rint(drawn(noise, np.zeros(1), 60_000) * 255).astype(int).ravel()
        number = len(np.unique(errors))
        assert errors.min() == -errors.max()
        assert number == 2 * errors.max() + 1
        assert abs(number - 2 * wanted * 255) <= 1
        exact = Fraction(number, 510)
        assert 0 <= exact - Fraction(noise.scale) < Fraction(1, 2**50)
        assert stats.chisquare(np.bincount(errors - errors.min())).pvalue > 1e-4
        assert noise.radius(0.9) <= radius_uniform(0.9, scale=noise.scale) - noise.rounding

    @pytest.mark.parametrize(
        "noise",
        [
            LaplaceNoise(0.7, 2),
            LaplaceNoise(0.7, 5000),
            LaplaceNoise(0.25, 2, levels=255),
            LaplaceNoise(300.0, 2, levels=1),
            UniformNoise(0.7, 2),
            UniformNoise(0.8660254, 2, levels=255),
            UniformNoise(400.0, 2, levels=1),
        ],
    )
    def test_rounding_bounds_how_far_rows_are_moved(self, noise):
        """Exactly, in fractions; the radius has lost twice that, summed over the values."""
        rng = np.random.default_rng(0)
        step = noise._fine_step
        limit = float(step) * 2.0**51
        values = limit * 2.0 ** -rng.uniform(0, 60, 3000) * rng.choice([-1, 1], 3000)
        if noise.levels:
            values[:1000] = np.rint(2.0 ** rng.uniform(0, 8, 1000)) / noise.levels
            values[:500] += noise.tolerance * rng.uniform(-1.01, 1.01, 500)
        moved = 0
        for row in values.reshape(-1, 1):
            perturb = noise.around(row)
            start = Fraction(int(perturb.row[0]))
            fine = perturb.sampler is noise._fine or noise.levels is None
            fine = fine or perturb.sampler.dtype != np.int16
            place = start * (step if fine else noise.step)
            moved = max(moved, abs(place - Fraction(float(row[0]))))
        assert 2 * moved * noise.n_values <= noise.rounding
        assert 20 * moved * noise.n_values > noise.rounding

    def test_rounding_and_errors_are_of_the_whole_row(self):
        for make in (
            lambda n: LaplaceNoise(0.25, n),
            lambda n: LaplaceNoise(0.25, n, levels=255),
            lambda n: UniformNoise(0.25, n, levels=255),
            lambda n: UniformNoise(0.25, n),
        ):
            one, many = make(1), make(1000)
            assert many.rounding == pytest.approx(1000 * one.rounding)
            assert many.tv_error == pytest.approx(1000 * one.tv_error)
            lost = one.radius(0.9) - many.radius(0.9)
            assert lost == pytest.approx(999 * one.rounding, rel=1e-6)

    def test_the_widest_on_levels(self):
        """Sums of rows and noise stay inside 16 bits, or move to 64."""
        for noise in (
            LaplaceNoise(370 / 255, 3, levels=255),
            UniformNoise(8192 / 255, 3, levels=255),
        ):
            assert np.abs(noise._sampler.lowest) < 2**14
            for k in (0, 16_383, 16_384, -16_384, 10**9):
                row = np.array([k, 0, k]) / 255
                errors = np.rint(drawn(noise, row, 2000) * 255) - [k, 0, k]
                assert abs(errors).max() < 25 * noise.scale * 255

    def test_laws_are_apart_in_the_norm(self):
        assert LaplaceNoise(1.0, 4).norm == UniformNoise(1.0, 4).norm == L1()
        assert LaplaceNoise(1.0, 4).l2_radius(1.0) == pytest.approx(0.5)

    @pytest.mark.parametrize(
        ("make", "match"),
        [
            (lambda: LaplaceNoise(0.0, 3), "scale must be positive and finite"),
            (lambda: LaplaceNoise(1.0, 0), "n_values and levels 1 or more; got 1.0, 0 and"),
            (lambda: LaplaceNoise(0.003, 3, levels=255), "1 to 370 steps of the grid.*got 0.003"),
            (lambda: UniformNoise(math.inf, 3), "width must be positive and finite"),
            (lambda: UniformNoise(0.001, 3, levels=255), "8 to 8192 steps of the grid.*got 0.001"),
            (lambda: LaplaceNoise(1.0, 1).around(np.array([1e12])), "too large for noise of"),
            (lambda: UniformNoise(1.0, 1).around(np.array([np.inf])), "too large for noise of"),
        ],
    )
    def test_what_is_refused(self, make, match):
        with pytest.raises(ValueError, match=match):
            make()


def check_every_neighbour(noise, domains, laws, rng, n_classes=3):
    """Certify each row of a small domain under a random base; ask all rows within the radius.

    `laws` gives, for a row, the probabilities of all outcomes of the noise.
    """
    rows = list(itertools.product(*domains))
    table = np.array([laws(row) for row in rows])
    assert np.allclose(table.sum(axis=1), 1)
    answers = rng.choice(n_classes, size=table.shape[1], p=rng.dirichlet(np.full(n_classes, 0.15)))
    p = np.stack([table[:, answers == c].sum(axis=1) for c in range(n_classes)], axis=1)
    order = np.argsort(p, axis=1)
    label, ranked = order[:, -1], np.sort(p, axis=1)
    # sums of floats err by less than this
    top, other = ranked[:, -1] - 1e-12, np.minimum(ranked[:, -2] + 1e-12, 1)
    radius, proved = noise.radius(top, other), noise.proves(top, other)
    asked = 0
    for i, row in enumerate(rows):
        for j, changed in enumerate(rows):
            distance = sum(a != b for a, b in zip(row, changed, strict=True))
            if proved[i] and distance <= radius[i]:
                asked += distance > 0
                assert label[i] == label[j]
    return asked


class TestFlip:
    def law(self, noise, row):
        """Probabilities of all outcomes, column by column."""
        keep = float(noise.keep)
        parts = [
            [keep if v == value else (1 - keep) / (len(column) - 1) for v in column]
            for value, column in zip(row, noise.values, strict=True)
        ]
        return [math.prod(masses) for masses in itertools.product(*parts)]

    @pytest.mark.parametrize("sizes", [(2, 3, 4), (3, 3, 3), (2, 2, 2, 2, 2), (5, 2)])
    def test_every_neighbour(self, sizes):
        rng, asked = np.random.default_rng(0), 0
        noise = FlipNoise.keeping(0.8, [tuple(range(s)) for s in sizes])
        for _ in range(60):
            asked += check_every_neighbour(
                noise, noise.values, lambda row: self.law(noise, row), rng
            )
        assert asked > 500

    def test_distribution(self):
        noise, row = CASES["flip"]
        out = drawn(noise, np.array(row), 60_000)
        keep = float(noise.keep)
        for j, column in enumerate(noise.values):
            if not column:
                assert np.all(out[:, j] == row[j])
                continue
            counts = [int(np.sum(out[:, j] == v)) for v in column]
            assert sum(counts) == 60_000
            expected = [
                60_000 * (keep if v == row[j] else (1 - keep) / (len(column) - 1)) for v in column
            ]
            assert stats.chisquare(counts, expected).pvalue > 1e-4

    def test_the_law_is_exact(self):
        noise = FlipNoise.keeping(0.7, [(0, 1), (1, 2, 5), (0, 1, 2, 3), tuple(range(8))])
        assert noise.tv_error == 0
        assert (2**64 - noise.kept) % math.lcm(1, 2, 3, 7) == 0
        assert abs(noise.keep - Fraction(0.7)) < Fraction(1, 2**59)
        # so many different numbers that no share comes out: charged for
        primes = [p for p in range(3, 60) if all(p % q for q in range(2, p))]
        noise = FlipNoise.keeping(0.7, [tuple(range(p + 1)) for p in primes])
        assert 0 < noise.tv_error <= sum(primes) / 2**64

    def test_the_worst_columns_have_the_most_values(self):
        noise = FlipNoise.keeping(0.75, [(0, 1), (), tuple(range(6)), (0, 1, 2)])
        pair = Pair.categorical(noise.keep, 5)
        assert noise.pairs(1) == (pair,)
        pair = pair * Pair.categorical(noise.keep, 2)
        assert noise.pairs(2) == (pair,)
        assert noise.pairs(3) == (pair * Pair.categorical(noise.keep, 1),)
        assert noise.radius(1.0) == 3

    def test_many_different_columns(self):
        """Those after the first few count as larger than they are: fewer atoms, a smaller claim."""
        noise = FlipNoise.keeping(0.8, [tuple(range(k)) for k in range(2, 12)])
        pair = noise.pairs(9)[0]
        assert len(pair.atoms) < 10_000
        exact = Pair.categorical(noise.keep, 10)
        for others in range(9, 5, -1):
            exact = exact * Pair.categorical(noise.keep, others)
        assert noise.pairs(5) == (exact,)
        assert noise.pairs(6)[0].needed >= (exact * Pair.categorical(noise.keep, 5)).needed
        assert noise.pairs(6) == (exact * Pair.categorical(noise.keep, 6),)
        assert noise.pairs(7)[0].needed >= noise.pairs(6)[0].needed

    def test_missing_values_stay_missing(self):
        noise, row = CASES["flip, missing"]
        out = drawn(noise, np.array(row), 500)
        assert np.all(np.isnan(out[:, 0]))
        assert set(out[:, 1]) == {1, 2, 5}

    def test_values_that_single_precision_does_not_tell_apart(self):
        noise = FlipNoise.keeping(0.7, [(0.0, 1.0, 1.0 + 1e-12)])
        noise.around(np.array([1.0]))
        with pytest.raises(ValueError, match="Column 0 has values that are the same in float32"):
            noise.around(np.array([1.0], dtype=np.float32))

    def test_unknown_values(self):
        noise, _ = CASES["flip"]
        row = np.array([0.0, 3.0, 0.0, 0.0])
        out = drawn(noise, row, 6000)
        shares = [(out[:, 1] == value).mean() for value in (1.0, 2.0, 5.0)]
        np.testing.assert_allclose(shares, 1 / 3, atol=0.031)  # 5 standard errors
        assert noise.unknown(row[None]) == [1]
        assert noise.unknown(np.array([[NAN, 5.0, 9.0, 3.0]])) == []
        with pytest.raises(ValueError, match="Rows have 2 values; the noise is for 4"):
            noise.around(np.zeros(2))

    @pytest.mark.parametrize(
        ("keep", "values", "match"),
        [
            (0.2, [(0, 1, 2, 3)], "keep must be more than the probability of each other value"),
            (0.5, [(0, 1), (0, 1, 2)], "n_others=1, where it must exceed 0.5"),
            (0.9, [(), ()], "At least one column must have noise"),
            (0.9, [(1,)], "Column 0 needs two finite values or more"),
            (0.9, [(0, 1), (2, 1)], "Column 1 needs two finite values or more, in ascending order"),
            (0.9, [(0, NAN)], "finite values"),
            (80, [(0, 1)], "keep must be a probability above 0, up to 1; got 80"),
            (NAN, [(0, 1)], "keep must be a probability above 0, up to 1; got nan"),
        ],
    )
    def test_what_is_refused(self, keep, values, match):
        with pytest.raises(ValueError, match=match):
            FlipNoise.keeping(keep, values)

    def test_norm(self):
        noise, _ = CASES["flip"]
        assert noise.norm == L0([1, 1, 0, 1])
        assert noise.l2_radius([0.0, 3.0]).tolist() == [0.0, 0.0]
        with pytest.raises(TypeError, match="use corrupt"):
            noise.draw(np.random.default_rng(0), (2, 4))


class TestBinaryFlip:
    def law(self, noise, row):
        add, remove = noise.added / 2**64, noise.removed / 2**64
        parts = [[remove, 1 - remove] if value else [1 - add, add] for value in row]
        return [math.prod(masses) for masses in itertools.product(*parts)]

    @pytest.mark.parametrize("rates", [(0.01, 0.6), (0.2, 0.4), (0.0, 0.8), (0.3, 0.3), (0.7, 0.9)])
    def test_every_neighbour(self, rates):
        rng, asked = np.random.default_rng(1), 0
        noise = BinaryFlipNoise.turning(*rates, 4)
        for _ in range(80):
            asked += check_every_neighbour(
                noise, [(0, 1)] * 4, lambda row: self.law(noise, row), rng
            )
        assert asked > 50

    def test_distribution(self):
        noise, row = CASES["binary"]
        out = drawn(noise, np.array(row, dtype=float), 60_000)
        assert set(np.unique(out)) == {0.0, 1.0}
        for j, value in enumerate(row):
            rate = (noise.removed if value else noise.added) / 2**64
            turned = int(np.sum(out[:, j] != value))
            assert stats.binomtest(turned, 60_000, rate).pvalue > 1e-4

    def test_regions(self):
        noise = BinaryFlipNoise.turning(0.01, 0.6, 100)
        for p in (0.7, 0.9, 0.99, 0.9999):
            covered = np.array([[noise.covers(a, r, p) for r in range(12)] for a in range(12)])
            # a staircase, and the radius is the largest triangle in it
            assert np.all(covered[:-1] >= covered[1:])
            assert np.all(covered[:, :-1] >= covered[:, 1:])
            size = np.add.outer(np.arange(12), np.arange(12))
            assert noise.radius(p) == size[~covered].min() - 1
            assert covered[size > noise.radius(p)].any()

    def test_what_is_refused(self):
        noise = BinaryFlipNoise.turning(0.1, 0.5, 3)
        with pytest.raises(ValueError, match=r"zeros and ones; got 3, one of them 0.5"):
            noise.around(np.array([0.0, 0.5, 1.0]))
        with pytest.raises(ValueError, match="Rows must have 3 values, zeros and ones; got 2"):
            noise.around(np.zeros(2))
        for add in (1.0, -0.1, NAN):
            with pytest.raises(ValueError, match="add and remove must be probabilities from 0"):
                BinaryFlipNoise.turning(add, 0.5, 3)
        with pytest.raises(ValueError, match="added and removed must be integers from 0, below"):
            BinaryFlipNoise(2**64, 0, 3)


class TestDrop:
    @pytest.mark.parametrize("drops", [(0.9, 0.9, 0.9), (0.95, 0.8, 0.6), (0.7, 0.9)])
    def test_every_neighbour(self, drops):
        """A base may know any feature's value; values here are 0, 1 and 2."""
        noise = DropNoise.dropping(drops)
        rng, asked = np.random.default_rng(2), 0

        def law(row):
            parts = [
                [e, *(1 - e if v == value else 0.0 for v in range(3))]
                for e, value in zip(drops, row, strict=True)
            ]
            return [math.prod(masses) for masses in itertools.product(*parts)]

        for _ in range(60):
            asked += check_every_neighbour(noise, [range(3)] * len(drops), law, rng)
        assert asked > 500

    def test_distribution(self):
        noise, row = CASES["drop"]
        out = drawn(noise, np.array(row), 60_000)
        assert stats.binomtest(int(np.isnan(out[:, 0]).sum()), 60_000, 0.7).pvalue > 1e-4
        assert np.all(out[:, 1] == row[1])
        assert np.all(np.isnan(out[:, 2]))
        seen = out[~np.isnan(out[:, 0]), 0]
        assert np.all(seen == row[0])

    def test_radius_is_that_of_the_least_dropped(self):
        noise = DropNoise.dropping([0.9, 0.0, 0.8, 0.95])
        edges = [0.5 + 1 - 0.8, 0.5 + 1 - 0.8 * 0.9, 0.5 + 1 - 0.8 * 0.9 * 0.95]
        for k, edge in enumerate(edges):
            assert noise.radius([edge - 1e-9, edge + 1e-9]).tolist() == [k, k + 1]
        assert noise.radius(1.0) == 3
        assert noise.norm == L0([1, 0, 1, 1])

    def test_published_ablation(self):
        """Independent dropping at the rate of 45 pixels of 784; k = 8."""
        noise = DropNoise.dropping([1 - Fraction(45, 784)] * 784)
        distance = 1 - noise.pairs(8)[0].atoms[1][0]
        assert abs(distance - Fraction("0.376800629925287226475578304524")) < Fraction(1, 10**17)

    @pytest.mark.parametrize("drops", [[], [0.0, 0.0], [1.0], [-0.1], [NAN]])
    def test_what_is_refused(self, drops):
        with pytest.raises(ValueError, match="kept must be integers|drop must be probabilities"):
            DropNoise.dropping(drops)
