"""MACER: the certified radius itself, in a form that has gradients."""

from numbers import Integral, Real
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import Interval
from torch.nn import functional

from .base import NoiseSource, Objective, copies, log_mean_softmax, scores_of

__all__ = ["MACER"]


class MACER(Objective):
    r"""Cross-entropy of the averaged softmax, less the radius that it certifies.

    Let :math:`\bar f` be the softmax averaged over m draws, and :math:`\bar f^\beta` that of scores
    multiplied by :math:`\beta`, which is nearer to counting votes. With the margin
    :math:`\xi = \Phi^{-1}(\bar f^\beta_y) - \Phi^{-1}(\max_{c \ne y} \bar f^\beta_c)`, a row's loss
    is [1]_

    .. math:: L = -\log \bar f_y + \lambda \frac\sigma2 (\gamma - \xi) \,
        \mathbf 1[0 < \xi \le \gamma].

    Parameters
    ----------
    lam : float or Schedule, default=12.0
        Weight of the radius. The paper's models have 12 (CIFAR-10 at sigma 0.25 and 1.0), 4 (0.5),
        16 (MNIST at 0.25 and 0.5), 6 (1.0). ``Deferred(16.0, 30)`` adds the radius only when the
        net has learned its task, which is far more stable.
    gamma : float, default=8.0
        Margins above it, in standard deviations, count no more.
    beta : float, default=16.0
        Inverse temperature of the softmax in the radius.
    m : int, default=16
        Draws for each row (k in the paper).

    Notes
    -----
    Only rows whose averaged softmax is right have a radius to be made larger. Where sigma is given
    per feature, radii are in standard deviations, and the factor sigma is 1.

    References
    ----------
    .. [1] R. Zhai, C. Dan, D. He, H. Zhang, B. Gong, P. Ravikumar, C.-J. Hsieh and L. Wang (2020).
       "MACER: Attack-free and Scalable Robust Training via Maximizing Certified Radius". ICLR.
       arXiv:2001.02378.

    Examples
    --------
    >>> import torch
    >>> from sksmooth.objectives import MACER
    >>> module = torch.nn.Linear(2, 3)
    >>> X, y = torch.zeros(5, 2), torch.zeros(5, dtype=torch.int64)
    >>> noise = lambda like: 0.5 * torch.randn_like(like)
    >>> loss = MACER(lam=4.0).forward(module, X, y, noise, sigma=0.5)
    >>> loss.backward()
    """

    norms = ("l2",)
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "lam": [Interval(Real, 0, None, closed="left")],
        "gamma": [Interval(Real, 0, None, closed="neither")],
        "beta": [Interval(Real, 0, None, closed="neither")],
        "m": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self, lam: Any = 12.0, gamma: float = 8.0, beta: float = 16.0, m: int = 16
    ) -> None:
        self.lam = lam
        self.gamma = gamma
        self.beta = beta
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
        scores = scores_of(module, rows + noise(rows))
        loss = functional.nll_loss(log_mean_softmax(scores, self.m), y)
        if self.lam == 0:
            return loss
        radius = 1.0 if isinstance(sigma, torch.Tensor) and sigma.ndim > 0 else sigma
        hinge = self._hinge(log_mean_softmax(self.beta * scores, self.m).exp(), y)
        # over all rows, not over those in the sum: a batch with few of them counts less
        return loss + self.lam * radius / 2 * hinge / len(X)

    def _hinge(self, average: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """Return the sum of gamma less the margin, over the rows where that is within reach."""
        top, labels = average.topk(2, dim=1)
        with torch.no_grad():
            margin = torch.special.ndtri(top[:, 0]) - torch.special.ndtri(top[:, 1])
            # a probability that was rounded to 1 or 0 has no finite margin, and no gradient
            counts = (labels[:, 0] == y) & (margin <= self.gamma)
        # chosen before the quantile is taken: a gradient of infinity times zero is not zero
        first, second = top[counts].unbind(dim=1)
        return (self.gamma + torch.special.ndtri(second) - torch.special.ndtri(first)).sum()
