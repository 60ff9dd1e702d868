"""Boosters through their own call: labels are those of ``predict``, or predict is asked."""

import warnings

import joblib
import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksmooth import SmoothedClassifier
from sksmooth.backends import FrameMaker, get_backend
from sksmooth.noise import IntegerGaussian
from sksmooth.shortcuts import Problem, simplify
from sksmooth.shortcuts.boosters import own_call

D = 4
RNG = np.random.default_rng(0)
X = np.round(RNG.normal(size=(300, D)) * 4) * 0.3
Y = np.digitize(X[:, 0] + X[:, 1] * X[:, 2] + RNG.normal(size=300) / 2, [-0.7, 0.7])
NAMES = {"lightgbm": "LGBMClassifier", "catboost": "CatBoostClassifier"}
QUIET = {
    "xgboost": {"n_estimators": 15, "n_jobs": 1},
    "lightgbm": {"n_estimators": 15, "n_jobs": 1, "verbose": -1},
    "catboost": {"iterations": 15, "thread_count": 1, "verbose": 0, "allow_writing_files": False},
}


def make(library, y=None, name=None, **options):
    module = pytest.importorskip(library)
    kind = getattr(module, name or NAMES.get(library, "XGBClassifier"))
    model = kind(**{**QUIET[library], **options})
    early = {}
    if "early_stopping_rounds" in options or "early_stopping_round" in options:
        early = {"eval_set": [(X[:100], (y if y is not None else Y > 1)[:100].astype(int))]}
    y = (Y > 1).astype(int) if y is None else y
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y, **early)


def problem(model, rows=X[:3], frame=None):
    answers = np.asarray(model.classes_)
    backend = get_backend(model, answers, frame)
    noise = IntegerGaussian(0.7, D)
    return Problem(model, answers, frame, backend, rows, noise)


def taken(model):
    return simplify(problem(model), ["steps", "trees", "boosters"])


def rows(dtype):
    found = X[RNG.integers(300, size=30_000)] + 0.7 * RNG.normal(size=(30_000, D))
    found[::2] = np.round(found[::2] * 16) / 16  # where trees split
    return found.astype(dtype)


