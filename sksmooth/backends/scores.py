"""Any fitted classifier, through the probabilities that it gives, and scores made of these."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from ..introspection import unwrap
from .frames import FrameMaker
from .numbers import NumbersBackend

__all__ = ["SCORES", "Score", "ScoresBackend"]

Floats = NDArray[np.float64]
Score = Callable[[Floats], Floats]


def lac(p: Floats) -> Floats:
    """Return the probabilities themselves."""
    return p


def margin(p: Floats) -> Floats:
    """Return by how much the logarithm of each probability exceeds the largest other one."""
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(p)
        first = logs.argmax(axis=1)
        lines = np.arange(len(logs))
        others = np.broadcast_to(logs[lines, first][:, None], logs.shape).copy()
        rest = logs.copy()
        rest[lines, first] = -np.inf
        others[lines, first] = rest.max(axis=1)
        return np.where(p > 0, logs - others, -np.inf)


def aps(p: Floats) -> Floats:
    """Return, negated, the sum of all larger probabilities and half of each label's own."""
    order = np.argsort(-p, axis=1, kind="stable")
    falling = np.take_along_axis(p, order, axis=1)
    scores = np.empty_like(p)
    np.put_along_axis(scores, order, falling / 2 - np.cumsum(falling, axis=1), axis=1)
    return scores


SCORES: dict[str, Score] = {"lac": lac, "margin": margin, "aps": aps}


class ScoresBackend(NumbersBackend):
    """A classifier asked for the probabilities of all classes, which a score is a function of.

    Without ``predict_proba`` they are the softmax of its ``decision_function``.

    Parameters
    ----------
    estimator : fitted classifier
        The base.
    columns : ndarray of shape (n_classes,), int
        Which of its columns belongs to each class code.
    score : callable
        From probabilities of shape (n, n_classes) to scores of that shape; larger conforms more.
    frame : FrameMaker or None
        Applied to each batch.
    float32 : bool, default=False
        Whether batches are rounded to float32.
    """

    def __init__(
        self,
        estimator: Any,
        columns: NDArray[np.intp],
        score: Score,
        frame: FrameMaker | None,
        *,
        float32: bool = False,
    ) -> None:
        super().__init__(estimator, frame, float32=float32)
        self.columns, self.score = columns, score
        self.in_order = np.array_equal(columns, np.arange(len(columns)))
        self.method = next(
            (name for name in ("predict_proba", "decision_function") if hasattr(estimator, name)),
            None,
        )
        if self.method is None:
            raise ValueError(
                f"{type(unwrap(estimator)[1]).__name__} has neither predict_proba nor "
                "decision_function, of which prediction sets are made. Wrap it in "
                "CalibratedClassifierCV, or use conformity_score='votes' if it has a closed form."
            )
        if score not in SCORES.values():
            _refuse_batches(score, len(columns))
        shape = getattr(unwrap(estimator)[1], "decision_function_shape", None)
        if self.method == "decision_function" and shape == "ovo" and len(columns) > 2:
            raise ValueError(
                "With decision_function_shape='ovo' decision_function has a column for each pair "
                "of classes, not for each class. Use decision_function_shape='ovr'."
            )

    def outputs(self, batch: NDArray[np.floating]) -> Any:
        """Return the scores of all classes, rounded to float32."""
        assert self.method is not None
        answer = np.asarray(self.asked(self.method, batch), dtype=np.float64)
        if self.method == "decision_function":
            if answer.ndim == 1:
                answer = np.stack([np.zeros(len(answer)), answer], axis=1)
            answer = softmax(answer, axis=1)
        shape = (len(batch), len(self.columns))
        self._check(f"{self.method} of the base estimator", answer, shape)
        scores = np.asarray(self.score(answer if self.in_order else answer[:, self.columns]))
        self._check("conformity_score", scores, shape)
        with np.errstate(over="ignore"):
            # the last digits of a model's sums depend on the other rows of a batch
            return scores.astype(np.float32)

    def number(self, outputs: Any) -> Floats:
        """Return sums of the scores, with weights that differ."""
        weights = np.sqrt(np.arange(2, 2 + outputs.shape[1]))
        finite = np.nan_to_num(outputs.astype(np.float64), posinf=1e100, neginf=-1e100)
        return np.asarray(finite @ weights)

    def _check(self, what: str, values: NDArray[Any], shape: tuple[int, int]) -> None:
        if values.shape != shape:
            raise ValueError(
                f"{what} returned shape {values.shape} for {shape[0]} rows; expected one column "
                f"for each of {shape[1]} classes, shape {shape}."
            )
        bad = np.isnan(values).any(axis=1)
        if bad.any():
            raise ValueError(
                f"{what} returned NaN for {bad.sum()} of {len(values)} noisy rows. NaN reaches no "
                "threshold, so no prediction set is made. Check the model on noisy input: "
                "overflow, log of a negative number, weights that diverged in training."
            )


def _refuse_batches(score: Score, n_classes: int) -> None:
    """Refuse a score that depends on the other rows: a threshold would mean something else."""
    p = np.random.default_rng(0).dirichlet(np.ones(n_classes), 8)
    one, two = (np.asarray(score(p.copy())) for _ in range(2))
    alone = np.concatenate([np.atleast_1d(score(p[i : i + 1].copy())) for i in range(len(p))])
    if one.shape != alone.shape or not np.array_equal(one, two, equal_nan=True):
        return  # refused by its shape when it is asked, or random
    if not np.allclose(one, alone, rtol=1e-5, atol=1e-8, equal_nan=True):
        raise ValueError(
            "conformity_score gives a row other scores alone than among other rows. It must be a "
            "function of the row's own probabilities."
        )
