"""Run the experiments: ``python -m reproduction.statistics [--quick] [NAME ...]``."""

from benchmarks.runner import run_experiments

_EXPERIMENTS = {
    "decisions": "decisions",
    "sequences": "sequences",
    "bound": "bound",
    "two_sided": "two_sided",
    "tolerance": "tolerance",
    "logs": "paper_logs",
}

if __name__ == "__main__":
    run_experiments("reproduction.statistics", _EXPERIMENTS, __doc__ or "")
