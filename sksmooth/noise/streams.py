"""Keyed random streams: the noise of a row is a function of the seed and the row, of nothing else.

A stream is named by (seed, content of the row, noise, purpose, block). The first three give a
128-bit key; block and purpose number the streams under that key. No state is carried from one row
to the next, so no batch size, order, subset or number of workers can change what a row receives,
and different rows, blocks and purposes never overlap.

A stream has two halves. Users take a fixed number of words for each value from the first, so that
it can be told beforehand where a value finds its bits; those few values that need more take it from
the second, in their order.

This module knows nothing of noise families, models or labels.
"""

import enum
import hashlib
import itertools
import secrets
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from . import fast

__all__ = [
    "GENERATORS",
    "Philox",
    "Purpose",
    "Shake128",
    "Streams",
    "block_rows",
    "new_seed",
    "repeated_seed",
    "repeats",
    "row_key",
]

SEED_BYTES = 16
_SECOND = np.uint64(1 << 63)
_PART = 8  # bits of a purpose; above them is the number of a stream's part


class Purpose(enum.IntEnum):
    """What a draw is for; draws of different purposes are independent."""

    TRAIN = 0
    PREDICT = 1
    SELECT = 2  # the n0 draws of CERTIFY, which choose the class
    ESTIMATE = 3  # its n draws, which bound the probability of that class
    CALIBRATE = 4  # around rows with known answers, to which prediction sets are adjusted


def new_seed(random_state: np.random.RandomState | None) -> bytes:
    """Return 128 bits: from the operating system, or reproducible from a `random_state`."""
    return (
        secrets.token_bytes(SEED_BYTES) if random_state is None else random_state.bytes(SEED_BYTES)
    )


def row_key(seed: bytes, row: NDArray[np.floating], noise: str = "") -> NDArray[np.uint64]:
    """Key of a row's streams: a hash of its values, shape and precision, keyed by the seed.

    Equal rows give equal keys whatever their memory order, and -0.0 counts as 0.0: rows of one
    precision that compare equal are the same point and must get the same certificate. `noise` is
    hashed as well: what is drawn around a row with one sigma says nothing about another.
    """
    values = np.ascontiguousarray(row, dtype="<f8") + 0.0
    values[np.isnan(values)] = np.nan  # missing is missing, whatever the bits
    name = f"{row.shape} {row.dtype.name} {noise}".encode()
    digest = hashlib.blake2b(name, digest_size=16, key=seed, person=b"sksmooth")
    digest.update(values.astype("<f8", copy=False).tobytes())
    return np.frombuffer(digest.digest(), dtype="<u8").astype(np.uint64)


def repeats(keys: NDArray[np.uint64], *ties: NDArray[Any]) -> NDArray[np.intp]:
    """Return how many rows before each one are equal to it: 0 for the first of them.

    Equal rows are counted in the order of `ties`, so that the order of rows does not matter as far
    as these tell them apart.

    Parameters
    ----------
    keys : ndarray of shape (n_samples, 2), uint64
        As of `row_key`.
    *ties : ndarray of shape (n_samples,)
        Of kinds that can be sorted, the first one first.

    Returns
    -------
    number : ndarray of shape (n_samples,), int

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.noise.streams import repeats
    >>> keys = np.array([[7, 7], [8, 8], [7, 7]], dtype=np.uint64)
    >>> repeats(keys), repeats(keys, np.array([1, 0, 0]))
    (array([0, 0, 1]), array([1, 0, 0]))
    """
    order = np.lexsort((*reversed(ties), keys[:, 1], keys[:, 0]))
    starts = np.any(np.diff(keys[order], axis=0, prepend=~keys[order[:1]]) != 0, axis=1)
    place = np.arange(len(order))
    number = np.empty(len(order), dtype=np.intp)
    number[order] = place - np.maximum.accumulate(np.where(starts, place, 0))
    return number


def repeated_seed(seed: bytes, number: int) -> bytes:
    """Return the seed for rows that are equal to `number` others before, where these differ."""
    if not number:
        return seed
    name = int(number).to_bytes(8, "little")
    return hashlib.blake2b(name, digest_size=len(seed), key=seed, person=b"repeated").digest()


