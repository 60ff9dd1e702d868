"""
L1 certificates of images without sampling
==========================================

Splitting noise (Levine and Feizi 2021) shows the base classifier in which cell of a partition each
pixel lies, and shifts all partitions together. Pixels are whole numbers, so there are only few
different shifts. The base is asked about all of them, and what it proves is certain, for any base.

Uniform noise of the same half width has the same largest radius, but its certificates are sampled.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from sksmooth import CertifiedAccuracyDisplay, SmoothedClassifier
from sksmooth.noise import Split, Uniform

X, y = load_digits(return_X_y=True)  # 64 pixels, whole numbers from 0 to 16
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=200, random_state=0)

# %%
# Cells are 24 gray levels wide, so the base is asked about 24 versions of an image. It is trained
# on some of them, too.

base = LogisticRegression(C=0.01, max_iter=1000)
split = SmoothedClassifier(base, noise=Split(scale=12), n_augment=5, random_state=0)
split.fit(X_train, y_train)
exact = split.certify(X_test)
print(exact)
assert exact.method == "exact"

# %%
# This is what it sees of one image: one shift in three. Each pixel has the middle of its cell.

outcomes = exact.noise.outcomes(X_test[0])
shown = np.empty((outcomes.n, 64))
outcomes.fill(0, shown)
_, axes = plt.subplots(1, 9, figsize=(9, 1.4))
for ax, image, title in zip(
    axes, [X_test[0], *shown[::3]], ["image", *range(0, 24, 3)], strict=True
):
    ax.imshow(image.reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
    ax.set_title(title, fontsize=9)
    ax.set_axis_off()
plt.show()

# %%
# Uniform noise of the same width, with 2,000 draws an image.

uniform = SmoothedClassifier(base, noise=Uniform(scale=12.0), n_augment=5, random_state=0)
sampled = uniform.fit(X_train, y_train).certify(X_test, n=2000)

_, ax = plt.subplots(figsize=(6.4, 4))
for name, found in {"splitting, 24 calls": exact, "uniform, 2,000 draws": sampled}.items():
    CertifiedAccuracyDisplay.from_predictions(y_test, found, name=name, ax=ax)
ax.set_xlabel("L1 radius, in gray levels of 16")
ax.legend(loc="lower left")
plt.show()

# %%
# Radii of splitting noise are whole numbers of gray levels, and they are reached: with a radius of
# 3 the pixels may change by three levels in all.

assert set(exact.radii) <= set(range(13))
