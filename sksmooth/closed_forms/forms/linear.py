r"""Linear classifiers: half-spaces, and intersections of them.

Of two classes, the smoothed classifier is the linear one itself, and its radius is the distance to
the plane (Propositions 3 to 5 of arXiv:1902.02918). Of more, class A loses where any other class c
beats it: :math:`w_c^T z + b_c \ge w_A^T z + b_A`. Each of these events has a normal probability,
any two of them a bivariate normal one. Hunter's inequality bounds the probability of their union
from above by the sum of the former less those of the latter that make up a spanning tree. For three
classes that is the union's probability itself.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import owens_t
from sklearn.neighbors import NearestCentroid
from sklearn.svm import SVC, NuSVC

from ...bounds.rounding import UNIT
from ...introspection import after
from ...introspection.linear import LINEAR_MODELS, LinearScores, linear_scores
from ..decisions import DECIDING, decision_of
from ..form import Form, NotClosedError
from ..inputs import Inputs, Spread, lengths
from ..law import Law
from ..numerics.normal import FLOOR, REACH, Tails, tail_bounds

__all__ = ["Linear", "both_exceed"]

_MOST_CLASSES = 100
_MOST_RIVALS = 12  # of which pairs are looked at
_LEAST = 1e-150  # a deviation, of which the square is no rounded 0
_PAIR_ERROR = 1e-13  # absolute, of a bivariate probability by Owen's function


class Linear(Form):
    """The class with the largest of some linear functions.

    Parameters
    ----------
    scores : LinearScores
        In the order of the classes.
    spread : Spread
        The noise.
    blur : float, default=0.0
        Error of the offsets.
    """

    name = "linear"
    laws = frozenset({"normal", "uniform", "laplace"})
    models = (*LINEAR_MODELS, *DECIDING, NearestCentroid, SVC, NuSVC)

    def __init__(self, scores: LinearScores, spread: Spread, blur: float = 0.0) -> None:
        self.weights, self.offsets, self._cancelled, self._squares, self._terms = scores
        self.spread, self.blur = spread, blur
        weights = self.weights
        self.n_classes = len(weights)
        if self.n_classes > _MOST_CLASSES:
            raise NotClosedError(f"more than {_MOST_CLASSES} classes")
        if spread.law.name != "normal" and (self.n_classes > 2 or self._squares.any()):
            raise NotClosedError(f"more than two classes, under {spread.law.name} noise")
        self.complete = self.n_classes <= 3
        # standard deviations of the differences of two scores, and errors of these
        self.deviations, errors = np.empty((2, self.n_classes, self.n_classes))
        for a in range(self.n_classes):
            apart = weights[a] - weights
            self.deviations[a] = lengths(spread.behind(apart))
            errors[a] = lengths(spread.sizes_behind(apart))
            errors[a] += lengths(spread.sizes_behind(self._cancelled[a] + self._cancelled))
        if np.any(self.deviations[~np.eye(self.n_classes, dtype=bool)] < _LEAST):
            raise NotClosedError("some of its classes have the same weights")
        # a product or a sum of as many terms as there are inputs and features errs by this
        sums = weights.shape[1] + spread.factor.shape[-1] + spread.affine.roundings + 8
        sums += self._terms
        self._roundings = 4 * UNIT * sums
        with np.errstate(divide="ignore", invalid="ignore"):
            self._relative = self._roundings * errors / self.deviations
        self._steepest, self._least = self._slope() if self.n_classes == 2 else (1.0, 1.0)

    @classmethod
    def of(cls, model: Any, spread: Spread) -> "Linear":
        """Read the weights of a linear model, and what a wrapper around it decides by."""
        found, inner, threshold, blur = linear_scores(model), model, 0.0, 0.0
        if found is None and type(model) in DECIDING:
            inner, threshold, blur = decision_of(model)
            found = linear_scores(inner, decides=False)
        if found is None:
            raise NotClosedError("it is not a linear model")
        weights, offsets = found.weights, found.offsets
        if weights.shape[1] != len(spread.scale) or len(weights) != len(model.classes_):
            raise NotClosedError("its weights are not one a class and input")
        if not (np.all(np.isfinite(weights)) and np.all(np.isfinite(offsets))):
            raise NotClosedError("its weights are not finite")
        if threshold:
            found = found._replace(offsets=offsets - np.array([0.0, threshold]))
        return cls(found, spread, blur)

    def decide(self, Z: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return the classes with the largest scores."""
        scores = Z @ self.weights.T + self.offsets
        first, second = -np.sort(-scores, axis=1)[:, :2].T
        error = 2 * self._sums(np.abs(Z)).max(axis=1)
        return scores.argmax(axis=1), first - second > error

    def _sums(self, far: NDArray[np.float64]) -> NDArray[np.float64]:
        """Bound the rounding of each score, the model's or ours, for inputs of up to this size."""
        roundings = 2 * (self.weights.shape[1] + self._terms + 8)
        sizes = far @ (np.abs(self.weights.T) + self._cancelled.T) + np.abs(self.offsets)
        if self._squares.any():
            sizes += (far**2 @ self._squares)[:, None] + np.abs(self.offsets).max()
        return roundings * self.spread.unit * sizes + self.blur

    def _margins(
        self, inputs: Inputs, a: int, others: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return by how much class a leads the others, and bounds on all errors of that."""
        apart = self.weights[a] - self.weights[others]
        margins = inputs.mean @ apart.T + (self.offsets[a] - self.offsets[others])
        sums = self._sums(inputs.far)
        errors = inputs.slack @ np.abs(apart.T) + sums[:, [a]] + sums[:, others]
        return margins, 2 * errors * (1 + 1e-9)

    def law(self, inputs: Inputs, of: NDArray[np.intp] | None = None) -> Law:
        """Return the law: exact for two and three classes, a bracket for more."""
        if self.n_classes == 2:
            return self._of_two(inputs)
        n, k = len(inputs), self.n_classes
        upper, miss = np.ones((n, k)), np.ones((n, k))
        if of is None:
            of = (inputs.mean @ self.weights.T + self.offsets).argmax(axis=1)
        for a in range(k):
            rows = np.arange(n) if self.complete else np.flatnonzero(of == a)
            if len(rows):
                self._of_class(a, inputs[rows], upper, miss, rows)
        return Law(upper, miss)

    def _of_two(self, inputs: Inputs) -> Law:
        margins, errors = self._margins(inputs, 1, np.array([0]))
        margin, error = margins[:, 0], errors[:, 0]
        if self.spread.law.name != "normal":
            return self._under_symmetric_noise(margin, error)
        deviation, relative = self.deviations[0, 1], self._relative[0, 1]
        tails = Tails.at(margin / deviation, (error + 2 * relative * np.abs(margin)) / deviation)
        (_, zero), (_, one) = tails.above(), tails.below()
        # one = P(Z below the margin) is the probability of class 1
        upper = np.minimum(np.stack([zero, one], axis=1) * (1 + 4 * UNIT) + FLOOR, 1.0)
        # Within r the margin shrinks by r standard deviations, and what bounds the rounding grows
        # in proportion to the sizes of numbers, of which REACH standard deviations are a part.
        lead = np.maximum(np.abs(margin) * (1 - 4 * UNIT) - error, 0.0)
        if self._squares.any():  # they grow by less than 3 times as much, for radii up to REACH
            error = 3 * error
            lead = np.minimum(lead, REACH * np.minimum(deviation, self._steepest * self._least))
        radius = lead / (deviation * (1 + relative) + error / REACH) * (1 - 1e-12)
        distance = lead / (self._steepest + error / (REACH * self._least)) * (1 - 1e-12)
        law = Law(upper, upper[:, ::-1].copy())
        leads = law.top == (margin > 0)  # what is proved is proved of the class that leads
        return Law(upper, law.miss, np.where(leads, radius, 0.0), np.where(leads, distance, 0.0))

    def _under_symmetric_noise(
        self, margin: NDArray[np.float64], error: NDArray[np.float64]
    ) -> Law:
        """Return the law of two classes under noise with a density that falls to both sides of 0.

        So does the density of the noise's part of the margin: a sum of symmetric, unimodal laws is
        one (Wintner 1938). Its mass between 0 and the margin is positive, and the smoothed
        classifier is the linear one itself, whatever the law: the radius is the distance to the
        plane. The mass is at least that of a uniform law, up to where half of it is known to lie.
        """
        affine, sigma, reach = self.spread.affine, self.spread.sigma, self.spread.law.reach
        lead = np.maximum(np.abs(margin) * (1 - 4 * UNIT) - error, 0.0)
        apart = self.weights[1] - self.weights[0]
        sizes = np.abs(self.weights).sum(axis=0) + self._cancelled.sum(axis=0)
        slopes = np.abs(after(apart, affine.matrix)) + self._roundings * after(sizes, affine.sizes)
        slopes, sigma = slopes.reshape(-1), sigma.reshape(-1)
        moves = sigma > 0
        steep, least = slopes[moves].max(), sigma[moves].min()
        # what bounds the rounding grows in proportion to the sizes of numbers, of which `reach`
        # widths of the noise are a part
        radius = lead / (steep + error / (reach * least)) * (1 - 1e-12)
        length = lengths(slopes[None, moves])[0] * (1 + 1e-12)
        distance = lead / (length + error / (reach * least)) * (1 - 1e-12)
        # all of a uniform part lies within its largest size; 3/4 of any within twice its deviation
        if self.spread.law.name == "uniform":
            far, share = float((slopes * sigma)[moves].sum()), 1.0
        else:
            far, share = 2 * np.sqrt(2) * float(lengths((slopes * sigma)[None, moves])[0]), 0.75
        inside = 0.5 * share * np.minimum(lead / (far * (1 + 1e-9)), 1.0) * (1 - 1e-9)
        miss = np.where(lead > 0, np.nextafter(0.5 - inside, 1.0), 1.0)
        miss = np.where(inside > 2.0**-52, miss, 1.0)[:, None]
        second = (margin > 0)[:, None]
        upper = np.where(np.array([False, True]) == second, 1.0, miss)
        return Law(upper, upper[:, ::-1].copy(), radius, distance)

    def reaches(
        self, inputs: Inputs, of: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return how far single features may go down and up before a class can lose.

        Where none of its leads shrinks, it never does. Of two classes, the noise does not matter:
        the answer changes where the base's does. Of more, what is not infinite is not known here.

        Parameters
        ----------
        inputs : Inputs
            Rows.
        of : ndarray of shape (n_rows,), int
            The class that leads at each row, for certain with a probability above 1/2.

        Returns
        -------
        down, up : ndarray of shape (n_rows, n_features)
            In the units of the features, rounded down; 0 where nothing is known.
        """
        affine = self.spread.affine
        found = np.zeros((2, len(inputs), len(self.spread.sigma)))
        for a in np.unique(of).tolist():
            rows = np.flatnonzero(of == a)
            others = np.delete(np.arange(self.n_classes), a)
            slopes = after(self.weights[a] - self.weights[others], affine.matrix)
            sizes = np.abs(self.weights[a]) + np.abs(self.weights[others])
            sizes += self._cancelled[a] + self._cancelled[others]
            sizes = after(sizes, affine.sizes)
            # what is rounded grows as well, but not by as much as this
            for side, rises in enumerate((-slopes, slopes)):
                never = np.all((rises > 1e-9 * sizes) | (sizes == 0), axis=0) & ~self._squares.any()
                found[side][rows[:, None], never] = np.inf
            if self.n_classes > 2:
                continue
            margins, errors = self._margins(inputs[rows], a, others)
            lead = np.maximum(margins * (1 - 4 * UNIT) - errors, 0.0)
            with np.errstate(divide="ignore", invalid="ignore"):
                # of the errors, by feature
                growth = errors / (self.spread.law.reach * self.spread.sigma)
                if self._squares.any():  # by less than 3 times as much up to REACH, as in `_of_two`
                    growth = 3 * growth
                steep = np.abs(slopes) + self._roundings * sizes
                ends = np.where(lead > 0, lead / (steep + growth) * (1 - 1e-12), 0.0)
                if self._squares.any():
                    ends = np.minimum(ends, REACH * self.spread.sigma)
            found[:, rows] = np.fmax(found[:, rows], ends)
        return found[0], found[1]

    def beaten(self, inputs: Inputs, of: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return how often other classes beat a class under noise, at most.

        Parameters
        ----------
        inputs : Inputs
            Rows.
        of : ndarray of shape (n_rows,), int
            The class.

        Returns
        -------
        beaten : ndarray of shape (n_rows, n_classes - 1)
            For each of the others, in order: its score is larger with at most this probability.
        """
        found = np.ones((len(inputs), self.n_classes - 1))
        for a in np.unique(of).tolist():
            rows = np.flatnonzero(of == a)
            found[rows] = self._tails(a, inputs[rows])[2].above()[1]
        return np.minimum(found * (1 + 1e-14) + FLOOR, 1.0)

    def _slope(self) -> tuple[float, float]:
        """Return how fast two scores come together along noisy features, and the least sigma."""
        noisy = self.spread.sigma > 0
        apart = self.weights[1] - self.weights[0]
        affine = self.spread.affine
        normal = lengths(after(apart[None], affine.matrix)[:, noisy])
        terms = np.abs(apart) + self._cancelled.sum(axis=0)
        sizes = lengths(after(terms[None], affine.sizes)[:, noisy])
        steepest = normal[0] + self._roundings * sizes[0]
        return float(steepest), float(self.spread.sigma[noisy].min())

    def _of_class(
        self,
        a: int,
        inputs: Inputs,
        upper: NDArray[np.float64],
        miss: NDArray[np.float64],
        rows: NDArray[np.intp],
    ) -> None:
        """Fill in what is known of class a, and of the others as its rivals."""
        others = np.delete(np.arange(self.n_classes), a)
        z, slack, tails = self._tails(a, inputs)
        lost, beaten = tails.above()  # bounds on P(class c beats a), for each c
        # of many rivals, those that win most often: a tree of some of the nodes does as well
        most = np.argsort(-beaten.mean(axis=0))[:_MOST_RIVALS]
        both = self._pairs(a, others[most], z[:, most], slack[:, most])
        union = beaten.sum(axis=1) - _heaviest_tree(both)
        miss[rows, a] = np.clip(union * (1 + 1e-14) + FLOOR, beaten.max(axis=1), 1.0)
        # a wins no more often than against any single one
        wins = tails.below()[1].min(axis=1)
        upper[rows, a] = np.minimum(upper[rows, a], wins)
        upper[rows[:, None], others] = np.minimum(upper[rows[:, None], others], beaten)
        if self.n_classes == 3:
            at_most = self._pairs(a, others, z, -slack)[:, 0, 1]
            least = lost.sum(axis=1) - np.minimum(at_most, beaten.min(axis=1))
            upper[rows, a] = np.minimum(upper[rows, a], 1.0 - np.maximum(least, 0.0) + 1e-15)

    def _tails(
        self, a: int, inputs: Inputs
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], Tails]:
        """Return by how much class a leads the others, in deviations, and the tails beyond."""
        others = np.delete(np.arange(self.n_classes), a)
        margins, errors = self._margins(inputs, a, others)
        deviations = self.deviations[a, others]
        z = margins / deviations
        slack = errors / deviations + 2 * self._relative[a, others] * np.abs(z)
        return z, slack, Tails.at(z, slack)

    def _pairs(
        self,
        a: int,
        others: NDArray[np.intp],
        z: NDArray[np.float64],
        slack: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return bounds on the probability that two classes both beat class a.

        Lower ones where `slack` is added to what they have to make up for; upper ones, but for
        `_PAIR_ERROR`, where it is taken off.
        """
        apart = self.spread.behind(self.weights[a] - self.weights[others])
        apart = apart / self.deviations[a, others][:, None]
        direction = 1.0 if np.all(slack >= 0) else -1.0
        both = np.zeros((len(z), len(others), len(others)))
        for i in range(len(others)):
            for j in range(i):
                error = self._relative[a, others[i]] + self._relative[a, others[j]]
                correlation = float(apart[i] @ apart[j]) - direction * (2 * error + 1e-12)
                p = both_exceed(z[:, i] + slack[:, i], z[:, j] + slack[:, j], correlation)
                both[:, i, j] = both[:, j, i] = np.maximum(p - direction * _PAIR_ERROR, 0.0)
        return both


def both_exceed(
    h: NDArray[np.float64], k: NDArray[np.float64], correlation: float
) -> NDArray[np.float64]:
    """Return P(X > h, Y > k) of standard normals with a correlation, by Owen's function."""
    rho = correlation
    if rho > 1 - 1e-12:  # the larger one is all there is, up to far less than _PAIR_ERROR
        return np.minimum(_below(-h), _below(-k))
    # P(X > h, Y > k) = P(X < -h, Y < -k); Owen's formula has no zeros among its arguments
    h, k = (np.where(np.abs(v) < 1e-150, 1e-150, -v) for v in (h, k))
    root = np.sqrt((1 - rho) * (1 + rho))
    below = 0.5 * (_below(h) + _below(k))
    below -= owens_t(h, (k / h - rho) / root) + owens_t(k, (h / k - rho) / root)
    return np.clip(below - 0.5 * ((h < 0) != (k < 0)), 0.0, np.minimum(_below(h), _below(k)))


def _below(z: NDArray[np.float64]) -> NDArray[np.float64]:
    tail = tail_bounds(z)[0]
    return np.where(z <= 0, tail, 1.0 - tail)


def _heaviest_tree(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weight of the heaviest spanning tree of each complete graph, by Prim's algorithm.

    Any tree would do for a bound. `weights` is of shape (n_graphs, n_nodes, n_nodes).
    """
    lines = np.arange(len(weights))
    total = np.zeros(len(weights))
    best = weights[:, 0].copy()  # of the edges from the tree to each node
    best[:, 0] = -1.0
    for _ in range(weights.shape[1] - 1):
        node = best.argmax(axis=1)
        total += best[lines, node]
        best = np.where(best < 0, -1.0, np.maximum(best, weights[lines, node]))
        best[lines, node] = -1.0
    return total
