"""Figures 3, 9, 10 and 11: the geometry of Theorem 1, in two dimensions."""

from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.stats import ncx2, norm
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from benchmarks.page import table
from sksmooth import SmoothedClassifier
from sksmooth.bounds import radius_cohen

from .output import Options, Result, new_figure

__all__ = ["figure3", "figure9", "figure10", "figure11"]

_BLUE, _RED = "#c9dbf0", "#f6cfc9"
_SIGMA = 1.0
_VIEW = 3.2


def _shade(ax: Any, blue: Any, red: Any = None) -> Any:
    """Paint where functions of (x, y) are true, and return the grid."""
    u, v = np.meshgrid(np.linspace(-_VIEW, _VIEW, 320), np.linspace(-_VIEW, _VIEW, 320))
    where = np.where(blue(u, v), 1, 0)
    where = np.where(red(u, v), 2, where) if red is not None else np.where(where == 1, 1, 2)
    from matplotlib.colors import ListedColormap

    colours = ListedColormap(["white", _BLUE, _RED])
    ax.pcolormesh(u, v, where, cmap=colours, vmin=0, vmax=2, rasterized=True)
    ax.set(xticks=[], yticks=[], aspect="equal", xlim=(-_VIEW, _VIEW), ylim=(-_VIEW, _VIEW))


def _levels(ax: Any, centre: tuple[float, float], name: str, style: str = "-") -> None:
    from matplotlib.patches import Circle

    for k in (0.5, 1.0, 1.5):
        patch = Circle(centre, k * _SIGMA, fill=False, linewidth=0.6, linestyle=style)
        ax.add_patch(patch)
    ax.plot(*centre, "k.", markersize=4)
    ax.annotate(name, centre, textcoords="offset points", xytext=(3, 3), fontsize="small")


def figure3(options: Options) -> Result:
    """Two classifiers of equal probability at x, and the one that is worst at x + delta."""
    p, x, moved = 0.8, (-0.6, 0.0), (0.9, 0.0)
    length = moved[0] - x[0]
    edge = x[0] + _SIGMA * norm.ppf(p)
    centre = (0.3, 0.5)  # of a disc that has the same probability under noise around x

    def disc(point: tuple[float, float], radius: float) -> float:
        apart = (point[0] - centre[0]) ** 2 + (point[1] - centre[1]) ** 2
        return float(ncx2.cdf(radius**2 / _SIGMA**2, 2, apart / _SIGMA**2))

    radius = brentq(lambda r: disc(x, r) - p, 0.1, 10)
    figure, axes = new_figure(2, size=(3, 3))
    _shade(axes[0], lambda u, v: (u - centre[0]) ** 2 + (v - centre[1]) ** 2 <= radius**2)
    _shade(axes[1], lambda u, v: u <= edge)
    for ax in axes:
        _levels(ax, x, "x")
        _levels(ax, moved, "x + δ", "--")
    there = {"disc": disc(moved, radius), "half-space": float(norm.cdf(norm.ppf(p) - length))}
    at_x = {"disc": disc(x, radius), "half-space": float(norm.cdf((edge - x[0]) / _SIGMA))}
    certified = float(radius_cohen([p])[0])
    blocks = [
        "Blue: where the base classifier answers A. Both have A with the same probability under "
        "noise around x; around x + delta the half-space, whose boundary is normal to delta, has "
        "it least (Neyman and Pearson). The paper's left-hand classifier is not described; ours "
        "is a disc.",
        table(
            ["", "P(A) at x", "P(A) at x + delta"],
            [[k, f"{at_x[k]:.4f}", f"{there[k]:.4f}"] for k in there],
        ),
        f"delta has length {length:g}; Theorem 1 certifies {certified:.4f} sigma, at which the "
        "half-space has probability "
        f"{norm.cdf(norm.ppf(p) - certified):.4f}.",
    ]
    numbers = {"p": p, "at x": at_x, "at x + delta": there, "certified radius": certified}
    close = f"an illustration; worst case {there['half-space']:.3f}, disc {there['disc']:.3f}"
    return Result("Figure 3: the worst classifier", blocks, numbers, close, figure)


def figure9(options: Options) -> Result:
    """Draw the half-spaces A and B, with a perturbation shorter than the radius and a longer."""
    p_a, p_b, x = 0.7, 0.15, (-0.8, 0.0)
    radius = float(radius_cohen([p_a], p_upper=[p_b])[0])
    in_a, in_b = x[0] + norm.ppf(p_a), x[0] + norm.ppf(1 - p_b)
    figure, axes = new_figure(2, size=(3, 3))
    rows, numbers = [], {"p_A": p_a, "p_B": p_b, "radius": radius}
    for ax, length in zip(axes, (0.6 * radius, 1.6 * radius), strict=True):
        _shade(ax, lambda u, v: u <= in_a, lambda u, v: u >= in_b)
        _levels(ax, x, "x")
        _levels(ax, (x[0] + length, 0.0), "x + δ", "--")
        of_a = float(norm.cdf(norm.ppf(p_a) - length))
        of_b = float(norm.cdf(norm.ppf(p_b) + length))
        ax.set_title(f"|δ| = {length / radius:.1f} R", fontsize="small")
        rows.append([f"{length / radius:.1f} R", f"{of_a:.4f}", f"{of_b:.4f}"])
        numbers[f"{length / radius:.1f} R"] = [of_a, of_b]
    blocks = [
        "A (blue) and B (red) are the half-spaces with probabilities p_A and p_B under noise "
        "around x. Around x + delta, A is the more likely as long as delta is shorter than R "
        f"= {radius:.4f} sigma.",
        table(["delta", "P(Y in A)", "P(Y in B)"], rows),
        f"Here p_A = {p_a} and p_B = {p_b}; the paper does not say its own.",
    ]
    close = "an illustration; the order of the two probabilities turns at R"
    return Result("Figure 9: the proof of Theorem 1", blocks, numbers, close, figure)


