"""Questions about rows: X as a fitted estimator sees it, and jobs that answer part by part."""

import abc
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..backends import FrameMaker
from ..noise.streams import Purpose
from ..records import class_log
from ..rows import as_rows, chunks
from ..sampling import Report, collect
from ..sampling.sampler import Journal
from .attributes import Smoothed
from .reading import check_rows, read_rows, warn_of_unknown
from .smoother import Smoother

__all__ = [
    "Asked",
    "Job",
    "ask_about",
    "groups_of",
    "index_of",
    "numbered",
    "outputs_around",
    "parts_of",
    "rows_of",
]

# Rows are finished, and written to a log, by so many draws: enough to share among workers, and
# seconds for most bases. It depends on nothing else, so that another run finishes the same groups.
_GROUP_DRAWS = 2**20
_COMPUTED_ROWS = 1024  # are finished together where nothing is drawn

AnySmoother = TypeVar("AnySmoother", bound=Smoother)


class Asked(NamedTuple, Generic[AnySmoother]):
    """Rows that a fitted estimator is asked about, and what answers.

    Attributes
    ----------
    X : ndarray or Rows
        All of the rows: checked if they are in memory, and otherwise where they are.
    first : ndarray
        The first part of them, checked.
    parts : iterator of ndarray
        All parts of them, checked.
    smoother : Smoother
        The fitted estimator, frozen.
    closed : ClosedForm or ClosedOutput or None
        Its closed form around the first part; None to draw noise.
    """

    X: Any
    first: NDArray[Any]
    parts: Iterator[NDArray[Any]]
    smoother: AnySmoother
    closed: Any


def ask_about(
    clf: Smoothed, X: Any, smoother_of: Callable[[Any, FrameMaker | None], AnySmoother]
) -> Asked[AnySmoother]:
    """Read rows for a fitted estimator, and freeze it by `smoother_of`."""
    first, frame, parts = parts_of(clf, X)  # first, because it asks whether clf is fitted
    smoother = smoother_of(clf, frame)
    warn_of_unknown(clf, first, smoother.noise)
    rows = as_rows(X)
    closed = smoother.closed_form(first)
    return Asked(first if rows is None else rows, first, parts, smoother, closed)


def parts_of(
    clf: Smoothed, X: Any
) -> tuple[NDArray[Any], FrameMaker | None, Iterator[NDArray[Any]]]:
    """Return the first part of the checked rows, and all parts: one, if they are in memory.

    Between them is what turns them into the frame that they came in, which is in memory.
    """
    unread = chunks(X)
    first, frame = read_rows(clf, next(unread))
    return first, frame, chain([first], (check_rows(clf, part) for part in unread))


def numbered(parts: Iterable[NDArray[Any]]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the parts, each behind the number of its first row."""
    first = 0
    for part in parts:
        yield first, part
        first += len(part)


def index_of(X: Any) -> Any:
    """Return the index of a data frame of pandas; None for anything else."""
    pandas = sys.modules.get("pandas")
    return X.index if pandas is not None and isinstance(X, pandas.DataFrame) else None


def groups_of(n_rows: int, size: int) -> Iterator[slice]:
    """Yield consecutive slices of so many rows; an empty one if there are none."""
    for start in range(0, max(n_rows, 1), size):
        yield slice(start, start + size)


def rows_of(draws: int) -> int:
    """Return how many rows are finished together, of so many draws each; 0 if rows are computed."""
    return -(-_GROUP_DRAWS // draws) if draws else _COMPUTED_ROWS


def outputs_around(
    smoother: Smoother, parts: Iterable[NDArray[Any]], n: int
) -> Iterator[NDArray[np.float64]]:
    """Yield the sorted outputs of n draws around some rows after the other, to save memory."""
    for number, part in numbered(parts):
        sampler = smoother.sampler(part, first_row=number)
        for rows in groups_of(len(part), rows_of(n)):
            yield collect(sampler.at(rows), n, Purpose.PREDICT)


class Job(abc.ABC):
    """One way to answer a question about rows.

    Parameters
    ----------
    draws : int, default=0
        Most draws, or calls of the base, for each row; 0 if rows are computed.
    report : callable, default=None
        Told of them as they are made.

    Attributes
    ----------
    identity : dict
        What must be the same for an interrupted run to go on.
    group : int
        Rows that are finished together, and written to a log.
    """

    layout: ClassVar[Any] = class_log  # of a log
    identity: dict[str, Any]

    def __init__(self, draws: int = 0, report: Report | None = None) -> None:
        self.draws, self.report = draws, report
        self.group = rows_of(draws)

    def skip(self, n_rows: int) -> None:
        """Report rows that were finished before."""
        if self.report is not None:
            self.report(n_rows * self.draws)

    def groups(self, n_rows: int) -> Iterable[slice]:
        """Return the rows of a part that are answered for together, if there is no log."""
        return [slice(0, n_rows)]

    @abc.abstractmethod
    def begin(self, part: NDArray[Any], first: int) -> None:
        """Go on to a part of the rows, which begins with the row number `first`."""

    @abc.abstractmethod
    def certify(self, rows: slice, journal: Journal | None = None, keys: Sequence[str] = ()) -> Any:
        """Answer for rows of the part; votes are journaled meanwhile, under the rows' keys."""
