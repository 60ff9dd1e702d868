"""Closed forms under noise that replaces values, alone and beside noise that is added."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier
from sksmooth.closed_forms.forms import trees
from sksmooth.closed_forms.numerics.replacing import Replacing
from sksmooth.estimators import smoother
from sksmooth.estimators.smoother import smoother_of
from sksmooth.exceptions import ModelWarning
from sksmooth.noise import Drop, DropNoise, Flip, Replaced

RNG = np.random.default_rng(0)
NAN = math.nan
N = 400
# two columns of numbers on a grid, so that thresholds are known; categories; what may go missing
TABLE = np.column_stack(
    [
        RNG.integers(-1, 3, size=(N, 2)),
        RNG.choice([0.0, 2.0, 5.0], size=N),
        RNG.integers(0, 2, size=N),
        RNG.integers(-2, 3, size=N),
    ]
).astype(float)
SCORE = TABLE[:, 0] + (TABLE[:, 2] == 2) * TABLE[:, 1] + TABLE[:, 4] * TABLE[:, 3]
SCORE = SCORE + (TABLE[:, 2] == 5) - 0.5 * TABLE[:, 1]
GAPPY = np.where(RNG.random(TABLE.shape) < [0, 0, 0, 0, 0.3], NAN, TABLE)
TWO, THREE = (SCORE > 0.5).astype(int), np.digitize(SCORE, [-0.5, 1.5])
SIGMA = {0: 0.6, 1: 0.4, 2: Flip(keep=0.6), 3: Flip(keep=0.7), 4: Drop(drop=0.35)}
STEPS = (
    np.arange(-2, 5, dtype=np.float32) / 2
)  # thresholds between numbers of the grid, and on them
UP, DOWN = (np.nextafter(STEPS, np.float32(end)).astype(float) for end in (9, -9))
# where a number is rounded to another float32
CUTS = np.unique([STEPS, (STEPS + UP) / 2, (STEPS + DOWN) / 2])
ADDITIVE = {"interaction_cst": "no_interactions"}


def boosted(**options):
    return HistGradientBoostingClassifier(max_leaf_nodes=5, random_state=0, **options)


def in_libraries(name, *arguments, **options):
    library = pytest.importorskip(name.partition(".")[0])
    return getattr(library, name.partition(".")[2])(*arguments, **options)


BASES = {
    "tree": (lambda: DecisionTreeClassifier(max_depth=6, random_state=0), THREE, "boxes"),
    "scaled tree": (
        lambda: make_pipeline(MinMaxScaler(clip=True), DecisionTreeClassifier(max_depth=5)),
        THREE,
        "boxes",
    ),
    "imputed tree": (
        lambda: make_pipeline(SimpleImputer(), StandardScaler(), DecisionTreeClassifier()),
        TWO,
        "boxes",
    ),
    "forest": (lambda: RandomForestClassifier(4, max_depth=4, random_state=0), THREE, "grid"),
    "additive": (lambda: boosted(max_iter=25, max_bins=9, **ADDITIVE), TWO, "grid"),
    "boosting of interactions": (lambda: boosted(max_iter=6), TWO, "grid"),
    "native categories": (lambda: boosted(max_iter=6, categorical_features=[2]), THREE, "grid"),
    "one native tree": (
        lambda: boosted(max_iter=1, learning_rate=2, categorical_features=[2, 3]),
        TWO,
        "boxes",
    ),
    "xgboost": (
        lambda: in_libraries("xgboost.XGBClassifier", n_estimators=5, max_depth=3, n_jobs=1),
        TWO,
        "grid",
    ),
    "xgboost, sets": (
        lambda: in_libraries(
            "xgboost.XGBClassifier",
            n_estimators=1,
            max_depth=5,
            n_jobs=1,
            enable_categorical=True,
            feature_types=["q", "q", "c", "c", "q"],
            max_cat_to_onehot=1,
        ),
        TWO,
        "boxes",
    ),
    "lightgbm": (
        lambda: in_libraries(
            "lightgbm.LGBMClassifier", n_estimators=5, num_leaves=5, verbose=-1, n_jobs=1
        ),
        TWO,
        "grid",
    ),
    "catboost": (
        lambda: in_libraries(
            "catboost.CatBoostClassifier",
            n_estimators=5,
            depth=3,
            verbose=0,
            allow_writing_files=False,
            thread_count=1,
        ),
        TWO,
        "grid",
    ),
}


def smoothed(base, y, sigma=SIGMA, X=GAPPY):
    """Smooth a model that is fitted on the table itself, gaps included."""
    return SmoothedClassifier(FrozenEstimator(base.fit(X, y)), sigma, random_state=0).fit(X, y)


def replacements(law, value, values):
    """Return what a specification puts in place of a value, with its probabilities."""
    if isinstance(law, Drop):
        return [(value, 1 - law.drop), (NAN, law.drop)]
    if value not in values:
        return [(v, 1 / len(values)) for v in values]
    other = (1 - law.keep) / (len(values) - 1)
    return [(v, law.keep if v == value else other) for v in values]


def by_definition(clf, row, sigma=SIGMA, n_numbers=2):
    """Return the probability of each class: the base asked in the middle of every cell."""
    middles = np.concatenate([[CUTS[0] - 1], (CUTS[1:] + CUTS[:-1]) / 2, [CUTS[-1] + 1]])
    ends = np.concatenate([[-np.inf], CUTS, [np.inf]])
    columns = []
    for j, value in enumerate(row.tolist()):
        if j < n_numbers:
            masses = np.diff(stats.norm.cdf(ends, loc=value, scale=sigma[j]))
            columns.append(list(zip(middles.tolist(), masses.tolist(), strict=True)))
        elif math.isnan(value):
            columns.append([(value, 1.0)])
        else:
            columns.append(replacements(sigma[j], value, np.unique(TABLE[:, j]).tolist()))
    cells = list(itertools.product(*columns))
    rows = np.array([[value for value, _ in cell] for cell in cells])
    weights = np.array([math.prod(mass for _, mass in cell) for cell in cells])
    answers = np.ravel(clf.estimator_.predict(rows))
    return np.array([math.fsum(weights[answers == label]) for label in clf.classes_])


@pytest.mark.filterwarnings("ignore:.*not seen in fit")
@pytest.mark.parametrize("name", BASES)
def test_probabilities_by_definition(name):
    make, y, form = BASES[name]
    clf = smoothed(make(), y)
    rows = np.concatenate([GAPPY[:3], [[0.3, -0.2, 2, 1, NAN], [0.1, 1.4, 9, 0, 1.0]]])
    certificate = clf.certify(rows)
    assert (certificate.method, certificate.form) == ("exact", form)
    assert certificate.norm == "l2 of delta / sigma, and changes"
    # scaled thresholds are not where float32 rounds the grid
    room, above = (1e-6, 1e-6) if name in ("scaled tree", "imputed tree") else (1e-11, 1e-14)
    for i, row in enumerate(rows):
        p = by_definition(clf, row)
        top = clf.classes_.tolist().index(certificate.selected[i])
        assert p[top] == pytest.approx(p.max(), abs=1e-12)
        assert p[top] - room < certificate.p_lower[i] <= p[top] + above
        rival = np.delete(p, top).max()
        assert rival - above <= certificate.p_upper[i] < rival + room


def test_additive_models_of_many_cells():
    """A model with too many cells for a grid: against draws, whose share is told by the law."""
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.normal(size=(600, 6)), rng.integers(0, 4, size=(600, 2))])
    y = (X[:, :3].sum(axis=1) + (X[:, 6] == 2) - X[:, 5] > 0).astype(int)
    sigma = dict.fromkeys(range(4), 0.4) | {4: 0.0, 5: Drop(drop=0.4)}
    sigma |= {6: Flip(keep=0.6), 7: Flip(keep=0.6)}
    base = boosted(max_iter=80, max_bins=60, **ADDITIVE)
    clf = SmoothedClassifier(base, sigma, n_augment=2, random_state=0)
    certificate = clf.fit(X, y).certify(X[:8])
    assert certificate.form == "additive"
    drawn = clf.set_params(method="montecarlo").certify(X[:8], n=5000)
    assert np.array_equal(drawn.selected, certificate.selected)
    shares = drawn.counts.max(axis=1) / 5000
    assert np.all(np.abs(shares - certificate.p_lower) < 5 * 0.5 / math.sqrt(5000))
    assert np.median(certificate.width) < 0.01


def test_the_answer_stays_inside_of_all_radii():
    """Of rows within each R_k, in every direction that was tried, the answer is computed."""
    sigma = SIGMA | {3: Flip(keep=0.55), 4: Drop(drop=0.9)}
    clf = smoothed(DecisionTreeClassifier(max_depth=4, random_state=0), TWO, sigma)
    rows = GAPPY[:60]
    certificate = clf.certify(rows)
    clf.set_params(abstain_label=None)
    tried = 0
    for k in range(3):
        radii = certificate.radii_with(changes=k)
        nearby = []
        known = np.flatnonzero(radii > 0)
        for i in known:
            near = np.repeat(rows[i : i + 1], 20, axis=0)
            for line in near:
                for j in RNG.choice([2, 3, 4], size=k, replace=False):
                    line[j] = RNG.choice(TABLE[:, j]) if j < 4 else RNG.choice([NAN, -1e30, 0, 7])
            moves = RNG.normal(size=(20, 2))
            moves *= radii[i] * 0.999999 / np.linalg.norm(moves, axis=1)[:, None]
            near[:, :2] += moves * [sigma[0], sigma[1]]
            nearby.append(near)
        found = clf.certify(np.concatenate(nearby)).selected.reshape(-1, 20)
        assert np.all(found == certificate.selected[known][:, None])
        tried += len(known)
    assert tried > 60
    assert certificate.max_changes.max() >= 1


def test_tails_are_not_lost_beside_replaced_values():
    X = np.column_stack([np.repeat([-1.0, 1.0], 60), np.tile([0.0, 1.0, 2.0], 40), np.zeros(120)])
    base = DecisionTreeClassifier().fit(X, (X[:, 0] > 0) & (X[:, 1] > 0))
    sigma = {0: 0.1, 1: Flip(keep=0.9), 2: 0}
    clf = SmoothedClassifier(FrozenEstimator(base), sigma, random_state=0).fit(X, X[:, 0] > 0)
    certificate = clf.certify(np.array([[-1.5, 0.0, 0], [-1.5, 1.0, 0], [1.5, 1.0, 0]]))
    assert certificate.labels[:2].tolist() == [False, False]
    # 15 deviations, and the shares of the categories that answer otherwise
    expected = -stats.norm.ppf(stats.norm.sf(15) * np.array([0.1, 0.95]))
    np.testing.assert_allclose(certificate.radii[:2], expected, rtol=1e-9)
    assert np.all(certificate.radii[:2] <= expected)
    assert certificate.p_lower[2] == pytest.approx(0.95, abs=1e-15)


# noise that is not added to any column: against all outcomes


LISTED = [
    *((name, GAPPY, Drop(drop=(0.5, 0.3, 0.0, 0.6, 0.4))) for name in BASES),
    ("ordinal", GAPPY, dict.fromkeys((0, 1, 4), Drop(drop=0.3)) | {2: Flip(keep=0.5), 3: 0}),
    ("extra trees", GAPPY, Drop(drop=0.3)),
    *((name, TABLE, Flip(keep=0.55)) for name in ("one native tree", "native categories")),
    ("xgboost, sets", TABLE, Flip(keep=0.55)),
    ("one-hot", TABLE, Flip(keep=0.55)),
    ("one-hot", TABLE, dict.fromkeys(range(4), Flip(keep=0.55)) | {4: 0}),
    ("bits", TABLE > 0, Flip(add=0.1, remove=0.3)),
]


@pytest.mark.filterwarnings("ignore:.*not seen in fit")
@pytest.mark.parametrize(
    ("name", "X", "noise"), LISTED, ids=[f"{name}, {noise}" for name, _, noise in LISTED]
)
def test_what_is_replaced_agrees_with_enumeration(name, X, noise, monkeypatch):
    others = {
        "extra trees": ExtraTreesClassifier(3, max_depth=3, random_state=0),
        "one-hot": make_pipeline(
            OneHotEncoder(handle_unknown="ignore"), DecisionTreeClassifier(max_depth=6)
        ),
        "ordinal": make_pipeline(
            make_column_transformer(
                (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1), [2, 4]),
                remainder=StandardScaler(),
            ),
            DecisionTreeClassifier(max_depth=6),
        ),
        "bits": DecisionTreeClassifier(max_depth=4),
    }
    base, y = (others[name], THREE) if name in others else (BASES[name][0](), BASES[name][1])
    X = X.astype(float)
    gapless = np.where(np.isnan(X), 0.0, X) if name == "scaled tree" else X
    base = FrozenEstimator(base.fit(gapless if name == "scaled tree" else X, y))
    in_columns = isinstance(noise, dict)
    options = {"sigma": noise} if in_columns else {"noise": noise}
    clf = SmoothedClassifier(base, **options, random_state=0).fit(X, y)
    rows = X[:25].copy()
    if isinstance(noise, Flip) and noise.keep is not None:
        rows[3, 2] = 77.0  # unknown
    if name == "ordinal":
        rows[[3, 4], [2, 4]] = 77.0
    listed = clf.certify(rows)
    assert listed.form == "enumerated"
    monkeypatch.setattr(smoother, "MOST_OUTCOMES", 0)
    computed = clf.set_params(method="exact").certify(rows)
    assert computed.form in ("boxes", "grid")
    clear = listed.p_lower > listed.p_upper + 1e-9
    assert clear.sum() > 10
    np.testing.assert_array_equal(computed.selected[clear], listed.selected[clear])
    assert np.all(computed.p_lower[clear] <= listed.p_lower[clear])
    assert np.all(computed.p_upper[clear] >= listed.p_upper[clear])
    np.testing.assert_allclose(computed.p_lower[clear], listed.p_lower[clear], atol=1e-12)
    assert np.all(computed.radii <= listed.radii)


def test_rows_of_other_than_bits_are_refused():
    X = (TABLE > 0).astype(float)
    clf = SmoothedClassifier(
        DecisionTreeClassifier(max_depth=3), noise=Flip(add=0.1, remove=0.3), random_state=0
    ).fit(np.tile(X, 4), TWO)  # 20 columns are too many to be listed
    assert clf.certify(np.tile(X[:3], 4)).form == "boxes"
    for strange in (0.5, NAN):
        row = np.tile(X[:1], 4)
        row[0, 1] = strange
        with pytest.raises(ValueError, match=r"0\.5|NaN"):
            clf.certify(row)


def test_dropping_makes_no_more_boxes_than_leaves():
    X = RNG.normal(size=(1500, 20))
    y = (X[:, :5].sum(axis=1) + X[:, 6] * X[:, 7] > 0).astype(int)
    clf = SmoothedClassifier(
        DecisionTreeClassifier(max_depth=9), noise=Drop(drop=0.4), n_augment=3, random_state=0
    ).fit(X, y)
    form = smoother_of(clf).closed_form(X[:5]).form
    assert len(form.boxes) <= clf.estimator_.get_n_leaves()
    certificate = clf.certify(X[:6])
    drawn = clf.set_params(method="montecarlo").certify(X[:6], n=5000)
    shares = drawn.counts.max(axis=1) / 5000
    assert np.all(np.abs(shares - certificate.p_lower) < 5 * 0.5 / math.sqrt(5000))


# what a model answers where values are missing or replaced


@pytest.mark.parametrize("name", BASES)
def test_forms_answer_as_models_do_in_rows_with_gaps(name):
    make, y, _ = BASES[name]
    clf = smoothed(make(), y)
    closed = smoother_of(clf).closed_form(TABLE[:5])
    rows = TABLE[RNG.integers(N, size=3000)]
    rows[:, :2] += RNG.normal(size=(3000, 2))
    rows[RNG.random(3000) < 0.5, 4] = NAN
    found, sure = closed.form.decide(closed.spread.inputs_of(closed.extended(rows)))
    assert sure.mean() > 0.99
    answers = np.ravel(clf.estimator_.predict(rows))
    np.testing.assert_array_equal(clf.classes_[closed.codes[found]][sure], answers[sure])


def test_a_misread_route_of_missing_values_is_noticed(monkeypatch):
    questions = trees._questions

    def turned(tree, laws):
        return questions(tree._replace(missing_left=~tree.missing_left), laws)

    clf = smoothed(DecisionTreeClassifier(max_depth=6, random_state=0), THREE)
    monkeypatch.setattr(trees, "_questions", turned)
    with pytest.warns(ModelWarning, match="answers otherwise"):
        assert clf.certify(GAPPY[:3], n=100).method == "montecarlo"


@pytest.mark.parametrize(
    ("base", "sigma", "reason"),
    [
        (SimpleImputer(add_indicator=True), SIGMA, "depend on which values are missing"),
        (OneHotEncoder(), SIGMA, "not known to be affine"),
        (
            OneHotEncoder(),
            dict.fromkeys(range(4), Flip(keep=0.6)) | {4: Drop(drop=0.4)},
            "several inputs depend on a value that may go missing",
        ),
    ],
    ids=["indicator", "encoder of numbers", "encoder of gaps"],
)
def test_other_steps_are_refused_by_name(base, sigma, reason, monkeypatch):
    clf = smoothed(make_pipeline(base, DecisionTreeClassifier()), TWO, sigma)
    monkeypatch.setattr(smoother, "MOST_OUTCOMES", 0)
    with pytest.raises(ValueError, match=reason):
        clf.set_params(method="exact").certify(GAPPY[:2])


def test_linear_models_are_drawn():
    clf = smoothed(make_pipeline(SimpleImputer(), LogisticRegression()), TWO)
    assert clf.certify(GAPPY[:2], n=200).method == "montecarlo"


def test_single_precision_is_drawn():
    X = TABLE.astype(np.float32)
    clf = smoothed(DecisionTreeClassifier(), TWO, X=X)
    with pytest.raises(ValueError, match="float64"):
        clf.set_params(method="exact").certify(X[:2])


# the law of one value


def test_masses_hold_exact_ones():
    law = Replaced((0.0, 2.0, 5.0), (Fraction(1, 2), Fraction(1, 4), Fraction(0)), Fraction(1))
    to = replacing(law)
    values = np.array([0.0, 2.0, 5.0, 7.0])
    low, high = np.array([-np.inf, 0.0, -np.inf, 1.5]), np.array([0.0, 1.0, np.inf, 1.6])
    lower, upper = to.masses(values, law.places(values).astype(float), np.zeros(4), low, high)
    exact = [[1 / 2, 1 / 4, 1, 0], [1 / 8, 3 / 4, 1, 0], [0, 0, 1, 0], [1 / 3, 1 / 3, 1, 0]]
    assert np.all((lower <= exact) & (exact <= upper))
    np.testing.assert_allclose(lower, upper, rtol=1e-14, atol=0)


def replacing(law, column=0):
    places, n = np.zeros(1, dtype=int), len(law.values)
    return Replacing(law, column, places, places, np.zeros((n, 1)), np.zeros((n, 1)))


def test_numbers_among_missing_values_prove_nothing():
    (law,) = DropNoise.dropping([0.25]).marginals((1,)).replaced.values()
    values, low, high = np.array([3.0, -1e39]), np.array([-np.inf, 0.0]), np.array([-3e38, 4.0])
    lower, upper = replacing(law).masses(values, values, np.zeros(2), low, high)
    np.testing.assert_allclose(lower, [[0.25, 0.75], [0.25, 0.0]], rtol=1e-14)
    np.testing.assert_allclose(upper, [[0.25, 0.75], [1.0, 0.75]], rtol=1e-14)


def test_what_rounding_may_do_to_a_number_counts_against_it():
    (law,) = DropNoise.dropping([0.25]).marginals((1,)).replaced.values()
    value, half = np.ones(1), np.full(1, 0.5)  # the model gets a number from 0.5 to 1.5
    low, high = np.array([0.4, 0.8, 0.0, 1.6]), np.array([1.5, 9.0, 1.4, 9.0])
    lower, upper = replacing(law).masses(value, value, half, low, high)
    np.testing.assert_allclose(lower, [[0.75, 0, 0, 0]], rtol=1e-14)
    np.testing.assert_allclose(upper, [[0.75, 0.75, 0.75, 0]], rtol=1e-14)


def test_unknown_values_that_are_not_encoded_as_gaps_are_refused():
    encoder = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=NAN, encoded_missing_value=-2
    )
    columns = make_column_transformer((encoder, [4]), remainder="passthrough")
    clf = smoothed(make_pipeline(columns, DecisionTreeClassifier(max_depth=5)), TWO)
    assert clf.certify(GAPPY[:3]).form == "boxes"
    row = TABLE[:1].copy()
    row[0, 4] = 77.0
    with pytest.raises(ValueError, match="an encoder does not know a value"):
        clf.set_params(method="exact").certify(row)
