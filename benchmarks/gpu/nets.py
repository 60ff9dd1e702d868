"""The nets of the paper's experiments. Weights are random: they do not change the time."""

import dataclasses
from collections.abc import Callable

import torch
from torch import nn

from ..speed.nets import _Block

__all__ = ["CASES", "Case", "ResNet"]


class ResNet(nn.Sequential):
    """A ResNet of 6n + 2 layers for small images (He et al. 2016, Section 4.2)."""

    def __init__(self, n: int) -> None:
        widths = [16] * n + [32] * n + [64] * n
        blocks = [_Block(*pair) for pair in zip([16, *widths], widths, strict=False)]
        super().__init__(
            nn.Conv2d(3, 16, 3, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            *blocks,
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(64, 10),
        )


@dataclasses.dataclass(frozen=True)
class Case:
    """A net and the images that it is for.

    Parameters
    ----------
    title : str
        For the table.
    module : callable
        Makes the net.
    shape : tuple of int
        Shape of an image.
    n_classes : int
        Number of classes.
    batch_sizes : tuple of int
        Among which the fastest is taken; they divide 100,000, and are whole blocks of noise.
    paper_seconds : float
        Time to certify an image with n = 100,000 on an RTX 2080 Ti (arXiv:1902.02918, Section 4).
    target_seconds : float
        What it should take on an H100 in bfloat16.
    """

    title: str
    module: Callable[[], torch.nn.Module]
    shape: tuple[int, ...]
    n_classes: int
    batch_sizes: tuple[int, ...]
    paper_seconds: float
    target_seconds: float

    def shrunk(self) -> "Case":
        """Return what a processor can run in seconds."""
        module = self.module if self.n_classes > 10 else lambda: ResNet(1)
        title = f"{self.title}, shrunk"
        return dataclasses.replace(
            self, title=title, module=module, shape=(3, 32, 32), batch_sizes=(8, 16)
        )


def _resnet50() -> torch.nn.Module:
    from torchvision.models import resnet50

    return resnet50(weights=None)


CASES = {
    "cifar10": Case(
        "ResNet-110, 3x32x32",
        lambda: ResNet(18),
        (3, 32, 32),
        10,
        (800, 4000),
        paper_seconds=15,
        target_seconds=0.5,
    ),
    "imagenet": Case(
        "ResNet-50, 3x224x224",
        _resnet50,
        (3, 224, 224),
        1000,
        (80, 160, 400),
        paper_seconds=110,
        target_seconds=30,
    ),
}
