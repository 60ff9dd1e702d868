import copy
import dataclasses
import pickle
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from sksmooth.bounds import clopper_pearson, radius_cohen, two_sided, widened
from sksmooth.certificate import certify_counts, predict_counts
from sksmooth.certificate.votes import top_two
from sksmooth.noise import FloatGaussian, IntegerGaussian

CLASSES = np.array(["ant", "bee", "cat"])


def example(**changes):
    counts0 = np.array([[90, 5, 5], [40, 60, 0], [0, 1, 99], [34, 33, 33]])
    counts = np.array([[980, 10, 10], [520, 480, 0], [0, 0, 1000], [400, 300, 300]])
    options = {
        "noise": FloatGaussian(0.5),
        "classes": CLASSES,
        "alpha": 0.001,
        "abstain_label": "?",
    }
    return certify_counts(counts0, counts, **(options | changes))


def test_certify_step_by_step():
    certificate = example()
    # row 1: the selection draws chose "bee", whose 480 of 1000 votes prove nothing
    assert certificate.selected.tolist() == ["ant", "bee", "cat", "ant"]
    assert certificate.labels.tolist() == ["ant", "?", "cat", "?"]
    assert certificate.abstained.tolist() == [False, True, False, True]
    assert_allclose(certificate.p_lower, clopper_pearson([980, 480, 1000, 400], 1000, 0.001))
    # sigma * Phi^-1(p) with p from the beta quantile, as the paper's Section 3.2.2 has it
    p = stats.beta.ppf(0.001, [980, 1000], [21, 1])
    assert_allclose(certificate.radii[[0, 2]], 0.5 * stats.norm.ppf(p), rtol=1e-8)
    assert certificate.radii[[1, 3]].tolist() == [0, 0]
    assert (certificate.n, certificate.n0, certificate.norm) == (1000, 100, "l2")


def test_no_abstain_label_keeps_the_class_and_says_that_nothing_is_certified():
    certificate = example(abstain_label=None)
    assert certificate.labels.tolist() == ["ant", "bee", "cat", "ant"]
    assert certificate.abstained.tolist() == [False, True, False, True]
    assert certificate.radii[1] == 0


def test_another_bound_plugs_in():
    certificate = example(bound=lambda top, other, n, _: (np.divide(top, n), 1 - np.divide(top, n)))
    assert_allclose(certificate.p_lower, [0.98, 0.48, 1.0, 0.4])


def test_one_half_exactly_is_not_enough():
    certificate = example(bound=lambda top, *_: (np.full(len(top), 0.5),) * 2)
    assert certificate.abstained.all()


def test_unpacks_and_indexes():
    certificate = example()
    labels, radii = certificate
    assert labels is certificate.labels
    assert radii is certificate.radii
    assert len(certificate) == 4
    for rows in (slice(1, 3), np.array([1, 2]), [1, 2], np.array([False, True, True, False])):
        part = certificate[rows]
        assert part.labels.tolist() == ["?", "cat"]
        assert part.counts.tolist() == certificate.counts[1:3].tolist()
        assert part.classes.tolist() == CLASSES.tolist()
    assert len(certificate[0]) == len(certificate[np.int64(-1)]) == 1
    assert certificate[-1].labels.tolist() == ["?"]


def test_is_frozen():
    certificate = example()
    with pytest.raises(AttributeError):
        certificate.n = 5
    with pytest.raises(ValueError, match="read-only"):
        certificate.radii[0] = 9.0
    assert CLASSES.flags.writeable  # the caller's own arrays are left alone


def test_copies_and_pickles():
    for other in (copy.deepcopy(example()), pickle.loads(pickle.dumps(example()))):
        assert np.array_equal(other.radii, example().radii)
        assert other.labels.tolist() == example().labels.tolist()


def test_to_frame():
    pd = pytest.importorskip("pandas")
    frame = example().to_frame(index=list("wxyz"))
    assert isinstance(frame, pd.DataFrame)
    assert frame.index.tolist() == list("wxyz")
    assert frame.loc["x", "abstained"]
    assert frame.columns[:4].tolist() == ["label", "radius", "abstained", "p_lower"]
    assert frame.columns[4:-1].tolist() == ["p_upper", "selected", "n_draws", "stop_reason"]
    assert frame.columns[-1] == "radius_l2"


def test_repr_says_what_matters():
    text = repr(example())
    for part in ("4 rows", "2 certified", "n=1000", "alpha=0.001", "sigma=0.5", "'l2'"):
        assert part in text
    assert "noise='float' (unsound in floating point)" in text
    text = repr(example(noise=IntegerGaussian(0.5, 3)))
    assert "noise='integer'>" in text
    assert "unsound" not in text


