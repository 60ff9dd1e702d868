"""Bounds and radii of medians against truths that are known: how often are they false?"""

import dataclasses

import numpy as np
import pytest
from scipy.stats import binom, binomtest, laplace, norm

from sksmooth.backends import Backend
from sksmooth.certificate import Plan
from sksmooth.certificate.medians import (
    bound_medians,
    certify_medians,
    medians,
    needed_probability,
)
from sksmooth.noise import FloatGaussian, Gaussian, IntegerGaussian, Laplace, Rows, Uniform
from sksmooth.noise.streams import Purpose
from sksmooth.sampling import RowBinTally, Sampler, collect

SEED = b"0123456789abcdef"


class Function(Backend):
    """A base that is a function of the first input."""

    def __init__(self, f):
        self.f = f

    def batch_rows(self, row):
        return 4096

    def outputs(self, batch):
        return self.f(batch[:, 0])


def sampler_of(f, X, sigma=1.0, seed=SEED):
    X = np.asarray(X, dtype=np.float64).reshape(-1, 1)
    return Sampler(Function(f), X, Gaussian().bind(Rows(sigma, (1,))), seed)


class Draws:
    """Counts that are drawn at once: what a `Sampler` would count, for thousands of rows."""

    def __init__(self, below, above, noise, seed, n_rows):
        self.p = [below, 1 - below - above, above]
        self.noise, self.seed, self.stream = noise, SEED, "philox"
        self.rng, self.X = np.random.default_rng(seed), np.zeros((n_rows, 1))

    def __call__(self, sizes, purpose, undecided):
        counts = np.zeros((len(self.X), 3), dtype=np.int64)
        rows, before = np.arange(len(self.X)), 0
        for look, size in enumerate(sizes):
            counts[rows] += self.rng.multinomial(size - before, self.p, len(rows))
            rows, before = rows[undecided(look, rows, counts[rows])], size
        return counts, None


def false_rate(monkeypatch, below, above, plan, n_rows=20_000, seed=0):
    """Return how many radii are above the true one, of a base that misses so often."""
    noise = FloatGaussian(1.0)
    draws = Draws(below, above, noise, seed, n_rows)
    monkeypatch.setattr(Sampler, "until", lambda self, *args: draws(*args))
    sampler = Sampler(Function(np.sin), draws.X, noise, SEED)
    nothing = np.zeros(n_rows)
    certificate = certify_medians(sampler, plan, nothing, nothing, nothing)
    true = min(norm.isf(below), norm.isf(above))
    return int(np.sum(certificate.radii > max(true, 0.0)))


@pytest.mark.parametrize("radii", [None, (0.2, 0.5)])
@pytest.mark.parametrize("above", [0.3, 0.2, 0.01])
def test_radii_are_false_as_rarely_as_they_say(monkeypatch, radii, above):
    """Each side has the whole of alpha, also where draws stop; .3 and .3 is the hardest case."""
    plan = Plan(n=1000, n0=100, alpha=0.05, radii=radii)
    false = false_rate(monkeypatch, 0.3, above, plan)
    assert binomtest(false, 20_000, 0.05, alternative="greater").pvalue > 1e-4
    if radii is None and above == 0.01:  # nearly all of alpha is used
        assert false > 0.03 * 20_000


def test_an_interval_that_half_of_the_outputs_miss_has_no_radius(monkeypatch):
    plan = Plan(n=1000, n0=100, alpha=0.05)
    assert false_rate(monkeypatch, 0.5, 0.0, plan) <= 0.056 * 20_000


class Off(FloatGaussian):
    """Draws of it may differ from ideal ones."""

    tv_error = 0.05


def test_the_error_of_noise_is_taken_off_the_probability():
    found = []
    for noise in (FloatGaussian(1.0), Off(1.0)):
        sampler = Sampler(Function(np.sin), np.zeros((1, 1)), noise, SEED)
        plan, zero = Plan(n=1000, n0=100, alpha=0.05), np.zeros(1)
        found.append(certify_medians(sampler, plan, zero - 0.9, zero + 0.9, zero))
    ideal, certificate = found
    assert np.array_equal(certificate.counts, ideal.counts)
    assert certificate.p_lower == pytest.approx(ideal.p_lower - 0.05, abs=1e-15)
    assert certificate.radii == pytest.approx(norm.ppf(ideal.p_lower - 0.05), rel=1e-12)
    assert certificate.radii[0] > 0.5


STEPS = {
    "line": lambda x: x,
    "cube": lambda x: x**3,
    "steps": np.floor,
    "sign": np.sign,
    "decreasing": lambda x: -np.exp(x),
    "infinite": lambda x: np.where(x > 0.3, np.inf, x),
}


@pytest.mark.parametrize("name", ["line", "steps", "decreasing", "infinite"])
def test_bounds_are_false_as_rarely_as_they_say(name):
    """Rows differ by less than the grid of the noise can tell, so that each has its own draws."""
    f, radius, alpha, n_rows = STEPS[name], 0.75, 0.1, 1000
    X = 1e-9 * np.arange(n_rows)
    plan = Plan(n=200, n0=100, alpha=alpha, radii=(radius,))
    bounds = bound_medians(sampler_of(f, X), plan)
    # the median of a monotone function is its value at the median; the ball is open
    ends = np.array([-radius + 1e-6, radius - 1e-6])
    low, high = np.sort(f(ends))
    false = np.sum((bounds.lower[:, 0] > low) | (bounds.upper[:, 0] < high))
    assert binomtest(int(false), n_rows, alpha, alternative="greater").pvalue > 1e-4
    if name == "line":  # and are not empty: the order statistics themselves fail this often
        rank = bounds.ranks[0][1]
        exact = 2 * binom.sf(rank - 1, 200, norm.cdf(radius))
        assert false > 0.5 * exact * n_rows


