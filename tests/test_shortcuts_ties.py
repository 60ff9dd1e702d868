"""Votes in score space are those of real arithmetic, but for noise whose probability is charged.

The oracle computes scores from a model's parameters with 400 bits.
"""

import mpmath
import numpy as np
import pytest
from mpmath import mp, mpf
from scipy import stats
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

from sksmooth.backends import get_backend
from sksmooth.noise import ExactGaussian
from sksmooth.shortcuts import Problem, simplify

PRECISION = 400
UNIT = 2.0**-53
SIGMA = 0.5


def linear_model(weights, offsets):
    """A classifier with these scores; one weight vector makes two classes."""
    weights, offsets = np.atleast_2d(weights).astype(float), np.atleast_1d(offsets).astype(float)
    model = LogisticRegression()
    model.coef_, model.intercept_ = weights, offsets
    model.classes_ = np.arange(max(2, len(weights)))
    model.n_features_in_ = weights.shape[1]
    return model


def in_score_space(model, rows, sigma=SIGMA):
    noise = ExactGaussian(sigma, rows.shape[1])
    backend = get_backend(model, model.classes_)
    start = Problem(model, model.classes_, None, backend, rows, noise, np.zeros(len(rows)))
    return simplify(start, ["linear"])


def exact_step(step, x):
    """What a transformer makes of one row, by its documented formula."""
    if isinstance(step, PCA):
        x = [a - mpf(float(m)) for a, m in zip(x, step.mean_, strict=True)]
        x = [mp.fdot([mpf(float(c)) for c in row], x) for row in step.components_]
        if step.whiten:
            x = [
                a / mp.sqrt(mpf(float(v))) for a, v in zip(x, step.explained_variance_, strict=True)
            ]
        return x
    scale = [mpf(float(s)) for s in step.scale_]
    if isinstance(step, MinMaxScaler):
        return [a * s + mpf(float(m)) for a, s, m in zip(x, scale, step.min_, strict=True)]
    centre = getattr(step, "mean_", getattr(step, "center_", np.zeros(len(x))))
    return [(a - mpf(float(m))) / s for a, m, s in zip(x, centre, scale, strict=True)]


def exact_scores(model, x):
    """Scores of one row; those of two classes as 0 and the only one that the model has."""
    steps = [step for _, step in getattr(model, "steps", [])]
    model = steps.pop() if steps else model
    with mp.workprec(PRECISION):
        x = [mpf(float(a)) for a in x]
        for step in steps:
            x = exact_step(step, x)
        coef, intercept = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
        scores = [
            mp.fdot([mpf(float(a)) for a in w], x) + mpf(float(b))
            for w, b in zip(coef, intercept, strict=True)
        ]
        return [mpf(0), *scores] if len(scores) == 1 else scores


def exact_weights(model, d):
    """Weights of the features, as floats."""
    origin = exact_scores(model, np.zeros(d))
    with mp.workprec(PRECISION):
        columns = [
            [float(a - b) for a, b in zip(exact_scores(model, e), origin, strict=True)]
            for e in np.eye(d)
        ]
    return np.array(columns).T


def eta_of(found, weights, sigma):
    """Half the width of the margins that are charged, from their probability."""
    apart = np.linalg.norm(weights[:, None] - weights, axis=2)
    np.fill_diagonal(apart, np.inf)
    density = (2 / (np.sqrt(2 * np.pi) * sigma * apart)).sum(axis=1).max()
    return (found.tv_error - found.noise.tv_error) / density


def nearly_tied(model, weights, rows, sigma):
    """Move rows to within a few eta of a tie of two classes, on either side of it."""
    rng = np.random.default_rng(2)
    pairs = [rng.permutation(len(weights))[:2] for _ in rows]
    factors = rng.uniform(1.2, 5, len(rows)) * rng.choice([-1, 1], len(rows))
    moved = rows.copy()
    for _ in range(3):  # the first time comes near, the next remove what rounding has left
        margins = factors * eta_of(in_score_space(model, moved, sigma), weights, sigma)
        for x, (i, j), margin in zip(moved, pairs, margins, strict=True):
            scores = exact_scores(model, x)
            with mp.workprec(PRECISION):
                missing = float(mpf(float(margin)) - (scores[i] - scores[j]))
            x += missing / np.sum((weights[i] - weights[j]) ** 2) * (weights[i] - weights[j])
    return moved


def assert_right_beyond_eta(model, rows, weights=None, sigma=SIGMA, close=10.0):
    """Where two scores are more than eta apart, predict and the shortcut are both right."""
    weights = exact_weights(model, rows.shape[1]) if weights is None else weights
    if not in_score_space(model, rows, sigma).taken:
        return False
    rows = nearly_tied(model, weights, rows, sigma)
    found = in_score_space(model, rows, sigma)
    eta = eta_of(found, weights, sigma)
    scores = [exact_scores(model, x) for x in rows]
    right = np.array([int(np.argmax(s)) for s in scores])
    with mp.workprec(PRECISION):
        gap = np.array([float(max(s) - sorted(s)[-2]) for s in scores])
    assert np.mean((gap > eta) & (gap < close * eta)) > 0.2  # otherwise nothing is tested
    wrong = found.backend.classify(found.X.copy()) != right
    assert not np.any(wrong & (gap > eta))
    assert not np.any((model.predict(rows) != right) & (gap > eta))
    return True


