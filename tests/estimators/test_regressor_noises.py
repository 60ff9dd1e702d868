"""Medians under other noises: bounds hold at every row within the radius, listed one by one."""

import itertools

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.base import BaseEstimator, RegressorMixin

from sksmooth import SmoothedRegressor
from sksmooth.certificate.medians import needed_probability
from sksmooth.noise import Drop, Flip, Split

COINS = np.array(list(itertools.product([0.0, 1.0], repeat=5)))


class Crossed(RegressorMixin, BaseEstimator):
    """Not monotone; missing values count as a half."""

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        X = np.nan_to_num(np.asarray(X, dtype=np.float64), nan=0.5)
        return X @ [1, 2, 3, 4, 5] + 3 * X[:, 0] * X[:, -1] - 4 * (X[:, 1] == X[:, 2])


def law(specification, row):
    """Return all outputs of `Crossed` around a row with their probabilities, from definitions."""
    if isinstance(specification, Drop):
        kept = COINS == 1
        rows = np.where(kept, row, np.nan)
        single = np.where(kept, 1 - specification.drop, specification.drop)
    elif specification.keep is not None:
        rows = COINS
        single = np.where(rows == row, specification.keep, 1 - specification.keep)
    else:
        rows = COINS
        turned = np.where(row == 0, specification.add, specification.remove)
        single = np.where(rows == row, 1 - turned, turned)
    return Crossed().predict(rows), single.prod(axis=1)


def all_medians(outputs, masses):
    """Return the least and the largest median of a discrete law."""
    order = np.argsort(outputs)
    below = masses[order].cumsum()
    first = int((below < 0.5 - 1e-12).sum())
    last = int((below <= 0.5 + 1e-12).sum())
    return outputs[order][first], outputs[order][min(last, len(outputs) - 1)]


@pytest.mark.parametrize(
    "noise",
    [Flip(keep=0.7), Flip(add=0.1, remove=0.4), Drop(drop=0.6)],
    ids=["flip", "two", "drop"],
)
def test_of_noise_that_replaces_values(noise):
    reg = SmoothedRegressor(Crossed(), noise=noise, n=20_000, n0=500, random_state=0)
    reg.fit(COINS, COINS[:, 0])
    rows = COINS[::6]
    bounds = reg.certify_interval(rows, [0, 1])
    certificate = reg.certify(rows, within=6.0)
    truth = np.array([all_medians(*law(noise, row)) for row in COINS])
    for i, row in enumerate(rows):
        distance = (row != COINS).sum(axis=1)
        for j in (0, 1):
            near = truth[distance <= j]
            assert bounds.lower[i, j] <= near[:, 0].min()
            assert bounds.upper[i, j] >= near[:, 1].max()
        if certificate.radii[i] > 0:
            near = truth[distance <= certificate.radii[i]]
            assert certificate.lower[i] <= near[:, 0].min()
            assert certificate.upper[i] >= near[:, 1].max()
    assert np.any(certificate.radii >= 1)
    assert "differs from it in at most" in certificate.summary()


@pytest.mark.parametrize(
    "noise", [Flip(keep=0.7), Drop(drop=0.6), "laplace", "uniform", "gaussian"]
)
def test_a_likelier_event_keeps_its_majority_at_least_as_far(noise):
    """The trade-off of every noise rises with the probability: then bounds are ranks."""
    reg = SmoothedRegressor(Crossed(), noise=noise, n=100, n0=20, random_state=0)
    from sksmooth.estimators.smoother import noise_of

    bound = noise_of(reg.fit(COINS, COINS[:, 0]))
    p = np.linspace(0.5, 1.0, 2001)
    reached = bound.reached(p, 1 - p)
    assert np.all(np.diff(reached) >= 0)
    needed = [needed_probability(bound, r) for r in (0.0, 0.25, 0.5, 1.0)]
    assert all(a <= b for a, b in itertools.pairwise(needed))
    assert needed[0] >= 0.5


def test_noises_of_which_a_radius_does_not_say_all_are_refused():
    for options in ({"noise": Split(scale=1.0)}, {"sigma": {0: 0.5, "*": Flip(keep=0.8)}}):
        with pytest.raises(ValueError, match="added to all columns"):
            SmoothedRegressor(Crossed(), **options).fit(COINS, COINS[:, 0])


class Kinked(RegressorMixin, BaseEstimator):
    """The worst for a radius and an interval: half-spaces, and a jump where the noise ends."""

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.where(X[:, 0] > 0.8, 10.0, 0.0) + np.where(X[:, 0] < -1.1, -10.0, 0.0)


@pytest.mark.slow
def test_false_statements_are_no_more_than_alpha():
    """On a function of which medians are known; `benchmarks.regression` does it on 20,000 rows.

    Rows differ in a feature that the base does not look at, so that their draws are independent.
    """
    n_rows, alpha = 4000, 0.05
    rows = np.column_stack([np.zeros(n_rows), np.arange(n_rows)])
    reg = SmoothedRegressor(Kinked(), 1.0, n=200, n0=20, alpha=alpha, random_state=0)
    reg.fit(rows[:50], rows[:50, 0])
    # the median is in [-5, 5] up to where half of the noise is above 0.8
    false = int((reg.certify(rows, interval=(-5.0, 5.0)).radii > 0.8).sum())
    assert binomtest(false, n_rows, alpha, alternative="greater").pvalue > 1e-4
    assert false > 0.3 * alpha * n_rows  # it is not far below, either
    bounds = reg.certify_interval(rows, 0.81)  # there the median may be 10
    false = int((bounds.upper < 10.0).sum())
    assert binomtest(false, n_rows, alpha / 2, alternative="greater").pvalue > 1e-4
