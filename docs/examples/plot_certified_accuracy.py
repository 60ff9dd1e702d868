r"""
Certified accuracy of digits, by sigma
======================================

A test row is certified at radius r if the smoothed classifier is right on it and provably stays
so under every perturbation of L2 norm up to r. The share of such rows, as a function of r, is
the curve of certified accuracy. It is how randomized smoothing is usually reported, one curve
per sigma.

The rows are scikit-learn's digits: 8 x 8 pixels from 0 to 16. Sigma and the radii are in the
same units, so a radius of 4 is worth a quarter of the way from black to white in one pixel, or
any other change of that Euclidean length spread over the image.
"""

# %%
# Train and certify
# -----------------
# The base classifier is a small perceptron, which stops training early enough for an example.
# ``n_augment=8`` fits it on eight noisy copies of the training rows: a network that has not
# seen noise answers noisy inputs badly. 10,000 draws per row are enough for a first look;
# ``n=100_000``, the default, is the usual choice for results.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from sksmooth import (
    CertifiedAccuracyDisplay,
    SmoothedClassifier,
    abstention_rate,
    average_certified_radius_score,
)

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=200, random_state=0, stratify=y)
mlp = MLPClassifier((64,), tol=0.02, n_iter_no_change=2, random_state=0)

certificates = {}
for sigma in [1.0, 2.0, 4.0, 8.0]:
    clf = SmoothedClassifier(mlp, sigma=sigma, n_augment=8, n=10_000, random_state=0)
    certificates[sigma] = clf.fit(X_train, y_train).certify(X_test)
    assert certificates[sigma].method == "montecarlo"

# %%
# One curve per sigma
# -------------------
# Each curve starts at the share of rows that are certified at all, and ends at the latest at
# the largest radius that 10,000 draws can prove at ``alpha=0.001``: 3.2 sigma.

fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
colours = plt.colormaps["viridis"]([0.05, 0.35, 0.65, 0.9])
for certificate, colour in zip(certificates.values(), colours, strict=True):
    CertifiedAccuracyDisplay.from_predictions(
        y_test, certificate, ax=ax, curve_kwargs={"color": colour, "linewidth": 2}
    )
ax.set(xlabel="L2 radius (grey levels, of 16)", xlim=(0, 14))
ax.grid(alpha=0.3)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# No sigma is best everywhere. A small one keeps the accuracy at radius 0 but cannot certify
# far; a large one reaches far and loses rows near the boundary. Choose sigma for the radius
# that matters to you, on data kept apart from the test rows: see
# :ref:`sphx_glr_auto_examples_plot_grid_search_sigma.py`.
#
# Two numbers summarise a curve, and hide its shape: the average certified radius, which is the
# area under it, and the abstention rate.

for sigma, certificate in certificates.items():
    acr = average_certified_radius_score(y_test, certificate)
    print(f"sigma={sigma:g}: ACR {acr:.2f}, abstention rate {abstention_rate(certificate):.1%}")

# %%
# What training under noise is worth
# ----------------------------------
# ``FrozenEstimator`` brings in a model that is already trained; smoothing leaves it as it is.
# Here is the same perceptron, trained on eight clean copies of each digit, against the one
# above at the same sigma.

clean = FrozenEstimator(mlp.fit(np.tile(X_train, (8, 1)), np.tile(y_train, 8)))
frozen = SmoothedClassifier(clean, sigma=4.0, n=10_000, random_state=0).fit(X_train, y_train)

fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
runs = {
    "trained under noise": (certificates[4.0], colours[2], "-"),
    "trained on clean rows": (frozen.certify(X_test), "0.45", "--"),
}
for name, (certificate, colour, style) in runs.items():
    CertifiedAccuracyDisplay.from_predictions(
        y_test,
        certificate,
        name=name,
        ax=ax,
        curve_kwargs={"color": colour, "linestyle": style, "linewidth": 2},
    )
ax.set(title=r"$\sigma$ = 4", xlabel="L2 radius (grey levels, of 16)", xlim=(0, 14))
ax.grid(alpha=0.3)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The certificates of both are valid. Those of the clean model are merely small, because under
# noise it is often wrong: training under noise buys larger radii, never sounder ones.
