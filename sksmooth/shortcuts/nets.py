"""Nets in other forms, on request: folded, channels last, in bfloat16, compiled."""

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..introspection.probes import probe_rows
from .problem import Problem

__all__ = ["VARIANTS", "in_variant"]

VARIANTS = ("fold", "channels_last", "bfloat16", "compile")


def in_variant(*names: str) -> Callable[[Problem], Problem | None]:
    """Return the shortcut that runs a net in the form of these names."""

    def shortcut(problem: Problem) -> Problem | None:
        deviations = problem.noise.deviations(problem.X.shape[1:])

        def probes(n: int) -> NDArray[np.floating]:
            return probe_rows(problem.X, deviations, near=n, far=0)

        backend = problem.backend.in_form(names, probes)
        if backend is None:
            return None
        return dataclasses.replace(problem, backend=backend, taken=(*problem.taken, *names))

    return shortcut
