"""Our log: columns that begin like those of the paper's authors, under two comment lines.

The first says what the file is, the second holds the settings and versions as a JSON object. Labels
and numbers are JSON too, so that they read back bit for bit; votes are "class code:count" pairs.
"""

import json
import pathlib
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..bounds import BOUNDS, widened
from ..certificate import Certificate, Run
from ..certificate.certificate import codes_of
from ..certificate.stopping import is_single_level, stop_reasons
from ..certificate.votes import top_two
from ..checks import check_changes
from .head import noise_of_head, run_of, versions
from .lines import KEY, SECONDS, UNREADABLE, fault, table_of
from .record import Record

__all__ = ["TITLE", "head_of", "lines_of_rows", "names_of", "read_rows"]

TITLE = "# sksmooth certification log, version 1"
_COLUMNS = (
    "idx",
    "label",
    "predict",
    "radius",
    "correct",
    "abstained",
    "p_lower",
    "p_upper",
    "tv_error",
    "selected",
    "n_draws",
    "stop_reason",
    "votes",
)
_COMPUTED = (*_COLUMNS, "width", "radius_l2")  # of certificates of closed forms
_TEXT = ("stop_reason", "votes", KEY)  # the other cells are JSON
_SETTINGS = ("n", "n0", "alpha", "max_radius", "bound", "asked_radii", "seed", "stream", "shortcut")


def head_of(
    c: Certificate, n_rows: int, settings: dict[str, Any], y_true: NDArray[Any] | None
) -> dict[str, Any]:
    """Return what a log says before its rows, of which there will be `n_rows`."""
    dtypes = {"classes": c.classes.dtype.str, "labels": c.labels.dtype.str}
    if y_true is not None:
        dtypes["y_true"] = y_true.dtype.str
    label = None if c.run.abstain_label is None else np.asarray(c.run.abstain_label).item()
    return {name: getattr(c, name) for name in _SETTINGS} | {
        "tol": c.run.tol,
        "asked_changes": c.run.asked_changes,
        "rule": c.run.rule,
        "abstain_label": label,
        "method": c.method,
        "form": c.form,
        "noise": noise_of_head(c.noise),
        "sigma": c.sigma,
        "norm": c.norm,
        "rows": n_rows,
        "classes": c.classes.tolist(),
        "has_votes": c.counts.shape[1] > 0,
        "dtypes": dtypes,
        "versions": versions(),
        "settings": settings,
    }


