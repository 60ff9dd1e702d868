"""Questions to a base before its votes count, asked about noisy rows.

Is it a function of one row? Does every worker answer the same? Such probes
(`sksmooth.introspection.probes`) find mistakes; they do not prove that there are none.

A difference counts only where arithmetic does not explain it. Matrix products round differently in
batches of other lengths or with another number of threads, and a row that lies within rounding of a
decision boundary may then get another answer. So a difference is put down to rounding if a small
change of the rows changes the answer too, or if the two best classes tie.

The theorem holds for a *random* base too, as long as its votes are independent. It answers the same
batch differently when it is asked again, and so does a base that keeps a state between calls: the
two cannot be told apart, so neither is refused, but nothing is proved of the second. (Only to that
one could probes matter: as sums of floating-point numbers they tell it the row.)
"""

import contextlib
import dataclasses
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray

from ..backends import Backend, unwrap
from ..introspection import answers_by_row, methods_set
from ..introspection.probes import probe_rows

__all__ = ["Trial", "refuse_batch_readers", "trial_of"]

_VALUES = 2**16  # in all probes together, unless that is fewer than 16 rows
_OVERLAP = 0.02  # seconds for which threads answer side by side; they take turns after 0.005
_SMALL = 2.0**-6  # standard deviations of the noise: a small change of a row
_CHANGES = 8
_REPEATS = 12  # a coin agrees with itself so often in both ways with probability 2 / 4**13
_TIE = 1e-12  # of two probabilities: more than the sums of a forest's trees can differ by

Ask = Callable[[NDArray[Any]], NDArray[np.int64]]


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """What a base answers here, for its copies and for other processes to be compared with.

    Parameters
    ----------
    batches : tuple of ndarray
        Noisy rows.
    votes : tuple of ndarray
        Answers to each batch.
    clear : tuple of ndarray, bool
        Which answers here are known to be far from a tie. Rounding parts a base and its copy only
        where both are close to one: a copy that has lost its scores may answer by ties alone.
    deviations : ndarray of the shape of a row
        Standard deviations of the noise.
    methods : frozenset of str
        Methods that were set on the base or inside it. A base whose pickles leave them out, as
        CatBoost's do, may answer few rows otherwise: too few to be seen in the batches.
    is_random : bool
        Whether the same batch gets other answers when it is asked again.
    """

    batches: tuple[NDArray[np.floating], ...]
    votes: tuple[NDArray[np.int64], ...]
    clear: tuple[NDArray[np.bool_], ...]
    deviations: NDArray[np.float64]
    methods: frozenset[str] = frozenset()
    is_random: bool = False

    def __call__(self, backend: Backend, turn: int | None = None) -> str | None:
        """Return how a backend answers otherwise; None if it does not.

        Threads have a turn each: they begin with different batches, and go on for a while, so that
        what one keeps where others see it is overwritten by them.
        """
        lost = self.methods - methods_set(backend)
        if lost:
            return f"it has lost {min(lost)}, which was set on the object"
        ask = _asker(backend)
        numbers = np.roll(np.arange(len(self.batches)), -(turn or 0))
        end = time.monotonic() + (0 if turn is None else _OVERLAP)
        with _as_when_votes_count():
            while True:
                for i in numbers:
                    batch, votes = self.batches[i], ask(self.batches[i])
                    wrong = votes != self.votes[i]
                    if turn is None and np.any(wrong):  # threads may disturb each other here too
                        wrong &= self.clear[i] | _firm(backend, ask, batch, votes, self.deviations)
                    if np.any(wrong):
                        return f"{np.count_nonzero(wrong)} of {len(batch)} noisy rows differ"
                if time.monotonic() >= end:
                    return None


