"""What sampling needs of a model. Knows nothing of statistics or the user's labels."""

import abc
import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..noise import Noise
from ..noise.streams import GENERATORS, Purpose, block_rows

__all__ = ["Backend", "Source"]


class Backend(abc.ABC):
    """A fitted model as a function from noisy batches to outputs.

    The outputs of a classifier are votes: class codes from 0 to ``n_classes - 1``, or
    ``n_classes``, which stands for "not an answer" (scores that are NaN or infinite) and makes
    sampling fail. What is counted of outputs is a tally's business.

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
    framework : str or None
        Package of the models that it is for. Such a model cannot exist before the user has
        imported the package, so that the backend's module is loaded only then.
    wants_float32 : bool
        Whether small integers, as bytes of images, become float32 in place of float64.
    trains_per_batch : bool
        Whether models are trained under noise that is fresh in every batch, by `fit_per_batch`,
        and on class codes. Others are fitted on noisy copies.
    """

    n_classes: int
    in_parallel = True
    prefer: str | None = None
    constant_shape = False
    pure = False
    framework: str | None = None
    wants_float32 = False
    trains_per_batch = False

    @classmethod
    def accepts(cls, model: Any) -> bool:
        """Whether the backend is for this model, the one at the end of Pipelines and wrappers."""
        return False

    @classmethod
    def of(cls, estimator: Any, answers: NDArray[Any], frame: Any = None) -> "Backend":
        """Return what asks an estimator as its ``predict`` answers; see `get_backend`."""
        raise TypeError(f"{cls.__name__} is in no registry")

    @classmethod
    def versions(cls) -> dict[str, str]:
        """Return the versions of packages on which answers depend, beside scikit-learn's own."""
        return {}

    @classmethod
    def n_outputs(cls, estimator: Any, X: NDArray[np.floating], frame: Any = None) -> int | None:
        """Return how many classes a trained model tells apart by number; None if by label."""
        return None

    @classmethod
    def fit_per_batch(cls, estimator: Any, X: Any, y: NDArray[Any], **options: Any) -> Any:
        """Train a model in place under fresh noise, if `trains_per_batch`."""
        raise TypeError(f"{cls.__name__} trains no models")

    @classmethod
    @contextlib.contextmanager
    def fitting(cls, estimator: Any, seed: bytes, *, reproducible: bool) -> Iterator[None]:
        """Context around the ``fit`` of something that holds a model of this kind."""
        yield

    @classmethod
    def warn_before_fit(cls, estimator: Any) -> None:
        """Warn if ``fit``, which fits a clone, will not do what an estimator's state suggests."""
        return

    def warn_of_noise(self, deviations: NDArray[np.float64]) -> None:
        """Warn if the model was made for noise of other standard deviations than these."""
        return

    def in_form(self, names: Sequence[str], probes: Any) -> "Backend | None":
        """Return the model in a form that runs faster; None if it has none."""
        return None

    @abc.abstractmethod
    def batch_rows(self, row: NDArray[np.floating]) -> int:
        """Batch length that suits the model, for rows like this one."""

    def classify(self, batch: Any) -> Any:
        """Return votes of shape (len(batch),), as an array of the backend's own kind."""
        raise TypeError(f"{type(self).__name__} is of no classifier: it gives no votes")

    def outputs(self, batch: Any) -> Any:
        """Return what the model answers to a batch, for a tally: votes, unless overridden."""
        return self.classify(batch)

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

    def counters(self, n_rows: int, n_bins: int) -> Any:
        """Return counters at 0, of shape (n_rows, n_bins)."""
        return np.zeros((n_rows, n_bins), dtype=np.int64)

    def count(self, counters: Any, bins: Any, rows: NDArray[np.int64]) -> None:
        """Add one in each of `bins`, in place; `rows` names the row of each, in rising order."""
        first, last = int(rows[0]), int(rows[-1])
        width = counters.shape[1]
        flat = np.bincount((rows - first) * width + bins, minlength=(last - first + 1) * width)
        counters[first : last + 1] += flat.reshape(-1, width)

    def to_numpy(self, counters: Any) -> NDArray[np.int64]:
        """Return counters as a numpy array."""
        return counters


class Source:
    """Makes noisy rows where they are needed.

    Parameters
    ----------
    noise : Noise
        What to draw.
    stream : str
        Name of the generator of random bits, among `sksmooth.noise.streams.GENERATORS`.
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
