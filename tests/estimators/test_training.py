"""Fitting on noisy copies: what each copy is, and how many of them exist at a time."""

import gc
import tracemalloc
import warnings
import weakref

import numpy as np
import pytest
from helpers import Halfspace, blobs
from numpy.testing import assert_allclose
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Perceptron, SGDClassifier
from sklearn.naive_bayes import BernoulliNB, GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksmooth import SmoothedClassifier
from sksmooth.estimators.fitting import (
    _Copies,
    fit_under_noise,
    noisy_copies,
    noisy_copy,
    seeds_of_rows,
)
from sksmooth.noise import FloatGaussian, IntegerGaussian, IntegerPerFeature
from sksmooth.noise.streams import block_rows

X, y = blobs(60)
SEED = bytes(range(16))


@pytest.fixture
def no_stack(monkeypatch):
    """One copy of X is as much as may be made at once."""
    monkeypatch.setattr("sksmooth.estimators.fitting.STACK_BYTES", X.nbytes)


def fitted(base, n_copies=4, **options):
    defaults = {"noise": IntegerGaussian(0.5, 2), "seed": SEED, "reproducible": True}
    return fit_under_noise(
        base,
        X,
        y,
        n_copies=n_copies,
        fit_params=options.pop("fit_params", {}),
        **defaults,
        **options,
    )


class Learner(Halfspace):
    """Keeps what it is given; knows whether that was gone when the next came."""

    def _learn(self, X, y, sample_weight):
        gc.collect()
        self.alive_ = sum(given() is not None for given in getattr(self, "given_", []))
        self.seen_ = [*getattr(self, "seen_", []), (np.array(X), np.array(y), sample_weight)]
        self.given_ = [*getattr(self, "given_", []), weakref.ref(X)]

    def fit(self, X, y, sample_weight=None, other=None):
        self.calls_, self.other_ = ["fit"], other
        self._learn(X, y, sample_weight)
        return super().fit(X, y)

    def partial_fit(self, X, y, classes=None, sample_weight=None):
        self.calls_.append("partial_fit")
        self._learn(X, y, sample_weight)
        return self


