"""Prediction sets and intervals: coverage under attack, equality with split conformal, manners."""

import math
import pickle
import warnings
from fractions import Fraction

import joblib
import numpy as np
import pytest
from scipy.special import expit
from scipy.stats import binom
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

from sksmooth import (
    PredictionSetDisplay,
    RobustConformalClassifier,
    RobustConformalRegressor,
    interval_coverage_score,
    mean_interval_width_score,
    mean_set_size_score,
    neg_mean_interval_width_scorer,
    neg_mean_set_size_scorer,
    set_coverage_score,
)
from sksmooth.estimators.calibration import distance_of
from sksmooth.estimators.conformal_inside import Inside, smoothed
from sksmooth.estimators.smoother import noise_of
from sksmooth.exceptions import NothingCertifiedWarning
from sksmooth.noise import Flip
from sksmooth.noise.streams import Purpose
from sksmooth.sampling import collect

SIGMA = 0.5


class Slope(ClassifierMixin, BaseEstimator):
    """Label 1 is the likelier the larger the first feature: an attack moves along it."""

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        self.n_features_in_ = X.shape[1]
        return self

    def predict_proba(self, X):
        p = expit(X[:, :1])
        return np.hstack([1 - p, p])

    def predict(self, X):
        return (X[:, 0] > 0).astype(int)


def slope():
    return FrozenEstimator(Slope().fit(np.zeros((2, 1)), np.array([0, 1])))


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(y))
    X, y = X[order] / 16, y[order]
    rng = np.random.RandomState(1)
    noisy = np.concatenate([X[:700] + 0.25 * rng.normal(size=(700, 64)) for _ in range(5)])
    base = LogisticRegression(max_iter=300).fit(noisy, np.tile(y[:700], 5))
    return FrozenEstimator(base), X[700:], y[700:]


def coverage(sets, y, classes):
    return sets[np.arange(len(y)), np.searchsorted(classes, y), 0].mean()


def test_misses_of_the_worst_rows_are_alpha():
    """Rows of two kinds that make a mixture on the envelope; each misses as often as it can."""
    rng = np.random.default_rng(0)
    n, rank, radius, m, runs = 10, 5, 0.125, 400, 25
    misses = []
    for run in range(runs):
        X = rng.normal(scale=1e-3, size=(2 * m, 1))
        X[rng.random(2 * m) < 0.2] -= 0.25 * SIGMA
        clf = RobustConformalClassifier(
            slope(), SIGMA, radius, n=n, quantile=rank / n, random_state=run
        )
        clf.fit(X[:m], np.ones(m, dtype=int))
        _, sets = clf.predict_set(X[m:] - radius)
        misses.append(1 - sets[:, 1, 0].mean())
    error = np.std(misses) / np.sqrt(runs)
    assert clf.passes_needed_.tolist() == [4]
    assert 0.1 - 3 * error <= np.mean(misses) <= 0.1 + 3 * error
    assert error < 0.006


def test_equal_rows_get_independent_draws_for_calibration():
    """With the draws of the row that it equals, a new row would be missed half the time."""
    m, runs, covered = 19, 60, []
    X, y = np.full((m, 1), 0.3), np.ones(m, dtype=int)
    for seed in range(runs):
        clf = RobustConformalClassifier(slope(), SIGMA, 0.0, n=10, random_state=seed).fit(X, y)
        covered.append(clf.predict_set(X[:1])[1][0, 1, 0])
    assert len(np.unique(clf._calibration.scores)) == m
    # 60 independent trials with a probability of .9 each: 44 or fewer in 1 of 5,000 cases
    assert binom.cdf(44, runs, 0.9) < 3e-4
    assert np.sum(covered) > 44


def test_order_of_calibration_rows_does_not_matter(digits):
    base, X, y = digits
    X, y = np.concatenate([X[:60], X[:20]]), np.concatenate([y[:60], (y[:20] + 1) % 10])
    order = np.random.RandomState(0).permutation(len(y))
    clf = RobustConformalClassifier(base, n=20, random_state=0)
    scores = clf.fit(X, y)._calibration.scores
    assert np.array_equal(clf.conformalize(X[order], y[order])._calibration.scores, scores)


