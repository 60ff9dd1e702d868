"""Every member of every registry keeps its contract: it is tested by being registered."""

import importlib
import json
import sys

import numpy as np
import pytest
from scipy import stats

from sksmooth import backends, closed_forms
from sksmooth.bounds import BOUNDS, FREE_BOUNDS
from sksmooth.certificate import Plan
from sksmooth.certificate.stopping import RULES, rule_of, stop_reasons
from sksmooth.closed_forms.readers import READERS
from sksmooth.noise import KINDS, NOISES, Norm, Rows
from sksmooth.noise.streams import GENERATORS, Purpose
from sksmooth.records.head import noise_of_head

SHAPE = (4,)
SIGMAS = {"one": 0.5, "each": (0.5, 0.25, 1.0, 2.0)}


def bound():
    """Every kind of noise, bound to rows of four values."""
    found = {}
    for name, specification in NOISES.items():
        for sigmas, sigma in SIGMAS.items():
            for arithmetic in ("integer", "float"):
                for levels in (None, 255):
                    try:
                        noise = specification().bind(Rows(sigma, SHAPE, levels, arithmetic))
                    except ValueError:  # not every family has each of these
                        continue
                    found[f"{name}, {sigmas}, {arithmetic}, {levels}"] = noise
    return found


NOISE = bound()


def test_every_kind_is_bound():
    assert {type(noise) for noise in NOISE.values()} >= set(KINDS.values()) - _made_otherwise()


def _made_otherwise():
    """Kinds whose specifications have no default parameters; their own tests bind them."""
    made = {type(noise) for noise in NOISE.values()}
    return {kind for word, kind in KINDS.items() if kind not in made and "gauss" not in word}


@pytest.mark.parametrize("noise", NOISE.values(), ids=NOISE)
class TestNoises:
    def test_its_geometry(self, noise):
        assert isinstance(noise.norm, Norm)
        assert KINDS[noise.kind] is type(noise)
        p = np.linspace(0.0, 1.0 - 1e-9, 400)
        radii = noise.radius(p)
        assert np.all(np.diff(radii) >= 0)
        assert np.all(radii[p <= 0.5] == 0)
        assert np.array_equal(noise.proves(p), radii > 0)
        assert np.all(noise.radius(p, 1 - p) >= radii * (1 - 1e-12))
        assert 0 <= noise.tv_error < 1e-6
        assert np.all(noise.target([0.0, 1.0]) > 0)

    def test_what_it_claims_in_l2_lies_in_its_own_ball(self, noise):
        rng = np.random.default_rng(0)
        radius = noise.radius([0.9])
        inside = noise.l2_radius(radius)
        delta = rng.normal(size=(2000, *SHAPE))
        delta *= inside / np.linalg.norm(delta, axis=1)[:, None] * (1 - 1e-9)
        assert np.all(noise.norm.length(delta) <= radius)

    def test_it_is_told_by_its_name_and_its_head(self, noise):
        head = json.loads(json.dumps(noise_of_head(noise)))
        kind = KINDS[head.pop("kind")]
        again = kind(**head)
        assert again == noise
        assert again.name == noise.name

    @pytest.mark.parametrize("stream", GENERATORS)
    def test_draws_are_around_the_row_and_fewer_are_a_prefix(self, noise, stream):
        if stream != "philox" and not noise.sound:
            pytest.skip("floating-point noise is drawn by numpy, from philox")
        row = np.array([0.0, 1.0, 100 / 255, 0.2])
        key = np.array([1, 2], dtype=np.uint64)
        drawn = np.empty((4000, *SHAPE))
        noise.around(row)(GENERATORS[stream]().at(key, 0, Purpose.ESTIMATE), drawn)
        few = np.empty((17, *SHAPE))
        noise.around(row)(GENERATORS[stream]().at(key, 0, Purpose.ESTIMATE), few)
        assert np.array_equal(few, drawn[:17])
        error = noise.deviations(SHAPE) / np.sqrt(4000)
        assert np.all(np.abs(drawn.mean(axis=0) - row) < 5 * error)
        assert np.allclose(drawn.std(axis=0), noise.deviations(SHAPE), rtol=0.08)

    def test_training_draws_of_numpy_and_torch_have_one_law(self, noise):
        torch = pytest.importorskip("torch")
        pytest.importorskip("skorch")
        from sksmooth.backends.skorch.fit import TorchDraws

        shape = (5000, *SHAPE)
        ours = noise.draw(np.random.default_rng(0), shape)
        draws = TorchDraws(torch.Generator().manual_seed(0))
        draws.like = torch.empty(shape, dtype=torch.float64)
        theirs = noise.draw(draws, shape).numpy()
        assert ours.shape == theirs.shape == shape
        for one, other in zip(ours.T, theirs.T, strict=True):
            assert stats.ks_2samp(one, other).pvalue > 1e-4


