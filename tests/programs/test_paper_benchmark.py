"""Tables and figures of the paper: that the command makes them, and what is in them."""

import doctest
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from sksmooth import SmoothedClassifier

ROOT = pathlib.Path(__file__).parents[2]
RESULTS = ROOT / "reproduction" / "results" / "paper"

entries = pytest.importorskip("reproduction.paper.entries")  # where the root is on the path
AveragePooling = pytest.importorskip("reproduction.paper.pooling").AveragePooling

# counted from the authors' 500 rows, at r = 0, 0.25, ... 1.5, as in test_published.py
TABLE_3 = {
    "0.12": [0.814, 0.586, 0.0, 0.0, 0.0, 0.0, 0.0],
    "0.25": [0.748, 0.600, 0.428, 0.266, 0.0, 0.0, 0.0],
    "0.5": [0.652, 0.546, 0.414, 0.320, 0.234, 0.152, 0.094],
    "1.0": [0.472, 0.392, 0.340, 0.278, 0.216, 0.174, 0.140],
}


def run(*arguments, data=None):
    command = [sys.executable, "-m", "reproduction.paper", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    environment.pop("SKSMOOTH_DATA", None)
    if data is not None:
        environment["SKSMOOTH_DATA"] = str(data)
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def numbers(folder, name):
    return json.loads((folder / f"{name}.json").read_text())["numbers"]


def test_list():
    done = run("--list")
    assert done.returncode == 0, done.stderr
    assert done.stdout.rstrip() == entries.listing()
    table, _, note = done.stdout.partition("\n\n")
    named = [line.split()[0] for line in table.splitlines()[1:]]
    assert "CUDA" in note
    assert named == [*entries.ENTRIES, *entries.ELSEWHERE]
    wanted = [f"table{i}" for i in range(1, 5)] + [f"figure{i}" for i in range(1, 19)]
    assert set(wanted) <= set(named)


def test_an_unknown_name_is_refused():
    done = run("figure99")
    assert done.returncode == 2
    assert "figure99" in done.stderr


def test_formula_figures(tmp_path):
    pytest.importorskip("matplotlib")
    done = run("--quick", "--output", tmp_path, "figure5", "figure9", "figure11")
    assert done.returncode == 0, done.stderr
    for name in ("figure5", "figure9", "figure11"):
        assert (tmp_path / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
        page = (tmp_path / f"{name}.md").read_text()
        assert f"`python -m reproduction.paper --quick {name}`" in page
    found = numbers(tmp_path, "figure5")
    assert found["draws for radius 4"] == 218_105
    assert_allclose(found["radius by p"]["Cohen et al."], norm.ppf(found["p"]), atol=5e-5)
    assert found["radius by draws"]["100000"] == pytest.approx(3.8115, abs=5e-5)
    shorter, longer = (numbers(tmp_path, "figure9")[f"{f} R"] for f in ("0.6", "1.6"))
    assert shorter[0] > shorter[1]
    assert longer[0] < longer[1]
    found = numbers(tmp_path, "figure11")
    assert found["largest difference"] < 1e-9
    assert found["changed beyond"] == 1.0
    for tau, certified, _ in found["proposition 6"]:
        assert float(certified) == pytest.approx(tau, abs=2e-6)
    assert "figure11" in (tmp_path / "README.md").read_text()


def test_what_is_missing_is_said(tmp_path):
    pytest.importorskip("matplotlib")
    done = run("--output", tmp_path, "table3", "figure18", "figure7")
    assert done.returncode == 0, done.stderr
    assert "table3 was left out: needs locuslab_logs" in done.stdout
    assert "figure18 was left out" in done.stdout
    assert "reproduction.baselines" in done.stdout
    assert not list(tmp_path.glob("*.json"))


def test_table_3_from_the_published_logs(tmp_path, data_folder):
    pytest.importorskip("matplotlib")
    done = run("--output", tmp_path, "table3", "figure8", data=data_folder)
    assert done.returncode == 0, done.stderr
    assert "table3: 16 of 28 cells equal" in done.stdout
    found = numbers(tmp_path, "table3")
    assert found["rows"] == 500
    assert found["certified accuracy"].keys() == TABLE_3.keys()
    for sigma, scores in TABLE_3.items():
        assert_allclose(found["certified accuracy"][sigma], scores, atol=1e-12)
    assert "ours >= Li et al. >= Lecuyer et al.: True" in done.stdout


def test_table_3_from_a_folder_of_longer_logs(tmp_path, data_folder):
    """Every row of the logs twenty times, numbered anew: the same shares of 10,000 rows."""
    pytest.importorskip("matplotlib")
    for sigma in ("0.12", "0.25", "0.50", "1.00"):
        part = pathlib.Path("certify/cifar10/resnet110", f"noise_{sigma}", "test", f"sigma_{sigma}")
        head, *rows = (data_folder / "locuslab_logs" / part).read_text().splitlines()
        cells = [row.split("\t")[1:] for row in rows] * 20
        lines = [head, *("\t".join([str(i), *row]) for i, row in enumerate(cells))]
        path = tmp_path / "logs" / part
        path.parent.mkdir(parents=True)
        path.write_text("\n".join(lines) + "\n")
    done = run("--output", tmp_path, "--logs", tmp_path / "logs", "table3")
    assert done.returncode == 0, done.stderr
    found = numbers(tmp_path, "table3")
    assert found["rows"] == 10_000
    for sigma, scores in TABLE_3.items():
        assert_allclose(found["certified accuracy"][sigma], scores, atol=1e-12)
    page = (tmp_path / "table3.md").read_text()
    assert "`python -m reproduction.paper --logs FOLDER table3`" in page
    assert str(tmp_path) not in page


@pytest.mark.slow
def test_a_trained_entry_on_digits(tmp_path):
    pytest.importorskip("matplotlib")
    pytest.importorskip("skorch")
    for _ in range(2):  # the second time from the logs of the first
        done = run("--quick", "--data", "digits", "--output", tmp_path, "table2")
        assert done.returncode == 0, done.stderr
    scores = numbers(tmp_path, "table2")["digits of scikit-learn"]
    assert scores.keys() == {"0.25", "0.5", "1.0"}
    assert scores["0.25"][0] > 0.3
    assert scores["0.25"][2:] == [0.0] * 5
    assert len(list(tmp_path.glob("digits_train_*.tsv"))) == 3


def test_results_are_whole_and_small():
    for path in RESULTS.glob("*.json"):
        content = json.loads(path.read_text())
        assert content["command"].startswith("python -m reproduction.paper")
        assert path.with_suffix(".md").exists()
        assert path.with_suffix(".png").stat().st_size < 100_000


def test_the_example_of_pooling_runs():
    assert doctest.testmod(sys.modules[AveragePooling.__module__]).failed == 0


def test_pooling_averages_squares():
    images = np.arange(2 * 2 * 16.0).reshape(2, 32)  # two channels of 4 x 4
    pooled = AveragePooling(4).fit_transform(images)
    for image, small in zip(images.reshape(4, 4, 4), pooled.reshape(4, 2, 2), strict=True):
        for i in range(2):
            for j in range(2):
                square = image[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                assert small[i, j] == square.mean()
    assert clone(AveragePooling(4, 2)).size == 2
    assert (
        AveragePooling(4).fit(images.astype(np.float32)).transform(images.astype(np.float32)).dtype
        == np.float32
    )


@pytest.mark.parametrize("size", [2, 4])
def test_pooling_divides_the_noise_by_its_size(size):
    """Pooling is a matrix A with A A' = I / size^2, so N(0, sigma^2) becomes N(0, (sigma/size)^2).

    Its covariance is exact in binary fractions, and off the diagonal it is exactly 0.
    """
    pool = AveragePooling(8, size).fit(np.zeros((1, 64)))
    matrix = pool.transform(np.eye(64))
    assert_array_equal(matrix.T @ matrix, np.eye((8 // size) ** 2) / size**2)


def test_pooling_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="not whole channels"):
        AveragePooling(4).fit(np.zeros((2, 15)))
    with pytest.raises(ValueError, match="squares of 3 pixels"):
        AveragePooling(4, 3).fit(np.zeros((2, 16)))
    with pytest.raises(ValueError, match="features"):
        AveragePooling(4).fit(np.zeros((2, 16))).transform(np.zeros((2, 32)))


def test_pooling_is_a_transformer():
    # of one pixel, so that the checks may choose the number of features: each is a channel
    check_estimator(AveragePooling(1, 1), on_skip=None)


def test_pooling_doubles_exact_radii():
    """Proposition 7, computed: a linear classifier of averages has a closed form on both sizes."""
    X, y = load_digits(n_class=2, return_X_y=True)
    pool = AveragePooling(8).fit(X)
    small = LogisticRegression(max_iter=1000).fit(pool.transform(X), y)
    whole = LogisticRegression(max_iter=1000).fit(X, y)
    whole.coef_ = small.coef_ @ pool.transform(np.eye(64)).T  # the classifier of averages
    whole.intercept_ = small.intercept_
    assert_allclose(whole.decision_function(X), small.decision_function(pool.transform(X)))

    low = SmoothedClassifier(FrozenEstimator(small), 1.5, method="exact").fit(pool.transform(X), y)
    high = SmoothedClassifier(FrozenEstimator(whole), 3.0, method="exact").fit(X, y)
    low, high = low.certify(pool.transform(X)), high.certify(X)
    assert_array_equal(low.labels, high.labels)
    assert low.radii.min() > 0
    assert_allclose(high.radii, 2 * low.radii, rtol=1e-9)
    assert_allclose(high.p_lower, low.p_lower, rtol=1e-9)


def test_pooling_doubles_sampled_radii():
    """The same by draws, with the transformer as a step: votes are those of equal probabilities."""
    X, y = load_digits(n_class=3, return_X_y=True)
    pool = AveragePooling(8).fit(X)
    small = LogisticRegression(max_iter=1000).fit(pool.transform(X), y)
    whole = FrozenEstimator(make_pipeline(pool, small))
    n, rows = 4000, X[:60]
    options = {"method": "montecarlo", "random_state": 0}
    low = SmoothedClassifier(FrozenEstimator(small), 3.0, **options).fit(pool.transform(X), y)
    high = SmoothedClassifier(whole, 6.0, **options).fit(X, y)
    low, high = low.certify(pool.transform(rows), n=n), high.certify(rows, n=n)
    votes = [c.counts.max(axis=1) / n for c in (low, high)]
    p = np.mean(votes, axis=0)
    z = (votes[0] - votes[1]) / np.sqrt(np.maximum(p * (1 - p), 1 / n) * 2 / n)
    assert np.abs(z).max() < 4.5
    assert high.radii.sum() / low.radii.sum() == pytest.approx(2, rel=0.03)
    assert high.max_radius == pytest.approx(2 * low.max_radius, rel=1e-5)  # steps of whole pixels
