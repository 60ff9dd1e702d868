"""What closed forms need of a noise: independent values, and the law of each."""

import dataclasses
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

__all__ = ["Marginals"]


@dataclasses.dataclass(frozen=True, eq=False)
class Marginals:
    """Independent noise on each value of a row.

    Parameters
    ----------
    law : {"normal", "uniform", "laplace", "flip"}
        Name of the law of a value over its width. Closed forms know no others.
    deviations : ndarray of the shape of a row
        Width of each value's noise: the standard deviation of a normal law, half the width of a
        uniform one, the mean size of a Laplace one; 0 where there is no noise.
    categories : tuple of (Fraction, tuple of tuple of float), default=None
        Of "flip" the probability that a value is kept, and the values of each column, one of which
        takes its place otherwise; then widths only tell where there is noise.

    Examples
    --------
    >>> from sksmooth.noise import FloatGaussian
    >>> FloatGaussian(0.5).marginals((3,)).deviations
    array([0.5, 0.5, 0.5])
    """

    law: str
    deviations: NDArray[np.float64]
    categories: tuple[Fraction, tuple[tuple[float, ...], ...]] | None = None
