"""Ensembles of trees on a grid: bounds against sums over all cells with 60 digits.

The oracle cuts every axis at every number that any tree compares with, and asks predict for the
label of each cell.
"""

import copy
import itertools

import numpy as np
import pytest
from mpmath import mp, mpf
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from sksmooth.closed_forms.form import NotClosedError
from sksmooth.closed_forms.forms import grid
from sksmooth.closed_forms.forms.boxes import Boxes
from sksmooth.closed_forms.forms.grid import Grid
from sksmooth.closed_forms.inputs import Spread
from sksmooth.closed_forms.numerics.normal import FLOOR
from sksmooth.introspection import AffineMap, Columns

DIGITS = 60

SMALL = {"max_leaf_nodes": 5, "random_state": 0}
MODELS = {
    "tree": DecisionTreeClassifier(**SMALL),
    "extra tree": ExtraTreeClassifier(**SMALL),
    "forest": RandomForestClassifier(4, **SMALL),
    "extra trees": ExtraTreesClassifier(4, **SMALL),
    "boosting": GradientBoostingClassifier(n_estimators=4, **SMALL),
    "boosting from zero": GradientBoostingClassifier(n_estimators=4, init="zero", **SMALL),
    "boosting of a tree": GradientBoostingClassifier(
        n_estimators=2, init=DecisionTreeClassifier(**SMALL), **SMALL
    ),
    "histograms": HistGradientBoostingClassifier(max_iter=4, max_leaf_nodes=4, random_state=0),
    "bagging": BaggingClassifier(DecisionTreeClassifier(**SMALL), 4, random_state=0),
    "bagging of inputs": BaggingClassifier(
        DecisionTreeClassifier(**SMALL), 5, max_features=0.5, random_state=0
    ),
    "bagging of histograms": BaggingClassifier(
        HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=3, random_state=0),
        2,
        bootstrap_features=True,
        random_state=0,
    ),
    "adaboost": AdaBoostClassifier(DecisionTreeClassifier(max_depth=2), n_estimators=4),
    "vote": VotingClassifier(
        [
            ("forest", RandomForestClassifier(3, **SMALL)),
            ("tree", DecisionTreeClassifier(**SMALL)),
            ("prior", DummyClassifier()),
        ]
    ),
    "soft vote": VotingClassifier(
        [
            ("extra", ExtraTreesClassifier(3, **SMALL)),
            ("histograms", HistGradientBoostingClassifier(max_iter=2, max_leaf_nodes=3)),
        ],
        voting="soft",
        weights=[2, 1],
    ),
}


def data(k, d=2, n=120, seed=0):
    """Classes in patches, some labels by chance, names of classes that are not their codes."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    patch = np.floor(2 * X[:, 0]) + np.floor(1.5 * X[:, -1])
    y = (patch + (rng.random(n) < 0.2)).astype(int) % k
    return X, np.array(["zero", "a", "bc", "later"])[y]


def fitted(name, k=3, d=2):
    X, y = data(k, d)
    return MODELS[name].fit(X, y), X


def cut(threshold):
    """The number above which x, as a float32, exceeds a threshold."""
    below = np.float32(threshold)
    while float(below) > threshold:
        below = np.nextafter(below, np.float32(-np.inf))
    return 0.5 * (float(below) + float(np.nextafter(below, np.float32(np.inf))))


def cuts(model):
    """All numbers at which a model may change its answer, of whichever input."""
    if isinstance(model, HistGradientBoostingClassifier):
        nodes = [p.nodes[p.nodes["is_leaf"] == 0] for line in model._predictors for p in line]
        return {float(t) for part in nodes for t in part["num_threshold"]}
    if hasattr(model, "tree_"):
        inner = model.tree_.children_left >= 0
        return {cut(t) for t in model.tree_.threshold[inner]}
    found = set()
    parts = getattr(model, "estimators_", [])
    for part in (*getattr(parts, "flat", parts), getattr(model, "init_", None)):
        if hasattr(part, "predict"):
            found |= cuts(part)
    return found


def mass(a, b):
    """P(a < Z < b), from the side on which nothing cancels."""
    if a > 0:
        a, b = -b, -a
    return mp.ncdf(b) - mp.ncdf(a) if b <= 0 else 1 - mp.ncdf(a) - mp.ncdf(-b)


class Oracle:
    """A model's answers in all cells of two inputs, and their probabilities."""

    def __init__(self, model):
        ends = np.array(sorted(cuts(model)))
        inside = np.concatenate([[ends[0] - 1], 0.5 * (ends[1:] + ends[:-1]), [ends[-1] + 1]])
        assert np.all(inside[1:-1] > ends[:-1])
        assert np.all(inside[1:-1] < ends[1:])
        self.ends = [-mp.inf, *(mpf(t) for t in ends), mp.inf]
        at = np.stack(np.meshgrid(inside, inside, indexing="ij"), axis=-1).reshape(-1, 2)
        labels = model.predict(at).reshape(len(inside), len(inside))
        self.cells = [np.argwhere(labels == label).tolist() for label in model.classes_]

    def __call__(self, row, sigma):
        with mp.workdps(DIGITS):
            of_axis = []
            for x, s in zip(row, sigma, strict=True):
                z = [(t - mpf(float(x))) / mpf(float(s)) for t in self.ends]
                of_axis.append([mass(a, b) for a, b in itertools.pairwise(z)])
            return [mp.fsum(of_axis[0][i] * of_axis[1][j] for i, j in part) for part in self.cells]


