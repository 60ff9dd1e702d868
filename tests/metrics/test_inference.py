"""What certificates say of the truth, of other settings and of class probabilities."""

import dataclasses
import warnings

import mpmath
import numpy as np
import pytest
from helpers import blobs, with_run
from numpy.testing import assert_allclose
from scipy import stats
from sklearn.naive_bayes import GaussianNB

from sksmooth import (
    SmoothedClassifier,
    abstention_rate,
    average_certified_radius_score,
    certified_accuracy_lower_bound,
    certified_accuracy_score,
    projected_certified_accuracy,
    top_probability_curve,
)
from sksmooth.bounds import one_sided, two_sided
from sksmooth.certificate import certify_counts
from sksmooth.noise import FloatGaussian
from sksmooth.records import read_log

X, Y = blobs(60, k=3)


@pytest.fixture(scope="module")
def clf():
    return SmoothedClassifier(
        GaussianNB(), sigma=2.0, n=400, method="montecarlo", random_state=0
    ).fit(X, Y)


@pytest.fixture(scope="module")
def decided(clf):
    return clf.certify(X, radius=[0.25, 0.5])


def ladder(m, alpha):
    """Certificates and a function that gives the radius at which just `right` of m are right."""
    votes = np.full((m, 1), 10)
    certificate = certify_counts(
        votes, votes, noise=FloatGaussian(1.0), classes=np.array([0]), alpha=alpha
    )
    certificate = dataclasses.replace(certificate, radii=np.arange(1.0, m + 1))
    return certificate, lambda right: m + 1.0 - np.asarray(right)


def bounds(m, alpha, rho, right, method="exact"):
    certificate, radius = ladder(m, alpha)
    truth = np.zeros(m, dtype=int)
    share = certified_accuracy_score(truth, certificate, radius=radius(right))
    assert_allclose(share, np.asarray(right) / m)
    return certified_accuracy_lower_bound(
        truth, certificate, radius=radius(right), rho=rho, method=method
    )


GRID = [
    (m, alpha, rho)
    for m in (1, 2, 17, 120)
    for alpha in (0.001, 0.05, 0.5, 0.9)
    for rho in (0.001, 0.05, 0.5)
]


