"""What a log and ``n_jobs=1`` cost beside a bare ``certify``: ``-m benchmarks.speed.overhead``."""

import argparse
import itertools
import json
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

from ..environment import describe, restart_steady

_RESULTS = pathlib.Path(__file__).parents[1] / "results"
_LIMIT = 1.02
_ORDERS = list(itertools.permutations(("bare", "n_jobs=1", "log")))
_TEXT = """\
Time of `certify(X)` with a log, and with `n_jobs=1`, over that of a bare `certify(X)`: medians of
{rounds} rounds in which the three take turns, in every order; real time, one thread. Each writes a
new log, whose last bytes are forced to the disk. The shorter the whole takes, the more a log costs:
it has a cost for each group of rows, some milliseconds, and for each second. Asked: at most
{limit:.2f}."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--output", type=pathlib.Path, default=_RESULTS)
    args = parser.parse_args()
    restart_steady("benchmarks.speed.overhead")
    about = describe(f"python -m benchmarks.speed.overhead --rounds {args.rounds}")
    results = {"about": about, "limit": _LIMIT, "cases": _cases(args.rounds)}
    lines = [
        f"| {case['base']} | {case['rows']} | {case['n']:,} | {case['seconds']:.2f} | "
        f"{case['n_jobs=1']:.3f} | {case['log']:.3f} |"
        for case in results["cases"]
    ]
    head = "| base | rows | n | bare, seconds | n_jobs=1 | log |\n|---|---|---|---|---|---|\n"
    versions = about["versions"]
    page = (
        f"# Overhead\n\n`{about['command']}`, {about['date']}; {about['cpu']}; "
        f"Python {about['python']}, numpy {versions['numpy']}, "
        f"scikit-learn {versions['scikit-learn']}.\n\n"
        f"{_TEXT.format(rounds=args.rounds, limit=_LIMIT)}\n\n{head}" + "\n".join(lines) + "\n"
    )
    print(page)
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "speed_overhead.md").write_text(page)
    (args.output / "speed_overhead.json").write_text(json.dumps(results, indent=1) + "\n")


def _cases(rounds: int) -> list[dict[str, Any]]:
    from sklearn.datasets import load_digits
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import MLPClassifier

    from sksmooth import SmoothedClassifier

    X, y = load_digits(return_X_y=True)
    results = []
    for name, base, shortcuts, rows, n in (
        ("LogisticRegression", LogisticRegression(max_iter=500), "auto", 30, 10**5),
        ("MLPClassifier", MLPClassifier((64,), max_iter=50), None, 20, 10**5),
        ("RandomForest of 20", RandomForestClassifier(20), "auto", 16, 10**5),
        ("RandomForest of 20", RandomForestClassifier(20), "auto", 100, 2000),
    ):
        clf = SmoothedClassifier(
            base, sigma=2.0, method="montecarlo", shortcuts=shortcuts, random_state=0
        ).fit(X, y)
        with tempfile.TemporaryDirectory() as folder:
            seconds = _rounds(clf, X[:rows], n, rounds, pathlib.Path(folder))
        # each round's ratio, because the machine is not equally fast in all of them
        ratio = {
            way: statistics.median(
                s / b for s, b in zip(seconds[way], seconds["bare"], strict=True)
            )
            for way in ("n_jobs=1", "log")
        }
        bare = statistics.median(seconds["bare"])
        results.append({"base": name, "rows": rows, "n": n, "seconds": bare, **ratio})
        print(results[-1], flush=True)
    return results


def _rounds(clf: Any, X: Any, n: int, rounds: int, folder: pathlib.Path) -> dict[str, list[float]]:
    number = itertools.count()
    ways: dict[str, Callable[[], Any]] = {
        "bare": lambda: clf.set_params(n_jobs=None).certify(X, n=n),
        "n_jobs=1": lambda: clf.set_params(n_jobs=1).certify(X, n=n),
        "log": lambda: clf.set_params(n_jobs=None).certify(
            X, n=n, log=folder / f"{next(number)}.tsv"
        ),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for act in ways.values():  # what is made once
        act()
    for order in itertools.islice(itertools.cycle(_ORDERS), rounds):
        for way in order:
            start = time.perf_counter()
            ways[way]()
            seconds[way].append(time.perf_counter() - start)
    return seconds


if __name__ == "__main__":
    main()
