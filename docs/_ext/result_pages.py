"""Measured results as pages of the site, and links to them wherever a page names their file."""

import re
import shutil
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.transforms import SphinxTransform

DOCS = Path(__file__).parents[1]
FOLDERS = [DOCS.parent / part / "results" for part in ("benchmarks", "reproduction")]
PAGES = DOCS / "results"  # made by the build, not kept
SOURCES = {path.stem: path for folder in FOLDERS for path in sorted(folder.glob("*.md"))}


def make_pages(app):
    """Copy the results into the site, with what they link to taken off, and pictures beside."""
    shutil.rmtree(PAGES, ignore_errors=True)
    PAGES.mkdir()
    for name, path in SOURCES.items():
        text = path.read_text(encoding="utf-8")
        for picture in re.findall(r"!\[.*?\]\((.+?)\)", text):
            if (path.parent / picture).exists():
                shutil.copy(path.parent / picture, PAGES / Path(picture).name)
        text = re.sub(r"(!\[.*?\]\()(?:.*/)?(.+?\))", r"\1\2", text)
        text = re.sub(r"(?<!!)\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", text)
        (PAGES / f"{name}.md").write_text(text, encoding="utf-8")
    lines = [
        "Measured results",
        "================",
        "",
        "Files that the programs in ``benchmarks`` and ``reproduction`` write, as they are. Each",
        "begins with the command that made it. The paper's tables and figures: :doc:`/paper`.",
        "",
        ".. toctree::",
        "   :maxdepth: 1",
        "",
        *(f"   {name}" for name in sorted(SOURCES)),
        "",
    ]
    (PAGES / "index.rst").write_text("\n".join(lines), encoding="utf-8")


class ResultLinks(SphinxTransform):
    """``speed.md``, with or without its folder, leads to its page."""

    default_priority = 500

    def apply(self, **kwargs):
        for literal in list(self.document.findall(nodes.literal)):
            found = re.fullmatch(r"(?:\w+/results/)?(\w+)\.md", literal.astext())
            if found and found[1] in SOURCES and not isinstance(literal.parent, nodes.reference):
                target = pending_xref(
                    "",
                    refdomain="std",
                    reftype="doc",
                    reftarget=f"/results/{found[1]}",
                    refexplicit=True,
                    refwarn=True,
                    refdoc=self.env.docname,
                )
                literal.replace_self(target)
                target += literal


def setup(app):
    app.connect("builder-inited", make_pages, priority=400)
    app.add_transform(ResultLinks)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