class TestLowerBound:
    @pytest.mark.parametrize(("m", "alpha", "rho"), GRID)
    @pytest.mark.parametrize("method", ["exact", "bernstein"])
    def test_it_fails_with_probability_rho_at_most(self, m, alpha, rho, method):
        """Y = G + Bin(m - G, alpha) is the worst case: summed over all its values, for every G."""
        bound = bounds(m, alpha, rho, np.arange(m + 1), method)
        for robust in range(m + 1):
            right = np.arange(robust, m + 1)
            chance = stats.binom.pmf(right - robust, m - robust, alpha)
            assert chance[bound[right] > robust / m + 1e-12].sum() <= rho * (1 + 1e-9)

    @pytest.mark.parametrize(("m", "alpha", "rho"), GRID)
    def test_exact_is_the_smallest_number_that_is_not_ruled_out(self, m, alpha, rho):
        """Against scipy's binomial distribution, for every number of right certificates."""
        bound = bounds(m, alpha, rho, np.arange(m + 1))
        for right in range(m + 1):
            robust = np.arange(right + 1)
            chance = stats.binom.sf(right - robust - 1, m - robust, alpha)
            likely = chance > rho * (1 - 1e-8)  # equality, and rounding, rule nothing out
            assert bound[right] * m == pytest.approx(robust[likely].min(), abs=1e-9)

    @pytest.mark.parametrize(("m", "alpha", "rho"), GRID)
    def test_exact_is_at_least_bernstein(self, m, alpha, rho):
        """Any valid bound that rises with Y rules out no more than the exact one does."""
        right = np.arange(m + 1)
        exact, bernstein = (bounds(m, alpha, rho, right, k) for k in ("exact", "bernstein"))
        assert np.all(exact >= bernstein - 1e-12)
        assert np.all(exact <= right / m)
        assert np.all(bernstein >= 0)
        assert np.all(np.diff(exact) >= 0)

    def test_known_values(self):
        """300 of 500 right, alpha = rho = 0.001; the formula of Theorem 6 in 30 digits."""
        assert bounds(500, 0.001, 0.001, 300) == 297 / 500 == 0.5940
        with mpmath.workdps(30):
            m, alpha, rho = mpmath.mpf(500), mpmath.mpf(1) / 1000, mpmath.mpf(1) / 1000
            root = mpmath.sqrt(2 * alpha * (1 - alpha) * mpmath.log(1 / rho) / m)
            theorem = (mpmath.mpf("0.6") - alpha - root - mpmath.log(1 / rho) / (3 * m)) / (
                1 - alpha
            )
        bound = bounds(500, 0.001, 0.001, 300, "bernstein")
        assert bound == pytest.approx(float(theorem), rel=1e-13)
        assert round(bound, 4) == 0.5897

    @pytest.mark.parametrize(
        ("m", "alpha", "violated"),
        [(10_000, 0.001, 1.58e-3), (10_000, 0.5, 3.79e-3), (100_000, 0.5, 4.14e-3)],
    )
    def test_the_authors_formula_fails_more_often_than_it_says(self, m, alpha, violated):
        """Without the 2 and the 1 / (1 - alpha); rho = 0.001, no row robust, an exact sum."""
        rho = 0.001
        right = np.arange(m + 1)
        slack = np.sqrt(alpha * (1 - alpha) * np.log(1 / rho) / m) + np.log(1 / rho) / (3 * m)
        theirs = right / m - alpha - slack
        chance = stats.binom.sf(right[theirs > 0].min() - 1, m, alpha)
        assert chance == pytest.approx(violated, rel=0.005)
        assert chance > 1.5 * rho
        # ours says more than 0 from the first number that has a chance of rho or less
        first = int(stats.binom.isf(rho, m, alpha)) + 1
        exact = bounds(m, alpha, rho, [first - 1, first])
        assert exact[0] == 0 < exact[1]
        assert stats.binom.sf(first - 1, m, alpha) <= rho < stats.binom.sf(first - 2, m, alpha)
        assert bounds(m, alpha, rho, first, "bernstein") == 0

    def test_of_the_authors_logs(self, data_folder):
        """CIFAR-10, sigma 0.25: 374 of 500 right at radius 0, made with alpha = 0.01."""
        folder = data_folder / "locuslab_logs/certify/cifar10/resnet110/noise_0.25/test"
        record = read_log(folder / "sigma_0.25", alpha=0.01)
        truth, certificate = record.y_true, record.certificate
        robust = np.arange(375)
        likely = stats.binom.sf(373 - robust, 500 - robust, 0.01) > 0.001
        bound = certified_accuracy_lower_bound(truth, certificate)
        assert bound == robust[likely].min() / 500
        assert certified_accuracy_lower_bound(truth, certificate, method="bernstein") < bound
        assert bound < certified_accuracy_score(truth, certificate)

    def test_shapes(self, clf):
        certificate = clf.certify(X)
        radius = np.array([[0.0, 0.1, 0.2], [0.3, 0.5, 9.0]])
        for method in ("exact", "bernstein"):
            grid = certified_accuracy_lower_bound(Y, certificate, radius=radius, method=method)
            assert grid.shape == (2, 3)
            for i, r in np.ndenumerate(radius):
                one = certified_accuracy_lower_bound(Y, certificate, radius=r, method=method)
                assert isinstance(one, float)
                assert one == grid[i]
            assert grid[1, 2] == 0
            assert np.all(grid <= certified_accuracy_score(Y, certificate, radius=radius))
        empty = certified_accuracy_lower_bound(Y, certificate, radius=np.zeros(0))
        assert empty.shape == (0,)

    def test_wrong_and_abstained_rows_do_not_count(self):
        votes = np.array([[100, 0], [100, 0], [50, 50], [0, 100]])
        certificate = certify_counts(
            votes, votes, noise=FloatGaussian(1.0), classes=np.array([0, 1]), abstain_label=-1
        )
        # two are right, one abstains (with the label that is true), one is wrong
        bound = certified_accuracy_lower_bound([0, 0, -1, 0], certificate, rho=0.01)
        assert bound == bounds(4, 0.001, 0.01, 2)

    @pytest.mark.parametrize("rho", [0, 1, -0.1, 1.5, np.nan, "0.1", None, 0.1j])
    def test_bad_rho(self, clf, rho):
        with pytest.raises(ValueError, match="rho must lie strictly between 0 and 1"):
            certified_accuracy_lower_bound(Y, clf.certify(X), rho=rho)

    def test_bad_arguments(self, clf):
        certificate = clf.certify(X)
        with pytest.raises(ValueError, match="'exact' or 'bernstein'; got 'hoeffding'"):
            certified_accuracy_lower_bound(Y, certificate, method="hoeffding")
        with pytest.raises(ValueError, match="radius must be 0 or more"):
            certified_accuracy_lower_bound(Y, certificate, radius=-1)
        with pytest.raises(TypeError, match="must be a Certificate"):
            certified_accuracy_lower_bound(Y, clf.predict(X))
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            certified_accuracy_lower_bound(Y[:5], certificate)
        with pytest.raises(ValueError, match="labels such as"):
            certified_accuracy_lower_bound(Y.astype(str), certificate)


