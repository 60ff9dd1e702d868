"""Bases are fitted on labels as given; those that need class codes get all that names labels so."""

import subprocess
import sys

import numpy as np
import pytest
from helpers import Halfspace, blobs
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectFromModel
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.metrics import make_scorer, recall_score
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier
from sksmooth.closed_forms import refit_leaves
from sksmooth.estimators.class_codes import model_on_codes

rng = np.random.default_rng(0)
X = rng.normal(size=(120, 2))
y = (X[:, 0] + 0.7 * rng.normal(size=120) > 0).astype(int)  # the classes overlap
y3 = np.digitize(X[:, 0] + 0.3 * rng.normal(size=120), [-0.6, 0.6])
DEPTH = {"max_depth": [1, 2]}

# in the order of the codes
PAIRS = {
    "1, 2": np.array([1, 2]),
    "-1, 1": np.array([-1, 1]),
    "bytes": np.array([0, 255], dtype=np.uint8),
    "strings": np.array(["no", "yes"]),
    "objects": np.array(["no", "yes"], dtype=object),
    "bools": np.array([False, True]),
    "floats": np.array([0.0, 1.0]),
    "other floats": np.array([1.0, 2.0]),
}
TRIPLES = {"numbers": np.array([3, 5, 9]), "words": np.array(["a", "bb", "c"])}


def smoothed(base, **options):
    defaults = {"sigma": 0.3, "n": 200, "n0": 50, "random_state": 0, "method": "montecarlo"}
    return SmoothedClassifier(base, **defaults | options)


def xgboost(**options):
    return pytest.importorskip("xgboost").XGBClassifier(n_estimators=5, **options)


def lightgbm(**options):
    return pytest.importorskip("lightgbm").LGBMClassifier(n_estimators=5, verbose=-1, **options)


def catboost():
    CatBoostClassifier = pytest.importorskip("catboost").CatBoostClassifier
    return CatBoostClassifier(iterations=5, verbose=0, allow_writing_files=False)


def explainable():
    glassbox = pytest.importorskip("interpret.glassbox")
    return glassbox.ExplainableBoostingClassifier(
        interactions=0, max_rounds=100, outer_bags=1, learning_rate=0.2
    )


BASES = {
    "linear": LogisticRegression,
    "ridge": RidgeClassifier,
    "tree": lambda: DecisionTreeClassifier(max_depth=3),
    "forest": lambda: RandomForestClassifier(5, max_depth=3),
    "stumps": lambda: GradientBoostingClassifier(n_estimators=5, max_depth=1),
    "boosting": lambda: HistGradientBoostingClassifier(max_iter=5),
    "adaboost": lambda: AdaBoostClassifier(n_estimators=5),
    "normal": GaussianNB,
    "quadratic": QuadraticDiscriminantAnalysis,
    "neighbours": KNeighborsClassifier,
    "kernel": SVC,
    "net": lambda: MLPClassifier((4,), max_iter=1000),
    "pipeline": lambda: make_pipeline(StandardScaler(), LogisticRegression()),
    "calibrated": lambda: CalibratedClassifierCV(LogisticRegression(), cv=2),
    "search": lambda: GridSearchCV(DecisionTreeClassifier(), DEPTH, cv=2),
    "vote": lambda: VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())]),
    "stack": lambda: StackingClassifier([("a", GaussianNB()), ("b", LogisticRegression())], cv=2),
    "bagging": lambda: BaggingClassifier(GaussianNB(), 3),
    "threshold": lambda: TunedThresholdClassifierCV(LogisticRegression(), cv=2),
    "xgboost": xgboost,
    "xgboost behind scaling": lambda: make_pipeline(StandardScaler(), xgboost()),
    "xgboost in a search": lambda: GridSearchCV(xgboost(), DEPTH, cv=2),
    "xgboost calibrated": lambda: CalibratedClassifierCV(xgboost(), cv=2),
    "xgboost in a vote": lambda: VotingClassifier([("a", xgboost()), ("b", GaussianNB())]),
    "lightgbm": lightgbm,
    "catboost": catboost,
    "explainable": explainable,
}


