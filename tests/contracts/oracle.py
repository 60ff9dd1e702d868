"""What the base answers, asked as a whole, past all of the library's fast paths."""

import copy
import unittest.mock
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import joblib
import numpy as np
from scipy import stats

__all__ = ["WORKERS", "Asked", "asked", "contradiction", "counts", "quiet", "with_workers"]

WORKERS = ("one", "threads", "processes")
_LEVEL = 1e-6  # of each of some thousand tests


class Asked:
    """Any fitted model, of no type that anybody knows, with nothing but its predict."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(self, X: Any) -> Any:
        return self._model.predict(X)


def asked(clf: Any) -> Any:
    """Return the same smoother, with the same seed, around a base that can only be asked."""
    twin = copy.copy(clf)
    twin.estimator_ = Asked(clf.estimator_)
    return twin.set_params(shortcuts=None, method="montecarlo", n_jobs=None)


def counts(clf: Any, X: Any, n: int) -> np.ndarray:
    """Return votes; few rows stop early at this alpha."""
    return clf.certify(X, n=n, n0=10, alpha=0.3).counts


@contextmanager
def with_workers(clf: Any, workers: str) -> Iterator[Any]:
    """Give a copy of a smoother two workers of a kind, for however little work there is."""
    twin = copy.copy(clf).set_params(n_jobs=None if workers == "one" else 2)
    with ExitStack() as stack:
        stack.enter_context(unittest.mock.patch("sksmooth.sampling.count._DRAWS_PER_TASK", 1))
        if workers != "one":
            backend = {"threads": "threading", "processes": "loky"}[workers]
            stack.enter_context(joblib.parallel_config(backend=backend))
        yield twin


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out what models say about small tables; what is counted is not what is said."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def contradiction(
    certificate: Any, clf: Any, frame: Any, X: np.ndarray, n: int, drawn: Any = None
) -> str:
    """Say how plain noise of numpy's contradicts a computed certificate; nothing if it does not.

    `frame` makes of an array the rows that the base was fitted on. The noise is drawn here, and the
    base asked as a whole, so that nothing of the library is used. Other noise than the Gaussian is
    drawn by ``drawn(rng, row, n)``.
    """
    rng = np.random.default_rng(20)
    for i, row in enumerate(np.asarray(X)):
        if drawn is None:
            noisy = row + np.asarray(clf.sigma) * rng.standard_normal((n, row.size))
        else:
            noisy = drawn(rng, row, n)
        labels = np.asarray(clf.estimator_.predict(frame(noisy.astype(row.dtype)))).ravel()
        votes = np.array([np.sum(labels == label) for label in clf.classes_])
        selected = clf.classes_.tolist().index(certificate.selected[i])
        most = stats.beta.isf(_LEVEL, votes[selected] + 1, n - votes[selected])
        if votes[selected] < n and certificate.p_lower[i] > most:
            return f"row {i}: p_lower {certificate.p_lower[i]:.5f}, true at most {most:.5f}"
        others = np.delete(votes, selected)
        if len(others) == 0:
            continue
        least = stats.beta.ppf(_LEVEL, others.max(), n - others.max() + 1) if others.max() else 0.0
        if certificate.p_upper[i] < least:
            return f"row {i}: p_upper {certificate.p_upper[i]:.5f}, true at least {least:.5f}"
        if not certificate.abstained[i] and least > most:
            return f"row {i}: label {certificate.labels[i]!r}, votes {votes.tolist()}"
    return ""