def around(X, sigma, steps=()):
    spread = Spread.of(
        AffineMap.of(list(steps), Columns.plain(X.shape[1])), np.broadcast_to(sigma, X.shape[1:])
    )
    return spread.around(X)


def law_of(model, X, sigma):
    inputs = around(X, sigma)
    return Grid.of(model, inputs.spread).law(inputs)


def assert_outward(law, exact, relative=1e-9):
    violations = 0
    with mp.workdps(DIGITS):
        for upper, miss, p in zip(law.upper, law.miss, exact, strict=True):
            for c, own in enumerate(p):
                others = min(mp.fsum(p[:c] + p[c + 1 :]), mpf(1))
                for bound, true in ((upper[c], min(own, mpf(1))), (miss[c], others)):
                    violations += mpf(bound) < true
                    assert mpf(bound) <= true * (1 + mpf(relative)) + 1000 * mpf(FLOOR)
                    assert mpf(bound) - true < 2e-12
    assert violations == 0


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("name", MODELS)
def test_all_cells_summed(name, k):
    model, X = fitted(name, k)
    oracle = Oracle(model)
    assert len(oracle.ends) > 4
    for sigma in (np.array([0.5, 0.2]), np.array([0.02, 0.05])):
        rows = X[:4]
        assert_outward(law_of(model, rows, sigma), [oracle(row, sigma) for row in rows])


@pytest.mark.parametrize("name", ["forest", "histograms", "boosting"])
def test_far_tails(name):
    model, _ = fitted(name)
    oracle = Oracle(model)
    rows = np.array([[9.0, 9.0], [-12.0, 1.0], [0.3, -8.0]])
    sigma = np.array([0.6, 0.4])
    exact = [oracle(row, sigma) for row in rows]
    assert min(min(p) for p in exact) < mpf("1e-20")
    assert_outward(law_of(model, rows, sigma), exact, relative=1e-7)


@pytest.mark.parametrize("k", [2, 4])
@pytest.mark.parametrize("name", MODELS)
def test_answers_are_those_of_predict(name, k):
    """On 3 inputs, at thresholds and beside them, and everywhere else."""
    model, X = fitted(name, k, d=3)
    form = Grid.of(model, around(X, 1.0).spread)
    rng = np.random.default_rng(1)
    rows = np.concatenate([X, rng.normal(size=(3000, 3)) * 2])
    special = np.array(sorted(cuts(model)))
    single = special.astype(np.float32)
    beside = [special, np.nextafter(special, 9), np.nextafter(special, -9), single]
    beside += [np.nextafter(single, np.float32(9)), np.nextafter(single, np.float32(-9))]
    chosen = rng.choice(np.concatenate(beside), size=rows.shape)
    near = np.where(rng.random(rows.shape) < 0.5, chosen, rows)
    for Z in (rows, near, form.probes(X)):
        found, sure = form.decide(Z)
        assert sure.all()
        assert np.array_equal(model.classes_[found], model.predict(Z))


@pytest.mark.parametrize("name", MODELS)
def test_frequencies(name):
    """Limits of draws: 14 models, 2 rows, 3 classes, two sides; one in 10,000 runs fails."""
    model, X = fitted(name, d=3)
    sigma = np.array([0.4, 0.7, 0.1])
    rows = X[5:7]
    law = law_of(model, rows, sigma)
    rng = np.random.default_rng(0)
    n = 50_000
    for row, upper, miss in zip(rows, law.upper, law.miss, strict=True):
        answers = model.predict(row + sigma * rng.standard_normal((n, 3)))
        for label, p, q in zip(model.classes_, upper, miss, strict=True):
            count = int(np.sum(answers == label))
            assert stats.binom.sf(count - 1, n, p) > 1e-4 / 168
            assert stats.binom.cdf(count, n, 1 - q) > 1e-4 / 168


