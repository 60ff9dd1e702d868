"""SmoothedClassifier with closed forms: taken where they are the same classifier, and true."""

import copy
import pathlib

import numpy as np
import pytest
from scipy import stats
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sksmooth import (
    SmoothedClassifier,
    average_certified_radius_score,
    certified_accuracy_lower_bound,
    certified_accuracy_score,
    certified_accuracy_scorer,
    certify,
    projected_certified_accuracy,
    top_probability_curve,
)
from sksmooth.certificate.laws import certify_law
from sksmooth.closed_forms import Law, refit_leaves
from sksmooth.closed_forms.forms import linear
from sksmooth.closed_forms.numerics.normal import Tails
from sksmooth.estimators.smoother import smoother_of
from sksmooth.noise import FloatGaussian
from sksmooth.records import read_log, write_log
from sksmooth.sampling import Sampler

X, Y = load_breast_cancer(return_X_y=True)
X = X / X.std(axis=0)
IRIS = load_iris(return_X_y=True)
SIGMA = 0.5
BASES = {
    "linear": make_pipeline(StandardScaler(), LogisticRegression()),
    "boxes": DecisionTreeClassifier(min_samples_leaf=5),
}


def smoothed(base, X=X, y=Y, **options):
    options = {"sigma": SIGMA, "random_state": 0, "n": 2000} | options
    return SmoothedClassifier(base, **options).fit(X, y)


@pytest.fixture(scope="module", params=BASES)
def fitted(request):
    return request.param, smoothed(BASES[request.param], n_augment=4)


class TestMethod:
    def test_auto_computes(self, fitted):
        name, clf = fitted
        certificate = clf.certify(X[:20])
        assert (certificate.method, certificate.form, certificate.bound) == ("exact", name, "exact")
        assert certificate.alpha == certificate.n == certificate.n0 == 0
        assert certificate.counts.shape == (20, 0)
        assert set(certificate.stop_reason) == {"exact"}
        assert certificate.width.max() < 1e-10
        assert np.all(certificate.p_lower > certificate.p_upper)
        assert certificate.seed is None

    def test_montecarlo_draws(self, fitted):
        _, clf = fitted
        exact = clf.certify(X[:50])
        try:
            sampled = clf.set_params(method="montecarlo").certify(X[:50], n=5000)
        finally:
            clf.set_params(method="auto")
        assert sampled.method == "montecarlo"
        assert sampled.form is None
        assert np.isnan(sampled.width).all()
        # the truth is below a bound with probability alpha, and these are 50 rows
        assert np.sum(sampled.p_lower > exact.p_lower + exact.width) <= 2
        shares = sampled.counts[np.arange(50), np.searchsorted([0, 1], exact.selected)] / 5000
        middle = exact.p_lower + exact.width / 2
        z = (shares - middle) / np.sqrt(np.maximum(middle * (1 - middle), 1e-4) / 5000)
        assert np.abs(z).max() < 5

    @pytest.mark.parametrize("base", [SVC(), KNeighborsClassifier(), RandomForestClassifier(5)])
    def test_exact_of_what_has_no_closed_form(self, base):
        clf = smoothed(base, method="exact", n=100)
        with pytest.raises(ValueError, match=r"no closed form.*linear classifiers"):
            clf.certify(X[:2])
        with pytest.raises(ValueError, match=r"no closed form"):
            clf.predict(X[:2])
        assert clf.set_params(method="auto").certify(X[:2]).method == "montecarlo"

    def test_floating_point_noise_is_drawn(self):
        clf = smoothed(LogisticRegression(max_iter=1000), arithmetic="float")
        assert clf.certify(X[:2]).method == "montecarlo"
        assert clf.set_params(method="exact").certify(X[:2]).method == "exact"

    def test_unknown_method(self):
        with pytest.raises(ValueError, match="method"):
            smoothed(LogisticRegression(max_iter=1000), method="magic")

    def test_a_misread_base_is_sampled_with_one_warning(self, monkeypatch):
        """What was found wrong once is not believed again, neither here nor by a shortcut."""
        read = linear.linear_scores

        def misread(model):
            found = read(model)
            return found._replace(offsets=found.offsets + np.array([0.0, 2.0]))

        monkeypatch.setattr(linear, "linear_scores", misread)
        clf = smoothed(make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)))
        with pytest.warns(UserWarning, match=r"LogisticRegression .* answers otherwise"):
            certificate = clf.certify(X[:2], n=500)
        assert certificate.method == "montecarlo"
        assert certificate.shortcut is None
        monkeypatch.undo()
        again = clf.certify(X[:2], n=500)  # a warning would be an error
        assert np.array_equal(again.counts, certificate.counts)
        with pytest.raises(ValueError, match="found to be wrong"):
            clf.set_params(method="exact").predict(X[:2])

    def test_a_base_with_a_method_of_its_own_is_sampled(self):
        base = LogisticRegression(max_iter=1000).fit(X, Y)
        base.decision_function = lambda rows: np.where(rows[:, 0] > X[:, 0].mean(), 1.0, -1.0)
        clf = smoothed(FrozenEstimator(base))
        assert clf.certify(X[:2], n=500).method == "montecarlo"
        with pytest.raises(ValueError, match="decision_function of LogisticRegression was set on"):
            clf.set_params(method="exact").predict(X[:2])

    def test_arguments_of_sampling_are_checked_and_do_nothing(self, fitted):
        _, clf = fitted
        plain = clf.certify(X[:5])
        for options in ({"n": 3}, {"radius": 0.1}, {"tol": 0.1}, {"bound": "two-sided"}):
            other = clf.certify(X[:5], **options)  # n=3 would be a warning
            assert np.array_equal(other.radii, plain.radii)
            assert other.asked_radii is None
        with pytest.raises(ValueError, match="n must be"):
            clf.certify(X[:5], n=0)


