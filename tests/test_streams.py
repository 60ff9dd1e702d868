import numpy as np
import pytest

from sksmooth.streams import Purpose, Streams, block_rows, new_seed, row_key

SEED = bytes(range(16))


def test_philox_is_philox():
    """Known answers of Random123 (kat_vectors, philox4x64, 10 rounds)."""
    philox = np.random.Philox(key=np.zeros(2, np.uint64), counter=np.zeros(4, np.uint64) - 1)
    assert [f"{v:016x}" for v in philox.random_raw(4).tolist()] == [
        "16554d9eca36314c",
        "db20fe9d672d0fdc",
        "d7e772cee186176b",
        "7e68b68aec7ba23b",
    ]


def test_known_answers():
    """The scheme itself is pinned: a change of these values changes every certificate."""
    key = row_key(SEED, np.array([1.0, -2.5, 0.0]))
    assert [f"{v:016x}" for v in key.tolist()] == KEY
    raw = Streams().at(key, block=3, purpose=Purpose.ESTIMATE).bit_generator.random_raw(2)
    assert [f"{v:016x}" for v in raw.tolist()] == RAW


KEY = ["64df79289410eb0e", "04808ab98ee86b93"]
RAW = ["0d78a50e6e850b00", "341312530edfe08d"]


def test_equal_points_have_equal_keys():
    row = np.array([[1.5, 0.0], [3.0, -4.0]])
    key = row_key(SEED, row).tolist()
    negative_zero = row.copy()
    negative_zero[0, 1] = -0.0
    same = [row.astype(np.float32), np.asfortranarray(row), row.astype(">f8"), negative_zero]
    same += [np.stack([row, row], axis=-1)[..., 0]]
    for other in same:
        assert row_key(SEED, other).tolist() == key


def test_different_points_have_different_keys():
    row = np.array([1.5, 0.0, 3.0, -4.0])
    others = [row + 1e-15, row[::-1], row.reshape(2, 2), np.append(row, 0.0)]
    keys = {tuple(row_key(SEED, r)) for r in [row, *others]} | {tuple(row_key(SEED[::-1], row))}
    assert len(keys) == 6


def test_streams_do_not_overlap_and_can_be_revisited():
    key, other_key = (row_key(SEED, np.array([v])) for v in (1.0, 2.0))
    streams = Streams()
    names = [(k, b, p) for k in (key, other_key) for b in (0, 1, 4095) for p in Purpose]
    draws = [streams.at(*name).standard_normal(100) for name in names]
    assert len(np.unique(np.array(draws))) == 100 * len(names)
    for name, values in zip(names[::-1], draws[::-1], strict=True):
        assert np.array_equal(streams.at(*name).standard_normal(100), values)


def test_leftovers_of_a_stream_do_not_reach_the_next():
    """float32 draws take half a word and keep the other half."""
    key = row_key(SEED, np.array([1.0]))
    streams = Streams()
    expected = streams.at(key, 0, Purpose.PREDICT).standard_normal(5, dtype=np.float32)
    streams.at(key, 1, Purpose.PREDICT).standard_normal(3, dtype=np.float32)
    assert np.array_equal(
        streams.at(key, 0, Purpose.PREDICT).standard_normal(5, dtype=np.float32), expected
    )


def test_streams_are_uncorrelated():
    streams = Streams()
    draws = np.array(
        [
            streams.at(row_key(SEED, np.array([float(i)])), b, p).standard_normal(2000)
            for i in range(20)
            for b in (0, 1)
            for p in Purpose
        ]
    )
    corr = np.corrcoef(draws) - np.eye(len(draws))
    # largest of 12,720 correlations of independent streams: sqrt(2 ln(12720) / 2000) = 0.097
    assert abs(corr).max() < 0.12


@pytest.mark.parametrize("d", [1, 3, 30, 64, 784, 3072, 150_528, 10**7])
def test_blocks_depend_on_the_size_of_a_row_only(d):
    size = block_rows(d)
    assert 16 <= size <= 4096
    assert size & (size - 1) == 0
    assert size * d >= 2**16 or size == 4096


def test_seeds():
    assert new_seed(None) != new_seed(None)
    assert len(new_seed(None)) == 16
    assert new_seed(np.random.RandomState(3)) == new_seed(np.random.RandomState(3))
