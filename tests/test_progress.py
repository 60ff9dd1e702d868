import sys

import numpy as np
from helpers import Terminal, blobs
from sklearn.naive_bayes import GaussianNB

from sksmooth import SmoothedClassifier
from sksmooth.sampling.progress import progress_bar

X, y = blobs(20)


def test_a_bar_in_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    clf = SmoothedClassifier(GaussianNB(), method="montecarlo", random_state=0).fit(X, y)
    with_bar = clf.certify(X, n=500, verbose=1)
    shown = sys.stderr.getvalue()
    for part in ("100%", "20/20 rows", "draws/s"):
        assert part in shown
    assert np.array_equal(with_bar.counts, clf.certify(X, n=500).counts)


def test_silent_otherwise(monkeypatch, capsys):
    clf = SmoothedClassifier(GaussianNB(), method="montecarlo", random_state=0).fit(X, y)
    clf.certify(X, n=500, verbose=1)  # not a terminal
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys, "stderr", Terminal())
    clf.certify(X, n=500)
    assert sys.stderr.getvalue() == ""


def test_a_bar_in_a_notebook(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    with progress_bar(3, 100, verbose=1) as report:
        assert report is not None
        report(300)
