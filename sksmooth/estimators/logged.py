"""Certifying rows part by part: under a bar, and into a log if there is one."""

import dataclasses
import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d

from ..backends import kind_inside
from ..certificate.concat import AnyResult
from ..introspection.fingerprint import fingerprint
from ..labels import check_label_kind, from_torch, of_one_kind
from ..noise.streams import row_key
from ..records.head import noise_of_head, versions
from ..records.probed import Answers, ask, probed_rows
from ..records.record import whole_numbers
from ..records.running import RunningLog
from ..rows import Rows, as_rows
from ..sampling import Report
from ..sampling.progress import progress_bar
from .attributes import Smoothed
from .callbacks import telling_bars
from .jobs import Asked, Job, groups_of, index_of, numbered
from .reading import check_rows
from .smoother import Smoother

__all__ = ["carry_out", "refuse_labels_without_log"]


def carry_out(
    clf: Smoothed,
    X: Any,
    asked: Asked[Any],
    make: Callable[[Report | None], Job],
    draws: int,
    *,
    log: Any,
    y: Any,
    verbose: int | None,
    shorter: str = "",
) -> Any:
    """Return the results of all rows, those that are in a log already included.

    X are the rows as the user has passed them, and `asked` the same rows, read. `make` returns the
    job, given what it is to tell of its draws, which are at most so many for each row.
    """
    n_rows = len(asked.X)
    shown = 0 if asked.closed is not None else verbose
    with (
        progress_bar(n_rows, draws, shown, shorter) as bar,
        telling_bars(clf, n_rows * draws, bar) as report,
    ):
        job = make(report)
        if log is not None:
            return _named_as(clf, X, _with_log(log, clf, X, y, asked, job))
        results = []
        for number, part in numbered(asked.parts):
            job.begin(part, number)
            results += [job.certify(rows) for rows in job.groups(len(part))]
        return _named_as(clf, X, type(results[0]).concatenate(results))


def _named_as(clf: Smoothed, X: Any, result: AnyResult) -> AnyResult:
    """Return a result with the names that rows and columns of X have."""
    names = getattr(clf, "feature_names_in_", None)
    names = None if names is None else tuple(map(str, names))
    return dataclasses.replace(result, index=index_of(X), feature_names=names)


def refuse_labels_without_log(y: Any, log: Any) -> None:
    """Refuse true labels that nothing would note."""
    if y is not None and log is None:
        raise ValueError(
            "y is noted in a log, and there is none: pass log= too. Scores take labels beside a "
            "certificate: certified_accuracy_score(y, certificate)."
        )


def _labels_for_log(X: Any, y: Any, classes: NDArray[Any], n_rows: int) -> NDArray[Any] | None:
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


def _numbers_of(X: Any, n_rows: int) -> NDArray[np.int64]:
    """Return the numbers of rows in the data set that they come from.

    A part of a data set of torch has them, or a data frame with whole numbers as index, of 64 bits
    with a sign.
    """
    rows = as_rows(X)
    found = whole_numbers(index_of(X) if rows is None else rows.numbers())
    return np.arange(n_rows) if found is None or len(found) != n_rows else found


def _with_log(path: Any, clf: Smoothed, X: Any, y: Any, asked: Asked[Any], job: Job) -> Any:
    """Certify the rows that are not in a log yet, and return the results of all in it."""
    smoother, n_rows = asked.smoother, len(asked.X)
    answers = _answers_of(clf, smoother, asked.X)
    y_true = _labels_for_log(X, y, smoother.classes, n_rows)
    identity = _identity_of(smoother, job, n_rows)
    numbers = _numbers_of(X, n_rows)
    with RunningLog(path, identity, n_rows, answers, y_true, numbers, job.layout) as log:
        for first, part in numbered(asked.parts):
            begun = False
            for group in groups_of(len(part), job.group):
                keys = [row_key(smoother.seed, row).tobytes().hex() for row in part[group]]
                if log.check(first + group.start, keys):
                    job.skip(len(keys))
                    continue
                if not begun:  # reading a model may take a while
                    job.begin(part, first)
                    begun = True
                begin = time.monotonic()
                certificate = job.certify(group, log, keys)
                log.append(certificate, keys, time.monotonic() - begin)
        return log.read()


def _identity_of(smoother: Smoother, job: Job, n_rows: int) -> dict[str, Any]:
    """Return what must be the same for an interrupted run to go on."""
    base = smoother.base
    frame = base.frame and (base.frame.library, base.frame.columns)
    return job.identity | {
        "sigma": getattr(smoother.noise, "sigma", None),
        "rows": n_rows,
        "classes": smoother.classes.tolist(),
        "versions": versions(),
        "settings": {
            "model": fingerprint(base.estimator, base.answers, frame),
            "abstain_label": np.asarray(smoother.abstain_label).item(),  # maybe numpy's integer
            "noise": noise_of_head(smoother.noise),
            **job.identity["settings"],
            **kind_inside(base.estimator).versions(),
        },
    }


def _answers_of(clf: Smoothed, smoother: Smoother, X: Any) -> Answers:
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
