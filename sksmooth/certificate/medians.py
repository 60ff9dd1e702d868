"""Median smoothing by sampling (Chiang et al. 2020): counts in, bounds and radii out.

All rests on one sentence, which holds for every noise: `Noise.radius` of a probability p is a
distance within which an event that has at least this probability keeps one above 1/2. The events
are half-lines of outputs: "at most y" keeps y at or above every median.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bounds import one_sided, upper_rank, widened
from ..bounds.top_class import Bounds
from ..closed_forms import ClosedOutput
from ..noise import Noise
from ..noise.streams import Purpose
from ..sampling import RowBinTally, Sampler, collect
from .plan import Plan, Run
from .regression import PredictionBounds, RegressionCertificate
from .stopping import rule_of

__all__ = [
    "bound_medians",
    "certify_medians",
    "compute_bounds",
    "compute_radii",
    "in_or_out",
    "medians",
    "needed_probability",
]

_EDGES = 64  # of each kind, on each side and for each radius
_OUTER = np.geomspace(0.05, 20.0, 24)  # beyond the pilot's draws, in lengths of their range

Floats = NDArray[np.float64]


def medians(outputs: Floats) -> Floats:
    """Return the median of sorted outputs, row by row; of two middle ones, the lower."""
    return outputs[:, (outputs.shape[1] - 1) // 2].copy()


def needed_probability(noise: Noise, radius: float) -> float:
    """Return the least probability that proves a radius; above 1 if none does.

    Parameters
    ----------
    noise : Noise
        The noise. What its draws may differ from those of the proof is taken off.
    radius : float
        0 or more.

    Returns
    -------
    p : float
        Of draws of the noise. It is tried, so it is right whatever the noise's formula is.
    """

    def proves(p: float) -> bool:
        reached = noise.reached(*widened([p], [1 - p], noise.tv_error))
        return bool(reached[0] >= noise.target([radius])[0])

    low, high = 0.5, 1.0
    if not proves(high):
        return np.inf
    while (middle := 0.5 * (low + high)) not in (low, high):
        low, high = (low, middle) if proves(middle) else (middle, high)
    return high


def bound_medians(sampler: Sampler, plan: Plan) -> PredictionBounds:
    """Bound the medians within radii: `n0` draws choose edges, `n` are counted between them.

    The upper bound is the least edge with as many draws at or below it as the rank by `upper_rank`.
    Edges are fixed before the draws are made, and the draws at or below them are nested: if any
    edge that is too low had so many, the highest of those that are too low would. That one event
    has a probability of half of alpha at most. The lower bound is the mirror image.

    Parameters
    ----------
    sampler : Sampler
        Of a base that answers numbers.
    plan : Plan
        With the radii. Each half of alpha is for one side.

    Returns
    -------
    bounds : PredictionBounds
        Each holds with probability at least ``1 - alpha`` (of one row, and one radius).
    """
    radii = plan.radii or (0.0,)
    ranks = [_rank(sampler.noise, radius, plan) for radius in radii]
    pilot = collect(sampler, plan.n0, Purpose.SELECT)
    edges = np.sort(
        np.concatenate([_edges(pilot, rank / (plan.n + 1)) for rank in ranks], axis=1), axis=1
    )
    counts = _counting(sampler, edges).counts(plan.n, Purpose.ESTIMATE)
    at_most = counts[:, :-1].cumsum(axis=1)
    edges = np.pad(edges, ((0, 0), (1, 1)), constant_values=((0, 0), (-np.inf, np.inf)))
    lines = np.arange(len(edges))
    lower, upper = np.empty((2, len(edges), len(ranks)))
    for j, rank in enumerate(ranks):
        upper[:, j] = edges[lines, 1 + (at_most < rank).sum(axis=1)]
        below = edges[lines, (at_most <= plan.n - rank).sum(axis=1)]
        with np.errstate(over="ignore"):  # above the largest number is infinity
            lower[:, j] = np.nextafter(below, np.inf, where=np.isfinite(below), out=below)
    return PredictionBounds(
        run=_run(sampler, plan, one_sided([plan.n], [0], plan.n, plan.alpha / 2)),
        lower=lower,
        upper=upper,
        prediction=medians(pilot),
        radius=radii,
        ranks=tuple((plan.n + 1 - rank, rank) for rank in ranks),
        n_draws=counts.sum(axis=1),
    )


def _rank(noise: Noise, radius: float, plan: Plan) -> int:
    p = needed_probability(noise, radius)
    return plan.n + 1 if p > 1 else upper_rank(plan.n, p, plan.alpha / 2)


def _counting(sampler: Sampler, edges: Floats) -> Sampler:
    """Return the sampler that counts between edges; a journal knows the counts by these, too."""
    keys = [
        f"{key}-{hashlib.sha256(line.tobytes()).hexdigest()[:32]}"
        for key, line in zip(sampler.keys, edges, strict=False)
    ]
    return dataclasses.replace(sampler, tally=RowBinTally(edges), keys=keys)


def _edges(pilot: Floats, share: float) -> Floats:
    """Return edges around the quantiles of levels `share` and ``1 - share``, and far outside.

    Where outputs are few numbers, these are edges, so that they can be bounds.
    """
    n0 = pilot.shape[1]
    spread = 4 * np.sqrt(share * (1 - share) / n0) + 2 / n0
    out = []
    for level, side in ((share, 1), (1 - share, -1)):
        ends = np.clip([level - spread, level + spread], 0.0, 1.0) * (n0 - 1)
        low, high = pilot[:, int(ends[0])], pilot[:, int(np.ceil(ends[1]))]
        with np.errstate(invalid="ignore", over="ignore"):
            out.append(np.linspace(2 * low - high, 2 * high - low, _EDGES, axis=1))
            length = (pilot[:, -1] - pilot[:, 0])[:, None] * _OUTER
            out.append(pilot[:, -1:] + length if side > 0 else pilot[:, :1] - length)
        # equal outputs end where the next ones begin
        places = np.linspace(ends[0], ends[1], _EDGES).astype(np.intp)
        values = pilot[:, places]
        out += [values, np.nextafter(values, -np.inf)]
    edges = np.concatenate(out, axis=1)
    return np.where(np.isnan(edges), np.inf, edges)


def certify_medians(
    sampler: Sampler, plan: Plan, lower: Floats, upper: Floats, predictions: Floats
) -> RegressionCertificate:
    """Return within which radius the medians stay in intervals that these draws did not choose.

    Let m be the larger one of the numbers of draws below and above the interval. The bound on the
    probability of no miss of this kind comes from ``n - m`` of n at the whole of alpha. The radius
    is too large only if the bound on the likelier miss fails, which is one fixed event: so nothing
    is shared between the two sides. That holds at each look of a rule that stops, too.

    Parameters
    ----------
    sampler : Sampler
        Of a base that answers numbers.
    plan : Plan
        How many draws, at which level, and until when.
    lower, upper : ndarray of shape (n_samples,)
        The intervals; their ends belong to them.
    predictions : ndarray of shape (n_samples,)
        For the certificate.

    Returns
    -------
    certificate : RegressionCertificate
        Valid with probability at least ``1 - alpha`` for each row.
    """
    edges = np.stack([np.nextafter(lower, -np.inf), upper], axis=1)  # "below" is up to the former
    sampler = _counting(sampler, edges)
    selected = np.tile([1, 0], (len(lower), 1))
    rule = rule_of(plan, len(lower), sampler.noise, selected)
    counts, _ = sampler.until(
        rule.sizes,
        Purpose.ESTIMATE,
        lambda look, rows, counts: rule.undecided(look, rows, in_or_out(counts)),
    )
    _, p_lower, p_upper = rule.bounds(in_or_out(counts))
    noise = sampler.noise
    p_lower, p_upper = widened(p_lower, p_upper, noise.tv_error)
    return RegressionCertificate(
        run=_run(sampler, plan, rule.ceiling(), rule=type(rule).__name__),
        predictions=predictions,
        radii=np.where(p_lower > p_upper, noise.radius(p_lower, p_upper), 0.0),
        lower=lower,
        upper=upper,
        p_lower=p_lower,
        counts=counts,
    )


def in_or_out(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return, of counts below, in, and above intervals, those of no miss of the likelier kind."""
    missed = np.maximum(counts[:, 0], counts[:, 2])
    return np.stack([counts.sum(axis=1) - missed, missed], axis=1)


