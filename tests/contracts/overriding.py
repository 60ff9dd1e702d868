"""Models that answer otherwise for a few rows than their type does, and what is inside models."""

import copy
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

__all__ = ["Altered", "StandIn", "altered", "in_comb", "override", "overriding", "parts", "wrapped"]


def in_comb(X: Any, share: float) -> np.ndarray:
    """Return the rows that lie in the teeth of a comb: about that share of any smooth noise.

    The teeth are a ten-thousandth wide and spread everywhere, so that no few hundred rows show them
    and every sum of noise has its share of them.
    """
    first = np.asarray(X).reshape(len(X), -1)[:, 0].astype(np.float64)
    return np.floor(first * 8192.0) % round(1.0 / share) == 3


def altered(X: Any, share: float) -> Any:
    """Return a copy of rows; those in the comb have their features in the reverse order."""
    if hasattr(X, "iloc"):
        values = X.to_numpy()
        return type(X)(altered(values, share), columns=X.columns, index=X.index)
    if type(X).__module__ == "torch":
        return type(X)(altered(X.detach().numpy(), share))
    values = np.array(X)
    rows = in_comb(X, share)
    values[rows] = values[rows][..., ::-1] if values.shape[-1] > 1 else 1 - values[rows]
    return values


class Altered:
    """A method that sees altered rows. A class, because processes and copies must have it too."""

    def __init__(self, owner: Any, name: str, share: float) -> None:
        self.owner, self.name, self.share = owner, name, share
        self.__name__ = name

    def __call__(self, X: Any, *args: Any, **options: Any) -> Any:
        original = getattr(type(self.owner), self.name).__get__(self.owner)
        return original(altered(X, self.share), *args, **options)


class StandIn:
    """Passes for an object inside of a model, but for its methods: these see altered rows."""

    def __init__(self, inner: Any, share: float) -> None:
        self._inner, self._share = inner, share

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_inner" not in vars(self):
            raise AttributeError(name)
        value = getattr(self._inner, name)
        if not callable(value):
            return value
        return lambda X, *args, **options: value(altered(X, self._share), *args, **options)


def override(owner: Any, name: str, share: float) -> None:
    """Set a method on an object."""
    vars(owner)[name] = Altered(owner, name, share)


def overriding(kind: type, name: str, share: float, *, wraps: bool) -> Callable[..., Any]:
    """Return a function to be put in the place of a method of a class."""
    original = next(vars(base)[name] for base in kind.__mro__ if name in vars(base))

    def method(self: Any, X: Any, *args: Any, **options: Any) -> Any:
        return original.__get__(self, type(self))(altered(X, share), *args, **options)

    # descriptors of methods that are not always there name the function as well
    return functools.wraps(getattr(original, "fn", original))(method) if wraps else method


def subclassed(model: Any, share: float, name: str = "predict") -> None:
    """Make an object one of a subclass with a method of its own."""
    kind = type(model)
    method = overriding(kind, name, share, wraps=False)
    model.__class__ = type(kind.__name__, (kind,), {name: method, "__module__": kind.__module__})


class Best(BaseEstimator):
    """Looks like a fitted search around a model, and a frozen one, but answers otherwise."""

    _estimator_type = "classifier"

    def __init__(self, estimator: Any, share: float) -> None:
        self.estimator, self.share = estimator, share

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        return copy.deepcopy(self.estimator.__sklearn_tags__())

    @property
    def best_estimator_(self) -> Any:
        return self.estimator

    @property
    def classes_(self) -> np.ndarray:
        return self.estimator.classes_

    def __getattr__(self, name: str) -> Any:
        if name in ("feature_names_in_", "n_features_in_"):
            return getattr(self.estimator, name)
        raise AttributeError(name)

    def fit(self, X: Any, y: Any) -> "Best":
        self.estimator.fit(X, y)
        return self

    def predict(self, X: Any) -> Any:
        return self.estimator.predict(altered(X, self.share))

    def predict_proba(self, X: Any) -> Any:
        return self.estimator.predict_proba(X)


wrapped = Best


def parts(model: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fitted objects inside of a model that can have methods set, each with its path."""
    seen: set[int] = set()

    def walk(path: str, thing: Any, depth: int) -> Iterator[tuple[str, Any]]:
        if depth > 12 or id(thing) in seen:
            return
        if isinstance(thing, list | tuple) or (
            isinstance(thing, np.ndarray) and thing.dtype == object and thing.size < 1000
        ):
            for number, item in enumerate(thing):
                yield from walk(f"{path}[{number}]", item, depth + 1)
        elif isinstance(thing, dict):
            for key, item in thing.items():
                yield from walk(f"{path}[{key!r}]", item, depth + 1)
        elif hasattr(thing, "__dict__") and _is_of_models(type(thing)):
            seen.add(id(thing))
            yield path, thing
            for key, item in list(vars(thing).items()):
                if _is_asked(thing, key):
                    yield from walk(f"{path}.{key}", item, depth + 1)

    yield from walk("model", model, 0)


def _is_of_models(kind: type) -> bool:
    package = kind.__module__.partition(".")[0]
    return package in {
        *("sklearn", "imblearn", "xgboost", "lightgbm", "catboost", "contracts"),
        *("skorch", "nets", "torch"),
    }


def _is_asked(thing: Any, key: str) -> bool:
    """Whether predict may ask an attribute: parameters are models of which clones are fitted."""
    if type(thing).__module__.startswith(("skorch", "nets", "torch")):
        return key in ("module_", "_modules")
    if not isinstance(thing, BaseEstimator) or hasattr(thing, "steps"):
        return True
    if type(thing).__name__ in ("FrozenEstimator", "Best"):
        return True
    return key not in thing.get_params(deep=False)
