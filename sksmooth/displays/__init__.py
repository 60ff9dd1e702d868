"""Plots, after scikit-learn's displays. matplotlib is imported only when something is drawn."""

from .certified_accuracy import CertifiedAccuracyDisplay
from .certified_error import CertifiedErrorDisplay
from .per_feature import PerFeatureDisplay
from .prediction_band import PredictionBandDisplay
from .prediction_set import PredictionSetDisplay
from .top_probability import TopProbabilityDisplay

__all__ = [
    "CertifiedAccuracyDisplay",
    "CertifiedErrorDisplay",
    "PerFeatureDisplay",
    "PredictionBandDisplay",
    "PredictionSetDisplay",
    "TopProbabilityDisplay",
]
