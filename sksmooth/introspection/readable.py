"""Whether a model may be read from the inside: whether its structure proves what it answers.

A shortcut, a closed form or another form of a net looks at a model's attributes in place of calling
its methods. That is right only if the methods are the ones that the reader knows. So a model may be
read if everything in it, down to the arrays,

- is of a type of an installed library itself, not of a subclass or a stand-in with its name;
- has no attribute of its own that hides a method of its type;
- and is of classes whose methods were all written in the library's own files.

Everything else is asked through ``predict``. This is the only place that decides it.
"""

import collections
import ctypes
import functools
import operator
import pathlib
import sys
import sysconfig
import types
import weakref
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import numpy as np

__all__ = ["answers_by_row", "distrust", "is_distrusted", "methods_set", "why_not_readable"]

# libraries of which readers know types, and what these libraries are made of
_LIBRARIES = frozenset(
    {
        *("sklearn", "numpy", "scipy", "joblib", "imblearn"),
        *("xgboost", "lightgbm", "catboost", "_catboost", "interpret", "skorch"),
    }
)
# libraries of which all objects are data: names of columns, frames, types of values
_DATA = frozenset({"pandas", "polars"})
_PLAIN = frozenset(
    {type(None), bool, int, float, complex, str, bytes, range, slice, type, type(Ellipsis)}
)
_VALUES = (np.generic, np.dtype, np.random.RandomState, ctypes._SimpleCData)
_FUNCTIONS = frozenset({types.FunctionType, types.BuiltinFunctionType, types.MethodType, np.ufunc})
_SEQUENCES = frozenset({list, tuple, set, frozenset, collections.deque})
_MAPPINGS = frozenset(
    {dict, collections.OrderedDict, collections.defaultdict, types.MappingProxyType}
)
_ARRAYS = frozenset({np.ndarray, np.memmap})
# methods that classes take from another module, none of which predicts
_BORROWED = ("_html_repr", "set_output", "_nonrobust_covariance")
# Estimators there answer each row for itself, if they hold no function. Not so those of `dummy`,
# which draw random numbers by the row's place, and of NMF, which iterates until a batch is done.
_BY_ROW = (
    *(f"sklearn.{name}" for name in ("_loss", "calibration", "compose", "decomposition._pca")),
    *(f"sklearn.{name}" for name in ("discriminant_analysis", "ensemble", "feature_selection")),
    *(f"sklearn.{name}" for name in ("frozen", "isotonic", "linear_model", "model_selection")),
    *(f"sklearn.{name}" for name in ("multiclass", "naive_bayes", "neighbors", "svm", "tree")),
    *(f"sklearn.{name}" for name in ("neural_network._multilayer", "pipeline", "preprocessing")),
    *("sklearn.impute._base", "imblearn.pipeline", "interpret.glassbox"),
    *("xgboost.", "lightgbm.", "catboost.", "_catboost"),
)
_PYTHON = sysconfig.get_path("stdlib")
_HEAP_TYPE = 1 << 9  # of type.__flags__: only these types can be changed by Python code

# classes that were found to be as their library wrote them, with what was looked at
_seen: dict[type, list[Any]] = {}
_distrusted: list[weakref.ref[Any]] = []


def why_not_readable(
    *things: Any, deep: bool = True, libraries: Collection[str] = ()
) -> str | None:
    """Return why attributes of objects may not tell what their methods do; None if they do.

    Parameters
    ----------
    *things : object
        Fitted models, steps of Pipelines, or anything that a reader looks at.
    deep : bool, default=True
        Whether to look at all that is inside them, too.
    libraries : collection of str, default=()
        Packages beside the usual ones of which the reader knows the types.

    Returns
    -------
    reason : str or None
        A clause for a message, such as "P is no class of a known library".

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sksmooth.introspection.readable import why_not_readable
    >>> tree = DecisionTreeClassifier().fit(*load_iris(return_X_y=True))
    >>> why_not_readable(tree) is None
    True
    >>> tree.predict_proba = lambda X: X
    >>> why_not_readable(tree)
    'predict_proba of DecisionTreeClassifier was set on the object'
    """
    known = _LIBRARIES.union(libraries)
    methods: dict[type, frozenset[str]] = {}  # of the types seen in this call: they may change
    for thing in _reachable(things, deep=deep):
        kind = type(thing)
        if kind not in methods:
            reason = _foreign(kind, known) or _patched(kind, known)
            if reason is not None:
                return reason
            methods[kind] = _methods_of(kind)
        hidden = methods[kind].intersection(getattr(thing, "__dict__", ()))
        if hidden:
            return f"{min(hidden)} of {kind.__qualname__} was set on the object"
    return None


