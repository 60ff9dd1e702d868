"""Coverage and size of prediction sets and intervals, and scorers for model search."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import _check_sample_weight

from ..estimators.unwrap import ask_inside
from ..labels import check_label_kind
from .scorers import Scorer

__all__ = [
    "ConformalScorer",
    "interval_coverage_score",
    "mean_interval_width_score",
    "mean_set_size_score",
    "neg_mean_interval_width_scorer",
    "neg_mean_set_size_scorer",
    "set_coverage_score",
]

Floats = NDArray[np.float64]


def set_coverage_score(
    y_true: ArrayLike,
    sets: ArrayLike,
    *,
    classes: ArrayLike,
    sample_weight: ArrayLike | None = None,
) -> Any:
    """Share of rows whose prediction set contains the true label.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True labels. Labels that are not among the classes are in no set.
    sets : array-like of shape (n_samples, n_classes) or (n_samples, n_classes, n_levels), bool
        As ``RobustConformalClassifier.predict_set`` returns them.
    classes : array-like of shape (n_classes,)
        Labels of the columns.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    score : float or ndarray of shape (n_levels,)
        In [0, 1]. On clean rows it is above the confidence level if the radius is not 0, since the
        sets leave room for an attack.

    See Also
    --------
    mean_set_size_score : What the coverage costs.

    Examples
    --------
    >>> from sksmooth import set_coverage_score
    >>> sets = [[True, False], [True, True], [False, False]]
    >>> round(set_coverage_score(["a", "b", "b"], sets, classes=["a", "b"]), 3)
    0.667
    """
    y, inside = column_or_1d(y_true), _sets(sets)
    labels = np.asarray(classes)
    check_consistent_length(y, inside)
    if inside.shape[1] != len(labels):
        raise ValueError(
            f"sets have {inside.shape[1]} columns, but classes are {len(labels)}: "
            f"{labels[:5].tolist()}. Pass classes=clf.classes_."
        )
    check_label_kind(y, labels)
    is_true = y[:, None] == labels
    shape = (*is_true.shape, *[1] * (inside.ndim - 2))
    covered = (inside & is_true.reshape(shape)).any(axis=1)
    return _mean(covered, sample_weight)


def mean_set_size_score(sets: ArrayLike, *, sample_weight: ArrayLike | None = None) -> Any:
    """Mean number of labels in prediction sets.

    Parameters
    ----------
    sets : array-like of shape (n_samples, n_classes) or (n_samples, n_classes, n_levels), bool
        As ``RobustConformalClassifier.predict_set`` returns them.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    size : float or ndarray of shape (n_levels,)
        From 0 to the number of classes; empty sets count as 0.

    See Also
    --------
    neg_mean_set_size_scorer : The same, negated, for model search.

    Examples
    --------
    >>> from sksmooth import mean_set_size_score
    >>> mean_set_size_score([[True, False], [True, True], [False, False]])
    1.0
    """
    return _mean(_sets(sets).sum(axis=1), sample_weight)


def interval_coverage_score(
    y_true: ArrayLike, intervals: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> Any:
    """Share of rows whose interval contains the true value.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True values.
    intervals : array-like of shape (n_samples, 2) or (n_samples, 2, n_levels)
        As ``RobustConformalRegressor.predict_interval`` returns them. NaN is an empty interval.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    score : float or ndarray of shape (n_levels,)
        In [0, 1].

    See Also
    --------
    mean_interval_width_score : What the coverage costs.

    Examples
    --------
    >>> from sksmooth import interval_coverage_score
    >>> interval_coverage_score([1.0, 5.0], [[0.0, 2.0], [0.0, 2.0]])
    0.5
    """
    y, ends = column_or_1d(y_true), _intervals(intervals)
    check_consistent_length(y, ends)
    value = y.reshape(-1, *[1] * (ends.ndim - 2))
    return _mean((ends[:, 0] <= value) & (value <= ends[:, 1]), sample_weight)


def mean_interval_width_score(
    intervals: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> Any:
    """Mean width of prediction intervals.

    Parameters
    ----------
    intervals : array-like of shape (n_samples, 2) or (n_samples, 2, n_levels)
        As ``RobustConformalRegressor.predict_interval`` returns them.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    width : float or ndarray of shape (n_levels,)
        In the units of y; empty intervals count as 0.

    See Also
    --------
    neg_mean_interval_width_scorer : The same, negated, for model search.

    Examples
    --------
    >>> from sksmooth import mean_interval_width_score
    >>> mean_interval_width_score([[0.0, 2.0], [0.0, 4.0]])
    3.0
    """
    ends = _intervals(intervals)
    return _mean(np.nan_to_num(ends[:, 1] - ends[:, 0], posinf=np.inf), sample_weight)


def neg_mean_set_size_scorer() -> "ConformalScorer":
    """Make a scorer of the mean size of prediction sets, for GridSearchCV and the like.

    Every candidate has the same guaranteed coverage, so the one with the smallest sets is the best.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, sample_weight=None)`` returns the negated mean size. The estimator
        may be a RobustConformalClassifier of one confidence level, or a Pipeline or search around
        one.

    Notes
    -----
    Search on training rows and calibrate on others: the guarantee is for an estimator that was
    chosen without its calibration rows. A search with ``refit=True`` calibrates the best estimator
    on rows that took part in the search. To keep the guarantee, call ``conformalize`` of the best
    estimator with rows that the search has not seen.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sksmooth import RobustConformalClassifier, neg_mean_set_size_scorer
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = RobustConformalClassifier(GaussianNB(), radius=0.1, random_state=0).fit(X, y)
    >>> -2 < neg_mean_set_size_scorer()(clf, X, y) < -0.8
    True
    """
    return ConformalScorer("predict_set")


def neg_mean_interval_width_scorer() -> "ConformalScorer":
    """Make a scorer of the mean width of prediction intervals, for GridSearchCV and the like.

    Returns
    -------
    scorer : callable
        As of `neg_mean_set_size_scorer`, for a RobustConformalRegressor.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sksmooth import RobustConformalRegressor, neg_mean_interval_width_scorer
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = RobustConformalRegressor(Ridge(0.1), 0.02, 0.01, random_state=0).fit(X, y)
    >>> -250 < neg_mean_interval_width_scorer()(reg, X, y) < -150
    True
    """
    return ConformalScorer("predict_interval")


class ConformalScorer(Scorer):
    """Predicts sets or intervals, and returns how large they are, negated.

    A module-level class, so that it can be sent to other processes.

    Parameters
    ----------
    method : {"predict_set", "predict_interval"}
        What is asked of the estimator.
    """

    def __init__(self, method: str) -> None:
        super().__init__()
        self.method = method

    def __call__(self, estimator: Any, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the score of a fitted estimator; the true answers do not matter."""
        with warnings.catch_warnings():
            # a search may well try noise that is too small for the radius
            warnings.filterwarnings("ignore", "All (labels|intervals) ", UserWarning)
            _, found = ask_inside(estimator, self.method, X)
        if found.shape[2] != 1:
            raise ValueError(
                f"The estimator has {found.shape[2]} confidence levels, and a score is one number. "
                "Set one confidence_level."
            )
        size = mean_set_size_score if self.method == "predict_set" else mean_interval_width_score
        return -float(size(found[:, :, 0], sample_weight=sample_weight))

    def __repr__(self) -> str:
        what = "set_size" if self.method == "predict_set" else "interval_width"
        return f"neg_mean_{what}_scorer()"


def _sets(sets: ArrayLike) -> NDArray[np.bool_]:
    inside = np.asarray(sets)
    if inside.dtype != bool or inside.ndim not in (2, 3):
        raise ValueError(
            "sets must be of type bool and shape (n_samples, n_classes) or (n_samples, n_classes, "
            f"n_levels); got {inside.dtype} and {inside.shape}."
        )
    return inside


def _intervals(intervals: ArrayLike) -> Floats:
    ends = np.asarray(intervals, dtype=np.float64)
    if ends.ndim not in (2, 3) or ends.shape[1] != 2:
        raise ValueError(
            f"intervals must be of shape (n_samples, 2) or (n_samples, 2, n_levels); got "
            f"{ends.shape}."
        )
    return ends


def _mean(values: NDArray[Any], weights: ArrayLike | None) -> Any:
    checked: Any = None if weights is None else _check_sample_weight(weights, values)
    if checked is not None:  # rows without weight do not count, infinite ones neither
        values, checked = values[checked != 0], checked[checked != 0]
    mean = np.average(values, axis=0, weights=checked)
    return float(mean) if mean.ndim == 0 else mean
