"""Noise that drops features, for numbers of changed features."""

import collections
import dataclasses
import functools
import math
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bounds import Pair
from .base import Draws, Noise, Perturb
from .changes import ChangeNoise, on_grid
from .marginals import Marginals, Replaced
from .norm import namespace
from .norms import L0, Norm
from .outcomes import Outcomes, of_columns
from .samplers import ColumnTables, replacement
from .specification import Rows, Specification

__all__ = ["Drop", "DropNoise"]

_UNIT = 2**64


@dataclasses.dataclass(frozen=True)
class Drop(Specification):
    """Noise that makes values missing: certificates are numbers of features that may change.

    These features may change by any amount, or go missing. The base gets rows with NaN in place of
    dropped values, in `fit` too: it must take missing values, as trees and histogram boosting do,
    or have an imputer in front of it in a Pipeline. Train it on several copies (``n_augment``). The
    smoother's `sigma` is not used.

    Parameters
    ----------
    drop : float or sequence of float
        Probability that a feature is dropped, above 0 and below 1; or one for each feature, in the
        order of a flattened row, with 0 for those that nobody can change.

    See Also
    --------
    DropNoise : The noise that is drawn.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import HistGradientBoostingClassifier
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.noise import Drop
    >>> X, y = load_iris(return_X_y=True)
    >>> base = HistGradientBoostingClassifier(max_iter=20)
    >>> clf = SmoothedClassifier(base, noise=Drop(drop=0.6), n_augment=10, random_state=0)
    >>> certificate = clf.fit(X, y).certify(X[:50:10], n=1000)
    >>> certificate.norm, float(certificate.radii.max())
    ('l0', 1.0)
    """

    drop: float | tuple[float, ...]
    additive = False
    columns_hold = "anything"

    def __post_init__(self) -> None:
        if isinstance(self.drop, Iterable):  # a list too: the specification is hashable
            object.__setattr__(self, "drop", tuple(self.drop))

    def bind(self, rows: Rows) -> Noise:
        """Return the `DropNoise` for rows of a shape.

        Parameters
        ----------
        rows : Rows
            Their shape.

        Returns
        -------
        noise : DropNoise
            In integers.
        """
        rows.refuse_float("Drop")
        size = math.prod(rows.shape)
        rates = self.drop if isinstance(self.drop, tuple) else (self.drop,) * size
        if len(rates) != size:
            raise ValueError(
                f"drop has {len(rates)} numbers, but rows have {size} values. Pass one number for "
                "all, or one for each."
            )
        return DropNoise.dropping(rates)


