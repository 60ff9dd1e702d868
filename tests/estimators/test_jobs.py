"""Rows that are finished together: groups by numbers of draws."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin

from sksmooth import SmoothedRegressor
from sksmooth.estimators.jobs import groups_of, numbered, rows_of


@pytest.mark.parametrize("draws", [1, 1000, 2**20 - 1, 2**20, 2**20 + 1, 10**12])
def test_a_group_is_the_fewest_rows_with_enough_draws(draws):
    n = rows_of(draws)
    assert n >= 1
    assert (n - 1) * draws < 2**20 <= n * draws


def test_groups_are_all_rows_in_order():
    for n_rows, size in ((0, 3), (1, 3), (7, 3), (9, 3)):
        groups = list(groups_of(n_rows, size))
        assert groups  # one of no rows, if there are none, so that there is an answer
        assert np.concatenate([np.arange(n_rows)[g] for g in groups]).tolist() == [*range(n_rows)]


def test_parts_are_numbered_by_their_first_rows():
    parts = [np.zeros((n, 2)) for n in (4, 2, 5, 1)]
    assert [first for first, _ in numbered(parts)] == [0, 4, 6, 11]


class Steps(RegressorMixin, BaseEstimator):
    """Of no known kind."""

    def fit(self, X, y):
        self.n_features_in_ = X.shape[1]
        return self

    def predict(self, X):
        return np.floor(X[:, 0])


def test_predictions_are_those_of_other_groups(monkeypatch):
    X = np.linspace(0, 30, 10)[:, None]
    reg = SmoothedRegressor(Steps(), 0.5, n_predict=50, random_state=0).fit(X, X[:, 0])
    together = reg.predict(X)
    monkeypatch.setattr("sksmooth.estimators.jobs._GROUP_DRAWS", 3 * 50)
    assert np.array_equal(reg.predict(X), together)
