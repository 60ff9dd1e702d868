"""A log that grows while rows are certified, from which an interrupted run goes on.

Two files, each only ever appended to. The log itself has the rows that are finished, in order, as
`write_log` would have written them. Beside it, until the last row is finished, "<log>.partial" has
the votes counted for rows that are not: what is made of votes is made again when the run goes on.
"""

import dataclasses
import errno
import json
import os
import pathlib
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from . import class_log
from .lines import KEY, columns_in, columns_of, fault, lines_of, title_of
from .probed import Answers
from .record import Record

__all__ = ["RunningLog"]

_NOTE_SECONDS = 0.5  # a process that is killed loses that much, and the piece that it was at
_SYNC_SECONDS = 2.0  # or if power fails
_SHOWN = 3


class RunningLog:
    """A log that this process alone writes, as a context.

    Parameters
    ----------
    path : str or path-like
        The log: a new file, or one that an earlier run with the same identity has begun.
    identity : mapping
        What must be the same for a run to go on, by the names in a log's head. Fits into JSON.
    n_rows : int
        Rows that there will be.
    answers : Answers, default=None
        What the model answers to probes. Kept among the settings, and compared with a tolerance for
        rounding.
    y_true : ndarray of shape (n_rows,), default=None
        True labels, noted beside the answers.
    index : ndarray of shape (n_rows,), default=None
        Numbers of the rows in their data set; None for 0, 1, 2, ...
    layout : module, default=class_log
        What its head and rows look like: `class_log`, or `number_log` of a regressor.

    Attributes
    ----------
    n_done : int
        Rows that are in the log.

    Raises
    ------
    BlockingIOError
        If another process is writing this log.
    ValueError
        If the file is no log, or a log of something else; the message says what differs.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        identity: Mapping[str, Any],
        n_rows: int,
        answers: Answers | None = None,
        y_true: NDArray[Any] | None = None,
        index: NDArray[np.int64] | None = None,
        layout: Any = class_log,
    ) -> None:
        self._layout = layout
        self.path = pathlib.Path(path).absolute()  # the base may change the folder
        self._partial = self.path.with_name(self.path.name + ".partial")
        self.identity: dict[str, Any] = json.loads(json.dumps(dict(identity)))
        self._answers = answers
        self._y_true = y_true
        self._index = np.arange(n_rows) if index is None else index
        self._written = self.identity  # with what need not be the same to the last bit
        if answers is not None:
            settings = self.identity["settings"] | {"probes": answers.record()}
            self._written = self.identity | {"settings": settings}
        self.n_rows = n_rows
        self.n_done = 0
        self._head: dict[str, Any] | None = None
        self._names: tuple[str, ...] = ()  # of the log's columns
        self._keys: list[str] = []  # of the rows that are in the log
        self._ends: list[int] = []  # and where each of their lines ends
        self._votes: dict[tuple[int, str], dict[int, tuple[int, list[int]]]] = {}
        self._pending: list[bytes] = []  # votes that are not written yet
        self._noted = self._synced = time.monotonic()

    def __enter__(self) -> "RunningLog":
        self._file = open(self.path, "a+b", buffering=0)
        self._journal: BinaryIO | None = None
        try:
            _lock(self._file, self.path)
            self._read_log()
            self._read_partial()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        try:
            self._write_notes()
            self._sync()
            if error is None and self.n_done == self.n_rows:
                self._partial.unlink(missing_ok=True)
        finally:
            self._close()
        if error is not None and self.n_done < self.n_rows:
            error.add_note(
                f"{self.n_done} of {self.n_rows} rows are finished and in {self.path}. Call "
                "certify with the same arguments again, and it goes on from there."
            )

    def read(self) -> Any:
        """Return the certificates of all rows, when they are finished."""
        if not os.path.samestat(os.fstat(self._file.fileno()), os.stat(self.path)):
            raise ValueError(f"{self.path} was replaced by another file while it was written.")
        record = self._layout.read_rows(self.path, lines_of(self.path))
        if record.certificate is None or len(record) != self.n_rows:
            raise ValueError(f"{self.path} has {len(record)} of {self.n_rows} rows.")
        return record.certificate

    def check(self, first: int, keys: Sequence[str]) -> bool:
        """Return whether the rows from `first` on, with these keys, are all in the log.

        If only some of them are, these are taken out of it again: rows are finished in groups, and
        what a model answers may depend on the group, in the last digit. Rows of another content are
        an error.
        """
        known = self._keys[first : first + len(keys)]
        for i, (one, other) in enumerate(zip(known, keys, strict=False), first):
            if one != other:
                raise ValueError(
                    f"Row {i} of X is not the row {i} that {self.path} has. Pass the same rows in "
                    "the same order, or another log."
                )
        if len(known) == len(keys):
            return True
        if known:
            self._cut(self._ends[first - 1] if first else self._body)
            del self._keys[first:], self._ends[first:]
            self.n_done = first
        return False

    def append(self, certificate: Any, keys: Sequence[str], seconds: float) -> None:
        """Write the next rows. When the call returns, the death of the process cannot take them."""
        settings = self._written["settings"]
        head = self._layout.head_of(certificate, self.n_rows, settings, self._y_true)
        head = json.loads(json.dumps(head))
        if self._head is None:
            self._head = head
            self._names = columns_of(self._layout.names_of(head), timed=True, keyed=True)
            _write(self._file, title_of(self._layout.TITLE, head, self._names).encode())
        elif any(self._head[name] != head[name] for name in ("noise", "max_radius")):
            raise ValueError(
                f"Rows {self.n_done} and on have other noise than those in {self.path}, since they "
                "come in another chunk, with other shortcuts: pass shortcuts=None."
            )
        rows = slice(self.n_done, self.n_done + len(certificate))
        y_true = None if self._y_true is None else self._y_true[rows]
        record = dataclasses.replace(
            Record.of(certificate, y_true=y_true, index=self._index[rows]),
            seconds=np.full(len(certificate), seconds / len(certificate)),
        )
        _write(self._file, self._layout.lines_of_rows(record, self._names, keys).encode())
        self.n_done += len(certificate)
        self._votes.clear()
        self._pending.clear()
        if time.monotonic() - self._synced > _SYNC_SECONDS:
            self._sync()
            if self._journal is not None:
                self._journal.truncate(self._journal_head)

    def find(
        self, purpose: int, keys: Sequence[str], start: int, n: int
    ) -> tuple[int, NDArray[np.int64]] | None:
        """Return votes of the draws from `start` on, and where they end, at n or before.

        None if some of the rows have none, or they do not end at one draw.
        """
        found = [self._votes.get((purpose, key), {}).get(start) for key in keys]
        stops = {None if part is None else part[0] for part in found}
        stop = stops.pop()
        if stop is None or stops or stop > n:
            return None
        return stop, np.array([part[1] for part in found if part is not None], dtype=np.int64)

    def note(
        self, purpose: int, keys: Sequence[str], start: int, stop: int, votes: NDArray[np.int64]
    ) -> None:
        """Keep the votes of the draws `start` to `stop` of rows that are not finished."""
        line = [purpose, start, stop, list(keys), votes.tolist()]
        self._pending.append(json.dumps(line).encode() + b"\n")
        if time.monotonic() - self._noted > _NOTE_SECONDS:
            self._write_notes()
            if self._noted - self._synced > _SYNC_SECONDS:
                self._sync()

    def _write_notes(self) -> None:
        if self._pending:
            if self._journal is None:
                self._open_partial(keep=0)
            assert self._journal is not None
            _write(self._journal, b"".join(self._pending))
            self._pending.clear()
        self._noted = time.monotonic()

    def _read_log(self) -> None:
        """Read what an earlier run has left, and take away a last line that is not whole."""
        self._file.seek(0)
        content = self._file.read()
        whole = content[: content.rfind(b"\n") + 1]
        lines = whole.split(b"\n")[:-1]
        if len(lines) < 4:  # it ended before there was a row, or is something else
            begun = f"{self._layout.TITLE}\n# ".encode()
            if content[: len(begun)] != begun[: len(content)]:
                raise self._no_log()
            self._cut(0)
            return
        try:
            texts = [line.decode() for line in lines]
            self._head = dict(json.loads(texts[1].removeprefix("# ")))
            names = columns_in(texts[2], self._layout.names_of(self._head))
        except (UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
            raise self._no_log() from error
        if texts[0] != self._layout.TITLE or names is None or names[-1] != KEY:
            raise self._no_log()
        self._names = names
        self._refuse_other(self.path, self._head)
        end = self._body = sum(len(line) + 1 for line in lines[:3])
        labels = None if self._y_true is None else self._y_true.tolist()
        for number, text in enumerate(texts[3:], 4):
            cells = text.split("\t")
            row = number - 4
            if row >= self.n_rows:
                raise ValueError(f"{self.path} has more rows than the {self.n_rows} in X.")
            if len(cells) != len(names) or cells[0] != str(self._index[row]):
                raise fault(
                    self.path, number, f"expected row {self._index[row]}; got {text[:60]!r}"
                )
            label = json.dumps(None if labels is None else labels[row])
            if cells[1] != label:
                raise ValueError(
                    f"{self.path} has the true label {cells[1]} for row {self._index[row]}, and y "
                    f"has {label}. Pass the same y, or none if the log has none, or another log."
                )
            end += len(lines[number - 1]) + 1
            self._keys.append(cells[-1])
            self._ends.append(end)
        self.n_done = len(self._keys)
        self._cut(end)

    def _read_partial(self) -> None:
        """Read the votes for rows that are not finished, and go on behind the last whole line."""
        if not self._partial.exists():
            return
        content = self._partial.read_bytes()
        head, *lines = content[: content.rfind(b"\n") + 1].split(b"\n")[:-1] or [b""]
        if not head:
            # a head that is not whole; what models answered may differ in the last digits
            begun = json.dumps(self._written).encode().partition(b'"probes"')[0]
            if not begun.startswith(content[: len(begun)]):
                raise ValueError(f"{self._partial} was not written by certify.")
            return
        keep = self._journal_head = len(head) + 1  # of that run's head, which stays
        try:
            identity = dict(json.loads(head))
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self._partial} was not written by certify.") from error
        self._refuse_other(self._partial, identity)
        for line in lines:
            try:
                purpose, start, stop, keys, votes = json.loads(line)
                self._check_votes(start, stop, votes)
                for key, part in zip(keys, votes, strict=True):
                    self._votes.setdefault((purpose, key), {})[start] = stop, part
            except (TypeError, ValueError):
                break  # of a disk that lost power; what follows is counted again
            keep += len(line) + 1
        self._open_partial(keep)

    def _check_votes(self, start: Any, stop: Any, votes: Any) -> None:
        whole = type(start) is type(stop) is int and 0 <= start < stop
        n_classes = len(self.identity["classes"])  # of a regressor, none: its bins are its own
        if not whole or not all(
            len(part) == (n_classes or len(part))
            and all(type(count) is int and count >= 0 for count in part)
            and sum(part) == stop - start
            for part in votes
        ):
            raise ValueError("these votes cannot be")

    def _open_partial(self, keep: int) -> None:
        self._journal = journal = open(self._partial, "ab", buffering=0)  # noqa: SIM115  see _close
        journal.truncate(keep)
        if not keep:
            self._journal_head = _write(journal, json.dumps(self._written).encode() + b"\n")

    def _refuse_other(self, path: pathlib.Path, head: Mapping[str, Any]) -> None:
        ours, theirs = _flat(self.identity), _flat(head)
        different = [
            "seed is another one there"
            if name == "seed"  # nobody is shown it
            else f"{name} is {_shown(theirs.get(name))} there and {_shown(value)} here"
            for name, value in ours.items()
            # as text: in Python 0 is 0.0 and False, and a number that is none is not itself
            if json.dumps(theirs.get(name)) != json.dumps(value)
        ]
        if self._answers is not None and not different:
            found = self._answers.difference(head["settings"].get("probes"))
            different += [] if found is None else [found]
        if different:
            more = f", and {len(different) - _SHOWN} more" * (len(different) > _SHOWN)
            raise ValueError(
                f"{path} is of another run: {', '.join(different[:_SHOWN])}{more}. To go on with "
                "it, restore what differs; otherwise name another log. (A model fitted anew is "
                "the same only with an integer random_state; better save and load it.)"
            )

    def _no_log(self) -> ValueError:
        return ValueError(
            f"{self.path} exists, and is no log that certify could go on with. It is left as it "
            "is; name another file."
        )

    def _cut(self, length: int) -> None:
        if os.fstat(self._file.fileno()).st_size > length:
            self._file.truncate(length)

    def _sync(self) -> None:
        for file in (self._journal, self._file):
            if file is not None:
                os.fsync(file.fileno())
        self._synced = time.monotonic()

    def _close(self) -> None:
        for file in (self._journal, self._file):
            if file is not None:
                file.close()  # and the lock is gone with it


def _write(file: BinaryIO, data: bytes) -> int:
    """Write all of `data` at once, so that there is a part of it only if the disk is full."""
    view = memoryview(data)
    while len(view):
        view = view[file.write(view) :]
    return len(data)


def _flat(head: Mapping[str, Any], front: str = "") -> dict[str, Any]:
    """Return the entries of nested mappings by names such as "noise.sigma"."""
    flat: dict[str, Any] = {}
    for name, value in head.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{front}{name}.")
        else:
            flat[front + name] = value
    return flat


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _lock(file: BinaryIO, path: pathlib.Path) -> None:
    """Keep other processes from writing the same log; the lock ends with the process."""
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(2**40)  # others may read what is locked on Unix, but not here
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise OSError(
                f"{path} cannot be locked against other processes ({error}). Put it on another "
                "file system."
            ) from error
        raise BlockingIOError(
            f"{path} is being written by another call of certify. Wait for it, or give each its "
            "own rows and its own log."
        ) from error
