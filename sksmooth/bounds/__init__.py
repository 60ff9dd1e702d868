"""Confidence bounds on class probabilities, and the radii they prove.

Every one-sided bound has the signature ``f(count, n, alpha) -> p`` and fails with probability at
most alpha for ``count ~ Binomial(n, p)``, whatever p; every bound on the top class and the others
``f(top, other, n, alpha) -> (p_lower, p_upper)``; every radius ``f(p_lower, p_upper, sigma)``. A
new one is a new function of its shape. Nothing here knows of models, noise or labels.

Everything rounds towards the smaller claim: a lower bound is never above the exact value of its
formula, an upper bound never below, a radius never above the real number that it approximates.
"""

from .binomial import (
    clopper_pearson,
    clopper_pearson_simultaneous,
    clopper_pearson_upper,
    smallest_certifying_n,
)
from .coverage import coverage_level
from .mixed import mixed_lower, mixed_needed, mixed_radius, mixed_upper
from .pairs import Pair, changes_proved
from .radius import radius_cohen, radius_lecuyer, radius_li, radius_of_tails
from .radius_l1 import radius_laplace, radius_uniform
from .ranks import upper_rank
from .splitting import splitting_steps
from .top_class import (
    BOUNDS,
    FREE_BOUNDS,
    TopClassBound,
    one_sided,
    one_sided_free,
    two_sided,
    widened,
)
from .worst import worst_pairs

__all__ = [
    "BOUNDS",
    "FREE_BOUNDS",
    "Pair",
    "TopClassBound",
    "changes_proved",
    "clopper_pearson",
    "clopper_pearson_simultaneous",
    "clopper_pearson_upper",
    "coverage_level",
    "mixed_lower",
    "mixed_needed",
    "mixed_radius",
    "mixed_upper",
    "one_sided",
    "one_sided_free",
    "radius_cohen",
    "radius_laplace",
    "radius_lecuyer",
    "radius_li",
    "radius_of_tails",
    "radius_uniform",
    "smallest_certifying_n",
    "splitting_steps",
    "two_sided",
    "upper_rank",
    "widened",
    "worst_pairs",
]
