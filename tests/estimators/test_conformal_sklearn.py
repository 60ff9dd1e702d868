"""scikit-learn's own checks of the conformal estimators over many bases, no expected failure."""

import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn_checks import OF_ITSELF, QUIETLY, check_of_itself, checked

from sksmooth import RobustConformalClassifier, RobustConformalRegressor

CLASSIFIERS = [
    (LogisticRegression(max_iter=1000), {"conformity_score": "votes"}),
    (DecisionTreeClassifier(), {"conformity_score": "aps", "units": "std"}),
    (KNeighborsClassifier(), {"conformity_score": "margin"}),
    (GaussianNB(), {"confidence_level": [0.5, 0.9]}),
    (LinearSVC(max_iter=20_000), {}),
    (HistGradientBoostingClassifier(max_iter=5), {"n": 10}),
    (make_pipeline(StandardScaler(), LogisticRegression()), {"calibration_size": None}),
    (make_pipeline(SimpleImputer(), LogisticRegression()), {"quantile": 0.5}),
]
REGRESSORS = [
    (DecisionTreeRegressor(), {"units": "std"}),
    (Ridge(), {"conformity_score": "median"}),
    (KNeighborsRegressor(), {"confidence_level": [0.5, 0.9]}),
    (RandomForestRegressor(n_estimators=3, bootstrap=False), {}),
    (HistGradientBoostingRegressor(max_iter=20, learning_rate=0.3), {}),
    (make_pipeline(StandardScaler(), Ridge()), {"radius": 0.0}),
    (make_pipeline(SimpleImputer(), LinearRegression()), {"calibration_size": None}),
    (TransformedTargetRegressor(Ridge(), transformer=StandardScaler()), {}),
]
ESTIMATORS = [
    RobustConformalClassifier(b, **{"n": 5, "random_state": 0, **o}) for b, o in CLASSIFIERS
]
ESTIMATORS += [
    RobustConformalRegressor(b, **{"n": 5, "random_state": 0, **o}) for b, o in REGRESSORS
]

pytestmark = QUIETLY


@parametrize_with_checks(ESTIMATORS)
def test_sklearn_checks(estimator, check):
    checked(estimator, check)


@pytest.mark.parametrize("name", OF_ITSELF)
@pytest.mark.parametrize(
    "estimator", [RobustConformalClassifier(GaussianNB()), RobustConformalRegressor(Ridge())]
)
def test_checks_that_sklearn_runs_on_itself(name, estimator):
    check_of_itself(name, estimator)
