"""Class probabilities of additive models under noise: 50 digits, and draws, do not contradict."""

import itertools

import numpy as np
import pytest
from mpmath import mp, mpf
from scipy import stats
from scipy.special import ndtri
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sksmooth.closed_forms import NotClosedError, closed_form
from sksmooth.closed_forms.forms.additive import Additive
from sksmooth.closed_forms.numerics import discrete_sum as selberg

MODELS = {
    "gradient boosting": GradientBoostingClassifier(max_depth=1, n_estimators=12, random_state=0),
    "histograms": HistGradientBoostingClassifier(
        interaction_cst="no_interactions", max_iter=2, max_leaf_nodes=6, random_state=0
    ),
    "adaboost": AdaBoostClassifier(n_estimators=9, random_state=0),
    "forest": RandomForestClassifier(max_depth=1, n_estimators=9, random_state=0),
    "extra trees": ExtraTreesClassifier(max_depth=1, n_estimators=9, random_state=0),
}


def data(n_classes=2, n_features=3):
    X, y = make_classification(
        300,
        n_features,
        n_informative=n_features,
        n_redundant=0,
        n_classes=n_classes,
        n_clusters_per_class=1,
        random_state=3,
    )
    return X, np.array(["a", "b", "c", "d"])[y]


def closed(model, X, sigma):
    sigma = np.broadcast_to(np.asarray(sigma, dtype=float), X.shape[1:])
    classes = model.classes_

    def classify(Z):
        return np.searchsorted(classes, model.predict(Z))

    return closed_form((Additive,), model, classes, X, sigma, classify)


def below(point, x, s):
    if np.isinf(point):
        return mpf(0) if point < 0 else mpf(1)
    gap = mpf(float(point)) - mpf(float(x))
    if s == 0:
        return mpf(1) if gap >= 0 else mpf(0)
    return mp.erfc(-gap / (mpf(float(s)) * mp.sqrt(2))) / 2


def exact_probabilities(model, steps, row, sigma):
    """Add up all cells of a model of few inputs; it is asked for its answer in each of them."""
    axes, masses = [], []
    with mp.workdps(400):
        for column in steps.columns:
            points = [-np.inf, *steps.points[steps.column_of_point == column], np.inf]
            axes.append([*(p - 1e-9 for p in points[1:-1]), points[-2] + 1])
            cumulative = [below(p, row[column], sigma[column]) for p in points]
            masses.append([b - a for a, b in itertools.pairwise(cumulative)])
        rows = np.tile(row, (int(np.prod([len(a) for a in axes])), 1))
        rows[:, steps.columns] = list(itertools.product(*axes))
        total = dict.fromkeys(model.classes_, mpf(0))
        for label, cell in zip(model.predict(rows), itertools.product(*masses), strict=True):
            mass = mpf(1)
            for p in cell:
                mass *= p
            total[label] += mass
    return [total[label] for label in model.classes_]


def assert_bounds_hold(law, i, exact):
    with mp.workdps(400):
        whole = min(mp.fsum(exact), mpf(1))
        for c, p in enumerate(exact):
            assert mpf(float(law.upper[i, c])) >= min(p, 1)
            assert mpf(float(law.miss[i, c])) >= whole - p


@pytest.mark.parametrize("most_sums", [0, 4096])
@pytest.mark.parametrize("sigma", [0.02, 0.5, [1.0, 0.0, 0.3]])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", MODELS)
def test_bounds_hold_for_the_exact_probabilities(monkeypatch, name, n_classes, sigma, most_sums):
    monkeypatch.setattr(selberg, "MOST_SUMS", most_sums)
    X, y = data(n_classes)
    model = MODELS[name].fit(X, y)
    rows = np.concatenate([X[:3], 4 * X[3:5]])
    form = closed(model, rows, sigma)
    law = form.law(rows)
    sigma = np.broadcast_to(sigma, 3)
    for i, row in enumerate(rows):
        exact = exact_probabilities(model, form.form.steps, row, sigma)
        assert_bounds_hold(law, i, exact)
        miss = float(1 - max(exact))
        ties = name in ("adaboost", "forest")  # these count on both sides
        if n_classes == 2 and not ties and miss < 0.4:
            assert law.top_miss[i] <= 1.3 * miss + 2e-3


@pytest.mark.parametrize("most_sums", [0, 4096])
def test_deep_tails_keep_most_of_their_radius(monkeypatch, most_sums):
    monkeypatch.setattr(selberg, "MOST_SUMS", most_sums)
    X, y = data(2, 6)
    model = GradientBoostingClassifier(max_depth=1, n_estimators=20, random_state=0).fit(X, y)
    form = closed(model, X[:5], 0.15)
    law = form.law(X[:30])
    for i, row in enumerate(X[:30]):
        exact = exact_probabilities(model, form.form.steps, row, np.full(6, 0.15))
        assert_bounds_hold(law, i, exact)
        least = float(min(exact))
        if most_sums:
            assert law.top_miss[i] <= least * (1 + 1e-9) + 2e-299
        elif least < 0.4:
            assert ndtri(law.top_miss[i]) <= 0.75 * ndtri(least)


