"""Training objectives for nets, one paper a file. Loaded only by users of torch.

`sksmooth.nets.ObjectiveNet` trains with them. An objective is a class with plain numbers and a
``forward`` that gives the loss of a batch; nothing else needs to know it.
"""

from .base import Objective
from .consistency import Consistency
from .gaussian import GaussianAugmentation
from .macer import MACER
from .schedules import Deferred, Schedule, Warmup
from .smoothadv import SmoothAdv
from .smoothmix import SmoothMix
from .stability import StabilityTraining

__all__ = [
    "MACER",
    "OBJECTIVES",
    "Consistency",
    "Deferred",
    "GaussianAugmentation",
    "Objective",
    "Schedule",
    "SmoothAdv",
    "SmoothMix",
    "StabilityTraining",
    "Warmup",
]

# by name; contract tests run over all of them
OBJECTIVES: dict[str, type[Objective]] = {
    "gaussian": GaussianAugmentation,
    "stability": StabilityTraining,
    "smoothadv": SmoothAdv,
    "macer": MACER,
    "consistency": Consistency,
    "smoothmix": SmoothMix,
}
