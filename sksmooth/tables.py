"""Tables of certified accuracy, as papers print them."""

import dataclasses
import operator
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .certificate import Certificate
from .certificate.concat import refuse_other_norms
from .checks import check_changes_of_each
from .metrics import certified_accuracy_score
from .metrics.scores import labels_of, radii_of, right_rows, warn_if_decided
from .records import Record
from .records.named import named_records

__all__ = ["CertifiedAccuracyTable", "certified_accuracy_table"]


@dataclasses.dataclass(frozen=True, eq=False)
class CertifiedAccuracyTable:
    """Certified accuracy by model and radius; `certified_accuracy_table` makes one.

    Attributes
    ----------
    names : tuple of str
        One per line.
    radii : ndarray of shape (n_radii,)
        One per column.
    scores : ndarray of shape (n_lines, n_radii)
        Certified accuracy.
    notes : tuple of str
        What a reader must know, such as a line that covers fewer rows than others.
    flagged : tuple of bool
        Lines that cannot be compared with the others, and are never in bold; empty for none.
    groups : tuple of str
        Group of each line; the best are in bold in each group apart. Empty for a single group.
    average_radius : ndarray of shape (n_lines, 2), default=None
        Average certified radius (ACR) of each line and its standard error; None for no such column.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.tables import CertifiedAccuracyTable
    >>> scores = np.array([[0.8, 0.6], [0.7, 0.65]])
    >>> table = CertifiedAccuracyTable(("0.25", "0.5"), np.array([0.0, 0.5]), scores, ())
    >>> print(table.to_markdown())
    |  | r=0 | r=0.5 |
    |:---|---:|---:|
    | 0.25 | **0.80** | 0.60 |
    | 0.5 | 0.70 | **0.65** |
    """

    names: tuple[str, ...]
    radii: NDArray[np.float64]
    scores: NDArray[np.float64]
    notes: tuple[str, ...]
    flagged: tuple[bool, ...] = ()
    groups: tuple[str, ...] = ()
    average_radius: NDArray[np.float64] | None = None

    def to_markdown(self, digits: int = 2) -> str:
        """Return the table in Markdown, the best of each column in bold.

        Parameters
        ----------
        digits : int, default=2
            Digits behind the point.

        Returns
        -------
        text : str
            With the notes below it.
        """
        cells = self._cells(digits, "**{}**", " ± ")
        head = ["", *(f"r={r:g}" for r in self.radii), *self._last]
        for row in cells:
            row[0] = row[0].replace("|", r"\|")
        lines = ["| " + " | ".join(row) + " |" for row in [head, *cells]]
        lines.insert(1, "|:---" + "|---:" * (len(head) - 1) + "|")
        return "\n".join(lines + [f"\n{note}" for note in self.notes])

    def to_latex(self, digits: int = 2) -> str:
        r"""Return the table in LaTeX, the best of each column in bold.

        Parameters
        ----------
        digits : int, default=2
            Digits behind the point.

        Returns
        -------
        text : str
            A tabular environment; needs ``\usepackage{booktabs}``.
        """
        cells = self._cells(digits, r"\textbf{{{}}}", r" $\pm$ ")
        cells = [[_escaped(row[0]), *row[1:]] for row in cells]
        head = ["", *(f"$r = {r:g}$" for r in self.radii), *self._last]
        lines = [" & ".join(row) + r" \\" for row in [head, *cells]]
        lines = [
            rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
        ]
        return "\n".join(lines + [rf"\par\footnotesize {_escaped(note)}" for note in self.notes])

    def to_frame(self) -> Any:
        """Return the scores as a pandas DataFrame, a column per radius.

        Returns
        -------
        frame : pandas.DataFrame
            Indexed by the names. With average radii, the last columns are "ACR" and "ACR error".
        """
        import pandas as pd  # optional: only this method needs it

        frame = pd.DataFrame(self.scores, index=list(self.names), columns=self.radii)
        if self.average_radius is not None:
            frame["ACR"], frame["ACR error"] = self.average_radius.T
        return frame

    @property
    def _last(self) -> list[str]:
        """Heads of the columns behind the radii."""
        return [] if self.average_radius is None else ["ACR"]

    def _cells(self, digits: int, bold: str, between: str) -> list[list[str]]:
        values = self.scores
        if self.average_radius is not None:
            values = np.column_stack([values, self.average_radius[:, 0]])
        text = [[f"{value:.{digits}f}" for value in row] for row in values]
        flagged = self.flagged or (False,) * len(text)
        printed = np.array(text, dtype=float)  # equal in print is equal
        printed = np.where(np.array(flagged)[:, None], 0.0, printed)
        groups = np.array(self.groups or ("",) * len(text))
        best = {
            g: np.nanmax(printed[groups == g], axis=0, initial=0.0) for g in self.groups or [""]
        }
        lines = [
            [name]
            + [
                bold.format(cell) if float(cell) == top > 0 and not flag else cell
                for cell, top in zip(row, best[group], strict=True)
            ]
            for name, row, flag, group in zip(self.names, text, flagged, groups, strict=True)
        ]
        if self.average_radius is not None:
            for line, error in zip(lines, self.average_radius[:, 1], strict=True):
                line[-1] += f"{between}{error:.{digits}f}"
        return lines


