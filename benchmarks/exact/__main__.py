"""Run the experiments: ``python -m benchmarks.exact [--quick] [NAME ...]``."""

from ..runner import run_experiments

_EXPERIMENTS = {
    "speed": "speed",
    "agreement": "agreement",
    "digits": "digits",
    "pairs": "pairs",
}

if __name__ == "__main__":
    run_experiments("benchmarks.exact", _EXPERIMENTS, __doc__ or "")
