import pickle
import warnings

import numpy as np
import pytest
import sklearn
from helpers import Recorder, blobs
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sksmooth
from sksmooth import (
    SmoothedClassifier,
    abstention_rate,
    average_certified_radius_score,
    average_certified_radius_scorer,
    certified_accuracy_score,
    certified_accuracy_scorer,
    prediction_outcomes,
)
from sksmooth.certificate import Certificate, Run
from sksmooth.noise import FloatGaussian

X, y = blobs(60)


def certificate(labels, radii, abstained):
    labels = np.asarray(labels)
    return Certificate(
        labels=labels,
        radii=np.asarray(radii, dtype=float),
        abstained=np.asarray(abstained, dtype=bool),
        p_lower=np.full(len(labels), 0.9),
        p_upper=np.full(len(labels), 0.1),
        tv_error=np.zeros(len(labels)),
        n_draws=np.full(len(labels), 100),
        stop_reason=np.full(len(labels), "n"),
        selected=labels,
        counts=np.zeros((len(labels), 2), dtype=np.int64),
        classes=np.array([0, 1]),
        run=Run(FloatGaussian(0.5), n=100, n0=10, alpha=0.001),
    )


Y = np.array([0, 0, 1, 1, -1])
CERT = certificate([0, 0, 1, 0, -1], [0.5, 1.0, 0.25, 2.0, 0.0], [False, False, False, False, True])


class TestScores:
    def test_certified_accuracy(self):
        """Right rows have radii 0.5, 1.0 and 0.25; one row is wrong, one abstained on."""
        radii = [0, 0.25, 0.2500001, 0.5, 0.75, 1.0, 1.5]
        expected = [0.6, 0.6, 0.4, 0.4, 0.2, 0.2, 0.0]
        assert certified_accuracy_score(Y, CERT, radius=radii).tolist() == expected
        for radius, value in zip(radii, expected, strict=True):
            assert certified_accuracy_score(Y, CERT, radius=radius) == value
        assert certified_accuracy_score(Y, CERT) == 0.6

    def test_an_abstention_is_wrong_even_if_its_label_is_right(self):
        assert Y[4] == CERT.labels[4]
        assert certified_accuracy_score(Y[4:], CERT[4:]) == 0.0
        assert average_certified_radius_score(Y[4:], CERT[4:]) == 0.0

    def test_weights_mean_repetition(self):
        weights = np.array([3, 1, 0, 2, 1])
        rows = np.repeat(np.arange(5), weights)
        for r in (0.0, 0.3, 0.9):
            assert certified_accuracy_score(Y, CERT, radius=r, sample_weight=weights) == (
                certified_accuracy_score(Y[rows], CERT[rows], radius=r)
            )
        assert average_certified_radius_score(Y, CERT, sample_weight=weights) == pytest.approx(
            average_certified_radius_score(Y[rows], CERT[rows])
        )
        assert abstention_rate(CERT, sample_weight=weights) == abstention_rate(CERT[rows])

    def test_average_certified_radius_is_the_area_under_the_curve(self):
        assert average_certified_radius_score(Y, CERT) == pytest.approx((0.5 + 1.0 + 0.25) / 5)
        grid = np.linspace(0, 2, 200_001)
        area = np.mean(certified_accuracy_score(Y, CERT, radius=grid)) * 2
        assert average_certified_radius_score(Y, CERT) == pytest.approx(area, abs=1e-4)

    def test_abstention_rate(self):
        assert abstention_rate(CERT) == 0.2

    def test_prediction_outcomes(self):
        outcomes = prediction_outcomes(
            [0, 0, 1, 1, 0], [0, 1, 1, -1, 1], [0, 1, 0, 1, 0], abstain_label=-1
        )
        assert outcomes == {
            "correct, accurate": 0.2,
            "correct, inaccurate": 0.2,
            "incorrect, accurate": 0.2,
            "incorrect, inaccurate": 0.2,
            "abstain": 0.2,
        }
        strings = prediction_outcomes(["a"], ["abstain"], ["abstain"], abstain_label="abstain")
        assert strings["abstain"] == 1.0
        assert strings["incorrect, accurate"] == 0.0

    @pytest.mark.parametrize("radius", [-0.1, np.nan, [0.5, -1.0]])
    def test_bad_radius(self, radius):
        with pytest.raises(ValueError, match="radius must be 0 or more"):
            certified_accuracy_score(Y, CERT, radius=radius)

    def test_bad_inputs(self):
        with pytest.raises(TypeError, match="must be a Certificate.*got tuple"):
            certified_accuracy_score(Y, (CERT.labels, CERT.radii))
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            certified_accuracy_score(Y[:3], CERT)
        with pytest.raises(TypeError, match="must be a Certificate.*got ndarray"):
            abstention_rate(CERT.labels)
        with pytest.raises(
            ValueError, match=r"labels such as \['0'\], but the classes are \[0, 1\]"
        ):
            certified_accuracy_score(Y.astype(str), CERT)


