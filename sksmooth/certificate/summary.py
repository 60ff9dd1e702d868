"""A certificate in words: for a terminal, for a notebook, and for the report."""

import html
import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ..noise import L2AndChanges
from .certificate import Certificate
from .plan import ENUMERATED

__all__ = [
    "as_html",
    "as_text",
    "guarantee",
    "how_it_was_made",
    "percent",
    "quantiles",
    "rounded_down",
]

_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
_MOST_CLASSES = 10


def as_text(certificate: Certificate) -> str:
    """Return what is certified, how it was found and what it guarantees, as text."""
    facts = [*_results(certificate), *how_it_was_made(certificate)]
    wide = max(len(name) for name, _ in facts) + 2
    lines = [f"{name:<{wide}}{text}" for name, text in facts]
    return "\n".join([f"Certificate of {len(certificate)} rows", *lines, guarantee(certificate)])


def as_html(certificate: Certificate) -> str:
    """Return the same as a table and a paragraph of HTML."""
    facts = [*_results(certificate), *how_it_was_made(certificate)]
    rows = "".join(
        f'<tr><th style="text-align:left">{html.escape(name)}</th>'
        f'<td style="text-align:left">{html.escape(text)}</td></tr>'
        for name, text in facts
    )
    return (
        f"<div><table><caption>Certificate of {len(certificate)} rows</caption>"
        f"<tbody>{rows}</tbody></table><p>{html.escape(guarantee(certificate))}</p></div>"
    )


def guarantee(certificate: Certificate) -> str:
    """Return what the certificate promises of a row, in a few sentences."""
    norm = certificate.noise.norm
    if norm.kind == "l0":
        region = "for every row that differs from it in at most `radius` features"
    else:
        named = "L-infinity" if norm.kind == "linf" else norm.kind.upper()
        what = " has" if norm.scale is None else f", divided by {norm.unit} feature by feature, has"
        region = f"for every change of the row that{what} an {named} length below its radius"
    if isinstance(norm, L2AndChanges):
        region += (
            f", beside up to k changes in {len(norm.changing)} other columns with their own, "
            "smaller radius: radii_with(changes=k)"
        )
    if not certificate.noise.sound:
        return (
            "No guarantee: noise was added in floating point, which lets the base recognise the "
            "row. Certify with arithmetic='integer' for one."
        )
    if certificate.alpha == 0:
        chance = "This is computed, not sampled: it holds for certain"
    else:
        chance = (
            f"For each row this is true with a probability of at least "
            f"{percent(1 - certificate.alpha)} over the noise"
        )
    still = f" {certificate.noise.proviso}" if certificate.noise.proviso else ""
    may = len(norm.changing) if isinstance(norm, L2AndChanges) else 0
    if norm.scale is not None and norm.scale.count(0.0) > may:
        still += " Features without noise must stay as they are."
    return (
        f"On a certified row the smoothed classifier gives this label {region}. {chance}; it "
        f"speaks of the smoothed classifier, not of the base, and not of whether the label is "
        f"right.{still}"
    )


def how_it_was_made(certificate: Certificate) -> list[tuple[str, str]]:
    """Return the settings, without the seed."""
    c, run = certificate, certificate.run
    if run.form == ENUMERATED:
        how = "computed from all outcomes of the noise, no draws"
    elif run.method == "exact":
        how = f"computed from the closed form {run.form!r}, no draws"
    else:
        how = f"sampled, n={run.n}, n0={run.n0}, alpha={run.alpha:g}, {run.bound} bound"
        how += "" if run.tol is None else f", tol={run.tol:g}"
        how += "" if run.shortcut is None else f", shortcut {run.shortcut}"
    facts = [("method", how)]
    if run.asked_radii is not None:
        asked = ", ".join(f"{radius:g}" for radius in run.asked_radii)
        beside = f" beside {run.asked_changes} changes" if run.asked_changes else ""
        facts.append(("decided", f"only the radii {asked}{beside}: no others were looked for"))
    return [*facts, ("noise", f"{c.noise.kind}, {c.noise.label}"), ("norm", c.norm)]


def _results(certificate: Certificate) -> list[tuple[str, str]]:
    """Return how many rows are certified, with which labels, radii and probabilities."""
    c = certificate
    certified = ~c.abstained
    facts = [
        ("certified", _part(certified)),
        ("abstained", _part(c.abstained)),
    ]
    if certified.any():
        reach = "" if np.isinf(c.max_radius) else f" ({c.max_radius:.4g} if all votes agree)"
        facts.append(("radius", quantiles(c.radii[certified]) + reach))
        facts += _by_changes(c)
    if len(c):
        facts.append(("p_lower", quantiles(c.p_lower)))
    counts = [(label, int((c.selected == label)[certified].sum())) for label in c.classes.tolist()]
    shown = sorted(counts, key=lambda pair: -pair[1])[:_MOST_CLASSES]
    rest = f", and {len(counts) - len(shown)} more" if len(shown) < len(counts) else ""
    facts.append(("labels", ", ".join(f"{label}: {n}" for label, n in shown) + rest))
    return facts


def _by_changes(c: Certificate) -> list[tuple[str, str]]:
    """Return how many rows are certified beside each number of changed columns."""
    if not isinstance(c.noise.norm, L2AndChanges):
        return []
    facts = []
    for k in range(1, int(c.max_changes.max()) + 1):
        radii = c.radii_with(changes=k)
        proved = ~np.isnan(radii)
        facts.append((f"{k} changed", f"{_part(proved)}: radius {quantiles(radii[proved])}"))
    return facts or [("1 changed", _part(np.zeros(len(c), dtype=bool)))]


def quantiles(values: NDArray[np.float64]) -> str:
    """Return minimum, quartiles and maximum, as text."""
    found: Iterable[float] = np.quantile(values, _QUANTILES, method="lower").tolist()
    low, first, median, third, high = map(rounded_down, found)
    return f"median {median}, quartiles {first} and {third}, from {low} to {high}"


def rounded_down(value: float) -> str:
    """Return a number of 0 or more with four digits, and never as more than it is."""
    text = f"{value:.4g}"
    if float(text) > value:
        text = f"{float(text) - 10.0 ** (math.floor(math.log10(value)) - 3):.4g}"
    return text


def percent(share: float) -> str:
    """Return a share in percent, never rounded up to all."""
    text = f"{100 * share:.10g}" if share > 0.99 else f"{100 * share:.3g}"
    return f"{text} %"


def _part(rows: NDArray[np.bool_]) -> str:
    share = f" ({percent(rows.mean())})" if len(rows) else ""
    return f"{int(rows.sum())} of {len(rows)} rows{share}"
