"""Trees and their ensembles, asked directly: without checks, copies and threads for each batch.

Labels are those of ``predict``, bit for bit, since the same numbers are summed in the same order.
"""

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from ..backends import Backend
from ..introspection import split, why_not_readable
from .problem import Problem
from .steps import StepsBackend

__all__ = ["BoostingBackend", "ForestBackend", "StagesBackend", "without_checks"]

_FORESTS = (ExtraTreesClassifier, RandomForestClassifier)
_TREES = (DecisionTreeClassifier, ExtraTreeClassifier)


class _TreesBackend(Backend):
    """What forests and boosting have in common: scores, of which the largest wins."""

    codes: NDArray[np.int64]
    pure = True

    def batch_rows(self, row: NDArray[np.floating]) -> int:
        """Batch length: there is little to pay for a call, and short batches stay in the cache."""
        return int(np.clip(2**20 // row.size, 64, 8192))


class ForestBackend(_TreesBackend):
    """A forest or a single tree, through its ``tree_`` attributes.

    Parameters
    ----------
    estimator : RandomForestClassifier, ExtraTreesClassifier or DecisionTreeClassifier
        Fitted.
    codes : ndarray of shape (n_classes,)
        Class code of each of the estimator's classes.
    """

    def __init__(self, estimator: Any, codes: NDArray[np.int64]) -> None:
        trees = [estimator] if isinstance(estimator, _TREES) else estimator.estimators_
        if estimator.n_outputs_ != 1:
            raise ValueError("several outputs")
        self.trees = [tree.tree_ for tree in trees]
        self.codes, self.n_classes = codes, len(codes)

    def classify(self, batch: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the class code of each row of `batch`."""
        X = batch.astype(np.float32, copy=False)
        scores = np.zeros((len(X), self.n_classes))
        for tree in self.trees:
            scores += tree.predict(X)[:, : self.n_classes]
        scores /= len(self.trees)
        return self.codes[scores.argmax(axis=1)]


class BoostingBackend(_TreesBackend):
    """Histogram-based boosting on bins: each value is put into its bin once, not at each split.

    These are private parts of scikit-learn, so anything unexpected raises, and then this backend is
    not used.

    Parameters
    ----------
    estimator : HistGradientBoostingClassifier
        Fitted, without categorical features.
    codes : ndarray of shape (n_classes,)
        Class code of each of the estimator's classes.
    """

    def __init__(self, estimator: Any, codes: NDArray[np.int64]) -> None:
        if estimator.is_categorical_ is not None and np.any(estimator.is_categorical_):
            raise ValueError("categorical features")
        if getattr(estimator, "_preprocessor", None) is not None:
            raise ValueError("a preprocessor")
        if getattr(estimator, "_in_fit", False):
            raise ValueError("it takes rows for bins")
        self.mapper, self.predictors = estimator._bin_mapper, estimator._predictors
        self._check_bins()
        self.baseline = estimator._baseline_prediction
        self.missing = self.mapper.missing_values_bin_idx_
        self.codes, self.n_classes = codes, len(codes)

    def _check_bins(self) -> None:
        """Refuse trees whose thresholds are not those of the bins, at any node.

        Each ``fit`` makes new bins. Trees that were grown before, with ``warm_start``, keep the
        numbers of the old ones, while ``predict`` compares with thresholds.
        """
        thresholds = self.mapper.bin_thresholds_
        if any(np.any(np.diff(points) <= 0) for points in thresholds):
            raise ValueError("thresholds of bins are not in order")
        # beyond the last threshold lies a bin that goes left at every node that only splits off
        # missing values
        ends = [np.append(points, np.inf) for points in thresholds]
        for predictor in itertools.chain.from_iterable(self.predictors):
            nodes = predictor.nodes[predictor.nodes["is_leaf"] == 0]
            for feature, number, point in zip(
                nodes["feature_idx"].tolist(),
                nodes["bin_threshold"].tolist(),
                nodes["num_threshold"].tolist(),
                strict=True,
            ):
                if ends[feature][min(number, len(ends[feature]) - 1)] != point:
                    raise ValueError("a node compares with another value than its bin's")

    def __setstate__(self, state: dict[str, Any]) -> None:
        # joblib hands large arrays to its workers as files that are only read; these are not taken
        vars(self).update(state)
        for predictor in itertools.chain.from_iterable(self.predictors):
            for name in ("nodes", "binned_left_cat_bitsets"):
                setattr(predictor, name, np.require(getattr(predictor, name), requirements="W"))

    def classify(self, batch: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the class code of each row of `batch`."""
        from sklearn.utils._openmp_helpers import _openmp_effective_n_threads

        threads = _openmp_effective_n_threads()
        bins = np.ascontiguousarray(self.mapper.transform(batch.astype(np.float64, copy=False)))
        scores = np.zeros((len(batch), len(self.predictors[0])), order="F")
        scores += self.baseline
        for predictors in self.predictors:
            for k, predictor in enumerate(predictors):
                scores[:, k] += predictor.predict_binned(bins, self.missing, threads)
        if scores.shape[1] == 1:
            return self.codes[(scores[:, 0] > 0).astype(np.intp)]
        return self.codes[scores.argmax(axis=1)]


class StagesBackend(_TreesBackend):
    """Gradient boosting through the sum of its stages, which ``predict`` makes too.

    It is a private part of scikit-learn, so anything unexpected raises, and then this backend is
    not used.

    Parameters
    ----------
    estimator : GradientBoostingClassifier
        Fitted; it starts from a constant.
    codes : ndarray of shape (n_classes,)
        Class code of each of the estimator's classes.
    """

    def __init__(self, estimator: Any, codes: NDArray[np.int64]) -> None:
        constant = type(estimator.init_) is DummyClassifier and estimator.init_.strategy == "prior"
        if not constant and not isinstance(estimator.init_, str):
            raise ValueError("it starts from another model")
        self.estimator, self.codes, self.n_classes = estimator, codes, len(codes)

    def classify(self, batch: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the class code of each row of `batch`."""
        scores = self.estimator._raw_predict(np.ascontiguousarray(batch, dtype=np.float32))
        if scores.shape[1] == 1:
            return self.codes[(scores[:, 0] >= 0).astype(np.intp)]
        return self.codes[scores.argmax(axis=1)]


def without_checks(problem: Problem) -> Problem | None:
    """Return the problem with the trees of a model in place of the model."""
    steps, model = split(problem.estimator)
    kinds: dict[Any, type[Any]] = {HistGradientBoostingClassifier: BoostingBackend}
    kinds[GradientBoostingClassifier] = StagesBackend
    kinds |= dict.fromkeys((*_FORESTS, *_TREES), ForestBackend)
    kind = kinds.get(type(model))
    if steps or kind is None or problem.X.ndim != 2 or why_not_readable(model) is not None:
        return None
    if problem.frame is not None and problem.frame.coded:  # arrays have hashes in place of text
        return None
    try:
        code_of = {answer: code for code, answer in enumerate(problem.answers.tolist())}
        codes = np.array([code_of[label] for label in model.classes_.tolist()])
        backend: Backend = kind(model, codes)
    except Exception:  # another version of scikit-learn, or attributes that were changed
        return None
    if isinstance(problem.backend, StepsBackend):
        backend = problem.backend.before(backend)
    return problem.then("trees", estimator=None, backend=backend)
