r"""Gaussian naive Bayes and quadratic discriminant analysis: regions bounded by quadrics.

The score of class c is :math:`-\frac12 |A_c (z - \mu_c)|^2 + k_c`. Under Gaussian noise on z, of
any covariance, the difference of two scores is a quadratic function of independent standard
normals, a generalised chi-square: whether class c beats class a has a probability that is computed
(see `gil_pelaez`). With two classes that is all there is; with more, class a loses no more often
than the sum of these says.

Rounding, the model's and ours, moves a difference by no more than ``still + moving |y|**2``, y the
standard normals: terms ``N B |y|`` are split into two squares. That is a quadratic function again.
"""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.naive_bayes import GaussianNB

from ...bounds.rounding import UNIT
from ...introspection.affine import times
from ..decisions import DECIDING, decision_of
from ..form import Form, NotClosedError
from ..inputs import Inputs, Spread
from ..law import Law
from ..numerics.gil_pelaez import invert
from ..numerics.normal import FLOOR
from ..numerics.tilting import Lines, Quadratics

__all__ = ["Quadratic"]

_NEGLIGIBLE = 1e-7  # a pair this far below the largest is not worth an integral
_CELLS = 1 << 20  # rows times classes times normals, at once


@dataclasses.dataclass(frozen=True)
class _Gaussian:
    """One class's density: the score is ``constant - |root (z - centre)|**2 / 2``.

    Attributes
    ----------
    centre : ndarray of shape (n_inputs,)
        Its mean.
    root : ndarray of shape (n_roots, n_inputs) or (n_inputs,)
        One of the inverse of its covariance; of one dimension if it is diagonal.
    constant, size : float
        Its score at the centre, and the sum of absolute values of the terms of that.
    """

    centre: NDArray[np.float64]
    root: NDArray[np.float64]
    constant: float
    size: float

    @classmethod
    def of(
        cls, centre: Any, root: NDArray[np.float64], variances: Any, prior: Any, scale: float
    ) -> "_Gaussian":
        with np.errstate(divide="ignore", invalid="ignore"):  # refused below
            logs = 0.5 * np.log(scale * np.asarray(variances, dtype=np.float64))
            first = float(np.log(np.float64(prior)))
        # a logarithm near 0 errs as its argument does: hence one more for each
        size = abs(first) + float(np.abs(logs).sum()) + len(logs)
        found = cls(
            np.array(centre, dtype=np.float64), root, first - float(logs.sum()), float(size)
        )
        if not all(np.all(np.isfinite(part)) for part in dataclasses.astuple(found)):
            raise NotClosedError("its parameters are not finite, or a prior is 0")
        return found

    def roots(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return ``root (z - centre)`` for each line of Z."""
        return times(Z - self.centre, self.root)

    def norms(self, sizes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the norms of ``root v``, if no term of these sums can cancel another."""
        return np.sqrt((times(sizes, np.abs(self.root)) ** 2).sum(axis=-1))


class Quadratic(Form):
    """The class with the largest of some quadratic functions: GaussianNB and QDA.

    Parameters
    ----------
    densities : list of _Gaussian
        One for each class.
    spread : Spread
        The noise. Its coordinates need not be independent.
    unit : float
        Rounding error of one operation of the model, relative.
    """

    name = "quadratic"
    models = (GaussianNB, QuadraticDiscriminantAnalysis, *DECIDING)

    def __init__(self, densities: list[_Gaussian], spread: Spread, unit: float) -> None:
        self.densities, self.spread = densities, spread
        self.n_classes = len(densities)
        self.complete = self.n_classes == 2
        factor, lost = _reduced(spread)
        k = len(spread.scale)
        self._factor = factor
        n_normals = factor.shape[-1]
        # relative to sums of absolute values: all products and sums, the model's and ours
        self._roundings = 8 * (k + n_normals + 8) * max(unit, spread.unit) + 2 * lost
        with np.errstate(over="ignore"):
            self._steep = np.array([d.norms(_sizes(spread)) for d in densities])
            narrow = not np.all(np.isfinite(self._steep**2))
        self._behind = [_through(d.root, factor) for d in densities]
        if narrow:
            raise NotClosedError("its densities are too narrow for the noise")

    @classmethod
    def of(cls, model: Any, spread: Spread) -> "Quadratic":
        """Read the densities of a GaussianNB or of a QuadraticDiscriminantAnalysis."""
        model, threshold, blur = decision_of(model)
        if type(model) is GaussianNB:
            arrays = (model.theta_, model.var_)
            parts = list(zip(model.theta_, model.var_, model.class_prior_, strict=True))
            densities = [
                _Gaussian.of(centre, np.asarray(v, np.float64) ** -0.5, v, prior, 2 * np.pi)
                for centre, v, prior in parts
            ]
        elif type(model) is QuadraticDiscriminantAnalysis:
            arrays = (model.means_, *model.scalings_, *model.rotations_)
            given = zip(model.means_, model.rotations_, model.scalings_, model.priors_, strict=True)
            densities = [
                _Gaussian.of(centre, _root(rotation, v), v, prior, 1.0)
                for centre, rotation, v, prior in given
            ]
        else:
            raise NotClosedError("it is neither GaussianNB nor QuadraticDiscriminantAnalysis")
        k = len(spread.scale)
        if len(densities) != len(model.classes_) or len(densities) < 2:
            raise NotClosedError("it does not have one density for each class")
        if any(d.centre.shape != (k,) or d.root.shape[-1] != k for d in densities):
            raise NotClosedError("its densities are not over its inputs")
        if any(a.dtype not in (np.float32, np.float64) for a in arrays):
            raise NotClosedError("its parameters are not floats")
        unit = max(float(np.finfo(array.dtype).eps) / 2 for array in arrays)
        last = densities[1]
        densities[1] = dataclasses.replace(
            last,
            constant=last.constant - threshold,  # on the logarithm of the odds
            size=last.size + abs(threshold) + blur / UNIT,
        )
        return cls(densities, spread, unit)

    def decide(self, Z: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return the classes with the largest scores."""
        affine = self.spread.affine
        # what the steps' own rounding may have changed in Z
        slack = 8 * (affine.roundings + 2) * self.spread.unit * (np.abs(Z) + affine.most)
        scores, errors = [], []
        for density in self.densities:
            roots = density.roots(Z)
            scores.append(density.constant - 0.5 * (roots**2).sum(axis=1))
            norms, moved = density.norms(np.abs(Z - density.centre)), density.norms(slack)
            errors.append(self._roundings * (norms**2 + density.size) + (norms + moved) * moved)
        table = np.stack(scores, axis=1)
        first, second = -np.sort(-table, axis=1)[:, :2].T
        sure = first - second > 2 * np.max(errors, axis=0)
        return table.argmax(axis=1), sure & np.isfinite(first)

    def rows_at_once(self) -> int:
        """Return for how many rows there is memory."""
        return max(16, _CELLS // (self._factor.shape[-1] * self.n_classes + 1))

    def law(self, inputs: Inputs, of: NDArray[np.intp] | None = None) -> Law:
        """Return the law: exact for two classes, pairs and a union bound for more."""
        with np.errstate(all="ignore"):  # what is not finite claims nothing
            return self._law(inputs, of)

    def _law(self, inputs: Inputs, of: NDArray[np.intp] | None) -> Law:
        n, k = len(inputs), self.n_classes
        at = _Rows.of(self, inputs)
        upper, miss = np.ones((n, k)), np.ones((n, k))
        order = np.argsort(-at.scores, axis=1, kind="stable")
        self._fill(at, order[:, 0] if of is None else of, np.arange(n), upper, miss)
        if k == 2:
            return Law(upper, upper[:, ::-1].copy())
        if of is not None:
            return Law(upper, miss)
        # the model's own class may not be the one that noise favours
        open_rows = np.flatnonzero(miss.min(axis=1) >= 0.5)
        self._fill(at[open_rows], order[open_rows, 1], open_rows, upper, miss)
        return Law(upper, miss)

    def _fill(
        self,
        at: "_Rows",
        leads: NDArray[np.intp],
        rows: NDArray[np.intp],
        upper: NDArray[np.float64],
        miss: NDArray[np.float64],
    ) -> None:
        """Enter what is known of one class of each row, and of the others as its rivals."""
        for a in np.unique(leads):
            lines = np.flatnonzero(leads == a)
            others = np.delete(np.arange(self.n_classes), a)
            beaten, wins = self._against(at[lines], int(a), others)
            into = rows[lines]
            known = upper[into[:, None], others]
            upper[into[:, None], others] = np.minimum(known, beaten)
            upper[into, a] = np.minimum(upper[into, a], wins.min(axis=1))
            union = beaten.sum(axis=1) * (1 + self.n_classes * 2 * UNIT) + FLOOR
            miss[into, a] = np.minimum(union, 1.0)

    def _against(
        self, at: "_Rows", a: int, others: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Bound the probabilities that each other class beats a, and that a beats it.

        Returns
        -------
        beaten, wins : ndarray of shape (n_rows, n_others)
            Upper bounds.
        """
        n = len(at.scores)
        parts = [self._pair(at, a, int(c)) for c in others]
        pairs = Quadratics(*(np.concatenate(p) for p in zip(*parts, strict=True)))
        sign = np.where(pairs.expected >= 0, 1.0, -1.0)
        tails = pairs.turned(sign).tilted()
        low, high = np.zeros(len(pairs)), tails.chernoff()
        table = np.where(sign > 0, high, 1.0).reshape(len(others), n)
        worth = (table > _NEGLIGIBLE * table.max(axis=0)).ravel()
        low[worth], high[worth] = invert(tails[worth])
        rest = np.minimum((1.0 - low) * (1 + 2 * UNIT), 1.0)
        beaten, wins = np.where(sign > 0, high, rest), np.where(sign > 0, rest, high)
        return beaten.reshape(len(others), n).T, wins.reshape(len(others), n).T

    def _pair(self, at: "_Rows", a: int, c: int) -> tuple[NDArray[np.float64], ...]:
        """Return by how much class a leads c around rows, as the fields of `Quadratics`."""
        one, other = self.densities[a], self.densities[c]
        offset = at.halves[:, c] - at.halves[:, a] + (one.constant - other.constant)
        steep = self._steep[a] ** 2 + self._steep[c] ** 2
        still = at.still[:, a] + at.still[:, c]
        moving = at.moving[:, a] + at.moving[:, c]
        slope = at.slopes[:, c] - at.slopes[:, a]
        if self._factor.ndim == 1 and one.root.ndim == 1:
            # nothing to rotate
            curvature = 0.5 * (self._behind[c] ** 2 - self._behind[a] ** 2)
            return np.tile(curvature, (len(slope), 1)), slope, offset, still, moving
        behind = [np.diag(b) if b.ndim == 1 else b for b in (self._behind[c], self._behind[a])]
        matrix = 0.5 * (behind[0].T @ behind[0] - behind[1].T @ behind[1])
        curvature, axes = np.linalg.eigh(matrix)
        # how far that is from a decomposition, of which only the axes' angles are wrong
        skew = _skew(axes)
        error = np.linalg.norm(matrix - (axes * curvature) @ axes.T)
        error += 3 * skew * np.abs(curvature).max(initial=0.0) + self._roundings * steep
        lengths = np.sqrt((slope**2).sum(axis=1)) * skew
        return (
            np.tile(curvature, (len(slope), 1)),
            slope @ axes,
            offset,
            still + lengths,
            moving + lengths + error,
        )


@dataclasses.dataclass(frozen=True)
class _Rows(Lines):
    """What all pairs of classes need of rows.

    Attributes
    ----------
    scores, halves : ndarray of shape (n_rows, n_classes)
        The scores, and half the squared distances in them.
    still, moving : ndarray of shape (n_rows, n_classes)
        Bounds on each score's errors, as in `Quadratics`.
    slopes : ndarray of shape (n_rows, n_classes, n_normals)
        Gradients of the half squared distances.
    """

    scores: NDArray[np.float64]
    halves: NDArray[np.float64]
    still: NDArray[np.float64]
    moving: NDArray[np.float64]
    slopes: NDArray[np.float64]

    @classmethod
    def of(cls, form: Quadratic, inputs: Inputs) -> "_Rows":
        columns, slopes = [], []
        for density, steep, behind in zip(form.densities, form._steep, form._behind, strict=True):
            roots = density.roots(inputs.mean)
            half = 0.5 * (roots**2).sum(axis=1)
            norms = density.norms(np.abs(inputs.mean - density.centre))
            moved = density.norms(inputs.slack)
            roundings = form._roundings
            # (norms + steep |y|) (moved + roundings (norms + steep |y|)), and moved**2 / 2
            still = roundings * (norms**2 + density.size) + moved * (norms + moved + steep)
            moving = roundings * steep**2 + moved * steep
            columns.append((density.constant - half, half, still, moving))
            slopes.append(times(roots, behind.T))
        scores, halves, still, moving = (np.stack(p, axis=1) for p in zip(*columns, strict=True))
        return cls(scores, halves, still, moving, np.stack(slopes, axis=1))


def _root(rotation: NDArray[np.float64], variances: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return (rotation.astype(np.float64) * variances.astype(np.float64) ** -0.5).T


def _through(root: NDArray[np.float64], factor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the product of two matrices, of which those with one dimension are diagonal."""
    if factor.ndim == 1:
        return root * factor
    return root[:, None] * factor if root.ndim == 1 else root @ factor


def _sizes(spread: Spread) -> NDArray[np.float64]:
    """Return the deviations of the inputs' noise if nothing on the way to them cancelled."""
    sizes = spread.affine.sizes
    if sizes.ndim == 1:
        return np.abs(sizes * spread.sigma)
    return np.sqrt(((sizes * spread.sigma) ** 2).sum(axis=1))


def _reduced(spread: Spread) -> tuple[NDArray[np.float64], float]:
    """Return the noise's factor with as few normals as it takes, and what that changed.

    Returns
    -------
    factor : ndarray of shape (n_inputs, n_normals) or (n_inputs,)
        Of one dimension if it is diagonal.
    lost : float
        Each line of it is changed by at most this, in units of `_sizes`.
    """
    sizes, unit = _sizes(spread), max(spread.unit, UNIT)
    m = spread.factor.shape[-1]
    k = len(spread.scale)
    roundings = 2 * (spread.affine.roundings + m + 4) * unit
    if spread.affine.matrix.ndim == 1:
        return spread.factor.copy(), roundings
    factor = spread.factor[:, np.any(spread.factor != 0, axis=0)]
    if factor.shape[1] <= k:
        return factor, roundings
    frame, lower = np.linalg.qr(factor.T)
    gone = np.linalg.norm(factor - lower.T @ frame.T, axis=1)
    share = np.divide(gone, sizes, out=np.zeros(k), where=sizes > 0)
    return lower.T, roundings + float(share.max(initial=0.0)) + 2 * _skew(frame) + 2 * m * UNIT


def _skew(frame: NDArray[np.float64]) -> float:
    """Bound the distance of a matrix from the nearest one with orthonormal columns, in norm."""
    k = frame.shape[1]
    return float(np.linalg.norm(frame.T @ frame - np.eye(k))) + 2 * (len(frame) + 2) * k * UNIT
