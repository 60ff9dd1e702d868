"""Checks of the user's input, each with a message that says what to do about it."""

import sys
import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import is_classifier, is_regressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from ..backends import (
    is_frozen,
    unwrap,
)
from ..bounds import BOUNDS, FREE_BOUNDS, smallest_certifying_n, widened
from ..certificate import Certificate, Plan, RegressionCertificate, Run
from ..certificate.stopping import rule_of
from ..checks import (
    SMALLEST_ALPHA,
    beside_changes,
    check_alpha,
    check_changes,
    check_draws,
    check_radii,
    is_real,
    user_level,
)
from ..exceptions import NothingCertifiedWarning
from ..noise import Specification
from ..noise.sigma import SIGMAS
from ..noise.streams import GENERATORS
from .attributes import Smoothed, SmoothedClasses

__all__ = [
    "CONSTRAINTS",
    "CountConstraint",
    "RealConstraint",
    "check_base",
    "never_abstains",
    "plan_of",
    "warn_if_hopeless",
    "warn_if_out_of_reach",
]


class _EstimatorConstraint(HasMethods):
    """scikit-learn's parameter constraint of this name, with a hint for users of torch."""

    def __init__(self) -> None:
        super().__init__(["fit", "predict"])

    def is_satisfied_by(self, val: Any) -> bool:
        """Whether `val` has the methods; those that it gets when it is fitted count too."""
        return all(hasattr(val, name) or hasattr(type(val), name) for name in self.methods)

    def __str__(self) -> str:
        return (
            f"{super().__str__()} (wrap a torch module in skorch.NeuralNetClassifier; if it is "
            "trained already, initialise that and wrap it in sklearn.frozen.FrozenEstimator)"
        )


class CountConstraint(Interval):
    """Whole numbers of 1 or more, numpy's as well; True is not one of them."""

    def __init__(self) -> None:
        super().__init__(Integral, 1, None, closed="left")

    def is_satisfied_by(self, val: Any) -> bool:
        """Whether `val` is such a number."""
        return not isinstance(val, bool) and super().is_satisfied_by(val)


class RealConstraint(Interval):
    """scikit-learn's interval, for numbers of any precision and for fractions.

    Compared in their own precision, bounds such as 1e100 would overflow.
    """

    def is_satisfied_by(self, val: Any) -> bool:
        """Whether `val` is a number in the interval; True and False are none."""
        if isinstance(val, bool) or not isinstance(val, Real):
            return False
        try:
            return super().is_satisfied_by(float(val))
        except OverflowError:  # an int that is no float
            return False


# scikit-learn's table of what the constructor of SmoothedClassifier takes
CONSTRAINTS: dict[str, list[Any]] = {
    "estimator": [_EstimatorConstraint()],
    "sigma": [RealConstraint(Real, *SIGMAS, closed="both"), "array-like", dict],
    "units": [None, StrOptions({"std"}), "array-like", dict],
    "method": [StrOptions({"auto", "montecarlo", "exact"})],
    "n_augment": [CountConstraint()],
    "n": [CountConstraint()],
    "n0": [CountConstraint()],
    "n_predict": [CountConstraint()],
    "sequential_predict": ["boolean"],
    "alpha": [RealConstraint(Real, SMALLEST_ALPHA, 1, closed="left")],
    "abstain_label": [Real, str, None],
    "noise": [str, Specification],
    "arithmetic": [StrOptions({"integer", "float"})],
    "stream": [StrOptions(set(GENERATORS))],
    "shortcuts": [str, "array-like", None],
    "batch_size": [CountConstraint(), None],
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
}


_KINDS = {
    "classifier": (is_classifier, "NeuralNetClassifier or NeuralNetBinaryClassifier"),
    "regressor": (is_regressor, "NeuralNetRegressor"),
}


def check_base(estimator: Any, kind: str = "classifier") -> None:
    """Refuse a base that is not a classifier, or of another kind that is asked for."""
    is_kind, nets = _KINDS[kind]
    try:
        is_one = is_kind(estimator)
    except AttributeError:  # something inside knows nothing of scikit-learn's tags
        is_one = False
    if not is_one:
        name, last = type(estimator).__name__, type(unwrap(estimator)[1]).__name__
        raise ValueError(
            f"estimator must be a {kind}; got "
            f"{name if last == name else f'{name} around {last}'}. A class of your own "
            f"should inherit from sklearn.base.{kind.capitalize()}Mixin, a skorch net should be a "
            f"{nets}."
        )
    if isinstance(estimator, Pipeline) and is_frozen(estimator):
        for step in unwrap(Pipeline(estimator.steps))[0]:
            if not isinstance(step, FrozenEstimator) and get_tags(step).requires_fit:
                raise ValueError(
                    f"{type(step).__name__} would be fitted anew in front of a frozen model, which "
                    "would then get other inputs than it was trained on. Freeze the whole: "
                    "FrozenEstimator(pipeline)."
                )


