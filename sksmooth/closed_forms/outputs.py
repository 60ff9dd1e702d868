"""Closed forms of regressors: the law of the output under noise, and from a base to its form."""

import abc
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from sklearn.compose import TransformedTargetRegressor

from ..bounds.rounding import UNIT
from ..introspection import AffineMap, Columns, split
from ..introspection.probes import probe_rows
from .behind import columns_of, misreadings, parts_of, spread_behind
from .closed import DisagreementError
from .form import NotClosedError, Reading, answers_of
from .inputs import Inputs, Spread
from .links import IDENTITY, Link, link_of, link_of_target
from .readers import read_once

__all__ = ["ClosedOutput", "OutputForm", "answers", "output_form", "safe_tail"]

Floats = NDArray[np.float64]
Predict = Callable[[Any], Floats]


def safe_tail(distance: float) -> float:
    """Return a probability, rounded down, that stays below 1/2 within a distance in deviations."""
    if distance > 37:
        return 0.0
    return float(ndtr(-distance)) * (1 - UNIT * (16 + 3 * distance**2))


class OutputForm(Reading):
    """A fitted regressor, read off from the inside, under Gaussian noise on its inputs.

    Distances are in standard deviations of the noise on the rows: see `Spread`.

    Attributes
    ----------
    before_link : bool
        Whether its outputs are those before the model's own link, if that has one.
    """

    before_link = True

    @abc.abstractmethod
    def answers(self, inputs: Inputs) -> tuple[Floats, Floats]:
        """Return the outputs at inputs without noise, and how far the model's may be from them."""

    @abc.abstractmethod
    def quantile(self, inputs: Inputs, q: float) -> Floats:
        """Return the quantile of level q around each row, without a bound on its error."""

    @abc.abstractmethod
    def bands(self, inputs: Inputs, distances: Sequence[float]) -> tuple[Floats, Floats, Floats]:
        """Return medians, and bounds on all medians around all points within distances of rows.

        Returns
        -------
        medians : ndarray of shape (n_rows,)
            At the rows, without a bound on their errors.
        lower, upper : ndarray of shape (n_rows, n_distances)
            The bounds.
        """

    @abc.abstractmethod
    def reach(self, inputs: Inputs, lower: Floats, upper: Floats) -> Floats:
        """Return a distance within which all medians lie in an interval; 0 if there is none."""

    def along_axes(self, inputs: Inputs, amounts: Floats) -> tuple[Floats, Floats] | None:
        """Return bounds on medians where one feature of a row alone moves; None if unknown.

        Parameters
        ----------
        inputs : Inputs
            Rows.
        amounts : ndarray of shape (n_features,)
            How far each feature moves at most, in its own units; 0 for those without noise.

        Returns
        -------
        lower, upper : ndarray of shape (n_rows, n_features)
            Of all medians on the segment of each feature.
        """
        return None


