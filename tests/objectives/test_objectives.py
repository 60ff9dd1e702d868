"""Training objectives: losses against formulas in numpy, and the faults of other libraries."""

import copy
import math

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from scipy.special import log_softmax, softmax
from scipy.stats import norm
from sklearn.base import clone
from torch import nn

from sksmooth.objectives import (
    MACER,
    Consistency,
    Deferred,
    GaussianAugmentation,
    Objective,
    SmoothAdv,
    SmoothMix,
    StabilityTraining,
    Warmup,
)
from sksmooth.objectives.attack import ddn, evaluating, pgd, project

torch.set_num_threads(1)
SIGMA = 0.5
ALL = [
    GaussianAugmentation(),
    GaussianAugmentation(m=2),
    StabilityTraining(),
    SmoothAdv(epsilon=0.5, steps=3, m=2),
    SmoothAdv(epsilon=0.5, steps=5, m=3, attack="ddn"),
    MACER(m=4, beta=2.0),
    Consistency(m=3),
    Consistency(adversary=SmoothAdv(epsilon=0.5, steps=2)),
    SmoothMix(steps=2, m=2),
    SmoothMix(steps=3, m=2, mix_step=1),
]
NAMES = [str(objective) for objective in ALL]
every_objective = pytest.mark.parametrize("objective", ALL, ids=NAMES)


class Draws:
    """Noise that is drawn once and given again for the same shapes, so that losses can compare."""

    def __init__(self, scale=SIGMA, seed=0):
        self.scale, self.seed, self.given = scale, seed, []

    def __call__(self, like):
        generator = torch.Generator().manual_seed(self.seed + len(self.given))
        noise = self.scale * torch.randn(like.shape, generator=generator, dtype=torch.float64)
        self.given.append(noise.numpy())
        return noise.to(like)


class Spy(nn.Module):
    """Writes down what it is asked, and in which mode."""

    def __init__(self, module):
        super().__init__()
        self.module, self.asked = module, []

    def forward(self, X):
        self.asked.append((X.detach().clone(), self.training))
        return self.module(X)


def linear(d=3, k=4, seed=0):
    module = nn.Linear(d, k).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float64))
    return module


def batch(n=6, d=3, k=4, seed=1):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(size=(n, d))), torch.from_numpy(rng.integers(0, k, n))


def scores(module, rows):
    return rows @ module.weight.detach().numpy().T + module.bias.detach().numpy()


def entropy(p):
    return -(p * np.log(p)).sum()


