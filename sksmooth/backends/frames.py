"""Data frames: columns as numbers, for noise and keys, and back to what the base should get.

A column without noise may hold anything. Inside the library it is a number too: numbers and truth
values stand for themselves, all other values for a hash of what they are. So a row's key depends on
all its columns, but not on dtypes, the order of categories or other rows. `FrameMaker` turns the
numbers back, by a table of the values that the rows of a call have.
"""

import contextlib
import dataclasses
import datetime
import importlib
import numbers
import sys
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .value_codes import codes_of

__all__ = ["FrameMaker", "Kept", "is_frame", "kinds_of_columns", "read_frame"]


@dataclasses.dataclass(frozen=True, eq=False)
class Kept:
    """A column that is handed on as it came: the values that stand behind its numbers.

    Parameters
    ----------
    place : int
        Which column it is.
    codes : ndarray of shape (n_values,)
        Rising.
    values : array of the library
        One for each code; behind them the missing value, if there are any.
    """

    place: int
    codes: NDArray[np.float64]
    values: Any

    def find(self, codes: NDArray[np.floating]) -> NDArray[np.intp] | None:
        """Return the places of numbers among the values; None if some are not known."""
        found = np.searchsorted(self.codes, codes)
        missing = np.isnan(codes)
        found[missing] = len(self.codes)
        known = found < len(self.codes)
        known[known] = self.codes[found[known]] == codes[known]
        if len(self.values) > len(self.codes):
            known |= missing
        return found if known.all() else None


@dataclasses.dataclass(frozen=True)
class FrameMaker:
    """Turns arrays into data frames with given column names.

    Parameters
    ----------
    library : str
        Module whose ``DataFrame`` the rows came in: "pandas" or "polars".
    columns : tuple
        Names of the columns.
    coded : tuple of int, default=()
        Places of the columns without numbers: the array has hashes there.
    kept : tuple of Kept, default=()
        The columns that get other values than the array has, or other dtypes. A column without
        numbers that is not among them cannot be made.
    """

    library: str
    columns: tuple[Any, ...]
    coded: tuple[int, ...] = ()
    kept: tuple[Kept, ...] = dataclasses.field(default=(), compare=False, repr=False)

    def bare(self) -> "FrameMaker":
        """Return the same without the values of any rows."""
        return dataclasses.replace(self, kept=())

    def __call__(self, X: NDArray[Any]) -> Any:
        """Return X as a data frame.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_columns)
            Rows, as `read_frame` or noise made them.

        Returns
        -------
        frame : DataFrame
            Of the library.

        Raises
        ------
        ValueError
            If a number stands for no value that the rows of the call have.
        """
        if self.library not in ("pandas", "polars"):  # a file that was loaded may say anything
            raise ValueError(f"library must be 'pandas' or 'polars'; got {self.library!r}.")
        library = importlib.import_module(self.library)
        plain = not (self.kept or self.coded)
        if plain and self.library == "polars":
            return library.DataFrame(X, schema=list(self.columns))
        if plain:
            return library.DataFrame(X, columns=list(self.columns), copy=False)
        data = self._columns(X)
        if self.library == "polars":
            return library.DataFrame(dict(zip(self.columns, data, strict=True)))
        frame = library.DataFrame(dict(enumerate(data)), copy=False)
        frame.columns = list(self.columns)
        return frame

    def _columns(self, X: NDArray[Any]) -> list[Any]:
        data = list(X.T)
        # noisy copies of a row come one after another: what it has is looked up once
        bits = np.ascontiguousarray(X[:, [column.place for column in self.kept]])
        bits = bits.view(np.int64 if X.itemsize == 8 else np.int32)
        starts = np.flatnonzero(np.any(bits[1:] != bits[:-1], axis=1)) + 1
        starts = np.concatenate([[0], starts])[: len(X)]
        lengths, made = np.diff(starts, append=len(X)), set()
        for column in self.kept:
            found = column.find(X[starts, column.place])
            if found is not None:  # else they are numbers, and not of these rows
                data[column.place] = _take(column.values, np.repeat(found, lengths))
                made.add(column.place)
        strange = [self.columns[place] for place in self.coded if place not in made]
        if strange:
            raise ValueError(
                f"The columns {strange[:5]} do not hold numbers, and of some rows it is not known "
                "what they hold there."
            )
        return data


def _take(values: Any, places: NDArray[np.intp]) -> Any:
    if not hasattr(values, "take"):
        return values.gather(places)
    taken = values.take(places)
    if str(taken.dtype) != "object":
        return taken
    # else pandas would choose a dtype by the objects that are in this batch
    return sys.modules["pandas"].Series(taken, dtype=object)


def is_frame(X: Any) -> bool:
    """Whether X is a data frame of pandas or polars."""
    return _library_of(X) is not None


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
    if _is_block(X):
        return ("numbers",) * X.shape[1]
    return tuple(map(_kind, _series(X)))


def read_frame(X: Any, still: Sequence[bool]) -> tuple[NDArray[np.floating], FrameMaker]:
    """Return a frame as numbers, and what turns these back.

    Parameters
    ----------
    X : DataFrame
        Of pandas or polars.
    still : sequence of bool
        Which columns get no noise. All others hold numbers or truth values.

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
            if _kind(column) not in ("numbers", "booleans"):
                coded.append(place)
    return values, FrameMaker(library, names, tuple(coded), tuple(kept))


def _is_block(X: Any) -> bool:
    """Whether X is all float64 or float32, as numpy has them; there may be many columns."""
    kinds = set(X.dtypes) if hasattr(X, "iloc") else set()
    return len(kinds) == 1 and kinds <= {np.dtype(np.float64), np.dtype(np.float32)}


def _series(X: Any) -> list[Any]:
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
    values = column.tolist() if _of_pandas(column) else _listed(column)
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
