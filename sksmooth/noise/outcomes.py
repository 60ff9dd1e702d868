"""All that noise can make of a row, with exact probabilities: where it can be listed."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Outcomes", "equally_likely", "of_columns"]


@dataclasses.dataclass(frozen=True, eq=False)
class Outcomes:
    """All noisy rows that can come of a row, one after another, and how likely each is.

    The number of an outcome depends on what it shows and on what it hides alone. So where a base's
    arithmetic depends on the place in a batch, two rows that noise makes look alike still get the
    same answer.

    Parameters
    ----------
    n : int
        How many there are.
    fill : callable
        ``fill(start, out)`` fills `out`, of shape (k, *shape of a row), with the outcomes `start`
        to ``start + k - 1``.
    kinds : ndarray of shape (n,), int
        For each outcome which of `weights` is its own.
    weights : tuple of int
        Probabilities, times `total`.
    total : int
        The sum of the weights of all outcomes.
    key : bytes, default=None
        Rows whose outcomes have the same key have the same outcomes, in the same order; only their
        weights differ. None says nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.noise import DropNoise
    >>> outcomes = DropNoise.dropping([0.5, 0.75]).outcomes(np.array([1.0, 2.0]))
    >>> rows = np.empty((outcomes.n, 2))
    >>> outcomes.fill(0, rows)
    >>> rows
    array([[ 1.,  2.],
           [ 1., nan],
           [nan,  2.],
           [nan, nan]])
    >>> [weight / outcomes.total for weight in outcomes.votes(np.array([0, 0, 0, 1]), 2)]
    [0.625, 0.375]
    """

    n: int
    fill: Callable[[int, NDArray[np.floating]], None]
    kinds: NDArray[np.intp]
    weights: tuple[int, ...]
    total: int
    key: bytes | None = None

    def votes(self, answers: NDArray[np.integer], n_classes: int) -> list[int]:
        """Return the probability of each class, times `total`, exactly.

        Parameters
        ----------
        answers : ndarray of shape (n,), int
            Class code of each outcome.
        n_classes : int
            Number of classes.

        Returns
        -------
        votes : list of int
            They sum to `total`.
        """
        n_kinds = len(self.weights)
        counts = np.bincount(answers * n_kinds + self.kinds, minlength=n_classes * n_kinds)
        weights = np.array(self.weights, dtype=object)
        return [int(v) for v in counts.reshape(n_classes, n_kinds).astype(object) @ weights]


def of_columns(
    row: NDArray[np.floating],
    columns: Sequence[int],
    values: Sequence[Sequence[float]],
    own: Sequence[int],
    chances: Sequence[tuple[int, int]],
) -> Outcomes:
    """Return the outcomes of noise that treats columns independently.

    Parameters
    ----------
    row : ndarray of any shape
        The row.
    columns : sequence of int
        Places of the columns with noise in the flattened row.
    values : sequence of sequence of float
        For each of them what noise can show there.
    own : sequence of int
        For each which of these values is the row's own.
    chances : sequence of (int, int)
        For each the weight of its own value, and of every other one.

    Returns
    -------
    outcomes : Outcomes
        The last column changes fastest.
    """
    flat = row.reshape(-1) + row.dtype.type(0.0)  # rows that compare equal must look equal
    sizes = [len(each) for each in values]
    strides = [math.prod(sizes[j + 1 :]) for j in range(len(sizes))]
    shown = [np.array(each, dtype=row.dtype) for each in values]

    def fill(start: int, out: NDArray[np.floating]) -> None:
        numbers = np.arange(start, start + len(out))
        rows = out.reshape(len(out), -1)
        rows[...] = flat
        for column, each, stride in zip(columns, shown, strides, strict=True):
            rows[:, column] = each[numbers // stride % len(each)]

    # columns that are treated alike: of these it only matters how many show their own value
    groups = list(dict.fromkeys(zip(chances, sizes, strict=True)))
    members = [groups.index(group) for group in zip(chances, sizes, strict=True)]
    numbers = [members.count(group) for group in range(len(groups))]
    steps = [math.prod(n + 1 for n in numbers[g + 1 :]) for g in range(len(groups))]
    n = math.prod(sizes)
    places = np.arange(n)
    kinds = np.zeros(n, dtype=np.intp)
    for j, group in enumerate(members):
        kinds += steps[group] * (places // strides[j] % sizes[j] == own[j])
    weights = [
        math.prod(
            keep**k * other ** (many - k)
            for k, many, ((keep, other), _) in zip(kept, numbers, groups, strict=True)
        )
        for kept in itertools.product(*(range(many + 1) for many in numbers))
    ]
    total = math.prod(
        (keep + (size - 1) * other) ** many
        for many, ((keep, other), size) in zip(numbers, groups, strict=True)
    )
    still = np.delete(flat, columns)
    where = f"{row.shape} {row.dtype} {list(columns)} {sizes}".encode()
    key = b"".join([where, *(array.tobytes() for array in (still, *shown))])
    return Outcomes(n, fill, kinds, tuple(weights), total, key)


def equally_likely(n: int, fill: Callable[[int, Any], None]) -> Outcomes:
    """Return n outcomes that are equally likely."""
    return Outcomes(n, fill, np.zeros(n, dtype=np.intp), (1,), n)
