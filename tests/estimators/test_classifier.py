import pickle
import warnings

import joblib
import numpy as np
import pytest
import sklearn
from helpers import Halfspace, Recorder, blobs
from numpy.testing import assert_allclose
from scipy import sparse
from scipy.special import ndtri
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import HalvingGridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier, certified_accuracy_scorer
from sksmooth.backends import get_backend
from sksmooth.estimators.fitting import noisy_copies
from sksmooth.noise import FloatGaussian, IntegerGaussian
from sksmooth.noise.streams import Purpose
from sksmooth.sampling.count import count_votes

X, y = blobs(60)


def smoothed(base=None, **options):
    defaults = {"sigma": 0.5, "n": 500, "method": "montecarlo", "random_state": 0}
    return SmoothedClassifier(GaussianNB() if base is None else base, **(defaults | options))


def shared_rows(one, other):
    """Rows that are in both; single values of noise on a grid may well occur twice."""
    return set(map(tuple, one.tolist())) & set(map(tuple, other.tolist()))


class TestResults:
    def test_the_same_seed_gives_the_same_counts(self):
        counts = [smoothed().fit(X, y).certify(X).counts for _ in range(2)]
        assert np.array_equal(*counts)

    def test_another_seed_gives_others(self):
        counts = [smoothed(random_state=s).fit(X, y).certify(X).counts for s in (0, 1)]
        assert not np.array_equal(*counts)

    def test_without_a_seed_fits_differ_but_calls_agree(self):
        fits = [smoothed(random_state=None).fit(X, y) for _ in range(2)]
        assert not np.array_equal(*(clf.certify(X).counts for clf in fits))
        assert np.array_equal(*(fits[0].certify(X).counts for _ in range(2)))

    def test_the_seed_of_the_noise_is_drawn_anew_in_each_fit(self):
        """With a base that is always the same, only the noise can differ."""
        base = FrozenEstimator(Halfspace().fit(X, y))
        for seeds in ((None, None), (0, 1)):
            fits = [smoothed(base, random_state=seed).fit(X, y) for seed in seeds]
            assert not np.array_equal(*(clf.certify(X).counts for clf in fits))

    def test_a_random_state_instance_moves_on(self):
        rng = np.random.RandomState(0)
        counts = [smoothed(random_state=rng).fit(X, y).certify(X).counts for _ in range(2)]
        assert not np.array_equal(*counts)

    def test_the_seed_does_not_depend_on_the_state_of_numpy(self):
        np.random.seed(0)
        first = smoothed(random_state=None).fit(X, y).certify(X).counts
        np.random.seed(0)
        assert not np.array_equal(smoothed(random_state=None).fit(X, y).certify(X).counts, first)

    def test_pickle(self):
        clf = smoothed().fit(X, y)
        assert np.array_equal(
            pickle.loads(pickle.dumps(clf)).certify(X).counts, clf.certify(X).counts
        )

    def test_predict_and_certify_use_independent_draws(self, no_trials):
        clf = smoothed(Recorder(), n_predict=300).fit(X, y)
        clf.estimator_.batches_.clear()
        clf.predict(X[:1])
        clf.certify(X[:1], n=300, n0=300)
        a, b, c = clf.estimator_.batches_
        for one, two in [(a, b), (a, c), (b, c)]:
            assert not shared_rows(one, two)

    def test_training_noise_is_not_test_noise(self):
        clf = smoothed(Recorder(), n_augment=3).fit(X, y)
        trained_on = clf.estimator_.X_
        clf.estimator_.batches_.clear()
        clf.certify(X, n=100)
        clf.predict(X)
        assert not shared_rows(trained_on, np.concatenate(clf.estimator_.batches_))

    def test_set_params_after_fit(self):
        clf = smoothed().fit(X, y)
        counts = clf.certify(X).counts
        assert np.array_equal(clf.set_params(random_state=5).certify(X).counts, counts)
        assert clf.set_params(sigma=2.0).certify(X).sigma == 2.0
        with pytest.raises(ValueError, match="'alpha' parameter"):
            clf.set_params(alpha=5).certify(X)

    def test_overrides(self):
        certificate = smoothed().fit(X, y).certify(X[:3], 200, n0=50, alpha=0.01)
        assert (certificate.n, certificate.n0, certificate.alpha) == (200, 50, 0.01)
        assert certificate.counts.sum(axis=1).tolist() == [200] * 3

    def test_radii_scale_with_the_units_of_X(self):
        """Scaling X and sigma by a power of two scales the radii by exactly that."""
        small = smoothed(Halfspace()).fit(X, y).certify(X)
        large = smoothed(Halfspace(), sigma=2.0).fit(4 * X, y).certify(4 * X)
        # keys differ, so counts do; the largest radius is reached by unanimous votes in both
        assert large.radii.max() == 4 * small.radii.max()

    def test_vote_frequencies_and_predict_proba(self):
        clf = smoothed(abstain_label=None).fit(X, y)
        proba = clf.predict_proba(X)
        assert np.array_equal(proba, clf.vote_frequencies(X))
        assert_allclose(proba.sum(axis=1), 1)
        assert np.array_equal(clf.predict(X), clf.classes_[proba.argmax(axis=1)])
        assert not hasattr(smoothed(), "predict_proba")
        with pytest.raises(AttributeError) as error:
            smoothed().fit(X, y).predict_proba(X)
        assert "only with abstain_label=None" in str(error.value.__cause__)

    def test_abstention_is_settled_in_fit(self):
        abstains = smoothed(Halfspace(), n_predict=100).fit(X, y).set_params(abstain_label=None)
        assert not hasattr(abstains, "predict_proba")
        assert abstains.predict([[0.0, 0.0]]) == [-1]
        never = smoothed(abstain_label=None).fit(X, y).set_params(abstain_label="auto")
        assert hasattr(never, "predict_proba")

    def test_never_abstaining(self):
        on_the_border = np.array([[0.0, 0.0]])
        assert smoothed(Halfspace(), n_predict=100).fit(X, y).predict(on_the_border) == [-1]
        never = smoothed(Halfspace(), n_predict=100, abstain_label=None).fit(X, y)
        assert never.predict(on_the_border)[0] in (0, 1)
        assert never.abstain_label_ is None


