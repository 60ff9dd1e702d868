"""Calls that broke once, or whose message told nobody what to do."""

import os
import subprocess
import sys

import numpy as np
import pytest
from helpers import Halfspace, blobs
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, StackingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import has_fit_parameter

import sksmooth
from sksmooth import SmoothedClassifier, certified_accuracy_scorer

X, Y = blobs(60)


def smoothed(base=None, **options):
    options = {"sigma": 0.5, "n": 300, "n_predict": 100, "random_state": 0} | options
    return SmoothedClassifier(LogisticRegression() if base is None else base, **options)


class TestSamplers:
    """5.1: imbalanced-learn's samplers have no ``transform``; they change training rows only."""

    @pytest.fixture
    def pipelines(self):
        pytest.importorskip("imblearn")
        from imblearn.over_sampling import RandomOverSampler
        from imblearn.pipeline import make_pipeline as with_samplers

        return lambda *steps: with_samplers(RandomOverSampler(random_state=0), *steps)

    def test_in_front_of_a_smoother(self, pipelines):
        rows, y = X[:45], Y[:45]
        pipe = pipelines(smoothed()).fit(rows, y)
        alone = pipe.steps[-1][1].certify(rows)
        assert np.array_equal(sksmooth.certify(pipe, rows).radii, alone.radii)
        assert certified_accuracy_scorer(0.1)(pipe, rows, y) == np.mean(
            (alone.labels == y) & (alone.radii >= 0.1)
        )

    def test_behind_a_scaler(self, pipelines):
        pipe = pipelines(StandardScaler(), smoothed()).fit(X, Y)
        with pytest.warns(UserWarning, match="after StandardScaler; not in the units of X"):
            found = sksmooth.certify(pipe, X[:5])
        assert np.array_equal(found.radii, pipe[-1].certify(pipe[1].transform(X[:5])).radii)

    def test_in_front_of_a_net(self, pipelines):
        pytest.importorskip("torch")
        from nets import mlp_net

        clf = smoothed(pipelines(mlp_net(max_epochs=1))).fit(X.astype("f4"), Y)
        assert clf.certify(X[:3].astype("f4")).labels.shape == (3,)


def test_5_2_stacking():
    clf = smoothed(StackingClassifier([("a", LogisticRegression())], cv=2)).fit(X, Y)
    assert np.mean(clf.predict(X) == Y) > 0.9


class OnlyPredict:
    def predict(self, X):
        return np.zeros(len(X))


@pytest.mark.parametrize(
    ("base", "name"),
    [
        (FrozenEstimator(OnlyPredict()), "FrozenEstimator around OnlyPredict"),
        (make_pipeline(StandardScaler(), LinearRegression()), "Pipeline around LinearRegression"),
        (FrozenEstimator(LinearRegression()), "FrozenEstimator around LinearRegression"),
        (LinearRegression(), "LinearRegression"),
    ],
    ids=["5.3", "5.4", "frozen", "plain"],
)
def test_what_is_no_classifier(base, name):
    with pytest.raises(ValueError, match=f"must be a classifier; got {name}. A class of your own"):
        smoothed(base).fit(X, Y)


class TestSeries:
    """5.13: sigma and units as a Series."""

    @pytest.fixture
    def frame(self):
        pd = pytest.importorskip("pandas")
        return pd.DataFrame(X, columns=["a", "b"])

    def test_skops(self, frame):
        io = pytest.importorskip("skops.io")
        clf = smoothed(sigma=0.5, units=frame.std(ddof=0)).fit(frame, Y)
        content = io.dumps(clf)
        again = io.loads(content, trusted=io.get_untrusted_types(data=content))
        assert again.units == frame.std(ddof=0).to_dict()
        assert np.array_equal(again.certify(frame).radii, clf.certify(frame).radii)

    def test_search(self, frame):
        sigmas = [frame.std(), 0.5 * frame.std()]
        search = GridSearchCV(smoothed(), {"sigma": sigmas}, cv=2, error_score="raise")
        results = search.fit(frame, Y).cv_results_
        assert [params["sigma"].tolist() for params in results["params"]] == [
            sigma.tolist() for sigma in sigmas
        ]


def test_5_14_labels_of_torch_under_array_api_dispatch():
    """The variable is read when scipy is imported, so that it takes a process of its own."""
    pytest.importorskip("torch")
    code = """
import numpy as np, sklearn, torch
from sklearn.linear_model import LogisticRegression
from sksmooth import SmoothedClassifier
X = np.random.default_rng(0).normal(size=(60, 2))
y = (X[:, 0] > 0).astype(int)
clf = SmoothedClassifier(LogisticRegression(), random_state=0).fit(X, y)
with sklearn.config_context(array_api_dispatch=True):
    assert clf.score(torch.tensor(X), torch.tensor(y)) == clf.score(X, y)
    again = SmoothedClassifier(LogisticRegression(), random_state=0)
    assert again.fit(torch.tensor(X), torch.tensor(y)).score(X, y) == clf.score(X, y)
"""
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


class TestWeights:
    """5.16: whether a base takes weights is asked of the signature of the smoother's fit."""

    def test_signature(self):
        assert has_fit_parameter(smoothed(), "sample_weight")
        assert not has_fit_parameter(smoothed(KNeighborsClassifier()), "sample_weight")
        assert not has_fit_parameter(smoothed(Halfspace()), "sample_weight")

    def test_weights_count(self):
        weights = np.where(np.arange(len(X)) < 30, 5, 1)
        clf = smoothed().fit(X, Y, sample_weight=weights)
        repeated = np.repeat(np.arange(len(X)), weights)
        other = smoothed().fit(X[repeated], Y[repeated])
        assert clf.estimator_.coef_ == pytest.approx(other.estimator_.coef_, rel=1e-3)

    @pytest.mark.parametrize("base", [LogisticRegression(), KNeighborsClassifier()])
    def test_ensembles_of_smoothers(self, base):
        one = smoothed(base, abstain_label=None)
        bag = BaggingClassifier(one, 2, random_state=0).fit(X, Y)
        assert bag.score(X, Y) > 0.9
        assert CalibratedClassifierCV(one, cv=2).fit(X, Y).score(X, Y) > 0.9

    def test_boosting(self):
        boosted = AdaBoostClassifier(smoothed(abstain_label=None), n_estimators=2)
        assert boosted.fit(X, Y).score(X, Y) > 0.9
        with pytest.raises(ValueError, match="doesn't support sample_weight"):
            AdaBoostClassifier(smoothed(KNeighborsClassifier())).fit(X, Y)
