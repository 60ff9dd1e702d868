"""The votes of a base classifier on all that noise can make of some rows."""

import dataclasses
import warnings
from itertools import pairwise

import joblib
import numpy as np
from numpy.typing import NDArray

from ..backends import Backend
from ..noise import Noise, Outcomes
from .count import Report
from .parallel import hand_out
from .tally import VoteTally
from .trials import trial_of

__all__ = ["Enumerator"]

_TASKS_PER_WORKER = 4
_OUTCOMES_PER_TASK = 4096
_MOST_KNOWN = 16  # lists of answers that are kept, as several rows may have the same outcomes

Votes = tuple[list[int], int]  # of each class, and of all together


@dataclasses.dataclass(frozen=True)
class Enumerator:
    """Asks a base about every outcome of the noise around some rows, and about nothing else.

    Each row has batches of its own, cut in the same way whatever the other rows are and whoever
    asks, unless the same have just been asked for another row. A base whose arithmetic depends on
    the shape of a batch, or on the place in it, so gives an outcome the same answer in `predict`
    and `certify`.

    Parameters
    ----------
    backend : Backend
        The base classifier.
    X : ndarray of shape (n_samples, *shape)
        Rows.
    noise : Noise
        One that lists its outcomes.
    shortcut : str, default=None
        Name of the form of the base that is asked, if it is not the one that was passed.
    batch_size, n_jobs : int, default=None
        As of `SmoothedClassifier`.
    report : callable, default=None
        Told how many outcomes have just been finished.
    first_row : int, default=0
        Number of the first row in what the user has passed, for messages.
    """

    backend: Backend
    X: NDArray[np.floating]
    noise: Noise
    shortcut: str | None = None
    batch_size: int | None = None
    n_jobs: int | None = None
    report: Report | None = None
    first_row: int = 0

    def at(self, rows: slice) -> "Enumerator":
        """Return the enumerator of some of the rows."""
        return dataclasses.replace(self, X=self.X[rows], first_row=self.first_row + rows.start)

    def votes(self) -> list[Votes]:
        """Return for each row the probability of each class, exactly: as weights, and their sum.

        Raises
        ------
        ValueError
            If the base answers at random, or its scores are not finite.
        """
        X, backend = self.X, self.backend
        if not len(X):
            return []
        with backend.running():
            trial = trial_of(backend, self.noise.probed(X), self.noise.deviations(X.shape[1:]))
            if trial is not None and trial.is_random:
                raise ValueError(
                    "The base estimator answers the same rows differently when it is asked again, "
                    "so that one answer to each outcome of the noise says too little. Use "
                    "method='montecarlo'."
                )
            workers = joblib.effective_n_jobs(self.n_jobs) if backend.in_parallel else 1
            work = len(X) * (self.noise.n_outcomes or 1)
            n_tasks = min(len(X), work // _OUTCOMES_PER_TASK, _TASKS_PER_WORKER * workers)
            if workers == 1 or n_tasks < 2:
                return _votes_of_rows(
                    backend, 0, X, self.noise, self.batch_size, self.first_row, self.report
                )[1]
            edges = [len(X) * i // n_tasks for i in range(n_tasks + 1)]
            results = hand_out(
                _votes_of_rows,
                backend,
                [
                    (start, X[start:stop], self.noise, self.batch_size, self.first_row + start)
                    for start, stop in pairwise(edges)
                ],
                n_jobs=self.n_jobs,
                prefer=backend.prefer,
                in_order=self.report is None,
                check=trial,
                is_shared=backend.pure,
            )
            found: dict[int, list[Votes]] = {}
            with warnings.catch_warnings():  # see `count_votes`
                for start, part in results:
                    found[start] = part
                    if self.report is not None:
                        self.report(len(part) * (self.noise.n_outcomes or 1))
        return [votes for start in sorted(found) for votes in found[start]]


def _votes_of_rows(
    backend: Backend,
    start: int,
    X: NDArray[np.floating],
    noise: Noise,
    batch_size: int | None,
    first_row: int,
    report: Report | None = None,
) -> tuple[int, list[Votes]]:
    """Return `start`, which names the task, and the votes of some rows."""
    tally, found = VoteTally(backend.n_classes), []
    known: dict[bytes | None, NDArray[np.int64]] = {}
    # as in `count_votes`: the surrounding joblib.parallel_config is for the votes
    with joblib.parallel_config(backend="threading", n_jobs=1):
        for i, row in enumerate(X):
            outcomes = noise.outcomes(row)
            assert outcomes is not None
            answers = known.pop(outcomes.key, None)
            if answers is None:
                answers = _answers(backend, outcomes, row, batch_size)
            if outcomes.key is not None:
                known[outcomes.key] = answers
                for old in list(known)[:-_MOST_KNOWN]:
                    del known[old]
            counts = np.bincount(answers, minlength=backend.n_classes + 1)
            tally.check(counts[None], outcomes.n, np.array([first_row + i]))
            found.append((outcomes.votes(answers, backend.n_classes), outcomes.total))
            if report is not None:
                report(noise.n_outcomes or 1)
    return start, found


def _answers(
    backend: Backend, outcomes: Outcomes, row: NDArray[np.floating], batch_size: int | None
) -> NDArray[np.int64]:
    """Return the answer to each outcome."""
    answers = np.empty(outcomes.n, dtype=np.int64)
    size = min(backend.batch_rows(row) if batch_size is None else batch_size, outcomes.n)
    batch = np.empty((size, *row.shape), dtype=row.dtype)
    for first in range(0, outcomes.n, size):
        n = length = min(size, outcomes.n - first)
        outcomes.fill(first, batch[:n])
        if backend.constant_shape:  # with each new length a compiler would start again
            length = min(1 << (n - 1).bit_length(), size)
            batch[n:length] = batch[0]
        answers[first : first + n] = backend.to_numpy(backend.outputs(batch[:length]))[:n]
    return answers
