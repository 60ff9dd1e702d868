"""A short name for what a fitted model has learned, the same in every process and after a reload.

A pickle would not do: its bytes depend on which strings happen to be the same object, on padding
between the fields of a structured array, and, for a tensor, on its address.
"""

import collections
import copyreg
import hashlib
import io
import pathlib
import pickle
import re
import sys
import types
import warnings
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Bunch

__all__ = ["fingerprint"]

_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis), type(NotImplemented))
# where they stand changes with every draw, perhaps by others: None means numpy's global one
_GENERATORS = (np.random.RandomState, np.random.Generator, np.random.BitGenerator)
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
_UNREAD = {"__doc__", "__firstlineno__"}
# TorchScript counts classes of one name in a process: the first is net.Net in the file net.py, and
# others are net.___torch_mangle_9.Net in net/___torch_mangle_9.py
_MANGLED = re.compile(rb"[./]?___torch_mangle_\d+")


def fingerprint(*things: Any) -> str:
    """Return 32 hexadecimal digits that stand for the content of some objects.

    Parameters
    ----------
    *things : object
        Fitted models, arrays, tensors, and what consists of these. Of a skorch net counts what its
        answers depend on, not its history, say. Of functions counts the code, with closures and
        defaults, of classes the code and plain values. Neither are followed to the globals and
        objects that they look up when they are called: only a model's answers show these
        (`sksmooth.records.probed`).

    Returns
    -------
    digest : str
        Equal for equal content.

    Raises
    ------
    ValueError
        If there is something inside that cannot be taken apart, such as an open file.

    Examples
    --------
    >>> import pickle
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sksmooth.introspection.fingerprint import fingerprint
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
            thing = getattr(thing, "_orig_mod", thing)  # what was compiled
            if isinstance(thing, torch.jit.ScriptModule):
                return _hash("script", *_archive(torch, thing))
            return self._module(thing)
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
        if isinstance(thing, types.MethodType):
            return self._all("method", thing.__func__, thing.__self__)
        if isinstance(thing, types.FunctionType):
            return self._function(thing)
        if isinstance(thing, types.CodeType):  # that something keeps
            return self._all("code", *_code_of(thing))
        if isinstance(thing, types.ModuleType):
            return _hash("module", thing.__name__)
        if isinstance(thing, _GENERATORS):
            return _hash("generator", type(thing).__name__)
        if type(thing).__module__.startswith("onnxruntime.") and hasattr(thing, "_model_bytes"):
            return _hash("onnx", _stored_bytes(thing))
        if type(thing).__module__.startswith("catboost."):  # its bytes change when it is loaded
            thing = pickle.loads(pickle.dumps(thing))
        return self._object(thing)

    def _module(self, module: Any) -> bytes:
        state = dict(vars(module))
        for name, value in state.items():  # hooks are named by a counter of the process
            if name.endswith("_hooks") and isinstance(value, dict):
                state[name] = list(value.values())
        # weak references to what is there anyway, and what a compiler has made
        for name in ("_flat_weight_refs", "_compiled_call_impl"):
            state.pop(name, None)
        if isinstance(getattr(module, "graph", None), sys.modules["torch"].fx.Graph):
            state = _of_graph_module(state)
        if self._in_net:  # which is asked in evaluation mode, whatever it is in
            state.pop("training", None)
        return self._all("module", type(module), _sorted(state))

    def _array(self, array: np.ndarray[Any, Any]) -> bytes:
        if array.dtype.names:  # field by field: there may be anything between them
            return self._all("fields", *((n, np.array(array[n])) for n in array.dtype.names))
        if array.dtype.hasobject:
            return self._all("array", array.shape, array.tolist())
        return _hash("array", array.dtype.str, str(array.shape), array.tobytes())

    def _class(self, kind: type) -> bytes:
        body = {
            key: value if type(value) in _PLAIN else _code_of(value)
            for key, value in vars(kind).items()
            if (type(value) in _PLAIN or isinstance(value, _OF_A_CLASS)) and key not in _UNREAD
        }
        return self._all("class", kind.__module__, kind.__qualname__, kind.__bases__, _sorted(body))

    def _function(self, function: types.FunctionType) -> bytes:
        cells = [cell.cell_contents for cell in function.__closure__ or ()]
        more = function.__defaults__, function.__kwdefaults__, vars(function)
        name = function.__module__, function.__qualname__
        return self._all("function", *name, _code_of(function), cells, *more)

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


def _code_of(function: Any) -> Any:
    """Return what a function does; functions inside it are among its constants."""
    if isinstance(function, property):
        return [_code_of(part) for part in (function.fget, function.fset)]
    function = getattr(function, "__func__", function)
    code = getattr(function, "__code__", function)
    if not isinstance(code, types.CodeType):
        return None
    constants = [_code_of(c) if isinstance(c, types.CodeType) else c for c in code.co_consts]
    return [code.co_code, code.co_names, constants]


def _stored_bytes(session: Any) -> bytes:
    """Return the model that a session of ONNX Runtime was made from."""
    content: bytes = session._model_bytes or pathlib.Path(session._model_path).read_bytes()
    return content


def _archive(torch: Any, script: Any) -> list[bytes]:
    """Return what TorchScript saves of a module, without what differs from process to process."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that TorchScript will go
        torch.jit.save(script, buffer)
    files: list[tuple[bytes, int, list[bytes]]] = []
    with zipfile.ZipFile(buffer) as archive:
        objects = next(archive.read(n) for n in archive.namelist() if n.endswith("/data.pkl"))
        for name in archive.namelist():
            inner = name.partition("/")[2]
            if not inner.startswith(".data") and not inner.endswith(".debug_pkl"):
                lines = _MANGLED.sub(b"", archive.read(name)).split(b"\n")
                if inner.endswith(".py"):  # constants are in the order of a set, others as they are
                    lines.sort(
                        key=lambda line: (b" : Final[" not in line, line * (b" : Final[" in line))
                    )
                # classes of one name are told apart by where the module has them first
                of_class = inner.removeprefix("code/").removesuffix(".py").replace("/", ".")
                place = objects.find(of_class.encode() + b"\n")
                files.append((_MANGLED.sub(b"", inner.encode()), place, lines))
    # the places themselves depend on how long the numbers are
    return [part for name, _, lines in sorted(files) for part in (name, *lines)]


