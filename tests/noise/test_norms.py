"""Norms against numpy's and brute force: lengths, projections, directions, L2 balls inside."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sksmooth.noise.norms import L0, L1, L2, Linf

SHAPE = (2, 3)
SCALE = [0.5, 2.0, 1.0, 0.25, 3.0, 0.0]
KINDS = {L0: 0, L1: 1, L2: 2, Linf: np.inf}
NORMS = [kind(scale) for kind in KINDS for scale in (None, SCALE)]


@pytest.fixture(params=NORMS, ids=str)
def norm(request):
    return request.param


@pytest.fixture(params=["float64", "float32", "torch"])
def array(request):
    """A way to make arrays, of numpy or torch."""
    if request.param == "torch":
        return pytest.importorskip("torch").tensor
    return lambda values: np.array(values, dtype=request.param)


def units(norm):
    return np.ones(6) if norm.scale is None else np.array(SCALE)


def some_changes(norm, n=200, seed=0):
    delta = np.random.default_rng(seed).standard_t(2, (n, *SHAPE))
    delta[np.random.default_rng(seed + 1).random(delta.shape) < 0.3] = 0.0
    return delta * (units(norm) > 0).reshape(SHAPE)


def standardised(norm, delta):
    unit = units(norm)
    flat = np.asarray(delta, dtype=np.float64).reshape(len(delta), -1)
    return np.divide(flat, unit, out=np.zeros(flat.shape), where=unit > 0)


def numpy_length(norm, delta):
    return np.array([np.linalg.norm(row, KINDS[type(norm)]) for row in standardised(norm, delta)])


def test_lengths_are_numpys(norm, array):
    delta = some_changes(norm)
    length = norm.length(array(delta.tolist()))
    assert type(length) is type(array([1.0]))
    assert_allclose(np.asarray(length), numpy_length(norm, delta), rtol=1e-5)


def test_lengths_of_what_is_tiny_or_huge():
    delta = np.array([[3e-200, 4e-200], [3e200, 4e200], [0.0, 0.0]])
    assert_allclose(L2().length(delta), [5e-200, 5e200, 0.0])


def test_features_that_cannot_change(array):
    for kind in KINDS:
        norm = kind([1.0, 0.0])
        assert norm.length(array([[1.0, 0.0], [1.0, 1e-30]])).tolist() == [1.0, math.inf]
        assert norm.project(array([[2.0, 5.0]]), 1.0)[0, 1] == 0
        assert norm.steepest(array([[2.0, 5.0]]), 1.0)[0, 1] == 0
        assert norm.random(np.random.default_rng(0), 1.0, (2,))[1] == 0


def test_integers(array):
    """Of images, say: what comes back is floats."""
    delta = array([[[3.0, -4.0, 0.0], [0.0, 0.0, 0.0]]])
    whole = delta.long() if hasattr(delta, "long") else delta.astype(np.int16)
    for norm in NORMS:
        assert_allclose(np.asarray(norm.length(whole)), np.asarray(norm.length(delta)))
        for method in (norm.project, norm.steepest):
            assert_allclose(np.asarray(method(whole, 1.5)), np.asarray(method(delta, 1.5)))


class TestProjection:
    def test_within_the_radius_and_idempotent(self, norm, array):
        delta = array(some_changes(norm).tolist())
        radius = array(np.linspace(0, 6, 200).tolist())
        out = norm.project(delta, radius)
        assert out.shape == delta.shape
        assert out.dtype == delta.dtype
        length = np.asarray(norm.length(out))
        assert np.all(length <= np.asarray(radius) * (1 + 1e-5) + 1e-30)
        short = np.asarray(norm.length(delta)) <= np.asarray(radius)
        assert 10 < short.sum() < 190
        assert np.array_equal(np.asarray(out)[short], np.asarray(delta)[short])
        assert_allclose(np.asarray(norm.project(out, radius)), np.asarray(out), atol=1e-5)

    def test_nothing_within_the_radius_is_nearer(self, norm):
        """In the Euclidean distance of delta / scale, against random points of the ball."""
        rng = np.random.default_rng(2)
        delta = some_changes(norm, 30)
        out = norm.project(delta, 2.0)
        mine = np.linalg.norm(standardised(norm, delta) - standardised(norm, out), axis=1)
        for i in range(30):
            others = [norm.random(rng, 2.0, SHAPE) for _ in range(100)]
            # and points near the projection, brought back
            near = out[i] + 0.1 * rng.standard_normal((100, *SHAPE)) * units(norm).reshape(SHAPE)
            others = np.concatenate([others, norm.project(near, 2.0)])
            gap = standardised(norm, delta[i : i + 1]) - standardised(norm, others)
            assert np.linalg.norm(gap, axis=1).min() >= mine[i] - 1e-9

    def test_one_radius_for_all(self, norm):
        delta = some_changes(norm)
        assert np.array_equal(norm.project(delta, 1.5), norm.project(delta, np.full(200, 1.5)))


class TestSteepest:
    def test_length_and_direction(self, norm, array):
        """Nothing of that length rises more; for L0, of changes by one unit each."""
        rng = np.random.default_rng(3)
        gradient = rng.standard_normal((40, *SHAPE))
        size = 2.0
        step = np.asarray(norm.steepest(array(gradient.tolist()), size), dtype=np.float64)
        assert_allclose(numpy_length(norm, step), size, rtol=1e-5)
        rise = (gradient * step).sum(axis=(1, 2))
        for i in range(40):
            if isinstance(norm, L0):
                others = [
                    sum(abs(v) for v in chosen)
                    for chosen in itertools.combinations(gradient[i].ravel() * units(norm), 2)
                ]
                assert rise[i] == pytest.approx(max(others), rel=1e-5)
                continue
            others = np.array([norm.random(rng, size, SHAPE) for _ in range(200)])
            assert (others * gradient[i]).sum(axis=(1, 2)).max() <= rise[i] * (1 + 1e-5)

    def test_is_the_dual_norm(self):
        gradient = np.array([[3.0, -4.0, 0.5]])
        for kind, dual in ((L1, np.inf), (L2, 2), (Linf, 1)):
            rise = (kind().steepest(gradient, 1.0) * gradient).sum()
            assert rise == pytest.approx(np.linalg.norm(gradient[0], dual))

    def test_no_gradient(self, norm, array):
        step = np.asarray(norm.steepest(array(np.zeros((2, *SHAPE)).tolist()), 1.0))
        assert np.array_equal(step, np.zeros((2, *SHAPE)))

    def test_tiny_gradients(self):
        for kind in (L1, L2, Linf):
            step = kind().steepest(np.array([[3e-200, 4e-200]]), 1.0)
            assert kind().length(step) == pytest.approx(1.0)


class TestRandom:
    def test_within_the_ball_and_all_over(self, norm):
        rng = np.random.default_rng(4)
        delta = np.array([norm.random(rng, 2.0, SHAPE) for _ in range(2000)])
        length = numpy_length(norm, delta)
        assert length.max() <= 2.0 * (1 + 1e-12)
        if isinstance(norm, L0):
            assert np.all(length == 2)
            return
        n = int((units(norm) > 0).sum())
        # uniform: the length to the power of the dimension is
        assert np.mean((length / 2.0) ** n) == pytest.approx(0.5, abs=0.03)
        assert np.all(np.abs(standardised(norm, delta).mean(axis=0)) < 0.15)

    def test_reproducible(self, norm):
        a, b = (norm.random(np.random.default_rng(7), 1.0, SHAPE) for _ in range(2))
        assert np.array_equal(a, b)

    def test_more_changes_than_features(self):
        assert np.count_nonzero(L0().random(np.random.default_rng(0), 9.0, (4,))) == 4


class TestL2Ball:
    def test_lies_inside_and_is_the_largest(self, norm):
        """The change of that L2 length that goes farthest in the norm reaches just the radius."""
        radius = 1.5
        inside = float(norm.l2(radius, SHAPE))
        if isinstance(norm, L0):
            assert inside == 0
            return
        moves = units(norm) > 0
        inverse = np.divide(1.0, units(norm), out=np.zeros(6), where=moves)
        farthest = np.zeros(6)
        if isinstance(norm, L1):
            farthest = inverse / np.linalg.norm(inverse)
        else:
            farthest[np.argmax(inverse)] = 1.0
        length = numpy_length(norm, (inside * farthest).reshape(1, *SHAPE))[0]
        assert length == pytest.approx(radius, rel=1e-12)
        assert length <= radius * (1 + 2.0**-52)
        rng = np.random.default_rng(5)
        others = np.array([L2().random(rng, inside, SHAPE) for _ in range(500)])
        others *= moves.reshape(SHAPE)
        assert numpy_length(norm, others).max() <= radius

    def test_rounded_down(self):
        """Against 40 digits, for rows of all sizes."""
        mpmath = pytest.importorskip("mpmath")
        rng = np.random.default_rng(6)
        with mpmath.workdps(40):
            for n in (1, 2, 3, 784, 3072):
                scale = 10.0 ** rng.uniform(-3, 3, n)
                root = mpmath.sqrt(sum(1 / mpmath.mpf(s) ** 2 for s in scale))
                for radius in rng.random(20):
                    exact = mpmath.mpf(radius) / root
                    assert exact * (1 - 1e-13) < float(L1(scale).l2(radius, (n,))) <= exact
                    exact = mpmath.mpf(radius) / mpmath.sqrt(n)
                    assert exact * (1 - 1e-13) < float(L1().l2(radius, (n,))) <= exact
                    exact = mpmath.mpf(radius) * mpmath.mpf(scale.min())
                    for kind in (L2, Linf):
                        assert exact * (1 - 1e-13) < float(kind(scale).l2(radius, (n,))) <= exact

    def test_infinite_and_zero(self):
        for norm in (L1(), L2(), Linf(), L1([2.0]), L2([2.0])):
            assert norm.l2([0.0, np.inf], (1,)).tolist() == [0.0, np.inf]
        assert L0().l2([np.inf], (1,)).tolist() == [0.0]

    def test_rows_of_another_size(self, norm):
        if norm.scale is not None:
            with pytest.raises(ValueError, match=r"scale for 6 features; rows have shape \(5,\)"):
                norm.l2(1.0, (5,))


class TestAxes:
    def test_one_feature_goes_as_far_as_the_radius(self, norm):
        """A change along an axis has the length that it was asked for, and no more."""
        radii = np.array([0.25, 1.0, 7.5])
        change = norm.along_axes(radii, 6)
        assert change.shape == (3, 6)
        if isinstance(norm, L0):
            moves = (units(norm) > 0) & (radii >= 1)[:, None]
            assert np.array_equal(change, np.where(moves, np.inf, 0.0))
            return
        for j in range(6):
            delta = np.zeros((3, 6))
            delta[:, j] = change[:, j]
            if units(norm)[j] == 0:
                assert not change[:, j].any()
                continue
            length = norm.length(delta.reshape(3, *SHAPE))
            assert np.all(length <= radii)
            assert_allclose(length, radii, rtol=1e-12)

    def test_rounded_down(self):
        scale = 10.0 ** np.random.default_rng(0).uniform(-3, 3, 50)
        radii = np.random.default_rng(1).random(40)
        change = L2(scale).along_axes(radii, 50)
        for i, j in itertools.product(range(40), range(50)):
            assert Fraction(change[i, j]) <= Fraction(radii[i]) * Fraction(scale[j])
        assert L2(scale).along_axes([np.inf, 0.0], 50)[0].min() == np.inf
        assert not L2(scale).along_axes([np.inf, 0.0], 50)[1].any()


def test_words():
    assert [str(kind()) for kind in KINDS] == ["l0", "l1", "l2", "linf"]
    assert str(L2(SCALE)) == "l2 of delta / sigma"
    assert str(L1(SCALE, "lambda")) == "l1 of delta / lambda"
    assert str(L0(SCALE)) == "l0"
    assert [kind().label for kind in KINDS] == [
        "Changed features",
        "L1 radius",
        "L2 radius",
        "L-infinity radius",
    ]
    assert L2(SCALE).label == "L2 radius of delta / sigma"


def test_equal_if_they_measure_alike():
    assert L2() == L2()
    assert L2() != L1()
    assert L2(SCALE) == L2(np.array(SCALE))
    assert L2(SCALE) != L2(SCALE[::-1])
    assert L1(SCALE, "lambda") != L1(SCALE)
    assert len({L2(), L2(), L2(SCALE), L1()}) == 3


@pytest.mark.parametrize("scale", [[], [0.0, 0.0], [1.0, -1.0], [1.0, np.nan], [np.inf]])
def test_scales_that_are_refused(scale):
    with pytest.raises(ValueError, match="scale must be one number for each feature"):
        L2(scale)
