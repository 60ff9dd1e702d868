"""A log goes on with the model that began it, and with no other: by parameters and by answers."""

import contextlib
import copy
import functools
import json
import os
import pathlib
import subprocess
import sys
import types

import joblib
import numpy as np
import pytest
import sklearn
from helpers import assert_same_certificate, blobs
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier
from sksmooth.backends import get_backend
from sksmooth.introspection.probes import probe_rows
from sksmooth.records import read_log
from sksmooth.records.probed import ask, probed_rows

X, y = blobs(60, d=5)
MEAN = float(X[:, 0].mean())


class Base(ClassifierMixin, BaseEstimator):
    """Answers 1 where the first feature is above a threshold that something else knows."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def threshold(self):
        return MEAN

    def predict(self, X):
        return (X[:, 0] > self.threshold()).astype(int)


# What a model looks up when it is asked, and what then happens to it.
LIST, DICT, ARRAY, TUPLE, NUMBER = [MEAN], {"at": {"t": MEAN}}, np.array([MEAN]), (MEAN,), MEAN
SPACE = types.SimpleNamespace(t=MEAN)
LAWYER = LogisticRegression().fit(X, y)
SETTINGS = types.ModuleType("settings_of_a_user")
SETTINGS.t, SETTINGS.Inner = MEAN, type("Inner", (), {"values": [MEAN]})


def helper():
    return MEAN


class Handle:
    """Is pickled by the path of its file, and reads it when asked."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Handle, (self.path,)

    def read(self):
        return float(pathlib.Path(self.path).read_text())


class Forgetful:
    """Leaves its content out of its state."""

    def __init__(self, t):
        self.t = t

    def __getstate__(self):
        return {"name": "forgetful"}


class Descriptor:
    """Gives what a table outside has."""

    def __get__(self, instance, owner=None):
        return DICT["at"]["t"]


class Session:
    """An object that nothing can look into, as an ONNX session."""

    __slots__ = ("_run",)

    def __init__(self, t):
        self._run = lambda: t


SESSION = Session(MEAN)


def base(read, **attributes):
    """A model whose threshold comes from a function, of a class with these attributes."""
    kind = type("Reads", (Base,), {"threshold": read, **attributes})
    kind.__module__ = __name__
    return kind().fit(X, y)


def by_config(self):
    return MEAN + sklearn.get_config()["assume_finite"]


def by_environment(self):
    return float(os.environ.get("SKSMOOTH_TEST_T", MEAN))


def by_folder(self):
    return float(pathlib.Path("threshold").read_text())


def by_path(self):
    return pathlib.Path(self.path).stat().st_size / 10


def by_lawyer(self):
    return float(LAWYER.intercept_[0])


LOOKED_UP = {
    "global list": (lambda self: LIST[0], lambda m, model, tmp: put(m, LIST, 0, 0.5)),
    "global dict": (
        lambda self: DICT["at"]["t"],
        lambda m, model, tmp: m.setitem(DICT["at"], "t", 0.5),
    ),
    "global array": (
        lambda self: ARRAY[0],
        lambda m, model, tmp: m.setattr(f"{__name__}.ARRAY", np.array([0.5])),
    ),
    "global tuple": (
        lambda self: TUPLE[0],
        lambda m, model, tmp: m.setattr(f"{__name__}.TUPLE", (0.5,)),
    ),
    "global number": (
        lambda self: NUMBER,
        lambda m, model, tmp: m.setattr(f"{__name__}.NUMBER", 0.5),
    ),
    "global namespace": (lambda self: SPACE.t, lambda m, model, tmp: m.setattr(SPACE, "t", 0.5)),
    "global model": (by_lawyer, lambda m, model, tmp: m.setattr(LAWYER, "intercept_", [0.5])),
    "global session": (
        lambda self: SESSION._run(),
        lambda m, model, tmp: m.setattr(f"{__name__}.SESSION", Session(0.5)),
    ),
    "global helper": (
        lambda self: helper(),
        lambda m, model, tmp: m.setattr(f"{__name__}.helper", lambda: 0.5),
    ),
    "attribute of a module": (
        lambda self: SETTINGS.t,
        lambda m, model, tmp: m.setattr(SETTINGS, "t", 0.5),
    ),
    "class in a module": (
        lambda self: SETTINGS.Inner.values[0],
        lambda m, model, tmp: put(m, SETTINGS.Inner.values, 0, 0.5),
    ),
    "environment": (
        by_environment,
        lambda m, model, tmp: m.setenv("SKSMOOTH_TEST_T", "0.5"),
    ),
    "configuration of scikit-learn": (
        by_config,
        lambda m, model, tmp: m.setitem(
            sklearn._config._get_threadlocal_config(), "assume_finite", True
        ),
    ),
}


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "threshold").write_text(f"{MEAN}")
    return tmp_path


