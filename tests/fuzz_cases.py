"""Rows, labels and base classifiers that are made to break something, for test_fuzz*.py."""

import sys

import numpy as np
from helpers import Halfspace
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.base import BaseEstimator, ClassifierMixin

from sksmooth import SmoothedClassifier

SIGMA = 0.5
ROWS = np.array([[-9.0, 1.0], [9.0, 0.0], [0.4, 2.0], [-0.2, 0.5], [0.01, -3.0]])
CODES = np.array([0, 1, 1, 0, 1])

# The same examples each time, and none kept: a test that fails here fails everywhere.
FUZZ = settings(deadline=None, derandomize=True, database=None, max_examples=30)
SOME = settings(FUZZ, max_examples=10)
FEW = settings(FUZZ, max_examples=3)


class Rule(ClassifierMixin, BaseEstimator):
    """The second class where w.x > offset, for rows of any shape; the smoothed one is known."""

    def __init__(self, w=(1.0, 0.0), offset=0.0):
        self.w = w
        self.offset = offset

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        flat = np.asarray(X, dtype=np.float64).reshape(len(X), -1)
        codes = (flat @ np.asarray(self.w) > self.offset).astype(int)
        return self.classes_[np.minimum(codes, len(self.classes_) - 1)]


class Hostile(Halfspace):
    """Halfspace whose answers go through a function, from some call on.

    The function gets this object, the batch and the right answers. It is kept outside of the
    parameters, so that clone does not copy it.
    """

    def fit(self, X, y):
        self.calls_ = 0
        self.kept_ = []
        return super().fit(X, y)

    def behave(self, answer, first=0):
        self.answer_, self.first_, self.calls_ = answer, first, 0
        return self

    def predict(self, X):
        right = super().predict(X)
        self.calls_ += 1
        answer = getattr(self, "answer_", None)
        return right if answer is None or self.calls_ <= self.first_ else answer(self, X, right)


def smoothed(base, **options):
    defaults = {
        "sigma": SIGMA,
        "n": 100,
        "n0": 20,
        "n_predict": 100,
        "method": "montecarlo",
        "random_state": 0,
    }
    return SmoothedClassifier(base, **(defaults | options))


def plain():
    """A smoother of the base that all hostile ones answer like."""
    return smoothed(Halfspace()).fit(ROWS, CODES)


def same(one, other):
    """Whether two certificates are equal, bit for bit."""
    names = ("labels", "radii", "abstained", "p_lower", "counts", "selected", "n_draws")
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in names)


def random_states():
    """The state of the global generators, those of torch only if something has loaded it."""
    kind, keys, *rest = np.random.get_state()
    torch = sys.modules.get("torch")
    return (kind, keys.tobytes(), *rest, torch and torch.get_rng_state().numpy().tobytes())


def ask_all(clf, X):
    """Call everything that asks the base; return the certificate."""
    certificate = clf.certify(X)
    clf.predict(X)
    clf.certify(X, radius=0.1)
    clf.certify(X, tol=0.1)
    return certificate


def layouts(rows):
    """The same rows, in all ways of lying in memory."""
    n, d = rows.shape
    room = np.zeros((2 * n, 3 * d), dtype=rows.dtype)
    room[::2, ::3] = rows
    still = rows.copy()
    still.flags.writeable = False
    unaligned = np.empty(rows.nbytes + 1, dtype=np.uint8)[1:].view(rows.dtype).reshape(n, d)
    unaligned[...] = rows
    return {
        "columns first": np.asfortranarray(rows),
        "strides": room[::2, ::3],
        "backwards": rows[::-1, ::-1].copy()[::-1, ::-1],
        "read-only": still,
        "unaligned": unaligned,
        "other byte order": rows.astype(rows.dtype.newbyteorder()),
        "no mask": np.ma.array(rows),
        "transposed": rows.T.copy().T,
        "broadcast": np.broadcast_to(rows, (1, n, d))[0],
    }


def finite_rows(n_features=2, largest=2.0**20, dtype=np.float64):
    """A few rows, with zeros of both signs and the smallest numbers among their values."""
    width = 8 * np.dtype(dtype).itemsize
    tiny = [0.0, -0.0, float(np.finfo(dtype).smallest_subnormal), -float(np.finfo(dtype).tiny)]
    values = st.floats(-largest, largest, width=width) | st.sampled_from(tiny)
    shape = st.tuples(st.integers(1, 4), st.just(n_features))
    return hnp.arrays(dtype, shape, elements=values)


