"""per_feature of a classifier and of a certificate: frames, what they say, and the sentence."""

import builtins
import pickle

import numpy as np
import pytest
from helpers import blobs
from sklearn.datasets import load_wine
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sksmooth import Certificate, CertificationReport, SmoothedClassifier
from sksmooth.certificate.per_feature import _inward, sentence
from sksmooth.noise import Flip, Split

pd = pytest.importorskip("pandas")

X, y = load_wine(return_X_y=True, as_frame=True)
SIGMA = (0.3 * X.std()).to_dict()
TREE = DecisionTreeClassifier(max_depth=4, random_state=0)


@pytest.fixture(scope="module")
def clf():
    return SmoothedClassifier(TREE, SIGMA, random_state=0).fit(X[::2], y[::2])


@pytest.fixture(scope="module")
def sampled():
    base = KNeighborsClassifier()
    return SmoothedClassifier(base, SIGMA, n=500, random_state=0).fit(X[::2], y[::2])


class TestFrame:
    def test_shape_and_values(self, clf):
        rows = X[1:20:3]
        intervals = clf.per_feature(rows)
        assert list(intervals.columns) == ["value", "down", "up", "how"]
        assert intervals.index.names == ["row", "feature"]
        assert len(intervals) == rows.size
        assert (
            intervals["value"]
            .unstack()[list(X.columns)]
            .equals(rows.rename_axis("row").rename_axis("feature", axis=1))
        )
        certified = ~clf.certify(rows).abstained
        assert certified.any()
        kept = intervals.loc[rows.index[certified]]
        assert (kept["down"] < 0).all()
        assert (kept["up"] > 0).all()
        assert (kept["how"] == "exact").all()
        assert np.isinf(kept["up"]).mean() > 0.5

    def test_it_is_never_less_than_the_radius(self, clf):
        rows = X[1::5]
        certificate = clf.certify(rows)
        found, radius = (
            clf.per_feature(rows, certificate=certificate),
            certificate.per_feature(rows),
        )
        assert (found["up"] >= radius["up"]).all()
        assert (found["down"] <= radius["down"]).all()
        assert found["value"].equals(radius["value"])
        assert found.equals(clf.per_feature(rows))

    def test_certificates_of_others_are_refused(self, clf, sampled):
        rows = X[1:20:3]
        certificate = sampled.certify(rows)
        other = SmoothedClassifier(KNeighborsClassifier(), SIGMA, n=500, random_state=1)
        for wrong, says in (
            (certificate[:3], "3 rows, and X has 7"),
            (sampled.certify(X[2:21:3]), "another index"),
            (other.fit(X[::2], y[::2]).certify(rows), "another noise or seed"),
        ):
            with pytest.raises(ValueError, match=says):
                sampled.per_feature(rows, certificate=wrong)
        wider = SmoothedClassifier(TREE, X.std().to_dict(), random_state=0).fit(X, y)
        with pytest.raises(ValueError, match="another noise or seed"):
            clf.per_feature(rows, certificate=wider.certify(rows))

    def test_a_sampled_certificate_of_another_model(self, sampled):
        rows = X[1:20:3]
        other = SmoothedClassifier(KNeighborsClassifier(9), SIGMA, n=500, random_state=0)
        certificate = other.fit(X[::2], y[::2]).certify(rows)
        assert certificate.seed == sampled.certify(rows).seed
        with pytest.raises(ValueError, match="another model"):
            sampled.per_feature(rows, certificate=certificate)
        again = SmoothedClassifier(KNeighborsClassifier(), SIGMA, n=500, random_state=0)
        same = again.fit(X[::2], y[::2]).certify(rows)
        assert sampled.per_feature(rows, certificate=pickle.loads(pickle.dumps(same))) is not None
        inner = KNeighborsClassifier().fit(X[::2], y[::2])
        frozen = SmoothedClassifier(FrozenEstimator(inner), SIGMA, n=500, random_state=0)
        before = frozen.fit(X, y).certify(rows)
        inner.set_params(n_neighbors=9)  # in place
        with pytest.raises(ValueError, match="before it was changed"):
            frozen.per_feature(rows, certificate=before)
        after = frozen.fit(X, y).certify(rows)
        assert frozen.per_feature(rows, certificate=after) is not None
        parts = Certificate.concatenate([same[:3], same[3:]])
        assert parts.model == same.model is not None
        assert Certificate.concatenate([same[:3], certificate[3:]]).model is None

    def test_a_computed_certificate_of_others_without_an_index(self, clf):
        other = SmoothedClassifier(TREE, SIGMA, random_state=0).fit(X[::2], y[::2] == 0)
        rows = X[1:20:3]
        with pytest.raises(ValueError, match="another classifier"):
            clf.per_feature(rows, certificate=other.certify(rows))
        bare = SmoothedClassifier(TREE, list(SIGMA.values()), random_state=0)
        bare.fit(X[::2].to_numpy(), y[::2])
        with pytest.raises(ValueError, match="other rows"):
            bare.per_feature(rows.to_numpy(), certificate=bare.certify(rows.to_numpy()[::-1]))

    def test_sampled(self, sampled):
        """R times the deviation, rounded down."""
        rows = X[1:40:4]
        intervals = sampled.per_feature(rows)
        certificate = sampled.certify(rows)
        expected = certificate.radii[:, None] * np.array(list(SIGMA.values()))
        up = intervals["up"].to_numpy().reshape(len(rows), -1)
        assert np.all(up <= expected)
        np.testing.assert_allclose(up, expected, rtol=1e-12)
        assert intervals["down"].equals(-intervals["up"])
        assert set(intervals["how"]) == {"radius"}
        assert certificate.abstained.any()
        nothing = intervals.loc[rows.index[certificate.abstained]]
        assert (nothing["up"] == 0).all()

    def test_one_sigma_for_all(self):
        A, b = blobs(40)
        certificate = (
            SmoothedClassifier(LogisticRegression(), 0.5, random_state=0).fit(A, b).certify(A)
        )
        intervals = certificate.per_feature()
        assert intervals.index.names == ["row", "feature"]
        assert intervals["value"].isna().all()
        assert np.array_equal(intervals["up"], np.repeat(certificate.radii, A.shape[1]))
        with pytest.raises(ValueError, match="X has 3 rows; the certificate has 40"):
            certificate.per_feature(A[:3])

    @pytest.mark.parametrize("noise", ["uniform", "laplace"])
    def test_a_plane_is_where_it_is_under_any_noise(self, noise):
        """Exact ends of linear models of two classes: the base alone changes its answer there."""
        pytest.importorskip("pandas")
        rng = np.random.default_rng(1)
        rows = rng.normal(size=(80, 3)) * [1.0, 5.0, 0.2] + 30.0
        target = (rows @ [1.0, -0.3, 4.0] > np.median(rows @ [1.0, -0.3, 4.0])).astype(int)
        base = make_pipeline(StandardScaler(), LogisticRegression())
        clf = SmoothedClassifier(base, noise=noise, sigma=0.7, random_state=0).fit(rows, target)
        rows = rows[:12]
        found, inner = clf.per_feature(rows), clf.estimator_
        assert set(found["how"]) == {"exact"}
        down, up = (found[side].to_numpy().reshape(12, 3) for side in ("down", "up"))
        weights = inner[1].coef_[0] / inner[0].scale_
        distance = np.abs(inner.decision_function(rows))[:, None] / np.abs(weights)
        assert np.minimum(up, -down) == pytest.approx(distance, rel=1e-6)
        assert np.all(np.isinf(np.maximum(up, -down)))  # the lead grows on the other side
        labels = clf.certify(rows).labels
        toward = np.where(np.isinf(up), down, up)
        for share in (1 - 1e-6, 1 + 1e-6):
            moved = rows[:, None] + share * toward[:, :, None] * np.eye(3)
            answers = inner.predict(moved.reshape(-1, 3)).reshape(12, 3)
            assert np.all((answers == labels[:, None]) == (share < 1))

    def test_features_without_noise_are_left_out(self):
        sigma = SIGMA | {"hue": 0, "proline": 0}
        clf = SmoothedClassifier(TREE, sigma, random_state=0).fit(X, y)
        found = clf.per_feature(X[:3])
        kept = [name for name in X.columns if name not in ("hue", "proline")]
        assert found.loc[0].index.tolist() == kept
        assert clf.certify(X[:3]).per_feature(X[:3]).loc[2].index.tolist() == kept

    def test_text_beside(self):
        """Columns that have no numbers reach the base, and have no interval."""
        text = X.assign(colour=np.where(X["hue"] > 1, "red", "white"))
        model = GradientBoostingClassifier(max_depth=1, n_estimators=5, random_state=0)
        from sklearn.compose import make_column_transformer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder

        encode = make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough")
        clf = SmoothedClassifier(
            make_pipeline(encode, model), SIGMA | {"colour": 0}, n=300, random_state=0
        )
        intervals = clf.fit(text[::2], y[::2]).per_feature(text[1:9:4])
        assert intervals.loc[1].index.tolist() == list(X.columns)
        assert intervals.loc[5, "value"].tolist() == X.loc[5].tolist()

    def test_missing_values_have_no_ends(self, sampled):
        certificate = sampled.certify(X[:2])
        gaps = X[:2].copy()
        gaps.iloc[0, 2] = np.nan
        intervals = certificate.per_feature(gaps)
        line = intervals.loc[(0, "ash")]
        assert np.isnan(line["down"])
        assert np.isnan(line["up"])
        assert intervals["up"].isna().sum() == 1

    def test_changes_have_no_intervals(self):
        binary = (X.median() < X).astype(float)
        clf = SmoothedClassifier(LogisticRegression(), noise=Flip(keep=0.9), n=300, random_state=0)
        clf.fit(binary, y)
        with pytest.raises(ValueError, match="radii count changed features"):
            clf.per_feature(binary[:2])

    def test_rows_on_a_grid_have_no_intervals(self):
        whole = (X * 2).round()[["alcohol", "hue"]]
        clf = SmoothedClassifier(TREE, noise=Split(scale=1.0), random_state=0).fit(whole, y)
        with pytest.raises(ValueError, match="all values between its ends.*whole numbers"):
            clf.per_feature(whole[:2])
        report = CertificationReport.from_estimator(clf, whole[:20], y[:20])
        assert report.content["features"] is None

    def test_without_pandas(self, clf, monkeypatch):
        real = builtins.__import__

        def no_pandas(name, *args, **kwargs):
            if name == "pandas":
                raise ImportError(name)
            return real(name, *args, **kwargs)

        certificate = clf.certify(X[:2])
        monkeypatch.setattr(builtins, "__import__", no_pandas)
        for ask in (lambda: clf.per_feature(X[:2]), certificate.per_feature):
            with pytest.raises(ImportError, match="pip install pandas"):
                ask()


