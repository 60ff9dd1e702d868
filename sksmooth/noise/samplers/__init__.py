"""Noise in integers: samplers of laws that are rounded to a grid, or are on one.

Nothing here is a float that depends on the input: the tables are integers computed from the law's
parameters and the grid alone, and what comes out are integers, to be added to integers.
"""

from .cells import FineLaplace, FineNormal, FineUniform, WideUniform
from .rounded import RoundedLaplace, RoundedNormal
from .table import ColumnTables, TableSampler, replacement, uniform

__all__ = [
    "ColumnTables",
    "FineLaplace",
    "FineNormal",
    "FineUniform",
    "RoundedLaplace",
    "RoundedNormal",
    "TableSampler",
    "WideUniform",
    "replacement",
    "uniform",
]
