"""MNIST under noises for other norms than L2: L0 by flips and drops, L1 with and without sampling.

Training is kept after each epoch and certification in logs, and both go on from there with the same
random numbers: a run that was stopped, at any time, ends in the same logs. Ctrl-C writes a page of
all that is finished, in that run or before.
"""

import dataclasses
import math
import pathlib
import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.page import Page, table
from sksmooth import SmoothedClassifier, certified_accuracy_score
from sksmooth.nets import frozen_net
from sksmooth.noise import Drop, Flip, Laplace, Rows, Specification, Split, Uniform
from sksmooth.records import Record

from .cifar_training import save
from .data import Mnist, mnist
from .logs import begun

__all__ = ["Setting", "certify", "run", "train"]

_TEST_IMAGES = 10_000
_SCALE = 1.0
_KEEP = 0.8
_DROP = 0.94  # Levine and Feizi keep 45 of 784 pixels, .057 of them
_L1 = (0.0, 0.25, 0.5, 0.75, 0.9)
_FLIPPED = tuple(map(float, range(8)))
_DROPPED = tuple(map(float, range(12)))  # more are not provable at this rate
# Lee et al. (2019), whole test set, n = 100,000, alpha = 0.001: at 1 to 7 changes
_LEE = (0.921, 0.774, 0.539, 0.524, 0.357, 0.202, 0.097)
_LEVINE = 8  # Levine and Feizi (2020): median of the whole test set, alpha = 0.05, 400 epochs
_TEXT = """\
A net of two convolutions (5x5, stride 2, 32 and 64 channels) and 256 hidden units for each noise,
trained by Adam (rate 0.001, batches of 128) for {epochs} epochs on {images:,} images under the
noise that it is certified for; those for flips and drops, which stand beside published ones, at a
rate of 0.002 that falls to 0 by a cosine. Certified: {tested}; the
standard error of an accuracy is at most {errors}. Certified accuracy is decided at the radii
of the tables with at most n draws (`certify(radius=[...])`). Logs lie beside this page, long ones
packed by gzip: row i of m is test image {total:,} i / m. {stopped}Hours
are those of one thread: of training in processor time, of certification by a clock, while the
machine did other work. Logs are continued by the version that wrote them; to repeat a run with
another, give an empty folder as `--output`."""
_STOPPED = """\
The run was stopped: the images of {name} are the first of those that were to come, and no random
choice. """
_FLIP_TEXT = """\
## L0: flipped pixels

Pixels are 0 or 1, cut at 0.5, and each is kept with probability {keep:g}. `Flip(add={turn:g},
remove={turn:g})` has the law of `Flip(keep={keep:g})`, and gives noise to pixels that no training
image sets, too. n = {n:,}, alpha = {alpha:g}. Lee et al. (2019): the whole test set, 30
epochs, n = 100,000. Certified accuracy by number of changed pixels:"""
_L1_TEXT = """\
## L1: splitting noise beside uniform and Laplace noise

`scale` is {scale:g}, in units of images from 0 to 1: half the width of cells and of uniform noise,
and the mean size of Laplace noise. "Same deviation" is Laplace noise that has the
standard deviation of the uniform noise.
Splitting noise has {m} outcomes, and the net is asked about all of them: its certificates hold for
certain. The others have n = {n:,} and alpha = {alpha:g}. Certified accuracy by L1 radius:"""
_DROP_TEXT = """\
## L0: dropped pixels

Each pixel is missing with probability {drop:g}, whatever it was. The net sees x and 1 - x in two
channels, and 0 in both where x is missing. n = {n:,}, alpha = {alpha:g}. Certified accuracy by
number of changed pixels, and the median of that number over all images; an image without a right
certificate counts as -1. Levine and Feizi (2020) keep 45 pixels of 784, train for 400 epochs, and
have a median of {published} over the whole test set:"""


