"""X as users pass it, read for the engine: an array of numbers, and what turns it back."""

import contextlib
import sys
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import check_array, check_consistent_length, check_X_y, column_or_1d, get_tags
from sklearn.utils.validation import check_is_fitted, validate_data

from ..backends import (
    FrameMaker,
    backend_kind,
    is_frame,
    is_frozen,
    is_text,
    kind_inside,
    kinds_of_columns,
    read_frame,
)
from ..checks import is_real, refuse_masked, user_level
from ..exceptions import UnitsWarning
from ..introspection import steps_of
from ..labels import of_one_kind
from ..noise import Noise
from ..rows import Rows, as_rows
from .attributes import Smoothed
from .coded_columns import warn_of_coded_columns
from .units import columns_hold, fit_units, is_additive, scale_of

__all__ = [
    "TrainingRows",
    "check_rows",
    "check_training_rows",
    "frame_of_base",
    "labels_of",
    "read_rows",
    "takes_gaps",
    "warn_of_unknown",
]

_LARGEST_SIGMA_FLOAT32 = 1e29  # a noisy row reaches 2**30 sigma, and floats of 32 bits 3e38
_FLOATS = [np.float64, np.float32]


def _as_numeric(X: Any, *, estimator: Any, additive: bool = True) -> tuple[Any, Any]:
    """Return an array X ready for scikit-learn's ``validate_data``, and the dtype to ask of it.

    Tensors become arrays. float32 and float64 stay what they are, in the machine's byte order. For
    a base that ends in a net, small integers (bytes of images) become float32, which holds them
    exactly; all else becomes float64.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(X, torch.Tensor):
        X = (X.float() if X.dtype == torch.bfloat16 else X).detach().cpu().numpy()
    if scipy.sparse.issparse(X):
        raise ValueError(
            "X is sparse, but noise makes every entry non-zero: dense data is required. Pass "
            "X.toarray() if it fits into memory."
        )
    refuse_masked("X", X)
    if isinstance(X, list | tuple):
        with contextlib.suppress(ValueError):  # of lines of several lengths scikit-learn speaks
            X = np.asarray(X)
    if isinstance(X, np.ndarray) and X.dtype.kind == "f":
        # scikit-learn would make float64 of float32 in the other byte order
        X = X.astype(X.dtype.newbyteorder("="), copy=False)
    dtype = getattr(X, "dtype", None)
    if additive and getattr(dtype, "kind", "") == "b":
        _warn_of_booleans("X has columns of type bool")
    if isinstance(X, np.ndarray) and X.dtype.kind in "OUS":
        try:
            X = X.astype(np.float64)
        except ValueError as error:
            raise ValueError(
                f"X is an array of dtype {X.dtype}, and not all of it are numbers ({error}). Pass "
                "a data frame of pandas or polars: its columns may hold text, categories and dates "
                "where they get no noise."
            ) from error
    if (
        kind_inside(estimator).wants_float32
        and isinstance(dtype, np.dtype)
        and (dtype == np.float16 or (dtype.kind in "iu" and dtype.itemsize <= 2))
    ):
        return X, np.float32
    return X, _FLOATS


def _warn_of_booleans(what: str) -> None:
    """Warn that values that are true or false get noise."""
    warnings.warn(
        f"{what}: true and false are treated as numbers and get noise like all others. If an "
        "attacker cannot change them by small amounts, give them a sigma of 0.",
        UnitsWarning,
        stacklevel=user_level(),
    )


def _is_table(clf: Smoothed, X: Any) -> bool:
    """Whether X has columns: a frame, or an array of text where noise is for such."""
    return is_frame(X) or (columns_hold(clf.noise) != "numbers" and is_text(X))


def _held(clf: Smoothed, n_columns: int) -> list[str]:
    """Return what each column may hold: "anything" if it is made missing, "still" without noise.

    Otherwise "numbers", or "values" if others take their place.
    """
    if not is_additive(clf.noise):
        names = getattr(clf, "feature_names_in_", None)
        still = clf.noise.still(n_columns, None if names is None else list(names))
        return ["still" if each else columns_hold(clf.noise) for each in still]
    scale = scale_of(clf, (n_columns,))
    still = np.broadcast_to(scale.deviations == 0, n_columns).tolist()
    held = ["still" if each else "numbers" for each in still]
    for place, specification in scale.changes.items():
        held[place] = specification.columns_hold
    return held


def _numbers_of(clf: Smoothed, X: Any, held: Sequence[str]) -> tuple[Any, FrameMaker]:
    """Return a frame as an array, and what turns the array back into such a frame."""
    kinds = kinds_of_columns(X)
    names = X.columns if is_frame(X) else range(len(kinds))
    noisy = [
        (name, kind)
        for name, kind, what in zip(names, kinds, held, strict=True)
        if what == "numbers" and kind != "nothing"
    ]
    other = [f"{name!r} ({kind})" for name, kind in noisy if kind not in ("numbers", "booleans")]
    if other:
        raise ValueError(
            f"X has columns without numbers, {', '.join(other[:5])}, which cannot get noise. Give "
            "them a sigma of 0: then the base gets them as they are. To certify changes of them, "
            "give them a Flip or Drop in sigma."
        )
    booleans = [name for name, kind in noisy if kind == "booleans"]
    if booleans and is_additive(clf.noise):
        _warn_of_booleans(f"X has columns of type bool, {booleans[:5]}")
    by_value = [
        what in ("still", "values") or (what == "anything" and kind not in ("numbers", "booleans"))
        for what, kind in zip(held, kinds, strict=True)
    ]
    values, frame = read_frame(X, by_value)
    if "anything" in held:
        frame = frame.with_gaps([what == "anything" for what in held], getattr(clf, "_frame", None))
    seen = getattr(clf, "_frame", None)
    if seen is not None and "values" in held:
        drawn = zip(held, clf._categories or [()] * len(held), strict=True)
        frame = frame.drawing_from(seen, [w == "values" and len(c) > 1 for w, c in drawn])
    return values, frame


def frame_of_base(clf: Smoothed, frame: FrameMaker | None) -> FrameMaker | None:
    """Return what is kept of the training frame: the values that noise draws from, if it does."""
    if frame is None or {"values", "anything"}.isdisjoint(_held(clf, len(frame.columns))):
        return frame and frame.bare()
    return frame


def warn_of_unknown(clf: Smoothed, X: Any, noise: Noise) -> None:
    """Warn of categories in X that were not seen in fit."""
    unknown = noise.unknown(X)
    if unknown:
        names = getattr(clf, "feature_names_in_", None)
        shown = [j if names is None else str(names[j]) for j in unknown]
        warnings.warn(
            f"X has categories that were not seen in fit, in the columns {shown[:5]}. Noise "
            "replaces them by any that were, all with the same chances.",
            UnitsWarning,
            stacklevel=user_level(),
        )


def _refuse_other_tables(X: Any) -> None:
    """Refuse what is nearly a frame."""
    kind = type(X)
    if kind.__module__.partition(".")[0] in ("pandas", "polars") and not is_frame(X):
        hint = {
            "Series": "A column is X.to_frame(); a row is X.to_frame().T in pandas",
            "LazyFrame": "Pass X.collect()",
        }.get(kind.__name__, "Pass a data frame")
        raise ValueError(f"X is a {kind.__name__}; expected an array or a data frame. {hint}.")


def takes_gaps(estimator: Any) -> bool:
    """Whether rows may have missing values: the base takes them, or a step in front imputes them.

    What is not known beforehand, as of the columns of a ColumnTransformer, is left to the base.
    """
    with contextlib.suppress(Exception):  # something inside knows nothing of tags
        tags = get_tags(estimator)
        takes = (
            tags.input_tags.allow_nan or tags.no_validation
        )  # a FunctionTransformer looks at none
        if takes and not isinstance(estimator, Pipeline):
            return True
    if isinstance(estimator, Pipeline):
        for step in (*steps_of(estimator), estimator.steps[-1][1]):
            if not takes_gaps(step):
                return False
            if not _hands_gaps_on(step):
                return True
        return True
    if isinstance(estimator, ColumnTransformer | FeatureUnion):
        return True
    inside = [getattr(estimator, "estimator", None)]
    inside += [part for _, part in getattr(estimator, "estimators", None) or ()]
    inside = [part for part in inside if hasattr(part, "fit")]
    return bool(inside) and all(map(takes_gaps, inside))


def _hands_gaps_on(step: Any) -> bool:
    """Whether a transformer is one of scikit-learn's that leave missing values as they are."""
    library, _, module = type(step).__module__.partition(".")
    if type(step).__name__ in ("OneHotEncoder", "TargetEncoder"):  # to these they are a category
        return False
    return library == "sklearn" and module.startswith(("preprocessing", "feature_selection"))