def counted(n, bound=one_sided, alpha=0.001, seed=0, m=80, classes=(0, 1, 2)):
    """Random votes of rows from easy to hopeless, certified; and their true labels."""
    rng = np.random.default_rng(seed)
    k = len(classes)
    p = rng.dirichlet(np.full(k, 0.4), size=m)
    counts0, counts = (np.array([rng.multinomial(size, q) for q in p]) for size in (50, n))
    options = {"noise": FloatGaussian(0.5), "classes": np.array(classes), "abstain_label": -1}
    truth = np.array(classes)[np.where(rng.random(m) < 0.8, p.argmax(axis=1), 0)]

    def certificate(alpha):
        return certify_counts(counts0, counts, alpha=alpha, bound=bound, **options)

    return truth, certificate


RADII = np.array([0.0, 1e-9, 0.1, 0.25, 0.4, 0.8, 1.2, 5.0])


class TestProjection:
    @pytest.mark.parametrize("bound", [one_sided, two_sided])
    @pytest.mark.parametrize("n", [1, 10, 37, 1000, 99_999, 3_000_017])
    def test_another_alpha_is_what_certifying_at_it_gives(self, n, bound):
        truth, certificate = counted(n, bound)
        for other in (0.001, 1e-9, 0.05, 0.3):
            for made in (certificate(0.001), certificate(0.05)):
                projected = projected_certified_accuracy(truth, made, radius=RADII, alpha=other)
                expected = certified_accuracy_score(truth, certificate(other), radius=RADII)
                assert projected.tolist() == pytest.approx(expected.tolist(), abs=1e-12)
        # at every radius there is, too
        steps = certificate(0.001).radii
        assert_allclose(
            projected_certified_accuracy(truth, certificate(0.05), radius=steps, alpha=0.001),
            certified_accuracy_score(truth, certificate(0.001), radius=steps),
            atol=1e-12,
        )

    @pytest.mark.parametrize("bound", ["one-sided", "two-sided"])
    def test_its_own_settings_change_nothing(self, clf, bound):
        certificate = clf.certify(X, bound=bound)
        assert 0 < certificate.abstained.sum() < 60
        score = certified_accuracy_score(Y, certificate, radius=RADII)
        assert projected_certified_accuracy(Y, certificate, radius=RADII).tolist() == (
            pytest.approx(score.tolist())
        )
        explicit = {"n": certificate.n, "alpha": certificate.alpha}
        for r, value in zip(RADII, score, strict=True):
            one = projected_certified_accuracy(Y, certificate, radius=r, **explicit)
            assert isinstance(one, float)
            assert one == pytest.approx(value)
        weights = np.arange(60)
        assert projected_certified_accuracy(
            Y, certificate, radius=RADII, sample_weight=weights
        ).tolist() == pytest.approx(
            certified_accuracy_score(Y, certificate, radius=RADII, sample_weight=weights).tolist()
        )
        assert projected_certified_accuracy(Y, certificate, radius=[RADII] * 2).shape == (2, 8)

    def test_rows_that_were_given_up_early_stay_so(self, monkeypatch):
        """They stopped with fewer draws; at the own alpha, or below, none comes back."""
        monkeypatch.setattr("sksmooth.certificate.stopping.CURTAIL_STEP", 16)
        rows = np.random.default_rng(0).normal(size=(20, 4096))
        base = SmoothedClassifier(
            GaussianNB(), sigma=100.0, n=100, n0=5, method="montecarlo", random_state=0
        )
        labels = np.arange(20) % 3
        certificate = base.fit(rows, labels).certify(rows)
        assert (certificate.stop_reason == "hopeless").any()
        for alpha in (0.001, 1e-5):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # 100 draws may be too few
                expected = base.certify(rows, alpha=alpha)
            for radius in (0.0, 10.0, 60.0):
                projected = projected_certified_accuracy(
                    labels, certificate, radius=radius, alpha=alpha
                )
                assert projected == pytest.approx(
                    certified_accuracy_score(labels, expected, radius=radius)
                )

    def test_against_beta_quantiles(self):
        """p_lower = alpha quantile of Beta(k, n - k + 1), with the shares of the votes kept."""
        truth, certificate = counted(1000)
        made = certificate(0.001)
        votes = made.counts[np.arange(80), made.selected]
        for n, alpha in [(100, 0.001), (10_000, 0.001), (50_000, 0.01)]:
            k = votes * n // 1000
            p = np.where(k > 0, stats.beta.ppf(alpha, np.maximum(k, 1), n - k + 1), 0)
            radii = 0.5 * stats.norm.ppf(np.maximum(p, 0.5))
            right = (made.selected == truth) & (p > 0.5)
            radius = np.array([1e-6, 0.1, 0.31, 0.77, 1.1, 1.6])
            assert np.abs(radii[:, None] - radius).min() > 1e-9  # none lies on the edge
            expected = np.mean(right[:, None] & (radii[:, None] >= radius), axis=0)
            assert_allclose(
                projected_certified_accuracy(truth, made, radius=radius, n=n, alpha=alpha),
                expected,
                atol=1e-12,
            )

    def test_both_bounds_against_beta_quantiles(self):
        """Shares that are no whole numbers of votes: rounded down for the top, up for the other."""
        truth, certificate = counted(1000, two_sided, classes=range(5))
        made = certificate(0.001)
        ordered = np.where(made.classes == made.selected[:, None], -1, made.counts).max(axis=1)
        top = made.counts[np.arange(80), made.selected]
        for n in (30, 77, 1234):
            k, other = top * n // 1000, -(-ordered * n // 1000)
            other = np.minimum(other, n - k)
            lower = np.where(k > 0, stats.beta.ppf(0.0005, np.maximum(k, 1), n - k + 1), 0)
            upper = stats.beta.isf(0.0005, other + 1, np.maximum(n - other, 1))
            upper = np.minimum(np.where(other < n, upper, 1), 1 - lower)
            right = (made.selected == truth) & (lower > upper)
            radii = 0.25 * (stats.norm.ppf(lower) - stats.norm.ppf(upper))
            steps = radii[right]
            assert len(np.unique(steps)) > 3
            for edge, expected in ((1 - 1e-6, True), (1 + 1e-6, False)):
                for row, step in zip(np.flatnonzero(right), steps, strict=True):
                    one = projected_certified_accuracy(
                        truth[[row]], made[int(row)], radius=step * edge, n=n
                    )
                    assert one == expected

    def test_rows_with_fewer_draws_than_others(self):
        """As with tol: it is the share of a row's own draws that is kept."""
        truth, certificate = counted(1000)
        made = with_run(certificate(0.001), n=10_000)
        every = certify_counts(
            np.eye(3, dtype=int)[made.selected],
            made.counts * 10,
            noise=FloatGaussian(0.5),
            classes=made.classes,
        )
        for n, expected in ((10_000, every), (None, made)):
            assert projected_certified_accuracy(
                truth, made, radius=RADII, n=n
            ).tolist() == pytest.approx(
                certified_accuracy_score(truth, expected, radius=RADII).tolist()
            )

    def test_more_draws_prove_more(self):
        truth, certificate = counted(1000)
        made = certificate(0.001)
        scores = np.array(
            [
                projected_certified_accuracy(truth, made, radius=RADII, n=1000 * 4**k)
                for k in range(8)
            ]
        )
        assert np.all(np.diff(scores, axis=0) >= 0)
        assert scores[-1, 0] > scores[0, 0]  # rows that were abstained on
        # the largest radius is that of unanimous votes, sigma * Phi^-1(alpha ** (1 / n))
        unanimous = certify_counts(
            np.array([[50, 0]]),
            np.array([[200, 0]]),
            noise=FloatGaussian(0.5),
            classes=np.array([4, 7]),
        )
        for n in (10, 200, 10_000, 10_000_000):
            limit = 0.5 * stats.norm.isf(-np.expm1(np.log(0.001) / n))
            ends = [limit * (1 - 1e-9), limit * (1 + 1e-9)]
            assert projected_certified_accuracy([4], unanimous, radius=ends, n=n).tolist() == [1, 0]
        assert projected_certified_accuracy([4], unanimous, n=9) == 0
        assert projected_certified_accuracy([7], unanimous, n=10**6) == 0

    def test_logs_of_the_authors_at_the_alpha_of_the_papers_text(self, data_folder):
        """Made with alpha = 0.01; at 0.001 one figure changes, from .266 to .258."""
        folder = data_folder / "locuslab_logs/certify/cifar10/resnet110/noise_0.25/test"
        record = read_log(folder / "sigma_0.25", alpha=0.01)
        truth, made = record.y_true, record.certificate
        radius = np.arange(5) / 4
        before = [0.748, 0.6, 0.428, 0.266, 0.0]
        assert certified_accuracy_score(truth, made, radius=radius).tolist() == before
        projected = projected_certified_accuracy(truth, made, radius=radius, alpha=0.001)
        assert projected.tolist() == pytest.approx([0.748, 0.6, 0.428, 0.258, 0.0])
        same = projected_certified_accuracy(truth, made, radius=radius)
        assert same.tolist() == pytest.approx(before)
        more = projected_certified_accuracy(truth, made, radius=[0, 1.0], n=10**6)
        assert more[0] == pytest.approx(0.748)  # abstentions have no counts, and stay
        assert more[1] > 0.1  # out of reach of 1e5 draws

    def test_votes_are_recovered_from_radii(self, tmp_path):
        """A log in the authors' format of known votes, with all digits: the votes come back."""
        truth, certificate = counted(1000)
        made = certificate(0.001)
        lines = ["idx\tlabel\tpredict\tradius\tcorrect\ttime"]
        for i, (label, guess, radius) in enumerate(
            zip(truth, made.labels, made.radii.tolist(), strict=True)
        ):
            lines.append(f"{i}\t{label}\t{guess}\t{radius!r}\t{int(label == guess)}\t1.0")
        (tmp_path / "sigma_0.5").write_text("\n".join(lines) + "\n")
        read = read_log(tmp_path / "sigma_0.5", n=1000).certificate
        assert read.counts.shape == (80, 0)
        radius = np.array([0.05, 0.123, 0.3, 0.777, 1.05])
        for other in (0.001, 1e-6, 0.0009):
            assert projected_certified_accuracy(
                truth, read, radius=radius, alpha=other
            ).tolist() == pytest.approx(
                certified_accuracy_score(truth, certificate(other), radius=radius).tolist()
            )

    def test_classes_with_names(self):
        truth, certificate = counted(1000, classes=("ant", "bee", "cat"))
        made = dataclasses.replace(certificate(0.001), labels=np.full(80, "?"))
        expected = certified_accuracy_score(truth, certificate(0.05), radius=RADII)
        projected = projected_certified_accuracy(truth, made, radius=RADII, alpha=0.05)
        assert projected.tolist() == pytest.approx(expected.tolist())

    @pytest.mark.parametrize("classes", [("dog", "cat", "ant"), (2, 0, 1), (1, 2, 0)])
    def test_classes_in_any_order(self, classes):
        truth, certificate = counted(1000, classes=classes)
        expected = certified_accuracy_score(truth, certificate(0.001), radius=RADII)
        projected = projected_certified_accuracy(truth, certificate(0.001), radius=RADII)
        assert projected.tolist() == pytest.approx(expected.tolist())

    def test_certificates_that_decided_radii_are_refused(self, clf):
        with pytest.raises(ValueError, match="Certify without radius"):
            projected_certified_accuracy(Y, clf.certify(X, radius=0.2), radius=0.2)

    def test_bad_arguments(self, clf):
        certificate = clf.certify(X)
        for options, match in [
            ({"n": 0}, "n must be at least 1"),
            ({"n": 1e5}, "n must be an int"),
            ({"alpha": 0}, "alpha"),
            ({"alpha": 1.0}, "alpha"),
        ]:
            with pytest.raises(ValueError, match=match):
                projected_certified_accuracy(Y, certificate, **options)
        with pytest.raises(ValueError, match="labels such as"):
            projected_certified_accuracy(Y.astype(str), certificate)

    def test_labels_are_no_certificate(self, clf):
        with pytest.raises(TypeError, match="must be a Certificate"):
            projected_certified_accuracy(Y, clf.predict(X))

    @pytest.mark.parametrize("radius", [-0.1, np.nan])
    def test_bad_radius(self, clf, radius):
        with pytest.raises(ValueError, match="radius must be 0 or more"):
            projected_certified_accuracy(Y, clf.certify(X), radius=radius)


