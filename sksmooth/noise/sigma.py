"""From what a user gives as sigma to numbers, with messages that say what to do about it."""

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np

from .specification import Rows, Specification

__all__ = [
    "SIGMAS",
    "check_by_feature",
    "check_scale",
    "check_sigma",
    "is_by_name",
    "one_sigma",
    "scale_of",
    "without_specifications",
]

SIGMAS = 1e-100, 1e100  # beyond, squares and quotients leave the range of floats


def check_sigma(
    sigma: Any, shape: tuple[int, ...], names: Any = None, kinds: tuple[str, ...] | None = None
) -> float | tuple[float, ...]:
    """Return sigma as a float, or as one float for each value of a row.

    Parameters
    ----------
    sigma : float, array-like of the shape of a row, or dict or Series by column name
        As the user gave it; a single number has been checked before. The key "*" speaks of all
        columns that are not named.
    shape : tuple of int
        Shape of a row.
    names : sequence of str, default=None
        Names of the columns, if X had any.
    kinds : tuple of str, default=None
        What the columns of a frame hold. Those without numbers have 0 unless they are named.

    Returns
    -------
    sigma : float or tuple of float
        The tuple is in the order of a flattened row.
    """
    no_numbers = _without_numbers(names, kinds)
    if isinstance(sigma, Real):
        if no_numbers:
            shown = _listed(no_numbers)
            raise ValueError(
                f"sigma={sigma!r} is for all columns, but noise cannot be added to {shown}. Either "
                "pass units, such as units='std': sigma stays one number, and columns without "
                "numbers get no noise. Or give columns their sigma by name, such as "
                f"sigma={{'*': {float(sigma):g}}}, which is for all columns of numbers."
            )
        return float(sigma)
    values = check_by_feature("sigma", sigma, shape, names, kinds)
    if not any(values):
        raise ValueError(
            "sigma is 0 for every feature: without noise there is nothing to certify. Make it "
            "positive for the features that can be changed."
        )
    return values


def without_specifications(
    sigma: Any, shape: tuple[int, ...], names: Any = None
) -> tuple[Any, dict[int, Specification]]:
    """Return sigma with 0 for columns that have a noise of their own, and what these have.

    Parameters
    ----------
    sigma, shape, names
        As of `check_sigma`. Entries may be specifications of noise.

    Returns
    -------
    sigma : object
        Still to be checked.
    changes : dict of int to Specification
        By the place of the column.
    """
    if is_by_name(sigma):
        entries = {key: sigma[key] for key in sigma.keys()}  # noqa: SIM118  a Series has no items
    elif isinstance(sigma, list | tuple) or str(getattr(sigma, "dtype", "")) == "object":
        entries = dict(enumerate(sigma))
        names = None
    else:
        return sigma, {}
    special = {key: value for key, value in entries.items() if isinstance(value, Specification)}
    if not special:
        return sigma, {}
    if len(shape) != 1:
        raise ValueError(
            f"Single columns of a table may have a noise of their own; rows have shape {shape}. "
            "Pass noise= for one noise of all values."
        )
    named = list(range(shape[0]) if names is None else names)
    rest = special.get(_OTHERS) if _OTHERS not in named else None
    found = [special.get(name, None if name in entries else rest) for name in named]
    changes = {place: each for place, each in enumerate(found) if each is not None}
    numbers = {key: 0.0 if key in special else value for key, value in entries.items()}
    return (numbers if is_by_name(sigma) else list(numbers.values())), changes


