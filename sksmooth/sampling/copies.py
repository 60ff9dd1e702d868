"""Copies of a model within this process, for threads: what one changes, no other sees.

``copy.deepcopy`` does not do: it leaves functions as they are, and a forward hook is usually one
that keeps its tensors in a variable of the function that made it. Nor does a pickle that is meant
for other processes: it makes the classes and global variables of a notebook anew, and sets those
attributes of the classes that are in use.

Here everything that belongs to the model is copied, the variables of local functions too. Classes,
modules, global variables and named functions remain what they are: they are the program. A model
that keeps what it computes in these is shared between its copies all the same.
"""

import contextlib
import copy
import io
import pickle
import sys
import types
from collections.abc import Callable
from typing import Any

__all__ = ["copy_model"]

_MISSING = object()
_PROGRAM = type, types.ModuleType, types.CodeType
_OF_A_FUNCTION = "__defaults__", "__kwdefaults__", "__qualname__", "__module__", "__doc__"


def copy_model(model: Any) -> Any:
    """Return a copy of an object that shares nothing with it that either may change.

    Raises
    ------
    pickle.PicklingError
        If there is something inside that cannot be copied, such as a lock or an open file.

    Examples
    --------
    >>> from sksmooth.sampling.copies import copy_model
    >>> def counter():
    ...     seen = []
    ...     return lambda x: seen.append(x) or len(seen)
    >>> one = counter()
    >>> other = copy_model(one)
    >>> one("a"), one("b"), other("c")
    (1, 2, 1)
    """
    file = io.BytesIO()
    try:
        pickler = _Pickler(file)
        pickler.dump(model)
        file.seek(0)
        return _Unpickler(file, pickler.kept).load()
    except Exception as error:  # whatever the model's own methods raise
        raise pickle.PicklingError(f"{type(error).__name__}: {error}") from error


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=5)
        self.kept: list[Any] = []  # objects that the copy holds as they stand here
        self._memo_of_tensors: dict[int, Any] = {}
        self._globals: set[int] = set()  # addresses of the functions' global variables

    def persistent_id(self, thing: Any) -> int | None:
        if isinstance(thing, _PROGRAM) or _is_named(thing) or id(thing) in self._globals:
            kept = thing
        elif _copies_itself(thing):
            # one memo for all, so that tensors with common storage have common storage again
            kept = copy.deepcopy(thing, self._memo_of_tensors)
        else:
            return None
        self.kept.append(kept)
        return len(self.kept) - 1

    def reducer_override(self, thing: Any) -> Any:
        if isinstance(thing, types.FunctionType):
            self._globals.add(id(thing.__globals__))
            cells = tuple(thing.__closure__ or ())
            args = thing.__code__, thing.__globals__, thing.__name__, None, cells
            state = {name: getattr(thing, name) for name in _OF_A_FUNCTION}
            return types.FunctionType, args, (vars(thing), state), None, None, _set_function
        if isinstance(thing, types.CellType):
            content: tuple[Any, ...] = ()
            with contextlib.suppress(ValueError):  # if it is empty
                content = (thing.cell_contents,)
            return types.CellType, (), content, None, None, _set_cell
        if _is_net(thing):  # its own way goes through torch.save, which takes nothing local
            return object.__new__, (type(thing),), vars(thing), None, None, _set_vars
        if _is_compiled(thing):
            raise pickle.PicklingError("a compiled module would have to be compiled for each")
        return NotImplemented


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, kept: list[Any]) -> None:
        super().__init__(file)
        self._kept = kept

    def persistent_load(self, name: int) -> Any:
        return self._kept[name]


def _set_function(function: Any, state: tuple[dict[str, Any], dict[str, Any]]) -> None:
    vars(function).update(state[0])
    for name, value in state[1].items():
        setattr(function, name, value)


def _set_cell(cell: types.CellType, content: tuple[Any, ...]) -> None:
    if content:
        cell.cell_contents = content[0]


def _set_vars(thing: Any, state: dict[str, Any]) -> None:
    vars(thing).update(state)


def _is_named(thing: Any) -> bool:
    """Whether it is a function that its module holds under its name."""
    if not isinstance(thing, types.FunctionType):
        return False
    found: Any = sys.modules.get(thing.__module__)
    for part in thing.__qualname__.split("."):
        found = getattr(found, part, _MISSING)
    return found is thing


def _copies_itself(thing: Any) -> bool:
    """Whether it is a tensor, or a module of torch that has a way of its own to be copied."""
    torch = sys.modules.get("torch")
    if torch is None:
        return False
    is_module = isinstance(thing, torch.nn.Module) and hasattr(type(thing), "__deepcopy__")
    return is_module or isinstance(thing, torch.Tensor)


def _is_net(thing: Any) -> bool:
    skorch = sys.modules.get("skorch")
    if skorch is None or not isinstance(thing, skorch.NeuralNet):
        return False
    reads: Callable[..., Any] = skorch.NeuralNet.__getstate__
    return type(thing).__getstate__ is reads


def _is_compiled(thing: Any) -> bool:
    torch = sys.modules.get("torch")
    if torch is None or not isinstance(thing, torch.nn.Module):
        return False
    return hasattr(thing, "_orig_mod") or vars(thing).get("_compiled_call_impl") is not None