class TestLabels:
    @pytest.mark.parametrize(
        ("labels", "abstain"),
        [
            (["cat", "dog"], "abstain"),
            (["ab", "cd"], "abstain"),
            ([-1, 1], -2),
            ([0.0, 1.0], -1.0),
            ([False, True], -1),
            (np.array([3, 200], dtype=np.uint8), -1),
        ],
    )
    def test_kinds(self, labels, abstain):
        target = np.asarray(labels)[y]
        clf = smoothed(Halfspace()).fit(X, target)
        assert clf.abstain_label_ == abstain
        rows = np.array([[0.0, 0.0], [9.0, 0.0], [-9.0, 0.0]])
        expected = [abstain, labels[1], labels[0]]
        assert clf.predict(rows).tolist() == expected
        assert clf.certify(rows).labels.tolist() == expected

    def test_the_base_sees_labels_as_given(self):
        labels = np.array(["x", "a"])[y]
        clf = smoothed(Recorder()).fit(X, labels)
        assert clf.classes_.tolist() == ["a", "x"]
        assert clf.estimator_.y_.tolist() == labels.tolist()

    def test_pandas_and_polars_labels(self):
        pd, pl = pytest.importorskip("pandas"), pytest.importorskip("polars")
        for target in (pd.Series(np.array(["a", "b"])[y]), pl.Series(np.array(["a", "b"])[y])):
            assert smoothed().fit(X, target).predict(X[:2]).tolist() == ["a", "b"]

    def test_abstention_is_an_error_even_if_its_label_is_right(self):
        rows = np.array([[1e-9, i] for i in range(10)])
        clf = smoothed(Halfspace(), n_predict=100).fit(X, y)
        # the training part of a split lacked class -1, so that -1 stands for abstentions
        assert clf.predict(rows).tolist() == [-1] * 10
        assert clf.score(rows, np.full(10, -1)) == 0.0
        # nor is an abstention right where the top class is
        assert clf.score(rows, clf.vote_frequencies(rows).argmax(axis=1)) == 0.0

    def test_score_refuses_other_lengths(self):
        clf = smoothed(Halfspace()).fit(X, y)
        for target, weights in ((y[:1], None), (y[:5], None), (y, np.ones(3))):
            with pytest.raises(ValueError, match="inconsistent numbers of samples"):
                clf.score(X, target, sample_weight=weights)
        with pytest.raises(ValueError, match="Pass the labels as they were given to fit"):
            clf.score(X, y.astype(str))

    def test_huge_unsigned_labels(self):
        huge = np.array([2**63, 2**63 + 5], dtype=np.uint64)
        with pytest.raises(ValueError, match="does not fit into int64"):
            smoothed(Halfspace()).fit(X, huge[y])
        clf = smoothed(Halfspace(), abstain_label=None).fit(X, huge[y])
        assert clf.certify([[9.0, 0.0]]).labels.tolist() == [2**63 + 5]

    def test_score_with_weights(self):
        clf = smoothed(Halfspace()).fit(X, y)
        rows, target = np.array([[9.0, 0], [-9.0, 0]]), np.array([1, 1])
        assert clf.score(rows, target, sample_weight=[3, 1]) == 0.75
        assert smoothed(Halfspace(), abstain_label=None).fit(X, y).score(rows, target) == 0.5


