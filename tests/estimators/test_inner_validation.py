"""Validation inside the base, where it is fitted on several noisy copies of each row."""

import inspect
import pickle
import warnings

import numpy as np
import pytest
import sklearn
from helpers import Halfspace, blobs
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import RFECV, SelectFromModel, SequentialFeatureSelector
from sklearn.linear_model import (
    LassoCV,
    LogisticRegression,
    LogisticRegressionCV,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    HalvingGridSearchCV,
    LeaveOneOut,
    RandomizedSearchCV,
    StratifiedKFold,
    StratifiedShuffleSplit,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import TargetEncoder
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier
from sksmooth.estimators.inner_validation import CopiesTogether

X, y = blobs(60, d=3)
COPIES = 3
C = {"C": [0.1, 1.0]}
# older versions of scikit-learn do not have it, later ones warn without it
LEGACY = (
    {"use_legacy_attributes": False}
    if "use_legacy_attributes" in inspect.signature(LogisticRegressionCV).parameters
    else {}
)
TAKES_X_VAL = "X_val" in inspect.signature(HistGradientBoostingClassifier.fit).parameters
needs_x_val = pytest.mark.skipif(not TAKES_X_VAL, reason="needs scikit-learn 1.7")


def smoothed(base, n_augment=COPIES, **options):
    return SmoothedClassifier(base, sigma=0.1, n_augment=n_augment, random_state=0, **options)


def paths_to_splitters(thing, path="estimator_", seen=None):
    """Where something of ours was left inside a fitted model."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, CopiesTogether):
        yield path
    if isinstance(thing, list | tuple):
        for i, part in enumerate(thing):
            yield from paths_to_splitters(part, f"{path}[{i}]", seen)
    elif not isinstance(thing, type):
        parts = thing if isinstance(thing, dict) else getattr(thing, "__dict__", {})
        for name, part in parts.items():
            yield from paths_to_splitters(part, f"{path}.{name}", seen)


def test_a_search_does_not_choose_the_model_that_remembers():
    """Labels are noise but for a slope: a tree that remembers copies of a row is worth nothing."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(900, 4))
    labels = (rows[:, 0] + 1.5 * rng.normal(size=900) > 0).astype(int)
    search = GridSearchCV(DecisionTreeClassifier(), {"max_depth": [2, None]}, cv=3)
    alone = clone(search).fit(rows[:300], labels[:300])
    inside = smoothed(search, n_augment=8).fit(rows[:300], labels[:300]).estimator_
    assert alone.best_params_ == inside.best_params_ == {"max_depth": 2}
    noisy = rows[300:] + 0.1 * rng.normal(size=(600, 4))
    assert abs(inside.best_score_ - inside.score(noisy, labels[300:])) < 0.05
    leaking = clone(search).fit(
        np.concatenate([rows[:300] + 0.1 * rng.normal(size=(300, 4)) for _ in range(8)]),
        np.tile(labels[:300], 8),
    )
    assert leaking.best_params_ == {"max_depth": None}
    assert leaking.best_score_ > 0.8 > inside.best_score_


class Watched(Halfspace):
    """Notes which rows it is fitted on: the last feature is their number, without noise."""

    fits = []

    def __init__(self, w=(1.0, 0.0, 0.0), C=1.0):
        self.w, self.C = w, C

    def fit(self, X, y):
        self.fits.append(np.asarray(X)[:, -1].astype(int))
        return super().fit(X, y)

    def predict(self, X):
        return super().predict(np.asarray(X)[:, :3])

    def decision_function(self, X):
        return np.asarray(X)[:, 0]


def rows_of_fits(base, n_augment, **fit_params):
    """Which original rows each fit inside the base sees."""
    Watched.fits.clear()
    numbered = np.column_stack([X, np.arange(len(X))])
    clf = SmoothedClassifier(base, sigma=[0.1, 0.1, 0.1, 0.0], n_augment=n_augment, random_state=0)
    clf.fit(numbered, y, **fit_params)
    return list(Watched.fits)


SPLITTERS = [
    3,
    None,
    StratifiedKFold(4, shuffle=True, random_state=1),
    StratifiedShuffleSplit(2, random_state=0),
    LeaveOneOut(),
    [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))],
    [(np.arange(60) < 40, np.arange(60) >= 40)],  # masks
]


