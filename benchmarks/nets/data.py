"""MNIST, as bytes divided by 255, and which of its test images are certified."""

import dataclasses
import os
import pathlib

import numpy as np
from numpy.typing import NDArray

__all__ = ["MissingDataError", "Mnist", "mnist"]


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


def mnist(quick: bool, every: int = 20) -> Mnist:
    """Return MNIST with every 20th test image; for a quick look, a hundredth of it."""
    folder = os.environ.get("SKSMOOTH_DATA")
    if folder is None or not (path := pathlib.Path(folder, "mnist.npz")).exists():
        raise MissingDataError("needs mnist.npz in the folder named by SKSMOOTH_DATA")
    train, every = (slice(600), 500) if quick else (slice(None), every)
    with np.load(path) as file:
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
