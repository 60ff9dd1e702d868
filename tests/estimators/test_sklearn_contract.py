"""scikit-learn's own checks, over many bases, abstaining and not, with no expected failure."""

import pytest
import sklearn
from other_noises import FirstAddedOthersDropped, RoundingSplit
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.fixes import parse_version

from sksmooth import SmoothedClassifier
from sksmooth.noise import Drop

BASES = [
    LogisticRegression(max_iter=1000),
    DecisionTreeClassifier(),
    KNeighborsClassifier(),
    GaussianNB(),
    LinearSVC(max_iter=20_000),
    RidgeClassifier(),
    RandomForestClassifier(n_estimators=5),
    HistGradientBoostingClassifier(max_iter=5),
    make_pipeline(StandardScaler(), LogisticRegression()),
    CalibratedClassifierCV(LinearSVC(max_iter=20_000), cv=2),
]
ESTIMATORS = [
    SmoothedClassifier(base, n_predict=200, n=200, abstain_label=label)
    for base in BASES
    for label in ("auto", None)
]
# other closed forms, and bases that have one, sampled
ESTIMATORS += [
    SmoothedClassifier(base, n_predict=200, n=200, **options)
    for base, options in (
        (AdaBoostClassifier(n_estimators=5), {}),
        (GradientBoostingClassifier(max_depth=1, n_estimators=5), {}),
        (QuadraticDiscriminantAnalysis(reg_param=0.1), {}),
        (LogisticRegression(max_iter=1000), {"method": "montecarlo"}),
        (DecisionTreeClassifier(), {"method": "montecarlo"}),
    )
]
ESTIMATORS += [
    SmoothedClassifier(base, noise=noise, n_predict=200, n=200)
    for base in (LogisticRegression(max_iter=1000), DecisionTreeClassifier())
    for noise in ("laplace", "uniform")
]
# noise that replaces values, all of whose outcomes are asked
ESTIMATORS += [
    SmoothedClassifier(base, noise=noise, n_predict=200, n=200, abstain_label=label)
    for base, noise, label in (
        (make_pipeline(SimpleImputer(), LogisticRegression()), Drop(drop=0.2), None),
        (DecisionTreeClassifier(), RoundingSplit(scale=0.5), "auto"),
    )
]
# mixed noise, drawn, and changes of columns alone
ESTIMATORS += [
    SmoothedClassifier(
        make_pipeline(SimpleImputer(), LogisticRegression()), n_predict=200, n=200, **options
    )
    for options in (
        {"noise": FirstAddedOthersDropped(drop=0.2)},
        {"sigma": {"*": Drop(drop=0.2)}, "abstain_label": None},
    )
]
# missing values, and units
ESTIMATORS += [
    SmoothedClassifier(make_pipeline(SimpleImputer(), LogisticRegression()), n_predict=200, n=200),
    SmoothedClassifier(DecisionTreeClassifier(), units="std", n_predict=200, n=200),
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


# Weights mean what repeated rows do, but not to these, which draw samples or folds, or stop when
# little is left to gain: scikit-learn expects them to fail the check themselves.
UNLIKE_REPEATED = (
    AdaBoostClassifier,
    CalibratedClassifierCV,
    LinearSVC,
    RandomForestClassifier,
)


@parametrize_with_checks(ESTIMATORS)
def test_sklearn_checks(estimator, check):
    name = getattr(check, "func", check).__name__
    if name.startswith("check_sample_weight_equivalence") and isinstance(
        estimator.estimator, UNLIKE_REPEATED
    ):
        pytest.skip("the base alone does not pass it")
    old = parse_version(sklearn.__version__) < parse_version("1.7")
    if old and name.endswith("on_sparse_data"):
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
@pytest.mark.parametrize("label", ["auto", None])
def test_checks_that_sklearn_runs_on_itself(name, label):
    checks = pytest.importorskip("sklearn.utils.estimator_checks")
    estimator = SmoothedClassifier(GaussianNB(), n_predict=200, n=200, abstain_label=label)
    getattr(checks, name)("SmoothedClassifier", estimator)
