"""The library's formulas against what the paper's authors published: their logs and figures.

The logs print three digits. Their radii show that they were made with alpha = 0.01 for some sigma,
not with the 0.001 of the paper's text, so a test that assumed 0.001 for all would fail for correct
code.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

from sksmooth import (
    abstention_rate,
    average_certified_radius_score,
    certified_accuracy_score,
    prediction_outcomes,
    projected_certified_accuracy,
    top_probability_curve,
)
from sksmooth.bounds import clopper_pearson, radius_cohen
from sksmooth.records import read_log

ALPHAS = {
    ("0.12", "0.12"): 0.001,
    ("0.12", "0.50"): 0.001,
    ("0.25", "0.25"): 0.01,
    ("0.25", "0.50"): 0.001,
    ("0.50", "0.50"): 0.01,
    ("1.00", "0.50"): 0.001,
    ("1.00", "1.00"): 0.01,
}


def read(folder, noise, sigma):
    path = folder / "locuslab_logs/certify/cifar10/resnet110" / f"noise_{noise}/test/sigma_{sigma}"
    record = read_log(path, alpha=ALPHAS[noise, sigma])
    return record.y_true, record.certificate


@pytest.mark.parametrize(
    ("noise", "sigma", "alpha"),
    [
        ("0.12", "0.12", 0.001),
        ("0.25", "0.25", 0.01),
        ("0.50", "0.50", 0.01),
        ("1.00", "0.50", 0.001),
    ],
)
def test_the_largest_radii_are_those_of_0_1_2_failures(data_folder, noise, sigma, alpha):
    """The printed radii nearest the cap are sigma * Phi^-1 of the bound for n, n - 1, ... votes."""
    _, certificate = read(data_folder, noise, sigma)
    ladder = np.unique(certificate.radii)[::-1][:3]
    n = 100_000
    ours = radius_cohen(clopper_pearson(n - np.arange(3), n, alpha), sigma=float(sigma))
    assert [f"{r:.3g}" for r in ladder] == [f"{r:.3g}" for r in ours]


@pytest.mark.parametrize(
    ("sigma", "accuracies", "acr", "abstained"),
    [
        ("0.12", [0.814, 0.586, 0.0, 0.0, 0.0, 0.0, 0.0], 0.2701, 0.038),
        ("0.25", [0.748, 0.600, 0.428, 0.266, 0.0, 0.0, 0.0], 0.4289, 0.086),
        ("0.50", [0.652, 0.546, 0.414, 0.320, 0.234, 0.152, 0.094], 0.5375, 0.166),
        ("1.00", [0.472, 0.392, 0.340, 0.278, 0.216, 0.174, 0.140], 0.5417, 0.290),
    ],
)
def test_table_3_on_the_500_rows_of_the_logs(data_folder, sigma, accuracies, acr, abstained):
    """Counted from the rows, at r = 0, 0.25, ... 1.5. The paper's table is of all 10,000 rows."""
    label, certificate = read(data_folder, sigma, sigma)
    assert len(certificate) == 500
    scores = certified_accuracy_score(label, certificate, radius=np.arange(7) / 4)
    assert_allclose(scores, accuracies, atol=1e-12)
    assert average_certified_radius_score(label, certificate) == pytest.approx(acr, abs=5e-5)
    assert abstention_rate(certificate) == pytest.approx(abstained, abs=1e-12)


@pytest.mark.parametrize(
    ("sigma", "paper"),
    [
        ("0.12", [0.83, 0.60, 0, 0, 0, 0, 0]),
        ("0.25", [0.77, 0.61, 0.42, 0.25, 0, 0, 0]),
        ("0.50", [0.66, 0.55, 0.43, 0.32, 0.22, 0.14, 0.08]),
        ("1.00", [0.47, 0.41, 0.34, 0.28, 0.22, 0.17, 0.14]),
    ],
)
def test_table_3_as_printed_is_within_sampling_error(data_folder, sigma, paper):
    """500 of the 10,000 rows: the printed share must lie in a 99.9 % interval of ours."""
    label, certificate = read(data_folder, sigma, sigma)
    scores = certified_accuracy_score(label, certificate, radius=np.arange(7) / 4)
    for score, printed in zip(scores, paper, strict=True):
        interval = stats.binomtest(round(score * 500), 500).proportion_ci(0.999)
        assert interval.low - 0.005 <= printed <= interval.high + 0.005


@pytest.mark.parametrize(
    ("noise", "acr"), [("0.12", 0.091), ("0.25", 0.191), ("0.50", 0.538), ("1.00", 0.503)]
)
def test_figure_15_left(data_folder, noise, acr):
    """Average radius with sigma = 0.5 in prediction, by the noise in training."""
    label, certificate = read(data_folder, noise, "0.50")
    assert average_certified_radius_score(label, certificate) == pytest.approx(acr, abs=5e-4)


