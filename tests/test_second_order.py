"""Radii from probabilities and slopes: the theorem, its bounds, attacks on what is certified."""

from fractions import Fraction

import numpy as np
import pytest
from mpmath import mp, mpf
from scipy import stats
from scipy.optimize import brentq
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from test_exact_soft import DIGITS, around, cut, data, exact

from sksmooth.bounds import radius_of_tails
from sksmooth.bounds.second_order import _slab, radius_second_order
from sksmooth.closed_forms.forms.boxes import Boxes
from sksmooth.closed_forms.forms.slopes import Slopes, with_slopes
from sksmooth.closed_forms.forms.soft import SoftTrees

norm = stats.norm


def steepest(p):
    """The slope of a half-space of probability p: no event is steeper."""
    return norm.pdf(norm.ppf(p))


def random_bounds(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    u = np.where(rng.random(n) < 0.5, rng.uniform(0, 0.75, n), 10.0 ** rng.uniform(-290, 0, n))
    p = np.minimum(u * rng.uniform(0, 1, n) ** 4, 1 - u)
    shares = rng.choice([0, 1e-300, 1e-9, 0.3, 0.9, 1 - 1e-9, 1, 2], size=(2, n))
    shares = np.where(rng.random((2, n)) < 0.5, rng.random((2, n)), shares)
    return u, p, shares[0] * steepest(u), shares[1] * steepest(p)


class TestBound:
    def test_half_spaces(self):
        """Their slope is the steepest, and Theorem 1 of Cohen et al. is tight for them."""
        p = np.concatenate([np.linspace(1e-3, 0.499, 50), 10.0 ** -np.arange(3, 290, 7)])
        first = radius_of_tails(p)
        for share in (1, 1 + 1e-9, 2, np.inf):
            assert np.array_equal(radius_second_order(p, share * steepest(p)), first)
        assert np.allclose(radius_second_order(p, (1 - 1e-6) * steepest(p)), first, rtol=1e-5)

    @pytest.mark.parametrize("half_width", [0.7, 1.0, 2.0, 5.0, 12.0, 30.0])
    def test_slabs(self, half_width):
        """A class between two planes loses, at worst, by a move to the nearer one."""
        for x in np.linspace(0, 0.9, 10) * half_width:
            right, left = half_width - x, half_width + x
            miss = norm.sf(right) + norm.sf(left)
            slope = norm.pdf(right) - norm.pdf(left)
            found = float(radius_second_order(miss, slope))
            if miss >= 0.5:
                assert found == 0
                continue
            # by how much less than the distance of the plane, to keep digits
            gap = brentq(
                lambda t: norm.sf(t) + norm.sf(2 * half_width - t) - 0.5,
                -1,
                min(half_width, 9),
                xtol=1e-15,
            )
            assert right - gap - 1e-9 <= found <= right - gap + 1e-14 * (1 + right)

    def test_classes_on_both_sides(self):
        """Of three classes, the outer ones beyond two planes: each is a half-space."""
        for x in (0.0, 0.3, 0.5):
            ends = 0.8 - x, 0.8 + x
            miss = norm.sf(ends[0]) + norm.sf(ends[1])
            slope = abs(norm.pdf(ends[0]) - norm.pdf(ends[1]))
            found = [radius_second_order(miss, slope, norm.sf(end), norm.pdf(end)) for end in ends]

            def lead(move, ends=ends):
                b, c = norm.sf(ends[0] - move), norm.sf(ends[1] + move)
                return 1 - b - c - b

            assert min(found) == pytest.approx(brentq(lead, 0, 3), rel=1e-9)

    def test_never_below_the_first_order(self):
        u, p, slope, slope_p = random_bounds()
        for sigma in (1.0, 0.25, 1e-3):
            first = radius_of_tails(u, p, sigma)
            second = radius_second_order(u, slope, p, slope_p, sigma)
            assert np.all(second >= first)
            assert np.mean(second > first * (1 + 1e-6)) > 0.3
            first = radius_of_tails(u, None, sigma)
            assert np.all(radius_second_order(u, slope, sigma=sigma) >= first)
        unit = radius_second_order(u, slope, p, slope_p)
        assert np.allclose(radius_second_order(u, slope, p, slope_p, 3.0), 3 * unit, rtol=1e-14)
        # what says nothing adds nothing
        nothing = radius_second_order(u, np.full_like(u, np.inf), p)
        assert np.array_equal(nothing, radius_of_tails(u, p))

    def test_monotone(self):
        """Weaker bounds never prove more, up to the accuracy of the search."""
        u, p, slope, slope_p = random_bounds()
        radius = radius_second_order(u, slope, p, slope_p)
        for factor in (1 + 1e-9, 1.01, 2):
            for i in range(4):
                looser = [u, slope, p, slope_p]
                looser[i] = looser[i] * factor if i % 2 else np.minimum(looser[i] * factor, 1)
                assert np.all(radius_second_order(*looser) <= radius * (1 + 1e-9) + 1e-9)

    def test_slabs_meet_both_conditions(self):
        """Room is left for rounding: checked with 60 digits."""
        u, _, slope, _ = random_bounds(600)
        a, b = _slab(u, slope)
        with mp.workdps(DIGITS):
            for ends in zip(a, b, u, slope, strict=True):
                top, bottom, mass, steep = (mpf(float(v)) for v in ends)
                if mass == 0:
                    continue
                assert mp.ncdf(bottom) + mp.ncdf(-top) >= mass
                if bottom > -mp.inf:
                    assert bottom < top
                    assert mp.npdf(top) - mp.npdf(bottom) >= steep
        assert np.mean(np.isfinite(b)) > 0.4

    def test_radii_are_rounded_down(self):
        """At the radius, the worst cases of both classes do not meet: checked with 60 digits."""
        u, p, slope, slope_p = random_bounds(600, seed=1)
        radius = radius_second_order(u, slope, p, slope_p)
        more = radius > radius_of_tails(u, p)  # others are tested with the first-order radius
        assert more.mean() > 0.3
        ends = (*_slab(u, slope), *_slab(p, slope_p))
        with mp.workdps(DIGITS):
            for row in zip(radius[more], *(end[more] for end in ends), strict=True):
                r, a, b, a_p, b_p = (mpf(float(v)) for v in row)
                mine = mp.ncdf(b - r) + mp.ncdf(r - a)
                its = mp.ncdf(b_p - r) + mp.ncdf(r - a_p)
                assert mine + min(mine, its) <= 1

    def test_theorem(self):
        """No union of intervals on a line, moved, has more mass than the bound says."""
        rng = np.random.default_rng(0)
        n = 4000
        ends = np.sort(rng.normal(size=(n, 6)) * 10.0 ** rng.uniform(-1, 0.6, (n, 1)), axis=1)

        def masses(move):
            return sum(
                norm.cdf(ends[:, i + 1] - move) - norm.cdf(ends[:, i] - move) for i in (0, 2, 4)
            )

        u = masses(0.0)
        slope = np.abs(sum(norm.pdf(ends[:, i]) - norm.pdf(ends[:, i + 1]) for i in (0, 2, 4)))
        radius = radius_second_order(u, slope)
        for share in (0.1, 0.5, 0.9, 1.0):
            for sign in (-1, 1):
                assert np.all(masses(sign * share * radius)[radius > 0] <= 0.5 + 1e-12)
        assert np.mean(radius > 1.05 * radius_of_tails(u)) > 0.2

    def test_edges(self):
        assert radius_second_order(0.0, 0.0) == np.inf
        assert radius_second_order(1e-200, 0.0, 0.0, 0.0) == np.inf
        assert radius_second_order(1.0, 0.0) == 0
        assert radius_second_order(0.5, 0.0) == 0
        assert radius_second_order(0.7, 0.0, 0.4, 0.0) == 0
        assert radius_second_order(0.7, 0.0, 0.1, 0.0) > radius_of_tails(0.7, 0.1)
        assert radius_second_order(np.zeros((0, 3)), np.zeros((0, 1))).shape == (0, 3)
        for wrong in (-1.0, np.nan):
            with pytest.raises(ValueError, match="slope_top"):
                radius_second_order(0.1, wrong)
            with pytest.raises(ValueError, match="slope_upper"):
                radius_second_order(0.1, 0.1, 0.1, wrong)
            with pytest.raises(ValueError, match="miss"):
                radius_second_order(wrong, 0.1)
        with pytest.raises(ValueError, match="sigma"):
            radius_second_order(0.1, 0.1, sigma=0.0)


def hard(model, inputs):
    """Law and slopes of a tree's answers."""
    form = Boxes.of(model, inputs.spread)
    answers = (form.labels == np.arange(len(model.classes_))[:, None]).astype(float)
    return form.law(inputs), Slopes(form.boxes.sides, form.boxes.intervals, answers)(inputs)


def soft(model, inputs):
    """Law and slopes of mean probabilities."""
    form = SoftTrees.of(model, inputs.spread)
    return form.law(inputs), form.slopes(inputs)


def lengths(gradient):
    return [mp.sqrt(mp.fsum(g * g for g in line)) for line in gradient]


class TestSlopes:
    @pytest.mark.parametrize("seed", range(6))
    @pytest.mark.parametrize("width", [0.2, 1.0])
    def test_trees(self, seed, width):
        """Bounds on gradients hold, and are close."""
        X, y = data(seed, d=1 + seed % 4, k=2 + seed % 3)
        model = DecisionTreeClassifier(max_leaf_nodes=10, random_state=0).fit(X, y)
        inputs = around(X[:4], width * X.std(axis=0))
        _, slopes = hard(model, inputs)
        for row, found in zip(X[:4], slopes, strict=True):
            _, gradient = exact(model, row, inputs.spread.scale, hard=True)
            for bound, true in zip(found, lengths(gradient), strict=True):
                assert true <= mpf(bound) <= true + mpf(1e-11)

    @pytest.mark.parametrize(
        "model",
        [
            RandomForestClassifier(4, max_depth=3),
            ExtraTreesClassifier(4, max_leaf_nodes=8),
            BaggingClassifier(DecisionTreeClassifier(max_leaf_nodes=6), 4, max_features=2),
            RandomForestClassifier(3, min_samples_leaf=30),
        ],
        ids=["forest", "extra trees", "bagging", "no splits"],
    )
    def test_forests(self, model):
        X, y = data(3)
        model.set_params(random_state=0).fit(X, y)
        inputs = around(X[:5], X.std(axis=0) * [0.5, 0.0, 1.0])
        _, slopes = soft(model, inputs)
        for row, found in zip(X[:5], slopes, strict=True):
            _, gradient = exact(model, row, inputs.spread.scale)
            for bound, true in zip(found, lengths(gradient), strict=True):
                assert true <= mpf(bound) <= true + mpf(1e-11)

    @pytest.mark.parametrize("distance", [5, 15, 25, 34])
    def test_far_tails(self, distance):
        """They keep their relative accuracy, that of the likely class too."""
        X = np.array([[-1.0, -1], [-1, 1], [1, -1], [1, 1]])
        model = DecisionTreeClassifier(random_state=0).fit(X, [0, 1, 1, 2])
        rows = np.array([[1.0, 1], [-1.0, -1.2], [-0.9, 1.1]])
        inputs = around(rows, 1 / distance)
        law, slopes = hard(model, inputs)
        for i, row in enumerate(rows):
            _, gradient = exact(model, row, inputs.spread.scale, hard=True)
            for c, true in enumerate(lengths(gradient)):
                # the first class borders on the last one in a corner only
                known = mpf(1e-290) + (1 if c == law.top[i] or true > 1e-280 else 1e9) * true
                assert true <= mpf(slopes[i, c]) <= true + mpf(1e-9) * known + mpf(1e-285)
        assert np.all(slopes[np.arange(3), law.top] < 1.1 * norm.pdf(0.9 * distance))

    @pytest.mark.parametrize("whiten", [False, True])
    def test_behind_a_rotation(self, whiten):
        """Components of isotropic noise: the norm of a gradient is that before the rotation."""
        X, y = data(1, d=5)
        X /= X.std(axis=0)
        pca = PCA(3, whiten=whiten).fit(X)
        model = DecisionTreeClassifier(max_leaf_nodes=9, random_state=0).fit(pca.transform(X), y)
        inputs = around(X[:4], 0.6, [pca])
        assert inputs.spread.excess > 0
        _, slopes = hard(model, inputs)
        step = 1e-5
        for i in range(4):
            moved = np.concatenate([X[[i]] + s * step * np.eye(5) for s in (-0.6, 0.6)])
            p = hard(model, around(moved, 0.6, [pca]))[0].upper.reshape(2, 5, 3)
            true = np.linalg.norm((p[1] - p[0]) / (2 * step), axis=0)
            assert np.all((true <= slopes[i] + 1e-8) & (slopes[i] <= true + 1e-6))

    def test_behind_a_scaler(self):
        """The unit is the noise, on whatever scale."""
        X, y = data(1, d=3)
        scaler = StandardScaler().fit(X)
        model = DecisionTreeClassifier(max_leaf_nodes=9, random_state=0)
        model.fit(scaler.transform(X), y)
        law, slopes = hard(model, around(X[:9], 0.4 * X.std(axis=0), [scaler]))
        plain, expected = hard(model, around(scaler.transform(X[:9]), 0.4))
        assert np.allclose(law.upper, plain.upper, rtol=1e-9)
        assert np.allclose(slopes, expected, rtol=1e-9)

    def test_rounding_of_inputs_is_charged(self):
        """Answers that it may change add what a set of their probability adds at most."""
        X, y = data(2, d=2)
        X = X / X.std(axis=0) + 1e5
        scaler = StandardScaler().fit(X)
        model = DecisionTreeClassifier(max_leaf_nodes=2, random_state=0)
        model.fit(scaler.transform(X), y)
        j, threshold = model.tree_.feature[0], model.tree_.threshold[0]
        rows, sigma = X[:9].copy(), 1e-8
        rows[:, j] = threshold * scaler.scale_[j] + scaler.mean_[j] + sigma * np.linspace(-2, 2, 9)
        law, slopes = hard(model, around(rows, sigma, [scaler]))
        assert np.all((law.width > 1e-4) & (law.width < 0.1))
        scale, mean, at = (
            Fraction(float(v)) for v in (scaler.scale_[j], scaler.mean_[j], cut(threshold))
        )
        apart = [Fraction(float(x)) - mean - at * scale for x in rows[:, j]]
        z = np.array([float(gap / Fraction(sigma)) for gap in apart])
        assert np.all(np.abs(z - np.linspace(-2, 2, 9)) < 0.1)
        least = norm.pdf(z) + 2 * steepest(0.45 * law.width)
        assert np.all(slopes[np.arange(9), law.top] >= least)

    def test_rows_do_not_depend_on_each_other(self):
        X, y = load_digits(return_X_y=True)
        model = RandomForestClassifier(20, random_state=0).fit(X[:600], y[:600])
        inputs = around(X[600:640], 4.0)
        _, slopes = soft(model, inputs)
        alone = [soft(model, inputs[i : i + 1])[1] for i in range(0, 40, 13)]
        assert np.allclose(slopes[::13], np.concatenate(alone), rtol=1e-10)
        assert np.all(slopes < 0.3989423)  # no slope is steeper than that of any half-space


CASES = {
    "2-d, 2 classes": (hard, DecisionTreeClassifier(max_leaf_nodes=6), 2, 2),
    "2-d, 4 classes": (hard, DecisionTreeClassifier(max_leaf_nodes=12), 2, 4),
    "3-d, 3 classes": (hard, DecisionTreeClassifier(max_leaf_nodes=20), 3, 3),
    "5-d, 2 classes": (hard, DecisionTreeClassifier(max_leaf_nodes=30), 5, 2),
    "5-d, 5 classes": (hard, DecisionTreeClassifier(), 5, 5),
    "soft tree": (soft, DecisionTreeClassifier(max_leaf_nodes=8), 3, 3),
    "soft forest": (soft, RandomForestClassifier(5, max_leaf_nodes=8), 3, 3),
    "soft extra trees": (soft, ExtraTreesClassifier(5, max_depth=4), 4, 2),
}


@pytest.mark.parametrize("name", CASES)
def test_attack(name):
    """Within the radius no point has another answer: random ones, and the worst that are found."""
    of, model, d, k = CASES[name]
    rng = np.random.default_rng(d)
    X = rng.normal(size=(150, d))
    y = np.floor(3 * X[:, 0] + X[:, 1] ** 2 + rng.normal(size=150)).astype(int) % k
    model.set_params(random_state=0).fit(X, y)
    sigma = np.linspace(0.3, 0.6, d)
    form = (Boxes if of is hard else SoftTrees).of(model, around(X, sigma).spread)

    def leads(Z, top):
        """By how much the top class is more probable than any other."""
        p = form.law(around(Z, sigma)).upper
        lines = np.arange(len(p))
        own = p[lines, top]
        p[lines, top] = -1.0
        return own - p.max(axis=1)

    law, slopes = of(model, around(X, sigma))
    radius = np.maximum(with_slopes(law, slopes).radius, radius_of_tails(law.top_miss, law.rival))
    rows = np.flatnonzero(radius > 0)[:60]
    x, top, r = X[rows], law.top[rows], radius[rows, None]
    assert len(rows) > 20
    points, worst = 0, np.full(len(rows), np.inf)

    def attack(directions, share=1 - 1e-9):
        nonlocal points
        directions = directions / np.linalg.norm(directions, axis=1, keepdims=True)
        margin = leads(x + share * r * sigma * directions, top)
        points += len(margin)
        assert np.all(margin > 0)
        return directions, margin

    for _ in range(20):
        attack(rng.normal(size=x.shape), rng.uniform(0.5, 1, (len(x), 1)))
    for start in range(4):  # down the gradient on the sphere
        move = rng.normal(size=x.shape) if start else np.zeros(x.shape)
        for step in range(25):
            at = x + r * sigma * move / np.maximum(np.linalg.norm(move, axis=1)[:, None], 1e-9)
            if step == 0 and not start:
                at = x
            slope = np.stack(
                [
                    leads(at + 1e-5 * sigma * e, top) - leads(at - 1e-5 * sigma * e, top)
                    for e in np.eye(d)
                ],
                axis=1,
            )
            slope /= np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-300)
            move, margin = attack(move - slope / (1 + 0.2 * step) + 1e-12)
            worst = np.minimum(worst, margin)
    assert points > 6000 * len(rows) / 60
    first = radius_of_tails(law.top_miss, law.rival)
    assert np.mean(radius > 1.02 * first) > 0.2
    # the attack finds what is there: some radii are nearly as large as they can be
    assert worst.min() < 0.05


