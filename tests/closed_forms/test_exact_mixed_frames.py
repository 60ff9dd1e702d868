"""Frames of numbers and text under mixed noise: what encoders and models make of categories."""

import itertools

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier
from sksmooth.estimators import smoother
from sksmooth.estimators.smoother import smoother_of
from sksmooth.noise import Drop, Flip

pd = pytest.importorskip("pandas")

N = 400


def table(seed, *, dtype="category"):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.normal(size=N),
            "job": np.array(["cook", "clerk", "none", "guard", "nurse"])[rng.integers(5, size=N)],
            "income": rng.normal(size=N),
            "home": np.array(["own", "rent", "other"])[rng.integers(3, size=N)],
        }
    )
    for name in ("job", "home"):
        frame[name] = frame[name].astype(dtype)
    score = frame["age"] + frame["job"].isin(["cook", "guard"]) - 0.6 * (frame["home"] == "rent")
    return frame, (score + 0.5 * frame["income"] > 0.3).to_numpy().astype(int)


def encoded(*parts):
    return make_column_transformer(*parts, remainder=StandardScaler())


def from_library(name, **options):
    library = pytest.importorskip(name.partition(".")[0])
    return getattr(library, name.partition(".")[2])(n_jobs=1, **options)


ONE_HOT = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
TREE = DecisionTreeClassifier(max_depth=6, random_state=0)
BASES = {
    "native": (
        lambda: HistGradientBoostingClassifier(max_iter=12, interaction_cst="no_interactions"),
        "category",
    ),
    "lightgbm": (
        lambda: from_library("lightgbm.LGBMClassifier", n_estimators=12, max_depth=1, verbose=-1),
        "category",
    ),
    "xgboost": (
        lambda: from_library(
            "xgboost.XGBClassifier", n_estimators=12, max_depth=1, enable_categorical=True
        ),
        "category",
    ),
    "one-hot": (lambda: make_pipeline(encoded((ONE_HOT, ["job", "home"])), TREE), "object"),
    "imputed, one-hot": (
        lambda: make_pipeline(
            encoded(
                (make_pipeline(SimpleImputer(strategy="most_frequent"), ONE_HOT), ["job", "home"])
            ),
            GradientBoostingClassifier(max_depth=1, n_estimators=20, random_state=0),
        ),
        "object",
    ),
    "ordinal and target": (
        lambda: make_pipeline(
            encoded((OrdinalEncoder(), ["job"]), (TargetEncoder(), ["home"])), TREE
        ),
        "object",
    ),
}
FLIPS = {"age": 0.4, "job": Flip(keep=0.6), "income": 0.3, "home": Flip(keep=0.7)}
DROPS = FLIPS | {"job": Drop(drop=0.4)}


def draws(clf, row, sigma, n, rng):
    """Noisy copies of a row, drawn by numpy by the definition of each noise."""
    copies = row.loc[row.index.repeat(n)].reset_index(drop=True)
    for name, law in sigma.items():
        kind = object if isinstance(law, Flip | Drop) else float
        values = copies[name].to_numpy(dtype=kind, copy=True)
        if isinstance(law, Flip):
            known = sorted(set(FITTED[name]))
            others = [value for value in known if value != values[0]]
            keep = law.keep if values[0] in known else 0.0
            change = rng.random(n) >= keep
            values[change] = rng.choice(others, size=int(change.sum()))
        elif isinstance(law, Drop):
            values[rng.random(n) < law.drop] = None
        else:
            values = values + law * rng.normal(size=n)
        copies[name] = pd.Series(values).astype(row[name].dtype)
    return copies


FITTED, TARGET = table(0, dtype="object")


@pytest.mark.filterwarnings("ignore:.*not seen in fit", "ignore:X has columns of few")
@pytest.mark.parametrize("name", BASES)
@pytest.mark.parametrize("sigma", [FLIPS, DROPS], ids=["replaced", "missing"])
def test_categories_are_computed_through_encoders(name, sigma):
    make, dtype = BASES[name]
    X, y = table(0, dtype=dtype)
    clf = SmoothedClassifier(make(), sigma, n_augment=3, random_state=0).fit(X, y)
    rows = table(1, dtype=dtype)[0][:2]
    if sigma is FLIPS and dtype == "object":
        rows.loc[1, "job"] = "pilot"  # unknown
    if sigma is DROPS and name in ("one-hot", "imputed, one-hot"):
        with pytest.raises(ValueError, match="several inputs depend on a value that may go"):
            clf.set_params(method="exact").certify(rows)
        return
    certificate = clf.certify(rows)
    assert certificate.method == "exact"
    rng, n = np.random.default_rng(2), 4000
    for i in range(2):
        answers = clf.estimator_.predict(draws(clf, rows[i : i + 1], sigma, n, rng))
        share = np.mean(answers == certificate.selected[i])
        assert share == pytest.approx(certificate.p_lower[i], abs=5 * 0.5 / np.sqrt(n))


