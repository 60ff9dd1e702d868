"""How wrappers decide between two classes: at which score of the model inside the answer changes.

A threshold, a calibration or a classifier against the rest asks the model inside for its decision
function or its probabilities. Both rise with one score of the model, so that the answer changes at
one value of that: it moves a linear model's plane and shifts a sum of trees.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, SGDClassifier
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import NearestCentroid
from sklearn.svm import SVC, NuSVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from ..bounds.rounding import UNIT
from ..introspection import THRESHOLDS, decided_inside
from ..introspection.linear import LINEAR_MODELS
from .form import NotClosedError

__all__ = ["DECIDING", "decision_of"]

DECIDING = (*THRESHOLDS, CalibratedClassifierCV, OneVsRestClassifier)

Scores = NDArray[np.float64]
Response = Callable[[Scores], Scores]

_BOOSTED = (GradientBoostingClassifier, HistGradientBoostingClassifier)
_LOGISTIC = (LogisticRegression, LogisticRegressionCV, LinearDiscriminantAnalysis)
_GAUSSIAN = (QuadraticDiscriminantAnalysis, GaussianNB, NearestCentroid)
_ONE_TREE = (DecisionTreeClassifier, ExtraTreeClassifier)
_MEANS = (BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier)
# their decision function is the score itself
_DECISION = (*LINEAR_MODELS, *_BOOSTED, *_GAUSSIAN, SVC, NuSVC)


def decision_of(model: Any) -> tuple[Any, float, float]:
    """Return the model inside wrappers that decide, and where on its score they do.

    The score of a linear model, of a Gaussian one and of boosting is the decision function, or the
    logarithm of the odds; that of trees that vote, the votes for the second class less the others.

    Returns
    -------
    inner : classifier
        The model itself if nothing is around it.
    threshold, blur : float
        From this score on, up to an error of at most `blur`, the second class is answered.

    Raises
    ------
    NotClosedError
        If it is not known that the answer changes once, from the first class to the second.
    """
    if type(model) not in DECIDING:
        return model, 0.0, 0.0
    inner = _inside(model)
    if len(model.classes_) != 2 or len(inner.classes_) != 2:
        raise NotClosedError("there are not two classes")
    response, wins = _rule(model, inner)
    threshold = _switch(lambda scores: wins(response(scores)))
    step = 1e-6 * max(1.0, abs(threshold))
    low, high = response(threshold + np.array([-step, step]))
    blur = 1e-9 * abs(threshold)
    if high > low:  # what rounding of the response, and of one less it, can move
        blur += 64 * UNIT * max(1.0, abs(low), abs(high)) * 2 * step / float(high - low)
    while type(inner) is CalibratedClassifierCV:
        inner = _inside(inner)
    return inner, threshold, blur


def _inside(wrapper: Any) -> Any:
    inner = decided_inside(wrapper)
    if inner is None:
        raise NotClosedError(f"several models inside {type(wrapper).__name__} decide together")
    return inner


def _rule(model: Any, inner: Any) -> tuple[Response, Callable[[Scores], NDArray[np.bool_]]]:
    """Return the second class's response to a score, and for which responses it wins."""
    if type(model) is CalibratedClassifierCV:
        return _calibrated(model), lambda p: p > 1 - p
    if type(model) is OneVsRestClassifier:
        name, response = _response(inner, ("decision_function", "predict_proba"))
        return response, lambda r: r > (0.0 if name == "decision_function" else 0.5)
    names = model.response_method
    name, response = _response(
        inner, ("predict_proba", "decision_function") if names == "auto" else (names,)
    )
    if type(model) is TunedThresholdClassifierCV:
        threshold, positive = model.best_threshold_, model._curve_scorer._get_pos_label()
    else:
        threshold, positive = model.threshold, model.pos_label
        if isinstance(threshold, str):
            threshold = 0.5 if name == "predict_proba" else 0.0
    if positive is None or positive == model.classes_[1]:
        return response, lambda r: r >= threshold
    if name == "predict_proba":
        return response, lambda r: ~(1 - r >= threshold)
    return response, lambda r: ~(-r >= threshold)


def _calibrated(model: Any) -> Response:
    (part,), inner = model.calibrated_classifiers_, _inside(model)
    if part.method not in ("sigmoid", "isotonic"):
        raise NotClosedError(f"calibration by {part.method} is not known")
    if not np.array_equal(inner.classes_, model.classes_):
        raise NotClosedError("it orders the classes in another way")
    (calibrator,), (_, response) = (
        part.calibrators,
        _response(inner, ("decision_function", "predict_proba")),
    )
    return lambda scores: np.asarray(calibrator.predict(response(scores)))


def _response(model: Any, names: Sequence[str]) -> tuple[str, Response]:
    """Return the first method that a model has, and its answer for the second class by score."""
    kind = type(model)
    name = next((name for name in names if hasattr(model, name)), None)
    if name is None:
        raise NotClosedError(f"{kind.__name__} has no {' and no '.join(names)}")
    if name == "decision_function":
        if kind in _DECISION:
            return name, lambda scores: scores
        if kind is AdaBoostClassifier:
            weight = model.estimator_weights_.sum()
            return name, lambda scores: 2 * scores / weight
    elif kind is CalibratedClassifierCV:
        return name, _calibrated(model)
    elif kind in _BOOSTED:
        return name, lambda scores: model._loss.predict_proba(scores)[:, 1]
    elif _is_logistic(model):
        return name, expit
    elif kind is SGDClassifier and model.loss == "modified_huber":
        return name, lambda scores: (np.clip(scores, -1, 1) + 1) / 2
    elif kind in _ONE_TREE or kind in _MEANS:
        n_trees = 1 if kind in _ONE_TREE else len(model.estimators_)
        return name, lambda scores: (scores / n_trees + 1) / 2
    elif kind is AdaBoostClassifier:
        weight = model.estimator_weights_.sum()
        return name, lambda scores: expit(2 * scores / weight)
    raise NotClosedError(f"{name} of {kind.__name__} is not known as a function of its score")


def _is_logistic(model: Any) -> bool:
    """Whether the odds are the exponential of the score."""
    if type(model) is SGDClassifier:
        return bool(model.loss == "log_loss")
    # versions of scikit-learn before 1.8 can make a softmax of two scores
    one = getattr(model, "multi_class", "auto") in ("auto", "deprecated", "ovr")
    return one and type(model) in (*_GAUSSIAN, *_LOGISTIC)


def _switch(second: Callable[[Scores], NDArray[np.bool_]]) -> float:
    """Return the score at which answers change from the first class to the second."""
    sizes = np.geomspace(1e-9, 1e6, 400)
    points = np.concatenate([-sizes[::-1], [0.0], sizes])
    answers = second(points)
    if answers[0] or not answers[-1] or np.any(np.diff(answers.astype(int)) < 0):
        raise NotClosedError("its answers do not change once, to the second class, with the score")
    low, high = points[~answers][-1], points[answers][0]
    while high - low > 1e-13 * max(abs(low), abs(high)):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if second(np.array([middle]))[0]:
            high = middle
        else:
            low = middle
    return float(high)