def assert_same_but_for_names(base, labels, codes, **options):
    """What labels are called changes nothing else: not the form, no vote, no radius."""
    by_code = smoothed(base, **options).fit(X, codes)
    named = smoothed(base, **options).fit(X, labels[codes])
    assert named.classes_.dtype == labels.dtype
    assert named.classes_.tolist() == labels.tolist()
    assert named.abstain_label_ not in labels.tolist()
    expected, certificate = by_code.certify(X[:30]), named.certify(X[:30])
    assert (certificate.method, certificate.form) == (expected.method, expected.form)
    assert_array_equal(certificate.radii, expected.radii)
    assert_array_equal(certificate.p_lower, expected.p_lower)
    assert_array_equal(named.vote_frequencies(X[:30]), by_code.vote_frequencies(X[:30]))
    sure = ~expected.abstained
    assert np.unique(expected.labels[sure]).size == len(labels)
    assert certificate.labels[sure].tolist() == labels[expected.labels[sure]].tolist()
    assert set(certificate.labels[~sure].tolist()) <= {named.abstain_label_}
    assert named.score(X, labels[codes]) == by_code.score(X, codes)


# bases that treat kinds of labels apart see all of them
ALL_KINDS = ("linear", "tree", "xgboost", "lightgbm", "catboost", "explainable")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name in BASES
        for kind in (PAIRS if name in ALL_KINDS else ("-1, 1", "objects"))
    ],
)
def test_names_change_nothing_else(name, kind):
    assert_same_but_for_names(BASES[name](), PAIRS[kind], y)


@pytest.mark.parametrize("kind", TRIPLES)
@pytest.mark.parametrize("name", ALL_KINDS)
def test_names_of_three_classes(name, kind):
    assert_same_but_for_names(BASES[name](), TRIPLES[kind], y3)


@pytest.mark.parametrize("kind", ["-1, 1", "strings"])
@pytest.mark.parametrize("name", ["linear", "tree", "forest", "boosting"])
@pytest.mark.parametrize("shortcuts", ["auto", None])
def test_shortcuts(name, kind, shortcuts):
    options = {"method": "montecarlo", "shortcuts": shortcuts}
    assert_same_but_for_names(BASES[name](), PAIRS[kind], y, **options)


@pytest.mark.parametrize("kind", PAIRS)
def test_refitted_leaves(kind):
    weights = {"class_weight": dict(zip(PAIRS[kind].tolist(), (5.0, 1.0), strict=True))}
    base = DecisionTreeClassifier(max_depth=3)
    named = clone(base).set_params(**weights).fit(X, PAIRS[kind][y])
    by_code = base.set_params(class_weight={0: 5.0, 1: 1.0}).fit(X, y)
    refit_leaves(named, X, PAIRS[kind][y], 0.5)
    refit_leaves(by_code, X, y, 0.5)
    assert_array_equal(named.tree_.value, by_code.tree_.value)


