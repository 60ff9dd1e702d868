"""Splitting noise, for L1 balls: the base sees in which cells a row's values lie."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bounds import radius_uniform, splitting_steps
from ..bounds.radius import tails_of
from ..bounds.rational import round_down
from .base import Draws, Noise, Perturb
from .norm import namespace
from .norms import L1, Norm
from .outcomes import Outcomes, equally_likely
from .samplers.cells import below

__all__ = ["SplitNoise"]

_FARTHEST = 2**24  # steps; cells and quarter steps stay below 2**31
_AT_ONCE = 2**14  # values: they stay in a processor's cache
_OFF = 2.0**-16  # steps by which a value on the grid may be off it


@dataclasses.dataclass(frozen=True)
class SplitNoise(Noise):
    r"""Each value is shown as the middle of the cell of a partition that it lies in.

    Missing values stay missing: what is certified are changes of the others.

    The cells of a feature have a width of `periods` steps of a grid. All features' partitions are
    shifted together, by t steps from where they start, and t takes m values: so few that a base can
    be asked about all of them, and a certificate cannot fail. Or t is drawn.

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
        nobody can change. Their least common multiple is the number of outcomes, m.
    starts : tuple of int
        For each feature where its partition starts, in steps; any will do for a certificate.
    low, high : int, default=None
        Range of the features, in steps, at which cells are cut off; None for none.

    References
    ----------
    .. [1] A. Levine and S. Feizi (2021). "Improved, Deterministic Smoothing for L1 Certified
       Robustness". ICML. arXiv:2103.10834.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.noise import SplitNoise
    >>> noise = SplitNoise(levels=1, periods=(4, 4), starts=(0, 3), low=0, high=9)
    >>> shown = np.empty((noise.n_outcomes, 2))
    >>> noise.outcomes(np.array([2.0, 7.0])).fill(0, shown)
    >>> shown
    array([[2.5 , 5.5 ],
           [3.5 , 6.5 ],
           [1.25, 7.25],
           [1.75, 7.75]])
    >>> noise.reached_by_votes([[3, 1]])
    array([1.])
    """

    levels: int
    periods: tuple[int, ...]
    starts: tuple[int, ...]
    low: int | None = None
    high: int | None = None
    kind = "split"
    sound = True
    rounding = 0.0
    additive = False

    def __post_init__(self) -> None:
        for field in ("periods", "starts"):
            object.__setattr__(self, field, tuple(int(value) for value in getattr(self, field)))
        low = -_FARTHEST if self.low is None else self.low
        high = _FARTHEST if self.high is None else self.high
        if self.levels < 1 or not -_FARTHEST <= low < high <= _FARTHEST:
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
                "2**24. Choose scales that divide one another."
            )

    @functools.cached_property
    def n_outcomes(self) -> int:  # type: ignore[override]
        """Number of shifts, m."""
        return math.lcm(*(period for period in self.periods if period))

    @property
    def n_values(self) -> int:  # type: ignore[override]
        """Number of values of a row."""
        return len(self.periods)

    @functools.cached_property
    def scale(self) -> tuple[float, ...]:
        """Half the width of the cells, in the units of the features, rounded down."""
        halves = {p: round_down(Fraction(p, 2 * self.levels)) for p in set(self.periods)}
        return tuple(halves[period] for period in self.periods)

    @property
    def _is_alike(self) -> bool:
        return len(set(self.periods)) == 1

    @functools.cached_property
    def norm(self) -> Norm:  # type: ignore[override]
        """L1, in units of the half widths if these differ."""
        return L1() if self._is_alike else L1(self.scale, "lambda")

    @property
    def tv_error(self) -> float:  # type: ignore[override]
        """Total variation distance of a shift that is drawn from a uniform one, at most."""
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
        """The scales in few words, for legends and messages."""
        low, high = min(s for s in self.scale if s), max(self.scale)
        return f"split scale={low:g}" if low == high else f"split scale={low:g} to {high:g}"

    @property
    def proviso(self) -> str:  # type: ignore[override]
        """Which rows certificates speak of."""
        grid = "whole numbers" if self.levels == 1 else f"multiples of 1/{self.levels}"
        reached = ", and a distance equal to the radius is within it" * self._is_alike
        return (
            f"It speaks of rows of {grid}{reached}. Within half the radius of such a row it holds "
            "for all rows, if they are rounded to these first."
        )

    @property
    def closed(self) -> bool:  # type: ignore[override]
        """Whether a distance equal to the radius is within it."""
        return self._is_alike

    def on_grid(self, X: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return which rows lie on the grid, but for missing values."""
        exact = X.reshape(len(X), -1)[:, np.array(self.periods) > 0] * self.levels
        off = np.abs(exact - np.rint(exact)) > _OFF
        return np.asarray(~off.any(axis=1))

    def deviations(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return the standard deviations of uniform laws as wide as the cells."""
        return np.array(self.scale).reshape(shape) / math.sqrt(3)

    def radius(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the L1 radius, by `sksmooth.bounds.radius_uniform`.

        Where all scales are the same it is that of the farthest row on the grid that is nearer.
        """
        return np.maximum(self.reached(p_lower, p_upper), 0.0)

    def reached(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the radius; where all scales are the same, -1 where nothing is proved."""
        if not self._is_alike:
            return radius_uniform(p_lower, p_upper)
        miss, rival = tails_of(p_lower, p_upper)
        lead = 1.0 - (miss + rival) - 2.0**-52  # two operations on numbers below 2
        nearest = np.ceil(lead * (self.n_outcomes / 2) * (1 - 2.0**-50))
        return np.where(lead > 0, nearest - 1, -1.0) / self.levels

    def proves(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.bool_]:
        """Return where anything is proved: where all scales are the same, also of the row alone."""
        reached = self.reached(p_lower, p_upper)
        return reached >= 0 if self._is_alike else reached > 0

    def target(self, radii: ArrayLike) -> NDArray[np.float64]:
        """Return the radii: 0 asks for the row itself, where all scales are the same."""
        return np.asarray(radii, dtype=np.float64) if self._is_alike else super().target(radii)

    def reached_by_votes(self, votes: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """Return radii: by `sksmooth.bounds.splitting_steps` if all scales are alike."""
        if self._is_alike:
            _, steps = splitting_steps([[*line, 0] for line in votes])  # there may be one class
            return steps / self.levels  # to the nearest float: no row lies between
        leads = [2 * max(line) - sum(sorted(line)[-2:]) for line in votes]
        return np.array([round_down(Fraction(lead, self.n_outcomes)) for lead in leads])

    def outcomes(self, row: NDArray[np.floating]) -> Outcomes:
        """Return what the base may see of a row, for the shifts 0 to m - 1."""
        show = self._shown(row[None])

        def fill(start: int, out: NDArray[np.floating]) -> None:
            show(np.arange(start, start + len(out)), out)

        return equally_likely(self.n_outcomes, fill)

    def around(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to draw shifts."""
        show = self._shown(row[None])

        def perturb(stream: Any, out: NDArray[np.floating]) -> None:
            show(below(self.n_outcomes, stream.words(len(out))).astype(np.int64), out)

        return perturb

    def corrupt(self, rng: Draws, rows: Any) -> Any:
        """Return what is seen of rows, for training: each at a shift of its own."""
        xp = namespace(rows)
        host = rows if xp is np else rows.detach().cpu().numpy()
        t = rng.integers(0, self.n_outcomes, (len(rows),))
        out = np.empty_like(host)
        self._shown(host)(t if xp is np else t.cpu().numpy(), out)
        return out if xp is np else xp.as_tensor(out, device=rows.device)

    def _shown(self, rows: NDArray[np.floating]) -> Any:
        """Return ``show(t, out)``, which fills `out` with what is seen at the shifts t.

        Of one row at all of them, or of each row at its own.
        """
        flat = rows.reshape(len(rows), -1) + rows.dtype.type(0.0)  # equal rows must look equal
        if flat.shape[1] != len(self.periods):
            raise ValueError(
                f"Rows have {flat.shape[1]} values; the noise is for {len(self.periods)}."
            )
        noisy = np.flatnonzero(self.periods)
        missing = np.isnan(flat[:, noisy])
        steps = self._steps(np.where(missing, 0, flat[:, noisy])).astype(np.int32)
        period, start = (
            np.array(values, dtype=np.int32)[noisy] for values in (self.periods, self.starts)
        )
        ahead = (start - steps) % period  # of the next edge, at t = 0
        kinds, kind = np.unique(period, return_inverse=True)

        def show(t: NDArray[np.int64], out: NDArray[np.floating]) -> None:
            shown = out.reshape(len(out), -1)
            at_once = max(1, _AT_ONCE // flat.shape[1])
            for first in range(0, len(t), at_once):
                here = slice(first, first + at_once)
                ours = here if len(flat) > 1 else slice(1)  # of one row, or of each its own
                shift = (t[here, None] % kinds).astype(np.int32)
                after = ahead[ours] + (shift if len(kinds) == 1 else shift[:, kind])
                # less a period where that is not negative: else it is a large number
                bits = after.view(np.uint32)
                np.minimum(bits, (after - period).view(np.uint32), out=bits)
                after += steps[ours]
                middles = self._middles(after, period, flat.dtype)
                if missing.any():
                    middles[np.broadcast_to(missing[ours], middles.shape)] = math.nan
                if len(noisy) == flat.shape[1]:
                    shown[here] = middles
                else:
                    shown[here] = flat[ours]
                    shown[here, noisy] = middles

        return show

    def _steps(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return values on the grid in steps."""
        exact = values.astype(np.float64) * self.levels
        steps = np.rint(exact)
        off = ~((np.abs(exact - steps) <= _OFF) & (np.abs(steps) <= _FARTHEST))
        if off.any():
            grid = "a whole number" if self.levels == 1 else f"a multiple of 1/{self.levels}"
            raise ValueError(
                f"A row has the value {values[off][0]!s}, which is not {grid}, or too large. "
                "Splitting noise is for values on a grid: round them first, and measure from the "
                "rounded row; or give features that nobody can change a scale of 0."
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
        first = last - (2 * period - 1)
        last += 1
        if self.low is not None:
            np.maximum(first, 2 * self.low, out=first)
        if self.high is not None:
            np.minimum(last, 2 * self.high, out=last)
        last += first
        return last.astype(dtype) / dtype.type(4 * self.levels)
