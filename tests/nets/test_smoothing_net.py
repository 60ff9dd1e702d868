"""ObjectiveNet: objectives reach the training of skorch nets, with the noise of the smoother."""

import contextlib
import copy
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from helpers import blobs
from nets import CNN, MLP, mlp_net
from sklearn.base import clone
from sklearn.datasets import load_digits, make_moons
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from skorch.callbacks import BatchScoring, EpochScoring, LRScheduler
from torch import nn

from sksmooth import SmoothedClassifier, certified_accuracy_scorer
from sksmooth.backends import get_backend
from sksmooth.nets import Denoised, DenoiserMSE
from sksmooth.nets.skorch_net import ObjectiveNet
from sksmooth.noise import Laplace
from sksmooth.objectives import (
    MACER,
    Consistency,
    GaussianAugmentation,
    Objective,
    SmoothAdv,
    SmoothMix,
    StabilityTraining,
    Warmup,
)

X, y = blobs(66)
X = X.astype(np.float32)


class Recording(Objective):
    """Gaussian augmentation that writes down what it is given."""

    calls = []  # shared: the net makes the objective

    def __init__(self, lam=1.0):
        self.lam = lam

    def forward(self, module, X, y, noise, sigma):
        draws = noise(X)
        Recording.calls.append((X.numpy().copy(), y, draws.numpy().copy(), sigma, self.lam))
        return nn.functional.cross_entropy(module(X + draws), y)


class SpyMLP(MLP):
    """Writes down what its first layer sees, and in which mode."""

    seen = []  # shared: skorch makes the module

    def forward(self, X):
        SpyMLP.seen.append((X.detach().numpy().copy(), self.training))
        return super().forward(X)


class Dropout(MLP):
    def forward(self, X):
        return super().forward(nn.functional.dropout(X, 0.2, self.training))


def objective_net(objective=Recording, module=SpyMLP, **options):
    defaults = {"max_epochs": 3, "lr": 0.1, "verbose": 0, "batch_size": 16}
    return ObjectiveNet(module, objective, **(defaults | options))


def smoothed(net, **options):
    defaults = {"sigma": 0.3, "n": 300, "n_predict": 200, "random_state": 0}
    return SmoothedClassifier(net, **(defaults | options))


@pytest.fixture(autouse=True)
def _forget():
    Recording.calls, SpyMLP.seen = [], []


def weights(net):
    return torch.cat([p.detach().flatten() for p in net.module_.parameters()])


class TestNoise:
    def test_the_objective_gets_clean_rows_true_labels_and_the_noise_of_the_smoother(self):
        labels = np.array(["no", "yes"])[y]
        smoothed(objective_net(train_split=None)).fit(X, labels)
        code = {row.tobytes(): label for row, label in zip(X, y, strict=True)}
        for rows, target, _, sigma, _ in Recording.calls:
            assert [code[row.tobytes()] for row in rows] == target.tolist()
            assert target.dtype == torch.int64
            assert sigma == 0.3
        # the remainder of 66 rows in batches of 16 is not dropped
        assert [len(call[0]) for call in Recording.calls] == [16, 16, 16, 16, 2] * 3

    def test_noise_is_fresh_in_every_batch_and_has_sigma(self):
        smoothed(objective_net(max_epochs=20)).fit(X, y)
        draws = np.concatenate([call[2] for call in Recording.calls])
        assert len(np.unique(draws)) > 0.99 * draws.size
        assert draws.size > 2000
        # five standard deviations of an estimate of sigma
        assert abs(draws.std() - 0.3) < 5 * 0.3 / np.sqrt(2 * draws.size)
        assert abs(draws.mean()) < 5 * 0.3 / np.sqrt(draws.size)

    def test_noise_is_added_once(self):
        smoothed(objective_net()).fit(X, y)
        trained = [rows for rows, training in SpyMLP.seen if training]
        assert len(trained) == len(Recording.calls)
        for rows, call in zip(trained, Recording.calls, strict=True):
            assert np.array_equal(rows, call[0] + call[2])

    @pytest.mark.parametrize("alone", [False, True])
    def test_validation_sees_noise_too(self, alone):
        if alone:
            objective_net(sigma=0.3).fit(X, y)
        else:
            smoothed(objective_net()).fit(X, y)
        clean = {row.tobytes() for row in X}
        validated = np.concatenate([rows for rows, training in SpyMLP.seen if not training])
        assert len(np.unique(validated, axis=0)) == len(validated) >= 3 * 10
        assert not clean & {row.tobytes() for row in validated}

    def test_gaussian_augmentation_trains_as_a_plain_net_does(self):
        """Weight for weight: same draws, same order."""
        nets = [
            smoothed(net).fit(X, y).estimator_
            for net in (mlp_net(), objective_net(GaussianAugmentation, MLP, max_epochs=5))
        ]
        assert torch.equal(weights(nets[0]), weights(nets[1]))
        assert nets[0].history[:, "valid_loss"] == nets[1].history[:, "valid_loss"]

    def test_sigma_per_feature(self):
        smoothed(objective_net(), sigma=[0.5, 0.0]).fit(X, y)
        for _, _, draws, sigma, _ in Recording.calls:
            assert torch.equal(sigma, torch.tensor([0.5, 0.0]))
            assert draws[:, 0].any()
            assert not draws[:, 1].any()

    def test_alone_with_a_sigma_of_its_own(self):
        torch.manual_seed(0)
        net = objective_net(sigma=0.7, max_epochs=10).fit(X, y)
        assert {call[3] for call in Recording.calls} == {0.7}
        assert not net.module_._forward_pre_hooks
        clf = smoothed(FrozenEstimator(net)).fit(X, y)
        assert clf.score(X, y) > 0.9
        Recording.calls.clear()
        objective_net(sigma=[0.1, 0.2]).fit(X, y)
        assert torch.equal(Recording.calls[0][3], torch.tensor([0.1, 0.2]))

    def test_the_smoothers_sigma_is_the_one_that_counts(self):
        smoothed(objective_net(sigma=0.7)).fit(X, y)
        assert {call[3] for call in Recording.calls} == {0.3}

    def test_a_pipeline_cannot_hand_over_noise(self):
        base = make_pipeline(FunctionTransformer(np.float32), objective_net())
        with pytest.raises(ValueError, match="sigma is None.*in a Pipeline it cannot"):
            smoothed(base).fit(X, y)

    @pytest.mark.parametrize("sigma", [0.0, -1.0, np.inf, [0.0, 0.0]])
    def test_bad_sigma(self, sigma):
        with pytest.raises(ValueError, match="sigma must be"):
            objective_net(sigma=sigma).fit(X, y)


