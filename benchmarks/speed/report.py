"""The measurements as a Markdown page."""

from typing import Any

__all__ = ["to_markdown"]

_COLUMNS = {
    "certify": "certify",
    "loop 1000": "paper's loop, batch 1000",
    "loop 400": "paper's loop, batch 400",
    "art": "ART",
}
_EXPLANATION = """\
The limit is the base alone on batches that are noisy already, at its best batch size; the other
columns draw the noise too, and are fractions of the limit: medians over rounds that take limit,
certify, loops and ART in turn, of processor time (certify also of wall time). The paper's loop is
the pseudocode of arXiv:1902.02918 written plainly: a row at a time, votes counted one by one, noise
from the framework's own generator. ART is the Adversarial Robustness Toolbox, with at most 10,000
draws a row, all of which it holds in memory. A dash: does not run. At the most: what is left of the
limit, for nets, if nothing is done but making the noise, which is measured alone, and asking the
base."""


def to_markdown(results: dict[str, Any]) -> str:
    """Return the page; `results` is what goes into the JSON file."""
    about = results["about"]
    lines = [
        "# Speed",
        "",
        f"`{about['command']}`, {about['date']}; {about['cpu']}, {about['threads']} thread; "
        f"allocator: {about['allocator']}.",
        "",
        f"Python {about['python']}, "
        + ", ".join(f"{name} {version}" for name, version in about["versions"].items())
        + ".",
        "",
        _EXPLANATION,
        "",
        *_table(results["cases"]),
        "",
    ]
    for note in results["notes"]:
        lines += [f"* {note}"]
    return "\n".join(lines) + "\n"


def _table(cases: list[dict[str, Any]]) -> list[str]:
    head = ["base", "limit, draws/s (batch)", "certify, draws/s", "certify (wall)"]
    head += [*_COLUMNS.values(), "at the most", "target"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for case in cases:
        fractions = case["fractions_cpu"]
        cells = [
            case["title"],
            f"{_short(case['rates_cpu']['limit'])} ({case['limit_batch_size']})",
            _short(case["rates_cpu"]["certify"]),
            _fraction(case["fractions_wall"]["certify"]),
            *(_fraction(fractions.get(name)) for name in _COLUMNS),
            _fraction(_ceiling(fractions.get("noise"))),
            _verdict(fractions["certify"], case["target"]),
        ]
        cells[4] = f"**{cells[4]}**"
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _ceiling(noise: float | None) -> float | None:
    """Return the fraction of the limit that is left where noise is made at `noise` limits."""
    return None if noise is None else 1 / (1 + 1 / noise)


def _short(rate: float) -> str:
    return f"{float(f'{rate:.3g}'):,.0f}"


def _fraction(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _verdict(reached: float, target: float | None) -> str:
    if target is None:
        return "none"
    return f"{target:.2f}, {'reached' if reached >= target else 'missed'}"
