"""Certificates from all outcomes of the noise: exact, sound, the same whoever asks."""

import copy
import itertools
import math
import pickle
from fractions import Fraction

import joblib
import numpy as np
import pytest
from other_noises import CASES as NOISES
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import CategoricalNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier, certified_accuracy_score, certified_accuracy_scorer
from sksmooth.bounds import splitting_steps
from sksmooth.estimators import smoother as smoothers
from sksmooth.estimators.smoother import noise_of
from sksmooth.noise import BinaryFlipNoise, Drop, DropNoise, Flip, FlipNoise, Split
from sksmooth.records import read_log, write_log
from sksmooth.records.running import RunningLog

rng = np.random.default_rng(0)
CODES = rng.integers(0, 3, size=(150, 4)).astype(float)
BITS = rng.integers(0, 2, size=(150, 4)).astype(float)
IMAGES = np.round(rng.random((40, 3, 3)) * 255) / 255
TARGET = (CODES.sum(axis=1) > 4).astype(int)
UNIT = 2**64


class Asked(ClassifierMixin, BaseEstimator):
    """A base that is a function of a row, and remembers the lengths of its batches."""

    def __init__(self, function):
        self.function = function

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        ASKED.append(len(X))
        return self.classes_[self.function(np.asarray(X)).astype(int)]


ASKED = []


def of(function, X, noise, n_classes=2, **options):
    """Smooth a function; X is what is seen in fit."""
    y = np.arange(len(X)) % n_classes
    base = FrozenEstimator(Asked(function).fit(X, y))
    return SmoothedClassifier(base, noise=noise, random_state=0, **options).fit(X, y)


def by_lot(seed, n_classes, share=1.0):
    """Return a function of rows that draws its answers, of which the first is more frequent."""
    weights = np.random.default_rng(seed).normal(size=64)

    def function(X):
        flat = np.nan_to_num(X.reshape(len(X), -1), nan=-7.3)
        lot = (np.sin(flat @ weights[: flat.shape[1]] * 1e3) + 1) / 2
        return np.where(lot < share, lot / share * n_classes, 0).astype(int).clip(0, n_classes - 1)

    return function


# noise, and for each column the values that a row may have
DOMAINS = {
    "drop": (DropNoise.dropping([0.7, 0.0, 0.85, 0.85]), [(0, 1, 2), (5, 6), (0, 1), (3, 4)]),
    "flip": (FlipNoise.keeping(0.6, [(0, 1), (1, 2, 5), (), (0, 1, 2, 3)]), None),
    "flip, no equal shares": (FlipNoise(2**63 + 12345, ((0, 1, 2, 3), (0, 1), (0, 1))), None),
    "binary": (BinaryFlipNoise.turning(0.1, 0.6, 5), [(0, 1)] * 5),
}


def law(noise, row):
    """Return the law of one row in fractions: by definition, column by column."""
    columns = []
    for j, value in enumerate(row):
        if isinstance(noise, DropNoise):
            kept = Fraction(noise.kept[j], UNIT)
            columns.append({value: kept, math.inf: 1 - kept})  # inf stands for NaN
        elif isinstance(noise, FlipNoise):
            values, kept = noise.values[j], Fraction(noise.kept, UNIT)
            others = len(values) - 1
            columns.append(
                {v: kept if v == value else (1 - kept) / others for v in values}
                if values
                else {value: Fraction(1)}
            )
        else:
            turned = Fraction(noise.removed if value else noise.added, UNIT)
            columns.append({value: 1 - turned, 1 - value: turned})
    found = {}
    for outcome in itertools.product(*(column.items() for column in columns)):
        if math.prod(p for _, p in outcome):
            found[tuple(v for v, _ in outcome)] = math.prod(p for _, p in outcome)
    assert sum(found.values()) == 1
    return found


