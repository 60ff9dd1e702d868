"""
What the noise does to an image
===============================

The same digits with noise of four standard deviations, as the base classifier gets them, and what
the smoothed classifier makes of them: its label, and the radius within which no change of the image
can alter it. Pixels go from 0 to 1. For display they are cut off there; the classifier sees them as
they are, below 0 and above 1 too.

More noise proves more, as long as the digit can still be told. Where it cannot, nothing is
certified.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.model_selection import train_test_split

from sksmooth import SmoothedClassifier

images, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(images / 16, y, random_state=0)

# %%
# One classifier for each sigma: a base learns to see through the noise that it is trained with.
# (For this base the probabilities under noise could be bounded without sampling; for most bases
# they cannot, so noise is drawn here.)

sigmas = (0.12, 0.25, 0.5, 1.0)
shown = [np.flatnonzero(y_test == digit)[0] for digit in (0, 3, 4, 7)]
certificates = {}
for sigma in sigmas:
    base = QuadraticDiscriminantAnalysis(reg_param=0.2)
    clf = SmoothedClassifier(base, sigma, method="montecarlo", n_augment=4, random_state=0)
    clf.fit(X_train, y_train)
    certificates[sigma] = clf.certify(X_test[shown], n=10_000)
    assert certificates[sigma].method == "montecarlo"

# %%
# The first column has the images themselves, the others one noisy copy each.

rng = np.random.default_rng(0)
noise = rng.standard_normal((len(shown), images.shape[1]))
fig, axes = plt.subplots(len(shown), 1 + len(sigmas), figsize=(8, 7), layout="constrained")
for row, i in zip(axes, range(len(shown)), strict=True):
    image = X_test[shown[i]]
    for axis, sigma in zip(row, (0.0, *sigmas), strict=True):
        noisy = np.clip(image + sigma * noise[i], 0, 1)
        axis.imshow(noisy.reshape(8, 8), cmap="gray", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
        if sigma == 0:
            axis.set_xlabel(f"a {y_test[shown[i]]}")
            continue
        certificate = certificates[sigma]
        label, radius = certificate.labels[i], certificate.radii[i]
        axis.set_xlabel("abstains" if certificate.abstained[i] else f"{label}, radius {radius:.2f}")
        if i == 0:
            axis.set_title(f"sigma = {sigma:g}")
plt.show()

# %%
# A radius is a length over all 64 pixels: 0.5 is a change of 0.5 in one pixel, or of 0.0625 in
# each. The noise of sigma 0.5 is about 0.5 times 8 = 4 long: much longer than what it proves.
