import sys

import numpy as np
import pytest
from helpers import blobs
from sklearn.model_selection import cross_validate
from sklearn.naive_bayes import GaussianNB

from sksmooth import CertifiedAccuracyDisplay, SmoothedClassifier, certified_accuracy_score

X, y = blobs(60)


@pytest.fixture(scope="module")
def clf():
    return SmoothedClassifier(GaussianNB(), sigma=0.5, n=200, random_state=0).fit(X, y)


def test_the_curve_is_the_score(pyplot, clf):
    certificate = clf.certify(X)
    display = CertifiedAccuracyDisplay.from_predictions(y, certificate)
    assert display.radius[0] == 0
    assert np.array_equal(
        display.certified_accuracy, certified_accuracy_score(y, certificate, radius=display.radius)
    )
    assert display.certified_accuracy[-1] == 0
    # drawn so that the value at a radius holds to the left of it, down to the next smaller radius
    assert display.line_.get_drawstyle() == "steps-pre"
    middle = (display.radius[:-1] + display.radius[1:]) / 2
    between = certified_accuracy_score(y, certificate, radius=middle)
    assert np.array_equal(between[:-1], display.certified_accuracy[1:-1])


def test_all_constructors_agree(pyplot, clf):
    one = CertifiedAccuracyDisplay.from_estimator(clf, X, y, name="mine")
    two = CertifiedAccuracyDisplay.from_predictions(y, clf.certify(X))
    assert np.array_equal(one.radius, two.radius)
    assert np.array_equal(one.certified_accuracy, two.certified_accuracy)
    assert one.ax_.get_legend().get_texts()[0].get_text() == "mine"
    assert "0.5" in two.ax_.get_legend().get_texts()[0].get_text()
    assert one.figure_ is one.ax_.figure


def test_several_folds(pyplot, clf):
    results = cross_validate(clf, X, y, cv=3, return_estimator=True, return_indices=True)
    display = CertifiedAccuracyDisplay.from_cv_results(results, X, y, n=100)
    assert len(display.line_) == len(display.radius) == 3
    assert [t.get_text() for t in display.ax_.get_legend().get_texts()] == [
        "fold 0",
        "fold 1",
        "fold 2",
    ]
    styles = [{"color": c} for c in ("red", "green", "blue")]
    display.plot(name=list("abc"), curve_kwargs=styles)
    assert [line.get_color() for line in display.line_] == ["red", "green", "blue"]
    with pytest.raises(ValueError, match=r"lacks \['estimator', 'indices'\]"):
        CertifiedAccuracyDisplay.from_cv_results({"test_score": [1]}, X, y)


def test_axes_and_style_are_the_users(pyplot, clf):
    _, ax = pyplot.subplots()
    display = CertifiedAccuracyDisplay.from_estimator(
        clf, X, y, n=100, ax=ax, curve_kwargs={"color": "red", "drawstyle": "default"}
    )
    assert display.ax_ is ax
    assert display.line_.get_color() == "red"
    assert display.line_.get_drawstyle() == "default"
    assert display.plot(ax) is display


def test_curves_that_are_added_later_fit_into_the_axes(pyplot, clf):
    radii = [np.array([0.0, end]) for end in (0.3, 2.0)]
    ax = None
    for r in radii:
        ax = CertifiedAccuracyDisplay(radius=r, certified_accuracy=np.ones(2)).plot(ax).ax_
        left, right = ax.get_xlim()
        assert left == 0
        assert right >= r[-1]


def test_labels_are_no_certificate(pyplot, clf):
    with pytest.raises(TypeError, match="must be a Certificate"):
        CertifiedAccuracyDisplay.from_predictions(y, clf.predict(X))


def test_weights(pyplot, clf):
    weights = np.arange(60)
    display = CertifiedAccuracyDisplay.from_estimator(clf, X, y, sample_weight=weights)
    expected = certified_accuracy_score(y, clf.certify(X), sample_weight=weights)
    assert display.certified_accuracy[0] == expected


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    display = CertifiedAccuracyDisplay(radius=np.zeros(2), certified_accuracy=np.zeros(2))
    with pytest.raises(ImportError, match=r"pip install 'sksmooth\[plot\]'"):
        display.plot()
