import hashlib
import struct

import numpy as np
import pytest

from sksmooth.noise import IntegerGaussian
from sksmooth.noise.streams import (
    GENERATORS,
    Philox,
    Purpose,
    Shake128,
    block_rows,
    new_seed,
    repeated_seed,
    row_key,
)

SEED = bytes(range(16))
KEY = np.array([0x0123456789ABCDEF, 0xFEDCBA9876543210], dtype=np.uint64)


@pytest.fixture(params=GENERATORS)
def streams(request):
    return GENERATORS[request.param]()


def hexadecimal(words):
    return [f"{word:016x}" for word in words.tolist()]


class TestKnownAnswers:
    def test_philox_is_philox(self):
        """Known answers of Random123 (kat_vectors, philox4x64, 10 rounds)."""
        philox = np.random.Philox(key=np.zeros(2, np.uint64), counter=np.zeros(4, np.uint64) - 1)
        assert hexadecimal(philox.random_raw(4)) == [
            "16554d9eca36314c",
            "db20fe9d672d0fdc",
            "d7e772cee186176b",
            "7e68b68aec7ba23b",
        ]

    @pytest.mark.parametrize("block", [0, 1, 2**40])
    @pytest.mark.parametrize("purpose", Purpose)
    def test_philox_counts_from_block_and_purpose(self, block, purpose):
        """The second half has the top bit of the last word set."""
        ours = Philox().at(KEY, block, purpose)
        for draw, last in ((ours.words, int(purpose)), (ours.more, int(purpose) + 2**63)):
            counter = np.array([0, 0, block, last], dtype=np.uint64)
            theirs = np.random.Philox(key=KEY, counter=counter)
            assert np.array_equal(draw(1001), theirs.random_raw(1001))

    @pytest.mark.parametrize("block", [0, 1, 2**40])
    @pytest.mark.parametrize("purpose", Purpose)
    def test_shake_hashes_a_name(self, block, purpose):
        """Pages of 1024 words: SHAKE128 of "sksmooth", key, block, purpose, half and page."""
        ours = Shake128().at(KEY, block, purpose)
        for half, draw in enumerate((ours.words, ours.more)):
            pages = [
                hashlib.shake_128(
                    b"sksmooth" + struct.pack("<6Q", *KEY.tolist(), block, purpose, half, page)
                ).digest(8192)
                for page in range(3)
            ]
            assert draw(2500).tolist() == list(struct.unpack("<3072Q", b"".join(pages)))[:2500]

    def test_shake_is_the_standards(self):
        """The empty message's first bytes, from NIST's examples with intermediate values."""
        assert hashlib.shake_128(b"").hexdigest(16) == "7f9c2ba4e88f827d616045507605853e"

    def test_keys_are_hashes_of_a_name_and_the_values(self):
        row = np.array([[1.0, -2.5, 0.0]])
        digest = hashlib.blake2b(digest_size=16, key=SEED, person=b"sksmooth")
        digest.update(b"(1, 3) float64 some noise" + struct.pack("<3d", *row[0]))
        assert row_key(SEED, row, "some noise").tolist() == list(
            struct.unpack("<2Q", digest.digest())
        )

    def test_the_whole_scheme(self):
        """A change of these words changes every certificate."""
        key = row_key(SEED, np.array([1.0, -2.5, 0.0]))
        assert hexadecimal(key) == ["167779556bf8afbf", "0a1be4f2e77d1c05"]
        words = {}
        for name, make in GENERATORS.items():
            stream = make().at(key, block=3, purpose=Purpose.ESTIMATE)
            words[name] = hexadecimal(stream.words(1)) + hexadecimal(stream.more(1))
        assert words == {
            "philox": ["d54710533e74a5a6", "8eb97c983ac71b73"],
            "shake128": ["39ef2376da6bef71", "c645799f14cf3957"],
        }


# four draws each
IMAGE = [-5, 99, -44, 286, -72, -2, 77, 384, -62, 33, 113, 357, 74, -50, -27, 267]
IMAGE_BY_SHAKE = [-27, -13, 125, 267, -61, 47, 163, 262, 28, 16, 126, 396, 12, -27, 105, 222]
BYTES = [-62, -26, 222, 235, 9, 15, 77, 241, -14, 60, 75, 355, 76, -1, 238, 346]
BETWEEN = [33, -141, 178, 251, 49, -48, 151, 263, 22, -34, 227, 263, 80, -31, 172, 232]
# two draws each
FINE = [
    *("0x1.20f5b40000000p-1", "-0x1.6bbb730000000p+1", "0x1.e847fa4a56b33p+19"),
    *("-0x1.11859ccccccccp-2", "-0x1.07475fccccccdp+1", "0x1.e847fdcc2c666p+19"),
]
FINE_SINGLE = [
    *("0x1.35a4b80000000p-1", "-0x1.95048e0000000p+1", "0x1.e847fa0000000p+19"),
    *("-0x1.13d5600000000p-4", "-0x1.092a680000000p+2", "0x1.e848080000000p+19"),
]


