"""Hands out calls to joblib's workers, whatever they are, and the model to each worker once.

Threads share the model. For processes it is pickled once per call, here, and named by a hash of
its bytes; a worker keeps the last one that it unpickled. A model that has changed has another
name, so that none is ever asked in place of another.

This module knows nothing of models, noise or votes.
"""

import dataclasses
import hashlib
import pickle
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from joblib.parallel import get_active_backend
from numpy.typing import NDArray
from sklearn import config_context, get_config
from sklearn.utils.parallel import Parallel, delayed

try:  # joblib's own pickler: before version 1.6 it had a copy, since then it requires the package
    from joblib.externals import cloudpickle
except ImportError:
    import cloudpickle

__all__ = ["Parcel", "hand_out", "pack", "unpack"]

# Arrays of at least as many bytes travel beside the pickle: joblib's processes on one machine then
# share them, as files that are only read. Smaller ones are not worth a file each.
_APART = 2**24

# Each thread has its own copy: nobody has promised that a model may be asked by two at once.
_kept = threading.local()
_sent: tuple[Any, bytes, Any] | None = None  # dask client, digest, and what dask holds


@dataclasses.dataclass(frozen=True, eq=False)
class Parcel:
    """A pickled object.

    Parameters
    ----------
    digest : bytes
        Hash of the content: its name.
    content : ndarray of uint8
        The pickle. An array, because joblib writes large ones to a file once, not into each task.
    arrays : tuple of ndarray of uint8
        Memory of the object's largest arrays.
    """

    digest: bytes
    content: NDArray[np.uint8]
    arrays: tuple[NDArray[np.uint8], ...]


def pack(model: Any) -> Parcel:
    """Pickle an object for other processes, by cloudpickle: its class may be a notebook's.

    Raises
    ------
    pickle.PicklingError
        If it cannot be pickled.
    """
    arrays: list[NDArray[np.uint8]] = []

    def stays(buffer: pickle.PickleBuffer) -> bool:
        memory = buffer.raw()
        if memory.nbytes >= _APART:
            arrays.append(np.frombuffer(memory, dtype=np.uint8))
        return memory.nbytes < _APART

    try:
        content = cloudpickle.dumps(model, protocol=5, buffer_callback=stays)
    except Exception as error:  # whatever the model's own methods raise
        raise pickle.PicklingError(
            f"The base estimator cannot be pickled, as it must be for workers that are processes: "
            f"{type(error).__name__}: {error}. Use threads, "
            "joblib.parallel_config(backend='threading'), or no workers, n_jobs=1."
        ) from error
    digest = hashlib.blake2b(content)
    for array in arrays:
        digest.update(len(array).to_bytes(8, "little"))
        digest.update(array.data)
    return Parcel(digest.digest(), np.frombuffer(content, dtype=np.uint8), tuple(arrays))


def unpack(parcel: Parcel) -> Any:
    """Return the object of a parcel: the one that this thread has kept, if it is the same."""
    kept = getattr(_kept, "latest", None)
    if kept is not None and kept[0] == parcel.digest:
        return kept[1]
    _kept.latest = kept = None  # first, because there may not be room for two
    try:
        model = pickle.loads(parcel.content.data, buffers=parcel.arrays)
    except Exception as error:
        raise RuntimeError(
            f"A worker cannot load the base estimator: {type(error).__name__}: {error}. Workers "
            "need the packages and modules that it was made with, in the same versions."
        ) from error
    _kept.latest = parcel.digest, model
    return model


def hand_out(
    function: Callable[..., Any],
    model: Any,
    calls: Iterable[tuple[Any, ...]],
    *,
    n_jobs: int | None,
    prefer: str | None,
    in_order: bool,
) -> Iterator[Any]:
    """Yield the results of ``function(model, *call)`` for each call, from joblib's workers.

    Parameters
    ----------
    function : callable
        Of a module, so that workers find it.
    model : object
        What all calls need.
    calls : iterable of tuple
        Further arguments of each call.
    n_jobs, prefer
        As of ``joblib.Parallel``.
    in_order : bool
        Whether results may wait for each other. Not every backend hands them over as they come.

    Raises
    ------
    pickle.PicklingError
        If the model must be pickled and cannot be.
    """
    active, _ = get_active_backend(prefer=prefer)
    if getattr(active, "supports_sharedmem", False):
        there = model
    else:
        there = pack(model)
        if _is_dask(active):
            yield from _on_dask(active, function, there, calls)
            return
    return_as = "list" if in_order else "generator_unordered"
    parallel = Parallel(n_jobs=n_jobs, prefer=prefer, return_as=return_as)
    yield from parallel(delayed(_call)(function, there, call) for call in calls)


def _call(function: Callable[..., Any], there: Any, call: tuple[Any, ...]) -> Any:
    return function(unpack(there) if isinstance(there, Parcel) else there, *call)


def _is_dask(active: Any) -> bool:
    if "distributed" not in sys.modules:
        return False
    import distributed

    return isinstance(getattr(active, "client", None), distributed.Client)


def _on_dask(
    active: Any, function: Callable[..., Any], parcel: Parcel, calls: Iterable[tuple[Any, ...]]
) -> Iterator[Any]:
    """Yield results from the cluster of joblib's dask backend, through its client.

    joblib's own way waits for ever for a task that dask has given up (it is only told of tasks
    that end), and lays large arguments on one worker each, with which they die.
    """
    import distributed

    client = active.client
    held = _hold(client, parcel)
    with warnings.catch_warnings():
        # each task takes its own rows along, once; dask would have them sent beforehand
        warnings.filterwarnings("ignore", message="Sending large graph")
        options = {"pure": False, **active.submit_kwargs}
        futures = [
            client.submit(_call_on_dask, get_config(), function, held, call, **options)
            for call in calls
        ]
    try:
        with active.retrieval_context():  # a task that waits for others makes room for them
            for future in distributed.as_completed(futures):
                yield future.result()
    except distributed.CancelledError as error:
        raise RuntimeError(
            "The dask cluster has lost the work: all workers that held the model have died, or it "
            f"was cancelled. Nothing is certified. Look into the workers' logs. ({error})"
        ) from error
    finally:
        for future in futures:  # whatever still runs is not waited for any more
            future.release()


def _call_on_dask(
    config: dict[str, Any], function: Callable[..., Any], parcel: Parcel, call: tuple[Any, ...]
) -> Any:
    with config_context(**config):  # as scikit-learn's Parallel does
        return _call(function, parcel, call)


def _hold(client: Any, parcel: Parcel) -> Any:
    """Return dask's name of a parcel that all workers have got; it is sent unless they have it."""
    global _sent
    last = _sent
    if last is not None and last[:2] == (client, parcel.digest) and last[2].status == "finished":
        return last[2]
    _sent = last = None  # first, because there may not be room for two
    # hash=False: dask's own name would outlive data that was lost
    held = client.scatter(parcel, broadcast=True, hash=False)
    _sent = client, parcel.digest, held
    return held
