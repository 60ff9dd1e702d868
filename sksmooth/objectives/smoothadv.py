"""SmoothAdv: adversarial training of the smoothed classifier."""

from numbers import Integral, Real
from typing import Any, ClassVar

import torch
from sklearn.utils._param_validation import Interval, StrOptions
from torch.nn import functional

from .attack import check_box, ddn, pgd
from .base import NoiseSource, Objective, copies, scores_of

__all__ = ["SmoothAdv"]


class SmoothAdv(Objective):
    r"""Cross-entropy of noisy rows at the point near x that is worst for the average over noise.

    .. math:: \hat x = \arg\max_{\|x' - x\|_2 \le \epsilon}
        -\log \frac1m \sum_i f_y(x' + \varepsilon_i), \qquad
        L = -\frac1m \sum_i \log f_y(\hat x + \varepsilon_i)

    with f the softmax and the same m draws in both [1]_.

    Parameters
    ----------
    epsilon : float or Schedule, default=1.0
        Largest distance of the attack, in the units of X; in standard deviations where sigma is
        given per feature. The authors' models on images have 0.25 to 2, and warm up over ten
        epochs: ``Warmup(1.0, 10)``.
    steps : int, default=10
        Steps of the attack.
    m : int, default=4
        Draws for each row.
    attack : {"pgd", "ddn"}, default="pgd"
        "pgd" takes steps of a fixed length. "ddn" looks for the smallest step that makes the
        average wrong, and stays within `epsilon` too [2]_.
    step_size : float, default=None
        Length of a step of "pgd"; None means ``2 * epsilon / steps``.
    gamma : float, default=0.05
        By which part "ddn" changes the norm from step to step.
    box : (float, float), default=None
        Keeps the attacked point, before noise, within these values, as the authors do with (0, 1).
        Rows must be within it. None clips nothing: the certificate does not either.

    Notes
    -----
    The attack runs in evaluation mode, and the loss in training mode, as in the authors' code.
    There a batch of 256 makes m steps of the optimizer, with 256 / m rows each; here it makes one.
    So ``batch_size=256 // m`` is their recipe.

    Two things differ from the code for "ddn". A row for which no wrong point was found is trained
    at the last point, not at x. The step length starts at `epsilon` rather than at 1, which for
    pixels in [0, 1] are alike, so that the units of X do not matter.

    References
    ----------
    .. [1] H. Salman, G. Yang, J. Li, P. Zhang, H. Zhang, I. Razenshteyn and S. Bubeck (2019).
       "Provably Robust Deep Learning via Adversarially Trained Smoothed Classifiers". NeurIPS.
       arXiv:1906.04584.
    .. [2] J. Rony, L. G. Hafemann, L. S. Oliveira, I. Ben Ayed, R. Sabourin and E. Granger (2019).
       "Decoupling Direction and Norm for Efficient Gradient-Based L2 Adversarial Attacks and
       Defenses". CVPR. arXiv:1811.09600.

    Examples
    --------
    >>> import torch
    >>> from sksmooth.objectives import SmoothAdv
    >>> module = torch.nn.Linear(2, 3)
    >>> X, y = torch.zeros(5, 2), torch.zeros(5, dtype=torch.int64)
    >>> noise = lambda like: 0.5 * torch.randn_like(like)
    >>> objective = SmoothAdv(epsilon=0.5, steps=4, m=2)
    >>> objective.forward(module, X, y, noise, sigma=0.5).backward()
    >>> moved = objective.perturb(module, X, y, noise(torch.zeros(10, 2)), sigma=0.5)
    >>> moved.norm(dim=1)  # the module is linear: each step goes the same way
    tensor([0.5000, 0.5000, 0.5000, 0.5000, 0.5000])
    """

    norms = ("l2",)
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "epsilon": [Interval(Real, 0, None, closed="left")],
        "steps": [Interval(Integral, 1, None, closed="left")],
        "m": [Interval(Integral, 1, None, closed="left")],
        "attack": [StrOptions({"pgd", "ddn"})],
        "step_size": [Interval(Real, 0, None, closed="neither"), None],
        "gamma": [Interval(Real, 0, 1, closed="neither")],
        "box": [tuple, list, None],
    }

    def __init__(
        self,
        epsilon: Any = 1.0,
        steps: int = 10,
        m: int = 4,
        *,
        attack: str = "pgd",
        step_size: Any = None,
        gamma: float = 0.05,
        box: Any = None,
    ) -> None:
        self.epsilon = epsilon
        self.steps = steps
        self.m = m
        self.attack = attack
        self.step_size = step_size
        self.gamma = gamma
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
        moved = self.perturb(module, X, y, draws, sigma)
        scores = scores_of(module, copies(moved, self.m) + draws)
        return functional.cross_entropy(scores, copies(y, self.m))

    def perturb(
        self,
        module: torch.nn.Module,
        X: torch.Tensor,
        y: torch.Tensor,
        draws: torch.Tensor,
        sigma: float | torch.Tensor,
    ) -> torch.Tensor:
        """Return the attacked rows, without noise.

        Parameters
        ----------
        module : torch.nn.Module
            Gives raw scores; attacked in evaluation mode, and its mode comes back.
        X : tensor of shape (n, *shape)
            Rows.
        y : tensor of shape (n,), int64
            True classes.
        draws : tensor of shape (n_draws, *shape)
            Noise, that of a row side by side; any m.
        sigma : float or tensor
            Standard deviation of the noise; a tensor sets the unit of length of each feature.

        Returns
        -------
        moved : tensor of the shape of X
            At most `epsilon` from X.

        Raises
        ------
        ValueError
            If rows lie outside `box`.
        """
        box = check_box(self.box, X)
        if self.epsilon == 0:
            return X
        options: dict[str, Any] = {"steps": self.steps, "sigma": sigma, "box": box}
        options["epsilon"] = self.epsilon
        if self.attack == "ddn":
            return ddn(module, X, y, draws, gamma=self.gamma, **options)
        step_size = 2 * self.epsilon / self.steps if self.step_size is None else self.step_size
        return pgd(module, X, y, draws, step_size=step_size, **options)
