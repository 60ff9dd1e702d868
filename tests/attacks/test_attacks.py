"""Base classifiers that read the input out of its noise: plain loops believe them, we must not.

Each attack is made twice. A loop that adds noise as one would gives a radius, and a point within
that radius is shown at which the same loop answers otherwise. Then `certify` gets the same base.
"""

from fractions import Fraction

import numpy as np
import pytest
from adversaries import (
    HasFloat32Noise,
    OwnSplit,
    RoundTrip,
    SeedsTheGlobal,
    SignParity,
    Trap,
    assert_refuted,
    distance,
    is_fooled,
    mersenne_taps,
    smoothed,
    steepness,
    votes,
)
from helpers import Recorder
from scipy import stats
from scipy.special import ndtri

from sksmooth.noise.streams import GENERATORS, Purpose, row_key

rng = np.random.default_rng(0)
TABLE = rng.normal(size=(20, 30))
ONE = np.array([[2.6], [-0.3]])
IMAGES = rng.integers(40, 200, size=(20, 1, 28, 28)) / 255
OFF_GRID = IMAGES[0] + rng.uniform(-0.4, 0.4, size=IMAGES[0].shape) / 255

# what a row may be -> training rows, the row, sigma, a step in each coordinate, levels of the grid
ROWS = {
    "table": (TABLE, TABLE[0], 0.5, 0.02, None),
    "one feature": (ONE, ONE[0], 1.0, -2.5, None),
    "image": (IMAGES, IMAGES[0], 0.25, 1 / 255, 255),
    "image, to a point between the levels": (IMAGES, IMAGES[0], 0.25, 0.4 / 255, 255),
    "image between the levels": (IMAGES, OFF_GRID, 0.25, 2 / 255, 255),
}


def both(x, step):
    return x, x + x.dtype.type(step)


class TestA:
    """Which floats a sum of row and noise can be depends on the row (Voracek and Hein 2023)."""

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("kind", ROWS)
    def test_plain_loop(self, kind, dtype):
        _, x, sigma, step, _ = ROWS[kind]
        x, moved = both(x.astype(dtype), step)
        n = 20_000 if x.size == 1 else 2000
        base, rng = RoundTrip(x), np.random.default_rng(1)

        def loop(row):
            noise = rng.standard_normal((n, *row.shape), dtype=dtype)
            return base.reads(row + dtype(sigma) * noise).sum()

        ones = loop(x)
        assert ones == n
        assert_refuted(ones, n, sigma, at=distance(x, moved), ones_there=loop(moved))

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("kind", ROWS)
    def test_our_own_float_noise(self, kind, dtype):
        """It is no better than a loop, and the certificate says so: these tests can fail."""
        rows, x, sigma, step, _ = ROWS[kind]
        x, moved = both(x.astype(dtype), step)
        n = 20_000 if x.size == 1 else 2000
        clf = smoothed(RoundTrip(x), rows, sigma=sigma, arithmetic="float", n=n, n_predict=n)
        assert is_fooled(clf, x, moved)
        assert steepness(clf, x, moved) > 1
        assert not clf.certify(x[np.newaxis]).noise.sound

    @pytest.mark.parametrize("stream", ["philox", "shake128"])
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("kind", ROWS)
    def test_certify(self, kind, dtype, stream):
        rows, x, sigma, step, levels = ROWS[kind]
        x, moved = both(x.astype(dtype), step)
        clf = smoothed(RoundTrip(x), rows.astype(dtype), sigma=sigma, stream=stream)
        assert clf.certify(x[np.newaxis]).noise.levels == levels
        assert not is_fooled(clf, x, moved)
        assert steepness(clf, x, moved) <= 1


def test_b_single_precision_noise_on_double_precision_rows():
    """The noise is recognised by its precision; 1e-9 away from the row it is not."""
    n, sigma, rng = 2000, 0.5, np.random.default_rng(1)
    x = np.rint(TABLE[0] * 2**40) / 2**40
    moved = x + np.where(np.arange(30) == 0, 1e-9, 0.0)
    base = HasFloat32Noise(x)

    def loop(row):
        noise = np.float32(sigma) * rng.standard_normal((n, 30), dtype=np.float32)
        return base.reads(row + noise).sum()

    assert_refuted(loop(x), n, sigma, at=distance(x, moved), ones_there=loop(moved))
    for kind in ("philox", "shake128"):
        clf = smoothed(base, TABLE, sigma=sigma, stream=kind)
        assert not is_fooled(clf, x, moved)
        assert steepness(clf, x, moved) <= 1


