"""Closed forms that survive real Pipelines: imputers, encoders, clipping, frames, gaps."""

import copy
import warnings

import numpy as np
import pytest
from scipy.special import ndtr
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
    TargetEncoder,
)
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier
from sksmooth.closed_forms import (
    FORMS,
    Additive,
    DisagreementError,
    NotClosedError,
    closed_form,
)
from sksmooth.estimators.smoother import smoother_of
from sksmooth.introspection import why_not_readable

N = 30_000
RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(400, 3)) * [1.0, 10.0, 0.1] + [0.0, 50.0, 3.0]
KINDS = RNG.integers(4, size=400)
SCORE = NUMBERS[:, 0] + 0.1 * (NUMBERS[:, 1] - 50) * (KINDS == 1) + (KINDS == 2) - 0.3
Y = np.where(SCORE + 0.3 * RNG.normal(size=400) > 0, "yes", "no")
X = np.column_stack([NUMBERS, KINDS])
SIGMA = np.array([0.5, 4.0, 0.05, 0.0])
TREE = DecisionTreeClassifier(max_depth=4, random_state=0)
LINEAR = LogisticRegression(max_iter=1000)


def with_gaps(rows, seed=1):
    out = rows.copy()
    holes = np.random.default_rng(seed).random(NUMBERS.shape) < 0.15
    out[:, :3][holes] = np.nan
    return out


def hist(**options):
    fixed = {"max_iter": 6, "early_stopping": False, "random_state": 0}
    return HistGradientBoostingClassifier(**fixed | options)


def closed(base, rows=X, kinds=FORMS, sigma=SIGMA, **options):
    def classify(Z):
        return np.searchsorted(base.classes_, base.predict(Z))

    return closed_form(kinds, base, base.classes_, rows, sigma, classify, **options)


def assert_right(law, base, rows, frame=None, sigma=SIGMA):
    """The law of rows does not contradict draws, and says nearly as much as they do."""
    rng = np.random.default_rng(5)
    for i, row in enumerate(rows):
        noisy = row + sigma * rng.standard_normal((N, len(row)))
        share = np.mean(base.predict(noisy if frame is None else frame(noisy)) == "yes")
        error = 5 * np.sqrt(share * (1 - share) / N) + 5e-5
        assert law.upper[i, 1] >= share - error
        assert 1 - law.miss[i, 1] <= share + error
        assert law.width[i] < 0.02


def columns(encoder, rest=None, **options):
    """An encoder for the last column, and something for the numbers."""
    parts = [("numbers", rest or StandardScaler(), [2, 0, 1]), ("kinds", encoder, [3])]
    return ColumnTransformer(parts, **{"sparse_threshold": 0} | options)


