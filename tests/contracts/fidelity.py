"""One case of the fidelity suite: a model, what has happened to it, and who asks it."""

import dataclasses
import pickle
import re
from typing import Any

import numpy as np

try:
    from joblib.externals import cloudpickle
except ImportError:
    import cloudpickle

from contracts.models import MODELS, Model
from contracts.oracle import (
    WORKERS,
    asked,
    contradiction,
    contradiction_of_numbers,
    contradiction_of_sets,
    counts,
    quiet,
    with_workers,
)
from contracts.regressors import ALL_MODELS, CONFORMAL, REGRESSORS
from contracts.states import ALTERING, LATER, STATES, NotForThisModelError, base_of

from sksmooth.introspection import methods_set

__all__ = ["Case", "Outcome", "all_cases", "few_cases", "run"]

_VOTES = 2500
_DRAWS = 200_000
_DRAWS_OF_NUMBERS = 12_000  # for each of several questions


@dataclasses.dataclass(frozen=True)
class Case:
    """Names of a model, a state and of workers."""

    model: str
    state: str
    workers: str

    def __str__(self) -> str:
        return f"{self.model}-{self.state}-{self.workers}"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a case ended in.

    Attributes
    ----------
    verdict : str
        "exact" (a closed form was taken, and nothing contradicts it), "sampled", "refused", "none"
        (the model cannot be in this state), or "WRONG".
    what : str
        The closed form, the shortcut, the message, or what is wrong.
    """

    verdict: str
    what: str = ""


def all_cases() -> list[Case]:
    """Return every model in every state with all workers."""
    return [Case(m, s, w) for m in ALL_MODELS for s in STATES for w in WORKERS]


def few_cases() -> list[Case]:
    """Return every model fitted inside, and in other states that go round, as do workers."""
    cases = []
    for models, others in ((MODELS, 4), (REGRESSORS, 1), (CONFORMAL, 1)):
        for i, (name, model) in enumerate(models.items()):
            if models is not CONFORMAL:
                cases.append(Case(name, "plain", "one"))
            states = [state for state in STATES if state != "plain" and _may_be(model, state)]
            for k in range(others):
                number = others * i + k
                kinds = WORKERS if models is MODELS else WORKERS[:2]  # processes take seconds
                workers = kinds[(number // len(states) + k) % len(kinds)]
                cases.append(Case(name, states[number % len(states)], workers))
    return cases


def _may_be(model: Model, state: str) -> bool:
    """Return False for some states that a model cannot be in, so that they take no place."""
    if state == "tensors changed":
        return "torch" in model.needs
    return state != "settings changed" or bool(model.after)


def run(case: Case) -> Outcome:
    """Compare answers with those of the base, asked as a whole, and the closed form with draws."""
    model = ALL_MODELS[case.model]
    compare = _compare_sets if model.task == "sets" else _compare
    if not model.classes and model.task != "sets":
        compare = _compare_numbers
    with quiet():
        try:
            clf = STATES[case.state](model)
        except NotForThisModelError:
            return Outcome("none")
        except ValueError as error:
            return _refusal(model, case, error)
        X = model.table(seed=4)[0]
        rows = X.iloc[:3] if hasattr(X, "iloc") else X[:3]
        try:
            outcome = compare(case, model, clf, rows)
            if outcome.verdict == "exact" and case.state in ALTERING and _altered(model, clf):
                return Outcome("WRONG", f"{outcome.what} is computed, though predict is another")
            return outcome
        except Exception as error:  # whatever it is, nothing was certified
            return _refusal(model, case, error, clf)


def _compare(case: Case, model: Model, clf: Any, rows: Any) -> Outcome:
    with with_workers(clf.set_params(method="montecarlo"), case.workers) as drawing:
        sampled = drawing.certify(rows, n=_VOTES, n0=10, alpha=0.3)
        plainly = drawing.set_params(shortcuts=None)
        without = counts(plainly, rows, _VOTES)
    expected = counts(asked(clf), rows, _VOTES)
    for name, found in (("shortcuts='auto'", sampled.counts), ("shortcuts=None", without)):
        if not np.array_equal(found, expected):
            off = int(np.abs(found - expected).max())
            taken = f" ({sampled.shortcut})" if name.endswith("'auto'") else ""
            return Outcome("WRONG", f"{name}{taken}: counts differ from predict's by {off}")
    if model.refused:
        return Outcome("WRONG", f"not refused, though it is {case.model!r}")
    computed = clf.set_params(method="auto").certify(rows, n=200, n0=10)
    if computed.method != "exact":
        return Outcome("sampled", sampled.shortcut or "")
    reason = contradiction(computed[:2], clf, model.frame, np.asarray(rows)[:2], _DRAWS)
    return (
        Outcome("WRONG", f"{computed.form}: {reason}")
        if reason
        else Outcome("exact", computed.form)
    )


def _compare_numbers(case: Case, model: Model, reg: Any, rows: Any) -> Outcome:
    levels = (np.arange(_VOTES) + 0.5) / _VOTES
    with with_workers(reg.set_params(method="montecarlo", n_predict=_VOTES), case.workers) as draws:
        found = draws.output_quantiles(rows, levels)
    expected = asked(reg).output_quantiles(rows, levels)
    # another batch length may change the last digits
    if not np.allclose(found, expected, rtol=1e-5, atol=1e-6 * expected.std()):
        return Outcome("WRONG", f"outputs differ by up to {np.abs(found - expected).max():.2g}")
    if model.refused:
        return Outcome("WRONG", f"not refused, though it is {case.model!r}")
    computed = reg.set_params(method="auto").certify_interval(rows, 0.1, n=200, n0=10)
    if computed.method != "exact":
        return Outcome("sampled")
    reason = contradiction_of_numbers(reg, model.frame, np.asarray(rows)[:2], _DRAWS_OF_NUMBERS)
    what = f"{computed.form}: {reason}" if reason else computed.form
    return Outcome("WRONG" if reason else "exact", what)


def _compare_sets(case: Case, model: Model, clf: Any, rows: Any) -> Outcome:
    """The threshold and the sets, drawn; then those that are computed, if the base has a form."""
    sets = "predict_set" if model.classes else "predict_interval"
    getattr(clf, sets)(rows)
    if case.state in LATER:
        return Outcome("WRONG", "the base is not the one of calibration")
    table = model.table(seed=6)
    found = []
    with with_workers(clf, case.workers) as drawing:
        for each in (drawing, asked(clf)):
            each.conformalize(*table)
            found.append((each.threshold_, *getattr(each, sets)(rows)))
    if not all(
        np.allclose(one, two, rtol=1e-5, equal_nan=True) for one, two in zip(*found, strict=True)
    ):
        return Outcome("WRONG", "threshold or sets are not those of the base's scores")
    if model.refused:
        return Outcome("WRONG", f"not refused, though it is {case.model!r}")
    computed = clf.set_params(conformity_score="votes" if model.classes else "median")
    X, y = model.table(seed=9)
    try:
        computed.conformalize(X, y)
    except ValueError as error:
        right = "takes a closed form" in str(error) or "method='exact'" in str(error)
        return Outcome("sampled" if right else "WRONG", "" if right else str(error))
    few = slice(4 if model.classes else 2)
    some = np.asarray(X)[few], y[few]
    reason = contradiction_of_sets(computed, model.frame, *some, _DRAWS_OF_NUMBERS)
    return Outcome("WRONG" if reason else "exact", reason or computed.conformity_score)


def _altered(model: Model, clf: Any) -> bool:
    """Whether a base answers otherwise than what was fitted, on many noisy rows."""
    rows = model.rows(np.random.default_rng(5).normal(size=(20_000, 4)))
    X, y = model.table()
    fitted = model.new().fit(X, model.own_labels(y))
    return not np.array_equal(base_of(clf).predict(rows), fitted.predict(rows))


def _refusal(model: Model, case: Case, error: Exception, clf: Any = None) -> Outcome:
    """A refusal is right for a base that reads its batch, or that no other process can have."""
    expected = bool(model.refused) and re.search(model.refused, str(error)) is not None
    if model.task == "sets" and case.state in LATER:
        expected |= "changed since calibration" in str(error)
    if case.workers == "processes" and clf is not None:
        expected |= not _survives_pickling(base_of(clf), model)
    return Outcome("refused" if expected else "WRONG", f"{type(error).__name__}: {error}")


def _survives_pickling(base: Any, model: Model) -> bool:
    """Whether a copy in another process has all methods, and answers as the base does here."""
    rows = model.rows(np.random.default_rng(5).normal(size=(20_000, 4)))
    try:
        copy = pickle.loads(cloudpickle.dumps(base))
    except Exception:  # whatever a model's own methods raise
        return False
    return methods_set(base) <= methods_set(copy) and np.array_equal(
        copy.predict(rows), base.predict(rows)
    )