@pytest.mark.filterwarnings("ignore:.*not seen in fit")
@pytest.mark.parametrize("name", [name for name in BASES if name != "imputed, one-hot"])
def test_categories_alone_agree_with_enumeration(name, monkeypatch):
    make, dtype = BASES[name]
    X, y = table(0, dtype=dtype)
    sigma = {"age": 0, "income": 0, "job": Flip(keep=0.5), "home": Flip(keep=0.5)}
    clf = SmoothedClassifier(make(), sigma, n_augment=3, random_state=0).fit(X, y)
    rows = table(1, dtype=dtype)[0][:40]
    if dtype == "object":
        rows.loc[5, "job"] = "pilot"
    listed = clf.certify(rows)
    assert listed.form == "enumerated"
    monkeypatch.setattr(smoother, "MOST_OUTCOMES", 0)
    computed = clf.set_params(method="exact").certify(rows)
    clear = listed.p_lower > listed.p_upper + 1e-9
    assert np.array_equal(computed.selected[clear], listed.selected[clear])
    assert np.all(computed.p_lower <= listed.p_lower)
    np.testing.assert_allclose(computed.p_lower[clear], listed.p_lower[clear], atol=1e-9)
    assert np.array_equal(computed.radii[clear], listed.radii[clear])


def test_encoders_of_several_columns_are_not_taken_one_by_one():
    """A component depends on both columns, and on what noise makes of them together."""
    X, y = table(0, dtype="object")
    base = make_pipeline(encoded((make_pipeline(ONE_HOT, PCA(2)), ["job", "home"])), TREE)
    clf = SmoothedClassifier(base, FLIPS, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="not known to be affine"):
        clf.set_params(method="exact").certify(X[:2])


def test_the_same_base_with_other_categories_is_read_anew():
    """Two smoothers of one frozen base, whose tables have other categories: forms are kept."""
    from sklearn.frozen import FrozenEstimator

    X, y = table(0, dtype="object")
    base = FrozenEstimator(BASES["one-hot"][0]().fit(X, y))
    fewer = X["job"].isin(["cook", "clerk", "none"])
    shares = []
    for rows in (X, X[fewer]):
        clf = SmoothedClassifier(base, FLIPS, random_state=0).fit(rows, y[: len(rows)])
        found = clf.certify(X[fewer][:5])
        clf.set_params(method="montecarlo")
        drawn = clf.certify(X[fewer][:5], n=5000).counts.max(axis=1) / 5000
        np.testing.assert_allclose(drawn, found.p_lower, atol=0.036)
        shares.append(found.p_lower)
    assert not np.allclose(*shares)


def test_single_categories_and_features_are_exact():
    X, y = table(0, dtype="object")
    clf = SmoothedClassifier(BASES["one-hot"][0](), FLIPS, n_augment=3, random_state=0).fit(X, y)
    rows = X[:6]
    certificate = clf.certify(rows)
    kept = clf.per_category(rows)
    assert set(kept["how"]) == {"exact"}
    ends = clf.per_feature(rows, certificate=certificate)
    assert set(ends["how"]) == {"exact"}
    changed, same = [], []
    for i in np.flatnonzero(~certificate.abstained):
        row, one = rows.index[i], rows[i : i + 1]
        for job in sorted(set(X["job"])):
            changed.append(one.assign(job=job))
            same.append((i, job in kept.loc[(row, "job"), "keeps"]))
        for name, side in itertools.product(("age", "income"), ("down", "up")):
            value, end = rows.loc[row, name], ends.loc[(row, name), side]
            far = np.sign(end) * 50 if np.isinf(end) else 0.999 * end
            changed.append(one.assign(**{name: value + far}))
            same.append((i, True))
            if np.isfinite(end):
                changed.append(one.assign(**{name: value + 1.01 * end + np.sign(end) * 1e-3}))
                same.append((i, False))
    found = clf.set_params(abstain_label=None).certify(pd.concat(changed)).selected
    for answer, (i, stays) in zip(found.tolist(), same, strict=True):
        assert (answer == certificate.labels[i]) == stays
    assert {stays for _, stays in same} == {True, False}


def test_probes_hold_known_categories_only():
    X, y = table(0, dtype="object")
    base = make_pipeline(encoded((OrdinalEncoder(), ["job", "home"])), TREE)  # refuses others
    clf = SmoothedClassifier(base, FLIPS, n_augment=2, random_state=0).fit(X, y)
    strange = X[:3].copy()
    strange.loc[0, "job"] = "pilot"
    with pytest.warns(UserWarning, match="not seen in fit"):
        certificate = clf.set_params(method="exact").certify(strange)
    assert certificate.method == "exact"
    assert smoother_of(clf).noise.n_outcomes is None
