"""The noise on a model's inputs behind the steps of a Pipeline, for classifiers and regressors."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import OrdinalEncoder

from ..bounds.rounding import UNIT
from ..introspection import AffineMap, CategoryCodes, Columns, split, why_not_readable
from ..noise import Replaced
from .form import NotClosedError
from .inputs import Spread
from .numerics.laws import NORMAL, Law1D
from .numerics.replacing import Replacing
from .readers import libraries_read

__all__ = [
    "Categories",
    "GivenNoise",
    "categories_of",
    "columns_of",
    "misreadings",
    "parts_of",
    "spread_behind",
]


class Categories(NamedTuple):
    """The values that noise may put into a column.

    Attributes
    ----------
    features : ndarray of shape (n_features,), int
        The column, and the outputs of encoders that depend on it, counted behind all columns.
    values : ndarray of shape (n_values, n_features)
        What these are for each value; NaN for a missing one.
    """

    features: NDArray[np.intp]
    values: NDArray[np.float64]


class GivenNoise(NamedTuple):
    """What the inputs' noise depends on, beside its widths.

    Attributes
    ----------
    law : Law1D
        Of what is added to single values.
    replaced : mapping of int to Replaced
        The laws of columns whose values are replaced.
    categories : mapping of int to Categories
        The values that replace those of these columns.
    """

    law: Law1D = NORMAL
    replaced: Mapping[int, Replaced] = MappingProxyType({})
    categories: Mapping[int, Categories] = MappingProxyType({})


_NORMAL_NOISE = GivenNoise()


def parts_of(estimator: Any, X: NDArray[np.floating]) -> tuple[list[Any], Any]:
    """Return the steps and the model of a base, if they may be read, and rows are vectors."""
    steps, model = split(estimator)
    if X.ndim != 2:
        raise NotClosedError("rows are not vectors")
    obstacle = why_not_readable(*steps, model, libraries=libraries_read())
    if obstacle is not None:
        raise NotClosedError(obstacle)
    return steps, model


def columns_of(sigma: NDArray[np.float64], frame: Any, replaced: Iterable[int] = ()) -> Columns:
    """Return what is known of columns: from the noise on them, and from what makes frames."""
    names, coded = ((), ()) if frame is None else (frame.columns, frame.coded)
    return Columns.of(len(sigma), names, sigma == 0, coded, list(replaced))


@contextlib.contextmanager
def misreadings() -> Iterator[None]:
    """Raise `NotClosedError` where a model is not as its type promises."""
    try:
        yield
    except NotClosedError as reason:
        raise type(reason)(*reason.args) from None
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # another version of scikit-learn, perhaps
        raise NotClosedError(f"it could not be read ({error})") from error


def spread_behind(
    steps: list[Any],
    model: Any,
    columns: Columns,
    sigma: NDArray[np.float64],
    dtype: np.dtype[Any],
    noise: GivenNoise = _NORMAL_NOISE,
    *,
    takes_sparse: bool = False,
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
    noise : GivenNoise
        What is added, or takes the place of values.
    takes_sparse : bool, default=False
        Whether the model answers to sparse matrices as to dense ones.

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
    unit, n = float(np.finfo(dtype).eps) / 2, columns.n
    found = _inputs_replaced(steps, columns, affine, noise)
    widths = np.zeros(len(affine.used))
    widths[:n] = sigma
    widths[list(noise.replaced)] = 0.0
    for to in found.values():
        widths[to.features] = 1.0
    return Spread.of(affine, widths, unit, noise.law, found, noise.replaced)


def categories_of(
    affine: AffineMap | None,
    replaced: Mapping[int, Replaced],
    X: NDArray[np.floating],
    frame: Any,
) -> dict[int, Categories]:
    """Return what replaces the values of each column.

    Parameters
    ----------
    affine : AffineMap or None
        The steps in front of a model, if they are understood.
    replaced : mapping of int to Replaced
        The laws of columns.
    X : ndarray of shape (n_samples, n_features)
        Rows. The first one gives the values of the columns that stay as they are.
    frame : callable or None
        Makes the frames that the steps get.

    Returns
    -------
    categories : dict of int to Categories
        By column.
    """
    found: dict[int, Categories] = {}
    if affine is None or not replaced:
        return found
    first = X[0].astype(np.float64) if len(X) else np.zeros(X.shape[1])
    first[list(replaced)] = [law.values[0] for law in replaced.values()]
    for column, law in replaced.items():
        features, values = np.array([column]), np.array(law.values)[:, None]
        if affine.encoders:
            rows = np.repeat(first[None], len(values), axis=0)
            rows[:, [column]] = values
            known = affine.extended(rows, frame)
            known[:, [column]] = values
            same = (known == known[:1]) | (np.isnan(known) & np.isnan(known[:1]))
            features = np.flatnonzero(~same.all(axis=0))
            if len(values) == 1:  # which has nothing to differ from
                features = np.append(column, _outputs_for(affine, X.shape[1], column))
            values = known[:, features]
        found[column] = Categories(features, values)
    return found


def _inputs_replaced(
    steps: list[Any], columns: Columns, affine: AffineMap, noise: GivenNoise
) -> dict[int, Replacing]:
    """Return what takes the place of inputs, by the first one of each column."""
    found: dict[int, Replacing] = {}
    gone = {column for column, law in noise.replaced.items() if law.goes}
    without = _without(steps, columns, affine, gone)
    untouched, room = affine.untouched, 2 * (affine.roundings + 2) * UNIT * (1 + 1e-9)
    for column, law in noise.replaced.items():
        features, values = noise.categories[column]
        if not np.all(np.isnan(values[:, np.isin(features, np.flatnonzero(columns.gaps))])):
            raise NotClosedError("an encoder does not know a value, which is not as if missing")
        inputs, weights, sizes = _fed(affine, features)
        if not len(inputs):
            continue
        lost, numbers = np.isnan(values), np.where(np.isnan(values), 0.0, values)
        low, high = affine.low[inputs], affine.high[inputs]
        images = np.clip(numbers @ weights.T + affine.shift[inputs], low, high)
        images[lost @ (sizes.T != 0)] = np.nan
        errors = room * (np.abs(numbers) @ sizes.T + affine.most[inputs])
        errors[:, untouched[inputs]] = 0.0
        if column in gone:
            if np.count_nonzero(sizes) > 1:
                raise NotClosedError("several inputs depend on a value that may go missing")
            if without is not None and sizes[0, 0] and not without.gaps[inputs[0]]:
                # an imputer fills it in
                images = np.clip(without.shift[inputs], low, high)[None]
                errors = 2 * room * without.most[inputs][None]
        found[int(inputs[0])] = Replacing(law, column, features, inputs, images, errors)
    return found


def _outputs_for(affine: AffineMap, n_columns: int, column: int) -> NDArray[np.intp]:
    """Return outputs of encoders, as features: all that depend on a column are among them."""
    found, start = [np.zeros(0, dtype=np.intp)], n_columns
    for encoder in affine.encoders:
        own, taken = start + np.arange(encoder.n_outputs), np.atleast_1d(encoder.columns) == column
        if taken.any():
            one_each = type(encoder.transformer) in (CategoryCodes, OrdinalEncoder)
            found.append(own[taken] if one_each else own)
        start += encoder.n_outputs
    return np.concatenate(found)


def _fed(
    affine: AffineMap, features: NDArray[np.intp]
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """Return the inputs that depend on features, by which weights, and absolute ones on the way."""
    if affine.sizes.ndim == 1:
        inputs = features[affine.sizes[features] != 0]
        return inputs, np.diag(affine.matrix[inputs]), np.diag(affine.sizes[inputs])
    inputs = np.flatnonzero(affine.sizes[:, features].any(axis=1))
    if np.delete(affine.sizes[inputs], features, axis=1).any():
        raise NotClosedError("an input depends on other columns beside one that is replaced")
    chosen = np.ix_(inputs, features)
    return inputs, affine.matrix[chosen], affine.sizes[chosen]


def _without(
    steps: list[Any], columns: Columns, affine: AffineMap, go: set[int]
) -> AffineMap | None:
    """Return the steps as they are where some columns are missing; None if there are no steps."""
    if not go or not steps:
        return None
    gaps = columns.gaps.copy()
    gaps[list(go)] = True
    found = AffineMap.of(steps, columns._replace(gaps=gaps))
    if found is None:
        raise NotClosedError("a step is not known to fill in constants for missing values")
    sizes, left = (np.diag(a.sizes) if a.sizes.ndim == 1 else a.sizes for a in (affine, found))
    own = sizes[:, list(go)].any(axis=1)
    # else there is an indicator of missing values, say
    same = (found.shift == affine.shift) & (found.gaps == affine.gaps)
    same &= np.all((left != 0) == (sizes != 0), axis=1)
    if not np.all(np.where(own, ~left.any(axis=1), same)):
        raise NotClosedError("other inputs depend on which values are missing")
    return found
