"""The largest radius that a bound certifies."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

__all__ = ["Bound", "differences", "largest_radius"]

Bound = Callable[[Tensor, int, float], Tensor]


def differences(label: int, n_classes: int) -> Tensor:
    """Return a matrix, one row for each other class, that turns scores into margins."""
    others = [j for j in range(n_classes) if j != label]
    unit = torch.eye(n_classes)
    return unit[label] - unit[others]


def largest_radius(
    search: Bound, confirm: Bound, x: Tensor, label: int, limit: float, steps: int
) -> float:
    """Return a radius at which all margins of an image are above 0, or 0.0 if none is found.

    A bound may fail at a radius and hold at a larger one: bisection then finds either, and what it
    returns was certified itself.

    Parameters
    ----------
    search : Bound
        Asked at each step of the bisection.
    confirm : Bound
        The same in double precision: has the last word, so that rounding certifies nothing.
    x : Tensor
        One image.
    label : int
        Its label.
    limit : float
        Where to stop: the distance of an adversarial example, say.
    steps : int
        The answer is within ``limit / 2**steps`` of where the bound first fails.
    """

    def holds(bound: Bound, radius: float) -> bool:
        return bool((bound(x, label, radius) > 0).all())

    low, high = 0.0, limit
    for _ in range(steps):
        middle = (low + high) / 2
        if holds(search, middle):
            low = middle
        else:
            high = middle
    step = limit / 2**steps
    for radius in (low, low - step):
        if radius > 0 and math.isfinite(radius) and holds(confirm, radius):
            return radius
    return 0.0
