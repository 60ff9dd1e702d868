"""What a fitted SmoothedClassifier says of rows: computed from a closed form, or found by votes."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import montecarlo
from . import validation as check
from .assembly import closed_form_of, noise_of, sampler_of
from .certificate import Certificate
from .certificate.concat import concatenate
from .certificate.laws import certify_law, decide_law, frequencies_of_law
from .exact import ClosedForm
from .progress import progress_bar
from .rows import as_rows, chunks
from .streams import Purpose

__all__ = ["certify", "frequencies", "predict_codes"]

_WIDEST = 0.05  # an interval whose middle is a better estimate than the votes of some draws


def certify(clf: Any, X: Any, *, verbose: int, second_order: bool, **arguments: Any) -> Certificate:
    """Certify rows; `arguments` are those of `SmoothedClassifier.certify`."""
    first, parts = _parts(clf, X)
    closed = closed_form_of(clf, first)
    if closed is None and second_order:
        raise ValueError(
            "second_order=True needs slopes that are computed, not votes: a decision tree, or a "
            "forest with vote='soft'."
        )
    plan = check.certify_plan(clf, draws=closed is None, **arguments)
    if closed is not None:
        settings = {
            "noise": noise_of(clf),
            "classes": clf.classes_,
            "abstain_label": clf.abstain_label_,
            "form": closed.name,
        }
        laws = (closed.law(part, second_order=second_order) for part in parts)
        return concatenate(certify_law(law, **settings) for law in laws)
    rows = as_rows(X)
    n_rows = len(first if rows is None else rows)
    with progress_bar(n_rows, plan["n0"] + plan["n"], verbose) as report:
        samplers = (sampler_of(clf, part, report) for part in parts)
        labels = clf.classes_, clf.abstain_label_
        certificate = concatenate(montecarlo.certify(s, *labels, **plan) for s in samplers)
    check.warn_if_out_of_reach(certificate, plan["tol"])
    return certificate


def predict_codes(clf: Any, X: Any) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the class code of each row, and which rows are undecided."""
    first, parts = _parts(clf, X)  # first, because it asks whether clf is fitted
    n, abstains = clf.n_predict, clf.abstain_label_ is not None
    closed = closed_form_of(clf, first)
    if closed is None and abstains:
        check.warn_if_hopeless("n_predict", n, clf.alpha, shared=True)
    stops = clf.sequential_predict and abstains

    def decide(part: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        if closed is not None and abstains:
            return decide_law(closed.law(part))
        if closed is not None and closed.complete:  # the argmax of predict_proba
            top = _frequencies(clf, part, closed).argmax(axis=1)
            return top, np.zeros(len(part), dtype=bool)
        return montecarlo.predict(sampler_of(clf, part), n, clf.alpha, sequential=stops)

    codes, undecided = zip(*map(decide, parts), strict=True)
    return np.concatenate(codes), np.concatenate(undecided)


def frequencies(clf: Any, X: Any) -> NDArray[np.float64]:
    """Return how often each class is answered around rows."""
    first, parts = _parts(clf, X)
    closed = closed_form_of(clf, first)
    return np.concatenate([_frequencies(clf, part, closed) for part in parts])


def _frequencies(clf: Any, X: NDArray[Any], closed: ClosedForm | None) -> NDArray[np.float64]:
    if closed is None or not closed.complete:
        return _shares(clf, X)
    law = closed.law(X)
    p = frequencies_of_law(law)
    # what is decided stays: predict must not contradict a certificate by the chance of some draws
    rough = (law.width > _WIDEST) & decide_law(law)[1]
    if np.any(rough) and clf.vote == "hard":
        p[rough] = _shares(clf, X[rough])
    return p


def _shares(clf: Any, X: NDArray[Any]) -> NDArray[np.float64]:
    """Return the shares of the votes for each class."""
    return sampler_of(clf, X).counts(clf.n_predict, Purpose.PREDICT) / clf.n_predict


def _parts(clf: Any, X: Any) -> tuple[NDArray[Any], Iterator[NDArray[Any]]]:
    """Return the first part of the checked rows, and all parts: one, if they are in memory."""
    parts = (check.check_rows(clf, part) for part in chunks(X))
    first = next(parts)
    return first, chain([first], parts)
