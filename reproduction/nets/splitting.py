"""Certified L1 radii of MNIST: splitting noise, not sampled, beside uniform and Laplace noise."""

import pathlib
import time
from typing import Any

import skorch
import torch
from torch import nn

from benchmarks.page import Page, table
from sksmooth import SmoothedClassifier, average_certified_radius_score, certified_accuracy_score
from sksmooth.noise import Laplace, Specification, Split, Uniform

from .data import Mnist, mnist

__all__ = ["run"]

_SCALE = 1.0
_TRAIN = 10_000  # images; with all of them, more epochs and more test images it takes an hour
_RADII = (0.0, 0.25, 0.5, 0.75, 0.9)
_SAME_DEVIATION = _SCALE / 6**0.5  # of Laplace noise: sqrt(2) b is lambda / sqrt(3)
_NOISES: dict[str, Specification] = {
    "splitting": Split(scale=_SCALE),
    "uniform": Uniform(scale=_SCALE),
    "Laplace, same scale": Laplace(scale=_SCALE),
    "Laplace, same deviation": Laplace(scale=_SAME_DEVIATION),
}
_TEXT = """\
A net of two convolutions (5x5, stride 2, 32 and 64 channels) and 256 hidden units, trained by Adam
for {epochs} epochs on the first {images:,} images of MNIST under the noise that it is certified
for. Certified: {tested} test images at equal distances, **a sample of the test set**: the standard
error of an accuracy is up to {error:.3f}. `scale` is {scale:g}, in units of images from 0 to 1:
half the width of cells and of uniform noise, and the mean size of Laplace noise. Splitting noise
has {m} outcomes, and the net is asked about all of them: its certificates hold for certain. Those
of the others have n = {n:,} and alpha = 0.001; then unanimous votes prove at most the
radius in the last column. Seconds are of one thread of a processor that did other work too."""


def run(quick: bool, folder: pathlib.Path) -> Page:
    """Train and certify under each noise."""
    data = mnist(quick, every=100)
    epochs, n = (1, 200) if quick else (4, 1000)
    torch.set_num_threads(1)
    figures = {name: _figures(noise, data, epochs, n) for name, noise in _NOISES.items()}
    text = _TEXT.format(
        epochs=epochs,
        images=len(data.X_train[:_TRAIN]),
        tested=len(data.index),
        error=0.5 / len(data.index) ** 0.5,
        scale=_SCALE,
        m=round(2 * _SCALE * 255),
        n=n,
    )
    head = ["noise", *(f"at {r:g}" for r in _RADII), "average radius", "s an image", "largest"]
    lines = [
        [
            name,
            *(f"{line[str(r)]:.3f}" for r in _RADII),
            f"{line['average radius']:.3f}",
            f"{line['seconds']:.3f}",
            f"{line['largest']:.3f}",
        ]
        for name, line in figures.items()
    ]
    title = "Nets: L1 certificates of MNIST with and without sampling"
    return Page(title, [text, table(head, lines)], figures, ("torch", "skorch"))


def _figures(noise: Specification, data: Mnist, epochs: int, n: int) -> dict[str, Any]:
    torch.manual_seed(0)
    net = skorch.NeuralNetClassifier(
        nn.Sequential(
            nn.Conv2d(1, 32, 5, stride=2),
            nn.ReLU(),
            nn.Conv2d(32, 64, 5, stride=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(1024, 256),
            nn.ReLU(),
            nn.Linear(256, 10),
        ),
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.001,
        max_epochs=epochs,
        batch_size=128,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    clf = SmoothedClassifier(net, noise=noise, random_state=0)
    clf.fit(data.X_train[:_TRAIN], data.y_train[:_TRAIN])
    start = time.perf_counter()
    found = clf.certify(data.X_test, n=n)
    seconds = (time.perf_counter() - start) / len(data.index)
    largest = _SCALE if found.method == "exact" else found.max_radius
    print(f"{found}, {seconds:.3f} s an image", flush=True)
    return {
        "method": found.method,
        "average radius": average_certified_radius_score(data.y_test, found),
        "seconds": seconds,
        "largest": largest,
        **{str(r): float(certified_accuracy_score(data.y_test, found, radius=r)) for r in _RADII},
    }
