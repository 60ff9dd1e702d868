"""Which of the things that a module returns are its scores."""

from collections.abc import Mapping
from typing import Any

import torch

__all__ = ["scores_in"]

_CHOOSE = (
    "Say which are the scores: sksmooth.nets.frozen_net(module, output=...) takes a key, an "
    "attribute, a position or a function; or put a module around it that returns the scores alone."
)


def scores_in(output: Any, n_classes: int) -> torch.Tensor:
    """Return the scores in what a module has returned, or refuse to guess.

    A tensor is taken, or what is called ``logits`` in a dict or an object (of transformers, say),
    or the only tensor. Of a tuple skorch takes the first element; if there are several tensors, it
    must have a column for each class, or all must be of one shape.

    Parameters
    ----------
    output : object
        What the module has returned.
    n_classes : int
        Classes that are known, 0 if they are not; 2 for a net with one score, too.
    """
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, tuple | list):
        tensors = {str(i): part for i, part in enumerate(output) if isinstance(part, torch.Tensor)}
        first = output[0] if output else None
        if isinstance(first, torch.Tensor) and _is_right(first, list(tensors.values()), n_classes):
            return first
    else:
        parts = output if isinstance(output, Mapping) else getattr(output, "__dict__", {})
        tensors = {str(k): part for k, part in parts.items() if isinstance(part, torch.Tensor)}
        if isinstance(logits := parts.get("logits"), torch.Tensor):
            return logits
        if len(tensors) == 1:
            return next(iter(tensors.values()))
    shapes = ", ".join(f"{name}: {tuple(part.shape)}" for name, part in tensors.items())
    raise ValueError(
        f"The net's module must return a tensor of scores; got {type(output).__name__} with "
        f"{shapes or 'no tensor'}. {_CHOOSE}"
    )


def _is_right(first: torch.Tensor, tensors: list[torch.Tensor], n_classes: int) -> bool:
    """Whether the first of some tensors is what skorch's ``predict`` should take."""
    if len(tensors) == 1 or all(part.shape == first.shape for part in tensors):
        return True
    return first.ndim <= 2 and first.shape[1:] in ((n_classes,), *[(), (1,)] * (n_classes == 2))