@pytest.mark.parametrize("name", DOMAINS)
def test_probabilities_and_neighbours(name, monkeypatch):
    """In fractions, over whole domains: exact probabilities, radii, and no false neighbour."""
    noise, domain = DOMAINS[name]
    domain = domain or [v or (7.0, 8.0) for v in noise.values]
    rows = np.array(list(itertools.product(*domain)), dtype=float)
    monkeypatch.setattr(smoothers, "noise_of", lambda clf: noise)
    laws = [law(noise, row) for row in rows.tolist()]
    asked = certified = 0
    for seed, share in enumerate((0.2, 0.4, 0.6, 1.0)):
        function = by_lot(seed, 3, share)
        clf = of(function, rows, "gaussian", 3)
        certificate = clf.certify(rows)
        assert (certificate.form, certificate.alpha) == ("enumerated", 0.0)
        exact = np.zeros((len(rows), 3), dtype=object)
        for i, outcomes in enumerate(laws):
            X = np.array(list(outcomes))
            answers = function(np.where(np.isinf(X), np.nan, X))
            for code, p in zip(answers, outcomes.values(), strict=True):
                exact[i, code] += p
        top = np.array([list(line).index(max(line)) for line in exact])
        assert np.array_equal(clf.classes_[top], certificate.selected)
        assert np.allclose(clf.vote_frequencies(rows), exact.astype(float), rtol=1e-15, atol=0)
        for i, line in enumerate(exact):
            p, q = line[top[i]], max(line[c] for c in range(3) if c != top[i])
            assert certificate.p_lower[i] <= p < math.nextafter(certificate.p_lower[i], 2)
            assert certificate.p_upper[i] >= q > math.nextafter(certificate.p_upper[i], -1)
            assert certificate.abstained[i] == (p == q)
            k = 0  # by the pairs, in fractions and with strict inequalities
            while k < noise._n_noisy and all(
                pair.exact_lower(p) > 1 - pair.exact_lower(1 - q) for pair in noise.pairs(k + 1)
            ):
                k += 1
            assert certificate.radii[i] == (0 if p == q else k)
            changed = rows != rows[i]
            still = np.array(noise.norm.scale or [1] * rows.shape[1]) == 0
            near = (changed.sum(axis=1) <= certificate.radii[i]) & ~changed[:, still].any(axis=1)
            if not certificate.abstained[i]:
                assert np.all(top[near] == top[i])
                asked += near.sum() - 1
                certified += certificate.radii[i] > 0
        # what is drawn agrees: within five standard errors
        drawn = clf.set_params(method="montecarlo", n_predict=4000).vote_frequencies(rows[:8])
        assert np.all(np.abs(drawn - exact[:8].astype(float)) < 5 * 0.5 / np.sqrt(4000))
    assert asked > 100
    assert certified > 10