class TestSentence:
    def test_of_a_tree(self, clf):
        """Each limit that is named is inside the interval, and no more than a thousandth short."""
        rows = X[1::5]
        certificate = clf.certify(rows)
        intervals = clf.per_feature(rows, certificate=certificate)
        seen = 0
        for i, name in enumerate(rows.index):
            text = sentence(intervals, certificate, i)
            if certificate.abstained[i]:
                assert text == f"row {name}: nothing is certified"
                continue
            assert text.startswith(f"row {name}: {certificate.labels[i]} ")
            assert text.endswith("deviations")
            for feature, line in intervals.loc[name].iterrows():
                if f"{feature} (now {line['value']:.6g}) stays below " in text:
                    shown = float(
                        text.split(f"{feature} (now {line['value']:.6g}) stays below ")[1]
                        .split()[0]
                        .rstrip(",")
                    )
                    assert shown <= line["value"] + line["up"] <= shown + 0.011 * line["up"]
                    seen += 1
        assert seen > 5

    def test_of_a_radius(self, sampled):
        rows = X[1:2]
        certificate = sampled.certify(rows)
        text = sentence(sampled.per_feature(rows), certificate, 0)
        assert "stays within " in text
        assert f" of {X['alcohol'][1]:.6g} (others fixed; likewise for 12 more)" in text

    def test_where_nothing_changes_it(self):
        sigma = dict.fromkeys(X.columns, 0.0) | {"ash": 0.1}
        clf = SmoothedClassifier(TREE, sigma, random_state=0).fit(X, y)
        assert "ash" not in TREE.fit(X, y).feature_names_in_[TREE.tree_.feature]
        certificate = clf.certify(X[:1])
        text = sentence(clf.per_feature(X[:1]), certificate, 0)
        assert text.startswith("row 0: 0 whatever a single feature is; ")

    @pytest.mark.parametrize("size", [1e-9, 0.3, 70.0, 1e12])
    def test_ends_are_rounded_inward(self, size):
        for end in size * np.random.default_rng(0).uniform(-5, 5, 500):
            assert end - 0.011 * size <= float(_inward(end, size, up=True)) <= end
            assert end <= float(_inward(end, size, up=False)) <= end + 0.011 * size
