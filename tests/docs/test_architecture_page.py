"""The architecture page is true: its files, names, line counts, layers, and the way of a row."""

import ast
import functools
import pathlib
import re
import sys

import pytest
from sklearn.datasets import load_iris
from sklearn.neighbors import KNeighborsClassifier
from test_layering import LAYERS

import sksmooth
from sksmooth import SmoothedClassifier

PACKAGE = pathlib.Path(sksmooth.__file__).parent
ROOT = pathlib.Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.rst").read_text(encoding="utf-8")
LITERALS = sorted(set(re.findall(r"``([^`]+)``", PAGE)))
FILES = [literal for literal in LITERALS if "/" in literal]
# "``a``, ``b`` - ``file``" in a table, and "``a`` (``file``": a and b are in the file
ROWS = re.findall(r"\* - (``.+``)\n +- ``(\S+\.py)``", PAGE)
PLACES = ROWS + re.findall(r"(``\w+``)\s*\(``(\S+\.py)``", PAGE)
PLACES += re.findall(r"\((``\w+``), ``(\S+\.py)``\)", PAGE)
WAY = ROWS[: PAGE[: PAGE.index("Six concepts")].count("* - ")]


def path_of(file):
    return (PACKAGE if not file.startswith("tests/") else ROOT) / file.removeprefix("sksmooth/")


@functools.cache
def names_in(path):
    """Names that a file defines: of functions, classes, methods, attributes and arguments."""
    found = set()

    def look(node, owner):
        for child in ast.iter_child_nodes(node):
            inner = owner
            if isinstance(child, ast.FunctionDef | ast.ClassDef):
                found.update((child.name, f"{owner}{child.name}"))
                inner = f"{child.name}." if isinstance(child, ast.ClassDef) else owner
            elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
                found.add(child.id)
            elif isinstance(child, ast.arg):
                found.add(child.arg)
            look(child, inner)

    look(ast.parse(path.read_text(encoding="utf-8")), "")
    return found


@pytest.mark.parametrize("file", FILES)
def test_files_exist(file):
    assert path_of(file).exists()


@pytest.mark.parametrize(("names", "file"), PLACES)
def test_names_are_where_the_page_says(names, file):
    assert set(re.findall(r"``(\S+?)``", names)) <= names_in(path_of(file))


def test_all_names_exist():
    """Those without a file as well; calls by their name, and parts of the package."""
    known = {"sksmooth/", "__init__.py"} | {path.stem for path in PACKAGE.iterdir()}
    for path in [*PACKAGE.rglob("*.py"), *path_of("tests/").rglob("*.py")]:
        known |= names_in(path)
    named = {re.sub(r"\(.*", "", name).removeprefix("clf.") for name in LITERALS if "/" not in name}
    assert named - known == set()


def test_line_counts():
    counts = re.findall(r"``(\S+\.py)``(?:\s+\(|,\s+)(\d+) lines", PAGE)
    assert len(counts) == len(re.findall(r"\d\s+lines", PAGE))
    for file, said in counts:
        lines = len(path_of(file).read_text(encoding="utf-8").splitlines())
        assert abs(lines - int(said)) <= 15, f"{file} has {lines} lines"


def test_layers():
    listed = re.findall(r"^\d+\. (.+)$", PAGE, re.MULTILINE)
    layers = [set(re.findall(r"``(\w+)``", line)) for line in listed]
    assert [*layers, {"__init__"}] == LAYERS


def test_a_row_goes_the_way_that_the_page_says():
    """Every function is called, in the page's order."""
    X, y = load_iris(return_X_y=True)
    clf = SmoothedClassifier(KNeighborsClassifier(), 0.5, random_state=0).fit(X, y)
    called = []

    def note(frame, event, _):
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(PACKAGE)):
            called.append((pathlib.Path(code.co_filename), code.co_qualname))

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        clf.certify(X[:1], n=1000)
    finally:
        sys.setprofile(before)
    assert len(WAY) > 15
    calls = iter(called)
    for name, file in WAY:
        assert (path_of(file), name.strip("`")) in calls, f"{name} is not called, or earlier"
