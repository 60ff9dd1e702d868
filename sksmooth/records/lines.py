"""The lines of a log, and errors that name them. A file that is cut off anywhere is refused."""

import pathlib
from collections.abc import Iterator

__all__ = ["check_unique", "fault", "lines_of", "rows_of"]


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