class TestEncodersOfColumnsWithoutNoise:
    CASES = {
        "one hot": (make_pipeline(columns(OneHotEncoder()), LINEAR), "linear"),
        "one hot, sparse": (
            make_pipeline(columns(OneHotEncoder(), sparse_threshold=1.0), LINEAR),
            "linear",
        ),
        "one hot, sparse, tree": (
            make_pipeline(columns(OneHotEncoder(), sparse_threshold=1.0), TREE),
            "boxes",
        ),
        "ordinal": (make_pipeline(columns(OrdinalEncoder()), TREE), "boxes"),
        "target": (
            make_pipeline(columns(TargetEncoder()), GaussianNB()),
            "quadratic",
        ),
        "bins": (
            make_pipeline(columns(KBinsDiscretizer(3, encode="onehot-dense")), TREE),
            "boxes",
        ),
        "several steps": (
            make_pipeline(
                columns(
                    make_pipeline(OneHotEncoder(sparse_output=False), PolynomialFeatures(2)),
                    make_pipeline(SimpleImputer(), MinMaxScaler()),
                ),
                StandardScaler(),
                LINEAR,
            ),
            "linear",
        ),
        "passed on": (make_pipeline(columns("passthrough"), TREE), "boxes"),
        "the rest passed on": (
            make_pipeline(
                ColumnTransformer([("k", OneHotEncoder(), [3])], remainder="passthrough"), TREE
            ),
            "boxes",
        ),
        "dropped": (make_pipeline(columns("drop"), LINEAR), "linear"),
        "PCA of the numbers": (make_pipeline(columns(OneHotEncoder(), PCA(2)), LINEAR), "linear"),
        "stumps": (
            make_pipeline(columns(OneHotEncoder()), hist(max_leaf_nodes=2)),
            "additive",
        ),
    }

    @pytest.mark.parametrize("name", CASES)
    def test_are_constants_of_the_row(self, name):
        base, form = self.CASES[name]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            base = base.fit(X, Y)
        found = closed(base, kinds=(Additive,) if form == "additive" else FORMS)
        assert found.name == form
        rows = np.concatenate([X[:2], np.column_stack([X[[0] * 3, :3], [1, 2, 3]])])
        assert_right(found.law(rows), base, rows)

    def test_offsets_of_a_linear_model_are_exact(self):
        base = make_pipeline(columns(OneHotEncoder()), LINEAR).fit(X, Y)
        law = closed(base).law(X)
        weights = base[-1].coef_[0, :3] / base[0].named_transformers_["numbers"].scale_
        z = base.decision_function(X) / np.linalg.norm(weights * SIGMA[[2, 0, 1]])
        np.testing.assert_allclose(law.upper[:, 1], ndtr(z), atol=1e-9)

    def test_a_radius_is_the_distance_to_the_plane_of_the_row(self):
        base = make_pipeline(columns(OneHotEncoder()), LINEAR)
        clf = SmoothedClassifier(base, sigma=SIGMA, random_state=0).fit(X, Y)
        certificate = clf.certify(X[:20])
        assert certificate.form == "linear"
        model = clf.estimator_
        weights = model[-1].coef_[0, :3] / model[0].named_transformers_["numbers"].scale_
        z = model.decision_function(X[:20]) / np.linalg.norm(weights * SIGMA[[2, 0, 1]])
        np.testing.assert_allclose(certificate.radii, np.abs(z), rtol=1e-9)

    def test_extended_rows_have_what_encoders_return(self):
        found = closed(make_pipeline(columns(OneHotEncoder()), LINEAR).fit(X, Y))
        rows = found.extended(X[:5])
        assert rows.shape == (5, 4 + 4)
        assert len(found.spread.sigma) == 8
        assert np.array_equal(rows[:, 4:], np.eye(4)[KINDS[:5]])

    REFUSED = {
        "noise on what is encoded": lambda: (columns(OneHotEncoder()), np.ones(4)),
        "a function": lambda: (columns(FunctionTransformer(np.square)), SIGMA),
        "weights": lambda: (columns(OneHotEncoder(), transformer_weights={"kinds": 2.0}), SIGMA),
        "columns of both kinds": lambda: (
            ColumnTransformer(
                [("both", PolynomialFeatures(2), [2, 3]), ("rest", StandardScaler(), [0, 1])]
            ),
            SIGMA,
        ),
    }

    @pytest.mark.parametrize("name", REFUSED)
    def test_others_are_sampled(self, name):
        steps, sigma = self.REFUSED[name]()
        base = make_pipeline(steps, LINEAR).fit(X, Y)
        with pytest.raises(NotClosedError):
            closed(base, sigma=sigma)

    def test_a_model_that_takes_zeros_for_missing_is_not_read_behind_sparse_steps(self):
        xgboost = pytest.importorskip("xgboost")
        trees = xgboost.XGBClassifier(n_estimators=4, max_depth=1, n_jobs=1)
        codes = (Y == "yes").astype(int)
        for threshold, reason in ((1.0, "sparse"), (0.0, None)):
            steps = columns(OneHotEncoder(), sparse_threshold=threshold)
            base = make_pipeline(steps, trees).fit(X, codes)
            if reason is None:
                assert closed(base).name in ("grid", "additive")
            else:
                with pytest.raises(NotClosedError, match=reason):
                    closed(base)


class TestImputers:
    @pytest.mark.parametrize("imputer", [SimpleImputer(add_indicator=True), KNNImputer()])
    def test_complete_rows_pass(self, imputer):
        base = make_pipeline(imputer, LINEAR).fit(with_gaps(X), Y)
        found = closed(base)
        assert found.name == "linear"
        assert_right(found.law(X[:3]), base, X[:3])

    def test_columns_without_values_are_left_out(self):
        rows = with_gaps(X)
        rows[:, 1] = np.nan
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            base = make_pipeline(SimpleImputer(), LINEAR).fit(rows, Y)
            found = closed(base)
            assert found.spread.affine.matrix.shape == (3, 4)
            assert_right(found.law(X[:2]), base, X[:2])

    def test_other_missing_values_are_not_understood(self):
        base = make_pipeline(SimpleImputer(missing_values=0.0), LINEAR).fit(X, Y)
        with pytest.raises(NotClosedError):
            closed(base)


