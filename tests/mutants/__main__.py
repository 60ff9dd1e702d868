"""Do the tests notice? ``python -m tests.mutants`` puts in one fault at a time, and runs them.

Package and tests are copied to a temporary folder; nothing here is changed but lines of
``results.md``, those of the faults that were put in. The exit status is 1 if a fault survives or
cannot be put in, or if the tests fail without any.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from benchmarks.environment import describe

from .fault import Fault
from .faults import FAULTS

_ROOT = pathlib.Path(__file__).parents[2]
_FAILED = 1  # pytest's exit status if tests failed; others are for errors of collection or usage


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument(
        "words", nargs="*", help="only faults of which a text contains one of these"
    )
    parser.add_argument(
        "--output", type=pathlib.Path, default=pathlib.Path(__file__).parent, help="of the page"
    )
    args = parser.parse_args()
    chosen = [f for f in FAULTS if not args.words or any(w in str(f) for w in args.words)]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        _copy(folder)
        tests = sorted({test for fault in chosen for test in fault.tests.split()})
        if _run(folder, tests) != 0:
            sys.exit("The tests fail, or are not found, without any fault.")
        verdicts = []
        for fault in chosen:
            start = time.perf_counter()
            verdicts.append(_try(folder, fault))
            seconds = time.perf_counter() - start
            print(f"{verdicts[-1]:9} {seconds:5.1f} s  {fault.file}: {fault.new!r}", flush=True)
            note(args.output / "results.md", fault, verdicts[-1])
    killed = verdicts.count("killed")
    print(f"{killed} of {len(verdicts)} faults were noticed.")
    sys.exit(0 if killed == len(verdicts) else 1)


def _copy(folder: pathlib.Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__")
    for part in ("sksmooth", "tests"):
        shutil.copytree(_ROOT / part, folder / part, ignore=ignore)
    shutil.copy(_ROOT / "pyproject.toml", folder)
    found = subprocess.run(
        [sys.executable, "-c", "import sksmooth; print(sksmooth.__file__)"],
        cwd=folder,
        env=_environment(folder),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    if not pathlib.Path(found).is_relative_to(folder):
        sys.exit(f"The tests would be run on {found.strip()}, not on the copy.")


def _environment(folder: pathlib.Path) -> dict[str, str]:
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    # a compiled file is taken for new if time and size agree, as they may after a fault of a letter
    no_cache = {"PYTHONDONTWRITEBYTECODE": "1"}
    return {**os.environ, **threads, **no_cache, "PYTHONPATH": str(folder)}


def _run(folder: pathlib.Path, tests: list[str]) -> int:
    """Return the exit status of pytest."""
    options = ["-x", "-q", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *options, *(f"tests/{test}" for test in tests)]
    done = subprocess.run(
        command, cwd=folder, env=_environment(folder), capture_output=True, text=True
    )
    if done.returncode not in (0, _FAILED):
        print(done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
    return done.returncode


def _try(folder: pathlib.Path, fault: Fault) -> str:
    """Put in a fault, run its tests, and take it out again."""
    path = folder / "sksmooth" / fault.file
    text = path.read_text()
    if text.count(fault.old) != 1:
        return "not found"
    path.write_text(text.replace(fault.old, fault.new))
    try:
        status = _run(folder, fault.tests.split())
    finally:
        path.write_text(text)
    return {0: "survived", _FAILED: "killed"}.get(status, "error")


def note(path: pathlib.Path, fault: Fault, verdict: str) -> None:
    """Put a verdict into the page of results; those of the other faults stay, if these do."""
    known = path.read_text().splitlines() if path.exists() else []
    about = describe("python -m tests.mutants")
    measured = f"{_start(fault)} {verdict} | {about['versions']['sksmooth']}, {about['date']} |"
    lines = []
    for each in FAULTS:
        start = _start(each)
        line = next((line for line in known if line.startswith(start)), f"{start} not run | |")
        lines.append(measured if each == fault else line)
    killed, waiting = (
        sum(f"| {word} |" in line for line in lines) for word in ("killed", "not run")
    )
    head = [
        "# Faults that the tests notice\n",
        f"`{about['command']}` changes one line of the package at a time, and runs some tests.\n"
        f"{killed} of {len(FAULTS)} faults make one of them fail (killed)"
        f"{f'; {waiting} have not been run as they stand now' if waiting else ''}.\n",
        "| file | instead of | it says | tests | | version, date |",
        "|---|---|---|---|---|---|",
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*head, *lines]) + "\n")


def _start(fault: Fault) -> str:
    """Return what the line of a fault begins with: all of it but the verdict."""
    old, new = (" ".join(text.split()).replace("|", "\\|") for text in (fault.old, fault.new))
    return f"| {fault.file} | `{old}` | `{new}` | {fault.tests.replace(' ', ', ')} |"


if __name__ == "__main__":
    main()
