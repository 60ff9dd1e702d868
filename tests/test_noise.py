import dataclasses
import inspect

import numpy as np
import pytest
from scipy import stats

from sksmooth import noise as families
from sksmooth.noise import Gaussian, Noise
from sksmooth.streams import Purpose, Streams, row_key

# name -> an instance and its exact marginal distribution; every family must be here
MEMBERS = {"Gaussian": (Gaussian(0.7), stats.norm(scale=0.7))}


def stream(block=0):
    return Streams().at(row_key(bytes(16), np.array([1.0])), block, Purpose.ESTIMATE)


def test_every_family_is_tested():
    found = {
        name
        for name, member in inspect.getmembers(families, inspect.isclass)
        if issubclass(member, Noise) and member is not Noise
    }
    assert found == set(MEMBERS)


@pytest.mark.parametrize(("noise", "exact"), MEMBERS.values(), ids=MEMBERS)
class TestContract:
    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_distribution(self, noise, exact, dtype):
        row = np.array([3.0, -1.0], dtype=dtype)
        out = np.empty((50_000, 2), dtype=dtype)
        noise.perturb(row, stream(), out)
        for column in (out - row).T:
            assert stats.kstest(column.astype(np.float64), exact.cdf).pvalue > 1e-3
        assert abs(np.corrcoef(out.T)[0, 1]) < 0.02
        # five standard errors of a standard deviation: what the test above is too coarse for
        assert abs((out - row).std() / exact.std() - 1) < 5 / np.sqrt(2 * out.size)

    @pytest.mark.parametrize("sigma", [0.12, 0.7, 0.5, 3.3])
    def test_single_precision_adds_no_less_noise_than_is_claimed(self, noise, exact, sigma):
        claimed = dataclasses.replace(noise, sigma=sigma)
        unit = dataclasses.replace(noise, sigma=1.0)
        row = np.zeros(1, dtype=np.float32)
        drawn, standard = (np.empty((100, 1), dtype=np.float32) for _ in range(2))
        claimed.perturb(row, stream(), drawn)
        unit.perturb(row, stream(), standard)
        # exactly, in float64: each draw is a rounded product with a factor of at least sigma
        factor = np.float32(sigma)
        if float(factor) < sigma:
            factor = np.nextafter(factor, np.float32(np.inf))
        assert np.array_equal(drawn, standard * factor)
        assert float(factor) >= sigma

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    def test_fewer_draws_are_a_prefix(self, noise, exact, dtype):
        row = np.zeros((2, 3), dtype=dtype)
        short, long = np.empty((5, 2, 3), dtype=dtype), np.empty((50, 2, 3), dtype=dtype)
        noise.perturb(row, stream(), short)
        noise.perturb(row, stream(), long)
        assert np.array_equal(short, long[:5])

    def test_training_noise_has_the_same_distribution(self, noise, exact):
        drawn = noise.draw(np.random.default_rng(0), (20_000, 2))
        assert drawn.shape == (20_000, 2)
        assert stats.kstest(drawn.ravel(), exact.cdf).pvalue > 1e-3

    def test_radius(self, noise, exact):
        p = np.linspace(0, 1, 101)[:-1]
        radius = noise.radius(p)
        assert np.all(radius[:51] == 0)
        assert np.all(np.diff(radius[50:]) > 0)
        # a larger upper bound on the others proves less
        assert np.all(noise.radius(0.8, [0.01, 0.1, 0.2])[:-1] >= noise.radius(0.8))

    def test_radius_against_the_worst_classifier(self, noise, exact):
        """Neyman-Pearson in one dimension: f = [x <= q] has P(f = 1) = p at 0, and 1/2 at q."""
        for p in (0.6, 0.9, 0.999):
            shift = float(noise.radius(p))
            boundary = exact.ppf(p)
            assert exact.cdf(boundary - shift) >= 0.5
            assert exact.cdf(boundary - 1.001 * shift) < 0.5 or shift < 0.99 * boundary
