"""The library's stopping rules at work on simulated votes."""

import dataclasses
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from sksmooth.certificate.stopping import Rule

__all__ = ["CIFAR_VALUES", "N_FIXED", "Outcome", "Votes", "class_probabilities", "follow"]

N_FIXED = 100_000  # the paper's n
CIFAR_VALUES = 3 * 32 * 32
_N_CLASSES = 10


def class_probabilities(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities of ten classes, the top class first.

    The runner-up gets .7 of what the top class leaves, but no more than the top class, which would
    else not be the top; the other eight share the rest.
    """
    runner_up = np.minimum(0.7 * (1 - p), p)
    others = np.maximum(1 - p - runner_up, 0) / (_N_CLASSES - 2)
    return np.stack([p, runner_up, *[others] * (_N_CLASSES - 2)], axis=1)


class Votes:
    """Votes of simulated rows after some numbers of draws, fewer being a prefix of more.

    All rules that look at one `Votes` see the same draws, so that their outcomes are paired.

    Parameters
    ----------
    p : ndarray of shape (n_rows, n_classes)
        Class probabilities.
    sizes : iterable of int
        Numbers of draws after which votes are known.
    rng : numpy.random.Generator
        Makes them.
    """

    def __init__(
        self, p: NDArray[np.float64], sizes: Iterable[int], rng: np.random.Generator
    ) -> None:
        self.shape = p.shape
        self._at = {0: np.zeros(p.shape, dtype=np.int64)}
        before = 0
        for size in sorted(set(sizes)):
            self._at[size] = self._at[before] + rng.multinomial(size - before, p)
            before = size

    def at(self, size: int) -> NDArray[np.int64]:
        """Return the votes of the first `size` draws."""
        return self._at[size]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a rule has stopped: draws made, class (0 is the top one) and its bounds, row by row."""

    draws: NDArray[np.int64]
    codes: NDArray[np.intp]
    p_lower: NDArray[np.float64]
    p_upper: NDArray[np.float64]


def follow(rule: Rule, votes: Votes) -> Outcome:
    """Do what `sksmooth.certificate.procedures.certify` does with a rule, with votes for draws."""
    counts = np.zeros(votes.shape, dtype=np.int64)
    rows = np.arange(len(counts))
    for look, size in enumerate(rule.sizes):
        counts[rows] = votes.at(size)[rows]
        rows = rows[rule.undecided(look, rows, counts[rows])]
        if not len(rows):
            break
    return Outcome(counts.sum(axis=1), *rule.bounds(counts))