class TestNamedLabels:
    """Parameters that name labels mean the same inside as outside."""

    def test_weights(self):
        """Alone, the base answers 1 almost everywhere. On codes it gave the weight to label 2."""
        base = LogisticRegression(class_weight={1: 50.0})
        target = y + 1
        alone = np.mean(clone(base).fit(X, target).predict(X) == 1)
        inside = np.mean(smoothed(base, sigma=0.01).fit(X, target).predict(X) == 1)
        assert alone > 0.9
        assert abs(inside - alone) < 0.05

    @pytest.mark.parametrize("kind", PAIRS)
    @pytest.mark.parametrize(
        "base",
        [
            LogisticRegression(),
            make_pipeline(StandardScaler(), SGDClassifier(random_state=0)),
            RandomForestClassifier(5, max_depth=3),
            SVC(),
            GridSearchCV(DecisionTreeClassifier(), DEPTH, cv=2),
        ],
        ids=lambda base: type(base).__name__,
    )
    def test_weights_of_any_labels(self, base, kind):
        first, second = PAIRS[kind].tolist()
        name = next(n for n in base.get_params() if n.endswith("class_weight"))
        named = clone(base).set_params(**{name: {first: 20.0, second: 1.0}})
        by_code = clone(base).set_params(**{name: {0: 20.0, 1: 1.0}})
        named = smoothed(named).fit(X, PAIRS[kind][y]).certify(X)
        by_code = smoothed(by_code).fit(X, y).certify(X)
        assert_array_equal(named.radii, by_code.radii)
        plain = smoothed(base).fit(X, y).certify(X)
        assert not np.array_equal(plain.radii, by_code.radii)

    def test_lung_cancer(self, data_folder):
        """Status is 1 (alive) or 2."""
        pd = pytest.importorskip("pandas")
        table = pd.read_csv(data_folder / "tables" / "lung.csv").dropna()
        rows = table.drop(columns=["status", "time", "inst"]).to_numpy(dtype=np.float64)
        rows, status = rows / rows.std(axis=0), table["status"].to_numpy()
        base = LogisticRegression(class_weight={1: 5}, max_iter=10_000)
        alone = clone(base).fit(rows, status).predict(rows)
        inside = smoothed(base, sigma=0.01).fit(rows, status).predict(rows)
        recalls = [recall_score(status, labels, pos_label=1) for labels in (alone, inside)]
        assert recalls == pytest.approx([0.92, 0.92], abs=0.03)

    @pytest.mark.parametrize("kind", PAIRS)
    def test_the_positive_label(self, kind):
        labels = PAIRS[kind]
        target = labels[y]
        first = labels.tolist()[0]
        base = FixedThresholdClassifier(LogisticRegression(), threshold=0.95, pos_label=first)
        alone = np.mean(clone(base).fit(X, target).predict(X) == labels[0])
        inside = np.mean(smoothed(base, sigma=0.01).fit(X, target).predict(X) == labels[0])
        assert alone < 0.2
        assert abs(inside - alone) < 0.05

    def test_scores_of_a_search(self):
        """The recall of label 2 is best where all rows are 2; that of 1 where none is."""
        for label, chosen in ((1, 1e-9), (2, 1e9)):
            scorer = make_scorer(recall_score, pos_label=label)
            weights = {"class_weight": [{2: weight} for weight in (1e-9, 1.0, 1e9)]}
            search = GridSearchCV(LogisticRegression(), weights, scoring=scorer, cv=2)
            inside = smoothed(search).fit(X, y + 1).estimator_
            assert inside.best_params_ == {"class_weight": {2: chosen}}

    @pytest.mark.filterwarnings("ignore:.*eval_set")  # it is to have other names
    def test_a_validation_set_of_lightgbm(self):
        labels = np.array(["no", "yes"])
        clf = smoothed(lightgbm()).fit(X, labels[y], eval_set=[(X[:30], labels[y[:30]])])
        assert clf.estimator_.evals_result_


class TestNoLabel:
    """-1 means "no label" for semi-supervised bases, and is no class."""

    hidden = np.where(rng.random(120) < 0.5, -1, y)

    @pytest.mark.parametrize(
        "base",
        [
            SelfTrainingClassifier(LogisticRegression()),
            LabelPropagation(max_iter=10_000),
            LabelSpreading(),
            make_pipeline(StandardScaler(), LabelSpreading()),
        ],
        ids=lambda base: type(base).__name__,
    )
    @pytest.mark.parametrize("n_augment", [1, 3])
    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    def test_no_row_is_certified_as_it(self, base, n_augment):
        clf = smoothed(base, n_augment=n_augment).fit(X, self.hidden)
        assert clf.classes_.tolist() == [0, 1]
        assert clf.abstain_label_ == -2  # neither a class nor "no label"
        certificate = clf.certify(X)
        assert set(certificate.labels.tolist()) <= {0, 1, -2}
        assert np.mean(certificate.labels == y) > 0.6
        alone = clone(base).fit(X, self.hidden).predict(X)
        assert np.mean(clf.predict(X) == alone) > 0.7

    def test_on_codes(self):
        base = SelfTrainingClassifier(xgboost())
        clf = smoothed(base).fit(X, np.where(self.hidden < 0, -1, self.hidden + 3))
        assert clf.classes_.tolist() == [3, 4]
        assert clf.abstain_label_ == -2
        by_code = smoothed(base).fit(X, self.hidden)
        assert_array_equal(clf.certify(X).counts, by_code.certify(X).counts)

    def test_an_abstain_label_must_be_another(self):
        with pytest.raises(ValueError, match="abstain_label=-1 is one of"):
            smoothed(LabelSpreading(), abstain_label=-1).fit(X, self.hidden)


