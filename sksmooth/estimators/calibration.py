"""Calibration: the scores of rows with known answers, and the thresholds that follow."""

import dataclasses
import math
import warnings
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from ..bounds.coverage import CoveragePlan, plan_coverage
from ..checks import is_real, user_level
from ..closed_forms import FLOOR
from ..exceptions import NothingCertifiedWarning
from ..introspection.fingerprint import fingerprint
from ..noise import Noise
from ..noise.streams import Purpose, repeated_seed, repeats, row_key
from ..sampling import Sampler, collect
from .attributes import Calibrated, Calibration
from .conformal_inside import Inside, noise_inside, smoothed
from .jobs import groups_of, rows_of

__all__ = [
    "MEDIAN",
    "VOTES",
    "calibrate_classes",
    "calibrate_numbers",
    "codes_of",
    "content_of_base",
    "distance_of",
    "plans_of",
    "rising",
    "warn_of_all",
]

VOTES = "votes"  # how often the base answers a label
MEDIAN = "median"  # how near the smoothed regressor is
_NEAR, _FAR = 0.8, 0.95  # which of the draws a calibration row's score is; far if r > 2 sigma
_BEYOND = 2.0

Floats = NDArray[np.float64]


def _levels_of(asked: ArrayLike) -> tuple[Fraction, ...]:
    """Return by how much the confidence levels fall short of 1, as they are written."""
    levels = np.atleast_1d(np.asarray(asked, dtype=object))
    if levels.ndim > 1 or not len(levels) or not all(is_real(x) and 0 < x < 1 for x in levels):
        raise ValueError(
            "confidence_level must be a number between 0 and 1, or a sequence of such numbers; "
            f"got {asked!r}."
        )
    return tuple(1 - Fraction(str(float(level))) for level in levels)


def rising(clf: Calibrated) -> NDArray[np.intp]:
    """Return the places of the confidence levels, the lowest first."""
    return np.argsort([-float(alpha) for alpha in _levels_of(clf.confidence_level)])


def distance_of(noise: Noise, radius: float, *, drawn: bool = True) -> float:
    """Return a radius in standard deviations of the noise, rounded up."""
    if not noise.additive:
        raise ValueError(
            f"Sets and intervals are for Gaussian noise alone; got {noise.label}, which replaces "
            "values. Give such columns a sigma of 0."
        )
    if radius == 0:
        return 0.0
    reached = radius + (noise.rounding if drawn else 0.0)
    return float(np.nextafter(reached / noise.unit, np.inf) * (1 + 2.0**-50))


def _rank_of(clf: Calibrated, noise: Noise) -> int:
    """Return which of a calibration row's draws, from the largest on, is its score."""
    share = clf.quantile
    if isinstance(share, str):
        share = _NEAR if distance_of(noise, clf.radius) <= _BEYOND else _FAR
    return max(1, math.ceil(Fraction(str(float(share))) * int(clf.n)))


def plans_of(clf: Calibrated, radius: float) -> list[CoveragePlan]:
    """Return how sets are made at a radius, for each confidence level."""
    noise = noise_inside(smoothed(clf))
    made = clf._calibration
    changed = [
        name for name, value in _settings(clf, noise).items() if made.settings[name] != value
    ]
    if changed:
        raise ValueError(
            f"{' and '.join(changed)} changed since calibration. Call conformalize(X, y) again."
        )
    m, plans = len(made.scores), []
    for alpha in _levels_of(clf.confidence_level):
        if made.rank is None:  # computed: the level is alpha, and nothing is counted
            plan = CoveragePlan(0, 0, float(alpha), math.floor(alpha * (m + 1)))
        else:
            distance, tv = distance_of(noise, radius), noise.tv_error
            plan = plan_coverage(made.n, made.rank, distance, alpha, m, tv_error=tv)
        plans.append(plan)
    return plans


def warn_of_all(plans: Sequence[CoveragePlan], radius: float, made: Calibration, what: str) -> None:
    """Warn where no calibration score can be the threshold, or no set has enough of the labels."""
    if any(0 < plan.order <= made.n_unknown for plan in plans):
        warnings.warn(
            f"{made.n_unknown} of {len(made.scores)} calibration rows have labels that the base "
            "does not know and that no set can have: too many for the confidence level, which is "
            "not reached. Fit the base on rows of all classes.",
            NothingCertifiedWarning,
            stacklevel=user_level(),
        )
    empty = [plan for plan in plans if not plan.order]
    if not empty:
        return
    level = min(plan.level for plan in empty)
    hint = (
        f"it takes {math.ceil(1 / level) - 1} calibration rows"
        if level > 0
        else f"no number of calibration rows will do with n={made.n}: take a larger n, a quantile "
        "nearer to 1, or a larger sigma"
    )
    warnings.warn(
        f"{what} at radius={radius:g}: {hint}.",
        NothingCertifiedWarning,
        stacklevel=user_level(),
    )