def test_calibration_and_prediction_draw_otherwise(digits):
    base, X, y = digits
    clf = RobustConformalClassifier(base, n=20, random_state=0).fit(X[:50], y[:50])
    sampler = Inside(clf, X[:1]).smoother().sampler(X[:1])
    first, second = (
        collect(sampler, 20, purpose, y[:1]) for purpose in (Purpose.CALIBRATE, Purpose.PREDICT)
    )
    assert not np.isin(first, second).any()


@pytest.mark.parametrize(("n", "quantile"), [(20, 0.8), (20, 0.05), (7, 1.0)])
def test_the_score_of_a_row_is_one_of_its_own_draws_for_calibration(digits, n, quantile):
    """The rank-th largest of them, by a sort here; of numbers, the rank-th nearest."""
    base, X, y = digits
    rank = max(1, math.ceil(Fraction(str(quantile)) * n))
    options = {"radius": 0.0, "n": n, "quantile": quantile, "confidence_level": 0.5}
    clf = RobustConformalClassifier(base, **options).fit(X[:1], y[:1])
    drawn = collect(Inside(clf, X[:1]).smoother().sampler(X[:1]), n, Purpose.CALIBRATE, y[:1])
    assert clf.rank_ == rank
    assert clf.threshold_.tolist() == [np.sort(drawn[0])[::-1][rank - 1]]
    tree = FrozenEstimator(DecisionTreeRegressor(max_depth=6, random_state=0).fit(X, y))
    reg = RobustConformalRegressor(tree, **options).fit(X[:1], y[:1] + 0.5)
    drawn = collect(Inside(reg, X[:1]).smoother().sampler(X[:1]), n, Purpose.CALIBRATE)
    assert reg.threshold_.tolist() == [-np.sort(np.abs(y[0] + 0.5 - drawn[0]))[rank - 1]]


@pytest.mark.parametrize("score", ["lac", "margin", "aps"])
def test_without_radius_it_is_split_conformal_on_order_statistics(digits, score):
    """The formula of split conformal prediction, on scores from the same draws."""
    base, X, y = digits
    clf = RobustConformalClassifier(
        base, radius=0.0, confidence_level=[0.8, 0.9], conformity_score=score, random_state=0
    )
    clf.fit(X[:400], y[:400])
    m = 400
    kept = np.sort(clf._calibration.scores)
    assert clf.threshold_.tolist() == [kept[int(0.2 * (m + 1)) - 1], kept[int(0.1 * (m + 1)) - 1]]
    assert clf.passes_needed_.tolist() == [80, 80]
    sampler = Inside(clf, X[400:450]).smoother().sampler(X[400:450])
    _, sets = clf.predict_set(X[400:450])
    for label in range(10):
        drawn = collect(sampler, 100, Purpose.PREDICT, np.full(50, label))
        eightieth = drawn[:, 20]  # rising: 80 are as high
        assert np.array_equal(sets[:, label], eightieth[:, None] >= clf.threshold_)


def attacked(base, X, y, radius, steps=20):
    """Projected gradient steps against the true label's log-probability under noise."""
    W, rng = base.coef_, np.random.RandomState(0)
    noise = rng.normal(scale=0.25, size=(32, 1, X.shape[1]))
    delta = np.zeros_like(X)
    for _ in range(steps):
        Z = (X + delta + noise) @ W.T + base.intercept_
        p = np.exp(Z - Z.max(axis=2, keepdims=True))
        p /= p.sum(axis=2, keepdims=True)
        slopes = p.mean(axis=0) @ W - W[y]  # of minus the mean log-probability
        delta += radius / 4 * slopes / np.linalg.norm(slopes, axis=1, keepdims=True)
        delta *= np.minimum(1, radius / np.linalg.norm(delta, axis=1, keepdims=True))
    return X + delta


