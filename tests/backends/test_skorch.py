"""skorch nets: trained under fresh noise, left plain, asked at the module's own speed."""

import copy
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from helpers import blobs
from joblib.externals.loky import get_reusable_executor
from nets import (
    CNN,
    MLP,
    FlexibleMLP,
    OneOutput,
    SetOutputs,
    Sigmoid,
    binary_net,
    cnn_net,
    mlp_net,
    spoil,
)
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

from sksmooth import SmoothedClassifier, certified_accuracy_scorer
from sksmooth.backends import get_backend
from sksmooth.nets import ObjectiveNet
from sksmooth.noise import FloatGaussian
from sksmooth.noise.streams import Purpose
from sksmooth.sampling.count import count_votes

X, y = blobs(120)
X32 = X.astype(np.float32)


@pytest.fixture(autouse=True, scope="module")
def _fresh_workers():
    """Workers that grew up without torch grow by its size here, and loky takes that for a leak."""
    get_reusable_executor().shutdown(wait=True)


def smoothed(net=None, **options):
    defaults = {"sigma": 0.5, "n": 300, "n_predict": 200, "random_state": 0}
    return SmoothedClassifier(net or mlp_net(), **(defaults | options))


def images(n=60, k=10):
    rng = np.random.default_rng(0)
    target = np.arange(n) % k
    pictures = rng.integers(0, 60, (n, 1, 8, 8), dtype=np.uint8)
    pictures[np.arange(n), 0, target % 8, target // 8 * 4] = 255
    return pictures, target


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks(
    [
        SmoothedClassifier(
            skorch.NeuralNetClassifier(
                FlexibleMLP,
                criterion=nn.CrossEntropyLoss,
                max_epochs=15,
                lr=0.1,
                verbose=0,
                batch_size=16,
                train_split=None,
                callbacks=[SetOutputs()],
            ),
            n_predict=200,
            n=200,
            abstain_label=label,
        )
        for label in ("auto", None)
    ]
)
def test_sklearn_checks(estimator, check):
    check(estimator)


class Spy(nn.Module):
    """Writes down what its first layer sees, and in which mode."""

    seen = []  # shared: skorch makes the module

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, X):
        Spy.seen.append((X.detach().cpu().numpy().copy(), self.training))
        return self.layer(X)


@pytest.fixture
def spied():
    Spy.seen = []
    net = skorch.NeuralNetClassifier(
        Spy, criterion=nn.CrossEntropyLoss, max_epochs=3, verbose=0, batch_size=20
    )
    clf = smoothed(net, sigma=0.3).fit(X32, y)
    return clf, Spy.seen


def search_around(net):
    return GridSearchCV(net, {"lr": [0.1]}, cv=2)


class Averages(skorch.callbacks.Callback):
    """Stands for weight averaging: copies the module in training, puts the copy back at the end."""

    def on_epoch_end(self, net, **kwargs):
        self.copy_ = copy.deepcopy(net.module_)

    def on_train_end(self, net, **kwargs):
        net.module_ = self.copy_


