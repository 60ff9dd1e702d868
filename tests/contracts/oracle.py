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

__all__ = [
    *("WORKERS", "Asked", "AskedForScores", "asked", "contradiction", "contradiction_of_numbers"),
    *("contradiction_of_sets", "counts", "quiet", "with_workers"),
]

WORKERS = ("one", "threads", "processes")
_LEVEL = 1e-6  # of each of some thousand tests


class Asked:
    """Any fitted model, of no type that anybody knows, with nothing but its predict."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def predict(self, X: Any) -> Any:
        return self._model.predict(X)


class AskedForScores(Asked):
    """The same, with the scores that it has."""

    def __getattr__(self, name: str) -> Any:
        if name in ("predict_proba", "decision_function"):
            return getattr(self._model, name)
        raise AttributeError(name)


def asked(clf: Any) -> Any:
    """Return the same smoother, with the same seed, around a base that can only be asked."""
    twin = copy.copy(clf)
    if hasattr(clf, "conformalize"):
        twin.estimator_ = copy.copy(clf.estimator_)
        twin.estimator_.estimator_ = AskedForScores(clf.estimator_.estimator_)
        return twin.set_params(n_jobs=None)
    twin.estimator_ = Asked(clf.estimator_)
    plain = {"shortcuts": None, "method": "montecarlo", "n_jobs": None}
    return twin.set_params(**{name: plain[name] for name in plain if hasattr(clf, name)})


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


def _outputs(base: Any, frame: Any, row: np.ndarray, sigma: float, n: int) -> tuple[Any, Any]:
    """Return plain noise, and what a base answers to a row with it."""
    noise = np.random.default_rng(21).standard_normal((n, row.size))
    noisy = (row + sigma * noise).astype(row.dtype)
    return noise, np.asarray(base.predict(frame(noisy))).ravel()


def _share(hits: np.ndarray) -> tuple[float, float]:
    """Return bounds on the probability of an event."""
    k, n = int(np.sum(hits)), hits.size
    low = stats.beta.ppf(_LEVEL, k, n - k + 1) if k else 0.0
    return float(low), float(stats.beta.isf(_LEVEL, k + 1, n - k) if k < n else 1.0)


def _rounding(outputs: np.ndarray) -> float:
    return 1e-6 * float(np.std(outputs)) + 1e-9 * float(np.abs(outputs).max())


def _not_the_quantile(outputs: np.ndarray, q: float, value: float) -> str:
    """Say how outputs contradict a computed quantile, which a sum of steps has on a grid."""
    room = 5e-3 * float(np.std(outputs)) + _rounding(outputs)
    most, least = _share(outputs <= value + room)[1], _share(outputs < value - room)[0]
    return "" if least <= q <= most else f"{value:.5g} is no quantile of level {q}"


def _leaves(
    base: Any, frame: Any, row: np.ndarray, sigma: float, n: int, radius: float, ends: Any
) -> str:
    """Say whether the median leaves an interval where the row moves by less than a radius.

    It moves where outputs rise and fall most: that is where they and the noise vary together.
    """
    noise, outputs = _outputs(base, frame, row, sigma, n)
    slope = noise.T @ (outputs - outputs.mean())
    step = 0.999 * radius * slope / max(float(np.linalg.norm(slope)), 1e-300)
    for moved in (row + step, row - step):
        there = _outputs(base, frame, moved.astype(row.dtype), sigma, n)[1]
        room = _rounding(there)
        for out in (there < ends[0] - room, there > ends[1] + room):
            if _share(out)[0] > 0.5:
                return f"a median within {radius:.4g} is outside of {ends[0]:.5g} to {ends[1]:.5g}"
    return ""


def contradiction_of_numbers(reg: Any, frame: Any, X: np.ndarray, n: int) -> str:
    """Say how plain noise contradicts what is computed of a smoothed regressor; else nothing."""
    levels, radius = [0.1, 0.5, 0.9], 0.3
    base, sigma = reg.estimator_, float(reg.sigma)
    quantiles = reg.output_quantiles(frame(X), levels)
    lower, upper = reg.certify_interval(frame(X), radius)
    within = 0.5 * float(np.ptp(quantiles))
    predictions, radii = reg.certify(frame(X), within=within)
    for i, row in enumerate(X):
        outputs = _outputs(base, frame, row, sigma, n)[1]
        for q, value in zip(levels, quantiles[i], strict=True):
            if found := _not_the_quantile(outputs, q, value):
                return f"row {i}: {found}"
        ends = (predictions[i] - within, predictions[i] + within)
        for distance, kept in ((radius, (lower[i], upper[i])), (min(radii[i], 10.0), ends)):
            if found := _leaves(base, frame, row, sigma, n, distance, kept):
                return f"row {i}: {found}"
    return ""


def contradiction_of_sets(model: Any, frame: Any, X: np.ndarray, y: np.ndarray, n: int) -> str:
    """Say how plain noise contradicts computed sets or intervals; nothing if it does not.

    The first row is the only one of calibration, so that the threshold is its score.
    """
    model = copy.copy(model).set_params(confidence_level=0.5)
    model.conformalize(frame(X[:1]), y[:1])
    (threshold,) = model.threshold_
    base, sigma, radius = model.estimator_.estimator_, float(model.sigma), float(model.radius)
    answers = [_outputs(base, frame, row, sigma, n)[1] for row in X]
    if hasattr(model, "predict_interval"):
        predictions, intervals = model.predict_interval(frame(X))
        if not np.isclose(threshold, -abs(y[0] - predictions[0]), rtol=1e-9, atol=1e-12):
            return f"threshold {threshold:.5g}, distance {y[0] - predictions[0]:.5g}"
        ends = intervals[-1, :, 0] - [threshold, -threshold]
        found = [_not_the_quantile(o, 0.5, p) for o, p in zip(answers, predictions, strict=True)]
        return "".join(found) or _leaves(base, frame, X[-1], sigma, n, radius, ends)
    most = stats.norm.ppf(_share(answers[0] == y[0])[1])
    if threshold > most:  # of three classes it may be less
        return f"the score is {threshold:.5g}, and at most {most:.5g}"
    sets = model.predict_set(frame(X))[1][:, :, 0]
    for i, drawn in enumerate(answers):
        for label, inside in zip(model.classes_, sets[i], strict=True):
            reach = stats.norm.ppf(_share(drawn == label)[0]) + radius / sigma
            if not inside and reach > threshold:
                return f"row {i}: {label} is left out: {reach:.5g}, threshold {threshold:.5g}"
    return ""
