"""Fixed noisy rows with which models are compared: the same rows, the same probes, every time.

Whatever is compared on them was chosen without knowing them only as far as a model does not know
this file: they find mistakes, they do not prove that there are none.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["probe_rows"]

_FAR = 8.0  # standard deviations, in multiples of those of the noise


def probe_rows(
    X: NDArray[np.floating],
    deviations: NDArray[np.float64],
    *,
    near: int = 200,
    far: int = 100,
    seed: int = 0,
) -> NDArray[np.floating]:
    """Return noisy copies of rows, `near` with the noise's own width and `far` with 8 times it.

    Parameters
    ----------
    X : ndarray of shape (n_samples, *shape)
        Rows, at least one.
    deviations : ndarray of that shape of a row
        Standard deviations of the noise; features with 0 stay as they are.
    near, far : int
        How many.
    seed : int
        Other seeds give other probes.

    Returns
    -------
    probes : ndarray of shape (near + far, *shape)
        In the precision of X.
    """
    rng = np.random.default_rng(seed)
    parts = []
    for width, n in ((1.0, near), (_FAR, far)):
        rows = X[rng.integers(len(X), size=n)]
        parts.append((rows + width * deviations * rng.standard_normal(rows.shape)).astype(X.dtype))
    return np.concatenate(parts)