class TestClassesOfTheBase:
    def test_any_order(self):
        class Backwards(Halfspace):
            def fit(self, X, y):
                self.classes_ = np.unique(y)[::-1]
                return self

        clf = smoothed(Backwards()).fit(X, np.array(["no", "yes"])[y])
        assert clf.classes_.tolist() == ["yes", "no"]
        assert clf.predict([[5.0, 0.0], [-5.0, 0.0]]).tolist() == ["no", "yes"]
        assert clf.vote_frequencies([[5.0, 0.0]]).tolist() == [[0.0, 1.0]]

    def test_none(self):
        class Silent(Halfspace):
            def fit(self, X, y):
                self.known = np.unique(y)
                return self

            def predict(self, X):
                return self.known[(np.asarray(X)[:, 0] > 0).astype(int)]

        assert smoothed(Silent()).fit(X, y + 1).classes_.tolist() == [1, 2]

    @pytest.mark.parametrize(
        ("classes", "match"),
        [
            (
                np.array([0, 1]),
                r"fitted on the labels \['no', 'yes'\], but its classes_ are \[0, 1",
            ),
            ([np.array(["no"]), np.array(["no", "yes"])], "classes_ of 2 outputs"),
        ],
    )
    def test_of_other_labels(self, classes, match):
        class Stubborn(Halfspace):
            def fit(self, X, y):
                self.classes_ = classes
                return self

        with pytest.raises(ValueError, match=match):
            smoothed(Stubborn()).fit(X, np.array(["no", "yes"])[y])

    def test_answers_that_are_no_classes(self):
        class Codes(Halfspace):
            def predict(self, X):
                return (np.asarray(X)[:, 0] > 0).astype(int)

        clf = smoothed(Codes()).fit(X, np.array([1, 2])[y])
        with pytest.raises(ValueError, match="returned 0, which is not among"):
            clf.certify(X)


