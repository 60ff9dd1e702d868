"""Gaussian augmentation: cross-entropy of noisy rows."""

from numbers import Integral
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import Interval
from torch.nn import functional

from .base import NoiseSource, Objective, copies, scores_of

__all__ = ["GaussianAugmentation"]


class GaussianAugmentation(Objective):
    r"""Cross-entropy under noise: how Cohen et al. (2019) train.

    .. math:: L = -\log f_y(x + \varepsilon), \quad \varepsilon \sim N(0, \sigma^2 I).

    The baseline of all others. A plain skorch net inside `SmoothedClassifier` is trained so too.

    Parameters
    ----------
    m : int, default=1
        Draws for each row, all of them in one step of the optimizer.

    References
    ----------
    .. [1] J. Cohen, E. Rosenfeld and J. Z. Kolter (2019). "Certified Adversarial Robustness via
       Randomized Smoothing". ICML. arXiv:1902.02918, Section 3.3.

    Examples
    --------
    >>> import torch
    >>> from sksmooth.objectives import GaussianAugmentation
    >>> module = torch.nn.Linear(2, 3)
    >>> X, y = torch.zeros(5, 2), torch.zeros(5, dtype=torch.int64)
    >>> noise = lambda like: 0.5 * torch.randn_like(like)
    >>> loss = GaussianAugmentation().forward(module, X, y, noise, sigma=0.5)
    >>> loss.backward()
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "m": [Interval(Integral, 1, None, closed="left")]
    }

    def __init__(self, m: int = 1) -> None:
        self.m = m

    def forward(
        self,
        module: torch.nn.Module,
        X: torch.Tensor,
        y: torch.Tensor,
        noise: NoiseSource,
        sigma: float | torch.Tensor,
    ) -> torch.Tensor:
        """Return the loss of a batch; parameters are those of `Objective.forward`."""
        rows = copies(X, self.m)
        return functional.cross_entropy(scores_of(module, rows + noise(rows)), copies(y, self.m))
