"""``units=``: the same noise and votes as a sigma for each feature, with radii in the units."""

import pickle
import warnings
from fractions import Fraction

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier, average_certified_radius_scorer, certified_accuracy_scorer
from sksmooth.certificate.concat import concatenate
from sksmooth.noise import L2, Flip, IntegerInUnits, IntegerPerFeature
from sksmooth.records import Record, read_log
from sksmooth.tables import certified_accuracy_table

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3)) * [1.0, 30.0, 0.01] + [0.0, 100.0, 0.0]
Y = (X[:, 0] + (X[:, 1] - 100) / 30 + 20 * X[:, 2] > 0).astype(int)
UNITS = np.array([2.0, 25.0, 0.01])


def smoothed(base=None, sigma=0.3, **options):
    base = GaussianNB() if base is None else base
    options = {"units": UNITS, "n": 500, "n_predict": 100, "random_state": 0} | options
    return SmoothedClassifier(base, sigma, **options)


class TestIdentities:
    @pytest.mark.parametrize("base", [GaussianNB(), KNeighborsClassifier()])
    @pytest.mark.parametrize("sigma", [0.1, 0.3, 1.7])
    def test_noise_votes_and_laws_are_those_of_the_products(self, base, sigma):
        ours = smoothed(base, sigma).fit(X, Y).certify(X[:12])
        theirs = smoothed(base, sigma * UNITS, units=None).fit(X, Y).certify(X[:12])
        assert ours.noise.name == theirs.noise.name
        assert np.array_equal(ours.counts, theirs.counts)
        assert np.array_equal(ours.labels, theirs.labels)
        assert np.array_equal(ours.p_lower, theirs.p_lower)
        assert np.all(ours.radii <= sigma * theirs.radii)
        assert ours.radii == pytest.approx(sigma * theirs.radii, rel=1e-14)
        assert ours.radii_l2 == pytest.approx(theirs.radii_l2, rel=1e-14)

    @pytest.mark.parametrize("sigma", [0.1, 0.3, 3.0])
    def test_it_is_the_smoother_of_rows_in_units(self, sigma):
        """A frozen linear model, on X / units and a single sigma."""
        model = LogisticRegression().fit(X / UNITS, Y)
        scaler = StandardScaler(with_mean=False).fit(X)
        scaler.scale_ = UNITS
        ours = smoothed(FrozenEstimator(make_pipeline(scaler, model)), sigma).fit(X, Y)
        other = smoothed(FrozenEstimator(model), sigma, units=None).fit(X / UNITS, Y)
        a, b = ours.certify(X), other.certify(X / UNITS)
        assert a.method == b.method == "exact"
        there = b.radii > 0
        assert np.abs(a.radii - b.radii)[there] == pytest.approx(
            0, abs=5e-13 * b.radii[there].max()
        )
        # the distance to the plane, in units, whatever sigma
        exact = np.abs(model.decision_function(X / UNITS)) / np.linalg.norm(model.coef_)
        assert a.radii == pytest.approx(exact, rel=1e-9)

    def test_values(self):
        noise = IntegerInUnits(0.5, [2.0, 0.0, 20.0])
        assert noise.norm == L2([2.0, 0.0, 20.0], "units")
        assert noise.norm.length(np.array([[2.0, 0.0, 20.0]])) == pytest.approx(np.sqrt(2))
        plain = IntegerPerFeature([1.0, 0.0, 10.0])
        assert noise.radius([0.99]) == pytest.approx(0.5 * plain.radius([0.99]), rel=1e-14)
        assert noise.rounding == 0.5 * plain.rounding
        assert noise.tv_error == plain.tv_error
        assert noise.label == "sigma=0.5 units"

    def test_radii_are_rounded_down(self):
        """In exact arithmetic: what is shorter in units is shorter in deviations as drawn."""
        rng = np.random.default_rng(0)
        for sigma, unit in rng.uniform(0.1, 10, size=(200, 2)).tolist():
            deviation = sigma * unit
            plain, noise = IntegerPerFeature([deviation]), IntegerInUnits(sigma, [unit])
            for of in ("radius", "radius_of_tails"):
                given = (np.array([0.1]), np.array([0.1])) if "tails" in of else ([0.9],)
                long, short = (Fraction(float(getattr(n, of)(*given)[0])) for n in (plain, noise))
                assert short * Fraction(unit) / Fraction(deviation) <= long

    @pytest.mark.parametrize("units", [[0.0, 0.0], [1e100, 1.0], [-1.0, 1.0], [np.nan, 1.0]])
    def test_what_noise_refuses(self, units):
        with pytest.raises(ValueError, match="sigma times each unit"):
            IntegerInUnits(2.0, units)

    def test_the_smallest_sigma_does_not_win(self):
        """In deviations it does: it changes what is measured (breast cancer, a tree)."""
        X, y = load_breast_cancer(return_X_y=True)
        train, test = slice(0, None, 2), slice(1, None, 2)
        units = X[train].std(axis=0)
        base = DecisionTreeClassifier(max_depth=4, random_state=0)
        found = {}
        for sigma in (0.1, 0.3, 1.0):
            options = {"n_augment": 4, "random_state": 0}
            a = SmoothedClassifier(base, sigma * units, **options).fit(X[train], y[train])
            b = SmoothedClassifier(base, sigma, units=units, **options).fit(X[train], y[train])
            a, b = (clf.certify(X[test]) for clf in (a, b))
            right = a.labels == y[test]
            found[sigma] = (np.mean(right & (a.radii >= 1)), np.mean(right & (b.radii >= 1)))
        of_sigmas, of_units = np.array(list(found.values())).T
        assert np.argmax(of_sigmas) == 0
        assert np.argmax(of_units) == 2
        assert of_units == pytest.approx([0.246, 0.468, 0.613], abs=0.06)


