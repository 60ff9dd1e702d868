"""Modules of all kinds: their scores are found, or the user is asked which they are."""

import argparse
import io
import subprocess
import sys
import warnings
from typing import NamedTuple

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")
from torch import nn

from sksmooth import SmoothedClassifier
from sksmooth.attacks import pgd_attack
from sksmooth.nets import frozen_net, read_checkpoint
from sksmooth.records import read_log

RNG = np.random.default_rng(0)
X = RNG.random((6, 8)).astype(np.float32)
Y = np.arange(6) % 3


class Net(nn.Module):
    """Scores for three classes from twelve features, returned in some form."""

    def __init__(self, form=lambda scores, features: scores):
        super().__init__()
        torch.manual_seed(0)
        self.inner, self.outer, self.form = nn.Linear(8, 12), nn.Linear(12, 3), form

    def forward(self, X):
        features = torch.relu(self.inner(X))
        return self.form(self.outer(features), features)


class Plain(nn.Module):
    """The same, in a form that a compiler understands."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.inner, self.outer = nn.Linear(8, 12), nn.Linear(12, 3)

    def forward(self, X):
        return self.outer(torch.relu(self.inner(X)))


class Pair(NamedTuple):
    features: object
    logits: object


class Output:
    def __init__(self, logits, hidden):
        self.logits, self.hidden = logits, hidden


def smoothed(base, sigma=0.3, **options):
    return SmoothedClassifier(base, sigma, n=300, random_state=0, **options).fit(X, Y)


@pytest.fixture(scope="module")
def expected():
    return smoothed(frozen_net(Net())).certify(X).counts


@pytest.mark.parametrize(
    ("form", "options"),
    [
        (lambda a, b: {"hidden": b, "logits": a}, {}),
        (lambda a, b: Output(a, b), {}),
        (lambda a, b: {"scores": a}, {}),
        (lambda a, b: {"scores": a, "name": "no tensor"}, {}),
        (lambda a, b: [a], {}),
        (lambda a, b: (a,), {}),
        (lambda a, b: (a, None), {}),
        (lambda a, b: (a, -a), {}),  # skorch takes the first, and the shapes say nothing else
        (lambda a, b: (a, b), {"classes": [0, 1, 2]}),
        (lambda a, b: (b, a), {"output": 1}),
        (lambda a, b: (b, a), {"output": -1}),
        (lambda a, b: [b, a], {"output": lambda out: out[1]}),
        (lambda a, b: Pair(b, a), {"output": "logits"}),
        (lambda a, b: {"out": a, "aux": -a}, {"output": "out"}),
        (lambda a, b: Output(-a, {"deep": a}), {"output": lambda out: out.hidden["deep"]}),
    ],
)
def test_scores_are_found(form, options, expected):
    assert np.array_equal(smoothed(frozen_net(Net(form), **options)).certify(X).counts, expected)


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (lambda a, b: (a, b), r"got tuple with 0: \(1, 3\), 1: \(1, 12\)\. Say which"),
        (lambda a, b: (b, a), r"got tuple with 0: \(1, 12\), 1: \(1, 3\)"),
        (lambda a, b: [b, a], r"got list with 0: \(1, 12\)"),
        (lambda a, b: Pair(b, a), r"got Pair with 0: \(1, 12\)"),
        (lambda a, b: (None, a), r"got tuple with 1: \(1, 3\)"),
        (lambda a, b: {"out": a, "aux": -a}, r"got dict with out: \(1, 3\), aux: \(1, 3\)"),
        (lambda a, b: {"out": None}, "got dict with no tensor"),
        (lambda a, b: a.detach().numpy(), "got ndarray with no tensor"),
        (lambda a, b: (), "got tuple with no tensor"),
    ],
)
def test_scores_are_not_guessed(form, message):
    with pytest.raises(ValueError, match=message):
        smoothed(frozen_net(Net(form)))


@pytest.mark.parametrize(
    ("form", "of"),
    [
        (lambda a: a.long(), r"torch\.int64 \(torch\.strided\)"),
        (lambda a: a > 0, r"torch\.bool"),
        (lambda a: a.to(torch.complex64), r"torch\.complex64"),
        (lambda a: a.to_sparse(), r"torch\.float32 \(torch\.sparse_coo\)"),
    ],
)
def test_scores_that_are_no_dense_floats(form, of):
    """What torch says about its kernels helps nobody."""
    message = f"returned scores of {of}.*Return a dense tensor of floats"
    with pytest.raises(ValueError, match=message):
        smoothed(frozen_net(Net(lambda a, b: form(a)))).certify(X)


def test_integer_scores_that_become_floats():
    outside = frozen_net(Net(lambda a, b: a.long()), output=lambda scores: scores.float())
    inside = frozen_net(Net(lambda a, b: a.long().float()))
    counts = [smoothed(net).certify(X).counts for net in (outside, inside)]
    assert np.array_equal(*counts)


def test_features_in_front_are_refused_where_classes_are_known():
    """A trained net knows its classes: features with other columns are not taken for scores."""
    net = frozen_net(Net(lambda a, b: (b, a)), classes=[0, 1, 2])
    with pytest.raises(ValueError, match="got tuple with 0"):
        smoothed(net).certify(X)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ([0, 1], "has 3 outputs, and its classes name 2"),
        ([2, 1, 0, 3], "has 3 outputs, and its classes name 4"),
        ([[0, 1, 2]], "has 3 outputs, and its classes name 1"),
        ([0, 1, 1], "one of them is there twice"),
    ],
)
def test_classes_that_do_not_fit_the_outputs(classes, message):
    """Numbers of outputs would stand for them, in another order."""
    with pytest.raises(ValueError, match=message):
        smoothed(frozen_net(Net(), classes=classes))


@pytest.mark.parametrize("output", ["logit", "scores"])
def test_an_output_that_is_not_there(output):
    with pytest.raises(ValueError, match=f"dict without the output '{output}'; it has a, b"):
        smoothed(frozen_net(Net(lambda a, b: {"a": a, "b": b}), output=output))
    with pytest.raises(ValueError, match="returned a tuple without the output 5"):
        smoothed(frozen_net(Net(lambda a, b: (a, b)), output=5))


def test_something_that_is_no_module():
    with pytest.raises(TypeError, match=r"got function.*frozen_callable"):
        frozen_net(lambda X: X)


def scripted():
    return torch.jit.script(Plain())


def saved_script():
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.freeze(torch.jit.script(Plain().eval())), buffer)
    buffer.seek(0)
    return torch.jit.load(buffer)


def traced():
    return torch.jit.trace(Plain(), torch.from_numpy(X))


def exported():
    rows = ({0: torch.export.Dim("rows")},)
    return torch.export.export(Plain(), (torch.from_numpy(X),), dynamic_shapes=rows).module()


TRACES = """
import sys
import torch
from sksmooth.introspection.fingerprint import fingerprint