@dataclasses.dataclass(frozen=True)
class ClosedOutput:
    """A base regressor whose medians under noise are computed.

    Attributes
    ----------
    form : OutputForm
        The model at the end.
    spread : Spread
        The noise on its inputs.
    link : Link
        Rising; from the form's outputs to the base's. The median of a rising function of an output
        is the function's value at the median, and so it is with bounds.
    frame : callable or None
        Makes the frame that the base gets.
    """

    form: OutputForm
    spread: Spread
    link: Link = IDENTITY
    frame: Any = None

    @property
    def name(self) -> str:
        """Name of the form."""
        return self.form.name

    def median(self, X: NDArray[np.floating]) -> Floats:
        """Return a median around each row, without a bound on its error."""
        return self.bands(X, ())[0]

    def quantile(self, X: NDArray[np.floating], q: float) -> Floats:
        """Return the quantile of level q of the output around each row, see `OutputForm`."""
        return self.link.forward(self._each(X, lambda inputs, _: self.form.quantile(inputs, q)))

    def bands(
        self, X: NDArray[np.floating], distances: Sequence[float]
    ) -> tuple[Floats, Floats, Floats]:
        """Return medians, and bounds on all medians within distances: see `OutputForm.bands`."""
        k = len(distances)
        found = self._each(X, lambda inputs, _: np.column_stack(self.form.bands(inputs, distances)))
        medians, lower, upper = found[:, 0], found[:, 1 : k + 1], found[:, k + 1 :]
        return self.link.forward(medians), self.link.below(lower), self.link.above(upper)

    def along_axes(self, X: NDArray[np.floating], amounts: Floats) -> tuple[Floats, Floats] | None:
        """Return bounds on medians where one feature alone moves: see `OutputForm.along_axes`."""
        found = self.form.along_axes(self._around(X), amounts)
        if found is None:
            return None
        return self.link.below(found[0]), self.link.above(found[1])

    def reach(self, X: NDArray[np.floating], lower: Floats, upper: Floats) -> Floats:
        """Return a distance within which all medians lie in [lower, upper]; 0 if there is none."""
        low, high = self.link.start(lower), self.link.end(upper)
        return self._each(X, lambda inputs, at: self.form.reach(inputs, low[at], high[at]))

    def _each(self, X: NDArray[np.floating], f: Callable[[Inputs, slice], Floats]) -> Floats:
        with np.errstate(over="ignore", invalid="ignore"):
            parts = [f(self._around(X[at]), at) for at in self.form.portions(len(X))]
            return np.concatenate(parts)

    def _around(self, X: NDArray[np.floating]) -> Inputs:
        return self.spread.around(self.spread.affine.extended(X, self.frame))

    def check(self, X: NDArray[np.floating], predict: Predict, ask: Predict) -> None:
        """Compare the form's outputs with the base's, around X and where a misreading would show.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Rows that are to be certified.
        predict : callable
            Outputs of the base as a whole.
        ask : callable
            Those of what comes behind the steps in front of it.
        """
        sigma = self.spread.sigma[: X.shape[1]]
        rows = np.concatenate([X[:100], probe_rows(X, sigma, near=100, far=50)])
        inputs = self._around(rows)
        probes = self.form.probes(inputs.mean)
        straight = AffineMap.of([], Columns.plain(probes.shape[1]))
        assert straight is not None
        whole = Spread.of(straight, np.zeros(probes.shape[1]))
        looks = [
            (inputs, predict(rows.copy())),  # a base may work in place
            (whole.around(probes), ask(probes.copy())),
        ]
        for seen, answers in looks:
            values, errors = self.form.answers(seen)
            below, above = self.link.below(values - errors), self.link.above(values + errors)
            other = ~((below <= answers) & (answers <= above))
            if np.any(other):
                raise DisagreementError(f"it answers otherwise at {int(other.sum())} points")


@read_once()
def output_form(
    kinds: Sequence[type[OutputForm]],
    estimator: Any,
    X: NDArray[np.floating],
    sigma: Floats,
    predict: Predict,
    frame: Any = None,
) -> ClosedOutput:
    """Return the closed form of a fitted base regressor, compared with what the base answers.

    Parameters
    ----------
    kinds : sequence of OutputForm classes
        Those to try.
    estimator : fitted regressor
        The base: a model, a Pipeline of affine steps and a model, or a TransformedTargetRegressor
        around either.
    X : ndarray of shape (n_samples, n_features)
        Rows that are to be certified, without gaps.
    sigma : ndarray of shape (n_features,)
        Standard deviations of the noise on the rows.
    predict : callable
        Outputs of the base.
    frame : FrameMaker, default=None
        Makes the data frames that the base gets, if it gets frames.

    Raises
    ------
    NotClosedError
        With the reason, if there is none; `DisagreementError` if the model seemed to have one.
    """
    steps, behind = parts_of(estimator, X)
    with misreadings():
        inner: list[Any] = []
        model, link = behind, IDENTITY
        if type(behind) is TransformedTargetRegressor:
            inner, model = split(behind.regressor_)
            link = link_of_target(behind)
        kind = next((kind for kind in kinds if kind.may_be(model)), None)
        if kind is None:
            raise NotClosedError(f"{type(model).__name__} is of no known kind, or too large")
        own, outer = link_of(model) if kind.before_link else IDENTITY, link
        if link is IDENTITY:
            link = own
        elif own is not IDENTITY:
            raise NotClosedError("it has a link inside of another")
        spread = spread_behind([*steps, *inner], model, columns_of(sigma, frame), sigma, X.dtype)
        closed = ClosedOutput(kind.of(model, spread), spread, link, frame)
        if len(X):
            # a model has its own link inside
            closed.check(X, predict, lambda Z: outer.forward(answers(model, Z)))
    return closed


def answers(model: Any, Z: Floats) -> Floats:
    """Return the outputs of a model that is asked without names of columns."""
    return np.ravel(answers_of(model.predict, Z)).astype(np.float64)
