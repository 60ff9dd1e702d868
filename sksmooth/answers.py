"""What a fitted SmoothedClassifier says of rows: computed from a closed form, or found by votes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import montecarlo
from . import validation as check
from .assembly import closed_form_of, noise_of, sampler_of
from .certificate import Certificate
from .certificate.laws import certify_law, decide_law, frequencies_of_law
from .progress import progress_bar
from .streams import Purpose

__all__ = ["certify", "frequencies", "predict_codes"]

_WIDEST = 0.05  # an interval whose middle is a better estimate than the votes of some draws


def certify(
    clf: Any, X: NDArray[Any], *, verbose: int, second_order: bool, **arguments: Any
) -> Certificate:
    """Certify checked rows; `arguments` are those of `SmoothedClassifier.certify`."""
    closed = closed_form_of(clf, X)
    if closed is None and second_order:
        raise ValueError(
            "second_order=True needs slopes that are computed, not votes: a decision tree, or a "
            "forest with vote='soft'."
        )
    plan = check.certify_plan(clf, draws=closed is None, **arguments)
    if closed is not None:
        return certify_law(
            closed.law(X, second_order=second_order),
            noise=noise_of(clf),
            classes=clf.classes_,
            abstain_label=clf.abstain_label_,
            form=closed.name,
        )
    with progress_bar(len(X), plan["n0"] + plan["n"], verbose) as report:
        sampler = sampler_of(clf, X, report)
        certificate = montecarlo.certify(sampler, clf.classes_, clf.abstain_label_, **plan)
    check.warn_if_out_of_reach(certificate, plan["tol"])
    return certificate


def predict_codes(clf: Any, X: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the class code of each of the checked rows, and which rows are undecided."""
    n, abstains = clf.n_predict, clf.abstain_label_ is not None
    closed = closed_form_of(clf, X)
    if closed is not None and abstains:
        return decide_law(closed.law(X))
    if closed is not None and closed.complete:  # the argmax of predict_proba
        return frequencies(clf, X).argmax(axis=1), np.zeros(len(X), dtype=bool)
    if abstains:
        check.warn_if_hopeless("n_predict", n, clf.alpha, shared=True)
    stops = clf.sequential_predict and abstains
    return montecarlo.predict(sampler_of(clf, X), n, clf.alpha, sequential=stops)


def frequencies(clf: Any, X: NDArray[Any]) -> NDArray[np.float64]:
    """Return how often each class is answered around checked rows."""
    closed = closed_form_of(clf, X)
    if closed is None or not closed.complete:
        return _shares(clf, X)
    law = closed.law(X)
    p = frequencies_of_law(law)
    rough = law.width > _WIDEST
    if np.any(rough) and clf.vote == "hard":
        p[rough] = _shares(clf, X[rough])
    return p


def _shares(clf: Any, X: NDArray[Any]) -> NDArray[np.float64]:
    """Return the shares of the votes for each class."""
    return sampler_of(clf, X).counts(clf.n_predict, Purpose.PREDICT) / clf.n_predict
