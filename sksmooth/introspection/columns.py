"""Columns of rows: which have noise, which hold numbers, and what takes those that do not."""

import dataclasses
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder
from sklearn.utils import _safe_indexing

from .readable import answers_by_row

__all__ = ["CategoryCodes", "Columns", "Encoder", "encoder_of", "hands_on", "positions"]


class Columns(NamedTuple):
    """What is known of the columns of rows.

    Attributes
    ----------
    n : int
        How many there are.
    names : tuple of str
        What they are called in the frames that the steps get; nothing if they get arrays.
    still : ndarray of shape (n,), bool
        Which have no noise.
    coded : ndarray of shape (n,), bool
        Which do not hold numbers, but codes of something.
    gaps : ndarray of shape (n,) or more, bool
        Which have a missing value in these rows; behind them, which outputs of encoders have.
    replaced : ndarray of shape (n,), bool
        Which have noise that puts other values in place of theirs, known ones or missing ones.
    """

    n: int
    names: tuple[str, ...]
    still: NDArray[np.bool_]
    coded: NDArray[np.bool_]
    gaps: NDArray[np.bool_]
    replaced: NDArray[np.bool_]

    @classmethod
    def plain(cls, n: int) -> "Columns":
        """Return columns of numbers, all of which may have noise."""
        return cls.of(n, (), np.zeros(n, dtype=bool), ())

    @classmethod
    def of(
        cls,
        n: int,
        names: tuple[Any, ...],
        still: NDArray[np.bool_],
        coded: Sequence[int],
        replaced: Sequence[int] = (),
    ) -> "Columns":
        """Return columns without gaps; scikit-learn knows only names that are strings."""
        names = names if all(isinstance(name, str) for name in names) else ()
        is_coded, is_replaced = (np.isin(np.arange(n), places) for places in (coded, replaced))
        return cls(n, tuple(names), still, is_coded, np.zeros(n, dtype=bool), is_replaced)

    def encodable(self, places: NDArray[np.intp], transformer: Any) -> bool:
        """Whether what a transformer makes of columns is known, whatever noise does to the row.

        It is if they have no noise, or if each output is a function of one value that is replaced.
        """
        if not (self.still | self.replaced)[places].all():
            return False
        return len(places) == 1 or not self.replaced[places].any() or _by_column(transformer)


class Encoder(NamedTuple):
    """A transformer of columns to which no noise is added.

    Attributes
    ----------
    transformer : transformer
        Fitted; it answers by row.
    columns : object
        What it takes: positions, or one position if it wants that column alone.
    n_outputs : int
        How many columns it returns.
    """

    transformer: Any
    columns: Any
    n_outputs: int

    def __call__(self, X: Any) -> NDArray[np.float64]:
        """Return what it makes of rows, an array or a data frame."""
        if len(X) == 0:  # scikit-learn takes no such arrays
            return np.empty((0, self.n_outputs))
        found = self.transformer.transform(_safe_indexing(X, self.columns, axis=1))
        found = found.toarray() if hasattr(found, "toarray") else found
        return np.asarray(found, dtype=np.float64).reshape(len(X), self.n_outputs)


@dataclasses.dataclass(frozen=True)
class CategoryCodes:
    """A step that puts codes in place of a frame's categories, as a model does that gets frames.

    Parameters
    ----------
    names : tuple of str
        All columns.
    places : tuple of int
        Those of pandas' dtype ``category``.
    categories : tuple of tuple
        What the codes 0, 1, ... of each of them stand for in the model.
    refuses : bool
        Whether the model takes no categories that it has not seen; else they are missing.
    """

    names: tuple[str, ...]
    places: tuple[int, ...]
    categories: tuple[tuple[Any, ...], ...]
    refuses: bool

    _sklearn_output_config = MappingProxyType({"transform": "pandas"})

    def get_feature_names_out(self) -> tuple[str, ...]:
        """Return what the columns are called, before and after."""
        return self.names

    def transform(self, X: Any) -> NDArray[np.float64]:
        """Return the codes of the columns with categories."""
        codes = np.empty((len(X), len(self.places)))
        for j, categories in enumerate(self.categories):
            column = X.iloc[:, j]
            found = np.asarray(column.cat.set_categories(list(categories)).cat.codes, dtype=float)
            strange = (found < 0) & ~np.asarray(column.isna())
            if self.refuses and strange.any():
                raise ValueError(
                    f"Column {X.columns[j]!r} has the category {column[strange].iloc[0]!r}, which "
                    "the base was not fitted on and refuses."
                )
            codes[:, j] = np.where(found < 0, np.nan, found)
        return codes


def encoder_of(
    known: Columns, step: Any, name: str, transformer: Any, columns: Any
) -> Encoder | None:
    """Return a part of a ColumnTransformer that gets categories, unless it hands numbers on."""
    places = positions(step, name)
    if not known.encodable(places, transformer):
        return None
    if hands_on(transformer) or not answers_by_row(transformer):
        return None
    alone = isinstance(columns, str | int | np.integer)
    outputs = step.output_indices_[name]
    n_outputs = outputs.stop - outputs.start
    return Encoder(transformer, int(places[0]) if alone else places, n_outputs)


def _by_column(transformer: Any) -> bool:
    """Whether each output of a transformer depends on one of its columns alone."""
    if type(transformer) is Pipeline:
        return all(_by_column(step) for _, step in transformer.steps)
    if type(transformer) is SimpleImputer:
        return not transformer.add_indicator
    return type(transformer) in (CategoryCodes, OneHotEncoder, OrdinalEncoder)


def hands_on(transformer: Any) -> bool:
    """Whether a part of a ColumnTransformer returns just what it gets."""
    if isinstance(transformer, str):
        return transformer == "passthrough"
    return type(transformer) is FunctionTransformer and transformer.func is None


def positions(step: Any, name: str) -> NDArray[np.intp]:
    """Return the positions of the columns that a part of a fitted ColumnTransformer takes."""
    return np.array(step._transformer_to_input_indices[name], dtype=np.intp)
