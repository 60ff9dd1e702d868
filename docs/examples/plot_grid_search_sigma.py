r"""
Choose sigma by grid search
===========================

Sigma decides which radii can be certified and what accuracy that costs. It is a parameter like
any other, so scikit-learn's model search can choose it; what is needed is a score that looks at
certificates, and a radius to score at.
"""

# %%
# Several radii from one certification
# ------------------------------------
# :func:`~sksmooth.certified_accuracy_scorer` with several radii certifies each fold once and
# returns a score per radius. A search with several scores must be told by which one to choose:
# ``refit`` takes the name of a score, "certified_accuracy@" and the radius.
#
# ``error_score="raise"`` shows an error where it happens. By default the search turns it into a
# nan and a warning, and a mistake looks like a bad model.
#
# The base is a perceptron, whose certificates are sampled. The scorer draws noise for a row until
# each radius is decided, at most ``n`` times. (For a base with a closed form it draws nothing, and
# its ``n`` is ignored.)

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier

from sksmooth import (
    SmoothedClassifier,
    certified_accuracy_score,
    certified_accuracy_scorer,
    certify,
)

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0, stratify=y)

radii = [1, 3, 5, 7]
mlp = MLPClassifier((64,), tol=0.02, n_iter_no_change=2, random_state=0)
search = GridSearchCV(
    SmoothedClassifier(mlp, n_augment=4, random_state=0),
    {"sigma": [0.75, 1.5, 3.0, 6.0, 12.0]},
    scoring=certified_accuracy_scorer(radii, n=1000),
    refit="certified_accuracy@5",
    cv=4,
    error_score="raise",
)
search.fit(X_train, y_train)
print("chosen for radius 5:", search.best_params_)

# %%
# The whole table
# ---------------
# ``cv_results_`` has the other radii too, so one search answers for all of them.

sigma = np.asarray(search.cv_results_["param_sigma"], dtype=float)
fig, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
colours = plt.colormaps["plasma"](np.linspace(0.05, 0.8, len(radii)))
for radius, colour in zip(radii, colours, strict=True):
    mean = search.cv_results_[f"mean_test_certified_accuracy@{radius}"]
    spread = search.cv_results_[f"std_test_certified_accuracy@{radius}"]
    ax.errorbar(sigma, mean, spread, color=colour, marker="o", capsize=3, label=f"radius {radius}")
    best = mean.argmax()
    ax.plot(sigma[best], mean[best], "o", ms=13, mfc="none", mec=colour, mew=1.5)
ax.set_xscale("log", base=2)
ax.set_xticks(sigma, [f"{s:g}" for s in sigma])
ax.set(xlabel=r"$\sigma$", ylabel="certified accuracy, mean of 4 folds", ylim=(-0.03, 1.0))
ax.grid(alpha=0.3)
ax.spines[["top", "right"]].set_visible(False)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, title="circled: best")
plt.show()

# %%
# The best sigma grows with the radius. A sigma that is too small scores 0, however good the
# model: no radius beyond about 2.5 sigma can be proved with 1,000 draws, and none beyond 3.8 sigma
# with 100,000. A sigma that 1,000 draws rank badly near that limit may do well with more.
#
# Certify the chosen model
# ------------------------
# The folds were used for choosing, so their scores are too good. The test rows took no part in
# the search. :func:`sksmooth.certify` takes the search itself, and draws 20,000 noisy copies of
# each row here (100,000 by default). At radius 7, close to the limit of 1,000 draws, that certifies
# more rows than the search did at any sigma.

rows = slice(0, 150)
certificate = certify(search, X_test[rows], n=20_000)
assert certificate.method == "montecarlo"
print(f"{certificate.n_draws.mean():,.0f} draws a row")
scores = certified_accuracy_score(y_test[rows], certificate, radius=radii)
for radius, score in zip(radii, scores, strict=True):
    print(f"certified accuracy at radius {radius}: {score:.2f}")
assert scores[-1] > search.cv_results_["mean_test_certified_accuracy@7"].max()
