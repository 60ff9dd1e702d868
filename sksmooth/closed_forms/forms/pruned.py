"""Trees that compare inputs without noise, too: what remains of them at a row's own values.

Rows at which all these comparisons come out alike share the rest of the trees. The rest may have a
form that the whole has not: its trees may compare one input each, or few of them.
"""

import copy
import dataclasses
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..form import Form
from ..inputs import Inputs, Spread
from ..law import Law
from ..readers import TreeEnsemble
from .asked import Asked

__all__ = ["Pruned"]

_MOST_KEPT = 512  # forms
_PROBED = 4  # of the groups that probes are in


class Pruned(Form):
    """A form for each outcome of the comparisons with inputs that have no noise.

    Parameters
    ----------
    kind : TreeForm class
        Its form.
    ensemble : TreeEnsemble
        The trees.
    asked : Asked
        What they were read from.
    """

    compares = True

    def __init__(self, kind: Any, ensemble: TreeEnsemble, asked: Asked) -> None:
        self.kind, self.ensemble, self.spread = kind, ensemble, asked.spread
        # the model is asked later, and may have been changed then
        self.asked = dataclasses.replace(asked, model=copy.deepcopy(asked.model))
        self.name, self.n_classes = kind.name, ensemble.n_classes
        columns, points = ensemble.splits
        still = (self.spread.scale == 0)[columns]
        pairs = np.unique(np.stack([columns[still], points[still]]), axis=1)
        self.columns, self.points = pairs[0].astype(np.intp), pairs[1]
        self._forms: dict[bytes, Form] = {}
        self.complete = self._form(np.zeros(len(self.spread.scale))).complete

    @classmethod
    def of(cls, model: Any, spread: Spread) -> Self:
        """Do not read a model: `TreeForm.of` does."""
        raise TypeError("Pruned is made from trees that have been read")

    def law(self, inputs: Inputs, of: NDArray[np.intp] | None = None) -> Law:
        """Return the law; rows whose comparisons rounding may decide get none."""
        gap = np.abs(inputs.mean[:, self.columns] - self.points)
        slack = inputs.slack[:, self.columns]
        unsure = np.any((gap <= slack) & (slack > 0), axis=1)
        upper, miss = np.ones((2, len(inputs), self.n_classes))
        for rows, form in self.groups(inputs.mean):
            law = form.law(inputs[rows], None if of is None else of[rows])
            upper[rows], miss[rows] = law.upper, law.miss
        upper[unsure], miss[unsure] = 1.0, 1.0
        return Law(upper, miss)

    def decide(self, Z: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return the answers of the forms at the inputs' own values."""
        found, sure = np.zeros(len(Z), dtype=np.intp), np.zeros(len(Z), dtype=bool)
        for rows, form in self.groups(Z):
            found[rows], sure[rows] = form.decide(Z[rows])
        return found, sure

    def probes(self, Z: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probes of some of the forms."""
        groups = list(self.groups(Z))[:_PROBED]
        return np.concatenate([Z, *(form.probes(Z[rows]) for rows, form in groups)])

    def rows_at_once(self) -> int:
        """Return for how many rows forms do not take much memory."""
        return 256

    def groups(self, values: NDArray[np.float64]) -> list[tuple[NDArray[np.intp], Form]]:
        """Return the numbers of inputs that share a form, and it."""
        left = np.packbits(values[:, self.columns] <= self.points, axis=1)
        _, first, number = np.unique(left, axis=0, return_index=True, return_inverse=True)
        number = number.ravel()
        return [(np.flatnonzero(number == i), self._form(values[f])) for i, f in enumerate(first)]

    def _form(self, at: NDArray[np.float64]) -> Form:
        key = np.packbits(at[self.columns] <= self.points).tobytes()
        if key not in self._forms:
            if len(self._forms) >= _MOST_KEPT:
                self._forms.clear()
            still = self.spread.scale == 0
            rest = self.ensemble.at(still, at)
            fixed = np.where(self.spread.affine.gaps, np.nan, at)
            asked = dataclasses.replace(self.asked, known=still, values=fixed)
            self._forms[key] = self.kind.of_trees(rest, asked)
        return self._forms[key]
