"""Readers of tree ensembles: arrays against the libraries' own answers, also for missing inputs."""

import importlib
import subprocess
import sys

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from tree_readers import leaves_of, scores_of, with_categories

from sksmooth import SmoothedClassifier
from sksmooth.closed_forms import NotClosedError
from sksmooth.closed_forms.readers import READERS, is_read, read
from sksmooth.introspection import split


def data(k=3, d=4, n=300, missing=False):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d))
    y = (np.floor(2 * X[:, 0]) + np.floor(X[:, 1] * X[:, 2])).astype(int) % k
    if missing:
        X[rng.random(X.shape) < 0.1] = np.nan
    return X, np.array(["c", "a", "b"])[y]


MODELS = {
    "tree": DecisionTreeClassifier(random_state=0),
    "extra tree": ExtraTreeClassifier(random_state=0),
    "forest": RandomForestClassifier(5, random_state=0),
    "extra trees": ExtraTreesClassifier(5, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=5, random_state=0),
    "histograms": HistGradientBoostingClassifier(max_iter=5, random_state=0),
    "adaboost": AdaBoostClassifier(DecisionTreeClassifier(max_depth=3), n_estimators=5),
    "bagging": BaggingClassifier(
        DecisionTreeClassifier(), 5, max_features=0.5, bootstrap_features=True, random_state=0
    ),
}


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("name", MODELS)
def test_sums_decide_as_the_model_does(name, missing, k):
    """Where no sum is a tie, with missing inputs too."""
    if missing and name in ("boosting", "adaboost"):
        pytest.skip("has no missing values")
    X, y = data(k, missing=missing)
    model = MODELS[name].fit(X, y)
    ensemble = read(model)
    rng = np.random.default_rng(1)
    rows = np.concatenate([X, 2 * rng.normal(size=(1000, 4))])
    if missing:
        rows[rng.random(rows.shape) < 0.3] = np.nan
    scores = scores_of(ensemble, rows)
    if scores.shape[1] == 1:
        scores = np.concatenate([-scores, scores], axis=1)
    second, first = np.sort(scores, axis=1)[:, -2:].T
    sure = first - second > 1e-9
    assert sure.mean() > 0.7
    answers = model.classes_[scores.argmax(axis=1)]
    assert np.array_equal(answers[sure], model.predict(rows)[sure])


@pytest.mark.parametrize("kind", [DecisionTreeClassifier, ExtraTreeClassifier])
def test_leaves_with_missing_inputs(kind):
    X, y = data(missing=True)
    model = kind(random_state=0).fit(X, y)
    assert np.array_equal(leaves_of(read(model), X)[:, 0], model.apply(X))


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("missing", [0.0, 0.05])
def test_sets_of_categories(k, missing):
    """Missing ones, and those that boosting has not seen, go where the model's nodes say."""
    X, y = with_categories(k, missing)
    base = HistGradientBoostingClassifier(
        max_iter=5, categorical_features=[1], min_samples_leaf=5, random_state=0
    )
    model = base.fit(X, y)
    (encoder,), trees = split(model)
    rows = np.repeat(X[:200], 4, axis=0)
    rows[:, 1] = np.tile([np.nan, 77.0, 3.0, -1.0], 200)
    found = scores_of(read(trees), encoder.transform(rows))
    expected = model.decision_function(rows).reshape(found.shape)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-14)


def test_a_short_look_reads_the_first_trees():
    X, y = data()
    model = RandomForestClassifier(6, random_state=0).fit(X, y)
    few, whole = read(model, 2), read(model)
    assert len(few.roots) == 2
    n = len(few.left)
    assert np.array_equal(few.point, whole.point[:n])
    assert np.array_equal(few.left, whole.left[:n])
    assert len(whole.inputs) == 6


def test_every_name_is_that_of_a_type():
    for name in READERS:
        module, _, kind = name.rpartition(".")
        if module.partition(".")[0] in sys.modules or module.startswith("sklearn"):
            assert isinstance(getattr(importlib.import_module(module), kind), type)


