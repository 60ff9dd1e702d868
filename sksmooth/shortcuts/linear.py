r"""Linear models: noise is drawn on the scores, of which there are fewer than features.

A linear classifier takes the largest of :math:`w_c^T x + b_c`. What it answers depends on x only
through :math:`t = P x`, where the rows of P are an orthonormal basis of the span of the differences
of the :math:`w_c`: at most one fewer than there are classes. If :math:`\varepsilon` is
:math:`N(0, \sigma^2 I)`, so is :math:`P \varepsilon`. So noise with the same sigma around t, in
fewer dimensions, gives votes of the same distribution.

It is the classifier of real arithmetic whose votes are found. Real noise so near to a tie of two
scores that rounding may have decided, here or in the model's own arithmetic, has a probability that
is bounded, row by row, and charged.
"""

import numpy as np
from numpy.typing import NDArray

from ..backends import Backend
from ..models import Scores
from ..noise import ExactGaussian, Gaussian
from .problem import Problem

__all__ = ["LinearBackend", "in_score_space", "tie_probability"]

_UNIT = 2.0**-53
_REACH = 40.0  # standard deviations; the probability of more is below 1e-300
_MOST_CLASSES = 100  # beyond, the pairs of classes cost more than they save
_NOMINAL = 1e-6  # a model whose ties weigh more than this on rows of a common size is left alone