class TestFormulas:
    """Row by row and draw by draw, in numpy."""

    def setup_method(self):
        self.module, (self.X, self.y), self.noise = linear(), batch(), Draws()

    def loss(self, objective, sigma=SIGMA):
        return objective.forward(self.module, self.X, self.y, self.noise, sigma).item()

    def rows(self, m):
        """Each row, its label, and the scores of its m noisy copies."""
        draws = self.noise.given[0].reshape(len(self.X), m, -1)
        for x, label, noise in zip(self.X.numpy(), self.y.numpy(), draws, strict=True):
            yield x, label, scores(self.module, x + noise)

    @pytest.mark.parametrize("m", [1, 3])
    def test_gaussian_augmentation(self, m):
        loss = self.loss(GaussianAugmentation(m=m))
        losses = [-log_softmax(s, axis=1)[:, label].mean() for _, label, s in self.rows(m)]
        assert loss == pytest.approx(np.mean(losses), rel=1e-12)

    def test_stability_training(self):
        loss = self.loss(StabilityTraining(lam=3.0))
        losses = []
        for x, label, noisy in self.rows(1):
            clean = scores(self.module, x[None])[0]
            disagreement = -(softmax(clean) * log_softmax(noisy[0])).sum()
            losses.append(-log_softmax(clean)[label] + 3.0 * disagreement)
        assert loss == pytest.approx(np.mean(losses), rel=1e-12)

    @pytest.mark.parametrize("gamma", [8.0, 1.4])
    def test_macer(self, gamma):
        self.y = torch.from_numpy(scores(self.module, self.X.numpy()).argmax(axis=1))
        self.y[0] = (self.y[0] + 1) % 4  # one that is wrong
        loss = self.loss(MACER(lam=5.0, gamma=gamma, beta=2.0, m=7))
        losses, margins = [], []
        for _, label, s in self.rows(7):
            losses.append(-np.log(softmax(s, axis=1).mean(axis=0)[label]))
            second, first = np.sort(softmax(2.0 * s, axis=1).mean(axis=0))[-2:]
            right = softmax(2.0 * s, axis=1).mean(axis=0).argmax() == label
            margins.append(norm.ppf(first) - norm.ppf(second))
            if right and margins[-1] <= gamma:
                losses[-1] += 5.0 * SIGMA / 2 * (gamma - margins[-1])
        assert loss == pytest.approx(np.mean(losses), rel=1e-12)
        assert max(margins) > 1.4 > min(margins)  # the hinge leaves some out

    @pytest.mark.parametrize("m", [2, 5])
    def test_consistency(self, m):
        loss = self.loss(Consistency(lam=3.0, eta=0.25, m=m))
        losses = []
        for _, label, s in self.rows(m):
            each = softmax(s, axis=1)
            mean = each.mean(axis=0)
            divergence = np.mean([(mean * np.log(mean / p)).sum() for p in each])
            losses.append(-np.log(each[:, label]).mean() + 3.0 * divergence + 0.25 * entropy(mean))
        assert loss == pytest.approx(np.mean(losses), rel=1e-12)

    def test_consistency_at_the_adversary(self):
        adversary = SmoothAdv(epsilon=0.5, steps=3, m=99)
        loss = self.loss(Consistency(lam=3.0, m=2, adversary=adversary))
        draws = torch.from_numpy(self.noise.given[0])
        self.X = adversary.perturb(self.module, self.X, self.y, draws, SIGMA)
        self.noise = Draws()
        assert loss == pytest.approx(self.loss(Consistency(lam=3.0, m=2)), rel=1e-12)

    @pytest.mark.parametrize("mix_step", [0, 2])
    def test_smoothmix(self, mix_step):
        objective = SmoothMix(eta=2.0, steps=3, step_size=0.2, m=3, mix_step=mix_step)
        self.y[::2] = torch.from_numpy(scores(self.module, self.X.numpy()).argmax(axis=1)[::2])
        torch.manual_seed(5)
        loss = self.loss(objective)
        torch.manual_seed(5)
        t = torch.rand(6, dtype=torch.float64).numpy() / 2
        draws = self.noise.given[0]
        near, far = objective.endpoints(self.module, self.X, self.y, torch.from_numpy(draws), SIGMA)
        losses, right = [], []
        for i, label in enumerate(self.y.numpy()):
            noise = draws.reshape(6, 3, -1)[i]
            a, b = near[i].numpy(), far[i].numpy()
            each = softmax(scores(self.module, a + noise), axis=1)
            target = (1 - t[i]) * each.mean(axis=0) + t[i] * np.full(4, 1 / 4)
            mixed = softmax(scores(self.module, (1 - t[i]) * a + t[i] * b + noise), axis=1)
            divergence = np.mean([(target * np.log(target / p)).sum() for p in mixed])
            right.append(each.mean(axis=0).argmax() == label)
            losses.append(-np.log(each[:, label]).mean() + 2.0 * right[-1] * divergence)
        assert loss == pytest.approx(np.mean(losses), rel=1e-12)
        assert 0 < sum(right) < 6

    def test_macer_without_its_radius_is_the_averaged_cross_entropy(self):
        loss = self.loss(MACER(lam=0, m=3))
        losses = [-np.log(softmax(s, axis=1).mean(axis=0)[label]) for _, label, s in self.rows(3)]
        assert loss == pytest.approx(np.mean(losses), rel=1e-12)


