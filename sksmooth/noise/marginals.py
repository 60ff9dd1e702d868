"""What closed forms need of a noise: independent values, and the law of each."""

import dataclasses
from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

__all__ = ["Marginals", "Replaced"]


@dataclasses.dataclass(frozen=True)
class Replaced:
    """The law of a value that others may take the place of, each of them with the same chance.

    Parameters
    ----------
    values : tuple of float
        Those that may take its place: finite ones in ascending order, or NaN alone.
    leaves : tuple of Fraction
        For each of them the probability that, where it is the row's own, another one takes its
        place.
    unknown : Fraction or None
        The probability that one of them takes the place of a value that is none of them. None if
        there may be no such value in a row, and none that is missing.

    Examples
    --------
    >>> from sksmooth.noise import BinaryFlipNoise
    >>> noise = BinaryFlipNoise.turning(add=0.25, remove=0.5, n_columns=3)
    >>> noise.marginals((3,)).replaced[0]
    Replaced(values=(0.0, 1.0), leaves=(Fraction(1, 4), Fraction(1, 2)), unknown=None)
    """

    values: tuple[float, ...]
    leaves: tuple[Fraction, ...]
    unknown: Fraction | None


@dataclasses.dataclass(frozen=True, eq=False)
class Marginals:
    """Independent noise on each value of a row.

    Parameters
    ----------
    law : {"normal", "uniform", "laplace"}
        Name of the law of what is added to a value, over its width. Closed forms know no others.
    deviations : ndarray of the shape of a row
        Width of what is added to each value: the standard deviation of a normal law, half the width
        of a uniform one, the mean size of a Laplace one; 0 where nothing is.
    replaced : mapping of int to Replaced, default={}
        The laws of values that are replaced, by their places in a flattened row.

    Examples
    --------
    >>> from sksmooth.noise import FloatGaussian
    >>> FloatGaussian(0.5).marginals((3,)).deviations
    array([0.5, 0.5, 0.5])
    """

    law: str
    deviations: NDArray[np.float64]
    replaced: Mapping[int, Replaced] = dataclasses.field(default_factory=dict)

    @classmethod
    def of_replaced(cls, shape: tuple[int, ...], replaced: Mapping[int, Replaced]) -> "Marginals":
        """Return the laws of rows in which values are replaced, and nothing is added to any.

        Parameters
        ----------
        shape : tuple of int
            Shape of a row.
        replaced : mapping of int to Replaced
            The laws of values that are replaced, by their places in a flattened row.

        Returns
        -------
        marginals : Marginals
            All of them.
        """
        return cls("normal", np.zeros(shape), replaced)