def content_of_base(clf: Calibrated) -> str | None:
    """Return what tells the base from a changed one; None if its content cannot be read."""
    try:
        return fingerprint(clf.estimator_.estimator_)
    except Exception:  # whatever objects raise that cannot be pickled
        return None


def _settings(clf: Calibrated, noise: Noise) -> dict[str, Any]:
    names = ("n", "quantile", "conformity_score")
    return {"noise": noise.name, **{name: getattr(clf, name) for name in names}}


def calibrate_classes(clf: Calibrated, X: Any, codes: NDArray[np.intp]) -> Calibration:
    """Return the scores of rows with known classes; a code of -1 stands for a class not in fit."""
    inside, n, known = Inside(clf, X), int(clf.n), codes >= 0
    rows = np.concatenate(list(inside.parts))
    rank = None if clf.conformity_score == VOTES else _rank_of(clf, inside.noise)

    def scores_now() -> Floats:
        scores = np.full(len(codes), -np.inf)  # no set has such a class
        if rank is not None:
            drawn = _drawn(inside.smoother().sampler(rows), known, codes, n, codes)
            scores[known] = drawn[:, n - rank]
            return scores
        closed = inside.closed()
        if known.any():
            miss = closed.law(rows[known], codes[known]).miss
            misses = np.take_along_axis(miss, codes[known, None], axis=1)[:, 0]
            scores[known] = -ndtri(np.maximum(misses, FLOOR))
        return scores

    return _calibration(clf, inside.noise, scores_now, rank, int((~known).sum()))


def calibrate_numbers(clf: Calibrated, X: Any, y: Floats) -> Calibration:
    """Return the scores of rows with known values: how near outputs are, negated distances."""
    inside, n = Inside(clf, X), int(clf.n)
    rows = np.concatenate(list(inside.parts))
    rank = None if clf.conformity_score == MEDIAN else _rank_of(clf, inside.noise)

    def scores_now() -> Floats:
        if rank is None:
            return -np.abs(y - inside.closed().median(rows))
        drawn = _drawn(inside.smoother().sampler(rows), np.ones(len(y), dtype=bool), y, n, None)
        with np.errstate(over="ignore", invalid="ignore"):
            scores: Floats = np.sort(-np.abs(y[:, None] - drawn), axis=1)[:, n - rank]
        return scores

    return _calibration(clf, inside.noise, scores_now, rank)


def _calibration(
    clf: Calibrated,
    noise: Noise,
    scores_now: Callable[[], Floats],
    rank: int | None,
    n_unknown: int = 0,
) -> Calibration:
    base = content_of_base(clf)
    scores = np.sort(scores_now())
    if base != content_of_base(clf) and np.array_equal(scores, np.sort(scores_now())):
        base = None  # it notes something, such as its calls, and answers as before
    return Calibration(scores, rank, int(clf.n), _settings(clf, noise), n_unknown, base)


def _drawn(
    sampler: Sampler,
    chosen: NDArray[np.bool_],
    y: NDArray[Any],
    n: int,
    columns: NDArray[np.intp] | None,
) -> Floats:
    """Return sorted draws around the chosen rows, independent ones even around equal rows.

    In `certify` and `predict` equal rows have equal draws. Here that would be false: the score of a
    new row that equals one of these must not be known from theirs. Equal rows are numbered in the
    order of y, so that the order of rows does not matter.
    """
    places = np.flatnonzero(chosen)
    keys = np.array([row_key(sampler.seed, row, sampler.noise.name) for row in sampler.X[places]])
    number = repeats(keys.reshape(-1, 2), y[places])
    drawn = np.empty((len(places), n))
    for i in range(number.max(initial=-1) + 1):
        same = np.flatnonzero(number == i)
        seed = repeated_seed(sampler.seed, i)
        for group in groups_of(len(same), rows_of(n)):
            at = same[group]
            rows = places[at]
            some = dataclasses.replace(sampler, X=sampler.X[rows], seed=seed)
            of = None if columns is None else columns[rows]
            drawn[at] = collect(some, n, Purpose.CALIBRATE, of)
    return drawn


def codes_of(classes: NDArray[Any], y: NDArray[Any]) -> NDArray[np.intp]:
    """Return the class code of each label; -1 where it is not among the classes."""
    known = {label: code for code, label in enumerate(classes.tolist())}
    return np.array([known.get(label, -1) for label in y.tolist()], dtype=np.intp)
