"""Bounds of regressors against what is true: a million draws a row, and rates of false statements.

Run ``python -m benchmarks.regression_draws``; it takes a quarter of an hour. Libraries that are not
installed are left out. `benchmarks/results/regression.md` holds what it printed.
"""

import importlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.stats import binomtest, norm
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor
from threadpoolctl import threadpool_limits

from sksmooth import SmoothedRegressor

SIGMA, RADII = 0.5, (0.0, 0.125, 0.25, 0.5)
N_ROWS = 20_000


def bases() -> Iterator[tuple[str, Any, int]]:
    """Yield names, regressors, and how many features they get."""
    yield "least squares", LinearRegression(), 10
    yield "tree of depth 5", DecisionTreeRegressor(max_depth=5), 10
    options = {"max_iter": 50, "interaction_cst": "no_interactions"}
    yield "boosting without interactions", HistGradientBoostingRegressor(**options), 10
    yield "forest on two features", RandomForestRegressor(20, max_leaf_nodes=12), 2
    stumps = {"max_depth": 1, "n_estimators": 50, "n_jobs": 1}
    for library, kind, options in (
        ("xgboost", "XGBRegressor", stumps),
        ("lightgbm", "LGBMRegressor", stumps | {"verbose": -1}),
        (
            "catboost",
            "CatBoostRegressor",
            {"depth": 1, "iterations": 50, "verbose": 0, "allow_writing_files": False},
        ),
        ("interpret.glassbox", "ExplainableBoostingRegressor", {"interactions": 0, "n_jobs": 1}),
    ):
        try:
            module = importlib.import_module(library)
        except ImportError:
            continue
        yield kind, getattr(module, kind)(**options), 10


def against_draws(n_draws: int = 1_000_000, n_rows: int = 4) -> None:
    """Print how often outputs lie beyond bounds, in standard errors from what is allowed."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    print(f"{'base':32} {'form':9} bounds  beyond by 4.5 errors  most  width lost")
    for name, base, d in bases():
        columns = X[:, 2 : 2 + d] if d < 10 else X
        reg = SmoothedRegressor(base, SIGMA, method="exact", random_state=0).fit(columns, y)
        rows = columns[:: len(X) // n_rows][:n_rows]
        bounds = reg.certify_interval(rows, RADII)
        rng = np.random.default_rng(0)
        most, false, total, lost = -np.inf, 0, 0, 0.0
        for i, row in enumerate(rows):
            noisy = (row + SIGMA * rng.normal(size=(n_draws // 10, d)) for _ in range(10))
            outputs = np.concatenate([reg.estimator_.predict(part) for part in noisy])
            for j, radius in enumerate(RADII):
                tail = norm.sf(radius / SIGMA)
                error = np.sqrt(tail * (1 - tail) / n_draws)
                for beyond in (outputs > bounds.upper[i, j], outputs < bounds.lower[i, j]):
                    off = (beyond.mean() - tail) / error
                    most, total, false = max(most, off), total + 1, false + int(off > 4.5)
                ends = np.quantile(outputs, [tail, 1 - tail])
                width = bounds.upper[i, j] - bounds.lower[i, j]
                lost = max(lost, (width - (ends[1] - ends[0])) / np.std(y))
        form = str(bounds.run.form)
        print(f"{name:32} {form:9} {total:6}  {false:20}  {most:4.1f}  {lost:10.4f}")


class Jump(RegressorMixin, BaseEstimator):
    """Of which the median is known: 0 near the origin, 10 from 0.8 on, -10 from 1.1 down."""

    def fit(self, X: Any, y: Any) -> "Jump":
        """Learn nothing."""
        return self

    def predict(self, X: Any) -> Any:
        """Return the values of a step function of the first feature."""
        return np.where(X[:, 0] > 0.8, 10.0, 0.0) + np.where(X[:, 0] < -1.1, -10.0, 0.0)


class Slope(Jump):
    """The first feature itself."""

    def predict(self, X: Any) -> Any:
        """Return the first feature."""
        return X[:, 0]


def false_rates(alpha: float = 0.05) -> None:
    """Print how often statements are false, for functions with known medians."""
    rows = np.column_stack([np.zeros(N_ROWS), np.arange(N_ROWS)])
    print(f"\n{'statement':40} allowed  found   p of more")
    jump, slope = (Jump(), "jump", 0.8), (Slope(), "slope", 0.5)
    for n, functions in ((100, (jump, slope)), (1000, (jump,))):
        for base, name, radius in functions:
            reg = SmoothedRegressor(base, 1.0, n=n, n0=20, alpha=alpha, random_state=0)
            reg.fit(rows[:50], rows[:50, 0])
            ends = (-5.0, 5.0) if name == "jump" else (-0.9, 0.5)
            radii = reg.certify(rows, interval=ends).radii
            _line(f"{name}, radius, n={n}", int((radii > radius).sum()), alpha)
            decided = reg.certify(rows, interval=ends, radius=radius * (1 + 1e-9)).radii
            _line(f"{name}, radius decided, n={n}", int((decided > radius).sum()), alpha)
            bounds = reg.certify_interval(rows, radius * (1 + 1e-9))
            if name == "jump":
                false = bounds.upper < 10.0
            else:
                false = (bounds.upper < radius) | (bounds.lower > -radius)
            _line(f"{name}, bounds, n={n}", int(false.sum()), alpha)


def _line(name: str, false: int, alpha: float) -> None:
    p = binomtest(false, N_ROWS, alpha, alternative="greater").pvalue
    print(f"{name:40} {alpha:7.3f}  {false / N_ROWS:.4f}  {p:.3g}")


if __name__ == "__main__":
    with threadpool_limits(1):
        against_draws()
        false_rates()