class TestEveryObjective:
    @every_objective
    def test_a_batch_is_the_mean_of_batches_of_one_row(self, objective, monkeypatch):
        """ART drops or breaks on remainders; the authors' code drops them."""
        module, (X, y) = linear(), batch(5)
        t = torch.tensor([0.1, 0.3, 0.9, 0.6, 0.0], dtype=torch.float64)
        draws = torch.from_numpy(Draws()(torch.zeros(5, 5, 3, dtype=torch.float64)).numpy())

        def loss(rows):
            monkeypatch.setattr(torch, "rand", lambda n, **options: t[rows])
            noise = lambda like: draws[rows, : len(like) // len(rows)].reshape(like.shape)  # noqa: E731
            return objective.forward(module, X[rows], y[rows], noise, SIGMA).item()

        single = [loss([i]) for i in range(5)]
        assert len(set(single)) == 5
        assert loss([0, 1, 2, 3, 4]) == pytest.approx(np.mean(single), rel=1e-10)

    @every_objective
    def test_rows_may_have_any_shape(self, objective):
        """Copies made with `repeat((1, m, 1, 1))` mix pixels, or rows where there are no pixels."""
        module = linear(d=12)
        X, y = batch(5, d=12)
        losses = []
        for shape in [(12,), (3, 4), (3, 2, 2), (2, 2, 3, 1)]:
            torch.manual_seed(0)
            shaped = nn.Sequential(nn.Flatten(), module)
            rows = X.reshape(5, *shape)
            flat = Draws()
            noise = lambda like, flat=flat: flat(like.flatten(1)).reshape(like.shape)  # noqa: E731
            losses.append(objective.forward(shaped, rows, y, noise, SIGMA).item())
        assert losses == pytest.approx([losses[0]] * 4, rel=1e-12)

    @every_objective
    def test_gradients_reach_the_parameters_and_nothing_is_left_behind(self, objective):
        module = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 4))
        module[1].eval()  # a frozen part in a module that is trained
        modes = [part.training for part in module.modules()]
        X, y = batch()
        loss = objective.forward(module, X.float(), y, Draws(), SIGMA)
        assert loss.shape == ()
        assert all(p.grad is None for p in module.parameters())  # the attack adds none
        loss.backward()
        assert all(p.grad.isfinite().all() and p.grad.any() for p in module.parameters())
        assert [part.training for part in module.modules()] == modes
        assert module[1].num_batches_tracked == 0

    @pytest.mark.parametrize(
        "objective",
        [GaussianAugmentation(), StabilityTraining(), MACER(m=4, beta=2.0), Consistency(m=3)],
        ids=str,
    )
    def test_gradients_are_the_slopes_of_the_loss(self, objective):
        module, (X, y) = linear(), batch()
        y = module(X).argmax(dim=1)

        def loss():
            return objective.forward(module, X, y, Draws(scale=0.2), SIGMA)

        loss().backward()
        slopes = torch.empty_like(module.weight)
        with torch.no_grad():
            flat, step = module.weight.view(-1), 1e-6
            for i in range(flat.numel()):
                flat[i] += step
                above = loss()
                flat[i] -= 2 * step
                slopes.view(-1)[i] = (above - loss()) / (2 * step)
                flat[i] += step
        assert torch.allclose(module.weight.grad, slopes, rtol=1e-5, atol=1e-7)

    @every_objective
    def test_the_loss_sees_noise_and_noise_alone(self, objective):
        """Training noise that is clipped to [0, 1] has a third of its values on the bounds."""
        module, (X, y) = Spy(linear()), batch(30)
        X = X.clamp(0, 1)  # images with pixels on the bounds
        noise = Draws()
        objective.forward(module, X, y, noise, SIGMA)
        assert len(noise.given) == 1  # the same draws in the attack and in the loss
        draws = torch.from_numpy(noise.given[0])
        m = len(draws) // len(X)
        trained = [rows for rows, training in module.asked if training]
        assert all(len(rows) == len(draws) for rows in trained[:1])
        # without the noise, all copies of a row are one point
        points = (trained[0] - draws).unflatten(0, (-1, m))
        assert torch.allclose(points, points[:, :1].expand_as(points), atol=1e-12)
        assert trained[0].min() < 0
        assert trained[0].max() > 1

    @every_objective
    def test_autocast_scores_are_widened(self, objective):
        class Half(nn.Module):
            def forward(self, X):
                return self.module(X).bfloat16()

        module = Half()
        module.module = linear().float()
        X, y = batch()
        assert objective.forward(module, X.float(), y, Draws(), SIGMA).dtype == torch.float32

    @every_objective
    def test_parameters_can_be_copied_and_read(self, objective):
        assert str(clone(objective)) == str(objective)
        assert str(objective.at(0)) == str(objective)

    def test_defaults_are_the_papers(self):
        assert StabilityTraining().get_params() == {"lam": 2.0}
        macer = {"lam": 12.0, "gamma": 8.0, "beta": 16.0, "m": 16}
        assert MACER().get_params() == macer
        consistency = {"lam": 10.0, "eta": 0.5, "m": 2, "adversary": None}
        assert Consistency().get_params() == consistency
        adv = SmoothAdv().get_params()
        assert (adv["epsilon"], adv["steps"], adv["gamma"], adv["box"]) == (1.0, 10, 0.05, None)

    @pytest.mark.parametrize(
        ("objective", "name"),
        [
            (GaussianAugmentation(m=0), "m"),
            (StabilityTraining(lam=-1.0), "lam"),
            (SmoothAdv(epsilon=-1.0), "epsilon"),
            (SmoothAdv(steps=0), "steps"),
            (SmoothAdv(attack="fgsm"), "attack"),
            (MACER(gamma=0.0), "gamma"),
            (Consistency(m=1), "m"),
            (Consistency(adversary=3), "adversary"),
            (Consistency(adversary=SmoothAdv(m=0)), "m"),
            (SmoothMix(step_size=0.0), "step_size"),
            (SmoothMix(eta=Warmup(-2.0)), "eta"),
        ],
        ids=str,
    )
    def test_bad_parameters_are_named(self, objective, name):
        with pytest.raises(ValueError, match=f"'{name}' parameter"):
            objective.at(0)


