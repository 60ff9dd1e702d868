"""From noise and a backend to counts: batches, workers, and the tally of what was answered."""

from .count import Report
from .sampler import Journal, Sampler
from .tally import BinTally, Tally, VoteTally

__all__ = ["BinTally", "Journal", "Report", "Sampler", "Tally", "VoteTally"]
