"""From rational numbers, of whatever size, to floats on their one side or the other."""

import math
from fractions import Fraction

__all__ = ["log_of", "round_down", "round_up"]


def round_down(value: Fraction) -> float:
    """Return the largest float that is not above a rational number."""
    nearest = _nearest(value)
    return nearest if nearest <= value else math.nextafter(nearest, -math.inf)


def round_up(value: Fraction) -> float:
    """Return the smallest float that is not below a rational number."""
    nearest = _nearest(value)
    return nearest if nearest >= value else math.nextafter(nearest, math.inf)


def _nearest(value: Fraction) -> float:
    try:
        return value.numerator / value.denominator
    except OverflowError:
        return math.inf


def log_of(value: Fraction) -> float:
    """Return the logarithm of a positive rational number, off by less than 3 (|log| + 1) 2**-53.

    The number may be beyond the range of floats.
    """
    shift = value.numerator.bit_length() - value.denominator.bit_length()
    mantissa = value / Fraction(2) ** shift  # between 1/2 and 2
    return shift * math.log(2) + math.log(mantissa)
