"""How far a prediction moves when one feature does: exact for linear models, sound for draws."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.decomposition import PCA
from sklearn.linear_model import PoissonRegressor, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from sksmooth import SmoothedRegressor
from sksmooth.noise import Flip

pytest.importorskip("pandas")
X, y = load_diabetes(return_X_y=True, scaled=False)
X = X / X.std(axis=0)
ROWS = X[::100]
SIGMA = np.array([0.5, 0.2, 0.5, 0.0, 1.0, 0.5, 0.5, 0.5, 0.3, 0.5])
MOVES = np.flatnonzero(SIGMA)


@pytest.mark.parametrize(
    "base",
    [Ridge(), make_pipeline(StandardScaler(), PCA(5), Ridge()), PoissonRegressor(max_iter=2000)],
    ids=["ridge", "pca", "log link"],
)
def test_of_a_linear_model_shifts_are_its_own(base):
    reg = SmoothedRegressor(base, SIGMA, random_state=0).fit(X, y)
    change = np.linspace(0.1, 1.0, 10)
    shifts = reg.shift_per_feature(ROWS, change)
    assert set(shifts["how"]) == {"exact"}
    assert shifts.index.get_level_values("feature").unique().tolist() == MOVES.tolist()
    here = reg.estimator_.predict(ROWS)
    for j in MOVES:
        part = shifts.xs(j, level="feature")
        assert np.allclose(part["change"], change[j])
        moved = ROWS + change[j] * (np.arange(10) == j), ROWS - change[j] * (np.arange(10) == j)
        ends = np.sort([reg.estimator_.predict(rows) - here for rows in moved], axis=0)
        assert np.allclose(part["down"], ends[0], rtol=1e-7, atol=1e-9)
        assert np.allclose(part["up"], ends[1], rtol=1e-7, atol=1e-9)
        assert np.all(part["down"] <= ends[0] + 1e-12 * np.abs(here))
        assert np.all(part["up"] >= ends[1] - 1e-12 * np.abs(here))


@pytest.mark.parametrize("method", ["exact", "montecarlo"])
def test_no_change_of_one_feature_leaves_the_shifts(method):
    tree = DecisionTreeRegressor(max_depth=4, random_state=0)
    reg = SmoothedRegressor(tree, 0.5, method=method, n=4000, n0=500, random_state=0).fit(X, y)
    truth = SmoothedRegressor(tree, 0.5, method="exact", random_state=0).fit(X, y)
    shifts = reg.shift_per_feature(ROWS, 0.4)
    prediction = reg.certify_interval(ROWS, 0.0).prediction
    assert set(shifts["how"]) == {"radius"}
    for j in range(10):
        part = shifts.xs(j, level="feature")
        for t in np.linspace(-0.4, 0.4, 9):
            medians = truth.predict(ROWS + t * (np.arange(10) == j))
            assert np.all(medians >= prediction + part["down"] - 1e-9)
            assert np.all(medians <= prediction + part["up"] + 1e-9)


def test_a_change_is_that_of_a_ball_that_holds_it():
    """In the units of X, whatever units radii are in; 0.3 of a feature is 0.3 / 2 of its unit."""
    tree = DecisionTreeRegressor(max_depth=4, random_state=0)
    reg = SmoothedRegressor(tree, 0.5, units=np.full(10, 2.0), random_state=0).fit(X, y)
    up = reg.shift_per_feature(ROWS, 0.3)["up"].to_numpy().reshape(len(ROWS), 10)
    bounds = reg.certify_interval(ROWS, 0.15 * (1 + 1e-12))
    assert np.allclose(up, (bounds.upper - bounds.prediction)[:, None])


def test_names_and_refusals():
    frame = load_diabetes(as_frame=True).data
    reg = SmoothedRegressor(Ridge(), 0.02, random_state=0).fit(frame, y)
    shifts = reg.shift_per_feature(frame[3:5], {"bmi": 0.01})
    assert shifts.index.names == ["row", "feature"]
    assert np.all(shifts.xs("age", level="feature")["up"] < 1e-9)
    assert np.all(shifts.loc[(3, "bmi"), "up"] > 1.0)
    with pytest.raises(ValueError, match="no columns of X"):
        reg.shift_per_feature(frame[:2], {"weight": 1.0})
    for change in (-1.0, np.inf, np.ones(3), np.full(10, np.nan)):
        with pytest.raises(ValueError, match="change must be a number of 0 or more"):
            reg.shift_per_feature(frame[:2], change)
    coins = np.round(np.random.default_rng(0).random((60, 4)))
    flipped = SmoothedRegressor(Ridge(), noise=Flip(keep=0.7), n=100, n0=20, random_state=0)
    with pytest.raises(ValueError, match="radius=1"):
        flipped.fit(coins, coins[:, 0]).shift_per_feature(coins[:2], 1.0)
