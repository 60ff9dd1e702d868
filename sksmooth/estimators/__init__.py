"""The scikit-learn face of the library: estimators, their fitting, and what they ask the engine."""

from .classifier import SmoothedClassifier
from .reading import check_rows
from .smoother import Smoother, smoother_of
from .unwrap import certify

__all__ = ["SmoothedClassifier", "Smoother", "certify", "check_rows", "smoother_of"]
