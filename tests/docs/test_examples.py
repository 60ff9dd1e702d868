"""Every example of the gallery says, and checks, whether its certificates are computed."""

import doctest
import pathlib
import re

import pytest

EXAMPLES = sorted((pathlib.Path(__file__).parents[2] / "docs" / "examples").glob("plot_*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_asserts_its_method(path):
    code = path.read_text(encoding="utf-8")
    certifies = ".certify(" in code or ".certify_interval(" in code
    asserts = [line for line in code.splitlines() if line.lstrip().startswith("assert ")]
    assert not certifies or any("method ==" in line for line in asserts)


DOCS = pathlib.Path(__file__).parents[2] / "docs"
doctest.register_optionflag("NUMBER")  # of pytest: pages may be parsed before it has run any
PAGES = sorted([*DOCS.glob("*.rst"), *DOCS.glob("guide/*.rst"), *DOCS.glob("tutorials/*.rst")])
PAGES = [path for path in PAGES if ">>> " in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_shows_its_method_and_figures(path):
    """A page that certifies prints whether that was computed; no page prints True for a figure."""
    examples = doctest.DocTestParser().get_examples(path.read_text(encoding="utf-8"))
    certifies = any(".certify(" in example.source for example in examples)
    said = " ".join(example.source + example.want for example in examples)
    assert not certifies or re.search("montecarlo|exact", said)
    assert not [
        example.source
        for example in examples
        if "True" in re.findall(r"\w+", example.want)
        and not re.search(r"\[\[?True|keeps", example.want + example.source)
    ]
