"""What all shortcuts promise: who takes which, and that nothing else depends on it."""

import pickle
import warnings

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, StandardScaler

import sksmooth
from sksmooth import SmoothedClassifier, certified_accuracy_scorer
from sksmooth.shortcuts import SHORTCUTS

rng = np.random.default_rng(0)
y = np.arange(150) % 3
X = rng.normal(size=(150, 5)) + 1.5 * rng.normal(size=(3, 5))[y]
SIGMA = 0.5

BASES = {
    "steps": make_pipeline(StandardScaler(), GaussianNB()),
    "steps ": make_pipeline(MinMaxScaler(), StandardScaler(), LogisticRegression()),
    "trees": RandomForestClassifier(5, random_state=0),
    "trees ": HistGradientBoostingClassifier(max_iter=5),
    "steps+trees": make_pipeline(MinMaxScaler(), RandomForestClassifier(5, random_state=0)),
}
OTHERS = [
    KNeighborsClassifier(),
    LinearDiscriminantAnalysis(),
    make_pipeline(QuantileTransformer(n_quantiles=20), GaussianNB()),
]


def smoothed(base, labels=y, **options):
    return (
        SmoothedClassifier(base, SIGMA, method="montecarlo", random_state=0)
        .set_params(**options)
        .fit(X, labels)
    )


@pytest.fixture(scope="module", params=BASES)
def named(request):
    """The shortcut of a base, and the base, smoothed."""
    return request.param.strip(), smoothed(clone(BASES[request.param]))


def with_options(clf, **options):
    """The same fitted classifier with the same seed, but other options."""
    return pickle.loads(pickle.dumps(clf)).set_params(**options)


# --- names


def test_certificates_name_what_was_taken(named):
    name, clf = named
    assert clf.certify(X[:2], n=100).shortcut == name
    assert with_options(clf, shortcuts=None).certify(X[:2], n=100).shortcut is None
    assert with_options(clf, shortcuts=[]).certify(X[:2], n=100).shortcut is None


@pytest.mark.parametrize("base", OTHERS, ids=repr)
def test_other_bases_take_none(base):
    assert smoothed(clone(base)).certify(X[:2], n=100).shortcut is None


def test_single_names():
    clf = smoothed(clone(BASES["steps+trees"]))
    expected = {"steps": "steps", "trees": None, "boosters": None}  # trees: behind the scaler
    for name in SHORTCUTS:
        for given in (name, [name], (name,), {name}, np.array([name])):
            certificate = with_options(clf, shortcuts=given).certify(X[:2], n=100)
            assert certificate.shortcut == expected[name]


def test_the_order_of_names_is_no_matter():
    clf = smoothed(clone(BASES["steps+trees"]))
    for given in (["trees", "steps"], ["steps", "trees"], ["trees", "trees", "steps"]):
        assert with_options(clf, shortcuts=given).certify(X[:2], n=100).shortcut == "steps+trees"


@pytest.mark.parametrize(
    "given", ["step", "", ["steps", "tree"], ["steps", None], [3], "Steps", "linear"]
)
def test_unknown_names_are_refused(given):
    wrong = given if isinstance(given, str) else given[-1]
    message = rf"shortcuts.*'auto'.*None.*steps.*trees.*got {wrong!r}"
    with pytest.raises(ValueError, match=message):
        smoothed(GaussianNB(), shortcuts=given)
    clf = smoothed(GaussianNB()).set_params(shortcuts=given)
    for ask in (clf.predict, clf.certify, clf.vote_frequencies):
        with pytest.raises(ValueError, match=message):
            ask(X[:2])


@pytest.mark.parametrize("given", [3, True, b"steps", len])
def test_what_is_no_name_is_refused(given):
    with pytest.raises(ValueError, match="shortcuts"):
        smoothed(GaussianNB(), shortcuts=given)


def test_fit_does_not_depend_on_them():
    fits = [smoothed(LogisticRegression(), shortcuts=given) for given in ("auto", None)]
    assert np.array_equal(fits[0].estimator_.coef_, fits[1].estimator_.coef_)
    assert fits[0]._seed == fits[1]._seed
    assert clone(fits[1]).shortcuts is None


# --- a row's counts are a matter of seed and row


def counts(clf, rows=X[:12], n=2500, **options):
    return with_options(clf, **options).certify(rows, n=n, alpha=0.5).counts


def test_batches_are_no_matter(named):
    _, clf = named
    expected = counts(clf)
    for size in (7, 100, 2501):
        rows = X[:12] if size > 10 else X[:2]
        assert np.array_equal(counts(clf, rows, batch_size=size), expected[: len(rows)])


def test_other_rows_are_no_matter(named):
    _, clf = named
    expected = counts(clf)
    order = np.random.default_rng(1).permutation(12)
    assert np.array_equal(counts(clf, X[order]), expected[order])
    for i in (0, 5, 11):
        assert np.array_equal(counts(clf, X[i : i + 1]), expected[i : i + 1])
    twice = np.repeat(X[:12], 2, axis=0)
    assert np.array_equal(counts(clf, twice), np.repeat(expected, 2, axis=0))
    assert np.array_equal(counts(clf, X[:24:2])[:6], expected[::2])
    assert np.array_equal(counts(clf, np.asfortranarray(X[:12])), expected)


