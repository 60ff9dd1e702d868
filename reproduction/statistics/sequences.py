"""Deciding one radius by looks, beside confidence sequences, on the same simulated votes.

A confidence sequence bounds the top class's probability at every number of draws at once, so that
sampling may stop whenever the bound passes the value that the radius needs (Voracek 2024,
"Treatment of statistical estimation problems in randomized smoothing for adversarial robustness").
Two of them are here, written anew: a betting one, whose wealth is that of the mixture of all
probabilities by Jeffreys' prior (Orabona and Jun 2021), and Clopper-Pearson bounds at sizes that
grow by a tenth, with the level 5 alpha / ((k + 4) (k + 5)) for the k-th, which is how his code
divides it. Both sides get half of the level.
"""

import dataclasses
import pathlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln
from scipy.stats import norm

from benchmarks.page import Page, table
from sksmooth.bounds import clopper_pearson, clopper_pearson_upper, one_sided
from sksmooth.certificate.stopping import GroupSequential, geometric_looks
from sksmooth.noise import FloatGaussian

from .data import recover
from .simulation import N_FIXED

ALPHA = 0.001
CELLS = [(0.25, 0.25), (0.25, 0.5), (0.25, 0.75), (0.5, 0.5), (0.5, 1.0), (0.5, 1.5)]
NAMES = ("fixed n", "betting", "Clopper-Pearson, sizes x 1.1", "looks (ours)")
_CHUNK = 50

Ints = NDArray[np.int64]


def run(quick: bool, folder: pathlib.Path) -> Page:
    seeds = 1 if quick else 2
    found = {cell: measure(*cell, seeds) for cell in CELLS}
    rows = []
    for (sigma, r), cell in found.items():
        certified = [str(cell["certified"][name]) for name in NAMES]
        draws = [f"{cell['draws'][name]:,.0f}" for name in NAMES[1:]]
        ratio = cell["draws"]["betting"] / cell["draws"]["looks (ours)"]
        rows.append([sigma, r, *certified, *draws, f"{ratio:.2f}"])
    lost = {
        name: sum(c["certified"]["fixed n"] - c["certified"][name] for c in found.values())
        for name in NAMES[1:]
    }
    total = sum(c["certified"]["fixed n"] for c in found.values())
    said = "; ".join(f"{name}: **{number}**" for name, number in lost.items())
    head = ["sigma", "r", *(f"certified: {name}" for name in NAMES)]
    head += [*(f"draws: {name}" for name in NAMES[1:]), "betting : ours"]
    blocks = [
        "Probabilities of the top class come from the radii of the authors' CIFAR-10 logs; rows on "
        f"which these abstain are left out. Votes are simulated, {seeds} times for each row; all "
        f"methods see the same draws, at most {N_FIXED:,}, with alpha = {ALPHA}, and know the "
        "class. Rows certified are summed over the repetitions, draws are means.",
        table(head, rows),
        f"Rows that fixed n certifies and the method does not, of {total:,}: {said}.",
        "A confidence sequence that ends below the value proves that the row cannot be certified "
        "at r, and half of its level is spent on that. Looks only give the row up: no statement is "
        "made about it, and that is why they need fewer draws.",
    ]
    figures = {
        "seeds": seeds,
        "lost": lost,
        "of": total,
        "cells": [{"sigma": s, "radius": r, **cell} for (s, r), cell in found.items()],
    }
    return Page("Deciding a radius by looks and by confidence sequences", blocks, figures)


@dataclasses.dataclass
class Ends:
    """For t = 1, 2, ...: the count from which "above", and up to which "below", is proved."""

    above: Ints
    below: Ints

    def of(self, path: Ints) -> tuple[NDArray[np.bool_], Ints]:
        """Return which paths of counts end above, and after how many draws any of them ends."""
        up, ended = path >= self.above, (path >= self.above) | (path <= self.below)
        first = np.where(ended.any(axis=1), ended.argmax(axis=1), path.shape[1] - 1)
        return up[np.arange(len(path)), first], first + 1


