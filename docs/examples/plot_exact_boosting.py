"""
Two digits told apart, for certain
==================================

Gradient boosting whose trees look at one feature each is a sum of step functions. Under noise that
is a sum of independent random numbers, whose distribution can be computed to within narrow bounds.
So a strong tabular model has certificates without sampling, at radii for which sampling would need
more draws than anybody can wait for.

Here it tells fours from nines among scikit-learn's digits, behind a PCA.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from sksmooth import CertifiedAccuracyDisplay, SmoothedClassifier

X, y = load_digits(return_X_y=True)
pair = np.isin(y, (4, 9))
X_train, X_test, y_train, y_test = train_test_split(X[pair] / 16, y[pair], random_state=0)

boosting = HistGradientBoostingClassifier(
    max_iter=60, interaction_cst="no_interactions", early_stopping=False, random_state=0
)
base = make_pipeline(PCA(20, random_state=0), boosting)

# %%
# Certificates at several sigmas. A larger sigma certifies larger radii, at some accuracy.

_, ax = plt.subplots(figsize=(6.4, 4))
for sigma in (0.25, 0.5, 1.0):
    clf = SmoothedClassifier(base, sigma, n_augment=16, random_state=0).fit(X_train, y_train)
    start = time.perf_counter()
    certificate = clf.certify(X_test)
    seconds = time.perf_counter() - start
    assert certificate.method == "exact"
    print(f"sigma={sigma}: {len(X_test)} rows in {seconds:.2f} s, {certificate}")
    largest = certificate.radii.max() / sigma
    draws = np.log(0.001) / norm.logcdf(largest)  # all of them unanimous, at alpha = 0.001
    print(f"the largest radius is {largest:.1f} sigma, for which sampling needs {draws:.0e} draws")
    CertifiedAccuracyDisplay.from_predictions(y_test, certificate, name=f"exact, {sigma=}", ax=ax)

# %%
# And sampled, at the smallest sigma. However right the model is, 10,000 unanimous votes prove no
# more than 3.2 sigma.

clf = SmoothedClassifier(base, 0.25, method="montecarlo", n_augment=16, random_state=0)
sampled = clf.fit(X_train, y_train).certify(X_test[:40], n=10_000)
assert sampled.method == "montecarlo"
CertifiedAccuracyDisplay.from_predictions(
    y_test[:40], sampled, name="sampled, sigma=0.25, 40 rows", ax=ax
)
ax.legend(loc="upper right")
plt.show()
