"""Prediction sets and intervals that keep their coverage under attack."""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ..bounds.coverage import CoveragePlan
from ..noise.streams import Purpose
from ..sampling import PassTally, collect
from .calibration import (
    GROUP_VALUES,
    MEDIAN,
    VOTES,
    Calibration,
    closed_inside,
    distance_of,
    noise_inside,
    plans_of,
    rising,
    smoothed,
    smoother_inside,
    warn_of_all,
)
from .jobs import numbered, parts_of

__all__ = ["curves_of", "intervals_of", "medians_of", "sets_of", "top_codes"]

_UNLIKE = 1e-9  # more than a closed form's last digits depend on the other rows of a batch

Floats = NDArray[np.float64]


def sets_of(
    clf: Any, X: Any, radii: Sequence[float]
) -> tuple[NDArray[np.intp], list[NDArray[np.bool_]]]:
    """Return class codes, and for each radius the sets, all of the same draws.

    Returns
    -------
    codes : ndarray of shape (n_samples,)
        The class that most draws have the highest score for.
    sets : list of ndarray of shape (n_samples, n_classes, n_levels), bool
        A set of a higher confidence has all of one of a lower confidence.
    """
    inner, made = smoothed(clf), clf._calibration
    plans = [plans_of(clf, radius) for radius in radii]
    for radius, some in zip(radii, plans, strict=True):
        warn_of_all(some, radius, made, "All labels belong to all sets")
    orders = np.array([[plan.order for plan in some] for some in plans], dtype=np.intp)
    orders = orders.reshape(len(radii), -1)
    thresholds = np.append(-np.inf, made.scores)[orders]
    first, frame, parts = parts_of(inner, X)
    codes: list[Any] = []
    found: list[Any] = []
    if clf.conformity_score == VOTES:
        closed, noise = closed_inside(clf, inner, frame, first), noise_inside(inner)
        reach = np.array([distance_of(noise, radius, drawn=False) for radius in radii])
        lowest = thresholds - reach[:, None]
        lowest -= _UNLIKE * (1 + np.abs(np.nan_to_num(lowest)))
        for part in parts:
            law = closed.law(part)
            codes.append(law.top)
            found.append(ndtri(law.upper)[:, None, None] >= lowest[..., None])
    else:
        needed = np.array([[plan.passes for plan in some] for some in plans]).reshape(orders.shape)
        unlike, which = np.unique(thresholds, return_inverse=True)
        smoother, n_classes = smoother_inside(clf, inner, frame), len(inner.classes_)
        tally = PassTally(n_classes, unlike)
        for number, part in numbered(parts):
            sampler = dataclasses.replace(smoother.sampler(part, first_row=number), tally=tally)
            counts = sampler.counts(made.n, Purpose.PREDICT)
            counts = counts.reshape(len(part), -1, n_classes)
            codes.append(counts[:, 0].argmax(axis=1))
            passed = counts[:, 1:][:, which.reshape(orders.shape)]
            found.append(passed >= needed[..., None])
    inside = np.moveaxis(np.concatenate(found), 1, 0) | (orders == 0)[:, None, :, None]
    order = rising(clf)
    inside[:, :, order] = np.logical_or.accumulate(inside[:, :, order], axis=2)
    return np.concatenate(codes), [np.moveaxis(some, 1, 2) for some in inside]


def top_codes(clf: Any, X: Any) -> NDArray[np.intp]:
    """Return the class that most draws have the highest score for; calibrated or not."""
    inner = smoothed(clf)
    first, frame, parts = parts_of(inner, X)
    if clf.conformity_score == VOTES:
        closed = closed_inside(clf, inner, frame, first)
        return np.concatenate([closed.law(part).top for part in parts])
    smoother = smoother_inside(clf, inner, frame)
    tally = PassTally(len(inner.classes_), np.zeros(0))

    def votes(number: int, part: NDArray[Any]) -> NDArray[np.intp]:
        sampler = dataclasses.replace(smoother.sampler(part, first_row=number), tally=tally)
        return sampler.counts(int(clf.n), Purpose.PREDICT).argmax(axis=1)

    return np.concatenate([votes(*part) for part in numbered(parts)])


def _groups(clf: Any, X: Any) -> Iterator[Floats]:
    """Yield the sorted outputs around some rows after the other."""
    inner, n = smoothed(clf), int(clf.n)
    _, frame, parts = parts_of(inner, X)
    smoother = smoother_inside(clf, inner, frame)
    size = max(1, GROUP_VALUES // n)
    for number, part in numbered(parts):
        sampler = smoother.sampler(part, first_row=number)
        for start in range(0, len(part), size):
            yield collect(sampler.at(slice(start, start + size), None, ()), n, Purpose.PREDICT)


def medians_of(clf: Any, X: Any) -> Floats:
    """Return the median output around each row."""
    if clf.conformity_score == MEDIAN:
        inner = smoothed(clf)
        first, frame, parts = parts_of(inner, X)
        closed = closed_inside(clf, inner, frame, first)
        return np.concatenate([closed.median(part) for part in parts])
    return np.concatenate([outputs[:, (int(clf.n) - 1) // 2] for outputs in _groups(clf, X)])


def intervals_of(clf: Any, X: Any, radii: Sequence[float]) -> tuple[Floats, list[Floats]]:
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
    predictions, found = [], []
    for medians, ends in (_bands if made.rank is None else _hulls)(clf, X, made, plans, radii):
        predictions.append(medians)
        ends = ends[:, order]
        np.fmin.accumulate(ends[:, :, 0], axis=1, out=ends[:, :, 0])
        np.fmax.accumulate(ends[:, :, 1], axis=1, out=ends[:, :, 1])
        found.append(ends[:, np.argsort(order)])
    intervals = np.concatenate(found, axis=3)
    return np.concatenate(predictions), [some.transpose(2, 1, 0) for some in intervals]


def _hulls(
    clf: Any, X: Any, made: Calibration, plans: list[list[CoveragePlan]], radii: Sequence[float]
) -> Iterator[tuple[Floats, Any]]:
    """Yield medians of some rows, and ends of shape (n_radii, n_levels, 2, n_rows), by draws."""
    for outputs in _groups(clf, X):
        ends = [[_hull(outputs, made, plan) for plan in some] for some in plans]
        yield outputs[:, (made.n - 1) // 2], np.array(ends)


def _bands(
    clf: Any, X: Any, made: Calibration, plans: list[list[CoveragePlan]], radii: Sequence[float]
) -> Iterator[tuple[Floats, Any]]:
    """Yield the same by a closed form: bounds on all medians within each radius, and the score."""
    inner = smoothed(clf)
    first, frame, parts = parts_of(inner, X)
    closed, noise = closed_inside(clf, inner, frame, first), noise_inside(inner)
    distances = [distance_of(noise, radius, drawn=False) for radius in radii]
    widths = np.array([[_width(made, plan) for plan in some] for some in plans])[:, :, None]
    for part in parts:
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


def curves_of(clf: Any, X: Any, radii: Sequence[float]) -> list[Any]:
    """Return the sets or intervals of a calibrated estimator for each of several radii."""
    if not hasattr(clf, "check_calibrated"):
        raise TypeError(
            f"Expected a RobustConformalClassifier or RobustConformalRegressor; got "
            f"{type(clf).__name__}."
        )
    clf.check_calibrated()
    return (sets_of if hasattr(clf, "predict_set") else intervals_of)(clf, X, radii)[1]
