"""The hash of a model: other answers have another one, equal models the same, in any process."""

import pickle

import numpy as np
import pytest
from helpers import assert_same_certificate, blobs
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier

from sksmooth import SmoothedClassifier
from sksmooth.introspection.fingerprint import fingerprint

X, y = blobs(60, d=5)


class Rule(ClassifierMixin, BaseEstimator):
    """Answers by a function, or by whatever it is given."""

    def __init__(self, function=None):
        self.function = function

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return (self.function(X)[:, 0] > 0).astype(int)


def edited(body):
    """A class of that name, as a script would define it after an edit."""
    names = {"Rule": Rule, "np": np}
    exec(f"class Edited(Rule):\n    def predict(self, X):\n        return {body}\n", names)
    names["Edited"].__module__ = __name__
    return names["Edited"]().fit(X, y)


def scaled(*, s):
    return lambda X, *, scale=s: X * scale


def shifted(s):
    return lambda X: X + s


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (edited("(X[:, 0] > 0) * 1"), edited("(X[:, 0] <= 0) * 1")),
        (Rule(scaled(s=2.0)), Rule(scaled(s=3.0))),
        (Rule(shifted(2.0)), Rule(shifted(3.0))),
        (Rule(compile("X * 2", "", "eval")), Rule(compile("X * 3", "", "eval"))),
        (Rule(np.eye(5).dot), Rule((2 * np.eye(5)).dot)),
        (Rule(np.ma.array([1, 2], mask=[0, 1])), Rule(np.ma.array([1, 2], mask=[1, 0]))),
        (Rule({"a": 1, "b": 2}), Rule({"b": 2, "a": 1})),
        (Rule(np.zeros(2)), Rule(np.zeros(2, dtype=np.float32))),
        (Rule(0), Rule(False)),
        (Rule("1"), Rule(b"1")),
    ],
)
def test_apart(one, other):
    assert fingerprint(one) != fingerprint(other)
    assert fingerprint(one) == fingerprint(one)


@pytest.mark.parametrize("change", ["order", "activation", "weights", "infer", "collate"])
def test_nets_apart(change):
    torch, skorch = pytest.importorskip("torch"), pytest.importorskip("skorch")
    torch.manual_seed(0)
    parts = [torch.nn.Linear(5, 5), torch.nn.Tanh(), torch.nn.Linear(5, 5)]
    options = {"iterator_valid__collate_fn": None}

    def net():
        return skorch.NeuralNetClassifier(
            torch.nn.Sequential(*parts), criterion=torch.nn.CrossEntropyLoss, **options
        ).initialize()

    first = net()
    before = fingerprint(first)
    assert fingerprint(net()) == fingerprint(pickle.loads(pickle.dumps(first))) == before
    if change == "order":
        parts.reverse()
    elif change == "activation":
        parts[1] = torch.nn.ReLU()
    elif change == "weights":
        parts[0].weight.data.mul_(-1)
    elif change == "collate":
        options["iterator_valid__collate_fn"] = max
    second = net()
    if change == "infer":
        second.infer = second.module_.forward
    assert fingerprint(second) != before


@pytest.mark.parametrize("base", [KNeighborsClassifier(), RandomForestClassifier(5, n_jobs=2)])
def test_asking_changes_nothing(base, tmp_path):
    options = {"method": "montecarlo", "shortcuts": None, "random_state": 0}
    clf = SmoothedClassifier(base, sigma=1.0, **options).fit(X, y)
    before = fingerprint(clf.estimator_)
    certificate = clf.certify(X, n=300, log=tmp_path / "run.tsv")
    assert fingerprint(clf.estimator_) == before
    assert_same_certificate(clf.certify(X, n=300, log=tmp_path / "run.tsv"), certificate)


def test_code_is_known_by_what_it_does():  # models of Flax keep code objects
    lines = [compile(f"{blank}(lambda X: X * 2)(X)", "", "eval") for blank in ("", "\n\n")]
    assert lines[0] != lines[1]  # by their line numbers
    assert fingerprint(lines[0]) == fingerprint(lines[1])


def test_recurrent_nets_have_one():
    torch = pytest.importorskip("torch")
    net = torch.nn.LSTM(3, 4)
    assert fingerprint(net) == fingerprint(pickle.loads(pickle.dumps(net)))


@pytest.mark.parametrize("fitted", [MLPClassifier(max_iter=1), GradientBoostingClassifier()])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_where_numpys_generator_stands_is_no_content(fitted):
    """Models with random_state=None keep numpy's global one, which anybody may draw from."""
    fitted.fit(X, y)
    before = fingerprint(fitted)
    np.random.random_sample(3)
    assert fingerprint(fitted) == before


def test_a_catboost_model_is_the_same_when_it_is_loaded():
    catboost = pytest.importorskip("catboost")
    options = {"n_estimators": 3, "verbose": 0, "allow_writing_files": False}
    one, other = (catboost.CatBoostClassifier(**options).fit(X, y + i) for i in (0, X[:, 1] > 0))
    assert fingerprint(one) == fingerprint(pickle.loads(pickle.dumps(one)))
    assert fingerprint(one) != fingerprint(other)
