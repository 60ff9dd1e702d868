"""The attack on smoothed nets: it finds what is there, stays in its ball, and is judged afresh."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from helpers import blobs
from nets import mlp_net, spoil
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from torch import nn
from torch.nn import functional

from sksmooth import SmoothedClassifier
from sksmooth.attacks import AttackResult, Tightness, pgd_attack, tightness_curve
from sksmooth.attacks.ball import Ball
from sksmooth.attacks.skorch_gradient import NoisyGradient
from sksmooth.estimators.smoother import noise_of, smoother_of
from sksmooth.noise import L2, FloatGaussian, IntegerGaussian
from sksmooth.noise.streams import Philox, Purpose

D = 6
W = np.array([3.0, -4.0, 0.0, 1.0, 2.0, -1.0])
OFFSET = 0.7
X = np.random.default_rng(0).normal(size=(12, D)).astype(np.float32)
MARGIN = (X @ W + OFFSET) / np.linalg.norm(W)  # signed distance from the boundary
Y = (MARGIN > 0).astype(int)


class HalfSpace(nn.Module):
    """Class 1 where W.x + OFFSET > 0: smoothed or not, the boundary is the same plane."""

    def __init__(self, scale=1.0, dtype=torch.float32):
        super().__init__()
        self.layer = nn.Linear(D, 2, dtype=dtype)
        with torch.no_grad():
            self.layer.weight.copy_(torch.tensor(np.array([-W, W])) * scale / 2)
            self.layer.bias.copy_(torch.tensor([-OFFSET, OFFSET]) * scale / 2)

    def forward(self, X):
        return self.layer(X)


class Softmaxed(HalfSpace):
    def forward(self, X):
        return super().forward(X).softmax(dim=1)


class OneScore(HalfSpace):
    def forward(self, X):
        scores = self.layer(X)
        return scores[:, 1] - scores[:, 0]


class InPlace(HalfSpace):
    def forward(self, X):
        return super().forward(X.mul_(1.0))


class Spy(HalfSpace):
    """Keeps what it is given."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def forward(self, X):
        self.seen.append(X.detach().clone())
        return super().forward(X)


def frozen(module, sigma=0.5, rows=X, labels=Y, net=None, **options):
    """A smoothed classifier around a module as it is."""
    if net is None:
        net = skorch.NeuralNetClassifier(module, criterion=nn.CrossEntropyLoss, verbose=0)
    options = {"random_state": 0, "n_predict": 1000} | options
    clf = SmoothedClassifier(FrozenEstimator(net.initialize()), sigma, **options)
    return clf.fit(rows, labels)


NETS = {
    "scores": lambda: frozen(HalfSpace()),
    "float64": lambda: frozen(HalfSpace(dtype=torch.float64), rows=X.astype(np.float64)),
    # in single precision, cross-entropy and all probabilities but one are 0
    "very sure": lambda: frozen(HalfSpace(scale=50.0)),
    "probabilities": lambda: frozen(None, net=skorch.NeuralNetClassifier(Softmaxed, verbose=0)),
    "one score": lambda: frozen(None, net=skorch.NeuralNetBinaryClassifier(OneScore, verbose=0)),
    "in place": lambda: frozen(InPlace()),
}


@pytest.mark.parametrize("loss", ["probability", "cross-entropy"])
@pytest.mark.parametrize("kind", NETS)
def test_finds_the_nearest_point_beyond_a_plane(kind, loss):
    clf = NETS[kind]()
    rows = X.astype(np.float64) if kind == "float64" else X
    away = -np.sign(MARGIN)[:, None] * W / np.linalg.norm(W)
    radius = np.abs(MARGIN) + 0.5
    result = pgd_attack(clf, rows, Y, radius, steps=12, loss=loss, random_state=0)
    assert result.X_adv.dtype == rows.dtype
    np.testing.assert_allclose(result.X_adv - rows, radius[:, None] * away, atol=2e-3)
    assert result.success.all()
    np.testing.assert_array_equal(result.labels, 1 - Y)
    np.testing.assert_allclose(result.distance, radius, rtol=1e-5)
    # one standard deviation short of the plane, no other answer is there to be found
    short = np.maximum(np.abs(MARGIN) - 0.5, 0.0)
    assert not pgd_attack(clf, rows, Y, short, steps=12, loss=loss, random_state=0).success.any()


