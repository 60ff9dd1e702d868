"""What sampling needs of a model. Knows nothing of statistics or the user's labels."""

import abc
import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from ..noise import Noise
from ..streams import GENERATORS, Purpose, block_rows

__all__ = ["Backend", "Source", "is_frozen", "unwrap"]


class Backend(abc.ABC):
    """A fitted classifier as a function from noisy batches to votes.

    A vote is a class code from 0 to ``n_classes - 1``, or ``n_classes``, which stands for "not an
    answer" (scores that are NaN or infinite) and makes sampling fail.

    Attributes
    ----------
    n_classes : int
        Number of classes.
    in_parallel : bool
        Whether several workers may share the work.
    prefer : str or None
        Workers to use where the user has not chosen: "threads" where they run side by side.
    constant_shape : bool
        Whether batches should have few different lengths, because the framework compiles code for
        each.
    pure : bool
        Whether it is code of this library alone: a function of each row, which keeps nothing and
        may be asked by several threads at once.
    """

    n_classes: int
    in_parallel = True
    prefer: str | None = None
    constant_shape = False
    pure = False

    @abc.abstractmethod
    def batch_rows(self, row: NDArray[np.floating]) -> int:
        """Batch length that suits the model, for rows like this one."""

    @abc.abstractmethod
    def classify(self, batch: Any) -> Any:
        """Return votes of shape (len(batch),), as an array of the backend's own kind."""

    def gaps(self, batch: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return by how much the best class's probability exceeds the next one's, where known."""
        return np.full(len(batch), np.inf)

    def source(self, noise: Noise, stream: str) -> "Source":
        """Return where noisy rows come from: the processor, if the backend has no better place."""
        return Source(noise, stream)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Context around all calls of `classify`, by whatever workers."""
        yield

    def zeros(self, n_rows: int) -> Any:
        """Return an empty tally of shape (n_rows, n_classes + 1)."""
        return np.zeros((n_rows, self.n_classes + 1), dtype=np.int64)

    def add_votes(self, tally: Any, votes: Any, rows: NDArray[np.int64]) -> None:
        """Count `votes` into `tally`, in place; `rows` names the row of each, in rising order."""
        first, last = int(rows[0]), int(rows[-1])
        width = self.n_classes + 1
        flat = np.bincount((rows - first) * width + votes, minlength=(last - first + 1) * width)
        tally[first : last + 1] += flat.reshape(-1, width)

    def to_numpy(self, tally: Any) -> NDArray[np.int64]:
        """Return the tally as a numpy array."""
        return tally


class Source:
    """Makes noisy rows where they are needed.

    Parameters
    ----------
    noise : Noise
        What to draw.
    stream : str
        Name of the generator of random bits, among `sksmooth.streams.GENERATORS`.
    """

    def __init__(self, noise: Noise, stream: str) -> None:
        self.noise = noise
        self.streams = GENERATORS[stream]()
        self._perturb: Any = None

    def empty(self, n: int, like: NDArray[np.floating]) -> Any:
        """Return room for n rows of the shape and precision of the rows `like`."""
        return np.empty((n, *like.shape[1:]), dtype=like.dtype)

    def prepare(self, row: NDArray[np.floating]) -> None:
        """Name the row around which to draw from now on."""
        self._perturb = self.noise.around(row)

    def fill(self, key: NDArray[np.uint64], block: int, purpose: Purpose, out: Any) -> None:
        """Fill `out` with the draws of a block of the row's and, if it has room, of the next."""
        size = block_rows(out[0].size)
        for number, start in enumerate(range(0, len(out), size)):
            self._perturb(self.streams.at(key, block + number, purpose), out[start : start + size])


def unwrap(estimator: Any) -> tuple[list[Any], Any]:
    """Return the transformers and the model in nested Pipelines, searches, FrozenEstimators."""
    steps: list[Any] = []
    while True:
        if isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif hasattr(estimator, "best_estimator_"):  # a fitted search
            estimator = estimator.best_estimator_
        elif isinstance(estimator, Pipeline):
            steps += [t for _, t in estimator.steps[:-1] if t is not None and t != "passthrough"]
            estimator = estimator.steps[-1][1]
        else:
            return steps, estimator


def is_frozen(estimator: Any) -> bool:
    """Whether the model at the end of nested Pipelines is trained already and must stay so."""
    while isinstance(estimator, Pipeline):
        estimator = estimator.steps[-1][1]
    return isinstance(estimator, FrozenEstimator)
