"""PREDICT and CERTIFY from draws to statements: exact error rates, and draws that are prefixes."""

import warnings

import joblib
import numpy as np
import pytest
from helpers import Halfspace, Recorder
from scipy import signal, stats

from sksmooth import SmoothedClassifier
from sksmooth.backends import Backend
from sksmooth.bounds import clopper_pearson
from sksmooth.certificate import Plan, certify_counts, predict_counts
from sksmooth.certificate.procedures import certify_by_votes, predict_by_votes
from sksmooth.certificate.stopping import geometric_looks
from sksmooth.estimators.smoother import smoother_of
from sksmooth.noise import FloatGaussian
from sksmooth.noise.streams import Purpose, block_rows
from sksmooth.sampling import Sampler
from sksmooth.sampling.count import count_votes

SIGMA = 0.5
SEED = bytes(range(16))


@pytest.fixture(autouse=True)
def _looks_at_few_draws(monkeypatch):
    """Or rows could only be left early after 16,384 draws."""
    monkeypatch.setattr("sksmooth.certificate.stopping.CURTAIL_STEP", 16)


class Enumerated:
    """A sampler that draws nothing: every possible outcome is a row, `weights` its probability.

    A row is a number of draws after which it may end, and its votes then. It takes the part of
    `Sampler`, so that the error rates of the procedures themselves are sums.
    """

    seed, report, stream, shortcut = SEED, None, "philox", None

    def __init__(self, p, pilot=None, n_values=1, room=5000, tv_error=0.0):
        self.p, self.pilot = np.asarray(p), pilot
        self.X = np.broadcast_to(0.0, (room, n_values))
        self.noise = FloatGaussian(SIGMA)
        vars(self.noise)["tv_error"] = tv_error

    def counts(self, n, purpose):
        assert purpose == Purpose.SELECT
        assert n == sum(self.pilot)
        return np.tile(self.pilot, (len(self.X), 1))

    def until(self, sizes, purpose, undecided):
        room, k = len(self.X), len(self.p)
        counts, is_open = np.zeros((room, k), dtype=np.int64), np.zeros(room, dtype=bool)
        self.weights = np.zeros(room)
        going, before, row = np.ones((1,) * (k - 1)), 0, 0
        for look, size in enumerate(sizes):
            votes, chance = outcomes(size - before, self.p)
            arrived = np.zeros((size - before + 1,) * (k - 1))
            arrived[tuple(votes[:, :-1].T)] = chance
            going, before = np.maximum(signal.convolve(going, arrived), 0), size
            votes, _ = outcomes(size, self.p)
            cells = tuple(votes[:, :-1].T)
            rows = row + np.arange(len(votes))
            row += len(votes)
            assert row <= room
            counts[rows] = votes
            stay = undecided(look, rows, votes)
            is_open[rows] = stay & (size == sizes[-1])
            self.weights[rows] = np.where(stay & (size < sizes[-1]), 0, going[cells])
            left = np.zeros_like(going)
            left[cells] = np.where(stay, going[cells], 0)
            going = left
        assert self.weights.sum() == pytest.approx(1)
        return counts, is_open


def outcomes(n, p):
    """All votes of n draws, a line each, and their probabilities."""
    grid = np.indices((n + 1,) * (len(p) - 1)).reshape(len(p) - 1, -1).T
    votes = np.column_stack([grid, n - grid.sum(axis=1)])
    votes = votes[votes[:, -1] >= 0]
    return votes, stats.multinomial.pmf(votes, n, p) if n else np.ones(1)


