"""ResNet-20 or ResNet-110 on CIFAR-10 by two objectives, from a Dataset that augments images."""

import pathlib
import time
from typing import Any

import numpy as np
import torch
from skorch.callbacks import LRScheduler
from torch.utils.data import Dataset

from benchmarks.page import Page
from sksmooth import SmoothedClassifier
from sksmooth.nets import ObjectiveNet, make_architecture
from sksmooth.objectives import Consistency, GaussianAugmentation
from sksmooth.records import read_log

from .data import Cifar, MissingDataError, cifar10
from .lenet import device
from .tables import figures, results_table

__all__ = ["Augmented", "run", "smoothed"]

_RADII = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
_OBJECTIVES = {
    "gaussian": {0.25: GaussianAugmentation(), 0.5: GaussianAugmentation()},
    "consistency": {0.25: Consistency(lam=20.0), 0.5: Consistency(lam=10.0)},
}
# average certified radius on the whole test set: logs of Jeong and Shin (2020)
_PUBLISHED = {
    "cifar_resnet20": {("gaussian", 0.5): 0.524, ("consistency", 0.5): 0.686},
    "cifar_resnet110": {("gaussian", 0.5): 0.525},
}
_TEXT = """\
{arch} on CIFAR-10 (JPEG), {images:,} training images with crops and reflections, noise before the
normalising layer: SGD with momentum 0.9 and weight decay 1e-4, batches of 256 draws, rate 0.1 and a
tenth of it after each third of {epochs} epochs, bfloat16 where that is enough. Certified:
{tested} test images at equal distances, n = {n:,}, alpha = 0.001, on {device}. Published: the whole
test set of the original images, n = 100,000."""


class Augmented(Dataset):  # type: ignore[type-arg]
    """Images in [0, 1], each moved by up to four pixels and perhaps mirrored when it is read."""

    def __init__(self, data: Cifar) -> None:
        images = np.pad(data.X_train, [(0, 0), (0, 0), (4, 4), (4, 4)])
        self.images = torch.from_numpy(images)
        self.targets = data.y_train

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, int]:
        down, right, mirror = torch.randint(9, (3,)).tolist()
        image = self.images[i, :, down : down + 32, right : right + 32].float() / 255
        return (image.flip(-1) if mirror % 2 else image), int(self.targets[i])


class _Net(ObjectiveNet):
    """Asked under autocast, in a layout that convolutions prefer."""

    def initialize_module(self) -> "_Net":
        super().initialize_module()
        self.module_.to(memory_format=torch.channels_last)
        return self

    def infer(self, x: Any, **fit_params: Any) -> Any:
        with torch.autocast(torch.device(self.device).type, torch.bfloat16):
            return super().infer(x, **fit_params)


def smoothed(
    arch: str, objective: Any, sigma: float, epochs: int, draws: int = 1
) -> SmoothedClassifier:
    """Return the classifier, not yet fitted; `draws` are those of the objective for an image."""
    net = _Net(
        make_architecture,
        module__name=arch,
        objective=objective,
        optimizer=torch.optim.SGD,
        optimizer__momentum=0.9,
        optimizer__weight_decay=1e-4,
        lr=0.1,
        batch_size=256 // draws,
        max_epochs=epochs,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[LRScheduler(policy="StepLR", step_size=max(1, epochs // 3), gamma=0.1)],
        device=device(),
        verbose=0,
    )
    return SmoothedClassifier(net, sigma, shortcuts=["channels_last"], random_state=0)


def run(quick: bool, folder: pathlib.Path, arch: str = "cifar_resnet20") -> Page:
    """Train and certify four nets."""
    if device() != "cuda" and not quick:
        raise MissingDataError("needs a CUDA device; --quick shows on a processor that it runs")
    epochs, n_train, n_test, n = (1, 256, 4, 100) if quick else (90, None, 500, 100_000)
    data = cifar10(n_train, n_test)
    blocks = [
        _TEXT.format(
            arch=arch,
            images=len(data.y_train),
            epochs=epochs,
            tested=n_test,
            n=n,
            device=torch.cuda.get_device_name() if device() == "cuda" else "cpu",
        )
    ]
    folder.mkdir(parents=True, exist_ok=True)
    everything: dict[str, Any] = {}
    for sigma in (0.25, 0.5):
        found = {}
        for name, objectives in _OBJECTIVES.items():
            clf = smoothed(arch, objectives[sigma], sigma, epochs, 1 + (name == "consistency"))
            start = time.perf_counter()
            clf.fit(Augmented(data), data.y_train)
            training = time.perf_counter() - start
            torch.save(
                {"arch": arch, "epoch": epochs, "state_dict": clf.estimator_.module_.state_dict()},
                folder / f"{arch}_{name}_{sigma:.2f}.pth.tar",
            )
            log = folder / f"{arch}_{name}_{sigma:.2f}_n{n}.tsv"
            certificate = clf.certify(data.X_test, n=n, log=log)
            seconds = {"training": training, "certifying": time.perf_counter() - start - training}
            print(f"{arch}, {name}: {certificate}, {seconds}", flush=True)
            record = read_log(log)
            settings = {**record.settings, "seconds": seconds, "recipe": {"epochs": epochs}}
            found[name] = figures(
                type(record)(
                    data.y_test, record.y_pred, certificate, data.index, settings=settings
                ),
                _RADII,
            )
        published = {name: _PUBLISHED[arch].get((name, sigma), np.nan) for name in found}
        blocks += [f"## sigma = {sigma:g}", results_table(found, published, _RADII)]
        everything[f"{sigma:g}"] = found
    return Page(f"Nets: {arch} on CIFAR-10 (JPEG)", blocks, everything, ("torch", "skorch"))
