import sys
import threading

import numpy as np
import pytest
from helpers import Terminal, blobs
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB

from sksmooth import SmoothedClassifier, certified_accuracy_scorer
from sksmooth.sampling import progress
from sksmooth.sampling.progress import progress_bar

X, y = blobs(20)


def smoothed():
    return SmoothedClassifier(GaussianNB(), method="montecarlo", random_state=0).fit(X, y)


def terminal(monkeypatch, *, typed=False):
    """A terminal, in which somebody may type; not in a fixture, after which pytest sets others."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    if not typed:
        monkeypatch.delattr(sys, "ps1")
    return sys.stderr


def test_a_bar_in_a_terminal(monkeypatch):
    shown = terminal(monkeypatch)
    clf = smoothed()
    with_bar = clf.certify(X, n=500, verbose=1)
    for part in ("100%", "20/20 rows", "draws/s"):
        assert part in shown.getvalue()
    assert np.array_equal(with_bar.counts, clf.certify(X, n=500).counts)


def test_silent_otherwise(monkeypatch, capsys):
    clf = smoothed()
    clf.certify(X, n=500, verbose=1)  # not a terminal
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(sys, "stderr", Terminal())
    clf.certify(X, n=500)
    assert sys.stderr.getvalue() == ""


def test_a_bar_in_a_notebook(monkeypatch):
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    for verbose in (1, None):
        with progress_bar(3, 100, verbose) as report:
            assert report is not None
            report(300)


class TestByDefault:
    def test_a_bar_once_it_has_taken_ten_seconds(self, monkeypatch):
        shown = terminal(monkeypatch, typed=True)
        clf = smoothed()
        clf.certify(X, n=500)
        assert shown.getvalue() == ""
        monkeypatch.setattr(progress, "_DELAY", 1e-9)
        clf.certify(X, n=500)
        assert "20/20 rows" in shown.getvalue()

    def test_none_if_it_is_not_wanted(self, monkeypatch):
        shown = terminal(monkeypatch, typed=True)
        monkeypatch.setattr(progress, "_DELAY", 1e-9)
        smoothed().certify(X, n=500, verbose=0)
        assert shown.getvalue() == ""

    def test_scripts_searches_and_threads_are_silent(self, monkeypatch):
        shown = terminal(monkeypatch)
        monkeypatch.setattr(progress, "_DELAY", 1e-9)
        smoothed().certify(X, n=500)
        monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
        cross_val_score(smoothed(), X, y, scoring=certified_accuracy_scorer(0.1, n=100), cv=2)
        thread = threading.Thread(target=lambda: smoothed().certify(X, n=500))
        thread.start()
        thread.join()
        assert shown.getvalue() == ""


@pytest.mark.parametrize("verbose", [None, 1])
def test_a_note_before_a_call_that_takes_minutes(verbose, monkeypatch):
    shown = terminal(monkeypatch, typed=True)
    clock = iter([0.0, 0.5, 1.5, 2.0, 600.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress_bar(100, 1000, verbose, "Take radius=.") as report:
        for draws in (10, 90, 100, 50):  # after 1.5 seconds, 100 of 100,000
            report(draws)
    assert shown.getvalue().count("About 25 minutes for 100 rows. Take radius=.") == 1


def test_no_note_before_a_short_call(monkeypatch):
    shown = terminal(monkeypatch, typed=True)
    clock = iter([0.0, 1.5])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with progress_bar(100, 1000, None, "Take radius=.") as report:
        report(2000)
    assert shown.getvalue() == ""
