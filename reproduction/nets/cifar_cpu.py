"""CIFAR-10 on one thread of a processor: ResNet-20, trained and certified beside Table 3.

It takes about a day. Training is kept after each epoch and certification after each chunk of
images, and both go on from there with the same random numbers: a run that was stopped, at any time,
ends in the same logs.
"""

import dataclasses
import math
import os
import pathlib
import time
from typing import Any

import numpy as np
import torch

from benchmarks.page import Page, table
from sksmooth import SmoothedClassifier, average_certified_radius_score, certified_accuracy_score
from sksmooth.nets import frozen_net, make_architecture
from sksmooth.objectives import Consistency, GaussianAugmentation, Objective
from sksmooth.records import Record, read_log

from .data import Cifar, cifar10

__all__ = ["Recipe", "run", "save", "train"]

_RADII = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
_ARCH = "cifar_resnet20"
# Cohen et al. (2019), Table 3: ResNet-110, 90 epochs, whole test set, n = 100,000
_PAPER = {
    0.12: (0.83, 0.60),
    0.25: (0.77, 0.61, 0.42, 0.25),
    0.5: (0.66, 0.55, 0.43, 0.32, 0.22, 0.14, 0.08),
    1.0: (0.47, 0.41, 0.34, 0.28, 0.22, 0.17, 0.14),
}
# average certified radius of ResNet-20 on the whole test set, n = 100,000: logs of Jeong and Shin
_PUBLISHED = {("gaussian", 0.5): 0.524, ("consistency", 0.5): 0.686}
_TEXT = """\
ResNet-20 on CIFAR-10 (JPEG), {images:,} training images with crops and reflections and noise before
the normalising layer: SGD with Nesterov momentum 0.9 and weight decay 1e-4, batches of 128, one
cycle up to a rate of 0.2 in {epochs} epochs, bfloat16 where that is enough, one thread. Certified:
{tested} test images at equal distances. Certified accuracy is decided at the radii of the paper
with at most {n:,} draws (`radius=[...]`), alpha = 0.001; average radii are from {few:,} draws an
image, with which no radius is above {most:.2f} sigma. The paper: ResNet-110, 90 epochs, whole test
set of the original images. One cell's standard error is about 0.02."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How one net is trained.

    Parameters
    ----------
    name : str
        Of the objective.
    objective : Objective
        The loss.
    sigma : float
        Standard deviation of the noise.
    epochs : int
        Passes over the images.
    rate : float
        Largest learning rate of the cycle.
    """

    name: str
    objective: Objective
    sigma: float
    epochs: int = 30
    rate: float = 0.2

    @property
    def label(self) -> str:
        """Name of its files."""
        return f"{_ARCH}_{self.name}_{self.sigma:.2f}"

    def rate_at(self, part: float) -> float:
        """Return the learning rate when `part` of the training is done: up, then down."""
        if part < 0.3:
            return self.rate * (0.04 + 0.96 * part / 0.3)
        return self.rate * (1 + math.cos(math.pi * (part - 0.3) / 0.7)) / 2


# in the order in which they are done
_RECIPES = (
    Recipe("gaussian", GaussianAugmentation(), 0.5),
    Recipe("gaussian", GaussianAugmentation(), 0.25),
    Recipe("gaussian", GaussianAugmentation(), 0.12),
    Recipe("gaussian", GaussianAugmentation(), 1.0),
    Recipe("consistency", Consistency(lam=10.0), 0.5),
    Recipe("consistency", Consistency(lam=20.0), 0.25),
)


def train(recipe: Recipe, data: Cifar, folder: pathlib.Path) -> tuple[torch.nn.Module, float]:
    """Return the trained module and the seconds it took, going on from the last epoch kept."""
    path = folder / f"{recipe.label}.pth.tar"
    torch.manual_seed(0)
    module = make_architecture(_ARCH).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(
        module.parameters(), lr=recipe.rate, momentum=0.9, weight_decay=1e-4, nesterov=True
    )
    images = torch.from_numpy(np.pad(data.X_train, [(0, 0), (0, 0), (4, 4), (4, 4)]))
    labels = torch.from_numpy(data.y_train)
    done, seconds = 0, 0.0
    if path.exists():
        kept = torch.load(path, weights_only=True)
        done, seconds = kept["epoch"], kept["seconds"]
        module.load_state_dict(kept["state_dict"])
        optimizer.load_state_dict(kept["optimizer"])
    for epoch in range(done, recipe.epochs):
        start = time.process_time()
        loss = _epoch(recipe, epoch, module, optimizer, images, labels)
        seconds += time.process_time() - start
        print(f"{recipe.label}: epoch {epoch + 1}, loss {loss:.3f}, {seconds:.0f} s", flush=True)
        save(
            path,
            {
                "arch": _ARCH,
                "epoch": epoch + 1,
                "state_dict": module.state_dict(),
                "optimizer": optimizer.state_dict(),
                "seconds": seconds,
            },
        )
    return module.eval(), seconds


