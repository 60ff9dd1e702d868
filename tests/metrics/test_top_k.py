"""Certified top-k: k = 1 by the two-sided bound, failure rates, and linear worst cases."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier, certified_top_k_accuracy_score, top_k_radii
from sksmooth.bounds import clopper_pearson, clopper_pearson_upper, radius_cohen, two_sided

EDGES = [-0.5, 0.0, 0.4, 1.0]


class Bands(ClassifierMixin, BaseEstimator):
    """Five classes along the first feature."""

    def fit(self, X, y):
        self.classes_ = np.arange(5)
        return self

    def predict(self, X):
        return np.searchsorted(EDGES, X[:, 0])


@pytest.fixture(scope="module")
def bands():
    base = FrozenEstimator(Bands().fit(None, None))
    clf = SmoothedClassifier(base, sigma=0.5, method="montecarlo", random_state=0)
    X = np.linspace(-1.5, 2, 40)[:, None]
    return clf.fit(X, np.arange(40) % 5), X


def probabilities(x):
    return np.diff(norm.cdf([-np.inf, *((np.array(EDGES) - x) / 0.5), np.inf]))


def with_counts(certificate, counts, n, alpha):
    """A certificate of any votes, with a budget of n."""
    m = len(counts)
    row = certificate[np.zeros(m, dtype=int)]
    run = dataclasses.replace(certificate.run, n=n, alpha=alpha)
    n_draws = counts.sum(axis=1)
    return dataclasses.replace(row, counts=counts, n_draws=n_draws, run=run, tv_error=np.zeros(m))


def test_labels_stay_among_the_top_k_in_truth(bands):
    clf, X = bands
    certificate = clf.certify(X, n=20_000)
    for k in (1, 2, 3):
        for label in range(5):
            radii = top_k_radii(certificate, k, np.full(len(X), label))
            for x, radius in zip(X[:, 0], radii, strict=True):
                for at in np.linspace(x - radius, x + radius, 9)[1:-1]:
                    p = probabilities(at)
                    assert not radius > 0 or np.sum(p >= p[label]) <= k


def test_with_one_label_it_is_the_two_sided_bound(bands):
    clf, X = bands
    certificate = clf.certify(X, n=2000)
    full = certificate[certificate.n_draws == 2000]
    counts, codes = full.counts, full.selected
    own = counts[np.arange(len(counts)), codes]
    others = np.where(np.arange(5) == codes[:, None], 0, counts).max(axis=1)
    p, q = two_sided(own, others, 2000, 0.001)
    expected = np.where(p > q, radius_cohen(p, q, sigma=0.5), 0.0)
    assert top_k_radii(full, 1) == pytest.approx(expected, abs=1e-5)


def test_more_labels_certify_more(bands):
    clf, X = bands
    certificate = clf.certify(X, n=2000)
    y = np.searchsorted(EDGES, X[:, 0])
    radii = [top_k_radii(certificate, k, y) for k in (1, 2, 3, 4, 5)]
    shares = [
        certified_top_k_accuracy_score(y, certificate, k=k, radius=0.2) for k in (1, 2, 3, 4, 5)
    ]
    assert np.isinf(radii[4]).all()
    assert np.mean(radii[1]) > 1.5 * np.mean(radii[0])
    assert shares == sorted(shares)
    assert shares[4] == 1.0


def test_bounds_fail_no_more_often_than_alpha(bands):
    """Three tied rivals and a label at the edge: no radius is true, so each one is a failure."""
    clf, X = bands
    n, alpha, k, runs = 1000, 0.05, 3, 20_000
    rng = np.random.default_rng(0)
    counts = rng.multinomial(n, [0.2, 0.2, 0.2, 0.2, 0.2], size=runs)
    certificate = with_counts(clf.certify(X[:1], n=100), counts, n, alpha)
    failed = np.mean(top_k_radii(certificate, k, np.zeros(runs, dtype=int)) > 0)
    assert failed <= alpha + 3 * np.sqrt(alpha * (1 - alpha) / runs)


def test_draws_that_were_not_made_count_against_the_label(bands):
    clf, X = bands
    whole = clf.certify(X[:1], n=100)
    counts = np.array([[500, 300, 100, 50, 50], [450, 300, 100, 50, 50]])
    first, second = top_k_radii(with_counts(whole, counts, 1000, 0.001), 2, [0, 0])
    assert 0 < second < first
    # as if all of them had been for a rival, both in the sum of rivals and in the least of them
    counts = np.array([[4000, 2500, 2500, 500, 500], [4000, 2000, 2500, 500, 500]])
    first, second = top_k_radii(with_counts(whole, counts, 10_000, 0.001), 2, [0, 0])
    assert 0 < second == first


@pytest.mark.parametrize(
    ("votes", "k", "which"),
    [([6000, 3000, 900, 50, 50], 3, 1), ([2500, 4000, 2500, 500, 500], 2, 2)],
)
@pytest.mark.parametrize("tv_error", [0.0, 0.01])
def test_sum_of_rivals_against_the_published_condition(bands, votes, k, which, tv_error):
    """Of both conditions, on the sum of k rivals and on the least of them, the one that helps."""
    clf, X = bands
    certificate = with_counts(clf.certify(X[:1], n=100), np.array([votes]), 10_000, 0.001)
    certificate = dataclasses.replace(certificate, tv_error=np.full(1, tv_error))
    radius = top_k_radii(certificate, k, [1])[0]
    rivals = np.sort(np.delete(votes, 1))[-k:]
    p = clopper_pearson(votes[1], 10_000, 0.0005)
    found = {}
    for t, number, level in ((k, rivals.sum(), 0.00025), (1, rivals.min(), 0.00025 / k)):
        q = min(clopper_pearson_upper(number, 10_000, level), 1 - p) + tv_error
        grid = np.linspace(0, 3, 300_001)
        holds = norm.cdf(norm.ppf(p - tv_error) - grid) > norm.cdf(norm.ppf(q) + grid) / t
        found[t] = grid[holds].max(initial=0.0)
    assert max(found, key=found.get) == which
    assert radius == pytest.approx(0.5 * found[which], abs=1e-5)


def test_refusals(bands):
    clf, X = bands
    with pytest.raises(ValueError, match="made with radius= or tol="):
        top_k_radii(clf.certify(X, n=100, radius=0.1), 2)
    certificate = clf.certify(X, n=100)
    with pytest.raises(ValueError, match="number of classes, 5; got 6"):
        top_k_radii(certificate, 6)
    with pytest.raises(ValueError, match=r"k must be an int, a number of classes; got 2\.0"):
        top_k_radii(certificate, 2.0)
    tree = SmoothedClassifier(DecisionTreeClassifier(), sigma=0.5).fit(X, X[:, 0] > 0)
    with pytest.raises(ValueError, match="has no votes"):
        top_k_radii(tree.certify(X), 1)
    without = dataclasses.replace(certificate, counts=np.zeros((len(X), 0), dtype=np.int64))
    with pytest.raises(ValueError, match="has no votes, as it comes from a log"):
        top_k_radii(without, 2)
    assert (top_k_radii(certificate, 2, np.full(len(X), 9)) == 0).all()