def test_coverage_holds_under_attack_where_split_conformal_fails(digits):
    base, X, y = digits
    m, radius = 500, 0.25
    clf = RobustConformalClassifier(base, 0.25, radius, random_state=0).fit(X[:m], y[:m])
    plain = RobustConformalClassifier(base, 0.25, 0.0, random_state=0).fit(X[:m], y[:m])
    moved = attacked(base.estimator, X[m:], y[m:], radius)
    robust = coverage(clf.predict_set(moved)[1], y[m:], clf.classes_)
    assert robust >= 0.9
    assert coverage(plain.predict_set(X[m:])[1], y[m:], clf.classes_) > 0.87
    assert coverage(plain.predict_set(moved)[1], y[m:], clf.classes_) < 0.8
    assert clf.predict_set(X[m:])[1].sum(axis=1).mean() < 1.15


def test_votes_are_computed_and_hold_under_attack(digits):
    base, X, y = digits
    m, radius = 500, 0.25
    clf = RobustConformalClassifier(base, 0.25, radius, conformity_score="votes").fit(X[:m], y[:m])
    moved = attacked(base.estimator, X[m:], y[m:], radius)
    assert coverage(clf.predict_set(moved)[1], y[m:], clf.classes_) >= 0.9
    assert clf.predict_set(X[m:])[1].sum(axis=1).mean() < 1.2
    assert clf.rank_ is None
    forest = FrozenEstimator(RandomForestClassifier(5, random_state=0).fit(X, y))
    with pytest.raises(ValueError, match="no closed form"):
        RobustConformalClassifier(forest, conformity_score="votes").fit(X, y)


def test_votes_of_a_linear_base_by_the_formula():
    """One feature, two classes: the probability of label 1 at x is Phi(x / sigma)."""
    base = LogisticRegression().fit(np.array([[-1.0], [1.0]]), [0, 1])
    base.coef_, base.intercept_ = np.array([[2.0]]), np.array([0.0])
    X = np.linspace(-1, 2, 99)[:, None]
    clf = RobustConformalClassifier(
        FrozenEstimator(base), SIGMA, 0.25, conformity_score="votes"
    ).fit(X, np.ones(99, dtype=int))
    ninth = np.sort(X[:, 0])[9]  # the tenth smallest of 99: alpha (m + 1) = 10
    assert clf.threshold_[0] == pytest.approx(ninth / SIGMA, rel=1e-9)
    near = np.array([[ninth - 0.25 + 1e-6], [ninth - 0.25 - 1e-6]])
    assert clf.predict_set(near)[1][:, 1, 0].tolist() == [True, False]


@pytest.mark.parametrize("m", [98, 99, 100])
def test_computed_thresholds_are_the_lower_one_where_the_level_lies_between_two(m):
    """Of m scores the floor of alpha (m + 1)-th smallest."""
    base = LogisticRegression().fit(np.array([[-1.0], [1.0]]), [0, 1])
    base.coef_, base.intercept_ = np.array([[2.0]]), np.array([0.0])
    X = np.linspace(-1, 2, m)[:, None]
    clf = RobustConformalClassifier(FrozenEstimator(base), SIGMA, conformity_score="votes")
    clf.fit(X, np.ones(m, dtype=int))
    order = {98: 9, 99: 10, 100: 10}[m]
    assert clf.threshold_[0] == pytest.approx(X[order - 1, 0] / SIGMA, rel=1e-9)


def test_attacks_are_as_long_as_rounding_leaves_them():
    X, y = np.arange(8.0)[:, None] / 7, np.arange(8) % 2
    clf = RobustConformalClassifier(LogisticRegression(), SIGMA, random_state=0).fit(X, y)
    noise = noise_of(smoothed(clf))
    lost = Fraction(noise.rounding)
    assert lost > 0
    assert Fraction(distance_of(noise, 0.25)) > (Fraction(0.25) + lost) / Fraction(SIGMA)
    assert (
        0
        < Fraction(distance_of(noise, 0.25, drawn=False)) - Fraction(0.25) / Fraction(SIGMA)
        < Fraction(2.0**-48)
    )


