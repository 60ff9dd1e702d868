"""Hostile input: a call ends in a right answer or an error that says what is wrong.

Right answers come from bases whose smoothed classifier is known: a linear rule, a constant. The
examples are always the same ones.
"""

import warnings
from fractions import Fraction

import numpy as np
import pytest
from helpers import Halfspace
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

pytest.importorskip("hypothesis")

from fuzz_cases import (
    BAD_LABELS,
    BAD_ROWS,
    CODES,
    FUZZ,
    LABELS,
    ROWS,
    SIGMA,
    SOME,
    Rule,
    finite_rows,
    layouts,
    plain,
    same,
    smoothed,
)
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

PLAIN = plain()


class TestRows:
    @FUZZ
    @given(rows=finite_rows() | finite_rows(dtype=np.float32))
    def test_how_they_lie_in_memory_does_not_matter(self, rows):
        original = rows.tobytes()
        expected = PLAIN.certify(rows)
        assert rows.tobytes() == original
        for name, X in layouts(rows).items():
            before = X.tobytes(), X.strides, X.flags.writeable
            assert same(PLAIN.certify(X), expected), name
            assert (X.tobytes(), X.strides, X.flags.writeable) == before, name

    @FUZZ
    @given(
        rows=hnp.arrays(
            st.sampled_from([np.int8, np.uint8, np.int16, np.uint32, np.int64, np.float16]),
            (3, 2),
            elements={"min_value": 0, "max_value": 100},
        ),
        kind=st.sampled_from(["as it is", "list", "object", "text", "longdouble", "bytes"]),
    )
    def test_kinds_of_numbers_mean_the_same_points(self, rows, kind):
        X = {
            "as it is": lambda: rows,
            "list": rows.tolist,
            "object": lambda: rows.astype(object),
            "text": lambda: rows.astype(np.float64).astype(str),
            "longdouble": lambda: rows.astype(np.longdouble),
            "bytes": lambda: rows.astype(np.float64).astype("S32"),
        }[kind]()
        assert same(PLAIN.certify(X), PLAIN.certify(rows.astype(np.float64)))

    def test_bools_are_numbers_with_a_warning(self):
        with pytest.warns(UserWarning, match="columns of type bool"):
            certificate = PLAIN.certify(ROWS > 0)
        assert same(certificate, PLAIN.certify((ROWS > 0).astype(float)))

    @FUZZ
    @given(rows=finite_rows() | finite_rows(dtype=np.float32))
    def test_the_sign_of_zero_does_not_matter(self, rows):
        zeros = rows.copy()
        zeros[rows == 0] = -0.0
        assert same(PLAIN.certify(zeros), PLAIN.certify(np.abs(zeros) * np.sign(zeros)))
        assert np.array_equal(PLAIN.predict(zeros), PLAIN.predict(zeros + 0.0))

    @FUZZ
    @given(
        rows=finite_rows(),
        order=st.permutations(range(4)),
        batch_size=st.integers(1, 70),
        how=st.sampled_from([{}, {"radius": 0.2}, {"tol": 0.1}, {"bound": "two-sided"}]),
    )
    def test_each_row_is_alone(self, rows, order, batch_size, how):
        clf = smoothed(Halfspace(), batch_size=batch_size).fit(ROWS, CODES)
        order = [i for i in order if i < len(rows)]
        expected = PLAIN.certify(rows, **how)
        assert same(clf.certify(rows[order], **how), expected[np.array(order)])
        assert same(clf.certify(rows[:1], **how), expected[:1])
        twice = clf.certify(np.vstack([rows, rows]), **how)
        assert same(twice[: len(rows)], twice[len(rows) :])
        assert same(twice[: len(rows)], expected)
        assert np.array_equal(clf.predict(rows[order]), PLAIN.predict(rows)[order])

    @FUZZ
    @given(case=st.sampled_from(sorted(BAD_ROWS)), fits=st.booleans())
    def test_what_is_no_table_of_numbers_is_refused(self, case, fits):
        X, message = BAD_ROWS[case]
        if not fits:
            with pytest.raises((ValueError, TypeError), match=message):
                PLAIN.certify(X)
        elif "X has" not in message or "masked" in message:  # any width can be fitted
            size = np.shape(X)[0] if isinstance(X, np.ndarray) and X.ndim else 1
            with pytest.raises((ValueError, TypeError), match=message):
                smoothed(Halfspace()).fit(X, np.arange(size) % 2)

    @FUZZ
    @given(fitted=hnp.array_shapes(min_dims=1, max_dims=3, max_side=3), data=st.data())
    def test_rows_of_any_shape(self, fitted, data):
        size = int(np.prod(fitted))
        training = np.stack([np.full(fitted, -9.0), np.full(fitted, 9.0)])
        w = np.eye(1, size)[0]
        clf = smoothed(Rule(w)).fit(training, [0, 1])
        others = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
        # scikit-learn looks at the second axis only
        longer = (*fitted[:-1], fitted[-1] + 1)
        asked = data.draw(st.sampled_from([fitted, longer, fitted[::-1]]) | others)
        X = np.ones((data.draw(st.integers(0, 2)), *asked))
        if asked == fitted and len(X):
            certificate = clf.certify(X)
            assert certificate.counts.sum(axis=1).tolist() == [100] * len(X)
            flat = smoothed(Rule(w)).fit(training.reshape(2, -1), [0, 1])
            assert certificate.labels.tolist() == flat.certify(X.reshape(-1, size)).labels.tolist()
        else:
            with pytest.raises(ValueError, match=r"Reshape|features|sample\(s\)|feature\(s\)"):
                clf.certify(X)

    @pytest.mark.parametrize("shape", [(2, 0), (2, 0, 3), (2, 3, 0), (2, 1, 0, 3)])
    def test_rows_without_values_are_refused(self, shape):
        with pytest.raises(ValueError, match=r"no values in them|0 feature\(s\)"):
            smoothed(Halfspace()).fit(np.empty(shape), [0, 1])

    @SOME
    @given(rows=finite_rows(3))
    def test_frames_are_the_arrays_that_they_hold(self, rows):
        pandas = pytest.importorskip("pandas")
        training = np.column_stack([ROWS, ROWS[:, 0]])
        columns, expected = ["a", "b", "c"], None
        for kind in (np.float64, object, "Float64"):
            frame = pandas.DataFrame(training, columns=columns)
            clf = smoothed(LogisticRegression(), shortcuts=None).fit(frame, CODES)
            X = pandas.DataFrame(rows, columns=columns, index=list("wxyz")[: len(rows)])
            before = X.copy()
            certificate = clf.certify(X.astype(kind))
            pandas.testing.assert_frame_equal(X, before)
            expected = certificate if expected is None else expected
            assert same(certificate, expected), kind
            with pytest.raises(ValueError, match="feature names"):
                clf.certify(X[columns[::-1]])
        array = smoothed(LogisticRegression(), shortcuts=None).fit(training, CODES)
        assert same(array.certify(rows), expected)


