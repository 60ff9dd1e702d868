"""Data frames: columns as numbers, for noise and keys.

A column without noise may hold anything. Inside the library it is a number too: numbers and truth
values stand for themselves, all other values for a hash of what they are. So a row's key depends on
all its columns, but not on dtypes, the order of categories or other rows. `FrameMaker` turns the
numbers back, by a table of the values that the rows of a call have; where noise shows values that
other rows had in fit, by a table of those.
"""

import contextlib
import datetime
import numbers
import sys
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .frame_maker import FrameMaker, Kept
from .value_codes import codes_of

__all__ = ["is_frame", "is_text", "kinds_of_columns", "read_frame"]


def is_frame(X: Any) -> bool:
    """Whether X is a data frame of pandas or polars."""
    return _library_of(X) is not None


def is_text(X: Any) -> bool:
    """Whether X is an array of text, or of objects of which some are no numbers."""
    if not isinstance(X, np.ndarray) or X.ndim != 2:
        return False
    if X.dtype.kind == "O":
        kinds = {*map(type, X.ravel().tolist())}
        return not all(kind is type(None) or issubclass(kind, numbers.Real) for kind in kinds)
    return X.dtype.kind in "US"


def _library_of(X: Any) -> str | None:
    for name in ("pandas", "polars"):
        if name in sys.modules and isinstance(X, sys.modules[name].DataFrame):
            return name
    return None


def kinds_of_columns(X: Any) -> tuple[str, ...]:
    """Return in a word what each column of a frame holds: "numbers", "booleans", or other things.

    Parameters
    ----------
    X : DataFrame
        Of pandas or polars.

    Returns
    -------
    kinds : tuple of str
        Columns of Python objects are what their values are.
    """
    if is_text(X):
        return ("text",) * X.shape[1]
    if _is_block(X):
        return ("numbers",) * X.shape[1]
    return tuple(map(_kind, _series(X)))


def read_frame(X: Any, still: Sequence[bool]) -> tuple[NDArray[np.floating], FrameMaker]:
    """Return a frame as numbers, and what turns these back.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n_rows, n_columns)
        Of pandas or polars; or an array of text or objects.
    still : sequence of bool
        Which columns are handed on by their values. All others hold numbers or truth values.

    Returns
    -------
    values : ndarray of shape (n_rows, n_columns)
        float32 if all columns are, else float64; NaN where a value is missing.
    frame : FrameMaker
        ``frame(values)`` has the values and dtypes of X in the columns without noise.

    Raises
    ------
    ValueError
        If a column has values that cannot be told apart, or are of an unknown type.
    """
    if is_text(X):
        library: str | None = "numpy"
        names: tuple[Any, ...] = tuple(range(X.shape[1]))
    else:
        library, names = _library_of(X), tuple(X.columns)
    assert library is not None
    if _is_block(X):
        return X.to_numpy(), FrameMaker(library, names)
    series = _series(X)
    narrow = all(str(column.dtype).lower() == "float32" for column in series)
    values = np.empty((len(X), len(series)), dtype=np.float32 if narrow else np.float64)
    kept, coded = [], []
    for place, (column, is_still) in enumerate(zip(series, still, strict=True)):
        if not is_still or _is_plain(column, values.dtype):
            values[:, place] = _floats(column)
        else:
            values[:, place], table = _coded(column, place, names[place])
            kept.append(table)
            if library == "numpy" or _kind(column) not in ("numbers", "booleans"):
                coded.append(place)
    return values, FrameMaker(library, names, tuple(coded), tuple(kept))


def _is_block(X: Any) -> bool:
    """Whether X is all float64 or float32, as numpy has them; there may be many columns."""
    kinds = set(X.dtypes) if hasattr(X, "iloc") else set()
    return len(kinds) == 1 and kinds <= {np.dtype(np.float64), np.dtype(np.float32)}


def _series(X: Any) -> list[Any]:
    if isinstance(X, np.ndarray):
        return list(X.T)
    if hasattr(X, "iloc"):
        return [X.iloc[:, place] for place in range(X.shape[1])]
    return list(X.get_columns())


def _of_pandas(column: Any) -> bool:
    return hasattr(column, "iloc")


def _kind(column: Any) -> str:
    dtype = column.dtype
    if not _of_pandas(column):
        if dtype.is_numeric():
            return "numbers"
        if dtype.is_temporal():
            return "dates"
        words = {"Boolean": "booleans", "String": "text", "Null": "nothing"}
        words |= {"Categorical": "categories", "Enum": "categories"}
        return words.get(type(dtype).__name__, words.get(str(dtype), "objects"))
    if str(dtype) == "category":
        return "categories"
    found = {"i": "numbers", "u": "numbers", "f": "numbers", "b": "booleans"}.get(dtype.kind)
    if found is None and dtype.kind in "Mm":
        found = "dates"
    if found is None:
        inferred = sys.modules["pandas"].api.types.infer_dtype(column, skipna=True)
        found = _INFERRED.get(inferred, "objects")
    return found