class TestTraining:
    def test_noise_reaches_training_and_validation_fresh_in_every_batch(self, spied):
        _, seen = spied
        clean = {row.tobytes() for row in X32}
        for mode in (True, False):
            batches = np.concatenate([batch for batch, training in seen if training is mode])
            assert len(np.unique(batches, axis=0)) == len(batches)  # fresh in every epoch
            assert not clean & {row.tobytes() for row in batches}

    def test_noise_has_sigma(self, spied):
        _, seen = spied
        rows = np.concatenate([batch for batch, _ in seen])
        assert len(rows) == 3 * 120
        # the sum of squares over all rows is what it is without noise, plus sigma^2 each
        excess = (rows**2).mean() - (X32**2).mean()
        cross = 2 * 0.3 * np.abs(X32).max() / np.sqrt(rows.size)
        assert abs(excess - 0.3**2) < 4 * cross

    def test_the_fitted_net_is_plain(self, spied):
        clf, _ = spied
        net = clf.estimator_
        assert type(net) is skorch.NeuralNetClassifier
        assert not net.module_._forward_pre_hooks
        assert [name for name, _ in net.callbacks_] == [
            name for name, _ in clf.estimator.initialize().callbacks_
        ]
        assert list(net.module_.state_dict()) == ["layer.weight", "layer.bias"]
        pickle.loads(pickle.dumps(net))

    def test_nothing_stays_behind_when_training_fails(self):
        class Fails(skorch.callbacks.Callback):
            def on_epoch_end(self, net, **kwargs):
                Fails.net = net
                raise RuntimeError("enough")

        with pytest.raises(RuntimeError, match="enough"):
            smoothed(mlp_net(callbacks=[Fails()])).fit(X32, y)
        assert not Fails.net.module_._forward_pre_hooks
        assert "sksmooth_training_noise" not in dict(Fails.net.callbacks_)

    def test_noise_follows_a_module_that_is_replaced(self):
        class Replaces(skorch.callbacks.Callback):
            def on_epoch_begin(self, net, **kwargs):
                if len(net.history) == 2:
                    net.set_params(module__n=7)

        class Resizable(Spy):
            def __init__(self, n=5):
                super().__init__()

        Spy.seen = []
        net = skorch.NeuralNetClassifier(
            Resizable,
            criterion=nn.CrossEntropyLoss,
            max_epochs=4,
            verbose=0,
            callbacks=[Replaces()],
        )
        clf = smoothed(net, sigma=0.3).fit(X32, y)
        clean = {row.tobytes() for row in X32}
        assert not clean & {row.tobytes() for batch, _ in Spy.seen for row in batch}
        assert not clf.estimator_.module_._forward_pre_hooks

    def test_copies_of_the_module_carry_no_noise(self, tmp_path):
        saved = tmp_path / "net.pkl"
        others = dict.fromkeys(["f_params", "f_optimizer", "f_criterion", "f_history"])
        checkpoint = skorch.callbacks.Checkpoint(monitor=None, f_pickle=saved, **others)
        net = mlp_net(callbacks=[Averages(), checkpoint])
        clf = smoothed(net, sigma=5.0).fit(X32, y)
        assert not clf.estimator_.module_._forward_pre_hooks
        assert "sksmooth_training_noise" not in dict(clf.estimator_.callbacks_)
        counts = clf.certify(X32[:9]).counts
        assert np.array_equal(clf.set_params(batch_size=7).certify(X32[:9]).counts, counts)
        loaded = pickle.loads(saved.read_bytes())
        assert np.array_equal(loaded.predict_proba(X32), loaded.predict_proba(X32))

    def test_a_binary_net_refuses_three_classes(self):
        with pytest.raises(ValueError, match="tells two classes apart, but y has 3"):
            smoothed(binary_net()).fit(*blobs(60, k=3))

    def test_a_loss_that_is_not_finite_is_said(self):
        net = mlp_net(lr=1e30, max_epochs=3)
        for base in (net, make_pipeline(FunctionTransformer(), net)):
            with pytest.warns(UserWarning, match="training loss .* was nan") as record:
                smoothed(base).fit(X32, y)
            assert record[0].filename == __file__

    @pytest.mark.parametrize("wrap", [lambda net: net, make_pipeline, search_around])
    def test_weights_that_fit_throws_away_are_said(self, wrap):
        net = mlp_net(train_split=None).initialize()
        with pytest.warns(UserWarning, match="initialised already.*FrozenEstimator.*frozen_net"):
            smoothed(wrap(net)).fit(X32, y)
        net = mlp_net(train_split=None, warm_start=True)
        with pytest.warns(UserWarning, match="warm_start=True.*FrozenEstimator") as record:
            smoothed(wrap(net)).fit(X32, y)
        assert record[0].filename == __file__

    def test_weights_that_are_kept_are_not_warned_of(self):
        """A module passed as an instance is trained on from its weights, in a copy."""
        module = MLP()
        with torch.no_grad():
            module.layers[0].weight.fill_(7.0)
        net = skorch.NeuralNetClassifier(
            module, criterion=nn.CrossEntropyLoss, lr=0.0, max_epochs=1, verbose=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            plain = smoothed(mlp_net()).fit(X32, y)
            for given in (net, net.initialize()):
                clf = smoothed(given).fit(X32, y)
                assert (clf.estimator_.module_.layers[0].weight == 7.0).all()
                assert clf.estimator_.module_ is not module
            smoothed(FrozenEstimator(plain.estimator_)).fit(X32, y)

    @pytest.mark.parametrize("base", [skorch.NeuralNetClassifier, ObjectiveNet])
    def test_bfloat16_with_a_validation_split(self, base):
        """numpy has no bfloat16, in which skorch would score the validation split."""

        class Mixed(base):
            def infer(self, x, **params):
                with torch.autocast("cpu", torch.bfloat16):
                    return super().infer(x, **params)

        class Whole(base):
            def initialize_module(self):
                super().initialize_module()
                self.module_.bfloat16()
                return self

        for kind in (Mixed, Whole):
            options = {"lr": 0.1, "max_epochs": 10, "batch_size": 16, "verbose": 0}
            net = kind(MLP, criterion=nn.CrossEntropyLoss, **options)
            clf = smoothed(net).fit(X32, y)
            assert clf.estimator_.history[-1, "valid_acc"] > 0.8
            assert not clf.estimator_.module_._forward_hooks
            assert clf.score(X32, y) > 0.9

    def test_a_pipeline_with_a_net_is_reproducible_too(self):
        base = make_pipeline(FunctionTransformer(np.float32), mlp_net(module=DropoutMLP))
        counts = [smoothed(base).fit(X, y).certify(X32).counts for _ in range(2)]
        assert np.array_equal(*counts)

    def test_random_state_alone_makes_it_reproducible(self):
        torch.manual_seed(1)
        state = torch.random.get_rng_state()
        net = mlp_net(module=DropoutMLP)
        counts = [smoothed(net).fit(X32, y).certify(X32).counts for _ in range(2)]
        assert np.array_equal(*counts)
        assert torch.equal(torch.random.get_rng_state(), state)  # the user's own is left alone

    def test_the_given_net_is_left_alone(self):
        net = mlp_net()
        smoothed(net).fit(X32, y)
        assert not hasattr(net, "module_")

    def test_string_labels_float64_and_integers(self):
        labels = np.array(["no", "yes"])[y]
        for rows in (X, X32, np.round(10 * X).astype(np.int16)):
            clf = smoothed(mlp_net(max_epochs=10)).fit(rows, labels)
            assert clf.score(rows, labels) > 0.8
            assert set(clf.certify(rows).labels) <= {"no", "yes", "abstain"}


class DropoutMLP(MLP):
    def __init__(self, **options):
        super().__init__(**options)
        self.layers.append(nn.Dropout(0.0))
        self.layers.insert(1, nn.Dropout(0.5))


class TestVotes:
    @pytest.mark.parametrize(
        ("net", "rows", "target"),
        [
            (mlp_net(), X32, y),
            (binary_net(), X32, y),
            (binary_net(threshold=0.8), X32, y),
            (cnn_net(), *images()),
        ],
        ids=["mlp", "binary", "threshold", "cnn"],
    )
    def test_as_the_net_predicts(self, net, rows, target):
        clf = smoothed(net, sigma=1.0).fit(rows, target)
        rows = np.asarray(rows, dtype=np.float32)
        backend = get_backend(clf.estimator_, np.arange(len(clf.classes_)))
        with backend.running():
            votes = np.asarray(backend.classify(rows))
        assert np.array_equal(votes, clf.estimator_.predict(rows))
        assert type(backend).__name__ == "SkorchBackend"

    @pytest.mark.parametrize("batch_size", [1, 7, 1000])
    def test_batch_size_and_one_row_at_a_time(self, batch_size):
        clf = smoothed().fit(X32, y)
        counts = clf.certify(X32[:9], n=200).counts
        clf.set_params(batch_size=batch_size)
        assert np.array_equal(clf.certify(X32[:9], n=200).counts, counts)
        single = [clf.certify(X32[i : i + 1], n=200).counts[0] for i in range(9)]
        assert np.array_equal(single, counts)

    def test_workers_and_pickle(self):
        clf = smoothed().fit(X32, y)
        counts = clf.certify(X32).counts
        assert np.array_equal(pickle.loads(pickle.dumps(clf)).certify(X32).counts, counts)
        clf.set_params(n_jobs=2)
        assert np.array_equal(clf.certify(X32).counts, counts)
        with joblib.parallel_config(backend="loky"):
            assert np.array_equal(clf.certify(X32).counts, counts)

    def test_workers_of_a_module_that_cannot_be_pickled(self):
        class Local(MLP):
            pass

        clf = smoothed(mlp_net(module=Local), n_jobs=2).fit(X32, y)
        filters = list(warnings.filters)
        counts = clf.certify(X32).counts
        assert warnings.filters == filters
        assert np.array_equal(clf.set_params(n_jobs=1).certify(X32).counts, counts)

    def test_workers_all_see_evaluation_mode(self):
        Spy.seen = []
        net = skorch.NeuralNetClassifier(Spy, criterion=nn.CrossEntropyLoss, verbose=0)
        clf = smoothed(net, n_jobs=2, batch_size=50).fit(X32, y)
        clf.estimator_.module_.train()
        Spy.seen.clear()
        clf.certify(X32[:2], n=20_000)
        assert not any(training for _, training in Spy.seen)
        assert clf.estimator_.module_.training

    def test_calls_side_by_side_all_see_evaluation_mode(self):
        Spy.seen = []
        net = skorch.NeuralNetClassifier(Spy, criterion=nn.CrossEntropyLoss, verbose=0)
        clf = smoothed(net).fit(X32, y)
        clf.estimator_.module_.train()
        Spy.seen.clear()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: clf.certify(X32[:5], n=n), (500, 5000, 1000, 8000)))
        assert not any(training for _, training in Spy.seen)
        assert all(m.training for m in clf.estimator_.module_.modules())

    @pytest.mark.parametrize("constant", [False, True])
    def test_batches_have_one_shape_where_it_matters(self, constant):
        Spy.seen = []
        net = skorch.NeuralNetClassifier(
            Spy, criterion=nn.CrossEntropyLoss, max_epochs=1, verbose=0
        )
        clf = smoothed(net).fit(X32, y)
        Spy.seen.clear()
        backend = get_backend(clf.estimator_, np.arange(2))
        assert not backend.constant_shape  # plain code on a CPU
        backend.constant_shape = constant
        options = {"noise": FloatGaussian(0.5), "seed": bytes(16), "purpose": Purpose.PREDICT}
        counts = count_votes(backend, X32[:7], 5000, batch_size=600, **options)
        assert counts.sum(axis=1).tolist() == [5000] * 7
        lengths = [len(batch) for batch, _ in Spy.seen]
        assert lengths == [600] * 58 + [256 if constant else 200]  # the next power of two

    def test_compiled_modules_keep_one_shape(self):
        net = mlp_net().initialize()
        assert not get_backend(net, np.arange(2)).constant_shape
        net.module_ = torch.compile(net.module_)
        assert get_backend(net, np.arange(2)).constant_shape

    def test_modes_come_back(self):
        clf = smoothed(cnn_net()).fit(*images())
        module = clf.estimator_.module_
        module.train()
        module.layers[1].eval()  # a frozen batch norm inside a module in training mode
        modes = [m.training for m in module.modules()]
        averages = module.layers[1].running_mean.clone()
        clf.certify(images()[0])
        assert [m.training for m in module.modules()] == modes
        assert torch.equal(module.layers[1].running_mean, averages)

    def test_modes_come_back_after_an_error(self):
        clf = smoothed(cnn_net()).fit(*images())
        clf.estimator_.module_.train()
        clf.estimator_.module_.layers.append(nn.Linear(3, 3))  # does not fit
        with pytest.raises(RuntimeError):
            clf.certify(images()[0])
        assert all(m.training for m in clf.estimator_.module_.modules() if m.training is not None)

    def test_double_precision(self):
        rows, target = blobs(60)
        net = mlp_net(max_epochs=10).initialize()
        net.module_.double()
        net.partial_fit(torch.from_numpy(rows), target)
        clf = smoothed(FrozenEstimator(net)).fit(rows, target)
        assert clf.certify(rows).counts.sum() == 60 * 300

    def test_an_overriding_net_is_asked_through_its_own_methods(self):
        class Contrary(skorch.NeuralNetClassifier):
            def predict(self, X):
                return 1 - super().predict(X)

        net = Contrary(
            MLP, module__n_in=2, module__n_out=2, criterion=nn.CrossEntropyLoss, verbose=0
        )
        clf = smoothed(net).fit(X32, y)
        plain = skorch.NeuralNetClassifier.predict(clf.estimator_, X32[:1])
        assert clf.certify(X32[:1]).counts[0].argmax() == 1 - plain[0]
        spoil(clf.estimator_)
        with pytest.raises(ValueError, match="NaN or infinite"):
            clf.certify(X32)

    @pytest.mark.parametrize(
        "net",
        [
            mlp_net(predict_nonlinearity=lambda scores: -scores),
            binary_net(module=Sigmoid, criterion=nn.BCELoss),
        ],
        ids=["own nonlinearity", "probabilities"],
    )
    def test_unusual_ways_from_scores_to_classes(self, net):
        """skorch knows the way; we take its word, row for row."""
        clf = smoothed(net, sigma=0.001).fit(X32, y)
        backend = get_backend(clf.estimator_, np.arange(2))
        with backend.running():
            votes = backend.classify(X32)
        assert np.array_equal(votes, clf.estimator_.predict(X32))
        spoil(clf.estimator_)
        with pytest.raises(ValueError, match="NaN or infinite"):
            clf.certify(X32)

    def test_data_that_the_net_prepares_itself(self):
        """What skorch does between the rows and the module is part of the base classifier."""

        class Shifted(skorch.dataset.Dataset):
            def transform(self, X, y):
                return super().transform(X - 2, y)

        def collate(items):
            X, target = torch.utils.data.default_collate(items)
            return X - 2, target

        for options in ({"dataset": Shifted}, {"iterator_valid__collate_fn": collate}):
            net = mlp_net(max_epochs=2, train_split=None, **options).fit(X32, y)
            clf = smoothed(FrozenEstimator(net), sigma=0.001).fit(X32, y)
            assert np.array_equal(clf.certify(X32).selected, net.predict(X32))

    def test_all_modules_of_a_net_see_evaluation_mode(self):
        class TwoPart(skorch.NeuralNetClassifier):
            def initialize_module(self):
                super().initialize_module()
                self.head_ = nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 2))
                return self

            def infer(self, x, **params):
                return self.head_(super().infer(x, **params))

        net = TwoPart(MLP, criterion=nn.CrossEntropyLoss, train_split=None, verbose=0, max_epochs=2)
        clf = smoothed(net).fit(X32, y)
        clf.estimator_.head_.train()
        assert np.array_equal(clf.certify(X32).counts, clf.certify(X32).counts)
        assert clf.estimator_.head_.training

    def test_an_overridden_predict_that_may_return_labels_is_refused(self):
        class Labels(skorch.NeuralNetClassifier):
            def predict(self, X):
                return self.classes_[super().predict(X)]

        net = Labels(
            MLP, criterion=nn.CrossEntropyLoss, classes=[1, 0], verbose=0, max_epochs=1
        ).fit(X32, y)
        with pytest.raises(ValueError, match="not skorch.s own, and classes_ are"):
            smoothed(FrozenEstimator(net)).fit(X32, y).certify(X32)

    def test_a_search_around_a_net(self):
        search = GridSearchCV(mlp_net(), {"lr": [0.01, 0.1]}, cv=2).fit(X32, y)
        clf = smoothed(FrozenEstimator(search)).fit(X32, y)
        assert type(get_backend(clf.estimator_, np.arange(2))).__name__ == "SkorchBackend"
        spoil(search.best_estimator_)
        with pytest.raises(ValueError, match="NaN or infinite"):
            clf.certify(X32)

    def test_rows_are_left_alone_by_a_module_that_works_in_place(self):
        class InPlace(MLP):
            def forward(self, X):
                return super().forward(X.add_(1))

        net = mlp_net(module=InPlace).fit(X32.copy(), y)
        rows = X32.copy()
        smoothed(FrozenEstimator(net)).fit(rows, y).certify(rows)
        assert np.array_equal(rows, X32)

    def test_a_pipeline_with_a_net_at_its_end(self):
        to32 = FunctionTransformer(np.float32)
        base = make_pipeline(StandardScaler(), to32, mlp_net(max_epochs=20))
        clf = smoothed(base).fit(X, y)
        assert clf.score(X, y) > 0.9
        backend = get_backend(clf.estimator_, np.arange(2))
        assert type(backend).__name__ == "SkorchBackend"
        with backend.running():
            assert np.array_equal(np.asarray(backend.classify(X)), clf.estimator_.predict(X))

    def test_tensors(self):
        clf = smoothed().fit(torch.from_numpy(X32), torch.from_numpy(y))
        counts = clf.certify(torch.from_numpy(X32)).counts
        assert np.array_equal(clf.certify(X32).counts, counts)
        assert len(clf.certify(torch.from_numpy(X32).bfloat16())) == 120

    def test_an_answer_without_a_class_is_refused(self):
        clf = smoothed(mlp_net(n_out=5)).fit(X32, y)
        assert clf.certify(X32).counts.sum(axis=1).tolist() == [300] * 120
        with torch.no_grad():
            clf.estimator_.module_.layers[-1].bias[4] = 100.0
        with pytest.raises(ValueError, match="output 4, but y had 2 classes.*FrozenEstimator"):
            clf.certify(X32)


