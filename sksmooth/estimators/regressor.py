"""SmoothedRegressor: median smoothing, the regression twin of SmoothedClassifier."""

import os
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context

from ..backends import warn_before_fit
from ..certificate import PredictionBounds, RegressionCertificate
from . import inputs as check
from .attributes import Smoothed
from .base import MetaRegressor, fitted_base, shows_weights
from .number_run import (
    bounds_of_rows,
    certificate_of_rows,
    predict_numbers,
    quantiles_of_outputs,
)
from .number_smoother import check_noise
from .reading import check_training_rows
from .shift_per_feature import shift_per_feature
from .smoother import noise_of, note_rows

__all__ = ["SmoothedRegressor"]

_OF_CLASSES = ("sequential_predict", "abstain_label", "shortcuts")


class SmoothedRegressor(Smoothed, MetaRegressor):
    r"""A regressor whose predictions come with certified bounds: median smoothing.

    Around any base regressor f this builds the smoothed regressor

    .. math:: h(x) = \operatorname{median} f(x + \varepsilon), \quad
        \varepsilon \sim N(0, \sigma^2 I),

    and proves, row by row, how far h can move if the row moves by less than a radius, or within
    which radius h stays in an interval [1]_.

    Parameters
    ----------
    estimator : regressor
        The base regressor f, of one output: any scikit-learn regressor, a Pipeline, an XGBoost,
        LightGBM or CatBoost regressor, a skorch ``NeuralNetRegressor``. Wrap a trained model in
        ``sklearn.frozen.FrozenEstimator``. Put scaling *inside*: then noise and radii are in the
        units of X.
    sigma : float, array-like of the shape of a row, dict or Series, default=0.25
        Standard deviation of the noise on each feature; as of `SmoothedClassifier`.
    units : None, "std", array-like of the shape of a row, dict or Series, default=None
        Unit of each feature, in which radii are then measured; as of `SmoothedClassifier`.
    method : {"auto", "montecarlo", "exact"}, default="auto"
        "montecarlo" draws noise. "exact" computes the medians and their bounds: no draws, and
        alpha is 0. It is known for linear regressors, single trees, boosting without interactions
        and ensembles of trees on few features, of scikit-learn, XGBoost, LightGBM, CatBoost and
        interpret, also behind affine steps. "auto" computes where that is possible, and draws
        otherwise or for ``arithmetic="float"``.
    n_augment : int, default=1
        Noisy copies of the training data that the base is fitted on. Nets ignore it: they see
        fresh noise in every batch.
    n : int, default=10_000
        Draws per row with which `certify` and `certify_interval` bound probabilities.
    n0 : int, default=1000
        Draws per row with which they estimate the prediction, and look where outputs are.
    n_predict : int, default=1001
        Draws per row of `predict` and `output_quantiles`. An odd number has one in the middle; of
        an even one the lower of both in the middle is taken.
    alpha : float, default=0.001
        Probability, per row, that a statement of `certify` or `certify_interval` is false.
    noise : {"gaussian", "laplace", "uniform"} or Specification, default="gaussian"
        Family of the noise, alike for all columns. Radii are in its norm: L2 for Gaussian noise, L1
        for "laplace" and "uniform", numbers of changed features for ``Flip`` and ``Drop``.
    arithmetic : {"integer", "float"}, default="integer"
        As of `SmoothedClassifier`; with "float" **certificates are unsound**.
    stream : {"philox", "shake128"}, default="philox"
        Random bits; as of `SmoothedClassifier`.
    batch_size : int, default=None
        Noisy rows per call of the base; None for what suits it. It does not change the results.
    n_jobs : int, default=None
        Workers, as in joblib; it does not change the results.
    random_state : int, RandomState instance or None, default=None
        Where the seed of the noise is drawn from, once, in `fit`; an int also seeds every unset
        ``random_state`` of the base. An int makes results reproducible, but not secret.

    Attributes
    ----------
    estimator_ : regressor
        The fitted base.
    units_ : tuple of float or None
        Unit of each value of a row, as noted in `fit`.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had any.

    See Also
    --------
    SmoothedClassifier : The same for classes; its documentation has more on noise and fitting.
    sksmooth.certified_error_scorer : Share of rows whose error is certified to stay small.

    Notes
    -----
    Nothing is asked of the base but to answer each row for itself, with a number or an infinity:
    it need not be continuous or bounded. A median of outputs is not their mean: it is not moved by
    a few large outputs, and it has bounds where a mean has none.

    A certificate speaks of the true median at a perturbed row. A service that answers perturbed
    rows by `predict` returns the median of `n_predict` draws, an estimate; see the guide.

    References
    ----------
    .. [1] P. Chiang, M. Curry, A. Abdelkader, A. Kumar, J. Dickerson and T. Goldstein (2020).
       "Detection as Regression: Certified Object Detection by Median Smoothing". NeurIPS.
       arXiv:2007.03730.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from sksmooth import SmoothedRegressor
    >>> X, y = load_diabetes(return_X_y=True, scaled=False)
    >>> X = X / X.std(axis=0)  # one unit for all features; sigma and radii are in it
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
    >>> base = KNeighborsRegressor(10)
    >>> reg = SmoothedRegressor(base, sigma=0.5, n=2000, random_state=0).fit(X_train, y_train)
    >>> reg.predict(X_test[:3]).round(-1)
    array([240., 220., 150.])
    >>> lower, upper = reg.certify_interval(X_test[:3], radius=0.25)
    >>> (upper - lower) < 60
    array([ True,  True,  True])
    >>> predictions, radii = reg.certify(X_test[:3], within=30.0)
    >>> radii > 0.2
    array([ True,  True,  True])
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        name: what for name, what in check.CONSTRAINTS.items() if name not in _OF_CLASSES
    }

    def __init__(
        self,
        estimator: Any,
        sigma: Any = 0.25,
        *,
        units: Any = None,
        method: str = "auto",
        n_augment: int = 1,
        n: int = 10_000,
        n0: int = 1000,
        n_predict: int = 1001,
        alpha: float = 0.001,
        noise: Any = "gaussian",
        arithmetic: str = "integer",
        stream: str = "philox",
        batch_size: int | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.sigma = sigma
        self.units = units
        self.method = method
        self.n_augment = n_augment
        self.n = n
        self.n0 = n0
        self.n_predict = n_predict
        self.alpha = alpha
        self.noise = noise
        self.arithmetic = arithmetic
        self.stream = stream
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.random_state = random_state

    @shows_weights
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> "SmoothedRegressor":
        """Fit the base regressor under noise, and draw the seed of the noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Training rows; as of `SmoothedClassifier.fit`.
        y : array-like of shape (n_samples,)
            Numbers. The base is fitted on them as given; a net on float32, of shape
            (n_samples, 1). None takes those of a ``Dataset``.
        **fit_params : dict
            Passed to the base's ``fit``; those with one value per row are repeated with the rows.

        Returns
        -------
        self : SmoothedRegressor
            The fitted estimator.
        """
        self.__dict__.pop("_seed", None)  # drawn last: where it is, fit has come to its end
        check.check_base(self.estimator, "regressor")
        warn_before_fit(self.estimator)
        data = check_training_rows(self, X, y, fit_params.get("sample_weight"))
        data = data._replace(y=_numbers(data.y))
        note_rows(self, data.X, data.rows)
        noise = check_noise(noise_of(self))
        with fitted_base(self, data, noise, fit_params, has_classes=False):
            return self  # a classifier notes more of it

    def predict(self, X: Any) -> NDArray[np.float64]:
        """Return the median output around each row: computed, or of `n_predict` draws.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows.

        Returns
        -------
        predictions : ndarray of shape (n_samples,)
            Medians; of draws, an estimate of what `certify` speaks of.
        """
        return predict_numbers(self, X)

    def certify_interval(
        self,
        X: Any,
        radius: float | Sequence[float],
        *,
        n: int | None = None,
        n0: int | None = None,
        alpha: float | None = None,
        log: str | os.PathLike[str] | None = None,
        y: Any = None,
        verbose: int | None = None,
    ) -> PredictionBounds:
        r"""Return bounds on the predictions within a radius of each row.

        **Theorem.** Let the seed be independent of the base and of the row x. With probability at
        least ``1 - alpha`` over the seed, the smoothed regressor h has ``lower <= h(x + delta) <=
        upper`` for every delta with ``length(delta) < radius``, in the norm of the noise (Lemma 1
        of arXiv:2007.03730); for every one with ``length(delta) <= radius``, where the norm counts
        features. Where the bounds are computed, that is certain: ``alpha`` is 0, and `n`, `n0` and
        `alpha` are ignored.

        If outputs exceed a number with a probability of at most :math:`\Phi(-r / \sigma)` under
        noise, they exceed it with one below 1/2 at all points nearer than r, so that the number
        bounds the medians there. The bounds are order statistics of the outputs, with ranks from
        exact binomial sums; each side takes half of alpha.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows.
        radius : float or sequence of float
            Distance in the norm of the noise, 0 or more; in the units of X, or in standard
            deviations with a sigma for each feature, or a number of features. 0 bounds the
            prediction at the row itself.
        n, n0, alpha : default=None
            Override the constructor's parameters of these names.
        log : str or path-like, default=None
            File for finished rows. An interrupted call, if repeated, goes on from it, to the same
            result, bit for bit. `read_log` reads it. See the guide on long runs.
        y : array-like of shape (n_samples,), default=None
            True values, for the log alone. None takes those that a ``Dataset`` has.
        verbose : int, default=None
            1 shows a progress bar in a terminal or notebook, 0 shows none. None shows one after ten
            seconds.

        Returns
        -------
        bounds : PredictionBounds
            Unpacks as ``lower, upper``, of shape (n_samples,), or (n_samples, n_radii) for a
            sequence. With several radii, the theorem holds for each on its own. Infinite where even
            the largest or smallest of `n` outputs is no bound.

        Raises
        ------
        ValueError
            If an argument is out of range, X has another shape than in `fit`, the base answers
            NaN, or `log` is of another model, seed, setting or version.
        """
        asked = {"n": n, "n0": n0, "alpha": alpha, "log": log, "y": y, "verbose": verbose}
        return bounds_of_rows(self, X, radius, **asked)

    def certify(
        self,
        X: Any,
        n: int | None = None,
        *,
        within: float | None = None,
        interval: tuple[ArrayLike, ArrayLike] | None = None,
        n0: int | None = None,
        alpha: float | None = None,
        radius: float | Sequence[float] | None = None,
        log: str | os.PathLike[str] | None = None,
        y: Any = None,
        verbose: int | None = None,
    ) -> RegressionCertificate:
        """Return within which radius predictions stay in an interval.

        **Theorem.** Let the seed be independent of the base and of the row x. With probability at
        least ``1 - alpha`` over the seed, the smoothed regressor h has h(x + delta) in the interval
        for every delta with ``length(delta) < R``, in the norm of the noise, for the radius R that
        is returned; with ``length(delta) <= R`` where the norm counts features and R is above 0.
        Where R is computed, that is certain: ``alpha`` is 0, and `n`, `n0` and `alpha` are ignored.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows.
        n : int, default=None
            Overrides the constructor's parameter of this name.
        within : float, default=None
            The interval reaches this far from the prediction, which `n0` draws estimate, on either
            side.
        interval : tuple of (array-like, array-like), default=None
            Lower and upper ends, for all rows or for each; infinite ones may be among them. "Stays
            above 0" is ``(0, np.inf)``, "the error stays within 20" ``(y - 20, y + 20)``. It must
            not have been chosen by looking at a certificate of this regressor.
        n0, alpha : default=None
            Override the constructor's parameters of these names.
        radius : float or sequence of float, default=None
            Only decide whether each row is certified at this radius, or at each of several, with as
            few draws as possible, up to `n`.
        log : str or path-like, default=None
            File for finished rows. An interrupted call, if repeated, goes on from it, to the same
            result, bit for bit. `read_log` reads it. See the guide on long runs.
        y : array-like of shape (n_samples,), default=None
            True values, for the log alone. None takes those that a ``Dataset`` has.
        verbose : int, default=None
            1 shows a progress bar in a terminal or notebook, 0 shows none. None shows one after ten
            seconds.

        Returns
        -------
        certificate : RegressionCertificate
            Unpacks as ``predictions, radii``. A radius of 0 states nothing.

        Raises
        ------
        ValueError
            If an argument is out of range, neither or both of `within` and `interval` are given, X
            has another shape than in `fit`, the base answers NaN, or `log` is of another model,
            seed, setting or version.
        """
        asked = {"n": n, "n0": n0, "alpha": alpha, "log": log, "y": y, "verbose": verbose}
        return certificate_of_rows(
            self, X, within=within, interval=interval, radius=radius, **asked
        )

    shift_per_feature = shift_per_feature

    def output_quantiles(self, X: Any, q: float | Sequence[float]) -> NDArray[np.float64]:
        """Return quantiles of the base's outputs for noisy copies of each row.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows.
        q : float or sequence of float
            Levels between 0 and 1.

        Returns
        -------
        quantiles : ndarray of shape (n_samples,) or (n_samples, n_levels)
            Computed (for additive models on a grid of 8192 steps), or of `n_predict` draws:
            estimates without a guarantee.
        """
        return quantiles_of_outputs(self, X, q)


def _numbers(y: NDArray[Any]) -> NDArray[Any]:
    """Return a target of integers or floats as it is, other numbers as float64."""
    if y.dtype.kind in "fiu":
        return y
    try:
        return y.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"y must be numbers for a regressor; got dtype {y.dtype}. For classes use "
            "SmoothedClassifier."
        ) from error