@pytest.mark.parametrize("radius", [0.0, 0.25, 0.5])
def test_intervals_under_the_worst_attack_on_a_linear_base(radius):
    """Known exactly: away from the true value, along the weights. Coverage is .9, no more."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    covered, rows = 0, 0
    for seed in range(8):
        order = np.random.RandomState(seed).permutation(len(y))
        train, cal, test = order[:140], order[140:340], order[340:]
        model = LinearRegression().fit(X[train], y[train])
        reg = RobustConformalRegressor(FrozenEstimator(model), 0.5, radius, random_state=seed)
        reg.fit(X[cal], y[cal])
        away = np.sign(model.predict(X[test]) - y[test])[:, None]
        moved = X[test] + radius * away * model.coef_ / np.linalg.norm(model.coef_)
        _, intervals = reg.predict_interval(moved)
        covered += np.sum((intervals[:, 0, 0] <= y[test]) & (y[test] <= intervals[:, 1, 0]))
        rows += len(test)
    assert covered / rows == pytest.approx(0.9, abs=0.035)


def test_computed_intervals_of_a_linear_base_by_the_formula():
    """The smoothed regressor is the base; it moves by radius times the length of the weights."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model = LinearRegression().fit(X[:200], y[:200])
    reg = RobustConformalRegressor(
        FrozenEstimator(model), 0.5, 0.25, confidence_level=[0.8, 0.9], conformity_score="median"
    ).fit(X[200:299], y[200:299])
    errors = np.sort(np.abs(y[200:299] - model.predict(X[200:299])))[::-1]
    predictions, intervals = reg.predict_interval(X[300:])
    assert predictions == pytest.approx(model.predict(X[300:]))
    for j, place in enumerate((19, 9)):  # the 20th and 10th largest of 99
        half = errors[place] + 0.25 * np.linalg.norm(model.coef_)
        assert intervals[:, 1, j] == pytest.approx(predictions + half, abs=1e-6)
        assert intervals[:, 0, j] == pytest.approx(predictions - half, abs=1e-6)
        assert (intervals[:, 1, j] >= predictions + half - 1e-12).all()
    with pytest.warns(UserWarning, match="it takes 9 calibration rows"):
        few = reg.conformalize(X[200:208], y[200:208]).predict_interval(X[300:303])[1]
    assert np.isinf(few[:, :, 1]).all()
    assert np.isfinite(few[:, :, 0]).all()
    forest = FrozenEstimator(RandomForestRegressor(5, random_state=0).fit(X, y))
    with pytest.raises(ValueError, match="no closed form"):
        RobustConformalRegressor(forest, conformity_score="median").fit(X, y)


def test_intervals_hold_all_values_that_enough_draws_are_near_to():
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(80, 2)), rng.normal(size=80)
    model = FrozenEstimator(DecisionTreeRegressor(random_state=0).fit(X[:40], y[:40]))
    reg = RobustConformalRegressor(model, 0.5, 0.25, n=20, random_state=0).fit(X[40:], y[40:])
    predictions, intervals = reg.predict_interval(X[:10])
    outputs = collect(Inside(reg, X[:10]).smoother().sampler(X[:10]), 20, Purpose.PREDICT)
    values = np.linspace(-6, 6, 4001)
    near = np.abs(values[None, :, None] - outputs[:, None, :]) <= -reg.threshold_[0]
    passed = near.sum(axis=2) >= reg.passes_needed_[0]
    for inside, (low, high), median, drawn in zip(
        passed, intervals[:, :, 0], predictions, outputs, strict=True
    ):
        assert median == drawn[9]
        if inside.any():
            assert low <= values[inside].min() < low + 0.01
            assert high - 0.01 < values[inside].max() <= high
        else:
            assert np.isnan(low) or high - low < 0.01


def test_higher_levels_hold_lower_ones(digits):
    base, X, y = digits
    clf = RobustConformalClassifier(base, confidence_level=[0.95, 0.5, 0.9], random_state=0)
    _, sets = clf.fit(X[:300], y[:300]).predict_set(X[300:400])
    high, low, middle = np.moveaxis(sets, 2, 0)
    assert not (low & ~middle).any()
    assert not (middle & ~high).any()
    sizes = sets.sum(axis=1).mean(axis=0)
    assert sizes[1] < sizes[2] < sizes[0]