def _of_graph_module(state: dict[str, Any]) -> dict[str, Any]:
    """Return the code and the tensors of a traced or exported module, not how it was traced."""
    tensor = sys.modules["torch"].Tensor
    kept = {"_code", "_parameters", "_buffers", "_modules", "training"}
    found = {
        name: value for name, value in state.items() if name in kept or isinstance(value, tensor)
    }
    modules = found.get("_modules") or {}  # those that only check the input have no content
    found["_modules"] = {k: v for k, v in modules.items() if type(v).__name__ != "GuardsFn"}
    for name, value in state.items():  # of the user; exported modules check their input by others
        if name.endswith("_hooks") and isinstance(value, list):
            found[name] = [hook for hook in value if not _is_of_torch(hook)]
    return found


def _is_of_torch(hook: Any) -> bool:
    return str(getattr(hook, "__module__", "")).startswith("torch.")


def _sorted(state: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return attributes by name: in which order they were set means nothing."""
    return sorted(state.items(), key=lambda item: str(item[0]))


def _is_net(thing: Any) -> bool:
    skorch = sys.modules.get("skorch")
    return skorch is not None and isinstance(thing, skorch.NeuralNet)


def _hash(*parts: str | bytes) -> bytes:
    """Return a hash of parts, which cannot run into one another."""
    hasher = hashlib.blake2b(digest_size=16, person=b"sksmooth")
    for part in parts:
        content = part.encode() if isinstance(part, str) else part
        hasher.update(len(content).to_bytes(8, "little"))
        hasher.update(content)
    return hasher.digest()