def noisy(row, n=4, stream="philox", **options):
    """Draws around a row, as `SmoothedClassifier` makes them."""
    row = np.asarray(row)
    noise = IntegerGaussian(n_values=row.size, **options)
    out = np.empty((n, *row.shape), dtype=row.dtype)
    key = row_key(SEED, row, noise.name)
    noise.around(row)(GENERATORS[stream]().at(key, 5, Purpose.ESTIMATE), out)
    return out.ravel().tolist()


class TestKnownNoise:
    """Keys, words, tables, sums and quotients together, to the last bit, on every platform."""

    def test_images(self):
        row = np.array([0, 1, 100, 255], dtype=np.float32) / np.float32(255)
        exactly = np.float32(IMAGE) / np.float32(255)
        assert noisy(row, sigma=0.25, levels=255) == exactly.tolist()
        exactly = np.float32(IMAGE_BY_SHAKE) / np.float32(255)
        assert noisy(row, sigma=0.25, levels=255, stream="shake128") == exactly.tolist()

    def test_bytes(self):
        assert noisy([0.0, 1.0, 100.0, 255.0], sigma=60.0, levels=1) == BYTES

    def test_between_levels(self):
        drawn = noisy([0.1, -0.3, 0.7001, 1.0], sigma=0.12, levels=255)
        assert drawn == [k / 255 for k in BETWEEN]

    def test_fine(self):
        row = [0.1, -3.0, 1e6]
        assert [value.hex() for value in noisy(row, n=2, sigma=0.7)] == FINE
        single = noisy(np.float32(row), n=2, sigma=0.7)
        assert [value.hex() for value in single] == FINE_SINGLE

    @pytest.mark.parametrize(
        ("options", "digest"),
        [
            ({"sigma": 1.0, "levels": 255}, "0bd2c6bb2dfddc6f"),
            ({"sigma": 0.25}, "373ab6c3ff409320"),
        ],
    )
    def test_many(self, options, digest):
        """Enough for the rare ways through the samplers: a digest of 400,000 values."""
        found = hashlib.blake2b(digest_size=8)
        for row in (np.zeros(2), np.array([0.123, 4.56])):
            values = np.array(noisy(row, n=100_000, **options))
            found.update(values.astype("<f8").tobytes())
        assert found.hexdigest() == digest


class TestStreams:
    def test_a_stream_in_parts_is_the_stream(self, streams):
        """Leftovers are kept, and the halves do not get in each other's way."""
        words, more = streams.at(KEY, 0, Purpose.PREDICT).words(5000), streams.more(5000)
        streams.at(KEY, 0, Purpose.PREDICT)
        parts = [(streams.more(n), streams.words(n + 1)) for n in (1, 2, 3, 7, 1024, 1, 0, 2000)]
        for whole, part in ((more, 0), (words, 1)):
            joined = np.concatenate([pair[part] for pair in parts])
            assert np.array_equal(joined, whole[: len(joined)])

    def test_leftovers_do_not_reach_the_next_stream(self, streams):
        expected = streams.at(KEY, 1, Purpose.PREDICT).words(5), streams.more(5)
        for n in (1, 2, 3, 1000, 1025):
            streams.at(KEY, 0, Purpose.PREDICT).words(n)
            streams.more(n)
            streams.at(KEY, 1, Purpose.PREDICT)
            assert np.array_equal(streams.words(5), expected[0])
            assert np.array_equal(streams.more(5), expected[1])

    def test_a_second_half_is_not_the_last_streams(self, streams):
        """Also if no word of the first half is taken before it."""
        expected = [streams.at(KEY, b, Purpose.SELECT).more(3) for b in range(3)]
        for b, words in enumerate(expected):
            streams.at(KEY, b, Purpose.SELECT).words(7)
            assert np.array_equal(streams.more(3), words)

    def test_streams_do_not_overlap_and_can_be_revisited(self, streams):
        key, other_key = (row_key(SEED, np.array([v])) for v in (1.0, 2.0))
        names = [(k, b, p) for k in (key, other_key) for b in (0, 1, 4095) for p in Purpose]
        draws = [
            np.concatenate([streams.at(*name).words(100), streams.more(100)]) for name in names
        ]
        assert len(np.unique(np.array(draws))) == 200 * len(names)
        for name, values in zip(names[::-1], draws[::-1], strict=True):
            assert np.array_equal(streams.at(*name).words(100), values[:100])
            assert np.array_equal(streams.more(100), values[100:])

    def test_streams_are_uncorrelated(self, streams):
        draws = []
        for i in range(10):
            for name in ((b, p) for b in (0, 1) for p in Purpose):
                streams.at(row_key(SEED, np.array([float(i)])), *name)
                draws += [streams.words(2000), streams.more(2000)]
        corr = np.corrcoef(np.array(draws) / 2.0**64) - np.eye(len(draws))
        # largest of 12,720 correlations of independent streams: sqrt(2 ln(12720) / 2000) = 0.097
        assert abs(corr).max() < 0.12

    def test_every_bit_is_fair(self, streams):
        bits = np.unpackbits(streams.at(KEY, 0, Purpose.TRAIN).words(20_000).view(np.uint8))
        share = bits.reshape(20_000, 64).mean(axis=0)
        assert abs(share - 0.5).max() < 4.5 * 0.5 / np.sqrt(20_000)

    def test_generators_do_not_share_their_state(self):
        """As workers in threads have one each."""
        one, other = Philox(), Philox()
        expected = one.at(KEY, 0, Purpose.PREDICT).words(10)
        one.at(KEY, 0, Purpose.PREDICT)
        other.at(KEY, 7, Purpose.TRAIN).words(3)
        assert np.array_equal(one.words(10), expected)


