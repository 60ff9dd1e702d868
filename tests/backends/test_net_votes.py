"""Votes of nets are the answers of their ``predict``, bit for bit, however these come about."""

import functools

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from nets import MLP, Sigmoid, binary_net, mlp_net
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from torch import nn

from sksmooth import SmoothedClassifier
from sksmooth.backends import get_backend

ROWS = np.random.default_rng(0).normal(size=(4000, 4)).astype(np.float32)


def wide_net(module=MLP, **options):
    """An untrained net with ten outputs, which takes all rows of `ROWS` as one batch."""
    torch.manual_seed(0)
    defaults = {"n_in": 4, "n_out": 10, "classes": list(range(10)), "batch_size": -1}
    return mlp_net(module=module, **(defaults | options)).initialize()


def narrow_net(**options):
    torch.manual_seed(0)
    return binary_net(module__n_in=4, batch_size=-1, **options).initialize()


def votes_of(net, rows=ROWS, k=10, kind="SkorchBackend"):
    backend = get_backend(net, np.arange(k))
    assert type(backend).__name__ == kind
    with backend.running():
        return np.asarray(backend.classify(rows))


def ties(probabilities):
    ordered = np.sort(probabilities, axis=1)
    return np.mean(ordered[:, -1] == ordered[:, -2])


class TestFromScoresToVotes:
    def test_probabilities_that_tie(self):
        net = wide_net()
        with torch.no_grad():
            for tensor in net.module_.layers[-1].parameters():
                tensor.mul_(1e-7)
        assert ties(net.predict_proba(ROWS)) > 0.1  # or the test says nothing
        logits = net.forward(ROWS).numpy()
        assert np.mean(logits.argmax(axis=1) != net.predict(ROWS)) > 0.01
        assert np.array_equal(votes_of(net), net.predict(ROWS))

    def test_half_precision(self):
        net = wide_net()
        net.module_.half()
        halves = ROWS.astype(np.float16)
        assert ties(net.predict_proba(halves)) > 0
        assert np.any(net.forward(halves).numpy().argmax(axis=1) != net.predict(halves))
        with pytest.raises(RuntimeError, match="dtype"):
            net.predict(ROWS)
        assert np.array_equal(votes_of(net), net.predict(halves))

    def test_bfloat16_as_if_numpy_knew_it(self):
        net = wide_net()
        net.module_.bfloat16()
        with torch.no_grad():
            scores = net.module_(torch.from_numpy(ROWS).bfloat16())
        expected = torch.softmax(scores, dim=-1).float().numpy().argmax(axis=1)
        assert np.array_equal(votes_of(net), expected)

    @pytest.mark.parametrize("threshold", [0.3, 0.5, 1 / 3, np.float64(0.3), np.float32(0.3), 0])
    @pytest.mark.parametrize("half", [False, True])
    def test_thresholds_are_compared_in_the_precision_of_predict(self, threshold, half):
        net = narrow_net(threshold=threshold)
        kind = np.float16 if half else np.float32
        if half:
            net.module_.half()
        edge = -np.log(1 / max(threshold, 1e-3) - 1)
        with torch.no_grad():  # one weight, so that many scores lie around the threshold
            net.module_.layer.weight.copy_(torch.tensor([[1.0, 0.0, 0.0, 0.0]]))
            net.module_.layer.bias.zero_()
        rows = np.zeros((2000, 4), dtype=kind)
        rows[:, 0] = edge + np.arange(-1000, 1000) * np.spacing(
            np.abs(edge).astype(kind) + kind(1e-3)
        )
        assert np.array_equal(votes_of(net, rows, k=2), net.predict(rows))

    def test_numpy_and_python_thresholds_differ(self):
        """The probability that is the float32 next to .3 is above it in float64 only."""
        rows = np.linspace(-0.8475, -0.8470, 4000, dtype=np.float32)[:, None] * np.eye(1, 4)
        rows = rows.astype(np.float32)
        answers = []
        for threshold in (0.3, np.float64(0.3)):
            net = narrow_net(threshold=threshold)
            with torch.no_grad():
                net.module_.layer.weight.copy_(torch.tensor([[1.0, 0.0, 0.0, 0.0]]))
                net.module_.layer.bias.zero_()
            answers.append(votes_of(net, rows, k=2))
            assert np.array_equal(answers[-1], net.predict(rows))
        assert not np.array_equal(*answers)

    @pytest.mark.parametrize(
        "nonlinearity",
        [
            None,
            lambda scores: -scores,
            functools.partial(torch.softmax, dim=0),
            lambda scores: torch.round(scores, decimals=1),  # many ties
            lambda scores: scores.double() ** 2,
            lambda scores: scores[:, [1, 0, 2, 3, 4, 5, 6, 7, 8, 9]].numpy() * 2,
        ],
    )
    def test_nonlinearities_of_the_users_own(self, nonlinearity):
        net = wide_net(predict_nonlinearity=nonlinearity)
        assert np.array_equal(votes_of(net), net.predict(ROWS))

    def test_a_nonlinearity_of_the_classes_own(self):
        class Own(skorch.NeuralNetClassifier):
            def _get_predict_nonlinearity(self):
                return lambda scores: -scores

        net = Own(MLP, module__n_in=4, module__n_out=10, batch_size=-1).initialize()
        expected = net.forward(ROWS).numpy().argmin(axis=1)
        assert np.array_equal(votes_of(net), expected)

    def test_probabilities_from_the_module(self):
        net = narrow_net(module=Sigmoid, criterion=nn.BCELoss, threshold=0.6)
        assert np.array_equal(votes_of(net, k=2), net.predict(ROWS))

    def test_nan_of_a_nonlinearity_is_no_answer(self):
        net = wide_net(predict_nonlinearity=lambda scores: torch.log(scores + 0.5))
        positive = (net.forward(ROWS) + 0.5 > 0).all(dim=1).numpy()
        assert 0 < positive.sum() < len(ROWS)
        votes = votes_of(net)
        assert np.array_equal(votes == 10, ~positive)
        assert np.array_equal(votes[positive], net.predict(ROWS)[positive])

    def test_several_outputs(self):
        class Pair(MLP):
            def forward(self, X):
                return super().forward(X), X

        net = wide_net(Pair)
        assert np.array_equal(votes_of(net), net.predict(ROWS))

    def test_an_output_that_is_no_tensor(self):
        class Named(MLP):
            def forward(self, X):
                return {"logits": super().forward(X).tolist()}

        with pytest.raises(ValueError, match="must return a tensor of scores.* got dict"):
            votes_of(wide_net(Named))