@pytest.mark.parametrize("cv", SPLITTERS, ids=lambda cv: str(cv)[:40])
def test_folds_are_those_of_the_original_rows(cv):
    """Each fit of the search sees the rows that it sees without copies, as many times each."""
    search = GridSearchCV(Watched(), C, cv=cv)
    once, often = rows_of_fits(search, 1), rows_of_fits(search, COPIES)
    assert len(once) == len(often) > 2
    for rows, copies in zip(once, often, strict=True):
        assert_array_equal(np.tile(rows, COPIES), copies)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda base: GridSearchCV(base, C, cv=3),
        lambda base: RandomizedSearchCV(base, C, n_iter=2, cv=3),
        lambda base: CalibratedClassifierCV(base, cv=3),
        lambda base: CalibratedClassifierCV(base, cv=3, ensemble=False),
        lambda base: TunedThresholdClassifierCV(base, cv=3),
        lambda base: TunedThresholdClassifierCV(base, cv=0.3, random_state=0),
        lambda base: StackingClassifier([("a", base), ("b", GaussianNB())], cv=3),
        lambda base: VotingClassifier([("a", GridSearchCV(base, C, cv=3))]),
        lambda base: GridSearchCV(
            CalibratedClassifierCV(base, cv=2), {"method": ["sigmoid"]}, cv=3
        ),
        lambda base: GridSearchCV(
            make_pipeline(Unchanged(), base), {"watched": [GridSearchCV(base, C, cv=2)]}, cv=3
        ),
    ],
)
def test_at_any_depth(wrap):
    once, often = rows_of_fits(wrap(Watched()), 1), rows_of_fits(wrap(Watched()), COPIES)
    assert len(once) == len(often) > 1
    for rows, copies in zip(once, often, strict=True):
        assert_array_equal(np.tile(rows, COPIES), copies)


