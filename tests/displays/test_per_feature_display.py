"""The picture of what single features may change."""

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.tree import DecisionTreeClassifier

from sksmooth import PerFeatureDisplay, SmoothedClassifier

pytest.importorskip("matplotlib")
pytest.importorskip("pandas")

X, y = load_wine(return_X_y=True, as_frame=True)
SIGMA = 0.3 * X.std()


@pytest.fixture(scope="module")
def clf():
    tree = DecisionTreeClassifier(max_depth=4, random_state=0)
    return SmoothedClassifier(tree, SIGMA.to_dict(), random_state=0).fit(X[::2], y[::2])


def ends(bars):
    return np.array([(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars])


def test_a_row(pyplot, clf):
    """Bars are the intervals over the deviations, up to the end of the axis."""
    rows = X[1::10]
    display = PerFeatureDisplay.from_estimator(clf, rows, row=51, limit=4)
    (bars,) = display.bars_
    found = clf.per_feature(rows).loc[51]
    down, up = found["down"] / SIGMA, found["up"] / SIGMA
    np.testing.assert_allclose(ends(bars)[:, 0], np.maximum(down[X.columns], -4), rtol=1e-9)
    np.testing.assert_allclose(ends(bars)[:, 1], np.minimum(up[X.columns], 4), rtol=1e-9)
    labels = [label.get_text() for label in display.ax_.get_yticklabels()]
    assert labels[0] == f"alcohol = {X['alcohol'][51]:.4g}"
    assert display.ax_.get_xlabel().endswith("deviations of the noise")
    arrows = [line for line in display.ax_.get_lines() if line.get_marker() in "<>"]
    assert len(arrows) == np.sum(down < -4) + np.sum(up > 4)


def test_all_rows(pyplot, clf):
    rows = X[1::3]
    display = PerFeatureDisplay.from_estimator(clf, rows, limit=3)
    certificate = clf.certify(rows)
    up = clf.per_feature(rows)["up"].to_numpy().reshape(len(rows), -1)[~certificate.abstained]
    assert len(display.bars_) == 3
    for bars, share in zip(display.bars_, (0.95, 0.75, 0.5), strict=True):
        shown = ends(bars)[:, 1] * SIGMA.to_numpy()
        # so many rows allow what is shown, up to the rounding of a product
        assert np.all((up >= shown * (1 - 1e-9)).mean(axis=0) >= share)
    legend = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert legend[0] == "95% of rows, at least"


def test_axes_are_the_users_and_the_axis_has_an_end(pyplot, clf):
    _, ax = pyplot.subplots()
    display = PerFeatureDisplay.from_estimator(clf, X[1::10], row=1, ax=ax)
    assert display.ax_ is ax
    finite = ends(display.bars_[0])
    low, high = ax.get_xlim()
    assert low == -high
    assert high == pytest.approx(np.abs(finite).max())
    assert display.sentence(1).startswith("row 1: 0 ")


def test_bad_arguments(clf):
    certificate, intervals = clf.certify(X[1:4]), clf.per_feature(X[1:4])
    display = PerFeatureDisplay(intervals=intervals, certificate=certificate)
    with pytest.raises(ValueError, match="names no row 17"):
        display.sentence(17)
    with pytest.raises(ValueError, match="intervals has 13 lines, but the certificate 3 rows"):
        PerFeatureDisplay(intervals=intervals[:13], certificate=certificate[:3])
    with pytest.raises(TypeError, match="must be a Certificate"):
        PerFeatureDisplay(intervals=intervals, certificate=intervals)
    numbered = PerFeatureDisplay.from_estimator(clf, X[1:4], row=1)
    assert numbered.certificate.index.tolist() == [1, 2, 3]
