"""Standardising inputs inside a net: noise, and so radii, stay in the units of the inputs.

Noise is added to what the net is given. If the net's first layer standardises, that is the image
itself; if the data are standardised beforehand, sigma and radii are in other units, and in
different ones for each channel (Appendix J.2 of Cohen et al. 2019, arXiv:1902.02918).
"""

from collections.abc import Sequence

import torch
import torch.fx
from torch import nn

__all__ = ["CIFAR10", "IMAGENET", "CenterLayer", "NormalizeLayer", "normalizer"]

Constants = tuple[Sequence[float], Sequence[float]]

# means and standard deviations of the channels, as the paper's code base has them
CIFAR10 = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class NormalizeLayer(nn.Module):
    """Subtract a mean from each channel and divide by a standard deviation.

    Parameters
    ----------
    mean : sequence of float of shape (n_channels,)
        Subtracted, in the units of the inputs.
    std : sequence of float of shape (n_channels,)
        Divided by; positive.

    Attributes
    ----------
    mean, std : torch.Tensor of shape (n_channels,)
        Buffers: they move with the module and are part of its state dict.

    Notes
    -----
    The channels are the second axis of a batch; there may be any number of axes after it, or none,
    as for tables.

    Examples
    --------
    >>> import torch
    >>> from sksmooth.nets import NormalizeLayer
    >>> layer = NormalizeLayer([0.5, 1.0], [0.5, 2.0])
    >>> layer(torch.tensor([[1.0, 1.0], [0.5, 5.0]]))
    tensor([[1., 0.],
            [0., 2.]])
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", _per_channel("mean", mean))
        self.register_buffer("std", _per_channel("std", std))
        if self.mean.shape != self.std.shape:
            raise ValueError(
                f"mean and std must have one value per channel each; got {len(self.mean)} and "
                f"{len(self.std)}."
            )
        if not torch.all(self.std > 0):
            raise ValueError(f"std must be positive; got {self.std.tolist()}.")

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Standardise a batch of shape (n_samples, n_channels, ...)."""
        return (X - _along(self.mean, X)) / _along(self.std, X)

    def extra_repr(self) -> str:
        """Return the constants, for the module's repr."""
        return f"mean={_shown(self.mean)}, std={_shown(self.std)}"


class CenterLayer(nn.Module):
    """Subtract a mean from each channel, and leave the scale as it is.

    The checkpoints of Salman et al. (2019, arXiv:1906.04584) have this layer in front, those of
    Cohen et al. (2019) have `NormalizeLayer`; their files do not tell which.

    Parameters
    ----------
    mean : sequence of float of shape (n_channels,)
        Subtracted, in the units of the inputs.

    Attributes
    ----------
    mean : torch.Tensor of shape (n_channels,)
        A buffer, as of `NormalizeLayer`.

    Examples
    --------
    >>> import torch
    >>> from sksmooth.nets import CenterLayer
    >>> CenterLayer([0.5])(torch.tensor([[[0.5, 1.0]]]))
    tensor([[[0.0000, 0.5000]]])
    """

    mean: torch.Tensor

    def __init__(self, mean: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", _per_channel("mean", mean))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Centre a batch of shape (n_samples, n_channels, ...)."""
        return X - _along(self.mean, X)

    def extra_repr(self) -> str:
        """Return the constants, for the module's repr."""
        return f"mean={_shown(self.mean)}"


def normalizer(kind: str, constants: Constants | None = None) -> nn.Module:
    """Return a layer for the front of a net.

    Parameters
    ----------
    kind : {"standardize", "center", "none"}
        Subtract means and divide by standard deviations; subtract means only; leave inputs alone.
    constants : tuple of two sequences of float, default=None
        Means and standard deviations of the channels, such as `CIFAR10`.

    Returns
    -------
    layer : torch.nn.Module
        `NormalizeLayer`, `CenterLayer` or ``torch.nn.Identity``.

    Examples
    --------
    >>> from sksmooth.nets import CIFAR10, normalizer
    >>> normalizer("center", CIFAR10)
    CenterLayer(mean=[0.4914, 0.4822, 0.4465])
    """
    if kind not in ("standardize", "center", "none"):
        raise ValueError(f"normalize must be 'standardize', 'center' or 'none'; got {kind!r}.")
    if kind == "none":
        return nn.Identity()
    if constants is None:
        raise ValueError(f"normalize={kind!r}, but the means and deviations are not known.")
    mean, std = constants
    return NormalizeLayer(mean, std) if kind == "standardize" else CenterLayer(mean)


def _per_channel(name: str, values: Sequence[float]) -> torch.Tensor:
    tensor = torch.as_tensor(values, dtype=torch.float32).clone()
    if tensor.ndim != 1 or not len(tensor) or not torch.all(torch.isfinite(tensor)):
        raise ValueError(
            f"{name} must be a sequence of finite numbers, one for each channel; got {values!r}."
        )
    return tensor


torch.fx.wrap("_along")  # symbolic tracing, as for folding, must not look at shapes


def _along(values: torch.Tensor, X: torch.Tensor) -> torch.Tensor:
    """Return the channels' values in a shape that goes with a batch."""
    if X.ndim < 2 or X.shape[1] != len(values):
        # broadcasting would spread one channel's constants over several, or over pixels
        raise ValueError(
            f"Expected batches of shape (n_samples, {len(values)}, ...), with {len(values)} "
            f"channels on the second axis; got {tuple(X.shape)}."
        )
    return values.reshape(-1, *[1] * (X.ndim - 2))


def _shown(values: torch.Tensor) -> list[float]:
    return [round(value, 6) for value in values.tolist()]
