"""Models and data that several test files use."""

import dataclasses
import io

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Halfspace(ClassifierMixin, BaseEstimator):
    """Class 1 where w.x > 0, whatever it is fitted on: the smoothed classifier is known."""

    def __init__(self, w=(1.0, 0.0)):
        self.w = w

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[(np.asarray(X) @ np.asarray(self.w) > 0).astype(int)]


class Slab(ClassifierMixin, BaseEstimator):
    """Class 0 where |x_0| < half_width, class 1 elsewhere."""

    def __init__(self, half_width=1.0):
        self.half_width = half_width

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return self.classes_[(np.abs(np.asarray(X)[:, 0]) >= self.half_width).astype(int)]


class Recorder(Halfspace):
    """Keeps the batches that it was asked about."""

    def fit(self, X, y):
        self.batches_ = []
        self.X_, self.y_ = np.array(X), np.array(y)
        return super().fit(X, y)

    def predict(self, X):
        self.batches_.append(np.array(X))
        return super().predict(X)


class Terminal(io.StringIO):
    """A file that takes itself for a terminal."""

    def isatty(self):
        return True


def blobs(n=60, d=2, k=2, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % k
    X = rng.normal(size=(n, d))
    X[:, 0] += 4.0 * y
    return X, y


def with_run(certificate, **changes):
    """The certificate, as of a run with other settings."""
    run = dataclasses.replace(certificate.run, **changes)
    return dataclasses.replace(certificate, run=run)


def assert_same_certificate(one, other):
    """All that certificates say is equal, to the last bit."""
    for field in dataclasses.fields(one):
        these, those = getattr(one, field.name), getattr(other, field.name)
        if isinstance(these, np.ndarray):
            assert these.dtype.kind == those.dtype.kind, field.name
            assert np.array_equal(these, those, equal_nan=these.dtype.kind == "f"), field.name
        else:
            assert these == those, field.name
