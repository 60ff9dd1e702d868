"""A short name for what a fitted model has learned, the same in every process and after a reload.

A pickle would not do: its bytes depend on which strings happen to be the same object, on padding
between the fields of a structured array, and, for a tensor, on its address.
"""

import functools
import hashlib
import sys
import types
from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

__all__ = ["fingerprint"]

_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented))
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, np.ufunc)


def fingerprint(*things: Any) -> str:
    """Return 32 hexadecimal digits that stand for the content of some objects.

    Parameters
    ----------
    *things : object
        Fitted models, arrays, tensors, and what consists of these. Of a class only the name counts,
        and of a skorch net what its answers depend on: not its history, say, or its optimizer.

    Returns
    -------
    digest : str
        Equal for equal content; different otherwise, as far as anybody knows how to tell.

    Raises
    ------
    ValueError
        If there is something inside that cannot be taken apart, such as an open file.

    Examples
    --------
    >>> import pickle
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sksmooth.fingerprint import fingerprint
    >>> tree = DecisionTreeClassifier(random_state=0).fit(*load_iris(return_X_y=True))
    >>> fingerprint(tree) == fingerprint(pickle.loads(pickle.dumps(tree)))
    True
    >>> fingerprint(tree) == fingerprint(tree.set_params(criterion="entropy"))
    False
    """
    return _Reader().digest(things).hex()


class _Reader:
    """Takes objects apart as pickle does, down to values that can be hashed."""

    def __init__(self) -> None:
        self._known: dict[int, bytes] = {}
        self._open: dict[int, int] = {}  # objects that are being read, by their depth
        self._kept: list[Any] = []  # or another object could get the address of one that is gone

    def digest(self, thing: Any) -> bytes:
        """Return the hash of one object."""
        if type(thing) in _PLAIN:
            return _hash(type(thing).__name__, repr(thing))
        if isinstance(thing, type):
            return _hash("class", thing.__module__, thing.__qualname__)
        name = id(thing)
        if name in self._open:  # inside itself
            return _hash("outer", str(len(self._open) - self._open[name]))
        if name not in self._known:
            self._open[name] = len(self._open)
            try:
                self._known[name] = self._take_apart(thing)
            finally:
                del self._open[name]
            self._kept.append(thing)
        return self._known[name]

    def _take_apart(self, thing: Any) -> bytes:
        torch = sys.modules.get("torch")
        if torch is not None and isinstance(thing, torch.Tensor):
            flat = thing.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
            return _hash("tensor", str(thing.dtype), str(tuple(thing.shape)), flat.tobytes())
        if torch is not None and isinstance(thing, torch.nn.Module):
            thing = getattr(thing, "_orig_mod", thing)  # what was compiled
            state = {k: v for k, v in vars(thing).items() if k != "training"}
            return self._all("module", type(thing), state)
        if isinstance(thing, np.ndarray):
            return self._array(np.asarray(thing))
        if isinstance(thing, dict):
            pairs = [self._all("item", *pair) for pair in thing.items()]
            return _hash("dict", *sorted(pairs))
        if isinstance(thing, set | frozenset):
            return _hash("set", *sorted(map(self.digest, thing)))
        if type(thing) in (list, tuple):
            return self._all(type(thing).__name__, *thing)
        if isinstance(thing, functools.partial):
            return self._all("partial", thing.func, thing.args, thing.keywords)
        if isinstance(thing, types.MethodType):
            return self._all("method", thing.__func__, thing.__self__)
        if isinstance(thing, _FUNCTIONS):
            return self._function(thing)
        if isinstance(thing, types.ModuleType):
            return _hash("module", thing.__name__)
        return self._object(thing)

    def _array(self, array: np.ndarray[Any, Any]) -> bytes:
        if array.dtype.names:  # field by field: there may be anything between them
            return self._all("fields", *((n, np.array(array[n])) for n in array.dtype.names))
        if array.dtype.hasobject:
            return self._all("array", array.shape, array.tolist())
        return _hash("array", array.dtype.str, str(array.shape), array.tobytes())

    def _function(self, function: Any) -> bytes:
        name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
        code = getattr(function, "__code__", None)
        if code is None:
            return self._all("function", *name, getattr(function, "__name__", ""))
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        return self._all("function", *name, _parts_of(code), cells, function.__defaults__)

    def _object(self, thing: Any) -> bytes:
        if _is_net(thing):
            # what it answers: its modules, and how scores become classes
            names = ("classes", "classes_inferred_", "predict_nonlinearity", "threshold")
            parts = {name: getattr(thing, name, None) for name in names}
            nn = sys.modules["torch"].nn
            modules = {k: v for k, v in vars(thing).items() if isinstance(v, nn.Module)}
            return self._all("net", type(thing), parts, modules)
        try:
            reduced = thing.__reduce_ex__(4)
        except Exception as error:  # what cannot be pickled raises many kinds
            raise ValueError(
                f"A {type(thing).__name__} inside the model cannot be read as data ({error}): the "
                "model cannot be told from another one."
            ) from error
        if isinstance(reduced, str):  # the name of a global
            return _hash("global", type(thing).__module__, reduced)
        make, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        if isinstance(thing, BaseEstimator) and isinstance(state, dict):
            # these change no answer
            state = {k: v for k, v in state.items() if k not in ("n_jobs", "verbose")}
        rest = state, list(items or ()), list(pairs or ())
        return self._all("object", type(thing), make, arguments, *rest)

    def _all(self, kind: str, *parts: Any) -> bytes:
        return _hash(kind, *map(self.digest, parts))


def _parts_of(code: types.CodeType) -> list[Any]:
    """Return what a function does; functions inside it are among its constants."""
    constants = [_parts_of(c) if isinstance(c, types.CodeType) else c for c in code.co_consts]
    return [code.co_code, code.co_names, constants]


def _is_net(thing: Any) -> bool:
    skorch = sys.modules.get("skorch")
    return skorch is not None and isinstance(thing, skorch.NeuralNet)


def _hash(*parts: str | bytes) -> bytes:
    """Return a hash of parts, which cannot run into one another."""
    return _joined(part.encode() if isinstance(part, str) else part for part in parts)


def _joined(parts: Iterable[bytes]) -> bytes:
    hasher = hashlib.blake2b(digest_size=16, person=b"sksmooth")
    for part in parts:
        hasher.update(len(part).to_bytes(8, "little"))
        hasher.update(part)
    return hasher.digest()
