"""Small helpers of all checks; imports nothing of the package."""

import sys

__all__ = ["user_level"]

_NOT_USERS = ("sksmooth", "sklearn", "imblearn", "joblib", "contextlib")


def user_level() -> int:
    """Return the `stacklevel` at which a warning points at the user's code, not at ours.

    Nor at scikit-learn's, whose decorators are around our ``fit``.
    """
    frame, level = sys._getframe(1), 1
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _NOT_USERS:
        frame, level = frame.f_back, level + 1
    return level
