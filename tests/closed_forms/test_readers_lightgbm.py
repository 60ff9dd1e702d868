"""LightGBM's models read from their own text: tiny inputs are 0, early stopping, means."""

import numpy as np
import pytest
from tree_readers import (
    assert_no_draw_contradicts,
    assert_reads,
    leaves_of,
    scores_of,
    skewed,
    with_categories,
)

from sksmooth.closed_forms import NotClosedError
from sksmooth.closed_forms.readers import read
from sksmooth.closed_forms.readers.lightgbm import _points

lightgbm = pytest.importorskip("lightgbm")

pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")

SMALL = {"n_estimators": 20, "n_jobs": 1, "verbose": -1, "random_state": 0}
KINDS = {
    "stumps": {"num_leaves": 2},
    "default": {},
    "dart": {"boosting_type": "dart"},
    "goss": {"data_sample_strategy": "goss"},
    "extra trees": {"extra_trees": True},
    "no average": {"boost_from_average": False},
    "zeros missing": {"zero_as_missing": True},
    "no missing": {"use_missing": False},
    "one leaf": {"min_child_samples": 10_000},
    "monotone": {"monotone_constraints": [1, 0, 0, 0, 0]},
    "slope": {"sigmoid": 3.0},
}
KZERO = float(np.float32(1e-35))


def fitted(k, holes=0.0, d=5, kind=None, **params):
    X, y = skewed(k, d=d, missing=holes)
    model = (kind or lightgbm.LGBMClassifier)(**SMALL | params).fit(X, y)
    return model, X


def margins(model):
    return lambda rows: model.predict(rows, raw_score=True)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("name", KINDS)
def test_kinds_of_models(name, k):
    model, X = fitted(k, **KINDS[name])
    assert_reads(model, X, margins(model))


def test_cross_entropy():
    model, X = fitted(2, objective="cross_entropy")
    assert_reads(model, X, margins(model))


@pytest.mark.parametrize("k", [2, 3])
def test_forests_answer_by_means(k):
    """raw_score=True gives sums, predict does not use them."""
    model, X = fitted(k, boosting_type="rf", subsample=0.5, subsample_freq=1)
    sums = margins(model)
    assert_reads(model, X, lambda rows: sums(rows) / 20)


@pytest.mark.parametrize("k", [2, 3])
def test_trees_after_the_best_iteration_are_not_used(k):
    model, X = fitted(k)
    model.booster_.best_iteration = 5
    assert len(read(model).roots) == 5 * (1 if k == 2 else 3)
    assert_reads(model, X, margins(model))


def test_points_of_tiny_thresholds():
    t = np.array([0.0, 1e-36, KZERO, -1e-36, -KZERO, 0.25, -0.25, 2e-35, -2e-35])
    below = np.nextafter(-KZERO, -np.inf)
    expected = [KZERO, KZERO, KZERO, below, below, 0.25, -0.25, 2e-35, -2e-35]
    assert np.array_equal(_points(t), expected)


@pytest.mark.parametrize("zero_as_missing", [False, True])
@pytest.mark.parametrize("size", [1.0, 1e-35])
def test_zeros_and_nearly_zeros(zero_as_missing, size):
    """Thresholds at and near 0, and rows at all sides of what counts as 0."""
    rng = np.random.default_rng(0)
    X = size * rng.choice([-2.0, -1.0, 0.0, 0.0, 1.0, 2.0, 3.0], size=(400, 3))
    y = ((X[:, 0] == 0) ^ (X[:, 1] > 0) ^ (X[:, 2] < 0)).astype(int)
    model = lightgbm.LGBMClassifier(**SMALL, zero_as_missing=zero_as_missing)
    model.fit(X, y)
    near = [
        0.0,
        -0.0,
        KZERO,
        np.nextafter(KZERO, 1),
        np.nextafter(KZERO, 0),
        1e-35,
        5e-324,
        1.5e-35,
    ]
    near = np.array([*near, *(-v for v in near), *(size * np.arange(-3, 4) / 2)])
    rows = rng.choice(near, size=(5000, 3))
    ensemble = read(model)
    found = ensemble.values[leaves_of(ensemble, rows)].sum(axis=1)[:, 0]
    assert np.allclose(found, margins(model)(rows), rtol=0, atol=1e-12)