def fitted_on(rows, **options):
    return smoothed(Recorder(), **options).fit(rows, np.arange(len(rows)) % 2)


class TestGrid:
    """Exact noise is drawn on a grid that the training rows and sigma settle."""

    BYTES = np.random.default_rng(0).integers(256, size=(60, 2)).astype(float)

    @pytest.mark.parametrize(
        ("rows", "sigma", "levels"),
        [
            (BYTES / 255, 0.25, 255),
            ((BYTES / 255).astype(np.float32), 0.12, 255),
            (BYTES.astype(np.float32) / np.float32(255), 1.0, 255),
            (BYTES, 60.0, 1),
            (BYTES, 8.0, 1),
            (BYTES.astype(np.uint8), 60.0, 1),
            (BYTES // 128, 0.25, None),  # two values: not a picture
            (BYTES // 128 * 255, 60.0, 1),
            (BYTES - 1, 60.0, None),
            (BYTES + 1, 60.0, None),
            (BYTES / 256, 0.25, None),
            (BYTES / 255 - 0.5, 0.25, None),
            (BYTES / 255 + 1e-3 * np.eye(60, 2), 0.25, None),
            (BYTES / 255, 0.03, None),  # too narrow for the grid, or too wide
            (BYTES / 255, 2.1, None),
            (BYTES, 7.0, None),
            (BYTES, 513.0, None),
            (X, 0.5, None),
        ],
    )
    def test_where_it_is_found(self, rows, sigma, levels):
        clf = fitted_on(rows, sigma=sigma)
        noise = clf.certify(rows[:3], n=100).noise
        assert noise == IntegerGaussian(float(sigma), 2, levels)
        step = sigma / 2**22 if levels is None else 1 / levels
        trained_on = clf.estimator_.X_.astype(float)
        assert abs(trained_on / step - np.rint(trained_on / step)).max() < 1e-4

    def test_the_rows_that_are_certified_do_not_change_it(self, no_trials):
        clf = fitted_on(self.BYTES / 255, sigma=0.25)
        clf.estimator_.batches_.clear()
        certificate = clf.certify(X / 10, n=100)
        assert certificate.noise.levels == 255
        seen = np.concatenate(clf.estimator_.batches_) * 255
        assert abs(seen - np.rint(seen)).max() < 1e-9

    def test_sigma_may(self):
        clf = fitted_on(self.BYTES / 255, sigma=0.25)
        assert clf.set_params(sigma=2.5).certify(X, n=100).noise == IntegerGaussian(2.5, 2)
        assert clf.set_params(sigma=0.5).certify(X, n=100).noise == IntegerGaussian(0.5, 2, 255)

    def test_pictures_in_any_shape(self):
        rows = self.BYTES.reshape(10, 3, 2, 2) / 255

        class First(Recorder):
            def predict(self, X):
                return self.classes_[(X[:, 0, 0, 0] > 0.5).astype(int)]

        clf = smoothed(First(), sigma=0.25).fit(rows, np.arange(10) % 2)
        assert clf.certify(rows, n=100).noise == IntegerGaussian(0.25, 12, 255)

    def test_floats(self, no_trials):
        clf = fitted_on(self.BYTES / 255, sigma=0.25, arithmetic="float")
        certificate = clf.certify(self.BYTES / 255, n=100)
        assert certificate.noise == FloatGaussian(0.25)
        assert "(unsound in floating point)" in repr(certificate)
        assert np.all(certificate.tv_error == 0)
        seen = np.concatenate(clf.estimator_.batches_) * 255
        assert np.median(abs(seen - np.rint(seen))) > 0.1
        assert "unsound" not in repr(clf.set_params(arithmetic="integer").certify(X, n=100))

    def test_streams(self):
        clf = fitted_on(X)
        certificates = [clf.set_params(stream=s).certify(X) for s in ("philox", "shake128")]
        assert [c.stream for c in certificates] == ["philox", "shake128"]
        assert not np.array_equal(certificates[0].counts, certificates[1].counts)
        assert np.array_equal(clf.certify(X).counts, certificates[1].counts)
        near = abs(certificates[0].p_lower - certificates[1].p_lower)
        assert near.max() < 0.15

    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"noise": "cauchy"}, r"noise must be one of \['gaussian'.*got 'cauchy'"),
            ({"noise": "exact"}, "noise='exact' is now arithmetic='integer'"),
            ({"noise": "float"}, "noise='float' is now arithmetic='float'"),
            ({"arithmetic": "exact"}, "'arithmetic' parameter"),
            ({"noise": None}, "'noise' parameter"),
            ({"stream": "mt19937"}, "'stream' parameter"),
            ({"arithmetic": "float", "stream": "shake128"}, "drawn by numpy from stream='philox'"),
        ],
    )
    def test_what_is_refused(self, options, match):
        with pytest.raises(ValueError, match=match):
            smoothed(**options).fit(X, y)

    def test_rows_that_are_too_large(self):
        far = np.array([[2.0**29, 0.0]])  # the limit is 2**29 sigma
        clf = smoothed(Halfspace()).fit(X, y)
        with pytest.raises(ValueError, match="too large for noise of sigma=0.5"):
            clf.predict(far)
        assert clf.set_params(sigma=2.0).predict(far).tolist() == [1]

    def test_what_the_noise_is_off_by_is_charged(self):
        certificate = fitted_on(X).certify(X)
        assert np.all(certificate.tv_error == certificate.noise.tv_error)
        assert 0 < certificate.tv_error[0] < 1e-15
        assert certificate.max_radius < 0.5 * ndtri(0.001 ** (1 / 500))

    def test_a_large_error_is_charged(self, monkeypatch):
        """In certificates, in what can be certified at all, and in predictions."""
        rows = np.linspace(-1.5, 1.5, 40)[:, None] * [1.0, 0.0]
        clf = smoothed(Halfspace(), n_predict=500, alpha=0.1).fit(X, y)
        ideal, answers = clf.certify(rows), clf.predict(rows)
        monkeypatch.setattr(IntegerGaussian, "tv_error", 0.05)
        certificate = clf.certify(rows)
        assert_allclose(certificate.p_lower, np.maximum(ideal.p_lower - 0.05, 0), atol=1e-12)
        assert certificate.abstained.sum() > ideal.abstained.sum()
        assert certificate.max_radius < ideal.max_radius
        assert np.all(
            certificate.radii[~certificate.abstained] < ideal.radii[~certificate.abstained]
        )
        asked = clf.certify(rows, radius=0.2)
        assert np.all(asked.radii <= asked.max_radius)
        assert asked.max_radius <= certificate.max_radius
        doubtful = clf.predict(rows)
        assert (doubtful == -1).sum() > (answers == -1).sum()
        decided = doubtful != -1
        assert np.array_equal(doubtful[decided], answers[decided])


