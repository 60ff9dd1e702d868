"""Laplace, uniform, flipping and dropping noise, from the parameter to the certificate."""

import itertools
import math

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import BernoulliNB, CategoricalNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

from sksmooth import (
    CertifiedAccuracyDisplay,
    SmoothedClassifier,
    certified_accuracy_score,
    projected_certified_accuracy,
)
from sksmooth.estimators.fitting import noisy_copies, noisy_copy
from sksmooth.estimators.smoother import noise_of
from sksmooth.noise import Drop, Flip, Laplace, Rows, Split, Uniform
from sksmooth.records import read_log, write_log
from sksmooth.records.running import RunningLog

rng = np.random.default_rng(0)
CODES = rng.integers(0, 3, size=(150, 4)).astype(float)
BITS = rng.integers(0, 2, size=(150, 4)).astype(float)
TARGET = (CODES.sum(axis=1) > 4).astype(int)

CASES = {
    "laplace": ("laplace", KNeighborsClassifier(3), CODES),
    "uniform": ("uniform", KNeighborsClassifier(3), CODES),
    "flip": (Flip(keep=0.6), CategoricalNB(min_categories=3), CODES),
    "binary": (Flip(add=0.2, remove=0.4), BernoulliNB(), BITS),
    "drop": (Drop(drop=0.7), HistGradientBoostingClassifier(max_iter=5), CODES),
    "split": (Split(scale=2.0), KNeighborsClassifier(3), CODES),
    "split, each": (Split(scale=(1.0, 2.0, 0.0, 1.0)), KNeighborsClassifier(3), CODES),
}


def smoothed(name, **options):
    noise, base, X = CASES[name]
    settings = {"method": "montecarlo", "n": 2000, "n_augment": 4, "random_state": 0} | options
    return SmoothedClassifier(base, 0.4, noise=noise, **settings).fit(X, TARGET), X[:8]


class Asked(ClassifierMixin, BaseEstimator):
    """A base that is a function of a row."""

    def __init__(self, function):
        self.function = function

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        return self

    def predict(self, X):
        return self.function(np.asarray(X)).astype(int)


def of(function, X, noise, **options):
    """Smooth a function; X is what is seen in fit."""
    y = np.arange(len(X)) % 2
    base = FrozenEstimator(Asked(function).fit(X, y))
    return SmoothedClassifier(base, noise=noise, random_state=0, **options).fit(X, y)


class TestTheWorstBase:
    """It keeps its answer within the radius, and loses it just beyond."""

    @pytest.mark.parametrize("specification", [Laplace(scale=0.5), Uniform(scale=1.5)])
    def test_a_half_space(self, specification):
        """Under both noises its probability at a distance proves exactly that distance."""
        clf = of(lambda X: X[:, 1] > 0, rng.normal(size=(20, 3)), specification)
        distance = np.array([0.05, 0.3, 0.8, 1.2])
        rows = np.zeros((4, 3))
        rows[:, 1] = distance
        certificate = clf.certify(rows)
        assert certificate.labels.tolist() == [1, 1, 1, 1]
        assert np.all(certificate.radii < distance)
        assert np.all(certificate.radii > 0.85 * distance - 0.01)
        rows[:, 1] -= distance + 0.4
        assert clf.certify(rows).labels.tolist() == [0, 0, 0, 0]

    def test_a_word_of_three_bits(self):
        """p = .896; .875 proves one change, and with two the other class has .704."""
        bits = np.array(list(itertools.product([0.0, 1.0], repeat=4)))
        clf = of(lambda X: X[:, :3].sum(axis=1) > 1.5, bits, Flip(keep=0.8))
        certificate = clf.certify(np.array([[1, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0.0]]))
        assert certificate.labels.tolist() == [1, 0, 0]
        assert certificate.radii.tolist() == [1.0, 0.0, 1.0]
        assert certificate.norm == "l0"
        assert np.all(certificate.radii_l2 == 0)

    def test_one_who_looks_for_changes(self):
        """It sees k changed columns with probability 1 - .8 ** k: .488 for 3, .590 for 4."""

        def unchanged(X):
            return ~np.any((X != 1) & ~np.isnan(X), axis=1)

        clf = of(unchanged, np.ones((4, 6)), Drop(drop=0.8))
        assert clf.certify(np.ones((1, 6))).radii.tolist() == [3.0]
        for k, label in ((3, 1), (4, 0)):
            row = np.ones((1, 6))
            row[0, :k] = 7.0
            assert clf.certify(row).labels == [label]

    def test_columns_without_noise(self):
        clf = of(lambda X: X[:, 0] > 0, np.ones((4, 2)), Drop(drop=(0.0, 0.9)))
        certificate = clf.certify(np.array([[1.0, 2.0]]))
        assert certificate.radii.tolist() == [1.0]
        assert noise_of(clf).norm.length(np.array([[0.0, 3.0], [1.0, 0.0]])).tolist() == [1, np.inf]


