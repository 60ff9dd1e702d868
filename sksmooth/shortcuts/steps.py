"""Scaling steps in front of a model: folded into it, or applied without the checks around them."""

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

__all__ = ["StepsBackend", "affine_map", "without_checks"]

Ops = list[tuple[Callable[..., Any], NDArray[np.float64]]]
Affine = tuple[NDArray[np.float64] | None, NDArray[np.float64]]


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

    def batch_rows(self, row_values: int) -> int:
        """Batch length that suits the inner backend."""
        return self.inner.batch_rows(row_values)

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


def affine_map(estimator: Any) -> tuple[Affine | None, Any]:
    """Return the scaling steps and PCA of a Pipeline as one affine map, and the model behind them.

    Returns
    -------
    affine : (matrix, shift) or None
        ``x -> matrix x + shift``; the matrix is None for the identity, and an array with one
        dimension for a diagonal. None if some step is not understood.
    model : estimator
        The last step.
    """
    steps, model = _split(estimator)
    matrix: NDArray[np.float64] | None = None
    shift = np.zeros(1)
    for step in steps:
        ops = _elementwise(step)
        if ops is not None:
            for op, operand in ops:
                if op is np.add or op is np.subtract:
                    shift = op(shift, operand)
                else:
                    shift = op(shift, operand)
                    scale = op(1.0, operand)
                    matrix = scale if matrix is None else (matrix.T * scale).T
        elif type(step) is PCA:
            rows = np.asarray(step.components_, dtype=np.float64)
            if step.whiten:
                rows = rows / np.sqrt(step.explained_variance_)[:, None]
            shift = rows @ (np.broadcast_to(shift, rows.shape[1]) - step.mean_)
            if matrix is None:
                matrix = rows
            else:
                matrix = rows * matrix if matrix.ndim == 1 else rows @ matrix
        else:
            return None, model
    if matrix is None and np.any(shift):
        matrix = np.ones(len(shift))
    return (matrix, shift), model


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
        return _ops((np.subtract, step.mean_, step.with_mean), (np.divide, step.scale_, True))
    if type(step) is RobustScaler:
        return _ops((np.subtract, step.center_, True), (np.divide, step.scale_, True))
    if type(step) is MaxAbsScaler and not getattr(step, "clip", False):
        return _ops((np.divide, step.scale_, True))
    if type(step) is MinMaxScaler and not step.clip:
        return _ops((np.multiply, step.scale_, True), (np.add, step.min_, True))
    return None


def _ops(*candidates: tuple[Callable[..., Any], Any, bool]) -> Ops:
    return [(op, operand) for op, operand, used in candidates if used and operand is not None]
