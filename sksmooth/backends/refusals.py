"""Errors of bases that take no negative numbers, which noise makes, in words that help."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator

__all__ = ["noise_explained"]

# what scikit-learn says of negative counts, of Box-Cox, and of what log1p makes of them
_REFUSED = re.compile(r"negative|strictly positive|contains NaN|contains infinity", re.IGNORECASE)


@contextlib.contextmanager
def noise_explained(
    model: Any, rows: NDArray[Any], noise: str = "this sigma", *, clean: bool = False
) -> Iterator[None]:
    """Say what noise has to do with it, if a base refuses values as negative or no numbers.

    Parameters
    ----------
    model : estimator
        The base that is asked, or fitted.
    rows : ndarray of shape (n_rows, *shape)
        What it gets. Where that is not finite, an error stays as it is.
    noise : str, default="this sigma"
        How wide the noise is.
    clean : bool, default=False
        Whether the rows are those before noise. Where all features have negative values then, an
        error stays as it is, too: the base does not take such rows without noise either.

    Raises
    ------
    ValueError
        In place of the base's own, from which it is raised.
    """
    try:
        yield
    except ValueError as error:
        if not _REFUSED.search(str(error)) or not _may_be_of_noise(rows, clean):
            raise
        said = str(error).strip().splitlines()[0]
        raise ValueError(
            f"{_name(model)} does not take rows with noise of {noise}: {said!r}. Noise is added "
            "before the base's first step, and makes negative numbers of small ones. Move the "
            "transformation (log1p, Box-Cox) in front: fit and certify on the transformed rows, in "
            "whose units sigma and radii are then. Or clip as a first step inside the base: "
            'FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": None}), with a small '
            "positive number in place of 0 for logarithms and Box-Cox."
        ) from error


def _name(model: Any) -> str:
    while isinstance(model, FrozenEstimator):
        model = model.estimator
    return type(model).__name__


def _may_be_of_noise(rows: NDArray[Any], clean: bool) -> bool:
    values = np.asarray(rows)
    if values.dtype.kind not in "fiu" or not np.isfinite(values).all():
        return False
    return not clean or bool((values >= 0).all(axis=0).any())
