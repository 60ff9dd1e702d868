"""Which models may be read from the inside: those that their library wrote, all through."""

import copy
import functools
import pickle
import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.decomposition import NMF, PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler, StandardScaler, scale
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import all_estimators
from sklearn.utils.estimator_checks import (
    check_methods_sample_order_invariance,
    check_methods_subset_invariance,
)

from sksmooth import SmoothedClassifier
from sksmooth.introspection import answers_by_row, split, why_not_readable

X = np.random.default_rng(0).normal(size=(80, 3))
y = (X[:, 0] + 0.3 * X[:, 1] > 0).astype(int)


@pytest.mark.parametrize(("name", "kind"), all_estimators("classifier"), ids=lambda v: str(v)[:40])
def test_every_classifier_of_scikit_learn_may_be_read(name, kind):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = kind().fit(X, y)
    except (TypeError, ValueError):  # needs another estimator, or other rows
        pytest.skip("does not fit without arguments")
    assert why_not_readable(model) is None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of compiled tables that are in memory order already
        assert why_not_readable(copy.deepcopy(model), pickle.loads(pickle.dumps(model))) is None


MODELS = {
    "pipeline": make_pipeline(StandardScaler(), MinMaxScaler(), LogisticRegression()),
    "nested": Pipeline([("a", make_pipeline(StandardScaler())), ("b", GaussianNB())]),
    "search": GridSearchCV(make_pipeline(StandardScaler(), RidgeClassifier()), {}, cv=2),
    "forest": RandomForestClassifier(3, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=3),
    "histograms": HistGradientBoostingClassifier(max_iter=3),
    "adaboost": AdaBoostClassifier(n_estimators=3),
    "output": make_pipeline(StandardScaler(), DecisionTreeClassifier()).set_output(
        transform="default"
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_usual_models_may_be_read(name, tmp_path):
    model = clone(MODELS[name]).fit(X, y)
    assert why_not_readable(model, FrozenEstimator(model)) is None
    model.some_note = {"trained": "yesterday", "by": ["me"]}  # hides nothing
    joblib.dump(model, tmp_path / "model")
    assert why_not_readable(joblib.load(tmp_path / "model", mmap_mode="r")) is None


class Stranger(ClassifierMixin, BaseEstimator):
    def predict(self, X):
        return np.zeros(len(X))


class Scaler(StandardScaler):
    pass


def test_strangers():
    """Also deep inside, and under the name of a class of the library."""
    forged = type("StandardScaler", (StandardScaler,), {"__module__": StandardScaler.__module__})
    forest = RandomForestClassifier(2, random_state=0).fit(X, y)
    forest.estimators_[1] = Stranger()
    booster = GradientBoostingClassifier(n_estimators=2).fit(X, y)
    booster.estimators_[1, 0].tree_ = Stranger()
    for thing in (Stranger(), [Stranger()], {"a": (Stranger(),)}, forest, booster):
        assert "Stranger" in why_not_readable(thing)
    for scaler in (Scaler(), forged()):
        model = make_pipeline(scaler, GaussianNB()).fit(X, y)
        assert "is no class of a known library" in why_not_readable(model)
        assert why_not_readable(model, deep=False) is None


@pytest.mark.parametrize("attribute", ["predict", "transform", "_check_n_features", "fit"])
def test_methods_set_on_objects(attribute):
    for place in ("itself", "step", "model"):
        model = make_pipeline(StandardScaler(), GaussianNB()).fit(X, y)
        thing = {"itself": model, "step": model[0], "model": model[1]}[place]
        setattr(thing, attribute, len)
        hides = hasattr(type(thing), attribute)
        assert (why_not_readable(model) is not None) == hides


REPLACED = [
    (LogisticRegression, "decision_function"),
    (LogisticRegression, "predict"),
    (HistGradientBoostingClassifier, "_raw_predict"),
    (HistGradientBoostingClassifier, "_preprocess_X"),
    (RandomForestClassifier, "_validate_X_predict"),
    (RandomForestClassifier, "predict_proba"),
    (DecisionTreeClassifier, "predict"),
    (GradientBoostingClassifier, "_raw_predict_init"),
    (GaussianNB, "_joint_log_likelihood"),
    (StandardScaler, "transform"),
    (Pipeline, "predict"),
]


@pytest.mark.parametrize(("kind", "name"), REPLACED, ids=lambda v: getattr(v, "__name__", v))
def test_methods_replaced_in_classes(kind, name, monkeypatch):
    model = kind([("model", GaussianNB())]) if kind is Pipeline else kind()
    model.fit(X, y)
    assert why_not_readable(model) is None
    owner = next(cls for cls in kind.__mro__ if name in vars(cls))
    original = getattr(kind, name)

    def replacement(self, X):
        return original(self, X)

    disguised = functools.wraps(original)(lambda *args: original(*args))
    renamed = functools.partialmethod(original)
    for other in (
        replacement,
        disguised,
        renamed,
        RidgeClassifier.fit,
        len,
        functools.partial(len),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, other)
            assert f"{name} of {owner.__name__} was replaced" in why_not_readable(model)
        assert why_not_readable(model) is None
    if kind not in (owner, Pipeline):  # put into the class that had inherited it
        with monkeypatch.context() as patch:
            patch.setattr(kind, name, replacement, raising=False)
            assert why_not_readable(model) is not None


def test_code_replaced_in_a_function(monkeypatch):
    model = GaussianNB().fit(X, y)
    assert why_not_readable(model) is None
    method = GaussianNB._joint_log_likelihood
    monkeypatch.setattr(method, "__code__", (lambda self, X: np.zeros((len(X), 2))).__code__)
    assert "_joint_log_likelihood" in why_not_readable(model)


def test_split_stops_at_what_may_not_be_read():
    inner = make_pipeline(StandardScaler(), GaussianNB()).fit(X, y)
    steps, model = split(FrozenEstimator(Pipeline([("s", MinMaxScaler()), ("p", inner)])))
    assert [type(step) for step in steps] == [MinMaxScaler, StandardScaler]
    assert model is inner[-1]
    inner.predict = lambda X: np.zeros(len(X))
    steps, model = split(FrozenEstimator(Pipeline([("s", MinMaxScaler()), ("p", inner)])))
    assert [type(step) for step in steps] == [MinMaxScaler]
    assert model is inner
    search = GridSearchCV(make_pipeline(StandardScaler(), GaussianNB()), {}, cv=2).fit(X, y)
    assert split(search)[1] is search.best_estimator_[-1]
    search.predict = lambda X: np.zeros(len(X))
    assert split(search) == ([], search)


def test_continued_boosting_is_not_taken_for_its_bins():
    """A second fit makes new bins; trees of the first keep the numbers of the old ones."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(4000, 5))
    labels = (rows[:, 0] * rows[:, 1] + rows[:, 2] > 0).astype(int)
    options = {"max_iter": 10, "warm_start": True, "random_state": 0, "early_stopping": False}
    other_rows = HistGradientBoostingClassifier(**options).fit(rows[:3000], labels[:3000])
    other_rows.set_params(max_iter=15).fit(rows, labels)
    same_rows = HistGradientBoostingClassifier(**options).fit(rows, labels)
    same_rows.set_params(max_iter=15, early_stopping=True).fit(rows, labels)
    plain = HistGradientBoostingClassifier(**options).fit(rows, labels)
    for model, shortcut in ((other_rows, None), (same_rows, None), (plain, "trees")):
        base = FrozenEstimator(model)
        clf = SmoothedClassifier(base, 0.25, method="montecarlo", n=3000, random_state=0)
        clf.fit(rows, labels)
        found = clf.certify(rows[:20])
        assert found.shortcut == shortcut
        plainly = clf.set_params(shortcuts=None).certify(rows[:20])
        assert np.array_equal(found.counts, plainly.counts)


CLAIMED = [
    (name, kind)
    for name, kind in all_estimators(["classifier", "transformer"])
    if answers_by_row(object.__new__(kind))
    and "Label" not in name  # whose X has one dimension
    and name != "IsotonicRegression"
]


@pytest.mark.parametrize(("name", "kind"), CLAIMED, ids=lambda v: str(v)[:40])
def test_scikit_learn_agrees_that_they_answer_by_row(name, kind):
    made = pytest.importorskip("sklearn.utils._test_common.instance_generator")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = next(made._construct_instances(kind))
        check_methods_subset_invariance(name, model)
        check_methods_sample_order_invariance(name, model)


class Centred(StandardScaler):
    def transform(self, X):
        return X - X.mean(axis=0)


def nearest(**options):
    return KNeighborsClassifier(**options).fit(X, y)


@pytest.mark.parametrize(
    ("model", "is_proved"),
    [
        (nearest(), True),
        (make_pipeline(StandardScaler(), PCA(2), nearest()), True),
        (GridSearchCV(nearest(), {}, cv=2).fit(X, y), True),
        (FrozenEstimator(make_pipeline(FunctionTransformer(), nearest())), True),
        (make_pipeline(FunctionTransformer(scale), nearest()), False),
        (make_pipeline(FunctionTransformer(np.sort), nearest()), False),
        (make_pipeline(Centred(), nearest()), False),
        (make_pipeline(NMF(), nearest()), False),
        (nearest(metric=lambda a, b: np.abs(a - b).sum()), False),
        (DummyClassifier(strategy="uniform", random_state=0), False),
    ],
    ids=lambda v: str(v)[:40],
)
def test_which_models_are_proved_to_answer_by_row(model, is_proved):
    assert answers_by_row(model) == is_proved
    inner = split(model)[1]
    inner.predict = lambda X: inner.classes_[(X.mean() < X).any(axis=1).astype(int)]
    assert not answers_by_row(model)
