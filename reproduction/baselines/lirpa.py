"""CROWN (Zhang et al. 2018, arXiv 1811.00866), and Fast-Lin, as auto-LiRPA computes them."""

import importlib
import sys
import types
import warnings
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from .search import differences

__all__ = ["Crown", "load"]


def load() -> Any:
    """Return the module ``auto_LiRPA``, version 0.3, on versions of torch and numpy of today.

    It was written for torch < 1.13. Five names that it uses have moved or gone since. They are put
    back where it looks for them, none of them in its bounds: four serve to trace a net through
    torch.onnx, one is an import of ``numpy.isin``.
    """
    if "auto_LiRPA" in sys.modules:
        return sys.modules["auto_LiRPA"]
    if importlib.util.find_spec("numpy.lib.arraysetops") is None:
        moved = types.ModuleType("numpy.lib.arraysetops")
        moved.isin = np.isin  # type: ignore[attr-defined]
        sys.modules[moved.__name__] = moved
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        helper = importlib.import_module("torch.onnx.symbolic_helper")
        utils = importlib.import_module("torch.onnx.utils")
        exporter = "torch.onnx._internal.torchscript_exporter"
        if not hasattr(utils, "_optimize_graph"):
            utils._optimize_graph = importlib.import_module(f"{exporter}.utils")._optimize_graph
        if not hasattr(helper, "_set_opset_version"):
            settings = importlib.import_module(f"{exporter}._globals").GLOBALS

            def set_opset_version(version: int) -> None:
                settings.export_onnx_opset_version = version

            helper._set_opset_version = set_opset_version
        if not hasattr(torch._C.Node, "__getitem__"):
            torch._C.Node.__getitem__ = lambda node, name: getattr(node, node.kindOf(name))(name)
        library = importlib.import_module("auto_LiRPA")
    members = library.BoundedModule._named_members

    def named_members(
        self: Any, get: Any, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Any:
        return members(self, get, prefix, recurse)

    library.BoundedModule._named_members = named_members
    return library


class Crown:
    """Lower bounds of the margins of one image in an L2 ball, backward through every layer.

    Parameters
    ----------
    net : torch.nn.Sequential
        Convolutions without padding, whose bounds would be loose in version 0.3 (it counts the
        weights that lie on the padding), dense layers and ReLU. Floats of either precision.
    shape : tuple of int
        Of an image.
    slope : {"adaptive", "same-slope"}
        Lower line of an undecided ReLU: through 0 with slope 0 or 1, as in CROWN, or parallel to
        the upper line, as in Fast-Lin (Weng et al. 2018) and so in Wong and Kolter (2018).
    """

    def __init__(self, net: nn.Sequential, shape: tuple[int, ...], slope: str = "adaptive") -> None:
        self._library = load()
        self._dtype = next(net.parameters()).dtype
        options = {"relu": slope, "conv_mode": "patches"}
        with warnings.catch_warnings(), _default(self._dtype):
            warnings.simplefilter("ignore")
            example = torch.zeros(1, *shape)
            self._net = self._library.BoundedModule(net, example, bound_opts=options)

    def __call__(self, x: Tensor, label: int, radius: float) -> Tensor:
        """Return a lower bound of each margin of the label's score over another one's."""
        ball = self._library.PerturbationLpNorm(norm=2, eps=radius)
        with torch.no_grad(), _default(self._dtype):
            x = self._library.BoundedTensor(x[None].to(self._dtype), ball)
            margins = differences(label, self._net(x).shape[1])[None].to(self._dtype)
            lower, _ = self._net.compute_bounds(
                x=(x,), C=margins, method="backward", bound_upper=False
            )
        return lower[0]


class _default:  # noqa: N801
    """Make a type of floats the default for a while: auto-LiRPA makes identities of that type."""

    def __init__(self, dtype: torch.dtype) -> None:
        self._dtype = dtype

    def __enter__(self) -> None:
        self._before = torch.get_default_dtype()
        torch.set_default_dtype(self._dtype)

    def __exit__(self, *exception: object) -> None:
        torch.set_default_dtype(self._before)
