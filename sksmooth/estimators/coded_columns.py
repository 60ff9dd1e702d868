"""Columns of a data frame that may hold codes of categories, under a sigma that is one for all."""

import warnings
from numbers import Real
from typing import Any

from ..checks import user_level
from ..exceptions import UnitsWarning

__all__ = ["warn_of_coded_columns"]

_FEW = 10  # distinct values
_OFTEN = 5  # times that each of them occurs, on average


def warn_of_coded_columns(X: Any, sigma: Any) -> None:
    """Warn of columns of few whole numbers that get the same noise as all others.

    Nothing tells a code (1 = married, 2 = single) from a count, but noise between codes means
    nothing, and one sigma for codes and amounts is hardly meant. Sigma by column says that somebody
    has thought of them.

    Parameters
    ----------
    X : object
        Training rows; data frames of pandas and polars are looked at.
    sigma : object
        The parameter of the smoother.
    """
    if not isinstance(sigma, Real) or type(X).__module__.partition(".")[0] not in _LIBRARIES:
        return
    whole = [
        name
        for name, dtype in zip(X.columns, X.dtypes, strict=True)
        if str(dtype).lower().startswith(("int", "uint"))
    ]
    coded = [name for name in whole if _is_coded(X[name])]
    if coded and len(whole) < len(X.columns):  # not counts, or the bytes of an image
        shown = ", ".join(repr(name) for name in coded[:5])
        shown += f" and {len(coded) - 5} more" if len(coded) > 5 else ""
        warnings.warn(
            f"Columns of few whole numbers get noise of sigma={sigma:g} like all others: {shown}. "
            "If these are codes of categories, numbers between them mean nothing. Give them a "
            f"sigma of 0: sigma={{..., {coded[0]!r}: 0}}.",
            UnitsWarning,
            stacklevel=user_level(),
        )


_LIBRARIES = ("pandas", "polars")


def _is_coded(column: Any) -> bool:
    distinct = len(column.unique())
    return 2 <= distinct <= _FEW and len(column) >= _OFTEN * distinct
