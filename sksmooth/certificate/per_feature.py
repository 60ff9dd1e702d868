"""How far single features may change: what a radius says of them, and the frame that shows it."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .certificate import Certificate
from .result import Result
from .summary import rounded_down

__all__ = [
    "frame_of_intervals",
    "intervals_of_radii",
    "need_pandas",
    "numbers_of_columns",
    "position_of",
    "reach_of_radii",
    "refuse_other_columns",
    "sentence",
]

_NAMED = 3  # features in a sentence


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
    n_rows = len(certificate) if X is None else len(X)
    if n_rows != len(certificate):
        raise ValueError(f"X has {n_rows} rows; the certificate has {len(certificate)}.")
    refuse_other_columns(certificate, X)
    shape = () if X is None else np.shape(X)[1:]
    change = reach_of_radii(certificate, shape)
    values = None if X is None else numbers_of_columns(X, _moves(certificate, change.shape[1]))
    how = np.full(change.shape, "radius")
    return frame_of_intervals(certificate, values, change, change, how)


def reach_of_radii(certificate: Certificate, shape: tuple[int, ...] = ()) -> NDArray[np.float64]:
    """Return how far each feature alone may change within the radius, by row and feature.

    Parameters
    ----------
    certificate : Certificate
        Its radii are lengths.
    shape : tuple of int, default=()
        Shape of a row, if it is known.
    """
    norm = certificate.noise.norm
    if norm.kind == "l0":
        raise ValueError(
            "These radii count changed features: a radius of 1 or more says that any one feature "
            "may change, by however much. Intervals exist for radii that are lengths."
        )
    if certificate.noise.proviso:
        raise ValueError(
            "An interval is of all values between its ends, but these certificates are not: "
            f"{certificate.noise.proviso}"
        )
    n_features = certificate.noise.n_values if norm.scale is None else len(norm.scale)
    if n_features is None and shape:
        n_features = int(np.prod(shape))
    if n_features is None:
        raise ValueError("This noise does not know how many features rows have: pass X.")
    moves = _moves(certificate, n_features)
    known = np.where(moves, certificate.radii_l2[:, None], 0.0)
    return np.maximum(norm.along_axes(certificate.radii, n_features), known)


def _moves(certificate: Result, n_features: int) -> NDArray[np.bool_]:
    """Return which features have noise."""
    scale = certificate.noise.norm.scale
    return np.ones(n_features, dtype=bool) if scale is None else np.array(scale) > 0


def refuse_other_columns(certificate: Any, X: Any) -> None:
    """Refuse data frames with other columns than the certified rows, or in another order."""
    names = certificate.feature_names
    if names is not None and hasattr(X, "columns") and list(X.columns) != list(names):
        raise ValueError(
            f"X must have the columns of the certificate, in its order: {list(names[:5])}"
            f"{' and others' if len(names) > 5 else ''}; got {list(X.columns[:5])}."
        )


def numbers_of_columns(X: Any, moves: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return rows as numbers; NaN in columns without noise, which may be of any kind."""
    if not hasattr(X, "columns"):
        return np.asarray(X, dtype=np.float64).reshape(len(X), -1)
    values = np.full((len(X), len(moves)), np.nan)
    for j in np.flatnonzero(moves).tolist():
        column = X[X.columns[j]]
        options = {"na_value": np.nan} if hasattr(column, "array") else {}
        values[:, j] = column.to_numpy(**options)
    return values


def frame_of_intervals(
    certificate: Result,
    values: NDArray[np.float64] | None,
    down: NDArray[np.float64],
    up: NDArray[np.float64],
    how: NDArray[np.str_],
) -> Any:
    """Return intervals as a frame: a line for each row and feature that has noise.

    Parameters
    ----------
    certificate : Certificate
        Of the rows; it has their index and the names of the features.
    values : ndarray of shape (n_samples, *shape) or None
        The rows themselves. What is missing in them stays so, and has no ends.
    down, up : ndarray of shape (n_samples, n_features)
        How far each feature may change, 0 or more.
    how : ndarray of shape (n_samples, n_features), str
        How that was found.
    """
    pd = need_pandas()
    index, names = certificate.index, certificate.feature_names
    rows = pd.RangeIndex(len(down)) if index is None else index
    features = np.arange(down.shape[1]) if names is None else np.array(names, dtype=object)
    if len(features) != down.shape[1]:  # rows are images: names are those of channels
        features = np.arange(down.shape[1])
    flat = np.full(down.shape, np.nan)
    if values is not None:
        flat = values.reshape(down.shape)
        down, up = (np.where(np.isnan(flat), np.nan, ends) for ends in (down, up))
    moves = _moves(certificate, down.shape[1])
    columns = {"value": flat, "down": 0.0 - down, "up": up, "how": how}
    lines = pd.MultiIndex.from_product(
        [rows, features[moves]], names=[getattr(rows, "name", None) or "row", "feature"]
    )
    return pd.DataFrame({k: v[:, moves].ravel() for k, v in columns.items()}, index=lines)


