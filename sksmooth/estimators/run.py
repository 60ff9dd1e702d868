"""predict and certify of a fitted estimator, by closed form or by sampling."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..certificate import Certificate, Plan
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
from ..sampling import Report
from ..sampling.sampler import Journal
from . import inputs as check
from .attributes import SmoothedClasses
from .jobs import Job, ask_about, numbered
from .logged import carry_out, refuse_labels_without_log
from .smoother import Smoother, refuse_gaps, smoother_of

__all__ = ["certify_rows", "predict_codes", "shares_of_classes"]

_WIDEST = 0.05  # an interval whose middle is a better estimate than the votes of some draws
_SHORTER = (
    "Less time takes: radius=..., which decides one radius with a fraction of the draws; a smaller "
    "n; a base with a closed form. With log=..., the call can be interrupted."
)


def certify_rows(
    clf: SmoothedClasses, X: Any, verbose: int | None, log: Any, *, y: Any, **asked: Any
) -> Certificate:
    """Certify rows; `asked` are the arguments of `SmoothedClassifier.certify` that make a plan."""
    refuse_labels_without_log(y, log)
    rows = ask_about(clf, X, smoother_of)
    smoother, closed = rows.smoother, rows.closed
    draws = closed is None and not smoother.enumerates
    plan = check.plan_of(clf, draws=draws, **asked)
    smoother.noise.deciding(plan.radii or (), plan.changes)  # refuses changes that it knows not

    def job(report: Report | None) -> Job:
        if closed is not None:
            return _Compute(smoother, closed)
        return _Draw(smoother, plan, report) if draws else _Enumerate(smoother, report)

    questions = plan.draws if draws else smoother.noise.n_outcomes or 1
    where: Any = {"log": log, "y": y, "verbose": verbose}
    certificate: Certificate = carry_out(clf, X, rows, job, questions, **where, shorter=_SHORTER)
    if draws:
        check.warn_if_out_of_reach(certificate)
        run = dataclasses.replace(certificate.run, model=smoother.base.fingerprint())
        certificate = dataclasses.replace(certificate, run=run)
    return certificate


def _law_of(closed: ClosedForm, X: NDArray[Any]) -> Law:
    """Return the law of rows, or refuse missing values that the closed form does not understand."""
    try:
        return closed.law(X)
    except DisagreementError as error:
        raise ValueError(
            "On rows with missing values the base answers otherwise than its closed form "
            f"({error}). Use method='montecarlo', and please report the model."
        ) from error
    except GapsError as error:
        refuse_gaps(X)
        raise ValueError(
            f"Some rows have no closed form: {error}. Use method='montecarlo'."
        ) from error


class _Compute(Job):
    """Certify by a closed form."""

    def __init__(self, smoother: Smoother, closed: ClosedForm) -> None:
        super().__init__()
        self.smoother, self.closed = smoother, closed
        self.identity = {"method": "exact", "form": closed.name, "settings": {}}

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


class _Enumerate(Job):
    """Certify by asking about all that noise can make of a row."""

    def __init__(self, smoother: Smoother, report: Report | None) -> None:
        super().__init__(smoother.noise.n_outcomes or 1, report)
        self.smoother = smoother
        self.identity = {
            "method": "exact",
            "form": ENUMERATED,
            "settings": {"shortcuts": smoother.shortcuts},
        }

    def begin(self, part: NDArray[Any], first: int) -> None:
        self.enumerator = self.smoother.enumerator(part, self.report, first_row=first)

    def certify(
        self, rows: slice, journal: Journal | None = None, keys: Sequence[str] = ()
    ) -> Certificate:
        smoother, enumerator = self.smoother, self.enumerator.at(rows)
        return certify_by_outcomes(enumerator, smoother.classes, smoother.abstain_label)


class _Draw(Job):
    """Certify by Monte Carlo sampling."""

    def __init__(self, smoother: Smoother, plan: Plan, report: Report | None) -> None:
        super().__init__(plan.draws, report)
        self.smoother, self.plan = smoother, plan
        self.identity = {
            "method": "montecarlo",
            **{name: getattr(plan, name) for name in ("n", "n0", "alpha", "bound")},
            "asked_radii": plan.radii,
            "asked_changes": plan.changes,
            "seed": smoother.seed.hex(),
            "stream": smoother.stream,
            "settings": {"tol": plan.tol, "shortcuts": smoother.shortcuts},
        }

    def begin(self, part: NDArray[Any], first: int) -> None:
        self.sampler = self.smoother.sampler(part, self.report, first_row=first)

    def certify(
        self, rows: slice, journal: Journal | None = None, keys: Sequence[str] = ()
    ) -> Certificate:
        sampler = self.sampler.at(rows, journal, keys)
        return certify_by_votes(
            sampler, self.plan, self.smoother.classes, self.smoother.abstain_label
        )


def predict_codes(clf: SmoothedClasses, X: Any) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the class code of each row, and which rows are undecided."""
    rows = ask_about(clf, X, smoother_of)
    smoother, closed = rows.smoother, rows.closed
    n, abstains = int(clf.n_predict), clf.abstain_label_ is not None
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
    decided = [decide(*part) for part in numbered(rows.parts)]
    codes, undecided = zip(*decided, strict=True)
    return np.concatenate(codes), np.concatenate(undecided)


def shares_of_classes(clf: SmoothedClasses, X: Any) -> NDArray[np.float64]:
    """Return how often each class is answered around rows."""
    rows, n = ask_about(clf, X, smoother_of), int(clf.n_predict)
    return np.concatenate([_shares(rows.smoother, part, rows.closed, n) for part in rows.parts])


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