class TestSequentialPredictIsSound:
    @pytest.mark.parametrize("alpha", [0.5, 0.05, 1e-3])
    @pytest.mark.parametrize("n", [20, 79, 80, 100, 300, 1000])
    def test_two_classes(self, n, alpha):
        """P(the less probable class is returned) <= alpha, summed over all ways to get there."""
        for p in (0.5 + 1e-9, 0.501, 0.51, 0.55, 0.6, 0.75, 0.99):
            sampler = Enumerated((p, 1 - p))
            codes, undecided = predict_by_votes(sampler, n=n, alpha=alpha, sequential=True)
            wrong = sampler.weights[(codes == 1) & ~undecided].sum()
            assert wrong <= alpha / 2  # of the test's two sides, one is wrong
            if p < 0.5001 and n >= 100:
                assert wrong > alpha / 5  # and the test can fail

    @pytest.mark.parametrize("alpha", [0.05, 1e-3])
    @pytest.mark.parametrize(
        "p",
        [(0.34, 0.33, 0.33), (0.5, 0.5 - 1e-9, 1e-9), (0.4, 0.39, 0.21), (0.6, 0.3, 0.1)],
    )
    def test_three_classes(self, p, alpha):
        """No factor for the number of classes, and none for the number of looks."""
        sampler = Enumerated(p, room=10_000)
        codes, undecided = predict_by_votes(sampler, n=100, alpha=alpha, sequential=True)
        assert sampler.weights[(codes > 0) & ~undecided].sum() <= alpha

    def test_the_same_level_at_all_looks_would_not_do(self, monkeypatch):
        alpha = 0.05
        sizes, _ = geometric_looks(1000, alpha)
        monkeypatch.setattr(
            "sksmooth.certificate.procedures.geometric_looks",
            lambda n, alpha: (sizes, [alpha] * len(sizes)),
        )
        sampler = Enumerated((0.5 + 1e-9, 0.5 - 1e-9))
        _, undecided = predict_by_votes(sampler, n=1000, alpha=alpha, sequential=True)
        assert sampler.weights[~undecided].sum() > 2 * alpha

    def test_all_draws_at_once_are_predict_of_the_paper(self):
        sampler = Enumerated((0.6, 0.4))
        codes, undecided = predict_by_votes(sampler, n=101, alpha=0.05, sequential=False)
        expected = predict_counts(outcomes(101, (0.6, 0.4))[0], 0.05)
        assert np.array_equal(codes[:102], expected[0])
        assert np.array_equal(undecided[:102], expected[1])

    def test_a_clear_row_is_decided(self):
        sampler = Enumerated((0.9, 0.1))
        codes, undecided = predict_by_votes(sampler, n=1000, alpha=1e-3, sequential=True)
        assert sampler.weights[(codes == 0) & ~undecided].sum() > 1 - 1e-9


PLANS = {
    "fixed": {"bound": "one-sided", "tol": None},
    "two-sided": {"bound": "two-sided", "tol": None},
    "tol": {"bound": "one-sided", "tol": 0.1},
    "tol, two-sided": {"bound": "two-sided", "tol": 0.1},
}


def enumerated_certificate(p, pilot, plan, n=200, alpha=0.05, tv_error=0.0):
    # rows of 5,000 values have blocks of 16 draws, so that there are looks
    sampler = Enumerated(p, pilot, n_values=5000, tv_error=tv_error)
    asked = Plan(n=n, n0=0 if pilot is None else sum(pilot), alpha=alpha, **plan)
    certificate = certify_by_votes(sampler, asked, np.array([0, 1]), -1)
    return certificate, sampler.weights


class TestCertifyIsSound:
    @pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
    def test_false_certificates_of_two_classes(self, plan):
        """P(a certificate is false), over all votes of selection and estimation, <= alpha.

        The radius that is true of a half-space with these probabilities is sigma Phi^-1(p).
        """
        alpha, n0 = 0.05, 6
        for p in (0.5 - 1e-9, 0.5 + 1e-9, 0.55, 0.7, 0.9, 0.97, 0.99):
            right, true_radius = int(p < 0.5), SIGMA * stats.norm.ppf(max(p, 1 - p))
            false_rate = 0.0
            for pilot, chance in zip(*outcomes(n0, (p, 1 - p)), strict=True):
                certificate, weights = enumerated_certificate((p, 1 - p), pilot, plan)
                wrong = certificate.selected != right
                false = ~certificate.abstained & (wrong | (certificate.radii > true_radius))
                # whatever was selected, the bounds hold
                assert weights[false].sum() <= alpha
                of_selected = np.where(certificate.selected == 0, p, 1 - p)
                assert weights[certificate.p_lower > of_selected].sum() <= alpha
                assert weights[certificate.p_upper < 1 - of_selected].sum() <= alpha
                false_rate += chance * weights[false].sum()
            assert false_rate <= alpha

    @pytest.mark.parametrize("p", [0.4, 0.5, 0.6, 0.65, 0.8])
    def test_giving_up_early_costs_no_certificate(self, p):
        """P(certified) is that of the binomial tail, as if all draws were made."""
        certificate, weights = enumerated_certificate((p, 1 - p), (10, 0), PLANS["fixed"])
        needed = np.flatnonzero(clopper_pearson(np.arange(201), 200, 0.05) > 0.5)[0]
        certified = weights[~certificate.abstained].sum()
        assert certified == pytest.approx(stats.binom.sf(needed - 1, 200, p), abs=1e-12)
        given_up = certificate.stop_reason == "hopeless"
        assert set(certificate.n_draws[given_up & (weights > 0)]) <= {112, 128, 144, 160, 176, 192}
        assert certificate.abstained[given_up & (weights > 0)].all()
        if p < 0.5:
            assert weights[given_up].sum() > 0.9


