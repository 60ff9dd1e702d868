"""CatBoost's models read from their own files: symmetric and other trees, borders in float32."""

import numpy as np
import pytest
from tree_readers import assert_no_draw_contradicts, assert_reads, leaves_of, skewed

from sksmooth.closed_forms import NotClosedError
from sksmooth.closed_forms.readers import read

catboost = pytest.importorskip("catboost")

SMALL = {
    "iterations": 20,
    "thread_count": 1,
    "verbose": 0,
    "allow_writing_files": False,
    "random_seed": 0,
}
KINDS = {
    "stumps": {"depth": 1},
    "default": {},
    "by loss": {"grow_policy": "Lossguide", "max_leaves": 7},
    "by depth": {"grow_policy": "Depthwise", "depth": 3},
    "shrink": {"model_shrink_rate": 0.1},
    "no average": {"boost_from_average": False},
    "few borders": {"border_count": 5},
}


def fitted(k, holes=0.0, d=5, kind=None, **params):
    X, y = skewed(k, d=d, missing=holes)
    model = (kind or catboost.CatBoostClassifier)(**SMALL | params).fit(X, y)
    return model, X


def margins(model):
    return lambda rows: model.predict(rows, prediction_type="RawFormulaVal")


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("name", KINDS)
def test_kinds_of_models(name, k):
    if (name, k) == ("no average", 3):
        pytest.skip("for two classes only")
    model, X = fitted(k, **KINDS[name])
    assert_reads(model, X, margins(model))


@pytest.mark.parametrize(
    ("k", "loss"), [(2, "CrossEntropy"), (2, "MultiClass"), (3, "MultiClassOneVsAll")]
)
def test_losses(k, loss):
    model, X = fitted(k, loss_function=loss)
    assert_reads(model, X, margins(model))


def test_scale_and_bias():
    model, X = fitted(2)
    model.set_scale_and_bias(0.3, 1.5)
    ensemble = read(model)
    assert ensemble.offsets == 1.5
    assert_reads(model, X, margins(model))


@pytest.mark.parametrize("best", [True, False])
def test_trees_after_the_best_iteration(best):
    """They are not in the model, or else they are used."""
    X, y = skewed(2)
    model = catboost.CatBoostClassifier(**SMALL | {"iterations": 60})
    model.fit(X, y, eval_set=(X[::2], 1 - y[::2]), use_best_model=best, early_stopping_rounds=5)
    assert len(read(model).roots) == model.tree_count_
    assert_reads(model, X, margins(model))


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_probability_thresholds(p):
    model, X = fitted(2)
    before = model.predict(X)
    model.set_probability_threshold(p)
    assert np.array_equal(before, model.predict(X)) == (p == 0.5)
    assert_reads(model, X, margins(model))


@pytest.mark.parametrize("mode", ["Min", "Max"])
@pytest.mark.parametrize("holes", [0.0, 0.2])
def test_where_missing_inputs_go(mode, holes):
    """Also in columns that had none in training."""
    model, X = fitted(2, holes=holes, nan_mode=mode)
    X[np.random.default_rng(1).random(X.shape) < 0.3] = np.nan
    ensemble = read(model)
    found = ensemble.values[leaves_of(ensemble, X)].sum(axis=1)[:, 0] + ensemble.offsets
    assert np.allclose(found, margins(model)(X), rtol=0, atol=1e-12)


def test_borders_are_those_of_float32():
    model, _ = fitted(2)
    borders = model.get_borders()
    columns, points = read(model).splits
    for column in np.unique(columns):
        own = np.unique(points[columns == column])
        assert np.all(np.isin(own.astype(np.float32), np.float32(borders[column])))
        assert np.all(own >= own.astype(np.float32))


def test_refused():
    X, y = skewed(2)
    X = X.astype(object)
    X[:, 0] = np.digitize(X[:, 0].astype(float), [-1, 0, 1]).astype(str)
    model = catboost.CatBoostClassifier(**SMALL).fit(X, y, cat_features=[0])
    with pytest.raises(NotClosedError, match="other inputs"):
        read(model)
    with pytest.raises(NotClosedError, match="Other"):
        read(fitted(2, kind=type("Other", (catboost.CatBoostClassifier,), {}))[0])


@pytest.mark.parametrize("k", [2, 3])
def test_additive_models(k):
    model, X = fitted(k, d=8, depth=1, iterations=100)
    assert_no_draw_contradicts(model, X[:6], "additive")


@pytest.mark.parametrize("policy", ["SymmetricTree", "Lossguide"])
def test_few_inputs_and_single_trees(policy):
    X, y = skewed(2)
    few = {"iterations": 5, "depth": 3, "grow_policy": policy}
    model = catboost.CatBoostClassifier(**SMALL | few).fit(X[:, :2], y)
    assert_no_draw_contradicts(model, X[:4, :2], "grid")
    one = {"iterations": 1, "depth": 5, "learning_rate": 1.0, "grow_policy": policy}
    model = catboost.CatBoostClassifier(**SMALL | one).fit(X, y)
    assert_no_draw_contradicts(model, X[:4], "boxes")