def certified_accuracy_table(
    records: Mapping[str, Any] | Sequence[Any],
    radii: ArrayLike,
    *,
    changes: int | Sequence[int] = 0,
    average_radius: bool = False,
    classwise: bool | str = False,
    unequal: str = "refuse",
) -> CertifiedAccuracyTable:
    """Tabulate certified accuracy, one line per record and one column per radius.

    Parameters
    ----------
    records : mapping of str to log, Record or tuple, or iterable of such
        A path of a log, a record, or a pair ``(y_true, certificate)`` for each model, with true
        labels; without names, they are named by sigma. Rows are matched as by
        `~sksmooth.metrics.paired_comparison`.
    radii : array-like of float of shape (n_radii,)
        In the units of the certificates.
    changes : int or sequence of int, default=0
        How many columns may change beside, for mixed noise. Several give a line each, and the best
        record of each number is in bold.
    average_radius : bool, default=False
        Whether there is a last column with the average certified radius and the standard error that
        it has from the choice of rows. It depends on n more than the others (arXiv:2410.06895).
    classwise : bool or "balanced", default=False
        As of `sksmooth.certified_accuracy_score`. True gives a line per class and record, and the
        best record of each class is in bold.
    unequal : {"refuse", "flag"}, default="refuse"
        What to do with records that do not cover the same rows of the data set, such as a log that
        is shorter than the others: an error, or a mark at the line's name and a note.

    Returns
    -------
    table : CertifiedAccuracyTable
        With ``to_markdown``, ``to_latex`` and ``to_frame``.

    Raises
    ------
    ValueError
        If the records do not cover the same rows, or have other true labels for them.

    See Also
    --------
    sksmooth.metrics.paired_comparison : How sure a difference between two models is.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.records import Record
    >>> from sksmooth.tables import certified_accuracy_table
    >>> X, y = load_iris(return_X_y=True)
    >>> records = []
    >>> for sigma in (0.25, 0.5):
    ...     clf = SmoothedClassifier(NearestCentroid(), sigma=sigma, random_state=0).fit(X, y)
    ...     records.append(Record.of(clf.certify(X, n=500), y_true=y))
    >>> print(certified_accuracy_table(records, [0.5, 1.0]).to_markdown(digits=1))
    |  | r=0.5 | r=1 |
    |:---|---:|---:|
    | sigma=0.25 | **0.7** | 0.0 |
    | sigma=0.5 | **0.7** | **0.4** |
    """
    if unequal not in ("refuse", "flag"):
        raise ValueError(f"unequal must be 'refuse' or 'flag'; got {unequal!r}.")
    if average_radius and classwise == "balanced":
        raise ValueError("average_radius has no balanced form: pass classwise=True or False.")
    by_name = named_records(records)
    certificates = [_certificate(record) for record in by_name.values()]
    refuse_other_norms([certificate.noise.norm for certificate in certificates], "in one table")
    notes = _other_settings(certificates)
    radii = np.asarray(radii, dtype=np.float64).reshape(-1)
    numbers = check_changes_of_each(changes)
    longest = max(by_name.values(), key=len)
    names: list[str] = []
    groups: list[str] = []
    scores, flagged, averages = [], [], []
    for name, record in by_name.items():
        what = _other_rows(name, record, longest)
        if what and unequal == "refuse":
            raise ValueError(
                f"{name} covers {what}: accuracies on different rows cannot be compared. "
                "Certify the missing rows, or pass unequal='flag'."
            )
        if what:
            notes.append(f"* {name} covers {what}.")
            name += "*"
        for number in numbers:
            found = certified_accuracy_score(
                _labels(record),
                _certificate(record),
                radius=radii,
                changes=number,
                classwise=classwise,
            )
            by_class = found if isinstance(found, dict) else {"": found}
            beside = f", {number} changed" if number or np.ndim(changes) else ""
            for label, score in by_class.items():
                of_class = f", {label}" if isinstance(found, dict) else ""
                names.append(f"{name}{of_class}{beside}")
                groups.append(f"{label}{beside}")
                scores.append(score)
                flagged.append(bool(what))
            if average_radius:
                averages += _averages(record, number, by_class=classwise is True)
    order = sorted(range(len(names)), key=lambda i: list(dict.fromkeys(groups)).index(groups[i]))
    return CertifiedAccuracyTable(
        tuple(names[i] for i in order),
        radii,
        np.array(scores)[order],
        tuple(notes),
        tuple(flagged[i] for i in order),
        tuple(groups[i] for i in order) if classwise is True or np.ndim(changes) else (),
        np.array(averages)[order] if average_radius else None,
    )


