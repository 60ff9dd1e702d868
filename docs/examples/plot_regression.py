"""
Bounds on predictions of numbers
================================

A smoothed regressor returns the median of the base's predictions under noise. Within a radius
this median cannot leave an interval. For boosting without interactions both are computed.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import train_test_split

from sksmooth import PredictionBandDisplay, SmoothedRegressor

X, y = load_diabetes(return_X_y=True, scaled=False)
X = (X - X.mean(axis=0)) / X.std(axis=0)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=80, random_state=0)

base = HistGradientBoostingRegressor(max_iter=50, interaction_cst="no_interactions", random_state=0)
reg = SmoothedRegressor(base, sigma=0.5, n_augment=10, random_state=0).fit(X_train, y_train)
bounds = reg.certify_interval(X_test, radius=0.25)
assert bounds.run.method == "exact"

# %%
# For half of the patients the prediction moves by no more than this (the target is between 25 and
# 346):

print(round(float(np.median(bounds.upper - bounds.lower)), 1))

# %%
PredictionBandDisplay.from_estimator(reg, X_test, y_test, radius=0.25)
plt.show()
