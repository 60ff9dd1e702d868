"""Four ways to certify a LeNet that has never seen noise, on MNIST: three denoisers, and none.

Training is kept after each epoch and certification after each chunk of images; a run that was
stopped goes on from there.
"""

import dataclasses
import math
import pathlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.page import Page, table
from sksmooth import SmoothedClassifier, certified_accuracy_score
from sksmooth.nets import (
    Denoised,
    DenoiserMSE,
    DenoiserStability,
    DiffusionDenoiser,
    DnCNN,
    LeNet,
    frozen_net,
)

from .cifar_training import save
from .data import Mnist, mnist
from .unet import SmallUNet, cosine_schedule

__all__ = ["run"]

_SIGMAS = (0.25, 0.5, 1.0)
_RADII = (0.0, 0.25, 0.5, 1.0)
_ROWS = 64
_SCHEDULE = cosine_schedule()
_TEXT = """\
LeNet on MNIST, trained for {clean} epochs on clean images ({accuracy:.3f} right on {tested} clean
test images), and never again. In front of it: nothing; `DnCNN(depth=6, width=32)` trained for an
epoch by `DenoiserMSE`, one for each sigma; the same, after another epoch by `DenoiserStability`;
`DiffusionDenoiser` around a UNet with {weights:,} weights, trained for {diffusion} epochs as a
diffusion model with a cosine schedule of 1,000 steps, one for all sigmas. Adam, one cycle up to a
rate of 0.002, batches of {rows}, bfloat16 where that is enough, {images:,} images an epoch. In all,
training took {minutes:.0f} minutes of one thread; DnCNN got {dncnn:.0f} of them, the UNet
{unet:.0f}. Certified: {tested} test images at equal distances, decided at these radii with at most
{n:,} draws, alpha = 0.001. One cell's standard error is up to {error:.3f}. A radius of 1 is beyond
what any number of draws could decide at sigma 0.25 in practice (4 sigma), and was not asked."""

Loss = Callable[[nn.Module, torch.Tensor, torch.Tensor], torch.Tensor]


