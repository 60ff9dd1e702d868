"""Numbers of draws beyond what 32 bits hold, up to 10**12: nothing wraps around or is rounded."""

import io
import math
import sys

import joblib
import numpy as np
import pytest
from helpers import Recorder, assert_same_certificate, blobs
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression

from sksmooth import projected_certified_accuracy
from sksmooth.backends import get_backend
from sksmooth.bounds import (
    clopper_pearson,
    clopper_pearson_simultaneous,
    clopper_pearson_upper,
    one_sided,
    one_sided_free,
    two_sided,
)
from sksmooth.bounds.binomial import betainc_error
from sksmooth.certificate import certify_counts, predict_counts
from sksmooth.certificate.concat import concatenate
from sksmooth.certificate.procedures import _flipped
from sksmooth.certificate.stopping import (
    Curtailed,
    GroupSequential,
    InputSpecificSampleSize,
    geometric_looks,
)
from sksmooth.noise import FloatGaussian, IntegerGaussian
from sksmooth.noise.streams import GENERATORS, Philox, Purpose, block_rows, row_key
from sksmooth.records import read_log, write_log
from sksmooth.sampling.count import _Draws, count_votes
from sksmooth.sampling.progress import progress_bar

mp = pytest.importorskip("mpmath")

SEED = bytes(range(16))
SIZES = [2**31 + 1, 3 * 10**9, 10**12]


def binomial_tail(n, k, p):
    """P(Binomial(n, p) >= k) for k > n p, to ten digits: few terms of each part in 60 digits."""
    with mp.workdps(60):
        p, total = p if isinstance(p, mp.mpf) else mp.mpf(float(p)), mp.mpf(0)
        odds = float(p / (1 - p))
        for start in range(k, n + 1, 2**14):
            log_first = mp.loggamma(n + 1) - mp.loggamma(start + 1) - mp.loggamma(n - start + 1)
            first = mp.exp(log_first + start * mp.log(p) + (n - start) * mp.log1p(-p))
            j = np.arange(start, min(start + 2**14, n + 1) - 1, dtype=np.float64)
            total += first * float(np.cumprod(np.append(1.0, odds * (n - j) / (j + 1))).sum())
            if first < total * mp.mpf(10) ** -14:
                break
        return total


def test_the_tail_itself():
    """Against two closed forms."""
    n = 3 * 10**9
    with mp.workdps(60):
        p = mp.mpf(1) - mp.mpf(2) ** -31
        q = mp.mpf(2) ** -31
        assert abs(binomial_tail(n, n, p) / p**n - 1) < 1e-12
        one_less = p**n + n * p ** (n - 1) * q
        assert abs(binomial_tail(n, n - 1, p) / one_less - 1) < 1e-12


