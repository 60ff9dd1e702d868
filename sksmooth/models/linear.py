"""Linear classifiers as scores, of which the largest wins."""

import dataclasses
from typing import Any

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
from sklearn.svm import LinearSVC

from .affine import affine_map, after

__all__ = ["LINEAR_MODELS", "Scores", "linear_scores"]

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


@dataclasses.dataclass(frozen=True)
class Scores:
    """Linear scores, and how large numbers are where a model computes them.

    Attributes
    ----------
    weights, offsets : ndarray of shape (n_classes, n_features) and (n_classes,)
        In the order of the class codes.
    size, most : float
        For a row x, the terms of no score have absolute values that sum to more than
        ``size * norm(x) + most``.
    roundings : int
        Operations that a number goes through, at most.
    """

    weights: NDArray[np.float64]
    offsets: NDArray[np.float64]
    size: float
    most: float
    roundings: int

    @classmethod
    def of(cls, estimator: Any, answers: NDArray[Any], n_features: int) -> "Scores | None":
        """Return the scores of a linear model behind affine steps; None if it is something else."""
        affine, model = affine_map(estimator, n_features)
        found = linear_scores(model)
        if found is None or affine is None:
            return None
        weights, offsets = found
        # equal scores are for the first class: codes must be in the model's order
        if len(weights) != len(answers) or not np.array_equal(answers, model.classes_):
            return None
        if weights.shape[1] != len(affine.shift):  # `predict` will say so
            return None
        sums = np.abs(weights) @ affine.most + np.abs(offsets)
        return cls(
            weights=after(weights, affine.matrix),
            offsets=offsets + weights @ affine.shift,
            size=float(np.linalg.norm(after(np.abs(weights), affine.sizes), axis=1).max()),
            most=float(sums.max()),
            roundings=affine.roundings + weights.shape[1] + 8,
        )


def linear_scores(model: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return weights and offsets, a line for each class; None for what is no linear classifier."""
    if type(model) not in LINEAR_MODELS or "predict" in vars(model):
        return None
    if not isinstance(model.coef_, np.ndarray):
        return None
    weights = np.atleast_2d(model.coef_.astype(np.float64))
    offsets = np.broadcast_to(np.asarray(model.intercept_, np.float64), len(weights)).copy()
    if len(weights) == 1:  # one score for two classes: the second's, against 0
        weights, offsets = np.vstack([0 * weights, weights]), np.append(0.0, offsets)
    return weights, offsets
