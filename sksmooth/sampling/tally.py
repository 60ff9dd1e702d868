"""Tallies: what is counted of a base's outputs, row by row."""

import abc
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends import Backend

__all__ = ["BinTally", "PassTally", "Tally", "VoteTally"]

Positions = slice | NDArray[np.intp]


class Tally(abc.ABC):
    """Puts each output of a base into one of `n_bins` bins, or into none.

    Only counts cross from models to statistics: they add up over draws, batches and workers. A
    tally may hold a payload for each row, which travels with the rows.

    Attributes
    ----------
    n_bins : int
        Number of bins. The number itself stands for "no answer", which makes sampling fail.
    """

    n_bins: int

    @abc.abstractmethod
    def bins(self, outputs: Any, rows: NDArray[np.int64]) -> Any:
        """Return the bin of each output, as an array of the same framework.

        Parameters
        ----------
        outputs : array of shape (n, ...)
            What the backend answered to noisy rows.
        rows : ndarray of shape (n,), int
            The row that each of them belongs to, by its position.
        """

    def at(self, rows: Positions) -> "Tally":
        """Return the tally of some of the rows; the same if it has no payload."""
        return self

    def count(self, outputs: Any, rows: NDArray[np.int64], counters: Any, backend: Backend) -> None:
        """Count outputs into the backend's counters; `outputs` and `rows` are as of `bins`."""
        backend.count(counters, self.bins(outputs, rows), rows)

    def draws(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many draws of each row were counted, of all counters."""
        return counts.sum(axis=1)

    def check(self, counts: NDArray[np.int64], n: int, rows: NDArray[np.intp]) -> NDArray[np.int64]:
        """Return the counts without the column for "no answer", after looking at both.

        Parameters
        ----------
        counts : ndarray of shape (n_rows, n_bins + 1)
            Of `n` draws for each row.
        n : int
            Draws.
        rows : ndarray of shape (n_rows,), int
            Numbers of the rows, for messages.
        """
        if np.any(self.draws(counts) != n):  # never seen, but it would be a false count
            raise RuntimeError(
                "The workers have not returned each draw once: some work was lost or done twice. "
                "Nothing is certified; try again, with n_jobs=1 if it happens again."
            )
        bad = np.flatnonzero(counts[:, -1])
        if bad.size:
            raise ValueError(
                f"The base estimator's scores were NaN or infinite for {counts[bad[0], -1]} of {n} "
                f"noisy copies of row {rows[bad[0]]} ({bad.size} of {len(counts)} rows are "
                "affected). Such a score is not a vote for any class, so nothing is certified. "
                "Check the model on noisy input: overflow, log of a negative number, weights that "
                "diverged in training."
            )
        return np.ascontiguousarray(counts[:, :-1])


class VoteTally(Tally):
    """Votes for classes: the outputs are class codes already.

    Parameters
    ----------
    n_classes : int
        Number of classes.
    """

    def __init__(self, n_classes: int) -> None:
        self.n_bins = n_classes

    def bins(self, outputs: Any, rows: NDArray[np.int64]) -> Any:
        """Return the class codes."""
        return outputs


class PassTally(VoteTally):
    """How often each class's score reaches thresholds, beside votes for the class with the highest.

    Parameters
    ----------
    n_classes : int
        Number of classes: the outputs are scores, one for each.
    thresholds : ndarray of shape (n_thresholds,)
        A score passes if it is not below. The first bins are votes; for each threshold those of
        draws that passed follow, class by class.
    """

    def __init__(self, n_classes: int, thresholds: NDArray[np.float64]) -> None:
        super().__init__(n_classes)
        self.n_classes, self.thresholds = n_classes, thresholds
        self.n_bins = n_classes * (1 + len(thresholds))

    def bins(self, outputs: NDArray[np.float64], rows: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return the votes; of equal scores the first one's."""
        return outputs.argmax(axis=1)

    def count(
        self,
        outputs: NDArray[np.float64],
        rows: NDArray[np.int64],
        counters: NDArray[np.int64],
        backend: Backend,
    ) -> None:
        """Count votes and passes."""
        super().count(outputs, rows, counters, backend)
        starts = np.flatnonzero(np.diff(rows, prepend=-1))
        for j, threshold in enumerate(self.thresholds, start=1):
            here = slice(j * self.n_classes, (j + 1) * self.n_classes)
            passed = np.add.reduceat(outputs >= threshold, starts, axis=0, dtype=np.int64)
            counters[rows[starts], here] += passed

    def draws(self, counts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return how many votes were counted."""
        return counts[:, : self.n_classes].sum(axis=1)


class BinTally(Tally):
    """Numbers between edges: bin j holds the outputs above edge j - 1, up to edge j.

    Parameters
    ----------
    edges : ndarray of shape (n_edges,)
        Rising. There is one bin more than edges.
    """

    def __init__(self, edges: NDArray[np.float64]) -> None:
        self.edges, self.n_bins = edges, len(edges) + 1

    def bins(self, outputs: Any, rows: NDArray[np.int64]) -> NDArray[np.intp]:
        """Return the bins; NaN is no answer, infinity is one."""
        values = np.asarray(outputs, dtype=np.float64)
        bins = np.searchsorted(self.edges, values, side="left")
        return np.where(np.isnan(values), self.n_bins, bins)
