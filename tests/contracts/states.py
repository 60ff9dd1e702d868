"""What can happen to a model between its fit and the certificate."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
from contracts.models import SIGMA, Model
from contracts.overriding import Best, override, parts, subclassed
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from sksmooth import (
    RobustConformalClassifier,
    RobustConformalRegressor,
    SmoothedClassifier,
    SmoothedRegressor,
)

__all__ = ["ALTERING", "LATER", "STATES", "NotForThisModelError", "base_of", "smoother"]

_HISTOGRAMS = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
SHARE = 0.003  # fewer than a few hundred probes show


class NotForThisModelError(Exception):
    """Raised by a state that this model cannot be in."""


def smoother(base: Any, model: Model) -> Any:
    """Return what the model's task asks for, fitted, around a base that is not, or frozen."""
    X, y = model.table()
    if model.task == "sets":
        kind = RobustConformalClassifier if model.classes else RobustConformalRegressor
        return kind(base, SIGMA, 0.2, n=40, random_state=0).fit(X, y)
    plain = SmoothedClassifier if model.classes else SmoothedRegressor
    return plain(base, SIGMA, random_state=0).fit(X, y)


def base_of(clf: Any) -> Any:
    """Return the base, which conformal estimators have two levels below."""
    inner = clf.estimator_
    return getattr(inner, "estimator_", inner) if hasattr(clf, "conformalize") else inner


def _fitted(model: Model) -> Any:
    X, y = model.table()
    return model.new().fit(X, model.own_labels(y))


def _frozen(model: Model, base: Any) -> Any:
    return smoother(FrozenEstimator(base), model)


def _after(change: Callable[[Any], None]) -> Callable[[Model], Any]:
    """Return a state in which a fitted model is changed, and then frozen."""

    def state(model: Model) -> Any:
        base = _fitted(model)
        change(base)
        return _frozen(model, base)

    return state


def plain(model: Model) -> Any:
    return smoother(model.new(), model)


def frozen(model: Model) -> Any:
    return _frozen(model, _fitted(model))


def unpickled(model: Model) -> Any:
    clf = smoother(model.new(), model)
    clf.predict(model.table()[0][:1])  # what is kept from a call must not be kept wrongly
    return pickle.loads(pickle.dumps(clf))


def _end(base: Any) -> tuple[list[Any], Any]:
    """Return the steps and the model of nested Pipelines, by their exact attributes."""
    steps = []
    while isinstance(base, Pipeline):
        steps += [step for _, step in base.steps[:-1] if hasattr(step, "transform")]
        base = base.steps[-1][1]
    return steps, base


def continued(model: Model) -> Any:
    """Trained further on rows that it had not seen."""
    base = _fitted(model)
    X, y = model.table(seed=1)
    steps, last = _end(base)
    for step in steps:
        X = step.transform(X)
    _go_on(last, X, model.own_labels(y))
    return _frozen(model, base)


def resumed(model: Model) -> Any:
    """Trained further on the same rows with other settings."""
    base = _fitted(model)
    X, y = model.table()
    steps, last = _end(base)
    if isinstance(last, _HISTOGRAMS) and not steps:
        last.set_params(warm_start=True, early_stopping=True, max_iter=2 * last.max_iter)
        last.fit(X, y)
        return _frozen(model, base)
    for name, values in {"max_depth": [1, 6], "C": [10.0], "min_samples_leaf": [9]}.items():
        if "warm_start" in _names(last) and name in _names(last):
            for step in steps:
                X = step.transform(X)
            last.set_params(**{name: next(v for v in values if v != getattr(last, name))})
            _go_on(last, X, y)
            return _frozen(model, base)
    raise NotForThisModelError


def _go_on(last: Any, X: Any, y: np.ndarray) -> None:
    names = _names(last)
    if type(last).__module__.startswith("xgboost"):
        last.fit(X, y, xgb_model=last.get_booster())
    elif type(last).__module__.startswith(("lightgbm", "catboost")):
        last.fit(X, y, init_model=copy.deepcopy(last))
    elif "warm_start" in names and ("n_estimators" in names or "max_iter" in names):
        rounds = "n_estimators" if "n_estimators" in names else "max_iter"
        last.set_params(warm_start=True, **{rounds: 2 * getattr(last, rounds)}).fit(X, y)
    elif hasattr(last, "partial_fit"):
        last.partial_fit(X, y)
    else:
        raise NotForThisModelError


def _names(model: Any) -> set[str]:
    return set(model.get_params(deep=False)) if isinstance(model, BaseEstimator) else set()


def settings(model: Model) -> Any:
    """Settings that predict reads, changed after the fit."""
    if not model.after:
        raise NotForThisModelError
    return _after(lambda base: base.set_params(**model.after))(model)