@pytest.mark.parametrize("seed", range(8))
def test_grid_and_boxes_agree_on_a_tree(seed):
    X, y = data(3, d=3, n=200, seed=seed)
    model = DecisionTreeClassifier(max_leaf_nodes=25, random_state=seed).fit(X, y)
    sigma = np.array([0.4, 0.0, 0.2]) if seed % 2 else np.array([0.4, 0.5, 0.2])
    inputs = around(X[:50], sigma)
    boxes = Boxes.of(model, inputs.spread).law(inputs)
    cells = Grid.of(model, inputs.spread).law(inputs)
    assert np.max(np.abs(boxes.upper - cells.upper)) < 1e-12
    assert np.max(np.abs(boxes.miss - cells.miss)) < 1e-12
    total = cells.upper.sum(axis=1)
    assert np.all((total >= 1) & (total < 1 + 1e-12))


def test_inputs_that_are_not_used_cost_nothing():
    """64 inputs, of which two are compared with anything: the others do not matter."""
    X, y = data(2)
    wide = np.zeros((len(X), 64))
    wide[:, [7, 40]] = X
    model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, y)
    same = RandomForestClassifier(1, max_depth=3, bootstrap=False, max_features=None).fit(wide, y)
    assert same.estimators_[0].tree_.n_features == 64
    same.estimators_[0].tree_.__setstate__(
        renamed(copy.deepcopy(model.tree_.__getstate__()), [7, 40])
    )
    form = Grid.of(same, around(wide, 0.3).spread)
    assert [axis.column for axis in form.axes] in ([7, 40], [40, 7])
    expected = law_of(model, X[:9], 0.3)
    assert np.allclose(form.law(around(wide[:9], 0.3)).upper, expected.upper, rtol=1e-12)


def renamed(state, columns):
    inner = state["nodes"]["left_child"] >= 0
    state["nodes"]["feature"][inner] = np.array(columns)[state["nodes"]["feature"][inner]]
    return state


def test_without_noise_the_answer_is_that_of_predict():
    model, X = fitted("forest")
    law = law_of(model, X, 0.0)
    expected = np.searchsorted(model.classes_, model.predict(X))
    lines = np.arange(len(X))
    assert np.all(law.upper[lines, expected] == 1)
    assert np.all(law.miss[lines, expected] < 1e4 * FLOOR)


def test_one_input_without_noise():
    """Given its value, what is left has one input."""
    model, X = fitted("boosting")
    oracle = Oracle(model)
    law = law_of(model, X[:5], np.array([0.3, 0.0]))
    exact = [oracle(row, np.array([0.3, 1e-9])) for row in X[:5]]
    assert_outward(law, exact)


def test_constant_models():
    X = np.zeros((20, 2))
    y = np.arange(20) % 3 == 0
    for model in (DecisionTreeClassifier(), RandomForestClassifier(3, random_state=0)):
        law = law_of(model.fit(X, y), np.ones((4, 2)), 1.0)
        assert np.all(law.upper[:, 0] == 1)
        assert np.all(law.miss[:, 0] <= 10 * FLOOR)
        form = Grid.of(model, around(X, 1.0).spread)
        assert np.all(form.decide(form.probes(X))[0] == 0)


def test_behind_a_rotation():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 5)) * [3, 2, 1, 1, 1]
    pca = PCA(2).fit(X)
    Z = pca.transform(X)
    model = RandomForestClassifier(5, max_leaf_nodes=6, random_state=0)
    model.fit(Z, np.floor(Z[:, 0]).astype(int) % 3)
    inputs = around(X[:6], 0.5, [pca])
    law = Grid.of(model, inputs.spread).law(inputs)
    oracle = Oracle(model)
    for z, upper, miss in zip(Z[:6], law.upper, law.miss, strict=True):
        p = np.array([float(q) for q in oracle(z, [0.5, 0.5])])
        assert np.all((p <= upper) & (upper <= p + 1e-8))
        assert np.all((1 - p <= miss + 1e-15) & (miss <= 1 - p + 1e-8))


