"""Nets in other forms, on request; and the length of their batches."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from nets import CNN, cnn_net, mlp_net  # noqa: E402
from sklearn.frozen import FrozenEstimator  # noqa: E402
from sklearn.linear_model import LogisticRegression  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import FunctionTransformer  # noqa: E402
from torch import nn  # noqa: E402

from sksmooth import SmoothedClassifier  # noqa: E402
from sksmooth.assembly import sampler_of  # noqa: E402
from sksmooth.backends import get_backend  # noqa: E402

rng = np.random.default_rng(0)
IMAGES = rng.integers(0, 256, (30, 1, 8, 8)).astype(np.float32) / 255
TARGETS = np.arange(30) % 10
TOLERANCE = {"fold": 1e-4, "channels_last": 1e-4, "bfloat16": 0.05}
NAMES = sorted(TOLERANCE)


@pytest.fixture(scope="module")
def trained():
    """A net whose batch normalisation has something to do, so that folding has too."""
    net = cnn_net(max_epochs=3, train_split=None).fit(IMAGES, TARGETS)
    return net


def smoothed(net, **options):
    defaults = {
        "sigma": 0.25,
        "n": 300,
        "n0": 50,
        "n_predict": 100,
        "method": "montecarlo",
        "random_state": 0,
    }
    clf = SmoothedClassifier(FrozenEstimator(net), **(defaults | options))
    return clf.fit(IMAGES, TARGETS)


def backend_of(clf):
    return sampler_of(clf, IMAGES[:1]).backend


@pytest.mark.parametrize("name", NAMES)
def test_scores_differ_by_rounding_only(trained, name):
    plain, other = (backend_of(smoothed(trained, shortcuts=s)) for s in (None, name))
    with torch.inference_mode(), plain.running(), other.running():
        expected, scores = plain.scores(IMAGES), other.scores(IMAGES).float()
    assert (scores - expected).abs().max() < TOLERANCE[name] * expected.abs().max()


def test_each_form_is_what_its_name_says(trained):
    forms = {name: backend_of(smoothed(trained, shortcuts=name)).call for name in NAMES}
    kinds = {name: {type(m) for m in form.module.modules()} for name, form in forms.items()}
    assert nn.BatchNorm2d not in kinds["fold"]
    assert nn.Conv2d in kinds["fold"]
    assert nn.BatchNorm2d in kinds["channels_last"]
    weight = next(p for p in forms["channels_last"].module.parameters() if p.ndim == 4)
    assert weight.is_contiguous(memory_format=torch.channels_last)
    with torch.inference_mode():
        assert forms["bfloat16"](torch.from_numpy(IMAGES)).dtype == torch.bfloat16
        assert forms["fold"](torch.from_numpy(IMAGES)).dtype == torch.float32


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("fold", "fold"),
        (["bfloat16", "fold"], "fold+bfloat16"),
        (["auto", "channels_last"], "channels_last"),
        ("auto", None),
        (None, None),
    ],
)
def test_the_certificate_names_the_form(trained, asked, named):
    assert smoothed(trained, shortcuts=asked).certify(IMAGES[:2]).shortcut == named


def test_predict_and_certify_speak_of_the_same_form(trained, monkeypatch):
    """A form that answers otherwise changes both."""

    class Constant:
        def __call__(self, X):
            return torch.eye(10)[torch.full((len(X),), 7)]

    clf = smoothed(trained, shortcuts="fold")
    monkeypatch.setattr("sksmooth.backends.skorch_variants._Form", lambda *args: Constant())
    monkeypatch.setattr("sksmooth.backends.skorch_variants._made", {})
    assert clf.predict(IMAGES[:3]).tolist() == [7] * 3
    assert clf.certify(IMAGES[:3]).labels.tolist() == [7] * 3
    assert clf.set_params(shortcuts=None).certify(IMAGES).selected.tolist() != [7] * 30


def test_the_users_module_is_left_alone(trained):
    module = trained.module_
    before = copy.deepcopy(module.state_dict())
    module.train()
    kinds = [type(part) for part in module.modules()]
    smoothed(trained, shortcuts=["fold", "channels_last", "bfloat16"]).certify(IMAGES[:2])
    assert module.training
    assert [type(part) for part in module.modules()] == kinds
    after = module.state_dict()
    assert all(torch.equal(before[k], after[k]) for k in before)
    weight = next(p for p in module.parameters() if p.ndim == 4)
    assert weight.is_contiguous()


def test_forms_are_kept_until_the_module_changes():
    net = cnn_net(max_epochs=1, train_split=None).fit(IMAGES, TARGETS)
    clf = smoothed(net, shortcuts="fold")
    first = backend_of(clf).call
    assert backend_of(clf).call is first
    backend_of(clf.set_params(shortcuts="bfloat16"))
    assert backend_of(clf.set_params(shortcuts="fold")).call is first
    net.partial_fit(IMAGES, TARGETS)
    again = backend_of(clf)
    assert again.call is not first
    plain = get_backend(FrozenEstimator(net), np.arange(10))
    with torch.inference_mode(), again.running(), plain.running():
        assert torch.allclose(again.scores(IMAGES), plain.scores(IMAGES), atol=1e-4)


def test_what_cannot_be_folded_is_an_error_that_says_so():
    class Branches(CNN):
        def forward(self, X):
            return super().forward(X) if X.sum() > -1e9 else X  # cannot be traced

    net = cnn_net(max_epochs=1, train_split=None).set_params(module=Branches).fit(IMAGES, TARGETS)
    clf = smoothed(net, shortcuts="fold")
    with pytest.raises(ValueError, match="cannot be run with shortcuts=\\('fold',\\)"):
        clf.certify(IMAGES[:1])
    assert clf.set_params(shortcuts="channels_last").certify(IMAGES[:1]).shortcut == "channels_last"


def test_a_net_that_is_asked_in_its_own_way_stays_so(trained):
    class Own(skorch.NeuralNetClassifier):
        def infer(self, x, **params):
            return super().infer(x, **params)

    net = Own(CNN, criterion=nn.CrossEntropyLoss, classes=list(range(10)), verbose=0).initialize()
    assert smoothed(net, shortcuts="bfloat16").certify(IMAGES[:1]).shortcut is None
    flat = make_pipeline(FunctionTransformer(), trained)
    assert smoothed(flat, shortcuts="bfloat16").certify(IMAGES[:1]).shortcut is None


def test_other_bases_have_no_forms():
    X = IMAGES.reshape(30, 64).astype(np.float64)
    clf = SmoothedClassifier(
        LogisticRegression(), sigma=0.5, method="montecarlo", n=300, shortcuts=["auto", "fold"]
    )
    assert clf.fit(X, TARGETS).certify(X[:2]).shortcut is None


@pytest.mark.parametrize("unknown", ["fast", ["auto", "fast"], [["auto"]], 3])
def test_unknown_names_are_refused_by_fit(unknown):
    clf = SmoothedClassifier(LogisticRegression(), shortcuts=unknown)
    with pytest.raises(ValueError, match="shortcuts"):
        clf.fit(IMAGES.reshape(30, 64), TARGETS)


class TestBatchLength:
    @pytest.mark.parametrize(
        ("module", "widest"),
        [
            (nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), 64),
            (nn.Sequential(nn.Conv2d(1, 4096, 3, padding=1), nn.AvgPool2d(8), nn.Flatten()), 2**18),
            (nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.AvgPool2d(8), nn.Flatten()), 2**11),
        ],
    )
    def test_is_that_of_the_widest_layer(self, module, widest):
        net = skorch.NeuralNetClassifier(module, classes=list(range(10)), verbose=0).initialize()
        backend = get_backend(net, np.arange(10))
        assert backend.batch_rows(IMAGES[0]) == np.clip(2**21 // widest, 32, 2048)
        assert not any(part._forward_hooks for part in net.module_.modules())

    def test_of_a_module_that_takes_no_single_row(self):
        class Pairs(nn.Linear):
            def forward(self, X):
                if len(X) < 2:
                    raise RuntimeError("too few")
                return X.flatten(1)[:, :2]

        net = skorch.NeuralNetClassifier(Pairs(1, 1), classes=[0, 1]).initialize()
        assert get_backend(net, np.arange(2)).batch_rows(IMAGES[0]) == 2048
        assert not net.module_._forward_hooks

    def test_of_a_module_that_works_in_place(self):
        class InPlace(nn.Linear):
            def forward(self, X):
                return X.add_(1).flatten(1)[:, :2]

        net = skorch.NeuralNetClassifier(InPlace(1, 1), classes=[0, 1]).initialize()
        row = IMAGES[0].copy()
        get_backend(net, np.arange(2)).batch_rows(row)
        assert np.array_equal(row, IMAGES[0])

    def test_hardly_changes_with_the_rows(self):
        """Equal shapes have equal lengths, whatever is in them."""
        backend = get_backend(mlp_net(classes=[0, 1]).initialize(), np.arange(2))
        assert len({backend.batch_rows(np.float32(r)) for r in rng.normal(size=(5, 2))}) == 1
