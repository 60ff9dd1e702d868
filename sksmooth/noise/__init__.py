"""Noise families: how noisy rows are drawn, and what radius they prove.

Users write a `Specification`, such as ``Gaussian()``. It is bound to the shape, columns and grid of
rows, and gives a `Noise`, which owns its geometry: norm, radius, closed-form tails. To add a
family, write both in one file, and register them here: the specification in `NOISES`, the bound
classes, by the words that logs hold, in `KINDS`.
"""

from .base import Draws, Noise, Rows, Specification
from .floating import FloatGaussian
from .gaussian import Gaussian
from .integer import IntegerGaussian
from .marginals import Marginals
from .norms import L0, L1, L2, Linf, Norm
from .per_feature import FloatPerFeature, IntegerPerFeature

__all__ = [
    "KINDS",
    "L0",
    "L1",
    "L2",
    "NOISES",
    "Draws",
    "FloatGaussian",
    "FloatPerFeature",
    "Gaussian",
    "IntegerGaussian",
    "IntegerPerFeature",
    "Linf",
    "Marginals",
    "Noise",
    "Norm",
    "Rows",
    "Specification",
]

# what the parameter `noise` may name
NOISES: dict[str, type[Specification]] = {"gaussian": Gaussian}

# bound noises, by the words that logs hold
KINDS: dict[str, type[Noise]] = {
    family.kind: family
    for family in (IntegerGaussian, FloatGaussian, IntegerPerFeature, FloatPerFeature)
}
