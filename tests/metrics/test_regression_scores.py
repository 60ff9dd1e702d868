"""Scores of smoothed regressors, the scorers, and the display, against formulas."""

import dataclasses
import pickle

import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sksmooth
from sksmooth import (
    CertifiedErrorDisplay,
    PredictionBandDisplay,
    SmoothedClassifier,
    SmoothedRegressor,
    certified_accuracy_score,
    certified_error_score,
    certified_error_scorer,
    certified_r2_score,
    certified_r2_scorer,
)

X, y = load_diabetes(return_X_y=True, scaled=False)
X = X / X.std(axis=0)


@pytest.fixture(scope="module")
def reg():
    return SmoothedRegressor(LinearRegression(), 0.5, random_state=0).fit(X, y)


@pytest.fixture(scope="module")
def half(reg):
    """How far an attack within 0.25 moves a linear function: by as much at every row."""
    return 0.25 * np.linalg.norm(reg.estimator_.coef_)


def test_scores_are_those_of_the_worst_attack(reg, half):
    worst = np.abs(y - reg.estimator_.predict(X)) + half
    bounds = reg.certify_interval(X, 0.25)
    assert certified_error_score(y, bounds, within=60) == np.mean(worst <= 60)
    assert certified_error_scorer(60, 0.25)(reg, X, y) == np.mean(worst <= 60)
    expected = 1 - np.sum(worst**2) / np.sum((y - y.mean()) ** 2)
    assert certified_r2_score(y, bounds) == pytest.approx(expected, rel=1e-9)
    assert certified_r2_scorer(0.25)(reg, X, y) == pytest.approx(expected, rel=1e-9)
    weights = np.random.default_rng(0).random(len(y))
    share = np.average(worst <= 60, weights=weights)
    for score in (
        certified_error_score(y, bounds, within=60, sample_weight=weights),
        certified_error_scorer(60, 0.25)(reg, X, y, sample_weight=weights),
    ):
        assert score == pytest.approx(share)
    at_row = reg.certify_interval(X, 0.0)
    for w in (None, weights):
        exact = r2_score(y, reg.predict(X), sample_weight=w)
        assert certified_r2_score(y, at_row, sample_weight=w) == pytest.approx(exact)


def test_by_draws_scores_are_lower_but_not_by_much(reg):
    drawn = SmoothedRegressor(LinearRegression(), 0.5, method="montecarlo", n=4000, random_state=0)
    drawn.fit(X, y)
    rows, true = X[::10], y[::10]
    for scorer, gap in ((certified_error_scorer(60, 0.25), 0.12), (certified_r2_scorer(0.25), 0.1)):
        exact, found = scorer(reg, rows, true), scorer(drawn, rows, true)
        assert exact - gap < found <= exact


def test_infinite_bounds_and_constant_targets():
    drawn = SmoothedRegressor(KNeighborsRegressor(), 0.5, n=50, n0=20).fit(X, y)
    assert certified_r2_scorer(2.0)(drawn, X[:3], y[:3]) == -np.inf
    assert certified_error_scorer(1e9, 2.0)(drawn, X[:3], y[:3]) == 0.0
    flat = SmoothedRegressor(LinearRegression()).fit(X, np.zeros(len(X)))
    assert certified_r2_scorer(0.1)(flat, X, np.ones(len(X))) == -np.inf
    bounds = flat.certify_interval(X[:3], 0.0)
    ends = {"lower": np.array([-np.inf, 0, 0]), "upper": np.array([np.inf, 1, 2])}
    bounds = dataclasses.replace(bounds, **ends)
    found = certified_r2_score([0.0, 1.0, 2.0], bounds, sample_weight=[0, 1, 1])
    assert found == 1 - (1 + 4) / 0.5


def test_scorers_find_the_smoother_in_pipelines_and_searches(reg):
    scorer = certified_error_scorer(60, 0.25)
    search = GridSearchCV(reg, {"sigma": [0.25, 0.5]}, scoring=scorer, cv=2, error_score="raise")
    search.fit(X, y)
    assert scorer(search, X, y) == scorer(search.best_estimator_, X, y)
    behind = make_pipeline(StandardScaler(), SmoothedRegressor(LinearRegression(), 0.5))
    scores = {"error": scorer, "r2": certified_r2_scorer(0.25)}
    with pytest.warns(UserWarning, match="not in the units of X"):
        found = cross_validate(behind, X, y, scoring=scores, cv=2, error_score="raise")
    assert np.all(found["test_error"] > 0.3)
    assert np.all(found["test_r2"] > 0)
    assert sksmooth.certify(search, X[:2], within=9.0).method == "exact"
    again = pickle.loads(pickle.dumps(scorer))
    assert repr(again) == "certified_error_scorer(within=60, radius=0.25, n=None)"
    with pytest.raises(TypeError, match="has no certify_interval method"):
        certified_r2_scorer()(LinearRegression().fit(X, y), X, y)