class TestLabels:
    @SOME
    @given(kind=st.sampled_from(sorted(LABELS)), rows=finite_rows())
    def test_they_come_back_as_they_were(self, kind, rows):
        pair, abstain = LABELS[kind]
        labels = np.asarray(pair)
        clf = smoothed(Halfspace()).fit(ROWS, labels[CODES])
        certificate, expected = clf.certify(rows), PLAIN.certify(rows)
        assert clf.abstain_label_ == abstain
        assert abstain not in labels.tolist()
        assert np.array_equal(certificate.counts, expected.counts)
        answered = ~expected.abstained
        assert np.all(certificate.labels[answered] == labels[expected.labels[answered]])
        assert np.all(certificate.labels[~answered] == abstain)

    @pytest.mark.filterwarnings("ignore:Support for labels represented as bytes:FutureWarning")
    @pytest.mark.parametrize("case", sorted(BAD_LABELS))
    def test_what_is_no_label_is_refused(self, case):
        y, message = BAD_LABELS[case]
        with pytest.raises((ValueError, TypeError), match=message):
            smoothed(Halfspace()).fit(ROWS, y)

    @pytest.mark.parametrize(
        ("y", "label"),
        [
            (2.0**53 * CODES, 2**53 + 1),  # the same number as a float
            (np.array(["a", "b"])[CODES], "a\0"),  # the same string in an array
            (CODES, 2**63),
            (CODES, -(2**70)),
            (CODES.astype(float), 10**400),
            (CODES.astype(float), float("nan")),
            (CODES.astype(float), float("inf")),
            (CODES > 0, 1),
        ],
    )
    def test_an_abstain_label_that_would_not_be_told_from_others(self, y, label):
        with pytest.raises(ValueError, match=r"abstain_label=.* (is one of|does not fit)"):
            smoothed(Halfspace(), abstain_label=label).fit(ROWS, y)

    def test_strings_of_any_length(self):
        if not hasattr(np.dtypes, "StringDType"):
            pytest.skip("numpy 2 has them")
        y = np.array(["no", "yes"], dtype=np.dtypes.StringDType())[CODES]
        clf = smoothed(Halfspace()).fit(ROWS, y)
        assert clf.classes_.tolist() == ["no", "yes"]
        assert same(clf.certify(ROWS[1:2]), clf.certify(ROWS)[1:2])