def test_neither_batches_nor_workers_nor_other_rows_change_a_set(digits):
    base, X, y = digits
    clf = RobustConformalClassifier(base, n=100, random_state=0).fit(X[:200], y[:200])
    _, sets = clf.predict_set(X[200:280])
    with joblib.parallel_config(backend="threading"):
        other = clone(clf).set_params(batch_size=37, n_jobs=2).fit(X[:200], y[:200])
    assert np.array_equal(other._calibration.scores, clf._calibration.scores)
    assert np.array_equal(other.predict_set(X[200:280])[1], sets)
    assert np.array_equal(clf.predict_set(X[205:211])[1], sets[5:11])
    copied = pickle.loads(pickle.dumps(clf))
    assert np.array_equal(copied.predict_set(X[200:280])[1], sets)


def test_radius_and_levels_may_be_set_later_but_not_the_noise(digits):
    base, X, y = digits
    clf = RobustConformalClassifier(base, radius=0.125, random_state=0).fit(X[:200], y[:200])
    again = clone(clf).set_params(radius=0.25, confidence_level=0.8).fit(X[:200], y[:200])
    clf.set_params(radius=0.25, confidence_level=0.8)
    assert np.array_equal(clf.predict_set(X[200:])[1], again.predict_set(X[200:])[1])
    with pytest.raises(ValueError, match="conformity_score changed since calibration"):
        clone(clf).fit(X[:50], y[:50]).set_params(conformity_score="margin").predict_set(X)
    with pytest.raises(ValueError, match="noise changed since calibration. Call conformalize"):
        clf.set_params(sigma=0.5).predict_set(X)
    assert clf.conformalize(X[:200], y[:200]).predict_set(X[200:])[1].any()


@pytest.mark.parametrize(
    ("kind", "base", "ask", "scores"),
    [
        (RobustConformalClassifier, SGDClassifier(random_state=0), "predict_set", "lac votes"),
        (
            RobustConformalRegressor,
            SGDRegressor(random_state=0),
            "predict_interval",
            "outputs median",
        ),
    ],
)
def test_a_base_that_is_trained_further_needs_other_calibration(kind, base, ask, scores):
    """A frozen base is the user's own object: the thresholds are those of the scores before."""
    X, y = load_iris(return_X_y=True)
    base = clone(base).fit(X, y)
    for score in scores.split():
        clf = kind(FrozenEstimator(base), conformity_score=score, random_state=0).fit(X, y)
        getattr(clf, ask)(X[:2])
        getattr(pickle.loads(pickle.dumps(clf)), ask)(X[:2])
        base.partial_fit(X[::-1], y[::-1])
        with pytest.raises(ValueError, match=r"base estimator changed since .* conformalize\(X, y"):
            getattr(clf, ask)(X[:2])
        getattr(clf.conformalize(X, y), ask)(X[:2])


class Counts(Slope):
    """It changes by being asked."""

    def predict_proba(self, X):
        self.calls_ = getattr(self, "calls_", 0) + 1
        return super().predict_proba(X)


def test_a_base_that_notes_its_calls_has_not_changed():
    X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
    clf = RobustConformalClassifier(Counts(), n=10, random_state=0).fit(X, y)
    found = [clf.predict_set(X[:3])[1].tolist() for _ in range(3)]
    assert found[0] == found[1] == found[2]
    assert clf.estimator_.estimator_.calls_ > 3


class Drifts(Counts):
    """It answers otherwise by being asked."""

    def predict_proba(self, X):
        p = super().predict_proba(X)
        return p if self.calls_ < 30 else p[:, ::-1]


def test_a_base_that_answers_otherwise_by_being_asked_is_refused():
    X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
    clf = RobustConformalClassifier(Drifts(), n=10, batch_size=25, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="base estimator changed since calibration"):
        clf.predict_set(X[:3])


