"""Values of a row that noise never shows to the base, and values next to those that are missing."""

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier
from sksmooth.noise import Drop, Flip

UNKNOWN = 9.0
ENCODERS = {
    "infrequent": OneHotEncoder(min_frequency=0.9, handle_unknown="ignore", sparse_output=False),
    "others than in fit": OrdinalEncoder(
        categories=[[8.0, UNKNOWN]], handle_unknown="use_encoded_value", unknown_value=-1
    ),
}


@pytest.mark.filterwarnings("ignore:.*not seen in fit")
@pytest.mark.parametrize("name", ENCODERS)
def test_what_an_encoder_makes_of_an_unknown_category_alone_is_never_seen(name):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=90), np.arange(90) % 3])
    encoders = make_column_transformer((ENCODERS[name], [1]), remainder="passthrough").fit(X)
    # the tree answers 1 to all categories that noise draws, and 0 to the unknown one
    strange = np.where(np.arange(180)[:, None] < 90, X[:1] * [1, 0] + [0, UNKNOWN], 0.0)
    strange[90:] = X
    tree = DecisionTreeClassifier(random_state=0)
    tree.fit(encoders.transform(strange), np.repeat([0, 1], 90))
    base = FrozenEstimator(make_pipeline(encoders, tree))
    clf = SmoothedClassifier(base, {0: 0.5, 1: Flip(keep=0.8)}, random_state=0).fit(X, X[:, 1] > 1)
    row = np.array([[0.0, UNKNOWN]])
    assert base.predict(row) == 0
    certificate = clf.certify(row)
    assert certificate.method == "exact"
    assert (certificate.labels[0], round(certificate.p_lower[0], 12)) == (1, 1.0)
    pytest.importorskip("pandas")
    kept = clf.per_category(row).iloc[0]
    assert (kept["keeps"], kept["new"]) == ((0.0, 1.0, 2.0), True)


@pytest.mark.filterwarnings("error:.*closed form")
def test_a_missing_value_is_not_replaced_to_try_a_form_that_does_not_show_it():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=90), np.arange(90) % 3])
    gappy = np.concatenate([X, X])
    gappy[90:, 1] = np.nan
    encoder = OrdinalEncoder(  # all categories are missing to the tree, and missing ones are not
        categories=[[UNKNOWN, np.nan]],
        handle_unknown="use_encoded_value",
        unknown_value=np.nan,
        encoded_missing_value=-2,
    )
    encoders = make_column_transformer((encoder, [1]), remainder="passthrough").fit(gappy)
    tree = DecisionTreeClassifier(random_state=0)
    tree.fit(encoders.transform(gappy), np.repeat([0, 1], 90))
    base = FrozenEstimator(make_pipeline(encoders, tree))
    clf = SmoothedClassifier(base, {0: 0.5, 1: Flip(keep=0.8)}, random_state=0)
    clf.fit(X, X[:, 1] > 1)
    certificate = clf.certify(gappy[[0, 90]])
    assert certificate.method == "exact"
    # [0, 1], but for trees of scikit-learn 1.6: these do not ask whether values are missing here
    assert certificate.labels.tolist() == base.predict(gappy[[0, 90]]).tolist()


def test_a_category_that_is_missing_to_the_model_goes_where_missing_ones_go():
    X = np.column_stack([np.zeros(90), np.arange(90) % 3])
    encoder = OrdinalEncoder(
        categories=[[0.0, 1.0]], handle_unknown="use_encoded_value", unknown_value=np.nan
    )
    encoders = make_column_transformer((encoder, [1]), remainder="passthrough").fit(X[X[:, 1] < 2])
    tree = DecisionTreeClassifier(random_state=0).fit(encoders.transform(X), X[:, 1] > 0)
    base = FrozenEstimator(make_pipeline(encoders, tree))  # the last category goes with the second
    clf = SmoothedClassifier(base, {0: 0.5, 1: Flip(keep=0.8)}, random_state=0).fit(X, X[:, 1] > 0)
    certificate = clf.set_params(method="exact").certify(X[:3])
    assert certificate.labels.tolist() == [False, True, True]
    np.testing.assert_allclose(certificate.p_lower, [0.8, 0.9, 0.9], rtol=1e-12)


@pytest.mark.parametrize("encoded", [False, True])
def test_what_is_missing_stays_so_in_a_column_of_categories(encoded):
    X = np.column_stack([np.zeros(120), np.arange(120) % 3])
    X[::4, 1] = np.nan
    y = ~(X[:, 1] < 2)
    encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    steps = [make_column_transformer((encoder, [1]), remainder="passthrough")] if encoded else []
    base = FrozenEstimator(make_pipeline(*steps, DecisionTreeClassifier(random_state=0)).fit(X, y))
    clf = SmoothedClassifier(base, {0: 0.5, 1: Flip(keep=0.8)}, random_state=0).fit(X, y)
    certificate = clf.set_params(method="exact").certify(X[:4])
    assert certificate.labels.tolist() == [True, False, True, False]
    np.testing.assert_allclose(certificate.p_lower, [1, 0.9, 0.8, 0.9], rtol=1e-12)


@pytest.mark.filterwarnings("error:.*closed form")
def test_a_number_that_could_be_taken_for_a_missing_one_is_not_misread():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=200), rng.choice([-3.3e38, 0.0, 1.0], size=200)])
    base = HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=5)
    clf = SmoothedClassifier(base, {0: 0.5, 1: Drop(drop=0.4)}, n_augment=3, random_state=0)
    certificate = clf.fit(X, (X[:, 0] > 0) ^ (X[:, 1] < 0)).certify(X[:40])
    assert certificate.method == "exact"
    assert set(X[:40][certificate.abstained, 1]) == {-3.3e38}  # of which nothing is proved


def test_a_column_of_bits_is_refused_with_other_values_also_where_no_model_looks():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=99), np.arange(99) % 2, np.arange(99) % 3 % 2])
    bits = Flip(add=0.1, remove=0.2)
    clf = SmoothedClassifier(DecisionTreeClassifier(), {0: 0.5, 1: bits, 2: bits}, random_state=0)
    clf.fit(X, X[:, 1])  # which the tree answers
    assert clf.certify(X[:2]).method == "exact"
    with pytest.raises(ValueError, match=r"Column 2 has the value 0\.5"):
        clf.set_params(method="exact").certify([[0.0, 1.0, 0.5]])
    pytest.importorskip("pandas")
    found = clf.per_category(X[:1])
    assert found["keeps"].tolist() == [(0.0,), (0.0, 1.0)]
    assert found["new"].tolist() == [None, None]