class Tempered(MLP):
    """Has a parameter of another precision, before all others."""

    def __init__(self, **options):
        super().__init__(**options)
        layers, self.layers = self.layers, None
        self.temperature = nn.Parameter(torch.ones(1, dtype=torch.bfloat16))
        self.layers = layers

    def forward(self, X):
        return super().forward(X) / self.temperature


class Casting(MLP):
    def forward(self, X):
        centred = X - 1e8
        return super().forward((centred + 1e8).float())


class TestPrecision:
    def test_a_first_parameter_of_another_precision_changes_nothing(self):
        net = wide_net(Tempered)
        assert next(net.module_.parameters()).dtype == torch.bfloat16
        assert np.array_equal(votes_of(net), net.predict(ROWS))

    def test_a_module_that_takes_other_rows_gets_them(self):
        """In float32 the sum with 1e8 would be rounded to a multiple of 8."""
        net = wide_net(Casting)
        rows = ROWS.astype(np.float64)
        votes = votes_of(net, rows)
        assert np.array_equal(votes, net.predict(rows))
        assert not np.array_equal(votes, votes_of(net, ROWS))

    @pytest.mark.parametrize("kind", [np.float32, np.float64])
    @pytest.mark.parametrize("double", [False, True])
    def test_where_predict_would_fail_rows_are_rounded(self, kind, double):
        net = wide_net()
        if double:
            net.module_.double()
        rows = ROWS.astype(kind)
        taken = rows.astype(np.float64 if double else np.float32)
        assert np.array_equal(votes_of(net, rows), net.predict(taken))

    def test_so_are_those_of_a_net_that_is_asked_through_predict(self):
        net = wide_net()
        net.predict = lambda X: 9 - skorch.NeuralNetClassifier.predict(net, X)
        votes = votes_of(net, ROWS.astype(np.float64), kind="_OpaqueNetBackend")
        assert np.array_equal(votes, net.predict(ROWS))

    def test_fitting_a_net_with_parameters_of_several_precisions(self):
        clf = SmoothedClassifier(mlp_net(n_in=4, module=Tempered), sigma=0.3, random_state=0)
        clf.fit(ROWS[:100], (ROWS[:100, 0] > 0).astype(int))
        assert np.array_equal(
            votes_of(clf.estimator_.set_params(batch_size=-1), k=2), clf.estimator_.predict(ROWS)
        )


