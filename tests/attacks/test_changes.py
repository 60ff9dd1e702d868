"""Attacks that change a few columns, greedily: none succeeds within a radius of changes."""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier
from sksmooth.noise import Drop, Flip

RNG = np.random.default_rng(0)
CODES = RNG.integers(0, 3, (400, 6)).astype(float)
TARGET = (CODES[:, :4].sum(axis=1) > 4).astype(int)


def greedy(clf, row, label, values, most):
    """Return after how many changes the answer is another one, and infinity if it never is.

    Each step takes the change of one column by which the label's lead falls most.
    """
    now, free = row.copy(), set(range(len(row)))
    for step in range(1, most + 1):
        tried = [(j, v) for j in free for v in values if v != now[j]]
        rows = np.repeat(now[None], len(tried), axis=0)
        rows[np.arange(len(tried)), [j for j, _ in tried]] = [v for _, v in tried]
        p = clf.vote_frequencies(rows)
        others = np.delete(p, label, axis=1).max(axis=1)
        worst = int((p[:, label] - others).argmin())
        now = rows[worst]
        free.remove(tried[worst][0])
        if p[worst, label] < others[worst]:
            return step
    return np.inf


def attacked(clf, values, n=25):
    certificate = clf.certify(CODES[:n])
    assert certificate.method == "exact"
    found = [
        greedy(clf, row, int(label), values, 4)
        for row, label in zip(CODES[:n], certificate.selected, strict=True)
    ]
    known = ~certificate.abstained
    return np.array(found)[known], certificate.radii[known]


def test_flips():
    tree = DecisionTreeClassifier(max_depth=6, random_state=0)
    clf = SmoothedClassifier(tree, noise=Flip(keep=0.7), n_augment=3, random_state=0)
    found, radii = attacked(clf.fit(CODES, TARGET), (0.0, 1.0, 2.0))
    assert np.all(found > radii)
    assert (found == radii + 1).mean() > 0.2  # it is an attack
    assert radii.max() >= 1


def test_drops():
    base = HistGradientBoostingClassifier(max_iter=20, random_state=0)
    clf = SmoothedClassifier(base, noise=Drop(drop=0.75), n_augment=10, random_state=0)
    found, radii = attacked(clf.fit(CODES, TARGET), (-50.0, 0.0, 1.0, 2.0, 50.0), n=12)
    assert np.all(found > radii)
    assert np.isfinite(found).mean() > 0.3
