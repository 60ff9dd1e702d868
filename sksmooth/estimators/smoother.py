"""A fitted smoothed classifier, frozen for one call: base, noise, seed, and how to ask them."""

import dataclasses
import math
import warnings
from collections.abc import Container, Iterable
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..backends import Backend, FrameMaker, get_backend, unwrap
from ..checks import user_level
from ..closed_forms import (
    FORMS,
    ClosedForm,
    DisagreementError,
    GapsError,
    NotClosedError,
    closed_form,
    law_of,
)
from ..exceptions import ModelWarning
from ..introspection import distrust, is_distrusted
from ..noise import NOISES, Marginals, Noise, Rows, Specification, bind_mixed
from ..rows import Rows as RowsElsewhere
from ..sampling import Enumerator, Report, Sampler
from ..sampling.trials import refuse_batch_readers
from ..shortcuts import ON_REQUEST, SHORTCUTS, Problem, simplify
from .attributes import Smoothed, SmoothedClasses
from .fitting import FittedBase
from .units import scale_of

__all__ = [
    "MOST_OUTCOMES",
    "Smoother",
    "noise_of",
    "note_rows",
    "refuse_gaps",
    "settings_of",
    "shortcut_names",
    "smoother_of",
    "specification_of",
]


MOST_OUTCOMES = 2**16  # of a row: more are drawn from, not listed


