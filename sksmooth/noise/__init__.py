"""Noise families: how noisy rows are drawn, and what radius they prove.

Users write a `Specification`, such as ``Gaussian()``. It is bound to the shape, columns and grid of
rows, and gives a `Noise`, which owns its geometry: norm, radius, closed-form tails. To add a
family, write both in one file, and register them here: the specification in `NOISES`, the bound
classes, by the words that logs hold, in `KINDS`.
"""

from .base import Draws, Noise
from .binary_flip import BinaryFlipNoise
from .drop import Drop, DropNoise
from .flip import Flip
from .flip_noise import FlipNoise
from .floating import FloatGaussian
from .gaussian import Gaussian
from .in_units import FloatInUnits, IntegerInUnits
from .integer import IntegerGaussian
from .laplace import Laplace, LaplaceNoise
from .marginals import Marginals, Replaced
from .mixed import MixedNoise, bind_mixed
from .norms import L0, L1, L2, L2AndChanges, Linf, Norm
from .outcomes import Outcomes
from .per_feature import FloatPerFeature, IntegerPerFeature
from .several import SeveralChangesNoise
from .specification import Rows, Specification
from .split import Split
from .split_noise import SplitNoise
from .uniform import Uniform, UniformNoise

__all__ = [
    "KINDS",
    "L0",
    "L1",
    "L2",
    "NOISES",
    "BinaryFlipNoise",
    "Draws",
    "Drop",
    "DropNoise",
    "Flip",
    "FlipNoise",
    "FloatGaussian",
    "FloatInUnits",
    "FloatPerFeature",
    "Gaussian",
    "IntegerGaussian",
    "IntegerInUnits",
    "IntegerPerFeature",
    "L2AndChanges",
    "Laplace",
    "LaplaceNoise",
    "Linf",
    "Marginals",
    "MixedNoise",
    "Noise",
    "Norm",
    "Outcomes",
    "Replaced",
    "Rows",
    "SeveralChangesNoise",
    "Specification",
    "Split",
    "SplitNoise",
    "Uniform",
    "UniformNoise",
    "bind_mixed",
]

# what the parameter `noise` may name: specifications that need no parameters
NOISES: dict[str, type[Specification]] = {
    "gaussian": Gaussian,
    "laplace": Laplace,
    "uniform": Uniform,
}

# bound noises, by the words that logs hold
KINDS: dict[str, type[Noise]] = {
    family.kind: family
    for family in (
        IntegerGaussian,
        FloatGaussian,
        IntegerPerFeature,
        FloatPerFeature,
        IntegerInUnits,
        FloatInUnits,
        LaplaceNoise,
        UniformNoise,
        FlipNoise,
        BinaryFlipNoise,
        DropNoise,
        SplitNoise,
        SeveralChangesNoise,
        MixedNoise,
    )
}
