"""Steps of Pipelines as affine maps: scalers, PCA, selections of columns, and those in parallel."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectorMixin
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    RobustScaler,
    StandardScaler,
)

from .wrappers import split

__all__ = ["AffineMap", "Ops", "after", "elementwise"]

Ops = list[tuple[Callable[..., Any], NDArray[np.float64]]]


@dataclasses.dataclass
class AffineMap:
    """Affine steps one after another, as one map, and how large numbers were on the way.

    Attributes
    ----------
    matrix, shift : ndarray
        ``x -> matrix x + shift``. A matrix with one dimension is a diagonal.
    sizes, most : ndarray
        The same with absolute values throughout: no number on the way, and no sum of absolute
        values of its terms, is larger than ``sizes |x| + most``. Shifts that cancel are seen here.
    roundings : int
        Operations that a number goes through, at most.
    names : tuple of str
        What the columns are called, for a step that looks; nothing if they have no names.
    """

    matrix: NDArray[np.float64]
    shift: NDArray[np.float64]
    sizes: NDArray[np.float64]
    most: NDArray[np.float64]
    roundings: int = 0
    names: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, steps: list[Any], n_features: int, names: tuple[str, ...] = ()
    ) -> "AffineMap | None":
        """Return the map of float64 steps; None if one of them is not understood."""
        ones, zeros = np.ones(n_features), np.zeros(n_features)
        return cls(ones, zeros, ones, zeros, names=names)._after_all(steps)

    def __call__(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the map's values at the rows of X."""
        return times(X, self.matrix) + self.shift

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
            rows = step.components_
            self._then(np.subtract, step.mean_)
            self._project(rows)
            if step.whiten:  # scikit-learn keeps clear of zero
                least = np.finfo(np.float64).eps
                self._then(np.divide, np.maximum(np.sqrt(step.explained_variance_), least))
            return self
        if isinstance(step, SelectorMixin) and type(step).__module__.startswith("sklearn."):
            return self._select(np.flatnonzero(step.get_support()))
        if type(step) is ColumnTransformer:
            return self._side_by_side(step)
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
                whole = whole._after_step(step)
                if whole is not None:
                    whole.names = ()  # steps hand on arrays
        return whole

    def _then(self, op: Callable[..., Any], operand: NDArray[np.float64]) -> None:
        self.roundings += 1
        self.shift = op(self.shift, operand)
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

    def _select(self, columns: NDArray[np.intp]) -> "AffineMap":
        return AffineMap(
            _lines(self.matrix, columns),
            self.shift[columns],
            _lines(self.sizes, columns),
            self.most[columns],
            self.roundings,
        )

    def _side_by_side(self, step: Any) -> "AffineMap | None":
        """Return the parts of a ColumnTransformer, one under the other."""
        if step.transformer_weights or step.n_features_in_ != len(self.shift):
            return None
        # it goes by the names in the frame that it gets, which may be in another order
        if list(getattr(step, "feature_names_in_", ())) != list(self.names):
            return None
        parts = []
        for _, transformer, columns in step.transformers_:
            if isinstance(transformer, str) and transformer == "drop":
                continue
            part = self._select(_positions(columns, step))._after_all([transformer])
            if part is None:
                return None
            parts.append(part)
        if not parts:
            return None
        return AffineMap(
            np.concatenate([part.matrix for part in parts]),
            np.concatenate([part.shift for part in parts]),
            np.concatenate([part.sizes for part in parts]),
            np.concatenate([part.most for part in parts]),
            max(part.roundings for part in parts),
        )


def _lines(matrix: NDArray[np.float64], columns: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return some rows of a matrix that may be a diagonal."""
    if matrix.ndim == 2:
        return matrix[columns]
    lines = np.zeros((len(columns), len(matrix)))
    lines[np.arange(len(columns)), columns] = matrix[columns]
    return lines


def _positions(columns: Any, step: Any) -> NDArray[np.intp]:
    """Return the positions of columns that a ColumnTransformer names in any of its ways."""
    numbers = np.arange(step.n_features_in_)
    if isinstance(columns, slice | int | np.integer):
        return np.atleast_1d(numbers[columns])
    if isinstance(columns, str):
        columns = [columns]
    names = list(columns)
    if names and isinstance(names[0], str):
        known = {name: i for i, name in enumerate(step.feature_names_in_)}
        return np.array([known[name] for name in names], dtype=np.intp)
    return numbers[np.asarray(columns, dtype=None if names else np.intp)]


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
    if type(step) is MinMaxScaler and not step.clip:
        return _ops((np.multiply, step.scale_, True), (np.add, step.min_, True))
    return None


def _ops(*candidates: tuple[Callable[..., Any], Any, bool]) -> Ops:
    return [(op, operand) for op, operand, used in candidates if used and operand is not None]
