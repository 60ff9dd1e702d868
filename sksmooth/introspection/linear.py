"""Linear classifiers as scores, of which the largest wins."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    PassiveAggressiveClassifier,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neighbors import NearestCentroid
from sklearn.svm import SVC, LinearSVC, NuSVC

__all__ = ["LINEAR_MODELS", "LinearScores", "linear_scores"]

LINEAR_MODELS = (
    LinearDiscriminantAnalysis,
    LinearSVC,
    LogisticRegression,
    LogisticRegressionCV,
    PassiveAggressiveClassifier,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)


class LinearScores(NamedTuple):
    """Linear functions, one for each class, and what bounds the rounding of the model's own sums.

    Attributes
    ----------
    weights : ndarray of shape (n_classes, n_inputs)
    offsets : ndarray of shape (n_classes,)
    cancelled : ndarray of shape (n_classes, n_inputs)
        By how much the absolute values of the terms that make up a weight exceed the weight's.
    squares : ndarray of shape (n_inputs,)
        The model adds these times the squares of inputs to all scores.
    terms : int
        Sums that it makes have so many terms besides one for each input.
    """

    weights: NDArray[np.float64]
    offsets: NDArray[np.float64]
    cancelled: NDArray[np.float64]
    squares: NDArray[np.float64]
    terms: int = 0

    @classmethod
    def of(cls, weights: Any, offsets: Any, **others: Any) -> "LinearScores":
        """Return plain ones; one score for two classes is the second's, against 0."""
        weights = np.atleast_2d(np.asarray(weights, np.float64))
        offsets = np.broadcast_to(np.asarray(offsets, np.float64), len(weights)).copy()
        cancelled = others.pop("cancelled", 0 * weights)
        if len(weights) == 1:
            weights, offsets = np.vstack([0 * weights, weights]), np.append(0.0, offsets)
            cancelled = np.vstack([0 * cancelled, cancelled])
        squares = others.pop("squares", np.zeros(weights.shape[1]))
        return cls(weights, offsets, cancelled, squares, **others)


def linear_scores(model: Any, *, decides: bool = True) -> LinearScores | None:
    """Return a model's scores; None for what is no linear classifier.

    Parameters
    ----------
    model : fitted classifier
    decides : bool
        Whether its ``predict`` is asked; else its decision function, which may be another one.
    """
    kind = type(model)
    if kind in LINEAR_MODELS and isinstance(model.coef_, np.ndarray):
        return LinearScores.of(model.coef_, model.intercept_)
    if kind in (SVC, NuSVC) and len(model.classes_) == 2:
        return _of_machine(model)
    if kind is NearestCentroid and len(model.classes_) == 2:
        return _of_centroids(model, decides)
    if kind is OneVsRestClassifier:
        parts = [linear_scores(part, decides=False) for part in model.estimators_]
        found = [part for part in parts if part is not None and len(part.weights) == 2]
        if len(found) == len(model.classes_) > 2 and not any(part.squares.any() for part in found):
            return LinearScores.of(
                np.stack([part.weights[1] for part in found]),
                np.stack([part.offsets[1] for part in found]),
                cancelled=np.stack([part.cancelled[1] for part in found]),
                terms=max(part.terms for part in found),
            )
    return None


def _of_machine(model: Any) -> LinearScores | None:
    """Return the scores of a support vector machine with a linear kernel, for two classes."""
    if not (isinstance(model.kernel, str) and model.kernel == "linear") or model._sparse:
        return None
    # libsvm's own sign: it speaks for the first class
    duals, vectors = -model._dual_coef_, model.support_vectors_
    weights = duals @ vectors
    cancelled = np.abs(duals) @ np.abs(vectors) - np.abs(weights)
    return LinearScores.of(
        weights, -model._intercept_, cancelled=np.maximum(cancelled, 0.0), terms=len(vectors)
    )


def _of_centroids(model: Any, decides: bool) -> LinearScores | None:
    """Return scores that exceed each other as squared distances from two centroids do."""
    if model.metric != "euclidean":
        return None
    centroids, priors = model.centroids_, model.class_prior_
    squares, logs = np.ones(centroids.shape[1]), np.zeros(len(priors))
    if not (decides and np.isclose(priors, 1 / len(priors)).all()):
        widths = np.where(model.within_class_std_dev_ == 0, 1.0, model.within_class_std_dev_)
        squares, logs = widths**-2.0, 2.0 * np.log(priors)
    scaled = centroids * squares
    return LinearScores.of(2 * scaled, logs - (centroids * scaled).sum(axis=1), squares=squares)
