"""Bases that leave traces or trouble behind in the workers that they run in.

A module of its own, so that workers that are processes can import it.
"""

import os
import pathlib
import signal
import time
import uuid

import joblib
import numpy as np
from helpers import Halfspace

HERE = os.getpid()  # a worker that is a process imports this anew
TURNED = [False]


class Traced(Halfspace):
    """Notes in a folder where it is pickled, unpickled and asked.

    Each note is an empty file: kind, process, joblib workers of whoever asked, and a unique end.
    """

    def __init__(self, folder=None, w=(1.0, 0.0), delay=0.0):
        super().__init__(w)
        self.folder = folder
        self.delay = delay

    def note(self, kind):
        name = f"{kind}-{os.getpid()}-{joblib.effective_n_jobs(None)}-{uuid.uuid4().hex}"
        (pathlib.Path(self.folder) / name).touch()

    def __getstate__(self):
        self.note("pickled")
        return super().__getstate__()

    def __setstate__(self, state):
        super().__setstate__(state)
        self.note("unpickled")

    def predict(self, X):
        self.note("asked")
        time.sleep(self.delay)
        return super().predict(X)


class Deadly(Traced):
    """Kills the process that asks it, unless it is the one that made it."""

    def fit(self, X, y):
        self.made_in_ = os.getpid()
        return super().fit(X, y)

    def predict(self, X):
        if os.getpid() != self.made_in_:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().predict(X)


class Unloadable(Halfspace):
    """Can be pickled, and not be loaded again."""

    def __setstate__(self, state):
        raise ModuleNotFoundError("No module named 'only_here'")


class ByItsProcess(Halfspace):
    """Answers by things that are no part of it, and that every process has for itself."""

    turned = False

    def predict(self, X):
        turned = (
            "SKSMOOTH_TEST_TURNED" in os.environ
            or pathlib.Path.cwd().name == "turned"
            or np.geterr()["over"] == "raise"
            or TURNED[0]
            or self.turned
        )
        return self.classes_[(np.asarray(X) @ np.asarray(self.w) > 0).astype(int) ^ turned]


class Forgetful(Halfspace):
    """Its copies have lost the weights: all classes have one score, and the first is taken."""

    def __getstate__(self):
        return super().__getstate__() | {"w": (0.0, 0.0)}

    def predict_proba(self, X):
        p = 1 / (1 + np.exp(-(np.asarray(X) @ np.asarray(self.w))))
        return np.column_stack([1 - p, p])

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class LosesMethods(Halfspace):
    """Its copies have no methods that were set on it, as those of CatBoost's models."""

    def __getstate__(self):
        state = super().__getstate__()
        return {name: value for name, value in state.items() if not callable(value)}


class WithLargeArray(Halfspace):
    """Its weights stand in the last column of a large array."""

    def __init__(self, w=(1.0, 0.0), rows=3_000_000):
        super().__init__(w)
        self.rows = rows

    def fit(self, X, y):
        self.table_ = np.tile(np.asarray(self.w, dtype=float)[:, None], (1, self.rows // 2))
        return super().fit(X, y)

    def predict(self, X):
        return self.classes_[(np.asarray(X) @ self.table_[:, -1] > 0).astype(int)]