@pytest.mark.parametrize("params", [{}, {"use_missing": False}, {"zero_as_missing": True}])
@pytest.mark.parametrize("holes", [0.0, 0.2])
def test_where_missing_inputs_go(params, holes):
    model, X = fitted(2, holes=holes, **params)
    X[np.random.default_rng(1).random(X.shape) < 0.3] = np.nan
    ensemble = read(model)
    found = ensemble.values[leaves_of(ensemble, X)].sum(axis=1)[:, 0]
    assert np.allclose(found, margins(model)(X), rtol=0, atol=1e-12)


@pytest.mark.parametrize("when", ["before", "after"])
def test_early_stopping_of_predict_is_refused(when):
    """It stops after a few trees, and nothing in the model's own text tells."""
    params = {"pred_early_stop": True, "pred_early_stop_freq": 1, "pred_early_stop_margin": 0.1}
    model, X = fitted(2, **(params if when == "before" else {}))
    model.set_params(**params)
    plain, _ = fitted(2)
    assert not np.allclose(margins(model)(X), margins(plain)(X))
    with pytest.raises(NotClosedError, match="pred_early_stop"):
        read(model)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("params", [{}, {"zero_as_missing": True}, {"max_cat_to_onehot": 100}])
@pytest.mark.parametrize("missing", [0.0, 0.05])
def test_sets_of_categories(k, params, missing):
    """They are numbers without fractions: -0.9 is 0; all that a set does not hold goes right."""
    X, y = with_categories(k, missing)
    model = lightgbm.LGBMClassifier(
        **SMALL | params | {"n_estimators": 5}, min_data_per_group=1, cat_smooth=0
    )
    model.fit(X, y, categorical_feature=[1])
    whole = X[~np.isnan(X).any(axis=1)]
    assert_reads(model, whole, margins(model))
    ensemble = read(model)
    assert np.any(ensemble.feature[~ensemble.leaf] == 1)
    rows = np.repeat(whole[:200], 8, axis=0)
    rows[:, 1] = np.tile([np.nan, -0.0, -0.9, -1.0, -1e9, 3e9, np.inf, 1.999999999], 200)
    found = scores_of(ensemble, rows).reshape(len(rows), -1).squeeze()
    assert np.allclose(found, margins(model)(rows), rtol=0, atol=1e-12)


def test_one_against_all_is_read_by_its_answers():
    """Sigmoids of single classes may all be 1."""
    model, X = fitted(3, objective="multiclassova")
    assert read(model).rule == "predict"
    X, y = skewed(3)
    small = lightgbm.LGBMClassifier(**SMALL | {"n_estimators": 3}, objective="multiclassova")
    assert_no_draw_contradicts(small.fit(X[:, :2], y), X[:4, :2], "grid")


def test_a_custom_objective_has_no_classes():
    def loss(y, z):
        p = 1 / (1 + np.exp(-z))
        return p - y, p * (1 - p)

    model, X = fitted(2, objective=loss)
    assert read(model).rule == "predict"
    with pytest.raises(NotClosedError):
        assert_no_draw_contradicts(model, X[:2], "boxes")


def test_refused():
    with pytest.raises(NotClosedError, match="linear"):
        read(fitted(2, linear_tree=True)[0])
    with pytest.raises(NotClosedError, match="Other"):
        read(fitted(2, kind=type("Other", (lightgbm.LGBMClassifier,), {}))[0])


@pytest.mark.parametrize("k", [2, 3])
def test_additive_models(k):
    model, X = fitted(k, d=8, num_leaves=2, n_estimators=100)
    assert_no_draw_contradicts(model, X[:6], "additive")
    alone = {"interaction_constraints": [[j] for j in range(8)]}
    model, X = fitted(k, d=8, num_leaves=4, **alone)
    assert_no_draw_contradicts(model, X[:6], "additive")


@pytest.mark.parametrize("zero_as_missing", [False, True])
def test_few_inputs_and_single_trees(zero_as_missing):
    X, y = skewed(2)
    X[X < -1] = 0.0
    few = {"n_estimators": 5, "num_leaves": 6, "zero_as_missing": zero_as_missing}
    model = lightgbm.LGBMClassifier(**SMALL | few).fit(X[:, :2], y)
    assert_no_draw_contradicts(model, X[:4, :2], "grid")
    one = {"n_estimators": 1, "num_leaves": 20, "learning_rate": 3.0}
    model = lightgbm.LGBMClassifier(**SMALL | one, zero_as_missing=zero_as_missing).fit(X, y)
    assert_no_draw_contradicts(model, X[:4], "boxes")
