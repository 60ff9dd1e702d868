"""Nets in other forms, on request; and the length of their batches."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from nets import CNN, cnn_net, mlp_net
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn

from sksmooth import SmoothedClassifier
from sksmooth.backends import get_backend
from sksmooth.estimators.smoother import smoother_of

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
    return smoother_of(clf).sampler(IMAGES[:1]).backend


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
        for name, inside in (("fold", torch.float32), ("bfloat16", torch.bfloat16)):
            seen = []
            last = next(m for m in forms[name].module.modules() if isinstance(m, nn.Linear))
            with last.register_forward_hook(lambda *args, seen=seen: seen.append(args[2].dtype)):
                scores = forms[name](torch.from_numpy(IMAGES))
            assert seen == [inside]
            assert scores.dtype == torch.float32  # in which probabilities hardly ever tie


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
    monkeypatch.setattr("sksmooth.backends.skorch.variants._Form", lambda *args: Constant())
    monkeypatch.setattr("sksmooth.backends.skorch.variants._made", {})
    with pytest.raises(ValueError, match=r"shortcuts=\('fold',\).*differ from the module's"):
        clf.predict(IMAGES[:3])
    monkeypatch.setattr("sksmooth.backends.skorch.variants._compare", lambda *args: None)
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


class Shared(nn.Module):
    """Uses a layer that folding would change a second time, in one of several ways."""

    def __init__(self, way):
        super().__init__()
        self.conv, self.bn = nn.Conv2d(1, 10, 3), nn.BatchNorm2d(10)
        self.bn.running_var.fill_(0.2)
        self.bn.running_mean.fill_(0.1)
        self.way = way
        if way == "alias":
            self.other = self.conv

    def forward(self, X):
        normed = self.bn(self.conv(X))
        if self.way == "weight":
            again = nn.functional.conv2d(X, self.conv.weight)
        else:
            again = (self.other if self.way == "alias" else self.conv)(X)
        return (normed - 3 * again).mean(dim=(2, 3))


def frozen_over(module):
    options = {"classes": list(range(10)), "criterion": nn.CrossEntropyLoss, "verbose": 0}
    return skorch.NeuralNetClassifier(module, **options).initialize()


class TestFold:
    @pytest.mark.parametrize(
        ("way", "said"),
        [
            ("twice", "conv is called 2 times"),
            ("alias", "conv is called 2 times"),
            ("weight", r"conv\.weight is read outside conv"),
        ],
    )
    def test_a_layer_that_is_used_twice_is_refused(self, way, said):
        clf = smoothed(frozen_over(Shared(way)), shortcuts="fold")
        with pytest.raises(ValueError, match=f"shortcuts=.*{said}"):
            clf.certify(IMAGES[:1])
        assert clf.set_params(shortcuts="channels_last").certify(IMAGES[:1]).shortcut

    def test_activations_may_be_called_twice(self):
        relu = nn.ReLU()
        module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), relu, nn.Flatten())
        module.extend([nn.Linear(144, 10), relu])
        assert (
            smoothed(frozen_over(module), shortcuts="fold").certify(IMAGES[:1]).shortcut == "fold"
        )

    @pytest.mark.parametrize("how", ["forward", "hook", "inner hook"])
    def test_what_was_set_on_the_instance_is_refused(self, how):
        """Tracing goes by the class, and would lose it."""
        net = frozen_over(CNN())
        module = net.module_
        if how == "forward":
            module.forward = lambda X: -module.layers(X)
        else:
            part = module if how == "hook" else module.layers
            part.register_forward_hook(lambda part, args, output: -output)
        clf = smoothed(net, shortcuts="fold")
        with pytest.raises(ValueError, match="which folding would lose"):
            clf.certify(IMAGES[:1])
        plain = clf.set_params(shortcuts=None).certify(IMAGES, n=100).counts
        assert np.array_equal(
            clf.set_params(shortcuts="channels_last").certify(IMAGES, n=100).counts, plain
        )


class Telling(CNN):
    """Scores otherwise in the form that it is told to look out for."""

    def __init__(self, form, factor):
        super().__init__()
        self.form, self.factor = form, factor

    def forward(self, X):
        scores = super().forward(X)
        is_in_form = {
            "channels_last": self.layers[0].weight.stride(1) == 1,
            "bfloat16": torch.is_autocast_enabled("cpu"),
            "fold": not isinstance(self.layers[1], nn.BatchNorm2d),
        }
        return self.factor * scores if is_in_form[self.form] else scores


@pytest.mark.parametrize(("name", "factor"), [("channels_last", 1.001), ("bfloat16", 1.2)])
def test_a_form_that_scores_otherwise_is_refused(name, factor):
    clf = smoothed(frozen_over(Telling(name, factor)), shortcuts=name)
    with pytest.raises(ValueError, match=rf"shortcuts=\('{name}',\).*scores differ"):
        clf.certify(IMAGES[:1])
    for harmless in (frozen_over(Telling(name, 1.0)), frozen_over(Telling("fold", 9.0))):
        assert smoothed(harmless, shortcuts=name).certify(IMAGES[:1]).shortcut == name


def test_a_fold_that_scores_otherwise_is_refused(monkeypatch):
    def poor(module):
        module = torch.fx.experimental.optimization.fuse(module)
        with torch.no_grad():
            next(iter(module.parameters())).mul_(1.01)
        return module

    monkeypatch.setattr("sksmooth.backends.skorch.variants.fuse", poor)
    with pytest.raises(ValueError, match=r"shortcuts=\('fold',\).*scores differ"):
        smoothed(frozen_over(CNN()), shortcuts="fold").certify(IMAGES[:1])


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

    @pytest.mark.parametrize("name", NAMES)
    def test_is_that_of_the_plain_net(self, name):
        module = nn.Sequential(nn.Conv2d(1, 64, 3, padding=1), nn.AvgPool2d(8), nn.Flatten())
        module.append(nn.Linear(64, 10))
        net = frozen_over(module)
        backend = backend_of(smoothed(net, shortcuts=name))
        assert backend.batch_rows(IMAGES[0]) == 2**21 // 2**12
        backend._widest_of.clear()
        assert backend.batch_rows(IMAGES[0]) == 2**21 // 2**12

    def test_is_found_without_changing_a_module_in_training_mode(self):
        net = frozen_over(CNN())
        net.module_.train()
        averages = net.module_.layers[1].running_mean.clone()
        get_backend(net, np.arange(10)).batch_rows(IMAGES[0])
        assert torch.equal(net.module_.layers[1].running_mean, averages)
        assert net.module_.training

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
