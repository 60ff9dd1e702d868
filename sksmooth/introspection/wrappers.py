"""The one walker of Pipelines, searches and other wrappers, from the outside to the model inside.

What may be looked through depends on what it is looked through for:

- `layers`, `unwrap`: to know which model answers, say to choose a backend. Pipelines, searches that
  are fitted, and FrozenEstimators, with classes that inherit from these.
- `split`: to compute what it answers. The same, but of scikit-learn's own types and methods only.
- `trained_inside`: to know what ``fit`` trains. Pipelines and meta-estimators, but no frozen ones.
- `is_frozen`: whether ``fit`` leaves the model at the end as it is. Pipelines.
"""

from collections.abc import Iterator
from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline

from .readable import why_not_readable

__all__ = ["is_frozen", "layers", "split", "steps_of", "trained_inside", "unwrap"]

_READABLE = (FrozenEstimator, GridSearchCV, Pipeline, RandomizedSearchCV)


def layers(estimator: Any, *, readable: bool = False) -> Iterator[Any]:
    """Yield an estimator, what it asks for its answers, and so on to the model.

    A wrapper that may not be read, such as a Pipeline with a ``predict`` of its own, is the model
    if only `readable` ones are entered.
    """
    inner = estimator
    while inner is not None:
        yield inner
        if readable and not (
            type(inner) in _READABLE and why_not_readable(inner, deep=False) is None
        ):
            return
        if isinstance(inner, FrozenEstimator):
            inner = inner.estimator
        elif isinstance(inner, Pipeline):
            inner = inner.steps[-1][1]
        else:
            inner = getattr(inner, "best_estimator_", None)  # of a fitted search


def unwrap(estimator: Any, *, readable: bool = False) -> tuple[list[Any], Any]:
    """Return the transformers on the way to the model, and the model."""
    through = list(layers(estimator, readable=readable))
    pipelines = (layer for layer in through[:-1] if isinstance(layer, Pipeline))
    return [step for pipeline in pipelines for step in steps_of(pipeline)], through[-1]


def split(estimator: Any) -> tuple[list[Any], Any]:
    """Return the same, if what is around the model may be read; steps are not frozen then."""
    steps, model = unwrap(estimator, readable=True)
    return [s.estimator if type(s) is FrozenEstimator else s for s in steps], model


def steps_of(pipeline: Pipeline) -> list[Any]:
    """Return the steps of a Pipeline that do something, but for the last one."""
    return [step for _, step in pipeline.steps[:-1] if step is not None and step != "passthrough"]


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
