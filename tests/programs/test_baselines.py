"""The deterministic baselines: bounds against formulas, radii against attacks."""

import importlib
import itertools
import math
import pathlib

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch import nn

pytestmark = pytest.mark.filterwarnings("ignore")  # old libraries
ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def baselines(monkeypatch):
    """Return a function that imports one of the modules."""
    monkeypatch.syspath_prepend(str(ROOT))
    torch.manual_seed(0)
    return lambda name: importlib.import_module(f"reproduction.baselines.{name}")


@pytest.fixture
def bounds(baselines):
    """Return the two bounds, of nets that take images of this shape."""
    pytest.importorskip("convex_adversarial")
    spec = importlib.util.find_spec("auto_LiRPA")
    if spec is None:
        pytest.skip("needs auto_LiRPA")
    crown, dual = baselines("lirpa").Crown, baselines("dual").Dual
    return {
        "CROWN": lambda net, shape: crown(net, shape),
        "Fast-Lin": lambda net, shape: crown(net, shape, slope="same-slope"),
        "dual": lambda net, shape: dual(net),
    }


def conv_net():
    return nn.Sequential(
        nn.Conv2d(1, 4, 4, stride=2),
        nn.ReLU(),
        nn.Conv2d(4, 6, 3, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(24, 10),
        nn.ReLU(),
        nn.Linear(10, 3),
    )


def dense_net(*sizes):
    layers = []
    for a, b in itertools.pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def as_matrices(net, shape):
    """Return weights and biases of all layers as a dense net's."""
    found, x = [], torch.zeros(1, *shape).double()
    for layer in net:
        if isinstance(layer, nn.Linear | nn.Conv2d):
            unit = torch.eye(x.numel()).double().view(-1, *x.shape[1:])
            with torch.no_grad():
                bias = layer(torch.zeros_like(x)).flatten()
                found.append(((layer(unit).flatten(1) - bias).T, bias))
        x = layer(x).detach()
    return found


def linear_bounds(layers, x, radius, margins, adaptive):
    """Return lower bounds by the formulas of CROWN, or of Fast-Lin, for an L2 ball."""
    before = []

    def backward(A, k):
        constant = torch.zeros(len(A)).double()
        for i in range(k, -1, -1):
            W, b = layers[i]
            constant, A = constant + A @ b, A @ W
            if i == 0:
                return constant + A @ x - radius * A.norm(dim=1)
            low, high = before[i - 1]
            undecided = (low < 0) & (high > 0)
            upper = torch.where(undecided, high / (high - low), (low >= 0).double())
            lower = torch.where(undecided & adaptive, (upper > 0.5).double(), upper)
            shift = torch.where(undecided, -high * low / (high - low), torch.zeros_like(low))
            down = A.clamp(max=0)
            constant, A = constant + down @ shift, down * upper + A.clamp(min=0) * lower
        raise AssertionError

    for k, (W, _) in enumerate(layers[:-1]):
        unit = torch.eye(len(W)).double()
        before.append((backward(unit, k), -backward(-unit, k)))
    return backward(margins, len(layers) - 1)


@pytest.mark.parametrize("radius", [0.05, 0.3, 1.5])
@pytest.mark.parametrize(
    ("make", "shape"), [(conv_net, (1, 12, 12)), (lambda: dense_net(5, 20, 20, 20, 3), (5,))]
)
def test_libraries_compute_the_papers_formulas(bounds, baselines, make, shape, radius):
    net, x = make().double(), torch.rand(*shape).double()
    layers = as_matrices(net, shape)
    margins = baselines("search").differences(1, 3).double()
    for name, adaptive in [("CROWN", True), ("Fast-Lin", False), ("dual", False)]:
        ours = linear_bounds(layers, x.flatten(), radius, margins, torch.tensor(adaptive))
        theirs = bounds[name](net, shape)(x, 1, radius)
        np.testing.assert_allclose(theirs.numpy(), ours.numpy(), rtol=0, atol=1e-10)


def attack(net, x, label, steps=20):
    """Return the distance of the nearest other label that descent on each margin finds."""
    best = math.inf
    for other in set(range(3)) - {label}:
        z = x.clone()
        for _ in range(steps):
            z.requires_grad_(True)
            scores = net(z[None])[0]
            margin = scores[label] - scores[other]
            (gradient,) = torch.autograd.grad(margin, z)
            z = (z - 1.05 * margin * gradient / (gradient.norm() ** 2 + 1e-12)).detach()
            if int(net(z[None]).argmax()) != label:
                inside, outside = 0.0, 1.0
                for _ in range(12):  # on the straight line, nearer
                    middle = (inside + outside) / 2
                    same = int(net((x + middle * (z - x))[None]).argmax()) == label
                    inside, outside = (middle, outside) if same else (inside, middle)
                best = min(best, outside * float((z - x).norm()))
                z = x + 0.9 * outside * (z - x)
    return best


@pytest.mark.parametrize("name", ["CROWN", "Fast-Lin", "dual"])
@pytest.mark.parametrize(
    ("make", "shape", "tight"),
    [(conv_net, (1, 12, 12), 0.1), (lambda: dense_net(4, 12, 12, 3), (4,), 0.3)],
)
def test_no_attack_reaches_a_radius(bounds, baselines, name, make, shape, tight):
    net = make().double()
    largest_radius = baselines("search").largest_radius
    bound = bounds[name](net, shape)
    ratios = []
    for x in torch.rand(3, *shape).double():
        label = int(net(x[None]).argmax())
        distance = attack(net, x, label)
        # the search is not told of the attack
        radius = largest_radius(bound, bound, x, label, limit=8.0, steps=12)
        assert radius <= distance
        ratios.append(radius / distance)
    assert max(ratios) > tight


def test_bisection_returns_only_what_was_confirmed(baselines):
    largest_radius = baselines("search").largest_radius

    def until(limit):
        return lambda x, label, radius: torch.tensor([limit - radius, 1.0])

    x = torch.zeros(2)
    assert 0.69 < largest_radius(until(0.7), until(0.7), x, 0, 2.0, 12) < 0.7
    assert largest_radius(until(0.7), until(0.5), x, 0, 2.0, 12) == 0.0
    assert largest_radius(until(-1.0), until(-1.0), x, 0, 2.0, 12) == 0.0
    nan = lambda x, label, radius: torch.tensor([math.nan, 1.0])  # noqa: E731
    assert largest_radius(nan, nan, x, 0, 2.0, 12) == 0.0


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv2d(1, 16, 4, stride=2), (1, 14, 14)),
        (nn.Conv2d(3, 8, 5, stride=2, padding=2), (3, 9, 9)),
        (nn.Conv2d(4, 6, 3, padding=1, padding_mode="circular"), (4, 7, 7)),
        (nn.Conv2d(4, 6, 3, groups=2, dilation=2), (4, 8, 8)),
        (nn.Linear(30, 20), (30,)),
        (nn.Linear(10, 40), (10,)),
    ],
)
def test_operator_norms_against_singular_values(baselines, layer, shape):
    lipschitz = baselines("lipschitz")
    bound = lipschitz.operator_norm_bound(lipschitz.matrix_of(layer, shape))
    # the dense matrix, column by column
    columns = []
    with torch.no_grad():
        zero = layer.double()(torch.zeros(1, *shape).double())
        for i in range(math.prod(shape)):
            unit = torch.zeros(math.prod(shape)).double()
            unit[i] = 1
            columns.append((layer(unit.view(1, *shape)) - zero).flatten().numpy())
    exact = np.linalg.svd(np.stack(columns, axis=1), compute_uv=False)[0]
    assert exact <= bound <= 1.0005 * exact