def test_a_threshold_of_the_net_moves_the_plane():
    net = skorch.NeuralNetBinaryClassifier(OneScore, threshold=0.9, verbose=0).initialize()
    clf = frozen(None, net=net)
    margin = MARGIN - np.log(9.0) / np.linalg.norm(W)
    y = (margin > 0).astype(int)
    assert pgd_attack(clf, X, y, np.abs(margin) + 0.5, random_state=0).success.all()


def test_gradient_is_that_of_the_mean_loss():
    """The oracle is autograd through torch's own losses, on draws that are made here again."""
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(D, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    rows, codes, n = X[:4].astype(np.float64), np.array([0, 1, 2, 1]), 10
    clf = frozen(module, rows=rows, labels=codes)
    noise, backend = noise_of(clf), smoother_of(clf).sampler(rows).backend
    keys = np.arange(8, dtype=np.uint64).reshape(4, 2)
    noisy = np.empty((4, n, D))
    for row, key, out in zip(rows, keys, noisy, strict=True):
        noise.around(row)(Philox().at(key, 5, Purpose.TRAIN), out)
    leaf = torch.from_numpy(noisy).requires_grad_()
    scores, target = module(leaf.reshape(-1, D)), torch.tensor(codes).repeat_interleave(n)
    each = functional.cross_entropy(scores, target, reduction="none").reshape(4, n)
    wrong = 1.0 - torch.exp(-each)
    for loss, values in {"cross-entropy": each, "probability": wrong}.items():
        mean = values.mean(dim=1).log()
        (gradient,) = torch.autograd.grad(mean.sum(), leaf, retain_graph=True)
        for batch_size in (1, 3, n, 1000):
            found = NoisyGradient(backend, noise, n, loss, batch_size)(rows, codes, keys, 5)
            np.testing.assert_allclose(found[0], mean.detach(), rtol=1e-12)
            np.testing.assert_allclose(found[1], gradient.sum(dim=1), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("far", [0.0, 3000.0])
def test_never_leaves_the_ball_though_rows_are_rounded(far):
    """Far from 0 single precision rounds rows by more than the tolerance of the projection."""
    rows = X + np.float32(far)
    clf, y = frozen(HalfSpace(), rows=rows), (rows @ W + OFFSET > 0).astype(int)
    radius = np.geomspace(1e-5, 2.0, len(X))
    result = pgd_attack(clf, rows, y, radius, steps=4, restarts=2, n_draws=4, random_state=0)
    moved = result.X_adv.astype(np.float64) - rows.astype(np.float64)
    assert np.all(np.linalg.norm(moved, axis=1) <= radius)
    np.testing.assert_allclose(result.distance, np.linalg.norm(moved, axis=1))
    assert result.distance[-1] > 0.9 * radius[-1]


def test_stays_in_the_range_of_the_data():
    rows = np.clip(X / 4 + 0.5, 0.1, 0.9).astype(np.float32)
    clf = frozen(HalfSpace(), rows=rows)
    result = pgd_attack(clf, rows, Y, 2.0, clip=(0.1, 0.9), random_state=0)
    assert result.X_adv.min() == np.float32(0.1)
    assert result.X_adv.max() == np.float32(0.9)
    assert result.distance.max() <= 2.0
    assert pgd_attack(clf, rows, Y, 2.0, random_state=0).X_adv.max() > 1.0


def test_random_points_are_uniform_in_the_ball():
    ball = Ball(np.zeros((4000, 3)), np.full(4000, 2.0), L2([1.0, 0.0, 5.0]))
    keys = np.arange(8000, dtype=np.uint64).reshape(-1, 2)
    delta = ball.random(keys)
    share = np.sort(ball.norm.length(delta) / 2.0) ** 2  # of the area within: uniform
    assert np.abs(share - (np.arange(4000) + 0.5) / 4000).max() < 1.63 / np.sqrt(4000)
    assert np.all(delta[:, 1] == 0)
    np.testing.assert_allclose(delta[:, 2].std() / delta[:, 0].std(), 5.0, rtol=0.1)


def test_lengths_are_those_of_the_noise_where_features_have_their_own_sigma():
    sigma = [0.5, 0.25, 0.5, 0.5, 0.0, 1.0]
    clf = frozen(HalfSpace(), sigma=sigma)
    result = pgd_attack(clf, X, Y, 4.0, steps=12, random_state=0)
    moved = result.X_adv.astype(np.float64) - X
    assert np.all(moved[:, 4] == 0)  # no noise, so that the certificate does not speak of it
    scale = np.array(sigma)
    units = np.linalg.norm(moved[:, scale > 0] / scale[scale > 0], axis=1)
    np.testing.assert_allclose(units, 4.0, rtol=1e-5)
    assert np.all(units <= 4.0)
    assert result.norm == clf.certify(X[:1], n=100).norm
    # the steepest way is along W * sigma**2
    way = W * scale**2
    cosine = np.abs(moved @ way) / np.linalg.norm(moved, axis=1) / np.linalg.norm(way)
    assert cosine.min() > 0.999


def test_draws_are_fresh_at_every_step_and_are_not_those_that_decide(no_trials):
    module = Spy()
    clf = frozen(module, n_predict=50)
    spy = clf.estimator_.estimator.module_
    spy.seen.clear()
    n, steps = 20, 5
    result = pgd_attack(
        clf, X[:3], Y[:3], 1.0, step_size=1e-30, n_draws=n, steps=steps, random_state=0
    )
    np.testing.assert_array_equal(result.X_adv, X[:3])
    attack = [seen for seen in spy.seen if len(seen) == 3 * n]
    assert len(attack) == steps
    noise = torch.stack(attack).reshape(steps, 3, n, D).double() - torch.from_numpy(X[:3])[:, None]
    draws = noise.reshape(-1, D).numpy()
    assert len(np.unique(draws.round(6), axis=0)) == steps * 3 * n
    assert abs(draws.std() / 0.5 - 1) < 0.05
    spy.seen.clear()
    clf.predict(X[:3])
    votes = torch.cat([seen for seen in spy.seen if len(seen) > 1])  # one row alone is a trial
    decides = votes.reshape(3, 50, D).double() - torch.from_numpy(X[:3])[:, None]
    both = np.concatenate([draws, decides.reshape(-1, D).numpy()])
    assert len(np.unique(both.round(6), axis=0)) == steps * 3 * n + 150


def test_success_is_what_the_smoothed_classifier_says():
    clf = smoothed_blobs()
    rows, y = BLOBS[0][:20], BLOBS[1][:20]
    result = pgd_attack(clf, rows, y, 1.5, random_state=0)
    labels = clf.predict(result.X_adv)
    np.testing.assert_array_equal(result.labels, labels)
    np.testing.assert_array_equal(result.success, (labels != y) & (labels != clf.abstain_label_))
    assert 0 < result.success.sum() < 20
    X_adv, success = result
    assert X_adv is result.X_adv
    assert success is result.success
    assert isinstance(result, AttackResult)
    assert len(result) == 20


def test_an_abstention_is_no_success():
    """On the plane itself, half of the votes are for each class, whatever is drawn."""
    rows = (X - (MARGIN / np.linalg.norm(W))[:, None] * W).astype(np.float32)
    for label in ("auto", None):
        clf = frozen(HalfSpace(), n_predict=20, abstain_label=label)
        result = pgd_attack(clf, rows, Y, 1e-6, random_state=0)
        assert not result.success.any()


BLOBS = blobs(120)[0].astype(np.float32), blobs(120)[1]


def smoothed_blobs(labels=None, **options):
    clf = SmoothedClassifier(mlp_net(), 0.5, n_predict=300, random_state=0, **options)
    return clf.fit(BLOBS[0], BLOBS[1] if labels is None else labels)


def test_a_row_does_not_depend_on_its_neighbours_or_the_batch_size():
    clf = smoothed_blobs()
    rows, y = BLOBS[0][:8], BLOBS[1][:8]
    options = {"n_draws": 16, "steps": 4, "restarts": 2, "random_state": 3}
    whole = pgd_attack(clf, rows, y, 1.5, **options).X_adv
    for batch_size in (1, 7, 40, 10_000):
        found = pgd_attack(clf, rows, y, 1.5, batch_size=batch_size, **options).X_adv
        np.testing.assert_allclose(found, whole, atol=1e-4)
    order = np.array([5, 7, 0])
    np.testing.assert_allclose(
        pgd_attack(clf, rows[order], y[order], 1.5, **options).X_adv, whole[order], atol=1e-4
    )


def test_the_same_seed_gives_the_same_attack_and_no_global_generator_is_used():
    clf = smoothed_blobs()
    rows, y = BLOBS[0][:8], BLOBS[1][:8]
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    options = {"n_draws": 4, "steps": 3, "restarts": 2}
    first = pgd_attack(clf, rows, y, 1.5, random_state=1, **options).X_adv
    assert torch.equal(before[0], torch.get_rng_state())
    np.testing.assert_array_equal(before[1], np.random.get_state()[1])
    torch.manual_seed(1)
    np.testing.assert_array_equal(
        first, pgd_attack(clf, rows, y, 1.5, random_state=1, **options).X_adv
    )
    assert not np.array_equal(first, pgd_attack(clf, rows, y, 1.5, random_state=2, **options).X_adv)
    assert not np.array_equal(first, pgd_attack(clf, rows, y, 1.5, **options).X_adv)


def test_the_net_is_left_as_it_was():
    clf = smoothed_blobs()
    module = clf.estimator_.module_
    module.train()
    gradients = [p.grad.clone() for p in module.parameters()]
    state = {name: value.clone() for name, value in module.state_dict().items()}
    pgd_attack(clf, BLOBS[0][:5], BLOBS[1][:5], 1.0, random_state=0)
    assert module.training
    pairs = zip(gradients, module.parameters(), strict=True)
    assert all(torch.equal(before, p.grad) for before, p in pairs)
    assert all(torch.equal(state[name], value) for name, value in module.state_dict().items())
    assert not module._forward_pre_hooks


class Trap(nn.Module):
    """From 0 it is steeper to the right, where a plateau is; the other class is on the left."""

    def __init__(self):
        super().__init__()
        self.unused = nn.Linear(1, 1)  # skorch wants parameters

    def forward(self, X):
        x = X[:, 0]
        right = torch.relu(4 * x) - torch.relu(4 * x - 1.0)
        excess = -2.0 + right + 8 * torch.relu(-x - 0.3)
        return torch.stack([torch.zeros_like(excess), excess], dim=1)


def test_restarts_find_what_the_first_run_misses():
    rows = np.zeros((1, 1), dtype=np.float32)
    clf = frozen(Trap(), sigma=0.05, rows=rows, labels=[0])
    options = {"steps": 10, "random_state": 0}
    assert not pgd_attack(clf, rows, [0], 1.0, **options).success.any()
    result = pgd_attack(clf, rows, [0], 1.0, restarts=10, **options)
    assert result.success.all()
    assert result.X_adv[0, 0] < -0.5


def test_labels_are_the_users():
    words = np.array(["no", "yes"])
    clf = smoothed_blobs(words[BLOBS[1]])
    result = pgd_attack(clf, BLOBS[0][:10], words[BLOBS[1][:10]], 8.0, random_state=0)
    assert result.success.all()
    assert set(result.labels) == {"no", "yes"}
    own = pgd_attack(clf, BLOBS[0][:10], None, 8.0, random_state=0)
    np.testing.assert_array_equal(own.y, clf.predict(BLOBS[0][:10]))
    np.testing.assert_array_equal(own.X_adv, result.X_adv)


def test_rows_without_an_answer_are_left_alone():
    clf = smoothed_blobs()
    y = BLOBS[1][:6].copy()
    y[2] = clf.abstain_label_
    result = pgd_attack(clf, BLOBS[0][:6], y, 8.0, random_state=0)
    np.testing.assert_array_equal(result.distance > 0, y != clf.abstain_label_)
    np.testing.assert_array_equal(result.success, y != clf.abstain_label_)
    np.testing.assert_array_equal(result.y, y)


def test_images_of_bytes():
    pictures = np.random.default_rng(1).integers(0, 256, (4, 1, 2, 3), dtype=np.uint8)
    flat = nn.Sequential(nn.Flatten(), HalfSpace(scale=1 / 64))
    clf = frozen(flat, sigma=20.0, rows=pictures, labels=Y[:4])
    assert isinstance(noise_of(clf), IntegerGaussian)
    result = pgd_attack(clf, pictures, None, 400.0, clip=(0, 255), random_state=0)
    assert result.X_adv.shape == pictures.shape
    assert result.X_adv.dtype == np.float32
    assert result.X_adv.min() >= 0
    assert result.X_adv.max() <= 255
    assert result.success.any()


def test_floating_point_noise_too():
    clf = frozen(HalfSpace(), arithmetic="float")
    assert isinstance(noise_of(clf), FloatGaussian)
    assert pgd_attack(clf, X, Y, np.abs(MARGIN) + 0.5, random_state=0).success.all()


# What is refused


class Rounds(HalfSpace):
    def forward(self, X):
        return super().forward(X).round()


class Without(HalfSpace):
    def forward(self, X):
        with torch.no_grad():
            return super().forward(X)


class BadGradient(HalfSpace):
    def forward(self, X):
        return super().forward(X) + torch.sqrt(X[:, :1] * 0.0)


def test_scores_that_are_not_finite_are_refused():
    clf = smoothed_blobs()
    for value in (np.nan, np.inf):
        spoil(clf.estimator_, value)
        with pytest.raises(ValueError, match="scores were NaN or infinite"):
            pgd_attack(clf, BLOBS[0][:5], BLOBS[1][:5], 1.0)
    with pytest.raises(ValueError, match="gradient of the net's scores was NaN"):
        pgd_attack(frozen(BadGradient()), X, Y, 1.0)


def test_nets_without_gradients_are_refused_or_named():
    with pytest.raises(ValueError, match="have no gradient"):
        pgd_attack(frozen(Without()), X, Y, 1.0)
    far = np.abs(MARGIN) > 1.0
    n = far.sum()
    with pytest.warns(UserWarning, match=f"zero at every step for {n} of {n} rows"):
        result = pgd_attack(frozen(Rounds()), X[far], Y[far], 1.0)
    np.testing.assert_array_equal(result.X_adv, X[far])


def test_bases_that_cannot_be_attacked():
    def refused(base, match):
        clf = SmoothedClassifier(base, 0.5, random_state=0).fit(*BLOBS)
        with pytest.raises(ValueError, match=match):
            pgd_attack(clf, BLOBS[0][:5], BLOBS[1][:5], 1.0)

    class Own(skorch.NeuralNetClassifier):
        def predict_proba(self, X):
            return super().predict_proba(X)

    refused(LogisticRegression(), "LogisticRegression does not have")
    refused(make_pipeline(FunctionTransformer(), mlp_net()), "FunctionTransformer.*first layers")
    net = mlp_net()
    options = {key: value for key, value in net.get_params(deep=False).items() if key in _PLAIN}
    refused(Own(**options, module__n_in=2, module__n_out=2), "Own has its own predict")
    one = SmoothedClassifier(mlp_net(), 0.5, random_state=0).fit(BLOBS[0], np.zeros(120, int))
    with pytest.raises(ValueError, match="one class only"):
        pgd_attack(one, BLOBS[0][:5], np.zeros(5, int), 1.0)


_PLAIN = ("module", "criterion", "max_epochs", "lr", "verbose", "batch_size")


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"radius": -1.0}, "radius must be"),
        ({"radius": np.inf}, "radius must be"),
        ({"radius": np.ones(4)}, "each of the 5 rows"),
        ({"radius": "far"}, "radius must be"),
        ({"step_size": 0.0}, "step_size must be .* above 0"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"restarts": 0}, "restarts must be at least 1"),
        ({"n_draws": 2.5}, "n_draws must be an int"),
        ({"n": 0}, "n must be at least 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"loss": "hinge"}, "loss must be one of"),
        ({"clip": (0.0, 1.0)}, "outside of clip"),
        ({"clip": 3.0}, "clip must be a pair"),
        ({"y": [0, 1, 2, 0, 1]}, r"labels \[2\], which are none of the classes"),
        ({"y": list("ababa")}, "y has labels such as"),
        ({"y": [0, 1]}, "inconsistent numbers of samples"),
        ({"X": np.full((5, 2), np.nan)}, "NaN"),
        ({"X": np.ones((5, 3))}, "features"),
    ],
)
def test_bad_arguments(change, match):
    arguments = {"X": BLOBS[0][:5], "y": BLOBS[1][:5], "radius": 1.0} | change
    with pytest.raises(ValueError, match=match):
        pgd_attack(smoothed_blobs(), **arguments)


