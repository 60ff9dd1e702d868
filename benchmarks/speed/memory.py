"""Peak memory of certifying one CIFAR-sized row at n = 1,000,000: ``-m benchmarks.speed.memory``.

All draws at once would take 12 GB. Two processes do the same, but only one of them certifies. Its
peak is compared with the other's, and with its own memory just before it certifies: a peak in an
import could hide what certification needs.
"""

import argparse
import json
import pathlib
import resource
import subprocess
import sys
import time
from typing import Any

from ..environment import describe, restart_steady

_RESULTS = pathlib.Path(__file__).parents[1] / "results"
_LIMIT_MB = 500


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.memory", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="n = 100,000")
    parser.add_argument("--output", type=pathlib.Path, default=_RESULTS, help="folder")
    parser.add_argument("--child", type=int, metavar="N", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child is not None:
        _child(args.child)
        return
    # the allocator as users have it: keeping memory would be an excuse for a high peak
    restart_steady("benchmarks.speed.memory", keep_memory=False)
    n = 100_000 if args.quick else 1_000_000
    command = "python -m benchmarks.speed.memory" + " --quick" * args.quick
    control, certified = _measure(0), _measure(n)
    added = certified["peak_mb"] - certified["before_mb"]
    results = {
        "about": describe(command),
        "n": n,
        "control": control,
        "certified": certified,
        "added_mb": added,
        "limit_mb": _LIMIT_MB,
    }
    about = results["about"]
    page = (
        "# Memory\n\n"
        f"`{command}`, {about['date']}; {about['cpu']}, {about['threads']} thread; "
        f"Python {about['python']}, numpy {about['versions']['numpy']}, "
        f"torch {about['versions']['torch']}.\n\n"
        "Peak resident memory of two processes that import, build and fit the same (a dense layer\n"
        "on one row of 3 x 32 x 32, float32); the second also certifies the row.\n\n"
        "| | after the fit, MB | peak, MB | seconds |\n|---|---|---|---|\n"
        f"{_row('without certify', control)}{_row(f'certify, n = {n:,}', certified)}\n"
        f"Added by certify, peak less what was there before: **{added:.0f} MB** "
        f"(asked for: below {_LIMIT_MB} MB).\n"
    )
    print(page)
    args.output.mkdir(parents=True, exist_ok=True)
    (args.output / "speed_memory.md").write_text(page)
    (args.output / "speed_memory.json").write_text(json.dumps(results, indent=1) + "\n")


def _row(name: str, child: dict[str, Any]) -> str:
    return (
        f"| {name} | {child['before_mb']:.0f} | {child['peak_mb']:.0f} | {child['seconds']:.0f} |\n"
    )


def _measure(n: int) -> dict[str, Any]:
    """Run a child. Linux lets it inherit its parent's peak, so this process imports nothing big."""
    command = [sys.executable, "-m", "benchmarks.speed.memory", "--child", str(n)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _child(n: int) -> None:
    import torch

    from .cases import smoothed_net
    from .nets import Linear

    torch.set_num_threads(1)
    clf, X, module = smoothed_net(Linear(), (3, 32, 32))
    with torch.inference_mode():
        module(torch.from_numpy(X[:1]))  # loads what a first forward pass loads, and nothing more
    before = _resident_mb()
    start = time.perf_counter()
    if n:
        clf.certify(X[:1], n=n)
    seconds = time.perf_counter() - start
    print(json.dumps({"before_mb": before, "peak_mb": _peak_mb(), "seconds": seconds}))


def _peak_mb() -> float:
    unit = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def _resident_mb() -> float:
    try:
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # not Linux
        return _peak_mb()
    return pages * resource.getpagesize() / 1e6


if __name__ == "__main__":
    main()