@pytest.mark.parametrize("n_pixels", [60, 784])
def test_c_exact_noise_that_is_divided_before_it_is_added(n_pixels):
    """An exact integer sampler does not help where the sum is made of floats."""
    n, sigma, rng = 2000, 0.25, np.random.default_rng(1)
    x = IMAGES[0].astype(np.float32)
    further = np.where(np.arange(x.size) < n_pixels, 1, 0).reshape(x.shape)
    moved = (np.rint(IMAGES[0] * 255 + further) / 255).astype(np.float32)
    base = OwnSplit(x)

    def loop(row):
        levels = np.rint(255 * sigma * rng.standard_normal((n, *row.shape))).astype(int)
        return base.reads(base.noise(levels) + row).sum()

    assert_refuted(loop(x), n, sigma, at=distance(x, moved), ones_there=loop(moved))
    clf = smoothed(base, IMAGES.astype(np.float32), sigma=sigma)
    assert clf.certify(x[np.newaxis]).noise.levels == 255
    assert not is_fooled(clf, x, moved)
    assert steepness(clf, x, moved) <= 1


@pytest.fixture(scope="module")
def taps():
    return mersenne_taps()


def test_d_a_generator_with_linear_bits(taps):
    """All arithmetic is exact, and the seed secret; but the signs of MT19937 obey parity checks."""
    n, sigma, step, d = 300, 0.5, 2.0**-23, 20_000
    x = np.rint(np.random.default_rng(0).normal(size=d) / step) * step
    moved = x + np.rint(1e-3 / step) * step
    base = SignParity(x, taps)
    generator = np.random.RandomState()  # of a seed that nobody knows

    def loop(row):
        bits = generator.randint(2**32, size=(n, d), dtype=np.uint32)
        noise = sigma * ndtri((bits + 0.5) / 2**32)
        return base.reads(row + np.rint(noise / step) * step).sum()

    assert_refuted(loop(x), n, sigma, at=distance(x, moved), ones_there=loop(moved))
    for stream in ("philox", "shake128"):
        clf = smoothed(base, np.stack([x, -x]), sigma=sigma, stream=stream, n=n, n_predict=n)
        assert votes(clf, x).tolist() == [n, 0]
        assert not is_fooled(clf, x, moved)


@pytest.mark.parametrize("name", [*GENERATORS, "mersenne"])
def test_d_all_bits(name, taps):
    """Each of the 32 bits of an output of MT19937 obeys the same parity checks as the first."""
    if name == "mersenne":
        outputs = np.random.RandomState(5).randint(2**32, size=40_000, dtype=np.uint32)
    else:
        key = row_key(bytes(16), TABLE[0])
        words = GENERATORS[name]().at(key, 0, Purpose.ESTIMATE).words(20_000)
        outputs = words.astype("<u8").view("<u4")
    checks = np.bitwise_xor.reduce([outputs[t : t + 20_000] for t in taps], axis=0)
    odd = (checks[:, np.newaxis] >> np.arange(32, dtype=np.uint32) & 1).mean(axis=0)
    if name == "mersenne":
        assert not odd.any()
    else:
        assert np.all(abs(odd - 0.5) < 5 * 0.5 / np.sqrt(20_000))


class TestE:
    """Whoever made the base knew the seed, and so all noisy rows that would come."""

    X = TABLE[:1]

    def test_plain_loop(self):
        n, sigma = 2000, 0.5

        def noisy(seed):
            return self.X + sigma * np.random.default_rng(seed).standard_normal((n, 30))

        base = Trap(noisy(0)).fit(TABLE, np.arange(20) % 2)
        ones = base.predict(noisy(0)).sum()
        # the row itself, seen with other noise, is within any radius
        assert_refuted(ones, n, sigma, at=0.0, ones_there=base.predict(noisy(1)).sum())

    def caught(self, **options):
        """All noisy rows that a smoother with these options asks about."""
        recorder = smoothed(Recorder(np.ones(30)), TABLE, **options)
        recorder.certify(self.X)
        return np.concatenate(recorder.estimator_.batches_)

    def test_seed_from_the_system(self):
        known = self.caught(random_state=None)
        clf = smoothed(Trap(known), TABLE, random_state=None)
        assert votes(clf, self.X[0]).tolist() == [2000, 0]
        assert clf.certify(self.X).counts.tolist() == [[2000, 0]]

    def test_an_int_is_not_a_secret(self):
        """What the documentation of random_state says."""
        clf = smoothed(Trap(self.caught(random_state=7)), TABLE, random_state=7)
        of_known = clf.certify(self.X)
        assert of_known.labels == [1]
        assert of_known.radii > 1
        # the same base with any other seed
        clf = smoothed(Trap(self.caught(random_state=7)), TABLE, random_state=8)
        assert clf.certify(self.X).counts.tolist() == [[2000, 0]]


