r"""
Certified disks in two dimensions
=================================

Smoothing replaces a classifier f by a vote: g(x) is the class that f gives most often to noisy
copies of x. In two dimensions both can be drawn, and the certificates of g are disks.

The base classifier here is a decision tree. Its regions are boxes with corners and thin
slivers. The tree itself certifies nothing: just beyond the edge of a sliver the answer flips.
"""

# %%
# A tree, and the tree smoothed
# -----------------------------
# The points lie on two interleaved half circles. ``SmoothedClassifier`` fits the tree on noisy
# copies of them, and from then on lets it vote.

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.patches import Circle
from sklearn.datasets import make_moons
from sklearn.tree import DecisionTreeClassifier

from sksmooth import SmoothedClassifier

X, y = make_moons(400, noise=0.15, random_state=0)
tree = DecisionTreeClassifier(min_samples_leaf=4, random_state=0)
clf = SmoothedClassifier(tree, sigma=0.25, n_augment=4, random_state=0).fit(X, y)

# %%
# Both on a grid
# --------------
# ``clf.estimator_`` is the fitted tree, which answers in class codes. ``clf.predict`` asks it
# 1,000 times per grid point. Where the votes are too close to call at level ``alpha`` it
# abstains, which is a label of its own, ``clf.abstain_label_``.

x0, x1 = np.meshgrid(np.linspace(-1.75, 2.75, 181), np.linspace(-1.25, 1.75, 121))
grid = np.column_stack([x0.ravel(), x1.ravel()])
base_answer = clf.estimator_.predict(grid).reshape(x0.shape)
smoothed_answer = clf.predict(grid).reshape(x0.shape)
print(f"abstained on {np.mean(smoothed_answer == clf.abstain_label_):.1%} of the grid")

# %%
# Certify some points
# -------------------
# ``certify`` draws another 100,000 noisy copies per point, none of them shared with the grid
# above, and returns a label and a radius for each.

points, _ = make_moons(16)  # evenly spaced along the two half circles
certificate = clf.certify(points)
labels, radii = certificate
print(certificate)

# %%
# The picture
# -----------
# Inside each disk the answer of g is constant, except with probability ``alpha`` per disk. So
# no disk may reach into the other colour of the right-hand panel. On the left, the same disks
# cover boxes of both colours: the certificate speaks of g, not of the tree.

colours = np.array(["#3b6fb6", "#d9772b"])
tints = ListedColormap(["#e6e6e6", "#c9dbf0", "#f8dcc3"])  # abstained, class 0, class 1

fig, axes = plt.subplots(1, 2, figsize=(11, 4.4), sharey=True, layout="constrained")
panels = {"Decision tree f": base_answer, "Smoothed tree g, with certified disks": smoothed_answer}
for ax, (title, answer) in zip(axes, panels.items(), strict=True):
    ax.pcolormesh(x0, x1, answer, cmap=tints, vmin=-1, vmax=1, rasterized=True)
    ax.scatter(*X.T, c=colours[y], s=7, alpha=0.45, linewidths=0)
    for centre, label, radius in zip(points, labels, radii, strict=True):
        if label != clf.abstain_label_:
            ax.add_patch(Circle(centre, radius, fill=False, color=colours[label], lw=1.3))
            ax.plot(*centre, "o", ms=4, color=colours[label], mec="white", mew=0.6)
        else:
            ax.plot(*centre, "x", ms=6, color="black", mew=1.5)
    ax.set(title=title, xlim=(-1.75, 2.75), ylim=(-1.25, 1.75), aspect="equal")
    ax.set(xticks=[], yticks=[])
plt.show()

# %%
# What there is to see
# --------------------
# * The disks grow with the distance from the boundary of g, and stop short of it. The radius is
#   what holds for *every* base classifier with these votes; the shape of this one is not used.
#   Far from any boundary no disk grows beyond 3.81 sigma (here 0.95), the most that 100,000
#   draws can prove.
# * The cross marks a point that ``certify`` abstained on: its class does not have the majority
#   of votes beyond doubt, and so there is no disk at all, not even a small one.
# * The grey seam is where ``predict`` abstains with 1,000 draws. More draws make it thinner,
#   and never remove it.
# * The tree's slivers are gone from g. Averaging over noise of width sigma wipes out whatever
#   is much thinner than sigma, good and bad alike; this is why too large a sigma costs
#   accuracy.