class TestSchedules:
    def test_warmup(self):
        values = [Warmup(2.0, epochs=4).at(epoch) for epoch in range(6)]
        assert values == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0]
        with pytest.raises(ValueError, match="1 or more"):
            Warmup(1.0, epochs=0)

    def test_deferred(self):
        assert [Deferred(3.0, epochs=2).at(epoch) for epoch in range(4)] == [0, 0, 3, 3]

    def test_at_leaves_the_objective_alone_and_goes_into_others(self):
        objective = Consistency(lam=Warmup(8.0, 2), adversary=SmoothAdv(epsilon=Warmup(1.0, 4)))
        first = objective.at(0)
        assert (first.lam, first.adversary.epsilon) == (4.0, 0.25)
        assert objective.lam == Warmup(8.0, 2)
        assert objective.adversary.epsilon == Warmup(1.0, 4)

    def test_smoothadv_warms_up_its_radius_not_its_norm(self):
        """ART writes the radius into the attack's order of the norm."""
        module, (X, y) = linear(), batch()
        objective = SmoothAdv(epsilon=Warmup(1.0, 4), m=1)
        for epoch, length in enumerate([0.25, 0.5, 0.75, 1.0, 1.0]):
            moved = objective.at(epoch).perturb(module, X, y, torch.zeros_like(X), SIGMA)
            assert torch.allclose((moved - X).norm(dim=1), torch.tensor(length).double())


def two_classes(d=3, scale=1.0):
    """A linear net for two classes, and the direction in which class 0 becomes class 1."""
    module = nn.Linear(d, 2).double()
    w = torch.tensor([3.0, 0.0, 4.0], dtype=torch.float64) / 5
    with torch.no_grad():
        module.weight.copy_(torch.stack([-w, w]) * scale)
        module.bias.zero_()
    return module, w


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 4)).double()


