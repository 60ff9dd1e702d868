"""ColumnTransformers as plain arithmetic, part by part; what has no noise is encoded once a row."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline

from ..introspection import elementwise, split
from ..introspection.affine import Ops
from ..introspection.columns import Columns, Encoder, encoder_of, hands_on, positions
from .problem import Problem

__all__ = ["SideBySide", "operations", "side_by_side"]

_MOST_ENCODED = 10_000  # rows whose columns without noise are kept encoded


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


def side_by_side(step: Any, problem: Problem, deviations: NDArray[np.float64]) -> SideBySide | None:
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
        places = positions(step, name)
        if (isinstance(transformer, str) and transformer == "drop") or not len(places):
            continue
        encoder = encoder_of(columns, step, name, transformer, chosen)
        if encoder is not None:
            encoders.append((step.output_indices_[name], encoder))
            still.append(places)
            continue
        ops = [] if hands_on(transformer) else operations([transformer])
        if ops is None or columns.coded[places].any():
            return None
        parts.append((step.output_indices_[name], places, ops))
    n_outputs = max(place.stop for place in step.output_indices_.values())
    looked_at = np.unique(np.concatenate([np.zeros(0, dtype=np.intp), *still]))
    return SideBySide(parts, encoders, looked_at, n_outputs, problem.frame)


def operations(steps: list[Any]) -> Ops | None:
    """Return the arithmetic of steps one after another; None if one is not elementwise."""
    ops: Ops = []
    for step in steps:
        found: Ops | None
        if type(step) is Pipeline:
            inside, last = split(step)
            found = operations([*inside, last])
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