def test_no_change_is_something_to_decide():
    """Votes near .6 take more than the first look; radius=0 goes on until they are decided."""
    bits = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    clf = of(lambda X: X[:, 0] > 0.5, bits, Flip(keep=0.6), method="montecarlo")
    for radius in (0, [0, 1]):
        certificate = clf.certify(bits, n=20_000, radius=radius)
        assert not certificate.abstained.any()
        assert certificate.radii.tolist() == [0.0] * 8
        assert np.array_equal(certificate.labels, bits[:, 0])
        assert certificate.n_draws.min() > 64
    hopeless = of(lambda X: X[:, 0] > 0.5, bits, Flip(keep=0.51), method="montecarlo")
    hopeless = hopeless.certify(bits, n=200, radius=0)
    assert hopeless.abstained.all()
    assert not hopeless.radii.any()


def test_no_shortcuts_where_noise_replaces():
    for noise in (Drop(drop=0.5), Flip(keep=0.8)):
        clf = SmoothedClassifier(DecisionTreeClassifier(), noise=noise, n=200, random_state=0)
        clf.fit(CODES, TARGET)
        assert clf.certify(CODES[:2]).shortcut is None


@pytest.mark.parametrize("name", ["flip", "binary", "drop"])
def test_every_neighbour(name):
    """All rows of a small domain: true labels by enumeration, certificates by sampling."""
    noise, _, X = CASES[name]
    values = sorted(set(X.ravel()))
    rows = np.array(list(itertools.product(values, repeat=4)))
    seen = [*values, np.nan] if name == "drop" else values
    outcomes = np.array(list(itertools.product(seen, repeat=4)))

    def chance(row, outcome):
        if name == "flip":
            return 0.6 if row == outcome else 0.4 / 2
        if name == "binary":
            rate = 0.4 if row else 0.2
            return 1 - rate if row == outcome else rate
        return 0.7 if np.isnan(outcome) else 0.3 * (row == outcome)

    table = np.array(
        [[chance(v, o) for o in seen] for v in values]
    )  # of single values; rows are products
    law = np.ones((len(rows), len(outcomes)))
    where = np.array(list(itertools.product(range(len(seen)), repeat=4)))
    for j in range(4):
        law *= table[np.searchsorted(values, rows[:, j])][:, where[:, j]]
    assert np.allclose(law.sum(axis=1), 1)
    base = DecisionTreeClassifier(max_depth=4, min_samples_leaf=20, random_state=1)
    clf = SmoothedClassifier(base, noise=noise, n=3000, n_augment=20, random_state=3)
    clf.fit(rows, rows.sum(axis=1) > 1.5 * rows.max())
    answers = clf.estimator_.predict(outcomes)
    p = np.stack([law[:, answers == c].sum(axis=1) for c in (False, True)], axis=1)
    truth, sure = p.argmax(axis=1), np.abs(p[:, 0] - p[:, 1]) > 1e-9
    certificate = clf.certify(rows)
    assert np.all(certificate.p_lower <= p.max(axis=1) + 1e-9, where=~certificate.abstained)
    asked = 0
    for i in np.flatnonzero(~certificate.abstained):
        near = (rows != rows[i]).sum(axis=1) <= certificate.radii[i]
        assert near[i]
        assert np.all(truth[near & sure] == certificate.labels[i])
        asked += near.sum() - 1
    assert asked > 20