def average_loss(module, X, y, draws):
    """Minus the log of the softmax, averaged over each row's draws."""
    m = len(draws) // len(X)
    with torch.no_grad():
        p = module(X.repeat_interleave(m, 0) + draws).softmax(1).reshape(len(X), m, -1).mean(1)
    return -p[torch.arange(len(X)), y].log()


class TestSmoothAdv:
    def perturb(self, module, X, y, m=1, sigma=SIGMA, **options):
        draws = Draws()(X.repeat_interleave(m, 0))
        return SmoothAdv(m=m, **options).perturb(module, X, y, draws, sigma)

    def test_steps_accumulate(self):
        """In ART ten steps of 0.1 move a row by 0.1."""
        (X, _), (module, w) = batch(), two_classes()
        y = torch.zeros(6, dtype=torch.int64)
        for steps in (1, 2, 10, 15):
            moved = self.perturb(module, X, y, epsilon=1.0, steps=steps, step_size=0.1)
            assert torch.allclose(moved - X, min(0.1 * steps, 1.0) * w)

    def test_the_geometry_is_l2(self):
        """ART attacks in the largest coordinate, where a step would be the sign of the gradient."""
        (X, _), (module, w) = batch(), two_classes()
        moved = self.perturb(module, X, torch.ones(6, dtype=torch.int64), epsilon=0.7)
        assert torch.allclose(moved - X, -0.7 * w)

    def test_the_default_step_reaches_the_radius_in_half_the_steps(self):
        (X, _), (module, w) = batch(), two_classes()
        draws, y = Draws()(X), torch.zeros(6, dtype=torch.int64)
        half = pgd(module, X, y, draws, steps=5, step_size=2 * 0.8 / 10, epsilon=0.8)
        assert torch.allclose(half - X, 0.8 * w)
        assert torch.allclose(self.perturb(module, X, y, epsilon=0.8, steps=10), half)

    def test_labels_are_the_true_ones(self):
        """ART attacks the model's own answer on the noisy row."""
        module, w = two_classes()
        X = torch.stack([w, w])  # both are class 1 by far
        moved = self.perturb(module, X, torch.tensor([0, 1]), epsilon=0.5)
        assert torch.allclose(moved - X, torch.stack([0.5 * w, -0.5 * w]))

    @pytest.mark.parametrize("attack", ["pgd", "ddn"])
    @pytest.mark.parametrize("m", [1, 4])
    def test_it_makes_the_average_worse_within_epsilon(self, m, attack):
        module, (X, _) = network(), batch(20)
        y = module(X).argmax(dim=1)
        draws = Draws()(X.repeat_interleave(m, 0))
        objective = SmoothAdv(epsilon=0.6, steps=10, m=m, attack=attack)
        moved = objective.perturb(module, X, y, draws, SIGMA)
        length = (moved - X).norm(dim=1)
        assert (length <= 0.6 * (1 + 1e-12)).all()
        rise = average_loss(module, moved, y, draws) - average_loss(module, X, y, draws)
        assert (rise[length > 0] > 0).all()
        assert (length > 0).sum() >= 5  # ddn leaves alone what is wrong already

    def test_the_average_is_attacked_not_the_draws_one_by_one(self):
        """Of a step up the mean of the losses and one up the loss of the mean, the latter wins."""
        module, (X, y) = network(), batch(200, seed=3)
        module[2].weight.data.mul_(8.0)  # draws that differ a lot
        draws = Draws(scale=1.0)(X.repeat_interleave(8, 0))
        moved = pgd(module, X, y, draws, steps=1, step_size=1e-3)
        rows = X.clone().requires_grad_()
        losses = nn.functional.cross_entropy(
            module(rows.repeat_interleave(8, 0) + draws), y.repeat_interleave(8), reduction="sum"
        )
        (gradient,) = torch.autograd.grad(losses, rows)
        other = X + 1e-3 * gradient / gradient.norm(dim=1, keepdim=True)
        ours, theirs = (average_loss(module, Z, y, draws) for Z in (moved, other))
        assert (ours >= theirs - 1e-9).all()
        assert (ours > theirs + 1e-6).sum() > 20

    def test_nothing_is_clipped(self):
        """The certificate does not know of [0, 1] either."""
        (X, _), (module, w) = batch(), two_classes()
        X = (X > 0).double()
        moved = self.perturb(module, X, torch.zeros(6, dtype=torch.int64), epsilon=1.0)
        assert torch.allclose(moved - X, w.expand(6, 3))
        assert moved.max() > 1

    @pytest.mark.parametrize("attack", ["pgd", "ddn"])
    def test_box(self, attack):
        module, (X, y) = network(), batch(20)
        inside = X.clamp(0, 1)
        moved = self.perturb(module, inside, y, epsilon=0.6, attack=attack, box=(0, 1))
        assert moved.min() >= 0
        assert moved.max() <= 1
        assert ((moved - inside).norm(dim=1) <= 0.6 * (1 + 1e-12)).all()
        sigma = torch.tensor([0.5, 0.0, 0.1], dtype=torch.float64)
        moved = self.perturb(module, inside, y, epsilon=6.0, sigma=sigma, attack=attack, box=(0, 1))
        assert ((moved > 0) & (moved < 1) & (moved != inside)).any()
        assert moved.min() >= -1e-12
        assert moved.max() <= 1 + 1e-12
        with pytest.raises(ValueError, match=r"box is \(0, 1\), but rows have values from -"):
            self.perturb(module, X, y, attack=attack, box=(0, 1))

    def test_the_loss_is_taken_at_the_attacked_rows_with_the_attack_noise(self):
        module, (X, y) = network(), batch()
        objective = SmoothAdv(epsilon=0.6, steps=4, m=3)
        noise = Draws()
        loss = objective.forward(module, X, y, noise, SIGMA)
        draws = torch.from_numpy(noise.given[0])
        moved = objective.perturb(module, X, y, draws, SIGMA)
        s = module(moved.repeat_interleave(3, 0) + draws).detach().numpy()
        expected = -log_softmax(s, axis=1)[np.arange(18), np.repeat(y.numpy(), 3)].mean()
        assert loss.item() == pytest.approx(expected, rel=1e-12)

    @pytest.mark.parametrize("attack", ["pgd", "ddn"])
    def test_all_steps_are_taken_in_evaluation_mode_and_the_loss_in_training_mode(self, attack):
        module, (X, y) = Spy(network()), batch()
        SmoothAdv(steps=7, m=2, attack=attack).forward(module, X, y, Draws(), SIGMA)
        assert [training for _, training in module.asked] == [False] * 7 + [True]
        assert {len(rows) for rows, _ in module.asked} == {12}

    def test_gradients_so_small_that_their_squares_underflow(self):
        module, w = two_classes(scale=30.0)
        X = w[None].float()  # the other class has a probability of exp(-60)
        moved = self.perturb(module.float(), X, torch.tensor([1]), epsilon=0.5)
        assert torch.allclose(moved - X, -0.5 * w.float())

    def test_rows_without_a_gradient_stay(self):
        module = linear()
        nn.init.zeros_(module.weight)
        X, y = batch()
        for attack in ("pgd", "ddn"):
            assert torch.equal(self.perturb(module, X, y, attack=attack), X)

    def test_no_radius_no_attack(self):
        (X, y), module = batch(), Spy(linear())
        assert torch.equal(self.perturb(module, X, y, epsilon=0.0), X)
        assert not module.asked

    @pytest.mark.parametrize("attack", ["pgd", "ddn"])
    def test_lengths_are_in_standard_deviations_where_features_have_their_own(self, attack):
        module, (X, _) = linear(), batch()
        y = module(X).argmax(dim=1)
        sigma = torch.tensor([2.0, 0.0, 0.1], dtype=torch.float64)
        objective = SmoothAdv(epsilon=0.01, attack=attack)
        delta = objective.perturb(module, X, y, torch.zeros_like(X), sigma) - X
        assert not delta[:, 1].any()
        lengths = (delta[:, [0, 2]] / sigma[[0, 2]]).norm(dim=1)
        assert torch.allclose(lengths, torch.tensor(0.01).double())
        # the steepest way up in these units goes along sigma^2 times the gradient
        rows = X.clone().requires_grad_()
        nn.functional.cross_entropy(module(rows), y).backward()
        way = torch.nn.functional.cosine_similarity(delta, sigma**2 * rows.grad)
        assert (way > 0.95).all()


