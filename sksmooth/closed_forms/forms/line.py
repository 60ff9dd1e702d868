r"""Linear regressors: the smoothed regressor is the regressor itself.

Noise moves :math:`w^T z + b` by a normal number of mean 0. So the median around a row is the value
there, and within a distance of r deviations of the noise it moves by up to r times the deviation of
that number: the range of the regressor itself.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from sklearn import linear_model
from sklearn.svm import LinearSVR

from ...bounds.rounding import UNIT
from ..form import NotClosedError
from ..inputs import Inputs, Spread, lengths
from ..numerics.normal import REACH
from ..outputs import OutputForm

__all__ = ["Line"]

Floats = NDArray[np.float64]

_NAMES = (
    *("LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "ElasticNet", "ElasticNetCV"),
    *("Lars", "LarsCV", "LassoLars", "LassoLarsCV", "LassoLarsIC", "OrthogonalMatchingPursuit"),
    *("OrthogonalMatchingPursuitCV", "BayesianRidge", "ARDRegression", "HuberRegressor"),
    *("TheilSenRegressor", "SGDRegressor", "QuantileRegressor"),
    *("PoissonRegressor", "GammaRegressor", "TweedieRegressor"),  # before their link
)


class Line(OutputForm):
    """A linear function of the inputs.

    Parameters
    ----------
    weights : ndarray of shape (n_inputs,)
        One for each input.
    offset : float
        What is added.
    spread : Spread
        The noise.
    """

    name = "linear"
    models = (*(getattr(linear_model, name) for name in _NAMES), LinearSVR)

    def __init__(self, weights: Floats, offset: float, spread: Spread) -> None:
        self.weights, self.offset, self.unit = weights, offset, spread.unit
        rates, sizes = (f(weights[None]) for f in (spread.behind, spread.sizes_behind))
        deviation, size = lengths(rates)[0], lengths(sizes)[0]
        # a product or a sum of as many terms as there are inputs and features errs by this
        terms = len(weights) + spread.factor.shape[-1] + spread.affine.roundings + 8
        self.deviation = float(deviation + 4 * UNIT * terms * size)
        # how much a deviation of each feature moves the function
        self.rates = (np.abs(rates) + 4 * UNIT * terms * sizes)[0]

    @classmethod
    def of(cls, model: Any, spread: Spread) -> "Line":
        """Read the weights of a linear model."""
        if spread.clips:
            raise NotClosedError("MinMaxScaler(clip=True) would clip noise")
        weights = np.asarray(model.coef_, dtype=np.float64).reshape(-1)
        offset = np.asarray(model.intercept_, dtype=np.float64).reshape(-1)
        if len(weights) != len(spread.scale) or len(offset) != 1:
            raise NotClosedError("its weights are not one an input")
        if not (np.all(np.isfinite(weights)) and np.isfinite(offset[0])):
            raise NotClosedError("its weights are not finite")
        return cls(weights, float(offset[0]), spread)

    def answers(self, inputs: Inputs) -> tuple[Floats, Floats]:
        """Return the function's values, and what rounding may do to them and to the model's."""
        values = inputs.mean @ self.weights + self.offset
        sums = inputs.far @ np.abs(self.weights) + abs(self.offset)
        errors = 2 * (len(self.weights) + 8) * self.unit * sums
        return values, 2 * (errors + inputs.slack @ np.abs(self.weights)) * (1 + 1e-9)

    def quantile(self, inputs: Inputs, q: float) -> Floats:
        """Return normal quantiles."""
        return self.answers(inputs)[0] + float(ndtri(q)) * self.deviation

    def bands(self, inputs: Inputs, distances: Sequence[float]) -> tuple[Floats, Floats, Floats]:
        """Return the values, and their range within distances.

        What bounds the rounding grows in proportion to the sizes of numbers, of which `REACH`
        deviations are a part.
        """
        values, errors = self.answers(inputs)
        far = np.asarray(distances, dtype=np.float64)
        half = far * self.deviation + errors[:, None] * (1 + far / REACH)
        half = half * (1 + 1e-12) + 4 * UNIT * np.abs(values)[:, None]
        return values, values[:, None] - half, values[:, None] + half

    def along_axes(self, inputs: Inputs, amounts: Floats) -> tuple[Floats, Floats]:
        """Return the range of the function itself on the segments."""
        values, errors = self.answers(inputs)
        sigma = inputs.spread.sigma[: len(amounts)]
        far = np.divide(amounts, sigma, out=np.zeros_like(amounts), where=sigma > 0)
        half = far * self.rates[: len(amounts)] + errors[:, None] * (1 + far / REACH)
        half = half * (1 + 1e-12) + 4 * UNIT * np.abs(values)[:, None]
        return values[:, None] - half, values[:, None] + half

    def reach(self, inputs: Inputs, lower: Floats, upper: Floats) -> Floats:
        """Return how far an interval's nearer end is; infinite if the values cannot move."""
        values, errors = self.answers(inputs)
        lead = np.minimum(upper - values, values - lower)
        ends = np.maximum(np.abs(values), np.where(np.isfinite(lead), np.abs(lead), 0.0))
        lead = lead - errors - 4 * UNIT * ends
        slope = self.deviation + errors / REACH
        with np.errstate(divide="ignore"):
            return np.where(lead > 0, lead / np.where(slope > 0, slope, 0.0) * (1 - 1e-12), 0.0)
