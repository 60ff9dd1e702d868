"""Logs that version 0.1 wrote, before the inside was rebuilt, are read."""

import pathlib
import shutil

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid

from sksmooth import SmoothedClassifier
from sksmooth.records import read_log

FOLDER = pathlib.Path(__file__).with_name("logs_of_0_1")
X = np.random.default_rng(0).normal(size=(40, 2))
y = np.array(["no", "yes"])[(X[:, 0] > 0).astype(int)]
CASES = {
    "grown": (NearestCentroid(), 0.5, {"n": 500}),
    "written": (NearestCentroid(), 0.5, {"n": 500, "radius": [0.1, 0.3]}),
    "computed": (LogisticRegression(), [0.5, 1.0], {}),
}


@pytest.mark.parametrize("name", CASES)
def test_certificates_are_what_they_were(name):
    record = read_log(FOLDER / f"{name}.tsv")
    base, sigma, arguments = CASES[name]
    method = "exact" if name == "computed" else "montecarlo"  # now both have a closed form
    clf = SmoothedClassifier(base, sigma, method=method, random_state=0).fit(X, y)
    now = clf.certify(X[:6], **arguments)
    then = record.certificate
    assert np.array_equal(then.counts, now.counts)
    assert np.array_equal(then.labels, now.labels)
    assert np.allclose(then.radii, now.radii, rtol=1e-12)
    assert then.stop_reason.tolist() == now.stop_reason.tolist()
    assert (then.method, then.form, then.norm) == (now.method, now.form, now.norm)
    assert then.noise == now.noise


def test_a_run_is_not_continued_without_the_answers_of_its_model(tmp_path):
    shutil.copy(FOLDER / "grown.tsv", tmp_path / "log")
    base, sigma, arguments = CASES["grown"]
    clf = SmoothedClassifier(base, sigma, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"older version|of another run"):
        clf.certify(X[:6], log=tmp_path / "log", **arguments)