class TestImperfectNoise:
    """Votes are drawn with probabilities that are off by `tv_error`, in the worst direction."""

    @pytest.mark.parametrize(
        "plan",
        [*PLANS.values(), {"bound": "one-sided", "radii": (0.1, 0.3)}],
        ids=[*PLANS, "radii"],
    )
    def test_certificates_speak_of_the_right_noise(self, plan):
        alpha, off = 0.05, 0.06
        pilot = None if "radii" in plan else (6, 0)
        careless = 0.0
        for p in (0.45, 0.5 - 1e-9, 0.55, 0.63, 0.7, 0.9):
            true_radius = SIGMA * stats.norm.ppf(max(p, 0.5))
            for tv_error in (off, 0.0):
                certificate, weights = enumerated_certificate(
                    (p + off, 1 - p - off), pilot, plan, tv_error=tv_error
                )
                of_selected = np.where(certificate.selected == 0, p, 1 - p)
                false = ~certificate.abstained & (of_selected < 0.5)
                false |= (certificate.selected == 0) & (certificate.radii > true_radius)
                false |= certificate.p_lower > of_selected
                if tv_error:
                    assert np.all(certificate.tv_error == off)
                    assert weights[false].sum() <= alpha
                    assert np.all(certificate.radii <= certificate.max_radius)
                else:
                    careless = max(careless, weights[false].sum())
        assert careless > 3 * alpha  # without the charge, the same draws prove what is false

    @pytest.mark.parametrize("sequential", [False, True])
    def test_predictions_speak_of_the_right_noise(self, sequential):
        """Both classes are as probable, but one gets more votes: P(it is returned) <= alpha."""
        n, alpha = 1000, 0.05
        returned = {}
        for off in (0.0, 1e-4, 0.003, 0.03):
            for tv_error in {off, 0.0}:
                sampler = Enumerated((0.5 - off, 0.5 + off), tv_error=tv_error)
                codes, undecided = predict_by_votes(
                    sampler, n=n, alpha=alpha, sequential=sequential
                )
                wrong = sampler.weights[(codes == 1) & ~undecided].sum()
                assert wrong <= alpha or not tv_error
                returned[off, tv_error] = wrong
        assert returned[0.03, 0.0] > 5 * alpha  # without the charge, they would be wrong
        assert returned[0.003, 0.0] > alpha / 2 > returned[0.003, 0.003]
        # the charge for errors as large as those of exact noise changes nothing
        clear = [Enumerated((0.56, 0.44), tv_error=tv_error) for tv_error in (1e-9, 0.0)]
        decided = [predict_by_votes(s, n=n, alpha=alpha, sequential=sequential)[1] for s in clear]
        assert np.array_equal(*decided)

    def test_votes_that_may_be_others_are_counted_against_the_decision(self):
        """m votes are moved to the runner-up; more than m differ with a chance that comes on top.

        Against exact binomial tests and the distribution of the number of votes that differ.
        """
        n, alpha, rows = 101, 0.05, np.arange(102)
        votes = outcomes(n, (0.5, 0.5))[0]
        fewest = []
        for tv_error in (0.0, 1e-7, 1e-4, 4e-3, 0.05):
            sampler = Enumerated((0.5, 0.5), tv_error=tv_error, room=102)
            sampler.until = lambda sizes, purpose, undecided: (votes, undecided(0, rows, votes))
            codes, verdicts = predict_by_votes(sampler, n=n, alpha=alpha, sequential=False)
            assert np.array_equal(codes, votes.argmax(axis=1))
            enough = np.flatnonzero(~verdicts[51:])[0] + 51  # votes of the first class
            assert not verdicts[enough:].any()
            assert verdicts[102 - enough : enough].all()
            fewest.append(enough)
            for m in range(enough - 50):  # some m for which all is as it should be
                p_value = stats.binomtest(enough - m, n, 0.5).pvalue
                if p_value + stats.binom.sf(m, n, tv_error) <= alpha:
                    break
            else:
                raise AssertionError("no number of votes justifies the decision")
        assert fewest[0] == 61  # that of the plain test
        assert fewest == sorted(fewest)
        assert fewest[1] <= 62
        assert fewest[2] <= 63
        assert fewest[-1] > 70


