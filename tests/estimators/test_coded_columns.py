"""Whole numbers that may be codes of categories are named in a warning, under one sigma for all."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from sksmooth import SmoothedClassifier
from sksmooth.noise import Flip

RNG = np.random.default_rng(0)
N = 60
INCOME = RNG.normal(100, 30, N)
COLUMNS = {
    "income": INCOME,
    "marital": RNG.integers(1, 5, N),
    "age": RNG.permutation(N) + 18,
    "owner": RNG.integers(0, 2, N),
    "constant": np.ones(N, dtype=int),
}
y = (INCOME > 100).astype(int)


@pytest.fixture(params=["pandas", "polars"])
def frame(request):
    return pytest.importorskip(request.param).DataFrame(COLUMNS)


def fitted(frame, sigma=5.0, **options):
    base = LogisticRegression(max_iter=5000)
    return SmoothedClassifier(base, sigma, random_state=0, **options).fit(frame, y)


def test_codes_are_named_and_other_columns_are_not(frame):
    with pytest.warns(UserWarning, match="few whole numbers") as record:
        fitted(frame)
    (message,) = (str(w.message) for w in record)
    assert "'marital', 'owner'." in message
    assert "'marital': 0" in message
    assert record[0].filename == __file__
    for name in ("age", "income", "constant"):
        assert name not in message


def test_units_std_is_one_sigma_for_all(frame):
    with pytest.warns(UserWarning, match="few whole numbers.*'marital'"):
        fitted(frame[["income", "marital"]], sigma=0.3, units="std")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(frame[["income", "marital"]], sigma=0.3, units={"income": 30, "marital": 1})
        fitted(frame[["income", "marital"]], sigma={"income": 0.3, "marital": 0}, units="std")


@pytest.mark.parametrize(
    ("why", "change"),
    [
        (
            "a sigma for each column",
            {
                "sigma": {"income": 20, "age": 2}
                | dict.fromkeys(["marital", "owner", "constant"], 0)
            },
        ),
        ("noise that replaces", {"noise": Flip(keep=0.8)}),
    ],
)
def test_silent_where_somebody_has_thought_of_it(frame, why, change):
    if "noise" in change:
        frame = frame[["marital", "owner"]]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(frame, **change)


def test_silent_for_counts_floats_and_few_rows(frame):
    floats = {name: np.asarray(values, dtype=float) for name, values in COLUMNS.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(frame[["marital", "age", "owner"]])  # all are whole: a table of counts
        fitted(type(frame)(floats))
        fitted(np.stack(list(floats.values()), axis=1))
        small = type(frame)({"a": INCOME[:8], "b": COLUMNS["marital"][:8]})
        SmoothedClassifier(LogisticRegression(), random_state=0).fit(small, np.arange(8) % 2)