@pytest.mark.parametrize("name", CASES)
class TestEveryFamily:
    def test_what_does_not_change_results(self, name):
        clf, rows = smoothed(name)
        expected = clf.certify(rows)
        assert np.any(~expected.abstained)
        assert expected.method == "montecarlo"
        order = np.array([3, 0, 7, 3])
        for options in ({"batch_size": 7}, {"n_jobs": 2}, {}):
            found = (
                clone(clf).set_params(**options).fit(CASES[name][2], TARGET).certify(rows[order])
            )
            assert np.array_equal(found.counts, expected.counts[order])
            assert np.array_equal(found.radii, expected.radii[order])

    def test_logs(self, name, tmp_path, monkeypatch):
        clf, rows = smoothed(name)
        expected = clf.certify(rows)
        write_log(tmp_path / "written", expected)
        monkeypatch.setattr("sksmooth.estimators.jobs._GROUP_DRAWS", 4000)
        grown = tmp_path / "grown"
        append, written = RunningLog.append, []

        def stop(log, certificate, keys, seconds):
            if written:
                raise KeyboardInterrupt
            written.append(append(log, certificate, keys, seconds))

        with monkeypatch.context() as patch:
            patch.setattr(RunningLog, "append", stop)
            with pytest.raises(KeyboardInterrupt):
                clf.certify(rows, log=grown)
        with pytest.raises(ValueError, match="rows it should have"):
            read_log(grown)
        clf.certify(rows, log=grown)
        for path in (tmp_path / "written", grown):
            again = read_log(path).certificate
            assert again.noise == expected.noise
            for part in ("radii", "counts", "abstained", "p_lower", "radii_l2"):
                assert np.array_equal(getattr(again, part), getattr(expected, part))

    def test_deciding_claims_what_is_proved_only(self, name):
        clf, rows = smoothed(name)
        for radius in (0, [0, 0.1]):
            found = clf.certify(rows, radius=radius)
            proved = found.p_lower - found.tv_error > 0.5
            assert np.array_equal(~found.abstained, found.noise.proves(found.p_lower))
            assert np.all(proved[~found.abstained])
            assert np.all(found.abstained | (found.noise.reached(found.p_lower) >= 0))
        assert found.n_draws.sum() < 8 * 2000

    def test_training_copies(self, name):
        clf, rows = smoothed(name)
        noise, seed = noise_of(clf), bytes(16)
        copies = noisy_copies(rows, 30, noise=noise, seeds=[seed] * 8)
        for number in (0, 17, 29):
            one = noisy_copy(rows, number, noise=noise, seeds=[seed] * 8)
            assert np.array_equal(one, copies[number * 8 :][:8], equal_nan=True)
        assert not np.array_equal(copies[:8], copies[8:16], equal_nan=True)
        if not noise.additive and noise.norm.kind == "l0":
            assert set(copies[~np.isnan(copies)]) <= set(CASES[name][2].ravel())
        assert np.isnan(copies).any() == (name == "drop")

    def test_scores_and_displays(self, name, pyplot):
        clf, rows = smoothed(name)
        certificate = clf.certify(rows)
        right = ~certificate.abstained & (certificate.labels == TARGET[:8])
        assert certified_accuracy_score(TARGET[:8], certificate, radius=0) == right.mean()
        assert projected_certified_accuracy(TARGET[:8], certificate, radius=0.0) == right.mean()
        display = CertifiedAccuracyDisplay.from_predictions(TARGET[:8], certificate)
        expected = noise_of(clf).norm.label
        assert expected in ("L1 radius", "Changed features", "L1 radius of delta / lambda")
        assert display.ax_.get_xlabel() in (expected, f"Radius, {certificate.norm}")
        assert f"norm={certificate.norm!r}" in repr(certificate)

    def test_specifications(self, name):
        clf, rows = smoothed(name)
        assert clone(clf).get_params()["noise"] == CASES[name][0]
        clf.set_params(method="exact")
        if noise_of(clf).n_outcomes is None:
            with pytest.raises(ValueError, match="no closed form here: .* is of no known kind"):
                clf.certify(rows)
        else:
            assert clf.certify(rows).form == "enumerated"
        with pytest.raises(ValueError, match=r"drawn with arithmetic='integer' only; got 'float'"):
            clf.set_params(method="auto", arithmetic="float").certify(rows)

    def test_a_base_that_reads_its_batch(self, name):
        """Probes are noisy rows even where noise adds nothing, so that one row is enough."""
        _, _, X = CASES[name]
        noise = CASES[name][0]

        def reads(batch):
            seen = np.nan_to_num(batch, nan=9.0).sum(axis=1)
            return seen > seen.mean()

        for method in ("auto", "montecarlo"):
            with pytest.raises(ValueError, match="reads its batch"):
                of(reads, X, noise, method=method).certify(X[:1], n=200)


