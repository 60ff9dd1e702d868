"""Scaling steps in front of a model: folded into it, or applied without the checks around them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends import Backend, SklearnBackend, backend_kind, get_backend
from ..introspection import elementwise, split, why_not_readable
from ..introspection.affine import Ops
from ..introspection.probes import probe_rows
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
    """

    def __init__(self, ops: Ops, inner: Backend) -> None:
        self.ops, self.inner = ops, inner
        self.n_classes, self.pure = inner.n_classes, inner.pure

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
        """Return `batch` after the steps, in place."""
        for op, operand in self.ops:
            op(batch, operand, out=batch, casting="same_kind")
        return batch


def without_checks(problem: Problem) -> Problem | None:
    """Return the problem with the scaling steps of a Pipeline as plain arithmetic.

    The same operations in the same order as scikit-learn's. Versions differ in the precision of the
    operands, so that the results are compared, too: they must be the same bit for bit.
    """
    steps, model = split(problem.estimator)
    if problem.X.ndim != 2 or backend_kind(model) is not SklearnBackend:
        return None
    if why_not_readable(*steps) is not None:
        return None
    ops: Ops = []
    for step in steps:
        found = elementwise(step)
        if found is None:
            return None
        ops += found
    if not ops or hasattr(model, "feature_names_in_"):  # then the steps hand on frames
        return None
    backend = StepsBackend(ops, get_backend(model, problem.answers))
    probes = probe_rows(problem.X, problem.noise.deviations(problem.X.shape[1:]))
    expected: Any = probes.copy() if problem.frame is None else problem.frame(probes.copy())
    for step in steps:
        expected = step.transform(expected)
    if not np.array_equal(backend.apply(probes), np.asarray(expected)):
        return None
    return problem.then("steps", estimator=model, frame=None, backend=backend)
