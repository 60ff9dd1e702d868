"""Records of several models, from logs, records, or pairs of labels and certificates."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..certificate import Certificate
from .read import read_log
from .record import Record

__all__ = ["named_records", "record_of", "refuse_other_rows"]


def record_of(source: Any, name: str = "A log") -> Record:
    """Return the record that a log, a pair (y_true, certificate) or a record is of.

    Parameters
    ----------
    source : str, path-like, Record or tuple
        Something with certificates and true labels.
    name : str, default="A log"
        For messages.
    """
    if isinstance(source, tuple) and len(source) == 2 and isinstance(source[1], Certificate):
        source = Record.of(source[1], y_true=source[0])
    elif isinstance(source, str | os.PathLike):
        source = read_log(source)
    if not isinstance(source, Record):
        raise TypeError(
            f"Expected logs, Records, or pairs (y_true, certificate); got {type(source).__name__}. "
            "Record.of(certificate, y_true=y) makes a Record."
        )
    if source.certificate is None:
        raise ValueError(f"{name} of predictions has no certificates.")
    if source.y_true is None:
        raise ValueError(f"{name} has no true labels, so no accuracy.")
    return source


def named_records(records: Mapping[str, Any] | Sequence[Any]) -> dict[str, Record]:
    """Return records by the names of their models: those of a mapping, or their noise's.

    Parameters
    ----------
    records : mapping of str to source, or sequence of sources
        As of `record_of`.
    """
    if isinstance(records, str | os.PathLike | Record):
        raise TypeError(f"records must be a dict or a sequence; got {type(records).__name__}.")
    if not len(records):
        raise ValueError("records is empty.")
    if isinstance(records, Mapping):
        return {str(name): record_of(source, str(name)) for name, source in records.items()}
    found: dict[str, Record] = {}
    for source in records:
        record = record_of(source)
        assert record.certificate is not None
        found[record.certificate.noise.label] = record
    if len(found) < len(records):
        raise ValueError("Records with the same sigma need names: pass a dict.")
    return found


def refuse_other_rows(records: Mapping[str, Record], what: str) -> None:
    """Refuse records that do not cover the same rows; `what` cannot be done with such."""
    (first, ours), *others = records.items()
    for name, record in others:
        if not np.array_equal(np.sort(record.index), np.sort(ours.index)):
            raise ValueError(
                f"{first} covers {len(ours)} rows and {name} {len(record)}, and not the same ones: "
                f"they cannot be {what}. Certify the missing rows, or select some, "
                "record[positions]."
            )
