"""Mean probabilities of forests under noise: bounds against 60 digits, and against sampling."""

import numpy as np
import pytest
from mpmath import mp, mpf
from scipy import stats
from sklearn.datasets import load_breast_cancer, load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from sksmooth.closed_forms import NotClosedError, closed_form
from sksmooth.closed_forms.forms.boxes import Boxes
from sksmooth.closed_forms.forms.soft import SoftTrees
from sksmooth.closed_forms.inputs import Spread
from sksmooth.closed_forms.law import Law
from sksmooth.closed_forms.numerics.normal import FLOOR
from sksmooth.introspection import AffineMap

DIGITS = 60


def cut(threshold):
    """The real number above which x, as a float32, exceeds a threshold."""
    below = np.float32(threshold)
    while float(below) > threshold:
        below = np.nextafter(below, np.float32(-np.inf))
    above = np.nextafter(below, np.float32(np.inf))
    return (mpf(float(below)) + mpf(float(above))) / 2


def mass(a, b):
    """P(a < Z < b), from the side on which nothing cancels."""
    if a > 0:
        a, b = -b, -a
    if b <= a:
        return mpf(0)
    return mp.ncdf(b) - mp.ncdf(a) if b <= 0 else 1 - mp.ncdf(a) - mp.ncdf(-b)


def boxes_of(tree, names):
    """The leaves of a tree, and the sides of their boxes, by walking down."""
    out = []

    def descend(node, box):
        if tree.children_left[node] < 0:
            out.append((node, box))
            return
        j, at = int(names[tree.feature[node]]), cut(tree.threshold[node])
        a, b = box.get(j, (-mp.inf, mp.inf))
        descend(tree.children_left[node], box | {j: (a, min(b, at))})
        descend(tree.children_right[node], box | {j: (max(a, at), b)})

    descend(0, {})
    return out


def members(model):
    """Trees, inputs that they see, and the numbers of the classes that they know."""
    n = len(model.classes_)
    if hasattr(model, "tree_"):
        return [(model.tree_, np.arange(model.n_features_in_), np.arange(n))]
    names = getattr(model, "estimators_features_", None)
    names = names or [np.arange(model.n_features_in_)] * len(model.estimators_)
    found = zip(model.estimators_, names, strict=True)
    return [(tree.tree_, f, tree.classes_.astype(int)) for tree, f in found]


def exact(model, mean, scale, hard=False):
    """Mean probability of each class, or with `hard` that of each answer of a single tree.

    With the gradients of these, by standard deviations of the inputs.
    """
    with mp.workdps(DIGITS):
        mean, scale = ([mpf(float(v)) for v in values] for values in (mean, scale))
        trees = members(model)
        p = [mpf(0) for _ in model.classes_]
        gradient = [[mpf(0) for _ in mean] for _ in p]
        for tree, names, known in trees:
            for node, box in boxes_of(tree, names):
                ends = {
                    j: [(e - mean[j]) / scale[j] for e in ab]
                    for j, ab in box.items()
                    if scale[j] > 0
                }
                # an input without noise is on one side
                still = [a < mean[j] <= b for j, (a, b) in box.items() if scale[j] == 0]
                masses = {j: mass(*ab) for j, ab in ends.items()}
                whole = mp.fprod(masses.values()) if all(still) else mpf(0)
                values = [mpf(float(v)) for v in tree.value[node, 0, : len(known)]]
                if hard:
                    values = [mpf(i == int(np.argmax(values))) for i in range(len(values))]
                shares = [v / mp.fsum(values) / len(trees) for v in values]
                for c, share in zip(known, shares, strict=True):
                    p[c] += share * whole
                for j, (a, b) in ends.items() if whole else ():
                    others = mp.fprod(m for k, m in masses.items() if k != j)
                    step = (mp.npdf(a) - mp.npdf(b)) * others
                    for c, share in zip(known, shares, strict=True):
                        gradient[c][j] += share * step
        return p, gradient


def around(X, sigma, steps=()):
    spread = Spread.of(AffineMap.of(list(steps), X.shape[1]), np.broadcast_to(sigma, X.shape[1:]))
    return spread.around(X)


def law_of(model, inputs, form=SoftTrees):
    return form.of(model, inputs.spread).law(inputs)


def assert_outward(model, X, sigma, relative=1e-10, absolute=5e-13):
    """No bound is violated, and all are close: to small probabilities by their own measure."""
    inputs = around(X, sigma)
    law = law_of(model, inputs)
    for i, row in enumerate(X):
        p, _ = exact(model, row, inputs.spread.scale)
        with mp.workdps(DIGITS):
            for c, own in enumerate(p):
                others = mp.fsum(p[:c] + p[c + 1 :])
                for bound, true in ((law.upper[i, c], own), (law.miss[i, c], others)):
                    assert mpf(bound) >= min(true, 1)
                    assert float(mpf(bound) - true) <= absolute + 100 * FLOOR
                    assert mpf(bound) <= true * (1 + mpf(relative)) + 100 * mpf(FLOOR)
    return law


