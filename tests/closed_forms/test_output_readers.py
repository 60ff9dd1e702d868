"""Regressors of trees of any library: bounds against the law of what they answer."""

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.linear_model import PoissonRegressor
from sklearn.preprocessing import StandardScaler

from sksmooth import SmoothedRegressor
from sksmooth.closed_forms import OUTPUT_FORMS, NotClosedError
from sksmooth.closed_forms.readers import read

X, y = load_diabetes(return_X_y=True, scaled=False)
X = (X - X.mean(axis=0)) / X.std(axis=0)
SIGMA, N = 0.5, 20_000
RADII = (0.0, 0.1, 0.5)


def xgboost(**options):
    return pytest.importorskip("xgboost").XGBRegressor(n_jobs=1, **options)


def random_xgboost(**options):
    return pytest.importorskip("xgboost").XGBRFRegressor(n_jobs=1, **options)


def lightgbm(**options):
    return pytest.importorskip("lightgbm").LGBMRegressor(n_jobs=1, verbose=-1, **options)


def catboost(**options):
    kind = pytest.importorskip("catboost").CatBoostRegressor
    return kind(verbose=0, allow_writing_files=False, thread_count=1, **options)


def ebm(**options):
    kind = pytest.importorskip("interpret.glassbox").ExplainableBoostingRegressor
    return kind(max_rounds=30, n_jobs=1, outer_bags=2, **options)


CASES = [
    (xgboost, {"max_depth": 1, "n_estimators": 20}, 10, "additive"),
    (xgboost, {"max_depth": 1, "n_estimators": 20, "objective": "reg:absoluteerror"}, 10,
     "additive"),
    (xgboost, {"max_depth": 4, "n_estimators": 1}, 10, "boxes"),
    (xgboost, {"max_depth": 3, "n_estimators": 5}, 2, "grid"),
    (xgboost, {"max_depth": 3, "n_estimators": 5, "objective": "count:poisson"}, 2, "grid"),
    (random_xgboost, {"max_depth": 1, "n_estimators": 10}, 10, "additive"),
    (lightgbm, {"max_depth": 1, "n_estimators": 20}, 10, "additive"),
    (lightgbm, {"max_depth": 1, "n_estimators": 20, "objective": "mae"}, 10, "additive"),
    (lightgbm, {"max_depth": 1, "n_estimators": 20, "boosting": "rf", "subsample_freq": 1,
                "subsample": 0.5}, 10, "additive"),
    (lightgbm, {"max_depth": 4, "n_estimators": 1}, 10, "boxes"),
    (lightgbm, {"max_depth": 3, "n_estimators": 5, "reg_sqrt": True}, 2, "grid"),
    (catboost, {"depth": 1, "iterations": 20}, 10, "additive"),
    (catboost, {"depth": 1, "iterations": 20, "loss_function": "MAE"}, 10, "additive"),
    (catboost, {"depth": 3, "iterations": 1}, 10, "boxes"),
    (catboost, {"depth": 2, "iterations": 5, "loss_function": "Poisson"}, 2, "grid"),
    (ebm, {"interactions": 0}, 10, "additive"),
    (RandomForestRegressor, {"n_estimators": 10, "max_leaf_nodes": 8}, 2, "grid"),
    (RandomForestRegressor, {"n_estimators": 10, "max_leaf_nodes": 8, "n_jobs": 2}, 2, "grid"),
    (ExtraTreesRegressor, {"n_estimators": 5, "max_depth": 3}, 2, "grid"),
    (HistGradientBoostingRegressor, {"max_iter": 4, "max_leaf_nodes": 5}, 2, "grid"),
    (HistGradientBoostingRegressor, {"max_iter": 4, "loss": "poisson"}, 2, "grid"),
    (HistGradientBoostingRegressor, {"max_iter": 1, "loss": "gamma"}, 10, "boxes"),
    (GradientBoostingRegressor, {"max_depth": 2, "n_estimators": 6}, 2, "grid"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "options", "d", "form"), CASES, ids=lambda value: getattr(value, "__name__", None)
)
def test_bounds_against_draws(make, options, d, form):
    """No bound is exceeded more often than it may be, and the next answer inside of it would be."""
    columns = X[:, 2 : 2 + d] if d == 2 else X
    base = make(**options)
    reg = SmoothedRegressor(base, SIGMA, method="exact", random_state=0).fit(columns, y)
    rows = columns[[0, 100]]
    bounds = reg.certify_interval(rows, RADII)
    assert bounds.run.form == form
    steps = 1e-3 * np.ptp(y)  # of the grid of sums: an atom may be on either side of an end
    wider = bounds.lower[:, 2] - steps, bounds.upper[:, 2] + steps
    assert np.all(reg.certify(rows, interval=wider).radii >= 0.5 * (1 - 1e-9))
    rng = np.random.default_rng(0)
    room = 0.02 * np.ptp(y)
    for i, row in enumerate(rows):
        outputs = reg.estimator_.predict(row + SIGMA * rng.normal(size=(N, d)))
        for j, radius in enumerate(RADII):
            tail = norm.sf(radius / SIGMA)
            slack = 4.5 * np.sqrt(tail * (1 - tail) / N)
            assert (outputs > bounds.upper[i, j]).mean() <= tail + slack
            assert (outputs < bounds.lower[i, j]).mean() <= tail + slack
            assert (outputs > bounds.upper[i, j] - room).mean() >= tail - slack
            assert (outputs < bounds.lower[i, j] + room).mean() >= tail - slack


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (xgboost, {"max_depth": 1, "n_estimators": 60, "objective": "reg:tweedie"}),
        (lightgbm, {"max_depth": 1, "n_estimators": 90, "objective": "gamma"}),
        (ebm, {"interactions": 0, "objective": "poisson_deviance"}),
        (HistGradientBoostingRegressor, {"max_iter": 30}),
        (RandomForestRegressor, {"n_estimators": 20}),
    ],
)
def test_links_and_many_cells_are_sampled(make, options):
    reg = SmoothedRegressor(make(**options), SIGMA, n=100, n0=20, random_state=0).fit(X, y)
    assert reg.certify(X[:2], within=20.0).method == "montecarlo"


