"""
How far can a measurement error move a prediction?
==================================================

442 patients with diabetes: nine measurements and the sex, and a number from 25 to 346 that says how
far the disease had gone a year later. Measurements have errors. A smoothed regressor says, patient
by patient, how far they can move the prediction.

The base is boosting without interactions: the law of its output under noise is computed, so that
nothing is drawn, and all that is said holds for certain.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.model_selection import GridSearchCV, train_test_split

from sksmooth import (
    CertifiedErrorDisplay,
    PredictionBandDisplay,
    SmoothedRegressor,
    certified_error_scorer,
)

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)

# %%
# Every measurement gets noise of half of its standard deviation; the sex gets none, and reaches the
# base as it is. Lengths are then in standard deviations, whatever sigma is.

units = X_train.std(ddof=0).to_dict() | {"sex": 0.0}
base = HistGradientBoostingRegressor(max_iter=50, interaction_cst="no_interactions")
reg = SmoothedRegressor(base, sigma=0.5, units=units, n_augment=20, random_state=0)
reg.fit(X_train, y_train)

# %%
# If all measurements of a patient change, together by less than a quarter of a standard deviation,
# the prediction stays in the band.

bounds = reg.certify_interval(X_test, radius=0.25)
assert bounds.run.method == "exact"
print(bounds.summary())
PredictionBandDisplay.from_predictions(y_test, bounds)
plt.show()

# %%
# The other question: how far may the measurements be off before the *error* can exceed 60? Each
# line begins at the share of patients that are predicted so well without any change.

CertifiedErrorDisplay.from_estimator(reg, X_test, y_test, within=[30, 60, 90])
plt.show()

# %%
# One measurement at a time: the body mass index may be off by 1, the blood pressure by 5.

shifts = reg.shift_per_feature(X_test[:3], {"bmi": 1.0, "bp": 5.0})
print(shifts[shifts["change"] > 0].round(1))

# %%
# Sigma and the number of noisy copies are chosen as any parameter is: by the share of rows whose
# error is certified to stay within 60.

search = GridSearchCV(
    reg,
    {"sigma": [0.25, 0.5, 1.0], "n_augment": [1, 10]},
    scoring=certified_error_scorer(within=60, radius=0.25),
    cv=3,
).fit(X_train, y_train)
print(search.best_params_, round(search.best_score_, 3))
