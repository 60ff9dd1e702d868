"""Scaling steps in front of a model: folded into it, or applied without the checks around them."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from ..backends import Backend, get_backend, is_net
from .problem import Problem

__all__ = ["AffineMap", "StepsBackend", "affine_map", "after", "without_checks"]

Ops = list[tuple[Callable[..., Any], NDArray[np.float64]]]


class StepsBackend(Backend):
    """Elementwise steps, applied in place, in front of another backend.

    Parameters
    ----------
    ops : list of (ufunc, ndarray of shape (n_features,))
        Applied to each batch one after another.
    inner : Backend
        Gets the batch then.
    """

    def __init__(self, ops: Ops, inner: Backend) -> None:
        self.ops, self.inner = ops, inner
        self.n_classes = inner.n_classes

    def batch_rows(self, row: NDArray[np.floating]) -> int:
        """Batch length that suits the inner backend."""
        return self.inner.batch_rows(row)

    def classify(self, batch: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the class code of each row of `batch`, which is overwritten."""
        return self.inner.classify(self.apply(batch))

    def apply(self, batch: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return `batch` after the steps, in place."""
        for op, operand in self.ops:
            op(batch, operand, out=batch, casting="same_kind")
        return batch


def without_checks(problem: Problem) -> Problem | None:
    """Return the problem with the scaling steps of a Pipeline as plain arithmetic.

    The same operations in the same order as scikit-learn's, so that the result is the same bit for
    bit; that is looked at too.
    """
    steps, model = _split(problem.estimator)
    ops: Ops = []
    for step in steps:
        found = _elementwise(step)
        if found is None:
            return None
        ops += found
    if not ops or problem.X.ndim != 2 or is_net(model) or not len(problem.X):
        return None
    backend = StepsBackend(ops, get_backend(model, problem.answers))
    sample = problem.sample()
    expected: Any = sample if problem.frame is None else problem.frame(sample)
    for step in steps:
        expected = step.transform(expected)
    names = hasattr(model, "feature_names_in_")  # the steps handed on frames
    if names or not np.array_equal(backend.apply(sample.copy()), np.asarray(expected)):
        return None
    return problem.then("steps", estimator=model, frame=None, backend=backend)


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
    """

    matrix: NDArray[np.float64]
    shift: NDArray[np.float64]
    sizes: NDArray[np.float64]
    most: NDArray[np.float64]
    roundings: int = 0

    @classmethod
    def of(cls, steps: list[Any], n_features: int) -> "AffineMap | None":
        """Return the map of scalers and PCA in float64; None if a step is not understood."""
        ones, zeros = np.ones(n_features), np.zeros(n_features)
        whole = cls(ones, zeros, ones, zeros)
        for step in steps:
            ops = _elementwise(step)
            if ops is not None and all(operand.dtype == np.float64 for _, operand in ops):
                for op, operand in ops:
                    whole._then(op, operand)
            elif type(step) is PCA and step.components_.dtype == step.mean_.dtype == np.float64:
                rows = step.components_
                whole._then(np.subtract, step.mean_)
                whole._project(rows)
                if step.whiten:  # scikit-learn keeps clear of zero
                    least = np.finfo(np.float64).eps
                    whole._then(np.divide, np.maximum(np.sqrt(step.explained_variance_), least))
            else:
                return None
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


def after(rows: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``rows @ matrix``, of a matrix that may be a diagonal."""
    return rows * matrix if matrix.ndim == 1 else rows @ matrix


def affine_map(estimator: Any, n_features: int) -> tuple[AffineMap | None, Any]:
    """Return the steps of a Pipeline as one affine map, None if they are not, and its model."""
    steps, model = _split(estimator)
    return AffineMap.of(steps, n_features), model


def _split(estimator: Any) -> tuple[list[Any], Any]:
    """Return the steps and the model of nested Pipelines and FrozenEstimators, nothing else."""
    steps: list[Any] = []
    while True:
        if type(estimator) is FrozenEstimator:
            estimator = estimator.estimator
        elif type(estimator) is Pipeline:
            steps += [s for _, s in estimator.steps[:-1] if s is not None and s != "passthrough"]
            estimator = estimator.steps[-1][1]
        else:
            return [s.estimator if type(s) is FrozenEstimator else s for s in steps], estimator


def _elementwise(step: Any) -> Ops | None:
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
