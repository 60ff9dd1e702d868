"""Hands out calls to joblib's workers, whatever they are, and the model to each worker once.

Each thread gets a copy of the model, because a model may keep things on itself while it answers.
For processes it is pickled once per call, here, and named by a hash of its bytes; a worker keeps
the last one that it unpickled. A model that has changed has another name, so that none is ever
asked in place of another.

Before a copy, or a process, is asked anything that counts, it is compared with the model here.

This module knows nothing of models, noise or votes.
"""

import dataclasses
import hashlib
import pickle
import queue
import sys
import threading
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import joblib
import numpy as np
from joblib.parallel import get_active_backend
from numpy.typing import NDArray
from sklearn import config_context, get_config
from sklearn.utils.parallel import Parallel, delayed

from ..exceptions import ModelWarning
from .copies import copy_model

try:  # joblib's own pickler: before version 1.6 it had a copy, since then it requires the package
    from joblib.externals import cloudpickle
except ImportError:
    import cloudpickle

__all__ = ["Parcel", "hand_out", "pack", "unpack"]

# Arrays of at least as many bytes travel beside the pickle: joblib's processes on one machine then
# share them, as files that are only read. Smaller ones are not worth a file each.
_APART = 2**24

Check = Callable[..., str | None]

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
    check: Check | None = None,
    is_shared: bool = False,
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
    check : callable, default=None
        ``check(model)`` says how a model differs from the one here, and returns None if it does
        not. Each worker that is a process is checked once. Threads are checked all at once, each by
        ``check(model, turn)`` with turns from 0 on; if one fails, there are none.
    is_shared : bool, default=False
        Whether threads may ask one model at once.

    Raises
    ------
    pickle.PicklingError
        If the model must be pickled and cannot be.
    RuntimeError
        If a worker that is a process differs.
    """
    calls = list(calls)
    active, _ = get_active_backend(prefer=prefer)
    ask: Callable[..., Any]
    parts: tuple[Any, ...]
    if not getattr(active, "supports_sharedmem", False):
        ask, parts = _in_process, (pack(model), function, check, uuid.uuid4().bytes)
        if _is_dask(active):
            yield from _on_dask(active, *parts, calls)
            return
    else:
        n_threads = min(joblib.effective_n_jobs(n_jobs), len(calls))
        models = [model] * n_threads if is_shared else _for_threads(model, n_threads, check, prefer)
        if models is None:
            yield from (function(model, *call) for call in calls)
            return
        ask, parts = _with_one_of, (_queue(models), function)
    parallel = Parallel(
        n_jobs=n_jobs, prefer=prefer, return_as="list" if in_order else "generator_unordered"
    )
    yield from parallel(delayed(ask)(*parts, call) for call in calls)


def _in_process(
    parcel: Parcel,
    function: Callable[..., Any],
    check: Check | None,
    name: bytes,  # of the call of `hand_out`
    call: tuple[Any, ...],
) -> Any:
    model = unpack(parcel)
    if check is not None and getattr(_kept, "checked", None) != name:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reason = _reason(check, model)
        if reason is not None:
            raise RuntimeError(
                f"A worker that is another process does not answer as this one does: {reason}. "
                "Nothing is certified. Each process has environment variables, a working "
                "directory, numpy's error handling, global variables and attributes of classes of "
                "its own. Keep what the base depends on in its attributes; or use threads, "
                "joblib.parallel_config(backend='threading'), or no workers, n_jobs=1. Workers "
                "that are older than a change need a new start."
            )
        _kept.checked = name
    return function(model, *call)


def _reason(check: Check, *args: Any) -> str | None:
    try:
        return check(*args)
    except Exception as error:  # here it has answered
        return f"{type(error).__name__}: {error}"


def _for_threads(model: Any, n: int, check: Check | None, prefer: str | None) -> list[Any] | None:
    """Return the model and copies of it, n together; None, and a warning, if they do not do."""
    reasons: list[str | None] = []
    try:
        models = [model, *(copy_model(model) for _ in range(n - 1))]
    except pickle.PicklingError as error:
        reasons = [f"it cannot be copied ({error})"]
    else:
        if check is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                reasons = Parallel(n_jobs=n, prefer=prefer)(
                    delayed(_reason)(check, each, turn) for turn, each in enumerate(models)
                )
            reasons = [
                f"copies of it, asked side by side, do not answer as it does alone ({reason})"
                for reason in reasons
                if reason is not None
            ]
    if not any(reasons):
        return models
    warnings.warn(
        f"The base estimator is asked by one thread only, as with n_jobs=1: {reasons[0]}.",
        ModelWarning,
        stacklevel=2,
    )
    return None


def _queue(things: list[Any]) -> "queue.SimpleQueue[Any]":
    free: queue.SimpleQueue[Any] = queue.SimpleQueue()
    for each in things:
        free.put(each)
    return free


def _with_one_of(
    free: "queue.SimpleQueue[Any]", function: Callable[..., Any], call: tuple[Any, ...]
) -> Any:
    model = free.get()
    try:
        return function(model, *call)
    finally:
        free.put(model)


def _is_dask(active: Any) -> bool:
    if "distributed" not in sys.modules:
        return False
    import distributed

    return isinstance(getattr(active, "client", None), distributed.Client)


def _on_dask(
    active: Any,
    parcel: Parcel,
    function: Callable[..., Any],
    check: Check | None,
    name: bytes,
    calls: list[tuple[Any, ...]],
) -> Iterator[Any]:
    """Yield results from the cluster of joblib's dask backend, through its client.

    joblib's own way waits for ever for a task that dask has given up (it is only told of tasks
    that end), and lays large arguments on one worker each, with which they die.
    """
    import dask
    import distributed

    client = active.client
    # dask does the work of a dead worker again; what it cannot do again is data that died with it
    n_more = int(dask.config.get("distributed.scheduler.allowed-failures"))
    left = calls
    with active.retrieval_context():  # a task that waits for others makes room for them
        while left:
            held = _hold(client, parcel, again=left is not calls)
            with warnings.catch_warnings():
                # each task takes its own rows along, once; dask would have them sent beforehand
                warnings.filterwarnings("ignore", message="Sending large graph")
                options = {"pure": False, **active.submit_kwargs}
                parts = get_config(), held, function, check, name
                futures = {client.submit(_call_on_dask, *parts, c, **options): c for c in left}
            try:
                for future in distributed.as_completed(list(futures)):
                    result = future.result()
                    del futures[future]
                    yield result
            except distributed.CancelledError as error:
                if not n_more or not _has_lost(client, held):
                    raise RuntimeError(
                        "The dask cluster has lost the work: all workers that held the model have "
                        "died, or it was cancelled. Nothing is certified. Look into the workers' "
                        f"logs. ({error})"
                    ) from error
                n_more -= 1
            finally:
                for future in futures:  # whatever still runs is not waited for any more
                    future.release()
            left = list(futures.values())


def _has_lost(client: Any, held: Any) -> bool:
    """Return whether no worker has the data any more, as far as there is a cluster to say so."""
    import distributed

    try:
        return client.status == "running" and not any(client.who_has([held]).values())
    except distributed.CancelledError:  # it has been told so
        return True


def _call_on_dask(config: dict[str, Any], *parts: Any) -> Any:
    with config_context(**config):  # as scikit-learn's Parallel does
        return _in_process(*parts)


def _hold(client: Any, parcel: Parcel, again: bool) -> Any:
    """Return dask's name of a parcel that all workers have got; it is sent unless they have it."""
    global _sent
    last = None if again else _sent
    if last is not None and last[:2] == (client, parcel.digest) and last[2].status == "finished":
        return last[2]
    _sent = last = None  # first, because there may not be room for two
    # hash=False: dask's own name would outlive data that was lost
    held = client.scatter(parcel, broadcast=True, hash=False)
    _sent = client, parcel.digest, held
    return held
