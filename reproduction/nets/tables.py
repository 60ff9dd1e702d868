"""Tables of records of the same images, beside published numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.page import table
from sksmooth import average_certified_radius_score, certified_accuracy_score
from sksmooth.records import Record

__all__ = ["figures", "results_table"]


def figures(record: Record, radii: tuple[float, ...]) -> dict[str, Any]:
    """Return what is measured of a record; the error is that of a mean over images."""
    c, y = record.certificate, record.y_true
    assert c is not None
    each = np.where(c.labels == y, c.radii, 0.0)
    return {
        "sigma": c.sigma,
        "n": c.n,
        "average radius": average_certified_radius_score(y, c),
        "standard error": float(each.std(ddof=1) / np.sqrt(len(each))),
        "largest radius": c.max_radius,
        "certified accuracy": {
            str(r): float(certified_accuracy_score(y, c, radius=r)) for r in radii
        },
        "abstained": float(c.abstained.mean()),
        "seconds": record.settings["seconds"],
        "recipe": record.settings["recipe"],
    }


def results_table(
    rows: Mapping[str, dict[str, Any]], published: Mapping[str, float], radii: tuple[float, ...]
) -> str:
    """Return a line for each of the figures."""
    head = ["", "average radius", "published", *(f"at {r:g}" for r in radii), "abstained"]
    head += ["training s", "certifying s"]
    return table(
        head,
        [
            [
                name,
                f"{found['average radius']:.3f} ± {found['standard error']:.3f}",
                f"{published[name]:.3f}",
                *(f"{found['certified accuracy'][str(r)]:.3f}" for r in radii),
                f"{found['abstained']:.3f}",
                f"{found['seconds']['training']:.0f}",
                f"{found['seconds']['certifying']:.0f}",
            ]
            for name, found in rows.items()
        ],
    )
