r"""
How many draws does a row need?
===============================

To prove a radius of r, the share of votes :math:`p_A` must be above :math:`\Phi(r / \sigma)` by a
margin that shrinks with the number of draws. Rows far from that threshold, on either side, are
decided by few draws; only rows next to it need many. ``certify(X, radius=r)`` gives each row what
it needs, at the same probability of error.
"""

# %%
# One certification, two ways
# ---------------------------
# A perceptron on scikit-learn's digits, whose pixels go from 0 to 1. The full certificate makes
# 20,000 draws for every row; the other one stops where it is decided whether the row is certified
# at 0.25.

import matplotlib.pyplot as plt
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from sksmooth import SmoothedClassifier, TopProbabilityDisplay, certified_accuracy_score

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X / 16, y, test_size=300, random_state=0, stratify=y
)
mlp = MLPClassifier((64,), tol=0.02, n_iter_no_change=2, random_state=0)
clf = SmoothedClassifier(mlp, sigma=0.5, n_augment=8, n=20_000, random_state=0)
clf.fit(X_train, y_train)

full = clf.certify(X_test)
decided = clf.certify(X_test, radius=0.25)
assert full.method == decided.method == "montecarlo"
for name, certificate in [("all draws", full), ("as needed", decided)]:
    accuracy = certified_accuracy_score(y_test, certificate, radius=0.25)
    draws = certificate.n_draws.mean()
    print(f"{name}: {draws:>8,.0f} draws a row, certified accuracy at 0.25: {accuracy:.3f}")

# %%
# Draws by share of votes
# -----------------------
# Each dot is a test row. The dashed line is the threshold :math:`\Phi(0.25 / 0.5) = 0.69`.

share = full.counts.max(axis=1) / full.n_draws
fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
ax.scatter(share, decided.n_draws, s=14, alpha=0.6)
ax.axvline(norm.cdf(0.25 / 0.5), color="grey", linestyle="--")
ax.set(xlabel="Share of votes for the top class", ylabel="Draws made", yscale="log")
ax.grid(alpha=0.3)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# The distribution behind a certified accuracy
# --------------------------------------------
# The share of rows whose right class has at least a probability of p under noise. Read at
# :math:`\Phi(r / \sigma)`, it is the certified accuracy at r. The steep end at p = 1 is made of
# rows whose votes are unanimous: there the radius is limited by the number of draws, and an
# average of radii says little about the model.

fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
TopProbabilityDisplay.from_predictions(y_test, full, ax=ax, name="one-sided bound")
ax.axvline(0.5, color="grey", linestyle="--")
ax.grid(alpha=0.3)
ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Another bound
# -------------
# The two-sided bound looks at the runner-up too, and need not find a majority. It certifies more
# from the same votes.

two_sided = clf.certify(X_test, bound="two-sided")
for name, certificate in [("one-sided", full), ("two-sided", two_sided)]:
    accuracy = certified_accuracy_score(y_test, certificate, radius=[0, 0.25, 0.5])
    print(f"{name}: certified accuracy at 0, 0.25, 0.5: {accuracy.round(3)}")
