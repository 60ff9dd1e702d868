"""What users got before a change of the inside they get after it, to the last bit.

``frozen.json`` holds certificates of the models below. ``python tests/contracts/test_frozen.py``
writes it anew; do that only where a change of results is meant, and say so in the changelog.
"""

import json
import pathlib
import sys
import warnings

import numpy as np
import pytest
import scipy
import sklearn
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier
from sksmooth.noise import Drop, Flip, Split

FILE = pathlib.Path(__file__).with_name("frozen.json")

rng = np.random.default_rng(0)
X = np.round(rng.normal(size=(120, 3)), 2)
TWO = (X[:, 0] + 0.3 * X[:, 1] ** 2 > 0.2).astype(int)
THREE = np.digitize(X[:, 0] + X[:, 1], [-0.6, 0.6])
WORDS = np.array(["no", "yes"])[TWO]
BYTES = rng.integers(0, 256, size=(120, 4))
CODES = np.digitize(X, [-0.5, 0.5])
ROWS = slice(0, 6)

DRAWN = {"method": "montecarlo", "n": 1500}


def hgb(**options):
    return HistGradientBoostingClassifier(max_iter=8, random_state=0, **options)


# name: (base, rows, labels, parameters of SmoothedClassifier, arguments of certify)
CASES = {
    "nearest centroid": (NearestCentroid(), X, TWO, {"method": "montecarlo"}, {}),
    "neighbours": (KNeighborsClassifier(3), X, THREE, {}, {}),
    "neighbours, words": (KNeighborsClassifier(3), X, WORDS, {}, {}),
    "neighbours, radius": (KNeighborsClassifier(3), X, TWO, {}, {"radius": [0.1, 0.3]}),
    "neighbours, tol": (KNeighborsClassifier(3), X, TWO, {}, {"tol": 0.1}),
    "neighbours, two-sided": (KNeighborsClassifier(3), X, THREE, {}, {"bound": "two-sided"}),
    "neighbours, two-sided radius": (
        KNeighborsClassifier(3),
        X,
        THREE,
        {},
        {"bound": "two-sided", "radius": 0.2},
    ),
    "neighbours, shake": (KNeighborsClassifier(3), X, TWO, {"stream": "shake128"}, {}),
    "neighbours, no abstaining": (KNeighborsClassifier(3), X, TWO, {"abstain_label": None}, {}),
    "neighbours, per feature": (
        KNeighborsClassifier(3),
        X,
        TWO,
        {"sigma": np.array([0.5, 0.0, 1.0])},
        {},
    ),
    "neighbours, float32": (KNeighborsClassifier(3), X.astype(np.float32), TWO, {}, {}),
    "support vectors": (SVC(), X, THREE, {}, {}),
    "bytes": (SVC(), BYTES, (BYTES[:, 0] > 100).astype(int), {"sigma": 20.0}, {}),
    "images": (SVC(), BYTES / 255, (BYTES[:, 0] > 100).astype(int), {"sigma": 0.12}, {}),
    "drawn logistic": (LogisticRegression(), X, THREE, DRAWN, {}),
    "drawn forest": (RandomForestClassifier(8, random_state=0), X, TWO, DRAWN, {}),
    "drawn extra trees": (ExtraTreesClassifier(8, random_state=0), X, THREE, DRAWN, {}),
    "drawn tree": (DecisionTreeClassifier(max_depth=4, random_state=0), X, TWO, DRAWN, {}),
    "drawn histograms": (hgb(), X, THREE, DRAWN, {}),
    "drawn scaled forest": (
        make_pipeline(MinMaxScaler(), RandomForestClassifier(5, random_state=0)),
        X,
        TWO,
        DRAWN,
        {},
    ),
    "drawn scaled svc": (make_pipeline(StandardScaler(), SVC()), X, TWO, DRAWN, {}),
    "quantiles": (
        make_pipeline(QuantileTransformer(n_quantiles=20, random_state=0), GaussianNB()),
        X,
        TWO,
        {},
        {},
    ),
    "voting": (
        VotingClassifier([("a", GaussianNB()), ("b", KNeighborsClassifier(3))], voting="soft"),
        X,
        THREE,
        {},
        {},
    ),
    "three copies": (KNeighborsClassifier(3), X, TWO, {"n_augment": 3}, {}),
    "frozen": (FrozenEstimator(KNeighborsClassifier(3).fit(X, WORDS)), X, WORDS, {}, {}),
    "logistic": (LogisticRegression(), X, TWO, {}, {}),
    "three logistic": (LogisticRegression(), X, THREE, {}, {}),
    "scaled ridge": (make_pipeline(StandardScaler(), RidgeClassifier()), X, TWO, {}, {}),
    "linear discriminant": (LinearDiscriminantAnalysis(), X, THREE, {}, {}),
    "naive Bayes": (GaussianNB(), X, THREE, {}, {}),
    "quadratic discriminant": (QuadraticDiscriminantAnalysis(), X, TWO, {}, {}),
    "tree": (DecisionTreeClassifier(max_depth=4, random_state=0), X, THREE, {}, {}),
    "tree, per feature": (
        DecisionTreeClassifier(max_depth=4, random_state=0),
        X,
        TWO,
        {"sigma": [0.5, 0.0, 1.0]},
        {},
    ),
    "small forest": (RandomForestClassifier(3, max_depth=2, random_state=0), X, TWO, {}, {}),
    "stumps": (
        GradientBoostingClassifier(n_estimators=30, max_depth=1, random_state=0),
        X,
        TWO,
        {},
        {},
    ),
    "three stumps": (
        GradientBoostingClassifier(n_estimators=10, max_depth=1, random_state=0),
        X,
        THREE,
        {},
        {},
    ),
    "no interactions": (hgb(interaction_cst="no_interactions"), X, TWO, {}, {}),
    "AdaBoost": (AdaBoostClassifier(n_estimators=10, random_state=0), X, TWO, {}, {}),
    **{
        f"{word}, {how}": (base, rows, labels, {"noise": noise, **options}, {})
        for word, base, rows, labels, noise in (
            ("flip", DecisionTreeClassifier(max_depth=4), CODES, CODES[:, 0] > 1, Flip(keep=0.7)),
            ("drop", hgb(), X, TWO, Drop(drop=(0.8, 0.0, 0.7))),
            ("split", KNeighborsClassifier(3), BYTES, BYTES[:, 0] > 100, Split(scale=20.0)),
            ("split, each", SVC(), CODES, CODES[:, 0] > 1, Split(scale=(1, 2, 0))),
        )
        for how, options in (("listed", {}), ("drawn", {"method": "montecarlo"}))
    },
}
VERSIONS = {m.__name__: m.__version__ for m in (np, scipy, sklearn)}


