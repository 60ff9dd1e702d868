"""Noise that turns zeros and ones at different rates, for numbers of changed columns."""

import dataclasses
import functools
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bounds import Pair
from .base import Draws, Perturb
from .changes import ChangeNoise
from .marginals import Marginals, Replaced
from .norm import namespace
from .norms import L0
from .outcomes import Outcomes, of_columns
from .samplers import ColumnTables, replacement

__all__ = ["BinaryFlipNoise"]

_UNIT = 2**64
_MOST_BINARY = 16  # changes that are looked at: there are k + 1 pairs of k changes


@dataclasses.dataclass(frozen=True)
class BinaryFlipNoise(ChangeNoise):
    """Columns of zeros and ones, in which noise turns zeros and ones at different rates.

    For sparse data, where a row should not drown in ones [1]_.

    Parameters
    ----------
    added, removed : int
        Probability that a 0 becomes a 1, and a 1 a 0, times 2**64; `turning` makes them.
    n_columns : int
        Number of columns.

    References
    ----------
    .. [1] A. Bojchevski, J. Klicpera and S. Gunnemann (2020). "Efficient Robustness Certificates
       for Discrete Data". ICML. arXiv:2008.12952.

    Examples
    --------
    >>> from sksmooth.noise import BinaryFlipNoise
    >>> noise = BinaryFlipNoise.turning(add=0.01, remove=0.6, n_columns=100)
    >>> noise.radius([0.8, 0.9, 0.9999])
    array([0., 1., 6.])
    >>> noise.covers(0, 3, [0.8, 0.9, 0.9999])  # three ones have become zeros
    array([False,  True,  True])
    """

    added: int
    removed: int
    n_columns: int
    kind = "binary flip"
    norm = L0()
    tv_error = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.added < _UNIT and 0 <= self.removed < _UNIT and self.n_columns >= 1):
            raise ValueError(
                "added and removed must be integers from 0, below 2**64, and n_columns 1 or more; "
                f"got {self.added}, {self.removed} and {self.n_columns}."
            )

    @classmethod
    def turning(cls, add: float, remove: float, n_columns: int) -> "BinaryFlipNoise":
        """Return noise with probabilities on the grid nearest to those given.

        Parameters
        ----------
        add, remove : float
            Probability that a 0 becomes a 1, and a 1 a 0; from 0, below 1.
        n_columns : int
            Number of columns.

        Returns
        -------
        noise : BinaryFlipNoise
        """
        if not (0 <= add < 1 and 0 <= remove < 1):
            raise ValueError(
                f"add and remove must be probabilities from 0, below 1; got {add!r} and {remove!r}."
            )
        added, removed = (round(Fraction(p) * _UNIT) for p in (add, remove))
        return cls(added, removed, n_columns)

    @property
    def name(self) -> str:
        """All parameters in words."""
        return f"binary flip, added {self.added}, removed {self.removed}, columns {self.n_columns}"

    @property
    def label(self) -> str:
        """The probabilities in few words, for legends and messages."""
        return f"flip add={self.added / _UNIT:g} remove={self.removed / _UNIT:g}"

    @property
    def n_values(self) -> int:  # type: ignore[override]
        """Number of values of a row."""
        return self.n_columns

    @property
    def _n_noisy(self) -> int:
        return min(self.n_columns, _MOST_BINARY)

    def pairs(self, k: int) -> tuple[Pair, ...]:
        """Return the pairs of k changed columns: of all numbers of them with added ones."""
        return tuple(self._pair(r, k - r) for r in range(k + 1))

    @property
    def kinds(self) -> tuple[tuple[Pair, int], ...]:
        """What an added one does, and what a removed one: each could be in any column."""
        return (self._pair(1, 0), self.n_columns), (self._pair(0, 1), self.n_columns)

    def covers(
        self, n_added: int, n_removed: int, p_lower: Any, p_upper: Any = None
    ) -> NDArray[np.bool_]:
        """Whether rows are certified in which so many ones are added and removed.

        Parameters
        ----------
        n_added, n_removed : int
            Number of columns in which the row has 0 and the changed row 1, and the other way round.
        p_lower : array-like of float in [0, 1]
            Lower bound on the probability of the top class.
        p_upper : array-like of float in [0, 1], default=None
            Upper bound on the probability of every other class; None means ``1 - p_lower``.

        Returns
        -------
        covered : ndarray of bool
            In the shape of `p_lower`.
        """
        return self._pair(n_added, n_removed).proves(p_lower, p_upper)

    def _pair(self, n_added: int, n_removed: int) -> Pair:
        return _binary(
            n_added, n_removed, Fraction(self.added, _UNIT), Fraction(self.removed, _UNIT)
        )

    @functools.cached_property
    def _tables(self) -> ColumnTables:
        turned = (self.added, self.removed)
        return ColumnTables([replacement(1 - Fraction(p, _UNIT), 1) for p in turned])

    def _bits(self, row: NDArray[np.floating]) -> NDArray[np.intp]:
        """Return a row as integers, if it is of zeros and ones."""
        flat = row.reshape(-1)
        wrong = ~((flat == 0) | (flat == 1))
        if wrong.any() or len(flat) != self.n_columns:
            raise ValueError(
                f"Rows must have {self.n_columns} values, zeros and ones; got {len(flat)}"
                + (f", one of them {flat[wrong][0]!s}." if wrong.any() else ".")
            )
        return flat.astype(np.intp)

    @property
    def n_outcomes(self) -> int:  # type: ignore[override]
        """Number of rows of zeros and ones."""
        return 2**self.n_columns

    def marginals(self, shape: tuple[int, ...]) -> Marginals:
        """Return independent draws of zeros and ones."""
        turned = (Fraction(self.added, _UNIT), Fraction(self.removed, _UNIT))
        law = Replaced((0.0, 1.0), turned, None)
        return Marginals.of_replaced(shape, dict.fromkeys(range(self.n_columns), law))

    def outcomes(self, row: NDArray[np.floating]) -> Outcomes:
        """Return all rows of zeros and ones."""
        bits, n = self._bits(row).tolist(), self.n_columns
        turned = (self.added, self.removed)
        chances = [(_UNIT - turned[bit], turned[bit]) for bit in bits]
        return of_columns(row, range(n), [(0.0, 1.0)] * n, bits, chances)

    def around(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to turn zeros and ones."""
        kinds = self._bits(row)
        ones = kinds.astype(np.int16)

        def perturb(stream: Any, out: NDArray[np.floating]) -> None:
            turned = np.empty((len(out), len(ones)), dtype=np.int16)
            self._tables.draw(stream, turned.reshape(-1), kinds)
            turned ^= ones
            out.reshape(len(out), -1)[...] = turned

        return perturb

    def corrupt(self, rng: Draws, rows: Any) -> Any:
        """Return rows with turned values, for training."""
        xp = namespace(rows)
        rate = xp.where(rows > 0, self.removed / _UNIT, self.added / _UNIT)
        return xp.where(rng.random(rows.shape) < rate, 1 - rows, rows)


_binary = functools.lru_cache(maxsize=4096)(Pair.binary)