class TestFit:
    def test_a_fit_that_fails_leaves_nothing_to_certify_with(self):
        class Interrupted(Halfspace):
            def fit(self, X, y):
                raise KeyboardInterrupt

        clf = smoothed(Halfspace()).fit(X, np.array(["cat", "dog"])[y])
        with pytest.raises(KeyboardInterrupt):
            clf.set_params(estimator=Interrupted()).fit(X, np.array(["apple", "pear"])[y])
        with pytest.raises(NotFittedError):
            clf.certify(X)

    def test_a_bad_abstain_label_is_refused_before_the_training(self):
        class Expensive(Halfspace):
            def fit(self, X, y):
                raise AssertionError("was trained")

        with pytest.raises(ValueError, match="is one of the classes"):
            smoothed(Expensive(), abstain_label=1).fit(X, y)

    def test_noise_has_sigma_and_comes_fresh_for_each_copy(self):
        clf = smoothed(Recorder(), sigma=0.3, n_augment=50).fit(X, y)
        noise = clf.estimator_.X_.reshape(50, 60, 2) - X
        assert_allclose(noise.std(), 0.3, rtol=0.03)
        assert len(np.unique(noise)) == noise.size
        assert clf.estimator_.y_.tolist() == np.tile(y, 50).tolist()

    def test_many_copies_cross_blocks(self):
        clf = smoothed(Recorder(), n_augment=5000).fit(X[:2], y[:2])
        assert len(np.unique(clf.estimator_.X_, axis=0)) == 5000 * 2

    def test_weights_mean_repetition(self):
        weights = np.array([1, 3] * 30)
        rows = np.repeat(np.arange(60), weights)
        base = DecisionTreeClassifier(max_depth=3)
        weighted = smoothed(base).fit(X, y, sample_weight=weights)  # one copy: n_augment=1
        repeated = smoothed(base).fit(X[rows], y[rows])
        assert np.array_equal(weighted.certify(X).counts, repeated.certify(X).counts)

    def test_per_row_fit_params_are_repeated(self):
        class Weighted(Recorder):
            def fit(self, X, y, sample_weight=None, other=None):
                self.weight_, self.other_ = sample_weight, other
                return super().fit(X, y)

        for other in ("x" * 60, np.float64(3.0), None):  # of the length of X, or of none
            clf = smoothed(Weighted(), n_augment=2)
            clf.fit(X, y, sample_weight=np.arange(60), other=other)
            assert clf.estimator_.weight_.tolist() == [*range(60), *range(60)]
            assert clf.estimator_.other_ == other

    def test_noise_of_copies_is_of_its_own_purpose(self):
        """Even with one seed for all, training does not see the noise of certification."""
        seed, noise = bytes(16), FloatGaussian(1.0)
        copies = noisy_copies(X[:3], 100, noise=noise, seeds=[seed] * 3)
        model = Recorder().fit(X, y)
        backend = get_backend(model, np.arange(2))
        for purpose in (Purpose.PREDICT, Purpose.SELECT, Purpose.ESTIMATE):
            count_votes(backend, X[:3], 100, noise=noise, seed=seed, purpose=purpose)
        assert not np.isin(copies, np.concatenate(model.batches_)).any()

    @pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    @pytest.mark.parametrize(
        "base",
        [
            RandomForestClassifier(5),
            make_pipeline(StandardScaler(), MLPClassifier((4,), max_iter=5)),
        ],
    )
    def test_random_state_alone_makes_it_reproducible(self, base):
        counts = [smoothed(base).fit(X, y).certify(X).counts for _ in range(2)]
        assert np.array_equal(*counts)

    def test_a_seed_that_is_set_is_kept(self):
        base = RandomForestClassifier(2, random_state=42)
        assert smoothed(base).fit(X, y).estimator_.random_state == 42
        assert smoothed(RandomForestClassifier(2)).fit(X, y).estimator_.random_state is not None
        unseeded = smoothed(RandomForestClassifier(2), random_state=None).fit(X, y)
        assert unseeded.estimator_.random_state is None

    def test_the_given_estimator_and_data_are_left_alone(self):
        base, rows = GaussianNB(), X.copy()
        smoothed(base).fit(rows, y).certify(rows)
        assert not hasattr(base, "classes_")
        assert np.array_equal(rows, X)

    def test_the_global_generator_is_left_alone(self):
        np.random.seed(1)
        state = np.random.get_state()[1].copy()
        smoothed().fit(X, y).certify(X)
        assert np.array_equal(np.random.get_state()[1], state)

    def test_metadata_routing(self):
        with sklearn.config_context(enable_metadata_routing=True):
            base = GaussianNB().set_fit_request(sample_weight=True)
            weighted = smoothed(base).fit(X, y, sample_weight=np.arange(60))
            plain = smoothed(base).fit(X, y)
            assert not np.array_equal(weighted.certify(X).counts, plain.certify(X).counts)
            with pytest.raises(TypeError, match="unexpected argument"):
                smoothed(base).fit(X, y, other=1)
            scored = cross_val_score(
                smoothed(base).set_score_request(sample_weight=True),
                X,
                y,
                params={"sample_weight": np.arange(60)},
                cv=2,
            )
            assert scored.shape == (2,)

    def test_halving_search_over_n(self):
        search = HalvingGridSearchCV(
            smoothed(n0=20),
            {"sigma": [0.25, 0.5, 1.0, 2.0]},
            resource="n",
            max_resources=800,
            min_resources=200,
            factor=2,
            scoring=certified_accuracy_scorer(radius=0.25),
            cv=2,
        ).fit(X, y)
        assert search.n_resources_ == [200, 400, 800]
        assert search.best_estimator_.certify(X).n == 800


