"""Records of several models, from logs, records, or pairs of labels and certificates."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..certificate import Certificate
from .read import read_log
from .record import Record, whole_numbers

__all__ = ["named_records", "refuse_other_rows"]


def _record_of(source: Any, name: str, *, by_order: bool) -> Record:
    """Return the record of a source; by order, the rows of a pair are 0, 1, 2, ..."""
    if _is_pair(source):
        y_true, certificate = source
        index = np.arange(len(certificate)) if by_order else None
        source = Record.of(certificate, y_true=y_true, index=index)
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


def named_records(records: Mapping[str, Any] | Iterable[Any]) -> dict[str, Record]:
    """Return records by the names of their models: those of a mapping, or their noise's.

    Parameters
    ----------
    records : mapping of str to source, or iterable of sources
        Logs, records, or pairs (y_true, certificate), with true labels. Rows of pairs have the
        numbers of their certificate's index, if all pairs have such, and otherwise 0, 1, 2, ...
    """
    if isinstance(records, str | os.PathLike | Record):
        raise TypeError(f"records must be a dict or a sequence; got {type(records).__name__}.")
    items: list[tuple[Any, Any]]
    if has_names := isinstance(records, Mapping):
        items = list(records.items())
    else:
        items = [("A log", source) for source in records]
    if not items:
        raise ValueError("records is empty.")
    by_order = any(_is_pair(pair) and whole_numbers(pair[1].index) is None for _, pair in items)
    found: dict[str, Record] = {}
    for name, source in items:
        record = _record_of(source, str(name), by_order=by_order)
        assert record.certificate is not None
        found[str(name) if has_names else record.certificate.noise.label] = record
    if len(found) < len(items):
        raise ValueError("Records with the same sigma need names: pass a dict.")
    return found


def _is_pair(source: Any) -> bool:
    return isinstance(source, tuple) and len(source) == 2 and isinstance(source[1], Certificate)


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
