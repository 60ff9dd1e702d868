"""Computed probabilities beside the votes of a million draws."""

import pathlib
from typing import Any

import numpy as np
from scipy import stats

from sksmooth import SmoothedClassifier

from ..page import Page, table, verdict
from .data import BASES, DATA

__all__ = ["run"]

_ROWS = 2
_LEVEL = 1e-3  # of the whole comparison
_TEXT = """\
Two test rows of each data set and base, two copies of noise per training row, sigma = 0.5: the
interval that the closed form proves the top class's probability to lie in, and the votes of n draws
for that class. `|z|` is the largest distance of the votes' share from the interval, in its standard
errors; `p` the smallest p-value of an exact binomial test of the nearest end of the interval. With
all rows of all cells together, at level 0.001, a p-value below {limit:.1e} would be a
contradiction."""


def run(quick: bool, folder: pathlib.Path) -> Page:
    """Compare all bases on all data sets on which they have a closed form."""
    n = 20_000 if quick else 1_000_000
    cells = []
    for data in ("breast cancer", "wine", "iris", "digits"):
        for base in BASES:
            if (cell := _cell(data, base, n)) is not None:
                cells.append(cell)
                print(f"{data}, {base} done", flush=True)
    limit = _LEVEL / (_ROWS * len(cells))
    rows = [
        [
            cell["data"],
            cell["base"],
            cell["form"],
            f"{cell['width']:.1e}",
            f"{cell['z']:.2f}",
            f"{cell['p']:.2g}",
            verdict(cell["p"] >= limit),
        ]
        for cell in cells
    ]
    head = ["data", "base", "form", "widest interval", "largest &#124;z&#124;", "smallest p", ""]
    text = _TEXT.format(limit=limit) + f" n = {n:,}; {len(cells)} cells."
    return Page("Exact certificates: agreement", [text, table(head, rows)], {"cells": cells})


def _cell(data: str, base: str, n: int) -> dict[str, Any] | None:
    split = DATA[data]()
    clf = SmoothedClassifier(BASES[base](), sigma=0.5, n_augment=2, random_state=0)
    clf.fit(split.X_train, split.y_train)
    X = split.X_test[:: len(split.X_test) // _ROWS][:_ROWS]
    exact = clf.certify(X)
    if exact.method != "exact":
        return None
    # all n draws of each row: with a bound for the runner-up no row is left early
    sampled = clf.set_params(method="montecarlo").certify(X, n=n, bound="two-sided")
    columns = np.searchsorted(clf.classes_, exact.selected)
    votes = sampled.counts[np.arange(len(X)), columns]
    low, high = exact.p_lower, np.minimum(exact.p_lower + exact.width, 1.0)
    nearest = np.clip(votes / n, low, high)
    error = np.sqrt(np.maximum(nearest * (1 - nearest), 1 / n) / n)
    p = [stats.binomtest(int(k), n, q).pvalue for k, q in zip(votes, nearest, strict=True)]
    return {
        "data": data,
        "base": base,
        "form": exact.form,
        "width": float(exact.width.max()),
        "z": float(np.max(np.abs(votes / n - nearest) / error)),
        "p": float(min(p)),
    }