class TestTruth:
    @FUZZ
    @given(
        direction=hnp.arrays(float, (1, 3), elements=st.sampled_from([-2.0, -1.0, 0.5, 1.0, 3.0])),
        offset=st.floats(-3, 3),
        far=hnp.arrays(float, (5,), elements=st.floats(-4, 4)),
        scale=st.sampled_from([1e-90, 1e-3, 1.0, 1e5, 1e90]),
        bound=st.sampled_from(["one-sided", "two-sided"]),
    )
    def test_no_radius_of_votes_passes_the_boundary(self, direction, offset, far, scale, bound):
        """The level is so small that a single false certificate is a fault."""
        sigma, w = SIGMA * scale, direction[0] / np.linalg.norm(direction)
        rows = np.outer((far * SIGMA + offset) * scale, w)
        clf = smoothed(Rule(w, offset * scale), sigma=sigma).fit(scale * np.eye(2, 3), [0, 1])
        certificate = clf.certify(rows, n=200, alpha=1e-12, bound=bound)
        distance = rows @ w - offset * scale
        held = ~certificate.abstained
        assert np.array_equal(certificate.labels[held], (distance > 0)[held])
        slack = 1e-9 * scale  # of the distance, which is computed in floats here
        assert np.all(certificate.radii <= np.abs(distance) + slack)
        assert np.all(held | (np.abs(distance) < 2 * sigma))
        assert np.all(certificate.radii <= certificate.max_radius)

    @FUZZ
    @given(
        rows=finite_rows(3, 100.0),
        w=hnp.arrays(float, (1, 3), elements=st.sampled_from([-1e3, -1.0, 1e-9, 0.1, 1.0, 7.0])),
        offset=st.floats(-10, 10),
        sigma=st.sampled_from([1e-3, 0.25, 1e4]),
    )
    def test_no_radius_in_closed_form_passes_the_boundary(self, rows, w, offset, sigma):
        """Distances are compared as fractions, without any rounding."""
        base = LogisticRegression()
        base.coef_, base.intercept_, base.classes_ = w, np.array([offset]), np.array([0, 1])
        base.n_features_in_, base.n_iter_ = 3, np.array([1])
        clf = smoothed(FrozenEstimator(base), sigma=sigma, method="auto")
        certificate = clf.fit(np.eye(2, 3), [0, 1]).certify(rows)
        assert certificate.method == "exact"
        weights = [Fraction(v) for v in w[0].tolist()]
        for row, label, radius in zip(rows.tolist(), *certificate, strict=True):
            score = sum(a * Fraction(b) for a, b in zip(weights, row, strict=True))
            score += Fraction(offset)
            if radius > 0:
                assert label == (score > 0)
                assert Fraction(radius) ** 2 * sum(a * a for a in weights) <= score * score
            else:
                assert abs(float(score)) < 1e-3 * np.linalg.norm(w) * max(sigma, 1.0)

    @FUZZ
    @given(
        sigma=st.sampled_from([1e-100, 1e-30, 0.5, 3, np.float32(0.25), Fraction(1, 3), 1e100]),
        rows=finite_rows(2, 2.0**24),
        y=st.sampled_from([[0], ["only"], [True], [-3.0, 1.0], ["a", "b"], [False, True]]),
    )
    def test_a_constant_gets_the_largest_radius(self, sigma, rows, y):
        rows = rows * float(sigma)
        X = np.eye(len(y), 2) * float(sigma)
        base = DummyClassifier(strategy="constant", constant=[y[0]])
        clf = smoothed(base, sigma=sigma).fit(X, y)
        certificate = clf.certify(rows)
        n = len(rows)
        assert certificate.labels.tolist() == [y[0]] * n
        assert certificate.radii.tolist() == [certificate.max_radius] * n
        assert 1.4 * float(sigma) < certificate.max_radius < 1.51 * float(sigma)
        assert clf.predict(rows).tolist() == [y[0]] * n

    @pytest.mark.parametrize("sigma", [1e30, 1e39, 1e100, [1e30, 0]])
    def test_noise_beyond_float32_is_refused(self, sigma):
        with pytest.raises(ValueError, match="too large for rows in float32.*float64"):
            smoothed(Halfspace(), sigma=sigma).fit(ROWS.astype(np.float32), CODES)
        clf = smoothed(Halfspace(), sigma=sigma).fit(ROWS, CODES)
        with pytest.raises(ValueError, match="too large for rows in float32.*float64"):
            clf.certify(ROWS.astype(np.float32))