class TestGaps:
    """A missing entry has no noise and stays missing."""

    BASES = {
        "imputed linear": make_pipeline(
            SimpleImputer(strategy="median", add_indicator=True), StandardScaler(), LINEAR
        ),
        "scaled before": make_pipeline(StandardScaler(), SimpleImputer(), LINEAR),
        "imputed columns": make_pipeline(
            columns(OneHotEncoder(), make_pipeline(SimpleImputer(), StandardScaler())), LINEAR
        ),
        "imputed tree": make_pipeline(SimpleImputer(), TREE),
        "tree": TREE,
        "scaled tree": make_pipeline(StandardScaler(), TREE),
        "forest": RandomForestClassifier(3, max_depth=2, random_state=0),
        "histograms": hist(max_leaf_nodes=2),
        "several trees": hist(max_iter=2, max_leaf_nodes=5),
    }

    @pytest.mark.parametrize("name", BASES)
    def test_the_law_is_that_of_the_noise_on_the_entries_there(self, name):
        rows = with_gaps(X)
        base = self.BASES[name].fit(rows, Y)
        gaps = np.isnan(rows).sum(axis=1)
        some = rows[np.concatenate([np.flatnonzero(gaps == k)[:2] for k in (0, 1, 2)])]
        found = closed(base, rows, gaps=np.isnan(rows).any(axis=0))
        assert_right(found.law(some), base, some)
        alone = np.concatenate([found.law(some[[i]]).upper for i in range(len(some))])
        np.testing.assert_allclose(found.law(some).upper, alone, rtol=1e-9)

    @pytest.mark.parametrize("model", [LINEAR, TREE])
    def test_an_indicator_whose_column_goes_no_farther(self, model):
        rows = with_gaps(X)
        rows[:, 1:] = X[:, 1:]
        answers = np.where(np.isnan(rows[:, 0]) | (X[:, 1] > 60), "yes", "no")
        without_first = ColumnTransformer([("rest", "passthrough", [1, 2, 3, 4])])
        base = make_pipeline(SimpleImputer(add_indicator=True), without_first, model)
        base.fit(rows, answers)
        some = np.concatenate([rows[np.isnan(rows[:, 0])][:3], X[:3]])
        assert_right(closed(base, X[:3]).law(some), base, some)

    def test_gaps_that_come_later_are_compared_too(self):
        """The rows at hand when a model is read need not have the gaps of all rows."""
        base = self.BASES["imputed linear"]
        labels, codes = np.unique(Y, return_inverse=True)
        other = clone(base).fit(with_gaps(X), np.roll(labels, 1)[codes])
        row = X[:1].copy()
        row[0, 0] = np.nan
        ((_, _, pattern, wrong),) = closed(other, X[:3]).groups(row)
        found = closed(base.fit(with_gaps(X), Y), X[:3])
        found.parts[pattern.tobytes()] = wrong
        with pytest.raises(DisagreementError, match="answers otherwise"):
            found.law(row)

    def test_what_was_read_outlives_changes_of_the_model(self):
        """A model of the same content may be asked about other gaps, later."""
        rows = with_gaps(X)
        base = self.BASES["imputed columns"].fit(rows, Y)
        copied = copy.deepcopy(base)
        complete = X[:4]
        expected = closed(copy.deepcopy(base), complete).law(complete).upper
        closed(base, complete)
        base[-1].coef_[:] = -base[-1].coef_
        base[0].named_transformers_["kinds"].categories_[0][:] = [3, 2, 1, 0]
        found = closed(copied, complete)
        assert np.array_equal(found.law(complete).upper, expected)
        assert_right(found.law(rows[:3]), copied, rows[:3])

    def test_a_row_without_noise_is_answered_as_it_is(self):
        rows = with_gaps(X)
        base = self.BASES["imputed linear"].fit(rows, Y)
        empty = X[:6].copy()
        empty[:, :3] = np.nan
        law = closed(base, empty).law(empty)
        assert np.array_equal(base.classes_[law.top], base.predict(empty))
        assert not law.top_miss.any()

    def test_what_fills_gaps_by_other_values_is_sampled(self):
        rows = with_gaps(X)
        base = make_pipeline(KNNImputer(), LINEAR).fit(rows, Y)
        assert closed(base, X).name == "linear"
        with pytest.raises(NotClosedError):
            closed(base, X, gaps=np.isnan(rows).any(axis=0))  # whether or not these rows have any
        with pytest.raises(NotClosedError):
            closed(base, rows)

    def test_end_to_end(self):
        rows = with_gaps(X)
        clf = SmoothedClassifier(self.BASES["imputed columns"], SIGMA, random_state=0)
        computed = clf.fit(rows, Y).certify(rows[:30])
        assert computed.method == "exact"
        for i in range(0, 30, 7):  # a row's answer does not depend on others
            assert clf.certify(rows[[i]]).radii[0] == pytest.approx(computed.radii[i], rel=1e-9)
        drawn = clf.set_params(method="montecarlo").certify(rows[:30], n=2000)
        assert np.all(drawn.p_lower <= computed.p_lower + 1e-9)

    def test_gaps_that_fit_had_none_of(self):
        clf = SmoothedClassifier(make_pipeline(KNNImputer(), LINEAR), SIGMA, random_state=0)
        clf.fit(X, Y)
        assert clf.certify(X[:3]).method == "exact"
        with pytest.raises(ValueError, match="contains NaN in"):
            clf.certify(with_gaps(X)[:9])