class _TwoChannels(nn.Module):
    """Images with missing pixels as two channels without any."""

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return x and 1 - x, and 0 in both for what is missing."""
        return torch.nan_to_num(torch.cat([X, 1 - X], dim=1), nan=0.0)


@dataclasses.dataclass(frozen=True)
class Setting:
    """One noise, and what is certified under it.

    Parameters
    ----------
    name : str
        For tables; with underscores, for files.
    noise : Specification
        Of training and certification.
    radii : tuple of float
        Those that are decided.
    n : int
        Most draws for an image.
    alpha : float
        Chance that the certificate of an image is false.
    epochs : int
        Passes over the training images.
    decay : bool
        Whether the rate of training begins twice as high, and falls to 0 by a cosine.
    images : int
        How many test images are certified, at equal distances.
    """

    name: str
    noise: Specification
    radii: tuple[float, ...]
    n: int = 10_000
    alpha: float = 0.001
    epochs: int = 10
    decay: bool = False
    images: int = dataclasses.field(default=_TEST_IMAGES, repr=False)  # changes no training

    @property
    def label(self) -> str:
        """Name of its files: weights and logs of other lengths of training have others."""
        return f"mnist_{self.name.replace(',', '').replace(' ', '_')}_{self.epochs}_epochs"

    def pixels(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return images as its noise and net take them."""
        return (X > 0.5).astype(np.float32) if isinstance(self.noise, Flip) else X

    def module(self) -> nn.Module:
        """Return an untrained net."""
        dropped = isinstance(self.noise, Drop)
        return nn.Sequential(
            _TwoChannels() if dropped else nn.Identity(),
            nn.Conv2d(2 if dropped else 1, 32, 5, stride=2),
            nn.ReLU(),
            nn.Conv2d(32, 64, 5, stride=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(1024, 256),
            nn.ReLU(),
            nn.Linear(256, 10),
        )


# in the order in which they are done
_SETTINGS = (
    Setting("splitting", Split(scale=_SCALE), _L1),
    Setting("uniform", Uniform(scale=_SCALE), _L1),
    Setting("Laplace", Laplace(scale=_SCALE), _L1),
    Setting("drop", Drop(drop=_DROP), _DROPPED, alpha=0.05, epochs=60, decay=True),
    # sqrt(2) b is lambda / sqrt(3)
    Setting("Laplace, same deviation", Laplace(scale=_SCALE / 6**0.5), _L1),
    Setting(
        "flip",
        Flip(add=1 - _KEEP, remove=1 - _KEEP),
        _FLIPPED,
        n=100_000,
        epochs=30,
        decay=True,
        images=500,
    ),
)


def train(setting: Setting, data: Mnist, folder: pathlib.Path) -> nn.Module:
    """Return the trained module, going on from the last epoch kept."""
    path = folder / f"{setting.label}.pth.tar"
    torch.manual_seed(0)
    module = setting.module().train()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.002 if setting.decay else 0.001)
    done, seconds = 0, 0.0
    about = {"setting": repr(setting), "images": len(data.X_train)}
    kept = torch.load(path, weights_only=True) if path.exists() else {}
    if kept.get("about") == about:
        done, seconds = kept["epoch"], kept["seconds"]
        module.load_state_dict(kept["state_dict"])
        optimizer.load_state_dict(kept["optimizer"])
    for epoch in range(done, setting.epochs):
        start = time.process_time()
        if setting.decay:
            for group in optimizer.param_groups:
                group["lr"] = 0.001 * (1 + math.cos(math.pi * epoch / setting.epochs))
        loss = _epoch(setting, epoch, module, optimizer, data)
        seconds += time.process_time() - start
        print(f"{setting.label}: epoch {epoch + 1}, loss {loss:.3f}, {seconds:.0f} s", flush=True)
        save(
            path,
            {
                "about": about,
                "epoch": epoch + 1,
                "state_dict": module.state_dict(),
                "optimizer": optimizer.state_dict(),
                "seconds": seconds,
            },
        )
    return module.eval()


