"""Leaves under exact noise are the limit of many noisy copies."""

import copy
import pickle

import numpy as np
import pytest
from scipy import stats
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from sksmooth.bounds import radius_of_tails
from sksmooth.closed_forms import closed_form, refit_leaves
from sksmooth.closed_forms.forms.boxes import Boxes


def blobs(n=120, d=3, k=3, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(k, size=n)
    return rng.normal(size=(n, d)) + 1.5 * (y[:, None] == np.arange(d)), y


def leaves(model):
    return np.flatnonzero(model.tree_.children_left < 0)


def law_of(model, X, sigma):
    """Law of a tree or Pipeline whose classes are numbers from 0."""
    answers = np.arange(len(model.classes_))
    sigma = np.broadcast_to(np.asarray(sigma, dtype=float), X.shape[1:])
    return closed_form((Boxes,), model, answers, X, sigma, model.predict).law(X)


@pytest.mark.parametrize("kind", [DecisionTreeClassifier, ExtraTreeClassifier])
@pytest.mark.parametrize("weighted", [False, True])
def test_limit_of_noisy_copies(kind, weighted):
    X, y = blobs()
    sigma = np.array([0.5, 0.0, 1.0])
    model = kind(max_leaf_nodes=8, random_state=0).fit(X, y)
    weights = np.random.default_rng(1).uniform(0, 3, len(X)) if weighted else np.ones(len(X))
    splits = model.tree_.threshold.copy()
    assert refit_leaves(model, X, y, sigma, sample_weight=weights if weighted else None) is model
    assert np.array_equal(model.tree_.threshold, splits)
    copies = 3000
    rows = np.tile(X, (copies, 1)) + sigma * np.random.default_rng(0).normal(
        size=(copies * len(X), 3)
    )
    found, codes = model.apply(rows), np.tile(y, copies)
    for leaf in leaves(model):
        inside = found == leaf
        counts = np.bincount(codes[inside], np.tile(weights, copies)[inside], minlength=3)
        assert inside.sum() > 1000
        # shares of n independent draws, of weights up to 3
        error = 6 * 3 / np.sqrt(inside.sum())
        assert np.allclose(model.tree_.value[leaf, 0], counts / counts.sum(), atol=error)
    assert np.allclose(model.tree_.value[leaves(model), 0].sum(axis=1), 1, rtol=1e-14)


def test_known_shares():
    """Two rows and one threshold: each share is a normal probability."""
    X, y = np.array([[-1.0], [2.0]]), np.array([0, 1])
    model = DecisionTreeClassifier().fit(X, y)
    at = model.tree_.threshold[0]
    refit_leaves(model, X, y, 1.5, sample_weight=[1.0, 4.0])
    below = stats.norm.cdf((at - X[:, 0]) / 1.5)
    for x, mass in ((-5.0, below), (5.0, 1 - below)):
        shares = mass * [1, 4] / (mass @ [1, 4])
        assert np.allclose(model.predict_proba([[x]]), shares, rtol=1e-7)
    # the far row of large weight takes the leaf over
    assert list(model.predict([[-5.0], [5.0]])) == [0, 1]
    refit_leaves(model, X, y, 1.5, sample_weight=[1.0, 1e6])
    assert list(model.predict([[-5.0], [5.0]])) == [1, 1]


def test_without_noise_nothing_changes():
    X, y = blobs()
    model = DecisionTreeClassifier(max_leaf_nodes=9, random_state=0).fit(X, y)
    before = model.predict_proba(X)
    refit_leaves(model, X, y, 0.0)
    assert np.allclose(model.predict_proba(X), before, atol=1e-12)
    refit_leaves(model, X, y, 1.0)
    assert np.abs(model.predict_proba(X) - before).max() > 0.05


def test_class_weights():
    """Those of the tree are those of the refit."""
    X, y = blobs()
    y = np.where(np.arange(len(y)) % 7 == 0, y, 0)
    options = {"max_leaf_nodes": 6, "random_state": 0}
    balanced = DecisionTreeClassifier(class_weight="balanced", **options).fit(X, y)
    before = balanced.predict_proba(X)
    refit_leaves(balanced, X, y, 0.0)
    assert np.allclose(balanced.predict_proba(X), before, atol=1e-12)


def test_leaves_that_noise_does_not_reach_keep_their_classes():
    X, y = np.array([[-1.0], [0.0], [1.0], [9.0]]), np.array([0, 1, 0, 1])
    model = DecisionTreeClassifier().fit(X, y)
    before = model.tree_.value.copy()
    refit_leaves(model, X[:3], y[:3], 1e-3)
    far = model.apply([[9.0]])[0]
    assert np.array_equal(model.tree_.value[far], before[far])
    assert np.array_equal(model.predict(X), y)


def test_names_of_classes():
    X, y = blobs()
    names, numbers = np.array(["c", "a", "b"])[y], np.array([2, 0, 1])[y]
    model, plain = (
        refit_leaves(DecisionTreeClassifier(random_state=0).fit(X, labels), X, labels, 0.7)
        for labels in (names, numbers)
    )
    assert np.array_equal(model.predict_proba(X), plain.predict_proba(X))


def test_copies_keep_the_leaves():
    X, y = blobs()
    model = refit_leaves(DecisionTreeClassifier(random_state=0).fit(X, y), X, y, 1.0)
    expected = model.predict_proba(X)
    assert np.any(model.predict(X) != y)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert np.array_equal(other.predict_proba(X), expected)
        assert np.array_equal(other.predict(X), model.predict(X))
    fresh = clone(model).fit(X, y)
    assert np.array_equal(fresh.predict(X), y)


def test_the_closed_form_follows():
    """It sees the new leaves, and so does sampling."""
    X, y = blobs()
    model = DecisionTreeClassifier(random_state=0).fit(X, y)
    before = law_of(model, X[:10], 0.8).upper
    refit_leaves(model, X, y, 0.8)
    n = 20_000
    limit = np.sqrt(np.log(2 / 1e-10) / (2 * n))
    rng = np.random.default_rng(0)
    after = law_of(model, X[:10], 0.8).upper
    for row, p in zip(X[:10], after, strict=True):
        rows = row + 0.8 * rng.normal(size=(n, 3))
        votes = np.bincount(model.predict(rows), minlength=3) / n
        assert np.all(np.abs(votes - p) <= limit)
    assert np.abs(before - after).max() > 0.05


def test_pipelines():
    X, y = blobs()
    X = X * [1e-3, 1, 1e3]
    sigma = 0.6 * X.std(axis=0)
    pipe = make_pipeline(StandardScaler(), DecisionTreeClassifier(max_leaf_nodes=8, random_state=0))
    pipe.fit(X, y)
    model = copy.deepcopy(pipe[-1])
    refit_leaves(pipe, X, y, sigma)
    refit_leaves(model, pipe[0].transform(X), y, 0.6)
    assert np.allclose(pipe[-1].tree_.value, model.tree_.value, rtol=1e-6)
    rotated = make_pipeline(PCA(2), DecisionTreeClassifier(max_leaf_nodes=8, random_state=0))
    X = X / X.std(axis=0)
    rotated.fit(X, y)
    before = rotated[-1].tree_.value.copy()
    refit_leaves(rotated, X, y, 0.6)
    assert not np.array_equal(before, rotated[-1].tree_.value)
    with pytest.raises(ValueError, match="correlated"):
        refit_leaves(rotated, X, y, [0.1, 0.6, 2.0])


def test_refused():
    X, y = blobs()
    tree = DecisionTreeClassifier(max_leaf_nodes=5, random_state=0).fit(X, y)
    before = tree.tree_.value.copy()
    with pytest.raises(ValueError, match="single tree"):
        refit_leaves(RandomForestClassifier(3).fit(X, y), X, y, 1.0)
    with pytest.raises(ValueError, match="frozen"):
        refit_leaves(FrozenEstimator(tree), X, y, 1.0)
    with pytest.raises(ValueError, match="frozen"):
        refit_leaves(make_pipeline(StandardScaler(), FrozenEstimator(tree)).fit(X, y), X, y, 1.0)
    rising = DecisionTreeClassifier(monotonic_cst=[1, 0, 0], max_depth=2).fit(X, y > 0)
    with pytest.raises(ValueError, match="monotonic"):
        refit_leaves(rising, X, y > 0, 1.0)
    with pytest.raises(ValueError, match="labels"):
        refit_leaves(tree, X, y + 1, 1.0)
    assert np.array_equal(tree.tree_.value, before)


@pytest.mark.parametrize("sigma", [0.25, 0.5])
def test_radii_of_a_tree_that_has_seen_no_noise(sigma):
    """On breast cancer both accuracy and mean certified radius rise."""
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    X, X_test, y, y_test = train_test_split(X, y, random_state=0)
    model = DecisionTreeClassifier(random_state=0).fit(X, y)

    def mean_radius():
        law = law_of(model, X_test, sigma)
        right = law.top == y_test
        return np.mean(right), np.mean(right * radius_of_tails(law.top_miss, law.rival, sigma))

    before = mean_radius()
    refit_leaves(model, X, y, sigma)
    after = mean_radius()
    assert after[0] >= before[0]
    assert after[1] > 1.2 * before[1]