@pytest.mark.parametrize("name", [n for n, (noise, _) in NOISES.items() if noise.n_outcomes])
def test_outcomes_are_what_is_drawn(name):
    """As often as their weights say, and none that is not listed."""
    from sksmooth.noise.streams import Philox, Purpose, row_key

    noise, row = NOISES[name]
    row = np.array(row, dtype=float)
    outcomes = noise.outcomes(row)
    assert outcomes.n <= noise.n_outcomes
    listed = np.empty((outcomes.n, len(row)))
    outcomes.fill(0, listed)
    drawn = np.empty((20_000, len(row)))
    for start in range(0, 20_000, 1000):
        stream = Philox().at(row_key(bytes(16), row), start, Purpose.PREDICT)
        noise.around(row)(stream, drawn[start : start + 1000])
    places = {line.tobytes(): i for i, line in enumerate(np.nan_to_num(listed, nan=99.0) + 0.0)}
    found = [places[line.tobytes()] for line in np.nan_to_num(drawn, nan=99.0) + 0.0]
    weights = np.array([outcomes.weights[kind] / outcomes.total for kind in outcomes.kinds])
    assert weights.sum() == pytest.approx(1, abs=1e-12)
    if len(places) == len(listed):
        error = np.sqrt(weights * (1 - weights) / 20_000)
        shares = np.bincount(found, minlength=len(listed)) / 20_000
        assert np.all(np.abs(shares - weights) <= 5 * error)
    # from the middle on, and in the precision of the row
    part = np.empty((outcomes.n - outcomes.n // 2, len(row)))
    outcomes.fill(outcomes.n // 2, part)
    assert np.array_equal(part, listed[outcomes.n // 2 :], equal_nan=True)
    single = np.empty(listed.shape, dtype=np.float32)
    noise.outcomes(row.astype(np.float32)).fill(0, single)
    assert np.allclose(single, listed, equal_nan=True, rtol=1e-6)


class TestStrictness:
    def test_just_what_is_needed_is_not_enough(self):
        """drop=3/4: k changes need more than 3/2 - (3/4)**k, and that is what there is."""
        rows = np.ones((2, 2))
        clf = of(lambda X: np.isnan(X[:, 0]), rows, Drop(drop=0.75))
        assert clf.certify(rows).p_lower.tolist() == [0.75] * 2
        assert noise_of(clf).pairs(1)[0].needed == Fraction(3, 4)
        assert clf.certify(rows).radii.tolist() == [0.0] * 2
        assert not clf.certify(rows).abstained.any()
        clf = of(lambda X: np.isnan(X).any(axis=1), rows, Drop(drop=0.75))
        assert clf.certify(rows).p_lower.tolist() == [15 / 16] * 2
        assert noise_of(clf).pairs(2)[0].needed == Fraction(15, 16)
        assert clf.certify(rows).radii.tolist() == [1.0] * 2

    def test_ties_are_abstained_on(self):
        rows = np.array([[0.0, 0.0], [1.0, 1.0]])
        clf = of(lambda X: np.isnan(X[:, 0]), rows, Drop(drop=0.5))
        certificate = clf.certify(rows)
        assert certificate.abstained.all()
        assert clf.predict(rows).tolist() == [clf.abstain_label_] * 2
        assert certificate.p_lower.tolist() == certificate.p_upper.tolist() == [0.5, 0.5]

    def test_less_than_floats_can_show(self):
        """The first answer is less likely by 2**-64 or so: the label is the other one."""
        values = tuple(map(float, range(4)))
        noise = FlipNoise(2**62 + 3, (values,))  # each other one has a bit less than a quarter

        def function(X):
            return np.isin(X[:, 0], [1.0, 2.0])

        rows = np.arange(4.0)[:, None]
        clf = of(function, rows, "gaussian", abstain_label=None)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(smoothers, "noise_of", lambda clf: noise)
            assert clf.predict(rows).tolist() == [0, 1, 1, 0]
            assert clf.predict_proba(rows).argmax(axis=1).tolist() == [0, 1, 1, 0]
            assert clf.certify(rows).labels.tolist() == [0, 1, 1, 0]
            assert np.all(clf.certify(rows).radii == 0)

    def test_unanimity_has_no_floor(self):
        """With draws 99.99 % is what can be proved; all outcomes agree, and that is 1."""
        rows = rng.integers(0, 2, size=(4, 6)).astype(float)
        clf = of(lambda X: np.zeros(len(X)), rows, Flip(keep=0.9))
        certificate = clf.certify(rows)
        assert certificate.p_lower.tolist() == [1.0] * 4
        assert certificate.p_upper.tolist() == [0.0] * 4
        assert certificate.radii.tolist() == [6.0] * 4
        drawn = clf.set_params(method="montecarlo").certify(rows, n=1000)
        assert np.all(drawn.radii < 6)


class TestWhoIsAsked:
    def test_beyond_the_budget(self):
        """17 features have 2**17 outcomes: they are drawn from, or refused."""
        rows = rng.normal(size=(6, 17))
        clf = of(lambda X: np.nan_to_num(X[:, 0]) > 0, rows, Drop(drop=0.5), n=50, alpha=0.1)
        assert clf.certify(rows).method == "montecarlo"
        match = r"Its noise can make 131,072 rows of one, .* more than 65,536\. "
        with pytest.raises(ValueError, match=match):
            clf.set_params(method="exact").certify(rows)
        many = of(lambda X: X[:, 0] > 0, rng.integers(0, 2, (4, 900)), Flip(add=0.1, remove=0.2))
        with pytest.raises(ValueError, match=r"can make about 1e271 rows of one"):
            many.set_params(method="exact").predict(np.zeros((1, 900)))

    def test_at_the_budget(self):
        rows = rng.normal(size=(2, 16))
        clf = of(lambda X: np.isnan(X).sum(axis=1) > 8, rows, Drop(drop=0.5), method="exact")
        frequencies = clf.vote_frequencies(rows)
        assert frequencies[:, 1].tolist() == [(1 - math.comb(16, 8) / 2**16) / 2] * 2

    def test_each_row_has_batches_of_its_own(self):
        """The same ones in predict and certify, alone and among others."""
        clf = of(by_lot(0, 2), CODES, Drop(drop=0.6), batch_size=6)
        seen = []
        for call in (clf.certify, clf.predict, clf.vote_frequencies):
            for rows in (CODES[:1], CODES[:3]):
                ASKED.clear()
                call(rows)
                seen.append(ASKED[-3 * len(rows) :])
        assert seen == [[6, 6, 4], [6, 6, 4] * 3] * 3

    def test_what_was_asked_is_not_asked_again(self):
        """Rows of categories have the same outcomes, but where columns without noise differ."""
        X = np.column_stack([CODES, np.repeat([7.0, 8.0, 9.0], 50)])
        noise = FlipNoise.keeping(0.6, [(0, 1, 2)] * 4 + [()])
        rows = X[[0, 1, 60, 2, 61, 120]]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(smoothers, "noise_of", lambda clf: noise)
            clf = of(by_lot(0, 2, 0.6), X, "gaussian")
            ASKED.clear()
            certificate = clf.certify(rows)
            assert ASKED.count(81) == 3
            alone = [clf.certify(rows[i : i + 1]) for i in range(6)]
        assert certificate.equals(certificate.concatenate(alone))
        assert len(set(certificate.p_lower)) > 4
        first, other = (noise.outcomes(row) for row in rows[:2])
        assert first.key == other.key
        assert noise.outcomes(rows[2]).key != first.key

    def test_where_values_are_missing_other_rows_are_asked(self):
        noise = FlipNoise.keeping(0.6, [(0, 1), (0, 1)])
        rows = np.array([[math.nan, 1.0], [1.0, math.nan], [0.0, 1.0], [math.nan, math.nan]])
        assert len({noise.outcomes(row).key for row in rows}) == 4
        assert len({noise.outcomes(row.astype(np.float32)).key for row in rows}) == 4

    @pytest.mark.parametrize("specification", [Flip(keep=0.6), Drop(drop=0.6), Split(scale=6.0)])
    def test_what_does_not_change_results(self, specification, monkeypatch):
        base = DecisionTreeClassifier(max_depth=3)
        clf = SmoothedClassifier(base, noise=specification, n_augment=4, random_state=0)
        clf.fit(CODES, TARGET)
        rows = CODES[:40]
        monkeypatch.setattr("sksmooth.sampling.enumerator._OUTCOMES_PER_TASK", 16)
        expected = clf.certify(rows)
        order = np.array([3, 0, 7, 3])
        for options in ({"batch_size": 7}, {"n_jobs": 2}, {"method": "exact"}):
            clf.set_params(**options)
            with joblib.parallel_config("threading"):
                assert clf.certify(rows).equals(expected)
                assert clf.certify(rows[order]).equals(expected[order])
        clf.set_params(n_jobs=None)
        settings = {"n": 5, "n0": 1, "radius": 1, "alpha": 0.5}
        assert clf.certify(rows, **settings).equals(expected)
        labels = clf.predict(rows)
        assert np.array_equal(labels, expected.labels)

    def test_a_base_that_draws_is_refused(self):
        draws = np.random.default_rng(1)
        clf = of(lambda X: draws.random(len(X)) > 0.5, CODES, Drop(drop=0.5))
        for call in (clf.certify, clf.predict):
            with pytest.raises(ValueError, match="differently when it is asked again"):
                call(CODES[:2])
        clf.set_params(method="montecarlo").certify(CODES[:2], n=100)

    def test_scores_that_are_not_finite(self):
        torch = pytest.importorskip("torch")
        skorch = pytest.importorskip("skorch")

        net = skorch.NeuralNetClassifier(
            torch.nn.Linear(4, 2), criterion=torch.nn.CrossEntropyLoss, verbose=0
        )
        X = CODES.astype(np.float32)
        base = FrozenEstimator(net.initialize())
        clf = SmoothedClassifier(base, noise=Drop(drop=0.5), random_state=0).fit(X, TARGET)
        with pytest.raises(ValueError, match="NaN or infinite for .* noisy copies of row 0"):
            clf.certify(X[:2])

    def test_a_net(self):
        torch = pytest.importorskip("torch")
        skorch = pytest.importorskip("skorch")
        torch.manual_seed(0)
        net = skorch.NeuralNetClassifier(
            torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9, 2)),
            criterion=torch.nn.CrossEntropyLoss,
            max_epochs=2,
            verbose=0,
            train_split=None,
        )
        X = IMAGES.astype(np.float32)
        y = (X.sum(axis=(1, 2)) > 4.5).astype(int)
        clf = SmoothedClassifier(net, noise=Split(scale=20 / 255), random_state=0).fit(X, y)
        certificate = clf.certify(X)
        weight, bias = (p.detach().numpy() for p in clf.estimator_.module_.parameters())
        votes = []
        for row in X:
            shown = np.empty((40, 3, 3), dtype=np.float32)
            noise_of(clf).outcomes(row).fill(0, shown)
            votes.append((np.diff(shown.reshape(40, 9) @ weight.T + bias)[:, 0] > 0).sum())
        votes = np.array(votes)
        labels, steps = splitting_steps(np.stack([40 - votes, votes], axis=1))
        assert np.array_equal(certificate.labels, labels)
        assert np.array_equal(certificate.radii, steps / 255)
        assert np.array_equal(clf.predict(X), labels)


MODELS = {
    "tree": (DecisionTreeClassifier(random_state=0), Flip(keep=0.8), CODES),
    "one-hot": (
        make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()),
        Flip(keep=0.6),
        CODES,
    ),
    "binary": (CategoricalNB(min_categories=2), Flip(add=0.2, remove=0.4), BITS),
    "drop": (
        make_pipeline(SimpleImputer(), RandomForestClassifier(4, random_state=0)),
        Drop(drop=(0.7, 0.0, 0.8, 0.6)),
        CODES,
    ),
    "split": (KNeighborsClassifier(3), Split(scale=3.0), CODES),
    "split, each": (KNeighborsClassifier(3), Split(scale=(1.0, 2.0, 0.0, 1.0)), CODES),
}


def domain_of(clf):
    """Return the rows that a model was fitted on."""
    return next(X for _, noise, X in MODELS.values() if noise == clf.noise)


@pytest.fixture(params=MODELS)
def model(request):
    base, noise, X = MODELS[request.param]
    clf = SmoothedClassifier(base, noise=noise, n_augment=4, random_state=0)
    return clf.fit(X, TARGET), X[:20]


class TestEndToEnd:
    def test_answers_belong_together(self, model):
        clf, rows = model
        certificate = clf.certify(rows)
        p = clf.vote_frequencies(rows)
        assert np.allclose(p.sum(axis=1), 1)
        assert np.array_equal(clf.predict(rows), certificate.labels)
        assert np.array_equal(clf.classes_[p.argmax(axis=1)], certificate.selected)
        assert np.allclose(p.max(axis=1), certificate.p_lower, rtol=1e-15)
        assert np.all(certificate.width <= 2.0**-52)
        assert np.all(certificate.stop_reason == "exact")
        assert np.all(certificate.n_draws == 0)
        assert certificate.run.shortcut is None
        assert (certificate.radii > 0).any()
        always = clone(clf).set_params(abstain_label=None).fit(domain_of(clf), TARGET)
        assert np.array_equal(always.predict(rows), certificate.selected)
        assert np.array_equal(always.predict_proba(rows), p)
        right = ~certificate.abstained & (certificate.labels == TARGET[:20])
        assert clf.score(rows, TARGET[:20]) == right.mean()
        assert certified_accuracy_score(TARGET[:20], certificate, radius=0) == right.mean()

    def test_words(self, model):
        clf, rows = model
        certificate = clf.certify(rows)
        assert "form='enumerated'" in repr(certificate)
        assert "computed from all outcomes of the noise, no draws" in certificate.summary()
        if isinstance(clf.noise, Split):
            assert "It speaks of rows of whole numbers" in certificate.summary()
        pytest.importorskip("pandas")
        frame = certificate.to_frame()
        assert frame["radius"].tolist() == certificate.radii.tolist()
        assert set(frame["stop_reason"]) == {"exact"}

    def test_logs(self, model, tmp_path, monkeypatch):
        clf, rows = model
        expected = clf.certify(rows)
        write_log(tmp_path / "written", expected, y_true=TARGET[:20])
        monkeypatch.setattr("sksmooth.estimators.jobs._GROUP_DRAWS", 1)
        grown = tmp_path / "grown"
        append, written = RunningLog.append, []

        def stop(log, certificate, keys, seconds):
            if len(written) == 3:
                raise KeyboardInterrupt
            written.append(append(log, certificate, keys, seconds))

        with monkeypatch.context() as patch:
            patch.setattr(RunningLog, "append", stop)
            with pytest.raises(KeyboardInterrupt):
                clf.certify(rows, log=grown)
        assert clf.certify(rows, log=grown).equals(expected)
        for path in (tmp_path / "written", grown):
            assert read_log(path).certificate.equals(expected)
        text = grown.read_text()
        assert '"form": "enumerated"' in text
        other = clone(clf).set_params(n_augment=5).fit(domain_of(clf), TARGET)
        with pytest.raises(ValueError, match="is of another run"):
            other.certify(rows, log=grown)

    def test_a_log_that_was_changed_is_refused(self, model, tmp_path):
        clf, rows = model
        write_log(tmp_path / "log", clf.certify(rows))
        lines = (tmp_path / "log").read_text().splitlines()
        names = lines[2].split("\t")
        for name, value in (("radius", "-1.0"), ("n_draws", "7"), ("p_lower", "1.5")):
            cells = lines[3].split("\t")
            cells[names.index(name)] = value
            path = tmp_path / name
            path.write_text("\n".join([*lines[:3], "\t".join(cells), *lines[4:]]) + "\n")
            with pytest.raises(ValueError, match="line 4"):
                read_log(path)

    def test_copies(self, model):
        clf, rows = model
        expected = clf.certify(rows)
        for other in (pickle.loads(pickle.dumps(clf)), copy.deepcopy(clf)):
            assert other.certify(rows).equals(expected)
        assert clone(clf).get_params()["noise"] == clf.noise
        assert eval(repr(clf.noise)) == clf.noise
        assert pickle.loads(pickle.dumps(expected)).equals(expected)


def test_a_search_over_scales(pyplot):
    from sksmooth import CertifiedAccuracyDisplay

    clf = SmoothedClassifier(KNeighborsClassifier(3), noise=Split(scale=1.0), random_state=0)
    noises = [Split(scale=s) for s in (1.0, 2.0, 4.0)]
    scoring = certified_accuracy_scorer(radius=1.0)
    search = GridSearchCV(clf, {"noise": noises}, cv=2, scoring=scoring).fit(CODES, TARGET)
    assert search.cv_results_["param_noise"].tolist() == noises
    certificate = search.best_estimator_.certify(CODES)
    display = CertifiedAccuracyDisplay.from_predictions(TARGET, certificate)
    assert display.ax_.get_xlabel() == "L1 radius"


def test_every_neighbour_of_images():
    """Of a forest, all images a few steps away: none within the radius has another label."""
    rows = np.array([[0, 3, 9], [7, 7, 1], [4, 4, 4]]) / 255
    X = rng.integers(0, 12, size=(80, 3)) / 255
    y = (X.sum(axis=1) > 17 / 255).astype(int)
    base = RandomForestClassifier(5, random_state=0)
    clf = SmoothedClassifier(base, noise=Split(scale=4 / 255), n_augment=3, random_state=0)
    certificate = clf.fit(X, y).certify(rows)
    moves = np.array(list(itertools.product(range(-3, 4), repeat=3)))
    asked = 0
    for row, label, radius in zip(rows, certificate.labels, certificate.radii, strict=True):
        near = moves[np.abs(moves).sum(axis=1) <= round(radius * 255)]
        near = np.round(row * 255) + near
        near = near[(near >= 0).all(axis=1)] / 255
        assert np.all(clf.predict(near) == label)
        asked += len(near)
    assert asked > 50


def test_certificates_are_not_for_projection():
    from sksmooth import projected_certified_accuracy

    clf = SmoothedClassifier(KNeighborsClassifier(3), noise=Split(scale=1.0), random_state=0)
    certificate = clf.fit(CODES, TARGET).certify(CODES)
    with pytest.raises(ValueError, match="computed, not sampled"):
        projected_certified_accuracy(TARGET, certificate, radius=1.0)
    with pytest.raises(ValueError, match="computed"):
        certificate.at(alpha=0.1)


def test_rows_off_the_grid_are_refused():
    clf = SmoothedClassifier(KNeighborsClassifier(3), noise=Split(scale=1.0), random_state=0)
    with pytest.raises(ValueError, match="5, which is not a whole number"):
        clf.fit(CODES + 0.5, TARGET)
    clf.fit(CODES, TARGET)
    for call in (clf.predict, clf.certify):
        with pytest.raises(ValueError, match="Splitting noise is for values on a grid"):
            call(CODES[:1] + 0.25)
