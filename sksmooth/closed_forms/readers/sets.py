"""Questions about sets of categories, as comparisons of the numbers that stand for them."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .ensemble import Tree

__all__ = ["Question", "whole_numbers", "with_questions"]


class Question(NamedTuple):
    """A node that sends its input to a child by the piece of the axis that it lies in.

    Attributes
    ----------
    node : int
        The node.
    points : ndarray of shape (n_points,)
        Upper ends of all pieces but the last one, ascending; they are in the piece.
    goals : ndarray of shape (n_points + 1,), int
        The node that follows for each piece.
    missing : int
        The node that follows for a missing input.
    """

    node: int
    points: NDArray[np.float64]
    goals: NDArray[np.intp]
    missing: int


def whole_numbers(n: int) -> NDArray[np.float64]:
    """Return the last float64 below each of the numbers 0, 1, ..., n - 1."""
    return np.nextafter(np.arange(n, dtype=np.float64), -np.inf)


def with_questions(tree: Tree, questions: Iterable[Question]) -> Tree:
    """Return a tree with comparisons in place of some nodes.

    Such a node is one that no number passes to the right, for missing inputs. Behind it there is a
    comparison for each end of a run of pieces that go the same way.
    """
    feature, point, left, right, missing = (part.tolist() for part in tree[:5])
    for node, points, goals, other in questions:
        ends = np.flatnonzero(goals[1:] != goals[:-1])
        first = len(feature)
        chain = [*(first + np.arange(len(ends))).tolist(), int(goals[-1])]
        feature += [feature[node]] * len(ends)
        point += points[ends].tolist()
        left += goals[ends].tolist()
        right += chain[1:]
        missing += [False] * len(ends)
        point[node], left[node], right[node], missing[node] = np.inf, chain[0], int(other), False
    more = len(feature) - len(tree.feature)
    return Tree(
        np.array(feature, dtype=np.intp),
        np.array(point, dtype=np.float64),
        np.array(left, dtype=np.intp),
        np.array(right, dtype=np.intp),
        np.array(missing, dtype=bool),
        np.concatenate([tree.values, np.zeros((more, tree.values.shape[1]))]),
    )
