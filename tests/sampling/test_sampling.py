"""Promise 1: a row's counts depend on (seed, row content) alone. Promise 2: independent streams."""

import pickle
import warnings

import joblib
import numpy as np
import pytest
from helpers import Halfspace, Recorder, blobs
from scipy import stats
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from sksmooth.backends import Backend, get_backend
from sksmooth.noise import FloatGaussian, IntegerGaussian
from sksmooth.noise.streams import GENERATORS, Purpose, block_rows, row_key
from sksmooth.sampling import count as sampling
from sksmooth.sampling.count import count_votes

SEED = bytes(range(16))
BASES = [
    LogisticRegression(),
    KNeighborsClassifier(),
    RandomForestClassifier(5, random_state=0),
    MLPClassifier((8,), max_iter=30, random_state=0),
]


def count(model, X, n, **options):
    backend = get_backend(model, np.arange(len(model.classes_)))
    defaults = {"noise": FloatGaussian(1.5), "seed": SEED, "purpose": Purpose.ESTIMATE}
    return count_votes(backend, X, n, **(defaults | options))


@pytest.fixture(scope="module", params=BASES, ids=lambda m: type(m).__name__)
def model(request):
    X, y = blobs(k=3, d=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return request.param.fit(X, y)


X, _ = blobs(12, d=5, k=3, seed=1)
N = 3000  # one full block of 4096 is more than this; see test_blocks for several


def test_rows_sum_to_n(model):
    counts = count(model, X, N)
    assert counts.shape == (12, 3)
    assert counts.dtype == np.int64
    assert np.all(counts.sum(axis=1) == N)


def test_order_and_subset(model):
    counts = count(model, X, N)
    order = np.random.default_rng(0).permutation(12)
    assert np.array_equal(count(model, X[order], N), counts[order])
    one_by_one = np.concatenate([count(model, X[i : i + 1], N) for i in range(12)])
    assert np.array_equal(one_by_one, counts)


@pytest.mark.parametrize("batch_size", [1, 100, 999, 4096, 100_000])
def test_batch_size(batch_size):
    model = LogisticRegression().fit(*blobs(k=3, d=5))
    n = 300 if batch_size == 1 else 9000
    assert np.array_equal(count(model, X[:4], n, batch_size=batch_size), count(model, X[:4], n))


NOISES = {
    "fine": IntegerGaussian(1.5, 5),
    "between levels": IntegerGaussian(1.5, 5, levels=255),
}


@pytest.mark.parametrize("stream", GENERATORS)
@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_nothing_else_matters_to_exact_noise(noise, stream):
    """Order, subset, batches, workers, and whether draws are counted at once or in parts."""
    model = LogisticRegression().fit(*blobs(k=3, d=5))
    options = {"noise": noise, "stream": stream}
    counts = count(model, X, N, **options)
    assert np.all(counts.sum(axis=1) == N)
    order = np.random.default_rng(0).permutation(12)
    assert np.array_equal(count(model, X[order], N, **options), counts[order])
    assert np.array_equal(count(model, X, N, rows=order[:5], **options), counts[order[:5]])
    for size in (97, 4096, 10**6):
        assert np.array_equal(count(model, X, N, batch_size=size, **options), counts)
    for backend in ("threading", "loky"):
        with joblib.parallel_config(backend=backend):
            assert np.array_equal(count(model, X, N, n_jobs=2, **options), counts)
    parts = count(model, X, 700, **options), count(model, X, N, start=700, **options)
    assert np.array_equal(sum(parts), counts)
    for other in ({"stream": "shake128" if stream == "philox" else "philox"}, {"seed": SEED[::-1]}):
        assert not np.array_equal(count(model, X, N, **(options | other)), counts)


def test_noise_is_what_its_names_say():
    """Row, noise and seed make the key; purpose and block number the stream; from scratch."""
    noise = IntegerGaussian(1.5, 5)
    model = Recorder(w=np.eye(5)[0]).fit(*blobs(d=5))
    size = block_rows(5)
    count(model, X[:2], size + 10, noise=noise, stream="shake128", purpose=Purpose.SELECT)
    found = np.concatenate(model.batches_)
    expected = []
    for row in X[:2]:
        key = row_key(SEED, row, noise.name)
        for block, n in ((0, size), (1, 10)):
            out = np.empty((n, 5))
            stream = GENERATORS["shake128"]().at(key, block, Purpose.SELECT)
            noise.around(row)(stream, out)
            expected.append(out)
    assert np.array_equal(found, np.concatenate(expected))


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_workers(model, backend):
    if backend == "multiprocessing" and not isinstance(model, LogisticRegression):
        pytest.skip("one model is enough for the slowest backend")
    counts = count(model, X, N)
    with joblib.parallel_config(backend=backend):
        assert np.array_equal(count(model, X, N, n_jobs=2), counts)


def test_parallel_config_is_followed():
    model = LogisticRegression().fit(*blobs(k=3, d=5))
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert np.array_equal(count(model, X, N), count(model, X, N, n_jobs=1))


def test_one_row_is_shared_by_all_workers():
    model = Recorder(w=np.eye(5)[0]).fit(*blobs(d=5))
    n = 10 * block_rows(5)
    expected = count(Halfspace(w=np.eye(5)[0]).fit(*blobs(d=5)), X[:1], n)
    with joblib.parallel_config(backend="threading"):
        assert np.array_equal(count(model, X[:1], n, n_jobs=2), expected)
    assert len(model.batches_) >= 8


def test_the_seed_the_purpose_and_the_row_matter(model):
    counts = count(model, X, N)
    assert not np.array_equal(count(model, X, N, seed=SEED[::-1]), counts)
    assert not np.array_equal(count(model, X, N, purpose=Purpose.SELECT), counts)


def test_pickle(model):
    assert np.array_equal(count(pickle.loads(pickle.dumps(model)), X, N), count(model, X, N))


def test_memory_layout_and_signed_zero():
    model = LogisticRegression().fit(*blobs(k=3, d=5))
    Z = X.copy()
    Z[:, 2] = 0.0
    counts = count(model, Z, N)
    negative = Z.copy()
    negative[:, 2] = -0.0
    wide = np.repeat(Z, 2, axis=1)[:, ::2]
    for other in (np.asfortranarray(Z), negative, wide):
        assert np.array_equal(count(model, other, N), counts)


def draws(n, rows=X[:3], **options):
    """Return the noise itself, as the base classifier meets it."""
    model = Recorder(w=np.eye(5)[0]).fit(*blobs(d=5))
    count(model, rows, n, noise=FloatGaussian(1.0), **options)
    return np.concatenate(model.batches_).reshape(len(rows), n, 5) - rows[:, None]


def test_fewer_draws_are_a_prefix():
    long = draws(10_000)
    assert np.allclose(draws(6000), long[:, :6000], atol=1e-12)
    assert np.allclose(draws(100), long[:, :100], atol=1e-12)


def test_noise_is_standard_normal_over_block_borders():
    noise = draws(3 * block_rows(5))
    assert stats.kstest(noise.ravel(), "norm").pvalue > 1e-3
    for block in np.split(noise[0], 3):
        assert stats.kstest(block.ravel(), "norm").pvalue > 1e-4


def test_noises_of_rows_blocks_and_purposes_are_independent():
    size = block_rows(5)
    streams = [
        part.ravel()
        for purpose in Purpose
        for row in draws(2 * size, purpose=purpose)
        for part in np.split(row, 2)
    ]
    corr = np.corrcoef(streams) - np.eye(len(streams))
    assert abs(corr).max() < 5 / np.sqrt(5 * size)


def test_precision_follows_the_row():
    for dtype in (np.float32, np.float64):
        model = Recorder(w=np.eye(5)[0]).fit(*blobs(d=5))
        count(model, X.astype(dtype), 100)
        assert {batch.dtype for batch in model.batches_} == {np.dtype(dtype)}
    # noise of a float64 row fills its mantissa: float32 noise would leak the row
    noise = draws(1000, rows=np.zeros((1, 5)))
    assert np.mean(noise == noise.astype(np.float32)) < 1e-3


def test_rows_share_a_batch_when_n_is_small():
    model = Recorder(w=np.eye(5)[0]).fit(*blobs(d=5))
    rows, _ = blobs(100, d=5)
    count(model, rows, 100)
    assert len(model.batches_) <= 3  # 10,000 draws; one call a row would be 100


def test_batches_are_bounded():
    model = Recorder(w=np.eye(5)[0]).fit(*blobs(d=5))
    count(model, X, 5000, batch_size=700)
    lengths = [len(batch) for batch in model.batches_]
    assert max(lengths) == 700
    assert lengths.count(700) == len(lengths) - 1


def test_report_adds_up():
    model = LogisticRegression().fit(*blobs(k=3, d=5))
    for n_jobs in (1, 2):
        told = []
        with joblib.parallel_config(backend="threading"):
            count(model, X, N, report=told.append, n_jobs=n_jobs)
        assert sum(told) == 12 * N


class Sometimes(Backend):
    """Cannot answer where the first coordinate is above a limit."""

    n_classes = 2

    def batch_rows(self, row_values):
        return 1000

    def classify(self, batch):
        return np.where(batch[:, 0] > 3.0, 2, 0)


def test_a_vote_that_is_none_is_not_a_vote():
    with pytest.raises(ValueError, match=r"NaN or infinite for \d+ of 500 noisy copies of row 1"):
        count_votes(
            Sometimes(),
            np.array([[-50.0], [3.0]]),
            500,
            noise=FloatGaussian(1.0),
            seed=SEED,
            purpose=Purpose.ESTIMATE,
        )


def test_small_work_is_not_sent_to_workers(monkeypatch):
    """Not to processes: what a batch or two decide would cost more to hand out than to make."""
    model = LogisticRegression().fit(*blobs(k=3, d=5))
    sent = []
    hand_out = sampling.hand_out
    monkeypatch.setattr(sampling, "hand_out", lambda *a, **k: sent.append(k) or hand_out(*a, **k))
    monkeypatch.setattr(sampling, "_DRAWS_PER_TASK", 10_000)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        few = count(model, X[:2], 9_999)
        assert not sent
        many = count(model, X[:2], 10_000)
        assert len(sent) == 1
    assert np.all(many - few >= 0)