class TestTopProbabilityCurve:
    def test_against_counting(self):
        truth, certificate = counted(300)
        made = certificate(0.001)
        probability, share = top_probability_curve(truth, made)
        right = made.selected == truth
        assert 0 < right.sum() < 80
        assert probability[0] == 0
        assert np.all(np.diff(probability) > 0)
        assert set(probability) == {0.0, *made.p_lower[right]}
        for p, s in zip(probability, share, strict=True):
            assert s == pytest.approx(np.sum(right & (made.p_lower >= p)) / 80)
        assert share[0] == pytest.approx(right.mean())  # wrong rows count as less than 0

    def test_it_is_one_minus_the_distribution_function(self):
        """scipy's survival function of the bounds, wrong rows put below 0."""
        truth, certificate = counted(300)
        made = certificate(0.001)
        probability, share = top_probability_curve(truth, made)
        bound = np.where(made.selected == truth, made.p_lower, -1.0)
        cdf = stats.ecdf(bound).cdf
        assert_allclose(share, 1 - cdf.evaluate(np.nextafter(probability, -1)), atol=1e-12)

    def test_weights_mean_repetition(self):
        truth, certificate = counted(300)
        made = certificate(0.001)
        weights = np.random.default_rng(2).integers(0, 4, size=80)
        rows = np.repeat(np.arange(80), weights)
        one = top_probability_curve(truth, made, sample_weight=weights)
        other = top_probability_curve(truth[rows], made[rows])
        points = np.searchsorted(one[0], other[0])
        assert one[0][points].tolist() == other[0].tolist()  # rows of weight 0 add points
        assert_allclose(one[1][points], other[1], atol=1e-12)
        assert np.all(np.diff(one[1]) <= 1e-15)

    def test_above_one_half_it_is_certified_accuracy(self, clf):
        for certificate in (clf.certify(X), counted(300)[1](0.001)):
            truth = Y if len(certificate) == 60 else counted(300)[0]
            probability, share = top_probability_curve(truth, certificate)
            first = np.searchsorted(probability, 0.5, side="right")
            assert share[first] == pytest.approx(certified_accuracy_score(truth, certificate))
            # and each radius is sigma * Phi^-1(p), less what rounding to a grid costs
            noise = certificate.noise
            for p, s in zip(probability[first:], share[first:], strict=True):
                radius = (noise.sigma * stats.norm.ppf(p) - noise.rounding) * (1 - 1e-9)
                assert certified_accuracy_score(truth, certificate, radius=radius) == (
                    pytest.approx(s)
                )

    def test_no_row_is_right(self):
        _, certificate = counted(300)
        probability, share = top_probability_curve(np.full(80, 9), certificate(0.001))
        assert (probability.tolist(), share.tolist()) == ([0.0], [0.0])
        votes = np.full((3, 1), 50)
        sure = certify_counts(votes, votes, noise=FloatGaussian(1.0), classes=np.array([0]))
        probability, share = top_probability_curve([0, 0, 0], sure)
        assert_allclose(probability, [0, 0.001 ** (1 / 50)])
        assert share.tolist() == [1, 1]

    def test_bad_arguments(self, clf):
        with pytest.raises(TypeError, match="must be a Certificate"):
            top_probability_curve(Y, clf.predict(X))
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            top_probability_curve(Y[:5], clf.certify(X))


