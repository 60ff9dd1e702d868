"""Mixed noise in a classifier: from a dict of numbers and specifications to the certificate."""

import copy
import dataclasses
import itertools
import json

import joblib
import numpy as np
import pytest
from scipy.special import ndtr
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.compose import make_column_transformer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from sksmooth import (
    Certificate,
    CertifiedAccuracyDisplay,
    RobustConformalClassifier,
    SmoothedClassifier,
    SmoothedRegressor,
    certified_accuracy_score,
    certified_accuracy_scorer,
)
from sksmooth.certificate import certify_counts
from sksmooth.certificate.concat import refuse_other_norms
from sksmooth.estimators.smoother import noise_of
from sksmooth.noise import Drop, Flip, Laplace, MixedNoise, SeveralChangesNoise
from sksmooth.records import Record, read_log, write_log
from sksmooth.records.running import RunningLog
from sksmooth.tables import certified_accuracy_table

rng = np.random.default_rng(0)
N = 300
X = np.column_stack(
    [
        rng.normal(40, 10, N),
        rng.normal(size=N),
        rng.integers(0, 3, N),
        rng.integers(0, 5, N),
        rng.integers(0, 90, N),
    ]
).astype(float)
y = (X[:, 0] / 5 + X[:, 1] + 0.7 * (X[:, 2] > 0) > 8.5).astype(int)
NAMES = ["age", "score", "colour", "zip", "id"]
SIGMA = {0: 6.0, 1: 0.5, 2: Flip(keep=0.8), 3: Drop(drop=0.8), 4: 0}
BY_NAME = dict(zip(NAMES, SIGMA.values(), strict=True))


def smoothed_tree(sigma=None, **options):
    settings = {"n": 1000, "n_predict": 300, "n_augment": 4, "random_state": 0}
    settings |= {"method": "montecarlo"} | options  # a tree's probabilities would be computed
    base = DecisionTreeClassifier(max_depth=5, random_state=0)
    return SmoothedClassifier(base, SIGMA if sigma is None else sigma, **settings)


@pytest.fixture(scope="module")
def clf():
    return smoothed_tree().fit(X, y)


@pytest.fixture(scope="module")
def certificate(clf):
    return clf.certify(X[:12])


@pytest.fixture
def frame():
    pd = pytest.importorskip("pandas")
    table = pd.DataFrame(X, columns=NAMES)
    return table.astype({"colour": "int64", "zip": "int8"})


class Asked(ClassifierMixin, BaseEstimator):
    """A base that is a function of a row."""

    def __init__(self, function):
        self.function = function

    def fit(self, X, y):
        self.classes_ = np.array([0, 1])
        return self

    def predict(self, X):
        return self.function(np.asarray(X)).astype(int)


