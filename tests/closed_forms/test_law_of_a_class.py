"""`law(X, of=...)`: what is known of a class by its name, which need not be the one that leads."""

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

from sksmooth.closed_forms import Additive, Boxes, Linear, Quadratic, closed_form

SIGMA = np.array([0.8, 0.0, 0.5, 1.2])
N, K = 40_000, 5
MODELS = {
    "linear": (LogisticRegression(), Linear),
    "additive": (
        GradientBoostingClassifier(max_depth=1, n_estimators=10, random_state=0),
        Additive,
    ),
    "QDA": (QuadraticDiscriminantAnalysis(), Quadratic),
    "naive Bayes": (GaussianNB(), Quadratic),
    "boxes": (DecisionTreeClassifier(max_depth=4, random_state=0), Boxes),
}


@pytest.fixture(scope="module")
def table():
    X, y = make_classification(
        500, 4, n_informative=4, n_redundant=0, n_classes=K, n_clusters_per_class=1, random_state=2
    )
    return X, np.array(list("bdace"))[y]


@pytest.fixture(params=MODELS)
def case(request, table):
    X, y = table
    model, kind = MODELS[request.param]
    model.fit(X, y)
    answers = np.array(list("edcba"))  # class codes are not the model's own numbers

    def codes(Z):
        return np.argmax(model.predict(Z)[:, None] == answers, axis=1)

    return model, closed_form((kind,), model, answers, X, SIGMA, codes)


def scores_of(model, Z):
    """Scores of the model, in the order of the class codes."""
    ask = getattr(model, "decision_function", getattr(model, "predict_joint_log_proba", None))
    return (model.predict_proba if ask is None else ask)(Z)[:, ::-1]


def test_each_class_is_bounded_where_it_is_asked_for(case, table):
    """Between the share of draws that it loses, and the rivals' wins counted apart."""
    model, closed = case
    rows, rng = table[0][:4], np.random.default_rng(0)
    for i, row in enumerate(rows):
        scores = scores_of(model, row + SIGMA * rng.standard_normal((N, 4)))
        for code in range(K):
            beaten = (scores > scores[:, [code]]).mean(axis=0)
            lost = (scores.argmax(axis=1) != code).mean()
            law = closed.law(rows[[i]], np.array([code]))
            error = 5 * np.sqrt(lost * (1 - lost) / N) + 10 / N
            assert lost - error <= law.miss[0, code] <= min(beaten.sum(), 1) + 2 * K / N**0.5
            if closed.name == "boxes":
                assert law.miss[0, code] <= lost + error


def test_without_a_class_the_one_that_leads_is_bounded(case, table):
    _, closed = case
    law = closed.law(table[0][:60])
    known = law.top_miss < 0.5
    named = closed.law(table[0][:60], law.top)
    assert known.sum() > 20
    np.testing.assert_allclose(named.top_miss[known], law.top_miss[known], rtol=0.02)
    assert np.array_equal(named.top[known], law.top[known])
    if closed.name != "boxes":  # hardly anything is known of others unless they are named
        others = np.arange(K) != law.top[:, None]
        assert np.mean(law.miss[known][others[known]] == 1) > 0.8
        second = law.upper.copy()
        second[~others] = 0
        named = closed.law(table[0][:60], second.argmax(axis=1))
        assert np.any(named.miss[known][others[known]] < 1)


def test_rows_may_ask_for_different_classes_in_several_parts(case, table, monkeypatch):
    _, closed = case
    rows, lines, of = table[0][:23], np.arange(23), np.arange(23) % K
    together = closed.law(rows, of).miss[lines, of]
    monkeypatch.setattr(closed.form, "rows_at_once", lambda: 7)
    apart = closed.law(rows, of).miss[lines, of]
    np.testing.assert_allclose(apart, together, rtol=0.02, atol=1e-12)
