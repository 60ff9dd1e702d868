"""Fitting the base classifier under noise (Section 3.3 of Cohen et al. 2019).

A base that has never seen noise answers noisy inputs badly, and then there is little to certify.
"""

import contextlib
import inspect
import warnings
import weakref
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _safe_indexing

from ..backends import (
    FrameMaker,
    backend_kind,
    fitted_classes,
    frozen_classes,
    is_frozen,
    noise_explained,
    unwrap,
)
from ..checks import user_level
from ..exceptions import TrainingWarning
from ..introspection.fingerprint import fingerprint
from ..noise import Noise
from ..noise.streams import (
    Philox,
    Purpose,
    block_rows,
    new_seed,
    repeated_seed,
    repeats,
    row_key,
)
from ..rows import Rows
from .class_codes import encode
from .inner_validation import held_out_rows, on_original_rows

__all__ = [
    "STACK_BYTES",
    "FittedBase",
    "fit_base",
    "fit_under_noise",
    "noisy_copies",
    "noisy_copy",
    "seeds_of_rows",
]

STACK_BYTES = 10**9  # of noisy copies that are made at once without a word


def seeds_of_rows(
    X: NDArray[np.floating], y: NDArray[Any], weight: Any, *, noise: Noise, seed: bytes
) -> list[bytes]:
    """Return a seed for each row, with which even rows that are equal have copies of their own.

    Rows with other values, labels or weights have the same seeds in any order of the rows.
    """
    if not len(X):
        return []
    keys = np.array([row_key(seed, row, noise.name) for row in X])
    ties: list[NDArray[Any]] = [np.unique(y, return_inverse=True)[1].reshape(-1)]
    ties += [] if weight is None else [np.asarray(weight, dtype=np.float64).reshape(-1)]
    return [repeated_seed(seed, number) for number in repeats(keys, *ties).tolist()]


def noisy_copies(
    X: NDArray[np.floating], n_copies: int, *, noise: Noise, seeds: Sequence[bytes]
) -> NDArray[np.floating]:
    """Return `n_copies` noisy copies of X, one after another, shape (n_copies * n, *shape).

    Noise is named by seed and content: equal rows with the same seed have the same copies.
    """
    noisy = np.empty((n_copies, *X.shape), dtype=X.dtype)
    size = block_rows(X[0].size)
    draws = np.empty((min(size, n_copies), *X.shape[1:]), dtype=X.dtype)
    streams = Philox()
    for i, (row, seed) in enumerate(zip(X, seeds, strict=True)):
        key = row_key(seed, row, noise.name)
        perturb = noise.around(row)
        for block, start in enumerate(range(0, n_copies, size)):
            part = draws[: min(size, n_copies - start)]
            perturb(streams.at(key, block, Purpose.TRAIN), part)
            noisy[start : start + len(part), i] = part
    return noisy.reshape(-1, *X.shape[1:])


def noisy_copy(
    X: NDArray[np.floating], number: int, *, noise: Noise, seeds: Sequence[bytes]
) -> NDArray[np.floating]:
    """Return the copy of that number, from 0, among `noisy_copies`, without making the others.

    A block is drawn from its beginning, so that later copies take longer: up to the block's size.
    """
    block, place = divmod(number, block_rows(X[0].size))
    noisy = np.empty(X.shape, dtype=X.dtype)
    draws = np.empty((place + 1, *X.shape[1:]), dtype=X.dtype)
    streams = Philox()
    for i, (row, seed) in enumerate(zip(X, seeds, strict=True)):
        key = row_key(seed, row, noise.name)
        noise.around(row)(streams.at(key, block, Purpose.TRAIN), draws)
        noisy[i] = draws[place]
    return noisy


# of models by identity; a model that changes without a fit of the smoother keeps its old one here
_FINGERPRINTS: dict[int, tuple[weakref.ref[Any], str]] = {}
_MOST_KNOWN = 64


class FittedBase(NamedTuple):
    """A base classifier, and how to read its answers."""

    estimator: Any
    classes: NDArray[Any]  # the user's labels, by class code
    answers: NDArray[Any]  # what the estimator predicts for each class code
    frame: FrameMaker | None  # the kind of data frame that the estimator expects

    def fingerprint(self, *, anew: bool = False) -> str | None:
        """Return what stands for the model's content; None if it cannot be taken apart.

        It is found once a model and fit, which takes as long as some hundred draws, or `anew`.
        """
        reference, known = _FINGERPRINTS.get(id(self.estimator), (None, None))
        if not anew and reference is not None and reference() is self.estimator:
            return known
        try:
            found = fingerprint(self.estimator)
            if not anew:
                _FINGERPRINTS[id(self.estimator)] = weakref.ref(self.estimator), found
                for old in list(_FINGERPRINTS)[:-_MOST_KNOWN]:
                    _FINGERPRINTS.pop(old, None)
            return found
        except Exception:  # whatever objects raise that cannot be pickled
            return None


