"""A short name for what a fitted model has learned, the same in every process and after a reload.

A pickle would not do: its bytes depend on which strings happen to be the same object, on padding
between the fields of a structured array, and, for a tensor, on its address.
"""

import collections
import copyreg
import functools
import hashlib
import sys
import sysconfig
import types
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

__all__ = ["fingerprint"]

_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented))
_FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, np.ufunc)
# they count how often they were asked
_TREES = ("sklearn.neighbors._kd_tree", "sklearn.neighbors._ball_tree")
_COUNTERS = range(7, 11)
# what of a skorch net only its training looks at
_OF_TRAINING = {
    *("module", "criterion", "optimizer", "lr", "max_epochs", "batch_size", "iterator_train"),
    *("train_split", "callbacks", "callbacks_", "history_", "warm_start", "verbose", "device"),
    *("compile", "use_caching", "torch_load_kwargs", "initialized_", "virtual_params_"),
    *("init_context_", "prefixes_", "cuda_dependent_attributes_", "_modules", "_criteria"),
    *("_optimizers", "_params_to_validate", "objective", "objective_", "objective_made_from_"),
}
_FRONTS = ("module__", "criterion__", "optimizer", "callbacks__", "iterator_train__", "objective__")
_OF_A_CLASS = types.FunctionType | property | classmethod | staticmethod
_UNREAD = {"__doc__", "__firstlineno__", "__static_attributes__"}


