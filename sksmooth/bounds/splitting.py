"""What the votes of all outcomes of splitting noise prove: integers, and no chance to fail."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["splitting_steps"]


def splitting_steps(votes: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    r"""Return labels and certified L1 distances of deterministic splitting noise, of one period.

    Splitting noise shows the base classifier in which cell each value of a row lies, and has m
    positions of the cells' edges, one for each step of the grid in a period. One step of one value
    changes the answer at one position at most. So at most k votes change between two rows on the
    grid whose L1 distance is k steps.

    Parameters
    ----------
    votes : array-like of int, shape (..., n_classes)
        For each row the number of positions at which the base answers each class. Of all m
        positions: the sums are alike.

    Returns
    -------
    labels : ndarray of int64, shape (...)
        Codes of the classes with the most votes; of equals the first.
    steps : ndarray of int64, shape (...)
        Number of steps of the grid. Every row on the grid within this L1 distance, the distance
        itself included, has the same label.

    Notes
    -----
    With A the label, the distance is
    :math:`\min_{c \ne A} \lfloor (n_A - n_c - [c < A]) / 2 \rfloor` [1]_. Rows that are not on the
    grid are rounded to it: the noise rounds them too, and that may move each value by half a step.

    References
    ----------
    .. [1] A. Levine and S. Feizi (2021). "Improved, Deterministic Smoothing for L1 Certified
       Robustness". ICML. arXiv:2103.10834.

    Examples
    --------
    >>> from sksmooth.bounds import splitting_steps
    >>> labels, steps = splitting_steps([[9, 1, 0], [4, 6, 0], [5, 5, 0]])
    >>> labels, steps
    (array([0, 1, 0]), array([4, 0, 0]))
    """
    given = np.asarray(votes)
    if given.dtype.kind not in "iu" or given.ndim < 1 or given.shape[-1] < 2:
        raise ValueError(
            "votes must be integers, a count for each of two classes or more in the last axis; "
            f"got {given.dtype} of shape {given.shape}."
        )
    counts = given.astype(np.int64)  # differences of short or unsigned integers would wrap
    totals = counts.sum(axis=-1)
    if np.any(counts < 0) or np.any(totals != totals.reshape(-1)[:1]):
        raise ValueError(
            "votes must be counts of all outcomes of the noise, of the same number for each row; "
            f"got rows with sums from {totals.min()} to {totals.max()}, and least count "
            f"{counts.min()}."
        )
    labels = counts.argmax(axis=-1)
    place = labels[..., None]
    most = np.take_along_axis(counts, place, axis=-1)
    classes = np.arange(counts.shape[-1])
    # an equal that comes first takes the label, so that one vote less may change
    room = (most - counts - (classes < place)) // 2
    np.put_along_axis(room, place, np.iinfo(np.int64).max, axis=-1)
    return labels.astype(np.int64), room.min(axis=-1)