class Places:
    """Lets monkeypatch put values into lists and arrays, and put the old ones back."""

    def __init__(self, values):
        self.values = values

    def get(self, place, default):
        return copy.copy(self.values[place])

    def __setitem__(self, place, value):
        self.values[place] = value


def put(m, values, place, value):
    m.setitem(Places(values), place, value)


def smoothed(model, **options):
    options = {"method": "montecarlo", "shortcuts": None, "random_state": 0} | options
    clf = SmoothedClassifier(Base(), sigma=1.0, **options).fit(X, y)
    clf.estimator_ = model
    return clf


def refused(model, change, folder, monkeypatch, match="model"):
    """Begin a log, change something, and see it refused and left as it is."""
    clf, log = smoothed(model), folder / "run.tsv"
    before = clf.certify(X, n=200, log=log)
    content = log.read_bytes()
    with monkeypatch.context() as m:
        change(m, model, folder)
        with pytest.raises(ValueError, match=f"is of another run: .*{match}"):
            clf.certify(X, n=200, log=log)
    assert log.read_bytes() == content
    return clf, before, log


@pytest.mark.parametrize("kind", LOOKED_UP)
def test_what_a_model_looks_up(kind, in_folder, monkeypatch):
    read, change = LOOKED_UP[kind]
    clf, before, log = refused(
        base(read), change, in_folder, monkeypatch, "noisy rows get another label"
    )
    assert_same_certificate(clf.certify(X, n=200, log=log), before)


def patched(name, value):
    return lambda m, model, folder: m.setattr(type(model), name, value)


def with_attribute(read, **attributes):
    """A model with attributes of its own."""
    model = base(read)
    vars(model).update(attributes)
    return model


def edited(m, model, folder):
    (folder / "threshold").write_text("0.5")


def scaled(X, *, by=1.0):
    return X * by


def at(t):
    return lambda self: t


def fitted(model):
    return model.fit(X, y)


class Lazy(Base):
    """Reads a file when it is first asked, and does not pickle what it has read."""

    @functools.cached_property
    def content(self):
        return float(pathlib.Path("threshold").read_text())

    def threshold(self):
        return self.content

    def __getstate__(self):
        return {k: v for k, v in vars(self).items() if k != "content"}


def reread(m, model, folder):
    edited(m, model, folder)
    del model.content


