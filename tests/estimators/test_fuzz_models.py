"""Hostile models: a call ends in the right answer or an error that says what is wrong."""

import joblib
import numpy as np
import pytest
from helpers import Halfspace
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier

pytest.importorskip("hypothesis")

from fuzz_cases import (
    CODES,
    ERRORS,
    FEW,
    HARMLESS,
    REFUSED,
    ROWS,
    SOME,
    Hostile,
    OwnError,
    ask_all,
    plain,
    raising,
    random_states,
    same,
    smoothed,
)
from hypothesis import given
from hypothesis import strategies as st

PLAIN = plain()


@pytest.mark.parametrize("case", sorted(HARMLESS))
@FEW
@given(first=st.integers(0, 3), batch_size=st.sampled_from([None, 7, 64]))
def test_odd_answers_that_are_right_count_as_such(case, first, batch_size):
    clf = smoothed(Hostile(), batch_size=batch_size).fit(ROWS, CODES)
    clf.estimator_.behave(HARMLESS[case], first)
    X, before = ROWS.copy(), random_states()
    assert same(ask_all(clf, X), PLAIN.certify(ROWS))
    assert np.array_equal(X, ROWS)
    assert np.array_equal(clf.vote_frequencies(X), PLAIN.vote_frequencies(X))
    assert case == "reseeds numpy" or random_states() == before


@pytest.mark.parametrize("case", sorted(REFUSED))
@FEW
@given(first=st.integers(0, 3), ask=st.sampled_from(["certify", "predict", "vote_frequencies"]))
def test_answers_that_are_no_labels_are_refused(case, first, ask):
    answer, message = REFUSED[case]
    clf = smoothed(Hostile(), batch_size=20).fit(ROWS, CODES)
    clf.estimator_.behave(answer, first)
    X, before = ROWS.copy(), random_states()
    with pytest.raises(ValueError, match=message) as info:
        getattr(clf, ask)(X)
    assert "Hostile" in str(info.value) or case == "ragged"
    assert np.array_equal(X, ROWS)
    assert random_states() == before
    # nothing is left behind: once the base answers well, all is as it would have been
    clf.estimator_.behave(None)
    assert same(ask_all(clf, X), PLAIN.certify(ROWS))


@pytest.mark.parametrize("error", ERRORS, ids=repr)
@FEW
@given(first=st.integers(0, 8))
def test_an_error_midway_comes_out_as_it_is(error, first):
    clf = smoothed(Hostile(), batch_size=20).fit(ROWS, CODES)
    clf.estimator_.behave(raising(error), first)
    for ask in (clf.certify, clf.predict, clf.vote_frequencies):
        clf.estimator_.calls_ = 0
        with pytest.raises(type(error)) as info:
            ask(ROWS)
        assert info.value is error
    clf.estimator_.behave(None)
    assert same(ask_all(clf, ROWS), PLAIN.certify(ROWS))


@SOME
@given(
    pair=st.sampled_from([["a", "b"], [2.0, -4.0], [True, False], [7, -7], [2**62, 2**62 + 1]]),
    case=st.sampled_from(["list", "column", "objects", "strides", "one buffer", "no mask"]),
)
def test_frozen_models_with_classes_in_any_order(pair, case):
    """Columns follow classes_, and labels are those that the model gives."""
    base = Hostile().fit(ROWS, CODES)
    base.classes_ = np.array(pair)
    base.behave(HARMLESS[case])
    y = np.array(pair)[CODES]
    certificate = smoothed(FrozenEstimator(base)).fit(ROWS, y).certify(ROWS)
    expected = smoothed(FrozenEstimator(Halfspace().fit(ROWS, CODES))).fit(ROWS, CODES)
    expected = expected.certify(ROWS)
    assert np.array_equal(certificate.counts, expected.counts)
    held = ~expected.abstained
    assert np.array_equal(certificate.abstained, expected.abstained)
    assert np.array_equal(
        certificate.labels[held], np.array(pair)[expected.labels[held].astype(int)]
    )


@SOME
@given(batch_size=st.integers(1, 300), wide=st.integers(1, 64) | st.integers(97, 200))
def test_answers_that_depend_on_the_length_of_the_batch(batch_size, wide):
    """Nobody can say which classifier that is; where it goes unnoticed, no vote is lost."""
    clf = smoothed(Hostile(), batch_size=batch_size).fit(ROWS, CODES)
    clf.estimator_.behave(lambda self, X, right: right if len(X) < wide else 1 - right)
    if 1 < wide <= 96:  # as many rows are asked, and each of two alone
        with pytest.raises(ValueError, match="reads its batch"):
            clf.certify(ROWS)
        return
    certificates = [clf.certify(ROWS) for _ in range(2)]
    assert same(*certificates)
    assert certificates[0].counts.sum(axis=1).tolist() == [100] * len(ROWS)


def test_a_base_that_changes_with_each_call_gets_no_lost_votes():
    clf = smoothed(Hostile(), batch_size=10).fit(ROWS, CODES)
    clf.estimator_.behave(lambda self, X, right: (right + self.calls_) % 2)
    counts = clf.certify(ROWS).counts
    assert counts.sum(axis=1).tolist() == [100] * len(ROWS)
    assert np.all(abs(counts[:2, 0] - 50) <= 10)  # every second batch says the contrary