def _finite(estimator: Any) -> Any:
    """Return what scikit-learn is to check: that X is finite, or that it may be but for gaps."""
    return "allow-nan" if takes_gaps(estimator) else True


def check_rows(clf: Smoothed, X: Any) -> Any:
    """Return X as an array, after comparing it with what `clf` was fitted on."""
    return read_rows(clf, X)[0]


def read_rows(clf: Smoothed, X: Any) -> tuple[Any, FrameMaker | None]:
    """Return X as an array, compared with what `clf` was fitted on, and how the base gets it."""
    check_is_fitted(clf)
    clf._validate_params()  # type: ignore[attr-defined]  # set_params may have come after fit
    _refuse_other_tables(X)
    frame: FrameMaker | None = clf._frame
    if _is_table(clf, X):
        validate_data(clf, X, reset=False, skip_check_array=True)
        n = X.shape[1]
        values, found = _numbers_of(clf, X, ["numbers"] * n if frame is None else _held(clf, n))
        X = check_array(
            values,
            dtype=_FLOATS,
            ensure_all_finite=_finite(clf.estimator),
            input_name="X",
            estimator=type(clf).__name__,
        )
        frame = frame and found
    else:
        if frame is not None and frame.coded:
            raise ValueError(
                f"X is of type {type(X).__name__}, but in fit it was a table with columns without "
                "numbers. Pass the same columns, as in fit."
            )
        X, dtype = _as_numeric(X, estimator=clf.estimator, additive=is_additive(clf.noise))
        if len(clf._row_shape) > 1:  # scikit-learn would speak of features
            _check_row_shape(np.shape(X)[1:], clf._row_shape, type(clf).__name__)
        finite = _finite(clf.estimator)
        options = {"dtype": dtype, "allow_nd": True, "ensure_all_finite": finite}
        X = validate_data(clf, X, reset=False, **options)
    _check_noise(clf, X)
    return X, frame