class TestSoundness:
    """Exact probabilities of a base on a number, three colours, and a value that goes missing."""

    cuts = np.array([-2.0, 0.5, 3.0])
    sigma, keep, drop = 1.5, 0.8, 0.9
    grid = np.array(list(itertools.product(np.linspace(-6, 6, 25), range(3), range(2))))

    def smoothed(self, answers, **options):
        def function(rows):
            cell = np.searchsorted(self.cuts, rows[:, 0])
            third = np.nan_to_num(rows[:, 2], nan=2.0).astype(int)
            return answers[cell, rows[:, 1].astype(int), third]

        rows = self.grid.astype(float)
        base = FrozenEstimator(Asked(function).fit(rows, np.arange(len(rows)) % 2))
        sigma = [self.sigma, Flip(keep=self.keep), Drop(drop=self.drop)]
        return SmoothedClassifier(base, sigma, random_state=1, **options).fit(
            rows, np.arange(len(rows)) % 2
        )

    def share(self, answers, rows):
        edges = np.concatenate([[-np.inf], self.cuts, [np.inf]])
        cells = np.diff(ndtr((edges - rows[:, :1]) / self.sigma), axis=1)
        flip = np.full((3, 3), (1 - self.keep) / 2)
        np.fill_diagonal(flip, self.keep)
        k = 1 - self.drop
        gone = np.array([[k, 0, 1 - k], [0, k, 1 - k]])
        first, second = flip[rows[:, 1].astype(int)], gone[rows[:, 2].astype(int)]
        return np.einsum("ni,nj,nk,ijk->n", cells, first, second, answers)

    def test_every_neighbour_on_a_grid(self):
        """alpha = .05, and about one row in twenty may be wrong: far fewer are."""
        draw, asked, wrong, certified = np.random.default_rng(5), 0, 0, 0
        above = n_rows = 0
        for _ in range(6):
            answers = draw.random((4, 3, 3)) < 0.15
            clf = self.smoothed(answers, n=400, alpha=0.05)
            rows = self.grid
            certificate = clf.certify(rows)
            share = self.share(answers, rows)
            labels = (share > 0.5).astype(int)
            top = np.where(certificate.selected == 1, share, 1 - share)
            above += int(np.sum(certificate.p_lower > top + 1e-12))
            n_rows += len(rows)
            radii = [certificate.radii_with(changes=k) for k in range(3)]
            for i, row in enumerate(rows):
                k = (row[1:] != rows[:, 1:]).sum(axis=1)
                reach = np.stack(radii)[k, i]
                # a change alone, which radii of 0 allow too
                inside = np.abs(rows[:, 0] - row[0]) / self.sigma < reach
                inside |= (rows[:, 0] == row[0]) & ~np.isnan(reach)
                certified += not certificate.abstained[i]
                asked += int(inside.sum())
                wrong += bool(np.any(labels[inside] != certificate.labels[i]))
        assert asked > 10_000
        assert certified > 500
        assert above <= 0.05 * n_rows
        assert wrong <= 0.05 * certified

    def test_covers_is_the_region(self):
        answers = np.random.default_rng(7).random((4, 3, 3)) < 0.15
        rows = self.grid
        certificate = self.smoothed(answers, n=400).certify(rows)
        radii = np.nan_to_num([certificate.radii_with(changes=k) for k in range(3)], nan=-1.0)
        seen = 0
        for step in (1, 2, 5, 6, 7, 12, 30):
            other = np.roll(rows, step, axis=0)
            k = (other[:, 1:] != rows[:, 1:]).sum(axis=1)
            reach = radii[k, np.arange(len(rows))]
            length = np.abs(other[:, 0] - rows[:, 0]) / self.sigma
            inside = (length < reach) | ((length == 0) & (reach == 0))
            assert np.array_equal(certificate.covers(rows, other), inside)
            seen += inside.sum()
        assert seen > 100

    def test_predict_and_frequencies(self):
        answers = np.random.default_rng(6).random((4, 3, 3)) < 0.3
        clf = self.smoothed(answers, n_predict=20_000)
        rows = self.grid[::7]
        found = clf.vote_frequencies(rows)[:, 1]
        exact = self.share(answers, rows)
        assert np.abs(found - exact).max() < 5 * 0.5 / np.sqrt(20_000)
        clear = np.abs(exact - 0.5) > 0.03
        assert np.array_equal(clf.predict(rows)[clear], (exact > 0.5).astype(int)[clear])


class TestInvariance:
    def test_what_a_row_gets_depends_on_itself(self, clf, certificate):
        order = np.array([3, 0, 11, 7])
        assert clf.certify(X[:12][order]).equals(certificate[order])
        for options in ({"batch_size": 7}, {"n_jobs": 2}, {"shortcuts": None}):
            other = clone(clf).set_params(**options).fit(X, y)
            with joblib.parallel_config(backend="threading"):
                assert other.certify(X[:12]).equals(certificate), options

    def test_fewer_draws_are_a_prefix(self, clf):
        votes = [clf.certify(X[:3], n=n, alpha=0.3, n0=50).counts for n in (37, 400)]
        assert np.all(votes[0] <= votes[1])

    def test_resumed(self, clf, certificate, tmp_path, monkeypatch):
        monkeypatch.setattr("sksmooth.estimators.jobs._GROUP_DRAWS", 4000)
        append, written = RunningLog.append, []

        def stop(log, *args):
            if written:
                raise KeyboardInterrupt
            written.append(append(log, *args))

        with monkeypatch.context() as patch:
            patch.setattr(RunningLog, "append", stop)
            with pytest.raises(KeyboardInterrupt):
                clf.certify(X[:12], log=tmp_path / "log")
        assert clf.certify(X[:12], log=tmp_path / "log").equals(certificate)
        other = clone(clf).set_params(sigma={**SIGMA, 2: Flip(keep=0.81)}).fit(X, y)
        with pytest.raises(ValueError, match="is of another run"):
            other.certify(X[:12], log=tmp_path / "log")


