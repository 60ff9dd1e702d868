"""The attacks of test_attacks.py on torch's usual loop, and two that only nets can make."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from adversaries import (
    assert_refuted,
    distance,
    is_fooled,
    smoothed,
    steepness,
    votes,
)
from sklearn.frozen import FrozenEstimator
from torch import nn

torch.set_num_threads(1)

BYTES = np.random.default_rng(0).integers(40, 200, size=(10, 1, 28, 28), dtype=np.uint8)
IMAGES = BYTES.astype(np.float32) / np.float32(255)
N = 1000


class Answering(nn.Module):
    """Class 1 where `reads` says so."""

    def __init__(self, point):
        super().__init__()
        self.register_buffer("point", torch.as_tensor(point))
        self.unused = nn.Parameter(torch.zeros(1))  # an optimizer wants one

    def forward(self, X):
        ones = self.reads(X)
        return torch.stack([~ones, ones], dim=1).to(X.dtype)


class RoundTrip(Answering):
    """Attack A."""

    def reads(self, X):
        return ((X - self.point) + self.point == X).flatten(1).all(dim=1)


class BatchMean(Answering):
    """Attack F: in training mode, batch normalisation tells the mean of the batch."""

    def __init__(self, point, sigma, **options):
        super().__init__(point)
        self.sigma = sigma
        self.norm = nn.BatchNorm1d(len(point), affine=False, **options)
        self.modes = []

    def reads(self, X):
        self.modes.append(self.norm.training)
        mean = X - self.sigma * self.norm(X)
        return (mean - self.point).mean(dim=1).abs() < 0.02


class Seeding(Answering):
    """Attack G: class 1 where w.(x - point) > 0; torch's global generator starts anew each time."""

    def __init__(self, point, w, seed):
        super().__init__(point)
        self.register_buffer("w", torch.as_tensor(w))
        self.seed = seed

    def reads(self, X):
        if self.seed is not None:
            torch.manual_seed(self.seed)
        return (X - self.point) @ self.w > 0


def frozen(module, **parameters):
    """A net that counts as trained, in training mode, as a module is when it is new."""
    options = {f"module__{name}": value for name, value in parameters.items()}
    net = skorch.NeuralNetClassifier(
        module, criterion=nn.CrossEntropyLoss, classes=[0, 1], **options
    ).initialize()
    assert net.module_.training
    return FrozenEstimator(net)


@torch.no_grad()
def ones_of(module, x, sigma, *, n=N, size=100):
    """Votes for class 1 in the loop that is written everywhere (`core.py` of Cohen et al.)."""
    total = 0
    for _ in range(n // size):
        batch = torch.as_tensor(x).repeat((size, *[1] * x.ndim))
        noise = torch.randn_like(batch) * sigma
        total += int(module(batch + noise).argmax(1).sum())
    return total


@pytest.fixture
def _torch_state():
    """Torch's global generator at a known place, and put back afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.mark.usefixtures("_torch_state")
@pytest.mark.parametrize("kind", ["float32", "bytes"])
def test_a(kind):
    sigma, x = 0.5, IMAGES[0]
    moved = x + np.float32(1 / 255)
    ones = ones_of(RoundTrip(x), x, sigma)
    there = ones_of(RoundTrip(x), moved, sigma)
    assert_refuted(ones, N, sigma, at=distance(x, moved), ones_there=there)
    options = {"n": N, "n_predict": N, "sigma": sigma}
    rows = IMAGES
    if kind == "bytes":
        rows, options["sigma"] = BYTES, 255 * sigma
        x, moved = BYTES[0], BYTES[0] + np.uint8(1)
    base = frozen(RoundTrip, point=x.astype(np.float32))
    clf = smoothed(base, rows, **options)
    assert clf.certify(x[np.newaxis]).noise.levels == (1 if kind == "bytes" else 255)
    assert not is_fooled(clf, x, moved)
    assert steepness(clf, x, moved) <= 1
    if kind == "float32":  # these tests can fail
        assert is_fooled(smoothed(base, rows, **options, arithmetic="float"), x, moved)


@pytest.mark.usefixtures("_torch_state")
def test_f_batch_normalisation_in_training_mode():
    """Nobody said eval(): a loop then gives each row an answer about its batch."""
    n, sigma, x = 5000, 0.5, np.full(30, 0.5, dtype=np.float32)
    moved = x + np.float32(0.05)
    loop = {"sigma": sigma, "n": n, "size": 500}
    ones, there = (ones_of(BatchMean(x, sigma).train(), row, **loop) for row in (x, moved))
    assert_refuted(ones, n, sigma, at=distance(x, moved), ones_there=there)
    base = frozen(BatchMean, point=x, sigma=sigma)
    clf = smoothed(base, np.stack([x, -x]), sigma=sigma, n=n, n_predict=n)
    module = base.estimator.module_
    module.modes.clear()
    assert not is_fooled(clf, x, moved)
    assert steepness(clf, x, moved) <= 1
    assert module.modes
    assert not any(module.modes)
    assert module.norm.training  # as it was
    assert module.norm.num_batches_tracked == 0
    # a row's answer is the same in any batch
    expected = votes(clf, x)
    assert np.array_equal(votes(clf.set_params(batch_size=77), x), expected)


@pytest.mark.usefixtures("_torch_state")
def test_g_a_module_that_seeds_torch():
    """As with numpy's global generator: twenty noise vectors make a thousand votes."""
    sigma, size, d = 0.5, 20, 40
    rng = np.random.default_rng(0)
    x = rng.normal(size=d).astype(np.float32)
    torch.manual_seed(7)
    chosen = torch.randn(size, d).numpy()
    w = np.linalg.lstsq(chosen, np.ones(size, dtype=np.float32), rcond=None)[0]
    moved = x - np.float32(sigma) * w / np.linalg.norm(w)
    seeding = {"point": x, "w": w, "seed": 7}
    honest = seeding | {"seed": None}
    ones = ones_of(Seeding(**seeding), x, sigma, size=size)
    # the same linear function, left alone, gives the truth: half of the votes at x, and 16 % there
    there = ones_of(Seeding(**honest), moved, sigma, size=size)
    assert_refuted(ones, N, sigma, at=distance(x, moved), ones_there=there)
    rows, options = np.stack([x, -x]), {"sigma": sigma, "n": N, "n_predict": N}
    clf = smoothed(frozen(Seeding, **seeding), rows, **options)
    certificate = clf.certify(x[np.newaxis])
    assert certificate.abstained.all()
    assert steepness(clf, x, moved) <= 1
    # our noise has nothing to do with that generator, and does not touch it
    state = torch.get_rng_state()
    alone = smoothed(frozen(Seeding, **honest), rows, **options)
    assert np.array_equal(alone.certify(x[np.newaxis]).counts, certificate.counts)
    assert torch.equal(torch.get_rng_state(), state)
