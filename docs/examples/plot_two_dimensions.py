r"""
Certified disks in two dimensions
=================================

Smoothing replaces a classifier f by a vote: g(x) is the class that f gives most often to noisy
copies of x. In two dimensions both can be drawn, and the certificates of g are disks.

The base classifier here is a decision tree. Its regions are boxes with corners and thin
slivers. The tree itself certifies nothing: just beyond the edge of a sliver the answer flips.

The votes of a tree under Gaussian noise can be computed, so the certificates of the first picture
are certain. For most other classifiers the votes are sampled; the second picture shows what
sampling adds to the same tree: a failure probability, smaller disks and abstentions.
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
# ``clf.estimator_`` is the fitted tree. ``clf.predict`` computes, at each grid point, the
# probability of each class under noise, and returns the class with the largest one. It abstains
# only where the bounds on two probabilities overlap, which happens nowhere on this grid.

x0, x1 = np.meshgrid(np.linspace(-1.75, 2.75, 181), np.linspace(-1.25, 1.75, 121))
grid = np.column_stack([x0.ravel(), x1.ravel()])
base_answer = clf.estimator_.predict(grid).reshape(x0.shape)
smoothed_answer = clf.predict(grid).reshape(x0.shape)
print(f"abstained on {np.mean(smoothed_answer == clf.abstain_label_):.1%} of the grid")

# %%
# Certify some points
# -------------------
# ``certify`` returns a label and a radius for each point. ``method`` says how they were found:
# computed, without any noise being drawn.

points, _ = make_moons(16)  # evenly spaced along the two half circles
certificate = clf.certify(points)
print(certificate)
assert certificate.method == "exact"
assert not certificate.abstained.any()

# %%
# The picture
# -----------
# Inside each disk the answer of g is constant. So no disk may reach into the other colour of the
# right-hand panel. On the left, the same disks cover boxes of both colours: the certificate speaks
# of g, not of the tree.

colours = np.array(["#3b6fb6", "#d9772b"])
tints = ListedColormap(["#e6e6e6", "#c9dbf0", "#f8dcc3"])  # abstained, class 0, class 1


def draw(ax, title, answer, certificate):
    """Colour the answers, and draw the points with their disks; a cross is an abstention."""
    ax.pcolormesh(x0, x1, answer, cmap=tints, vmin=-1, vmax=1, rasterized=True)
    ax.scatter(*X.T, c=colours[y], s=7, alpha=0.45, linewidths=0)
    for centre, label, radius, abstained in zip(
        points, *certificate, certificate.abstained, strict=True
    ):
        if abstained:
            ax.plot(*centre, "x", ms=7, color="black", mew=1.5)
        else:
            ax.add_patch(Circle(centre, radius, fill=False, color=colours[label], lw=1.3))
            ax.plot(*centre, "o", ms=4, color=colours[label], mec="white", mew=0.6)
    ax.set(title=title, xlim=(-1.75, 2.75), ylim=(-1.25, 1.75), aspect="equal")
    ax.set(xticks=[], yticks=[])


fig, axes = plt.subplots(1, 2, figsize=(11, 4.4), sharey=True, layout="constrained")
draw(axes[0], "Decision tree f", base_answer, certificate)
draw(axes[1], "Smoothed tree g, with certified disks", smoothed_answer, certificate)
plt.show()

# %%
# What there is to see
# --------------------
# * The disks grow with the distance from the boundary of g, and stop short of it. The radius is
#   what holds for *every* base classifier with these probabilities; the shape of this one is not
#   used.
# * The tree's slivers are gone from g. Averaging over noise of width sigma wipes out whatever
#   is much thinner than sigma, good and bad alike; this is why too large a sigma costs
#   accuracy.
#
# The same tree, sampled
# ----------------------
# ``method="montecarlo"`` draws noise, as for classifiers whose votes cannot be computed.
# ``predict`` classifies 1,000 noisy copies of each grid point, ``certify`` here 500 noisy copies of
# each of the 16 points (100,000 by default), none of them shared. Each statement now fails with
# probability at most ``alpha``, 0.001.

clf.set_params(method="montecarlo")
sampled_answer = clf.predict(grid).reshape(x0.shape)
sampled = clf.certify(points, n=500)
print(sampled)
assert sampled.method == "montecarlo"
assert sampled.abstained.any()
assert (sampled.radii <= certificate.radii).all()

fig, axes = plt.subplots(1, 2, figsize=(11, 4.4), sharey=True, layout="constrained")
draw(axes[0], "computed", smoothed_answer, certificate)
draw(axes[1], "sampled: 1,000 draws for the colours, 500 for the disks", sampled_answer, sampled)
plt.show()

# %%
# * The grey seam is where ``predict`` abstains: the votes are too close to call at level ``alpha``.
#   More draws make it thinner, and never remove it.
# * A cross marks a point that ``certify`` abstained on: its class does not have a proven majority
#   of the votes, and so there is no disk at all, not even a small one.
# * The other disks are smaller than the computed ones. However far a point is from the boundary, n
#   draws prove no radius beyond some multiple of sigma: 2.2 for 500 draws, 3.8 for 100,000.

print(f"largest radius that 500 draws can prove: {sampled.max_radius / clf.sigma:.2f} sigma")
