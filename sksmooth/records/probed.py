"""The answers of a model to fixed noisy rows, by which a log knows its model again.

Labels are kept one by one. Scores are kept as a sketch [1]_: each score is added, with a random
sign, to one of 32 sums. The sums of two models differ by about as much, in the mean square, as
their scores do; so two records can be compared with a tolerance for rounding, which no hash allows.

References
----------
.. [1] M. Charikar, K. Chen and M. Farach-Colton (2002). "Finding frequent items in data streams".
   ICALP 2002.
"""

import base64
import copy
import dataclasses
import warnings
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

from ..backends import Backend, NumbersBackend
from ..introspection.probes import probe_rows
from ..noise.streams import row_key

__all__ = ["Answers", "ask", "probed_rows"]

# Powers of two, so that all batches of a compiled net have one length.
_VALUES = 2**22  # of all probes together, about
_PROBES = 256, 4096
_CENTRES = 16, 256  # rows of X that probes lie around
_SUMS = 32
# A difference of scores, as a share of their spread, that is taken for rounding: other batch
# lengths, threads and processors sum in another order. Scores of 16 bits have 8 or 11 digits.
_TOLERANCE, _TOLERANCE_16 = 2.0**-10, 2.0**-4
_NEAR_TIE = 4  # tolerances between the two best scores, where rounding may change the label


@dataclasses.dataclass(frozen=True)
class Answers:
    """What a model has answered.

    Parameters
    ----------
    rows : str
        Hash of the rows that the probes lie around.
    near, far : _Group or None
        Answers to probes of the noise's own width and of 8 times it. None if they say nothing: the
        model answers at random, or it refuses rows that are far away.
    """

    rows: str
    near: "_Group | None"
    far: "_Group | None"

    def record(self) -> dict[str, Any]:
        """Return what a log keeps. Fits into JSON."""
        groups = {"near": self.near, "far": self.far}
        records = {name: group and group.record() for name, group in groups.items()}
        return {"rows": self.rows, **records}

    def difference(self, record: Any) -> str | None:
        """Return how the answers of a record differ, beyond rounding; None if they do not."""
        if record is None:
            return (
                "an older version has written it, without answers by which its model is known "
                "(read_log reads it, once it is complete)"
            )
        try:
            if record["rows"] != self.rows:
                return "its rows are not those of X, or in another order"
            for name, group in (("near", self.near), ("far", self.far)):
                theirs = record[name]
                if (theirs is None) != (group is None):
                    where = "here" if group is None else "there"
                    return f"its model answers at random, or not at all, but only {where}"
                found = group and group.difference(theirs)
                if found:
                    return f"its model answers otherwise: {found}"
        except (KeyError, OverflowError, TypeError, ValueError, zlib.error) as error:
            return f"the answers of its model cannot be read ({error!r})"
        return None


@dataclasses.dataclass(frozen=True)
class _Group:
    """Answers to some probes.

    Parameters
    ----------
    labels : ndarray of shape (n_probes,)
        Class codes.
    scores : ndarray of shape (n_probes, n_scores) or None
        What the labels are chosen by, if the model tells.
    tolerance : float
        Share of the scores' spread that is taken for rounding.
    """

    labels: NDArray[np.integer]
    scores: NDArray[np.float64] | None
    tolerance: float

    def record(self) -> dict[str, Any]:
        labels = self.labels.astype("<u4").tobytes()
        return {
            "labels": base64.b64encode(zlib.compress(labels)).decode(),
            "scores": None if self.scores is None else _sketch(self.scores).tolist(),
        }

    def difference(self, record: dict[str, Any]) -> str | None:
        packed = zlib.decompress(base64.b64decode(record["labels"]))
        other = self.labels != np.frombuffer(packed, dtype="<u4")
        if (record["scores"] is None) != (self.scores is None):
            return "it tells scores in one of the two"
        distance = allowed = 0.0
        if self.scores is not None:
            allowed = self.tolerance * _spread(self.scores)
            apart = _sketch(self.scores) - np.array(record["scores"], dtype=np.float64)
            distance = float(np.sqrt(np.sum(apart**2) / self.scores.size))
            leads = _leads(self.scores)
            # a few enormous scores must not make ties of all others
            other &= leads > _NEAR_TIE * min(allowed, self.tolerance * np.quantile(leads, 0.9))
        if np.any(other):
            return f"{np.sum(other)} of {len(other)} noisy rows get another label"
        if not distance <= allowed:
            return (
                f"the scores of noisy rows are {distance:.2g} apart, where {allowed:.2g} is taken "
                "for rounding"
            )
        return None


