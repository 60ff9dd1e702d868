"""Attacks on the average over noise draws, as steps inside training.

The geometry is L2, in the norm of the certificate: where features have their own sigma, lengths are
those of ``delta / sigma``, in standard deviations, and a feature without noise is not moved. The
noise draws are given and stay the same in all steps: the point found is bad for these draws, and
the loss is then taken with them.
"""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import torch

from .base import copies, log_mean_softmax, scores_of

__all__ = ["Box", "check_box", "ddn", "evaluating", "pgd", "project"]

Box = tuple[float, float]


def pgd(
    module: torch.nn.Module,
    X: torch.Tensor,
    y: torch.Tensor,
    draws: torch.Tensor,
    *,
    steps: int,
    step_size: float,
    epsilon: float = math.inf,
    sigma: float | torch.Tensor = 1.0,
    box: Box | None = None,
    start: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return rows moved in steps of a fixed length up the loss of the averaged softmax.

    Steps add up; after each, the way from X is cut to `epsilon`.

    Parameters
    ----------
    module : torch.nn.Module
        Gives raw scores. Runs in evaluation mode here, so that rows do not act on each other.
    X : tensor of shape (n, *shape)
        Rows.
    y : tensor of shape (n,)
        True classes.
    draws : tensor of shape (n_draws, *shape)
        Noise, m draws for each row side by side.
    steps, step_size : int, float
        How many steps, and the length of each.
    epsilon : float, default=inf
        Largest distance from X.
    sigma : float or tensor, default=1.0
        A tensor sets the unit of length for each feature.
    box : (float, float), default=None
        Least and largest value of what is returned (not of that plus noise).
    start : tensor of the shape of X, default=None
        Where to begin; None for X.
    """
    unit = _unit(sigma)
    delta = torch.zeros_like(X) if start is None else _over(start - X, unit)
    with evaluating(module):
        for _ in range(steps):
            gradient, _ = _ascent(module, X, y, draws, delta, unit)
            delta = _boxed(delta + step_size * _direction(gradient), X, unit, box)
            delta = _shortened(delta, epsilon)
    return X + unit * delta


def ddn(
    module: torch.nn.Module,
    X: torch.Tensor,
    y: torch.Tensor,
    draws: torch.Tensor,
    *,
    steps: int,
    epsilon: float,
    gamma: float,
    sigma: float | torch.Tensor = 1.0,
    box: Box | None = None,
) -> torch.Tensor:
    """Return rows moved as little as makes them wrong: the norm is decoupled from the direction.

    The norm starts at `epsilon`, shrinks by the factor ``1 - gamma`` where the row is wrong, and
    grows by ``1 + gamma`` where it is right. The smallest wrong point wins, or the last point where
    none was wrong, cut to `epsilon`. Parameters are those of `pgd`.
    """
    unit = _unit(sigma)
    delta = torch.zeros_like(X)
    norm = X.new_full((len(X),), epsilon)
    best, least = delta, X.new_full((len(X),), math.inf)
    with evaluating(module):
        for i in range(steps):
            gradient, average = _ascent(module, X, y, draws, delta, unit)
            wrong = average.argmax(dim=1) != y
            length = delta.flatten(1).norm(dim=1)
            better = wrong & (length < least)
            best = torch.where(_like(better, X), delta, best)
            least = torch.where(better, length, least)
            pace = 0.01 + 0.495 * (1 + math.cos(math.pi * i / steps))
            delta = delta + epsilon * pace * _direction(gradient)
            norm = torch.where(wrong, norm * (1 - gamma), norm * (1 + gamma))
            delta = _boxed(_direction(delta) * _like(norm, X), X, unit, box)
    delta = torch.where(_like(least.isfinite(), X), best, delta)
    return X + unit * _shortened(delta, epsilon)


def project(
    points: torch.Tensor, X: torch.Tensor, epsilon: float, sigma: float | torch.Tensor = 1.0
) -> torch.Tensor:
    """Return points, brought nearer to X where they are farther than epsilon."""
    unit = _unit(sigma)
    return X + unit * _shortened(_over(points - X, unit), epsilon)


def check_box(box: Any, X: torch.Tensor) -> Box | None:
    """Return the box as numbers; refuse rows outside, since nothing near them may be inside."""
    if box is None:
        return None
    low, high = (float(value) for value in box)
    if float(X.min()) < low or float(X.max()) > high:
        raise ValueError(
            f"box is ({low:g}, {high:g}), but rows have values from {X.min():g} to {X.max():g}. "
            "Give the least and largest value that X can have, or None."
        )
    return low, high


@contextlib.contextmanager
def evaluating(module: torch.nn.Module) -> Iterator[None]:
    """Set evaluation mode; afterwards each part has its own mode back."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training


def _ascent(
    module: torch.nn.Module,
    X: torch.Tensor,
    y: torch.Tensor,
    draws: torch.Tensor,
    delta: torch.Tensor,
    unit: float | torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the gradient of each row's loss by delta, and the log of its averaged softmax."""
    m = len(draws) // len(X)
    with torch.enable_grad():
        delta = delta.detach().requires_grad_()
        scores = scores_of(module, copies(X + unit * delta, m) + draws)
        average = log_mean_softmax(scores, m)
        loss = -average.gather(1, y[:, None]).sum()
    # of delta alone: the parameters' gradients are neither computed nor added to
    (gradient,) = torch.autograd.grad(loss, delta)
    return gradient, average.detach()


def _unit(sigma: float | torch.Tensor) -> float | torch.Tensor:
    return sigma if isinstance(sigma, torch.Tensor) and sigma.ndim > 0 else 1.0


def _over(delta: torch.Tensor, unit: float | torch.Tensor) -> torch.Tensor:
    """Return delta / unit; 0 where the unit is 0, for nothing moves there."""
    if not isinstance(unit, torch.Tensor):
        return delta / unit
    return torch.where(unit > 0, delta / unit, 0.0)


def _like(values: torch.Tensor, X: torch.Tensor) -> torch.Tensor:
    return values.reshape(-1, *[1] * (X.ndim - 1))


def _direction(vectors: torch.Tensor) -> torch.Tensor:
    """Return rows of length 1; rows of zeros stay what they are."""
    flat = vectors.flatten(1)
    largest = flat.abs().amax(dim=1, keepdim=True)
    # gradients of a sure classifier are so small that their squares would underflow
    flat = torch.where(largest > 0, flat / largest, 0.0)
    return (flat / flat.norm(dim=1, keepdim=True).clamp_min(1.0)).reshape(vectors.shape)


def _shortened(delta: torch.Tensor, epsilon: float) -> torch.Tensor:
    """Return rows cut to a length of at most epsilon."""
    length = delta.flatten(1).norm(dim=1)
    factor = torch.where(length > epsilon, epsilon / length, 1.0)
    return delta * _like(factor, delta)


def _boxed(
    delta: torch.Tensor, X: torch.Tensor, unit: float | torch.Tensor, box: Box | None
) -> torch.Tensor:
    """Return delta, shortened coordinate by coordinate until X + unit * delta is in the box."""
    if box is None:
        return delta
    return _over((X + unit * delta).clamp(*box) - X, unit)
