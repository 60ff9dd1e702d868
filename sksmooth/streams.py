"""Keyed random streams: the noise of a row is a function of the seed and the row, of nothing else.

A stream is named by (seed, content of the row, purpose, block). The seed and the row give the
128-bit key of a Philox counter-based generator [1]_; block and purpose give the upper half of its
counter. No state is carried from one row to the next, so no batch size, order, subset or number of
workers can change what a row receives, and different rows, blocks and purposes never overlap.

This module knows nothing of noise families, models or labels.

References
----------
.. [1] J. K. Salmon, M. A. Moraes, R. O. Dror and D. E. Shaw (2011). "Parallel random numbers: as
   easy as 1, 2, 3". SC '11.
"""

import enum
import hashlib
import secrets

import numpy as np
from numpy.typing import NDArray

__all__ = ["Purpose", "Streams", "block_rows", "new_seed", "row_key"]

SEED_BYTES = 16


class Purpose(enum.IntEnum):
    """What a draw is for; draws of different purposes are independent."""

    TRAIN = 0
    PREDICT = 1
    SELECT = 2  # the n0 draws of CERTIFY, which choose the class
    ESTIMATE = 3  # its n draws, which bound the probability of that class


def new_seed(random_state: np.random.RandomState | None) -> bytes:
    """Return 128 bits: from the operating system, or reproducible from a `random_state`."""
    return (
        secrets.token_bytes(SEED_BYTES) if random_state is None else random_state.bytes(SEED_BYTES)
    )


def row_key(seed: bytes, row: NDArray[np.floating]) -> NDArray[np.uint64]:
    """Key of a row's streams: a hash of its values and shape, keyed by the seed.

    Equal values give equal keys whatever their memory order, and -0.0 counts as 0.0: rows of one
    precision that compare equal are the same point and must get the same certificate.
    """
    values = np.ascontiguousarray(row, dtype="<f8") + 0.0
    digest = hashlib.blake2b(repr(row.shape).encode(), digest_size=16, key=seed, person=b"sksmooth")
    digest.update(values.astype("<f8", copy=False).tobytes())
    return np.frombuffer(digest.digest(), dtype="<u8").astype(np.uint64)


def block_rows(n_values: int) -> int:
    """Draws in a block, for a row of `n_values` values.

    A function of the row's size only, so that blocks never depend on how work is split. About 2**16
    values a block: there the cost of moving to the next stream is below 2 %.
    """
    target = 1 << max(0, int(np.ceil(np.log2(2**16 / n_values))))
    return int(np.clip(target, 16, 4096))


class Streams:
    """One generator, moved from stream to stream.

    Moving a Philox costs about a microsecond, making a new one five times that.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.streams import Purpose, Streams, row_key
    >>> key = row_key(b"0123456789abcdef", np.array([1.0, 2.0]))
    >>> streams = Streams()
    >>> first = streams.at(key, block=0, purpose=Purpose.PREDICT).random(3)
    >>> other = streams.at(key, block=1, purpose=Purpose.PREDICT).random(3)
    >>> again = streams.at(key, block=0, purpose=Purpose.PREDICT).random(3)
    >>> bool((first == again).all()), bool((first == other).any())
    (True, False)
    """

    def __init__(self) -> None:
        self._philox = np.random.Philox(0)
        self._generator = np.random.Generator(self._philox)
        self._state = self._philox.state

    def at(self, key: NDArray[np.uint64], block: int, purpose: Purpose) -> np.random.Generator:
        """Return the generator, at the start of the named stream.

        It is the same object at each call: draw from it before the next call.
        """
        self._state["state"]["key"] = key
        self._state["state"]["counter"] = np.array([0, 0, block, purpose], dtype=np.uint64)
        # the rest of the state says that nothing is left over from earlier draws
        self._philox.state = self._state
        return self._generator
