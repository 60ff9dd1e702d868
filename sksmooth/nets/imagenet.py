"""torchvision's classifiers of ImageNet with their standardisation as the first layer."""

from typing import Any

from torch import nn

from .normalize import IMAGENET, normalizer

__all__ = ["imagenet_names", "imagenet_net"]


def imagenet_net(
    name: str = "resnet50",
    *,
    normalize: str = "standardize",
    weights: Any = None,
    n_classes: int = 1000,
) -> nn.Sequential:
    """Return a model of torchvision behind a layer that standardises.

    torchvision's own weights were trained on standardised images. With that step inside, the net
    takes images in [0, 1], noise is added to these, and radii are in their units (Appendix J.2 of
    Cohen et al. 2019, arXiv:1902.02918).

    Parameters
    ----------
    name : str, default="resnet50"
        As of ``torchvision.models.get_model``.
    normalize : {"standardize", "center", "none"}, default="standardize"
        What the first layer does with ImageNet's means and standard deviations.
    weights : default=None
        Weights, as torchvision takes them: "DEFAULT" downloads its best. None starts afresh.
    n_classes : int, default=1000
        Number of outputs.

    Returns
    -------
    module : torch.nn.Sequential
        The normalising layer and the model.

    Examples
    --------
    >>> from sksmooth.nets import imagenet_net
    >>> net = imagenet_net("resnet18", n_classes=10)
    >>> sorted(net.state_dict())[:3]
    ['0.mean', '0.std', '1.bn1.bias']
    """
    from torchvision.models import get_model  # half a second, and only these nets need it

    model = get_model(name, weights=weights, num_classes=n_classes)
    return nn.Sequential(normalizer(normalize, IMAGENET), model)


def imagenet_names() -> list[str]:
    """Return the names that `imagenet_net` takes.

    Returns
    -------
    names : list of str
        Of torchvision's classifiers of single images.

    Examples
    --------
    >>> from sksmooth.nets import imagenet_names
    >>> "resnet50" in imagenet_names()
    True
    """
    from torchvision import models

    return models.list_models(module=models)
