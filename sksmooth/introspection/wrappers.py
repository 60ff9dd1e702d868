"""The one walker of Pipelines, searches and other wrappers, from the outside to the model inside.

What may be looked through depends on what it is looked through for:

- `layers`, `unwrap`: to know which model answers, say to choose a backend. Pipelines, searches that
  are fitted, and FrozenEstimators, with classes that inherit from these.
- `split`: to compute what it answers. Only types of scikit-learn and imbalanced-learn themselves,
  with their own methods. What decides in its own way stays around the model, without the steps:
  thresholds, calibrations, and one classifier against the rest.
- `trained_inside`: to know what ``fit`` trains. Pipelines and meta-estimators, but no frozen ones.
- `is_frozen`: whether ``fit`` leaves the model at the end as it is. Pipelines.
"""

import copy
import functools
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.model_selection._search import BaseSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.utils import check_array

from .readable import why_not_readable

__all__ = [
    "THRESHOLDS",
    "decided_inside",
    "is_frozen",
    "layers",
    "split",
    "steps_of",
    "trained_inside",
    "unwrap",
]

THRESHOLDS = (FixedThresholdClassifier, TunedThresholdClassifierCV)
_TO_ARRAY = FunctionTransformer(validate=True)


def layers(estimator: Any) -> Iterator[Any]:
    """Yield an estimator, what it asks for its answers, and so on to the model."""
    inner = estimator
    while inner is not None:
        yield inner
        inner = _asked(inner)


def unwrap(estimator: Any) -> tuple[list[Any], Any]:
    """Return the transformers and the model in nested Pipelines, searches, FrozenEstimators."""
    *around, model = layers(estimator)
    pipelines = (layer for layer in around if isinstance(layer, Pipeline))
    return [step for pipeline in pipelines for step in steps_of(pipeline)], model


def split(estimator: Any) -> tuple[list[Any], Any]:
    """Return the steps and the model, if what is around them may be read.

    A wrapper that may not be read, such as a Pipeline with a ``predict`` of its own, is the model.
    """
    steps: list[Any] = []
    deciding = []
    while why_not_readable(estimator, deep=False) is None:
        kind = type(estimator)
        inner = decided_inside(estimator)
        if kind is SelfTrainingClassifier:
            inner, steps = estimator.estimator_, [*steps, _TO_ARRAY]
        elif inner is not None:
            deciding.append(estimator)
        elif kind in (FrozenEstimator, Pipeline, _of_imblearn()) or _is_search(kind):
            inner = _asked(estimator)
        if inner is None:
            break
        if isinstance(estimator, Pipeline):
            steps += steps_of(estimator)
        estimator = inner
    encoding = _encoded_inside(estimator)
    if encoding is not None:
        steps, estimator = [*steps, encoding[0]], encoding[1]
    for wrapper in reversed(deciding):
        estimator = _around(wrapper, estimator)
    return [s.estimator if type(s) is FrozenEstimator else s for s in steps], estimator


def decided_inside(wrapper: Any) -> Any:
    """Return the one classifier whose scores decide what a wrapper answers; None without one."""
    if type(wrapper) in THRESHOLDS:
        return getattr(wrapper, "estimator_", wrapper.estimator)
    if type(wrapper) is OneVsRestClassifier and len(getattr(wrapper, "estimators_", ())) == 1:
        return wrapper.estimators_[0]
    if type(wrapper) is CalibratedClassifierCV:
        parts: Any = getattr(wrapper, "calibrated_classifiers_", ())
        return parts[0].estimator if len(parts) == 1 else None
    return None


def _around(wrapper: Any, model: Any) -> Any:
    """Return a wrapper that decides in the same way from the scores of another model."""
    if decided_inside(wrapper) is model:
        return wrapper
    wrapper = copy.copy(wrapper)
    if type(wrapper) is OneVsRestClassifier:
        wrapper.estimators_ = [model]
    elif type(wrapper) is CalibratedClassifierCV:
        calibrated = copy.copy(wrapper.calibrated_classifiers_[0])
        calibrated.estimator = model
        wrapper.calibrated_classifiers_ = [calibrated]
    else:
        wrapper.estimator = wrapper.estimator_ = model
    for name in ("n_features_in_", "feature_names_in_"):
        vars(wrapper).pop(name, None)
        if hasattr(model, name):
            setattr(wrapper, name, getattr(model, name))
    return wrapper


def _encoded_inside(model: Any) -> tuple[Any, Any] | None:
    """Return how histogram-based boosting encodes its categories, and the model behind that."""
    encoder: Any = getattr(model, "_preprocessor", None)
    if type(model) is not HistGradientBoostingClassifier or type(encoder) is not ColumnTransformer:
        return None
    encoder, model = copy.copy(encoder), copy.copy(model)
    encoder.transformers = encoder.transformers_ = [
        (name, FunctionTransformer() if _checks_numbers(part) else part, columns)
        for name, part, columns in encoder.transformers_
    ]
    model._preprocessor = None
    vars(model).pop("feature_names_in_", None)
    return encoder, model


def _checks_numbers(part: Any) -> bool:
    """Whether a transformer hands numbers on in float64, and does nothing else."""
    check = part.func if type(part) is FunctionTransformer else None
    return (
        isinstance(check, functools.partial)
        and (check.func, check.args) == (check_array, ())
        and check.keywords == {"dtype": [np.float64], "ensure_all_finite": False}
    )


def _asked(wrapper: Any) -> Any:
    """Return the estimator whose answers a wrapper hands on; None if it answers itself."""
    if isinstance(wrapper, FrozenEstimator):
        return wrapper.estimator
    if isinstance(wrapper, Pipeline):
        return wrapper.steps[-1][1]
    return getattr(wrapper, "best_estimator_", None)  # of a fitted search


def _is_search(kind: type) -> bool:
    return issubclass(kind, BaseSearchCV) and kind.__module__.startswith("sklearn.")


def _of_imblearn() -> Any:
    return getattr(sys.modules.get("imblearn.pipeline"), "Pipeline", None)


def steps_of(pipeline: Pipeline) -> list[Any]:
    """Return the steps of a Pipeline that do something when it answers, but for the last one.

    Samplers of imbalanced-learn change the training rows only.
    """
    steps = [step for _, step in pipeline.steps[:-1] if step is not None and step != "passthrough"]
    return [s for s in steps if hasattr(s, "transform") or not hasattr(s, "fit_resample")]


def trained_inside(estimator: Any, within: tuple[type, ...] = (object,)) -> Iterator[Any]:
    """Yield an estimator, the one that it trains: in a Pipeline or `within` these, and so on."""
    inner = estimator
    while inner is not None:
        yield inner
        if isinstance(inner, Pipeline):
            inner = inner.steps[-1][1]
        elif isinstance(inner, within) and not isinstance(inner, FrozenEstimator):
            inner = getattr(inner, "estimator", None)
        else:
            return


def is_frozen(estimator: Any) -> bool:
    """Whether the model at the end of nested Pipelines is trained already and must stay so."""
    *_, last = trained_inside(estimator, within=())
    return isinstance(last, FrozenEstimator)