def test_types_are_the_very_ones():
    """Not a subclass, nor another class of the same name."""
    sub = type("RandomForestClassifier", (RandomForestClassifier,), {})
    sub.__module__ = RandomForestClassifier.__module__
    for model in (sub(3), type("Other", (RandomForestClassifier,), {})(3)):
        assert not is_read(model)
        with pytest.raises(NotClosedError, match="no ensemble of trees that is known"):
            read(model.fit(*data()))
    assert is_read(RandomForestClassifier(3))


def test_other_methods_are_refused_wherever_they_are():
    X, y = data()
    for place in (lambda m: m, lambda m: m.estimators_[0], lambda m: m.estimators_[1][1]):
        inner = RandomForestClassifier(3, random_state=0)
        model = VotingClassifier([("a", DecisionTreeClassifier()), ("b", inner)]).fit(X, y)
        place(model).predict = lambda rows: rows
        with pytest.raises(NotClosedError, match="not that of its class"):
            read(model)


def test_boosting_hands_rounded_rows_to_its_first_model():
    """However deep in it the model is that would compare in float64."""
    rng = np.random.default_rng(0)
    X = 1.0 + rng.integers(4, size=(200, 1)) * 2.0**-23  # neighbours in float32
    y = (X[:, 0] > X.mean()).astype(int)
    start = VotingClassifier(
        [("a", HistGradientBoostingClassifier(max_iter=2)), ("b", DummyClassifier())],
        voting="soft",
    )
    model = GradientBoostingClassifier(n_estimators=1, init=start).fit(X, y)
    points = np.unique(read(model).splits[1])
    rows = np.concatenate([np.nextafter(points, s) for s in (-9, 9)] + [points])
    rows = np.unique(np.concatenate([rows, np.linspace(X.min(), X.max(), 500)]))[:, None]
    cells = np.searchsorted(points, rows[:, 0], side="left")
    answers = model.predict_proba(rows)[:, 1]
    for cell in np.unique(cells):
        assert len(np.unique(answers[cells == cell])) == 1


def test_models_of_a_single_tree_are_boxes():
    """On as many inputs as there are: of any kind."""
    X, y = data(2, d=12)
    y = np.unique(y, return_inverse=True)[1]
    for model in (
        RandomForestClassifier(1, random_state=0),
        GradientBoostingClassifier(n_estimators=1, max_depth=6, random_state=0),
        HistGradientBoostingClassifier(max_iter=1),
        AdaBoostClassifier(DecisionTreeClassifier(max_depth=5), n_estimators=1),
    ):
        clf = SmoothedClassifier(model, sigma=0.3, random_state=0).fit(X, y)
        assert len(read(clf.estimator_).roots) == 1
        exact = clf.certify(X[:20])
        assert exact.form == "boxes"
        rng = np.random.default_rng(0)
        rows = X[:20, None] + 0.3 * rng.standard_normal((20, 4000, 12))
        same = clf.estimator_.predict(rows.reshape(-1, 12)).reshape(20, -1) == exact.labels[:, None]
        assert np.all(np.abs(same.mean(axis=1) - exact.p_lower) < 5 * 0.5 / np.sqrt(4000))


def test_a_vote_of_forests_and_trees_on_few_inputs():
    X, y = data(d=3)
    parts = [("a", RandomForestClassifier(3, max_depth=2)), ("b", DecisionTreeClassifier())]
    model = VotingClassifier(parts).fit(X, y)
    assert is_read(model)
    clf = SmoothedClassifier(model, sigma=0.3, random_state=0).fit(X[:50], y[:50])
    assert clf.certify(X[:3]).form == "grid"


def test_libraries_are_not_imported():
    code = "import sys, sksmooth, sksmooth.closed_forms.readers.sklearn; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"xgboost", "lightgbm", "catboost", "interpret"} & set(out.stdout.split())
