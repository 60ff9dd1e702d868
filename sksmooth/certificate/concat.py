"""Certificates of several chunks of rows, put together."""

import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np

from .certificate import Certificate

__all__ = ["concatenate"]

# how votes were found may depend on the chunk: a shortcut is not taken where it would not help
_MAY_DIFFER = ("shortcut",)


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
    changes: dict[str, Any] = {}
    fields = dataclasses.fields(Certificate)
    # max_radius follows from others, which say better what is different
    for field in sorted(fields, key=lambda field: field.name == "max_radius"):
        name, values = field.name, [getattr(part, field.name) for part in parts]
        if name in Certificate._PER_ROW:
            changes[name] = np.concatenate(values)
        elif name in _MAY_DIFFER:
            names = dict.fromkeys(value for value in values if value is not None)
            changes[name] = " or ".join(names) or None
        elif not all(_same(values[0], value) for value in values):
            other = next(value for value in values if not _same(values[0], value))
            raise ValueError(
                f"Certificates with different {name} cannot be put together: {values[0]!r} and "
                f"{other!r}. Certify all rows with one classifier and the same arguments."
            )
    return dataclasses.replace(parts[0], **changes)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray):
        return one.dtype.kind == other.dtype.kind and np.array_equal(one, other)
    return bool(one == other)
