"""The README's code runs, from its first block to its last, and prints what the README shows."""

import contextlib
import importlib.util
import io
import pathlib
import re

import numpy as np
import pytest

README = pathlib.Path(__file__).parents[2] / "README.md"

# Code, and what it prints if the next block shows that.
BLOCKS = re.findall(
    r"```python\n(.*?)```(?:\s+```\n(.*?)```)?", README.read_text(encoding="utf-8"), flags=re.DOTALL
)

# What a block needs beside scikit-learn, if this is in it.
NEEDS = {"skorch": "skorch", "wine.": "pandas"}


def numbers(text):
    return [float(number) for number in re.findall(r"\d+\.?\d*", text)]


@pytest.fixture(scope="module")
def ran(tmp_path_factory):
    """What the blocks print, in order, and the names that they leave behind."""
    names, printed = {}, []
    with contextlib.chdir(tmp_path_factory.mktemp("readme")):
        for code, _ in BLOCKS:
            needs = [package for word, package in NEEDS.items() if word in code]
            if not all(map(importlib.util.find_spec, needs)):
                printed.append("")
                continue
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(code, str(README), "exec"), names)
            printed.append(out.getvalue())
    return names, printed


def test_no_block_is_overlooked():
    assert len(BLOCKS) == README.read_text(encoding="utf-8").count("```python")
    assert sum(bool(shown) for _, shown in BLOCKS) == 2


def test_the_code_prints_what_is_shown(ran):
    """The forest differs a little between versions of scikit-learn; words do not."""
    for (_, shown), printed in zip(BLOCKS, ran[1], strict=True):
        if shown:
            np.testing.assert_allclose(numbers(printed), numbers(shown), atol=0.03)
            assert re.findall("[a-z]+", printed) == re.findall("[a-z]+", shown)


def test_sampled_and_computed_are_what_the_text_says_they_are(ran):
    names, _ = ran
    assert names["certificate"].method == "montecarlo"
    for computed in (names[name] for name in ("computed", "of_tree") if name in names):
        assert computed.method == "exact"
        assert not computed.n_draws.any()
    assert names["computed"].radii.max() > 5 * 0.25  # no number of draws that one waits for
