"""The measurements: one base against its limit, and one call against row by row."""

import dataclasses
import statistics
from typing import Any

from . import contestants
from .cases import Case, many_rows
from .timing import best_of, fractions, interleave, rate

__all__ = ["measure_case", "measure_one_call"]


def measure_case(case: Case, rounds: int) -> dict[str, Any]:
    """Time a case's limit, `certify`, the paper's loop and ART in turn."""
    best = best_of({size: contestants.limit(case, size, share=0.3) for size in case.batch_sizes})
    others = {
        "certify": contestants.certify(case),
        "loop 1000": contestants.paper_loop(case, 1000),  # the authors' batch for CIFAR-10
        "loop 400": contestants.paper_loop(case, 400),  # and for ImageNet
    }
    if case.module is not None and (toolbox := contestants.art(case, best)) is not None:
        others["art"] = toolbox
    if case.module is not None:  # elsewhere shortcuts draw less, or other, noise
        others["noise"] = contestants.noise(case)
    times = interleave(contestants.limit(case, best), others, rounds)
    return {
        "title": case.title,
        "target": case.target,
        "n_rows": len(case.X),
        "n": case.n,
        "n0": contestants.N0,
        "limit_batch_size": best,
        "rates_cpu": {name: rate(t) for name, t in times.items()},
        "fractions_cpu": {n: statistics.median(fractions(times, n)) for n in others},
        "fractions_wall": {n: statistics.median(fractions(times, n, "wall")) for n in others},
        "art_on_sklearn": contestants.art_on_sklearn(case) if case.module is None else None,
        "times": {name: [dataclasses.astuple(t) for t in ts] for name, ts in times.items()},
    }


def measure_one_call(rounds: int, n_rows: int = 100, n: int = 100) -> dict[str, Any]:
    """Time certifying many rows with few draws each: in one call, and one row a call.

    A forest's call costs as much as hundreds of its rows; so it shows whether rows share batches.
    """
    clf, X = many_rows(n_rows)

    def together() -> int:
        clf.certify(X, n=n, n0=100)
        return n_rows

    def one_by_one() -> int:
        for i in range(n_rows):
            clf.certify(X[i : i + 1], n=n, n0=100)
        return n_rows

    times = interleave(one_by_one, {"together": together}, rounds)
    return {
        "n_rows": n_rows,
        "n": n,
        "n0": 100,
        "times_faster_cpu": statistics.median(fractions(times, "together")),
        "times_faster_wall": statistics.median(fractions(times, "together", "wall")),
        "times": {name: [dataclasses.astuple(t) for t in ts] for name, ts in times.items()},
    }
