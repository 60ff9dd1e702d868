"""Probabilities of a tree's answers: bounds against 60 digits, wherever rows and thresholds lie.

The oracle walks down the tree and lets each comparison cut the real line where it does for float32.
"""

import copy
import dataclasses

import numpy as np
import pytest
from mpmath import mp, mpf
from scipy import stats
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from sksmooth.closed_forms.closed import ClosedForm, DisagreementError
from sksmooth.closed_forms.form import NotClosedError
from sksmooth.closed_forms.forms.boxes import Boxes
from sksmooth.closed_forms.forms.intervals import LeafBoxes
from sksmooth.closed_forms.inputs import Spread
from sksmooth.closed_forms.numerics.normal import FLOOR
from sksmooth.closed_forms.readers import read
from sksmooth.closed_forms.readers.thresholds import last_at_most
from sksmooth.introspection import AffineMap, Columns

DIGITS = 60


def middle(threshold):
    """The real number above which x, as a float32, exceeds a threshold; infinite, if none does."""
    if np.isinf(threshold):
        return mpf(float(threshold))
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


def exact_leaves(tree, mean, scale):
    """Probability of each leaf of a tree, by its node."""
    out = {}

    def descend(node, box):
        if tree.children_left[node] < 0:
            p = mpf(1)
            for j, (a, b) in box.items():
                p *= mass((a - mean[j]) / scale[j], (b - mean[j]) / scale[j])
            out[node] = p
            return
        j, cut = int(tree.feature[node]), middle(tree.threshold[node])
        if scale[j] == 0:
            passes = np.float32(float(mean[j])) <= tree.threshold[node]
            descend(tree.children_left[node] if passes else tree.children_right[node], box)
            return
        a, b = box.get(j, (-mp.inf, mp.inf))
        descend(tree.children_left[node], box | {j: (a, min(b, cut))})
        descend(tree.children_right[node], box | {j: (max(a, cut), b)})

    with mp.workdps(DIGITS):
        mean, scale = ([mpf(float(v)) for v in values] for values in (mean, scale))
        descend(0, {})
    return out


def exact(model, mean, scale):
    """Probability of each class."""
    p = [mpf(0) for _ in model.classes_]
    with mp.workdps(DIGITS):
        for node, q in exact_leaves(model.tree_, mean, scale).items():
            p[int(np.argmax(model.tree_.value[node, 0]))] += q
    return p


def around(X, sigma, steps=()):
    spread = Spread.of(
        AffineMap.of(list(steps), Columns.plain(X.shape[1])), np.broadcast_to(sigma, X.shape[1:])
    )
    return spread.around(X)


def law_of(model, inputs):
    return Boxes.of(model, inputs.spread).law(inputs)


def assert_outward(model, X, sigma, relative=1e-10, absolute=5e-13):
    """No bound is violated, and all are close: to small probabilities by their own measure."""
    inputs = around(X, sigma)
    law = law_of(model, inputs)
    violations = 0
    for i, row in enumerate(X):
        p = exact(model, row, inputs.spread.scale)
        with mp.workdps(DIGITS):
            for c, own in enumerate(p):
                others = min(mp.fsum(p[:c] + p[c + 1 :]), mpf(1))
                for bound, true in ((law.upper[i, c], own), (law.miss[i, c], others)):
                    violations += mpf(bound) < true
                    assert float(mpf(bound) - true) <= absolute + 100 * FLOOR
                    assert mpf(bound) <= true * (1 + mpf(relative)) + 100 * mpf(FLOOR)
    assert violations == 0
    return law


def random_tree(seed, d=None, n=40, k=None, **options):
    rng = np.random.default_rng(seed)
    d, k = d or int(rng.integers(1, 5)), k or int(rng.integers(2, 5))
    X = (rng.normal(size=(n, d)) + rng.integers(-3, 4, size=d)) * 10.0 ** rng.integers(
        -4, 5, size=d
    )
    kind = DecisionTreeClassifier if seed % 2 else ExtraTreeClassifier
    options = {"max_leaf_nodes": int(rng.integers(2, 15)), "random_state": seed} | options
    return kind(**options).fit(X, rng.integers(k, size=n)), X