class TestFrozen:
    def test_a_module_with_loaded_weights(self):
        trained = smoothed(mlp_net(max_epochs=20)).fit(X32, y).estimator_.module_.state_dict()
        net = mlp_net().initialize()
        net.module_.load_state_dict(trained)
        clf = smoothed(FrozenEstimator(net)).fit(X32, y)
        assert clf.classes_.tolist() == [0, 1]
        assert clf.score(X32, y) > 0.9
        for name, tensor in net.module_.state_dict().items():
            assert torch.equal(tensor, trained[name])

    def test_classes_are_outputs_unless_named(self):
        """skorch infers classes_ from y, but predicts the number of the output."""
        net = mlp_net(n_out=6).fit(X32, np.array([3, 5])[y])
        assert net.classes_.tolist() == [3, 5]
        clf = smoothed(FrozenEstimator(net)).fit(X32, np.array([3, 5])[y])
        assert clf.classes_.tolist() == [0, 1, 2, 3, 4, 5]
        assert clf.score(X32, np.array([3, 5])[y]) > 0.5

    def test_binary(self):
        net = binary_net(max_epochs=20).fit(X32, y.astype(np.float32))
        clf = smoothed(FrozenEstimator(net)).fit(X32, y)
        assert clf.classes_.tolist() == [0, 1]
        assert clf.score(X32, y) > 0.9

    def test_named_classes(self):
        net = mlp_net(classes=["no", "yes"]).fit(X32, y)
        clf = smoothed(FrozenEstimator(net)).fit(X32, np.array(["no", "yes"])[y])
        assert clf.classes_.tolist() == ["no", "yes"]
        assert clf.score(X32, np.array(["no", "yes"])[y]) > 0.5
        with pytest.raises(ValueError, match="classes="):
            smoothed(FrozenEstimator(mlp_net().initialize())).fit(X32, np.array(["a", "b"])[y])


