"""Every example of the gallery says, and checks, whether its certificates are computed."""

import pathlib

import pytest

EXAMPLES = sorted((pathlib.Path(__file__).parents[2] / "docs" / "examples").glob("plot_*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_asserts_its_method(path):
    code = path.read_text(encoding="utf-8")
    certifies = ".certify(" in code or ".certify_interval(" in code
    asserts = [line for line in code.splitlines() if line.lstrip().startswith("assert ")]
    assert not certifies or any("method ==" in line for line in asserts)
