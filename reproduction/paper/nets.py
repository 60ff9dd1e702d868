"""Nets of the entries that need one: trained here, or read from checkpoints, and certified."""

import functools
import pathlib
import time
from typing import Any

import numpy as np
import torch
from skorch import NeuralNetClassifier
from skorch.callbacks import LRScheduler
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from sksmooth import SmoothedClassifier
from sksmooth.nets import frozen_net, load_checkpoint
from sksmooth.records import Record, read_log, write_log

from .data import Images, MissingDataError, images
from .output import Options

__all__ = ["Settings", "certified", "describe", "settings", "small_net", "smoothed", "test_images"]

_ARCHITECTURES = {"cifar10": "cifar_resnet20", "imagenet": "resnet50"}
_FOLDERS = {"cifar10": ("cifar10", "resnet110"), "imagenet": ("imagenet", "resnet50")}


class Settings:
    """How much to train and certify, by data and `--quick`."""

    def __init__(self, options: Options) -> None:
        small = options.data in ("mnist", "digits")
        self.sigmas = (0.12, 0.25, 0.5, 1.0) if options.data == "cifar10" else (0.25, 0.5, 1.0)
        self.n_train: int | None = 20_000 if small else None
        self.epochs, self.n_test, self.n = (5, 100, 10_000) if small else (90, 500, 100_000)
        if options.quick:
            self.n_train, self.epochs, self.n_test, self.n = 2000, 2, 20, 500


def settings(options: Options) -> Settings:
    """Return how much to do."""
    return Settings(options)


@functools.cache
def test_images(options: Options) -> Images:
    """Return the images that all entries of a run train on and certify."""
    amount = settings(options)
    return images(options, amount.n_test, amount.n_train)


def small_net(channels: int, width: int, classes: int = 10) -> nn.Module:
    """Return two convolutions with strides and two layers, some 0.4 million products an image."""
    side = (width + 3) // 4  # each stride halves it, rounding up
    return nn.Sequential(
        nn.Conv2d(channels, 16, 5, stride=2, padding=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(32 * side**2, 64),
        nn.ReLU(),
        nn.Linear(64, classes),
    )


def trained(
    X: Any, y: Any, sigma: float, epochs: int, module: Any = small_net
) -> SmoothedClassifier:
    """Return a small net, trained under noise: Adam, one cycle of rates."""
    rows = 128
    schedule = LRScheduler(
        policy=OneCycleLR,
        step_every="batch",
        max_lr=0.004,
        total_steps=epochs * -(-len(X) // rows),
    )
    net = NeuralNetClassifier(
        module,
        module__channels=X.shape[1],
        module__width=X.shape[2],
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=0.004,
        batch_size=rows,
        max_epochs=epochs,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[schedule],
        verbose=0,
    )
    # channels_last, which large nets are faster in, slows this one down
    return SmoothedClassifier(net, sigma, random_state=0).fit(X, y)


@functools.cache
def smoothed(options: Options, sigma: float) -> SmoothedClassifier:
    """Return a net trained with this noise, smoothed with it; the same one in all entries."""
    data, amount = test_images(options), settings(options)
    if options.nets is not None:
        return _of_authors(options, sigma, data)
    if options.data == "imagenet":
        raise MissingDataError("needs --nets with checkpoints: ImageNet is not trained on here")
    if options.data == "cifar10":
        return _resnet(sigma, data, amount)
    return trained(data.X_train, data.y_train, sigma, amount.epochs)


def _resnet(sigma: float, data: Images, amount: Settings) -> SmoothedClassifier:
    """Return ResNet-20 by the recipe of `reproduction.nets.cifar`."""
    if not torch.cuda.is_available() and amount.epochs > 2:
        raise MissingDataError("needs a CUDA device to train a ResNet, or --nets, or --quick")
    from sksmooth.objectives import GaussianAugmentation

    from ..nets import cifar

    pixels = np.rint(data.X_train * 255).astype(np.uint8)
    from ..nets.data import Cifar

    train = cifar.Augmented(Cifar(pixels, data.y_train, data.X_test, data.y_test, data.index))
    objective = GaussianAugmentation()
    clf = cifar.smoothed(_ARCHITECTURES["cifar10"], objective, sigma, amount.epochs)
    return clf.fit(train, data.y_train)


def _of_authors(options: Options, sigma: float, data: Images) -> SmoothedClassifier:
    """Return a checkpoint of the authors; ImageNet's classes are counted in order of folders."""
    parts = (*_FOLDERS.get(options.data, ()), f"noise_{sigma:.2f}", "checkpoint.pth.tar")
    path = pathlib.Path(options.nets or "", *parts)
    if len(parts) == 2 or not path.exists():
        raise MissingDataError(f"needs {'/'.join(parts)} in the folder of --nets")
    module = load_checkpoint(path, normalize="standardize")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    classes = np.arange(10 if options.data == "cifar10" else 1000)
    frozen = frozen_net(module, classes=classes, device=device)
    clf = SmoothedClassifier(frozen, sigma, shortcuts=["channels_last"], random_state=0)
    return clf.fit(data.X_test, data.y_test)


def certified(options: Options, train: float, test: float | None = None) -> Record:
    """Return certificates of the test images; of large nets from the log of an earlier run.

    Parameters
    ----------
    options : Options
        What the command line says.
    train, test : float
        Noise of training and of the certificates; None for the same.
    """
    return _certified(options, train, train if test is None else test)


@functools.cache
def _certified(options: Options, train: float, test: float) -> Record:
    data, amount = test_images(options), settings(options)
    path = options.output / f"{options.data}_train_{train:.2f}_test_{test:.2f}.tsv"
    about = {
        "data": data.name,
        "training images": amount.n_train,
        "epochs": amount.epochs,
        "training noise": train,
        "nets": options.nets is not None,
    }
    if path.exists():
        record = read_log(path)
        known = record.certificate is not None and record.certificate.n == amount.n
        known &= about.items() <= record.settings.items() and len(record) == len(data.index)
        if known and options.data in _ARCHITECTURES:  # hours; small nets are quickly made anew
            return record
        path.unlink()
    clf = smoothed(options, train)
    clf.set_params(sigma=test)
    start = time.process_time()
    certificate = clf.certify(data.X_test, n=amount.n)
    clf.set_params(sigma=train)
    about["seconds"] = round(time.process_time() - start, 1)
    write_log(path, certificate, y_true=data.y_test, index=data.index, settings=about)
    return read_log(path)


def describe(options: Options) -> str:
    """Return a sentence or two on nets and images."""
    data, amount = test_images(options), settings(options)
    net = "a small net (two convolutions, 0.1 million weights)"
    if options.data in _ARCHITECTURES:
        net = _ARCHITECTURES[options.data]
    how = f"trained here on {amount.n_train or 'all'} images for {amount.epochs} epochs"
    if options.nets is not None:
        net, how = "the authors' checkpoints", "as they were published"
    return (
        f"Here: {data.name}, {net}, {how}; {len(data.index)} test images at equal distances, n = "
        f"{amount.n:,}, n0 = 100, alpha = 0.001."
    )
