r"""
A convolutional net through skorch
==================================

A skorch net is a scikit-learn classifier, so it can be smoothed like any other. It is trained
better than others, though: ``SmoothedClassifier`` adds fresh noise to every batch, in front of
the net's first layer, instead of fitting on a fixed number of noisy copies.
"""

# %%
# The net
# -------
# The module is ordinary. Its first layer brings the pixels to a range that trains well. Because
# that layer belongs to the module, noise comes before it, and sigma and radii stay in the units
# of X: grey levels from 0 to 16.

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from skorch import NeuralNetClassifier
from torch import nn

from sksmooth import CertifiedAccuracyDisplay, SmoothedClassifier


class Standardize(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.mean, self.std = mean, std

    def forward(self, X):
        return (X - self.mean) / self.std


class SmallCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            Standardize(mean=4.9, std=6.0),
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16 * 4 * 4, 10),
        )

    def forward(self, X):
        return self.layers(X)


# %%
# Rows may have any shape. float32 is what the net computes in, so give it float32: noise is
# drawn in the precision of X, and float32 noise takes less time and half the memory.

images, y = load_digits(return_X_y=True)
X = images.reshape(-1, 1, 8, 8).astype(np.float32)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=150, random_state=0, stratify=y)

torch.set_num_threads(1)  # so small a net gains nothing from more
net = NeuralNetClassifier(
    SmallCNN,
    criterion=nn.CrossEntropyLoss,
    optimizer=torch.optim.Adam,
    lr=0.003,
    batch_size=64,
    max_epochs=15,
    verbose=0,
)
sigma = 4.0
clf = SmoothedClassifier(net, sigma=sigma, n=2000, random_state=0).fit(X_train, y_train)
certificate = clf.certify(X_test)
assert certificate.method == "montecarlo"
print(certificate)

# %%
# ``clf.estimator_`` is the plain net again, without a trace of the noise. It can be saved, or
# used on its own:

print(f"accuracy of the net alone, clean rows: {clf.estimator_.score(X_test, y_test):.3f}")
print(f"accuracy of the smoothed net: {clf.score(X_test, y_test):.3f}")

# %%
# What was certified
# ------------------
# Above, test digits from the smallest to the largest certified radius; below, one noisy copy of
# each as the net sees it. The first one is abstained on.

order = np.lexsort((certificate.radii, ~certificate.abstained))
shown = order[np.linspace(0, len(order) - 1, 8).astype(int)]
assert certificate.abstained[shown[0]]
rng = np.random.default_rng(0)

fig, axes = plt.subplots(2, len(shown), figsize=(11, 3.4), layout="constrained")
for (top, bottom), i in zip(axes.T, shown, strict=True):
    digit = X_test[i, 0]
    top.imshow(digit, cmap="gray_r", vmin=0, vmax=16)
    bottom.imshow(digit + sigma * rng.standard_normal((8, 8)), cmap="gray_r", vmin=-8, vmax=24)
    row = certificate[i]
    answer = "abstained" if row.abstained[0] else f"{row.labels[0]}, R = {row.radii[0]:.1f}"
    right = row.labels[0] == y_test[i] or row.abstained[0]
    top.set_title(answer, fontsize=11, color="black" if right else "crimson")
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("test digit")
axes[1, 0].set_ylabel("under noise")
plt.show()

# %%
# And the curve
# -------------

fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
CertifiedAccuracyDisplay.from_predictions(y_test, certificate, ax=ax, curve_kwargs={"linewidth": 2})
ax.set(xlabel="L2 radius (grey levels, of 16)")
ax.grid(alpha=0.3)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Nothing about the net had to change for smoothing, except that its normalisation lives in the
# module. And the radii tell digits apart that accuracy counts alike. These are the 10th, the 50th
# and the 90th percentile of the radius among the digits that are certified with the right label:

right = (certificate.labels == y_test) & ~certificate.abstained
print(np.percentile(certificate.radii[right], [10, 50, 90]).round(1))
