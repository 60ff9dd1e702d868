"""Noise families. The class is the formula: how to draw the noise, and what radius it proves.

A new family is a class with a norm, ``around``, ``draw`` and ``radius``, and a line in `KINDS`;
nothing else in the library needs to know it.
"""

from .base import Noise
from .exact import ExactGaussian
from .gaussian import Gaussian
from .scaled import ExactPerFeature, PerFeature

__all__ = ["ExactGaussian", "ExactPerFeature", "Gaussian", "Noise", "PerFeature"]

# by the names that logs know them under
KINDS: dict[str, type[Noise]] = {
    family.kind: family for family in (ExactGaussian, Gaussian, ExactPerFeature, PerFeature)
}
