"""Two models on the same rows: against scipy's test, and by hand."""

import dataclasses
import sys

import numpy as np
import pytest
from helpers import with_run
from scipy import stats

pytest.importorskip("statsmodels")

from sksmooth import average_certified_radius_score, certified_accuracy_score
from sksmooth.certificate import certify_counts
from sksmooth.metrics import paired_comparison
from sksmooth.noise import FloatGaussian, FloatPerFeature
from sksmooth.records import Record, read_log, write_log

RNG = np.random.default_rng(0)


def record(radii, *, y_true=None, index=None, noise=None):
    """A record of rows that are right (label 0), with given radii; None stands for a wrong row."""
    wrong = np.array([r is None for r in radii])
    votes = np.tile([100, 0], (len(radii), 1))
    noise = FloatGaussian(0.5) if noise is None else noise
    certificate = certify_counts(votes, votes, noise=noise, classes=np.array([0, 1]))
    certificate = dataclasses.replace(
        certificate,
        labels=wrong.astype(int),
        radii=np.array([9.0 if r is None else r for r in radii]),
    )
    y_true = np.zeros(len(radii), dtype=int) if y_true is None else y_true
    return Record.of(certificate, y_true=y_true, index=index)


def some(m, shift=0.0):
    radii = np.maximum(RNG.normal(0.5 + shift, 0.4, m), 0.0)
    return record([None if RNG.random() < 0.2 else float(r) for r in radii])


@pytest.mark.parametrize(("m", "shift"), [(40, 0.0), (40, 0.3), (300, 0.1)])
def test_every_number(m, shift):
    one, two = some(m), some(m, shift)
    radii = [0.0, 0.25, 0.5, 1.0]
    found = paired_comparison(one, two, radius=radii, n_resamples=200, random_state=0)
    assert found.n_rows == m
    assert found.radius.tolist() == radii
    for i, radius in enumerate(radii):
        scores = [
            certified_accuracy_score(r.y_true, r.certificate, radius=radius) for r in (one, two)
        ]
        assert found.accuracy[i].tolist() == scores
        assert found.difference[i] == pytest.approx(scores[1] - scores[0], abs=1e-15)
        held = [(r.certificate.labels == 0) & (r.certificate.radii >= radius) for r in (one, two)]
        assert found.only_first[i] == np.sum(held[0] & ~held[1])
        assert found.only_second[i] == np.sum(held[1] & ~held[0])
        apart = int(found.only_first[i] + found.only_second[i])
        expected = stats.binomtest(int(found.only_first[i]), apart, 0.5).pvalue if apart else 1.0
        assert found.p_value[i] == pytest.approx(expected, rel=1e-12)
        assert found.interval[i, 0] <= found.difference[i] <= found.interval[i, 1]
    averages = [average_certified_radius_score(r.y_true, r.certificate) for r in (one, two)]
    assert found.radius_difference == pytest.approx(averages[1] - averages[0], abs=1e-14)
    assert found.radius_interval[0] < found.radius_difference < found.radius_interval[1]


def test_intervals_are_those_of_the_normal_law_for_many_rows():
    one, two = some(3000), some(3000, 0.1)
    found = paired_comparison(one, two, radius=0.5, random_state=0, confidence_level=0.9)

    def reached(r):
        return np.where(r.certificate.labels == 0, r.certificate.radii, 0.0)

    for change, center, ends in (
        (
            1.0 * (reached(two) >= 0.5) - (reached(one) >= 0.5),
            found.difference[0],
            found.interval[0],
        ),
        (reached(two) - reached(one), found.radius_difference, found.radius_interval),
    ):
        error = change.std() / np.sqrt(3000)
        np.testing.assert_allclose(ends - center, error * stats.norm.ppf([0.05, 0.95]), rtol=0.06)


def test_pairing_is_what_makes_a_small_difference_sure():
    """Every tenth row gains a little: by the rows alone the models could not be told apart."""
    radii = np.linspace(0, 1, 200)
    gained = np.where(np.arange(200) % 10 == 0, radii + 0.05, radii)
    found = paired_comparison(record(radii.tolist()), record(gained.tolist()), random_state=0)
    assert found.radius_interval[0] > 0
    spread = radii.std() / np.sqrt(200)
    assert found.radius_difference < spread / 3


def test_equal_models():
    one = some(30)
    found = paired_comparison(one, one, radius=[0.0, 0.5])
    assert found.difference.tolist() == [0.0, 0.0]
    assert found.p_value.tolist() == [1.0, 1.0]
    assert found.interval.tolist() == [[0.0, 0.0]] * 2
    assert found.radius_interval.tolist() == [0.0, 0.0]


def test_labels_that_are_missing_in_both_are_no_difference():
    one = record([0.1, 0.2, 0.3], y_true=np.array([0.0, np.nan, 0.0]))
    assert paired_comparison(one, one).accuracy.tolist() == [[2 / 3, 2 / 3]]
    with pytest.raises(ValueError, match="first of them row 1"):
        paired_comparison(one, record([0.1, 0.2, 0.3]))


