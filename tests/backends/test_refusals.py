"""Bases that take no negative numbers: their errors say what noise has to do with it."""

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.decomposition import NMF
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PowerTransformer

from sksmooth import SmoothedClassifier
from sksmooth.backends import noise_explained

X, y = load_iris(return_X_y=True)
REFUSING = {
    "counts": MultinomialNB(),
    "log": make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()),
    "Box-Cox": make_pipeline(PowerTransformer("box-cox"), LogisticRegression()),
    "chi2": make_pipeline(SelectKBest(chi2, k=2), LogisticRegression()),
}
WAYS_OUT = r"Move the transformation \(log1p, Box-Cox\) in front.*kw_args=.*\"a_min\": 0"


@pytest.mark.filterwarnings("ignore:invalid value encountered in log1p:RuntimeWarning")
@pytest.mark.parametrize("kind", REFUSING)
def test_in_fit(kind):
    clf = SmoothedClassifier(REFUSING[kind], sigma=5, random_state=0)
    with pytest.raises(ValueError, match=rf"noise of sigma=5: .*{WAYS_OUT}") as error:
        clf.fit(X, y)
    assert isinstance(error.value.__cause__, ValueError)  # the base's own


@pytest.mark.parametrize("kind", ["log", "counts"])
def test_clipping_helps(kind):
    clip = FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": None})
    clf = SmoothedClassifier(make_pipeline(clip, REFUSING[kind]), sigma=0.5, random_state=0)
    assert not clf.fit(X, y).certify(X[:3], n=500).abstained.any()


@pytest.mark.parametrize(
    ("method", "n_jobs"), [("predict", None), ("certify", 2), ("vote_frequencies", None)]
)
def test_when_asked(method, n_jobs):
    """Trained without noise, and far enough from 0 that the first draws are positive."""
    base = make_pipeline(PowerTransformer("box-cox"), LogisticRegression()).fit(X + 1, y)
    clf = SmoothedClassifier(
        FrozenEstimator(base), 0.5, n=20_000, n_predict=20_000, n_jobs=n_jobs, random_state=0
    ).fit(X, y)
    says = rf"Pipeline does not take rows with noise.*{WAYS_OUT}"
    with joblib.parallel_config("threading"), pytest.raises(ValueError, match=says):
        getattr(clf, method)(X[:2] + 1.5)


def test_other_errors_stay_as_they_are():
    class Broken(LogisticRegression):
        def predict(self, Z):
            raise ValueError("no more quota")

    base = Broken(max_iter=2000).fit(X, y)
    clf = SmoothedClassifier(FrozenEstimator(base), 0.5, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"^no more quota$"):
        clf.certify(X[:2])
    with pytest.raises(TypeError, match="^negative$"), noise_explained(Broken(), X):
        raise TypeError("negative")


def test_what_is_no_fault_of_noise_stays_as_it_is():
    clf = SmoothedClassifier(MultinomialNB(), 0.5, random_state=0)
    with pytest.raises(ValueError, match=r"^Negative values in data passed"):
        clf.fit(X - X.mean(axis=0), y)
    missing = np.where(X < 0.2, np.nan, X)
    with pytest.raises(ValueError, match="^X contains NaN$"), noise_explained(NMF(), missing):
        raise ValueError("X contains NaN")