_INFERRED = {
    **dict.fromkeys(("integer", "floating", "mixed-integer-float", "decimal"), "numbers"),
    **dict.fromkeys(("date", "datetime", "datetime64", "timedelta", "time"), "dates"),
    "boolean": "booleans",
    "string": "text",
    "empty": "nothing",
}


def _is_plain(column: Any, dtype: np.dtype[Any]) -> bool:
    """Whether a column of the array is a column of the frame as it is."""
    if isinstance(column, np.ndarray):
        return False
    if _of_pandas(column):
        return bool(column.dtype == dtype)
    return bool(str(column.dtype).lower() == dtype.name and not column.null_count())


def _floats(column: Any) -> NDArray[np.float64]:
    """Return a column of numbers, NaN where one is missing."""
    if not _of_pandas(column):
        return np.asarray(column.cast(sys.modules["polars"].Float64).to_numpy())
    if isinstance(column.dtype, np.dtype) and column.dtype != object:
        return np.asarray(column, dtype=np.float64)
    out = np.full(len(column), np.nan)
    there = ~np.asarray(column.isna())
    out[there] = np.asarray(column[there], dtype=np.float64)
    return out


def _coded(column: Any, place: int, name: Any) -> tuple[NDArray[np.float64], Kept]:
    """Return the numbers of a column's values, and the table that leads back."""
    if str(column.dtype).lower().startswith(("float", "double")):
        column = column + 0.0  # rows that compare equal must look equal
    numbers_, values, first, gap = _numbered(column, name)
    codes = codes_of(values, name)
    order = np.argsort(codes)
    ranked = codes[order]
    same = np.flatnonzero(ranked[1:] == ranked[:-1])
    if len(same):
        one, other = (values[order[same[0] + step]] for step in (0, 1))
        raise ValueError(
            f"Column {name!r} has the values {one!r} of type {type(one).__name__} and {other!r} of "
            f"type {type(other).__name__}, which cannot be told apart. Convert the column to one "
            "type."
        )
    out = np.append(codes, np.nan)[numbers_]
    rows = first[order] if gap is None else np.append(first[order], gap)
    if isinstance(column, np.ndarray):
        return out, Kept(place, ranked, column[rows])
    kept = column.iloc[rows].array if _of_pandas(column) else column.gather(rows)
    return out, Kept(place, ranked, kept)


def _numbered(
    column: Any, name: Any
) -> tuple[NDArray[np.intp], list[Any], NDArray[np.intp], int | None]:
    """Return numbers for the values of a column, -1 where one is missing; and what they stand for.

    That is the values, the first row of each, and the first row in which it is missing.
    """
    found = None
    if _of_pandas(column) and column.dtype != object:
        with contextlib.suppress(Exception):  # of arrow, where values are lists
            found, _ = column.factorize()
    if found is not None:
        distinct, first = np.unique(found, return_index=True)
        gaps = first[distinct < 0]
        first = first[distinct >= 0]
        return found, column.iloc[first].tolist(), first, int(gaps[0]) if len(gaps) else None
    listed = _of_pandas(column) or isinstance(column, np.ndarray)
    values = column.tolist() if listed else _listed(column)
    numbers_: dict[Hashable, int] = {}
    firsts: list[int] = []
    missing: dict[str, int] = {}
    out = np.full(len(values), -1, dtype=np.intp)
    for row, value in enumerate(values):
        if _is_missing(value):
            missing.setdefault(repr(value), row)
            continue
        dated = isinstance(value, datetime.datetime | datetime.time)
        zone = value.utcoffset() if dated else None
        try:
            number = numbers_.setdefault((type(value), value, zone), len(numbers_))
        except TypeError:  # lists and the like
            number = codes_of([value], name)  # type: ignore[assignment]  # it raises
        if number == len(firsts):
            firsts.append(row)
        out[row] = number
    if len(missing) > 1:
        raise ValueError(
            f"Column {name!r} has {' and '.join(missing)} for missing values, which are one and "
            "the same to a certificate. Use one of them."
        )
    gap = next(iter(missing.values()), None)
    return out, [values[row] for row in firsts], np.array(firsts, dtype=np.intp), gap


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    kinds = numbers.Number, np.datetime64, np.timedelta64
    return isinstance(value, kinds) and bool(value != value)


def _listed(column: Any) -> list[Any]:
    """Return the values of a column of polars; times as numpy has them, to the nanosecond."""
    dtype = column.dtype
    if str(dtype) == "Time":  # Python's end at microseconds
        counts = zip(column.to_list(), column.to_physical(), strict=True)
        return [np.timedelta64(n, "ns") if n and n % 1000 else time for time, n in counts]
    if not dtype.is_temporal():
        return list(column.to_list())
    kind = "timedelta64" if str(dtype).startswith("Duration") else "datetime64"
    unit = "D" if str(dtype) == "Date" else dtype.time_unit
    return [None if v is None else np.array(v, f"{kind}[{unit}]")[()] for v in column.to_physical()]