def hexadecimal(values):
    return [float(value).hex() for value in values]


def results_of(name):
    base, rows, labels, options, arguments = CASES[name]
    clf = SmoothedClassifier(base, n=3000, n_predict=200, random_state=0)
    clf.set_params(**({"sigma": 0.4} | options)).fit(rows, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of arguments that a computed certificate ignores
        certificate = clf.certify(rows[ROWS], **arguments)
    return {
        "labels": certificate.labels.tolist(),
        "radii": hexadecimal(certificate.radii),
        "radii_l2": hexadecimal(certificate.radii_l2),
        "p_lower": hexadecimal(certificate.p_lower),
        "p_upper": hexadecimal(certificate.p_upper),
        "counts": certificate.counts.tolist(),
        "stop_reason": certificate.stop_reason.tolist(),
        "method": certificate.method,
        "predicted": clf.predict(rows[ROWS]).tolist(),
    }


@pytest.mark.parametrize("name", CASES)
def test_results_are_what_they_were(name):
    frozen = json.loads(FILE.read_text())
    if frozen["versions"] != VERSIONS:
        pytest.skip("made with other versions, whose models may differ in the last digit")
    assert results_of(name) == frozen["results"][name]


if __name__ == "__main__":
    found = {"versions": VERSIONS, "results": {name: results_of(name) for name in CASES}}
    FILE.write_text(json.dumps(found, indent=1) + "\n")
    sys.stdout.write(f"{len(CASES)} models written\n")