# Labels of the two classes in all kinds that can be fitted, and what stands for abstentions.
LABELS = {
    "ints": ([3, 7], -1),
    "negative ints": ([-2, -1], -3),
    "bools": ([False, True], -1),
    "strings": (["a", "b"], "abstain"),
    "the word itself": (["abstain", "b"], "_abstain_"),
    "no letters": (["", "b"], "abstain"),
    "strings as objects": (np.array(["no", "yes"], dtype=object), "abstain"),
    "whole floats": ([-1.0, 4.0], -2.0),
    "small floats": (np.array([0, 1], dtype=np.float16), -1.0),
    "bytes of numbers": (np.array([0, 255], dtype=np.uint8), -1),
    "other byte order": (np.array([0, 1], dtype=np.int32).astype(">i4"), -1),
    "smallest int": ([-(2**63), 0], -1),
}

BAD_LABELS = {
    "bytes": (np.array([b"a", b"b"])[CODES], "bytes|dtype .S1"),
    "fractions": (CODES + 0.5, "continuous"),
    "missing": (np.where(CODES, np.nan, 1.0), "NaN"),
    "infinite": (np.where(CODES, np.inf, 1.0), "infinity"),
    "a missing string": (["a", None, "a", "b", "b"], "None among labels that are strings"),
    "nan among strings": (["a", float("nan"), "a", "b", "b"], "nan among labels"),
    "a missing object": (np.array(["a", None, "a", "b", "b"], dtype=object), "None among labels"),
    "of two kinds": (np.array(["a", 1, "a", 1, 1], dtype=object), "1 among labels"),
    "ints as objects": (CODES.astype(object), "(?i)unknown label type"),
    "masked": (np.ma.array(CODES, mask=CODES > 0), "3 masked values"),
    "complex": (CODES + 1j, "(?i)complex"),
    "dates": (CODES.astype("M8[s]"), "dtype datetime64"),
    "durations": (CODES.astype("m8[s]"), "dtype timedelta64"),
    "beyond int64": (np.array([0, 2**64 - 1], dtype=np.uint64)[CODES], "does not fit into int64"),
    "two columns": (np.column_stack([CODES, CODES]), "(?i)1d array|unknown label|multilabel"),
    "too few": (CODES[1:], "inconsistent numbers of samples"),
    "none": (None, "requires y"),
    "a number": (3, "1d array|array of shape"),
}


def _keeps_one_buffer(self, X, right):
    if not hasattr(self, "buffer_"):
        self.buffer_ = np.empty(10_000, dtype=right.dtype)
    self.buffer_[: len(right)] = right
    return self.buffer_[: len(right)]


def _overwrites(self, X, right):
    X[...] = np.nan
    return right


def _alters_what_it_kept(self, X, right):
    """Earlier batches are spoilt while this one is looked at, and this one after the answer."""
    answer = right.copy()
    self.kept_.append(X)
    for batch in self.kept_:
        batch[...] = -1e6
    return answer


def _reseeds(self, X, right):
    np.random.seed(0)
    np.random.random(3)
    return right


def _sorts_its_input(self, X, right):
    X.sort(axis=0)
    return right


# Unusual answers that are right all the same: the counts must be those of a base that is plain.
HARMLESS = {
    "list": lambda self, X, right: right.tolist(),
    "tuple": lambda self, X, right: tuple(right.tolist()),
    "column": lambda self, X, right: right[:, None],
    "objects": lambda self, X, right: right.astype(object),
    "bools": lambda self, X, right: right.astype(bool),
    "floats": lambda self, X, right: right.astype(np.float16),
    "complex": lambda self, X, right: right + 0j,
    "small ints": lambda self, X, right: right.astype(np.uint8),
    "other byte order": lambda self, X, right: right.astype(">i4"),
    "strides": lambda self, X, right: np.repeat(right, 2)[::2],
    "backwards": lambda self, X, right: right[::-1].copy()[::-1],
    "read-only": lambda self, X, right: np.broadcast_to(right, (1, len(right)))[0],
    "no mask": lambda self, X, right: np.ma.array(right),
    "one buffer": _keeps_one_buffer,
    "overwrites its input": _overwrites,
    "sorts its input": _sorts_its_input,
    "alters what it kept": _alters_what_it_kept,
    "reseeds numpy": _reseeds,
}


def _one_wrong(value, dtype=None):
    """Return a function that puts a wrong answer in the place of the first."""

    def answer(self, X, right):
        changed = right.astype(right.dtype if dtype is None else dtype)
        changed[0] = value
        return changed

    return answer


def _with_an_array(self, X, right):
    changed = right.astype(object)
    changed[0] = np.array([0, 1])
    return changed