class TestClipping:
    def test_a_tree_compares_clipped_values(self):
        """Thresholds beyond the ends are never, or always, passed."""
        scaler = MinMaxScaler((-1, 2), clip=True)
        for model in (TREE, GradientBoostingClassifier(max_depth=1, n_estimators=5)):
            base = make_pipeline(scaler, StandardScaler(), model).fit(X, Y)
            wide = 10 * SIGMA
            law = closed(base, sigma=wide).law(X[:3])
            assert_right(law, base, X[:3], sigma=wide)

    def test_thresholds_beyond_the_ends(self):
        rows = np.linspace(0, 1, 50)[:, None]
        base = make_pipeline(MinMaxScaler(clip=True), DecisionTreeClassifier(max_depth=1))
        base.fit(rows, np.where(rows[:, 0] > 0.5, "yes", "no"))
        sigma = np.array([1.0])
        for threshold, share in ((0.5, ndtr(rows[:3, 0] - 0.5)), (-0.5, 1.0), (1.0, 0.0), (3, 0.0)):
            state = base[-1].tree_.__getstate__()
            state["nodes"]["threshold"][0] = threshold
            base[-1].tree_.__setstate__(state)
            law = closed(base, rows, sigma=sigma).law(rows[:3])
            np.testing.assert_allclose(law.upper[:, 1], share, atol=1e-7)

    def test_a_linear_model_does_not(self):
        base = make_pipeline(MinMaxScaler(clip=True), LINEAR).fit(X, Y)
        with pytest.raises(NotClosedError, match="clip noise"):
            closed(base)

    def test_without_noise_on_what_is_clipped_it_does(self):
        steps = ColumnTransformer([("a", StandardScaler(), [0, 1, 2]), ("b", "passthrough", [3])])
        base = make_pipeline(steps, make_pipeline(MinMaxScaler(clip=True), AdaBoostClassifier()))
        still = np.array([0.0, 4.0, 0.0, 0.0])
        clipped = make_pipeline(
            ColumnTransformer(
                [("a", MinMaxScaler(clip=True), [0, 2, 3]), ("b", StandardScaler(), [1])]
            ),
            LINEAR,
        ).fit(X, Y)
        rows = X[:4] * [5.0, 1.0, 2.0, 1.0]  # beyond the ends
        assert_right(closed(clipped, sigma=still).law(rows), clipped, rows, sigma=still)
        assert base is not None


@pytest.fixture(params=["pandas", "polars"])
def table(request):
    library = pytest.importorskip(request.param)
    words = np.array(["flat", "house", "boat", "tent"], dtype=object)[KINDS]
    words[::17] = None
    data = {name: NUMBERS[:, i] for i, name in enumerate(("age", "income", "debt"))}
    return library.DataFrame(data | {"home": words, "rooms": KINDS + 1})