def _check_noise(clf: Smoothed, X: Any) -> None:
    """Refuse noise that is hidden by a mask, or would be infinite in the precision of X."""
    deviations = scale_of(clf, X.shape[1:]).deviations
    scale: Any = getattr(clf.noise, "scale", None)
    largest = max(float(np.max(deviations)), scale if is_real(scale) else 0.0)
    if X.dtype == np.float32 and largest > _LARGEST_SIGMA_FLOAT32:
        raise ValueError(
            f"sigma={largest:g} is too large for rows in float32: noise would overflow. Pass "
            "X in float64, or take other units."
        )


class TrainingRows(NamedTuple):
    """What a smoothed classifier is fitted on."""

    X: Any
    y: Any
    rows: Rows | None  # that are not in memory; X is the first of them
    frame: FrameMaker | None  # the frame that X was


def check_training_rows(clf: Smoothed, X: Any, y: Any, weights: Any = None) -> TrainingRows:
    """Return X and y as arrays; rows that are not in memory too, with the first of them as X.

    Only nets are trained on such rows, and frozen bases look at one; others get all of them. What
    the columns of a frame hold is noted in `clf`.
    """
    _refuse_other_tables(X)
    rows = as_rows(X)
    is_net = backend_kind(clf.estimator).trains_per_batch
    if rows is not None:
        y = labels_of(rows) if y is None else y
        if not (is_net or is_frozen(clf.estimator)):
            X, rows = rows[:], None
    y = of_one_kind(y)
    finite, frame = _finite(clf.estimator), None
    clf._kinds = None
    clf._frame = None
    if _is_table(clf, X):
        validate_data(clf, X, skip_check_array=True)
        clf._kinds = kinds = kinds_of_columns(X)
        others = [kind != "numbers" for kind in kinds]
        fit_units(clf, X.shape[1:], lambda: read_frame(X, others)[0], weights)
        values, frame = _numbers_of(clf, X, _held(clf, X.shape[1]))
        if is_additive(clf.noise) and (clf.units is None or isinstance(clf.units, str)):
            warn_of_coded_columns(X, clf.sigma)
        named = type(clf).__name__
        X, y = check_X_y(values, y, dtype=_FLOATS, ensure_all_finite=finite, estimator=named)
        if is_net and frame.coded:
            raise ValueError(
                "A net takes numbers only. Put an encoder for the other columns in front of it, "
                "in a Pipeline."
            )
        frame = None if is_net else frame
    else:
        options = {"dtype": None, "allow_nd": True, "ensure_all_finite": finite}
        X, options["dtype"] = _as_numeric(
            X if rows is None else rows[:1],
            estimator=clf.estimator,
            additive=is_additive(clf.noise),
        )
        if rows is None:
            X, y = validate_data(clf, X, y, **options)
        else:
            y = column_or_1d(y, warn=True)
            check_consistent_length(rows, y)
            X = validate_data(clf, X, **options)
        fit_units(clf, X.shape[1:], lambda: X if rows is None else None, weights)
    if not X[0].size:  # scikit-learn looks at the second axis only
        raise ValueError(f"X has rows of shape {X.shape[1:]}: there are no values in them.")
    _check_noise(clf, X)
    return TrainingRows(X, y, rows, frame)


def labels_of(X: Any) -> Any:
    """Return the labels that X has, if it is a data set that has any; None otherwise."""
    rows = as_rows(X)
    return None if rows is None else rows.labels()


def _check_row_shape(shape: tuple[int, ...], expected: tuple[int, ...], name: str) -> None:
    """Refuse rows of another shape than in fit; scikit-learn looks at the second axis only."""
    if shape != expected:
        raise ValueError(
            f"X has rows of shape {shape}, but {name} was fitted on rows of shape "
            f"{expected}. Reshape your data to (n_samples, {', '.join(map(str, expected))})."
        )
