"""Certified accuracy by radius, one picture."""

import pathlib
from typing import Any

import matplotlib
import numpy as np

from .report import curves, share

matplotlib.use("Agg")
import matplotlib.pyplot as plt

__all__ = ["draw"]

_COLORS = {
    "smoothing": "C0",
    "CROWN": "C1",
    "Wong": "C2",
    "Lipschitz margin": "C3",
    "DeepFool": "black",
}


def draw(figures: dict[str, Any], path: pathlib.Path) -> None:
    """Draw every method on the net that suits it, and CROWN on Wong's net as well."""
    figure, ax = plt.subplots(figsize=(7, 4.6), layout="constrained")
    radius = np.linspace(0, 2, 401)
    dashes = iter(["-", "--"])
    for name, kind, radii, own in curves(figures):
        if not own and not (kind == "CROWN" and "Wong's loss" in name):
            continue
        style = next(dashes) if kind == "smoothing" else {"DeepFool": ":"}.get(kind, "-")
        ax.plot(
            radius,
            [share(radii, r) for r in radius],
            style if own else "--",
            color=_COLORS[kind],
            label=name,
        )
    ax.set(xlabel="L2 radius", ylabel="Certified accuracy", xlim=(0, 2), ylim=(0, 1.02))
    ax.set_title("MNIST, one small net. Smoothing: with probability 1 - alpha; others: for sure")
    ax.title.set_fontsize(9)
    figure.legend(loc="outside lower center", ncols=2, fontsize=7)
    figure.savefig(path, dpi=100, metadata={"Software": None})  # the same bytes again
    plt.close(figure)
