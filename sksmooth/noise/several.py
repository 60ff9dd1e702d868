"""Several noises that replace values, each in columns of its own."""

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bounds import Pair, worst_pairs
from .base import Draws, Perturb
from .changes import ChangeNoise
from .marginals import Marginals
from .norms import L0
from .outcomes import Outcomes
from .parts import Buffer

__all__ = ["SeveralChangesNoise"]


@dataclasses.dataclass(frozen=True)
class SeveralChangesNoise(ChangeNoise):
    """Several noises that replace values, such as Flip and Drop, each in columns of its own.

    A radius is a number of changed columns, over all these columns together: the label is certified
    for the worst choice of so many columns. The other columns of a row get no noise, and
    certificates say nothing about changes of them.

    Parameters
    ----------
    n_columns : int
        Number of values of a row.
    columns : sequence of sequence of int
        For each noise the places of its columns in a flattened row. No column has two noises.
    parts : sequence of ChangeNoise
        The noises, each of rows that have its columns alone.

    Examples
    --------
    >>> from sksmooth.noise import DropNoise, FlipNoise, SeveralChangesNoise
    >>> parts = FlipNoise.keeping(0.6, [(0, 1, 2), (0, 1, 2, 3)]), DropNoise.dropping([0.8])
    >>> noise = SeveralChangesNoise(4, [(0, 2), (3,)], parts)
    >>> noise.label, noise.radius([0.9, 0.95, 0.99])
    ('flip keep=0.6 and drop=0.8', array([1., 2., 3.]))
    """

    n_columns: int
    columns: tuple[tuple[int, ...], ...]
    parts: tuple[ChangeNoise, ...]
    kind = "several changes"

    def __post_init__(self) -> None:
        columns = tuple(tuple(map(int, places)) for places in self.columns)
        object.__setattr__(self, "columns", columns)
        object.__setattr__(self, "parts", tuple(self.parts))
        places = sorted(itertools.chain(*columns))
        fits = [part.n_values == len(own) for part, own in zip(self.parts, columns, strict=True)]
        once = len(set(places)) == len(places) and set(places) <= set(range(self.n_columns))
        if not (places and once and all(fits)):
            raise ValueError(
                "Each part must be of as many columns as its rows have values, from 0 to "
                f"{self.n_columns - 1}, and no column may have two parts; got {columns}."
            )

    @property
    def name(self) -> str:
        """All parameters in words."""
        listed = zip(self.columns, self.parts, strict=True)
        named = "; ".join(f"columns {list(own)}: {part.name}" for own, part in listed)
        return f"of {self.n_columns} columns, {named}"

    @property
    def label(self) -> str:
        """The noises in few words, for legends and messages."""
        return " and ".join(dict.fromkeys(part.label for part in self.parts))

    @property
    def norm(self) -> L0:  # type: ignore[override]
        """The number of changed columns, of those with noise."""
        scale = np.zeros(self.n_columns)
        for own, part in zip(self.columns, self.parts, strict=True):
            scale[list(own)] = 1.0 if part.norm.scale is None else part.norm.scale
        return L0(tuple(scale.tolist()))

    @property
    def tv_error(self) -> float:  # type: ignore[override]
        """Total variation distance of a noisy row from the ideal one, at most."""
        return math.fsum(part.tv_error for part in self.parts)

    @property
    def n_values(self) -> int:  # type: ignore[override]
        """Number of values of a row."""
        return self.n_columns

    @property
    def _n_noisy(self) -> int:
        return sum(part._n_noisy for part in self.parts)

    @property
    def kinds(self) -> tuple[tuple[Pair, int], ...]:
        """What a change of one column does, in all parts."""
        return tuple(itertools.chain(*(part.kinds for part in self.parts)))

    def pairs(self, k: int) -> tuple[Pair, ...]:
        """Return the worst pairs of k changed columns, over all choices of columns."""
        return worst_pairs(self.kinds, k)

    def around(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to replace values: each part draws from a part of the stream."""
        flat = self._flat(row)
        perturb = self.in_place(flat)

        def perturb_all(stream: Any, out: NDArray[np.floating]) -> None:
            rows = out.reshape(len(out), -1)
            rows[...] = flat
            perturb(stream, rows)

        return perturb_all

    def in_place(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to fill the columns of these noises in copies of a row, and no others.

        Parameters
        ----------
        row : ndarray of any shape
            The row.

        Returns
        -------
        perturb : callable
            As of `around`, for flat rows.
        """
        flat = self._flat(row)
        buffer, perturbs = Buffer(flat.dtype), []
        for own, part in zip(self.columns, self.parts, strict=True):
            try:
                perturbs.append((list(own), part.around(flat[list(own)])))
            except ValueError as error:
                raise ValueError(f"Of the columns {list(own)} of a row: {error}") from error

        def perturb(stream: Any, rows: NDArray[np.floating]) -> None:
            for number, (own, perturb_part) in enumerate(perturbs, start=1):
                drawn = buffer.of((len(rows), len(own)))
                perturb_part(stream.part(number), drawn)
                rows[:, own] = drawn

        return perturb

    def marginals(self, shape: tuple[int, ...]) -> Marginals | None:
        """Return the laws of all parts, if these know theirs."""
        laws = {}
        for own, part in zip(self.columns, self.parts, strict=True):
            found = part.marginals((len(own),))
            if found is None:
                return None
            laws.update({own[j]: law for j, law in found.replaced.items()})
        return Marginals.of_replaced(shape, laws)

    @property
    def n_outcomes(self) -> int | None:  # type: ignore[override]
        """Number of rows that the noises can make of one."""
        numbers = [part.n_outcomes for part in self.parts]
        return None if None in numbers else math.prod(filter(None, numbers))

    def outcomes(self, row: NDArray[np.floating]) -> Outcomes | None:
        """Return all that the noises can make of a row, together."""
        flat = self._flat(row)
        found = [
            part.outcomes(flat[list(own)])
            for own, part in zip(self.columns, self.parts, strict=True)
        ]
        if None in found:
            return None
        return _together(flat, self.columns, [each for each in found if each is not None])

    def with_known(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return rows with some known value for each that a part does not know."""
        out = X.reshape(len(X), -1) + X.dtype.type(0.0)
        for own, part in zip(self.columns, self.parts, strict=True):
            out[:, list(own)] = part.with_known(out[:, list(own)])
        return out.reshape(X.shape)

    def counts_missing(self) -> NDArray[np.bool_]:
        """Return for which columns a missing value counts as a change, in their own part."""
        out = np.zeros(self.n_columns, dtype=bool)
        for own, part in zip(self.columns, self.parts, strict=True):
            out[list(own)] = part.counts_missing()
        return out

    def corrupt(self, rng: Draws, rows: Any) -> Any:
        """Return rows with replaced values, for training."""
        out = rows.reshape(len(rows), -1) + 0.0
        for own, part in zip(self.columns, self.parts, strict=True):
            out[:, list(own)] = part.corrupt(rng, out[:, list(own)])
        return out.reshape(rows.shape)


def _together(
    flat: NDArray[np.floating], columns: Sequence[Sequence[int]], found: Sequence[Outcomes]
) -> Outcomes:
    """Return all combinations of the outcomes of some columns and of others."""
    shown = []
    for own, each in zip(columns, found, strict=True):
        rows = np.empty((each.n, len(own)), dtype=flat.dtype)
        each.fill(0, rows)
        shown.append(rows)
    strides = [math.prod(each.n for each in found[i + 1 :]) for i in range(len(found))]
    n = math.prod(each.n for each in found)

    def fill(start: int, out: NDArray[np.floating]) -> None:
        numbers = np.arange(start, start + len(out))
        rows = out.reshape(len(out), -1)
        rows[...] = flat
        for own, values, stride in zip(columns, shown, strides, strict=True):
            rows[:, list(own)] = values[numbers // stride % len(values)]

    places, kinds = np.arange(n), np.zeros(n, dtype=np.intp)
    for each, stride in zip(found, strides, strict=True):
        kinds = kinds * len(each.weights) + each.kinds[places // stride % each.n]
    weights = tuple(math.prod(each) for each in itertools.product(*(o.weights for o in found)))
    still = np.delete(flat, list(itertools.chain(*columns)))
    keys = [each.key for each in found]
    key = None if None in keys else b"".join([still.tobytes(), *filter(None, keys)])
    return Outcomes(n, fill, kinds, weights, math.prod(each.total for each in found), key)