def data(seed=0, n=80, d=3, k=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * 10.0 ** rng.integers(-2, 3, size=d)
    return X, rng.integers(k, size=n)


MODELS = {
    "tree": DecisionTreeClassifier(max_leaf_nodes=9),
    "extra tree": ExtraTreeClassifier(max_leaf_nodes=9),
    "forest": RandomForestClassifier(5, max_leaf_nodes=7),
    "extra trees": ExtraTreesClassifier(5, max_depth=3),
    "full-grown": RandomForestClassifier(3, max_depth=None),
    "weighted": RandomForestClassifier(4, max_depth=3, class_weight="balanced"),
    "stumps": RandomForestClassifier(6, max_depth=1),
    "no splits": RandomForestClassifier(4, min_samples_leaf=30),
    "bagging": BaggingClassifier(DecisionTreeClassifier(max_leaf_nodes=6), 5, max_features=2),
    "repeated features": BaggingClassifier(
        DecisionTreeClassifier(max_leaf_nodes=8), 5, bootstrap_features=True
    ),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("width", [0.3, 3.0])
def test_every_kind(name, width):
    X, y = data(n=50)
    model = MODELS[name].set_params(random_state=0).fit(X, y)
    sigma = width * X.std(axis=0)
    rows = X[:4] + 2 * sigma * np.random.default_rng(1).normal(size=(4, X.shape[1]))
    law = assert_outward(model, rows, sigma)
    total = law.upper.sum(axis=1)
    assert np.all((total >= 1) & (total < 1 + 1e-11))


def test_bagged_trees_that_miss_a_class():
    """Members know the classes of their own rows, by the ensemble's numbers for them."""
    X, y = data(n=60)
    names = np.array(["b", "f", "z"])
    model = BaggingClassifier(DecisionTreeClassifier(max_depth=3), 3, random_state=0)
    model.fit(X, names[y])
    rows = y != 1
    model.estimators_[1] = DecisionTreeClassifier(max_depth=2).fit(X[rows], y[rows])
    assert_outward(model, X[:4], X.std(axis=0))
    form = SoftTrees.of(model, around(X, 1.0).spread)
    found, sure = form.decide(X)
    assert sure.sum() > 30
    assert np.all(names[found[sure]] == model.predict(X)[sure])


@pytest.mark.parametrize("distance", [5, 15, 25, 37])
def test_far_tails(distance):
    """Where all trees agree for certain, the rest keeps its relative accuracy down to 1e-300."""
    X = np.array([[-1.0, -1], [-1, 1], [1, -1], [1, 1]])
    model = RandomForestClassifier(4, max_features=None, bootstrap=False, random_state=0)
    model.fit(X, [0, 0, 0, 1])
    law = assert_outward(model, np.array([[-1.0, -1], [1, 1]]), 1 / distance, relative=1e-11)
    assert law.upper[0, 1] < 10 * stats.norm.sf(distance) ** 2 + 10 * FLOOR
    assert list(law.top) == [0, 1]


def test_pure_leaves_are_a_hard_vote():
    X, y = data(n=150, k=4)
    model = DecisionTreeClassifier(random_state=0).fit(X, y)
    inputs = around(X, 0.5 * X.std(axis=0))
    soft, hard = (law_of(model, inputs, form) for form in (SoftTrees, Boxes))
    assert np.allclose(soft.upper, hard.upper, rtol=1e-11, atol=0)
    assert np.allclose(soft.miss, hard.miss, rtol=1e-11, atol=0)


def test_impure_leaves_are_not():
    X, y = data(n=150, k=2)
    model = DecisionTreeClassifier(max_leaf_nodes=4, random_state=0).fit(X, y)
    inputs = around(X, 0.5 * X.std(axis=0))
    soft, hard = (law_of(model, inputs, form) for form in (SoftTrees, Boxes))
    assert np.all(soft.top_miss > 0.1)
    assert hard.top_miss.min() < 0.01


@pytest.mark.parametrize("name", ["forest", "extra trees", "bagging", "weighted"])
def test_sampling(name):
    """Means of predict_proba over noise lie where Hoeffding's inequality says."""
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    model = MODELS[name].set_params(random_state=0).fit(X, y)
    sigma = np.where(np.arange(30) % 5 == 0, 0.0, 0.5)
    rows, n = X[:6], 20_000
    law = law_of(model, around(rows, sigma))
    rng = np.random.default_rng(0)
    limit = np.sqrt(np.log(2 / 1e-10) / (2 * n))
    for row, upper, miss in zip(rows, law.upper, law.miss, strict=True):
        mean = model.predict_proba(row + sigma * rng.standard_normal((n, 30))).mean(axis=0)
        assert np.all(np.abs(mean - upper) <= limit)
        assert np.all(np.abs((1 - mean) - miss) <= limit)


def test_some_inputs_without_noise():
    X, y = data()
    model = RandomForestClassifier(5, max_depth=4, random_state=0).fit(X, y)
    assert_outward(model, X[:6], X.std(axis=0) * [0.0, 0.5, 0.0])
    law = law_of(model, around(X, 0.0))
    assert np.allclose(law.upper, model.predict_proba(X), atol=1e-12)


@pytest.mark.parametrize("whiten", [False, True])
def test_behind_a_rotation(whiten):
    X, y = data(d=5)
    pca = PCA(2, whiten=whiten).fit(X)
    model = RandomForestClassifier(4, max_depth=3, random_state=0).fit(pca.transform(X), y)
    inputs = around(X[:5], 3.0, [pca])
    assert 0 < inputs.spread.excess < 1e-6
    law = law_of(model, inputs)
    scale = 3.0 / np.sqrt(pca.explained_variance_) if whiten else [3.0, 3.0]
    for row, upper in zip(pca.transform(X[:5]), law.upper, strict=True):
        p = np.array([float(q) for q in exact(model, row, scale)[0]])
        assert np.all((p <= upper + 1e-12) & (upper <= p + 1e-8))


def test_lipschitz():
    """A mean under noise of what is in [0, 1] moves by at most 1, as a quantile, per sigma."""
    X, y = data(d=4, k=2)
    model = ExtraTreesClassifier(10, max_depth=4, random_state=0).fit(X, y)
    sigma = X.std(axis=0)
    rng = np.random.default_rng(0)
    rows = X[rng.integers(len(X), size=2000)] + sigma * rng.normal(size=(2000, 4))
    moved = rows + sigma * rng.normal(size=(2000, 4)) * 10.0 ** rng.uniform(-3, 0.5, (2000, 1))
    first, second = (stats.norm.ppf(law_of(model, around(Z, sigma)).upper) for Z in (rows, moved))
    length = np.linalg.norm((moved - rows) / sigma, axis=1)
    assert np.all(np.abs(first - second) <= length[:, None] + 1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_without_noise_the_answer_is_that_of_predict(name):
    X, y = data(n=200)
    model = MODELS[name].set_params(random_state=0).fit(X, y)
    form = SoftTrees.of(model, around(X, 1.0).spread)
    probes = form.probes(X)
    found, sure = form.decide(probes)
    assert sure.mean() > 0.5
    assert np.array_equal(model.classes_[found[sure]], model.predict(probes[sure]))
    # where two classes are next to each other, nothing is claimed
    score = np.sort(model.predict_proba(probes), axis=1)
    assert np.all(~sure[score[:, -1] - score[:, -2] < 1e-10])


def test_rows_do_not_depend_on_each_other():
    X, y = load_digits(return_X_y=True)
    model = ExtraTreesClassifier(20, random_state=0).fit(X[:500], y[:500])
    inputs = around(X[:40], 2.0)
    form = SoftTrees.of(model, inputs.spread)
    assert len(form.boxes) == sum(tree.get_n_leaves() for tree in model.estimators_)
    assert form.rows_at_once() * len(form.boxes) <= 2**20
    whole = form.law(inputs)
    parts = Law.joined(form.law(inputs[i : i + 7]) for i in range(0, 40, 7))
    assert np.allclose(whole.upper, parts.upper, rtol=1e-13, atol=0)


def test_through_a_pipeline():
    X, y = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), RandomForestClassifier(10, random_state=0)).fit(X, y)
    sigma = 0.5 * X.std(axis=0)
    closed = closed_form((SoftTrees,), model, np.array([0, 1]), X[:20], sigma, model.predict)
    assert closed.name == "soft"
    law = closed.law(X[:20])
    plain = around(model[0].transform(X[:20]), 0.5)
    assert np.allclose(law.upper, law_of(model[-1], plain).upper, rtol=1e-6)


def test_models_that_are_not_of_the_form():
    X, y = data()
    spread = around(X, 1.0).spread

    class Forest(RandomForestClassifier):
        pass

    odd = RandomForestClassifier(2).fit(X, y)
    odd.predict_proba = lambda X: 0
    models = [
        Forest(2).fit(X, y),
        odd,
        HistGradientBoostingClassifier(max_iter=2).fit(X, y),
        BaggingClassifier(LogisticRegression(), 2).fit(X, y),
        RandomForestClassifier(2).fit(X, np.stack([y, y], axis=1)),
        RandomForestClassifier(2).fit(X[:, :2], y),
    ]
    for model in models:
        with pytest.raises(NotClosedError):
            SoftTrees.of(model, spread)
    mixed = around(X, [1.0, 2.0, 3.0], [PCA(2).fit(X)]).spread
    with pytest.raises(NotClosedError, match="correlated"):
        SoftTrees.of(RandomForestClassifier(2).fit(X[:, :2], y), mixed)