class TestParameter:
    @pytest.mark.parametrize(
        "units",
        [UNITS.tolist(), tuple(UNITS), {0: 2.0, 1: 25.0, "*": 0.01}],
        ids=["list", "tuple", "places"],
    )
    def test_forms(self, units):
        clf = smoothed(units=units).fit(X, Y)
        assert clf.units_ == tuple(UNITS)
        assert np.array_equal(clf.certify(X[:5]).radii, smoothed().fit(X, Y).certify(X[:5]).radii)

    def test_names(self):
        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame(X.copy(), columns=["a", "b", "c"])
        frame["kind"] = np.where(frame.a > 0, "x", "y")
        units = {"c": 0.01, "b": 25, "a": 2}
        base = make_pipeline(_Numbers(), GaussianNB())
        for given in (units, units | {"kind": 0}, pd.Series(units)):
            assert smoothed(base, units=given).fit(frame, Y).units_ == (2.0, 25.0, 0.01, 0.0)
        with pytest.raises(ValueError, match=r"units must name each column.*missing are \['b'\]"):
            smoothed(base, units={"a": 1, "c": 2}).fit(frame, Y)
        with pytest.raises(ValueError, match=r"unknown are \['d'\]"):
            smoothed(base, units=units | {"d": 1}).fit(frame, Y)
        with pytest.raises(ValueError, match=r"'kind' \(text\)\. Give it a units of 0"):
            smoothed(base, units=units | {"kind": 1}).fit(frame, Y)

    def test_std(self):
        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame(X.copy(), columns=["a", "b", "c"])
        frame.loc[4, "a"] = np.nan
        frame["kind"], frame["same"], frame["flag"] = "x", 0.1, X[:, 0] > 0
        frame["rare"] = (np.arange(len(X)) == 3).astype(int)
        base = make_pipeline(_Numbers(), GaussianNB())
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            clf = smoothed(base, units="std").fit(frame, Y)
        messages = " ".join(str(warning.message) for warning in caught)
        assert "0 for the features ['same']" in messages
        assert "features ['rare'] have two values" in messages
        expected = frame[["a", "b", "c"]].std(ddof=0).tolist()
        assert clf.units_[:3] == pytest.approx(expected, rel=1e-9)
        assert clf.units_[3:6] == (0.0, 0.0, 0.0)
        assert clf.units_[6] == pytest.approx(frame.rare.std(ddof=0), rel=1e-9)
        assert smoothed(units="std").fit(X, Y).units_ == pytest.approx(X.std(axis=0))

    def test_some_features_without_noise(self):
        clf = smoothed(sigma=[0.3, 0.0, 0.3]).fit(X, Y)
        noise = clf.certify(X[:2]).noise
        assert noise == IntegerInUnits(0.3, (2.0, 0.0, 0.01))
        assert clf.units_ == tuple(UNITS)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"units": 3.0}, "units"),
            ({"units": "iqr"}, "units"),
            ({"units": [1.0, 2.0]}, r"units has shape \(2,\), but rows of X have shape \(3,\)"),
            ({"units": [1.0, -2.0, 1.0]}, r"units of feature 1 is -2\.0"),
            ({"units": [0, 0, 0]}, "units are 0 for every feature"),
            ({"units": {"a": 1.0}}, "units names features, but X had no column names"),
            ({"sigma": [0.1, 0.2, 0.3]}, "With units, sigma is one number.*Put what is different"),
            ({"noise": "laplace"}, "units are for Gaussian noise; got noise='laplace'"),
            ({"noise": Flip(keep=0.9)}, "units are for Gaussian noise"),
            ({"units": [1e100, 1, 1], "sigma": 2.0}, "sigma times each unit"),
        ],
    )
    def test_what_is_refused(self, options, message):
        with pytest.raises(ValueError, match=message):
            smoothed(**options).fit(X, Y)

    def test_changes_after_fit(self):
        clf = smoothed().fit(X, Y)
        assert clf.set_params(sigma=0.6).certify(X[:2]).sigma == 0.6
        with pytest.raises(ValueError, match="units was changed after fit"):
            clf.set_params(units=2 * UNITS).certify(X[:2])
        with pytest.raises(ValueError, match="units was changed after fit"):
            smoothed(units=None).fit(X, Y).set_params(units="std").certify(X[:2])

    def test_copies(self):
        clf = smoothed().fit(X, Y)
        assert np.array_equal(clone(clf).fit(X, Y).certify(X[:3]).radii, clf.certify(X[:3]).radii)
        again = pickle.loads(pickle.dumps(clf))
        assert np.array_equal(again.certify(X[:3]).radii, clf.certify(X[:3]).radii)

    def test_images(self):
        rows = X[:, :, None] * np.ones((1, 1, 2))
        clf = smoothed(_Flat(), units=np.column_stack([UNITS, UNITS])).fit(rows, Y)
        assert clf.certify(rows[:2]).noise.deviations((3, 2)) == pytest.approx(
            0.3 * np.column_stack([UNITS, UNITS])
        )

    def test_search(self):
        search = GridSearchCV(
            smoothed(DecisionTreeClassifier(max_depth=2, random_state=0)),
            {"sigma": [0.1, 0.3]},
            scoring=certified_accuracy_scorer(radius=0.2),
            error_score="raise",
            cv=2,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            search.fit(X, Y)
        assert search.best_estimator_.units_ == tuple(UNITS)

    def test_the_best_sigma_is_not_the_smallest(self):
        """It always is for radii in multiples of sigma: a smaller one makes the rod shorter."""
        X, y = load_breast_cancer(return_X_y=True)
        units, sigmas = X.std(axis=0), [0.1, 0.3, 1.0, 10.0]
        base = DecisionTreeClassifier(max_depth=4, random_state=0)
        clf = SmoothedClassifier(base, n_augment=4, random_state=0)

        def scores(clf, sigmas, radius):
            scorer = certified_accuracy_scorer(radius=radius)
            search = GridSearchCV(clf, {"sigma": sigmas}, scoring=scorer, cv=2).fit(X, y)
            return search.cv_results_["mean_test_score"]

        found = scores(clf.set_params(units=units), sigmas, 0.3)
        assert 0 < found.argmax() < 3
        assert found.max() > found[0] + 0.05
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = scores(clf.set_params(units=None), [s * units for s in sigmas], 1.0)
        assert found.argmax() == 0

    def test_scorers_warn_of_a_sigma_for_each_feature(self):
        clf = smoothed(sigma=UNITS, units=None).fit(X, Y)
        for scorer in (certified_accuracy_scorer(1.0), average_certified_radius_scorer()):
            with pytest.warns(UserWarning, match="standard deviations of that sigma.*units="):
                scorer(clf, X, Y)


class TestReports:
    @pytest.fixture
    def certificates(self):
        base = DecisionTreeClassifier(max_depth=2, random_state=0)
        one = smoothed(base, method="montecarlo").fit(X, Y).certify(X)
        other = smoothed(base, method="montecarlo", units=2 * UNITS).fit(X, Y).certify(X)
        plain = smoothed(base, 1.0, method="montecarlo", units=None).fit(X, Y).certify(X)
        return one, other, plain

    def test_logs(self, certificates, tmp_path):
        from sksmooth.records import write_log

        for number, certificate in enumerate(certificates):
            write_log(tmp_path / f"{number}.tsv", certificate)
            back = read_log(tmp_path / f"{number}.tsv").certificate
            assert back.noise == certificate.noise
            assert back.noise.norm == certificate.noise.norm
            assert np.array_equal(back.radii, certificate.radii)
        path = tmp_path / "0.tsv"
        text = path.read_text()
        path.write_text(text.replace('"units": [2.0, 25.0', '"units": [2.0, 26.0'))
        assert read_log(path).certificate.noise != certificates[0].noise
        path.write_text(text.replace('"norm": "l2 of delta / units"', '"norm": "l2"'))
        with pytest.raises(ValueError, match="sigma and norm are not those of the noise"):
            read_log(path)

    def test_certify_with_a_log(self, tmp_path):
        clf = smoothed(KNeighborsClassifier()).fit(X, Y)
        path = tmp_path / "log.tsv"
        first = clf.certify(X[:5], log=path)
        assert np.array_equal(clf.certify(X[:5], log=path).radii, first.radii)
        with pytest.raises(ValueError, match="units"):
            smoothed(KNeighborsClassifier(), units=2 * UNITS).fit(X, Y).certify(X[:5], log=path)

    def test_they_are_not_mixed(self, certificates):
        one, *others = certificates
        for other in others:
            with pytest.raises(ValueError, match=r"units cannot be put together.*units="):
                concatenate([one, other])
            records = {"a": Record.of(one, y_true=Y), "b": Record.of(other, y_true=Y)}
            with pytest.raises(ValueError, match=r"units cannot be in one table.*units="):
                certified_accuracy_table(records, [0, 1])
        assert len(concatenate([one[:3], one[3:]])) == len(one)

    def test_plots(self, certificates, pyplot):
        from sksmooth import CertifiedAccuracyDisplay

        one, other, plain = certificates
        display = CertifiedAccuracyDisplay.from_predictions(Y, one)
        assert display.ax_.get_xlabel() == "Radius, l2 of delta / units"
        CertifiedAccuracyDisplay.from_predictions(Y, one, ax=display.ax_)
        for wrong in (other, plain):
            with pytest.raises(ValueError, match="units cannot be drawn on one axis"):
                CertifiedAccuracyDisplay.from_predictions(Y, wrong, ax=display.ax_)


def _Numbers():
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer

    return make_column_transformer((SimpleImputer(), make_column_selector(dtype_include="number")))


class _Flat(GaussianNB):
    """Takes rows of any shape."""

    def fit(self, X, y):
        return super().fit(np.reshape(X, (len(X), -1)), y)

    def predict(self, X):
        return super().predict(np.reshape(X, (len(X), -1)))
