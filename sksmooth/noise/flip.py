"""Noise that replaces categories, for numbers of changed columns."""

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
from ..checks import is_real
from .base import Draws, Noise, Perturb
from .binary_flip import BinaryFlipNoise
from .changes import ChangeNoise, on_grid
from .norm import namespace
from .norms import L0, Norm
from .outcomes import Outcomes, of_columns
from .samplers import ColumnTables, replacement
from .specification import Rows, Specification

__all__ = ["Flip", "FlipNoise"]

_UNIT = 2**64
_OF_THEIR_OWN = 5  # columns; the pair of k different ones has up to 3**k atoms


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flip(Specification):
    """Noise that replaces categories: certificates are numbers of columns that may change.

    Every column holds codes of categories: numbers, such as ``OrdinalEncoder`` makes, and those
    that it has in `fit` are all there are. Put one-hot encoders inside the base: a category is one
    column, and a change of it one change. A column with a single value gets no noise, and nobody
    can change it. The smoother's `sigma` is not used.

    Give either `keep`, or `add` and `remove` for columns of zeros and ones.

    Parameters
    ----------
    keep : float, default=None
        Probability that a category is kept; any other of its column takes its place with equal
        chances, which must be smaller.
    add, remove : float, default=None
        Probability that a 0 becomes a 1, and that a 1 becomes a 0: from 0, below 1. For sparse
        rows, a small `add` and a large `remove` [1]_.

    See Also
    --------
    FlipNoise, BinaryFlipNoise : The noise that is drawn.

    References
    ----------
    .. [1] A. Bojchevski, J. Klicpera and S. Gunnemann (2020). "Efficient Robustness Certificates
       for Discrete Data". ICML. arXiv:2008.12952.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import BernoulliNB
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.noise import Flip
    >>> X = np.random.default_rng(0).integers(2, size=(200, 9))
    >>> y = (X.sum(axis=1) > 4).astype(int)
    >>> clf = SmoothedClassifier(BernoulliNB(), noise=Flip(keep=0.8), random_state=0).fit(X, y)
    >>> certificate = clf.certify(np.array([[0] * 9, [1] * 9]), n=10_000)
    >>> certificate.norm, certificate.radii
    ('l0', array([1., 1.]))
    """

    keep: float | None = None
    add: float | None = None
    remove: float | None = None
    additive = False

    def __post_init__(self) -> None:
        for name in ("keep", "add", "remove"):
            if not (is_real(getattr(self, name)) or getattr(self, name) is None):
                raise ValueError(
                    f"{name} must be one number for all columns; got {getattr(self, name)!r}."
                )
        binary = (self.add is not None, self.remove is not None)
        if any(binary) != all(binary) or all(binary) == (self.keep is not None):
            raise ValueError(
                "Flip needs keep, or both add and remove, and not all three; got "
                f"keep={self.keep!r}, add={self.add!r} and remove={self.remove!r}."
            )

    @property
    def needs_categories(self) -> bool:  # type: ignore[override]
        """Whether `bind` needs the categories of the training rows."""
        return self.keep is not None

    def bind(self, rows: Rows) -> Noise:
        """Return the noise for rows of this kind.

        Parameters
        ----------
        rows : Rows
            Their shape, and their categories.

        Returns
        -------
        noise : FlipNoise or BinaryFlipNoise
            In integers.
        """
        rows.refuse_float("Flip")
        if self.keep is None:
            assert self.add is not None
            assert self.remove is not None
            return BinaryFlipNoise.turning(self.add, self.remove, math.prod(rows.shape))
        if rows.categories is None:
            raise ValueError(
                "Flip draws from the categories that are seen in fit; fit again with this noise."
            )
        return FlipNoise.keeping(self.keep, [c if len(c) > 1 else () for c in rows.categories])


@dataclasses.dataclass(frozen=True)
class FlipNoise(ChangeNoise):
    """Each column keeps its value with one probability, or else takes any other with equal chances.

    Missing values get no noise and stay missing: what is certified are changes of the others.

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

    def _places(self, row: NDArray[np.floating]) -> NDArray[np.int32]:
        """Return where the values of the noisy columns are among all values."""
        values = row[self._noisy]
        hits = self._known.astype(row.dtype) == values[:, None]
        unknown = np.flatnonzero((hits.sum(axis=1) != 1) & ~np.isnan(values))
        if len(unknown):
            column = int(self._noisy[unknown[0]])
            raise ValueError(
                f"Column {column} has the value {row[column]!s}, which is not one of those that "
                f"noise draws from: {list(self.values[column])}. Categories have to be known in "
                "fit."
            )
        return self._twice[1] + hits.argmax(axis=1).astype(np.int32)

    def around(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to replace values."""
        flat = row.reshape(-1) + row.dtype.type(0.0)  # rows that compare equal must look equal
        if len(flat) != len(self.values):
            raise ValueError(f"Rows have {len(flat)} values; the noise is for {len(self.values)}.")
        noisy, places = self._noisy, self._places(flat)
        values = self._twice[0].astype(row.dtype)
        missing = noisy[np.isnan(flat[noisy])]
        tables, kinds = self._tables, self._kinds
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
            rows[:, missing] = np.nan

        return perturb

    @property
    def n_outcomes(self) -> int:  # type: ignore[override]
        """Number of rows that the categories make."""
        return math.prod(n + 1 for n in self._others)

    def outcomes(self, row: NDArray[np.floating]) -> Outcomes:
        """Return all rows that the categories make, but for missing values."""
        flat = row.reshape(-1)
        places = self._places(flat) - self._twice[1]
        known = [
            (j, own)
            for j, own in zip(self._noisy.tolist(), places.tolist(), strict=True)
            if not np.isnan(flat[j])
        ]
        columns = [j for j, _ in known]
        values = [self.values[j] for j in columns]
        # times the number of other values, so that they are whole numbers
        chances = [(self.kept * (len(v) - 1), _UNIT - self.kept) for v in values]
        return of_columns(row, columns, values, [own for _, own in known], chances)

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
