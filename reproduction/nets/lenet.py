"""LeNet trained by one of the objectives, certified, and kept: weights, and a log of each image."""

import dataclasses
import math
import pathlib
import time
from typing import Any

import torch
from skorch.callbacks import LRScheduler
from torch.optim.lr_scheduler import OneCycleLR

from sksmooth import SmoothedClassifier
from sksmooth.nets import LeNet, ObjectiveNet, frozen_net, load_checkpoint
from sksmooth.objectives import Objective
from sksmooth.records import Record, read_log, write_log

from .data import Mnist

__all__ = ["Recipe", "certified", "device", "fitted"]


class MixedNet(ObjectiveNet):
    """A net asked under autocast: the objectives' attacks and losses as well."""

    def infer(self, x: Any, **fit_params: Any) -> Any:
        """Return scores."""
        with torch.autocast(torch.device(self.device).type, torch.bfloat16):
            return super().infer(x, **fit_params)


def _channels_last_lenet() -> torch.nn.Module:
    return LeNet().to(memory_format=torch.channels_last)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How to train.

    Parameters
    ----------
    objective : Objective
        The loss.
    epochs : int
        Passes over the training images.
    rows : int
        Images in a batch, each with the objective's draws.
    rate : float
        Largest learning rate of one cycle: up from a 25th of it, linearly over the first third,
        then down by a cosine to nearly 0; or, with `drop`, the rate at the start.
    drop : int or None
        The authors' schedule instead: a tenth of the rate after each so many epochs.
    mixed : bool
        Whether the net is trained under autocast, in bfloat16 where that is enough.
    """

    objective: Objective
    epochs: int
    rows: int = 128
    rate: float = 0.05
    drop: int | None = None
    mixed: bool = False

    def net(self, n_images: int) -> ObjectiveNet:
        """Return the net, not yet fitted. All images are trained on, none held out."""
        if self.drop is not None:
            schedule = LRScheduler(policy="StepLR", step_size=self.drop, gamma=0.1)
        else:
            schedule = LRScheduler(
                policy=OneCycleLR,
                step_every="batch",
                max_lr=self.rate,
                total_steps=self.epochs * math.ceil(n_images / self.rows),
                pct_start=1 / 3,
            )
        net = MixedNet if self.mixed else ObjectiveNet
        return net(
            _channels_last_lenet,
            objective=self.objective,
            optimizer=torch.optim.SGD,
            optimizer__momentum=0.9,
            optimizer__weight_decay=1e-4,
            optimizer__nesterov=self.drop is None,
            lr=self.rate,
            batch_size=self.rows,
            max_epochs=self.epochs,
            iterator_train__shuffle=True,
            train_split=None,
            callbacks=[schedule],
            device=device(),
            verbose=0,
        )

    def settings(self) -> dict[str, Any]:
        """Return what a log should say of it."""
        return {**dataclasses.asdict(self), "objective": " ".join(repr(self.objective).split())}


def device() -> str:
    """Return where nets are trained and certified."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _clock() -> float:
    """Return processor seconds, which other work on the machine does not add to; on CUDA, real."""
    return time.process_time() if device() == "cpu" else time.perf_counter()


def fitted(
    name: str, recipe: Recipe, sigma: float, data: Mnist, folder: pathlib.Path
) -> tuple[SmoothedClassifier, float]:
    """Return a trained net as a smoothed classifier, and the seconds it took to train it.

    Weights that lie in `folder` under this name are taken, if they were made by this recipe.
    """
    path = folder / f"{name}.pth.tar"
    about = {"recipe": recipe.settings(), "sigma": sigma, "images": len(data.X_train)}
    kept = torch.load(path, weights_only=True) if path.exists() else {}
    if kept.get("about") != about:
        start = _clock()
        net = recipe.net(len(data.X_train))
        clf = SmoothedClassifier(net, sigma, random_state=0).fit(data.X_train, data.y_train)
        kept = {
            "arch": "lenet",
            "epoch": recipe.epochs,
            "state_dict": {k: v.cpu() for k, v in clf.estimator_.module_.state_dict().items()},
            "about": about,
            "seconds": _clock() - start,
        }
        folder.mkdir(parents=True, exist_ok=True)
        torch.save(kept, path)
    frozen = frozen_net(load_checkpoint(path, LeNet()), device=device())
    # a layout that convolutions prefer, and bfloat16: the net that is certified is this one
    variant = ["channels_last", "bfloat16"]
    clf = SmoothedClassifier(frozen, sigma, shortcuts=variant, n_jobs=-1, random_state=0)
    return clf.fit(data.X_train[:600], data.y_train[:600]), kept["seconds"]


def certified(
    name: str, recipe: Recipe, sigma: float, n: int, data: Mnist, folder: pathlib.Path
) -> Record:
    """Return certificates of the test images, from a log in `folder` if it is of this recipe.

    Otherwise the net is trained, unless its weights lie there, and the log is written: a run that
    was interrupted goes on where it was.
    """
    path = folder / f"{name}_n{n}.tsv"
    settings = {"recipe": recipe.settings(), "images": len(data.X_train), "device": device()}
    if path.exists():
        record = read_log(path, rows=len(data.index))
        ours = settings.items() <= record.settings.items()
        if ours and record.certificate is not None and record.certificate.sigma == sigma:
            print(f"{name}: from {path}", flush=True)
            return record
        path.unlink()
    clf, training = fitted(name, recipe, sigma, data, folder)
    start = _clock()
    certificate = clf.certify(data.X_test, n=n)
    seconds = {"training": training, "certifying": _clock() - start}
    write_log(
        path,
        certificate,
        y_true=data.y_test,
        index=data.index,
        settings={**settings, "seconds": seconds},
    )
    print(f"{name}: {certificate}, {seconds}", flush=True)
    return read_log(path)
