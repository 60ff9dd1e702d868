"""Where a comparison changes its outcome, as a float64."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["last_at_most"]


def last_at_most(thresholds: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the largest float64 that, rounded to float32, does not exceed each threshold.

    The largest float32 that passes and the next one share the numbers between them: up to the
    middle, x rounds down. The middle itself goes to the one of the two that is even; where that is
    the next one, the float64 below the middle is returned. Numbers beyond the largest float32
    round to infinity as if that were the next one, 2**128.
    """
    thresholds = np.asarray(thresholds, dtype=np.float64)
    with np.errstate(over="ignore"):
        passes = thresholds.astype(np.float32)
        passes = np.where(passes > thresholds, np.nextafter(passes, np.float32(-np.inf)), passes)
        follows = np.nextafter(passes, np.float32(np.inf))
        low, high = (
            np.clip(x.astype(np.float64), -(2.0**128), 2.0**128) for x in (passes, follows)
        )
        middle = 0.5 * (low + high)
        rounds_up = middle.astype(np.float32) > passes
    middle = np.where(rounds_up, np.nextafter(middle, -np.inf), middle)
    return np.where(passes == np.inf, np.inf, middle)