@pytest.mark.parametrize(
    ("model", "n_classes"),
    [
        (HistGradientBoostingClassifier(interaction_cst="no_interactions", max_iter=40), 2),
        (GradientBoostingClassifier(max_depth=1, n_estimators=40), 2),
        (RandomForestClassifier(max_depth=1, n_estimators=40, random_state=0), 2),
        (AdaBoostClassifier(n_estimators=40, random_state=0), 2),
        (GradientBoostingClassifier(max_depth=1, n_estimators=20), 4),
    ],
)
def test_draws_do_not_contradict(model, n_classes):
    X, y = data(n_classes, 6)
    base = make_pipeline(StandardScaler(), model).fit(X, y)
    rows, n, sigma = X[:12], 20000, 0.7
    law = closed(base, rows, sigma).law(rows)
    rng = np.random.default_rng(0)
    for i, row in enumerate(rows):
        answers = base.predict(row + sigma * rng.standard_normal((n, 6)))
        hits = (answers[:, None] == base.classes_).sum(axis=0)
        # by chance one of these fails with probability 1e-6
        low = stats.beta.ppf(1e-8, hits, n - hits + 1)
        high = stats.beta.ppf(1 - 1e-8, hits + 1, n - hits)
        assert np.all(law.upper[i] >= np.where(hits > 0, low, 0.0))
        assert np.all(law.miss[i] >= np.where(hits < n, 1 - high, 0.0))
    if n_classes == 2:
        assert law.width.mean() < 0.02
    else:
        assert np.mean(law.top_miss < 0.5) > 0.3


def test_behind_pca_where_noise_stays_independent():
    X, y = data(2, 6)
    model = HistGradientBoostingClassifier(interaction_cst="no_interactions", max_iter=5)
    base = make_pipeline(PCA(3), model).fit(X, y)
    law = closed(base, X[:4], 0.5).law(X[:4])
    pca, last = base[0], base[1]
    form = closed(last, pca.transform(X[:4]), 0.5)
    np.testing.assert_allclose(law.upper, form.law(pca.transform(X[:4])).upper, rtol=1e-6)
    with pytest.raises(NotClosedError, match="independent"):
        closed(base, X[:4], np.arange(1.0, 7.0))


def test_ties_are_on_both_sides():
    # two stumps with equal weights that contradict each other half of the time
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = np.array([0, 0, 1, 1])
    model = AdaBoostClassifier(n_estimators=2).fit(X, y)
    first = model.estimators_[0]
    second = DecisionTreeClassifier(max_depth=1).fit(X[:, ::-1], y)
    model.estimators_, model.estimator_weights_ = [first, second], np.ones(2)
    row = np.array([[0.5, 0.5]])
    law = closed(model, row, 1.0).law(row)
    assert law.upper.min() >= 0.7499
    assert law.upper.max() <= 0.76
    assert law.miss.min() >= 0.7499


def test_frozen_inputs_give_certainty_and_constant_models_too():
    X, y = data()
    model = MODELS["histograms"].fit(X, y)
    law = closed(model, X[:50], [0.0, 0.0, 0.0]).law(X[:50])
    np.testing.assert_array_equal(model.classes_[law.top], model.predict(X[:50]))
    assert law.top_miss.max() < 1e-40
    nothing = HistGradientBoostingClassifier(interaction_cst="no_interactions")
    nothing.fit(np.ones((10, 3)), [0] * 6 + [1] * 4)
    law = closed(nothing, X[:5], 0.5).law(X[:5])
    np.testing.assert_array_equal(law.upper[:, 0], 1.0)
    assert law.miss[:, 0].max() < 1e-200


def test_laws_do_not_depend_on_the_batch():
    X, y = data(2, 6)
    model = HistGradientBoostingClassifier(interaction_cst="no_interactions", max_iter=20)
    form = closed(model.fit(X, y), X, 0.5)
    law = form.law(X[:40])
    one = np.concatenate([form.law(X[i : i + 1]).upper for i in range(40)])
    np.testing.assert_allclose(one, law.upper, rtol=1e-4)


def test_rows_in_single_precision_have_wider_bands():
    X, y = data()
    model = MODELS["gradient boosting"].fit(X, y)
    single = X[:20].astype(np.float32)
    law = closed(model, single, 0.5).law(single)
    double = closed(model, single.astype(float), 0.5).law(single.astype(float))
    assert np.all(law.top_miss >= double.top_miss)
    np.testing.assert_allclose(law.top_miss, double.top_miss, rtol=1e-3)
