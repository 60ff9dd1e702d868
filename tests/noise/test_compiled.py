"""Compiled loops draw the bits that numpy draws, and are loaded only where they pay."""

import importlib.util
import subprocess
import sys
import warnings

import numpy as np
import pytest

from sksmooth.noise import (
    IntegerGaussian,
    IntegerPerFeature,
    LaplaceNoise,
    UniformNoise,
    fast,
)
from sksmooth.noise.streams import GENERATORS, Philox, Purpose

pytest.importorskip("numba")
loops = pytest.importorskip("sksmooth.noise.compiled")

MAKE = {
    "normal": lambda rng, d: IntegerGaussian(10.0 ** rng.uniform(-3, 3), d),
    "normal, off the levels": lambda rng, d: IntegerGaussian(rng.uniform(0.1, 1), d, levels=255),
    "normal per feature": lambda rng, d: IntegerPerFeature(
        10.0 ** rng.uniform(-3, 3, d) * (np.arange(d) % 3 < 2)
    ),
    "laplace": lambda rng, d: LaplaceNoise(10.0 ** rng.uniform(-3, 3), d),
    "laplace, 64 bits": lambda rng, d: LaplaceNoise(10.0 ** rng.uniform(-3, 3), 4097),
    "uniform": lambda rng, d: UniformNoise(10.0 ** rng.uniform(-3, 3), d),
}


def drawn(noise, row, n, name, with_loops, key, block, parts=1):
    """Return `parts` blocks of n noisy copies, all from one stream."""
    stream = GENERATORS[name]().at(key, block, Purpose.ESTIMATE)
    stream.loops = loops if with_loops else None
    perturb, outs = noise.around(row), []
    for _ in range(parts):
        out = np.empty((n, *row.shape), row.dtype)
        perturb(stream, out)
        outs.append(out)
    return outs