class TestTruth:
    def test_no_attack_succeeds_within_the_radius(self, fitted):
        """Points inside of the balls, along random directions and those to other rows' side."""
        _, clf = fitted
        rows = X[::6]
        certificate = clf.certify(rows)
        rng = np.random.default_rng(0)
        towards = X[Y == 0].mean(axis=0) - X[Y == 1].mean(axis=0)
        sign = np.where(certificate.labels == 1, 1.0, -1.0)[:, None]
        for i in range(60):
            step = rng.standard_normal(rows.shape)
            if i % 2:
                step = sign * towards + 0.1 * i / 60 * step
            step *= (
                0.9999 * certificate.radii[:, None] / np.linalg.norm(step, axis=1, keepdims=True)
            )
            moved = clf.predict(rows + step)
            # where it is not decided there, nothing is claimed there
            wrong = (moved != certificate.labels) & (moved != clf.abstain_label_)
            assert not np.any(wrong & ~certificate.abstained)

    def test_predict_and_certify_agree(self, fitted):
        _, clf = fitted
        assert np.array_equal(clf.predict(X), clf.certify(X).labels)

    def test_probabilities_are_those_of_votes(self, fitted):
        _, clf = fitted
        p = clf.vote_frequencies(X[:10])
        np.testing.assert_allclose(p.sum(axis=1), 1)
        rng = np.random.default_rng(0)
        for row, (_, one) in zip(X[:10], p, strict=True):
            noisy = row + SIGMA * rng.standard_normal((4000, row.size))
            votes = int(clf.estimator_.predict(noisy).sum())
            assert stats.binomtest(votes, 4000, one).pvalue > 1e-6

    def test_rows_do_not_depend_on_their_company(self, fitted):
        _, clf = fitted
        whole, few = clf.certify(X), clf.certify(X[[7, 300, 7]])
        assert np.array_equal(few.labels, whole.labels[[7, 300, 7]])
        np.testing.assert_allclose(few.radii, whole.radii[[7, 300, 7]], rtol=1e-9)

    def test_small_noise_gives_radii_far_beyond_what_can_be_sampled(self, fitted):
        _, clf = fitted
        small = smoothed(FrozenEstimator(clf.estimator_), sigma=0.01)
        certificate = small.certify(X)
        assert certificate.radii.max() > 20 * 0.01
        assert np.all(np.isfinite(certificate.radii))


class TestRefit:
    def test_leaves_are_those_of_many_copies(self):
        model = DecisionTreeClassifier(min_samples_leaf=5, random_state=0).fit(X, Y)
        plain = smoothed(FrozenEstimator(copy.deepcopy(model)))
        refitted = smoothed(FrozenEstimator(refit_leaves(model, X, Y, SIGMA)))
        one, other = (clf.estimator_.tree_ for clf in (plain, refitted))
        assert np.array_equal(one.threshold, other.threshold)
        assert np.any(one.value != other.value)
        rng = np.random.default_rng(0)
        copies = np.concatenate([X + SIGMA * rng.standard_normal(X.shape) for _ in range(40)])
        leaves, labels = plain.estimator_.apply(copies), np.tile(Y, 40)
        for leaf in np.unique(leaves):
            inside = labels[leaves == leaf]
            share = other.value[leaf, 0, 1]
            assert stats.binomtest(int(inside.sum()), len(inside), share).pvalue > 1e-6
        scores = [average_certified_radius_score(Y, clf.certify(X)) for clf in (plain, refitted)]
        assert scores[1] > scores[0]


