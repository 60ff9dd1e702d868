"""The votes of a base classifier around some rows, drawn when they are asked for.

Rows are drawn in stages and leave as soon as they are decided; the counts of a row with m draws are
those that m draws would have given from the start.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Protocol

import joblib
import numpy as np
from numpy.typing import NDArray

from ..backends import Backend
from ..noise import Noise
from ..noise.streams import Purpose, block_rows
from .count import Report, count_votes
from .tally import Tally

__all__ = ["Journal", "Sampler"]

# Draws, of all rows together, after which a journal is told: seconds of work for most bases, and
# many batches. A function of sizes alone, like the batches, so that a run that is taken up again
# asks the base for the batches that it would have been asked for.
_PIECE_VALUES = 2**28
_PIECE_DRAWS = 2**12, 2**18
Undecided = Callable[[int, NDArray[np.intp], NDArray[np.int64]], NDArray[np.bool_]]


class Journal(Protocol):
    """Remembers votes that were counted, by purpose, names of the rows, and draws."""

    def find(
        self, purpose: int, keys: Sequence[str], start: int, n: int
    ) -> tuple[int, NDArray[np.int64]] | None:
        """Return votes of the draws from `start` on, and where they end, at n or before."""

    def note(
        self, purpose: int, keys: Sequence[str], start: int, stop: int, votes: NDArray[np.int64]
    ) -> None:
        """Keep the votes of the draws `start` to `stop`."""


@dataclasses.dataclass(frozen=True)
class Sampler:
    """The votes of a base classifier around some rows.

    Parameters
    ----------
    backend : Backend
        The base classifier.
    X : ndarray of shape (n_samples, *shape)
        Rows.
    noise : Noise
        Distribution of the draws.
    seed : bytes
        Names the draws, together with each row's content.
    tally : Tally, default=None
        What is counted; None counts votes for classes.
    stream : {"philox", "shake128"}, default="philox"
        Generator of the random bits.
    shortcut : str, default=None
        Name of the way in which votes are found faster, for the certificate.
    batch_size, n_jobs : int, default=None
        As of `SmoothedClassifier`.
    report : callable, default=None
        Told how many draws have just been finished, or are not needed any more.
    journal : Journal, default=None
        Asked before votes are counted, and told of them.
    keys : sequence of str, default=()
        Names of the rows in the journal.
    first_row : int, default=0
        Number of the first row in what the user has passed, for messages.
    """

    backend: Backend
    X: NDArray[np.floating]
    noise: Noise
    seed: bytes
    tally: Tally | None = None
    stream: str = "philox"
    shortcut: str | None = None
    batch_size: int | None = None
    n_jobs: int | None = None
    report: Report | None = None
    journal: Journal | None = None
    keys: Sequence[str] = ()
    first_row: int = 0

    def at(
        self, rows: slice, journal: Journal | None = None, keys: Sequence[str] = ()
    ) -> "Sampler":
        """Return the sampler of some rows, with these names in a journal if there is one."""
        first = self.first_row + rows.start
        return dataclasses.replace(
            self,
            X=self.X[rows],
            tally=None if self.tally is None else self.tally.at(rows),
            first_row=first,
            journal=journal,
            keys=keys,
        )

    @property
    def n_bins(self) -> int:
        """Number of columns of the counts."""
        return self.backend.n_classes if self.tally is None else self.tally.n_bins

    def counts(
        self, n: int, purpose: Purpose, rows: NDArray[np.intp] | None = None, start: int = 0
    ) -> NDArray[np.int64]:
        """Return the votes of the draws `start` to `n` of all rows, or of those at `rows`."""
        chosen = range(len(self.X)) if rows is None else rows
        counts = np.zeros((len(chosen), self.n_bins), dtype=np.int64)
        keys: Sequence[str] = ()
        piece = n
        if self.journal is not None:
            keys = [self.keys[row] for row in chosen]
            piece = self._piece(len(keys))
        while start < n:
            stop = min(n, (start // piece + 1) * piece)
            found = None if self.journal is None else self.journal.find(purpose, keys, start, n)
            if found is not None:
                stop, votes = found
                if self.report is not None:
                    self.report(len(keys) * (stop - start))
            else:
                votes = count_votes(
                    self.backend,
                    self.X,
                    stop,
                    noise=self.noise,
                    seed=self.seed,
                    purpose=purpose,
                    tally=self.tally,
                    stream=self.stream,
                    start=start,
                    rows=rows,
                    first_row=self.first_row,
                    batch_size=self.batch_size,
                    n_jobs=self.n_jobs,
                    report=self.report,
                )
                if self.journal is not None:
                    self.journal.note(purpose, keys, start, stop, votes)
            counts += votes
            start = stop
        return counts

    def _piece(self, n_rows: int) -> int:
        """Return the draws of each of some rows after which a journal is told."""
        size = self.X[0].size
        workers = joblib.effective_n_jobs(self.n_jobs) if self.backend.in_parallel else 1
        draws = workers * int(np.clip(_PIECE_VALUES // size, *_PIECE_DRAWS))
        block = block_rows(size)
        return max(1, draws // n_rows // block) * block

    def until(
        self, sizes: Sequence[int], purpose: Purpose, undecided: Undecided
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Draw up to one size after the other, the rows that are undecided only.

        Parameters
        ----------
        sizes : sequence of int
            Numbers of draws, rising, at which to look.
        purpose : Purpose
            Names the draws.
        undecided : callable
            ``undecided(look, rows, counts)`` says which of the rows need more draws.

        Returns
        -------
        counts : ndarray of shape (n_samples, n_classes)
            Votes; their sums are the draws made.
        is_open : ndarray of shape (n_samples,), bool
            True where a row is undecided after all draws.
        """
        counts = np.zeros((len(self.X), self.n_bins), dtype=np.int64)
        rows, before = np.arange(len(self.X)), 0
        for look, size in enumerate(sizes):
            if len(rows) == len(self.X):  # then nothing need be copied
                counts += self.counts(size, purpose, start=before)
                stay = undecided(look, rows, counts)
            else:
                counts[rows] += self.counts(size, purpose, rows, start=before)
                stay = undecided(look, rows, counts[rows])
            if self.report is not None:
                self.report(int((~stay).sum()) * (sizes[-1] - size))
            rows, before = rows[stay], size
            if not len(rows):
                break
        is_open = np.zeros(len(self.X), dtype=bool)
        is_open[rows] = True
        return counts, is_open
