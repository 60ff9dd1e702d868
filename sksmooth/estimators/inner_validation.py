"""Validation inside a base that is fitted on several noisy copies of each row.

A search, a calibration or early stopping inside the base holds rows out. If it trains on other
copies of these rows, it measures how well they are remembered, and chooses the model that remembers
best. So whatever has a parameter ``cv`` splits the original rows here, and the copies go with them.
"""

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.model_selection import (
    StratifiedKFold,
    StratifiedShuffleSplit,
    check_cv,
    train_test_split,
)
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import _num_samples

from ..backends import backend_kind
from ..checks import user_level
from ..exceptions import TrainingWarning

__all__ = ["CopiesTogether", "held_out_rows", "on_original_rows"]

_MANY_ROWS = 10_000  # above, HistGradientBoosting stops early by default
# parameters that make an estimator hold out rows by itself, where it has the other one too
_HOLD_OUT = {
    "early_stopping": "validation_fraction",  # MLPClassifier, SGDClassifier
    "n_iter_no_change": "validation_fraction",  # GradientBoostingClassifier
    "early_stopping_rounds": "validation_size",  # ExplainableBoostingClassifier
    "eval_fraction": "eval_fraction",  # CatBoostClassifier
    "oob_score": "oob_score",
    "probability": "probability",  # SVC
}


class CopiesTogether:
    """A splitter of original rows, for data that is noisy copies of them, one after another.

    Parameters
    ----------
    cv : int, splitter, iterable or None
        Splits the original rows; it sees the first copy of each, of its label and of its group.
    n_copies : int
        Copies of each row.
    owner : object
        The estimator that is to use the splits.
    """

    def __init__(self, cv: Any, n_copies: int, owner: Any) -> None:
        self.asked = owner.cv
        self.cv, self.n_copies, self.name = cv, n_copies, type(owner).__name__
        inner = getattr(owner, "estimator", None)  # None where it has a default
        self.classifier = is_classifier(owner) or (inner is not None and is_classifier(inner))
        # what a search by halving looks at to know whether splits stay the same
        self.shuffle = getattr(cv, "shuffle", True)
        self.random_state = getattr(cv, "random_state", 0)

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield training and test rows, with all their copies."""
        n, rows = self._original(X, y, groups)
        copies = np.arange(_num_samples(X)).reshape(-1, n)
        if len(copies) != self.n_copies:
            _warn(self.name, "cv", self.n_copies)
        for train, test in self._splitter(rows[1]).split(*rows):
            yield copies[:, train].ravel(), copies[:, test].ravel()

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits."""
        rows = (X, y, groups) if X is None else self._original(X, y, groups)[1]
        return int(self._splitter(rows[1]).get_n_splits(*rows))

    def get_metadata_routing(self) -> Any:
        """Return what the splitter of original rows asks for, such as groups."""
        return self._splitter(None).get_metadata_routing()

    def _splitter(self, y: Any) -> Any:
        return check_cv(self.cv, y, classifier=self.classifier)

    def _original(self, X: Any, y: Any, groups: Any) -> tuple[int, tuple[Any, Any, Any]]:
        """Return the number of original rows, and the first copy of everything.

        Behind a resampler, or in an ensemble on samples, rows are no copies one after another any
        more. Labels show that; then all rows count as original.
        """
        n = _num_samples(X)
        if n % self.n_copies == 0:
            of_copy = None if y is None else np.asarray(y).reshape(self.n_copies, -1)
            if of_copy is None or np.all(of_copy == of_copy[0]):
                n //= self.n_copies
        first = slice(0, n)
        X, y, groups = (None if p is None else _safe_indexing(p, first) for p in (X, y, groups))
        return n, (X, y, groups)


@contextmanager
def on_original_rows(
    estimator: Any, n_rows: int, n_copies: int, fit_params: dict[str, Any]
) -> Iterator[None]:
    """Let what validates inside `estimator` split original rows while it is fitted.

    Afterwards all its parts have the parameters that the user gave. A warning names what holds out
    rows in a way that cannot be changed.

    Parameters
    ----------
    estimator : classifier
        Not yet fitted.
    n_rows : int
        Number of original rows.
    n_copies : int
        Copies of each in the data that `estimator` will be fitted on.
    fit_params : dict
        What its fit will get.
    """
    if n_copies == 1:
        yield
        return
    for part in _parts(estimator):
        params = part.get_params(deep=False)
        if "cv" in params:
            _split_original(part, params, n_copies)
        held_out = [name for name in _HOLD_OUT if _holds_out(name, params)]
        if isinstance(part, HistGradientBoostingClassifier):
            held_out = _decide_early_stopping(part, n_rows, fit_params)
        elif backend_kind(part).trains_per_batch and params["train_split"] and params["callbacks"]:
            held_out = ["train_split"]
        for name in held_out:
            _warn(type(part).__name__, name, n_copies)
    try:
        yield
    finally:
        _put_back(estimator, set())


