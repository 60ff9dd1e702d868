"""What the closed forms of trees have in common: from a model to its trees, and its answers."""

import abc
import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..decisions import DECIDING
from ..form import Form, NotClosedError
from ..inputs import Spread
from ..readers import TreeEnsemble, is_read, read

__all__ = ["TreeForm", "codes"]

_A_FEW = 10  # trees, for a short look


class TreeForm(Form):
    """A closed form of ensembles of trees."""

    compares = True

    @classmethod
    def may_be(cls, model: Any) -> bool:
        """Return False for other models, and where the first few trees are not of this form."""
        try:
            return is_read(model) and cls._fits(read(model, _A_FEW))
        except NotClosedError:
            if type(model) in DECIDING:  # around a model of another form, perhaps
                return False
            raise

    @classmethod
    def of(cls, model: Any, spread: Spread) -> Self:
        """Read the trees of a model."""
        ensemble = read(model)
        if ensemble.n_inputs != len(spread.scale):
            raise NotClosedError("the model is of another shape")
        if not spread.independent:
            raise NotClosedError("the noise on its inputs is correlated, not independent")
        return cls.of_trees(ensemble.without(spread.affine.gaps), model, spread)

    @classmethod
    @abc.abstractmethod
    def _fits(cls, ensemble: TreeEnsemble) -> bool:
        """Return False for trees that are not of this form, even if there were no more of them."""

    @classmethod
    @abc.abstractmethod
    def of_trees(cls, ensemble: TreeEnsemble, model: Any, spread: Spread) -> Self:
        """Return the form of a model whose trees have been read."""


def codes(
    model: Any, rows: NDArray[np.float64], gaps: NDArray[np.bool_] | None = None
) -> NDArray[np.intp]:
    """Return the model's answers, as positions in its ``classes_``; some inputs may be missing."""
    if gaps is not None:
        rows[:, gaps] = np.nan
    with warnings.catch_warnings():
        # of a model that was fitted with names, which arrays do not have
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        answers = np.asarray(model.predict(rows))
    if answers.shape not in ((len(rows),), (len(rows), 1)):
        raise NotClosedError("it gives several answers for a row")
    answers = answers.reshape(-1)
    found = np.searchsorted(model.classes_, answers)
    found = np.minimum(found, len(model.classes_) - 1)
    if not np.array_equal(model.classes_[found], answers):
        raise NotClosedError("its classes are not sorted")
    return found
