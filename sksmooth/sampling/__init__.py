"""From noise and a backend to counts: batches, workers, and the tally of what was answered."""

from .count import Report
from .enumerator import Enumerator
from .numbers import RowBinTally, collect
from .sampler import Journal, Sampler
from .tally import BinTally, PassTally, Tally, VoteTally

__all__ = [
    "BinTally",
    "Enumerator",
    "Journal",
    "PassTally",
    "Report",
    "RowBinTally",
    "Sampler",
    "Tally",
    "VoteTally",
    "collect",
]
