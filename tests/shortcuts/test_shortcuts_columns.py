"""ColumnTransformers as plain arithmetic, with what has no noise encoded once a row."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier
from sksmooth.backends import FrameMaker, get_backend
from sksmooth.introspection.columns import Encoder
from sksmooth.noise import IntegerPerFeature
from sksmooth.shortcuts import Problem, simplify

RNG = np.random.default_rng(0)
KINDS = RNG.integers(5, size=(200, 2))
X = np.column_stack([RNG.normal(size=(200, 3)) * [1, 0.1, 30], KINDS]).astype(float)
y = ((X[:, 0] > 0) ^ (X[:, 3] == 2)).astype(int)
SIGMA = np.array([0.3, 0.05, 8.0, 0.0, 0.0])
HOT = OneHotEncoder(sparse_output=False, handle_unknown="ignore")


class Keeper(ClassifierMixin, BaseEstimator):
    """Keeps what it is asked about."""

    def fit(self, X, y):
        self.classes_, self.batches_ = np.unique(y), []
        return self

    def predict(self, X):
        self.batches_.append(np.array(X))
        return self.classes_[(np.asarray(X)[:, 0] > 0).astype(int)]


class ByBatch(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X - X.mean(axis=0)


def with_gaps():
    rows = X.copy()
    rows[RNG.random(X.shape) < 0.1] = np.nan
    return rows


def problem(model, rows=X, frame=None, sigma=SIGMA):
    backend = get_backend(model, model.classes_, frame)
    noise = IntegerPerFeature(tuple(sigma.tolist()))
    return Problem(model, model.classes_, frame, backend, rows, noise)


NUMBERS = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
STEPS = {
    "two parts": [ColumnTransformer([("n", StandardScaler(), [0, 1, 2]), ("k", HOT, [3, 4])])],
    "in another order": [
        ColumnTransformer(
            [
                ("k", OrdinalEncoder(), [4]),
                ("n", MinMaxScaler(clip=True), [2, 0]),
                ("l", HOT, [3]),
                ("m", "passthrough", [1]),
            ]
        )
    ],
    "imputed": [ColumnTransformer([("k", HOT, [3, 4])], remainder=NUMBERS)],
    "dropped": [ColumnTransformer([("k", HOT, [3])], remainder="drop")],
    "only numbers": [ColumnTransformer([("n", StandardScaler(), [2, 0])])],
    "and then": [
        ColumnTransformer([("n", NUMBERS, [0, 1, 2]), ("k", HOT, [3, 4])]),
        StandardScaler(),
    ],
}


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("gaps", [False, True])
def test_the_model_sees_the_same_bits(name, gaps):
    rows = with_gaps() if gaps else X
    model = make_pipeline(*STEPS[name], Keeper()).fit(rows, y)
    found = simplify(problem(model, rows), ["steps"])
    assert found.taken == ("steps",)
    rng = np.random.default_rng(3)
    picked = rows[np.sort(rng.integers(200, size=900))]  # as noisy copies are, and shuffled
    noisy = picked + SIGMA * rng.standard_normal(picked.shape)
    for batch in (noisy, rng.permutation(noisy), noisy[:1]):
        model[-1].batches_.clear()
        found.backend.classify(batch.copy())
        (seen,) = model[-1].batches_
        expected = model[:-1].transform(batch)
        assert seen.dtype == expected.dtype
        assert np.array_equal(seen, expected, equal_nan=True)


def test_constants_are_encoded_once_a_row(monkeypatch):
    asked = []
    encode = Encoder.__call__
    monkeypatch.setattr(
        Encoder, "__call__", lambda self, rows: asked.append(len(rows)) or encode(self, rows)
    )
    base = make_pipeline(*STEPS["two parts"], HistGradientBoostingClassifier(max_iter=3))
    clf = SmoothedClassifier(base, SIGMA, method="montecarlo", random_state=0).fit(X, y)
    certificate = clf.certify(X[:7], n=20_000)
    assert certificate.shortcut == "steps+trees"
    distinct = len(np.unique(X[:7, 3:], axis=0))
    assert sum(asked) == distinct


@pytest.mark.parametrize(
    "model", [GaussianNB(), DecisionTreeClassifier(max_depth=4), LogisticRegression()]
)
@pytest.mark.parametrize("name", ["two parts", "and then"])
def test_counts_of_predict(name, model):
    base = make_pipeline(*STEPS[name], model)
    counts = {}
    for shortcuts in ("auto", None):
        clf = SmoothedClassifier(
            base, SIGMA, method="montecarlo", shortcuts=shortcuts, random_state=0
        )
        certificate = clf.fit(X, y).certify(X[:12], n=3000)
        counts[shortcuts] = certificate.counts
        assert (certificate.shortcut or "").startswith("steps" if shortcuts else "")
    assert np.array_equal(counts["auto"], counts[None])


NOT_UNDERSTOOD = {
    "sparse": ColumnTransformer([("k", OneHotEncoder(), [3, 4])], sparse_threshold=1.0),
    "weights": ColumnTransformer([("k", HOT, [3])], transformer_weights={"k": 2.0}),
    "columns of both kinds": ColumnTransformer([("a", PolynomialFeatures(2), [0, 3])]),
    "noise on what is encoded": ColumnTransformer([("a", PolynomialFeatures(2), [0, 1])]),
    "a function": ColumnTransformer([("k", FunctionTransformer(np.square), [3])]),
    "of one's own": ColumnTransformer([("k", ByBatch(), [3])]),
    "a column that is flagged": ColumnTransformer([("n", SimpleImputer(add_indicator=True), [0])]),
}


@pytest.mark.parametrize("name", NOT_UNDERSTOOD)
def test_other_columns_are_left_to_predict(name):
    model = make_pipeline(NOT_UNDERSTOOD[name], DecisionTreeClassifier()).fit(X, y)
    assert simplify(problem(model), ["steps"]).taken == ()


def test_rows_in_single_precision_are_left_to_predict():
    model = make_pipeline(*STEPS["two parts"], DecisionTreeClassifier()).fit(X, y)
    assert simplify(problem(model, X.astype(np.float32)), ["steps"]).taken == ()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_text(library):
    frames = pytest.importorskip(library)
    words = np.array(["flat", "house", "boat", "tent", "tree"], dtype=object)
    data = {"age": X[:, 0], "income": X[:, 2], "home": words[KINDS[:, 0]], "rooms": KINDS[:, 1]}
    table = frames.DataFrame(data)
    columns = ColumnTransformer(
        [("k", HOT, ["home"]), ("n", NUMBERS, ["income", "age"])], remainder="passthrough"
    )
    base = make_pipeline(columns, HistGradientBoostingClassifier(max_iter=3))
    sigma = {"age": 0.3, "income": 8.0, "*": 0}
    found = {}
    for shortcuts in ("auto", None):
        clf = SmoothedClassifier(
            base, sigma, method="montecarlo", shortcuts=shortcuts, random_state=0
        )
        found[shortcuts] = clf.fit(table, y).certify(table[:12], n=2000)
    assert found["auto"].shortcut == "steps+trees"
    assert np.array_equal(found["auto"].counts, found[None].counts)


def test_columns_by_name_in_another_order_are_left_to_predict():
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(X, columns=list("abcde"))
    columns = ColumnTransformer([("n", StandardScaler(), ["b", "a"]), ("k", HOT, ["d", "e"])])
    model = make_pipeline(columns, DecisionTreeClassifier()).fit(table, y)
    frame = FrameMaker("pandas", tuple("abcde"))
    assert simplify(problem(model, frame=frame), ["steps"]).taken == ("steps",)
    other = FrameMaker("pandas", tuple("bacde"))
    assert simplify(problem(model, frame=other), ["steps"]).taken == ()