class Bands(Halfspace):
    """Three classes along the first feature; at 0 each has a third of the noise."""

    def predict(self, X):
        return self.classes_[np.digitize(X[:, 0], SIGMA * stats.norm.ppf([1 / 3, 2 / 3]))]


def fitted(base, d=2, k=2, **options):
    defaults = {"sigma": SIGMA, "method": "montecarlo", "random_state": 0, "n": 5000}
    return SmoothedClassifier(base, **(defaults | options)).fit(np.eye(k, d), np.arange(k))


def rows_at(distances, d=2, seed=0):
    """Rows whose first feature is given; the others make them differ."""
    rows = np.random.default_rng(seed).normal(size=(len(distances), d))
    rows[:, 0] = distances
    return rows


MODES = {
    "fixed": {},
    "two-sided": {"bound": "two-sided"},
    "any radius": {"radius": 0},
    "one radius": {"radius": 0.3},
    "several radii": {"radius": [0, 0.2, 0.5, 0.9]},
    "radii, two-sided": {"radius": [0.1, 0.4], "bound": "two-sided"},
    "tol": {"tol": 0.05},
    "tol, two-sided": {"tol": 0.05, "bound": "two-sided"},
}
EARLY = [mode for mode in MODES if mode != "two-sided"]
DISTANCES = np.concatenate([np.linspace(-1.2, 1.2, 25), [-0.02, 0.01, 0.03, 5.0, -5.0]])
X = rows_at(DISTANCES)


@pytest.fixture(params=MODES)
def mode(request):
    return MODES[request.param]


PER_ROW = (
    *("counts", "n_draws", "selected", "stop_reason", "abstained", "labels"),
    *("p_lower", "p_upper", "radii"),
)


def assert_equal(one, other, names=PER_ROW):
    for name in names:
        assert np.array_equal(getattr(one, name), getattr(other, name)), name


