r"""Gaussian noise on some columns of a row, and noise that replaces values on others.

The row moves by delta in the columns of the first kind, and k of the others change. The two noises
are independent, so that the pair of laws at the two rows is a product: a Gaussian that moves by
:math:`r = \|\delta / \sigma\|_2`, and the `Pair` of the changes. So one lower bound on the
probability of the top class at the row gives a radius :math:`R_k` for every k
(`sksmooth.bounds.mixed`), and all of these radii hold together.
"""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..bounds import mixed_lower, mixed_radius, mixed_upper
from .base import Deciding, Draws, Noise, Perturb
from .changes import ChangeNoise
from .gaussian import Gaussian
from .in_units import IntegerInUnits
from .marginals import Marginals
from .norms import L2AndChanges
from .per_feature import IntegerPerFeature
from .several import SeveralChangesNoise
from .specification import Rows, Specification

__all__ = ["MixedNoise", "bind_mixed"]


@dataclasses.dataclass(frozen=True)
class MixedNoise(Noise):
    r"""Gaussian noise on some columns, and noise that replaces values on others.

    `radius` is the radius if the other columns stay as they are; `radius_with` is the radius
    :math:`R_k` if at most k of them change. If the bounds on the class probabilities are true, the
    label is the same at every row that differs in at most k of these columns and, in the numbers,
    by a length below :math:`R_k`, for all k together [1]_.

    Parameters
    ----------
    gaussian : IntegerPerFeature or IntegerInUnits
        The noise of numbers; the other columns have no deviation.
    changes : ChangeNoise
        The noise of the other columns, for rows with all columns.

    References
    ----------
    .. [1] B. Delattre, H. Wu, P. Caillon, W. Lim and Y. Cao (2026). "Certified robustness under
       heterogeneous perturbations via hybrid randomized smoothing". ICML. arXiv:2605.12876.

    Examples
    --------
    >>> from sksmooth.noise import FlipNoise, IntegerPerFeature, MixedNoise, SeveralChangesNoise
    >>> flip = FlipNoise.keeping(0.8, [(0, 1, 2, 3)] * 2)
    >>> noise = MixedNoise(
    ...     IntegerPerFeature([2.0, 0.0, 0.0]), SeveralChangesNoise(3, [(1, 2)], [flip])
    ... )
    >>> str(noise.norm)
    'l2 of delta / sigma, and changes'
    >>> for k in range(3):
    ...     print(noise.radius_with(k, [0.9, 0.99, 0.999]).round(4))
    [1.2816 2.3263 3.0902]
    [   nan 1.3449 2.4274]
    [   nan    nan 1.4581]
    """

    gaussian: IntegerPerFeature | IntegerInUnits
    changes: SeveralChangesNoise
    kind = "mixed"
    additive = False
    sound = True

    def __post_init__(self) -> None:
        scale, may = self._scale, np.array(self.changes.norm.scale) > 0
        if len(scale) != len(may) or np.any((scale > 0) & may):
            raise ValueError(
                "Both noises must be of as many columns, and none may have both; got deviations "
                f"for {len(scale)} and changes of {len(may)}."
            )

    @functools.cached_property
    def name(self) -> str:
        """All parameters in words."""
        return f"mixed, {self.gaussian.name}, {self.changes.name}"

    @property
    def label(self) -> str:
        """The noises in few words, for legends and messages."""
        return f"{self.gaussian.label}, {self.changes.label}"

    @functools.cached_property
    def norm(self) -> L2AndChanges:  # type: ignore[override]
        """The L2 norm of the numbers, over their deviations or units, where no others change."""
        own = self.gaussian.norm
        may = np.flatnonzero(np.array(self.changes.norm.scale))
        return L2AndChanges(own.scale, own.unit, tuple(may.tolist()))

    @functools.cached_property
    def tv_error(self) -> float:  # type: ignore[override]
        """Total variation distance of a noisy row from the ideal one, at most."""
        return self.gaussian.tv_error + self.changes.tv_error

    @property
    def rounding(self) -> float:  # type: ignore[override]
        """Length that radii lose because numbers are rounded."""
        return self.gaussian.rounding

    @property
    def unit(self) -> float:  # type: ignore[override]
        """Length of a standard deviation."""
        return self.gaussian.unit

    @property
    def sigma(self) -> Any:
        """Deviation of the numbers, as the Gaussian noise has it."""
        return self.gaussian.sigma

    @property
    def n_values(self) -> int:  # type: ignore[override]
        """Number of values of a row."""
        return self.changes.n_values

    @property
    def _scale(self) -> NDArray[np.float64]:
        return np.array(self.gaussian.norm.scale)

    def around(self, row: NDArray[np.floating]) -> Perturb:
        """Prepare to noise numbers, and to replace other values: each from a stream of its own."""
        add, replace = self.gaussian.around(row), self.changes.in_place(row)

        def perturb(stream: Any, out: NDArray[np.floating]) -> None:
            add(stream, out)
            replace(stream, out.reshape(len(out), -1))

        return perturb

    def corrupt(self, rng: Draws, rows: Any) -> Any:
        """Return noisy copies of rows for training."""
        return self.changes.corrupt(rng, self.gaussian.corrupt(rng, rows))

    def unknown(self, X: NDArray[np.floating]) -> list[int]:
        """Return the columns with values that the noise of changes does not know."""
        return self.changes.unknown(X)

    def counts_missing(self) -> NDArray[np.bool_]:
        """Return for which columns a missing value counts as a change."""
        return self.changes.counts_missing()

    def probed(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return the rows, and copies of them with replaced values."""
        return self.changes.probed(X)

    def deviations(self, shape: tuple[int, ...]) -> NDArray[np.float64]:
        """Return the deviations of numbers; 0 elsewhere."""
        return self.gaussian.deviations(shape)

    def marginals(self, shape: tuple[int, ...]) -> Marginals | None:
        """Return the laws of both noises."""
        added, others = self.gaussian.marginals(shape), self.changes.marginals(shape)
        return None if others is None else dataclasses.replace(added, replaced=others.replaced)

    def radius_of_tails(
        self, miss: NDArray[np.float64], rival: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the radius of the numbers where no other column changes, of ideal noise."""
        return self.gaussian.radius_of_tails(miss, rival)

    def radius(self, p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the radius of the numbers where no other column changes."""
        return self.gaussian.radius(p_lower, p_upper)

    def radius_with(
        self, n_changed: int, p_lower: ArrayLike, p_upper: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Return the radius of the numbers where some of the other columns change.

        Parameters
        ----------
        n_changed : int
            Largest number of changed columns.
        p_lower, p_upper : array-like of float in [0, 1]
            As of `radius`.

        Returns
        -------
        radius : ndarray of float64
            In the norm `norm`, rounded down; NaN where so many changes are not certified even if no
            number moves.
        """
        radius = self.radius(p_lower, p_upper)
        proved = self._proves(n_changed, p_lower, p_upper)
        for pair in self._pairs(n_changed):
            moved = mixed_radius(pair, p_lower, p_upper) * self.unit - self.rounding
            radius = np.minimum(radius, np.maximum(moved, 0.0))
        return np.where(proved, radius, np.nan)

    def max_changes(
        self, p_lower: ArrayLike, p_upper: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Return how many columns may change while the numbers stay; -1 where nothing is proved."""
        reached = self.changes.reached(p_lower, p_upper)
        return np.where(self.proves(p_lower, p_upper), reached, -1.0)

    def deciding(self, radii: ArrayLike, n_changed: int = 0) -> Deciding:
        """Return what is compared with targets, and the targets, of radii beside some changes."""
        if not n_changed:
            return super().deciding(radii, n_changed)
        asked = np.asarray(radii, dtype=np.float64)
        # what has to be proved of ideal noise, upwards
        lengths = np.nextafter((asked + self.rounding) / self.unit * (1 + 2.0**-50), np.inf)
        pairs = self._pairs(n_changed)

        def reached(p_lower: ArrayLike, p_upper: ArrayLike | None = None) -> NDArray[np.float64]:
            low = np.asarray(p_lower, dtype=np.float64)
            high = 1.0 - low if p_upper is None else np.asarray(p_upper, dtype=np.float64)
            best = np.full(low.shape, -1.0)
            alone = self._proves(n_changed, low, p_upper)
            for radius, length in zip(asked.tolist(), lengths.tolist(), strict=True):
                proved = alone.copy()
                for pair in pairs if radius > 0 else ():
                    proved[proved] = mixed_lower(pair, length, low[proved]) > mixed_upper(
                        pair, length, high[proved]
                    )
                best = np.where(proved, np.maximum(best, radius), best)
            return best

        return reached, asked

    def _pairs(self, n_changed: int) -> tuple[Any, ...]:
        """Return the worst pairs of so many changed columns, or of all, if these are fewer."""
        n_changed = min(n_changed, len(self.norm.changing))
        return self.changes.pairs(n_changed) if n_changed else ()

    def _proves(
        self, n_changed: int, p_lower: ArrayLike, p_upper: ArrayLike | None
    ) -> NDArray[np.bool_]:
        proved = self.proves(p_lower, p_upper)
        for pair in self._pairs(n_changed):
            proved &= pair.proves(p_lower, p_upper)
        return proved


def bind_mixed(gaussian: Specification, rows: Rows, changes: Mapping[int, Specification]) -> Noise:
    """Return the noise of rows in which some columns have noise that replaces their values.

    Parameters
    ----------
    gaussian : Specification
        Of the noise of the other columns: `Gaussian`.
    rows : Rows
        Their shape, their sigma, which is 0 in columns that have another noise, and the categories
        of those that need them.
    changes : mapping of int to Specification
        By the place of a column. Those with equal specifications are bound together.

    Returns
    -------
    noise : MixedNoise or SeveralChangesNoise
        In integers. The latter if sigma is 0 for all other columns.

    Raises
    ------
    ValueError
        If a specification is not of noise that counts changes, or `gaussian` is of another family.

    Examples
    --------
    >>> from sksmooth.noise import Drop, Flip, Gaussian, Rows, bind_mixed
    >>> rows = Rows((2.0, 0.0, 0.0), (3,), categories=((), (0.0, 1.0, 2.0), ()))
    >>> noise = bind_mixed(Gaussian(), rows, {1: Flip(keep=0.6), 2: Drop(drop=0.8)})
    >>> noise.label, noise.norm.changing
    ('sigma per feature, flip keep=0.6 and drop=0.8', (1, 2))
    """
    if not isinstance(gaussian, Gaussian):
        raise ValueError(
            f"Noise that replaces the values of some columns goes with noise='gaussian' on others; "
            f"got noise={gaussian!r}. Leave noise out, or give all columns one noise."
        )
    rows.refuse_float("Mixed")
    columns, parts = [], []
    for specification in dict.fromkeys(changes.values()):
        own = [place for place in sorted(changes) if changes[place] == specification]
        seen = None
        if specification.needs_categories:
            seen = tuple(() if rows.categories is None else rows.categories[j] for j in own)
            if () in seen:
                raise ValueError(
                    f"No values of column {own[seen.index(())]} were noted in fit for "
                    f"{specification!r}: fit again with this sigma, on rows that have some."
                )
            own = [place for place, values in zip(own, seen, strict=True) if len(values) > 1]
            seen = tuple(values for values in seen if len(values) > 1)
        if not own:  # nobody can change columns with one value
            continue
        bound = None
        if not specification.additive:
            bound = specification.bind(Rows(sigma=0.0, shape=(len(own),), categories=seen))
        if not isinstance(bound, ChangeNoise):
            raise ValueError(
                f"sigma holds {specification!r}; single columns may have a number, Flip or Drop."
            )
        columns.append(tuple(own))
        parts.append(bound)
    size = int(np.prod(rows.shape))
    numbers = rows.units if rows.units is not None else rows.sigma
    has_numbers = isinstance(numbers, float) or any(numbers)
    if not parts:
        return gaussian.bind(rows)
    several = SeveralChangesNoise(size, tuple(columns), tuple(parts))
    if not has_numbers:
        return several
    noise = gaussian.bind(rows)
    assert isinstance(noise, IntegerPerFeature | IntegerInUnits)
    return MixedNoise(noise, several)
