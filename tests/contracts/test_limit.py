"""With hardly any noise a smoothed classifier answers as the base alone does, in the user's labels.

The base alone is fitted on the very rows that it was handed here, and on the labels as the user has
them. Rows within some noise of a boundary are left out. A slice of models x labels runs here, all
with ``SKSMOOTH_FIDELITY=all``; settings that name labels run with all labels.
"""

import functools
import os
import unittest.mock
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.metrics import f1_score, fbeta_score, make_scorer, recall_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import RadiusNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier

pytest.importorskip("pandas")

from contracts.models import MODELS, Model
from contracts.oracle import quiet

ALL = os.environ.get("SKSMOOTH_FIDELITY") == "all"
RELATIVE = 1e-6  # the noise, in standard deviations of the columns

LABELS = {
    "0 1": [0, 1],
    "1 2": [1, 2],
    "-1 1": [-1, 1],
    "strings": ["yes", "no"],  # not in their order
    "booleans": [False, True],
    "floats": [1.0, 2.0],
    "three": [1, 2, 4],
    "three strings": ["low", "mid", "high"],
}
TWO = [kind for kind in LABELS if not kind.startswith("three")]


def fit_both(base: Any, X: Any, y: np.ndarray, sigma: np.ndarray, **fit_params: Any):
    """Return the smoother, and the base alone fitted on the rows that it was handed there."""
    handed: list[Any] = []
    kind = type(base)
    original = kind.fit

    @functools.wraps(original)
    def fit(self: Any, X: Any, *args: Any, **options: Any) -> Any:
        if not handed:
            handed.append(X.copy())
        return original(self, X, *args, **options)

    with unittest.mock.patch.object(kind, "fit", fit):
        clf = SmoothedClassifier(base, sigma, n_predict=30, random_state=0)
        clf.fit(X, y, **fit_params)
    rows = handed[0]
    assert type(rows) is type(X)
    assert len(rows) == len(X)
    assert np.all(np.abs(np.asarray(rows) - np.asarray(X)) <= 10 * sigma)
    return clf, rows


def stable(alone: Any, X: Any, sigma: np.ndarray) -> np.ndarray:
    """Rows around which the base answers the same for noise of eight times the size."""
    rng = np.random.default_rng(7)
    right = np.asarray(alone.predict(X)).ravel()
    held = np.ones(len(X), dtype=bool)
    for _ in range(10):
        noisy = X + (8 * sigma * rng.standard_normal(X.shape)).astype(np.asarray(X).dtype)
        held &= np.asarray(alone.predict(noisy)).ravel() == right
    return held


def assert_answers_are_those_of_the_base(
    base: Any, X: Any, y: np.ndarray, Z: Any, **fit_params: Any
) -> None:
    sigma = RELATIVE * np.asarray(X).std(axis=0)
    clf, rows = fit_both(base, X, y, sigma, **fit_params)
    assert np.array_equal(clf.classes_, np.unique(y))
    try:
        alone = clone(base).fit(rows, y, **fit_params)
    except ValueError:  # it takes codes only, as XGBoost does
        classes, codes = np.unique(y, return_inverse=True)
        alone = Decoded(clone(base).fit(rows, codes, **fit_params), classes)
    expected = np.asarray(alone.predict(Z)).ravel()
    if y.dtype.kind == "f":  # for which EBM answers text
        expected = expected.astype(np.float64)
    held = stable(alone, Z, sigma)
    assert np.mean(held) > 0.9
    found = clf.predict(Z)
    assert np.array_equal(found[held], expected[held])
    if isinstance(alone, Decoded):
        return
    frozen = SmoothedClassifier(FrozenEstimator(alone), sigma, n_predict=30, random_state=0)
    assert np.array_equal(frozen.fit(X, y).predict(Z)[held], expected[held])