class TestDraws:
    @pytest.mark.parametrize("name", EARLY)
    def test_a_row_that_stops_has_the_first_of_its_draws(self, name):
        """The counts of m draws are those of certify(n=m), which never stops if two-sided."""
        clf = fitted(Bands(), k=3, n=20_000)
        certificate = clf.certify(X, **MODES[name])
        assert len(set(certificate.n_draws)) > 1
        for m in np.unique(certificate.n_draws):
            rows = np.flatnonzero(certificate.n_draws == m)
            again = clf.certify(X[rows], n=int(m), bound="two-sided")
            assert np.array_equal(again.counts, certificate.counts[rows])

    @pytest.mark.parametrize("name", EARLY)
    def test_likewise_of_long_rows(self, name):
        """Blocks of 16 draws, so that most looks are at their borders and plans inside them."""
        d, n = 5000, 300
        assert block_rows(d) == 16
        clf = fitted(Halfspace(np.eye(d)[0]), d=d, n=n)
        rows = rows_at([-0.5, -0.1, 0.0, 0.2, 0.6, 2.0], d=d)
        certificate = clf.certify(rows, **MODES[name])
        assert len(set(certificate.n_draws)) > 1
        for m in np.unique(certificate.n_draws):
            some = np.flatnonzero(certificate.n_draws == m)
            again = clf.certify(rows[some], n=int(m), bound="two-sided")
            assert np.array_equal(again.counts, certificate.counts[some])

    @pytest.mark.parametrize(("d", "n"), [(2, 9000), (5000, 70)])
    def test_parts_of_the_draws_add_up(self, d, n):
        """From any draw to any other, inside a block or across several, in any batches."""
        clf = fitted(Halfspace(np.eye(d)[0]), d=d)
        rows = rows_at([-0.3, 0.0, 0.4], d=d)
        sampler = smoother_of(clf).sampler(rows)
        whole = sampler.counts(n, Purpose.ESTIMATE)
        block = block_rows(d)
        for cut in (1, block - 1, block, block + 1, 2 * block + 5, n - 1):
            first = sampler.counts(cut, Purpose.ESTIMATE)
            assert np.all(first.sum(axis=1) == cut)
            for batch_size in (None, 7 if d > 2 else 777):
                options = {
                    "noise": sampler.noise,
                    "seed": sampler.seed,
                    "purpose": Purpose.ESTIMATE,
                    "start": cut,
                    "batch_size": batch_size,
                }
                rest = count_votes(sampler.backend, rows, n, **options)
                assert np.array_equal(first + rest, whole)
                last = count_votes(
                    sampler.backend, rows, n, rows=np.array([2]), n_jobs=1, **options
                )
                assert np.array_equal(last, rest[[2]])

    def test_parts_are_counted_by_workers_too(self):
        clf = fitted(Halfspace())
        sampler = smoother_of(clf).sampler(X)
        alone = sampler.counts(30_000, Purpose.ESTIMATE, start=5000)
        clf.set_params(n_jobs=2)
        with joblib.parallel_config(backend="threading"):
            assert np.array_equal(
                smoother_of(clf).sampler(X).counts(30_000, Purpose.ESTIMATE, start=5000), alone
            )

    def test_no_draw_is_made_twice_and_none_in_vain(self, no_trials):
        """The base is asked about n_draws noisy rows, and n0 where other draws select."""
        base = Recorder()
        for options in MODES.values():
            clf = fitted(base)
            certificate = clf.certify(X, **options)
            asked = sum(len(batch) for batch in clf.estimator_.batches_)
            assert asked == certificate.n_draws.sum() + len(X) * certificate.n0

    def test_the_estimate_takes_none_of_the_draws_that_plan(self):
        """With n = n0 both make as many draws; they are others."""
        clf = fitted(Halfspace(), n=1000, n0=1000)
        pilot = smoother_of(clf).sampler(X).counts(1000, Purpose.SELECT)
        certificate = clf.certify(X, tol=1e-9)
        full = (certificate.n_draws == 1000) & (abs(DISTANCES) < 0.5)
        assert full.sum() > 5
        assert np.all(certificate.counts[full] != pilot[full], axis=1).mean() > 0.5


class TestNothingElseMatters:
    def test_batch_size(self, mode):
        expected = fitted(Bands(), k=3, n=20_000).certify(X, **mode)
        for size in (997, 4096, 10**6):
            clf = fitted(Bands(), k=3, n=20_000, batch_size=size)
            assert_equal(clf.certify(X, **mode), expected)

    def test_workers(self, mode):
        expected = fitted(Bands(), k=3, n=20_000).certify(X, **mode)
        with joblib.parallel_config(backend="threading"):
            clf = fitted(Bands(), k=3, n=20_000, n_jobs=2)
            assert_equal(clf.certify(X, **mode), expected)

    def test_order_and_subset(self, mode):
        clf = fitted(Bands(), k=3, n=20_000)
        certificate = clf.certify(X, **mode)
        order = np.random.default_rng(0).permutation(len(X))
        assert_equal(clf.certify(X[order], **mode), certificate[order])
        for row in range(0, len(X), 3):
            assert_equal(clf.certify(X[[row]], **mode), certificate[row])

    def test_sequential_predict(self):
        options = {"sequential_predict": True, "n_predict": 5000}
        clf = fitted(Halfspace(), **options)
        labels = clf.predict(X)
        assert {-1, 0, 1} >= set(labels)
        order = np.random.default_rng(0).permutation(len(X))
        assert np.array_equal(clf.predict(X[order]), labels[order])
        assert np.array_equal(np.concatenate([clf.predict(row[None]) for row in X]), labels)
        assert np.array_equal(fitted(Halfspace(), batch_size=97, **options).predict(X), labels)
        with joblib.parallel_config(backend="threading"):
            assert np.array_equal(fitted(Halfspace(), n_jobs=2, **options).predict(X), labels)


