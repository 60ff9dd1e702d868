"""The page quotes every warning of the package, and only messages that the package has."""

import ast
import pathlib
import re
import tomllib

import pytest

import sksmooth
from sksmooth import exceptions

PACKAGE = pathlib.Path(sksmooth.__file__).parent
ROOT = pathlib.Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "troubleshooting.rst").read_text("utf-8")
BLOCKS = re.findall(r"code-block:: text\n\n((?:   .+\n)+)", PAGE)
QUOTED = [re.sub(r"\s+", " ", block).strip() for block in BLOCKS]
FEWEST = 4  # words that a piece of a message has to be known by


def pieces(node):
    """Constant parts of a string that are long enough to be searched for."""
    parts = (part.value for part in ast.walk(node) if isinstance(part, ast.Constant))
    texts = (re.sub(r"\s+", " ", part).strip() for part in parts if isinstance(part, str))
    return [text for text in texts if len(text.split()) >= FEWEST]


def message_of(call, tree):
    """Pieces of what a call warns of: its first argument, and what its names were assigned."""
    found = pieces(call.args[0])
    names = {part.id for part in ast.walk(call.args[0]) if isinstance(part, ast.Name)}
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else ()
        if any(isinstance(target, ast.Name) and target.id in names for target in targets):
            found += pieces(node.value)
    return found


def warned(tree):
    for call in ast.walk(tree):
        name = isinstance(call, ast.Call) and ast.unparse(call.func)
        if name and name.rpartition(".")[2] in ("warn", "_warn") and call.args:
            yield from message_of(call, tree)


TREES = {path: ast.parse(path.read_text("utf-8")) for path in sorted(PACKAGE.rglob("*.py"))}
WARNED = [
    (str(path.relative_to(PACKAGE)), text) for path, tree in TREES.items() for text in warned(tree)
]


def test_warnings_are_found():
    assert len({file for file, _ in WARNED}) >= 15


@pytest.mark.parametrize(("file", "text"), WARNED)
def test_every_warning_is_on_the_page(file, text):
    assert any(text in quoted for quoted in QUOTED), (
        f"{file} warns {text!r}: add it to docs/troubleshooting.rst, with cause and cure"
    )


KNOWN = [text for tree in TREES.values() for text in pieces(tree)]


@pytest.mark.parametrize("quoted", QUOTED)
def test_the_package_has_every_message(quoted):
    """A message that was changed, or is gone, is not explained any more."""
    start = quoted.removesuffix("...").strip()
    assert any(text in start for text in KNOWN), "no message of the package has these words"


def test_warnings_lead_to_the_page_of_this_site():
    """The address at the end of a warning is built from the one that the package index shows."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    page = settings["project"]["urls"]["Documentation"] + "/en/latest/troubleshooting.html"
    kinds = [kind for kind in vars(exceptions).values() if isinstance(kind, type)]
    assert len(kinds) == len(exceptions.__all__)
    for kind in kinds:
        assert str(kind("A fact.")) == f"A fact. [{page}{kind.section}]"
        assert not kind.section or f".. _{kind.section[1:]}:" in PAGE