class TestCertificate:
    def test_what_it_says(self, clf, certificate):
        assert isinstance(clf.certify(X[:1]).noise, MixedNoise)
        assert certificate.norm == "l2 of delta / sigma, and changes"
        radii = [certificate.radii_with(changes=k) for k in range(4)]
        kept = ~certificate.abstained
        assert np.array_equal(radii[0][kept], certificate.radii[kept])
        assert np.isnan(radii[0][~kept]).all()
        for k in range(3):
            assert np.array_equal(certificate.max_changes >= k, ~np.isnan(radii[k]))
        assert np.array_equal(radii[3], radii[2], equal_nan=True)  # two columns may change
        assert np.nanmax(radii[1]) > 0.3
        assert (certificate.max_changes > 0).any()
        noise = certificate.noise
        p = certificate.p_lower, certificate.p_upper
        assert np.array_equal(noise.radius_with(1, *p)[kept], radii[1][kept], equal_nan=True)

    def test_nothing_is_said_of_rows_that_are_abstained_on(self, certificate):
        votes = np.array([[500, 500], [1000, 0]])
        found = certify_counts(votes, votes, noise=certificate.noise, classes=np.array([0, 1]))
        assert found.abstained.tolist() == [True, False]
        assert found.max_changes.tolist()[0] == -1
        for k in (0, 1):
            assert np.isnan(found.radii_with(changes=k)).tolist() == [True, False]

    def test_logs(self, certificate, tmp_path):
        write_log(tmp_path / "log", certificate, y_true=y[:12])
        again = read_log(tmp_path / "log").certificate
        assert again.equals(certificate)
        assert again.noise == certificate.noise
        assert np.array_equal(again.radii_with(changes=1), certificate.radii_with(changes=1), True)
        lines = (tmp_path / "log").read_text().splitlines()
        head = json.loads(lines[1].removeprefix("# "))
        head["noise"]["changes"]["columns"][0] = [1]  # where the number is
        (tmp_path / "bad").write_text(
            "\n".join([lines[0], "# " + json.dumps(head), *lines[2:]]) + "\n"
        )
        with pytest.raises(ValueError, match="settings cannot be read"):
            read_log(tmp_path / "bad")

    def test_at_and_concatenate(self, clf, certificate):
        wider = certificate.at(alpha=0.05)
        one, other = (
            np.nan_to_num(c.radii_with(changes=1), nan=-1.0) for c in (certificate, wider)
        )
        assert np.all(other >= one)
        assert (other > one).any()
        parts = [clf.certify(X[:5]), clf.certify(X[5:12])]
        assert Certificate.concatenate(parts).equals(certificate)
        other = smoothed_tree({**SIGMA, 3: 0}).fit(X, y).certify(X[:1])
        with pytest.raises(ValueError, match="changes of different columns cannot be put together"):
            Certificate.concatenate([certificate, other])

    def test_in_words(self, certificate):
        text = certificate.summary()
        assert "flip keep=0.8 and drop=0.8" in text
        assert f"1 changed  {(certificate.max_changes > 0).sum()} of 12 rows" in text
        assert "beside up to k changes in 2 other columns" in text
        assert "Features without noise must stay as they are." in text
        assert "radii_with(changes=k)" in certificate._repr_html_()
        assert "noise='mixed'" in repr(certificate)
        everything = smoothed_tree({**SIGMA, 4: 5.0}).fit(X, y).certify(X[:1])
        assert "must stay" not in everything.summary()

    def test_frames(self, certificate):
        pytest.importorskip("pandas")
        table = certificate.to_frame()
        assert table["radius"].tolist() == certificate.radii.tolist()
        assert table["max_changes"].tolist() == certificate.max_changes.tolist()
        radii = table["radius_1_changed"]
        assert np.array_equal(radii, certificate.radii_with(changes=1), equal_nan=True)
        assert len([name for name in table if "changed" in name]) == certificate.max_changes.max()
        intervals = certificate.per_feature(X[:12])
        assert set(intervals.index.get_level_values("feature")) == {0, 1}
        up = intervals["up"].to_numpy().reshape(12, 2)
        assert np.all(up <= certificate.radii[:, None] * [6.0, 0.5])
        assert np.allclose(up, certificate.radii[:, None] * [6.0, 0.5])

    def test_others_have_no_radii_beside_changes(self):
        plain = SmoothedClassifier(DecisionTreeClassifier(max_depth=2), 0.5, random_state=0)
        plain = plain.fit(X, y).certify(X[:3])
        assert np.array_equal(plain.radii_with(changes=0), plain.radii)
        assert plain.max_changes.tolist() == [0, 0, 0]
        with pytest.raises(ValueError, match="is for noise that is added to some columns"):
            plain.radii_with(changes=1)
        counted = smoothed_tree({2: Flip(keep=0.8), 3: Drop(drop=0.8), "*": 0}).fit(X, y)
        counted = counted.certify(X[:5])
        assert np.array_equal(counted.max_changes, np.where(counted.abstained, -1, counted.radii))
        for k in (0, 1):
            with pytest.raises(ValueError, match="no length is certified beside them"):
                counted.radii_with(changes=k)
        for wrong in (-1, 1.0, True):
            with pytest.raises(ValueError, match="an int of 0 or more"):
                plain.radii_with(changes=wrong)


