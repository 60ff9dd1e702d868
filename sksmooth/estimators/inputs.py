"""Checks of the user's input, each with a message that says what to do about it."""

import sys
import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.base import is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length, column_or_1d, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from ..backends import FrameMaker, backend_kind, is_frozen, kind_inside, unwrap
from ..bounds import BOUNDS, FREE_BOUNDS, smallest_certifying_n
from ..certificate import Certificate, Plan
from ..checks import (
    SMALLEST_ALPHA,
    check_alpha,
    check_draws,
    check_radii,
    is_real,
    refuse_masked,
    user_level,
)
from ..labels import of_one_kind
from ..noise import Specification
from ..noise.sigma import SIGMAS, check_sigma, is_still
from ..noise.streams import GENERATORS
from ..rows import Rows, as_rows
from .coded_columns import warn_of_coded_columns

__all__ = [
    "CONSTRAINTS",
    "CountConstraint",
    "EstimatorConstraint",
    "RealConstraint",
    "as_numeric",
    "check_base",
    "check_row_shape",
    "check_rows",
    "check_training_rows",
    "frame_maker",
    "labels_of",
    "never_abstains",
    "plan_of",
    "warn_if_hopeless",
    "warn_if_out_of_reach",
]

_LARGEST_SIGMA_FLOAT32 = 1e29  # a noisy row reaches 2**30 sigma, and floats of 32 bits 3e38


class EstimatorConstraint(HasMethods):
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
    "estimator": [EstimatorConstraint()],
    "sigma": [RealConstraint(Real, *SIGMAS, closed="both"), "array-like", dict],
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


def check_base(estimator: Any) -> None:
    """Refuse a base that is not a classifier."""
    try:
        is_one = is_classifier(estimator)
    except AttributeError:  # something inside knows nothing of scikit-learn's tags
        is_one = False
    if not is_one:
        name, last = type(estimator).__name__, type(unwrap(estimator)[1]).__name__
        raise ValueError(
            "estimator must be a classifier; got "
            f"{name if last == name else f'{name} around {last}'}. A class of your own "
            "should inherit from sklearn.base.ClassifierMixin, a skorch net should be a "
            "NeuralNetClassifier or NeuralNetBinaryClassifier."
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
    clf: Any, n: Any, n0: Any, alpha: Any, *, radius: Any, tol: Any, bound: Any, draws: bool = True
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
    )
    # unanimous votes certify if (1/2)**n <= alpha, or alpha / 2 where two bounds or all classes
    # share it
    shared = bound == "two-sided" or radius is not None
    if draws:
        warn_if_hopeless("n", plan.n, plan.alpha, shared=shared)
    return plan


def warn_if_out_of_reach(certificate: Certificate) -> None:
    """Warn where radii, or a loss of radius, were asked for that are beyond what n can prove."""
    run = certificate.run
    most, asked, tol = run.max_radius, run.asked_radii or (), run.tol
    if any(radius > most for radius in asked):
        what = f"No row can be certified at {max(asked):g}"
    elif tol is not None and tol >= most > 0:
        what = f"tol={tol:g} allows all of the radius to be lost"
    else:
        return
    warnings.warn(
        f"{what}: with n={certificate.n}, alpha={certificate.alpha:g} and "
        f"{certificate.noise.label}, the largest radius is {most:.4g}.",
        UserWarning,
        stacklevel=user_level(),
    )


def never_abstains(clf: Any) -> bool:
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
            UserWarning,
            stacklevel=user_level(),
        )


