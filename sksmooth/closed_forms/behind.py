"""The noise on a model's inputs behind the steps of a Pipeline, for classifiers and regressors."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..introspection import AffineMap, Columns
from .form import NotClosedError
from .inputs import Spread
from .numerics.laws import NORMAL, Law1D

__all__ = ["spread_behind"]


def spread_behind(
    steps: list[Any],
    model: Any,
    columns: Columns,
    sigma: NDArray[np.float64],
    dtype: np.dtype[Any],
    *,
    takes_sparse: bool = False,
    law: Law1D = NORMAL,
) -> Spread:
    """Return the noise on a model's inputs, behind affine steps.

    Parameters
    ----------
    steps : list
        Steps in front of the model.
    model : fitted estimator
        What comes behind them.
    columns : Columns
        Of the rows.
    sigma : ndarray of shape (n_features,)
        Standard deviations of the noise on the rows.
    dtype : dtype
        Of the rows.
    takes_sparse : bool, default=False
        Whether the model answers to sparse matrices as to dense ones.
    law : Law1D, default=NORMAL
        Of the noise on single values.

    Raises
    ------
    NotClosedError
        If the model's inputs are not known to be affine functions of the rows.
    """
    if steps and dtype != np.float64:
        raise NotClosedError("steps of a Pipeline would round to float32: pass rows in float64")
    affine = AffineMap.of(steps, columns)
    if affine is None:
        raise NotClosedError("a step of the Pipeline is not known to be affine")
    if steps and tuple(getattr(model, "feature_names_in_", affine.names)) != affine.names:
        raise NotClosedError("its steps hand on data frames with other names")
    if affine.sizes[..., : columns.n][..., columns.coded].any():
        raise NotClosedError("columns that do not hold numbers reach the model")
    if affine.sparse and not takes_sparse:
        raise NotClosedError("its steps hand on sparse matrices")
    return Spread.of(affine, sigma, float(np.finfo(dtype).eps) / 2, law)
