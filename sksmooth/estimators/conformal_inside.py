"""The smoother inside a conformal estimator, with the rows that it is asked about."""

import copy
import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends import SCORES, FrameMaker, ScoresBackend, kind_inside, unwrap
from ..noise import Noise
from ..sampling import Sampler
from .attributes import Calibrated
from .fitting import FittedBase
from .jobs import numbered, parts_of
from .number_smoother import NumberSmoother, number_smoother_of
from .smoother import noise_of, settings_of, smoother_of

__all__ = ["Inside", "noise_inside", "smoothed"]


@dataclasses.dataclass(frozen=True, eq=False)
class _ScoreSmoother(NumberSmoother):
    """A fitted smoothed classifier, asked for scores of all classes."""

    score: Any = "lac"

    @property
    def backend(self) -> ScoresBackend:
        """What asks the base as a whole."""
        base = self.base
        estimator, answers = base.estimator, base.answers.tolist()
        is_net = kind_inside(estimator).trains_per_batch
        columns = np.arange(len(answers))
        if not is_net and hasattr(estimator, "classes_"):
            known = np.asarray(estimator.classes_).tolist()
            columns = np.array([known.index(answer) for answer in answers])
        score = SCORES[self.score] if isinstance(self.score, str) else self.score
        plain = is_net and not unwrap(estimator)[0]
        return ScoresBackend(estimator, columns, score, base.frame, float32=plain)


def smoothed(clf: Calibrated) -> Any:
    """Return the smoother inside, with the parameters that may be set after fit as they are now."""
    inner = copy.copy(clf.estimator_)  # what is set is set on the copy
    names = ("sigma", "units", "stream", "batch_size", "n_jobs")
    return inner.set_params(**{name: getattr(clf, name) for name in names})


def noise_inside(inner: Any) -> Noise:
    """Return the noise, or refuse another one than the Gaussian noise that the theorem is for."""
    noise = noise_of(inner)
    marginals = noise.marginals(inner._row_shape)
    if not (noise.additive and noise.sound and marginals is not None and marginals.law == "normal"):
        raise ValueError(
            "Prediction sets and intervals take Gaussian noise on all columns that have any; sigma "
            f"asks for {noise.label}. Let sigma hold numbers only."
        )
    return noise


class Inside:
    """The smoother inside a fitted conformal estimator, as it is now, and checked rows for it.

    Attributes
    ----------
    parts : iterator of ndarray
        The rows, part by part.
    noise : Noise
        Gaussian.
    """

    parts: Iterator[NDArray[Any]]

    def __init__(self, clf: Calibrated, X: Any) -> None:
        self.clf, self.inner = clf, smoothed(clf)
        self.first, self._frame, self.parts = parts_of(self.inner, X)
        self.noise = noise_inside(self.inner)

    def smoother(self) -> NumberSmoother:
        """Return what evaluates the base: for scores of classes, or for numbers."""
        return self._smoother_of(self.inner)

    def _smoother_of(self, inner: Any) -> NumberSmoother:
        frame: FrameMaker | None = self._frame or inner._frame
        if not hasattr(inner, "classes_"):
            return number_smoother_of(inner, frame)
        base = FittedBase(inner.estimator_, inner.classes_, inner._answers, frame)
        score = self.clf.conformity_score
        return _ScoreSmoother(base=base, score=score, **settings_of(inner))

    def samplers(self) -> Iterator[tuple[NDArray[Any], Sampler]]:
        """Yield the parts, each with what draws around it."""
        smoother = self.smoother()
        for number, part in numbered(self.parts):
            yield part, smoother.sampler(part, first_row=number)

    def closed(self) -> Any:
        """Return the closed form of the base, or refuse a base without one."""
        exact = copy.copy(self.inner).set_params(method="exact")
        of_classes = hasattr(exact, "classes_")
        smoother = smoother_of(exact, self._frame) if of_classes else self._smoother_of(exact)
        closed = smoother.closed_form(self.first)
        if closed is None:
            raise ValueError(
                f"conformity_score={self.clf.conformity_score!r} takes a closed form, and the base "
                "has none here. Take another score, or a base such as a linear model or a tree."
            )
        return closed