@dataclasses.dataclass(frozen=True)
class _Lab:
    """Data, a folder for what is made, and the seconds that training took."""

    data: Mnist
    folder: pathlib.Path
    seconds: dict[str, float]

    def trained(self, name: str, module: nn.Module, loss: Loss, epochs: int) -> nn.Module:
        """Train in place what needs gradients, going on from the last epoch that was kept."""
        path = self.folder / f"denoisers_{name}.pth.tar"
        learn = [p for p in module.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(learn, lr=2e-3)
        done, seconds = 0, 0.0
        if path.exists():
            kept = torch.load(path, weights_only=True)
            done, seconds = kept["epoch"], kept["seconds"]
            module.load_state_dict(kept["state_dict"])
            optimizer.load_state_dict(kept["optimizer"])
        for epoch in range(done, epochs):
            start = time.process_time()
            mean = self._epoch(module.train(), loss, optimizer, epoch, epochs)
            seconds += time.process_time() - start
            print(f"{name}: epoch {epoch + 1}, loss {mean:.4f}, {seconds:.0f} s", flush=True)
            content = {"epoch": epoch + 1, "seconds": seconds, "state_dict": module.state_dict()}
            save(path, content | {"optimizer": optimizer.state_dict()})
        self.seconds[name] = seconds
        return module.eval()

    def _epoch(
        self, module: nn.Module, loss: Loss, optimizer: Any, epoch: int, epochs: int
    ) -> float:
        torch.manual_seed(1 + epoch)  # random numbers depend on the number of the epoch alone
        X, y = torch.from_numpy(self.data.X_train), torch.from_numpy(self.data.y_train)
        batches = torch.randperm(len(y)).split(_ROWS)
        total = 0.0
        for step, rows in enumerate(batches):
            part = (epoch + step / len(batches)) / epochs
            up = min(1.0, 0.04 + part / 0.1)
            optimizer.param_groups[0]["lr"] = 2e-3 * up * (1 + math.cos(math.pi * part)) / 2
            with torch.autocast("cpu", torch.bfloat16):
                value = loss(module, X[rows], y[rows])
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            total += float(value.detach())
        return total / len(batches)

    def certified(self, name: str, module: nn.Module, sigma: float, n: int) -> list[float]:
        """Return certified accuracies at the radii; the log goes on where it was stopped."""
        radii = [radius for radius in _RADII if radius < 4 * sigma]
        data = self.data
        clf = SmoothedClassifier(frozen_net(module), sigma, random_state=0)
        clf.fit(data.X_test, data.y_test)
        log = self.folder / f"denoisers_{name}_{sigma:.2f}_n{n}.tsv"
        certificate = clf.certify(data.X_test, n=n, radius=radii, log=log)
        found = [certified_accuracy_score(data.y_test, certificate, radius=r) for r in radii]
        print(f"{name}, sigma {sigma:g}: {found}", flush=True)
        return found


def _of_scores(module: nn.Module, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return nn.functional.cross_entropy(module(X), y)


def _of_noise(module: nn.Module, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Return how badly noise of all widths is found in images: the loss of a diffusion model."""
    t = torch.randint(len(_SCHEDULE), (len(X),))
    kept = _SCHEDULE[t].float()[:, None, None, None]
    noise = torch.randn_like(X)
    noisy = kept.sqrt() * (2 * X - 1) + (1 - kept).sqrt() * noise
    return nn.functional.mse_loss(module(noisy, t).float(), noise)


def _of(objective: Any, sigma: float) -> Loss:
    def loss(module: nn.Module, X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        value: torch.Tensor = objective.forward(
            module, X, y, lambda like: sigma * torch.randn_like(like), sigma
        )
        return value

    return loss


def run(quick: bool, folder: pathlib.Path) -> Page:
    """Train and certify all, or go on with it."""
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    n, clean, diffusion = (200, 1, 1) if quick else (4000, 3, 3)
    lab = _Lab(mnist(quick, every=50), folder, {})
    torch.manual_seed(0)
    lenet = lab.trained("lenet", LeNet(), _of_scores, clean).requires_grad_(False)
    torch.manual_seed(0)
    unet = lab.trained("unet", SmallUNet(), _of_noise, diffusion)
    accuracies: dict[str, dict[str, list[float]]] = {}
    lines = []
    for sigma in _SIGMAS:
        torch.manual_seed(0)
        mse = Denoised(DnCNN(depth=6, width=32, in_channels=1), lenet)
        lab.trained(f"mse_{sigma:.2f}", mse, _of(DenoiserMSE(), sigma), 1)
        stability = Denoised(DnCNN(depth=6, width=32, in_channels=1), lenet)
        stability.load_state_dict(mse.state_dict())
        lab.trained(f"stability_{sigma:.2f}", stability, _of(DenoiserStability(), sigma), 1)
        bases = {
            "none": lenet,
            "MSE": mse,
            "stability": stability,
            "diffusion": Denoised(DiffusionDenoiser(unet, _SCHEDULE, sigma), lenet),
        }
        for name, module in bases.items():
            found = lab.certified(name.lower(), module, sigma, n)
            accuracies.setdefault(name, {})[f"{sigma:g}"] = found
            cells = [f"{score:.3f}" for score in found] + [""] * (len(_RADII) - len(found))
            lines.append([f"{sigma:g}", name, *cells])
    with torch.no_grad():
        answers = lenet(torch.from_numpy(lab.data.X_test)).argmax(dim=1).numpy()
    tested = len(lab.data.y_test)
    spent = {name: seconds / 60 for name, seconds in lab.seconds.items()}
    text = _TEXT.format(
        clean=clean,
        accuracy=np.mean(answers == lab.data.y_test),
        tested=tested,
        weights=sum(p.numel() for p in unet.parameters()),
        diffusion=diffusion,
        rows=_ROWS,
        images=len(lab.data.y_train),
        minutes=sum(spent.values()),
        dncnn=sum(value for name, value in spent.items() if name.startswith(("mse", "stab"))),
        unet=spent["unet"],
        n=n,
        error=0.5 / math.sqrt(tested),
    )
    head = ["sigma", "denoiser", *(f"r = {radius:g}" for radius in _RADII)]
    figures = {"certified accuracy": accuracies, "training seconds": lab.seconds}
    return Page("Nets: denoisers on MNIST", [text, table(head, lines)], figures, ("torch",))