def test_a_search_over_noises():
    noises = [Flip(keep=0.5), Flip(keep=0.9), Drop(drop=0.5), "laplace"]
    base = HistGradientBoostingClassifier(max_iter=3)
    clf = SmoothedClassifier(base, n_predict=100, n_augment=3, random_state=0)
    search = GridSearchCV(clf, {"noise": noises}, cv=2).fit(CODES, TARGET)
    assert search.cv_results_["param_noise"].tolist() == noises
    assert len(set(search.cv_results_["mean_test_score"])) > 1


def test_sigma_is_the_standard_deviation():
    rows = Rows(sigma=0.5, shape=(3,))
    for specification, scale in ((Laplace(), 0.5 / math.sqrt(2)), (Uniform(), 0.5 * math.sqrt(3))):
        noise = specification.bind(rows)
        assert noise.scale == pytest.approx(scale)
        assert noise.sigma == pytest.approx(0.5)
        assert noise.levels is None
    # on the grid of images, if it is fine enough
    images = Rows(sigma=0.5, shape=(3,), levels=255)
    assert Laplace().bind(images).levels == Uniform().bind(images).levels == 255
    narrow = Rows(sigma=0.003, shape=(3,), levels=255)
    assert Laplace().bind(narrow).levels is Uniform().bind(narrow).levels is None
    assert Uniform(scale=2.0).bind(rows).scale == 2.0


def test_flip_knows_the_categories_of_fit():
    X = np.array([[2.0, 5, 7], [0, 5, 8], [2, 5, -0.0]])
    clf = of(lambda X: X[:, 0] > 1, X, Flip(keep=0.9))
    assert noise_of(clf).values == ((0.0, 2.0), (), (0.0, 7.0, 8.0))
    with pytest.warns(UserWarning, match=r"not seen in fit, in the columns \[2\]"):
        clf.certify(np.array([[2.0, 5, 3]]), n=200)
    other = of(lambda X: X[:, 0] > 1, X, "laplace").set_params(noise=Flip(keep=0.9))
    with pytest.raises(ValueError, match="fit again with this noise"):
        other.certify(X)
    single = of(lambda X: X[:, 0] > 1, X.astype(np.float32), Flip(keep=0.9))
    assert noise_of(single) == noise_of(clf)


