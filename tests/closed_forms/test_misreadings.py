"""The probes that readers are compared on notice a misreading of each kind that is known."""

import dataclasses

import numpy as np
import pytest
from tree_readers import beside_points, scores_of, skewed

from sksmooth.closed_forms.readers import read


def fitted(library):
    X, y = skewed(2)
    if library == "xgboost":
        kind = pytest.importorskip("xgboost").XGBClassifier
        model = kind(n_estimators=10, n_jobs=1, random_state=0)
        raw = lambda rows: model.predict(rows, output_margin=True)  # noqa: E731
    elif library == "lightgbm":
        kind = pytest.importorskip("lightgbm").LGBMClassifier
        model = kind(n_estimators=10, n_jobs=1, verbose=-1, random_state=0)
        raw = lambda rows: model.predict(rows, raw_score=True)  # noqa: E731
    elif library == "catboost":
        kind = pytest.importorskip("catboost").CatBoostClassifier
        model = kind(iterations=10, thread_count=1, verbose=0, allow_writing_files=False)
        raw = lambda rows: model.predict(rows, prediction_type="RawFormulaVal")  # noqa: E731
    else:
        kind = pytest.importorskip("interpret.glassbox").ExplainableBoostingClassifier
        model = kind(interactions=0, outer_bags=1, max_rounds=20, max_bins=32, n_jobs=1)
        raw = lambda rows: model.decision_function(rows)  # noqa: E731
    model.fit(X, y)
    return model, X, raw


def other_comparison(ensemble):
    """Rows at a point go right."""
    return dataclasses.replace(ensemble, point=np.nextafter(ensemble.point, -np.inf))


def next_float32(ensemble):
    """``<`` read as ``<=``, or the other way round, of numbers in float32."""
    low = ensemble.point.astype(np.float32)
    return dataclasses.replace(ensemble, point=np.nextafter(low, np.float32(np.inf)).astype(float))


def no_rounding(ensemble):
    """Rows are compared in float64, with the threshold itself."""
    return dataclasses.replace(ensemble, point=ensemble.point.astype(np.float32).astype(float))


def last_tree_left_out(ensemble):
    values = ensemble.values.copy()
    values[ensemble.roots[-1] :] = 0
    return dataclasses.replace(ensemble, values=values)


def no_offset(ensemble):
    """In LightGBM it is in the first tree."""
    values, offsets = ensemble.values.copy(), np.zeros_like(ensemble.offsets)
    if not np.any(ensemble.offsets):
        first = slice(0, ensemble.roots[1])
        values[first] -= values[first].mean()
    return dataclasses.replace(ensemble, values=values, offsets=offsets)


def half_the_weight(ensemble):
    return dataclasses.replace(ensemble, values=ensemble.values / 2)


MISREADINGS = {
    "comparison": other_comparison,
    "next float32": next_float32,
    "no rounding": no_rounding,
    "a tree less": last_tree_left_out,
    "offset": no_offset,
    "weights": half_the_weight,
}


@pytest.mark.filterwarnings("ignore:X does not have valid feature names")
@pytest.mark.parametrize("library", ["xgboost", "lightgbm", "catboost", "ebm"])
def test_every_misreading_is_seen(library):
    model, X, raw = fitted(library)
    ensemble = read(model)
    rows = beside_points(ensemble, X, n=5000)
    scores = np.reshape(raw(rows), (len(rows), 1))
    errors = ensemble.errors + 2.0**-45 * (1 + np.abs(scores).max())
    assert np.all(np.abs(scores_of(ensemble, rows) - scores) <= errors)
    for name, misread in MISREADINGS.items():
        off = np.abs(scores_of(misread(ensemble), rows) - scores) > errors
        assert off.sum() > 10, name
