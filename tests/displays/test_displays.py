import sys

import numpy as np
import pytest
from helpers import blobs
from sklearn.model_selection import cross_validate
from sklearn.naive_bayes import GaussianNB

from sksmooth import (
    CertifiedAccuracyDisplay,
    SmoothedClassifier,
    TopProbabilityDisplay,
    certified_accuracy_score,
    top_probability_curve,
)

X, y = blobs(60)


@pytest.fixture(scope="module")
def clf():
    return SmoothedClassifier(
        GaussianNB(), sigma=0.5, n=200, method="montecarlo", random_state=0
    ).fit(X, y)


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


def test_a_certificate_that_decided_radii_is_drawn_with_a_warning(pyplot, clf):
    certificate = clf.certify(X, radius=0.3)
    for display in (CertifiedAccuracyDisplay, TopProbabilityDisplay):
        with pytest.warns(UserWarning, match="decide the radii") as caught:
            display.from_predictions(y, certificate)
        assert [w.filename for w in caught] == [__file__]


def height(line, x):
    """What a curve with the drawstyle steps-pre shows at x: the value of the next point."""
    assert line.get_drawstyle() == "steps-pre"
    points, values = line.get_data()
    return values[np.searchsorted(points, x, side="left")]


class TestTopProbability:
    def test_the_curve_is_the_share_of_rows(self, pyplot, clf):
        """Counted anew at every point, and half-way between points."""
        certificate = clf.certify(X)
        display = TopProbabilityDisplay.from_predictions(y, certificate)
        probability, share = top_probability_curve(y, certificate)
        assert np.array_equal(display.probability, probability)
        assert np.array_equal(display.share, share)
        right = certificate.selected == y
        for p in [*probability, *(probability[:-1] + probability[1:]) / 2]:
            expected = np.mean(right & (certificate.p_lower >= p))
            assert height(display.line_, p) == pytest.approx(expected)

    def test_it_falls_to_0_behind_the_largest(self, pyplot, clf):
        display = TopProbabilityDisplay.from_predictions(y, clf.certify(X))
        x, share = display.line_.get_data()
        assert share[-1] == 0
        assert x[-2] == display.probability[-1] < x[-1] < x[-2] + 1e-15
        assert np.all(np.diff(x) > 0)
        assert np.all(np.diff(share) <= 0)

    def test_at_one_half_it_is_the_certified_accuracy(self, pyplot, clf):
        certificate = clf.certify(X)
        display = TopProbabilityDisplay.from_predictions(y, certificate)
        assert height(display.line_, np.nextafter(0.5, 1)) == pytest.approx(
            certified_accuracy_score(y, certificate)
        )

    def test_all_constructors_agree(self, pyplot, clf):
        one = TopProbabilityDisplay.from_estimator(clf, X, y, n=100, name="mine")
        two = TopProbabilityDisplay.from_predictions(y, clf.certify(X, n=100))
        three = TopProbabilityDisplay(probability=two.probability, share=two.share)
        assert three.plot() is three
        for other in (two, three):
            assert np.array_equal(one.probability, other.probability)
            assert np.array_equal(one.share, other.share)
            assert np.array_equal(one.line_.get_xydata(), other.line_.get_xydata())
        assert one.ax_.get_legend().get_texts()[0].get_text() == "mine"
        assert "0.5" in two.ax_.get_legend().get_texts()[0].get_text()
        assert three.ax_.get_legend() is None
        assert one.figure_ is one.ax_.figure
        assert len({id(display.ax_) for display in (one, two, three)}) == 3

    def test_axes_and_style_are_the_users(self, pyplot, clf):
        _, ax = pyplot.subplots()
        style = {"color": "red", "drawstyle": "default", "label": "other"}
        display = TopProbabilityDisplay.from_estimator(clf, X, y, ax=ax, curve_kwargs=style)
        assert display.ax_ is ax
        assert display.line_.get_color() == "red"
        assert display.line_.get_drawstyle() == "default"
        assert ax.get_legend().get_texts()[0].get_text() == "other"
        assert display.plot(ax) is display
        assert len(ax.lines) == 2
        assert ax.get_xlim() == (0, 1)
        low, high = ax.get_ylim()
        assert low < 0
        assert high > 1

    def test_weights(self, pyplot, clf):
        weights = np.arange(60)
        rows = np.repeat(np.arange(60), weights)
        certificate = clf.certify(X)
        one = TopProbabilityDisplay.from_estimator(clf, X, y, sample_weight=weights)
        other = TopProbabilityDisplay.from_predictions(y[rows], certificate[rows])
        for p in other.probability:
            assert height(one.line_, p) == pytest.approx(height(other.line_, p))

    def test_labels_are_no_certificate(self, pyplot, clf):
        with pytest.raises(TypeError, match="must be a Certificate"):
            TopProbabilityDisplay.from_predictions(y, clf.predict(X))

    def test_without_matplotlib(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
        display = TopProbabilityDisplay(probability=np.zeros(1), share=np.zeros(1))
        with pytest.raises(ImportError, match=r"pip install 'sksmooth\[plot\]'"):
            display.plot()


@pytest.mark.parametrize("display", [CertifiedAccuracyDisplay, TopProbabilityDisplay])
class TestSeveralModels:
    def test_each_curve_is_that_of_its_model(self, pyplot, clf, display):
        pairs = {"few": (y, clf.certify(X, n=200)), "many": (y, clf.certify(X, n=2000))}
        drawn = display.from_records(pairs, curve_kwargs=[{"color": "red"}, {"color": "blue"}])
        assert [line.get_label() for line in drawn.line_] == ["few", "many"]
        assert [line.get_color() for line in drawn.line_] == ["red", "blue"]
        for line, pair in zip(drawn.line_, pairs.values(), strict=True):
            alone = display.from_predictions(*pair).line_
            assert np.array_equal(line.get_xdata(), alone.get_xdata())
            assert np.array_equal(line.get_ydata(), alone.get_ydata())
        assert {text.get_text() for text in drawn.ax_.get_legend().get_texts()} == set(pairs)

    def test_other_rows_are_refused(self, pyplot, clf, display):
        pairs = {"all": (y, clf.certify(X, n=200)), "some": (y[:9], clf.certify(X[:9], n=200))}
        with pytest.raises(ValueError, match=r"all covers \d+ rows and some 9, and not the same"):
            display.from_records(pairs)