STRINGS = np.array(["b", "c", "a"])[Y]
MODELS = {
    "xgboost": lambda: make("xgboost"),
    "xgboost, three": lambda: make("xgboost", Y),
    "xgboost, softmax": lambda: make("xgboost", Y, objective="multi:softmax"),
    "xgboost, early": lambda: make(
        "xgboost", n_estimators=60, max_depth=8, learning_rate=1.0, early_stopping_rounds=2
    ),
    "xgboost, dart": lambda: make("xgboost", booster="dart", rate_drop=0.5),
    "xgboost, margins within a float's rounding of 0": lambda: make(
        "xgboost", learning_rate=1e-9, base_score=0.5
    ),
    "xgboost, logitraw": lambda: make("xgboost", objective="binary:logitraw"),
    "xgboost, missing": lambda: make("xgboost", missing=0.0),
    "lightgbm": lambda: make("lightgbm"),
    "lightgbm, strings": lambda: make("lightgbm", STRINGS),
    "lightgbm, one against all": lambda: make("lightgbm", Y, objective="multiclassova"),
    "lightgbm, early": lambda: make(
        "lightgbm", n_estimators=60, learning_rate=1.0, early_stopping_round=2
    ),
    "lightgbm, rf": lambda: make(
        "lightgbm", boosting_type="rf", bagging_freq=1, bagging_fraction=0.5
    ),
    "catboost": lambda: make("catboost"),
    "catboost, three": lambda: make("catboost", Y),
    "catboost, strings": lambda: make("catboost", STRINGS),
    "catboost, two strings": lambda: make("catboost", np.array(["z", "a"])[(Y > 1).astype(int)]),
    "catboost, lossguide": lambda: make("catboost", grow_policy="Lossguide"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODELS)
def test_labels_are_those_of_predict(name):
    model = MODELS[name]()
    easier = taken(model)
    assert easier.taken == ("boosters",)
    whole = problem(model).backend
    for dtype in (np.float32, np.float64):
        batch = rows(dtype)
        found = easier.backend.classify(batch)
        assert np.array_equal(found, whole.classify(batch))
        if "0" not in name:  # all ties go to the first class
            assert len(np.unique(found)) == len(model.classes_)


def test_what_would_be_wrong_is_seen_on_these_models():
    """A margin above 0, and trees after the best, give other labels; the call does not."""
    batch = rows(np.float64)
    ties = MODELS["xgboost, margins within a float's rounding of 0"]()
    margins = ties.get_booster().inplace_predict(batch, predict_type="margin")
    assert np.any(margins > 0)
    assert not np.any(taken(ties).backend.classify(batch))
    early = MODELS["xgboost, early"]()
    all_trees = early.get_booster().inplace_predict(batch, iteration_range=(0, 0)) > 0.5
    assert np.any(all_trees != taken(early).backend.classify(batch))


@pytest.mark.filterwarnings("ignore")
class TestNotTaken:
    def test_a_threshold(self):
        model = make("catboost")
        model.set_probability_threshold(0.9)
        assert taken(model).taken == ()

    def test_keywords_that_reach_predict(self):
        assert taken(make("lightgbm", pred_early_stop=True)).taken == ()

    def test_another_objective(self):
        def loss(y, score):
            p = 1 / (1 + np.exp(-score))
            return p - y, p * (1 - p)

        model = make("lightgbm", objective=loss)
        assert own_call(problem(model)) is None

    def test_gblinear(self):
        assert taken(make("xgboost", booster="gblinear")).taken == ()

    @pytest.mark.parametrize("library", QUIET)
    def test_methods_that_were_set(self, library):
        model = make(library)
        model.predict = lambda X: np.zeros(len(X), dtype=int)
        assert taken(model).taken == ()

    def test_subclasses(self):
        xgboost = pytest.importorskip("xgboost")

        class Other(xgboost.XGBClassifier):
            def predict(self, X, **options):
                return 1 - super().predict(X, **options)

        model = Other(**QUIET["xgboost"]).fit(X, (Y > 1).astype(int))
        assert taken(model).taken == ()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("library", QUIET)
@pytest.mark.parametrize("kind", ["plain", "frame", "steps"])
def test_votes_are_those_of_predict(library, kind):
    model, given = make(library), X
    if kind == "frame":
        given = pytest.importorskip("pandas").DataFrame(X, columns=list("pqrs"))
        model.fit(given, (Y > 1).astype(int))
    elif kind == "steps":
        model = make_pipeline(StandardScaler(), model).fit(X, (Y > 1).astype(int))
    clf = SmoothedClassifier(FrozenEstimator(model), 0.7, n=3000, method="montecarlo")
    clf.set_params(random_state=0).fit(given, (Y > 1).astype(int))
    found = clf.certify(given[:4])
    assert found.shortcut == ("steps+boosters" if kind == "steps" else "boosters")
    with joblib.parallel_config(backend="threading", n_jobs=2):
        threads = clf.set_params(n_jobs=2).certify(given[:4])
    plain = clf.set_params(n_jobs=None, shortcuts=None).certify(given[:4])
    assert plain.shortcut is None
    assert np.array_equal(found.counts, plain.counts)
    assert np.array_equal(threads.counts, plain.counts)


@pytest.mark.filterwarnings("ignore")
def test_frames_with_other_columns_are_left_to_predict():
    pandas = pytest.importorskip("pandas")
    model = make("xgboost").fit(pandas.DataFrame(X, columns=list("pqrs")), (Y > 1).astype(int))

    for columns, coded, is_taken in (
        ("pqrs", (), True),
        ("qprs", (), False),
        ("pqrs", (1,), False),
    ):
        frame = FrameMaker("pandas", tuple(columns), coded)
        step = own_call(problem(model, frame=frame))
        assert (step is not None) == is_taken
