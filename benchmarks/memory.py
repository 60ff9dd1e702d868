"""Peak memory of fit and certify on data that would not fit in: ``python -m benchmarks.memory``.

Every case runs in a process of its own. A thread in it reads how much memory the process has that
belongs to no file: pages of a memory map are the system's to take back, and do not count. What fit
and certify add is compared with the bound that the guide states (docs/guide/memory.rst).
"""

import argparse
import contextlib
import ctypes
import dataclasses
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

from .environment import describe, restart_steady

_RESULTS = pathlib.Path(__file__).parent / "results"
_INTRODUCTION = """\
Memory that `fit` and `certify` add to what the process has before them, in MB (millions of bytes),
and the bound that the guide states ([memory](../../docs/guide/memory.rst)). Pages of the memory
map, which the system can take back at any time, do not count; the last column has them too, with
the libraries. Read every few milliseconds; every case in a process of its own, with two classes and
rows in float32."""


@dataclasses.dataclass(frozen=True)
class Case:
    """What is fitted and certified; numbers for ``--quick`` are a tenth."""

    what: str
    base: str  # an expression, evaluated where scikit-learn is imported
    rows: int
    values: int
    n: int = 0  # 0: only fit
    n_augment: int = 1
    frozen: bool = False
    shortcuts: str | None = None

    def smaller(self) -> "Case":
        """Return the case for ``--quick``."""
        if self.rows == 1:
            return dataclasses.replace(self, n=self.n // 10)
        return dataclasses.replace(self, rows=self.rows // 10)

    @property
    def fit_bound_mb(self) -> float:
        """The noisy copies with their labels: all of them, or one; a frozen base gets none."""
        if self.frozen:
            return _ROOM_MB
        at_once = 4 * self.rows * self.values * self.n_augment <= 10**9 or "SGD" not in self.base
        rows = self.rows * (self.n_augment if at_once else 1)
        return _ROOM_MB + rows * (4 * self.values + 64) / 1e6

    @property
    def certify_bound_mb(self) -> float:
        """A batch, a chunk's rows, and the results twice."""
        classes = 2
        batch = max(2**22, 64 * self.values) * (4 + 12)
        chunk = min(self.rows, 2**26 // (4 * self.values)) * (400 + 50 * classes)
        return _ROOM_MB + (batch + chunk + 2 * self.rows * (110 + 8 * classes)) / 1e6


_ROOM_MB = 50  # for modules and tables that are loaded on the way
_FROZEN = "FrozenEstimator({}.fit(X[:1000], y[:1000]))"
_FOREST = "RandomForestClassifier(10, max_depth=6, random_state=0)"
CASES = {
    "linear": Case(
        "linear model, frozen; memory map; n=20, n0=10",
        _FROZEN.format("LogisticRegression()"),
        rows=1_000_000,
        values=100,
        n=20,
        frozen=True,
        shortcuts="auto",
    ),
    "forest": Case(
        "forest of 10 trees, frozen; memory map; n=20, n0=10",
        _FROZEN.format(_FOREST),
        rows=1_000_000,
        values=100,
        n=20,
        frozen=True,
        shortcuts="auto",
    ),
    "draws": Case(
        "linear model, frozen; n={n:,}",
        _FROZEN.format("LogisticRegression()"),
        rows=1,
        values=2,
        n=10**8,
        frozen=True,
    ),
    "wide": Case(
        "linear model, frozen; n={n:,}",
        "FrozenEstimator(RidgeClassifier().fit(X[:20], y[:20]))",
        rows=1,
        values=3 * 224 * 224,
        n=10_000,
        frozen=True,
    ),
    "one copy": Case(
        "SGDClassifier, n_augment=1; memory map",
        "SGDClassifier(random_state=0, max_iter=5, tol=None)",
        rows=100_000,
        values=400,
    ),
    "in parts": Case(
        "SGDClassifier, n_augment=8 by partial_fit; memory map",
        "SGDClassifier(random_state=0, max_iter=5, tol=None)",
        rows=100_000,
        values=400,
        n_augment=8,
    ),
    "stacked": Case(
        "DecisionTreeClassifier, n_augment=8, has no partial_fit; memory map",
        "DecisionTreeClassifier(max_depth=2, max_features=8, random_state=0)",
        rows=100_000,
        values=400,
        n_augment=8,
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows and draws")
    parser.add_argument("--output", type=pathlib.Path, help="folder; with --quick a temporary one")
    parser.add_argument("--child", choices=CASES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child is not None:
        print(json.dumps(_child(_case(args.child, args.quick))))
        return
    # the allocator as users have it: keeping memory would be an excuse for a high peak
    restart_steady("benchmarks.memory", keep_memory=False)
    command = "python -m benchmarks.memory" + " --quick" * args.quick
    measured = {}
    for name in CASES:
        measured[name] = _measure(name, args.quick)
        print(name, measured[name], file=sys.stderr, flush=True)
    output = args.output
    if output is None:  # rough figures must not replace the committed ones
        output = pathlib.Path(tempfile.mkdtemp()) if args.quick else _RESULTS
    output.mkdir(parents=True, exist_ok=True)
    results = {"about": describe(command), "cases": measured}
    page = _page(results)
    print(page)
    (output / "memory.md").write_text(page)
    (output / "memory.json").write_text(json.dumps(results, indent=1) + "\n")
    print(f"Written to {output}.")
    if not all(case["within"] for case in measured.values()):
        sys.exit("A bound does not hold.")


def _case(name: str, quick: bool) -> Case:
    return CASES[name].smaller() if quick else CASES[name]


def _measure(name: str, quick: bool) -> dict[str, Any]:
    """Run a child. Linux lets it inherit its parent's peak, so this process imports nothing big."""
    command = [sys.executable, "-m", "benchmarks.memory", "--child", name]
    command += ["--quick"] * quick
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    case, found = _case(name, quick), json.loads(done.stdout)
    bounds = {"fit_bound_mb": case.fit_bound_mb, "certify_bound_mb": case.certify_bound_mb}
    within = all(found[f"{part}_mb"] <= bounds[f"{part}_bound_mb"] for part in ("fit", "certify"))
    return {**dataclasses.asdict(case), **found, **bounds, "within": within}


def _child(case: Case) -> dict[str, Any]:
    import warnings

    import numpy as np
    import sklearn.ensemble  # what the cases name
    import sklearn.frozen
    import sklearn.linear_model
    import sklearn.tree

    from sksmooth import SmoothedClassifier

    names = {
        "DecisionTreeClassifier": sklearn.tree.DecisionTreeClassifier,
        "FrozenEstimator": sklearn.frozen.FrozenEstimator,
        "LogisticRegression": sklearn.linear_model.LogisticRegression,
        "RandomForestClassifier": sklearn.ensemble.RandomForestClassifier,
        "RidgeClassifier": sklearn.linear_model.RidgeClassifier,
        "SGDClassifier": sklearn.linear_model.SGDClassifier,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "rows.npy"
        n_rows = max(case.rows, 1000 if case.values < 1000 else 20)
        y = _write(path, n_rows, case.values)
        X = np.load(path, mmap_mode="r")
        base = eval(case.base, names | {"X": X, "y": y})
        options = {"n": case.n or 20, "n0": 10, "random_state": 0, "shortcuts": case.shortcuts}
        clf = SmoothedClassifier(
            base, 0.5, method="montecarlo", n_augment=case.n_augment, **options
        )
        # what is loaded once, by whatever is fitted and certified first
        small = np.random.default_rng(0).normal(size=(40, 2))
        SmoothedClassifier(sklearn.linear_model.SGDClassifier(), n=20, method="montecarlo").fit(
            small, np.arange(40) % 2
        ).certify(small)
        before, start = _settled_mb(), time.perf_counter()
        with warnings.catch_warnings(), _peak_of_own() as fit:
            warnings.simplefilter("ignore")  # about what the copies take
            clf.fit(X, y)
        fitted = _settled_mb()
        with _peak_of_own() as certify:
            if case.rows > 1 and case.n:
                clf.certify(X[: case.rows])
            elif case.n:  # of a clear case: one that is hopeless would be left early
                certificate = clf.certify(X[:1] - np.float32(3.0))
                assert certificate.n_draws.tolist() == [case.n]
        return {
            "fit_mb": fit[0] - before,
            "certify_mb": certify[0] - fitted,
            "peak_mb": _peak_mb(),
            "seconds": time.perf_counter() - start,
        }


def _write(path: pathlib.Path, n_rows: int, n_values: int) -> Any:
    """Write rows of two classes to a file, some at a time, and return their labels."""
    import numpy as np

    rng, y = np.random.default_rng(0), np.arange(n_rows) % 2
    shape = (n_rows, n_values)
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    step = max(1, 2**22 // n_values)
    for start in range(0, n_rows, step):
        part = rows[start : start + step]
        part[...] = rng.standard_normal(part.shape, dtype=np.float32)
        part[:, 0] += 2 * y[start : start + step]
    rows.flush()
    return y


@contextlib.contextmanager
def _peak_of_own() -> Iterator[list[float]]:
    """Watch this process; the list holds the most memory of its own that was seen."""
    peak, done = [_own_mb()], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            peak[0] = max(peak[0], _own_mb())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()


def _settled_mb() -> float:
    """Return the same after what is free has been given back: it would hide what comes next."""
    ctypes.CDLL(None).malloc_trim(0)
    return _own_mb()


def _own_mb() -> float:
    """Return what is resident and belongs to no file; only Linux tells."""
    _, resident, shared, *_ = pathlib.Path("/proc/self/statm").read_text().split()
    return (int(resident) - int(shared)) * resource.getpagesize() / 1e6


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def _page(results: dict[str, Any]) -> str:
    about = results["about"]
    lines = [
        "# Memory\n",
        f"`{about['command']}`, {about['date']}; {about['cpu']}, {about['threads']} thread; "
        f"Python {about['python']}, numpy {about['versions']['numpy']}, "
        f"scikit-learn {about['versions']['scikit-learn']}.\n",
        f"{_INTRODUCTION}\n",
        "| base | rows | values a row | fit | bound | certify | bound | all |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for case in results["cases"].values():
        certify = [f"{case['certify_mb']:.0f}", f"{case['certify_bound_mb']:.0f}"]
        cells = [
            case["what"].format(**case),
            f"{case['rows']:,}",
            f"{case['values']:,}",
            f"{case['fit_mb']:.0f}",
            f"{case['fit_bound_mb']:.0f}",
            *(certify if case["n"] else ["", ""]),
            f"{case['peak_mb']:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
