"""Images and logs, and what is raised where they are not at hand."""

import dataclasses
import os
import pathlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sksmooth.records import Record, read_log

from ..statistics.data import ALPHA_OF_LOG, cifar_log, log_path
from ..statistics.data import MissingDataError as _NoLogs
from .output import Options

__all__ = ["MISSING", "Images", "MissingDataError", "images", "log", "predictions"]


class MissingDataError(Exception):
    """Raised if an entry needs data, or a device, that is not at hand; says which."""


MISSING: tuple[type[Exception], ...] = (MissingDataError, _NoLogs)


@dataclasses.dataclass(frozen=True)
class Images:
    """Images in [0, 1], channels first, to train on and to certify.

    Attributes
    ----------
    X_train, y_train : ndarray or None
        None where nothing is trained here.
    X_test, y_test, index : ndarray
        Those that are certified, and their numbers in the test set.
    name : str
        For pages.
    """

    X_train: NDArray[Any] | None
    y_train: NDArray[np.int64] | None
    X_test: NDArray[np.float32]
    y_test: NDArray[np.int64]
    index: NDArray[np.int64]
    name: str


def images(options: Options, n_test: int, n_train: int | None = None) -> Images:
    """Return the images that the command line asks for, test images at equal distances."""
    if options.data == "imagenet":
        return _imagenet(options, n_test)
    if options.data == "cifar10":
        return _cifar10(options, n_test, n_train)
    if options.data == "digits":
        return _digits(n_test)
    path = pathlib.Path(os.environ.get("SKSMOOTH_DATA", ""), "mnist.npz")
    if not path.exists():
        raise MissingDataError("needs mnist.npz in the folder SKSMOOTH_DATA")
    with np.load(path) as file:
        index = np.arange(0, 10_000, 10_000 // n_test)[:n_test]
        return Images(
            _scaled(file["x_train"][:n_train, None]),
            file["y_train"][:n_train].astype(np.int64),
            _scaled(file["x_test"][index][:, None]),
            file["y_test"][index].astype(np.int64),
            index,
            "MNIST",
        )


def _scaled(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return pixels.astype(np.float32) / np.float32(255)


def _digits(n_test: int) -> Images:
    """Return the digits of scikit-learn; their pixels go from 0 to 16, here to 255 in bytes."""
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    X = _scaled(np.rint(X.reshape(-1, 1, 8, 8) * (255 / 16)).astype(np.uint8))
    index = np.arange(1200, 1797, max(1, 597 // n_test))[:n_test]
    return Images(X[:1200], y[:1200], X[index], y[index], index, "digits of scikit-learn")


def _cifar10(options: Options, n_test: int, n_train: int | None) -> Images:
    index = np.arange(0, 10_000, 10_000 // n_test)[:n_test]
    if options.folder is None:
        from ..nets.data import MissingDataError as NoJpegs
        from ..nets.data import cifar10

        try:
            data = cifar10(n_train, n_test)
        except NoJpegs as reason:
            raise MissingDataError(f"{reason}, or --folder") from reason
        train = _scaled(data.X_train)
        name = "CIFAR-10 (JPEG)"
        return Images(train, data.y_train, data.X_test, data.y_test, data.index, name)
    from torchvision.datasets import CIFAR10

    train, test = (CIFAR10(options.folder, train=part) for part in (True, False))
    X_train, X_test = (d.data.transpose(0, 3, 1, 2) for d in (train, test))
    y_train, y_test = (np.array(d.targets) for d in (train, test))
    X_test = _scaled(X_test[index])
    return Images(
        _scaled(X_train[:n_train]), y_train[:n_train], X_test, y_test[index], index, "CIFAR-10"
    )


def _imagenet(options: Options, n_test: int) -> Images:
    """Return validation images of ImageNet, resized and cropped as the authors do."""
    if options.folder is None:
        raise MissingDataError("needs --folder with the validation images of ImageNet by class")
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import CenterCrop, Compose, Resize, ToTensor

    crop = Compose([Resize(256), CenterCrop(224), ToTensor()])
    found = ImageFolder(options.folder, transform=crop)
    n_test = min(n_test, len(found))
    index = np.arange(0, len(found), len(found) // n_test)[:n_test]
    X = np.stack([found[i][0].numpy() for i in index])
    y = np.array([found[i][1] for i in index])
    return Images(None, None, X, y, index, "ImageNet")


def log(options: Options, data: str, train: float, test: float) -> Record:
    """Return the authors' certificates by the noise of training and of testing.

    Radii tell with which alpha they were made: the paper's 0.001 is tried first, except for logs
    of which it is known that they were made with 0.01.
    """
    if options.logs is None:
        if data != "cifar10":
            raise MissingDataError(f"needs --logs with the authors' certificates of {data}")
        alpha = ALPHA_OF_LOG[test] if train == test else 0.001
        path = cifar_log(train, test)
        alphas = (alpha, 0.01)
    else:
        path, alphas = _found(options.logs, data, train, test), (0.001, 0.01)
    for alpha in alphas:
        try:
            return read_log(path, alpha=alpha)
        except ValueError:
            if alpha == alphas[-1]:
                raise
    raise AssertionError


def _found(folder: pathlib.Path, data: str, train: float, test: float) -> pathlib.Path:
    name = pathlib.Path(f"noise_{train:.2f}", "test", f"sigma_{test:.2f}")
    paths = [path for path in sorted(folder.rglob(str(name))) if path.is_file()]
    of_data = [path for path in paths if data in path.parts or data in folder.resolve().parts]
    if not of_data and data == "cifar10":  # a folder of one data set need not name it
        of_data = [path for path in paths if "imagenet" not in path.parts]
    if len(of_data) != 1:
        raise MissingDataError(
            f"needs one log {name} of {data} in the folder of --logs; it has {len(of_data)}"
        )
    return of_data[0]


def predictions(draws: int) -> Record:
    """Return the authors' predictions for ImageNet at sigma 0.25 by number of draws."""
    return read_log(log_path("predict", "imagenet", "resnet50", "noise_0.25", "test", f"N_{draws}"))
