"""Methods that are not those of a model's type: none changes what predict says unnoticed.

Each override changes the answers for 1 % or .1 % of noisy rows, which no few hundred probes show.
It is set on an object, or on a class from outside, of the model or of anything inside it.
"""

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator

from sksmooth import SmoothedClassifier, SmoothedRegressor

pytest.importorskip("pandas")

from contracts.models import SIGMA
from contracts.oracle import asked, counts, quiet
from contracts.overriding import StandIn, override, overriding, parts
from contracts.regressors import ALL_MODELS as MODELS

# Methods that predict may go through, public and private. Not all of a model's are asked.
METHODS = (
    *("predict", "predict_proba", "predict_log_proba", "decision_function", "transform", "apply"),
    *("_raw_predict", "_raw_predict_init", "_transform", "_validate_X_predict", "_preprocess_X"),
    *("_joint_log_likelihood", "_decision_function", "_predict_proba_lr", "_predict", "_check_X"),
    *("_compute_scores", "_dense_predict", "_forward_pass_fast", "_get_kernel", "_ovr_decision"),
    *("_predict_proba", "_sparse_predict", "_get_bin_values", "predict_joint_log_proba"),
    *("_dense_decision_function", "_dense_predict_proba", "kneighbors", "radius_neighbors"),
    *("_parallel_decision_function", "_hstack", "get_predictions", "_concatenate_predictions"),
    *("_predict_multiclass", "_decision", "_process_predict_proba", "_compute_kernel"),
    *("infer", "forward", "get_dataset", "_get_predict_nonlinearity", "inverse_transform"),
)
# what is replaced by a stand-in object: trees, histogram trees, bins, boosters
OBJECTS = ("tree_", "_predictors", "_bin_mapper", "_Booster", "_label_binarizer", "loss_", "_loss")
SHARES = (0.01, 0.001)
CLASSES = ("class", "class, wrapped")
# model: at least so many overrides change what it answers
MODELS_AND_LEAST = {
    "AdaBoost": 9,
    "Bagging": 7,
    "BernoulliNB": 4,
    "Calibrated": 10,
    "DecisionTree": 5,
    "ExtraTrees": 9,
    "FixedThreshold": 6,
    "GaussianNB": 6,
    "GradientBoosting, stumps": 6,
    "HistGradientBoosting": 9,
    "HistGradientBoosting, stumps": 9,
    "KNeighbors": 4,
    "LDA": 4,
    "LinearSVC": 4,
    "LogisticRegression": 4,
    "NearestCentroid": 2,
    "OneVsRest": 4,
    "QDA": 4,
    "RandomForest": 9,
    "RandomForest, two features": 15,
    "Ridge": 4,
    "Stacking": 13,
    "Voting, soft": 13,
    "scaled linear": 8,
    "PCA and linear": 12,
    "scaled forest": 13,
    "scaled trees": 13,
    "columns and linear": 12,
    "search of linear": 6,
    "calibrated pipeline": 17,
    "oversampled linear": 8,
    "net": 14,
    "net, two classes": 10,
    "scaled net": 10,
    "XGBoost, stumps": 2,
    "LightGBM, stumps": 7,
    # no votes, but closed forms
    "DecisionTreeRegressor": 5,
    "GradientBoostingRegressor": 4,
    "HistGradientBoostingRegressor": 9,
    "PoissonRegressor": 2,
    "boosting in logarithms": 15,
    "XGBRegressor": 2,
    "LGBMRegressor": 5,
}
_ROWS = 50_000
_VOTES = 2000


class Place(NamedTuple):
    """Where something is put, and how."""

    path: str
    name: str
    how: str
    share: float


