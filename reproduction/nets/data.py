"""MNIST and CIFAR-10, and which of their test images are certified."""

import dataclasses
import io
import os
import pathlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cifar", "MissingDataError", "Mnist", "cifar10", "mnist"]


class MissingDataError(Exception):
    """Raised if an experiment needs data, or a device, that is not at hand; says which."""


@dataclasses.dataclass(frozen=True)
class Mnist:
    """All training images, and some of the test images with their numbers."""

    X_train: NDArray[np.float32]
    y_train: NDArray[np.int64]
    X_test: NDArray[np.float32]
    y_test: NDArray[np.int64]
    index: NDArray[np.int64]


@dataclasses.dataclass(frozen=True)
class Cifar:
    """Training images in bytes, and test images in [0, 1] with their numbers; channels first."""

    X_train: NDArray[np.uint8]
    y_train: NDArray[np.int64]
    X_test: NDArray[np.float32]
    y_test: NDArray[np.int64]
    index: NDArray[np.int64]


def cifar10(n_train: int | None, n_test: int) -> Cifar:
    """Return CIFAR-10 from JPEG files: the first training images, test images at equal distances.

    The images of these files are shuffled, and not quite those of the original data set.
    """
    X_train, y_train = _jpegs("cifar10_train_jpeg.npz", lambda n: np.arange(n)[:n_train])
    index = np.arange(0, 10_000, 10_000 // n_test)[:n_test]
    X_test, y_test = _jpegs("cifar10_test_jpeg.npz", lambda n: index)
    return Cifar(X_train, y_train, X_test.astype(np.float32) / np.float32(255), y_test, index)


def _jpegs(name: str, choose: Any) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    from PIL import Image

    with np.load(_path(name)) as file:
        content, ends, labels = file["bytes"], file["offsets"], file["labels"]
    chosen = choose(len(labels))
    images = np.empty((len(chosen), 32, 32, 3), dtype=np.uint8)
    for place, i in enumerate(chosen):
        images[place] = Image.open(io.BytesIO(content[ends[i] : ends[i + 1]].tobytes()))
    return images.transpose(0, 3, 1, 2).copy(), labels[chosen].astype(np.int64)


def _path(name: str) -> pathlib.Path:
    folder = os.environ.get("SKSMOOTH_DATA")
    if folder is None or not (path := pathlib.Path(folder, name)).exists():
        raise MissingDataError(f"needs {name} in the folder named by SKSMOOTH_DATA")
    return path


def mnist(quick: bool, every: int = 20) -> Mnist:
    """Return MNIST with every 20th test image; for a quick look, a hundredth of it."""
    train, every = (slice(600), 500) if quick else (slice(None), every)
    with np.load(_path("mnist.npz")) as file:
        index = np.arange(0, len(file["x_test"]), every)
        return Mnist(
            _images(file["x_train"][train]),
            file["y_train"][train].astype(np.int64),
            _images(file["x_test"][index]),
            file["y_test"][index].astype(np.int64),
            index,
        )


def _images(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    return pixels[:, None].astype(np.float32) / np.float32(255)
