"""Explainable boosting machines read from their tables."""

import numpy as np
import pytest
from tree_readers import (
    assert_no_draw_contradicts,
    assert_reads,
    beside_points,
    leaves_of,
    scores_of,
    skewed,
    with_categories,
)

from sksmooth.closed_forms import NotClosedError
from sksmooth.closed_forms.forms.step_functions import step_functions
from sksmooth.closed_forms.readers import read

glassbox = pytest.importorskip("interpret.glassbox")

pytestmark = pytest.mark.filterwarnings("ignore:Missing values detected")

SMALL = {"outer_bags": 2, "max_rounds": 100, "n_jobs": 1, "random_state": 0, "interactions": 0}


def fitted(k, holes=0.0, d=5, kind=None, **params):
    X, y = skewed(k, d=d, missing=holes)
    kind = kind or glassbox.ExplainableBoostingClassifier
    return kind(**SMALL | params).fit(X, y), X


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("params", [{}, {"max_bins": 8}, {"monotone_constraints": [1, 0, 0, 0, 0]}])
def test_kinds_of_models(k, params):
    if k == 3 and "monotone_constraints" in params:
        pytest.skip("for two classes only")
    model, X = fitted(k, **params)
    assert_reads(model, X, model.decision_function)


def test_removed_and_scaled_terms():
    model, X = fitted(2)
    model.remove_terms([1])
    model.scale(0, 0.5)
    ensemble = read(model)
    assert len(ensemble.roots) == 4
    assert_reads(model, X, model.decision_function)


def test_integers_and_flags():
    X, y = skewed(2)
    X[:, 0], X[:, 1] = np.rint(3 * X[:, 0]), X[:, 1] > 0
    model = glassbox.ExplainableBoostingClassifier(**SMALL)
    model.feature_types = ["continuous"] * 5
    assert_reads(model.fit(X, y), X, model.decision_function)


@pytest.mark.parametrize("k", [2, 3])
def test_missing_inputs_have_values_of_their_own(k):
    model, X = fitted(k, holes=0.2)
    assert_reads(model, X[~np.isnan(X).any(axis=1)], model.decision_function)
    found = scores_of(read(model), X)
    assert np.allclose(found, model.decision_function(X).reshape(found.shape), rtol=0, atol=1e-12)


def test_pairs_are_read_where_they_are_cut():
    X, y = skewed(2)
    model = glassbox.ExplainableBoostingClassifier(**SMALL | {"interactions": 1, "max_bins": 16})
    model.fit(X[:, :2], y)
    ensemble = read(model)
    assert ensemble.rule == "predict"
    assert_no_draw_contradicts(model, X[:4, :2], "grid")


@pytest.mark.parametrize(("k", "interactions"), [(2, 0), (2, 1), (3, 0)])
def test_nominal_inputs(k, interactions):
    """They are looked up by how they are written: nothing is known between whole numbers."""
    X, y = with_categories(k)
    X[:, 1] -= 2  # there may be negative ones
    options = SMALL | {"interactions": interactions, "max_bins": 16}
    model = glassbox.ExplainableBoostingClassifier(
        **options, feature_types=["continuous", "nominal"]
    ).fit(X, y)
    ensemble = read(model)
    rows = np.repeat(X[:300], 7, axis=0)
    rows[:, 1] += np.tile([0.0, 0.5, -1e-15, 1e-15, 1.0, 100.0, np.nan], 300)
    for some in (rows, beside_points(ensemble, X)):
        leaves = leaves_of(ensemble, some)
        _, cell = np.unique(leaves, axis=0, return_inverse=True)
        scores = np.asarray(model.decision_function(some)).reshape(len(some), -1)
        in_cell = np.zeros((cell.max() + 1, scores.shape[1]))
        in_cell[cell.ravel()] = scores
        assert np.array_equal(in_cell[cell.ravel()], scores)  # nothing changes within a cell
        if not interactions:
            assert np.allclose(scores_of(ensemble, some), scores, rtol=0, atol=1e-12)


def test_refused():
    X, y = skewed(2)
    words = np.array(["low", "high"])[(X[:, 0] > 0).astype(int)]
    model = glassbox.ExplainableBoostingClassifier(**SMALL, feature_types=["nominal"])
    with pytest.raises(NotClosedError, match="not whole numbers"):
        read(model.fit(words[:, None].astype(object), y))
    model.set_params(feature_types=[["low", "high"]])
    with pytest.raises(NotClosedError, match="ordinal"):
        read(model.fit(words[:, None].astype(object), y))
    with pytest.raises(NotClosedError, match="Other"):
        read(fitted(2, kind=type("Other", (glassbox.ExplainableBoostingClassifier,), {}))[0])


@pytest.mark.parametrize("k", [2, 3])
def test_additive_models(k):
    model, X = fitted(k)
    assert_no_draw_contradicts(model, X[:6], "additive")


@pytest.mark.parametrize("k", [2, 3])
def test_cells_of_nearly_the_same_values_are_put_together(k):
    X, y = skewed(k, n=1500)
    model = glassbox.ExplainableBoostingClassifier(**SMALL).fit(X, y)
    ensemble = read(model)
    assert len(ensemble.splits[0]) > 3000
    steps = step_functions(ensemble)
    assert steps.values.shape[1] < 2000
    for rows in (X, beside_points(ensemble, X)):
        found = steps.scores(rows)
        off = np.abs(found - model.decision_function(rows).reshape(found.shape))
        assert np.all(off <= steps.errors)
        assert k == 3 or np.all(off.max(axis=0) > steps.errors / 100)
    assert np.all(steps.errors < 1e-4 * np.ptp(found, axis=0))


def test_a_single_term():
    X, y = skewed(2)
    model = glassbox.ExplainableBoostingClassifier(**SMALL).fit(X[:, :1], y)
    assert len(read(model).roots) == 1
    assert_no_draw_contradicts(model, X[:4, :1], "boxes")
