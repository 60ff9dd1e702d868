"""How far one feature may change: against the law itself along the axis, and theorems."""

import dataclasses

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_wine, make_classification
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier
from sksmooth.along_axes import ends_along_axes
from sksmooth.certificate.certificate import codes_of
from sksmooth.estimators.smoother import smoother_of

WINE = load_wine(return_X_y=True)
DEVIATIONS = 0.3 * WINE[0].std(axis=0)


class Case:
    """A fitted smoother, rows that are certified, and the ends along their axes."""

    def __init__(self, base, X, y, sigma, rows, **options):
        self.clf = SmoothedClassifier(base, sigma, random_state=0, **options).fit(X, y)
        certificate = self.clf.certify(rows)
        kept = ~certificate.abstained
        self.rows, self.certificate = rows[kept], certificate[kept]
        self.smoother = smoother_of(self.clf)
        self.closed = self.smoother.closed_form(self.rows)
        self.of = codes_of(self.certificate)
        ends = ends_along_axes(self.closed, self.smoother.noise, self.rows, self.of)
        self.down, self.up = ends
        self.radius = self.smoother.noise.norm.along_axes(self.certificate.radii, rows.shape[1])
        self.sigma = self.closed.spread.sigma

    def other_is_proved(self, row, column, places):
        """Whether the law proves another class at values of a column."""
        Z = np.repeat(self.rows[[row]], len(places), axis=0)
        Z[:, column] = places
        own = self.closed.law(Z, np.full(len(Z), self.of[row])).upper[:, self.of[row]]
        proved = np.zeros(len(Z), dtype=bool)
        for code in set(range(len(self.clf.classes_))) - {int(self.of[row])}:
            proved |= 1 - self.closed.law(Z, np.full(len(Z), code)).miss[:, code] > own
        return proved

    def check(self, *, lines=40, points=80, past=0.02):
        """Scan lines: no other class is proved inside, one is just outside of a finite end."""
        rng = np.random.default_rng(0)
        ends = np.isfinite(self.down) | np.isfinite(self.up)
        moves = (self.sigma > 0) & ~np.isnan(self.rows)
        limited = rng.permutation(np.argwhere(ends & moves))[: lines // 2]
        free = rng.permutation(np.argwhere(~ends & moves))[: lines - len(limited)]
        finite = 0
        for i, j in np.concatenate([limited, free]):
            for sign, end in ((-1, self.down[i, j]), (1, self.up[i, j])):
                assert end >= 0
                longest = min(end, 30 * self.sigma[j]) * (1 - 1e-9)
                inside = self.rows[i, j] + sign * longest * rng.random(points)
                assert not self.other_is_proved(i, j, inside).any()
                if end < 30 * self.sigma[j] and past is not None:
                    finite += 1
                    outside = self.rows[i, j] + sign * (end + past * self.sigma[j])
                    assert self.other_is_proved(i, j, np.array([outside])).all()
        return finite


def case(base, *, two=False, every=9, sigma=DEVIATIONS, **options):
    X, y = WINE
    if two:
        X, y = X[y < 2], y[y < 2]
    return Case(base, X[::2], y[::2], sigma, X[1::2][::every], **options)


TREES = {
    "tree": DecisionTreeClassifier(max_depth=4, random_state=0),
    "scaled": make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=4, random_state=0)),
    "turned": make_pipeline(
        MinMaxScaler((-2, 1)), DecisionTreeClassifier(max_depth=3, random_state=0)
    ),
    "grid": RandomForestClassifier(3, max_depth=2, random_state=0),
    "additive": GradientBoostingClassifier(
        max_depth=1, n_estimators=40, subsample=0.5, random_state=0
    ),
}


