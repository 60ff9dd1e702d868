"""Draws until a row that cannot be certified is given up, by the probability of its top class."""

import numpy as np

from sksmooth.bounds import clopper_pearson, one_sided_free
from sksmooth.certificate.stopping import GroupSequential
from sksmooth.noise import FloatGaussian

from .simulation import N_FIXED, Votes, class_probabilities, follow

__all__ = ["PROBABILITIES", "simulate"]

PROBABILITIES = (0.1, 0.2, 0.3, 0.4, 0.45, 0.48, 0.49, 0.495, 0.5, 0.505, 0.51, 0.52, 0.55)
ALPHA = 0.001


def simulate(replicates: int) -> list[dict[str, float]]:
    """Decide at radius 0, `replicates` times for each probability."""
    rng = np.random.default_rng(2)
    lines = []
    for p in PROBABILITIES:
        rule = GroupSequential(
            [0], replicates, N_FIXED, ALPHA, one_sided_free, FloatGaussian(1.0).radius
        )
        votes = Votes(class_probabilities(np.full(replicates, p)), rule.sizes, rng)
        outcome = follow(rule, votes)
        certified = (outcome.codes == 0) & (outcome.p_lower > 0.5)
        fixed = clopper_pearson(votes.at(N_FIXED)[:, 0], N_FIXED, ALPHA) > 0.5
        lines.append(
            {
                "p": p,
                "mean_draws": float(outcome.draws.mean()),
                "median_draws": float(np.median(outcome.draws)),
                "fixed_certifies": float(fixed.mean()),
                "loss": float(fixed.mean() - certified.mean()),
            }
        )
    return lines
