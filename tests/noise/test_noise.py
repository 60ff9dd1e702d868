"""What every noise family promises, and what makes exact noise exact."""

import concurrent.futures
import copy
import dataclasses
import inspect
import json
import pickle
from fractions import Fraction

import joblib
import numpy as np
import pytest
from other_noises import CASES as OTHERS
from scipy import stats

from sksmooth import noise as families
from sksmooth.noise import (
    KINDS,
    FloatGaussian,
    FloatInUnits,
    FloatPerFeature,
    IntegerGaussian,
    IntegerInUnits,
    IntegerPerFeature,
    Noise,
)
from sksmooth.noise.grid import made
from sksmooth.noise.streams import GENERATORS, Philox, Purpose, row_key

f32, f64 = np.float32, np.float64
IMAGE = np.array([[0, 1], [100, 255]])


def exact(sigma, **options):
    return IntegerGaussian(sigma, options.pop("n_values", 2), **options)


# name -> noise, and a row; every family must be here
CASES = {
    "float, single": (FloatGaussian(0.7), f32([3.0, -1.0])),
    "float, double": (FloatGaussian(0.7), f64([3.0, -1.0])),
    "image, single": (exact(0.25, levels=255, n_values=4), f32(IMAGE) / f32(255)),
    "image, double": (exact(0.12, levels=255, n_values=4), IMAGE / 255),
    "image, no such values": (exact(0.5, levels=255), f64([-1000, 70_000]) / 255),
    "bytes": (exact(8.0, levels=1, n_values=4), f64(IMAGE)),
    "bytes, single": (exact(60.0, levels=1, n_values=4), f32(IMAGE)),
    "between levels, single": (exact(8 / 255, levels=255), f32([0.1, 0.123456])),
    "between levels, double": (exact(8 / 255, levels=255), f64([100 / 255, 0.9])),
    "between bytes": (exact(8.0, levels=1), f64([100.5, 0.9])),
    "fine, single": (exact(0.7), f32([3.0, -1.0])),
    "fine, double": (exact(0.7), f64([3.0, -1.0])),
    "fine, large": (exact(0.7), f64([2e8, -3e7])),  # integers of 64 bits
    "per feature, float, single": (FloatPerFeature([0.7, 20.0]), f32([3.0, -1.0])),
    "per feature, float, double": (FloatPerFeature([0.7, 20.0]), f64([3.0, -1.0])),
    "per feature, single": (IntegerPerFeature([0.7, 20.0]), f32([3.0, -1.0])),
    "per feature, double": (IntegerPerFeature([0.3, 20.0]), f64([3.0, -1.0])),
    "per feature, large": (IntegerPerFeature([0.7, 2e-5]), f64([2e8, -3e3])),
    "in units, double": (IntegerInUnits(0.3, [2.0, 60.0]), f64([3.0, -1.0])),
    "in units, float": (FloatInUnits(0.7, [1.0, 20.0]), f64([3.0, -1.0])),
    "per feature, image": (IntegerPerFeature([0.1, 0.2, 3.0, 1e-6]), IMAGE / 255),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


def stream(block=0, row=(1.0,)):
    return Philox().at(row_key(bytes(16), np.array(row)), block, Purpose.ESTIMATE)


def drawn(noise, row, n, block=0):
    out = np.empty((n, *row.shape), dtype=row.dtype)
    noise.around(row)(stream(block), out)
    return out


def unit(noise):
    """Step of the grid on which the noisy values lie, where it matters."""
    return float(noise.step) if isinstance(noise, IntegerGaussian) else 0.0


def times(noise, factor):
    """The same noise, but wider."""
    if np.ndim(noise.sigma) == 0:
        return dataclasses.replace(noise, sigma=factor * noise.sigma)
    return dataclasses.replace(noise, sigma=tuple(factor * s for s in noise.sigma))


def test_every_family_is_tested():
    found = {
        member
        for _, member in inspect.getmembers(families, inspect.isclass)
        if issubclass(member, Noise) and member is not Noise
    }
    tested = {type(noise) for noise, _ in (*CASES.values(), *OTHERS.values())}
    assert found == tested == set(KINDS.values())
    assert all(family.kind == kind for kind, family in KINDS.items())


@pytest.mark.parametrize("name", [*CASES, "laplace", "laplace, levels", "uniform"])
def test_what_is_missing_gets_no_noise(name):
    """The draws of the other values are those of a row without it."""
    noise, given = (CASES | OTHERS)[name]
    row = given if name in CASES else f64(given)
    gap = row.copy()
    gap.reshape(-1)[1] = np.nan
    found = drawn(noise, gap, 50).reshape(50, -1)
    assert np.isnan(found[:, 1]).all()
    rest = np.delete(row.reshape(-1), 1)
    for field in ("sigma", "units"):
        if np.ndim(getattr(noise, field, 0)) > 0:
            without = tuple(np.delete(getattr(noise, field), 1))
            noise = dataclasses.replace(noise, **{field: without})
    assert np.array_equal(np.delete(found, 1, axis=1), drawn(noise, rest, 50))
    nothing = np.full_like(row, np.nan)
    assert np.isnan(drawn(*(CASES | OTHERS)[name][:1], nothing, 3)).all()


class TestContract:
    def test_distribution(self, case):
        """Chi-square between points of the grid, where P(Q(x + e) < edge) is the normal's."""
        noise, row = case
        out, step = drawn(noise, row, 60_000), unit(noise)
        values, sigmas = row.ravel().tolist(), noise.deviations(row.shape).ravel()
        columns = out.reshape(60_000, -1).T
        for value, sigma, column in zip(values, sigmas, columns, strict=True):
            edges = value + sigma * stats.norm.ppf(np.arange(1, 40) / 40)
            if step > sigma / 1000:
                edges = np.unique((np.floor(edges / step) + 0.5) * step)
            p = np.diff(stats.norm.cdf((edges - value) / sigma), prepend=0, append=1)
            counts = np.bincount(np.searchsorted(edges, column.astype(f64)), minlength=len(p))
            assert stats.chisquare(counts, 60_000 * p).pvalue > 1e-3

    def test_moments(self, case):
        """Five standard errors: of the mean, the variance, and the correlation of coordinates."""
        noise, row = case
        errors = (drawn(noise, row, 60_000).astype(f64) - row).reshape(60_000, -1)
        variance = noise.deviations(row.shape).ravel() ** 2 + unit(noise) ** 2 / 12
        assert np.all(abs(errors.mean(axis=0)) < 5 * np.sqrt(variance / 60_000) + unit(noise) / 100)
        assert abs((errors / np.sqrt(variance)).var() - 1) < 5 * np.sqrt(2 / errors.size)
        assert abs(np.corrcoef(errors.T) - np.eye(row.size)).max() < 5 / np.sqrt(60_000)
        # nor do neighbouring draws
        flat = (errors / np.sqrt(variance)).ravel()
        for lag in (1, 2, 4):
            assert abs(np.mean(flat[lag:] * flat[:-lag])) < 5 / np.sqrt(flat.size)

    def test_fewer_draws_are_a_prefix(self, case):
        noise, row = case
        long = drawn(noise, row, 9000)
        for n in (1, 3, 100, 8999):
            assert np.array_equal(drawn(noise, row, n), long[:n])

    def test_one_prepared_row_serves_many_blocks(self, case):
        """Large and small ones, in any order; nothing is left over."""
        noise, row = case
        perturb = noise.around(row)
        for n, block in ((5, 0), (4000, 1), (7, 2), (5, 0)):
            out = np.empty((n, *row.shape), dtype=row.dtype)
            perturb(stream(block), out)
            assert np.array_equal(out, drawn(noise, row, n, block))

    def test_blocks_differ(self, case):
        noise, row = case
        assert not np.array_equal(drawn(noise, row, 10, block=1), drawn(noise, row, 10, block=0))

    def test_the_row_is_left_alone(self, case):
        noise, row = case
        before = row.copy()
        drawn(noise, row, 10)
        assert np.array_equal(row, before)

    def test_memory_order_does_not_matter(self, case):
        noise, row = case
        assert np.array_equal(drawn(noise, np.asfortranarray(row), 9), drawn(noise, row, 9))
        wide = np.repeat(row, 2, axis=-1)[..., ::2]
        assert np.array_equal(drawn(noise, wide, 9), drawn(noise, row, 9))

    def test_training_noise_has_the_same_distribution(self, case):
        noise, row = case
        training = noise.draw(np.random.default_rng(0), (20_000, *row.shape))
        assert training.shape == (20_000, *row.shape)
        standard = training / noise.deviations(row.shape)
        assert stats.kstest(standard.ravel(), "norm").pvalue > 1e-3

    def test_radius(self, case):
        noise, _ = case
        p = np.linspace(0, 1, 101)[:-1]
        radius = noise.radius(p)
        assert np.all(radius[:51] == 0)
        assert np.all(np.diff(radius[50:]) > 0)
        # a larger upper bound on the others proves less
        assert np.all(noise.radius(0.8, [0.01, 0.1, 0.2])[:-1] >= noise.radius(0.8))

    def test_radius_against_the_worst_classifier(self, case):
        """Neyman-Pearson in one dimension: f = [x <= q] has P(f = 1) = p at 0, and 1/2 at q."""
        noise, _ = case
        for p in (0.6, 0.9, 0.999):
            unit = noise.sigma if isinstance(noise.sigma, float) else 1.0
            shift, boundary = float(noise.radius(p)), unit * stats.norm.ppf(p)
            assert shift <= boundary
            assert shift + noise.rounding > boundary * (1 - 1e-12)
            assert noise.rounding < 1e-3 * boundary

    def test_names_tell_noises_apart(self, case):
        noise, _ = case
        others = [other for other, _ in CASES.values()]
        names = {other.name for other in others}
        alike = {(type(o), o.sigma, getattr(o, "levels", 0)) for o in others}
        assert len(names) == len(alike) > 8
        assert times(noise, 1.001).name not in names

    def test_copies(self, case):
        """What has been computed may come along, or not; dataclasses compare by their fields."""
        noise, row = case
        before = drawn(noise, row, 20)
        assert noise.tv_error >= 0  # which is now kept
        assert noise.rounding >= 0
        for other in (
            pickle.loads(pickle.dumps(noise)),
            copy.deepcopy(noise),
            dataclasses.replace(noise),
            KINDS[noise.kind](**json.loads(json.dumps(dataclasses.asdict(noise)))),
        ):
            assert other == noise
            assert hash(other) == hash(noise)
            assert (other.name, other.tv_error, other.rounding) == (
                noise.name,
                noise.tv_error,
                noise.rounding,
            )
            assert np.array_equal(drawn(other, row, 20), before)
        assert times(noise, 1.25) != noise

    def test_is_frozen(self, case):
        with pytest.raises(dataclasses.FrozenInstanceError):
            case[0].sigma = 5.0


def test_workers_draw_the_same():
    """In threads that build the tables at the same time, and in processes that get the noise."""
    cases = {name: CASES[name] for name in ("image, single", "between bytes", "fine, double")}
    expected = [drawn(*case, 500) for case in cases.values()]
    made.cache_clear()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        futures = [
            pool.submit(drawn, copy.deepcopy(noise), row, 500)
            for _ in range(8)
            for noise, row in cases.values()
        ]
        for i, future in enumerate(futures):
            assert np.array_equal(future.result(), expected[i % len(cases)])
    tasks = [joblib.delayed(drawn)(noise, row, 500) for noise, row in cases.values()]
    for one, other in zip(joblib.Parallel(n_jobs=2)(tasks), expected, strict=True):
        assert np.array_equal(one, other)


class TestFloat:
    @pytest.mark.parametrize("sigma", [0.12, 0.7, 0.5, 3.3])
    def test_single_precision_adds_no_less_noise_than_is_claimed(self, sigma):
        row = np.zeros(1, dtype=f32)
        noisy, standard = drawn(FloatGaussian(sigma), row, 100), drawn(FloatGaussian(1.0), row, 100)
        # exactly, in float64: each draw is a rounded product with a factor of at least sigma
        factor = f32(sigma)
        if float(factor) < sigma:
            factor = np.nextafter(factor, f32(np.inf))
        assert np.array_equal(noisy, standard * factor)
        assert float(factor) >= sigma

    def test_it_does_not_claim_to_be_sound(self):
        assert not FloatGaussian(0.5).sound
        assert (FloatGaussian(0.5).tv_error, FloatGaussian(0.5).rounding) == (0.0, 0.0)
        assert IntegerGaussian(0.5, 3).sound


EXACT = {name: case for name, case in CASES.items() if isinstance(case[0], IntegerGaussian)}


@pytest.fixture(params=EXACT)
def exact_case(request):
    return EXACT[request.param]


def integers(noise, values):
    """Which multiples of the step the values are: the nearest, and the value is nearest to it."""
    k = [round(Fraction(value) / noise.step) for value in values.ravel().tolist()]
    if noise.levels is None:
        exactly = np.array(k, dtype=f64) * float(noise.step)
    else:
        exactly = np.array(k, dtype=values.dtype) / values.dtype.type(noise.levels)
    assert np.array_equal(exactly.astype(values.dtype), values.ravel())
    return np.array(k).reshape(values.shape)


def start(noise, row):
    """The point to which a row is rounded before noise is added, as fractions."""
    prepared = noise.around(row)
    coarse = noise.levels is not None and prepared.sampler.dtype == np.int16
    step = noise.step if coarse else noise._fine_step
    return [int(k) * step for k in prepared.row.ravel().tolist()]


class TestExact:
    def test_values_are_on_the_grid(self, exact_case):
        noise, row = exact_case
        k = integers(noise, drawn(noise, row, 500))
        assert len(np.unique(k)) > 40

    def test_single_values_are_those_of_a_division(self):
        """Noisy images of bytes are float32(k) / float32(255), as images are when they are read."""
        noise, row = CASES["image, single"]
        out = drawn(noise, row, 500)
        k = np.rint(255 * out.astype(f64)).astype(int)
        assert np.array_equal(out, k.astype(f32) / f32(255))

    @pytest.mark.parametrize("shift", [1, -3, 255, 10_000, 40_000, 2**20, -(2**30)])
    @pytest.mark.parametrize(
        ("noise", "points"),
        [
            (exact(0.25, levels=255), [0, 255]),
            (exact(0.25, levels=255), [0.5, 100.25]),  # halves and quarters of a step
            (exact(60.0, levels=1), [0, 255]),
            (exact(60.0, levels=1), [-0.125, 100.0]),
            (exact(0.7), [12_345, -(2**21)]),
        ],
    )
    def test_moving_a_row_on_the_grid_moves_its_draws(self, noise, points, shift):
        """By exactly as much: what noise there is does not depend on the row.

        This is what floating-point sums lack. 40,000 steps are more than 16 bits hold, 2**30 more
        than 32 bits.
        """
        points = f64(points)
        if noise.levels is None:
            row, moved = (p * float(noise.step) for p in (points, points + shift))
        else:
            row, moved = (p / noise.levels for p in (points, points + shift))
        if abs(shift) > 2**24 and noise.around(row).sampler.dtype == np.int16:
            row = row + 2.0**25 / noise.levels  # so far out, rows on the levels are as any other
            shift -= 2**25
        one, other = (integers(noise, drawn(noise, r, 300)) for r in (row, moved))
        assert np.array_equal(other, one + shift)
        if noise.levels and abs(shift) <= 255 and not np.any(points % 1):
            single = integers(noise, drawn(noise, f32(moved), 300))
            assert np.array_equal(single, other)

    def test_all_bytes_of_images_are_on_the_grid(self):
        """In both precisions, and converted from the other."""
        levels = np.arange(256)
        noise = exact(0.12, levels=255, n_values=256)
        expected = integers(noise, drawn(noise, levels / 255, 20)) - levels
        for row in (
            f32(levels) / f32(255),
            f32(levels / 255),
            f64(f32(levels) / f32(255)),
            f64(levels) * (1 / 255),
        ):
            assert noise.around(row).sampler.dtype == np.int16
            assert np.array_equal(integers(noise, drawn(noise, row, 20)) - levels, expected)
            assert [round(255 * value) for value in start(noise, row)] == levels.tolist()

    @pytest.mark.parametrize("offset", [1e-4, 0.1, 0.25, 0.5, 0.9, 0.99])
    def test_between_levels(self, offset):
        """Noise on a finer grid, then rounded, is noise rounded at once: P(Q(x + e) = k)."""
        noise = exact(8 / 255, levels=255, n_values=1)
        row = f64([(7 + offset) / 255])
        assert noise.around(row).sampler.dtype == np.int32
        counts = np.zeros(81)
        for block in range(5):
            k = np.rint(drawn(noise, row, 80_000, block) * 255).astype(int) - 7
            counts += np.bincount(np.clip(k.ravel() + 40, 0, 80), minlength=81)
        edges = (np.arange(-40, 40) + 0.5 - offset) / 8
        p = np.diff(stats.norm.cdf(edges), prepend=0, append=1)
        use = 400_000 * p > 10
        p, counts = np.append(p[use], p[~use].sum()), np.append(counts[use], counts[~use].sum())
        assert stats.chisquare(counts, 400_000 * p).pvalue > 1e-3

    @pytest.mark.parametrize(("sigma", "levels"), [(0.12, 255), (1.0, 255), (2.0, 255), (8.0, 1)])
    def test_cells_of_levels_are_made_of_whole_cells(self, sigma, levels):
        """An odd number of them: rounding twice is rounding once, and no tie depends on a rule."""
        noise = exact(sigma, levels=levels)
        odd = noise.step / noise._fine_step
        assert odd.denominator == 1
        assert odd.numerator % 2 == 1
        borders = [j * odd.numerator + odd.numerator // 2 for j in (*range(-300, 300), 2**20)]
        k = np.array([border + i for border in borders for i in range(-2, 4)])
        out = np.empty(len(k))
        noise._to_levels(k, out)
        assert np.array_equal(out, [round(v / odd) / levels for v in k.tolist()])
        # cells of 2**16 points are a 64th of sigma, as for rows without levels
        assert 0.99 < Fraction(sigma) / noise._fine_step / 2**22 < 1.01

    @pytest.mark.parametrize(
        "noise",
        [
            exact(0.12, levels=255),
            exact(2.0, levels=255),
            exact(8 / 255, levels=255),
            exact(8.0, levels=1),
            exact(0.7),
            exact(300.0),
        ],
    )
    @pytest.mark.parametrize("dtype", [f32, f64])
    def test_rounding_bounds_how_far_rows_are_moved(self, noise, dtype):
        """Exactly, in fractions, for rows of all sizes that are allowed, on the grid and off it.

        The radius has lost twice that: for the row, and for its neighbour.
        """
        rng = np.random.default_rng(0)
        limit = float(noise._fine_step) * 2.0**51
        values = limit * 2.0 ** -rng.uniform(0, 60, 4000) * rng.choice([-1, 1], 4000)
        if noise.levels:  # rows on the grid may be larger
            values[:1000] = np.rint(2.0 ** rng.uniform(0, 50, 1000)) / noise.levels
            values[1000:2000] = np.rint(2.0 ** rng.uniform(0, 8, 1000)) / noise.levels
            values[1500:2000] += noise.tolerance * rng.uniform(-1.01, 1.01, 500)
        values[2000:2500] += float(noise.step) / 2
        moved = 0
        for row in values.astype(dtype).reshape(-1, 1):  # a row is on the grid as a whole
            try:
                place = start(noise, row)[0]
            except ValueError:  # just beyond the limit
                continue
            moved = max(moved, abs(place - Fraction(float(row[0]))))
        assert 2 * moved * np.sqrt(2) <= noise.rounding
        assert moved > noise.rounding / 20
        # to the nearest point, by quotients that are off by a quarter
        assert moved <= max(0.75 * float(noise._fine_step), 1.001 * noise.tolerance)

    def test_values_that_are_too_large(self):
        for noise, largest in ((exact(1.0), 2.0**29), (exact(8.0, levels=1), 2.0**51 / 2**19)):
            below, above = (f64([v, 0.25]) for v in (0.99 * largest, 1.01 * largest))
            integers(noise, drawn(noise, below, 10))
            for row in (above, -above, f64([1e300, 0]), f64([np.inf, 0])):
                with pytest.raises(ValueError, match=r"too large for noise of sigma=\d"):
                    noise.around(row)

    def test_tv_error_is_of_the_whole_row(self):
        """A sum over its values: however the samplers err, coordinate by coordinate."""
        for options in ({}, {"levels": 255}):
            one = exact(0.25, n_values=1, **options).tv_error
            assert 0 < one < 1e-15
            assert exact(0.25, n_values=150_528, **options).tv_error == 150_528 * one
        # rows on the grid of levels and rows off it: the larger of two samplers' errors
        narrow, wide = (exact(sigma, levels=255, n_values=1) for sigma in (0.12, 2.0))
        assert narrow._sampler.tv_error < narrow._fine.tv_error == narrow.tv_error
        assert wide._fine.tv_error < wide._sampler.tv_error == wide.tv_error

    def test_rounding_is_of_the_whole_row(self):
        for options in ({}, {"levels": 255}):
            one, many = (exact(0.25, n_values=n, **options).rounding for n in (1, 10_000))
            assert many == pytest.approx(100 * one, rel=1e-12)
            assert 0 < one < 1e-6
            p = 0.99
            lost = FloatGaussian(0.25).radius(p) - exact(0.25, n_values=10_000, **options).radius(p)
            assert lost == pytest.approx(many, rel=1e-9)
        assert exact(0.25).radius(0.5 + 1e-12) == 0.0  # not below

    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"sigma": 0.03, "levels": 255}, "0.0313725 to 2.00784 for levels=255; got 0.03"),
            ({"sigma": 2.01, "levels": 255}, "8 to 512 steps of the grid.*got 2.01"),
            ({"sigma": 7.9, "levels": 1}, "8 to 512 for levels=1; got 7.9"),
            ({"sigma": 1.0, "levels": 0}, "levels 1 or more; got 1.0, 3 and 0"),
            ({"sigma": 1.0, "levels": -255}, "levels 1 or more; got 1.0, 3 and -255"),
            ({"sigma": 1.0, "n_values": 0}, "n_values and levels 1 or more; got 1.0, 0 and None"),
            ({"sigma": -1.0}, "sigma must be positive and finite"),
        ],
    )
    def test_what_is_refused(self, options, match):
        with pytest.raises(ValueError, match=match):
            IntegerGaussian(**({"n_values": 3} | options))

    @pytest.mark.parametrize("sigma", [8 / 255, 512 / 255])
    def test_the_widest_and_the_narrowest(self, sigma):
        """Noise and row stay inside 16 bits, or move to 64."""
        noise = exact(sigma, levels=255, n_values=3)
        for k in (0, 16_383, 16_384, -16_383, -16_384, 32_767, 10**9):
            row = f64([k, 0, k]) / 255
            errors = integers(noise, drawn(noise, row, 2000)) - [k, 0, k]
            assert abs(errors).max() < 6 * sigma * 255


@pytest.mark.parametrize("generator", GENERATORS)
def test_other_random_bits(generator):
    noise, row = CASES["fine, double"]
    out = np.empty((20_000, *row.shape))
    noise.around(row)(GENERATORS[generator]().at(row_key(bytes(16), row), 0, Purpose.SELECT), out)
    assert stats.kstest((out - row).ravel() / noise.sigma, "norm").pvalue > 1e-3
