"""Bases that read their batch are refused, and no others; threads and copies of a base."""

import inspect
import threading
import time
import warnings

import joblib
import numpy as np
import pytest
from helpers import Halfspace, blobs
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    Normalizer,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
    minmax_scale,
    scale,
)
from sklearn.utils import all_estimators

from sksmooth import SmoothedClassifier
from sksmooth.backends import SklearnBackend, get_backend
from sksmooth.noise import IntegerGaussian
from sksmooth.noise.streams import Purpose
from sksmooth.sampling.count import count_votes
from sksmooth.sampling.trials import refuse_batch_readers, trial_of

X, Y = blobs(60, d=3, k=3)
SIGMA = np.full(3, 1.0)


def refuse(model, rows=X[:1], sigma=SIGMA):
    backend = get_backend(model, np.arange(3) if not hasattr(model, "classes_") else model.classes_)
    refuse_batch_readers(backend, rows, sigma, model)


def centred(X):
    return X - np.mean(X, axis=0)


def ranked(X):
    return np.argsort(np.argsort(X, axis=0), axis=0) / len(X)


def mixed(X):
    return X + np.roll(X, 1, axis=0)


def test_models_that_overwrite_their_batch_are_tried_with_the_same_rows():
    """Steps with copy=False do; a process that answers as the model here was said to differ."""
    model = make_pipeline(StandardScaler(copy=False), GaussianNB()).fit(X.copy(), Y)
    backend = SklearnBackend(model, model.classes_, None)
    trial = trial_of(backend, X, SIGMA)
    rows = trial.batches[0].copy()
    plain = make_pipeline(StandardScaler(), GaussianNB()).fit(X, Y)
    assert np.array_equal(trial.votes[0], plain.predict(rows))
    p = np.sort(plain.predict_proba(rows), axis=1)
    assert np.array_equal(trial.clear[0], p[:, -1] - p[:, -2] > 1e-6)
    assert trial(SklearnBackend(plain, plain.classes_, None)) is None
    assert np.array_equal(trial.batches[0], rows)


class TestBatchReaders:
    @pytest.mark.parametrize("reads", [scale, minmax_scale, centred, ranked, mixed])
    @pytest.mark.parametrize("rows", [X[:1], X], ids=["one row", "many rows"])
    def test_are_refused(self, reads, rows):
        model = make_pipeline(FunctionTransformer(reads), LogisticRegression()).fit(X, Y)
        with pytest.raises(ValueError, match=r"\(FunctionTransformer and Logi.*its batch"):
            refuse(model, rows)

    @pytest.mark.parametrize("method", ["predict", "certify", "vote_frequencies"])
    def test_whatever_is_asked_of_the_smoother(self, method):
        base = make_pipeline(FunctionTransformer(scale), LogisticRegression())
        clf = SmoothedClassifier(base, n=500, random_state=0).fit(X, Y)
        with pytest.raises(ValueError, match="not a function of one row"):
            getattr(clf, method)(X[:2])

    def test_a_base_that_became_one(self):
        model = make_pipeline(FunctionTransformer(), KNeighborsClassifier()).fit(X, Y)
        clf = SmoothedClassifier(FrozenEstimator(model), n=500).fit(X, Y)
        clf.certify(X[:2])
        model.steps[0] = ("batch", FunctionTransformer(scale))
        with pytest.raises(ValueError, match="reads its batch"):
            clf.certify(X[:2])

    def test_where_it_raises_far_away_or_alone(self):
        def picky(X):
            if len(X) == 1 or np.abs(X - self.row).max() > 6:
                raise RuntimeError("no")
            return scale(X)

        self.row = X[0]
        model = make_pipeline(FunctionTransformer(), LogisticRegression()).fit(X, Y)
        model.steps[0] = ("picky", FunctionTransformer(picky))
        with pytest.raises(ValueError, match="reads its batch"):
            refuse(model, X[:1])

    def test_which_are_random_too(self):
        class Both(Halfspace):
            def predict(self, X):
                coins = np.random.default_rng().random(len(X)) < 0.01
                return self.classes_[(centred(X) @ self.w > 0).astype(int) ^ coins]

        with pytest.raises(ValueError, match="reads its batch"):
            refuse(Both(w=np.ones(3)).fit(X, Y % 2))

    def test_random_numbers_by_the_place_in_the_batch(self):
        """They are the same for each batch, so that votes are not independent."""
        with pytest.raises(ValueError, match="reads its batch"):
            refuse(DummyClassifier(strategy="stratified", random_state=0).fit(X, Y))

    def test_of_one_length(self):
        """A compiler's: it gets no others."""
        lengths = []

        class Compiled(Halfspace):
            def predict(self, X):
                lengths.append(len(X))
                return super().predict(centred(X) if self.reads else X)

        for reads in (False, True):
            model = Compiled(w=np.ones(3)).fit(X, Y % 2)
            model.reads = reads
            backend = get_backend(model, np.arange(2))
            backend.constant_shape = True
            if reads:
                with pytest.raises(ValueError, match="reads its batch"):
                    refuse_batch_readers(backend, X[:1], SIGMA, model)
            else:
                refuse_batch_readers(backend, X[:1], SIGMA, model)
        assert len(set(lengths)) == 1