class Steepest(MLP):
    """Scores are what a row's own score gains by a step along its gradient."""

    def forward(self, X):
        with torch.enable_grad():
            X = X.requires_grad_()
            (rise,) = torch.autograd.grad(super().forward(X).square().sum(), X)
        return super().forward(X.detach() + rise)


class Differentiates(nn.Module):
    """Returns scores that have a gradient themselves."""

    def __init__(self, **options):
        super().__init__()
        self.layer = nn.Linear(4, 10)

    def forward(self, X):
        with torch.enable_grad():
            X = X.clone().requires_grad_()
            (rise,) = torch.autograd.grad(self.layer(X).square().sum(), X, create_graph=True)
            return self.layer(X * rise)


@pytest.mark.parametrize("module", [Steepest, Differentiates])
def test_modules_that_differentiate_in_forward(module):
    net = wide_net(module)
    votes = votes_of(net, ROWS.copy())
    assert np.array_equal(votes, net.predict(ROWS.copy()))
    assert len(np.unique(votes)) > 2
    clf = SmoothedClassifier(FrozenEstimator(net), sigma=0.5, n_jobs=2, random_state=0)
    clf.fit(ROWS[:20], np.arange(20) % 10)
    assert clf.certify(ROWS[:3], n=3000).counts.sum() == 9000


def other(predictions):
    return (np.asarray(predictions) + 1) % 10


class Contrary(skorch.dataset.Dataset):
    def transform(self, X, y):
        return super().transform(-X, y)


def reversed_rows(X):
    return skorch.dataset.Dataset(-np.asarray(X)[:, ::-1].copy())


OVERRIDES = {
    "predict": lambda self, X: other(skorch.NeuralNetClassifier.predict(self, X)),
    "predict_proba": lambda self, X: skorch.NeuralNet.predict_proba(self, X)[:, ::-1].copy(),
    "forward_iter": lambda self, X, **options: (
        -scores for scores in skorch.NeuralNet.forward_iter(self, X, **options)
    ),
    "evaluation_step": lambda self, batch, training=False: (
        -skorch.NeuralNet.evaluation_step(self, batch, training=training)
    ),
    "infer": lambda self, x, **params: -skorch.NeuralNet.infer(self, x, **params),
    "get_dataset": lambda self, X, y=None: reversed_rows(X),
    "get_iterator": lambda self, dataset, training=False: torch.utils.data.DataLoader(
        Contrary(dataset.X), batch_size=len(dataset)
    ),
    "_get_predict_nonlinearity": lambda self: torch.neg,
}


