"""Ways to find the same votes faster than by asking the base about each noisy row.

A shortcut knows one kind of model from the inside. It takes a `Problem` and returns an easier one
with the same votes, or None if the model is not of its kind or may not be read
(`sksmooth.introspection.readable`). To add one, write a function of this form and name it in
`SHORTCUTS`.
"""

import warnings
from collections.abc import Callable, Sequence

import numpy as np

from ..checks import user_level
from ..exceptions import ModelWarning
from ..introspection import distrust, is_distrusted
from ..introspection.probes import probe_rows
from . import boosters, nets, steps, trees
from .problem import Problem

__all__ = ["ON_REQUEST", "SHORTCUTS", "Problem", "simplify"]

# in the order in which they are tried
SHORTCUTS: dict[str, Callable[[Problem], Problem | None]] = {
    "steps": steps.without_checks,
    "trees": trees.without_checks,
    "boosters": boosters.own_call,
}

# these change the base classifier by rounding
ON_REQUEST = nets.VARIANTS


def simplify(problem: Problem, allowed: Sequence[str]) -> Problem:
    """Return the easiest problem that the allowed shortcuts lead to."""
    if problem.noise.additive:  # what they are compared on are rows with noise added
        problem = _answering_alike(problem, [name for name in SHORTCUTS if name in allowed])
    forms = [name for name in ON_REQUEST if name in allowed]
    if forms:
        problem = nets.in_variant(*forms)(problem) or problem
    return problem


def _answering_alike(problem: Problem, names: Sequence[str]) -> Problem:
    """Take shortcuts, and compare what comes out with the answers of the whole base.

    The structure of the model has proved that they are the same. If they are not, nothing that was
    read off this model is believed any more.
    """
    if is_distrusted(problem.estimator) or not len(problem.X):
        return problem
    easier = problem
    for name in names:
        easier = SHORTCUTS[name](easier) or easier
    if easier is problem:
        return problem
    deviations = problem.noise.deviations(problem.X.shape[1:])
    probes = probe_rows(problem.X, deviations, near=100, far=50)  # more would cost what a row does
    whole = problem.backend
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a base that complains about whatever it is asked
        # copies: a base, or a shortcut, may work in place
        answers = whole.classify(probes.copy())
        try:
            found = easier.backend.classify(probes.copy())
        except Exception:  # another version of scikit-learn
            return problem
        if np.array_equal(answers, found):
            return easier
        is_random = not np.array_equal(answers, whole.classify(probes.copy()))
    if not is_random and distrust(problem.estimator):
        warnings.warn(
            f"shortcuts={list(easier.taken)} answer otherwise than "
            f"{type(problem.estimator).__name__}.predict for {int((answers != found).sum())} "
            f"of {len(probes)} noisy rows. Noise is drawn without shortcuts, and no closed form of "
            "this model is used. Please report the model.",
            ModelWarning,
            stacklevel=user_level(),
        )
    return problem
