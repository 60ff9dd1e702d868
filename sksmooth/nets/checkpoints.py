"""Weights that somebody saved, into modules and into nets that can be certified.

The files of the authors of papers on smoothing are dictionaries with "arch", "epoch", "state_dict"
and "optimizer". The names in their state dicts vary with how the module was nested: behind a
normalising layer ("1.conv1.weight"; its constants are not in the file), in DataParallel
("1.module.conv1.weight"), or compiled. Here names are matched apart from that; all else must fit.
"""

import os
import pickle
import re
from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn

from .architectures import channel_constants, make_architecture
from .normalize import CenterLayer, NormalizeLayer

__all__ = ["Checkpoint", "load_checkpoint", "read_checkpoint"]

State = dict[str, torch.Tensor]

_WRAPPERS = {"module", "_orig_mod"}  # of DataParallel and torch.compile
_NAMES = ("state_dict", "model_state_dict", "model", "net")
_SHOWN = 5

# scalars of numpy, such as the best accuracy so far, under the names that old and new files have
_SCALAR: Any = np.float64(0).__reduce__()[0]
_NUMBERS: list[Any] = [
    *((_SCALAR, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),
    np.dtype,
    *{type(np.dtype(kind)) for kind in "?bhilqBHILQefdg"},
]


class Checkpoint(NamedTuple):
    """Contents of the file of a trained net.

    Attributes
    ----------
    state_dict : dict of str to torch.Tensor
        Parameters and buffers, on the CPU.
    arch : str or None
        Name of the architecture, if the file says it.
    epoch : int or None
        Epochs of training, if the file says it.

    Examples
    --------
    >>> from sksmooth.nets import Checkpoint
    >>> Checkpoint({}, arch="cifar_resnet110", epoch=90).arch
    'cifar_resnet110'
    """

    state_dict: State
    arch: str | None
    epoch: int | None


def read_checkpoint(path: str | os.PathLike[str]) -> Checkpoint:
    """Read tensors and the name of an architecture from a file; nothing in it is executed.

    Parameters
    ----------
    path : str or path-like
        A file made by ``torch.save``: a dictionary with a "state_dict" (and "arch" and "epoch"), or
        a plain state dict.

    Returns
    -------
    checkpoint : Checkpoint
        ``state_dict``, on the CPU, ``arch`` and ``epoch``; None for those two if the file does not
        say.

    Raises
    ------
    ValueError
        If the file is no such thing.

    Examples
    --------
    >>> import tempfile, pathlib, torch
    >>> from sksmooth.nets import LeNet, read_checkpoint
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "checkpoint.pth.tar"
    >>> torch.save({"arch": "lenet", "epoch": 90, "state_dict": LeNet().state_dict()}, path)
    >>> checkpoint = read_checkpoint(path)
    >>> checkpoint.arch, checkpoint.epoch, len(checkpoint.state_dict)
    ('lenet', 90, 8)
    """
    try:
        # a pickle may run any code; weights_only refuses all but tensors and plain containers
        with torch.serialization.safe_globals(_NUMBERS):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, EOFError, RuntimeError, ValueError) as error:
        if "TorchScript" in str(error):
            raise ValueError(
                f"{os.fspath(path)!r} is a module of TorchScript, not a file of weights. Use it as "
                "it is: frozen_net(torch.jit.load(path))."
            ) from error
        what = re.search(r"GLOBAL (\S+) (?:was not an allowed global|whose module)", str(error))
        holds = (
            "damaged, or no file of torch.save"
            if what is None
            else (f"not plain: it holds a {what[1]}, which might run code")
        )
        raise ValueError(
            f"{os.fspath(path)!r} cannot be read as tensors and plain values: it is {holds}. If "
            "you trust it, load it yourself, torch.load(path, weights_only=False), and save the "
            "weights alone: torch.save(content['state_dict'], new_path). Of a whole module, "
            "save module.state_dict()."
        ) from error
    outer = content if isinstance(content, Mapping) else {}
    inner = [outer[name] for name in _NAMES if isinstance(outer.get(name), Mapping)]
    state = inner[0] if inner else outer
    others = [str(key) for key, value in state.items() if not isinstance(value, torch.Tensor)]
    if others or not state:
        found = ", ".join(others[:_SHOWN]) or f"a {type(content).__name__} without tensors"
        raise ValueError(
            f"{os.fspath(path)!r} has no state dict: expected a dictionary of tensors by name, or "
            f"one under the key 'state_dict'; found {found}."
        )
    arch, epoch = outer.get("arch"), outer.get("epoch")
    return Checkpoint(
        dict(state),
        arch if isinstance(arch, str) else None,
        int(epoch) if isinstance(epoch, Integral) else None,
    )


