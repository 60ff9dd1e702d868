"""The objectives, with the parameters of their authors for MNIST, and schedules for training."""

from collections.abc import Mapping

from sksmooth.objectives import (
    MACER,
    Consistency,
    Deferred,
    GaussianAugmentation,
    SmoothAdv,
    SmoothMix,
    StabilityTraining,
    Warmup,
)

from .lenet import Recipe

__all__ = ["GAUSSIAN", "ONE_CYCLE", "PUBLISHED", "authors"]

GAUSSIAN = Recipe(GaussianAugmentation(), epochs=20)

# For a processor, at sigma 0.5: fewest epochs where attacks take many passes through the net
ONE_CYCLE = {
    "gaussian": GAUSSIAN,
    "stability": Recipe(StabilityTraining(lam=2.0), epochs=10, mixed=True),
    "consistency": Recipe(Consistency(lam=5.0), epochs=10, rate=0.02, mixed=True),
    "smoothadv": Recipe(
        SmoothAdv(epsilon=Warmup(1.0, 1), box=(0, 1)), epochs=3, rows=64, rate=0.02, mixed=True
    ),
    "smoothmix": Recipe(
        SmoothMix(eta=Warmup(5.0, 1), steps=4, step_size=1.0, box=(0, 1)),
        epochs=4,
        rows=64,
        rate=0.02,
        mixed=True,
    ),
}

# Average certified radius on the whole test set with n = 100,000, mean of five or six trainings:
# from the logs of Jeong and Shin (2020) and Jeong et al. (2021), by sigma.
PUBLISHED: Mapping[str, dict[float, float]] = {
    "gaussian": {0.25: 0.911, 0.5: 1.558, 1.0: 1.618},
    "stability": {0.25: 0.915, 0.5: 1.572, 1.0: 1.634},
    "macer": {0.25: 0.920, 0.5: 1.590, 1.0: 1.595},
    "consistency": {0.25: 0.928, 0.5: 1.655, 1.0: 1.738},
    "smoothadv": {0.25: 0.932, 0.5: 1.687, 1.0: 1.779},
    "smoothmix": {0.25: 0.932, 0.5: 1.693, 1.0: 1.819},
}


def authors(sigma: float, part: int = 1) -> dict[str, Recipe]:
    """Return the authors' schedule: 90 epochs, a tenth of the rate after each 30.

    With `part`, one of so many parts of the epochs, of the steps of the rate, and of warm-ups and
    delays; under autocast, on a processor.
    """
    warm, delay = max(10 // part, 1), max(30 // part, 1)
    objectives = {
        "gaussian": (GaussianAugmentation(), 1),
        "stability": (StabilityTraining(lam=2.0), 1),
        "macer": (MACER(lam=Deferred(6.0 if sigma == 1.0 else 16.0, delay)), 1),
        "consistency": (Consistency(lam=10.0 if sigma == 0.25 else 5.0), 2),
        "smoothadv": (SmoothAdv(epsilon=Warmup(1.0, warm), box=(0, 1)), 4),
        "smoothmix": (
            SmoothMix(
                eta=Warmup(5.0, warm),
                steps={0.25: 3, 0.5: 4, 1.0: 8}[sigma],
                step_size=1.0,
                box=(0, 1),
            ),
            4,
        ),
    }
    return {
        name: Recipe(
            objective, epochs=90 // part, rows=256 // m, rate=0.01, drop=delay, mixed=part > 1
        )
        for name, (objective, m) in objectives.items()
    }
