"""predict and certify of a fitted estimator, by closed form or by sampling."""

import dataclasses
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..backends import FrameMaker, kind_inside
from ..certificate import Certificate, Plan
from ..certificate.concat import concatenate
from ..certificate.enumerated import (
    certify_by_outcomes,
    frequencies_of_outcomes,
    predict_by_outcomes,
)
from ..certificate.laws import certify_law, decide_law, frequencies_of_law
from ..certificate.plan import ENUMERATED
from ..certificate.procedures import certify_by_votes, predict_by_votes
from ..closed_forms import ClosedForm, DisagreementError, GapsError, Law
from ..introspection.fingerprint import fingerprint
from ..noise.streams import Purpose, row_key
from ..records.ours import noise_of_head, versions
from ..records.probed import Answers, ask, probed_rows
from ..records.running import RunningLog
from ..rows import Rows, as_rows, chunks
from ..sampling import Report
from ..sampling.progress import progress_bar
from . import inputs as check
from .callbacks import telling_bars
from .reading import check_rows, read_rows, warn_of_unknown
from .smoother import Smoother, refuse_gaps, smoother_of

__all__ = ["certify_rows", "index_of", "numbered", "parts_of", "predict_codes", "shares_of_classes"]

# Rows are finished, and written to a log, by so many draws: enough to share among workers, and
# seconds for most bases. It depends on nothing else, so that another run finishes the same groups.
_GROUP_DRAWS = 2**20
_WIDEST = 0.05  # an interval whose middle is a better estimate than the votes of some draws
_ALL = slice(0, None)
_SHORTER = (
    "Less time takes: radius=..., which decides one radius with a fraction of the draws; a smaller "
    "n; a base with a closed form. With log=..., the call can be interrupted."
)


def certify_rows(clf: Any, X: Any, *, verbose: int | None, log: Any, **asked: Any) -> Certificate:
    """Certify rows; `asked` are the arguments of `SmoothedClassifier.certify` that make a plan."""
    first, frame, parts = parts_of(clf, X)
    smoother = smoother_of(clf, frame)
    warn_of_unknown(clf, first, smoother.noise)
    closed = smoother.closed_form(first)
    draws = closed is None and not smoother.enumerates
    plan = check.plan_of(clf, draws=draws, **asked)
    rows = as_rows(X)
    n_rows = len(first if rows is None else rows)
    questions = plan.draws if draws else smoother.noise.n_outcomes or 1
    total, shown = n_rows * questions, 0 if closed is not None else verbose
    with (
        progress_bar(n_rows, questions, shown, _SHORTER) as bar,
        telling_bars(clf, total, bar) as report,
    ):
        job: _Job
        if closed is not None:
            job = _Compute(smoother, closed)
        elif draws:
            job = _Draw(smoother, plan, report)
        else:
            job = _Enumerate(smoother, report)
        if log is None:
            certificates = []
            for number, part in numbered(parts):
                job.begin(part, number)
                certificates.append(job.certify(_ALL))
            certificate = concatenate(certificates)
        else:
            everything = first if rows is None else rows
            answers = _answers_of(clf, smoother, everything)
            certificate = _with_log(log, smoother, job, answers, n_rows, parts)
    if draws:
        check.warn_if_out_of_reach(certificate)
    names = getattr(clf, "feature_names_in_", None)
    return dataclasses.replace(
        certificate,
        index=index_of(X),
        feature_names=None if names is None else tuple(map(str, names)),
    )


def index_of(X: Any) -> Any:
    """Return the index of a data frame of pandas; None for anything else."""
    pandas = sys.modules.get("pandas")
    return X.index if pandas is not None and isinstance(X, pandas.DataFrame) else None


def _law_of(closed: ClosedForm, X: NDArray[Any]) -> Law:
    """Return the law of rows, or refuse missing values that the closed form does not understand."""
    try:
        return closed.law(X)
    except DisagreementError as error:
        raise ValueError(
            f"Rows with missing values: the base does not answer as was read off it ({error}). Use "
            "method='montecarlo', and please report the model."
        ) from error
    except GapsError:
        refuse_gaps(X)
        raise