def load_checkpoint(
    path: str | os.PathLike[str],
    module: nn.Module | None = None,
    *,
    normalize: str | None = None,
    n_classes: int | None = None,
) -> nn.Module:
    """Load weights from a file into a module.

    Parameters
    ----------
    path : str or path-like
        As of `read_checkpoint`.
    module : torch.nn.Module, default=None
        Changed in place. None makes the one that the file's "arch" names.
    normalize : {"standardize", "center", "none"}, default=None
        What that module's first layer does; the file does not tell. "standardize" for the CIFAR and
        ImageNet checkpoints of Cohen et al. (2019), Jeong and Shin (2020) and most others; "center"
        for those of Salman et al. (2019); not needed for MNIST. **The wrong one makes a net that
        works, but badly**: compare its accuracy with the published one.
    n_classes : int, default=None
        Number of outputs of that module; see `make_architecture`.

    Returns
    -------
    module : torch.nn.Module
        In evaluation mode.

    Raises
    ------
    ValueError
        If not all names and shapes fit; the message says which do not. The module is then
        unchanged.

    Notes
    -----
    The constants of a `NormalizeLayer` or `CenterLayer` may be missing in the file; then those of
    the module stay.

    Examples
    --------
    >>> import tempfile, pathlib, torch
    >>> from sksmooth.nets import LeNet, load_checkpoint
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "checkpoint.pth.tar"
    >>> saved = torch.nn.Sequential(torch.nn.Identity(), torch.nn.DataParallel(LeNet()))
    >>> torch.save({"arch": "lenet", "epoch": 90, "state_dict": saved.state_dict()}, path)
    >>> sorted(load_checkpoint(path).state_dict())[:2]
    ['1.conv1.bias', '1.conv1.weight']
    """
    checkpoint = read_checkpoint(path)
    if module is None:
        if checkpoint.arch is None:
            raise ValueError(
                f"{os.fspath(path)!r} does not name its architecture: pass the module to load into."
            )
        if normalize is None and channel_constants(checkpoint.arch) is not None:
            raise ValueError(
                f"{os.fspath(path)!r} does not say what the first layer of {checkpoint.arch} does: "
                "pass normalize='standardize' (Cohen et al. 2019 and most others), 'center' "
                "(Salman et al. 2019) or 'none'."
            )
        module = make_architecture(checkpoint.arch, normalize=normalize, n_classes=n_classes)
    state = _named_for(module, checkpoint.state_dict, os.fspath(path))
    module.load_state_dict(state, strict=False)  # only what may be missing is
    return module.eval()


def _named_for(module: nn.Module, state: State, path: str) -> State:
    """Return the tensors of a file by the module's names for them."""
    wanted = module.state_dict()
    name_of = _without_wrappers(wanted)
    tensors = {name: state[key] for name, key in _without_wrappers(state).items()}
    groups = [{n for n, key in name_of.items() if key in keys} for keys in _optional(module)]
    optional = set().union(*groups)
    fits = []
    for rename in _renamings(list(tensors), [name for name in name_of if name not in optional]):
        renamed = {rename(name): tensor for name, tensor in tensors.items()}
        # all constants of a layer, or none
        begun = set().union(*(group for group in groups if group & renamed.keys()))
        needed = [name for name in name_of if name not in optional or name in begun]
        missing = [name for name in needed if name not in renamed]
        unexpected = [name for name in renamed if name not in name_of]
        reshaped = [
            f"{name} {tuple(tensor.shape)} instead of {tuple(wanted[name_of[name]].shape)}"
            for name, tensor in renamed.items()
            if name in name_of and tensor.shape != wanted[name_of[name]].shape
        ]
        if not (missing or unexpected or reshaped):
            return {name_of[name]: tensor for name, tensor in renamed.items()}
        fits.append((missing, unexpected, reshaped, len(renamed)))
    missing, unexpected, reshaped, n = min(fits, key=lambda fit: sum(map(len, fit[:3])))
    faults = {
        "in the module but not in the file": missing,
        "in the file but not in the module": unexpected,
        "of another shape": reshaped,
    }
    listed = "; ".join(f"{what}: {_listed(names)}" for what, names in faults.items() if names)
    raise ValueError(
        f"{path!r} does not fit {type(module).__name__}: {n - len(unexpected) - len(reshaped)} of "
        f"{n} tensors do. {listed[0].upper()}{listed[1:]}.{_hint(list(tensors), list(name_of))}"
    )


def _without_wrappers(names: Mapping[str, Any]) -> dict[str, str]:
    """Return the given names by what they are without DataParallel and torch.compile."""
    short = {
        ".".join(part for part in name.split(".") if part not in _WRAPPERS): name for name in names
    }
    return short if len(short) == len(names) else {name: name for name in names}


def _optional(module: nn.Module) -> list[set[str]]:
    """Return names of tensors that need not be in a file; of each set, either all are or none."""
    names = []
    for path, part in module.named_modules():
        prefix = f"{path}." if path else ""
        if isinstance(part, NormalizeLayer | CenterLayer):
            names.append({prefix + name for name, _ in part.named_buffers()})
        if isinstance(part, nn.modules.batchnorm._BatchNorm):  # files of before torch 0.4.1
            names.append({f"{prefix}num_batches_tracked"})
    return names


def _renamings(found: list[str], wanted: list[str]) -> list[Callable[[str], str]]:
    """Return ways to rename what a file has that might make it fit."""
    ours, theirs = _common_front(wanted), _common_front(found)
    ways: list[Callable[[str], str]] = [lambda name: name]
    if ours:  # a bare net, into one with a normalising layer in front
        ways.append(lambda name: f"{ours}.{name}")
    # a number says that there was a layer in front, which must not be forgotten
    if theirs and not theirs.isdigit():
        ways.append(lambda name: name.removeprefix(f"{theirs}."))
        if ours:
            ways.append(lambda name: f"{ours}.{name.removeprefix(f'{theirs}.')}")
    return ways


def _common_front(names: list[str]) -> str:
    fronts = {name.partition(".")[0] for name in names if "." in name}
    return fronts.pop() if len(fronts) == 1 and all("." in name for name in names) else ""


def _hint(found: list[str], wanted: list[str]) -> str:
    front = _common_front(found)
    if front.isdigit() and {name.partition(".")[2] for name in found} & set(wanted):
        return (
            f" All names in the file begin with {front!r}: its net had a layer in front, such as "
            "one that standardises, whose constants are not in the file. Put it there: "
            "nn.Sequential(NormalizeLayer(mean, std), net), or nn.Identity() for none."
        )
    return ""


def _listed(names: list[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
