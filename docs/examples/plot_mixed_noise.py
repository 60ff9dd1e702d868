"""
Numbers and categories at once
==============================

Somebody may change some numbers a little, and a few categories to anything. Gaussian noise on the
numbers and ``Flip`` on the categories give one certificate for both (Delattre et al. 2026): a
radius for each number of changed categories.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sksmooth import CertifiedAccuracyDisplay, SmoothedClassifier
from sksmooth.noise import Flip

# %%
# Two numbers and four columns of categories, coded 0 to 2. The answer depends on all of them.

rng = np.random.default_rng(0)
numbers = rng.normal(size=(1500, 2))
codes = rng.integers(3, size=(1500, 4))
X = np.column_stack([numbers, codes])
y = (2 * numbers.sum(axis=1) + (codes - 1).sum(axis=1) > 0).astype(int)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=200, random_state=0)

# %%
sigma = {0: 0.5, 1: 0.5, **{column: Flip(keep=0.7) for column in range(2, 6)}}
encoder = make_column_transformer(
    (OneHotEncoder(sparse_output=False), [2, 3, 4, 5]), remainder="passthrough"
)
base = make_pipeline(encoder, RandomForestClassifier(20, min_samples_leaf=5, random_state=0))
clf = SmoothedClassifier(base, sigma, n_augment=10, random_state=0).fit(X_train, y_train)
certificate = clf.certify(X_test, n=2000)
assert certificate.method == "montecarlo"
print(certificate.summary())

# %%
# A curve for each number of changed categories: with one changed, the numbers may move less.

_, ax = plt.subplots(figsize=(6.4, 4))
CertifiedAccuracyDisplay.from_predictions(y_test, certificate, changes=[0, 1], ax=ax)
plt.show()
