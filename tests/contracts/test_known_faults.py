"""Faults that were found once, each with the input that showed it and the right value.

They are of two kinds: a fast path answered for a model that answers otherwise, and the base was not
the model that the user had asked for.
"""

import os
import pathlib
import sys
import time
import types
import warnings

import joblib
import numpy as np
import pytest
import sklearn
from contracts.oracle import asked, counts
from helpers import Halfspace, blobs
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, scale
from sklearn.semi_supervised import LabelPropagation, SelfTrainingClassifier
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier

N = 5000


def sampled(base, X, y, sigma=0.5, **options):
    clf = SmoothedClassifier(base, sigma, method="montecarlo", random_state=0, **options)
    return clf.fit(X, y)


def assert_votes_of_predict(clf, X, n=N):
    """With all shortcuts and without: the votes of a base that can only be asked."""
    expected = counts(asked(clf), X, n)
    for shortcuts in ("auto", None):
        found = counts(clf.set_params(shortcuts=shortcuts), X, n)
        assert np.array_equal(found, expected), shortcuts


def attempt(ask):
    """Return the message of a refusal, and the answer if there is none."""
    try:
        return "", ask()
    except (RuntimeError, ValueError) as error:
        return str(error), None


def rarely(X):
    """A thousandth of any smooth noise, which a few hundred rows do not show."""
    return np.floor(np.asarray(X)[:, 0] * 8192) % 1000 == 3


