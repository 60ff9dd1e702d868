"""Columns without noise reach the base as they are: text, categories, dates, and whatever has gaps.

What a hand-written loop would do, with ``iloc`` and ``assign``, is the oracle here.
"""

import contextlib
import datetime
import hashlib
import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import sksmooth
from sksmooth import SmoothedClassifier
from sksmooth.backends.frames import kinds_of_columns, read_frame
from sksmooth.estimators.reading import read_rows
from sksmooth.noise import Flip
from sksmooth.noise.streams import Philox, Purpose, block_rows, row_key

pd = pytest.importorskip("pandas")

N = 120
SIGMA = {"age": 0.5, "income": 20.0, "*": 0}
TEXT = ["home", "job", "seen"]


def table(n=N, seed=0):
    """Numbers with gaps, and columns of many kinds."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "home": rng.choice(["rent", "own", "other"], n),
            "age": rng.normal(size=n),
            "job": pd.Categorical(rng.choice(["a", "b"], n), categories=["b", "c", "a"]),
            "income": rng.normal(scale=40, size=n).round(1),
            "children": rng.integers(0, 4, n),
            "seen": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 9, n), unit="D"),
            "member": rng.random(n) < 0.5,
            "visits": pd.array(rng.integers(0, 5, n), dtype="Int64"),
        }
    )
    y = (frame.age + frame.income / 40 + (frame.home == "own") > 0).to_numpy().astype(int)
    frame.loc[3, "home"] = None
    frame.loc[5, "job"] = None
    frame.loc[6, "visits"] = None
    frame.loc[[7, 8], "income"] = np.nan
    frame.loc[8, "age"] = np.nan
    return frame, y


def encoded(model, numbers=("age", "income", "children")):
    """The usual pipeline: imputed and scaled numbers, encoded text."""
    return make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), list(numbers)),
            (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["home", "job"]),
        ),
        model,
    )


def smoothed(base=None, sigma=None, **options):
    base = encoded(LogisticRegression()) if base is None else base
    sigma = SIGMA if sigma is None else sigma
    return SmoothedClassifier(base, sigma, random_state=0, n_predict=100, **options)


class Recorder(ClassifierMixin, BaseEstimator):
    """Keeps the frames that it gets."""

    def fit(self, X, y):
        self.classes_, self.frames_ = np.unique(y), [X]
        return self

    def predict(self, X):
        self.frames_.append(X)
        return np.where(X["age"].fillna(0) > 0, *self.classes_[::-1])

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def votes_by_hand(clf, frame, n):
    """Count votes with a frame that is put together row by row, by ``iloc`` and ``assign``."""
    columns = list(frame.columns)
    still = [SIGMA.get(name, 0) == 0 for name in columns]
    values, _ = read_frame(frame, still)
    noise = sksmooth.estimators.smoother_of(clf).noise
    counts = np.zeros((len(frame), len(clf.classes_)), dtype=int)
    for i, row in enumerate(values):
        key, perturb = row_key(clf._seed, row, noise.name), noise.around(row)
        size = block_rows(row.size)
        for block, start in enumerate(range(0, n, size)):
            out = np.empty((min(size, n - start), row.size))
            perturb(Philox().at(key, block, Purpose.ESTIMATE), out)
            noisy = frame.iloc[[i] * len(out)].reset_index(drop=True)
            noisy = noisy.assign(age=out[:, 1], income=out[:, 3])
            answers = clf.estimator_.predict(noisy)
            counts[i] += (answers[:, None] == clf.classes_).sum(axis=0)
    return counts


BASES = {
    "linear": lambda: encoded(LogisticRegression()),
    "native categories": lambda: make_pipeline(
        make_column_transformer(
            (OrdinalEncoder(), ["home", "job"]),
            ("passthrough", ["age", "income", "children", "member"]),
            verbose_feature_names_out=False,
        ),
        HistGradientBoostingClassifier(max_iter=5, categorical_features=[0, 1], random_state=0),
    ),
    "target encoder": lambda: make_pipeline(
        make_column_transformer(
            (TargetEncoder(cv=2), ["home"]),
            (SimpleImputer(), ["age", "income"]),
        ),
        KNeighborsClassifier(),
    ),
    "voting": lambda: VotingClassifier(
        [("a", encoded(LogisticRegression())), ("b", encoded(GaussianNB()))], voting="soft"
    ),
}


@pytest.mark.parametrize("base", BASES)
def test_votes_are_those_of_a_loop_by_hand(base):
    frame, y = table()
    clf = smoothed(BASES[base](), method="montecarlo").fit(frame, y)
    rows = frame.iloc[[0, 3, 5, 6, 7, 8, 11]]
    certificate = clf.certify(rows, n=700, n0=20)
    assert np.array_equal(certificate.counts, votes_by_hand(clf, rows.reset_index(drop=True), 700))


def test_the_base_gets_what_it_would_get_alone():
    frame, y = table()
    clf = smoothed(Recorder(), n_augment=2).fit(frame, y)
    clf.certify(frame[:9], n=300)
    trained, *asked = clf.estimator_.frames_
    assert len(trained) == 2 * len(frame)
    assert trained.dtypes.equals(frame.dtypes)
    noisy = ["age", "income"]
    for copy in (trained[:N], trained[N:].reset_index(drop=True)):
        pd.testing.assert_frame_equal(copy.drop(columns=noisy), frame.drop(columns=noisy))
        assert copy[noisy].isna().equals(frame[noisy].isna())
        assert not np.any(copy[noisy] == frame[noisy])
    known = {tuple(map(str, row)) for row in frame.drop(columns=noisy).itertuples(index=False)}
    for batch in asked:
        assert batch.dtypes.equals(frame.dtypes)
        assert list(batch.columns) == list(frame.columns)
        drawn = {tuple(map(str, row)) for row in batch.drop(columns=noisy).itertuples(index=False)}
        assert drawn <= known


def forms():
    """One table in many dtypes."""
    frame, _ = table(30)
    texts = ["home", "job"]
    yield "as it is", frame
    yield "objects", frame.astype(dict.fromkeys([*texts, "member", "children"], object))
    yield "category", frame.astype({"home": "category"})
    yield "other order", frame.assign(job=frame.job.cat.set_categories(["c", "a", "b", "d"]))
    dtypes = ["string[python]"]
    if pd.__version__ >= "3":  # earlier, gaps would become text
        dtypes.append("str")
    with contextlib.suppress(ImportError):
        dtypes.append(pd.StringDtype("pyarrow"))
    for dtype in dtypes:
        yield str(dtype), frame.astype(dict.fromkeys(texts, dtype))
    none = frame.astype(dict.fromkeys(texts, object))
    yield "None for gaps", none.where(none.notna(), None).astype({"age": float, "income": float})
    yield "nullable", frame.convert_dtypes()
    yield "small", frame.astype({"children": "int8", "visits": "Float32", "member": "int16"})
    yield "seconds", frame.astype({"seen": "datetime64[s]"})
    yield "dates", frame.assign(seen=[moment.date() for moment in frame.seen])
    yield "UTC", frame.assign(seen=frame.seen.dt.tz_localize("UTC").dt.tz_convert("Asia/Tokyo"))


def keys(frame):
    still = [name not in ("age", "income") for name in frame.columns]
    values, _ = read_frame(frame, still)
    return [row_key(b"s" * 16, row).tolist() for row in values]


def test_names_of_streams_do_not_depend_on_dtypes():
    expected = None
    for name, frame in forms():
        found = keys(frame)
        expected = expected or found
        assert found == expected, name
        assert keys(frame[::-1]) == expected[::-1]
        assert keys(frame[7:8]) == expected[7:8]
    assert len({tuple(key) for key in expected}) == len(expected)


def in_polars(frame):
    import polars as pl

    return pl.DataFrame(
        {n: [None if pd.isna(v) else v for v in frame[n].tolist()] for n in frame.columns}
    ).with_columns(pl.col("job").cast(pl.Categorical))


def test_polars_has_the_same_names():
    pl = pytest.importorskip("polars")
    frame, _ = table(30)
    expected = keys(frame)
    moved = in_polars(frame)
    others = [
        moved,
        moved.with_columns(pl.col("job").cast(pl.String)),
        moved.with_columns(pl.col("home").cast(pl.Enum(["other", "own", "rent"]))),
        moved.with_columns(pl.col("seen").cast(pl.Datetime("ms"))),
        moved.with_columns(pl.col("seen").cast(pl.Date)),
        moved.with_columns(pl.col("children").cast(pl.UInt8)),
    ]
    for other in others:
        assert keys(other) == expected
        still = [name not in ("age", "income") for name in other.columns]
        values, maker = read_frame(other, still)
        back = maker(values).with_columns(pl.col("age", "income").fill_nan(None))
        assert back.equals(other)
        assert back.schema == other.schema


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_frames_survive_a_round_trip(library):
    frame, _ = table(40)
    if library == "polars":
        pytest.importorskip("polars")
        frame = in_polars(frame)
        assert set(kinds_of_columns(frame)) == {
            "text",
            "numbers",
            "categories",
            "dates",
            "booleans",
        }
    values, maker = read_frame(frame, [True] * frame.shape[1])
    numbers = np.array([39, 4, 4, 4, 5, 5, 0, 3, 3, 8])
    back = pickle.loads(pickle.dumps(maker))(values[numbers])
    if library == "polars":
        assert back.equals(frame[numbers])
        assert back.schema == frame.schema
    else:
        expected = frame.iloc[numbers].reset_index(drop=True)
        pd.testing.assert_frame_equal(back, expected, check_categorical=True)
    for strange in (values[:, :1] * 0 + 12345.0, values[:, :1] + 1, np.full((40, 1), 2.0**60)):
        with pytest.raises(ValueError, match=r"\['home'\] do not hold numbers"):
            maker(np.hstack([strange, values[:, 1:]]))
    with pytest.raises(ValueError, match=r"\['home'.*do not hold numbers"):
        maker.bare()(values)


@pytest.mark.parametrize(
    "values",
    [["x", 2.5, None], ["x", None], [datetime.date(2020, 1, 1), pd.Timestamp(2020, 1, 2)]],
)
def test_objects_stay_objects_whatever_is_in_the_batch(values):
    frame = pd.DataFrame({"a": [1.0] * len(values), "o": pd.Series(values, dtype=object)})
    array, maker = read_frame(frame, [False, True])
    for row, value in enumerate(values):
        back = maker(array[[row, row]])["o"]
        assert back.dtype == object
        for found in back:
            assert (type(found), found) == (type(value), value)


def test_a_frozen_base_meets_the_none_that_it_knows():
    frame = pd.DataFrame({"a": np.zeros(40), "o": pd.Series(["x", None] * 20, dtype=object)})
    answers = np.tile([0, 1], 20)
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer((StandardScaler(), ["a"]), (encoder, ["o"]))
    base = make_pipeline(columns, LogisticRegression()).fit(frame, answers)
    clf = SmoothedClassifier(FrozenEstimator(base), {"a": 0.1}, random_state=0).fit(frame, answers)
    np.testing.assert_array_equal(clf.certify(frame[:4]).labels, base.predict(frame[:4]))


def test_times_closer_than_a_microsecond_are_not_one():
    pl = pytest.importorskip("polars")
    frame = pl.DataFrame({"t": pl.Series([0, 1, 2000, None]).cast(pl.Time)})
    values, maker = read_frame(frame, [True])
    assert maker(values).equals(frame)
    noon = datetime.time(12, tzinfo=datetime.UTC)
    east = datetime.time(13, tzinfo=datetime.timezone(datetime.timedelta(hours=1)))
    assert noon == east
    frame = pd.DataFrame({"t": pd.Series([noon, east], dtype=object)})
    values, maker = read_frame(frame, [True])
    assert [time.hour for time in maker(values)["t"]] == [12, 13]


def test_names_of_text_are_known():
    """They are the same in every process, and those of earlier versions: logs hold keys."""
    frame = pd.DataFrame({"c": ["own", "rent", None]})
    expected = []
    for text in ("own", "rent"):
        digest = hashlib.blake2b(b"s" + text.encode(), digest_size=8, person=b"sksmooth").digest()
        expected.append(int.from_bytes(digest, "little") >> 11)
    assert np.array_equal(read_frame(frame, [True])[0][:, 0], [*expected, np.nan], equal_nan=True)
    assert expected == [5214106432025729, 2830497939064116]


LIMIT = [
    lambda: CalibratedClassifierCV(encoded(GaussianNB()), cv=2),
    lambda: VotingClassifier([("a", encoded(SVC())), ("b", encoded(GaussianNB()))]),
    lambda: StackingClassifier([("a", encoded(GaussianNB()))], LogisticRegression(), cv=2),
    lambda: GridSearchCV(encoded(LogisticRegression()), {"logisticregression__C": [0.1, 1]}, cv=2),
    lambda: BASES["native categories"](),
    lambda: BASES["target encoder"](),
]


def assert_limit(base, frame, y, *, sigma=None):
    """With hardly any noise the smoother answers as the base does on the same rows."""
    sigma = {"age": 1e-7, "income": 1e-5, "*": 0} if sigma is None else sigma
    clf = smoothed(base, sigma, method="montecarlo").fit(frame, y)
    alone = clf.estimator_
    expected = alone.predict(frame)
    assert np.mean(clf.predict(frame) == np.asarray(expected).ravel()) > 0.99
    frozen = smoothed(FrozenEstimator(alone), sigma, method="montecarlo").fit(frame, y)
    assert np.array_equal(frozen.predict(frame), clf.predict(frame))
    plain = sksmooth.SmoothedClassifier(base, sigma).estimator.fit(frame, y).predict(frame)
    assert np.mean(np.ravel(plain) == clf.predict(frame)) > 0.9


@pytest.mark.parametrize("number", range(len(LIMIT)))
def test_limit(number):
    assert_limit(LIMIT[number](), *table())


@pytest.mark.parametrize("library", ["hist", "lightgbm", "catboost", "xgboost"])
def test_native_categories(library):
    frame, y = table()
    frame = frame.drop(columns="seen").astype({"home": "category", "visits": float})
    if library == "hist":
        base = HistGradientBoostingClassifier(max_iter=5, random_state=0)
    elif library == "lightgbm":
        package = pytest.importorskip("lightgbm")
        base = package.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1)
    elif library == "xgboost":
        package = pytest.importorskip("xgboost")
        base = package.XGBClassifier(n_estimators=5, enable_categorical=True, n_jobs=1)
    else:
        package = pytest.importorskip("catboost")
        for name in ("home", "job"):
            frame[name] = frame[name].astype(object).where(frame[name].notna(), "none")
        base = package.CatBoostClassifier(
            iterations=5, thread_count=1, allow_writing_files=False, silent=True
        ).fit(frame, y, cat_features=["home", "job"])
        clf = smoothed(FrozenEstimator(base), {"age": 1e-7, "income": 1e-5, "*": 0})
        assert np.array_equal(clf.fit(frame, y).predict(frame), np.ravel(base.predict(frame)))
        return
    assert_limit(base, frame, y)


@pytest.fixture(scope="module")
def fitted():
    frame, y = table()
    return smoothed(method="montecarlo").fit(frame, y), frame, y


class TestSameWhateverElse:
    """Promise 1: a row's result depends on the seed and the row alone."""

    def test_order_subset_batches_workers(self, fitted):
        clf, frame, _ = fitted
        rows = frame.iloc[:12]
        whole = clf.certify(rows, n=500)
        assert np.array_equal(clf.certify(rows[::-1], n=500).counts, whole.counts[::-1])
        assert np.array_equal(clf.certify(rows[5:6], n=500).counts, whole.counts[5:6])
        clone = pickle.loads(pickle.dumps(clf)).set_params(batch_size=333)
        assert np.array_equal(clone.certify(rows, n=500).counts, whole.counts)

    def test_threads(self, fitted):
        clf, frame, _ = fitted
        whole = clf.certify(frame.iloc[:2], n=8192)
        with joblib.parallel_config(backend="threading", n_jobs=2):
            again = clf.certify(frame.iloc[:2], n=8192)
        assert np.array_equal(again.counts, whole.counts)

    def test_what_is_sent_to_processes(self, fitted):
        """The values of the call's rows go with the base."""
        clf, frame, _ = fitted
        X, maker = read_rows(clf, frame.iloc[:9])
        backend = sksmooth.estimators.smoother_of(clf, maker).backend
        content = pickle.dumps(backend)
        assert len(content) < len(pickle.dumps(clf)) + 20_000
        assert np.array_equal(pickle.loads(content).classify(X), backend.classify(X))

    def test_logs(self, fitted, tmp_path):
        clf, frame, _ = fitted
        rows = frame.iloc[:6]
        first = clf.certify(rows, n=500, log=tmp_path / "log.tsv")
        again = clf.certify(rows, n=500, log=tmp_path / "log.tsv")
        assert np.array_equal(first.counts, again.counts)
        with pytest.raises(ValueError, match="row"):
            clf.certify(rows.assign(home="own"), n=500, log=tmp_path / "log.tsv")

    def test_other_text_is_another_row(self, fitted):
        clf, frame, _ = fitted
        rows = frame.iloc[:6]
        other = rows.assign(seen=rows.seen + pd.Timedelta(1, "ns"))  # which the base ignores
        counts = clf.certify(rows, n=5000).counts
        assert not np.array_equal(clf.certify(other, n=5000).counts, counts)

    def test_search(self):
        frame, y = table()
        grid = {"sigma": [{"age": 0.3, "*": 0}, {"age": 0.6, "income": 9.0, "*": 0}]}
        search = GridSearchCV(smoothed(), grid, cv=2, error_score="raise").fit(frame, y)
        assert sksmooth.certify(search, frame[:2], n=200).labels.shape == (2,)
        assert np.mean(search.predict(frame) == y) > 0.6