class TestDDN:
    def attack(self, X, y, epsilon=2.0, steps=200):
        module, _ = two_classes()
        return ddn(module, X, y, torch.zeros_like(X), steps=steps, epsilon=epsilon, gamma=0.05)

    def test_the_norm_adapts_to_the_distance_of_the_boundary(self):
        _, w = two_classes()
        distance = torch.tensor([0.1, 0.5, 1.0, 1.9], dtype=torch.float64)
        moved = self.attack(distance[:, None] * w, torch.ones(4, dtype=torch.int64))
        length = (moved - distance[:, None] * w).norm(dim=1)
        assert (length > distance).all()  # nothing nearer is wrong
        assert (length < 1.06 * distance).all()

    def test_a_row_that_is_wrong_already_stays(self):
        _, w = two_classes()
        assert torch.equal(self.attack(w[None], torch.tensor([0])), w[None])

    def test_a_row_out_of_reach_goes_to_the_edge_not_back(self):
        """The authors' code trains on the clean row where the attack fails."""
        _, w = two_classes()
        moved = self.attack(3 * w[None], torch.tensor([1]), epsilon=0.5, steps=5)
        assert torch.allclose(moved, 2.5 * w)

    def test_what_was_found_beyond_epsilon_is_cut(self):
        _, w = two_classes()
        moved = self.attack(0.55 * w[None], torch.tensor([1]), epsilon=0.5, steps=10)
        assert torch.allclose(moved, 0.05 * w)