ROWS = {
    "near": lambda rng, w: rng.normal(size=w.shape),
    "far": lambda rng, w: rng.normal(size=w.shape) * 1e5,
    "along": lambda rng, w: rng.choice([-1, 1], size=w.shape) * np.abs(w) * 1e3,
    "one large value": lambda rng, w: np.where(np.arange(w.shape[1]) == 0, 3e5, 1.0) + 0 * w,
}


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize(
    ("d", "k"), [(1, 2), (2, 2), (3, 3), (30, 2), (30, 3), (784, 2), (2000, 2)]
)
def test_plain_models(d, k, kind):
    rng = np.random.default_rng(d)
    n = 20 if d > 100 else 60
    weights = rng.normal(size=(k, d)) * (1 if d == 1 else rng.lognormal(size=d))
    if k == 2:
        weights[0] = 0
    model = linear_model(weights[1:] if k == 2 else weights, rng.normal(size=k - (k == 2)))
    rows = ROWS[kind](rng, np.repeat(weights[1:2], n, axis=0))
    assert assert_right_beyond_eta(model, rows, weights)


@pytest.mark.parametrize("d", [1, 2, 10, 100, 2000])
@pytest.mark.parametrize("size", [1e-3, 1e4])
@pytest.mark.parametrize("offset", [0.3, 1e5])
def test_worst_case_of_sums_is_charged(d, size, offset):
    """Sums of d products err by up to d units of rounding, relative to the sum of absolute values.

    (N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., Section 3.1.) The model
    makes such sums, and so does the projection; that noise is added to the row makes them longer.
    """
    rng = np.random.default_rng(d)
    w = rng.normal(size=d) * size
    row = rng.choice([-1, 1], size=d) * np.abs(w) / size * 50
    found = in_score_space(linear_model(w, offset * size), row[None])
    assert found.taken == ("linear",)
    longest = np.abs(w) @ np.abs(row) + 12 * SIGMA * np.linalg.norm(w)
    needed = 2 * d * UNIT * longest + 2 * UNIT * offset * size
    needed += np.linalg.norm(w) * SIGMA * 2.0**-32  # a cell of the grid, wherever in it
    s = SIGMA * np.linalg.norm(w)
    with mp.workprec(PRECISION):
        mass = float(mp.erf(mpf(needed) / (mpf(s) * mp.sqrt(2))))
    assert mass <= found.tv_error[0] <= (20 if offset < 1 else 1000) * mass


def test_directions_that_are_left_out_are_charged():
    """Weights that are parallel but for 1e-11 of their size span a plane, on paper."""
    rng = np.random.default_rng(0)
    along, across = rng.normal(size=(2, 10))
    weights = np.array([0 * along, along, 2 * along + 1e-11 * across])
    rows = rng.normal(size=(40, 10)) + 300 * across
    assert in_score_space(linear_model(weights, np.zeros(3)), rows).X.shape[1] == 1
    assert assert_right_beyond_eta(linear_model(weights, np.array([0, 0.5, 0])), rows, weights)


def test_charge_grows_with_the_row():
    rng = np.random.default_rng(0)
    w = rng.normal(size=20)
    direction = rng.normal(size=20) / np.sqrt(20)
    lengths = 10.0 ** np.arange(9)
    found = in_score_space(linear_model(w, 0.0), lengths[:, None] * direction)
    charged = found.tv_error - found.noise.tv_error
    assert np.all(np.diff(charged) > 0)
    # far away, all of it is rounding of sums over the row
    assert charged[-1] / charged[-2] == pytest.approx(10, rel=0.01)
    s = SIGMA * np.linalg.norm(w)
    assert charged[-1] >= 2 * 20 * UNIT * 1e8 * np.linalg.norm(w * direction) / s / np.sqrt(np.pi)
    # what is charged for a row is a matter of that row
    alone = in_score_space(linear_model(w, 0.0), lengths[3:4, None] * direction)
    assert alone.tv_error[0] == found.tv_error[3]


@pytest.mark.parametrize("k", [3, 5])
def test_all_partners_of_a_class_are_charged(k):
    """A vote for class i is wrong if it is nearly tied with any other class."""
    rng = np.random.default_rng(k)
    weights = rng.normal(size=(k, 6))
    row = rng.normal(size=(1, 6))
    found = in_score_space(linear_model(weights, np.zeros(k)), row)
    assert found.taken == ("linear",)
    # each score is a sum of six products, and noise pushes it further out
    needed = 2 * 6 * UNIT * np.linalg.norm(weights, axis=1).min() * 12 * SIGMA
    for i in range(k):
        s = SIGMA * np.linalg.norm(np.delete(weights, i, axis=0) - weights[i], axis=1)
        assert (2 * stats.norm.cdf(needed / s) - 1).sum() <= found.tv_error[0] <= 1e-8