def _run(sampler: Sampler, plan: Plan, ceiling: Bounds, **options: Any) -> Run:
    """Return the run of draws; `ceiling` bounds the probability of what all draws do."""
    most = sampler.noise.radius(*widened(*ceiling, sampler.noise.tv_error))
    options |= {"seed": sampler.seed.hex(), "stream": sampler.stream}
    return Run.of_plan(plan, sampler.noise, float(most[0]), **options)


def compute_bounds(
    form: ClosedOutput, X: Floats, noise: Noise, radii: Sequence[float]
) -> PredictionBounds:
    """Return bounds on the medians within radii, by a closed form.

    Parameters
    ----------
    form : ClosedOutput
        Of the base.
    X : ndarray of shape (n_samples, n_features)
        Rows.
    noise : Noise
        Gaussian.
    radii : sequence of float
        In the units of the noise's norm.

    Returns
    -------
    bounds : PredictionBounds
        Hold for certain.
    """
    distances = [float(np.nextafter(radius / noise.unit, np.inf)) for radius in radii]
    prediction, lower, upper = form.bands(X, distances)
    return PredictionBounds(
        run=dataclasses.replace(Run.computed(noise, form.name, None), asked_radii=tuple(radii)),
        lower=lower,
        upper=upper,
        prediction=prediction,
        radius=tuple(radii),
        ranks=None,
        n_draws=np.zeros(len(X), dtype=np.int64),
    )


def compute_radii(
    form: ClosedOutput, X: Floats, noise: Noise, lower: Floats, upper: Floats
) -> RegressionCertificate:
    """Return within which radius the medians stay in intervals, by a closed form."""
    reach = form.reach(X, lower, upper) * noise.unit
    n = len(X)
    return RegressionCertificate(
        run=Run.computed(noise, form.name, None),
        predictions=form.median(X),
        radii=np.where(np.isfinite(reach), np.nextafter(reach, 0.0), reach),
        lower=lower,
        upper=upper,
        p_lower=np.full(n, np.nan),
        counts=np.zeros((n, 3), dtype=np.int64),
    )