class TestStatements:
    def test_the_default_is_certify_of_the_paper(self):
        """Giving up on hopeless rows changes neither who is certified nor any radius."""
        clf = fitted(Bands(), k=3, n=20_000)
        certificate = clf.certify(X)
        sampler = smoother_of(clf).sampler(X)
        full = certify_counts(
            sampler.counts(100, Purpose.SELECT),
            sampler.counts(20_000, Purpose.ESTIMATE),
            noise=sampler.noise,
            classes=clf.classes_,
            abstain_label=clf.abstain_label_,
        )
        assert_equal(certificate, full, ("radii", "abstained", "labels", "selected"))
        certified = ~full.abstained
        assert 0 < certified.sum() < len(X)
        assert (certificate.stop_reason == "hopeless").any()
        assert_equal(certificate[certified], full[certified])
        assert certificate.max_radius == full.max_radius

    def test_no_radius_exceeds_the_distance(self, mode):
        """For a half-space it is the distance to its edge; alpha makes a false row unlikely."""
        certificate = fitted(Halfspace(), alpha=1e-9).certify(X, **mode)
        certified = ~certificate.abstained
        assert certified.sum() > len(X) / 2
        assert np.array_equal(certificate.labels[certified], DISTANCES[certified] > 0)
        assert np.all(certificate.radii <= abs(DISTANCES))
        assert np.all(certificate.radii[~certified] == 0)
        assert np.all(certificate.radii <= certificate.max_radius)

    def test_asked_radii_are_certified_where_they_hold_with_room(self):
        radii = [0.0, 0.2, 0.5]
        certificate = fitted(Halfspace(), n=20_000).certify(X, radius=radii)
        for r in radii:
            certified = ~certificate.abstained & (certificate.radii >= r)
            assert certified[abs(DISTANCES) > r + 0.08].all()
            assert not certified[abs(DISTANCES) < r].any()

    @pytest.mark.parametrize("bound", ["one-sided", "two-sided"])
    @pytest.mark.parametrize("n", [20, 79, 100, 5000])
    def test_the_largest_radius_can_be_asked_for(self, n, bound):
        """Unanimous votes reach max_radius: they are not given up just below the ceiling."""
        clf, far = fitted(Halfspace()), rows_at([40.0, -40.0])
        asked = clf.certify(far, n=n, radius=0, bound=bound).max_radius
        ceiling = clf.certify(far, n=n, radius=asked, bound=bound).max_radius
        assert ceiling >= asked  # levels may go to the last look if all others are too early
        certificate = clf.certify(far, n=n, radius=ceiling, bound=bound)
        assert certificate.max_radius == ceiling
        assert certificate.radii.tolist() == [ceiling, ceiling]
        assert certificate.n_draws.tolist() == [n, n]
        with pytest.warns(UserWarning, match="No row can be certified"):
            beyond = clf.certify(far, n=n, radius=np.nextafter(ceiling, 9), bound=bound)
        assert beyond.max_radius == ceiling
        assert np.all(beyond.radii < np.nextafter(ceiling, 9))
        assert np.all(beyond.n_draws == (64 if n >= 80 else n))  # one look is enough to see it

    def test_what_is_recorded(self):
        clf = fitted(Bands(), k=3, n=20_000)
        fixed, zero, radii, both, tol = (
            clf.certify(X, **MODES[name])
            for name in ("fixed", "any radius", "several radii", "radii, two-sided", "tol")
        )
        assert (fixed.n0, fixed.asked_radii, fixed.bound) == (100, None, "one-sided")
        assert (zero.n0, zero.asked_radii, zero.bound) == (0, (0.0,), "one-sided")
        assert (radii.n0, radii.asked_radii) == (0, (0.0, 0.2, 0.5, 0.9))
        assert (both.n0, both.asked_radii, both.bound) == (100, (0.1, 0.4), "two-sided")
        assert (tol.n0, tol.asked_radii) == (100, None)
        reasons = ["hopeless", "decided", "decided", "decided", "tol"]
        for certificate, reason in zip((fixed, zero, radii, both, tol), reasons, strict=True):
            early = certificate.n_draws < certificate.n
            assert early.any()
            assert set(certificate.stop_reason[early]) == {reason}
            assert set(certificate.stop_reason[~early]) <= {"n"}
            assert np.array_equal(certificate.n_draws, certificate.counts.sum(axis=1))

    def test_sequential_predict_agrees_on_easy_rows_with_fewer_draws(self, no_trials):
        easy = abs(DISTANCES) > 0.15
        fixed = fitted(Recorder(), n_predict=5000)
        sequential = fitted(Recorder(), n_predict=5000, sequential_predict=True)
        labels = sequential.predict(X[easy])
        assert np.array_equal(labels, fixed.predict(X[easy]))
        assert np.array_equal(labels, DISTANCES[easy] > 0)
        draws = [
            sum(len(batch) for batch in clf.estimator_.batches_) for clf in (fixed, sequential)
        ]
        assert draws[0] == 5000 * easy.sum()
        assert draws[1] < draws[0] / 10

    def test_sequential_predict_abstains_on_the_edge(self):
        rows = rows_at(np.full(300, 1e-12))
        clf = fitted(Halfspace(), n_predict=1000, sequential_predict=True, alpha=1e-3)
        assert (clf.predict(rows) == -1).mean() > 0.98

    def test_sequential_predict_without_abstention_gives_the_top_class(self):
        clf = fitted(Halfspace(), n_predict=1000, sequential_predict=True, abstain_label=None)
        assert set(clf.predict(X)) == {0, 1}
        clear = abs(DISTANCES) > 0.15
        assert np.array_equal(clf.predict(X)[clear], DISTANCES[clear] > 0)