class TestFrozen:
    def test_a_trained_model_is_not_touched(self):
        trained = LogisticRegression().fit(X, np.array(["no", "yes"])[y])
        before = trained.coef_.copy()
        clf = smoothed(FrozenEstimator(trained)).fit(X, np.array(["no", "yes"])[y])
        assert clf.classes_.tolist() == ["no", "yes"]
        assert np.array_equal(trained.coef_, before)
        assert clf.score(X, np.array(["no", "yes"])[y]) > 0.9
        assert set(clf.certify(X).labels) <= {"no", "yes", "abstain"}

    def test_same_counts_as_the_same_model_fitted_here(self):
        ours = smoothed(Halfspace()).fit(X, y)
        frozen = smoothed(FrozenEstimator(Halfspace().fit(X, y))).fit(X, y)
        frozen._seed = ours._seed
        assert np.array_equal(ours.certify(X).counts, frozen.certify(X).counts)

    def test_inside_a_pipeline(self):
        labels = np.array([10, 20])[y]
        scaler = StandardScaler().fit(X)
        model = LogisticRegression().fit(scaler.transform(X), labels)
        for base in (
            make_pipeline(FrozenEstimator(scaler), FrozenEstimator(model)),
            FrozenEstimator(make_pipeline(scaler, model)),
        ):
            clf = smoothed(base).fit(X, labels)
            assert clf.classes_.tolist() == [10, 20]
            assert clf.score(X, labels) > 0.9

    def test_steps_in_front_of_a_frozen_model_are_not_fitted_anew(self):
        model = FrozenEstimator(GaussianNB().fit(X, y))
        with pytest.raises(
            ValueError, match="StandardScaler would be fitted anew.*FrozenEstimator"
        ):
            smoothed(make_pipeline(StandardScaler(), model)).fit(X, y)
        stateless = make_pipeline(FunctionTransformer(np.negative), "passthrough", model)
        assert smoothed(stateless).fit(-X, y).score(-X, y) > 0.9

    def test_classes_that_are_missing_from_y_keep_their_place(self):
        trained = GaussianNB().fit(*blobs(60, k=3))
        clf = smoothed(FrozenEstimator(trained)).fit(X, y)
        assert clf.classes_.tolist() == [0, 1, 2]
        assert clf.certify(X).counts.shape == (60, 3)

    def test_classes_in_any_order(self):
        """Columns of counts follow the model's own classes_."""

        class Unsorted(Halfspace):
            def predict(self, X):
                return np.array([20, 0, 10])[np.digitize(X[:, 0], [-1, 1])]

        model = Unsorted().fit(X, y)
        model.classes_ = np.array([20, 0, 10])
        clf = smoothed(FrozenEstimator(model), sigma=0.1).fit(X, 10 * y)
        rows = np.array([[-9.0, 0], [0, 0], [9, 0]])
        assert clf.certify(rows).labels.tolist() == [20, 0, 10]
        assert clf.certify(rows).counts.argmax(axis=1).tolist() == [0, 1, 2]

    def test_unknown_labels_are_refused(self):
        with pytest.raises(ValueError, match=r"labels \[7\], which the frozen estimator does not"):
            smoothed(FrozenEstimator(GaussianNB().fit(X, y))).fit(X, np.where(y == 0, 0, 7))

    def test_sigma_can_be_searched_without_refitting(self):
        clf = smoothed(FrozenEstimator(GaussianNB().fit(X, y)))
        assert clone(clf).set_params(sigma=1.0).fit(X, y).estimator_ is clf.estimator


