"""
A medical table: how much may measurements be off?
==================================================

Thirty measurements of cell nuclei, and whether a tumour is malignant. No single length suits
areas and smoothness, so that ``units`` are set: here one standard deviation of each column. The
base is boosting without interactions, for which nothing is sampled.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split

from sksmooth import CertifiedAccuracyDisplay, SmoothedClassifier, certified_accuracy_score

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
y = load_breast_cancer().target_names[y]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
units = X_train.std(ddof=0).to_dict()

# %%
# Three widths of the noise, in the same units, so that their curves can be compared.

base = HistGradientBoostingClassifier(
    max_iter=50, interaction_cst="no_interactions", random_state=0
)
_, ax = plt.subplots(figsize=(6.4, 4))
for sigma in (0.25, 0.5, 1.0):
    clf = SmoothedClassifier(base, sigma, units=units, n_augment=4, random_state=0)
    certificate = clf.fit(X_train, y_train).certify(X_test)
    assert certificate.method == "exact"
    CertifiedAccuracyDisplay.from_predictions(y_test, certificate, name=f"sigma {sigma}", ax=ax)
ax.set_xlabel("radius, in standard deviations")
plt.show()

# %%
# Of the two errors one is worse. Certified accuracy by class shows how robust each answer is.

by_class = certified_accuracy_score(y_test, certificate, radius=[0, 0.5, 1], classwise=True)
for label, scores in by_class.items():
    print(label, scores.round(2))

# %%
# How much may each measurement of one patient be off, alone, before the answer may change?
# Columns that never change it are left out.

intervals = clf.per_feature(X_test[:1]).droplevel(0)
limited = intervals[(intervals.down > -5 * intervals.value) | (intervals.up < 5 * intervals.value)]
print(limited.round(3) if len(limited) else "No single column changes this answer.")
