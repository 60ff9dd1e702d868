"""Trees asked directly: the labels are those of ``predict``, bit for bit, or predict is asked."""

import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from sksmooth import SmoothedClassifier
from sksmooth.backends import get_backend
from sksmooth.noise import IntegerGaussian
from sksmooth.shortcuts import Problem, simplify

D = 4


def data(k, n=300, missing=False):
    """Values on a coarse grid, so that features tie and leaves are mixed; labels are noisy."""
    rng = np.random.default_rng(k)
    X = np.round(rng.normal(size=(n, D)) * 4) * 0.3
    y = np.digitize(X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=n) / 2, np.linspace(-1, 1, k - 1))
    if missing:
        X[rng.random(X.shape) < 0.1] = np.nan
    return X, y


def thresholds(model):
    """The thresholds of a model, feature by feature."""
    if isinstance(model, HistGradientBoostingClassifier):
        return model._bin_mapper.bin_thresholds_
    trees = [tree.tree_ for tree in np.ravel(getattr(model, "estimators_", [model]))]
    feature = np.concatenate([tree.feature for tree in trees])
    threshold = np.concatenate([tree.threshold for tree in trees])
    return [threshold[feature == j] for j in range(D)]


def noisy_rows(model, X, dtype, n=20_000):
    """Noisy rows, half of them with a value at a threshold or at one of its neighbours."""
    rng = np.random.default_rng(0)
    X = np.nan_to_num(X)
    rows = X[rng.integers(len(X), size=n)] + rng.normal(size=(n, D)) * 0.5
    for j, values in enumerate(thresholds(model)):
        values = values[np.isfinite(values)]  # a split on missing values has none
        if not len(values):
            continue
        at = rng.choice(values, size=n)
        single = at.astype(np.float32)
        neighbours = [at, np.nextafter(at, -np.inf), np.nextafter(at, np.inf), single]
        neighbours += [np.nextafter(single, np.float32(sign * np.inf)) for sign in (-1, 1)]
        chosen = np.choose(rng.integers(len(neighbours), size=n), neighbours)
        rows[:, j] = np.where(rng.random(n) < 0.2, chosen, rows[:, j])
    return np.ascontiguousarray(rows, dtype=dtype)


def problem(model, rows, answers=None):
    noise = IntegerGaussian(0.5, rows.shape[1])
    answers = model.classes_ if answers is None else answers
    backend = get_backend(model, answers)
    return Problem(model, answers, None, backend, rows, noise)


def votes_of(model, rows):
    """Votes found by the shortcut, which must be taken, as labels."""
    found = simplify(problem(model, rows), ["trees"])
    assert found.taken == ("trees",)
    assert found.backend.n_classes == len(model.classes_)
    return model.classes_[found.backend.classify(rows.copy())]


MODELS = {
    "tree": DecisionTreeClassifier(),
    "shallow tree": DecisionTreeClassifier(max_depth=3, class_weight="balanced"),
    "extra tree": ExtraTreeClassifier(),
    "stump": DecisionTreeClassifier(max_depth=1),
    "root": DecisionTreeClassifier(min_samples_leaf=1000),
    "forest": RandomForestClassifier(15),
    "weighted forest": RandomForestClassifier(7, class_weight="balanced_subsample", max_depth=6),
    "pruned forest": RandomForestClassifier(9, ccp_alpha=0.01, criterion="entropy"),
    "no bootstrap": RandomForestClassifier(9, bootstrap=False, max_features=1),
    "parallel": RandomForestClassifier(8, n_jobs=2),
    "extra trees": ExtraTreesClassifier(12),
    "extra trees, bootstrap": ExtraTreesClassifier(12, bootstrap=True, class_weight="balanced"),
    "stages": GradientBoostingClassifier(n_estimators=12),
    "stages from 0": GradientBoostingClassifier(n_estimators=12, init="zero", subsample=0.7),
    "stages, exponential": GradientBoostingClassifier(n_estimators=12, loss="exponential"),
    "stages, early stop": GradientBoostingClassifier(n_iter_no_change=2),
    "stages within rounding of 0": GradientBoostingClassifier(learning_rate=1e-17, init="zero"),
    "boosting": HistGradientBoostingClassifier(max_iter=20),
    "few bins": HistGradientBoostingClassifier(max_iter=20, max_bins=5),
    "two bins": HistGradientBoostingClassifier(max_iter=5, max_bins=2),
    "monotonic": HistGradientBoostingClassifier(max_iter=10, monotonic_cst=[1, 0, 0, -1]),
    "interactions": HistGradientBoostingClassifier(max_iter=10, interaction_cst="no_interactions"),
    "early stop": HistGradientBoostingClassifier(early_stopping=True, n_iter_no_change=2),
    "deep": HistGradientBoostingClassifier(max_iter=10, max_leaf_nodes=None, min_samples_leaf=1),
    "weighted": HistGradientBoostingClassifier(max_iter=10, class_weight="balanced"),
    "sampled features": HistGradientBoostingClassifier(max_iter=10, max_features=0.5),
    "no iterations": HistGradientBoostingClassifier(max_iter=1, learning_rate=1e-9),
}
HAVE_MISSING = ["tree", "forest", "extra trees", "boosting", "few bins", "deep"]
ONLY_BINARY = {"monotonic", "stages, exponential"}


