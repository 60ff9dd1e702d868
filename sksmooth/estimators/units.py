"""How wide the noise is: the parameters `sigma` and `units`, checked against the rows of fit."""

import warnings
from collections.abc import Callable, Collection
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import _check_sample_weight

from ..checks import refuse_masked, user_level
from ..exceptions import UnitsWarning
from ..noise import Specification
from ..noise.sigma import check_by_feature, check_sigma, is_by_name, without_specifications
from .attributes import Smoothed

__all__ = ["Scale", "columns_hold", "fit_units", "is_additive", "scale_of"]


class Scale(NamedTuple):
    """How wide the noise is."""

    sigma: float | tuple[float, ...]
    units: tuple[float, ...] | None  # with units, sigma is one number
    changes: dict[int, Specification]  # columns with a noise of their own; sigma is 0 there

    @property
    def deviations(self) -> NDArray[np.float64]:
        """Deviations value by value, in the units of X; a single one if all are alike."""
        return np.multiply(self.sigma, 1.0 if self.units is None else self.units)


def is_additive(noise: Any) -> bool:
    """Whether the parameter `noise` names noise that is added to rows, and has a sigma."""
    return getattr(noise, "additive", True)  # only specifications that are passed replace


def columns_hold(noise: Any) -> str:
    """Return what columns with noise may hold: "numbers", "values" or "anything"."""
    return getattr(noise, "columns_hold", "numbers")


def scale_of(clf: Smoothed, shape: tuple[int, ...]) -> Scale:
    """Return the checked sigma and units of an estimator for rows of a shape.

    `sigma` may have been set after fit; what `units` are is noted there.
    """
    refuse_masked("sigma", clf.sigma)
    names, kinds = getattr(clf, "feature_names_in_", None), clf._kinds
    if not is_additive(clf.noise):  # they count changes, and have no sigma
        kinds = None
    given, changes = without_specifications(clf.sigma, shape, names)
    if changes and not is_additive(clf.noise):
        raise ValueError(
            f"noise={clf.noise!r} is for all columns, and sigma has noises for single ones. Leave "
            "noise out."
        )

    def checked() -> float | tuple[float, ...]:
        if changes:  # 0 may be all that is left
            return check_by_feature("sigma", given, shape, names, kinds)
        return check_sigma(given, shape, names, kinds)

    if clf.units is None:
        return Scale(checked(), None, changes)
    units = clf.units_
    if units is None or not (
        isinstance(clf.units, str) or units == _checked(clf.units, shape, names, kinds, changes)
    ):
        raise ValueError("units was changed after fit, which notes them: fit again.")
    if isinstance(clf.sigma, Real):
        return Scale(float(clf.sigma), units, changes)
    sigma = checked()
    assert not isinstance(sigma, float)
    several = sorted({value for value in sigma if value > 0})
    if len(several) > 1:
        raise ValueError(
            "With units, sigma is one number, or 0 for features that nobody can change; got "
            f"{several[:5]}. Put what is different into units."
        )
    still = [unit if value > 0 else 0.0 for unit, value in zip(units, sigma, strict=True)]
    if any(still):
        return Scale(several[0], tuple(still), changes)
    if changes:
        return Scale((0.0,) * len(still), None, changes)
    raise ValueError("sigma or units is 0 for every feature: there would be no noise.")


def fit_units(
    clf: Smoothed,
    shape: tuple[int, ...],
    rows: Callable[[], NDArray[Any] | None],
    weights: Any = None,
) -> None:
    """Note the units of an estimator as ``units_``; `rows` gives the training rows as numbers.

    Weights of rows count as repeating these would.
    """
    clf.units_ = None
    if clf.units is None:
        return
    refuse_masked("units", clf.units)
    names = getattr(clf, "feature_names_in_", None)
    _, changes = without_specifications(clf.sigma, shape, names)
    if not isinstance(clf.units, str):
        clf.units_ = _checked(clf.units, shape, names, clf._kinds, changes)
        return
    if clf.units != "std":
        raise ValueError(
            "units must be None, 'std', or hold one number for each feature (array, dict or "
            f"Series); got {clf.units!r}."
        )
    X = rows()
    if X is None:
        raise ValueError(
            "units='std' looks at all training rows, and these are not in memory. Pass the "
            "deviations themselves, in the shape of a row."
        )
    flat = X.reshape(len(X), -1)
    weights = _check_sample_weight(weights, flat)
    clf.units_ = _deviations(flat, weights, names, clf._kinds, changes)


def _checked(
    units: Any,
    shape: tuple[int, ...],
    names: Any,
    kinds: tuple[str, ...] | None,
    changes: Collection[int],
) -> tuple[float, ...]:
    if is_by_name(units):  # columns with a noise of their own need not be named
        called = list(range(shape[0]) if names is None else names)
        given = {key: units[key] for key in units.keys()}  # noqa: SIM118  a Series has no items
        units = {called[place]: 0.0 for place in changes} | given
    values = check_by_feature("units", units, shape, names, kinds)
    if not any(values) and not changes:
        raise ValueError("units are 0 for every feature: there would be no noise.")
    return values


def _deviations(
    X: NDArray[np.floating],
    weights: NDArray[np.floating],
    names: Any,
    kinds: tuple[str, ...] | None,
    changes: Collection[int],
) -> tuple[float, ...]:
    """Return the standard deviation of each column of numbers, without what is missing.

    It is 0 for others, and for constant columns. The sum is over n, as in ``StandardScaler``.
    """
    called = list(range(X.shape[1]) if names is None else names)
    out, constant, binary = [0.0] * X.shape[1], [], []
    for place, column in enumerate(X.T):
        if kinds is not None and kinds[place] != "numbers":
            continue
        there = ~np.isnan(column) & (weights > 0)
        values = column[there].astype(np.float64)
        low, high = (values.min(), values.max()) if len(values) else (0.0, 0.0)
        if low == high:
            constant += [called[place]] * (place not in changes)
            continue
        if place not in changes and np.all((values == low) | (values == high)):
            binary.append(called[place])
        middle = np.average(values, weights=weights[there])
        variance = np.average((values - middle) ** 2, weights=weights[there])
        out[place] = float(f"{np.sqrt(variance):.9e}")  # weights and repeated rows sum otherwise
    if constant:
        _warn(
            f"units='std' is 0 for the features {constant[:5]}, which are constant in fit: they "
            "get no noise, and certificates say nothing about changes of them."
        )
    if binary:
        _warn(
            f"The features {binary[:5]} have two values only. Noise between them means nothing to "
            "most questions, and a rare value counts as many units. Give them a unit of 0: "
            "units={..., name: 0}."
        )
    if not any(out) and not changes:
        raise ValueError(
            f"units='std' is 0 for every feature of n_samples={len(X)} rows: there would be no "
            "noise."
        )
    return tuple(out)


def _warn(what: str) -> None:
    warnings.warn(what, UnitsWarning, stacklevel=user_level())
