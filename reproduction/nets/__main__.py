"""Run the experiments: ``python -m reproduction.nets [--quick] [NAME ...]``."""

from benchmarks.runner import run_experiments

_EXPERIMENTS = {
    "small": "small",
    "mnist": "mnist",
    "objectives": "objectives",
    "tightness": "tightness",
    "grid": "grid",
    "cifar": "cifar",
    "cifar_cpu": "cifar_cpu",
    "denoisers": "denoisers",
    "splitting": "splitting",
}

if __name__ == "__main__":
    run_experiments("reproduction.nets", _EXPERIMENTS, __doc__ or "")
