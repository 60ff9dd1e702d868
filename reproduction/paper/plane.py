"""Figure 1: what the smoothed classifier does at one point of a plane."""

import numpy as np
from sklearn.datasets import make_blobs
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.page import table
from sksmooth import SmoothedClassifier

from .output import Options, Result, new_figure

__all__ = ["figure1"]

_COLOURS = ("#3b6fb6", "#d9772b", "#4d9a5a")
_TINTS = ("#c9dbf0", "#f8dcc3", "#cfe6d3")


def figure1(options: Options) -> Result:
    """Decision regions with the noise around a point, and what the base answers under it."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Circle

    X, y = make_blobs(
        300, centers=[(0, 0), (2.2, 0.6), (0.6, 2.2)], cluster_std=0.7, random_state=0
    )
    sigma, point = 0.6, np.array([[0.55, 0.5]])
    base = KNeighborsClassifier(15)
    clf = SmoothedClassifier(base, sigma, random_state=0).fit(X, y)
    certificate = clf.certify(point, n=2000 if options.quick else 20_000, bound="two-sided")
    counts = certificate.counts[0]
    low, high = float(certificate.p_lower[0]), float(certificate.p_upper[0])
    radius = float(certificate.radii[0])
    u, v = np.meshgrid(np.linspace(-1.6, 3.2, 200), np.linspace(-1.6, 3.2, 200))
    answers = clf.estimator_.predict(np.column_stack([u.ravel(), v.ravel()])).reshape(u.shape)
    figure, axes = new_figure(2, size=(3.4, 3.2))
    axes[0].pcolormesh(u, v, answers, cmap=ListedColormap(_TINTS), rasterized=True)
    for k in (0.5, 1.0, 1.5):
        axes[0].add_patch(Circle(point[0], k * sigma, fill=False, linestyle=":", linewidth=0.9))
    axes[0].add_patch(Circle(point[0], radius, fill=False, linewidth=1.2))
    axes[0].plot(*point[0], "k.")
    axes[0].annotate("x", point[0], textcoords="offset points", xytext=(3, 3))
    axes[0].set(xticks=[], yticks=[], aspect="equal")
    axes[1].bar(range(3), counts / counts.sum(), color=_COLOURS)
    axes[1].axhline(low, color="black", linewidth=0.9, label="lower bound of the top class")
    axes[1].axhline(high, color="black", linestyle="--", linewidth=0.9, label="upper bound, others")
    axes[1].set(xticks=range(3), xlabel="class", ylabel="share of answers", ylim=(0, 1))
    axes[1].legend(fontsize="x-small")
    blocks = [
        "Left: regions of a base classifier (15 nearest neighbours, three clouds of points), level "
        "sets of the noise around x (dotted), and the certified radius (solid, not in the paper's "
        "picture). Right: how often the base gives each class under this noise. The paper's base "
        "classifier is drawn and not named.",
        table(
            ["class", "share of answers"],
            [[c, f"{k / counts.sum():.4f}"] for c, k in zip(clf.classes_, counts, strict=True)],
        ),
        f"With n = {certificate.n:,}: p of the top class is at least {low:.4f}, that of any other "
        f"at most {high:.4f} (`bound='two-sided'`, together at alpha = 0.001), so g(x) = "
        f"{certificate.labels[0]} within {radius:.4f}, for sigma = {sigma}.",
    ]
    numbers = {"counts": counts.tolist(), "p_lower": low, "p_upper": high, "radius": radius}
    close = (
        f"an illustration; here p is at least {low:.3f} and the radius {radius / sigma:.2f} sigma"
    )
    return Result("Figure 1: the smoothed classifier at a point", blocks, numbers, close, figure)