class Decoded:
    """A model of codes that answers in labels."""

    def __init__(self, model: Any, classes: np.ndarray) -> None:
        self.model, self.classes = model, classes

    def predict(self, X: Any) -> np.ndarray:
        return self.classes[np.asarray(self.model.predict(X)).ravel().astype(int)]


# --- every model, its labels of any kind

# to scikit-learn's semi-supervised models -1 stands for no label; test_known_faults has these
UNLABELED = {"LabelPropagation", "LabelSpreading", "SelfTraining"}


def kinds_of(model: Model) -> list[str]:
    return TWO if model.classes == 2 else list(LABELS)


def labelled(model: Model, kind: str) -> tuple[Any, np.ndarray]:
    classes = len(LABELS[kind])
    X, y = model.table() if classes == model.classes else Model(model.make, classes).table()
    X = model.table()[0]
    return X, np.array(LABELS[kind])[y]


def pairs() -> list[tuple[str, str]]:
    """Return all models with all labels; or each with two kinds, which go round."""
    found = []
    names = [name for name, model in MODELS.items() if "torch" not in model.needs]
    for i, name in enumerate(names):
        if MODELS[name].refused:
            continue
        kinds = kinds_of(MODELS[name])
        chosen = kinds if ALL else [kinds[(2 * i + k) % len(kinds)] for k in range(2)]
        found += [(name, kind) for kind in chosen if not (kind == "-1 1" and name in UNLABELED)]
    return found


@pytest.mark.parametrize(("name", "kind"), pairs())
def test_every_model(name, kind):
    model = MODELS[name]
    if model.missing:
        pytest.skip(f"{model.missing} is not installed")
    X, y = labelled(model, kind)
    Z = model.table(seed=8)[0]
    with quiet():
        try:
            model.new().fit(X, y).predict(Z)
        except Exception as error:
            if not name.startswith(("XGBoost", "scaled XGBoost")):
                pytest.skip(f"alone it does not take such labels: {str(error)[:60]}")
        assert_answers_are_those_of_the_base(model.new(), X, y, Z)


@pytest.mark.parametrize("name", [n for n, m in MODELS.items() if "torch" in m.needs])
@pytest.mark.parametrize("kind", ["1 2", "strings", "booleans", "three strings"])
def test_nets(name, kind):
    """Nets answer in codes; noise is new in every batch, so no other net is the same."""
    model = MODELS[name]
    if model.missing:
        pytest.skip(f"{model.missing} is not installed")
    if model.refused or len(LABELS[kind]) != model.classes:
        pytest.skip("not for this net")
    X, y = labelled(model, kind)
    Z = model.table(seed=8)[0]
    sigma = RELATIVE * X.std(axis=0)
    with quiet():
        clf = SmoothedClassifier(model.new(), sigma, n_predict=30, random_state=0).fit(X, y)
        codes = np.asarray(clf.estimator_.predict(Z)).ravel().astype(int)
        held = stable(clf.estimator_, Z, sigma)
        found = clf.predict(Z)
    assert np.mean(held) > 0.9
    assert np.array_equal(found[held], np.unique(y)[codes][held])
    assert np.mean(clf.predict(X) == y) > 0.4


# --- settings that name labels


class Favours(ClassifierMixin, BaseEstimator):
    """Answers one label, named by its parameter, wherever the first feature is positive."""

    def __init__(self, label=None):
        self.label = label

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        if self.label not in self.classes_.tolist():
            raise ValueError(f"{self.label!r} is no class")
        return self

    def predict(self, X):
        (other,) = (label for label in self.classes_ if label != self.label)
        return np.where(np.asarray(X)[:, 0] > 0, self.label, other)


def _weights(a: Any, b: Any) -> dict[Any, float]:
    return {a: 30.0, b: 1.0}


def _score(a: Any) -> Any:
    return make_scorer(fbeta_score, beta=5, pos_label=a, zero_division=0)


