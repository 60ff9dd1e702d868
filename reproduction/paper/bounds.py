"""Figures 5 and 16: what Theorem 1 and the bounds of prior work make of probabilities."""

import numpy as np

from benchmarks.page import table
from sksmooth.bounds import clopper_pearson, radius_cohen, radius_lecuyer, radius_li

from .output import Options, Result, new_figure

__all__ = ["BOUNDS", "figure5", "figure16", "lecuyer_at", "li_at"]

BOUNDS = {"Cohen et al.": radius_cohen, "Lecuyer et al.": radius_lecuyer, "Li et al.": radius_li}
_ALPHA = 0.001
_DRAWS = tuple(10**k for k in range(1, 8))
_BETAS = (0.1, 0.2, 0.4, 0.6)
_ORDERS = (1.05, 1.2, 1.5, 2.0, 3.0)
# sigma = 1, by the authors' own functions: p_A, p_B, then in the order of BOUNDS
_THEIRS = (
    (0.8, 0.2, 0.8416, 0.2352, 0.6742),
    (0.99, 0.01, 2.3263, 0.5549, 1.9080),
    (0.999, 0.0001, 3.4046, 0.5701, 3.0416),
    (0.6, 0.05, 0.9491, 0.4080, 0.8522),
)


def figure5(options: Options) -> Result:
    """Radius by probability, and by number of draws."""
    figure, axes = new_figure(2)
    p = np.linspace(0.5, 0.999, 300)
    for name, bound in BOUNDS.items():
        axes[0].plot(p, bound(p), label=name, linewidth=1)
    axes[0].set(xlabel="p of the top class", ylabel="radius / sigma", ylim=(0, None))
    axes[0].legend(fontsize="small")
    n = np.unique(np.logspace(1, 7, 200).astype(np.int64))
    axes[1].semilogx(n, radius_cohen(clopper_pearson(n, n, _ALPHA)), linewidth=1)
    axes[1].set(xlabel="number of draws", ylabel="radius / sigma", ylim=(0, None))
    shown = np.array([0.6, 0.7, 0.8, 0.9, 0.99, 0.999])
    by_p = {name: bound(shown).round(4).tolist() for name, bound in BOUNDS.items()}
    draws = np.array(_DRAWS)
    most = radius_cohen(clopper_pearson(draws, draws, _ALPHA))
    formula = radius_cohen(_ALPHA ** (1 / draws))
    apart = float(np.abs(most - formula).max())
    needed = next(k for k in range(218_000, 219_000) if _reaches(k, 4.0))
    same = sum(
        abs(float(bound([a], p_upper=[b])[0]) - value) < 5e-5
        for a, b, *values in _THEIRS
        for bound, value in zip(BOUNDS.values(), values, strict=True)
    )
    blocks = [
        "Left: the radius that Theorem 1 and the bounds of Lecuyer et al. (2019) and Li et al. "
        "(2018) give for a top class of this probability, if the runner-up has the rest; sigma = "
        "1. Right: the largest radius that n draws, all for one class, can prove at alpha = 0.001.",
        table(
            ["p", *BOUNDS],
            [[q, *(f"{v[i]:.4f}" for v in by_p.values())] for i, q in enumerate(shown)],
        ),
        table(["draws", *(f"{k:,}" for k in _DRAWS)], [["radius", *(f"{r:.4f}" for r in most)]]),
        f"The paper's formula for the right side, the quantile of alpha^(1/n), differs from the "
        f"library's Clopper-Pearson bound by at most {apart:.1g}. The paper says that radius 4 "
        f"takes 10^5 draws, roughly; it takes {needed:,}.",
        f"The paper prints no values. The authors' own functions, recovered from a compiled file "
        f"in their repository, agree to four digits in {same} of {3 * len(_THEIRS)} cases: the "
        "three bounds at four pairs of probabilities.",
    ]
    numbers = {
        "p": shown.tolist(),
        "radius by p": by_p,
        "radius by draws": dict(zip(map(str, _DRAWS), most.tolist(), strict=True)),
        "draws for radius 4": needed,
    }
    close = f"formulas; {same} of {3 * len(_THEIRS)} values of the authors' functions are equal"
    return Result("Figure 5: radii by probability and by draws", blocks, numbers, close, figure)


def _reaches(n: int, radius: float) -> bool:
    return float(radius_cohen(clopper_pearson([n], n, _ALPHA))[0]) >= radius