def answers_by_row(*things: Any) -> bool:
    """Whether structure proves that a model answers each row for itself, whatever its batch.

    It does if the model may be read, holds no function, which could do anything, and consists of
    estimators of modules in which all answer by row.

    Examples
    --------
    >>> from sklearn.preprocessing import FunctionTransformer, StandardScaler, scale
    >>> from sksmooth.introspection.readable import answers_by_row
    >>> answers_by_row(StandardScaler()), answers_by_row(FunctionTransformer(scale))
    (True, False)
    """
    if why_not_readable(*things) is not None:
        return False
    return all(
        type(thing) not in _FUNCTIONS
        and (type(thing).__module__.startswith(_BY_ROW) or not _is_asked(thing))
        for thing in _reachable(things, deep=True, functions=True)
    )


def _is_asked(thing: Any) -> bool:
    return any(hasattr(thing, name) for name in ("predict", "predict_proba", "transform"))


def methods_set(*things: Any) -> frozenset[str]:
    """Return the methods that were set on objects, or on what is inside them, by name and class.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sksmooth.introspection.readable import methods_set
    >>> tree = DecisionTreeClassifier()
    >>> tree.predict = len
    >>> methods_set([tree])
    frozenset({'predict of DecisionTreeClassifier'})
    """
    found = set()
    for thing in _reachable(things, deep=True):
        kind = type(thing)
        for name, value in getattr(thing, "__dict__", {}).items():
            if callable(value) and callable(getattr(kind, name, None)):
                found.add(f"{name} of {kind.__qualname__}")
    return frozenset(found)


def _reachable(things: Iterable[Any], *, deep: bool, functions: bool = False) -> Iterator[Any]:
    """Yield objects, and if asked all that is inside them, but for plain values and functions."""
    waiting, seen = list(things), set()
    while waiting:
        thing = waiting.pop()
        kind = type(thing)
        if kind in _PLAIN or isinstance(thing, _VALUES) or id(thing) in seen:
            continue
        seen.add(id(thing))
        if kind in _ARRAYS:
            if thing.dtype.hasobject:
                waiting += thing.ravel().tolist()
        elif kind in _SEQUENCES:
            waiting += thing
        elif kind in _MAPPINGS:
            waiting += thing.values()
        elif kind.__module__.partition(".")[0] in _DATA and _foreign(kind, _DATA) is None:
            continue
        elif kind not in _FUNCTIONS:
            yield thing
            if deep:
                waiting += _inside(thing)
        elif functions:
            yield thing


def distrust(estimator: Any) -> bool:
    """Remember that an object did not answer as was read off it; return whether that is news."""
    if is_distrusted(estimator):
        return False
    _distrusted.append(weakref.ref(estimator))
    return True


def is_distrusted(estimator: Any) -> bool:
    """Whether an object has been found to answer otherwise than was read off it."""
    _distrusted[:] = [known for known in _distrusted if known() is not None]
    return any(known() is estimator for known in _distrusted)


def _inside(thing: Any) -> list[Any]:
    """Return what an object holds that its predictions may depend on."""
    state = getattr(thing, "__dict__", {})
    if "best_estimator_" in state and "cv_results_" in state:
        return [state["best_estimator_"]]  # a search asks nothing else
    inside = list(state.values())
    if isinstance(thing, dict):  # scikit-learn's Bunch
        inside += thing.values()
    elif isinstance(thing, tuple):  # named ones
        inside += thing
    return inside


