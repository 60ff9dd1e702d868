"""Any fitted regressor, through its ``predict``."""

import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..introspection import unwrap
from .base import Backend
from .frames import FrameMaker
from .refusals import noise_explained

__all__ = ["NumbersBackend"]

_BATCH_ROWS = 10_000
_BATCH_VALUES = 2**22
_N_INTERVALS = 16


class NumbersBackend(Backend):
    """A regressor that follows scikit-learn's conventions; skorch's are asked the same way.

    It votes, too: for one of some intervals that its answers lie in. So the questions that are put
    to a base before its votes count serve regressors, whose answers differ by rounding.

    Parameters
    ----------
    estimator : fitted regressor
        Its ``predict`` is the base f.
    frame : FrameMaker or None
        Applied to each batch.
    float32 : bool, default=False
        Whether batches are rounded to float32: a net's parameters are of that precision.
    """

    def __init__(self, estimator: Any, frame: FrameMaker | None, *, float32: bool = False) -> None:
        self.estimator, self.frame, self.float32 = estimator, frame, float32
        self.edges = np.zeros(0)
        self.n_classes = 1

    def with_votes(self, rows: NDArray[np.floating]) -> "NumbersBackend":
        """Return the backend that votes for intervals between the answers to some rows."""
        found = copy.copy(self)
        shares = np.arange(1, _N_INTERVALS) / _N_INTERVALS
        # between two answers: on the one value of a leaf, rounding would decide
        answers = np.unique(self.number(self.outputs(rows)))
        answers = answers[np.isfinite(answers)]
        middles = 0.5 * answers[1:] + 0.5 * answers[:-1]
        if len(middles):
            found.edges = np.quantile(middles, shares, method="nearest")
        found.n_classes = _N_INTERVALS
        return found

    def batch_rows(self, row: NDArray[np.floating]) -> int:
        """Batch length that suits the model, for rows like this one."""
        return int(np.clip(_BATCH_VALUES // row.size, 64, _BATCH_ROWS))

    def classify(self, batch: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the number of the interval that each answer lies in."""
        return np.searchsorted(self.edges, self.number(self.outputs(batch))).astype(np.int64)

    def number(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return one number for each of some outputs: by default, the output."""
        return outputs

    def outputs(self, batch: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the answers: numbers or infinities."""
        n, answer = len(batch), self.asked("predict", batch)
        name = type(unwrap(self.estimator)[1]).__name__
        if isinstance(answer, np.ma.MaskedArray) and np.ma.is_masked(answer):
            raise ValueError(f"{name}.predict returned masked numbers, which are no answers.")
        predicted = np.asarray(answer)
        if predicted.shape == (n, 1):
            predicted = predicted[:, 0]
        if predicted.shape != (n,) or predicted.dtype.kind not in "fiu":
            raise ValueError(
                f"{name}.predict returned shape {predicted.shape} and dtype {predicted.dtype} for "
                f"{n} rows; expected one real number per row, shape ({n},)."
            )
        numbers = predicted.astype(np.float64, copy=False)
        bad = np.isnan(numbers)
        if bad.any():
            raise ValueError(
                f"{name}.predict returned NaN for {bad.sum()} of {n} noisy rows. NaN is above or "
                "below nothing, so nothing is certified. Check the model on noisy input: overflow, "
                "log of a negative number, weights that diverged in training."
            )
        return numbers

    def asked(self, method: str, batch: NDArray[np.floating]) -> Any:
        """Return what a method of the estimator answers to a batch, as it expects it."""
        X: Any = batch.astype(np.float32, copy=False) if self.float32 else batch
        X = X if self.frame is None else self.frame(X)
        with noise_explained(self.estimator, batch):
            return getattr(self.estimator, method)(X)