def _under_sampled(a: Any, b: Any) -> Any:
    from imblearn.pipeline import make_pipeline
    from imblearn.under_sampling import RandomUnderSampler

    sampler = RandomUnderSampler(sampling_strategy={a: 50, b: 5}, random_state=0)
    return make_pipeline(sampler, LogisticRegression())


def _balanced(a: Any, b: Any) -> Any:
    from imblearn.ensemble import BalancedRandomForestClassifier

    return BalancedRandomForestClassifier(5, class_weight=_weights(a, b), random_state=0)


def _lightgbm(a: Any, b: Any) -> Any:
    from lightgbm import LGBMClassifier

    options = {"n_estimators": 5, "random_state": 0, "n_jobs": 1, "verbose": -1}
    return LGBMClassifier(class_weight=_weights(a, b), **options)


# Bagging and stacking encode labels themselves, and CatBoost's dict cannot be cloned
SETTINGS = {
    "LogisticRegression": lambda a, b: LogisticRegression(class_weight=_weights(a, b)),
    "LogisticRegressionCV": lambda a, b: LogisticRegressionCV(
        Cs=2, cv=2, class_weight=_weights(a, b)
    ),
    "SVC": lambda a, b: SVC(class_weight=_weights(a, b), random_state=0),
    "LinearSVC": lambda a, b: LinearSVC(class_weight=_weights(a, b), random_state=0),
    "SGD": lambda a, b: SGDClassifier(class_weight=_weights(a, b), random_state=0),
    "Perceptron": lambda a, b: Perceptron(class_weight=_weights(a, b), random_state=0),
    "Ridge": lambda a, b: RidgeClassifier(class_weight=_weights(a, b)),
    "DecisionTree": lambda a, b: DecisionTreeClassifier(
        max_depth=2, class_weight=_weights(a, b), random_state=0
    ),
    "RandomForest": lambda a, b: RandomForestClassifier(
        5, max_depth=2, class_weight=_weights(a, b), random_state=0
    ),
    "ExtraTrees": lambda a, b: ExtraTreesClassifier(
        5, max_depth=2, class_weight=_weights(a, b), random_state=0
    ),
    "HistGradientBoosting": lambda a, b: HistGradientBoostingClassifier(
        max_iter=5, class_weight=_weights(a, b), random_state=0
    ),
    "in a Pipeline": lambda a, b: make_pipeline(
        StandardScaler(), LogisticRegression(class_weight=_weights(a, b))
    ),
    "calibrated": lambda a, b: CalibratedClassifierCV(
        LogisticRegression(class_weight=_weights(a, b)), cv=2
    ),
    "FixedThreshold": lambda a, b: FixedThresholdClassifier(
        LogisticRegression(), threshold=0.2, pos_label=a
    ),
    "TunedThreshold": lambda a, b: TunedThresholdClassifierCV(
        LogisticRegression(), scoring=_score(a), cv=3, thresholds=7, random_state=0
    ),
    "search by the F-score of a class": lambda a, b: GridSearchCV(
        LogisticRegression(),
        {"class_weight": [{a: 1.0, b: 9.0}, {a: 9.0, b: 1.0}]},
        scoring=_score(a),
        cv=2,
    ),
    "search by several scores": lambda a, b: GridSearchCV(
        DecisionTreeClassifier(random_state=0),
        {"max_depth": [1, 3]},
        scoring={
            "f": make_scorer(f1_score, pos_label=a),
            "r": make_scorer(recall_score, pos_label=a),
        },
        refit="r",
        cv=2,
    ),
    "a constant": lambda a, b: DummyClassifier(strategy="constant", constant=a),
    "label of outliers": lambda a, b: RadiusNeighborsClassifier(0.4, outlier_label=a),
    "priors": lambda a, b: GaussianNB(priors=[0.95, 0.05]),
    "a class of one's own": lambda a, b: Favours(a),
    "undersampled": _under_sampled,
    "balanced forest": _balanced,
    "LightGBM": _lightgbm,
}
NEEDS = {
    "undersampled": "imblearn",
    "balanced forest": "imblearn",
    "LightGBM": "lightgbm",
}


