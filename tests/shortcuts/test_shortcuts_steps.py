"""Scaling steps as plain arithmetic: what reaches the model is the same, bit for bit."""

import warnings

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier
from sksmooth.backends import get_backend
from sksmooth.noise import IntegerGaussian
from sksmooth.shortcuts import Problem, simplify

# scales from 0.05 to 1e4, an offset that dwarfs its feature, and a feature that never varies
X = np.random.default_rng(0).normal(size=(120, 6)) * [1, 0.05, 1e4, 3, 1 / 3, 0] + [
    0,
    1,
    -7,
    1e6,
    0.1,
    2.5,
]
y = (X[:, 0] > 0).astype(int) + (X[:, 3] > 1e6)
X.setflags(write=False)  # steps with copy=False would overwrite it
SIGMA = 0.3


class Keeper(ClassifierMixin, BaseEstimator):
    """Keeps what it is asked about."""

    def fit(self, X, y):
        self.classes_, self.batches_ = np.unique(y), []
        return self

    def predict(self, X):
        self.batches_.append(np.array(X))
        return self.classes_[(np.asarray(X)[:, 0] > 0).astype(int)]


def problem(model, rows):
    noise = IntegerGaussian(SIGMA, rows.shape[1])
    backend = get_backend(model, model.classes_)
    return Problem(model, model.classes_, None, backend, rows, noise)


def taken(model, rows=X):
    return simplify(problem(model, rows), ["steps"]).taken


CHAINS = {
    "standard": [StandardScaler()],
    "not centred": [StandardScaler(with_mean=False)],
    "not scaled": [StandardScaler(with_std=False)],
    "robust": [RobustScaler()],
    "robust, not centred": [RobustScaler(with_centering=False, quantile_range=(10, 80))],
    "robust, not scaled": [RobustScaler(with_scaling=False)],
    "robust, unit variance": [RobustScaler(unit_variance=True)],
    "min max": [MinMaxScaler()],
    "min max, range": [MinMaxScaler((-1, 3))],
    "min max, clipped": [MinMaxScaler((-1, 3), clip=True)],
    "max abs": [MaxAbsScaler()],
    "two": [MinMaxScaler(), StandardScaler()],
    "four": [MaxAbsScaler(), RobustScaler(), MinMaxScaler((-2, 0.1)), StandardScaler()],
    "with gaps": ["passthrough", StandardScaler(), None, MaxAbsScaler(), "passthrough"],
    "frozen step": [FrozenEstimator(MinMaxScaler().fit(X)), StandardScaler()],
    "overwriting": [StandardScaler(copy=False), MinMaxScaler(copy=False)],
    "steps in a step": [make_pipeline(StandardScaler(), MaxAbsScaler())],
}


def chained(name, model):
    steps = [(f"{i}", s) for i, s in enumerate([*CHAINS[name], model])]
    return clone(Pipeline(steps))


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_model_sees_the_same_values(name, dtype):
    model = chained(name, Keeper()).fit(X.astype(dtype), y)
    rng = np.random.default_rng(1)
    rows = (X[rng.integers(len(X), size=5000)] + rng.normal(size=(5000, 6)) * SIGMA).astype(dtype)
    found = simplify(problem(model, rows[:50]), ["steps"])
    if not found.taken and (dtype == np.float32 or name == "overwriting"):
        return  # versions differ in the precision of the operands; what to compare with is gone
    assert found.taken == ("steps",)
    model[-1].batches_.clear()
    given = rows.copy()
    found.backend.classify(given)
    (seen,) = model[-1].batches_
    assert seen.dtype == dtype
    assert np.array_equal(seen, model[:-1].transform(rows.copy()))


def nest(steps):
    """Pipelines within Pipelines, frozen and not."""
    inner = Pipeline(steps[1:])
    return Pipeline([steps[0], ("inner", inner)])


def test_nested_pipelines_are_unfolded():
    steps = [("a", StandardScaler()), ("b", MinMaxScaler()), ("c", Keeper())]
    model = nest(steps).fit(X, y)
    found = simplify(problem(FrozenEstimator(FrozenEstimator(model)), X), ["steps"])
    assert found.taken == ("steps",)
    keeper = model[-1][-1]
    keeper.batches_.clear()
    found.backend.classify(X.copy())
    assert np.array_equal(keeper.batches_[0], model[-1][0].transform(model[0].transform(X)))


def certified(model, shortcuts, rows=X[:9], n=1017, **options):
    clf = SmoothedClassifier(
        FrozenEstimator(model), SIGMA, shortcuts=shortcuts, method="montecarlo", random_state=0
    )
    return clf.set_params(**options).fit(X.astype(rows.dtype), y).certify(rows, n=n)


@pytest.mark.parametrize("model", [GaussianNB(), DecisionTreeClassifier(), KNeighborsClassifier()])
@pytest.mark.parametrize("name", ["standard", "min max", "four", "overwriting"])
def test_counts_of_predict(name, model):
    """Batches are overwritten, whole ones and leftovers, and each comes afresh."""
    pipeline = chained(name, model).fit(X.copy(), y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = certified(pipeline, None)
        assert np.all(np.ptp(expected.counts, axis=0) > 0)
        for options in ({}, {"batch_size": 64}, {"batch_size": 999}, {"batch_size": 5000}):
            for shortcuts in ("auto", "steps"):
                found = certified(pipeline, shortcuts, **options)
                assert name == "overwriting" or found.shortcut.startswith("steps")
                assert np.array_equal(found.counts, expected.counts)
        with joblib.parallel_config("threading", n_jobs=2):
            assert np.array_equal(certified(pipeline, "steps").counts, expected.counts)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CHAINS)