def test_trees_on_a_line_are_slabs():
    """The second-order radius of a class between two thresholds is the distance to the change."""
    X = np.array([[-2.0], [-1.5], [0.0], [0.4], [1.5], [2.0]])
    model = DecisionTreeClassifier().fit(X, [0, 0, 1, 1, 0, 0])
    low, high = -0.75, 0.95
    rows, sigma = np.linspace(-0.3, 0.5, 9)[:, None], 0.7
    law, slopes = hard(model, around(rows, sigma))
    radius = with_slopes(law, slopes).radius * sigma
    middle = 0.5 * (low + high)

    def lead(x):
        return norm.cdf((high - x) / sigma) - norm.cdf((low - x) / sigma) - 0.5

    edge = brentq(lead, middle, 3) - middle
    true = edge - np.abs(rows[:, 0] - middle)
    assert np.all(true > 0.1)
    assert np.allclose(radius, true, rtol=1e-5)  # thresholds are halfway in single precision
    assert np.all(radius > 1.003 * sigma * radius_of_tails(law.top_miss, law.rival))


def test_the_larger_radius_is_kept():
    X, y = data(4)
    model = DecisionTreeClassifier(max_leaf_nodes=9, random_state=0).fit(X, y)
    law, slopes = hard(model, around(X, X.std(axis=0)))
    once = with_slopes(law, slopes)
    assert np.array_equal(with_slopes(once, np.full_like(slopes, np.inf)).radius, once.radius)
    assert np.array_equal(once.upper, law.upper)
