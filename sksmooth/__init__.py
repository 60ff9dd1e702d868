"""Certified robustness for any model: randomized smoothing as scikit-learn estimators.

``SmoothedClassifier(estimator, sigma)`` turns any classifier into one that proves, for each input,
an L2 radius within which its answer cannot change (Cohen, Rosenfeld and Kolter 2019,
arXiv:1902.02918). ``SmoothedRegressor`` does the same for numbers.
"""

from . import bounds, metrics, noise, records, tables
from ._version import __version__ as __version__
from .callables import frozen_callable
from .certificate import Certificate, PredictionBounds, RegressionCertificate
from .displays import (
    CertifiedAccuracyDisplay,
    CertifiedErrorDisplay,
    PerFeatureDisplay,
    PredictionBandDisplay,
    PredictionSetDisplay,
    TopProbabilityDisplay,
)
from .estimators.classifier import SmoothedClassifier
from .estimators.conformal import RobustConformalClassifier
from .estimators.conformal_regressor import RobustConformalRegressor
from .estimators.regressor import SmoothedRegressor
from .estimators.unwrap import certify
from .metrics import (
    abstention_rate,
    average_certified_radius_score,
    average_certified_radius_scorer,
    certified_accuracy_lower_bound,
    certified_accuracy_score,
    certified_accuracy_scorer,
    certified_error_score,
    certified_error_scorer,
    certified_r2_score,
    certified_r2_scorer,
    certified_top_k_accuracy_score,
    interval_coverage_score,
    mean_interval_width_score,
    mean_set_size_score,
    neg_mean_interval_width_scorer,
    neg_mean_set_size_scorer,
    prediction_outcomes,
    projected_certified_accuracy,
    set_coverage_score,
    top_k_radii,
    top_probability_curve,
)
from .report import CertificationReport

__all__ = [
    "Certificate",
    "CertificationReport",
    "CertifiedAccuracyDisplay",
    "CertifiedErrorDisplay",
    "PerFeatureDisplay",
    "PredictionBandDisplay",
    "PredictionBounds",
    "PredictionSetDisplay",
    "RegressionCertificate",
    "RobustConformalClassifier",
    "RobustConformalRegressor",
    "SmoothedClassifier",
    "SmoothedRegressor",
    "TopProbabilityDisplay",
    "abstention_rate",
    "average_certified_radius_score",
    "average_certified_radius_scorer",
    "bounds",
    "certified_accuracy_lower_bound",
    "certified_accuracy_score",
    "certified_accuracy_scorer",
    "certified_error_score",
    "certified_error_scorer",
    "certified_r2_score",
    "certified_r2_scorer",
    "certified_top_k_accuracy_score",
    "certify",
    "frozen_callable",
    "interval_coverage_score",
    "mean_interval_width_score",
    "mean_set_size_score",
    "metrics",
    "neg_mean_interval_width_scorer",
    "neg_mean_set_size_scorer",
    "noise",
    "prediction_outcomes",
    "projected_certified_accuracy",
    "records",
    "set_coverage_score",
    "tables",
    "top_k_radii",
    "top_probability_curve",
]

# where users import them from, so that files and pickles outlive moves inside the package
for _public in (
    Certificate,
    CertificationReport,
    CertifiedAccuracyDisplay,
    CertifiedErrorDisplay,
    PerFeatureDisplay,
    PredictionBandDisplay,
    PredictionBounds,
    PredictionSetDisplay,
    RegressionCertificate,
    RobustConformalClassifier,
    RobustConformalRegressor,
    SmoothedClassifier,
    SmoothedRegressor,
    TopProbabilityDisplay,
):
    _public.__module__ = "sksmooth"
del _public
