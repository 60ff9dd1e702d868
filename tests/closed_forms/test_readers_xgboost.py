"""XGBoost's models read from their own files: float32 sums, ``<``, best iterations, offsets."""

import json
from types import SimpleNamespace

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

xgboost = pytest.importorskip("xgboost")

SMALL = {"n_estimators": 20, "n_jobs": 1, "random_state": 0}
KINDS = {
    "stumps": {"max_depth": 1},
    "default": {},
    "exact": {"tree_method": "exact"},
    "approx": {"tree_method": "approx"},
    "parallel": {"num_parallel_tree": 3, "subsample": 0.5},
    "by loss": {"grow_policy": "lossguide", "max_leaves": 5},
    "monotone": {"monotone_constraints": "(1,0,0,0,0)"},
    "base": {"base_score": 0.2},
    "no learning": {"max_depth": 1, "min_child_weight": 1e6},
}


def fitted(k, holes=0.0, d=5, kind=None, **params):
    X, y = skewed(k, d=d, missing=holes)
    model = (kind or xgboost.XGBClassifier)(**SMALL | params).fit(X, y)
    return model, X


def margins(model):
    return lambda rows: model.predict(rows, output_margin=True)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("name", KINDS)
def test_kinds_of_models(name, k):
    if (name, k) == ("base", 3):
        pytest.skip("one probability for three classes")
    model, X = fitted(k, **KINDS[name])
    assert_reads(model, X, margins(model))


def test_random_forests():
    model, X = fitted(3, kind=xgboost.XGBRFClassifier)
    assert_reads(model, X, margins(model))


@pytest.mark.parametrize(
    ("k", "objective"), [(2, "binary:logitraw"), (2, "binary:hinge"), (3, "multi:softmax")]
)
def test_objectives(k, objective):
    model, X = fitted(k, objective=objective)
    assert_reads(model, X, margins(model))


def test_a_custom_objective_reads_as_the_logistic_one():
    def loss(y, z):
        p = 1 / (1 + np.exp(-z))
        return p - y, p * (1 - p)

    model, X = fitted(2, objective=loss)
    assert_reads(model, X, margins(model))


def test_rows_of_tiny_numbers_are_not_flushed():
    X, y = skewed(2)
    model = xgboost.XGBClassifier(**SMALL, tree_method="exact").fit(1e-42 * X, y)
    assert_reads(model, 1e-42 * X, margins(model), sure=0.5)


@pytest.mark.parametrize("k", [2, 3])
def test_trees_after_the_best_iteration_are_not_used(k):
    X, y = skewed(k)
    model = xgboost.XGBClassifier(**SMALL | {"n_estimators": 60}, early_stopping_rounds=5)
    model.fit(X, y, eval_set=[(X[::2], 1 - y[::2] if k == 2 else (y[::2] + 1) % 3)], verbose=False)
    assert model.best_iteration < model.get_booster().num_boosted_rounds() - 1
    assert_reads(model, X, margins(model))
    # what predict asks is the booster's attribute
    model, X = fitted(k)
    model.get_booster().set_attr(best_iteration="9")
    assert len(read(model).roots) == 10 * (1 if k == 2 else 3)
    assert_reads(model, X, margins(model))


def test_where_missing_inputs_go():
    model, X = fitted(2, holes=0.2)
    assert np.isnan(X).any()
    ensemble = read(model)
    found = leaves_of(ensemble, X.astype(np.float32).astype(float)) - ensemble.roots
    assert np.array_equal(found, model.apply(X))


def test_a_margin_has_to_be_above_the_rounding_of_the_sigmoid():
    X, y = np.zeros((40, 2)), np.arange(40) % 2
    model = xgboost.XGBClassifier(n_estimators=1).fit(X, y)
    assert np.all(model.predict(X, output_margin=True) == 0)
    ensemble = read(model)
    steps = np.arange(-64, 65) * 2.0**-27
    margin = np.concatenate([steps, [-(2.0**-22), 2.0**-22, -1e-6, 1e-6, 1e-3, -1e-3]])
    answers = model.predict(np.zeros((len(margin), 2)), base_margin=margin)
    assert np.all(answers[margin > ensemble.high] == 1)
    assert np.all(answers[margin < ensemble.low] == 0)
    assert np.any(answers[(margin > 0) & (margin <= ensemble.high)] == 0)  # it is needed