def _sketch(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    rng = np.random.default_rng(0)
    places = rng.integers(_SUMS, size=scores.size)
    signs = rng.choice([-1.0, 1.0], size=scores.size)
    return np.bincount(places, signs * scores.ravel(), minlength=_SUMS).astype(np.float64)


def _spread(scores: NDArray[np.float64]) -> float:
    """Return the deviation of scores over rows, or a little where they are all equal."""
    spread = np.sqrt(np.mean(np.var(scores, axis=0)))
    return float(max(spread, 1e-6 * np.sqrt(np.mean(scores**2))))


def _leads(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return by how much the best score of each row is above the next."""
    if scores.shape[1] == 1:
        return np.abs(scores[:, 0])
    best = np.partition(scores, -2, axis=1)
    return best[:, -1] - best[:, -2]


def probed_rows(n_rows: int, size: int) -> NDArray[np.intp]:
    """Return the positions of the rows to lay probes around: some, spread over all.

    Parameters
    ----------
    n_rows : int
        Rows that there are.
    size : int
        Values of each.
    """
    n = min(n_rows, int(np.clip(2**20 // size, *_CENTRES)))
    return np.arange(n) * n_rows // n


def ask(
    backend: Backend, X: NDArray[np.floating], deviations: NDArray[np.float64], seed: bytes
) -> Answers:
    """Ask a model about probes, everything twice.

    Parameters
    ----------
    backend : Backend
        The model.
    X : ndarray of shape (n_rows, *shape)
        Rows to lay probes around.
    deviations : ndarray of that shape of a row
        Standard deviations of the noise.
    seed : bytes
        Of the classifier; keys the hash of the rows.
    """
    room = _VALUES // X[0].size
    n = int(np.clip(_power_of_two(room), *_PROBES))
    # probes must not depend on the backend's batch length, which differs between devices
    block = min(_power_of_two(room), n // 4)
    batch = min(block, _power_of_two(backend.batch_rows(X[0])))

    def group(kind: str, seeds: range) -> _Group | None:
        batches = X, deviations, kind, seeds, block, batch
        once, again = (_answers(backend, _batches(*batches)) for _ in range(2))
        return once if again.difference(once.record()) is None else None

    near = 3 * n // 4 // block
    # a caller's joblib.parallel_config is for the votes alone, as in sampling
    with (
        backend.running(),
        joblib.parallel_config(backend="threading", n_jobs=1),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")  # the user has not passed these rows
        answered = {"near": group("near", range(near))}
        try:
            answered["far"] = group("far", range(near, n // block))
        except Exception:  # a model may refuse what it does not know, by any error
            answered["far"] = None
    return Answers(row_key(seed, X).tobytes().hex(), **answered)


def _batches(
    X: NDArray[np.floating],
    deviations: NDArray[np.float64],
    kind: str,
    seeds: range,
    block: int,
    batch: int,
) -> Iterator[NDArray[np.floating]]:
    for seed in seeds:
        probes = probe_rows(X, deviations, **{"near": 0, "far": 0, kind: block}, seed=seed)
        yield from (probes[start : start + batch] for start in range(0, block, batch))


def _answers(backend: Backend, batches: Iterable[NDArray[np.floating]]) -> _Group:
    labels: list[NDArray[np.integer]] = []
    scores: list[NDArray[np.floating]] = []
    for batch in batches:
        asked, heard = _listening(backend)
        # copies: a model may give all its answers in one array, and overwrite its batch
        labels.append(np.array(backend.to_numpy(asked.classify(batch.copy()))))
        found = heard or _scores(backend, batch)
        scores += [np.array(part).reshape(len(batch), -1) for part in found]
    if len(scores) < len(labels):
        return _Group(np.concatenate(labels), None, _TOLERANCE)
    known = np.concatenate(scores)
    tolerance = _TOLERANCE_16 if known.dtype.itemsize <= 2 else _TOLERANCE
    # labels show what is no number; and squares must not overflow
    finite = np.where(np.isfinite(known), known, 0).astype(np.float64).clip(-1e100, 1e100)
    return _Group(np.concatenate(labels), finite, tolerance)


def _listening(backend: Any) -> tuple[Any, list[NDArray[np.floating]]]:
    """Return a backend, and a list that is told the scores by which it finds labels, if of a net.

    Asking once more for the scores would take as long again.
    """
    heard: list[NDArray[np.floating]] = []
    if not hasattr(backend, "first_output"):
        return backend, heard

    def first_output(X: Any) -> Any:
        found = backend.first_output(X)
        # numpy does not know bfloat16
        heard.append((found.half() if found.element_size() <= 2 else found).cpu().numpy())
        return found

    asked = copy.copy(backend)
    asked.first_output = first_output
    return asked, heard


def _scores(backend: Any, batch: NDArray[np.floating]) -> list[NDArray[np.floating]]:
    """Return the scores of rows as a list, which is empty if the model has none."""
    if isinstance(backend, NumbersBackend):  # its answers themselves
        return [backend.outputs(batch)[:, None]]
    try:
        # decision_function first: probabilities saturate, and may not be what predict looks at
        model = backend.estimator
        method = getattr(model, "decision_function", None) or model.predict_proba
        scores = np.asarray(method(batch if backend.frame is None else backend.frame(batch)))
    except Exception:  # it has none
        return []
    return [scores] if scores.dtype.kind == "f" else []


def _power_of_two(n: int) -> int:
    """Return the largest power of two that is not above n; 1 for less."""
    return 1 << max(0, n.bit_length() - 1)
