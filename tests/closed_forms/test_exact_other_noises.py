"""Closed forms under uniform, Laplace and Flip noise: by cells, against enumeration and draws."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sksmooth import SmoothedClassifier, SmoothedRegressor
from sksmooth.closed_forms.numerics.laws import law_of
from sksmooth.estimators import smoother
from sksmooth.noise import Flip, Laplace, LaplaceNoise, Marginals, Uniform, UniformNoise

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 3))
Y = (X[:, 0] * X[:, 1] > 0).astype(int) + (X[:, 2] > 1)
FAMILIES = {
    "uniform": (Uniform(scale=0.7), stats.uniform(-0.7, 1.4)),
    "laplace": (Laplace(scale=0.4), stats.laplace(scale=0.4)),
}
STUMPS = {"max_iter": 12, "interaction_cst": "no_interactions", "max_leaf_nodes": 4}


def by_cells(clf, row, law, points):
    """Return the probability of each class: of all cells between points, answered in their middle.

    Behind steps, points are those of the rows' own axes.
    """
    total = np.zeros(len(clf.classes_))
    cells = []
    for x, cuts in zip(row, points, strict=True):
        ends = np.concatenate([[-np.inf], np.unique(cuts), [np.inf]])
        finite = ends[1:-1] if len(ends) > 2 else np.zeros(1)
        inside = np.concatenate(
            [[finite[0] - 1], (finite[1:] + finite[:-1]) / 2, [finite[-1] + 1][: len(ends) - 2]]
        )
        masses = law.cdf(ends[1:] - x) - law.cdf(ends[:-1] - x)
        cells.append(list(zip(inside, masses, strict=True)))
    combinations = list(itertools.product(*cells))
    rows = np.array([[middle for middle, _ in cell] for cell in combinations])
    weights = np.array([math.prod(mass for _, mass in cell) for cell in combinations])
    np.add.at(total, np.searchsorted(clf.classes_, clf.estimator_.predict(rows)), weights)
    return total


def cuts_of_tree(tree):
    """Where it goes right in float64: a row is rounded to float32 first, ties to even."""
    parts = []
    for j in range(3):
        cut = tree.threshold[(tree.feature == j) & (tree.children_left >= 0)]
        near = cut.astype(np.float32)
        near = np.where(near > cut, np.nextafter(near, np.float32(-np.inf)), near)
        parts.append((near + np.nextafter(near, np.float32(np.inf)).astype(np.float64)) / 2)
    return parts


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("scaled", [False, True])
def test_a_tree_by_cells(family, scaled):
    noise, law = FAMILIES[family]
    tree = DecisionTreeClassifier(max_leaf_nodes=9, random_state=0)
    base = make_pipeline(StandardScaler(), tree) if scaled else tree
    clf = SmoothedClassifier(base, noise=noise, n_augment=2, random_state=0).fit(X, Y)
    certificate = clf.certify(X[:40])
    assert certificate.form == "boxes"
    assert certificate.norm == "l1"
    fitted = clf.estimator_[-1] if scaled else clf.estimator_
    points = cuts_of_tree(fitted.tree_)
    if scaled:
        scaler = clf.estimator_[0]
        points = [p * s + m for p, s, m in zip(points, scaler.scale_, scaler.mean_, strict=True)]
    for i in range(40):
        p = by_cells(clf, X[i], law, points)
        top = np.searchsorted(clf.classes_, certificate.selected[i])
        assert certificate.p_lower[i] == pytest.approx(p[top], abs=1e-12)
        room = 1e-13 if scaled else 1e-15  # of the points, which are scaled back here
        assert certificate.p_lower[i] <= p[top] + room
        assert certificate.p_upper[i] >= np.delete(p, top).max() - room
        assert p[top] == p.max()
    sampled = clf.set_params(method="montecarlo").certify(X[:10], n=20_000)
    apart = sampled.counts.max(axis=1) / 20_000 - certificate.p_lower[:10]
    agree = sampled.selected == certificate.selected[:10]
    assert np.all(np.abs(apart[agree]) < 5 * 0.5 / math.sqrt(20_000))


@pytest.mark.parametrize("family", FAMILIES)
def test_radii_are_those_of_the_probabilities(family):
    noise, _ = FAMILIES[family]
    clf = SmoothedClassifier(DecisionTreeClassifier(max_depth=3), noise=noise, random_state=0)
    certificate = clf.fit(X, Y).certify(X[:50])
    p, q = certificate.p_lower, certificate.p_upper
    known = ~certificate.abstained & (p < 0.999)
    expected = {
        "uniform": 0.7 * (p - q),
        "laplace": 0.2 * (stats.laplace.ppf(p) - stats.laplace.ppf(q)),
    }[family]
    np.testing.assert_allclose(certificate.radii[known], expected[known], rtol=1e-9)
    assert np.all(certificate.radii[known] <= expected[known] * (1 + 1e-12))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_answer_stays_inside(family):
    """Along random directions up to the radius, the smoothed classifier is computed to agree."""
    noise, _ = FAMILIES[family]
    clf = SmoothedClassifier(DecisionTreeClassifier(max_depth=4), noise=noise, n_augment=3)
    clf.set_params(random_state=0).fit(X, Y)
    certificate = clf.certify(X[:60])
    moves = RNG.exponential(size=(60, 20, 3)) * RNG.choice([-1, 1], (60, 20, 3))
    moves[:, ::2] *= np.eye(3)[RNG.integers(3, size=(60, 10))]  # half along axes
    moves *= (certificate.radii * 0.999999)[:, None, None] / np.abs(moves).sum(-1, keepdims=True)
    others = clf.set_params(abstain_label=None).certify((X[:60, None] + moves).reshape(-1, 3))
    same = others.selected.reshape(60, 20) == certificate.selected[:, None]
    assert np.all(same[~certificate.abstained])
    assert (~certificate.abstained).sum() > 30


@pytest.mark.parametrize("family", FAMILIES)
def test_additive_boosting_by_cells(family):
    noise, law = FAMILIES[family]
    base = HistGradientBoostingClassifier(**STUMPS, max_bins=5, random_state=0)
    y = Y > 0
    clf = SmoothedClassifier(base, noise=noise, random_state=0).fit(X, y)
    certificate = clf.certify(X[:12])
    points = [
        np.unique(
            [
                node["num_threshold"]
                for (tree,) in clf.estimator_._predictors
                for node in tree.nodes
                if not node["is_leaf"] and node["feature_idx"] == j
            ]
        )
        for j in range(3)
    ]
    assert certificate.form in ("additive", "grid")
    for i in range(12):
        p = by_cells(clf, X[i], law, points)
        top = int(certificate.selected[i])
        assert certificate.p_lower[i] == pytest.approx(p[top], abs=1e-9)
        assert certificate.p_lower[i] <= p[top] + 1e-15
        assert certificate.p_upper[i] >= p[1 - top] - 1e-15


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("turned", [False, True])
def test_a_linear_classifier_is_its_own_smoothed_one(family, turned):
    noise, _ = FAMILIES[family]
    base = make_pipeline(PCA(), LogisticRegression()) if turned else LogisticRegression()
    clf = SmoothedClassifier(base, noise=noise, random_state=0).fit(X, X[:, 0] + X[:, 1] > 0)
    certificate = clf.certify(X)
    assert certificate.form == "linear"
    w = clf.estimator_[-1].coef_[0] if turned else clf.estimator_.coef_[0]
    w = w @ clf.estimator_[0].components_ if turned else w
    margin = np.abs(clf.estimator_.decision_function(X))
    length = np.linalg.norm(w)
    np.testing.assert_allclose(certificate.radii, margin / np.abs(w).max(), rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(certificate.radii_l2, margin / length, rtol=1e-9, atol=1e-10)
    assert np.all(certificate.radii <= margin / np.abs(w).max())
    assert certificate.labels.tolist() == clf.estimator_.predict(X).tolist()
    # larger than what probabilities alone say, which bounds bracket
    sampled = clf.set_params(method="montecarlo").certify(X[:20], n=10_000)
    assert np.all(certificate.p_lower[:20] <= sampled.counts.max(axis=1) / 10_000 + 0.026)
    assert np.all(certificate.p_lower > 0.5)
    assert np.all(sampled.radii <= certificate.radii[:20] + 1e-9)


def test_what_has_no_closed_form_is_drawn():
    three = SmoothedClassifier(LogisticRegression(), noise="laplace", random_state=0).fit(X, Y)
    assert three.certify(X[:2], n=200).method == "montecarlo"
    bayes = SmoothedClassifier(GaussianNB(), noise="uniform", random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match="not known under uniform noise"):
        bayes.set_params(method="exact").predict(X[:2])
    turned = make_pipeline(PCA(), DecisionTreeClassifier(max_depth=2))
    clf = SmoothedClassifier(turned, noise="laplace", random_state=0).fit(X, Y)
    with pytest.raises(ValueError, match="correlated, not independent"):
        clf.set_params(method="exact").predict(X[:2])


def test_regressors_are_drawn():
    tree = DecisionTreeRegressor(max_depth=2)
    reg = SmoothedRegressor(tree, noise="uniform", n=300, random_state=0).fit(X, X[:, 0])
    assert reg.certify_interval(X[:2], 0.1).run.method == "montecarlo"
    with pytest.raises(ValueError, match="not known under uniform noise"):
        reg.set_params(method="exact").predict(X[:2])


def test_per_feature_says_what_the_radius_does():
    pytest.importorskip("pandas")
    clf = SmoothedClassifier(DecisionTreeClassifier(max_depth=2), noise="laplace", random_state=0)
    ends = clf.fit(X, Y > 0).per_feature(X[:3])
    assert set(ends["how"]) == {"radius"}
    np.testing.assert_allclose(ends["up"], np.repeat(clf.certify(X[:3]).radii, 3))


@pytest.mark.parametrize("family", ["uniform", "laplace"])
def test_tails_hold_the_exact_ones(family):
    law = law_of(Marginals(family, np.ones(1)))
    z = np.concatenate([np.linspace(-3, 3, 601), [0.0, 1.0, -1.0, 50.0, -600.0]])
    for slack in (0.0, 1e-9, 0.3, 5.0, np.inf):
        low, high = law._beyond(z, np.full(len(z), slack))
        far = slack if np.isfinite(slack) else 700.0
        ends = np.abs(z)[:, None] + far * np.array([-1.0, -0.5, 0.0, 0.5, 1.0])
        exact = stats.uniform(-1, 2).sf(ends) if family == "uniform" else stats.laplace.sf(ends)
        assert np.all(low[:, None] <= exact + 1e-18)
        assert np.all(high[:, None] >= exact - 1e-18)
        if slack == 0:
            np.testing.assert_allclose(high, exact[:, 2], rtol=1e-13, atol=2e-15)
            np.testing.assert_allclose(low, exact[:, 2], rtol=1e-13, atol=2e-15)
    low, high = law._beyond(np.array([np.inf, -np.inf]), np.zeros(2))
    assert low.tolist() == high.tolist() == [0.0, 0.0]


CODES = RNG.integers(0, 3, (400, 5)).astype(float)
TARGET = (CODES.sum(axis=1) > 5).astype(int) + (CODES[:, 0] * CODES[:, 1] > 2)


@pytest.mark.parametrize(
    "base",
    [
        DecisionTreeClassifier(max_depth=5, random_state=0),
        RandomForestClassifier(n_estimators=5, max_depth=3, random_state=0),
        HistGradientBoostingClassifier(**STUMPS, random_state=0),
        HistGradientBoostingClassifier(max_iter=4, max_leaf_nodes=4, random_state=0),
    ],
    ids=lambda base: type(base).__name__,
)
def test_flips_agree_with_enumeration(base, monkeypatch):
    y = TARGET if not hasattr(base, "interaction_cst") else TARGET > 0
    clf = SmoothedClassifier(base, noise=Flip(keep=0.7), n_augment=2, random_state=0).fit(CODES, y)
    rows = np.concatenate([CODES[:30], [[7.0, 0, 1, 2, 0], [0, 0, 0, 0, -1]]])
    with pytest.warns(UserWarning, match="not seen in fit"):
        listed = clf.certify(rows)
    assert listed.form == "enumerated"
    monkeypatch.setattr(smoother, "MOST_OUTCOMES", 0)
    with pytest.warns(UserWarning, match="not seen in fit"):
        computed = clf.set_params(method="exact").certify(rows)
    assert computed.form in ("boxes", "grid", "additive")
    clear = listed.p_lower > listed.p_upper + 1e-9
    assert clear.sum() > 25
    np.testing.assert_array_equal(computed.selected[clear], listed.selected[clear])
    assert np.all(computed.p_lower[clear] <= listed.p_lower[clear])
    assert np.all(computed.p_upper[clear] >= listed.p_upper[clear])
    np.testing.assert_allclose(computed.p_lower[clear], listed.p_lower[clear], atol=1e-9)
    assert np.all(computed.radii <= listed.radii)
    assert (computed.radii == listed.radii).mean() > 0.9
    assert computed.norm == "l0"
    assert computed.abstained.tolist() == listed.abstained.tolist()


def test_many_columns_of_categories_need_no_draws():
    codes = RNG.integers(0, 4, (500, 20)).astype(float)
    clf = SmoothedClassifier(
        DecisionTreeClassifier(max_depth=4), noise=Flip(keep=0.8), n_augment=2, random_state=0
    )
    certificate = clf.fit(codes, codes[:, 0] > 1).certify(codes[:50])
    assert (certificate.method, certificate.form) == ("exact", "boxes")
    drawn = clf.set_params(method="montecarlo").certify(codes[:5], n=5000)
    np.testing.assert_allclose(drawn.counts.max(axis=1) / 5000, certificate.p_lower[:5], atol=0.036)


def test_levels_and_fine_grids_are_as_wide_as_they_say():
    assert UniformNoise(0.866, 3, levels=255).marginals((3,)).deviations.tolist() == (
        [UniformNoise(0.866, 3, levels=255).scale] * 3
    )
    assert LaplaceNoise(0.5, 3).marginals((3,)).law == "laplace"