class TestRefused:
    def test_one_sigma_over_text(self):
        frame, y = table()
        message = (
            r"sigma=0\.25 is for all columns, but noise cannot be added to 'home' \(text\), 'job' "
            r"\(categories\), 'seen' \(dates\).*units='std'.*sigma=\{'\*': 0\.25\}"
        )
        with pytest.raises(ValueError, match=message):
            smoothed(sigma=0.25).fit(frame, y)

    def test_numbers_that_are_not_named(self):
        frame, y = table()
        with pytest.raises(ValueError, match=r"missing are \['income', 'children', 'visits'\]"):
            smoothed(sigma={"age": 1.0}).fit(frame, y)

    def test_noise_on_text(self):
        frame, y = table()
        message = r"cannot be added to 'home' \(text\)\. Give it a sigma of 0"
        with pytest.raises(ValueError, match=message):
            smoothed(sigma={"home": 1.0, "*": 0}).fit(frame, y)
        with pytest.raises(ValueError, match="cannot be added to 'home'"):
            smoothed(sigma=[1.0] * 8).fit(frame, y)

    def test_flips_of_text(self):
        frame, y = table()
        with pytest.raises(ValueError, match=r"'home' \(text\).*To certify changes of them"):
            smoothed(sigma=0.25, noise=Flip(add=0.1, remove=0.2)).fit(frame, y)

    def test_arrays_of_objects(self):
        frame, y = table()
        with pytest.raises(ValueError, match=r"not all of it are numbers.*Pass a data frame"):
            smoothed(sigma=0.25).fit(frame.to_numpy(dtype=object), y)

    def test_an_array_after_a_frame(self):
        frame, y = table()
        clf = smoothed().fit(frame, y)
        with pytest.raises(ValueError, match="in fit it was a table with columns without"):
            clf.predict(np.zeros((2, 8)))

    def test_text_after_numbers(self):
        frame, y = table()
        clf = smoothed(GaussianNB(), 0.5).fit(frame[["age"]].fillna(0), y)
        with pytest.raises(ValueError, match=r"X has columns without numbers, 'age' \(text\)"):
            clf.predict(pd.DataFrame({"age": ["old"]}))

    def test_other_columns(self):
        frame, y = table()
        clf = smoothed().fit(frame, y)
        with pytest.raises(ValueError, match="same order"):
            clf.predict(frame[frame.columns[::-1]])

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ([None, float("nan"), "a"], "'c' has None and nan for missing values"),
            ([1, 1.0, "a"], "'c' has the values 1 of type int and 1.0 of type float"),
            ([[1], [2], "a"], "'c' holds values of type list"),
            ([object(), 1, 2], "'c' holds values of type object"),
        ],
    )
    def test_values_that_cannot_be_told_apart(self, values, message):
        frame = pd.DataFrame({"c": pd.Series(values, dtype=object)})
        with pytest.raises((TypeError, ValueError), match=message):
            read_frame(frame, [True])

    def test_two_texts_with_one_hash(self, monkeypatch):
        monkeypatch.setattr(sksmooth.backends.value_codes, "_hash", lambda kind, text: 1.0)
        with pytest.raises(ValueError, match="cannot be told apart"):
            read_frame(pd.DataFrame({"c": ["a", "b"]}), [True])