def _linear() -> SmoothedClassifier:
    """Return a smoothed linear classifier in the plane, with its closed form."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2)) * 1.5
    y = (X @ [1.0, 0.6] + 0.2 > 0).astype(int)
    clf = SmoothedClassifier(LogisticRegression(C=10.0), _SIGMA, method="exact", random_state=0)
    return clf.fit(X, y)


def _regions(ax: Any, base: Any) -> None:
    _shade(ax, lambda u, v: base.predict(np.stack([u.ravel(), v.ravel()], 1)).reshape(u.shape) == 1)


def _distance(base: Any, X: Any) -> Any:
    return np.abs(base.decision_function(X)) / np.linalg.norm(base.coef_)


def figure10(options: Options) -> Result:
    """Proposition 3: the smoothed linear classifier is the linear classifier."""
    clf = _linear()
    base = clf.estimator_
    points = np.array([[1.1, 0.9], [-0.9, -1.0]])
    figure, axes = new_figure(2, size=(3, 3))
    for ax, point in zip(axes, points, strict=True):
        _regions(ax, base)
        _levels(ax, tuple(point), "x", ":")
    X = np.random.default_rng(1).normal(size=(2000, 2)) * 2
    answers = clf.predict(X)
    equal = float(np.mean(answers == base.predict(X)))
    shares = clf.vote_frequencies(points).max(axis=1)
    blocks = [
        "A linear classifier in blue and red, and the level sets of noise around a point of "
        "either half-space: the half-space of the point has more than half of the mass.",
        f"Proposition 3 on {len(X)} points: the smoothed classifier, computed in closed form, "
        f"answers as its base on {equal:.0%} of them. The masses in the picture are "
        f"{shares[0]:.4f} and {shares[1]:.4f}.",
    ]
    numbers = {"equal answers": equal, "mass": shares.tolist()}
    close = f"Proposition 3 holds on {equal:.0%} of {len(X)} points"
    return Result("Figure 10: a linear classifier, smoothed", blocks, numbers, close, figure)


def figure11(options: Options) -> Result:
    """Propositions 4, 5 and 6: where the radius is tight, and where it is not."""
    from matplotlib.patches import Circle

    clf = _linear()
    base = clf.estimator_
    X = np.random.default_rng(2).normal(size=(2000, 2)) * 2
    radii, distance = clf.certify(X).radii, _distance(base, X)
    worst = float(np.max(np.abs(radii - distance)))
    normal = base.coef_[0] / np.linalg.norm(base.coef_)
    away = X - 1.001 * (np.sign(base.decision_function(X)) * radii)[:, None] * normal
    changed = float(np.mean(base.predict(away) != base.predict(X)))
    point = np.array([[0.9, 1.0]])
    radius = float(clf.certify(point).radii[0])
    beyond = point[0] - 1.25 * radius * np.sign(base.decision_function(point)[0]) * normal
    figure, axes = new_figure(2, size=(3, 3))
    for ax in axes:
        _regions(ax, base)
        ax.plot(*point[0], "k.")
        ax.annotate("x", point[0], textcoords="offset points", xytext=(3, 3))
    axes[0].add_patch(Circle(point[0], radius, fill=False))
    axes[1].add_patch(Circle(point[0], 1.25 * radius, fill=False, linestyle=":"))
    axes[1].annotate("x + δ", beyond, textcoords="offset points", xytext=(3, -9))
    axes[1].plot(*beyond, "k.")
    rows = [[tau, *map("{:.6f}".format, _loose(tau))] for tau in (0.1, 0.5, 1.0)]
    blocks = [
        "Left, Proposition 4: the certified radius of a linear classifier reaches its boundary. "
        "Right, Proposition 5: a perturbation longer than that, here by a quarter, can change the "
        "answer.",
        f"On {len(X)} points, certified in closed form: radius and distance differ by at most "
        f"{worst:.1g}, and a perturbation longer than the radius by 0.1 % changes the answer for "
        f"{changed:.0%}.",
        "Proposition 6 (no figure in the paper): between -t and t, with t the quantile of minus "
        "half the probability of tau, the answer is another than outside. The smoothed classifier "
        "gives one answer everywhere, but at 0 only tau is certified. A decision tree of that "
        "form, certified in closed form:",
        table(["tau", "certified at 0", "smallest share of the answer anywhere"], rows),
    ]
    numbers = {"largest difference": worst, "changed beyond": changed, "proposition 6": rows}
    close = f"radius and distance to the boundary differ by {worst:.1g} at most (Proposition 4)"
    return Result("Figure 11: the radius is tight", blocks, numbers, close, figure)


def _loose(tau: float) -> tuple[float, float]:
    """Return the certified radius at 0 in Proposition 6, and the least probability on a line."""
    t = -norm.ppf(0.5 * norm.cdf(tau))
    X = np.array([-t - 0.01, -t + 0.01, t - 0.01, t + 0.01])[:, None]
    tree = DecisionTreeClassifier(random_state=0).fit(X, [1, 0, 0, 1])
    clf = SmoothedClassifier(FrozenEstimator(tree), 1.0, method="exact", random_state=0)
    clf.fit(X, [1, 0, 0, 1])
    line = np.linspace(-6, 6, 1201)[:, None]
    share = clf.vote_frequencies(line)[:, list(clf.classes_).index(1)]
    assert np.all(clf.predict(line) == 1)
    return float(clf.certify(np.zeros((1, 1))).radii[0]), float(share.min())