class TestSmoothMix:
    def endpoints(self, **options):
        X, _ = batch()
        module, w = two_classes()
        y = torch.zeros(6, dtype=torch.int64)
        near, far = SmoothMix(**options).endpoints(module, X, y, Draws()(X), SIGMA)
        return near - X, far - X, w

    def test_the_step_is_a_length_in_the_units_of_the_rows(self):
        """ART uses the certificate's failure probability, 0.001, as the step."""
        near, far, w = self.endpoints(steps=4, step_size=0.75)
        assert torch.allclose(far, 4 * 0.75 * w)
        assert not near.any()
        _, far, w = self.endpoints(steps=4)
        assert torch.allclose(far, 4 * 2 * SIGMA * w)

    def test_one_step_adversary(self):
        near, far, w = self.endpoints(steps=4, step_size=0.75, mix_step=1)
        assert torch.allclose(near, 0.75 * w)
        assert torch.allclose(far, 3.0 * w)
        near, far, _ = self.endpoints(steps=4, step_size=0.75, mix_step=1, mix_norm=0.3)
        assert torch.allclose(near, 0.3 * w)
        assert torch.allclose(far, 3.0 * w)

    def test_the_way_from_the_row_goes_on_after_the_mix_step(self):
        module, (X, y) = network(), batch()
        draws = Draws()(X)
        ways = [
            SmoothMix(steps=5, step_size=0.3, mix_step=k).endpoints(module, X, y, draws, SIGMA)[1]
            for k in (0, 2, 5)
        ]
        assert torch.allclose(ways[0], ways[1])
        assert torch.allclose(ways[0], ways[2])

    def test_rows_are_mixed_along_the_adversarial_direction(self):
        """Up to half the way, and each row by a share of its own."""
        _, w = two_classes()
        module = Spy(two_classes()[0])
        X, _ = batch(50)
        noise = Draws()
        y = torch.zeros(50, dtype=torch.int64)
        SmoothMix(steps=4, step_size=1.0, m=2).forward(module, X, y, noise, SIGMA)
        mixed = module.asked[-1][0] - torch.from_numpy(noise.given[0])
        way = (mixed - X.repeat_interleave(2, 0)).reshape(50, 2, 3)
        share = (way @ w) / 4.0
        assert torch.allclose(way, 4.0 * share[..., None] * w)
        assert torch.allclose(share[:, 0], share[:, 1])
        assert share.min() >= 0
        assert 0.4 < share.max() <= 0.5
        assert len(share[:, 0].unique()) == 50

    def test_pixels_below_zero_stay_below_zero(self):
        """ART clips standardised images to [0, 1]."""
        module, (X, y) = Spy(linear()), batch()
        X = X - 2
        noise = Draws()
        SmoothMix(m=1).forward(module, X, y, noise, SIGMA)
        trained = [rows for rows, training in module.asked if training]
        assert torch.allclose(trained[0], X + torch.from_numpy(noise.given[0]))