class TestGaps:
    def test_what_is_missing_stays_missing(self):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(60, 3))
        y = (X.sum(axis=1) > 0).astype(int)
        X[::7, 1] = np.nan
        base = HistGradientBoostingClassifier(max_iter=5, random_state=0)
        for sigma in (0.5, [0.5, 1.0, 0.0]):
            for noise in ("gaussian", "laplace") if sigma == 0.5 else ("gaussian",):
                clf = SmoothedClassifier(base, sigma, noise=noise, random_state=0).fit(X, y)
                bound = sksmooth.estimators.smoother_of(clf).noise
                out = np.empty((500, 3))
                bound.around(X[0])(Philox().at(row_key(b"s" * 16, X[0]), 0, 1), out)
                assert np.isnan(out[:, 1]).all()
                assert out[:, 0].std() > 0.3
                exact = clf.certify(X[:2])
                assert exact.method == "exact"
                drawn = clf.set_params(method="montecarlo").certify(X[:2], n=2000)
                assert np.all(drawn.p_lower <= exact.p_lower + exact.width)

    def test_the_certificate_is_that_of_the_values_that_are_there(self):
        """With one value missing, noise and radius are those of rows without the column."""
        w = np.array([1.0, 0.5])
        rng = np.random.default_rng(0)
        X = rng.normal(size=(40, 3))
        y = (X[:, :2] @ w > 0).astype(int)
        base = make_pipeline(SimpleImputer(strategy="constant", fill_value=0), Plane((*w, 9.0)))
        gaps = X.copy()
        gaps[1:, 2] = np.nan
        clf = SmoothedClassifier(base, 0.5, random_state=0).fit(gaps, y)
        certificate = clf.certify(gaps[1:], n=20_000)
        exact = np.abs(X[1:, :2] @ w) / np.linalg.norm(w)
        there = ~certificate.abstained
        assert np.all(certificate.radii[there] <= exact[there])
        near = there & (exact < 1)
        assert np.all(certificate.radii[near] > 0.8 * exact[near] - 0.05)
        assert np.array_equal(certificate.labels[there], y[1:][there])

    def test_bits_of_nan_mean_nothing(self):
        row = np.array([1.0, np.nan])
        other = row.copy()
        other.view(np.int64)[1] ^= 1
        assert np.array_equal(row_key(b"s" * 16, row), row_key(b"s" * 16, other))
        assert not np.array_equal(row_key(b"s" * 16, row), row_key(b"s" * 16, np.array([1.0, 0])))

    def test_a_closed_form_is_taken_or_not_whatever_gaps_the_rows_have(self):
        X = np.random.default_rng(0).normal(size=(60, 2))
        y = (X[:, 0] > 0).astype(int)
        gaps = X.copy()
        gaps[1, 1] = np.nan
        for rows in (X, gaps):
            clf = SmoothedClassifier(DecisionTreeClassifier(), 0.5, random_state=0).fit(rows, y)
            assert clf.certify(X[:2]).method == clf.certify(gaps[:2]).method == "exact"
            drawn = clf.set_params(method="montecarlo").certify(gaps[:2], n=200)
            assert drawn.labels.shape == (2,)
        base = make_pipeline(KNNImputer(), DecisionTreeClassifier())
        clf = SmoothedClassifier(base, 0.5, random_state=0).fit(X, y)
        assert clf.certify(X[:2]).method == "exact"
        for ask in (clf.certify, clf.predict, clf.vote_frequencies):
            with pytest.raises(ValueError, match=r"NaN in 1 rows, the first.* row 1.*montecarlo"):
                ask(gaps)
        clf = SmoothedClassifier(base, 0.5, random_state=0).fit(gaps, y)
        assert clf.certify(X[:2], n=200).method == "montecarlo"

    def test_flips(self):
        X = np.random.default_rng(0).integers(0, 3, size=(60, 4)).astype(float)
        y = (X[:, 0] > 1).astype(int)
        X[::5, 2] = np.nan
        clf = SmoothedClassifier(
            DecisionTreeClassifier(random_state=0), noise=Flip(keep=0.9), random_state=0
        ).fit(X, y)
        assert clf._categories[2] == (0.0, 1.0, 2.0)
        assert clf.certify(X[:5], n=500).norm == "l0"