@dataclasses.dataclass(frozen=True, eq=False)
class Smoother:
    """Everything that the answers of a smoothed classifier depend on.

    Parameters
    ----------
    base : FittedBase
        The base classifier, and how to read its answers.
    noise : Noise
        Bound to the rows of the base.
    seed : bytes
        Names the draws, together with each row's content.
    row_shape : tuple of int
        Shape of a row.
    gaps : ndarray of shape (n_features,), bool, or None
        Whether values were missing in fit.
    abstain_label : object
        Label of rows with nothing to certify; None stands for the top class.
    method : {"auto", "montecarlo", "exact"}
        Whether probabilities are computed.
    stream : str
        Generator of the random bits.
    shortcuts : tuple of str
        Fast paths that may be taken.
    batch_size, n_jobs : int or None
        As of `SmoothedClassifier`.
    """

    base: FittedBase
    noise: Noise
    seed: bytes
    row_shape: tuple[int, ...]
    gaps: NDArray[np.bool_] | None = None
    abstain_label: Any = None
    method: str = "auto"
    stream: str = "philox"
    shortcuts: tuple[str, ...] = ()
    batch_size: int | None = None
    n_jobs: int | None = None

    known_forms: ClassVar[str] = (
        "Closed forms are known for linear classifiers, decision trees, boosting of stumps or "
        "without interactions (interaction_cst='no_interactions'; also XGBoost, LightGBM, "
        "CatBoost, EBM), GaussianNB and quadratic discriminants, and ensembles of trees on few "
        "features, each also behind scalers, imputers, PCA and encoders of columns to which no "
        "noise is added. Where noise replaces values, for trees and their ensembles only."
    )

    @property
    def classes(self) -> NDArray[Any]:
        """Labels of the class codes."""
        return self.base.classes

    @property
    def backend(self) -> Backend:
        """What asks the base as a whole."""
        return get_backend(self.base.estimator, self.base.answers, self.base.frame)

    def sampler(
        self, X: NDArray[Any], report: Report | None = None, *, first_row: int = 0
    ) -> Sampler:
        """Return what draws votes around some rows; `first_row` numbers them for messages."""
        problem = self._problem(X)
        return Sampler(
            problem.backend,
            X,
            self.noise,
            self.seed,
            stream=self.stream,
            shortcut="+".join(problem.taken) or None,
            batch_size=self.batch_size,
            n_jobs=self.n_jobs,
            report=report,
            first_row=first_row,
        )

    @property
    def enumerates(self) -> bool:
        """Whether the base is asked about all that noise can make of a row, in place of draws."""
        n = self.noise.n_outcomes
        return self.method != "montecarlo" and n is not None and n <= MOST_OUTCOMES

    def enumerator(
        self, X: NDArray[Any], report: Report | None = None, *, first_row: int = 0
    ) -> Enumerator:
        """Return what asks about all outcomes around some rows, as `sampler` draws some."""
        problem = self._problem(X)
        return Enumerator(
            problem.backend,
            X,
            self.noise,
            shortcut="+".join(problem.taken) or None,
            batch_size=self.batch_size,
            n_jobs=self.n_jobs,
            report=report,
            first_row=first_row,
        )

    def _problem(self, X: NDArray[Any]) -> Problem:
        """Return the easiest problem with the same votes, for a base that reads no batches."""
        base, backend = self.base, self.backend
        deviations = self.noise.deviations(X.shape[1:])
        backend.warn_of_noise(deviations)
        problem = simplify(
            Problem(
                estimator=base.estimator,
                answers=base.answers,
                frame=base.frame,
                backend=backend,
                X=X,
                noise=self.noise,
            ),
            self.shortcuts,
        )
        refuse_batch_readers(problem.backend, self.noise.probed(X), deviations, base.estimator)
        return problem

    def closed_form(self, X: NDArray[Any]) -> ClosedForm | None:
        """Return the base's closed form, compared with its answers around X; None to sample.

        The model is certified as it is now: a form is read anew if its content has changed.
        """
        asked = self.method == "exact"
        if self.method == "montecarlo" or not (self.noise.sound or asked) or self.enumerates:
            return None
        base = self.base
        name = type(unwrap(base.estimator)[1]).__name__
        try:
            marginals = self.noise.marginals(self.row_shape)
            law = None if marginals is None else law_of(marginals)
            if marginals is None or law is None:
                raise NotClosedError(f"none is known for {type(self.noise).__name__}")
            if is_distrusted(base.estimator):
                raise NotClosedError("its reading has been found to be wrong")
            return self._read(X, marginals, law)
        except GapsError as reason:
            refuse_gaps(X)
            if asked:
                raise ValueError(
                    f"method='exact', but {name} has no closed form for some rows: {reason}. Use "
                    "method='montecarlo' or 'auto'."
                ) from reason
            return None
        except NotClosedError as reason:
            what = f"{name} has no closed form here: {reason}."
            misread = isinstance(reason, DisagreementError)
            if misread and distrust(base.estimator) and not asked:
                warnings.warn(
                    f"{what} Noise is drawn instead, without shortcuts. Please report the model.",
                    ModelWarning,
                    stacklevel=user_level(),
                )
            if asked and not self.enumerates:
                if self.noise.n_outcomes is not None:
                    what += (
                        f" Its noise can make {_number(self.noise.n_outcomes)} rows of one, and so "
                        f"many calls a row are more than {MOST_OUTCOMES:,}."
                    )
                hint = "" if misread else f" {self.known_forms} Use method='montecarlo' or 'auto'."
                raise ValueError(f"method='exact', but {what}{hint}") from reason
            return None

    def _read(self, X: NDArray[Any], marginals: Marginals, law: Any) -> Any:
        base = self.base
        return closed_form(
            FORMS,
            base.estimator,
            base.answers,
            X,
            marginals.deviations,
            self.backend.classify,
            base.frame,
            law=law,
            replaced=marginals.replaced,
            gaps=self.gaps,  # not if these rows have some: their answers are their own
        )


def refuse_gaps(X: NDArray[Any]) -> None:
    """Refuse missing values where probabilities are computed."""
    gaps = np.flatnonzero(np.isnan(X).reshape(len(X), -1).any(axis=1))
    if len(gaps):
        raise ValueError(
            f"X contains NaN in {len(gaps)} rows, the first of them row {gaps[0]}, but in fit no "
            "value was missing, and the base has a closed form that knows no missing values. Use "
            "method='montecarlo' if the base takes them."
        )


def _number(n: int) -> str:
    """Return a whole number of any size in words."""
    digits = n.bit_length() * math.log10(2)
    return f"{n:,}" if digits < 15 else f"about 1e{round(digits)}"


