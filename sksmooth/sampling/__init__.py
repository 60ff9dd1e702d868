"""From noise and a backend to counts: batches, workers, and the tally of what was answered."""

from .count import Report
from .sampler import Journal, Sampler

__all__ = ["Journal", "Report", "Sampler"]