def test_a_base_of_which_it_is_proved_is_not_asked(monkeypatch):
    asked = []
    monkeypatch.setattr("sksmooth.sampling.trials._answered", lambda *args: asked.append(args))
    refuse(KNeighborsClassifier().fit(X, Y))
    assert not asked


CLASSIFIERS = dict(all_estimators(type_filter="classifier"))


@pytest.fixture
def nothing_proved(monkeypatch):
    monkeypatch.setattr("sksmooth.sampling.trials.answers_by_row", lambda estimator: False)


@pytest.mark.usefixtures("nothing_proved")
class TestOthersAreNotRefused:
    @pytest.mark.parametrize("name", CLASSIFIERS)
    def test_classifiers_of_scikit_learn(self, name):
        kind = CLASSIFIERS[name]
        inner = LogisticRegression()
        options = {"estimator": inner, "estimators": [("a", inner), ("b", KNeighborsClassifier())]}
        if name in ("AdaBoostClassifier", "BaggingClassifier", "CalibratedClassifierCV"):
            options = {}  # their own
        taken = inspect.signature(kind).parameters
        if "estimator" not in taken:
            options["base_estimator"] = inner  # its name in ClassifierChain of scikit-learn 1.6
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = kind(**{key: value for key, value in options.items() if key in taken})
            try:
                model.fit(np.abs(X), Y % 2)
            except (ValueError, IndexError) as reason:  # several outputs
                pytest.skip(str(reason))
        for row in np.abs(X[:4]):
            refuse(model, row[None])
        refuse(model, np.abs(X))

    @pytest.mark.parametrize(
        "step",
        [
            QuantileTransformer(n_quantiles=20),
            Normalizer(),
            PowerTransformer(),
            KNNImputer(),
            StandardScaler(),
        ],
        ids=lambda step: type(step).__name__,
    )
    def test_transformers(self, step):
        refuse(make_pipeline(step, LogisticRegression()).fit(X, Y))

    @pytest.mark.parametrize("p", [0.5, 0.1, 0.01])
    def test_a_random_base(self, p):
        class Coin(Halfspace):
            def predict(self, X):
                return self.classes_[(np.random.default_rng().random(len(X)) < p).astype(int)]

        model = Coin().fit(X, Y % 2)
        for _ in range(20):
            refuse(model)

    def test_rounding(self):
        """The last digits of a product depend on the length of the batch, here of every one."""

        class Rounds(Halfspace):
            def predict(self, X):
                scores = 10 * X[:, 0] + 5e-2 * (-1) ** len(X)
                self.answers_.append(np.floor(scores).astype(int) % 2)
                return self.classes_[self.answers_[-1]]

        model = Rounds().fit(X, Y % 2)
        model.answers_ = []
        refuse(model)
        whole, *groups = model.answers_[:8]
        assert len(whole) == sum(map(len, groups)) == 96
        assert whole.sum() != sum(map(np.sum, groups))

    def test_ties_of_probabilities(self):
        """A forest's threads sum in any order, and half of the sums may fall either way."""

        class Ties(DummyClassifier):
            def predict(self, X):
                return self.classes_[np.full(len(X), len(X) % 2)]

            def predict_proba(self, X):
                return np.tile([0.5, 0.5 + 1e-15, 0.0], (len(X), 1))

        refuse(Ties().fit(X, Y))

    def test_bases_that_cannot_answer_the_probes(self):
        class Refuses(Halfspace):
            def predict(self, X):
                raise RuntimeError("no")

        model = Refuses(w=np.ones(3)).fit(X, Y % 2)
        refuse(model)
        assert trial_of(get_backend(model, np.arange(2)), X, SIGMA) is None

    def test_bases_that_take_no_single_row(self):
        class Several(Halfspace):
            def predict(self, X):
                if len(X) == 1:
                    raise RuntimeError("no")
                return super().predict(X)

        refuse(Several(w=np.ones(3)).fit(X, Y % 2))