class TestPlain:
    @pytest.mark.parametrize("alone", [False, True])
    def test_no_hook_and_no_callback_are_left(self, alone):
        net = objective_net(sigma=0.3)
        net = net.fit(X, y) if alone else smoothed(net).fit(X, y).estimator_
        assert type(net) is ObjectiveNet
        assert not net.module_._forward_pre_hooks
        assert [n for n, _ in net.callbacks_] == [n for n, _ in clone(net).initialize().callbacks_]
        loaded = pickle.loads(pickle.dumps(net))
        assert np.array_equal(loaded.predict_proba(X), net.predict_proba(X))

    def test_nothing_stays_behind_when_training_fails(self):
        class Fails(Recording):
            def forward(self, module, X, y, noise, sigma):
                raise RuntimeError("enough")

        net = objective_net(Fails, sigma=0.3)
        with pytest.raises(RuntimeError, match="enough"):
            net.fit(X, y)
        assert not net.module_._forward_pre_hooks
        assert "sksmooth_training_noise" not in dict(net.callbacks_)

    def test_a_net_saved_in_training_can_be_trained_on(self, tmp_path):
        saved = tmp_path / "net.pkl"
        others = dict.fromkeys(["f_params", "f_optimizer", "f_criterion", "f_history"])
        checkpoint = skorch.callbacks.Checkpoint(monitor=None, f_pickle=saved, **others)
        objective_net(sigma=0.3, callbacks=[checkpoint]).fit(X, y)
        Recording.calls.clear()
        net = pickle.loads(saved.read_bytes()).partial_fit(X, y)
        assert Recording.calls[0][2].any()
        assert not net.module_._forward_pre_hooks

    def test_votes_go_at_the_modules_own_speed(self):
        clf = smoothed(objective_net()).fit(X, y)
        backend = get_backend(clf.estimator_, np.arange(2))
        assert type(backend).__name__ == "SkorchBackend"
        assert backend.infers_plainly

    def test_clones_and_parameters(self):
        net = objective_net(MACER, objective__lam=4.0, sigma=0.3)
        assert clone(net).get_params()["objective__lam"] == 4.0
        net.set_params(objective__gamma=3.0)
        copied = clone(net)
        assert (copied.objective__lam, copied.objective__gamma) == (4.0, 3.0)
        instance = MACER(lam=2.0, gamma=6.0)
        net = objective_net(instance)
        assert net.get_params()["objective__lam"] == 2.0
        net.set_params(objective__lam=5.0)
        assert net.get_params()["objective__lam"] == 5.0
        now = net._objective_now()
        assert (now.lam, now.gamma) == (5.0, 6.0)  # the instance's own gamma is kept
        assert instance.lam == 2.0

    def test_parameters_of_an_objective_within_an_objective(self):
        net = objective_net(Consistency(adversary=SmoothAdv()), objective__adversary__epsilon=0.25)
        assert clone(net)._objective_now().adversary.epsilon == 0.25

    def test_reproducible(self):
        torch.manual_seed(1)
        nets = [smoothed(objective_net(SmoothMix, Dropout)).fit(X, y).estimator_ for _ in range(2)]
        assert torch.equal(weights(nets[0]), weights(nets[1]))

    def test_grid_search(self):
        net = objective_net(StabilityTraining, MLP, max_epochs=10)
        grid = {"estimator__objective__lam": [0.0, 50.0]}
        scoring = certified_accuracy_scorer(radius=0.4, n=300)
        search = GridSearchCV(smoothed(net), grid, scoring=scoring, cv=2).fit(X, y)
        fitted = search.best_estimator_.estimator_
        assert fitted.objective__lam == search.best_params_["estimator__objective__lam"]
        assert len(set(search.cv_results_["mean_test_score"])) == 2