def test_rows_stay_as_they_were(name, dtype):
    model = chained(name, DecisionTreeClassifier(max_depth=3)).fit(X.copy(), y)
    rows = X[:9].astype(dtype)
    before = rows.copy()
    certified(model, "auto", rows=rows, n=100)
    assert np.array_equal(rows, before)


NOT_UNDERSTOOD = {
    "function": make_pipeline(FunctionTransformer(), GaussianNB()),
    "quantiles": make_pipeline(QuantileTransformer(n_quantiles=20), GaussianNB()),
    "products": make_pipeline(PolynomialFeatures(), GaussianNB()),
    "norms": make_pipeline(StandardScaler(), Normalizer(), GaussianNB()),
    "rotation": make_pipeline(StandardScaler(), PCA(3), GaussianNB()),
    "no steps": make_pipeline(GaussianNB()),
    "no operations": make_pipeline(StandardScaler(with_mean=False, with_std=False), GaussianNB()),
    "a scaler's child": make_pipeline(type("S", (StandardScaler,), {})(), GaussianNB()),
    "a Pipeline's child": type("P", (Pipeline,), {})([("s", StandardScaler()), ("m", Keeper())]),
}


@pytest.mark.parametrize("name", NOT_UNDERSTOOD)
def test_other_steps_are_left_to_predict(name):
    model = clone(NOT_UNDERSTOOD[name]).fit(X, y)
    assert taken(model) == ()


def test_a_replaced_transform_is_not_believed():
    model = make_pipeline(StandardScaler(), GaussianNB()).fit(X, y)
    model[0].transform = lambda X: StandardScaler.transform(model[0], X) * 2
    assert taken(model) == ()


@pytest.mark.parametrize(
    ("scaler", "off"),
    [
        (StandardScaler(), {"with_std": False}),
        (StandardScaler(), {"with_mean": False}),
        (RobustScaler(), {"with_scaling": False}),
        (RobustScaler(), {"with_centering": False}),
        (MinMaxScaler(), {"clip": True}),
    ],
)
def test_parameters_set_after_fit_count(scaler, off):
    """transform reads them again, so they belong to the model that is certified."""
    model = make_pipeline(clone(scaler), GaussianNB()).fit(X, y)
    model[0].set_params(**off)
    assert np.array_equal(certified(model, "auto").counts, certified(model, None).counts)


def test_attributes_changed_after_fit_count():
    model = make_pipeline(StandardScaler(), Keeper()).fit(X, y)
    model[0].mean_, model[0].scale_ = model[0].mean_ + 1 / 3, model[0].scale_ * 7
    found = simplify(problem(model, X), ["steps"])
    model[-1].batches_.clear()
    found.backend.classify(X.copy())
    assert found.taken == ("steps",)
    assert np.array_equal(model[-1].batches_[0], model[0].transform(X))


def test_values_that_are_not_numbers_are_left_to_predict():
    """Not equal to themselves, they could not be compared."""
    model = make_pipeline(StandardScaler(), Keeper()).fit(X, y)
    model[0].scale_[0] = np.nan
    with np.errstate(all="ignore"):
        assert taken(model) == ()


def test_frames():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcdef"))
    plain = make_pipeline(StandardScaler(), GaussianNB())
    named = clone(plain).set_output(transform="pandas")

    def counts(model, shortcuts):
        clf = SmoothedClassifier(
            clone(model), SIGMA, shortcuts=shortcuts, method="montecarlo", random_state=0
        )
        return clf.fit(frame, y).certify(frame[:9], n=1000)

    for model, shortcut in ((plain, "steps"), (named, None)):
        found = counts(model, "auto")
        assert found.shortcut == shortcut
        assert np.array_equal(found.counts, counts(model, None).counts)
    with sklearn.config_context(transform_output="pandas"):
        found = counts(plain, "auto")
        assert found.shortcut is None
        assert np.array_equal(found.counts, counts(plain, None).counts)


def test_output_set_after_fit():
    pytest.importorskip("pandas")
    model = make_pipeline(StandardScaler(), DecisionTreeClassifier()).fit(X, y)
    expected = certified(model, None)
    model.set_output(transform="pandas")
    found = certified(model, "auto")
    assert np.array_equal(found.counts, expected.counts)


def test_cached_pipelines(tmp_path):
    model = Pipeline([("s", MinMaxScaler()), ("m", GaussianNB())], memory=str(tmp_path)).fit(X, y)
    found = certified(model, "auto")
    assert found.shortcut == "steps"
    assert np.array_equal(found.counts, certified(model, None).counts)


def test_whole_numbers():
    model = make_pipeline(RobustScaler(), GaussianNB())
    whole = np.random.default_rng(1).integers(-50, 50, size=(80, 3))

    def counts(shortcuts):
        clf = SmoothedClassifier(
            clone(model), 9.0, shortcuts=shortcuts, method="montecarlo", random_state=0
        )
        return clf.fit(whole, whole[:, 0] > 0).certify(whole[:9], n=1000)

    assert counts("auto").shortcut == "steps"
    assert np.array_equal(counts("auto").counts, counts(None).counts)
