"""Certificates of several chunks of rows, put together."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np

from ..noise import Norm
from .certificate import Certificate
from .plan import Run
from .result import Result

__all__ = ["AnyResult", "concatenate", "join_parts", "refuse_other_norms", "same"]

AnyResult = TypeVar("AnyResult", bound=Result)


def concatenate(certificates: Iterable[Certificate]) -> Certificate:
    """Put certificates of one classifier one after another; see `Certificate.concatenate`."""
    parts = list(certificates)
    if not parts:
        raise ValueError("There are no certificates to put together.")
    if len(parts) == 1:  # in its own dtypes, to the order of bytes
        return parts[0]
    refuse_other_norms([part.noise.norm for part in parts], "put together")
    return join_parts(parts)


def join_parts(parts: Sequence[AnyResult]) -> AnyResult:
    """Put results of one class and one estimator one after another, at least one."""
    first = parts[0]
    for name in (*first._SHARED, "feature_names"):
        _refuse_other(name, [getattr(part, name) for part in parts])
    per_row: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in first._PER_ROW
    }
    run = _common_run([part.run for part in parts])
    return dataclasses.replace(first, run=run, index=_joined_index(parts), **per_row)


def _joined_index(parts: Sequence[Result]) -> Any:
    """Return the indices of all parts, one after another; None if one of them has none."""
    if any(part.index is None for part in parts):
        return None
    return parts[0].index.append([part.index for part in parts[1:]])


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
        replaced = [list(getattr(n, "changing", ())) for n in (norms[0], norm)]
        if all(replaced) and replaced[0] != replaced[1]:
            raise ValueError(
                f"Radii beside changes of different columns cannot be {what}: noise replaces the "
                f"values of the columns {replaced[0]} and {replaced[1]}. Give the same columns a "
                "Flip or Drop in sigma."
            )
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
    names = [f.name for f in dataclasses.fields(Run) if f.name not in ("shortcut", "model")]
    # max_radius follows from others, which say better what is different
    for name in sorted(names, key=lambda name: name == "max_radius"):
        _refuse_other(name, [getattr(run, name) for run in runs])
    # how votes were found may depend on the chunk: a shortcut is not taken where it would not help
    shortcuts = dict.fromkeys(run.shortcut for run in runs if run.shortcut is not None)
    models = {run.model for run in runs}
    return dataclasses.replace(
        runs[0],
        shortcut=" or ".join(shortcuts) or None,
        model=runs[0].model if len(models) == 1 else None,
    )


def _refuse_other(name: str, values: list[Any]) -> None:
    """Refuse settings that are not all the same."""
    for value in values:
        if not same(values[0], value):
            what = "" if name == "seed" else f": {values[0]!r} and {value!r}"
            raise ValueError(
                f"Certificates with different {name} cannot be put together{what}. Certify all "
                "rows with one classifier and the same arguments."
            )


def same(one: Any, other: Any) -> bool:
    """Return whether two values of a certificate are the same: NaN is the same as NaN."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        of_floats = one.dtype.kind == "f"
        alike = one.dtype.kind == other.dtype.kind
        return alike and np.array_equal(one, other, equal_nan=of_floats)
    for index, thing in ((one, other), (other, one)):  # of pandas, which is not ==, even to None
        if hasattr(index, "equals"):
            return bool(index.equals(thing))
    return bool(one == other)