def block_rows(n_values: int) -> int:
    """Draws in a block, for a row of `n_values` values.

    A function of the row's size only, so that blocks never depend on how work is split. About 2**16
    values a block: there the cost of moving to the next stream is below 2 %.
    """
    target = 1 << (-(-(2**16) // n_values) - 1).bit_length()  # logarithms may round
    return min(max(target, 16), 4096)


class Streams(Protocol):
    """One generator, moved from stream to stream.

    Attributes
    ----------
    loops : module or None
        Compiled loops that samplers may use for what they make of the words.
    """

    loops: Any

    def at(self, key: NDArray[np.uint64], block: int, purpose: int) -> "Streams":
        """Move to the start of the named stream, and return the generator."""

    def words(self, n: int) -> NDArray[np.uint64]:
        """Return the next n words of the stream's first half."""

    def more(self, n: int) -> NDArray[np.uint64]:
        """Return the next n words of its second half."""

    def part(self, number: int) -> "Streams":
        """Return a generator at the start of the stream's part of a number from 1 to 2**24.

        Parts are streams of their own. So each of several noises finds its bits whatever the others
        take.
        """


class Philox:
    """Streams of Philox4x64-10, a counter-based generator [1]_.

    The counter starts at (0, 0, block, purpose); that of the second half has the top bit of the
    last word set. Moving a generator costs about a microsecond, making a new one five times that.
    No way to tell Philox from random bits is known, but it was not designed as a cipher.

    References
    ----------
    .. [1] J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw (2011). "Parallel random numbers:
       as easy as 1, 2, 3". SC '11.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.noise.streams import Philox, Purpose, row_key
    >>> key = row_key(b"0123456789abcdef", np.array([1.0, 2.0]))
    >>> streams = Philox()
    >>> first = streams.at(key, block=0, purpose=Purpose.PREDICT).words(3)
    >>> other = streams.at(key, block=1, purpose=Purpose.PREDICT).words(3)
    >>> again = streams.at(key, block=0, purpose=Purpose.PREDICT).words(3)
    >>> bool((first == again).all()), bool((first == other).any())
    (True, False)
    """

    def __init__(self) -> None:
        self._generators = np.random.Philox(0), np.random.Philox(0)
        self._normals = np.random.Generator(self._generators[0])
        self._state = self._generators[0].state
        self._key = np.zeros(2, np.uint64)
        self._counters = np.zeros((2, 4), np.uint64)  # with which the halves begin
        self._taken, self._moved = [0, 0], [True, True]  # it is nowhere yet
        self._parts: dict[int, Philox] = {}
        self.loops: Any = None

    def at(self, key: NDArray[np.uint64], block: int, purpose: int) -> "Philox":
        """Move to the start of the named stream, and return the generator."""
        self._key[:] = key
        self._counters[:] = 0, 0, block, purpose
        self._counters[1, 3] |= _SECOND
        self._taken, self._moved = [0, 0], [False, False]
        self.loops = fast.loops()
        return self

    def words(self, n: int) -> NDArray[np.uint64]:
        """Return the next n words of the stream's first half."""
        fast.note_words(n)
        return self._next(0, n)

    def more(self, n: int) -> NDArray[np.uint64]:
        """Return the next n words of its second half."""
        return self._next(1, n)

    def part(self, number: int) -> "Philox":
        """Return a generator at the start of the stream's part of that number."""
        if number not in self._parts:
            self._parts[number] = Philox()
        block, purpose = self._counters[0, 2:].tolist()
        return self._parts[number].at(self._key, block, purpose | number << _PART)

    def standard_normal(self, out: NDArray[np.floating]) -> None:
        """Fill an array with floating-point normals by numpy, which may change between versions."""
        self._generator(0)
        self._normals.standard_normal(out=out, dtype=out.dtype.type)

    def _next(self, half: int, n: int) -> NDArray[np.uint64]:
        if self.loops is None or self._moved[half]:
            return self._generator(half).random_raw(n)
        block, left_out = divmod(self._taken[half], 4)
        self._taken[half] += n
        out = np.empty((left_out + n + 3) // 4 * 4, np.uint64)
        self.loops.philox(self._key, self._counters[half], block, out)
        return out[left_out : left_out + n]

    def _generator(self, half: int) -> np.random.Philox:
        """Return numpy's generator, moved behind the words that compiled loops have drawn."""
        generator = self._generators[half]
        if not self._moved[half]:
            # the rest of the state says that nothing is left over from earlier draws
            self._state["state"] = {"key": self._key, "counter": self._counters[half]}
            generator.state = self._state
            generator.random_raw(self._taken[half], output=False)
            self._moved[half] = True
        return generator


class Shake128:
    """Streams of SHAKE128, a cryptographic extendable-output function [1]_.

    For a base classifier made by someone who might have found a weakness of Philox. Slower, and the
    interpreter's lock is held meanwhile, so that threads do not help.

    References
    ----------
    .. [1] NIST (2015). "SHA-3 standard: permutation-based hash and extendable-output functions".
       FIPS 202.
    """

    _PAGE = 1024

    def __init__(self) -> None:
        self._halves: list[Iterator[NDArray[np.uint64]]] = []
        self._left: list[NDArray[np.uint64]] = []
        self._name: tuple[Any, int, int] = np.zeros(2, np.uint64), 0, 0
        self.loops: Any = None

    def at(self, key: NDArray[np.uint64], block: int, purpose: int) -> "Shake128":
        """Move to the start of the named stream, and return the generator."""
        self.loops = fast.loops()
        self._name = key, block, int(purpose)
        name = [*key.tolist(), block, int(purpose)]
        self._halves = [self._pages([*name, half]) for half in (0, 1)]
        self._left = [np.empty(0, np.uint64)] * 2
        return self

    def words(self, n: int) -> NDArray[np.uint64]:
        """Return the next n words of the stream's first half."""
        return self._next(0, n)

    def more(self, n: int) -> NDArray[np.uint64]:
        """Return the next n words of its second half."""
        return self._next(1, n)

    def part(self, number: int) -> "Shake128":
        """Return a generator at the start of the stream's part of that number."""
        key, block, purpose = self._name
        return Shake128().at(key, block, purpose | number << _PART)

    def _next(self, half: int, n: int) -> NDArray[np.uint64]:
        parts, length = [self._left[half]], len(self._left[half])
        while length < n:
            parts.append(next(self._halves[half]))
            length += self._PAGE
        words = np.concatenate(parts)
        self._left[half] = words[n:]
        return words[:n]

    def _pages(self, name: list[int]) -> Iterator[NDArray[np.uint64]]:
        # a digest comes as a whole and from its beginning, so a long stream is many of them
        for page in itertools.count():
            message = np.array([*name, page], dtype="<u8").tobytes()
            digest = hashlib.shake_128(b"sksmooth" + message).digest(8 * self._PAGE)
            yield np.frombuffer(digest, dtype="<u8").astype(np.uint64)


GENERATORS: dict[str, Callable[[], Streams]] = {"philox": Philox, "shake128": Shake128}