def test_operator_norm_of_special_matrices(baselines):
    norm = baselines("lipschitz").operator_norm_bound
    assert norm(torch.zeros(3, 4).double()) == 0.0
    assert 1 <= norm(torch.eye(500).double()) < 1.0005  # all singular values equal: hardest
    assert 1e-150 <= norm(1e-150 * torch.ones(1, 1).double()) < 1.001e-150


def test_lipschitz_radius_of_a_linear_net(baselines):
    lipschitz = baselines("lipschitz")
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 4)).double()
    L = lipschitz.lipschitz_bound(net, (12,))
    W = net[1].weight.detach().numpy()
    for x in torch.randn(50, 12).double():
        scores = net(x[None])[0].detach()
        label = int(scores.argmax())
        true = min(
            float(scores[label] - scores[j]) / np.linalg.norm(W[label] - W[j])
            for j in set(range(4)) - {label}
        )
        assert 0 < lipschitz.lipschitz_radius(scores, label, L) <= true
        assert lipschitz.lipschitz_radius(scores, (label + 1) % 4, L) == 0.0


def test_lipschitz_radius_is_exact_for_orthonormal_rows(baselines):
    lipschitz = baselines("lipschitz")
    layer = nn.Linear(12, 4, bias=False).double()
    nn.init.orthogonal_(layer.weight, gain=3.0)
    net = nn.Sequential(layer)
    scores = net(torch.randn(1, 12).double())[0].detach()
    top = scores.topk(2).values
    true = float(top[0] - top[1]) / (3 * math.sqrt(2))
    L = lipschitz.lipschitz_bound(net, (12,))
    radius = lipschitz.lipschitz_radius(scores, int(scores.argmax()), L)
    assert 0.9995 * true < radius <= true


def test_no_attack_reaches_a_lipschitz_radius(baselines):
    lipschitz = baselines("lipschitz")
    net = conv_net()
    L = lipschitz.lipschitz_bound(net, (1, 12, 12))
    net = net.double()
    for x in torch.rand(3, 1, 12, 12).double():
        scores = net(x[None])[0].detach()
        label = int(scores.argmax())
        assert lipschitz.lipschitz_radius(scores, label, L) <= attack(net, x, label)


def test_unknown_layers_have_no_lipschitz_bound(baselines):
    with pytest.raises(ValueError, match="Sigmoid"):
        baselines("lipschitz").lipschitz_bound(nn.Sequential(nn.Sigmoid()), (3,))


def test_margin_training_knows_the_lipschitz_constant(baselines):
    lipschitz = baselines("lipschitz")
    net = conv_net()
    loss = lipschitz.MarginLoss(net, (1, 12, 12), radius=1.0)
    x, y = torch.rand(6, 1, 12, 12), torch.arange(6) % 3
    for _ in range(300):
        value = loss(x, y)
    bound = lipschitz.lipschitz_bound(net, (1, 12, 12))
    scores = net(x) + math.sqrt(2) * bound * (1 - nn.functional.one_hot(y, 3))
    expected = nn.functional.cross_entropy(scores, y)
    assert float(value) == pytest.approx(float(expected), rel=0.02)
    value.backward()
    assert all(p.grad is not None for p in net.parameters())


def test_deepfool_of_a_linear_net(baselines):
    pytest.importorskip("art")
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    X = np.random.default_rng(0).random((20, 1, 4, 4), dtype=np.float32)
    distances = baselines("attack").deepfool_distances(net, X, 3)
    scores, W = net(torch.from_numpy(X)).detach().numpy(), net[1].weight.detach().numpy()
    for row, distance in zip(scores, distances, strict=True):
        label = row.argmax()
        true = min(
            (row[label] - row[j]) / np.linalg.norm(W[label] - W[j]) for j in {0, 1, 2} - {label}
        )
        assert true * 0.999 <= distance <= true * 1.03
