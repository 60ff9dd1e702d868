"""PREDICT and CERTIFY of Cohen et al. (2019), Section 3.2, by sampling."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bounds import widened
from ..noise.streams import Purpose
from ..sampling import Sampler
from .certificate import Certificate
from .plan import Plan, Run
from .stopping import Rule, geometric_looks, rule_of
from .votes import certify_bounds, predict_counts

__all__ = ["certify_by_votes", "predict_by_votes"]


def predict_by_votes(
    sampler: Sampler, n: int, alpha: float, *, sequential: bool
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """PREDICT: the top class of each row, and whether the votes leave it undecided.

    With `sequential`, n is the most draws per row: the test of `predict_counts` is made at sizes
    fixed in advance, at levels that sum to alpha, and a row stops where it first rejects.

    Votes may differ from those that the proof speaks of; see `_flipped`.
    """
    sizes, levels = geometric_looks(n, alpha) if sequential else ([n], [alpha])
    counts, undecided = sampler.until(
        sizes,
        Purpose.PREDICT,
        lambda look, rows, counts: predict_counts(
            counts, levels[look], *_flipped(sizes[look], levels[look], sampler.noise.tv_error)
        )[1],
    )
    return counts.argmax(axis=1), undecided


def _flipped(n: int, alpha: float, tv_error: float) -> tuple[int, float]:
    """Return how many of n votes may differ from ideal ones, and the probability of more.

    A vote for or against one of two classes differs with a probability of at most twice `tv_error`.
    Of n, more than m differ with at most ``(2 n tv_error)**(m + 1) / (m + 1)!``; m is the smallest
    number that makes this less than a thousandth of alpha.
    """
    mean = min(2.0 * n * tv_error, 1e3)  # a larger mean makes the chance below exceed 1 by far
    flipped, chance = 0, mean
    while chance > alpha / 1000 and flipped < 200:  # with more, nothing is decided
        flipped += 1
        chance *= mean / (flipped + 1)
    return flipped, chance


def certify_by_votes(
    sampler: Sampler, plan: Plan, classes: NDArray[Any], abstain_label: Any = None
) -> Certificate:
    """CERTIFY: n0 draws select a class, fresh ones bound its probability.

    Parameters
    ----------
    sampler : Sampler
        Gives the votes.
    plan : Plan
        How many draws, at which level, and until when.
    classes : ndarray of shape (n_classes,)
        Labels of the votes.
    abstain_label : object, default=None
        Label of rows with nothing to certify; None keeps the selected class.

    Returns
    -------
    certificate : Certificate
        Valid with probability at least ``1 - alpha`` for each row.
    """
    pilot = sampler.counts(plan.n0, Purpose.SELECT) if plan.n0 else None
    rule = rule_of(plan, len(sampler.X), sampler.noise, pilot)
    counts, _ = sampler.until(rule.sizes, Purpose.ESTIMATE, rule.undecided)
    run = Run.of_plan(
        plan,
        sampler.noise,
        _largest_radius(sampler, rule),
        rule=type(rule).__name__,
        abstain_label=abstain_label,
        seed=sampler.seed.hex(),
        stream=sampler.stream,
        shortcut=sampler.shortcut,
    )
    return certify_bounds(
        *rule.bounds(counts),
        counts,
        run=run,
        classes=classes,
        stop_reason=np.where(counts.sum(axis=1) < plan.n, rule.reason, "n"),
    )


def _largest_radius(sampler: Sampler, rule: Rule) -> float:
    bounds = widened(*rule.ceiling(), sampler.noise.tv_error)
    return float(sampler.noise.radius(*bounds)[0])