class TestFrames:
    SIGMA = {"age": 0.5, "income": 4.0, "debt": 0.05, "*": 0}

    def bases(self):
        numbers = make_pipeline(SimpleImputer(), StandardScaler())
        words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        steps = ColumnTransformer(
            [("n", numbers, ["income", "age", "debt"]), ("w", words, ["home"])],
            remainder="passthrough",
        )
        plain = ColumnTransformer(
            [
                ("w", OrdinalEncoder(encoded_missing_value=-1), ["home"]),
                ("n", "passthrough", ["debt", "age", "income", "rooms"]),
            ]
        )
        target = ColumnTransformer(
            [("t", TargetEncoder(), ["home", "rooms"])], remainder=StandardScaler()
        )
        return {
            "linear": make_pipeline(steps, LINEAR),
            "boxes": make_pipeline(plain, TREE),
            "gaps": make_pipeline(clone(plain).set_params(w__encoded_missing_value=np.nan), TREE),
            "quadratic": make_pipeline(target, GaussianNB()),
        }

    @pytest.mark.parametrize("form", ["linear", "boxes", "gaps", "quadratic"])
    @pytest.mark.parametrize("output", ["default", "frames"])
    def test_text_is_a_constant_of_the_row(self, table, form, output):
        base = self.bases()[form]
        if output == "frames":
            base.set_output(transform=type(table).__module__.partition(".")[0])
        clf = SmoothedClassifier(base, self.SIGMA, random_state=0).fit(table, Y)
        certificate = clf.certify(table[:20])
        expected = "boxes" if form == "gaps" else form
        assert (certificate.method, certificate.form) == ("exact", expected)
        assert not certificate.abstained.any()
        drawn = clf.set_params(method="montecarlo").certify(table[:20], n=3000)
        assert np.all(drawn.p_lower <= certificate.p_lower + 1e-9)
        clear = certificate.p_lower > 0.7
        assert clear.sum() > 5
        assert np.array_equal(drawn.selected[clear], certificate.selected[clear])

    @pytest.mark.parametrize(
        "inside",
        [
            lambda: make_pipeline(StandardScaler(), PCA()),
            lambda: make_pipeline(make_pipeline(StandardScaler()), make_pipeline("passthrough")),
            lambda: make_pipeline(
                StandardScaler(), FunctionTransformer(feature_names_out="one-to-one")
            ),
        ],
    )
    @pytest.mark.parametrize("of_frames", [True, False])
    def test_frames_between_nested_steps(self, inside, of_frames):
        pandas = pytest.importorskip("pandas")
        rows = pandas.DataFrame(NUMBERS, columns=["a", "b", "c"]) if of_frames else NUMBERS
        base = make_pipeline(inside(), LogisticRegression()).set_output(transform="pandas")
        plain = make_pipeline(inside(), LogisticRegression())
        expected, found = (
            SmoothedClassifier(b, 0.5, method="exact", random_state=0)
            .fit(rows, Y)
            .certify(rows[:9])
            for b in (plain, base)
        )
        assert np.allclose(found.radii, expected.radii, rtol=1e-9)

    def test_names_in_any_container(self):
        """An Index of pandas, a subclass of one, and others choose the same columns."""
        pandas = pytest.importorskip("pandas")

        class Own(pandas.Index):
            pass

        frame = pandas.DataFrame(X, columns=["a", "b", "c", "kind"])
        sigma = dict(zip(frame.columns, SIGMA.tolist(), strict=True))
        found = []
        for chosen in (["a", "b", "c"], frame.columns[:3], pandas.Series(["a", "b", "c"])):
            encoder = ("kinds", OneHotEncoder(sparse_output=False), ["kind"])
            parts = ColumnTransformer([encoder, ("scaled", StandardScaler(), chosen)])
            clf = SmoothedClassifier(make_pipeline(parts, LINEAR), sigma, random_state=0)
            found.append(clf.fit(frame, Y).certify(frame[:5]))
        assert {certificate.form for certificate in found} == {"linear"}
        for certificate in found[1:]:
            np.testing.assert_array_equal(certificate.radii, found[0].radii)
        assert why_not_readable(pandas.Index(["a"])) is None
        own = pandas.Index(["a"])
        own.__class__ = Own
        assert "no class of a known library" in why_not_readable(own)

    def test_a_slice_of_names_has_both_its_ends(self):
        pandas = pytest.importorskip("pandas")
        frame = pandas.DataFrame(X, columns=["a", "b", "c", "kind"])
        sigma = dict(zip(frame.columns, SIGMA.tolist(), strict=True))
        radii = []
        for chosen in (slice("a", "c"), ["a", "b", "c"]):
            encoder = ("kinds", OneHotEncoder(sparse_output=False), slice("kind", None))
            parts = ColumnTransformer([encoder, ("scaled", StandardScaler(), chosen)])
            clf = SmoothedClassifier(make_pipeline(parts, LINEAR), sigma, random_state=0)
            radii.append(clf.fit(frame, Y).certify(frame[:5]).radii)
        np.testing.assert_array_equal(*radii)

    def test_the_probabilities_are_those_of_draws(self, table):
        base = self.bases()["linear"]
        clf = SmoothedClassifier(base, self.SIGMA, random_state=0).fit(table, Y)
        shares = clf.vote_frequencies(table[:4])
        drawn = clf.set_params(method="montecarlo", n_predict=20_000).vote_frequencies(table[:4])
        np.testing.assert_allclose(shares, drawn, atol=5 * np.sqrt(0.25 / 20_000))

    def test_other_words_in_later_calls(self, table):
        """The closed form is kept, the words of a call are not."""
        base = self.bases()["linear"]
        clf = SmoothedClassifier(base, self.SIGMA, random_state=0).fit(table, Y)
        one, other = clf.certify(table[:5]), clf.certify(table[20:25])
        again = clf.certify(table[:5])
        assert np.array_equal(one.radii, again.radii)
        assert other.method == "exact"