def _epoch(
    setting: Setting,
    epoch: int,
    module: nn.Module,
    optimizer: torch.optim.Optimizer,
    data: Mnist,
) -> float:
    """Train for one epoch, whose random numbers depend on its number alone; return the loss."""
    shape = data.X_train.shape[1:]
    noise = setting.noise.bind(Rows(sigma=1.0, shape=shape, levels=255))
    rng, total = np.random.default_rng(epoch), 0.0
    order = rng.permutation(len(data.y_train))
    for start in range(0, len(order), 128):
        chosen = order[start : start + 128]
        X = noise.corrupt(rng, setting.pixels(data.X_train[chosen])).astype(np.float32)
        scores = module(torch.from_numpy(X))
        loss = nn.functional.cross_entropy(scores, torch.from_numpy(data.y_train[chosen]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss.detach()) * len(chosen) / len(order)
    return total


def certify(setting: Setting, module: nn.Module, data: Mnist, folder: pathlib.Path) -> None:
    """Decide the setting's radii; the log goes on where it was stopped."""
    clf = SmoothedClassifier(frozen_net(module), noise=setting.noise, random_state=0)
    X = setting.pixels(data.X_test)
    asked: Any = {"n": setting.n, "alpha": setting.alpha, "radius": list(setting.radii)}
    clf.fit(X, data.y_test)  # a frozen net: only the kind of rows is looked at
    certificate = clf.certify(X, **asked, log=_log(setting, data, folder), y=data.y_test)
    print(f"{setting.label}: {certificate}", flush=True)


def _log(setting: Setting, data: Mnist, folder: pathlib.Path) -> pathlib.Path:
    return folder / f"{setting.label}_n{setting.n}_{len(data.index)}_images.tsv"


def _finished(setting: Setting, data: Mnist, folder: pathlib.Path) -> Record | None:
    """Return what is finished, now or in an earlier run."""
    return begun(_log(setting, data, folder))


def _figures(setting: Setting, record: Record, training: float) -> dict[str, Any]:
    c, y, seconds = record.certificate, record.y_true, record.seconds
    assert c is not None
    assert seconds is not None
    right = (c.labels == y) & ~c.abstained
    draws = c.n_draws
    return {
        "noise": repr(setting.noise),
        "images": len(record.index),
        "method": c.method,
        "certified accuracy": {
            f"{r:g}": float(certified_accuracy_score(y, c, radius=r)) for r in setting.radii
        },
        "median": float(np.median(np.where(right, c.radii, -1.0))),
        "draws": None if draws is None else float(draws.mean()),
        "training seconds": training,
        "certifying seconds": float(seconds.sum()),
    }


def _line(setting: Setting, found: dict[str, Any]) -> list[str]:
    return [
        *(f"{accuracy:.3f}" for accuracy in found["certified accuracy"].values()),
        f"{found['images']:,}",
        "all outcomes" if found["method"] == "exact" else f"{found['draws']:,.0f}",
        f"{found['training seconds'] / 3600:.3f}",
        f"{found['certifying seconds'] / 3600:.3f}",
    ]


def _head(radii: tuple[float, ...]) -> list[str]:
    return [
        *(f"at {r:g}" for r in radii),
        "images",
        "draws",
        "hours of training",
        "of certification",
    ]


def run(
    quick: bool, folder: pathlib.Path, images: int | None = None, epochs: int | None = None
) -> Page:
    """Train and certify all of them, or as many as are done when Ctrl-C is pressed.

    Parameters
    ----------
    quick : bool
        Whether to take a hundredth of the images, one epoch and few draws.
    folder : Path
        For weights and logs.
    images : int, default=None
        About how many test images, at equal distances; None for those of the settings.
    epochs : int, default=None
        Of each training; None for those of the settings.

    Returns
    -------
    page : Page
        Tables beside published numbers.
    """
    torch.set_num_threads(1)
    settings = _SETTINGS
    if quick:
        settings = tuple(dataclasses.replace(s, n=200, epochs=1) for s in settings)
    if epochs is not None:
        settings = tuple(dataclasses.replace(s, epochs=epochs) for s in settings)
    if images is not None:
        settings = tuple(dataclasses.replace(s, images=images) for s in settings)
    everything = mnist(quick, every=1)
    folder.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {}
    stopped = False
    for setting in settings:
        data = _at_equal_distances(everything, setting.images)
        try:
            if not stopped:
                module = train(setting, data, folder)
                certify(setting, module, data, folder)
        except KeyboardInterrupt:
            stopped = True
        record = _finished(setting, data, folder)
        if record is not None:
            kept = torch.load(folder / f"{setting.label}.pth.tar", weights_only=True)
            asked = {"asked images": len(data.index)}
            figures[setting.name] = _figures(setting, record, kept["seconds"]) | asked
    if not figures:
        raise KeyboardInterrupt
    done = [s for s in settings if s.name in figures]
    title = "Nets: MNIST under noises for L0 and L1"
    blocks = [_about(done, figures, len(everything.y_train)), *_tables(done, figures)]
    return Page(title, blocks, figures, ("torch", "skorch"))


def _at_equal_distances(data: Mnist, images: int) -> Mnist:
    """Return about so many of the test images."""
    step = max(len(data.index) // images, 1)
    few = {name: getattr(data, name)[::step] for name in ("X_test", "y_test", "index")}
    return dataclasses.replace(data, **few)


def _about(done: list[Setting], figures: dict[str, Any], trained: int) -> str:
    tested = sorted({figures[s.name]["images"] for s in done}, reverse=True)
    stopped = [s.name for s in done if figures[s.name]["images"] < figures[s.name]["asked images"]]
    samples = ", ".join(f"{m:,}" for m in tested if m < _TEST_IMAGES)
    return _TEXT.format(
        epochs=" or ".join(map(str, sorted({s.epochs for s in done}))),
        images=trained,
        tested=" or ".join(f"{m:,}" for m in tested)
        + " test images"
        + bool(samples) * f" ({samples}: **a sample** at equal distances)",
        errors=" or ".join(f"{0.5 / m**0.5:.3f}" for m in tested),
        total=_TEST_IMAGES,
        stopped=_STOPPED.format(name=", ".join(stopped)) if stopped else "",
    )


def _tables(done: list[Setting], figures: dict[str, Any]) -> list[str]:
    """Return a heading and a table for each kind of noise, of the settings that are done."""
    blocks = []
    for s in done:
        line, rest = [s.name, *_line(s, figures[s.name])], {"n": s.n, "alpha": s.alpha}
        if s.name == "flip":
            theirs = ["Lee et al.", "", *(f"{a:.3f}" for a in _LEE), "10,000", "100,000", "", ""]
            text = _FLIP_TEXT.format(keep=_KEEP, turn=round(1 - _KEEP, 9), **rest)
            blocks += [text, table(["", *_head(s.radii)], [line, theirs])]
        elif s.name == "drop":
            text = _DROP_TEXT.format(drop=_DROP, published=_LEVINE, **rest)
            head, median = ["", *_head(s.radii), "median"], f"{figures[s.name]['median']:g}"
            blocks += [text, table(head, [[*line, median]])]
    if l1 := [s for s in done if s.radii == _L1]:
        m, s = round(2 * _SCALE * 255), l1[-1]
        text = _L1_TEXT.format(scale=_SCALE, m=m, n=s.n, alpha=s.alpha)
        lines = [[s.name, *_line(s, figures[s.name])] for s in l1]
        blocks += [text, table(["", *_head(_L1)], lines)]
    return blocks