def fit_base(
    estimator: Any,
    X: NDArray[np.floating],
    y: NDArray[Any],
    *,
    noise: Noise,
    n_copies: int,
    random_state: np.random.RandomState | None,
    fit_params: dict[str, Any],
    frame: FrameMaker | None,
    rows: Rows | None = None,
    has_classes: bool = True,
) -> FittedBase:
    """Fit `estimator` in place, under noise; a frozen one is only looked at.

    It gets the labels as given, or class codes if it takes nothing else. A regressor has no
    classes, and gets numbers.

    With a `random_state`, every unset one of the estimator's is set from it. With `rows`, a net is
    trained on them, and X is a sample of them.
    """
    _FINGERPRINTS.pop(id(estimator), None)  # a frozen one may have learned something else
    if is_frozen(estimator):
        estimator, frame = _as_it_is(estimator, X, y, fit_params, frame)
        classes = frozen_classes(estimator, X, y, frame) if has_classes else np.zeros(0)
        return FittedBase(estimator, classes, classes, frame)
    if random_state is not None:
        _seed_unset(estimator, random_state)
    coded = encode(estimator, y, fit_params) if has_classes else None
    if coded is not None:
        y, fit_params = coded.y, coded.fit_params
    estimator = fit_under_noise(
        estimator,
        X,
        y.copy(),  # a base may spoil what it is given
        noise=noise,
        n_copies=n_copies,
        seed=new_seed(random_state),
        reproducible=random_state is not None,
        fit_params=fit_params,
        frame=frame,
        rows=rows,
    )
    if coded is not None:
        return FittedBase(estimator, coded.classes, np.arange(len(coded.classes)), frame)
    if not has_classes:
        return FittedBase(estimator, np.zeros(0), np.zeros(0), frame)
    return FittedBase(estimator, *fitted_classes(estimator, y), frame)


def _as_it_is(
    estimator: Any,
    X: NDArray[np.floating],
    y: NDArray[Any],
    fit_params: dict[str, Any],
    frame: FrameMaker | None,
) -> tuple[Any, FrameMaker | None]:
    """Return a frozen estimator, and the frames that it expects."""
    if frame is not None and not (frame.coded or hasattr(estimator, "feature_names_in_")):
        frame = None
    fitted = estimator.fit(X if frame is None else frame(X), y, **fit_params)
    return _checked(fitted), frame


def fit_under_noise(
    estimator: Any,
    X: NDArray[np.floating],
    y: NDArray[Any],
    *,
    noise: Noise,
    n_copies: int,
    seed: bytes,
    reproducible: bool,
    fit_params: dict[str, Any],
    frame: FrameMaker | None = None,
    rows: Rows | None = None,
) -> Any:
    """Fit `estimator` in place: nets see fresh noise in every batch, others `n_copies` copies.

    Copies of up to `STACK_BYTES` together are one training set. Where they would be more, a base
    that can learn in parts is fitted on the first copy and goes on by ``partial_fit`` on each of
    the others, so that one exists at a time. For sums, as of naive Bayes, that is the same as
    fitting on all; whatever goes over its data several times sees the other copies once. So it is
    done only where the stack would be large, and never silently. Any other base gets the stack all
    the same, after a warning that says what it takes.

    Entries of `fit_params` with one value per row are repeated with the rows; others are passed on.
    What holds out rows inside the base holds out all copies of a row, or a warning names it.

    Of one copy, noise is named by a row's content: rows that are equal have the same noise, so that
    repeating a row means what doubling its weight means, as scikit-learn's checks ask. Of several
    copies, each row has noise of its own, even if others are equal to it: a table of few categories
    would be seen under few noises otherwise.
    """
    if backend_kind(estimator).trains_per_batch:
        return backend_kind(estimator).fit_per_batch(
            estimator,
            X if rows is None else rows,
            y,
            noise=noise,
            seed=seed,
            reproducible=reproducible,
            fit_params=fit_params,
        )
    per_row: dict[str, Any] = {}
    seeds = [seed] * len(X)
    if n_copies > 1:
        per_row = {name: value for name, value in fit_params.items() if _is_per_row(value, len(X))}
        seeds = seeds_of_rows(X, y, per_row.get("sample_weight"), noise=noise, seed=seed)
    copies = _Copies(X, n_copies, noise, seeds, frame)
    if n_copies > 1 and n_copies * X.nbytes > STACK_BYTES:
        in_parts = _learns_in_parts(estimator, per_row)
        what = _what_it_takes(estimator, X, n_copies, in_parts)
        warnings.warn(what, TrainingWarning, stacklevel=user_level())
        if in_parts:
            # no copy has a name here: each is gone before the next is made
            estimator.fit(copies.one(0), y, **fit_params)
            for number in range(1, n_copies):
                estimator.partial_fit(copies.one(number), y, **per_row)
            return estimator
    kept = np.arange(len(X))
    if n_copies > 1:
        kept, fit_params = _hold_out(estimator, copies, y, fit_params, per_row)
        y = y[np.tile(kept, n_copies)]
    with contextlib.ExitStack() as context:
        context.enter_context(on_original_rows(estimator, len(X), n_copies, fit_params))
        kind = backend_kind(unwrap(estimator)[1])
        context.enter_context(kind.fitting(estimator, seed, reproducible=reproducible))
        context.enter_context(noise_explained(estimator, X, noise.label, clean=True))
        return _checked(estimator.fit(copies.of(kept), y, **fit_params))


