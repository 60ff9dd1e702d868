"""Writing a whole log at once."""

import dataclasses
import os
from typing import Any

from numpy.typing import ArrayLike

from ..bounds import BOUNDS
from ..certificate import Certificate, PredictionBounds, RegressionCertificate
from . import class_log, number_log
from .cohen_log import text_of_theirs
from .lines import columns_of, title_of
from .record import Record

__all__ = ["write_log"]


def write_log(
    path: str | os.PathLike[str],
    certificate: Certificate | PredictionBounds | RegressionCertificate | Record,
    *,
    y_true: ArrayLike | None = None,
    index: ArrayLike | None = None,
    settings: dict[str, Any] | None = None,
    seed: bool = True,
    format: str = "sksmooth",
) -> None:
    """Write certificates to a new log, from which `read_log` restores them bit for bit.

    Parameters
    ----------
    path : str or path-like
        File to be made. One that exists is not touched.
    certificate : Certificate, PredictionBounds, RegressionCertificate or Record
        Certificates of a classifier, what a regressor has certified, or a record that holds some,
        such as one of `join_logs`.
    y_true : array-like of shape (n_rows,), default=None
        True labels; those of a record, if there are none.
    index : array-like of int of shape (n_rows,), default=None
        Numbers of the rows in their data set; None for a record's, or those that `Record.of` takes.
    settings : dict, default=None
        What else is worth knowing, such as the name of the model; must fit into JSON. None for a
        record's.
    seed : bool, default=True
        Whether to write the seed of the noise. Leave it out of a log that is published while the
        classifier still certifies rows that others choose.
    format : {"sksmooth", "cohen"}, default="sksmooth"
        "cohen" is that of the paper's authors, which their ``analyze.py`` and other programs read:
        columns idx, label, predict, radius, correct and time. Labels must be whole numbers, and are
        needed; -1 stands for an abstention. Radii must be in the L2 norm, in the units of X; they
        have three digits, like theirs, but are rounded down. It holds neither settings nor votes.

    Returns
    -------
    None
        The file is complete when the function returns.

    Raises
    ------
    FileExistsError
        If there is a file of this name.

    See Also
    --------
    read_log : Reads either format.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.records import read_log, write_log
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.5, random_state=0).fit(X, y)
    >>> certificate = clf.certify(X[::10], n=500)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "iris.tsv"
    ...     write_log(path, certificate, y_true=y[::10])
    ...     record = read_log(path)
    >>> bool((record.certificate.radii == certificate.radii).all())
    True
    """
    record = _record_of(certificate, y_true, index, settings)
    c = record.certificate
    assert c is not None
    if format == "cohen" and isinstance(c, Certificate):
        text = text_of_theirs(record)
    elif format == "sksmooth":
        text = _text_of(record, c, seed)  # first: it may fail
    else:
        raise ValueError(
            f"format must be 'sksmooth', or 'cohen' for certificates of classes; got {format!r}."
        )
    with open(path, "x", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _record_of(
    certificate: Any, y_true: Any, index: Any, settings: dict[str, Any] | None
) -> Record:
    """Return what is to be written, checked."""
    if not isinstance(certificate, Record):
        record = Record.of(certificate, y_true=y_true, index=index)
        return dataclasses.replace(record, settings=settings or {})
    given = certificate
    if given.certificate is None:
        raise ValueError("A record of predictions cannot be written: it has no certificates.")
    checked = Record.of(
        given.certificate,
        y_true=given.y_true if y_true is None else y_true,
        index=given.index if index is None else index,
    )
    settings = given.settings if settings is None else settings
    return dataclasses.replace(checked, seconds=given.seconds, settings=settings)


def _text_of(record: Record, c: Any, seed: bool) -> str:
    if not len(c) or c.bound not in (*BOUNDS, "exact"):
        raise ValueError(
            f"A log needs rows, and a bound of {[*BOUNDS, 'exact']}; got {len(c)} rows and the "
            f"bound {c.bound!r}."
        )
    layout = class_log if isinstance(c, Certificate) else number_log
    head: dict[str, Any] = layout.head_of(c, len(c), record.settings, record.y_true)
    if not seed:
        head["seed"] = None
    names = columns_of(layout.names_of(head), timed=record.seconds is not None)
    return title_of(layout.TITLE, head, names) + layout.lines_of_rows(record, names)
