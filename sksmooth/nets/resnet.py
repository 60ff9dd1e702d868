"""Residual nets for CIFAR: Section 4.2 of He et al. (2016), arXiv:1512.03385.

Names and shapes of the parameters are those of the checkpoints of Cohen et al. (2019), and so of
most papers on smoothing since. Two things differ there from the text of He et al.: the shortcut of
a block that changes the size is a 1 x 1 convolution with batch normalisation (their option B, where
their CIFAR nets use option A, without parameters), and the first block of a bottleneck net has such
a shortcut as well.
"""

import torch
from torch import nn

__all__ = ["BasicBlock", "Bottleneck", "CifarResNet"]


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut around them.

    Parameters
    ----------
    n_in, n_mid : int
        Channels that come in, and of the convolutions.
    stride : int, default=1
        Step of the first convolution; 2 halves height and width.

    Examples
    --------
    >>> import torch
    >>> from sksmooth.nets.resnet import BasicBlock
    >>> BasicBlock(16, 32, stride=2)(torch.zeros(1, 16, 8, 8)).shape
    torch.Size([1, 32, 4, 4])
    """

    expansion = 1

    def __init__(self, n_in: int, n_mid: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = _conv(n_in, n_mid, 3, stride)
        self.bn1 = nn.BatchNorm2d(n_mid)
        self.conv2 = _conv(n_mid, n_mid, 3)
        self.bn2 = nn.BatchNorm2d(n_mid)
        self.downsample = _shortcut(n_in, n_mid, stride)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return feature maps of `n_mid` channels."""
        out = torch.relu(self.bn1(self.conv1(X)))
        out = self.bn2(self.conv2(out))
        return torch.relu(out + (X if self.downsample is None else self.downsample(X)))


class Bottleneck(nn.Module):
    """Convolutions of 1 x 1, 3 x 3 and 1 x 1 pixels, the last one four times as wide; a shortcut.

    Parameters
    ----------
    n_in, n_mid : int
        Channels that come in, and of the first two convolutions.
    stride : int, default=1
        Step of the 3 x 3 convolution.

    Examples
    --------
    >>> import torch
    >>> from sksmooth.nets.resnet import Bottleneck
    >>> Bottleneck(16, 8)(torch.zeros(1, 16, 8, 8)).shape
    torch.Size([1, 32, 8, 8])
    """

    expansion = 4

    def __init__(self, n_in: int, n_mid: int, stride: int = 1) -> None:
        super().__init__()
        n_out = n_mid * self.expansion
        self.conv1 = _conv(n_in, n_mid, 1)
        self.bn1 = nn.BatchNorm2d(n_mid)
        self.conv2 = _conv(n_mid, n_mid, 3, stride)
        self.bn2 = nn.BatchNorm2d(n_mid)
        self.conv3 = _conv(n_mid, n_out, 1)
        self.bn3 = nn.BatchNorm2d(n_out)
        self.downsample = _shortcut(n_in, n_out, stride)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return feature maps of ``4 * n_mid`` channels."""
        out = torch.relu(self.bn1(self.conv1(X)))
        out = torch.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return torch.relu(out + (X if self.downsample is None else self.downsample(X)))


class CifarResNet(nn.Module):
    """A residual net for images of 32 x 32 pixels: three stages of 16, 32 and 64 channels.

    Parameters
    ----------
    depth : int, default=20
        Layers with weights on the longest path, ``6 n + 2`` for basic blocks (20, 32, 44, 56, 110)
        and ``9 n + 2`` for bottlenecks.
    n_classes : int, default=10
        Number of outputs.
    in_channels : int, default=3
        Channels of the images.
    block : {"basic", "bottleneck"}, default="basic"
        Kind of block.

    Notes
    -----
    It does not standardise its inputs; put `NormalizeLayer` in front, as `make_architecture` does.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren and J. Sun (2016). "Deep residual learning for image
       recognition". CVPR. arXiv:1512.03385.

    Examples
    --------
    >>> import torch
    >>> from sksmooth.nets import CifarResNet
    >>> net = CifarResNet(depth=20)
    >>> net(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    >>> sum(p.numel() for p in net.parameters())
    272474
    """

    def __init__(
        self, depth: int = 20, n_classes: int = 10, in_channels: int = 3, block: str = "basic"
    ) -> None:
        super().__init__()
        if block not in ("basic", "bottleneck"):
            raise ValueError(f"block must be 'basic' or 'bottleneck'; got {block!r}.")
        kind: type[BasicBlock | Bottleneck] = BasicBlock if block == "basic" else Bottleneck
        layers = 6 if block == "basic" else 9
        n, rest = divmod(depth - 2, layers)
        if n < 1 or rest:
            raise ValueError(
                f"depth must be {layers} n + 2 for {block} blocks, such as {3 * layers + 2} or "
                f"{9 * layers + 2}; got {depth}."
            )
        self.conv1 = _conv(in_channels, 16, 3)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(kind, 16, 16, n, 1)
        self.layer2 = _stage(kind, 16 * kind.expansion, 32, n, 2)
        self.layer3 = _stage(kind, 32 * kind.expansion, 64, n, 2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)  # of all 8 x 8 positions, for images of 32 x 32
        self.fc = nn.Linear(64 * kind.expansion, n_classes)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):  # of He et al. (2015), arXiv:1502.01852
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return scores of shape (n_samples, n_classes)."""
        out = torch.relu(self.bn1(self.conv1(X)))
        out = self.layer3(self.layer2(self.layer1(out)))
        return self.fc(self.avgpool(out).flatten(1))


def _conv(n_in: int, n_out: int, size: int, stride: int = 1) -> nn.Conv2d:
    # the normalisation that follows has an offset of its own
    return nn.Conv2d(n_in, n_out, size, stride, padding=size // 2, bias=False)


def _shortcut(n_in: int, n_out: int, stride: int) -> nn.Sequential | None:
    if stride == 1 and n_in == n_out:
        return None
    return nn.Sequential(_conv(n_in, n_out, 1, stride), nn.BatchNorm2d(n_out))


def _stage(
    kind: type[BasicBlock | Bottleneck], n_in: int, n_mid: int, n_blocks: int, stride: int
) -> nn.Sequential:
    n_out = n_mid * kind.expansion
    rest = [kind(n_out, n_mid) for _ in range(n_blocks - 1)]
    return nn.Sequential(kind(n_in, n_mid, stride), *rest)
