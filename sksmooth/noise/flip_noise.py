"""Noise that replaces each category by others with equal chances."""

import collections
import dataclasses
import functools
import itertools
import math
import operator
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bounds import Pair
from .base import Draws, Perturb
from .changes import ChangeNoise, on_grid
from .marginals import Marginals, Replaced
from .norm import namespace
from .norms import L0, Norm
from .outcomes import Outcomes, of_columns
from .samplers import ColumnTables, replacement

__all__ = ["FlipNoise"]

_UNIT = 2**64
_OF_THEIR_OWN = 5  # columns; the pair of k different ones has up to 3**k atoms


@dataclasses.dataclass(frozen=True)
class FlipNoise(ChangeNoise):
    """Each column keeps its value with one probability, or else takes any other with equal chances.

    Missing values get no noise and stay missing: what is certified are changes of the others. A
    value that is none of its column's is replaced by any of them, with chances that are the same up
    to 2**-64 times their number.

    Parameters
    ----------
    kept : int
        Probability that a value is kept, times 2**64; `keeping` makes it from a number.
    values : tuple of tuple of float
        For each column of a row its values in ascending order; empty for a column without noise,
        which nobody can change.

    Examples
    --------
    >>> from sksmooth.noise import FlipNoise
    >>> noise = FlipNoise.keeping(0.8, [(0.0, 1.0, 2.0, 3.0)] * 5)
    >>> noise.radius([0.9, 0.98, 0.999])
    array([0., 1., 2.])
    >>> noise.proves([0.4, 0.9])
    array([False,  True])
    """

    kept: int
    values: tuple[tuple[float, ...], ...]
    kind = "flip"

    def __post_init__(self) -> None:
        values = tuple(tuple(float(v) + 0.0 for v in column) for column in self.values)
        object.__setattr__(self, "values", values)
        for place, column in enumerate(values):
            ordered = all(a < b for a, b in itertools.pairwise(column))
            if len(column) == 1 or not ordered or not np.all(np.isfinite(column)):
                raise ValueError(
                    f"Column {place} needs two finite values or more, in ascending order, or none "
                    f"for no noise; got {column}."
                )
        if not self._others:
            raise ValueError("At least one column must have noise.")
        for n_others in set(self._others):
            Pair.categorical(self.keep, n_others)  # says so if values are not kept often enough

    @classmethod
    def keeping(cls, keep: float | Fraction, values: Iterable[Iterable[float]]) -> "FlipNoise":
        """Return noise that keeps values with the probability on the grid nearest to `keep`.

        Parameters
        ----------
        keep : float or Fraction
            Probability that a value is kept.
        values : iterable of iterable of float
            As of the class.

        Returns
        -------
        noise : FlipNoise
        """
        if not 0 < keep <= 1:
            raise ValueError(f"keep must be a probability above 0, up to 1; got {keep!r}.")
        columns = tuple(tuple(column) for column in values)
        return cls(on_grid(keep, {len(c) - 1 for c in columns if len(c) > 1}), columns)

    @property
    def keep(self) -> Fraction:
        """Probability that a value is kept."""
        return Fraction(self.kept, _UNIT)

    @property
    def norm(self) -> Norm:  # type: ignore[override]
        """The number of changed columns, of those with noise."""
        return L0(tuple(float(len(column) > 0) for column in self.values))

    @functools.cached_property
    def name(self) -> str:
        """All parameters in words."""
        return f"flip, kept {self.kept}, values {self.values!r}"

    @property
    def label(self) -> str:
        """`keep` in few words, for legends and messages."""
        return f"flip keep={float(self.keep):g}"

    @functools.cached_property
    def tv_error(self) -> float:  # type: ignore[override]
        """Total variation distance of a noisy row from the ideal one: 0 where shares come out."""
        tables = self._tables.samplers
        return float(sum(tables[kind].tv_error for kind in self._kinds))

    @property
    def n_values(self) -> int:  # type: ignore[override]
        """Number of values of a row."""
        return len(self.values)

    @property
    def _n_noisy(self) -> int:
        return len(self._others)

    @functools.cached_property
    def _others(self) -> list[int]:
        """Numbers of other values of the noisy columns, the largest first."""
        return sorted((len(column) - 1 for column in self.values if column), reverse=True)

    def pairs(self, k: int) -> tuple[Pair, ...]:
        """Return the worst pair of k changed columns: those with the most values."""
        return (_worst(self.keep, tuple(self._others[:k])),)

    @property
    def kinds(self) -> tuple[tuple[Pair, int], ...]:
        """What a change of one column does, by its number of values."""
        numbers = collections.Counter(self._others)
        return tuple((Pair.categorical(self.keep, n), count) for n, count in numbers.items())

    @functools.cached_property
    def _noisy(self) -> NDArray[np.intp]:
        """Which columns have noise."""
        return np.flatnonzero([len(column) > 0 for column in self.values])

    @functools.cached_property
    def _tables(self) -> ColumnTables:
        return ColumnTables([replacement(self.keep, n) for n in sorted(set(self._others))])

    @functools.cached_property
    def _kinds(self) -> NDArray[np.intp]:
        numbers = [len(column) - 1 for column in self.values if column]
        return np.searchsorted(sorted(set(numbers)), numbers)

    @functools.cached_property
    def _twice(self) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """All values, those of each column twice over, and where each noisy column begins.

        Twice, so that from the place of the row's value one may go on by all steps.
        """
        columns = [column * 2 for column in self.values if column]
        starts = np.cumsum([0, *(len(column) for column in columns)])[:-1]
        return np.concatenate(columns), starts.astype(np.int32)

    @functools.cached_property
    def _known(self) -> NDArray[np.float64]:
        """The values of the noisy columns, a row for each; filled up with NaN."""
        columns = [self.values[j] for j in self._noisy.tolist()]
        out = np.full((len(columns), max(map(len, columns))), np.nan)
        for line, column in zip(out, columns, strict=True):
            line[: len(column)] = column
        return out

    def _places(
        self, row: NDArray[np.floating]
    ) -> tuple[NDArray[np.int32], NDArray[np.bool_], NDArray[np.bool_]]:
        """Return places of the noisy columns' values among their own; what is missing, or unknown.

        The place of both is 0.
        """
        values = row[self._noisy]
        hits = self._known.astype(row.dtype) == values[:, None]
        times, missing = hits.sum(axis=1), np.isnan(values)
        if np.any(times > 1):
            column = int(self._noisy[times.argmax()])
            raise ValueError(
                f"Column {column} has values that are the same in {row.dtype}: pass rows in "
                "float64."
            )
        return hits.argmax(axis=1).astype(np.int32), missing, (times == 0) & ~missing

    @functools.cached_property
    def _blank(self) -> list[int]:
        """How often, times 2**64, an unknown value becomes its column's first one.

        Not more often than others, but for what makes the rest a multiple of their number. Such a
        law is a mixture of the laws around known values: of that of the first one, and of all. So
        by the convexity of trade-offs, known rows and rows with unknown values are as hard to tell
        apart as known ones that differ there, and unknown ones harder.
        """
        numbers = [len(self.values[j]) - 1 for j in self._noisy]
        return [min(self.kept, _UNIT - n * (_UNIT // (n + 1))) for n in numbers]

    @functools.cached_property
    def _blank_tables(self) -> tuple[ColumnTables, NDArray[np.intp]]:
        """The tables, behind them those for unknown values; and which is each noisy column's."""
        numbers = [len(self.values[j]) - 1 for j in self._noisy]
        laws = sorted(set(zip(numbers, self._blank, strict=True)))
        more = [replacement(Fraction(first, _UNIT), n) for n, first in laws]
        kinds = [laws.index(law) for law in zip(numbers, self._blank, strict=True)]
        tables = self._tables.samplers
        return ColumnTables([*tables, *more]), np.array(kinds) + len(tables)

    def around(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to replace values."""
        flat = self._flat(row)
        noisy = self._noisy
        own, missing, unknown = self._places(flat)
        places, gone = self._twice[1] + own, noisy[missing]
        values = self._twice[0].astype(row.dtype)
        tables, kinds = self._tables, self._kinds
        if unknown.any():
            tables, blank = self._blank_tables
            kinds = np.where(unknown, blank, kinds)
        whole = len(noisy) == len(flat)

        def perturb(stream: Any, out: NDArray[np.floating]) -> None:
            moves = np.empty((len(out), len(noisy)), dtype=np.int16)
            tables.draw(stream, moves.reshape(-1), kinds)
            drawn = values.take(places + moves, mode="clip")
            rows = out.reshape(len(out), -1)
            if whole:
                rows[...] = drawn
            else:
                rows[...] = flat
                rows[:, noisy] = drawn
            rows[:, gone] = np.nan

        return perturb

    def marginals(self, shape: tuple[int, ...]) -> Marginals:
        """Return independent draws of categories."""
        columns = {j: v for j, v in enumerate(self.values) if v}
        one = Fraction(1)  # a value that is none of them becomes any
        laws = {j: Replaced(v, (one - self.keep,) * len(v), one) for j, v in columns.items()}
        return Marginals.of_replaced(shape, laws)

    @property
    def n_outcomes(self) -> int:  # type: ignore[override]
        """Number of rows that the categories make."""
        return math.prod(n + 1 for n in self._others)

    def outcomes(self, row: NDArray[np.floating]) -> Outcomes:
        """Return all rows that the categories make, but for missing values."""
        own, missing, unknown = self._places(row.reshape(-1))
        there = np.flatnonzero(~missing).tolist()
        columns = [int(self._noisy[i]) for i in there]
        values = [self.values[j] for j in columns]
        kept = [self._blank[i] if unknown[i] else self.kept for i in there]
        # times the number of other values, so that they are whole numbers
        chances = [(k * (len(v) - 1), _UNIT - k) for k, v in zip(kept, values, strict=True)]
        return of_columns(row, columns, values, own[~missing].tolist(), chances)

    def with_known(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return rows with some known value for each unknown one."""
        known = X.reshape(len(X), -1) + X.dtype.type(0.0)
        for column in self._noisy.tolist():
            values = np.array(self.values[column], dtype=X.dtype)
            there = ~np.isnan(known[:, column])
            place = np.searchsorted(values, known[there, column])
            known[there, column] = values[np.minimum(place, len(values) - 1)]
        return known.reshape(X.shape)

    def corrupt(self, rng: Draws, rows: Any) -> Any:
        """Return rows with replaced values, for training."""
        xp = namespace(rows)
        flat = rows.reshape(len(rows), -1)
        out = flat + 0.0
        u, keep = rng.random(flat.shape), float(self.keep)
        for column in self._noisy.tolist():
            known = self.values[column]
            twice = xp.asarray(known * 2, dtype=flat.dtype)
            twice = twice if xp is np else twice.to(flat.device)
            values = out[:, column] + 0.0
            place = xp.searchsorted(twice[: len(known)], values)
            move = (u[:, column] - keep) / (1 - keep) * (len(known) - 1) + 1
            move = xp.where(move < 1, 0.0, move)
            move = move.astype(np.int64) if xp is np else move.long()
            drawn = twice[xp.clip(place, 0, len(known) - 1) + move]
            out[:, column] = xp.where(values == values, drawn, values)  # but for missing ones
        return out.reshape(rows.shape)


@functools.lru_cache(maxsize=4096)
def _worst(keep: Fraction, others: tuple[int, ...]) -> Pair:
    """Return the pair of changed columns with these numbers of other values, the largest first.

    A column with more values is easier to tell apart, so that those after the first few may count
    as having as many as the last of these: else there would be too many atoms.
    """
    last = others[min(len(others), _OF_THEIR_OWN) - 1]
    alike = collections.Counter(max(n_others, last) for n_others in others)
    parts = (Pair.categorical(keep, n_others, n) for n_others, n in alike.items())
    return functools.reduce(operator.mul, parts)