@pytest.mark.parametrize("stream", ["philox", "shake128"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", MAKE)
def test_the_same_bits(name, dtype, stream):
    rng = np.random.default_rng(0)
    for _ in range(4):
        noise = MAKE[name](rng, int(rng.integers(1, 40)))
        d = len(noise.sigma) if "feature" in name else noise.n_values
        deviations = noise.deviations((d,))
        scale = rng.choice([0.1, 10.0, 2.0**12])  # the last takes integers of 64 bits
        row = (scale * np.maximum(deviations, 1e-3) * rng.normal(size=d)).astype(dtype)
        key = rng.integers(2**64, size=2, dtype=np.uint64)
        block = int(rng.integers(2**50))
        n = int(rng.choice([1, 7, -(-100_000 // d)]))
        args = noise, row, n, stream
        found = drawn(*args, True, key, block, parts=2)
        expected = drawn(*args, False, key, block, parts=2)
        for one, other in zip(found, expected, strict=True):
            assert one.tobytes() == other.tobytes()


def test_every_candidate_is_accepted_as_by_numpy():
    """Also where the comparison is close: random words with the extreme chances among them."""
    rng = np.random.default_rng(1)
    for noise in (IntegerGaussian(1.0, 1), LaplaceNoise(1.0, 1), LaplaceNoise(1.0, 5000)):
        sampler = noise._fine
        words = rng.integers(2**64, size=(200_000, 3), dtype=np.uint64)
        words[:1000, 2] = np.arange(1000) << 11
        words[1000:2000, 2] = 2**64 - 1 - np.arange(1000, dtype=np.uint64)
        found, expected = sampler._accepted(words, loops), sampler._candidates(words)
        assert np.array_equal(found, expected)
        assert 0.4 * len(words) < len(found) < 0.8 * len(words)


@pytest.mark.parametrize("sizes", [(1, 2, 3, 4, 5, 6), (4, 4), (0, 9), (1001, 3)])
def test_words_go_on_where_they_were(sizes):
    def words(with_loops):
        stream = Philox().at(np.array([1, 2], np.uint64), 5, Purpose.SELECT)
        stream.loops = loops if with_loops else None
        found = [part for n in sizes for part in (stream.words(n), stream.more(2 * n))]
        normals = np.empty(3)
        stream.standard_normal(normals)
        return [*found, normals, stream.words(2), stream.more(2)]

    for one, other in zip(words(True), words(False), strict=True):
        assert np.array_equal(one, other)


def test_philox_has_the_published_answers():
    """Known answers of Random123, the reference: key and counter of ones, and of digits of pi."""
    ones = 2**64 - 1
    for key, counter, expected in (
        (
            [ones] * 2,
            [ones] * 4,
            "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0",
        ),
        (
            [0x452821E638D01377, 0xBE5466CF34E90C6C],
            [0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89],
            "a528f45403e61d95 38c72dbd566e9788 a5a1610e72fd18b5 57bd43b5e52b7fe6",
        ),
    ):
        out = np.empty(4, np.uint64)
        before = (counter[0] - 1) % 2**64  # the first block has the counter plus 1
        loops.philox(np.array(key, np.uint64), np.array([before, *counter[1:]], np.uint64), 0, out)
        assert out.tolist() == [int(word, 16) for word in expected.split()]


class TestLoading:
    @pytest.fixture(autouse=True)
    def unloaded(self, monkeypatch):
        for name, value in (("loops", None), ("tried", False), ("words", 0)):
            monkeypatch.setattr(fast._State, name, value)

    def test_once_enough_words_were_drawn(self, monkeypatch):
        monkeypatch.setattr(fast, "_PATIENCE", 100)
        stream = Philox().at(np.zeros(2, np.uint64), 0, Purpose.TRAIN)
        first = stream.words(99)
        assert fast.loops() is None
        assert np.array_equal(np.append(first, stream.words(1)), self.plain(100))
        assert fast.loops() is loops
        assert stream.loops is None  # until it is moved
        stream.at(np.zeros(2, np.uint64), 0, Purpose.TRAIN)
        assert np.array_equal(stream.words(100), self.plain(100))

    @staticmethod
    def plain(n):
        generator = np.random.Philox(counter=[0, 0, 0, 0], key=[0, 0])
        return generator.random_raw(n)

    @pytest.mark.parametrize("reason", ["not installed", "not wanted"])
    def test_not_without_numba(self, reason, monkeypatch):
        monkeypatch.setattr(fast, "_PATIENCE", 0)
        if reason == "not wanted":
            monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
        else:
            monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        Philox().words(1)
        assert fast._State.tried
        assert fast.loops() is None

    def test_loops_that_draw_other_bits(self, monkeypatch):
        monkeypatch.setattr(fast, "_PATIENCE", 0)

        def wrong(key, counter, start, out):
            out[:] = 7

        monkeypatch.setattr(loops, "philox", wrong)
        with pytest.warns(UserWarning, match="cannot be used.*drawn by numpy"):
            Philox().words(1)
        assert fast.loops() is None

    def test_a_numba_that_does_not_fit(self, monkeypatch):
        monkeypatch.setattr(fast, "_PATIENCE", 0)

        def fails(name):
            raise ImportError("needs another numpy")

        monkeypatch.setattr(fast.importlib, "import_module", fails)
        with pytest.warns(UserWarning, match="ImportError: needs another numpy"):
            Philox().words(1)

    def test_few_draws_import_nothing(self):
        code = (
            "import sys, numpy as np; from sklearn.neighbors import KNeighborsClassifier as K;"
            "from sksmooth import SmoothedClassifier as S; X = np.eye(9); y = np.arange(9) % 2;"
            "S(K(1), n=1000, random_state=0).fit(X, y).certify(X); print('numba' in sys.modules)"
        )
        with warnings.catch_warnings():
            done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True)
        assert done.stdout.split() == [b"False"], done.stderr


def test_no_lock_is_held():
    for loop in (loops.philox, loops.sum_cells, loops.accepted):
        assert loop.targetoptions["nogil"]
        assert not loop.targetoptions["fastmath"]
