"""Splitting noise, for L1 balls: the base sees in which cells a row's values lie."""

import dataclasses
import functools
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bounds import radius_uniform, splitting_steps
from .base import Draws, Noise, Perturb
from .norm import namespace
from .norms import L1, Norm

__all__ = ["SplitNoise"]

_FARTHEST = 2**24  # steps; cells and quarter steps stay below 2**31


@dataclasses.dataclass(frozen=True)
class SplitNoise(Noise):
    r"""Each value is shown as the middle of the cell of a random partition that it lies in.

    The cells of a feature have a width of `periods` steps of a grid. All features' partitions
    are shifted together, by t steps from where they start, and t takes m values: so few that a base
    can be asked about all of them, and a certificate cannot fail. Or t is drawn.

    Two rows on the grid that are :math:`|k_i|` steps apart in feature i lie in different cells for
    :math:`|k_i| m / M_i` of the values of t at most, with :math:`M_i` the period. So their
    probabilities differ by :math:`\sum |k_i| / M_i` at most [1]_, as under `UniformNoise` of half
    width :math:`\lambda_i`, half a period, and the radius is :math:`\lambda (p_A - p_B)`.

    Parameters
    ----------
    levels : int
        The grid is that of the multiples of ``1 / levels``: 255 for images, 1 for whole numbers.
    periods : tuple of int
        For each feature the width of its cells, in steps; 0 for a feature without noise, which
        nobody can change. Their least common multiple is the number of outcomes.
    starts : tuple of int
        For each feature where its partition starts, in steps; any will do for a certificate.
    low, high : int
        Range of the features, in steps: cells are cut off there.

    Notes
    -----
    Certificates speak of rows on the grid: what is deployed rounds its input. A change by real
    numbers may become up to twice as long by that rounding.

    References
    ----------
    .. [1] A. Levine and S. Feizi (2021). "Improved, Deterministic Smoothing for L1 Certified
       Robustness". ICML. arXiv:2103.10834.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.noise.split import SplitNoise
    >>> noise = SplitNoise(levels=1, periods=(4, 4), starts=(0, 3), low=0, high=9)
    >>> noise.outcomes(np.array([2.0, 7.0]))
    array([[2.5 , 5.5 ],
           [3.5 , 6.5 ],
           [1.25, 7.25],
           [1.75, 7.75]])
    >>> noise.radius([0.9], [0.1]).round(4)  # sampled: of lambda, which is 2
    array([1.6])
    """

    levels: int
    periods: tuple[int, ...]
    starts: tuple[int, ...]
    low: int
    high: int
    kind = "split"
    sound = True
    rounding = 0.0
    additive = False

    def __post_init__(self) -> None:
        for field in ("periods", "starts"):
            object.__setattr__(self, field, tuple(int(value) for value in getattr(self, field)))
        if self.levels < 1 or not -_FARTHEST <= self.low < self.high <= _FARTHEST:
            raise ValueError(
                "levels must be 1 or more, and low below high, both within 2**24 steps; got "
                f"{self.levels}, {self.low} and {self.high}."
            )
        if min(self.periods, default=0) < 0 or not any(self.periods):
            raise ValueError(
                f"periods must be 0 or more steps, and not all of them 0; got {self.periods}."
            )
        if len(self.starts) != len(self.periods):
            raise ValueError(
                f"There are {len(self.periods)} periods but {len(self.starts)} starts."
            )
        if self.n_outcomes > _FARTHEST:
            raise ValueError(
                f"The periods' least common multiple is {self.n_outcomes}; it must not exceed "
                "2**24. Choose periods that divide one another."
            )

    @functools.cached_property
    def n_outcomes(self) -> int:
        """Number of outcomes, m."""
        return math.lcm(*(period for period in self.periods if period))

    @property
    def n_values(self) -> int:  # type: ignore[override]
        """Number of values of a row."""
        return len(self.periods)

    @functools.cached_property
    def scale(self) -> tuple[float, ...]:
        """Half the width of the cells, in the units of the features, rounded down."""
        halves = (Fraction(period, 2 * self.levels) for period in self.periods)
        return tuple(_below(half) for half in halves)

    @property
    def _is_alike(self) -> bool:
        return len(set(self.periods)) == 1

    @functools.cached_property
    def norm(self) -> Norm:  # type: ignore[override]
        """L1, in units of the half widths if these differ."""
        return L1() if self._is_alike else L1(self.scale, "lambda")

    @property
    def sigma(self) -> tuple[float, ...]:
        """Standard deviation of a uniform of the cells' width, feature by feature."""
        return tuple(value / math.sqrt(3) for value in self.scale)

    @property
    def tv_error(self) -> float:  # type: ignore[override]
        """Total variation distance of the t that is drawn from a uniform one, at most."""
        return self.n_outcomes * 2.0**-64

    @functools.cached_property
    def name(self) -> str:
        """All parameters in words."""
        return (
            f"split, levels {self.levels}, periods {self.periods!r}, starts {self.starts!r}, "
            f"from {self.low} to {self.high}"
        )

    @property
    def label(self) -> str:
        """The periods in few words, for legends and messages."""
        low, high = min(p for p in self.periods if p), max(self.periods)
        return f"split period={low}" if low == high else f"split period={low} to {high}"

    def radius(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
        """L1 radius from bounds on the probabilities, if t is drawn."""
        return radius_uniform(p_lower, p_upper, self.scale[0] if self._is_alike else 1.0)

    def draw(self, rng: Draws, shape: tuple[int, ...]) -> Any:
        """Refuse: there is nothing to be added."""
        raise TypeError("SplitNoise does not add noise to rows; use corrupt(rng, rows).")

    def deviations(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return `sigma` value by value."""
        return np.array(self.sigma).reshape(shape)

    def radius_of_votes(self, votes: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return labels and radii from the votes of all outcomes: without a chance to fail.

        Parameters
        ----------
        votes : array-like of int, shape (n_samples, n_classes)
            Number of outcomes with each class.

        Returns
        -------
        labels : ndarray of int64, shape (n_samples,)
            Codes of the classes; of equals the first.
        radius : ndarray of float64, shape (n_samples,)
            In the norm `norm`, rounded down. Rows on the grid that are nearer than that have the
            same label. Where all periods are the same, `sksmooth.bounds.splitting_steps` has the
            whole truth: how many steps, these included.
        """
        labels, _ = splitting_steps(votes)
        counts = np.asarray(votes, dtype=np.int64)
        if len(counts) and counts[0].sum() != self.n_outcomes:
            raise ValueError(
                f"votes must be of all {self.n_outcomes} outcomes; got {counts[0].sum()}."
            )
        most = np.take_along_axis(counts, labels[:, None], axis=1)[:, 0]
        others = counts.copy()
        np.put_along_axis(others, labels[:, None], -1, axis=1)
        scale = self.scale[0] if self._is_alike else 1.0
        lead = (most - others.max(axis=1)) / self.n_outcomes
        return labels, np.maximum(scale * lead * (1 - 2.0**-50), 0.0)

    def outcomes(self, row: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return all that the base may see of a row.

        Parameters
        ----------
        row : ndarray of any shape, float32 or float64
            The row, on the grid.

        Returns
        -------
        outcomes : ndarray of shape (n_outcomes, *shape)
            Equally likely.
        """
        out = np.empty((self.n_outcomes, *row.shape), dtype=row.dtype)
        self._shown(row)(np.arange(self.n_outcomes), out)
        return out

    def around(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to draw outcomes."""
        shown = self._shown(row)
        number, half = np.uint64(self.n_outcomes), np.uint64(32)

        def perturb(stream: Any, out: NDArray[np.floating]) -> None:
            words = stream.words(len(out))
            carried = ((words & np.uint64(2**32 - 1)) * number) >> half
            t = ((words >> half) * number + carried) >> half
            shown(t.astype(np.int64), out)

        return perturb

    def _shown(
        self, row: NDArray[np.floating]
    ) -> Callable[[NDArray[np.int64], NDArray[np.floating]], None]:
        """Return what fills an array with what is seen of a row at given t."""
        flat = row.reshape(-1) + row.dtype.type(0.0)  # rows that compare equal must look equal
        if len(flat) != len(self.periods):
            raise ValueError(f"Rows have {len(flat)} values; the noise is for {len(self.periods)}.")
        noisy = np.flatnonzero(self.periods)
        steps = self._steps(flat[noisy]).astype(np.int32)
        period, start = (
            np.array(values, dtype=np.int32)[noisy] for values in (self.periods, self.starts)
        )
        ahead = (start - steps) % period  # of the next edge, at t = 0
        kinds, kind = np.unique(period, return_inverse=True)

        def show(t: NDArray[np.int64], out: NDArray[np.floating]) -> None:
            shift = (t[:, None] % kinds).astype(np.int32)
            after = ahead + (shift if len(kinds) == 1 else shift[:, kind])
            np.subtract(after, period, out=after, where=after >= period)
            rows = out.reshape(len(out), -1)
            if len(noisy) == len(flat):
                rows[...] = self._middles(steps + after, period, row.dtype)
            else:
                rows[...] = flat
                rows[:, noisy] = self._middles(steps + after, period, row.dtype)

        return show

    def _steps(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return values on the grid in steps."""
        exact = values.astype(np.float64) * self.levels
        steps = np.rint(exact)
        off = ~((np.abs(exact - steps) <= 2.0**-16) & (np.abs(steps) <= _FARTHEST))
        if off.any():
            raise ValueError(
                f"A row has the value {values[off][0]!s}, which is not a multiple of "
                f"1/{self.levels}, or too large. Splitting noise is for values on a grid: round "
                "them before they get here."
            )
        return steps

    def _middles(
        self, last: NDArray[np.int32], period: NDArray[np.int32], dtype: Any
    ) -> NDArray[np.floating]:
        """Return the middles of cells, of which the last steps are given: of integers alone.

        A cell reaches from half a step above the last step of the one before it to half a step
        above its own.
        """
        last = 2 * last  # in half steps: edges are halfway between steps
        low = np.maximum(last - (2 * period - 1), 2 * self.low)
        last += 1
        high = np.minimum(last, 2 * self.high, out=last)
        high += low
        return high.astype(dtype) / dtype.type(4 * self.levels)

    def corrupt(self, rng: Any, rows: Any) -> Any:
        """Return what is seen of rows, for training: each at a t of its own."""
        xp = namespace(rows)
        host = rows if xp is np else rows.detach().cpu().numpy()
        u = rng.random((len(rows),))
        t = np.asarray(u if xp is np else u.cpu().numpy()) * self.n_outcomes
        out = np.empty_like(host)
        for i, row in enumerate(host):
            self._shown(row)(t[i : i + 1].astype(np.int64), out[i : i + 1])
        return out if xp is np else xp.as_tensor(out, device=rows.device)


def _below(value: Fraction) -> float:
    nearest = float(value)
    return nearest if nearest <= value else math.nextafter(nearest, 0.0)
