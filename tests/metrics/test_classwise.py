"""Certified accuracy by class: of each, and balanced."""

import dataclasses

import numpy as np
import pytest
from helpers import blobs
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score
from sklearn.model_selection import GridSearchCV, cross_validate

from sksmooth import SmoothedClassifier, certified_accuracy_score, certified_accuracy_scorer
from sksmooth.certificate import certify_counts
from sksmooth.noise import FloatGaussian

X, y = blobs(60)
Y = np.array([0, 0, 1, 1, -1])
VOTES = np.tile([100, 0], (5, 1))
CERT = dataclasses.replace(
    certify_counts(VOTES, VOTES, noise=FloatGaussian(0.5), classes=np.array([0, 1])),
    labels=np.array([0, 0, 1, 0, -1]),
    radii=np.array([0.5, 1.0, 0.25, 2.0, 0.0]),
    abstained=np.arange(5) == 4,
)


@pytest.fixture(scope="module")
def clf():
    return SmoothedClassifier(LogisticRegression(), sigma=0.5, random_state=0).fit(X, y)


def test_by_hand():
    """Class 0: radii 0.5, 1.0. Class 1: 0.25, and a wrong row. Label -1: an abstention."""
    scores = certified_accuracy_score(Y, CERT, radius=[0, 0.5, 1.0], classwise=True)
    found = {label: score.tolist() for label, score in scores.items()}
    assert found == {0: [1.0, 1.0, 0.5], 1: [0.5, 0.0, 0.0], -1: [0.0, 0.0, 0.0]}
    balanced = certified_accuracy_score(Y, CERT, radius=[0, 0.5, 1.0], classwise="balanced")
    assert balanced == pytest.approx([0.5, 1 / 3, 1 / 6], abs=1e-15)
    assert certified_accuracy_score(Y, CERT, radius=0.5, classwise=True) == {0: 1, 1: 0, -1: 0}
    assert certified_accuracy_score(Y, CERT, radius=0.5, classwise="balanced") == 1 / 3


def test_a_class_without_rows_is_nan_and_not_in_the_mean():
    scores = certified_accuracy_score(Y[:2], CERT[:2], radius=0.7, classwise=True)
    assert scores[0] == 0.5
    assert np.isnan(scores[1])
    assert certified_accuracy_score(Y[:2], CERT[:2], radius=0.7, classwise="balanced") == 0.5


def test_it_is_the_recall_of_labels_that_are_wrong_where_the_radius_is_small(clf):
    certificate = clf.certify(X)
    weight = np.random.default_rng(0).random(len(y))
    radius = float(np.median(certificate.radii))
    labels = np.where(certificate.radii >= radius, certificate.labels, -1)
    recall = recall_score(y, labels, average=None, labels=clf.classes_, sample_weight=weight)
    options = {"radius": radius, "sample_weight": weight}
    found = certified_accuracy_score(y, certificate, classwise=True, **options)
    assert list(found.values()) == pytest.approx(recall, abs=1e-12)
    found = certified_accuracy_score(y, certificate, classwise="balanced", **options)
    assert found == pytest.approx(recall.mean(), abs=1e-12)


def test_other_values_are_refused():
    with pytest.raises(ValueError, match="True, False or 'balanced'; got 'macro'"):
        certified_accuracy_score(Y, CERT, classwise="macro")
    with pytest.raises(ValueError, match="True, False or 'balanced'; got 'macro'"):
        certified_accuracy_scorer(0.5, classwise="macro")


def test_scorers(clf):
    certificate = clf.certify(X, radius=[0.1, 0.4])
    each = certified_accuracy_scorer([0.1, 0.4], classwise=True)(clf, X, y)
    for label, scores in certified_accuracy_score(
        y, certificate, radius=[0.1, 0.4], classwise=True
    ).items():
        assert each[f"certified_accuracy@0.1[{label}]"] == scores[0]
        assert each[f"certified_accuracy@0.4[{label}]"] == scores[1]
    assert len(each) == 2 * len(clf.classes_)
    single = certified_accuracy_scorer(0.4, classwise=True)(clf, X, y)
    assert single == {
        f"certified_accuracy[{c}]": each[f"certified_accuracy@0.4[{c}]"] for c in (0, 1)
    }
    scorer = certified_accuracy_scorer(0.4, classwise="balanced")
    assert scorer(clf, X, y) == pytest.approx(np.mean(list(single.values())))
    assert repr(scorer) == "certified_accuracy_scorer(radius=0.4, n=None, classwise='balanced')"
    several = certified_accuracy_scorer([0.1, 0.4], classwise="balanced")(clf, X, y)
    assert several["certified_accuracy@0.4"] == scorer(clf, X, y)


def test_in_searches():
    clf = SmoothedClassifier(LogisticRegression(), random_state=0)
    scorer = certified_accuracy_scorer(0.4, classwise=True)
    scores = cross_validate(clf, X, y, scoring=scorer, cv=2, error_score="raise")
    assert {"test_certified_accuracy[0]", "test_certified_accuracy[1]"} <= scores.keys()
    scorer = certified_accuracy_scorer(0.4, classwise="balanced")
    search = GridSearchCV(clf, {"sigma": [0.1, 0.5]}, scoring=scorer, cv=2, error_score="raise")
    assert 0 < search.fit(X, y).best_score_ <= 1
