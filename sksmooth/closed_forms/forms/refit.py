r"""Leaves of a tree that answer what most noise around the training rows says.

A tree that is fitted on noisy copies of its training rows gives each leaf the classes of the copies
that fall into it. Of infinitely many copies, the share of class c in leaf l is

.. math:: \frac{\sum_i w_i \, 1[y_i = c] \, P(x_i + \varepsilon \in l)}
   {\sum_i w_i \, P(x_i + \varepsilon \in l)}

and that is computed, for the leaves that the tree has.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier
from sklearn.utils.class_weight import compute_sample_weight

from ...introspection import AffineMap, Columns, layers, split
from ..inputs import Spread
from ..readers import read
from .intervals import LeafBoxes

__all__ = ["refit_leaves"]

_VALUES = 2**20  # of an array, at most: 8 MB


def refit_leaves(
    estimator: Any,
    X: NDArray[np.floating],
    y: NDArray[Any],
    sigma: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
) -> Any:
    """Give the leaves of a fitted tree the classes of the noise that falls into them, in place.

    Its splits stay. Leaves that no noise gets to keep their classes.

    Parameters
    ----------
    estimator : DecisionTreeClassifier, ExtraTreeClassifier or Pipeline
        Fitted; a Pipeline is one of affine steps and such a tree.
    X : ndarray of shape (n_samples, n_features)
        Training rows, without noise.
    y : ndarray of shape (n_samples,)
        Their classes, among those that the tree was fitted on.
    sigma : float or array-like of shape (n_features,)
        Standard deviations of the noise on the rows; 0 where there is none.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows. They are multiplied by the tree's ``class_weight``.

    Returns
    -------
    estimator : object
        The same one. ``predict``, ``predict_proba`` and copies of the fitted model follow the new
        leaves; impurities and counts in ``tree_`` are those of the fit.

    Raises
    ------
    ValueError
        If it is not such a model, if the noise on the tree's inputs is correlated, or for labels
        that the tree does not know.
    """
    X = np.asarray(X)
    steps, model = split(estimator)
    if type(model) not in (DecisionTreeClassifier, ExtraTreeClassifier) or model.n_outputs_ != 1:
        raise ValueError(f"Leaves are those of a single tree, not of {type(model).__name__}.")
    if model.monotonic_cst is not None:
        raise ValueError("The tree's answers are to be monotonic; those of new leaves need not be.")
    if any(isinstance(layer, FrozenEstimator) for layer in layers(estimator)):
        raise ValueError("A frozen tree is not changed.")
    affine = AffineMap.of(steps, Columns.plain(X.shape[1]))
    if affine is None:
        raise ValueError("A step of the Pipeline is not known to be affine.")
    spread = Spread.of(affine, np.broadcast_to(np.asarray(sigma, dtype=np.float64), X.shape[1:]))
    if not spread.independent:
        raise ValueError("The noise on the tree's inputs is correlated.")
    y = np.asarray(y)
    if not np.all(np.isin(y, model.classes_)):
        raise ValueError("y has labels that the tree was not fitted on.")
    weights = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    if model.class_weight is not None:
        weights = weights * compute_sample_weight(model.class_weight, y)
    shares = weights[:, None] * (y[:, None] == model.classes_)
    boxes = LeafBoxes(read(model))
    found = np.zeros((shares.shape[1], len(boxes)))
    size = int(np.clip(_VALUES // len(boxes), 8, 1024))
    for start in range(0, len(X), size):
        part = slice(start, start + size)
        low, high = boxes.mass_bounds(spread.around(X[part]))
        found += shares[part].T @ (0.5 * (low + high))
    total = found.sum(axis=0)
    reached = total > 1e-280 * weights.sum()  # more than what outward rounding alone makes
    new = found[:, reached] / total[reached]
    model.tree_.value[boxes.nodes[reached], 0, :] = new.T
    return estimator
