"""An example of each noise that is not Gaussian, with a row for it."""

import dataclasses
import math

import numpy as np

from sksmooth.noise import (
    BinaryFlipNoise,
    Drop,
    DropNoise,
    FlipNoise,
    Gaussian,
    IntegerPerFeature,
    LaplaceNoise,
    MixedNoise,
    SeveralChangesNoise,
    Specification,
    Split,
    SplitNoise,
    UniformNoise,
    bind_mixed,
)

NAN = math.nan
IMAGE = np.array([0, 3, 128, 255]) / 255
SEVERAL = SeveralChangesNoise(
    6,
    [(1, 4), (3,), (5,)],
    [
        FlipNoise.keeping(0.7, [(0, 1), (1, 2, 5)]),
        DropNoise.dropping([0.7]),
        BinaryFlipNoise.turning(0.1, 0.6, 1),
    ],
)
CASES = {
    "laplace": (LaplaceNoise(0.7, 3), [0.1, -3.0, 100.0]),
    "laplace, levels": (LaplaceNoise(0.25, 4, levels=255), IMAGE),
    "laplace, between levels": (LaplaceNoise(0.25, 3, levels=255), [0.1, -0.3, 0.7001]),
    "uniform": (UniformNoise(0.7, 3), [0.1, -3.0, 100.0]),
    "uniform, levels": (UniformNoise(0.8660254, 4, levels=255), IMAGE),
    "uniform, between levels": (UniformNoise(0.8660254, 3, levels=255), [0.1, -0.3, 0.7001]),
    "flip": (FlipNoise.keeping(0.7, [(0, 1), (1, 2, 5), (), (0, 1, 2, 3)]), [1, 5, 7.5, 0]),
    "flip, missing": (FlipNoise.keeping(0.7, [(0, 1), (1, 2, 5)]), [NAN, 5]),
    "flip, alike": (FlipNoise.keeping(0.6, [(0, 1, 2)] * 4), [0, 1, 2, 1]),
    "binary": (BinaryFlipNoise.turning(0.1, 0.6, 4), [1, 0, 0, 1]),
    "split": (SplitNoise(255, (8,) * 4, (0, 1, 7, 3), 0, 255), IMAGE),
    "split, counts": (SplitNoise(1, (4, 0, 2, 8), (0, 0, 1, 5)), [3, 0.123, -9, 17]),
    "several": (SEVERAL, [0.3, 1, 7.5, -2.0, 5, 0]),
    "mixed": (
        MixedNoise(IntegerPerFeature([0.7, 0, 20.0, 0, 0, 0]), SEVERAL),
        [0.3, 1, 7.5, -2.0, 5, 0],
    ),
    "drop": (DropNoise.dropping([0.7, 0.0, 0.8]), [1.5, -2.0, NAN]),
}


class RoundingSplitNoise(SplitNoise):
    """Rounds rows to the grid in place of refusing them, for tests whose rows are any numbers."""

    def _steps(self, values):
        return np.rint(values.astype(np.float64) * self.levels).clip(-(2**20), 2**20)


@dataclasses.dataclass(frozen=True)
class RoundingSplit(Split):
    def bind(self, rows):
        noise = super().bind(dataclasses.replace(rows, levels=8))
        return RoundingSplitNoise(8, noise.periods, noise.starts)


@dataclasses.dataclass(frozen=True)
class FirstAddedOthersDropped(Specification):
    """Mixed noise for rows of any number of columns: Gaussian on the first of them."""

    drop: float
    additive = False

    def bind(self, rows):
        (n,) = rows.shape
        rows = dataclasses.replace(rows, sigma=(0.5, *[0.0] * (n - 1)), units=None)
        return bind_mixed(Gaussian(), rows, dict.fromkeys(range(1, n), Drop(drop=self.drop)))
