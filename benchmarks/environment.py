"""A steady process to measure in, and what a reader needs to know about the machine."""

import datetime
import importlib.metadata
import os
import platform
import sys
from typing import Any

__all__ = ["describe", "restart_steady"]

_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "BLIS_NUM_THREADS": "1",
}
# glibc gives the memory of large arrays back to the kernel and faults it in again at every batch.
# That hits the limit and the loops alike, but by chance, and then one is compared with the other.
_KEEP_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(2**30), "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}
_LIBRARIES = (
    "sksmooth",
    "numpy",
    "scipy",
    "scikit-learn",
    "torch",
    "skorch",
    "adversarial-robustness-toolbox",
)


def restart_steady(module: str, *, keep_memory: bool = True) -> None:
    """Run this program again with one thread and a quiet allocator, unless it has them already.

    These variables are read when a process starts, or when numpy and torch are loaded.
    """
    wanted = _ONE_THREAD | (_KEEP_MEMORY if keep_memory else {})
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        command = [sys.executable, "-m", module, *sys.argv[1:]]
        os.execve(sys.executable, command, {**os.environ, **wanted})


def describe(command: str) -> dict[str, Any]:
    """Return command, date, processor and versions; nothing that names the machine."""
    return {
        "command": command,
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "cpu": _processor(),
        "cores": os.cpu_count(),
        "threads": 1,
        "allocator": "memory kept" if "MALLOC_TRIM_THRESHOLD_" in os.environ else "default",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in _LIBRARIES},
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or "unknown"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"