@pytest.mark.parametrize(
    "model",
    [
        RandomForestRegressor(7, max_depth=4, random_state=0),
        GradientBoostingRegressor(max_depth=2, n_estimators=9, random_state=0),
        HistGradientBoostingRegressor(max_iter=9, loss="absolute_error"),
    ],
)
def test_what_is_read_answers_as_the_model(model):
    ensemble = read(model.fit(X, y))
    assert ensemble.n_classes == 0
    rng = np.random.default_rng(0)
    for row in X[:20] + rng.normal(size=(20, 10)):
        total = ensemble.offsets[0]
        for node in ensemble.roots:
            while ensemble.left[node] != node:
                goes = row[ensemble.feature[node]] <= ensemble.point[node]
                node = (ensemble.left if goes else ensemble.right)[node]
            total += ensemble.values[node, 0]
        assert np.isclose(total, model.predict(row[None])[0], rtol=1e-12)


@pytest.mark.parametrize(
    ("inner", "transformer", "form"),
    [
        (PoissonRegressor(max_iter=1000), None, "linear"),
        (HistGradientBoostingRegressor(max_iter=1, loss="poisson"), None, "boxes"),
        (RandomForestRegressor(3, max_leaf_nodes=4), None, "grid"),
        (RandomForestRegressor(3, max_leaf_nodes=4), StandardScaler(), "grid"),
    ],
)
def test_links_inside_of_targets(inner, transformer, form):
    """A model's own link in a target that is left as it is; no link in one that is scaled."""
    base = TransformedTargetRegressor(inner, transformer=transformer)
    reg = SmoothedRegressor(base, SIGMA, method="exact", random_state=0).fit(X[:, 2:4], y)
    bounds = reg.certify_interval(X[:5, 2:4], 0.0)
    assert bounds.run.form == form
    plain = reg.predict(X[:5, 2:4])
    assert np.all(bounds.lower <= plain)
    assert np.all(plain <= bounds.upper)


def test_output_forms_leave_strangers_alone():
    assert not any(form.may_be(object()) for form in OUTPUT_FORMS)
    assert len({form.name for form in OUTPUT_FORMS}) == len(OUTPUT_FORMS)


def test_subclasses_and_patched_models_are_sampled():
    """A reader knows what a library's own class answers, and nothing of what is made of it."""

    class Shifted(RandomForestRegressor):
        def predict(self, X):
            return super().predict(X) + 1000 * (np.asarray(X)[:, 0] > 0)

    rows = X[:, 2:4]
    reg = SmoothedRegressor(Shifted(3, max_leaf_nodes=4), SIGMA, n=100, n0=20, random_state=0)
    assert reg.fit(rows, y).certify(rows[:2], within=9.0).method == "montecarlo"
    reg = SmoothedRegressor(
        RandomForestRegressor(3, max_leaf_nodes=4), SIGMA, n=100, n0=20, random_state=0
    ).fit(rows, y)
    assert reg.certify(rows[:2], within=9.0).method == "exact"
    reg.estimator_.estimators_[1].predict = lambda X, **options: np.zeros(len(X))
    assert reg.certify(rows[:2], within=9.0).method == "montecarlo"


def test_several_outputs_are_refused():
    forest = RandomForestRegressor(3).fit(X, np.column_stack([y, y]))
    with pytest.raises(NotClosedError, match="several outputs"):
        read(forest)
