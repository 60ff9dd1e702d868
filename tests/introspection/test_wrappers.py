"""Which wrappers are looked through, for each purpose."""

import numpy as np
import pytest
from sklearn.ensemble import BaggingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, TunedThresholdClassifierCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sksmooth.closed_forms import refit_leaves
from sksmooth.introspection import is_frozen, layers, split, trained_inside, unwrap

X = np.random.default_rng(0).normal(size=(60, 2))
Y = (X[:, 0] > 0).astype(int)


class OwnPipeline(Pipeline):
    pass


class OwnSearch(GridSearchCV):
    pass


def search(base, kind=GridSearchCV):
    return kind(base, {}, cv=2)


def kinds(parts):
    return [type(part).__name__ for part in parts]


def test_layers_lead_through_what_answers():
    inner = search(make_pipeline(StandardScaler(), LogisticRegression()))
    fitted = make_pipeline(MinMaxScaler(), FrozenEstimator(inner.fit(X, Y))).fit(X, Y)
    expected = ["Pipeline", "FrozenEstimator", "GridSearchCV", "Pipeline", "LogisticRegression"]
    assert kinds(layers(fitted)) == expected
    steps, model = unwrap(fitted)
    assert (kinds(steps), type(model)) == (["MinMaxScaler", "StandardScaler"], LogisticRegression)
    assert [*split(fitted)[0], split(fitted)[1]] == [*steps, model]


def test_only_readable_wrappers_are_split():
    for wrapper in (
        OwnPipeline([("s", StandardScaler()), ("m", LogisticRegression())]),
        search(LogisticRegression(), OwnSearch),
    ):
        wrapper.fit(X, Y)
        assert isinstance(unwrap(wrapper)[1], LogisticRegression)
        assert split(wrapper) == ([], wrapper)
    patched = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, Y)
    patched.predict = lambda rows: np.zeros(len(rows))
    assert split(patched) == ([], patched)


def test_only_steps_of_what_may_be_read_lose_their_freezer():
    frozen = FrozenEstimator(StandardScaler().fit(X))
    pipeline = make_pipeline(frozen, "passthrough", LogisticRegression()).fit(X, Y)
    assert kinds(unwrap(pipeline)[0]) == ["FrozenEstimator"]
    assert kinds(split(pipeline)[0]) == ["StandardScaler"]


def test_what_fit_trains():
    bagged = BaggingClassifier(make_pipeline(StandardScaler(), LogisticRegression()))
    whole = make_pipeline(MinMaxScaler(), bagged)
    expected = ["Pipeline", "BaggingClassifier", "Pipeline", "LogisticRegression"]
    assert kinds(trained_inside(whole)) == expected
    assert kinds(trained_inside(whole, (GridSearchCV,))) == expected[:2]
    tuned = search(TunedThresholdClassifierCV(LogisticRegression()))
    within = (GridSearchCV, TunedThresholdClassifierCV)
    assert kinds(trained_inside(tuned, within))[-1] == "LogisticRegression"
    frozen = FrozenEstimator(tuned)
    assert kinds(trained_inside(search(frozen))) == ["GridSearchCV", "FrozenEstimator"]
    assert kinds(trained_inside(BaggingClassifier())) == ["BaggingClassifier"]  # estimator=None


def test_frozen_is_what_fit_leaves_alone():
    model = FrozenEstimator(LogisticRegression().fit(X, Y))
    assert is_frozen(model)
    assert is_frozen(make_pipeline(MinMaxScaler(), make_pipeline(StandardScaler(), model)))
    assert not is_frozen(search(model))  # the search itself is fitted
    assert not is_frozen(make_pipeline(FrozenEstimator(StandardScaler()), LogisticRegression()))


def test_a_frozen_tree_inside_a_search_keeps_its_leaves():
    tree = FrozenEstimator(DecisionTreeClassifier(max_depth=2).fit(X, Y))
    whole = search(make_pipeline(FrozenEstimator(StandardScaler().fit(X)), tree)).fit(X, Y)
    with pytest.raises(ValueError, match="frozen"):
        refit_leaves(whole, X, Y, 1.0)