class TestDeciding:
    def test_a_pair(self, clf, certificate):
        """As what is measured says, for a fraction of the draws."""
        rows = X[:60]
        measured = clf.certify(rows, n=4000)
        decided = clf.certify(rows, n=4000, radius=0.4, changes=1)
        assert decided.run.asked_changes == 1
        assert decided.n_draws.sum() < measured.n_draws.sum() / 2
        surely = measured.at(alpha=1e-6).radii_with(changes=1) >= 0.4
        assert np.all((decided.radii_with(changes=1) >= 0.4)[surely])
        hopeless = ~(measured.at(alpha=0.3).radii_with(changes=1) >= 0.3)
        assert not (decided.radii_with(changes=1) >= 0.4)[hopeless].any()
        assert surely.sum() > 3
        assert hopeless.sum() > 3

    def test_changes_alone(self, clf):
        decided = clf.certify(X[:40], n=2000, radius=0, changes=2)
        assert (decided.max_changes == 2).sum() > 3
        assert decided.n_draws.mean() < 1000

    def test_grown_log_of_a_pair(self, clf, tmp_path):
        decided = clf.certify(X[:6], radius=[0.1, 0.4], changes=1, log=tmp_path / "log")
        assert clf.certify(X[:6], radius=[0.1, 0.4], changes=1).equals(decided)
        assert read_log(tmp_path / "log").certificate.run.asked_changes == 1
        with pytest.raises(ValueError, match="asked_changes is 1 there and 0 here"):
            clf.certify(X[:6], radius=[0.1, 0.4], log=tmp_path / "log")
        with pytest.raises(ValueError, match="at\\(\\) needs the counts of a plain"):
            decided.at(alpha=0.01)

    def test_what_is_refused(self, clf):
        with pytest.raises(ValueError, match="changes goes with a radius"):
            clf.certify(X[:1], changes=1)
        with pytest.raises(ValueError, match="an int of 0 or more; got 1.5"):
            clf.certify(X[:1], radius=0.1, changes=1.5)
        plain = SmoothedClassifier(LogisticRegression(), 0.5, random_state=0).fit(X[:, :2], y)
        with pytest.raises(ValueError, match="is for noise that is added to some columns"):
            plain.certify(X[:1, :2], radius=0.1, changes=1)
        counted = smoothed_tree({2: Flip(keep=0.8), "*": 0}).fit(X, y)
        with pytest.raises(ValueError, match="its radii are numbers of changes"):
            counted.certify(X[:1], radius=1, changes=1)

    def test_out_of_reach(self, clf):
        with pytest.warns(UserWarning, match="at 2 beside 1 changed column: .* radius is 1"):
            clf.certify(X[:1], n=300, radius=2, changes=1)
        with pytest.warns(UserWarning, match="so many changes alone are too many"):
            clf.certify(X[:1], n=12, radius=0, changes=2)


