r"""Sums of independent discrete variables: tails, bracketed through characteristic functions.

The indicator of a half-line has Selberg's trigonometric majorants and minorants; a sum's
characteristic function is a product, so that their expectations are computed. For tails that are
small compared with the grid of such a polynomial, the law is tilted first (Cramer):

.. math:: P(S \le 0) = E[e^{-\theta S}] \; \tilde E[e^{\theta S} 1(S \le 0)],

where the tilted law is that of a sum of independent variables as well, with its mean near 0. The
extremal majorant and minorant of exponential type :math:`2 \pi` of
:math:`e^{-\lambda x} 1(x \ge 0)` are those of Graham and Vaaler: with :math:`V` their mean, they
are :math:`V \pm K / 2`, where K is Fejer's kernel :math:`(\sin \pi x / \pi x)^2`, and

.. math::

    \hat V(t) = \frac{1 - |t|}{2} \coth \frac{\lambda + 2 \pi i t}{2}
        + \mathrm{sgn}(t) \frac{\lambda}{4 \pi i}
        \left(\coth \frac{\lambda}{2} - \coth \frac{\lambda + 2 \pi i t}{2}\right), \quad |t| < 1.

Repeated around a circle they are trigonometric polynomials, by Poisson's summation formula;
Selberg's are the limit for :math:`\lambda \to 0`.

References
----------
.. [1] S. W. Graham and J. D. Vaaler (1981). "A class of extremal functions for the Fourier
   transform". Transactions of the AMS 265, 283-302.
.. [2] J. D. Vaaler (1985). "Some extremal functions in Fourier analysis". Bulletin of the AMS 12,
   183-216.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from ...bounds.rounding import UNIT
from .normal import FLOOR

__all__ = ["DEGREE", "MOST_SUMS", "Arc", "DiscreteSum"]

DEGREE = 1024
"""Degree of the polynomials, plus one: what they resolve is the circle divided by this."""

MOST_SUMS = 4096
"""Sums that take no more values than this are enumerated."""

_BLOCK = 256  # frequencies at once
_TILTS = 64  # on each side
_ROOM = 10.0  # standard deviations around the circle, at least


@dataclasses.dataclass(frozen=True)
class Arc:
    r"""Trigonometric majorants and minorants of decaying exponentials on half of a circle.

    The function is :math:`e^{-r d}` for d in [0, 1/2] and 0 elsewhere, on a circle of length 1.
    The bounds are :math:`\sum_k (a_k \pm c_k) \cos 2 \pi k d + b_k \sin 2 \pi k d`.

    Attributes
    ----------
    cosine, sine : ndarray of shape (n_rates, degree)
        :math:`a_k` and :math:`b_k`.
    kernel : ndarray of shape (n_rates, degree)
        :math:`c_k`, of Fejer's kernels at the two ends.
    size : ndarray of shape (n_rates, degree)
        Not less than the absolute value of any of these coefficients' terms, all added; the
        computed coefficients err by less than ``64 * 2**-53`` times this.
    """

    cosine: NDArray[np.float64]
    sine: NDArray[np.float64]
    kernel: NDArray[np.float64]
    size: NDArray[np.float64]

    @classmethod
    def of(cls, rates: NDArray[np.float64], degree: int = DEGREE) -> "Arc":
        """Return the bounds for some rates, positive ones, each below 200 times the degree.

        The degree is even, so that both ends are points of the lattice on which bounds are tight.
        """
        rate = rates[:, None] / degree
        k = np.arange(degree)
        t = k / degree
        sin, cos = np.sin(np.pi * np.minimum(t, 1 - t)), np.cos(np.pi * t)
        sinh, cosh = np.sinh(rate / 2), np.cosh(rate / 2)
        # coth((x + iy) / 2) = (sinh x - i sin y) / (cosh x - cos y), without cancellation
        below = (sinh * sinh + sin * sin) * degree
        even = (1 - t) * (sinh * cosh) / 2
        odd = (1 - t) * sin / 2
        drift = rate / (4 * np.pi) * sin
        slope = rate / (4 * np.pi * sinh) * cosh * (sin * sin)
        weight = np.where(k == 0, 1.0, 2.0) / below
        # exp(-r d) on all of the circle, less what is left of it after a half
        sign = np.where(k % 2, -1.0, 1.0)
        left = np.exp(-rates / 2)[:, None]
        ends = 1.0 - left * sign
        ends[:, ::2] = -np.expm1(-rates / 2)[:, None]
        cosine = (even + drift * cos) * weight * ends
        # V has the coefficients a - ib of exp(2 pi i k d)
        sine = (odd * cos + slope) * weight * ends
        kernel = (1 - t) / (2 * degree) * np.where(k == 0, 1.0, 2.0) * (1.0 + left * sign)
        size = (even + odd + drift + slope) * weight * ends + kernel
        return cls(cosine, sine, kernel, size)


class DiscreteSum:
    r"""A sum of independent discrete variables, the masses of which vary: bounds on its tails.

    Parameters
    ----------
    values : ndarray of shape (n_cells,)
        What the variables may be, one after the other.
    first : ndarray of shape (n_variables,), int
        Where each variable's values begin. There is at least one variable, with two values.
    offset : float
        What is added to the sum.
    band : float
        Values of the sum, offset included, up to this far from 0 are on neither side for certain.
    degree : int, default=DEGREE
        A multiple of 256.
    """

    def __init__(
        self,
        values: NDArray[np.float64],
        first: NDArray[np.intp],
        offset: float,
        band: float,
        degree: int = DEGREE,
    ) -> None:
        self.offset, self.band, self.degree = offset, band, degree
        self.first, self.counts = first, np.diff(np.append(first, len(values)))
        least = np.minimum.reduceat(values, first)
        most = np.maximum.reduceat(values, first)
        self.above = values - np.repeat(least, self.counts)
        ranges = (most - least) * (1 + 2 * UNIT)
        self.range = float(ranges.sum())
        self.least, self.most = float(least.sum()), float(most.sum())
        # Bounds every partial sum of numbers like these.
        self.size = float(np.abs(least).sum() + np.abs(most).sum() + abs(offset) + band)
        self.room = band + 4 * (len(first) + 4) * UNIT * self.size
        self.usable = 1e-120 < self.range < 1e120  # squares and quotients must not overflow
        self.sums = self._all_sums(values) if np.prod(1.0 * self.counts) <= MOST_SUMS else None
        if not self.usable or self.sums is not None:
            return
        # Standard deviations of the sum are below this root; tilts reach beyond its inverse.
        root = np.sqrt((ranges * ranges).sum())
        tilts = np.geomspace(0.25 / root, min(2e4 / root, 90 * degree / self.range), _TILTS)
        self.tilts = np.concatenate([-tilts[::-1], tilts])
        below = values - np.repeat(most, self.counts)
        # e^(-tilt value), with the largest one of each variable 1
        self.weights = np.exp(
            -self.tilts[:, None] * np.where(self.tilts[:, None] > 0, self.above, below)
        )
        self.order = np.argsort(-ranges, kind="stable")

    def tails(
        self,
        masses: NDArray[np.float64],
        signs: NDArray[np.float64],
        enough: NDArray[np.float64] | float = 0.0,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return an upper bound on a tail, and a lower bound.

        Parameters
        ----------
        masses : ndarray of shape (n, n_cells)
            Of the values of each variable; positive, but they need not add up to 1.
        signs : ndarray of shape (n,)
            Where it is 1, the tail is that of values below 0, where it is -1, of those above.
        enough : ndarray of shape (n,), default=0.0
            Of tails that are seen to be smaller than this, no more is looked for.

        Returns
        -------
        upper : ndarray of shape (n,)
            Not below the mass of sums that may be in the tail; infinite where all of them are.
        lower : ndarray of shape (n,)
            Not above the mass of sums that certainly are.
        """
        if self.sums is not None:
            return self._enumerated(masses, signs)
        least = np.where(signs > 0, self.least, -self.most) + signs * self.offset
        never, always = least > self.room, least + self.range < -self.room
        if not self.usable:
            return np.where(never, 0.0, np.inf), np.zeros(len(masses))
        logs, error = self._log_means(masses, signs)
        one_side = logs[:, _TILTS:]
        best = one_side.argmin(axis=1)
        rows = np.arange(len(masses))
        scale = one_side[rows, best] + error[rows, _TILTS + best]
        scale = np.exp(np.minimum(scale, 700.0)) * (1 + 8 * UNIT)
        # what the scale was enlarged by, and twice the band
        shrink = np.exp(-2 * self.tilts[_TILTS + best] * self.band)
        shrink = np.maximum(shrink * (1 - 2 * error[rows, _TILTS + best]) - 64 * UNIT, 0.0)
        upper, lower = scale.copy(), np.zeros(len(masses))
        levels = np.where(scale > enough, self._levels(logs, _TILTS + best), -1)
        for level in np.unique(levels[levels >= 0]):
            group = np.flatnonzero(levels == level)
            length = 2 * (self.range + 4 * self.room) * 2.0 ** (-level / 2)
            high, low = self._brackets(masses[group], signs[group], best[group], length)
            high = scale[group] * high
            low = scale[group] * np.maximum(low, 0.0) * shrink[group]
            if level:  # sums farther away than half of the circle are taken for nearer ones
                far, wrapped = self._outside(
                    logs[group] + error[group],
                    self.tilts[_TILTS + best[group]],
                    length / 2 - 2 * self.band,  # for the sum that is moved into the tail
                )
                high, low = high + far, low - wrapped
            upper[group], lower[group] = high, low
        upper = np.minimum(upper * (1 + 16 * UNIT), scale) + FLOOR
        upper[never], upper[always] = 0.0, np.inf
        lower[never | always | (lower < FLOOR)] = 0.0
        return upper, lower * (1 - 16 * UNIT)

    def _all_sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum for each choice of values; that of the last variable changes fastest."""
        sums = np.array([self.offset])
        for j in range(len(self.first)):
            sums = (sums[:, None] + values[self._cells(j)]).ravel()
        return sums

    def _enumerated(
        self, masses: NDArray[np.float64], signs: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the bounds from all values of the sum, in positive arithmetic."""
        n, sums = len(masses), self.sums
        assert sums is not None
        product = np.ones((n, 1))
        for j in range(len(self.first)):
            factor = masses[:, self._cells(j)]
            product = (product[:, :, None] * factor[:, None, :]).reshape(n, -1)
        sides = np.stack([sums <= self.room, sums >= -self.room, sums < -self.room])
        sides = np.concatenate([sides, sums[None] > self.room]).astype(np.float64)
        tails = product @ sides.T
        down = signs > 0
        error = 2 * (len(sums) + len(self.first) + 8) * UNIT
        # an underflow in a product loses less than the floor
        upper = np.where(down, tails[:, 0], tails[:, 1]) * (1 + error) + FLOOR
        lower = np.where(down, tails[:, 2], tails[:, 3]) * (1 - error)
        return upper, np.where(lower < FLOOR, 0.0, lower)

    def _log_means(
        self, masses: NDArray[np.float64], signs: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return logarithms of E exp(-tilt (sign S - band)) for all tilts, and their errors."""
        total = np.zeros((len(masses), 2 * _TILTS))
        for start, count in zip(self.first, self.counts, strict=True):
            cells = slice(start, start + count)
            means = masses[:, cells] @ self.weights[:, cells].T
            # terms that underflow are nothing to the others, unless these are few and tiny
            total += np.log(np.where(means < 1e-280, np.inf, means))
        n, tilts = len(self.first), np.abs(self.tilts)
        # of the logarithms' sum; each of them is at most that of its number of values
        size = np.abs(total) + 2 * n * np.log(self.counts.max() + 1)
        error = (self.counts.max() + 2 * n + 16) * UNIT * (n + size)
        # of weights and of the exponent's other terms
        error += 8 * (n + 4) * UNIT * tilts * self.size
        ends = np.where(self.tilts > 0, self.least, self.most) + self.offset
        total += tilts * self.band - self.tilts * ends
        backward = (signs < 0)[:, None]
        return np.where(backward, total[:, ::-1], total), np.where(backward, error[:, ::-1], error)

    def _levels(self, logs: NDArray[np.float64], best: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return how often the circle may be shortened by a factor of sqrt(2).

        From the curvature of the logarithms: the variance of the tilted sum.
        """
        rows = np.arange(len(logs))
        i = np.minimum(best, 2 * _TILTS - 2)
        tilt = self.tilts
        right = (logs[rows, i + 1] - logs[rows, i]) / (tilt[i + 1] - tilt[i])
        left = (logs[rows, i] - logs[rows, i - 1]) / (tilt[i] - tilt[i - 1])
        variance = 2 * (right - left) / (tilt[i + 1] - tilt[i - 1])
        variance = np.clip(variance, 0.0, self.range * self.range)
        wanted = np.maximum(_ROOM * np.sqrt(variance), self.range / 512)
        return np.maximum(np.floor(2 * np.log2(2 * self.range / wanted)), 0).astype(np.intp)

    def _outside(
        self, logs: NDArray[np.float64], tilts: NDArray[np.float64], half: float
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Bound the mass of a tail beyond half of the circle, and tilted masses beyond it."""
        with np.errstate(over="ignore"):
            far = np.exp((logs - self.tilts * half)[:, _TILTS:].min(axis=1))
            away = self.tilts - tilts[:, None]
            bounds = logs - np.abs(away) * half
            right = np.exp(np.where(away <= 0, bounds, np.inf).min(axis=1))
            left = np.exp(np.where(away >= 0, bounds, np.inf).min(axis=1))
        return far * (1 + 1e-12), (left + right) * (1 + 1e-12)

    def _brackets(
        self,
        masses: NDArray[np.float64],
        signs: NDArray[np.float64],
        best: NDArray[np.intp],
        length: float,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return bounds on the tilted expectation, on a circle of some length.

        The band is a shift: the sum that may be in the tail is moved into it by the band, the one
        that certainly is in it out of it. Both share the characteristic function, but for a turn.
        """
        used, which = np.unique(best, return_inverse=True)
        tilts = self.tilts[_TILTS + used]
        arc = Arc.of(tilts * length, self.degree)
        tilted = masses * self.weights[np.where(signs > 0, _TILTS + best, _TILTS - 1 - best)]
        tilted /= np.repeat(np.add.reduceat(tilted, self.first, axis=1), self.counts, axis=1)
        high, low, dropped = (np.zeros(len(masses)) for _ in range(3))
        steps = {j: _powers(self.above[self._cells(j)] / length) for j in self.order}
        shift = (self.offset + self.least) / length
        for start in range(0, self.degree, _BLOCK):
            block = slice(start, start + _BLOCK)
            product, whole = self._product(tilted, steps, start, shift, length)
            cosine, sine, fejer, size = (
                a[:, block][which] for a in (arc.cosine, arc.sine, arc.kernel, arc.size)
            )
            if not whole:
                dropped += np.einsum("nk,nk->n", size, np.abs(product))
                continue
            into = _turn((start + np.arange(_BLOCK)) * (self.band / length))
            into = np.where(signs[:, None] > 0, into.conj(), into)
            for bound, turn, end in ((high, into, fejer), (low, into.conj(), -fejer)):
                moved = product * turn
                bound += np.einsum("nk,nk->n", cosine + end, moved.real)
                bound -= signs * np.einsum("nk,nk->n", sine, moved.imag)
        error = self._rounding(arc, tilts, length)[which] + dropped * (1 + 1e-9)
        return high + error, low - error

    def _cells(self, j: int) -> slice:
        return slice(int(self.first[j]), int(self.first[j] + self.counts[j]))

    def _product(
        self,
        tilted: NDArray[np.float64],
        steps: dict[int, NDArray[np.complex128]],
        start: int,
        shift: float,
        length: float,
    ) -> tuple[NDArray[np.complex128], bool]:
        """Return the characteristic function at a block of frequencies.

        Where the first few factors leave next to nothing of it, the others are left out: then it
        bounds the whole product, and the answer is False.
        """
        product = np.empty((len(tilted), _BLOCK), dtype=np.complex128)
        product[:] = _turn((start + np.arange(_BLOCK)) * shift)
        for count, j in enumerate(self.order):
            cells = self._cells(j)
            table = steps[j]
            if start:
                table = table * _turn(start * (self.above[cells] / length))[:, None]
            factor = tilted[:, cells] @ table.view(np.float64)
            product *= factor.view(np.complex128)
            if start and count % 2 and count + 1 < len(self.order):
                parts = product.view(np.float64)
                if max(parts.max(), -parts.min()) < 0.01 / self.degree:
                    return product, False
        return product, True

    def _rounding(self, arc: Arc, tilts: NDArray[np.float64], length: float) -> NDArray[np.float64]:
        """Bound all rounding in the brackets, for each tilt.

        Each factor, at most 1 in absolute value, errs by what its weights, its table of unit
        vectors and its sum of products do; products of such factors by no more than all of these.
        """
        n = len(self.first)
        constant = 8 * tilts * self.size + 4 * self.counts.sum() + 200.0 * n
        constant = constant + 2 * self.degree + 128
        # angles of the unit vectors, of the offset and of the band
        turning = UNIT * 2 * np.pi / length * (2 * self.range + 2 * (n + 4) * self.size)
        moment = arc.size @ np.arange(self.degree)
        return 1.01 * (constant * UNIT * arc.size.sum(axis=1) + turning * moment)


def _turn(angles: NDArray[np.floating]) -> NDArray[np.complex128]:
    """Return unit vectors at angles in turns."""
    angles = 2 * np.pi * (angles - np.rint(angles))
    return np.cos(angles) + 1j * np.sin(angles)


def _powers(angles: NDArray[np.floating]) -> NDArray[np.complex128]:
    """Return unit vectors at 0, 1, ... times some angles in turns, of shape (n, _BLOCK)."""
    table = np.ones((len(angles), _BLOCK), dtype=np.complex128)
    size = 1
    while size < _BLOCK:
        np.multiply(table[:, :size], _turn(size * angles)[:, None], out=table[:, size : 2 * size])
        size *= 2
    return table