@pytest.mark.parametrize("backend", ["threading", "loky"])
def test_workers_are_no_matter(named, backend):
    _, clf = named
    expected = counts(clf, n=20_000)
    with joblib.parallel_config(backend, n_jobs=2):
        assert np.array_equal(counts(clf, n=20_000), expected)
        assert np.array_equal(counts(clf, n=20_000, batch_size=777), expected)


def test_pickled_classifiers_count_the_same(named, tmp_path):
    _, clf = named
    expected = counts(clf)
    joblib.dump(clf, tmp_path / "clf")
    assert np.array_equal(counts(joblib.load(tmp_path / "clf")), expected)


def test_use_leaves_nothing_behind(named):
    _, clf = named
    fresh = with_options(clf)
    before, size = set(vars(fresh)), len(pickle.dumps(fresh))
    fresh.certify(X[:2], n=100)
    assert set(vars(fresh)) == before
    assert len(pickle.dumps(fresh)) == size


# --- end to end


def test_the_same_draws_as_through_predict(named):
    """Noise is drawn as without them."""
    name, clf = named
    plain = with_options(clf, shortcuts=None)
    assert np.array_equal(clf.predict(X), plain.predict(X))
    assert np.array_equal(clf.vote_frequencies(X), plain.vote_frequencies(X))
    for options in ({"radius": [0.1, 0.4]}, {"tol": 0.1}, {"bound": "two-sided"}, {"n0": 30}):
        fast, slow = (
            clf.certify(X[:20], n=3000, **options),
            plain.certify(X[:20], n=3000, **options),
        )
        assert fast.shortcut == name
        for field in ("labels", "radii", "abstained", "p_lower", "p_upper", "counts", "n_draws"):
            assert np.array_equal(getattr(fast, field), getattr(slow, field))
    sequential = {"sequential_predict": True, "n_predict": 5000}
    fast, slow = with_options(clf, **sequential), with_options(plain, **sequential)
    assert np.array_equal(fast.predict(X), slow.predict(X))


def test_predict_and_certify_agree(named):
    _, clf = named
    predicted, certificate = clf.predict(X), clf.certify(X, n=3000)
    decided = (predicted != clf.abstain_label_) & ~certificate.abstained
    assert np.mean(decided) > 0.5
    assert np.array_equal(predicted[decided], certificate.labels[decided])


@pytest.mark.parametrize("labels", [np.array(["a", "b", "c"]), np.array([-7, 0, 7])])
def test_labels_of_the_user(named, labels):
    _, clf = named
    found = smoothed(clone(clf.estimator), labels=labels[y]).certify(X[:30], n=500)
    assert found.shortcut == named[0]
    assert set(found.labels[~found.abstained]) <= set(labels.tolist())
    assert np.mean(found.selected == labels[y[:30]]) > 0.7


@pytest.mark.parametrize("base", ["steps ", "steps+trees"])
def test_searches_and_scorers(base):
    clf = SmoothedClassifier(BASES[base], n=500, n_predict=200, method="montecarlo", random_state=0)
    scoring = {"accuracy": "accuracy", "certified": certified_accuracy_scorer(radius=0.2)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = GridSearchCV(
            clf, {"sigma": [0.3, 0.9]}, scoring=scoring, refit="certified", cv=3, n_jobs=2
        ).fit(X, y)
        plain = GridSearchCV(
            clone(clf).set_params(shortcuts=None),
            search.param_grid,
            scoring=scoring,
            refit=False,
            cv=3,
        ).fit(X, y)
    assert sksmooth.certify(search, X[:3], n=200).shortcut == base.strip()
    for name in ("mean_test_accuracy", "mean_test_certified"):
        fast, slow = search.cv_results_[name], plain.cv_results_[name]
        assert np.array_equal(fast, slow)
        assert np.all(fast > 0.3)


def test_scores_repeat():
    clf = SmoothedClassifier(LogisticRegression(), n=300, method="montecarlo", random_state=0)
    scoring = certified_accuracy_scorer(radius=[0.1, 0.5])
    first, second = (cross_validate(clf, X, y, scoring=scoring, cv=3) for _ in range(2))
    names = [name for name in first if name.startswith("test_")]
    assert len(names) == 2
    for name in names:
        assert np.array_equal(first[name], second[name])


def test_frozen_bases(named):
    """A base that was trained elsewhere, in labels of its own."""
    name, clf = named
    labels = np.array(["x", "y", "z"])[y]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        base = FrozenEstimator(clone(clf.estimator).fit(X, labels))
    found = smoothed(base, labels=labels).certify(X[:20], n=500)
    assert found.shortcut == name
    assert found.classes.tolist() == ["x", "y", "z"]
    assert np.mean(found.selected == labels[:20]) > 0.7
