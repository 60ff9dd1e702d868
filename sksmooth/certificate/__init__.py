"""Certificates, and how votes and laws are turned into them."""

from .certificate import Certificate
from .plan import Plan, Run
from .regression import PredictionBounds, RegressionCertificate
from .votes import certify_counts, predict_counts

__all__ = [
    "Certificate",
    "Plan",
    "PredictionBounds",
    "RegressionCertificate",
    "Run",
    "certify_counts",
    "predict_counts",
]
