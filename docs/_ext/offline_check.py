"""Fail the build if a page loads anything from elsewhere, or links to a page that is not there."""

import re
from pathlib import Path
from urllib.parse import unquote

from sphinx.errors import ExtensionError

LOADED = re.compile(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"([^\"]+)\"")
STYLES = re.compile(r"<link\b[^>]*\brel=\"(?:stylesheet|preload|icon)\"[^>]*\bhref=\"([^\"]+)\"")
LINKS = re.compile(r"<a\b[^>]*\bhref=\"([^\"#?]+)(?:#[^\"]*)?\"")


def faults(page):
    """What is wrong with the addresses on a page, in words."""
    html = page.read_text(encoding="utf-8")
    for url in [*LOADED.findall(html), *STYLES.findall(html)]:
        if re.match(r"(https?:)?//", url):
            yield f"loads {url}"
    for url in LINKS.findall(html):
        if not re.match(r"[a-z]+:|//|/", url) and not (page.parent / unquote(url)).exists():
            yield f"links to {url}"


def check(app, error):
    if error is not None or app.builder.name != "html":
        return
    root = Path(app.outdir)
    found = {
        f"{page.relative_to(root)} {fault}"
        for page in root.rglob("*.html")
        for fault in faults(page)
    }
    if found:
        raise ExtensionError("\n".join(sorted(found)[:40]))


def setup(app):
    app.connect("build-finished", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
