"""From what a user gives as sigma to numbers, with messages that say what to do about it."""

from numbers import Real
from typing import Any

import numpy as np

__all__ = ["SIGMAS", "check_scale", "check_sigma", "is_by_name", "is_still", "one_sigma"]

SIGMAS = 1e-100, 1e100  # beyond, squares and quotients leave the range of floats


def check_sigma(sigma: Any, shape: tuple[int, ...], names: Any = None) -> float | tuple[float, ...]:
    """Return sigma as a float, or as one float for each value of a row.

    Parameters
    ----------
    sigma : float, array-like of the shape of a row, or dict or Series by column name
        As the user gave it; a single number has been checked before.
    shape : tuple of int
        Shape of a row.
    names : sequence of str, default=None
        Names of the columns, if X had any.

    Returns
    -------
    sigma : float or tuple of float
        The tuple is in the order of a flattened row.
    """
    if isinstance(sigma, Real):
        return float(sigma)
    by_name = is_by_name(sigma)
    given = _in_order(sigma, names) if by_name else sigma
    try:
        values = np.asarray(given)
    except (TypeError, ValueError):  # lists of several lengths
        values = np.array("no numbers")
    if values.dtype.kind not in "iuf":
        raise ValueError(
            "sigma must be a number, or hold one number for each feature; got "
            f"{type(sigma).__name__} {sigma!r}."
        )
    if values.shape != shape:
        raise ValueError(
            f"sigma has shape {values.shape}, but rows of X have shape {shape}. Pass one number "
            "for all features, or an array with exactly the shape of a row."
        )
    values = values.astype(np.float64)
    low, high = SIGMAS
    wrong = ~((values == 0) | ((values >= low) & (values <= high)))
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        feature = repr(names[place[0]]) if by_name else place[0] if len(place) == 1 else place
        raise ValueError(
            f"sigma of feature {feature} is {values[place]}; expected a number from {low:g} to "
            f"{high:g}, or 0 for a feature that nobody can change."
        )
    if not values.any():
        raise ValueError(
            "sigma is 0 for every feature: without noise there is nothing to certify. Make it "
            "positive for the features that can be changed."
        )
    return tuple(values.ravel().tolist())


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


def is_by_name(sigma: Any) -> bool:
    """Whether sigma is a dict or Series."""
    return callable(getattr(sigma, "keys", None))


def is_still(sigma: Any, names: list[Any]) -> list[bool]:
    """Return which columns have sigma 0; all False if `sigma` cannot be that of these columns."""
    try:
        values = [sigma.get(name) for name in names] if is_by_name(sigma) else list(sigma)
    except TypeError:  # a single number
        values = []
    if len(values) != len(names):
        return [False] * len(names)
    return [isinstance(value, Real) and value == 0 for value in values]


def _in_order(sigma: Any, names: Any) -> list[Any]:
    """Return the values of a dict or Series in the order of the columns of X."""
    if names is None:
        raise ValueError(
            "sigma names features, but X had no column names in fit. Pass X as a data frame, or "
            "sigma as an array with the shape of a row."
        )
    keys = list(sigma.keys())
    known, wanted = set(keys), set(names)
    missing = [name for name in names if name not in known]
    unknown = [key for key in keys if key not in wanted]
    if missing or unknown or len(known) < len(keys):
        raise ValueError(
            "sigma must name each column of X once: "
            f"missing are {missing[:5]}, unknown are {unknown[:5]}, of {len(keys)} names. Give 0 "
            "to features that nobody can change."
        )
    return [sigma[name] for name in names]
