"""Noise on some values of a row: those that have a sigma and are not missing."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import Perturb

__all__ = ["Buffer", "around_part", "around_present"]


def around_part(
    row: NDArray[np.floating], noisy: NDArray[np.bool_], perturb: Perturb | None
) -> Perturb:
    """Return what fills noisy copies of a row, in which only some values get noise.

    Parameters
    ----------
    row : ndarray of any shape, float32 or float64
        The row.
    noisy : ndarray of bool, of that shape
        Which values get noise. The others are handed on.
    perturb : callable or None
        Makes noisy copies of those values; None if there are none.

    Returns
    -------
    perturb : callable
        As of `Noise.around`.
    """
    # Rows that compare equal must look equal: a base might read the sign of a zero.
    still = row + row.dtype.type(0.0)
    buffer, n_noisy = Buffer(row.dtype), int(noisy.sum())

    def perturb_part(stream: Any, out: NDArray[np.floating]) -> None:
        out[...] = still
        if perturb is not None:
            part = buffer.of((len(out), n_noisy))
            perturb(stream, part)
            out[:, noisy] = part

    return perturb_part


def around_present(
    row: NDArray[np.floating], around: Callable[[NDArray[np.floating]], Perturb]
) -> Perturb | None:
    """Return noise around the values of a row that are not missing; None if all are there.

    What is missing stays missing, so that a certificate speaks of the values that are there: the
    base is smoothed as a function of those.
    """
    missing = np.isnan(row)
    if not missing.any():
        return None
    there = ~missing
    return around_part(row, there, around(row[there]) if there.any() else None)


class Buffer:
    """Room that is kept: the system takes back large arrays, and it takes long to get others."""

    def __init__(self, dtype: Any) -> None:
        self._flat: NDArray[Any] = np.empty(0, dtype=dtype)

    def of(self, shape: tuple[int, ...]) -> NDArray[Any]:
        """Return an array of the given shape, with no matter what in it."""
        size = int(np.prod(shape))
        if len(self._flat) < size:
            self._flat = np.empty(size, dtype=self._flat.dtype)
        return self._flat[:size].reshape(shape)