class Unchanged(BaseEstimator):
    """A step that changes nothing."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


def test_groups():
    groups = np.arange(60) // 6
    search = GridSearchCV(Watched(), C, cv=GroupKFold(5))
    with_groups = [rows_of_fits(search, n, groups=groups) for n in (1, COPIES)]
    for rows, copies in zip(*with_groups, strict=True):
        assert_array_equal(np.tile(rows, COPIES), copies)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = rows_of_fits(search, COPIES, groups=groups)
    for one, other in zip(with_groups[1], routed, strict=True):
        assert_array_equal(one, other)


BASES = [
    GridSearchCV(LogisticRegression(), C, cv=3),
    RandomizedSearchCV(LogisticRegression(), C, n_iter=2),
    HalvingGridSearchCV(LogisticRegression(), C, random_state=0),
    CalibratedClassifierCV(LinearSVC(), cv=3),
    TunedThresholdClassifierCV(LogisticRegression(), cv=0.3, random_state=1),
    LogisticRegressionCV(Cs=2, cv=3, **LEGACY),
    RidgeClassifierCV(cv=3),
    StackingClassifier([("a", LogisticRegression()), ("b", GaussianNB())]),
    make_pipeline(RFECV(LogisticRegression(), cv=3), LogisticRegression()),
    make_pipeline(
        SequentialFeatureSelector(LogisticRegression(), n_features_to_select=2, cv=3), GaussianNB()
    ),
    make_pipeline(SelectFromModel(LassoCV(cv=3)), GaussianNB()),
    VotingClassifier([("a", GridSearchCV(LogisticRegression(), C, cv=3))]),
    OneVsRestClassifier(GridSearchCV(LogisticRegression(), C, cv=3)),
    GridSearchCV(LogisticRegressionCV(Cs=2, cv=2, **LEGACY), {"tol": [1e-3, 1e-4]}, cv=3),
    HistGradientBoostingClassifier(max_iter=5),
    make_pipeline(Unchanged(), HistGradientBoostingClassifier(max_iter=5)),
    VotingClassifier([("a", HistGradientBoostingClassifier(max_iter=5))]),
]


@pytest.mark.parametrize("base", BASES, ids=lambda base: str(base)[:60])
@pytest.mark.filterwarnings("ignore::FutureWarning:sklearn")  # of l1_ratios
@pytest.mark.parametrize("labels", [np.array([0, 1]), np.array(["a", "b"]), np.array([1, 2])])
def test_the_fitted_base_is_what_was_asked_for(base, labels):
    """No warning, and nothing of ours is left inside."""
    if isinstance(labels[0], str) and "Lasso" in str(base):
        pytest.skip("a regression on strings")
    given = {name: repr(value) for name, value in base.get_params().items()}
    clf = smoothed(base).fit(X, labels[y])
    assert list(paths_to_splitters(clf.estimator_)) == []
    for name, value in clf.estimator_.get_params().items():
        if name.rpartition("__")[2] in ("cv", "early_stopping"):
            assert repr(value) == given[name], name
    assert {name: repr(value) for name, value in base.get_params().items()} == given
    assert clf.score(X, labels[y]) > 0.9
    pickle.loads(pickle.dumps(clf))


def test_what_was_asked_for_is_there_after_a_fit_that_failed():
    class Fails(GridSearchCV):
        seen = []

        def fit(self, X, y):
            self.seen.append((self, self.cv))
            raise RuntimeError("no cheese")

    with pytest.raises(RuntimeError, match="no cheese"):
        smoothed(Fails(LogisticRegression(), C, cv=3)).fit(X, y)
    (search, during), *_ = Fails.seen
    assert isinstance(during, CopiesTogether)
    assert search.cv == 3


@pytest.mark.parametrize("base", BASES[:3], ids=lambda base: str(base)[:60])
def test_with_one_copy_nothing_is_done(base, monkeypatch):
    monkeypatch.setattr("sksmooth.estimators.inner_validation._parts", None)
    smoothed(base, n_augment=1).fit(X, y)


@pytest.mark.parametrize(
    ("base", "name", "parameter"),
    [
        (SGDClassifier(early_stopping=True), "SGDClassifier", "early_stopping"),
        (MLPClassifier(early_stopping=True, max_iter=300), "MLPClassifier", "early_stopping"),
        (
            GradientBoostingClassifier(n_iter_no_change=2, n_estimators=5),
            "GradientBoostingClassifier",
            "n_iter_no_change",
        ),
        (
            make_pipeline(
                Unchanged(), HistGradientBoostingClassifier(early_stopping=True, max_iter=5)
            ),
            "HistGradientBoostingClassifier",
            "early_stopping",
        ),
        (RandomForestClassifier(50, oob_score=True), "RandomForestClassifier", "oob_score"),
        (RidgeClassifierCV(), "RidgeClassifierCV", "cv"),
        (
            BaggingClassifier(GridSearchCV(LogisticRegression(), C, cv=3), 2),
            "GridSearchCV",
            "cv",
        ),
        (
            VotingClassifier([("a", SGDClassifier(early_stopping=True))]),
            "SGDClassifier",
            "early_stopping",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_changed_is_named(base, name, parameter):
    match = f"n_augment=3: {name} holds out rows by its parameter {parameter},"
    with pytest.warns(UserWarning, match=match) as caught:
        smoothed(base).fit(X, y)
    ours = [warning for warning in caught if "n_augment" in str(warning.message)]
    assert {warning.filename for warning in ours} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        smoothed(base, n_augment=1).fit(X, y)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_platt_scaling():
    if "probability" not in SVC().get_params():
        pytest.skip("this version has none")
    with pytest.warns(UserWarning, match="SVC holds out rows by its parameter probability"):
        smoothed(SVC(probability=True)).fit(X, y)


@pytest.mark.parametrize(
    "base",
    [
        SGDClassifier(),
        MLPClassifier((4,), max_iter=500),
        GradientBoostingClassifier(n_estimators=5),
        RandomForestClassifier(5),
        SVC(),
    ],
    ids=lambda base: type(base).__name__,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_holds_out_nothing_is_not_named(base):
    smoothed(base).fit(X, y)


@pytest.mark.filterwarnings("ignore::FutureWarning:sklearn")  # of random_state
def test_target_encoding():
    """Its folds are shuffled, unless it is told otherwise."""
    seen = []

    class Watching(TargetEncoder):
        def fit_transform(self, X, y):
            seen[:] = [*self.cv.split(X, y)] if hasattr(self.cv, "split") else []
            return super().fit_transform(X, y)

    grades = np.column_stack([np.arange(60) % 4, X[:, 0]])
    base = make_pipeline(
        make_column_transformer((Watching(cv=3, random_state=7), [0]), remainder="passthrough"),
        GaussianNB(),
    )
    clf = SmoothedClassifier(base, sigma=[0.0, 0.1], n_augment=COPIES, random_state=0)
    if "cv_object" not in TargetEncoder._parameter_constraints["cv"]:
        with pytest.warns(UserWarning, match="Watching holds out rows by its parameter cv"):
            clf.fit(grades, y)
        return
    clf.fit(grades, y)
    expected = StratifiedKFold(3, shuffle=True, random_state=7).split(grades, y)
    for (train, test), (rows, held_out) in zip(seen, expected, strict=True):
        assert_array_equal(train, np.concatenate([rows + 60 * copy for copy in range(COPIES)]))
        assert_array_equal(test, np.concatenate([held_out + 60 * copy for copy in range(COPIES)]))


def test_behind_a_resampler():
    imblearn = pytest.importorskip("imblearn")
    sampler = imblearn.over_sampling.RandomOverSampler(random_state=0)
    inner = imblearn.pipeline.make_pipeline(sampler, LogisticRegression())
    target = (np.arange(60) % 3 == 0).astype(int)
    search = GridSearchCV(inner, {"logisticregression__C": [0.1, 1.0]}, cv=3)
    smoothed(search).fit(X, target)  # samples within each fold
    outer = imblearn.pipeline.make_pipeline(sampler, GridSearchCV(LogisticRegression(), C, cv=3))
    with pytest.warns(UserWarning, match="GridSearchCV holds out rows by its parameter cv"):
        smoothed(outer).fit(X, target)


class TestEarlyStopping:
    """Of HistGradientBoosting, which turns it on by itself above 10,000 rows."""

    def stopped(self, base, n_rows, monkeypatch, many=100, **options):
        monkeypatch.setattr("sksmooth.estimators.inner_validation._MANY_ROWS", many)
        rows, labels = blobs(n_rows, d=3, seed=1)
        clf = smoothed(base, **options).fit(rows, labels)
        return clf.estimator_

    def test_it_is_decided_by_original_rows(self, monkeypatch):
        base = HistGradientBoostingClassifier(max_iter=5)
        few = self.stopped(base, 100, monkeypatch)
        assert not few.do_early_stopping_
        assert few.early_stopping == "auto"

    def test_above_ten_thousand(self):
        """The number is scikit-learn's own."""
        base = HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=2)
        for n_rows, stops in ((10_000, False), (10_001, True)):
            rows, labels = blobs(n_rows, d=1)
            assert base.fit(rows, labels).do_early_stopping_ == stops
            if TAKES_X_VAL:
                inside = smoothed(base, n_augment=2).fit(rows, labels).estimator_
                assert bool(inside.do_early_stopping_) == stops

    @needs_x_val
    @pytest.mark.parametrize("early_stopping", [True, "auto"])
    @pytest.mark.parametrize("weighted", [True, False])
    def test_held_out_rows_have_no_copies_in_training(self, early_stopping, weighted, monkeypatch):
        monkeypatch.setattr("sksmooth.estimators.inner_validation._MANY_ROWS", 100)
        seen = {}

        class Watching(HistGradientBoostingClassifier):
            def fit(
                self,
                X,
                y,
                sample_weight=None,
                *,
                X_val=None,
                y_val=None,
                sample_weight_val=None,
            ):
                seen.update(X=X, y=y, w=sample_weight, X_val=X_val, y_val=y_val)
                seen.update(w_val=sample_weight_val)
                return super().fit(
                    X,
                    y,
                    sample_weight,
                    X_val=X_val,
                    y_val=y_val,
                    sample_weight_val=sample_weight_val,
                )

        rows, labels = blobs(200, d=2, seed=1)
        names = np.arange(200.0)
        clf = SmoothedClassifier(
            Watching(max_iter=50, early_stopping=early_stopping, validation_fraction=0.25),
            sigma=[0.1, 0.1, 0.0],  # no noise on the number of the row
            n_augment=COPIES,
            random_state=0,
        )
        params = {"sample_weight": names + 1} if weighted else {}
        clf.fit(np.column_stack([rows, names]), np.array(["a", "b"])[labels], **params)
        trained, held_out = (seen[name][:, 2].astype(int) for name in ("X", "X_val"))
        assert set(trained) | set(held_out) == set(range(200))
        assert not set(trained) & set(held_out)
        assert len(held_out) == COPIES * 50
        for numbers, target, weight in ((trained, "y", "w"), (held_out, "y_val", "w_val")):
            assert np.all(np.bincount(numbers)[numbers] == COPIES)
            assert_array_equal(seen[target], np.array(["a", "b"])[labels[numbers]])
            assert (seen[weight] is None) if not weighted else np.all(seen[weight] == numbers + 1)
        copies = seen["X_val"][:, 0].reshape(COPIES, -1)
        assert np.all(copies[0] != copies[1])  # with noise, of their own
        assert clf.estimator_.n_iter_ < 50
        assert clf.estimator_.early_stopping == early_stopping

    @needs_x_val
    def test_rows_that_the_user_gives_stay(self):
        base = HistGradientBoostingClassifier(early_stopping=True, max_iter=30)
        clf = smoothed(base).fit(X[:40], y[:40], X_val=X[40:], y_val=y[40:])
        alone = HistGradientBoostingClassifier(early_stopping=True, max_iter=30).fit(
            X[:40], y[:40], X_val=X[40:], y_val=y[40:]
        )
        assert len(clf.estimator_.validation_score_) == clf.estimator_.n_iter_ + 1
        assert len(alone.validation_score_) == alone.n_iter_ + 1

    def test_on_the_training_loss(self):
        base = HistGradientBoostingClassifier(
            early_stopping=True, validation_fraction=None, max_iter=5
        )
        smoothed(base).fit(X, y)  # holds out nothing: no warning


def test_a_net_with_callbacks():
    pytest.importorskip("skorch")
    from nets import mlp_net
    from skorch.callbacks import EarlyStopping

    net = mlp_net(n_in=3, max_epochs=2, callbacks=[EarlyStopping()])
    with pytest.warns(UserWarning, match="holds out rows by its parameter train_split"):
        smoothed(make_pipeline(Unchanged(), net)).fit(X.astype(np.float32), y)