def _other_rows(name: str, record: Record, longest: Record) -> str:
    """Return which rows a record covers, if these are not the rows of the longest one."""
    _, here, there = np.intersect1d(record.index, longest.index, return_indices=True)
    if not np.array_equal(_labels(record)[here], _labels(longest)[there]):
        raise ValueError(f"{name} has other true labels for the same rows.")
    if np.array_equal(np.sort(record.index), np.sort(longest.index)):
        return ""
    if len(record) == len(longest):
        return "other rows of the data set than the first of its length"
    return f"{len(record)} rows, not the {len(longest)} of the longest"


def _averages(record: Record, changes: int, *, by_class: bool) -> list[tuple[float, float]]:
    """Return the average radius and its standard error, of all rows or of those of each class."""
    c, y_true = _certificate(record), _labels(record)
    warn_if_decided(c, None, changes)
    right, _ = right_rows(y_true, c, None)
    lengths = np.maximum(np.where(right, radii_of(c, changes), 0.0), 0.0)
    parts = [lengths[y_true == label] for label in labels_of(y_true, c)] if by_class else [lengths]
    return [
        (
            float(part.mean()) if len(part) else np.nan,
            float(part.std(ddof=1) / np.sqrt(len(part))) if len(part) > 1 else np.nan,
        )
        for part in parts
    ]


def _labels(record: Record) -> NDArray[Any]:
    assert record.y_true is not None  # named_records has looked
    return record.y_true


def _other_settings(certificates: Sequence[Certificate]) -> list[str]:
    """Return a note for each setting, other than sigma, in which certificates differ."""
    notes = []
    for name in ("n", "n0", "alpha", "bound", "asked_radii", "run.asked_changes", "noise.kind"):
        values = dict.fromkeys(map(operator.attrgetter(name), certificates))
        if len(values) > 1:
            notes.append(f"{name} differs: {', '.join(map(str, values))}.")
    return notes


def _certificate(record: Record) -> Certificate:
    assert record.certificate is not None  # named_records has looked
    return record.certificate


def _escaped(text: str) -> str:
    words = {"\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"}
    return "".join(words.get(c, rf"\{c}" if c in "&%$#_{}" else c) for c in text)
