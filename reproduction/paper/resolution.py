"""Proposition 7: a classifier of averages of squares has twice the radius, and what that means."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline

from benchmarks.page import table
from sksmooth import SmoothedClassifier, metrics

from . import nets
from .output import Options, Result, new_figure
from .pooling import AveragePooling

__all__ = ["proposition7"]

_SIGMA = 0.25  # of the small images; twice as much for the large ones
_DRAWS = 2000  # for the nets of each width
_RADII = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


def proposition7(options: Options) -> Result:
    """Certify small images, and the large ones with twice the noise by the same classifier."""
    data, amount = nets.test_images(options), nets.settings(options)
    width = data.X_train.shape[2]
    X, X_test = (a.reshape(len(a), -1) for a in (data.X_train, data.X_test))
    pool = AveragePooling(width).fit(X)
    base = MLPClassifier((128,), max_iter=3 if options.quick else 10, random_state=0)
    small = SmoothedClassifier(base, _SIGMA, n_augment=2, random_state=0)
    with warnings.catch_warnings():  # few passes are enough
        warnings.simplefilter("ignore", ConvergenceWarning)
        small.fit(pool.transform(X), data.y_train)
    whole = FrozenEstimator(make_pipeline(pool, small.estimator_))  # nothing is fitted again
    large = SmoothedClassifier(whole, 2 * _SIGMA, random_state=1)
    large.fit(X[:600], data.y_train[:600])
    found = {
        f"{width // 2} x {width // 2}, sigma {_SIGMA:g}": small.certify(
            pool.transform(X_test), n=amount.n
        ),
        f"{width} x {width}, sigma {2 * _SIGMA:g}": large.certify(X_test, n=amount.n),
    }
    low, high = found.values()
    same = float(np.mean(low.labels == high.labels))
    both = ~low.abstained & ~high.abstained & (low.labels == high.labels)
    ratio = float(high.radii[both].sum() / low.radii[both].sum())
    z = _apart(low, high, both)
    scores = [
        metrics.certified_accuracy_score(data.y_test, low, radius=list(_RADII)),
        metrics.certified_accuracy_score(data.y_test, high, radius=[2 * r for r in _RADII]),
    ]
    by_width = _same_noise(options, data)
    figure, axes = new_figure(2, size=(3.6, 3))
    radius = np.linspace(0, 2, 201)
    for name, certificate in found.items():
        accuracy = metrics.certified_accuracy_score(data.y_test, certificate, radius=radius)
        axes[0].plot(radius, accuracy, label=name, linewidth=1)
    axes[0].set(xlabel="radius", ylabel="certified accuracy", ylim=(0, 1))
    axes[0].legend(fontsize="x-small")
    axes[1].plot(list(by_width), [v["accuracy"] for v in by_width.values()], "o-", label="accuracy")
    axes[1].plot(
        list(by_width),
        [v["average radius"] for v in by_width.values()],
        "s--",
        label="average radius",
    )
    axes[1].set(xlabel="width of the images, sigma 0.5", ylim=(0, None), xticks=list(by_width))
    axes[1].legend(fontsize="x-small")
    blocks = [
        f"{data.name}, {len(X_test)} test images. A multilayer perceptron f' of images of "
        f"{width // 2} x {width // 2}, trained and smoothed with sigma {_SIGMA:g}; and, without "
        f"further training, `make_pipeline(AveragePooling({width}), f')` on {width} x {width}, "
        f"smoothed with {2 * _SIGMA:g}. By Proposition 7 both have the same probabilities, and the "
        f"second twice the radii. Draws are independent, n = {amount.n:,}.",
        table(
            ["", *(f"r={r:g}" for r in _RADII)],
            [
                ["small, at r", *(f"{v:.3f}" for v in scores[0])],
                ["large, at 2 r", *(f"{v:.3f}" for v in scores[1])],
            ],
        ),
        f"Same label (or abstention) for {same:.1%} of the images; sum of radii, large over small: "
        f"{ratio:.4f}. The counts of votes of an image differ by {z[0]:.2f} standard errors in the "
        f"root of the mean of squares (1 if the probabilities are the same) and {z[1]:.1f} at "
        "most. That the law of the noise is exact, and radii double exactly for a linear f', is in "
        "tests/programs/test_paper_benchmark.py.",
        "What is gained where nets are trained for each width, all with sigma 0.5, on averages of "
        f"squares ({amount.n_train} training images, n = {min(_DRAWS, amount.n):,}):",
        table(
            ["width", "accuracy", "average certified radius"],
            [
                [w, f"{v['accuracy']:.3f}", f"{v['average radius']:.3f}"]
                for w, v in by_width.items()
            ],
        ),
    ]
    numbers: dict[str, Any] = {
        "radii": list(_RADII),
        "small": scores[0].tolist(),
        "large at twice the radius": scores[1].tolist(),
        "sum of radii, ratio": ratio,
        "z": z,
        "by width": {str(w): v for w, v in by_width.items()},
    }
    close = f"radii {ratio:.3f} times as large, same answers for {same:.1%} of images"
    title = "Proposition 7: twice the resolution, twice the radius"
    return Result(title, blocks, numbers, close, figure, ("torch", "skorch", "matplotlib"))


def _apart(low: Any, high: Any, rows: Any) -> list[float]:
    """Return root mean square and maximum of the differences in votes, in standard errors."""
    place = np.searchsorted(low.classes, low.labels[rows])
    votes = [c.counts[rows][np.arange(len(place)), place] for c in (low, high)]
    n = [c.n_draws[rows] for c in (low, high)]
    p = (votes[0] + votes[1]) / (n[0] + n[1])
    error = np.sqrt(p * (1 - p) * (1 / n[0] + 1 / n[1]))
    some = error > 0
    z = (votes[0] / n[0] - votes[1] / n[1])[some] / error[some]
    return [float(np.sqrt(np.mean(z**2))), float(np.abs(z).max())] if some.any() else [0.0, 0.0]


def _same_noise(options: Options, data: Any) -> dict[int, dict[str, float]]:
    """Return accuracy and average radius of nets for each width, all with the same noise."""
    width, sigma, found = data.X_train.shape[2], 0.5, {}
    n = min(_DRAWS, nets.settings(options).n)
    for factor in (4, 2, 1):
        side = width // factor
        if factor == 1:
            certificate = nets.smoothed(options, sigma).certify(data.X_test, n=n)
        else:
            pool = AveragePooling(width, factor)
            small = [
                pool.fit_transform(a.reshape(len(a), -1)).reshape(len(a), -1, side, side)
                for a in (data.X_train, data.X_test)
            ]
            clf = nets.trained(small[0], data.y_train, sigma, nets.settings(options).epochs)
            certificate = clf.certify(small[1], n=n)
        found[side] = {
            "accuracy": float(metrics.certified_accuracy_score(data.y_test, certificate)),
            "average radius": float(
                metrics.average_certified_radius_score(data.y_test, certificate)
            ),
        }
    return found
