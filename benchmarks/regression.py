"""Smoothed regressors on the diabetes data: errors in the worst case, and time a row.

Run ``python -m benchmarks.regression``; it needs scikit-learn only. The guide's page on regression
shows the table that it prints.
"""

import time

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split
from sklearn.tree import DecisionTreeRegressor
from threadpoolctl import threadpool_limits

from sksmooth import SmoothedRegressor

RADII = [0.125, 0.25, 0.5]
BASES = {
    "least squares": LinearRegression(),
    "tree of depth 5": DecisionTreeRegressor(max_depth=5),
    "boosting without interactions": HistGradientBoostingRegressor(
        max_iter=50, interaction_cst="no_interactions"
    ),
    "boosting": HistGradientBoostingRegressor(max_iter=50),
}


def main() -> None:
    """Print a line for each base, without and with noisy copies."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
    print(f"{'base':30} copies  error", *(f"{r:>7}" for r in RADII), "   ms a row")
    for name, base in BASES.items():
        for copies in (1, 20):
            reg = SmoothedRegressor(
                base, sigma=0.5, n_augment=copies, n=2000, n0=500, random_state=0
            ).fit(X_train, y_train)
            error = np.abs(y_test - reg.predict(X_test)).mean()
            # a closed form takes so little that only many rows tell it from a call
            few = reg.certify_interval(X_test[:1], 0.25).run.form in (None, "additive")
            rows = X_test if few else np.tile(X_test, (50, 1))
            start = time.perf_counter()
            reg.certify_interval(rows, 0.25)
            spent = (time.perf_counter() - start) / len(rows)
            bounds = reg.certify_interval(X_test, RADII)
            truth = y_test[:, None]
            worst = np.maximum(truth - bounds.lower, bounds.upper - truth).mean(axis=0)
            figures = " ".join(f"{value:7.1f}" for value in worst)
            print(f"{name:30} {copies:6}  {error:5.1f} {figures}  {1000 * spent:9.4f}")


if __name__ == "__main__":
    with threadpool_limits(1):
        main()
