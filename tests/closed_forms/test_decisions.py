"""Wrappers that decide in their own way: their closed forms, against the wrappers' own answers."""

import warnings

import numpy as np
import pytest
from scipy.special import logit, ndtr
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import make_classification
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import SelfTrainingClassifier
from sklearn.svm import SVC, LinearSVC, NuSVC
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier
from sksmooth.closed_forms import FORMS, Additive, NotClosedError, closed_form

X, CODES = make_classification(
    300, 3, n_informative=3, n_redundant=0, n_clusters_per_class=1, flip_y=0.1, random_state=3
)
Y = np.array(["no", "yes"])[CODES]
SIGMA = np.array([0.7, 0.4, 1.1])
N = 60_000


def fixed(base, threshold, **options):
    return FixedThresholdClassifier(base, threshold=threshold, **options)


def hist():
    return HistGradientBoostingClassifier(
        max_iter=5, interaction_cst="no_interactions", early_stopping=False, random_state=0
    )


def stumps(**options):
    return GradientBoostingClassifier(max_depth=1, n_estimators=8, random_state=0, **options)


def forest(**options):
    return RandomForestClassifier(max_depth=1, n_estimators=7, random_state=0, **options)


TREE = DecisionTreeClassifier(max_depth=3, random_state=0)
BASES = {
    "threshold on logistic": (fixed(LogisticRegression(), 0.3), "linear"),
    "threshold, other label": (fixed(LogisticRegression(), 0.3, pos_label="no"), "linear"),
    "threshold on decisions": (
        fixed(LogisticRegression(), -0.7, response_method="decision_function"),
        "linear",
    ),
    "threshold on decisions, other label": (
        fixed(RidgeClassifier(), 0.4, pos_label="no"),
        "linear",
    ),
    "threshold, automatic": (fixed(LogisticRegression(), "auto", pos_label="no"), "linear"),
    "threshold on discriminant": (fixed(LinearDiscriminantAnalysis(), 0.9), "linear"),
    "threshold on huber": (
        fixed(SGDClassifier(loss="modified_huber", random_state=0), 0.8),
        "linear",
    ),
    "threshold inside a search": (
        GridSearchCV(fixed(LogisticRegression(), 0.5), {"threshold": [0.2]}, cv=2),
        "linear",
    ),
    "threshold around steps": (
        fixed(make_pipeline(StandardScaler(), LogisticRegression()), 0.2),
        "linear",
    ),
    "threshold behind steps": (
        make_pipeline(StandardScaler(), fixed(LogisticRegression(), 0.2)),
        "linear",
    ),
    "tuned": (
        TunedThresholdClassifierCV(LogisticRegression(), cv=3, thresholds=9, random_state=0),
        "linear",
    ),
    "threshold on calibrated": (
        fixed(CalibratedClassifierCV(LinearSVC(), ensemble=False, cv=2), 0.3),
        "linear",
    ),
    "calibrated around steps": (
        CalibratedClassifierCV(
            make_pipeline(StandardScaler(), LinearSVC()), ensemble=False, cv=2, method="isotonic"
        ),
        "linear",
    ),
    "threshold on boosting": (fixed(stumps(), 0.35), "additive"),
    "threshold on exponential loss": (fixed(stumps(loss="exponential"), 0.3), "additive"),
    "threshold on AdaBoost": (
        fixed(AdaBoostClassifier(n_estimators=8, random_state=0), 0.51),
        "additive",
    ),
    "threshold on histograms": (fixed(hist(), 0.3, pos_label="no"), "additive"),
    "threshold on a forest": (fixed(forest(), 0.43), "additive"),
    "threshold on a tree": (fixed(TREE, 0.2), "boxes"),
    "threshold on a tree, other label": (fixed(TREE, 0.2, pos_label="no"), "boxes"),
    "threshold on naive Bayes": (fixed(GaussianNB(), 0.1), "quadratic"),
    "threshold on QDA": (
        fixed(QuadraticDiscriminantAnalysis(), 1.5, response_method="decision_function"),
        "quadratic",
    ),
    "threshold on centroids": (
        fixed(NearestCentroid(), 0.3, response_method="decision_function"),
        "linear",
    ),
    "calibrated trees": (CalibratedClassifierCV(TREE, cv=2, method="isotonic"), "grid"),
    "one against the rest": (OneVsRestClassifier(LogisticRegression()), "linear"),
    "one tree against the rest": (OneVsRestClassifier(TREE), "boxes"),
    "steps, one against the rest": (
        OneVsRestClassifier(make_pipeline(StandardScaler(), stumps())),
        "additive",
    ),
    "self-training": (
        SelfTrainingClassifier(make_pipeline(StandardScaler(), LogisticRegression())),
        "linear",
    ),
    "self-trained threshold": (fixed(SelfTrainingClassifier(LogisticRegression()), 0.7), "linear"),
    "support vectors": (SVC(kernel="linear", C=0.1), "linear"),
    "support vectors, nu": (NuSVC(kernel="linear", nu=0.4), "linear"),
    "threshold on support vectors": (fixed(SVC(kernel="linear"), 0.5, pos_label="no"), "linear"),
    "centroids": (NearestCentroid(), "linear"),
    "centroids with priors": (NearestCentroid(priors="empirical"), "linear"),
    "centroids with given priors": (NearestCentroid(priors=[0.9, 0.1]), "linear"),
}


