"""Plots, after scikit-learn's displays. matplotlib is imported only when something is drawn."""

from .certified_accuracy import CertifiedAccuracyDisplay
from .prediction_band import PredictionBandDisplay
from .top_probability import TopProbabilityDisplay

__all__ = ["CertifiedAccuracyDisplay", "PredictionBandDisplay", "TopProbabilityDisplay"]