class Plane(ClassifierMixin, BaseEstimator):
    def __init__(self, w=(1.0,)):
        self.w = w

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return (np.asarray(X) @ np.array(self.w) > 0).astype(int)


@pytest.mark.parametrize("model", [DecisionTreeClassifier(), LogisticRegression()])
def test_functions_in_front_leave_gaps_to_the_steps_behind(model):
    clip = FunctionTransformer(np.clip, kw_args={"a_min": 0, "a_max": None})
    rows = np.random.default_rng(0).normal(size=(40, 2))
    answers = (rows[:, 0] > 0).astype(int)
    rows[::5, 1] = np.nan
    clf = SmoothedClassifier(make_pipeline(clip, SimpleImputer(), model), 0.3, random_state=0)
    assert clf.fit(rows, answers).certify(rows[:5], n=100).norm == "l2"
    if isinstance(model, LogisticRegression):
        with pytest.raises(ValueError, match="NaN"):
            clf.set_params(estimator=make_pipeline(clip, model)).fit(rows, answers)


def test_tags_are_those_of_the_base():
    from sklearn.utils import get_tags

    tags = get_tags(SmoothedClassifier(HistGradientBoostingClassifier())).input_tags
    assert tags.allow_nan
    assert tags.categorical == get_tags(HistGradientBoostingClassifier()).input_tags.categorical
    assert not get_tags(SmoothedClassifier(LogisticRegression())).input_tags.allow_nan


