"""From a fitted SmoothedClassifier's settings to noise, backend and shortcuts: what draws votes."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends import get_backend, is_net, unwrap
from ..checks import user_level
from ..closed_forms import (
    FORMS,
    SOFT_FORMS,
    ClosedForm,
    DisagreementError,
    NotClosedError,
    closed_form,
)
from ..introspection import distrust, is_distrusted
from ..noise import ExactGaussian, ExactPerFeature, Gaussian, Noise, PerFeature
from ..noise.sigma import check_sigma
from ..sampling import Report, Sampler
from ..sampling.trials import refuse_batch_readers
from ..shortcuts import ON_REQUEST, SHORTCUTS, Problem, simplify

__all__ = ["closed_form_of", "levels_of", "noise_of", "sampler_of", "shortcut_names"]


def levels_of(X: NDArray[np.floating]) -> int | None:
    """Return the grid that the training rows lie on if they are images of bytes, None otherwise.

    That is 1 for whole numbers from 0 to 255, and 255 for these divided by 255. Other rows that
    happen to be whole numbers are left alone: noise on their coarse grid would be another noise.
    """

    def on(levels: int, row: NDArray[np.floating]) -> bool:
        with np.errstate(over="ignore"):  # then it is not inside
            values = row.astype(np.float64) * levels
        if not (values.min() >= -(2.0**-16) and values.max() <= 255 + 2.0**-16):
            return False
        return bool(np.all(np.abs(values - np.rint(values)) <= 2.0**-16))

    # a row at a time: the data may be large, and most fail soon
    if all(on(255, row) for row in X):
        return 255 if any(np.any((row > 0) & (row < 1)) for row in X) else None
    return 1 if all(on(1, row) for row in X) else None


def noise_of(clf: Any) -> Noise:
    """Return the noise of a SmoothedClassifier that knows its rows' shape and grid.

    The grid depends on the training rows and on sigma, never on the row that is certified.
    """
    sigma = check_sigma(clf.sigma, clf._row_shape, getattr(clf, "feature_names_in_", None))
    if clf.noise == "float":
        if clf.stream != "philox":
            raise ValueError(
                f"noise='float' is drawn by numpy from stream='philox'; got {clf.stream!r}."
            )
        return Gaussian(sigma) if isinstance(sigma, float) else PerFeature(sigma)
    if not isinstance(sigma, float):  # steps of the levels are no steps of a row over sigma
        return ExactPerFeature(sigma)
    fits = clf._levels is not None and ExactGaussian.fits(sigma, clf._levels)
    return ExactGaussian(sigma, int(np.prod(clf._row_shape)), clf._levels if fits else None)


def sampler_of(
    clf: Any, X: NDArray[Any], report: Report | None = None, *, first_row: int = 0
) -> Sampler:
    """Return what draws the votes of a fitted SmoothedClassifier around some rows.

    `first_row` is the number of the first of them, for messages.
    """
    noise = noise_of(clf)
    problem = simplify(
        Problem(
            estimator=clf.estimator_,
            answers=clf._answers,
            frame=clf._frame,
            backend=get_backend(clf.estimator_, clf._answers, clf._frame),
            X=X,
            noise=noise,
        ),
        shortcut_names(clf.shortcuts),
    )
    deviations = problem.noise.deviations(problem.X.shape[1:])
    refuse_batch_readers(problem.backend, problem.X, deviations, clf.estimator_)
    return Sampler(
        problem.backend,
        problem.X,
        problem.noise,
        clf._seed,
        stream=clf.stream,
        shortcut="+".join(problem.taken) or None,
        batch_size=None if clf.batch_size is None else int(clf.batch_size),
        n_jobs=clf.n_jobs,
        report=report,
        first_row=first_row,
    )


def closed_form_of(clf: Any, X: NDArray[Any]) -> ClosedForm | None:
    """Return the closed form of a fitted SmoothedClassifier's base, or None to sample.

    What is certified is the model as it is now: a form is read off anew if its content has changed.
    """
    is_soft = clf.vote == "soft"
    if is_soft and clf.method == "montecarlo":
        raise ValueError("vote='soft' is computed; method='montecarlo' draws hard votes.")
    asked = clf.method == "exact" or is_soft
    if clf.method == "montecarlo" or (clf.noise == "float" and not asked):
        return None
    try:
        if is_net(unwrap(clf.estimator_)[1]):
            raise NotClosedError("nets have none")
        if is_distrusted(clf.estimator_):
            raise NotClosedError("what was read off it has been found to be wrong")
        backend = get_backend(clf.estimator_, clf._answers, clf._frame)
        sigma = noise_of(clf).deviations(clf._row_shape)
        kinds = SOFT_FORMS if is_soft else FORMS
        names = () if clf._frame is None else clf._frame.columns
        base = (clf.estimator_, clf._answers, X, sigma, backend.classify, names)
        return closed_form(kinds, *base)
    except NotClosedError as reason:
        what = f"{type(unwrap(clf.estimator_)[1]).__name__} has no closed form here: {reason}."
        if is_soft:
            raise ValueError(f"vote='soft', but {what} It needs trees or forests.") from reason
        if asked:
            hint = "" if isinstance(reason, DisagreementError) else f" {_CLOSED}"
            raise ValueError(f"method='exact', but {what}{hint}") from reason
        if isinstance(reason, DisagreementError) and distrust(clf.estimator_):
            warnings.warn(
                f"{what} Noise is drawn instead, without shortcuts. Please report the model.",
                UserWarning,
                stacklevel=user_level(),
            )
        return None


_CLOSED = (
    "Closed forms are known for linear classifiers, decision trees, boosting of stumps or without "
    "interactions (interaction_cst='no_interactions'), GaussianNB and quadratic discriminants, and "
    "ensembles of trees on few features, each also behind affine steps of a Pipeline. Use "
    "method='montecarlo' or 'auto'."
)


def shortcut_names(shortcuts: Any) -> tuple[str, ...]:
    """Return the names of the shortcuts that may be taken."""
    given = [] if shortcuts is None else [shortcuts] if isinstance(shortcuts, str) else shortcuts
    names: list[str] = []
    for name in given:
        names += SHORTCUTS if name == "auto" else [name]
    known = [*SHORTCUTS, *ON_REQUEST]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ValueError(f"shortcuts must be 'auto', None, or some of {known}; got {unknown[0]!r}.")
    return tuple(names)