def position_of(certificate: Certificate, row: Any) -> int:
    """Return the position of a row that is named by its index, if there is one."""
    index = certificate.index
    if index is None:
        if not (isinstance(row, int | np.integer) and -len(certificate) <= row < len(certificate)):
            raise ValueError(f"row must be a position below {len(certificate)}; got {row!r}.")
        return int(row) % len(certificate)
    found = np.flatnonzero(np.asarray(index == row))
    if len(found) != 1:
        what = "no row" if not len(found) else f"{len(found)} rows"
        raise ValueError(f"The index of the certificate names {what} {row!r}.")
    return int(found[0])


def sentence(intervals: Any, certificate: Certificate, row: int, *, name: Any = None) -> str:
    """Return in words how far the features of a row may change.

    Parameters
    ----------
    intervals : pandas.DataFrame
        As of `frame_of_intervals`.
    certificate : Certificate
        Of the same rows.
    row : int
        Position of the row.
    name : object, default=None
        What the row is called; None for its entry in the index, or its position.

    Returns
    -------
    text : str
        It names the features with the least room over their unit. Ends are rounded inward.
    """
    if name is None:
        name = row if certificate.index is None else certificate.index[row]
    label = certificate.labels[row : row + 1].tolist()[0]
    if certificate.abstained[row]:
        return f"row {name}: nothing is certified"
    norm, n = certificate.noise.norm, len(intervals) // len(certificate)
    part = intervals.iloc[row * n : (row + 1) * n]
    down, up = -part["down"].to_numpy(), part["up"].to_numpy()
    features = part.index.get_level_values(-1).tolist()
    unit = norm.along_axes([1.0], certificate.noise.n_values or n)[0]
    exact = bool((part["how"] == "exact").any())
    room = np.minimum(down, up) / unit[unit > 0]
    # those of a radius are the same but for rounding
    order = np.argsort(room if exact else np.zeros(n), kind="stable").tolist()
    order = [i for i in order if room[i] < np.inf]
    values, named = part["value"].to_numpy(), _NAMED if exact else 1
    limits = [_limits(features[i], values[i], down[i], up[i]) for i in order[:named]]
    radius = rounded_down(certificate.radii[row])
    joint = f"certified jointly within an {norm.kind.upper()} length of {radius}"
    if norm.scale is not None:
        joint = f"certified jointly within {radius} "
        joint += "units" if norm.unit == "units" else "deviations"
    if not limits:
        return f"row {name}: {label!r} whatever a single feature is; {joint}"
    fixed = "others fixed" if len(limits) == 1 else "each alone, others fixed"
    rest = len(order) - len(limits)
    if rest:
        fixed += f"; limits of {rest} more are wider" if exact else f"; likewise for {rest} more"
    return f"row {name}: {label!r} as long as {', or '.join(limits)} ({fixed}); {joint}"


def _limits(feature: Any, value: float, down: float, up: float) -> str:
    """Return between which values a feature stays, rounded inward to three digits of the change."""
    if down == up and np.isfinite(value):
        return f"{feature} stays within {_inward(up, up, up=True)} of {value:.6g}"
    low, high = _inward(value - down, down, up=False), _inward(value + up, up, up=True)
    if not np.isfinite(value):
        return f"{feature} changes by less than {rounded_down(min(down, up))}"
    now = f"{feature} (now {value:.6g}) stays"
    if np.isinf(up):
        return f"{now} above {low}"
    if np.isinf(down):
        return f"{now} below {high}"
    return f"{now} between {low} and {high}"


def _inward(end: float, size: float, *, up: bool) -> str:
    """Return an end of an interval, rounded down if it is the upper one, and up otherwise."""
    if not (np.isfinite(end) and np.isfinite(size) and size > 0):
        return f"{end:g}"
    last = Decimal(1).scaleb(math.floor(math.log10(size)) - 2)
    rounded = (Decimal(end) / last).to_integral_value(ROUND_FLOOR if up else ROUND_CEILING) * last
    return str(rounded) if abs(rounded.adjusted()) > 15 else f"{rounded.normalize():f}"
