"""A sigma for each feature, from the noise to the plots."""

import dataclasses
import json
import pickle
from fractions import Fraction

import numpy as np
import pytest
from helpers import Halfspace, Recorder, blobs
from scipy import stats
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksmooth import (
    CertifiedAccuracyDisplay,
    SmoothedClassifier,
    TopProbabilityDisplay,
    certified_accuracy_scorer,
)
from sksmooth.metrics import (
    average_certified_radius_score,
    certified_accuracy_score,
    projected_certified_accuracy,
)
from sksmooth.noise import FloatGaussian, FloatPerFeature, IntegerGaussian, IntegerPerFeature
from sksmooth.noise.streams import Philox, Purpose
from sksmooth.records import Record, read_log, write_log
from sksmooth.tables import certified_accuracy_table

pd = pytest.importorskip("pandas")

f32, f64 = np.float32, np.float64
FAMILIES = (FloatPerFeature, IntegerPerFeature)
SIGMA = np.array([0.5, 0.0, 8.0])
X, y = blobs(60, d=3)
X *= [1.0, 2.0, 16.0]


def drawn(noise, row, n, block=0):
    out = np.empty((n, *row.shape), dtype=row.dtype)
    stream = Philox().at(np.array([7, 9], dtype=np.uint64), block, Purpose.ESTIMATE)
    noise.around(row)(stream, out)
    return out


def smoothed(base=None, sigma=SIGMA, **options):
    defaults = {"n": 500, "random_state": 0, "method": "montecarlo"}
    base = Halfspace((1, 0, 0.1)) if base is None else base
    return SmoothedClassifier(base, sigma, **(defaults | options))


def with_options(clf, **options):
    """The same fitted classifier with the same seed, but other options."""
    return pickle.loads(pickle.dumps(clf)).set_params(**options)


@pytest.fixture(scope="module")
def clf():
    return smoothed().fit(X, y)


# --- noise


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [f32, f64])
class TestDraws:
    def test_each_feature_has_its_sigma(self, family, dtype):
        sigma = (1e-9, 0.0, 0.3, 7.0, 1e9)
        row = np.array([0.0, 1.0, -2.0, 100.0, 5e9], dtype=dtype)
        out = drawn(family(sigma), row, 20_000).astype(f64)
        for value, s, column in zip(row.astype(f64), sigma, out.T, strict=True):
            if s:
                assert stats.kstest(column, stats.norm(value, s).cdf).pvalue > 1e-3
        noisy = (out - row)[:, [0, 2, 3, 4]]
        assert abs(np.corrcoef(noisy.T) - np.eye(4)).max() < 5 / np.sqrt(20_000)

    def test_features_without_noise_are_handed_on(self, family, dtype):
        awkward = [0.1, 1e-30, -1e30, np.pi, np.nextafter(dtype(1), dtype(2)), 5e-324]
        row = np.array([*awkward, 3.0], dtype=dtype)
        out = drawn(family([0.0] * 6 + [0.5]), row, 50)
        assert out[:, :6].tobytes() == np.tile(row[:6], (50, 1)).tobytes()
        assert len(np.unique(out[:, 6])) == 50

    def test_equal_rows_look_equal(self, family, dtype):
        """Streams take -0.0 for 0.0; a base that reads signs must not tell them apart."""
        rows = np.array([[0.0, 1.0], [-0.0, 1.0]], dtype=dtype)
        one, other = (drawn(family([0.0, 0.5]), row, 20) for row in rows)
        assert one.tobytes() == other.tobytes()

    def test_shapes(self, family, dtype):
        """Sigma is flat, in the order of a flattened row."""
        sigma = np.array([[0.5, 0.0, 3.0], [1.0, 2.0, 0.0]])
        row = np.arange(6, dtype=dtype).reshape(2, 3)
        flat, square = (drawn(family(sigma.ravel()), r, 40) for r in (row.ravel(), row))
        assert np.array_equal(square, flat.reshape(40, 2, 3))
        assert np.all(np.ptp(square, axis=0)[sigma == 0] == 0)
        fortran = drawn(family(sigma.ravel()), np.asfortranarray(row), 40)
        assert np.array_equal(fortran, square)

    def test_equal_sigmas_are_one_sigma(self, family, dtype):
        isotropic = FloatGaussian(0.3) if family is FloatPerFeature else IntegerGaussian(0.3, 3)
        row = np.array([0.1, -5.0, 1000.0], dtype=dtype)
        noise = family([0.3] * 3)
        assert np.array_equal(drawn(noise, row, 3000), drawn(isotropic, row, 3000))
        p = np.array([0.3, 0.6, 0.99, 1 - 1e-9])
        assert noise.l2_radius(noise.radius(p)) == pytest.approx(isotropic.radius(p), rel=1e-12)
        assert noise.tv_error == isotropic.tv_error
        assert 0.3 * noise.rounding == pytest.approx(isotropic.rounding)

    def test_training_noise(self, family, dtype):
        noise = family([0.5, 0.0, 20.0, 3.0])
        training = noise.draw(np.random.default_rng(0), (20_000, 2, 2)).reshape(20_000, 4)
        assert np.all(training[:, 1] == 0)
        for column, s in ((0, 0.5), (2, 20.0), (3, 3.0)):
            assert stats.kstest(training[:, column], stats.norm(0, s).cdf).pvalue > 1e-3