@pytest.mark.parametrize("seed", range(40))
def test_random_trees(seed):
    model, X = random_tree(seed)
    rng = np.random.default_rng(seed)
    size = X.std(axis=0) * 10.0 ** rng.uniform(-1, 1, size=X.shape[1])
    rows = np.concatenate([X[:3], X[3:6] + 3 * rng.normal(size=(3, X.shape[1])) * size])
    inner = np.flatnonzero(model.tree_.feature >= 0)
    for node in inner[:3]:  # rows on a threshold
        rows = np.concatenate([rows, X[7:8]])
        rows[-1, model.tree_.feature[node]] = model.tree_.threshold[node]
    assert_outward(model, rows, size)


@pytest.mark.parametrize("seed", range(12))
def test_neighbours_in_single_precision(seed):
    """Between two neighbours, the threshold is far from where float32 rounds up, seen by noise."""
    rng = np.random.default_rng(seed)
    start = np.float32(rng.choice([1.0, -3.0, 0.1, 1e-30, 255.0, -1e20]))
    chain = [start]
    for _ in range(12):
        chain.append(np.nextafter(chain[-1], np.float32(np.inf)))
    chain = np.array(chain, dtype=np.float64)
    spacing = chain[1] - chain[0]
    X = rng.choice(chain, size=(30, 2))
    model = DecisionTreeClassifier(random_state=seed).fit(X, rng.integers(2, size=30))
    X = X + spacing * rng.uniform(-1, 1, size=X.shape)
    # rounding to float64 is about 1e-8 of the spacing, which the bounds have to allow for
    assert_outward(model, X[:6], 0.7 * spacing, relative=1e-4, absolute=1e-5)
    assert_outward(model, X[6:9], 40 * spacing, relative=1e-5, absolute=1e-6)


@pytest.mark.parametrize("distance", [5, 15, 25, 30, 37])
def test_far_tails(distance):
    """A row so deep in its box that other answers have probabilities down to 1e-300."""
    X = np.array([[-1.0, -1], [-1, 1], [1, -1], [1, 1]])
    model = DecisionTreeClassifier(random_state=0).fit(X, [0, 0, 0, 1])
    rows = np.array([[-1.0, -1], [-1, 0.3], [1.0, 1], [-0.7, -0.7]])
    law = assert_outward(model, rows, 1 / distance, relative=1e-11)
    assert np.all(law.top == [0, 0, 1, 0])
    # two tails at once: as small as their product
    assert law.upper[0, 1] < 10 * stats.norm.sf(distance) ** 2 + 10 * FLOOR


def test_noise_that_never_gets_there():
    model = DecisionTreeClassifier().fit([[-1.0], [1.0]], [0, 1])
    law = law_of(model, around(np.array([[-1.0], [1.0]]), 1e-3))
    assert np.all(law.upper.max(axis=1) == 1)
    assert np.all(law.top_miss <= 100 * FLOOR)
    assert np.all(law.top_miss > 0)
    assert list(law.top) == [0, 1]


def test_probabilities_sum_to_one():
    model, X = random_tree(3, d=3, k=4, n=300, max_leaf_nodes=60)
    inputs = around(X, X.std(axis=0) / 3)
    law = law_of(model, inputs)
    total = law.upper.sum(axis=1)
    assert np.all((total >= 1) & (total < 1 + 1e-12))
    assert np.all(law.upper + law.miss >= 1)
    low, high = LeafBoxes(read(model)).mass_bounds(inputs)
    assert np.all((low.sum(axis=1) <= 1) & (low.sum(axis=1) > 1 - 1e-12))
    assert np.all((high.sum(axis=1) >= 1) & (high.sum(axis=1) < 1 + 1e-12))


@pytest.mark.parametrize("seed", range(6))
def test_leaves(seed):
    model, X = random_tree(seed, n=60)
    boxes = LeafBoxes(read(model))
    assert sorted(boxes.nodes) == sorted(np.flatnonzero(model.tree_.children_left < 0))
    rows = X[:5]
    inputs = around(rows, X.std(axis=0) / 2)
    low, high = boxes.mass_bounds(inputs)
    assert low.shape == high.shape == (5, len(boxes))
    violations = 0
    for i, row in enumerate(rows):
        p = exact_leaves(model.tree_, row, inputs.spread.scale)
        for leaf, node in enumerate(boxes.nodes):
            violations += not mpf(low[i, leaf]) <= p[node] <= mpf(high[i, leaf])
    assert violations == 0
    assert np.all(high - low <= 1e-13)
    holds = boxes.holds(X)
    assert np.array_equal(boxes.nodes[holds.argmax(axis=0)], model.apply(X))
    assert np.all(holds.sum(axis=0) == 1)


