"""Time a row: computed, and sampled with n = 100,000, in turn in one run."""

import dataclasses
import pathlib
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from sksmooth import SmoothedClassifier

from ..page import Page, table, verdict
from .data import BASES, DATA

__all__ = ["run"]

_TEXT = """\
`certify(X)` of the same fitted smoother, sigma = 0.25, fitted on one noisy copy: with
`method="exact"` on as many rows as the test set has, or 20,000 noisy copies of them for the linear
model; with `method="montecarlo"`, n = 100,000, on a few rows, as it comes and with
`shortcuts=None`, which asks `predict` about each noisy row. Processor time of one thread, medians
over rounds in which the three take turns. The call is timed as a whole, but for the reading of the
model, which was done in an earlier call."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A data set and a base, with what is asked for."""

    data: str
    base: str
    most_us: float | None = None  # microseconds a row
    times: float | None = None  # faster than Monte Carlo
    n_exact: int | None = None
    n_sampled: int = 2


_CASES = [
    Case("breast cancer", "LogisticRegression", times=1e5, n_exact=20_000),
    Case("digits", "LogisticRegression"),
    Case("digits", "DecisionTree", most_us=20, times=2000),
    Case("breast cancer", "DecisionTree"),
    Case("breast cancer", "GradientBoosting, stumps", most_us=500, times=300),
    Case("breast cancer", "HistGradientBoosting, no interactions", most_us=500, times=300),
    Case("breast cancer", "AdaBoost, stumps"),
    Case("breast cancer", "GaussianNB"),
    Case("breast cancer", "QDA"),
    Case("iris", "PCA(2), RandomForest(50)", n_sampled=1),
]


def run(quick: bool, folder: pathlib.Path) -> Page:
    """Measure all cases."""
    cases = [_measure(case, 1 if quick else 3, 10_000 if quick else 100_000) for case in _CASES]
    rows = []
    for case, found in zip(_CASES, cases, strict=True):
        asked = []
        if case.most_us is not None:
            reached = found["exact_us"] <= case.most_us
            asked.append(f"{case.most_us:g} us a row, {verdict(reached)}")
        if case.times is not None:
            best = found["plain_us"] / found["exact_us"]
            asked.append(f"{case.times:,.0f} times, {verdict(best >= case.times)}")
        rows.append(
            [
                case.data,
                case.base,
                found["form"],
                f"{found['exact_us']:,.3g}",
                f"{found['sampled_us'] / 1e3:,.3g}",
                f"{found['plain_us'] / 1e3:,.3g}",
                f"{found['sampled_us'] / found['exact_us']:,.0f}",
                f"**{found['plain_us'] / found['exact_us']:,.0f}**",
                "; ".join(asked) or "-",
            ]
        )
    head = ["data", "base", "form", "exact, us a row", "sampled, ms a row"]
    head += ["sampled through predict, ms", "ratio", "ratio to predict", "asked"]
    blocks = [_TEXT, table(head, rows)]
    return Page("Exact certificates: speed", blocks, {"cases": cases})


def _measure(case: Case, rounds: int, n: int) -> dict[str, Any]:
    data = DATA[case.data]()
    clf = SmoothedClassifier(BASES[case.base](), sigma=0.25, random_state=0)
    clf.fit(data.X_train, data.y_train)
    X = data.X_test
    if case.n_exact is not None:
        rng = np.random.default_rng(0)
        picked = X[rng.integers(len(X), size=case.n_exact)]
        X = picked + 0.1 * rng.standard_normal(picked.shape)
    few = X[: case.n_sampled]

    def exact() -> int:
        clf.set_params(method="exact").certify(X)
        return len(X)

    def sampled(shortcuts: Any) -> Callable[[], int]:
        def work() -> int:
            clf.set_params(method="montecarlo", shortcuts=shortcuts).certify(few, n=n)
            return len(few)

        return work

    ways = {"exact": exact, "sampled": sampled("auto"), "plain": sampled(None)}
    times: dict[str, list[float]] = {name: [] for name in ways}
    exact()  # imports, and the labels of a grid
    form = clf.certify(X[:1]).form
    for _ in range(rounds):
        for name, work in ways.items():
            start = time.process_time()
            done = work()
            times[name].append(1e6 * (time.process_time() - start) / done)
    return {
        "data": case.data,
        "base": case.base,
        "form": form,
        **{f"{name}_us": statistics.median(values) for name, values in times.items()},
    }
