"""Data sets, split and scaled, and bases for them."""

import dataclasses
import os
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

__all__ = ["BASES", "DATA", "MissingDataError", "Split", "mnist_pair"]


class MissingDataError(Exception):
    """Raised if an experiment needs data that is not at hand; says which."""


@dataclasses.dataclass(frozen=True)
class Split:
    """Rows to fit on and rows to certify, features scaled to like units."""

    X_train: NDArray[np.float64]
    X_test: NDArray[np.float64]
    y_train: NDArray[np.int64]
    y_test: NDArray[np.int64]


def _split(load: Callable[..., Any], scale: float | None = None) -> Split:
    X, y = load(return_X_y=True)
    parts = train_test_split(X, y, test_size=0.25, random_state=0, stratify=y)
    centre, unit = (0.0, scale) if scale else (parts[0].mean(axis=0), parts[0].std(axis=0))
    return Split((parts[0] - centre) / unit, (parts[1] - centre) / unit, parts[2], parts[3])


DATA: dict[str, Callable[[], Split]] = {
    "breast cancer": lambda: _split(load_breast_cancer),
    "wine": lambda: _split(load_wine),
    "iris": lambda: _split(load_iris),
    "digits": lambda: _split(load_digits, scale=16.0),
}

BASES: dict[str, Callable[[], Any]] = {
    "LogisticRegression": lambda: LogisticRegression(max_iter=2000),
    "DecisionTree": lambda: DecisionTreeClassifier(random_state=0),
    "ExtraTree": lambda: ExtraTreeClassifier(random_state=0),
    "GradientBoosting, stumps": lambda: GradientBoostingClassifier(max_depth=1, random_state=0),
    "AdaBoost, stumps": lambda: AdaBoostClassifier(n_estimators=50, random_state=0),
    "HistGradientBoosting, no interactions": lambda: HistGradientBoostingClassifier(
        interaction_cst="no_interactions", random_state=0
    ),
    "GaussianNB": GaussianNB,
    "QDA": lambda: QuadraticDiscriminantAnalysis(reg_param=0.1),
    "PCA(2), RandomForest(50)": lambda: make_pipeline(
        PCA(2), RandomForestClassifier(50, max_depth=6, random_state=0)
    ),
}


def mnist_pair(first: int, second: int) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Return train, validation and test rows of two of MNIST's digits, pixels from 0 to 1."""
    folder = os.environ.get("SKSMOOTH_DATA")
    if folder is None or not (path := pathlib.Path(folder, "mnist.npz")).exists():
        raise MissingDataError("needs mnist.npz in the folder named by SKSMOOTH_DATA")
    with np.load(path) as file:
        parts = {
            "train": (file["x_train"][:50_000], file["y_train"][:50_000]),
            "validation": (file["x_train"][50_000:], file["y_train"][50_000:]),
            "test": (file["x_test"], file["y_test"]),
        }
        return {
            name: (
                x[np.isin(y, (first, second))].reshape(-1, 784) / 255.0,
                y[np.isin(y, (first, second))],
            )
            for name, (x, y) in parts.items()
        }