class TestPruned:
    """Trees that compare columns without noise, too, are additive, or few, at a row's own ones."""

    def test_each_row_has_its_own_sum(self):
        """Depth 2, on a column with noise and one without, however they follow each other."""
        rows = X[:, [0, 3]]
        y = np.where((rows[:, 0] > 0) ^ (rows[:, 1] >= 2), "yes", "no")
        model = GradientBoostingClassifier(max_depth=2, n_estimators=30, random_state=0)
        base = model.fit(rows, y)
        assert any(
            len(np.unique(t.tree_.feature[t.tree_.feature >= 0])) == 2 for (t,) in base.estimators_
        )
        sigma = np.array([0.5, 0.0])
        found = closed(base, rows, kinds=(Additive,), sigma=sigma)
        assert (found.name, type(found.form).__name__) == ("additive", "Pruned")
        some = np.array([[0.1, 0.0], [0.1, 1.0], [0.1, 2.0], [-0.7, 3.0]])
        assert_right(found.law(some), base, some, sigma=sigma)
        with pytest.raises(NotClosedError):
            closed(base, rows, kinds=(Additive,), sigma=np.array([0.5, 0.5]))

    @pytest.mark.parametrize("gaps", [False, True])
    def test_a_grid_over_the_columns_with_noise(self, gaps):
        """Many cells with the constants, few without."""
        constants = RNG.normal(size=(400, 6))
        rows = np.column_stack([NUMBERS[:, :2], constants])
        rows[::5, 0 if gaps else 2] = np.nan
        y = np.where(NUMBERS[:, 0] + constants.sum(axis=1) * (NUMBERS[:, 1] > 50) > 0, "yes", "no")
        base = hist(max_iter=25, max_leaf_nodes=6).fit(rows, y)
        sigma = np.array([0.5, 4.0, *np.zeros(6)])
        found = closed(base, rows, sigma=sigma, gaps=np.isnan(rows).any(axis=0))
        assert type(found.form).__name__ == "Pruned"
        some = rows[[0, 1, 2, 5]]
        assert_right(found.law(some), base, some, sigma=sigma)
        alone = np.concatenate([found.law(some[[i]]).upper for i in range(4)])
        np.testing.assert_allclose(found.law(some).upper, alone, rtol=1e-9)

    def test_encoded_text_and_numbers(self):
        base = make_pipeline(columns(OneHotEncoder()), hist(max_iter=4, max_leaf_nodes=4))
        base.fit(X, Y)
        found = closed(base)
        assert_right(found.law(X[:4]), base, X[:4])

    def test_a_value_within_rounding_of_a_threshold_says_nothing(self):
        rows = np.column_stack([NUMBERS[:, 0], KINDS + 0.5])
        y = np.where((rows[:, 0] > 0) ^ (rows[:, 1] > 2), "yes", "no")
        model = GradientBoostingClassifier(max_depth=2, n_estimators=5, random_state=0)
        base = make_pipeline(StandardScaler(), model).fit(rows, y)
        sigma = np.array([0.5, 0.0])
        found = closed(base, rows, kinds=(Additive,), sigma=sigma)
        column = found.form.columns == 1
        near = rows[:1].copy()
        near[0, 1] = base[0].mean_[1] + base[0].scale_[1] * found.form.points[column][0]
        law = found.law(np.concatenate([rows[:1], near]))
        assert law.top_miss[1] == 1
        assert law.top_miss[0] < 1


class TestAlongAxes:
    """Intervals for each feature alone, where encoders make constants of others."""

    def test_linear(self):
        pytest.importorskip("pandas")
        base = make_pipeline(columns(OneHotEncoder()), LINEAR)
        clf = SmoothedClassifier(base, SIGMA, random_state=0).fit(X, Y)
        ends = clf.per_feature(X[:10])
        model = clf.estimator_
        slopes = np.zeros(4)
        slopes[[2, 0, 1]] = model[-1].coef_[0, :3] / model[0].named_transformers_["numbers"].scale_
        margin = model.decision_function(X[:10])[:, None]
        answer = clf.predict(X[:10])
        rises = np.where(answer[:, None] == "yes", slopes, -slopes)
        for side, falls in (("up", rises < 0), ("down", rises > 0)):
            found = np.abs(ends[side].to_numpy().reshape(10, 3))
            expected = np.where(falls, np.abs(margin / np.where(slopes == 0, 1, slopes)), np.inf)
            np.testing.assert_allclose(found, expected[:, :3], rtol=1e-6)

    def test_the_rest_of_trees_at_the_constants_of_a_row(self):
        """The answer changes just beyond an end, and far away where there is none."""
        pytest.importorskip("pandas")
        rows = np.column_stack([NUMBERS[:, :2], RNG.normal(size=(400, 6))])
        score = NUMBERS[:, 0] + rows[:, 2:].sum(axis=1) * (NUMBERS[:, 1] > 50)
        base = hist(max_iter=25, max_leaf_nodes=6)
        sigma = np.array([0.5, 4.0, *np.zeros(6)])
        clf = SmoothedClassifier(base, sigma, random_state=0).fit(rows, score > 0)
        assert type(smoother_of(clf).closed_form(rows).form).__name__ == "Pruned"
        some = rows[:8]
        ends, certificate = clf.per_feature(some), clf.certify(some)
        up = ends["up"].to_numpy().reshape(8, 2)
        assert (ends["how"] == "exact").all()
        assert np.isinf(up[~certificate.abstained]).any()
        assert np.isfinite(up[~certificate.abstained]).any()
        for i, j in np.argwhere(up > 0):
            for part in (0.5, 0.999) if np.isfinite(up[i, j]) else (1.0,):
                moved = some[[i]].copy()
                moved[0, j] += part * min(up[i, j], 1e6)
                assert clf.predict(moved)[0] == certificate.labels[i]
            if np.isfinite(up[i, j]):
                moved[0, j] = some[i, j] + up[i, j] + 0.02 * sigma[j]
                now = clf.certify(moved)
                assert now.abstained[0] or now.labels[0] != certificate.labels[i]

    @pytest.mark.parametrize(
        "model", [TREE, hist(max_iter=3, max_leaf_nodes=4), GaussianNB()], ids=lambda m: str(m)[:4]
    )
    def test_others(self, model):
        pytest.importorskip("pandas")
        steps = columns(OneHotEncoder(), MinMaxScaler(clip=not isinstance(model, GaussianNB)))
        base = make_pipeline(steps, model)
        clf = SmoothedClassifier(base, SIGMA, random_state=0).fit(X, Y)
        rows = X[:6]
        ends = clf.per_feature(rows)
        radius = clf.certify(rows)
        for i in np.flatnonzero(~radius.abstained):
            for j in range(3):
                end = ends.iloc[3 * i + j]
                assert end["how"] == "exact"
                assert end["up"] >= radius.radii[i] * SIGMA[j] * (1 - 1e-9)
                for far in (0.999 * min(end["up"], 20 * SIGMA[j]), 0.5 * min(end["up"], 9.0)):
                    moved = rows[[i]].copy()
                    moved[0, j] += far
                    assert clf.predict(moved)[0] == radius.labels[i]