class TestWithTheRest:
    def test_never_abstaining(self, fitted):
        name, clf = fitted
        clf = smoothed(BASES[name], abstain_label=None, n_augment=4)
        assert np.array_equal(clf.predict(X), clf.predict_proba(X).argmax(axis=1))

    def test_more_than_three_linear_classes_have_frequencies_by_votes(self):
        rng = np.random.default_rng(0)
        rows, labels = rng.normal(size=(200, 3)), np.arange(200) % 4
        rows[:, 0] += labels
        clf = smoothed(LogisticRegression(), rows, labels, abstain_label=None, n_predict=500)
        assert clf.certify(rows[:3]).form == "linear"
        counts = clf.vote_frequencies(rows[:3]) * 500
        np.testing.assert_allclose(counts, np.rint(counts), atol=1e-9)
        assert np.array_equal(clf.predict(rows[:3]), counts.argmax(axis=1))

    def test_labels_of_the_user(self):
        names = np.array(["malignant", "benign"])[Y]
        clf = smoothed(BASES["boxes"], y=names)
        assert set(clf.certify(X).labels) <= {*names, "abstain"}
        assert np.mean(clf.predict(X) == names) > 0.9

    def test_one_class(self):
        clf = smoothed(DecisionTreeClassifier(), y=np.full(len(X), 5))
        certificate = clf.certify(X[:3])
        assert certificate.labels.tolist() == [5, 5, 5]
        assert np.all((certificate.radii > 36 * SIGMA) & (certificate.radii < 38 * SIGMA))

    def test_scores_and_searches(self, fitted):
        name, clf = fitted
        certificate = clf.certify(X)
        score = certified_accuracy_score(Y, certificate, radius=0.5)
        assert certified_accuracy_scorer(0.5)(clf, X, Y) == score
        # all certificates hold: the score is its own bound
        for method in ("exact", "bernstein"):
            bound = certified_accuracy_lower_bound(Y, certificate, radius=0.5, method=method)
            assert bound == pytest.approx(score)
        assert 0 < average_certified_radius_score(Y, certificate) < np.inf
        probability, share = top_probability_curve(Y, certificate)
        assert len(probability) == len(share)
        with pytest.raises(ValueError, match="computed"):
            projected_certified_accuracy(Y, certificate, n=1000)
        search = GridSearchCV(
            clf, {"sigma": [0.2, 0.5]}, scoring=certified_accuracy_scorer(0.25), cv=2
        )
        search.fit(X, Y)
        assert certify(search, X[:3]).form == name

    def test_logs(self, fitted, tmp_path: pathlib.Path):
        _, clf = fitted
        certificate = clf.certify(X[:30])
        write_log(tmp_path / "log.tsv", certificate, y_true=Y[:30])
        back = read_log(tmp_path / "log.tsv").certificate
        for name in (*certificate._PER_ROW, "method", "form", "alpha", "bound", "max_radius"):
            assert np.array_equal(getattr(back, name), getattr(certificate, name)), name

    def test_a_log_that_says_less_than_its_probabilities_is_refused(self, fitted, tmp_path):
        _, clf = fitted
        certificate = clf.certify(X[:3])
        path = tmp_path / "log.tsv"
        write_log(path, certificate)
        radius = repr(float(certificate.radii[0]))
        path.write_text(path.read_text().replace(radius, "0.001"))
        with pytest.raises(ValueError, match="not what"):
            read_log(path)

    def test_single_precision_rows(self):
        rows = X.astype(np.float32)
        single = smoothed(BASES["boxes"], X=rows).certify(rows[:50])
        double = smoothed(BASES["boxes"], X=rows.astype(np.float64)).certify(
            rows[:50].astype(float)
        )
        assert single.form == "boxes"
        assert len(double) == 50

    @pytest.mark.parametrize("kind", ["whole", "columns"])
    def test_frames(self, kind):
        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(30)])
        base = BASES["boxes"]
        if kind == "columns":
            picked = ColumnTransformer([("a", StandardScaler(), ["x3", "x20", "x7"])])
            base = make_pipeline(picked, base)
        clf = smoothed(base, X=frame)
        certificate = clf.certify(frame[:20])
        assert certificate.form == "boxes"
        sampled = clf.set_params(method="montecarlo").certify(frame[:20], n=5000)
        z = (sampled.counts.max(axis=1) / 5000 - certificate.p_lower) * np.sqrt(5000) / 0.5
        assert np.abs(z).max() < 5

    def test_a_sigma_for_each_feature(self):
        sigma = np.where(np.arange(30) < 10, 0.0, 0.3)
        clf = smoothed(BASES["linear"], sigma=sigma)
        certificate = clf.certify(X[:20])
        assert certificate.norm == "l2 of delta / sigma"
        w = clf.estimator_[-1].coef_[0] / clf.estimator_[0].scale_
        distance = np.abs(clf.estimator_.decision_function(X[:20]))
        np.testing.assert_allclose(
            certificate.radii, distance / np.linalg.norm(w * sigma), rtol=1e-9
        )
        np.testing.assert_allclose(
            certificate.radii_l2, distance / np.linalg.norm(w[10:]), rtol=1e-9
        )


