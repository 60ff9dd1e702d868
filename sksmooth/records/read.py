"""Reading a log of either kind."""

import os
import pathlib

from ..checks import check_draws
from . import class_log, number_log
from .cohen_log import read_theirs
from .lines import lines_of
from .record import Record

__all__ = ["read_log"]


def read_log(
    path: str | os.PathLike[str],
    *,
    sigma: float | None = None,
    n: int | None = None,
    n0: int | None = None,
    alpha: float | None = None,
    rows: int | None = None,
    partial: bool = False,
) -> Record:
    r"""Read a log of certificates or predictions: one of ours, or of the paper's authors.

    Parameters
    ----------
    path : str or path-like
        Log.
    sigma : float, default=None
        Only for a log of the authors, which does not say it: the noise in prediction. None reads it
        off a file name such as "sigma_0.25".
    n, n0 : int, default=None
        Only for a log of the authors: draws for estimation and for selection; None for 100,000 and
        100.
    alpha : float, default=None
        Only for a log of the authors: failure probability; None for 0.001. The published CIFAR-10
        logs for sigma 0.25 and 0.50 were made with 0.01; a radius that `alpha` cannot give is an
        error.
    rows : int, default=None
        Number of rows that the log should have; another number is an error. A log of the authors
        does not say it, so that without `rows` one that ended early is not noticed.
    partial : bool, default=False
        Read the finished rows of a log that still grows or was cut off, also while `certify` writes
        it. The first rows are not a random sample of all rows.

    Returns
    -------
    record : Record
        With a `certificate` if the log has radii or bounds, else with predictions only.

    Raises
    ------
    ValueError
        With the file and line, if the log is empty, cut off, shorter than it says, has a line that
        contradicts itself or another, or does not fit the settings.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from sksmooth.records import read_log
    >>> head = "idx\tlabel\tpredict\tradius\tcorrect\ttime"
    >>> row = "0\t3\t3\t0.378\t1\t0:00:15.4"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "sigma_0.25"
    ...     _ = path.write_text(f"{head}\n{row}\n")
    ...     record = read_log(path)
    >>> record.certificate.radii, record.certificate.sigma, record.seconds
    (array([0.378]), 0.25, array([15.4]))
    """
    path = pathlib.Path(path)
    lines = lines_of(path, partial=partial)
    for layout in (class_log, number_log):
        if lines[0] != layout.TITLE:
            continue
        if not (sigma is n is n0 is alpha is None):
            raise ValueError(f"{path} says its own settings; do not pass sigma, n, n0 or alpha.")
        return _whole(path, layout.read_rows(path, lines, partial=partial), rows)
    n = check_draws("n", 100_000 if n is None else n)
    n0 = check_draws("n0", 100 if n0 is None else n0)
    alpha = 0.001 if alpha is None else alpha
    return _whole(path, read_theirs(path, lines, sigma, n, n0, alpha), rows)


def _whole(path: pathlib.Path, record: Record, rows: int | None) -> Record:
    if rows is not None and len(record) != rows:
        raise ValueError(f"{path} has {len(record)} of the {rows} rows it should have.")
    return record
