"""Any fitted classifier, through its ``predict``."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .base import Backend
from .frames import FrameMaker
from .refusals import noise_explained

__all__ = ["SklearnBackend"]

# Below some thousand rows a call costs more than its rows: validation in every model, joblib in
# forests. Above some megabytes the batch leaves the cache.
_BATCH_ROWS = 10_000
# Columns of frames are looked at, and encoded, at every call; votes and stacks call many models.
_LONG_BATCH_ROWS = 65_536
_BATCH_VALUES = 2**22


class SklearnBackend(Backend):
    """A classifier that follows scikit-learn's conventions.

    Parameters
    ----------
    estimator : fitted classifier
        Its ``predict`` is the base classifier f.
    answers : ndarray of shape (n_classes,)
        What ``predict`` returns for each class code.
    frame : FrameMaker or None
        Applied to each batch.
    """

    @classmethod
    def accepts(cls, model: Any) -> bool:
        """Whether it has a ``predict``."""
        return hasattr(model, "predict")

    @classmethod
    def of(cls, estimator: Any, answers: NDArray[Any], frame: FrameMaker | None = None) -> Backend:
        """Return what asks any classifier through its ``predict``."""
        return cls(estimator, answers, frame)

    def __init__(self, estimator: Any, answers: NDArray[Any], frame: FrameMaker | None) -> None:
        self.estimator = estimator
        self.answers = np.asarray(answers)
        self.frame = frame
        self.n_classes = len(self.answers)
        is_dear = frame is not None or hasattr(estimator, "named_estimators_")
        self.preferred_rows = _LONG_BATCH_ROWS if is_dear else _BATCH_ROWS
        self._order = np.argsort(self.answers)
        self._sorted = self.answers[self._order]
        self._codes = np.array_equal(self.answers, np.arange(self.n_classes))

    def batch_rows(self, row: NDArray[np.floating]) -> int:
        """Batch length that suits the model, for rows like this one."""
        return int(np.clip(_BATCH_VALUES // row.size, 64, self.preferred_rows))

    def classify(self, batch: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the class code of each row of `batch`."""
        X = batch if self.frame is None else self.frame(batch)
        with noise_explained(self.estimator, batch):
            answer = self.estimator.predict(X)
        if isinstance(answer, np.ma.MaskedArray) and np.ma.is_masked(answer):
            raise ValueError(
                f"{_name(self.estimator)}.predict returned masked labels. Such labels are "
                "no votes: fill them with what the model answers, or let it raise."
            )
        predicted = np.asarray(answer)
        if predicted.shape == (len(batch), 1):
            predicted = predicted[:, 0]
        if predicted.shape != (len(batch),):
            raise ValueError(
                f"{_name(self.estimator)}.predict returned shape {predicted.shape} for "
                f"{len(batch)} rows; expected one label per row, shape ({len(batch)},)."
            )
        if self._codes and predicted.dtype.kind in "iu":
            votes = predicted.astype(np.int64, copy=False)
            known = (votes >= 0) & (votes < self.n_classes)
        else:
            try:
                place = np.searchsorted(self._sorted, predicted).clip(max=self.n_classes - 1)
                votes = self._order[place]
                known = np.asarray(self.answers[votes] == predicted, dtype=bool)
            except (TypeError, ValueError) as error:  # None, or arrays, among objects
                raise ValueError(
                    f"{_name(self.estimator)}.predict returned labels of dtype {predicted.dtype}, "
                    f"such as {predicted[0]!r}, which cannot be compared with {self._fitted_on()}"
                ) from error
        if not known.all():
            stranger = predicted[~known].tolist()[0]
            raise ValueError(
                f"{_name(self.estimator)}.predict returned {stranger!r}, which is not among "
                f"{self._fitted_on()}"
            )
        return votes

    def gaps(self, batch: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return by how much the best class's probability exceeds the next one's, where known."""
        try:
            X = batch.copy()  # it may overwrite its batch
            X = X if self.frame is None else self.frame(X)
            p = np.sort(np.asarray(self.estimator.predict_proba(X), dtype=np.float64), axis=1)
            return p[:, -1] - p[:, -2]
        except Exception:  # not every classifier has probabilities
            return super().gaps(batch)

    def _fitted_on(self) -> str:
        return f"the classes that it was fitted on, {self.answers.tolist()[:10]}."


def _name(estimator: Any) -> str:
    return type(estimator).__name__