def step(change):
    class Step(torch.nn.Module):
        def forward(self, X):
            return change(X)

    return Step()

def steps(*changes):
    made = torch.nn.Sequential(*map(step, changes))
    return fingerprint(torch.jit.trace(made, torch.ones(3, 2)))

def net(n):
    layers = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2, bias=False), torch.nn.Linear(2, n)
    for layer in layers:
        torch.nn.init.ones_(layer.weight)
        if layer.bias is not None:
            torch.nn.init.zeros_(layer.bias)
    return torch.nn.Sequential(*layers)

for make in (lambda net: torch.jit.trace(net, torch.ones(3, 2)), torch.jit.script):
    same, other = {fingerprint(make(net(3))) for _ in range(24)}, fingerprint(make(net(4)))
    print(len(same), other in same)
for _ in range(12):
    one = steps(torch.abs, torch.sin, torch.cos)
    same = one == steps(torch.abs, torch.sin, torch.cos)
    print(same, one == steps(torch.abs, torch.cos, torch.sin))
"""


def test_names_that_torchscript_counts_do_not_matter():
    """The first trace of a class in a process, and the tenth, have other names than the others."""
    command = [sys.executable, "-W", "ignore", "-c", TRACES]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["1", "False"] * 2 + ["True", "False"] * 12


@pytest.mark.filterwarnings("ignore")  # TorchScript is announced to go
@pytest.mark.parametrize("make", [scripted, saved_script, traced, exported])
def test_modules_that_a_compiler_made(make, expected, tmp_path):
    module = make()
    clf = smoothed(frozen_net(module))
    assert np.array_equal(clf.certify(X).counts, expected)
    assert np.array_equal(clf.certify(X, log=tmp_path / "a").counts, expected)
    assert np.array_equal(
        smoothed(frozen_net(make())).certify(X, log=tmp_path / "a").counts, expected
    )
    with torch.no_grad():
        for tensor in [*module.parameters(), *module.buffers()]:
            tensor += 1.0
            with pytest.raises(ValueError, match=r"settings\.model"):
                clf.certify(X, log=tmp_path / "a")
            return
    assert make is saved_script  # its weights are constants


@pytest.mark.filterwarnings("ignore")
def test_a_frozen_script_with_other_constants_is_another_model():
    from sksmooth.introspection.fingerprint import fingerprint

    def frozen(weight):
        net = Plain().eval()
        with torch.no_grad():
            net.outer.weight[0, 0] = weight
        return torch.jit.freeze(torch.jit.script(net))

    assert fingerprint(frozen(1.0)) == fingerprint(frozen(1.0))
    assert fingerprint(frozen(1.0)) != fingerprint(frozen(1.5))


@pytest.mark.filterwarnings("ignore")  # of quantisation, which moves to another package
def test_a_quantised_module():
    module = torch.ao.quantization.quantize_dynamic(Plain(), {nn.Linear}, dtype=torch.qint8)
    labels = smoothed(frozen_net(module), sigma=1e-5).certify(X).labels
    with torch.no_grad():
        assert np.array_equal(labels, module(torch.from_numpy(X)).argmax(dim=1))


def test_a_module_without_parameters():
    class First(nn.Module):
        def forward(self, X):
            return X[:, :3]

    labels = smoothed(frozen_net(First()), sigma=1e-5).certify(X).labels
    assert np.array_equal(labels, X[:, :3].argmax(axis=1))


def test_scores_of_16_bits():
    module = Net(lambda a, b: a.bfloat16())
    counts = smoothed(frozen_net(module)).certify(X).counts
    same = smoothed(frozen_net(Net(lambda a, b: a.bfloat16().float()))).certify(X).counts
    # probabilities of 16 bits tie where those of 32 do not
    assert np.abs(counts - same).max() < 30
    assert counts.sum() == same.sum()


def test_a_data_loader():
    data = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    loader = torch.utils.data.DataLoader(data, batch_size=2)
    clf = smoothed(frozen_net(Net()))
    assert np.array_equal(clf.certify(loader.dataset).counts, clf.certify(X).counts)
    for act in (clf.certify, clf.predict, clf.fit):
        with pytest.raises(
            ValueError, match=r"X is a DataLoader\. Pass its data set, loader\.data"
        ):
            act(loader)


def test_an_attack_on_a_data_set(tmp_path):
    data = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    clf = smoothed(frozen_net(Net()))
    options = {"n_draws": 4, "steps": 2, "random_state": 0}
    of_data, of_rows = (pgd_attack(clf, rows, Y, 0.5, **options) for rows in (data, X))
    assert np.array_equal(of_data.X_adv, of_rows.X_adv)
    clf.certify(data, log=tmp_path / "a")
    assert read_log(tmp_path / "a").y_true.tolist() == Y.tolist()


@pytest.mark.parametrize("value", [np.float64(0.75), np.float32(0.75), np.int64(3), np.bool_(True)])
def test_checkpoints_with_numbers_of_numpy(value, tmp_path):
    content = {"state_dict": Plain().state_dict(), "epoch": 7, "best_acc1": value}
    torch.save(content, tmp_path / "a.pth")
    found = read_checkpoint(tmp_path / "a.pth")
    assert found.epoch == 7
    assert torch.equal(found.state_dict["outer.bias"], Plain().outer.bias)


class Custom:
    """Something that a checkpoint should not need."""


@pytest.mark.parametrize(
    ("thing", "name"),
    [(argparse.Namespace(lr=0.1), r"argparse\.Namespace"), (Custom(), r"\S*\.Custom")],
)
def test_other_objects_are_named(thing, name, tmp_path):
    torch.save({"state_dict": Plain().state_dict(), "args": thing}, tmp_path / "a.pth")
    with pytest.raises(ValueError, match=f"it holds a {name}, which might run code. If") as error:
        read_checkpoint(tmp_path / "a.pth")
    text = str(error.value)
    assert text.endswith("save module.state_dict().")
    assert "\x1b" not in text
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        content = torch.load(tmp_path / "a.pth", weights_only=False)  # as it says
    torch.save(content["state_dict"], tmp_path / "b.pth")
    assert set(read_checkpoint(tmp_path / "b.pth").state_dict) == set(Plain().state_dict())
