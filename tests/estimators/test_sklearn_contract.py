"""scikit-learn's own checks, over many bases, abstaining and not, with no expected failure."""

import pytest
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
from sklearn_checks import OF_ITSELF, QUIETLY, check_of_itself, checked

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

pytestmark = QUIETLY


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
    checked(estimator, check)


@pytest.mark.parametrize("name", OF_ITSELF)
@pytest.mark.parametrize("label", ["auto", None])
def test_checks_that_sklearn_runs_on_itself(name, label):
    estimator = SmoothedClassifier(GaussianNB(), n_predict=200, n=200, abstain_label=label)
    check_of_itself(name, estimator)
