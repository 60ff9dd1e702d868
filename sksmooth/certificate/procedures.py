"""PREDICT and CERTIFY by sampling."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bounds import one_sided, widened
from ..bounds.top_class import BY_NAME, FREE
from ..noise.streams import Purpose
from ..sampling import Sampler
from . import Certificate, predict_counts
from .stopping import Curtailed, Deciding, Measuring, Planned, Rule, geometric_looks
from .votes import certify_bounds

__all__ = ["certify", "predict"]


def predict(
    sampler: Sampler, n: int, alpha: float, *, sequential: bool
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """PREDICT: the top class of each row, and whether the votes leave it undecided.

    With `sequential`, n is the most draws per row: the test of `predict_counts` is made at sizes
    fixed in advance, at levels that sum to alpha, and a row stops where it first rejects.

    Votes may differ from those that the proof speaks of; see `_spoilt`.
    """
    sizes, levels = geometric_looks(n, alpha) if sequential else ([n], [alpha])
    counts, undecided = sampler.until(
        sizes,
        Purpose.PREDICT,
        lambda look, rows, counts: predict_counts(
            counts, levels[look], *_spoilt(sizes[look], levels[look], sampler.noise.tv_error)
        )[1],
    )
    return counts.argmax(axis=1), undecided


def _spoilt(n: int, alpha: float, tv_error: float) -> tuple[int, float]:
    """Return how many of n votes may differ from ideal ones, and the probability of more.

    A vote for or against one of two classes differs with a probability of at most twice `tv_error`.
    Of n, more than m differ with at most ``(2 n tv_error)**(m + 1) / (m + 1)!``; m is the smallest
    number that makes this less than a thousandth of alpha.
    """
    mean = min(2.0 * n * tv_error, 1e3)  # of which the chance below is beyond 1 by far
    spoilt, chance = 0, mean
    while chance > alpha / 1000 and spoilt < 200:  # with more, nothing is decided
        spoilt += 1
        chance *= mean / (spoilt + 1)
    return spoilt, chance


def certify(
    sampler: Sampler,
    classes: NDArray[Any],
    abstain_label: Any,
    *,
    n: int,
    n0: int,
    alpha: float,
    bound: str,
    radii: tuple[float, ...] | None,
    tol: float | None,
) -> Certificate:
    """CERTIFY: n0 draws select a class, fresh ones bound its probability.

    Parameters
    ----------
    sampler : Sampler
        Gives the votes.
    classes, abstain_label
        Labels for the certificate.
    n, n0 : int
        Most draws for estimation, and draws for selection, per row; without the latter, the former
        select too.
    alpha : float
        Level of the certificate.
    bound : str
        "one-sided" or "two-sided".
    radii : tuple of float or None
        Draw only until each of these is certified or declined.
    tol : float or None
        Draw only as often as the n0 draws predict that the radius needs.

    Returns
    -------
    certificate : Certificate
        Valid with probability at least ``1 - alpha`` for each row.
    """
    rule = _rule(sampler, n, n0, alpha, bound, radii, tol)
    counts, _ = sampler.until(rule.sizes, Purpose.ESTIMATE, rule.undecided)
    return certify_bounds(
        *rule.bounds(counts),
        counts,
        noise=sampler.noise,
        classes=classes,
        abstain_label=abstain_label,
        stop_reason=np.where(counts.sum(axis=1) < n, rule.reason, "n"),
        n=n,
        n0=n0,
        alpha=alpha,
        bound=bound,
        asked_radii=radii,
        max_radius=_largest_radius(sampler, rule),
        seed=sampler.seed.hex(),
        stream=sampler.stream,
        shortcut=sampler.shortcut,
    )


def _largest_radius(sampler: Sampler, rule: Rule) -> float:
    bounds = widened(*rule.ceiling(), sampler.noise.tv_error)
    return float(sampler.noise.radius(*bounds)[0])


def _rule(
    sampler: Sampler,
    n: int,
    n0: int,
    alpha: float,
    bound: str,
    radii: tuple[float, ...] | None,
    tol: float | None,
) -> Rule:
    radius = sampler.noise.radius
    if radii is not None and not n0:
        args = (radii, len(sampler.X), n, alpha)
        return Deciding(*args, FREE[bound], radius, tv_error=sampler.noise.tv_error)
    pilot = sampler.counts(n0, Purpose.SELECT)
    selected, f = pilot.argmax(axis=1), BY_NAME[bound]
    if radii is not None:
        args = (radii, len(sampler.X), n, alpha)
        return Deciding(*args, f, radius, selected, sampler.noise.tv_error)
    if tol is not None:
        return Planned(n, alpha, f, pilot, tol, radius)
    if f is one_sided:
        return Curtailed(n, alpha, selected)
    return Measuring(n, alpha, f, selected)
