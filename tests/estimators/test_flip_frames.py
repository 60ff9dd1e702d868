"""Text, categories and dates under noise that replaces values, or makes them missing.

The oracle lists what noise can make of a row by hand, and asks the base about frames that pandas
made, in fractions.
"""

import collections
import itertools
import pickle
import warnings
from fractions import Fraction

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier, SmoothedRegressor
from sksmooth.bounds import Pair
from sksmooth.estimators.smoother import noise_of
from sksmooth.noise import Drop, Flip, FlipNoise
from sksmooth.noise.streams import Philox, Purpose, row_key

N = 150
HALF = Fraction(5, 8)  # a multiple of 2**-64, and so are the other chances


def table(pd, seed=0):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "job": rng.choice(["cook", "clerk", "none"], N),
            "size": pd.Categorical(rng.choice(["S", "L"], N), categories=["S", "M", "L"]),
            "rooms": rng.integers(1, 4, N),
            "owner": rng.random(N) < 0.5,
            "since": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 2, N), unit="D"),
        }
    )
    y = np.where((frame.job == "cook") | ((frame["size"] == "L") & (frame.rooms > 1)), "yes", "no")
    return frame, y


class OneHot(ClassifierMixin, BaseEstimator):
    """Logistic regression on what values are called; keeps the dtypes that it sees."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.fitted_on = list(X.dtypes) if hasattr(X, "dtypes") else X.dtype
        self.encoder = OneHotEncoder(handle_unknown="ignore").fit(self._words(X))
        self.model = LogisticRegression().fit(self.encoder.transform(self._words(X)), y)
        return self

    @staticmethod
    def _words(X):
        columns = [X[name] for name in X.columns] if hasattr(X, "columns") else X.T
        return np.array([[str(v) for v in column] for column in columns], dtype=object).T

    def predict(self, X):
        self.asked_about = list(X.dtypes) if hasattr(X, "dtypes") else X.dtype
        return self.model.predict(self.encoder.transform(self._words(X)))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def by_hand(clf, row, known, keep, missing=()):
    """Return the probability of each answer around a row of a pandas frame."""
    names = [name for name in row.columns if name not in missing]
    p = collections.Counter()
    combinations = list(itertools.product(*(known[name] for name in names)))
    frame = row.iloc[np.zeros(len(combinations), dtype=int)].reset_index(drop=True)
    for name, values in zip(names, zip(*combinations, strict=True), strict=True):
        frame[name] = type(frame[name])(values, dtype=row[name].dtype)
    own = row.iloc[0]
    for values, answer in zip(combinations, clf.estimator_.predict(frame), strict=True):
        weight = Fraction(1)
        for name, value in zip(names, values, strict=True):
            n = len(known[name])
            if own[name] not in known[name]:
                weight *= Fraction(1, n)
            else:
                weight *= keep if value == own[name] else (1 - keep) / (n - 1)
        p[answer] += weight
    return p


def test_probabilities_are_those_of_a_list_by_hand():
    pd = pytest.importorskip("pandas")
    X, y = table(pd)
    clf = SmoothedClassifier(OneHot(), noise=Flip(keep=float(HALF)), n_augment=2, random_state=0)
    clf.fit(X, y)
    assert clf.estimator_.fitted_on == list(X.dtypes)
    assert clf.predict(X[:9]).tolist() == clf.certify(X[:9]).labels.tolist()
    known = {name: list(X[name].unique()) for name in X.columns}
    odd = X[:9].copy()
    odd.loc[0, "job"] = "pilot"  # unknown
    odd.loc[1, "job"] = None
    odd.loc[2, "size"] = None
    odd.loc[3, "size"] = "M"  # of the dtype, but not seen
    with pytest.warns(UserWarning, match=r"not seen in fit, in the columns \['job', 'size'\]"):
        certificate = clf.certify(odd)
    assert certificate.method == "exact"
    assert clf.estimator_.asked_about == list(X.dtypes)
    for i in range(9):
        row = odd.iloc[[i]]
        p = by_hand(clf, row, known, HALF, [c for c in X.columns if row[c].isna().any()])
        assert sum(p.values()) == 1
        # the law around unknown values is even but for multiples of 2**-64
        assert certificate.p_lower[i] == pytest.approx(float(max(p.values())), abs=1e-15)
        assert certificate.selected[i] == max(p, key=p.get)


def test_every_certified_neighbour_has_the_same_answer():
    pd = pytest.importorskip("pandas")
    rng, names = np.random.default_rng(0), list("abcde")
    X = pd.DataFrame(rng.choice(["x", "y"], (400, 5)), columns=names)
    y = (X == "x").sum(axis=1) > 2
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
    clf = SmoothedClassifier(model, noise=Flip(keep=0.8), n_augment=2, random_state=0).fit(X, y)
    rows = pd.DataFrame(list(itertools.product(["x", "y", "new"], repeat=5)), columns=names)
    with pytest.warns(UserWarning, match="not seen in fit"):
        certificate = clf.certify(rows)
    words = rows.to_numpy()
    apart = (words[:, None] != words[None]).sum(axis=2)
    same = certificate.selected[:, None] == certificate.selected[None]
    inside = (apart <= certificate.radii[:, None]) & ~certificate.abstained[:, None]
    new = np.any(words == "new", axis=1)
    assert (inside & ~new[:, None] & new[None]).sum() >= 10  # five of each row of one word
    assert np.all(same[inside])
    assert not np.all(same)


def test_laws_around_unknown_values_are_dominated():
    """Exactly: the pair with an unknown value is no easier to tell apart than a changed one."""
    noise = FlipNoise.keeping(0.6, [(0.0, 1.0, 2.0)])
    shares = [Fraction(p) for p in (0, 0.1, 0.35, 0.5, 0.61, 0.8, 0.93, 1)]

    def law(value):
        outcomes = noise.outcomes(np.array([value]))
        return [Fraction(outcomes.weights[kind], outcomes.total) for kind in outcomes.kinds]

    ordinary = Pair.categorical(noise.keep, 2)
    for value in (0.0, 1.0, 2.0):
        for x, other in ((value, 9.0), (9.0, value)):
            pair = Pair(tuple(zip(law(x), law(other), strict=True)))
            assert all(pair.exact_lower(p) >= ordinary.exact_lower(p) for p in shares)
    assert max(law(9.0)) - min(law(9.0)) <= Fraction(3, 2**64)


def test_unknown_values_are_drawn_evenly():
    noise = FlipNoise.keeping(0.9, [(0.0, 1.0, 2.0), (0.0, 5.0)])
    row = np.array([7.0, 5.0])
    out = np.empty((30_000, 2))
    noise.around(row)(Philox().at(row_key(bytes(16), row, noise.name), 0, Purpose.TRAIN), out)
    share = [(out[:, 0] == value).mean() for value in (0.0, 1.0, 2.0)]
    np.testing.assert_allclose(share, 1 / 3, atol=0.015)  # 5 standard errors
    assert (out[:, 1] == 5).mean() == pytest.approx(0.9, abs=0.009)


@pytest.mark.parametrize("noise", [Flip(keep=0.7), Drop(drop=0.6)], ids=["flip", "drop"])
def test_draws_agree_with_the_list(noise):
    pd = pytest.importorskip("pandas")
    X, y = table(pd)
    base = HistGradientBoostingClassifier(max_iter=5, categorical_features="from_dtype")
    encoder = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), ["job"]),
        ("passthrough", ["size", "rooms", "owner"]),
    ).set_output(transform="pandas")
    clf = SmoothedClassifier(make_pipeline(encoder, base), noise=noise, n_augment=4, random_state=0)
    clf.fit(X, y)
    exact, drawn = clf.certify(X[:6]), clf.set_params(method="montecarlo").certify(X[:6], n=3000)
    assert exact.form == "enumerated"
    p = drawn.counts.max(axis=1) / 3000
    same = drawn.selected == exact.selected
    np.testing.assert_allclose(p[same], exact.p_lower[same], atol=0.05)  # 5 standard errors
    assert same.sum() > 3
    assert np.all(drawn.p_lower[same] <= exact.p_lower[same])
    again = pickle.loads(pickle.dumps(clf)).certify(X[:6], n=3000)
    assert again.equals(drawn)


def test_columns_of_polars():
    pl = pytest.importorskip("polars")
    rng = np.random.default_rng(0)
    X = pl.DataFrame(
        {
            "job": rng.choice(["cook", "clerk", "none"], N),
            "size": pl.Series(rng.choice(["S", "L"], N), dtype=pl.Enum(["S", "M", "L"])),
            "rooms": pl.Series(rng.integers(1, 4, N), dtype=pl.Int8),
        }
    )
    y = (X["job"] == "cook").to_numpy() | (X["rooms"] > 2).to_numpy()
    for noise in (Flip(keep=0.7), Drop(drop=0.5)):
        clf = SmoothedClassifier(OneHot(), noise=noise, n_augment=2, random_state=0).fit(X, y)
        certificate = clf.certify(X[:5])
        kept = 3 if isinstance(noise, Flip) else 2  # numbers that may be missing are floats
        assert clf.estimator_.asked_about[:kept] == X.dtypes[:kept]
        assert certificate.form == "enumerated"
        assert not certificate.abstained.all()


@pytest.mark.parametrize("dtype", [object, str])
def test_arrays_of_text(dtype):
    rng = np.random.default_rng(0)
    X = np.stack([rng.choice(["cook", "no", "1"], N), rng.choice(["7", "8"], N)], axis=1)
    X, y = X.astype(dtype), X[:, 0] == "cook"
    tree = make_pipeline(OneHotEncoder(handle_unknown="ignore"), DecisionTreeClassifier())
    clf = SmoothedClassifier(OneHot(), noise=Flip(keep=0.9), random_state=0).fit(X, y)
    certificate = clf.certify(X[:8])
    assert clf.estimator_.fitted_on == clf.estimator_.asked_about == X.dtype
    assert certificate.selected.tolist() == y[:8].tolist()
    clf = SmoothedClassifier(tree, noise=Flip(keep=0.9), n_augment=9, random_state=0).fit(X, y)
    certificate = clf.certify(X[:8])
    assert certificate.selected.tolist() == y[:8].tolist()
    cook = X[:8, 0] == "cook"
    np.testing.assert_allclose(certificate.p_lower, np.where(cook, 0.9, 0.95), atol=1e-12)
    with pytest.raises(ValueError, match="a table with columns without numbers"):
        clf.predict(np.zeros((2, 2)))


def test_a_column_with_one_value_has_no_noise():
    pd = pytest.importorskip("pandas")
    X, y = table(pd)
    X = X[["job", "rooms"]].assign(land="NL")
    clf = SmoothedClassifier(OneHot(), noise=Flip(keep=0.7), random_state=0).fit(X, y)
    assert noise_of(clf).norm.scale == (1.0, 1.0, 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(clf.certify(X[:2].assign(land="BE"))) == 2  # it reaches the base as it is


def test_whole_numbers_stay_whole_numbers():
    pd = pytest.importorskip("pandas")
    X, y = table(pd)
    X = X[["rooms"]].astype("int32")
    clf = SmoothedClassifier(OneHot(), noise=Flip(keep=0.7), random_state=0).fit(X, y)
    clf.certify(X[:3].astype("int64"))
    assert clf.estimator_.asked_about == [np.dtype("int32")]
    with pytest.warns(UserWarning, match="valid feature names"):
        clf.certify(X[:3].to_numpy())  # numbers are known by themselves
    with pytest.raises(ValueError, match="X is of polars"):
        clf.certify(pytest.importorskip("polars").DataFrame({"rooms": [1, 2]}))


def test_a_log_of_text(tmp_path):
    pd = pytest.importorskip("pandas")
    X, y = table(pd)
    base = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
    clf = SmoothedClassifier(base, noise=Flip(keep=0.7), random_state=0).fit(X, y)
    for method in ("auto", "montecarlo"):
        clf.set_params(method=method)
        path = tmp_path / method
        first = clf.certify(X[:4], n=500, log=path)
        assert clf.certify(X[:4], n=500, log=path).equals(first)
        assert clf.certify(X[:4], n=500).radii.tolist() == first.radii.tolist()


def test_tables_of_values_in_files():
    """They are lists there: skops cannot load arrays of pandas."""
    pd = pytest.importorskip("pandas")
    X, y = table(pd)
    X["visits"] = pd.array(X.rooms, dtype="Int64")
    X["code"] = X.job.astype(object)
    clf = SmoothedClassifier(OneHot(), noise=Flip(keep=0.7), random_state=0).fit(X, y)
    again = pickle.loads(pickle.dumps(clf))
    for one, two in zip(clf._frame.kept, again._frame.kept, strict=True):
        assert list(one.values) == list(two.values)
        assert str(one.values.dtype) == str(two.values.dtype)
    state = {column.place: column.__getstate__()["values"] for column in clf._frame.kept}
    assert isinstance(state[0], dict)
    assert isinstance(state[1], dict)
    for each in (clf, again):
        each.set_params(method="montecarlo")
    assert again.certify(X[:3], n=300).equals(clf.certify(X[:3], n=300))
    assert again.estimator_.asked_about == list(X.dtypes)


def test_a_regressor_of_text():
    pd = pytest.importorskip("pandas")
    X, _ = table(pd)
    y = (X.job == "cook") * 2.0 + X.rooms
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["job"]), ("passthrough", ["rooms"])
    )
    X = X[["job", "rooms"]]
    base = FrozenEstimator(make_pipeline(encoder, LinearRegression()).fit(X, y))
    reg = SmoothedRegressor(base, noise=Flip(keep=0.9), n=500, random_state=0).fit(X, y)
    np.testing.assert_allclose(reg.predict(X[:5]), y[:5])
    with pytest.warns(UserWarning, match="not seen in fit"):
        reg.predict(X[:2].assign(job="pilot"))
    with pytest.raises(ValueError, match="method='exact'"):  # outputs are not enumerated
        reg.set_params(method="exact").predict(X[:2])


@pytest.mark.parametrize(
    ("of_arrays", "options"),
    [
        (False, {"sigma": {"word": Drop(drop=0.6), "number": 0.5}}),
        (False, {"noise": Drop(drop=(0.6, 0.0))}),
        (True, {"noise": Drop(drop=(0.6, 0.0))}),
    ],
    ids=["mixed", "frames", "arrays"],
)
def test_what_noise_makes_missing_is_the_same_whatever_rows_come_together(of_arrays, options):
    """Encoders tell None from NaN: the base is to see that of fit."""
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    words = pd.Series(rng.choice(["x", "y", "z"], N), dtype=object)
    missing = words.where(rng.random(N) < 0.8, np.nan)
    X = pd.DataFrame({"word": missing, "number": rng.normal(size=N)})
    rows = X.assign(word=words)[:6]
    beside = rows.copy()
    beside.loc[5, "word"] = None
    if of_arrays:
        X, rows, beside = (frame.to_numpy() for frame in (X, rows, beside))
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=7)
    base = make_pipeline(
        make_column_transformer((encoder, [0]), remainder="passthrough"),
        DecisionTreeClassifier(max_depth=3, random_state=0),
    )
    clf = SmoothedClassifier(base, random_state=0, n_augment=4, **options)
    clf.fit(X, (words != "z").to_numpy())
    alone, together = clf.certify(rows), clf.certify(beside)
    assert alone.method == "exact"
    assert alone[:5].labels.tolist() == together[:5].labels.tolist()
    np.testing.assert_array_equal(alone.p_lower[:5], together.p_lower[:5])