class TestTraining:
    def test_schedules_follow_the_epoch(self):
        smoothed(objective_net(objective__lam=Warmup(2.0, 4), max_epochs=6)).fit(X, y)
        weights_seen = [call[4] for call in Recording.calls]
        assert weights_seen == np.repeat([0.5, 1.0, 1.5, 2.0, 2.0, 2.0], 4).tolist()

    def test_schedules_go_on_where_training_goes_on(self):
        net = objective_net(objective__lam=Warmup(2.0, 4), max_epochs=2, sigma=0.3).fit(X, y)
        net.partial_fit(X, y)
        assert sorted({call[4] for call in Recording.calls}) == [0.5, 1.0, 1.5, 2.0]

    def test_parameters_set_in_training_take_effect(self):
        class Raises(skorch.callbacks.Callback):
            def on_epoch_begin(self, net, **kwargs):
                net.set_params(objective__lam=float(len(net.history)))

        smoothed(objective_net(callbacks=[Raises()])).fit(X, y)
        assert [call[4] for call in Recording.calls] == np.repeat([1.0, 2.0, 3.0], 4).tolist()

    def test_learning_rate_schedule(self):
        policy = LRScheduler(policy="StepLR", step_size=1, gamma=0.1)
        net = smoothed(objective_net(callbacks=[("lr", policy)])).fit(X, y).estimator_
        assert net.history[:, "event_lr"] == pytest.approx([0.1, 0.01, 0.001])

    @pytest.mark.parametrize(
        "objective", [GaussianAugmentation(m=3), SmoothAdv(m=2), MACER(m=4), SmoothMix()], ids=str
    )
    def test_callbacks_get_one_row_of_scores_for_each_row(self, objective):
        scoring = EpochScoring("accuracy", on_train=True, lower_is_better=False, name="ours")
        net = objective_net(objective, MLP, callbacks=[scoring], max_epochs=10)
        net = smoothed(net).fit(X, y).estimator_
        assert net.history[-1, "ours"] > 0.75  # half, if copies were taken for rows

    @pytest.mark.parametrize("scoring", [EpochScoring, BatchScoring])
    def test_callbacks_on_training_batches_that_have_no_scores(self, scoring):
        net = objective_net(
            DenoiserMSE, Denoised(nn.Linear(2, 2), MLP()), callbacks=[scoring("accuracy")]
        )
        smoothed(net).fit(X, y)
        net.set_params(callbacks=[("ours", scoring("accuracy", on_train=True))])
        with pytest.raises(ValueError, match="'ours' scores training batches, but DenoiserMSE"):
            smoothed(net).fit(X, y)

    def test_an_adversary_in_another_norm_than_the_noise(self):
        for objective in (SmoothAdv(), Consistency(adversary=SmoothAdv())):
            clf = SmoothedClassifier(objective_net(objective, MLP), noise=Laplace(0.5))
            with pytest.raises(ValueError, match=r"in the norms \('l2',\), but the noise .* 'l1'"):
                clf.fit(X, y)
        clf.set_params(estimator__objective=Consistency()).fit(X, y)

    def test_infer_is_used_in_training_too(self):
        """Users put autocast there."""

        class Counting(ObjectiveNet):
            n_calls = 0

            def infer(self, x, **fit_params):
                Counting.n_calls += 1
                return super().infer(x, **fit_params)

        net = Counting(
            MLP, SmoothAdv(steps=3), sigma=0.3, train_split=None, verbose=0, max_epochs=1
        )
        net.fit(X, y)
        assert Counting.n_calls == 3 + 1

    def test_all_modules_of_a_net_are_attacked_in_evaluation_mode(self):
        class TwoPart(ObjectiveNet):
            modes = []

            def initialize_module(self):
                super().initialize_module()
                self.head_ = nn.Sequential(nn.Dropout(0.5), nn.Linear(2, 2))
                return self

            def infer(self, x, **params):
                TwoPart.modes.append((self.module_.training, self.head_.training))
                return self.head_(super().infer(x, **params))

        net = TwoPart(MLP, SmoothAdv(steps=2), sigma=0.3, train_split=None, verbose=0, max_epochs=1)
        net.fit(X, y)
        assert TwoPart.modes == [(False, False)] * 2 + [(True, True)]

    def test_a_class_that_trains_without_the_objective_is_refused(self):
        """Mixins that override train_step_single, as skorch's for accelerate, train plainly."""

        class Mixin:
            train_step_single = skorch.NeuralNetClassifier.train_step_single

        class Net(Mixin, ObjectiveNet):
            pass

        with pytest.raises(RuntimeError, match="without its objective"):
            Net(MLP, sigma=0.3, verbose=0).fit(X, y)

        class Mended(Mixin, ObjectiveNet):
            train_step_single = ObjectiveNet.train_step_single

        Mended(MLP, Recording, sigma=0.3, verbose=0, max_epochs=1).fit(X, y)
        assert Recording.calls

    def test_an_accelerator_scales_the_loss_and_casts(self):
        class Accelerator:
            used = []

            def autocast(self):
                self.used.append("autocast")
                return contextlib.nullcontext()

            def backward(self, loss):
                self.used.append("backward")
                loss.backward()

        net = objective_net(sigma=0.3, max_epochs=1, train_split=None, batch_size=100)
        net.initialize()
        net.accelerator = Accelerator()
        net.partial_fit(X, y)
        assert Accelerator.used == ["autocast", "backward"]

    @pytest.mark.parametrize(
        "options",
        [
            {"criterion": nn.NLLLoss},
            {"criterion__label_smoothing": 0.1},
            {"criterion__weight": torch.tensor([1.0, 2.0])},
        ],
        ids=["NLLLoss", "label smoothing", "weights"],
    )
    def test_a_criterion_that_training_would_ignore_is_refused(self, options):
        with pytest.raises(ValueError, match="criterion only the validation loss"):
            objective_net(sigma=0.3, **options).fit(X, y)

    @pytest.mark.parametrize("objective", [nn.CrossEntropyLoss, nn.CrossEntropyLoss(), "macer"])
    def test_what_is_no_objective_is_refused(self, objective):
        with pytest.raises(ValueError, match=r"objective must be one of sksmooth\.objectives"):
            objective_net(objective, sigma=0.3).fit(X, y)

    def test_bad_parameters_are_refused_before_training(self):
        with pytest.raises(ValueError, match="The 'lam' parameter of MACER"):
            objective_net(MACER, objective__lam=-1.0, sigma=0.3).fit(X, y)
        assert not SpyMLP.seen
        with pytest.raises(ValueError, match="'lambda'"):
            objective_net(MACER, objective__lambda=1.0, sigma=0.3).fit(X, y)


