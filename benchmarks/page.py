"""One experiment's results as a Markdown page."""

import dataclasses
import importlib.metadata
from collections.abc import Iterable, Sequence
from typing import Any

from .environment import describe

__all__ = ["Page", "table", "verdict"]

_LIBRARIES = ("sksmooth", "numpy", "scipy", "scikit-learn")


@dataclasses.dataclass
class Page:
    """A title, blocks of Markdown, and the figures in full for whoever wants to compute with them.

    Parameters
    ----------
    title : str
        First line.
    blocks : list of str
        Paragraphs, tables and headings, in order.
    figures : dict
        Goes into a JSON file; nothing is written if empty.
    libraries : tuple of str
        Distributions whose versions matter beside the usual ones.
    """

    title: str
    blocks: list[str]
    figures: dict[str, Any] = dataclasses.field(default_factory=dict)
    libraries: tuple[str, ...] = ()

    def to_markdown(self, command: str) -> str:
        """Return the page, headed by what made it; without a date, so that reruns compare."""
        about = describe(command)
        versions = [f"Python {about['python']}"]
        for name in (*_LIBRARIES, *self.libraries):
            versions.append(f"{name} {importlib.metadata.version(name)}")
        head = f"`{about['command']}`; {about['cpu']}, 1 thread; {', '.join(versions)}."
        return "\n\n".join([f"# {self.title}", head, *self.blocks]) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table; cells are written as they are."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def verdict(reached: bool) -> str:
    """Return whether a target is met, in one word."""
    return "reached" if reached else "**missed**"
