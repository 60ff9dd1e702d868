"""One case of the fidelity suite: a model, what has happened to it, and who counts the votes."""

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
from contracts.oracle import WORKERS, asked, contradiction, counts, quiet, with_workers
from contracts.states import STATES, NotForThisModelError

from sksmooth.introspection import methods_set

__all__ = ["Case", "Outcome", "all_cases", "few_cases", "run"]

_VOTES = 2500
_DRAWS = 200_000


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
    return [Case(m, s, w) for m in MODELS for s in STATES for w in WORKERS]


def few_cases() -> list[Case]:
    """Return every model fitted inside, and in four other states that go round, as do workers."""
    cases = []
    for i, name in enumerate(MODELS):
        cases.append(Case(name, "plain", "one"))
        states = [state for state in STATES if state != "plain" and _may_be(MODELS[name], state)]
        for k in range(4):
            number = 4 * i + k
            workers = WORKERS[(number // len(states) + k) % len(WORKERS)]
            cases.append(Case(name, states[number % len(states)], workers))
    return cases


def _may_be(model: Model, state: str) -> bool:
    """Return False for some states that a model cannot be in, so that they take no place."""
    if state == "tensors changed":
        return "torch" in model.needs
    return state != "settings changed" or bool(model.after)


def run(case: Case) -> Outcome:
    """Compare votes with those of the base, asked as a whole, and the closed form with draws."""
    model = MODELS[case.model]
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
            return _compare(case, model, clf, rows)
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


def _refusal(model: Model, case: Case, error: Exception, clf: Any = None) -> Outcome:
    """A refusal is right for a base that reads its batch, or that no other process can have."""
    expected = bool(model.refused) and re.search(model.refused, str(error)) is not None
    if case.workers == "processes" and clf is not None:
        expected |= not _survives_pickling(clf.estimator_, model)
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
