"""Steps of Pipelines as affine maps: scalers, PCA, imputers, selections, and those in parallel.

Where columns to which no noise is added are handed to transformers of their own, such as encoders,
what these return enters the map as further features.
"""

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectorMixin
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    RobustScaler,
    StandardScaler,
)

from .columns import CategoryCodes, Columns, Encoder, encoder_of, positions
from .wrappers import split

__all__ = ["AffineMap", "Ops", "after", "elementwise"]

Ops = list[tuple[Callable[..., Any], NDArray[np.float64]]]

_CLIPS = (np.maximum, np.minimum)


@dataclasses.dataclass
class AffineMap:
    """Affine steps one after another, as one map, and how large numbers were on the way.

    Attributes
    ----------
    matrix, shift : ndarray
        ``x -> matrix x + shift``. A matrix with one dimension is a diagonal. Its features are the
        columns of the rows, and then the outputs of the encoders.
    sizes, most : ndarray
        The same with absolute values throughout: no number on the way, and no sum of absolute
        values of its terms, is larger than ``sizes |x| + most``. Shifts that cancel are seen here.
    low, high : ndarray
        Ends at which outputs are clipped.
    gaps : ndarray of bool
        Which outputs are missing values.
    seen : ndarray of shape (n_features,), bool
        In which features a step looks for missing values, though their values may go no farther: an
        imputer can add indicators, and a selection refuses gaps.
    roundings : int
        Operations that a number goes through, at most.
    names : tuple of str
        What the outputs are called, for a step that looks; nothing if they have no names.
    columns : Columns or None
        What the outputs are while they are just the columns of the rows.
    encoders : tuple of Encoder
        Of columns without noise.
    sparse : bool
        Whether a step hands on sparse matrices.
    """

    matrix: NDArray[np.float64]
    shift: NDArray[np.float64]
    sizes: NDArray[np.float64]
    most: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    gaps: NDArray[np.bool_]
    seen: NDArray[np.bool_]
    roundings: int = 0
    names: tuple[str, ...] = ()
    columns: Columns | None = None
    encoders: tuple[Encoder, ...] = ()
    sparse: bool = False

    @classmethod
    def of(cls, steps: list[Any], columns: Columns) -> "AffineMap | None":
        """Return the map of float64 steps; None if one of them is not understood."""
        ones, zeros, n = np.ones(columns.n), np.zeros(columns.n), columns.n
        ends = np.full(n, -np.inf), np.full(n, np.inf)
        gaps, seen = columns.gaps[:n].copy(), np.zeros(n, dtype=bool)
        start = cls(ones, zeros, ones, zeros, *ends, gaps, seen, columns=columns)
        start.names = columns.names
        found = start._after_all(steps)
        if found is not None:
            found._forget_gaps()
        return found

    def __call__(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the map's values at the rows of X."""
        return np.clip(self.unclipped(X), self.low, self.high)

    def unclipped(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the values that they would have if nothing was clipped."""
        return times(X, self.matrix) + self.shift

    def extended(self, X: NDArray[np.floating], frame: Any) -> NDArray[np.float64]:
        """Return rows with what encoders make of them; a value that nothing looks at is 0.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_columns)
        frame : callable or None
            Makes the frame that the first step gets.
        """
        given = frame(X) if self.encoders and frame is not None and len(X) else X
        numbers = X.astype(np.float64)
        numbers[:, ~self.used[: X.shape[1]]] = 0.0
        return np.hstack([numbers, *(encoder(given) for encoder in self.encoders)])

    @property
    def used(self) -> NDArray[np.bool_]:
        """Which features outputs depend on, be it on whether their values are missing."""
        return self.seen | (self.sizes != 0 if self.sizes.ndim == 1 else self.sizes.any(axis=0))

    @property
    def untouched(self) -> NDArray[np.bool_]:
        """Which outputs are a feature as it is, to the last bit."""
        plain = (self.shift == 0) & (self.most == 0)
        if self.matrix.ndim == 1:
            return np.asarray(plain & (self.matrix == 1))
        one = (self.matrix == 1).sum(axis=1) == 1
        return np.asarray(plain & one & ((self.sizes != 0).sum(axis=1) == 1))

    def preimage(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return rows that the map sends to about Z, where there are any."""
        if self.matrix.ndim == 1:
            return (Z - self.shift) / np.where(self.matrix == 0, 1.0, self.matrix)
        return (Z - self.shift) @ np.linalg.pinv(self.matrix).T

    def reach(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return what no number on the way is larger than, for rows of absolute values up to X."""
        return times(X, self.sizes) + self.most

    def _after_step(self, step: Any) -> "AffineMap | None":
        ops = elementwise(step)
        if ops is not None:
            if any(operand.dtype != np.float64 for _, operand in ops):
                return None
            for op, operand in ops:
                self._then(op, operand)
            return self
        if type(step) is PCA and step.components_.dtype == step.mean_.dtype == np.float64:
            if self.gaps.any() or np.isfinite(self.low).any() or np.isfinite(self.high).any():
                return None
            self._then(np.subtract, step.mean_)
            self._project(step.components_)
            if step.whiten:  # scikit-learn keeps clear of zero
                least = np.finfo(np.float64).eps
                self._then(np.divide, np.maximum(np.sqrt(step.explained_variance_), least))
            return self
        if isinstance(step, SelectorMixin) and type(step).__module__.startswith("sklearn."):
            return self._select(np.flatnonzero(step.get_support()), seen=self.used)
        if type(step) in (KNNImputer, SimpleImputer):
            return self._impute(step)
        if type(step) is ColumnTransformer:
            return self._side_by_side(step)
        if type(step) is CategoryCodes:
            return self._with_codes(step)
        if type(step) in (OneHotEncoder, OrdinalEncoder):
            return self._encoded(step)
        if type(step) is FunctionTransformer and step.func is None:
            return self
        if type(step) is Pipeline:
            steps, last = split(step)
            return self._after_all([*steps, last])
        return None

    def _after_all(self, steps: list[Any]) -> "AffineMap | None":
        whole: AffineMap | None = self
        for step in steps:
            if whole is not None and not (isinstance(step, str) and step == "passthrough"):
                names, whole = whole.names, whole._after_step(step)
                if whole is not None and type(step) is not Pipeline:  # which was followed inside
                    whole.names, whole.columns = _names_after(step, names), None
        return whole

    def _then(self, op: Callable[..., Any], operand: NDArray[np.float64]) -> None:
        if op in _CLIPS:
            self.low, self.high = op(self.low, operand), op(self.high, operand)
            return
        self.roundings += 1
        self.shift = op(self.shift, operand)
        ends = op(self.low, operand), op(self.high, operand)
        self.low, self.high = np.minimum(*ends), np.maximum(*ends)
        if op is np.add or op is np.subtract:
            self.most = self.most + np.abs(operand)
            return
        scale = op(1.0, operand)
        self.most = self.most * np.abs(scale)
        self.matrix = (self.matrix.T * scale).T
        self.sizes = (self.sizes.T * np.abs(scale)).T

    def _project(self, rows: NDArray[np.float64]) -> None:
        self.roundings += rows.shape[1]
        self.shift, self.most = rows @ self.shift, np.abs(rows) @ self.most
        self.matrix, self.sizes = after(rows, self.matrix), after(np.abs(rows), self.sizes)
        self.low, self.high = np.full((2, len(rows)), [[-np.inf], [np.inf]])
        self.gaps = np.zeros(len(rows), dtype=bool)

    def _select(
        self, columns: NDArray[np.intp], seen: NDArray[np.bool_] | None = None
    ) -> "AffineMap":
        return dataclasses.replace(
            self,
            matrix=_lines(self.matrix, columns),
            shift=self.shift[columns],
            sizes=_lines(self.sizes, columns),
            most=self.most[columns],
            low=self.low[columns],
            high=self.high[columns],
            gaps=self.gaps[columns],
            names=(),
            columns=None,
            seen=self.seen if seen is None else seen,
        )

    def _impute(self, step: Any) -> "AffineMap | None":
        """Return the map after an imputer: complete rows pass, gaps are filled with constants.

        What it does is told from two rows with the same gaps: an output that is one of their
        values in both is that one.
        """
        simple = type(step) is SimpleImputer
        if not np.isscalar(step.missing_values) or step.missing_values == step.missing_values:
            return None  # it takes other values than NaN for missing
        if self.gaps.any() and not simple:
            return None  # what it fills in depends on the other values
        rows = np.arange(1.0, len(self.shift) + 1) * np.array([[1.0], [1.25]])
        rows[:, self.gaps] = np.nan
        with warnings.catch_warnings():  # of names that arrays do not have
            warnings.simplefilter("ignore")
            out = np.asarray(step.transform(rows.copy()), dtype=np.float64)
        same = np.all(out[:, :, None] == rows[:, None, :], axis=0)
        constant = (out[0] == out[1]) & ~same.any(axis=1)
        if not np.all(constant | (same.sum(axis=1) == 1)):
            return None
        found = self._select(same.argmax(axis=1), seen=self.used)
        found._fix(constant, out[0])
        return found

    def _fix(self, outputs: NDArray[np.bool_], values: NDArray[np.float64]) -> None:
        """Let some outputs be constants."""
        self.matrix, self.sizes = _lines(self.matrix), _lines(self.sizes)
        self.matrix[outputs], self.sizes[outputs] = 0.0, 0.0
        self.shift = np.where(outputs, values, self.shift)
        self.most = np.where(outputs, np.abs(values), self.most)
        self.low = np.where(outputs, -np.inf, self.low)
        self.high = np.where(outputs, np.inf, self.high)
        self.gaps = self.gaps & ~outputs

    def _forget_gaps(self) -> None:
        """Let outputs that are missing depend on nothing, so that no NaN gets into other ones."""
        if self.gaps.any():
            gaps = self.gaps
            self._fix(gaps, np.zeros(len(gaps)))
            self.gaps = gaps

    def _side_by_side(self, step: Any) -> "AffineMap | None":
        """Return the parts of a ColumnTransformer, one under the other."""
        if step.transformer_weights or step.n_features_in_ != len(self.shift):
            return None
        # it goes by the names in the frame that it gets, which may be in another order
        if list(getattr(step, "feature_names_in_", ())) != list(self.names):
            return None
        parts: list[AffineMap | Encoder] = []
        for name, transformer, columns in step.transformers_:
            places = positions(step, name)
            if (isinstance(transformer, str) and transformer == "drop") or not len(places):
                continue
            encoder = None
            if self.columns is not None:
                encoder = encoder_of(self.columns, step, name, transformer, columns)
            if encoder is not None:
                parts.append(encoder)
                continue
            if self.columns is not None and self.columns.coded[places].any():
                return None
            part = self._select(places)._after_all([transformer])
            if part is None:
                return None
            parts.append(part)
        return self._stacked(parts, sparse=bool(step.sparse_output_)) if parts else None

    def _with_codes(self, step: CategoryCodes) -> "AffineMap | None":
        """Return the map with codes in place of columns of categories."""
        places = np.array(step.places, dtype=np.intp)
        if self.columns is None or not self.columns.encodable(places, step):
            return None
        coded = np.flatnonzero(self.columns.coded)
        if not np.array_equal(coded, places):
            return None  # other columns that hold no numbers
        encoder = Encoder(step, places, len(places))
        rest = np.setdiff1d(np.arange(self.columns.n), places)
        found = self._stacked([self._select(rest), encoder], sparse=False)
        return found._select(np.argsort(np.concatenate([rest, places])))

    def _encoded(self, step: Any) -> "AffineMap | None":
        """Return the outputs of a first step that encodes all columns."""
        every = np.arange(len(self.shift))
        if self.columns is None or not self.columns.encodable(every, step):
            return None
        encoder = Encoder(step, every, len(step.get_feature_names_out()))
        return self._stacked([encoder], sparse=bool(getattr(step, "sparse_output", False)))

    def _stacked(self, parts: list["AffineMap | Encoder"], *, sparse: bool) -> "AffineMap":
        """Return parts one under the other, encoders' outputs behind the features."""
        encoders = tuple(part for part in parts if isinstance(part, Encoder))
        more = sum(encoder.n_outputs for encoder in encoders)
        n, place = len(self.used), len(self.used)
        unseen = np.zeros(n + more, dtype=bool)
        maps = []
        for part in parts:
            if isinstance(part, Encoder):
                k = part.n_outputs
                lines = np.zeros((k, n + more))
                lines[np.arange(k), place + np.arange(k)] = 1.0
                zeros, ends, gaps = np.zeros(k), np.full(k, np.inf), np.zeros(k, dtype=bool)
                if self.columns is not None and len(self.columns.gaps) > place:
                    gaps = self.columns.gaps[place : place + k]
                place += k
                maps.append(AffineMap(lines, zeros, lines, zeros, -ends, ends, gaps, unseen))
            else:
                room = np.zeros((len(part.shift), more))
                seen = np.append(part.seen, unseen[n:])
                matrix, sizes = (np.hstack([_lines(m), room]) for m in (part.matrix, part.sizes))
                maps.append(dataclasses.replace(part, matrix=matrix, sizes=sizes, seen=seen))
        fields = ("matrix", "shift", "sizes", "most", "low", "high", "gaps")
        joined: dict[str, Any] = {
            field: np.concatenate([getattr(part, field) for part in maps]) for field in fields
        }
        return AffineMap(
            **joined,
            roundings=max(part.roundings for part in maps),
            encoders=self.encoders + encoders,
            sparse=sparse or self.sparse or any(part.sparse for part in maps),
            seen=np.logical_or.reduce([part.seen for part in maps]),
        )


def _names_after(step: Any, before: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a step's outputs are called if it hands on data frames."""
    if type(step) is FunctionTransformer and not step.validate:  # it returns just what it gets
        return before
    default = sklearn.get_config()["transform_output"]
    config = getattr(step, "_sklearn_output_config", {}).get("transform", default)
    return () if config == "default" else tuple(step.get_feature_names_out())


def _lines(
    matrix: NDArray[np.float64], columns: NDArray[np.intp] | None = None
) -> NDArray[np.float64]:
    """Return rows of a matrix that may be a diagonal."""
    columns = np.arange(len(matrix)) if columns is None else columns
    if matrix.ndim == 2:
        return matrix[columns]
    lines = np.zeros((len(columns), len(matrix)))
    lines[np.arange(len(columns)), columns] = matrix[columns]
    return lines


def after(rows: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``rows @ matrix``, of a matrix that may be a diagonal."""
    return rows * matrix if matrix.ndim == 1 else rows @ matrix


def times(X: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the products of the rows of X with a matrix that may be a diagonal."""
    return X * matrix if matrix.ndim == 1 else X @ matrix.T


def elementwise(step: Any) -> Ops | None:
    """Return a scaler's arithmetic, in its order; None if it is not one that is known."""
    if type(step) is StandardScaler:
        centre, scale = (np.subtract, step.mean_), (np.divide, step.scale_)
        return _ops((*centre, step.with_mean), (*scale, step.with_std))
    if type(step) is RobustScaler:
        centre, scale = (np.subtract, step.center_), (np.divide, step.scale_)
        return _ops((*centre, step.with_centering), (*scale, step.with_scaling))
    if type(step) is MaxAbsScaler and not getattr(step, "clip", False):
        return _ops((np.divide, step.scale_, True))
    if type(step) is MinMaxScaler:
        low, high = np.array(step.feature_range, dtype=np.float64)
        ends = (np.maximum, low, step.clip), (np.minimum, high, step.clip)
        return _ops((np.multiply, step.scale_, True), (np.add, step.min_, True), *ends)
    return None


def _ops(*candidates: tuple[Callable[..., Any], Any, bool]) -> Ops:
    return [(op, operand) for op, operand, used in candidates if used and operand is not None]
