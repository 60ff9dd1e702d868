"""Backends: noisy batch in, votes out, one framework a module.

The module of a backend is loaded only if the user has already imported its framework: an estimator
of a framework cannot exist before. So ``import sksmooth`` stays light, and a machine without torch
never needs it.
"""

import importlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..introspection import is_frozen, unwrap
from ..labels import shorten
from .base import Backend, Source
from .frame_maker import FrameMaker
from .frames import is_frame, is_text, kinds_of_columns, read_frame
from .numbers import NumbersBackend
from .refusals import noise_explained
from .scores import SCORES, Score, ScoresBackend
from .sklearn import SklearnBackend

__all__ = [
    "BACKENDS",
    "SCORES",
    "Backend",
    "FrameMaker",
    "NumbersBackend",
    "Score",
    "ScoresBackend",
    "SklearnBackend",
    "Source",
    "backend_kind",
    "fitted_classes",
    "frozen_classes",
    "get_backend",
    "is_frame",
    "is_frozen",
    "is_text",
    "kind_inside",
    "kinds_of_columns",
    "noise_explained",
    "read_frame",
    "unwrap",
    "warn_before_fit",
]


# each for the models of a package, in the order in which they are asked; the last is for all
BACKENDS: list[tuple[str | None, str]] = [
    ("skorch", "sksmooth.backends.skorch:SkorchBackend"),
    (None, "sksmooth.backends.sklearn:SklearnBackend"),
]


def _loaded_kinds() -> Iterator[type[Backend]]:
    """Yield the backends whose package the user has imported; none is imported for that."""
    for framework, path in BACKENDS:
        if framework is None or framework in sys.modules:
            module, _, name = path.partition(":")
            yield getattr(importlib.import_module(module), name)


def backend_kind(model: Any) -> type[Backend]:
    """Return the first of `BACKENDS` that is for a model."""
    return next((kind for kind in _loaded_kinds() if kind.accepts(model)), SklearnBackend)


def warn_before_fit(estimator: Any) -> None:
    """Warn of what a model will lose in fit, wherever it is inside an unfitted estimator."""
    for kind in _loaded_kinds():
        kind.warn_before_fit(estimator)


def kind_inside(estimator: Any) -> type[Backend]:
    """Return the kind of backend for the model at the end of Pipelines, searches and wrappers."""
    return backend_kind(unwrap(estimator)[1])


def get_backend(estimator: Any, answers: NDArray[Any], frame: FrameMaker | None = None) -> Backend:
    """Return the fastest backend that answers as ``estimator.predict`` does.

    Parameters
    ----------
    estimator : fitted classifier
        Any scikit-learn classifier, a skorch net, or a Pipeline that ends in one.
    answers : ndarray of shape (n_classes,)
        What the estimator predicts for each class code; for a net, what each output stands for.
    frame : FrameMaker, default=None
        Gives batches the names of their columns, for an estimator that was fitted with them.
    """
    return kind_inside(estimator).of(estimator, answers, frame)


def frozen_classes(
    estimator: Any, X: NDArray[np.floating], y: NDArray[Any], frame: FrameMaker | None = None
) -> NDArray[Any]:
    """Return the labels of a trained model's answers, in the order of its outputs.

    A model's ``classes_`` decide. A net without them, or whose ``classes_`` are not as many as its
    outputs (skorch infers them from the training labels), answers with the number of the output.
    Labels that the user has named must be one for each output.
    """
    classes = np.asarray(getattr(estimator, "classes_", np.unique(y)))
    outputs = kind_inside(estimator).n_outputs(estimator, X[:1].copy(), frame)
    if outputs is not None and (len(classes) != outputs or not hasattr(estimator, "classes_")):
        named = getattr(unwrap(estimator)[1], "classes", None)
        if named is not None and len(named):
            raise ValueError(
                f"The net has {outputs} outputs, and its classes name {len(named)}: "
                f"{shorten(classes)}. Name one label for each output, in their order."
            )
        classes = np.arange(outputs)
    if len(np.unique(classes)) < len(classes):
        raise ValueError(
            f"The classes of the frozen estimator are {shorten(classes)}, and one of them is there "
            "twice. Give each output a label of its own."
        )
    unknown = np.setdiff1d(y, classes)
    if len(unknown):
        raise ValueError(
            f"y has the labels {unknown[:5].tolist()}, which the frozen estimator does not know; "
            f"its classes are {classes[:10].tolist()}. Pass y with the labels that it was trained "
            "on; for a net, name them: NeuralNetClassifier(..., classes=[...])."
        )
    return classes


def fitted_classes(estimator: Any, y: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the labels that a model knows, as they are in y, and what it answers for each.

    They are those of its ``classes_``, in that order, or all of y if it has none.

    Parameters
    ----------
    estimator : fitted classifier
        Fitted on y.
    y : ndarray of shape (n_samples,)
        Labels. Some may be no classes, as -1 stands for "no label" in semi-supervised learning.
    """
    labels = np.unique(y)
    known: Any = getattr(estimator, "classes_", labels)
    if isinstance(known, list | tuple) and any(np.ndim(of_output) for of_output in known):
        raise ValueError(
            f"{type(estimator).__name__} has classes_ of {len(known)} outputs; expected a "
            "classifier of one output."
        )
    answers = np.asarray(known)
    in_y = {label: label for label in labels.tolist()}
    if not any(answer in in_y for answer in answers.tolist()):
        in_y = {str(label): label for label in in_y}  # some models keep 1.0 as "1.0"
    unknown = [answer for answer in answers.tolist() if answer not in in_y]
    if len(unknown) == len(answers):
        raise ValueError(
            f"{type(estimator).__name__} was fitted on the labels {shorten(labels)}, but its "
            f"classes_ are {shorten(answers)}. It should have the labels that it was given, and "
            "predict should return these."
        )
    if unknown:
        return answers, answers
    return np.array([in_y[answer] for answer in answers.tolist()], dtype=labels.dtype), answers