def test_one_leaf():
    model = DecisionTreeClassifier().fit([[0.0], [1.0], [2.0]], [0, 1, 1])
    model = DecisionTreeClassifier(min_samples_leaf=5).fit(np.zeros((9, 2)), [0, 1, 1] * 3)
    assert model.tree_.node_count == 1
    law = law_of(model, around(np.zeros((2, 2)), 1.0))
    assert np.all(law.upper[:, 1] == 1)
    assert np.all(law.miss[:, 1] <= 100 * FLOOR)
    assert np.all(law.upper[:, 0] <= 100 * FLOOR)
    found, sure = Boxes.of(model, around(np.zeros((2, 2)), 1.0).spread).decide(np.ones((3, 2)))
    assert list(found) == [1, 1, 1]
    assert sure.all()


def float64_neighbours(model, X):
    """Rows at all numbers next to a threshold, in both precisions."""
    rows = []
    for j, t in zip(model.tree_.feature, model.tree_.threshold, strict=True):
        if j >= 0:
            cut = float(middle(t))
            values = [t, cut, np.nextafter(cut, -np.inf), np.nextafter(cut, np.inf)]
            values += [float(np.nextafter(np.float32(t), np.float32(s))) for s in (-1e30, 1e30)]
            for value in values:
                rows.append(X[len(rows) % len(X)].copy())
                rows[-1][j] = value
    return np.array(rows)


@pytest.mark.parametrize("seed", range(8))
def test_without_noise_the_answer_is_that_of_predict(seed):
    """Ties of rounding to float32 go to the even neighbour, up or down."""
    model, X = random_tree(seed, n=200, max_leaf_nodes=40)
    rows = np.concatenate([X, float64_neighbours(model, X)])
    expected = np.searchsorted(model.classes_, model.predict(rows))
    form = Boxes.of(model, around(rows, 1.0).spread)
    law = law_of(model, around(rows, 0.0))
    lines = np.arange(len(rows))
    assert np.all(law.upper[lines, expected] == 1)
    cuts = form.boxes.intervals
    on_cut = np.any(rows[:, cuts.columns] == cuts.points, axis=1)  # there it need not be sharp
    assert 0 < on_cut.sum() < len(rows) / 2
    assert np.all(law.miss[lines, expected][~on_cut] <= 1e3 * FLOOR)
    found, sure = form.decide(rows)
    assert np.array_equal(found, expected)
    assert sure.all()
    probes = form.probes(X)
    assert np.array_equal(model.classes_[form.decide(probes)[0]], model.predict(probes))


@pytest.mark.parametrize("seed", range(4))
def test_float32_points_are_the_last_float64_that_passes(seed):
    rng = np.random.default_rng(seed)
    t = rng.normal(size=3000) * 10.0 ** rng.integers(-44, 30, size=3000)
    t[::3] = t[::3].astype(np.float32)
    t[1::3] = 0.5 * (t[::3] + np.nextafter(t[::3].astype(np.float32), np.float32(np.inf)))
    largest = float(np.finfo(np.float32).max)
    t = np.append(t, [0.0, largest, -largest, 2.0**128, 1e39, -1e39, -np.inf])
    point = last_at_most(t)
    with np.errstate(over="ignore"):
        assert np.all(point.astype(np.float32) <= t)
        assert np.all(np.nextafter(point, np.inf).astype(np.float32) > t)
    assert last_at_most(np.array([np.inf])) == np.inf


def test_some_inputs_without_noise():
    model, X = random_tree(5, d=3, n=80, max_leaf_nodes=12)
    sigma = X.std(axis=0) * [0.0, 0.5, 0.0]
    rows = np.concatenate([X[:10], float64_neighbours(model, X)])
    cuts = Boxes.of(model, around(rows, sigma).spread).boxes.intervals
    still = sigma[cuts.columns] == 0
    on_cut = np.any((rows[:, cuts.columns] == cuts.points) & still, axis=1)
    assert_outward(model, rows[~on_cut], sigma)
    # without noise, on a threshold, the bounds hold but need not be sharp
    law = law_of(model, around(rows[on_cut], sigma))
    for row, upper, miss in zip(rows[on_cut], law.upper, law.miss, strict=True):
        p = np.array([float(q) for q in exact(model, row, sigma)])
        assert np.all((p <= upper) & (1 - p <= miss + 1e-15))


