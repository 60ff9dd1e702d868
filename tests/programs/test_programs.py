"""Programs beside the package, and examples, name what exists: they are too long to run here."""

import ast
import importlib
import inspect
import pathlib

import pytest

import sksmooth

ROOT = pathlib.Path(__file__).parents[2]
FOLDERS = ("benchmarks", "reproduction", "docs/examples", "tests/mutants")
PROGRAMS = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
ESTIMATORS = [
    member
    for name in sksmooth.__all__
    if isinstance(member := getattr(sksmooth, name), type) and hasattr(member, "get_params")
]


def parameters(*functions):
    return {name for function in functions for name in inspect.signature(function).parameters}


KNOWN = {
    **{estimator.__name__: parameters(estimator) for estimator in ESTIMATORS},
    "set_params": parameters(*ESTIMATORS),
    "certify": parameters(*(e.certify for e in ESTIMATORS if hasattr(e, "certify")))
    | {"batch_size"},  # of the toolbox that is compared with
}


def tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def names_of(module):
    """What a module of the repository defines, or what ours exports; None for those of others."""
    path = ROOT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if module.split(".")[0] in ("benchmarks", "reproduction", "tests"):
        names = {part.stem for part in path.glob("*")} if path.is_dir() else set()
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names.add(node.name)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                names.add(node.id)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                names |= {alias.asname or alias.name for alias in node.names}
        return names
    if module.split(".")[0] != "sksmooth":
        return None
    try:
        return set(importlib.import_module(module).__all__)
    except ModuleNotFoundError as error:
        if error.name.startswith("sksmooth"):
            raise
        pytest.skip(f"needs {error.name}")


def imports(path):
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield module, {alias.name for alias in node.names}


def options(path):
    """Names of keyword arguments by what is called."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", None))
            yield called, {word.arg for word in node.keywords if word.arg and "__" not in word.arg}


def test_there_are_programs():
    assert {path.relative_to(ROOT).parts[0] for path in PROGRAMS} >= {"benchmarks", "reproduction"}


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_imported_exists(path):
    for module, names in imports(path):
        if (known := names_of(module)) is not None:
            assert names <= known, module


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: str(path.relative_to(ROOT)))
def test_options_exist(path):
    for called, words in options(path):
        assert words <= KNOWN.get(called, words), called