def count(model, n=20_000, **options):
    backend = get_backend(model, np.asarray(model.classes_))
    noise = {"noise": IntegerGaussian(1.5, 3), "seed": bytes(16), "purpose": Purpose.ESTIMATE}
    return count_votes(backend, X[:6], n, **noise, **options)


@pytest.fixture
def threads():
    with joblib.parallel_config(backend="threading", n_jobs=3):
        yield


class Buffered(Halfspace):
    """Keeps its scores on itself while it answers."""

    def predict(self, X):
        self.scores_ = np.asarray(X) @ np.asarray(self.w)
        time.sleep(1e-3)  # another thread's turn
        return self.classes_[(self.scores_ > 0).astype(int)]


class Closed(Halfspace):
    """Keeps them in a variable of a function."""

    def fit(self, X, y):
        scores = {}

        def keep(values):
            scores["latest"] = values

        self.keep_, self.latest_ = keep, lambda: scores["latest"]
        return super().fit(X, y)

    def predict(self, X):
        self.keep_(np.asarray(X) @ np.asarray(self.w))
        time.sleep(1e-3)
        return self.classes_[(self.latest_() > 0).astype(int)]


SCORES = {}


class Global(Halfspace):
    """Keeps them where all threads do, whatever is copied."""

    def predict(self, X):
        SCORES["latest"] = np.asarray(X) @ np.asarray(self.w)
        time.sleep(1e-3)
        return self.classes_[(SCORES["latest"] > 0).astype(int)]


class OfTheClass(Halfspace):
    scores = None

    def predict(self, X):
        OfTheClass.scores = np.asarray(X) @ np.asarray(self.w)
        time.sleep(1e-3)
        return self.classes_[(OfTheClass.scores > 0).astype(int)]


class PerThread(Halfspace):
    """Answers otherwise under another thread's settings of numpy."""

    def predict(self, X):
        turned = np.geterr()["over"] == "raise"
        return self.classes_[(np.asarray(X) @ np.asarray(self.w) > 0).astype(int) ^ turned]


class TestThreads:
    @pytest.mark.parametrize("kind", [Buffered, Closed])
    def test_what_a_base_keeps_is_its_own(self, kind, threads):
        model = kind(w=np.ones(3)).fit(X, Y % 2)
        expected = count(Halfspace(w=np.ones(3)).fit(X, Y % 2), n_jobs=1)
        assert np.array_equal(count(model), expected)

    @pytest.mark.parametrize("kind", [Global, OfTheClass])
    def test_what_cannot_be_copied_is_asked_by_one(self, kind, threads):
        model = kind(w=np.ones(3)).fit(X, Y % 2)
        expected = count(Halfspace(w=np.ones(3)).fit(X, Y % 2), n_jobs=1)
        with pytest.warns(UserWarning, match="asked by one thread only.*side by side"):
            assert np.array_equal(count(model), expected)

    def test_settings_of_the_calling_thread(self, threads):
        model = PerThread(w=np.ones(3)).fit(X, Y % 2)
        with np.errstate(over="raise"):
            expected = count(model, n_jobs=1)
            with pytest.warns(UserWarning, match="asked by one thread only"):
                assert np.array_equal(count(model), expected)

    def test_a_lock(self, threads):
        model = Halfspace(w=np.ones(3)).fit(X, Y % 2)
        model.lock_ = threading.Lock()
        with pytest.warns(UserWarning, match=r"cannot be copied \(TypeError.*lock"):
            assert np.array_equal(count(model), count(model, n_jobs=1))

    @pytest.mark.parametrize("backend", ["threading", "loky"])
    def test_a_random_base_has_one_worker(self, backend):
        """Copies of it would draw the same numbers, which are no independent votes."""

        class Coin(Halfspace):
            def fit(self, X, y):
                self.rng_ = np.random.default_rng(0)
                return super().fit(X, y)

            def predict(self, X):
                return self.rng_.integers(2, size=len(X))

        model = Coin().fit(X, Y % 2)
        with (
            joblib.parallel_config(backend=backend, n_jobs=2),
            pytest.warns(UserWarning, match="differently when it is asked again"),
        ):
            counts = count(model)
        assert np.array_equal(counts.sum(axis=1), np.full(6, 20_000))
        assert len(np.unique(counts[:, 0])) > 1