class TestWidened:
    def test_values(self):
        """Dyadic numbers, for which the sums are exact; one step outwards all the same."""
        lower, upper = widened([0.75, 0.5], [0.125, 0.5], [0.125, 0.25])
        assert lower.tolist() == np.nextafter([0.625, 0.25], 0).tolist()
        assert upper.tolist() == np.nextafter([0.25, 0.75], 1).tolist()

    def test_outwards_and_not_by_more_than_two_roundings(self):
        rng = np.random.default_rng(0)
        by = 10.0 ** rng.uniform(-20, -1, 3000)
        lower, upper = rng.uniform(size=(2, 3000))
        lower[:500] = 1 - 10.0 ** rng.uniform(-18, -1, 500)
        upper[:500] = 10.0 ** rng.uniform(-18, -1, 500)
        for old, new, off, sign in [
            *zip(lower, widened(lower, upper, by)[0], by, [-1] * 3000, strict=True),
            *zip(upper, widened(lower, upper, by)[1], by, [1] * 3000, strict=True),
        ]:
            exact = Fraction(float(old)) + sign * Fraction(float(off))
            if 0 < new < 1:
                assert 0 < sign * (Fraction(float(new)) - exact) <= 2 * Fraction(np.spacing(new))
            else:
                assert sign * (float(exact) - float(new)) >= -1e-15

    def test_nothing_changes_where_nothing_is_off(self):
        lower, upper = np.array([0.1, 1 / 3, 1.0]), np.array([0.9, 2 / 3, 0.0])
        same = widened(lower, upper, [0.0, 0.0, 0.0])
        assert np.array_equal(same, (lower, upper))
        assert np.array_equal(widened(lower, upper, 0.0), (lower, upper))
        some = widened(lower, upper, [0.0, 0.01, 0.0])
        assert (np.array(some) != (lower, upper)).tolist() == [[False, True, False]] * 2

    def test_probabilities_stay_probabilities(self):
        lower, upper = widened([0.0, 0.1, 1.0], [1.0, 0.9, 0.0], 0.3)
        assert lower.tolist()[:2] == [0.0, 0.0]
        assert upper.tolist()[:2] == [1.0, 1.0]
        assert widened([0.5], [0.5], 1.0) == ([0.0], [1.0])


class Off(FloatGaussian):
    """Noise that is drawn so badly that it matters."""

    tv_error, rounding = 0.05, 0.0


class Coarse(FloatGaussian):
    """Noise around rows that are moved far first."""

    tv_error, rounding = 0.0, 0.125


class TestImperfectNoise:
    @pytest.mark.parametrize("bound", [None, two_sided])
    def test_its_error_is_taken_off_the_probabilities(self, bound):
        options = {} if bound is None else {"bound": bound}
        ideal, certificate = example(**options), example(noise=Off(0.5), **options)
        assert certificate.tv_error.tolist() == [0.05] * 4
        assert ideal.tv_error.tolist() == [0.0] * 4
        assert_allclose(certificate.p_lower, ideal.p_lower - 0.05, atol=1e-15)
        assert_allclose(certificate.p_upper, ideal.p_upper + 0.05, atol=1e-15)
        expected = radius_cohen(certificate.p_lower, certificate.p_upper, sigma=0.5)
        alone = radius_cohen(certificate.p_lower, sigma=0.5)
        assert certificate.radii.tolist() == np.maximum(expected, alone).tolist()
        assert np.all(certificate.radii[[0, 2]] < ideal.radii[[0, 2]] - 0.1)
        assert certificate.radii.max() == certificate.max_radius < ideal.max_radius

    def test_it_can_cost_the_certificate(self):
        """545 of 1000 votes bound a probability by 0.50 and some; that is less than the error."""
        counts = np.array([[560, 440], [640, 360]])
        options = {"classes": np.array([0, 1]), "abstain_label": -1, "alpha": 0.05}
        pilot = np.array([[60, 40], [60, 40]])
        ideal = certify_counts(pilot, counts, noise=FloatGaussian(0.5), **options)
        certificate = certify_counts(pilot, counts, noise=Off(0.5), **options)
        assert ideal.labels.tolist() == [0, 0]
        assert certificate.labels.tolist() == [0, -1][::-1]
        assert certificate.abstained.tolist() == [True, False]

    def test_rounding_is_taken_off_the_radius(self):
        ideal, certificate = example(), example(noise=Coarse(0.5))
        assert np.array_equal(certificate.p_lower, ideal.p_lower)
        assert certificate.radii.tolist() == np.maximum(ideal.radii - 0.125, 0).tolist()
        assert certificate.max_radius == ideal.max_radius - 0.125

    def test_a_radius_of_which_nothing_is_left_is_no_certificate(self):
        """The row that was drawn around may lie further from the user's than the radius reaches."""
        certificate = example(noise=dataclasses.replace(Coarse(0.5), sigma=0.1))
        assert example(noise=FloatGaussian(0.1)).radii[[0, 2]].round(2).tolist() == [0.18, 0.25]
        assert certificate.radii.round(2).tolist() == [0.05, 0.0, 0.12, 0.0]
        certificate = example(noise=Coarse(0.06))
        assert certificate.radii.tolist() == [0.0, 0.0, certificate.max_radius, 0.0]
        assert certificate.abstained.tolist() == [True, True, False, True]
        assert certificate.labels.tolist() == ["?", "?", "cat", "?"]

    def test_exact_noise_costs_next_to_nothing(self):
        ideal, certificate = example(), example(noise=IntegerGaussian(0.5, 3072, levels=255))
        assert np.all(certificate.p_lower < ideal.p_lower)
        assert_allclose(certificate.p_lower, ideal.p_lower, atol=1e-11)
        assert_allclose(certificate.radii, ideal.radii, atol=3e-5)
        assert np.all(certificate.radii <= ideal.radii)