class TestFloats:
    def test_half_words_do_not_reach_the_next_stream(self):
        """float32 draws take half a word and keep the other half."""
        streams, five, three = Philox(), np.empty(5, np.float32), np.empty(3, np.float32)
        streams.at(KEY, 0, Purpose.PREDICT).standard_normal(five)
        expected = five.copy()
        streams.at(KEY, 1, Purpose.PREDICT).standard_normal(three)
        streams.at(KEY, 0, Purpose.PREDICT).standard_normal(five)
        assert np.array_equal(five, expected)

    def test_they_are_numpys(self):
        counter = np.array([0, 0, 9, Purpose.SELECT], dtype=np.uint64)
        expected = np.random.Generator(np.random.Philox(key=KEY, counter=counter))
        for dtype in (np.float32, np.float64):
            out = np.empty((3, 5), dtype=dtype)
            Philox().at(KEY, 9, Purpose.SELECT).standard_normal(out)
            expected.bit_generator.state = np.random.Philox(key=KEY, counter=counter).state
            assert np.array_equal(out, expected.standard_normal((3, 5), dtype=dtype))


class TestKeys:
    def test_equal_points_have_equal_keys(self):
        row = np.array([[1.5, 0.0], [3.0, -4.0]])
        key = row_key(SEED, row).tolist()
        negative_zero = row.copy()
        negative_zero[0, 1] = -0.0
        same = [np.asfortranarray(row), row.astype(">f8"), negative_zero]
        same += [np.stack([row, row], axis=-1)[..., 0]]
        for other in same:
            assert row_key(SEED, other).tolist() == key

    def test_different_points_have_different_keys(self):
        row = np.array([1.5, 0.0, 3.0, -4.0])
        others = [row + 1e-15, row[::-1], row.reshape(2, 2), np.append(row, 0.0)]
        others += [row.astype(np.float32)]  # what is added to it is rounded otherwise
        keys = {tuple(row_key(SEED, r)) for r in [row, *others]}
        keys |= {tuple(row_key(SEED[::-1], row)), tuple(row_key(SEED, row, "sigma 1"))}
        keys |= {tuple(row_key(SEED, row, "sigma 2"))}
        assert len(keys) == 9

    def test_negative_zero_counts_as_zero_in_single_precision_too(self):
        one, other = np.float32([0.0, 1.0]), np.float32([-0.0, 1.0])
        assert np.array_equal(row_key(SEED, one), row_key(SEED, other))


def test_blocks_depend_on_the_size_of_a_row_only():
    """The fewest draws, as a power of two from 16 to 4096, that have 2**16 values or more."""
    for d in (*range(1, 5000), 2**16, 150_528, 10**7):
        size = block_rows(d)
        assert size in {2**i for i in range(4, 13)}
        assert size * d >= 2**16 or size == 4096
        assert size // 2 * d < 2**16 or size == 16


def test_seeds():
    assert new_seed(None) != new_seed(None)
    assert len(new_seed(None)) == 16
    assert new_seed(np.random.RandomState(3)) == new_seed(np.random.RandomState(3))


def test_seeds_of_repeated_rows():
    """The first row keeps its seed; those of others depend on it and on their numbers."""
    one, other = bytes(16), bytes(range(16))
    assert repeated_seed(other, 0) == other
    found = [repeated_seed(seed, number) for seed in (one, other) for number in range(300)]
    assert len(set(found)) == 600
    assert {len(seed) for seed in found} == {16}
