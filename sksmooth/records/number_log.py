"""The log of a regressor: bounds at radii, or radii for intervals, row by row.

As that of a classifier: two comment lines, the names of columns, then a line for each row. All
cells are JSON but the last one, a hash by which the row is known again.
"""

import json
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bounds import BOUNDS, widened
from ..certificate import PredictionBounds, RegressionCertificate, Run
from ..certificate.medians import in_or_out
from ..certificate.stopping import is_single_level
from ..checks import check_radii
from .head import noise_of_head, run_of, versions
from .lines import KEY, SECONDS, UNREADABLE, fault, table_of
from .record import Record

__all__ = ["TITLE", "head_of", "lines_of_rows", "names_of", "read_rows"]

TITLE = "# sksmooth regression log, version 1"

Numbers = PredictionBounds | RegressionCertificate

_BOUNDS, _RADII = "bounds", "radii"
_COLUMNS = {
    _BOUNDS: ("idx", "label", "predict", "lower", "upper", "n_draws"),
    _RADII: ("idx", "label", "predict", "radius", "lower", "upper", "p_lower", "counts"),
}
_SETTINGS = (
    *("method", "form", "n", "n0", "alpha", "bound", "rule", "asked_radii", "max_radius"),
    *("seed", "stream"),
)


def head_of(
    c: Numbers, n_rows: int, settings: dict[str, Any], y_true: NDArray[Any] | None
) -> dict[str, Any]:
    """Return what a log says before its rows, of which there will be `n_rows`."""
    head = {name: getattr(c.run, name) for name in _SETTINGS} | {
        "noise": noise_of_head(c.noise),
        "sigma": c.sigma,
        "norm": c.norm,
        "rows": n_rows,
        "classes": [],
        "versions": versions(),
        "settings": settings,
        "y_true": None if y_true is None else y_true.dtype.str,
    }
    if isinstance(c, PredictionBounds):
        return head | {"what": _BOUNDS, "radius": c.radius, "ranks": c.ranks}
    return head | {"what": _RADII}


def names_of(head: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the columns that a log with this head has at least."""
    return _COLUMNS[head["what"]]


def lines_of_rows(record: Record, names: tuple[str, ...], keys: Sequence[str] | None = None) -> str:
    """Return a line for each row; `keys` are the cells of that column."""
    c = record.certificate
    columns: dict[str, list[Any]] = {
        "idx": record.index.tolist(),
        "label": [None] * len(c) if record.y_true is None else record.y_true.tolist(),
        "predict": record.y_pred.tolist(),
    }
    kept = ("lower", "upper", "p_lower", "counts", "n_draws")
    columns |= {name: getattr(c, name).tolist() for name in kept if name in names}
    if "radius" in names:
        columns["radius"] = c.radii.tolist()
    if record.seconds is not None:
        columns[SECONDS] = record.seconds.tolist()
    lines = []
    for i in range(len(c)):
        cells = [json.dumps(columns[name][i]) for name in names if name != KEY]
        lines.append("\t".join([*cells, *([keys[i]] if keys else [])]) + "\n")
    return "".join(lines)


def read_rows(path: pathlib.Path, lines: list[str], *, partial: bool = False) -> Record:
    """Return what was written; what cannot have been written is refused.

    With `partial`, rows may be missing at the end.
    """
    try:
        head = json.loads(lines[1].removeprefix("# "))
        run, what, expected = _run_of(head), head["what"], int(head["rows"])
        y_type = None if head["y_true"] is None else np.dtype(head["y_true"])
        settings = {"versions": head["versions"]} | dict(head["settings"])
    except UNREADABLE as error:
        raise fault(path, 2, f"the settings cannot be read ({error!r})") from error

    def checked(cells: dict[str, str]) -> dict[str, Any]:
        row = {name: json.loads(cell) for name, cell in cells.items() if name != KEY}
        return _checked(row, run)

    names, rows = table_of(path, lines, names_of(head), checked, expected, partial=partial)

    def column(name: str, dtype: Any = np.float64) -> NDArray[Any]:
        return np.array([row[name] for row in rows], dtype)

    untrue = None
    try:
        common: dict[str, Any] = {"lower": column("lower"), "upper": column("upper"), "run": run}
        c: Numbers
        if what == _BOUNDS:
            radius = head["radius"]
            c = PredictionBounds(
                prediction=column("predict"),
                radius=tuple(radius) if isinstance(radius, list) else radius,
                ranks=head["ranks"] and tuple((low, high) for low, high in head["ranks"]),
                n_draws=column("n_draws", np.int64),
                **common,
            )
            if c.lower.shape[1:] != np.shape(c.radius):
                raise ValueError("there is not one bound for each radius")
        else:
            c = RegressionCertificate(
                predictions=column("predict"),
                radii=column("radius"),
                p_lower=column("p_lower"),
                counts=column("counts", np.int64).reshape(len(rows), 3),
                **common,
            )
            untrue = _first_untrue(c)
        y_true = None if y_type is None else column("label", y_type)
        seconds = column(SECONDS) if SECONDS in names else None
    except UNREADABLE as error:
        raise fault(path, 2, f"the settings do not fit the rows ({error})") from error
    if untrue is not None:
        raise fault(path, untrue + 4, "the radius is not what the counts prove")
    return Record(y_true, column("predict"), c, column("idx", np.int64), seconds, settings)


def _run_of(head: dict[str, Any]) -> Run:
    if head["what"] == _BOUNDS:
        check_radii(head["radius"])
    return run_of(head, {name: head[name] for name in _SETTINGS}, {"one-sided"})


def _checked(row: dict[str, Any], run: Run) -> dict[str, Any]:
    if type(row["idx"]) is not int:
        raise ValueError(f"idx must be a whole number; got {row['idx']!r}")
    ends = np.array([row["lower"], row["upper"]], dtype=np.float64)
    if not np.all(ends[0] <= ends[1]):
        raise ValueError("lower must not be above upper")
    drawn = row["n_draws"] if "n_draws" in row else sum(row["counts"])
    if not 0 <= drawn <= run.n:
        raise ValueError(f"{drawn} draws were made, of at most {run.n}")
    if "radius" in row and not 0 <= row["radius"] <= run.max_radius:
        raise ValueError(f"radius must lie between 0 and {run.max_radius}; got {row['radius']!r}")
    return row


def _first_untrue(c: RegressionCertificate) -> int | None:
    """Return the first row whose radius is not what its counts prove, if any."""
    if c.method == "exact":
        return None
    true = np.isclose(c.noise.radius(c.p_lower, 1 - c.p_lower), c.radii, rtol=1e-6, atol=0)
    if is_single_level(c.run.rule):  # else bounds may be of an earlier look
        hits, misses = in_or_out(c.counts).T
        bounds = widened(*BOUNDS["one-sided"](hits, misses, c.n_draws, c.alpha), c.noise.tv_error)
        true &= np.isclose(bounds[0], c.p_lower, rtol=1e-6)
    return None if true.all() else int(np.argmin(true))
