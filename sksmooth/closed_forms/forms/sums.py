r"""Additive regressors: the output under noise is a sum of independent discrete variables.

The steps are rounded, not the probabilities. Each variable's values are moved up to a grid, so that
the sum is larger for certain, and the laws are convolved by the fast Fourier transform; tails of
that sum bound tails of the output from above. Moved down, they bound the other side.

With u = 2**-53, a transform of N numbers, N a power of two, errs by at most ``8 log2(N) u`` times
the norm of its result: each of log2(N) stages by a weight's error, at most 2 u, and by a complex
product and sum, below 6 u (Higham, section 24.1). A law has a norm of at most 1, and its transform
is at most 1 everywhere, so of norm at most the root of N. A product of k transforms errs, in norm,
by at most ``k (8 log2(N) + 3) u`` times that root; the inverse transform divides by the root and
adds an error of its own; and a sum over some of the N numbers errs by at most the root of N times
the norm of the error. That much, `blur`, is added to all tails. It is multiplied by the product of
the laws' sums where these are above 1, since masses are rounded up.

References
----------
N. J. Higham (2002). "Accuracy and Stability of Numerical Algorithms", 2nd edition. SIAM.
"""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, rfft

from ...bounds import radius_of_tails
from ...bounds.rounding import UNIT
from ..inputs import Inputs
from ..outputs import OutputForm, safe_tail
from ..readers import TreeEnsemble
from .additive import masses_of_cells
from .asked import Asked
from .step_functions import StepFunctions, step_functions
from .trees import OfTrees

__all__ = ["Sums"]

_LENGTH = 2**13  # of the grid, for the whole range of the sum

Floats = NDArray[np.float64]


