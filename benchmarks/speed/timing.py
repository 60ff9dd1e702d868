"""Interleaved timing: on a shared machine only neighbours in time can be compared."""

import dataclasses
import itertools
import statistics
import time
from collections.abc import Mapping

from .contestants import Work

__all__ = ["Time", "best_of", "fractions", "interleave", "rate"]


@dataclasses.dataclass(frozen=True)
class Time:
    """One piece of work: draws, and the seconds it took."""

    draws: int
    cpu: float  # of this process: what other jobs on the machine hardly change
    wall: float


def clock(work: Work) -> Time:
    """Do the work once."""
    wall, cpu = time.perf_counter(), time.process_time()
    draws = work()
    return Time(draws, time.process_time() - cpu, time.perf_counter() - wall)


def best_of(candidates: Mapping[int, Work], repeats: int = 5) -> int:
    """Return the key of the work with the highest rate; each is warmed up, then done in turn.

    Its best time counts, not its median: other jobs can only slow it down.
    """
    for work in candidates.values():
        work()
    best = dict.fromkeys(candidates, 0.0)
    for _ in range(repeats):
        for key, work in candidates.items():
            best[key] = max(best[key], rate([clock(work)]))
    return max(best, key=lambda key: best[key])


def interleave(limit: Work, others: Mapping[str, Work], rounds: int) -> dict[str, list[Time]]:
    """Time limit, others, limit, others, ..., limit; `limit` has one entry more than the others."""
    for work in (limit, *others.values()):
        work()
    times: dict[str, list[Time]] = {"limit": [], **{name: [] for name in others}}
    for _ in range(rounds):
        times["limit"].append(clock(limit))
        for name, work in others.items():
            times[name].append(clock(work))
    times["limit"].append(clock(limit))
    return times


def rate(times: list[Time], clock: str = "cpu") -> float:
    """Median number of draws per second."""
    return statistics.median(t.draws / getattr(t, clock) for t in times)


def fractions(times: dict[str, list[Time]], name: str, clock: str = "cpu") -> list[float]:
    """Rate of `name` over the mean rate of the limit before and after it, round by round."""

    def speed(t: Time) -> float:
        return t.draws / getattr(t, clock)

    limits = [speed(t) for t in times["limit"]]
    around = [(a + b) / 2 for a, b in itertools.pairwise(limits)]
    return [speed(t) / bound for t, bound in zip(times[name], around, strict=True)]