@pytest.mark.parametrize("output", [np.inf, -np.inf, np.finfo(float).max, 0.0])
def test_bounds_of_a_constant_are_the_constant(output):
    """Also where nothing is above it, and no warning of overflow says so."""
    plan = Plan(n=200, n0=100, alpha=0.1, radii=(0.75,))
    sampler = sampler_of(lambda x: np.full(np.shape(x), output), np.zeros(1))
    bounds = bound_medians(sampler, plan)
    assert bounds.lower[0, 0] == bounds.upper[0, 0] == output


def test_bounds_are_order_statistics_but_for_the_width_of_a_bin():
    X = np.linspace(-2, 2, 7)
    plan = Plan(n=4000, n0=1000, alpha=1e-3, radii=(0.0, 0.5, 1.0))
    for f in (STEPS["line"], STEPS["cube"], STEPS["steps"]):
        sampler = sampler_of(f, X)
        bounds = bound_medians(sampler, plan)
        outputs = collect(sampler, plan.n, Purpose.ESTIMATE)
        for j, (low, high) in enumerate(bounds.ranks):
            lower, upper = outputs[:, low - 1], outputs[:, high - 1]
            assert np.all(bounds.lower[:, j] <= lower)
            assert np.all(bounds.upper[:, j] >= upper)
            if f is np.floor:  # few numbers: nothing is lost
                assert np.array_equal(bounds.lower[:, j], lower)
                assert np.array_equal(bounds.upper[:, j], upper)
            wider = (bounds.upper - bounds.lower)[:, j] / np.maximum(upper - lower, 0.1)
            assert np.median(wider) < 1.05


def test_where_no_rank_will_do_bounds_are_infinite():
    plan = Plan(n=100, n0=50, alpha=1e-3, radii=(3.0, 0.5))
    bounds = bound_medians(sampler_of(np.sin, [0.0, 1.0]), plan)
    assert bounds.ranks[0] == (0, 101)
    assert np.all(np.isinf(bounds.lower[:, 0]))
    assert np.all(np.isinf(bounds.upper[:, 0]))
    assert np.all(np.isfinite(bounds.lower[:, 1]))
    assert bounds.ranks[1] == (16, 85)  # of 100, at half a deviation and half of alpha
    # the largest radius with a bound is where all draws on one side are just enough
    most = bounds.run.max_radius
    radii = (most * (1 - 1e-6), most * (1 + 1e-6))
    ends = bound_medians(sampler_of(np.sin, [0.0]), dataclasses.replace(plan, radii=radii))
    assert ends.ranks == ((1, 100), (0, 101))


def test_outputs_are_collected_in_the_order_that_they_are_counted_in():
    sampler = sampler_of(np.sin, [0.0, 0.5, 2.0])
    outputs = collect(sampler, 5000, Purpose.ESTIMATE)
    edges = np.tile(np.linspace(-1, 1, 9), (3, 1))
    counts = dataclasses.replace(sampler, tally=RowBinTally(edges)).counts(5000, Purpose.ESTIMATE)
    for row in range(3):
        at_most = np.searchsorted(outputs[row], edges[row], side="right")
        assert np.array_equal(counts[row].cumsum()[:-1], at_most)
    other = collect(sampler, 5000, Purpose.SELECT)  # few of them are the same point of the grid
    assert np.isin(other, outputs).mean() < 0.01


def test_the_median_is_the_draw_in_the_middle():
    outputs = np.sort(np.random.default_rng(0).normal(size=(4, 11)), axis=1)
    assert np.array_equal(medians(outputs), np.median(outputs, axis=1))
    assert medians(np.array([[1.0, 2.0, 3.0, 4.0]])) == [2.0]


@pytest.mark.parametrize("radius", [0.0, 1e-3, 0.5, 2.0])
def test_the_needed_probability_is_that_of_the_noise_law(radius):
    """An event at the edge of what a shift by the radius takes below one half."""
    gauss = needed_probability(IntegerGaussian(1.0, 4), radius)
    assert gauss == pytest.approx(norm.cdf(radius), abs=2e-6)
    # Laplace noise of deviation 1: the last half-line, as its own distribution function says
    scale = 1 / np.sqrt(2)
    lap = needed_probability(Laplace().bind(Rows(1.0, (1,))), radius)
    assert lap == pytest.approx(laplace.cdf(radius, scale=scale), abs=2e-6)
    # uniform noise of deviation 1 reaches sqrt(3) far: a shift takes at most its share of 2 sqrt(3)
    flat = needed_probability(Uniform().bind(Rows(1.0, (1,))), radius)
    expected = 0.5 + radius / (2 * np.sqrt(3))
    assert flat == pytest.approx(expected, abs=2e-6) or (expected > 1 and flat == np.inf)
