"""How far predictions can move when a single feature does, of a fitted regressor."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..certificate.per_feature import frame_of_intervals, need_pandas
from ..noise.sigma import is_by_name
from .number_smoother import number_smoother_of
from .reading import read_rows

__all__ = ["shift_per_feature"]


def shift_per_feature(self: Any, X: Any, change: Any, n: int | None = None) -> Any:
    """Return how far predictions can move if one feature alone changes by a given amount.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
        Rows.
    change : float, array-like of shape (n_features,), dict or Series
        The largest change of each feature, up or down, in the units of X: one number for all
        features, one for each, or by the names of columns (by positions, without names); features
        that a dict leaves out do not change.
    n : int, default=None
        Draws per row; None for the estimator's own.

    Returns
    -------
    shifts : pandas.DataFrame
        A line for each row and feature that has noise, with the columns

        * `value`: the feature's value, in the units of X;
        * `down`, `up`: the smoothed regressor predicts at least ``prediction + down`` and at most
          ``prediction + up`` for all values of the feature within `change`, the other features as
          they are; `prediction` is that of `certify_interval`. Infinite where the draws are too few
          for so large a change; NaN where the value is missing;
        * `how`: "exact" for linear regressors, whose range along the axis is known, "radius" where
          it is the bound of `certify_interval` for a ball that contains the change;
        * `change`: the change.

        Each line holds with probability at least ``1 - alpha`` over the noise, and is certain if
        nothing was drawn. Two lines do not hold for both changes at once: for joint changes use
        `certify_interval`.

    Raises
    ------
    ImportError
        Without pandas.
    ValueError
        If `change` is negative, not finite, or of another length than rows; or if radii are numbers
        of changed features: ``certify_interval(X, radius=1)`` then speaks of any change of one.

    See Also
    --------
    SmoothedRegressor.certify_interval : Bounds for joint changes.
    SmoothedClassifier.per_feature : The twin: changes that leave a label as it is.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LinearRegression
    >>> from sksmooth import SmoothedRegressor
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    >>> X = X[["age", "bmi", "bp"]]
    >>> reg = SmoothedRegressor(LinearRegression(), sigma=0.5, units="std", random_state=0)
    >>> shifts = reg.fit(X, y).shift_per_feature(X[:1], {"bmi": 1.0, "bp": 5.0})
    >>> shifts["up"].round(1).tolist(), shifts["how"].tolist()
    ([0.0, 6.7, 6.5], ['exact', 'exact', 'exact'])
    """
    need_pandas()
    rows, frame = read_rows(self, X)
    smoother = number_smoother_of(self, frame)
    norm, n_features = smoother.noise.norm, int(np.prod(rows.shape[1:]))
    if norm.kind == "l0":
        raise ValueError(
            "These radii count changed features: certify_interval(X, radius=1) bounds the "
            "prediction for every change of any one feature."
        )
    unit = norm.along_axes([1.0], n_features)[0]
    amounts = np.where(unit > 0, _amounts(self, change, n_features), 0.0)
    length = np.divide(amounts, unit, out=np.zeros(n_features), where=unit > 0)
    length = np.nextafter(length * (1 + 1e-15), np.inf)  # a ball is open, and changes are not
    radii, place = np.unique(length, return_inverse=True)
    bounds = self.certify_interval(X, radii.tolist(), n=n)
    lower, upper = bounds.lower[:, place], bounds.upper[:, place]
    how = np.full(lower.shape, "radius")
    closed: Any = smoother.closed_form(rows) if bounds.method == "exact" else None
    found = None if closed is None else closed.along_axes(rows, amounts)
    if found is not None:
        lower, upper = np.maximum(lower, found[0]), np.minimum(upper, found[1])
        how[:] = "exact"
    middle = bounds.prediction[:, None]
    down, up = (np.maximum(shift, 0.0) for shift in (middle - lower, upper - middle))
    shifts = frame_of_intervals(bounds, rows.astype(np.float64), down, up, how)
    return shifts.assign(change=np.tile(amounts[unit > 0], len(rows)))


def _amounts(reg: Any, change: Any, n_features: int) -> NDArray[np.float64]:
    """Return the largest change of each feature."""
    if isinstance(change, Mapping) or is_by_name(change):
        names = getattr(reg, "feature_names_in_", np.arange(n_features)).tolist()
        given = {key: change[key] for key in change.keys()}  # noqa: SIM118  maybe a Series
        unknown = [key for key in given if key not in names]
        if unknown:
            raise ValueError(
                f"change names {unknown[:3]}, which are no columns of X. Its columns are "
                f"{names[:5]}."
            )
        change = [given.get(name, 0.0) for name in names]
    amounts = np.asarray(change, dtype=np.float64)
    if amounts.shape not in ((), (n_features,)) or not np.all((amounts >= 0) & (amounts < np.inf)):
        raise ValueError(
            f"change must be a number of 0 or more, or one for each of the {n_features} features; "
            f"got {change!r}."
        )
    return np.broadcast_to(amounts, (n_features,))