def closed(base, rows=X, kinds=FORMS, sigma=SIGMA):
    def classify(Z):
        return np.searchsorted(base.classes_, base.predict(Z))

    return closed_form(kinds, base, base.classes_, rows, sigma, classify)


def counted(base, rows):
    rng = np.random.default_rng(0)
    return np.stack(
        [(base.predict(r + SIGMA * rng.standard_normal((N, 3))) == "yes").mean() for r in rows]
    )


@pytest.mark.parametrize("name", BASES)
def test_what_is_computed_is_what_the_wrapper_answers(name):
    base, form = BASES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        base = base.fit(X, Y.astype(object) if "self" in name else Y)
    kinds = (Additive,) if form == "additive" else FORMS  # small ones have a grid
    found = closed(base, kinds=kinds)
    assert found.name == form
    share = counted(base, X[:4])
    error = 5 * np.sqrt(share * (1 - share) / N) + 5e-5
    law = found.law(X[:4])
    assert np.all(law.upper[:, 1] >= share - error)
    assert np.all(1 - law.miss[:, 1] <= share + error)
    assert np.all(law.width < 0.02)


@pytest.mark.parametrize("threshold", [0.03, 0.3, 0.97])
@pytest.mark.parametrize("pos_label", ["no", "yes"])
def test_a_threshold_moves_the_plane(threshold, pos_label):
    base = fixed(LogisticRegression(), threshold, pos_label=pos_label).fit(X, Y)
    model = base.estimator_
    moved = logit(threshold) if pos_label == "yes" else -logit(threshold)  # 1 - p >= t there
    z = (model.decision_function(X) - moved) / np.linalg.norm(model.coef_[0] * SIGMA)
    law = closed(base).law(X)
    np.testing.assert_allclose(law.upper[:, 1], ndtr(z), atol=1e-9)
    assert np.array_equal(base.classes_[law.top], base.predict(X))


def test_a_threshold_moves_the_sum():
    """One stump: its two probabilities, and thresholds around them."""
    rows = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]] * 10)
    y = np.array([0, 0, 1, 1] * 10)
    base = GradientBoostingClassifier(max_depth=1, n_estimators=1, learning_rate=0.5).fit(rows, y)
    low, high = np.unique(base.predict_proba(rows)[:, 1])
    sigma = np.array([1.0, 1.0])
    share = ndtr(rows[:4, 0])
    for threshold, expected in (
        (0.5, share),
        (low - 1e-6, np.ones(4)),
        (high + 1e-6, np.zeros(4)),
        (high - 1e-6, share),
    ):
        wrapper = fixed(base, threshold).fit(rows, y)
        law = closed(wrapper, rows, (Additive,), sigma).law(rows[:4])
        np.testing.assert_allclose(law.upper[:, 1], expected, atol=1e-6)


