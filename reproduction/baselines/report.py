"""Certified accuracy by radius, in words and tables."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks.page import table

__all__ = ["RADII", "blocks", "curves", "share"]

RADII = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)

_NETS = {
    "plain": "undefended",
    "Wong": "trained by Wong's loss",
    "margin": "trained by Lipschitz margin",
}
_METHODS = {
    "CROWN": "CROWN (Zhang et al. 2018)",
    "Wong": "dual (Wong et al. 2018)",
    "Lipschitz margin": "Lipschitz margin (Tsuzuku et al. 2018)",
}
_OWN = {"CROWN": "plain", "Wong": "Wong", "Lipschitz margin": "margin"}

_TEXT = """\
{images} test images of MNIST at equal distances, pixels in [0, 1], radii in L2 of that. One
architecture for all, that of Wong and Kolter (2018) without padding ({weights:,} weights): two
convolutions, two dense layers. What differs is how it is trained and what is certified."""

_GUARANTEE = """\
**Not the same promise.** Smoothing certifies the smoothed classifier, and each of its radii is
wrong with a probability of alpha = {alpha} at most (n = {n:,}, integer noise): so many images, so
many chances. The other methods certify the net itself, and for sure: no draw is involved, up to
rounding (bounds are confirmed in double precision). At prediction the smoothed classifier costs
hundreds of passes through the net, the others one."""

_TRAINING = """\
Tsuzuku et al. and Wong et al. train nets for their bounds, Zhang et al. certify any net. Trained:
smoothing by Gaussian augmentation ({all:,} images, 3 epochs); undefended by cross entropy (2
epochs); Lipschitz margin for a distance of {radius} (3 epochs); Wong's loss for a radius of
{radius}, with 20 random projections in training and exact norms afterwards, on {few:,} images in 2
epochs: theirs has all images and many more epochs, and would be better. Each net was trained once;
settings were set by hand, not searched. Processor seconds: {seconds}."""

_METHOD_TEXT = """\
CROWN is auto-LiRPA 0.3 (backward bounds, adaptive slopes), the dual bound is its authors'
convex_adversarial 0.4.4, the Lipschitz margin is ours: margin / (sqrt(2) L), with L the product of
the layers' norms, each a proved upper bound. Radii of the first two are by bisection, up to the
distance of DeepFool's example. DeepFool is the adversarial-robustness-toolbox's; the share of
images that it had to move further is an upper bound of what the undefended net could be certified
for, the dashed line of Figure 6. No certificate comes near such an example of its own net:
{sound}."""

_TRIED = """\
PyPI's newest auto-LiRPA, 0.3, asks for torch < 1.13 and does not import on today's numpy and torch:
names of torch.onnx and numpy have moved. `lirpa.load` puts five of them back. Its bounds then agree
to rounding with formulas of CROWN and Fast-Lin written from the papers
(`tests/programs/test_baselines.py`), and with slopes "same-slope" with convex_adversarial, as
theory says: Fast-Lin and the dual of Wong and Kolter are one bound. At convolutions with padding
0.3 is looser (it counts the weights that lie on the padding), and convex_adversarial needs strides
without remainder: hence the net's sizes. convex_adversarial runs as it is. Tsuzuku's code is for
chainer, which has come to its end."""


def share(radii: Any, radius: float) -> float:
    """Return the share of images with the right label and at least this radius."""
    return float((np.asarray(radii) >= radius).mean())


def curves(figures: dict[str, Any]) -> Iterator[tuple[str, str, list[float], bool]]:
    """Yield name, kind, radii, and whether this is how its authors would use it."""
    for name, found in figures["smoothing"].items():
        yield name, "smoothing", found["radius"], True
    for method, text in _METHODS.items():
        for net, about in _NETS.items():
            radii = figures["deterministic"][net][method]
            yield f"{text}, {about}", method, radii, _OWN[method] == net
    yield "DeepFool, undefended", "DeepFool", figures["deterministic"]["plain"]["DeepFool"], True


def blocks(figures: dict[str, Any]) -> list[str]:
    """Return the page's paragraphs and tables."""
    rows = []
    for name, _, radii, own in curves(figures):
        average = np.maximum(np.where(np.isfinite(radii), radii, np.nan), 0.0)
        shown = [f"{share(radii, r):.2f}" for r in RADII]
        rows.append([f"**{name}**" if own else name, f"{np.nanmean(average):.3f}", *shown])
    seconds = ", ".join(f"{k} {v:.0f}" for k, v in figures["processor seconds"].items())
    settings, n = figures["settings"], len(figures["images"])
    return [
        _TEXT.format(images=n, weights=figures["weights"]),
        "![Certified accuracy by radius](baselines.png)",
        "Certified accuracy by L2 radius; bold: the method on the net that suits it. The error of "
        f"a share p is sqrt(p (1 - p) / {n}), {0.5 / np.sqrt(n):.2f} at most.",
        table(["", "average", *(f"{r:g}" for r in RADII)], rows),
        _GUARANTEE.format(alpha=figures["alpha"], n=figures["n"]),
        _METHOD_TEXT.format(sound=_soundness(figures)),
        _TRAINING.format(
            all=figures["training images"],
            radius=settings["radius"],
            few=settings["images for Wong's loss"],
            seconds=seconds,
        ),
        _accuracies(figures),
        "## What installs",
        _TRIED,
    ]


def _soundness(figures: dict[str, Any]) -> str:
    worst = 0.0
    for found in figures["deterministic"].values():
        distance = np.asarray(found["DeepFool"])
        for method in _METHODS:
            radii = np.asarray(found[method])
            worst = max(worst, float((radii / np.abs(distance)).max()))
    return f"the largest radius is {worst:.2f} of its image's distance"


def _accuracies(figures: dict[str, Any]) -> str:
    lines = []
    for net, about in _NETS.items():
        distance = np.asarray(figures["deterministic"][net]["DeepFool"])
        median = np.median(distance[distance >= 0])
        lines.append([about, f"{(distance >= 0).mean():.2f}", f"{median:.2f}"])
    return table(["net", "accuracy", "median distance of DeepFool"], lines)
