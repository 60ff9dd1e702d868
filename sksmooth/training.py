"""Fitting the base classifier under noise (Section 3.3 of Cohen et al. 2019).

A base that has never seen noise answers noisy inputs badly, and then there is little to certify.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from .backends import FrameMaker, frozen_classes, is_frozen, is_net, unwrap
from .exact import refit_leaves
from .noise import Noise
from .rows import Rows
from .streams import Philox, Purpose, block_rows, new_seed, row_key

__all__ = ["FittedBase", "fit_base", "fit_under_noise", "noisy_copies", "seed_unset"]


def noisy_copies(
    X: NDArray[np.floating], n_copies: int, *, noise: Noise, seed: bytes
) -> NDArray[np.floating]:
    """Return `n_copies` noisy copies of X, one after another, shape (n_copies * n, *shape).

    Noise is named by content, so that a row that occurs twice has the same copies twice: repeating
    a row means what doubling its sample weight means.
    """
    noisy = np.empty((n_copies, *X.shape), dtype=X.dtype)
    size = block_rows(X[0].size)
    draws = np.empty((min(size, n_copies), *X.shape[1:]), dtype=X.dtype)
    streams = Philox()
    for i, row in enumerate(X):
        key = row_key(seed, row, noise.name)
        perturb = noise.around(row)
        for block, start in enumerate(range(0, n_copies, size)):
            part = draws[: min(size, n_copies - start)]
            perturb(streams.at(key, block, Purpose.TRAIN), part)
            noisy[start : start + len(part), i] = part
    return noisy.reshape(-1, *X.shape[1:])


class FittedBase(NamedTuple):
    """A base classifier, and how to read its answers."""

    estimator: Any
    classes: NDArray[Any]  # the user's labels, by class code
    answers: NDArray[Any]  # what the estimator predicts for each class code
    frame: FrameMaker | None  # the kind of data frame that the estimator expects


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
    refit: bool = False,
    rows: Rows | None = None,
) -> FittedBase:
    """Fit `estimator` in place, under noise and on class codes; a frozen one is only looked at.

    With a `random_state`, every unset one of the estimator's is set from it. With `refit`, a tree's
    leaves are given the classes of all noise that falls into them. With `rows`, a net is trained on
    them, and X is a sample of them.
    """
    if is_frozen(estimator):
        if refit:
            raise ValueError("refit_leaves=True would change a model that is frozen.")
        if not hasattr(estimator, "feature_names_in_"):
            frame = None
        estimator = estimator.fit(X if frame is None else frame(X), y, **fit_params)
        classes = frozen_classes(estimator, X, y, frame)
        return FittedBase(estimator, classes, classes, frame)
    classes, codes = np.unique(y, return_inverse=True)
    if random_state is not None:
        seed_unset(estimator, random_state)
    estimator = fit_under_noise(
        estimator,
        X,
        codes.astype(np.int64),
        noise=noise,
        n_copies=n_copies,
        seed=new_seed(random_state),
        reproducible=random_state is not None,
        fit_params=fit_params,
        frame=frame,
        rows=rows,
    )
    if refit:
        weight = fit_params.get(_name_of_weights(estimator))
        refit_leaves(estimator, X, codes, noise.deviations(X.shape[1:]), sample_weight=weight)
    return FittedBase(estimator, classes, np.arange(len(classes)), frame)


def fit_under_noise(
    estimator: Any,
    X: NDArray[np.floating],
    codes: NDArray[np.int64],
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

    Entries of `fit_params` with one value per row are repeated with the rows.
    """
    if is_net(estimator):
        from .backends.skorch_fit import fit_net

        return fit_net(
            estimator,
            X if rows is None else rows,
            codes,
            noise=noise,
            seed=seed,
            reproducible=reproducible,
            fit_params=fit_params,
        )
    noisy: Any = noisy_copies(X, n_copies, noise=noise, seed=seed)
    if frame is not None:
        noisy = frame(noisy)
    if n_copies > 1:
        numbers = np.tile(np.arange(len(X)), n_copies)
        codes = codes[numbers]
        fit_params = {
            name: _safe_indexing(value, numbers)
            if np.ndim(value) > 0 and _num_samples(value) == len(X)
            else value
            for name, value in fit_params.items()
        }
    model = unwrap(estimator)[1]
    if not is_net(model):
        return estimator.fit(noisy, codes, **fit_params)
    from .backends.skorch_fit import seeded

    with seeded(model, seed, enabled=reproducible):
        return estimator.fit(noisy, codes, **fit_params)


def _name_of_weights(estimator: Any) -> str:
    """Return the fit parameter that holds the sample weights of a Pipeline's model."""
    if not isinstance(estimator, Pipeline):
        return "sample_weight"
    name, model = estimator.steps[-1]
    return f"{name}__{_name_of_weights(model)}"


def seed_unset(estimator: Any, random_state: np.random.RandomState) -> None:
    """Give every ``random_state`` that is None, at any depth, an int drawn from `random_state`."""
    seeds = {}
    for name, value in sorted(estimator.get_params(deep=True).items(), key=lambda item: item[0]):
        if value is None and (name == "random_state" or name.endswith("__random_state")):
            seeds[name] = int(random_state.randint(np.iinfo(np.int32).max))
    if seeds:
        estimator.set_params(**seeds)
