"""Certifying rows into a log: in groups, with the labels and the numbers of the rows."""

import dataclasses
import math
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d

from ..backends import kind_inside
from ..introspection.fingerprint import fingerprint
from ..labels import check_label_kind, from_torch, of_one_kind
from ..noise.streams import row_key
from ..records.ours import noise_of_head, versions
from ..records.probed import Answers, ask, probed_rows
from ..records.running import RunningLog
from ..rows import Rows, as_rows
from .reading import check_rows
from .smoother import Smoother

__all__ = [
    "Job",
    "LoggedRows",
    "answers_of",
    "certify_with_log",
    "index_of",
    "labels_for_log",
    "numbered",
    "numbers_of",
    "refuse_labels_without_log",
]


@dataclasses.dataclass(frozen=True, eq=False)
class LoggedRows:
    """What a log says of the rows beside what they get."""

    n: int
    y_true: NDArray[Any] | None
    index: NDArray[np.int64]


def index_of(X: Any) -> Any:
    """Return the index of a data frame of pandas; None for anything else."""
    pandas = sys.modules.get("pandas")
    return X.index if pandas is not None and isinstance(X, pandas.DataFrame) else None


def numbered(parts: Iterable[NDArray[Any]]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the parts, each behind the number of its first row."""
    first = 0
    for part in parts:
        yield first, part
        first += len(part)


def refuse_labels_without_log(y: Any, log: Any) -> None:
    """Refuse true labels that nothing would note."""
    if y is not None and log is None:
        raise ValueError(
            "y is noted in a log, and there is none: pass log= too. Scores take labels beside a "
            "certificate: certified_accuracy_score(y, certificate)."
        )


def labels_for_log(X: Any, y: Any, classes: NDArray[Any], n_rows: int) -> NDArray[Any] | None:
    """Return the true labels that a log notes: y, or those of a data set that has some."""
    if y is None:
        rows = as_rows(X)
        if rows is None or not rows.has_labels:
            return None
        y = rows.labels()
    y = of_one_kind(column_or_1d(from_torch(y)))
    if len(y) != n_rows:
        raise ValueError(f"y has {len(y)} labels for {n_rows} rows of X.")
    check_label_kind(y, classes)
    return y


def numbers_of(X: Any, n_rows: int) -> NDArray[np.int64]:
    """Return the numbers of rows in the data set that they come from.

    A part of a data set of torch has them, or a data frame with whole numbers as index.
    """
    rows, index = as_rows(X), index_of(X)
    found = np.asarray(index if rows is None else rows.numbers())
    is_whole = found.dtype.kind in "iu" and found.shape == (n_rows,)
    if is_whole and len(np.unique(found)) == n_rows:
        return found.astype(np.int64)
    return np.arange(n_rows)


class Job(Protocol):
    """One way to certify rows."""

    identity: dict[str, Any]  # must be the same for a run to go on
    group: int  # rows that are finished together

    @property
    def layout(self) -> Any:
        """What a log of its results looks like."""

    def skip(self, n_rows: int) -> None:
        """Report rows that were finished before."""

    def begin(self, part: NDArray[Any], first: int) -> None:
        """Go on to a part of the rows, which begins with the row number `first`."""

    def certify(
        self, rows: slice, journal: RunningLog | None = None, keys: Sequence[str] = ()
    ) -> Any:
        """Certify rows of the part; votes are journaled meanwhile, under the rows' keys."""


def certify_with_log(
    path: Any,
    smoother: Smoother,
    job: Job,
    answers: Answers,
    rows: LoggedRows,
    parts: Iterable[NDArray[Any]],
) -> Any:
    """Certify the rows that are not in a log yet, and return the certificates of all in it."""
    base = smoother.base
    noise = noise_of_head(smoother.noise)
    identity = job.identity | {
        "sigma": getattr(smoother.noise, "sigma", None),
        "rows": rows.n,
        "classes": smoother.classes.tolist(),
        "versions": versions(),
    }
    identity["settings"] = {
        "model": fingerprint(
            base.estimator, base.answers, base.frame and (base.frame.library, base.frame.columns)
        ),
        "abstain_label": np.asarray(smoother.abstain_label).item(),  # maybe an integer of numpy
        "noise": noise,
        **identity["settings"],
    }
    identity["settings"] |= kind_inside(base.estimator).versions()
    with RunningLog(path, identity, rows.n, answers, rows.y_true, rows.index, job.layout) as log:
        for first, part in numbered(parts):
            begun = False
            for start in range(0, len(part), job.group):
                group = slice(start, start + job.group)
                keys = [row_key(smoother.seed, row).tobytes().hex() for row in part[group]]
                if log.check(first + start, keys):
                    job.skip(len(keys))
                    continue
                if not begun:  # reading a model may take a while
                    job.begin(part, first)
                    begun = True
                begin = time.monotonic()
                certificate = job.certify(group, log, keys)
                log.append(certificate, keys, time.monotonic() - begin)
        return log.read()


def answers_of(clf: Any, smoother: Smoother, X: Any) -> Answers:
    """Return what the base answers to probes around some rows of X, wherever X is kept."""
    numbers = probed_rows(len(X), math.prod(smoother.row_shape))
    if isinstance(X, Rows):  # not all of them take a list of numbers
        some = check_rows(clf, np.stack([X.row(int(i)) for i in numbers]))
    else:
        some = X[numbers]
    return ask(
        smoother.backend,
        smoother.noise.probed(some),
        smoother.noise.deviations(smoother.row_shape),
        smoother.seed,
    )
