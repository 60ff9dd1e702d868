"""Noise as a model behind a Pipeline sees it: pushed through the steps, rounding bounded."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ..bounds.rounding import UNIT
from ..introspection import AffineMap, after
from ..noise import Replaced
from .numerics.laws import NORMAL, Law1D
from .numerics.normal import REACH, Tails
from .numerics.replacing import EDGE, MISSING, Replacing

__all__ = ["Inputs", "Spread", "lengths"]


@dataclasses.dataclass(frozen=True)
class Spread:
    """Noise on a model's inputs: the same around every row.

    Attributes
    ----------
    affine : AffineMap
        From rows to inputs.
    sigma : ndarray of shape (n_features,)
        Standard deviations of the noise on the rows, and behind them on what encoders return; 0
        where there is none, and 1 for what is replaced.
    unit : float
        Rounding error of one operation of the pipeline, relative: 2**-53 for float64 rows.
    factor : ndarray of shape (n_inputs, n_features) or (n_features,)
        Noise on the inputs is this matrix times standard normals. Of one dimension, a diagonal.
    scale : ndarray of shape (n_inputs,)
        Standard deviations of the noise on the inputs.
    excess : float
        Where the inputs' noise is all but independent, the probability of anything is at most this
        much, relative, larger or smaller than if it were independent with the deviations `scale`;
        infinite where it is not.
    law : Law1D
        The law of the noise on a value, over its width: what is called its deviation here.
    replaced : mapping of int to Replacing
        What takes the place of inputs, by the number of the one that stands for them. No other
        inputs depend on their columns.
    laws : mapping of int to Replaced
        The laws of all columns that are replaced, be it that the model sees them or not.
    """

    affine: AffineMap
    sigma: NDArray[np.float64]
    unit: float
    factor: NDArray[np.float64]
    scale: NDArray[np.float64]
    excess: float
    law: Law1D = NORMAL
    replaced: Mapping[int, Replacing] = dataclasses.field(default_factory=dict)
    laws: Mapping[int, Replaced] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(
        cls,
        affine: AffineMap,
        sigma: NDArray[np.float64],
        unit: float = UNIT,
        law: Law1D = NORMAL,
        replaced: Mapping[int, Replacing] = MappingProxyType({}),
        laws: Mapping[int, Replaced] = MappingProxyType({}),
    ) -> "Spread":
        """Return what the steps make of independent noise on the rows."""
        sigma = np.append(sigma, np.zeros(len(affine.used) - len(sigma)))  # encoders' outputs
        factor = affine.matrix * sigma
        excess, used = 0.0, factor != 0
        if factor.ndim == 1:
            scale = np.abs(factor)
        elif np.all(used.sum(axis=1) <= 1) and np.all(used.sum(axis=0) <= 1):
            scale = np.abs(factor).max(axis=1, initial=0.0)
        else:
            scale = lengths(factor)
            # how far off the matrix may be, by the rounding of its making
            off = 2 * (affine.roundings + 4) * UNIT * lengths(affine.sizes * sigma)
            # only normal noise is independent again where it is turned
            excess = _excess(factor, scale, off) if law.name == "normal" else np.inf
        return cls(affine, sigma, unit, factor, scale, excess, law, replaced, laws)

    def behind(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return linear functions of the inputs as functions of standard normals."""
        return after(rows, self.factor)

    def sizes_behind(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the same with absolute values throughout, of which rounding is a part."""
        return after(np.abs(rows), self.affine.sizes) * self.sigma

    @property
    def clips(self) -> bool:
        """Whether inputs with noise are clipped."""
        ends = np.isfinite(self.affine.low) | np.isfinite(self.affine.high)
        return bool(np.any(ends & (self.scale > 0)))

    @property
    def independent(self) -> bool:
        """Whether the inputs' noise may be taken to be independent."""
        return self.excess < 1e-6

    @property
    def go(self) -> NDArray[np.bool_]:
        """Which inputs come from values that noise makes missing."""
        gone = [k for k, to in self.replaced.items() if to.goes]
        return np.isin(np.arange(len(self.scale)), gone)

    def around(self, X: NDArray[np.floating]) -> "Inputs":
        """Return the inputs that the model gets around some rows."""
        rows = X.astype(np.float64)
        # No number on the way is larger than this, unless noise is beyond its reach.
        far = self.affine.reach(np.abs(rows) + self.law.reach * self.sigma) * (1 + 1e-9)
        slack = 2 * (self.affine.roundings + 2) * self.unit * far
        still = self.scale == 0
        still[list(self.replaced)] = True  # the row's own value is no part of a density either
        slack[:, still & self.affine.untouched] = 0.0  # then the model gets just that
        mean = self.affine.unclipped(rows)
        mean[:, still] = np.clip(mean, self.affine.low, self.affine.high)[:, still]
        return Inputs(self, mean, slack, far, rows)

    def inputs_of(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the inputs of extended rows, in which NaN stands for missing values.

        Nothing depends on what is missing where that is not due to noise.
        """
        Z = self.affine(np.where(np.isnan(X), 0.0, X))
        for k, to in self.replaced.items():
            if to.goes:  # numbers stay apart from what stands for missing ones
                numbers = np.maximum(Z[:, k], np.nextafter(EDGE, 0.0))
                Z[:, k] = np.where(np.isnan(X[:, to.column]), MISSING, numbers)
            else:
                Z[:, k] = to.law.places(X[:, to.column])
        return Z

    def asked(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return inputs as the model gets them, where noise makes something else of them."""
        Z = Z.copy()
        for k, to in self.replaced.items():
            if to.goes:
                Z[Z[:, k] <= EDGE, k] = to.images[0, 0]
            else:
                Z[:, to.inputs] = to.images[np.searchsorted(to.cuts, Z[:, k])]
        return Z


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What a model gets around some rows.

    Attributes
    ----------
    spread : Spread
        The noise.
    mean : ndarray of shape (n_rows, n_inputs)
        Inputs without noise, before those with noise are clipped.
    slack : ndarray of shape (n_rows, n_inputs)
        What the model gets for a noisy row is not farther than this, in each coordinate, from
        `mean` plus the noise of real arithmetic. (For noise within reach: the probability of more
        is far below what `normal.FLOOR` adds to every upper bound.)
    far : ndarray of shape (n_rows, n_inputs)
        The absolute value of no input is larger, for noise within reach, but for replaced ones.
    rows : ndarray of shape (n_rows, n_features)
        The rows.
    """

    spread: Spread
    mean: NDArray[np.float64]
    slack: NDArray[np.float64]
    far: NDArray[np.float64]
    rows: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.mean)

    def __getitem__(self, rows: slice | NDArray[np.intp]) -> "Inputs":
        parts = (part[rows] for part in (self.mean, self.slack, self.far, self.rows))
        return Inputs(self.spread, *parts)

    def tails(self, columns: NDArray[np.intp], points: NDArray[np.float64]) -> Tails:
        """Return the masses beyond points on the inputs' axes, of shape (n_rows, n_points)."""
        tails = self.spread.law.tails(self, columns, points)
        infinite = np.full(len(points), np.inf)
        for k in self.spread.replaced.keys() & set(columns.tolist()):
            at = columns == k
            low, high = self.replaced(k, -infinite[at], points[at])
            left = high <= 0.5
            above = self.replaced(k, points[at], infinite[at])
            tails.left[:, at] = left
            tails.low[:, at] = np.where(left, low, above[0])
            tails.high[:, at] = np.where(left, high, above[1])
        return tails

    def replaced(
        self, column: int, low: NDArray[np.float64], high: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return bounds on the masses of intervals of a replaced input: see `Replacing.masses`."""
        to = self.spread.replaced[column]
        values, points, slack = self.rows[:, to.column], self.mean[:, column], self.slack[:, column]
        if not to.goes:
            points, slack = to.law.places(values).astype(np.float64), np.zeros(len(values))
        return to.masses(values, points, slack, low, high)

    def standardised(
        self, columns: NDArray[np.intp], points: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return where points on the inputs' axes lie, in standard deviations from the mean.

        Parameters
        ----------
        columns : ndarray of shape (n_points,), int
            The input that each point belongs to.
        points : ndarray of shape (n_points,)
            Points, infinite ones among them.

        Returns
        -------
        z, slack : ndarray of shape (n_rows, n_points)
            For `normal.Tails.at`. An input without noise gives infinite z.
        """
        scale, affine = self.spread.scale[columns], self.spread.affine
        if self.spread.clips:  # beyond the ends are all clipped inputs, or none
            points = np.where(points >= affine.high[columns], np.inf, points)
            points = np.where(points < affine.low[columns], -np.inf, points)
        gap = points - self.mean[:, columns]
        with np.errstate(divide="ignore", invalid="ignore"):
            z = gap / scale
            # the difference, the quotient, and scale itself, are rounded
            slack = np.abs(z)
            slack *= 2 * (self.spread.affine.roundings + 4) * UNIT
            slack += ((self.slack + 4 * UNIT * np.abs(self.mean)) / self.spread.scale)[:, columns]
            slack += 4 * UNIT * np.abs(points) / scale
        infinite = np.isinf(points)
        still = (scale == 0) & ~infinite
        z[:, infinite], slack[:, infinite] = points[infinite], 0.0
        if still.any():
            # without noise: on one side for certain, or too near to tell
            z = np.where(still, np.where(gap >= 0, np.inf, -np.inf), z)
            near = self.slack[:, columns]
            unsure = (np.abs(gap) <= near) & (near > 0)
            slack = np.where(still, np.where(unsure, np.inf, 0.0), slack)
        return z, slack


def _excess(
    factor: NDArray[np.float64], scale: NDArray[np.float64], off: NDArray[np.float64]
) -> float:
    """Bound how much the correlations of the inputs' noise can change any probability.

    Each line of `factor` is known up to a vector of length `off`. With C the correlation matrix and
    d the norm of its difference from the identity, the ratio of the two normal densities is at most
    ``exp(k d + d r**2 / 2 / (1 - d))`` within distance r of their centre, in k dimensions.
    """
    factor, off, scale = (part[scale > 0] for part in (factor, off, scale))
    unit_rows = factor / scale[:, None]
    k = len(scale)
    d = float(np.linalg.norm(unit_rows @ unit_rows.T - np.eye(k)))
    d += 4 * k * (factor.shape[1] + 4) * UNIT  # their own rounding
    d += 4 * float(np.linalg.norm(off / scale))
    if not d < 1e-3:
        return np.inf
    r = REACH + np.sqrt(k)
    return float(np.expm1(k * d + 0.5 * d * r * r / (1 - d)) * (1 + 1e-6))


def lengths(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the norms of the rows of a matrix, also where squares would be too small or large."""
    largest = np.abs(rows).max(axis=1, initial=0.0)
    unit = np.where(largest > 0, largest, 1.0)
    return unit * np.sqrt(((rows / unit[:, None]) ** 2).sum(axis=1))