# Tightness


def test_no_attack_within_certified_radii_and_most_beyond():
    """For a half-space the radius is the distance, up to the bound on the probability."""
    near = np.abs(MARGIN) < 1.0  # where the bound is close
    clf = frozen(HalfSpace())
    certificate = clf.certify(X[near], n=20_000)
    assert not certificate.abstained.any()
    factors = (0.5, 1.0, 1.3, 2.0, 4.0)
    result = tightness_curve(clf, X[near], certificate, factors, n=20_000, random_state=0)
    assert isinstance(result, Tightness)
    assert not result.success[:2].any()
    np.testing.assert_array_equal(result.shares, result.success.mean(axis=1))
    assert np.all(np.diff(result.shares) >= 0)
    assert result.shares[-1] == 1.0
    assert result.shares[2] > 0.5
    assert np.all(result.distance >= np.abs(MARGIN[near]) - 1e-6)
    first = np.array(factors)[result.success.argmax(axis=0)]
    np.testing.assert_allclose(result.distance, first * certificate.radii, rtol=1e-5)


def test_no_attack_within_certified_radii_of_a_trained_net():
    clf = smoothed_blobs()
    certificate = clf.certify(BLOBS[0], n=1000)
    factors, shares = tightness_curve(
        clf, BLOBS[0], certificate, (1.0, 2.0), steps=8, n_draws=16, restarts=2, random_state=0
    )
    assert factors.tolist() == [1.0, 2.0]
    assert shares[0] == 0.0
    assert shares[1] > 0.3