def test_draws_are_those_of_the_scaled_row():
    """Powers of two, so that no product rounds: noise of sigma 1 on the row over sigma."""
    sigma = np.array([0.25, 0.0, 64.0, 1.0])
    row = np.array([0.1, 3.0, -1000.3, 7.0])
    noisy = sigma > 0
    unit = drawn(IntegerGaussian(1.0, 3), row[noisy] / sigma[noisy], 500)
    assert np.array_equal(drawn(IntegerPerFeature(sigma), row, 500)[:, noisy], unit * sigma[noisy])


def test_chi_square_of_the_integers():
    """The exact law of a normal rounded to the grid of the row over sigma, in 200 cells."""
    sigma, row = (0.37, 11.0), np.array([1.7, -40.0])
    out = drawn(IntegerPerFeature(sigma), row, 100_000)
    for s, x, column in zip(sigma, row, out.T, strict=True):
        centre = round(Fraction(x) / Fraction(s) * 2**22)
        k = np.rint(column / s * 2**22) - centre
        edges = np.floor(2**22 * stats.norm.ppf(np.arange(1, 200) / 200)) + 0.5
        counts = np.bincount(np.searchsorted(edges, k), minlength=200)
        p = np.diff(stats.norm.cdf(edges / 2**22), prepend=0, append=1)
        assert stats.chisquare(counts, 100_000 * p).pvalue > 1e-3


@pytest.mark.parametrize("dtype", [f32, f64])
def test_rounding_bounds_how_far_rows_are_moved(dtype):
    """In standard deviations and in fractions: twice that is taken off the radius."""
    rng = np.random.default_rng(0)
    sigma = 2.0 ** rng.uniform(-20, 20, 300)
    noise = IntegerPerFeature(sigma)
    row = (sigma * 2.0 ** rng.uniform(-30, 28.9, 300) * rng.choice([-1, 1], 300)).astype(dtype)
    row[:50] = (sigma[:50] * (rng.integers(0, 1000, 50) + 0.5) / 2**22).astype(dtype)
    # the same integers are added to both rows, so that their difference is the point itself
    scaled = [drawn(noise, r.astype(f64), 1)[0] for r in (row, np.zeros(300))]
    moved = []
    for s, x, a, b in zip(sigma, row, *scaled, strict=True):
        k, noise_k = (round(Fraction(v) / Fraction(s) * 2**22) for v in (a, b))
        moved.append(Fraction(k - noise_k, 2**22) - Fraction(float(x)) / Fraction(s))
    assert max(map(abs, moved)) <= Fraction(3, 4) / 2**22
    assert max(map(abs, moved)) > Fraction(49, 100) / 2**22
    length = float(np.sqrt(sum(float(m) ** 2 for m in moved)))
    assert 2 * length <= noise.rounding < 10 * length
    p = 0.99
    assert FloatPerFeature(sigma).radius(p) - noise.radius(p) == pytest.approx(noise.rounding)


def test_l2_radius_is_rounded_down():
    rng = np.random.default_rng(0)
    for least in rng.uniform(0.01, 3, 50):
        noise = FloatPerFeature([0.0, least, 5.0])
        radii = rng.uniform(0, 4, 50)
        for given, found in zip(radii, noise.l2_radius(radii), strict=True):
            exactly = Fraction(given) * Fraction(least)
            assert exactly * (1 - Fraction(1, 2**50)) < Fraction(found) <= exactly
    assert noise.l2_radius([0.0, np.inf]).tolist() == [0.0, np.inf]
    assert FloatGaussian(0.3).l2_radius([0.7, 0.0]).tolist() == [0.7, 0.0]


