"""With hardly any noise a smoother answers as its base does, on frames with text, dates and gaps.

Every model of the suites stands behind encoders and imputers here. A slice of them runs, and all
with ``SKSMOOTH_FIDELITY=all``.
"""

import functools
import os
import unittest.mock

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from sksmooth import SmoothedClassifier

pd = pytest.importorskip("pandas")

from contracts.models import MODELS
from contracts.oracle import quiet

NUMBERS = ["a", "b", "c", "d"]
TEXT = ["home", "job"]
SIGMA = dict.fromkeys(NUMBERS, 1e-6)
NAMES = [name for name, model in MODELS.items() if not (model.refused or "torch" in model.needs)]
ALL = os.environ.get("SKSMOOTH_FIDELITY") == "all"


def table(model, seed):
    X, y = model.table(seed)
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(np.asarray(X, dtype=np.float64), columns=NUMBERS)
    frame["home"] = rng.choice(["rent", "own"], len(X))
    frame["job"] = pd.Categorical(rng.choice(["x", "y", "z"], len(X)))
    frame["since"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(9, size=len(X)), "D")
    frame.loc[::11, "b"] = np.nan
    return frame, np.where(frame["home"] == "own", y, y[::-1])


def around(model):
    numbers = make_pipeline(SimpleImputer(), FunctionTransformer())
    encoder = make_column_transformer(
        (numbers, NUMBERS), (OneHotEncoder(sparse_output=False), TEXT)
    )
    return make_pipeline(encoder, model)


@pytest.mark.parametrize("name", NAMES if ALL else NAMES[::6])
def test_every_model(name):
    model = MODELS[name]
    if model.missing:
        pytest.skip(f"{model.missing} is not installed")
    frame, y = table(model, 0)
    Z = table(model, 8)[0]
    base = around(model.new())
    handed = []
    original = Pipeline.fit

    @functools.wraps(original)
    def fit(self, X, *args, **options):
        if not handed and set(frame.columns) <= set(getattr(X, "columns", ())):
            handed.append(X.copy())
        return original(self, X, *args, **options)

    with quiet():
        try:
            clone(base).fit(frame, y).predict(Z)
        except Exception as error:
            pytest.skip(f"alone it does not take such rows: {str(error)[:60]}")
        with unittest.mock.patch.object(Pipeline, "fit", fit):
            clf = SmoothedClassifier(base, SIGMA, n_predict=30, random_state=0).fit(frame, y)
        rows = handed[0]
        assert rows.dtypes.equals(frame.dtypes)
        pd.testing.assert_frame_equal(rows, frame, atol=1e-5)
        alone = clone(base).fit(rows, y)
        expected = np.ravel(alone.predict(Z))
        held = np.ones(len(Z), dtype=bool)
        rng = np.random.default_rng(7)
        for _ in range(10):
            noisy = Z.assign(**{n: Z[n] + 8e-6 * rng.standard_normal(len(Z)) for n in NUMBERS})
            held &= np.ravel(alone.predict(noisy)) == expected
        found = clf.predict(Z)
    assert np.mean(held) > 0.9
    assert np.array_equal(found[held], expected[held])
