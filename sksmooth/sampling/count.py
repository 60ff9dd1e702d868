"""Counting votes under noise: rows x blocks of draws, packed into batches.

A row's draws come in blocks of a size that depends on the row's size alone (`streams.block_rows`),
each from its own stream. Blocks of several rows share a batch when n is small; one row's blocks are
shared among workers when n is large. Votes are integers, so the order of counting cannot matter.
"""

import dataclasses
import warnings
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

from ..backends import Backend, Source
from ..exceptions import ModelWarning
from ..noise import Noise
from ..noise.streams import Purpose, block_rows, row_key
from .parallel import hand_out
from .tally import Tally, VoteTally
from .trials import trial_of

__all__ = ["count_votes"]

_TASKS_PER_WORKER = 4
# Fewer are made here sooner than a process has got the base and answered some rows on trial; a
# thread has it sooner.
_DRAWS_PER_TASK = 4096
Report = Callable[[int], None]
Keys = NDArray[np.uint64]  # of shape (n_rows, 2)


def count_votes(
    backend: Backend,
    X: NDArray[np.floating],
    n: int,
    *,
    noise: Noise,
    seed: bytes,
    purpose: Purpose,
    tally: Tally | None = None,
    stream: str = "philox",
    start: int = 0,
    rows: NDArray[np.intp] | None = None,
    first_row: int = 0,
    batch_size: int | None = None,
    n_jobs: int | None = None,
    report: Report | None = None,
) -> NDArray[np.int64]:
    """Count what a base answers to noisy copies of each row: its draws `start` to n.

    Parameters
    ----------
    backend : Backend
        The base classifier.
    X : ndarray of shape (n_samples, *shape), float32 or float64
        Rows; noise is drawn in their precision.
    n : int
        Number of the last draw of each row.
    noise : Noise
        Distribution of the draws.
    seed, purpose
        Name the draws, together with each row's content. Fewer draws are a prefix of more.
    tally : Tally, default=None
        What is counted, for the rows of X; None counts votes for classes.
    stream : {"philox", "shake128"}, default="philox"
        Generator of the random bits.
    start : int, default=0
        Draws of each row to leave out, because they have been counted before.
    rows : ndarray of shape (n_rows,), default=None
        Positions of the rows to count; None for all.
    first_row : int, default=0
        Number of the first row of X in what the user has passed, for messages.
    batch_size : int, default=None
        Rows of noise per call of the model; None for what suits the model.
    n_jobs : int, default=None
        Workers, as in joblib; None follows ``joblib.parallel_config``.
    report : callable, default=None
        Told the number of draws that have just been finished.

    Returns
    -------
    counts : ndarray of shape (n_rows, n_bins), int64
        Rows sum to ``n - start``. They depend on the model, the noise, the seed, the purpose and
        the content of each row, not on the other rows, `batch_size` or `n_jobs`.

    Raises
    ------
    ValueError
        If the model's scores are not finite for any draw.
    """
    tally = VoteTally(backend.n_classes) if tally is None else tally
    if rows is None:
        rows = np.arange(len(X))
    else:
        X, tally = X[rows], tally.at(rows)
    keys = np.empty((len(X), 2), dtype=np.uint64)  # a list of arrays would be ten times it
    for i, row in enumerate(X):
        keys[i] = row_key(seed, row, noise.name)
    block = block_rows(X[0].size)
    per_task = -(-_DRAWS_PER_TASK // 4) if backend.prefer == "threads" else _DRAWS_PER_TASK
    with backend.running():
        if batch_size is None:  # whole blocks, so that noise is drawn where it is used
            batch_size = max(1, round(backend.batch_rows(X[0]) / block)) * block
        draws = _Draws(start, n, block, noise, purpose, stream, batch_size)
        total = len(X) * draws.blocks
        workers = joblib.effective_n_jobs(n_jobs) if backend.in_parallel else 1
        n_tasks = min(total, len(X) * (n - start) // per_task, _TASKS_PER_WORKER * workers)
        trial = None
        if workers > 1 and n_tasks > 1:
            trial = trial_of(backend, noise.probed(X), noise.deviations(X.shape[1:]))
            if trial is not None and trial.is_random:
                warnings.warn(_RANDOM, ModelWarning, stacklevel=2)
                workers = 1
        if workers == 1 or n_tasks < 2:
            counts = _count_blocks(backend, X, keys, tally, draws, 0, total, report)
        else:
            counts = np.zeros((len(X), tally.n_bins + 1), dtype=np.int64)
            results = hand_out(
                _count_chunk,
                backend,
                _chunks(X, keys, tally, draws, n_tasks),
                n_jobs=n_jobs,
                prefer=backend.prefer,
                in_order=report is None,  # only a report needs them as they come
                check=trial,
                is_shared=backend.pure,
            )
            # scikit-learn sets warning filters in each task; side by side, threads can leave the
            # process without any. These are put back.
            with warnings.catch_warnings():
                for first, part in results:
                    counts[first : first + len(part)] += part
                    if report is not None:
                        report(int(tally.draws(part).sum()))
    return tally.check(counts, n - start, rows + first_row)


_RANDOM = (
    "The base estimator answers the same rows differently when it is asked again. Its votes are "
    "counted by one worker: copies of it would draw the same random numbers, and their votes would "
    "not be independent."
)


@dataclasses.dataclass(frozen=True)
class _Draws:
    """The draws `start` to `stop` of each row. Their blocks are numbered through all rows."""

    start: int
    stop: int
    block_rows: int
    noise: Noise
    purpose: Purpose
    stream: str
    batch_size: int

    @property
    def blocks(self) -> int:
        """Blocks per row; of the first and the last, only a part may be asked for."""
        return -(-self.stop // self.block_rows) - self.start // self.block_rows

    def part(self, number: int) -> tuple[int, int, int, int]:
        """Return the row of block `number`, its own number there, and its first and last draw."""
        row, block = divmod(number, self.blocks)
        block += self.start // self.block_rows
        offset = block * self.block_rows
        return (
            row,
            block,
            max(self.start - offset, 0),
            min(self.stop - offset, self.block_rows),
        )

    def before(self, number: int) -> int:
        """Draws in the blocks before block `number`."""
        row, block = divmod(number, self.blocks)
        offset = (block + self.start // self.block_rows) * self.block_rows
        return row * (self.stop - self.start) + max(offset - self.start, 0)


def _chunks(
    X: NDArray[np.floating], keys: Keys, tally: Tally, draws: _Draws, n_chunks: int
) -> Iterator[tuple[Any, ...]]:
    """Yield arguments that count consecutive blocks; each takes only its own rows along."""
    total = len(X) * draws.blocks
    edges = [total * i // n_chunks for i in range(n_chunks + 1)]  # floats would round
    for start, stop in pairwise(edges):
        first, last = start // draws.blocks, -(-stop // draws.blocks)
        shift = first * draws.blocks
        here = slice(first, last)
        yield first, X[here], keys[here], tally.at(here), draws, start - shift, stop - shift


def _count_chunk(backend: Backend, first: int, *args: Any) -> tuple[int, NDArray[np.int64]]:
    return first, _count_blocks(backend, *args)


def _count_blocks(
    backend: Backend,
    X: NDArray[np.floating],
    keys: Keys,
    tally: Tally,
    draws: _Draws,
    start: int,
    stop: int,
    report: Report | None = None,
) -> NDArray[np.int64]:
    """Count the outputs on blocks `start` to `stop`; no other draws are made."""
    needed = draws.before(stop) - draws.before(start)
    batch_size = min(draws.batch_size, _power_of_two(needed) if backend.constant_shape else needed)
    counters = backend.counters(len(X), tally.n_bins + 1)
    source = backend.source(draws.noise, draws.stream)
    # The surrounding joblib.parallel_config is for the votes. A forest that followed it too would
    # sum its trees in whatever order its workers come, and a tie might fall either way.
    with joblib.parallel_config(backend="threading", n_jobs=1):
        for batch, rows in _batches(source, X, keys, draws, batch_size, start, stop):
            filled = len(rows)
            # the last batch is shorter; with each new length a compiler would start again
            length = _power_of_two(filled) if backend.constant_shape else filled
            outputs = backend.outputs(batch[:length])[:filled]
            tally.count(outputs, rows, counters, backend)
            if report is not None:
                report(filled)
    return backend.to_numpy(counters)


def _power_of_two(n: int) -> int:
    return 1 << max(0, n - 1).bit_length()


def _batches(
    source: Source,
    X: NDArray[np.floating],
    keys: Keys,
    draws: _Draws,
    batch_size: int,
    start: int,
    stop: int,
) -> Iterator[tuple[Any, NDArray[np.int64]]]:
    """Yield batches of noisy rows with the row number of each; only the last may be shorter.

    The arrays are reused: a batch is gone when the next one is asked for. The last batch comes at
    full length too, with leftovers behind the rows that are numbered.
    """
    batch = source.empty(batch_size, X)
    rows = np.empty(batch_size, dtype=np.int64)
    spare = source.empty(min(draws.block_rows, draws.stop), X)
    filled, prepared, number = 0, -1, start
    while number < stop:
        row, block, taken, end = draws.part(number)
        if row != prepared:
            source.prepare(X[row])
            prepared = row
        # a block is drawn from its beginning, even if only its end is asked for
        direct, following = taken == 0 and filled + end <= batch_size, number + 1
        if direct:  # together with as many of the row's next blocks as there is room for
            room = number + (batch_size - filled) // draws.block_rows
            following = max(following, min(room, (row + 1) * draws.blocks, stop))
            end = draws.before(following) - draws.before(number)
        drawn = batch[filled : filled + end] if direct else spare[:end]
        source.fill(keys[row], block, draws.purpose, drawn)
        number = following
        while taken < end:
            part = min(end - taken, batch_size - filled)
            if not direct:
                batch[filled : filled + part] = drawn[taken : taken + part]
            rows[filled : filled + part] = row
            taken, filled = taken + part, filled + part
            if filled == batch_size:
                yield batch, rows
                filled = 0
    if filled:
        yield batch, rows[:filled]
