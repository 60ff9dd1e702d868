"""Class codes for bases that take nothing else: skorch nets, and XGBoost.

All other bases are fitted on the labels as given, since their parameters may name these. In front
of a base that needs codes, what names labels is put in codes too, or refused.
"""

import inspect
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import AdaBoostClassifier
from sklearn.feature_selection import RFE, SelectFromModel, SequentialFeatureSelector
from sklearn.metrics import get_scorer
from sklearn.model_selection import FixedThresholdClassifier, TunedThresholdClassifierCV
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.semi_supervised import SelfTrainingClassifier

from ..backends import backend_kind
from ..introspection import trained_inside
from ..labels import shorten

__all__ = ["Coded", "encode", "model_on_codes"]

# these fit the estimator inside on the labels that they get, and answer as it does
_PASS_ON = (
    BaseSearchCV,
    FixedThresholdClassifier,
    TunedThresholdClassifierCV,
    CalibratedClassifierCV,
    SelfTrainingClassifier,
    AdaBoostClassifier,
    RFE,
)
_TRANSFORMERS = (FeatureUnion, ColumnTransformer, SelectFromModel, SequentialFeatureSelector)
_NAME_LABELS = ("class_weight", "class_weights", "pos_label", "sampling_strategy")
_NO_LABEL = -1  # what semi-supervised classifiers of scikit-learn take for "not known"


class Coded(NamedTuple):
    """Labels as class codes."""

    classes: NDArray[Any]  # the label of each code
    y: NDArray[np.int64]
    fit_params: dict[str, Any]


def model_on_codes(estimator: Any) -> Any | None:
    """Return the net or XGBoost classifier that would be fitted on y as it is; None without one."""
    for part in trained_inside(estimator, _PASS_ON):
        if backend_kind(part).trains_per_batch or _is_xgboost(part):
            return part
    return None


def _is_xgboost(estimator: Any) -> bool:
    """Whether XGBoost would refuse other labels than codes; told by names, without its import."""
    return any(
        kind.__name__ == "XGBClassifier" and kind.__module__.partition(".")[0] == "xgboost"
        for kind in type(estimator).__mro__
    )


def encode(estimator: Any, y: NDArray[Any], fit_params: dict[str, Any]) -> Coded | None:
    """Return y as class codes if `estimator` needs them; its parameters are changed in place.

    Codes number the sorted labels, or the ``classes`` of a skorch net if it has any. For
    semi-supervised bases -1 stays: it means "no label".

    Raises
    ------
    ValueError
        If a parameter names a label that y does not have, or may name labels in a way that cannot
        be told.
    """
    model = model_on_codes(estimator)
    if model is None:
        return None
    known = np.ones(len(y), dtype=bool)
    if any(isinstance(e, SelfTrainingClassifier) for e in trained_inside(estimator, _PASS_ON)):
        known = y != _NO_LABEL
    classes = np.unique(y[known])
    if not _is_xgboost(model) and getattr(model, "classes", None) is not None:
        classes = _classes_of_net(model, classes)
    code_of = {label: code for code, label in enumerate(classes.tolist())}
    codes = np.full(len(y), _NO_LABEL, dtype=np.int64)
    codes[known] = [code_of[label] for label in y[known].tolist()]
    if not _are_codes(classes):
        _set_params(estimator, code_of)
        fit_params = {
            name: _eval_set(name, value, code_of) if _last(name) == "eval_set" else value
            for name, value in fit_params.items()
        }
    return Coded(classes, codes, fit_params)


def _are_codes(classes: NDArray[Any]) -> bool:
    return classes.dtype.kind in "biuf" and np.array_equal(classes, np.arange(len(classes)))


def _classes_of_net(net: Any, labels: NDArray[Any]) -> NDArray[Any]:
    """Return the label of each output of a net that has a parameter ``classes``."""
    classes = np.asarray(net.classes)
    if set(labels.tolist()) <= set(classes.tolist()):
        return classes
    numbers = np.arange(len(classes))
    if labels.dtype.kind in "biuf" and np.isin(labels, numbers).all():  # y numbers the outputs
        return numbers
    raise ValueError(
        f"{type(net).__name__} has classes={shorten(classes)}, and y has the labels "
        f"{shorten(labels)}. Name the labels of y there, in the order of the module's outputs."
    )