def test_searches_pipelines_and_labels():
    X, y = load_digits(return_X_y=True)
    names = np.array([f"digit {label}" for label in range(10)])[y][:400]
    clf = RobustConformalClassifier(GaussianNB(), n=10, radius=0.1, random_state=0)
    assert cross_val_score(clf, X[:400] / 16, names, cv=2).mean() > 0.5
    pipe = make_pipeline(StandardScaler(), clf).fit(X[:400], names)
    labels, sets = pipe[-1].predict_set(pipe[:-1].transform(X[400:450]))
    assert set(labels) <= set(names)
    assert sets.shape == (50, 10, 1)
    search = GridSearchCV(clf, {"sigma": [0.25, 0.5]}, cv=2).fit(X[:400] / 16, names)
    assert search.best_estimator_.n_calibration_ == 200


def test_labels_unknown_to_the_base_are_missed():
    X, y = load_digits(return_X_y=True)
    known = y < 9
    base = FrozenEstimator(GaussianNB().fit(X[known] + 0.0, y[known]))
    clf = RobustConformalClassifier(base, 1.0, 0.5, n=10, calibration_size=None)
    clf.fit(X[known], y[known])
    clf.conformalize(X[:500], y[:500])
    assert np.isneginf(clf._calibration.scores).sum() == np.sum(y[:500] == 9)
    clf.set_params(confidence_level=0.95)
    with pytest.warns(NothingCertifiedWarning, match="of 500 calibration rows have labels that"):
        labels_covered = clf.predict_set(X[:500])[1][y[:500] < 9, :, 0]
    assert labels_covered.all()  # and yet a tenth of the rows, of label 9, is missed
    clf.set_params(confidence_level=0.6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.predict_set(X[:5])


def test_scores_of_pairs_of_classes_are_refused():
    X, y = load_iris(return_X_y=True)
    with pytest.raises(ValueError, match="decision_function_shape='ovr'"):
        RobustConformalClassifier(SVC(decision_function_shape="ovo")).fit(X, y)
    two = RobustConformalClassifier(SVC(decision_function_shape="ovo"), n=10, random_state=0)
    assert two.fit(X[:100], y[:100]).score(X[:100], y[:100]) > 0.9


def test_too_few_rows_give_all_labels_with_a_warning(digits):
    base, X, y = digits
    clf = RobustConformalClassifier(base, random_state=0).fit(X[:8], y[:8])
    with pytest.warns(UserWarning, match="it takes 10 calibration rows"):
        assert clf.predict_set(X[:5])[1].all()
    with pytest.warns(UserWarning, match="no number of calibration rows"):
        assert clf.set_params(radius=3.0).predict_set(X[:5])[1].all()


def test_calibration_comes_first(digits):
    _, X, y = digits
    clf = RobustConformalClassifier(GaussianNB(), calibration_size=None, random_state=0)
    clf.fit(X[:200], y[:200])
    assert clf.predict(X[:3]).shape == (3,)
    with pytest.raises(ValueError, match="no calibration rows yet"):
        clf.predict_set(X[:3])
    assert not hasattr(clf, "threshold_")
    with pytest.raises(ValueError, match="leaves 0 to fit on"):
        clf.set_params(calibration_size=200).fit(X[:200], y[:200])


def test_noise_of_changes_is_refused():
    X = np.random.RandomState(0).randint(0, 3, size=(60, 2)).astype(float)
    y = (X[:, 0] > 0).astype(int)
    clf = RobustConformalClassifier(GaussianNB(), {0: 0.5, 1: Flip(keep=0.8)}, n=5)
    with pytest.raises(ValueError, match="Let sigma hold numbers only"):
        clf.fit(X, y)


def test_scores_that_are_no_numbers_are_refused(digits):
    base, X, y = digits
    with pytest.raises(ValueError, match="score returned NaN"):
        RobustConformalClassifier(base, conformity_score=lambda p: p * np.nan).fit(X, y)
    with pytest.raises(ValueError, match="score returned shape"):
        RobustConformalClassifier(base, conformity_score=lambda p: p[:, 0]).fit(X, y)


def test_scores_that_read_other_rows_are_refused(digits):
    base, X, y = digits
    for score in (lambda p: p - p.mean(axis=0), lambda p: p / p.max()):
        with pytest.raises(ValueError, match="other scores alone than among other rows"):
            RobustConformalClassifier(base, conformity_score=score).fit(X, y)
    own = RobustConformalClassifier(base, n=10, random_state=0, conformity_score=np.sqrt)
    same = RobustConformalClassifier(base, n=10, random_state=0)
    sets = [clf.fit(X, y).predict_set(X[:50])[1] for clf in (own, same)]
    assert np.array_equal(*sets)


def test_scores_of_sets_and_intervals(digits):
    sets = np.array([[[True, True], [False, True]], [[False, False], [False, True]]])
    assert set_coverage_score([7, 8], sets, classes=[7, 8]).tolist() == [0.5, 1.0]
    assert set_coverage_score([7, 9], sets[:, :, 1], classes=[7, 8]) == 0.5
    assert set_coverage_score([7, 8], sets[:, :, 0], classes=[7, 8], sample_weight=[3, 1]) == 0.75
    assert mean_set_size_score(sets).tolist() == [0.5, 1.5]
    intervals = np.array([[0.0, 2.0], [np.nan, np.nan], [-np.inf, 5.0]])
    assert interval_coverage_score([2.0, 0.0, 1.0], intervals) == pytest.approx(2 / 3)
    assert mean_interval_width_score(intervals[:2]) == 1.0
    assert mean_interval_width_score(intervals, sample_weight=[1, 1, 0]) == 1.0
    assert mean_interval_width_score(intervals, sample_weight=[1, 1, 1]) == np.inf
    with pytest.raises(ValueError, match="columns, but classes"):
        set_coverage_score([7, 8], sets, classes=[7, 8, 9])
    with pytest.raises(ValueError, match=r"such as \['7'\], but the classes are \[7, 8\]"):
        set_coverage_score(["7", "8"], sets, classes=[7, 8])
    with pytest.raises(ValueError, match="of type bool"):
        mean_set_size_score([0.5, 1.0])
    base, X, y = digits
    clf = RobustConformalClassifier(base, n=10, random_state=0).fit(X[:200], y[:200])
    pipe = make_pipeline("passthrough", clf).fit(X[:200], y[:200])
    sizes = mean_set_size_score(clf.predict_set(X[200:300])[1])
    assert neg_mean_set_size_scorer()(pipe, X[200:300], y[200:300]) == -sizes[0]
    clf.set_params(confidence_level=[0.8, 0.9])
    with pytest.raises(ValueError, match="one confidence_level"):
        neg_mean_set_size_scorer()(clf, X, y)
    with pytest.raises(TypeError, match="RobustConformalRegressor"):
        neg_mean_interval_width_scorer()(base, X, y)


def test_display_shows_what_the_scores_say(digits):
    pytest.importorskip("matplotlib").use("Agg")
    base, X, y = digits
    clf = RobustConformalClassifier(base, n=20, random_state=0).fit(X[:300], y[:300])
    display = PredictionSetDisplay.from_estimator(clf, X[300:], y[300:], radii=[0.25, 0.0])
    assert display.radii.tolist() == [0.0, 0.25]
    _, sets = clf.predict_set(X[300:])
    assert display.size[1] == mean_set_size_score(sets)
    assert display.coverage[1] == set_coverage_score(y[300:], sets, classes=clf.classes_)
    assert display.size_lines_[0].get_ydata().tolist() == display.size[:, 0].tolist()
    X, y = load_diabetes(return_X_y=True)
    model = FrozenEstimator(LinearRegression().fit(X[:200], y[:200]))
    reg = RobustConformalRegressor(model, 0.02, 0.01, confidence_level=[0.8, 0.9], n=20)
    reg.fit(X[200:300], y[200:300])
    display = PredictionSetDisplay.from_estimator(reg, X[300:], y[300:], radii=[0.01])
    assert np.array_equal(
        display.size[0], mean_interval_width_score(reg.predict_interval(X[300:])[1])
    )
    with pytest.raises(TypeError, match="Expected a RobustConformalClassifier"):
        PredictionSetDisplay.from_estimator(model, X, y, radii=[0.01])