class LinearBackend(Backend):
    """The class with the largest of some linear functions.

    Parameters
    ----------
    weights : ndarray of shape (n_classes, n_features)
        In the order of the class codes.
    offsets : ndarray of shape (n_classes,)
        What is added to them.
    """

    pure = True

    def __init__(self, weights: NDArray[np.float64], offsets: NDArray[np.float64]) -> None:
        self.weights, self.offsets = weights, offsets
        self.n_classes = len(weights)

    def batch_rows(self, row: NDArray[np.floating]) -> int:
        """Batch length that keeps the scores in the nearer caches."""
        return 4096

    def classify(self, batch: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the class code of each row of `batch`; the first of equal ones."""
        scores = self.weights @ batch.T
        scores += self.offsets[:, None]
        best = scores[0]
        votes = np.zeros(len(batch), dtype=np.int64)
        for code, score in enumerate(scores[1:], start=1):
            np.copyto(votes, code, where=score > best)
            np.maximum(best, score, out=best)
        return votes


@np.errstate(over="ignore", invalid="ignore")  # what is not finite is left to `predict`
def in_score_space(problem: Problem) -> Problem | None:
    """Return the problem in the space of a linear model's scores."""
    noise = problem.noise
    if not isinstance(noise, Gaussian) or problem.X.dtype != np.float64 or problem.X.ndim != 2:
        return None
    try:
        scores = Scores.of(problem.estimator, problem.answers, problem.X.shape[1])
    except (AttributeError, TypeError, ValueError):  # not as its type promises: `predict` says how
        return None
    if scores is None or len(scores.weights) > _MOST_CLASSES or not len(problem.X):
        return None
    if not (np.isfinite(scores.size) and np.isfinite(scores.most)):
        return None
    centred = scores.weights - scores.weights.mean(axis=0)
    basis = _orthonormal(centred)
    if not len(basis):
        return None
    inner = _times(centred, basis)
    small_noise = (
        ExactGaussian(noise.sigma, len(basis), bits=32) if noise.sound else Gaussian(noise.sigma)
    )

    def ties(norms: NDArray[np.float64]) -> NDArray[np.float64]:
        return tie_probability(scores, basis, inner, norms, small_noise)

    usual = np.array([10.0 * noise.sigma * np.sqrt(centred.shape[1])])
    if not ties(usual)[0] <= _NOMINAL:
        return None
    backend = LinearBackend(inner, scores.offsets)
    sample = problem.sample()
    votes = backend.classify(_times(sample, basis))
    if not np.array_equal(votes, problem.backend.classify(sample)):
        return None
    rows = np.ascontiguousarray(problem.X)  # the order of a sum depends on strides
    return problem.then(
        "linear",
        estimator=None,
        backend=backend,
        X=_times(rows, basis),
        noise=small_noise,
        tv_error=small_noise.tv_error + ties(np.sqrt((rows * rows).sum(axis=1))),
    )


def _orthonormal(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an orthonormal basis of the rows' span, by Gram and Schmidt.

    Not LAPACK's, in which signs and order are a matter of the build: then the same seed would give
    other votes elsewhere.
    """
    least = 1e-10 * np.linalg.norm(rows, axis=1).max()
    basis = np.empty((0, rows.shape[1]))
    for row in rows:
        for _ in range(2):  # the second time removes what rounding has left
            row = row - (_times(row[None], basis) * basis.T).sum(axis=1)
        length = np.sqrt(np.sum(row**2))
        if length > least:
            basis = np.vstack([basis, row / length])
    return basis


def _times(rows: NDArray[np.floating], basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ``rows @ basis.T``, each row's product not depending on the others, as in BLAS."""
    rows = np.ascontiguousarray(rows)  # the order of a sum depends on strides
    products = [(rows * direction).sum(axis=1) for direction in basis]
    return np.stack(products, axis=1) if products else np.empty((len(rows), 0))


def tie_probability(
    scores: Scores,
    basis: NDArray[np.float64],
    inner: NDArray[np.float64],
    norms: NDArray[np.float64],
    noise: Gaussian,
) -> NDArray[np.float64]:
    r"""Probability, at most, that rounding decides between two classes.

    The difference of two scores is normal with standard deviation
    :math:`s = \sigma \|w_i - w_j\|`, so that it lies within :math:`\eta` of 0 with a probability
    of at most :math:`2 \eta / (\sqrt{2 \pi} s)`, wherever the row is. That is summed over the
    partners j of the class i with the largest sum. :math:`\eta` bounds, for noise of up to 40 sigma
    a coordinate, all errors of the model's own sums, of the sums here, of the rounding to the grid,
    and of basis and weights, whose deviations are measured.

    Parameters
    ----------
    scores : Scores
        The model.
    basis : ndarray of shape (rank, n_features)
        Orthonormal up to rounding.
    inner : ndarray of shape (n_classes, rank)
        Weights in the basis.
    norms : ndarray of shape (n_rows,)
        Lengths of the rows.
    noise : Gaussian
        In the basis.

    Returns
    -------
    probability : ndarray of shape (n_rows,)
        At most 1.
    """
    weights, size = scores.weights, scores.size
    rank, n_features = basis.shape
    # relative error of any sum of products here or in the model
    terms = _UNIT * (scores.roundings + n_features)
    reach = norms + noise.sigma * (_REACH + np.sqrt(n_features)) * np.sqrt(rank)
    residual = np.linalg.norm(weights - weights.mean(axis=0) - inner @ basis, axis=1).max()
    skew = np.linalg.norm(basis @ basis.T - np.eye(rank)) + terms
    step = float(noise.step) if isinstance(noise, ExactGaussian) else noise.sigma * 2.0**-48
    # of two scores: the model's sums, the folding of its steps, projection, scores in the basis
    eta = 2 * terms * (3 + np.sqrt(rank)) * (size * reach + scores.most)
    eta += 2 * (residual + terms * size) * reach  # what the basis does not span
    eta += 2 * size * skew * reach  # noise in the basis is not quite uncorrelated
    eta += 2 * size * step * np.sqrt(rank)  # rounding to the grid
    apart = np.linalg.norm(weights[:, None] - weights, axis=2) - 2 * terms * size
    with np.errstate(divide="ignore"):
        per_eta = 2.0 / (np.sqrt(2 * np.pi) * noise.sigma * np.maximum(apart, 0.0))
    np.fill_diagonal(per_eta, 0.0)
    return np.minimum(eta * per_eta.sum(axis=1).max(), 1.0)