class Fragile(Backend):
    """Votes for class 1 right of 0, and cannot answer beyond a limit."""

    n_classes, limit = 2, 3.9

    def batch_rows(self, row_values):
        return 1000

    def classify(self, batch):
        return np.where(batch[:, 0] > self.limit, 2, batch[:, 0] > 0)


class TestErrors:
    @pytest.mark.parametrize("radii", [(0.0,), (0.0, 0.1)])
    def test_non_answers_name_the_users_row(self, radii):
        """Rows 0 and 1 are decided at the first look; row 2 goes on, and meets the limit then."""
        rows = np.array([[-3.0], [-3.1], [0.0]])
        sampler = Sampler(Fragile(), rows, FloatGaussian(1.0), SEED)
        assert sampler.counts(64, Purpose.ESTIMATE).sum() == 3 * 64  # no error yet
        plan = Plan(n=100_000, n0=0, alpha=1e-3, radii=radii)
        with pytest.raises(ValueError, match=r"\d+ of \d+ noisy copies of row 2 \(1 of 1 rows"):
            certify_by_votes(sampler, plan, np.array([0, 1]), -1)
        with pytest.raises(ValueError, match=r"noisy copies of row 2 \(1 of 1 rows"):
            predict_by_votes(sampler, n=100_000, alpha=1e-3, sequential=True)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"radius": -0.1}, r"radius must be 0 or more, and finite; got -0\.1"),
            ({"radius": [0.1, -1]}, "radius must be 0 or more, and finite"),
            ({"radius": np.nan}, "radius must be 0 or more, and finite; got nan"),
            ({"radius": np.inf}, "radius must be 0 or more, and finite; got inf"),
            ({"radius": []}, r"radius must be a number, or a non-empty sequence.*got \[\]"),
            ({"radius": "wide"}, "radius must be a number.*got 'wide'"),
            ({"radius": True}, "radius must be a number.*got True"),
            ({"radius": [[0.1]]}, "radius must be a number"),
            ({"radius": 1j}, "radius must be a number"),
            ({"tol": 0}, "tol must be a positive, finite length.*got 0"),
            ({"tol": -0.1}, r"tol must be a positive, finite length.*got -0\.1"),
            ({"tol": np.nan}, "tol must be a positive"),
            ({"tol": np.inf}, "tol must be a positive"),
            ({"tol": True}, "tol must be a positive.*got True"),
            ({"tol": "0.1"}, "tol must be a positive"),
            ({"tol": [0.1]}, "tol must be a positive"),
            ({"bound": "both"}, r"bound must be one of \['one-sided', 'two-sided'\]; got 'both'"),
            ({"bound": None}, r"bound must be one of \['one-sided', 'two-sided'\]; got None"),
            ({"radius": 0.1, "tol": 0.1}, "radius.*tol.*not both"),
            ({"radius": 0.1, "n0": 0}, "n0 must be at least 1"),
        ],
    )
    def test_arguments(self, options, message):
        with pytest.raises(ValueError, match=message):
            fitted(Halfspace()).certify(X, **options)

    def test_the_fewest_draws_that_can_certify(self):
        """Below them every row is abstained on, which is warned of; from them on, none need be."""
        clf, far = fitted(Halfspace()), rows_at([40.0])
        for options, fewest in (({}, 10), ({"bound": "two-sided"}, 11), ({"tol": 1e-9}, 10)):
            with pytest.warns(UserWarning, match=f"smallest n that can is {fewest}"):
                assert clf.certify(far, n=fewest - 1, **options).abstained.all()
            assert not clf.certify(far, n=fewest, **options).abstained.any()

    def test_the_fewest_draws_that_can_certify_a_radius(self):
        """The class is selected by the same draws, which takes one more."""
        clf, far = fitted(Halfspace()), rows_at([40.0])
        assert not clf.certify(far, n=11, radius=0).abstained.any()
        with pytest.warns(UserWarning, match="smallest n that can is 11"):
            assert clf.certify(far, n=10, radius=0).abstained.all()


