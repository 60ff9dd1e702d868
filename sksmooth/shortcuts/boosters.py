"""XGBoost, LightGBM and CatBoost, asked by the call that their ``predict`` makes, and no more.

Each function here repeats what ``predict`` of a library does with the scores, to the last bit.
Their wrappers check every batch, and CatBoost gives each row the name of its class. None is
imported here: a model of theirs has imported it.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends import Backend
from ..closed_forms.readers.lightgbm import refuse_keywords
from ..introspection import split, why_not_readable
from .problem import Problem
from .steps import StepsBackend

__all__ = ["BoosterBackend", "own_call"]

_BATCH_ROWS, _BATCH_VALUES = 40_000, 2**22
Places = Callable[[NDArray[np.floating]], NDArray[np.intp]]


class BoosterBackend(Backend):
    """A booster, through a function that gives the place of each answer in ``classes_``.

    Parameters
    ----------
    model : classifier
        Fitted.
    places : callable
        From a batch to places.
    codes : ndarray of shape (n_classes,)
        Class code of each of the model's classes.
    """

    def __init__(self, model: Any, places: Places, codes: NDArray[np.int64]) -> None:
        self.model, self.places, self.codes = model, places, codes
        self.n_classes = len(codes)

    def batch_rows(self, row: NDArray[np.floating]) -> int:
        """Batch length: a call costs as much as thousands of rows."""
        return int(np.clip(_BATCH_VALUES // row.size, 64, _BATCH_ROWS))

    def classify(self, batch: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the class code of each row of `batch`."""
        return self.codes[self.places(batch)]

    def gaps(self, batch: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return by how much the best class's probability exceeds the next one's."""
        p = np.sort(np.asarray(self.model.predict_proba(batch), dtype=np.float64), axis=1)
        return p[:, -1] - p[:, -2]


def own_call(problem: Problem) -> Problem | None:
    """Return the problem with a booster's own call in place of its ``predict``."""
    if problem.estimator is None:  # another shortcut's
        return None
    steps, model = split(problem.estimator)
    kind = _CALLS.get(f"{type(model).__module__}.{type(model).__qualname__}")
    if steps or kind is None or problem.X.ndim != 2 or why_not_readable(model) is not None:
        return None
    if problem.frame is not None and (problem.frame.coded or not _in_order(model, problem)):
        return None  # arrays have hashes in place of text and categories
    try:
        code_of = {answer: code for code, answer in enumerate(problem.answers.tolist())}
        codes = np.array([code_of[label] for label in np.asarray(model.classes_).tolist()])
        backend: Backend = BoosterBackend(model, kind(model), codes)
    except Exception:  # another version, or attributes that were changed
        return None
    if isinstance(problem.backend, StepsBackend):
        backend = problem.backend.before(backend)
    return problem.then("boosters", estimator=None, frame=None, backend=backend)


def _in_order(model: Any, problem: Problem) -> bool:
    """Whether rows have the columns that the model was fitted on, all numbers, in that order."""
    assert problem.frame is not None
    names = list(problem.frame.columns)
    own = model.feature_names_ if hasattr(model, "feature_names_") else model.feature_names_in_
    plain = not (problem.frame.coded or problem.frame.kept)
    return plain and len(names) == problem.X.shape[1] and list(own) == names


def _xgboost(model: Any) -> Places:
    """Repeat `XGBClassifier.predict`: on the scale of probabilities, in float32."""
    booster, is_label = model.get_booster(), model.objective == "multi:softmax"
    options: dict[str, Any] = {"missing": model.missing, "validate_features": False}
    options["iteration_range"] = (0, 0)
    if booster.attr("best_iteration") is not None:
        options["iteration_range"] = (0, model.best_iteration + 1)
    if model.booster == "gblinear":
        raise ValueError("it is asked another way")
    n_classes = model.n_classes_

    def places(batch: NDArray[np.floating]) -> NDArray[np.intp]:
        scores = booster.inplace_predict(batch, **options)
        if scores.ndim == 1:
            return scores.astype(np.intp) if is_label else (scores > 0.5).astype(np.intp)
        if n_classes == 2:
            raise ValueError("several outputs")
        return scores.argmax(axis=1)

    return places


def _lightgbm(model: Any) -> Places:
    """Repeat `LGBMClassifier.predict`: the larger of 1 - p, which is exact from 1/2 on, and p."""
    refuse_keywords(model)
    if callable(model.objective_):
        raise ValueError("it answers scores")
    booster, threads = model.booster_, model._process_n_jobs(model.n_jobs)
    n_classes = model.n_classes_

    def places(batch: NDArray[np.floating]) -> NDArray[np.intp]:
        p = booster.predict(batch, num_threads=threads)
        if p.ndim == 1 and n_classes == 2:
            return (p > 0.5).astype(np.intp)
        return p.argmax(axis=1)

    return places


def _catboost(model: Any) -> Places:
    """Repeat `CatBoostClassifier.predict`: raw scores against 0, in float64."""
    if model.get_probability_threshold() != 0.5:
        raise ValueError("its threshold is not that of raw scores of 0")
    n_classes = len(model.classes_)
    data: Any = sys.modules["catboost"].FeaturesData

    def places(batch: NDArray[np.floating]) -> NDArray[np.intp]:
        # it compares numbers in this precision, whatever it gets
        rows = data(np.ascontiguousarray(batch, dtype=np.float32))
        scores = model.predict(rows, prediction_type="RawFormulaVal")
        if scores.ndim == 1 and n_classes == 2:
            return (scores > 0).astype(np.intp)
        return scores.argmax(axis=1)

    return places


_CALLS: dict[str, Callable[[Any], Places]] = {
    "catboost.core.CatBoostClassifier": _catboost,
    "lightgbm.sklearn.LGBMClassifier": _lightgbm,
    "xgboost.sklearn.XGBClassifier": _xgboost,
}
