"""Ways to find votes faster than by asking the base about each noisy row.

A shortcut knows one kind of model, from the inside. It takes a `Problem` and returns an easier one
with the same votes, or the same but for a probability that it states, or None if the model is not
of its kind. To add one, write a function of this form, check at run time that it answers as the
model's ``predict`` does, and name it in `SHORTCUTS`.
"""

from collections.abc import Callable, Sequence

from . import linear, nets, steps, trees
from .problem import Problem

__all__ = ["ON_REQUEST", "SHORTCUTS", "Problem", "simplify"]

# in the order in which they are tried
SHORTCUTS: dict[str, Callable[[Problem], Problem | None]] = {
    "linear": linear.in_score_space,
    "steps": steps.without_checks,
    "trees": trees.without_checks,
}

# these change the base classifier by rounding
ON_REQUEST = nets.VARIANTS


def simplify(problem: Problem, allowed: Sequence[str]) -> Problem:
    """Return the easiest problem that the allowed shortcuts lead to."""
    for name, shortcut in SHORTCUTS.items():
        if name in allowed:
            problem = shortcut(problem) or problem
    forms = [name for name in ON_REQUEST if name in allowed]
    if forms:
        problem = nets.in_variant(*forms)(problem) or problem
    return problem