def fitted(name, k, missing=False):
    X, y = data(k, missing=missing)
    model = clone(MODELS[name]).set_params(random_state=0)
    return model.fit(X, y), X


CASES = [(name, k, False) for name in MODELS for k in (2, 4) if k == 2 or name not in ONLY_BINARY]
CASES += [(name, k, True) for name in HAVE_MISSING for k in (2, 4)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "k", "missing"), CASES)
def test_labels_of_predict(name, k, missing, dtype):
    model, X = fitted(name, k, missing)
    rows = noisy_rows(model, X, dtype)
    found = votes_of(model, rows)
    if getattr(model, "n_jobs", None):  # several threads sum the trees in any order
        model.set_params(n_jobs=1)
    assert np.array_equal(found, model.predict(rows))


def test_thresholds_are_hit():
    """Otherwise the test above would not see the difference between < and <=."""
    model, X = fitted("stump", 2)
    feature, threshold = model.tree_.feature[0], model.tree_.threshold[0]
    assert threshold == np.float32(threshold)
    for dtype in (np.float64, np.float32):
        ulp = abs(np.spacing(dtype(threshold)))
        values = noisy_rows(model, X, dtype)[:, feature]
        for near in (threshold - ulp, threshold, threshold + ulp):
            assert np.sum(values == near) > 500


@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
def test_exact_ties_go_as_in_predict(kind):
    """Fully grown trees give whole votes, and an even number of them ties."""
    X, y = data(4)
    X = np.random.default_rng(0).normal(size=X.shape)  # no two rows alike, so that leaves are pure
    model = kind(4, random_state=0).fit(X, y)
    rows = noisy_rows(model, X, np.float64)
    best, second = np.sort(model.predict_proba(rows), axis=1)[:, :-3:-1].T
    assert np.sum(best == second) > 1000
    assert np.array_equal(votes_of(model, rows), model.predict(rows))


@pytest.mark.parametrize("labels", [["no", "perhaps", "yes"], [3, 7, 11], [-1.0, 0.0, 2.0]])
@pytest.mark.parametrize("name", ["tree", "forest", "boosting"])
def test_labels_of_any_kind(name, labels):
    X, codes = data(3)
    model = clone(MODELS[name]).set_params(random_state=0).fit(X, np.array(labels)[codes])
    rows = noisy_rows(model, X, np.float64)
    frozen = FrozenEstimator(FrozenEstimator(model))
    assert np.array_equal(votes_of(frozen, rows), model.predict(rows))


@pytest.mark.parametrize("name", ["tree", "forest", "boosting"])
def test_codes_are_places_among_the_answers(name):
    model, X = fitted(name, 4)
    answers = np.array([2, 0, 3, 1])
    found = simplify(problem(model, X, answers), ["trees"])
    assert found.taken == ("trees",)
    assert np.array_equal(answers[found.backend.classify(X.copy())], model.predict(X))


def test_a_score_of_zero_is_for_the_first_class():
    """Nothing to split on, and as many rows of each of two classes."""
    X, y = np.zeros((40, D)), np.arange(40) % 2
    model = HistGradientBoostingClassifier(max_iter=1).fit(X, y)
    assert np.all(model.decision_function(X) == 0)
    assert np.array_equal(votes_of(model, X), model.predict(X))


def certified(model, X, y, rows, shortcuts, n=3000, **options):
    clf = SmoothedClassifier(
        FrozenEstimator(model), 0.5, shortcuts=shortcuts, method="montecarlo", random_state=0
    )
    return clf.set_params(**options).fit(X, y).certify(rows, n=n)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ["tree", "extra trees", "boosting", "few bins"])
def test_counts_of_predict(name, dtype):
    X, y = data(4)
    X, rows = X.astype(dtype), X[:30].astype(dtype)
    model = clone(MODELS[name]).set_params(random_state=0).fit(X, y)
    fast, plain = (certified(model, X, y, rows, s) for s in ("auto", None))
    assert (fast.shortcut, plain.shortcut) == ("trees", None)
    assert np.array_equal(fast.counts, plain.counts)
    assert np.array_equal(fast.radii, plain.radii)
    assert np.array_equal(fast.tv_error, plain.tv_error)


class Flipped(RandomForestClassifier):
    def predict(self, X):
        return super().predict(X)[::-1]


class FlippedBoosting(HistGradientBoostingClassifier):
    pass


class FlippedStages(GradientBoostingClassifier):
    pass