CHANGES = {
    "array of the class": (
        lambda: base(lambda self: self.table[0], table=np.array([MEAN])),
        patched("table", np.array([0.5])),
    ),
    "list of the class": (
        lambda: base(lambda self: self.table[0], table=[MEAN]),
        lambda m, model, folder: put(m, type(model).table, 0, 0.5),
    ),
    "number of the class": (lambda: base(lambda self: self.t, t=MEAN), patched("t", 0.5)),
    "descriptor": (
        lambda: base(lambda self: self.t, t=Descriptor()),
        lambda m, model, folder: m.setitem(DICT["at"], "t", 0.5),
    ),
    "property": (
        lambda: base(lambda self: self.t, t=property(lambda self: LIST[0])),
        lambda m, model, folder: put(m, LIST, 0, 0.5),
    ),
    "another property": (
        lambda: base(lambda self: self.t, t=property(lambda self: MEAN)),
        patched("t", property(lambda self: 0.5)),
    ),
    "cached property": (lambda: Lazy().fit(X, y), reread),
    "file": (lambda: with_attribute(by_path, path="threshold"), edited),
    "working directory": (
        lambda: base(by_folder),
        lambda m, model, folder: (
            ((folder / "x").mkdir(), edited(m, model, folder / "x")) and m.chdir(folder / "x")
        ),
    ),
    "handle with a path": (
        lambda: with_attribute(lambda self: self.handle.read(), handle=Handle("threshold")),
        edited,
    ),
    "state that leaves things out": (
        lambda: with_attribute(lambda self: self.inner.t, inner=Forgetful(MEAN)),
        lambda m, model, folder: m.setattr(model.inner, "t", 0.5),
    ),
    "slots with a closure": (
        lambda: with_attribute(lambda self: self.inner._run(), inner=Session(MEAN)),
        lambda m, model, folder: m.setattr(model, "inner", Session(0.5)),
    ),
    "method": (lambda: base(at(MEAN)), patched("threshold", lambda self: 0.5)),
    "static method": (
        lambda: base(lambda self: self.t(), t=staticmethod(lambda: MEAN)),
        patched("t", staticmethod(lambda: 0.5)),
    ),
    "class method": (
        lambda: base(lambda self: self.t(), t=classmethod(lambda cls: MEAN)),
        patched("t", classmethod(lambda cls: 0.5)),
    ),
    "method of a parent": (
        lambda: base(Base.threshold),
        lambda m, model, folder: m.setattr(Base, "predict", lambda self, X: np.ones(len(X), int)),
    ),
    "method of a library": (
        lambda: fitted(LogisticRegression()),
        lambda m, model, folder: m.setattr(
            type(model), "predict", lambda self, X: (X[:, 0] > 1).astype(int)
        ),
    ),
    "method of the instance": (
        lambda: base(at(MEAN)),
        lambda m, model, folder: m.setattr(model, "threshold", lambda: 0.5),
    ),
    "closure": (lambda: with_attribute(at(0.0)), patched("threshold", at(0.5))),
    "defaults": (
        lambda: base(lambda self, t=MEAN: t),
        lambda m, model, folder: m.setattr(type(model).threshold, "__defaults__", (0.5,)),
    ),
    "keyword defaults": (
        lambda: fitted(make_pipeline(FunctionTransformer(scaled), GaussianNB())),
        lambda m, model, folder: m.setattr(scaled, "__kwdefaults__", {"by": 1.0 + 1e-9}),
    ),
    "attribute of a function": (
        lambda: base(lambda self: scaled.t, t=setattr(scaled, "t", MEAN)),
        lambda m, model, folder: m.setattr(scaled, "t", 0.5),
    ),
    "argument of a partial": (
        lambda: with_attribute(lambda self: self.f(), f=functools.partial(float, MEAN)),
        lambda m, model, folder: m.setattr(model, "f", functools.partial(float, MEAN + 1e-9)),
    ),
    "coefficient": (
        lambda: fitted(LogisticRegression()),
        lambda m, model, folder: m.setattr(model, "coef_", model.coef_ * (1 + 1e-12)),
    ),
    "coefficient in place": (
        lambda: fitted(LogisticRegression()),
        lambda m, model, folder: put(m, model.coef_[0], 0, model.coef_[0, 0] + 1e-9),
    ),
    "threshold of a tree": (
        lambda: fitted(DecisionTreeClassifier(random_state=0)),
        lambda m, model, folder: put(m, model.tree_.threshold, 0, model.tree_.threshold[0] + 1e-9),
    ),
    "training row": (
        lambda: fitted(KNeighborsClassifier(algorithm="brute")),
        lambda m, model, folder: put(m, model._fit_X[3], 0, model._fit_X[3, 0] + 1e-9),
    ),
    "setting": (
        lambda: fitted(KNeighborsClassifier()),
        lambda m, model, folder: m.setattr(model, "n_neighbors", 4),
    ),
    "step of a pipeline": (
        lambda: fitted(make_pipeline(StandardScaler(), GaussianNB())),
        lambda m, model, folder: put(m, model[0].mean_, 0, model[0].mean_[0] + 1e-9),
    ),
    "array in a dict": (
        lambda: with_attribute(at(MEAN), table={"a": [np.zeros(3)]}),
        lambda m, model, folder: put(m, model.table["a"][0], 1, 1e-9),
    ),
    "random instead": (
        lambda: base(at(MEAN)),
        patched("predict", lambda self, X: np.random.default_rng().integers(2, size=len(X))),
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_changes(kind, in_folder, monkeypatch):
    model, change = CHANGES[kind]
    refused(model(), change, in_folder, monkeypatch)


def few(share):
    """A threshold so far beyond the other one that it changes about this share of the answers."""
    noisy = X[:, 0] + np.random.default_rng(1).normal(size=(20_000, len(X)))
    above = np.sort(noisy[noisy > MEAN])
    return above[int(share * noisy.size)]


@pytest.mark.parametrize(("share", "seen"), [(1e-3, True), (1e-6, False)])
def test_the_smallest_change_that_only_answers_show(share, seen, tmp_path, monkeypatch):
    clf = smoothed(base(lambda self: LIST[0]))
    clf.certify(X, n=200, log=tmp_path / "run.tsv")
    put(monkeypatch, LIST, 0, few(share))
    refuses = pytest.raises(ValueError, match="of 3072 noisy rows get another label")
    with refuses if seen else contextlib.nullcontext():
        clf.certify(X, n=200, log=tmp_path / "run.tsv")


class TestNets:
    @pytest.fixture(autouse=True)
    def torch(self):
        torch = pytest.importorskip("torch")
        pytest.importorskip("skorch")
        torch.manual_seed(0)
        torch.set_num_threads(1)
        return torch

    def certified(self, module, log, X=X):
        from sksmooth import nets

        net = nets.frozen_net(module)
        clf = SmoothedClassifier(net, sigma=1.0, random_state=0).fit(X.astype(np.float32), y)
        return clf, clf.certify(X.astype(np.float32), n=200, log=log)

    @pytest.mark.parametrize("change", [1.0, 1e-2])
    def test_a_module_that_is_a_global(self, torch, tmp_path, change):
        backbone = torch.nn.Linear(5, 2)
        namespace = {"backbone": backbone, "nn": torch.nn, "torch": torch}
        exec(
            "class W(nn.Module):\n"
            "    def __init__(self):\n"
            "        super().__init__()\n"
            "        self.s = nn.Parameter(torch.ones(1))\n"
            "    def forward(self, x):\n"
            "        return backbone(x) * self.s\n",
            namespace,
        )
        log = tmp_path / "run.tsv"
        clf, _ = self.certified(namespace["W"](), log)
        with torch.no_grad():
            backbone.weight[0] += change
        with pytest.raises(ValueError, match="its model answers otherwise"):
            clf.certify(X.astype(np.float32), n=200, log=log)

    @pytest.mark.parametrize("kind", ["weight", "buffer"])
    def test_parameters(self, torch, tmp_path, kind):
        module = torch.nn.Sequential(torch.nn.BatchNorm1d(5), torch.nn.Linear(5, 2))
        clf, _ = self.certified(module, tmp_path / "run.tsv")
        with torch.no_grad():
            inside = clf.estimator_.estimator.module_
            (inside[1].weight if kind == "weight" else inside[0].running_mean)[0] += 1e-6
        with pytest.raises(ValueError, match=r"settings\.model is"):
            clf.certify(X.astype(np.float32), n=200, log=tmp_path / "run.tsv")

    @pytest.mark.filterwarnings("ignore:TF32")
    @pytest.mark.parametrize("precision", ["float32", "bfloat16"])
    def test_other_kernels_and_threads(self, torch, tmp_path, precision):
        import torch.backends.mkldnn

        parts = [torch.nn.Unflatten(1, (1, 5, 5)), torch.nn.Conv2d(1, 32, 3, padding=1)]
        parts += [torch.nn.ReLU(), torch.nn.Conv2d(32, 32, 3), torch.nn.ReLU()]
        module = torch.nn.Sequential(*parts, torch.nn.Flatten(), torch.nn.Linear(288, 2))
        rows = np.tile(X, 5)
        log = tmp_path / "run.tsv"
        clf, before = self.certified(module.to(getattr(torch, precision)), log, rows)
        assert len(read_log(log).settings["probes"]["near"]["scores"]) == 32
        torch.set_num_threads(2)
        clf.set_params(batch_size=7, n_jobs=2)
        with torch.backends.mkldnn.flags(enabled=False):
            again = clf.certify(rows.astype(np.float32), n=200, log=log)
        assert_same_certificate(again, before)


def test_a_model_that_answers_at_random_goes_on(tmp_path):
    """Each answer may be of another draw, and the theorem holds: the log cannot ask for more."""
    model = base(at(MEAN), predict=lambda self, X: np.random.default_rng().integers(2, size=len(X)))
    clf, log = smoothed(model), tmp_path / "run.tsv"
    before = clf.certify(X, n=200, log=log)
    assert read_log(log).settings["probes"]["near"] is None
    cut(log)
    again = clf.certify(X, n=200, log=log)
    assert again.counts.sum() == before.counts.sum()


def test_a_model_that_keeps_one_array_for_its_answers(tmp_path):
    """The log holds what it answered to each batch, not what it answered last."""
    buffer = np.empty(2**17, dtype=np.int64)

    class Thrifty(Base):
        def predict(self, X):
            found = buffer[: len(X)]
            found[:] = super().predict(X)
            return found

    probes = []
    for number, kind in enumerate((Base, Thrifty)):
        log = tmp_path / f"{number}.tsv"
        smoothed(kind().fit(X, y)).certify(X, n=200, log=log)
        probes.append(read_log(log).settings["probes"])
    assert probes[0] == probes[1]


def test_a_model_that_refuses_rows_from_far_away(tmp_path):
    class Careful(Base):
        def predict(self, X):
            if np.max(np.abs(X)) > 15:
                raise ZeroDivisionError
            return super().predict(X)

    clf, log = smoothed(Careful().fit(X, y)), tmp_path / "run.tsv"
    before = clf.certify(X, n=200, log=log)
    assert read_log(log).settings["probes"]["far"] is None
    assert_same_certificate(clf.certify(X, n=200, log=log), before)


@pytest.mark.parametrize("keep", ["rows", "votes"])
def test_a_log_without_answers_is_refused(tmp_path, keep):
    """It is of an older version; nobody can tell whether its model is this one."""
    clf, log = smoothed(fitted(GaussianNB())), tmp_path / "run.tsv"
    before = clf.certify(X, n=200, log=log)
    title, head, *lines = log.read_text().split("\n")
    head = json.loads(head.removeprefix("# "))
    del head["settings"]["probes"]
    if keep == "rows":
        log.write_text("\n".join([title, f"# {json.dumps(head)}", *lines]))
    else:
        log.unlink()
        (tmp_path / "run.tsv.partial").write_text(json.dumps(head) + "\n")
    with pytest.raises(ValueError, match="an older version has written it"):
        clf.certify(X, n=200, log=log)
    if keep == "rows":
        assert_same_certificate(read_log(log).certificate, before)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda probes: probes["near"].update(labels="?"),
        lambda probes: probes["near"].update(labels="AAAA"),
        lambda probes: probes["near"].update(scores=[1.0]),
        lambda probes: probes["near"].update(scores="x"),
        lambda probes: probes["near"].pop("labels"),
        lambda probes: probes.update(near=3),
        lambda probes: probes.update(near=None),
        lambda probes: probes.clear(),
    ],
)
def test_answers_that_somebody_has_changed(tmp_path, spoil):
    clf, log = smoothed(fitted(GaussianNB())), tmp_path / "run.tsv"
    clf.certify(X, n=200, log=log)
    title, head, *lines = log.read_text().split("\n")
    head = json.loads(head.removeprefix("# "))
    spoil(head["settings"]["probes"])
    log.write_text("\n".join([title, f"# {json.dumps(head)}", *lines]))
    with pytest.raises(ValueError, match="is of another run"):
        clf.certify(X, n=200, log=log)


