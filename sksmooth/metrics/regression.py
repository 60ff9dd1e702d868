"""Scores of smoothed regressors in the worst case within a radius, and scorers for model search."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import _check_sample_weight

from ..certificate import PredictionBounds
from ..checks import check_draws, check_radii, is_real
from ..estimators.unwrap import ask_inside
from .scorers import Scorer

__all__ = [
    "RegressionScorer",
    "certified_error_score",
    "certified_error_scorer",
    "certified_r2_score",
    "certified_r2_scorer",
]


def certified_error_score(
    y_true: ArrayLike,
    bounds: PredictionBounds,
    *,
    within: float,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Share of rows whose error is certified to stay small at the radius of the bounds.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True values.
    bounds : PredictionBounds
        Of the same rows, at one radius.
    within : float
        Largest absolute error that is still small, in the units of y.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    score : float
        In [0, 1].

    See Also
    --------
    certified_error_scorer : The same for model search; it certifies slightly more rows.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sksmooth import SmoothedRegressor, certified_error_score
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = SmoothedRegressor(Ridge(0.1), sigma=0.02, random_state=0).fit(X, y)
    >>> bounds = reg.certify_interval(X, radius=0.01)
    >>> 0.6 < certified_error_score(y, bounds, within=60) < 0.8
    True
    """
    worst, _, weights = _worst_errors(y_true, bounds, sample_weight)
    return float(np.average(worst <= _checked_within(within), weights=weights))


def certified_r2_score(
    y_true: ArrayLike, bounds: PredictionBounds, *, sample_weight: ArrayLike | None = None
) -> float:
    r"""Coefficient of determination in the worst case at the radius of the bounds.

    .. math:: 1 - \frac{\sum_i \max\{(y_i - l_i)^2, (y_i - u_i)^2\}}{\sum_i (y_i - \bar y)^2}

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        True values.
    bounds : PredictionBounds
        Of the same rows, at one radius.
    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows.

    Returns
    -------
    score : float
        1 or less; minus infinity if a bound is infinite, or if `y_true` is constant and there is
        any error. If the bounds of all rows are true, no change of the rows by less than the radius
        makes ``r2_score`` smaller. Each row's bounds are false with probability alpha at most.

    See Also
    --------
    sklearn.metrics.r2_score : The same without an attack.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sksmooth import SmoothedRegressor, certified_r2_score
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = SmoothedRegressor(Ridge(0.1), sigma=0.02, random_state=0).fit(X, y)
    >>> bounds = reg.certify_interval(X, radius=0.01)
    >>> certified_r2_score(y, bounds) < reg.score(X, y)
    True
    """
    worst, y, weights = _worst_errors(y_true, bounds, sample_weight)
    with np.errstate(divide="ignore"):
        error = np.average(worst**2, weights=weights)
    spread = np.average((y - np.average(y, weights=weights)) ** 2, weights=weights)
    if error == 0:
        return 1.0
    return float(1 - error / spread) if spread > 0 else -np.inf


