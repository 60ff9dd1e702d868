"""Modules import only what lies below them, and importing the package stays light."""

import ast
import pathlib
import subprocess
import sys

import pytest

import sksmooth

ROOT = pathlib.Path(sksmooth.__file__).parent

# From the bottom up. A module may import from lower layers, not from its own.
LAYERS = [
    {"_version", "bounds", "callables", "checks", "exceptions", "rows"},
    {"labels"},
    {"noise", "introspection"},
    {"backends", "closed_forms"},
    {"along_axes", "objectives", "sampling", "shortcuts"},
    {"certificate", "nets"},
    {"records"},
    {"estimators"},
    {"attacks", "metrics"},
    {"displays", "report", "tables"},
    {"__init__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def modules():
    return sorted(ROOT.rglob("*.py"))


def part_of(path):
    """The module or folder directly below the package that a file belongs to."""
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path):
    """Top-level parts of sksmooth that a file imports, wherever in the file it does so."""
    depth = len(path.relative_to(ROOT).parts)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level == depth:
            names = [node.module] if node.module else [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sksmooth"):
            names = [node.module.removeprefix("sksmooth").lstrip(".") or "__init__"]
        elif isinstance(node, ast.Import):
            names = [a.name.split(".", 1)[-1] for a in node.names if a.name.startswith("sksmooth")]
        else:
            continue
        for name in names:
            yield name.split(".")[0]


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_arrows_point_down(path):
    part = part_of(path)
    assert part in LEVEL, f"give {part} a layer"
    for imported in imports(path):
        assert LEVEL[imported] < LEVEL[part], f"{part} imports {imported}"


def test_the_layers_are_what_exists():
    assert {part_of(path) for path in modules()} == set(LEVEL)


def test_the_test_can_see_arrows():
    assert set(imports(ROOT / "estimators" / "logged.py")) >= {"records", "noise", "certificate"}
    assert "noise" in set(imports(ROOT / "sampling" / "count.py"))


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_stay_small(path):
    assert len(path.read_text().splitlines()) <= 400


def test_importing_loads_neither_torch_nor_matplotlib():
    code = "import sys, sksmooth; print(*sorted(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in out.stdout.split()}
    assert "sklearn" in loaded
    assert not loaded & {"torch", "skorch", "torchvision", "matplotlib", "polars", "tqdm"}
    assert not {"sksmooth.nets", "sksmooth.objectives"} & set(out.stdout.split())


def test_torch_and_skorch_are_loaded_in_their_own_files_only():
    for path in modules():
        if "skorch" in str(path.relative_to(ROOT)) or part_of(path) in ("nets", "objectives"):
            continue
        tree = ast.parse(path.read_text())
        top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {a.name for node in top if isinstance(node, ast.Import) for a in node.names}
        names |= {
            node.module for node in top if isinstance(node, ast.ImportFrom) and not node.level
        }
        assert not {n.split(".")[0] for n in names if n} & {"torch", "skorch", "matplotlib"}, path
