"""What smoothed estimators hold: parameters, and what `fit` notes for the functions around them."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends import FrameMaker

__all__ = ["Calibrated", "Calibration", "Smoothed", "SmoothedClasses"]


class Smoothed:
    """An estimator with a base that it smooths, of whatever task."""

    # parameters
    estimator: Any
    sigma: Any
    units: Any
    noise: Any
    arithmetic: str
    method: str
    n: int
    n0: int
    n_predict: int
    alpha: float
    n_augment: int
    stream: str
    batch_size: int | None
    n_jobs: int | None
    random_state: Any

    # of `fit`
    estimator_: Any
    units_: tuple[float, ...] | None
    _seed: bytes
    _row_shape: tuple[int, ...]
    _gaps: NDArray[np.bool_]  # values that some training row lacks
    _levels: int | None  # grid of images of bytes
    _categories: tuple[tuple[float, ...], ...] | None  # values of columns that are replaced
    _kinds: tuple[str, ...] | None  # of the columns of a table
    _frame: FrameMaker | None  # makes of an array the table that the base takes


class SmoothedClasses(Smoothed):
    """A classifier that smooths a classifier."""

    sequential_predict: bool
    abstain_label: Any
    shortcuts: Any

    classes_: NDArray[Any]
    abstain_label_: Any
    _answers: NDArray[Any]  # of the base, one for each class


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration:
    """What is kept of the calibration rows.

    Attributes
    ----------
    scores : ndarray of shape (n_calibration,)
        Rising.
    rank : int or None
        Of the draw that each is; None if they were computed.
    n : int
        Draws of each row.
    settings : dict
        Parameters that must not change afterwards, since the threshold would be another one.
    n_unknown : int, default=0
        Rows whose label the base does not know.
    base : str or None
        Content of the base before it was asked. None if it cannot be read; or if it changes by
        being asked, and the scores do not.
    """

    scores: NDArray[np.float64]
    rank: int | None
    n: int
    settings: dict[str, Any]
    n_unknown: int = 0
    base: str | None = None


class Calibrated:
    """An estimator that makes prediction sets or intervals around a smoothed one."""

    sigma: Any
    units: Any
    n: int
    stream: str
    batch_size: int | None
    n_jobs: int | None
    radius: float
    confidence_level: Any
    quantile: Any
    conformity_score: Any

    estimator_: Any  # the smoothed one
    classes_: NDArray[Any]  # for sets
    _calibration: Calibration
