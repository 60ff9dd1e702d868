"""Linear classifiers as scores, of which the largest wins."""

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

__all__ = ["LINEAR_MODELS", "linear_scores"]

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


def linear_scores(model: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return weights and offsets, a line for each class; None for what is no linear classifier."""
    if type(model) not in LINEAR_MODELS:
        return None
    if not isinstance(model.coef_, np.ndarray):
        return None
    weights = np.atleast_2d(model.coef_.astype(np.float64))
    offsets = np.broadcast_to(np.asarray(model.intercept_, np.float64), len(weights)).copy()
    if len(weights) == 1:  # one score for two classes: the second's, against 0
        weights, offsets = np.vstack([0 * weights, weights]), np.append(0.0, offsets)
    return weights, offsets