class TestMacer:
    def test_copies_of_a_row_are_averaged_with_each_other(self):
        """On tabular rows ART averages different rows; on images its copies mix pixels."""
        X, y = batch(5, d=4)
        module = linear(d=4)
        silent = torch.zeros_like
        alone = nn.functional.cross_entropy(module(X), y).item()
        for shape in [(4,), (2, 2), (1, 2, 2)]:
            shaped = nn.Sequential(nn.Flatten(), module)
            loss = MACER(lam=0, m=3).forward(shaped, X.reshape(5, *shape), y, silent, SIGMA)
            assert loss.item() == pytest.approx(alone, rel=1e-12)

    def test_sure_and_hopeless_rows_give_no_nan(self):
        module, w = two_classes(scale=1e4)
        X = torch.stack([w, -w, 0 * w]).float()
        module = module.float()
        for y in ([1, 0, 0], [0, 1, 1]):
            module.zero_grad()
            loss = MACER().forward(module, X, torch.tensor(y), torch.zeros_like, SIGMA)
            loss.backward()
            assert loss.isfinite()
            assert module.weight.grad.isfinite().all()

    def test_scores_are_left_as_they_are(self):
        """The authors' certification multiplies the model's own output by beta, in place."""

        class Constant(nn.Module):
            def forward(self, X):
                return self.scores

        module = Constant()
        module.scores = torch.tensor([[1.0, 2.0], [3.0, 1.0]])
        X = torch.zeros(2, 3)
        MACER(m=1).forward(module, X, torch.tensor([1, 0]), torch.zeros_like, SIGMA)
        assert module.scores.tolist() == [[1.0, 2.0], [3.0, 1.0]]

    def test_sigma_per_feature_counts_radii_in_standard_deviations(self):
        module, (X, _) = linear(), batch()
        y = module(X).argmax(dim=1)
        objective = MACER(lam=3.0, m=4, beta=1.0)
        losses = [
            objective.forward(module, X, y, Draws(scale=0.2), sigma).item()
            for sigma in (1.0, torch.tensor([0.3, 0.1, 0.0], dtype=torch.float64))
        ]
        assert losses[0] == losses[1]


def test_project_cuts_and_leaves():
    X = torch.zeros(2, 3)
    points = torch.tensor([[3.0, 4.0, 0.0], [0.3, 0.0, 0.4]])
    assert torch.allclose(project(points, X, 1.0), torch.tensor([[0.6, 0.8, 0], [0.3, 0, 0.4]]))
    assert torch.equal(project(points, X, math.inf), points)


def test_modes_come_back_after_an_error():
    module = nn.Sequential(nn.Dropout(), nn.BatchNorm1d(2))
    module[1].eval()
    with pytest.raises(ZeroDivisionError), evaluating(module):
        1 / sum(part.training for part in module.modules())
    assert [part.training for part in module.modules()] == [True, True, False]


def test_an_objective_of_ones_own_is_a_class_with_a_forward():
    class Squared(Objective):
        def __init__(self, power=2.0):
            self.power = power

        def forward(self, module, X, y, noise, sigma):
            return (module(X + noise(X)).abs() ** self.power).mean()

    objective = Squared(power=Warmup(4.0, 2))
    assert copy.deepcopy(objective).at(0).power == 2.0
    with pytest.raises(TypeError):
        Objective()