class _Job(Protocol):
    """One way to certify rows."""

    identity: dict[str, Any]  # must be the same for a run to go on
    group: int  # rows that are finished together

    def skip(self, n_rows: int) -> None:
        """Report rows that were finished before."""

    def begin(self, part: NDArray[Any], first: int) -> None:
        """Go on to a part of the rows, which begins with the row number `first`."""

    def certify(
        self, rows: slice, journal: RunningLog | None = None, keys: Sequence[str] = ()
    ) -> Certificate:
        """Certify rows of the part; votes are journaled meanwhile, under the rows' keys."""


class _Compute:
    """Certify by a closed form."""

    group = 1024

    def __init__(self, smoother: Smoother, closed: ClosedForm) -> None:
        self.smoother, self.closed = smoother, closed
        self.identity: dict[str, Any] = {"method": "exact", "form": closed.name, "settings": {}}

    def skip(self, n_rows: int) -> None:
        """Do nothing: there is no bar."""

    def begin(self, part: NDArray[Any], first: int) -> None:
        self.part = part

    def certify(
        self, rows: slice, journal: RunningLog | None = None, keys: Sequence[str] = ()
    ) -> Certificate:
        return certify_law(
            _law_of(self.closed, self.part[rows]),
            noise=self.smoother.noise,
            classes=self.smoother.classes,
            abstain_label=self.smoother.abstain_label,
            form=self.closed.name,
        )