def held_out_rows(
    estimator: Any, y: NDArray[Any], fit_params: dict[str, Any]
) -> tuple[NDArray[np.intp], NDArray[np.intp]] | None:
    """Return rows to train on and rows that decide when to stop; None if `estimator` has no such.

    HistGradientBoosting would hold out copies, but its fit takes other rows for that since
    scikit-learn 1.7.
    """
    if (
        not isinstance(estimator, HistGradientBoostingClassifier)
        or "X_val" not in inspect.signature(estimator.fit).parameters
        or fit_params.get("X_val") is not None
        or not _stops_early(estimator, len(y))
    ):
        return None
    train, held_out = train_test_split(
        np.arange(len(y)),
        test_size=estimator.validation_fraction,
        stratify=y,
        random_state=estimator.random_state,
    )
    return train, held_out


def _stops_early(model: HistGradientBoostingClassifier, n_rows: int) -> bool:
    """Whether the model, fitted on so many rows, would hold out some of them."""
    stops = model.early_stopping
    stops = n_rows > _MANY_ROWS if isinstance(stops, str) else bool(stops)
    return stops and model.validation_fraction is not None


def _decide_early_stopping(model: Any, n_rows: int, fit_params: dict[str, Any]) -> list[str]:
    """Turn automatic early stopping on or off; return its name if copies would be held out."""
    # a bool of numpy is ours, and _put_back makes "auto" of it again
    automatic = isinstance(model.early_stopping, str)
    stops = n_rows > _MANY_ROWS if automatic else model.early_stopping
    model.early_stopping = np.bool_(stops) if automatic else bool(stops)
    given = any(name.rpartition("__")[2] == "X_val" for name in fit_params)
    return ["early_stopping"] if _stops_early(model, n_rows) and not given else []


def _parts(thing: Any) -> Iterator[Any]:
    """Yield estimators and what they have in their parameters, but for frozen ones."""
    if isinstance(thing, list | tuple | dict):
        for part in thing.values() if isinstance(thing, dict) else thing:
            yield from _parts(part)
    elif hasattr(thing, "get_params") and not isinstance(thing, type | FrozenEstimator):
        yield thing
        yield from _parts(list(thing.get_params(deep=False).values()))


def _split_original(part: Any, params: dict[str, Any], n_copies: int) -> None:
    """Give a part that has ``cv`` splits of the original rows."""
    cv = params["cv"]
    if isinstance(cv, str):  # "prefit": there is nothing to hold out
        return
    constraints = getattr(part, "_parameter_constraints", {})
    takes_splitters = "cv_object" in constraints.get("cv", ["cv_object"])
    leaves_one_out = cv is None and isinstance(part, RidgeClassifierCV | RidgeCV)
    if not takes_splitters or leaves_one_out:
        _warn(type(part).__name__, "cv", n_copies)
        return
    seed = params.get("random_state")
    seed = None if isinstance(seed, str) else seed  # "deprecated"
    if isinstance(cv, float):  # TunedThresholdClassifierCV
        cv = StratifiedShuffleSplit(n_splits=1, test_size=cv, random_state=seed)
    elif isinstance(cv, int) and params.get("shuffle"):  # TargetEncoder
        cv = StratifiedKFold(cv, shuffle=True, random_state=seed)
    part.cv = CopiesTogether(cv, n_copies, part)


def _holds_out(name: str, params: dict[str, Any]) -> bool:
    if name == "n_iter_no_change" and "early_stopping" in params:
        return False  # there it says how patient to be
    on = params.get(name)
    return bool(on) and not isinstance(on, str) and bool(params.get(_HOLD_OUT[name]))


def _warn(name: str, parameter: str, n_copies: int) -> None:
    warnings.warn(
        f"n_augment={n_copies}: {name} holds out rows by its parameter {parameter}, and trains on "
        "other noisy copies of the same rows. What it measures on them is too good, and it may "
        f"choose a worse model. Take n_augment=1, or do without {parameter}.",
        TrainingWarning,
        stacklevel=user_level(),
    )


def _put_back(thing: Any, seen: set[int]) -> None:
    """Give all parts, and copies that fits have made of them, the parameters asked for."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, list | tuple | dict):
        for part in thing.values() if isinstance(thing, dict) else thing:
            _put_back(part, seen)
    elif hasattr(thing, "__dict__") and not isinstance(thing, type | FrozenEstimator):
        if not (hasattr(thing, "get_params") or type(thing).__module__.startswith("sklearn.")):
            return
        if isinstance(getattr(thing, "early_stopping", None), np.bool_):
            thing.early_stopping = "auto"
        for name, value in list(vars(thing).items()):
            if isinstance(value, CopiesTogether):
                setattr(thing, name, value.asked)
            else:
                _put_back(value, seen)