def names_of(head: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the columns that a log with this head has at least."""
    return _COMPUTED if head["method"] == "exact" else _COLUMNS


def lines_of_rows(record: Record, names: tuple[str, ...], keys: Sequence[str] | None = None) -> str:
    """Return a line for each row; `keys` are the cells of that column."""
    c = record.certificate
    assert c is not None
    lines = []
    for i, cells in enumerate(_cells(record, c)):
        if keys is not None:
            cells[KEY] = keys[i]
        lines.append("\t".join(cells[name] for name in names) + "\n")
    return "".join(lines)


def _cells(record: Record, c: Certificate) -> Iterator[dict[str, str]]:
    """Yield the cells of each row, by the names of their columns."""
    y_true = [None] * len(c) if record.y_true is None else record.y_true.tolist()
    right = [label == predict for label, predict in zip(y_true, c.labels.tolist(), strict=True)]
    columns = {
        "idx": record.index.tolist(),
        "label": y_true,
        "predict": c.labels.tolist(),
        "radius": c.radii.tolist(),
        "correct": [int(r and not a) for r, a in zip(right, c.abstained, strict=True)],
        "abstained": c.abstained.astype(int).tolist(),
        "p_lower": c.p_lower.tolist(),
        "p_upper": c.p_upper.tolist(),
        "tv_error": c.tv_error.tolist(),
        "selected": c.selected.tolist(),
        "n_draws": c.n_draws.tolist(),
        "width": c.width.tolist(),
        "radius_l2": c.radii_l2.tolist(),
    }
    if record.seconds is not None:
        columns[SECONDS] = record.seconds.tolist()
    rows = zip(*columns.values(), strict=True)
    for row, reason, counts in zip(rows, c.stop_reason, c.counts, strict=True):
        votes = " ".join(f"{code}:{counts[code]}" for code in np.flatnonzero(counts))
        cells = dict(zip(columns, map(json.dumps, row), strict=True))
        yield cells | {"stop_reason": str(reason), "votes": votes}


def read_rows(path: pathlib.Path, lines: list[str], *, partial: bool = False) -> Record:
    """Return what `write_log` has written; what cannot have been written is refused.

    With `partial`, rows may be missing at the end.
    """
    try:
        head = json.loads(lines[1].removeprefix("# "))
        run = _run_of(head)
        dtypes = {name: np.dtype(code) for name, code in head["dtypes"].items()}
        classes = np.array(head["classes"], dtypes["classes"]).reshape(-1)
        expected, has_votes, more = int(head["rows"]), head["has_votes"], dict(head["settings"])
        more = {"versions": head["versions"]} | more
    except UNREADABLE as error:
        raise fault(path, 2, f"the settings cannot be read ({error!r})") from error
    votes: list[NDArray[np.int64]] = []

    def checked(cells: dict[str, str]) -> dict[str, Any]:
        row = _checked_row(cells, classes.tolist(), run)
        row["predict"] = np.array([row["predict"]], dtypes["labels"])[0]
        if has_votes:
            votes.append(_votes(cells["votes"], len(classes), row["n_draws"]))
        return row

    names, rows = table_of(
        path, lines, names_of({"method": run.method}), checked, expected, partial=partial
    )
    counts = np.array(votes, dtype=np.int64).reshape(len(rows), len(classes) if has_votes else 0)
    try:
        values: dict[str, Any] = {
            name: np.array([row[name] for row in rows], dtype)
            for name, dtype in {
                "predict": dtypes["labels"],
                "radius": np.float64,
                "abstained": bool,
                "p_lower": np.float64,
                "p_upper": np.float64,
                "tv_error": np.float64,
                "selected": dtypes["classes"],
                "n_draws": np.int64,
                "stop_reason": np.str_,
                "idx": np.int64,
                **({"width": np.float64, "radius_l2": np.float64} if "width" in names else {}),
                **({"label": dtypes["y_true"]} if "y_true" in dtypes else {}),
                **({SECONDS: np.float64} if SECONDS in names else {}),
            }.items()
        }
    except UNREADABLE as error:
        raise fault(path, 2, f"the dtypes do not fit the rows ({error!r})") from error
    index, y_true = values.pop("idx"), values.pop("label", None)
    seconds = values.pop(SECONDS, None)
    labels, radii = values.pop("predict"), values.pop("radius")
    values["radii_l2"] = values.pop("radius_l2", None)
    certificate = Certificate(
        labels=labels,
        radii=radii,
        counts=counts,
        classes=classes,
        run=run,
        **values,
    )
    untrue = _first_untrue(certificate)
    if untrue is not None:
        raise fault(path, untrue + 4, "the bounds or the radius are not what the votes prove")
    return Record(y_true, labels, certificate, index, seconds, settings=more)


def _run_of(head: dict[str, Any]) -> Run:
    # logs of version 0.1 have none of the settings that have a default here
    given = {name: head[name] for name in _SETTINGS}
    given |= {name: head.get(name) for name in ("form", "tol", "abstain_label")}
    given["method"] = head.get("method", "montecarlo")
    given["asked_changes"] = check_changes(head.get("asked_changes", 0))
    given["rule"] = head.get("rule", "GroupSequential" if head["asked_radii"] else "Curtailed")
    if dict(head["noise"]).pop("bits", 22) != 22:
        raise ValueError("these votes are of a shortcut that is gone; certify the rows again")
    noise = {name: value for name, value in head["noise"].items() if name != "bits"}
    run = run_of(head | {"noise": noise}, given, BOUNDS)
    run.noise.radius([0.9])
    return run


def _checked_row(cells: dict[str, str], classes: list[Any], run: Run) -> dict[str, Any]:
    row = {name: json.loads(cell) for name, cell in cells.items() if name not in _TEXT}
    row["stop_reason"] = cells["stop_reason"]
    for name in ("idx", "n_draws"):
        if type(row[name]) is not int:
            raise ValueError(f"{name} must be a whole number; got {row[name]!r}")
    for name, limit in (
        ("radius", run.max_radius),
        ("p_lower", 1),
        ("p_upper", 1),
        ("tv_error", 1),
        *((("width", 1), ("radius_l2", np.inf)) if "width" in row else ()),
        *(((SECONDS, sys.float_info.max),) if SECONDS in row else ()),
    ):
        if not 0 <= row[name] <= limit:
            raise ValueError(f"{name} must lie between 0 and {limit}; got {row[name]!r}")
    if not 0 <= row["n_draws"] <= run.n:
        raise ValueError(f"n_draws is {row['n_draws']}, of at most {run.n}")
    if row["selected"] not in [*classes, row["predict"]]:  # unknown where it was not recorded
        raise ValueError(f"selected is {row['selected']!r}, which is no class")
    if row["stop_reason"] not in stop_reasons():
        raise ValueError(f"stop_reason must be one of {stop_reasons()}; got {row['stop_reason']!r}")
    if row["abstained"] not in (0, 1) or (row["abstained"] and row["radius"] > 0):
        raise ValueError("abstained must be 0 or 1, and without a radius")
    if not row["abstained"] and row["predict"] != row["selected"]:
        raise ValueError("predict must be the selected class, or an abstention")
    if row["correct"] != (row["label"] == row["predict"] and not row["abstained"]):
        raise ValueError(f"correct is {row['correct']!r}, against label and predict")
    return row


def _votes(cell: str, n_classes: int, n_draws: int) -> NDArray[np.int64]:
    pairs = [vote.split(":") for vote in cell.split()]
    votes = {int(code): int(count) for code, count in pairs}
    if len(votes) < len(pairs) or any(v < 1 or not 0 <= k < n_classes for k, v in votes.items()):
        raise ValueError("votes must name each class once, with 1 vote or more")
    if sum(votes.values()) != n_draws:
        raise ValueError("the votes do not add up to n_draws")
    counts = np.zeros(n_classes, dtype=np.int64)
    for code, count in votes.items():
        counts[code] = count
    return counts


def _first_untrue(c: Certificate) -> int | None:
    """Return the first row whose bounds or radius are not what its votes prove, if any."""
    radii = c.noise.radius(c.p_lower, c.p_upper)
    if c.method == "exact":  # they rest on more digits than p_lower has, and may be larger
        true = c.abstained | (c.radii >= radii * (1 - 1e-6))
        return None if true.all() else int(np.argmin(true))
    true = c.abstained | np.isclose(radii, c.radii, rtol=1e-6, atol=0)
    true &= c.tv_error >= c.noise.tv_error
    if c.counts.shape[1] and is_single_level(c.run.rule):  # else bounds may be of an earlier look
        votes = top_two(c.counts, codes_of(c))
        bounds = widened(*BOUNDS[c.bound](*votes, c.n_draws, c.alpha), c.tv_error)
        for ours, theirs in zip(bounds, (c.p_lower, c.p_upper), strict=True):
            true &= np.isclose(ours, theirs, rtol=1e-6)
    return None if true.all() else int(np.argmin(true))
