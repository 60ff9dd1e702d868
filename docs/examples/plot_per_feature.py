"""
By how much may one number be off?
==================================

A certified radius bounds changes of all features together. People who fill in forms ask about one:
how wrong may *this* value be before the answer changes? For a model with a closed form the smoothed
classifier can be followed along the axis of each feature, exactly.

Here boosted stumps tell two kinds of wine apart from six measurements. The noise on each is a
quarter of its standard deviation.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.model_selection import train_test_split

from sksmooth import PerFeatureDisplay, SmoothedClassifier

X, y = load_wine(return_X_y=True, as_frame=True)
X = X[["alcohol", "malic_acid", "magnesium", "total_phenols", "color_intensity", "proline"]]
X, y = X[y < 2], y[y < 2]
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)

stumps = GradientBoostingClassifier(max_depth=1, n_estimators=60, random_state=0)
sigma = (X_train.std() / 4).to_dict()
clf = SmoothedClassifier(stumps, sigma, n_augment=8, random_state=0).fit(X_train, y_train)

# %%
# A line for each row and feature. The answer is the same for all values strictly between
# ``value + down`` and ``value + up``, while the other features stay as they are. An infinite end
# says that no value of this feature alone changes the answer.

certificate = clf.certify(X_test)
assert certificate.method == "exact"
intervals = clf.per_feature(X_test, certificate=certificate)
print(intervals.head(6).round(3))
free = np.isinf(intervals["down"]) & np.isinf(intervals["up"])
print(f"by any amount: {free.mean():.0%} of the answers")

# %%
# On the left the row with the smallest radius; on the right, what 95, 75 and 50 % of all rows allow
# at least. Bars of two features do not hold together: for joint changes there is the radius.

row = certificate.index[np.argmin(certificate.radii)]
display = PerFeatureDisplay(intervals=intervals, certificate=certificate)
_, axes = plt.subplots(ncols=2, figsize=(11, 3.6), layout="constrained")
display.plot(row=row, ax=axes[0])
display.plot(limit=8, ax=axes[1])
plt.show()

# %%
# The same in words:

print(display.sentence(row))
