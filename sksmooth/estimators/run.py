"""predict and certify of a fitted estimator, by closed form or by sampling."""

import dataclasses
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends import FrameMaker
from ..certificate import Certificate, Plan
from ..certificate.concat import AnyResult, concatenate
from ..certificate.enumerated import (
    certify_by_outcomes,
    frequencies_of_outcomes,
    predict_by_outcomes,
)
from ..certificate.laws import certify_law, decide_law, frequencies_of_law
from ..certificate.plan import ENUMERATED
from ..certificate.procedures import certify_by_votes, predict_by_votes
from ..closed_forms import ClosedForm, DisagreementError, GapsError, Law
from ..noise.streams import Purpose
from ..records import ours
from ..rows import as_rows, chunks
from ..sampling import Report
from ..sampling.progress import progress_bar
from ..sampling.sampler import Journal
from . import inputs as check
from .callbacks import telling_bars
from .logged import (
    Job,
    LoggedRows,
    answers_of,
    certify_with_log,
    index_of,
    labels_for_log,
    numbered,
    numbers_of,
    refuse_labels_without_log,
)
from .reading import check_rows, read_rows, warn_of_unknown
from .smoother import Smoother, refuse_gaps, smoother_of

__all__ = ["certify_rows", "named_as", "parts_of", "predict_codes", "shares_of_classes"]

# Rows are finished, and written to a log, by so many draws: enough to share among workers, and
# seconds for most bases. It depends on nothing else, so that another run finishes the same groups.
_GROUP_DRAWS = 2**20
_WIDEST = 0.05  # an interval whose middle is a better estimate than the votes of some draws
_ALL = slice(0, None)
_SHORTER = (
    "Less time takes: radius=..., which decides one radius with a fraction of the draws; a smaller "
    "n; a base with a closed form. With log=..., the call can be interrupted."
)


def certify_rows(
    clf: Any, X: Any, verbose: int | None, log: Any, *, y: Any, **asked: Any
) -> Certificate:
    """Certify rows; `asked` are the arguments of `SmoothedClassifier.certify` that make a plan."""
    refuse_labels_without_log(y, log)
    first, frame, parts = parts_of(clf, X)
    smoother = smoother_of(clf, frame)
    warn_of_unknown(clf, first, smoother.noise)
    closed = smoother.closed_form(first)
    draws = closed is None and not smoother.enumerates
    plan = check.plan_of(clf, draws=draws, **asked)
    smoother.noise.deciding(plan.radii or (), plan.changes)  # refuses changes that it knows not
    rows = as_rows(X)
    n_rows = len(first if rows is None else rows)
    questions = plan.draws if draws else smoother.noise.n_outcomes or 1
    total, shown = n_rows * questions, 0 if closed is not None else verbose
    with (
        progress_bar(n_rows, questions, shown, _SHORTER) as bar,
        telling_bars(clf, total, bar) as report,
    ):
        job: Job
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
            answers = answers_of(clf, smoother, everything)
            labels = labels_for_log(X, y, smoother.classes, n_rows)
            rows_of_log = LoggedRows(n_rows, labels, numbers_of(X, n_rows))
            certificate = certify_with_log(log, smoother, job, answers, rows_of_log, parts)
    if draws:
        check.warn_if_out_of_reach(certificate)
        run = dataclasses.replace(certificate.run, model=smoother.base.fingerprint())
        certificate = dataclasses.replace(certificate, run=run)
    return named_as(clf, X, certificate)


def named_as(clf: Any, X: Any, result: AnyResult) -> AnyResult:
    """Return a result with the names that rows and columns of X have."""
    names = getattr(clf, "feature_names_in_", None)
    names = None if names is None else tuple(map(str, names))
    return dataclasses.replace(result, index=index_of(X), feature_names=names)


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


class _Compute:
    """Certify by a closed form."""

    group = 1024
    layout = ours

    def __init__(self, smoother: Smoother, closed: ClosedForm) -> None:
        self.smoother, self.closed = smoother, closed
        self.identity: dict[str, Any] = {"method": "exact", "form": closed.name, "settings": {}}

    def skip(self, n_rows: int) -> None:
        """Do nothing: there is no bar."""

    def begin(self, part: NDArray[Any], first: int) -> None:
        self.part = part

    def certify(
        self, rows: slice, journal: Journal | None = None, keys: Sequence[str] = ()
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

    layout = ours

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
        self, rows: slice, journal: Journal | None = None, keys: Sequence[str] = ()
    ) -> Certificate:
        smoother, enumerator = self.smoother, self.enumerator.at(rows)
        return certify_by_outcomes(enumerator, smoother.classes, smoother.abstain_label)


class _Draw:
    """Certify by Monte Carlo sampling."""

    layout = ours

    def __init__(self, smoother: Smoother, plan: Plan, report: Report | None) -> None:
        self.smoother, self.plan, self.report = smoother, plan, report
        self.group = -(-_GROUP_DRAWS // plan.draws)
        self.identity: dict[str, Any] = {
            "method": "montecarlo",
            **{name: getattr(plan, name) for name in ("n", "n0", "alpha", "bound")},
            "asked_radii": plan.radii,
            "asked_changes": plan.changes,
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
        self, rows: slice, journal: Journal | None = None, keys: Sequence[str] = ()
    ) -> Certificate:
        sampler = self.sampler.at(rows, journal, keys)
        return certify_by_votes(
            sampler, self.plan, self.smoother.classes, self.smoother.abstain_label
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


def parts_of(clf: Any, X: Any) -> tuple[NDArray[Any], FrameMaker | None, Iterator[NDArray[Any]]]:
    """Return the first part of the checked rows, and all parts: one, if they are in memory.

    Between them is what turns them into the frame that they came in, which is in memory.
    """
    unread = chunks(X)
    first, frame = read_rows(clf, next(unread))
    return first, frame, chain([first], (check_rows(clf, part) for part in unread))
