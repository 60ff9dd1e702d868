"""Ensembles of trees on few inputs: the cells between all thresholds, each labelled once.

An ensemble of trees, however it sums them, is constant on each cell of the grid that the thresholds
of all its trees make. Its labels are asked from its own ``predict``; the probability of a label is
that of its cells, products of the masses between neighbouring thresholds.

The labels along the last axis are lines, of which many are the same; the lines of lines along the
last two axes, named by their numbers, are again; and so on to the first axis. So sums are made from
the last axis to the first, once for each distinct line.
"""

import dataclasses
import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier

from .boxes import Intervals, widening
from .form import Form, NotClosedError
from .inputs import Inputs, Spread
from .law import Law
from .normal import FLOOR
from .thresholds import past_float32

__all__ = ["Axis", "Grid", "SmallGrid", "splits"]

_TREES = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier)
_FORESTS = (ExtraTreesClassifier, RandomForestClassifier)
_ENSEMBLES = (
    *_FORESTS,
    AdaBoostClassifier,
    BaggingClassifier,
    DecisionTreeClassifier,
    DummyClassifier,
    ExtraTreeClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    VotingClassifier,
)
_PROBES = 4000
_VALUES = 2**22  # of an array, at most: 32 MB
_ASKED = 2**19  # values handed to predict at once
# The sums of a forest's threads come in any order, so they tell scores apart by more than this.
_TIE = 1e-9


@dataclasses.dataclass(frozen=True)
class Axis:
    """An input that thresholds cut into pieces.

    Attributes
    ----------
    column : int
        The input.
    points : ndarray of shape (n_pieces - 1,)
        Upper ends of all pieces but the last one, ascending; they are in the piece.
    """

    column: int
    points: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.points) + 1

    @property
    def inside(self) -> NDArray[np.float64]:
        """A value in each piece."""
        return np.append(self.points, np.nextafter(self.points[-1], np.inf))

    @property
    def pieces(self) -> list[tuple[int, float, float]]:
        """The pieces, for `Intervals`."""
        ends = [-np.inf, *self.points.tolist(), np.inf]
        return [(self.column, low, high) for low, high in itertools.pairwise(ends)]


