"""DeepFool (Moosavi-Dezfooli et al. 2016), as the adversarial-robustness-toolbox has it."""

import logging

import numpy as np
import torch
from art.attacks.evasion import DeepFool
from art.estimators.classification import PyTorchClassifier
from numpy.typing import NDArray
from torch import nn

__all__ = ["deepfool_distances"]


def deepfool_distances(
    net: nn.Module, X: NDArray[np.float32], n_classes: int
) -> NDArray[np.float64]:
    """Return how far DeepFool had to go for another label: infinite where it found none.

    Nothing is clipped to [0, 1]: the certificates hold for all of space, not for images alone.
    """
    logging.getLogger("art").setLevel(logging.ERROR)  # it warns of just that
    with torch.random.fork_rng():
        classifier = PyTorchClassifier(
            net, nn.CrossEntropyLoss(), X.shape[1:], n_classes, device_type="cpu"
        )
        attack = DeepFool(
            classifier, max_iter=50, epsilon=0.02, nb_grads=n_classes, batch_size=50, verbose=False
        )
        found = attack.generate(X)
    with torch.no_grad():
        before, after = (net(torch.from_numpy(x)).argmax(1).numpy() for x in (X, found))
    distance = np.linalg.norm((found.astype(np.float64) - X).reshape(len(X), -1), axis=1)
    return np.where(before != after, distance, np.inf)
