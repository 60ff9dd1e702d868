"""What a fitted SmoothedClassifier says of rows: computed from a closed form, or found by votes."""

import importlib.metadata
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from . import montecarlo
from . import validation as check
from .assembly import closed_form_of, noise_of, sampler_of, shortcut_names
from .backends import get_backend, is_net, unwrap
from .certificate import Certificate
from .certificate.concat import concatenate
from .certificate.laws import certify_law, decide_law, frequencies_of_law
from .exact import ClosedForm
from .fingerprint import fingerprint
from .progress import progress_bar
from .records.ours import noise_of_head, versions
from .records.probed import Answers, ask, probed_rows
from .records.running import RunningLog
from .rows import Rows, as_rows, chunks
from .sampling import Report
from .streams import Purpose, row_key

__all__ = ["certify", "frequencies", "predict_codes"]

# Rows are finished, and written to a log, by so many draws: enough to share among workers, and
# seconds for most bases. It depends on nothing else, so that another run finishes the same groups.
_GROUP_DRAWS = 2**20
_WIDEST = 0.05  # an interval whose middle is a better estimate than the votes of some draws


def certify(
    clf: Any, X: Any, *, verbose: int, second_order: bool, log: Any, **arguments: Any
) -> Certificate:
    """Certify rows; `arguments` are those of `SmoothedClassifier.certify`."""
    first, parts = _parts(clf, X)
    closed = closed_form_of(clf, first)
    if closed is None and second_order:
        raise ValueError(
            "second_order=True needs slopes that are computed, not votes: a decision tree, or a "
            "forest with vote='soft'."
        )
    plan = check.certify_plan(clf, draws=closed is None, **arguments)
    rows = as_rows(X)
    n_rows = len(first if rows is None else rows)
    with progress_bar(n_rows, plan["n0"] + plan["n"], verbose and closed is None) as report:
        job: _Job = (
            _Draw(clf, plan, report) if closed is None else _Compute(clf, closed, second_order)
        )
        if log is None:
            everything = slice(0, None), None, ()
            certificate = concatenate(
                job.certifier(part, first)(*everything) for first, part in _numbered(parts)
            )
        else:
            certificate = _with_log(log, clf, job, first if rows is None else rows, parts)
    if closed is None:
        check.warn_if_out_of_reach(certificate, plan["tol"])
    return certificate


# of some rows of a part; votes are kept in a log meanwhile, under names of the rows
_Certify = Callable[[slice, RunningLog | None, Sequence[str]], Certificate]


class _Job(Protocol):
    """One way to certify rows."""

    identity: dict[str, Any]  # what must be the same for a run to go on
    group: int  # rows that are finished together

    def skip(self, n_rows: int) -> None:
        """Report rows that were finished before."""

    def certifier(self, part: NDArray[Any], first: int) -> _Certify:
        """Return what certifies rows of a part, which begins with the row number `first`."""


class _Compute:
    """By a closed form."""

    group = 1024

    def __init__(self, clf: Any, closed: ClosedForm, second_order: bool) -> None:
        self.closed, self.options = closed, {"second_order": second_order}
        self.settings = {
            "noise": noise_of(clf),
            "classes": clf.classes_,
            "abstain_label": clf.abstain_label_,
            "form": closed.name,
        }
        self.identity: dict[str, Any] = {
            "method": "exact",
            "form": closed.name,
            "settings": {"vote": clf.vote, **self.options},
        }

    def skip(self, n_rows: int) -> None:
        """Do nothing: there is no bar."""

    def certifier(self, part: NDArray[Any], first: int) -> _Certify:
        return lambda rows, journal, keys: certify_law(
            self.closed.law(part[rows], **self.options), **self.settings
        )