def lecuyer_at(p_a, p_b, beta):
    """Return the bound of Lecuyer et al. before its supremum over beta; 0 where it says nothing."""
    room = np.asarray(p_a) - np.exp(2 * beta) * np.asarray(p_b)
    ratio = 1.25 * (1 + np.exp(beta)) / np.where(room > 0, room, 1.0)
    return np.where(room > 0, beta / np.sqrt(2 * np.log(ratio)), 0.0)


def li_at(p_a, p_b, order):
    """Return the bound of Li et al. before its supremum over the order of the divergence."""
    p_a, p_b = np.asarray(p_a), np.asarray(p_b)
    mean = (0.5 * (p_a ** (1 - order) + p_b ** (1 - order))) ** (1 / (1 - order))
    inside = 1 - p_a - p_b + 2 * mean
    with np.errstate(invalid="ignore", divide="ignore"):
        value = np.sqrt(np.maximum(0.0, -2 / order * np.log(inside)))
    return np.where(inside > 0, value, 0.0)


def figure16(options: Options) -> Result:
    """Bounds of prior work over their tuning parameters."""
    figure, axes = new_figure(2, 2, size=(4.2, 3))
    p = np.linspace(0.501, 0.999, 300)
    for beta in _BETAS:
        axes[0].plot(p, lecuyer_at(p, 1 - p, beta), label=f"beta {beta:g}", linewidth=0.8)
    axes[0].plot(p, radius_lecuyer(p), "k--", label="supremum", linewidth=1)
    for order in _ORDERS:
        axes[1].plot(p, li_at(p, 1 - p, order), label=f"alpha {order:g}", linewidth=0.8)
    axes[1].plot(p, radius_li(p), "k--", label="supremum", linewidth=1)
    beta = np.linspace(1e-3, 0.5 * np.log(0.8 / 0.2) - 1e-6, 4000)
    order = np.concatenate([np.linspace(0.01, 0.999, 2000), np.linspace(1.001, 2.0, 2000)])
    curves = (lecuyer_at(0.8, 0.2, beta), li_at(0.999, 0.0001, order))
    axes[2].plot(beta, curves[0], linewidth=1)
    axes[3].plot(order, curves[1], linewidth=1)
    tops = (float(radius_lecuyer([0.8], p_upper=[0.2])[0]),)
    tops += (float(radius_li([0.999], p_upper=[0.0001])[0]),)
    for ax, top in zip(axes[2:], tops, strict=True):
        ax.axhline(top, color="black", linestyle="--", linewidth=0.8)
        ax.set(ylim=(0, None))
    axes[0].set(xlabel="p of the top class", ylabel="radius / sigma", title="(a) Lecuyer et al.")
    axes[1].set(xlabel="p of the top class", title="(b) Li et al.")
    axes[2].set(xlabel="beta", ylabel="radius / sigma", title="(c) 0.8 and 0.2")
    axes[3].set(xlabel="order alpha", title="(d) 0.999 and 0.0001")
    for ax in axes[:2]:
        ax.legend(fontsize="x-small")
    gaps = [float(top - curve.max()) for top, curve in zip(tops, curves, strict=True)]
    best = [float(beta[curves[0].argmax()]), float(order[curves[1].argmax()])]
    blocks = [
        "Lines: the bounds at single values of their tuning parameters, by the formulas of "
        "Appendix I written out here. Dashed: what `sksmooth.bounds` makes of them, the supremum. "
        "In (a) and (b) the runner-up has all the rest, and the values of the parameters are our "
        "choice: the paper's captions do not say. (c) and (d) have the paper's probabilities.",
        table(
            ["panel", "best parameter", "largest on a grid", "library", "authors' function"],
            [
                ["(c)", f"{best[0]:.4f}", f"{curves[0].max():.5f}", f"{tops[0]:.5f}", "0.2352"],
                ["(d)", f"{best[1]:.4f}", f"{curves[1].max():.5f}", f"{tops[1]:.5f}", "3.0416"],
            ],
        ),
        "The authors search orders up to 2; the best one lies below, so this costs nothing.",
    ]
    numbers = {"best": best, "library": tops, "library above grid": gaps}
    close = "formulas; the two tuned values equal those of the authors' functions to four digits"
    return Result("Figure 16: bounds of prior work, tuned", blocks, numbers, close, figure)