def test_the_rival_of_a_class_that_lost():
    """Of a selected class that another one has overtaken, that one is the rival."""
    counts = np.array([[100, 300, 50], [200, 50, 200], [0, 0, 450]])
    votes, others = top_two(counts, np.array([0, 2, 1]))
    assert votes.tolist() == [100, 200, 0]
    assert others.tolist() == [300, 200, 450]
    certificate = certify_counts(
        np.array([[9, 1, 0]]),
        counts[:1],
        noise=FloatGaussian(1.0),
        classes=CLASSES,
        bound=two_sided,
    )
    assert certificate.p_upper[0] > 300 / 450
    assert certificate.abstained.all()


def test_predict_against_scipy():
    rng = np.random.default_rng(0)
    counts = rng.multinomial(200, [0.4, 0.35, 0.25], size=300)
    codes, undecided = predict_counts(counts, alpha=0.05)
    assert np.array_equal(codes, counts.argmax(axis=1))
    for row, verdict in zip(np.sort(counts), undecided, strict=True):
        top, runner_up = int(row[-1]), int(row[-2])
        assert verdict == (stats.binomtest(top, top + runner_up, 0.5).pvalue > 0.05)
    assert 0 < undecided.mean() < 1


def test_predict_with_votes_that_may_be_others():
    """So many votes of the top class go to the runner-up, and a chance comes on top."""
    rng = np.random.default_rng(0)
    counts = rng.multinomial(200, [0.5, 0.3, 0.2], size=300)
    spoilt, chance = rng.integers(0, 12, size=300), rng.choice([0.0, 1e-9, 0.01, 0.04, 0.06], 300)
    codes, undecided = predict_counts(counts, 0.05, spoilt, chance)
    assert np.array_equal(codes, counts.argmax(axis=1))
    expected = []
    for row, m, more in zip(np.sort(counts), spoilt, chance, strict=True):
        top, runner_up = int(row[-1] - m), int(row[-2] + m)
        p_value = stats.binomtest(top, top + runner_up, 0.5).pvalue if top > runner_up else 1.0
        expected.append(p_value + more > 0.05)
    assert undecided.tolist() == expected
    assert 0.2 < undecided.mean() < 0.9
    assert np.array_equal(predict_counts(counts, 0.05, 0, 0.0)[1], predict_counts(counts, 0.05)[1])


def test_predict_ties_and_unanimity():
    counts = np.array([[50, 50, 0], [100, 0, 0], [10, 0, 0], [0, 11, 0]])
    codes, undecided = predict_counts(counts, alpha=0.001)
    assert codes.tolist() == [0, 0, 0, 1]
    # 2 * 2 ** -10 > 0.001 >= 2 * 2 ** -11
    assert undecided.tolist() == [True, False, True, False]


def test_predict_error_is_exact():
    """P(wrong class returned), summed over the binomial pmf for two classes, is at most alpha."""
    n, alpha = 101, 0.05
    votes = np.arange(n + 1)
    codes, undecided = predict_counts(np.stack([votes, n - votes], axis=1), alpha)
    for p in np.linspace(0.5, 0.99, 50):  # class 0 is right
        wrong = stats.binom.pmf(votes[(codes == 1) & ~undecided], n, p).sum()
        assert wrong <= alpha


def test_one_class():
    codes, undecided = predict_counts(np.full((3, 1), 100), 0.001)
    assert codes.tolist() == [0, 0, 0]
    assert not undecided.any()


@pytest.mark.parametrize(("rows0", "columns0", "columns"), [(2, 1, 2), (1, 2, 2), (2, 2, 3)])
def test_shapes_that_do_not_fit_are_refused(rows0, columns0, columns):
    counts0 = np.full((rows0, columns0), 10)
    with pytest.raises(ValueError, match=r"column for each of 2 classes"):
        certify_counts(
            counts0, np.full((2, columns), 10), noise=FloatGaussian(1.0), classes=np.array([0, 1])
        )


def test_rows_with_fewer_draws():
    """Rows that were left early count as they are; the two-sided bound has no proof for them."""
    counts = np.array([[100, 0], [20, 30]])
    options = {"noise": FloatGaussian(1.0), "classes": np.array([0, 1])}
    certificate = certify_counts(np.array([[10, 0], [10, 0]]), counts, **options)
    assert certificate.n == 100
    assert certificate.n_draws.tolist() == [100, 50]
    assert certificate.p_lower.tolist() == [
        float(clopper_pearson(100, 100, 0.001)),
        float(clopper_pearson(20, 50, 0.001)),
    ]
    with pytest.raises(ValueError, match="same number of draws"):
        certify_counts(np.array([[10, 0], [10, 0]]), counts, bound=two_sided, **options)
    with pytest.raises(ValueError, match="same number of draws"):
        certify_counts(np.array([[10, 0], [9, 0]]), counts, **options)
