"""Logs of certificates that are not finished yet."""

import pathlib

from sksmooth.records import Record, read_log

__all__ = ["begun"]

_LINES_BEFORE_ROWS = 3


def begun(log: pathlib.Path) -> Record | None:
    """Return the rows that a log has so far; None if it has none, or is not there."""
    if not log.exists() or log.read_bytes().count(b"\n") <= _LINES_BEFORE_ROWS:
        return None
    return read_log(log, partial=True)
