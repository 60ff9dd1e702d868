"""The noise on a model's inputs behind the steps of a Pipeline, for classifiers and regressors."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bounds.rounding import UNIT
from ..introspection import AffineMap, Columns
from ..noise import Replaced
from .form import NotClosedError
from .inputs import Spread
from .numerics.laws import NORMAL, Law1D
from .numerics.replacing import MISSING, Replacing

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
    replaced: Mapping[int, Replaced] = MappingProxyType({}),
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
    replaced : mapping of int to Replaced, default={}
        The laws of columns whose values are replaced. Their `sigma` is 1.

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
    unit = float(np.finfo(dtype).eps) / 2
    return Spread.of(affine, sigma, unit, law, _inputs_replaced(steps, columns, affine, replaced))


def _inputs_replaced(
    steps: list[Any], columns: Columns, affine: AffineMap, replaced: Mapping[int, Replaced]
) -> dict[int, Replacing]:
    """Return what takes the place of inputs, each of which comes from a column of its own."""
    values = [value for law in replaced.values() for value in law.values]
    if not values:
        return {}
    go = [column for column, law in replaced.items() if np.isnan(law.values[0])]
    gaps = columns.gaps.copy()
    gaps[go] = True
    without = AffineMap.of(steps, columns._replace(gaps=gaps)) if go else affine
    if without is None:
        raise NotClosedError("a step is not known to fill in constants for missing values")
    sizes = np.diag(affine.sizes) if affine.sizes.ndim == 1 else affine.sizes
    left = np.diag(without.sizes) if without.sizes.ndim == 1 else without.sizes
    reached = sizes != 0
    # what a gap changes elsewhere: an indicator of missing values, say
    others = ~reached[:, go].any(axis=1)
    same = (without.shift == affine.shift) & (without.gaps == affine.gaps)
    if not np.all((same & np.all(left == sizes, axis=1)) | ~others):
        raise NotClosedError("other inputs depend on which values are missing")
    found = {}
    for column, law in replaced.items():
        fed = np.flatnonzero(reached[:, column])
        if len(fed) > 1 or reached[fed].sum() > 1:
            raise NotClosedError("a value that is replaced changes several of the model's inputs")
        if len(fed) == 1:
            k = int(fed[0])
            known = np.array(law.values)
            if column in go and left[k].any():
                raise NotClosedError("a missing value is not known to become a constant")
            if column in go:
                points, far = without.shift[[k]], without.most[[k]]
            else:
                rate = affine.matrix[k] if affine.matrix.ndim == 1 else affine.matrix[k, column]
                points = known * rate + affine.shift[k]
                far = np.abs(known) * sizes[k, column] + affine.most[k]
            points = np.clip(points, affine.low[k], affine.high[k])
            slack = 2 * (affine.roundings + 2) * UNIT * far * (1 + 1e-9)
            if affine.untouched[k] and column not in go:
                slack = np.zeros_like(points)
            if without.gaps[k] and column in go:
                points, slack = np.array([MISSING]), np.zeros(1)
            found[k] = Replacing(law, column, points, slack)
    return found