class Scores(Base):
    """Two scores, whose rounding the test decides; a tie in one answer of a hundred."""

    dtype = np.float64
    error = 0.0
    flipped = ()

    def decision_function(self, X):
        return X[:, 0].astype(self.dtype) * self.dtype(1 + self.error)

    def predict(self, X):
        label = (X[:, 0] > 0).astype(int)
        label[np.isin(X[:, 0], self.flipped)] ^= 1
        return label


def answers(**changes):
    model = Scores().fit(X, y)
    vars(model).update(changes)
    return ask(get_backend(model, np.array([0, 1])), X, np.ones(5), b"0" * 16)


@pytest.mark.parametrize(
    ("dtype", "error", "same"),
    [
        (np.float64, 1e-4, True),
        (np.float64, 1e-2, False),
        (np.float16, 1e-2, True),
        (np.float16, 0.2, False),
    ],
)
def test_rounding(dtype, error, same):
    before = json.loads(json.dumps(answers(dtype=dtype).record()))
    found = answers(dtype=dtype, error=error).difference(before)
    assert (found is None) == same
    assert same or "the scores of noisy rows are" in found


def near_probes():
    """The first feature of the probes with the noise's own width."""
    seeds = range(3)
    return np.concatenate(
        [probe_rows(X, np.ones(5), near=1024, far=0, seed=s)[:, 0] for s in seeds]
    )


