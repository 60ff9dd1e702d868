"""A net's module in another form that runs faster: what is certified then is that form.

Each changes the module's arithmetic by rounding, and so the base classifier where two scores nearly
tie. How much that is cannot be bounded for a net, so these forms are only used on request, and both
`predict` and `certify` use them.
"""

import collections
import copy
import itertools
import weakref
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.fx.experimental.optimization import fuse

from ...introspection.fingerprint import fingerprint
from ..base import Backend
from .backend import SkorchBackend
from .votes import scores_in

__all__ = ["VARIANTS", "in_variant"]

# in the order in which they are applied
VARIANTS = ("fold", "channels_last", "bfloat16", "compile")

_PROBES = 200  # noisy rows on which a form is compared with the module

# forms that exist already, by module: compiling takes a minute
_made: weakref.WeakKeyDictionary[torch.nn.Module, dict[Any, Any]] = weakref.WeakKeyDictionary()


class _Form:
    """A copy of a module in evaluation mode, called in a given way."""

    def __init__(
        self,
        module: torch.nn.Module,
        names: Collection[str],
        device: torch.device,
        n_classes: int,
    ) -> None:
        module = copy.deepcopy(module).eval()
        if "fold" in names:
            _refuse_to_fold(module)
            module = fuse(module)
        self.layout = torch.channels_last if "channels_last" in names else torch.contiguous_format
        if "channels_last" in names:
            module = module.to(memory_format=torch.channels_last)
        self.device, self.half = device, "bfloat16" in names
        self.n_classes = n_classes
        self.module: Any = torch.compile(module, dynamic=False) if "compile" in names else module

    def __call__(self, X: torch.Tensor) -> Any:
        X = X.to(self.device)
        if X.ndim == 4:
            X = X.contiguous(memory_format=self.layout)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.half):
            output = self.module(X)
        if not self.half:
            return output
        # probabilities of bfloat16 would often tie
        return scores_in(output, self.n_classes).float()


def _refuse_to_fold(module: torch.nn.Module) -> None:
    """Refuse a module in which a layer whose weights change may be used a second time."""
    for name, part in module.named_modules():
        hooks = part._forward_hooks or part._forward_pre_hooks
        if hooks or "forward" in vars(part):
            what = "a hook" if hooks else "a forward of its own"
            raise ValueError(f"{name or 'the module'} has {what}, which folding would lose")
    nodes = list(torch.fx.symbolic_trace(module).graph.nodes)
    calls = collections.Counter(node.target for node in nodes if node.op == "call_module")
    for name, times in calls.items():
        part = module.get_submodule(name)
        if times > 1 and next(itertools.chain(part.parameters(), part.buffers()), None) is not None:
            raise ValueError(f"{name} is called {times} times, and folding would change each call")
    for node in nodes:
        owner = str(node.target).rpartition(".")[0]
        if node.op == "get_attr" and owner in calls:
            raise ValueError(f"{node.target} is read outside {owner}, and folding would change it")


def in_variant(
    backend: Backend, names: Collection[str], probes: Callable[[int], NDArray[np.floating]]
) -> SkorchBackend | None:
    """Return a backend that runs the net in another form; None if it is no plain net.

    Parameters
    ----------
    backend : Backend
        What the net runs on now.
    names : collection of str
        Some of `VARIANTS`: batch normalisation folded into convolutions; channels last in memory;
        autocast to bfloat16; ``torch.compile``.
    probes : callable
        Returns as many noisy rows as asked for. The form must score them as the module does, but
        for rounding.

    Raises
    ------
    ValueError
        If the module cannot be brought into that form, or scores otherwise in it.
    """
    if not isinstance(backend, SkorchBackend) or not backend.infers_plainly:
        return None
    module = backend.net.module_
    # tensors' own counts of versions miss what is done to their data
    content = fingerprint(module)
    row = probes(1)[0]
    forms, key = _made.setdefault(module, {}), (*names, row.shape, row.dtype.str)
    changed = copy.copy(backend)
    changed.constant_shape = backend.constant_shape or "compile" in names
    if key not in forms or forms[key][0] != content:
        length = min(_PROBES, backend.batch_rows(row))
        if "compile" in names:  # for each new length a compiler would start again
            length = 1 << (backend.batch_rows(row).bit_length() - 1)
        try:
            changed.call = form = _Form(module, names, backend.device, backend.n_classes)
            _compare(backend, changed, names, probes(length))
        except Exception as error:
            raise ValueError(
                f"The module cannot be run with shortcuts={tuple(names)}: {error}. Leave out what "
                "does not work."
            ) from error
        forms[key] = content, form
    changed.call = forms[key][1]
    return changed


def _compare(
    backend: SkorchBackend, changed: SkorchBackend, names: Collection[str], rows: Any
) -> None:
    """Refuse a form whose scores differ from the module's by more than rounding explains."""
    with backend.running(), torch.no_grad():
        expected, scores = backend.scores(rows), changed.scores(rows)
    if scores.shape != expected.shape:
        raise ValueError(f"it returns shape {tuple(scores.shape)}, not {tuple(expected.shape)}")
    eps = torch.finfo(torch.bfloat16 if "bfloat16" in names else expected.dtype).eps
    if backend.device.type == "cuda":  # whose convolutions may keep ten bits
        eps = max(eps, 2.0**-10)
    finite = torch.isfinite(expected)
    expected, scores = expected[finite].double(), scores[finite].double()
    if not len(expected):
        return  # sampling says more about that
    size = expected.abs().max()
    # half of the digits are left to the layers
    difference = (scores - expected).abs().max()
    if not difference <= eps**0.5 * size:
        raise ValueError(
            f"its scores differ from the module's by up to {difference:.3g}, where the largest is "
            f"{size:.3g}; rounding explains {eps**0.5 * size:.3g} at most"
        )