def _epoch(
    recipe: Recipe,
    epoch: int,
    module: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    images: torch.Tensor,
    labels: torch.Tensor,
) -> float:
    """Train for one epoch, whose random numbers depend on its number alone; return the loss."""
    torch.manual_seed(1 + epoch)
    batches = torch.randperm(len(labels)).split(128)
    objective, total = recipe.objective.at(epoch), 0.0
    for step, chosen in enumerate(batches):
        rate = recipe.rate_at((epoch + step / len(batches)) / recipe.epochs)
        for group in optimizer.param_groups:
            group["lr"] = rate
        X = _augmented(images, chosen).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            loss = objective.forward(module, X, labels[chosen], _noise(recipe), recipe.sigma)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += float(loss.detach())
    return total / len(batches)


def _noise(recipe: Recipe) -> Any:
    """Return Gaussian noise of the recipe's deviation, as objectives ask for it."""
    return lambda like: recipe.sigma * torch.randn_like(like)


def _augmented(images: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """Return images in [0, 1], each moved by up to four pixels, half of them mirrored."""
    down, right = torch.randint(9, (2, len(chosen))).tolist()
    mirror = torch.rand(len(chosen)) < 0.5
    X = torch.stack(
        [images[i, :, a : a + 32, b : b + 32] for i, a, b in zip(chosen, down, right, strict=True)]
    )
    return torch.where(mirror[:, None, None, None], X.flip(-1), X).float() / 255


def save(path: pathlib.Path, content: dict[str, Any]) -> None:
    """Write all of it or nothing."""
    temporary = path.with_suffix(".part")
    torch.save(content, temporary)
    os.replace(temporary, path)


def _certified(
    recipe: Recipe, module: torch.nn.Module, data: Cifar, folder: pathlib.Path, ns: tuple[int, int]
) -> tuple[Record, Record]:
    """Return decisions at the radii and measured radii; each log goes on where it was stopped."""
    forms = ["channels_last", "bfloat16"]  # the net that is certified is this form of it
    clf = SmoothedClassifier(frozen_net(module), recipe.sigma, shortcuts=forms, random_state=0)
    clf.fit(data.X_test, data.y_test)
    n, few = ns
    logs = [folder / f"{recipe.label}_{what}.tsv" for what in (f"decided_n{n}", f"n{few}")]
    clf.certify(data.X_test, n=n, radius=list(_reachable(recipe.sigma)), log=logs[0])
    print(f"{recipe.label}: decided", flush=True)
    clf.certify(data.X_test, n=few, log=logs[1])
    print(f"{recipe.label}: measured", flush=True)
    decided, measured = (read_log(log, rows=len(data.index)) for log in logs)
    return decided, measured


def _reachable(sigma: float) -> tuple[float, ...]:
    """Return the paper's radii for this sigma."""
    return _RADII[: len(_PAPER[sigma])]


def _line(recipe: Recipe, records: tuple[Record, Record], y: Any, seconds: float) -> dict[str, Any]:
    decided, measured = (record.certificate for record in records)
    assert decided is not None
    assert measured is not None
    each = np.where(measured.labels == y, measured.radii, 0.0)
    return {
        "certified accuracy": [
            float(certified_accuracy_score(y, decided, radius=r)) for r in _reachable(recipe.sigma)
        ],
        "draws": float(decided.counts.sum(axis=1).mean()),
        "average radius": average_certified_radius_score(y, measured),
        "standard error": float(each.std(ddof=1) / np.sqrt(len(each))),
        "training seconds": seconds,
    }


def run(quick: bool, folder: pathlib.Path) -> Page:
    """Train and certify all of them, or as many as are done when Ctrl-C is pressed."""
    torch.set_num_threads(1)
    n_train, n_test, ns = (512, 4, (1000, 200)) if quick else (None, 500, (100_000, 10_000))
    recipes = _RECIPES
    if quick:
        recipes = tuple(dataclasses.replace(recipe, epochs=2) for recipe in recipes)
    data = cifar10(n_train, n_test)
    folder.mkdir(parents=True, exist_ok=True)
    figures: dict[str, Any] = {}
    lines = []
    for recipe in recipes:
        try:
            module, seconds = train(recipe, data, folder)
            records = _certified(recipe, module, data, folder, ns)
        except KeyboardInterrupt:
            break
        found = figures[recipe.label] = _line(recipe, records, data.y_test, seconds)
        published = _PUBLISHED.get((recipe.name, recipe.sigma))
        lines += [
            [
                f"{recipe.name}, sigma {recipe.sigma:g}",
                *(f"{a:.3f}" for a in found["certified accuracy"]),
                *[""] * (len(_RADII) - len(found["certified accuracy"])),
                f"{found['average radius']:.3f} ± {found['standard error']:.3f}",
                "" if published is None else f"{published:.3f}",
                f"{found['draws']:,.0f}",
                f"{seconds / 3600:.1f}",
            ],
            ["Table 3", *(f"{a:.2f}" for a in _PAPER[recipe.sigma])],
        ]
    head = ["", *(f"at {r:g}" for r in _RADII), "average radius", "published", "draws", "hours"]
    lines = [line + [""] * (len(head) - len(line)) for line in lines]
    text = _TEXT.format(
        images=len(data.y_train),
        epochs=recipes[0].epochs,
        tested=n_test,
        n=ns[0],
        few=ns[1],
        most=3.20,
    )
    blocks = [text, table(head, lines)]
    return Page("Nets: CIFAR-10 (JPEG) on one thread", blocks, figures, ("torch",))