def test_weights_are_routed_if_asked_for(reg):
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = certified_error_scorer(60, 0.25).set_score_request(sample_weight=True)
        est = SmoothedRegressor(LinearRegression().set_fit_request(sample_weight=True), 0.5)
        weights = np.where(np.arange(len(y)) % 2, 1.0, 0.0)
        found = cross_validate(
            est, X, y, scoring=scorer, params={"sample_weight": weights}, cv=2, error_score="raise"
        )
    assert np.all(found["test_score"] > 0.3)


def test_what_is_no_bounds_is_refused(reg):
    bounds = reg.certify_interval(X[:4], [0.1, 0.2])
    with pytest.raises(TypeError, match="bounds must be PredictionBounds"):
        certified_r2_score(y[:4], reg.predict(X[:4]))
    with pytest.raises(ValueError, match="bounds have 2 radii; expected one"):
        certified_r2_score(y[:4], bounds)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        certified_r2_score(y[:3], reg.certify_interval(X[:4], 0.1))
    with pytest.raises(ValueError, match="within must be"):
        certified_error_scorer(-1.0)
    with pytest.raises(ValueError, match="radius must be one number"):
        certified_error_scorer(1.0, [0.1, 0.2])
    with pytest.raises(TypeError, match="must be a Certificate"):
        certified_accuracy_score(y[:4], reg.certify(X[:4], within=9.0), radius=0.1)
    clf = SmoothedClassifier(KNeighborsRegressor())
    with pytest.raises(ValueError, match="estimator must be a classifier; got KNeighborsRegressor"):
        clf.fit(X, y > 100)


def test_the_band_is_drawn_in_the_order_of_predictions(reg, pyplot):
    display = PredictionBandDisplay.from_estimator(reg, X[:30], y[:30], radius=0.25)
    bounds = reg.certify_interval(X[:30], 0.25)
    order = np.argsort(bounds.prediction)
    assert np.array_equal(display.line_.get_ydata(), bounds.prediction[order])
    assert np.array_equal(display.points_.get_offsets()[:, 1], y[:30][order])
    drawn = display.band_.get_paths()[0].vertices[:, 1]
    assert drawn.min() == bounds.lower.min()
    assert drawn.max() == bounds.upper.max()
    names = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert names == [r"radius 0.25, $\sigma$ = 0.5", "prediction", "true value"]
    again = PredictionBandDisplay.from_predictions(y[:30], bounds, name="band", ax=display.ax_)
    assert again.figure_ is display.figure_
    with pytest.raises(ValueError, match="2 radii"):
        PredictionBandDisplay.from_predictions(y[:3], reg.certify_interval(X[:3], [0.1, 0.2]))


def test_the_display_of_errors_shows_the_scores(reg, pyplot):
    display = CertifiedErrorDisplay.from_estimator(reg, X, y, within=[30.0, 60.0])
    assert [line.get_label() for line in display.line_] == [
        r"$\sigma$ = 0.5, error within 30",
        r"$\sigma$ = 0.5, error within 60",
    ]
    for within, radius, share in zip((30.0, 60.0), display.radius, display.share, strict=True):
        for at in (0.0, 0.3, 1.0):  # a value is held to the left of each corner
            shown = share[min(np.searchsorted(radius, at), len(share) - 1)]
            assert shown == pytest.approx(certified_error_scorer(within, at)(reg, X, y))
    few = CertifiedErrorDisplay.from_estimator(reg, X[:9], y[:9], within=5, ax=display.ax_)
    assert few.ax_ is display.ax_
    with pytest.raises(ValueError, match="within must be numbers of 0 or more"):
        CertifiedErrorDisplay.from_estimator(reg, X, y, within=[-1.0])
    bounds = reg.certify_interval(X[:3], 0.1)
    with pytest.raises(TypeError, match="RegressionCertificate"):
        CertifiedErrorDisplay.from_predictions([bounds], name=["a"])
    other = SmoothedRegressor(LinearRegression(), 0.5, units=np.full(10, 2.0), random_state=0).fit(
        X, y
    )
    with pytest.raises(ValueError, match="drawn on one axis"):
        CertifiedErrorDisplay.from_estimator(other, X, y, within=30, ax=display.ax_)


def test_shares_are_weighted_and_keep_rows_that_cannot_leave(reg, pyplot):
    certificate = reg.certify(X[:4], interval=([0, -np.inf, 400, 0], [300, np.inf, 500, 300]))
    display = CertifiedErrorDisplay.from_predictions(
        [certificate], name=["a"], sample_weight=[1, 2, 3, 4]
    )
    assert display.share[0][0] == pytest.approx(0.7)
    assert display.share[0][-1] == pytest.approx(0.2)  # without end
