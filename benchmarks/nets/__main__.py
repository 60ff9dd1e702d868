"""Run the experiments: ``python -m benchmarks.nets [--quick] [NAME ...]``."""

from ..runner import run_experiments

_EXPERIMENTS = {
    "small": "small",
    "mnist": "mnist",
    "objectives": "objectives",
    "tightness": "tightness",
    "grid": "grid",
    "cifar": "cifar",
}

if __name__ == "__main__":
    run_experiments("nets", _EXPERIMENTS, __doc__ or "")
