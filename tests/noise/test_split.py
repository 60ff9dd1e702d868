"""Splitting noise: what is shown, what all votes prove, and the published certificates."""

import itertools
import math
import types
from fractions import Fraction

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sksmooth import SmoothedClassifier
from sksmooth.bounds import splitting_steps
from sksmooth.certificate.enumerated import certify_by_outcomes
from sksmooth.noise import Rows, Split, SplitNoise
from sksmooth.noise.norms import L1
from sksmooth.noise.streams import Philox, Purpose

KEY = np.array([1, 2], dtype=np.uint64)


def shown(noise, row):
    out = np.empty((noise.n_outcomes, len(row)), dtype=row.dtype)
    outcomes = noise.outcomes(row)
    outcomes.fill(0, out)
    assert (outcomes.n, outcomes.total, outcomes.weights) == (len(out), len(out), (1,))
    return out


@pytest.mark.parametrize("periods", [(4, 4), (8, 2), (6, 3, 2), (5,), (4, 0, 8), (12, 12, 12)])
def test_all_pairs(periods):
    """Outcomes that change, and certificates from all votes: no violation in 5.8 million pairs."""
    rng, certified = np.random.default_rng(3), 0
    m = math.lcm(*(p for p in periods if p))
    length = {1: 60, 2: 16, 3: 7}[len(periods)]
    rows = np.array(list(itertools.product(range(length), repeat=len(periods))), dtype=float)
    apart = np.abs(rows[:, None] - rows[None])
    weight = np.array([m / p if p else 0.0 for p in periods])
    same_still = np.all(apart[..., weight == 0] == 0, axis=-1)
    steps = np.where(same_still, np.rint(apart @ weight), np.inf)
    for round_ in range(4):
        low, high = ((0, length - 1), (None, None))[round_ % 2]
        starts = rng.integers(0, 50, len(periods))
        noise = SplitNoise(1, periods, tuple(starts), low, high)
        assert noise.n_outcomes == m
        seen = np.array([shown(noise, row) for row in rows])
        values, codes = np.unique(seen.reshape(-1, len(periods)), axis=0, return_inverse=True)
        codes = codes.reshape(len(rows), m)
        changed = (codes[:, None] != codes[None]).sum(axis=-1)
        assert np.all(changed <= steps)
        # bases that answer by lot what they see, with more or less of a rule
        line = values @ rng.normal(size=len(periods))
        line = (line - line.mean()) / line.std()
        for lot in (0.0, 0.2, 1.0):
            answers = (line > rng.normal(scale=0.3)).astype(int)
            drawn = rng.random(len(values)) < lot
            answers[drawn] = rng.integers(0, 3, drawn.sum())
            votes = np.stack([(answers[codes] == c).sum(axis=1) for c in range(3)], axis=1)
            labels, closed = splitting_steps(votes)
            top = np.sort(votes, axis=1)
            open_ = (top[:, -1] - top[:, -2]) / 2  # in steps of m / M
            near = (steps < open_[:, None]) | (open_[:, None] == 0) & (steps == 0)
            assert np.all((labels[:, None] == labels[None])[near])
            if len(set(periods)) == 1:
                radius = noise.reached_by_votes(votes.tolist())
                assert np.array_equal(radius, closed)
                within = steps <= closed[:, None]
                assert np.all((labels[:, None] == labels[None])[within])
                assert np.all(within | ~near)  # the closed statement is the larger one
                certified += within.sum() - len(rows)
            else:
                exact = noise.reached_by_votes(votes.tolist())
                assert np.array_equal(exact, 2 * open_ / m)
                p, q = top[:, -1] / m, top[:, -2] / m
                radius = noise.radius(p, q)
                assert np.all(radius <= exact)
                assert np.all(radius >= exact - 1e-12)
                length_in_norm = np.array([noise.norm.length(rows - row) for row in rows])
                within = length_in_norm < exact[:, None]
                assert np.all((labels[:, None] == labels[None])[within])
                certified += within.sum()
    assert certified > 500


def test_half_the_radius_for_rows_that_are_rounded():
    """From a row on the grid, real changes become at most twice as long, and just about do."""
    rng = np.random.default_rng(0)
    delta = rng.uniform(-3, 3, size=(10_000, 4)) * rng.integers(0, 2, size=(10_000, 4))
    assert np.all(np.abs(np.rint(delta)).sum(axis=1) <= 2 * np.abs(delta).sum(axis=1))
    assert np.abs(np.rint(np.full(100, 0.500001))).sum() == 100


