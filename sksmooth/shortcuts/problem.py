"""What is to be counted: the votes of a classifier on noisy copies of some rows."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends import Backend, FrameMaker
from ..noise import Noise

__all__ = ["Problem"]


@dataclasses.dataclass(frozen=True)
class Problem:
    """Rows, noise, and a classifier.

    Parameters
    ----------
    estimator : fitted classifier
        The base classifier, or what is left of it.
    answers : ndarray of shape (n_classes,)
        What it predicts for each class code.
    frame : FrameMaker or None
        Turns arrays into the frames that the estimator expects.
    backend : Backend
        Gives its votes.
    X : ndarray of shape (n_samples, *shape)
        Rows.
    noise : Noise
        Around the rows.
    taken : tuple of str, default=()
        Names of the shortcuts that led here.
    """

    estimator: Any
    answers: NDArray[Any]
    frame: FrameMaker | None
    backend: Backend
    X: NDArray[np.floating]
    noise: Noise
    taken: tuple[str, ...] = ()

    def then(self, name: str, **changes: Any) -> "Problem":
        """Return the problem after a shortcut."""
        return dataclasses.replace(self, taken=(*self.taken, name), **changes)