def test_thresholds_that_are_the_same_for_float32():
    """What lies between two thresholds between the same neighbours has no float32 in it."""
    model, X = random_tree(7, d=1, n=80, k=3, max_leaf_nodes=12)
    state = model.tree_.__getstate__()
    nodes = state["nodes"]
    root = nodes[0]["threshold"]
    below = np.float32(root) if np.float32(root) <= root else np.nextafter(np.float32(root), -1e30)
    above = np.nextafter(below, np.float32(np.inf))
    nodes["threshold"][0] = float(below) + 0.25 * (float(above) - float(below))
    right = nodes[0]["right_child"]
    assert nodes[right]["feature"] >= 0
    nodes["threshold"][right] = float(below) + 0.75 * (float(above) - float(below))
    model.tree_.__setstate__(state)
    # noise falls between two neighbours with a probability that is known to a few digits
    assert_outward(model, X[:5], X.std(), relative=1e-5)
    boxes = LeafBoxes(read(model))
    assert len(boxes) < model.get_n_leaves()


def test_missing_values_in_training():
    """A threshold may be infinite; rows without missing values then all go one way."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 2))
    y = (X[:, 1] > 0) * 1 + 0
    X[::3, 0] = np.nan
    y[::3] = 2
    model = DecisionTreeClassifier(random_state=0).fit(X, y)
    assert np.isinf(model.tree_.threshold).any()
    rows = X[~np.isnan(X[:, 0])][:8]
    assert_outward(model, rows, 0.6)
    form = Boxes.of(model, around(rows, 1.0).spread)
    probes = form.probes(rows)
    assert np.array_equal(form.decide(probes)[0], model.predict(probes))


@pytest.mark.parametrize("whiten", [False, True])
def test_behind_a_rotation(whiten):
    """Components of isotropic noise are independent, but for what rounding leaves."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6)) * [1, 2, 3, 4, 5, 6]
    y = rng.integers(3, size=200)
    pca = PCA(3, whiten=whiten).fit(X)
    model = DecisionTreeClassifier(max_leaf_nodes=20, random_state=0).fit(pca.transform(X), y)
    inputs = around(X[:10], 1.3, [pca])
    assert inputs.spread.independent
    law = law_of(model, inputs)
    for i, row in enumerate(X[:10]):
        with mp.workdps(DIGITS):
            apart = [mpf(a) - mpf(m) for a, m in zip(row, pca.mean_, strict=True)]
            mean = [mp.fdot([mpf(w) for w in line], apart) for line in pca.components_]
            scale = [mpf(1.3)] * 3
            if whiten:
                roots = [mp.sqrt(mpf(v)) for v in pca.explained_variance_]
                mean = [m / r for m, r in zip(mean, roots, strict=True)]
                scale = [s / r for s, r in zip(scale, roots, strict=True)]
        p = np.array([float(q) for q in exact(model, mean, scale)])
        assert np.all((p <= law.upper[i]) & (law.upper[i] <= p + 1e-8))
        assert np.all((1 - p <= law.miss[i] + 1e-15) & (law.miss[i] <= 1 - p + 1e-8))


def test_behind_a_scaler():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3)) * [1e-3, 1, 1e3] + [1, 0, -1e4]
    scaler = StandardScaler().fit(X)
    model = DecisionTreeClassifier(max_leaf_nodes=9, random_state=0)
    model.fit(scaler.transform(X), rng.integers(2, size=100))
    sigma = 0.4 * X.std(axis=0)
    law = law_of(model, around(X[:10], sigma, [scaler]))
    for i, row in enumerate(X[:10]):
        with mp.workdps(DIGITS):
            # the thresholds' side of each comparison is moved by the scaler: all in units of X
            parts = (scaler.mean_, scaler.scale_)
            mean, scale = ([mpf(float(v)) for v in part] for part in parts)
            at = [(mpf(a) - m) / s for a, m, s in zip(row, mean, scale, strict=True)]
            width = [mpf(a) / s for a, s in zip(sigma, scale, strict=True)]
        p = exact(model, at, width)
        for c, q in enumerate(p):
            assert q <= mpf(law.upper[i, c]) <= q * (1 + mpf("1e-9"))


