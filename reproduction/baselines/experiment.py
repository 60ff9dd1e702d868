"""Train, certify by every method, attack, and write the page."""

import copy
import math
import pathlib
import time
import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.page import Page

from ..nets.data import Mnist, mnist
from . import nets
from .attack import deepfool_distances
from .dual import Dual
from .figure import draw
from .lipschitz import lipschitz_bound, lipschitz_radius
from .lirpa import Crown
from .report import blocks
from .search import Bound, largest_radius

__all__ = ["run"]

_SIGMAS = (0.25, 0.5)
_ALPHA = 0.001
_STEPS = 7
_NONE_FOUND = 1e6  # a distance that JSON can hold
_RADIUS = 1.0  # that Wong's loss and the Lipschitz margin train for
_FEW = 10_000  # images for Wong's loss, which takes some eighty times as long as cross entropy


class _Stages:
    """Results by name, and the processor seconds that each took, which other work does not add to.

    Parameters
    ----------
    folder : Path or None
        Where results are kept, so that a run that was interrupted goes on where it was.
    """

    def __init__(self, folder: pathlib.Path | None) -> None:
        self._folder = folder
        self.seconds: dict[str, float] = {}

    def __call__(self, name: str, make: Any) -> Any:
        path = self._folder and self._folder / f"{name}.pt"
        if path and path.exists():
            result, self.seconds[name] = torch.load(path, weights_only=False)
            return result
        start = time.process_time()
        result = make()
        self.seconds[name] = round(time.process_time() - start, 1)
        print(f"{name}: {self.seconds[name]} s", flush=True)
        if path:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save((result, self.seconds[name]), path.with_suffix(".part"))
            path.with_suffix(".part").replace(path)  # never half a file
        return result


def run(quick: bool, folder: pathlib.Path, kept: pathlib.Path | None = None) -> Page:
    """Return the page; the picture is written into `folder`, nets and radii are kept in `kept`."""
    torch.set_num_threads(1)
    data = mnist(quick, every=100)
    n = 1000 if quick else 10_000
    stages = _Stages(kept and kept / ("quick" if quick else "full"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        smoothing = {
            f"smoothing, sigma {sigma:g}": _smoothing(data, sigma, n, quick, stages)
            for sigma in _SIGMAS
        }
    deterministic = {
        name: _certified(name, net, data, stages)
        for name, net in _trained(data, quick, stages).items()
    }
    figures: dict[str, Any] = {
        "images": data.index.tolist(),
        "training images": len(data.X_train),
        "weights": sum(p.numel() for p in nets.small_net().parameters()),
        "n": n,
        "alpha": _ALPHA,
        "smoothing": smoothing,
        "deterministic": deterministic,
        "processor seconds": stages.seconds,
        "settings": {"radius": _RADIUS, "images for Wong's loss": min(_FEW, len(data.X_train))},
    }
    draw(figures, folder / "baselines.png")
    libraries = ("torch", "auto-LiRPA", "convex-adversarial", "adversarial-robustness-toolbox")
    return Page("Deterministic baselines beside smoothing", blocks(figures), figures, libraries)


def _smoothing(
    data: Mnist, sigma: float, n: int, quick: bool, stages: _Stages
) -> dict[str, list[float]]:
    name = f"smoothing, sigma {sigma:g}"
    clf = stages(f"{name}: training", lambda: nets.smoothed(data, sigma, 1 if quick else 3))
    certificate = stages(f"{name}: certifying", lambda: clf.certify(data.X_test, n=n, alpha=_ALPHA))
    right = certificate.labels == data.y_test
    return {"radius": _listed(right, np.where(certificate.abstained, -1.0, certificate.radii))}


def _trained(data: Mnist, quick: bool, stages: _Stages) -> dict[str, nn.Sequential]:
    epochs = 1 if quick else 2
    make = {
        "plain": lambda: nets.plain(data, epochs),
        "Wong": lambda: nets.wong(data, epochs, _RADIUS, _FEW),
        "margin": lambda: nets.lipschitz_margin(data, 1 if quick else 3, _RADIUS),
    }
    return {name: stages(f"{name} net: training", train) for name, train in make.items()}


def _certified(
    name: str, net: nn.Sequential, data: Mnist, stages: _Stages
) -> dict[str, list[float]]:
    """Return radii of one net by each method; -1 where the label is wrong."""
    net = net.eval().requires_grad_(False)
    with torch.no_grad():
        scores = _double(net)(torch.from_numpy(data.X_test).double())
    right = scores.argmax(1).numpy() == data.y_test
    distance = stages(
        f"{name} net: DeepFool", lambda: deepfool_distances(net, data.X_test, scores.shape[1])
    )
    lipschitz = lipschitz_bound(net, nets.SHAPE)
    margin = [
        lipschitz_radius(row, label, lipschitz)
        for row, label in zip(scores, data.y_test.tolist(), strict=True)
    ]
    found = {
        "CROWN": (Crown(net, nets.SHAPE), Crown(_double(net), nets.SHAPE)),
        "Wong": (Dual(net), Dual(_double(net))),
    }
    radii = {
        "DeepFool": _listed(right, np.minimum(distance, _NONE_FOUND)),
        "Lipschitz margin": _listed(right, margin),
    }
    for method, bounds in found.items():
        radius = stages(f"{name} net: {method}", lambda b=bounds: _radii(b, data, right, distance))
        radii[method] = _listed(right, radius)
    return radii


def _radii(
    bounds: tuple[Bound, Bound], data: Mnist, right: NDArray[Any], distance: NDArray[Any]
) -> list[float]:
    radii = []
    for x, label, wanted, limit in zip(data.X_test, data.y_test, right, distance, strict=True):
        limit = min(float(limit), 8.0)  # no certificate can reach an adversarial example
        image = torch.from_numpy(x)
        radii.append(largest_radius(*bounds, image, int(label), limit, _STEPS) if wanted else -1.0)
    return radii


def _listed(right: NDArray[Any], radii: Any) -> list[float]:
    return [
        math.floor(float(r) * 1e6) / 1e6 if ok else -1.0 for ok, r in zip(right, radii, strict=True)
    ]


def _double(net: nn.Sequential) -> nn.Sequential:
    return copy.deepcopy(net).double()