def fingerprint(*things: Any) -> str:
    """Return 32 hexadecimal digits that stand for the content of some objects.

    Parameters
    ----------
    *things : object
        Fitted models, arrays, tensors, and what consists of these. Of a skorch net counts what its
        answers depend on, not its history, say; of classes and functions what they do, but of those
        that are installed only the name.

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
        self._in_net = 0
        self._known: dict[int, bytes] = {}
        self._open: dict[int, int] = {}  # objects that are being read, by their depth
        self._kept: list[Any] = []  # or another object could get the address of one that is gone

    def digest(self, thing: Any) -> bytes:
        """Return the hash of one object."""
        if type(thing) in _PLAIN:
            return _hash(type(thing).__name__, repr(thing))
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
            return self._module(getattr(thing, "_orig_mod", thing))  # what was compiled
        if isinstance(thing, np.ma.MaskedArray):
            return self._all("masked", thing.filled(0), np.ma.getmaskarray(thing))
        if isinstance(thing, np.ndarray):
            return self._array(np.asarray(thing))
        if type(thing) in (dict, collections.OrderedDict, Bunch):
            return self._all("dict", *thing.items())  # in order, which is that of a Sequential
        if isinstance(thing, set | frozenset):
            return _hash("set", *sorted(map(self.digest, thing)))
        if type(thing) in (list, tuple):
            return self._all(type(thing).__name__, *thing)
        if isinstance(thing, type):
            return self._class(thing)
        if isinstance(thing, functools.partial):
            return self._all("partial", thing.func, thing.args, thing.keywords)
        if isinstance(thing, types.MethodType):
            return self._all("method", thing.__func__, thing.__self__)
        if isinstance(thing, _FUNCTIONS):
            return self._function(thing)
        if isinstance(thing, types.ModuleType):
            return _hash("module", thing.__name__)
        return self._object(thing)

    def _module(self, module: Any) -> bytes:
        state = dict(vars(module))
        for name, value in state.items():  # hooks are named by a counter of the process
            if name.endswith("_hooks") and isinstance(value, dict):
                state[name] = list(value.values())
        # weak references to what is there anyway, and what a compiler has made
        for name in ("_flat_weight_refs", "_compiled_call_impl"):
            state.pop(name, None)
        if self._in_net:  # which is asked in evaluation mode, whatever it is in
            del state["training"]
        return self._all("module", type(module), _sorted(state))

    def _array(self, array: np.ndarray[Any, Any]) -> bytes:
        if array.dtype.names:  # field by field: there may be anything between them
            return self._all("fields", *((n, np.array(array[n])) for n in array.dtype.names))
        if array.dtype.hasobject:
            return self._all("array", array.shape, array.tolist())
        return _hash("array", array.dtype.str, str(array.shape), array.tobytes())

    def _class(self, kind: type) -> bytes:
        name = "class", kind.__module__, kind.__qualname__
        if _is_installed(kind):
            return _hash(*name)
        body = {
            key: (value.fget, value.fset) if isinstance(value, property) else value
            for key, value in vars(kind).items()
            if (type(value) in _PLAIN or isinstance(value, _OF_A_CLASS)) and key not in _UNREAD
        }
        for key, value in body.items():
            body[key] = getattr(value, "__func__", value)
        return self._all(*name, kind.__bases__, _sorted(body))

    def _function(self, function: Any) -> bytes:
        owner = getattr(function, "__self__", None)
        if isinstance(owner, types.ModuleType):
            owner = None
        name = getattr(function, "__module__", None), getattr(function, "__qualname__", "")
        code = getattr(function, "__code__", None)
        if code is None:  # built in; its owner may be an array, as of weights.dot
            return self._all("function", *name, getattr(function, "__name__", ""), owner)
        if _is_installed(function) and not function.__closure__:
            return self._all("function", *name)
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        outside = {
            key: value
            for key, value in function.__globals__.items()
            if key in code.co_names
            and (type(value) in _PLAIN or isinstance(value, np.ndarray | types.FunctionType))
        }
        defaults = function.__defaults__, function.__kwdefaults__, vars(function)
        return self._all("function", *name, _parts_of(code), cells, *defaults, _sorted(outside))

    def _object(self, thing: Any) -> bytes:
        if _is_net(thing):
            parts = {
                key: value
                for key, value in vars(thing).items()
                if key not in _OF_TRAINING and not key.startswith(_FRONTS)
            }
            self._in_net += 1
            try:
                return self._all("net", type(thing), _sorted(parts))
            finally:
                self._in_net -= 1
        try:
            reducer = copyreg.dispatch_table.get(type(thing))
            reduced: Any = reducer(thing) if reducer else thing.__reduce_ex__(4)
        except Exception as error:  # what cannot be pickled raises many kinds
            raise ValueError(
                f"A {type(thing).__name__} inside the model cannot be read as data ({error}): the "
                "model cannot be told from another one."
            ) from error
        if isinstance(reduced, str):  # the name of a global
            return _hash("global", type(thing).__module__, reduced)
        make, arguments, given, items, pairs = (*reduced, None, None, None)[:5]
        state: Any = given
        if type(thing).__module__ in _TREES:
            state = [part for i, part in enumerate(state) if i not in _COUNTERS]
        if isinstance(state, dict):
            if isinstance(thing, BaseEstimator) and type(thing).__module__.startswith("sklearn."):
                # these change no answer
                state = {k: v for k, v in state.items() if k not in ("n_jobs", "verbose")}
            state = _sorted(state)
        rest = state, list(items or ()), list(pairs or ())
        return self._all("object", type(thing), make, arguments, *rest)

    def _all(self, kind: str, *parts: Any) -> bytes:
        return _hash(kind, *map(self.digest, parts))


def _parts_of(code: types.CodeType) -> list[Any]:
    """Return what a function does; functions inside it are among its constants."""
    constants = [_parts_of(c) if isinstance(c, types.CodeType) else c for c in code.co_consts]
    return [code.co_code, code.co_names, constants]


def _sorted(state: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return attributes by name: in which order they were set means nothing."""
    return sorted(state.items(), key=lambda item: str(item[0]))


_LIBRARIES = tuple(
    {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
)
_OWN = __name__.partition(".")[0]


def _is_installed(thing: Any) -> bool:
    """Whether a class or function is of a library, whose version says what it does."""
    name = getattr(thing, "__module__", None) or ""
    module = sys.modules.get(name)
    if name == "__main__" or module is None:
        return False
    if name.partition(".")[0] in (_OWN, "sklearn", "torch", "skorch"):
        return True
    path = getattr(module, "__file__", None)
    return path is None or path.startswith(_LIBRARIES)


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
