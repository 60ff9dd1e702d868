"""The size of rounding errors, in one place."""

__all__ = ["UNIT"]

UNIT = 2.0**-53  # a float64 operation errs by at most this, relative to its result
