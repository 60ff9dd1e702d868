"""Consistency: one answer for all noise draws."""

from numbers import Integral, Real
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import HasMethods, Interval
from torch.nn import functional

from .base import NoiseSource, Objective, copies, log_mean_softmax, scores_of

__all__ = ["Consistency"]


class Consistency(Objective):
    r"""Cross-entropy of noisy rows, and agreement between the draws of a row.

    With f the softmax and :math:`\bar f` its mean over the m draws [1]_,

    .. math:: L = \frac1m \sum_i \left[ -\log f_y(x + \varepsilon_i)
        + \lambda \, \mathrm{KL}(\bar f \,\|\, f(x + \varepsilon_i)) \right] + \eta H(\bar f).

    Parameters
    ----------
    lam : float or Schedule, default=10.0
        Weight of the agreement. The paper's models have 5, 10 and 20; on MNIST [2]_ takes 10 at
        sigma 0.25 and 5 at 0.5 and 1.0, and 25 or more collapses.
    eta : float or Schedule, default=0.5
        Weight of the entropy of the mean, which keeps it from the undecided middle.
    m : int, default=2
        Draws for each row.
    adversary : SmoothAdv, default=None
        Moves the rows first, with the same draws; its own m means nothing here. None leaves rows as
        they are. The authors' best models on MNIST at sigma 0.5 combine the two.

    Notes
    -----
    In the authors' code a batch of 256 makes m steps of the optimizer, with 256 / m rows each; here
    it makes one. So ``batch_size=256 // m`` is their recipe.

    References
    ----------
    .. [1] J. Jeong and J. Shin (2020). "Consistency Regularization for Certified Robustness of
       Smoothed Classifiers". NeurIPS. arXiv:2006.04062.
    .. [2] J. Jeong, S. Park, M. Kim, H.-C. Lee, D.-G. Kim and J. Shin (2021). "SmoothMix: Training
       Confidence-calibrated Smoothed Classifiers for Certified Robustness". NeurIPS.
       arXiv:2111.09277.

    Examples
    --------
    >>> import torch
    >>> from sksmooth.objectives import Consistency, SmoothAdv
    >>> module = torch.nn.Linear(2, 3)
    >>> X, y = torch.zeros(5, 2), torch.zeros(5, dtype=torch.int64)
    >>> noise = lambda like: 0.5 * torch.randn_like(like)
    >>> Consistency(lam=5.0).forward(module, X, y, noise, sigma=0.5).backward()
    >>> both = Consistency(lam=1.0, m=4, adversary=SmoothAdv(epsilon=0.5, steps=2))
    >>> both.forward(module, X, y, noise, sigma=0.5).backward()
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "lam": [Interval(Real, 0, None, closed="left")],
        "eta": [Interval(Real, 0, None, closed="left")],
        "m": [Interval(Integral, 2, None, closed="left")],
        "adversary": [HasMethods(["perturb"]), None],
    }

    def __init__(
        self, lam: Any = 10.0, eta: Any = 0.5, m: int = 2, *, adversary: Any = None
    ) -> None:
        self.lam = lam
        self.eta = eta
        self.m = m
        self.adversary = adversary

    @property
    def norms(self) -> tuple[str, ...] | None:  # type: ignore[override]
        """Norms in which the adversary measures lengths."""
        return getattr(self.adversary, "norms", None)

    def forward(
        self,
        module: torch.nn.Module,
        X: torch.Tensor,
        y: torch.Tensor,
        noise: NoiseSource,
        sigma: float | torch.Tensor,
    ) -> torch.Tensor:
        """Return the loss of a batch; parameters are those of `Objective.forward`."""
        draws = noise(copies(X, self.m))
        if self.adversary is not None:
            X = self.adversary.perturb(module, X, y, draws, sigma)
        scores = scores_of(module, copies(X, self.m) + draws)
        log_mean = log_mean_softmax(scores, self.m)
        entropy = -(log_mean.exp() * log_mean).sum(dim=1).mean()
        # KL(mean || each) is the cross-entropy of the two less the entropy of the mean
        crossed = functional.cross_entropy(scores, copies(log_mean.exp(), self.m))
        agreement = self.lam * (crossed - entropy) + self.eta * entropy
        return functional.cross_entropy(scores, copies(y, self.m)) + agreement
