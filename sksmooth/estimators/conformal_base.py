"""What prediction sets and intervals share: rows are set aside in fit, and calibrated with."""

import abc
from numbers import Real
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import (
    _safe_indexing,
    check_consistent_length,
    check_random_state,
    column_or_1d,
    indexable,
)
from sklearn.utils._param_validation import RealNotInt, StrOptions
from sklearn.utils.validation import _check_method_params, _num_samples, check_is_fitted

from ..backends import is_frozen
from ..labels import of_one_kind
from ..rows import as_rows
from . import inputs as check
from .attributes import Calibrated, Calibration
from .calibration import content_of_base, plans_of
from .callbacks import fitting
from .reading import labels_of

__all__ = ["CONSTRAINTS", "Conformal", "column"]

_SHARED = ("estimator", "sigma", "units", "n_augment", "n", "stream", "batch_size", "n_jobs")
CONSTRAINTS: dict[str, list[Any]] = {
    **{name: check.CONSTRAINTS[name] for name in (*_SHARED, "random_state")},
    "radius": [check.RealConstraint(Real, 0, None, closed="left")],
    "confidence_level": [check.RealConstraint(Real, 0, 1, closed="neither"), "array-like"],
    "quantile": [StrOptions({"auto"}), check.RealConstraint(Real, 0, 1, closed="right")],
    "calibration_size": [
        check.RealConstraint(RealNotInt, 0, 1, closed="neither"),
        check.CountConstraint(),
        None,
    ],
}


class Conformal(Calibrated, abc.ABC):
    """Base of both: `fit` sets rows aside, and calibrates with them."""

    estimator: Any
    calibration_size: Any
    random_state: Any
    noise = "gaussian"
    _smoother: ClassVar[Any]

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def _fit(self, X: Any, y: NDArray[Any], fit_params: dict[str, Any]) -> Self:
        """Fit the smoother on some rows, and calibrate with the others."""
        self.__dict__.pop("_calibration", None)
        rng = None if self.random_state is None else check_random_state(self.random_state)
        train, held_out = self._split(X, rng)
        rows = as_rows(X)
        if train is not None:
            (X,) = indexable(X if rows is None else rows[:])
        names = [name for name in _SHARED if name != "n"]
        options = {name: getattr(self, name) for name in names}
        if rng is not None:
            options["random_state"] = int(rng.randint(np.iinfo(np.int32).max))
        inner = self._smoother(**options)
        if train is None:
            X_train, y_train = X, y
        else:
            X_train, y_train = _safe_indexing(X, train), y[train]
            fit_params = _check_method_params(X, fit_params, train)
        with fitting(self, inner, X_train, y_train):
            self.estimator_ = inner.fit(X_train, y_train, **fit_params)
        self.__dict__.pop("feature_names_in_", None)
        for name in ("classes_", "n_features_in_", "feature_names_in_", "units_"):
            if hasattr(inner, name):
                setattr(self, name, getattr(inner, name))
        if held_out is not None:
            return self.conformalize(_safe_indexing(X, held_out), y[held_out])
        return self.conformalize(X, y) if is_frozen(self.estimator) else self

    @abc.abstractmethod
    def conformalize(self, X: Any, y: Any) -> Self:
        """Calibrate with these rows."""

    def _split(self, X: Any, rng: Any) -> tuple[Any, Any]:
        """Return the numbers of rows to fit on and to calibrate with; None stands for all."""
        size, n = self.calibration_size, _num_samples(X)
        if size is None or is_frozen(self.estimator):
            return None, None
        m = int(size) if size >= 1 else int(np.ceil(size * n))
        if not 1 <= m < n:
            raise ValueError(
                f"calibration_size={size!r} sets {m} rows aside of n_samples={n}, and leaves "
                f"{max(n - m, 0)} to fit on. Pass more rows, or another calibration_size."
            )
        # not stratified: then the rows would not be exchangeable with a new one
        order = (check_random_state(None) if rng is None else rng).permutation(n)
        return np.sort(order[m:]), np.sort(order[:m])

    @property
    def n_calibration_(self) -> int:
        """Number of calibration rows."""
        return len(self._calibrated().scores)

    @property
    def threshold_(self) -> NDArray[np.float64]:
        """Score that draws are compared with, for each confidence level."""
        scores = np.append(-np.inf, self._calibrated().scores)
        return scores[[plan.order for plan in plans_of(self, float(self.radius))]]

    @property
    def level_(self) -> NDArray[np.float64]:
        """Level at which each threshold is taken."""
        self._calibrated()
        return np.array([plan.level for plan in plans_of(self, float(self.radius))])

    @property
    def passes_needed_(self) -> NDArray[np.intp]:
        """Draws that must reach the threshold, for each confidence level."""
        self._calibrated()
        return np.array([plan.passes for plan in plans_of(self, float(self.radius))])

    @property
    def rank_(self) -> int | None:
        """Which of a calibration row's draws, from the highest score on, is its score."""
        return self._calibrated().rank

    def _calibrated(self) -> Calibration:
        if not hasattr(self, "_calibration"):
            raise AttributeError(
                f"This {type(self).__name__} is not calibrated: call conformalize(X, y) first."
            )
        return self._calibration

    def check_calibrated(self) -> None:
        """Raise an error if there is nothing to predict sets or intervals with."""
        check_is_fitted(self)
        self._validate_params()  # type: ignore[attr-defined]  # set_params may have come after fit
        if not hasattr(self, "_calibration"):
            raise ValueError(
                f"This {type(self).__name__} has no calibration rows yet: with "
                "calibration_size=None, call conformalize(X, y) after fit."
            )
        if self._calibration.base not in (None, content_of_base(self)):
            raise ValueError(
                "The base estimator changed since calibration, or the code of its classes did, as "
                "between versions of Python and of libraries. So its scores may no longer be those "
                "of the calibration rows. Call conformalize(X, y) again."
            )


def column(X: Any, y: Any) -> NDArray[Any]:
    """Return targets as a column of as many values as X has rows."""
    y = labels_of(X) if y is None else y
    if y is None:
        raise ValueError("This estimator requires y to be passed, but the target y is None.")
    target = column_or_1d(of_one_kind(y), warn=True)
    check_consistent_length(X, target)
    return np.asarray(target)
