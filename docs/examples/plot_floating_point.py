"""
A classifier that reads rounding errors
=======================================

Which floating-point numbers the sum of a row and its noise can be depends on the row. The base
below looks at its input's last bits and answers 1 if they are those of one particular point. Its
votes around that point, and around a neighbour that moves away from it, are counted twice: with
noise in floating point, as in the paper's code and everywhere else, and with integer noise, the
default.

With the former it gets a certificate at the point that is false at every neighbour: the smoothed
classifier answers 0 there. With the latter it learns nothing.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin

from sksmooth import SmoothedClassifier

point = np.linspace(0.1, 1, 30)


class ReadsRounding(ClassifierMixin, BaseEstimator):
    """1 where taking the point away and adding it again gives back the input."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return ((X - point) + point == X).all(axis=1).astype(int)


# %%
# Ask both smoothers about the point, and about neighbours at growing distance.

distances = np.linspace(0, 2.5, 26)
rows = point + distances[:, np.newaxis] / np.sqrt(30)
fig, ax = plt.subplots(figsize=(7, 4))
for arithmetic, color in (("float", "C3"), ("integer", "C0")):
    clf = SmoothedClassifier(ReadsRounding(), sigma=0.5, arithmetic=arithmetic, random_state=0)
    clf.fit(np.vstack([point, -point]), [0, 1])
    ax.plot(distances, clf.vote_frequencies(rows)[:, 1], color=color, label=f"{arithmetic} noise")
    certificate = clf.certify(point[np.newaxis], n=10_000)
    assert certificate.method == "montecarlo"
    assert (certificate.labels[0] == 1) == (arithmetic == "float")
    if certificate.labels[0] == 1:
        radius = certificate.radii[0]
        ax.axvspan(0, radius, color=color, alpha=0.1, label=f"certified as 1, up to {radius:.2f}")
ax.axhline(0.5, color="gray", lw=0.5)
ax.set(xlabel="distance from the point", ylabel="share of votes for class 1")
ax.legend()
plt.show()

# %%
# The guide's page on integer noise says how it is made and what it assumes.
