"""Diffusion denoised smoothing: one step of a diffusion model as the denoiser.

Carlini et al. (2023), "(Certified!!) Adversarial robustness for free!", ICLR, arXiv:2206.10550. A
diffusion model has learned to find the noise in images at every width of it. So one net serves any
sigma, and neither it nor the classifier is trained for smoothing.
"""

import math
from typing import Any

import torch
from torch import nn

from ..checks import is_real

__all__ = ["DiffusionDenoiser"]

_PREDICTS = ("noise", "image", "velocity")


class DiffusionDenoiser(nn.Module):
    r"""A denoiser that calls a diffusion model once, at the step whose noise has this sigma.

    For a row x in [0, 1] with noise, let :math:`z = \text{scale} \cdot x + \text{shift}`, in which
    the noise has the deviation :math:`s = \text{scale} \cdot \sigma`. The model was trained on
    :math:`\sqrt{\bar\alpha_t} z_0 + \sqrt{1 - \bar\alpha_t} \epsilon`, so t is taken where
    :math:`\sqrt{(1 - \bar\alpha_t) / \bar\alpha_t}` is nearest to s, and

    .. math:: \hat z_0 = z - \sqrt{(1 - \bar\alpha_t) / \bar\alpha_t} \;
        \epsilon_\theta(\sqrt{\bar\alpha_t} z, t),

    clipped to the range of images, and turned back into [0, 1].

    Parameters
    ----------
    unet : torch.nn.Module
        Called as ``unet(z, t)``, with t the number of the step in a tensor of shape (n_rows,). It
        returns a tensor of the shape of z, or one with more channels, the first of which are the
        prediction (those of guided-diffusion have the variance in the others), or an object with
        such a tensor as ``sample`` (UNet2DModel of diffusers). Nothing else of those libraries is
        needed, and nothing should be: their sampling steps draw noise of their own.
    alphas_cumprod : array-like of shape (n_steps,)
        :math:`\bar\alpha_t` of the schedule that the model was trained with, falling:
        ``diffusion.alphas_cumprod`` in guided-diffusion, ``scheduler.alphas_cumprod`` in diffusers.
    sigma : float
        Standard deviation of the noise on rows in [0, 1]: that of the smoother.
    scale, shift : float, default=2.0, -1.0
        What the model saw of an image x in training: ``scale * x + shift``.
    predicts : {"noise", "image", "velocity"}, default="noise"
        What the model's output is; "epsilon", "sample" and "v_prediction" in diffusers.
    label : int, default=None
        For a model that is conditioned on a class: the one to name for all rows, as third argument.

    Attributes
    ----------
    step : int
        Number of the step t.
    made_for_sigma : float
        The given sigma. Certifying warns if the smoother has another.

    See Also
    --------
    Denoised : Puts it in front of a classifier.

    Notes
    -----
    Any sigma is sound, as any fixed function of the noisy row is: what is certified is the smoothed
    version of denoiser and classifier together. The published program draws noise inside, as wide
    as that of the next step; here t is the nearest step, and nothing is drawn.

    Examples
    --------
    >>> import torch
    >>> from sksmooth.nets import Denoised, DiffusionDenoiser, LeNet
    >>> class Nothing(torch.nn.Module):  # finds no noise
    ...     def forward(self, z, t):
    ...         return torch.zeros_like(z)
    >>> alphas_cumprod = torch.linspace(0.9999, 0.98, 1000).cumprod(dim=0)
    >>> denoiser = DiffusionDenoiser(Nothing(), alphas_cumprod, sigma=0.25)
    >>> denoiser.step
    144
    >>> Denoised(denoiser, LeNet())(torch.rand(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """

    def __init__(
        self,
        unet: nn.Module,
        alphas_cumprod: Any,
        sigma: float,
        *,
        scale: float = 2.0,
        shift: float = -1.0,
        predicts: str = "noise",
        label: int | None = None,
    ) -> None:
        super().__init__()
        kept = torch.as_tensor(alphas_cumprod).detach().cpu().double()
        whole = kept.ndim == 1 and len(kept) > 0 and bool(((kept > 0) & (kept <= 1)).all())
        if not whole or bool((kept.diff() > 0).any()):
            raise ValueError(
                "alphas_cumprod must be a falling sequence of numbers in (0, 1], one for each step "
                f"of the schedule; got shape {tuple(kept.shape)}, from {kept.max():g} to "
                f"{kept.min():g}. It is the cumulative product of 1 - beta."
                if kept.numel()
                else "alphas_cumprod is empty; expected one number in (0, 1] for each step."
            )
        for name, value in (("sigma", sigma), ("scale", scale)):
            if not (is_real(value) and 0 < value < math.inf):
                raise ValueError(f"{name} must be a positive number; got {value!r}.")
        if predicts not in _PREDICTS:
            raise ValueError(f"predicts must be one of {list(_PREDICTS)}; got {predicts!r}.")
        self.unet = unet
        self.made_for_sigma, self.scale, self.shift = float(sigma), float(scale), float(shift)
        self.predicts, self.label = predicts, label
        widths = ((1 - kept) / kept).sqrt()
        most = float(widths[-1]) / self.scale
        if self.made_for_sigma > 1.01 * most:
            raise ValueError(
                f"sigma={sigma:g} is more noise than the schedule has: it goes up to {most:.3g}, "
                f"at scale={scale:g}."
            )
        self.step = int((widths - self.scale * self.made_for_sigma).abs().argmin())
        self._kept = float(kept[self.step])

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return denoised images, in [0, 1] and of the shape of X."""
        low, high = self.shift, self.scale + self.shift
        z = self.scale * X + self.shift
        image, noise = math.sqrt(self._kept), math.sqrt(1 - self._kept)
        found = self._predicted(image * z)
        if self.predicts == "noise":
            clean = z - noise / image * found
        elif self.predicts == "velocity":  # image * noise found - noise * image found
            clean = image * image * z - noise * found
        else:
            clean = found
        return (clean.clamp(low, high) - self.shift) / self.scale

    def _predicted(self, z: torch.Tensor) -> torch.Tensor:
        t = torch.full((len(z),), self.step, device=z.device)
        labels = () if self.label is None else (torch.full_like(t, self.label),)
        found: Any = self.unet(z, t, *labels)
        if not isinstance(found, torch.Tensor):
            found = found[0] if isinstance(found, tuple) else getattr(found, "sample", found)
        if isinstance(found, torch.Tensor) and found.ndim == z.ndim:
            found = found[:, : z.shape[1]]
        if not isinstance(found, torch.Tensor) or found.shape != z.shape:
            got = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
            raise ValueError(
                f"The diffusion model must return a tensor of shape {tuple(z.shape)}, or with more "
                f"channels; got {got}."
            )
        return found

    def extra_repr(self) -> str:
        """Return the settings, for the module's representation."""
        return f"sigma={self.made_for_sigma:g}, step={self.step}, predicts={self.predicts!r}"