def plan_of(
    clf: Smoothed,
    n: Any,
    n0: Any,
    alpha: Any,
    *,
    radius: Any,
    tol: Any,
    bound: Any,
    changes: Any = None,
    draws: bool = True,
) -> Plan:
    """Return the checked settings of one certification; None stands for those of `clf`.

    Without `draws` it does not matter how many there would be.
    """
    if not isinstance(bound, str) or bound not in BOUNDS:
        raise ValueError(f"bound must be one of {list(BOUNDS)}; got {bound!r}.")
    if radius is not None and tol is not None:
        raise ValueError(
            "Give radius, to have radii decided, or tol, to have them measured; not both."
        )
    if changes is not None and radius is None:
        raise ValueError(
            "changes goes with a radius, to have both decided together; radius=0 asks for changes "
            "alone. A certificate without them knows the radius beside any number of changes: "
            "certificate.radii_with(changes=...)."
        )
    if tol is not None and not (is_real(tol) and 0 < tol <= sys.float_info.max):
        raise ValueError(f"tol must be a positive, finite length in the units of X; got {tol!r}.")
    pilot = check_draws("n0", clf.n0 if n0 is None else n0)
    if radius is not None and bound in FREE_BOUNDS:
        pilot = 0  # the class is selected by the same draws
    plan = Plan(
        n=check_draws("n", clf.n if n is None else n),
        n0=pilot,
        alpha=check_alpha(clf.alpha if alpha is None else alpha),
        bound=bound,
        radii=None if radius is None else check_radii(radius),
        tol=None if tol is None else float(tol),
        changes=check_changes(0 if changes is None else changes),
    )
    # unanimous votes certify if (1/2)**n <= alpha, or alpha / 2 where two bounds or all classes
    # share it
    shared = bound == "two-sided" or radius is not None
    if draws:
        warn_if_hopeless("n", plan.n, plan.alpha, shared=shared)
    return plan


def warn_if_out_of_reach(certificate: Certificate | RegressionCertificate) -> None:
    """Warn where radii, or a loss of radius, were asked for that are beyond what n can prove."""
    run = certificate.run
    most, asked, tol = run.max_radius, run.asked_radii or (), run.tol
    if run.asked_changes:
        most = _most_beside(run)
    if any(not radius <= most for radius in asked):
        what = f"No row can be certified at {max(asked):g}{beside_changes(run.asked_changes)}"
    elif tol is not None and tol >= most > 0:
        what = f"tol={tol:g} allows all of the radius to be lost"
    else:
        return
    warnings.warn(
        f"{what}: with n={certificate.n}, alpha={certificate.alpha:g} and "
        f"{certificate.noise.label}, the largest radius is {most:.4g}."
        + (" (NaN: so many changes alone are too many.)" if most != most else ""),
        NothingCertifiedWarning,
        stacklevel=user_level(),
    )


def _most_beside(run: Run) -> float:
    """Return the radius of unanimous votes beside the changes that were asked for; maybe NaN."""
    plan = Plan(run.n, run.n0, run.alpha, run.bound, run.asked_radii, changes=run.asked_changes)
    pilot = np.zeros((1, 2), dtype=np.int64) if run.n0 else None
    bounds = widened(*rule_of(plan, 1, run.noise, pilot).ceiling(), run.noise.tv_error)
    return float(run.noise.radius_with(run.asked_changes, *bounds)[0])


def never_abstains(clf: SmoothedClasses) -> bool:
    """Whether predict always gives a class: as it was fitted or, before, would be."""
    if getattr(clf, "abstain_label_", clf.abstain_label) is None:
        return True
    raise AttributeError(
        "predict_proba exists only with abstain_label=None, set before fit; vote_frequencies(X) "
        "always exists."
    )


def warn_if_hopeless(name: str, n: int, alpha: float, *, shared: bool) -> None:
    """Warn if `n` draws cannot decide anything, even if all votes agree.

    Where alpha is `shared`, half of it remains for unanimous votes.
    """
    needed = smallest_certifying_n(alpha / 2 if shared else alpha)
    if n < needed:
        warnings.warn(
            f"{name}={n} draws can never decide a row at alpha={alpha:g}: every row will be "
            f"abstained on. The smallest {name} that can is {needed}.",
            NothingCertifiedWarning,
            stacklevel=user_level(),
        )
