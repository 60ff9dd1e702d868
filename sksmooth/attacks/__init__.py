"""Attacks on smoothed classifiers: how far from tight certificates are, found out by trying.

Loading this loads no framework; that of the base classifier's does its derivatives.
"""

from .pgd import AttackResult, pgd_attack
from .tightness import Tightness, tightness_curve

__all__ = ["AttackResult", "Tightness", "pgd_attack", "tightness_curve"]
