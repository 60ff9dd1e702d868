"""RobustConformalClassifier: prediction sets whose coverage holds under attack."""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import _fit_context
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from ..backends import SCORES
from ..labels import check_label_kind
from . import inputs as check
from .base import MetaClassifier
from .calibration import VOTES, calibrate_classes, codes_of
from .classifier import SmoothedClassifier
from .conformal_base import CONSTRAINTS, Conformal, column
from .conformal_run import sets_of, top_codes

__all__ = ["RobustConformalClassifier"]


class RobustConformalClassifier(Conformal, MetaClassifier):
    r"""Prediction sets that contain the true label even if an attack has moved the row.

    ``predict_set(X)`` returns a set of labels for each row.

    **Guarantee.** Let the calibration rows and a new row be exchangeable, and let an attacker who
    does not know the noise move the new row by at most `radius`. Then the set of the moved row
    contains the true label with probability at least `confidence_level`, over the calibration rows,
    the new row and the noise. This holds for any model and any number of rows and draws; the proof
    is on the page on theory of the documentation.

    Parameters
    ----------
    estimator : classifier
        The base; any that `SmoothedClassifier` takes and that has ``predict_proba`` or
        ``decision_function``. Wrapped in ``sklearn.frozen.FrozenEstimator`` it is not fitted, and
        all rows that `fit` gets are calibration rows; it must not have been trained on them.
    sigma : float, array-like of the shape of a row, dict or Series, default=0.25
        Standard deviation of the Gaussian noise; as of `SmoothedClassifier`. Two to four times the
        radius is a good start. It may be searched on training data, not on calibration rows.
    radius : float, default=0.25
        Largest length of a perturbation, in the L2 norm of `SmoothedClassifier`'s radii. 0 gives
        split conformal prediction.
    units : None, "std", array-like of the shape of a row, dict or Series, default=None
        Unit of each feature, in which the radius is then measured; as of `SmoothedClassifier`.
    confidence_level : float or sequence of float, default=0.9
        Probability that the set contains the true label, between 0 and 1. Several levels use the
        same draws.
    conformity_score : {"lac", "margin", "aps", "votes"} or callable, default="lac"
        How well a label conforms. "lac": its probability. "margin": by how much its log-probability
        exceeds the largest other one. "aps": the negated sum of all larger probabilities and half
        of its own. "votes": how often the base answers it under noise; this is computed, without
        draws, and needs a base with a closed form. A callable gets the probabilities of noisy rows,
        of shape (n, n_classes), and returns scores of that shape; a larger score conforms better.
        For bases without ``predict_proba``, the softmax of ``decision_function`` stands for
        probabilities.
    n : int, default=100
        Draws of noise around each row.
    quantile : float or "auto", default="auto"
        Share of a calibration row's draws with this row's score or a larger one. "auto" is 0.8, or
        0.95 if the radius is more than two standard deviations of the noise.
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
        Decides which rows are set aside, and is handed on to the `SmoothedClassifier` inside.

    Attributes
    ----------
    estimator_ : SmoothedClassifier
        The fitted smoother around the base.
    classes_ : ndarray of shape (n_classes,)
        Labels that the base knows. Sets contain no others.
    n_calibration_ : int
        Number of calibration rows.
    rank_ : int or None
        A calibration row's score is the `rank_`-th largest score of its n draws. None if scores are
        computed.
    level_, threshold_, passes_needed_ : ndarray of shape (n_levels,)
        A label is in the set if `passes_needed_` draws have a score of `threshold_` or more;
        `threshold_` is the quantile of level `level_` of the calibration scores.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had any.

    See Also
    --------
    RobustConformalRegressor : Intervals for numbers.
    SmoothedClassifier : Radii within which one label cannot change, row by row.

    Notes
    -----
    Calibration rows must be clean. The attack must not know the noise: an attacker who may look at
    the sets of many moved rows, and choose among them, can find one without the true label.

    With one draw (``n=1``) this is the method RCP1 [1]_; more draws give smaller sets. Comparing a
    share of the draws with a threshold is the idea of BinCP [2]_; here no confidence bounds for
    single rows are needed.

    ``set_params(radius=...)`` and ``confidence_level`` take effect without a new calibration; for
    `sigma`, `n` and `conformity_score` call `conformalize` or `fit` again.

    References
    ----------
    .. [1] S. H. Zargarbashi, M. S. Akhondzadeh and A. Bojchevski (2025). "One Sample is Enough to
       Make Conformal Prediction Robust". NeurIPS. arXiv:2506.16553.
    .. [2] S. H. Zargarbashi and A. Bojchevski (2025). "Robust Conformal Prediction with a Single
       Binary Certificate". ICLR. arXiv:2503.05239.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sksmooth import RobustConformalClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X = X / 16
    >>> base = LogisticRegression(max_iter=1000)
    >>> clf = RobustConformalClassifier(base, sigma=0.25, radius=0.25, random_state=0)
    >>> clf.fit(X[:1500], y[:1500]).n_calibration_
    750
    >>> labels, sets = clf.predict_set(X[1500:])
    >>> sets.shape
    (297, 10, 1)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **CONSTRAINTS,
        "conformity_score": [StrOptions({*SCORES, VOTES}), callable],
    }
    _smoother = SmoothedClassifier

    def __init__(
        self,
        estimator: Any,
        sigma: Any = 0.25,
        radius: float = 0.25,
        *,
        units: Any = None,
        confidence_level: float | Sequence[float] = 0.9,
        conformity_score: Any = "lac",
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
    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> "RobustConformalClassifier":
        """Fit the base on some of the rows, under noise, and calibrate with the others.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows; as of `SmoothedClassifier.fit`.
        y : array-like of shape (n_samples,)
            Labels of any kind.
        **fit_params : dict
            Passed to the base's ``fit``; those with one value per row are cut to its rows.

        Returns
        -------
        self : RobustConformalClassifier
            The fitted estimator.
        """
        check.check_base(self.estimator)
        y = column(X, y)
        check_classification_targets(y)
        return self._fit(X, y, fit_params)

    def conformalize(self, X: Any, y: Any) -> "RobustConformalClassifier":
        """Calibrate with these rows, in place of those of `fit`.

        Parameters
        ----------
        X : array-like of shape (n_calibration, n_features) or (n_calibration, *shape)
            Clean rows that the base was not fitted on, and that are exchangeable with new ones.
        y : array-like of shape (n_calibration,)
            Their labels. Labels that the base does not know count as missed; if they are too many
            for a confidence level, no set reaches it, and `predict_set` warns.

        Returns
        -------
        self : RobustConformalClassifier
            The calibrated estimator.
        """
        check_is_fitted(self)
        self._validate_params()
        y = column(X, y)
        check_label_kind(y, self.classes_)
        self._calibration = calibrate_classes(self, X, codes_of(self.classes_, y))
        return self

    def predict_set(self, X: Any) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return labels, and for each row the set of labels, at each confidence level.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows, which may have been moved by less than `radius`.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            As `predict` returns them.
        sets : ndarray of shape (n_samples, n_classes, n_levels), bool
            Whether a label of `classes_` belongs to a row's set. A set may be empty: then no label
            conforms. The set of a higher confidence level contains that of a lower one.
        """
        self.check_calibrated()
        codes, sets = sets_of(self, X, [float(self.radius)])
        return self.classes_[codes], sets[0]

    def predict(self, X: Any) -> NDArray[Any]:
        """Return, for each row, the label that has the highest score in most of the `n` draws.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Ties go to the first label in `classes_`. There is no guarantee for these labels.
        """
        check_is_fitted(self)
        self._validate_params()
        labels: NDArray[Any] = self.classes_[top_codes(self, X)]
        return labels
