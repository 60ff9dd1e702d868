"""Which models have a reader: by the names of their types, so that no library is imported."""

import contextlib
import contextvars
import importlib
import itertools
import sys
from collections.abc import Iterator
from typing import Any

from ..form import NotClosedError
from .ensemble import Parts, TreeEnsemble

__all__ = [
    "READERS",
    "is_read",
    "libraries_read",
    "parts_of",
    "read",
    "read_once",
    "refuse_other_methods",
]

# a type, by where it is defined, and its reader: ".file:function" is in this folder
READERS: dict[str, str] = {
    "catboost.core.CatBoostClassifier": ".catboost:catboost",
    "catboost.core.CatBoostRegressor": ".catboost:catboost",
    "interpret.glassbox._ebm._ebm.ExplainableBoostingClassifier": ".ebm:ebm",
    "interpret.glassbox._ebm._ebm.ExplainableBoostingRegressor": ".ebm:ebm",
    "lightgbm.sklearn.LGBMClassifier": ".lightgbm:booster",
    "lightgbm.sklearn.LGBMRegressor": ".lightgbm:booster",
    "sklearn.calibration.CalibratedClassifierCV": ".sklearn:deciding",
    "sklearn.dummy.DummyClassifier": ".sklearn:dummy",
    "sklearn.ensemble._bagging.BaggingClassifier": ".sklearn:bagging",
    "sklearn.ensemble._forest.ExtraTreesClassifier": ".sklearn:forest",
    "sklearn.ensemble._forest.ExtraTreesRegressor": ".sklearn:forest",
    "sklearn.ensemble._forest.RandomForestClassifier": ".sklearn:forest",
    "sklearn.ensemble._forest.RandomForestRegressor": ".sklearn:forest",
    "sklearn.ensemble._gb.GradientBoostingClassifier": ".sklearn:gradient_boosting",
    "sklearn.ensemble._gb.GradientBoostingRegressor": ".sklearn:gradient_boosting",
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier": (
        ".sklearn:hist_gradient_boosting"
    ),
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingRegressor": (
        ".sklearn:hist_gradient_boosting"
    ),
    "sklearn.ensemble._voting.VotingClassifier": ".sklearn:voting",
    "sklearn.ensemble._weight_boosting.AdaBoostClassifier": ".sklearn:ada_boost",
    "sklearn.model_selection._classification_threshold.FixedThresholdClassifier": (
        ".sklearn:deciding"
    ),
    "sklearn.model_selection._classification_threshold.TunedThresholdClassifierCV": (
        ".sklearn:deciding"
    ),
    "sklearn.multiclass.OneVsRestClassifier": ".sklearn:deciding",
    "sklearn.tree._classes.DecisionTreeClassifier": ".sklearn:tree",
    "sklearn.tree._classes.DecisionTreeRegressor": ".sklearn:tree",
    "sklearn.tree._classes.ExtraTreeClassifier": ".sklearn:tree",
    "sklearn.tree._classes.ExtraTreeRegressor": ".sklearn:tree",
    "xgboost.sklearn.XGBClassifier": ".xgboost:booster",
    "xgboost.sklearn.XGBRFClassifier": ".xgboost:booster",
    "xgboost.sklearn.XGBRFRegressor": ".xgboost:booster",
    "xgboost.sklearn.XGBRegressor": ".xgboost:booster",
}

_KNOWN: contextvars.ContextVar[dict[tuple[int, int | None], TreeEnsemble] | None]
_KNOWN = contextvars.ContextVar("_KNOWN", default=None)
_ANSWERS = ("predict", "predict_proba", "decision_function")


def is_read(model: Any) -> bool:
    """Return whether there is a reader for models of exactly this type."""
    kind = type(model)
    # another type may go by the same name
    original = getattr(sys.modules.get(kind.__module__), kind.__qualname__, None)
    return original is kind and f"{kind.__module__}.{kind.__qualname__}" in READERS


def libraries_read() -> set[str]:
    """Return the packages of the models that have a reader."""
    return {name.partition(".")[0] for name in READERS}


def parts_of(model: Any) -> Parts:
    """Return what the model's reader finds in it; raises `NotClosedError` where it cannot."""
    kind = type(model)
    if not is_read(model):
        raise NotClosedError(f"{kind.__name__} is no ensemble of trees that is known")
    refuse_other_methods(model)
    module, _, function = READERS[f"{kind.__module__}.{kind.__qualname__}"].partition(":")
    reader = getattr(importlib.import_module(module, __package__), function)
    parts: Parts = reader(model)
    return parts


def refuse_other_methods(model: Any) -> None:
    """Raise `NotClosedError` if a model does not answer as its class does."""
    if not vars(model).keys().isdisjoint(_ANSWERS):
        raise NotClosedError(f"a method of {type(model).__name__} is not that of its class")


def read(model: Any, most: int | None = None) -> TreeEnsemble:
    """Read a fitted classifier, or a regressor: that has one score, and no classes.

    Parameters
    ----------
    model : fitted classifier or regressor
        Of a type in `READERS`.
    most : int, default=None
        Number of trees to read, for a short look; None reads all.

    Returns
    -------
    ensemble : TreeEnsemble

    Raises
    ------
    NotClosedError
        With the reason, if it cannot be read.
    """
    known = _KNOWN.get()
    key = id(model), most
    if known is not None and key in known:
        return known[key]
    parts = parts_of(model)
    parts = parts._replace(trees=itertools.islice(parts.trees, most))
    n_classes = len(model.classes_) if hasattr(model, "classes_") else 0
    ensemble = TreeEnsemble.of(parts, int(model.n_features_in_), n_classes)
    if known is not None:
        known[key] = ensemble
    return ensemble


@contextlib.contextmanager
def read_once() -> Iterator[None]:
    """Read each model once while this is entered; it must not be changed meanwhile."""
    token = _KNOWN.set({})
    try:
        yield
    finally:
        _KNOWN.reset(token)