class TestGuards:
    def test_one_score_that_is_not_finite(self):
        clf = smoothed().fit(X32, y)
        with torch.no_grad():
            clf.estimator_.module_.layers[-1].bias[1] = float("nan")
        with pytest.raises(ValueError, match="NaN or infinite"):
            clf.certify(X32)

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    @pytest.mark.parametrize("net", [mlp_net(), binary_net()], ids=["classifier", "binary"])
    def test_scores_that_are_not_finite(self, net, value):
        clf = smoothed(net).fit(X32, y)
        clf.estimator_ = copy.deepcopy(clf.estimator_)
        spoil(clf.estimator_, value)
        for method in (clf.certify, clf.predict, clf.vote_frequencies):
            with pytest.raises(ValueError, match="NaN or infinite"):
                method(X32)

    def test_one_output_for_two_classes(self):
        net = skorch.NeuralNetClassifier(
            OneOutput, criterion=nn.BCEWithLogitsLoss, verbose=0, train_split=None
        )
        net.initialize()
        with pytest.raises(ValueError, match=r"one column per class|does not know|one label"):
            smoothed(FrozenEstimator(net)).fit(X32, y).certify(X32)

    def test_fewer_outputs_than_classes(self):
        clf = smoothed(mlp_net(n_out=3)).fit(X32, y)
        clf.estimator_ = mlp_net(n_out=1).initialize()
        with pytest.raises(ValueError, match=r"shape \(\d+, 1\).*each of 2 classes"):
            clf.certify(X32)

    def test_a_bare_module(self):
        with pytest.raises(ValueError, match="wrap a torch module in skorch.NeuralNetClassifier"):
            smoothed(CNN()).fit(X32, y)

    def test_a_net_that_is_no_classifier(self):
        with pytest.raises(ValueError, match="must be a classifier; got NeuralNet"):
            smoothed(skorch.NeuralNetRegressor(MLP)).fit(X32, y)


def test_grid_search_over_sigma_with_workers():
    search = GridSearchCV(
        smoothed(cnn_net(train_split=None)),
        {"sigma": [10.0, 40.0]},
        scoring=certified_accuracy_scorer(radius=0.25),
        n_jobs=2,
        cv=2,
        error_score="raise",
    ).fit(*images())
    assert np.all(np.isfinite(search.cv_results_["mean_test_score"]))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu():
    pictures, target = images()
    clf = smoothed(cnn_net(device="cuda"), sigma=5.0).fit(pictures, target)
    counts = clf.certify(pictures).counts
    assert np.array_equal(clf.certify(pictures).counts, counts)
    assert np.array_equal(clf.set_params(n_jobs=2).certify(pictures).counts, counts)
    assert next(clf.estimator_.module_.parameters()).is_cuda
