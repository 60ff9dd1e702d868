"""
Prediction sets that hold under attack
======================================

A conformal set contains the true label with a chosen probability, as long as rows are not
tampered with. A robust one keeps its coverage when each row may have been moved by up to a
radius. It pays with size.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from sksmooth import RobustConformalClassifier

X, y = load_digits(return_X_y=True)
X = X / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=300, random_state=0)

# %%
# One calibration serves all radii: ``set_params(radius=...)`` takes effect at once.

base = LogisticRegression(max_iter=1000)
clf = RobustConformalClassifier(base, sigma=0.25, confidence_level=0.9, random_state=0)
clf.fit(X_train, y_train)
radii = [0.0, 0.05, 0.1, 0.15, 0.2, 0.25]
coverage, size = [], []
for radius in radii:
    _, sets = clf.set_params(radius=radius).predict_set(X_test)
    coverage.append(sets[range(len(y_test)), y_test, 0].mean())
    size.append(sets[:, :, 0].sum(axis=1).mean())

# %%
# On clean rows the coverage grows with the radius, since it must be 0.9 on the worst moved ones.

_, (left, right) = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
left.plot(radii, coverage, marker="o")
left.axhline(0.9, color="grey", linewidth=0.8)
left.set(xlabel="radius", ylabel="coverage of clean rows", ylim=(0.85, 1.005))
right.plot(radii, size, marker="o")
right.set(xlabel="radius", ylabel="labels in a set")
plt.show()

# %%
for radius, covered, labels in zip(radii, coverage, size, strict=True):
    print(f"{radius:.2f}  covered {covered:.3f}, labels {labels:.2f}")
assert min(coverage) > 0.85
assert size == sorted(size)