def test_figure_15_left_too_little_noise_in_training_is_worst(data_folder):
    """At every radius, less is worse; more than in prediction costs accuracy at radius 0."""
    radius = np.arange(0, 1.01, 0.25)
    scores = {
        noise: certified_accuracy_score(*read(data_folder, noise, "0.50"), radius=radius)
        for noise in ("0.12", "0.25", "0.50", "1.00")
    }
    assert np.all(scores["0.50"] > scores["0.25"])
    assert np.all(scores["0.25"] > scores["0.12"])
    assert scores["0.50"][0] > scores["1.00"][0]


@pytest.mark.parametrize("rows", [450, 500])
@pytest.mark.parametrize(
    ("draws", "shares"),
    [
        # correct and accurate, incorrect and accurate, abstain
        (100, {450: (0.658, 0.249, 0.093), 500: (0.660, 0.248, 0.092)}),
        (1000, {450: (0.680, 0.289, 0.031), 500: (0.680, 0.288, 0.032)}),
        (10_000, {450: (0.687, 0.302, 0.011), 500: (0.690, 0.300, 0.010)}),
    ],
)
def test_table_4(data_folder, rows, draws, shares):
    """PREDICT on ImageNet, N = 100,000 for the truth; the authors' script takes 450 of 500 rows."""
    folder = data_folder / "locuslab_logs/predict/imagenet/resnet50/noise_0.25/test"
    record, reference = read_log(folder / f"N_{draws}"), read_log(folder / "N_100000")
    assert np.array_equal(record.index, reference.index)
    assert np.array_equal(record.y_true, reference.y_true)
    outcomes = prediction_outcomes(
        record.y_true[:rows], record.y_pred[:rows], reference.y_pred[:rows], abstain_label=-1
    )
    right, wrong, abstained = shares[rows]
    assert outcomes["correct, accurate"] == pytest.approx(right, abs=5e-4)
    assert outcomes["incorrect, accurate"] == pytest.approx(wrong, abs=5e-4)
    assert outcomes["abstain"] == pytest.approx(abstained, abs=5e-4)
    assert outcomes["correct, inaccurate"] == outcomes["incorrect, inaccurate"] == 0
    assert sum(outcomes.values()) == pytest.approx(1)


def test_table_4_as_printed(data_folder):
    """The row N = 10,000 of the paper: .69, 0, .30, 0, .01."""
    folder = data_folder / "locuslab_logs/predict/imagenet/resnet50/noise_0.25/test"
    record, reference = read_log(folder / "N_10000"), read_log(folder / "N_100000")
    outcomes = prediction_outcomes(
        record.y_true[:450], record.y_pred[:450], reference.y_pred[:450], abstain_label=-1
    )
    assert [f"{share:.2f}" for share in outcomes.values()] == [
        "0.69",
        "0.00",
        "0.30",
        "0.00",
        "0.01",
    ]


def test_more_draws_never_change_an_answer(data_folder):
    """A prediction errs with probability 0.001 a row at most: in 500 rows, hardly at all."""
    folder = data_folder / "locuslab_logs/predict/imagenet/resnet50/noise_0.25/test"
    few, many = (read_log(folder / f"N_{n}").y_pred for n in (100, 100_000))
    both = (few != -1) & (many != -1)
    assert both.sum() > 400
    assert np.array_equal(few[both], many[both])
    assert (few == -1).mean() > (many == -1).mean()


@pytest.mark.parametrize(("noise", "sigma"), ALPHAS)
def test_the_votes_behind_the_logs_give_their_radii(data_folder, noise, sigma):
    """Recovered from the radii; certified anew, they differ only where three digits round up."""
    label, certificate = read(data_folder, noise, sigma)
    radius = np.linspace(0.013, 1.713, 18)  # none is a radius of the logs
    assert_allclose(
        projected_certified_accuracy(label, certificate, radius=radius),
        certified_accuracy_score(label, certificate, radius=radius),
        atol=2.5 / 500,
    )


@pytest.mark.parametrize(("noise", "sigma"), ALPHAS)
def test_radii_and_probabilities_tell_the_same(data_folder, noise, sigma):
    """R = sigma * Phi^-1(p), so the curve over p is that over R on another axis."""
    label, certificate = read(data_folder, noise, sigma)
    probability, share = top_probability_curve(label, certificate)
    radii = float(sigma) * stats.norm.ppf(probability[probability > 0.5])
    scores = certified_accuracy_score(label, certificate, radius=radii * (1 - 1e-9))
    assert_allclose(share[probability > 0.5], scores, atol=1e-12)


def test_the_radius_of_unanimous_votes():
    """In multiples of sigma, for n = 10^2 ... 10^7; radius 4 takes 218,105 draws."""
    n = 10 ** np.arange(2, 8)
    radii = radius_cohen(clopper_pearson(n, n, 0.001))
    expected = [1.5005, 2.4633, 3.1986, 3.8115, 4.3468, 4.8276]
    assert_allclose(radii, expected, atol=5e-5)
    edge = np.array([218_104, 218_105])
    assert (radius_cohen(clopper_pearson(edge, edge, 0.001)) >= 4).tolist() == [False, True]
