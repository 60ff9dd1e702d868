"""Run the experiments: ``python -m reproduction.nets [--quick] [NAME ...]``; some take options."""

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
    "mnist_noises": "mnist_noises",
}

_OPTIONS = {
    "images": "about how many test images, at equal distances (default: those of the experiment)",
    "epochs": "of training (default: those of the experiment)",
}

if __name__ == "__main__":
    run_experiments("reproduction.nets", _EXPERIMENTS, __doc__ or "", _OPTIONS)
