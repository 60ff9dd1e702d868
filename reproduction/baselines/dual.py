"""The dual bound of Wong et al. (2018, arXiv 1805.12514), by its authors' convex_adversarial."""

import torch
from convex_adversarial import DualNetwork, robust_loss
from torch import Tensor, nn

from .search import differences

__all__ = ["Dual", "dual_loss"]


class Dual:
    """Lower bounds of the margins of one image in an L2 ball, exact norms and no projections.

    Parameters
    ----------
    net : torch.nn.Sequential
        Convolutions whose strides leave no remainder (its transposes have no output padding),
        dense layers and ReLU.
    """

    def __init__(self, net: nn.Sequential) -> None:
        self._net = net
        self._dtype = next(net.parameters()).dtype

    def __call__(self, x: Tensor, label: int, radius: float) -> Tensor:
        """Return a lower bound of each margin of the label's score over another one's."""
        x = x[None].to(self._dtype)
        with torch.no_grad():
            dual = DualNetwork(self._net, x, radius, norm_type="l2")
            margins = differences(label, self._net(x).shape[1])[None].to(self._dtype)
            return dual(margins)[0]


def dual_loss(net: nn.Sequential, x: Tensor, y: Tensor, radius: float, projections: int) -> Tensor:
    """Return their training loss: cross entropy of the bounds, estimated by random projections."""
    return robust_loss(net, radius, x, y, norm_type="l2_normal", proj=projections)[0]
