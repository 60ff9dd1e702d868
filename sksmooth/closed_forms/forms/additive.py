"""Additive models: the vote of a sum of step functions, one of each input.

Under independent noise the scores, and their differences, are sums of independent discrete
variables. Of two classes, both have the bounds of one sum. Of more, the class that leads loses
where any other beats it: the probabilities of these events are added up.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from ...bounds.rounding import UNIT
from ..form import NotClosedError
from ..inputs import Inputs, Spread
from ..law import Law
from ..numerics.discrete_sum import DiscreteSum
from ..numerics.normal import FLOOR, Tails
from ..readers import TreeEnsemble
from .asked import Asked
from .step_functions import StepFunctions, step_functions
from .trees import TreeForm

__all__ = ["Additive", "masses_of_cells"]

_MOST_CLASSES = 30


class Additive(TreeForm):
    """The class with the largest of some sums of step functions; of two, the sign of one sum.

    Parameters
    ----------
    steps : StepFunctions
        The scores.
    n_classes : int
        Two for one score, else as many as there are scores.
    spread : Spread
        The noise.
    """

    name = "additive"
    prunes = True

    def __init__(self, steps: StepFunctions, n_classes: int, spread: Spread) -> None:
        self.steps, self.n_classes, self.spread = steps, n_classes, spread
        self.complete = n_classes == 2
        self._sum: _Margin | None = None

    @classmethod
    def _fits(cls, ensemble: TreeEnsemble) -> bool:
        return ensemble.rule != "predict" and all(len(used) <= 1 for used in ensemble.inputs)

    @classmethod
    def of_trees(cls, ensemble: TreeEnsemble, asked: Asked) -> Self:
        """Add up the step functions of an ensemble."""
        if ensemble.n_classes > _MOST_CLASSES:
            raise NotClosedError(f"more than {_MOST_CLASSES} classes")
        return cls(step_functions(ensemble), ensemble.n_classes, asked.spread)

    def law(self, inputs: Inputs, of: NDArray[np.intp] | None = None) -> Law:
        """Return the law: a bracket for two classes, a union bound for more."""
        n, k = len(inputs), self.n_classes
        upper, miss = np.ones((n, k)), np.ones((n, k))
        steps = self.steps
        tails = inputs.tails(steps.column_of_point, steps.points)
        scores = steps.means(np.where(tails.left, 1.0 - tails.high, tails.high))
        if k == 2:
            signs = np.where(scores[:, 0] > 0, 1.0, -1.0)
            lost, kept = self._margin(1, 0).tails(tails, signs)
            second = signs > 0
            upper[:, 0] = np.where(second, lost, 1 - kept)
            upper[:, 1] = np.where(second, 1 - kept, lost)
            miss = upper[:, ::-1].copy()
        else:
            of = scores.argmax(axis=1) if of is None else of
            for a in np.unique(of):
                rows = np.flatnonzero(of == a)
                part = Tails(tails.low[rows], tails.high[rows], tails.left[rows])
                rivals = np.argsort(-scores[rows].mean(axis=0), kind="stable")
                self._of_class(int(a), rivals[rivals != a], part, upper, miss, rows)
        room = (1 + self.spread.excess) * (1 + 4 * UNIT)
        upper, miss = (np.minimum(bound * room + FLOOR, 1.0) for bound in (upper, miss))
        beyond = inputs.far.max(axis=1, initial=0.0) > 1e290  # where trees' points end
        upper[beyond], miss[beyond] = 1.0, 1.0
        return Law(upper, miss)

    def _of_class(
        self,
        a: int,
        rivals: NDArray[np.intp],
        tails: Tails,
        upper: NDArray[np.float64],
        miss: NDArray[np.float64],
        rows: NDArray[np.intp],
    ) -> None:
        """Fill in what is known of class a, and of the others as its rivals."""
        total = np.zeros(len(rows))
        signs = np.ones(len(rows))
        for c in rivals:
            # of what is next to nothing beside the rivals before, a rough bound will do
            lost, kept = self._margin(a, int(c)).tails(tails, signs, 0.003 * total)
            upper[rows, c] = lost
            upper[rows, a] = np.minimum(upper[rows, a], 1 - kept)
            total += lost
        miss[rows, a] = total * (1 + 2 * self.n_classes * UNIT)

    def _margin(self, a: int, c: int) -> "_Margin":
        """Return by how much class a leads class c."""
        s = self.steps
        if self.n_classes > 2:  # tables of all pairs would take much memory
            values, offset = s.values[a] - s.values[c], s.offsets[a] - s.offsets[c]
            return _Margin(s, values, float(offset), float(2 * (s.errors[a] + s.errors[c])))
        if self._sum is None:
            self._sum = _Margin(s, s.values[0], float(s.offsets[0]), float(s.errors[0]))
        return self._sum

    def decide(self, Z: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return the classes with the largest scores; near a step they are not sure."""
        scores = self.steps.scores(Z)
        if self.n_classes == 2:
            scores = np.concatenate([np.zeros_like(scores), scores], axis=1)
        first, second = -np.sort(-scores, axis=1)[:, :2].T
        sure = first - second > 4 * self.steps.errors.max()
        reach = self.spread.affine.reach(40 * self.spread.sigma)
        near = 1e-9 * (np.abs(Z) + reach)
        same = self.steps.cells(Z - near) == self.steps.cells(Z + near)
        return scores.argmax(axis=1), sure & same.all(axis=1)

    def cuts(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Return the steps of all functions."""
        return self.steps.column_of_point, self.steps.points

    def probes(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return some inputs, one coordinate of each moved into another cell."""
        places = []
        for column, points in self.steps.axes:
            points = points[np.isfinite(points)]
            if len(points):
                ends = points[0] - 1, *(0.5 * (points[1:] + points[:-1])), points[-1] + 1
                places += [(column, end) for end in ends]
        if not places:
            return Z
        take = np.linspace(0, len(places) - 1, min(len(places), 500)).astype(np.intp)
        probes = Z[np.arange(len(take)) % len(Z)]
        for probe, number in zip(probes, take, strict=True):
            column, probe_at = places[number]
            probe[column] = probe_at
        return probes

    def rows_at_once(self) -> int:
        """Return for how many rows the masses of all cells are at hand together."""
        size = 2**19 if self.n_classes == 2 else 2**21  # tables are made for each pair of classes
        return int(np.clip(size // max(self.steps.values.shape[1], 1), 64, 1024))


class _Margin:
    """A sum of step functions that is positive where a class wins."""

    def __init__(
        self, steps: StepFunctions, values: NDArray[np.float64], offset: float, band: float
    ) -> None:
        self.steps, self.offset, self.band = steps, offset, band
        self.sum: DiscreteSum | None = None
        if len(values):
            self.rises = steps.jumps(values) > 0
            self.sum = DiscreteSum(values, steps.first_cell, offset, band)

    def tails(
        self,
        tails: Tails,
        signs: NDArray[np.float64],
        enough: NDArray[np.float64] | float = 0.0,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Bound the probability of losing, or of winning where the sign is -1.

        Returns
        -------
        upper, lower : ndarray of shape (n,)
            Upper bound on the probability of a sum that may be on the other side, lower bound on
            that of one that certainly is.

        Notes
        -----
        Each mass below a point is known up to the bounds on its tails. Moving it to that end at
        which the lower one of two values next to each other gets more makes a sum that is lower
        with probability 1, if both are functions of the same uniform variable. Where points are
        out of order then, negative masses are taken for 0, which makes any tail larger.
        """
        if self.sum is None:
            lost = signs * self.offset <= self.band
            won = signs * self.offset < -self.band
            return lost.astype(np.float64), won.astype(np.float64)
        more = (self.rises == (signs > 0)[:, None]) == tails.left
        masses = masses_of_cells(self.steps, tails, np.where(more, tails.high, tails.low))
        upper, lower = self.sum.tails(masses, signs, enough)
        # the other way the masses are off by no more than this
        off = (tails.high - tails.low).sum(axis=1) + 4 * UNIT * masses.shape[1]
        lower = np.where(off < 0.3, lower - 3 * off, 0.0)
        return np.minimum(upper, 1.0), np.maximum(lower, 0.0)


def masses_of_cells(
    steps: StepFunctions, tails: Tails, chosen: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the masses of all cells, rounded up, from the chosen tail at each point."""
    n, n_cells = len(chosen), steps.values.shape[1]
    # Between the inputs' points there is one more, at infinity, with no tail.
    inner = np.ones(n_cells + 1, dtype=bool)
    inner[np.append(steps.first_cell, n_cells)] = False
    signed = np.zeros((n, n_cells + 1))
    signed[:, inner] = np.where(tails.left, chosen, -chosen)
    masses = signed[:, 1:] - signed[:, :-1]
    left = np.zeros((n, n_cells + 1), dtype=bool)
    left[:, inner] = tails.left
    starts = left[:, :-1] | ~inner[:-1]
    middle = starts & ~left[:, 1:]  # the cell that the mean is in
    masses += middle
    np.maximum(masses, 0.0, out=masses)
    masses *= 1 + 2 * UNIT
    masses += 2 * UNIT * middle
    return masses