class _Draw:
    """By votes."""

    def __init__(self, clf: Any, plan: dict[str, Any], report: Report | None) -> None:
        self.clf, self.plan, self.report = clf, plan, report
        self.labels = clf.classes_, clf.abstain_label_
        self.group = -(-_GROUP_DRAWS // (plan["n0"] + plan["n"]))
        self.identity: dict[str, Any] = {
            "method": "montecarlo",
            **{name: plan[name] for name in ("n", "n0", "alpha", "bound")},
            "asked_radii": plan["radii"],
            "seed": clf._seed.hex(),
            "stream": clf.stream,
            "settings": {"tol": plan["tol"], "shortcuts": shortcut_names(clf.shortcuts)},
        }

    def skip(self, n_rows: int) -> None:
        if self.report is not None:
            self.report(n_rows * (self.plan["n0"] + self.plan["n"]))

    def certifier(self, part: NDArray[Any], first: int) -> _Certify:
        sampler = sampler_of(self.clf, part, self.report, first_row=first)
        return lambda rows, journal, keys: montecarlo.certify(
            sampler.at(rows, journal, keys), *self.labels, **self.plan
        )


def _with_log(path: Any, clf: Any, job: _Job, X: Any, parts: Iterable[NDArray[Any]]) -> Certificate:
    """Certify the rows that are not in a log yet, and return the certificates of all in it."""
    n_rows = len(X)
    noise = noise_of_head(noise_of(clf))  # in the head is what a shortcut has made of it
    identity = job.identity | {
        "sigma": noise["sigma"],
        "rows": n_rows,
        "classes": clf.classes_.tolist(),
        "versions": versions(),
    }
    identity["settings"] = {
        "model": fingerprint(clf.estimator_, clf._answers, clf._frame),
        "abstain_label": np.asarray(clf.abstain_label_).item(),  # it may be an integer of numpy
        "noise": noise,
        **identity["settings"],
    }
    if is_net(unwrap(clf.estimator_)[1]):
        net = {name: importlib.metadata.version(name) for name in ("torch", "skorch")}
        identity["settings"] |= net
    with RunningLog(path, identity, n_rows, _answers_of(clf, X)) as log:
        for first, part in _numbered(parts):
            certify_rows = None
            for start in range(0, len(part), job.group):
                rows = slice(start, start + job.group)
                keys = [row_key(clf._seed, row).tobytes().hex() for row in part[rows]]
                if log.check(first + start, keys):
                    job.skip(len(keys))
                    continue
                if certify_rows is None:  # reading a model may take a while
                    certify_rows = job.certifier(part, first)
                log.append(certify_rows(rows, log, keys), keys)
        return log.read()


def _answers_of(clf: Any, X: Any) -> Answers:
    """Return what the base answers to probes around some rows of X, wherever X is kept."""
    numbers = probed_rows(len(X), math.prod(clf._row_shape))
    if isinstance(X, Rows):
        some = check.check_rows(clf, np.stack([X.row(i) for i in numbers.tolist()]))
    else:
        some = X[numbers]
    return ask(
        get_backend(clf.estimator_, clf._answers, clf._frame),
        some,
        noise_of(clf).deviations(clf._row_shape),
        clf._seed,
    )


def predict_codes(clf: Any, X: Any) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the class code of each row, and which rows are undecided."""
    first, parts = _parts(clf, X)  # first, because it asks whether clf is fitted
    n, abstains = int(clf.n_predict), clf.abstain_label_ is not None
    closed = closed_form_of(clf, first)
    if closed is None and abstains:
        check.warn_if_hopeless("n_predict", n, clf.alpha, shared=True)
    stops = clf.sequential_predict and abstains

    def decide(first: int, part: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        if closed is not None and abstains:
            return decide_law(closed.law(part))
        if closed is not None and closed.complete:  # the argmax of predict_proba
            top = _frequencies(clf, part, closed).argmax(axis=1)
            return top, np.zeros(len(part), dtype=bool)
        sampler = sampler_of(clf, part, first_row=first)
        return montecarlo.predict(sampler, n, clf.alpha, sequential=stops)

    # one by one: map would take a StopIteration of the base for the end of the rows
    decided = [decide(*numbered) for numbered in _numbered(parts)]
    codes, undecided = zip(*decided, strict=True)
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
    n = int(clf.n_predict)  # an integer of numpy has no room for all draws
    return sampler_of(clf, X).counts(n, Purpose.PREDICT) / n


def _numbered(parts: Iterable[NDArray[Any]]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the parts, each behind the number of its first row."""
    first = 0
    for part in parts:
        yield first, part
        first += len(part)


def _parts(clf: Any, X: Any) -> tuple[NDArray[Any], Iterator[NDArray[Any]]]:
    """Return the first part of the checked rows, and all parts: one, if they are in memory."""
    parts = (check.check_rows(clf, part) for part in chunks(X))
    first = next(parts)
    return first, chain([first], parts)
