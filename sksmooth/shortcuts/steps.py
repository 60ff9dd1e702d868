"""Steps in front of a model, without the checks around them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer

from ..backends import Backend, SklearnBackend, backend_kind, get_backend
from ..introspection import split, why_not_readable
from ..introspection.affine import Ops
from ..introspection.probes import probe_rows
from .columns import SideBySide, operations, side_by_side
from .problem import Problem

__all__ = ["StepsBackend", "without_checks"]


class StepsBackend(Backend):
    """Elementwise steps, applied in place, in front of another backend.

    Parameters
    ----------
    ops : list of (ufunc, ndarray of shape (n_features,))
        Applied to each batch one after another.
    inner : Backend
        Gets the batch then.
    first : SideBySide, default=None
        What comes before these: parts for different columns.
    """

    def __init__(self, ops: Ops, inner: Backend, first: SideBySide | None = None) -> None:
        self.ops, self.inner, self.first = ops, inner, first
        self.n_classes, self.pure = inner.n_classes, inner.pure

    def before(self, inner: Backend) -> "StepsBackend":
        """Return the same steps in front of another backend."""
        return StepsBackend(self.ops, inner, self.first)

    def batch_rows(self, row: NDArray[np.floating]) -> int:
        """Batch length that suits the inner backend."""
        return self.inner.batch_rows(row)

    def classify(self, batch: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the class code of each row of `batch`, which is overwritten."""
        return self.inner.classify(self.apply(batch))

    def gaps(self, batch: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the gaps of the inner backend."""
        return self.inner.gaps(self.apply(batch.copy()))

    def apply(self, batch: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return `batch` after the steps, in place if nothing comes first."""
        if self.first is not None:
            batch = self.first(batch)
        for op, operand in self.ops:
            op(batch, operand, out=batch, casting="same_kind")
        return batch


def without_checks(problem: Problem) -> Problem | None:
    """Return the problem with the steps of a Pipeline as plain arithmetic.

    The same operations in the same order as scikit-learn's. Versions differ in the precision of the
    operands, so that the results are compared, too: they must be the same bit for bit.
    """
    steps, model = split(problem.estimator)
    if problem.X.ndim != 2 or backend_kind(model) is not SklearnBackend:
        return None
    if why_not_readable(*steps) is not None:
        return None
    deviations = problem.noise.deviations(problem.X.shape[1:])
    first, others = None, steps
    if steps and type(steps[0]) is ColumnTransformer:
        first, others = side_by_side(steps[0], problem, deviations), steps[1:]
        if first is None:
            return None
    ops = operations(others)
    if ops is None or not (ops or first):
        return None
    if hasattr(model, "feature_names_in_"):  # then the steps hand on frames
        return None
    backend = StepsBackend(ops, get_backend(model, problem.answers), first)
    probes = probe_rows(problem.X, deviations)
    expected: Any = probes.copy() if problem.frame is None else problem.frame(probes.copy())
    for step in steps:
        expected = step.transform(expected)
    expected, gaps = np.asarray(expected), bool(np.isnan(problem.X).any())
    if expected.dtype.kind != "f":  # columns that hold no numbers go through
        return None
    if not np.array_equal(backend.apply(probes), expected, equal_nan=gaps):
        return None
    return problem.then("steps", estimator=model, frame=None, backend=backend)
