"""The main job on real data: certify handwritten digits, print the table, draw the curves.

Run as ``python -m benchmarks.demo`` (scikit-learn only) or ``python -m benchmarks.demo --torch``.
"""

import argparse
import pathlib
import time
import warnings

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

import sksmooth

RADII = [0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9]


def perceptron():
    """Return a small scikit-learn network and the shape of its rows."""
    # a fixed number of epochs; that the loss would still fall is no news
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    return MLPClassifier((128,), batch_size=500, learning_rate_init=0.005, max_iter=30), (64,)


def convolutional_net():
    """Return a small torch network, through skorch, and the shape of its rows."""
    import torch
    from skorch import NeuralNetClassifier
    from torch import nn

    class CNN(nn.Sequential):
        def __init__(self):
            super().__init__(
                nn.Conv2d(1, 16, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(16, 32, 3, stride=2, padding=1),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(32 * 4 * 4, 10),
            )

    net = NeuralNetClassifier(
        CNN,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=2e-3,
        batch_size=64,
        max_epochs=60,
        train_split=None,
        verbose=0,
        device="cuda" if torch.cuda.is_available() else "cpu",
    )
    return net, (1, 8, 8)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--torch", action="store_true", help="a small CNN instead of an MLP")
    parser.add_argument("--n", type=int, default=10_000, help="draws per row (default: 10,000)")
    parser.add_argument("--rows", type=int, default=None, help="test rows (default: all 450)")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("demo_output"))
    options = parser.parse_args()

    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    base, shape = convolutional_net() if options.torch else perceptron()
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype(np.float32).reshape(-1, *shape)  # pixels from 0 to 1
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
    X_test, y_test = X_test[: options.rows], y_test[: options.rows]
    print(f"Digits, {len(X_train)} training rows; certifying {len(X_test)} with n={options.n:,}")
    print("\nCertified accuracy: right, and no perturbation up to the L2 radius can change it.\n")
    print("| sigma |" + "".join(f" r={r:.2f} |" for r in RADII) + " ACR | abstained | seconds |")
    print("|" + "---|" * (len(RADII) + 4))
    _, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    for sigma in (0.12, 0.25, 0.5):
        clf = sksmooth.SmoothedClassifier(
            base, sigma=sigma, n_augment=20, n=options.n, n_jobs=-1, random_state=0
        )
        start = time.perf_counter()
        with threadpool_limits(1):  # for matrices as small as these, BLAS threads only wait
            clf.fit(X_train, y_train)
        certificate = clf.certify(X_test, verbose=1)
        seconds = time.perf_counter() - start
        accuracy = sksmooth.certified_accuracy_score(y_test, certificate, radius=RADII)
        acr = sksmooth.average_certified_radius_score(y_test, certificate)
        cells = "".join(f"   {a:.2f} |" for a in accuracy)
        abstained = sksmooth.abstention_rate(certificate)
        print(f"| {sigma:.2f}  |{cells} {acr:.2f} | {abstained:.3f} | {seconds:.1f} |", flush=True)
        sksmooth.CertifiedAccuracyDisplay.from_predictions(y_test, certificate, ax=ax)
    ax.set_title(f"Certified accuracy on digits, n={options.n:,}, alpha={certificate.alpha}")
    options.output.mkdir(parents=True, exist_ok=True)
    path = options.output / f"certified_accuracy{'_torch' if options.torch else ''}.png"
    plt.savefig(path, dpi=150)
    print(f"\nCurves: {path}")


if __name__ == "__main__":
    main()
