"""Prediction sets and intervals that keep their coverage under attack."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ..bounds.coverage import CoveragePlan
from ..noise.streams import Purpose
from ..sampling import PassTally
from .attributes import Calibrated, Calibration
from .calibration import (
    MEDIAN,
    VOTES,
    distance_of,
    plans_of,
    rising,
    warn_of_all,
)
from .conformal_inside import Inside
from .jobs import outputs_around

__all__ = ["curves_of", "intervals_of", "medians_of", "sets_of", "top_codes"]

_UNLIKE = 1e-9  # more than a closed form's last digits depend on the other rows of a batch

Floats = NDArray[np.float64]


def sets_of(
    clf: Calibrated, X: Any, radii: Sequence[float]
) -> tuple[NDArray[np.intp], list[NDArray[np.bool_]]]:
    """Return class codes, and for each radius the sets, all of the same draws.

    Returns
    -------
    codes : ndarray of shape (n_samples,)
        The class that most draws have the highest score for.
    sets : list of ndarray of shape (n_samples, n_classes, n_levels), bool
        A set of a higher confidence has all of one of a lower confidence.
    """
    made = clf._calibration
    plans = [plans_of(clf, radius) for radius in radii]
    for radius, some in zip(radii, plans, strict=True):
        warn_of_all(some, radius, made, "All labels belong to all sets")
    orders = np.array([[plan.order for plan in some] for some in plans], dtype=np.intp)
    orders = orders.reshape(len(radii), -1)
    thresholds = np.append(-np.inf, made.scores)[orders]
    inside = Inside(clf, X)
    codes: list[Any] = []
    found: list[Any] = []
    if clf.conformity_score == VOTES:
        closed = inside.closed()
        reach = np.array([distance_of(inside.noise, radius, drawn=False) for radius in radii])
        lowest = thresholds - reach[:, None]
        lowest -= _UNLIKE * (1 + np.abs(np.nan_to_num(lowest)))
        for part in inside.parts:
            law = closed.law(part)
            codes.append(law.top)
            found.append(ndtri(law.upper)[:, None, None] >= lowest[..., None])
    else:
        needed = np.array([[plan.passes for plan in some] for some in plans]).reshape(orders.shape)
        unlike, which = np.unique(thresholds, return_inverse=True)
        n_classes = len(clf.classes_)
        tally = PassTally(n_classes, unlike)
        for part, sampler in inside.samplers():
            counts = dataclasses.replace(sampler, tally=tally).counts(made.n, Purpose.PREDICT)
            counts = counts.reshape(len(part), -1, n_classes)
            codes.append(counts[:, 0].argmax(axis=1))
            passed = counts[:, 1:][:, which.reshape(orders.shape)]
            found.append(passed >= needed[..., None])
    inside = np.moveaxis(np.concatenate(found), 1, 0) | (orders == 0)[:, None, :, None]
    order = rising(clf)
    inside[:, :, order] = np.logical_or.accumulate(inside[:, :, order], axis=2)
    return np.concatenate(codes), [np.moveaxis(some, 1, 2) for some in inside]


def top_codes(clf: Calibrated, X: Any) -> NDArray[np.intp]:
    """Return the class that most draws have the highest score for; calibrated or not."""
    inside = Inside(clf, X)
    if clf.conformity_score == VOTES:
        closed = inside.closed()
        return np.concatenate([closed.law(part).top for part in inside.parts])
    tally = PassTally(len(clf.classes_), np.zeros(0))
    samplers = (dataclasses.replace(sampler, tally=tally) for _, sampler in inside.samplers())
    counts = [sampler.counts(int(clf.n), Purpose.PREDICT) for sampler in samplers]
    return np.concatenate(counts).argmax(axis=1)


def medians_of(clf: Calibrated, X: Any) -> Floats:
    """Return the median output around each row."""
    inside, n = Inside(clf, X), int(clf.n)
    if clf.conformity_score == MEDIAN:
        closed = inside.closed()
        return np.concatenate([closed.median(part) for part in inside.parts])
    outputs = outputs_around(inside.smoother(), inside.parts, n)
    return np.concatenate([some[:, (n - 1) // 2] for some in outputs])


def intervals_of(clf: Calibrated, X: Any, radii: Sequence[float]) -> tuple[Floats, list[Floats]]:
    """Return medians, and for each radius the intervals, all of the same draws.

    Returns
    -------
    predictions : ndarray of shape (n_samples,)
        Medians.
    intervals : list of ndarray of shape (n_samples, 2, n_levels)
        NaN where no value belongs to an interval.
    """
    made = clf._calibration
    plans = [plans_of(clf, radius) for radius in radii]
    for radius, some in zip(radii, plans, strict=True):
        warn_of_all(some, radius, made, "All intervals are infinite")
    order = rising(clf)
    predictions, found, inside = [], [], Inside(clf, X)
    for medians, ends in (_bands if made.rank is None else _hulls)(inside, made, plans, radii):
        predictions.append(medians)
        ends = ends[:, order]
        np.fmin.accumulate(ends[:, :, 0], axis=1, out=ends[:, :, 0])
        np.fmax.accumulate(ends[:, :, 1], axis=1, out=ends[:, :, 1])
        found.append(ends[:, np.argsort(order)])
    intervals = np.concatenate(found, axis=3)
    return np.concatenate(predictions), [some.transpose(2, 1, 0) for some in intervals]


def _hulls(
    inside: Inside, made: Calibration, plans: list[list[CoveragePlan]], radii: Sequence[float]
) -> Iterator[tuple[Floats, Any]]:
    """Yield medians of some rows, and ends of shape (n_radii, n_levels, 2, n_rows), by draws."""
    for outputs in outputs_around(inside.smoother(), inside.parts, made.n):
        ends = [[_hull(outputs, made, plan) for plan in some] for some in plans]
        yield outputs[:, (made.n - 1) // 2], np.array(ends)


def _bands(
    inside: Inside, made: Calibration, plans: list[list[CoveragePlan]], radii: Sequence[float]
) -> Iterator[tuple[Floats, Any]]:
    """Yield the same by a closed form: bounds on all medians within each radius, and the score."""
    closed = inside.closed()
    distances = [distance_of(inside.noise, radius, drawn=False) for radius in radii]
    widths = np.array([[_width(made, plan) for plan in some] for some in plans])[:, :, None]
    for part in inside.parts:
        medians, lower, upper = closed.bands(part, distances)
        with np.errstate(invalid="ignore"):
            low, high = lower.T[:, None] - widths, upper.T[:, None] + widths
            low -= _UNLIKE * (np.abs(lower.T[:, None]) + widths)
            high += _UNLIKE * (np.abs(upper.T[:, None]) + widths)
        everything = np.broadcast_to(np.isinf(widths), low.shape)
        low[everything], high[everything] = -np.inf, np.inf
        yield medians, np.stack([low, high], axis=2)


def _width(made: Calibration, plan: CoveragePlan) -> float:
    """Return how far a value may be from outputs that are near to it, rounded up."""
    return -made.scores[plan.order - 1] * (1 + 2.0**-50) if plan.order else np.inf


def _hull(outputs: Floats, made: Calibration, plan: CoveragePlan) -> Floats:
    """Return the ends of all values that enough draws are near to, of shape (2, n_rows)."""
    width = _width(made, plan)
    if width == np.inf:
        return np.tile([[-np.inf], [np.inf]], (1, len(outputs)))
    last = outputs.shape[1] - plan.passes
    with np.errstate(invalid="ignore", over="ignore"):
        low, high = outputs[:, : last + 1], outputs[:, plan.passes - 1 :]
        # draws in between are near to what is near to both; rounded outward
        lowest, highest = np.nextafter(high - width, -np.inf), np.nextafter(low + width, np.inf)
        near = lowest <= highest
        start = np.where(near, lowest, np.inf).min(axis=1)
        end = np.where(near, highest, -np.inf).max(axis=1)
    empty = start > end
    return np.stack([np.where(empty, np.nan, start), np.where(empty, np.nan, end)])


def curves_of(clf: Calibrated, X: Any, radii: Sequence[float]) -> list[Any]:
    """Return the sets or intervals of a calibrated estimator for each of several radii."""
    if not hasattr(clf, "check_calibrated"):
        raise TypeError(
            f"Expected a RobustConformalClassifier or RobustConformalRegressor; got "
            f"{type(clf).__name__}."
        )
    clf.check_calibrated()
    return (sets_of if hasattr(clf, "predict_set") else intervals_of)(clf, X, radii)[1]