def smoother_of(clf: SmoothedClasses, frame: FrameMaker | None = None) -> Smoother:
    """Return the smoother of a fitted estimator, with its parameters as they are now.

    `frame` has the values of the rows that it will be asked about; None if they are numbers.
    """
    base = FittedBase(clf.estimator_, clf.classes_, clf._answers, frame or clf._frame)
    return Smoother(
        base=base,
        abstain_label=clf.abstain_label_,
        shortcuts=shortcut_names(clf.shortcuts),
        **settings_of(clf),
    )


def settings_of(clf: Smoothed) -> dict[str, Any]:
    """Return the arguments of `Smoother` that every kind of estimator has."""
    return {
        "noise": noise_of(clf),
        "seed": clf._seed,
        "row_shape": clf._row_shape,
        "gaps": clf._gaps,
        "method": clf.method,
        "stream": clf.stream,
        "batch_size": None if clf.batch_size is None else int(clf.batch_size),
        "n_jobs": clf.n_jobs,
    }


def noise_of(clf: Smoothed) -> Noise:
    """Return the noise of an estimator that knows its rows' shape and grid.

    The grid depends on the training rows and on sigma, never on the row that is certified.
    """
    if clf.arithmetic == "float" and clf.stream != "philox":
        raise ValueError(
            f"arithmetic='float' is drawn by numpy from stream='philox'; got {clf.stream!r}."
        )
    sigma, units, changes = scale_of(clf, clf._row_shape)
    rows = Rows(
        sigma=sigma,
        units=units,
        shape=clf._row_shape,
        levels=clf._levels,
        arithmetic=clf.arithmetic,
        categories=clf._categories,
        names=None if (named := getattr(clf, "feature_names_in_", None)) is None else tuple(named),
    )
    specification = specification_of(clf.noise)
    if units is not None and not specification.takes_units:
        raise ValueError(
            f"units are for Gaussian noise; got noise={clf.noise!r}. Scale the features in X, or "
            "leave units out."
        )
    return bind_mixed(specification, rows, changes) if changes else specification.bind(rows)


def specification_of(noise: Any) -> Specification:
    """Return the specification that the parameter `noise` names or is."""
    if isinstance(noise, Specification):
        return noise
    if isinstance(noise, str) and noise in NOISES:
        return NOISES[noise]()
    if isinstance(noise, str) and noise in _ARITHMETIC:
        raise ValueError(
            f"noise={noise!r} is now arithmetic={_ARITHMETIC[noise]!r}; noise names a family, such "
            "as 'gaussian'."
        )
    raise ValueError(
        f"noise must be one of {sorted(NOISES)}, or a specification of sksmooth.noise; got "
        f"{noise!r}."
    )


_ARITHMETIC = {"exact": "integer", "float": "float"}


def note_rows(clf: Smoothed, X: NDArray[np.floating], rows: RowsElsewhere | None) -> None:
    """Note in an estimator what its noise depends on: shape, grid, values and gaps of the rows.

    With `rows`, which are not in memory, X is the first of them.
    """
    clf._row_shape = X.shape[1:]
    clf._gaps = np.isnan(X).reshape(len(X), -1).any(axis=0)
    clf._levels = _levels_of(X if rows is None else rows.peek())
    clf._categories = None
    if specification_of(clf.noise).needs_categories:
        wanted = set(range(X[0].size))
    else:
        changes = scale_of(clf, clf._row_shape).changes
        wanted = {place for place, each in changes.items() if each.needs_categories}
    if wanted:
        clf._categories = _categories_of([X] if rows is None else rows.chunks(), wanted)


def _levels_of(X: NDArray[np.floating]) -> int | None:
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


def _categories_of(
    X: Iterable[NDArray[np.floating]], wanted: Container[int]
) -> tuple[tuple[float, ...], ...]:
    """Return the values that columns of the training rows have, which come in parts.

    None are returned for columns that are not wanted: numbers may have as many values as rows.
    """
    columns: list[NDArray[Any]] = []
    for part in X:
        flat = np.asarray(part, dtype=np.float64).reshape(len(part), -1)
        columns = columns or [flat[:0, j] for j in range(flat.shape[1])]
        columns = [
            np.union1d(seen, new[~np.isnan(new)]) if j in wanted else seen
            for j, (seen, new) in enumerate(zip(columns, flat.T, strict=True))
        ]
    return tuple(tuple(values.tolist()) for values in columns)


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
