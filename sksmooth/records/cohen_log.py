"""Logs of the paper's authors: certificates, or predictions, with radii of three digits."""

import datetime
import decimal
import pathlib
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import ndtr

from ..bounds import clopper_pearson
from ..bounds.binomial import complement
from ..certificate import Certificate, Run
from ..checks import check_alpha
from ..noise import FloatGaussian
from .lines import check_unique, fault, rows_of
from .record import Record

__all__ = ["read_theirs", "text_of_theirs"]

_CERTIFIED = ["idx", "label", "predict", "radius", "correct", "time"]
_PREDICTED = ["idx", "label", "predict", "correct", "time"]


def _seconds(text: str) -> float:
    """Seconds, from "15.4", "0:00:15.4" or "1 day, 0:00:15.4"."""
    match = re.fullmatch(r"(?:(\d+) days?, )?(\d+):(\d\d):(\d\d(?:\.\d+)?)", text)
    if match is None:
        return _number(text)
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def _number(text: str) -> float:
    if not re.fullmatch(r"[-+.0-9a-z]+", text):  # float would read 1_0 and digits of any alphabet
        raise ValueError(f"not a number: {text!r}")
    return float(text)


def _whole(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,19}", text) or not -(2**63) <= int(text) < 2**63:
        raise ValueError(f"not a whole number of 64 bits: {text!r}")
    return int(text)


_CONVERT: dict[str, Callable[[str], float]] = {"time": _seconds, "radius": _number}


def read_theirs(
    path: pathlib.Path, lines: list[str], sigma: float | None, n: int, n0: int, alpha: float
) -> Record:
    """Return what a script of the authors has written; see `sksmooth.records.read_log`."""
    columns = lines[0].split("\t")
    if columns not in (_CERTIFIED, _PREDICTED):
        raise fault(
            path,
            1,
            f"expected a log of sksmooth, or the columns {_CERTIFIED} with or without radius; got "
            f"{columns}",
        )
    values: dict[str, list[Any]] = {name: [] for name in columns}
    for number, cells in rows_of(path, lines, 1, columns):
        try:
            for name in columns:
                values[name].append(_CONVERT.get(name, _whole)(cells[name]))
        except ValueError as error:
            raise fault(path, number, f"a cell cannot be read ({error})") from error
        problem = _contradiction({name: values[name][-1] for name in columns})
        if problem:
            raise fault(path, number, problem)
    check_unique(path, values["idx"], 1)
    label, predict = np.array(values["label"]), np.array(values["predict"])
    index, seconds = np.array(values["idx"], dtype=np.int64), np.array(values["time"])
    if "radius" not in values:
        return Record(label, predict, None, index, seconds)
    radii, abstained = np.array(values["radius"]), predict == -1
    noise = FloatGaussian(_sigma_of(path) if sigma is None else sigma)
    largest = float(noise.radius(clopper_pearson([n], n, check_alpha(alpha)))[0])
    if radii.max() > 1.005 * largest:  # three digits
        line = int(radii.argmax())
        needed = float(ndtr(0.9995 * radii.max() / noise.sigma)) ** n
        raise fault(
            path,
            line + 2,
            f"radius {radii[line]:g} is more than {largest:.3g}, the most that n={n} draws can "
            f"give at alpha={alpha:g} and sigma={noise.sigma:g}. With this n and sigma, alpha was "
            f"{needed:.1g} or more",
        )
    p_lower = np.where(abstained, 0.0, ndtr(radii / noise.sigma))
    certificate = Certificate(
        labels=predict,
        radii=radii,
        abstained=abstained,
        p_lower=p_lower,
        p_upper=complement(p_lower),
        tv_error=np.zeros(len(label)),
        selected=predict,
        counts=np.zeros((len(label), 0), dtype=np.int64),  # they were not recorded
        n_draws=np.full(len(label), n, dtype=np.int64),
        stop_reason=np.full(len(label), "n"),
        classes=np.unique(np.concatenate([label, predict[~abstained]])),
        run=Run(
            noise=noise,
            n=n,
            n0=n0,
            alpha=alpha,
            max_radius=max(largest, float(radii.max())),
            abstain_label=-1,
        ),
    )
    return Record(label, predict, certificate, index, seconds)


def text_of_theirs(record: Record) -> str:
    """Return a log as a script of the authors writes it; see `sksmooth.records.write_log`."""
    c, y_true = record.certificate, record.y_true
    assert c is not None
    if y_true is None:
        raise ValueError("format='cohen' has true labels in it: pass y_true.")
    if str(c.norm) != "l2":
        raise ValueError(
            "format='cohen' does not say the norm, and its readers take radii for L2, in the units "
            f"of X; got {c.norm!r}. Write format='sksmooth'."
        )
    for name, labels in (("y_true", y_true), ("classes", c.classes)):
        if labels.dtype.kind not in "iu" or np.any(labels == -1):
            raise ValueError(
                f"format='cohen' holds labels as whole numbers, with -1 for abstentions; got "
                f"{name} {np.unique(labels)[:10].tolist()}. Number the classes from 0."
            )
    seconds = np.zeros(len(c)) if record.seconds is None else record.seconds
    lines = ["\t".join(_CERTIFIED)]
    for i, label, predict, none, radius, time in zip(
        record.index, y_true, c.labels, c.abstained, c.radii, seconds, strict=True
    ):
        answer = -1 if none else int(predict)
        took = datetime.timedelta(seconds=float(time))
        lines.append(f"{i}\t{label}\t{answer}\t{_short(radius)}\t{int(answer == label)}\t{took}")
    return "\n".join(lines) + "\n"


def _short(radius: float) -> str:
    """Return a radius in three digits, as they print it, but never more than it is."""
    text = f"{radius:.3}"
    if float(text) <= radius:
        return text
    digits = decimal.Context(prec=3, rounding=decimal.ROUND_DOWN)
    return f"{float(digits.create_decimal(float(radius))):.3}"


def _contradiction(row: dict[str, float]) -> str | None:
    """Say what is wrong with a row of numbers, if anything."""
    if row["correct"] != (row["label"] == row["predict"]):
        return f"correct is {row['correct']}, against label and predict"
    if not 0 <= row.get("radius", 0.0) < np.inf:
        return f"radius must be 0 or more, and finite; got {row['radius']}"
    if not 0 <= row["time"] < np.inf:
        return f"time must be 0 or more, and finite; got {row['time']}"
    if row["predict"] == -1 and row.get("radius", 0.0) > 0:
        return "a radius where predict is -1, which stands for an abstention"
    return None


def _sigma_of(path: pathlib.Path) -> float:
    match = re.fullmatch(r"sigma_(\d*\.?\d+)(\.(tsv|txt|csv|log))?", path.name)
    if match is None:
        raise ValueError(
            f"{path} does not say with which noise it was made, and neither does its name, as "
            "'sigma_0.25' would. Pass sigma."
        )
    return float(match.group(1))