class TestOverrides:
    """Whatever is the user's own on the way from predict to the module is part of the base."""

    @pytest.mark.parametrize("name", OVERRIDES)
    @pytest.mark.parametrize("where", ["instance", "class", "mixin", "wrapped"])
    def test_methods(self, name, where):
        base, method = skorch.NeuralNetClassifier, OVERRIDES[name]
        if where == "wrapped":  # claims to be skorch's
            method = functools.wraps(getattr(base, name))(method)
        if where == "mixin":  # between skorch's classes, and reached by their super()
            mixin = type("Mixin", (skorch.NeuralNet,), {name: method})
            kind = type("Net", (base, mixin), {})
        else:
            kind = type("Net", (base,), {} if where == "instance" else {name: method})
        torch.manual_seed(0)
        net = kind(
            MLP,
            module__n_in=4,
            module__n_out=10,
            criterion=nn.CrossEntropyLoss,
            batch_size=-1,
            classes=list(range(10)),
        ).initialize()
        plain = net.predict(ROWS) if where == "instance" else None
        if where == "instance":
            setattr(net, name, functools.partial(method, net))
            assert not np.array_equal(net.predict(ROWS), plain)
        fast = name in ("infer", "_get_predict_nonlinearity") and where != "instance"
        votes = votes_of(net, kind="SkorchBackend" if fast else "_OpaqueNetBackend")
        assert np.array_equal(votes, net.predict(ROWS))

    @pytest.mark.parametrize("name", ["predict_proba", "forward_iter", "get_iterator"])
    @pytest.mark.parametrize("claims", [False, True])
    def test_a_class_of_skorch_that_was_patched(self, name, claims, monkeypatch):
        net = wide_net()
        plain = net.predict(ROWS)
        kind = skorch.NeuralNetClassifier if name == "predict_proba" else skorch.NeuralNet
        original, method = getattr(kind, name), OVERRIDES[name]
        if name == "forward_iter":

            def method(self, X, **options):
                return (-scores for scores in original(self, X, **options))

        if claims:
            method = functools.wraps(original)(method)
        monkeypatch.setattr(kind, name, method)
        assert not np.array_equal(net.predict(ROWS), plain)
        assert np.array_equal(votes_of(net, kind="_OpaqueNetBackend"), net.predict(ROWS))

    def test_the_data_set_that_was_patched(self, monkeypatch):
        net = wide_net()
        plain = net.predict(ROWS)
        monkeypatch.setattr(skorch.dataset.Dataset, "transform", lambda self, X, y: (-X, 0.0))
        assert not np.array_equal(net.predict(ROWS), plain)
        assert np.array_equal(votes_of(net, kind="_OpaqueNetBackend"), net.predict(ROWS))

    @pytest.mark.parametrize("options", [{"dataset": Contrary}, {"dataset__length": 4000}])
    def test_data_sets(self, options):
        net = wide_net(**options)
        assert np.array_equal(votes_of(net, kind="_OpaqueNetBackend"), net.predict(ROWS))

    def test_dropout_that_stays_on(self):
        class Stochastic(skorch.NeuralNetClassifier):
            def _set_training(self, training=True):
                super()._set_training(True)

        class Dropout(MLP):
            def forward(self, X):
                return super().forward(nn.functional.dropout(X, 0.5, self.training))

        net = Stochastic(Dropout, module__n_in=4, batch_size=-1, classes=[0, 1]).initialize()
        votes = votes_of(net, k=2, kind="_OpaqueNetBackend")
        net.module_.eval()
        assert not np.array_equal(votes, net.forward(ROWS).numpy().argmax(axis=1))

    def test_a_forward_on_the_module(self):
        net = wide_net()
        module, plain = net.module_, net.predict(ROWS)
        module.forward = lambda X: -MLP.forward(module, X)
        assert not np.array_equal(net.predict(ROWS), plain)
        assert np.array_equal(votes_of(net), net.predict(ROWS))

    def test_a_hook_on_a_layer(self):
        net = wide_net()
        net.module_.layers[0].register_forward_hook(lambda part, args, output: -output)
        assert np.array_equal(votes_of(net), net.predict(ROWS))

    def test_worker_settings_of_the_iterator_are_not_in_the_way(self):
        net = wide_net(iterator_valid__num_workers=0, iterator_valid__batch_size=64)
        assert np.array_equal(votes_of(net, ROWS[:64]), net.predict(ROWS[:64]))

    @pytest.mark.filterwarnings("ignore:The given NumPy array is not writable")
    def test_steps_that_make_frames(self):
        """skorch hands the columns of a frame to the module by name."""
        pandas = pytest.importorskip("pandas")

        class ByName(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(2, 2)

            def forward(self, b, a=None):
                return self.layer(torch.cat([a, b], dim=1).float())

        to_frame = FunctionTransformer(lambda X: pandas.DataFrame(X, columns=["a", "b"]))
        net = skorch.NeuralNetClassifier(ByName, batch_size=-1, classes=[0, 1]).initialize()
        pipeline = make_pipeline(to_frame, net)
        assert np.array_equal(votes_of(pipeline, ROWS[:, :2], k=2), pipeline.predict(ROWS[:, :2]))

    def test_a_pipeline_hands_over_what_its_last_step_returns(self):
        pipeline = make_pipeline(StandardScaler(), wide_net(Casting))
        pipeline[0].fit(ROWS)
        rows = ROWS.astype(np.float64)
        assert np.array_equal(votes_of(pipeline, rows), pipeline.predict(rows))


def test_more_outputs_than_classes():
    """Nothing is cut off: an output that no class stands for is no answer."""
    net = wide_net()
    answers = net.predict(ROWS)
    with pytest.raises(ValueError, match="but y had 4 classes, whose outputs are 0 to 3"):
        votes_of(net, k=4)
    known = ROWS[answers < 4]
    assert np.array_equal(votes_of(net, known, k=4), answers[answers < 4])
    net.predict = functools.partial(skorch.NeuralNetClassifier.predict, net)
    with pytest.raises(ValueError, match="not among the classes"):
        votes_of(net.set_params(classes=None), k=4, kind="_OpaqueNetBackend")


def test_attacks_refuse_a_nonlinearity_of_the_users_own():
    from sksmooth.attacks import pgd_attack

    net = wide_net(predict_nonlinearity=torch.neg)
    clf = SmoothedClassifier(FrozenEstimator(net), sigma=0.5, random_state=0)
    clf.fit(ROWS[:20], np.arange(20) % 10)
    with pytest.raises(ValueError, match="its own predict, iterator or nonlinearity"):
        pgd_attack(clf, ROWS[:2], None, 1.0)