def test_probabilities_are_not_asked():
    class Proba(Halfspace):
        def predict_proba(self, X):
            return np.full((len(X), 2), np.nan)

    assert same(ask_all(smoothed(Proba()).fit(ROWS, CODES), ROWS), PLAIN.certify(ROWS))


@pytest.mark.parametrize("model", [LogisticRegression(), DecisionTreeClassifier(max_depth=2)])
@pytest.mark.parametrize("frozen", [False, True])
def test_steps_that_work_in_place(model, frozen):
    counts = []
    for copy in (True, False):
        base = make_pipeline(StandardScaler(copy=copy), model)
        if frozen:
            base = FrozenEstimator(base.fit(ROWS.copy(), CODES))
        X = ROWS.copy()
        clf = smoothed(base, shortcuts=None).fit(X, CODES)
        counts += [clf.certify(X).counts for _ in range(2)]
        assert np.array_equal(X, ROWS)
    assert all(np.array_equal(other, counts[0]) for other in counts)


def test_a_base_that_spoils_its_training_data():
    class Spoils(Halfspace):
        def fit(self, X, y):
            super().fit(X, y)
            X[...], y[...] = np.nan, -1
            return self

    X, y, before = ROWS.copy(), CODES.copy(), random_states()
    clf = smoothed(Spoils()).fit(X, y)
    assert np.array_equal(X, ROWS)
    assert np.array_equal(y, CODES)
    assert random_states() == before
    assert same(clf.certify(X), PLAIN.certify(ROWS))


@pytest.mark.parametrize("case", ["overwrites its input", "reseeds numpy", "objects", "list"])
def test_side_by_side(case):
    clf = smoothed(Hostile(), batch_size=10, n_jobs=2).fit(ROWS, CODES)
    clf.estimator_.behave(HARMLESS[case])
    with joblib.parallel_config(backend="threading"):
        assert same(clf.certify(ROWS), PLAIN.certify(ROWS))
        clf.estimator_.behave(raising(OwnError("no cheese")), 7)
        with pytest.raises(OwnError, match="no cheese"):
            clf.certify(ROWS)


def test_tensors_and_the_generator_of_torch():
    torch = pytest.importorskip("torch")
    torch.manual_seed(7)
    before = random_states()
    assert before[-1] is not None
    for dtype in (torch.float32, torch.float64, torch.float16):
        X = torch.tensor(ROWS, dtype=dtype, requires_grad=True)
        expected = PLAIN.certify(X.detach().numpy())
        assert same(ask_all(PLAIN, X), expected)
        assert same(PLAIN.certify(X.T.contiguous().T), expected)
        assert torch.equal(X, torch.tensor(ROWS, dtype=dtype))
    smoothed(LogisticRegression(), random_state=None).fit(X, CODES).predict(X)
    assert random_states() == before


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.uint64, np.int64])
@pytest.mark.parametrize("name", ["n_predict", "batch_size", "n_augment"])
def test_integers_of_numpy_are_as_good_as_others(kind, name):
    found, expected = (
        smoothed(Halfspace(), **{name: one(100)}).fit(ROWS, CODES) for one in (kind, int)
    )
    assert np.array_equal(found.predict(ROWS), expected.predict(ROWS))
    assert np.array_equal(found.vote_frequencies(ROWS), expected.vote_frequencies(ROWS))


def test_steps_that_work_in_place_leave_the_users_rows_alone():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3)) + 3
    base = make_pipeline(StandardScaler(copy=False), LogisticRegression())
    clf = SmoothedClassifier(base, sigma=0.5, random_state=0).fit(X.copy(), (X[:, 0] > 3) * 1)
    radii = []
    for ask in (clf.certify, clf.certify, clf.predict):
        rows = X.copy()
        answer = ask(rows)
        assert np.array_equal(rows, X)
        radii.append(getattr(answer, "radii", None))
    assert np.array_equal(radii[0], radii[1])


# scikit-learn sums all rows, in one check of its own
@pytest.mark.filterwarnings("ignore:(invalid value|overflow) encountered in reduce")
def test_the_largest_floats():
    with pytest.raises(ValueError, match="too large for noise"):
        PLAIN.certify([[1e308, 0.0]])
    with pytest.raises(ValueError, match="too large for noise"):
        smoothed(Halfspace()).fit([[1e308, 0.0], [-1e308, 0.0]], [0, 1])
    clf = smoothed(LogisticRegression(), method="auto").fit(ROWS, CODES)
    certificate = clf.certify([[1e308, 0.0], [-1e308, 0.0]])
    assert np.all(certificate.abstained | (certificate.labels == [1, 0]))


def test_the_end_of_an_iterator_inside_a_base_is_not_the_end_of_the_rows(tmp_path, monkeypatch):
    monkeypatch.setattr("sksmooth.rows.CHUNK_BYTES", 8)
    rows = np.memmap(tmp_path / "rows", dtype=ROWS.dtype, mode="w+", shape=ROWS.shape)
    rows[:] = ROWS
    clf = smoothed(Hostile(), batch_size=20).fit(ROWS, CODES)
    clf.estimator_.behave(lambda self, X, right: next(iter(())) if self.calls_ > 12 else right)
    with pytest.raises((StopIteration, RuntimeError)):
        clf.predict(rows)


def test_a_fit_that_returns_nothing():
    class Forgetful(Halfspace):
        def fit(self, X, y):
            super().fit(X, y)

    with pytest.raises(TypeError, match="fit returned None"):
        smoothed(Forgetful()).fit(ROWS, CODES)