@dataclasses.dataclass(frozen=True)
class DropNoise(ChangeNoise):
    r"""Each feature is made a missing value, NaN, with some probability, whatever it was.

    Two noisy rows are equal unless a feature in which the rows differ is kept. So if k features
    change, by any amount, the distribution of noisy rows changes by a total variation distance of
    :math:`1 - \prod e_i` at most, with the probabilities :math:`e_i` of the k features that are
    dropped least often.

    Parameters
    ----------
    kept : tuple of int
        For each feature the probability that it is kept, times 2**64; 2**64 for a feature without
        noise, which nobody can change. `dropping` makes them from numbers.

    Examples
    --------
    >>> from sksmooth.noise import DropNoise
    >>> noise = DropNoise.dropping([0.9, 0.9, 0.8])
    >>> noise.radius([0.6, 0.75, 0.999])
    array([0., 1., 3.])
    """

    kept: tuple[int, ...]
    kind = "drop"
    tv_error = 0.0

    def __post_init__(self) -> None:
        kept = tuple(int(value) for value in self.kept)
        if not all(0 < value <= _UNIT for value in kept) or min(kept, default=_UNIT) == _UNIT:
            raise ValueError(
                "kept must be integers above 0, up to 2**64, and not all of them 2**64; got "
                f"{self.kept!r}."
            )
        object.__setattr__(self, "kept", kept)

    @classmethod
    def dropping(cls, drop: Iterable[float | Fraction]) -> "DropNoise":
        """Return noise with probabilities on the grid nearest to those given.

        Parameters
        ----------
        drop : iterable of float or Fraction
            For each feature the probability that it is dropped; from 0, below 1.

        Returns
        -------
        noise : DropNoise
        """
        rates = list(drop)
        if not all(0 <= rate < 1 for rate in rates):
            raise ValueError(f"drop must be probabilities from 0, below 1; got {rates!r}.")
        # a feature that is hardly ever dropped is still one with noise
        most = [_UNIT - (rate > 0) for rate in rates]
        kept = (on_grid(1 - Fraction(rate)) for rate in rates)
        return cls(tuple(map(min, kept, most)))

    @property
    def norm(self) -> Norm:  # type: ignore[override]
        """The number of changed features, of those with noise."""
        return L0(tuple(self.counts_missing().astype(float).tolist()))

    @functools.cached_property
    def name(self) -> str:
        """All parameters in words."""
        return f"drop, kept {self.kept}"

    @property
    def label(self) -> str:
        """The probabilities in few words, for legends and messages."""
        low, high = (float(rate) for rate in (self._rates[0], self._rates[-1]))
        return f"drop={low:g}" if low == high else f"drop={low:g} to {high:g}"

    @property
    def n_values(self) -> int:  # type: ignore[override]
        """Number of values of a row."""
        return len(self.kept)

    @property
    def _n_noisy(self) -> int:
        return len(self._rates)

    @functools.cached_property
    def _rates(self) -> list[Fraction]:
        """Probabilities that features are dropped, in ascending order."""
        return sorted(1 - Fraction(value, _UNIT) for value in self.kept if value < _UNIT)

    def pairs(self, k: int) -> tuple[Pair, ...]:
        """Return the pair of the k features that are dropped least often."""
        return (_within(1 - math.prod(self._rates[:k])),)

    @property
    def kinds(self) -> tuple[tuple[Pair, int], ...]:
        """What a change of one feature does, by how often it is dropped."""
        numbers = collections.Counter(self._rates)
        return tuple((_within(1 - rate), count) for rate, count in numbers.items())

    @functools.cached_property
    def _tables(self) -> tuple[ColumnTables, NDArray[np.intp]]:
        """Tables, and the number of each noisy feature's table."""
        of_noisy = [value for value in self.kept if value < _UNIT]
        kinds = sorted(set(of_noisy))
        tables = ColumnTables([replacement(Fraction(kind, _UNIT), 1) for kind in kinds])
        return tables, np.array([kinds.index(value) for value in of_noisy])

    def around(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to drop features."""
        flat, noisy = self._flat(row), np.flatnonzero(self.counts_missing())
        tables, kinds = self._tables
        lost = np.array([0.0, math.nan], dtype=row.dtype)  # what is added: nothing, or all is lost

        def perturb(stream: Any, out: NDArray[np.floating]) -> None:
            gone = np.empty((len(out), len(noisy)), dtype=np.int16)
            tables.draw(stream, gone.reshape(-1), kinds)
            rows = out.reshape(len(out), -1)
            if len(noisy) == len(flat):
                lost.take(gone, out=rows, mode="clip")
                rows += flat
            else:
                rows[...] = flat
                rows[:, noisy] = lost.take(gone, mode="clip") + flat[noisy]

        return perturb

    def marginals(self, shape: tuple[int, ...]) -> Marginals:
        """Return independent gaps."""
        rates = {j: 1 - Fraction(kept, _UNIT) for j, kept in enumerate(self.kept) if kept < _UNIT}
        missing, never = (math.nan,), (Fraction(0),)
        laws = {j: Replaced(missing, never, rate) for j, rate in rates.items()}
        return Marginals.of_replaced(shape, laws)

    @property
    def n_outcomes(self) -> int:  # type: ignore[override]
        """Number of sets of features that can be dropped."""
        return 2**self._n_noisy

    def outcomes(self, row: NDArray[np.floating]) -> Outcomes:
        """Return the row without each set of features."""
        flat = row.reshape(-1)
        noisy = [j for j, value in enumerate(self.kept) if value < _UNIT]
        return of_columns(
            row,
            noisy,
            [(flat[j], math.nan) for j in noisy],
            [0] * len(noisy),
            [(self.kept[j], _UNIT - self.kept[j]) for j in noisy],
        )

    def counts_missing(self) -> NDArray[np.bool_]:
        """Return which features may become missing: those that noise makes missing."""
        return np.array([value < _UNIT for value in self.kept])

    def corrupt(self, rng: Draws, rows: Any) -> Any:
        """Return rows with dropped features, for training."""
        xp = namespace(rows)
        flat = rows.reshape(len(rows), -1)
        rates = xp.asarray([1 - value / _UNIT for value in self.kept], dtype=flat.dtype)
        if xp is not np:
            rates = rates.to(flat.device)
        return xp.where(rng.random(flat.shape) < rates, math.nan, flat).reshape(rows.shape)


_within = functools.lru_cache(maxsize=4096)(Pair.within)