def test_labels_may_differ_where_scores_tell_a_tie():
    before = answers().record()
    near = near_probes()
    order = near[np.argsort(np.abs(near))]
    assert answers(flipped=order[:2]).difference(before) is None
    assert "1 of 3072 noisy rows get another label" in answers(flipped=order[900]).difference(
        before
    )


class Spiked(Scores):
    """One score in each batch is something else."""

    spike = np.inf

    def decision_function(self, X):
        scores = super().decision_function(X)
        scores[0] = self.spike
        return scores


def test_one_enormous_score_hides_no_label():
    one, other = Spiked().fit(X, y), Spiked().fit(X, y)
    one.spike = other.spike = 1e30
    other.flipped = flipped = near_probes()[np.abs(near_probes()) > 2]
    one, other = (
        ask(get_backend(model, np.array([0, 1])), X, np.ones(5), b"0" * 16)
        for model in (one, other)
    )
    found = f"{len(flipped)} of 3072 noisy rows get another label"
    assert found in other.difference(one.record())


def test_one_score_that_is_no_number_hides_nothing():

    backends = [get_backend(Spiked().fit(X, y), np.array([0, 1])) for _ in range(2)]
    backends[1].estimator.error = 0.01
    one, other = (ask(backend, X, np.ones(5), b"0" * 16) for backend in backends)
    assert "the scores of noisy rows" in one.difference(other.record())


