"""The library's formulas against what the paper's authors published: their certification logs.

The logs print three digits. Their radii show that they were made with alpha = 0.01 for some sigma,
not with the 0.001 of the paper's text, so a test that assumed 0.001 for all would fail for correct
code.
"""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sksmooth import average_certified_radius_score, certified_accuracy_score
from sksmooth.bounds import clopper_pearson, radius_cohen
from sksmooth.certificate import Certificate


def read(folder, noise, sigma):
    path = folder / "locuslab_logs/certify/cifar10/resnet110" / f"noise_{noise}/test/sigma_{sigma}"
    table = np.loadtxt(path, skiprows=1, usecols=(1, 2, 3))
    label, predicted, radius = table.T
    certificate = Certificate(
        labels=predicted,
        radii=radius,
        abstained=predicted == -1,
        p_lower=np.full(len(label), np.nan),
        p_upper=np.full(len(label), np.nan),
        n_draws=np.full(len(label), 100_000),
        stop_reason=np.full(len(label), "n"),
        selected=predicted,
        counts=np.zeros((len(label), 10), dtype=np.int64),
        classes=np.arange(10.0),
        n=100_000,
        n0=100,
        alpha=0.001,
        sigma=float(sigma),
        norm="l2",
        max_radius=np.inf,
    )
    return label, certificate


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
    ("sigma", "accuracies", "acr"),
    [
        ("0.12", [0.814, 0.586, 0.0, 0.0], 0.2701),
        ("0.25", [0.748, 0.600, 0.428, 0.266], 0.4289),
        ("0.50", [0.652, 0.546, 0.414, 0.320], 0.5375),
        ("1.00", [0.472, 0.392, 0.340, 0.278], 0.5417),
    ],
)
def test_certified_accuracy_of_the_logs(data_folder, sigma, accuracies, acr):
    """Shares counted from the 500 rows of each log at r = 0, 0.25, 0.5, 0.75, and their ACR."""
    label, certificate = read(data_folder, sigma, sigma)
    assert len(certificate) == 500
    scores = certified_accuracy_score(label, certificate, radius=[0, 0.25, 0.5, 0.75])
    assert_allclose(scores, accuracies, atol=1e-12)
    assert average_certified_radius_score(label, certificate) == pytest.approx(acr, abs=5e-5)