class TestXGBoost:
    """XGBoost takes codes only, so it gets them, with what names labels around it."""

    labels = np.array(["no", "yes"])

    def pair(self, named, by_code, **fit_params):
        """Certificates of a base on labels and of its twin on codes."""
        fits = (
            smoothed(named).fit(X, self.labels[y], **fit_params),
            smoothed(by_code).fit(X, y),
        )
        return [fit.certify(X).counts for fit in fits]

    def test_who_needs_codes(self):
        class Mine(type(xgboost())):
            pass

        assert model_on_codes(Mine()) is not None
        assert model_on_codes(make_pipeline(StandardScaler(), GridSearchCV(Mine(), DEPTH)))
        for other in (lightgbm(), LogisticRegression(), BaggingClassifier(xgboost())):
            assert model_on_codes(other) is None

    def test_it_is_not_imported(self):
        code = (
            "import sys, sksmooth; from sklearn.naive_bayes import GaussianNB\n"
            "sksmooth.SmoothedClassifier(GaussianNB()).fit([[0.], [1.], [2.]], list('aab'))\n"
            "print('xgboost' in sys.modules)"
        )
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert out.stdout.strip() == "False", out.stderr

    def test_weights_in_front_of_it(self):
        def base(first, second):
            chosen = LogisticRegression(class_weight={first: 0.0, second: 1.0, "x": 2.0})
            del chosen.class_weight["x"]
            return make_pipeline(SelectFromModel(chosen), xgboost())

        assert_array_equal(*self.pair(base("no", "yes"), base(0, 1)))

    def test_a_threshold_around_it(self):
        def base(label):
            return FixedThresholdClassifier(xgboost(), threshold=0.9, pos_label=label)

        assert_array_equal(*self.pair(base("no"), base(0)))
        assert_array_equal(*self.pair(base("yes"), base(1)))
        one, other = self.pair(base("no"), base(1))
        assert not np.array_equal(one, other)

    @pytest.mark.parametrize("where", ["", "xgbclassifier__"])
    @pytest.mark.parametrize("n_augment", [1, 2])
    def test_validation_sets(self, where, n_augment):
        base = xgboost(early_stopping_rounds=2)
        base = make_pipeline(StandardScaler(), base) if where else base
        sets = [(X[:20], labels[y[:20]]) for labels in (self.labels, np.arange(2))]
        quiet = {f"{where}verbose": False}
        fits = [
            smoothed(base, n_augment=n_augment).fit(
                X, target, **{f"{where}eval_set": [pair]}, **quiet
            )
            for target, pair in zip((self.labels[y], y), sets, strict=True)
        ]
        assert_array_equal(*[fit.certify(X).counts for fit in fits])
        assert sets[0][1][0] in ("no", "yes")  # the user's own are left alone

    def test_sampling_in_front_of_it(self):
        imblearn = pytest.importorskip("imblearn")

        def base(first, second):
            sampler = imblearn.over_sampling.RandomOverSampler(
                sampling_strategy={first: 80, second: 90}, random_state=0
            )
            return imblearn.pipeline.make_pipeline(sampler, xgboost())

        assert_array_equal(*self.pair(base("no", "yes"), base(0, 1)))

    @pytest.mark.parametrize("scoring", [None, "accuracy", "f1_macro", "roc_auc", "neg_log_loss"])
    def test_scores_that_name_no_label(self, scoring):
        search = GridSearchCV(xgboost(), DEPTH, scoring=scoring, cv=2)
        assert_array_equal(*self.pair(search, search))

    @pytest.mark.parametrize(
        "scoring",
        [
            "f1",
            "average_precision",
            make_scorer(recall_score, pos_label="no"),
            make_scorer(lambda truth, answers: np.mean(truth == answers)),
            lambda clf, X, y: clf.score(X, y),
            {"one": "accuracy", "two": "precision"},
            ["accuracy", "recall"],
        ],
        ids=lambda scoring: str(scoring).partition(" at ")[0],
    )
    def test_scores_that_may_name_one(self, scoring):
        search = GridSearchCV(xgboost(), DEPTH, scoring=scoring, cv=2, refit=False)
        with pytest.raises(ValueError, match=r"GridSearchCV\(scoring=...\) may name labels"):
            smoothed(search).fit(X, self.labels[y])

    def test_scores_by_codes(self):
        """Labels that are codes can be named."""
        smoothed(GridSearchCV(xgboost(), DEPTH, scoring="f1", cv=2)).fit(X, y)

    @pytest.mark.parametrize(
        ("base", "params", "match"),
        [
            (
                lambda: FixedThresholdClassifier(xgboost(), pos_label="perhaps"),
                {},
                r"FixedThresholdClassifier\(pos_label=...\) names the label 'perhaps'",
            ),
            (
                lambda: make_pipeline(
                    SelectFromModel(LogisticRegression(class_weight={0: 5.0})), xgboost()
                ),
                {},
                r"LogisticRegression\(class_weight=...\) names the label 0",
            ),
            (
                lambda: GridSearchCV(
                    make_pipeline(SelectFromModel(LogisticRegression()), xgboost()),
                    {"selectfrommodel__estimator__class_weight": [{"no": 2.0}]},
                ),
                {},
                "searches over selectfrommodel__estimator__class_weight",
            ),
            (xgboost, {"eval_set": [(X[:2], np.array(["no", "perhaps"]))]}, "'perhaps'"),
        ],
    )
    def test_what_is_refused(self, base, params, match):
        with pytest.raises(ValueError, match=match):
            smoothed(base()).fit(X, self.labels[y], **params)

    def test_codes_of_an_ensemble_are_left_alone(self):
        """A vote numbers labels for its members, so weights in it are by number in any case."""
        members = [("a", LogisticRegression(class_weight={0: 9.0, 1: 1.0}))]
        base = make_pipeline(VotingClassifier(members, voting="soft"), xgboost())
        clone(base[0]).fit(X, self.labels[y])
        assert_array_equal(*self.pair(base, base))


