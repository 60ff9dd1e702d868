"""Checks of single arguments, each with a message that says what to do; imports nothing of ours."""

import numbers
import sys
from typing import Any

import numpy as np

__all__ = [
    "SMALLEST_ALPHA",
    "beside_changes",
    "check_alpha",
    "check_changes",
    "check_changes_of_each",
    "check_draws",
    "check_radii",
    "is_real",
    "refuse_masked",
    "user_level",
]

SMALLEST_ALPHA = 1e-200  # the bounds are accurate down to 1e-210; looks share alpha

_NOT_USERS = ("sksmooth", "sklearn", "imblearn", "joblib", "contextlib")


def user_level() -> int:
    """Return the `stacklevel` at which a warning points at the user's code, not at ours.

    Nor at scikit-learn's, whose decorators are around our ``fit``.
    """
    frame, level = sys._getframe(1), 1
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _NOT_USERS:
        frame, level = frame.f_back, level + 1
    return level


def check_draws(name: str, value: Any, what: str = "the number of noise draws per row") -> int:
    """Return `value` as a number of draws, or of something else, 1 or more."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise ValueError(
            f"{name} must be an int, {what}; got {value!r}."
            + (f" Write {name}={int(value)}." if _is_whole(value) else "")
        )
    if value < 1:
        raise ValueError(f"{name} must be at least 1; got {value}.")
    return int(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, float | np.floating) and float(value).is_integer()


def check_alpha(value: Any) -> float:
    """Return `value` as a failure probability."""
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Real)
        or not (SMALLEST_ALPHA <= float(value) < 1)
    ):
        raise ValueError(
            f"alpha, the probability that a certificate is false, must lie strictly between 0 and "
            f"1, and not below {SMALLEST_ALPHA}; got {value!r}."
        )
    return float(value)


def check_radii(radius: Any) -> tuple[float, ...]:
    """Return one radius, or a sequence of them, as a tuple of float."""
    refuse_masked("radius", radius)
    try:
        values = np.atleast_1d(np.asarray(radius))
    except ValueError:  # lists of several lengths
        values = np.array(["no numbers"])
    if values.dtype.kind not in "iuf" or values.ndim > 1 or not len(values):
        raise ValueError(
            f"radius must be a number, or a non-empty sequence of numbers, of 0 or more; got "
            f"{radius!r}."
        )
    if not np.all((values >= 0) & np.isfinite(values)):
        raise ValueError(f"radius must be 0 or more, and finite; got {radius!r}.")
    return tuple(float(value) for value in values)


def check_changes(changes: Any) -> int:
    """Return a number of changed columns."""
    if isinstance(changes, bool) or not isinstance(changes, numbers.Integral) or changes < 0:
        raise ValueError(
            f"changes must be a number of changed columns, an int of 0 or more; got {changes!r}."
        )
    return int(changes)


def beside_changes(number: int) -> str:
    """Return beside how many changed columns, in words behind a radius; nothing for none."""
    return f" beside {number} changed column{'s' * (number > 1)}" if number else ""


def check_changes_of_each(changes: Any) -> list[int]:
    """Return numbers of changed columns, of one or several."""
    numbers_of_columns = np.atleast_1d(np.asarray(changes)).tolist()
    if not numbers_of_columns:
        raise ValueError(f"changes must have one number of changed columns or more; got {changes}.")
    return [check_changes(number) for number in numbers_of_columns]


def is_real(value: Any) -> bool:
    """Whether a value is a real number; True and False are none."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def refuse_masked(name: str, values: Any) -> None:
    """Refuse masked values: an array of them would show what is behind the mask."""
    if isinstance(values, np.ma.MaskedArray) and np.ma.is_masked(values):
        raise ValueError(
            f"{name} has {np.ma.count_masked(values)} masked values, and what is behind a mask "
            f"must not count. Fill them ({name}.filled(...)), or leave them out."
        )