class TestFoundByAttack:
    """What a reviewer could make certificates say that was not so."""

    def test_a_radius_is_that_of_the_class_that_leads(self):
        base = LogisticRegression()
        base.coef_, base.intercept_ = np.array([[1e-20, 0.0, 0.0]]), np.array([1.0])
        base.classes_, base.n_features_in_ = np.array([0, 1]), 3
        rows = np.random.default_rng(0).normal(size=(20, 3))
        clf = smoothed(FrozenEstimator(base), rows, np.arange(20) % 2)
        certificate = clf.certify(rows)
        assert np.array_equal(certificate.labels, base.predict(rows))

    @pytest.mark.parametrize("base", [LogisticRegression(), DecisionTreeClassifier(max_depth=3)])
    def test_single_precision_far_from_zero(self, base):
        rng = np.random.default_rng(0)
        rows = np.c_[rng.normal(60000, 20000, 300), rng.normal(40, 10, 300)].astype(np.float32)
        clf = smoothed(base, rows, (rows[:, 0] > 50000).astype(int), sigma=0.25)
        certificate = clf.certify(rows)
        assert certificate.method == "exact"
        right = certificate.labels == clf.estimator_.predict(rows)
        assert np.all(right | certificate.abstained)
        assert np.mean(certificate.abstained) < 0.05

    def test_columns_in_another_order(self):
        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame(X[:, :2], columns=["a", "b"])
        picked = ColumnTransformer([("s", "passthrough", ["a", "b"])])
        pipe = make_pipeline(picked, LogisticRegression()).fit(frame, Y)
        first = smoothed(FrozenEstimator(pipe), X=frame).certify(frame[:20])
        turned = frame[["b", "a"]]
        clf = smoothed(FrozenEstimator(pipe), X=turned, n=1000)
        other = clf.certify(turned[:20])
        assert first.method == "exact"
        assert np.all((other.labels == first.labels) | other.abstained)

    def test_a_model_that_is_changed_in_place(self):
        base = GaussianNB().fit(X, Y)
        clf = smoothed(FrozenEstimator(base))
        before = clf.certify(X[:5])
        kept = copy.deepcopy(clf)
        base.partial_fit(X + 5, Y)
        assert np.array_equal(kept.certify(X[:5]).radii, before.radii)
        assert not np.array_equal(clf.certify(X[:5]).radii, before.radii)

    @pytest.mark.filterwarnings("ignore:overflow")
    def test_a_failure_that_the_rows_caused_is_not_kept(self):
        clf = smoothed(BASES["boxes"], method="exact")
        far = X[:1].copy()
        far[0, 0] = 1e39
        with pytest.raises(ValueError, match="could not be read"):
            clf.certify(far)
        assert clf.certify(X[:5]).method == "exact"

    def test_predict_keeps_to_what_is_certified(self, monkeypatch):
        """Draws fill in where an interval says little, but never against a certificate."""
        clf = smoothed(BASES["boxes"], abstain_label=None)
        certificate = clf.certify(X)
        monkeypatch.setattr("sksmooth.estimators.run._WIDEST", -1.0)
        monkeypatch.setattr(
            Sampler, "counts", lambda self, n, purpose: np.tile([n, 0], (len(self.X), 1))
        )
        decided = ~certificate.abstained
        assert decided.mean() > 0.9
        assert np.array_equal(clf.predict(X)[decided], certificate.selected[decided])

    def test_a_radius_of_a_class_of_which_nothing_is_known_is_none(self):
        nothing = np.ones((3, 2))
        law = Law(nothing, nothing, radius=np.full(3, 5.0), distance=np.full(3, 5.0))
        certificate = certify_law(
            law, noise=FloatGaussian(0.5), classes=np.arange(2), abstain_label=-1, form="linear"
        )
        assert certificate.abstained.all()
        assert not certificate.radii.any()
        assert not certificate.radii_l2.any()

    def test_tails_that_say_nothing_leave_no_distance_to_another_class(self, monkeypatch):
        clf = smoothed(BASES["linear"], method="exact")
        unknown = lambda z, slack=0.0: Tails(np.zeros_like(z), np.ones_like(z), z <= 0)  # noqa: E731
        monkeypatch.setattr(Tails, "at", unknown)
        wrong = clf.certify(X).labels == 1 - clf.estimator_.predict(X)
        form = smoother_of(clf).closed_form(X)
        assert not form.law(X).radius[form.law(X).top != clf.estimator_.predict(X)].any()
        assert not wrong.any()