class Sums(OfTrees, OutputForm):
    """A sum of step functions, one of each input.

    Parameters
    ----------
    steps : StepFunctions
        Of one score.
    """

    name = "additive"

    def __init__(self, steps: StepFunctions) -> None:
        self.steps = steps
        values, first = steps.values[0], steps.first_cell
        ends = np.append(first, len(values))[1:]
        self.cells = [slice(i, j) for i, j in zip(first, ends, strict=True)]
        self.rises = steps.jumps(values) > 0
        least = np.array([values[cells].min() for cells in self.cells])
        most = np.array([values[cells].max() for cells in self.cells])
        self.start = float(least.sum() + steps.offsets[0])
        k = len(self.cells)
        # each variable may go beyond its range by a step
        self.length = _LENGTH << (k // 1000).bit_length()
        self.step = float((most - least).sum()) / (self.length - 2 * k - 2)
        self.step = self.step or 1e-12 * max(1.0, abs(self.start))  # of a constant
        size = np.abs(least).sum() + np.abs(most).sum() + abs(float(steps.offsets[0]))
        # the model's rounding, and ours in the values of the grid
        self.error = float(steps.errors[0]) + 16 * UNIT * (k + 4) * float(size)
        # places of each variable's cells on its own grid, below and above their values
        exact = [(values[c] - low) / self.step for c, low in zip(self.cells, least, strict=True)]
        self.places = [
            [np.floor(x * (1 - 8 * UNIT)).astype(np.intp) for x in exact],
            [np.ceil(x * (1 + 8 * UNIT)).astype(np.intp) for x in exact],
        ]
        self.ends = [int(sum(place.max() for place in places)) for places in self.places]

    @classmethod
    def _fits(cls, ensemble: TreeEnsemble) -> bool:
        return ensemble.rule == "sum" and all(len(used) <= 1 for used in ensemble.inputs)

    @classmethod
    def of_trees(cls, ensemble: TreeEnsemble, asked: Asked) -> Self:
        """Add up the step functions of trees that ask for one input each."""
        return cls(step_functions(ensemble))

    def answers(self, inputs: Inputs) -> tuple[Floats, Floats]:
        """Return the sums; near a step, the model may be on the other side of it."""
        affine = inputs.spread.affine
        Z, near = (np.clip(inputs.mean, affine.low, affine.high)), inputs.slack
        same = self.steps.cells(Z - near) == self.steps.cells(Z + near)
        errors = np.where(same.all(axis=1), self.error, np.inf)
        return self.steps.scores(Z)[:, 0], errors

    def _law(self, inputs: Inputs, *, up: bool) -> tuple[Floats, Floats]:
        """Return bounds on the masses of a sum that is larger, or smaller, than the output.

        Returns
        -------
        masses : ndarray of shape (n_rows, length)
            Of the values ``start + i * step``.
        blur : ndarray of shape (n_rows, 1)
            How far a sum of any of them may be below the true one.
        """
        steps, n = self.steps, len(inputs)
        if not self.cells:
            masses = np.zeros((n, self.length))
            masses[:, 0] = 1.0
            return masses, np.zeros((n, 1))
        tails = inputs.tails(steps.column_of_point, steps.points)
        # what is not known of a tail is given to the larger, or the smaller, of two values
        more = (self.rises != up) == tails.left
        masses = masses_of_cells(steps, tails, np.where(more, tails.high, tails.low))
        laws = []
        for cells, places in zip(self.cells, self.places[up], strict=True):
            order = np.argsort(places, kind="stable")
            at, begin = np.unique(places[order], return_index=True)
            laws.append((at, np.add.reduceat(masses[:, cells][:, order], begin, axis=1)))
        room = (1 + inputs.spread.excess) * (1 + 4 * UNIT * (len(self.cells) + self.length))
        found = convolved(laws, self.length) * room
        # rows near the largest floats: anything may be
        unknown = np.isnan(found).any(axis=1) | (inputs.far.max(axis=1, initial=0.0) > 1e290)
        found[unknown] = 1.0
        sums = np.maximum([law.sum(axis=1) for _, law in laws], 1.0)
        return found, blur(len(laws), self.length) * sums.prod(axis=0)[:, None]

    def _above(self, inputs: Inputs) -> Floats:
        """Return bounds on the probability of outputs above each value of the grid."""
        masses, error = self._law(inputs, up=True)
        sums = masses[:, ::-1].cumsum(axis=1)[:, ::-1]
        above = np.append(sums[:, 1:], np.zeros((len(sums), 1)), axis=1) + error
        above[:, self.ends[1] :] = 0.0
        return above

    def _below(self, inputs: Inputs) -> Floats:
        """Return bounds on the probability of outputs below each value of the grid."""
        masses, error = self._law(inputs, up=False)
        sums = masses.cumsum(axis=1)
        below = np.append(np.zeros((len(sums), 1)), sums[:, :-1], axis=1) + error
        below[:, 0] = 0.0
        return below

    def _value(self, place: Any) -> Floats:
        return np.asarray(self.start + place * self.step)

    def quantile(self, inputs: Inputs, q: float) -> Floats:
        """Return the middle between two bounds, at most a few steps of the grid apart."""
        return self._middle(self._below(inputs), self._above(inputs), q)

    def _middle(self, below: Floats, above: Floats, q: float) -> Floats:
        return self._value(0.5 * (self._first(below, q) + self._last(above, 1 - q)))

    def _first(self, below: Floats, tail: float) -> NDArray[np.intp]:
        """Return the place of the largest value with no more than a tail below it."""
        places: NDArray[np.intp] = (below[:, : self.ends[0] + 1] <= tail).sum(axis=1) - 1
        return places

    def _last(self, above: Floats, tail: float) -> NDArray[np.intp]:
        """Return the place of the least value with no more than a tail above it."""
        places: NDArray[np.intp] = (above > tail).sum(axis=1)
        return places

    def bands(self, inputs: Inputs, distances: Sequence[float]) -> tuple[Floats, Floats, Floats]:
        """Return the middles of bounds on medians, and bounds within distances, all of the grid."""
        below, above = self._below(inputs), self._above(inputs)
        lower, upper = np.empty((2, len(below), len(distances)))
        for k, tail in enumerate(map(safe_tail, distances)):
            lower[:, k] = self._value(self._first(below, tail)) - self.error
            upper[:, k] = self._value(self._last(above, tail)) + self.error
        return self._middle(below, above, 0.5), lower, upper

    def reach(self, inputs: Inputs, lower: Floats, upper: Floats) -> Floats:
        """Return the distance that the likelier of both misses proves."""
        high = np.clip((upper - self.error - self.start) / self.step, -1.0, self.length) - 1e-6
        low = np.clip((lower + self.error - self.start) / self.step, 0.0, self.length) + 1e-6
        above, below = self._above(inputs), self._below(inputs)
        lines, last = np.arange(len(inputs)), self.length - 1
        i, j = np.floor(high).astype(np.intp), np.ceil(low).astype(np.intp)
        missed_up = np.where(i < 0, 1.0, above[lines, np.clip(i, 0, last)])
        missed_down = np.where(low <= 1e-6, 0.0, below[lines, np.minimum(j, last)])
        return radius_of_tails(np.minimum(np.maximum(missed_up, missed_down), 1.0))

    def probes(self, Z: Floats) -> Floats:
        """Return inputs on the steps, and just above them."""
        columns, points = self.steps.column_of_point, self.steps.points
        take = np.flatnonzero(np.isfinite(points))
        take = take[np.linspace(0, len(take) - 1, min(len(take), 500)).astype(np.intp)]
        probes = Z[np.arange(2 * len(take)) % len(Z)].copy()
        lines = np.arange(len(take))
        probes[lines, columns[take]] = points[take]
        probes[lines + len(take), columns[take]] = np.nextafter(points[take], np.inf)
        return np.concatenate([Z, probes])

    def rows_at_once(self) -> int:
        """Return for how many rows some megabytes suffice."""
        return max(1, 2**19 // self.length)


def convolved(laws: Sequence[tuple[NDArray[np.intp], Floats]], length: int) -> Floats:
    """Return the law of a sum of independent variables, but for `blur` in a sum of its masses.

    Parameters
    ----------
    laws : sequence of (ndarray of shape (n_values,), ndarray of shape (n_rows, n_values))
        Of each variable the values, whole numbers of 0 or more, and their masses.
    length : int
        A power of two, above the sum of the largest values.

    Returns
    -------
    masses : ndarray of shape (n_rows, length)
        0 or more.
    """
    product: Any = 1.0
    for at, masses in laws:
        law = np.zeros((len(masses), length))
        law[:, at] = masses
        product = product * rfft(law, axis=1)
    return np.maximum(irfft(product, length, axis=1), 0.0)


def blur(n_laws: int, length: int) -> float:
    """Return how far sums of masses of `convolved` laws may be off; see above."""
    stages = length.bit_length()  # one more than there are
    return 8 * (n_laws + 1) * (stages + 1) * UNIT * float(np.sqrt(length))
