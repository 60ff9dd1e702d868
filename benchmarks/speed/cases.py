"""What is measured: fitted smoothers, the rows that they certify, and how many draws."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from skorch import NeuralNetClassifier

from sksmooth import SmoothedClassifier

from .nets import MLP, ResNet20, SmallCNN

__all__ = ["CASES", "SIGMA", "Case", "many_rows", "smoothed_net"]

SIGMA = 0.25


@dataclasses.dataclass(frozen=True)
class Case:
    """One base classifier at work.

    Parameters
    ----------
    title : str
        For the table.
    clf : SmoothedClassifier
        Fitted.
    X : ndarray of shape (n_rows, *shape)
        Rows to certify.
    n : int
        Draws per row; n0 is 100.
    batch_sizes : tuple of int
        Among which the limit takes the fastest.
    target : float, default=None
        Fraction of the limit that `certify` should reach.
    module : torch.nn.Module, default=None
        The net, if the base is one.
    """

    title: str
    clf: SmoothedClassifier
    X: NDArray[np.floating]
    n: int
    batch_sizes: tuple[int, ...]
    target: float | None = None
    module: Any = None


def forest() -> Case:
    clf, X = _on_digits(RandomForestClassifier(100))
    sizes = (1000, 4000, 10_000, 20_000)
    return Case("RandomForest, 100 trees, d=64", clf, X[:1], 100_000, sizes, target=0.85)


def many_rows(n_rows: int) -> tuple[SmoothedClassifier, NDArray[np.float64]]:
    """Return a smoothed forest and rows to certify with few draws each."""
    clf, X = _on_digits(RandomForestClassifier(100))
    return clf, X[:n_rows]


def boosting() -> Case:
    clf, X = _on_digits(HistGradientBoostingClassifier())
    sizes = (1000, 4000, 10_000, 20_000)
    return Case("HistGradientBoosting, d=64", clf, X[:1], 20_000, sizes, target=1.2)


def boosting_through_predict() -> Case:
    case = boosting()
    case.clf.set_params(shortcuts=None)
    title = f"{case.title}, shortcuts=None"
    return dataclasses.replace(case, title=title, target=0.90)


def mlp() -> Case:
    clf, X, module = smoothed_net(MLP(), (1, 28, 28))
    sizes = (100, 400, 1000, 2000)
    return Case("MLP 784-128-10", clf, X[:1], 100_000, sizes, 0.55, module)


def small_cnn() -> Case:
    clf, X, module = smoothed_net(SmallCNN(), (1, 28, 28))
    sizes = (50, 100, 200, 400, 1000)
    return Case("CNN, 2 convolutions, 1x28x28", clf, X[:1], 50_000, sizes, 0.72, module)


def resnet20() -> Case:
    clf, X, module = smoothed_net(ResNet20(), (3, 32, 32))
    return Case("ResNet-20, 3x32x32", clf, X[:2], 1000, (32, 64, 128, 400), 0.97, module)


CASES: dict[str, Callable[[], Case]] = {
    builder.__name__: builder
    for builder in (
        forest,
        boosting,
        boosting_through_predict,
        mlp,
        small_cnn,
        resnet20,
    )
}


def smoothed_net(
    module: torch.nn.Module, shape: tuple[int, ...]
) -> tuple[SmoothedClassifier, NDArray[np.float32], torch.nn.Module]:
    """Return a smoother around an untrained net, images of bytes / 255, and the net's module."""
    X = np.random.default_rng(0).integers(0, 256, (20, *shape)).astype(np.float32) / 255
    net = NeuralNetClassifier(
        module, criterion=torch.nn.CrossEntropyLoss, classes=list(range(10)), verbose=0
    ).initialize()
    clf = _smoothed(FrozenEstimator(net)).fit(X, np.arange(20) % 10)
    return clf, X, net.module_.eval()


def _on_digits(base: Any) -> tuple[SmoothedClassifier, NDArray[np.float64]]:
    X, y = load_digits(return_X_y=True)
    return _smoothed(base).fit(X / 16, y), X / 16


def _smoothed(base: Any) -> SmoothedClassifier:
    return SmoothedClassifier(base, SIGMA, method="montecarlo", n0=100, random_state=0)
