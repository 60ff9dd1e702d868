"""Small torch modules and skorch nets for the tests; imported only where torch is installed."""

import numpy as np
import torch
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from skorch.callbacks import Callback
from torch import nn

torch.set_num_threads(1)  # the nets are small, and the tests may run side by side


class MLP(nn.Module):
    def __init__(self, n_in=2, n_out=2, hidden=16):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_in, hidden), nn.ReLU(), nn.Linear(hidden, n_out))

    def forward(self, X):
        return self.layers(X)


class FlexibleMLP(nn.Module):
    """Takes any number of features, and with `SetOutputs` of classes: the checks vary both."""

    def __init__(self, n_out=2):
        super().__init__()
        self.layers = nn.Sequential(nn.LazyLinear(32), nn.ReLU(), nn.Linear(32, n_out))

    def forward(self, X):
        return self.layers(X)


class SetOutputs(Callback):
    """Gives the module as many outputs as there are classes."""

    def __repr__(self):  # without an address, or each worker of pytest-xdist names tests anew
        return "SetOutputs()"

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        net.set_params(module__n_out=len(np.unique(y)))


class CNN(nn.Module):
    def __init__(self, n_out=10):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(4),
            nn.Flatten(),
            nn.Linear(128, n_out),
        )

    def forward(self, X):
        return self.layers(X)


class OneOutput(nn.Module):
    def __init__(self, n_in=2):
        super().__init__()
        self.layer = nn.Linear(n_in, 1)

    def forward(self, X):
        return self.layer(X)


def mlp_net(n_in=2, n_out=2, module=MLP, **options):
    options = {"max_epochs": 5, "lr": 0.1, "verbose": 0, "batch_size": 16} | options
    return NeuralNetClassifier(
        module, module__n_in=n_in, module__n_out=n_out, criterion=nn.CrossEntropyLoss, **options
    )


def cnn_net(n_out=10, **options):
    options = {"max_epochs": 2, "lr": 0.1, "verbose": 0, "batch_size": 32} | options
    return NeuralNetClassifier(CNN, module__n_out=n_out, criterion=nn.CrossEntropyLoss, **options)


class Sigmoid(OneOutput):
    def forward(self, X):
        return torch.sigmoid(super().forward(X))


def binary_net(module=OneOutput, **options):
    options = {"max_epochs": 10, "lr": 0.1, "verbose": 0, "batch_size": 16} | options
    return NeuralNetBinaryClassifier(module, **options)


def spoil(net, value=float("nan")):
    """Make a fitted net's scores NaN or infinite."""
    with torch.no_grad():
        for p in net.module_.parameters():
            p.fill_(value)
