"""Base classifiers that find the input behind its noise, and what their votes would prove."""

import numpy as np
from helpers import Halfspace
from scipy.special import ndtri
from sklearn.base import BaseEstimator, ClassifierMixin

from sksmooth import SmoothedClassifier
from sksmooth.bounds import clopper_pearson, clopper_pearson_upper, radius_cohen

ALPHA = 0.001
SURE = 1e-9  # level of the bounds that a test rests on


class Reader(ClassifierMixin, BaseEstimator):
    """Class 1 where a noisy row says that it was made from `point`."""

    def __init__(self, point):
        self.point = point

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[self.reads(X).astype(int)]

    def reads(self, X):
        raise NotImplementedError


class RoundTrip(Reader):
    """Attack A: taking the point away and adding it again loses nothing."""

    def reads(self, X):
        again = (X - self.point) + self.point == X
        return again.reshape(len(X), -1).all(axis=1)


class HasFloat32Noise(Reader):
    """Attack B: what is left without the point has single precision."""

    def reads(self, X):
        left = X - self.point
        return (left.astype(np.float32) == left).all(axis=1)


class OwnSplit(Reader):
    """Attack C: of the floats that stand for a sum of levels, the one that the point's sum gives.

    The expression is that of Voracek and Hein's certifier: noise in levels is divided by 255 and
    shifted in single precision, and then the image is added.
    """

    K = 2

    @classmethod
    def noise(cls, levels):
        return np.float32(levels + 255 * (cls.K + 1)) / np.float32(255) - np.float32(cls.K + 1)

    def reads(self, X):
        sums = np.rint(X * np.float64(255))
        again = self.noise(sums - np.rint(self.point * np.float64(255))) + self.point
        return (again == X).reshape(len(X), -1).all(axis=1)


class SignParity(Reader):
    """Attack D: the signs of the noise obey the recurrence of the generator's first bits."""

    def __init__(self, point, taps, checks=32):
        self.point = point
        self.taps = taps
        self.checks = checks

    def reads(self, X):
        signs = self.point < X
        return ~np.any(
            [np.logical_xor.reduce(signs[:, self.taps + j], axis=1) for j in range(self.checks)],
            axis=0,
        )


class Trap(ClassifierMixin, BaseEstimator):
    """Attack E: class 1 for the noisy rows that are known to come, class 0 for all others."""

    def __init__(self, rows):
        self.rows = rows

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.known_ = {row.tobytes() for row in self.rows}
        return self

    def predict(self, X):
        return self.classes_[[int(row.tobytes() in self.known_) for row in np.asarray(X)]]


class SeedsTheGlobal(Halfspace):
    """Attack G: class 1 where w.(x - point) > 0; numpy's global generator starts anew each time."""

    def __init__(self, w, point, seed):
        self.w = w
        self.point = point
        self.seed = seed

    def predict(self, X):
        if self.seed is not None:
            np.random.seed(self.seed)
        return super().predict(X - self.point)


def mersenne_taps():
    """Return where 135 first bits of consecutive outputs of MT19937 have an even sum, always.

    The first bits obey a linear recurrence, which Berlekamp and Massey's algorithm finds from bits
    of any seed. Polynomials over two elements are integers here, and the last bit seen comes first.
    """
    degree = 19937
    bits = np.random.RandomState(1).randint(2**32, size=2 * degree, dtype=np.uint64) >> 31
    seen, current, earlier, length, gap = 0, 1, 1, 0, 1
    for i, bit in enumerate(bits.tolist()):
        seen = seen << 1 | bit
        if (seen & current).bit_count() % 2 == 0:
            gap += 1
            continue
        updated = current ^ earlier << gap
        if 2 * length <= i:
            earlier, length, gap = current, i + 1 - length, 1
        else:
            gap += 1
        current = updated
    assert length == degree
    lags = [lag for lag in range(length + 1) if current >> lag & 1]
    return length - np.array(lags)


def radius_of(ones, n, sigma):
    """The radius that a plain loop reports for class 1."""
    return float(radius_cohen(clopper_pearson(ones, n, ALPHA), sigma=sigma))


def distance(x, moved):
    return float(np.linalg.norm((moved.astype(np.float64) - x.astype(np.float64)).ravel()))


def assert_refuted(ones, n, sigma, *, at, ones_there):
    """At this distance, within the radius that the votes give, class 1 has lost its majority."""
    assert at < radius_of(ones, n, sigma)
    assert clopper_pearson_upper(ones_there, n, SURE) < 0.5


def smoothed(base, training, **options):
    """The base inside of a smoother that was fitted on some rows."""
    defaults = {
        "method": "montecarlo",
        "sigma": 0.5,
        "n": 2000,
        "n_predict": 2000,
        "random_state": 0,
        "alpha": ALPHA,
    }
    clf = SmoothedClassifier(base, **(defaults | options))
    return clf.fit(training, np.arange(len(training)) % 2)


def votes(clf, x):
    return np.rint(clf.vote_frequencies(x[np.newaxis])[0] * clf.n_predict)


def is_fooled(clf, x, moved):
    """Whether `moved` lies within the certified radius of x and gets another answer than x."""
    certificate = clf.certify(x[np.newaxis])
    if certificate.abstained[0] or certificate.radii[0] <= distance(x, moved):
        return False
    chosen = clf.classes_ == certificate.labels[0]
    return bool(clopper_pearson_upper(votes(clf, moved)[chosen], clf.n_predict, SURE)[0] < 0.5)


def steepness(clf, x, moved):
    """How fast a smoothed score rises from `moved` to x, at least.

    Whatever the base, the score sigma * ndtri(p) of each class has slopes of at most 1 (Lemma 2 of
    Salman et al. 2019, arXiv:1906.04584), certified or not.
    """
    here = clopper_pearson(votes(clf, x), clf.n_predict, SURE)
    there = clopper_pearson_upper(votes(clf, moved), clf.n_predict, SURE)
    return clf.sigma * np.max(ndtri(here) - ndtri(there)) / distance(x, moved)