class TestScores:
    def test_certified_accuracy(self, certificate):
        right = (certificate.labels == y[:12]) & ~certificate.abstained
        for k in range(3):
            radii = certificate.radii_with(changes=k)
            for radius in (0.0, 0.3, 1.0):
                found = certified_accuracy_score(y[:12], certificate, radius=radius, changes=k)
                assert found == np.mean(right & (radii >= radius))
        scores = certified_accuracy_score(y[:12], certificate, changes=1, classwise=True)
        assert scores[0] == np.mean(
            (right & ~np.isnan(certificate.radii_with(changes=1)))[y[:12] == 0]
        )

    def test_of_a_decided_pair(self, clf):
        decided = clf.certify(X[:12], radius=0.3, changes=1)
        found = certified_accuracy_score(y[:12], decided, radius=0.3, changes=1)
        assert 0 < found < 1
        with pytest.warns(UserWarning, match=r"decide the radii \(0.3,\) beside 1 changed column,"):
            certified_accuracy_score(y[:12], decided, radius=0.3)

    def test_search(self):
        sigmas = [{**SIGMA, 2: Flip(keep=keep)} for keep in (0.6, 0.9)]
        scorer = certified_accuracy_scorer(radius=0.2, changes=1, n=300)
        assert "changes=1" in repr(scorer)
        search = GridSearchCV(
            smoothed_tree({"*": 0.3, 2: Flip(keep=0.6), 3: Drop(drop=0.8), 4: 0}, units="std"),
            {"sigma": [{"*": 0.3, 2: Flip(keep=k), 3: Drop(drop=0.8), 4: 0} for k in (0.6, 0.9)]},
            scoring=scorer,
            cv=2,
            error_score="raise",
        ).fit(X[:120], y[:120])
        assert len(set(search.cv_results_["mean_test_score"])) == 2
        assert [clone(smoothed_tree(s)).get_params()["sigma"] for s in sigmas] == sigmas

    def test_display(self, certificate, pyplot):
        display = CertifiedAccuracyDisplay.from_predictions(y[:12], certificate, name="tree")
        assert [line.get_label() for line in display.line_] == [
            "tree, no columns changed",
            "tree, 1 column changed",
            "tree, 2 columns changed",
        ][: certificate.max_changes.max() + 1]
        assert display.ax_.get_xlabel() == "Radius, l2 of delta / sigma"
        for k, line in enumerate(display.line_):
            radius, accuracy = line.get_data()
            for r, a in zip(radius, accuracy, strict=True):
                assert a == certified_accuracy_score(y[:12], certificate, radius=r, changes=k)
        one = CertifiedAccuracyDisplay.from_predictions(y[:12], certificate, changes=[1])
        assert len(one.line_) == 1
        other = CertifiedAccuracyDisplay.from_predictions(y[:12], certificate, changes=1)
        assert other.name == one.name
        with pytest.raises(ValueError, match="must have one number of changed columns or more"):
            CertifiedAccuracyDisplay.from_predictions(y[:12], certificate, changes=[])
        plain = SmoothedClassifier(LogisticRegression(), [1.0] * 5, random_state=0).fit(X, y)
        with pytest.raises(ValueError, match="cannot be drawn on one axis"):
            CertifiedAccuracyDisplay.from_estimator(plain, X[:5], y[:5], ax=display.ax_)

    def test_table(self, clf, certificate):
        record = Record.of(certificate, y_true=y[:12])
        table = certified_accuracy_table({"tree": record}, [0.0, 0.3], changes=range(3))
        assert table.names == tuple(f"tree, {k} changed" for k in range(3))
        expected = [
            certified_accuracy_score(y[:12], certificate, radius=[0.0, 0.3], changes=k)
            for k in range(3)
        ]
        assert np.array_equal(table.scores, expected)
        one = certified_accuracy_table({"tree": record}, [0.0, 0.3], changes=1)
        assert one.names == ("tree, 1 changed",)  # accuracies beside none would be higher
        assert np.array_equal(one.scores, expected[1:2])
        norm = certificate.noise.norm
        with pytest.raises(ValueError, match=r"the columns \[2, 3\] and \[2\]\. Give the same"):
            refuse_other_norms([norm, dataclasses.replace(norm, changing=(2,))], "compared")
        plain = SmoothedClassifier(LogisticRegression(), [1.0] * 5, random_state=0).fit(X, y)
        records = {"a": record, "b": Record.of(plain.certify(X[:12], n=200), y_true=y[:12])}
        with pytest.raises(ValueError, match="cannot be in one table"):
            certified_accuracy_table(records, [0.3])


