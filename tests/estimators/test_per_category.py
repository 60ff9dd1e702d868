"""Sets of categories that keep the answer, against certificates of the changed rows."""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import BernoulliNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier
from sksmooth.noise import Drop, Flip

pd = pytest.importorskip("pandas")
# categories that were not seen are part of what is asked here
pytestmark = pytest.mark.filterwarnings("ignore:X has categories that were not seen")

RNG = np.random.default_rng(0)


def table(n=200):
    frame = pd.DataFrame(
        {
            "job": RNG.choice(["cook", "clerk", "none"], n),
            "size": pd.Categorical(RNG.choice(["S", "L"], n), categories=["S", "M", "L"]),
            "rooms": RNG.integers(1, 4, n),
        }
    )
    y = (frame.job == "cook") | ((frame["size"] == "L") & (frame.rooms > 1))
    return frame, y.to_numpy()


def fitted(noise=None, **options):
    X, y = table()
    base = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
    noise = Flip(keep=0.7) if noise is None else noise
    options = {"noise": noise, "n_augment": 3, "random_state": 0} | options
    return SmoothedClassifier(base, **options).fit(X, y), X


def test_each_value_is_asked_about():
    clf, X = fitted()
    rows = X[:6].copy()
    rows.index = [f"r{i}" for i in range(6)]
    rows.loc["r3", "job"] = "pilot"
    frame = clf.per_category(rows)
    assert frame.index.names == ["row", "feature"]
    assert set(frame["how"]) == {"exact"}
    labels = clf.certify(rows).labels
    values = {"job": ["clerk", "cook", "none"], "size": ["S", "L"], "rooms": [1, 2, 3]}
    lost = 0
    for i, row in enumerate(rows.index):
        for name, known in values.items():
            line = frame.loc[(row, name)]
            assert line["value"] == rows.loc[row, name]
            for value in [*known, "boat" if name != "rooms" else 99]:
                changed = rows.iloc[[i]].copy()
                changed[name] = (
                    pd.Categorical([value], categories=["S", "L", "boat"])
                    if name == "size"
                    else [value]
                )
                certificate = clf.certify(changed)
                same = bool(certificate.labels[0] == labels[i]) and not certificate.abstained[0]
                assert (line["new"] if value in ("boat", 99) else value in line["keeps"]) == same
                lost += not same
    assert lost > 5


def test_by_the_radius():
    clf, X = fitted(Flip(keep=0.9), method="montecarlo")
    frame, certificate = clf.per_category(X[:30], n=2000), clf.certify(X[:30], n=2000)
    assert set(frame["how"]) == {"radius"}
    for i, radius in enumerate(certificate.radii):
        line = frame.loc[(i, "job")]
        if certificate.abstained[i]:
            assert line["keeps"] == ()
            assert not line["new"]
        elif radius >= 1:
            assert sorted(line["keeps"]) == ["clerk", "cook", "none"]
            assert line["new"]
        else:
            assert line["keeps"] == (X.loc[i, "job"],)
    exact = clf.set_params(method="auto").per_category(X[:30])
    for sampled, listed in zip(frame["keeps"], exact["keeps"], strict=True):
        assert set(sampled) <= set(listed)


def test_missing_values_have_no_set():
    clf, X = fitted()
    rows = X[:2].copy()
    rows.loc[0, "job"] = None
    line = clf.per_category(rows).loc[(0, "job")]
    assert line["value"] is None
    assert line["keeps"] == ()


def test_a_tie_keeps_no_answer():
    """Around 0 both classes have one half; the first of them is the answer around 1 and 2."""
    codes = np.tile([[0.0], [1.0], [2.0]], (10, 1))
    tree = DecisionTreeClassifier().fit(codes, codes[:, 0] == 0)
    clf = SmoothedClassifier(FrozenEstimator(tree), noise=Flip(keep=0.5), random_state=0)
    frame = clf.fit(codes, codes[:, 0] == 0).per_category(codes[:2])
    assert set(frame["how"]) == {"exact"}
    assert frame.loc[(0, 0), "keeps"] == ()
    assert not frame.loc[(0, 0), "new"]
    assert frame.loc[(1, 0), "keeps"] == (1.0, 2.0)


def test_many_columns_by_a_closed_form():
    codes = RNG.integers(0, 4, (500, 20)).astype(float)
    tree = DecisionTreeClassifier(max_depth=4, random_state=0)
    clf = SmoothedClassifier(tree, noise=Flip(keep=0.8), n_augment=2, random_state=0)
    clf.fit(codes, codes[:, 0] > 1)
    frame = clf.per_category(codes[:5])
    assert len(frame) == 100
    assert set(frame["how"]) == {"exact"}
    for i in range(5):
        assert frame.loc[(i, 0), "keeps"] == ((0.0, 1.0) if codes[i, 0] < 2 else (2.0, 3.0))
        assert frame.loc[(i, 7), "keeps"] == (0.0, 1.0, 2.0, 3.0)


def test_zeros_and_ones():
    X = RNG.integers(0, 2, (200, 6))
    clf = SmoothedClassifier(BernoulliNB(), noise=Flip(add=0.1, remove=0.3), random_state=0)
    frame = clf.fit(X, X.sum(axis=1) > 3).per_category(X[:20])
    assert set(frame["new"]) == {None}
    lengths = frame["keeps"].map(len)
    assert set(lengths) == {1, 2}
    assert all(line.value in line.keeps for line in frame.itertuples())


def test_mixed_tables():
    X, y = table()
    X["age"] = RNG.normal(size=len(X))
    base = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
    sigma = {"age": 0.5, "job": Flip(keep=0.8), "size": Drop(drop=0.4), "rooms": 0}
    tree = DecisionTreeClassifier(max_depth=1)
    clf = SmoothedClassifier(base, sigma, random_state=0).fit(X, y)
    frame = clf.per_category(X[:3], n=500)
    assert frame.index.get_level_values("feature").tolist() == ["job"] * 3
    assert set(frame["how"]) == {"radius"}
    numbers = SmoothedClassifier(tree, 0.5, random_state=0).fit(X[["age"]], X.age > 0)
    with pytest.raises(ValueError, match="replaces the values of no column"):
        numbers.per_category(X[["age"]][:2])
