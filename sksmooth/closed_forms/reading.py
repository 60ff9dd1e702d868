"""From a fitted base to its closed form, if it has one and answers as the form says."""

import copy
import dataclasses
import hashlib
import pickle
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from ..introspection import AffineMap, Columns, decided_inside
from ..introspection.linear import LINEAR_MODELS
from ..noise import Replaced
from .behind import (
    GivenNoise,
    categories_of,
    columns_of,
    misreadings,
    parts_of,
    spread_behind,
)
from .closed import Classify, ClosedForm, GapsError, Part
from .form import Form, NotClosedError, answers_of
from .forms.trees import TreeForm
from .inputs import Spread
from .numerics.laws import NORMAL, Law1D
from .readers import category_steps, read_once

__all__ = ["closed_form"]

_RECENT: dict[bytes, ClosedForm] = {}
_MOST_RECENT = 8
# these answer to sparse matrices as to dense ones, up to the order of sums
_TREES = (DecisionTreeClassifier, ExtraTreeClassifier, ExtraTreesClassifier)
_TAKE_SPARSE = (*LINEAR_MODELS, *_TREES, GradientBoostingClassifier, RandomForestClassifier)


@read_once()
def closed_form(
    kinds: Sequence[type[Form]],
    estimator: Any,
    answers: NDArray[Any],
    X: NDArray[np.floating],
    sigma: NDArray[np.float64],
    classify: Classify,
    frame: Any = None,
    *,
    gaps: NDArray[np.bool_] | None = None,
    law: Law1D = NORMAL,
    replaced: Mapping[int, Replaced] = MappingProxyType({}),
) -> ClosedForm:
    """Return the closed form of a fitted base classifier.

    Parameters
    ----------
    kinds : sequence of Form classes
        Those to try, in this order.
    estimator : fitted classifier
        The base: a model, or a Pipeline of affine steps and a model.
    answers : ndarray of shape (n_classes,)
        What it predicts for each class code.
    X : ndarray of shape (n_samples, n_features)
        Rows that are to be certified.
    sigma : ndarray of shape (n_features,)
        Standard deviations of the noise on the rows.
    classify : callable
        Class codes of a batch, by the base.
    frame : FrameMaker, default=None
        Makes the data frames that the base gets, if it gets frames. Columns that do not hold
        numbers must have a sigma of 0.
    gaps : ndarray of shape (n_features,), bool, default=None
        Columns in which values are known to be missing in some rows, these or others: there must be
        a closed form for such rows, too.
    law : Law1D, default=NORMAL
        Law of the noise on a value over `sigma`.
    replaced : mapping of int to Replaced, default={}
        Laws of columns whose values are replaced.

    Returns
    -------
    closed : ClosedForm
        Compared with what the base answers. Kept for the next call with a base of the same content:
        reading some models takes much longer than certifying a row.

    Raises
    ------
    NotClosedError
        With the reason, if there is none; `DisagreementError` if the model seemed to have one.
    """
    steps, model = parts_of(estimator, X)
    sigma = sigma.copy()
    sigma[list(replaced)] = 1.0  # which tells that there is noise
    with misreadings():
        columns = columns_of(sigma, frame, replaced)
        if columns.coded.any() and not steps:
            steps = category_steps(_innermost(model), frame)
        affine = AffineMap.of(steps, columns)
        noise = GivenNoise(law, dict(replaced), categories_of(affine, replaced, X, frame))
        still = _inputs_without_noise(affine, columns, noise)
        kinds = tuple(
            kind
            for kind in kinds
            if (kind.may_be(model, still) if issubclass(kind, TreeForm) else kind.may_be(model))
        )
        if not kinds:
            raise NotClosedError(f"{type(model).__name__} is of no known kind, or too large")
        key = _content(kinds, estimator, steps, answers, X.dtype.str, sigma, *noise, *columns)
        known = _RECENT.pop(key, None) if key else None
        dtype = X.dtype

        def read(missing: NDArray[np.bool_]) -> Part | None:
            try:
                gappy = columns._replace(gaps=missing)
                return _read(kinds, steps, model, dtype, sigma, gappy, noise)
            except NotClosedError as reason:
                raise GapsError(*reason.args) from None

        if known is None:
            codes = _codes(model, answers)
            whole = _read(kinds, steps, model, dtype, sigma, columns, noise)
            assert whole is not None
            known = ClosedForm(whole.form, whole.spread, codes)
        if gaps is not None:
            _demand_gaps(known, steps, columns, gaps)
        code_of = {answer: code for code, answer in enumerate(answers.tolist())}
        ask = _last_step(model, code_of) if steps else classify
        closed = dataclasses.replace(known, read=read, classify=classify, ask=ask, frame=frame)
        if len(X):
            closed.check(X)
    if key:
        _RECENT[key] = dataclasses.replace(closed, read=None, classify=None, ask=None, frame=None)
        for old in list(_RECENT)[:-_MOST_RECENT]:
            _RECENT.pop(old, None)
    return closed