@pytest.mark.parametrize("bounds", [BOUNDS, FREE_BOUNDS], ids=["selected", "free"])
def test_bounds_hold_at_their_level(bounds):
    """Two classes: the sum over all outcomes for which a bound is false is at most alpha."""
    n, alpha = 60, 0.05
    top = np.arange(n + 1)
    for name, bound in bounds.items():
        lower, upper = bound(top, n - top, np.full(n + 1, n), alpha)
        for p in (0.3, 0.5, 0.7, 0.9, 0.99):
            chance = stats.binom.pmf(top, n, p)
            assert chance[(lower > p) | (upper < 1 - p)].sum() <= alpha, (name, p)


def test_every_plan_has_a_rule_and_every_rule_a_plan():
    noise = NOISE["gaussian, one, integer, None"]
    pilot = np.array([[90, 10], [60, 40]])
    found = []
    for bound_name in BOUNDS:
        for more in ({}, {"radii": (0.1, 0.5)}, {"tol": 0.1}):
            plan = Plan(n=1000, n0=100, alpha=0.01, bound=bound_name, **more)
            rule = rule_of(plan, 2, noise, pilot)
            assert rule.sizes == sorted(set(rule.sizes))
            assert rule.sizes[-1] == 1000
            assert rule.reason in stop_reasons()
            found.append(type(rule))
    assert set(found) == set(RULES)


def test_forms_have_names_of_their_own_and_leave_strangers_alone():
    names = [form.name for form in closed_forms.FORMS]
    assert len(set(closed_forms.FORMS)) == len(names)
    assert set(names) == {"linear", "boxes", "quadratic", "grid", "additive"}
    assert not any(form.may_be(object()) for form in closed_forms.FORMS)


@pytest.mark.parametrize("name", READERS)
def test_readers_name_types_and_functions_that_exist(name):
    library, _, _ = name.partition(".")
    module, _, kind = name.rpartition(".")
    importlib.import_module(READERS[name].partition(":")[0], closed_forms.readers.__package__)
    if library not in sys.modules:
        pytest.importorskip(library)
    assert isinstance(getattr(importlib.import_module(module), kind), type)


def test_backends_are_found_by_what_the_user_has_imported():
    for framework, path in backends.BACKENDS:
        if framework is not None:
            pytest.importorskip(framework)
        module, _, name = path.partition(":")
        kind = getattr(importlib.import_module(module), name)
        assert issubclass(kind, backends.Backend)
        assert kind.framework == framework
        assert not kind.accepts(object())


def test_objectives_have_a_gradient():
    torch = pytest.importorskip("torch")
    from sksmooth.objectives import OBJECTIVES

    for name, objective in OBJECTIVES.items():
        torch.manual_seed(0)
        module = torch.nn.Linear(3, 2)
        rows, labels = torch.randn(8, 3), torch.tensor([0, 1] * 4)
        loss = objective().forward(
            module, rows, labels, lambda like: 0.1 * torch.randn_like(like), 0.1
        )
        loss.backward()
        assert torch.isfinite(loss), name
        assert torch.isfinite(module.weight.grad).all(), name
        assert objective().norms in (None, ("l2",))
