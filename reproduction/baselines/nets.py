"""The small net, and how it is trained for each of the methods."""

import math
from collections.abc import Callable

import torch
from skorch.callbacks import LRScheduler
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import OneCycleLR

from sksmooth import SmoothedClassifier
from sksmooth.nets import ObjectiveNet
from sksmooth.objectives import GaussianAugmentation

from ..nets.data import Mnist
from .dual import dual_loss
from .lipschitz import MarginLoss

__all__ = ["SHAPE", "lipschitz_margin", "plain", "small_net", "smoothed", "wong"]

SHAPE = (1, 28, 28)
_ROWS = 128


def small_net() -> nn.Sequential:
    """Return the net of Wong and Kolter (2018) for MNIST: 16 and 32 filters, 100 dense units.

    Theirs pads images and has two kernels of size 4. Without padding, and with sizes that leave no
    remainder, every library computes the bound of its paper.
    """
    return nn.Sequential(
        nn.Conv2d(1, 16, 4, stride=2),
        nn.ReLU(),
        nn.Conv2d(16, 32, 5, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(800, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )


def smoothed(data: Mnist, sigma: float, epochs: int) -> SmoothedClassifier:
    """Train with Gaussian augmentation; return the smoothed classifier."""
    steps = epochs * math.ceil(len(data.X_train) / _ROWS)
    cycle = LRScheduler(policy=OneCycleLR, step_every="batch", max_lr=5e-3, total_steps=steps)
    net = ObjectiveNet(
        small_net,
        objective=GaussianAugmentation(),
        optimizer=torch.optim.Adam,
        batch_size=_ROWS,
        max_epochs=epochs,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[cycle],
        verbose=0,
    )
    return SmoothedClassifier(net, sigma, random_state=0).fit(data.X_train, data.y_train)


def plain(data: Mnist, epochs: int) -> nn.Sequential:
    """Train by cross entropy, undefended."""
    net = _seeded_net()
    return _train(net, data, epochs, lambda X, y, _: functional.cross_entropy(net(X), y))


def lipschitz_margin(data: Mnist, epochs: int, radius: float) -> nn.Sequential:
    """Train by the Lipschitz-margin loss; the distance grows over the first half."""
    net = _seeded_net()
    loss = MarginLoss(net, SHAPE, radius)
    return _train(net, data, epochs, lambda X, y, done: loss(X, y, min(1.0, 2 * done)))


def wong(data: Mnist, epochs: int, radius: float, n_images: int) -> nn.Sequential:
    """Train by the dual loss, on the first images; the radius grows over the first half."""
    net = _seeded_net()
    few = Mnist(
        data.X_train[:n_images], data.y_train[:n_images], data.X_test, data.y_test, data.index
    )

    def loss(X: Tensor, y: Tensor, done: float) -> Tensor:
        if done < 0.1:  # a net that knows nothing yet learns nothing from a bound
            return functional.cross_entropy(net(X), y)
        return dual_loss(net, X, y, max(0.05, radius * min(1.0, 2 * done)), projections=20)

    return _train(net, few, epochs, loss, rows=50, rate=2e-3)


def _seeded_net() -> nn.Sequential:
    torch.manual_seed(0)
    return small_net()


def _train(
    net: nn.Sequential,
    data: Mnist,
    epochs: int,
    loss: Callable[[Tensor, Tensor, float], Tensor],
    rows: int = _ROWS,
    rate: float = 5e-3,
) -> nn.Sequential:
    """Train by Adam, one cycle of the rate; the loss is told which share of it has gone by."""
    X, y = torch.from_numpy(data.X_train), torch.from_numpy(data.y_train)
    steps = epochs * math.ceil(len(X) / rows)
    optimizer = torch.optim.Adam(net.parameters())
    schedule = OneCycleLR(optimizer, max_lr=rate, total_steps=steps)
    step = 0
    for _ in range(epochs):
        for batch in torch.randperm(len(X)).split(rows):
            optimizer.zero_grad()
            loss(X[batch], y[batch], step / steps).backward()
            optimizer.step()
            schedule.step()
            step += 1
    return net