@pytest.mark.parametrize("name", MODES)
def test_all_draws_are_reported_or_not_needed(name):
    """Or a progress bar would not reach its end."""
    told = []
    clf = fitted(Halfspace())
    rows = rows_at([-5.0, -0.4, 0.4, 5.0])  # none of them is planned to get all draws
    options = MODES[name]
    certificate = clf.certify(rows, **options)
    plan = Plan(
        n=5000,
        n0=certificate.n0,
        alpha=1e-3,
        bound=certificate.bound,
        radii=certificate.asked_radii,
        tol=options.get("tol"),
    )
    certify_by_votes(smoother_of(clf).sampler(rows, told.append), plan, clf.classes_, -1)
    assert sum(told) == len(rows) * (5000 + certificate.n0)


def test_no_warning_is_given_in_any_mode():
    """Divisions by zero and logarithms of zero stay inside the bounds."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for options in MODES.values():
            fitted(Halfspace()).certify(rows_at([-9.0, 0.0, 9.0]), n=1000, **options)


class TestHints:
    def test_a_tolerance_as_large_as_any_radius(self):
        with pytest.warns(UserWarning, match="tol=5 allows all of the radius to be lost.*largest"):
            fitted(Halfspace()).certify(X[:2], n=200, tol=5)

    @pytest.mark.parametrize("bound", [["two-sided"], None, 2, "twosided"])
    def test_another_bound(self, bound):
        with pytest.raises(ValueError, match=r"bound must be one of \['one-sided', 'two-sided'\]"):
            fitted(Halfspace()).certify(X[:2], n=200, bound=bound)

    def test_radii_of_several_lengths(self):
        with pytest.raises(ValueError, match="radius must be a number, or a non-empty sequence"):
            fitted(Halfspace()).certify(X[:2], n=200, radius=[[1], [2, 3]])


def test_a_smoother_that_never_abstains_predicts_the_top_of_its_frequencies():
    """sequential_predict would stop at other votes than those that predict_proba shows."""
    rows = rows_at(np.linspace(-0.01, 0.01, 200))
    clf = fitted(
        Halfspace(), alpha=0.5, n_predict=5000, sequential_predict=True, abstain_label=None
    )
    top = clf.predict_proba(rows).argmax(axis=1)
    assert np.array_equal(clf.predict(rows), clf.classes_[top])