class TestTrees:
    @pytest.mark.parametrize("two", [True, False])
    @pytest.mark.parametrize("kind", TREES)
    def test_a_scan(self, kind, two):
        found = case(TREES[kind], two=two, every=40 if kind == "additive" else 9)
        past = None if kind == "additive" and not two else 0.02  # a union bound has slack
        assert (
            found.check(lines=8 if kind == "additive" else 40, points=40, past=past) > 0
            or past is None
        )
        used = np.isfinite(found.down) | np.isfinite(found.up)
        assert 0.02 < used.mean() < 0.5
        form = {"grid": "grid", "additive": "additive"}.get(kind, "boxes")
        assert found.closed.name == form
        if two:  # the theorem: an axis is no worse than the worst direction
            shorter = np.minimum(found.down, found.up)
            assert np.all(shorter >= found.radius * (1 - 1e-6))

    def test_features_that_no_tree_asks_for_are_free(self):
        found = case(TREES["tree"])
        tree = found.clf.estimator_
        unused = np.setdiff1d(np.arange(13), tree.tree_.feature)
        assert np.all(np.isinf(found.down[:, unused]) & np.isinf(found.up[:, unused]))

    def test_a_million_draws_on_both_sides_of_an_end(self):
        """The answer of g by sampling, a tenth of a deviation inside and outside."""
        found = case(TREES["tree"])
        rng = np.random.default_rng(0)
        finite = np.argwhere(np.isfinite(found.up) & (found.up > 0.2 * found.sigma))
        for i, j in finite[:3]:
            for step, kept in ((-0.1, True), (0.1, False)):
                Z = np.repeat(found.rows[[i]], 200_000, axis=0)
                Z[:, j] += found.up[i, j] + step * found.sigma[j]
                Z += found.sigma * rng.standard_normal(Z.shape)
                votes = np.bincount(found.clf.estimator_.predict(Z), minlength=3)
                assert (votes.argmax() == found.of[i]) == kept

    def test_a_scaled_column_has_scaled_ends(self):
        """By powers of two, so that thresholds are scaled to the last bit."""
        X, y = WINE
        unit = np.ones(13)
        unit[[0, 6, 12]] = [1024.0, 0.25, 1 / 128]
        found = [
            Case(
                FrozenEstimator(clone(TREES["tree"]).fit(X * scale, y)),
                X * scale,
                y,
                DEVIATIONS * scale,
                X[::9] * scale,
            )
            for scale in (np.ones(13), unit)
        ]
        np.testing.assert_allclose(found[1].down, found[0].down * unit, rtol=1e-6)
        np.testing.assert_allclose(found[1].up, found[0].up * unit, rtol=1e-6)
        assert np.isfinite(found[0].up[:, [0, 6, 12]]).sum() > 0

    def test_a_mirrored_column_has_mirrored_ends(self):
        """A scale below 0, set by hand: the ends are those of the model without it, in X."""
        X, y = WINE
        scaler = StandardScaler().fit(X)
        scaler.scale_[[0, 6, 12]] *= -1
        tree = clone(TREES["tree"]).fit(scaler.transform(X), y)
        found = Case(FrozenEstimator(make_pipeline(scaler, tree)), X, y, DEVIATIONS, X[::9])
        assert found.closed.name == "boxes"
        assert found.check(lines=60) > 10

    def test_float32(self):
        X, y = (WINE[0].astype(np.float32), WINE[1])
        model = FrozenEstimator(clone(TREES["tree"]).fit(X, y))
        single = Case(model, X, y, DEVIATIONS, X[::9])
        double = Case(model, X.astype(float), y, DEVIATIONS, X[::9].astype(float))
        assert np.array_equal(np.isinf(single.up), np.isinf(double.up))
        finite = np.isfinite(single.up)
        assert np.all(single.up[finite] <= double.up[finite] * (1 + 1e-6))
        np.testing.assert_allclose(single.up[finite], double.up[finite], rtol=1e-3)

    def test_columns_without_noise(self):
        sigma = DEVIATIONS.copy()
        sigma[[6, 9]] = 0
        found = case(TREES["tree"], sigma=sigma)
        assert np.all(found.down[:, [6, 9]] == 0)
        assert found.check(lines=30) >= 0

    def test_a_false_infinity_is_not_found(self):
        """Far inside a cell, with more changes of sign than counting settles."""
        rng = np.random.default_rng(0)
        X = rng.uniform(-50, 50, (400, 2))
        y = (np.sin(X[:, 0] / 4) + 0.02 * X[:, 1] > 0).astype(int)
        tree = DecisionTreeClassifier(max_depth=7, random_state=0)
        found = Case(tree, X, y, 0.3, X[::40])
        assert found.check(lines=20, points=200) > 5
        assert np.isfinite(found.up[:, 0]).any()