class TestSigma:
    def test_names_places_and_lists(self, clf, certificate, frame):
        by_name = smoothed_tree(BY_NAME).fit(frame, y)
        found = by_name.certify(frame[:12])
        assert np.array_equal(found.counts, certificate.counts)
        assert np.array_equal(found.radii_with(changes=1), certificate.radii_with(changes=1), True)
        assert found.feature_names == tuple(NAMES)
        rest = {"age": 6.0, "score": 0.5, "colour": Flip(keep=0.8), "id": 0, "*": Drop(drop=0.8)}
        assert noise_of(smoothed_tree(rest).fit(frame, y)) == noise_of(by_name) == noise_of(clf)
        assert noise_of(smoothed_tree(list(SIGMA.values())).fit(X, y)) == noise_of(clf)

    def test_set_after_fit(self, clf):
        other = clone(clf).fit(X, y).set_params(sigma={**SIGMA, 2: Flip(keep=0.9), 3: 0})
        assert noise_of(other).changes.parts[0].values == ((0.0, 1.0, 2.0),)
        assert str(noise_of(other).norm) == "l2 of delta / sigma, and changes"
        with pytest.raises(ValueError, match="No values of column 4 were noted in fit"):
            other.set_params(sigma={**SIGMA, 4: Flip(keep=0.9)}).certify(X[:1])

    def test_units(self):
        sigma = {"*": 0.5, 2: Flip(keep=0.8), 3: Drop(drop=0.8), 4: 0}
        clf = smoothed_tree(sigma, units="std").fit(X, y)
        noise = noise_of(clf)
        assert str(noise.norm) == "l2 of delta / units, and changes"
        deviations = noise.deviations((5,))
        assert np.allclose(deviations[:2], 0.5 * X[:, :2].std(axis=0))
        assert np.array_equal(deviations[2:], [0, 0, 0])
        # units of columns with other noise need not be given
        given = smoothed_tree(sigma, units={0: 10.0, 1: 1.0, 4: 0}).fit(X, y)
        assert noise_of(given).norm.scale == (10.0, 1.0, 0.0, 0.0, 0.0)
        with pytest.raises(ValueError, match="missing are"):
            smoothed_tree(sigma, units={0: 10.0, 4: 0}).fit(X, y)
        with pytest.raises(ValueError, match="With units, sigma is one number"):
            smoothed_tree({**sigma, 0: 1.0}, units="std").fit(X, y)
        counted = smoothed_tree({2: Flip(keep=0.8), "*": 0}, units="std").fit(X, y)
        assert isinstance(noise_of(counted), SeveralChangesNoise)
        assert counted.certify(X[:2]).norm == "l0"

    def test_binary_columns_are_no_reason_to_warn(self, recwarn):
        rows = np.column_stack([X[:, 0], X[:, 2] > 0, np.ones(N)]).astype(float)
        smoothed_tree({0: 0.5, 1: Flip(keep=0.8), 2: Drop(drop=0.5)}, units="std").fit(rows, y)
        assert not [w for w in recwarn if "units='std'" in str(w.message) or "two values" in str(w)]

    def test_booleans(self, frame, recwarn):
        table = frame.assign(colour=frame["colour"] > 0)
        clf = smoothed_tree(BY_NAME).fit(table, y)
        assert not [w for w in recwarn if "bool" in str(w.message)]
        assert clf.certify(table[:3], n=200).max_changes.max() >= -1

    def test_missing_values(self, clf):
        rows = X[:4].copy()
        rows[0, 0], rows[1, 2], rows[2, 3] = np.nan, np.nan, np.nan
        gaps = X.copy()
        gaps[::7, [0, 2, 3]] = np.nan
        smoother = smoothed_tree().fit(gaps, y)
        found = smoother.certify(rows, n=500)
        assert len(found) == 4
        assert found[3].equals(smoother.certify(rows[3:], n=500))

    def test_mixed_in_a_pipeline_of_columns(self, frame):
        base = make_pipeline(
            make_column_transformer(
                (OneHotEncoder(handle_unknown="ignore"), ["colour"]),
                (SimpleImputer(), ["age", "score", "zip", "id"]),
            ),
            LogisticRegression(max_iter=500),
        )
        clf = SmoothedClassifier(base, BY_NAME, n=500, n_augment=2, random_state=0).fit(frame, y)
        assert (clf.certify(frame[:20]).max_changes > 0).any()

    @pytest.mark.parametrize(
        ("sigma", "options", "match"),
        [
            ({**SIGMA, 3: Laplace()}, {}, "single columns may have a number, Flip or Drop"),
            (SIGMA, {"noise": "laplace"}, "goes with noise='gaussian' on others"),
            (
                SIGMA,
                {"noise": Flip(keep=0.6)},
                "is for all columns, and sigma has noises for single",
            ),
            (SIGMA, {"arithmetic": "float"}, "arithmetic='integer' only"),
            ({**SIGMA, 9: Flip(keep=0.8)}, {}, r"unknown are \[9\]"),
            ({"colour": Flip(keep=0.8), "*": 1.0}, {}, "X had no column names in fit"),
            ({**SIGMA, 2: Flip(keep=0.3)}, {}, "keep must be more than the probability of each"),
            ([1.0, Flip(keep=0.8)], {}, r"sigma has shape \(2,\)"),
        ],
    )
    def test_what_is_refused(self, sigma, options, match):
        with pytest.raises(ValueError, match=match):
            smoothed_tree(sigma, **options).fit(X, y)

    def test_unknown_values(self, clf):
        """They become any known one; a certificate of known rows speaks of them, too."""
        row = X[:1].copy()
        row[0, 2] = 7.0
        with pytest.warns(UserWarning, match="not seen in fit, in the columns \\[2\\]"):
            assert len(clf.certify(row, n=200)) == 1

    def test_text(self, frame):
        """The base sees words of fit where they are replaced, and gaps where they are dropped."""
        table = frame.assign(colour=np.array(["red", "green", "blue"])[frame["colour"].to_numpy()])
        table["zip"] = table["zip"].astype("category").cat.rename_categories(lambda z: f"zip {z}")
        base = make_pipeline(
            make_column_transformer(
                (OneHotEncoder(handle_unknown="error"), ["colour"]),
                (OneHotEncoder(handle_unknown="ignore"), ["zip"]),
                (SimpleImputer(), ["age", "score", "id"]),
            ),
            LogisticRegression(max_iter=500),
        )
        clf = SmoothedClassifier(base, BY_NAME, n=500, n_augment=2, random_state=0).fit(table, y)
        certificate = clf.certify(table[:20])
        assert certificate.norm == "l2 of delta / sigma, and changes"
        assert (certificate.max_changes > 0).any()
        assert clf.certify(table[3:5]).equals(certificate[3:5])
        encoders = clf.estimator_.named_steps["columntransformer"].named_transformers_
        assert encoders["onehotencoder-1"].categories_[0].tolist() == ["blue", "green", "red"]
        assert sum(word != word for word in encoders["onehotencoder-2"].categories_[0]) == 1
        assert clf.predict(table[:20]).shape == (20,)

    def test_images_are_refused(self):
        images = np.zeros((6, 2, 2))
        with pytest.raises(ValueError, match="Single columns of a table"):
            SmoothedClassifier(LogisticRegression(), {0: 1.0, "*": Flip(keep=0.8)}).fit(
                images, [0, 1] * 3
            )

    def test_regressors_refuse(self):
        with pytest.raises(
            ValueError, match="takes noise that is added to all columns.*got MixedNoise"
        ):
            SmoothedRegressor(DecisionTreeRegressor(), SIGMA).fit(X, y.astype(float))

    @pytest.mark.parametrize("sigma", [SIGMA, {2: Flip(keep=0.8), "*": 0}])
    @pytest.mark.parametrize("radius", [0.0, 0.5])
    def test_prediction_sets_refuse(self, sigma, radius):
        base = DecisionTreeClassifier(max_depth=2)
        clf = RobustConformalClassifier(base, sigma, radius=radius, n=50, random_state=0)
        with pytest.raises(ValueError, match="take Gaussian noise on all columns .*flip keep=0.8"):
            clf.fit(X, y)

    def test_computed_without_draws(self, clf):
        computed = copy.copy(clf).set_params(method="auto").certify(X[:6])
        assert (computed.form, computed.alpha, computed.counts.size) == ("boxes", 0.0, 0)
        sampled = clf.certify(X[:6], n=3000)
        for k in range(3):
            lower, upper = (each.radii_with(changes=k) for each in (sampled, computed))
            assert np.all(np.isnan(lower) | (lower <= upper))
        assert np.all(sampled.max_changes <= computed.max_changes)

    def test_counted_where_changes_alone_are_noise(self):
        sigma = {2: Flip(keep=0.8), 3: Drop(drop=0.8), "*": 0}
        counted = smoothed_tree(sigma, method="auto").fit(X, y)
        exact = counted.certify(X[:6])
        assert exact.form == "enumerated"
        drawn = counted.set_params(method="montecarlo").certify(X[:6], n=3000)
        assert np.all(drawn.p_lower <= exact.p_lower)
        assert np.all(drawn.max_changes <= exact.max_changes)