def _worst_errors(
    y_true: ArrayLike, bounds: Any, sample_weight: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the largest absolute errors, the true values, and the weights."""
    if not isinstance(bounds, PredictionBounds):
        raise TypeError(
            "bounds must be PredictionBounds, as reg.certify_interval(X, radius) returns; got "
            f"{type(bounds).__name__}."
        )
    if bounds.lower.ndim != 1:
        raise ValueError(
            f"bounds have {bounds.lower.shape[1]} radii; expected one. Certify with "
            "radius=r, not with a sequence."
        )
    y = column_or_1d(y_true).astype(np.float64)
    check_consistent_length(y, bounds.lower)
    weights = _check_sample_weight(sample_weight, y, ensure_non_negative=True)
    worst, some = np.maximum(y - bounds.lower, bounds.upper - y), weights > 0
    return worst[some], y[some], weights[some]  # without those that do not count, maybe infinite


def _checked_within(within: Any) -> float:
    if not (is_real(within) and within >= 0):
        raise ValueError(f"within must be a number of 0 or more; got {within!r}.")
    return float(within)


def certified_error_scorer(
    within: float, radius: float = 0.0, *, n: int | None = None
) -> "RegressionScorer":
    """Make a scorer: the share of rows whose error is certified to stay small within a radius.

    The regression twin of `certified_accuracy_scorer`.

    Parameters
    ----------
    within : float
        Largest absolute error that is still small, in the units of y.
    radius : float, default=0.0
        Distance, in the norm of the noise.
    n : int, default=None
        Most draws per row; None for the estimator's own.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, sample_weight=None)``, for GridSearchCV, cross_validate and the
        like. The estimator may be a SmoothedRegressor, or a Pipeline or search around one.

    See Also
    --------
    certified_r2_scorer : The same for the coefficient of determination.

    Notes
    -----
    Rows are certified by ``certify(X, interval=(y - within, y + within), radius=radius)``, so that
    draws stop when the radius is decided.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import GridSearchCV
    >>> from sksmooth import SmoothedRegressor, certified_error_scorer
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = SmoothedRegressor(Ridge(), sigma=0.02, random_state=0)
    >>> scorer = certified_error_scorer(within=60, radius=0.01)
    >>> search = GridSearchCV(reg, {"estimator__alpha": [0.1, 1.0]}, scoring=scorer).fit(X, y)
    >>> search.best_params_
    {'estimator__alpha': 0.1}
    """
    return RegressionScorer(_checked_within(within), radius, n)


def certified_r2_scorer(radius: float = 0.0, *, n: int | None = None) -> "RegressionScorer":
    """Make a scorer of the coefficient of determination in the worst case within a radius.

    Parameters
    ----------
    radius : float, default=0.0
        Distance, in the norm of the noise.
    n : int, default=None
        Draws per row; None for the estimator's own.

    Returns
    -------
    scorer : callable
        As of `certified_error_scorer`; it gives `certified_r2_score`.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sksmooth import SmoothedRegressor, certified_r2_scorer
    >>> X, y = load_diabetes(return_X_y=True)
    >>> reg = SmoothedRegressor(Ridge(0.1), sigma=0.02, random_state=0).fit(X, y)
    >>> 0.3 < certified_r2_scorer(radius=0.01)(reg, X, y) < reg.score(X, y)
    True
    """
    return RegressionScorer(None, radius, n)


class RegressionScorer(Scorer):
    """Certifies once, then scores; what `certified_error_scorer` returns.

    A module-level class, so that it can be sent to other processes.

    Parameters
    ----------
    within : float or None
        Largest error that is still small; None for the coefficient of determination.
    radius : float
        Distance, in the norm of the noise.
    n : int or None
        Draws per row.
    """

    def __init__(self, within: float | None, radius: float, n: int | None) -> None:
        super().__init__()
        if np.ndim(radius):
            raise ValueError(f"radius must be one number; got {radius!r}.")
        self.within, self.radius = within, check_radii(radius)[0]
        self.n = None if n is None else check_draws("n", n)

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the score of a fitted estimator on rows that it was not fitted on."""
        with warnings.catch_warnings():
            # a search may well try noise that is too small for the radius
            warnings.filterwarnings("ignore", "No row can be certified at", UserWarning)
            warnings.filterwarnings("ignore", "All bounds at radius", UserWarning)
            if self.within is None:
                bounds = ask_inside(estimator, "certify_interval", X, self.radius, n=self.n)
                return certified_r2_score(y, bounds, sample_weight=sample_weight)
            y = column_or_1d(y).astype(np.float64)
            certificate = ask_inside(
                estimator,
                "certify",
                X,
                self.n,
                interval=(y - self.within, y + self.within),
                n0=1,  # for the prediction, which is not looked at
                radius=self.radius,
            )
        certified = certificate.radii >= max(self.radius, np.finfo(np.float64).tiny)
        return float(np.average(certified, weights=sample_weight))

    def __repr__(self) -> str:
        if self.within is None:
            return f"certified_r2_scorer(radius={self.radius:g}, n={self.n})"
        return f"certified_error_scorer(within={self.within:g}, radius={self.radius:g}, n={self.n})"
