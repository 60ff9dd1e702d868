"""What closed forms need of a noise: independent values, and the law of each."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

__all__ = ["Marginals"]


@dataclasses.dataclass(frozen=True, eq=False)
class Marginals:
    """Independent noise on each value of a row.

    Parameters
    ----------
    law : str
        Name of the law of a value over its deviation; "normal" is the only one that closed forms
        know.
    deviations : ndarray of the shape of a row
        Standard deviation of each value; 0 where there is no noise.

    Examples
    --------
    >>> from sksmooth.noise import FloatGaussian
    >>> FloatGaussian(0.5).marginals((3,)).deviations
    array([0.5, 0.5, 0.5])
    """

    law: str
    deviations: NDArray[np.float64]
