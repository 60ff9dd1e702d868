"""Links of regressors: what is said of an answer holds of the answer as it is computed."""

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import LinearRegression, PoissonRegressor
from sklearn.preprocessing import StandardScaler

from sksmooth.closed_forms.links import link_of, link_of_target

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(50, 2)), RNG.uniform(1, 2, 50)


def scaled(shift, scale):
    """The target in other units: far from 0, so that differences lose many digits."""
    model = TransformedTargetRegressor(LinearRegression(), transformer=StandardScaler())
    return link_of_target(model.fit(X, shift + scale * Y))


LINKS = {
    "exponential": link_of(PoissonRegressor()),
    "exponential less 1": link_of_target(
        TransformedTargetRegressor(LinearRegression(), func=np.log1p, inverse_func=np.expm1).fit(
            X, Y
        )
    ),
    "far": scaled(1e6, 0.1),
    "near": scaled(0.0, 1.0),
}


@pytest.mark.parametrize("name", LINKS)
def test_ends_of_sums_keep_the_answers_inside(name):
    link = LINKS[name]
    values = link.forward(RNG.uniform(-3, 3, 3000))
    assert np.all(link.forward(link.start(values)) >= values)
    assert np.all(link.forward(link.end(values)) <= values)
    sums = RNG.uniform(-3, 3, 3000)
    assert np.all(link.below(sums) < link.forward(sums))
    assert np.all(link.forward(sums) < link.above(sums))
    size = np.abs(link.backward(values)) + np.abs(values) + 1
    assert np.all(link.start(values) - link.end(values) < 1e-12 * size + 1e-7 * (name == "far"))