def table(n=200, d=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


# --- 1. a fast path answers for a model that answers otherwise


def test_1_1_histograms_that_went_on_with_other_rows():
    """Older trees keep the bins of the earlier fit; predict does not use bins at all."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(20_000, 5))
    y = (X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(int)
    options = {"warm_start": True, "random_state": 0, "early_stopping": False}
    model = HistGradientBoostingClassifier(max_iter=30, **options).fit(X[:16_000], y[:16_000])
    model.set_params(max_iter=45).fit(X, y)
    rows = X[[1275, 733]]
    clf = sampled(FrozenEstimator(model), X, y, sigma=0.25)
    assert_votes_of_predict(clf, rows, n=100_000)
    shares = counts(clf.set_params(shortcuts="auto"), rows, 100_000).max(axis=1) / 100_000
    assert np.all(np.abs(shares - [0.5063, 0.5059]) < 0.007)  # found by 3e6 plain draws


class TestMethodsOfObjects:
    """1.2"""

    def test_predict_of_a_pipeline(self):
        X, y = load_breast_cancer(return_X_y=True)
        pipe = make_pipeline(StandardScaler(), KNeighborsClassifier()).fit(X, y)
        pipe.predict = lambda Z: (pipe.predict_proba(Z)[:, 1] > 0.9).astype(int)
        clf = sampled(FrozenEstimator(pipe), X, y, sigma=X.std(axis=0) / 4)
        assert_votes_of_predict(clf, X[:40], n=200)

    def test_transform_of_a_step(self):
        X, y = table()
        pipe = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
        scaler = pipe[0]

        def transform(Z):
            return np.where(rarely(Z)[:, None], -1, 1) * StandardScaler.transform(scaler, Z)

        scaler.transform = transform
        clf = sampled(FrozenEstimator(pipe), X, y)
        assert_votes_of_predict(clf, X[:3])
        assert clf.set_params(method="auto").certify(X[:3], n=100).method == "montecarlo"

    def test_predict_proba_of_a_forest(self):
        X, y = table()
        forest = RandomForestClassifier(5, random_state=0).fit(X, y)

        def predict_proba(Z):
            p = RandomForestClassifier.predict_proba(forest, Z)
            return np.where(rarely(Z)[:, None], p[:, ::-1], p)

        forest.predict_proba = predict_proba
        assert_votes_of_predict(sampled(FrozenEstimator(forest), X, y), X[:3], n=20_000)

    def test_decision_function_far_away(self):
        """No draw gets there: only the structure can tell. g does change at 1.0."""
        X, y = table()
        linear = LogisticRegression(C=100).fit(X, y)

        def decision_function(Z):
            scores = LogisticRegression.decision_function(linear, Z)
            return np.where(np.linalg.norm(Z, axis=1) > 30, -scores, scores)

        linear.decision_function = decision_function
        clf = SmoothedClassifier(FrozenEstimator(linear), 0.5, random_state=0).fit(X, y)
        certificate = clf.certify(5 * X[:3], n=1000)
        assert certificate.method == "montecarlo"
        assert certificate.radii.max() < 5
        with pytest.raises(ValueError, match="closed form"):
            clf.set_params(method="exact").certify(X[:3])


class Reversed(Pipeline):
    """A subclass with a predict of its own."""

    def predict(self, X):
        return 1 - super().predict(X)


class Thawed(FrozenEstimator):
    def predict(self, X):
        return 1 - self.estimator.predict(X)


class LikeASearch(ClassifierMixin, BaseEstimator):
    def __init__(self, estimator):
        self.estimator = estimator

    def __sklearn_is_fitted__(self):
        return True

    def fit(self, X, y):
        return self

    @property
    def best_estimator_(self):
        return self.estimator

    @property
    def classes_(self):
        return self.estimator.classes_

    def predict(self, X):
        return 1 - self.estimator.predict(X)


@pytest.mark.parametrize("case", ["pipeline", "frozen", "predict_proba", "search"])
def test_1_3_around_nets(case):
    pytest.importorskip("torch")
    from nets import mlp_net

    X, y = blobs(60)
    X = X.astype(np.float32)
    net = mlp_net().fit(X, y)
    if case == "predict_proba":
        forward = type(net).predict_proba
        net.predict_proba = lambda Z: forward(net, Z)[:, ::-1]
    base = {
        "pipeline": lambda: FrozenEstimator(Reversed([("net", net)])),
        "frozen": lambda: Thawed(net),
        "predict_proba": lambda: FrozenEstimator(net),
        "search": lambda: FrozenEstimator(LikeASearch(net)),
    }[case]()
    assert_votes_of_predict(sampled(base, X, y, sigma=1.0), X[:4], n=500)


def test_1_4_a_convolution_that_is_called_twice():
    torch = pytest.importorskip("torch")
    from skorch import NeuralNetClassifier
    from torch import nn

    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.bn = nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4)
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            x = self.bn(self.conv(x)) - 3 * self.conv(x)
            return self.head(x.mean(dim=(2, 3)))

    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 1, 6, 6)).astype(np.float32)
    y = (X.mean(axis=(1, 2, 3)) > 0).astype(int)
    torch.manual_seed(0)
    net = NeuralNetClassifier(Twice, max_epochs=3, verbose=0, train_split=None).fit(X, y)
    with torch.no_grad():
        net.module_.bn.running_mean += 1.0
    clf = sampled(FrozenEstimator(net), X, y).set_params(shortcuts=["fold"])
    with pytest.raises(ValueError, match="conv is called 2 times"):
        clf.certify(X[:4], n=500)


class TestBasesThatReadTheirBatch:
    """1.5"""

    def test_a_step(self):
        X, y = table()
        clf = sampled(make_pipeline(FunctionTransformer(scale), LogisticRegression()), X, y)
        with pytest.raises(ValueError, match="batch"):
            clf.certify(X[:5], n=500)

    def test_a_net(self):
        torch = pytest.importorskip("torch")
        from nets import MLP, mlp_net

        class Centred(MLP):
            def forward(self, x):
                return super().forward(x - x.mean(0))

        X, y = blobs(60)
        torch.manual_seed(0)
        clf = sampled(mlp_net(module=Centred), X.astype(np.float32), y)
        with pytest.raises(ValueError, match="batch"):
            clf.certify(X[:5].astype(np.float32), n=500)

    def test_a_base_that_draws_is_another_matter(self):
        """The theorem covers a random base, whatever batch it is asked in."""

        class Random(Halfspace):
            def predict(self, X):
                other = np.random.random(len(X)) < 0.1
                return np.where(other, 1 - super().predict(X), super().predict(X))

        X, y = blobs(40)
        assert sampled(Random(), X, y).certify(X[:3], n=200).counts.sum() > 0


class TestLogsOfAnotherModel:
    """1.6 and 1.16"""

    X, y = blobs(40)

    def logged_again(self, base, change, tmp_path, monkeypatch):
        """Certify with a log, change the model, repeat: refused, or the new model's labels."""
        clf = sampled(base, self.X, self.y)
        rows = self.X[:6]
        before = clf.certify(rows, n=200, log=tmp_path / "log")
        change(monkeypatch)
        fresh = clf.certify(rows, n=200)
        assert not np.array_equal(fresh.labels, before.labels)  # or there is nothing to notice
        refusal, again = attempt(lambda: clf.certify(rows, n=200, log=tmp_path / "log"))
        assert "model" in refusal if refusal else np.array_equal(again.labels, fresh.labels)

    def test_a_module_of_the_script(self, tmp_path, monkeypatch):
        torch = pytest.importorskip("torch")
        from nets import mlp_net
        from torch import nn

        torch.manual_seed(0)
        backbone = nn.Linear(2, 2)

        class Within(nn.Module):
            def __init__(self, n_in, n_out):
                super().__init__()
                self.s = nn.Parameter(torch.ones(1))

            def forward(self, x):
                return backbone(x) * self.s

        self.X = self.X.astype(np.float32)

        def change(_):
            with torch.no_grad():
                backbone.weight *= -1.0
                backbone.bias *= -1.0

        net = FrozenEstimator(mlp_net(module=Within, max_epochs=0).fit(self.X, self.y))
        self.logged_again(net, change, tmp_path, monkeypatch)

    @pytest.mark.parametrize(
        "name",
        [
            *("list", "dict", "tuple", "namespace", "model", "user module", "class attribute"),
            *("property", "attribute set later", "environment", "file", "configuration"),
            "left out of the state",
        ],
    )
    def test_what_predict_reads_elsewhere(self, name, tmp_path, monkeypatch):
        base, change = elsewhere(name, tmp_path)
        self.logged_again(base, change, tmp_path, monkeypatch)


# what the bases below read; a test changes it
SIGNS = [1.0]
TABLE = {"sign": 1.0}
PAIR = ([1.0], "sign")
SPACE = types.SimpleNamespace(sign=1.0)
MODEL = {"inner": Halfspace().fit(*blobs(40))}


class Signed(Halfspace):
    """A half-space, turned around if a sign that is kept elsewhere is negative."""

    ARRAY = np.array([1.0])

    def __init__(self, where="list", w=(1.0, 0.0)):
        self.where, self.w = where, w

    def __getstate__(self):
        return {k: v for k, v in vars(self).items() if k != "hidden_"}

    @property
    def of_a_property(self):
        return SIGNS[0]

    def sign(self):
        where = self.where
        if where == "user module":
            return sys.modules["of_the_user"].sign
        return {
            "list": lambda: SIGNS[0],
            "dict": lambda: TABLE["sign"],
            "tuple": lambda: PAIR[0][0],
            "namespace": lambda: SPACE.sign,
            "model": lambda: MODEL["inner"].w[0],
            "class attribute": lambda: self.ARRAY[0],
            "property": lambda: self.of_a_property,
            "attribute set later": lambda: vars(type(self)).get("LATER", 1.0),
            "environment": lambda: float(os.environ.get("SIGN", 1.0)),
            "file": lambda: float(pathlib.Path(self.path_).read_text()),
            "configuration": lambda: -1.0 if sklearn.get_config()["assume_finite"] else 1.0,
            "left out of the state": lambda: vars(self).get("hidden_", 1.0),
        }[where]()

    def predict(self, X):
        return self.classes_[(self.sign() * (np.asarray(X)[:, 0] - 2) > 0).astype(int)]


def _configuration():
    return sklearn._config._get_threadlocal_config()


def elsewhere(name, folder):
    """Return a frozen model that reads a sign somewhere, and what turns that sign around."""
    model = Signed(name).fit(*blobs(40))
    if name == "file":
        model.path_ = str(folder / "sign")
        pathlib.Path(model.path_).write_text("1.0")
    if name == "user module":
        sys.modules["of_the_user"] = types.ModuleType("of_the_user")
        sys.modules["of_the_user"].sign = 1.0

    change = {
        "list": lambda patch: patch.setitem(globals(), "SIGNS", [-1.0]),
        "dict": lambda patch: patch.setitem(TABLE, "sign", -1.0),
        "tuple": lambda patch: patch.setitem(globals(), "PAIR", ([-1.0], "sign")),
        "namespace": lambda patch: patch.setattr(SPACE, "sign", -1.0),
        "model": lambda patch: patch.setattr(MODEL["inner"], "w", (-1.0, 0.0)),
        "user module": lambda patch: patch.setattr(sys.modules["of_the_user"], "sign", -1.0),
        "class attribute": lambda patch: patch.setattr(Signed, "ARRAY", np.array([-1.0])),
        "property": lambda patch: patch.setattr(Signed, "of_a_property", property(lambda s: -1.0)),
        "attribute set later": lambda patch: patch.setattr(Signed, "LATER", -1.0, raising=False),
        "environment": lambda patch: patch.setenv("SIGN", "-1.0"),
        "file": lambda patch: pathlib.Path(model.path_).write_text("-1.0"),
        "configuration": lambda patch: patch.setitem(_configuration(), "assume_finite", True),
        "left out of the state": lambda patch: setattr(model, "hidden_", -1.0),
    }[name]
    return FrozenEstimator(model), change


def test_1_16_a_parameter_that_no_probe_shows(tmp_path):
    """What changes .01 % of draws is seen in the parameters, not in the answers."""
    X, y = table()
    tree = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, y)
    clf = sampled(FrozenEstimator(tree), X, y)
    clf.certify(X[:2], n=200, log=tmp_path / "log")
    tree.tree_.threshold[0] += 1e-9
    with pytest.raises(ValueError, match="model"):
        clf.certify(X[:2], n=200, log=tmp_path / "log")


