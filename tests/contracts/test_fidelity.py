"""What is certified is what the base answers: votes bit for bit, closed forms against plain draws.

So it is with the outputs of regressors, and with conformal sets and intervals. A slice runs here:
every model fitted inside, and in some other states, which go round, as do the workers. ``make
fidelity`` runs every model in every state with all workers, and writes a page.
"""

import dataclasses
import os

import pytest

pytest.importorskip("pandas")  # without the packages of the tests the slice would be another one

from contracts.fidelity import Case, all_cases, few_cases, run
from contracts.models import MODELS, classifiers_of_sklearn
from contracts.oracle import quiet
from contracts.overriding import parts
from contracts.regressors import ALL_MODELS
from sklearn.base import BaseEstimator

# the same cases every time; all of them on request
CASES = all_cases() if os.environ.get("SKSMOOTH_FIDELITY") == "all" else few_cases()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_certified_is_what_the_base_answers(case):
    missing = ALL_MODELS[case.model].missing
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")
    outcome = run(case)
    if outcome.verdict == "none":
        pytest.skip("this model cannot be in this state")
    assert outcome.verdict != "WRONG", outcome.what


def test_every_classifier_of_scikit_learn_is_among_the_models():
    inside = set()
    for model in MODELS.values():
        if model.missing:
            continue
        base = model.new()
        inside.add(type(base).__name__)
        for value in base.get_params().values():
            if isinstance(value, BaseEstimator):
                inside.add(type(value).__name__)
    assert classifiers_of_sklearn() <= inside


def test_the_slice_has_every_model_and_every_state():
    slice_ = few_cases()
    assert {case.model for case in slice_} == set(ALL_MODELS)
    assert {case.state for case in slice_} == {case.state for case in all_cases()}
    assert {case.workers for case in slice_} == {case.workers for case in all_cases()}
    assert len(MODELS) >= 60


def test_the_suite_notices(monkeypatch):
    """A vote in a thousand that goes elsewhere, and a probability that is off by a hundredth."""
    from sksmooth.closed_forms.forms.boxes import Boxes
    from sksmooth.shortcuts.trees import ForestBackend

    classify = ForestBackend.classify

    def careless(self, batch):
        votes = classify(self, batch)
        votes[500::999] = (votes[500::999] + 1) % self.n_classes
        return votes

    case = Case("RandomForest", "plain", "one")
    with quiet(), monkeypatch.context() as patch:
        assert run(case).verdict != "WRONG"
        patch.setattr(ForestBackend, "classify", careless)
        assert run(case).verdict == "WRONG"

    law = Boxes.law

    def optimistic(self, inputs):
        found = law(self, inputs)
        return dataclasses.replace(found, miss=(found.miss - 0.01).clip(min=0.0))

    case = Case("DecisionTree", "plain", "one")
    with quiet():
        assert run(case).verdict == "exact"
        monkeypatch.setattr(Boxes, "law", optimistic)
        assert run(case).verdict == "WRONG"


def test_the_suite_notices_computed_numbers_and_sets(monkeypatch):
    """A radius that is twice as large, a median of another model, a radius that sets forget."""
    from sksmooth.closed_forms.forms.line import Line

    numbers, intervals, sets = (
        Case(f"{kind}{name}", "plain", "one")
        for kind, name in (
            *(("", "LinearRegression"), ("sets of ", "LinearRegression")),
            ("sets of ", "LogisticRegression"),
        )
    )
    reach, bands = Line.reach, Line.bands
    with quiet():
        assert [run(case).verdict for case in (numbers, intervals, sets)] == ["exact"] * 3
        with monkeypatch.context() as patch:
            patch.setattr(Line, "reach", lambda *given: 2 * reach(*given))
            assert run(numbers).verdict == "WRONG"
        with monkeypatch.context() as patch:
            patch.setattr(Line, "bands", lambda *given: [x + 0.02 for x in bands(*given)])
            assert run(numbers).verdict == "WRONG"
        monkeypatch.setattr("sksmooth.estimators.conformal_run.distance_of", lambda *a, **o: 0.0)
        assert run(intervals).verdict == "WRONG"
        assert run(sets).verdict == "WRONG"


def test_parts_are_found_at_any_depth():
    model = MODELS["calibrated pipeline"]
    X, y = model.table()
    paths = [path for path, _ in parts(model.new().fit(X, y))]
    assert any(
        "calibrated_classifiers_[1].estimator.steps[1][1].estimators_[2]" in p for p in paths
    )