def attributes(model: Model) -> Any:
    """All that was learned, shifted a little."""
    base = _fitted(model)
    probe = model.table(seed=2)[0]
    before = np.asarray(base.predict(probe))
    rng = np.random.default_rng(3)
    for _, part in parts(base):
        for name, value in list(vars(part).items()):
            if hasattr(value, "threshold") and hasattr(value, "node_count"):
                inner = value.feature >= 0
                value.threshold[inner] += 0.05
            if name == "nodes" and "num_threshold" in (value.dtype.names or ()):
                value["num_threshold"] += 0.05
            learned = name.endswith("_") or name.startswith("_")
            if learned and isinstance(value, np.ndarray) and value.dtype.kind == "f":
                setattr(part, name, value * rng.uniform(0.9, 1.1, size=value.shape))
    try:
        same = np.array_equal(np.asarray(base.predict(probe)), before)
    except Exception as error:  # not a model any more
        raise NotForThisModelError from error
    if same:
        raise NotForThisModelError
    return _frozen(model, base)


def tensors(model: Model) -> Any:
    """The weights of a net, changed in place after the smoother was made."""
    clf = smoother(model.new(), model)
    net = next((m for m in [_best(base_of(clf))] if hasattr(m, "module_")), None)
    if net is None:
        raise NotForThisModelError
    import torch

    clf.predict(model.table()[0][:1])
    with torch.no_grad():
        for parameter in net.module_.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=torch.manual_seed(1))
    return clf


def _best(base: Any) -> Any:
    return _end(getattr(base, "best_estimator_", base))[1]


def subclass(model: Model) -> Any:
    return _after(lambda base: subclassed(base, SHARE))(model)


def subclass_within(model: Model) -> Any:
    """The last model of a pipeline or search is of a subclass."""
    base = _fitted(model)
    last = _best(base)
    if last is base:
        raise NotForThisModelError
    subclassed(last, SHARE)
    return _frozen(model, base)


def subclass_of_frozen(model: Model) -> Any:
    """FrozenEstimator itself is of a subclass."""
    outer = FrozenEstimator(_fitted(model))
    outer.__class__ = type("Frozen", (FrozenEstimator,), {"predict": _predict_altered})
    return smoother(outer, model)


def _predict_altered(self: Any, X: Any) -> Any:
    from contracts.overriding import altered

    return self.estimator.predict(altered(X, SHARE))


def method_outside(model: Model) -> Any:
    return _after(lambda base: override(base, "predict", SHARE))(model)


def method_later(model: Model) -> Any:
    """A method set on the base of a smoother that has answered before."""
    clf = smoother(model.new(), model)
    clf.predict(model.table()[0][:1])
    override(base_of(clf), "predict", SHARE)
    return clf


def method_within(model: Model) -> Any:
    """Methods set on the last model of a pipeline or search, which predict may ask."""
    base = _fitted(model)
    last = _best(base)
    names = ["predict_proba", "decision_function"] if last is base else ["predict"]
    found = [name for name in names if hasattr(last, name)]
    if not found:
        raise NotForThisModelError
    for name in found:
        override(last, name, SHARE)
    return _frozen(model, base)


def method_on_a_step(model: Model) -> Any:
    base = _fitted(model)
    steps, _ = _end(getattr(base, "best_estimator_", base))
    if not steps:
        raise NotForThisModelError
    override(steps[-1], "transform", SHARE)
    return _frozen(model, base)


def method_on_a_member(model: Model) -> Any:
    """On every member of an ensemble, whatever predict asks of it."""
    base = _fitted(model)
    members = [
        part for path, part in parts(base) if "estimators_" in path or "_classifiers" in path
    ]
    for member in members:
        for name in ("predict", "predict_proba", "decision_function"):
            if hasattr(member, name):
                override(member, name, SHARE)
    if not members:
        raise NotForThisModelError
    return _frozen(model, base)


def wrapped(model: Model) -> Any:
    """In a class of the user's that looks like a search, with a predict of its own."""
    return _frozen(model, Best(_fitted(model), SHARE))


def wrapped_pipeline(model: Model) -> Any:
    """In a subclass of Pipeline with a predict of its own."""
    base = Pipeline([("model", _fitted(model))])
    subclassed(base, SHARE)
    return _frozen(model, base)


STATES: dict[str, Callable[[Model], Any]] = {
    "plain": plain,
    "frozen": frozen,
    "unpickled": unpickled,
    "continued on other rows": continued,
    "continued with other settings": resumed,
    "settings changed": settings,
    "attributes changed": attributes,
    "tensors changed": tensors,
    "subclass": subclass,
    "subclass within": subclass_within,
    "subclass of FrozenEstimator": subclass_of_frozen,
    "method on the model": method_outside,
    "method set later": method_later,
    "method within": method_within,
    "method on a step": method_on_a_step,
    "method on members": method_on_a_member,
    "wrapped": wrapped,
    "wrapped in a Pipeline": wrapped_pipeline,
}
# in these predict may answer otherwise than what was fitted
ALTERING = {name for name in STATES if name.startswith(("subclass", "method", "wrapped"))}
LATER = {"method set later", "tensors changed"}  # than the smoother was made