def test_g_a_base_that_seeds_the_global_generator():
    """A linear base that is right about twenty noise vectors makes a loop draw these for ever.

    Its smoothed score is known: ndtri(p) is the signed distance from its boundary, over sigma.
    """
    n, size, sigma, d = 2000, 20, 0.5, 40
    x = TABLE.ravel()[:d]
    chosen = np.random.RandomState(7).standard_normal((size, d))
    w = np.linalg.lstsq(chosen, np.ones(size), rcond=None)[0]
    moved = x - sigma * w / np.linalg.norm(w)
    base = SeedsTheGlobal(w, x, seed=7).fit(None, [0, 1])

    def batches(row, generator):
        for _ in range(n // size):
            yield row + sigma * generator.standard_normal((size, d))

    before = np.random.get_state()
    try:
        drawn = list(batches(x, np.random))  # with other noise each time, had nobody meddled
        ones = sum(base.predict(batch).sum() for batch in drawn)
        assert ones < 0.6 * n
        ones = sum(base.predict(batch).sum() for batch in batches(x, np.random))
        fresh = np.concatenate(list(batches(moved, np.random.default_rng(0))))
        assert_refuted(ones, n, sigma, at=distance(x, moved), ones_there=base.predict(fresh).sum())
        training = np.stack([x, -x])
        clf = smoothed(base, training, sigma=sigma)
        certificate = clf.certify(x[np.newaxis])
        assert certificate.abstained.all()
    finally:
        np.random.set_state(before)
    honest = smoothed(SeedsTheGlobal(w, x, seed=None), training, sigma=sigma)
    assert np.array_equal(honest.certify(x[np.newaxis]).counts, certificate.counts)
    after = np.random.get_state()
    assert np.array_equal(after[1], before[1])
    assert after[2:] == before[2:]


# rows that take different ways to the same grid: near and far from zero, on levels and between
FAR = 2.0**24
ODD_ROWS = {
    "zeros": np.zeros(30),
    "negative zeros": np.full(30, -0.0),
    "subnormal": np.full(30, 5e-324),
    "levels": np.arange(-10, 20) / 255,
    "the last that fit 16 bits": np.full(30, 16383 / 255),
    "the first that do not": np.full(30, 16384 / 255),
    "between the levels": np.linspace(-1, 2, 30),
    "one coordinate between the levels": np.r_[np.arange(29) / 255, 0.1234],
    "far": np.arange(30) + FAR,
    "far between the levels": np.linspace(-FAR, FAR, 30),
}


@pytest.mark.usefixtures("no_trials")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("row", ODD_ROWS)
@pytest.mark.parametrize(
    ("training", "levels"),
    [(IMAGES[:, 0, 0, :1], 255), (np.rint(255 * IMAGES[:, 0, 0, :1]), 1), (TABLE[:, :1], None)],
)
def test_noisy_rows_are_made_of_integers(no_trials, training, levels, row, dtype):
    """Each value is the float of the number of a grid point, whatever the row: none tells of it."""
    sigma = 64.0 if levels == 1 else 0.3
    training = np.broadcast_to(training, (len(training), 30)).astype(dtype)
    clf = smoothed(Recorder(np.ones(30)), training, sigma=sigma)
    noise = clf.certify(ODD_ROWS[row].astype(dtype)[np.newaxis]).noise
    assert noise.levels == levels
    seen = np.concatenate(clf.estimator_.batches_)
    assert seen.dtype == dtype
    if levels is None:
        numbers = np.rint(seen.astype(np.float64) / float(noise.step)).astype(np.int64)
        made = (numbers * float(noise.step)).astype(dtype)
    else:
        numbers = np.rint(seen.astype(np.float64) * levels).astype(np.int64)
        made = numbers.astype(dtype) / dtype(levels)
    assert seen.tobytes() == made.tobytes()  # so that -0.0 is not 0.0
    assert not np.isin(5e-324, seen)


@pytest.mark.usefixtures("no_trials")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_way_to_the_grid_does_not_show(no_trials, dtype):
    """From a level, from next to it, from beyond 16 bits: the distribution is that of one table."""

    def counts(row):
        clf = smoothed(Recorder(np.ones(30)), training, sigma=0.05)
        clf.certify(np.full((1, 30), row, dtype))
        seen = np.concatenate(clf.estimator_.batches_).astype(np.float64)
        return np.bincount((np.rint(seen * 255) - np.rint(row * 255)).astype(int).ravel() + 100)

    training = np.broadcast_to(IMAGES[:, 0, 0, :1], (20, 30)).astype(dtype)
    rows = [100 / 255, 100.0001 / 255, 99.9999 / 255, 16384 / 255, 16384.01 / 255]
    table = np.array([counts(row)[60:140] for row in rows])
    common = table.sum(axis=0) > 100
    assert stats.chi2_contingency(table[:, common]).pvalue > 1e-3


def test_levels_that_floats_do_not_tell_apart():
    """Far from zero, floats are nearer to each other than the levels that they would stand for.

    A radius in levels would reach further than the same radius in floats; such rows are refused.
    """
    k, further = 2**50 - 400, 2**50 - 360
    x, moved = k / 255, further / 255
    assert Fraction(moved) - Fraction(x) < Fraction(further - k, 255) * Fraction(999, 1000)
    clf = smoothed(Recorder(np.ones(30)), np.broadcast_to(IMAGES[:, 0, 0, :1], (20, 30)))
    for far in (x, 2**40 / 255):
        with pytest.raises(ValueError, match="too large"):
            clf.certify(np.full((1, 30), far))
