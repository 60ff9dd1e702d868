"""The points that an attack may reach. Knows nothing of models."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..noise import Norm

__all__ = ["Ball", "check_clip", "check_radius"]

Array = NDArray[np.float64]


def check_clip(clip: Any, X: NDArray[np.floating]) -> tuple[Any, Any] | None:
    """Return bounds on values in the precision of X, after checking that X keeps to them."""
    if clip is None:
        return None
    try:
        low, high = (np.broadcast_to(np.asarray(c, dtype=X.dtype), X.shape[1:]) for c in clip)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "clip must be a pair (low, high) of numbers, or of arrays of the shape of a row, "
            f"{X.shape[1:]}; got {clip!r}."
        ) from error
    if not np.all((low <= X) & (high >= X)):
        raise ValueError(
            f"X has values from {X.min():g} to {X.max():g}, outside of clip={clip!r}: clipping "
            "would move rows before they are attacked. Give the range of your data."
        )
    return low, high


@dataclasses.dataclass(frozen=True)
class Ball:
    """A ball around each of some rows, cut off where values leave their range.

    Perturbations are float64 and in the units of the rows. Their length is measured in the norm of
    the noise; features that the norm does not let change stay as they are.

    Parameters
    ----------
    X : ndarray of shape (n_samples, *shape), float32 or float64
        Rows.
    radius : ndarray of shape (n_samples,)
        Radii.
    norm : Norm
        Measures lengths.
    clip : pair of ndarray, or None
        Least and greatest values, as of `check_clip`.
    """

    X: NDArray[np.floating]
    radius: Array
    norm: Norm
    clip: tuple[Any, Any] | None = None

    def __getitem__(self, rows: Any) -> "Ball":
        return dataclasses.replace(self, X=self.X[rows], radius=self.radius[rows])

    def step(self, gradient: Array, size: Array) -> Array:
        """Return the steps of lengths `size` that rise the fastest; none where nothing rises."""
        return self.norm.steepest(gradient, size)

    def project(self, delta: Array) -> Array:
        """Return the perturbations brought back into the balls, and then into the range.

        The row itself is in the range, so that clipping brings no value further away from it.
        """
        delta = self.norm.project(delta, self.radius)
        if self.clip is not None:
            rows = self.X.astype(np.float64)
            delta = np.clip(rows + delta, *self.clip) - rows
        return delta

    def random(self, keys: NDArray[np.uint64]) -> Array:
        """Return perturbations from all over the balls; `keys` seed them, row by row."""
        delta = np.empty(self.X.shape)
        for i, key in enumerate(keys):
            rng = np.random.Generator(np.random.Philox(key=key))
            delta[i] = self.norm.random(rng, float(self.radius[i]), self.X.shape[1:])
        return self.project(delta)

    def points(self, delta: Array) -> NDArray[np.floating]:
        """Return the perturbed rows in the rows' own precision, rounding included in the balls."""
        rows = self.X.astype(np.float64)
        delta = self.project(delta)
        moved = (rows + delta).astype(self.X.dtype)
        for shrink in (1e-7, 1e-6, 1e-4, 1e-2, 1.0):  # the last gives the rows themselves
            far = self.distance(moved) > self.radius
            if not far.any():
                break
            delta[far] *= 1.0 - shrink
            moved[far] = (rows[far] + delta[far]).astype(self.X.dtype)
        return moved

    def distance(self, moved: NDArray[np.floating]) -> Array:
        """Return how far rows have been moved, in the norm of the noise."""
        return self.norm.length(moved.astype(np.float64) - self.X.astype(np.float64))


def check_radius(name: str, value: ArrayLike, n: int, *, positive: bool = False) -> Array:
    """Return a length for each of n rows."""
    try:
        values = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.full(1, np.nan)
    fits = values.shape in ((), (n,)) and np.all(np.isfinite(values) & (values >= 0))
    if not fits or (positive and not np.all(values > 0)):
        raise ValueError(
            f"{name} must be a finite number {'above 0' if positive else 'of 0 or more'}, or one "
            f"for each of the {n} rows; got {value!r}."
        )
    return np.broadcast_to(values, (n,)).copy()