MOMENTUM = {"optimizer__momentum": 0.9}
OBJECTIVES = [
    StabilityTraining(lam=2.0),
    SmoothAdv(epsilon=0.2, steps=4, m=2),
    SmoothAdv(epsilon=0.2, steps=4, m=2, attack="ddn"),
    MACER(lam=1.0, m=4),
    Consistency(lam=2.0),
    Consistency(lam=1.0, adversary=SmoothAdv(epsilon=Warmup(0.2, 5), steps=2)),
    SmoothMix(eta=1.0, steps=2, m=2),
]


class TestEndToEnd:
    @pytest.mark.parametrize("objective", OBJECTIVES, ids=str)
    def test_two_moons(self, objective):
        rows, target = make_moons(201, noise=0.1, random_state=0)
        rows = rows.astype(np.float32)
        net = objective_net(
            objective, MLP, module__hidden=32, max_epochs=30, lr=0.3, batch_size=32, **MOMENTUM
        )
        clf = smoothed(net, sigma=0.25, n=1000).fit(rows, target)
        certificate = clf.certify(rows)
        certified = (certificate.labels == target) & (certificate.radii > 0.1)
        assert certified.mean() > 0.8
        assert not clf.estimator_.module_._forward_pre_hooks

    @pytest.mark.parametrize(
        "objective", [Consistency(lam=2.0), SmoothAdv(steps=2, m=2), MACER(lam=1.0, m=4)], ids=str
    )
    def test_digits_as_images_with_batch_norm(self, objective):
        images, target = load_digits(return_X_y=True)
        images = (images / 16).astype(np.float32).reshape(-1, 1, 8, 8)[:600]
        target = target[:600]
        net = objective_net(objective, CNN, max_epochs=8, batch_size=64, **MOMENTUM)
        clf = smoothed(net, sigma=0.25, n=300).fit(images, target)
        certificate = clf.certify(images[:100])
        assert ((certificate.labels == target[:100]) & (certificate.radii > 0.1)).mean() > 0.7
        module = copy.deepcopy(clf.estimator_.module_)
        assert all(part._forward_pre_hooks == {} for part in module.modules())