def as_numeric(
    X: Any, *, estimator: Any, sigma: Any = None, additive: bool = True
) -> tuple[Any, Any]:
    """Return X ready for scikit-learn's ``validate_data``, and the dtype to ask of it.

    Tensors become arrays. float32 and float64 stay what they are, in the machine's byte order. For
    a base that ends in a net, small integers (bytes of images) become float32, which holds them
    exactly; all else becomes float64.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(X, torch.Tensor):
        X = (X.float() if X.dtype == torch.bfloat16 else X).detach().cpu().numpy()
    if scipy.sparse.issparse(X):
        raise ValueError(
            "X is sparse, but noise makes every entry non-zero: dense data is required. Pass "
            "X.toarray() if it fits into memory."
        )
    refuse_masked("X", X)
    _check_columns(X, sigma, additive)
    if isinstance(X, np.ndarray) and X.dtype.kind == "f":
        # scikit-learn would make float64 of float32 in the other byte order
        X = X.astype(X.dtype.newbyteorder("="), copy=False)
    dtype = getattr(X, "dtype", None)
    if (
        kind_inside(estimator).wants_float32
        and isinstance(dtype, np.dtype)
        and (dtype == np.float16 or (dtype.kind in "iu" and dtype.itemsize <= 2))
    ):
        return X, np.float32
    return X, [np.float64, np.float32]


def _of(clf: Any) -> dict[str, Any]:
    """Return what `as_numeric` needs of an estimator."""
    additive = getattr(clf.noise, "additive", True)  # only specifications that are passed replace
    return {"estimator": clf.estimator, "sigma": clf.sigma, "additive": additive}


def _check_columns(X: Any, sigma: Any, additive: bool) -> None:
    """Refuse columns of categories, and warn of booleans that would get noise."""
    dtypes = getattr(X, "dtypes", None)
    if dtypes is None or getattr(X, "ndim", 2) != 2:
        names = ["bool"] if getattr(getattr(X, "dtype", None), "kind", "") == "b" else []
    else:
        kinds = [str(dtype).lower() for dtype in dtypes]
        columns = list(getattr(X, "columns", range(len(kinds))))
        categories = [c for c, kind in zip(columns, kinds, strict=True) if _is_category(kind)]
        if categories:
            raise ValueError(
                f"X has columns of categories, {categories[:5]}. The base would get them as plain "
                "numbers, and fit another model than it does by itself. Put codes in their place "
                "(such as X[name].cat.codes), with an encoder for them inside the base if it needs "
                "one, and give these columns a sigma of 0, or all columns noise=Flip(keep=...)."
            )
        still = is_still(sigma, columns)
        noisy = {kind for kind, has_none in zip(kinds, still, strict=True) if not has_none}
        names = sorted(noisy & {"bool", "boolean"})
    if names and additive:
        warnings.warn(
            f"X has columns of type {', '.join(names)}: they are treated as numbers and get "
            "noise like all others. If an attacker cannot change them by small amounts, "
            "give them a sigma of 0.",
            UserWarning,
            stacklevel=user_level(),
        )


def _is_category(dtype: str) -> bool:
    """Whether a dtype of pandas or polars is one of categories."""
    return dtype.startswith(("category", "categorical", "enum"))


def check_rows(clf: Any, X: Any) -> Any:
    """Return X as an array, after comparing it with what `clf` was fitted on."""
    check_is_fitted(clf)
    clf._validate_params()  # set_params may have come after fit
    X, dtype = as_numeric(X, **_of(clf))
    if len(clf._row_shape) > 1:  # scikit-learn would speak of features
        check_row_shape(np.shape(X)[1:], clf._row_shape)
    X = validate_data(clf, X, dtype=dtype, allow_nd=True, reset=False)
    _check_noise(clf, X)
    return X


def _check_noise(clf: Any, X: Any) -> None:
    """Refuse noise that is hidden by a mask, or would be infinite in the precision of X."""
    refuse_masked("sigma", clf.sigma)
    sigma = check_sigma(clf.sigma, X.shape[1:], getattr(clf, "feature_names_in_", None))
    scale = getattr(clf.noise, "scale", None)
    largest = max(np.max(sigma), scale if is_real(scale) else 0.0)
    if X.dtype == np.float32 and largest > _LARGEST_SIGMA_FLOAT32:
        raise ValueError(
            f"sigma={largest:g} is too large for rows in float32: noise would overflow. Pass "
            "X in float64, or take other units."
        )


def check_training_rows(clf: Any, X: Any, y: Any) -> tuple[Any, Any, Rows | None]:
    """Return X and y as arrays; rows that are not in memory too, with the first of them as X.

    Only nets are trained on such rows, and frozen bases look at one; others get all of them.
    """
    rows = as_rows(X)
    if rows is not None:
        y = labels_of(rows) if y is None else y
        if not (backend_kind(clf.estimator).trains_per_batch or is_frozen(clf.estimator)):
            X, rows = rows[:], None
    y = of_one_kind(y)
    if getattr(clf.noise, "additive", True):
        warn_of_coded_columns(X, clf.sigma)
    if rows is None:
        X, dtype = as_numeric(X, **_of(clf))
        X, y = validate_data(clf, X, y, dtype=dtype, allow_nd=True)
    else:
        y = column_or_1d(y, warn=True)
        check_consistent_length(rows, y)
        X, dtype = as_numeric(rows[:1], **_of(clf))
        X = validate_data(clf, X, dtype=dtype, allow_nd=True)
    if not X[0].size:  # scikit-learn looks at the second axis only
        raise ValueError(f"X has rows of shape {X.shape[1:]}: there are no values in them.")
    _check_noise(clf, X)
    return X, y, rows


def labels_of(X: Any) -> Any:
    """Return the labels that X has, if it is a data set that has any; None otherwise."""
    rows = as_rows(X)
    return None if rows is None else rows.labels()


def check_row_shape(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """Refuse rows of another shape than in fit; scikit-learn looks at the second axis only."""
    if shape != expected:
        raise ValueError(
            f"X has rows of shape {shape}, but SmoothedClassifier was fitted on rows of shape "
            f"{expected}. Reshape your data to (n_samples, {', '.join(map(str, expected))})."
        )


def frame_maker(X: Any) -> FrameMaker | None:
    """Return what turns arrays into frames like X, if X is a pandas or polars frame."""
    library = type(X).__module__.partition(".")[0]
    if library in {"pandas", "polars"} and all(isinstance(c, str) for c in X.columns):
        return FrameMaker(library, tuple(X.columns))
    return None