def test_categories_of_rows_on_disk(tmp_path):
    np.save(tmp_path / "rows.npy", CODES)
    rows = np.load(tmp_path / "rows.npy", mmap_mode="r")
    base = FrozenEstimator(CategoricalNB().fit(CODES, TARGET))
    clf = SmoothedClassifier(base, noise=Flip(keep=0.8), random_state=0)
    noise = noise_of(clf.fit(rows, TARGET))
    assert noise.values == ((0.0, 1.0, 2.0),) * 4


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"noise": "flip"}, r"noise must be one of \['gaussian', 'laplace', 'uniform'\]"),
        ({"noise": Laplace(scale=0.0)}, "scale must be a number from 1e-100"),
        ({"noise": Uniform(scale="wide")}, "scale must be a number from 1e-100"),
        ({"noise": "laplace", "sigma": [1.0] * 4}, "Laplace noise has one sigma for all features"),
        ({"noise": Drop(drop=[0.5, 0.5])}, "drop has 2 numbers, but rows have 4 values"),
        ({"noise": Drop(drop=1.0)}, "drop must be probabilities from 0, below 1"),
        ({"noise": Flip(keep=0.2)}, "keep must be more than the probability of each other value"),
        ({"noise": Flip(add=0.1, remove=0.5)}, "zeros and ones; got 4, one of them 2.0"),
    ],
)
def test_what_is_refused(options, match):
    clf = SmoothedClassifier(LogisticRegression(), **options)
    with pytest.raises(ValueError, match=match):
        clf.fit(CODES, TARGET)


@pytest.mark.parametrize("given", [{}, {"keep": 0.9, "add": 0.1, "remove": 0.1}, {"add": 0.1}])
def test_flip_takes_one_way(given):
    with pytest.raises(ValueError, match="Flip needs keep, or both add and remove"):
        Flip(**given)


@pytest.mark.parametrize(
    "given", [{"keep": [0.9, 0.8]}, {"keep": "0.9"}, {"add": [0.1], "remove": 0.1}]
)
def test_flip_takes_numbers(given):
    with pytest.raises(ValueError, match="must be one number for all columns"):
        Flip(**given)


def test_drop_needs_a_base_that_takes_missing_values():
    with pytest.raises(ValueError, match="NaN"):
        SmoothedClassifier(LogisticRegression(), noise=Drop(drop=0.5)).fit(CODES, TARGET)


class TestNets:
    @pytest.fixture
    def net(self):
        torch = pytest.importorskip("torch")
        skorch = pytest.importorskip("skorch")
        seen = []

        class Module(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = torch.nn.Linear(4, 2)

            def forward(self, X):
                seen.append(X.detach().numpy().copy())
                return self.layer(torch.nan_to_num(X, nan=-1.0))

        net = skorch.NeuralNetClassifier(
            Module, criterion=torch.nn.CrossEntropyLoss, max_epochs=3, verbose=0, train_split=None
        )
        return net, seen

    @pytest.mark.parametrize("name", CASES)
    def test_fresh_noise_in_every_batch(self, net, name):
        noise, _, X = CASES[name]
        net, seen = net
        clf = SmoothedClassifier(net, 0.4, noise=noise, n=500, random_state=0)
        clf.fit(X.astype(np.float32), TARGET)
        first, second = seen[-2], seen[-1]
        assert not np.array_equal(np.sort(first, axis=0), np.sort(second, axis=0), equal_nan=True)
        if not isinstance(noise, str):
            values = first[~np.isnan(first)]
            assert set(values) <= set(X.ravel()) or isinstance(noise, Split)
            assert np.isnan(first).any() == (name == "drop")
        assert len(clf.certify(X[:2].astype(np.float32)).radii) == 2

    def test_objectives_and_attacks_are_for_additive_noise(self, net):
        pytest.importorskip("torch")
        from sksmooth.attacks import pgd_attack
        from sksmooth.nets import ObjectiveNet

        plain, _ = net
        X = CODES.astype(np.float32)
        trained = SmoothedClassifier(plain, noise=Flip(keep=0.8), random_state=0).fit(X, TARGET)
        with pytest.raises(ValueError, match="cannot move by small steps"):
            pgd_attack(trained, X[:2], TARGET[:2], 1.0)
        objective = ObjectiveNet(plain.module, verbose=0)
        with pytest.raises(ValueError, match="Objectives add noise to rows, but FlipNoise"):
            SmoothedClassifier(objective, noise=Flip(keep=0.8)).fit(X, TARGET)
