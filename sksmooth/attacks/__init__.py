"""Attacks on smoothed classifiers: how far from tight certificates are, found out by trying.

Loading this loads no framework; that of the base classifier's does its derivatives.
"""

from .pgd import AttackResult, pgd
from .tightness import Tightness, tightness

__all__ = ["AttackResult", "Tightness", "pgd", "tightness"]
