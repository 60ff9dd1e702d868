"""Callbacks of scikit-learn follow fit and the base's fit; bars are told of draws."""

import sys

import joblib
import numpy as np
import pytest
from helpers import blobs
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksmooth import SmoothedClassifier, certified_accuracy_scorer
from sksmooth.estimators import callbacks

api = pytest.importorskip("sklearn.callback")

X, y = blobs(60)


class Log:
    """Keeps what it is told, in all estimators inside too."""

    max_propagation_depth = None

    def __init__(self):
        self.seen, self.open = [], 0

    def setup(self, estimator, context):
        self.open += 1

    def teardown(self, estimator, context):
        self.open -= 1

    def on_fit_task_begin(self, estimator, context):
        self.seen.append(("begin", type(estimator).__name__, context.task_name))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.seen.append(("end", type(estimator).__name__, context.task_name))
        if type(estimator) is SmoothedClassifier and context.parent is None:
            self.fitted = fitted_estimator


def smoothed(base, **options):
    return SmoothedClassifier(base, 0.5, method="montecarlo", random_state=0, **options)


def test_fit_and_the_bases_fit():
    log = Log()
    clf = smoothed(make_pipeline(StandardScaler(), LogisticRegression())).set_callbacks(log)
    clf.fit(X, y)
    assert [what for what in log.seen if "iter" not in what[2]] == [
        ("begin", "SmoothedClassifier", "fit"),
        ("begin", "Pipeline", "fit"),
        ("begin", "StandardScaler", "fit"),
        ("end", "StandardScaler", "fit"),
        ("begin", "LogisticRegression", "fit"),
        ("end", "LogisticRegression", "fit"),
        ("end", "Pipeline", "fit"),
        ("end", "SmoothedClassifier", "fit"),
    ]
    assert log.open == 0
    assert np.array_equal(log.fitted.predict(X), clf.predict(X))
    for part in (clf.estimator_, *(step for _, step in clf.estimator_.steps)):
        assert not [name for name in vars(part) if "callback" in name]
    assert not [name for name in vars(clf) if "ctx" in name]


def test_the_same_fit_as_without():
    with_log = smoothed(LogisticRegression(), n_augment=3).set_callbacks(Log()).fit(X, y)
    without = smoothed(LogisticRegression(), n_augment=3).fit(X, y)
    assert np.array_equal(with_log.estimator_.coef_, without.estimator_.coef_)
    assert with_log._seed == without._seed


def test_those_of_a_search_reach_the_base():
    log = Log()
    search = GridSearchCV(
        smoothed(LogisticRegression()),
        {"sigma": [0.2, 0.5]},
        cv=2,
        scoring=certified_accuracy_scorer(0.1, n=100),
    )
    search.set_callbacks(log).fit(X, y)
    for what in ("begin", "end"):
        assert log.seen.count((what, "SmoothedClassifier", "fit")) == 5  # 2 x 2, and the best
        assert log.seen.count((what, "LogisticRegression", "fit")) == 5
    assert log.open == 0


def test_a_frozen_base_is_not_fitted():
    log = Log()
    base = FrozenEstimator(LogisticRegression().fit(X, y))
    smoothed(base).set_callbacks(log).fit(X, y)
    assert {name for _, name, _ in log.seen} == {"SmoothedClassifier"}


@pytest.mark.filterwarnings("ignore:The estimator KNeighborsClassifier does not support")
def test_a_fit_that_fails_is_torn_down():
    log = Log()
    with pytest.raises(ValueError, match="n_neighbors"):
        smoothed(KNeighborsClassifier(-1)).set_callbacks(log).fit(X, y)
    assert log.open == 0
    assert ("end", "SmoothedClassifier", "fit") not in log.seen


class Bar(Log):
    """Stands for scikit-learn's, which needs another package."""


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_bars_are_told_of_draws_and_others_are_not(n_jobs, monkeypatch):
    monkeypatch.setattr(callbacks, "ProgressBar", Bar)
    bar, log = Bar(), Log()
    clf = smoothed(KNeighborsClassifier()).fit(X, y)
    expected = clf.certify(X[:7], n=5000)
    clf.set_params(n_jobs=n_jobs).set_callbacks(bar, log)
    with joblib.parallel_config(backend="threading"):
        assert np.array_equal(clf.certify(X[:7], n=5000).counts, expected.counts)
    assert bar.seen[0] == ("begin", "SmoothedClassifier", "certify")
    assert bar.seen[-1] == ("end", "SmoothedClassifier", "certify")
    assert bar.seen.count(("end", "SmoothedClassifier", "draws")) == 100
    assert bar.open == 0
    assert log.seen == []
    assert clf._skl_callbacks == [bar, log]


def test_a_tracker_that_asks_for_draws():
    tracker, log = Log(), Log()
    tracker.follows_draws = True
    clf = smoothed(KNeighborsClassifier()).fit(X, y).set_callbacks(tracker, log)
    clf.certify(X[:7], n=5000)
    assert tracker.seen.count(("end", "SmoothedClassifier", "draws")) == 100
    assert tracker.open == 0
    assert log.seen == []


def test_a_bar_of_scikit_learn(capsys):
    pytest.importorskip("rich")
    clf = smoothed(KNeighborsClassifier()).fit(X, y).set_callbacks(api.ProgressBar())
    clf.certify(X[:3], n=500)
    assert "SmoothedClassifier - certify" in capsys.readouterr().out
    assert "rich" in sys.modules