class TestCategoriesOfBoosting:
    """Splits by sets of categories, of columns without noise."""

    @pytest.mark.parametrize("kind", ["additive", "pruned", "boxes"])
    @pytest.mark.parametrize("masked", [False, True])
    def test_arrays(self, kind, masked):
        rng = np.random.default_rng(3)
        kinds = rng.integers(9, size=(400, 2)).astype(float)
        rows = np.column_stack([kinds[:, 0], NUMBERS[:, :2], kinds[:, 1]])
        if masked:
            rows[::11, 0] = np.nan
        lifts = np.array([1, -1, -1, 1, 1, -1, 1, -1, 0.5])
        y = np.where(
            NUMBERS[:, 0] + lifts[kinds[:, 0].astype(int)] + 0.2 * kinds[:, 1] > 1, "yes", "no"
        )
        options = {
            "additive": {"interaction_cst": "no_interactions"},
            "pruned": {"max_leaf_nodes": 5, "max_iter": 20},
            "boxes": {"max_iter": 1},
        }[kind]
        base = hist(categorical_features=[0, 3], min_samples_leaf=5, **options).fit(rows, y)
        assert any(np.any(p.nodes["is_categorical"]) for (p,) in base._predictors)
        sigma = np.array([0.0, 0.5, 4.0, 0.0])
        found = closed(base, rows, (Additive,) if kind == "additive" else FORMS, sigma)
        some = rows[:5] if not masked else rows[[0, 1, 2, 11]]
        some = np.concatenate([some, some[-1:]])
        some[-1, 3] = 77.0  # no category that it has seen
        assert_right(found.law(some), base, some, sigma=sigma)
        with pytest.raises(NotClosedError):
            closed(base, rows, sigma=np.full(4, 0.5))

    def test_frames(self, table):
        if not hasattr(table, "astype"):
            pytest.skip("its column of words and gaps is one of objects in polars")
        table = table.astype({"home": "category"})
        base = hist(categorical_features="from_dtype", interaction_cst="no_interactions")
        clf = SmoothedClassifier(base, TestFrames.SIGMA, random_state=0).fit(table, Y)
        certificate = clf.certify(table[:20])
        assert certificate.method == "exact"
        drawn = clf.set_params(method="montecarlo").certify(table[:20], n=3000)
        assert drawn.shortcut == "steps"
        assert np.all(drawn.p_lower <= certificate.p_lower + 1e-9)
        plain = clf.set_params(shortcuts=None).certify(table[:20], n=3000)
        assert np.array_equal(plain.counts, drawn.counts)


