"""Certificates against smoothed classifiers whose answers and radii are known exactly."""

import numpy as np
import pytest
from helpers import Halfspace, Slab
from scipy import stats
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from sksmooth import SmoothedClassifier

SIGMA = 0.5


def fitted(base, d=2, **options):
    rows = np.vstack([np.full(d, -9.0), np.full(d, 9.0)])
    defaults = {"sigma": SIGMA, "method": "montecarlo", "random_state": 0}
    return SmoothedClassifier(base, **(defaults | options)).fit(rows, [0, 1])


def halfspace_rows(n, w, reach):
    """Rows at known signed distances from the boundary w.x = 0."""
    rng = np.random.default_rng(0)
    w = np.asarray(w) / np.linalg.norm(w)
    distance = rng.uniform(-reach, reach, n)
    rows = rng.normal(size=(n, len(w)))
    rows += np.outer(distance - rows @ w, w)
    return rows, distance


def assert_rate_at_most(false, total, alpha):
    """Exact binomial test of the claim that each of `total` statements fails with at most alpha."""
    p_value = stats.binomtest(int(false), total, alpha, alternative="greater").pvalue
    assert p_value > 1e-4, f"{false} of {total} false at alpha={alpha}"


@pytest.mark.parametrize("n", [20, 100])
def test_false_certificates_are_rare(n):
    """Propositions 3-5: for a linear base, g = f, and the radius is the distance exactly."""
    w, alpha, total = (0.6, 0.8), 0.05, 20_000
    clf = fitted(Halfspace(w))
    rows, distance = halfspace_rows(total, w, reach=3 * SIGMA)
    certificate = clf.certify(rows, n=n, n0=10, alpha=alpha)
    right = certificate.selected == (distance > 0)
    false = ~certificate.abstained & (~right | (certificate.radii > abs(distance)))
    assert_rate_at_most(false.sum(), total, alpha)
    # the test can fail: the same radii at a tenth of the confidence are false far more often
    careless = clf.certify(rows, n=n, n0=10, alpha=0.5)
    careless_false = ~careless.abstained & (careless.radii > abs(distance))
    assert careless_false.sum() > 2 * total * alpha


def test_false_certificates_next_to_the_boundary():
    """Where p_A is 1/2 up to 1e-12, every certificate for the wrong side is false."""
    total, alpha = 20_000, 0.05
    rng = np.random.default_rng(1)
    rows = np.column_stack([np.full(total, -1e-12), rng.normal(size=total)])
    certificate = fitted(Halfspace()).certify(rows, n=100, n0=1, alpha=alpha)
    assert_rate_at_most((~certificate.abstained).sum(), total, alpha)


def test_wrong_predictions_are_rare():
    total, alpha = 20_000, 0.05
    rows, distance = halfspace_rows(total, (1.0, 0.0), reach=0.2 * SIGMA)
    clf = fitted(Halfspace(), alpha=alpha, n_predict=50)
    predicted = clf.predict(rows)
    wrong = (predicted != -1) & (predicted != (distance > 0))
    assert_rate_at_most(wrong.sum(), total, alpha)
    assert 0.01 < np.mean(predicted == -1) < 0.99


@pytest.mark.parametrize("base", [LogisticRegression(), LinearDiscriminantAnalysis()])
def test_radii_of_fitted_linear_models(base):
    """The distance to the hyperplane bounds every radius, and n = 100,000 reaches 95 % of it."""
    rng = np.random.default_rng(0)
    y = np.arange(400) % 2
    X = rng.normal(size=(400, 3)) + 1.2 * y[:, None]
    clf = SmoothedClassifier(base, sigma=SIGMA, method="montecarlo", random_state=0).fit(X, y)
    margin = clf.estimator_.decision_function(X) / np.linalg.norm(clf.estimator_.coef_)
    rows = np.flatnonzero((abs(margin) > 0.3) & (abs(margin) < 3 * SIGMA))[:40]
    certificate = clf.certify(X[rows], n=100_000, alpha=1e-4)
    assert not certificate.abstained.any()
    assert np.array_equal(certificate.labels, margin[rows] > 0)
    assert np.all(certificate.radii <= abs(margin[rows]))
    assert np.all(certificate.radii >= 0.95 * abs(margin[rows]))


def test_radii_survive_the_worst_perturbation():
    """Moving each row by its radius towards the boundary does not change the base's majority."""
    w = np.array([3.0, -4.0]) / 5
    rows, distance = halfspace_rows(200, w, reach=1.0)
    clf = fitted(Halfspace(w))
    certificate = clf.certify(rows, n=10_000, alpha=1e-6)
    keep = ~certificate.abstained
    moved = rows - (np.sign(distance) * certificate.radii)[:, None] * w
    p_top = stats.norm.cdf(np.sign(distance) * (moved @ w) / SIGMA)
    assert np.all(p_top[keep] >= 0.5)


@pytest.mark.parametrize("tau", [0.1, 0.4, 1.0])
def test_proposition_6(tau):
    """A smoothed classifier that never changes is certified at the radius tau, and no more.

    f is 0 in a slab of half-width t around x = 0 and 1 elsewhere. With this t, P(f = 1) is
    Phi(tau / sigma) at 0, so that Theorem 1 gives tau; and larger everywhere else, so that g is 1
    everywhere. The bound knows only the first.
    """
    t = -SIGMA * stats.norm.ppf(stats.norm.cdf(tau / SIGMA) / 2)
    clf = fitted(Slab(t))
    certificate = clf.certify(np.zeros((1, 2)), n=1_000_000, alpha=1e-6)
    assert certificate.labels.tolist() == [1]
    assert 0.95 * tau - 0.002 < certificate.radii[0] <= tau
    far = np.linspace(-10, 10, 2001)
    votes = stats.norm.cdf((-t - far) / SIGMA) + stats.norm.sf((t - far) / SIGMA)
    assert votes.min() == pytest.approx(stats.norm.cdf(tau / SIGMA))
    rows = np.column_stack([np.linspace(-3, 3, 60), np.zeros(60)])
    assert set(clf.predict(rows)) <= {1, -1}


def test_a_hopeless_row_is_abstained_on():
    """Three classes at 1/3 each: no class has a majority."""

    class Thirds(Halfspace):
        def predict(self, X):
            angle = np.arctan2(X[:, 1], X[:, 0]) + np.pi
            return self.classes_[np.minimum((angle / (2 * np.pi / 3)).astype(int), 2)]

    rows = np.array([[9.0, 0], [-9.0, 5], [-9, -5]])
    clf = SmoothedClassifier(Thirds(), sigma=SIGMA, method="montecarlo", random_state=0).fit(
        rows, [0, 1, 2]
    )
    rng = np.random.default_rng(0)
    certificate = clf.certify(1e-6 * rng.normal(size=(200, 2)), n=1000)
    assert certificate.abstained.all()
    assert (clf.predict(1e-6 * rng.normal(size=(50, 2))) == -1).mean() > 0.9
