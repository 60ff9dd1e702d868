"""The label that stands for "abstain", and codes turned into labels.

The label must be of the classes' own kind, since scikit-learn's metrics refuse mixtures, and must
never be one of them: an abstention that equals a class would be counted as an answer.
"""

import math
import numbers
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checks import refuse_masked

__all__ = [
    "check_label_kind",
    "choose_abstain_label",
    "decode",
    "from_torch",
    "of_one_kind",
    "shorten",
]

_INT64 = np.iinfo(np.int64)


def choose_abstain_label(
    classes: NDArray[Any], requested: Any, *, others: NDArray[Any] | None = None
) -> Any:
    """Return the label for abstentions, or None if `requested` is None.

    ``"auto"`` gives -1 (or the next free whole number below) for numbers, "abstain" for strings.
    It takes none of `others` either: labels of y that are no classes, such as -1 for "no label".
    """
    if requested is None:
        return None
    if classes.dtype.kind == "u" and classes.max() > np.iinfo(np.int64).max:
        raise ValueError(
            f"y has the label {classes.max()}, which does not fit into int64, as labels beside an "
            "abstain label must. Use smaller integers or strings, or abstain_label=None."
        )
    taken = set(classes.tolist()) | set([] if others is None else others.tolist())
    kind = classes.dtype.kind
    if kind not in "biufUO":
        raise ValueError(
            f"y has labels of dtype {classes.dtype}, beside which there is no label for "
            "abstentions. Pass numbers or strings, or abstain_label=None."
        )
    if isinstance(requested, str) and requested == "auto":
        if kind in "biuf":
            label = next(c for c in range(-1, -len(taken) - 2, -1) if c not in taken)
            return float(label) if kind == "f" else label
        text = "abstain"
        while text in taken:
            text = f"_{text}_"
        return text
    if kind in "biu":
        fits, wanted = isinstance(requested, numbers.Integral), "an integer of 64 bits"
        fits = fits and _INT64.min <= int(requested) <= _INT64.max
    elif kind == "f":
        fits = isinstance(requested, numbers.Real) and _is_finite(requested)
        wanted = "a finite number"
    else:
        fits, wanted = isinstance(requested, str), "a string"
    if not fits or isinstance(requested, bool):
        raise ValueError(
            f"abstain_label={requested!r} does not fit the labels {shorten(classes)}: expected "
            f'{wanted}. Use abstain_label="auto" to have one chosen.'
        )
    requested = float(requested) if kind == "f" else requested
    # as an array will hold it: rounded, or without zeros at the end of a string
    if requested in taken or np.asarray(requested).item() in taken:
        raise ValueError(
            f"abstain_label={requested!r} is one of the classes {shorten(classes)}, so an "
            'abstention could not be told from an answer. Take another, or abstain_label="auto".'
        )
    return requested


def decode(
    codes: NDArray[np.integer], abstained: NDArray[np.bool_], classes: NDArray[Any], label: Any
) -> NDArray[Any]:
    """Labels of class `codes`, with `label` where `abstained` unless it is None."""
    labels = classes[codes]
    if label is None:
        return labels
    if labels.dtype.kind in "biu":  # -1 does not fit into bool or unsigned labels
        labels = labels.astype(np.int64)
    # np.where widens strings; assignment would cut "abstain" to the width of the longest class
    fill = np.array(label, dtype=object) if labels.dtype == object else np.array(label)
    return np.where(abstained, fill, labels)


def check_label_kind(y: NDArray[Any], classes: NDArray[Any]) -> None:
    """Refuse to compare strings with numbers: none would be equal, and a score would be 0."""
    if (y.dtype.kind in "biuf") != (classes.dtype.kind in "biuf"):
        known = f"the classes are {shorten(classes)}" if len(classes) else "answers are numbers"
        raise ValueError(
            f"y has labels such as {y[:1].tolist()}, but {known}. Pass the labels as they were "
            "given to fit."
        )


def of_one_kind(y: Any) -> Any:
    """Return labels, after refusing those of which some are missing or of another kind.

    Sorting them would fail with a message that says little.
    """
    refuse_masked("y", y)
    y = from_torch(y)
    kind = getattr(getattr(y, "dtype", None), "kind", "")
    if kind == "T":  # numpy's strings of any length, which scikit-learn does not know
        y, kind = y.astype(object), "O"
    if kind == "O" or isinstance(y, list | tuple):  # of a list, numpy would make "None" and "nan"
        labels = np.asarray(y).ravel() if kind else y
        others = [label for label in labels if not isinstance(label, str)]
        if 0 < len(others) < len(labels):
            raise ValueError(
                f"y has {others[0]!r} among labels that are strings. Labels must be of one kind, "
                "and none may be missing."
            )
    return y


def from_torch(y: Any) -> Any:
    """Return labels as an array of numpy if they are a tensor, and unchanged otherwise.

    With scikit-learn's dispatch to array APIs they would stay tensors.
    """
    torch = sys.modules.get("torch")
    return y.detach().cpu().numpy() if torch and isinstance(y, torch.Tensor) else y


def _is_finite(number: Any) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # an int that is no float
        return False


def shorten(classes: NDArray[Any]) -> str:
    """Return the first labels, for a message."""
    shown = ", ".join(repr(c) for c in classes[:5].tolist())
    return f"[{shown}{', ...' if len(classes) > 5 else ''}]"