class Grid(Form):
    """Any ensemble of trees whose thresholds make few cells.

    Parameters
    ----------
    axes : list of Axis
        Inputs that are compared with thresholds.
    labels : ndarray of shape (n_pieces of each axis), int
        Position in the model's ``classes_`` of the answer in each cell; `n_classes` where it may be
        any class.
    n_classes : int
        Number of classes.
    """

    name = "grid"
    models = _ENSEMBLES
    most_cells = 2_000_000  # asking about these takes seconds

    def __init__(self, axes: list[Axis], labels: NDArray[np.integer], n_classes: int) -> None:
        self.n_classes = n_classes
        self._all_axes = axes
        axes, labels = _merged(axes, labels)
        # the longest axis is the one that is summed by a product of matrices
        order = sorted(range(len(axes)), key=lambda j: len(axes[j]))
        self.axes = [axes[j] for j in order]
        self.intervals = Intervals([piece for axis in self.axes for piece in axis.pieces])
        # lines of labels along the last axis, lines of these along the one before, and so on
        self.lines = []
        rest: NDArray[Any] = labels.transpose(order)
        for axis in self.axes[::-1]:
            unique, numbers = _distinct(rest.reshape(-1, len(axis)))
            self.lines.append(unique)
            rest = numbers.reshape(rest.shape[:-1])
        self.whole = int(rest.ravel()[0])  # the number of the one line that is left
        # each mass, product and term of a sum is rounded once
        self._roundings = sum(len(axis) + 3 for axis in self.axes)
        self._largest = max([len(lines) for lines in self.lines], default=1) * n_classes

    @classmethod
    def may_be(cls, model: Any) -> bool:
        """Return False where a few trees already compare more inputs than a grid can have axes."""
        trees = [t for t in np.ravel(getattr(model, "estimators_", [])) if type(t) in _TREES][:10]
        used = [tree.tree_.feature[tree.tree_.feature >= 0] for tree in trees]
        for predictor in itertools.chain.from_iterable(getattr(model, "_predictors", [])[:10]):
            used.append(predictor.nodes["feature_idx"][predictor.nodes["is_leaf"] == 0])
        return not used or len(np.unique(np.concatenate(used))) <= np.log2(cls.most_cells)

    @classmethod
    def of(cls, model: Any, spread: Spread) -> "Grid":
        """Ask the model for the labels of all cells."""
        if model.n_features_in_ != len(spread.scale) or getattr(model, "n_outputs_", 1) != 1:
            raise NotClosedError("the model is of another shape")
        if not spread.independent:
            raise NotClosedError("the noise on the model's inputs is correlated")
        columns, points = splits(model, np.arange(len(spread.scale)))
        axes = [Axis(j, np.unique(points[columns == j])) for j in np.unique(columns).tolist()]
        cells = float(np.prod([float(len(axis)) for axis in axes]))
        if cells > cls.most_cells:
            raise NotClosedError(f"its thresholds make {cells:.1e} cells, over {cls.most_cells:g}")
        return cls(axes, _labels(model, axes, len(spread.scale)), len(model.classes_))

    def law(self, inputs: Inputs) -> Law:
        """Return the law: sums over the cells of each class."""
        masses = self.intervals.most(inputs)
        of_axis = np.split(masses, np.cumsum([len(axis) for axis in self.axes])[:-1])
        n, k = len(inputs), self.n_classes
        # probabilities of the classes on each line: first of single labels, the last one of any
        sums = np.concatenate([np.eye(k), np.ones((1, k))])[:, :, None]
        for level, (lines, mass) in enumerate(zip(self.lines, reversed(of_axis), strict=False)):
            if level == 0:
                sums = np.stack([(sums[:, c, 0][lines] @ mass) for c in range(k)], axis=1)
                continue
            below, sums = sums, np.zeros((len(lines), k, n))
            for i, numbers in enumerate(lines.T):
                sums += below[numbers] * mass[i]
        upper = np.broadcast_to(sums[self.whole], (k, n)).T
        return Law.of_uppers(upper * widening(self._roundings, inputs.spread) + FLOOR)

    def decide(self, Z: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return the labels of the cells that inputs lie in."""
        found = np.full(len(Z), self.whole, dtype=np.intp)
        for axis, lines in zip(self.axes, reversed(self.lines), strict=True):
            pieces = np.searchsorted(axis.points, Z[:, axis.column], side="left")
            found = lines[found, pieces].astype(np.intp)
        sure = found < self.n_classes
        return np.where(sure, found, 0), sure

    def probes(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return inputs at the corners of cells: at thresholds and next to them."""
        rng = np.random.default_rng(0)
        out = Z[np.arange(_PROBES) % len(Z)]
        for axis in self._all_axes:
            ends = np.concatenate([axis.points, np.nextafter(axis.points, np.inf)])
            out[:, axis.column] = rng.choice(ends, size=_PROBES)
        return np.concatenate([Z, out])

    def rows_at_once(self) -> int:
        """Return for how many rows the sums over lines do not take much memory."""
        return int(np.clip(_VALUES // max(self._largest, len(self.intervals)), 1, 1024))


class SmallGrid(Grid):
    """A grid that is made at once, for models that have another form if it is larger."""

    most_cells = 50_000


def splits(model: Any, columns: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Return where a model compares its inputs.

    Parameters
    ----------
    model : fitted estimator
        A tree or an ensemble of trees.
    columns : ndarray of shape (n_inputs,), int
        What its inputs are called.

    Returns
    -------
    columns : ndarray of shape (n_splits,), int
        Input of each comparison.
    points : ndarray of shape (n_splits,), float64
        Values up to each point, and no others, pass. All are finite.

    Raises
    ------
    NotClosedError
        If anything in it is not known to be constant between such points.
    """
    found = [(np.empty(0, dtype=np.intp), np.empty(0))]
    for part, names in _nested(model, columns):
        if type(part) in _TREES:
            inner = part.tree_.children_left >= 0
            used, points = part.tree_.feature[inner], past_float32(part.tree_.threshold[inner])
            found.append((names[used], points))
        if type(part) is HistGradientBoostingClassifier:
            for predictor in itertools.chain.from_iterable(part._predictors):
                nodes = predictor.nodes[predictor.nodes["is_leaf"] == 0]
                if nodes["is_categorical"].any():
                    raise NotClosedError("it has categorical features")
                found.append((names[nodes["feature_idx"]], nodes["num_threshold"]))
    inputs, points = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    finite = np.isfinite(points)  # others only tell missing values apart
    return inputs[finite], points[finite]


def _nested(model: Any, columns: NDArray[np.intp]) -> Iterator[tuple[Any, NDArray[np.intp]]]:
    """Yield a model, all models in it, and what the inputs of each are called."""
    if not {"predict", "predict_proba", "decision_function"}.isdisjoint(vars(model)):
        raise NotClosedError("a method of a model in it is not that of its class")
    yield model, columns
    for part, used in _parts(model):
        yield from _nested(part, columns[used])


def _parts(model: Any) -> list[tuple[Any, Any]]:
    """Return the models that a model asks, and which inputs it hands to each."""
    kind, everything = type(model), slice(None)
    if kind in _TREES:
        return []
    if kind is HistGradientBoostingClassifier:
        if getattr(model, "_preprocessor", None) is not None:
            raise NotClosedError("it has categorical features")
        return []
    if kind is DummyClassifier and model.strategy in ("prior", "most_frequent", "constant"):
        return []
    if kind is BaggingClassifier:
        return list(zip(model.estimators_, model.estimators_features_, strict=True))
    if kind in (*_FORESTS, AdaBoostClassifier, VotingClassifier):
        return [(part, everything) for part in model.estimators_]
    if kind is GradientBoostingClassifier:
        init = [] if isinstance(model.init_, str) else [model.init_]  # "zero"
        # it rounds rows to float32 before it hands them on
        if any(type(part) is HistGradientBoostingClassifier for part in init):
            raise NotClosedError("boosting begins with another one, on rounded rows")
        return [(part, everything) for part in (*init, *model.estimators_.ravel())]
    raise NotClosedError(f"{kind.__name__} is no ensemble of trees")


def _labels(model: Any, axes: list[Axis], n_inputs: int) -> NDArray[Any]:
    """Return the model's answer in each cell, as a position in its classes."""
    shape = tuple(len(axis) for axis in axes)
    k = len(model.classes_)
    labels = np.empty(int(np.prod(shape)), dtype=np.int8 if k < 127 else np.int32)
    unordered = k > 1 and any(
        type(part) in _FORESTS and part.n_jobs not in (None, 1)
        for part, _ in _nested(model, np.arange(n_inputs))
    )
    if unordered and type(model) not in _FORESTS:
        raise NotClosedError("the sums of forests in it come in any order: set their n_jobs to 1")
    size = max(1, _ASKED // max(n_inputs, k))
    for start in range(0, len(labels), size):
        cells = np.arange(start, min(start + size, len(labels)))
        rows = np.zeros((len(cells), n_inputs))
        if axes:
            for axis, pieces in zip(axes, np.unravel_index(cells, shape), strict=True):
                rows[:, axis.column] = axis.inside[pieces]
        with warnings.catch_warnings():
            # of a model that was fitted with names, which the thresholds do not have
            warnings.filterwarnings("ignore", message="X does not have valid feature names")
            labels[cells] = _codes_with_ties(model, rows) if unordered else _codes(model, rows)
    return labels.reshape(shape)


def _codes(model: Any, rows: NDArray[np.float64]) -> NDArray[np.intp]:
    answers = model.predict(rows)
    found = np.searchsorted(model.classes_, answers)
    if not np.array_equal(model.classes_[found], answers):
        raise NotClosedError("its classes are not sorted")
    return found


def _codes_with_ties(model: Any, rows: NDArray[np.float64]) -> NDArray[np.intp]:
    scores = model.predict_proba(rows)
    second, first = np.sort(scores, axis=1)[:, -2:].T
    return np.where(first - second > _TIE, scores.argmax(axis=1), scores.shape[1])


def _merged(axes: list[Axis], labels: NDArray[Any]) -> tuple[list[Axis], NDArray[Any]]:
    """Leave out points on whose two sides all cells are labelled the same."""
    kept = []
    for j, axis in enumerate(axes):
        slices = np.moveaxis(labels, j, 0)
        differs = [bool(np.any(a != b)) for a, b in itertools.pairwise(slices)]
        points = axis.points[differs]
        labels = labels.take(np.flatnonzero([*differs, True]), axis=j)
        if len(points):
            kept.append(Axis(axis.column, points))
    return kept, labels.reshape([len(axis) for axis in kept])


def _distinct(lines: NDArray[Any]) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the distinct lines of a matrix of integers, and the number of each line among them."""
    lines = np.ascontiguousarray(lines)
    keys = lines.view(np.dtype((np.void, lines.dtype.itemsize * lines.shape[1]))).ravel()
    _, index, numbers = np.unique(keys, return_index=True, return_inverse=True)
    return lines[index], numbers.reshape(-1)