class TestFrames:
    @pytest.fixture(params=["pandas", "polars"])
    def frame(self, request):
        library = pytest.importorskip(request.param)
        return library.DataFrame({"a": X[:, 0], "b": X[:, 1]})

    def test_names_are_kept_and_do_not_warn(self, frame):
        clf = smoothed().fit(frame, y)
        assert clf.feature_names_in_.tolist() == ["a", "b"]
        assert np.array_equal(clf.certify(frame).counts, smoothed().fit(X, y).certify(X).counts)

    def test_a_base_that_selects_columns_by_name(self, frame):
        base = make_pipeline(
            make_column_transformer((StandardScaler(), ["a"])), LogisticRegression()
        )
        base.set_output(transform="default")
        clf = smoothed(base, n_augment=2).fit(frame, y)
        assert clf.score(frame, y) > 0.9
        assert len(clf.certify(frame, n=100)) == 60

    def test_frozen_with_and_without_names(self, frame):
        for trained in (GaussianNB().fit(frame, y), GaussianNB().fit(X, y)):
            clf = smoothed(FrozenEstimator(trained)).fit(frame, y)
            assert len(clf.certify(frame, n=100)) == 60

    def test_frozen_behind_a_selection_by_name(self, frame):
        columns = make_column_transformer((FunctionTransformer(), ["a"]))
        trained = make_pipeline(columns, GaussianNB()).fit(frame, y)
        plain = make_pipeline(FrozenEstimator(trained[0]), FrozenEstimator(trained[1]))
        for base in (FrozenEstimator(trained), plain):
            assert smoothed(base).fit(frame, y).score(frame, y) > 0.9

    def test_wrong_names_are_refused(self, frame):
        clf = smoothed().fit(frame, y)
        renamed = type(frame)({"a": X[:, 0], "c": X[:, 1]})
        with pytest.raises(ValueError, match="feature names"):
            clf.certify(renamed)

    def test_a_single_row_as_a_series(self):
        pd = pytest.importorskip("pandas")
        with pytest.raises(
            ValueError, match=r"X is a Series; expected .* a row is X.to_frame\(\)\.T"
        ):
            smoothed().fit(pd.DataFrame(X), y).certify(pd.DataFrame(X).iloc[0])

    def test_categories_warn(self):
        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame({"a": X[:, 0], "flag": X[:, 1] > 0})
        with pytest.warns(UserWarning, match="columns of type bool"):
            smoothed().fit(frame, y)
        with pytest.warns(UserWarning, match="columns of type bool"):
            smoothed().fit(X > 0, y)