@pytest.mark.parametrize("family", FAMILIES)
def test_noises_are_values(family):
    noise = family([0.1, 0.0, 1 / 3])
    for other in (
        family(np.array([0.1, 0.0, 1 / 3])),
        family((0.1, -0.0, 1 / 3)),
        pickle.loads(pickle.dumps(noise)),
        family(**json.loads(json.dumps(dataclasses.asdict(noise)))),
    ):
        assert other == noise
        assert hash(other) == hash(noise)
        assert other.name == noise.name
        assert other.sigma == (0.1, 0.0, 1 / 3)
    # the last bit of any sigma, and their order, are another noise
    others = [
        family([0.1, 0.0, np.nextafter(1 / 3, 1)]),
        family([0.0, 0.1, 1 / 3]),
        family([0.1, 0.0, 1 / 3, 0.0]),
        *(other([0.1, 0.0, 1 / 3]) for other in FAMILIES if other is not family),
    ]
    assert len({noise.name, *(other.name for other in others)}) == 5
    assert noise not in others
    with pytest.raises(dataclasses.FrozenInstanceError):
        noise.sigma = (1.0,)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("sigma", [[], [0.0, 0.0], [-1.0, 1.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_noises_refuse(family, sigma):
    with pytest.raises(ValueError, match="one number for each feature, 0 or more, finite"):
        family(sigma)


@pytest.mark.parametrize("value", [1e300, -1e300, 0.51 * 2.0**30, np.inf])
def test_values_that_are_too_large(value):
    with pytest.raises(ValueError, match=r"in a feature with sigma=0\.5, which is too large"):
        IntegerPerFeature(SIGMA).around(np.array([value, 0.0, 0.0]))
    row = np.array([0.0, value, 0.49 * 2.0**33])  # without noise, or with more of it, it is not
    assert np.array_equal(
        drawn(IntegerPerFeature(SIGMA), row, 2)[:, 1], [value] * 2, equal_nan=True
    )


def test_a_device_gets_what_the_processor_draws():
    torch = pytest.importorskip("torch")
    from sksmooth.backends import Source
    from sksmooth.backends.cuda.source import CudaSource

    noise, rows = IntegerPerFeature(SIGMA), X[:1].astype(f32)
    key = np.array([1, 2], dtype=np.uint64)
    outs = []
    for source in (Source(noise, "philox"), CudaSource(noise, "philox", torch.device("cpu"))):
        out = source.empty(500, rows)
        source.prepare(rows[0])
        source.fill(key, 0, Purpose.PREDICT, out)
        outs.append(np.asarray(out))
    assert np.array_equal(*outs)


# --- what is certified


W = np.array([0.6, -0.3, 0.02])


def rows_at(n, reach, seed=0):
    """Rows at known distances from w.x = 0, in the norm of delta / sigma."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 3)) * [1, 3, 16]
    distance = rng.uniform(-reach, reach, n)
    steepest = SIGMA**2 * W / np.linalg.norm(SIGMA * W)  # one standard deviation, the fastest way
    rows += np.outer(distance - rows @ W / np.linalg.norm(SIGMA * W), steepest)
    assert rows @ W / np.linalg.norm(SIGMA * W) == pytest.approx(distance)
    return rows, distance, steepest


@pytest.mark.parametrize("arithmetic", ["integer", "float"])
@pytest.mark.parametrize("dtype", [f32, f64])
def test_false_certificates_are_rare(arithmetic, dtype):
    """The feature without noise has a weight: it shifts the boundary, and is no way to it."""
    total, alpha = 4000, 0.05
    clf = smoothed(Halfspace(W), arithmetic=arithmetic).fit(X, y)
    rows, _, steepest = rows_at(total, 3)
    certificate = clf.certify(rows.astype(dtype), n=60, n0=10, alpha=alpha)
    assert certificate.noise.sound == (arithmetic == "integer")
    certified = ~certificate.abstained
    sign = np.where(certificate.selected == 1, 1, -1)
    # moved by a little less than the radius: the worst way, and any way that changes no still value
    worst = rows - (sign * certificate.radii * 0.999)[:, None] * steepest
    changed = certified & (np.sign(worst @ W) != sign)
    p_value = stats.binomtest(int(changed.sum()), total, alpha, alternative="greater").pvalue
    assert p_value > 1e-4
    assert changed.sum() > total * alpha / 20  # nor is the claim an idle one
    rng = np.random.default_rng(1)
    way = rng.normal(size=(total, 3))
    way[:, 1] = 0
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    moved = rows + 0.999 * certificate.radii[:, None] * way * SIGMA
    assert np.mean(certified & (np.sign(moved @ W) != sign)) <= alpha
    # the L2 radius over the noisy features is inside of it
    nearest = np.abs(rows @ W) / np.linalg.norm(W[SIGMA > 0])
    assert np.mean(certified & (certificate.radii_l2 > nearest)) <= alpha
    assert np.all(certificate.radii_l2 <= 0.5 * certificate.radii)
    assert np.all(certificate.radii_l2 >= 0.4999 * certificate.radii)


def test_radii_reach_the_boundary():
    clf = smoothed(Halfspace(W)).fit(X, y)
    rows, distance, _ = rows_at(40, 2.5, seed=2)
    certificate = clf.certify(rows, n=50_000, alpha=1e-4)
    clear = abs(distance) > 0.2
    assert clear.sum() > 20
    assert np.array_equal(certificate.labels[clear], (distance > 0)[clear])
    assert np.all(certificate.radii <= abs(distance))
    assert np.all(certificate.radii[clear] > 0.95 * abs(distance[clear]) - 0.04)
    predicted = clf.predict(rows)
    decided = predicted != clf.abstain_label_
    assert np.array_equal(predicted[decided], (distance > 0)[decided])
    assert decided.sum() > 20


def test_equal_sigmas_are_one_sigma():
    base = Halfspace((0.6, 0.8, 0.0))
    same, one = (smoothed(base, s).fit(X, y) for s in ([0.5] * 3, 0.5))
    rows = np.random.default_rng(0).normal(size=(60, 3))
    rows[:, 0] *= 0.7
    a, b = (c.certify(rows, n=20_000) for c in (same, one))
    assert (a.norm, b.norm) == ("l2 of delta / sigma", "l2")
    p_a, p_b = (c.counts[:, 1] / 20_000 for c in (a, b))
    spread = np.sqrt((p_a * (1 - p_a) + p_b * (1 - p_b)) / 20_000)
    z = (p_a - p_b)[spread > 1e-3] / spread[spread > 1e-3]
    assert stats.kstest(z, "norm").pvalue > 1e-3
    both = ~a.abstained & ~b.abstained
    assert both.sum() > 40
    assert a.radii_l2[both] == pytest.approx(b.radii[both], abs=0.1)
    assert np.array_equal(b.radii_l2, b.radii)
    assert a.max_radius * 0.5 == pytest.approx(b.max_radius)


class Scaled(Halfspace):
    """A half-space of rows that were divided by SIGMA, or by 1 where it is 0."""

    def predict(self, X):
        return super().predict(np.asarray(X) * np.where(SIGMA > 0, SIGMA, 1))


def test_it_is_smoothing_of_scaled_data():
    """With another seed of the rows, the same probabilities; radii are in the same unit."""
    unit = np.where(SIGMA > 0, SIGMA, 1)
    rows, _, _ = rows_at(50, 2, seed=3)
    here = smoothed(Halfspace(W)).fit(X, y).certify(rows, n=20_000)
    there = smoothed(Scaled(W), (SIGMA > 0).astype(float)).fit(X / unit, y)
    there = there.certify(rows / unit, n=20_000)
    both = ~here.abstained & ~there.abstained
    assert both.sum() > 40
    here, there = here[both], there[both]
    assert here.counts == pytest.approx(there.counts, abs=5 * np.sqrt(20_000 / 2))
    assert np.mean(here.counts != there.counts) > 0.3
    assert here.radii == pytest.approx(there.radii, abs=0.15)
    assert there.radii_l2 == pytest.approx(there.radii)


def test_a_scaler_outside_is_a_sigma_for_each_feature():
    """The guide says so: StandardScaler outside and sigma s, or sigma s * scale_ here."""
    scaler = StandardScaler().fit(X)
    base = LogisticRegression().fit(scaler.transform(X), y)
    rows, n = X[:30], 20_000
    from sklearn.frozen import FrozenEstimator

    outside = smoothed(FrozenEstimator(base), 0.4).fit(scaler.transform(X), y)
    inside = smoothed(FrozenEstimator(make_pipeline(scaler, base)), 0.4 * scaler.scale_).fit(X, y)
    a, b = outside.certify(scaler.transform(rows), n=n), inside.certify(rows, n=n)
    assert a.radii / 0.4 == pytest.approx(b.radii, abs=0.2)
    assert a.counts == pytest.approx(b.counts, abs=6 * np.sqrt(n / 2))


class ReadsRounding(Halfspace):
    """Class 1 where adding a point and taking it off again leaves the input as it was."""

    point = np.array([0.1, 0.3, 0.7] * 10)

    def predict(self, X):
        return ((X - self.point) + self.point == X).all(axis=1).astype(int)


@pytest.mark.parametrize("arithmetic", ["float", "integer"])
def test_last_bits_tell_the_base_nothing(arithmetic):
    point = ReadsRounding.point
    sigma = np.tile([0.5, 0.25, 1.0], 10)
    clf = smoothed(ReadsRounding(), sigma, arithmetic=arithmetic).fit([point, -point], [0, 1])
    nearby = point + 0.01 * sigma / np.sqrt(30)  # 0.01 standard deviations away
    radius = clf.certify([point], n=2000).radii[0]
    at_point, at_nearby = clf.vote_frequencies([point, nearby])[:, 1]
    if arithmetic == "float":  # certified far beyond a point where the answer is another one
        assert radius > 1
        assert at_nearby < 0.5
    else:
        assert abs(at_point - at_nearby) < 0.1


# --- a row's counts are a matter of seed and row


@pytest.mark.parametrize("dtype", [f32, f64])
def test_nothing_else_changes_the_counts(clf, dtype):
    rows = X[:20].astype(dtype)
    expected = clf.certify(rows, n=3000).counts
    order = np.random.default_rng(0).permutation(20)
    assert np.array_equal(clf.certify(rows[order], n=3000).counts, expected[order])
    assert np.array_equal(clf.certify(rows[3:5], n=3000).counts, expected[3:5])
    for options in ({"batch_size": 17}, {"batch_size": 5000}, {"n_jobs": 2}):
        assert np.array_equal(with_options(clf, **options).certify(rows, n=3000).counts, expected)
    again = smoothed().fit(X, y)
    assert np.array_equal(again.certify(rows, n=3000).counts, expected)


def test_other_sigmas_are_other_streams(clf):
    last = np.nextafter(SIGMA, 9) * (SIGMA > 0)
    a, b = (with_options(clf, sigma=s).certify(X[:20], n=500).counts for s in (SIGMA, last))
    assert np.any(a != b)


# --- parameters


class TestParameters:
    @pytest.mark.parametrize(
        "sigma",
        [
            SIGMA,
            SIGMA.astype(f32),
            SIGMA.tolist(),
            tuple(SIGMA),
            pd.array(SIGMA),
            np.asfortranarray(SIGMA),
        ],
        ids=lambda s: type(s).__name__,
    )
    def test_arrays(self, sigma, clf):
        certificate = smoothed(sigma=sigma).fit(X, y).certify(X[:5])
        assert certificate.sigma == (0.5, 0.0, 8.0)
        assert np.array_equal(certificate.counts, clf.certify(X[:5]).counts)

    def test_integers(self):
        assert smoothed(sigma=[1, 0, 2]).fit(X, y).certify(X[:5]).sigma == (1.0, 0.0, 2.0)

    def test_names(self, clf):
        frame = pd.DataFrame(X, columns=["a", "b", "c"])
        by_name = {"c": 8.0, "a": 0.5, "b": 0}
        expected = clf.certify(X[:5]).counts
        for sigma in (by_name, pd.Series(by_name), pd.Series(SIGMA, index=list("abc")), SIGMA):
            named = smoothed(sigma=sigma).fit(frame, y)
            certificate = named.certify(frame[:5])
            assert certificate.sigma == (0.5, 0.0, 8.0)
            assert np.array_equal(certificate.counts, expected)

    def test_polars(self):
        pl = pytest.importorskip("polars")
        frame = pl.DataFrame(X, schema=["a", "b", "c"])
        named = smoothed(sigma={"c": 8.0, "a": 0.5, "b": 0}).fit(frame, y)
        assert named.certify(frame[:5]).sigma == (0.5, 0.0, 8.0)

    @pytest.mark.parametrize(
        ("sigma", "message"),
        [
            ([0.5, 1.0], r"sigma has shape \(2,\), but rows of X have shape \(3,\).*one number"),
            ([[0.5, 1.0, 1.0]], r"shape \(1, 3\), but rows of X have shape \(3,\)"),
            (np.array(0.5), r"shape \(\), but rows"),
            ([], r"shape \(0,\), but rows"),
            ([0.5, -1.0, 1.0], r"sigma of feature 1 is -1\.0; expected.*0 for a feature that"),
            ([0.5, 1.0, np.nan], r"sigma of feature 2 is nan"),
            ([np.inf, 1.0, 1.0], r"sigma of feature 0 is inf; expected a number from 1e-100 to"),
            ([1e-101, 1.0, 1.0], r"sigma of feature 0 is 1e-101"),
            ([1.0, 1.0, 1e101], r"sigma of feature 2 is 1e\+101"),
            ([0, 0, 0], "sigma is 0 for every feature.*nothing to certify"),
            (["a", "b", "c"], "sigma must be a number, or hold one number for each feature"),
            ([True, True, False], "one number for each feature; got list"),
            ([0.5, None, 1.0], "one number for each feature"),
            ([[0.5], [0.5, 1.0], 1.0], "one number for each feature"),
            ({"a": 0.5, "b": 1.0, "c": 1.0}, "sigma names features, but X had no column names"),
            (pd.Series([0.5, 1.0, 1.0]), "had no column names in fit. Pass X as a data frame"),
        ],
    )
    def test_what_is_refused(self, sigma, message, clf):
        with pytest.raises(ValueError, match=message):
            smoothed(sigma=sigma).fit(X, y)
        changed = with_options(clf, sigma=sigma)
        for ask in (changed.predict, changed.certify, changed.vote_frequencies):
            with pytest.raises(ValueError, match=message):
                ask(X[:2])

    @pytest.mark.parametrize(
        ("sigma", "message"),
        [
            ({"a": 0.5, "b": 1.0}, r"missing are \['c'\], unknown are \[\], of 2 names.*Give 0"),
            ({"a": 1, "b": 1, "c": 1, "d": 1}, r"missing are \[\], unknown are \['d'\]"),
            ({"A": 1, "b": 1, "c": 1}, r"missing are \['a'\], unknown are \['A'\]"),
            (pd.Series([1.0, 2, 3]), r"missing are \['a', 'b', 'c'\], unknown are \[0, 1, 2\]"),
            (pd.Series([1.0, 2, 3, 4], index=list("abca")), "name each column of X once"),
            ({"a": 0.5, "b": -1.0, "c": 1.0}, r"sigma of feature 'b' is -1\.0"),
            ({"a": 0.5, "b": "x", "c": 1.0}, "one number for each feature; got dict"),
        ],
    )
    def test_names_that_are_refused(self, sigma, message):
        with pytest.raises(ValueError, match=message):
            smoothed(sigma=sigma).fit(pd.DataFrame(X, columns=["a", "b", "c"]), y)

    @pytest.mark.parametrize("sigma", ["0.5", None, -1.0, 0, np.nan, object()])
    def test_what_is_no_sigma(self, sigma):
        with pytest.raises(ValueError, match="'sigma' parameter of SmoothedClassifier must be"):
            smoothed(sigma=sigma).fit(X, y)

    @pytest.mark.parametrize("by_name", [True, False])
    def test_columns_of_answers_may_have_none(self, by_name, recwarn):
        """A data frame with a column of yes and no: a warning if it gets noise."""
        frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1] > 0, "c": X[:, 2]})
        sigma = {"c": 8.0, "a": 0.5, "b": 0} if by_name else SIGMA
        clf = smoothed(sigma=sigma, n=100).fit(frame, y)
        recwarn.clear()
        assert clf.certify(frame[:2]).sigma == (0.5, 0.0, 8.0)
        assert not recwarn.list
        with pytest.warns(UserWarning, match=r"columns of type bool.*give them a sigma of 0"):
            with_options(clf, sigma=[0.5, 0.1, 8.0]).certify(frame[:2])

    def test_rows_that_are_images(self):
        rows = X[:, [0, 1, 2, 0]].reshape(-1, 1, 2, 2)
        sigma = np.array([[[0.5, 0.0], [8.0, 1.0]]])

        class Flat(Recorder):
            def predict(self, X):
                return super().predict(np.asarray(X).reshape(len(X), -1)[:, :2])

        clf = smoothed(Flat(), sigma).fit(rows, y)
        certificate = clf.certify(rows[:2], n=100)
        assert certificate.sigma == (0.5, 0.0, 8.0, 1.0)
        still = np.concatenate(clf.estimator_.batches_)[:, 1]
        assert set(still) == {rows[0, 0, 0, 1], rows[1, 0, 0, 1]}
        with pytest.raises(ValueError, match=r"shape \(4,\), but rows of X have shape \(1, 2, 2\)"):
            smoothed(Flat(), sigma.ravel()).fit(rows, y)

    def test_levels_of_images_are_not_used(self):
        rows = np.random.default_rng(0).integers(0, 256, (60, 3)) / 255
        assert smoothed(sigma=0.25).fit(rows, y).certify(rows[:1], n=50).noise.levels == 255
        certificate = smoothed(sigma=[0.25, 0.25, 0.25]).fit(rows, y).certify(rows[:1], n=50)
        assert certificate.noise == IntegerPerFeature([0.25] * 3)

    def test_estimators_are_copied_and_searched(self):
        one = smoothed()
        other = clone(one)
        assert other.get_params()["sigma"] is not SIGMA
        assert np.array_equal(other.get_params()["sigma"], SIGMA)
        assert "sigma=array([0.5" in repr(one)
        sigmas = [np.array([0.1, 0.0, 1.0]), np.array([1.0, 0.0, 16.0]), 0.5]
        search = GridSearchCV(
            smoothed(GaussianNB(), n=200),
            {"sigma": sigmas},
            scoring=certified_accuracy_scorer(radius=0.5),
            cv=2,
        )
        with pytest.warns(UserWarning, match="Scores at another sigma are about other changes"):
            search.fit(X, y)
        scores = search.cv_results_["mean_test_score"]
        assert scores.shape == (3,)
        assert scores[0] > 0.8
        assert search.best_estimator_.certify(X[:2], n=100).radii.max() > 0
        named = GridSearchCV(
            smoothed(GaussianNB(), n=100, n_predict=50),
            {"sigma": [{"a": 0.1, "b": 0.0, "c": 1.0}, {"a": 1.0, "b": 0.0, "c": 16.0}]},
            cv=2,
        ).fit(pd.DataFrame(X, columns=["a", "b", "c"]), y)
        assert named.best_score_ > 0.8

    def test_pickles(self, clf):
        certificate = clf.certify(X[:10])
        copies = pickle.loads(pickle.dumps((clf, certificate)))
        assert np.array_equal(copies[0].certify(X[:10]).counts, certificate.counts)
        assert copies[1].noise == certificate.noise

    def test_shake128(self, clf):
        certificate = with_options(clf, stream="shake128").certify(X[:20], n=2000)
        assert certificate.counts == pytest.approx(clf.certify(X[:20], n=2000).counts, abs=200)
        with pytest.raises(ValueError, match="arithmetic='float' is drawn by numpy"):
            with_options(clf, stream="shake128", arithmetic="float").certify(X[:2])

    def test_ways_to_certify(self, clf):
        """Radii that are asked for, and tolerances, are numbers of standard deviations too."""
        full = clf.certify(X, n=2000)
        decided = clf.certify(X, n=2000, radius=1.0)
        sure = abs(full.radii - 1) > 0.3
        assert np.array_equal((decided.radii >= 1)[sure], (full.radii >= 1)[sure])
        assert decided.n_draws.sum() < full.n_draws.sum()
        assert clf.certify(X, n=2000, tol=0.3).n_draws.sum() < full.n_draws.sum()
        with pytest.warns(UserWarning, match=r"n=2000, alpha=0\.001 and sigma per feature, the"):
            clf.certify(X[:2], n=2000, radius=9.0)


# --- training


class TestTraining:
    def test_noisy_copies(self):
        clf = smoothed(Recorder((1, 0, 0)), n_augment=100).fit(X, y)
        noise = clf.estimator_.X_.reshape(100, 60, 3) - X
        assert np.all(noise[..., 1] == 0)
        for feature in (0, 2):
            standard = noise[..., feature].ravel() / SIGMA[feature]
            assert stats.kstest(standard, "norm").pvalue > 1e-3

    @pytest.mark.parametrize(
        "sigma", [SIGMA, {"a": 0.5, "b": 0.0, "c": 8.0}], ids=["array", "dict"]
    )
    def test_a_skorch_net(self, sigma):
        torch = pytest.importorskip("torch")
        skorch = pytest.importorskip("skorch")

        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = torch.nn.Linear(3, 2)
                self.seen = []

            def forward(self, X):
                if self.training:
                    self.seen.append(X.detach().clone())
                return self.layer(X / torch.tensor([1.0, 2.0, 16.0]))

        net = skorch.NeuralNetClassifier(
            Net,
            criterion=torch.nn.CrossEntropyLoss,
            max_epochs=30,
            lr=0.5,
            batch_size=60,
            iterator_train__shuffle=False,
            train_split=None,
            verbose=0,
        )
        rows = X if isinstance(sigma, np.ndarray) else pd.DataFrame(X, columns=["a", "b", "c"])
        clf = smoothed(net, sigma).fit(rows, y)
        noise = np.stack([seen.numpy() for seen in clf.estimator_.module_.seen]) - X.astype(f32)
        assert noise.shape == (30, 60, 3)
        assert np.all(noise[..., 1] == 0)
        for feature, s in ((0, 0.5), (2, 8.0)):
            assert stats.kstest(noise[..., feature].ravel() / s, "norm").pvalue > 1e-3
        assert not np.array_equal(noise[0], noise[1])
        certificate = clf.certify(rows[:20], n=300)
        assert certificate.sigma == (0.5, 0.0, 8.0)
        assert np.mean(certificate.labels == y[:20]) > 0.6


# --- shortcuts


BASES = {
    "steps": make_pipeline(StandardScaler(), GaussianNB()),
    "trees": RandomForestClassifier(5, random_state=0),
    "steps+trees": make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)),
    None: make_pipeline(StandardScaler(), LogisticRegression()),  # noise on scores has one sigma
}


@pytest.mark.parametrize("name", BASES, ids=str)
def test_shortcuts(name):
    clf = smoothed(clone(BASES[name])).fit(X, y)
    certificate = clf.certify(X[:20], n=1000)
    expected = {None: "steps"}.get(name, name) if name else certificate.shortcut
    assert certificate.shortcut == expected
    plain = with_options(clf, shortcuts=None).certify(X[:20], n=1000)
    assert plain.shortcut is None
    assert np.array_equal(plain.counts, certificate.counts)


# --- statements about certificates


@pytest.fixture(scope="module")
def certificate(clf):
    return clf.certify(X, n=1000)


class TestReports:
    def test_certificate(self, certificate):
        assert certificate.norm == certificate[:3].norm == "l2 of delta / sigma"
        assert "sigma per feature" in repr(certificate)
        assert np.array_equal(certificate.radii_l2, certificate.noise.l2_radius(certificate.radii))
        assert certificate.to_frame().shape[0] == 60

    @pytest.mark.parametrize("arithmetic", ["integer", "float"])
    def test_logs(self, tmp_path, arithmetic):
        sigma = np.array([1 / 3, 0.0, 8.1])
        certificate = smoothed(sigma=sigma, arithmetic=arithmetic).fit(X, y).certify(X, n=300)
        write_log(tmp_path / "log.tsv", certificate, y_true=y)
        found = read_log(tmp_path / "log.tsv").certificate
        assert found.noise == certificate.noise
        assert found.sigma == (1 / 3, 0.0, 8.1)
        for name in ("labels", "radii", "radii_l2", "p_lower", "counts", "tv_error"):
            assert np.array_equal(getattr(found, name), getattr(certificate, name))
        text = (tmp_path / "log.tsv").read_text()
        assert text.startswith("# sksmooth certification log, version 1\n")
        for change in (
            ('"sigma": [0.3333333333333333, 0.0, 8.1], "norm"', '"sigma": 0.5, "norm"'),
            ('"norm": "l2 of delta / sigma"', '"norm": "l2"'),
            ("per feature", "per column"),
            ('"sigma": [0.3333333333333333, 0.0, 8.1]}', '"sigma": [0.0, 0.0, 0.0]}'),
            ('"sigma": [0.3333333333333333, 0.0, 8.1]}', '"sigma": 8.1}'),
        ):
            assert change[0] in text
            (tmp_path / "changed.tsv").write_text(text.replace(*change, 1))
            with pytest.raises(ValueError, match="line 2: the settings cannot be read"):
                read_log(tmp_path / "changed.tsv")

    def test_scores(self, certificate):
        at_one = certified_accuracy_score(y, certificate, radius=1.0)
        assert 0.3 < at_one < 1
        assert average_certified_radius_score(y, certificate) > 0.5
        assert projected_certified_accuracy(y, certificate, radius=1.0) == pytest.approx(at_one)
        assert projected_certified_accuracy(y, certificate, radius=3.0, n=100_000) > 0

    def test_tables(self, certificate):
        one = smoothed(sigma=0.5).fit(X, y).certify(X, n=1000)
        records = [Record.of(c, y_true=y) for c in (certificate, one)]
        with pytest.raises(ValueError, match=r"norms or units cannot be in one table.*units="):
            certified_accuracy_table(records, [0.5])
        assert certified_accuracy_table(records[:1], [0.5]).names == ("sigma per feature",)

    def test_plots(self, certificate, pyplot):
        display = CertifiedAccuracyDisplay.from_predictions(y, certificate)
        texts = [t.get_text() for t in display.ax_.get_legend().get_texts()]
        assert texts == [r"$\sigma$ per feature"]
        assert display.ax_.get_xlabel() == "Radius, l2 of delta / sigma"
        top = TopProbabilityDisplay.from_predictions(y, certificate)
        assert [t.get_text() for t in top.ax_.get_legend().get_texts()] == texts
        one = smoothed(sigma=0.5).fit(X, y).certify(X[:5], n=100)
        display = CertifiedAccuracyDisplay.from_predictions(y[:5], one)
        assert display.ax_.get_xlabel() == "L2 radius"
        assert display.ax_.get_legend().get_texts()[0].get_text() == r"$\sigma$ = 0.5"
