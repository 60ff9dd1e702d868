"""Models that are asked, once and for all, for their answers on parts of the space of inputs."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..inputs import Spread

__all__ = ["Asked"]


@dataclasses.dataclass(frozen=True)
class Asked:
    """A model that is asked for its answers on parts of the space of its inputs.

    Attributes
    ----------
    model : fitted classifier or regressor
        The model.
    spread : Spread
        The noise on its inputs.
    known : ndarray of shape (n_inputs,), bool
        Inputs that have the same value wherever it is asked.
    values : ndarray of shape (n_inputs,)
        These values, NaN for missing ones.
    """

    model: Any
    spread: Spread
    known: NDArray[np.bool_]
    values: NDArray[np.float64]

    def inputs(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return inputs as the model gets them, after what is known has been put in their place."""
        rows[:, self.known] = self.values[self.known]
        return self.spread.asked(rows)