# What may be given for a number of draws, and which number that is; None where it is refused.
DRAWS = [(0, None), (-1, None), (True, None), (np.True_, None), (20.0, None), (np.nan, None)]
DRAWS += [("20", None), ([20], None), (np.array(20), None), (Fraction(20), None), (20j, None)]
DRAWS += [(20, 20), (np.int8(20), 20), (np.int64(20), 20), (np.uint64(20), 20), (64, 64)]

ALPHAS = [(0, None), (1, None), (-0.5, None), (np.nan, None), (np.inf, None), (5e-324, None)]
ALPHAS += [(1e-201, None), (True, None), (False, None), ("0.1", None), ([0.1], None), (0.1j, None)]
ALPHAS += [(v, float(v)) for v in (1e-200, 1e-20, np.float32(0.01), Fraction(1, 8), 0.5)]
ALPHAS += [(v, float(v)) for v in (0.999, np.nextafter(1.0, 0.0), np.float16(0.25))]

SIGMAS = [0, -0.0, -1.0, np.nan, np.inf, 5e-324, 1e-101, 1.1e100, 10**400, True, "1", None, 1j]
SIGMAS += [[], [0.5], [0.5] * 3, [[0.5, 0.5]], [0, 0], [0.5, np.nan], [np.inf, 1], [-1, 1]]
SIGMAS += [[1e-101, 1.0], [True, True], ["a", "b"], [None, 1.0], [1j, 1], {"a": 1.0}, {0.5}]
SIGMAS += [
    np.ma.array([0.5, 0.5], mask=[False, True]),
    np.array(0.5),
    [[0.5], [0.5, 1.0]],
    np.array([0.5, 0.5], dtype=object),
]

RADII = [-1, -5e-324, np.nan, np.inf, [], [0.1, np.nan], [[0.1]], [[0.1], [0.2, 0.3]], "0.1", True]
RADII += [[True], [None], {0.1}, 0.1j, 10**400, np.ma.array([0.1, 0.2], mask=[True, False])]