def test_frequencies():
    """Clopper-Pearson limits of draws; 30 comparisons, of which one fails by chance in 10,000."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    model = DecisionTreeClassifier(random_state=0).fit(X[:1300], y[:1300])
    rows = X[1300:1303]
    inputs = around(rows, 0.25)
    law = law_of(model, inputs)
    rng = np.random.default_rng(0)
    n = 30_000
    for row, upper, miss in zip(rows, law.upper, law.miss, strict=True):
        answers = model.predict(row + 0.25 * rng.standard_normal((n, 64)))
        counts = np.bincount(answers, minlength=10)
        for count, p, q in zip(counts, upper, miss, strict=True):
            assert stats.binom.sf(count - 1, n, p) > 1e-4 / 60
            assert stats.binom.cdf(count, n, 1 - q) > 1e-4 / 60


def test_digits_are_within_1e_13():
    X, y = load_digits(return_X_y=True)
    X = X / 16
    model = DecisionTreeClassifier(random_state=0).fit(X[:1300], y[:1300])
    assert model.get_n_leaves() > 100
    assert_outward(model, X[1300:1302], 0.25, absolute=1e-13)
    # together or one by one, in any order
    inputs = around(X[1300:1400], 0.25)
    form = Boxes.of(model, inputs.spread)
    together = form.law(inputs)
    alone = [form.law(around(X[i : i + 1], 0.25)).upper[0] for i in range(1300, 1400, 9)]
    assert np.allclose(together.upper[::9], alone, rtol=1e-12, atol=0)


def test_what_is_not_of_this_form():
    model, X = random_tree(1, d=3)
    good = around(X, 1.0).spread
    with pytest.raises(NotClosedError, match="shape"):
        Boxes.of(model, around(X[:, :2], 1.0).spread)
    with pytest.raises(NotClosedError, match="shape"):
        Boxes.of(DecisionTreeClassifier().fit(X, np.eye(3)[np.arange(len(X)) % 3]), good)
    with pytest.raises(NotClosedError, match="Other"):
        Boxes.of(type("Other", (DecisionTreeClassifier,), {})().fit(X, np.arange(len(X)) % 2), good)
    pca = PCA().fit(X)
    with pytest.raises(NotClosedError, match="correlated"):
        Boxes.of(model, around(X, np.array([1.0, 2.0, 3.0]), [pca]).spread)


def code_of(model):
    """Codes of what a model predicts, as the base's and as the last step's."""
    return lambda rows: np.searchsorted(model.classes_, model.predict(rows))


def test_a_tree_that_answers_otherwise_is_found_out():
    """A threshold that is one neighbour off is seen, and so is a leaf that rows never reach."""
    model, X = random_tree(9, d=2, n=300, k=2, max_leaf_nodes=60)
    ask = code_of(model)
    sigma = X.std(axis=0) / 10
    spread = Spread.of(AffineMap.of([], Columns.plain(2)), sigma)
    honest = ClosedForm(Boxes.of(model, spread), spread, np.arange(2))
    dataclasses.replace(honest, classify=ask, ask=ask).check(X)
    state = model.tree_.__getstate__()
    left, right = model.tree_.children_left, model.tree_.children_right
    leaves = np.flatnonzero(left < 0)
    corner = np.full((5, 2), 1e6)  # all rows are here
    for leaf in leaves[:: len(leaves) // 8]:
        form = Boxes.of(model, spread)
        position = int(np.flatnonzero(form.boxes.nodes == leaf)[0])
        form.labels[position] = 1 - form.labels[position]
        probes = form.probes(corner)
        assert np.any(form.decide(probes)[0] != ask(probes))
    label = model.tree_.value[:, 0].argmax(axis=1)
    last = np.isin(left, leaves) & np.isin(right, leaves) & (label[left] != label[right])
    assert last.sum() > 5
    for node in np.flatnonzero(last):
        moved = copy.deepcopy(state)
        threshold = np.float32(moved["nodes"]["threshold"][node])
        moved["nodes"]["threshold"][node] = np.nextafter(threshold, np.float32(np.inf))
        other = copy.deepcopy(model)
        other.tree_.__setstate__(moved)
        ask = code_of(other)
        found = dataclasses.replace(honest, classify=ask, ask=ask, compared=set())
        with pytest.raises(DisagreementError):
            found.check(X)
