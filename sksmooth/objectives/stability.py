"""Stability training: the same answer with noise as without."""

from numbers import Real
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import Interval
from torch.nn import functional

from .base import NoiseSource, Objective, scores_of

__all__ = ["StabilityTraining"]


class StabilityTraining(Objective):
    r"""Cross-entropy of clean rows, and agreement of noisy ones with them.

    .. math:: L = -\log f_y(x) - \lambda \sum_c f_c(x) \log f_c(x + \varepsilon)

    with f the softmax. Gradients flow through both. Li et al. (2019) [1]_ bring stability training
    to certified robustness; the default `lam` is that of the MNIST and CIFAR-10 runs of [2]_.

    Parameters
    ----------
    lam : float or Schedule, default=2.0
        Weight of the agreement; 0 trains on clean rows alone.

    References
    ----------
    .. [1] B. Li, C. Chen, W. Wang and L. Carin (2019). "Certified Adversarial Robustness with
       Additive Noise". NeurIPS. arXiv:1809.03113.
    .. [2] J. Jeong and J. Shin (2020). "Consistency Regularization for Certified Robustness of
       Smoothed Classifiers". NeurIPS. arXiv:2006.04062.

    Examples
    --------
    >>> import torch
    >>> from sksmooth.objectives import StabilityTraining
    >>> module = torch.nn.Linear(2, 3)
    >>> X, y = torch.zeros(5, 2), torch.zeros(5, dtype=torch.int64)
    >>> noise = lambda like: 0.5 * torch.randn_like(like)
    >>> loss = StabilityTraining(lam=1.0).forward(module, X, y, noise, sigma=0.5)
    >>> loss.backward()
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "lam": [Interval(Real, 0, None, closed="left")]
    }

    def __init__(self, lam: Any = 2.0) -> None:
        self.lam = lam

    def forward(
        self,
        module: torch.nn.Module,
        X: torch.Tensor,
        y: torch.Tensor,
        noise: NoiseSource,
        sigma: float | torch.Tensor,
    ) -> torch.Tensor:
        """Return the loss of a batch; parameters are those of `Objective.forward`."""
        noisy = scores_of(module, X + noise(X))
        clean = scores_of(module, X)
        disagreement = functional.cross_entropy(noisy, functional.softmax(clean, dim=1))
        return functional.cross_entropy(clean, y) + self.lam * disagreement
