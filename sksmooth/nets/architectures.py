"""Nets by the names that checkpoints call them by, each with its normalising layer in front."""

from collections.abc import Callable
from functools import partial

from torch import nn

from .denoised import DnCNN
from .imagenet import imagenet_names, imagenet_net
from .lenet import LeNet
from .normalize import CIFAR10, IMAGENET, Constants, normalizer
from .resnet import CifarResNet

__all__ = ["ARCHITECTURES", "channel_constants", "make_architecture"]

# those of the code bases of papers on smoothing; models of torchvision come in by their own names
ARCHITECTURES: dict[str, Callable[..., nn.Module]] = {
    "lenet": LeNet,
    **{f"cifar_resnet{depth}": partial(CifarResNet, depth) for depth in (20, 32, 44, 56, 110)},
}
_DENOISERS = {"cifar_dncnn": 64, "cifar_dncnn_wide": 128, "imagenet_dncnn": 64}


def make_architecture(
    name: str, *, normalize: str | None = None, n_classes: int | None = None
) -> nn.Module:
    """Return a net with fresh weights.

    Parameters
    ----------
    name : str
        "lenet" (MNIST); "cifar_resnet20", 32, 44, 56 or 110; "cifar_dncnn", "cifar_dncnn_wide" or
        "imagenet_dncnn" (denoisers); or a classifier of torchvision, such as "resnet50".
    normalize : {"standardize", "center", "none"}, default=None
        What the first layer does with the channels' means and standard deviations (see
        `normalizer`). None standardises images of CIFAR and ImageNet, and not those of MNIST, as
        Cohen et al. (2019) and Jeong and Shin (2020) do.
    n_classes : int, default=None
        Number of outputs; None for 1000 of torchvision's models and 10 of others.

    Returns
    -------
    module : torch.nn.Module
        A ``torch.nn.Sequential`` of the normalising layer and the net, which takes images in
        [0, 1]; denoisers come as they are.

    Examples
    --------
    >>> from sksmooth.nets import make_architecture
    >>> [type(layer).__name__ for layer in make_architecture("cifar_resnet20")]
    ['NormalizeLayer', 'CifarResNet']
    """
    if name in _DENOISERS:
        return DnCNN(width=_DENOISERS[name])
    constants = channel_constants(name)
    kind = normalize or ("none" if constants is None else "standardize")
    if name in ARCHITECTURES:
        net = ARCHITECTURES[name](n_classes=n_classes or 10)
        return nn.Sequential(normalizer(kind, constants), net)
    return imagenet_net(name, normalize=kind, n_classes=n_classes or 1000)


def channel_constants(name: str) -> Constants | None:
    """Return means and deviations of the images that a net of this name is for; None for MNIST.

    Parameters
    ----------
    name : str
        As of `make_architecture`.

    Returns
    -------
    constants : tuple of two sequences of float, or None
        For `normalizer`.

    Examples
    --------
    >>> from sksmooth.nets.architectures import channel_constants
    >>> channel_constants("resnet50")[0]
    (0.485, 0.456, 0.406)
    """
    if name in _DENOISERS or name == "lenet":
        return None
    if name in ARCHITECTURES:
        return CIFAR10
    if name in imagenet_names():
        return IMAGENET
    raise ValueError(
        f"There is no architecture {name!r}; known are {', '.join([*ARCHITECTURES, *_DENOISERS])} "
        "and the classifiers of torchvision. Build the module yourself, and pass it."
    )
