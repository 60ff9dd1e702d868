"""Denoised smoothing: a denoiser in front of a classifier that stays as it is.

Salman et al. (2020), "Denoised smoothing: a provable defense for pretrained classifiers", NeurIPS,
arXiv:2003.01908. A classifier that has never seen noise answers noisy images badly. With a denoiser
in front the two together are a base classifier like any other, and what is certified is the
smoothed version of both.
"""

import torch
from torch import nn

from ..objectives.base import NoiseSource, Objective, scores_of

__all__ = ["Denoised", "DenoiserMSE", "DenoiserStability", "DnCNN"]


class Denoised(nn.Module):
    """A classifier behind a denoiser; only the denoiser is trained.

    Parameters
    ----------
    denoiser : torch.nn.Module
        Gives for a batch of noisy inputs one of the same shape.
    classifier : torch.nn.Module
        Gives scores for clean inputs. It is frozen, in place: its parameters get no gradients, and
        it stays in evaluation mode.

    Examples
    --------
    >>> import torch
    >>> from sksmooth.nets import Denoised, DnCNN, LeNet
    >>> both = Denoised(DnCNN(depth=3, width=8, in_channels=1), LeNet()).train()
    >>> both(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    >>> both.denoiser.training, both.classifier.training
    (True, False)
    """

    def __init__(self, denoiser: nn.Module, classifier: nn.Module) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.classifier = classifier.requires_grad_(False).eval()

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return the classifier's scores of the denoised inputs."""
        return self.classifier(self.denoiser(X))

    def train(self, mode: bool = True) -> "Denoised":
        """Set the denoiser's mode; the classifier stays in evaluation mode."""
        super().train(mode)
        self.classifier.eval()
        return self


class DnCNN(nn.Module):
    """A denoiser that predicts the noise, and takes it off: 3 x 3 convolutions all the way.

    The net of Zhang et al. [1]_ with the sizes that Salman et al. (2020) use: 17 layers of 64
    channels, no offsets but in the first layer, batch normalisation in between with an epsilon of
    1e-4, orthogonal initial weights, and zeros in the last layer, so that training starts from the
    identity. The names of the parameters are those of their checkpoints.

    Parameters
    ----------
    depth : int, default=17
        Convolutions.
    width : int, default=64
        Channels between them.
    in_channels : int, default=3
        Channels of the images, which may have any height and width.

    Notes
    -----
    Running statistics are averaged with torch's default momentum of 0.1. The original code has
    0.95, by which they are little more than those of the last batch, however small that is. It
    matters in training only.

    References
    ----------
    .. [1] K. Zhang, W. Zuo, Y. Chen, D. Meng and L. Zhang (2017). "Beyond a Gaussian denoiser:
       residual learning of deep CNN for image denoising". IEEE Transactions on Image Processing
       26(7), 3142-3155. arXiv:1608.03981.

    Examples
    --------
    >>> import torch
    >>> from sksmooth.nets import DnCNN
    >>> image = torch.rand(1, 3, 8, 8)
    >>> torch.equal(DnCNN(depth=4, width=8)(image), image)
    True
    """

    def __init__(self, depth: int = 17, width: int = 64, in_channels: int = 3) -> None:
        super().__init__()
        if depth < 2:
            raise ValueError(f"depth must be at least 2; got {depth}.")
        first = nn.Conv2d(in_channels, width, 3, padding=1)
        last = nn.Conv2d(width, in_channels, 3, padding=1, bias=False)
        layers: list[nn.Module] = [first, nn.ReLU()]
        for _ in range(depth - 2):
            layers += [
                nn.Conv2d(width, width, 3, padding=1, bias=False),
                nn.BatchNorm2d(width, eps=1e-4),
                nn.ReLU(),
            ]
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.orthogonal_(layer.weight)
        nn.init.zeros_(first.bias)
        nn.init.zeros_(last.weight)
        self.dncnn = nn.Sequential(*layers, last)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return denoised images of the shape of X."""
        return X - self.dncnn(X)


class DenoiserMSE(Objective):
    r"""Mean squared error of the denoised row: a denoiser for any classifier.

    .. math:: L = \frac{1}{d} \lVert D(x + \varepsilon) - x \rVert_2^2

    for rows of d values. Salman et al. (2020), Section 3.2, arXiv:2003.01908: the classifier does
    not take part, so that one denoiser serves all classifiers.

    Attributes
    ----------
    None

    Examples
    --------
    >>> import torch
    >>> from sksmooth.nets import Denoised, DenoiserMSE
    >>> module = Denoised(torch.nn.Linear(2, 2), torch.nn.Linear(2, 3))
    >>> X, y = torch.zeros(5, 2), torch.zeros(5, dtype=torch.int64)
    >>> noise = lambda like: 0.5 * torch.randn_like(like)
    >>> DenoiserMSE().forward(module, X, y, noise, sigma=0.5).backward()
    """

    def forward(
        self,
        module: nn.Module,
        X: torch.Tensor,
        y: torch.Tensor,
        noise: NoiseSource,
        sigma: float | torch.Tensor,
    ) -> torch.Tensor:
        """Return the loss of a batch; `module` is a `Denoised`, others as of `Objective`."""
        return nn.functional.mse_loss(_denoised(module).denoiser(X + noise(X)).to(X.dtype), X)


class DenoiserStability(Objective):
    r"""Cross-entropy of the denoised row against the class of the clean one.

    .. math:: L = -\log f_c(D(x + \varepsilon)), \quad c = \arg\max_k f_k(x)

    with f the softmax of the frozen classifier. Salman et al. (2020), Section 3.2,
    arXiv:2003.01908. It needs no labels. They start from a denoiser trained with `DenoiserMSE`. For
    a classifier without gradients, train with another one, and put the denoiser in front of the
    first afterwards. With the true labels in place of c, it is `GaussianAugmentation` of the
    whole module.

    Attributes
    ----------
    None

    Examples
    --------
    >>> import torch
    >>> from sksmooth.nets import Denoised, DenoiserStability
    >>> module = Denoised(torch.nn.Linear(2, 2), torch.nn.Linear(2, 3))
    >>> X, y = torch.zeros(5, 2), torch.zeros(5, dtype=torch.int64)
    >>> noise = lambda like: 0.5 * torch.randn_like(like)
    >>> DenoiserStability().forward(module, X, y, noise, sigma=0.5).backward()
    """

    def forward(
        self,
        module: nn.Module,
        X: torch.Tensor,
        y: torch.Tensor,
        noise: NoiseSource,
        sigma: float | torch.Tensor,
    ) -> torch.Tensor:
        """Return the loss of a batch; `module` is a `Denoised`, others as of `Objective`."""
        with torch.no_grad():
            target = _denoised(module).classifier(X).argmax(dim=1)
        return nn.functional.cross_entropy(scores_of(module, X + noise(X)), target)


def _denoised(module: nn.Module) -> Denoised:
    """Return the `Denoised` in a module that may be in DataParallel, or compiled."""
    inner = module
    for wrapper in ("module", "_orig_mod", "module"):
        inner = getattr(inner, wrapper, inner)
    if not isinstance(inner, Denoised):
        raise ValueError(
            f"This objective trains the denoiser of a Denoised(denoiser, classifier); got a "
            f"{type(module).__name__}."
        )
    return inner
