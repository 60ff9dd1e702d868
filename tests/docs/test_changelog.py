"""News fragments have a name that the changelog can be made from, and hold bullets."""

import pathlib
import re
import tomllib

ROOT = pathlib.Path(__file__).parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["towncrier"]
KINDS = "|".join(SETTINGS["fragment"])
FOLDER = ROOT / SETTINGS["directory"]


def faults(name, content):
    """What is wrong with a fragment, in words."""
    if not re.fullmatch(rf"(\+[\w-]+|\d+)\.({KINDS})(\.\d+)?\.md", name):
        yield f"changelog.d/{name}: expected +NAME.KIND.md with KIND one of {KINDS}"
    if not content.startswith("- ") or re.search(r"^(?!- |  |$)", content, re.MULTILINE):
        yield f"changelog.d/{name}: expected bullets, each '- ...', continued with two spaces"


def test_fragments():
    fragments = [path for path in FOLDER.iterdir() if path.name not in SETTINGS["ignore"]]
    found = [f for path in fragments for f in faults(path.name, path.read_text(encoding="utf-8"))]
    assert not found, "\n".join(found)


def test_faults_are_found():
    assert not list(faults("+a-name.added.md", "- One\n  and more.\n\n- Two.\n"))
    assert not list(faults("12.fixed.1.md", "- One.\n"))
    assert len(list(faults("a-name.added.md", "- One.\n"))) == 1
    assert len(list(faults("+a-name.news.md", "Text without a bullet.\n"))) == 2


def test_the_changelog_has_the_place_for_them():
    changelog = (ROOT / SETTINGS["filename"]).read_text(encoding="utf-8")
    assert changelog.count(SETTINGS["start_string"]) == 1
