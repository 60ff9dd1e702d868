"""scikit-learn's own checks of SmoothedRegressor over many bases, with no expected failure."""

import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn_checks import OF_ITSELF, QUIETLY, check_of_itself, checked

from sksmooth import SmoothedRegressor

BASES = [
    Ridge(),
    DecisionTreeRegressor(),
    KNeighborsRegressor(),
    RandomForestRegressor(n_estimators=3, bootstrap=False),
    HistGradientBoostingRegressor(max_iter=20, learning_rate=0.3),
    make_pipeline(StandardScaler(), Ridge()),
    make_pipeline(SimpleImputer(), LinearRegression()),
    TransformedTargetRegressor(Ridge(), transformer=StandardScaler()),
]
ESTIMATORS = [SmoothedRegressor(base, n_predict=31, n=100, n0=20) for base in BASES]
ESTIMATORS += [
    SmoothedRegressor(base, n_predict=31, n=100, n0=20, **options)
    for base, options in (
        (Ridge(), {"method": "montecarlo", "noise": "laplace"}),
        (DecisionTreeRegressor(), {"method": "montecarlo", "units": "std"}),
    )
]

pytestmark = QUIETLY


@parametrize_with_checks(ESTIMATORS)
def test_sklearn_checks(estimator, check):
    checked(estimator, check)


@pytest.mark.parametrize("name", OF_ITSELF)
def test_checks_that_sklearn_runs_on_itself(name):
    check_of_itself(name, SmoothedRegressor(Ridge(), n_predict=31, n=100))
