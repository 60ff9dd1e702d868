"""Ensembles of trees as arrays: one reading, from which all forms of trees are built."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Box", "Parts", "Rule", "Tree", "TreeEnsemble"]

Ends = tuple[tuple[float, float], ...]
Box = dict[int, Ends]
Rule = Literal["sum", "mean", "predict"]

_NOTHING = np.zeros(0)


class Tree(NamedTuple):
    """One tree; its first node is the root. Leaves are their own children.

    Attributes
    ----------
    feature : ndarray of shape (n_nodes,), int
        Input that each node compares.
    point : ndarray of shape (n_nodes,), float64
        A row goes left if its input is at most this, in float64, and a number.
    left, right : ndarray of shape (n_nodes,), int
        Children. Several nodes may share a child.
    missing_left : ndarray of shape (n_nodes,), bool
        Where a missing input goes.
    values : ndarray of shape (n_nodes, n_scores), float64
        What a leaf adds to the scores.
    """

    feature: NDArray[np.intp]
    point: NDArray[np.float64]
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    missing_left: NDArray[np.bool_]
    values: NDArray[np.float64]


class Parts(NamedTuple):
    """What a reader finds in a model; attributes as those of `TreeEnsemble`.

    The trees may be made one by one: a short look asks for the first few only.
    """

    trees: Iterable[Tree]
    rule: Rule
    offsets: NDArray[np.float64] = _NOTHING
    errors: NDArray[np.float64] | None = None
    low: float = 0.0
    high: float = 0.0
    any_order: bool = False


@dataclasses.dataclass(frozen=True)
class TreeEnsemble:
    """All trees of a fitted classifier or regressor, their nodes one after the other.

    The model is constant where all comparisons come out the same, whatever its rule is.

    Attributes
    ----------
    feature, point, left, right, missing_left, values : ndarray of shape (n_nodes, ...)
        As in `Tree`, with nodes counted through all trees.
    roots : ndarray of shape (n_trees,), int
        First node of each tree.
    rule : {"sum", "mean", "predict"}
        "sum": the model answers by the sums of its trees' values and `offsets`. Of two classes and
        one score, a high score speaks for the second; else the largest score wins; without classes,
        the one score is the answer. "mean": the largest score wins, too, and probabilities are the
        mean of the trees' values, scaled to sum to 1.
        "predict": `values` are nothing, only the model's ``predict`` knows its answers.
    offsets : ndarray of shape (n_scores,)
        What is added to the sums.
    errors : ndarray of shape (n_scores,)
        By how much the model's own scores may differ from these sums, besides what float64
        rounds in adding the values up in any order.
    low, high : float
        The second of two classes wins for certain above `high`, the first below `low`; of more
        classes, one that leads by more than `high`.
    any_order : bool
        Whether the model adds in an order that may differ from call to call.
    n_inputs : int
        Number of inputs of the model.
    n_classes : int
        Number of classes; 0 for a regressor.
    """

    feature: NDArray[np.intp]
    point: NDArray[np.float64]
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    missing_left: NDArray[np.bool_]
    values: NDArray[np.float64]
    roots: NDArray[np.intp]
    rule: Rule
    offsets: NDArray[np.float64]
    errors: NDArray[np.float64]
    low: float
    high: float
    any_order: bool
    n_inputs: int
    n_classes: int

    @classmethod
    def of(cls, parts: Parts, n_inputs: int, n_classes: int) -> "TreeEnsemble":
        """Put the trees of a model one after the other."""
        trees = list(parts.trees)
        counts = np.array([len(tree.feature) for tree in trees], dtype=np.intp)
        roots = np.cumsum(counts) - counts
        n_scores = len(parts.offsets)
        nothing = _tree_of_no_nodes(n_scores)
        joined = Tree(*(np.concatenate(arrays) for arrays in zip(nothing, *trees, strict=True)))
        first = np.repeat(roots, counts)
        joined = joined._replace(left=joined.left + first, right=joined.right + first)
        errors = np.zeros(n_scores) if parts.errors is None else parts.errors
        said = parts._replace(errors=errors)._asdict()
        del said["trees"]
        return cls(*joined, roots=roots, n_inputs=n_inputs, n_classes=n_classes, **said)

    def without(self, gaps: NDArray[np.bool_]) -> "TreeEnsemble":
        """Return the ensemble as it is where some inputs are missing: it compares these no more."""
        return self._skipping(gaps, self.missing_left)

    def at(self, known: NDArray[np.bool_], values: NDArray[np.float64]) -> "TreeEnsemble":
        """Return the ensemble as it is where some inputs have given values."""
        return self._skipping(known, values[self.feature] <= self.point)

    def with_inputs(self, kept: NDArray[np.bool_]) -> "TreeEnsemble":
        """Return arrays that list comparisons with some inputs only; no answers are left."""
        itself = np.arange(len(self.left))
        gone = ~kept[self.feature]
        left, right = (np.where(gone, itself, child) for child in (self.left, self.right))
        return dataclasses.replace(self, left=left, right=right)

    @property
    def trees(self) -> Iterator[Tree]:
        """The trees one by one."""
        ends = [*self.roots[1:].tolist(), len(self.left)]
        for start, end in zip(self.roots.tolist(), ends, strict=True):
            own = slice(start, end)
            left, right = self.left[own] - start, self.right[own] - start
            point, missing_left = self.point[own], self.missing_left[own]
            yield Tree(self.feature[own], point, left, right, missing_left, self.values[own])

    def with_trees(self, trees: Iterable[Tree]) -> "TreeEnsemble":
        """Return the ensemble with other trees in their place."""
        parts = Parts(trees, self.rule, self.offsets)
        joined = TreeEnsemble.of(parts, self.n_inputs, self.n_classes)
        names = (*Tree._fields, "roots")
        return dataclasses.replace(self, **{name: getattr(joined, name) for name in names})

    def _skipping(self, inputs: NDArray[np.bool_], to_left: NDArray[np.bool_]) -> "TreeEnsemble":
        """Return the ensemble without the nodes that compare some inputs, going on at a child."""
        inner = ~self.leaf
        skipped = inner & inputs[self.feature]
        if not skipped.any():
            return self
        onward = np.where(to_left, self.left, self.right)
        goal = np.arange(len(self.left))
        while skipped[goal].any():  # a node takes the place of those above it
            goal = np.where(skipped[goal], onward[goal], goal)
        itself = np.arange(len(goal))
        ends = ~inner[goal]
        left, right = (np.where(ends, itself, child[goal]) for child in (self.left, self.right))
        reached = np.isin(itself, self.roots)
        while True:
            more = reached.copy()
            more[left[reached]] = more[right[reached]] = True
            if np.array_equal(more, reached):
                break
            reached = more
        return dataclasses.replace(
            self,
            feature=self.feature[goal],
            point=self.point[goal],
            left=np.where(reached, left, itself),
            right=np.where(reached, right, itself),
            missing_left=self.missing_left[goal],
            values=self.values[goal],
        )

    @property
    def leaf(self) -> NDArray[np.bool_]:
        """Which nodes are leaves."""
        return self.left == np.arange(len(self.left))

    @property
    def splits(self) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """The input and the point of each comparison."""
        inner = ~self.leaf
        return self.feature[inner], self.point[inner]

    @property
    def inputs(self) -> list[NDArray[np.intp]]:
        """The inputs that each tree compares."""
        inner = ~self.leaf
        parts = zip(*(np.split(a, self.roots[1:]) for a in (self.feature, inner)), strict=True)
        return [np.unique(feature[compares]) for feature, compares in parts]

    def leaves(self) -> list[tuple[int, Box]]:
        """Return the leaves that some input reaches, and the boxes that they hold.

        Boxes have intervals for each input that is compared on the way, one or more, of which the
        upper end is in it and the lower one is not. If none is, they have all of the first input.
        """
        columns, points, lefts, rights = (
            a.tolist() for a in (self.feature, self.point, self.left, self.right)
        )
        found: list[tuple[int, Box]] = []
        everywhere: Ends = ((-np.inf, np.inf),)
        for root in self.roots.tolist():
            waiting: list[tuple[int, Box]] = [(root, {})]
            while waiting:
                node, box = waiting.pop()
                if lefts[node] == node:
                    found.append((node, box or {0: everywhere}))
                    continue
                # all questions about one input at once: several answers may lead to the same node
                column = columns[node]
                goals: dict[int, list[tuple[float, float]]] = {}
                asked = [(node, *ends) for ends in box.get(column, everywhere)]
                while asked:
                    at, low, high = asked.pop()
                    if lefts[at] == at or columns[at] != column:
                        goals.setdefault(at, []).append((low, high))
                        continue
                    if low < min(points[at], high):
                        asked.append((lefts[at], low, min(points[at], high)))
                    if max(points[at], low) < high:
                        asked.append((rights[at], max(points[at], low), high))
                waiting += [(goal, box | {column: _joined(ends)}) for goal, ends in goals.items()]
        return found


def _joined(intervals: list[tuple[float, float]]) -> Ends:
    """Return disjoint intervals in order, neighbours put together."""
    joined: list[tuple[float, float]] = []
    for low, high in sorted(intervals):
        if joined and joined[-1][1] == low:
            low = joined.pop()[0]
        joined.append((low, high))
    return tuple(joined)


def _tree_of_no_nodes(n_scores: int) -> Tree:
    number, flag = np.zeros(0, dtype=np.intp), np.zeros(0, dtype=bool)
    return Tree(number, _NOTHING, number, number, flag, np.zeros((0, n_scores)))
