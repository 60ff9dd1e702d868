"""What a draw, a row and a worker cost, and from them what large runs would take.

Run ``python -m benchmarks.scale``; it takes some minutes and needs dask. The documentation's page
on costs shows the tables that it writes.
"""

import json
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import joblib
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from sksmooth import SmoothedClassifier

from .environment import restart_steady
from .page import Page, table

RESULTS = pathlib.Path(__file__).parent / "results"
ROUNDS = 5
FEW, MANY = 100, 2100  # draws a row: their difference in time is due to draws, the rest to the row
N_ROWS = 200
ROWS = 10_000_000
HOUR, DAY = 3600, 86400
DECIDED = 2174  # mean draws to decide one radius: statistics_decisions.md
IMAGES, DRAWS = 50_000, 100_000
SECONDS_AN_IMAGE = 110  # Cohen et al. 2019, section 4: ResNet-50, n = 100,000, one RTX 2080 Ti


def seconds(call: Callable[[], object]) -> float:
    """Processor time of this process: what other jobs on the machine hardly change."""
    start = time.process_time()
    call()
    return time.process_time() - start


def constants(base: Any) -> dict[str, float]:
    """Seconds a draw and a row, without a log and with one."""
    X, y = load_breast_cancer(return_X_y=True)
    X = X / X.std(axis=0)
    clf = SmoothedClassifier(base, 0.5, method="montecarlo", n0=1, random_state=0).fit(X, y)
    rows = X[:N_ROWS]
    clf.certify(rows[:5], n=FEW)
    measured: dict[str, list[float]] = {"draw": [], "row": [], "log": []}
    with tempfile.TemporaryDirectory() as folder:
        for number in range(ROUNDS):
            few = seconds(lambda: clf.certify(rows, n=FEW))
            many = seconds(lambda: clf.certify(rows, n=MANY))
            path = pathlib.Path(folder, f"{number}.tsv")
            logged = seconds(lambda path=path: clf.certify(rows, n=FEW, log=path))
            draw = (many - few) / (MANY - FEW) / N_ROWS
            measured["draw"].append(draw)
            measured["row"].append(few / N_ROWS - FEW * draw)
            measured["log"].append((logged - few) / N_ROWS)
    return {name: statistics.median(values) for name, values in measured.items()}


def of_workers() -> dict[str, float]:
    """Processor time of one process, over that of two dask workers and their client together."""
    from distributed import Client, LocalCluster

    X, y = load_breast_cancer(return_X_y=True)
    X = X / X.std(axis=0)
    base = RandomForestClassifier(50, random_state=0)
    clf = SmoothedClassifier(base, 0.5, random_state=0).fit(X, y)
    rows, n = X[:20], 100_000
    alone, together, walls = [], [], []
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):

        def on_dask() -> None:
            with joblib.parallel_config(backend="dask"):
                clf.certify(rows, n=n)

        on_dask()
        for _ in range(3):
            start = time.perf_counter()
            alone.append(seconds(lambda: clf.certify(rows, n=n)))
            wall_alone = time.perf_counter() - start
            before = sum(client.run(time.process_time).values())
            start = time.perf_counter()
            here = seconds(on_dask)
            walls.append(wall_alone / (time.perf_counter() - start))
            together.append(here + sum(client.run(time.process_time).values()) - before)
    share = statistics.median(a / b for a, b in zip(alone, together, strict=True))
    return {"useful share": share, "speed-up, wall": statistics.median(walls)}


def bill(figures: dict[str, Any]) -> list[list[str]]:
    """Lines of the table for ten million rows on one core."""
    lines = []
    for name, cost in figures["bases"].items():
        for what, n in (("n = 100,000", DRAWS), ("one radius decided", DECIDED)):
            total = ROWS * (cost["row"] + n * cost["draw"])
            lines.append([name, what, duration(total), duration(total / 64)])
    for name, base in (("one tree", "DecisionTree"), ("additive boosting", "HistGradient")):
        cases = json.loads((RESULTS / "exact_speed.json").read_text())["cases"]
        (us,) = (
            case["exact_us"]
            for case in cases
            if case["base"].startswith(base) and case["data"] == "breast cancer"
        )
        total = ROWS * us / 1e6
        lines.append([name, "computed", duration(total), duration(total / 64)])
    return lines


def duration(total: float) -> str:
    """Seconds in the unit that suits them."""
    for unit, name in ((DAY, "days"), (HOUR, "hours"), (60, "minutes")):
        if total >= 2 * unit:
            return f"{total / unit:,.1f} {name}"
    return f"{total:,.1f} seconds"


def images() -> list[list[str]]:
    """Lines of the table for ImageNet."""
    saving = DRAWS / DECIDED
    lines = []
    for devices in (1, 8, 64):
        total = IMAGES * SECONDS_AN_IMAGE / devices
        lines.append([f"{devices}", duration(total), duration(total / saving)])
    return lines


def main() -> None:
    """Measure, print and write."""
    bases = {
        "forest of 100 trees": RandomForestClassifier(random_state=0),
        "histogram boosting": HistGradientBoostingClassifier(random_state=0),
    }
    figures: dict[str, Any] = {
        "bases": {name: constants(base) for name, base in bases.items()},
        "workers": of_workers(),
    }
    costs = [
        [name, *(f"{1e6 * cost[part]:.3g}" for part in ("draw", "row", "log"))]
        for name, cost in figures["bases"].items()
    ]
    workers = figures["workers"]
    blocks = [
        "Breast cancer data, 30 columns. Processor time, medians of 5 rounds; a row's cost is what "
        "remains of a call when the draws are taken off.",
        table(["base", "a draw, us", "a row, us", "a row in a log, us more"], costs),
        f"Two dask workers of one thread, 20 rows at n = 100,000: the work of one process is "
        f"**{workers['useful share']:.2f}** of the processor time that workers and client take "
        f"together, which is {2 * workers['useful share']:.2f} times the speed of one if no core "
        "is shared. In wall time, on two cores busy with other work, it was "
        f"{workers['speed-up, wall']:.2f} times.",
        "## Ten million rows",
        "Computed from these and from exact_speed.md; the draws of a decided radius are those of "
        "statistics_decisions.md. Cores are counted as equal, and none waits.",
        table(["base", "what", "one core", "64 cores"], bill(figures)),
        "## ImageNet's 50,000 images",
        "Not measured here. Cohen et al. (2019, section 4) give 110 seconds an image for ResNet-50 "
        "at n = 100,000 on one RTX 2080 Ti; their logs have 150. Newer devices are faster. The "
        "draws of a decided radius are those of CIFAR-10.",
        table(["GPUs", "n = 100,000", "one radius decided"], images()),
    ]
    page = Page("What large runs take", blocks, figures)
    text = page.to_markdown("python -m benchmarks.scale")
    print(text)
    (RESULTS / "scale.md").write_text(text)
    (RESULTS / "scale.json").write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    restart_steady("benchmarks.scale")
    main()
