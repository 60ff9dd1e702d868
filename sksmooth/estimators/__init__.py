"""The scikit-learn face of the library: estimators, their fitting, and what they ask the engine."""

from .classifier import SmoothedClassifier
from .unwrap import certify

__all__ = ["SmoothedClassifier", "certify"]