@pytest.mark.parametrize("kind", TWO)
@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("turned", [False, True], ids=["first", "second"])
def test_settings_that_name_labels(name, kind, turned):
    if name in NEEDS:
        pytest.importorskip(NEEDS[name])
    model = MODELS["LogisticRegression, two classes"]
    X, y = labelled(model, kind)
    Z = model.table(seed=8)[0]
    base = SETTINGS[name](*LABELS[kind][:: -1 if turned else 1])
    with quiet():
        try:
            clone(base).fit(X, y).predict(Z)
        except Exception as error:
            pytest.skip(f"alone it does not take such labels: {str(error)[:60]}")
        assert_answers_are_those_of_the_base(base, X, y, Z)


def test_few_of_the_settings_are_refused_by_the_base_itself():
    """What the test above may leave out."""
    model = MODELS["LogisticRegression, two classes"]
    refused = []
    with quiet():
        for name, make in SETTINGS.items():
            for kind in TWO:
                try:
                    X, y = labelled(model, kind)
                    make(*LABELS[kind]).fit(X, y).predict(X)
                except Exception:
                    refused.append((name, kind))
    assert len(refused) <= 12, refused


# --- fit parameters that hold labels or rows


@pytest.mark.parametrize("kind", TWO)
@pytest.mark.parametrize("name", ["XGBoost", "LightGBM", "CatBoost"])
def test_validation_sets(name, kind):
    """Early stopping looks at labels that are the user's, whatever the base is fitted on."""
    model = MODELS[name]
    if model.missing:
        pytest.skip(f"{model.missing} is not installed")
    X, y = labelled(model, kind)
    validation, labels = Model(model.make, 2).table(seed=9)
    labels = np.array(LABELS[kind])[labels]
    Z = model.table(seed=8)[0]
    base, rounds = model.new(), {"XGBoost": "n_estimators"}
    base.set_params(
        **{rounds.get(name, "iterations" if name == "CatBoost" else "n_estimators"): 60}
    )
    if name == "LightGBM":
        from lightgbm import early_stopping

        options = {"callbacks": [early_stopping(2, verbose=False)]}
    else:
        base.set_params(early_stopping_rounds=2)
        options = {}
    if name == "XGBoost":
        options["verbose"] = False
    sigma = RELATIVE * X.std(axis=0)
    with quiet():
        clf, rows = fit_both(base, X, y, sigma, eval_set=[(validation, labels)], **options)
        classes = np.unique(y)
        own, theirs = y, labels
        if name == "XGBoost":
            own, theirs = np.searchsorted(classes, y), np.searchsorted(classes, labels)
        alone = clone(base).fit(rows, own, eval_set=[(validation, theirs)], **options)
        if name == "XGBoost":
            alone = Decoded(alone, classes)
        held = stable(alone, Z, sigma)
        expected = np.asarray(alone.predict(Z)).ravel()
        if name == "CatBoost" and expected.dtype.kind == "U" and kind == "booleans":
            expected = expected == "True"
        assert np.array_equal(clf.predict(Z)[held], expected[held])


@pytest.mark.parametrize("kind", TWO)
@pytest.mark.parametrize(
    "base",
    [
        LogisticRegression(),
        DecisionTreeClassifier(max_depth=2, random_state=0),
        HistGradientBoostingClassifier(max_iter=5, random_state=0),
        VotingClassifier([("a", LogisticRegression()), ("b", GaussianNB())]),
    ],
    ids=lambda base: type(base).__name__,
)
def test_weights_of_rows(base, kind):
    model = MODELS["LogisticRegression, two classes"]
    X, y = labelled(model, kind)
    weight = np.where(y == LABELS[kind][0], 30.0, 1.0)
    with quiet():
        assert_answers_are_those_of_the_base(
            base, X, y, model.table(seed=8)[0], sample_weight=weight
        )
