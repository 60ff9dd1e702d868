"""Our log: columns that begin like those of the paper's authors, under two comment lines.

The first says what the file is, the second holds the settings and versions as a JSON object. Labels
and numbers are JSON too, so that they read back bit for bit; votes are "class code:count" pairs.
"""

import json
import os
import pathlib
import platform
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy
import sklearn
from numpy.typing import ArrayLike

from .._version import __version__
from ..certificate import Certificate
from .lines import fault, rows_of
from .record import Record

__all__ = ["TITLE", "read_ours", "write_log"]

TITLE = "# sksmooth certification log, version 1"
_COLUMNS = (
    "idx",
    "label",
    "predict",
    "radius",
    "correct",
    "p_lower",
    "p_upper",
    "selected",
    "n_draws",
    "stop_reason",
    "votes",
)
_SETTINGS = ("n", "n0", "alpha", "sigma", "norm", "max_radius", "bound", "asked_radii", "seed")


def write_log(
    path: str | os.PathLike[str],
    certificate: Certificate,
    *,
    y_true: ArrayLike | None = None,
    index: ArrayLike | None = None,
    settings: dict[str, Any] | None = None,
) -> None:
    """Write certificates to a new log, from which `read_log` restores them bit for bit.

    Parameters
    ----------
    path : str or path-like
        File to be made. One that exists is not touched.
    certificate : Certificate
        Certificates.
    y_true : array-like of shape (n_rows,), default=None
        True labels.
    index : array-like of int of shape (n_rows,), default=None
        Numbers of the rows in their data set; None for 0, 1, 2, ...
    settings : dict, default=None
        What else is worth knowing, such as the name of the model; must fit into JSON.

    Raises
    ------
    FileExistsError
        If there is a file of this name.

    Returns
    -------
    None
        The file is complete when the function returns.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.records import read_log, write_log
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(GaussianNB(), sigma=0.5, random_state=0).fit(X, y)
    >>> certificate = clf.certify(X[::10], n=500)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "iris.tsv"
    ...     write_log(path, certificate, y_true=y[::10])
    ...     record = read_log(path)
    >>> bool((record.certificate.radii == certificate.radii).all())
    True
    """
    record = Record.of(certificate, y_true=y_true, index=index)
    c = certificate
    head = {name: getattr(c, name) for name in _SETTINGS} | {
        "rows": len(c),
        "classes": c.classes.tolist(),
        "dtypes": {"classes": c.classes.dtype.str, "labels": c.labels.dtype.str},
        "versions": {
            "sksmooth": __version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "scipy": scipy.__version__,
            "scikit-learn": sklearn.__version__,
        },
        "settings": settings or {},
    }
    if record.y_true is not None:
        head["dtypes"]["y_true"] = record.y_true.dtype.str
    lines = [TITLE, f"# {json.dumps(head)}", "\t".join(_COLUMNS)]
    lines += ["\t".join(cells) for cells in _cells(record, c)]
    with open(path, "x", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(lines) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _cells(record: Record, c: Certificate) -> Iterator[list[str]]:
    """Yield the cells of each row, in the order of _COLUMNS."""
    y_true = [None] * len(c) if record.y_true is None else record.y_true.tolist()
    columns = zip(record.index.tolist(), y_true, c.labels.tolist(), c.radii.tolist(), strict=True)
    for i, (idx, label, predict, radius) in enumerate(columns):
        correct = None if label is None else int(label == predict and not c.abstained[i])
        votes = " ".join(f"{k}:{c.counts[i, k]}" for k in np.flatnonzero(c.counts[i]))
        bounds = [float(c.p_lower[i]), float(c.p_upper[i]), c.selected[i : i + 1].tolist()[0]]
        cells = [idx, label, predict, radius, correct, *bounds, int(c.n_draws[i])]
        yield [*map(json.dumps, cells), str(c.stop_reason[i]), votes]


def read_ours(path: pathlib.Path, lines: list[str]) -> Record:
    """Return what `write_log` has written."""
    try:
        head = json.loads(lines[1].removeprefix("# "))
        columns = lines[2].split("\t")
        dtypes, classes = head["dtypes"], np.array(head["classes"], head["dtypes"]["classes"])
        settings = {name: head[name] for name in _SETTINGS}
        expected = int(head["rows"])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise fault(path, 2, f"the settings cannot be read ({error!r})") from error
    if tuple(columns) != _COLUMNS:
        raise fault(path, 3, f"expected the columns {_COLUMNS}; got {columns}")
    values: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    counts = np.zeros((max(0, len(lines) - 3), len(classes)), dtype=np.int64)
    for row, (number, cells) in enumerate(rows_of(path, lines, 3, columns)):
        try:
            for name in _COLUMNS[:-2]:
                values[name].append(json.loads(cells[name]))
            for vote in cells["votes"].split():
                code, count = vote.split(":")
                counts[row, int(code)] = int(count)
        except (ValueError, IndexError) as error:
            raise fault(path, number, f"a cell cannot be read ({error})") from error
        values["stop_reason"].append(cells["stop_reason"])
        if counts[row].sum() != values["n_draws"][-1]:
            raise fault(path, number, "the votes do not add up to n_draws")
    if len(values["idx"]) != expected:
        raise ValueError(f"{path} has {len(values['idx'])} of the {expected} rows it should have.")
    labels = np.array(values["predict"], dtypes["labels"])
    p_lower, p_upper = np.array(values["p_lower"]), np.array(values["p_upper"])
    asked = settings["asked_radii"]
    certificate = Certificate(
        labels=labels,
        radii=np.array(values["radius"], dtype=np.float64),
        abstained=~(p_lower > p_upper),
        p_lower=p_lower,
        p_upper=p_upper,
        selected=np.array(values["selected"], dtypes["classes"]),
        counts=counts,
        n_draws=np.array(values["n_draws"], dtype=np.int64),
        stop_reason=np.array(values["stop_reason"]),
        classes=classes,
        **(settings | {"asked_radii": None if asked is None else tuple(asked)}),
    )
    y_true = np.array(values["label"], dtypes["y_true"]) if "y_true" in dtypes else None
    more = {"versions": head.get("versions", {})} | head.get("settings", {})
    return Record(y_true, labels, certificate, np.array(values["idx"]), settings=more)
