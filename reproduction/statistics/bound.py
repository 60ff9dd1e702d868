"""The Clopper-Pearson bound: how fast it is, and that it is never above the exact one."""

import pathlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from statsmodels.stats.proportion import proportion_confint

from benchmarks.page import Page, table, verdict
from sksmooth.bounds import clopper_pearson, clopper_pearson_simultaneous

from .exact_tail import Case, cases, exceeds

N_ROWS, N, ALPHA = 10_000, 100_000, 0.001
Bound = Callable[[NDArray[np.int64], int, float], NDArray[np.float64]]


def toolbox(count: NDArray[np.int64], n: int, alpha: float) -> NDArray[np.float64]:
    """Return the bound as the paper's code takes it from statsmodels."""
    return proportion_confint(count, n, alpha=2 * alpha, method="beta")[0]


BOUNDS: dict[str, Bound] = {
    "sksmooth.bounds.clopper_pearson": clopper_pearson,
    "sksmooth.bounds.clopper_pearson_simultaneous": clopper_pearson_simultaneous,
    "statsmodels, proportion_confint(method='beta')": toolbox,
}


def run(quick: bool, folder: pathlib.Path) -> Page:
    rng = np.random.default_rng(0)
    inputs = {
        "evenly from 0 to n": rng.integers(N + 1, size=N_ROWS),
        "evenly from n / 2 to n": rng.integers(N // 2, N + 1, size=N_ROWS),
        "failures even in their logarithm": N - (N ** rng.random(N_ROWS)).astype(np.int64) + 1,
    }
    times = {name: measure(counts, 3 if quick else 9) for name, counts in inputs.items()}
    checked = check(cases(rng, 400 if quick else 4000))
    return Page(
        "The Clopper-Pearson bound",
        [*_speed(times), *_soundness(checked)],
        {"milliseconds": times, "checked": checked},
        ("statsmodels", "mpmath"),
    )


def measure(counts: NDArray[np.int64], rounds: int) -> dict[str, list[float]]:
    """Time the bounds in turn; milliseconds of processor time, round by round."""
    times: dict[str, list[float]] = {name: [] for name in BOUNDS}
    for i in range(rounds + 1):
        for name, bound in BOUNDS.items():
            start = time.process_time()
            bound(counts, N, ALPHA)
            if i:  # the first round only warms up
                times[name].append(1000 * (time.process_time() - start))
    return times


def check(sample: list[Case]) -> dict[str, Any]:
    """Count the bounds above the exact one, and how much of alpha the loosest leaves unused."""
    result: dict[str, Any] = {"cases": len(sample)}
    for name, bound in BOUNDS.items():
        simultaneous = bound is clopper_pearson_simultaneous
        excesses = []
        for n, k, alpha in sample:
            p_lower = float(bound(np.array([k]), n, alpha)[0])
            if p_lower > 0:  # 0 claims nothing; one vote gets no more from the simultaneous bound
                excesses.append(exceeds(n, k, p_lower, alpha, simultaneous=simultaneous))
        result[name] = {
            "above": sum(excess > 0 for excess in excesses),
            "far_above": sum(excess > 1e-6 for excess in excesses),
            "largest_excess": float(max(excesses)),
            "largest_slack": -float(min(excesses)),
        }
    return result


def _speed(times: dict[str, dict[str, list[float]]]) -> list[str]:
    medians = {
        counts: {name: statistics.median(ms) for name, ms in row.items()}
        for counts, row in times.items()
    }
    rows = [
        [counts, *(f"{ms:.1f}" for ms in row.values()), f"{ours / theirs:.2f}"]
        for counts, row in medians.items()
        for ours, theirs in [(next(iter(row.values())), list(row.values())[-1])]
    ]
    worst = max(next(iter(row.values())) for row in medians.values())
    ceiling = f"at most {worst:.1f} ms, {verdict(worst < 50)}"
    rounds = len(next(iter(next(iter(times.values())).values())))
    return [
        "## Speed",
        f"Milliseconds of processor time for {N_ROWS:,} rows at n = {N:,}, alpha = {ALPHA}; "
        f"medians of {rounds} rounds in which each takes its turn. statsmodels computes the upper "
        "bound too. The last column is the first over the third.",
        table(["counts", *(f"`{name}`" for name in BOUNDS), "ratio"], rows),
        f"Target for the first: less than 50 ms; {ceiling}.",
    ]


def _soundness(checked: dict[str, Any]) -> list[str]:
    rows = [
        [
            f"`{name}`",
            f"{checked[name]['above']:,}",
            f"{checked[name]['far_above']:,}",
            f"{checked[name]['largest_excess']:+.1e}",
            f"{checked[name]['largest_slack']:.1e}",
        ]
        for name in BOUNDS
    ]
    ours = sum(checked[name]["above"] for name in list(BOUNDS)[:2])
    head = ["bound", "above the exact one", "by more than 1e-6", "largest excess", "largest slack"]
    return [
        "## Soundness",
        f"{checked['cases']:,} cases, n up to 1e9, alpha down to 1e-12, 999 failures (where "
        "scipy's inverse beta function errs) among them. The probability of k or more successes "
        "at the returned bound, as an exact sum to more than 40 digits, may not be above alpha "
        "(for the simultaneous bound: alpha times the bound). Excess and slack are relative to "
        "that level.",
        table(head, rows),
        f"Target: 0 above; {verdict(ours == 0)}.",
    ]