class Counting(SmoothedClassifier):
    """Counts calls of certify, over all copies."""

    calls = 0

    def certify(self, *args, **kwargs):
        Counting.calls += 1
        return super().certify(*args, **kwargs)


class TestScorers:
    def smoothed(self, cls=SmoothedClassifier, **options):
        return cls(
            GaussianNB(),
            **({"sigma": 0.5, "n": 200, "method": "montecarlo", "random_state": 0} | options),
        )

    def test_one_radius(self):
        clf = self.smoothed().fit(X, y)
        expected = certified_accuracy_score(y, clf.certify(X, radius=0.5), radius=0.5)
        score = certified_accuracy_scorer(0.5)(clf, X, y)
        assert isinstance(score, float)
        assert score == expected
        assert certified_accuracy_scorer(0.5, n=50)(clf, X, y) == certified_accuracy_score(
            y, clf.certify(X, n=50, radius=0.5), radius=0.5
        )

    def test_draws_stop_when_the_radius_is_decided(self):
        drawn = {}
        for n in (200, 100_000):
            base = Recorder((-1.0, 0.0))
            clf = SmoothedClassifier(base, sigma=0.5, n=n, method="montecarlo", random_state=0).fit(
                X, y
            )
            clf.estimator_.batches_.clear()
            certified_accuracy_scorer(0.5)(clf, X, y)
            drawn[n] = sum(map(len, clf.estimator_.batches_)) / len(X)
        assert drawn[200] <= 200
        assert drawn[100_000] < 5_000

    def test_several_radii_take_one_certification_per_fold(self):
        Counting.calls = 0
        search = GridSearchCV(
            self.smoothed(Counting),
            {"sigma": [0.25, 0.5]},
            scoring=certified_accuracy_scorer([0.1, 0.25, 0.5, 1.0]),
            refit="certified_accuracy@0.5",
            cv=3,
            error_score="raise",
        ).fit(X, y)
        assert Counting.calls == 2 * 3
        for r in ("0.1", "0.25", "0.5", "1"):
            assert np.all(np.isfinite(search.cv_results_[f"mean_test_certified_accuracy@{r}"]))
        assert search.best_index_ == np.argmax(
            search.cv_results_["mean_test_certified_accuracy@0.5"]
        )

    @pytest.mark.parametrize("base", [LogisticRegression(), RandomForestClassifier(5)])
    def test_search_over_sigma_with_workers(self, base):
        search = GridSearchCV(
            SmoothedClassifier(base, n=200, method="montecarlo", random_state=0),
            {"sigma": [0.25, 0.5, 20.0]},
            scoring=certified_accuracy_scorer(radius=0.25),
            n_jobs=2,
            error_score="raise",
        ).fit(X, y)
        scores = search.cv_results_["mean_test_score"]
        assert search.best_params_["sigma"] < 20
        assert scores[2] < 0.6 < scores[:2].min()

    def test_average_certified_radius(self):
        clf = self.smoothed().fit(X, y)
        assert average_certified_radius_scorer(n=50)(clf, X, y) == (
            average_certified_radius_score(y, clf.certify(X, n=50))
        )

    def test_inside_pipeline_and_search(self):
        scorer = certified_accuracy_scorer(0.5)
        search = GridSearchCV(
            self.smoothed(), {"sigma": [0.3, 0.5]}, scoring=scorer, error_score="raise"
        ).fit(X, y)
        assert scorer(search, X, y) == search.score(X, y) == scorer(search.best_estimator_, X, y)
        pipe = make_pipeline(StandardScaler(), self.smoothed()).fit(X, y)
        with pytest.warns(UserWarning, match="units"):
            assert 0 < scorer(pipe, X, y) <= 1

    def test_a_radius_that_cannot_be_reached(self):
        clf = self.smoothed().fit(X, y)
        with pytest.warns(UserWarning, match="No row can be certified at 10: .* largest radius is"):
            certificate = clf.certify(X, n=50, radius=10.0)
        limit = certificate.max_radius
        assert certificate.radii.max() == limit  # some votes are unanimous
        assert certified_accuracy_scorer(limit, n=50)(clf, X, y) > 0
        assert certified_accuracy_scorer(1.0001 * limit, n=50)(clf, X, y) == 0

    def test_a_search_may_try_noise_that_is_too_small(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            clf = self.smoothed(sigma=0.01).fit(X, y)
            assert certified_accuracy_scorer(0.5)(clf, X, y) == 0

    def test_options_of_certify(self):
        clf = self.smoothed().fit(X, y)
        scorer = average_certified_radius_scorer(n=100, bound="two-sided", alpha=0.01)
        expected = clf.certify(X, n=100, bound="two-sided", alpha=0.01)
        assert scorer(clf, X, y) == average_certified_radius_score(y, expected)
        assert "bound='two-sided', alpha=0.01" in repr(scorer)
        decided = certified_accuracy_scorer(0.2, n=100, bound="two-sided")(clf, X, y)
        expected = clf.certify(X, n=100, bound="two-sided", radius=0.2)
        assert decided == certified_accuracy_score(y, expected, radius=0.2)

    def test_pickles_to_workers(self):
        scorer = certified_accuracy_scorer([0.1, 0.5], n=100)
        copy = pickle.loads(pickle.dumps(scorer))
        clf = self.smoothed().fit(X, y)
        assert copy(clf, X, y) == scorer(clf, X, y)
        scores = cross_validate(self.smoothed(), X, y, scoring=scorer, n_jobs=2, cv=2)
        assert np.all(np.isfinite(scores["test_certified_accuracy@0.5"]))

    def test_weights_through_metadata_routing(self):
        weights = np.where(np.arange(60) < 30, 1.0, 1e-9)
        with sklearn.config_context(enable_metadata_routing=True):
            base = GaussianNB().set_fit_request(sample_weight=False)
            clf = SmoothedClassifier(base, n=200, method="montecarlo", random_state=0)
            kwargs = {"cv": 2, "error_score": "raise"}
            plain = certified_accuracy_scorer(0.3).set_score_request(sample_weight=False)
            weighted = certified_accuracy_scorer(0.3).set_score_request(sample_weight=True)
            one = cross_validate(clf, X, y, scoring=plain, params={}, **kwargs)
            other = cross_validate(
                clf, X, y, scoring=weighted, params={"sample_weight": weights}, **kwargs
            )
        assert one["test_score"].tolist() != other["test_score"].tolist()

    @pytest.mark.parametrize("radius", [-0.1, [], [0.1, np.nan], [[0.1]]])
    def test_bad_radii_are_refused_before_the_search(self, radius):
        with pytest.raises(ValueError, match="0 or more"):
            certified_accuracy_scorer(radius)
        with pytest.raises(ValueError, match="n must be an int"):
            certified_accuracy_scorer(0.5, n=1e3)

    def test_radii_that_differ_late_have_names_of_their_own(self):
        clf = self.smoothed().fit(X, y)
        assert len(certified_accuracy_scorer([0.1234567, 0.1234568])(clf, X, y)) == 2

    def test_repr(self):
        assert repr(certified_accuracy_scorer(0.5)) == (
            "certified_accuracy_scorer(radius=0.5, n=None)"
        )
        assert "[0.1, 0.5]" in repr(certified_accuracy_scorer([0.1, 0.5]))
        assert repr(average_certified_radius_scorer(n=5)) == "average_certified_radius_scorer(n=5)"


class TestNested:
    def test_pipeline_outside_has_other_units_and_says_so(self):
        rows = X * [100.0, 1.0]
        inside = SmoothedClassifier(
            make_pipeline(StandardScaler(), LogisticRegression()),
            sigma=20.0,
            n=200,
            method="montecarlo",
            random_state=0,
        ).fit(rows, y)
        outside = make_pipeline(
            StandardScaler(),
            SmoothedClassifier(LogisticRegression(), n=200, method="montecarlo", random_state=0),
        ).fit(rows, y)
        with pytest.warns(UserWarning, match=r"after StandardScaler; not in the units of X"):
            scaled = sksmooth.certify(outside, rows)
        assert scaled.radii.max() < 4 < 30 < inside.certify(rows).radii.max()
        last = outside[-1].certify(outside[0].transform(rows))
        assert np.array_equal(scaled.radii, last.radii)

    def test_options_are_passed_on(self):
        clf = SmoothedClassifier(GaussianNB(), method="montecarlo", random_state=0).fit(X, y)
        certificate = sksmooth.certify(clf, X[:2], n=77, n0=5, alpha=0.01)
        assert (certificate.n, certificate.n0, certificate.alpha) == (77, 5, 0.01)

    def test_nothing_to_certify(self):
        with pytest.raises(TypeError, match=r"GaussianNB has no certify method"):
            sksmooth.certify(GaussianNB().fit(X, y), X)
        with pytest.raises(TypeError, match=r"Pipeline has no certify method"):
            sksmooth.certify(make_pipeline(GaussianNB()).fit(X, y), X)