class TestNets:
    labels = np.array(["no", "yes"])

    @pytest.fixture(autouse=True)
    def _needs_skorch(self):
        pytest.importorskip("skorch")

    def test_named_outputs_keep_their_order(self):
        """`classes` says which output stands for which label."""
        from nets import mlp_net

        rows = X.astype(np.float32)
        clf = smoothed(mlp_net(classes=["yes", "no"], max_epochs=30)).fit(rows, self.labels[y])
        assert clf.classes_.tolist() == ["yes", "no"]
        assert clf.score(rows, self.labels[y]) > 0.6
        proba = clf.estimator_.predict_proba(rows)
        assert np.mean(proba[y == 0, 1]) > np.mean(proba[y == 1, 1])
        by_code = smoothed(mlp_net(max_epochs=30)).fit(rows, 1 - y)
        assert_array_equal(clf.certify(rows).counts, by_code.certify(rows).counts)

    def test_more_outputs_than_labels(self):
        from nets import mlp_net

        net = mlp_net(n_out=3, classes=["maybe", "no", "yes"], max_epochs=30)
        clf = smoothed(net).fit(X.astype(np.float32), self.labels[y])
        assert clf.classes_.tolist() == ["maybe", "no", "yes"]
        assert clf.certify(X[:5].astype(np.float32)).counts.shape == (5, 3)

    def test_labels_that_number_the_outputs(self):
        from nets import mlp_net

        clf = smoothed(mlp_net(classes=["no", "yes"])).fit(X.astype(np.float32), y)
        assert clf.classes_.tolist() == [0, 1]

    def test_other_names(self):
        from nets import mlp_net

        with pytest.raises(ValueError, match=r"has classes=\['off', 'on'\], and y has the labels"):
            smoothed(mlp_net(classes=["off", "on"])).fit(X.astype(np.float32), self.labels[y])

    def test_a_search_around_a_net(self):
        import torch
        from nets import mlp_net

        search = GridSearchCV(mlp_net(), {"lr": [0.1]}, cv=2, scoring="accuracy")
        rows, counts = X.astype(np.float32), []
        for target in (self.labels[y], y):
            torch.manual_seed(0)
            counts.append(smoothed(search).fit(rows, target).certify(rows).counts)
        assert_array_equal(*counts)


def test_the_given_base_and_labels_are_left_alone():
    base = FixedThresholdClassifier(xgboost(), pos_label="no")
    target = np.array(["no", "yes"])[y]
    before = target.copy()
    smoothed(base).fit(X, target)
    assert base.pos_label == "no"
    assert_array_equal(target, before)


def test_logs_of_any_labels(tmp_path):
    """Names go into the log, and a run with other names is another run."""
    rows, codes = blobs(20)
    for i, labels in enumerate((np.array(["a", "b"], dtype=object), np.array([False, True]))):
        clf = smoothed(KNeighborsClassifier()).fit(rows, labels[codes])
        path = tmp_path / f"{i}.tsv"
        first = clf.certify(rows, log=path)
        assert first.labels.tolist() == clf.certify(rows, log=path).labels.tolist()
        with pytest.raises(ValueError, match="log"):
            smoothed(KNeighborsClassifier()).fit(rows, codes).certify(rows, log=path)