class TestGuards:
    """Every message says what came, what was expected and what to do."""

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_missing_and_infinite_values(self, bad):
        rows = X.copy()
        rows[3, 1] = bad
        with pytest.raises(ValueError, match="(?i)nan|infinity"):
            smoothed(LogisticRegression()).fit(rows, y)
        if np.isinf(bad):  # what is missing it takes
            with pytest.raises(ValueError, match="infinity"):
                smoothed(HistGradientBoostingClassifier(max_iter=2)).fit(rows, y)
        with pytest.raises(ValueError, match="(?i)nan|infinity"):
            smoothed().fit(X, y).certify(rows)

    def test_sparse(self):
        with pytest.raises(ValueError, match="X is sparse.*toarray"):
            smoothed().fit(sparse.csr_matrix(X), y)
        with pytest.raises(ValueError, match="X is sparse.*toarray"):
            smoothed().fit(X, y).certify(sparse.csr_array(X))

    def test_shapes(self):
        images = np.zeros((60, 1, 4, 4)) + y[:, None, None, None]

        class Flat(GaussianNB):
            def fit(self, X, y):
                return super().fit(X.reshape(len(X), -1), y)

            def predict(self, X):
                return super().predict(X.reshape(len(X), -1))

        clf = smoothed(Flat()).fit(images, y)
        assert clf.score(images, y) == 1
        for shape in ((2, 1, 5, 4), (1, 4, 4), (2, 16), (2, 4, 4, 1)):
            with pytest.raises(ValueError, match=r"rows of shape \(.*Reshape your data"):
                clf.certify(np.zeros(shape))
        with pytest.raises(ValueError, match="X has 3 features"):
            smoothed().fit(X, y).certify(np.zeros((2, 3)))
        with pytest.raises(ValueError, match="Reshape your data"):
            smoothed().fit(X, y).certify(X[0])

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("sigma", 0),
            ("sigma", 1e300),
            ("sigma", -1.0),
            ("sigma", np.nan),
            ("sigma", np.inf),
            ("alpha", 0),
            ("alpha", 1.0),
            ("n", 0),
            ("n", 1e5),
            ("n0", 0),
            ("n_predict", 0),
            ("n_augment", 0),
            ("batch_size", 0),
            ("abstain_label", [1]),
            ("random_state", "x"),
        ],
    )
    def test_parameters(self, name, value):
        with pytest.raises(ValueError, match=f"'{name}' parameter"):
            smoothed(**{name: value}).fit(X, y)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"n": 1e5}, r"n must be an int.*got 100000\.0.*Write n=100000\."),
            ({"n": True}, "n must be an int"),
            ({"n": 0}, "n must be at least 1; got 0"),
            ({"n0": 0}, "n0 must be at least 1; got 0"),
            ({"alpha": 0}, "alpha.*strictly between 0 and 1.*got 0"),
            ({"alpha": 1.0}, "alpha.*strictly between 0 and 1"),
            ({"alpha": np.nan}, "alpha.*strictly between 0 and 1"),
            ({"alpha": 1e-201}, "alpha.*not below 1e-200; got 1e-201"),
            ({"alpha": "x"}, "alpha.*strictly between 0 and 1"),
        ],
    )
    def test_arguments_of_certify(self, options, message):
        with pytest.raises(ValueError, match=message):
            smoothed().fit(X, y).certify(X, **options)

    def test_too_few_draws_to_ever_certify(self):
        clf = smoothed(n_predict=10).fit(X, y)
        with pytest.warns(UserWarning, match=r"n=9 .* smallest n that can is 10"):
            assert clf.certify(X, n=9).abstained.all()
        with pytest.warns(UserWarning, match=r"n_predict=10 .* smallest n_predict that can is 11"):
            clf.predict(X)
        for warn in (clf.predict, clf.certify, certified_accuracy_scorer(n=5)):
            with pytest.warns(UserWarning, match="can never decide") as record:
                warn(X, n=5) if warn == clf.certify else warn(
                    clf, X, y
                ) if warn != clf.predict else warn(X)
            assert record[0].filename == __file__
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert not clf.certify(X, n=10).abstained.all()
            assert not (clf.set_params(n_predict=11).predict(X) == -1).all()

    def test_not_a_classifier(self):
        from sklearn.linear_model import LinearRegression

        with pytest.raises(ValueError, match="must be a classifier; got LinearRegression"):
            smoothed(LinearRegression()).fit(X, y)
        base = make_pipeline(StandardScaler(), LinearRegression())
        with pytest.raises(ValueError, match="got Pipeline around LinearRegression"):
            smoothed(base).fit(X, y)

    def test_a_class_without_tags(self):
        class Bare:
            def fit(self, X, y):
                return self

            def predict(self, X):
                return np.zeros(len(X))

        for base in (Bare(), FrozenEstimator(Bare())):
            with pytest.raises(ValueError, match=r"must be a classifier; got .*Bare\. A class of"):
                SmoothedClassifier(base).fit(X, y)

    def test_a_base_that_gets_predict_when_it_is_fitted(self):
        stack = StackingClassifier([("a", GaussianNB()), ("b", DecisionTreeClassifier())])
        assert not hasattr(stack, "predict")
        assert smoothed(stack).fit(X, y).score(X, y) > 0.8

    def test_not_fitted(self):
        with pytest.raises(NotFittedError):
            smoothed().certify(X)

    def test_an_abstain_label_among_the_classes(self):
        with pytest.raises(ValueError, match="abstain_label=1 is one of the classes"):
            smoothed(abstain_label=1).fit(X, y)

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (lambda X: np.zeros(len(X) - 1, int), "returned shape"),
            (lambda X: np.zeros((len(X), 2)), "one label per row"),
            (lambda X: np.full(len(X), 7), "returned 7, which is not among the classes"),
            (lambda X: np.full(len(X), -1), "returned -1, which is not among the classes"),
            (lambda X: np.full(len(X), np.nan), "returned nan, which is not among"),
            (lambda X: np.full(len(X), 0.5), "returned 0.5, which is not"),
            (lambda X: np.full(len(X), "a"), "not among the classes"),
        ],
    )
    def test_a_base_that_answers_nonsense(self, answer, message):
        clf = smoothed(Halfspace()).fit(X, y)
        clf.estimator_.predict = answer
        with pytest.raises(ValueError, match=message):
            clf.certify(X)

    def test_labels_as_a_column(self):
        clf = smoothed(Halfspace()).fit(X, y)
        counts = clf.certify(X).counts
        predict = clf.estimator_.predict
        clf.estimator_.predict = lambda X: predict(X)[:, None]
        assert np.array_equal(clf.certify(X).counts, counts)

    def test_an_error_of_the_base_is_not_swallowed(self):
        clf = smoothed(Halfspace()).fit(X, y)

        def predict(X):
            raise RuntimeError("out of cheese")

        clf.estimator_.predict = predict
        with pytest.raises(RuntimeError, match="out of cheese"):
            clf.certify(X)

    def test_workers_of_other_backends(self):
        clf = smoothed(n_jobs=2).fit(X, y)
        with joblib.parallel_config(backend="threading"):
            counts = clf.certify(X).counts
        assert np.array_equal(clf.set_params(n_jobs=None).certify(X).counts, counts)


def test_html():
    assert "GaussianNB" in smoothed()._repr_html_()


def test_integers_and_lists():
    clf = smoothed(Halfspace()).fit([[1, 2], [-3, 4]], [0, 1])
    assert clf.predict([[5, 0], [-5, 0]]).tolist() == [1, 0]
