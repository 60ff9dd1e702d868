"""Where a tree's comparison changes its outcome, as a real number."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["past_float32"]


def past_float32(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the points up to which values, rounded to float32, do not exceed thresholds.

    scikit-learn's trees compare ``float32(x) <= threshold``. The largest float32 that passes and
    the next one share the real numbers between them: up to the middle, x rounds down. The middle
    itself goes to the one of the two that is even; where that is the next one, the largest float64
    below the middle is returned. So a float64 passes if, and only if, it does not exceed the point.
    """
    thresholds = np.asarray(thresholds, dtype=np.float64)
    passes = thresholds.astype(np.float32)
    passes = np.where(passes > thresholds, np.nextafter(passes, np.float32(-np.inf)), passes)
    follows = np.nextafter(passes, np.float32(np.inf))
    middle = 0.5 * (passes.astype(np.float64) + follows.astype(np.float64))
    rounds_up = (middle.astype(np.float32) > passes) & np.isfinite(middle)
    return np.where(rounds_up, np.nextafter(middle, -np.inf), middle)
