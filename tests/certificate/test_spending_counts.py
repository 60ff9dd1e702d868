"""`Certificate.at`: stored counts at another level or with another bound, without new draws."""

import numpy as np
import pytest
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from sksmooth import SmoothedClassifier
from sksmooth.records import read_log, write_log

X = np.random.default_rng(0).normal(size=(80, 2))
y = np.digitize(X[:, 0] + X[:, 1], [-0.5, 0.5])


@pytest.fixture(scope="module")
def clf():
    return SmoothedClassifier(KNeighborsClassifier(3), 0.5, n=2000, random_state=0).fit(X, y)


@pytest.mark.parametrize("alpha", [1e-6, 0.01, 0.3])
@pytest.mark.parametrize("bound", ["one-sided", "two-sided"])
def test_as_if_certified_with_these_settings(clf, alpha, bound):
    """The counts are the same draws, so that a fresh call would give the same certificate."""
    spent = clf.certify(X[:40]).at(alpha=alpha, bound=bound)
    fresh = clf.certify(X[:40], alpha=alpha, bound=bound)
    whole = spent.n_draws == 2000
    assert whole.sum() > 20
    for name in ("labels", "radii", "p_lower", "p_upper", "abstained", "counts"):
        same = whole & (fresh.n_draws == 2000)
        assert np.array_equal(getattr(spent, name)[same], getattr(fresh, name)[same]), name
    assert (spent.alpha, spent.bound, spent.max_radius) == (alpha, bound, fresh.max_radius)


def test_nothing_to_change_changes_nothing(clf):
    certificate = clf.certify(X[:40])
    again = certificate.at()
    assert np.array_equal(again.radii, certificate.radii)
    assert np.array_equal(again.labels, certificate.labels)
    assert again.run == certificate.run


def test_hopeless_rows_stay_abstained():
    """They were left because of their votes: a level that is easier to reach does not help them."""
    six = np.random.default_rng(0).integers(0, 6, len(X))
    clf = SmoothedClassifier(KNeighborsClassifier(1), 3.0, n=100_000, random_state=0).fit(X, six)
    certificate = clf.certify(X[:12])
    hopeless = certificate.stop_reason == "hopeless"
    assert hopeless.any()
    spent = certificate.at(alpha=0.5)
    assert spent.abstained[hopeless].all()
    assert np.all(spent.labels[hopeless] == clf.abstain_label_)


def test_a_level_that_was_fixed_beforehand_holds():
    """Over many seeds, p_lower at level .2 is above the true probability in at most a fifth."""
    base = LogisticRegression().fit(X, y > 0)
    row = X[:1]
    margin = base.decision_function(row)[0] / np.linalg.norm(base.coef_)
    truth = stats.norm.cdf(abs(margin) / 0.5)
    false, total = 0, 300
    for seed in range(total):
        clf = SmoothedClassifier(base, 0.5, n=300, method="montecarlo", shortcuts=None)
        spent = clf.set_params(random_state=seed).fit(X, y > 0).certify(row).at(alpha=0.2)
        model = clf.estimator_
        margin = model.decision_function(row)[0] / np.linalg.norm(model.coef_)
        truth = stats.norm.cdf(abs(margin) / 0.5)
        false += bool(spent.p_lower[0] > truth)
    assert stats.binomtest(false, total, 0.2, "greater").pvalue > 1e-3


def test_what_is_refused(clf):
    for arguments in ({"radius": 0.1}, {"tol": 0.1}):
        with pytest.raises(ValueError, match="hold at their own level alone"):
            clf.certify(X[:3], **arguments).at(alpha=0.1)
    exact = SmoothedClassifier(LogisticRegression(), 0.5).fit(X, y).certify(X[:3])
    with pytest.raises(ValueError, match="was computed"):
        exact.at(alpha=0.1)
    with pytest.raises(ValueError, match="bound must be one of"):
        clf.certify(X[:3]).at(bound="both")
    with pytest.raises(ValueError, match="bound must be one of"):
        clf.certify(X[:3]).at(bound=["one-sided"])
    with pytest.raises(ValueError, match="alpha"):
        clf.certify(X[:3]).at(alpha=2.0)


def test_logs_keep_what_it_takes(clf, tmp_path):
    certificate = clf.certify(X[:20])
    write_log(tmp_path / "log", certificate)
    again = read_log(tmp_path / "log").certificate
    assert again.run == certificate.run
    spent = certificate.at(alpha=0.1)
    assert np.array_equal(again.at(alpha=0.1).labels, spent.labels)
    planned = clf.certify(X[:5], tol=0.1)
    write_log(tmp_path / "planned", planned)
    with pytest.raises(ValueError, match="hold at their own level alone"):
        read_log(tmp_path / "planned").certificate.at(alpha=0.1)
