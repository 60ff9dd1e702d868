"""Certificates of several chunks of rows, put together."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..noise import Norm
from .certificate import Certificate
from .plan import Run

__all__ = ["concatenate", "refuse_other_norms"]


def concatenate(certificates: Iterable[Certificate]) -> Certificate:
    """Put certificates of one classifier one after another.

    Parameters
    ----------
    certificates : iterable of Certificate
        At least one; of different rows, but made by the same classifier with the same settings.

    Returns
    -------
    certificate : Certificate
        With the rows of all, in order: what one call for all the rows would have given.

    Raises
    ------
    ValueError
        If there is none, or settings differ: then a common alpha, noise or seed would be wrong for
        some of the rows.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.certificate.concat import concatenate
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.5, random_state=0).fit(X, y)
    >>> parts = [clf.certify(X[25:26], n=500), clf.certify(X[74:76], n=500)]
    >>> concatenate(parts).labels
    array([0, 1, 1])
    """
    parts = list(certificates)
    if not parts:
        raise ValueError("There are no certificates to put together.")
    if len(parts) == 1:  # in its own dtypes, to the order of bytes
        return parts[0]
    refuse_other_norms([part.noise.norm for part in parts], "put together")
    _refuse_other("classes", [part.classes for part in parts])
    per_row = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name in Certificate._PER_ROW
    }
    return dataclasses.replace(parts[0], run=_common_run([part.run for part in parts]), **per_row)


def refuse_other_norms(norms: Sequence[Norm], what: str) -> None:
    """Refuse radii that are not lengths of one kind.

    Parameters
    ----------
    norms : sequence of Norm
        Those of the certificates' noises.
    what : str
        What cannot be done with such radii, for the message.

    Raises
    ------
    ValueError
        If not all are equal, with the first that differ.
    """
    for norm in norms:
        if norm != norms[0]:
            one, other = ([str(n), *([n.scale[:5]] if n.scale else [])] for n in (norms[0], norm))
            raise ValueError(
                f"Radii in different norms or units cannot be {what}: {one} and {other}. Certify "
                "with one norm, and with the same units: units= of SmoothedClassifier as numbers, "
                "such as X_train.std(ddof=0).to_dict(), and not 'std' of different rows or a sigma "
                "for each feature."
            )


def _common_run(runs: list[Run]) -> Run:
    """Return what is true of all runs."""
    names = [field.name for field in dataclasses.fields(Run) if field.name != "shortcut"]
    # max_radius follows from others, which say better what is different
    for name in sorted(names, key=lambda name: name == "max_radius"):
        _refuse_other(name, [getattr(run, name) for run in runs])
    # how votes were found may depend on the chunk: a shortcut is not taken where it would not help
    shortcuts = dict.fromkeys(run.shortcut for run in runs if run.shortcut is not None)
    return dataclasses.replace(runs[0], shortcut=" or ".join(shortcuts) or None)


def _refuse_other(name: str, values: list[Any]) -> None:
    """Refuse settings that are not all the same."""
    for value in values:
        if not _same(values[0], value):
            raise ValueError(
                f"Certificates with different {name} cannot be put together: {values[0]!r} and "
                f"{value!r}. Certify all rows with one classifier and the same arguments."
            )


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype.kind == other.dtype.kind and np.array_equal(one, other)
    return bool(one == other)