@pytest.mark.parametrize(
    ("shape", "noise"),
    [
        ((3,), FloatGaussian(0.5)),
        ((3,), IntegerGaussian(0.5, 3)),
        ((3,), IntegerPerFeature([0.5, 0.0, 2.0])),
        ((2, 2000), IntegerGaussian(0.5, 4000)),  # 32 draws a block
        ((2, 2000), IntegerGaussian(0.5, 4000, levels=255)),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_copy_alone_is_that_among_all(shape, noise, dtype):
    rows = np.random.default_rng(0).normal(size=(3, *shape)).astype(dtype)
    size = block_rows(rows[0].size)
    n_copies = 2 * size + 2 if size < 100 else 5
    together = noisy_copies(rows, n_copies, noise=noise, seeds=[SEED] * 3)
    together = together.reshape(n_copies, *rows.shape)
    for number in range(n_copies):
        alone = noisy_copy(rows, number, noise=noise, seeds=[SEED] * 3)
        assert alone.dtype == dtype
        assert np.array_equal(alone, together[number])


def test_a_copy_behind_a_block_of_short_rows():
    size = block_rows(2)
    options = {"noise": FloatGaussian(1.0), "seeds": [SEED] * 2}
    together = noisy_copies(X[:2], size + 3, **options).reshape(-1, 2, 2)
    for number in (0, size - 1, size, size + 2):
        alone = noisy_copy(X[:2], number, **options)
        assert np.array_equal(alone, together[number])


class TestEqualRows:
    """Six different rows among 120: a table of few categories."""

    TABLE = np.array(list(np.ndindex(3, 2)), dtype=float)
    ROWS, CODES = np.repeat(TABLE, 20, axis=0), np.tile([0, 1], 60)

    class Seeing(Halfspace):
        def fit(self, X, y, sample_weight=None):
            self.seen_ = X.copy(), np.array(y), sample_weight
            return super().fit(X, y)

    def seen(self, order=None, n_copies=3, weight=None):
        order = np.arange(120) if order is None else order
        params = {} if weight is None else {"sample_weight": weight[order]}
        base = self.Seeing(np.ones(2))
        options = {"noise": IntegerGaussian(0.5, 2), "seed": SEED, "reproducible": True}
        rows, codes = self.ROWS[order], self.CODES[order]
        fit_under_noise(base, rows, codes, n_copies=n_copies, fit_params=params, **options)
        found, codes, weight = base.seen_
        assert np.array_equal(codes, np.tile(self.CODES[order], n_copies))
        return found.reshape(n_copies, 120, 2), weight

    def test_all_have_noise_of_their_own_in_several_copies(self):
        noise = self.seen()[0] - self.ROWS
        assert len(np.unique(noise.reshape(-1, 2), axis=0)) == 360
        assert np.array_equal(self.seen()[0] - self.ROWS, noise)
        # independent: of equal rows, and of their copies
        apart = noise.reshape(3, 6, 20, 2).transpose(2, 0, 1, 3).reshape(20, -1)
        correlations = np.corrcoef(apart)[np.triu_indices(20, 1)]
        assert np.abs(correlations).max() < 5 / np.sqrt(36)
        assert np.abs(noise.std() - 0.5) < 5 * 0.5 / np.sqrt(2 * noise.size)

    def test_the_order_of_rows_with_other_labels_or_weights_does_not_matter(self):
        weight = np.arange(120.0) % 20  # tells all rows apart
        order = np.random.default_rng(0).permutation(120)
        found, passed = self.seen(order, weight=weight)
        assert np.array_equal(found, self.seen(weight=weight)[0][:, order])
        assert np.array_equal(passed, np.tile(weight[order], 3))
        # without weights the ten rows that are equal in all share their noises out
        for one, two in zip(self.seen()[0], self.seen(order)[0], strict=True):
            both = [
                np.column_stack([Z, c]) for Z, c in ((one, self.CODES), (two, self.CODES[order]))
            ]
            assert np.array_equal(*(np.unique(Z, axis=0) for Z in both))

    def test_the_first_of_equal_rows_has_the_noise_that_it_would_have_alone(self):
        alone = noisy_copies(self.TABLE, 3, noise=IntegerGaussian(0.5, 2), seeds=[SEED] * 6)
        assert np.array_equal(alone.reshape(3, 6, 2), self.seen()[0][:, ::20])

    def test_a_single_copy_weighs_equal_rows_alike(self):
        """A row that is repeated is one of twice the weight, to scikit-learn."""
        noise = self.seen(n_copies=1)[0][0] - self.ROWS
        assert len(np.unique(noise, axis=0)) == 6

    def test_parts_are_those_of_the_stack(self, monkeypatch):
        together = self.seen()[0]
        monkeypatch.setattr("sksmooth.estimators.fitting.STACK_BYTES", 1)
        base = Learner(np.ones(2))
        options = {"noise": IntegerGaussian(0.5, 2), "seed": SEED, "reproducible": True}
        with pytest.warns(UserWarning, match="partial_fit, once, on each"):
            fit_under_noise(base, self.ROWS, self.CODES, n_copies=3, fit_params={}, **options)
        assert all(np.array_equal(a, b[0]) for a, b in zip(together, base.seen_, strict=True))

    def test_copies_of_some_rows_are_theirs_among_all(self):
        """So those that are held out have noise of their own too."""
        noise, places = IntegerGaussian(0.5, 2), np.array([7, 3, 119, 8])
        seeds = seeds_of_rows(self.ROWS, self.CODES, None, noise=noise, seed=SEED)
        copies = _Copies(self.ROWS, 2, noise, seeds, None)
        some, every = copies.of(places), copies.of(np.arange(120))
        assert np.array_equal(some.reshape(2, 4, 2), every.reshape(2, 120, 2)[:, places])

    def test_certificates_know_nothing_of_it(self):
        """Certification draws by content: equal rows have equal votes."""
        clf = SmoothedClassifier(GaussianNB(), sigma=0.5, n_augment=2, random_state=0)
        clf.set_params(method="montecarlo").fit(self.ROWS, self.CODES)
        counts = clf.certify(self.ROWS[::10], n=200).counts
        assert np.array_equal(counts[::2], counts[1::2])


class TestFitParameters:
    """What has one value per row is repeated with the rows; all else is passed on as it is."""

    class Taking(Halfspace):
        def fit(self, X, y, **params):
            self.params_ = params
            return super().fit(X, y)

    @pytest.mark.parametrize(
        "value",
        [
            [(X[:7], y[:7])],  # a validation set, as boosting libraries take it
            [(X, y), (X[:9], y[:9])],
            (X[:7], y[:7]),
            [[1], [2, 3]],
            {"a": 1},
            "x" * 60,
            b"x" * 60,
            {*range(60)},
            dict.fromkeys(range(60)),
            [object()] * 59,
            np.arange(59.0),
            np.float64(3.0),
            7,
            None,
        ],
        ids=lambda value: repr(value)[:20],
    )
    def test_what_is_passed_on(self, value):
        model = fitted(self.Taking(), fit_params={"given": value})
        assert model.params_["given"] is value

    @pytest.mark.parametrize("kind", [list, tuple, np.array, "pandas", "polars", "table"])
    def test_what_is_repeated(self, kind):
        values = [float(i) for i in range(60)]
        if kind in ("pandas", "polars"):
            given = pytest.importorskip(kind).Series(values)
        elif kind == "table":
            given = np.column_stack([values, values])
        else:
            given = kind(values)
        model = fitted(self.Taking(), fit_params={"given": given})
        found = np.asarray(model.params_["given"])
        assert len(found) == 240
        assert np.array_equal(found[:, 0] if kind == "table" else found, values * 4)

    @pytest.mark.parametrize("values", [["a", "b", "c"], [[1], [2, 3], []], [None, {}, "x"]])
    def test_rows_of_any_kind(self, values):
        model = fitted(self.Taking(), fit_params={"given": values * 20})
        assert list(model.params_["given"]) == values * 80


class TestInParts:
    def test_one_copy_exists_at_a_time(self, no_stack):
        with pytest.warns(UserWarning, match="partial_fit, once, on each"):
            model = fitted(Learner())
        assert model.calls_ == ["fit", *["partial_fit"] * 3]
        assert model.alive_ == 0
        expected = noisy_copies(X, 4, noise=IntegerGaussian(0.5, 2), seeds=[SEED] * 60)
        expected = expected.reshape(4, 60, 2)
        for copy, (rows, codes, weight) in zip(expected, model.seen_, strict=True):
            assert np.array_equal(rows, copy)
            assert np.array_equal(codes, y)
            assert weight is None

    def test_memory(self, monkeypatch):
        """Eight copies are never there together: two would be too many."""
        rows = np.random.default_rng(0).normal(size=(60, 20_000)).astype(np.float32)
        monkeypatch.setattr("sksmooth.estimators.fitting.STACK_BYTES", rows.nbytes)
        options = {
            "noise": FloatGaussian(0.5),
            "seed": SEED,
            "reproducible": True,
            "fit_params": {},
        }
        peaks = {}
        for base in (Passing(), Halfspace(np.ones(20_000))):
            tracemalloc.start()
            with pytest.warns(UserWarning, match="GB"):
                fit_under_noise(base, rows, y, n_copies=8, **options)
            peaks[type(base)] = tracemalloc.get_traced_memory()[1] / rows.nbytes
            tracemalloc.stop()
        assert peaks[Passing] < 1.9  # a copy, and a block of draws
        assert peaks[Halfspace] > 8

    def test_what_fits_is_one_training_set(self, monkeypatch):
        monkeypatch.setattr("sksmooth.estimators.fitting.STACK_BYTES", 4 * X.nbytes)
        model = fitted(Learner())  # and no warning
        assert model.calls_ == ["fit"]
        assert len(model.seen_[0][0]) == 240
        with pytest.warns(UserWarning, match="n_augment=5"):
            assert len(fitted(Learner(), n_copies=5).calls_) == 5

    def test_one_copy_needs_no_words(self, no_stack, monkeypatch):
        monkeypatch.setattr("sksmooth.estimators.fitting.STACK_BYTES", 1)
        assert fitted(Learner(), n_copies=1).calls_ == ["fit"]

    @pytest.mark.filterwarnings("ignore:n_augment")
    def test_weights_follow_and_other_parameters_are_for_fit(self, no_stack):
        params = {"sample_weight": np.arange(60.0), "other": "x" * 60}
        model = fitted(Learner(), fit_params=params)
        assert model.other_ == "x" * 60
        assert len(model.calls_) == 4
        for _, _, weight in model.seen_:
            assert np.array_equal(weight, np.arange(60.0))

    @pytest.mark.parametrize("base", [GaussianNB(), BernoulliNB()], ids=str)
    @pytest.mark.parametrize("weighted", [False, True])
    @pytest.mark.filterwarnings("ignore:n_augment")
    def test_sums_are_those_of_all_copies(self, base, weighted, monkeypatch):
        """Naive Bayes learns nothing but sums."""
        options = {"sigma": 0.5, "n_augment": 5, "random_state": 0}
        params = {"sample_weight": np.arange(1.0, 61.0)} if weighted else {}
        stacked = SmoothedClassifier(base, **options).fit(X, y, **params).estimator_
        monkeypatch.setattr("sksmooth.estimators.fitting.STACK_BYTES", X.nbytes)
        in_parts = SmoothedClassifier(base, **options).fit(X, y, **params).estimator_
        names = ["theta_", "var_"] if isinstance(base, GaussianNB) else ["feature_log_prob_"]
        for name in names:
            one, other = getattr(stacked, name), getattr(in_parts, name)
            assert not np.allclose(one, 0)
            assert_allclose(one, other, rtol=1e-7)

    @pytest.mark.parametrize(
        "base",
        [
            SGDClassifier(),
            Perceptron(),
            MLPClassifier((4,), learning_rate_init=0.1, max_iter=20),
            BernoulliNB(),
        ],
        ids=lambda base: type(base).__name__,
    )
    @pytest.mark.filterwarnings("ignore:n_augment")
    def test_classifiers_of_scikit_learn(self, base, no_stack):
        """They go on where fit has ended: later copies change them."""
        fits = []
        for n_augment in (1, 3):
            clf = SmoothedClassifier(base, sigma=0.5, n_augment=n_augment, random_state=0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                fits.append(clf.fit(X, y))
        assert fits[1].estimator_.score(X, y) > 0.75
        assert len(fits[1].certify(X[:3], n=100)) == 3
        first, last = (
            (clf.estimator_.predict_proba(X) for clf in fits)
            if hasattr(base, "predict_proba")
            else (clf.estimator_.coef_ for clf in fits)
        )
        assert not np.allclose(first, last)

    @pytest.mark.filterwarnings("ignore:n_augment")
    def test_names_of_columns_are_kept(self, no_stack):
        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame(X, columns=["a", "b"])
        clf = SmoothedClassifier(SGDClassifier(), n_augment=3, random_state=0).fit(frame, y)
        assert clf.estimator_.feature_names_in_.tolist() == ["a", "b"]


class Passing(Halfspace):
    """Learns nothing, in parts."""

    def partial_fit(self, X, y, classes=None):
        return self


class TestAtOnce:
    @pytest.mark.parametrize(
        ("base", "params"),
        [
            (Halfspace(), {}),
            (make_pipeline(StandardScaler(), SGDClassifier()), {}),
            (SGDClassifier(early_stopping=True), {}),
            (SGDClassifier(class_weight="balanced"), {}),
            (MLPClassifier((4,), solver="lbfgs"), {}),
        ],
        ids=str,
    )
    @pytest.mark.filterwarnings("ignore:.*holds out rows by its parameter early_stopping")
    def test_what_it_takes_is_said(self, base, params, monkeypatch):
        monkeypatch.setattr("sksmooth.estimators.fitting.STACK_BYTES", X.nbytes)
        name = type(base).__name__
        said = rf"60 rows x 2 values x 8 bytes are 3.84e-06 GB, made at once, since {name} cannot"
        clf = SmoothedClassifier(base, sigma=0.5, n_augment=4, random_state=0)
        with pytest.warns(UserWarning, match=said) as caught:
            clf.fit(X, y, **params)
        for way_out in ("smaller n_augment", "sample", "float32", "partial_fit"):
            assert way_out in str(caught[0].message)
        assert caught[0].filename == __file__
        assert len(clf.certify(X[:2], n=100)) == 2

    def test_weights_that_partial_fit_would_not_take(self, no_stack):
        """Rather all copies at once than copies without their weights."""

        class Weighted(Learner):
            def partial_fit(self, X, y, classes=None):
                raise AssertionError("the weights would be lost")

        with pytest.warns(UserWarning, match="at once"):
            model = fitted(Weighted(), fit_params={"sample_weight": np.arange(60)})
        assert model.seen_[0][2].tolist() == [*range(60)] * 4

    def test_any_names(self, no_stack):
        """As meta-estimators take the parameters of what is inside them."""

        class Any(Learner):
            def partial_fit(self, X, y, classes=None, **params):
                return super().partial_fit(X, y, **params)

        with pytest.warns(UserWarning, match="once, on each"):
            model = fitted(Any(), fit_params={"sample_weight": np.arange(60)})
        assert [weight.tolist() for _, _, weight in model.seen_] == [[*range(60)]] * 4
