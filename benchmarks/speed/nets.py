"""The nets of the benchmark. Weights are random: they do not change the time."""

import torch
from torch import nn

__all__ = ["MLP", "Linear", "ResNet20", "SmallCNN"]


class Linear(nn.Sequential):
    """One dense layer on an image: next to nothing beside its noise."""

    def __init__(self, n_values: int = 3 * 32 * 32) -> None:
        super().__init__(nn.Flatten(), nn.Linear(n_values, 10))


class MLP(nn.Sequential):
    """One hidden layer of 128 on 1 x 28 x 28: noise costs as much as the net."""

    def __init__(self) -> None:
        super().__init__(nn.Flatten(), nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10))


class SmallCNN(nn.Sequential):
    """Two convolutions on 1 x 28 x 28."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv2d(1, 8, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16 * 7 * 7, 10),
        )


class ResNet20(nn.Sequential):
    """The ResNet-20 of He et al. (2016) for 3 x 32 x 32, with 1 x 1 convolutions as shortcuts."""

    def __init__(self) -> None:
        widths = [16] * 3 + [32] * 3 + [64] * 3
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


class _Block(nn.Module):
    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        stride = 1 if before == after else 2
        self.body = nn.Sequential(
            nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
            nn.Conv2d(after, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
        )
        self.shortcut = nn.Conv2d(before, after, 1, stride=2, bias=False) if stride == 2 else None

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        same = X if self.shortcut is None else self.shortcut(X)
        return torch.relu(self.body(X) + same)
