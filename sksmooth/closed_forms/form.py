"""What a closed form is: a model whose answers under noise have probabilities that are computed."""

import abc
import warnings
from collections.abc import Callable
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from .inputs import Inputs, Spread
from .law import Law

__all__ = ["Form", "NotClosedError", "Reading", "answers_of"]


class NotClosedError(Exception):
    """Raised for a model without a closed form; says why."""


class Reading(abc.ABC):
    """A fitted model, read off from the inside: what classifiers and regressors have in common.

    Attributes
    ----------
    name : str
        For the certificate.
    models : tuple of type
        What it is known to be a form of; subclasses are other models.
    """

    name: str
    models: ClassVar[tuple[type, ...]] = ()

    @classmethod
    def may_be(cls, model: Any) -> bool:
        """Return False where a short look at a model tells that it is not of this form."""
        return type(model) in cls.models

    @classmethod
    @abc.abstractmethod
    def of(cls, model: Any, spread: Spread) -> Self:
        """Read a model; raises `NotClosedError`, with the reason, if it is not of this form.

        Parameters
        ----------
        model : fitted classifier or regressor
            The last step of the base.
        spread : Spread
            The noise on its inputs.
        """

    def probes(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return inputs near `Z` at which a model that was misread would show it."""
        return Z

    def rows_at_once(self) -> int:
        """Return for how many rows to ask together: for the sake of the memory."""
        return 4096

    def portions(self, n: int) -> list[slice]:
        """Return which of n rows to ask about together, at least once if there are none."""
        size = max(1, self.rows_at_once())
        return [slice(i, i + size) for i in range(0, max(n, 1), size)]


class Form(Reading):
    """A fitted classifier, read off from the inside.

    Classes are counted as the model's ``classes_`` are.

    Attributes
    ----------
    complete : bool
        Whether `law` has tight bounds for every class. Otherwise it has them for the top class
        alone.
    laws : frozenset of str
        Names of the laws of added noise under which it is known.
    compares : bool
        Whether the model does nothing with inputs but compare each with constants: so that they may
        be missing, clipped or replaced.
    """

    complete = True
    laws = frozenset({"normal"})
    compares = False

    @abc.abstractmethod
    def law(self, inputs: Inputs, of: NDArray[np.intp] | None = None) -> Law:
        """Return bounds on the class probabilities around some rows.

        Parameters
        ----------
        inputs : Inputs
            The rows.
        of : ndarray of shape (n_rows,), int, default=None
            The class, for each row, of which ``miss`` is to be bounded well; None for the one that
            leads. It may be ignored if `complete`.
        """

    @abc.abstractmethod
    def decide(self, Z: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return the answers at inputs without noise.

        Parameters
        ----------
        Z : ndarray of shape (n, n_inputs)
            Inputs of the model.

        Returns
        -------
        classes : ndarray of shape (n,), int
            Positions in the model's ``classes_``.
        sure : ndarray of shape (n,), bool
            False where rounding in the model's own sums may decide.
        """

    def cuts(self) -> tuple[NDArray[np.intp], NDArray[np.float64]] | None:
        """Return the points on the inputs' axes between which the answer does not change.

        Returns
        -------
        columns : ndarray of shape (n_points,), int
            The input that each point belongs to.
        points : ndarray of shape (n_points,)
            Upper ends of cells, which hold them. None in place of both if answers do not depend on
            each input through such cells alone.
        """
        return None


def answers_of(method: Callable[[Any], Any], Z: Any) -> Any:
    """Return what a method of a model answers to inputs without names of columns."""
    with warnings.catch_warnings():
        # of a model that was fitted with names, which arrays do not have
        warnings.filterwarnings("ignore", message="X does not have valid feature names")
        return method(Z)
