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
    tv_error : ndarray of shape (n_samples,)
        Probability, at most, with which a vote is not that of the base on ideal noise.
    taken : tuple of str, default=()
        Names of the shortcuts that led here.
    """

    estimator: Any
    answers: NDArray[Any]
    frame: FrameMaker | None
    backend: Backend
    X: NDArray[np.floating]
    noise: Noise
    tv_error: NDArray[np.float64]
    taken: tuple[str, ...] = ()

    def then(self, name: str, **changes: Any) -> "Problem":
        """Return the problem after a shortcut."""
        return dataclasses.replace(self, taken=(*self.taken, name), **changes)

    def sample(self, n: int = 200) -> NDArray[np.floating]:
        """Return noisy rows for trying out a shortcut, always the same for the same problem."""
        rng = np.random.default_rng(0)
        rows = self.X[rng.integers(len(self.X), size=n)]
        noise = rng.standard_normal(rows.shape) * self.noise.deviations(rows.shape[1:])
        return (rows + noise).astype(rows.dtype)
