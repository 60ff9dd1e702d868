"""From numbers back to the data frames and arrays that a base should get."""

import dataclasses
import importlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["FrameMaker", "Kept"]


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

    def __getstate__(self) -> dict[str, Any]:
        """Return the state for pickles and skops, which cannot load arrays of pandas."""
        return {"place": self.place, "codes": self.codes, "values": _packed(self.values)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            object.__setattr__(self, name, _unpacked(value) if name == "values" else value)

    def find(self, codes: NDArray[np.floating]) -> NDArray[np.intp] | None:
        """Return the places of numbers among the values; None if some are not known."""
        found = np.searchsorted(self.codes, codes)
        missing = np.isnan(codes)
        found[missing] = len(self.codes)
        known = found < len(self.codes)
        known[known] = self.codes[found[known]] == codes[known]
        if self.has_gap:
            known |= missing
        return found if known.all() else None

    @property
    def has_gap(self) -> bool:
        """Whether there is a missing value behind the others."""
        return len(self.values) > len(self.codes)

    def with_gap(self, like: "Kept | None" = None) -> "Kept":
        """Return the same with a missing value behind the others: that of `like`, if it has one."""
        ours: Any = self.values[: len(self.codes)]
        objects = isinstance(ours, np.ndarray) or str(ours.dtype) == "object"
        if like is not None and like.has_gap and objects:
            longer = np.empty(len(ours) + 1, dtype=object)
            longer[:-1], longer[-1] = ours, like.values[len(like.codes)]
            return dataclasses.replace(self, values=longer)
        if self.has_gap:
            return self
        if not hasattr(ours, "take"):
            return dataclasses.replace(self, values=ours.extend_constant(None, 1))
        if isinstance(ours, np.ndarray):
            return dataclasses.replace(self, values=np.array([*ours, None], dtype=object))
        series = sys.modules["pandas"].Series(ours).reindex(range(len(ours) + 1))
        return dataclasses.replace(self, values=series.array)


@dataclasses.dataclass(frozen=True)
class FrameMaker:
    """Turns arrays into data frames with given column names.

    Parameters
    ----------
    library : str
        Module whose ``DataFrame`` the rows came in, "pandas" or "polars"; "numpy" for an array of
        text or objects.
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

    def with_gaps(self, gone: Sequence[bool], seen: "FrameMaker | None" = None) -> "FrameMaker":
        """Return the same, where noise can make values missing in columns without numbers.

        Parameters
        ----------
        gone : sequence of bool
            Columns that it does so in.
        seen : FrameMaker, default=None
            Of the rows that the base was fitted on. What is missing is then what it was there, so
            that no row's noisy copies depend on the rows that are asked about together with it.
        """
        fitted = {} if seen is None else {column.place: column for column in seen.kept}
        kept = tuple(
            column.with_gap(fitted.get(column.place))
            if column.place in self.coded and gone[column.place]
            else column
            for column in self.kept
        )
        return dataclasses.replace(self, kept=kept)

    def drawing_from(self, seen: "FrameMaker", noisy: Sequence[bool]) -> "FrameMaker":
        """Return the same, but with the values of other rows in the columns with noise.

        Parameters
        ----------
        seen : FrameMaker
            Of the rows whose values are drawn.
        noisy : sequence of bool
            Which columns have noise. What is missing in them stays as these rows have it.
        """
        if self.library != seen.library:
            raise ValueError(
                f"X is of {self.library}, but the categories that noise draws are of "
                f"{seen.library}, as X was in fit. Pass X as in fit."
            )
        ours = {column.place: column for column in self.kept}
        theirs = {column.place: column for column in seen.kept if noisy[column.place]}
        for place, column in theirs.items():
            own = ours.get(place)
            ours[place] = column.with_gap(own) if own is not None and own.has_gap else column
        plain = {place for place in range(len(noisy)) if noisy[place] and place not in theirs}
        kept = tuple(ours[place] for place in sorted(ours.keys() - plain))
        coded = {place for place in self.coded if not noisy[place]}
        coded |= {place for place in seen.coded if noisy[place]}
        return dataclasses.replace(self, coded=tuple(sorted(coded)), kept=kept)

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
        if self.library == "numpy":
            return _joined(self._columns(X))
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
    if str(taken.dtype) != "object" or "pandas" not in sys.modules:
        return taken
    # else pandas would choose a dtype by the objects that are in this batch
    return sys.modules["pandas"].Series(taken, dtype=object)


def _packed(values: Any) -> Any:
    """Return an array of pandas as lists and arrays of numpy, if that is known to lead back."""
    kind = type(values).__name__
    if not type(values).__module__.startswith("pandas"):
        return values
    if kind in ("NumpyExtensionArray", "PandasArray"):
        return values.to_numpy()
    missing = sys.modules["pandas"].isna
    if kind == "Categorical":
        known = values.categories
        packed = {"words": known.tolist(), "dtype": str(known.dtype), "codes": values.codes + 0}
        packed["ordered"] = bool(values.ordered)
    else:
        words = [None if missing(value) else value for value in values.tolist()]
        packed = {"words": words, "dtype": str(values.dtype)}
    plain = {*map(type, packed["words"])} <= {str, int, float, bool, type(None)}
    try:
        back = _unpacked(packed) if plain else None
    except (TypeError, ValueError):
        back = None
    same = back is not None and back.dtype == values.dtype
    return packed if same else values


def _unpacked(packed: Any) -> Any:
    if not isinstance(packed, dict):
        return packed
    pandas = importlib.import_module("pandas")
    if "codes" not in packed:
        return pandas.array(packed["words"], dtype=packed["dtype"])
    known = pandas.Index(packed["words"], dtype=packed["dtype"])
    dtype = pandas.CategoricalDtype(known, ordered=packed["ordered"])
    return pandas.Categorical.from_codes(packed["codes"], dtype=dtype)


def _joined(columns: list[Any]) -> NDArray[Any]:
    """Return columns as an array, of the kind of an array that they come from."""
    arrays = [np.asarray(column) for column in columns]
    if all(array.dtype.kind == arrays[0].dtype.kind for array in arrays):
        return np.stack(arrays, axis=1)
    out = np.empty((len(arrays[0]), len(arrays)), dtype=object)
    for place, array in enumerate(arrays):
        out[:, place] = array
    return out