def test_radii_are_tight():
    """Of a base with one threshold: the label changes at the first step beyond the radius."""
    noise = SplitNoise(1, (10,), (3,))
    seen = np.array([shown(noise, np.array([float(k)])) for k in range(80)])[..., 0]
    votes = (seen > 40.3).sum(axis=1)
    radius = noise.reached_by_votes(np.stack([10 - votes, votes], axis=1).tolist())
    labels = (votes > 5).astype(int)  # of equals the first
    border = int(np.flatnonzero(np.diff(labels))[0])
    for k in range(80):
        distance = border + 1 - k if labels[k] == 0 else k - border  # to the next other label
        assert radius[k] == min(distance - 1, 5 if labels[k] == 0 else 4)
    assert labels.tolist() == sorted(labels)


def test_one_column_changes_as_claimed():
    noise = SplitNoise(1, (8,), (5,), 0, 40)
    seen = np.array([shown(noise, np.array([float(k)])) for k in range(41)])[..., 0]
    changed = (seen[:, None] != seen[None]).sum(axis=-1)
    k = np.arange(41)
    expected = np.minimum(np.abs(k[:, None] - k), 8)
    assert np.all(changed <= expected)
    assert np.array_equal(changed[10:30, 10:30], expected[10:30, 10:30])


def test_middles():
    """By the formula in fractions: edges half a step above s + M (cell - 1) and s + M cell."""
    rng = np.random.default_rng(4)
    for number in range(60):
        period, start, levels = (int(v) for v in rng.integers(2, 30, 3))
        low, high = (-10, 60) if number % 2 else (-(2**20), 2**20)
        limits = (low, high) if number % 2 else (None, None)
        noise = SplitNoise(levels, (period,), (start,), *limits)
        k = int(rng.integers(-10, 61))
        seen = shown(noise, np.array([k / levels]))[:, 0]
        for t in range(period):
            s = (start + t) % period
            cell = (k - s - 1) // period + 1
            below = max(Fraction(low), s + Fraction(1, 2) + period * (cell - 1))
            above = min(Fraction(high), s + Fraction(1, 2) + period * cell)
            assert below <= k <= above
            assert seen[t] == float((below + above) / (2 * levels))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_draws_and_training_copies_are_outcomes(dtype):
    noise = SplitNoise(1, (4, 0, 2, 8), (0, 0, 1, 5), 0, 30)
    row = np.array([3, 0.125, 9, 17], dtype=dtype)
    expected = shown(noise, row)
    words = Philox().at(KEY, 0, Purpose.ESTIMATE).words(500).tolist()
    t = [word * noise.n_outcomes >> 64 for word in words]
    assert set(t) == set(range(8))
    out = np.empty((500, 4), dtype=dtype)
    noise.around(row)(Philox().at(KEY, 0, Purpose.ESTIMATE), out)
    assert np.array_equal(out, expected[t])
    rng = np.random.default_rng(0)
    rows = np.stack([row, row + np.array([1, 0, 2, 3])]).astype(dtype)
    copies = noise.corrupt(rng, np.repeat(rows, 40, axis=0))
    for copy, source in zip(copies, np.repeat(rows, 40, axis=0), strict=True):
        assert np.any(np.all(copy == shown(noise, source), axis=1))