class TestLinear:
    @pytest.mark.parametrize("sigma", [0.1, 1.0, 7.0])
    def test_by_hand(self, sigma):
        """Weights (2, -1, 0), offset 1/2, row (1, 1, 1): the margin is 3/2."""
        model = RidgeClassifier().fit(np.eye(3)[[0, 1, 0, 1]], [1, 0, 1, 0])
        model.coef_, model.intercept_ = np.array([[2.0, -1.0, 0.0]]), np.array([0.5])
        found = Case(FrozenEstimator(model), np.eye(3), [0, 1, 1], sigma, np.ones((1, 3)))
        assert found.closed.name == "linear"
        np.testing.assert_allclose(found.down, [[0.75, np.inf, np.inf]], rtol=1e-9)
        np.testing.assert_allclose(found.up, [[np.inf, 1.5, np.inf]], rtol=1e-9)
        assert found.down[0, 0] <= 0.75

    @pytest.mark.parametrize("base", [LogisticRegression(max_iter=9999), PCA(5)])
    def test_it_is_the_distance_to_the_plane(self, base):
        """Of the base itself, whatever steps come first: just inside and just outside."""
        X, y = load_breast_cancer(return_X_y=True)
        X = X / X.std(axis=0)
        steps = [StandardScaler()] if base.__class__ is LogisticRegression else [base]
        model = make_pipeline(*steps, LogisticRegression(max_iter=9999))
        found = Case(model, X[::2], y[::2], 0.3, X[1:60:7])
        base = found.clf.estimator_
        finite = np.isfinite(found.up)
        assert np.all(finite != np.isfinite(found.down))
        for i, j in np.argwhere(finite)[::7]:
            for factor, same in ((1 - 1e-9, True), (1 + 1e-6, False)):
                Z = found.rows[[i]].copy()
                Z[0, j] += factor * found.up[i, j]
                assert (base.predict(Z)[0] == found.of[i]) == same

    def test_several_classes(self):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=9999))
        found = case(model, every=30)
        assert found.check(lines=25, past=0.3) > 5
        assert np.all(np.minimum(found.down, found.up) >= found.radius * (1 - 1e-6))

    def test_a_class_that_gains_on_all_others_never_loses(self):
        model = LogisticRegression().fit(np.eye(4)[:3], [0, 1, 2])
        model.coef_ = np.array([[1.0, 0.0, 0.0, 2.0], [0.0, 1.0, 0.0, 2.0], [0.0, 0.0, 1.0, 2.0]])
        model.intercept_ = np.zeros(3)
        rows = np.array([[3.0, 0.0, 0.0, 1.0]])
        found = Case(FrozenEstimator(model), np.eye(4)[:3], [0, 1, 2], 0.5, rows)
        assert np.isinf(found.up[0, 0])
        assert 2.5 < found.down[0, 0] <= 3
        assert np.isinf(found.down[0, 1])
        assert 2.5 < found.up[0, 1] <= 3


class TestNaiveBayes:
    @pytest.mark.parametrize("scaled", [False, True])
    def test_two_classes(self, scaled):
        X, y = make_classification(200, 3, n_informative=3, n_redundant=0, random_state=2)
        X[y == 1, 0] *= 3  # so that parabolas open on both sides
        base = make_pipeline(StandardScaler(), GaussianNB()) if scaled else GaussianNB()
        found = Case(base, X, y, 0.4, X[:4])
        assert found.closed.name == "quadratic"
        assert found.check(lines=10, points=12) > 3
        assert np.isinf(found.up).any()
        assert np.all(np.minimum(found.down, found.up) >= found.radius * (1 - 1e-3))

    @pytest.mark.parametrize("base", [GaussianNB(), QuadraticDiscriminantAnalysis()])
    def test_more_classes_and_other_quadrics(self, base):
        X, y = WINE
        found = Case(base, X[::2, :3], y[::2], DEVIATIONS[:3], X[[1, 61], :3])
        found.check(lines=4, points=10, past=None)
        assert np.all(np.minimum(found.down, found.up) >= found.radius * (1 - 1e-3))


def test_rows_that_are_not_certified_for_the_class_have_no_ends():
    """Asked about another class than the answer: nothing may be claimed."""
    for base in (TREES["tree"], LogisticRegression(max_iter=9999)):
        found = case(base, two=True)
        wrong = 1 - found.of
        down, up = ends_along_axes(found.closed, found.smoother.noise, found.rows, wrong)
        assert not down.any()
        assert not up.any()


def test_codes_in_another_order(monkeypatch):
    """Class codes that are not the model's own numbers."""
    found = case(TREES["additive"], every=80)
    order = np.array([2, 0, 1])
    shuffled = dataclasses.replace(found.closed, codes=order[found.closed.codes])
    ends = ends_along_axes(shuffled, found.smoother.noise, found.rows, order[found.of])
    np.testing.assert_array_equal(ends, (found.down, found.up))