def test_rows_are_matched_by_their_numbers(tmp_path):
    one = some(50)
    order = RNG.permutation(50)
    mixed = one[order]
    found = paired_comparison(one, mixed, radius=0.5)
    assert found.only_first[0] == found.only_second[0] == 0
    assert found.radius_difference == 0
    # a log, and a pair in the order of the rows
    votes = np.tile([90, 10], (50, 1))
    made = certify_counts(votes, votes, noise=FloatGaussian(0.5), classes=np.array([0, 1]))
    write_log(tmp_path / "a.tsv", made, y_true=one.y_true)
    from_log = paired_comparison(tmp_path / "a.tsv", (one.y_true, one.certificate), random_state=0)
    by_hand = paired_comparison(Record.of(made, y_true=one.y_true), one, random_state=0)
    assert str(from_log) == str(by_hand)


def test_pairs_are_matched_by_their_indices_if_both_have_one(tmp_path):
    pd = pytest.importorskip("pandas")
    votes = RNG.integers(55, 100, 50)
    votes = np.stack([votes, 100 - votes], axis=1)
    made = certify_counts(votes, votes, noise=FloatGaussian(0.5), classes=np.array([0, 1]))
    y, order = pd.Series(RNG.integers(0, 2, 50)), RNG.permutation(50)
    numbers = RNG.permutation(1000)[:50]
    framed = dataclasses.replace(made, index=pd.Index(numbers))
    found = paired_comparison((y, framed), (y[order], framed[order]), radius=0.5)
    assert found.only_first[0] == found.only_second[0] == 0
    other = dataclasses.replace(framed, index=pd.Index(numbers + 1000))
    with pytest.raises(ValueError, match="Only one of the two has 100 of them"):
        paired_comparison((y, framed), (y, other))

    # the log of the same certificate; and the same rows without numbers, whatever the order is
    write_log(tmp_path / "a.tsv", framed, y_true=y)
    assert read_log(tmp_path / "a.tsv").index.tolist() == numbers.tolist()
    found = paired_comparison(tmp_path / "a.tsv", (y[order], framed[order]), radius=0.5)
    assert found.only_first[0] == found.only_second[0] == 0
    mixed = dataclasses.replace(framed, index=pd.Index(order))
    for index in (None, [f"row {i}" for i in range(50)], np.repeat(range(25), 2)):
        named = None if index is None else pd.Index(index)
        other = dataclasses.replace(made, index=named)
        for pair in ([(y, mixed), (y, other)], [(y, other), (y, mixed)]):
            found = paired_comparison(*pair, radius=0.5)
            assert found.only_first[0] == found.only_second[0] == 0


def test_what_cannot_be_compared(monkeypatch):
    one = record([0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match=r"on different rows: 3 and 2\. Only one of the two has 1"):
        paired_comparison(one, record([0.1, 0.2]))
    with pytest.raises(ValueError, match="first of them row 1"):
        paired_comparison(one, record([0.1, 0.2, 0.3], y_true=np.array([0, 1, 0])))
    with pytest.raises(ValueError, match="cannot be compared"):
        paired_comparison(one, record([0.1, 0.2, 0.3], noise=FloatPerFeature((1.0, 2.0))))
    with pytest.raises(ValueError, match="needs two rows or more"):
        paired_comparison(record([0.1]), record([0.1]))
    with pytest.raises(TypeError, match="got Certificate"):
        paired_comparison(one.certificate, one)
    with pytest.raises(ValueError, match="The second has no true labels"):
        paired_comparison(one, dataclasses.replace(one, y_true=None))
    with pytest.raises(ValueError, match="confidence_level must lie between 0 and 1; got 95"):
        paired_comparison(one, one, confidence_level=95)
    monkeypatch.setitem(sys.modules, "statsmodels.stats.contingency_tables", None)
    with pytest.raises(ImportError, match=r"pip install 'sksmooth\[stats\]'"):
        paired_comparison(one, one)


def test_radii_that_were_decided_have_no_average():
    one, two = some(30), some(30)
    decided = with_run(one.certificate, asked_radii=(0.5,))
    one = dataclasses.replace(one, certificate=decided)
    found = paired_comparison(one, two, radius=0.5)
    assert np.isnan(found.radius_difference)
    assert "average radius" not in str(found)
    with pytest.warns(UserWarning, match="made to decide the radii"):
        paired_comparison(one, two, radius=0.25)


def test_the_frame():
    pytest.importorskip("pandas")
    found = paired_comparison(some(30), some(30), radius=[0.25, 0.5])
    frame = found.to_frame()
    assert frame.index.tolist() == [0.25, 0.5]
    assert frame["difference"].tolist() == found.difference.tolist()
    assert frame["p_value"].tolist() == found.p_value.tolist()


def test_statsmodels_is_loaded_by_the_comparison_alone():
    import subprocess

    code = "import sksmooth, sys; assert 'statsmodels' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
