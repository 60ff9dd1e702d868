"""The checkout against an older commit: ``python -m benchmarks.speed.against COMMIT``.

Both certify the cases of `benchmarks.speed` in processes of their own, in turn, and fit the same
models. So a machine that is busy slows both down.
"""

import argparse
import contextlib
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence

from ..environment import restart_steady
from ..page import Page, table

_HERE = pathlib.Path(__file__).parents[2]
_PAGE = _HERE / "benchmarks" / "results" / "speed_against.md"
_INTRODUCTION = """\
Processor time of one call at the older commit, over processor time here: above 1, this checkout is
faster. Each pair of calls runs one after the other, in two processes; the ratio is the median over
pairs, and the range holds the middle half of them. `predict` asks about one row."""
# Uses only names that both checkouts have.
_WORKER = """
import sys, time, warnings
warnings.simplefilter("ignore")
import torch
torch.set_num_threads(1)
from benchmarks.speed.cases import CASES
from benchmarks.speed.contestants import certify
works = {}
def build(name):
    case = CASES[name]()
    works[name, "certify"] = certify(case)
    works[name, "predict"] = lambda: case.clf.predict(case.X[:1])
print(*CASES, flush=True)
for line in sys.stdin:
    name, what = line.split()
    if (name, what) not in works:
        works.clear()
        build(name)
        works[name, what]()
    start = time.process_time()
    works[name, what]()
    print(time.process_time() - start, flush=True)
"""


class Contestant:
    """A process that certifies with the package of one checkout."""

    def __init__(self, checkout: pathlib.Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _WORKER],
            cwd=checkout,
            env={**os.environ, "PYTHONPATH": str(checkout)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.cases = self._answer().split()

    def seconds(self, case: str, what: str) -> float:
        """Return the processor time of one call."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{case} {what}\n")
        self._process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        """Stop the process."""
        self._process.communicate()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"The process of {self._process.args!r} ended; see its message.")
        return line


def compare(
    old: Contestant, new: Contestant, rounds: int, cases: Sequence[str]
) -> Iterator[tuple[str, list[float]]]:
    """Give the ratios of one case after the other."""
    for case in [name for name in cases or new.cases if name in old.cases]:
        for what in ("certify", "predict"):
            ratios = []
            for i in range(rounds):
                first, second = (old, new) if i % 2 else (new, old)
                times = {first: first.seconds(case, what), second: second.seconds(case, what)}
                ratios.append(times[old] / times[new])
            yield f"{case}, {what}", ratios


@contextlib.contextmanager
def checkout_of(commit: str) -> Iterator[pathlib.Path]:
    """Give a folder with the files of a commit."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "checkout")
        git = ["git", "-C", str(_HERE), "worktree"]
        subprocess.run([*git, "add", "--detach", str(path), commit], check=True)
        try:
            yield path
        finally:
            subprocess.run([*git, "remove", "--force", str(path)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speed.against", description=__doc__)
    parser.add_argument("commit")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--cases", nargs="*", metavar="NAME", help="only these; written nowhere")
    args = parser.parse_args()
    restart_steady("benchmarks.speed.against")
    command = f"python -m benchmarks.speed.against {args.commit} --rounds {args.rounds}"
    cells = []
    with checkout_of(args.commit) as path:
        old, new = Contestant(path), Contestant(_HERE)
        for name, ratios in compare(old, new, args.rounds, args.cases):
            low, middle, high = statistics.quantiles(ratios, n=4)
            cells.append((name, f"**{middle:.3f}**", f"{low:.3f} to {high:.3f}"))
            print(*cells[-1], flush=True)
        old.close()
        new.close()
    if args.cases:
        return
    head = ("case", "old / new", "middle half")
    page = Page("Speed beside an older commit", [_INTRODUCTION, table(head, cells)])
    _PAGE.write_text(page.to_markdown(command))


if __name__ == "__main__":
    main()
