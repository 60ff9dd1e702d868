"""Splitting noise, as users write it."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .base import Noise
from .sigma import check_scale
from .specification import Rows, Specification
from .split_noise import SplitNoise

__all__ = ["Split"]


@dataclasses.dataclass(frozen=True)
class Split(Specification):
    r"""Noise that splits the range of each feature into cells: L1 certificates without sampling.

    The base sees in which cell each value lies, of a partition into cells of width
    :math:`2 \lambda`, and all partitions are shifted together [1]_. On a grid there are so few
    shifts, ``m = 2 * scale * levels``, that the base is asked about all of them: certificates hold
    for certain, for any base, nets included. ``method="montecarlo"`` draws shifts all the same.

    The grid is that of the bytes of images, 1/255 or 1, if the training rows are such images;
    otherwise features with noise have to be whole numbers. Rows that are not on the grid are
    refused, and **certificates speak of rows on it**. If a classifier rounds its rows to the grid
    first, an attacker may use other numbers: a change of a little more than half a step becomes a
    whole one. Then the radius is half as large, measured from the row on the grid.

    The smoother's `sigma` is not used. Where cells begin is fixed, differently for each feature,
    and is no secret: certificates hold wherever that is.

    Parameters
    ----------
    scale : float, sequence of float, or dict
        Half the width of a cell, :math:`\lambda`, in the units of the inputs; or one for each
        feature, in the order of a flattened row, with 0 for those that nobody can change. A dict
        names columns, or has their positions as keys; all others have 0, and reach the base as they
        are. A cell has a whole number of steps of the grid. With a single number radii are L1
        distances, whole numbers of steps, and reached: a row at that distance has the same label.
        Otherwise they are L1 lengths of ``delta / scale``, and m is the least common multiple of
        the cells' steps.

    See Also
    --------
    SplitNoise : The noise itself.
    Uniform : Independent noise with the same radii, for rows on no grid.

    References
    ----------
    .. [1] A. Levine and S. Feizi (2021). "Improved, Deterministic Smoothing for L1 Certified
       Robustness". ICML. arXiv:2103.10834.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.noise import Split
    >>> X, y = load_digits(return_X_y=True)  # whole numbers from 0 to 16
    >>> base = ExtraTreesClassifier(n_estimators=20)
    >>> clf = SmoothedClassifier(base, noise=Split(scale=12.0), n_augment=4, random_state=0)
    >>> certificate = clf.fit(X[100:], y[100:]).certify(X[:5])
    >>> certificate.labels
    array([0, 1, 2, 3, 4])
    >>> certificate.norm, certificate.form, certificate.alpha, float(certificate.radii.max())
    ('l1', 'enumerated', 0.0, 12.0)
    """

    scale: float | tuple[float, ...] | dict[Any, float] = dataclasses.field(hash=False)
    additive = False

    def __post_init__(self) -> None:
        if isinstance(self.scale, Mapping):
            object.__setattr__(self, "scale", dict(self.scale))
        elif isinstance(self.scale, Iterable) and not isinstance(self.scale, str):
            object.__setattr__(self, "scale", tuple(self.scale))  # hashable

    def still(self, n_columns: int, names: Sequence[str] | None) -> list[bool]:
        """Return which columns have a scale of 0."""
        scales = self._scales(n_columns, names)
        return [len(scales) == n_columns and scale == 0 for scale in scales]

    def _scales(self, n: int, names: Sequence[str] | None) -> tuple[Any, ...]:
        """Return a scale for each value, as given."""
        if isinstance(self.scale, tuple):
            return self.scale
        if not isinstance(self.scale, dict):
            return (self.scale,) * n
        by_place = all(isinstance(key, int) for key in self.scale)
        called: list[Any] = list(range(n)) if names is None or by_place else list(names)
        unknown = [key for key in self.scale if key not in called]
        if unknown:
            raise ValueError(
                f"scale names the columns {unknown[:5]}, which X did not have in fit. It had "
                f"{called[:5]}{' and others' if len(called) > 5 else ''}."
            )
        return tuple(self.scale.get(name, 0.0) for name in called)

    def bind(self, rows: Rows) -> Noise:
        """Return the `SplitNoise` for rows of a shape and grid.

        Parameters
        ----------
        rows : Rows
            Their shape and grid.

        Returns
        -------
        noise : SplitNoise
            In integers.
        """
        rows.refuse_float("Split")
        size = math.prod(rows.shape)
        scales = self._scales(size, rows.names)
        if len(scales) != size:
            raise ValueError(
                f"scale has {len(scales)} numbers, but rows have {size} values. Pass one number "
                "for all, or one for each."
            )
        levels = rows.levels or 1
        of_scale = {scale: _period(scale, levels) for scale in dict.fromkeys(scales)}
        periods = tuple(of_scale[scale] for scale in scales)
        # whoever sees images of bytes knows their range
        low, high = (None, None) if rows.levels is None else (0, 255)
        return SplitNoise(levels, periods, _starts(periods), low, high)


def _period(scale: Any, levels: int) -> int:
    """Return the width of cells, twice a scale, in steps of a grid; refuse what is no number."""
    if not isinstance(scale, bool) and scale == 0:
        return 0
    steps = 2 * check_scale("scale", scale) * levels
    nearest = max(2, round(steps))
    if abs(steps - nearest) > 1e-9 * nearest:
        grid = "1" if levels == 1 else f"1/{levels}"
        raise ValueError(
            f"scale={scale!r} makes cells of {steps:.6g} steps of the grid, each {grid}: twice the "
            f"scale has to be a whole number of steps, 2 or more. The nearest such scale is "
            f"{nearest / (2 * levels)!r}."
        )
    return nearest


def _starts(periods: tuple[int, ...]) -> tuple[int, ...]:
    """Return where cells start: the same in every run, and for each feature another place."""
    words = np.random.Philox(key=0).random_raw(len(periods)) >> np.uint64(32)
    wide = np.maximum(np.array(periods, dtype=np.uint64), np.uint64(1))
    return tuple((words % wide).tolist())
