"""Modes and kinds of modules."""

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.modules.batchnorm import _BatchNorm

from ...checks import user_level
from ...exceptions import ModelWarning

__all__ = [
    "is_compiled",
    "refuse_if_it_reads_batches",
    "set_evaluation_mode",
    "takes_no_hooks",
    "warn_of_other_sigma",
]


def refuse_if_it_reads_batches(part: torch.nn.Module) -> None:
    """Refuse a module whose answer for a row depends on its batch, though in evaluation mode."""
    training = getattr(part, "training", False)  # a frozen script has no mode
    if training or (isinstance(part, _BatchNorm) and part.running_mean is None):
        raise ValueError(
            f"{type(part).__name__} uses the statistics of the batch even in evaluation mode "
            f"({'it stays in training mode' if training else 'track_running_stats=False'}). "
            "Then its answers are not a function of one row, and no certificate would be true."
        )


def set_evaluation_mode(module: torch.nn.Module) -> None:
    """Set a module's evaluation mode, as far as it has one."""
    try:
        module.eval()
    except NotImplementedError:  # torch.export fixes the mode when it makes a module
        for part in module.modules():
            part.training = False


def takes_no_hooks(module: torch.nn.Module) -> bool:
    """Whether hooks are refused, or would have a module compiled again."""
    parts = module.modules()
    return is_compiled(module) or any(isinstance(p, torch.jit.ScriptModule) for p in parts)


def is_compiled(module: torch.nn.Module) -> bool:
    """Whether ``torch.compile`` made some of it."""
    return any(
        hasattr(part, "_orig_mod") or getattr(part, "_compiled_call_impl", None) is not None
        for part in module.modules()
    )


def warn_of_other_sigma(module: torch.nn.Module, deviations: NDArray[np.float64]) -> None:
    """Warn if a denoiser in a module was made for other noise than that of these deviations."""
    for part in module.modules():
        sigma = getattr(part, "made_for_sigma", None)
        if isinstance(sigma, float) and not np.allclose(deviations, sigma, rtol=1e-6):
            low, high = deviations.min(), deviations.max()
            found = f"{low:g}" if low == high else f"{low:g} to {high:g}"
            warnings.warn(
                f"{type(part).__name__} was made for sigma={sigma:g}, but the noise has the "
                f"deviation {found}. Certificates are true, but radii are smaller than they might "
                "be: make it with the smoother's sigma.",
                ModelWarning,
                stacklevel=user_level(),
            )