class _Enumerate:
    """Certify by asking about all that noise can make of a row."""

    def __init__(self, smoother: Smoother, report: Report | None) -> None:
        self.smoother, self.report = smoother, report
        self.draws = smoother.noise.n_outcomes or 1
        self.group = -(-_GROUP_DRAWS // self.draws)
        self.identity: dict[str, Any] = {
            "method": "exact",
            "form": ENUMERATED,
            "settings": {"shortcuts": smoother.shortcuts},
        }

    def skip(self, n_rows: int) -> None:
        if self.report is not None:
            self.report(n_rows * self.draws)

    def begin(self, part: NDArray[Any], first: int) -> None:
        self.enumerator = self.smoother.enumerator(part, self.report, first_row=first)

    def certify(
        self, rows: slice, journal: RunningLog | None = None, keys: Sequence[str] = ()
    ) -> Certificate:
        smoother, enumerator = self.smoother, self.enumerator.at(rows)
        return certify_by_outcomes(enumerator, smoother.classes, smoother.abstain_label)


class _Draw:
    """Certify by Monte Carlo sampling."""

    def __init__(self, smoother: Smoother, plan: Plan, report: Report | None) -> None:
        self.smoother, self.plan, self.report = smoother, plan, report
        self.group = -(-_GROUP_DRAWS // plan.draws)
        self.identity: dict[str, Any] = {
            "method": "montecarlo",
            **{name: getattr(plan, name) for name in ("n", "n0", "alpha", "bound")},
            "asked_radii": plan.radii,
            "seed": smoother.seed.hex(),
            "stream": smoother.stream,
            "settings": {"tol": plan.tol, "shortcuts": smoother.shortcuts},
        }

    def skip(self, n_rows: int) -> None:
        if self.report is not None:
            self.report(n_rows * self.plan.draws)

    def begin(self, part: NDArray[Any], first: int) -> None:
        self.sampler = self.smoother.sampler(part, self.report, first_row=first)

    def certify(
        self, rows: slice, journal: RunningLog | None = None, keys: Sequence[str] = ()
    ) -> Certificate:
        sampler = self.sampler.at(rows, journal, keys)
        return certify_by_votes(
            sampler, self.plan, self.smoother.classes, self.smoother.abstain_label
        )


def _with_log(
    path: Any,
    smoother: Smoother,
    job: _Job,
    answers: Answers,
    n_rows: int,
    parts: Iterable[NDArray[Any]],
) -> Certificate:
    """Certify the rows that are not in a log yet, and return the certificates of all in it."""
    base = smoother.base
    noise = noise_of_head(smoother.noise)
    identity = job.identity | {
        "sigma": getattr(smoother.noise, "sigma", None),
        "rows": n_rows,
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
    with RunningLog(path, identity, n_rows, answers) as log:
        for first, part in numbered(parts):
            begun = False
            for start in range(0, len(part), job.group):
                rows = slice(start, start + job.group)
                keys = [row_key(smoother.seed, row).tobytes().hex() for row in part[rows]]
                if log.check(first + start, keys):
                    job.skip(len(keys))
                    continue
                if not begun:  # reading a model may take a while
                    job.begin(part, first)
                    begun = True
                log.append(job.certify(rows, log, keys), keys)
        return log.read()


def _answers_of(clf: Any, smoother: Smoother, X: Any) -> Answers:
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


def predict_codes(clf: Any, X: Any) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the class code of each row, and which rows are undecided."""
    first, frame, parts = parts_of(clf, X)  # first, because it asks whether clf is fitted
    smoother = smoother_of(clf, frame)
    warn_of_unknown(clf, first, smoother.noise)
    n, abstains = int(clf.n_predict), clf.abstain_label_ is not None
    closed = smoother.closed_form(first)
    if closed is None and abstains and not smoother.enumerates:
        check.warn_if_hopeless("n_predict", n, clf.alpha, shared=True)
    stops = clf.sequential_predict and abstains

    def decide(first: int, part: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        if closed is not None and abstains:
            return decide_law(_law_of(closed, part))
        if closed is not None and closed.complete:  # the argmax of predict_proba
            top = _shares(smoother, part, closed, n).argmax(axis=1)
            return top, np.zeros(len(part), dtype=bool)
        if smoother.enumerates:
            return predict_by_outcomes(smoother.enumerator(part, first_row=first))
        sampler = smoother.sampler(part, first_row=first)
        return predict_by_votes(sampler, n, clf.alpha, sequential=stops)

    # one by one: map would take a StopIteration of the base for the end of the rows
    decided = [decide(*part) for part in numbered(parts)]
    codes, undecided = zip(*decided, strict=True)
    return np.concatenate(codes), np.concatenate(undecided)


def shares_of_classes(clf: Any, X: Any) -> NDArray[np.float64]:
    """Return how often each class is answered around rows."""
    first, frame, parts = parts_of(clf, X)
    smoother = smoother_of(clf, frame)
    warn_of_unknown(clf, first, smoother.noise)
    closed, n = smoother.closed_form(first), int(clf.n_predict)
    return np.concatenate([_shares(smoother, part, closed, n) for part in parts])


def _shares(
    smoother: Smoother, X: NDArray[Any], closed: ClosedForm | None, n: int
) -> NDArray[np.float64]:
    if smoother.enumerates and (closed is None or not closed.complete):
        return frequencies_of_outcomes(smoother.enumerator(X))
    if closed is None or not closed.complete:
        return smoother.sampler(X).counts(n, Purpose.PREDICT) / n
    law = _law_of(closed, X)
    p = frequencies_of_law(law)
    # what is decided stays: predict must not contradict a certificate by the chance of some draws
    rough = (law.width > _WIDEST) & decide_law(law)[1]
    if np.any(rough):
        p[rough] = smoother.sampler(X[rough]).counts(n, Purpose.PREDICT) / n
    return p


def numbered(parts: Iterable[NDArray[Any]]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the parts, each behind the number of its first row."""
    first = 0
    for part in parts:
        yield first, part
        first += len(part)


def parts_of(clf: Any, X: Any) -> tuple[NDArray[Any], FrameMaker | None, Iterator[NDArray[Any]]]:
    """Return the first part of the checked rows, and all parts: one, if they are in memory.

    Between them is what turns them into the frame that they came in, which is in memory.
    """
    unread = chunks(X)
    first, frame = read_rows(clf, next(unread))
    return first, frame, chain([first], (check_rows(clf, part) for part in unread))