@pytest.mark.parametrize("period", [3, 7, 100, 2**20 + 7])
def test_shifts_are_uniform_but_for_the_error_that_is_charged(period):
    """Of 2**64 words, as many give each shift but for one: the distance by their exact numbers."""
    noise = SplitNoise(1, (period,), (0,))
    more = 2**64 % period
    exact = Fraction(more, 2) * abs(Fraction(2**64 // period + 1, 2**64) - Fraction(1, period))
    exact += Fraction(period - more, 2) * abs(
        Fraction(2**64 // period, 2**64) - Fraction(1, period)
    )
    assert 0 < exact <= Fraction(noise.tv_error)


def test_outcomes_from_the_middle():
    noise = SplitNoise(255, (16,) * 3, (0, 5, 9), 0, 255)
    row = np.array([0, 17, 255]) / 255
    out = np.empty((5, 3))
    noise.outcomes(row).fill(7, out)
    assert np.array_equal(out, shown(noise, row)[7:12])


def test_missing_values_stay_missing():
    noise = SplitNoise(1, (4, 4), (0, 3), 0, 9)
    whole, row = np.array([2.0, 7.0]), np.array([2.0, math.nan])
    seen = shown(noise, row)
    assert np.array_equal(seen[:, 0], shown(noise, whole)[:, 0])
    assert np.isnan(seen[:, 1]).all()
    copies = noise.corrupt(np.random.default_rng(0), np.stack([whole, row] * 3))
    assert np.isnan(copies).tolist() == [[False, False], [False, True]] * 3


def test_what_draws_certify():
    """The last row on the grid that is nearer than lambda (p - q): strictly, so none at a tie."""
    noise = SplitNoise(255, (510,) * 3, (0, 1, 2), 0, 255)
    assert noise.scale == (1.0,) * 3
    assert noise.norm == L1()
    assert noise.radius(0.9) == 203 / 255  # of .8, which is 204 / 255: not quite reached
    assert noise.radius(0.9 + 1e-9) == 204 / 255
    assert noise.radius([0.4, 0.5, 1.0]).tolist() == [0, 0, 254 / 255]
    assert noise.proves([0.4, 0.5, 0.5001]).tolist() == [False, False, True]
    assert noise.reached([0.4, 0.5001]).tolist() == [-1 / 255, 0.0]
    mixed = SplitNoise(1, (4, 0, 8), (0, 0, 0), 0, 9)
    assert mixed.norm == L1([2.0, 0.0, 4.0], "lambda")
    assert str(mixed.norm) == "l1 of delta / lambda"
    assert mixed.radius(0.9) == pytest.approx(0.8, abs=1e-12)
    assert mixed.proves([0.5, 0.5001]).tolist() == [False, True]


@pytest.mark.parametrize(("sigma", "m"), [("0.5", 441), ("2.0", 1766)])
def test_published_certificates(data_folder, sigma, m):
    """All 10,000 labels and radii of CIFAR-10 that Levine and Feizi published, from their votes."""
    with np.load(data_folder / "splitting_cifar10_counts.npz") as data:
        counts, steps = data[f"counts_{sigma}"], data[f"K_{sigma}"]
    noise = Split(scale=m / 510).bind(Rows(0.25, (3, 32, 32), levels=255))
    assert noise.n_outcomes == m
    told = types.SimpleNamespace(
        noise=noise, shortcut=None, votes=lambda: [(line, m) for line in counts.tolist()]
    )
    labels, radius = certificate = certify_by_outcomes(told, np.arange(10), -1)
    assert np.array_equal(labels, counts.argmax(axis=1))
    assert not certificate.abstained.any()
    assert (certificate.alpha, certificate.norm) == (0.0, "l1")
    assert np.array_equal(radius, steps / 255)
    top = np.sort(counts, axis=1)
    sampled = noise.radius(top[:, -1] / m, top[:, -2] / m)
    assert np.all(sampled <= radius)  # ties are certified by votes alone
    assert np.all(sampled >= radius - 1.01 / 255)


class TestBinding:
    def test_grids(self):
        images = Split(scale=0.1).bind(Rows(0.25, (2, 2), levels=255))
        assert images.periods == (51,) * 4
        assert (images.levels, images.low, images.high) == (255, 0, 255)
        whole = Split(scale=[2, 0, 4.5]).bind(Rows(0.25, (3,)))
        assert whole.periods == (4, 0, 9)
        assert (whole.levels, whole.low, whole.high, whole.n_outcomes) == (1, None, None, 36)
        assert whole.label == "split scale=2 to 4.5"
        assert images.label == "split scale=0.1"

    def test_partitions_start_in_different_places(self):
        """A known answer: another one would change what every certificate is about."""
        noise = Split(scale=1.0).bind(Rows(0.25, (5,), levels=255))
        assert noise.starts == (22, 329, 175, 141, 50)
        assert Split(scale=1.0).bind(Rows(0.25, (4,), levels=255)).starts == noise.starts[:4]

    @pytest.mark.parametrize(
        ("scale", "levels", "match"),
        [
            (0.87, 255, r"443.7 steps of the grid, each 1/255: .* is 0.8705882352941177\."),
            (0.8660254, 255, r"nearest such scale is 0.8666666666666667\."),
            (1.3, None, r"2.6 steps of the grid, each 1: .* is 1.5\."),
            (0.1, None, r"nearest such scale is 1.0\."),
            (-1.0, None, "scale must be a number from"),
            ("wide", None, "scale must be a number from"),
            (True, None, "scale must be a number from"),
            ([1.0, 2.0], None, "scale has 2 numbers, but rows have 3 values"),
            ([0, 0, 0], None, "not all of them 0"),
            ([4095.5, 4104.5, 1], None, "least common multiple is 134479838; it must not"),
        ],
    )
    def test_what_is_refused(self, scale, levels, match):
        with pytest.raises(ValueError, match=match):
            Split(scale=scale).bind(Rows(0.25, (3,), levels=levels))

    def test_the_nearest_scale_is_taken(self):
        for wrong in (0.87, 0.8660254, 1e-3, 3.301):
            with pytest.raises(ValueError, match="nearest such scale") as caught:
                Split(scale=wrong).bind(Rows(0.25, (3,), levels=255))
            nearest = float(str(caught.value).removesuffix(".").rpartition(" ")[2])
            Split(scale=nearest).bind(Rows(0.25, (3,), levels=255))
            assert abs(nearest - wrong) <= 1 / 255

    def test_rows_that_are_refused(self):
        noise = SplitNoise(255, (8, 8), (0, 0), 0, 255)
        noise.around(np.array([0.0, np.float32(7 / 255)]))
        for use in (noise.around, noise.outcomes):
            with pytest.raises(ValueError, match="0.3, which is not a multiple of 1/255"):
                use(np.array([0.0, 0.3]))
            with pytest.raises(ValueError, match="not a multiple of 1/255, or too large"):
                use(np.array([0.0, 1e9]))
        with pytest.raises(ValueError, match="Rows have 3 values; the noise is for 2"):
            noise.around(np.zeros(3))

    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"levels": 0}, "levels must be 1 or more"),
            ({"low": 9}, "low below high"),
            ({"periods": (4, -1)}, "periods must be 0 or more"),
            ({"starts": (1,)}, "There are 2 periods but 1 starts"),
        ],
    )
    def test_noise_that_is_refused(self, options, match):
        plain = {"levels": 1, "periods": (4, 4), "starts": (0, 0), "low": 0, "high": 9}
        with pytest.raises(ValueError, match=match):
            SplitNoise(**(plain | options))