def betting(p0: float, alpha: float, n: int) -> Ends:
    """Return the ends of the sequence of the mixture by Jeffreys' prior, each side at alpha / 2."""
    t = np.arange(1, n + 1)

    def proved(s: Ints) -> NDArray[np.bool_]:
        wealth = betaln(s + 0.5, t - s + 0.5) - betaln(0.5, 0.5)
        return wealth - s * np.log(p0) - (t - s) * np.log1p(-p0) >= np.log(2 / alpha)

    middle = np.ceil(t * p0).astype(np.int64)
    above = _first(lambda s: proved(np.minimum(s, t)) & (s <= t), middle, t + 1)
    below = t - _first(lambda d: proved(np.maximum(t - d, 0)) & (d <= t), t - middle + 1, t + 1)
    return Ends(above, below)


def _first(holds: Any, low: Ints, high: Ints) -> Ints:
    """Smallest number from `low` on for which a rising condition holds; `high` if for none."""
    low, high = low.copy(), high.copy()
    while (low < high).any():
        middle = (low + high) // 2
        good = holds(middle)
        high = np.where(good, middle, high)
        low = np.where(good, low, np.minimum(middle + 1, high))
    return high


def union(p0: float, alpha: float, n: int) -> Ends:
    """Return the ends of Clopper-Pearson bounds at growing sizes; between these none ends."""
    sizes = np.unique(np.append(np.ceil(1.1 ** np.arange(0, 200)), n).astype(np.int64))
    sizes = sizes[sizes <= n]
    above, below = np.full(n, n + 1, dtype=np.int64), np.full(n, -1, dtype=np.int64)
    for k, size in enumerate(sizes.tolist(), start=1):
        level = 5 * alpha / (2 * (k + 4) * (k + 5))
        s = np.arange(size + 1)
        up = clopper_pearson(s, size, level) > p0
        down = clopper_pearson_upper(s, size, level) < p0
        above[size - 1] = up.argmax() if up.any() else size + 1
        below[size - 1] = down.sum() - 1
    return Ends(above, below)


def measure(sigma: float, r: float, seeds: int) -> dict[str, Any]:
    """Simulate the rows of one log, and decide r by all methods."""
    rows = recover(sigma)
    p = np.tile(rows.p[~rows.abstained], seeds)
    rng = np.random.default_rng([round(1000 * sigma), round(1000 * r)])
    p0 = float(norm.cdf(r / sigma))
    sequences = {"betting": betting(p0, ALPHA, N_FIXED), NAMES[2]: union(p0, ALPHA, N_FIXED)}
    looks, _ = geometric_looks(N_FIXED, ALPHA)
    certified, draws = dict.fromkeys(NAMES, 0), dict.fromkeys(NAMES, 0.0)
    radius = FloatGaussian(sigma).radius
    for start in range(0, len(p), _CHUNK):
        part = p[start : start + _CHUNK]
        path = (rng.random((len(part), N_FIXED), np.float32) < part[:, None]).cumsum(axis=1)
        fixed = radius(clopper_pearson(path[:, -1], N_FIXED, ALPHA))
        certified["fixed n"] += int((fixed >= r).sum())
        for name, ends in sequences.items():
            up, spent = ends.of(path)
            certified[name] += int(up.sum())
            draws[name] += float(spent.sum())
        yes, spent = _by_looks(path, looks, r, radius)
        certified["looks (ours)"] += int(yes.sum())
        draws["looks (ours)"] += float(spent.sum())
    means = {name: total / len(p) for name, total in draws.items()}
    return {"rows": len(p), "certified": certified, "draws": means | {"fixed n": float(N_FIXED)}}


def _by_looks(path: Ints, looks: list[int], r: float, radius: Any) -> tuple[NDArray[Any], Ints]:
    known = np.zeros(len(path), dtype=np.intp)
    rule = GroupSequential([r], len(path), N_FIXED, ALPHA, one_sided, radius, known)
    counts, rows = np.zeros((len(path), 2), dtype=np.int64), np.arange(len(path))
    for look, size in enumerate(looks):
        top = path[rows, size - 1]
        counts[rows] = np.stack([top, size - top], axis=1)
        rows = rows[rule.undecided(look, rows, counts[rows])]
    _, p_lower, p_upper = rule.bounds(counts)
    return radius(p_lower, p_upper) >= r, counts.sum(axis=1)