def test_scores_are_those_of_the_probes_where_the_model_overwrites_its_batch():
    """Two models with equal labels are told apart by their scores at the same probes."""

    class Overwrites(Base):
        def predict(self, X):
            found = (X[:, 0] > 0).astype(int)
            X[:] = 0
            return found

        def decision_function(self, X):
            return self.slope * X[:, 0]

    backends = [get_backend(Overwrites().fit(X, y), np.array([0, 1])) for _ in range(2)]
    for backend, slope in zip(backends, (1.0, 2.0), strict=True):
        backend.estimator.slope = slope
    one, other = (ask(backend, X, np.ones(5), b"0" * 16) for backend in backends)
    assert "the scores of noisy rows" in one.difference(other.record())


@pytest.mark.parametrize("size", [1, 4, 1000, 150_528])
def test_probes_fit_into_memory(size):
    """Thousands where rows are small; 256 of an image, never all at once."""

    class Counts(Base):
        seen, widest = 0, 0

        def predict(self, X):
            type(self).seen += len(X)
            type(self).widest = max(self.widest, X.size)
            return (X[:, 0] > 0).astype(int)

    rows = np.zeros((3, size), dtype=np.float32)
    backend = get_backend(Counts().fit(X, y), np.array([0, 1]))
    assert ask(backend, rows, np.ones(size), b"0" * 16).far is not None
    assert Counts.seen == 2 * {1: 4096, 4: 4096, 1000: 4096, 150_528: 256}[size]
    assert Counts.widest <= 2**22