def test_1_7_linear_models_far_from_zero():
    X = np.random.default_rng(0).normal(size=(200, 50)) + 2e7
    y = (X[:, 0] > 2e7).astype(int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf = sampled(LogisticRegression(), X, y, sigma=0.1)
    assert_votes_of_predict(clf, X[:3], n=500)


class TestThreads:
    """1.8"""

    def assert_same_votes(self, clf, X, n=20_000):
        expected = counts(clf, X, n)
        with joblib.parallel_config(backend="threading"):
            for _ in range(3):
                assert np.array_equal(counts(clf.set_params(n_jobs=2), X, n), expected)

    def test_a_net_that_keeps_what_a_hook_gets(self):
        torch = pytest.importorskip("torch")
        from nets import MLP, mlp_net

        class Hooked(MLP):
            def __init__(self, n_in, n_out):
                super().__init__(n_in, n_out)
                self.layers[0].register_forward_hook(self.keep)

            def keep(self, layer, args, output):
                self.inner = output

            def forward(self, x):
                return super().forward(x) + self.inner[:, :2]

        X, y = blobs(60)
        torch.manual_seed(0)
        clf = sampled(mlp_net(module=Hooked), X.astype(np.float32), y, batch_size=700)
        self.assert_same_votes(clf, X[:3].astype(np.float32))

    def test_a_base_with_a_buffer(self):
        class Buffered(Halfspace):
            def predict(self, X):
                if not hasattr(self, "buffer_"):
                    self.buffer_ = np.empty(20_000)
                scores = self.buffer_[: len(X)]
                scores[:] = np.asarray(X)[:, 0]
                time.sleep(0.002)  # the other thread's turn
                return self.classes_[(scores > 0).astype(int)]

        X, y = blobs(60)
        self.assert_same_votes(sampled(Buffered(), X - [2, 0], y), X[:3] - [2, 0], n=50_000)


class OfTheEnvironment(Halfspace):
    def predict(self, X):
        sign = float(os.environ.get("SIGN_OF_TEST", 1.0))
        return self.classes_[(sign * np.asarray(X)[:, 0] > 0).astype(int)]


class OfTheErrorState(Halfspace):
    def predict(self, X):
        sign = -1.0 if np.geterr()["under"] == "raise" else 1.0
        return self.classes_[(sign * np.asarray(X)[:, 0] > 0).astype(int)]


class OfTheFolder(Halfspace):
    def predict(self, X):
        sign = -1.0 if os.path.exists("only_here") else 1.0
        return self.classes_[(sign * np.asarray(X)[:, 0] > 0).astype(int)]


@pytest.mark.parametrize("where", ["environment", "error state", "folder", "patched class"])
def test_1_9_processes_with_globals_of_their_own(where, monkeypatch, tmp_path):
    """Each worker answers as this process does, or there is no certificate."""
    kinds = {"environment": OfTheEnvironment, "error state": OfTheErrorState, "folder": OfTheFolder}
    X, y = blobs(60)
    base = FrozenEstimator(kinds.get(where, Halfspace)().fit(X, y))
    clf = sampled(base, X, y, n_jobs=2)
    with joblib.parallel_config(backend="loky"):
        counts(clf, X[:2], 500)  # the workers exist before anything is changed
        if where == "environment":
            monkeypatch.setenv("SIGN_OF_TEST", "-1.0")
        if where == "error state":
            monkeypatch.setattr(np, "geterr", lambda: {"under": "raise"})
        if where == "folder":
            (tmp_path / "only_here").touch()
            monkeypatch.chdir(tmp_path)
        if where == "patched class":
            right = Halfspace.predict
            monkeypatch.setattr(Halfspace, "predict", lambda self, X: 1 - right(self, X))
        expected = counts(asked(clf), X[:2], 500)
        refusal, found = attempt(lambda: counts(clf, X[:2], 500))
    assert "worker" in refusal if refusal else np.array_equal(found, expected)


class TestVotesOfNets:
    """1.10 and 1.11"""

    X, y = blobs(80)
    X = X.astype(np.float32)

    def assert_as_predict_says(self, net):
        clf = sampled(FrozenEstimator(net), self.X, self.y, sigma=1.0)
        assert_votes_of_predict(clf, self.X[:8], n=2000)

    def test_scores_that_are_nearly_equal(self):
        """softmax in float32 makes ties of them, and the first wins."""
        torch = pytest.importorskip("torch")
        from nets import mlp_net

        torch.manual_seed(0)
        net = mlp_net().fit(self.X, self.y)
        with torch.no_grad():
            net.module_.layers[2].weight *= 1e-7
            net.module_.layers[2].bias.zero_()
        self.assert_as_predict_says(net)

    def test_half_precision(self):
        torch = pytest.importorskip("torch")
        from nets import MLP, mlp_net

        class Half(MLP):
            def forward(self, x):
                return super().forward(x.half())

        torch.manual_seed(0)
        net = mlp_net(module=Half, max_epochs=0).initialize()
        net.module_.half()
        with torch.no_grad():
            net.module_.layers[2].weight *= 0.01
            net.module_.layers[2].bias.zero_()
        self.assert_as_predict_says(net)

    def test_a_nonlinearity_of_the_class_itself(self):
        torch = pytest.importorskip("torch")
        from nets import MLP
        from skorch import NeuralNetClassifier
        from torch import nn

        class Cautious(NeuralNetClassifier):
            def _get_predict_nonlinearity(self):
                return lambda scores: torch.softmax(scores, 1) * torch.tensor([3.0, 1.0])

        torch.manual_seed(0)
        net = Cautious(
            MLP, criterion=nn.CrossEntropyLoss, max_epochs=5, lr=0.1, verbose=0, batch_size=16
        ).fit(self.X, self.y)
        self.assert_as_predict_says(net)

    @pytest.mark.parametrize("threshold", [0.5, 0.3, np.float64(0.3), float(np.float32(0.3))])
    def test_thresholds(self, threshold):
        torch = pytest.importorskip("torch")
        from nets import binary_net

        torch.manual_seed(0)
        net = binary_net(threshold=threshold).fit(self.X, self.y.astype(np.float32))
        with torch.no_grad():  # so flat that many scores are equal in float32
            net.module_.layer.weight *= 1e-7
            net.module_.layer.bias.fill_(float(np.log(threshold / (1 - threshold))))
        self.assert_as_predict_says(net)

    def test_the_first_parameter_is_of_another_type(self):
        torch = pytest.importorskip("torch")
        from nets import MLP, mlp_net
        from torch import nn

        class Tempered(nn.Module):
            def __init__(self, n_in, n_out):
                super().__init__()
                self.temperature = nn.Parameter(torch.ones(1, dtype=torch.bfloat16))
                self.body = MLP(n_in, n_out)

            def forward(self, x):
                return self.body(x.to(torch.float32)) / self.temperature.to(torch.float32)

        torch.manual_seed(0)
        net = mlp_net(module=Tempered).fit(self.X, self.y)
        X = 100 + self.X  # where bfloat16 has steps of a half
        with torch.no_grad():
            net.module_.body.layers[0].bias -= 100 * net.module_.body.layers[0].weight.sum(dim=1)
        assert_votes_of_predict(sampled(FrozenEstimator(net), X, self.y, 1.0), X[:6], 1000)


def test_1_12_histograms_that_went_on_with_early_stopping():
    X = np.random.default_rng(0).normal(size=(4000, 5))
    y = (X[:, 0] * X[:, 1] + X[:, 2] > 0).astype(int)
    options = {"warm_start": True, "random_state": 0}
    model = HistGradientBoostingClassifier(max_iter=20, **options).fit(X, y)
    model.set_params(max_iter=40, early_stopping=True).fit(X, y)
    thresholds = model._bin_mapper.bin_thresholds_
    nodes = np.concatenate([p.nodes for (p,) in model._predictors])
    nodes = nodes[~nodes["is_leaf"].astype(bool)]
    binned = [
        thresholds[f][b] for f, b in zip(nodes["feature_idx"], nodes["bin_threshold"], strict=True)
    ]
    assert np.sum(binned != nodes["num_threshold"]) > 100  # or there is nothing to notice
    near = X[np.argsort(np.abs(model.decision_function(X)))[:3]]
    assert_votes_of_predict(sampled(FrozenEstimator(model), X, y, 0.25), near, n=50_000)


def test_1_13_a_net_with_more_outputs_than_classes():
    torch = pytest.importorskip("torch")
    from nets import mlp_net

    X, y = blobs(60)
    X = X.astype(np.float32)
    torch.manual_seed(0)
    clf = sampled(mlp_net(n_out=4), X, y)
    with torch.no_grad():
        clf.estimator_.module_.layers[2].bias[3] += 100.0
    with pytest.raises(ValueError, match="class"):
        clf.certify(X[:3], n=500)


def test_1_14_a_module_that_differentiates():
    torch = pytest.importorskip("torch")
    from nets import MLP, mlp_net

    class Differentiates(MLP):
        def forward(self, x):
            with torch.enable_grad():
                x = x.detach().requires_grad_(True)
                (slope,) = torch.autograd.grad(super().forward(x).sum(), x)
            return super().forward(x) + slope[:, :1]

    X, y = blobs(60)
    X = X.astype(np.float32)
    torch.manual_seed(0)
    assert_votes_of_predict(sampled(mlp_net(module=Differentiates), X, y), X[:3], n=500)


@pytest.mark.parametrize("how", ["object", "class"])
@pytest.mark.parametrize("name", ["_raw_predict", "_preprocess_X", "predict"])
def test_1_15_private_methods_of_boosting(name, how, monkeypatch):
    """`test_overrides` has several hundred others."""
    X, y = table(400)
    kind = HistGradientBoostingClassifier
    model = kind(max_iter=5, random_state=0, early_stopping=False).fit(X, y)
    if name == "_preprocess_X" and not hasattr(kind, name):
        pytest.skip("not in this version of scikit-learn")
    original = getattr(kind, name)

    def other(self, Z, *args, **options):
        return original(self, np.where(rarely(Z)[:, None], -Z, Z), *args, **options)

    if how == "object":
        vars(model)[name] = other.__get__(model)
    else:
        owner = next(base for base in kind.__mro__ if name in vars(base))
        monkeypatch.setattr(owner, name, other)
    assert_votes_of_predict(sampled(FrozenEstimator(model), X, y), X[:3], n=20_000)


def test_1_15_a_tree_that_is_replaced():
    X, y = table(400)
    model = DecisionTreeClassifier(max_depth=4, random_state=0).fit(X, y)
    inner = model.tree_

    class Tree:
        def __getattr__(self, name):
            return getattr(inner, name)

        def predict(self, Z):
            return inner.predict(np.where(rarely(Z)[:, None], -Z, Z))

    model.tree_ = Tree()
    clf = sampled(FrozenEstimator(model), X, y)
    assert_votes_of_predict(clf, X[:3], n=20_000)
    assert clf.set_params(method="auto").certify(X[:3], n=500).method == "montecarlo"


# --- 2. the base is not the model that the user asked for


class TestLabels:
    """2.1"""

    def test_weights_of_classes(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(400, 3))
        y = np.where(X[:, 0] + rng.normal(size=400) > 1.2, 1, 2)
        base = LogisticRegression(class_weight={1: 50.0})
        alone = np.mean(base.fit(X, y).predict(X) == 1)
        smoothed = SmoothedClassifier(base, 0.01, random_state=0).fit(X, y)
        assert alone > 0.8
        assert abs(np.mean(smoothed.predict(X) == 1) - alone) < 0.02
        assert smoothed.estimator_.classes_.tolist() == [1, 2]

    def test_the_lung_cancer_table(self, data_folder):
        pd = pytest.importorskip("pandas")
        lung = pd.read_csv(data_folder / "tables" / "lung.csv").dropna()
        X = StandardScaler().fit_transform(lung.drop(columns=["status", "inst"]))
        y = lung["status"].to_numpy()
        base = LogisticRegression(class_weight={1: 5.0})
        alone = base.fit(X, y).predict(X)[y == 1]
        found = SmoothedClassifier(base, 0.01, random_state=0).fit(X, y).predict(X)[y == 1]
        assert np.mean(alone == 1) > 0.8
        assert abs(np.mean(found == 1) - np.mean(alone == 1)) < 0.05

    def test_the_positive_label(self):
        X, y = table(400)
        base = FixedThresholdClassifier(LogisticRegression(), threshold=0.95, pos_label=1)
        labels = np.array([1, 2])[y]
        alone = np.mean(base.fit(X, labels).predict(X) == 1)
        found = SmoothedClassifier(base, 0.01, random_state=0).fit(X, labels).predict(X)
        assert abs(np.mean(found == 1) - alone) < 0.02

    def test_strings(self):
        X, y = table()
        base = LogisticRegression(class_weight={"ill": 50.0, "well": 1.0})
        labels = np.array(["ill", "well"])[y]
        alone = base.fit(X, labels).predict(X)
        found = SmoothedClassifier(base, 0.001, random_state=0).fit(X, labels).predict(X)
        assert np.mean(found == alone) > 0.98

    @pytest.mark.parametrize("package", ["xgboost", "lightgbm"])
    def test_validation_sets(self, package):
        """Their labels are the user's, as those of y are."""
        X, y = table(400)
        labels = np.array(["ill", "well"])[y]
        module = pytest.importorskip(package)
        if package == "xgboost":
            base = module.XGBClassifier(n_estimators=50, early_stopping_rounds=2, n_jobs=1)
            options = {"verbose": False}
        else:
            base = module.LGBMClassifier(n_estimators=50, n_jobs=1, verbose=-1)
            options = {"callbacks": [module.early_stopping(2, verbose=False)]}
        validation = table(200, seed=1)
        options["eval_set"] = [(validation[0], np.array(["ill", "well"])[validation[1]])]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            clf = SmoothedClassifier(base, 0.01, random_state=0).fit(X, labels, **options)
            found = clf.predict(X)
        assert clf.classes_.tolist() == ["ill", "well"]
        assert np.mean(found == labels) > 0.9


@pytest.mark.filterwarnings("ignore:max_iter=1000 was reached")
@pytest.mark.parametrize(
    "base",
    [SelfTrainingClassifier(LogisticRegression()), LabelPropagation()],
    ids=["self", "graph"],
)
def test_2_2_rows_without_a_label(base):
    X, y = table()
    y[::2] = -1
    clf = SmoothedClassifier(base, 0.1, n=500, random_state=0).fit(X, y)
    assert clf.classes_.tolist() == [0, 1]
    certificate = clf.certify(X[:20])
    assert set(certificate.labels[~certificate.abstained].tolist()) <= {0, 1}
    assert clf.abstain_label_ not in (0, 1)
    assert clf.score(X[1::2], y[1::2]) > 0.8


def test_2_3_columns_of_categories():
    pd = pytest.importorskip("pandas")
    X, y = table()
    codes = pd.Categorical(np.array(["a", "b", "c"])[np.arange(len(X)) % 3])
    frame = pd.DataFrame({"x": X[:, 0], "c": codes})
    base = HistGradientBoostingClassifier(max_iter=5, random_state=0)
    assert base.fit(frame, y).is_categorical_.tolist() == [False, True]
    numbers = frame.assign(c=pd.Categorical(np.arange(len(X)) % 3))
    for other in (frame, numbers):
        clf = SmoothedClassifier(base, np.array([0.1, 0.0]), random_state=0).fit(other, y)
        assert clf.estimator_.is_categorical_.tolist() == [False, True]
        with pytest.raises(ValueError, match=r"cannot be added to 'c' \(categories\)"):
            SmoothedClassifier(base, 0.1).fit(other, y)


class TestCopiesInValidation:
    """2.4"""

    def test_a_search(self):
        """Copies of a row in both parts of a split make a tree that knows rows by heart look best.

        Either they stay together, or a warning names the search.
        """
        rng = np.random.default_rng(0)
        X = rng.normal(size=(150, 4))
        y = ((X[:, 0] > 0) ^ (rng.random(150) < 0.3)).astype(int)
        base = GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, None]}, cv=3)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            options = {"sigma": 0.05, "random_state": 0}
            clf = SmoothedClassifier(base, n_augment=8, **options).fit(X, y)
        one = SmoothedClassifier(base, **options).fit(X, y).estimator_
        assert one.best_params_ == {"max_depth": 1}
        named = any("GridSearchCV" in str(warning.message) for warning in said)
        honest = clf.estimator_.best_params_ == {"max_depth": 1}
        assert named or (honest and clf.estimator_.best_score_ < 0.8)

    def test_early_stopping(self):
        """It turns itself on above 10,000 rows, which the user does not have."""
        X, y = table(3000)
        base = HistGradientBoostingClassifier(max_iter=3, random_state=0)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            clf = SmoothedClassifier(base, 0.1, n_augment=4, random_state=0).fit(X, y)
        assert not base.fit(X, y).do_early_stopping_
        named = any("HistGradientBoosting" in str(warning.message) for warning in said)
        assert named or not clf.estimator_.do_early_stopping_


@pytest.mark.parametrize("case", ["initialized", "warm_start"])
def test_2_5_weights_that_are_not_used(case):
    """fit begins with fresh weights; whoever loaded others is told so."""
    torch = pytest.importorskip("torch")
    from nets import mlp_net

    X, y = blobs(60)
    X = X.astype(np.float32)
    net = mlp_net(max_epochs=1, warm_start=case == "warm_start").initialize()
    with torch.no_grad():
        net.module_.layers[2].bias += 5.0
    with pytest.warns(UserWarning, match="weights"):
        SmoothedClassifier(net, 0.5, random_state=0).fit(X, y)


def test_2_6_fit_parameters_without_one_value_a_row():
    lightgbm = pytest.importorskip("lightgbm")
    X, y = table(400)
    base = lightgbm.LGBMClassifier(n_estimators=10, n_jobs=1, verbose=-1)
    options = {
        "eval_set": [table(100, seed=1)],
        "callbacks": [lightgbm.early_stopping(2, verbose=False)],
        "sample_weight": np.ones(len(X)),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        clf = SmoothedClassifier(base, 0.1, n_augment=2, random_state=0).fit(X, y, **options)
        assert np.mean(clf.predict(X) == y) > 0.8