# Answers that are no labels, and what the message says of them.
REFUSED = {
    "None": (lambda self, X, right: None, r"shape \(\)"),
    "generator": (lambda self, X, right: (label for label in right), r"shape \(\)"),
    "one label": (lambda self, X, right: 1, r"shape \(\)"),
    "dict": (lambda self, X, right: dict(enumerate(right)), r"shape \(\)"),
    "too few": (lambda self, X, right: right[1:], "returned shape"),
    "too many": (lambda self, X, right: np.append(right, 0), "returned shape"),
    "none at all": (lambda self, X, right: right[:0], "returned shape"),
    "row": (lambda self, X, right: right[None], "returned shape"),
    "two columns": (lambda self, X, right: np.column_stack([right, right]), "returned shape"),
    "ragged": (lambda self, X, right: [[0, 1], *right.tolist()[1:]], "inhomogeneous|sequence"),
    "unknown": (_one_wrong(2), "returned 2, which is not among"),
    "negative": (_one_wrong(-1), "returned -1, which is not among"),
    "fraction": (_one_wrong(0.5, float), "returned 0.5, which is not among"),
    "nearly": (_one_wrong(np.nextafter(1.0, 2.0), float), "which is not among"),
    "nan": (_one_wrong(np.nan, float), "returned nan, which is not among"),
    "infinity": (_one_wrong(np.inf, float), "returned inf, which is not among"),
    "minus infinity": (_one_wrong(-np.inf, float), "returned -inf, which is not among"),
    "imaginary": (_one_wrong(1j, complex), "returned 1j, which is not among"),
    "largest": (_one_wrong(2**64 - 1, np.uint64), "not among the classes"),
    "text": (lambda self, X, right: right.astype(str), "not among the classes"),
    "bytes": (lambda self, X, right: right.astype("S1"), "not among the classes"),
    "missing": (_one_wrong(None, object), "labels of dtype object, such as None"),
    "text among ints": (_one_wrong("a", object), "labels of dtype object, such as 'a'"),
    "an array": (_with_an_array, "labels of dtype object, such as array"),
    "dates": (lambda self, X, right: right.astype("M8[s]"), "dtype datetime64"),
    "records": (lambda self, X, right: np.zeros(len(X), [("label", int)]), "cannot be compared"),
    "masked": (lambda self, X, right: np.ma.array(right, mask=right > -1), "masked labels"),
    "one masked": (
        lambda self, X, right: np.ma.array(right, mask=np.arange(len(X)) == 0),
        "masked labels",
    ),
}


def raising(error):
    def answer(self, X, right):
        raise error

    return answer


class OwnError(Exception):
    """An error that only the base knows."""


ERRORS = [
    ValueError("no cheese"),
    TypeError("no cheese"),
    IndexError("no cheese"),
    KeyError("no cheese"),
    AttributeError("no cheese"),
    RuntimeError("no cheese"),
    MemoryError("no cheese"),
    FloatingPointError("no cheese"),
    NotImplementedError("no cheese"),
    KeyboardInterrupt("no cheese"),
    OwnError("no cheese"),
]

# Rows that are no numbers, and what the message says of them.
BAD_ROWS = {
    "no rows": (np.empty((0, 2)), r"0 sample\(s\)"),
    "no features": (np.empty((3, 0)), r"0 feature\(s\)|X has 0 features"),
    "one row, not in a table": (np.zeros(2), "Reshape your data"),
    "a number": (np.float64(1.0), "Expected 2D array"),
    "too many axes": (np.zeros((1, 5, 2)), "X has 5 features"),
    "another width": (np.zeros((2, 3)), "X has 3 features"),
    "nothing": (None, "Expected 2D array"),
    "text": (np.array([["a", "b"]]), "could not convert string"),
    "ragged": ([[1.0, 2.0], [3.0]], "inhomogeneous|sequence"),
    "missing": ([[1.0, None]], "NaN"),
    "complex": (np.array([[1j, 1.0]]), "(?i)complex"),
    "masked": (np.ma.array(ROWS, mask=ROWS > 5), "X has 1 masked values"),
    "nan": (np.array([[np.nan, 1.0]]), "NaN"),
    "infinity": (np.array([[1.0, -np.inf]]), "infinity"),
    "infinity in float32": (np.array([[1.0, np.inf]], dtype=np.float32), "infinity"),
    "beyond the grid": (np.array([[0.0, 1e300]]), "too large for noise"),
    "beyond the grid below": (np.array([[-1e200, 0.0]]), "too large for noise"),
    "beyond the grid in float32": (np.array([[3e38, 0.0]], dtype=np.float32), "too large"),
    "large ints": (np.array([[2**62, 0]]), "too large for noise"),
    "dict": ({"a": 1}, "dict"),
    "generator": ((row for row in ROWS), "generator"),
}