def test_rows_that_are_not_certified_do_not_count():
    clf = frozen(HalfSpace())
    rows = X.copy()
    rows[0] -= (MARGIN[0] / np.linalg.norm(W) * W).astype(np.float32)  # on the plane
    certificate = clf.certify(rows, n=200)
    assert certificate.abstained[0]
    result = tightness_curve(clf, rows, certificate, (8.0,), random_state=0)
    np.testing.assert_array_equal(result.certified, ~certificate.abstained)
    assert not result.success[0, 0]
    assert np.isinf(result.distance[0])
    assert result.shares[0] == result.success.sum() / result.certified.sum()
    none = tightness_curve(clf, rows[:1], certificate[0], random_state=0)
    assert np.isnan(none.shares).all()


def test_a_certificate_of_something_else_is_refused():
    clf = frozen(HalfSpace())
    certificate = clf.certify(X, n=100)
    with pytest.raises(ValueError, match="11 rows, but the certificate is of 12"):
        tightness_curve(clf, X[1:], certificate)
    with pytest.raises(ValueError, match="factors must be positive"):
        tightness_curve(clf, X, certificate, (0.0, 1.0))
    clf.set_params(sigma=0.25)
    with pytest.raises(ValueError, match="sigma=0.5, but clf now has sigma=0.25"):
        tightness_curve(clf, X, certificate)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu():
    def attacked(device):
        torch.manual_seed(0)
        clf = SmoothedClassifier(mlp_net(), 0.5, random_state=0).fit(*BLOBS)
        clf.estimator_.set_params(device=device)
        clf.estimator_.module_.to(device)
        return pgd_attack(clf, BLOBS[0][:20], BLOBS[1][:20], 1.5, steps=5, random_state=0)

    here, there = attacked("cpu"), attacked("cuda")
    np.testing.assert_allclose(here.X_adv, there.X_adv, atol=1e-3)
    np.testing.assert_array_equal(here.success, there.success)