def fitted(*steps, d=5, seed=0, dtype=np.float64):
    """A pipeline on features of different scale and offset, and rows like its own."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(200, d)) * 2.0 ** np.arange(d) + np.arange(d) * 30
    X = X.astype(dtype)
    y = (X[:, 0] + X[:, -1] > np.median(X[:, -1])).astype(int)
    return make_pipeline(*steps, LogisticRegression()).fit(X, y), X[:40].astype(float)


@pytest.mark.parametrize(
    "steps",
    [
        [StandardScaler()],
        [MinMaxScaler((-1, 2))],
        [MaxAbsScaler()],
        [RobustScaler()],
        [PCA(3)],
        [PCA(whiten=True)],
        [StandardScaler(), PCA(4), StandardScaler()],
        [MinMaxScaler(), PCA(whiten=True), RobustScaler(), PCA(2)],
    ],
    ids=lambda steps: "-".join(type(step).__name__ for step in steps),
)
@pytest.mark.parametrize("distance", [1.0, 1e4])
def test_pipelines(steps, distance):
    model, rows = fitted(*steps)
    assert assert_right_beyond_eta(model, rows * distance)


@pytest.mark.parametrize("size", [1e6, 1e9])
def test_means_that_cancel(size):
    """Far from the training data, the terms of a score are larger than row and offset."""
    model, rows = fitted(StandardScaler(), d=2)
    model[0].mean_ = np.array([size / 3, size / 3])
    model[0].scale_ = np.array([3.0, 7.0])
    model[1].coef_, model[1].intercept_ = np.array([[3.0, -7.0]]), np.zeros(1)
    assert_right_beyond_eta(model, rows / 100)


def test_rotations_that_cancel():
    """A feature of tiny scale is blown up, and then nearly projected out."""
    model, rows = fitted(StandardScaler(), PCA(3), d=3)
    model[0].mean_, model[0].scale_ = np.zeros(3), np.array([1.0, 1.0, 1e-9])
    model[1].mean_ = np.zeros(3)
    model[1].components_ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]
    model[2].coef_ = (model[1].components_ @ [1.0, -0.5, 0.0])[None]
    model[2].intercept_ = np.zeros(1)
    assert_right_beyond_eta(model, rows / 100, close=1e12)


def test_scales_of_single_precision():
    """Rows of float64 are divided by them as by numbers of float64; so must be the weights."""
    model, rows = fitted(MaxAbsScaler(), dtype=np.float32)
    assert model[0].scale_.dtype == np.float32
    assert_right_beyond_eta(model, rows, close=1e12)


@pytest.mark.parametrize("whiten", [False, True])
def test_rotations_of_single_precision_are_left_to_predict(whiten):
    """scikit-learn multiplies in single precision there, with errors that are not charged."""
    model, rows = fitted(PCA(3, whiten=whiten), dtype=np.float32)
    assert model[0].mean_.dtype == np.float32
    assert in_score_space(model, rows).taken == ()


@pytest.mark.parametrize("sigma", [1e-90, 1e-3, 1e3, 1e90])
def test_any_unit(sigma):
    """Everything scales: rows, offsets and noise in one unit, weights in its inverse."""
    rng = np.random.default_rng(0)
    rows, w = rng.normal(size=(9, 4)), rng.normal(size=4)
    expected = in_score_space(linear_model(w, 0.5), rows, sigma=1.0)
    found = in_score_space(linear_model(w / sigma, 0.5), rows * sigma, sigma=sigma)
    assert found.taken == expected.taken == ("linear",)
    assert np.allclose(found.tv_error, expected.tv_error, rtol=1e-6)


def test_a_model_that_is_mostly_rounding_is_left_to_predict():
    """Scores that differ by 1e-9 of their size are told apart by few bits."""
    w = np.random.default_rng(0).normal(size=50)
    close = linear_model([w, w * (1 + 1e-9) + 1e-9, w - 1e-9], np.zeros(3))
    assert in_score_space(close, np.ones((1, 50))).taken == ()
    assert in_score_space(linear_model([w, -w, 2 * w], np.zeros(3)), np.ones((1, 50))).taken


def test_oracle():
    """The exact scores are scikit-learn's, up to its rounding."""
    steps = [MinMaxScaler(), PCA(4, whiten=True), RobustScaler(), StandardScaler(), MaxAbsScaler()]
    model, rows = fitted(*steps)
    expected = [float(exact_scores(model, x)[1]) for x in rows]
    assert np.allclose(model.decision_function(rows), expected, rtol=1e-11, atol=1e-11)
    assert mpmath.mp.prec < PRECISION