def opposite(n_jobs):
    """A forest of three trees whose scores tie, but for rounding, on one side of zero."""
    X = np.array([[-1.0], [1.0]] * 10)
    model = RandomForestClassifier(3, bootstrap=False, n_jobs=n_jobs, random_state=0)
    model.fit(X, np.arange(20) % 2)
    for tree, p in zip(model.estimators_, (0.1, 0.6, 0.8), strict=True):
        state = tree.tree_.__getstate__()
        left, right = state["nodes"]["left_child"][0], state["nodes"]["right_child"][0]
        state["values"][left, 0] = [p, 1 - p]
        state["values"][right, 0] = [0.1, 0.9]
        tree.tree_.__setstate__(state)
    return model


def test_scores_that_tie_but_for_rounding():
    """Threads add in any order, so then either class has to be allowed for."""
    rows, sigma = np.array([[-0.5], [0.7]]), 0.6
    one, two = (law_of(opposite(n_jobs), rows, sigma) for n_jobs in (None, 2))
    left = stats.norm.cdf(-rows[:, 0] / sigma)
    assert np.allclose(two.upper, np.stack([left, np.ones(2)], axis=1), rtol=1e-12)
    assert np.allclose(two.miss, np.stack([np.ones(2), left], axis=1), rtol=1e-12)
    assert np.allclose(one.upper.sum(axis=1), 1)
    form = Grid.of(opposite(2), around(rows, sigma).spread)
    found, sure = form.decide(np.array([[-1.0], [1.0]]))
    assert list(sure) == [False, True]
    assert found[1] == 1
    inside = VotingClassifier([("a", RandomForestClassifier(3, n_jobs=2))])
    with pytest.raises(NotClosedError, match="order"):
        law_of(inside.fit([[-1.0], [1.0]], [0, 1]), rows, sigma)


def test_rows_together_or_one_by_one():
    model, X = fitted("forest", d=3)
    inputs = around(X[:40], 0.3)
    form = Grid.of(model, inputs.spread)
    together = form.law(inputs)
    alone = np.concatenate([form.law(around(X[i : i + 1], 0.3)).upper for i in range(40)])
    assert np.allclose(together.upper, alone, rtol=1e-12, atol=0)


def test_too_many_cells(monkeypatch):
    model, X = fitted("forest", d=3)
    monkeypatch.setattr(Grid, "most_cells", 10)
    with pytest.raises(NotClosedError, match="cells"):
        law_of(model, X, 1.0)


def test_labels_are_asked_for_in_parts(monkeypatch):
    model, X = fitted("forest", d=3)
    whole = law_of(model, X[:5], 0.4)
    monkeypatch.setattr(grid, "_ASKED", 20)
    parts = law_of(model, X[:5], 0.4)
    assert np.array_equal(whole.upper, parts.upper)


def test_a_model_that_was_fitted_with_names():
    model, X = fitted("forest")
    expected = law_of(model, X[:5], 0.4)
    named = copy.deepcopy(model)
    named.feature_names_in_ = np.array(["first", "second"])
    assert np.array_equal(law_of(named, X[:5], 0.4).upper, expected.upper)


def categorical():
    rng = np.random.default_rng(0)
    X = np.stack([rng.integers(4, size=200), rng.normal(size=200)], axis=1).astype(float)
    model = HistGradientBoostingClassifier(max_iter=3, categorical_features=[0])
    return model.fit(X, X[:, 0] % 2 + (X[:, 1] > 0)), X


def test_what_is_not_of_this_form():
    X, y = data(2)
    model, rows = categorical()
    with pytest.raises(NotClosedError, match="categorical"):
        law_of(model, rows, 1.0)
    with pytest.raises(NotClosedError, match="shape"):
        law_of(RandomForestClassifier(2).fit(X, y), np.zeros((1, 3)), 1.0)
    bad = {
        "KNeighbors": BaggingClassifier(KNeighborsClassifier(), 2),
        "LogisticRegression": GradientBoostingClassifier(n_estimators=2, init=LogisticRegression()),
        "DummyClassifier": VotingClassifier([("a", DummyClassifier(strategy="uniform"))]),
        "Other": type("Other", (RandomForestClassifier,), {})(2),
    }
    for message, model in bad.items():
        with pytest.raises(NotClosedError, match=message):
            law_of(model.fit(X, y), X, 1.0)
    model = RandomForestClassifier(2).fit(X, y)
    model.estimators_[1].predict_proba = model.estimators_[0].predict_proba
    with pytest.raises(NotClosedError, match="method"):
        law_of(model, X, 1.0)
    model = RandomForestClassifier(2).fit(X, y)
    spread = Spread.of(AffineMap.of([PCA().fit(X)], Columns.plain(2)), np.array([1.0, 3.0]))
    with pytest.raises(NotClosedError, match="correlated"):
        Grid.of(model, spread)
