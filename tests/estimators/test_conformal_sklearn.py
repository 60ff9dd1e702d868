"""scikit-learn's own checks of the conformal estimators over many bases, no expected failure."""

import pytest
import sklearn
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
from sklearn.utils.fixes import parse_version

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

# The checks fit on tiny and constant data; what the bases say about that is not our matter.
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning:sklearn"),
    pytest.mark.filterwarnings("ignore:.*n_features:UserWarning"),
    pytest.mark.filterwarnings("ignore:The features .* have two values only:UserWarning"),
    pytest.mark.filterwarnings("ignore:units='std' is 0 for the features:UserWarning"),
]


@parametrize_with_checks(ESTIMATORS)
def test_sklearn_checks(estimator, check):
    name = getattr(check, "func", check).__name__
    old = parse_version(sklearn.__version__) < parse_version("1.7")
    if name.endswith("on_sparse_data") and old:
        pytest.skip("scikit-learn asks estimators, too, that take no sparse data: its issue 30139")
    check(estimator)


@pytest.mark.parametrize(
    "name",
    [
        "check_dataframe_column_names_consistency",
        "check_n_features_in_after_fitting",
        "check_param_validation",
        "check_inplace_ensure_writeable",
    ],
)
@pytest.mark.parametrize(
    "estimator", [RobustConformalClassifier(GaussianNB()), RobustConformalRegressor(Ridge())]
)
def test_checks_that_sklearn_runs_on_itself(name, estimator):
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    getattr(checks, name)(type(estimator).__name__, estimator)