def trial_of(
    backend: Backend, X: NDArray[np.floating], deviations: NDArray[np.float64]
) -> Trial | None:
    """Return what a base answers to noisy copies of some rows; None if it raises.

    It answers two batches of other rows and lengths: a copy that is left with what the original has
    kept of one of them answers the other falsely.
    """
    ask = _asker(backend)
    with _quietly(), _as_when_votes_count():
        rows, votes = _answered(backend, ask, X, deviations, 96, 32)
        if votes is None:
            return None
        others = rows[::-1][: len(rows) if backend.constant_shape else len(rows) // 2]
        batches, answers = (rows, others), (votes, ask(others))
        differ = ask(rows) != votes
        is_random = bool(np.any(differ) and np.any(differ & (backend.gaps(rows) > _TIE)))
        clear = tuple(_clear(backend, batch) for batch in batches)
    return Trial(batches, answers, clear, deviations, methods_set(backend), is_random)


def refuse_batch_readers(
    backend: Backend, X: NDArray[np.floating], deviations: NDArray[np.float64], estimator: Any
) -> None:
    """Refuse a base whose answer for a row depends on the other rows, or on its place among them.

    Parameters
    ----------
    backend : Backend
        Gives the base's votes.
    X : ndarray of shape (n_samples, *shape)
        Rows.
    deviations : ndarray of the shape of a row
        Standard deviations of the noise.
    estimator : fitted classifier
        The base, for the message. Unless its structure proves that it answers by row, it is asked
        again at every call, eight times if all is well: what has changed inside it is not known.

    Raises
    ------
    ValueError
        If rows get other answers alone or in small groups than in a batch, again and again.
    """
    if backend.pure or not len(X) or answers_by_row(estimator):
        return
    whole = _asker(backend)
    with backend.running(), _quietly(), _as_when_votes_count():
        few = 24 if backend.trains_per_batch else 48  # a row costs a net more than it costs others
        rows, votes = _answered(backend, whole, X, deviations, few, few)
        if votes is None:
            return
        # codes of columns without noise are no places on a line
        groups = _groups(np.where(deviations > 0, np.nan_to_num(rows), 0.0))

        def in_groups(batch: NDArray[Any]) -> NDArray[np.int64]:
            found = votes.copy()
            for group in groups:
                with contextlib.suppress(Exception):  # not every module takes a single row
                    found[group] = whole(batch[group])
            return found

        differ = _differ(backend, (whole, in_groups), rows, votes, deviations)
    if differ:
        steps, model = unwrap(estimator)
        name = " and ".join(type(part).__name__ for part in (*steps, model))
        raise ValueError(
            f"The base estimator ({name}) reads its batch: {differ} of {len(rows)} noisy rows get "
            "another answer alone or among few than among all. So its answers are not a function "
            "of one row, and no certificate would be true. Use what was learnt in fit (means, "
            "scales, running statistics) in place of what the batch to be predicted has."
        )


def _groups(rows: NDArray[np.floating]) -> list[NDArray[np.intp]]:
    """Return the numbers of rows that are asked together: a few of any, the rest of like ones.

    A base that takes means or scales from its batch finds others there: the second half of the rows
    is spread eight times as far as the first, and each half is cut in two along some line.
    """
    rng = np.random.default_rng(1)
    order = rng.permutation(len(rows))
    *few, rest = np.split(order, np.cumsum([1, 1, 3]))
    flat = rows.reshape(len(rows), -1).astype(np.float64)
    along = (flat - flat.mean(axis=0)) @ rng.standard_normal(flat.shape[1])
    rest = rest[np.argsort(along[rest])]
    is_near = rest < len(rows) // 2
    parts = [part for half in (rest[is_near], rest[~is_near]) for part in np.array_split(half, 2)]
    return [group for group in (*few, *parts) if len(group)]


def _differ(
    backend: Backend,
    ways: tuple[Ask, Ask],
    rows: NDArray[np.floating],
    votes: NDArray[np.int64],
    deviations: NDArray[np.float64],
) -> int:
    """Return how many rows are answered in one way in a batch and in another way in groups."""
    whole, in_groups = ways
    others = in_groups(rows)
    differ = votes != others
    for _ in range(_REPEATS):
        if not np.any(differ):
            return 0
        differ &= whole(rows) == votes
        differ &= in_groups(rows) == others
    for ask, before in ((whole, votes), (in_groups, others)):
        differ &= _firm(backend, ask, rows, before, deviations)
    return int(np.count_nonzero(differ))


def _clear(backend: Backend, rows: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which rows have one class that is more probable than the others, if that is known."""
    gaps = backend.gaps(rows)
    return np.isfinite(gaps) & (gaps > _TIE)


def _firm(
    backend: Backend,
    ask: Ask,
    rows: NDArray[np.floating],
    votes: NDArray[np.int64],
    deviations: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """Return which votes rounding cannot have changed: those that small changes do not change."""
    firm = backend.gaps(rows) > _TIE
    rng = np.random.default_rng(2)
    for _ in range(_CHANGES):
        change = _SMALL * deviations * rng.standard_normal(rows.shape)
        firm &= ask((rows + change).astype(rows.dtype)) == votes
    return firm


def _answered(
    backend: Backend,
    ask: Ask,
    X: NDArray[np.floating],
    deviations: NDArray[np.float64],
    near: int,
    far: int,
) -> tuple[NDArray[np.floating], NDArray[np.int64] | None]:
    """Return probes and the answers: without those far away, if it raises there; None if always."""
    most = max(16, _VALUES // X[0].size)
    if backend.constant_shape:
        most = min(most, _length(backend, X[0]))
    share = min(1.0, most / (near + far))
    rows = probe_rows(X, deviations, near=round(near * share), far=int(far * share))
    for answerable in (rows, rows[: round(near * share)]):
        with contextlib.suppress(Exception):  # it will say so when the votes are counted
            return answerable, ask(answerable)
    return rows, None


def _length(backend: Backend, row: NDArray[np.floating]) -> int:
    return 1 << (backend.batch_rows(row).bit_length() - 1)


def _asker(backend: Backend) -> Ask:
    """Return what answers batches of any length, of one that suits the backend."""

    def ask(rows: NDArray[Any]) -> NDArray[np.int64]:
        batch = rows
        if backend.constant_shape:  # filled with the same rows
            batch = rows[np.arange(_length(backend, rows[0])) % len(rows)]
        votes = backend.to_numpy(backend.classify(batch.copy()))  # it may overwrite its batch
        return np.array(votes)[: len(rows)]  # a copy: a base may use one array for all answers

    return ask


@contextlib.contextmanager
def _as_when_votes_count() -> Iterator[None]:
    """See `sksmooth.sampling.count`: the base has no workers for itself."""
    with joblib.parallel_config(backend="threading", n_jobs=1):
        yield


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Rows far away may overflow, and warn of that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
