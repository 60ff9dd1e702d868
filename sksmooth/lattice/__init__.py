"""Gaussian noise in integers: samplers of a normal that is rounded to a grid.

Nothing here is a float that depends on the input: the tables are integers computed from the
standard deviation and the grid alone, and what comes out are integers, to be added to integers.
"""

from .coarse import RoundedNormal
from .fine import FineNormal

__all__ = ["FineNormal", "RoundedNormal"]