class TestParameters:
    @FUZZ
    @given(draws=st.sampled_from(DRAWS), name=st.sampled_from(["n", "n0"]), early=st.booleans())
    def test_numbers_of_draws(self, draws, name, early):
        value, number = draws
        given_early, given_late = ({name: value}, {}) if early else ({}, {name: value})
        if number is None:
            with pytest.raises(ValueError, match=rf"'{name}' parameter|{name} must be"):
                smoothed(Halfspace(), **given_early).fit(ROWS, CODES).certify(ROWS, **given_late)
            return
        clf = smoothed(Halfspace(), **given_early).fit(ROWS, CODES)
        certificate = clf.certify(ROWS, **given_late)
        assert getattr(certificate, name) == number
        assert certificate.counts.sum(axis=1).max() == certificate.n
        assert same(certificate, PLAIN.certify(ROWS, **{name: number}))

    @pytest.mark.parametrize("name", ["n", "n0", "n_predict", "n_augment", "batch_size"])
    @pytest.mark.parametrize("value", [value for value, number in DRAWS if number is None])
    def test_they_are_refused_by_fit(self, name, value):
        with pytest.raises(ValueError, match=f"'{name}' parameter.* must be an int"):
            smoothed(Halfspace(), **{name: value}).fit(ROWS, CODES)

    @FUZZ
    @given(
        alpha=st.sampled_from(ALPHAS),
        early=st.booleans(),
        how=st.sampled_from([{}, {"radius": 0.2}, {"tol": 0.1}, {"bound": "two-sided"}]),
    )
    def test_alphas(self, alpha, early, how):
        value, number = alpha
        given_early, given_late = ({"alpha": value}, {}) if early else ({}, {"alpha": value})
        if number is None:
            with pytest.raises(ValueError, match=r"'alpha' parameter|alpha, the probability"):
                smoothed(Halfspace(), **given_early).fit(ROWS, CODES).certify(ROWS, **given_late)
            return
        clf = smoothed(Halfspace(), **given_early).fit(ROWS, CODES)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*(can never decide|largest radius is)")
            certificate = clf.certify(ROWS, **given_late, **how)
        assert certificate.alpha == number
        # unanimous votes have a bound of alpha**(1 / n), and no bound is above that
        top = number ** (1 / certificate.n)
        assert np.all(certificate.p_lower <= top * (1 + 1e-12))
        assert np.all(certificate.abstained == (certificate.radii == 0))
        assert np.all(certificate.abstained | (certificate.p_lower > 0.5) | (how != {}))

    @pytest.mark.parametrize("sigma", SIGMAS, ids=lambda value: repr(value)[:30])
    def test_sigmas_that_are_refused(self, sigma):
        with pytest.raises(ValueError, match="sigma"):
            smoothed(Halfspace(), sigma=sigma).fit(ROWS, CODES)
        clf = smoothed(Halfspace()).fit(ROWS, CODES).set_params(sigma=sigma)
        with pytest.raises(ValueError, match="sigma"):
            clf.certify(ROWS)

    @pytest.mark.parametrize("radius", RADII, ids=lambda value: repr(value)[:30])
    def test_radii_that_are_refused(self, radius):
        with pytest.raises(ValueError, match="radius"):
            PLAIN.certify(ROWS, radius=radius)
        with pytest.raises(ValueError, match="tol must be a positive, finite length"):
            PLAIN.certify(ROWS, tol=radius)

    def test_huge_numbers_that_are_not_drawn(self):
        huge = {"n": 10**30, "n0": 10**30, "n_predict": 10**30}
        clf = smoothed(LogisticRegression(), method="auto", **huge).fit(ROWS, CODES)
        assert clf.certify(ROWS).method == "exact"
        assert len(clf.predict(ROWS)) == len(ROWS)
        clf = smoothed(Halfspace(), **huge).fit(ROWS, CODES)
        with pytest.raises(ValueError, match="NaN"):
            clf.certify(np.array([[np.nan, 0.0]]))
