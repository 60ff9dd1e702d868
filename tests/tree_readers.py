"""Models that were read, against the libraries' own answers; for the tests of several readers."""

import numpy as np

from sksmooth.closed_forms import FORMS, closed_form
from sksmooth.closed_forms.forms.trees import codes
from sksmooth.closed_forms.readers import read


def leaves_of(ensemble, X):
    """The leaf of each tree that each row falls into: the arrays, taken at their word."""
    nodes = np.tile(ensemble.roots, (len(X), 1))
    for _ in range(len(ensemble.left)):
        x = np.take_along_axis(X, ensemble.feature[nodes], axis=1)
        left = np.where(np.isnan(x), ensemble.missing_left[nodes], x <= ensemble.point[nodes])
        following = np.where(left, ensemble.left[nodes], ensemble.right[nodes])
        if np.array_equal(following, nodes):
            break
        nodes = following
    return nodes


def scores_of(ensemble, X):
    return ensemble.values[leaves_of(ensemble, X)].sum(axis=1) + ensemble.offsets


def beside_points(ensemble, X, n=20_000, seed=0):
    """Noisy rows, half of them with an input at a point, or next to it in either precision."""
    rng = np.random.default_rng(seed)
    columns, points = ensemble.splits
    columns, points = columns[np.isfinite(points)], points[np.isfinite(points)]
    rows = X[rng.integers(len(X), size=n)]
    rows += rng.normal(size=rows.shape) * np.nanstd(X, axis=0) / 2
    if len(points) == 0:
        return rows
    pick = rng.integers(len(points), size=n // 2)
    wide = points[pick]
    single = wide.astype(np.float32)
    near = [single, *(np.nextafter(single, np.float32(s * np.inf)) for s in (-1, 1))]
    near = [wide, *(values.astype(np.float64) for values in near)]
    near = np.stack([np.nextafter(v, s) for v in near for s in (-np.inf, v, np.inf)])
    lines = np.arange(n // 2)
    rows[lines, columns[pick]] = near[rng.integers(len(near), size=n // 2), lines]
    return rows


def assert_reads(model, X, raw=None, sure=0.9):
    """Scores are within their errors of the model's, and answers the same where they decide."""
    ensemble = read(model)
    assert ensemble.rule == "sum"
    rows = beside_points(ensemble, X)
    scores, answers = scores_of(ensemble, rows), np.ravel(model.predict(rows))
    sizes = np.abs(ensemble.offsets)
    if len(ensemble.roots):
        sizes = sizes + np.maximum.reduceat(np.abs(ensemble.values), ensemble.roots).sum(axis=0)
    errors = ensemble.errors + 2.0**-50 * (len(ensemble.roots) + 16) * sizes
    if raw is not None:
        assert np.all(np.abs(np.reshape(raw(rows), scores.shape) - scores) <= errors)
    if scores.shape[1] == 1:
        one = scores[:, 0] > ensemble.high + errors
        decided = one | (scores[:, 0] < ensemble.low - errors)
        found = one.astype(int)
    else:
        second, first = np.sort(scores, axis=1)[:, -2:].T
        decided = first - second > ensemble.high + 2 * errors.max()
        found = scores.argmax(axis=1)
    assert decided.mean() > sure
    assert np.array_equal(model.classes_[found][decided], answers[decided])


def assert_no_draw_contradicts(model, X, form, sigma=0.4, n=20_000, width=0.02):
    """Bounds on the probabilities of answers against their frequencies, within 5 deviations."""
    kinds = tuple(kind for kind in FORMS if kind.name == form)
    scale = np.full(X.shape[1], sigma)
    closed = closed_form(kinds, model, model.classes_, X, scale, lambda Z: codes(model, Z))
    law = closed.law(X)
    rng = np.random.default_rng(0)
    for row, upper, miss in zip(X, law.upper, law.miss, strict=True):
        found = codes(model, row + sigma * rng.standard_normal((n, len(row))))
        p = np.bincount(found, minlength=len(model.classes_)) / n
        slack = 5 * np.sqrt((p * (1 - p) + 1 / n) / n)
        assert np.all(p <= upper + slack)
        assert np.all(1 - p <= miss + slack)
    if len(model.classes_) == 2 or form != "additive":
        assert np.median(law.width) < width


def skewed(k, n=500, d=5, missing=0.0):
    """Classes of 90 % and 10 %, or of 50, 30 and 20 %: none has a score that begins at 0."""
    rng = np.random.default_rng(k)
    X = rng.normal(size=(n, d))
    score = X[:, 0] + np.sin(2 * X[:, 1]) + 0.3 * X[:, 2] * X[:, 3] + 0.5 * rng.normal(size=n)
    y = np.searchsorted(np.quantile(score, [0.9] if k == 2 else [0.5, 0.8]), score)
    X[rng.random(X.shape) < missing] = np.nan
    return X, y


def with_categories(k, missing=0.0):
    """Two columns, of which the second holds categories, 0 to 19 and a few from 40 to 59."""
    X, y = skewed(k, n=1500)
    X = X[:, :2].copy()
    rng = np.random.default_rng(k)
    X[:, 1] = rng.integers(20, size=len(X))
    X[rng.random(len(X)) < 0.02, 1] += 40
    moved = (X[:, 1] % 3 == 1) & (rng.random(len(X)) < 0.8)
    y = np.where(moved, k - 1, y)
    X[rng.random(len(X)) < missing, 1] = np.nan
    return X, y
