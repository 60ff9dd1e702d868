"""scikit-learn's own checks of SmoothedRegressor over many bases, with no expected failure."""

import pytest
import sklearn
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.fixes import parse_version

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
def test_checks_that_sklearn_runs_on_itself(name):
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    getattr(checks, name)("SmoothedRegressor", SmoothedRegressor(Ridge(), n_predict=31, n=100))