class TestCertificatesThatDecidedRadii:
    """Their draws stopped where the radii asked for were decided: other radii are far too small."""

    def test_the_radii_asked_for_are_scored_in_silence(self, clf, decided):
        measured = clf.certify(X)
        for radius in (0.25, 0.5, [0.5, 0.25], np.float32(0.5), []):
            score = certified_accuracy_score(Y, decided, radius=radius)
            assert_allclose(score, certified_accuracy_score(Y, measured, radius=radius), atol=0.1)
            certified_accuracy_lower_bound(Y, decided, radius=radius)
        # 0 was asked for: then abstentions are known as well
        assert abstention_rate(clf.certify(X, radius=0)) == pytest.approx(
            abstention_rate(measured), abs=0.1
        )
        certified_accuracy_score(Y, clf.certify(X, radius=0))

    @pytest.mark.parametrize(
        "score",
        [
            certified_accuracy_score,
            lambda truth, c: certified_accuracy_score(truth, c, radius=[0.25, 0.3]),
            certified_accuracy_lower_bound,
            average_certified_radius_score,
            top_probability_curve,
            lambda truth, c: abstention_rate(c),
        ],
    )
    def test_everything_else_is_warned_about(self, decided, score):
        with pytest.warns(UserWarning, match=r"decide the radii \(0.25, 0.5\)") as caught:
            score(Y, decided)
        assert len(caught) == 1
        assert caught[0].filename == __file__

    def test_rows_are_selected_with_their_warning(self, decided):
        with pytest.warns(UserWarning, match="decide the radii"):
            average_certified_radius_score(Y[:5], decided[:5])
