"""The lines of a log, and errors that name them. A file that is cut off anywhere is refused."""

import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

__all__ = [
    "KEY",
    "SECONDS",
    "UNREADABLE",
    "check_unique",
    "columns_in",
    "columns_of",
    "fault",
    "lines_of",
    "rows_of",
    "table_of",
    "title_of",
]

# what json, numpy and indexing raise over a file that somebody has changed
UNREADABLE = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)
SECONDS = "seconds"  # if they were noted
KEY = "key"  # of logs that grew row by row: a hash of each row, to be known again by


def lines_of(path: pathlib.Path, *, partial: bool = False) -> list[str]:
    """Return the lines of a file that is neither empty nor cut off.

    With `partial`, a last line that does not end is left out.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a text file in UTF-8: {error}.") from error
    lines = text.split("\n")
    if not text.strip() or (partial and len(lines) == 1):
        raise ValueError(f"{path} is empty.")
    if lines.pop() and not partial:
        raise fault(path, len(lines) + 1, "the last line does not end: the file was cut off")
    return lines


def fault(path: pathlib.Path, line: int, what: str) -> ValueError:
    """Return an error that names the place."""
    return ValueError(f"{path}, line {line}: {what}.")


def rows_of(
    path: pathlib.Path, lines: list[str], header: int, columns: list[str]
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the number of each line behind `header` lines, and its cells by column."""
    if len(lines) == header:
        raise ValueError(f"{path} has a header but no rows.")
    for number, line in enumerate(lines[header:], header + 1):
        cells = line.split("\t")
        if cells == columns:
            raise fault(path, number, "a second header; are there two logs in this file?")
        if len(cells) != len(columns):
            raise fault(
                path, number, f"{len(cells)} columns where the header has {len(columns)}: {line!r}"
            )
        yield number, dict(zip(columns, cells, strict=True))


def check_unique(path: pathlib.Path, index: list[int], header: int) -> None:
    """Refuse rows with a number that an earlier row has."""
    seen: dict[int, int] = {}
    for number, idx in enumerate(index, header + 1):
        first = seen.setdefault(idx, number)
        if first != number:
            raise fault(path, number, f"idx {idx} was on line {first} already")


def columns_of(names: tuple[str, ...], *, timed: bool, keyed: bool = False) -> tuple[str, ...]:
    """Return the names of a log's columns, from those that all logs of its kind have."""
    return (*names, *[SECONDS] * timed, *[KEY] * keyed)


def columns_in(line: str, names: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the names in the line above a log's rows; None if they are not those of a log."""
    found = tuple(line.split("\t"))
    expected = columns_of(names, timed=SECONDS in found, keyed=found[-1] == KEY)
    return expected if found == expected else None


def table_of(
    path: pathlib.Path,
    lines: list[str],
    names: tuple[str, ...],
    checked: Callable[[dict[str, str]], dict[str, Any]],
    expected: int,
    *,
    partial: bool,
) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    """Return the columns and the rows of a log whose title takes two lines, or name the fault.

    All logs of its kind have the columns `names`. `checked` makes values of a row's cells, or
    raises an error of `UNREADABLE`. With `partial`, rows may be missing at the end.
    """
    found = columns_in(lines[2] if len(lines) > 2 else "", names)
    if found is None:
        raise fault(path, 3, f"expected the columns {names}")
    rows = []
    for number, cells in rows_of(path, lines, 3, list(found)):
        try:
            rows.append(checked(cells))
        except UNREADABLE as error:
            raise fault(path, number, f"a cell cannot be read, or be true ({error})") from error
    check_unique(path, [row["idx"] for row in rows], 3)
    if len(rows) > expected or (len(rows) < expected and not partial):
        hint = ""
        if found[-1] == KEY:
            hint = " It grows: certify with log= goes on with it, partial=True reads what is there."
        raise ValueError(f"{path} has {len(rows)} of the {expected} rows it should have.{hint}")
    return found, rows


def title_of(title: str, head: dict[str, Any], names: tuple[str, ...]) -> str:
    """Return the lines before the rows."""
    return f"{title}\n# {json.dumps(head)}\n" + "\t".join(names) + "\n"