class TestCategoriesOfBoosters:
    """Columns of pandas' dtype category, which boosters turn into codes of their own."""

    KINDS = ("lightgbm", "xgboost")

    @staticmethod
    def frame(pandas, last="stays"):
        rng = np.random.default_rng(3)
        home, number = rng.integers(5, size=300), rng.integers(3, 9, size=300)
        debt = NUMBERS[:300, 0]
        y = debt + np.array([1, -1, -1, 1, 0.5])[home] + 0.5 * (number % 2) > 0.5
        words = pandas.Categorical(np.array(["own", "rent", "parents", "other", last])[home])
        columns = {"home": words, "debt": debt, "age": NUMBERS[:300, 1], "spare": debt > 1}
        frame = pandas.DataFrame(columns | {"number": pandas.Categorical(number)})
        frame.loc[::17, "home"] = None
        return frame, y.astype(int)

    @staticmethod
    def booster(kind, n_estimators=8):
        library = pytest.importorskip(kind)
        options = {"n_estimators": n_estimators, "n_jobs": 1}
        if kind == "xgboost":
            options |= {"enable_categorical": True, "max_cat_to_onehot": 1, "max_depth": 3}
            return library.XGBClassifier(**options)
        options |= {"num_leaves": 6, "min_data_per_group": 5, "verbose": -1}
        return library.LGBMClassifier(**options)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("n_estimators", [1, 8])
    def test_laws(self, kind, n_estimators):
        pandas = pytest.importorskip("pandas")
        frame, y = self.frame(pandas)
        base = self.booster(kind, n_estimators)
        clf = SmoothedClassifier(base, {"debt": 0.5, "age": 4.0, "*": 0}, random_state=0)
        clf.fit(frame, y)
        rows = frame[:18].copy()  # their order is not that of fit
        rows["home"] = rows["home"].cat.reorder_categories(rows["home"].cat.categories[::-1])
        rows["number"] = rows["number"].astype(object).astype("category")
        exact = clf.certify(rows)
        assert exact.form == ("boxes" if n_estimators == 1 else "grid")
        drawn = clf.set_params(method="montecarlo", alpha=1e-6).certify(
            rows, bound="two-sided", n=5000
        )
        assert np.all(drawn.p_lower <= exact.p_lower + exact.width)
        share = drawn.counts[np.arange(18), exact.selected] / 5000
        assert np.all(np.abs(share - exact.p_lower) <= 0.03 + exact.width)

    @pytest.mark.parametrize("kind", KINDS)
    def test_categories_that_are_new(self, kind):
        """LightGBM takes them for missing values, XGBoost refuses them."""
        pandas = pytest.importorskip("pandas")
        frame, y = self.frame(pandas)
        sigma = {"debt": 0.5, "age": 4.0, "*": 0}
        clf = SmoothedClassifier(self.booster(kind), sigma, method="exact", random_state=0)
        clf.fit(frame, y)
        new, gap = frame[:2].copy(), frame[:2].copy()
        new["home"] = pandas.Categorical(["tent", "own"])
        gap["home"] = pandas.Categorical([None, "own"], categories=frame["home"].cat.categories)
        if kind == "xgboost":
            with pytest.raises(ValueError, match="tent"):
                clf.certify(new)
            return
        assert np.array_equal(clf.certify(new).radii, clf.certify(gap).radii)

    @pytest.mark.parametrize("kind", KINDS)
    @pytest.mark.parametrize("step", ["nothing", "columns"])
    def test_steps_that_hand_categories_on(self, kind, step):
        """The model's own codes are known only of the frame that it gets."""
        pandas = pytest.importorskip("pandas")
        frame, y = self.frame(pandas)
        first = FunctionTransformer()
        if step == "columns":
            first = ColumnTransformer(
                [("all", "passthrough", list(frame.columns))], verbose_feature_names_out=False
            ).set_output(transform="pandas")
        base = make_pipeline(first, self.booster(kind))
        sigma = {"debt": 0.5, "age": 4.0, "*": 0}
        clf = SmoothedClassifier(base, sigma, n=500, random_state=0).fit(frame, y)
        assert clf.certify(frame[:5]).method == "montecarlo"
        with pytest.raises(ValueError, match="reach the model|not known to be affine"):
            clf.set_params(method="exact").certify(frame[:5])

    @pytest.mark.parametrize("kind", KINDS)
    def test_letters_beyond_ascii(self, kind):
        """XGBoost cuts its list of names at wrong places then."""
        pandas = pytest.importorskip("pandas")
        frame, y = self.frame(pandas, last="été")
        sigma = {"debt": 0.5, "age": 4.0, "*": 0}
        clf = SmoothedClassifier(self.booster(kind), sigma, n=1000, random_state=0).fit(frame, y)
        method = "exact" if kind == "lightgbm" else "montecarlo"
        assert clf.certify(frame[:5]).method == method

    @pytest.mark.parametrize("kind", KINDS)
    def test_other_columns_than_in_fit(self, kind):
        """A column that is no category any more."""
        pandas = pytest.importorskip("pandas")
        frame, y = self.frame(pandas)
        sigma = {"debt": 0.5, "age": 4.0, "*": 0}
        clf = SmoothedClassifier(self.booster(kind), sigma, method="exact", random_state=0)
        clf.fit(frame, y)
        with pytest.raises(ValueError, match="not those of fit"):
            clf.certify(frame[:5].astype({"home": object}))
