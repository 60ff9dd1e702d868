"""Steps in front of a model, without the checks around them; what has no noise is encoded once."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline

from ..backends import Backend, SklearnBackend, backend_kind, get_backend
from ..introspection import elementwise, split, why_not_readable
from ..introspection.affine import Ops
from ..introspection.columns import Columns, Encoder, encoder_of, hands_on, positions
from ..introspection.probes import probe_rows
from .problem import Problem

__all__ = ["StepsBackend", "without_checks"]

_MOST_ENCODED = 10_000  # rows whose columns without noise are kept encoded


class StepsBackend(Backend):
    """Elementwise steps, applied in place, in front of another backend.

    Parameters
    ----------
    ops : list of (ufunc, ndarray of shape (n_features,))
        Applied to each batch one after another.
    inner : Backend
        Gets the batch then.
    side_by_side : SideBySide, default=None
        What comes first: parts for different columns.
    """

    def __init__(self, ops: Ops, inner: Backend, side_by_side: "SideBySide | None" = None) -> None:
        self.ops, self.inner, self.side_by_side = ops, inner, side_by_side
        self.n_classes, self.pure = inner.n_classes, inner.pure

    def before(self, inner: Backend) -> "StepsBackend":
        """Return the same steps in front of another backend."""
        return StepsBackend(self.ops, inner, self.side_by_side)

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
        """Return `batch` after the steps, in place if nothing comes side by side."""
        if self.side_by_side is not None:
            batch = self.side_by_side(batch)
        for op, operand in self.ops:
            op(batch, operand, out=batch, casting="same_kind")
        return batch


@dataclasses.dataclass(frozen=True)
class SideBySide:
    """A ColumnTransformer whose parts are elementwise, or encode columns without noise.

    Parameters
    ----------
    parts : list of (slice, ndarray of int, list of operations)
        Outputs, columns, and what is done to these.
    encoders : list of (slice, Encoder)
        Outputs, and what makes them.
    still : ndarray of int
        The columns that encoders look at.
    n_outputs : int
        Number of outputs.
    frame : callable or None
        Makes the frames that encoders get.
    encoded : dict
        What has been encoded, by the bits of the columns.
    """

    parts: list[tuple[slice, NDArray[np.intp], Ops]]
    encoders: list[tuple[slice, Encoder]]
    still: NDArray[np.intp]
    n_outputs: int
    frame: Any
    encoded: dict[bytes, NDArray[np.float64]] = dataclasses.field(default_factory=dict)

    def __call__(self, batch: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the outputs for a batch."""
        out = np.empty((len(batch), self.n_outputs))
        for place, columns, ops in self.parts:
            values = batch[:, columns]
            for op, operand in ops:
                op(values, operand, out=values, casting="same_kind")
            out[:, place] = values
        if self.encoders and len(batch):
            # noisy copies of a row come one after another
            bits = np.ascontiguousarray(batch[:, self.still]).view(np.int64)
            starts = np.flatnonzero(np.any(bits[1:] != bits[:-1], axis=1)) + 1
            starts = np.append(0, starts)
            lengths = np.diff(starts, append=len(batch))
            keys = [line.tobytes() for line in bits[starts]]
            if len(self.encoded) > _MOST_ENCODED:
                self.encoded.clear()
            first_of = dict(zip(keys, starts, strict=True))
            new = {key: first for key, first in first_of.items() if key not in self.encoded}
            if new:
                rows = batch[list(new.values())]
                given = rows if self.frame is None else self.frame(rows)
                made = np.hstack([encoder(given) for _, encoder in self.encoders])
                self.encoded.update(zip(new, made, strict=True))
            found = np.repeat(np.stack([self.encoded[key] for key in keys]), lengths, axis=0)
            first = 0
            for place, encoder in self.encoders:
                out[:, place] = found[:, first : first + encoder.n_outputs]
                first += encoder.n_outputs
        return out


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
    side_by_side = None
    elementwise_steps = steps
    if steps and type(steps[0]) is ColumnTransformer:
        side_by_side = _side_by_side(steps[0], problem, deviations)
        if side_by_side is None:
            return None
        elementwise_steps = steps[1:]
    ops = _ops(elementwise_steps)
    if ops is None or not (ops or side_by_side):
        return None
    if hasattr(model, "feature_names_in_"):  # then the steps hand on frames
        return None
    backend = StepsBackend(ops, get_backend(model, problem.answers), side_by_side)
    probes = probe_rows(problem.X, deviations)
    expected: Any = probes.copy() if problem.frame is None else problem.frame(probes.copy())
    for step in steps:
        expected = step.transform(expected)
    gaps = bool(np.isnan(problem.X).any())
    if not np.array_equal(backend.apply(probes), np.asarray(expected), equal_nan=gaps):
        return None
    return problem.then("steps", estimator=model, frame=None, backend=backend)


def _side_by_side(
    step: Any, problem: Problem, deviations: NDArray[np.float64]
) -> SideBySide | None:
    """Return a ColumnTransformer as parts; None if one of them is not understood."""
    names = () if problem.frame is None else problem.frame.columns
    if (
        step.transformer_weights
        or step.sparse_output_
        or problem.X.dtype != np.float64
        or list(getattr(step, "feature_names_in_", ())) != list(names)
    ):
        return None
    coded = () if problem.frame is None else problem.frame.coded
    columns = Columns.of(len(deviations), (), deviations == 0, coded)
    parts, encoders, still = [], [], []
    for name, transformer, chosen in step.transformers_:
        places = positions(chosen, step)
        if (isinstance(transformer, str) and transformer == "drop") or not len(places):
            continue
        encoder = encoder_of(columns, step, name, transformer, chosen)
        if encoder is not None:
            encoders.append((step.output_indices_[name], encoder))
            still.append(places)
            continue
        ops = [] if hands_on(transformer) else _ops([transformer])
        if ops is None or columns.coded[places].any():
            return None
        parts.append((step.output_indices_[name], places, ops))
    n_outputs = max(place.stop for place in step.output_indices_.values())
    looked_at = np.unique(np.concatenate([np.zeros(0, dtype=np.intp), *still]))
    return SideBySide(parts, encoders, looked_at, n_outputs, problem.frame)


def _ops(steps: list[Any]) -> Ops | None:
    """Return the arithmetic of steps one after another; None if one is not elementwise."""
    ops: Ops = []
    for step in steps:
        found: Ops | None
        if type(step) is Pipeline:
            inside, last = split(step)
            found = _ops([*inside, last])
        elif type(step) is SimpleImputer:
            found = _filling(step)
        else:
            found = elementwise(step)
        if found is None:
            return None
        ops += found
    return ops


def _filling(imputer: SimpleImputer) -> Ops | None:
    """Return an imputer of numbers as an operation; None if it changes the columns."""
    fills, marker = np.asarray(imputer.statistics_), imputer.missing_values
    if fills.dtype != np.float64 or np.isnan(fills).any() or imputer.add_indicator:
        return None
    if not np.isscalar(marker) or marker == marker:  # it takes others than NaN for missing
        return None
    return [(_fill, fills)]


def _fill(
    values: NDArray[np.floating], fills: NDArray[np.float64], *, out: NDArray[Any], casting: str
) -> None:
    np.copyto(out, np.where(np.isnan(values), fills, values), casting=casting)  # type: ignore[arg-type]