def _set_params(estimator: Any, code_of: dict[Any, int]) -> None:
    """Put in codes whatever names labels among the parameters of what sees y."""
    params = estimator.get_params(deep=True)
    new = {}
    for name, value in params.items():
        what = _last(name)
        owner, passes = estimator, True
        path = name.split("__")
        for depth in range(1, len(path)):
            passes = passes and isinstance(owner, (Pipeline, *_PASS_ON, *_TRANSFORMERS))
            owner = params.get("__".join(path[:depth]))
        where = f"{type(owner).__name__}({what}=...)"
        if what in _NAME_LABELS and passes:
            new[name] = _in_codes(where, value, code_of)
        elif what == "scoring" and passes and _names_a_label(value):
            raise ValueError(
                f"{where} may name labels, and this base is fitted on class codes, in place of "
                f"{shorten(np.array([*code_of]))}. {_WAY_OUT}"
            )
        elif what in ("param_grid", "param_distributions"):
            for grid in [value] if isinstance(value, dict) else value:
                named = [key for key in grid if _last(key) in (*_NAME_LABELS, "scoring")]
                if named:
                    raise ValueError(
                        f"{where} searches over {named[0]}, which may name labels, and this base "
                        f"is fitted on class codes. {_WAY_OUT}"
                    )
    changed = {name: value for name, value in new.items() if value is not params[name]}
    if changed:
        estimator.set_params(**changed)


_WAY_OUT = "Pass labels 0 to K - 1, and name those."


def _in_codes(where: str, value: Any, code_of: dict[Any, int]) -> Any:
    """Return a parameter's value with codes in place of labels."""
    options = ("balanced", "auto", "all", "majority", "minority", "not majority", "not minority")
    if value is None or (isinstance(value, str) and value in options and value not in code_of):
        return value
    if isinstance(value, dict):
        return {_code(where, label, code_of): entry for label, entry in value.items()}
    if isinstance(value, list) and not any(isinstance(entry, dict) for entry in value):
        return [_code(where, label, code_of) for label in value]
    if where.endswith("(sampling_strategy=...)") and isinstance(value, float):
        return value  # a ratio
    if callable(value) or isinstance(value, list):
        raise ValueError(
            f"{where} may name labels, and this base is fitted on class codes. {_WAY_OUT}"
        )
    return _code(where, value, code_of)


def _code(where: str, label: Any, code_of: dict[Any, int]) -> int:
    if label not in code_of:
        raise ValueError(
            f"{where} names the label {label!r}, but the labels of y are "
            f"{shorten(np.array([*code_of]))}."
        )
    return code_of[label]


def _eval_set(name: str, sets: Any, code_of: dict[Any, int]) -> Any:
    """Return validation sets for XGBoost, pairs of rows and labels, with codes for labels."""
    if sets is None:
        return None
    return [
        (X, np.array([_code(name, label, code_of) for label in np.asarray(y).ravel().tolist()]))
        for X, y in sets
    ]


def _names_a_label(scoring: Any) -> bool:
    """Whether a scorer's value may change if labels get other names in the same order."""
    if scoring is None:
        return False
    if isinstance(scoring, dict):
        return any(_names_a_label(scorer) for scorer in scoring.values())
    if isinstance(scoring, list | tuple | set):
        return any(_names_a_label(scorer) for scorer in scoring)
    scorer = get_scorer(scoring)
    score, options = getattr(scorer, "_score_func", None), getattr(scorer, "_kwargs", {})
    if score is None or not score.__module__.startswith("sklearn."):
        return True
    parameter = inspect.signature(score).parameters.get("pos_label")
    positive = options.get("pos_label", None if parameter is None else parameter.default)
    of_all = options.get("average", "binary") != "binary"
    return options.get("labels") is not None or (positive is not None and not of_all)


def _last(name: str) -> str:
    return name.rpartition("__")[2]