def _content(*things: Any) -> bytes:
    """Return a hash of all that a closed form depends on; nothing if it cannot be had."""
    try:
        return hashlib.blake2b(pickle.dumps(things, protocol=5)).digest()
    except Exception:  # whatever objects that cannot be pickled raise
        return b""


def _codes(model: Any, answers: NDArray[Any]) -> NDArray[np.intp]:
    """Return the class code of each of the model's classes."""
    code_of = {answer: code for code, answer in enumerate(answers.tolist())}
    codes = np.array([code_of[label] for label in model.classes_.tolist()], dtype=np.intp)
    if len(codes) != len(answers):
        raise NotClosedError("it does not know all classes")
    return codes


def _read(
    kinds: tuple[type[Form], ...],
    steps: list[Any],
    model: Any,
    dtype: np.dtype[Any],
    sigma: NDArray[np.float64],
    columns: Columns,
    noise: GivenNoise,
) -> Part | None:
    """Return the part for rows with given gaps; None where no noise is left."""
    missing = columns.gaps[: columns.n]
    there = np.where(missing, 0.0, sigma)
    if dtype != np.float64 and noise.replaced:
        raise NotClosedError("values that replace others are known on rows in float64 only")
    if any(missing[column] and law.unknown is None for column, law in noise.replaced.items()):
        raise NotClosedError("its noise knows no missing values")
    there_too = {column: law for column, law in noise.replaced.items() if not missing[column]}
    noise = noise._replace(replaced=there_too)
    sparse = type(_innermost(model)) in _TAKE_SPARSE
    # what is read is kept, and theirs may be changed
    copied = copy.deepcopy(steps)
    spread = spread_behind(copied, model, columns, there, dtype, noise, takes_sparse=sparse)
    if columns.gaps.any() and not np.any(spread.scale > 0):
        return None
    return Part(_first(kinds, model, spread), spread)


def _demand_gaps(
    closed: ClosedForm, steps: list[Any], columns: Columns, gaps: NDArray[np.bool_]
) -> None:
    """Raise `NotClosedError` if a gap in one of some columns is not understood."""
    for place in np.flatnonzero(closed.spread.affine.used[: columns.n] & gaps):
        affine = AffineMap.of(steps, columns._replace(gaps=np.arange(columns.n) == place))
        if affine is None or (affine.gaps.any() and not closed.form.compares):
            raise NotClosedError("values were missing in fit, and may depend on others then")


def _inputs_without_noise(
    affine: AffineMap | None, columns: Columns, noise: GivenNoise
) -> NDArray[np.bool_] | None:
    """Return which of the model's inputs have no noise; None if there are none."""
    if affine is None or not columns.still.any():
        return None
    moving = np.zeros(len(affine.used), dtype=bool)
    moving[: columns.n] = ~columns.still
    for features, _ in noise.categories.values():
        moving[features] = True
    return ~np.any(affine.sizes[..., moving] != 0, axis=1) if affine.sizes.ndim == 2 else ~moving


def _innermost(model: Any) -> Any:
    while (inner := decided_inside(model)) is not None:
        model = inner
    return model


def _last_step(model: Any, code_of: dict[Any, int]) -> Classify:
    def ask(Z: Any) -> NDArray[np.int64]:
        # some libraries answer a column
        labels = np.ravel(answers_of(model.predict, Z)).tolist()
        return np.array([code_of[label] for label in labels])

    return ask


def _first(kinds: tuple[type[Form], ...], model: Any, spread: Spread) -> Form:
    reasons = []
    for kind in kinds:
        try:
            if spread.law.name not in kind.laws:
                raise NotClosedError(f"it is not known under {spread.law.name} noise")
            if not kind.compares and spread.replaced:
                raise NotClosedError("it is not known under noise that replaces values")
            if not kind.compares and spread.affine.gaps.any():
                raise NotClosedError("the model would get missing values")
            if not kind.compares and spread.clips:
                raise NotClosedError("MinMaxScaler(clip=True) would clip noise")
            return kind.of(model, spread)
        except NotClosedError as reason:
            reasons.append(f"{kind.name}: {reason}")
    raise NotClosedError("; ".join(reasons))
