"""Every block of the README runs alone and prints what is shown; every link leads somewhere."""

import contextlib
import importlib.util
import io
import pathlib
import re
import tomllib

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]

BLOCKS = re.findall(r"```python\n(.*?)```\n+```\n(.*?)```", README, flags=re.DOTALL)
LINKS = re.findall(r"\]\((.*?)\)", README)

# pages of other people
ELSEWHERE = (
    "https://arxiv.org/",
    "https://github.com/locuslab/",
    "https://github.com/Trusted-AI/",
)


def numbers(text):
    return [float(number) for number in re.findall(r"\d+\.?\d*", text)]


def test_no_block_is_overlooked():
    assert len(BLOCKS) == README.count("```python")


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_the_code_prints_what_is_shown(number):
    """The forest differs a little between versions of scikit-learn; words do not."""
    code, shown = BLOCKS[number]
    if "torch" in code and importlib.util.find_spec("skorch") is None:
        pytest.skip("needs torch and skorch")
    names = {}
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "README.md", "exec"), names)
    np.testing.assert_allclose(numbers(out.getvalue()), numbers(shown), atol=0.03)
    assert re.findall("[a-z]+", out.getvalue()) == re.findall("[a-z]+", shown)
    if "n=1000" in code and "certificate" in names:
        certificate = names["certificate"]
        assert certificate.method == "montecarlo"
        alone = names["clf"].estimator.fit(names["X_train"], names["y_train"])
        (said,) = re.findall(r"The forest\s+alone has accuracy ([\d.]+)", README)
        assert abs(alone.score(names["X_test"], names["y_test"]) - float(said)) < 0.03


@pytest.mark.parametrize("link", LINKS)
def test_links_are_absolute_and_lead_to_a_page(link):
    """A package index resolves no relative ones."""
    site, repository = URLS["Documentation"] + "/en/latest/", URLS["Repository"]
    raw = repository.replace("github.com", "raw.githubusercontent.com")
    if link.startswith(site):
        page = ROOT / "docs" / link.removeprefix(site).partition("#")[0]
        assert page.with_suffix(".rst").exists()
    elif link.startswith((repository, raw)):
        path = link.removeprefix(repository).removeprefix(raw)
        assert (ROOT / re.sub("^/(blob/)?main/", "", path)).is_file()
    else:
        assert link.startswith(ELSEWHERE)


def test_the_forms_of_the_repository_use_the_same_addresses():
    folder = ROOT / ".github"
    if not folder.exists():
        pytest.skip("a source distribution has no .github")
    known = tuple(URLS.values())
    for path in [*folder.rglob("*.yml"), ROOT / "CONTRIBUTING.md"]:
        for url in re.findall(r"https://[\w.]*sksmooth[\w./-]*", path.read_text(encoding="utf-8")):
            assert url.startswith(known), (path.name, url)
