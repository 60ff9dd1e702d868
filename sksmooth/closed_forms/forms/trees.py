"""What the closed forms of trees have in common: from a model to its trees, and its answers."""

import abc
from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..decisions import DECIDING
from ..form import Form, NotClosedError, Reading, answers_of
from ..inputs import Spread
from ..numerics.replacing import EDGE, Replacing
from ..readers import Tree, TreeEnsemble, is_read, read
from ..readers.sets import Question, with_questions
from .asked import Asked
from .pruned import Pruned

__all__ = ["OfTrees", "TreeForm", "codes"]

_A_FEW = 10  # trees, for a short look


class OfTrees(Reading):
    """A closed form of ensembles of trees, of classes or of numbers."""

    prunes = False  # whether what remains of trees at a row's constants is looked at

    @classmethod
    def may_be(cls, model: Any, still: NDArray[np.bool_] | None = None) -> bool:
        """Return False for other models, and where the first few trees are not of this form.

        Inputs that are `still` have no noise.
        """
        try:
            return is_read(model) and cls._fits(cls._noisy(read(model, _A_FEW), still))
        except NotClosedError:
            if type(model) in DECIDING:  # around a model of another form, perhaps
                return False
            raise

    @classmethod
    def of(cls, model: Any, spread: Spread) -> Any:
        """Read the trees of a model."""
        ensemble = read(model)
        if ensemble.n_inputs != len(spread.scale):
            raise NotClosedError("the model is of another shape")
        if not spread.independent:
            raise NotClosedError("the noise on its inputs is correlated, not independent")
        gaps, still = spread.affine.gaps, spread.scale == 0
        ensemble = _of_replaced(ensemble.without(gaps), spread)
        asked = Asked(model, spread, gaps, np.full(len(gaps), np.nan))
        if cls.prunes and not cls._works(ensemble) and cls._works(cls._noisy(ensemble, still)):
            return Pruned(cls, ensemble, asked)
        return cls.of_trees(ensemble, asked)

    @classmethod
    def _works(cls, ensemble: TreeEnsemble) -> bool:
        """Return whether all trees of a model have this form."""
        return cls._fits(ensemble)

    @classmethod
    def _noisy(cls, ensemble: TreeEnsemble, still: NDArray[np.bool_] | None) -> TreeEnsemble:
        """Return an ensemble that compares all that a row's remaining trees may compare."""
        if not cls.prunes or still is None or len(still) != ensemble.n_inputs:
            return ensemble
        return ensemble.with_inputs(~still)

    @classmethod
    @abc.abstractmethod
    def _fits(cls, ensemble: TreeEnsemble) -> bool:
        """Return False for trees that are not of this form, even if there were no more of them."""

    @classmethod
    @abc.abstractmethod
    def of_trees(cls, ensemble: TreeEnsemble, asked: Asked) -> Self:
        """Return the form of a model whose trees have been read.

        Parameters
        ----------
        ensemble : TreeEnsemble
            The trees. They do not compare the inputs that are known.
        asked : Asked
            What they were read from.
        """


class TreeForm(OfTrees, Form):
    """A closed form of ensembles of trees that answer classes."""

    compares = True
    laws = frozenset({"normal", "uniform", "laplace"})


def _of_replaced(ensemble: TreeEnsemble, spread: Spread) -> TreeEnsemble:
    """Return trees that ask for the places of categories, and for missing values as numbers."""
    if not spread.replaced:
        return ensemble
    numbers, laws = np.arange(ensemble.n_inputs), {}
    for k, to in spread.replaced.items():
        numbers[to.inputs] = k
        laws.update(dict.fromkeys(to.inputs.tolist(), to))

    def rewritten() -> Iterator[Tree]:
        for tree in ensemble.trees:
            asked = _questions(tree, laws)
            yield with_questions(tree._replace(feature=numbers[tree.feature]), asked)

    return ensemble.with_trees(rewritten())


def _questions(tree: Tree, laws: Mapping[int, Replacing]) -> Iterator[Question]:
    """Yield what nodes ask of inputs that are replaced."""
    inner = tree.left != np.arange(len(tree.left))
    for node in np.flatnonzero(inner & np.isin(tree.feature, list(laws))).tolist():
        k, point = int(tree.feature[node]), float(tree.point[node])
        left, right = int(tree.left[node]), int(tree.right[node])
        missing = left if tree.missing_left[node] else right
        to = laws[k]
        image, error = (a[:, to.inputs == k][:, 0] for a in (to.images, to.errors))
        if np.any((np.abs(image - point) <= error) & (error > 0)):
            raise NotClosedError("a threshold is within rounding of a value that replaces others")
        goals = np.where(np.isnan(image), missing, np.where(image <= point, left, right))
        points = to.cuts
        if to.goes:  # below all numbers
            points = points if point <= EDGE else np.append(points, point)
            goals = np.append(goals, [left, right][-len(points) :])
        yield Question(node, points, goals, left)


def codes(model: Any, rows: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the model's answers, as positions in its ``classes_``."""
    answers = np.asarray(answers_of(model.predict, rows))
    if answers.shape not in ((len(rows),), (len(rows), 1)):
        raise NotClosedError("it gives several answers for a row")
    answers = answers.reshape(-1)
    found = np.searchsorted(model.classes_, answers)
    found = np.minimum(found, len(model.classes_) - 1)
    if not np.array_equal(model.classes_[found], answers):
        raise NotClosedError("its classes are not sorted")
    return found
