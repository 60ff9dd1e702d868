"""Results of regressors: as frames and in words, selected, joined, and compared."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor

from sksmooth import SmoothedRegressor

X, y = load_diabetes(return_X_y=True)
ROWS = X[:6]


@pytest.fixture(scope="module", params=[Ridge(), KNeighborsRegressor()], ids=["exact", "drawn"])
def reg(request):
    return SmoothedRegressor(request.param, 0.02, n=400, n0=50, random_state=0).fit(X, y)


def results(reg, rows=ROWS):
    return {
        "bounds": reg.certify_interval(rows, 0.01),
        "several": reg.certify_interval(rows, [0.005, 0.01]),
        "radii": reg.certify(rows, within=10.0),
    }


def test_rows_are_selected_and_joined(reg):
    for name, whole in results(reg).items():
        parts = [results(reg, ROWS[at])[name] for at in (slice(0, 2), slice(2, 6))]
        joined = type(whole).concatenate(parts)
        assert joined.equals(whole), name
        assert whole[:2].equals(parts[0])
        assert whole[[5]].equals(whole[5])
        assert not whole.equals(parts[0])
        assert not whole.equals(None)


def test_other_questions_are_not_joined(reg):
    one, other = (reg.certify_interval(ROWS, radius) for radius in (0.01, 0.005))
    with pytest.raises(ValueError, match="different"):
        type(one).concatenate([one, other])


def test_summaries_say_what_holds_and_no_seed(reg):
    seed = reg._seed.hex()
    for name, result in results(reg).items():
        text, html = result.summary(), result._repr_html_()
        assert seed not in text + html + repr(result)
        assert "smoothed regressor" in text
        assert "not of the base, and not of the true value" in text
        assert ("holds for certain" in text) == (result.method == "exact")
        assert ("99.9 %" in text) == (result.method != "exact")
        assert "an L2 length below" in text
        assert "<table>" in html
        if name == "bounds":
            assert "below 0.01." in text
    # the widths of equal bands, to four digits
    bounds = results(reg)["bounds"]
    assert (
        f"width at 0.01  median {np.quantile(bounds.upper - bounds.lower, 0.5, method='lower'):.4g}"
        in (bounds.summary())
    )


def test_radii_are_rounded_down_in_words(reg):
    certificate = reg.certify(ROWS, within=10.0)
    shown = certificate.summary().split("from ")[1].split(" to ")[0]
    smallest = certificate.radii[certificate.radii > 0].min()
    assert float(shown) <= smallest
    assert float(shown) > 0.999 * smallest


def test_frames():
    pd = pytest.importorskip("pandas")
    frame = load_diabetes(as_frame=True).data
    reg = SmoothedRegressor(Ridge(), 0.02, random_state=0).fit(frame, y)
    rows = frame[3:6]
    bounds = reg.certify_interval(rows, [0.005, 0.01])
    assert bounds.feature_names == tuple(frame.columns)
    table = bounds.to_frame()
    assert list(table.index) == [3, 4, 5]
    assert list(table) == [
        *("prediction", "lower@0.005", "upper@0.005", "lower@0.01", "upper@0.01", "n_draws")
    ]
    assert np.array_equal(table["lower@0.01"], bounds.lower[:, 1])
    certificate = reg.certify(rows, within=5.0)
    table = certificate.to_frame(index=list("abc"))
    assert list(table.index) == list("abc")
    assert np.array_equal(table["radius"], certificate.radii)
    assert np.allclose(table["upper"] - table["lower"], 10)
    halves = [reg.certify(part, within=5.0) for part in (rows[:1], rows[1:])]
    assert isinstance(type(halves[0]).concatenate(halves).index, pd.Index)