def places(model: Any, offset: int) -> Iterator[Place]:
    """Yield what can be overridden in a fitted model, one member of each kind.

    Models with another `offset` have the other share, and the other way of changing a class.
    """
    seen: set[tuple[type, str]] = set()
    for path, part in parts(model):
        for number, name in enumerate(METHODS, offset):
            if hasattr(part, name) and (type(part), name) not in seen:
                seen.add((type(part), name))
                yield Place(path, name, "object", SHARES[number % 2])
                yield Place(path, name, CLASSES[number // 2 % 2], SHARES[(number + 1) % 2])
        for name in OBJECTS:
            if name in vars(part) and (type(part), name) not in seen:
                seen.add((type(part), name))
                yield Place(path, name, "stand-in", min(SHARES))


def put(place: Place, model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Override something of a model, or of the class of something in it."""
    part = dict(parts(model))[place.path]
    if place.how == "object":
        override(part, place.name, place.share)
    elif place.how == "stand-in":
        vars(part)[place.name] = _stand_in(vars(part)[place.name], place.share)
    else:
        kind = type(part)
        if place.how == "class":  # the one that defines it: others inherit it
            kind = next(base for base in kind.__mro__ if place.name in vars(base))
        method = overriding(kind, place.name, place.share, wraps="wrapped" in place.how)
        monkeypatch.setattr(kind, place.name, method)


def _stand_in(thing: Any, share: float) -> Any:
    if isinstance(thing, list):
        return [_stand_in(item, share) for item in thing]
    return StandIn(thing, share)


def smoother(base: Any, name: str, X: Any, y: np.ndarray) -> Any:
    """Return a smoother that has answered before: what it keeps from then must not be used."""
    kind = SmoothedClassifier if MODELS[name].classes else SmoothedRegressor
    clf = kind(FrozenEstimator(base), SIGMA, random_state=0).fit(X, y)
    clf.predict(X[:2])
    return clf.set_params(method="montecarlo")


def what_goes_unnoticed(clf: Any, rows: Any) -> str:
    """Return what of the certificate is not that of the whole base; nothing if all is."""
    if isinstance(clf, SmoothedRegressor):  # which has no shortcuts
        bounds = clf.set_params(method="auto").certify_interval(rows, 0.1, n=200)
        return f"closed form ({bounds.run.form})" if bounds.method == "exact" else ""
    found = clf.certify(rows, n=_VOTES, n0=10, alpha=0.3)
    if not np.array_equal(found.counts, counts(asked(clf), rows, _VOTES)):
        return f"votes ({found.shortcut})"
    computed = clf.set_params(method="auto").certify(rows, n=_VOTES, n0=10)
    return f"closed form ({computed.form})" if computed.method == "exact" else ""


def what_changes(clf: Any, rows: Any, expected: np.ndarray | None) -> str:
    """Return which votes are others, though predict answers as it did; nothing if none are."""
    if expected is None:
        return ""
    found = clf.certify(rows, n=_VOTES, n0=10, alpha=0.3)
    same = np.array_equal(found.counts, expected)
    same = same or np.array_equal(found.counts, counts(asked(clf), rows, _VOTES))
    return "" if same else f"votes, though predict is as it was ({found.shortcut})"


@pytest.mark.parametrize("name", MODELS_AND_LEAST)
def test_no_override_goes_unnoticed(name, monkeypatch):
    if MODELS[name].missing:
        pytest.skip(f"{MODELS[name].missing} is not installed")
    X, y = MODELS[name].table()
    rng = np.random.default_rng(6)
    n = 10_000 if "torch" in MODELS[name].needs else _ROWS  # skorch takes rows one by one
    noisy = X[rng.integers(3, size=n)] + SIGMA * rng.standard_normal((n, X.shape[1]))
    noisy = noisy.astype(X.dtype)
    with quiet():
        fitted = MODELS[name].new().fit(X, MODELS[name].own_labels(y))
        plain = np.asarray(fitted.predict(noisy)).ravel()
        original = smoother(fitted, name, X, y)
        votes = counts(asked(original), X[:3], _VOTES) if MODELS[name].classes else None
    unnoticed, changing = [], 0
    for place in places(fitted, list(MODELS_AND_LEAST).index(name)):
        clf = copy.deepcopy(original)
        model = clf.estimator_.estimator
        with monkeypatch.context() as patch, quiet():
            put(place, model, patch)
            try:
                changed = np.asarray(model.predict(noisy)).ravel()
            except Exception:  # not a model any more
                continue
            if changed.shape != plain.shape:  # nor one that gives each row an answer
                continue
            different = np.mean(changed != plain)
            changing += bool(0 < different < 3 * place.share)
            if different:
                found = what_goes_unnoticed(clf, X[:3])
            else:
                found = what_changes(clf, X[:3], votes)
            if found:
                unnoticed.append(f"{place.path}.{place.name} ({place.how}, {place.share}): {found}")
    assert not unnoticed, "\n".join([f"{len(unnoticed)} of {changing}", *unnoticed])
    assert changing >= MODELS_AND_LEAST[name]


def test_overrides_are_many():
    assert len(MODELS_AND_LEAST) >= 25
    assert sum(MODELS_AND_LEAST.values()) >= 250
