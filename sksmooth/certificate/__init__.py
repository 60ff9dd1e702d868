"""Certificates, and how votes and laws are turned into them."""

from .certificate import Certificate
from .votes import certify_counts, predict_counts

__all__ = ["Certificate", "certify_counts", "predict_counts"]