def test_more_classes_against_the_rest_are_linear_too():
    rows, y = make_classification(
        300, 3, n_informative=3, n_redundant=0, n_classes=3, n_clusters_per_class=1, random_state=0
    )
    for inner in (LogisticRegression(), SVC(kernel="linear"), LinearSVC()):
        base = OneVsRestClassifier(inner).fit(rows, y)
        law = closed(base, rows).law(rows[:3])
        rng = np.random.default_rng(1)
        for i, row in enumerate(rows[:3]):
            answers = base.predict(row + SIGMA * rng.standard_normal((N, 3)))
            share = np.bincount(answers, minlength=3) / N
            assert np.all(np.abs(law.upper[i] - share) < 5 * np.sqrt(0.25 / N))


REFUSED = {
    "probabilities of support vectors": lambda: CalibratedClassifierCV(SVC(), ensemble=False),
    "another kernel": lambda: SVC(kernel="rbf"),
    "a kernel of one's own": lambda: SVC(kernel=np.inner),
    "several linear models averaged": lambda: CalibratedClassifierCV(LinearSVC(), cv=2),
    "another distance": lambda: NearestCentroid(metric="manhattan"),
    "neighbours against the rest": lambda: OneVsRestClassifier(KNeighborsClassifier()),
    "a threshold nothing reaches": lambda: fixed(LogisticRegression(), 1.5),
    "a threshold all reach": lambda: fixed(LogisticRegression(), 0.0),
    "threshold on a threshold": lambda: fixed(fixed(LogisticRegression(), 0.2), 0.4),
    "a method that the model has not": lambda: fixed(
        LinearSVC(), 0.3, response_method="predict_proba"
    ),
    "threads add in any order": lambda: fixed(forest(n_jobs=2), 0.4),
}


@pytest.mark.parametrize("name", REFUSED)
def test_others_have_no_closed_form(name):
    with pytest.raises(NotClosedError):
        closed(REFUSED[name]().fit(X, Y))


def test_a_falling_calibration_has_none():
    base = CalibratedClassifierCV(LinearSVC(), ensemble=False, cv=2).fit(X, Y)
    calibrator = base.calibrated_classifiers_[0].calibrators[0]
    calibrator.a_ = -calibrator.a_
    with pytest.raises(NotClosedError, match="change once"):
        closed(base)


def test_a_wrapper_of_ones_own_has_none():
    class Own(FixedThresholdClassifier):
        def predict(self, rows):
            return super().predict(rows)[::-1]

    with pytest.raises(NotClosedError):
        closed(Own(LogisticRegression(), threshold=0.3).fit(X, Y))
    patched = fixed(LogisticRegression(), 0.3).fit(X, Y)
    patched.estimator_.predict_proba = lambda rows: np.full((len(rows), 2), 0.5)
    with pytest.raises(NotClosedError):
        closed(patched)


def test_end_to_end():
    tuned = fixed(make_pipeline(StandardScaler(), LogisticRegression()), 0.2, pos_label="no")
    for base in (tuned, FrozenEstimator(tuned.fit(X, Y))):
        clf = SmoothedClassifier(base, sigma=0.5, random_state=0).fit(X, Y)
        computed = clf.certify(X[:5])
        assert (computed.method, computed.form) == ("exact", "linear")
        drawn = clf.set_params(method="montecarlo", n=5000).certify(X[:5])
        assert np.all(drawn.p_lower <= computed.p_lower + 1e-12)
        assert np.array_equal(drawn.selected, computed.selected)