def test_a_lead_has_to_be_above_the_rounding_of_the_softmax():
    X, y = np.zeros((60, 2)), np.arange(60) % 3
    model = xgboost.XGBClassifier(n_estimators=1).fit(X, y)
    lead = np.arange(1, 64) * 2.0**-25
    for base in (0.0, 0.3, 2.0):
        margin = np.zeros((len(lead), 3), dtype=np.float32) + np.float32(base)
        margin[:, 2] += lead.astype(np.float32)
        exactly = (margin[:, 2] - margin[:, 0]).astype(float)
        answers = model.predict(np.zeros((len(lead), 2)), base_margin=margin)
        assert np.all(answers[exactly > read(model).high] == 2)
        if base == 0:
            assert np.any(answers[exactly > 0] != 2)  # it is needed


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"booster": "dart", "rate_drop": 0.5}, "dart"),
        ({"booster": "gblinear"}, "gblinear"),
        ({"missing": 0.0}, "missing"),
        ({"multi_strategy": "multi_output_tree", "tree_method": "hist"}, "vectors"),
    ],
)
def test_refused(params, reason):
    model, _ = fitted(3, **params)
    with pytest.raises(NotClosedError, match=reason):
        read(model)


def test_parameters_that_are_changed_after_the_fit():
    model, X = fitted(2)
    model.set_params(n_estimators=3, objective="binary:hinge")  # have no effect
    assert_reads(model, X, margins(model))
    model.set_params(missing=0.0)
    with pytest.raises(NotClosedError, match="missing"):
        read(model)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("at_once", [1, 100])
def test_sets_of_categories(k, at_once):
    """They are float32 without fractions; those beyond all sets, and numbers below 0, go left."""
    X, y = with_categories(k, missing=0.05)
    options = {"enable_categorical": True, "feature_types": ["q", "c"]}
    model = xgboost.XGBClassifier(n_estimators=5, **options, max_cat_to_onehot=at_once).fit(X, y)
    whole = X[~np.isnan(X).any(axis=1)]
    assert_reads(model, whole, margins(model))
    ensemble = read(model)
    assert np.any(ensemble.feature[~ensemble.leaf] == 1)
    rows = np.repeat(whole[:200], 8, axis=0)
    rows[:, 1] = np.tile([np.nan, -0.0, -0.5, -1e9, 1e9, 2.0**24, np.inf, 1.999999999], 200)
    assert np.allclose(
        scores_of(ensemble, rows).reshape(len(rows), -1).squeeze(),
        margins(model)(rows),
        rtol=0,
        atol=1e-4,
    )


def test_subclasses_are_not_read():
    class Other(xgboost.XGBClassifier):
        pass

    with pytest.raises(NotClosedError, match="Other"):
        read(fitted(2, kind=Other)[0])


@pytest.mark.parametrize("k", [2, 3])
def test_additive_models(k):
    model, X = fitted(k, d=8, max_depth=1, n_estimators=100)
    assert_no_draw_contradicts(model, X[:6], "additive")
    alone = {"max_depth": 3, "interaction_constraints": "[[0],[1],[2],[3],[4],[5],[6],[7]]"}
    model, X = fitted(k, d=8, n_estimators=30, **alone)
    assert_no_draw_contradicts(model, X[:6], "additive")


@pytest.mark.parametrize("k", [2, 3])
def test_few_inputs_and_single_trees(k):
    X, y = skewed(k)
    model = xgboost.XGBClassifier(n_estimators=5, max_depth=3, n_jobs=1).fit(X[:, :2], y)
    assert_no_draw_contradicts(model, X[:4, :2], "grid")
    if k == 2:
        model = xgboost.XGBClassifier(n_estimators=1, max_depth=6, n_jobs=1).fit(X, y)
        assert_no_draw_contradicts(model, X[:4], "boxes")


def test_float32_sums_do_not_make_brackets_wide():
    model, X = fitted(2, d=8, max_depth=1, n_estimators=200)
    assert read(model).errors[0] > 1e-4
    assert_no_draw_contradicts(model, X[:10], "additive", n=2000, width=0.006)


def test_files_of_older_versions():
    """One number for the offset, without brackets, and no table of iterations."""
    from sksmooth.closed_forms.readers.xgboost import booster

    model, _ = fitted(2, num_parallel_tree=2)
    model.get_booster().set_attr(best_iteration="4")
    whole = booster(model)
    doc = json.loads(bytes(model.get_booster().save_raw("json")))
    learner = doc["learner"]
    learner["learner_model_param"]["base_score"] = "1.0000000E-1"
    del learner["gradient_booster"]["model"]["iteration_indptr"]
    file = json.dumps(doc).encode()
    old = SimpleNamespace(
        missing=np.nan,
        booster=None,
        classes_=model.classes_,
        get_booster=lambda: SimpleNamespace(save_raw=lambda kind: file),
    )
    found = booster(old)
    assert np.allclose(found.offsets, np.log(0.1 / 0.9), rtol=1e-7)
    assert len(found.trees) == len(whole.trees) == 10
    for a, b in zip(found.trees, whole.trees, strict=True):
        assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