class _Copies(NamedTuple):
    """Noisy copies of rows, as the base takes them; see `noisy_copies`."""

    X: NDArray[np.floating]
    n: int
    noise: Noise
    seeds: Sequence[bytes]
    frame: FrameMaker | None

    def one(self, number: int) -> Any:
        """Return the copy of that number."""
        return self._framed(noisy_copy(self.X, number, noise=self.noise, seeds=self.seeds))

    def of(self, places: NDArray[np.intp]) -> Any:
        """Return all copies of some rows."""
        rows = self.X if len(places) == len(self.X) else self.X[places]  # no copy of all
        own = [self.seeds[place] for place in places]
        return self._framed(noisy_copies(rows, self.n, noise=self.noise, seeds=own))

    def _framed(self, noisy: NDArray[np.floating]) -> Any:
        return noisy if self.frame is None else self.frame(noisy)


def _hold_out(
    estimator: Any,
    copies: _Copies,
    y: NDArray[Any],
    fit_params: dict[str, Any],
    per_row: dict[str, Any],
) -> tuple[NDArray[np.intp], dict[str, Any]]:
    """Return the rows to fit on, and parameters for their copies.

    Rows that the base would hold out are held out here, with all their copies.
    """
    kept = np.arange(len(copies.X))
    validation: dict[str, Any] = {}
    parts = held_out_rows(estimator, y, fit_params)
    if parts is not None:
        kept, apart = parts
        places = np.tile(apart, copies.n)
        validation = {"X_val": copies.of(apart), "y_val": y[places]}
        if "sample_weight" in per_row:
            weights = _safe_indexing(per_row["sample_weight"], places)
            validation["sample_weight_val"] = weights
    places = np.tile(kept, copies.n)
    repeated = {name: _safe_indexing(value, places) for name, value in per_row.items()}
    return kept, fit_params | validation | repeated


def _is_per_row(value: Any, n_rows: int) -> bool:
    """Whether a fit parameter has one value for each of `n_rows` rows."""
    if hasattr(value, "shape"):
        return len(value.shape) > 0 and value.shape[0] == n_rows
    listed = isinstance(value, Sequence) and not isinstance(value, str | bytes)
    return listed and len(value) == n_rows


def _learns_in_parts(estimator: Any, per_row: dict[str, Any]) -> bool:
    """Whether `estimator` can go on after ``fit`` with more rows, and with their parameters.

    A Pipeline cannot. Classifiers of scikit-learn refuse it with two settings that need to see all
    rows at once.
    """
    if (
        not hasattr(estimator, "partial_fit")
        or getattr(estimator, "early_stopping", False)
        or getattr(estimator, "class_weight", None) == "balanced"
    ):
        return False
    known = inspect.signature(estimator.partial_fit).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in known.values())
    return takes_any or per_row.keys() <= known.keys()


def _what_it_takes(estimator: Any, X: NDArray[np.floating], n_copies: int, in_parts: bool) -> str:
    """Say how much memory noisy copies take, and what can be done about it."""
    name, values = type(estimator).__name__, X[0].size
    what = (
        f"n_augment={n_copies} noisy copies of {len(X)} rows x {values} values x "
        f"{X.itemsize} bytes are {n_copies * X.nbytes / 1e9:.3g} GB"
    )
    if in_parts:
        return (
            f"{what}. One of {X.nbytes / 1e9:.3g} GB is made at a time: {name} is fitted on the "
            "first and updated by partial_fit, once, on each of the others. Unless it learns by "
            "sums, as naive Bayes does, that is not the same as fitting it on all of them."
        )
    return (
        f"{what}, made at once, since {name} cannot go on by partial_fit; it may need several "
        "times as much for itself. To need less: a smaller n_augment, a sample of the rows, "
        "float32 in place of float64, or a base with partial_fit, such as SGDClassifier or "
        "GaussianNB, that is not in a Pipeline."
    )


def _checked(fitted: Any) -> Any:
    """Refuse what a ``fit`` returns that forgot to return its estimator."""
    if not hasattr(fitted, "predict"):
        raise TypeError(
            f"The base estimator's fit returned {fitted!r}; it must return the fitted estimator."
        )
    return fitted


def _seed_unset(estimator: Any, random_state: np.random.RandomState) -> None:
    """Give every ``random_state`` that is None, at any depth, an int drawn from `random_state`."""
    seeds = {}
    for name, value in sorted(estimator.get_params(deep=True).items(), key=lambda item: item[0]):
        if value is None and (name == "random_state" or name.endswith("__random_state")):
            seeds[name] = int(random_state.randint(np.iinfo(np.int32).max))
    if seeds:
        estimator.set_params(**seeds)