def test_sigma_by_place():
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = (X[:, 0] > 0).astype(int)
    clf = SmoothedClassifier(GaussianNB(), {0: 0.5, "*": 0}, random_state=0).fit(X, y)
    assert clf.certify(X[:2]).sigma == (0.5, 0.0, 0.0)


@pytest.mark.parametrize("name", ["trees", "forest", "hist", "xgboost", "lightgbm", "catboost"])
def test_shortcuts_know_what_is_missing(name):
    X = np.random.default_rng(0).normal(size=(150, 4))
    y = (X[:, 0] + X[:, 1] * X[:, 2] > 0).astype(int)
    X[np.random.default_rng(1).random(X.shape) < 0.2] = np.nan
    if name in ("xgboost", "lightgbm", "catboost"):
        package = pytest.importorskip(name)
    base = {
        "trees": lambda: DecisionTreeClassifier(max_depth=6, random_state=0),
        "forest": lambda: RandomForestClassifier(5, random_state=0),
        "hist": lambda: HistGradientBoostingClassifier(max_iter=5, random_state=0),
        "xgboost": lambda: package.XGBClassifier(n_estimators=5, n_jobs=1),
        "lightgbm": lambda: package.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1),
        "catboost": lambda: package.CatBoostClassifier(
            iterations=5, thread_count=1, allow_writing_files=False, silent=True
        ),
    }[name]()
    clf = SmoothedClassifier(base, 0.4, method="montecarlo", random_state=0).fit(X, y)
    found = clf.certify(X[:20], n=500)
    assert found.run.shortcut is not None
    assert np.array_equal(
        found.counts, clf.set_params(shortcuts=None).certify(X[:20], n=500).counts
    )


def test_text_that_a_model_takes_for_numbers():
    """What a model reads as numbers is a hash in the arrays that shortcuts would read."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=150), "code": rng.choice(["1", "2", "30"], 150)})
    y = (frame.a + (frame.code == "2") > 0).astype(int)
    base = DecisionTreeClassifier(max_depth=4, random_state=0)
    clf = SmoothedClassifier(base, {"a": 0.4}, random_state=0).fit(frame, y)
    certificate = clf.certify(frame[:10], n=500)
    assert certificate.run.shortcut is None
    assert certificate.method == "montecarlo"
    expected = clf.set_params(shortcuts=None).certify(frame[:10], n=500)
    assert np.array_equal(certificate.counts, expected.counts)
