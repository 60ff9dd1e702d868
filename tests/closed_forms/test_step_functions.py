"""Ensembles of trees with one input each, read as sums of step functions."""

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from sksmooth.closed_forms import NotClosedError
from sksmooth.closed_forms.forms.step_functions import step_functions
from sksmooth.closed_forms.readers import read

MODELS = {
    "gradient boosting": GradientBoostingClassifier(max_depth=1, n_estimators=30, random_state=0),
    "exponential loss": GradientBoostingClassifier(
        max_depth=1, n_estimators=30, loss="exponential", random_state=0
    ),
    "from zero": GradientBoostingClassifier(max_depth=1, n_estimators=9, init="zero"),
    "histograms": HistGradientBoostingClassifier(
        interaction_cst="no_interactions", max_iter=30, random_state=0
    ),
    "adaboost": AdaBoostClassifier(n_estimators=30, random_state=0),
    "forest": RandomForestClassifier(max_depth=1, n_estimators=30, random_state=0),
    "extra trees": ExtraTreesClassifier(max_depth=1, n_estimators=30, random_state=0),
}


def data(n_classes, seed=0):
    X, y = make_classification(
        400, 6, n_informative=4, n_classes=n_classes, n_clusters_per_class=1, random_state=seed
    )
    return X, np.array(["a", "b", "c", "d"])[y]


def model_scores(model, X):
    """What the model's own arithmetic makes of them, on the scale of the step functions."""
    if isinstance(model, RandomForestClassifier | ExtraTreesClassifier):
        scores = model.predict_proba(X) * len(model.estimators_)
        return scores[:, [1]] - scores[:, [0]] if scores.shape[1] == 2 else scores
    scores = model.decision_function(X)
    if isinstance(model, AdaBoostClassifier):
        scores = scores * model.estimator_weights_.sum()
        scores = scores / 2 if scores.ndim == 1 else scores
    return scores[:, None] if scores.ndim == 1 else scores


def around_points(steps, X, eps):
    """Rows with one coordinate at a point, or at its neighbours in some precision."""
    rows = []
    for i, (column, point) in enumerate(zip(steps.column_of_point, steps.points, strict=True)):
        for value in (point, np.nextafter(point, -np.inf), np.nextafter(point, np.inf)):
            rows.append(X[i % len(X)].copy())
            rows[-1][column] = value
        single = np.float32(point)
        for value in (single, np.nextafter(single, eps(-9)), np.nextafter(single, eps(9))):
            rows.append(X[i % len(X)].copy())
            rows[-1][column] = value
    return np.array(rows)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("name", MODELS)
def test_scores_are_the_models(name, n_classes):
    if name == "exponential loss" and n_classes > 2:
        pytest.skip("for two classes only")
    X, y = data(n_classes)
    model = MODELS[name].fit(X, y)
    steps = step_functions(read(model))
    Z = np.random.default_rng(0).normal(size=(500, 6)) * 3
    for rows in (X, Z):
        expected, found = model_scores(model, rows), steps.scores(rows)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
        assert np.all(np.abs(found - expected) <= steps.errors)


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("name", MODELS)
def test_steps_are_where_the_models_are_to_the_last_bit(name, n_classes):
    if name == "exponential loss" and n_classes > 2:
        pytest.skip("for two classes only")
    X, y = data(n_classes)
    model = MODELS[name].fit(X, y)
    steps = step_functions(read(model))
    rows = around_points(steps, X, np.float32)
    if name != "histograms":
        # At the middle of two float32 numbers it depends on their last bits.
        rows = rows[~np.any(np.isin(rows, steps.points), axis=1)]
    expected, found = model_scores(model, rows), steps.scores(rows)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)
    n_sure = np.sort(np.c_[found, np.zeros(len(found))] if n_classes == 2 else found, axis=1)
    sure = n_sure[:, -1] - n_sure[:, -2] > 2 * steps.errors.max()
    codes = (found[:, 0] > 0).astype(int) if n_classes == 2 else found.argmax(axis=1)
    assert sure.mean() > 0.5
    np.testing.assert_array_equal(model.classes_[codes][sure], model.predict(rows)[sure])


def test_cells_end_at_points():
    X, y = data(2)
    steps = step_functions(read(MODELS["histograms"].fit(X, y)))
    for j, (column, count) in enumerate(zip(steps.columns, steps.counts, strict=True)):
        points = steps.points[steps.column_of_point == column]
        assert len(points) == count
        assert np.all(np.diff(points) > 0)
        Z = np.zeros((count, 6))
        Z[:, column] = points
        first = steps.first_cell[j]
        np.testing.assert_array_equal(steps.cells(Z)[:, j], first + np.arange(count))
        Z[:, column] = np.nextafter(points, np.inf)
        np.testing.assert_array_equal(
            steps.cells(Z)[:, j], steps.first_cell[j] + range(1, count + 1)
        )


def test_trees_of_one_input_may_be_deep():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 1))
    y = (np.sin(5 * X[:, 0]) > 0).astype(int)
    model = GradientBoostingClassifier(max_depth=4, n_estimators=10).fit(X, y)
    steps = step_functions(read(model))
    assert steps.counts[0] > 5
    Z = rng.normal(size=(300, 1))
    np.testing.assert_allclose(steps.scores(Z)[:, 0], model.decision_function(Z), atol=1e-12)


def test_a_model_that_learned_nothing_has_no_steps():
    X = np.ones((10, 2))
    y = np.array([0] * 6 + [1] * 4)
    for model in (
        HistGradientBoostingClassifier(interaction_cst="no_interactions"),
        GradientBoostingClassifier(max_depth=1, n_estimators=3),
    ):
        steps = step_functions(read(model.fit(X, y)))
        assert len(steps.columns) == len(steps.points) == 0
        np.testing.assert_allclose(steps.scores(X)[:, 0], model.decision_function(X), atol=1e-12)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (GradientBoostingClassifier(max_depth=2, n_estimators=5), "more than one input"),
        (HistGradientBoostingClassifier(max_iter=5), "more than one input"),
        (RandomForestClassifier(n_estimators=3), "more than one input"),
        (AdaBoostClassifier(DecisionTreeClassifier(max_depth=3)), "more than one input"),
        (AdaBoostClassifier(LogisticRegression()), "LogisticRegression is no ensemble"),
        (
            GradientBoostingClassifier(
                max_depth=1, n_estimators=2, init=DecisionTreeClassifier(max_depth=2)
            ),
            "not answer by sums",
        ),
        (
            GradientBoostingClassifier(
                max_depth=1, n_estimators=2, init=DummyClassifier(strategy="stratified")
            ),
            "by chance",
        ),
        (
            HistGradientBoostingClassifier(
                interaction_cst="no_interactions", categorical_features=[0], max_iter=3
            ),
            "categorical",
        ),
        (LogisticRegression(), "no ensemble"),
    ],
)
def test_other_models_are_declined(model, reason):
    X, y = data(2)
    X[:, 0] = np.round(np.abs(X[:, 0]))
    with pytest.raises(NotClosedError, match=reason):
        step_functions(read(model.fit(X, y)))


def test_subclasses_are_declined():
    class Other(GradientBoostingClassifier):
        pass

    X, y = data(2)
    with pytest.raises(NotClosedError):
        read(Other(max_depth=1, n_estimators=2).fit(X, y))
