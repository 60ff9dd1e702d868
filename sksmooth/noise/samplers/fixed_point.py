"""Gaussian densities as integers, the same on every platform and with every library version.

A number v stands for the integer ``v * 2**BITS``. Python's integers do not round and do not
overflow, so the only errors are those of the divisions and shifts below, each under 2**-BITS.
"""

from fractions import Fraction

__all__ = ["BITS", "density", "fixed", "laplace_peak", "rounded_laplace", "rounded_normal"]

BITS = 256
_ONE = 1 << BITS
REACH = 12  # standard deviations that are looked at; 4e-33 lies beyond
LAPLACE_REACH = 80  # times its scale; 2e-35 lies beyond


def fixed(value: Fraction) -> int:
    """Return a rational number in fixed point."""
    return (value.numerator << BITS) // value.denominator


def density(square: Fraction) -> int:
    """Return ``exp(-square / 2)``, the normal density up to a factor, in fixed point."""
    halvings = 16
    y = fixed(square) >> (halvings + 1)
    term, total, j = _ONE, _ONE, 0
    while term:
        j += 1
        term = -(term * y >> BITS) // j if term > 0 else (-term * y >> BITS) // j
        total += term
    for _ in range(halvings):
        total = total * total >> BITS
    return total


def rounded_normal(scale: Fraction) -> list[int]:
    r"""Return the probabilities of 0, 1, 2, ... of a normal rounded to integers, in fixed point.

    With :math:`h = 1 / \mathrm{scale}`, the probability of k is

    .. math:: \int_{k-1/2}^{k+1/2} h \varphi(ht) \, dt
        = h \varphi(hk) \sum_j \frac{(h / 2)^{2j}}{(2j + 1)!} \mathrm{He}_{2j}(hk),

    by the generating function of the Hermite polynomials. All probabilities sum to 1, which gives
    the factor in front.

    Parameters
    ----------
    scale : Fraction
        Standard deviation of the normal, in units of the grid; at least 1.
    """
    quarter = fixed(1 / (4 * scale**2))
    ratio = density(1 / scale**2)  # of the densities at 1 and 0; then at 2 and 1, ...
    square = ratio * ratio >> BITS
    weight, weights = _ONE, []
    for k in range(int(REACH * scale) + 1):
        weights.append(weight * _hermite_sum(fixed(k / scale), quarter) >> BITS)
        weight, ratio = weight * ratio >> BITS, ratio * square >> BITS
    total = 2 * sum(weights) - weights[0]
    return [(weight << BITS) // total for weight in weights]


def laplace_peak(scale: Fraction) -> int:
    r"""Return :math:`\sinh(1 / 2b)`, in fixed point.

    Times :math:`e^{-|k| / b}` it is the probability of a :math:`k \ne 0` of a Laplace rounded to
    integers, with b its scale.
    """
    falling = density(1 / scale)
    return ((_ONE << BITS) // falling - falling) // 2


def rounded_laplace(scale: Fraction) -> list[int]:
    """Return the probabilities of 0, 1, 2, ... of a Laplace rounded to integers, in fixed point.

    Parameters
    ----------
    scale : Fraction
        Mean size of the Laplace, in units of the grid.
    """
    ratio = density(2 / scale)
    weight, weights = laplace_peak(scale), [_ONE - density(1 / scale)]
    for _ in range(int(LAPLACE_REACH * scale) + 1):
        weight = weight * ratio >> BITS
        weights.append(weight)
    return weights


def _hermite_sum(x: int, quarter: int) -> int:
    """Return the sum over j of ``quarter**j He_2j(x) / (2j + 1)!``."""
    even, odd = _ONE, x  # He_0 and He_1
    factor, total, j = _ONE, _ONE, 0
    while factor:
        j += 2
        even = (x * odd >> BITS) - (j - 1) * even
        odd = (x * even >> BITS) - j * odd
        factor = (factor * quarter >> BITS) // (j * (j + 1))
        total += even * factor >> BITS
    return total
