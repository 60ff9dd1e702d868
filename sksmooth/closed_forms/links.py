"""Rising functions between a model's sum and its answer: medians and bounds go through them."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import GammaRegressor, PoissonRegressor, TweedieRegressor
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from ..bounds.rounding import UNIT
from .form import NotClosedError

__all__ = ["IDENTITY", "Link", "link_of", "link_of_target"]

Floats = NDArray[np.float64]
_TINY = 1e-300


@dataclasses.dataclass(frozen=True)
class Link:
    """A rising function, as the model computes it, and its inverse.

    Parameters
    ----------
    forward, backward : callable
        The function, and its inverse, which is -inf or inf for what lies outside of the values.
    error, error_back : callable
        How far the computed values of these may be from the true ones, as a function of the values.
    """

    forward: Callable[[Floats], Floats]
    backward: Callable[[Floats], Floats]
    error: Callable[[Floats], Floats]
    error_back: Callable[[Floats], Floats]

    def below(self, y: Floats) -> Floats:
        """Return what the model's answer is not below, where its sum is not below y."""
        value = self.forward(y)
        return value - _finite(self.error(value))

    def above(self, y: Floats) -> Floats:
        """Return what the model's answer is not above, where its sum is not above y."""
        value = self.forward(y)
        return value + _finite(self.error(value))

    def start(self, value: Floats) -> Floats:
        """Return a sum from which on the model's answers are not below a value."""
        y = self.backward(value + _finite(self.error(value)))
        return y + _finite(self.error_back(y))

    def end(self, value: Floats) -> Floats:
        """Return a sum up to which the model's answers are not above a value."""
        y = self.backward(value - _finite(self.error(value)))
        return y - _finite(self.error_back(y))


def _finite(errors: Floats) -> Floats:
    return np.where(np.isfinite(errors), errors, 0.0)  # infinite values stay what they are


def _same(y: Floats) -> Floats:
    return y


def _none(y: Floats) -> Floats:
    return np.zeros_like(y)


def _relative(y: Floats) -> Floats:
    return 16 * UNIT * np.abs(y) + _TINY


def _logarithm(value: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.log(np.maximum(value, 0.0))


def _logarithm1p(value: Floats) -> Floats:
    with np.errstate(divide="ignore"):
        return np.log1p(np.maximum(value, -1.0))


def _near_one(value: Floats) -> Floats:
    return 16 * UNIT * (np.abs(value) + 1.0)


IDENTITY = Link(_same, _same, _none, _none)
# the error of a logarithm is absolute: its argument is known up to rounding
_EXP = Link(np.exp, _logarithm, _relative, _near_one)
_EXPM1 = Link(np.expm1, _logarithm1p, _near_one, _near_one)


def link_of(model: Any) -> Link:
    """Return the link of a model: the identity, or that of a logarithm."""
    if type(model) in (PoissonRegressor, GammaRegressor):
        return _EXP
    if type(model) is TweedieRegressor:
        log = model.link == "log" or (model.link == "auto" and model.power > 0)
        return _EXP if log else IDENTITY
    if type(model) is HistGradientBoostingRegressor and model.loss in ("poisson", "gamma"):
        return _EXP
    return IDENTITY


def link_of_target(model: Any) -> Link:
    """Return what a TransformedTargetRegressor does to the answers inside.

    Raises
    ------
    NotClosedError
        If that is not known to rise.
    """
    known = model.transformer_
    if type(known) is StandardScaler:
        return _line(known)
    if type(known) is FunctionTransformer and not known.inv_kw_args:
        if known.inverse_func is None:
            return IDENTITY
        for function, link in ((np.exp, _EXP), (np.expm1, _EXPM1)):
            if known.inverse_func is function:
                return link
    raise NotClosedError("what it does to the target is not known to rise")


def _line(scaler: StandardScaler) -> Link:
    scale = float(scaler.scale_[0]) if scaler.with_std else 1.0
    shift = float(scaler.mean_[0]) if scaler.with_mean else 0.0
    if not (scale > 0 and np.isfinite(shift)):
        raise NotClosedError("what it does to the target is not known to rise")
    return Link(
        lambda y: y * scale + shift,
        lambda value: (value - shift) / scale,
        lambda value: 16 * UNIT * (np.abs(value) + abs(shift)),
        lambda y: 16 * UNIT * (np.abs(y) + abs(shift) / scale),
    )
