"""Every objective on two moons and on digits, beside Gaussian augmentation at the same sigma."""

import dataclasses
import pathlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits, make_moons
from sklearn.model_selection import train_test_split
from torch import nn

from benchmarks.page import Page, table
from sksmooth import SmoothedClassifier, average_certified_radius_score, certified_accuracy_score
from sksmooth.nets import ObjectiveNet
from sksmooth.objectives import (
    MACER,
    Consistency,
    GaussianAugmentation,
    Objective,
    SmoothAdv,
    SmoothMix,
    StabilityTraining,
)

__all__ = ["run"]

_TEXT = """\
Small nets, trained in `SmoothedClassifier` with `random_state` 0 to {last}, {trainings} trainings
of each, by Adam, all for as many epochs. The parameters of an objective are the best of a few, by
the average certified radius of validation rows (n = 1,000, one training); Gaussian augmentation has
none. Certified: test rows, n = {n:,}, alpha = 0.001. Radii and certified accuracies are means over
the trainings, the error that of the mean."""


@dataclasses.dataclass(frozen=True)
class _Task:
    """Data, a net for them, and how to train it."""

    name: str
    rows: Callable[[], tuple[NDArray[np.float32], NDArray[np.int64]]]
    module: Callable[[], nn.Module]
    sigma: float
    epochs: int
    batch_size: int
    radii: tuple[float, ...]
    choices: dict[str, list[Objective]]


def _moons() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    X, y = make_moons(1500, noise=0.1, random_state=0)
    return X.astype(np.float32), y


def _digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    X, y = load_digits(return_X_y=True)
    return (X / 16).reshape(-1, 1, 8, 8).astype(np.float32), y


def _dense() -> nn.Module:
    return nn.Sequential(
        nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2)
    )


def _convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(512, 64),
        nn.ReLU(),
        nn.Linear(64, 10),
    )


def _choices(epsilons: tuple[float, ...], step_size: float) -> dict[str, list[Objective]]:
    return {
        "gaussian": [GaussianAugmentation()],
        "stability": [StabilityTraining(lam=lam) for lam in (0.5, 2.0, 8.0)],
        "macer": [MACER(lam=lam) for lam in (1.0, 4.0, 16.0)],
        "consistency": [Consistency(lam=lam) for lam in (2.0, 5.0, 10.0)],
        "smoothadv": [SmoothAdv(epsilon=epsilon, m=4, steps=4) for epsilon in epsilons],
        "smoothmix": [SmoothMix(eta=eta, step_size=step_size) for eta in (1.0, 5.0)],
    }


_TASKS = (
    _Task(
        "two moons",
        _moons,
        _dense,
        sigma=0.3,
        epochs=40,
        batch_size=64,
        radii=(0.0, 0.25, 0.5, 0.75, 1.0),
        choices=_choices((0.25, 0.5), 0.1),
    ),
    _Task(
        "digits",
        _digits,
        _convolutional,
        sigma=0.5,
        epochs=30,
        batch_size=64,
        radii=(0.0, 0.25, 0.5, 0.75, 1.0),
        choices=_choices((0.25, 0.5), 0.5),
    ),
)


def _fitted(task: _Task, objective: Objective, seed: int, epochs: int, data: Any) -> Any:
    net = ObjectiveNet(
        task.module,
        objective=objective,
        optimizer=torch.optim.Adam,
        lr=0.003,
        max_epochs=epochs,
        batch_size=task.batch_size,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    return SmoothedClassifier(net, task.sigma, random_state=seed).fit(*data)


def _figures(task: _Task, clf: Any, X: Any, y: Any, n: int) -> dict[str, float]:
    certificate = clf.certify(X, n=n)
    radii = {str(r): float(certified_accuracy_score(y, certificate, radius=r)) for r in task.radii}
    return {"average radius": average_certified_radius_score(y, certificate), **radii}


def _results(task: _Task, quick: bool, trainings: int, n: int) -> dict[str, Any]:
    X, y = task.rows()
    X, X_test, y, y_test = train_test_split(X, y, test_size=1 / 3, random_state=0, stratify=y)
    X, X_valid, y, y_valid = train_test_split(X, y, test_size=1 / 4, random_state=0, stratify=y)
    epochs = 2 if quick else task.epochs
    if quick:
        X_test, y_test = X_test[:50], y_test[:50]
    results: dict[str, Any] = {}
    for name, choices in task.choices.items():
        scores = [0.0]
        if len(choices) > 1:
            scores = [
                _figures(task, _fitted(task, o, 0, epochs, (X, y)), X_valid, y_valid, 1000)[
                    "average radius"
                ]
                for o in choices
            ]
        best = choices[int(np.argmax(scores))]
        runs = [
            _figures(task, _fitted(task, best, seed, epochs, (X, y)), X_test, y_test, n)
            for seed in range(trainings)
        ]
        mean = {k: float(np.mean([run[k] for run in runs])) for k in runs[0]}
        spread = [run["average radius"] for run in runs]
        error = float(np.std(spread, ddof=1) / np.sqrt(trainings))
        results[name] = {
            "objective": " ".join(repr(best).split()),
            "standard error": error,
            "runs": runs,
            **mean,
        }
        print(f"{task.name}, {name}: {mean['average radius']:.3f} by {best}", flush=True)
    return results


def run(quick: bool, folder: pathlib.Path) -> Page:
    """Train and certify all of them."""
    trainings, n = (2, 200) if quick else (3, 10_000)
    torch.set_num_threads(1)
    blocks = [_TEXT.format(last=trainings - 1, trainings=trainings, n=n)]
    figures: dict[str, Any] = {}
    for task in _TASKS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            found = _results(task, quick, trainings, n)
        figures[task.name] = found
        plain, lines = found["gaussian"], []
        for name, line in found.items():
            better = [f"{r:g}" for r in task.radii if line[str(r)] > plain[str(r)]]
            lines.append(
                [
                    name,
                    f"{line['average radius']:.3f} ± {line['standard error']:.3f}",
                    *(f"{line[str(r)]:.3f}" for r in task.radii),
                    ", ".join(better) if name != "gaussian" else "",
                    f"`{line['objective']}`",
                ]
            )
        head = ["", "average radius", *(f"at {r:g}" for r in task.radii)]
        blocks += [
            f"## {task.name}, sigma = {task.sigma:g}",
            table([*head, "better than gaussian at", "objective"], lines),
        ]
    return Page("Nets: every objective on small data", blocks, figures, ("torch", "skorch"))