def test_nets_see_fresh_noise_of_both_kinds():
    torch = pytest.importorskip("torch")
    skorch = pytest.importorskip("skorch")
    seen = []

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(3, 2)

        def forward(self, X):
            seen.append(X.detach().numpy().copy())
            return self.layer(torch.nan_to_num(X, nan=-1.0))

    net = skorch.NeuralNetClassifier(
        Module, criterion=torch.nn.CrossEntropyLoss, max_epochs=3, verbose=0, train_split=None
    )
    rows = X[:, [1, 2, 3]].astype(np.float32)
    sigma = [0.5, Flip(keep=0.8), Drop(drop=0.5)]
    clf = SmoothedClassifier(net, sigma, n=300, random_state=0).fit(rows, y)
    first, second = (np.sort(batch, axis=0) for batch in seen[-2:])
    assert not np.array_equal(first[:, 0], second[:, 0])
    assert set(seen[-1][:, 1]) <= {0.0, 1.0, 2.0}
    assert np.isnan(seen[-1][:, 2]).any()
    assert clf.certify(rows[:2]).norm == "l2 of delta / sigma, and changes"
    from sksmooth.attacks import pgd_attack

    with pytest.raises(ValueError, match="cannot move by small steps"):
        pgd_attack(clf, rows[:2], y[:2], 1.0)
