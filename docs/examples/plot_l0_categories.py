"""
A table of categories: how many columns may change
==================================================

A customer's record holds words: a job, a home, a region. Nobody can change such a column "a
little"; an attacker, or a typing error, puts another word in its place. ``Flip`` noise does the
same at random, and certifies a number of changed columns.

The base is a Pipeline that takes the words as they are.
"""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sksmooth import CertifiedAccuracyDisplay, SmoothedClassifier
from sksmooth.noise import Flip

rng = np.random.default_rng(0)
words = {
    "job": ["fixed", "freelance", "none"],
    "home": ["owner", "rent", "parents"],
    "records": ["no", "yes"],
    "marital": ["single", "married", "widowed"],
    "region": ["north", "south", "east"],
    "phone": ["yes", "no"],
    "car": ["yes", "no"],
}
good = {"fixed", "owner", "no", "married", "north", "yes"}
X = pd.DataFrame({name: rng.choice(values, 1200) for name, values in words.items()})
points = X.isin(good).sum(axis=1) + rng.normal(scale=0.5, size=len(X))
y = np.where(points > 3.5, "pays", "fails")
X_train, X_test, y_train, y_test = X[:1000], X[1000:], y[:1000], y[1000:]

# %%
# Noise draws from the words that are seen in ``fit``. There are 3**4 * 2**3 = 648 records, and the
# base is asked about all of them: nothing is sampled.

base = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression())
certificates = {}
for keep in (0.6, 0.75, 0.9):
    clf = SmoothedClassifier(base, noise=Flip(keep=keep), n_augment=5, random_state=0)
    certificates[keep] = clf.fit(X_train, y_train).certify(X_test)
print(certificates[0.75])
assert certificates[0.75].method == "exact"

# %%
# Keeping words less often certifies more changes, at a lower accuracy.

_, ax = plt.subplots(figsize=(6.4, 4))
for keep, certificate in certificates.items():
    CertifiedAccuracyDisplay.from_predictions(y_test, certificate, name=f"keep={keep}", ax=ax)
ax.legend()
plt.show()

# %%
# Which words, in which column alone, would leave the answer as it is? ``new`` tells of words that
# were not seen in ``fit``.

clf = SmoothedClassifier(base, noise=Flip(keep=0.75), n_augment=5, random_state=0)
near = certificates[0.75].radii.argmin()
row = X_test.iloc[[near]]
print(clf.fit(X_train, y_train).per_category(row).droplevel("row").to_string())
