"""How far single features may change: what a radius says of them, and the frame that shows it."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .certificate import Certificate
from .summary import rounded_down

__all__ = ["frame_of_intervals", "intervals_of_radii", "need_pandas", "sentence"]


def need_pandas() -> Any:
    """Return pandas, or say that it is needed."""
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "per_feature returns a data frame of pandas: pip install pandas."
        ) from error
    return pandas


def intervals_of_radii(certificate: Certificate, X: Any = None) -> Any:
    """Return the frame of `Certificate.per_feature`."""
    need_pandas()
    norm = certificate.noise.norm
    if norm.kind == "l0":
        raise ValueError(
            "These radii count changed features: a radius of 1 or more says that any one feature "
            "may change, by however much. Intervals exist for radii that are lengths."
        )
    values = None if X is None else np.asarray(X)
    if values is not None and len(values) != len(certificate):
        raise ValueError(f"X has {len(values)} rows; the certificate has {len(certificate)}.")
    n_features = certificate.noise.n_values
    if norm.scale is not None:
        n_features = len(norm.scale)
    if n_features is None and values is not None:
        n_features = int(np.prod(values.shape[1:]))
    if n_features is None:
        raise ValueError("This noise does not know how many features rows have: pass X.")
    change = norm.along_axes(certificate.radii, n_features)
    moves = np.ones(n_features, dtype=bool) if norm.scale is None else np.array(norm.scale) > 0
    how = np.full(change.shape, "radius")
    return frame_of_intervals(certificate, values, -change, change, how, moves)


def frame_of_intervals(
    certificate: Certificate,
    values: NDArray[Any] | None,
    down: NDArray[np.float64],
    up: NDArray[np.float64],
    how: NDArray[np.str_],
    moves: NDArray[np.bool_],
) -> Any:
    """Return intervals as a frame: a line for each row and feature that has noise.

    Parameters
    ----------
    certificate : Certificate
        Of the rows; it has their index and the names of the features.
    values : ndarray of shape (n_samples, *shape) or None
        The rows themselves.
    down, up, how : ndarray of shape (n_samples, n_features)
        Ends, from the value, and how they were found.
    moves : ndarray of shape (n_features,), bool
        Which features have noise.
    """
    pd = need_pandas()
    index, names = certificate.index, certificate.feature_names
    rows = pd.RangeIndex(len(down)) if index is None else index
    features = np.arange(down.shape[1]) if names is None else np.array(names, dtype=object)
    if len(features) != down.shape[1]:  # rows are images: names are those of channels
        features = np.arange(down.shape[1])
    flat: NDArray[Any] = np.full(down.shape, np.nan)
    if values is not None:
        flat = values.reshape(down.shape)
    columns = {"value": flat, "down": down, "up": up, "how": how}
    lines = pd.MultiIndex.from_product(
        [rows, features[moves]], names=[getattr(rows, "name", None) or "row", "feature"]
    )
    return pd.DataFrame({k: v[:, moves].ravel() for k, v in columns.items()}, index=lines)


def sentence(intervals: Any, certificate: Certificate, row: int, *, most: int = 3) -> str:
    """Return in words how far the features of a row may change.

    Parameters
    ----------
    intervals : pandas.DataFrame
        As of `frame_of_intervals`.
    certificate : Certificate
        Of the same rows.
    row : int
        Position of the row.
    most : int, default=3
        How many features are named; those with the least room over their unit are.

    Returns
    -------
    text : str
        Ends are rounded inward.
    """
    name = row if certificate.index is None else certificate.index[row]
    label = certificate.labels[row : row + 1].tolist()[0]
    if certificate.abstained[row]:
        return f"row {name}: nothing is certified"
    norm, n = certificate.noise.norm, len(intervals) // len(certificate)
    part = intervals.iloc[row * n : (row + 1) * n]
    down, up = -part["down"].to_numpy(), part["up"].to_numpy()
    features = part.index.get_level_values(-1).tolist()
    unit = norm.along_axes([1.0], certificate.noise.n_values or n)[0]
    room = np.minimum(down, up) / unit[unit > 0]
    order = [i for i in np.argsort(room, kind="stable").tolist() if min(down[i], up[i]) < np.inf]
    values = part["value"].to_numpy()
    if not (part["how"] == "exact").any():
        most = 1  # the others have as much room, over their noise
    limits = [_limits(features[i], values[i], down[i], up[i]) for i in order[:most]]
    joint = f"certified jointly within {rounded_down(certificate.radii[row])} ({norm})"
    if not limits:
        return f"row {name}: {label!r} whatever a single feature is; {joint}"
    fixed = "others fixed" if len(limits) == 1 else "each alone, others fixed"
    more = "" if len(order) <= most else f"; {len(order) - most} more have limits"
    return f"row {name}: {label!r} as long as {', or '.join(limits)} ({fixed}{more}); {joint}"


def _limits(feature: Any, value: float, down: float, up: float) -> str:
    """Return between which values a feature stays, rounded inward to three digits of the change."""
    if down == up and np.isfinite(value):
        return f"{feature} stays within {_inward(up, up, up=True)} of {value:.6g}"
    low, high = _inward(value - down, down, up=False), _inward(value + up, up, up=True)
    if not np.isfinite(value):
        return f"{feature} changes by less than {rounded_down(min(down, up))}"
    if np.isinf(up):
        return f"{feature} stays above {low}"
    if np.isinf(down):
        return f"{feature} stays below {high}"
    return f"{feature} stays between {low} and {high}"


def _inward(end: float, size: float, *, up: bool) -> str:
    """Return an end of an interval, rounded down if it is the upper one, and up otherwise."""
    if not (np.isfinite(end) and np.isfinite(size) and size > 0):
        return f"{end:g}"
    last = Decimal(1).scaleb(math.floor(math.log10(size)) - 2)
    rounded = (Decimal(end) / last).to_integral_value(ROUND_FLOOR if up else ROUND_CEILING) * last
    return str(rounded) if abs(rounded.adjusted()) > 15 else f"{rounded.normalize():f}"
