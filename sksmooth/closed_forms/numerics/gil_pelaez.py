r"""Generalised chi-square laws: the probability that a quadratic function of normals is negative.

The moment generating function M of D (see `tilting`) is inverted by the trapezoid rule [1]_ [2]_,
not along the imaginary axis but through a point near the saddle [3]_:
:math:`P(D \le 0) = \frac{1}{2 \pi i} \int M(s) \, ds / s` on a line :math:`\Re s = \sigma > 0`.
Then all errors are small relative to the probability itself, however small that is. They are
bounded as follows.

- *Step*: with :math:`h(x) = e^{-\sigma x} P(D \le x)` and step d, the sum over all midpoints is
  :math:`\sum_m (-1)^m h(2 \pi m / d)` (Poisson). To the right, :math:`h(x) \le e^{-\sigma x}`; to
  the left, :math:`h(-x) \le e^{-(s - \sigma) x} M(s)` for any :math:`s > \sigma` (Chernoff).
- *Truncation*: with :math:`v_i = 2 u \lambda_i / (1 + 2 \sigma \lambda_i)`,
  :math:`|M(\sigma + iu)|` is a product of :math:`(1 + v_i^2)^{-1/4}` and :math:`e^{-G(u^2)}`
  with G increasing and concave. Beyond U the product falls at least as :math:`u^{-\rho}`, where
  :math:`\rho = \frac12 \sum_i V_i^2 / (1 + V_i^2)`; and G is above its chord up to 4U. Few
  curvatures make it fall slowly: then the rest is summed by parts (`_Points.orders`).
- *Rounding*: to first order, from the sizes of all terms, with room to spare.

References
----------
.. [1] J. Gil-Pelaez, "Note on the inversion theorem", Biometrika 38 (1951).
.. [2] R. B. Davies, "Numerical inversion of a characteristic function", Biometrika 60 (1973).
.. [3] S. O. Rice, "Distribution of quadratic forms in normal random variables: evaluation by
   numerical integration", SIAM J. Sci. Stat. Comput. 1 (1980).
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from ...bounds.rounding import UNIT
from .normal import FLOOR
from .tilting import FAR, Tilted

__all__ = ["invert"]

_STEPS_AWAY = (1.1, 1.25, 1.5, 2.0, 3.0, 6.0, 12.0)  # where Chernoff bounds are tried
_TARGET = 37.0  # aliases are aimed at exp(-37), relative
_BLOCK = 16  # points at once
_PATIENCE = 32  # after this many points a line is asked for one decimal less
_CELLS = 1 << 17  # numbers in one array at once: they should stay in the cache
_TINY_LOG = -680.0  # log of what is not worth an integral


def invert(law: Tilted) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return lower and upper bounds on P(D <= 0), D the functions as they were given."""
    low, high = np.zeros(len(law.s)), law.chernoff()
    worth = np.flatnonzero((law.log > _TINY_LOG) & np.isfinite(law.s) & (law.s > 0))
    size = max(1, _CELLS // (_BLOCK * max(1, law.curvature.shape[1])))
    with np.errstate(all="ignore"):  # what is not finite claims nothing
        for i in range(0, len(worth), size):
            lines = worth[i : i + size]
            a, b = _Integral.of(law[lines]).bounds()
            low[lines] = np.where(a > 0, np.minimum(a, 1.0), 0.0)
            high[lines] = np.where(b >= 0, np.minimum(high[lines], b + FLOOR), high[lines])
    return low, high


class _Integral:
    """The sum over midpoints, for some lines at once; lines that are done are left out."""

    def __init__(self, law: Tilted, step: NDArray[np.float64], alias: NDArray[np.float64]) -> None:
        self.law, self.step, self.alias = law, step, alias
        s, slope, curvature = law.s[:, None], law.slope, law.curvature
        w = 1 + 2 * s * curvature
        squares = slope**2
        self.rates = 2 * curvature / w
        self.loss = 1 + 1 / w.min(axis=1, initial=1.0)
        by_w2 = squares / w**2
        cubes = by_w2 * curvature
        # what 1 / (1 + v**2) is multiplied with: decay, phase, its cubic part, sizes of that
        columns = (0.5 * by_w2 / w, 0.5 * by_w2 * s * (1 + w), cubes, np.abs(cubes))
        self.weights = np.stack(columns, axis=2)
        self.turns = np.abs(curvature / w).sum(axis=1)

    @classmethod
    def of(cls, law: Tilted) -> "_Integral":
        """Choose the step, and bound what it costs."""
        value, _ = law.cumulant(law.s)
        log_p = value - np.log1p(2.5 * law.s * law.deviation)  # about
        period = (_TARGET - log_p) / law.s
        left = np.full(len(law.s), np.inf)
        logs = np.zeros((2, len(law.s)))
        for times in _STEPS_AWAY:
            s = law.at(times * law.t)
            there, error = law.cumulant(s)
            away = s - law.s
            needed = (_TARGET + there - log_p) / away
            better = needed < left
            left = np.where(better, needed, left)
            logs = np.where(better, np.stack([there + error, away]), logs)
        period = np.maximum(np.maximum(period, left), 1e-300)
        right = np.exp(-law.s * period)
        beyond = np.exp(-logs[1] * period)
        alias = right / (1 - right) + np.exp(logs[0] - logs[1] * period) / (1 - beyond)
        return cls(law, 2 * np.pi / period, alias * np.exp(-value) * 1.01)

    def bounds(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return lower and upper bounds on P(D <= 0); NaN where numbers were not finite."""
        law = self.law
        n, k = law.curvature.shape
        sums = np.zeros((4, n))  # the integral, that at the lower threshold, rounding, truncation
        sums[3] = np.inf
        todo = np.arange(n)
        about = 1 / (1 + 2.5 * law.s * law.deviation)
        patience = _PATIENCE * max(1, 16 // max(1, k))
        first = 0
        while len(todo) and first < 16 * patience:
            points = self._points(todo, first)
            # a line that needs many points has to do with fewer digits
            goal = about[todo] * 10.0 ** (-16 + first / patience)
            part = points.sums()
            if first % (2 * _BLOCK) == 0 and first:
                orders, error = points.orders(sums[3, todo])
                done = np.flatnonzero(error < goal)
                part[:2, done] = points[done].summed_by_parts(orders[done])
                part[2, done], part[3, done] = 0.0, error[done]
            sums[:3, todo] += part[:3]
            sums[3, todo] = part[3]
            todo = todo[part[3] > goal]
            first += _BLOCK
        # each of a point's 32 roundings is at most its height: so is that of an addition
        sums[2] *= 1 + (first // _BLOCK) / 64
        value, error = law.cumulant(law.s)
        scale = np.exp(value)
        error = np.expm1(2 * error) + 4 * UNIT
        errors = (sums[2] + sums[3] + self.alias) * (1 + 1e-9)
        high = scale * (sums[0] + errors) * (1 + error)
        shift = np.exp(-law.s * law.gap)
        low = scale * shift * (sums[1] - errors) * (1 - error) - FAR
        return low, high

    def _points(self, lines: NDArray[np.intp], first: int) -> "_Points":
        """Return the next points of some lines."""
        law, step = self.law, self.step[lines]
        s, k = law.s[lines, None], law.curvature.shape[1]
        u = (first + 0.5 + np.arange(_BLOCK)) * step[:, None]
        v = u[:, :, None] * self.rates[lines, None, :]
        inverse = 1 / (1 + v * v)
        parts = inverse @ self.weights[lines]
        square = u * u
        decay = 0.25 * np.log(inverse).sum(axis=2) - square * parts[:, :, 0]
        offset = law.offset[lines, None]
        phase = u * (parts[:, :, 1] + square * parts[:, :, 2] - offset)
        phase -= 0.5 * np.arctan(v).sum(axis=2)
        sizes = u * (np.abs(offset) + parts[:, :, 1] + square * parts[:, :, 3])
        sizes += u * self.turns[lines, None] - decay
        loss = self.loss[lines, None]
        height = np.exp(decay) * (step[:, None] / (np.pi * np.hypot(s, u)))
        phase -= np.arctan2(u, s)
        rounding = 2 * UNIT * ((k + 40 * loss) * (sizes + 2) + 6 * loss * k + 32) * height
        rest = self._rest(lines, u[:, -1], np.exp(decay[:, -1]))
        return _Points(self, lines, u, height, phase, rounding, rest)

    def _rest(
        self, lines: NDArray[np.intp], u: NDArray[np.float64], height: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Bound the sum of all points beyond u, where |M| is this high, relative to M(s)."""
        products, exponents, powers = [], [], []
        for point in (u, 4 * u):
            v = point[:, None] * self.rates[lines]
            inverse = 1 / (1 + v * v)
            products.append(0.25 * np.log(inverse).sum(axis=1))
            exponents.append(point**2 * (inverse * self.weights[lines, :, 0]).sum(axis=1))
            powers.append(0.5 * (v * v * inverse).sum(axis=1))
        rest = height / powers[0]
        # where the factor exp(-G) does the work; the integral of dx / 2x is up to 16 u**2
        rise = exponents[1] - exponents[0]
        beyond = np.exp(products[1] - exponents[1]) / powers[1]
        gauss = height * 7.5 / rise + beyond
        gauss = np.where(rise > 1e-6 * exponents[0], gauss, np.inf)
        return np.fmin(rest, gauss) / np.pi * 1.001


@dataclasses.dataclass(frozen=True)
class _Points:
    """Consecutive points of some lines.

    Attributes
    ----------
    whole : _Integral
        What they belong to.
    lines : ndarray of shape (n,), int
        The lines.
    u, height, phase : ndarray of shape (n, n_points)
        Places and terms of the sum, of which the real part counts.
    rounding : ndarray of shape (n, n_points)
        Bounds on the errors of the terms.
    rest : ndarray of shape (n,)
        Bound on the sum of the heights of all later points.
    """

    whole: _Integral
    lines: NDArray[np.intp]
    u: NDArray[np.float64]
    height: NDArray[np.float64]
    phase: NDArray[np.float64]
    rounding: NDArray[np.float64]
    rest: NDArray[np.float64]

    def sums(self) -> NDArray[np.float64]:
        """Return the sums of the terms at both thresholds, of their errors, and the rest."""
        lower = self.phase - self.u * self.whole.law.gap[self.lines, None]
        terms = (self.height * np.cos(phase) for phase in (self.phase, lower))
        return np.stack([*(term.sum(axis=1) for term in (*terms, self.rounding)), self.rest])

    def __getitem__(self, some: NDArray[np.intp]) -> "_Points":
        numbers = (self.u, self.height, self.phase, self.rounding, self.rest)
        return _Points(self.whole, self.lines[some], *(part[some] for part in numbers))

    def _turned(self) -> NDArray[np.complex128]:
        """Return z, for both thresholds; see `orders`."""
        law, lines = self.whole.law, self.lines
        curvature, squares = law.curvature[lines], law.slope[lines] ** 2
        critical = law.offset[lines] - (squares / (4 * curvature)).sum(axis=1)
        thresholds = np.stack([critical, critical + law.gap[lines]])
        return np.exp(-1j * self.whole.step[lines] * thresholds)

    def orders(self, before: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        r"""Return how often to sum by parts, and bounds on the errors of `summed_by_parts`.

        Far out, terms are g(u) z^l with :math:`z = e^{-i d c^*}`, where c* is the value of D at
        its critical point, and a g that hardly changes. Summation by parts gives

        .. math:: \sum_l g_l z^l = \sum_{j < J} \frac{z^j \Delta^j g_0}{(1 - z)^{j+1}}
                  + \frac{z^J}{(1 - z)^J} \sum_l z^l \Delta^J g_l.

        As g is analytic within q u of u, where it is at most B times as large as at u,
        :math:`|\Delta^J g_l| \le J! (d / q u)^J B |g(u)|` by Cauchy. Here B comes from
        :math:`K'(s) + c^* = -\sum_i (b_i^2 / 4 \lambda_i w_i^2 + \lambda_i / w_i)` and
        :math:`|w_i| \ge (1 - q) |w_i(u)|`.

        Parameters
        ----------
        before : ndarray of shape (n,)
            Bound on the sum of the heights of these and all later points.
        """
        law, lines, step, u = self.whole.law, self.lines, self.whole.step[self.lines], self.u[:, 0]
        curvature, slope = law.curvature[lines], law.slope[lines]
        w = 1 + 2 * law.s[lines, None] * curvature
        # u / |w|**2 is largest at v = 1
        v = np.maximum(np.abs(u[:, None] * self.whole.rates[lines]), 1.0)
        bent = ((slope / curvature) ** 2 / (4 * w) * (v / (1 + v * v))).sum(axis=1)
        apart = np.abs(1 - self._turned()).min(axis=0)
        j = np.arange(1, _BLOCK)[:, None]
        left = np.full((len(j), len(u)), np.inf)
        for q in (0.5, 0.25, 0.1):
            larger = q / (1 - q) ** 2 * bent + 0.5 * q / (1 - q) * curvature.shape[1]
            log = larger - np.log1p(-q) + gammaln(j + 1) - j * np.log(q * u * apart / step)
            left = np.fmin(left, np.exp(log) * before * 1.01)
        # differences double errors
        noise = 8 * self.rounding.max(axis=1) / apart * np.cumsum((2 / apart) ** (j - 1), axis=0)
        left = np.where(np.isfinite(left + noise), left + noise, np.inf)
        return left.argmin(axis=0) + 1, left.min(axis=0)

    def summed_by_parts(self, orders: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the sums of these and all later terms at both thresholds, from differences."""
        tails = np.zeros((2, len(self.u)))
        moved = self.whole.law.gap[self.lines, None]
        for side, z in enumerate(self._turned()):
            phase = self.phase - side * self.u * moved
            g = self.height * np.exp(1j * phase) / z[:, None] ** np.arange(_BLOCK)
            factor = 1 / (1 - z)
            for j in range(1, _BLOCK):
                tails[side] += np.where(j <= orders, (g[:, 0] * factor).real, 0.0)
                g, factor = np.diff(g, axis=1), factor * z / (1 - z)
        return tails