def test_scales_by_column():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "children": rng.integers(0, 6, 200),
            "home": rng.choice(["rent", "own"], 200),
            "rooms": rng.integers(1, 9, 200),
            "income": rng.normal(size=200),
        }
    )
    y = X.rooms > X.children + 2
    encoder = make_column_transformer(
        (OneHotEncoder(), ["home"]), ("passthrough", ["children", "rooms", "income"])
    )
    base = make_pipeline(encoder, LogisticRegression())
    noise = Split({"children": 2, "rooms": 4})
    clf = SmoothedClassifier(base, noise=noise, n_augment=4, random_state=0).fit(X, y)
    certificate = clf.certify(X[:50])
    assert certificate.noise.periods == (4, 0, 8, 0)
    assert certificate.form == "enumerated"
    assert certificate.noise.norm.scale == (2.0, 0.0, 4.0, 0.0)
    other = X[:50].assign(rooms=X.rooms + 1)
    covers = certificate.covers(X[:50], other)
    assert covers.sum() > 5
    assert np.array_equal(covers, certificate.radii * (1 - 1e-12) > 0.25)
    assert np.array_equal(clf.certify(other).labels[covers], certificate.labels[covers])
    assert not certificate.covers(X[:50], X[:50].assign(home="?")).any()
    assert clone(clf).fit(X, y).certify(X[:50]).equals(certificate)
    assert hash(noise) == hash(Split({"rooms": 4}))
    assert noise == Split({"rooms": 4, "children": 2})
    places = SmoothedClassifier(base, noise=Split({0: 2, 2: 4}), random_state=0).fit(X, y)
    assert places.certify(X[:1]).noise == certificate.noise
    with pytest.raises(ValueError, match=r"names the columns \['beds'\], which X did not have"):
        SmoothedClassifier(base, noise=Split({"beds": 2})).fit(X, y)
