"""What every training objective promises, and the arithmetic that several of them share."""

import abc
import copy
import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from sklearn.base import BaseEstimator
from torch.nn import functional

from .schedules import Schedule

__all__ = ["NoiseSource", "Objective", "copies", "log_mean_softmax", "scores_of"]

NoiseSource = Callable[[torch.Tensor], torch.Tensor]


class Objective(BaseEstimator, abc.ABC):
    """A training loss that knows about the noise.

    A subclass stores plain numbers in its constructor, all with defaults, and computes the loss of
    one batch in `forward`. Any of the numbers may be a `Schedule`.

    Attributes
    ----------
    norms : tuple of str or None
        Norms in which the loss measures lengths; a net refuses noise with another norm by name.
        None: the loss measures none.

    Notes
    -----
    Noisy copies of a row lie side by side: `copies` gives rows ``0 0 0 1 1 1``. It works for rows
    of any shape, and a batch of one row is a batch. `sksmooth.nets.ObjectiveNet` relies on that
    order where it averages the scores that it reports to callbacks.
    """

    norms: ClassVar[tuple[str, ...] | None] = None
    # scikit-learn's table of what the constructor takes
    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {}

    @abc.abstractmethod
    def forward(
        self,
        module: torch.nn.Module,
        X: torch.Tensor,
        y: torch.Tensor,
        noise: NoiseSource,
        sigma: float | torch.Tensor,
    ) -> torch.Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        module : torch.nn.Module
            Gives raw scores of shape (n, n_classes). It is in training mode, and is left in it.
        X : tensor of shape (n, *shape)
            Rows, without noise.
        y : tensor of shape (n,), int64
            Class codes: the true labels.
        noise : callable
            ``noise(like)`` draws fresh noise of a tensor's shape (n_draws, *shape), on its device.
        sigma : float or tensor
            Standard deviation of the noise; a tensor broadcasts to a row, where features differ.

        Returns
        -------
        loss : tensor of shape ()
            A mean over rows, so that it does not grow with the batch.
        """

    def at(self, epoch: int) -> "Objective":
        """Return the objective for an epoch, with numbers in place of schedules.

        Parameters
        ----------
        epoch : int
            Number of the epoch, from 0.

        Returns
        -------
        objective : Objective
            A copy.

        Raises
        ------
        ValueError
            If a parameter is out of its range.
        """
        now = copy.copy(self)
        for name, value in self.get_params(deep=False).items():
            if isinstance(value, Schedule | Objective):
                setattr(now, name, value.at(epoch))
        now._validate_params()
        return now


def copies(rows: torch.Tensor, m: int) -> torch.Tensor:
    """Return m copies of each row, side by side."""
    # not `repeat` and `reshape`, which mix rows or pixels where a shape is not the expected one
    return rows.repeat_interleave(m, dim=0)


def scores_of(module: torch.nn.Module, X: torch.Tensor) -> torch.Tensor:
    """Return the module's scores, in single precision at least: autocast gives less."""
    scores = module(X)
    return scores.float() if scores.dtype in (torch.float16, torch.bfloat16) else scores


def log_mean_softmax(scores: torch.Tensor, m: int) -> torch.Tensor:
    """Return the logarithm of the softmax averaged over each row's m copies, (n, n_classes).

    In logarithms throughout: where the average underflows, its gradient would vanish.
    """
    each = functional.log_softmax(scores, dim=1).unflatten(0, (-1, m))
    return each.logsumexp(dim=1) - math.log(m)