def not_taken(model, X, rows=None):
    rows = np.nan_to_num(X if rows is None else rows)
    return simplify(problem(model, rows), ["trees"]).taken == ()


@pytest.mark.parametrize(
    "base", [Flipped(5), FlippedBoosting(), FlippedStages(), AdaBoostClassifier()]
)
def test_other_types_are_left_alone(base):
    """A subclass may do anything in predict, even if it does not override it today."""
    X, y = data(3)
    assert not_taken(clone(base).set_params(random_state=0).fit(X, y), X)


def test_several_outputs_are_left_alone():
    X, y = data(3)
    for model in (DecisionTreeClassifier(), RandomForestClassifier(3)):
        single = clone(model).fit(X, y)
        several = clone(model).fit(X, np.column_stack([y, 1 - y]))
        # it knows the classes of one output, but gives two labels
        several.classes_ = single.classes_
        assert not_taken(several, X)


def test_categorical_features_are_left_alone():
    X, y = data(3)
    X[:, 0] = np.abs(X[:, 0]).round()
    model = HistGradientBoostingClassifier(max_iter=3, categorical_features=[0]).fit(X, y)
    assert not_taken(model, X)
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = HistGradientBoostingClassifier(max_iter=3, categorical_features=["a"]).fit(frame, y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # rows without names
        assert not_taken(model, X)
    plain = HistGradientBoostingClassifier(max_iter=3, categorical_features=[]).fit(X, y)
    assert not not_taken(plain, X)


@pytest.mark.parametrize("name", ["tree", "forest", "boosting"])
def test_a_replaced_predict_is_asked(name, monkeypatch):
    X, y = data(3)
    model = clone(MODELS[name]).fit(X, y)
    predict = model.predict
    monkeypatch.setattr(model, "predict", lambda X: model.classes_[2] - predict(X))
    assert not_taken(model, X)


@pytest.mark.parametrize(
    "part",
    [
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor.predict_binned",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper.transform",
        "sklearn.utils._openmp_helpers._openmp_effective_n_threads",
    ],
)
def test_without_a_private_part_predict_is_asked(part, monkeypatch):
    """As in another version of scikit-learn, in which it has another name."""
    X, y = data(3)
    model = HistGradientBoostingClassifier(max_iter=5).fit(X, y)
    expected = certified(model, X, y, X[:3], None)
    assert certified(model, X, y, X[:3], "auto").shortcut == "trees"
    monkeypatch.delattr(part)
    found = certified(model, X, y, X[:3], "auto")
    assert found.shortcut is None
    assert np.array_equal(found.counts, expected.counts)


def test_private_parts_that_answer_otherwise_are_not_believed(monkeypatch):
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    X, y = data(3)
    model = HistGradientBoostingClassifier(max_iter=5).fit(X, y)
    right = TreePredictor.predict_binned
    monkeypatch.setattr(TreePredictor, "predict_binned", lambda *args: -right(*args))
    assert not_taken(model, X)


def test_images_are_left_alone():
    """Trees take rows with one axis; what a model makes of others is its own affair."""
    X, y = data(2)
    model = DecisionTreeClassifier().fit(X, y)
    model.predict = lambda X: DecisionTreeClassifier.predict(model, X.reshape(len(X), -1))
    assert not_taken(model, X.reshape(len(X), 2, 2))


@pytest.mark.parametrize("name", ["forest", "boosting"])
@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_count_the_same(name, backend):
    X, y = data(3)
    model = clone(MODELS[name]).set_params(random_state=0).fit(X, y)
    expected = certified(model, X, y, X[:4], None, n=10_000)
    with joblib.parallel_config(backend, n_jobs=2):
        found = certified(model, X, y, X[:4], "auto", n=10_000, batch_size=999)
    assert found.shortcut == "trees"
    assert np.array_equal(found.counts, expected.counts)


def test_workers_may_share_a_model_through_a_file():
    """joblib hands arrays above `max_nbytes` to processes as files that are only read."""
    X, y = data(3)
    model = HistGradientBoostingClassifier(max_iter=5).fit(X, y)
    expected = certified(model, X, y, X[:4], None)
    with joblib.parallel_config("loky", n_jobs=2, max_nbytes=100):
        assert np.array_equal(certified(model, X, y, X[:4], "auto").counts, expected.counts)


@pytest.mark.parametrize("name", ["forest", "boosting"])
def test_a_model_that_is_read_from_a_file(name, tmp_path):
    X, y = data(3)
    model = clone(MODELS[name]).set_params(random_state=0).fit(X, y)
    expected = certified(model, X, y, X[:4], None)
    joblib.dump(model, tmp_path / "model")
    for mode in (None, "r"):
        found = certified(joblib.load(tmp_path / "model", mmap_mode=mode), X, y, X[:4], "auto")
        assert np.array_equal(found.counts, expected.counts)
