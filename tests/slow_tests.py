"""Which tests are slow: ``python -m tests.slow_tests LOG``, from a log of all with durations.

``pytest -n 2 --durations=0 --durations-min=0.02 > LOG`` writes one. The list is slow.txt beside
this file; ``pytest -m "not slow"`` leaves those tests out (`conftest.py`).
"""

import collections
import pathlib
import re
import sys

__all__ = ["LIST", "slow_tests"]

LIST = pathlib.Path(__file__).parent / "slow.txt"
_LINE = re.compile(r"\s*([\d.]+)s (?:call|setup|teardown)\s+(\S.*)$")
_SECONDS = 0.05  # of all cases of a function together, on one core


def slow_tests(log: str) -> list[str]:
    """Return the functions, without their parameters, that a log shows to be slow."""
    seconds: collections.Counter[str] = collections.Counter()
    for line in log.splitlines():
        if found := _LINE.match(line):
            seconds[found[2].partition("[")[0]] += float(found[1])
    return sorted(name for name, total in seconds.items() if total > _SECONDS)


if __name__ == "__main__":
    LIST.write_text("\n".join(slow_tests(pathlib.Path(sys.argv[1]).read_text())) + "\n")
