"""Pairs of MNIST's digits, told apart by an additive model behind PCA: the whole test set."""

import pathlib
import time
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline

from sksmooth import SmoothedClassifier, average_certified_radius_score, certified_accuracy_score

from ..page import Page, table, verdict
from .data import mnist_pair

__all__ = ["run"]

_SIGMAS = (0.5, 0.75, 1.0, 1.25)
_RADII = (0.5, 1.0, 1.5, 2.0, 2.5)
# accuracy, certified accuracy at 1, average radius, and those of the models that the authors of
# stump smoothing have released, at 1 as evaluated for their l2 models with independent stumps
_ASKED = {(1, 5): (0.99, 0.95, 2.6), (2, 6): (0.975, 0.89, 2.15)}
_THEIRS = {(1, 5): (0.958, 0.890, 2.34), (2, 6): (0.963, 0.863, 1.98)}
_MOST_SECONDS = 2.0
_TEXT = """\
`HistGradientBoostingClassifier(interaction_cst="no_interactions", max_iter=300,
early_stopping=False)` behind `PCA(40)`, both inside of `SmoothedClassifier(n_augment=16)`, fitted
on the two digits among the first 50,000 images of MNIST's training set. sigma is chosen among
{sigmas} on those among the other 10,000: the one with the largest average certified radius. Then
the whole test set of the pair is certified, at alpha = 0. Seconds are processor time of one thread.
For comparison: deterministic smoothing of stumps (Horvath et al. 2022), their released models."""


def run(quick: bool, folder: pathlib.Path) -> Page:
    """Certify both pairs."""
    pairs = [_pair(first, second, 1 if quick else 16) for first, second in _ASKED]
    rows = []
    for found in pairs:
        pair = tuple(found["pair"])
        figures = (found["accuracy"], found["at"]["1.0"], found["average radius"])
        reached = all(a >= b for a, b in zip(figures, _ASKED[pair], strict=True))
        reached = reached and found["seconds"] <= _MOST_SECONDS
        theirs = _THEIRS[pair]
        rows.append(
            [
                f"{pair[0]} against {pair[1]}",
                found["sigma"],
                f"{found['accuracy']:.4f} ({theirs[0]})",
                *(f"{found['at'][str(r)]:.3f}" for r in _RADII),
                f"{found['average radius']:.3f} ({theirs[2]})",
                f"{found['seconds']:.2f}",
                verdict(reached),
            ]
        )
    asked = "; ".join(
        f"{a} against {b}: accuracy {x}, certified at 1 {y}, average radius {z}"
        for (a, b), (x, y, z) in _ASKED.items()
    )
    head = ["pair", "sigma", "accuracy (theirs)", *(f"at {r}" for r in _RADII)]
    head += ["average radius (theirs)", "seconds", "asked"]
    text = _TEXT.format(sigmas=", ".join(map(str, _SIGMAS)))
    choice = [
        [f"{a} against {b}", *_choice(found)] for (a, b), found in zip(_ASKED, pairs, strict=True)
    ]
    blocks = [
        text,
        table(head, rows),
        f"Asked: {asked}; the whole test set within {_MOST_SECONDS:g} s. Their certified accuracy "
        "at radius 1: " + ", ".join(f"{t[1]}" for t in _THEIRS.values()) + ".",
        "On the validation rows, certified accuracy at 1 and average radius:",
        table(["pair", *map(str, _SIGMAS)], choice),
    ]
    return Page("Exact certificates: pairs of MNIST's digits", blocks, {"pairs": pairs})


def _choice(found: dict[str, Any]) -> list[str]:
    return [f"{at:.4f}, {radius:.3f}" for at, radius in found["validation"]]


def _smoother(sigma: float, n_augment: int) -> SmoothedClassifier:
    boosting = HistGradientBoostingClassifier(
        max_iter=300, interaction_cst="no_interactions", early_stopping=False, random_state=0
    )
    base = make_pipeline(PCA(40, random_state=0), boosting)
    return SmoothedClassifier(base, sigma, method="exact", n_augment=n_augment, random_state=0)


def _pair(first: int, second: int, n_augment: int) -> dict[str, Any]:
    parts = mnist_pair(first, second)
    X_val, y_val = parts["validation"]
    fitted, validation = {}, []
    for sigma in _SIGMAS:
        fitted[sigma] = _smoother(sigma, n_augment).fit(*parts["train"])
        certificate = fitted[sigma].certify(X_val)
        at_one = float(certified_accuracy_score(y_val, certificate, radius=1.0))
        validation.append((at_one, average_certified_radius_score(y_val, certificate)))
    chosen = max(zip(_SIGMAS, validation, strict=True), key=lambda item: item[1][1])[0]
    clf, (X, y) = fitted[chosen], parts["test"]
    start = time.process_time()
    certificate = clf.certify(X)
    seconds = time.process_time() - start
    print(f"{first} against {second} done", flush=True)
    return {
        "pair": [first, second],
        "sigma": chosen,
        "n_augment": n_augment,
        "rows": len(X),
        "accuracy": float(np.mean(certificate.labels == y)),
        "at": {str(r): float(certified_accuracy_score(y, certificate, radius=r)) for r in _RADII},
        "average radius": average_certified_radius_score(y, certificate),
        "seconds": seconds,
        "validation": validation,
    }