def _foreign(kind: type, libraries: Collection[str] = _LIBRARIES) -> str | None:
    """Return why a type is not one of a known library."""
    named = kind.__module__
    if named.partition(".")[0] in libraries:
        modules = [sys.modules.get(named)]
    else:  # scikit-learn 1.6 has types that name their module without its package
        inside = [name for name in list(sys.modules) if name.endswith(f".{named}")]
        modules = [sys.modules.get(name) for name in inside if name.partition(".")[0] in libraries]
    for module in modules:
        found: Any = module
        for name in kind.__qualname__.split("."):
            found = getattr(found, name, None)
        if found is kind:
            return None
    return f"{kind.__qualname__} is no class of a known library"


def _methods_of(kind: type) -> frozenset[str]:
    """Return the names under which a type has methods or properties, which objects may hide."""
    found: dict[str, Any] = {}
    for cls in reversed(kind.__mro__):
        found.update(vars(cls))
    return frozenset(
        name for name, value in found.items() if callable(value) or hasattr(value, "__get__")
    )


def _patched(kind: type, libraries: Collection[str]) -> str | None:
    """Return which method of a class, or of one that it inherits from, others have replaced."""
    for cls in kind.__mro__:
        if not cls.__flags__ & _HEAP_TYPE or cls.__module__.partition(".")[0] not in libraries:
            continue
        now = list(_parts_of(cls))
        before = _seen.get(cls, [])
        if len(before) == len(now) and all(map(operator.is_, before, now)):
            continue
        for name, value in vars(cls).items():
            if not _is_own(cls, name, value, libraries):
                return f"{name} of {cls.__qualname__} was replaced from outside its library"
        _seen[cls] = now  # keeps them alive, so that no other object can be taken for one of them
    return None


def _parts_of(cls: type) -> Iterator[Any]:
    """Yield all that a class holds, and the code of its functions."""
    for value in vars(cls).values():
        yield value
        if type(value) is types.FunctionType:
            yield value.__code__


def _is_own(cls: type, name: str, value: Any, libraries: Collection[str]) -> bool:
    """Whether an attribute of a class is one that its library has given it."""
    if isinstance(value, staticmethod | classmethod):
        return _is_own(cls, name, value.__func__, libraries)
    if isinstance(value, property):
        parts = [f for f in (value.fget, value.fset, value.fdel) if f]
        return all(_is_own(cls, name, f, libraries) for f in parts)
    if isinstance(value, functools.cached_property):
        return _is_own(cls, name, value.func, libraries)
    if isinstance(value, types.FunctionType):
        return _is_of_library(cls, name, value, libraries)
    if _is_descriptor_of_library(value):  # scikit-learn's available_if and others
        parts = [part for part in vars(value).values() if callable(part)]
        return all(_is_own(cls, name, part, libraries) for part in parts)
    if isinstance(value, type | types.GetSetDescriptorType | types.MemberDescriptorType):
        return True
    # whatever else can be called or acts on access was not there when the class was written
    return name.startswith("__") or not (callable(value) or hasattr(value, "__get__"))


def _is_descriptor_of_library(value: Any) -> bool:
    return hasattr(value, "__dict__") and _foreign(type(value)) is None


def _is_of_library(cls: type, name: str, function: Any, libraries: Collection[str]) -> bool:
    """Whether a function, and all functions that it wraps, are what a library wrote for a class."""
    while True:
        code = getattr(function, "__code__", None)
        if code is not None and not _is_known_file(code.co_filename, frozenset(libraries)):
            generated = code.co_filename == "<string>" and hasattr(cls, "__dataclass_fields__")
            return generated and name.startswith("__")
        if not hasattr(function, "__wrapped__"):
            break
        function = function.__wrapped__
    module, owner = function.__module__ or "", function.__qualname__.rpartition(".")[0]
    return module.partition(".")[0] in libraries and (
        name in _BORROWED
        or "<locals>" in owner  # a condition of available_if
        or module in (cls.__module__, "sklearn.utils.deprecation")
        or owner in [base.__qualname__ for base in cls.__mro__]
    )


@functools.lru_cache(maxsize=4096)
def _is_known_file(filename: str, libraries: frozenset[str]) -> bool:
    """Whether a file belongs to a known library, or to Python itself."""
    for name in libraries.intersection(pathlib.PurePath(filename).parts):
        path = getattr(sys.modules.get(name), "__file__", None)
        if path and filename.startswith(str(pathlib.PurePath(path).parent)):
            return True
    return filename.startswith(_PYTHON) and "site-packages" not in filename
