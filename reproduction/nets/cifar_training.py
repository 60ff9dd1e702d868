"""Training of ResNet-20 on CIFAR-10 on one thread, which goes on after each epoch."""

import dataclasses
import hashlib
import json
import math
import os
import pathlib
import time
from typing import Any

import numpy as np
import torch

from sksmooth.nets import make_architecture
from sksmooth.objectives import Objective

from .data import Cifar

__all__ = ["Recipe", "note_of", "save", "train"]

_ARCH = "cifar_resnet20"
_EPOCHS = 30


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
    epochs: int = _EPOCHS
    rate: float = 0.2

    @property
    def label(self) -> str:
        """Name of its files."""
        longer = f"_{self.epochs}epochs" if self.epochs > _EPOCHS else ""
        return f"{_ARCH}_{self.name}_{self.sigma:.2f}{longer}"

    @property
    def title(self) -> str:
        """Name of its rows in tables."""
        longer = f", {self.epochs} epochs" if self.epochs > _EPOCHS else ""
        return f"{self.name}, sigma {self.sigma:g}{longer}"

    def rate_at(self, part: float) -> float:
        """Return the learning rate when `part` of the training is done: up, then down."""
        if part < 0.3:
            return self.rate * (0.04 + 0.96 * part / 0.3)
        return self.rate * (1 + math.cos(math.pi * (part - 0.3) / 0.7)) / 2


def train(recipe: Recipe, data: Cifar, folder: pathlib.Path) -> torch.nn.Module:
    """Return the trained module, going on from the last epoch kept; note how it was trained."""
    path = folder / f"{recipe.label}.pth.tar"
    torch.manual_seed(0)
    module = make_architecture(_ARCH).to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(
        module.parameters(), lr=recipe.rate, momentum=0.9, weight_decay=1e-4, nesterov=True
    )
    images = torch.from_numpy(np.pad(data.X_train, [(0, 0), (0, 0), (4, 4), (4, 4)]))
    labels = torch.from_numpy(data.y_train)
    training = f"{recipe} of {len(labels)} images"
    done, seconds = 0, 0.0
    if path.exists():
        kept = torch.load(path, weights_only=True)
        if kept.get("training") != training:
            raise RuntimeError(
                f"{path} is of the training {kept.get('training')}, and this is {training}. Move "
                f"{folder / recipe.label}* away to begin anew, or name another folder."
            )
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
                "training": training,
                "epoch": epoch + 1,
                "state_dict": module.state_dict(),
                "optimizer": optimizer.state_dict(),
                "seconds": seconds,
            },
        )
    noted = {"seconds": round(seconds), "weights": _sha256(module.state_dict())}
    notes = note_of(recipe, folder)
    if not notes.exists():
        temporary = notes.with_suffix(".part")
        temporary.write_text(json.dumps(noted, indent=1) + "\n")
        os.replace(temporary, notes)
    elif json.loads(notes.read_text())["weights"] != noted["weights"]:
        raise RuntimeError(
            f"{recipe.label} was trained anew and has other weights than its logs are of: another "
            f"processor or version of torch. Move {folder / recipe.label}_* away to begin anew."
        )
    return module.eval()


def note_of(recipe: Recipe, folder: pathlib.Path) -> pathlib.Path:
    """Return the file that holds the seconds of training and the hash of the weights."""
    return folder / f"{recipe.label}_trained.json"


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


def _sha256(weights: dict[str, torch.Tensor]) -> str:
    """Return the hash of the values, in the order of their names."""
    found = hashlib.sha256()
    for name in sorted(weights):
        found.update(name.encode() + weights[name].contiguous().numpy().tobytes())
    return found.hexdigest()
