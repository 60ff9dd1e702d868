"""SmoothMix: less confidence on the way to points that the average gets wrong."""

from numbers import Integral, Real
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import Interval
from torch.nn import functional

from .attack import check_box, pgd, project
from .base import NoiseSource, Objective, copies, log_mean_softmax, scores_of

__all__ = ["SmoothMix"]


class SmoothMix(Objective):
    r"""Cross-entropy of noisy rows, and calibration along the adversarial direction.

    An attack on the average over noise takes x to :math:`\hat x`, without a bound on the distance.
    A point in the first half of the way, with t uniform in [0, 1/2], is to have that much less
    confidence [1]_: with f the softmax, :math:`\bar f` its mean over the m draws, u the uniform
    distribution on the classes and

    .. math:: x^{mix} = (1 - t) x + t \hat x, \qquad p^{mix} = (1 - t) \bar f(x) + t u,

    the loss is

    .. math:: L = \frac1m \sum_i \left[ -\log f_y(x + \varepsilon_i) + \eta
        \, \mathbf 1[\bar f(x) \text{ is right}] \, \mathrm{KL}(p^{mix} \,\|\,
        f(x^{mix} + \varepsilon_i)) \right].

    Parameters
    ----------
    eta : float or Schedule, default=5.0
        Weight of the mixed points. The paper's models have 5 on CIFAR-10, 1 or 5 on MNIST, and
        warm up over ten epochs: ``Warmup(5.0, 10)``.
    steps : int, default=4
        Steps of the attack.
    step_size : float, default=None
        Length of each step, in the units of X; in standard deviations where sigma is given per
        feature. None means twice sigma: on CIFAR-10 the paper has 0.5, 1 and 2 at sigma 0.25, 0.5
        and 1. On MNIST it has 1 throughout, with 3, 4 and 8 steps.
    m : int, default=4
        Draws for each row. The paper has 4 on MNIST and 2 on CIFAR-10.
    mix_step : int, default=0
        Steps of the attack after which x is taken for both terms of the loss. 1 is the paper's
        "one-step adversary".
    mix_norm : float or Schedule, default=None
        Largest distance of that x; None means ``mix_step * step_size``. The authors warm it up.
    box : (float, float), default=None
        Keeps the attacked points, before noise, within these values, as the authors do with (0, 1).
        Rows must be within it. None clips nothing.

    Notes
    -----
    The attack runs in evaluation mode, and the loss in training mode. Gradients flow through
    :math:`p^{mix}` too, as in the authors' code. There a batch of 256 makes m steps of the
    optimizer, with 256 / m rows each; here it makes one. So ``batch_size=256 // m`` is their
    recipe.

    References
    ----------
    .. [1] J. Jeong, S. Park, M. Kim, H.-C. Lee, D.-G. Kim and J. Shin (2021). "SmoothMix: Training
       Confidence-calibrated Smoothed Classifiers for Certified Robustness". NeurIPS.
       arXiv:2111.09277.

    Examples
    --------
    >>> import torch
    >>> from sksmooth.objectives import SmoothMix
    >>> module = torch.nn.Linear(2, 3)
    >>> X, y = torch.zeros(5, 2), torch.zeros(5, dtype=torch.int64)
    >>> noise = lambda like: 0.5 * torch.randn_like(like)
    >>> SmoothMix(eta=1.0).forward(module, X, y, noise, sigma=0.5).backward()
    """

    norms = ("l2",)
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "eta": [Interval(Real, 0, None, closed="left")],
        "steps": [Interval(Integral, 1, None, closed="left")],
        "step_size": [Interval(Real, 0, None, closed="neither"), None],
        "m": [Interval(Integral, 1, None, closed="left")],
        "mix_step": [Interval(Integral, 0, None, closed="left")],
        "mix_norm": [Interval(Real, 0, None, closed="left"), None],
        "box": [tuple, list, None],
    }

    def __init__(
        self,
        eta: Any = 5.0,
        steps: int = 4,
        step_size: Any = None,
        m: int = 4,
        *,
        mix_step: int = 0,
        mix_norm: Any = None,
        box: Any = None,
    ) -> None:
        self.eta = eta
        self.steps = steps
        self.step_size = step_size
        self.m = m
        self.mix_step = mix_step
        self.mix_norm = mix_norm
        self.box = box

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
        near, far = self.endpoints(module, X, y, draws, sigma)
        scores = scores_of(module, copies(near, self.m) + draws)
        loss = functional.cross_entropy(scores, copies(y, self.m))
        average = log_mean_softmax(scores, self.m).exp()

        t = torch.rand(len(X), dtype=X.dtype, device=X.device) / 2
        mixed = torch.lerp(near, far, t.reshape(-1, *[1] * (X.ndim - 1)))
        share = t[:, None].to(average)
        target = (1 - share) * average + share / average.shape[1]
        answers = functional.log_softmax(scores_of(module, copies(mixed, self.m) + draws), dim=1)
        divergence = functional.kl_div(answers, copies(target, self.m), reduction="none").sum(1)
        right = copies(average.argmax(dim=1) == y, self.m)
        return loss + self.eta * (right * divergence).mean()

    def endpoints(
        self,
        module: torch.nn.Module,
        X: torch.Tensor,
        y: torch.Tensor,
        draws: torch.Tensor,
        sigma: float | torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the two ends of the way on which rows are mixed, without noise.

        Parameters
        ----------
        module : torch.nn.Module
            Gives raw scores; attacked in evaluation mode, and its mode comes back.
        X : tensor of shape (n, *shape)
            Rows.
        y : tensor of shape (n,), int64
            True classes.
        draws : tensor of shape (n_draws, *shape)
            Noise, that of a row side by side.
        sigma : float or tensor
            Standard deviation of the noise; a tensor sets the unit of length of each feature.

        Returns
        -------
        near : tensor of the shape of X
            The rows, or where the attack is after `mix_step` steps, at most `mix_norm` away.
        far : tensor of the shape of X
            Where the attack ends.
        """
        options: dict[str, Any] = {"sigma": sigma, "box": check_box(self.box, X)}
        size = self.step_size
        if size is None:
            size = 2.0 if isinstance(sigma, torch.Tensor) and sigma.ndim > 0 else 2.0 * sigma
        first = min(self.mix_step, self.steps)
        begun = pgd(module, X, y, draws, steps=first, step_size=size, **options)
        rest = {"steps": self.steps - first, "step_size": size, "start": begun}
        far = pgd(module, X, y, draws, **rest, **options)
        norm = first * size if self.mix_norm is None else self.mix_norm
        return project(begun, X, norm, sigma), far
