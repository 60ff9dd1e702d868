"""scikit-learn's own checks of an estimator, as all suites of them run them."""

from typing import Any

import pytest
import sklearn
from sklearn.utils.fixes import parse_version

__all__ = ["OF_ITSELF", "QUIETLY", "check_of_itself", "checked"]

# The checks fit on tiny and constant data; what the bases say about that is not our matter.
QUIETLY = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
    pytest.mark.filterwarnings("ignore::RuntimeWarning:sklearn"),
    pytest.mark.filterwarnings("ignore:.*n_features:UserWarning"),
    pytest.mark.filterwarnings("ignore:The features .* have two values only:UserWarning"),
    pytest.mark.filterwarnings("ignore:units='std' is 0 for the features:UserWarning"),
]
# checks that scikit-learn runs on its own estimators, and not on others
OF_ITSELF = [
    "check_dataframe_column_names_consistency",
    "check_n_features_in_after_fitting",
    "check_param_validation",
    "check_inplace_ensure_writeable",
]


def checked(estimator: Any, check: Any) -> None:
    """Run a check of ``parametrize_with_checks``."""
    name = getattr(check, "func", check).__name__
    old = parse_version(sklearn.__version__) < parse_version("1.7")
    if old and name.endswith("on_sparse_data"):
        pytest.skip("scikit-learn asks estimators, too, that take no sparse data: its issue 30139")
    check(estimator)


def check_of_itself(name: str, estimator: Any) -> None:
    """Run one of `OF_ITSELF`."""
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    getattr(checks, name)(type(estimator).__name__, estimator)
