"""Outputs that are numbers: kept one by one, or counted between edges of each row's own."""

import itertools
from collections.abc import Iterable
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

from ..backends import Backend
from ..noise import Noise
from ..noise.streams import Purpose
from .count import count_votes
from .parallel import hand_out
from .sampler import Sampler
from .tally import Positions, Tally
from .trials import trial_of

__all__ = ["RowBinTally", "collect"]

_TASKS_PER_WORKER = 4


class RowBinTally(Tally):
    """Numbers between edges, other ones for each row: bin j is above edge j - 1, up to edge j.

    Parameters
    ----------
    edges : ndarray of shape (n_rows, n_edges)
        Each line rises, not always strictly. There is one bin more than edges.
    """

    def __init__(self, edges: NDArray[np.float64]) -> None:
        self.edges, self.n_bins = edges, edges.shape[1] + 1

    def at(self, rows: Positions) -> "RowBinTally":
        """Return the tally of some of the rows."""
        return RowBinTally(self.edges[rows])

    def bins(self, outputs: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return the bins; backends of regressors give no NaN."""
        bins = np.empty(len(outputs), dtype=np.intp)
        starts = np.flatnonzero(np.diff(rows, prepend=-1))
        for start, stop in zip(starts, [*starts[1:], len(rows)], strict=True):
            bins[start:stop] = np.searchsorted(self.edges[rows[start]], outputs[start:stop])
        return bins


class _Kept(Tally):
    """Not counted but kept, in the order of the draws: numbers, or each row's column of several."""

    n_bins = 1

    def __init__(self, columns: NDArray[np.intp] | None) -> None:
        self.columns = columns
        self.outputs: list[NDArray[np.float64]] = []

    def bins(self, outputs: Any, rows: NDArray[np.int64]) -> NDArray[np.intp]:
        """Keep the outputs, and count how many they are."""
        if self.columns is not None:
            outputs = np.take_along_axis(outputs, self.columns[rows, None], axis=1)[:, 0]
        self.outputs.append(np.array(outputs, dtype=np.float64))
        return np.zeros(len(outputs), dtype=np.intp)


def collect(
    sampler: Sampler, n: int, purpose: Purpose, columns: NDArray[np.intp] | None = None
) -> NDArray[np.float64]:
    """Return the outputs themselves, sorted: for few draws, whose values are asked for.

    Parameters
    ----------
    sampler : Sampler
        Of a base that answers numbers.
    n : int
        Draws of each row.
    purpose : Purpose
        Names the draws.
    columns : ndarray of shape (n_samples,), int, default=None
        Where the base answers several numbers: which of them is kept, for each row.

    Returns
    -------
    outputs : ndarray of shape (n_samples, n)
        Rising in each line. Like counts, they depend on nothing but the seed and the row.
    """
    backend, X, noise = sampler.backend, sampler.X, sampler.noise
    common = (noise, sampler.seed, sampler.stream, sampler.batch_size)
    workers = joblib.effective_n_jobs(sampler.n_jobs) if backend.in_parallel else 1
    n_tasks = min(len(X), _TASKS_PER_WORKER * workers) if workers > 1 else 1
    trial = None
    if n_tasks > 1:
        trial = trial_of(backend, noise.probed(X), noise.deviations(X.shape[1:]))
    if n_tasks < 2 or (trial is not None and trial.is_random):
        parts: Iterable[tuple[int, NDArray[np.float64]]]
        parts = [_kept(backend, 0, X, columns, n, purpose, *common)]
    else:
        edges = [len(X) * i // n_tasks for i in range(n_tasks + 1)]
        parts = hand_out(
            _kept,
            backend,
            [
                (i, X[i:j], None if columns is None else columns[i:j], n, purpose, *common)
                for i, j in itertools.pairwise(edges)
            ],
            n_jobs=sampler.n_jobs,
            prefer=backend.prefer,
            in_order=sampler.report is None,
            check=trial,
            is_shared=backend.pure,
        )
    outputs = np.empty((len(X), n))
    for first, part in parts:
        outputs[first : first + len(part)] = np.sort(part, axis=1)
        if sampler.report is not None:
            sampler.report(part.size)
    return outputs


def _kept(
    backend: Backend,
    first: int,
    X: NDArray[np.floating],
    columns: NDArray[np.intp] | None,
    n: int,
    purpose: Purpose,
    noise: Noise,
    seed: bytes,
    stream: str,
    batch_size: int | None,
) -> tuple[int, NDArray[np.float64]]:
    """Return the outputs around some rows, the first of which has the number `first`."""
    tally = _Kept(columns)
    options: dict[str, Any] = {"stream": stream, "batch_size": batch_size, "n_jobs": 1}
    count_votes(backend, X, n, noise=noise, seed=seed, purpose=purpose, tally=tally, **options)
    return first, np.concatenate(tally.outputs).reshape(len(X), n)
