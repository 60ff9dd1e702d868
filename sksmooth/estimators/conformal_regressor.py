"""RobustConformalRegressor: prediction intervals whose coverage holds under attack."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from . import inputs as check
from .base import MetaRegressor
from .calibration import MEDIAN, calibrate_numbers
from .conformal_base import CONSTRAINTS, Conformal, column
from .conformal_run import intervals_of, medians_of
from .regressor import SmoothedRegressor

__all__ = ["RobustConformalRegressor"]


class RobustConformalRegressor(Conformal, MetaRegressor):
    r"""Prediction intervals that contain the true value even if an attack has moved the row.

    ``predict_interval(X)`` returns an interval for each row.

    **Guarantee.** Let the calibration rows and a new row be exchangeable, and let an attacker who
    does not know the noise move the new row by at most `radius`. Then the interval of the moved row
    contains the true value with probability at least `confidence_level`, over the calibration rows,
    the new row and the noise; the proof is on the page on theory of the documentation.

    Parameters
    ----------
    estimator : regressor
        The base; any that `SmoothedRegressor` takes. Wrapped in
        ``sklearn.frozen.FrozenEstimator`` it is not fitted, and all rows that `fit` gets are
        calibration rows; it must not have been trained on them.
    sigma : float, array-like of the shape of a row, dict or Series, default=0.25
        Standard deviation of the Gaussian noise; as of `RobustConformalClassifier`.
    radius : float, default=0.25
        Largest length of a perturbation, in the L2 norm of `SmoothedRegressor`'s radii. 0 gives
        split conformal prediction.
    units : None, "std", array-like of the shape of a row, dict or Series, default=None
        Unit of each feature, in which the radius is then measured.
    confidence_level : float or sequence of float, default=0.9
        Probability that the interval contains the true value. Several levels use the same draws.
    conformity_score : {"outputs", "median"}, default="outputs"
        How well a value conforms. "outputs": how near it is to the base's outputs under noise.
        "median": how near it is to the smoothed regressor, whose range within the radius is added
        to the interval; this is computed, without draws, and needs a base with a closed form.
    n : int, default=100
        Draws of noise around each row.
    quantile : float or "auto", default="auto"
        Share of a calibration row's draws that are as near as its score says; as of
        `RobustConformalClassifier`.
    calibration_size : float, int or None, default=0.5
        Share or number of the rows that `fit` sets aside, at random, for calibration. With None it
        sets no rows aside, and you call `conformalize` with other rows.
    n_augment : int, default=1
        Noisy copies of the training rows that the base is fitted on.
    stream : {"philox", "shake128"}, default="philox"
        Random bits; as of `SmoothedClassifier`.
    batch_size : int, default=None
        Noisy rows per call of the base; None for what suits it. It does not change the results.
    n_jobs : int, default=None
        Workers, as in joblib; it does not change the results.
    random_state : int, RandomState instance or None, default=None
        Decides which rows are set aside, and is handed on to the `SmoothedRegressor` inside.

    Attributes
    ----------
    estimator_ : SmoothedRegressor
        The fitted smoother around the base.
    n_calibration_ : int
        Number of calibration rows.
    rank_ : int or None
        Which of the n draws, from the nearest to the true value on, gives a calibration row its
        score: the distance, negated.
    level_, threshold_, passes_needed_ : ndarray of shape (n_levels,)
        A value belongs to the interval if `passes_needed_` draws are as near to it as
        `-threshold_`, which is the quantile of level `level_` of the calibration scores; so do the
        values in between.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had any.

    See Also
    --------
    RobustConformalClassifier : Sets of labels; its notes hold here, too.
    SmoothedRegressor : Bounds on how far a prediction can move, row by row.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> from sksmooth import RobustConformalRegressor
    >>> X, y = load_diabetes(return_X_y=True, scaled=False)
    >>> X = X / X.std(axis=0)
    >>> reg = RobustConformalRegressor(LinearRegression(), sigma=0.5, radius=0.25, random_state=0)
    >>> predictions, intervals = reg.fit(X[:300], y[:300]).predict_interval(X[300:])
    >>> intervals.shape
    (142, 2, 1)
    >>> inside = (intervals[:, 0, 0] <= y[300:]) & (y[300:] <= intervals[:, 1, 0])
    >>> bool(inside.mean() > 0.85)
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "conformity_score": [StrOptions({"outputs", MEDIAN})],
    }
    _smoother = SmoothedRegressor

    def __init__(
        self,
        estimator: Any,
        sigma: Any = 0.25,
        radius: float = 0.25,
        *,
        units: Any = None,
        confidence_level: float | Sequence[float] = 0.9,
        conformity_score: str = "outputs",
        n: int = 100,
        quantile: float | str = "auto",
        calibration_size: float | int | None = 0.5,
        n_augment: int = 1,
        stream: str = "philox",
        batch_size: int | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.sigma = sigma
        self.radius = radius
        self.units = units
        self.confidence_level = confidence_level
        self.conformity_score = conformity_score
        self.n = n
        self.quantile = quantile
        self.calibration_size = calibration_size
        self.n_augment = n_augment
        self.stream = stream
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> "RobustConformalRegressor":
        """Fit the base on some of the rows, under noise, and calibrate with the others.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows; as of `SmoothedClassifier.fit`.
        y : array-like of shape (n_samples,)
            Numbers.
        **fit_params : dict
            As of `RobustConformalClassifier.fit`.

        Returns
        -------
        self : RobustConformalRegressor
            The fitted estimator.
        """
        check.check_base(self.estimator, "regressor")
        return self._fit(X, column(X, y), fit_params)

    def conformalize(self, X: Any, y: Any) -> "RobustConformalRegressor":
        """Calibrate with these rows, in place of those of `fit`.

        Parameters
        ----------
        X : array-like of shape (n_calibration, n_features) or (n_calibration, *shape)
            Clean rows that the base was not fitted on, and that are exchangeable with new ones.
        y : array-like of shape (n_calibration,)
            Their true values.

        Returns
        -------
        self : RobustConformalRegressor
            The calibrated estimator.
        """
        check_is_fitted(self)
        self._validate_params()
        y = np.asarray(column(X, y), dtype=np.float64)
        if not np.isfinite(y).all():
            raise ValueError(
                "y has values that are NaN or infinite; calibration takes finite ones."
            )
        self._calibration = calibrate_numbers(self, X, y)
        return self

    def predict_interval(self, X: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return predictions, and for each row an interval, at each confidence level.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows, which may have been moved by less than `radius`.

        Returns
        -------
        predictions : ndarray of shape (n_samples,)
            As `predict` returns them.
        intervals : ndarray of shape (n_samples, 2, n_levels)
            Lower and upper ends, which belong to the intervals. NaN where no value conforms. The
            interval of a higher confidence level contains that of a lower one.
        """
        self.check_calibrated()
        predictions, intervals = intervals_of(self, X, [float(self.radius)])
        return predictions, intervals[0]

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return, for each row, the median of the base's outputs in `n` draws.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows.

        Returns
        -------
        predictions : ndarray of shape (n_samples,)
            With an even number of draws, the lower one of the two in the middle.
        """
        check_is_fitted(self)
        self._validate_params()
        return medians_of(self, X)
