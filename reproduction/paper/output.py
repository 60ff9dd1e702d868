"""What an entry gives back, and how it is written: picture, page and numbers."""

import dataclasses
import json
import pathlib
from typing import Any

from benchmarks.page import Page, table

__all__ = ["Options", "Result", "new_figure", "save", "write", "write_summary"]

_LARGEST = 90_000  # bytes of a picture


@dataclasses.dataclass(frozen=True)
class Options:
    """What the command line says.

    Parameters
    ----------
    quick : bool
        Whether to do less work.
    output : pathlib.Path
        Folder of results.
    data : str
        Images to train on or to show.
    folder, nets, logs : pathlib.Path or None
        Where images, checkpoints and logs lie, other than in the folder SKSMOOTH_DATA.
    """

    quick: bool
    output: pathlib.Path
    data: str = "mnist"
    folder: pathlib.Path | None = None
    nets: pathlib.Path | None = None
    logs: pathlib.Path | None = None


@dataclasses.dataclass
class Result:
    """A picture, the page around it, and its numbers.

    Parameters
    ----------
    title : str
        First line of the page.
    blocks : list of str
        Markdown, in order.
    numbers : dict
        All that was computed, for JSON.
    close : str
        How it compares with the paper, in a line.
    figure : matplotlib Figure or None
        What is drawn.
    libraries : tuple of str
        Distributions whose versions matter beside the usual ones.
    """

    title: str
    blocks: list[str]
    numbers: dict[str, Any]
    close: str
    figure: Any = None
    libraries: tuple[str, ...] = ("matplotlib",)


def new_figure(columns: int = 1, rows: int = 1, size: tuple[float, float] = (4, 3), **options: Any):
    """Return a figure without a screen, and its axes as a flat list."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shape = (size[0] * columns, size[1] * rows)
    figure, axes = plt.subplots(
        rows, columns, figsize=shape, layout="constrained", squeeze=False, **options
    )
    return figure, list(axes.ravel())


def save(figure: Any, path: pathlib.Path) -> None:
    """Write a picture, the same bytes for the same figure; of noise, in few colours."""
    import matplotlib.pyplot as plt

    figure.savefig(path, dpi=80, metadata={"Software": None})
    plt.close(figure)
    if path.stat().st_size > _LARGEST:
        from PIL import Image  # a dependency of matplotlib

        Image.open(path).convert("RGB").quantize(48).save(path, optimize=True)


def write(
    options: Options,
    name: str,
    shows: str,
    result: Result,
    command: str,
    seconds: tuple[float, float],
) -> None:
    """Write picture, page and numbers of an entry."""
    blocks = [f"Compared with the paper: {result.close}", *result.blocks]
    if result.figure is not None:
        save(result.figure, options.output / f"{name}.png")
        blocks.insert(1, f"![{result.title}]({name}.png)")
    page = Page(result.title, blocks, result.numbers, result.libraries)
    (options.output / f"{name}.md").write_text(page.to_markdown(command))
    content = {
        "name": name,
        "shows": shows,
        "command": command,
        "close": result.close,
        "seconds": {"clock": round(seconds[0], 1), "processor": round(seconds[1], 1)},
        "numbers": result.numbers,
    }
    (options.output / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n")


def write_summary(options: Options) -> None:
    """Write a table of all results that lie in the folder, made now or before."""
    found = [json.loads(path.read_text()) for path in options.output.glob("*.json")]
    found.sort(key=lambda entry: (entry["name"].rstrip("0123456789"), _number(entry["name"])))
    rows = [
        [
            f"[{e['name']}]({e['name']}.md)",
            e["shows"],
            e["close"],
            f"{e['seconds']['processor']:.0f}",
            f"`{e['command']}`",
        ]
        for e in found
    ]
    total = sum(e["seconds"]["processor"] for e in found)
    text = [
        "# The paper, table by table",
        "Written by `python -m reproduction.paper`. Nets are trained and certified once and "
        "shared by the entries of one run; the first one bears their time.",
        table(["", "shows", "compared with the paper", "processor s", "command"], rows),
        f"Together {total:.0f} seconds of one core.",
    ]
    (options.output / "README.md").write_text("\n\n".join(text) + "\n")


def _number(name: str) -> int:
    digits = "".join(c for c in name if c.isdigit())
    return int(digits or 0)