def test_probes_lie_around_rows_of_all_parts():
    rows = probed_rows(10_000, 3072)
    assert len(rows) == 256
    assert rows[0] == 0
    assert rows[-1] > 9900
    assert len(np.unique(probed_rows(17, 150_528))) == 16


def cut(log, rows=20):
    """Take rows away, as if the run had been interrupted."""
    log.write_bytes(b"\n".join(log.read_bytes().split(b"\n")[: 3 + rows]) + b"\n")


def models():
    found = {
        "logistic": LogisticRegression(),
        "neighbours": KNeighborsClassifier(),
        "forest": RandomForestClassifier(20, n_jobs=2, min_samples_leaf=5),
        "boosting": GradientBoostingClassifier(n_estimators=5),
        "histogram": HistGradientBoostingClassifier(max_iter=5),
        "mlp": MLPClassifier(max_iter=5),
        "pipeline": make_pipeline(StandardScaler(), GaussianNB()),
    }
    with contextlib.suppress(ImportError):
        from xgboost import XGBClassifier

        found["xgboost"] = XGBClassifier(n_estimators=5, n_jobs=2)
    with contextlib.suppress(ImportError):
        from lightgbm import LGBMClassifier

        found["lightgbm"] = LGBMClassifier(n_estimators=5, verbose=-1)
    with contextlib.suppress(ImportError):
        from catboost import CatBoostClassifier

        found["catboost"] = CatBoostClassifier(n_estimators=5, verbose=0, allow_writing_files=False)
    with contextlib.suppress(ImportError):
        from nets import mlp_net

        found["net"] = mlp_net(5, 2, max_epochs=1)
    return found


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_another_process_goes_on(tmp_path):
    """With other threads, batches and workers, from a pickle."""
    before = {}
    for name, model in models().items():
        rows = X.astype(np.float32) if name == "net" else X
        clf = SmoothedClassifier(model, sigma=1.0, method="montecarlo", random_state=0)
        clf.fit(rows, y)
        before[name] = clf.certify(rows, n=200, log=tmp_path / f"{name}.tsv")
        cut(tmp_path / f"{name}.tsv")
        joblib.dump((clf, rows), tmp_path / f"{name}.joblib")
        np.random.random_sample()  # numpy's global generator stands elsewhere then
        assert_same_certificate(
            clf.certify(rows, n=200, log=tmp_path / f"{name}.tsv"), before[name]
        )
        cut(tmp_path / f"{name}.tsv")
    environment = os.environ | {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    here = os.pathsep.join(
        [str(pathlib.Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    )
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _SCRIPT, str(tmp_path)],
        env=environment | {"PYTHONPATH": here},
        check=True,
    )
    for name, certificate in before.items():
        found = read_log(tmp_path / f"{name}.tsv").certificate
        assert_same_certificate(found, certificate)


_SCRIPT = """
import pathlib
import sys
import joblib

for path in sorted(pathlib.Path(sys.argv[1]).glob("*.joblib")):
    clf, rows = joblib.load(path)
    clf.set_params(batch_size=33)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        clf.certify(rows, n=200, log=path.with_suffix(".tsv"))
"""
