"""LeNet for MNIST, in the variant that papers on smoothing train."""

import torch
from torch import nn

__all__ = ["LeNet"]


class LeNet(nn.Module):
    """Two 5 x 5 convolutions of 20 and 50 channels, each pooled, and two dense layers, 500 wide.

    This is not LeNet-5 as published in 1998, but the larger variant that Caffe made common. Jeong
    and Shin (2020, arXiv:2006.04062) and Jeong et al. (2021, arXiv:2111.09277) train it on MNIST,
    with images in [0, 1] and no standardisation; the names of the parameters are theirs.

    Parameters
    ----------
    n_classes : int, default=10
        Number of outputs.
    in_channels : int, default=1
        Channels of the images, which have 28 x 28 pixels.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio and P. Haffner (1998). "Gradient-based learning applied to
       document recognition". Proceedings of the IEEE 86(11), 2278-2324.

    Examples
    --------
    >>> import torch
    >>> from sksmooth.nets import LeNet
    >>> net = LeNet()
    >>> net(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    >>> sum(p.numel() for p in net.parameters())
    431080
    """

    def __init__(self, n_classes: int = 10, in_channels: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 20, 5)
        self.conv2 = nn.Conv2d(20, 50, 5)
        self.fc1 = nn.Linear(50 * 4 * 4, 500)
        self.fc2 = nn.Linear(500, n_classes)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return scores of shape (n_samples, n_classes)."""
        out = nn.functional.max_pool2d(torch.relu(self.conv1(X)), 2)
        out = nn.functional.max_pool2d(torch.relu(self.conv2(out)), 2)
        return self.fc2(torch.relu(self.fc1(out.flatten(1))))
