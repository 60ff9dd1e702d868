"""A net's module in another form that runs faster: what is certified then is that form.

Each changes the module's arithmetic by rounding, and so the base classifier where two scores nearly
tie. How much that is cannot be bounded for a net, so these forms are only used on request, and both
`predict` and `certify` use them.
"""

import copy
import weakref
from collections.abc import Collection
from typing import Any

import torch
from torch.fx.experimental.optimization import fuse

from ..fingerprint import fingerprint
from .base import Backend
from .skorch import SkorchBackend

__all__ = ["VARIANTS", "in_variant"]

# in the order in which they are applied
VARIANTS = ("fold", "channels_last", "bfloat16", "compile")

# forms that exist already, by module: compiling takes a minute
_made: weakref.WeakKeyDictionary[torch.nn.Module, dict[Any, Any]] = weakref.WeakKeyDictionary()


class _Form:
    """A copy of a module in evaluation mode, called in a given way."""

    def __init__(
        self, module: torch.nn.Module, names: Collection[str], device: torch.device
    ) -> None:
        module = copy.deepcopy(module).eval()
        if "fold" in names:
            module = fuse(module)
        self.layout = torch.channels_last if "channels_last" in names else torch.contiguous_format
        if "channels_last" in names:
            module = module.to(memory_format=torch.channels_last)
        self.device, self.half = device, "bfloat16" in names
        self.module: Any = torch.compile(module, dynamic=False) if "compile" in names else module

    def __call__(self, X: torch.Tensor) -> Any:
        X = X.to(self.device)
        if X.ndim == 4:
            X = X.contiguous(memory_format=self.layout)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.half):
            return self.module(X)


def in_variant(backend: Backend, names: Collection[str]) -> SkorchBackend | None:
    """Return a backend that runs the net in another form; None if it is no plain net.

    Parameters
    ----------
    backend : Backend
        What the net runs on now.
    names : collection of str
        Some of `VARIANTS`: batch normalisation folded into convolutions; channels last in memory;
        autocast to bfloat16; ``torch.compile``.

    Raises
    ------
    ValueError
        If the module cannot be brought into that form.
    """
    if not isinstance(backend, SkorchBackend) or not backend.infers_plainly:
        return None
    module = backend.net.module_
    # tensors' own counts of versions miss what is done to their data
    content = fingerprint(module)
    forms, key = _made.setdefault(module, {}), tuple(names)
    if key not in forms or forms[key][0] != content:
        try:
            forms[key] = content, _Form(module, names, backend.device)
        except Exception as error:
            raise ValueError(
                f"The module cannot be run with shortcuts={tuple(names)}: {error}. Leave out what "
                "does not work."
            ) from error
    changed = copy.copy(backend)
    changed.call = forms[key][1]
    changed.constant_shape = backend.constant_shape or "compile" in names
    return changed