def check_by_feature(
    what: str,
    given: Any,
    shape: tuple[int, ...],
    names: Any = None,
    kinds: tuple[str, ...] | None = None,
) -> tuple[float, ...]:
    """Return a number for each value of a row, in the order of a flattened row.

    Parameters
    ----------
    what : str
        Name of the parameter, for messages.
    given : array-like of the shape of a row, or dict or Series by column name
        As the user gave it.
    shape, names, kinds
        As of `check_sigma`.

    Returns
    -------
    values : tuple of float
        Each is 0, or a number that a sigma may be.
    """
    by_name = is_by_name(given)
    in_order = _in_order(what, given, shape, names, kinds) if by_name else given
    try:
        values = np.asarray(in_order)
    except (TypeError, ValueError):  # lists of several lengths
        values = np.array("no numbers")
    if values.dtype.kind not in "iuf":
        raise ValueError(
            f"{what} must be a number, or hold one number for each feature; got "
            f"{type(given).__name__} {given!r}."
        )
    if values.shape != shape:
        raise ValueError(
            f"{what} has shape {values.shape}, but rows of X have shape {shape}. Pass one number "
            "for all features, or an array with exactly the shape of a row."
        )
    values = values.astype(np.float64)
    low, high = SIGMAS
    wrong = ~((values == 0) | ((values >= low) & (values <= high)))
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        feature: Any = place[0] if len(place) == 1 else place
        if by_name and names is not None:
            feature = repr(names[place[0]])
        raise ValueError(
            f"{what} of feature {feature} is {values[place]}; expected a number from {low:g} to "
            f"{high:g}, or 0 for a feature that nobody can change."
        )
    noisy = {
        name: kind
        for place, (name, kind) in _without_numbers(names, kinds).items()
        if values[place]
    }
    if noisy:
        raise ValueError(
            f"Noise cannot be added to {_listed(dict(enumerate(noisy.items())))}. Give "
            f"{'it' if len(noisy) == 1 else 'them'} a {what} of 0: the base gets such columns as "
            "they are."
        )
    return tuple(values.ravel().tolist())


def _without_numbers(names: Any, kinds: tuple[str, ...] | None) -> dict[int, tuple[Any, str]]:
    """Return names and kinds of the columns that noise cannot be added to, by their places."""
    return {
        place: (place if names is None else names[place], kind)
        for place, kind in enumerate(kinds or ())
        if kind not in ("numbers", "booleans")
    }


def _listed(columns: dict[int, tuple[Any, str]]) -> str:
    """Return the first of some columns, for a message."""
    shown = [f"{name!r} ({kind})" for name, kind in list(columns.values())[:5]]
    return ", ".join(shown) + (" and others" if len(columns) > 5 else "")


def one_sigma(sigma: float | tuple[float, ...], family: str) -> float:
    """Return sigma for a family that has one for all features; refuse several."""
    if isinstance(sigma, float):
        return sigma
    raise ValueError(
        f"{family} noise has one sigma for all features; got one for each. Take noise='gaussian', "
        "or scale the features to like units."
    )


def check_scale(name: str, scale: Any) -> float:
    """Return a width of noise as a float."""
    low, high = SIGMAS
    if isinstance(scale, bool) or not isinstance(scale, Real) or not low <= float(scale) <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}; got {scale!r}.")
    return float(scale)


def scale_of(given: Any, rows: Rows, family: str, of_sigma: Callable[[float], float]) -> float:
    """Return the scale of noise: the one that the user gave, or one computed from sigma.

    Parameters
    ----------
    given : float or None
        The specification's scale.
    rows : Rows
        What the specification is bound to.
    family : str
        Name for messages.
    of_sigma : callable
        The scale of noise with a standard deviation.
    """
    rows.refuse_float(family)
    if given is None:
        return of_sigma(one_sigma(rows.sigma, family))
    return check_scale("scale", given)


def is_by_name(sigma: Any) -> bool:
    """Whether sigma is a dict or Series."""
    return callable(getattr(sigma, "keys", None))


def _in_order(
    what: str, given: Any, shape: tuple[int, ...], names: Any, kinds: tuple[str, ...] | None
) -> list[Any]:
    """Return the values of a dict or Series in the order of the columns of X."""
    keys = list(given.keys())
    in_places = isinstance(given, dict) and all(isinstance(k, int) or k == _OTHERS for k in keys)
    if names is None and in_places and len(shape) == 1:
        names = range(shape[0])
    if names is None:
        raise ValueError(
            f"{what} names features, but X had no column names in fit. Pass X as a data frame, or "
            f"{what} as an array with the shape of a row."
        )
    known, wanted = set(keys), set(names)
    rest = _OTHERS if _OTHERS in known and _OTHERS not in wanted else None
    unknown = [key for key in keys if key not in wanted and key != rest]
    values, missing = [], []
    for place, name in enumerate(names):
        if name in known:
            values.append(given[name])
        elif rest is not None and (kinds is None or kinds[place] in ("numbers", "booleans")):
            values.append(given[rest])
        elif rest is not None or (kinds is not None and kinds[place] != "numbers"):
            values.append(0.0)
        else:
            missing.append(name)
    if missing or unknown or len(known) < len(keys):
        raise ValueError(
            f"{what} must name each column of X once: "
            f"missing are {missing[:5]}, unknown are {unknown[:5]}, of {len(keys)} names. Give 0 "
            f"to features that nobody can change, or {{..., '*': 0}} to all that are not named."
        )
    return values


_OTHERS = "*"