class TestParts:
    def test_clipping_scalers(self):
        """Beyond the training range all values are the same to the model."""
        base = make_pipeline(
            MinMaxScaler(clip=True), DecisionTreeClassifier(max_depth=4, random_state=0)
        )
        found = case(base, every=5)
        assert found.closed.spread.clips
        assert found.check(lines=40) > 5
        # rows beyond the training range: what they are clipped to is not where they are
        X, y = WINE
        rows = X[1::2][::5] + np.sign(X[1::2][::5] - X.mean(axis=0)) * 5 * DEVIATIONS
        base.fit(X[::2], y[::2])
        found = Case(FrozenEstimator(base), X[::2], y[::2], DEVIATIONS, rows)
        assert np.any(np.abs(base[0].transform(rows) - 0.5) == 0.5)
        assert found.check(lines=60) > 5

    def test_gaps(self):
        """A row with a gap has the ends of the row with what is filled in, other columns moved."""
        X, y = WINE
        X = X.copy()
        X[::4, 2] = np.nan
        steps = (
            SimpleImputer(),
            StandardScaler(),
            DecisionTreeClassifier(max_depth=4, random_state=0),
        )
        base = FrozenEstimator(make_pipeline(*steps).fit(X, y))
        found = Case(base, X, y, DEVIATIONS, X[::6])
        with_gap = np.isnan(found.rows[:, 2])
        assert with_gap.any()
        assert not with_gap.all()
        assert np.all(found.down[with_gap, 2] == 0)
        used = np.flatnonzero(np.isfinite(found.up[with_gap]).any(axis=0))
        assert len(used) > 2
        sigma = DEVIATIONS.copy()
        sigma[2] = 0
        filled = np.where(np.isnan(found.rows), np.nanmean(X, axis=0), found.rows)[with_gap]
        other = Case(base, X, y, sigma, filled)
        np.testing.assert_allclose(found.up[with_gap], other.up, rtol=1e-6)
        np.testing.assert_allclose(found.down[with_gap], other.down, rtol=1e-6)

    def test_missing_directions(self):
        X, y = WINE
        X = X.copy()
        X[::4, 6] = np.nan
        base = DecisionTreeClassifier(max_depth=4, random_state=0)
        found = Case(base, X[::2], y[::2], DEVIATIONS, X[::6])
        assert np.isnan(found.rows[:, 6]).any()
        assert found.check(lines=60) > 5

    def test_encoders_beside(self):
        """Text that is encoded is a constant of the row; its columns have no ends."""
        pd = pytest.importorskip("pandas")
        X, y = load_wine(return_X_y=True, as_frame=True)
        X = X.assign(colour=np.where(X["hue"] > 1, "red", "white"))[["colour", *X.columns]]
        encode = make_column_transformer(
            (OneHotEncoder(sparse_output=False), ["colour"]), remainder="passthrough"
        )
        tree = DecisionTreeClassifier(max_depth=4, random_state=0)
        sigma = dict(zip(X.columns, [0, *DEVIATIONS], strict=True))
        clf = SmoothedClassifier(make_pipeline(encode, tree), sigma, random_state=0).fit(X, y)
        certificate = clf.certify(X[::9])
        assert certificate.method == "exact"
        intervals = clf.per_feature(X[::9], certificate=certificate)
        assert set(intervals["how"]) == {"exact"}
        assert "colour" not in intervals.index.get_level_values("feature")
        finite = intervals[np.isfinite(intervals["up"])]
        assert len(finite) > 5
        for (row, name), line in list(finite.iterrows())[:8]:
            moved = X.loc[[row, row]].copy()
            step = line["up"] + np.array([-0.02, 0.02]) * sigma[name]
            moved[name] = line["value"] + step
            labels = clf.certify(moved).labels
            assert labels[0] == certificate.labels[certificate.index == row][0] != labels[1]
        assert pd.api.types.is_float_dtype(intervals["value"])

    def test_units_do_not_move_ends(self):
        """Radii are in units then; ends are in the units of X all the same."""
        X, y = WINE
        model = FrozenEstimator(clone(TREES["tree"]).fit(X, y))
        plain = Case(model, X, y, DEVIATIONS, X[::9])
        other = Case(model, X, y, 0.3, X[::9], units=DEVIATIONS / 0.3)
        np.testing.assert_allclose(other.up, plain.up, rtol=1e-9)
        np.testing.assert_allclose(other.radius, plain.radius, rtol=1e-9)
        np.testing.assert_allclose(
            other.certificate.radii, 0.3 * plain.certificate.radii, rtol=1e-9
        )

    def test_a_threshold_moves_the_plane(self):
        X, y = load_breast_cancer(return_X_y=True)
        X = X / X.std(axis=0)
        inner = LogisticRegression(max_iter=9999)
        base = FixedThresholdClassifier(inner, threshold=0.9, response_method="predict_proba")
        found = Case(base, X[::2], y[::2], 0.3, X[1:60:7])
        base = found.clf.estimator_
        finite = np.isfinite(found.up)
        for i, j in np.argwhere(finite)[::11]:
            for factor, same in ((1 - 1e-6, True), (1 + 1e-6, False)):
                Z = found.rows[[i]].copy()
                Z[0, j] += factor * found.up[i, j]
                assert (base.predict(Z)[0] == found.of[i]) == same
