"""Denoised smoothing: only the denoiser learns, and what it learns helps."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from nets import CNN, MLP
from sklearn.datasets import load_digits
from skorch import NeuralNetClassifier
from torch import nn

from sksmooth import SmoothedClassifier
from sksmooth.nets import Denoised, DenoiserMSE, DenoiserStability, DnCNN, ObjectiveNet, frozen_net
from sksmooth.objectives import GaussianAugmentation


class Shift(nn.Module):
    """A denoiser with one number to learn."""

    def __init__(self):
        super().__init__()
        self.by = nn.Parameter(torch.tensor(0.5))

    def forward(self, X):
        return X - self.by


def fixed_noise(like):
    return torch.full_like(like, 0.25)


def digits():
    images, y = load_digits(return_X_y=True)
    return (images.reshape(-1, 1, 8, 8) / 16).astype(np.float32), y


class TestDenoised:
    def test_it_is_the_composition(self):
        classifier = MLP()
        X = torch.randn(4, 2)
        assert torch.equal(Denoised(Shift(), classifier)(X), classifier(X - 0.5))

    def test_the_classifier_stays_as_it_is(self):
        torch.manual_seed(0)
        classifier = CNN()  # batch normalisation would learn statistics even without gradients
        before = copy.deepcopy(classifier.state_dict())
        module = Denoised(DnCNN(depth=3, width=4, in_channels=1), classifier)
        X, y = digits()
        net = ObjectiveNet(module, objective=DenoiserStability, max_epochs=1, verbose=0, lr=0.1)
        clf = SmoothedClassifier(net, sigma=0.25, random_state=0).fit(X[:200], y[:200])
        trained = clf.estimator_.module_.train()
        assert not trained.classifier.training
        assert trained.denoiser.training
        for name, tensor in trained.classifier.state_dict().items():
            assert torch.equal(tensor, before[name])
        assert torch.any(trained.denoiser.dncnn[-1].weight != 0)  # as they are at first

    def test_any_classifier_is_certified_with_a_denoiser_in_front(self):
        X, y = digits()
        module = Denoised(DnCNN(depth=3, width=4, in_channels=1), CNN())
        clf = SmoothedClassifier(frozen_net(module), sigma=0.25, n=200, random_state=0)
        counts = clf.fit(X[:20], y[:20]).certify(X[:5]).counts
        bare = SmoothedClassifier(frozen_net(module.classifier), sigma=0.25, n=200, random_state=0)
        # a new denoiser is the identity
        assert np.array_equal(bare.fit(X[:20], y[:20]).certify(X[:5]).counts, counts)


class TestDnCNN:
    def test_size(self):
        """17 layers of 64 channels, on colours: first, 15 in between, last."""
        inner = 15 * (64 * 64 * 9 + 2 * 64)
        expected = (3 * 64 * 9 + 64) + inner + 64 * 3 * 9
        assert sum(p.numel() for p in DnCNN().parameters()) == expected

    def test_names_and_settings_of_the_authors_checkpoints(self):
        net = DnCNN()
        names = list(net.state_dict())
        assert names[:3] == ["dncnn.0.weight", "dncnn.0.bias", "dncnn.2.weight"]
        assert names[-1] == "dncnn.47.weight"
        norms = [part for part in net.modules() if isinstance(part, nn.BatchNorm2d)]
        assert [norm.eps for norm in norms] == [1e-4] * 15  # no file would tell

    def test_orthogonal_weights_and_the_identity_at_first(self):
        net = DnCNN(depth=4, width=8)
        weight = net.dncnn[2].weight.flatten(1)
        assert torch.allclose(weight @ weight.T, torch.eye(8), atol=1e-5)
        X = torch.randn(2, 3, 7, 9)
        assert torch.equal(net(X), X)

    def test_depth(self):
        with pytest.raises(ValueError, match="depth must be at least 2; got 1"):
            DnCNN(depth=1)


class TestObjectives:
    def test_mse_is_the_squared_distance_per_value(self):
        X, y = torch.zeros(3, 2), torch.zeros(3, dtype=torch.int64)
        module = Denoised(Shift(), MLP())
        loss = DenoiserMSE().forward(module, X, y, fixed_noise, 0.25)
        assert loss.item() == pytest.approx((0.25 - 0.5) ** 2)
        loss.backward()
        assert module.denoiser.by.grad.item() == pytest.approx(2 * (0.5 - 0.25))

    def test_mse_does_not_ask_the_classifier_nor_the_labels(self):
        class Never(nn.Module):
            def forward(self, X):
                raise AssertionError("the classifier was asked")

        DenoiserMSE().forward(Denoised(Shift(), Never()), torch.ones(2, 3), None, fixed_noise, 1.0)

    def test_stability_takes_the_clean_class_not_the_label(self):
        torch.manual_seed(0)
        X = torch.randn(20, 2)
        module = Denoised(Shift(), MLP())
        target = module.classifier(X).argmax(dim=1)
        assert len(target.unique()) == 2
        loss = DenoiserStability().forward(module, X, 1 - target, fixed_noise, 0.25)
        scores = module.classifier(X + 0.25 - 0.5)
        expected = -scores.log_softmax(dim=1)[torch.arange(20), target].mean()
        assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
        # with the right labels it is Gaussian augmentation of both
        gaussian = GaussianAugmentation().forward(module, X, target, fixed_noise, 0.25)
        assert loss.item() == gaussian.item()

    def test_gradients_pass_through_the_classifier_only(self):
        module = Denoised(Shift(), MLP())
        X = torch.randn(20, 2)
        DenoiserStability().forward(module, X, None, fixed_noise, 0.25).backward()
        assert module.denoiser.by.grad.abs() > 0
        assert all(p.grad is None for p in module.classifier.parameters())

    @pytest.mark.parametrize("objective", [DenoiserMSE(), DenoiserStability()])
    def test_wrappers_and_other_modules(self, objective):
        X = torch.randn(4, 2)
        module = Denoised(Shift(), MLP())
        plain = objective.forward(module, X, None, fixed_noise, 0.25)
        wrapped = objective.forward(nn.DataParallel(module), X, None, fixed_noise, 0.25)
        assert plain.item() == wrapped.item()
        with pytest.raises(ValueError, match=r"Denoised\(denoiser, classifier\); got a MLP"):
            objective.forward(MLP(), X, None, fixed_noise, 0.25)

    @pytest.mark.parametrize("objective", [DenoiserMSE(), DenoiserStability()])
    def test_a_remainder_of_one_row_and_any_rank(self, objective):
        for X, classifier in ((torch.randn(1, 2), MLP()), (torch.rand(1, 1, 8, 8), CNN())):
            loss = objective.forward(Denoised(Shift(), classifier), X, None, fixed_noise, 0.25)
            assert loss.shape == ()
            assert torch.isfinite(loss)


def test_a_trained_denoiser_makes_a_classifier_certifiable():
    """The paper's claim, in small: digits, a classifier of clean images, MSE first, stability then.

    MSE alone gains nothing on images of 8 x 8 pixels.
    """
    torch.manual_seed(0)
    X, y = digits()
    train, test = slice(0, 1400), slice(1400, None, 4)
    options = {"criterion": nn.CrossEntropyLoss, "verbose": 0, "batch_size": 64}
    net = NeuralNetClassifier(CNN, lr=0.3, max_epochs=15, **options).fit(X[train], y[train])
    classifier = net.module_
    assert (net.predict(X[test]) == y[test]).mean() > 0.9

    module = Denoised(DnCNN(depth=4, width=16, in_channels=1), classifier).train()
    optimizer = torch.optim.Adam(module.denoiser.parameters(), lr=3e-3)
    images = torch.from_numpy(X[train])
    for objective in [DenoiserMSE()] * 2 + [DenoiserStability()] * 4:
        for rows in torch.randperm(len(images)).split(64):
            loss = objective.forward(
                module, images[rows], None, lambda like: 0.5 * torch.randn_like(like), 0.5
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def certified_accuracy(base):
        clf = SmoothedClassifier(frozen_net(base), sigma=0.5, n=300, random_state=0)
        labels, radii = clf.fit(X[:50], y[:50]).certify(X[test])
        return np.mean((labels == y[test]) & (radii > 0))

    assert certified_accuracy(module) > certified_accuracy(classifier) + 0.05
