"""Who is timed. Each function returns a callable that works once and tells how many draws it did.

All of them do the draws of CERTIFY, n0 + n a row; the limit classifies as many rows, without noise.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from sksmooth.backends import Source
from sksmooth.estimators.smoother import smoother_of
from sksmooth.noise.streams import Purpose, block_rows, row_key

from .cases import SIGMA, Case

__all__ = ["N0", "Work", "art", "art_on_sklearn", "certify", "limit", "noise", "paper_loop"]

N0 = 100
_PREPARED_VALUES = 2**22  # enough noisy rows that they do not all stay in the nearest cache
Work = Callable[[], int]


def limit(case: Case, batch_size: int, share: float = 1.0) -> Work:
    """Return the base alone, on batches that are noisy already; `share` of certify's draws."""
    rng = np.random.default_rng(0)
    n_batches = max(1, _PREPARED_VALUES // (batch_size * case.X[0].size))
    batches: list[Any] = []
    for i in range(n_batches):
        row = case.X[i % len(case.X)]
        noise = rng.standard_normal((batch_size, *row.shape), dtype=row.dtype.type)
        batches.append(row + np.float32(SIGMA) * noise)
    if case.module is not None:
        batches = [torch.from_numpy(batch) for batch in batches]
    answer = _answer(case)
    rounds = math.ceil(share * len(case.X) * (N0 + case.n) / batch_size)

    def work() -> int:
        with torch.inference_mode():
            for i in range(rounds):
                answer(batches[i % n_batches])
        return rounds * batch_size

    return work


def certify(case: Case) -> Work:
    """Return `SmoothedClassifier.certify` with its defaults."""

    def work() -> int:
        case.clf.certify(case.X, n=case.n, n0=N0)
        return len(case.X) * (N0 + case.n)

    return work


def noise(case: Case) -> Work:
    """Return the making of certify's noisy rows, in batches of a block, and nothing else."""
    sampler = smoother_of(case.clf).sampler(case.X[:1])
    source, key = Source(sampler.noise, sampler.stream), row_key(bytes(16), case.X[0])
    size = block_rows(case.X[0].size)
    out = source.empty(size, case.X[:1])
    source.prepare(case.X[0])
    blocks = math.ceil(len(case.X) * (N0 + case.n) / size)

    def work() -> int:
        for block in range(blocks):
            source.fill(key, block, Purpose.ESTIMATE, out)
        return blocks * size

    return work


def paper_loop(case: Case, batch_size: int) -> Work:
    """Return the pseudocode of arXiv:1902.02918, Section 3.2, written plainly: a row at a time."""
    answer, is_net = _answer(case), case.module is not None
    rng = np.random.default_rng(0)
    n_classes = len(case.clf.classes_)

    def sample_under_noise(x: Any, num: int) -> np.ndarray:
        counts = np.zeros(n_classes, dtype=int)
        while num > 0:
            size = min(batch_size, num)
            num -= size
            if is_net:
                batch = x.repeat((size, *[1] * x.ndim))
                noise = torch.randn_like(batch) * SIGMA
                predictions = answer(batch + noise).numpy()
            else:
                batch = np.repeat(x[None], size, axis=0)
                predictions = answer(batch + rng.standard_normal(batch.shape) * SIGMA)
            for prediction in predictions:
                counts[prediction] += 1
        return counts

    def work() -> int:
        with torch.no_grad():
            for x in torch.from_numpy(case.X) if is_net else case.X:
                sample_under_noise(x, N0)
                sample_under_noise(x, case.n)
        return len(case.X) * (N0 + case.n)

    return work


def art(case: Case, batch_size: int, max_n: int = 10_000) -> Work | None:
    """Return the randomized smoothing of the Adversarial Robustness Toolbox; None if not installed.

    It holds all n noisy copies of a row, so that n is kept small; and it gets the base's best batch
    size (its default is 32).
    """
    try:
        from art.estimators.certification.randomized_smoothing import PyTorchRandomizedSmoothing
    except ImportError:
        return None
    smoother = PyTorchRandomizedSmoothing(
        model=case.module,
        loss=torch.nn.CrossEntropyLoss(),
        input_shape=case.X.shape[1:],
        nb_classes=len(case.clf.classes_),
        device_type="cpu",
        sample_size=N0,
        scale=SIGMA,
    )
    n = min(case.n, max_n)

    def work() -> int:
        smoother.certify(case.X, n=n, batch_size=batch_size)
        return len(case.X) * (N0 + n)

    return work


def art_on_sklearn(case: Case) -> str:
    """Return what the toolbox says to a scikit-learn base."""
    try:
        from art.estimators.certification.randomized_smoothing import NumpyRandomizedSmoothing
        from art.estimators.classification import SklearnClassifier
    except ImportError:
        return "not installed"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wrapped = SklearnClassifier(model=case.clf.estimator_)
            smoother = NumpyRandomizedSmoothing(wrapped, sample_size=N0, scale=SIGMA)
            smoother.certify(case.X[:1], n=N0)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return "runs"


def _answer(case: Case) -> Callable[[Any], Any]:
    """Return the base as a function from a batch to class numbers, with nothing around it."""
    if case.module is None:
        return case.clf.estimator_.predict
    module = case.module
    return lambda batch: module(batch).argmax(1)