def counts_of(n):
    """Few failures, many, and hardly a majority."""
    return [n - 1, n - 500, n - 10**5, n // 10 * 9, n // 2 + 2 * int(np.sqrt(n)), 10**5]


class TestBounds:
    @pytest.mark.parametrize("alpha", [1e-3, 1e-9])
    @pytest.mark.parametrize("n", SIZES)
    def test_never_above_the_exact_value_nor_loose(self, n, alpha):
        least = 1 - 2e-4 - 2 * betainc_error(n)
        for k in counts_of(n):
            level = binomial_tail(n, k, clopper_pearson(k, n, alpha)) / alpha
            assert least <= level <= 1, k
            q = float(clopper_pearson_simultaneous(k, n, alpha))
            level = binomial_tail(n, k, q) / (mp.mpf(alpha) * mp.mpf(q))
            assert least <= level <= 1, k

    @pytest.mark.parametrize("n", SIZES)
    def test_999_failures(self, n):
        """Where the inverse function is worst: at 10**12 the bound is loose, but none is false."""
        assert binomial_tail(n, n - 999, clopper_pearson(n - 999, n, 1e-3)) <= 1e-3

    @pytest.mark.parametrize("n", SIZES)
    def test_unanimous_votes_have_a_closed_form(self, n):
        with mp.workdps(40):
            for bound, root in ((clopper_pearson, n), (clopper_pearson_simultaneous, n - 1)):
                exact = mp.mpf("0.001") ** (mp.mpf(1) / root)
                assert 0 <= exact - mp.mpf(float(bound(n, n, 0.001))) < 2e-15

    @pytest.mark.parametrize("n", SIZES)
    def test_the_upper_bound_is_the_mirror_image(self, n):
        k = np.array(counts_of(n))
        assert_allclose(clopper_pearson_upper(n - k, n, 1e-3), 1 - clopper_pearson(k, n, 1e-3))

    def test_a_few_votes_more_prove_more(self):
        """Where only 32 bits, or those of a float32, were kept, neighbours would be the same."""
        for n in SIZES:
            k = n // 10 * 9 + n // 10**9 * np.arange(5)  # betainc tells no single one of 10**12
            for bound in (clopper_pearson, clopper_pearson_simultaneous):
                assert np.all(np.diff(bound(k, n, 1e-3)) > 0)

    @pytest.mark.parametrize("dtype", [np.int64, np.uint64, np.float64, object])
    def test_dtypes(self, dtype):
        k, n = 2 * 10**9 + 7, 3 * 10**9
        given = [k, n] if dtype is object else np.array([k, n], dtype)
        assert clopper_pearson(*given, 1e-3) == clopper_pearson(np.int64(k), np.int64(n), 1e-3)


@pytest.mark.parametrize("n", SIZES)
def test_predict_rejects_exactly_where_the_binomial_test_does(n):
    """Around the first count at which twice the tail is alpha or less."""
    alpha = 1e-3
    critical = n // 2 + int(3.29053 * np.sqrt(n) / 2)
    step = max(1, int(np.sqrt(n)) // 2000)  # a thousandth of alpha, so that no rounding matters
    tops = [critical + i * step for i in range(-4, 5) if i != 0]
    counts = np.array([[n - top, top] for top in tops])
    codes, undecided = predict_counts(counts, alpha)
    assert codes.tolist() == [1] * 8
    expected = [2 * binomial_tail(n, top, mp.mpf(1) / 2) > alpha for top in tops]
    assert undecided.tolist() == expected
    assert 0 < sum(expected) < 8


def certificate_of(n, bound=one_sided):
    tops = [n, n - 1, n // 10 * 9, n // 2 + 2 * int(np.sqrt(n)), n // 3]
    counts = np.array([[(n - t) // 3, t, n - t - (n - t) // 3] for t in tops])
    pilot = np.tile([10, 80, 10], (5, 1))
    options = {"noise": IntegerGaussian(0.5, 3), "classes": np.array(["a", "b", "c"])}
    return certify_counts(pilot, counts, bound=bound, abstain_label="none", **options)


class TestCertificate:
    @pytest.mark.parametrize("n", SIZES)
    def test_radii_are_those_of_the_exact_bounds(self, n):
        certificate = certificate_of(n)
        assert certificate.abstained.tolist() == [False] * 4 + [True]
        assert certificate.n == n
        assert certificate.n_draws.dtype == certificate.counts.dtype == np.int64
        assert certificate.n_draws.tolist() == [n] * 5
        noise = certificate.noise
        for votes, radius in list(zip(certificate.counts[:, 1], certificate.radii, strict=True))[
            :4
        ]:
            # the probability that the radius claims, with what was taken off for rounding
            reach = (mp.mpf(float(radius)) + noise.rounding) / mp.mpf(0.5)
            claimed = mp.ncdf(reach) + noise.tv_error
            level = binomial_tail(n, int(votes), claimed) / mp.mpf("0.001")
            assert 0.98 <= level <= 1

    @pytest.mark.parametrize("n", SIZES)
    def test_both_sides(self, n):
        certificate = certificate_of(n, two_sided)
        others = certificate.counts[:, [0, 2]].max(axis=1)
        tv_error = certificate.noise.tv_error
        assert_allclose(certificate.p_upper, clopper_pearson_upper(others, n, 5e-4) + tv_error)
        assert np.all(certificate.radii[2:4] > certificate_of(n).radii[2:4])

    @pytest.mark.parametrize("n", SIZES)
    def test_frames_and_logs(self, n, tmp_path):
        certificate = certificate_of(n)
        write_log(tmp_path / "log.tsv", certificate, y_true=["b"] * 5)
        read = read_log(tmp_path / "log.tsv").certificate
        assert_same_certificate(read, certificate)
        assert read.counts.dtype == np.int64
        pd = pytest.importorskip("pandas")
        frame = certificate.to_frame()
        assert frame["n_draws"].dtype == np.int64
        assert frame["n_draws"].tolist() == [n] * 5
        assert pd.read_json(io.StringIO(frame.to_json()))["n_draws"].tolist() == [n] * 5

    def test_put_together(self):
        whole = certificate_of(10**12)
        assert_same_certificate(concatenate([whole[:2], whole[2:]]), whole)

    @pytest.mark.parametrize("n", SIZES)
    def test_a_projection_to_the_draws_that_were_made_changes_nothing(self, n):
        """Votes are recovered from shares: not one more than there were, unanimous or not."""
        certificate = certificate_of(n)
        radii = np.sort(certificate.radii[:4])
        for asked in (None, n):
            score = projected_certified_accuracy(["b"] * 5, certificate, radius=radii, n=asked)
            assert score.tolist() == [0.8, 0.6, 0.4, 0.2]

    @pytest.mark.parametrize("alpha", [1e-3, 1e-6])
    def test_a_projection_at_another_alpha(self, alpha):
        rng = np.random.default_rng(0)
        n = 10**12
        tops = rng.integers(n // 2, n, 200)
        counts = np.stack([n - tops, tops], axis=1)
        pilot = np.tile([10, 90], (200, 1))
        options = {"noise": FloatGaussian(0.5), "classes": np.array([0, 1])}
        expected = certify_counts(pilot, counts, alpha=alpha, **options)
        radii = expected.radii[expected.radii > 0]
        score = projected_certified_accuracy(
            np.ones(200), certify_counts(pilot, counts, **options), radius=radii, alpha=alpha
        )
        assert_allclose(score, [np.mean(expected.radii >= radius) for radius in radii])


class TestStopping:
    @pytest.mark.parametrize("n", SIZES)
    def test_looks(self, n):
        sizes, levels = geometric_looks(n, 1e-3)
        assert sizes == [64 << i for i in range(len(sizes) - 1)] + [n]
        assert all(type(size) is int for size in sizes)
        assert 0.4 * n < sizes[-2] <= 0.8 * n
        assert sum(levels) == pytest.approx(1e-3, rel=1e-12)

    @pytest.mark.parametrize("n", SIZES)
    def test_curtailed(self, n):
        rule = Curtailed(n, 1e-3, np.array([0]))
        assert all(type(size) is int for size in rule.sizes)
        *looks, last = rule.sizes
        assert last == n
        assert looks == [-(-n * part // (16 * 16_384)) * 16_384 for part in range(8, 16)]
        needed = rule.votes_needed
        assert clopper_pearson(needed, n, 1e-3) > 0.5 >= clopper_pearson(needed - 1, n, 1e-3)
        for look, size in enumerate(looks):
            # the last vote that may be missed, and one more
            votes = needed - (n - size)
            counts = np.array([[votes, size - votes], [votes - 1, size - votes + 1]])
            rule.selected = np.zeros(2, dtype=np.intp)
            assert rule.undecided(look, np.arange(2), counts).tolist() == [True, False]

    @pytest.mark.parametrize("n", SIZES)
    @pytest.mark.parametrize("bound", [one_sided, two_sided])
    def test_planned(self, n, bound):
        pilot = np.array([[100, 0], [97, 3], [60, 40]])
        rule = InputSpecificSampleSize(n, 1e-3, bound, pilot, 1e-4, FloatGaussian(1.0).radius)
        assert rule.draws.dtype == np.int64
        assert all(type(size) is int for size in rule.sizes)
        assert 0 < rule.draws.min() <= rule.draws.max() <= n == rule.sizes[-1]
        assert rule.draws.max() > 10**6

    @pytest.mark.parametrize("n", SIZES)
    @pytest.mark.parametrize("bound", [one_sided_free, two_sided])
    def test_deciding(self, n, bound):
        """Just above what the share of the votes can prove, draws go on to the end."""
        share = 0.9
        radius = float(FloatGaussian(1.0).radius(np.array([share]))[0])
        selected = None if bound is one_sided_free else np.array([0])
        options = {"n_rows": 1, "n": n, "alpha": 1e-3, "bound": bound, "selected": selected}
        rule = GroupSequential([radius], radius=FloatGaussian(1.0).radius, **options)
        for look, size in enumerate(rule.sizes):
            votes = int(share * size)
            counts = np.array([[votes, size - votes]])
            going = rule.undecided(look, np.array([0]), counts)
        assert not going[0]
        top, p_lower, p_upper = rule.bounds(counts)
        assert top.tolist() == [0]
        exact = float(clopper_pearson(votes, n, 1e-3))
        assert share - 2 * (share - exact) < p_lower[0] < share
        assert 1 - share < p_upper[0]

    @pytest.mark.parametrize("n", SIZES)
    def test_votes_that_may_be_others(self, n):
        """With errors of 1e-15 a vote, only so many draws meet any."""
        assert _flipped(n, 1e-3, 0.0) == (0, 0.0)
        mean = 2e-15 * n
        terms = [mean ** (m + 1) / math.factorial(m + 1) for m in range(5)]
        first = next(m for m, term in enumerate(terms) if term <= 1e-6)
        assert _flipped(n, 1e-3, 1e-15) == (first, pytest.approx(terms[first]))


X, y = blobs(12, d=5, k=2, seed=1)
FAR = 2**31  # at the start of a block


class Counting(FloatGaussian):
    """Noise that knows how much of it was drawn."""

    drawn = 0

    def around(self, row):
        perturb = super().around(row)

        def counted(stream, out):
            type(self).drawn += len(out)
            perturb(stream, out)

        return counted


def far_draws(start, n, noise, rows=X[:2], **options):
    """Return the noisy rows that the base is asked about."""
    model = Recorder(w=np.eye(5)[0]).fit(X, y)
    backend = get_backend(model, np.arange(2))
    names = {"seed": SEED, "purpose": Purpose.ESTIMATE}
    counts = count_votes(backend, rows, n, start=start, noise=noise, **names, **options)
    assert counts.sum(axis=1).tolist() == [n - start] * len(rows)
    return np.concatenate(model.batches_).reshape(len(rows), n - start, 5)


class TestSampling:
    @pytest.mark.parametrize(
        "noise", [FloatGaussian(1.5), IntegerGaussian(1.5, 5)], ids=["float", "exact"]
    )
    def test_draws_beyond_31_bits_are_those_of_their_blocks(self, noise):
        """Those from 2**31 + 5 to 2**31 + 70, however they are asked for, and from scratch."""
        wanted = far_draws(FAR + 5, FAR + 70, noise)
        assert np.array_equal(far_draws(FAR, FAR + 70, noise)[:, 5:], wanted)
        assert np.array_equal(far_draws(FAR - 3, FAR + 70, noise)[:, 8:], wanted)
        assert np.array_equal(far_draws(FAR + 5, FAR + 71, noise)[:, :-1], wanted)
        assert np.array_equal(far_draws(FAR + 5, FAR + 70, noise, batch_size=7), wanted)
        block, rest = divmod(FAR, block_rows(5))
        assert rest == 0
        for row, found in zip(X[:2], wanted, strict=True):
            out = np.empty((70, 5))
            key = row_key(SEED, row, noise.name)
            noise.around(row)(Philox().at(key, block, Purpose.ESTIMATE), out)
            assert np.array_equal(out[5:], found)

    def test_they_are_not_those_of_other_blocks(self):
        """As they would be if the number of a block or of a draw had lost its upper bits."""
        wanted = far_draws(FAR + 5, FAR + 70, FloatGaussian(1.5))
        for start in (5, 2 * FAR + 5, 2**43 + 5, 2**44 + 5):
            other = far_draws(start, start + 65, FloatGaussian(1.5))
            assert not np.isin(other, wanted).any()

    def test_no_other_draws_are_made(self):
        """But for the beginning of the first block."""
        Counting.drawn = 0
        far_draws(FAR + 5, FAR + 70, Counting(1.5))
        assert Counting.drawn == 2 * 70
        Counting.drawn = 0
        far_draws(FAR - 3, FAR + 70, Counting(1.5))
        assert Counting.drawn == 2 * (block_rows(5) + 70)

    @pytest.mark.parametrize("batch_size", [None, 5000])
    def test_workers_and_batches(self, batch_size):
        model = LogisticRegression().fit(X, y)
        backend = get_backend(model, np.arange(2))
        names = {"noise": FloatGaussian(3.0), "seed": SEED, "purpose": Purpose.ESTIMATE}
        start, n = FAR - 100, FAR + 5 * block_rows(5) + 7

        def count(start, n, **options):
            return count_votes(backend, X, n, start=start, **names, **options)

        counts = count(start, n)
        assert counts.min() > 0
        with joblib.parallel_config(backend="threading"):
            assert np.array_equal(count(start, n, n_jobs=2, batch_size=batch_size), counts)
        middle = FAR + 9000
        assert np.array_equal(count(start, middle) + count(middle, n), counts)

    def test_the_last_of_many_blocks_of_many_rows(self):
        """The arithmetic alone, for 10**6 rows of 10**12 draws: no array is as long."""
        start, stop, rows = 10**12 - 10**11 + 17, 10**12, 10**6
        size = block_rows(100)
        draws = _Draws(start, stop, size, FloatGaussian(1.0), Purpose.ESTIMATE, "philox", 10)
        assert draws.before(rows * draws.blocks) == rows * (stop - start)
        row, block, first, last = draws.part(rows * draws.blocks - 1)
        assert (row, block) == (rows - 1, (stop - 1) // size)
        assert block * size + last == stop
        assert draws.part(0)[1:] == (start // size, start % size, size)
        assert first == 0
        number = 999_999 * draws.blocks + 12_345
        assert draws.before(number + 1) - draws.before(number) == size

    @pytest.mark.parametrize("stream", GENERATORS)
    def test_streams_of_far_blocks_differ(self, stream):
        """Numbers of blocks have 64 bits."""
        key = row_key(SEED, X[0])
        words = [
            GENERATORS[stream]().at(key, block, Purpose.ESTIMATE).words(4).tolist()
            for block in (3, 2**31 + 3, 2**32 + 3, 2**33 + 3, 2**63 + 3)
        ]
        assert len({tuple(part) for part in words}) == 5


def test_progress(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress_bar(1000, 3 * 10**9, verbose=1) as report:
        for _ in range(1000):
            report(3 * 10**9 - 1)
            report(1)
    assert "1000/1000 rows" in sys.stderr.getvalue()
    assert "3.00T/3.00T" in sys.stderr.getvalue()
